// info.c - immutable snapshots: records of named fields, lists of records, and their JSON.
//
// May touch: util/, message/ and cJSON, which only this file includes. What is handed out does not
// change any more, so any thread may read it.
#include "info/info.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "message/limit_keys.h"
#include "message/options.h"
#include "message/seal.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/base64.h"
#include "util/error.h"
#include "util/record.h"
#include "util/utf8.h"

typedef enum kind { INT, BOOL, TEXT, BYTES, CHILD } kind;

typedef struct field {
    const char *name;        // a literal of ours, or owned when `owned_name`
    union {                  // by its kind:
        int64_t     number;
        void       *bytes;   // owned; a NUL follows the last byte
        gofer_info *child;   // owned
    };
    size_t      size;        // of the bytes
    kind        kind;
    int         owned_name;
} field;

struct gofer_info {
    int          is_list;
    field       *fields;
    size_t       field_count, field_room;
    gofer_info **items;
    size_t       item_count, item_room;
};

// ---- building ---------------------------------------------------------------

static gofer_info *info_new(int is_list)
{
    gofer_info *info = gf_calloc(1, sizeof *info);
    if (!info) {
        gf_fail_nomem("a snapshot");
        return NULL;
    }
    info->is_list = is_list;
    return info;
}

gofer_info *gf_info_record(void)
{
    return info_new(0);
}

gofer_info *gf_info_list(void)
{
    return info_new(1);
}

static void field_clear(field *f)
{
    if (f->owned_name)
        gf_free((char *)f->name);
    if (f->kind == TEXT || f->kind == BYTES)
        gf_free(f->bytes);
    else if (f->kind == CHILD)
        gofer_info_free(f->child);
}

gofer_status gf_info_hand_over(gofer_status st, gofer_info *made, gofer_info **out)
{
    if (st == GOFER_OK)
        *out = made;
    else
        gofer_info_free(made);
    return st;
}

void gofer_info_free(gofer_info *info)
{
    if (!info)
        return;
    for (size_t i = 0; i < info->field_count; i++)
        field_clear(&info->fields[i]);
    for (size_t i = 0; i < info->item_count; i++)
        gofer_info_free(info->items[i]);
    gf_free(info->fields);
    gf_free(info->items);
    gf_free(info);
}

static field *add_field(gofer_info *info, const char *name, kind k)
{
    if (!gf_grow(info->fields, info->field_room, info->field_count + 1)) {
        gf_fail_nomem("a snapshot");
        return NULL;
    }
    field *f = &info->fields[info->field_count++];
    *f = (field){ .name = name, .kind = k };
    return f;
}

int gf_info_add(gofer_info *list, gofer_info *item)
{
    if (item && gf_grow(list->items, list->item_room, list->item_count + 1)) {
        list->items[list->item_count++] = item;
        return 0;
    }
    if (item)
        gf_fail_nomem("a snapshot");
    gofer_info_free(item);
    return -1;
}

int gf_info_move(gofer_info *list, gofer_info *from, size_t index)
{
    gofer_info *item = from->items[index];
    from->items[index] = NULL;
    return gf_info_add(list, item);
}

gofer_info *gf_info_take(gofer_info *list, size_t index)
{
    gofer_info *item = list->items[index];
    list->items[index] = NULL;
    return item;
}

int gf_info_put_text(gofer_info *info, const char *name, const char *text)
{
    size_t place = 0;
    while (place < info->field_count && strcmp(info->fields[place].name, name) != 0)
        place++;
    if (place == info->field_count)
        return gf_info_set_text(info, name, text);
    gf_info_drop(info, name);
    if (gf_info_set_text(info, name, text) != 0)
        return -1;
    field last = info->fields[info->field_count - 1];
    for (size_t i = info->field_count - 1; i > place; i--)
        info->fields[i] = info->fields[i - 1];
    info->fields[place] = last;
    return 0;
}

void gf_info_drop(gofer_info *info, const char *name)
{
    for (size_t i = 0; i < info->field_count; i++)
        if (strcmp(info->fields[i].name, name) == 0) {
            field_clear(&info->fields[i]);
            info->field_count--;
            memmove(&info->fields[i], &info->fields[i + 1],
                (info->field_count - i) * sizeof *info->fields);
            return;
        }
}

// Insertion: such lists are short, and mostly in order.
void gf_info_sort(gofer_info *list, const char *name)
{
    for (size_t i = 1; i < list->item_count; i++) {
        gofer_info *item = list->items[i];
        int64_t value = gofer_info_int(item, name, 0);
        size_t to = i;
        for (; to > 0 && gofer_info_int(list->items[to - 1], name, 0) > value; to--)
            list->items[to] = list->items[to - 1];
        list->items[to] = item;
    }
}

