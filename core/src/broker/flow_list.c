// flow_list.c - lists that make steps are read, and results written as one list.
#include "broker/flow_list.h"

#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/array.h"
#include "util/base64.h"
#include "util/error.h"
#include "util/json.h"
#include "util/utf8.h"

// ---- reading ------------------------------------------------------------------------------------

typedef struct reading {
    gf_flow_list *list;
    size_t        room, item_room;
    char         *at;                    // where the next payload goes
    char         *why;
} reading;

static gofer_status refuse(reading *r, const char *text)
{
    snprintf(r->why, GF_FLOW_WHY, "%s", text);
    return GOFER_EINVAL;
}

// The text of {"base64": TEXT} and nothing beside it. False: it is another value.
static bool is_base64(gf_json value, gf_json *text)
{
    gf_json key, more;
    gf_json_scan s = gf_json_inside(value);
    return value.kind == GF_JSON_OBJECT && gf_json_member(&s, &key, text) &&
        gf_json_next(&s, &more) == GF_JSON_CLOSE && gf_json_is(key, "base64") &&
        text->kind == GF_JSON_STRING;
}

// Never larger than its JSON, so the memory of all is that of the text, and a NUL for each.
static gofer_status read_payload(reading *r, gf_json value, gf_flow_item *out)
{
    gf_json text = value;
    size_t size = value.size;
    bool encoded = is_base64(value, &text);
    if (encoded || value.kind == GF_JSON_STRING)
        size = gf_json_text(text, r->at);
    else
        memcpy(r->at, value.text, size);
    if (encoded && !gf_base64_decode(r->at, size, r->at, &size))
        return refuse(r, "a \"base64\" in its list is not valid base64");
    *out = (gf_flow_item){ r->at, size };
    r->at += size + 1;
    return GOFER_OK;
}

static gofer_status read_items(reading *r, gf_json array)
{
    gf_json one;
    gf_flow_list *l = r->list;
    gofer_status st = GOFER_OK;
    gf_json_scan s = gf_json_inside(array);
    while (st == GOFER_OK && gf_json_value(&s, &one) > GF_JSON_CLOSE) {
        if (l->count >= r->room) {
            snprintf(r->why, GF_FLOW_WHY, "its list makes more steps than a flow may have (%d)",
                GOFER_FLOW_STEPS_MAX);
            return GOFER_EINVAL;
        }
        if (!gf_grow(l->items, r->item_room, l->count + 1))
            return gf_fail_nomem("the list of a step");
        st = read_payload(r, one, &l->items[l->count]);
        l->count += st == GOFER_OK;
    }
    return st;
}

static gofer_status read_object(reading *r, gf_json object)
{
    static const char form[] = "its result must be a list, or {\"items\": a list, \"more\": what "
                               "it is to go on with}";
    gf_json key, value;
    bool items = false;
    gofer_status st = GOFER_OK;
    for (gf_json_scan s = gf_json_inside(object);
         st == GOFER_OK && gf_json_member(&s, &key, &value);) {
        if (gf_json_is(key, "items") && value.kind == GF_JSON_ARRAY && !items) {
            items = true;
            st = read_items(r, value);
        } else if (gf_json_is(key, "more") && !r->list->more) {
            r->list->more = value.kind != GF_JSON_NULL;
            st = r->list->more ? read_payload(r, value, &r->list->next) : GOFER_OK;
        } else {
            return refuse(r, form);
        }
    }
    return st != GOFER_OK || items ? st : refuse(r, form);
}

