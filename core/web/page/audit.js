// audit.js - who did what, newest first.
import { get } from "./api.js";
import { h, refill } from "./dom.js";
import { count } from "./format.js";
import { badge, button, elsewhere, moment, Table } from "./parts.js";
import { go, link, path } from "./route.js";

/** What it was about, as a link where there is something to see. @param {any} r */
function target(r) {
    if (!r.target) return r.queue ? link(path("queues", r.queue), null, r.queue) : "";
    if (r.act.startsWith("task.") && r.queue)
        return link(path("queues", r.queue, "tasks", r.target), null, r.target);
    if (r.act.startsWith("schedule.")) return link(path("schedules", r.target), null, r.target);
    return [r.queue ? `${r.queue}: ` : "", r.target];
}

/** @param {import("./app.js").Context} context */
export default function audit(context) {
    if (!context.everywhere("admin"))
        return {
            node: h("section", {}, h("h1", {}, "Audit"), elsewhere("It is", context)),
        };
    const { query } = context;
    const filter = { actor: query.actor ?? "", act: query.act ?? "" },
        cursors = [""],
        foot = h("p", { class: "foot" });
    const field = (/** @type {"actor"|"act"} */ name, /** @type {string} */ hint) =>
        h("input", { type: "search", "aria-label": name, placeholder: hint, value: filter[name] });
    const actor = /** @type {HTMLInputElement} */ (field("actor", "who, or a beginning and *")),
        act = /** @type {HTMLInputElement} */ (field("act", "what: task.*"));
    const table = new Table(
        "Who did what",
        [
            { title: "When", show: (r) => moment(r.at_ms) },
            { title: "Who", show: (r) => link("/audit", { ...filter, actor: r.actor }, r.actor) },
            { title: "By", show: (r) => [r.via, r.address ? ` from ${r.address}` : ""] },
            { title: "What", show: (r) => link("/audit", { ...filter, act: r.act }, r.act) },
            { title: "To what", class: "id", show: target },
            { title: "Tasks", number: true, show: (r) => count(r.count) },
            { title: "Came of it", show: (r) => [badge(r.outcome), " ", r.message] },
        ],
        (r) => `${r.at_ms} ${r.actor} ${r.act} ${r.queue} ${r.target} ${r.outcome}`,
    );
    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, "Audit"),
            h(
                "form",
                {
                    role: "search",
                    onsubmit: (/** @type {Event} */ event) => {
                        event.preventDefault();
                        go("/audit", { actor: actor.value.trim(), act: act.value.trim() });
                    },
                },
                actor,
                act,
                h("button", { type: "submit" }, "Search"),
            ),
            table.node,
            foot,
        ),
        refresh: async () => {
            const page = await get("audit", { ...filter, cursor: cursors[cursors.length - 1] });
            table.show(page.items);
            refill(
                foot,
                cursors.length > 1 &&
                    button("Back", async () => {
                        cursors.pop();
                        await view.again();
                    }),
                page.next_cursor &&
                    button("Older", async () => {
                        cursors.push(page.next_cursor);
                        await view.again();
                    }),
            );
        },
    };
    return view;
}
