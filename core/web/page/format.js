// format.js - numbers, durations and times in words, in the zone of who looks.

import { say } from "./dom.js";

/** @param {number|undefined} ms */
export function duration(ms) {
    if (ms === undefined || ms === null) return "";
    if (ms < 1000) return `${Math.round(ms)} ms`;
    const s = ms / 1000;
    if (s < 10) return `${s.toFixed(1)} s`;
    if (s < 60) return `${Math.round(s)} s`;
    const parts = [
        [86400, "d"],
        [3600, "h"],
        [60, "m"],
        [1, "s"],
    ];
    const first = parts.findIndex(([size]) => s >= Number(size));
    let left = Math.round(s);
    const words = [];
    for (const [size, unit] of parts.slice(first, first + 2)) {
        const count = Math.floor(left / Number(size));
        left -= count * Number(size);
        if (count) words.push(`${count}${unit}`);
    }
    return words.join(" ");
}

/** "3m ago", "in 2h 5m". @param {number|undefined} ms @param {number} [now] */
export function when(ms, now = Date.now()) {
    if (!ms) return "";
    const away = ms - now;
    if (Math.abs(away) < 1000) return "now";
    return away < 0 ? `${duration(-away)} ago` : `in ${duration(away)}`;
}

const LAST_MS = 8.64e15; // that a Date knows: a store of others may have any number

const MOMENT = new Intl.DateTimeFormat(undefined, {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    timeZoneName: "short",
}); // dear to make

/** How many failed, and what share of all. @param {{done: number, failed: number}} figures */
export function failedOf({ done, failed }) {
    return failed ? `${count(failed)} (${((100 * failed) / (done + failed)).toFixed(1)} %)` : "0";
}

/** @param {number|undefined} ms */
export function time(ms) {
    return ms && Math.abs(ms) <= LAST_MS ? MOMENT.format(ms) : "";
}

/** @param {number|string|undefined} n */
export function count(n) {
    if (n === undefined || n === null) return "";
    return typeof n === "string" ? n : n.toLocaleString();
}

/** "1 task", "2 tasks" @param {number} n @param {string} word */
export function many(n, word) {
    return `${count(n)} ${word}${n === 1 ? "" : "s"}`;
}

/** @param {number|undefined} n */
export function bytes(n) {
    if (n === undefined || n === null) return "";
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let at = 0;
    while (n >= 1024 && at < units.length - 1) {
        n /= 1024;
        at++;
    }
    return `${at && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[at]}`;
}

/**
 * The first line of an error that says what it was: of a traceback the last one.
 * @param {string} text
 */
export function headline(text) {
    const lines = (text ?? "").trim().split("\n");
    const traced = lines[0].startsWith("Traceback");
    return (traced ? lines[lines.length - 1] : lines[0]).slice(0, 300);
}

class GoferTime extends HTMLElement {
    static observedAttributes = ["ms"];
    get ms() {
        return Number(this.getAttribute("ms"));
    }
    attributeChangedCallback() {
        const ms = this.ms;
        this.title =
            ms && Math.abs(ms) <= LAST_MS ? `${time(ms)}\n${new Date(ms).toISOString()}` : "";
        this.draw();
    }
    draw() {
        say(this, when(this.ms));
    }
}
customElements.define("gofer-time", GoferTime);

setInterval(() => {
    if (!document.hidden)
        for (const node of document.querySelectorAll("gofer-time"))
            /** @type {GoferTime} */ (node).draw();
}, 1000);
