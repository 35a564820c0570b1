// groups.js - tasks that wait in groups, of all queues.
import { at, get, post } from "./api.js";
import { h } from "./dom.js";
import { count } from "./format.js";
import { button, moment, Table, turns } from "./parts.js";
import { link, path } from "./route.js";

const GROUPS = 200, // of a queue
    QUEUES = 50, // whose groups are listed at a time
    PAGES = 5; // of queues, which are looked at for them

/** @param {import("./app.js").Context} context */
export default function groups({ may }) {
    const pages = turns(() => view.again());
    const table = new Table(
        "Groups",
        [
            {
                title: "Group",
                show: (g) =>
                    link(
                        "/tasks",
                        { queue: g.queue, state: "aggregating", group: g.group },
                        g.group,
                    ),
            },
            { title: "Queue", show: (g) => link(path("queues", g.queue), null, g.queue) },
            { title: "Tasks", number: true, show: (g) => count(g.size) },
            { title: "Oldest", show: (g) => moment(g.oldest_at_ms) },
            { title: "Latest", show: (g) => moment(g.newest_at_ms) },
            {
                title: "",
                show: (g) =>
                    may("operate", g.queue) &&
                    button("Run each by itself", async () => {
                        await post("acts", {
                            act: "run",
                            state: "aggregating",
                            queue: g.queue,
                            group: g.group,
                        });
                        return "They are being run: see Jobs";
                    }),
            },
        ],
        (g) => `${g.queue}\n${g.group}`,
    );
    /** The next queues that have groups, and where one goes on from. @param {string} age */
    async function find(age) {
        const found = [];
        let cursor = pages.cursor();
        for (let i = 0; i < PAGES && found.length < QUEUES; i++) {
            const page = await get("queues", { cursor, age });
            found.push(...page.items.filter((/** @type {any} */ q) => q.groups > 0));
            cursor = page.next_cursor;
            if (!cursor) break;
        }
        if (found.length > QUEUES) cursor = found[QUEUES - 1].queue;
        return { queues: found.slice(0, QUEUES), cursor };
    }
    /** @type {any} */
    const view = {
        node: h("section", {}, h("h1", {}, "Groups"), table.node, pages.node),
        every: 15000,
        refresh: async (/** @type {string} */ age) => {
            const { queues, cursor } = await find(age);
            const lists = await Promise.all(
                queues.map(async (/** @type {any} */ q) =>
                    (await get(at`queues/${q.queue}/groups`, { limit: GROUPS })).items.map(
                        (/** @type {any} */ g) => ({ ...g, queue: q.queue }),
                    ),
                ),
            );
            table.show(lists.flat());
            pages.show(
                cursor,
                queues.some((/** @type {any} */ q) => q.groups > GROUPS) &&
                    `Of each queue the first ${GROUPS}. `,
                cursor && `Of the queues up to ${cursor}. `,
            );
        },
    };
    return view;
}
