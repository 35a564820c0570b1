// search.js - tasks with a text in them, as far as one has looked.
import { get } from "./api.js";
import { fill, h, say } from "./dom.js";
import { count, many } from "./format.js";
import { badge, button, moment, Table } from "./parts.js";
import { link, path } from "./route.js";

const SHOWN = 500; // found, before one asks for more
const NAMES = /** @type {Record<string, string>} */ ({ last_error: "error" });

/**
 * The look goes on question by question until it is stopped, all is looked at, or much is found.
 * @param {Record<string, string>} what text, and queue, state, type
 * @param {AbortSignal} signal
 */
export function search(what, signal) {
    const foot = h("p", { class: "foot", "aria-live": "polite" }),
        acts = h("p", { class: "acts" });
    const keyOf = (/** @type {any} */ { task: t }) => JSON.stringify([t.queue, t.id]);
    /** @type {Map<string, any>} */
    const found = new Map();
    let cursor = "",
        scanned = 0,
        stopped = false,
        begun = false;
    const table = new Table(
        "Tasks with this text",
        [
            {
                title: "Type",
                show: ({ task: t }) =>
                    link(path("queues", t.queue, "tasks", t.id), null, t.type || "(unreadable)"),
            },
            { title: "Found in", show: (one) => NAMES[one.found_in] ?? one.found_in },
            { title: "State", show: ({ task: t }) => badge(t.state) },
            {
                title: "Queue",
                show: ({ task: t }) => link(path("queues", t.queue), null, t.queue),
            },
            { title: "Id", class: "id", show: ({ task: t }) => t.id },
            { title: "Enqueued", show: ({ task: t }) => moment(t.enqueued_at_ms) },
        ],
        keyOf,
    );

    // Rows are only added: a task that moved on while one looked is met again, and is there.
    /** @param {any[]} items */
    function add(items) {
        const fresh = items.filter((one) => !found.has(keyOf(one)));
        for (const one of fresh) found.set(keyOf(one), one);
        table.add(fresh);
    }

    let looking = Promise.resolve();
    // One look after the other: they add to the same list.
    const look = () => {
        looking = looking.catch(() => undefined).then(goOn);
        return looking;
    };

    async function goOn() {
        const most = found.size + SHOWN;
        stopped = false;
        fill(
            acts,
            button("Stop looking", async () => {
                stopped = true;
            }),
        );
        do {
            const page = await get("search", { ...what, cursor }, signal);
            add(page.items);
            scanned += page.scanned;
            cursor = page.next_cursor ?? "";
            say(foot, `${count(found.size)} found; ${many(scanned, "task")} looked at so far`);
        } while (cursor && !stopped && found.size < most && !signal.aborted);
        fill(acts, cursor && button("Look further", look));
        if (!cursor) say(foot, `${count(found.size)} found in ${many(scanned, "task")}.`);
    }
    return {
        found: () => [...found.values()].map((one) => one.task),
        again: async () => {
            stopped = true;
            await looking.catch(() => undefined);
            found.clear();
            fill(table.body);
            cursor = "";
            scanned = 0;
            await look();
        },
        node: h("div", {}, acts, table.node, foot),
        refresh: async () => {
            if (begun) return;
            begun = true;
            await look();
        },
    };
}
