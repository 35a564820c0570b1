// shortcuts.js - keys for who would rather not use a mouse: `?` lists them, and can turn them off.
//
// Each is one plain key, or `g` and another. None is heard while somebody types or answers a
// question, nor together with Ctrl, Alt or Meta, which are the browser's.
import { h } from "./dom.js";
import { go } from "./route.js";

/** @typedef {{title: string, path: string[], key?: string}} View */

const STORED = "gofer-shortcuts",
    SECOND_MS = 1500; // for the key after `g`
/** @type {View[]} */
let views = [];
let waits = 0; // for the key after `g`

/** Kept by the browser, if it keeps anything. */
function isOff() {
    try {
        return localStorage.getItem(STORED) === "off";
    } catch {
        return false;
    }
}

/** @param {boolean} on */
function turn(on) {
    try {
        if (on) localStorage.removeItem(STORED);
        else localStorage.setItem(STORED, "off");
    } catch {
        // It holds for this page then, which is asked again next time.
    }
}

/** What can have the focus in it. @param {Element} node */
const first = (node) =>
    /** @type {HTMLElement|null} */ (node.querySelector("a[href],button:enabled,input,summary"));

/** The focus to the row that is so many further. @param {number} step */
function row(step) {
    const rows = [...document.querySelectorAll("main tbody tr")].filter(
            (one) => one.checkVisibility() && first(one),
        ),
        now = rows.findIndex((one) => one.contains(document.activeElement)),
        next = now < 0 ? (step > 0 ? 0 : rows.length - 1) : now + step;
    if (rows[next]) first(rows[next])?.focus();
}

/** The focus to the field of this view, or to that of tasks. */
function search() {
    const box = () =>
        /** @type {HTMLInputElement|null} */ (document.querySelector("main input[type=search]"));
    if (box()) box()?.focus();
    else {
        addEventListener("gofer-view", () => box()?.focus(), { once: true });
        go("/tasks");
    }
}

const KEYS = [
    { key: "?", what: "These keys", act: () => list() },
    { key: "/", what: "Search here, or in tasks", act: search },
    { key: "j", what: "The next row", act: () => row(1) },
    { key: "k", what: "The row before", act: () => row(-1) },
    { key: "u", what: "Back to where you were", act: () => history.back() },
];

/** Show them all. */
export function list() {
    if (document.querySelector("dialog[open]")) return;
    const item = (/** @type {string[]} */ keys, /** @type {string} */ what) =>
        h(
            "tr",
            {},
            h(
                "th",
                { scope: "row" },
                keys.map((key) => [h("kbd", {}, key), " "]),
            ),
            h("td", {}, what),
        );
    const dialog = /** @type {HTMLDialogElement} */ (
        h(
            "dialog",
            { "aria-label": "Keys", class: "keys" },
            h("h2", {}, "Keys"),
            h(
                "table",
                {},
                h(
                    "tbody",
                    {},
                    KEYS.map(({ key, what }) => item([key], what)),
                    views.map((view) => view.key && item(["g", view.key], view.title)),
                    item(["Tab", "Enter"], "The next thing that can be done; do it"),
                    item(["Esc"], "Leave a question, or a field"),
                ),
            ),
            h(
                "p",
                {},
                h(
                    "label",
                    {},
                    h("input", {
                        type: "checkbox",
                        ...(isOff() ? {} : { checked: true }),
                        onchange: (/** @type {Event} */ e) =>
                            turn(/** @type {HTMLInputElement} */ (e.target).checked),
                    }),
                    " Keys without Tab, Enter and Esc are on",
                ),
            ),
            h("p", {}, h("button", { type: "button", onclick: () => dialog.close() }, "Close")),
        )
    );
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
}

/** Does somebody type there? @param {EventTarget|null} target */
const types = (target) =>
    target instanceof Element &&
    target.matches("input:not([type=checkbox]),textarea,select,[contenteditable]");

/** @param {KeyboardEvent} event @returns {(() => void)|undefined} */
function meant(event) {
    const second = waits;
    clearTimeout(waits);
    waits = 0;
    if (second) {
        const view = views.find((one) => one.key === event.key);
        return view && (() => go(`/${view.path.join("/")}`));
    }
    if (event.key === "g")
        return () => {
            waits = setTimeout(() => (waits = 0), SECOND_MS);
        };
    return KEYS.find((one) => one.key === event.key)?.act;
}

/** @param {KeyboardEvent} event */
function heard(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    if (types(event.target)) {
        if (event.key === "Escape") /** @type {HTMLElement} */ (event.target).blur();
        return;
    }
    const act = isOff() ? undefined : meant(event);
    if (!act) return;
    event.preventDefault();
    act();
}

/** From now on. @param {View[]} all the views that have a key */
export function hear(all) {
    views = all;
    addEventListener("keydown", heard);
}
