// series.js - plots of what a queue, or all of them, did: the last hour, day, or eight days.
import { get } from "./api.js";
import { fill, h, say } from "./dom.js";
import { duration, time } from "./format.js";
import { Lines } from "./lines.js";
import { go, here, path } from "./route.js";

/** @type {[number, string][]} */
const RANGES = [
    [1, "last hour"],
    [24, "last day"],
    [192, "last eight days"],
];
/** @type {[string, string][]} */
const PERCENTILES = [
    ["half", "new"],
    ["90 %", "warn"],
    ["99 %", "bad"],
];
const FRESH_MS = { fine: 10000, hours: 60000 };

/** @param {number} n */
const rate = (n) => (n < 10 ? n.toFixed(1) : Math.round(n).toLocaleString());
/** @param {number} n */
const whole = (n) => Math.round(n).toLocaleString();

/** Of each plot: what a step has for its lines. @param {boolean} fine */
function plots(fine) {
    const minute = (/** @type {any} */ item, /** @type {string} */ field) =>
        item.ms ? (item[field] * 60000) / item.ms : 0;
    /** @type {[string, string][]} */
    const ends = [
        ["done", "good"],
        ["failed", "bad"],
    ];
    const flow = new Lines("Tasks a minute", fine ? [["arrived", "new"], ...ends] : ends, rate);
    const fields = fine ? ["arrived", "done", "failed"] : ["done", "failed"];
    const made = [
        { plot: flow, of: (/** @type {any} */ i) => fields.map((field) => minute(i, field)) },
    ];
    if (fine) {
        const waiting = new Lines(
            "Waiting and running",
            [
                ["waiting", "new"],
                ["running", "good"],
            ],
            whole,
        );
        const oldest = new Lines("How long the oldest has waited", [["oldest", "warn"]], duration);
        made.push({ plot: waiting, of: (i) => [i.pending, i.active] });
        made.push({ plot: oldest, of: (i) => [i.latency_ms] });
    } else {
        for (const [what, title] of [
            ["wait", "How long tasks waited"],
            ["run", "How long tasks ran"],
        ])
            made.push({
                plot: new Lines(title, PERCENTILES, duration),
                of: (i) => ["p50", "p90", "p99"].map((part) => i[`${what}_${part}_ms`]),
            });
    }
    return made;
}

/**
 * @param {string} [queue] none: all together
 * @param {string} [type] of which there is nothing finer than hours
 */
export function series(queue, type) {
    const ranges = RANGES.filter(([range]) => !type || range > 1),
        first = ranges[0][0],
        asked = Number(here().query.hours),
        hours = ranges.some(([range]) => range === asked) ? asked : first,
        fine = hours === 1,
        made = plots(fine),
        foot = h("p", { class: "foot" });
    let fetched = 0;
    const choices = ranges.map(([range, title]) =>
        h(
            "button",
            {
                type: "button",
                "aria-pressed": String(range === hours),
                onclick: () =>
                    go(path(...here().words), {
                        ...here().query,
                        hours: range === first ? "" : range,
                    }),
            },
            title,
        ),
    );
    const node = h(
        "div",
        {},
        h("p", { class: "ranges" }, choices),
        h(
            "div",
            { class: "plots" },
            made.map((one) => one.plot.node),
        ),
        foot,
    );
    return {
        node,
        refresh: async () => {
            if (Date.now() - fetched < (fine ? FRESH_MS.fine : FRESH_MS.hours)) return;
            fetched = Date.now();
            const seen = await get("series", { hours, queue, type }).catch((error) => {
                fetched = 0;
                throw error;
            });
            for (const { plot, of } of made)
                plot.show(
                    seen.items.map((/** @type {any} */ i) => ({ at: i.at_ms, values: of(i) })),
                );
            if (!fine) say(foot, "By the hour, of what gofer's workers ran.");
            else if (seen.since_ms)
                say(foot, `In steps of ten seconds, watched since ${time(seen.since_ms)}.`);
            else fill(foot, "The server watches from now on: in ten seconds there is a step.");
        },
    };
}
