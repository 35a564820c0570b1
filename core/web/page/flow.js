// flow.js - one flow: its steps as a graph in layers and as a table, and what can be done.
import { at, get, items, post } from "./api.js";
import { h, refill } from "./dom.js";
import { count } from "./format.js";
import { ask, badge, button, facts, moment, Table } from "./parts.js";
import { progress } from "./flows.js";
import { s } from "./plot.js";
import { link, path } from "./route.js";

const DRAWN = 300, // steps; of more a picture tells nothing
    LAYER = 190, // pixels from a layer to the next
    ROW = 36,
    BOX = { width: 150, height: 26 },
    LETTERS = 20; // of a name, in a box

// By how a step looks: what has ended well, ill, runs, and has not begun.
/** @type {Record<string, string>} */
const LOOKS = {
    done: "good",
    active: "new",
    pending: "new",
    scheduled: "new",
    aggregating: "new",
    retry: "warn",
    archived: "bad",
    cancelled: "bad",
    expired: "bad",
    revoked: "bad",
    deleted: "bad",
};

/** The names that a step comes after. @param {any} step @returns {string[]} */
const before = (step) =>
    (step.after?.split("\n") ?? []).map((/** @type {string} */ word) =>
        word.replace(/:(always|failure)$/, ""),
    );

/**
 * Steps by layers: one more than that of the last of those that a step comes after.
 * @param {any[]} steps @returns {any[][]}
 */
function layers(steps) {
    const left = new Map(steps.map((step) => [step.name, step])),
        found = [];
    while (left.size) {
        const ready = [...left.values()].filter((step) =>
            before(step).every((name) => !left.has(name)),
        );
        if (!ready.length) break; // which the store has refused
        found.push(ready);
        for (const step of ready) left.delete(step.name);
    }
    return found;
}

/** How far what was made of a step has come, "3/100"; "": it is run once. @param {any} step */
const made = (step) => (step.made === undefined ? "" : `${step.made_ended}/${step.made}`);

/** @param {any[]} steps */
function graph(steps) {
    const found = layers(steps),
        width = found.length * LAYER,
        height = Math.max(1, ...found.map((layer) => layer.length)) * ROW,
        places = new Map();
    found.forEach((layer, x) =>
        layer.forEach((step, y) =>
            places.set(step.name, {
                x: x * LAYER + 4,
                y: (height - layer.length * ROW) / 2 + y * ROW + 4,
            }),
        ),
    );
    const lines = [],
        boxes = [];
    for (const step of found.flat()) {
        const to = places.get(step.name);
        for (const name of before(step)) {
            const from = places.get(name);
            if (!from) continue;
            const x = from.x + BOX.width,
                half = (to.x - x) / 2,
                [y, end] = [from, to].map((place) => place.y + BOX.height / 2);
            lines.push(
                s("path", {
                    d: `M${x} ${y} C${x + half} ${y} ${to.x - half} ${end} ${to.x} ${end}`,
                    class: "link",
                }),
            );
        }
        const name = s("text", { x: to.x + 8, y: to.y + 17 }),
            title = s("title", {});
        const text = `${step.name} ${made(step)}`.trim();
        name.textContent = text.length > LETTERS ? `${text.slice(0, LETTERS - 1)}…` : text;
        title.textContent = `${step.name}: ${step.state} ${made(step)}`.trim();
        boxes.push(
            s(
                "g",
                { class: `step ${LOOKS[step.state] ?? "idle"}` },
                title,
                s("rect", { x: to.x, y: to.y, ...BOX, rx: 4 }),
                name,
            ),
        );
    }
    const picture = s(
        "svg",
        {
            class: "plot graph",
            viewBox: `0 0 ${width} ${height}`,
            width,
            height,
            role: "img",
            "aria-label": `${steps.length} steps in ${found.length} layers; the table has them`,
        },
        ...lines,
        ...boxes,
    );
    return h("div", { class: "table" }, picture);
}

/** @param {any} f @param {import("./app.js").Context} context @param {any} view */
function buttons(f, { everywhere }, view) {
    if (!everywhere("operate")) return [];
    const act = (/** @type {string} */ name, /** @type {string} */ said) => async () => {
        await post(at`flows/${f.id}/${name}`);
        await view.again();
        return said;
    };
    const made = [];
    if (f.state === "running") made.push(button("Pause", act("pause", "No further step begins")));
    if (f.state === "paused") made.push(button("Unpause", act("unpause", "It goes on")));
    if (f.failed || f.state === "cancelled")
        made.push(button("Retry", act("retry", "It goes on")));
    if (!f.ended_at_ms)
        made.push(
            button(
                "Cancel",
                async () =>
                    (await ask("Cancel this flow?", "Its tasks are cancelled.", "Cancel it"))
                        ? act("cancel", "It is cancelled")()
                        : undefined,
                { class: "danger" },
            ),
        );
    return made;
}

/** @param {import("./app.js").Context} context */
export default function flow(context) {
    const id = context.words[1],
        acts = h("p", { class: "acts" }),
        sums = h("div"),
        picture = h("div");
    let drawn = "";
    const retry = (/** @type {any} */ step) =>
        button("Retry", async () => {
            await post(at`flows/${id}/retry`, { step: step.name });
            await view.again();
        });
    let failed = false;
    const table = new Table(
        "Steps",
        [
            { title: "Step", class: "id", show: (step) => step.name },
            { title: "State", show: (step) => [badge(step.state), " ", made(step)] },
            { title: "Type", show: (step) => step.type },
            {
                title: "Task",
                class: "id",
                show: (step) =>
                    step.made === undefined
                        ? [link(path("queues", step.queue, "tasks", step.id), null, step.id)]
                        : null,
            },
            { title: "Queue", show: (step) => step.queue },
            { title: "After", show: (step) => step.after?.replaceAll("\n", ", ") ?? "" },
            { title: "Ended", show: (step) => moment(step.ended_at_ms) },
            { title: "Error", class: "error", show: (step) => step.error ?? "" },
            {
                title: "",
                show: (step) =>
                    failed && LOOKS[step.state] === "bad" && context.everywhere("operate")
                        ? retry(step)
                        : null,
            },
        ],
        (step) => step.name,
    );
    /** @type {any} */
    const view = {
        node: h(
            "section",
            {},
            h("h1", {}, h("span", { class: "unseen" }, "Flow "), id),
            acts,
            sums,
            picture,
            table.node,
        ),
        refresh: async () => {
            const f = await get(at`flows/${id}`),
                all = items(f.steps),
                steps = all.filter((/** @type {any} */ step) => !step.made_of),
                failures = all.filter(
                    (/** @type {any} */ step) => step.made_of && LOOKS[step.state] === "bad",
                );
            failed = f.failed > 0;
            refill(acts, buttons(f, context, view));
            refill(
                sums,
                facts([
                    ["State", badge(f.state)],
                    ["Steps", progress(f)],
                    ["Failed", f.failed ? count(f.failed) : null],
                    ["When one fails", f.on_dead],
                    ["Started", moment(f.created_at_ms)],
                    ["Ended", moment(f.ended_at_ms)],
                    ["Deadline", moment(f.deadline_ms)],
                    ["Kept until", moment(f.expires_at_ms)],
                ]),
            );
            table.show([...steps, ...failures]);
            const now = steps
                .map((/** @type {any} */ step) => `${step.state} ${made(step)}`)
                .join();
            if (now !== drawn && steps.length <= DRAWN) refill(picture, graph(steps));
            drawn = now;
        },
    };
    return view;
}
