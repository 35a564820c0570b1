// dom.js - elements out of text, and lists that change in place.
//
// Everything that is shown goes through here: text becomes text nodes and attributes, never markup,
// so nothing that a task holds can become a part of the page.

// Characters that change how others are read, or are not seen at all: controls but for tab and line
// feed, and those that turn the direction of what follows.
const UNSEEN =
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text as it is shown: with a sign for what is not seen. @param {unknown} text */
export function plain(text) {
    return String(text ?? "")
        .replaceAll("\r\n", "\n")
        .replace(UNSEEN, (c) => {
            const code = c.charCodeAt(0);
            return code < 0x20
                ? String.fromCharCode(0x2400 + code)
                : `\u2039U+${code.toString(16).toUpperCase().padStart(4, "0")}\u203a`;
        });
}

/**
 * An element. Properties: `on…` functions listen, `class` and others are attributes, true is an
 * attribute without a value, null and false are none.
 * @param {string} tag
 * @param {Record<string, unknown>} [props]
 * @param {...unknown} children strings, numbers, nodes, arrays of them; null and false are nothing
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props ?? {})) {
        if (name.startsWith("on"))
            node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
        else if (value === true) node.setAttribute(name, "");
        else if (value !== null && value !== undefined && value !== false)
            node.setAttribute(name, String(value));
    }
    add(node, children);
    return node;
}

/** @param {Node} node @param {unknown} children */
function add(node, children) {
    if (Array.isArray(children)) for (const child of children) add(node, child);
    else if (children instanceof Node) node.appendChild(children);
    else if (children !== null && children !== undefined && children !== false) {
        node.appendChild(document.createTextNode(plain(children)));
    }
}

/** What an element holds, anew. @param {Element} node @param {...unknown} children */
export function fill(node, ...children) {
    node.replaceChildren();
    add(node, children);
}

// What the mouse or a key is being pressed on: a click needs both ends of it.
/** @type {Node|null} */
let pressed = null;
for (const kind of ["pointerdown", "keydown"])
    addEventListener(kind, (event) => (pressed = /** @type {Node} */ (event.target)), true);
for (const kind of ["pointerup", "pointercancel", "keyup", "blur"])
    addEventListener(kind, () => setTimeout(() => (pressed = null)), true);

/** What of an element can have the focus, or be open. @param {Element} node */
const parts = (node) => [...node.querySelectorAll("a,button,input,select,textarea,summary")];

/**
 * What an element holds, anew, but for who is at work in it: the focus stays where it was, what was
 * open stays open, and while somebody presses or selects there, all stays as it is.
 * @param {Element} node
 * @param {...unknown} children
 */
export function refill(node, ...children) {
    const selection = getSelection();
    if (pressed && node.contains(pressed)) return;
    if (selection && !selection.isCollapsed && selection.containsNode(node, true)) return;
    const old = parts(node),
        focus = old.findIndex((part) => part === document.activeElement),
        opened = [...node.querySelectorAll("details")].map((part) => part.open);
    if (focus >= 0 && old[focus].matches("input:not([type=checkbox]),select,textarea")) return;
    fill(node, children);
    if (opened.length)
        [...node.querySelectorAll("details")].forEach((part, i) => {
            if (i < opened.length) part.open = opened[i];
        });
    const now = parts(node)[focus];
    if (now instanceof HTMLElement) now.focus({ preventScroll: true });
}

/** A text, changed only if it is another one. @param {Element} node @param {unknown} text */
export function say(node, text) {
    const now = plain(text);
    if (node.textContent !== now) node.textContent = now;
}

/**
 * A list in place: nodes of items that stay are kept, with their focus, selection and scroll.
 * @template T
 * @param {Element} parent
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => Element} make
 * @param {(node: Element, item: T) => void} update
 */
export function keyed(parent, items, key, make, update) {
    const old = new Map();
    for (const child of parent.children) old.set(child.getAttribute("data-key"), child);
    let at = parent.firstElementChild;
    for (const item of items) {
        const name = key(item);
        let node = old.get(name);
        old.delete(name);
        if (!node) {
            node = make(item);
            node.setAttribute("data-key", name);
        }
        update(node, item);
        if (at && node === at) at = at.nextElementSibling;
        else parent.insertBefore(node, at);
    }
    for (const node of old.values()) node.remove();
}
