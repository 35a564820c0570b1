// entry_json.c - the entries that a JSON text lists: {"entries": [{"name": ..., ...}, ...]}.
//
// All is checked as gofer_client_schedule_put checks it, and errors name the entry and the key. A
// key that is given twice, or that there is not, is refused. May touch: util/json.h.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/book.h"
#include "util/alloc.h"
#include "util/base64.h"
#include "util/error.h"
#include "util/json.h"
#include "util/nearest.h"
#include "util/utf8.h"

enum { ENTRIES_MAX = 100000, HEADERS_MAX = 64 };

// What the entries of one text have in common.
typedef struct list_reading {
    const gofer_client *client;
    const char         *source;
    gf_zones            zones;
} list_reading;

// One entry being read: what is given to gf_schedule_make borrows from room.
typedef struct reading {
    gf_json                 object;
    char                    where[96];     // for errors: 'nightly', or its number
    char                   *room;          // owned: the texts, decoded, and the payload
    size_t                  used;
    gf_schedule_given       given;
    gofer_schedule_options  schedule;
    gofer_enqueue_options   task;
    const char             *headers[2 * HEADERS_MAX + 1];
    const char             *limits[GOFER_LIMIT_KEYS + 1];
    uint32_t                keys;          // those that were there, a bit each
    bool                    says_paused;
} reading;

// ---- keys ---------------------------------------------------------------------------------------

static gofer_status bad(const reading *r, const char *key, const char *needed)
{
    return gf_fail(GOFER_EINVAL, "cron entry %s: '%s' must be %s", r->where, key, needed);
}

// room has the size of the entry's text, and nothing needs more there than it takes in that text:
// a string has its quotes, any other value a comma or a bracket behind it.
static char *take_room(reading *r, size_t size)
{
    char *at = r->room + r->used;
    r->used += size;
    return at;
}

// Of a string or key, NUL-terminated.
static const char *text_of(reading *r, gf_json string)
{
    char *text = r->room + r->used;
    r->used += gf_json_text(string, text) + 1;
    return text;
}

static gofer_status read_text(reading *r, const char *key, gf_json value, const char **out)
{
    if (value.kind != GF_JSON_STRING)
        return bad(r, key, "a text");
    *out = text_of(r, value);
    return GOFER_OK;
}

static double number_of(reading *r, gf_json value)
{
    return gf_json_number(value, take_room(r, value.size + 1));
}

static gofer_status read_count(reading *r, const char *key, gf_json value, int32_t *out)
{
    double n = value.kind == GF_JSON_NUMBER ? number_of(r, value) : -1;
    if (n < 0 || n > 1000000 || n != (double)(int32_t)n)
        return bad(r, key, "a whole number from 0 to 1000000");
    *out = (int32_t)n;
    return GOFER_OK;
}

// As on the command line: a number is seconds.
static gofer_status read_duration(reading *r, const char *key, gf_json value, int64_t *out)
{
    double n = value.kind == GF_JSON_NUMBER ? number_of(r, value) : -1;
    if (n >= 0 && n <= (double)GOFER_MAX_DURATION_MS / 1000) {
        *out = (int64_t)(n * 1000 + 0.5);
        return GOFER_OK;
    }
    if (value.kind != GF_JSON_STRING || gofer_parse_duration(text_of(r, value), out) != GOFER_OK)
        return bad(r, key, "a duration, such as \"30s\", or a number of seconds");
    return GOFER_OK;
}

static gofer_status read_headers(reading *r, gf_json value)
{
    gf_json key, text;
    size_t count = 0;
    if (value.kind != GF_JSON_OBJECT)
        return bad(r, "headers", "an object of at most 64 texts");
    for (gf_json_scan s = gf_json_inside(value); gf_json_member(&s, &key, &text);) {
        if (count == HEADERS_MAX)
            return bad(r, "headers", "an object of at most 64 texts");
        if (text.kind != GF_JSON_STRING)
            return bad(r, "headers", "an object of texts");
        r->headers[2 * count] = text_of(r, key);
        r->headers[2 * count++ + 1] = text_of(r, text);
    }
    r->headers[2 * count] = NULL;
    r->task.headers = r->headers;
    return GOFER_OK;
}

// The value of "base64" in an object that has nothing else.
static bool find_base64(gf_json value, gf_json *out)
{
    gf_json key, more;
    gf_json_scan s = gf_json_inside(value);
    return value.kind == GF_JSON_OBJECT && gf_json_member(&s, &key, out) &&
           gf_json_is(key, "base64") && gf_json_next(&s, &more) == GF_JSON_CLOSE;
}

