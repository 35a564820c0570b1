// entry_json.c - the entries that a JSON text lists: {"entries": [{"name": ..., "spec": ..., "type": ...}, ...]}.
//
// May touch: cJSON. All is checked as gofer_client_schedule_put checks it, and errors name the entry and the key.
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/book.h"
#include "schedule/json_span.h"
#include "util/alloc.h"
#include "util/base64.h"
#include "util/error.h"
#include "util/text.h"

enum { ENTRIES_MAX = 100000, HEADERS_MAX = 64 };

// One entry being read: what is given to gf_schedule_make borrows from the JSON, but for the payload.
typedef struct reading {
    const cJSON            *object;
    const char             *where;         // for errors: 'nightly', or its number
    gofer_schedule_options  schedule;
    gofer_enqueue_options   task;
    const char             *headers[2 * HEADERS_MAX + 1];
    char                   *payload;       // owned
    size_t                  payload_size;
    bool                    says_paused;
    const char             *name, *spec, *type;
} reading;

// ---- keys ---------------------------------------------------------------------------------------

static gofer_status bad(const reading *r, const char *key, const char *needed)
{
    return gf_fail(GOFER_EINVAL, "cron entry %s: '%s' must be %s", r->where, key, needed);
}

static gofer_status read_text(const reading *r, const cJSON *value, const char **out)
{
    if (!cJSON_IsString(value))
        return bad(r, value->string, "a text");
    *out = value->valuestring;
    return GOFER_OK;
}

static gofer_status read_count(const reading *r, const cJSON *value, int32_t *out)
{
    double n = value->valuedouble;
    if (!cJSON_IsNumber(value) || n < 0 || n > 1000000 || n != (double)(int32_t)n)
        return bad(r, value->string, "a whole number from 0 to 1000000");
    *out = (int32_t)n;
    return GOFER_OK;
}

// As on the command line: a number is seconds.
static gofer_status read_duration(const reading *r, const cJSON *value, int64_t *out)
{
    if (cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble <= (double)GOFER_MAX_DURATION_MS / 1000) {
        *out = (int64_t)(value->valuedouble * 1000 + 0.5);
        return GOFER_OK;
    }
    if (!cJSON_IsString(value) || gofer_parse_duration(value->valuestring, out) != GOFER_OK)
        return bad(r, value->string, "a duration, such as \"30s\", or a number of seconds");
    return GOFER_OK;
}

static gofer_status read_headers(reading *r, const cJSON *value)
{
    size_t count = 0;
    const cJSON *one;
    if (!cJSON_IsObject(value) || cJSON_GetArraySize(value) > HEADERS_MAX)
        return bad(r, "headers", "an object of at most 64 texts");
    cJSON_ArrayForEach(one, value) {
        if (!cJSON_IsString(one))
            return bad(r, "headers", "an object of texts");
        r->headers[2 * count] = one->string;
        r->headers[2 * count++ + 1] = one->valuestring;
    }
    r->headers[2 * count] = NULL;
    r->task.headers = r->headers;
    return GOFER_OK;
}

// The one member "base64" of an object.
static const cJSON *base64_of(const cJSON *value)
{
    const cJSON *only = cJSON_IsObject(value) ? value->child : NULL;
    return only && !only->next && strcmp(only->string, "base64") == 0 ? only : NULL;
}

// A text stands for its characters, {"base64": "..."} for bytes, any other value for its own JSON text: the digits as they
// stand, for a number may be longer than a double holds. cJSON's texts end at a U+0000, so they are read from the span.
static gofer_status read_payload(reading *r, const cJSON *value, const char *span, size_t span_size)
{
    const cJSON *only = base64_of(value);
    if (cJSON_IsString(value)) {
        r->payload = gf_alloc(span_size);
        if (r->payload)
            r->payload_size = gf_json_text(span, span_size, r->payload);
    } else if (only) {
        if (!cJSON_IsString(only) || gf_json_has_nul(span, span_size))
            return bad(r, "payload", "valid base64");
        size_t length = strlen(only->valuestring);
        r->payload = gf_alloc(length + 1);
        if (r->payload && !gf_base64_decode(only->valuestring, length, r->payload, &r->payload_size))
            return bad(r, "payload", "valid base64");
    } else {
        r->payload = gf_alloc(span_size + 1);
        if (r->payload)
            r->payload_size = gf_json_squeeze(span, span_size, r->payload);
    }
    return r->payload ? GOFER_OK : gf_fail_nomem("a payload");
}

