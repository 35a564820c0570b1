// task.js - one task: what it is, what happened to it, and what can be done.
import { at, base, get, items, patch, post, remove } from "./api.js";
import { fill, h, refill } from "./dom.js";
import { bytes, duration, time } from "./format.js";
import { ask, badge, button, copy, facts, moment, payload, Table } from "./parts.js";
import { link, path } from "./route.js";

const HEAVY = 1 << 20, // characters of a task
    SELDOM_MS = 15000;
const WAITS = ["pending", "scheduled", "retry", "aggregating", "archived"];

/** @param {string} word */
const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

/** @param {any} task @param {import("./app.js").Context} context @param {any} view */
function buttons(task, { may, leave }, view) {
    const where = at`queues/${task.queue}/tasks/${task.id}`;
    const act = (/** @type {string} */ name, /** @type {string} */ said) => async () => {
        await post(`${where}/${name}`);
        await view.changed();
        return said;
    };
    const state = task.state,
        made = [];
    if (may("operate", task.queue)) {
        if (["scheduled", "retry", "archived", "aggregating"].includes(state))
            made.push(button("Run now", act("run", "It is pending")));
        if (["pending", "scheduled", "retry"].includes(state))
            made.push(button("Archive", act("archive", "It is set aside")));
        if (!["completed", "archived"].includes(state))
            made.push(button("Cancel", act("cancel", "It is asked to stop")));
        if (WAITS.includes(state))
            made.push(
                button("Reschedule", async () => {
                    const input = /** @type {HTMLInputElement} */ (
                        h("input", { "aria-label": "When", placeholder: "1h30m", required: true })
                    );
                    const text = h(
                        "label",
                        {},
                        "From now (1h30m), or a time (2026-12-24T18:00:00Z): ",
                        input,
                    );
                    if (!(await ask("Run it at another time", text, "Reschedule")))
                        return undefined;
                    const when = input.value.trim();
                    await post(
                        `${where}/reschedule`,
                        /^\d+(\.\d+)?[a-z]/.test(when) ? { in: when } : { at: when },
                    );
                    await view.changed();
                    return "It has another time";
                }),
            );
    }
    // Bytes that are not read here are of this task alone.
    const read = !task.encrypted || task.decrypted;
    if (may("enqueue", task.queue) && may("payload", task.queue) && read)
        made.push(button("Enqueue again", () => clone(task, leave)));
    if (may("admin", task.queue)) {
        if (WAITS.includes(state) && typeof task.payload === "string" && read)
            made.push(button("Edit the payload", () => edit(task, where, view)));
        if (state !== "active")
            made.push(
                button(
                    "Delete",
                    async () => {
                        if (
                            !(await ask(
                                "Delete this task?",
                                `${task.type} ${task.id}`,
                                "Delete it",
                            ))
                        )
                            return undefined;
                        await remove(where);
                        leave("/tasks", { queue: task.queue });
                        return "It is gone";
                    },
                    { class: "danger" },
                ),
            );
    }
    return made;
}

/** @param {any} task @param {string} where @param {any} view */
async function edit(task, where, view) {
    const area = /** @type {HTMLTextAreaElement} */ (
        h("textarea", { rows: 12, "aria-label": "Payload" })
    );
    area.value = task.payload;
    if (!(await ask("The payload", area, "Replace it"))) return undefined;
    await patch(where, { payload: area.value });
    await view.changed();
    return "It has another payload";
}

/**
 * A new task that is as this one was.
 * @param {any} task
 * @param {import("./app.js").Context["leave"]} leave
 */
