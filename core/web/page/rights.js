// rights.js - what a visitor may do, and with which queues: the words of GET /api/v1/me.
//
// The server looks at every request by itself; here is only what is worth offering.

/**
 * `grants` are there if some of it is for some queues only; `queues` null: all of them.
 * @typedef {object} Me
 * @property {string|null} name
 * @property {string[]} rights that there are for any queue
 * @property {{queues: string|null, rights: string[]}[]} [grants]
 */

/** Does a list of names and patterns ("mail*,report") name this queue? @param {string} list */
function names(list, /** @type {string} */ queue) {
    return list.split(",").some((pattern) => {
        const parts = pattern.split("*").map((part) => part.replace(/[^\w]/gu, "\\$&"));
        return new RegExp(`^${parts.join("[^]*")}$`).test(queue);
    });
}

/** @param {Me} me */
export function rightsOf(me) {
    const grants = me.grants ?? [{ queues: null, rights: me.rights }],
        having = (/** @type {string} */ right) => grants.filter((g) => g.rights.includes(right));
    return {
        /**
         * For this queue; for any, if none is named.
         * @param {string} right
         * @param {string} [queue]
         */
        may: (right, queue) =>
            having(right).some((g) => !queue || g.queues === null || names(g.queues, queue)),
        /** For all queues. @param {string} right */
        everywhere: (right) => having(right).some((g) => g.queues === null),
        /** For which, in words. @param {string} right */
        queues: (right) =>
            having(right)
                .map((g) => g.queues?.replaceAll(",", ", ") ?? "all queues")
                .join(", "),
    };
}
