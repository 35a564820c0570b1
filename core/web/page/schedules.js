// schedules.js - cron entries: when they ran, when they will, and whether they are late.
import { at, get, post, remove } from "./api.js";
import { h } from "./dom.js";
import { ask, button, moment, Table, turns } from "./parts.js";
import { link, path } from "./route.js";

const LISTED = 200;

/** @param {import("./app.js").Context} context */
export default function schedules({ may, everywhere }) {
    const pages = turns(() => view.again());
    const table = new Table(
        "Cron entries",
        [
            { title: "Name", show: (e) => link(path("schedules", e.name), null, e.name) },
            {
                title: "When",
                show: (e) => h("span", {}, h("code", {}, e.spec ?? "?"), e.tz ? ` ${e.tz}` : ""),
            },
            { title: "Type", show: (e) => link("/tasks", { type: e.type }, e.type ?? "") },
            {
                title: "Queue",
                show: (e) => (e.queue ? link(path("queues", e.queue), null, e.queue) : ""),
            },
            {
                title: "Next",
                show: (e) =>
                    e.paused
                        ? h("span", { class: "badge warn" }, "paused")
                        : moment(e.next_run_at_ms),
            },
            {
                title: "Latest",
                show: (e) =>
                    e.last_id
                        ? link(
                              path("queues", e.queue ?? "default", "tasks", e.last_id),
                              null,
                              moment(e.last_enqueued_at_ms),
                          )
                        : "",
            },
            { title: "Came of it", show: (e) => e.last_status ?? "" },
            {
                title: "",
                show: (e) =>
                    e.foreign
                        ? "of a Go scheduler"
                        : [
                              may("operate", e.queue) &&
                                  button("Run now", async () => {
                                      await post(at`schedules/${e.name}/run`);
                                      await view.again();
                                      return `${e.name}: a task is in`;
                                  }),
                              may("operate", e.queue) &&
                                  button(e.paused ? "Unpause" : "Pause", async () => {
                                      await post(
                                          at`schedules/${e.name}/` +
                                              (e.paused ? "unpause" : "pause"),
                                      );
                                      await view.again();
                                  }),
                              may("admin", e.queue) &&
                                  button(
                                      "Remove",
                                      async () => {
                                          if (
                                              !(await ask(
                                                  `Remove ${e.name}?`,
                                                  "Its tasks stay.",
                                                  "Remove it",
                                              ))
                                          )
                                              return undefined;
                                          await remove(at`schedules/${e.name}`);
                                          await view.again();
                                          return `${e.name} is gone`;
                                      },
                                      { class: "danger" },
                                  ),
                          ],
            },
        ],
        (e) => e.name,
    );
    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, "Schedules"),
            everywhere("operate") &&
                h("p", { class: "acts" }, link("/new-schedule", null, "A new entry")),
            table.node,
            pages.node,
        ),
        refresh: async () => {
            const page = await get("schedules", { cursor: pages.cursor(), limit: LISTED });
            table.show(page.items);
            pages.show(page.next_cursor);
        },
    };
    return view;
}
