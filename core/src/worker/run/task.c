// task.c - what a handler may ask of its task and leave with it.
//
// May touch: message/, util/, the worker's getters. A task belongs to its handler's thread; what
// other threads may use as well is atomic (cancelled) or has its own lock (task_data.c).
#include "worker/run/task.h"

#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/log.h"
#include "util/minmax.h"
#include "util/utf8.h"
#include "worker/run/sealed.h"
#include "worker/run/task_data.h"
#include "worker/runtime.h"
#include "worker/worker.h"

enum { ERROR_TEXT_MAX = 8 * 1024 };

// ---- life ----------------------------------------------------------------------------

static const gf_task_options no_options;

// Most tasks have none, and are smaller for it. NULL: no memory.
static const gf_task_options *options_of(const gf_message *m)
{
    gf_task_options read;
    if (!m->headers_size || !gf_task_options_read(m, &read))
        return &no_options;
    return gf_memdup(&read, sizeof read);
}

// But for the claim.
static void forget(gofer_task *task)
{
    if (task->options != &no_options)
        gf_free((void *)task->options);
    if (!task->claim->room)
        gf_free(task);
}

gofer_task *gf_task_new(gofer_worker *worker, gf_claim *claim)
{
    gofer_task *task = claim->room ? claim->room : gf_alloc(sizeof *task);
    const gf_task_options *options = task ? options_of(&claim->message) : NULL;
    if (!options) {
        if (!claim->room)
            gf_free(task);
        return NULL;
    }
    memset(task, 0, sizeof *task);
    task->options = options;
    task->claim = claim;
    task->worker = worker;
    task->slot = -1;
    task->retry_in_ms = -1;
    task->lease_until_ms = claim->lease_until_ms;
    gf_message *m = &claim->message;
    if (!gf_sealed_look(worker, m, &task->sealed)) {
        forget(task);
        return NULL;
    }
    return task;
}

void gf_task_free(gofer_task *task)
{
    if (!task)
        return;
    gf_claim *claim = task->claim;
    if (task->sealed)
        gf_sealed_free(task->sealed);
    gf_task_data_free(atomic_load_explicit(&task->data, memory_order_relaxed));
    gf_free(task->trace);
    gf_free(task->error);
    gf_free(task->result);
    gf_free(task->resumed);
    gf_free(task->own_reason);
    gf_free(task->reason);
    gf_finish_data_free(task->own_finish_data);
    gf_finish_data_free(task->finish_data);
    forget(task);
    gf_claim_free(claim);          // with the task, if that lies in its room
}

void gf_finish_data_free(gf_finish_data *data)
{
    if (!data)
        return;
    gf_free(data->attempt);
    gf_free(data->log);
    gf_free(data->headers);
    gf_free(data->checkpoint);
    gf_free(data);
}

bool gf_task_cancel(gofer_task *task, int32_t why)
{
    int32_t none = GOFER_CANCEL_NONE;
    return atomic_compare_exchange_strong(&task->cancelled, &none, why);
}

bool gf_task_claim_decision(gofer_task *task)
{
    int32_t nobody = GF_UNDECIDED;
    return atomic_compare_exchange_strong(&task->decider, &nobody, GF_DECIDED_BY_OWN);
}

bool gf_task_ask(gofer_task *task, bool stored)
{
    int32_t not_yet = GF_ASKED_NOT;
    if (stored)
        atomic_store(&task->asked, GF_ASKED_STORED);
    else
        atomic_compare_exchange_strong(&task->asked, &not_yet, GF_ASKED_TOLD);
    return gf_task_cancel(task, GOFER_CANCEL_REQUEST);
}

bool gf_task_too_late(const gofer_task *task, int64_t now_ms)
{
    return task->options->start_by_ms > 0 && now_ms > task->options->start_by_ms;
}

bool gf_task_may_resume(const gofer_task *task)
{
    const gf_message *m = &task->claim->message;
    return m->retried > 0 || m->crashes > 0 || task->options->checkpoint > 0;
}

int64_t gf_task_result_limit(const gofer_task *task)
{
    return gf_worker_result_limit(task->worker);
}

// ---- lists ---------------------------------------------------------------------------

void gf_tasks_push(gf_tasks *list, gofer_task *task)
{
    task->next = NULL;
    if (list->last)
        list->last->next = task;
    else
        list->first = task;
    list->last = task;
    list->count++;
}

gofer_task *gf_tasks_pop(gf_tasks *list)
{
    gofer_task *task = list->first;
    if (task) {
        list->first = task->next;
        if (!list->first)
            list->last = NULL;
        list->count--;
    }
    return task;
}

