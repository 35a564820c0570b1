// route.js - addresses of views: every view has one that can be shared.
import { base, word } from "./api.js";
import { h } from "./dom.js";

/** @type {(() => void)[]} */
const watchers = [];

/** A word of an address, which somebody may have typed. @param {string} text */
function decoded(text) {
    try {
        return decodeURIComponent(text).replace(/^~(?=~*\.\.?$)/, "");
    } catch {
        return text;
    }
}

/** The words of the path, and the query. */
export function here() {
    const path = location.pathname.startsWith(base)
        ? location.pathname.slice(base.length)
        : location.pathname;
    return {
        words: path.split("/").filter(Boolean).map(decoded),
        query: Object.fromEntries(new URLSearchParams(location.search)),
    };
}

/** @param {...string} words @returns {string} */
export function path(...words) {
    return `/${words.map(word).join("/")}`;
}

/** @param {string} to @param {Record<string, unknown>} [query] @param {boolean} [replace] */
export function go(to, query, replace) {
    const words = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {}))
        if (value) words.set(name, String(value));
    const text = words.toString();
    history[replace ? "replaceState" : "pushState"](null, "", base + to + (text ? `?${text}` : ""));
    if (!replace) scrollTo(0, 0);
    for (const watcher of watchers) watcher();
}

/** @param {() => void} watcher */
export function watch(watcher) {
    watchers.push(watcher);
    addEventListener("popstate", watcher);
}

/**
 * A link within the page; with a modifier the browser does what it does.
 * @param {string} to
 * @param {Record<string, unknown>|null} query
 * @param {...unknown} children
 */
export function link(to, query, ...children) {
    const words = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {}))
        if (value) words.set(name, String(value));
    const text = words.toString();
    return h(
        "a",
        {
            href: base + to + (text ? `?${text}` : ""),
            onclick: (/** @type {MouseEvent} */ event) => {
                if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
                event.preventDefault();
                go(to, query ?? {});
            },
        },
        ...children,
    );
}
