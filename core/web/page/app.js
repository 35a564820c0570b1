// app.js - the page: which view an address shows, and what stays around the views.
import { ApiError, get, login, loginByName, logout } from "./api.js";
import { fill, h } from "./dom.js";
import "./format.js";
import { listen, sign } from "./live.js";
import { button, complain, problem } from "./parts.js";
import { rightsOf } from "./rights.js";
import { go, here, link, watch } from "./route.js";

// `key`: goes there, after `g` (shortcuts.js).
const VIEWS = [
    { name: "overview", title: "Overview", path: [], key: "o" },
    { name: "queues", title: "Queues", path: ["queues"], key: "q" },
    { name: "tasks", title: "Tasks", path: ["tasks"], key: "t" },
    { name: "failures", title: "Failures", path: ["failures"], key: "f" },
    { name: "types", title: "Types", path: ["types"], key: "y" },
    { name: "schedules", title: "Schedules", path: ["schedules"], key: "s" },
    { name: "flows", title: "Flows", path: ["flows"], key: "n" },
    { name: "limits", title: "Limits", path: ["limits"], key: "l" },
    { name: "workers", title: "Workers", path: ["workers"], key: "w" },
    { name: "jobs", title: "Jobs", path: ["jobs"], key: "j" },
    { name: "groups", title: "Groups", path: ["groups"], key: "p" },
    { name: "doctor", title: "Doctor", path: ["doctor"], key: "d" },
    { name: "audit", title: "Audit", path: ["audit"], key: "a", right: "admin" },
    { name: "settings", title: "Settings", path: ["settings"], key: "e" },
];
// Parts of views, and views of one thing.
const FILES = [
    ...["queue", "task", "schedule", "missing", "series", "lines", "search", "choose"],
    "columns",
    "flow",
    "type",
];

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const header = /** @type {HTMLElement} */ (document.getElementById("header"));
const RETRY_MS = 1000;
let me = /** @type {import("./rights.js").Me} */ ({ name: null, rights: [] });

/** What a view is given. @typedef {object} Context
 * @property {string[]} words
 * @property {Record<string, string>} query
 * @property {import("./rights.js").Me} me
 * @property {(right: string, queue?: string) => boolean} may with this queue, or with any
 * @property {(right: string) => boolean} everywhere with all queues
 * @property {(right: string) => string} queues with which, in words
 * @property {AbortSignal} signal of the view's end
 * @property {(to: string, query?: Record<string, unknown>) => void} leave to another view, unless
 *     the reader has gone somewhere else meanwhile
 */

/** @param {string[]} words */
function module(words) {
    if (words.length === 0) return { file: "overview", nav: "overview" };
    if (words[0] === "queues" && words[2] === "tasks") return { file: "task", nav: "tasks" };
    if (words[0] === "schedules" && words.length === 2)
        return { file: "schedule", nav: "schedules" };
    if (words[0] === "flows" && words.length === 2) return { file: "flow", nav: "flows" };
    if (words[0] === "types" && words.length === 2) return { file: "type", nav: "types" };
    if (words[0] === "new-schedule") return { file: "schedule", nav: "schedules" };
    if (words[0] === "queues" && words.length === 2) return { file: "queue", nav: "queues" };
    const known = VIEWS.find((view) => view.path.length && view.path[0] === words[0]);
    return known ? { file: known.name, nav: known.name } : { file: "missing", nav: "" };
}

// How old the queues' counts may be that a view is told: after an act, when something may have been
// missed, and while it only stays open.
const NOW = "",
    ANEW = "5s",
    IDLE = "10m";

/** @type {AbortController|null} */
let current = null;
let retry = 0;
let shown = 0; // views so far

/** Is it over when server and store are there again? @param {unknown} error */
const isPassing = (error) => error instanceof ApiError && (!error.status || error.status >= 500);

/** For who cannot see that it is still coming. @param {boolean} busy */
const loading = (busy) => main.setAttribute("aria-busy", String(busy));

async function show() {
    current?.abort();
    clearTimeout(retry);
    loading(true);
    const ending = (current = new AbortController()),
        { words, query } = here(),
        { file, nav } = module(words);
    for (const node of header.querySelectorAll("nav a")) {
        if (node.getAttribute("data-view") === nav) node.setAttribute("aria-current", "page");
        else node.removeAttribute("aria-current");
    }
    const view = VIEWS.find((one) => one.name === nav);
    document.title = [words.length > 1 ? words[words.length - 1] : null, view?.title, "gofer"]
        .filter(Boolean)
        .join(" · ");
    if (!me.rights.includes("see")) {
        fill(main, loginForm());
        loading(false);
        return;
    }
    try {
        const made = await import(`./${file}.js`);
        if (ending.signal.aborted) return; // another view is there by now
        await run(made.default, {
            words,
            query,
            me,
            ...rightsOf(me),
            signal: ending.signal,
            leave: (to, where) => !ending.signal.aborted && go(to, where),
        });
    } catch (error) {
        if (ending.signal.aborted) return;
        fill(main, problem(error));
        loading(false);
        retry = setTimeout(show, RETRY_MS);
    }
}

// The other views are fetched when there is time, so that a server that is away later is told of by
// the view itself. What cannot be had now is asked for again when it is needed.
function fetchViews() {
    for (const name of [...VIEWS.map((view) => view.name), ...FILES])
        import(`./${name}.js`).catch(() => null);
    import("./shortcuts.js").then((keys) => keys.hear(VIEWS)).catch(() => null);
}

