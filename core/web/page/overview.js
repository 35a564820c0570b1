// overview.js - is work flowing, is anything stuck, and since when.
import { get } from "./api.js";
import { fill, h, refill, say } from "./dom.js";
import { count, duration, failedOf } from "./format.js";
import { elsewhere, problem, Table } from "./parts.js";
import { attempts, Flow } from "./plot.js";
import { link, path } from "./route.js";
import { series } from "./series.js";

// An idle page costs the store the same however many queues there are: what happens is heard, and
// what is not is looked at by turns.
const IDLE_MS = 15000,
    DOCTOR_MS = 300000,
    DOCTOR_QUEUE_MS = 20000, // and so long for each queue, of which it asks 40 commands
    DOCTOR_QUEUES = 1000, // of more it looks when it is asked
    FAILURES_MS = 60000,
    FAILURES_QUEUE_MS = 4000, // of which figures ask four commands
    OLD_MS = 60000;

/** @param {any[]} items @param {string} field */
const sum = (items, field) => items.reduce((n, item) => n + Number(item[field] ?? 0), 0);

/** @param {any} totals of all queues; null: not known yet @param {any[]} workers */
function figures(totals, workers) {
    const busy = sum(workers, "running"),
        slots = sum(workers, "concurrency") + sum(workers, "children_want"),
        of = (/** @type {string} */ field) => (totals ? count(totals[field]) : "…");
    return [
        ["Waiting", of("pending"), link("/tasks", { state: "pending" }, "tasks")],
        [
            "Oldest waits",
            totals?.latency_ms ? duration(totals.latency_ms) : "–",
            totals?.oldest && link(path("queues", totals.oldest), null, totals.oldest),
        ],
        ["Running", of("active"), link("/tasks", { state: "active" }, "tasks")],
        ["To be retried", of("retry"), link("/failures", null, "failures")],
        ["Archived", of("archived"), link("/failures", { state: "archived" }, "failures")],
        [
            "Workers",
            count(workers.length),
            link("/workers", null, slots ? `${busy} of ${slots} busy` : "none"),
        ],
    ];
}

/** What failed, of all queues together, the most first. @param {any[]} figures by type and queue */
function failing(figures) {
    const types = new Map();
    for (const { type, done, failed } of figures) {
        const sums = types.get(type) ?? { type, done: 0, failed: 0 };
        sums.done += Number(done);
        sums.failed += Number(failed);
        types.set(type, sums);
    }
    return [...types.values()].filter((t) => t.failed).sort((a, b) => b.failed - a.failed);
}

/** How old the counts may be, where that is worth a word. @param {any} totals */
function since(totals) {
    if (!totals) return "; the queues are being counted";
    return totals.age_ms > OLD_MS ? `; counts are up to ${duration(totals.age_ms)} old` : "";
}

