// parts.js - pieces that several views are made of: tables, acts with their question, trees.
import { ApiError } from "./api.js";
import { h, keyed, refill, say } from "./dom.js";
import { link } from "./route.js";

const notes = /** @type {HTMLElement} */ (document.getElementById("notes"));

/** A word to the reader that goes by itself. @param {string} text @param {boolean} [bad] */
export function note(text, bad) {
    const node = h("p", { class: bad ? "note bad" : "note" }, text);
    notes.append(node);
    setTimeout(() => node.remove(), bad ? 10000 : 4000);
}

/** But for what ended with its view. @param {unknown} error */
export function complain(error) {
    if (error instanceof Error && error.name === "AbortError") return;
    note(error instanceof Error ? error.message : String(error), true);
}

/** @param {unknown} error */
export function problem(error) {
    const text =
        error instanceof ApiError && error.status === 503
            ? `The store does not answer: ${error.message}`
            : error instanceof Error
              ? error.message
              : String(error);
    return h("p", { class: "problem", role: "alert" }, text);
}

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {(item: any) => unknown} show  text, or a node
 * @property {boolean} [number]
 * @property {string} [class]
 * @property {string} [unseen]  of a column without a title: what a screen reader calls it
 */

/** A table whose rows stay in place while what they show changes. */
export class Table {
    /** @param {string} caption @param {Column[]} columns @param {(item: any) => string} key */
    constructor(caption, columns, key) {
        this.columns = columns;
        this.key = key;
        this.body = h("tbody");
        this.empty = h("p", { class: "empty", hidden: true }, "Nothing here.");
        this.node = h(
            "div",
            { class: "table" },
            h(
                "table",
                {},
                h("caption", { class: "unseen" }, caption),
                h(
                    "thead",
                    {},
                    h(
                        "tr",
                        {},
                        columns.map((c) =>
                            h(
                                "th",
                                { scope: "col", class: this.style(c) },
                                c.title || h("span", { class: "unseen" }, c.unseen ?? "Acts"),
                            ),
                        ),
                    ),
                ),
                this.body,
            ),
            this.empty,
        );
    }

    /** @param {Column} c */
    style(c) {
        return [c.number && "number", c.class].filter(Boolean).join(" ") || null;
    }

    /** What is shown of an item, in cells. @param {(c: Column) => unknown} of */
    row(of) {
        return h(
            "tr",
            {},
            this.columns.map((c) => h("td", { class: this.style(c) }, of(c))),
        );
    }

    /** Rows behind those that are there, which stay as they are. @param {any[]} items */
    add(items) {
        for (const item of items) {
            const row = this.row((c) => c.show(item));
            row.setAttribute("data-key", this.key(item));
            this.body.append(row);
        }
        this.empty.hidden = this.body.childElementCount > 0;
    }

    /** @param {any[]} items */
    show(items) {
        keyed(
            this.body,
            items,
            this.key,
            () => this.row(() => null),
            (row, item) =>
                this.columns.forEach((c, i) => {
                    const cell = row.children[i],
                        shown = c.show(item);
                    if (shown instanceof Node || Array.isArray(shown)) refill(cell, shown);
                    else say(cell, shown === false ? "" : shown);
                }),
        );
        this.empty.hidden = items.length > 0;
    }
}

/**
 * A question that is answered before something is done; resolves to true or false. The answer's
 * button is off as long as what must be typed is not.
 * @param {string} title
 * @param {unknown} text
 * @param {string} yes
 * @param {string} [typed] what must be typed first
 */
export function ask(title, text, yes, typed) {
    return new Promise((resolve) => {
        const button = h("button", { class: "danger", type: "submit", disabled: !!typed }, yes);
        const input = typed
            ? h("input", {
                  "aria-label": `Type ${typed} to go on`,
                  autocomplete: "off",
                  oninput: (/** @type {Event} */ e) => {
                      /** @type {HTMLButtonElement} */ (button).disabled =
                          /** @type {HTMLInputElement} */ (e.target).value !== typed;
                  },
              })
            : null;
        const dialog = /** @type {HTMLDialogElement} */ (
            h(
                "dialog",
                { "aria-label": title },
                h(
                    "form",
                    {
                        onsubmit: (/** @type {Event} */ e) => {
                            e.preventDefault();
                            dialog.close("yes");
                        },
                    },
                    h("h2", {}, title),
                    text instanceof Node ? text : h("p", {}, text),
                    typed && h("label", {}, `Type ${typed} to go on: `, input),
                    h(
                        "p",
                        { class: "acts" },
                        h("button", { type: "button", onclick: () => dialog.close() }, "Leave it"),
                        button,
                    ),
                ),
            )
        );
        const leave = () => dialog.close(); // back to another view: it is no question there
        addEventListener("popstate", leave);
        dialog.addEventListener("close", () => {
            removeEventListener("popstate", leave);
            dialog.remove();
            resolve(dialog.returnValue === "yes");
        });
        document.body.append(dialog);
        dialog.showModal();
    });
}

/**
 * A button that does something, is off meanwhile, and says what came of it.
 * @param {string} label
 * @param {() => Promise<unknown>} act
 * @param {Record<string, unknown>} [props]
 */