// A text stands for its characters, {"base64": "..."} for bytes, any other value for its own JSON
// text: the digits as they stand, for a number may be longer than a double holds.
static gofer_status read_payload(reading *r, gf_json value)
{
    gf_json text;
    char *bytes = r->room + r->used;
    r->given.payload = bytes;
    if (value.kind == GF_JSON_STRING) {
        r->given.size = gf_json_text(value, bytes);
    } else if (find_base64(value, &text)) {
        size_t length = text.kind == GF_JSON_STRING ? gf_json_text(text, bytes) : 0;
        if (text.kind != GF_JSON_STRING || !gf_base64_decode(bytes, length, bytes, &r->given.size))
            return bad(r, "payload", "valid base64");
    } else {
        r->given.size = gf_json_squeeze(value, bytes);
    }
    r->used += r->given.size + 1;
    return GOFER_OK;
}

static gofer_status read_word(reading *r, const char *key, gf_json value,
    int32_t (*parse)(const char *), const char *words, int32_t *out)
{
    if (value.kind != GF_JSON_STRING || (*out = parse(text_of(r, value))) < 0)
        return bad(r, key, words);
    return GOFER_OK;
}

static gofer_status read_max_retry(reading *r, gf_json value)
{
    int32_t n = 0;
    gofer_status st = read_count(r, "max_retry", value, &n);
    r->task.max_retry = n ? n : GOFER_NO_RETRY;
    return st;
}

static gofer_status read_priority(reading *r, gf_json value)
{
    double n = value.kind == GF_JSON_NUMBER ? number_of(r, value) : 1000;
    if (n < -GOFER_PRIORITY_MAX || n > GOFER_PRIORITY_MAX || n != (double)(int32_t)n)
        return bad(r, "priority", "a whole number from -100 to 100");
    r->task.priority = (int32_t)n;
    return GOFER_OK;
}

static gofer_status read_limits(reading *r, gf_json value)
{
    gf_json one;
    size_t count = 0;
    if (value.kind != GF_JSON_ARRAY)
        return bad(r, "limits", "a list of at most 4 texts");
    for (gf_json_scan s = gf_json_inside(value); gf_json_value(&s, &one) > GF_JSON_CLOSE; count++) {
        if (count == GOFER_LIMIT_KEYS)
            return bad(r, "limits", "a list of at most 4 texts");
        if (one.kind != GF_JSON_STRING || gf_json_has_nul(one))
            return bad(r, "limits", "a list of texts");
        r->limits[count] = text_of(r, one);
    }
    r->task.limits = r->limits;
    return GOFER_OK;
}

static int32_t ordered_dead_of(const char *word)
{
    return strcmp(word, "continue") == 0 ? GOFER_ORDERED_CONTINUE
        : strcmp(word, "block") == 0     ? GOFER_ORDERED_BLOCK
                                         : -1;
}

static gofer_status read_limit_cost(reading *r, gf_json value)
{
    int32_t n = 0;
    gofer_status st = read_count(r, "limit_cost", value, &n);
    r->task.limit_cost = n;
    return st;
}

static gofer_status read_timeout(reading *r, gf_json value)
{
    gofer_status st = read_duration(r, "timeout", value, &r->task.timeout_ms);
    if (st == GOFER_OK && r->task.timeout_ms == 0)
        r->task.timeout_ms = GOFER_NO_TIMEOUT;
    return st;
}

static gofer_status read_flag(reading *r, const char *key, gf_json value, int32_t *out)
{
    if (value.kind != GF_JSON_TRUE && value.kind != GF_JSON_FALSE)
        return bad(r, key, "true or false");
    *out = value.kind == GF_JSON_TRUE;
    return GOFER_OK;
}

static gofer_status read_paused(reading *r, gf_json value)
{
    r->says_paused = true;
    return read_flag(r, "paused", value, &r->schedule.paused);
}

static const char *const keys[] = {
    "name", "spec", "tz", "type", "payload", "queue", "retry", "max_retry", "timeout", "retention",
    "expires", "on_dead", "on_dead_queue", "headers", "missed", "missed_max", "overlap", "jitter",
    "paused", "priority", "on_done", "on_done_queue",
    "limits", "limit_cost", "ordered", "ordered_dead", "tenant", "plain",
};
enum { KEYS = sizeof keys / sizeof *keys };

