// decide.c - what becomes of a task after an attempt: asks everybody who has a say (hooks,
// policies, the store), lets outcome.c decide, and gathers what the store is
// told beside the outcome.
//
// May touch: mux, outcome, policy, task, task data. Hooks are called here and nowhere else, always
// without a lock. Success of a task that is not kept passes by all of it.
#include "worker/run/decide.h"

#include <stdio.h>
#include <string.h>

#include "message/retry_policy.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/record.h"
#include "util/utf8.h"
#include "worker/fetch/want.h"
#include "worker/run/mux.h"
#include "worker/run/on_end.h"
#include "worker/run/outcome.h"
#include "worker/run/sealed.h"
#include "worker/run/task.h"
#include "worker/run/task_data.h"
#include "worker/run/watch.h"
#include "worker/runtime.h"

enum {
    REASON_MAX = 9 * 1024,         // the longest text of a handler, and what is put before it
    ATTEMPT_ERROR_MAX = 1024,      // of it in the history, which has room for many
    ASK_TIMES = 3
};

// ---- the log -----------------------------------------------------------------------------

static void log_outcome(gofer_task *task, const gf_outcome *o, const char *text, int64_t now_ms)
{
    gofer_worker *w = task->worker;
    static const struct { int32_t level; const char *text; } lines[] = {
        [GF_OUTCOME_DONE] = { GOFER_LOG_DEBUG, "task done" },
        [GF_OUTCOME_RETRIED] = { GOFER_LOG_WARN, "task failed, to be retried" },
        [GF_OUTCOME_ARCHIVED] = { GOFER_LOG_ERROR, "task failed, archived" },
        [GF_OUTCOME_REVOKED] = { GOFER_LOG_INFO, "task revoked" },
        [GF_OUTCOME_REQUEUED] = { GOFER_LOG_INFO, "task put back" },
        [GF_OUTCOME_SNOOZED] = { GOFER_LOG_INFO, "task snoozed" },
        [GF_OUTCOME_CANCELLED] = { GOFER_LOG_INFO, "task cancelled, archived" },
        [GF_OUTCOME_EXPIRED] = { GOFER_LOG_INFO, "task dropped: it was not started in time" },
    };
    int32_t level = lines[o->name].level;
    const char *what = lines[o->name].text;
    if (o->name == GF_OUTCOME_RETRIED && !o->is_failure) {
        level = GOFER_LOG_INFO;
        what = "task deferred";
    }
    if (!gf_worker_logs(w, level))
        return;
    const gf_message *m = &task->claim->message;
    int64_t ended_ns = task->ended_ns ? task->ended_ns : gf_mono_ns();
    int64_t ran_ns = task->started_ns ? ended_ns - task->started_ns : 0;
    char attempt[16], took[32], in[32];
    snprintf(attempt, sizeof attempt, "%d", (int)gofer_task_attempt(task));
    snprintf(took, sizeof took, "%lld", (long long)(ran_ns / 1000000));
    snprintf(in, sizeof in, "%lld", (long long)(o->at_ms - now_ms));
    gf_logf(&w->log, level, what, "task", m->id, "type", m->type, "queue", m->queue, "#attempt",
        attempt, "#duration_ms", took, "error", text,
        o->kind == GF_RETRY_AT ? "#retry_in_ms" : NULL, in, NULL);
}

// "Archived" is true once the store has it, which may be much later: the fetcher says it then.
static bool said_when_stored(const gf_outcome *o)
{
    return o->kind == GF_ARCHIVE || o->kind == GF_CANCELLED;
}

void gf_finish_log(gofer_task *task)
{
    if (said_when_stored(&task->outcome))
        log_outcome(task, &task->outcome, task->reason, 0);
}