static int set_number(gofer_info *info, const char *name, kind k, int64_t value)
{
    field *f = add_field(info, name, k);
    if (!f)
        return -1;
    f->number = value;
    return 0;
}

int gf_info_set_int(gofer_info *info, const char *name, int64_t value)
{
    return set_number(info, name, INT, value);
}

int gf_info_set_bool(gofer_info *info, const char *name, int value)
{
    return set_number(info, name, BOOL, value != 0);
}

static int set_copy(gofer_info *info, const char *name, kind k, const void *bytes, size_t size)
{
    void *copy = gf_memdup(bytes, size);
    if (!copy) {
        gf_fail_nomem("a snapshot");
        return -1;
    }
    field *f = add_field(info, name, k);
    if (!f) {
        gf_free(copy);
        return -1;
    }
    f->bytes = copy;
    f->size = size;
    return 0;
}

// Another program may have left it in the store: a text, and the JSON of it, is UTF-8 without NUL.
static char *cleaned(const char *text, size_t size, size_t *clean_size)
{
    size_t room = 3 * size + 1;                        // U+FFFD is three bytes
    char *clean = gf_alloc(room);
    if (!clean) {
        gf_fail_nomem("a snapshot");
        return NULL;
    }
    *clean_size = gf_utf8_clean(text, size, clean, room);
    return clean;
}

static int set_clean(gofer_info *info, const char *name, const char *text, size_t size)
{
    if (gf_utf8_valid(text, size) && !memchr(text, '\0', size))
        return set_copy(info, name, TEXT, text, size);
    size_t clean_size;
    char *clean = cleaned(text, size, &clean_size);
    int bad = clean ? set_copy(info, name, TEXT, clean, clean_size) : -1;
    gf_free(clean);
    return bad;
}

int gf_info_set_text(gofer_info *info, const char *name, const char *text)
{
    return text ? set_clean(info, name, text, strlen(text)) : 0;
}

int gf_info_set_bytes(gofer_info *info, const char *name, const void *bytes, size_t size)
{
    return set_copy(info, name, BYTES, bytes, size);
}

int gf_info_set_child(gofer_info *info, const char *name, gofer_info *child)
{
    field *f = child ? add_field(info, name, CHILD) : NULL;
    if (!f) {
        gofer_info_free(child);
        return -1;
    }
    f->child = child;
    return 0;
}

// The field added last takes its name over.
static void own_name(gofer_info *info, char *name)
{
    field *f = &info->fields[info->field_count - 1];
    f->name = name;
    f->owned_name = 1;
}

// Header keys are the user's own, so the field names must be copies.
static int set_header(gofer_info *headers, const char *key, const char *value)
{
    char *name = gf_strdup(key);
    if (!name) {
        gf_fail_nomem("a snapshot");
        return -1;
    }
    if (gf_info_set_text(headers, name, value) != 0) {
        gf_free(name);
        return -1;
    }
    own_name(headers, name);
    return 0;
}

// The caller's; ours are shown as what they mean.
static int set_headers(gofer_info *info, const gf_message *m)
{
    gofer_info *headers = NULL;
    const char *key, *value;
    for (size_t at = 0; gf_headers_next(m->headers, m->headers_size, &at, &key, &value);) {
        if (gf_header_is_ours(key))
            continue;
        if (!headers && !(headers = gf_info_record()))
            return -1;
        if (set_header(headers, key, value) != 0) {
            gofer_info_free(headers);
            return -1;
        }
    }
    return headers ? gf_info_set_child(info, "headers", headers) : 0;
}

// ---- records ------------------------------------------------------------------

static int set_record_field(gofer_info *info, const gf_field *f)
{
    size_t name_size;
    char *name = cleaned(f->name, f->name_size, &name_size);
    char *value = f->is_int ? NULL : gf_alloc(f->value_size + 1);
    int bad = !name || (!f->is_int && !value);
    if (bad)
        gf_fail_nomem("a snapshot");
    else if (f->is_int)
        bad = gf_info_set_int(info, name, gf_field_int(f, 0));
    else
        bad = set_clean(info, name, value, gf_field_copy(f, value));
    gf_free(value);
    if (bad) {
        gf_free(name);
        return -1;
    }
    own_name(info, name);
    return 0;
}

gofer_info *gf_info_of_record(const char *line, size_t size)
{
    gofer_info *info = gf_info_record();
    const char *at = line;
    gf_field f;
    while (info && gf_record_next(&at, line + size, &f))
        if (set_record_field(info, &f) != 0) {
            gofer_info_free(info);
            return NULL;
        }
    return info;
}