/**
 * Show a view and keep it fresh: with what happens, and every five seconds.
 * @param {(c: Context) => any} make
 * @param {Context} context
 */
async function run(make, context) {
    const view = make(context),
        trouble = h("div");
    fill(main, trouble, view.node);
    /** @type {Promise<void>|null} */
    let running = null;
    /** @type {Promise<void>|null} */
    let next = null; // the look after the one under way, once somebody wants it
    let nextAge = "",
        due = 0,
        known = false; // something was there to be shown
    const later = (/** @type {number} */ ms) => {
        if (!due && !context.signal.aborted)
            due = setTimeout(() => {
                due = 0;
                glance();
            }, ms);
    };
    const look = async (/** @type {string} */ age) => {
        try {
            await view.refresh?.(age);
            fill(trouble);
            view.node.classList.remove("absent");
            known = true;
        } catch (error) {
            if (context.signal.aborted) return;
            if (!known && error instanceof ApiError && error.status === 404)
                view.node.classList.add("absent");
            if (error instanceof ApiError && error.status === 401) return start();
            fill(trouble, problem(error));
            if (isPassing(error)) later(RETRY_MS);
        }
    };
    // One look at a time. What is wanted during one is another behind it, one for all that want it:
    // what has been done meanwhile is to be seen.
    /** @type {(age?: string) => Promise<void>} */
    const refresh = (age = NOW) => {
        if (context.signal.aborted || document.hidden) return Promise.resolve();
        if (!running) return (running = look(age).finally(() => (running = null)));
        nextAge = next && nextAge === NOW ? NOW : age;
        return (next ??= running.then(() => {
            next = null;
            return refresh(nextAge);
        }));
    };
    // Because time has passed, or something has happened: that is for what is known anyway.
    const glance = () => (running ? later(1000) : refresh(IDLE));
    view.again = () => refresh();
    await refresh();
    if (context.signal.aborted) return;
    loading(false);
    // What had the focus has gone with the view before: reading goes on at this one's beginning.
    if (shown && document.activeElement === document.body) main.focus({ preventScroll: true });
    shown++;
    dispatchEvent(new Event("gofer-view"));
    performance.mark("gofer-view"); // what is fetched from here on is for later
    setTimeout(fetchViews);
    const stop = listen((message) => {
        view.hear?.(message);
        if (message.anew) refresh(ANEW);
        else if (
            !Object.keys(message.counts).every((kind) => kind === "progress" || kind === "log")
        )
            later(1000);
    });
    const timer = setInterval(glance, view.every ?? 5000),
        tick = setInterval(() => !document.hidden && view.tick?.(), 1000);
    context.signal.addEventListener("abort", () => {
        stop();
        clearInterval(timer);
        clearInterval(tick);
        clearTimeout(due);
    });
}

/**
 * @param {string} id @param {string} label @param {string} type @param {string} autocomplete
 * @returns {[HTMLElement, HTMLInputElement]}
 */
function field(id, label, type, autocomplete) {
    const input = /** @type {HTMLInputElement} */ (
        h("input", { type, id, autocomplete, required: true })
    );
    return [h("label", { for: id }, label), input];
}

/** @param {() => Promise<unknown>} act @param {...unknown} children */
function loginBy(act, ...children) {
    return h(
        "form",
        {
            class: "login",
            onsubmit: async (/** @type {Event} */ event) => {
                event.preventDefault();
                try {
                    await act();
                    await start();
                } catch (error) {
                    complain(error);
                }
            },
        },
        children,
    );
}

function loginForm() {
    const [tokenLabel, token] = field("token", "Token", "password", "current-password"),
        [nameLabel, name] = field("name", "Name", "text", "username"),
        [passwordLabel, password] = field("password", "Password", "password", "current-password");
    return [
        h("h1", {}, "Log in"),
        h(
            "p",
            {},
            "This server asks for a token: 'gofer web token add NAME --role operate' makes one, " +
                "and with '--password' a name and password.",
        ),
        loginBy(
            () => login(token.value),
            tokenLabel,
            token,
            h("button", { type: "submit" }, "Log in"),
        ),
        loginBy(
            () => loginByName(name.value, password.value),
            nameLabel,
            name,
            passwordLabel,
            password,
            h("button", { type: "submit" }, "Log in by name"),
        ),
    ];
}

function drawHeader() {
    const whose = me.grants && rightsOf(me).queues("see");
    fill(
        header,
        h(
            "nav",
            { "aria-label": "Views" },
            h("strong", {}, link("/", null, "gofer")),
            VIEWS.filter((view) => !view.right || rightsOf(me).everywhere(view.right)).map(
                (view) => {
                    const node = link(`/${view.path.join("/")}`, null, view.title);
                    node.setAttribute("data-view", view.name);
                    return node;
                },
            ),
        ),
        h(
            "div",
            { class: "me" },
            sign,
            button("Keys", async () => (await import("./shortcuts.js")).list(), {
                title: "Keys: ?",
            }),
            me.name
                ? [
                      h("span", {}, me.name, whose && ` (${whose})`),
                      button("Log out", async () => {
                          await logout();
                          await start();
                      }),
                  ]
                : me.rights.includes("operate")
                  ? null
                  : button("Log in", async () => {
                        current?.abort();
                        clearTimeout(retry);
                        fill(main, loginForm());
                    }),
        ),
    );
}

async function start() {
    clearTimeout(retry);
    try {
        me = await get("me");
    } catch (error) {
        fill(main, problem(error));
        loading(false);
        retry = setTimeout(start, RETRY_MS);
        return;
    }
    drawHeader();
    await show();
}

watch(show);
start();