void gf_tasks_join(gf_tasks *list, gf_tasks *tail)
{
    if (!tail->first)
        return;
    if (list->last)
        list->last->next = tail->first;
    else
        list->first = tail->first;
    list->last = tail->last;
    list->count += tail->count;
    *tail = (gf_tasks){ 0 };
}

void gf_tasks_free(gf_tasks *list)
{
    gofer_task *task;
    while ((task = gf_tasks_pop(list)))
        gf_task_free(task);
}

// ---- identity and content --------------------------------------------------------------

static const gf_message *message_of(const gofer_task *task)
{
    return &task->claim->message;
}

const char *gofer_task_id(const gofer_task *task)
{
    return task ? message_of(task)->id : NULL;
}

const char *gofer_task_type(const gofer_task *task)
{
    return task ? message_of(task)->type : NULL;
}

const char *gofer_task_queue(const gofer_task *task)
{
    return task ? message_of(task)->queue : NULL;
}

const void *gofer_task_payload(const gofer_task *task, size_t *size)
{
    const gf_message *m = task ? message_of(task) : NULL;
    if (size)
        *size = m ? m->payload_size : 0;
    return m && m->payload ? m->payload : "";
}

int32_t gofer_task_attempt(const gofer_task *task)
{
    if (!task)
        return 0;
    int32_t retried = message_of(task)->retried;
    return retried < INT32_MAX ? retried + 1 : retried;
}

int32_t gofer_task_max_retry(const gofer_task *task)
{
    return task ? message_of(task)->max_retry : 0;
}

void gf_task_clock(gofer_task *task, int64_t now_ns, int64_t wall_offset_ms)
{
    const gf_message *m = &task->claim->message;
    int64_t now_ms = now_ns / 1000000, wall_ms = now_ms + wall_offset_ms;
    task->started_ns = now_ns;
    task->deadline_ms = m->deadline_ms;
    if (m->timeout_ms > 0) {
        int64_t end_ms = wall_ms + gf_min(m->timeout_ms, GOFER_MAX_DURATION_MS);
        if (task->deadline_ms <= 0 || end_ms < task->deadline_ms)
            task->deadline_ms = end_ms;
    }
    // 0 would be none: what is over on the monotonic clock ends at once.
    if (task->deadline_ms > 0)
        task->deadline_mono_ms = gf_max(now_ms + (task->deadline_ms - wall_ms), 1);
}

int64_t gofer_task_deadline_ms(const gofer_task *task)
{
    return task && task->deadline_ms > 0 ? task->deadline_ms : 0;
}

int64_t gofer_task_remaining_ms(const gofer_task *task)
{
    if (!task || task->deadline_mono_ms == 0)
        return GOFER_MAX_DURATION_MS;
    int64_t left = task->deadline_mono_ms - gf_mono_ms();
    return left < 0 ? 0 : left > GOFER_MAX_DURATION_MS ? GOFER_MAX_DURATION_MS : left;
}

int64_t gofer_task_enqueued_at_ms(const gofer_task *task)
{
    return task ? message_of(task)->enqueued_ms : 0;
}

const char *gofer_task_header(const gofer_task *task, const char *key)
{
    if (!task || !key || gf_header_is_ours(key))
        return NULL;
    const gf_message *m = message_of(task);
    const char *name, *value;
    for (size_t at = 0; gf_headers_next(m->headers, m->headers_size, &at, &name, &value);)
        if (strcmp(name, key) == 0)
            return value;
    return NULL;
}

size_t gofer_task_header_count(const gofer_task *task)
{
    if (!task)
        return 0;
    const gf_message *m = message_of(task);
    const char *name, *value;
    size_t count = 0;
    for (size_t at = 0; gf_headers_next(m->headers, m->headers_size, &at, &name, &value);)
        count += !gf_header_is_ours(name);
    return count;
}

gofer_status gofer_task_header_at(const gofer_task *task, size_t index, const char **key,
    const char **value)
{
    if (!task || !key || !value)
        return gf_fail(GOFER_EINVAL, "gofer_task_header_at: task, key and value must not be NULL");
    const gf_message *m = message_of(task);
    const char *k, *v;
    size_t i = 0;
    for (size_t at = 0; gf_headers_next(m->headers, m->headers_size, &at, &k, &v);) {
        if (gf_header_is_ours(k))
            continue;
        if (i == index) {
            *key = k;
            *value = v;
            return GOFER_OK;
        }
        i++;
    }
    return gf_fail(GOFER_EINVAL, "task '%.60s' has %zu headers: there is none at %zu", m->id, i,
        index);
}

const char *gofer_task_last_error(const gofer_task *task)
{
    return task ? message_of(task)->last_error : NULL;
}

