// flows.js - plans of steps that run after one another: which there are, and how far they are.
import { get, items } from "./api.js";
import { h } from "./dom.js";
import { count } from "./format.js";
import { badge, choices, elsewhere, moment, Table, turns } from "./parts.js";
import { link, path } from "./route.js";

const STATES = ["running", "paused", "done", "failed", "cancelled", "expired"];

/** How many of its steps have ended. @param {any} f */
export const progress = (f) => [
    h("progress", { max: f.total, value: f.ended, "aria-label": "Steps that have ended" }),
    ` ${count(f.ended)} of ${count(f.total)}`,
];

/** @param {import("./app.js").Context} context */
export default function flows(context) {
    const { everywhere, query } = context;
    if (!everywhere("see"))
        return {
            node: h("section", {}, h("h1", {}, "Flows"), elsewhere("They are", context)),
        };
    const table = new Table(
        "Flows",
        [
            { title: "Flow", class: "id", show: (f) => [link(path("flows", f.id), null, f.id)] },
            { title: "State", show: (f) => badge(f.state) },
            { title: "Steps", show: progress },
            { title: "Failed", number: true, show: (f) => (f.failed ? count(f.failed) : "") },
            { title: "Started", show: (f) => moment(f.created_at_ms) },
            { title: "Ended", show: (f) => moment(f.ended_at_ms) },
        ],
        (f) => f.id,
    );
    const state = query.state ?? "";
    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, "Flows"),
            choices(
                "/flows",
                {},
                "state",
                [["", "all"], ...STATES.map((word) => [word, word])],
                state,
            ),
            table.node,
        ),
        refresh: async () => {
            const page = await get("flows", { state, cursor: foot.cursor() });
            table.show(items(page));
            foot.show(page.next_cursor);
        },
    };
    const foot = turns(() => view.again());
    view.node.append(foot.node);
    return view;
}