static gofer_status read_word(const reading *r, const cJSON *value, int32_t (*parse)(const char *), const char *words,
    int32_t *out)
{
    if (!cJSON_IsString(value) || (*out = parse(value->valuestring)) < 0)
        return bad(r, value->string, words);
    return GOFER_OK;
}

static gofer_status read_max_retry(reading *r, const cJSON *value)
{
    int32_t n = 0;
    gofer_status st = read_count(r, value, &n);
    r->task.max_retry = n ? n : GOFER_NO_RETRY;
    return st;
}

static gofer_status read_timeout(reading *r, const cJSON *value)
{
    gofer_status st = read_duration(r, value, &r->task.timeout_ms);
    if (st == GOFER_OK && r->task.timeout_ms == 0)
        r->task.timeout_ms = GOFER_NO_TIMEOUT;
    return st;
}

static gofer_status read_paused(reading *r, const cJSON *value)
{
    if (!cJSON_IsBool(value))
        return bad(r, "paused", "true or false");
    r->schedule.paused = cJSON_IsTrue(value);
    r->says_paused = true;
    return GOFER_OK;
}

static const char *const keys[] = { "name", "spec", "tz", "type", "payload", "queue", "retry", "max_retry", "timeout",
    "retention", "expires", "on_dead", "on_dead_queue", "headers", "missed", "missed_max", "overlap", "jitter", "paused" };
enum { KEYS = sizeof keys / sizeof *keys };

static gofer_status read_key(reading *r, const cJSON *value, const char *span, size_t span_size)
{
    const struct { const char *key; const char **out; } texts[] = {
        { "name", &r->name }, { "spec", &r->spec }, { "tz", &r->schedule.tz }, { "type", &r->type },
        { "queue", &r->task.queue }, { "on_dead", &r->task.on_dead }, { "on_dead_queue", &r->task.on_dead_queue },
    };
    const char *key = value->string;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(key, texts[i].key) == 0)
            return read_text(r, value, texts[i].out);
    if (strcmp(key, "payload") == 0)
        return read_payload(r, value, span, span_size);
    if (strcmp(key, "retry") == 0)
        return cJSON_IsNumber(value) ? bad(r, key, "a retry policy, such as \"fixed:30s\"; how often is max_retry")
                                     : read_text(r, value, &r->task.retry);
    if (strcmp(key, "max_retry") == 0)
        return read_max_retry(r, value);
    if (strcmp(key, "timeout") == 0)
        return read_timeout(r, value);
    if (strcmp(key, "retention") == 0)
        return read_duration(r, value, &r->task.retention_ms);
    if (strcmp(key, "expires") == 0)
        return read_duration(r, value, &r->task.expires_ms);
    if (strcmp(key, "jitter") == 0)
        return read_duration(r, value, &r->schedule.jitter_ms);
    if (strcmp(key, "headers") == 0)
        return read_headers(r, value);
    if (strcmp(key, "missed") == 0)
        return read_word(r, value, gf_missed_parse, "\"once\", \"skip\" or \"all\"", &r->schedule.missed);
    if (strcmp(key, "overlap") == 0)
        return read_word(r, value, gf_overlap_parse, "\"allow\", \"skip\", \"queue\" or \"cancel\"", &r->schedule.overlap);
    if (strcmp(key, "missed_max") == 0)
        return read_count(r, value, &r->schedule.missed_max);
    if (strcmp(key, "paused") == 0)
        return read_paused(r, value);
    const char *near = gf_nearest(key, keys, KEYS);
    return gf_fail(GOFER_EINVAL, "cron entry %s: there is no key '%.60s'%s%s%s", r->where, key, near ? "; did you mean '" : "",
        near ? near : "", near ? "'?" : "");
}

