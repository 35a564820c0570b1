// combined.c - reads what a child says of the task that it made of a group.
//
// May touch: util/, message/ (headers).
#include "handler/children/combined.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"

#define HEADER "header:"

typedef enum kind { TEXT, NUMBER, SMALL_NUMBER } kind;

// What a combined task may have; queue, id, group and lock are not its own.
static const struct {
    const char *name;
    kind        kind;
    size_t      at;
} options[] = {
    { "run_at_ms", NUMBER, offsetof(gofer_enqueue_options, run_at_ms) },
    { "delay_ms", NUMBER, offsetof(gofer_enqueue_options, delay_ms) },
    { "timeout_ms", NUMBER, offsetof(gofer_enqueue_options, timeout_ms) },
    { "deadline_ms", NUMBER, offsetof(gofer_enqueue_options, deadline_ms) },
    { "retention_ms", NUMBER, offsetof(gofer_enqueue_options, retention_ms) },
    { "expires_at_ms", NUMBER, offsetof(gofer_enqueue_options, expires_at_ms) },
    { "expires_ms", NUMBER, offsetof(gofer_enqueue_options, expires_ms) },
    { "max_retry", SMALL_NUMBER, offsetof(gofer_enqueue_options, max_retry) },
    { "priority", SMALL_NUMBER, offsetof(gofer_enqueue_options, priority) },
    { "tenant", TEXT, offsetof(gofer_enqueue_options, tenant) },
    { "limit_cost", NUMBER, offsetof(gofer_enqueue_options, limit_cost) },
    { "ordered", TEXT, offsetof(gofer_enqueue_options, ordered) },
    { "ordered_dead", SMALL_NUMBER, offsetof(gofer_enqueue_options, ordered_dead) },
    { "plain", SMALL_NUMBER, offsetof(gofer_enqueue_options, plain) },
    { "retry", TEXT, offsetof(gofer_enqueue_options, retry) },
    { "on_dead", TEXT, offsetof(gofer_enqueue_options, on_dead) },
    { "on_dead_queue", TEXT, offsetof(gofer_enqueue_options, on_dead_queue) },
    { "on_done", TEXT, offsetof(gofer_enqueue_options, on_done) },
    { "on_done_queue", TEXT, offsetof(gofer_enqueue_options, on_done_queue) },
};

static gofer_status set_number(gf_combined *c, size_t i, const char *value)
{
    void *at = (char *)&c->options + options[i].at;
    char *end;
    errno = 0;
    int64_t n = strtoimax(value, &end, 10);
    bool small = n >= INT32_MIN && n <= INT32_MAX;
    if (errno || end == value || *end || (options[i].kind == SMALL_NUMBER && !small))
        return gf_fail(GOFER_EINVAL, "the combined task's '%s' is no number: '%.60s'",
            options[i].name, value);
    if (options[i].kind == SMALL_NUMBER)
        *(int32_t *)at = (int32_t)n;
    else
        *(int64_t *)at = n;
    return GOFER_OK;
}

static gofer_status set_option(gf_combined *c, const char *key, const char *value)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (strcmp(options[i].name, key) != 0)
            continue;
        if (options[i].kind != TEXT)
            return set_number(c, i, value);
        *(const char **)(void *)((char *)&c->options + options[i].at) = value;
        return GOFER_OK;
    }
    return gf_fail(GOFER_EINVAL, "a combined task has no option '%.60s'", key);
}

static gofer_status add_header(gf_combined *c, const char *key, const char *value)
{
    if (!gf_grow(c->headers, c->header_room, c->header_count + 3))
        return gf_fail_nomem("a combined task");
    c->headers[c->header_count++] = key;
    c->headers[c->header_count++] = value;
    c->headers[c->header_count] = NULL;
    return GOFER_OK;
}

// The value is the text's own, whose lines are parted here.
static gofer_status set_limits(gf_combined *c, const char *value)
{
    char *at = c->text + (value - c->text);
    memset(c->limits, 0, sizeof c->limits);
    for (size_t i = 0; *at; i++) {
        if (i == GOFER_LIMIT_KEYS)
            return gf_fail(GOFER_EINVAL, "the combined task has more than %d limit keys",
                GOFER_LIMIT_KEYS);
        c->limits[i] = at;
        at += strcspn(at, "\n");
        if (*at)
            *at++ = '\0';
    }
    return GOFER_OK;
}

static gofer_status take(gf_combined *c, const char *key, const char *value)
{
    if (strcmp(key, "type") == 0) {
        c->type = value;
        return GOFER_OK;
    }
    if (strcmp(key, "limits") == 0)
        return set_limits(c, value);
    if (strncmp(key, HEADER, sizeof HEADER - 1) == 0)
        return add_header(c, key + sizeof HEADER - 1, value);
    return set_option(c, key, value);
}

gofer_status gf_combined_read(const char *text, size_t size, gf_combined *out)
{
    *out = (gf_combined){ 0 };
    gofer_enqueue_options_init(&out->options);
    gofer_status st = GOFER_OK;
    if (!(out->text = gf_memdup(text, size)))
        return gf_fail_nomem("a combined task");
    for (size_t at = 0; at < size && st == GOFER_OK;) {
        const char *key = out->text + at, *value = key + strlen(key) + 1;
        if (value > out->text + size || value + strlen(value) >= out->text + size) {
            st = gf_fail(GOFER_EINVAL,
                "what is said of the combined task is not 'key NUL value NUL' and so on");
            break;
        }
        at = (size_t)(value - out->text) + strlen(value) + 1;
        st = take(out, key, value);
    }
    if (st == GOFER_OK && !out->type)
        st = gf_fail(GOFER_EINVAL, "no 'type' is said of the combined task");
    out->options.headers = out->headers;
    out->options.limits = *out->limits ? out->limits : NULL;
    if (st != GOFER_OK)
        gf_combined_clear(out);
    return st;
}

void gf_combined_clear(gf_combined *c)
{
    gf_free(c->text);
    gf_free(c->headers);
    *c = (gf_combined){ 0 };
}