int gf_info_set_records(gofer_info *info, const char *name, const char *lines, size_t size)
{
    const char *end = lines ? lines + size : NULL;
    gofer_info *list = lines && size ? gf_info_list() : NULL;
    if (!lines || !size)
        return 0;
    while (list && lines < end) {
        const char *stop = memchr(lines, '\n', (size_t)(end - lines));
        if (!stop)
            stop = end;
        if (stop > lines &&
            gf_info_add(list, gf_info_of_record(lines, (size_t)(stop - lines))) != 0) {
            gofer_info_free(list);
            return -1;
        }
        lines = stop < end ? stop + 1 : end;
    }
    return gf_info_set_child(info, name, list);
}

// A field whose zero means "does not apply" is left out.
static int set_unless_zero(gofer_info *info, const char *name, int64_t value)
{
    return value ? gf_info_set_int(info, name, value) : 0;
}

// The key without the front that it has among those of limits.
static int set_ordered(gofer_info *info, const gf_task_options *o)
{
    if (!o->ordered || !gf_limit_key_is_ordered(o->ordered))
        return 0;
    return gf_info_set_text(info, "ordered", o->ordered + strlen(GF_LIMIT_ORDERED)) |
        gf_info_set_text(info, "ordered_dead", o->ordered_dead);
}

// What gofer's own headers say.
static int set_options(gofer_info *info, const gf_message *m)
{
    gf_task_options o;
    if (!gf_task_options_read(m, &o))
        return 0;
    return set_unless_zero(info, "start_by_ms", o.start_by_ms) |
        gf_info_set_text(info, "retry", o.retry) | gf_info_set_text(info, "on_dead", o.on_dead) |
        gf_info_set_text(info, "on_dead_queue", o.on_dead_queue) |
        gf_info_set_text(info, "on_done", o.on_done) |
        gf_info_set_text(info, "on_done_queue", o.on_done_queue) |
        gf_info_set_text(info, "schedule", o.schedule) |
        gf_info_set_text(info, "unique", o.unique) |
        gf_info_set_text(info, "sealed_for", o.sealed_for) |
        set_unless_zero(info, "priority", o.priority) | gf_info_set_text(info, "tenant", o.tenant) |
        gf_info_set_text(info, "limits", o.limits) |
        set_unless_zero(info, "limit_cost", o.cost) | set_ordered(info, &o) |
        set_unless_zero(info, "snoozes", o.snoozes);
}

static int set_payload(gofer_info *info, const gf_message *m)
{
    char key[GF_SEAL_KEY_ID + 1];
    int bad = gf_info_set_bytes(info, "payload", m->payload ? m->payload : "", m->payload_size);
    if (!gf_is_sealed(m->payload, m->payload_size))
        return bad;
    gf_sealed_by(m->payload, key);
    return bad | gf_info_set_text(info, "encrypted", key);
}

int gf_info_set_message(gofer_info *info, const gf_message *m, int with_payload)
{
    int bad = gf_info_set_text(info, "id", m->id) | gf_info_set_text(info, "type", m->type) |
              gf_info_set_text(info, "queue", m->queue);
    if (with_payload)
        bad |= set_payload(info, m);
    bad |= gf_info_set_int(info, "payload_size", (int64_t)m->payload_size);
    if (m->headers_size)
        bad |= set_headers(info, m) | set_options(info, m);
    bad |= gf_info_set_int(info, "max_retry", m->max_retry) |
        gf_info_set_int(info, "retried", m->retried) |
        gf_info_set_int(info, "crashes", m->crashes) |
        set_unless_zero(info, "suspect", m->suspect) |
        gf_info_set_text(info, "last_error", m->last_error) |
        set_unless_zero(info, "last_failed_at_ms", m->last_failed_ms) |
        set_unless_zero(info, "timeout_ms", m->timeout_ms) |
        set_unless_zero(info, "deadline_ms", m->deadline_ms) |
        set_unless_zero(info, "retention_ms", m->retention_ms) |
        set_unless_zero(info, "enqueued_at_ms", m->enqueued_ms);
    return bad ? -1 : 0;
}

// ---- reading ------------------------------------------------------------------

// A list of many records is read by looking for the same few names in each: mostly the first letter
// tells that it is another one.
static const field *find(const gofer_info *info, const char *name)
{
    if (!info || !name)
        return NULL;
    for (size_t i = 0; i < info->field_count; i++)
        if (*info->fields[i].name == *name && strcmp(info->fields[i].name, name) == 0)
            return &info->fields[i];
    return NULL;
}

size_t gofer_info_count(const gofer_info *info)
{
    return info ? info->item_count : 0;
}

