// masks.c - fields of payloads, results and headers that nobody is shown.
//
// Where there is doubt (a path that is too long, a value too deep, no memory) a value is hidden.
#include "masks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scope.h"

enum {
    PATH_ROOM = 1024,
    MASK_MAX = 512,             // bytes of one
    TYPE_ROOM = 256,
    DEPTH = 32,                 // of arrays and objects within each other
    TASKS_DEPTH = 8             // of payloads that have a task in them
};

struct web_masks {
    char **patterns;
    size_t count;
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

// ---- masks

static char *make(const char *text)
{
    size_t size = strlen(text);
    const char *dot = strchr(text, '.');
    if (size >= MASK_MAX || !dot || dot == text || text[size - 1] == '.')
        return NULL;
    char *pattern = strdup(text);
    for (char *at = pattern; at && *at; at++)
        *at = lower(*at);
    return pattern;
}

web_masks *web_masks_new(const char *const *patterns, size_t count, char *why, size_t size)
{
    web_masks *masks = calloc(1, sizeof *masks);
    snprintf(why, size, "there is no memory");
    if (masks && !(masks->patterns = calloc(count + 1, sizeof *masks->patterns))) {
        free(masks);
        return NULL;
    }
    for (size_t i = 0; masks && i < count; i++) {
        masks->patterns[i] = make(patterns[i]);
        if (masks->patterns[i]) {
            masks->count++;
            continue;
        }
        snprintf(why, size, "--mask %.100s is not TYPE.FIELD, such as 'user:*.password'",
            patterns[i]);
        web_masks_free(masks);
        return NULL;
    }
    return masks;
}

void web_masks_free(web_masks *masks)
{
    if (!masks)
        return;
    for (size_t i = 0; i < masks->count; i++)
        free(masks->patterns[i]);
    free(masks->patterns);
    free(masks);
}

// ---- paths: the type, and names with a dot before each

typedef struct path {
    char   text[PATH_ROOM];
    size_t size;
    bool   whole;               // there was room for all of it
} path;

static void begin(path *at, const char *type)
{
    at->size = strlen(type);
    at->whole = at->size < PATH_ROOM;
    at->size = at->whole ? at->size : 0;
    for (size_t i = 0; i < at->size; i++)
        at->text[i] = lower(type[i]);
    at->text[at->size] = '\0';
}

// False: there is no room for it.
static bool enter(path *at, gf_json key)
{
    if (!at->whole || key.size + 2 > PATH_ROOM - at->size)
        return false;
    char *from = at->text + at->size;
    *from = '.';
    size_t size = gf_json_text(key, from + 1);
    for (size_t i = 1; i <= size; i++)
        from[i] = from[i] ? lower(from[i]) : '\x01';    // a NUL would end it
    at->size += size + 1;
    at->text[at->size] = '\0';
    return true;
}

static void leave(path *at, size_t size)
{
    at->size = size;
    at->text[size] = '\0';
}

static bool is_masked(const web_masks *masks, const path *at)
{
    for (size_t i = 0; i < masks->count; i++)
        if (web_pattern_fits(masks->patterns[i], strlen(masks->patterns[i]), at->text))
            return true;
    return false;
}

// Can a text that begins so fit the pattern? From its first '*' on anything can come.
static bool may_begin(const char *pattern, const char *type)
{
    size_t size = strlen(type);
    for (size_t i = 0;; i++) {
        if (pattern[i] == '*')
            return true;
        if (i == size)
            return pattern[i] == '.';
        if (pattern[i] != lower(type[i]))
            return false;
    }
}

bool web_masks_know(const web_masks *masks, const char *type)
{
    for (size_t i = 0; i < masks->count; i++)
        if (may_begin(masks->patterns[i], type))
            return true;
    return false;
}

// ---- values

// What was done on a walk through a payload and those in it.
typedef struct found {
    size_t masked;
    size_t held;                // of those, how many were WEB_MASKED already
} found;

typedef struct walk {
    const web_masks *masks;
    web_text        *out;
    path             at;
    int              tasks;     // payloads that this one is in
    found           *tally;
} walk;

static void mask(web_text *out, gf_json value, found *tally)
{
    tally->masked++;
    tally->held += value.kind == GF_JSON_STRING && gf_json_is(value, WEB_MASKED);
    web_text_put(out, "\"" WEB_MASKED "\"");
}

static void put_value(walk *w, gf_json value, int depth);
static void put_bytes(const walk *w, const char *type, gf_json bytes);

// The type of a record that has a payload, "": it is too long. False: it is none.
static bool is_task(gf_json object, char type[TYPE_ROOM])
{
    gf_json key, value;
    bool typed = false, has_payload = false;
    for (gf_json_scan s = gf_json_inside(object); gf_json_member(&s, &key, &value);) {
        if (gf_json_is(key, "type") && value.kind == GF_JSON_STRING) {
            type[value.size < TYPE_ROOM ? gf_json_text(value, type) : 0] = '\0';
            typed = true;
        }
        has_payload = has_payload || gf_json_is(key, "payload");
    }
    return typed && has_payload;
}

static void put_member(walk *w, gf_json key, gf_json value, const char *type, int depth)
{
    size_t size = w->at.size;
    bool entered = enter(&w->at, key);
    bool bytes = type && (gf_json_is(key, "payload") || gf_json_is(key, "result"));
    web_text_add(w->out, key.text, key.size);
    web_text_put(w->out, ":");
    if (!entered || is_masked(w->masks, &w->at) || (bytes && !*type))
        mask(w->out, value, w->tally);
    else if (bytes)
        put_bytes(w, type, value);
    else
        put_value(w, value, depth - 1);
    leave(&w->at, size);
}

static void put_object(walk *w, gf_json object, int depth)
{
    char type[TYPE_ROOM];
    bool task = is_task(object, type), first = true;
    gf_json key, value;
    web_text_put(w->out, "{");
    for (gf_json_scan s = gf_json_inside(object); gf_json_member(&s, &key, &value);) {
        web_text_put(w->out, first ? "" : ",");
        first = false;
        put_member(w, key, value, task ? type : NULL, depth);
    }
    web_text_put(w->out, "}");
}

static void put_array(walk *w, gf_json array, int depth)
{
    gf_json value;
    bool first = true;
    web_text_put(w->out, "[");
    gf_json_scan s = gf_json_inside(array);
    while (gf_json_value(&s, &value) != GF_JSON_CLOSE && value.kind != GF_JSON_BAD) {
        web_text_put(w->out, first ? "" : ",");
        first = false;
        put_value(w, value, depth - 1);
    }
    web_text_put(w->out, "]");
}

static void put_value(walk *w, gf_json value, int depth)
{
    bool nested = value.kind == GF_JSON_OBJECT || value.kind == GF_JSON_ARRAY;
    if (nested && depth == 0)
        mask(w->out, value, w->tally);
    else if (value.kind == GF_JSON_OBJECT)
        put_object(w, value, depth);
    else if (value.kind == GF_JSON_ARRAY)
        put_array(w, value, depth);
    else
        web_text_add(w->out, value.text, value.size);
}

static bool is_nested(gf_json value)
{
    return value.kind == GF_JSON_OBJECT || value.kind == GF_JSON_ARRAY;
}

// The JSON that a string stands for, masked, into a string. False: nothing is to be masked in it
// (*looked), or it is no JSON object or array, or there is no memory.
static bool put_text(const walk *outer, const char *type, gf_json string, bool *looked)
{
    web_text masked = { 0 };
    found tally = { 0 };
    walk w = { outer->masks, &masked, { .size = 0 }, outer->tasks + 1, &tally };
    char *text = malloc(string.size + 1);
    gf_json_scan scan = gf_json_start(text ? text : "", text ? gf_json_text(string, text) : 0);
    gf_json value;
    gf_json_whole(&scan, &value);
    *looked = is_nested(value) && outer->tasks < TASKS_DEPTH;
    begin(&w.at, type);
    if (*looked)
        put_value(&w, value, DEPTH);
    *looked = *looked && !masked.failed;
    bool put = *looked && tally.masked;
    if (put)
        web_text_json(outer->out, masked.at, masked.size);
    outer->tally->masked += tally.masked;
    outer->tally->held += tally.held;
    web_text_free(&masked);
    free(text);
    return put;
}

// Of a record within `w`: as it stands, if there is nothing to mask in it.
static void put_bytes(const walk *w, const char *type, gf_json bytes)
{
    bool looked = false, in_payload = w->tasks > 0 && w->tasks < TASKS_DEPTH;
    if (bytes.kind == GF_JSON_STRING && put_text(w, type, bytes, &looked))
        return;
    if (in_payload && is_nested(bytes)) {       // where it may stand as itself
        walk inner = { w->masks, w->out, { .size = 0 }, w->tasks + 1, w->tally };
        begin(&inner.at, type);
        put_value(&inner, bytes, DEPTH);
    } else if (looked || !web_masks_know(w->masks, type)) {
        web_text_add(w->out, bytes.text, bytes.size);
    } else {
        mask(w->out, bytes, w->tally);
    }
}

void web_mask_bytes(web_text *out, const web_masks *masks, const char *type, gf_json bytes)
{
    found tally = { 0 };
    put_bytes(&(walk){ .masks = masks, .out = out, .tally = &tally }, type, bytes);
}

void web_mask_headers(web_text *out, const web_masks *masks, const char *type, gf_json headers)
{
    found tally = { 0 };
    walk w = { .masks = masks, .out = out, .tally = &tally };
    begin(&w.at, type);
    put_value(&w, headers, DEPTH);
}

bool web_masks_hold(const web_masks *masks, const char *type, const char *payload, size_t size)
{
    web_text literal = { 0 }, ignored = { 0 };
    found tally = { 0 };
    web_text_json(&literal, payload, size);
    if (!literal.failed)
        put_bytes(&(walk){ .masks = masks, .out = &ignored, .tally = &tally }, type,
            (gf_json){ literal.at, literal.size, GF_JSON_STRING });
    web_text_free(&literal);
    web_text_free(&ignored);
    return tally.held > 0;
}

bool web_masks_hold_header(const web_masks *masks, const char *type, const char *name,
    const char *value)
{
    path at = { .size = 0 };
    web_text literal = { 0 };
    if (strcmp(value, WEB_MASKED) != 0)
        return false;
    begin(&at, type);
    web_text_json(&literal, name, strlen(name));
    bool held = literal.failed
        || !enter(&at, (gf_json){ literal.at, literal.size, GF_JSON_STRING })
        || is_masked(masks, &at);
    web_text_free(&literal);
    return held;
}
