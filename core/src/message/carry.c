// carry.c - the trace context that goes on from task to task.
//
// May touch: message.h, options.h, util/. What the caller has set is never replaced.
#include "message/carry.h"

#include <string.h>

#include "message/options.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/traceparent.h"

// Per thread by the ABI: what a thread puts in comes of what it does. `running` holds while it runs
// a task; `own` is what the host has set.
static _Thread_local const gf_trace *running;
static _Thread_local struct {
    char parent[GF_TRACEPARENT_MAX + 1], state[GF_TRACESTATE_MAX + 1];
} own;

static gf_trace read(const char *headers, size_t size)
{
    gf_trace t = { NULL, NULL };
    const char *key, *value;
    for (size_t at = 0; gf_headers_next(headers, size, &at, &key, &value);)
        if (!t.parent && strcmp(key, GF_TRACEPARENT) == 0)
            t.parent = value;
        else if (!t.state && strcmp(key, GF_TRACESTATE) == 0)
            t.state = value;
    return t;
}

gf_trace gf_trace_of(const gf_message *m)
{
    gf_traceparent parsed;
    gf_trace t = read(m->headers, m->headers_size);
    if (!t.parent || !gf_traceparent_read(t.parent, &parsed))
        return (gf_trace){ NULL, NULL };
    if (t.state && !gf_tracestate_valid(t.state))
        t.state = NULL;
    return t;
}

void gf_carry_begin(const gf_trace *trace)
{
    running = trace->parent ? trace : NULL;
}

void gf_carry_end(void)
{
    running = NULL;
}

gofer_status gofer_trace_carry(const char *traceparent, const char *tracestate)
{
    gf_traceparent parsed;
    *own.parent = *own.state = '\0';
    if (!traceparent || !gf_traceparent_read(traceparent, &parsed))
        return traceparent ? gf_fail(GOFER_EINVAL, "gofer_trace_carry: traceparent is malformed")
                           : GOFER_OK;
    memcpy(own.parent, traceparent, strlen(traceparent) + 1);
    if (tracestate && gf_tracestate_valid(tracestate))
        memcpy(own.state, tracestate, strlen(tracestate) + 1);
    return GOFER_OK;
}

static gofer_status add(char **headers, size_t *size, const char *key, const char *value)
{
    char *packed;
    size_t packed_size;
    gofer_status st = gf_headers_with(*headers, *size, key, value, &packed, &packed_size);
    if (st != GOFER_OK)
        return st;
    gf_free(*headers);
    *headers = packed;
    *size = packed_size;
    return GOFER_OK;
}

gofer_status gf_carry_on(char **headers, size_t *size)
{
    gf_trace t = { own.parent, *own.state ? own.state : NULL };
    if (running)
        t = *running;
    if (!t.parent || !*t.parent)
        return GOFER_OK;
    gf_trace given = read(*headers, *size);
    if (given.parent)
        return GOFER_OK;
    gofer_status st = add(headers, size, GF_TRACEPARENT, t.parent);
    if (st == GOFER_OK && t.state && !given.state)
        st = add(headers, size, GF_TRACESTATE, t.state);
    return st;
}