export function button(label, act, props) {
    let busy = false;
    const node = h(
        "button",
        {
            type: "button",
            ...props,
            onclick: async () => {
                if (busy) return;
                busy = true;
                node.setAttribute("aria-disabled", "true"); // `disabled` would take the focus away
                try {
                    const said = await act();
                    if (typeof said === "string") note(said);
                } catch (error) {
                    complain(error);
                }
                busy = false;
                node.removeAttribute("aria-disabled");
            },
        },
        label,
    );
    return node;
}

/**
 * The pages of a list: where the one that is shown begins, and the ways on and back.
 * @param {() => Promise<unknown>} again shows the page
 */
export function turns(again) {
    const node = h("p", { class: "foot" });
    /** Where the pages begin that lead to this one. @type {string[]} */
    const cursors = [];
    /** @param {string} label @param {() => void} turn */
    const turn = (label, turn) =>
        button(label, async () => {
            turn();
            await again();
        });
    return {
        node,
        /** "": from the first. */
        cursor: () => cursors[cursors.length - 1] ?? "",
        /** @param {string | undefined} next @param {unknown[]} words before the ways */
        show: (next, ...words) =>
            refill(
                node,
                ...words,
                cursors.length > 0 && turn("Back", () => cursors.pop()),
                next && turn("More", () => cursors.push(next)),
            ),
    };
}

/**
 * Bytes of a task as they are read best: JSON as a tree, other text as it is.
 * @param {any} value of a bytes field
 */
export function payload(value) {
    if (value === undefined) return h("p", { class: "empty" }, "None.");
    if (typeof value !== "string") return long(`base64: ${value.base64}`);
    if (value.length > LONG) return long(value);
    try {
        return tree(JSON.parse(value), value);
    } catch {
        return long(value);
    }
}

const LONG = 64 << 10; // characters shown at once: a browser lays out megabytes for seconds

/** A text, of a long one the beginning. @param {string} text */
function long(text) {
    const node = h("pre", { class: "bytes" }, text.slice(0, LONG));
    if (text.length <= LONG) return node;
    const more = button(`Show all ${text.length.toLocaleString()} characters`, async () => {
        say(node, text);
        more.remove();
    });
    return h("div", {}, node, more);
}

/** @param {any} value @param {string} source */
function tree(value, source) {
    // Numbers that JavaScript would round are shown as they stand.
    if (/\d{16,}|\d[eE]/.test(source)) return h("pre", { class: "bytes" }, source);
    return h("div", { class: "tree" }, branch(value));
}

/** @param {any} value @returns {Node} */
function branch(value) {
    if (value === null || typeof value !== "object") {
        return h("code", { class: value === null ? "null" : typeof value }, JSON.stringify(value));
    }
    const entries = Object.entries(value),
        list = Array.isArray(value);
    if (entries.length === 0) return h("code", {}, list ? "[]" : "{}");
    return h(
        "ul",
        {},
        entries.slice(0, 500).map(([key, inner]) => {
            const deep =
                inner !== null && typeof inner === "object" && Object.keys(inner).length > 0;
            const name = h("span", { class: "key" }, key);
            return h(
                "li",
                {},
                deep
                    ? h(
                          "details",
                          { open: entries.length < 50 },
                          h(
                              "summary",
                              {},
                              name,
                              ` ${Array.isArray(inner) ? `[${inner.length}]` : "{…}"}`,
                          ),
                          branch(inner),
                      )
                    : [name, ": ", branch(inner)],
            );
        }),
        entries.length > 500 && h("li", {}, `and ${entries.length - 500} more`),
    );
}

/**
 * What is for who may see all queues, for who may not.
 * @param {string} what
 * @param {import("./app.js").Context} context
 */
export function elsewhere(what, { queues }) {
    return h("p", { class: "empty" }, `${what} for all queues together; you see ${queues("see")}.`);
}

/**
 * Links to a view for the values of one word of its query; the one that is shown says so.
 * @param {string} to @param {Record<string, unknown>} query @param {string} word
 * @param {string[][]} values each with its title @param {string} now
 */
export function choices(to, query, word, values, now) {
    return h(
        "p",
        { class: "states" },
        values.map(([value, title]) => {
            const node = link(to, { ...query, [word]: value }, title);
            if (value === now) node.setAttribute("aria-current", "true");
            return [node, " "];
        }),
    );
}

/** Of a task. */
export const STATES = "pending scheduled active retry aggregating completed archived".split(" ");

/** @param {string} state */
export function badge(state) {
    return h("span", { class: `badge ${state}` }, state);
}

/** A button that puts a text on the clipboard. @param {string} label @param {() => string} text */
export function copy(label, text) {
    return button(label, async () => {
        await navigator.clipboard.writeText(text());
        return "Copied";
    });
}

/**
 * Pairs of a name and what it is; those without a value are left out.
 * @param {[string, unknown][]} pairs
 */
export function facts(pairs) {
    return h(
        "dl",
        { class: "facts" },
        pairs
            .filter(([, value]) => value !== undefined && value !== null && value !== "")
            .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    );
}

/** @param {number|undefined} ms */
export function moment(ms) {
    return ms ? h("gofer-time", { ms }) : null;
}
