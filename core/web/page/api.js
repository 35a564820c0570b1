// api.js - the JSON interface: questions, acts, and what went wrong.

export const base =
    document.querySelector('meta[name="gofer-base"]')?.getAttribute("content") ?? "";

export class ApiError extends Error {
    /** @param {number} status @param {string} code @param {string} message */
    constructor(status, code, message) {
        super(message);
        this.status = status;
        this.code = code;
    }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {AbortSignal} [signal]
 */
async function send(method, path, body, signal) {
    const headers = /** @type {Record<string, string>} */ ({});
    if (method !== "GET") headers["X-Gofer"] = "1";
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response;
    try {
        response = await fetch(base + path, {
            method,
            headers,
            signal,
            credentials: "same-origin",
            body: body === undefined ? undefined : JSON.stringify(body),
        });
    } catch (error) {
        if (signal?.aborted) throw error;
        throw new ApiError(0, "EBROKER", "gofer web does not answer");
    }
    const said = await response.json().catch(() => null);
    if (response.ok && said !== null) return said;
    throw new ApiError(
        response.status,
        said?.error?.code ?? "EBROKER",
        said?.error?.message ?? `${response.status} ${response.statusText}`,
    );
}

/** @param {string} path @param {Record<string, unknown>} [query] @param {AbortSignal} [signal] */
export function get(path, query, signal) {
    const words = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {}))
        if (value) words.set(name, String(value));
    const text = words.toString();
    return send("GET", `/api/v1/${path}${text ? `?${text}` : ""}`, undefined, signal);
}

/** @param {string} path @param {unknown} [body] */
export const post = (path, body) => send("POST", `/api/v1/${path}`, body);
/** @param {string} path @param {unknown} [body] */
export const put = (path, body) => send("PUT", `/api/v1/${path}`, body);
/** @param {string} path @param {unknown} [body] */
export const patch = (path, body) => send("PATCH", `/api/v1/${path}`, body);
/** @param {string} path @param {unknown} [body] */
export const remove = (path, body) => send("DELETE", `/api/v1/${path}`, body);
/** @param {string} token */
export const login = (token) => send("POST", "/login", { token });
/** @param {string} name @param {string} password */
export const loginByName = (name, password) => send("POST", "/login/password", { name, password });
export const logout = () => send("POST", "/logout");

/**
 * A name as a word of a path. Browsers leave out "." and "..", however they are escaped: these get
 * a sign in front, which the server and `here` take away.
 * @param {string} name
 */
export const word = (name) => encodeURIComponent(/^~*\.\.?$/.test(name) ? `~${name}` : name);

/** What a list within an answer holds, if it is there. @param {any} list @returns {any[]} */
export const items = (list) => list?.items ?? list ?? [];

/** A path of names. @param {TemplateStringsArray} texts @param {...string} names */
export function at(texts, ...names) {
    return texts.reduce((path, text, i) => path + word(names[i - 1]) + text);
}

/**
 * Follow an act on many tasks to its end, or that of the view, at which it throws; what is only
 * counted ends with it.
 * @param {number} job
 * @param {(job: any) => void} tell
 * @param {AbortSignal} signal
 */
export async function follow(job, tell, signal) {
    let act = "";
    try {
        for (;;) {
            const seen = await get(`acts/${job}`, {}, signal);
            act = seen.act;
            tell(seen);
            if (seen.state !== "waiting" && seen.state !== "running") return seen;
            await new Promise((resolve) => setTimeout(resolve, 300));
        }
    } catch (error) {
        if (signal.aborted && act === "count") remove(`acts/${job}`).catch(() => null);
        throw error;
    }
}
