// choose.js - which of his queues, for who may look at some only, and at one after the other.
import { get } from "./api.js";
import { h, refill } from "./dom.js";
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
            const page = await get("queues", { limit: MOST });
            refill(
                list,
                page.items.map((/** @type {any} */ q) =>
                    h("li", {}, link(to, { ...query, queue: q.queue }, q.queue)),
                ),
                page.next_cursor && h("li", {}, "and more: ", link("/queues", null, "all of them")),
            );
        },
    };
}
