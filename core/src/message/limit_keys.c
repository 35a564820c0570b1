// limit_keys.c - the keys of limits that a task counts for: from a call, and out of its header.
#include "message/limit_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/options.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"

static bool begins(const char *text, const char *front)
{
    return strncmp(text, front, strlen(front)) == 0;
}

bool gf_limit_key_is_ordered(const char *key)
{
    return begins(key, GF_LIMIT_ORDERED);
}

static bool is_free(const char *key)
{
    return !begins(key, GF_LIMIT_QUEUE) && !begins(key, GF_LIMIT_ORDERED);
}

static void add_key(gf_limit_keys *out, const char *text, size_t size)
{
    size_t limits = out->count - out->ordered;
    bool fits = size > 0 && size <= GF_NAME_MAX && limits < GOFER_LIMIT_KEYS && is_free(text);
    for (size_t i = 0; fits && i < out->count; i++)
        fits = out->key[i].size != size || memcmp(out->key[i].text, text, size) != 0;
    if (fits)
        out->key[out->count++] = (gf_limit_key){ text, size };
}

bool gf_limit_keys_of(const gf_message *m, gf_limit_keys *out)
{
    gf_task_options o;
    out->count = 0;
    out->cost = 1;
    out->ordered = out->blocks = false;
    if (!m->headers_size || !gf_task_options_read(m, &o) || !(o.limits || o.ordered))
        return false;
    size_t ordered = o.ordered ? strlen(o.ordered) : 0;
    if (ordered > sizeof GF_LIMIT_ORDERED - 1 && ordered <= GF_NAME_MAX &&
        gf_limit_key_is_ordered(o.ordered)) {
        out->key[out->count++] = (gf_limit_key){ o.ordered, ordered };
        out->ordered = true;
        out->blocks = o.ordered_dead && strcmp(o.ordered_dead, "block") == 0;
    }
    for (const char *at = o.limits ? o.limits : ""; *at;) {
        size_t size = strcspn(at, "\n");
        add_key(out, at, size);
        at += size + (at[size] == '\n');
    }
    if (o.cost > 0)
        out->cost = o.cost < GOFER_LIMIT_COST_MAX ? o.cost : GOFER_LIMIT_COST_MAX;
    return out->count > 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static gofer_status check(const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gofer_status st = gf_check_name("limit key", keys[i]);
        if (st != GOFER_OK)
            return st;
        if (begins(keys[i], GF_LIMIT_QUEUE))
            return gf_fail(GOFER_EINVAL,
                "the limit key '%s' is of a queue: all tasks of the queue count for it unasked",
                keys[i]);
        if (begins(keys[i], GF_LIMIT_TYPE))
            return gf_fail(GOFER_EINVAL,
                "the limit key '%s' is of a type: all tasks of the type wait for it while the type "
                "is paused", keys[i]);
        if (gf_limit_key_is_ordered(keys[i]))
            return gf_fail(GOFER_EINVAL,
                "the limit key '%s' is of tasks that run one after the other: give them 'ordered'",
                keys[i]);
        if (i > 0 && strcmp(keys[i - 1], keys[i]) == 0)
            return gf_fail(GOFER_EINVAL, "the limit key '%s' is there twice", keys[i]);
    }
    return GOFER_OK;
}

gofer_status gf_ordered_pack(const char *key, char **out)
{
    *out = NULL;
    if (!key)
        return GOFER_OK;
    gofer_status st = gf_check_name("ordered key", key);
    size_t front = sizeof GF_LIMIT_ORDERED - 1, size = st == GOFER_OK ? strlen(key) : 0;
    if (st == GOFER_OK && front + size > GF_NAME_MAX)
        st = gf_fail(GOFER_EINVAL, "the ordered key '%.40s...' has over %zu bytes", key,
            GF_NAME_MAX - front);
    if (st != GOFER_OK)
        return st;
    *out = gf_alloc(front + size + 1);
    if (!*out)
        return gf_fail_nomem("an ordered key");
    memcpy(*out, GF_LIMIT_ORDERED, front);
    memcpy(*out + front, key, size + 1);
    return GOFER_OK;
}

gofer_status gf_limit_keys_pack(const char *const *keys, char **out)
{
    const char *sorted[GOFER_LIMIT_KEYS];
    size_t count = 0, size = 0;
    *out = NULL;
    for (; keys && keys[count]; count++) {
        if (count == GOFER_LIMIT_KEYS)
            return gf_fail(GOFER_EINVAL, "a task may count for at most %d limit keys",
                GOFER_LIMIT_KEYS);
        sorted[count] = keys[count];
        size += strlen(keys[count]) + 1;
    }
    if (!count)
        return GOFER_OK;
    qsort(sorted, count, sizeof *sorted, by_bytes);
    gofer_status st = check(sorted, count);
    if (st != GOFER_OK)
        return st;
    char *text = gf_alloc(size), *at = text;
    if (!text)
        return gf_fail_nomem("limit keys");
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(sorted[i]);
        memcpy(at, sorted[i], length);
        at[length] = i + 1 < count ? '\n' : '\0';
        at += length + 1;
    }
    *out = text;
    return GOFER_OK;
}
