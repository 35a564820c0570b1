// limits.js - how many tasks of a key run: the limits, and the keys that tasks wait for.
import { at, get, post, put, remove } from "./api.js";
import { fill, h, refill } from "./dom.js";
import { count, duration } from "./format.js";
import { ask, button, complain, elsewhere, moment, note, Table } from "./parts.js";
import { go, link } from "./route.js";

const WORDS = { over: ["wait", "refuse", "cancel-oldest"], scope: ["store", "queue"] };

/** @param {any} l a limit, or a key with the numbers of its limit */
const rate = (l) => (l.rate ? `${count(l.rate)} in ${duration(l.per_ms)}` : "");

/** @param {string} id @param {string} label @param {HTMLElement} input @param {string} [hint] */
const field = (id, label, input, hint) =>
    h(
        "p",
        { class: "field" },
        h("label", { for: `limit-${id}` }, label),
        input,
        hint && h("span", { class: "foot" }, hint),
    );

/** @param {string} name @param {Record<string, unknown>} [props] */
const input = (name, props) => h("input", { id: `limit-${name}`, name, ...props });

/** @param {"over"|"scope"} name @param {string} [now] */
const choice = (name, now) =>
    h(
        "select",
        { id: `limit-${name}`, name },
        WORDS[name].map((word) => h("option", { value: word, selected: word === now }, word)),
    );

/** What a form says, as the interface takes it. @param {HTMLFormElement} form */
function limitOf(form) {
    const values = Object.fromEntries(new FormData(form)),
        number = (/** @type {string} */ name) => (values[name] ? Number(values[name]) : undefined);
    return {
        concurrency: number("concurrency"),
        rate: number("rate"),
        per: number("rate") && (String(values.per).trim() || undefined),
        burst: number("burst"),
        over: values.over,
        scope: values.scope,
    };
}

/**
 * @param {any} l the limit; null: a new one
 * @param {() => Promise<void>} done
 */
function formOf(l, done) {
    const whole = { type: "number", min: 1, max: 1000000 };
    const form = /** @type {HTMLFormElement} */ (
        h(
            "form",
            {
                class: "entry",
                onsubmit: async (/** @type {Event} */ event) => {
                    event.preventDefault();
                    const name = l?.name ?? String(new FormData(form).get("name")).trim();
                    try {
                        await put(at`limits/${name}`, limitOf(form));
                        note(`${name} is limited`);
                        await done();
                    } catch (error) {
                        complain(error);
                    }
                },
            },
            h("h2", {}, l ? l.name : "A new limit"),
            !l &&
                field(
                    "name",
                    "Name",
                    input("name", { required: true, maxlength: 255 }),
                    "a key, a beginning and *, or queue:NAME",
                ),
            field(
                "concurrency",
                "At a time",
                input("concurrency", { ...whole, value: l?.concurrency ?? "" }),
            ),
            field("rate", "Starts", input("rate", { ...whole, value: l?.rate ?? "" })),
            field(
                "per",
                "In so long",
                input("per", { value: l?.per_ms ? `${l.per_ms}ms` : "" }),
                "1s, 1m, 1h",
            ),
            field("burst", "At once", input("burst", { ...whole, value: l?.burst ?? "" })),
            field("over", "Without room", choice("over", l?.over)),
            field("scope", "Counts in", choice("scope", l?.scope)),
            h("button", { type: "submit" }, l ? "Replace it" : "Put it"),
        )
    );
    return form;
}

/** @param {any} l @param {() => Promise<void>} again */
const drop = (l, again) =>
    button(
        "Remove",
        async () => {
            if (!(await ask(`Remove ${l.name}?`, "Tasks that wait for it may run.", "Remove it")))
                return undefined;
            await remove(at`limits/${l.name}`);
            await again();
            return `${l.name} is gone`;
        },
        { class: "danger" },
    );

/** @param {any} k @param {() => Promise<void>} again */
const pause = (k, again) =>
    button("Pause", async () => {
        const length = /** @type {HTMLInputElement} */ (
            h("input", { "aria-label": "For so long", value: "5m" })
        );
        const text = h("p", {}, "No task of it starts for so long: ", length);
        if (!(await ask(`Pause ${k.key}?`, text, "Pause it"))) return undefined;
        await post(at`limits/keys/${k.key}/pause`, { for: length.value.trim() });
        await again();
        return `${k.key} is paused`;
    });

/** @param {any} k @param {() => Promise<void>} again */
const unpause = (k, again) =>
    button("Unpause", async () => {
        await post(at`limits/keys/${k.key}/unpause`);
        await again();
    });

/** @param {import("./app.js").Context} context */
export default function limits(context) {
    const { everywhere, query } = context;
    if (!everywhere("see"))
        return {
            node: h("section", {}, h("h1", {}, "Limits"), elsewhere("They are", context)),
        };
    const edit = h("div"),
        foot = h("p", { class: "foot" }),
        again = async () => view.again();
    const change = (/** @type {any} */ l) =>
        fill(
            edit,
            formOf(l, async () => {
                fill(edit);
                await again();
            }),
        );
    const table = new Table(
        "Limits",
        [
            { title: "Name", class: "id", show: (l) => l.name },
            { title: "At a time", number: true, show: (l) => l.concurrency ?? "" },
            { title: "Starts", show: rate },
            { title: "At once", number: true, show: (l) => l.burst ?? "" },
            { title: "Without room", show: (l) => l.over },
            { title: "Counts in", show: (l) => l.scope },
            {
                title: "",
                show: (l) => [
                    everywhere("operate") && button("Change", async () => change(l)),
                    everywhere("admin") && drop(l, again),
                ],
            },
        ],
        (l) => l.name,
    );
    const keys = new Table(
        "Keys",
        [
            { title: "Key", class: "id", show: (k) => k.key },
            { title: "Queue", show: (k) => k.queue ?? "" },
            { title: "Limit", show: (k) => k.limit ?? "" },
            {
                title: "Running",
                number: true,
                show: (k) =>
                    count(k.running) + (k.concurrency ? ` of ${count(k.concurrency)}` : ""),
            },
            { title: "Waiting", number: true, show: (k) => count(k.waiting) },
            { title: "Next start", show: (k) => moment(k.next_start_at_ms) },
            { title: "Paused until", show: (k) => moment(k.paused_until_ms) },
            {
                title: "",
                show: (k) =>
                    k.key.startsWith("type:")
                        ? link("/types", null, "a paused type")
                        : everywhere("operate") &&
                          (k.paused_until_ms ? unpause(k, again) : pause(k, again)),
            },
        ],
        (k) => `${k.key} ${k.queue ?? ""}`,
    );
    const all = query.keys === "all";
    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, "Limits"),
            everywhere("operate") &&
                h("p", { class: "acts" }, button("A new limit", async () => change(null))),
            edit,
            table.node,
            h("h2", {}, all ? "Keys that tasks run or wait for" : "Keys that tasks wait for"),
            h(
                "p",
                { class: "acts" },
                link(
                    "/limits",
                    all ? null : { keys: "all" },
                    all ? "Those that tasks wait for alone" : "Those that tasks run for, too",
                ),
            ),
            keys.node,
            foot,
        ),
        refresh: async () => {
            const page = await get("limits", { limit: 1000 }),
                found = await get("limits/keys", {
                    blocked: all ? "" : "1",
                    cursor: query.cursor,
                });
            table.show(page.items);
            keys.show(found.items);
            refill(
                foot,
                found.next_cursor &&
                    button("More", async () =>
                        go("/limits", { keys: query.keys, cursor: found.next_cursor }),
                    ),
            );
        },
    };
    return view;
}
