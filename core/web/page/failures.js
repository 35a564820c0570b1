// failures.js - what fails, by type and kind of error: the latest of each state.
import { get, post } from "./api.js";
import { fill, h } from "./dom.js";
import { count, fingerprint, headline } from "./format.js";
import { button, moment, Table } from "./parts.js";
import { link, path } from "./route.js";

const PAGES = 4; // of 500 tasks: a look at the latest, not at a million

/** @param {import("./app.js").Context} context */
export default function failures({ query, may }) {
    const state = query.state === "archived" ? "archived" : "retry",
        foot = h("p", { class: "foot" });
    const table = new Table(
        "Failures by type and error",
        [
            { title: "Tasks", number: true, show: (g) => count(g.count) },
            {
                title: "Type",
                show: (g) => link("/tasks", { state, type: g.type, queue: g.queue }, g.type),
            },
            { title: "Queue", show: (g) => link(path("queues", g.queue), null, g.queue) },
            { title: "Error", class: "error", show: (g) => g.sample },
            { title: "Latest", show: (g) => moment(g.last) },
            {
                title: "One of them",
                class: "id",
                show: (g) => link(path("queues", g.queue, "tasks", g.id), null, g.id),
            },
            {
                title: "",
                show: (g) =>
                    may("operate")
                        ? button("Run them", async () => {
                              await post("acts", {
                                  act: "run",
                                  state,
                                  type: g.type,
                                  queue: g.queue,
                                  ...(g.common ? { error: g.common } : {}),
                              });
                              return "They are being run: see Jobs";
                          })
                        : null,
            },
        ],
        (g) => g.key,
    );

    async function look() {
        /** @type {Map<string, any>} */
        const groups = new Map();
        let cursor = "",
            looked = 0;
        for (let page = 0; page < PAGES; page++) {
            const seen = await get("tasks", { state, cursor, limit: 500 });
            for (const task of seen.items) {
                const kind = fingerprint(task.last_error ?? ""),
                    key = `${task.queue}\n${task.type}\n${kind}`;
                const group = groups.get(key) ?? {
                    key,
                    queue: task.queue,
                    type: task.type,
                    count: 0,
                    last: 0,
                    sample: headline(task.last_error ?? ""),
                    id: task.id,
                    common: "",
                };
                group.count++;
                if ((task.last_failed_at_ms ?? 0) >= group.last)
                    Object.assign(group, {
                        last: task.last_failed_at_ms ?? 0,
                        id: task.id,
                        sample: headline(task.last_error ?? ""),
                    });
                // What all of a kind have in common can be searched for.
                group.common = kind.split(/…|'…'/)[0].trim();
                groups.set(key, group);
                looked++;
            }
            cursor = seen.next_cursor ?? "";
            if (!cursor) break;
        }
        table.show([...groups.values()].sort((a, b) => b.count - a.count || b.last - a.last));
        fill(
            foot,
            cursor
                ? `Of the first ${looked.toLocaleString()} tasks; there are more.`
                : `Of ${looked.toLocaleString()} tasks.`,
        );
    }
    return {
        node: h(
            "section",
            {},
            h("h1", {}, "Failures"),
            h(
                "p",
                { class: "states" },
                ...[
                    ["retry", "to be retried"],
                    ["archived", "failed for good"],
                ].map(([value, title]) => {
                    const node = link("/failures", { state: value }, title);
                    if (value === state) node.setAttribute("aria-current", "true");
                    return [node, " "];
                }),
            ),
            table.node,
            foot,
        ),
        refresh: look,
    };
}
