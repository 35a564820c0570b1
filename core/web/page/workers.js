// workers.js - live workers, what they run, and the hold that one has on them.
import { at, get, items, patch } from "./api.js";
import { h, refill } from "./dom.js";
import { bytes, many } from "./format.js";
import { ask, badge, button, moment, Table, turns } from "./parts.js";
import { link, path } from "./route.js";

const LISTED = 200;

/** What each runs: Redis tells it of workers, SQLite of tasks alone. @param {any[]} workers */
async function running(workers) {
    const untold = workers.some((w) => w.running && !items(w.tasks).length),
        active = untold ? items(await get("tasks", { state: "active", limit: 1000 })) : [];
    return new Map(
        workers.map((w) => {
            const told = items(w.tasks);
            return [w.worker, told.length ? told : active.filter((t) => t.worker === w.worker)];
        }),
    );
}

/** @param {import("./app.js").Context} context */
export default function workers({ may, everywhere }) {
    const detail = h("div"),
        pages = turns(() => view.again());
    // Whose queues are all his; the weight is behind the last '='.
    const mine = (/** @type {any} */ w) =>
        everywhere("operate") ||
        (!w.serves_others &&
            w.queues
                .split(" ")
                .every((/** @type {string} */ one) => may("operate", one.replace(/=[^=]*$/, ""))));
    const set =
        (/** @type {any} */ w, /** @type {any} */ what, /** @type {string} */ said) => async () => {
            await patch(at`workers/${w.worker}`, what);
            await view.again();
            return said;
        };
    const table = new Table(
        "Workers",
        [
            { title: "Host", show: (w) => `${w.host} ${w.pid}` },
            { title: "State", show: (w) => badge(w.state) },
            {
                title: "Slots",
                number: true,
                show: (w) => `${w.running - (w.children_busy ?? 0)} of ${w.concurrency}`,
            },
            {
                title: "Children",
                number: true,
                show: (w) =>
                    w.children === undefined
                        ? ""
                        : [
                              `${w.children} run ${w.children_busy} of ${w.children_want}`,
                              w.child_restarts ? `, ${many(w.child_restarts, "restart")}` : "",
                          ],
            },
            { title: "Queues", show: (w) => w.queues + (w.strict ? " (strict)" : "") },
            { title: "Since", show: (w) => moment(w.started_at_ms) },
            { title: "Id", class: "id", show: (w) => w.worker },
            {
                title: "",
                show: (w) =>
                    mine(w) && [
                        button(
                            "−",
                            set(
                                w,
                                { concurrency: Math.max(1, w.concurrency - 1) },
                                "One slot less",
                            ),
                            { "aria-label": "One slot less" },
                        ),
                        button("+", set(w, { concurrency: w.concurrency + 1 }, "One slot more"), {
                            "aria-label": "One slot more",
                        }),
                        w.state === "quiet"
                            ? button("Resume", set(w, { state: "active" }, "It takes tasks again"))
                            : button("Quiet", set(w, { state: "quiet" }, "It takes no more tasks")),
                        button(
                            "Stop",
                            async () =>
                                (await ask(
                                    "Stop this worker?",
                                    `${w.host} ${w.pid} ends what it runs, within its grace.`,
                                    "Stop it",
                                ))
                                    ? set(w, { state: "stop" }, "It stops")()
                                    : undefined,
                            { class: "danger" },
                        ),
                    ],
            },
        ],
        (w) => w.worker,
    );
    /** @type {any} */
    const view = {
        node: h("section", {}, h("h1", {}, "Workers"), table.node, pages.node, detail),
        refresh: async () => {
            const page = await get("workers", { cursor: pages.cursor(), limit: LISTED }),
                seen = page.items,
                tasks = await running(seen),
                of = (/** @type {any} */ w) => tasks.get(w.worker) ?? [];
            table.show(seen);
            pages.show(page.next_cursor);
            refill(
                detail,
                seen.map((/** @type {any} */ w) => [
                    items(w.child_processes).length > 0 &&
                        h(
                            "details",
                            {},
                            h("summary", {}, `Children of ${w.host} ${w.pid}`),
                            h(
                                "ul",
                                {},
                                items(w.child_processes).map((/** @type {any} */ c) =>
                                    h(
                                        "li",
                                        {},
                                        `${c.name} ${c.number}, PID ${c.pid}, ${c.state}: `,
                                        `${c.running} of ${c.want}, `,
                                        `${many(c.processed, "task")}, ${bytes(c.memory)}, since `,
                                        moment(c.started_at_ms),
                                    ),
                                ),
                            ),
                        ),
                    of(w).length > 0 &&
                        h(
                            "details",
                            {},
                            h("summary", {}, `Tasks of ${w.host} ${w.pid}`),
                            h(
                                "ul",
                                {},
                                of(w).map((/** @type {any} */ t) =>
                                    h(
                                        "li",
                                        {},
                                        link(
                                            path("queues", t.queue, "tasks", t.id),
                                            null,
                                            `${t.type} ${t.id}`,
                                        ),
                                        " since ",
                                        moment(t.started_at_ms),
                                    ),
                                ),
                            ),
                        ),
                ]),
            );
        },
    };
    return view;
}
