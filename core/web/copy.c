// copy.c - JSON of a snapshot on its way to a reader.
//
// One walk over the tokens. Payloads that are JSON come from the library as strings, so every key
// here is a field of docs/fields.md, but for those of "headers", which is left out whole.
#include "copy.h"

#include <stdbool.h>
#include <string.h>

#include "util/json.h"

// Fields of any record whose content comes from users' tasks: what they were given, what they left,
// and what they or their exceptions said.
static const char *const private_fields[] = { "payload", "result", "headers", "last_error", "error",
    "log", "progress_text" };

static const char exact[] = "9007199254740992";     // 2^53

static bool is_hidden(gf_json key, unsigned hide)
{
    if (hide & WEB_HIDE_TEXTS && gf_json_is(key, "text"))
        return true;
    if (!(hide & WEB_HIDE_PAYLOADS))
        return false;
    for (size_t i = 0; i < sizeof private_fields / sizeof *private_fields; i++)
        if (gf_json_is(key, private_fields[i]))
            return true;
    return false;
}

// Is it an integer that a double may not hold?
static bool is_wide(gf_json number)
{
    const char *digits = number.text + (*number.text == '-');
    size_t size = number.size - (size_t)(digits - number.text);
    for (size_t i = 0; i < size; i++)
        if (digits[i] < '0' || digits[i] > '9')
            return false;
    size_t most = sizeof exact - 1;
    return size > most || (size == most && memcmp(digits, exact, most) > 0);
}

static void put_value(web_text *out, gf_json value)
{
    bool wide = value.kind == GF_JSON_NUMBER && is_wide(value);
    if (wide)
        web_text_put(out, "\"");
    web_text_add(out, value.text, value.size);
    if (wide)
        web_text_put(out, "\"");
}

static void copy(web_text *out, gf_json value, unsigned hide, int depth)
{
    bool object = value.kind == GF_JSON_OBJECT, first = true;
    if ((!object && value.kind != GF_JSON_ARRAY) || depth == 0) {
        put_value(out, value);
        return;
    }
    gf_json_scan scan = gf_json_inside(value);
    gf_json key = { 0 }, member;
    web_text_put(out, object ? "{" : "[");
    while (object ? gf_json_member(&scan, &key, &member)
                  : gf_json_value(&scan, &member) != GF_JSON_CLOSE && member.kind != GF_JSON_BAD) {
        if (object && is_hidden(key, hide))
            continue;
        if (!first)
            web_text_put(out, ",");
        first = false;
        if (object) {
            web_text_add(out, key.text, key.size);
            web_text_put(out, ":");
        }
        copy(out, member, hide, depth - 1);
    }
    web_text_put(out, object ? "}" : "]");
}

void web_copy_json(web_text *out, const char *json, size_t size, unsigned hide)
{
    enum { DEPTH = 8 };     // of snapshots: a list of tasks with a list of attempts has four
    gf_json_scan scan = gf_json_start(json, size);
    gf_json value;
    if (gf_json_value(&scan, &value) != GF_JSON_BAD)
        copy(out, value, hide, DEPTH);
}
