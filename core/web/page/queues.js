// queues.js - all queues, each with what one does to it most.
import { at, get, post } from "./api.js";
import { h, refill } from "./dom.js";
import { count, duration } from "./format.js";
import { button, STATES, Table } from "./parts.js";
import { go, link, path } from "./route.js";

const PAGE = 100;

/** @param {any} view */
export function pause(view, /** @type {any} */ queue) {
    return button(queue.paused ? "Unpause" : "Pause", async () => {
        await post(at`queues/${queue.queue}/` + (queue.paused ? "unpause" : "pause"));
        await view.again();
    });
}

/** @param {import("./app.js").Context} context */
export default function queues({ may, query }) {
    const table = new Table(
        "Queues",
        [
            { title: "Queue", show: (q) => link(path("queues", q.queue), null, q.queue) },
            {
                title: "Oldest",
                number: true,
                show: (q) => (q.latency_ms ? duration(q.latency_ms) : ""),
            },
            ...STATES.map((state) => ({
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
                    may("operate", q.queue) ? pause(view, q) : null,
                ],
            },
        ],
        (q) => q.queue,
    );
    const name = /** @type {HTMLInputElement} */ (
        h("input", {
            type: "search",
            "aria-label": "Name",
            placeholder: "how its name begins",
            value: query.name ?? "",
        })
    );
    const foot = h("p", { class: "foot" });
    // Where the pages begin that lead to this one: what is before a page only its reader knows.
    /** @type {string[]} */
    const cursors = [];
    /** @param {string} label @param {() => void} turn */
    const turn = (label, turn) =>
        button(label, async () => {
            turn();
            await view.again();
        });
    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, "Queues"),
            h(
                "form",
                {
                    role: "search",
                    onsubmit: (/** @type {Event} */ event) => {
                        event.preventDefault();
                        const text = name.value.trim();
                        // Who looks for a queue knows how it begins.
                        go("/queues", { name: text && !text.endsWith("*") ? `${text}*` : text });
                    },
                },
                name,
                h("button", { type: "submit" }, "Search"),
            ),
            table.node,
            foot,
        ),
        every: 15000,
        refresh: async (/** @type {string} */ age) => {
            const page = await get("queues", {
                name: query.name ?? "",
                cursor: cursors[cursors.length - 1] ?? "",
                limit: PAGE,
                age,
            });
            table.show(page.items);
            refill(
                foot,
                cursors.length > 0 && turn("Back", () => cursors.pop()),
                page.next_cursor && turn("More", () => cursors.push(page.next_cursor)),
            );
        },
    };
    return view;
}