// Something wrong with a type, said once and not for each of a million tasks.
static void warn_once(gofer_worker *w, const char *what, const char *type, const char *text)
{
    bool known = false;
    pthread_mutex_lock(&w->run.warned.lock);
    for (size_t i = 0; i < w->run.warned.count && !known; i++)
        known = strcmp(w->run.warned.types[i], type) == 0;
    char *copy = !known && w->run.warned.count < GF_WARNED_MAX ? gf_strdup(type) : NULL;
    if (copy)
        w->run.warned.types[w->run.warned.count++] = copy;
    pthread_mutex_unlock(&w->run.warned.lock);
    if (copy && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, what, "type", type, "error", text, NULL);
}

// ---- who has a say -----------------------------------------------------------------------

// The task's own policy, else the worker's for its type, else Asynq's.
static int64_t policy_delay_ms(gofer_task *face)
{
    gofer_worker *w = face->worker;
    const gf_message *m = &face->claim->message;
    gf_policy own, asynq = { 0 };
    uint64_t random = gf_random64();
    if (face->options->retry) {
        if (gf_policy_parse(face->options->retry, &own) == GOFER_OK)
            return gf_policy_delay_ms(&own, m->retried, random);
        warn_once(w, "a task's retry policy is not understood: the worker's is used", m->type,
            gofer_error_last());
    }
    const gf_route *route = gf_mux_find(gf_run_policies(&w->run), m->type);
    return gf_policy_delay_ms(route ? route->user : &asynq, m->retried, random);
}

// What was announced: is it gofer's own request, which is stored with the claim, or a Go peer's
// alone? Only the store knows. One that does not answer is asked again; it will not
// take the outcome either.
static bool request_stands(gofer_task *face)
{
    gofer_worker *w = face->worker;
    int32_t asked = atomic_load(&face->asked);
    for (int i = 0; asked == GF_ASKED_TOLD && i < ASK_TIMES; i++) {
        gf_lease lease = { .claim = face->claim };
        if (w->ops->tasks->extend(w->broker, &lease, 1, w->settings.lease_ms) != GOFER_OK)
            continue;
        asked = lease.status == GOFER_OK && lease.cancel ? GF_ASKED_STORED : GF_ASKED_PEER;
        atomic_store(&face->asked, asked);
    }
    return asked == GF_ASKED_STORED;
}

// What the hooks say of a failure; they run on the thread of the handler.
static void ask_hooks(gofer_task *face, gf_attempt *a, const char *text)
{
    const gf_hooks *hooks = &face->worker->run.hooks;
    if (hooks->is_failure)
        a->is_failure = hooks->is_failure(face, text, hooks->is_failure_user) != 0;
    bool retries = !a->is_failure || a->retried < a->max_retry;
    if (hooks->delay && retries && a->retry_in_ms < 0)
        a->hook_delay_ms = hooks->delay(face, a->retried, text, hooks->delay_user);
}

// ---- what the store is told beside the outcome ----------------------------------------------

// The attempt as a record for the task's history; NULL: no memory.
static char *attempt_record(const gofer_task *face, const char *kind, const char *text)
{
    gf_record r = { 0 };
    char cut[ATTEMPT_ERROR_MAX];
    gf_record_int(&r, "at_ms", gf_now_ms());
    gf_record_int(&r, "attempt", gofer_task_attempt(face));
    gf_record_text(&r, "kind", kind);
    gf_record_int(&r, "duration_ms",
        face->started_ns ? (gf_mono_ns() - face->started_ns) / 1000000 : 0);
    gf_record_text(&r, "worker", face->worker->id);
    if (text) {
        gf_utf8_clean(text, strlen(text), cut, sizeof cut);
        gf_record_text(&r, "error", cut);
    }
    if (r.bad)
        gf_record_clear(&r);
    return r.text;
}

// Put one of our headers among the packed ones of *p, which are the message's until the first.
// Without memory it is missing.
static void set_header(gf_finish_data *p, const gf_message *m, const char *key, int64_t value)
{
    char number[24], *packed = NULL;
    size_t size = 0;
    snprintf(number, sizeof number, "%lld", (long long)value);
    if (gf_headers_with(p->headers ? p->headers : m->headers,
            p->headers ? p->headers_size : m->headers_size, key, number, &packed,
            &size) != GOFER_OK)
        return;
    gf_free(p->headers);
    p->headers = packed;
    p->headers_size = size;
}

