// type.js - one type of task: what became of it with time, in one queue or in all.
import { get } from "./api.js";
import { h, refill } from "./dom.js";
import { count, duration } from "./format.js";
import { facts, moment } from "./parts.js";
import { link, path } from "./route.js";
import { series } from "./series.js";
import { closedUntil, pausedBy, pauseType, unpauseType } from "./types.js";

const RANGE = 24; // hours, of the sums
const PARTS = ["p50", "p90", "p99", "max"];

/** @param {any} t @param {"wait"|"run"} what */
const times = (t, what) => PARTS.map((part) => duration(t[`${what}_${part}_ms`])).join(", ");

/** @param {import("./app.js").Context} context */
export default function type({ words, query, everywhere }) {
    const name = words[1],
        queue = query.queue,
        plots = series(queue, name),
        acts = h("p", { class: "acts" }),
        sums = h("div");
    const again = async () => view.again();
    /** What one can do about it, and what pauses or closes it. @param {any[]} shut */
    function showPause(shut) {
        const its = pausedBy(
                shut.filter((s) => s.paused_at_ms),
                name,
            ),
            closer = pausedBy(
                shut.filter((s) => s.closed),
                name,
            );
        refill(
            acts,
            its && [
                "Paused ",
                its.type !== name && `as ${its.type} `,
                moment(its.paused_at_ms),
                " ",
            ],
            closer && [
                "Closed ",
                closer.type !== name && `as ${closer.type} `,
                "until ",
                closedUntil(closer),
                " ",
            ],
            everywhere("operate") &&
                (its ? unpauseType(its.type, again) : pauseType(name, again)),
        );
    }
    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, h("span", { class: "unseen" }, "Type "), name),
            h(
                "p",
                { class: "states" },
                queue ? `In ${queue}. ` : "In all queues. ",
                queue && [
                    everywhere("see") && link(path("types", name), null, "In all queues"),
                    " ",
                ],
                link("/tasks", { type: name, queue }, "Its tasks"),
                " ",
                link("/failures", { type: name, queue }, "Its failures"),
            ),
            acts,
            plots.node,
            h("h2", {}, "In the last day"),
            sums,
        ),
        refresh: async () => {
            const [seen, paused] = await Promise.all([
                get("stats", { queue, hours: RANGE }),
                everywhere("see") ? get("types/paused") : { items: [] },
                plots.refresh(),
            ]);
            showPause(paused.items);
            const own = seen.items.filter((/** @type {any} */ t) => t.type === name);
            refill(
                sums,
                own.length === 0 && h("p", { class: "empty" }, "Nothing of it has run."),
                own.map((/** @type {any} */ t) => [
                    h("h3", {}, t.queue),
                    facts([
                        ["Done", count(t.done)],
                        ["Failed", count(t.failed)],
                        ["Waited (median, 90 %, 99 %, longest)", times(t, "wait")],
                        ["Ran (median, 90 %, 99 %, longest)", times(t, "run")],
                    ]),
                ]),
            );
        },
    };
    return view;
}
