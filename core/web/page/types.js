// types.js - how long tasks of each type wait and run, and how many fail.
import { at, get, post } from "./api.js";
import { h } from "./dom.js";
import { count, duration, failedOf } from "./format.js";
import { ask, button, choices, moment, Table } from "./parts.js";
import { link, path } from "./route.js";

/** Lets workers leave a type alone. @param {string} type @param {() => Promise<void>} again */
export const pauseType = (type, again) =>
    button("Pause", async () => {
        if (
            !(await ask(
                `Pause ${type}?`,
                "No task of it starts, in any queue; those that run go on.",
                "Pause it",
            ))
        )
            return undefined;
        await post(at`types/${type}/pause`);
        await again();
        return `${type} is paused`;
    });

/** @param {string} type @param {() => Promise<void>} again */
export const unpauseType = (type, again) =>
    button("Unpause", async () => {
        await post(at`types/${type}/unpause`);
        await again();
    });

/** When its hours open it; nothing where they do not close it. @param {any} p */
export const closedUntil = (p) =>
    p.closed ? (p.closed_until_ms ? moment(p.closed_until_ms) : "not known") : null;

/** What pauses a type: the type itself, or a beginning and `*`. @param {any[]} paused
 * @param {string} type */
export const pausedBy = (paused, type) =>
    paused.find((p) =>
        p.type.endsWith("*") ? type.startsWith(p.type.slice(0, -1)) : p.type === type,
    );

/** @param {import("./app.js").Context} context */
export default function types({ everywhere, query }) {
    const again = async () => view.again();
    /** @type {any[]} */
    let paused = [];
    const pauses = new Table(
        "Paused types",
        [
            { title: "Type", class: "id", show: (p) => p.type },
            { title: "Paused", show: (p) => moment(p.paused_at_ms) },
            { title: "Closed until", show: closedUntil },
            { title: "Waiting", number: true, show: (p) => count(p.waiting) },
            {
                title: "",
                show: (p) =>
                    p.paused_at_ms && everywhere("operate") && unpauseType(p.type, again),
            },
        ],
        (p) => p.type,
    );
    const pausedPart = h("div", { hidden: true }, h("h2", {}, "Paused or closed"), pauses.node);
    const hours = ["1", "24", "168"].includes(query.hours) ? query.hours : "1";
    const table = new Table(
        "Types",
        [
            {
                title: "Type",
                show: (t) => link(path("types", t.type), { queue: t.queue }, t.type),
            },
            { title: "Queue", show: (t) => link(path("queues", t.queue), null, t.queue) },
            { title: "Done", number: true, show: (t) => count(t.done) },
            {
                title: "Failed",
                number: true,
                show: failedOf,
            },
            ...["wait", "run"].flatMap((what) =>
                ["p50", "p90", "p99", "max"].map((part, i) => ({
                    title: i
                        ? part.replace("p", "") + (part === "max" ? "" : " %")
                        : `${what} 50 %`,
                    number: true,
                    show: (/** @type {any} */ t) => duration(t[`${what}_${part}_ms`]),
                })),
            ),
            {
                title: "",
                show: (t) =>
                    pausedBy(paused, t.type)
                        ? "paused"
                        : everywhere("operate") && pauseType(t.type, again),
            },
        ],
        (t) => `${t.queue}\n${t.type}`,
    );
    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, "Types"),
            choices(
                "/types",
                {},
                "hours",
                [
                    ["1", "last hour"],
                    ["24", "last day"],
                    ["168", "last week"],
                ],
                hours,
            ),
            pausedPart,
            table.node,
        ),
        refresh: async () => {
            const [{ items: seen }, its] = await Promise.all([
                get("stats", { hours }),
                everywhere("see") ? get("types/paused") : { items: [] },
            ]);
            paused = its.items.filter((/** @type {any} */ p) => p.paused_at_ms);
            pauses.show(its.items);
            pausedPart.hidden = its.items.length === 0;
            table.show(
                seen.sort(
                    (/** @type {any} */ a, /** @type {any} */ b) =>
                        b.done + b.failed - a.done - a.failed,
                ),
            );
        },
    };
    return view;
}
