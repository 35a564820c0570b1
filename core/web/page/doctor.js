// doctor.js - what may be wrong with the store, and mending it.
import { follow, get, post } from "./api.js";
import { fill, h } from "./dom.js";
import { button, elsewhere, problem } from "./parts.js";

/** @param {import("./app.js").Context} context */
export default function doctor(context) {
    if (!context.everywhere("see"))
        return {
            node: h("section", {}, h("h1", {}, "Doctor"), elsewhere("What it finds is", context)),
        };
    const list = h("div", { "aria-live": "polite" });

    let latest = 0;

    /** The answer to a question before this one shows no more. @param {() => Promise<any>} look */
    async function show(look) {
        const turn = ++latest;
        fill(list, h("p", { class: "empty" }, "Looking…"));
        try {
            const found = (await look()).items;
            if (turn !== latest) return;
            fill(
                list,
                found.length
                    ? found.map((/** @type {any} */ f) =>
                          h(
                              "article",
                              { class: `finding ${f.severity}` },
                              h("h2", {}, f.code, f.queue ? ` · ${f.queue}` : ""),
                              h("p", {}, f.text, f.repaired ? ` ${f.repaired} mended.` : ""),
                              f.advice && h("p", {}, f.advice),
                              f.examples && h("p", { class: "id" }, f.examples),
                          ),
                      )
                    : h("p", {}, "All is well."),
            );
        } catch (error) {
            if (turn === latest) fill(list, problem(error));
        }
    }
    /** What takes long is a job, and has what it found at its end. */
    async function mend() {
        const found = await post("check/repair");
        if (!found.job) return found;
        fill(list, h("p", { class: "empty" }, `Mending, as job ${found.job}…`));
        const job = await follow(found.job, () => undefined, context.signal);
        if (job.state !== "done") throw new Error(job.error ?? `The job was ${job.state}.`);
        return job;
    }
    const check = () => show(() => get("check", {}, context.signal));
    check();
    return {
        node: h(
            "section",
            {},
            h("h1", {}, "Doctor"),
            h(
                "p",
                { class: "acts" },
                button("Look again", check),
                context.everywhere("admin") && button("Mend what can be mended", () => show(mend)),
            ),
            list,
        ),
    };
}
