// options.c - the options of a task that only gofer knows, in its headers.
//
// One table has all of them, for both directions. Of a value that makes no sense, for another
// program may have written it, nothing is left: the option is as if not given.
#include "message/options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"

// Of these numbers alone one may be negative.
static int64_t priority_of(const char *text)
{
    char *end;
    const char *digits = text + (*text == '-');
    if (*digits < '0' || *digits > '9')
        return 0;
    long long value = strtoll(text, &end, 10);
    return *end || value < -GF_PRIORITY_MAX || value > GF_PRIORITY_MAX ? 0 : value;
}

static int64_t number_of(const char *text)
{
    char *end;
    if (*text < '0' || *text > '9')
        return 0;
    long long value = strtoll(text, &end, 10);     // what is too large is as large as can be
    return *end ? 0 : value;
}

bool gf_header_is_ours(const char *key)
{
    return strncmp(key, GF_HEADER_OURS, sizeof GF_HEADER_OURS - 1) == 0;
}

// Where each of our headers has its place.
typedef struct known {
    const char *key;
    size_t      text, number;      // in gf_task_options; SIZE_MAX: it is of the other kind
    int64_t   (*read)(const char *text);       // a number
} known;

#define TEXT(key, field) { key, offsetof(gf_task_options, field), SIZE_MAX, NULL }
#define NUMBER(key, field) { key, SIZE_MAX, offsetof(gf_task_options, field), number_of }

static const known all[] = {
    NUMBER(GF_HEADER_START_BY, start_by_ms),
    TEXT(GF_HEADER_RETRY, retry),
    TEXT(GF_HEADER_ON_DEAD, on_dead),
    TEXT(GF_HEADER_ON_DEAD_QUEUE, on_dead_queue),
    TEXT(GF_HEADER_ON_DONE, on_done),
    TEXT(GF_HEADER_ON_DONE_QUEUE, on_done_queue),
    TEXT(GF_HEADER_UNIQUE, unique),
    { GF_HEADER_PRIORITY, SIZE_MAX, offsetof(gf_task_options, priority), priority_of },
    TEXT(GF_HEADER_TENANT, tenant),
    TEXT(GF_HEADER_LIMITS, limits),
    NUMBER(GF_HEADER_COST, cost),
    TEXT(GF_HEADER_ORDERED, ordered),
    TEXT(GF_HEADER_ORDERED_DEAD, ordered_dead),
    TEXT(GF_HEADER_SEALED_FOR, sealed_for),
    TEXT(GF_HEADER_FLOW, flow),
    NUMBER(GF_HEADER_SNOOZES, snoozes),
    NUMBER(GF_HEADER_CHECKPOINT, checkpoint),
    TEXT(GF_HEADER_SCHEDULE, schedule),
    NUMBER(GF_HEADER_TICK, tick_ms),
};
enum { KNOWN = sizeof all / sizeof *all, NUMBER_TEXT = 24 };

bool gf_task_options_read(const gf_message *m, gf_task_options *out)
{
    const char *key, *value;
    bool found = false;
    *out = (gf_task_options){ 0 };
    for (size_t at = 0; gf_headers_next(m->headers, m->headers_size, &at, &key, &value);) {
        if (!gf_header_is_ours(key))
            continue;
        for (size_t i = 0; i < KNOWN; i++) {
            if (strcmp(key, all[i].key) != 0)
                continue;
            found = true;
            if (all[i].text != SIZE_MAX)
                *(const char **)(void *)((char *)out + all[i].text) = value;
            else
                *(int64_t *)(void *)((char *)out + all[i].number) =
                    all[i].read(value);
        }
    }
    return found;
}

int32_t gf_priority_of(const gf_message *m)
{
    const char *key, *value;
    for (size_t at = 0; gf_headers_next(m->headers, m->headers_size, &at, &key, &value);)
        if (strcmp(key, GF_HEADER_PRIORITY) == 0)
            return (int32_t)priority_of(value);
    return 0;
}

static bool is_tenant(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && size <= GF_NAME_MAX;
}

const char *gf_tenant_of(const gf_message *m)
{
    const char *key, *value;
    for (size_t at = 0; gf_headers_next(m->headers, m->headers_size, &at, &key, &value);)
        if (strcmp(key, GF_HEADER_TENANT) == 0)
            return is_tenant(value) ? value : NULL;
    return NULL;
}

bool gf_is_plain(const gf_message *m)
{
    const char *key, *value;
    for (size_t at = 0; gf_headers_next(m->headers, m->headers_size, &at, &key, &value);)
        if (strcmp(key, GF_HEADER_LIMITS) == 0 || strcmp(key, GF_HEADER_ORDERED) == 0 ||
            (strcmp(key, GF_HEADER_TENANT) == 0 && is_tenant(value)) ||
            (strcmp(key, GF_HEADER_PRIORITY) == 0 && priority_of(value) != 0))
            return false;
    return true;
}

// The value of one as text, "" if it is not set.
static const char *value_of(const gf_task_options *o, const known *k, char number[NUMBER_TEXT])
{
    if (k->text != SIZE_MAX) {
        const char *text = *(const char *const *)(const void *)((const char *)o + k->text);
        return text ? text : "";
    }
    int64_t value = *(const int64_t *)(const void *)((const char *)o + k->number);
    *number = '\0';
    if (value)
        snprintf(number, NUMBER_TEXT, "%lld", (long long)value);
    return number;
}

gofer_status gf_task_options_write(const gf_task_options *o, char **headers, size_t *size)
{
    char number[NUMBER_TEXT];
    size_t total = *size;
    for (size_t i = 0; i < KNOWN; i++) {
        const char *value = value_of(o, &all[i], number);
        if (*value)
            total += strlen(all[i].key) + strlen(value) + 2;
    }
    if (total == *size)
        return GOFER_OK;
    char *packed = gf_realloc(*headers, total), *at;
    if (!packed)
        return gf_fail_nomem("headers");
    at = packed + *size;
    for (size_t i = 0; i < KNOWN; i++) {
        const char *value = value_of(o, &all[i], number);
        if (!*value)
            continue;
        size_t key_size = strlen(all[i].key) + 1, value_size = strlen(value) + 1;
        memcpy(at, all[i].key, key_size);
        memcpy(at + key_size, value, value_size);
        at += key_size + value_size;
    }
    *headers = packed;
    *size = total;
    return GOFER_OK;
}

gofer_status gf_headers_with(const char *headers, size_t size, const char *key, const char *value,
    char **out, size_t *out_size)
{
    size_t key_size = strlen(key) + 1, value_size = value ? strlen(value) + 1 : 0, used = 0;
    const char *k, *v;
    char *packed = gf_alloc(size + key_size + value_size + 1);   // never of nothing
    if (!packed)
        return gf_fail_nomem("headers");
    for (size_t at = 0, from = 0; gf_headers_next(headers, size, &at, &k, &v); from = at) {
        if (strcmp(k, key) == 0)
            continue;
        memcpy(packed + used, headers + from, at - from);
        used += at - from;
    }
    if (value) {
        memcpy(packed + used, key, key_size);
        memcpy(packed + used + key_size, value, value_size);
        used += key_size + value_size;
    }
    if (!used) {
        gf_free(packed);
        packed = NULL;
    }
    *out = packed;
    *out_size = used;
    return GOFER_OK;
}
