// settings.js - what the server runs with.
import { get } from "./api.js";
import { h, refill } from "./dom.js";
import { elsewhere, facts } from "./parts.js";

const TITLES = /** @type {Record<string, string>} */ ({
    version: "Version",
    url: "Store",
    listen: "Addresses",
    hosts: "Names",
    trusted_proxies: "Trusted proxies",
    base: "Path",
    anonymous: "Who shows no token",
    user_header: "The proxy's user",
    role_header: "His groups",
    masks: "Masked",
    read_only: "Read only",
    behind_proxy: "Behind a proxy with TLS",
    asynq_names: "Asynq's metrics",
    tls: "TLS of its own",
    tokens: "Tokens",
    web_root: "The page from a folder",
});
const LIMITS = /** @type {Record<string, string>} */ ({
    streams: "Live streams",
    jobs: "Jobs remembered",
    hours: "Hours of figures",
    page: "Items of a page",
});

/** @param {unknown} value */
function word(value) {
    if (value === true) return "yes";
    if (value === false) return "no";
    if (Array.isArray(value)) return value.join(", ");
    return value === null ? "" : String(value);
}

/** @param {any} values @param {Record<string, string>} titles */
const pairs = (values, titles) =>
    Object.entries(values)
        .filter(([name]) => name !== "limits")
        .map(
            ([name, value]) =>
                /** @type {[string, string]} */ ([titles[name] ?? name, word(value)]),
        );

/** What he may do, and where. @param {import("./app.js").Context} context */
const grants = ({ me }) => [
    h("h2", {}, "You"),
    facts([
        ["Name", me.name],
        ...(me.grants ?? [{ queues: null, rights: me.rights }]).map(
            ({ queues, rights }) =>
                /** @type {[string, string]} */ ([
                    queues === null ? "In all queues" : `In ${queues.replaceAll(",", ", ")}`,
                    rights.join(", "),
                ]),
        ),
    ]),
];

/** @param {import("./app.js").Context} context */
export default function settings(context) {
    const body = h("div"),
        head = h("h1", {}, "Settings");
    if (!context.everywhere("see"))
        return {
            node: h("section", {}, head, elsewhere("They are", context), grants(context)),
        };
    return {
        node: h("section", {}, head, body, grants(context)),
        refresh: async () => {
            const seen = await get("settings");
            refill(
                body,
                facts(pairs(seen, TITLES)),
                h("h2", {}, "Limits"),
                facts(pairs(seen.limits, LIMITS)),
            );
        },
    };
}
