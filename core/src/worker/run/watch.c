// watch.c - tells those who watch of each start and each end, and keeps the trace context that they
// give a task.
//
// May touch: task, message/carry.h. Locks: none; a task belongs to the thread that calls.
#include "worker/run/watch.h"

#include <string.h>

#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/traceparent.h"
#include "worker/runtime.h"
#include "worker/worker.h"

// ---- the context of a task ----------------------------------------------------------------------

gf_trace gf_task_trace(const gofer_task *task)
{
    const gf_given_trace *set = task->trace;
    return set ? (gf_trace){ set->parent, set->state } : gf_trace_of(&task->claim->message);
}

const char *gofer_task_traceparent(const gofer_task *task)
{
    return task ? gf_task_trace(task).parent : NULL;
}

const char *gofer_task_tracestate(const gofer_task *task)
{
    return task ? gf_task_trace(task).state : NULL;
}

gofer_status gofer_task_trace(gofer_task *task, const char *traceparent, const char *tracestate)
{
    gf_traceparent parsed;
    if (!task || !traceparent || !gf_traceparent_read(traceparent, &parsed))
        return gf_fail(GOFER_EINVAL,
            "gofer_task_trace: needs a task and a well-formed traceparent");
    if (tracestate && !gf_tracestate_valid(tracestate))
        tracestate = NULL;
    size_t size = strlen(traceparent) + 1, state_size = tracestate ? strlen(tracestate) + 1 : 0;
    gf_given_trace *trace = gf_alloc(sizeof *trace + size + state_size);
    if (!trace)
        return gf_fail_nomem("a trace context");
    memcpy(trace->parent, traceparent, size);
    trace->state = tracestate ? memcpy(trace->parent + size, tracestate, state_size) : NULL;
    gf_free(task->trace);
    task->trace = trace;
    return GOFER_OK;
}

// ---- watching -----------------------------------------------------------------------------------

gofer_status gofer_worker_watch(gofer_worker *worker, gofer_start_hook start, gofer_end_hook end,
    void *user, gofer_drop drop)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_watch");
    if (st != GOFER_OK)
        return st;
    if (!start && !end)
        return gf_fail(GOFER_EINVAL, "gofer_worker_watch: start and end are both NULL");
    gf_watchers *w = &worker->run.watchers;
    if (!gf_grow(w->items, w->capacity, w->count + 1))
        return gf_fail_nomem("a watcher");
    if (drop && (st = gf_worker_keep(worker, user, drop)) != GOFER_OK)
        return st;
    w->items[w->count++] = (gf_watcher){ start, end, user };
    return GOFER_OK;
}

void gf_watch_start(gofer_task *task)
{
    if (task->watched)
        return;
    task->watched = true;
    const gf_watchers *w = &task->worker->run.watchers;
    for (size_t i = 0; i < w->count; i++)
        if (w->items[i].start)
            w->items[i].start(task, w->items[i].user);
}

// As in events (gofer_events_next).
static const char *name_of(const gf_outcome *o)
{
    switch (o->name) {
    case GF_OUTCOME_DONE:      return "done";
    case GF_OUTCOME_RETRIED:   return "retried";
    case GF_OUTCOME_ARCHIVED:  return "archived";
    case GF_OUTCOME_REVOKED:   return "revoked";
    case GF_OUTCOME_REQUEUED:  return "requeued";
    case GF_OUTCOME_SNOOZED:   return "snoozed";
    case GF_OUTCOME_CANCELLED: return "cancelled";
    case GF_OUTCOME_EXPIRED:   return "expired";
    }
    return "done";
}

void gf_watch_end(gofer_task *task, const gf_outcome *o, const char *word, const char *text)
{
    const gf_watchers *w = &task->worker->run.watchers;
    gofer_task_end end = {
        .size = sizeof end,
        .outcome = name_of(o),
        .kind = word,
        .text = text,
        .ran_ns = task->started_ns ? gf_mono_ns() - task->started_ns : -1,
        .is_failure = o->is_failure,
    };
    for (size_t i = 0; i < w->count; i++)
        if (w->items[i].end)
            w->items[i].end(task, &end, w->items[i].user);
}

void gofer_worker_count_spans(gofer_worker *worker, int64_t exported, int64_t dropped)
{
    if (!worker)
        return;
    atomic_fetch_add(&worker->run.spans_exported, exported);
    atomic_fetch_add(&worker->run.spans_dropped, dropped);
}
