// failures.js - what fails, by type and kind of error, and acts on all of a kind.
//
// The server looks at a bounded number of tasks for each question; the groups of all answers are
// added up here, while a look goes on that can be stopped.
import { follow, get, post } from "./api.js";
import { chooseQueue } from "./choose.js";
import { fill, h, refill, say } from "./dom.js";
import { count, many } from "./format.js";
import { ask, button, choices, moment, Table } from "./parts.js";
import { link, path } from "./route.js";

const SMALL = 20000, // so many tasks are looked at anew by themselves, now and then
    ANEW_MS = 10000;
const TITLES = { run: "Run them", archive: "Archive them", delete: "Delete them" };

/** @param {Map<string, any>} groups @param {any} one */
function addUp(groups, one) {
    const key = `${one.type}\n${one.fingerprint ?? ""}`,
        known = groups.get(key);
    if (!known) {
        groups.set(key, { key, ...one });
        return;
    }
    known.count += one.count;
    known.retry += one.retry;
    known.archived += one.archived;
    known.first_ms = Math.min(known.first_ms, one.first_ms);
    if (one.last_ms >= known.last_ms)
        Object.assign(known, {
            last_ms: one.last_ms,
            queue: one.queue,
            id: one.id,
            error: one.error,
        });
}

/** @param {import("./app.js").Context} context */
export default function failures({ query, may, everywhere, signal }) {
    const state = ["retry", "archived"].includes(query.state) ? query.state : "",
        scope = { queue: query.queue, type: query.type, state };
    if (!everywhere("see") && !query.queue) {
        const choice = chooseQueue("Failures are counted", "/failures", scope);
        return {
            node: h("section", {}, h("h1", {}, "Failures"), choice.node),
            refresh: choice.refresh,
        };
    }
    const right = (/** @type {string} */ name) => may(name, query.queue),
        foot = h("p", { class: "foot", "aria-live": "polite" }),
        progress = h("p", { class: "acts" });
    let running = false,
        stopped = false,
        ended = 0,
        scanned = 0;

    /** @param {any} g @param {"run"|"archive"|"delete"} act */
    async function onAll(g, act) {
        const what = { ...scope, type: g.type, fingerprint: g.fingerprint };
        if (
            act !== "run" &&
            !(await ask(
                `${TITLES[act]}: all of this kind?`,
                `${many(g.count, "task")} of ${g.type} that failed so: ${g.error}`,
                TITLES[act],
                g.count > 1000 ? String(g.count) : undefined,
            ))
        )
            return undefined;
        const asked = Object.fromEntries(Object.entries(what).filter(([, value]) => value));
        const job = await follow(
            (await post("acts", { ...asked, act })).job,
            (j) => say(foot, `${count(j.done)} of ${count(g.count)}`),
            signal,
        );
        ended = 0;
        await view.again();
        return job.state === "done"
            ? many(job.done, "task")
            : `It was ${job.state}: ${job.error ?? ""}`;
    }

    const table = new Table(
        "Failures by type and error",
        [
            {
                title: "Tasks",
                number: true,
                show: (g) =>
                    link(
                        "/tasks",
                        { ...scope, state, type: g.type, fingerprint: g.fingerprint },
                        count(g.count),
                    ),
            },
            { title: "Type", show: (g) => link("/failures", { ...scope, type: g.type }, g.type) },
            { title: "Error", class: "error", show: (g) => g.error ?? "" },
            {
                title: "To be retried, set aside",
                number: true,
                show: (g) => `${count(g.retry)}, ${count(g.archived)}`,
            },
            { title: "First", show: (g) => moment(g.first_ms) },
            { title: "Latest", show: (g) => moment(g.last_ms) },
            {
                title: "One of them",
                class: "id",
                show: (g) => link(path("queues", g.queue, "tasks", g.id), null, g.id),
            },
            {
                title: "",
                show: (g) =>
                    g.fingerprint !== undefined && [
                        right("operate") && button(TITLES.run, () => onAll(g, "run")),
                        right("operate") &&
                            g.retry > 0 &&
                            button(TITLES.archive, () => onAll(g, "archive")),
                        right("admin") &&
                            button(TITLES.delete, () => onAll(g, "delete"), { class: "danger" }),
                    ],
            },
        ],
        (g) => g.key,
    );

    async function scan() {
        /** @type {Map<string, any>} */
        const groups = new Map();
        let cursor = "";
        running = true;
        stopped = false;
        scanned = 0;
        fill(
            progress,
            button("Stop looking", async () => {
                stopped = true;
            }),
        );
        try {
            do {
                const page = await get("failures", { ...scope, cursor }, signal);
                for (const one of page.items) addUp(groups, one);
                scanned += page.scanned;
                cursor = page.next_cursor ?? "";
                if (cursor || stopped) say(foot, `${many(scanned, "task")} looked at so far`);
            } while (cursor && !stopped && !signal.aborted);
        } finally {
            running = false;
            ended = Date.now();
            refill(
                progress,
                button("Look again", async () => {
                    ended = 0;
                    await scan();
                }),
            );
        }
        table.show([...groups.values()].sort((a, b) => b.count - a.count || b.last_ms - a.last_ms));
        say(
            foot,
            cursor
                ? `Of the first ${count(scanned)} tasks; there are more.`
                : `Of ${many(scanned, "task")}.`,
        );
    }

    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, "Failures"),
            choices(
                "/failures",
                scope,
                "state",
                [
                    ["", "all"],
                    ["retry", "to be retried"],
                    ["archived", "failed for good"],
                ],
                state,
            ),
            (query.type || query.queue) &&
                h(
                    "p",
                    {},
                    [
                        query.type && `Of the type ${query.type}. `,
                        query.queue && `Of ${query.queue}. `,
                    ],
                    link("/failures", { state }, "All of them"),
                ),
            progress,
            table.node,
            foot,
        ),
        refresh: async () => {
            const due = !ended || (scanned <= SMALL && Date.now() - ended > ANEW_MS);
            if (!running && due) await scan();
        },
    };
    return view;
}