// Spares the next run of a task without one the question.
static void note_checkpoint(gf_finish_data *p, gofer_task *face)
{
    gf_task_data *data = atomic_load(&face->data);
    if (data && data->checkpointed && !face->options->checkpoint)
        set_header(p, &face->claim->message, GF_HEADER_CHECKPOINT, 1);
}

// What stays with the task; NULL: it does not stay, or there is no memory.
static gf_finish_data *finish_data_of(
    gofer_task *face, const gf_outcome *o, const char *kind, const char *text)
{
    const gf_message *m = &face->claim->message;
    bool again = o->kind == GF_RETRY_AT || o->kind == GF_REQUEUE;
    if (o->kind == GF_DROP || (o->kind == GF_DONE && m->retention_ms <= 0))
        return NULL;
    gf_finish_data *p = gf_calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->attempt = attempt_record(face, kind, text);
    gf_task_data *data = atomic_load(&face->data);
    if (data)
        gf_task_data_take(data, again, &p->log, &p->checkpoint, &p->checkpoint_size);
    if (o->name == GF_OUTCOME_SNOOZED)
        set_header(p, m, GF_HEADER_SNOOZES, face->options->snoozes + 1);
    if (again)
        note_checkpoint(p, face);
    return p;
}

void gf_finish_put_back(gofer_task *task)
{
    gf_finish_data *p = task->finish_data;
    gf_task_data *data = atomic_load(&task->data);
    task->outcome = (gf_outcome){ GF_REQUEUE, GF_OUTCOME_REQUEUED, false, 0 };
    if (!p || !data)
        return;                    // without one it is made when the task is handed in
    char *log;
    gf_task_data_take(data, true, &log, &p->checkpoint, &p->checkpoint_size);
    if (p->log)
        gf_free(log);              // said after the handler's end
    else
        p->log = log;
    note_checkpoint(p, task);
}

void gf_finish_fill(gofer_task *task, gf_finish *finish)
{
    // Put back by the worker itself, as it stops: perhaps unstarted, perhaps given up.
    if (task->outcome.kind == GF_REQUEUE && !task->finish_data) {
        if (atomic_load(&task->asked) && request_stands(task)) {
            task->outcome = (gf_outcome){ GF_CANCELLED, GF_OUTCOME_CANCELLED, false, 0 };
            task->reason = gf_strdup("cancelled");
        }
        if (task->started_ns || task->outcome.kind == GF_CANCELLED)
            task->finish_data = finish_data_of(task, &task->outcome,
                task->outcome.kind == GF_CANCELLED ? "cancelled" : "interrupted", NULL);
    }
    const gf_finish_data *p = task->finish_data;
    finish->outcome = task->outcome.kind;
    finish->is_failure = task->outcome.is_failure;
    finish->at_ms = task->outcome.at_ms;
    finish->expired = task->outcome.name == GF_OUTCOME_EXPIRED;
    finish->error = task->reason ? task->reason : "no memory for the error text";
    if (!p)
        return;
    finish->attempt = p->attempt;
    finish->log = p->log;
    finish->headers = p->headers;
    finish->headers_size = p->headers_size;
    finish->checkpoint = p->checkpoint;
    finish->checkpoint_size = p->checkpoint_size;
}

void gf_finish_cancel(gofer_task *task)
{
    char *attempt = attempt_record(task, "cancelled", task->reason);
    task->outcome = (gf_outcome){ GF_CANCELLED, GF_OUTCOME_CANCELLED, false, 0 };
    gf_free(task->reason);
    task->reason = gf_strdup("cancelled");     // NULL: the fetcher has a text for that
    if (!task->finish_data)
        task->finish_data = gf_calloc(1, sizeof *task->finish_data);
    if (task->finish_data) {
        gf_free(task->finish_data->attempt);
        task->finish_data->attempt = attempt;
    } else
        gf_free(attempt);
}

