// schedule.js - one cron entry, or a new one: what it means, when it runs, what came of it.
import { at, get, items, post, put, remove } from "./api.js";
import { fill, h, refill } from "./dom.js";
import { duration, many, time } from "./format.js";
import { ask, badge, button, complain, facts, moment, note, payload, problem } from "./parts.js";
import { link, path } from "./route.js";

const AHEAD = 60; // ticks, to see a change of the clocks

/** "+01:00" @param {any} tick */
const offset = (tick) => /(Z|[+-]\d\d:\d\d)$/.exec(tick.local)?.[1];

/** Is there a change of the clocks ahead? @param {any} cron */
function change(cron) {
    const ticks = items(cron.ticks),
        first = ticks.findIndex(
            (/** @type {any} */ tick, /** @type {number} */ i) =>
                i > 0 && offset(tick) !== offset(ticks[i - 1]),
        );
    return first > 0
        ? h(
              "p",
              { class: "finding warning" },
              `The clocks of ${cron.tz} change: it runs at ${ticks[first - 1].local}, and then at `,
              `${ticks[first].local}.`,
          )
        : null;
}

/** @param {any} cron @param {number} shown */
function meaning(cron, shown) {
    const ticks = items(cron.ticks).slice(0, shown);
    return [
        h("p", {}, h("b", {}, cron.text), ` (${cron.tz}), ${cron.per_day} runs a day on average`),
        h(
            "ol",
            { class: "ticks" },
            ticks.map((/** @type {any} */ tick) =>
                h("li", {}, moment(tick.at_ms), ` · ${time(tick.at_ms)} · ${tick.local}`),
            ),
        ),
        change(cron),
    ];
}

/** What stands in for an entry's expression. @param {any} e @param {number} count */
const question = (e, count) => ({
    spec: e.spec,
    tz: /^(CRON_)?TZ=/.test(e.spec) ? "" : e.tz,
    count,
});

/** @param {string} name @param {string} label @param {unknown} field @param {string} [hint] */
const field = (name, label, field, hint) =>
    h(
        "p",
        { class: "field" },
        h("label", { for: `entry-${name}` }, label),
        field,
        hint && h("span", { class: "foot" }, hint),
    );

/** @param {string} name @param {unknown} value @param {Record<string, unknown>} [more] */
const input = (name, value, more) =>
    h("input", { id: `entry-${name}`, name, value: value ?? "", ...more });

/** @param {string} name @param {string[]} words @param {string} chosen */
const choice = (name, words, chosen) =>
    h(
        "select",
        { id: `entry-${name}`, name },
        words.map((word) => h("option", { value: word, selected: word === chosen }, word)),
    );

/** What an entry has that the form does not show, and that is to stay. @param {any} e */
function kept(e) {
    return {
        headers: e.headers,
        priority: e.priority,
        tenant: e.tenant,
        limits: e.limits?.split("\n"),
        limit_cost: e.limit_cost,
        ordered: e.ordered,
        ordered_dead: e.ordered_dead,
        retry_policy: e.retry,
        on_dead: e.on_dead && e.on_dead + (e.on_dead_queue ? `@${e.on_dead_queue}` : ""),
        on_done: e.on_done && e.on_done + (e.on_done_queue ? `@${e.on_done_queue}` : ""),
        expires: e.expires_ms && `${e.expires_ms}ms`,
        missed_max: e.missed_max || undefined,
    };
}

/** @param {HTMLFormElement} form @param {any} e */
function entryOf(form, e) {
    const values = Object.fromEntries(new FormData(form)),
        text = (/** @type {string} */ name) => String(values[name] ?? "").trim() || undefined,
        hidden = e && typeof e.payload === "object";
    return {
        ...(e ? kept(e) : { new: true }),
        spec: text("spec"),
        tz: text("tz"),
        type: text("type"),
        queue: text("queue"),
        payload: hidden ? e.payload : values.payload || undefined,
        retry: text("retry") === undefined ? undefined : Number(values.retry),
        timeout: text("timeout"),
        retention: text("retention"),
        missed: values.missed,
        overlap: values.overlap,
        jitter: text("jitter"),
        paused: values.paused === "on",
    };
}

