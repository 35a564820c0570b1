// waits.c - waits for the ends of tasks: what the stores have in common, and the wait for one.
//
// May touch: live.h. Locks: none; each gf_waits is one thread's.
#include <stdio.h>

#include "broker/broker.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"

void gf_waits_tell(gf_waits *w, gf_awaited *a, gofer_status status)
{
    a->status = status;
    a->error = status == GOFER_OK ? NULL : gf_strdup(gofer_error_last());
    a->place = NULL;
    a->next = NULL;
    if (w->told)
        w->last->next = a;
    else
        w->told = a;
    w->last = a;
}

gf_awaited *gf_waits_told(gf_waits *w)
{
    gf_awaited *told = w->told;
    w->told = w->last = NULL;
    return told;
}

static gofer_status wait_for(gf_waits *w, gf_awaited *a, int64_t timeout_ms)
{
    gf_broker *b = w->broker;
    uint32_t interrupts = atomic_load(&b->interrupts);
    int64_t end_ms = timeout_ms < 0 || timeout_ms > GOFER_MAX_DURATION_MS
        ? INT64_MAX
        : gf_mono_ms() + timeout_ms;
    gf_awaited *told = NULL;
    b->ops->live->waits_add(w, &a, 1, timeout_ms == 0);
    for (;;) {
        int64_t left_ms = end_ms - gf_mono_ms();
        gofer_status st =
            b->ops->live->waits_next(w, gf_max(gf_min(left_ms, GF_INTERRUPT_MS), 0), &told);
        if (told)
            return a->status == GOFER_OK ? GOFER_OK : gf_fail(a->status, "%s",
                a->error ? a->error : gofer_status_text(a->status));
        if (st != GOFER_ETIMEOUT)
            return st;
        if (left_ms <= 0 || atomic_load(&b->interrupts) != interrupts)
            return gf_fail(GOFER_ETIMEOUT, "the task '%.255s' has not come to its end in this time",
                a->id);
    }
}

gofer_status gf_wait_end(gf_broker *b, const char *queue, const char *id, int64_t timeout_ms,
    gofer_info **out)
{
    gf_awaited a = { .queue = queue, .id = id };
    gf_waits *w = NULL;
    gofer_status st = b->ops->live->waits_open(b, &w);
    if (st != GOFER_OK)
        return st;
    char why[512];
    st = wait_for(w, &a, timeout_ms);
    snprintf(why, sizeof why, "%s", gofer_error_last());
    b->ops->live->waits_close(w);        // which may fail, and nobody cares
    gf_free(a.error);
    if (st != GOFER_OK)
        return gf_fail(st, "%s", why);
    *out = a.end;
    return GOFER_OK;
}
