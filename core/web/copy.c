// copy.c - JSON of a snapshot on its way to a reader.
//
// One walk over the tokens. Payloads that are JSON come from the library as strings, so every key
// here is a field of docs/fields.md, but for those of "headers", which is left out whole.
#include "copy.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
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

// ---- whose it is

enum { NAME_ROOM = 1024 };

// What an object says of itself, of that which matters here.
typedef struct record {
    bool queued, serves, typed;
    char queue[NAME_ROOM], type[NAME_ROOM];
    char queues[NAME_ROOM];         // of a worker: "mail=3 low=1"
} record;

// A name that is too long is one that nobody may see, and that every mask may be about.
static bool read_text(gf_json value, char out[NAME_ROOM])
{
    if (value.kind != GF_JSON_STRING)
        return false;
    out[value.size < NAME_ROOM ? gf_json_text(value, out) : 0] = '\0';
    return true;
}

static void read_record(gf_json object, record *out)
{
    gf_json key, value;
    out->queued = out->serves = out->typed = false;
    for (gf_json_scan s = gf_json_inside(object); gf_json_member(&s, &key, &value);) {
        if (gf_json_is(key, "queue"))
            out->queued = read_text(value, out->queue);
        else if (gf_json_is(key, "queues"))
            out->serves = read_text(value, out->queues);
        else if (gf_json_is(key, "type"))
            out->typed = read_text(value, out->type);
    }
}

// Appends those of the words of a worker's queues that the reader may see, and says if there are
// others, which he has to know of before he sets the worker. False: there are none.
static bool put_served(web_text *out, const web_scope *scope, const char *queues)
{
    char name[NAME_ROOM], seen[NAME_ROOM] = "";
    size_t used = 0;
    bool others = false;
    for (const char *at = queues; *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " "), named = size;
        // The weight is behind the last '='.
        for (size_t i = 0; i < size; i++)
            named = at[i] == '=' ? i : named;
        memcpy(name, at, named);
        name[named] = '\0';
        if (web_scope_touches(scope, WEB_SEE, name) && used + size + 2 < NAME_ROOM) {
            seen[used] = ' ';
            memcpy(seen + used + 1, at, size);
            used += size + 1;
        } else {
            others = true;
        }
        at += size;
    }
    if (used && out)
        web_text_json(out, seen + 1, used - 1);
    if (used && out && others)
        web_text_put(out, ",\"serves_others\":true");
    return used > 0;
}

static bool is_seen(const web_view *view, const record *r)
{
    if (!view->scope)
        return true;
    if (r->queued)
        return web_scope_may(view->scope, WEB_SEE, r->queue);
    return !r->serves || put_served(NULL, view->scope, r->queues);
}

// ---- the walk

typedef struct walk {
    web_text       *out;
    const web_view *view;
} walk;

static bool copy(const walk *w, gf_json value, unsigned hide, int depth);

static bool is_bytes(gf_json key)
{
    return gf_json_is(key, "payload") || gf_json_is(key, "result");
}

static void copy_member(const walk *w, gf_json key, gf_json value, const record *r,
    unsigned hide, int depth)
{
    web_text_add(w->out, key.text, key.size);
    web_text_put(w->out, ":");
    const web_masks *masks = r && r->typed ? w->view->masks : NULL;
    if (w->view->scope && r && r->serves && gf_json_is(key, "queues"))
        (void)put_served(w->out, w->view->scope, r->queues);
    else if (masks && is_bytes(key))
        web_mask_bytes(w->out, masks, r->type, value);
    else if (masks && gf_json_is(key, "headers"))
        web_mask_headers(w->out, masks, r->type, value);
    else if (!copy(w, value, hide, depth - 1))
        web_text_put(w->out, "null");
}

static bool copy_object(const walk *w, gf_json object, unsigned hide, int depth)
{
    const web_view *view = w->view;
    record *r = view->scope || view->masks ? malloc(sizeof *r) : NULL;
    gf_json key, member;
    bool first = true;
    if (view->scope || view->masks) {
        if (r)
            read_record(object, r);
        if (!r || !is_seen(view, r)) {
            free(r);
            return false;
        }
        if (view->scope && r->queued)
            hide = web_scope_may(view->scope, WEB_PAYLOAD, r->queue) ? 0 : view->hide;
    }
    web_text_put(w->out, "{");
    for (gf_json_scan s = gf_json_inside(object); gf_json_member(&s, &key, &member);) {
        if (is_hidden(key, hide))
            continue;
        web_text_put(w->out, first ? "" : ",");
        first = false;
        copy_member(w, key, member, r, hide, depth);
    }
    web_text_put(w->out, "}");
    free(r);
    return true;
}

static void copy_array(const walk *w, gf_json array, unsigned hide, int depth)
{
    gf_json member;
    gf_json_scan scan = gf_json_inside(array);
    const char *before = "";
    web_text_put(w->out, "[");
    while (gf_json_value(&scan, &member) != GF_JSON_CLOSE && member.kind != GF_JSON_BAD) {
        size_t size = w->out->size;
        web_text_put(w->out, before);
        if (copy(w, member, hide, depth - 1))
            before = ",";
        else
            w->out->size = size;        // it is not the reader's
    }
    web_text_put(w->out, "]");
}

static bool copy(const walk *w, gf_json value, unsigned hide, int depth)
{
    if (value.kind == GF_JSON_OBJECT && depth > 0)
        return copy_object(w, value, hide, depth);
    if (value.kind == GF_JSON_ARRAY && depth > 0)
        copy_array(w, value, hide, depth);
    else
        put_value(w->out, value);
    return true;
}

bool web_copy_json(web_text *out, const char *json, size_t size, const web_view *view)
{
    enum { DEPTH = 8 };     // of snapshots: a list of tasks with a list of attempts has four
    const walk w = { out, view };
    bool everywhere = !view->scope || web_scope_everywhere(view->scope, WEB_PAYLOAD);
    unsigned hide = view->scope && everywhere ? 0 : view->hide;
    gf_json_scan scan = gf_json_start(json, size);
    gf_json value;
    return gf_json_value(&scan, &value) == GF_JSON_BAD || copy(&w, value, hide, DEPTH);
}