int32_t gofer_task_slot(const gofer_task *task)
{
    return task ? task->slot : -1;
}

gofer_client *gofer_task_client(const gofer_task *task)
{
    return task && !gf_worker_abandoned(task->worker) ? task->worker->client : NULL;
}

int32_t gofer_task_cancelled(const gofer_task *task)
{
    return task ? atomic_load_explicit(&task->cancelled, memory_order_relaxed) : GOFER_CANCEL_NONE;
}

int32_t gofer_task_stopping(const gofer_task *task)
{
    if (!task)
        return 0;
    return gofer_task_cancelled(task) != GOFER_CANCEL_NONE || gf_worker_abandoned(task->worker) ||
           atomic_load_explicit(&task->worker->stop_calls, memory_order_relaxed) > 0;
}

// ---- what the handler leaves ---------------------------------------------------------------

static gofer_status seal_result(gofer_task *task, const void *bytes, size_t size, int64_t limit)
{
    void *envelope;
    if (size + GF_SEAL_MORE > (uint64_t)limit)
        return gf_fail(GOFER_ETOOBIG,
            "a result of %zu bytes, and %d more encrypted, is over the limit of %lld", size,
            GF_SEAL_MORE, (long long)limit);
    gofer_status st =
        gf_sealed_put(task, GF_SEAL_RESULT, bytes, size, &envelope, &size);
    if (st != GOFER_OK)
        return st;
    gf_free(task->result);
    task->result = envelope;
    task->result_size = size;
    return GOFER_OK;
}

gofer_status gofer_task_result(gofer_task *task, const void *bytes, size_t size)
{
    if (!task || (!bytes && size > 0))
        return gf_fail(GOFER_EINVAL, "gofer_task_result: task and bytes must not be NULL");
    int64_t limit = gf_task_result_limit(task);
    if (size > (uint64_t)limit)
        return gf_fail(GOFER_ETOOBIG, "a result of %zu bytes is over the limit of %lld", size,
            (long long)limit);
    if (task->sealed)
        return seal_result(task, bytes, size, limit);
    void *copy = gf_memdup(bytes ? bytes : "", size);
    if (!copy)
        return gf_fail_nomem("a result");
    gf_free(task->result);
    task->result = copy;
    task->result_size = size;
    return GOFER_OK;
}

// An outcome must come back even when there is no memory for its text.
static int32_t leave_text(gofer_task *task, const char *text, int32_t outcome)
{
    if (!task || !text)
        return outcome;
    // What is not UTF-8 grows to three bytes at the most.
    size_t size = strlen(text),
           capacity = size < ERROR_TEXT_MAX / 3 ? 3 * size + 1 : ERROR_TEXT_MAX + 1;
    char *copy = gf_alloc(capacity);
    if (copy) {
        gf_utf8_clean(text, size, copy, capacity);
        gf_free(task->error);          // after the copy: text may be gofer_task_error's
        task->error = copy;
    }
    return outcome;
}

int32_t gofer_task_fail(gofer_task *task, const char *text)
{
    return leave_text(task, text, GOFER_RETRY);
}

int32_t gofer_task_skip_retry(gofer_task *task, const char *text)
{
    return leave_text(task, text, GOFER_SKIP_RETRY);
}

int32_t gofer_task_revoke(gofer_task *task, const char *text)
{
    return leave_text(task, text, GOFER_REVOKE);
}

int32_t gofer_task_retry_in(gofer_task *task, int64_t delay_ms, const char *text)
{
    if (task)
        task->retry_in_ms = delay_ms < 0 ? 0 : delay_ms;
    return leave_text(task, text, GOFER_RETRY);
}

int32_t gofer_task_snooze(gofer_task *task, int64_t delay_ms, const char *text)
{
    if (task)
        task->retry_in_ms = delay_ms < 0 ? 0 : delay_ms;
    return leave_text(task, text, GOFER_SNOOZE);
}

int32_t gofer_task_limit_pause(gofer_task *task, const char *key, int64_t ms, const char *text)
{
    if (task && gofer_client_limit_pause(gofer_task_client(task), key, ms) != GOFER_OK)
        gf_logf(&task->worker->log, GOFER_LOG_WARN,
            "a limit key is not paused: others of it may start", "task", gofer_task_id(task),
            "type", gofer_task_type(task), "key", key ? key : "", "error", gofer_error_last(),
            NULL);
    return gofer_task_snooze(task, ms, text);
}

int32_t gofer_task_want(gofer_task *task, const char *text)
{
    if (task)
        task->wants = true;
    return leave_text(task, text, GOFER_REQUEUE);
}

const char *gofer_task_error(const gofer_task *task)
{
    return task ? task->error : NULL;
}
