// live.js - what happens, as it happens: one stream for the whole page, closed while nobody looks.
import { base } from "./api.js";
import { h } from "./dom.js";

/**
 * What a listener hears: how many events of each kind there were, and the latest of them. `anew`:
 * some may have been missed, or something is wrong, so that all is to be looked at, and at once.
 * @typedef {object} Message
 * @property {Record<string, number>} counts
 * @property {any[]} events
 * @property {boolean} [anew]
 */

/** Says whether what happens is seen as it happens: it stays in the header. */
export const sign = h("span", { class: "live", hidden: true }, "live");

/** @type {Set<(message: Message) => void>} */
const listeners = new Set();
/** @type {EventSource|null} */
let stream = null;
let retry = 0;
const PAUSE_MS = 2000;

/** @param {Message} message */
function tell(message) {
    for (const listener of [...listeners]) listener(message);
}

const anew = () => tell({ counts: {}, events: [], anew: true });

/** @param {MessageEvent} event */
function pass(event) {
    let message = null;
    try {
        message = JSON.parse(event.data);
    } catch {
        return;
    }
    tell(message);
}

function open() {
    if (stream || document.hidden || listeners.size === 0) return;
    stream = new EventSource(`${base}/api/v1/events`);
    stream.onmessage = pass;
    // From here on nothing is missed; of what was, nothing is known; the store does not answer.
    for (const kind of ["listening", "reset", "away"])
        stream.addEventListener(kind, () => {
            sign.hidden = kind === "away" || (kind === "reset" && sign.hidden);
            anew();
        });
    stream.addEventListener("lost", () => again(0));
    stream.onerror = () => {
        sign.hidden = true;
        // The browser tries again by itself, unless it was refused.
        if (stream?.readyState === EventSource.CLOSED) again(PAUSE_MS);
        anew();
    };
}

function close() {
    clearTimeout(retry);
    sign.hidden = true;
    stream?.close();
    stream = null;
}

/** @param {number} ms */
function again(ms) {
    close();
    retry = setTimeout(open, ms);
}

document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
        close();
    } else {
        open();
        anew();
    }
});

/** @param {(message: Message) => void} listener @returns {() => void} ends it */
export function listen(listener) {
    listeners.add(listener);
    open();
    return () => {
        listeners.delete(listener);
        // The next view listens in a moment: it goes on with this stream.
        setTimeout(() => listeners.size === 0 && close(), PAUSE_MS);
    };
}
