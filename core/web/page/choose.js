// choose.js - which of his queues, for who may look at some only, and at one after the other.
import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { link } from "./route.js";

const MOST = 100;

/**
 * @param {string} what goes by the queue: "A text is searched for"
 * @param {string} to the view
 * @param {Record<string, string|undefined>} query of it, but for the queue
 */
export function chooseQueue(what, to, query) {
    const list = h("ul");
    return {
        node: h("div", {}, h("p", {}, `${what} in one of your queues at a time:`), list),
        refresh: async () => {
            const { items } = await get("queues");
            fill(
                list,
                items
                    .slice(0, MOST)
                    .map((/** @type {any} */ q) =>
                        h("li", {}, link(to, { ...query, queue: q.queue }, q.queue)),
                    ),
                items.length > MOST && h("li", {}, `and ${items.length - MOST} more`),
            );
        },
    };
}
