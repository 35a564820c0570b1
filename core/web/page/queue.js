// queue.js - one queue: why it is as slow as it is.
import { at, get, post, put, remove } from "./api.js";
import { h, refill, say } from "./dom.js";
import { count, duration, many } from "./format.js";
import { ask, button, facts, moment, STATES, Table } from "./parts.js";
import { attempts } from "./plot.js";
import { pause } from "./queues.js";
import { link, path } from "./route.js";
import { series } from "./series.js";

const GROUPS = 50; // that are shown
const TENANTS = 50;

/** All tasks of a queue, kept ones too. @param {any} q */
const all = (q) => q.size + q.completed + q.archived;

/** When it closes, or opens; nothing without hours. @param {any} q */
const untilOf = (q) =>
    q.hours
        ? (moment(q.closed ? q.closed_until_ms : q.open_until_ms) ??
          (q.closed ? "not known" : "closes never"))
        : null;

/** Is it among "mail=3 report:*=1", in which names may hold blanks? @param {string} text
 * @param {string} name */
const serves = (text, name) =>
    ` ${text} `
        .split(` ${name}=`)
        .slice(1)
        .some((rest) => /^\d+ /.test(rest)) ||
    [...text.matchAll(/(?:^| )([^ ]*)\*=\d+(?= |$)/g)].some(([, begin]) => name.startsWith(begin));

/** Who takes its tasks, among others. @param {any[]} workers @param {string} name */
function served(workers, name) {
    const mine = workers.filter((w) => w.state === "active" && serves(w.queues, name)),
        sum = (/** @type {string} */ field) => mine.reduce((n, w) => n + Number(w[field] ?? 0), 0),
        slots = sum("concurrency") + sum("children_want");
    return mine.length
        ? link("/workers", null, `${count(mine.length)}, ${sum("running")} of ${slots} slots busy`)
        : "nobody serves it";
}

const TOLD_MS = 5000; // a worker tells the store so often what it runs
const NOTED_MS = 60000; // within that the audit has an act

/**
 * Who paused a queue: asked once for each pause, for the store looks through its audit.
 * @param {string} name
 */
function pauser(name) {
    let known = 0,
        by = "";
    return async (/** @type {number} */ at_ms) => {
        if (at_ms === known) return by;
        const its = await get(at`queues/${name}/pause`).catch(() => ({}));
        by = its.actor ? `, by ${its.actor}` : "";
        if (by || Date.now() - at_ms > NOTED_MS) known = at_ms;
        return by;
    };
}

/** All workers, asked for no more often than they tell something new. */
function fleet() {
    let asked = 0,
        /** @type {Promise<any>} */ known = Promise.resolve(null);
    return () => {
        if (Date.now() - asked < TOLD_MS) return known;
        asked = Date.now();
        known = get("workers");
        known.catch(() => (asked = 0));
        return known;
    };
}

