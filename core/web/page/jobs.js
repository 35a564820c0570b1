// jobs.js - acts that may be long, of this server's life.
import { get, remove } from "./api.js";
import { h } from "./dom.js";
import { count } from "./format.js";
import { badge, button, Table } from "./parts.js";

/** @param {import("./app.js").Context} context */
export default function jobs({ me, may, everywhere }) {
    const mine = (/** @type {any} */ j) =>
        everywhere("operate") ||
        (may("operate") && (j.by === me.name || (j.queue && may("operate", j.queue))));
    const table = new Table(
        "Jobs",
        [
            { title: "Job", number: true, show: (j) => j.job },
            { title: "Act", show: (j) => j.act },
            { title: "Queue", show: (j) => j.queue ?? "" },
            { title: "State", show: (j) => badge(j.state) },
            {
                title: "Done",
                number: true,
                show: (j) => count(j.done) + (j.total ? ` of ${count(j.total)}` : ""),
            },
            { title: "Looked at", number: true, show: (j) => count(j.looked) },
            { title: "By", show: (j) => j.by },
            { title: "Error", class: "error", show: (j) => j.error ?? "" },
            {
                title: "",
                show: (j) =>
                    mine(j) && ["waiting", "running"].includes(j.state)
                        ? button("Stop", async () => {
                              await remove(`acts/${j.job}`);
                              await view.again();
                          })
                        : null,
            },
        ],
        (j) => String(j.job),
    );
    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, "Jobs"),
            h("p", {}, "Acts that take long: on many tasks, on large queues, on the store."),
            table.node,
        ),
        refresh: async () => table.show((await get("acts")).items),
    };
    return view;
}
