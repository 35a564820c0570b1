// live.js - what happens, as it happens: one stream for the whole page, closed while nobody looks.
import { base } from "./api.js";

/** @type {Set<(message: any) => void>} */
const listeners = new Set();
/** @type {EventSource|null} */
let stream = null;

/** @param {MessageEvent} event */
function pass(event) {
    let message = null;
    try {
        message = JSON.parse(event.data);
    } catch {
        return;
    }
    for (const listener of [...listeners]) listener(message);
}

function open() {
    if (stream || document.hidden || listeners.size === 0) return;
    stream = new EventSource(`${base}/api/v1/events`);
    stream.onmessage = pass;
    // What was missed is not known: everything is looked at anew.
    stream.addEventListener("reset", () => {
        for (const listener of [...listeners]) listener({ counts: { reset: 1 }, events: [] });
    });
    stream.addEventListener("lost", () => {
        close();
        open();
    });
}

function close() {
    stream?.close();
    stream = null;
}

document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));

/** @param {(message: any) => void} listener @returns {() => void} ends it */
export function listen(listener) {
    listeners.add(listener);
    open();
    return () => {
        listeners.delete(listener);
        if (listeners.size === 0) close();
    };
}
