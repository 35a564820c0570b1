// plot.js - bars and lines as SVG, with a table behind them for who cannot see them.
import { h } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
/** In place of a number that there is not. */
export const NOTHING = "–";

/** @param {string} tag @param {Record<string, unknown>} props @param {...Node} children */
export function s(tag, props, ...children) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(props)) node.setAttribute(name, String(value));
    node.append(...children);
    return node;
}

/** How wide a plot is before it is shown. */
export const WIDTH = 600;

/**
 * A plot is drawn as wide as it is shown, so that its text is as large as other text, on a phone
 * and on a wall. @param {Element} plot @param {number} height
 * @param {(width: number) => void} draw
 */
export function fit(plot, height, draw) {
    let now = 0;
    const size = (/** @type {number} */ width) => {
        if (!width || width === now) return;
        now = width;
        plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
        draw(width);
    };
    plot.setAttribute("height", String(height)); // which does not depend on the width
    size(WIDTH);
    new ResizeObserver(([seen]) => size(Math.round(seen.contentRect.width))).observe(plot);
}

/** A round number at or above n. @param {number} n */
export function ceiling(n) {
    if (n <= 0) return 1;
    const size = 10 ** Math.floor(Math.log10(n));
    return [1, 2, 5, 10].map((m) => m * size).find((m) => m >= n) ?? n;
}

/**
 * Lines across a plot with what they stand for, which of a low plot can be the same for two.
 * @param {number} top @param {(n: number) => string} show
 * @param {(n: number) => number} y @param {number} left @param {number} width
 */
export function grid(top, show, y, left, width) {
    const said = new Set();
    return [0, 1, 0.5].flatMap((part) => {
        const at = y(top * part),
            line = s("line", { x1: left, x2: width, y1: at, y2: at, class: "grid" }),
            text = s("text", { x: left - 6, y: Math.max(10, at + 4), class: "axis end" });
        text.textContent = show(top * part);
        if (said.has(text.textContent)) return [line];
        said.add(text.textContent);
        return [line, text];
    });
}

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {string} class
 * @property {(number|null)[]} values null: there was nothing
 */

/**
 * @param {string} title
 * @param {string[]} labels
 * @param {Series[]} series
 * @param {(n: number) => string} show
 */
export function behind(title, labels, series, show) {
    return h(
        "details",
        { class: "behind" },
        h("summary", {}, "As a table"),
        h(
            "table",
            {},
            h("caption", { class: "unseen" }, title),
            h(
                "thead",
                {},
                h(
                    "tr",
                    {},
                    h("td", {}),
                    series.map((one) => h("th", { scope: "col" }, one.name)),
                ),
            ),
            h(
                "tbody",
                {},
                labels.map((label, i) =>
                    h(
                        "tr",
                        {},
                        h("th", { scope: "row" }, label),
                        series.map((one) =>
                            h(
                                "td",
                                { class: "number" },
                                one.values[i] === null ? NOTHING : show(one.values[i] ?? 0),
                            ),
                        ),
                    ),
                ),
            ),
        ),
    );
}

/**
 * A plot with its title and what its colours are. @param {string} title
 * @param {[string, string][]} kinds name and class @param {...Node} children
 */
export function figure(title, kinds, ...children) {
    return h(
        "figure",
        {},
        h(
            "figcaption",
            {},
            title,
            " ",
            kinds.map(([name, style]) => h("span", { class: `legend ${style}` }, name)),
        ),
        children,
    );
}

const WIDEST = 80; // of a bar: a single day is no wall

/**
 * Stacked bars. @param {string} title @param {string[]} labels @param {Series[]} series
 * @param {(n: number) => string} [show]
 */
