// tasks.js - finding tasks by one box, and doing something to those that are found.
import { at, follow, get, post, remove } from "./api.js";
import { chooseQueue } from "./choose.js";
import { ChosenTable } from "./columns.js";
import { h, refill, say } from "./dom.js";
import { bytes, duration, headline, many } from "./format.js";
import { ask, badge, button, choices, moment, note, STATES } from "./parts.js";
import { go, link, path } from "./route.js";
import { search } from "./search.js";

const WORDS = [
    ...["queue", "state", "type", "error", "fingerprint", "id", "group", "older", "younger"],
    "text",
];

/**
 * "state:retry type:mail* timed out" as a filter: words without a name are a text in a task.
 * @param {string} text
 */
export function parse(text) {
    /** @type {Record<string, string>} */
    const filter = {};
    const rest = [];
    for (const word of text.match(/(?:[^\s"]+|"[^"]*")+/g) ?? []) {
        const [, name, value] = word.match(/^(\w+):(.+)$/) ?? [];
        if (name && WORDS.includes(name)) filter[name] = value.replaceAll('"', "");
        else rest.push(word.replaceAll('"', ""));
    }
    if (rest.length) filter.text = rest.join(" ");
    return filter;
}

/** @param {Record<string, string>} filter */
export function unparse(filter) {
    return WORDS.filter((name) => filter[name])
        .map((name) => `${name}:${/\s/.test(filter[name]) ? `"${filter[name]}"` : filter[name]}`)
        .join(" ");
}

const ACTS = [
    { act: "run", title: "Run now", right: "operate" },
    { act: "archive", title: "Archive", right: "operate" },
    { act: "cancel", title: "Cancel", right: "operate" },
    { act: "delete", title: "Delete", right: "admin" },
];

/** Why it failed. @param {any} end */
const reason = (end) => end.reason.message;

/** @param {import("./app.js").Context} context */
export default function tasks({ query, may, everywhere, signal }) {
    const filter = Object.fromEntries(
        WORDS.filter((name) => query[name]).map((name) => [name, query[name]]),
    );
    const box = /** @type {HTMLInputElement} */ (
        h("input", {
            type: "search",
            value: unparse(filter),
            "aria-label": "Search tasks",
            list: "words",
            placeholder: "state:retry type:mail* queue:default older:1h, or a text in tasks",
        })
    );
    const elsewhere =
        filter.text && !filter.queue && !everywhere("see")
            ? chooseQueue("A text is searched for", "/tasks", filter)
            : null;
    const searching = filter.text && !elsewhere ? search(filter, signal) : null;
    /** @type {Map<string, any>} */
    const chosen = new Map();
    const keyOf = (/** @type {any} */ t) => JSON.stringify([t.queue, t.id]);
    const foot = h("p", { class: "foot", "aria-live": "polite" }),
        acts = h("p", { class: "acts" });
    /** @type {string[]} */
    const cursors = [""];
    /** @type {string|undefined} */
    let next;
    /** @type {any[]} */
    let items = [];
    // On all that match: of who may act in some queues only, the server leaves out the others.
    const mine = ACTS.filter((a) => may(a.right, filter.queue));
    /** @type {import("./columns.js").Chosen} */
    const choice = {
        title: "",
        fixed: true,
        unseen: "Chosen",
        class: "check",
        show: (t) => {
            const key = keyOf(t);
            if (!ACTS.some((a) => may(a.right, t.queue))) return "";
            return h("input", {
                type: "checkbox",
                "aria-label": `Choose ${t.id}`,
                ...(chosen.has(key) ? { checked: true } : {}),
                onchange: (/** @type {Event} */ e) => {
                    if (/** @type {HTMLInputElement} */ (e.target).checked) chosen.set(key, t);
                    else chosen.delete(key);
                    drawActs();
                },
            });
        },
    };
    const table = new ChosenTable(
        "Tasks",
        [
            ...(mine.length ? [choice] : []),
            {
                title: "Type",
                fixed: true,
                show: (t) =>
                    link(path("queues", t.queue, "tasks", t.id), null, t.type || "(unreadable)"),
            },
            { title: "State", show: (t) => badge(t.state) },
            { title: "Queue", show: (t) => link(path("queues", t.queue), null, t.queue) },
            { title: "Id", class: "id", show: (t) => t.id },
            {
                title: "When",
                show: (t) =>
                    moment(
                        t.next_run_at_ms ??
                            t.started_at_ms ??
                            t.archived_at_ms ??
                            t.completed_at_ms ??
                            t.enqueued_at_ms,
                    ),
            },
            {
                title: "Tries",
                number: true,
                show: (t) => (t.retried ? `${t.retried} of ${t.max_retry}` : ""),
            },
            { title: "Payload", number: true, show: (t) => bytes(t.payload_size) },
            { title: "Error", class: "error", show: (t) => headline(t.last_error ?? "") },
            { title: "Enqueued", more: true, show: (t) => moment(t.enqueued_at_ms) },
            { title: "Failed", more: true, show: (t) => moment(t.last_failed_at_ms) },
            { title: "Priority", more: true, number: true, show: (t) => t.priority ?? "" },
            { title: "Tenant", more: true, show: (t) => t.tenant ?? "" },
            { title: "Waits for", more: true, show: (t) => t.waits_for ?? "" },
            { title: "Group", more: true, show: (t) => t.group ?? "" },
            {
                title: "Schedule",
                more: true,
                show: (t) => t.schedule && link(path("schedules", t.schedule), null, t.schedule),
            },
            { title: "Worker", more: true, class: "id", show: (t) => t.worker ?? "" },
            {
                title: "Progress",
                more: true,
                show: (t) =>
                    [
                        t.progress_done,
                        t.progress_total ? ` of ${t.progress_total}` : "",
                        t.progress_text ? `, ${t.progress_text}` : "",
                    ].join(""),
            },
            {
                title: "Crashes",
                more: true,
                number: true,
                show: (t) => (t.crashes ? t.crashes : ""),
            },
            { title: "Timeout", more: true, number: true, show: (t) => duration(t.timeout_ms) },
            { title: "Deadline", more: true, show: (t) => moment(t.deadline_ms) },
            { title: "Expires", more: true, show: (t) => moment(t.expires_at_ms) },
        ],
        keyOf,
        "gofer-columns",
    );

    async function look() {
        const page = await get("tasks", {
            ...filter,
            cursor: cursors[cursors.length - 1],
            limit: 50,
        });
        items = page.items;
        next = page.next_cursor;
        table.show(items);
        drawActs();
        const looked =
            page.looked > items.length
                ? `, of ${page.looked.toLocaleString()} that were looked at`
                : "";
        refill(
            foot,
            `${items.length} on this page${looked}. `,
            cursors.length > 1 &&
                button("Back", async () => {
                    cursors.pop();
                    await view.again();
                }),
            next &&
                button(items.length ? "Next" : "Look further", async () => {
                    cursors.push(/** @type {string} */ (next));
                    await view.again();
                }),
        );
    }

    /** @param {string} act @param {any} task */
    function one(act, { queue, id }) {
        return act === "delete"
            ? remove(at`queues/${queue}/tasks/${id}`)
            : post(at`queues/${queue}/tasks/${id}/` + act);
    }

    /** @param {{act: string, title: string}} what */
    async function onChosen({ act, title }) {
        const keys = [...chosen.keys()];
        if (
            act === "delete" &&
            !(await ask(
                `Delete ${many(keys.length, "task")}?`,
                "They are gone then.",
                "Delete them",
            ))
        )
            return undefined;
        const ends = await Promise.allSettled(keys.map((key) => one(act, chosen.get(key))));
        const failed = ends.filter((end) => end.status === "rejected");
        ends.forEach((end, i) => end.status === "fulfilled" && chosen.delete(keys[i]));
        await view.again();
        if (failed.length) note(`${failed.length} of ${keys.length}: ${reason(failed[0])}`, true);
        return failed.length < keys.length
            ? `${title}: ${many(keys.length - failed.length, "task")}`
            : undefined;
    }

    /** @param {{act: string, title: string}} what */
    async function onAll({ act, title }) {
        const counted = await follow(
            (await post("acts", { ...filter, act: "count" })).job,
            (job) => say(foot, `Counting: ${job.done.toLocaleString()}`),
            signal,
        );
        const n = counted.done;
        const samples = (searching ? searching.found() : items)
            .slice(0, 3)
            .map((t) => h("li", {}, `${t.type} ${t.id}`));
        const text = h(
            "div",
            {},
            h(
                "p",
                {},
                `${n.toLocaleString()} tasks match ${unparse(filter) || "everything"}, such as`,
            ),
            h("ul", {}, samples),
        );
        if (
            !(await ask(`${title}: all that match?`, text, title, n > 1000 ? String(n) : undefined))
        )
            return undefined;
        const job = await follow(
            (await post("acts", { ...filter, act })).job,
            (j) => say(foot, `${title}: ${j.done.toLocaleString()} of ${n.toLocaleString()}`),
            signal,
        );
        await (searching ? searching.again() : view.again());
        return job.state === "done"
            ? `${title}: ${many(job.done, "task")}`
            : `${title} was ${job.state}: ${job.error ?? ""}`;
    }

    function drawActs() {
        refill(
            acts,
            chosen.size
                ? [
                      `${chosen.size} chosen: `,
                      ACTS.filter((a) =>
                          [...chosen.values()].every((t) => may(a.right, t.queue)),
                      ).map((a) =>
                          button(a.title, () => onChosen(a), {
                              class: a.act === "delete" ? "danger" : null,
                          }),
                      ),
                  ]
                : mine.length > 0 && [
                      "All that match: ",
                      mine.map((a) =>
                          button(a.title, () => onAll(a), {
                              class: a.act === "delete" ? "danger" : null,
                          }),
                      ),
                  ],
        );
    }

    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, "Tasks"),
            h(
                "form",
                {
                    role: "search",
                    onsubmit: (/** @type {Event} */ e) => {
                        e.preventDefault();
                        go("/tasks", parse(box.value));
                    },
                },
                box,
                h(
                    "datalist",
                    { id: "words" },
                    STATES.map((state) => h("option", { value: `state:${state}` })),
                ),
                h("button", { type: "submit" }, "Search"),
            ),
            choices(
                "/tasks",
                filter,
                "state",
                [["", "all"], ...STATES.map((state) => [state, state])],
                filter.state ?? "",
            ),
            elsewhere?.node ?? [acts, searching?.node ?? table.node, foot],
        ),
        refresh: elsewhere?.refresh ?? searching?.refresh ?? look,
    };
    if (searching) drawActs();
    return view;
}