async function clone(task, leave) {
    const made = await post("tasks", {
        type: task.type,
        payload: task.payload,
        queue: task.queue,
        headers: task.headers,
        priority: task.priority,
        tenant: task.tenant,
        limits: task.limits?.split("\n"),
        limit_cost: task.limit_cost,
        ordered: task.ordered,
        ordered_dead: task.ordered_dead,
        retry: task.max_retry,
        retry_policy: task.retry,
        timeout: task.timeout_ms && `${task.timeout_ms}ms`,
        retention: task.retention_ms && `${task.retention_ms}ms`,
        on_dead:
            task.on_dead && task.on_dead + (task.on_dead_queue ? `@${task.on_dead_queue}` : ""),
        on_done:
            task.on_done && task.on_done + (task.on_done_queue ? `@${task.on_done_queue}` : ""),
    });
    leave(path("queues", task.queue, "tasks", made.id));
    return "It is in, as another task";
}

/** The states that it went through, from what is known of it. @param {any} task */
function timeline(task) {
    const steps = [["enqueued", task.enqueued_at_ms, ""]];
    for (const a of items(task.attempts)) {
        steps.push([
            `${a.attempt ? `attempt ${a.attempt} ` : ""}${a.kind}`,
            a.at_ms,
            a.duration_ms === undefined ? "" : `after ${duration(a.duration_ms)}`,
        ]);
    }
    if (task.started_at_ms) steps.push(["runs since", task.started_at_ms, task.worker ?? ""]);
    if (task.next_run_at_ms) steps.push(["runs", task.next_run_at_ms, ""]);
    if (task.completed_at_ms) steps.push(["completed", task.completed_at_ms, ""]);
    if (task.archived_at_ms) steps.push(["archived", task.archived_at_ms, ""]);
    return h(
        "ol",
        { class: "timeline" },
        steps
            .filter(([, ms]) => ms)
            .map(([what, ms, more]) =>
                h(
                    "li",
                    { class: String(what).split(" ").pop() },
                    h("b", {}, what),
                    " ",
                    moment(Number(ms)),
                    " ",
                    more,
                ),
            ),
    );
}

