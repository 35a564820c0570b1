// columns.js - a table whose columns the reader chooses; the browser keeps what was chosen.
import { fill, h } from "./dom.js";
import { Table } from "./parts.js";

/** Titles of what is shown; null: nothing was chosen. @param {string} name @returns {any} */
function load(name) {
    try {
        return JSON.parse(localStorage.getItem(name) ?? "null");
    } catch {
        return null;
    }
}

/** @param {string} name @param {string[]|null} titles */
function store(name, titles) {
    try {
        if (titles) localStorage.setItem(name, JSON.stringify(titles));
        else localStorage.removeItem(name);
    } catch {
        // It holds as long as this view, then.
    }
}

/** @typedef {import("./parts.js").Column & {more?: boolean, fixed?: boolean}} Chosen `more`: only
 * for who has chosen it; `fixed`: always */

export class ChosenTable {
    /**
     * @param {string} caption
     * @param {Chosen[]} columns
     * @param {(item: any) => string} key
     * @param {string} name that the choice is kept by
     */
    constructor(caption, columns, key, name) {
        this.caption = caption;
        this.columns = columns;
        this.key = key;
        this.name = name;
        /** @type {any[]} */
        this.items = [];
        const kept = load(name);
        this.titles = new Set(Array.isArray(kept) ? kept : this.standard());
        this.holder = h("div");
        this.choices = h("p", { class: "choices" });
        this.table = this.make();
        this.offer();
        this.node = h(
            "div",
            {},
            this.holder,
            h("details", { class: "columns" }, h("summary", {}, "Columns"), this.choices),
        );
    }

    standard() {
        return this.columns.filter((c) => !c.more).map((c) => c.title);
    }

    make() {
        const shown = this.columns.filter((c) => c.fixed || this.titles.has(c.title));
        const table = new Table(this.caption, shown, this.key);
        fill(this.holder, table.node);
        return table;
    }

    offer() {
        fill(
            this.choices,
            this.columns
                .filter((c) => !c.fixed)
                .map((c) => [
                    h(
                        "label",
                        {},
                        h("input", {
                            type: "checkbox",
                            checked: this.titles.has(c.title),
                            onchange: (/** @type {Event} */ e) =>
                                this.turn(
                                    c.title,
                                    /** @type {HTMLInputElement} */ (e.target).checked,
                                ),
                        }),
                        ` ${c.title}`,
                    ),
                    " ",
                ]),
            h("button", { type: "button", onclick: () => this.reset() }, "As at first"),
        );
    }

    /** @param {string} title @param {boolean} on */
    turn(title, on) {
        if (on) this.titles.add(title);
        else this.titles.delete(title);
        store(this.name, [...this.titles]);
        this.draw();
    }

    reset() {
        this.titles = new Set(this.standard());
        store(this.name, null);
        this.offer();
        this.draw();
    }

    draw() {
        this.table = this.make();
        this.table.show(this.items);
    }

    /** @param {any[]} items */
    show(items) {
        this.items = items;
        this.table.show(items);
    }
}