gofer_status gf_flow_list_read(gf_flow_list *l, const void *bytes, size_t size, size_t room,
    char why[GF_FLOW_WHY])
{
    gf_json whole;
    reading r = { .list = l, .room = room, .why = why };
    *l = (gf_flow_list){ .count = 0 };
    if (!bytes)
        return refuse(&r, "it has left no list");
    if (size > GOFER_FLOW_BYTES_MAX) {
        snprintf(why, GF_FLOW_WHY, "its list has %zu bytes: at most %d", size,
            GOFER_FLOW_BYTES_MAX);
        return GOFER_EINVAL;
    }
    gf_json_scan s = gf_json_start(bytes, size);
    gf_json_kind kind = gf_json_whole(&s, &whole);
    if (kind != GF_JSON_ARRAY && kind != GF_JSON_OBJECT)
        return refuse(&r, "its result is no JSON list");
    l->memory = r.at = gf_alloc(2 * size + 2);   // each payload with a NUL
    gofer_status st = !r.at          ? gf_fail_nomem("the list of a step")
        : kind == GF_JSON_ARRAY ? read_items(&r, whole)
                                : read_object(&r, whole);
    if (st == GOFER_OK && gf_flow_list_steps(l) > room) {
        snprintf(why, GF_FLOW_WHY, "its list makes more steps than a flow may have (%d)",
            GOFER_FLOW_STEPS_MAX);
        st = GOFER_EINVAL;
    }
    if (st != GOFER_OK)
        gf_flow_list_clear(l);
    return st;
}

void gf_flow_list_clear(gf_flow_list *l)
{
    gf_free(l->items);
    gf_free(l->memory);
    *l = (gf_flow_list){ .count = 0 };
}

size_t gf_flow_list_steps(const gf_flow_list *l)
{
    return l->count + l->more;
}

void gf_flow_some_failed(char why[GF_FLOW_WHY], int64_t failed, int64_t made)
{
    snprintf(why, GF_FLOW_WHY, "%lld of %lld that were made of it have failed", (long long)failed,
        (long long)made);
}

// ---- writing ------------------------------------------------------------------------------------

static void add(gf_flow_results *r, const char *bytes, size_t size)
{
    if (r->failed || !gf_grow(r->bytes, r->room, r->size + size + 1)) {
        r->failed = true;
        return;
    }
    memcpy(r->bytes + r->size, bytes, size);
    r->size += size;
}

static void add_string(gf_flow_results *r, const char *text, size_t size)
{
    add(r, "\"", 1);
    for (size_t i = 0; i < size; i++) {
        char escape[GF_JSON_ESCAPE_MAX];
        size_t length = gf_json_escape((unsigned char)text[i], true, escape);
        add(r, length ? escape : text + i, length ? length : 1);
    }
    add(r, "\"", 1);
}

static void add_base64(gf_flow_results *r, const void *bytes, size_t size)
{
    static const char front[] = "{\"base64\":\"";
    add(r, front, sizeof front - 1);
    if (r->failed || !gf_grow(r->bytes, r->room, r->size + GF_BASE64_ROOM(size) + 2)) {
        r->failed = true;
        return;
    }
    r->size += gf_base64_encode(bytes, size, r->bytes + r->size);
    add(r, "\"}", 2);
}

void gf_flow_results_add(gf_flow_results *r, const void *bytes, size_t size)
{
    gf_json whole;
    add(r, r->size ? "," : "[", 1);
    gf_json_scan s = gf_json_start(bytes ? bytes : "", size);
    if (!bytes)
        add(r, "null", 4);
    else if (gf_json_whole(&s, &whole) > GF_JSON_CLOSE)
        add(r, whole.text, whole.size);
    else if (gf_utf8_valid(bytes, size))
        add_string(r, bytes, size);
    else
        add_base64(r, bytes, size);
}

gofer_status gf_flow_results_end(gf_flow_results *r, void **bytes, size_t *size)
{
    if (!r->size)
        add(r, "[", 1);
    add(r, "]", 1);
    if (r->failed) {
        gf_free(r->bytes);
        return gf_fail_nomem("the results of steps");
    }
    r->bytes[r->size] = '\0';
    *bytes = r->bytes;
    *size = r->size;
    return GOFER_OK;
}