function bars(title, labels, series, show = (n) => n.toLocaleString()) {
    const height = 140,
        foot = 18,
        left = 46,
        room = 48; // of a label
    const sums = labels.map((_, i) => series.reduce((sum, one) => sum + (one.values[i] ?? 0), 0));
    const top = ceiling(Math.max(0, ...sums));
    const y = (/** @type {number} */ n) => (height - foot) * (1 - n / top);
    const plot = s("svg", { class: "plot", role: "img", "aria-label": title });
    fit(plot, height, (width) => {
        const step = (width - left) / Math.max(1, labels.length),
            every = Math.ceil(room / step);
        plot.replaceChildren(...grid(top, show, y, left, width));
        labels.forEach((label, i) => {
            const middle = left + (i + 0.5) * step,
                wide = Math.min(step * 0.8, WIDEST);
            let from = 0;
            for (const one of series) {
                const value = one.values[i] ?? 0;
                if (value <= 0) continue;
                const bar = s("rect", {
                    x: middle - wide / 2,
                    width: wide,
                    y: y(from + value),
                    height: Math.max(1, y(from) - y(from + value)),
                    class: one.class,
                });
                const tip = s("title", {});
                tip.textContent = `${label}: ${show(value)} ${one.name}`;
                bar.append(tip);
                plot.append(bar);
                from += value;
            }
            if (i % every === 0) {
                const text = s("text", { x: middle, y: height - 4, class: "axis middle" });
                text.textContent = label;
                plot.append(text);
            }
        });
    });
    return figure(
        title,
        series.map((one) => [one.name, one.class]),
        plot,
        behind(title, labels, series, show),
    );
}

/** How attempts ended, by day. @param {any[]} days the latest first */
export function attempts(days) {
    const past = [...days].reverse();
    return bars(
        "Attempts by day (UTC)",
        past.map((d) => d.date.slice(5)),
        [
            { name: "done", class: "good", values: past.map((d) => d.processed - d.failed) },
            { name: "failed", class: "bad", values: past.map((d) => d.failed) },
        ],
    );
}

/** What happened in each second of the last minutes; values are added as they come. */
export class Flow {
    /** @param {string} title @param {[string, string][]} kinds name and class */
    constructor(title, kinds, seconds = 120) {
        this.title = title;
        this.seconds = seconds;
        this.kinds = kinds;
        this.values = new Map(kinds.map(([name]) => [name, new Array(seconds).fill(0)]));
        this.second = Math.floor(Date.now() / 1000);
        this.rates = h("p", { class: "rates" });
        this.lines = kinds.map(([, style]) =>
            s("polyline", { class: `line ${style}`, points: "" }),
        );
        this.top = s("text", { x: 0, y: 10, class: "axis" });
        this.width = WIDTH;
        const foot = s("line", { x1: 0, y1: 119, y2: 119, class: "grid" });
        const plot = s(
            "svg",
            { class: "plot", role: "img", "aria-label": title },
            foot,
            ...this.lines,
            this.top,
        );
        fit(plot, 120, (width) => {
            this.width = width;
            foot.setAttribute("x2", String(width));
            this.draw();
        });
        this.node = figure(title, kinds, plot, this.rates);
    }

    /** @param {Record<string, number>} counts */
    add(counts) {
        this.pass();
        for (const [name, count] of Object.entries(counts)) {
            const values = this.values.get(name);
            if (values) values[this.seconds - 1] += count;
        }
    }

    /** Time goes on. */
    pass() {
        const now = Math.floor(Date.now() / 1000),
            gone = Math.min(this.seconds, now - this.second);
        this.second = now;
        for (const values of this.values.values()) {
            values.splice(0, gone);
            while (values.length < this.seconds) values.push(0);
        }
    }

    draw() {
        this.pass();
        const all = [...this.values.values()],
            top = ceiling(Math.max(1, ...all.flat()));
        this.top.textContent = `${top}/s`;
        all.forEach((values, k) =>
            this.lines[k].setAttribute(
                "points",
                values
                    .map(
                        (value, i) =>
                            `${(i * this.width) / (this.seconds - 1)},${119 - (value / top) * 105}`,
                    )
                    .join(" "),
            ),
        );
        const last = [...this.values].map(([name, values]) => {
            const sum = values.slice(-11, -1).reduce((a, b) => a + b, 0);
            return `${(sum / 10).toFixed(1)} ${name}/s`;
        });
        this.rates.textContent = `Last ten seconds: ${last.join(", ")}`;
    }
}