/** @param {import("./app.js").Context} context */
export default function task(context) {
    const { words, may } = context,
        [, queue, , id] = words,
        body = h("div"),
        acts = h("p", { class: "acts" }),
        bar = h("div");
    const attempts = new Table(
        "Attempts",
        [
            { title: "Attempt", number: true, show: (a) => a.attempt ?? "" },
            { title: "What came of it", show: (a) => badge(a.kind) },
            { title: "When", show: (a) => moment(a.at_ms) },
            { title: "Took", number: true, show: (a) => duration(a.duration_ms) },
            { title: "Worker", class: "id", show: (a) => a.worker ?? "" },
            {
                title: "Error",
                class: "error",
                show: (a) =>
                    a.error
                        ? h(
                              "details",
                              {},
                              h("summary", {}, a.error.trim().split("\n").pop()),
                              h("pre", {}, a.error),
                          )
                        : "",
            },
        ],
        (a) => `${a.at_ms} ${a.attempt} ${a.kind}`,
    );
    const address = `${location.origin}${base}/api/v1/${at`queues/${queue}/tasks/${id}`}`;
    let drawn = "",
        stale = true,
        looked = 0,
        soon = 0;

    // What fills megabytes is fetched again when something has happened to it, not every time.
    /** @param {any} message */
    function hear(message) {
        const { counts, events } = message;
        const all = Object.values(counts).reduce((sum, count) => sum + Number(count), 0);
        const own = events.some((/** @type {any} */ e) => e.id === id && e.queue === queue);
        if (message.anew || all > events.length || own) stale = true;
        // Its progress and its log, as they come.
        if (own && !soon)
            soon = setTimeout(() => {
                soon = 0;
                view.again();
            }, 500);
    }

    async function look() {
        if (drawn.length > HEAVY && !stale && Date.now() - looked < SELDOM_MS) return;
        stale = false;
        looked = Date.now();
        const seen = await get(at`queues/${queue}/tasks/${id}`);
        const text = JSON.stringify(seen);
        if (text === drawn) return;
        drawn = text;
        refill(
            acts,
            buttons(seen, context, view),
            copy("Copy as CLI", () => `gofer task show --queue ${quoted(queue)} ${quoted(id)}`),
            copy("Copy as curl", () => `curl -H "Authorization: Bearer $TOKEN" ${quoted(address)}`),
            copy(
                "Copy as Python",
                () => `app.inspect.task(${JSON.stringify(id)}, queue=${JSON.stringify(queue)})`,
            ),
        );
        fill(
            bar,
            seen.progress_done !== undefined && [
                h(
                    "progress",
                    seen.progress_total
                        ? { max: seen.progress_total, value: seen.progress_done }
                        : {},
                ),
                ` ${seen.progress_done}`,
                seen.progress_total ? ` of ${seen.progress_total} ` : " ",
                seen.progress_text,
            ],
        );
        attempts.show([...items(seen.attempts)].reverse());
        refill(
            body,
            facts([
                ["State", badge(seen.state)],
                ["Queue", link(path("queues", queue), null, queue)],
                ["Id", h("code", {}, seen.id)],
                [
                    "Retries",
                    [
                        `${seen.retried} of ${seen.max_retry}`,
                        seen.crashes ? `, ${seen.crashes} crashes` : "",
                    ],
                ],
                ["Timeout", duration(seen.timeout_ms)],
                ["Deadline", moment(seen.deadline_ms)],
                ["Kept for", duration(seen.retention_ms)],
                ["Starts by", moment(seen.start_by_ms)],
                ["Priority", seen.priority],
                ["Tenant", seen.tenant],
                ["Waits for", seen.waits_for && link("/limits", null, seen.waits_for)],
                ["Limits", seen.limits?.replaceAll("\n", ", ")],
                ["Limit cost", seen.limit_cost],
                ["Ordered", seen.ordered],
                ["Encrypted", seen.encrypted],
                ["When dead", seen.ordered_dead],
                ["Policy", seen.retry],
                ["Group", seen.group],
                ["Unique until", seen.unique],
                [
                    "Schedule",
                    seen.schedule && link(path("schedules", seen.schedule), null, seen.schedule),
                ],
                ["When dead", seen.on_dead],
                ["When done", seen.on_done],
                ["Snoozes", seen.snoozes],
                ["Cancel asked", seen.cancel_requested ? "yes" : null],
                ["Checkpoint", seen.checkpoint_size && bytes(seen.checkpoint_size)],
                ["Expires", moment(seen.expires_at_ms)],
            ]),
            timeline(seen),
            seen.last_error && [
                h("h2", {}, "Latest error"),
                h("pre", { class: "error" }, seen.last_error),
            ],
            h("h2", {}, "Payload"),
            seen.encrypted &&
                !seen.decrypted &&
                h(
                    "p",
                    { class: "empty" },
                    `Encrypted with the key ${seen.encrypted}, which this server has not.`,
                ),
            may("payload", queue)
                ? payload(seen.payload)
                : h(
                      "p",
                      { class: "empty" },
                      `${bytes(seen.payload_size)}; your role does not show it.`,
                  ),
            seen.result !== undefined && [h("h2", {}, "Result"), payload(seen.result)],
            seen.headers && [h("h2", {}, "Headers"), facts(Object.entries(seen.headers))],
            items(seen.log).length > 0 && [
                h("h2", {}, "Log"),
                h(
                    "pre",
                    { class: "log" },
                    items(seen.log).map(
                        (/** @type {any} */ l) => `${time(l.at_ms)} ${l.level} ${l.text}\n`,
                    ),
                ),
            ],
            h("h2", {}, "Attempts"),
            attempts.node,
        );
    }
    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, h("span", { class: "unseen" }, "Task "), id),
            acts,
            bar,
            body,
        ),
        refresh: look,
        hear,
        changed: () => {
            stale = true;
            return view.again();
        },
    };
    return view;
}