/**
 * @param {any} e the entry; null: a new one
 * @param {import("./app.js").Context["leave"]} leave
 */
function formOf(e, leave) {
    const preview = h("div", { class: "preview", "aria-live": "polite" });
    let timer = 0,
        latest = 0;
    const ms = (/** @type {number|undefined} */ n) => (n ? `${n}ms` : "");
    const look = async () => {
        const { spec, tz } = entryOf(form, e),
            turn = ++latest; // the answer to what stood there before is none
        if (!spec) return fill(preview, h("p", { class: "empty" }, "When is it to run?"));
        const said = await get("cron", { spec, tz, count: AHEAD }).then(
            (cron) => meaning(cron, 5),
            problem,
        );
        if (turn === latest) fill(preview, said);
    };
    const form = /** @type {HTMLFormElement} */ (
        h(
            "form",
            {
                class: "entry",
                oninput: () => {
                    clearTimeout(timer);
                    timer = setTimeout(look, 300);
                },
                onsubmit: async (/** @type {Event} */ event) => {
                    event.preventDefault();
                    const name = e?.name ?? String(new FormData(form).get("name")).trim();
                    try {
                        await put(at`schedules/${name}`, entryOf(form, e));
                        note(`${name} is in`);
                        leave(path("schedules", name));
                    } catch (error) {
                        complain(error);
                    }
                },
            },
            !e && field("name", "Name", input("name", "", { required: true, maxlength: 200 })),
            field(
                "spec",
                "When",
                input("spec", e?.spec, { required: true }),
                "minute hour day month weekday, or @daily, @every 90s",
            ),
            preview,
            field("tz", "Time zone", input("tz", e?.tz, { placeholder: "UTC" })),
            field("type", "Type", input("type", e?.type, { required: true })),
            field("queue", "Queue", input("queue", e?.queue, { placeholder: "default" })),
            e && typeof e.payload === "object"
                ? h("p", { class: "foot" }, "Its payload is binary, and stays.")
                : field(
                      "payload",
                      "Payload",
                      h("textarea", { id: "entry-payload", name: "payload", rows: 4 }, e?.payload),
                  ),
            field(
                "retry",
                "Retries",
                input("retry", e?.max_retry, { type: "number", min: 0, max: 1000000 }),
            ),
            field("timeout", "Timeout", input("timeout", ms(e?.timeout_ms)), "30s, 5m"),
            field("retention", "Kept for", input("retention", ms(e?.retention_ms)), "1h, 7d"),
            field(
                "missed",
                "Ticks that no worker was there for",
                choice("missed", ["once", "skip", "all"], e?.missed),
            ),
            field(
                "overlap",
                "While the task before still runs",
                choice("overlap", ["allow", "skip", "queue", "cancel"], e?.overlap),
            ),
            field("jitter", "Later by chance, up to", input("jitter", ms(e?.jitter_ms))),
            h(
                "p",
                {},
                h(
                    "label",
                    {},
                    h("input", { type: "checkbox", name: "paused", checked: !!e?.paused }),
                    " paused",
                ),
            ),
            h("button", { type: "submit" }, e ? "Replace it" : "Add it"),
        )
    );
    look();
    return form;
}

/** What became of ticks, the latest first. @param {any[]} ticks @param {any} e */
function strip(ticks, e) {
    const styles = /** @type {Record<string, string>} */ ({ gone: "done", "left out": "warn" });
    return ticks.length === 0
        ? h("p", { class: "empty" }, "It has not ticked yet.")
        : h(
              "ol",
              { class: "strip" },
              ticks.map((tick) => {
                  const word = h(
                      "span",
                      { class: `badge ${styles[tick.state] ?? tick.state}` },
                      tick.state === "gone" ? "done or deleted" : tick.state,
                  );
                  return h(
                      "li",
                      {},
                      tick.id && tick.state !== "gone"
                          ? link(path("queues", e.queue || "default", "tasks", tick.id), null, word)
                          : word,
                      " ",
                      tick.count > 1 && [
                          `${tick.more ? "more than " : ""}${many(tick.count, "tick")}, `,
                          moment(tick.first_ms),
                          " to ",
                      ],
                      moment(tick.tick_ms),
                  );
              }),
          );
}