// ---- an entry ---------------------------------------------------------------------------------------

static gofer_status read_members(reading *r, const char *span, size_t span_size)
{
    gf_json_walk walk = gf_json_members(span, span_size);
    const cJSON *member;
    cJSON_ArrayForEach(member, r->object) {
        const char *value = "";
        size_t value_size = 0;
        // The members come in the same order in both: the one tree tells the value, the other text how it is written.
        if (!gf_json_next(&walk, &value, &value_size))
            return gf_fail(GOFER_EINVAL, "cron entry %s cannot be read", r->where);
        if (gf_json_has_nul(walk.key, walk.key_size))
            return gf_fail(GOFER_EINVAL, "cron entry %s: a key holds U+0000", r->where);
        if (strcmp(member->string, "payload") != 0 && gf_json_has_nul(value, value_size))
            return bad(r, member->string, "without U+0000");
        for (const cJSON *before = r->object->child; before != member; before = before->next)
            if (strcmp(before->string, member->string) == 0)
                return gf_fail(GOFER_EINVAL, "cron entry %s: the key '%.60s' is given twice", r->where, member->string);
        if (cJSON_IsNull(member) && strcmp(member->string, "payload") != 0)
            continue;              // the default
        gofer_status st = read_key(r, member, value, value_size);
        if (st != GOFER_OK)
            return st;
    }
    const struct { const char *key, *value; } needed[] = { { "name", r->name }, { "spec", r->spec }, { "type", r->type } };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!needed[i].value)
            return gf_fail(GOFER_EINVAL, "cron entry %s: '%s' is missing", r->where, needed[i].key);
    return GOFER_OK;
}

static gofer_status read_entry(const cJSON *object, size_t number, const char *span, size_t span_size,
    const gofer_client *client, gf_zones *zones, const char *source, gf_schedule *out, bool *says_paused)
{
    char where[96];
    reading *r = gf_calloc(1, sizeof *r);  // too large for a thread's small stack
    if (!r)
        return gf_fail_nomem("a cron entry");
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(object, "name");
    if (cJSON_IsString(name) && gf_utf8_valid(name->valuestring, strlen(name->valuestring)))
        snprintf(where, sizeof where, "'%.60s'", name->valuestring);
    else
        snprintf(where, sizeof where, "number %zu", number);
    r->object = object;
    r->where = where;
    gofer_schedule_options_init(&r->schedule);
    gofer_enqueue_options_init(&r->task);
    gofer_status st = cJSON_IsObject(object) ? read_members(r, span, span_size)
                                             : gf_fail(GOFER_EINVAL, "cron entry %s is not an object", where);
    if (st == GOFER_OK) {
        r->schedule.task = &r->task;
        st = gf_schedule_make(out, client, zones, r->name, r->spec, r->type, r->payload, r->payload_size, &r->schedule, source);
        if (st != GOFER_OK)
            st = gf_fail_add(st, "cron entry %s", where);
        *says_paused = r->says_paused;
    }
    gf_free(r->payload);
    gf_free(r);
    return st;
}

// ---- the list -----------------------------------------------------------------------------------------

void gf_schedule_list_clear(gf_schedule_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        gf_schedule_clear(&list->items[i]);
    gf_free(list->items);
    gf_free(list->says_paused);
    *list = (gf_schedule_list){ 0 };
}

typedef struct numbered {
    gf_schedule entry;
    bool        says_paused;
} numbered;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const numbered *)a)->entry.name, ((const numbered *)b)->entry.name);
}

// Sorted, and no name twice.
static gofer_status arrange(numbered *all, size_t count, gf_schedule_list *out)
{
    qsort(all, count, sizeof *all, by_name);
    for (size_t i = 1; i < count; i++)
        if (strcmp(all[i].entry.name, all[i - 1].entry.name) == 0)
            return gf_fail(GOFER_EINVAL, "cron entry '%s' is there twice", all[i].entry.name);
    gf_schedule_list list = { gf_calloc(count + 1, sizeof *list.items), gf_calloc(count + 1, sizeof(bool)), 0 };
    if (!list.items || !list.says_paused) {
        gf_schedule_list_clear(&list);
        return gf_fail_nomem("cron entries");
    }
    for (; list.count < count; list.count++) {
        list.items[list.count] = all[list.count].entry;
        list.says_paused[list.count] = all[list.count].says_paused;
    }
    *out = list;
    return GOFER_OK;
}