static gofer_status read_key(reading *r, const char *key, gf_json value)
{
    const struct { const char *key; const char **out; } texts[] = {
        { "name", &r->given.name }, { "spec", &r->given.spec }, { "tz", &r->schedule.tz },
        { "type", &r->given.type }, { "queue", &r->task.queue }, { "on_dead", &r->task.on_dead },
        { "on_dead_queue", &r->task.on_dead_queue }, { "ordered", &r->task.ordered },
        { "tenant", &r->task.tenant }, { "on_done", &r->task.on_done },
        { "on_done_queue", &r->task.on_done_queue },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(key, texts[i].key) == 0)
            return read_text(r, key, value, texts[i].out);
    if (strcmp(key, "payload") == 0)
        return read_payload(r, value);
    if (strcmp(key, "retry") == 0 && value.kind == GF_JSON_NUMBER)
        return bad(r, key, "a retry policy, such as \"fixed:30s\"; how often is max_retry");
    if (strcmp(key, "retry") == 0)
        return read_text(r, key, value, &r->task.retry);
    if (strcmp(key, "max_retry") == 0)
        return read_max_retry(r, value);
    if (strcmp(key, "priority") == 0)
        return read_priority(r, value);
    if (strcmp(key, "limits") == 0)
        return read_limits(r, value);
    if (strcmp(key, "limit_cost") == 0)
        return read_limit_cost(r, value);
    if (strcmp(key, "ordered_dead") == 0)
        return read_word(r, key, value, ordered_dead_of, "\"continue\" or \"block\"",
            &r->task.ordered_dead);
    if (strcmp(key, "plain") == 0)
        return read_flag(r, key, value, &r->task.plain);
    if (strcmp(key, "timeout") == 0)
        return read_timeout(r, value);
    if (strcmp(key, "retention") == 0)
        return read_duration(r, key, value, &r->task.retention_ms);
    if (strcmp(key, "expires") == 0)
        return read_duration(r, key, value, &r->task.expires_ms);
    if (strcmp(key, "jitter") == 0)
        return read_duration(r, key, value, &r->schedule.jitter_ms);
    if (strcmp(key, "headers") == 0)
        return read_headers(r, value);
    if (strcmp(key, "missed") == 0)
        return read_word(r, key, value, gf_missed_parse, "\"once\", \"skip\" or \"all\"",
            &r->schedule.missed);
    if (strcmp(key, "overlap") == 0)
        return read_word(r, key, value, gf_overlap_parse,
            "\"allow\", \"skip\", \"queue\" or \"cancel\"", &r->schedule.overlap);
    if (strcmp(key, "missed_max") == 0)
        return read_count(r, key, value, &r->schedule.missed_max);
    return read_paused(r, value);
}

// ---- an entry -----------------------------------------------------------------------------------