const gofer_info *gofer_info_at(const gofer_info *info, size_t index)
{
    return info && index < info->item_count ? info->items[index] : NULL;
}

size_t gofer_info_field_count(const gofer_info *info)
{
    return info ? info->field_count : 0;
}

const char *gofer_info_field_name(const gofer_info *info, size_t index)
{
    return info && index < info->field_count ? info->fields[index].name : NULL;
}

int32_t gofer_info_has(const gofer_info *info, const char *name)
{
    return find(info, name) != NULL;
}

int64_t gofer_info_int(const gofer_info *info, const char *name, int64_t fallback)
{
    const field *f = find(info, name);
    return f && (f->kind == INT || f->kind == BOOL) ? f->number : fallback;
}

const char *gofer_info_text(const gofer_info *info, const char *name)
{
    const field *f = find(info, name);
    return f && f->kind == TEXT ? f->bytes : NULL;
}

const void *gofer_info_bytes(const gofer_info *info, const char *name, size_t *size)
{
    const field *f = find(info, name);
    if (!f || (f->kind != TEXT && f->kind != BYTES))
        return NULL;
    if (size)
        *size = f->size;
    return f->bytes;
}

const gofer_info *gofer_info_child(const gofer_info *info, const char *name)
{
    const field *f = find(info, name);
    return f && f->kind == CHILD ? f->child : NULL;
}

// ---- JSON ---------------------------------------------------------------------

static char *base64(const void *bytes, size_t size)
{
    char *out = gf_alloc(GF_BASE64_ROOM(size));
    if (out)
        gf_base64_encode(bytes, size, out);
    return out;
}

static cJSON *json_of(const gofer_info *info);

// cJSON strings end at a NUL, so bytes with one count as binary.
static cJSON *json_of_bytes(const field *f)
{
    if (gf_utf8_valid(f->bytes, f->size) && !memchr(f->bytes, '\0', f->size))
        return cJSON_CreateString(f->bytes);

    char *text = base64(f->bytes, f->size);
    cJSON *object = text ? cJSON_CreateObject() : NULL;
    if (object && !cJSON_AddStringToObject(object, "base64", text)) {
        cJSON_Delete(object);
        object = NULL;
    }
    gf_free(text);
    return object;
}

static cJSON *json_of_field(const field *f)
{
    char number[24];
    switch (f->kind) {
    case INT:       // as text: a double would lose digits past 2^53
        snprintf(number, sizeof number, "%lld", (long long)f->number);
        return cJSON_CreateRaw(number);
    case BOOL:
        return cJSON_CreateBool(f->number != 0);
    case TEXT:
    case BYTES:
        return json_of_bytes(f);
    case CHILD:
        return json_of(f->child);
    }
    return NULL;
}

static int add_member(cJSON *object, const char *name, cJSON *value)
{
    if (value && cJSON_AddItemToObject(object, name, value))
        return 0;
    cJSON_Delete(value);
    return -1;
}

static int add_items(cJSON *object, const gofer_info *info)
{
    cJSON *items = cJSON_CreateArray();
    if (add_member(object, "items", items) != 0)
        return -1;
    for (size_t i = 0; i < info->item_count; i++) {
        cJSON *item = json_of(info->items[i]);
        if (!item || !cJSON_AddItemToArray(items, item)) {
            cJSON_Delete(item);
            return -1;
        }
    }
    return 0;
}

static cJSON *json_of(const gofer_info *info)
{
    cJSON *object = cJSON_CreateObject();
    if (!object)
        return NULL;
    int bad = info->is_list ? add_items(object, info) : 0;
    for (size_t i = 0; i < info->field_count && !bad; i++)
        bad = add_member(object, info->fields[i].name, json_of_field(&info->fields[i]));
    if (bad) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

char *gf_info_json_items(const gofer_info *list)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *items = object && add_items(object, list) == 0
        ? cJSON_GetObjectItemCaseSensitive(object, "items")
        : NULL;
    char *printed = items ? cJSON_PrintUnformatted(items) : NULL;
    char *text = printed ? gf_strdup(printed) : NULL;
    cJSON_free(printed);
    cJSON_Delete(object);
    return text;
}

gofer_status gofer_info_json(const gofer_info *info, char **out)
{
    if (!info || !out)
        return gf_fail(GOFER_EINVAL, "gofer_info_json: info and out must not be NULL");
    cJSON *json = json_of(info);
    char *printed = json ? cJSON_PrintUnformatted(json) : NULL;
    char *text = printed ? gf_strdup(printed) : NULL;   // gofer_free must be able to free it
    cJSON_free(printed);
    cJSON_Delete(json);
    if (!text)
        return gf_fail_nomem("JSON text");
    *out = text;
    return GOFER_OK;
}