static gofer_status read_list(const cJSON *array, const char *span, size_t span_size, const gofer_client *client,
    const char *source, gf_schedule_list *out)
{
    size_t count = (size_t)cJSON_GetArraySize(array), read = 0;
    gf_json_walk walk = gf_json_items(span, span_size);
    gf_zones zones = { 0 };
    const cJSON *one;
    if (count > ENTRIES_MAX)
        return gf_fail(GOFER_EINVAL, "%zu cron entries are too many: at most %d", count, ENTRIES_MAX);
    numbered *all = gf_calloc(count + 1, sizeof *all);
    gofer_status st = all ? GOFER_OK : gf_fail_nomem("cron entries");
    cJSON_ArrayForEach(one, array) {
        const char *item = "";
        size_t item_size = 0;
        if (st == GOFER_OK && !gf_json_next(&walk, &item, &item_size))
            st = gf_fail(GOFER_EINVAL, "cron entry number %zu cannot be read", read + 1);
        if (st == GOFER_OK)
            st = read_entry(one, read + 1, item, item_size, client, &zones, source, &all[read].entry, &all[read].says_paused);
        read += st == GOFER_OK;
    }
    if (st == GOFER_OK)
        st = arrange(all, read, out);
    for (size_t i = 0; i < read && st != GOFER_OK; i++)
        gf_schedule_clear(&all[i].entry);
    gf_free(all);
    gf_zones_clear(&zones);
    return st;
}

static gofer_status not_json(const char *json, size_t size, const char *end)
{
    size_t line = 1, column = 1;
    for (const char *at = json; at < json + size && at < end; at++) {
        line += *at == '\n';
        column = *at == '\n' ? 1 : column + 1;
    }
    return gf_fail(GOFER_EINVAL, "the cron entries are not JSON: line %zu, column %zu", line, column);
}

// Of a text that is known to be JSON.
static gofer_status read_root(const cJSON *root, const char *text, size_t size, const gofer_client *client, const char *source,
    gf_schedule_list *out)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(root, "entries");
    gf_json_walk walk = gf_json_members(text, size);
    const char *span;
    size_t span_size;
    if (!cJSON_IsObject(root) || !cJSON_IsArray(array) || root->child->next || !gf_json_next(&walk, &span, &span_size) ||
        gf_json_has_nul(walk.key, walk.key_size))
        return gf_fail(GOFER_EINVAL, "the cron entries must be {\"entries\": [...]} and nothing beside it");
    return read_list(array, span, span_size, client, source, out);
}

gofer_status gf_schedule_list_parse(const gofer_client *client, const char *source, const char *json, size_t size,
    gf_schedule_list *out)
{
    static const char bom[] = "\xEF\xBB\xBF";
    if (!gf_utf8_valid(json, size) || memchr(json, '\0', size))
        return gf_fail(GOFER_EINVAL, "the cron entries are not JSON: not valid UTF-8, or with a NUL in it");
    if (size >= sizeof bom - 1 && memcmp(json, bom, sizeof bom - 1) == 0) {     // as some editors write it
        json += sizeof bom - 1;
        size -= sizeof bom - 1;
    }
    // cJSON takes more than JSON (any control character for a blank), and the spans would come apart from its tree.
    const char *end = gf_json_error(json, size);
    if (end)
        return not_json(json, size, end);
    char *text = gf_memdup(json, size);    // cJSON wants an end to be seen
    if (!text)
        return gf_fail_nomem("cron entries");
    cJSON *root = cJSON_ParseWithOpts(text, &end, 1);
    gofer_status st = root ? read_root(root, text, size, client, source, out) : not_json(text, size, end);
    cJSON_Delete(root);
    gf_free(text);
    return st;
}