/** @param {import("./app.js").Context} context */
export default function overview(context) {
    const all = context.everywhere("see");
    const cards = h("div", { class: "cards" }),
        fault = h("div"),
        warnings = h("div"),
        days = h("div"),
        heading = h("p", { class: "where" }),
        plots = all ? series() : null;
    const flow = new Flow("Events per second", [
        ["enqueued", "new"],
        ["done", "good"],
        ["retried", "warn"],
        ["archived", "bad"],
    ]);
    const queues = new Table(
        "Queues",
        [
            { title: "Queue", show: (q) => link(path("queues", q.queue), null, q.queue) },
            { title: "Waiting", number: true, show: (q) => count(q.pending) },
            {
                title: "Oldest",
                number: true,
                show: (q) => (q.latency_ms ? duration(q.latency_ms) : ""),
            },
            { title: "Running", number: true, show: (q) => count(q.active) },
            { title: "Retry", number: true, show: (q) => count(q.retry) },
            { title: "Archived", number: true, show: (q) => count(q.archived) },
            { title: "Today", number: true, show: (q) => count(q.processed) },
            {
                title: "",
                show: (q) => (q.paused ? "paused" : q.unserved ? "nobody serves it" : ""),
            },
        ],
        (q) => q.queue,
    );
    const failures = new Table(
        "Failures by type in the last hour",
        [
            { title: "Type", show: (t) => link(path("types", t.type), null, t.type) },
            {
                title: "Failed",
                number: true,
                show: (t) => link("/failures", { type: t.type }, failedOf(t)),
            },
            { title: "Done", number: true, show: (t) => count(t.done) },
        ],
        (t) => t.type,
    );
    const failed = h(
        "div",
        { hidden: true },
        h("h2", {}, "Failures by type, in the last hour"),
        failures.node,
    );
    let findings = 0,
        counted = 0,
        said = "";

    /** By figures of each queue: not at every look, and not of very many. @param {number} known */
    function lookAtFailures(known) {
        if (known > DOCTOR_QUEUES) return;
        if (Date.now() - counted < Math.max(FAILURES_MS, known * FAILURES_QUEUE_MS)) return;
        counted = Date.now();
        get("stats", {}, context.signal)
            .then(({ items }) => {
                const worst = failing(items).slice(0, 8);
                failures.show(worst);
                failed.hidden = !worst.length;
            })
            .catch(() => (counted = 0)); // the look itself says what is wrong
    }

    /** @param {string} age */
    async function look(age) {
        const seen = await get("overview", { age });
        await plots?.refresh();
        say(heading, `${seen.url}, gofer ${seen.version}${since(seen.totals)}`);
        // Said once, and not at every look.
        if ((seen.fault ?? "") !== said) fill(fault, seen.fault && problem(seen.fault));
        said = seen.fault ?? "";
        refill(
            cards,
            figures(seen.totals, seen.workers.items).map(([name, value, more]) =>
                h("div", { class: "card" }, h("span", {}, name), h("b", {}, value), more),
            ),
        );
        const worst = [...seen.queues.items].sort(
            (a, b) =>
                Number(!!b.unserved) - Number(!!a.unserved) ||
                b.latency_ms - a.latency_ms ||
                b.size - a.size,
        );
        queues.show(worst.slice(0, 12));
        refill(days, attempts(seen.history.items));
        const known = seen.totals?.queues ?? Infinity;
        lookAtFailures(known);
        if (all && known > DOCTOR_QUEUES)
            refill(
                warnings,
                h(
                    "p",
                    { class: "where" },
                    "With so many queues the doctor looks when it is asked: ",
                    link("/doctor", null, "Doctor"),
                ),
            );
        // The doctor's look is dear.
        else if (all && Date.now() - findings > Math.max(DOCTOR_MS, known * DOCTOR_QUEUE_MS)) {
            findings = Date.now();
            get("check", {}, context.signal)
                .then((found) => {
                    const bad = found.items.filter((/** @type {any} */ f) => f.severity !== "note");
                    fill(
                        warnings,
                        bad
                            .slice(0, 5)
                            .map((/** @type {any} */ f) =>
                                h(
                                    "p",
                                    { class: `finding ${f.severity}` },
                                    f.text,
                                    " ",
                                    link("/doctor", null, "more"),
                                ),
                            ),
                    );
                })
                .catch((error) => fill(warnings, problem(error)));
        }
    }

    return {
        node: h(
            "section",
            {},
            h("h1", {}, "Overview"),
            heading,
            !all && h("p", { class: "where" }, `Of your queues: ${context.queues("see")}`),
            fault,
            warnings,
            cards,
            h("div", { class: "plots" }, flow.node, days),
            plots?.node ?? elsewhere("Plots of the last hours are", context),
            h("h2", {}, link("/queues", null, "Queues")),
            queues.node,
            failed,
        ),
        refresh: look,
        every: IDLE_MS,
        hear: (/** @type {any} */ message) => flow.add(message.counts),
        tick: () => flow.draw(),
    };
}