static gofer_status no_such_key(const reading *r, const char *key)
{
    const char *near = gf_nearest(key, keys, KEYS);
    return gf_fail(GOFER_EINVAL, "cron entry %s: there is no key '%.60s'%s%s%s", r->where, key,
        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static gofer_status read_member(reading *r, gf_json name, gf_json value)
{
    if (gf_json_has_nul(name))
        return gf_fail(GOFER_EINVAL, "cron entry %s: a key holds U+0000", r->where);
    size_t i = 0;
    while (i < KEYS && !gf_json_is(name, keys[i]))
        i++;
    if (i == KEYS)
        return no_such_key(r, text_of(r, name));
    bool is_payload = strcmp(keys[i], "payload") == 0;
    if (!is_payload && gf_json_has_nul(value))
        return bad(r, keys[i], "without U+0000");
    if (r->keys >> i & 1)
        return gf_fail(GOFER_EINVAL, "cron entry %s: the key '%s' is given twice", r->where,
            keys[i]);
    r->keys |= UINT32_C(1) << i;
    if (value.kind == GF_JSON_NULL && !is_payload)
        return GOFER_OK;           // the default
    return read_key(r, keys[i], value);
}

static gofer_status read_members(reading *r)
{
    gf_json name, value;
    if (r->object.kind != GF_JSON_OBJECT)
        return gf_fail(GOFER_EINVAL, "cron entry %s is not an object", r->where);
    for (gf_json_scan s = gf_json_inside(r->object); gf_json_member(&s, &name, &value);) {
        gofer_status st = read_member(r, name, value);
        if (st != GOFER_OK)
            return st;
    }
    const struct { const char *key, *value; } needed[] = {
        { "name", r->given.name }, { "spec", r->given.spec }, { "type", r->given.type },
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!needed[i].value)
            return gf_fail(GOFER_EINVAL, "cron entry %s: '%s' is missing", r->where, needed[i].key);
    return GOFER_OK;
}

// Its name, wherever in the object that stands, or else its number.
static void find_where(reading *r, size_t number)
{
    gf_json key, value;
    snprintf(r->where, sizeof r->where, "number %zu", number);
    if (r->object.kind != GF_JSON_OBJECT)
        return;
    for (gf_json_scan s = gf_json_inside(r->object); gf_json_member(&s, &key, &value);)
        if (gf_json_is(key, "name") && value.kind == GF_JSON_STRING) {
            gf_json_text(value, r->room);      // it is free yet
            snprintf(r->where, sizeof r->where, "'%.60s'", r->room);
            return;
        }
}

typedef struct numbered {
    gf_schedule entry;
    bool        says_paused;
} numbered;

static gofer_status read_entry(list_reading *list, gf_json object, size_t number, numbered *out)
{
    reading *r = gf_calloc(1, sizeof *r);  // too large for a thread's small stack
    char *room = gf_alloc(object.size + 1);
    if (!r || !room) {
        gf_free(r);
        gf_free(room);
        return gf_fail_nomem("a cron entry");
    }
    r->object = object;
    r->room = room;
    r->given.source = list->source;
    r->given.opts = &r->schedule;
    gofer_schedule_options_init(&r->schedule);
    gofer_enqueue_options_init(&r->task);
    find_where(r, number);
    gofer_status st = read_members(r);
    if (st == GOFER_OK) {
        r->schedule.task = &r->task;
        st = gf_schedule_make(&out->entry, list->client, &list->zones, &r->given);
        if (st != GOFER_OK)
            st = gf_fail_add(st, "cron entry %s", r->where);
        out->says_paused = r->says_paused;
    }
    gf_free(room);
    gf_free(r);
    return st;
}

// ---- the list -----------------------------------------------------------------------------------

void gf_schedule_list_clear(gf_schedule_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        gf_schedule_clear(&list->items[i]);
    gf_free(list->items);
    gf_free(list->says_paused);
    *list = (gf_schedule_list){ 0 };
}

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
    gf_schedule_list list = { gf_calloc(count + 1, sizeof *list.items),
        gf_calloc(count + 1, sizeof(bool)), 0 };
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

static size_t count_of(gf_json array)
{
    gf_json one;
    size_t count = 0;
    for (gf_json_scan s = gf_json_inside(array); gf_json_value(&s, &one) > GF_JSON_CLOSE;)
        count++;
    return count;
}

static gofer_status read_list(list_reading *list, gf_json array, gf_schedule_list *out)
{
    size_t count = count_of(array), read = 0;
    if (count > ENTRIES_MAX)
        return gf_fail(GOFER_EINVAL, "%zu cron entries are too many: at most %d", count,
            ENTRIES_MAX);
    numbered *all = gf_calloc(count + 1, sizeof *all);
    gofer_status st = all ? GOFER_OK : gf_fail_nomem("cron entries");
    for (gf_json_scan s = gf_json_inside(array); st == GOFER_OK && read < count;) {
        gf_json one;
        gf_json_value(&s, &one);
        st = read_entry(list, one, read + 1, &all[read]);
        read += st == GOFER_OK;
    }
    if (st == GOFER_OK)
        st = arrange(all, read, out);
    for (size_t i = 0; i < read && st != GOFER_OK; i++)
        gf_schedule_clear(&all[i].entry);
    gf_free(all);
    return st;
}

static gofer_status not_json(const char *json, const char *at)
{
    size_t line = 1, column = 1;
    for (const char *p = json; p < at; p++) {
        line += *p == '\n';
        column = *p == '\n' ? 1 : column + 1;
    }
    return gf_fail(GOFER_EINVAL, "the cron entries are not JSON: line %zu, column %zu", line,
        column);
}

// The list that is the one member of the root.
static bool find_list(gf_json root, gf_json *array)
{
    gf_json key, more;
    gf_json_scan s = gf_json_inside(root);
    return root.kind == GF_JSON_OBJECT && gf_json_member(&s, &key, array) &&
           array->kind == GF_JSON_ARRAY && gf_json_is(key, "entries") &&
           gf_json_next(&s, &more) == GF_JSON_CLOSE;
}

gofer_status gf_schedule_list_parse(const gofer_client *client, const char *source,
    const char *json, size_t size, gf_schedule_list *out)
{
    gf_json root, array;
    if (!gf_utf8_valid(json, size) || memchr(json, '\0', size))
        return gf_fail(GOFER_EINVAL,
            "the cron entries are not JSON: not valid UTF-8, or with a NUL in it");
    gf_json_unmark(&json, &size);
    gf_json_scan s = gf_json_start(json, size);
    if (gf_json_whole(&s, &root) == GF_JSON_BAD)
        return not_json(json, s.at);
    if (!find_list(root, &array))
        return gf_fail(GOFER_EINVAL,
            "the cron entries must be {\"entries\": [...]} and nothing beside it");
    list_reading list = { .client = client, .source = source };
    gofer_status st = read_list(&list, array, out);
    gf_zones_clear(&list.zones);
    return st;
}