/** @param {import("./app.js").Context} context */
export default function queue({ words, may, everywhere, leave }) {
    const name = words[1],
        head = h("div"),
        days = h("div"),
        plots = series(name),
        pausedBy = pauser(name),
        workersNow = fleet(),
        acts = h("p", { class: "acts" });
    const types = new Table(
        "Types of this queue in the last hour",
        [
            { title: "Type", show: (t) => link(path("types", t.type), { queue: name }, t.type) },
            { title: "Done", number: true, show: (t) => count(t.done) },
            { title: "Failed", number: true, show: (t) => count(t.failed) },
            { title: "Wait 50 %", number: true, show: (t) => duration(t.wait_p50_ms) },
            { title: "99 %", number: true, show: (t) => duration(t.wait_p99_ms) },
            { title: "Run 50 %", number: true, show: (t) => duration(t.run_p50_ms) },
            { title: "99 %", number: true, show: (t) => duration(t.run_p99_ms) },
        ],
        (t) => t.type,
    );
    const groups = new Table(
        "Groups",
        [
            {
                title: "Group",
                show: (g) =>
                    link("/tasks", { queue: name, state: "aggregating", group: g.group }, g.group),
            },
            { title: "Tasks", number: true, show: (g) => count(g.size) },
            { title: "Oldest", show: (g) => moment(g.oldest_at_ms) },
        ],
        (g) => g.group,
    );
    /** @param {any} t */
    async function weigh(t) {
        const input = /** @type {HTMLInputElement} */ (
            h("input", { type: "number", min: 1, max: 100, value: String(t.weight) })
        );
        const text = h("label", {}, "So many of its tasks for one of another: ", input);
        if (!(await ask(`The share of ${t.tenant}?`, text, "Set it"))) return undefined;
        await put(at`queues/${name}/tenants/${t.tenant}`, { weight: Number(input.value) });
        await view.again();
        return `${t.tenant} has the weight ${input.value}`;
    }
    const tenants = new Table(
        "Tenants",
        [
            { title: "Tenant", class: "id", show: (t) => t.tenant },
            { title: "Weight", number: true, show: (t) => count(t.weight) },
            { title: "Waiting", number: true, show: (t) => count(t.waiting) },
            {
                title: "",
                show: (t) => may("operate", name) && button("Change", async () => weigh(t)),
            },
        ],
        (t) => t.tenant,
    );
    const tenantFoot = h("p", { class: "foot" });
    const tenantPart = h("div", { hidden: true }, h("h2", {}, "Tenants"), tenants.node, tenantFoot);
    // Where a store is one place there is nothing to spread.
    const spreads = may("admin", name)
        ? get("settings").then(
              (its) => !/^(sqlite|memory):/.test(its.url),
              () => false,
          )
        : Promise.resolve(false);
    /** How many shards it is to have; null: as it is. @param {any} seen */
    async function askShards(seen) {
        const input = /** @type {HTMLInputElement} */ (
            h("input", { type: "number", min: 1, max: 128, value: String(seen.shards ?? 1) })
        );
        const text = h("label", {}, "Shards, each a queue of its own on some primary: ", input);
        return (await ask(`Spread ${name}?`, text, "Spread it")) ? Number(input.value) : null;
    }
    /** How many may be pending, 0: any number; null: as it is. @param {any} seen */
    async function askLength(seen) {
        const input = /** @type {HTMLInputElement} */ (
            h("input", { type: "number", min: 0, value: String(seen.max_length ?? "") })
        );
        const text = h(
            "label",
            {},
            "So many tasks may be pending, and more are refused; empty: any number. ",
            input,
        );
        return (await ask(`Bound ${name}?`, text, "Bound it")) ? Number(input.value) : null;
    }
    /** After what wait a task counts as one priority higher, "": never; null: as it is.
     * @param {any} seen */
    async function askAge(seen) {
        const input = /** @type {HTMLInputElement} */ (
            h("input", { type: "text", value: seen.age_ms ? `${seen.age_ms}ms` : "" })
        );
        const text = h(
            "label",
            {},
            "A task counts as one priority higher for each time that it has waited, such as 30s " +
                "or 5m; empty: priorities stay as they are. ",
            input,
        );
        return (await ask(`Let ${name} age?`, text, "Let it age")) ? input.value.trim() : null;
    }
    /** @param {any} seen */
    const encrypt = (seen) =>
        button(`${seen.encrypted_only ? "Accept" : "Refuse"} plain payloads`, async () => {
            const required = !seen.encrypted_only;
            const asked = required
                ? "Whoever has no keys will be refused."
                : "Whoever has no keys may put in what all can read.";
            if (!(await ask(`Payloads of ${name}`, asked, "Do so"))) return undefined;
            await post(at`queues/${name}/encrypt`, { required });
            await view.again();
            return `Plain payloads are ${required ? "refused" : "accepted"} by ${name}`;
        });
    /** At which hours its tasks may be taken, "": at any; null: as it is. @param {any} seen */
    async function askHours(seen) {
        const input = /** @type {HTMLInputElement} */ (
            h("input", { type: "text", value: seen.hours ?? "" })
        );
        const text = h(
            "label",
            {},
            "Tasks are taken at these hours alone, such as mon-fri 22:00-06:00, sat Europe/Rome; " +
                "not 2026-12-25. Empty: at any. ",
            input,
        );
        return (await ask(`Hours of ${name}?`, text, "Set its hours")) ? input.value.trim() : null;
    }
    /** @param {any} seen */
    const setHours = (seen) =>
        button("Set its hours", async () => {
            const hours = await askHours(seen);
            if (hours === null || hours === (seen.hours ?? "")) return undefined;
            const its = at`hours/${`queue:${name}`}`;
            await (hours ? put(its, { hours }) : remove(its));
            await view.again();
            return hours ? `${name} has hours` : `${name} is open at any time`;
        });
    const groupFoot = h("p", { class: "foot" });
    const groupPart = h("div", { hidden: true }, h("h2", {}, "Groups"), groups.node, groupFoot);

    async function look() {
        const seen = await get(at`queues/${name}`); // if there is none, nothing more is asked
        const [workers, wanted, stats, history, grouped, shared, sharding, by] = await Promise.all([
            workersNow(),
            get("scale", { queue: name }),
            get("stats", { queue: name }),
            get(at`queues/${name}/history`, { days: 30 }),
            get(at`queues/${name}/groups`, { limit: GROUPS }),
            get(at`queues/${name}/tenants`, { limit: TENANTS }),
            spreads,
            seen.paused && seen.paused_at_ms && may("operate", name)
                ? pausedBy(seen.paused_at_ms)
                : "",
            plots.refresh(),
        ]);
        refill(
            head,
            facts([
                ["Oldest waits", seen.latency_ms ? duration(seen.latency_ms) : "–"],
                ...STATES.map(
                    (state) =>
                        /** @type {[string, unknown]} */ ([
                            state,
                            seen[state]
                                ? link("/tasks", { queue: name, state }, count(seen[state]))
                                : "0",
                        ]),
                ),
                ["Failures", link("/failures", { queue: name }, "by kind")],
                ["Workers", served(workers.items, name)],
                ["Slots wanted", `${count(wanted.slots)}, to let nobody wait for ten seconds`],
                ["Today", `${count(seen.processed)}, ${count(seen.failed)} failed`],
                ["In all", `${count(seen.processed_total)}, ${count(seen.failed_total)} failed`],
                ["Pending at the most", seen.max_length ? count(seen.max_length) : null],
                ["One priority higher each", seen.age_ms ? duration(seen.age_ms) : null],
                ["Hours", seen.hours],
                [seen.closed ? "Closed until" : "Open until", untilOf(seen)],
                ["Shards", seen.shards ? count(seen.shards) : null],
                ["Plain payloads", seen.encrypted_only ? "refused" : null],
                [
                    "Paused",
                    seen.paused
                        ? [seen.paused_at_ms ? moment(seen.paused_at_ms) : "yes", by]
                        : null,
                ],
            ]),
        );
        types.show(stats.items);
        groups.show(grouped.items);
        say(groupFoot, grouped.next_cursor ? `The first ${GROUPS} of ${count(seen.groups)}.` : "");
        groupPart.hidden = grouped.items.length === 0;
        tenants.show(shared.items);
        say(tenantFoot, shared.next_cursor ? `The first ${TENANTS} by name.` : "");
        tenantPart.hidden = shared.items.length === 0;
        refill(days, attempts(history.items));
        refill(
            acts,
            may("operate", name) && pause(view, seen),
            may("operate", name) &&
                button("Bound it", async () => {
                    const most = await askLength(seen);
                    if (most === null) return undefined;
                    await post(at`queues/${name}/bound`, most ? { max_length: most } : {});
                    await view.again();
                    return most
                        ? `${name} has ${count(most)} pending at the most`
                        : `${name} may have any number pending`;
                }),
            may("operate", name) &&
                button("Let it age", async () => {
                    const age = await askAge(seen);
                    if (age === null) return undefined;
                    await post(at`queues/${name}/age`, age ? { age } : {});
                    await view.again();
                    return age
                        ? `${name}: one priority higher for each ${age} of waiting`
                        : `${name}: priorities stay as they are`;
                }),
            may("operate", name) && encrypt(seen),
            everywhere("operate") && setHours(seen),
            sharding &&
                button("Spread it", async () => {
                    const shards = await askShards(seen);
                    if (shards === null) return undefined;
                    await post(at`queues/${name}/shard`, { shards });
                    await view.again();
                    return shards > 1 ? `${name} has ${shards} shards` : `${name} is one queue`;
                }),
            may("admin", name) &&
                button(
                    "Remove the queue",
                    async () => {
                        if (
                            !(await ask(
                                `Remove ${name}?`,
                                `The queue goes with its ${many(all(seen), "task")}.`,
                                "Remove it",
                                name,
                            ))
                        )
                            return undefined;
                        const { job } = await remove(at`queues/${name}`, { force: true });
                        leave(job ? "/jobs" : "/queues");
                        return job ? `Job ${job} removes ${name}` : `${name} is gone`;
                    },
                    { class: "danger" },
                ),
        );
    }
    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, name),
            acts,
            head,
            plots.node,
            h("div", { class: "plots" }, days),
            h("h2", {}, "Types, in the last hour"),
            types.node,
            groupPart,
            tenantPart,
        ),
        refresh: look,
    };
    return view;
}
