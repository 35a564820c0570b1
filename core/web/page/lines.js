// lines.js - what changes with time, as lines: axes, a reading where the pointer or a key points,
// and a table behind them.
import { fill, h, say } from "./dom.js";
import { behind, ceiling, figure, fit, grid, NOTHING, s, WIDTH } from "./plot.js";

const HEIGHT = 150,
    FOOT = 18,
    LEFT = 52,
    ROOM = 84, // of a time below the plot
    DAY_ROOM = 124, // with its day
    MANY_MS = 36 * 3600000; // what lasts longer has days

/** @typedef {{at: number, values: (number|null)[]}} Row null: there was nothing */

/** In the viewer's zone. @param {number} ms @param {boolean} fine with seconds */
const clock = (ms, fine) =>
    new Date(ms).toLocaleTimeString(undefined, {
        hour: "2-digit",
        minute: "2-digit",
        second: fine ? "2-digit" : undefined,
    });
/** @param {number} ms */
const day = (ms) =>
    new Date(ms).toLocaleDateString(undefined, { weekday: "short", day: "numeric" });

export class Lines {
    /**
     * @param {string} title
     * @param {[string, string][]} kinds name and class
     * @param {(n: number) => string} show
     */
    constructor(title, kinds, show) {
        this.title = title;
        this.kinds = kinds;
        this.format = show;
        /** @type {Row[]} */
        this.rows = [];
        this.at = -1;
        this.plot = s("svg", {
            class: "plot",
            role: "slider",
            tabindex: 0,
            "aria-label": `${title}: a point in time`,
        });
        this.mark = s("line", { y1: 0, y2: HEIGHT - FOOT, class: "mark" });
        this.plot.addEventListener("pointermove", (event) => this.point(event));
        this.plot.addEventListener("pointerleave", () => this.read(-1));
        this.plot.addEventListener("keydown", (event) => this.key(event));
        this.reading = h("p", { class: "rates" });
        this.table = h("div");
        this.node = figure(title, kinds, this.plot, this.reading, this.table);
        this.width = WIDTH;
        fit(this.plot, HEIGHT, (width) => {
            this.width = width;
            this.draw();
        });
    }

    /** @param {number} i */
    x(i) {
        return LEFT + (i * (this.width - LEFT - 4)) / Math.max(1, this.rows.length - 1);
    }

    /**
     * A time within a day, else the day with it; with seconds, if a step of rows is less than a
     * minute: two of them would be called the same.
     * @param {number} ms
     * @param {number} [step] of rows between two labels
     */
    label(ms, step = 1) {
        const first = this.rows[0]?.at ?? ms,
            last = this.rows[this.rows.length - 1]?.at ?? ms,
            apart = (step * (last - first)) / Math.max(1, this.rows.length - 1),
            text = clock(ms, apart < 60000);
        return last - first > MANY_MS ? `${day(ms)} ${text}` : text;
    }

    /**
     * The points of a line, in pieces: it has a gap where there was nothing. One that is alone is
     * as long as it takes to be seen.
     * @param {number} k @param {(n: number) => number} y
     */
    runs(k, y) {
        const runs = /** @type {string[][]} */ ([]);
        this.rows.forEach((row, i) => {
            const n = row.values[k],
                before = i > 0 && this.rows[i - 1].values[k] !== null,
                after = i + 1 < this.rows.length && this.rows[i + 1].values[k] !== null;
            if (n === null) return;
            if (!before) runs.push([]);
            if (!before && !after) runs[runs.length - 1].push(`${this.x(i) - 2},${y(n)}`);
            runs[runs.length - 1].push(`${this.x(i)},${y(n)}`);
        });
        return runs;
    }

    draw() {
        const rows = this.rows,
            first = rows[0]?.at ?? 0,
            last = rows[rows.length - 1]?.at ?? 0,
            room = last - first > MANY_MS ? DAY_ROOM : ROOM;
        const top = ceiling(Math.max(0, ...rows.flatMap((row) => row.values.map((n) => n ?? 0))));
        const y = (/** @type {number} */ n) => (HEIGHT - FOOT) * (1 - n / top) + 1;
        const parts = grid(top, this.format, y, LEFT, this.width);
        const step = Math.max(1, Math.ceil((rows.length * room) / (this.width - LEFT)));
        rows.forEach((row, i) => {
            if (i % step || this.x(i) > this.width - room + 10) return;
            const text = s("text", { x: this.x(i), y: HEIGHT - 4, class: "axis" });
            text.textContent = this.label(row.at, step);
            parts.push(text);
        });
        this.kinds.forEach(([, style], k) => {
            for (const points of this.runs(k, y))
                parts.push(s("polyline", { class: `line ${style}`, points: points.join(" ") }));
        });
        this.plot.replaceChildren(...parts, this.mark);
        this.plot.setAttribute("aria-valuemin", "0");
        this.plot.setAttribute("aria-valuemax", String(Math.max(0, rows.length - 1)));
        this.read(Math.min(this.at, rows.length - 1));
    }

    /** @param {Row[]} rows */
    show(rows) {
        this.rows = rows;
        this.draw();
        if (!this.table.querySelector("details[open]"))
            fill(
                this.table,
                behind(
                    this.title,
                    rows.map((row) => this.label(row.at)),
                    this.kinds.map(([name, style], k) => ({
                        name,
                        class: style,
                        values: rows.map((row) => row.values[k]),
                    })),
                    this.format,
                ),
            );
    }

    /** What was at a point; -1: at the latest. @param {number} at */
    read(at) {
        const last = this.rows.length - 1,
            i = at < 0 ? last : at,
            row = this.rows[i];
        this.at = at;
        this.mark.setAttribute("visibility", at < 0 ? "hidden" : "visible");
        this.mark.setAttribute("x1", String(this.x(i)));
        this.mark.setAttribute("x2", String(this.x(i)));
        const text = row
            ? `${this.label(row.at)}: ` +
              this.kinds
                  .map(([name], k) => {
                      const n = row.values[k];
                      return `${n === null ? NOTHING : this.format(n)} ${name}`;
                  })
                  .join(", ")
            : "Nothing is known yet.";
        say(this.reading, text);
        this.plot.setAttribute("aria-valuenow", String(Math.max(0, i)));
        this.plot.setAttribute("aria-valuetext", text);
    }

    /** @param {Event} event */
    point(event) {
        const box = this.plot.getBoundingClientRect(),
            pointer = /** @type {PointerEvent} */ (event),
            x = ((pointer.clientX - box.left) / box.width) * this.width,
            share = (x - LEFT) / (this.width - LEFT - 4),
            last = this.rows.length - 1;
        this.read(Math.max(0, Math.min(last, Math.round(share * last))));
    }

    /** @param {Event} event */
    key(event) {
        const last = this.rows.length - 1,
            now = this.at < 0 ? last : this.at,
            to = {
                ArrowLeft: now - 1,
                ArrowRight: now + 1,
                PageUp: now - 10,
                PageDown: now + 10,
                Home: 0,
                End: last,
            }[/** @type {KeyboardEvent} */ (event).key];
        if (to === undefined) return;
        event.preventDefault();
        this.read(Math.max(0, Math.min(last, to)));
    }
}