/** @param {any} e @param {any} view @param {import("./app.js").Context} context */
function buttons(e, view, { may, leave }) {
    const act = (/** @type {string} */ name, /** @type {string} */ said) => async () => {
        await post(at`schedules/${e.name}/` + name);
        await view.again();
        return said;
    };
    return [
        may("operate", e.queue) && button("Run now", act("run", "A task is in")),
        may("operate", e.queue) &&
            (e.paused
                ? button("Unpause", act("unpause", "It ticks again"))
                : button("Pause", act("pause", "It ticks no more"))),
        may("admin", e.queue) &&
            button(
                "Remove",
                async () => {
                    if (!(await ask(`Remove ${e.name}?`, "Its tasks stay.", "Remove it")))
                        return undefined;
                    await remove(at`schedules/${e.name}`);
                    leave("/schedules");
                    return `${e.name} is gone`;
                },
                { class: "danger" },
            ),
    ];
}

/** @param {import("./app.js").Context} context */
export default function schedule(context) {
    const { words, may, everywhere, leave } = context,
        name = words[1];
    if (!name)
        return {
            node: h(
                "section",
                {},
                h("h1", {}, "A new cron entry"),
                everywhere("operate")
                    ? formOf(null, leave)
                    : h("p", { class: "empty" }, "Your role does not add any."),
            ),
        };
    const acts = h("p", { class: "acts" }),
        head = h("div"),
        next = h("div"),
        past = h("div"),
        form = h("div");
    let drawn = "";

    async function look() {
        const seen = await get(at`schedules/${name}`);
        const [cron, ticks] = await Promise.all([
            get("cron", question(seen, AHEAD)),
            seen.foreign ? { items: [] } : get(at`schedules/${name}/ticks`),
        ]);
        if (!seen.foreign) refill(acts, buttons(seen, view, context));
        refill(
            head,
            facts([
                ["State", badge(seen.paused ? "paused" : "active")],
                ["Type", link("/tasks", { type: seen.type }, seen.type)],
                ["Queue", seen.queue && link(path("queues", seen.queue), null, seen.queue)],
                ["Next", seen.paused ? null : moment(seen.next_run_at_ms)],
                ["Latest", moment(seen.last_enqueued_at_ms)],
                ["Came of it", seen.last_status],
                ["Missed ticks", seen.missed],
                ["Overlap", seen.overlap],
                ["Jitter", duration(seen.jitter_ms)],
                ["Source", seen.foreign ? "a Go scheduler" : seen.source],
            ]),
            may("payload", seen.queue) && [
                h("h2", {}, "Payload"),
                seen.encrypted &&
                    !seen.decrypted &&
                    h(
                        "p",
                        { class: "empty" },
                        `Encrypted with the key ${seen.encrypted}, which this server has not.`,
                    ),
                payload(seen.payload),
            ],
        );
        refill(next, meaning(cron, 5));
        refill(past, strip(ticks.items, seen));
        // A form that somebody may be writing in is made anew only when the entry is another one.
        const text = JSON.stringify([seen.spec, seen.tz, seen.type, seen.payload, seen.paused]);
        if (text !== drawn && !seen.foreign && everywhere("operate") && everywhere("payload")) {
            drawn = text;
            fill(form, h("details", {}, h("summary", {}, "Change it"), formOf(seen, leave)));
        }
    }
    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, h("span", { class: "unseen" }, "Cron entry "), name),
            acts,
            head,
            h("h2", {}, "When it runs"),
            next,
            h("h2", {}, "What became of it"),
            past,
            form,
        ),
        refresh: look,
    };
    return view;
}
