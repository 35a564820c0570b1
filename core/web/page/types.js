// types.js - how long tasks of each type wait and run, and how many fail.
import { get } from "./api.js";
import { h } from "./dom.js";
import { count, duration, failedOf } from "./format.js";
import { choices, Table } from "./parts.js";
import { link, path } from "./route.js";

/** @param {import("./app.js").Context} context */
export default function types({ query }) {
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
        ],
        (t) => `${t.queue}\n${t.type}`,
    );
    return {
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
            table.node,
        ),
        refresh: async () => {
            const seen = (await get("stats", { hours })).items;
            table.show(
                seen.sort(
                    (/** @type {any} */ a, /** @type {any} */ b) =>
                        b.done + b.failed - a.done - a.failed,
                ),
            );
        },
    };
}
