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
/** @type {[string, string][]} */
const ENDS = [
    ["done", "good"],
    ["failed", "bad"],
];
const RAN = "of what gofer's workers ran";
const FRESH_MS = { fine: 10000, hours: 60000 };

/** @param {number} n */
const rate = (n) => (n < 10 ? n.toFixed(1) : Math.round(n).toLocaleString());
/** @param {number} n */
const whole = (n) => n.toLocaleString(undefined, { maximumFractionDigits: 1 });

/** What a step has for the lines of a plot.
 * @typedef {{plot: Lines, of: (item: any) => (number|null)[]}} Drawn
 */

/** @param {[string, string][]} kinds fields and their classes @returns {Drawn[]} */
function flow(kinds) {
    const minute = (/** @type {any} */ item, /** @type {string} */ field) =>
        item.ms ? (item[field] * 60000) / item.ms : 0;
    return [
        {
            plot: new Lines("Tasks a minute", kinds, rate),
            of: (i) => kinds.map(([field]) => minute(i, field)),
        },
    ];
}

/** @returns {Drawn[]} */
function waiting() {
    const there = new Lines(
        "Waiting and running",
        [
            ["waiting", "new"],
            ["running", "good"],
        ],
        whole,
    );
    const oldest = new Lines("How long the oldest has waited", [["oldest", "warn"]], duration);
    return [
        { plot: there, of: (i) => [i.pending, i.active] },
        { plot: oldest, of: (i) => [i.latency_ms] },
    ];
}

/** Nothing is drawn where nothing ran. @returns {Drawn[]} */
function times() {
    return [
        ["wait", "How long tasks waited"],
        ["run", "How long tasks ran"],
    ].map(([what, title]) => ({
        plot: new Lines(title, PERCENTILES, duration),
        of: (i) =>
            ["p50", "p90", "p99"].map((part) =>
                i.done + i.failed ? i[`${what}_${part}_ms`] : null,
            ),
    }));
}

/**
 * What is asked for, and the plots of it. Of the last hour, what came and went is watched in steps
 * of ten seconds, of queues alone; what ran the store keeps by the minute, of types too.
 * @param {number} hours @param {boolean} typed
 * @returns {{query: Record<string, number>, made: Drawn[]}[]}
 */
function sources(hours, typed) {
    if (hours > 1) return [{ query: { hours }, made: [...flow(ENDS), ...times()] }];
    if (typed) return [{ query: { minutes: 60 }, made: [...flow(ENDS), ...times()] }];
    return [
        { query: { hours }, made: [...flow([["arrived", "new"], ...ENDS]), ...waiting()] },
        { query: { minutes: 60 }, made: times() },
    ];
}

/**
 * @param {string} [queue] none: all together
 * @param {string} [type] none: all together
 */
export function series(queue, type) {
    const first = RANGES[0][0],
        asked = Number(here().query.hours),
        hours = RANGES.some(([range]) => range === asked) ? asked : first,
        fine = hours === 1,
        parts = sources(hours, !!type),
        foot = h("p", { class: "foot" });
    let fetched = 0;
    const choices = RANGES.map(([range, title]) =>
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
            parts.flatMap((part) => part.made.map((one) => one.plot.node)),
        ),
        foot,
    );
    return {
        node,
        refresh: async () => {
            if (Date.now() - fetched < (fine ? FRESH_MS.fine : FRESH_MS.hours)) return;
            fetched = Date.now();
            const seen = await Promise.all(
                parts.map((part) => get("series", { ...part.query, queue, type })),
            ).catch((error) => {
                fetched = 0;
                throw error;
            });
            parts.forEach(({ made }, k) => {
                for (const { plot, of } of made)
                    plot.show(
                        seen[k].items.map((/** @type {any} */ i) => ({
                            at: i.at_ms,
                            values: of(i),
                        })),
                    );
            });
            if (!fine) say(foot, `By the hour, ${RAN}.`);
            else if (type) say(foot, `By the minute, ${RAN}.`);
            else if (seen[0].since_ms)
                say(
                    foot,
                    `In steps of ten seconds, watched since ${time(seen[0].since_ms)}; ` +
                        `how long tasks waited and ran by the minute, ${RAN}.`,
                );
            else fill(foot, "The server watches from now on: in ten seconds there is a step.");
        },
    };
}
