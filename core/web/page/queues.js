// queues.js - all queues, each with what one does to it most.
import { at, get, post } from "./api.js";
import { h } from "./dom.js";
import { count, duration } from "./format.js";
import { button, Table } from "./parts.js";
import { link, path } from "./route.js";

/** @param {any} view */
export function pause(view, /** @type {any} */ queue) {
    return button(queue.paused ? "Unpause" : "Pause", async () => {
        await post(at`queues/${queue.queue}/` + (queue.paused ? "unpause" : "pause"));
        await view.again();
    });
}

/** @param {import("./app.js").Context} context */
export default function queues({ may }) {
    const states = [
        "pending",
        "scheduled",
        "active",
        "retry",
        "aggregating",
        "completed",
        "archived",
    ];
    const table = new Table(
        "Queues",
        [
            { title: "Queue", show: (q) => link(path("queues", q.queue), null, q.queue) },
            {
                title: "Oldest",
                number: true,
                show: (q) => (q.latency_ms ? duration(q.latency_ms) : ""),
            },
            ...states.map((state) => ({
                title: state,
                number: true,
                show: (/** @type {any} */ q) =>
                    q[state] ? link("/tasks", { queue: q.queue, state }, count(q[state])) : "0",
            })),
            {
                title: "Failed today",
                number: true,
                show: (q) => `${count(q.failed)} of ${count(q.processed)}`,
            },
            {
                title: "",
                show: (q) => [
                    q.unserved ? h("span", { class: "badge bad" }, "nobody serves it") : null,
                    q.paused ? h("span", { class: "badge warn" }, "paused") : null,
                    may("operate") ? pause(view, q) : null,
                ],
            },
        ],
        (q) => q.queue,
    );
    /** @type {any} */
    const view = {
        node: h("section", {}, h("h1", {}, "Queues"), table.node),
        refresh: async () => table.show((await get("queues")).items),
    };
    return view;
}
