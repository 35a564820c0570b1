// missing.js - an address that is none.
import { h } from "./dom.js";
import { link } from "./route.js";

export default function missing() {
    return {
        node: h(
            "section",
            {},
            h("h1", {}, "There is nothing here"),
            h("p", {}, link("/", null, "To the overview")),
        ),
    };
}