// ---- the decision ------------------------------------------------------------------------

// Everything but success: rare, so it may take its time.
static void decide_failure(gofer_task *face, gf_attempt_end end, int32_t returned, gf_decision out)
{
    gofer_worker *w = face->worker;
    const gf_message *m = &face->claim->message;
    gf_attempt a = {
        .end = end,
        .returned = returned,
        .cancelled = atomic_load(&face->cancelled),
        .retried = m->retried,
        .max_retry = m->max_retry,
        .is_failure = true,
        .retry_in_ms = face->retry_in_ms,
        .hook_delay_ms = -1,
        .policy_delay_ms = policy_delay_ms(face),
        .retry_delay_max_ms = w->settings.retry_delay_max_ms,
        .no_handler_delay_ms = w->settings.no_handler_delay_ms,
        .snoozes = face->options->snoozes,
        .snooze_limit = w->settings.snooze_limit,
        .now_ms = gf_broker_now_ms(w->broker),
        .type = m->type,
        .limits = face->options->limits,
        .said = end == GF_UNREADABLE && face->sealed ? face->sealed->why : face->error,
        .limit_ms = face->deadline_mono_ms - face->started_ns / 1000000,
        .grace_ms = w->settings.lost_after_ms,
    };
    if (gf_attempt_comes_back(&a))
        a.asked = request_stands(face);
    char text[REASON_MAX];
    gf_outcome_text(&a, text, sizeof text);
    if (gf_attempt_failed(&a))
        ask_hooks(face, &a, text);
    const gf_outcome o = *out.outcome = gf_outcome_of(&a);
    gf_on_end_count(w, face, &o);

    bool keeps_text = o.kind == GF_RETRY_AT || o.kind == GF_ARCHIVE || o.kind == GF_CANCELLED;
    if (keeps_text)
        *out.reason = gf_strdup(text);     // NULL: the fetcher has a text for that
    if (o.is_failure && w->run.hooks.error)
        w->run.hooks.error(face, o.name == GF_OUTCOME_ARCHIVED ? GOFER_SKIP_RETRY : GOFER_RETRY,
            text, w->run.hooks.error_user);
    // What was not run for want of something leaves no trace; nor is it a matter for every task's
    // log.
    bool wants = face->wants && o.kind == GF_REQUEUE;
    if (!wants && (end != GF_NO_HANDLER || o.kind != GF_RETRY_AT))
        *out.data = finish_data_of(
            face, &o, gf_outcome_word(&a, &o), keeps_text || face->error ? text : NULL);
    if (wants)
        gf_want_note(w, face->error ? face->error : "it did not say what");
    else if (end == GF_NO_HANDLER)
        warn_once(w, "no handler for this type: its tasks are put off", m->type, text);
    else if (!said_when_stored(&o))
        log_outcome(face, &o, keeps_text || face->error ? text : NULL, a.now_ms);
    if (w->run.watchers.count)
        gf_watch_end(face, &o, gf_outcome_word(&a, &o),
            keeps_text || face->error ? text : NULL);
}

void gf_task_decide(gofer_task *face, gf_attempt_end end, int32_t returned, gf_decision out)
{
    *out.reason = NULL;
    if (end != GF_RETURNED || returned != GOFER_DONE) {
        decide_failure(face, end, returned, out);
        return;
    }
    *out.outcome = (gf_outcome){ GF_DONE, GF_OUTCOME_DONE, false, 0 };
    if (face->claim->message.retention_ms > 0)
        *out.data = finish_data_of(face, out.outcome, "done", NULL);
    if (gf_follows(face->options, true))
        gf_on_end_count(face->worker, face, out.outcome);
    if (face->worker->settings.log_level == GOFER_LOG_DEBUG)
        log_outcome(face, out.outcome, NULL, 0);
    if (face->worker->run.watchers.count)
        gf_watch_end(face, out.outcome, "done", NULL);
}
