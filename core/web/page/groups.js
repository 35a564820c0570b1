// groups.js - tasks that wait in groups, of all queues.
import { at, get, post } from "./api.js";
import { h } from "./dom.js";
import { count } from "./format.js";
import { button, moment, Table } from "./parts.js";
import { link, path } from "./route.js";

const QUEUES = 50; // whose groups are listed

/** @param {import("./app.js").Context} context */
export default function groups({ may }) {
    const foot = h("p", { class: "foot" });
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
    return {
        node: h("section", {}, h("h1", {}, "Groups"), table.node, foot),
        refresh: async () => {
            const queues = (await get("queues")).items.filter(
                (/** @type {any} */ q) => q.groups > 0,
            );
            const lists = await Promise.all(
                queues.slice(0, QUEUES).map(async (/** @type {any} */ q) =>
                    (await get(at`queues/${q.queue}/groups`)).items.map((/** @type {any} */ g) => ({
                        ...g,
                        queue: q.queue,
                    })),
                ),
            );
            table.show(lists.flat());
            foot.textContent =
                queues.length > QUEUES
                    ? `Of ${QUEUES} queues; ${queues.length - QUEUES} more have groups.`
                    : "";
        },
    };
}
