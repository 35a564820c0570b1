// task_data.c - what a running task tells meanwhile: progress, log lines, checkpoints.
//
// May touch: the task's getters, client/opened.h, util/. Locks: each task's data has its own; none
// is held during I/O, instead `sending` keeps the end of a run waiting until the store has
// answered, so that nothing is told twice or lost between the two.
#include "worker/run/task_data.h"

#include <stdio.h>
#include <string.h>

#include "client/opened.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"
#include "util/text.h"
#include "util/utf8.h"
#include "worker/run/sealed.h"
#include "worker/run/task.h"
#include "worker/runtime.h"
#include "worker/upkeep/housekeeping.h"
#include "worker/upkeep/publish.h"

enum { PROGRESS_TEXT_MAX = 1024, LINE_TEXT_MAX = 8 * 1024 };

// ---- life ----------------------------------------------------------------------------

static gf_task_data *data_new(void)
{
    gf_task_data *d = gf_calloc(1, sizeof *d);
    if (!d)
        return NULL;
    if (pthread_mutex_init(&d->lock, NULL) != 0)
        goto no_lock;
    if (pthread_cond_init(&d->sent, NULL) != 0)
        goto no_cond;
    return d;

no_cond:
    pthread_mutex_destroy(&d->lock);
no_lock:
    gf_free(d);
    return NULL;
}

void gf_task_data_free(gf_task_data *data)
{
    if (!data)
        return;
    pthread_cond_destroy(&data->sent);
    pthread_mutex_destroy(&data->lock);
    gf_free(data->text);
    gf_record_clear(&data->log);
    gf_free(data->checkpoint);
    gf_free(data);
}

// The task's own, made now if need be; NULL: no memory.
static gf_task_data *data_of(gofer_task *task)
{
    gf_task_data *there = atomic_load(&task->data);
    if (there)
        return there;
    gf_task_data *made = data_new();
    if (made && !atomic_compare_exchange_strong(&task->data, &there, made)) {
        gf_task_data_free(made);       // another thread was faster
        return there;
    }
    return made;
}

// Locks: data->lock held.
static bool untold(const gf_task_data *d)
{
    return d->has_progress || d->has_checkpoint || d->log.size > 0;
}

// Ends a change: the first since housekeeping was here calls it.
static void leave(gofer_task *task, gf_task_data *d, bool was_untold)
{
    bool first = !was_untold && untold(d);
    pthread_mutex_unlock(&d->lock);
    if (first && !gf_worker_abandoned(task->worker))
        gf_housekeeping_ask_progress(task->worker);
}

// ---- progress --------------------------------------------------------------------------

// Locks: data->lock held. Keeps the old text when there is no memory for the new one.
static bool set_text(gf_task_data *d, const char *text)
{
    if (d->text && text && strcmp(d->text, text) == 0)
        return true;
    char *copy = NULL;
    if (text && !(copy = gf_strdup(text)))
        return false;
    gf_free(d->text);
    d->text = copy;
    return true;
}

gofer_status gofer_task_progress(gofer_task *task, int64_t done, int64_t total, const char *text)
{
    if (!task)
        return gf_fail(GOFER_EINVAL, "gofer_task_progress: task must not be NULL");
    if (done < 0 || total < 0 || (total > 0 && done > total))
        return gf_fail(GOFER_EINVAL,
            "progress %lld of %lld: must not be negative or over the total", (long long)done,
            (long long)total);
    char cut[PROGRESS_TEXT_MAX];
    if (text) {
        size_t size = strlen(text);
        if (!gf_utf8_valid(text, size))
            return gf_fail(GOFER_EINVAL, "the text of a progress is not UTF-8");
        if (size >= sizeof cut) {
            gf_utf8_clean(text, size, cut, sizeof cut);
            text = cut;
        }
    }
    gf_task_data *d = data_of(task);
    if (!d)
        return gf_fail_nomem("a progress");
    pthread_mutex_lock(&d->lock);
    bool before = untold(d), kept = set_text(d, text);
    if (kept) {
        d->done = done;
        d->total = total;
        d->has_progress = true;
    }
    leave(task, d, before);
    return kept ? GOFER_OK : gf_fail_nomem("a progress text");
}

// ---- log -------------------------------------------------------------------------------

// Cut the oldest lines until `room` more bytes fit. Locks: data->lock held.
static void make_room(gf_record *log, size_t room)
{
    size_t keep = room < GF_TASK_LOG_BYTES ? GF_TASK_LOG_BYTES - room : 0;
    if (log->size <= keep)
        return;
    const char *from = log->text + (log->size - keep), *end = log->text + log->size;
    // The first line that is whole in what may stay.
    const char *newline =
        from > log->text && from[-1] == '\n' ? from - 1 : memchr(from, '\n', (size_t)(end - from));
    size_t left = newline ? (size_t)(end - newline - 1) : 0;
    memmove(log->text, log->text + (log->size - left), left + 1);
    log->size = left;
}

// Locks: data->lock held. A line there is no memory for is missing: it is in the worker's log.
static void append(gf_record *log, const gf_record *line)
{
    make_room(log, line->size);
    if (!gf_grow(log->text, log->room, log->size + line->size + 1))
        return;
    memcpy(log->text + log->size, line->text, line->size + 1);
    log->size += line->size;
}

static void keep_line(gofer_task *task, gf_task_data *d, int32_t level, const char *text)
{
    static const char *const levels[] = { "info", "warn", "error" };
    gf_record line = { 0 };
    gf_record_int(&line, "at_ms", gf_now_ms());
    gf_record_text(&line, "level", levels[level > GOFER_LOG_ERROR ? 2 : level - GOFER_LOG_INFO]);
    gf_record_text(&line, "text", text);
    gf_record_newline(&line);
    if (!line.bad) {
        pthread_mutex_lock(&d->lock);
        bool before = untold(d);
        append(&d->log, &line);
        leave(task, d, before);
    }
    gf_record_clear(&line);
}

static void write_line(gofer_task *task, int32_t level, const char *text)
{
    gf_publish_log(task, level, text);
    if (!gf_worker_logs(task->worker, level))
        return;
    char attempt[16];
    const gf_message *m = &task->claim->message;
    snprintf(attempt, sizeof attempt, "%d", (int)gofer_task_attempt(task));
    gf_logf(&task->worker->log, level, text, "task", m->id, "type", m->type, "queue", m->queue,
        "#attempt", attempt, NULL);
}

static void log_left_out(gofer_task *task, size_t left_out)
{
    char text[128];
    gf_log_rate_say(left_out, text, sizeof text);
    write_line(task, GOFER_LOG_WARN, text);
}

// Valid and short, whatever the handler says; gf_free.
static char *clean_line(const char *text)
{
    size_t size = strnlen(text, LINE_TEXT_MAX + 8),
           room = size < LINE_TEXT_MAX / 3 ? 3 * size + 1 : LINE_TEXT_MAX + 1;
    char *clean = gf_alloc(room);
    if (clean)
        gf_utf8_clean(text, size, clean, room);
    return clean;
}

void gofer_task_log(gofer_task *task, int32_t level, const char *text)
{
    if (!task || !text || gf_worker_abandoned(task->worker))
        return;
    bool keeps = level > GOFER_LOG_DEBUG;
    if (!keeps && !gf_publish_wanted(task->worker) && !gf_worker_logs(task->worker, level))
        return;
    gf_task_data *d = data_of(task);
    char *line = d ? clean_line(text) : NULL;
    if (!line)
        return;
    if (keeps)
        keep_line(task, d, level, line);       // the latest lines: the tail of a flood too
    size_t left_out;
    pthread_mutex_lock(&d->lock);
    bool passes = gf_log_rate_pass(&d->rate, gf_mono_ms(), strlen(line), &left_out);
    pthread_mutex_unlock(&d->lock);
    if (left_out)
        log_left_out(task, left_out);
    if (passes)
        write_line(task, level, line);
    gf_free(line);
}

void gf_task_data_end_log(gofer_task *task)
{
    gf_task_data *d = atomic_load(&task->data);
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    size_t left_out = d->rate.left_out;
    d->rate.left_out = 0;
    pthread_mutex_unlock(&d->lock);
    if (left_out)
        log_left_out(task, left_out);
}

// ---- checkpoints -------------------------------------------------------------------------

// One of no bytes says that there is none, and has nothing to hide.
static gofer_status copy_checkpoint(const gofer_task *task, const void *bytes, size_t *size,
    void **out)
{
    if (task->sealed && *size > GF_CHECKPOINT_MAX - GF_SEAL_MORE)
        return gf_fail(GOFER_ETOOBIG,
            "a checkpoint of %zu bytes, and %d more encrypted, is over the limit of %d", *size,
            GF_SEAL_MORE, GF_CHECKPOINT_MAX);
    if (task->sealed && *size)
        return gf_sealed_put(task, GF_SEAL_CHECKPOINT, bytes, *size, out, size);
    *out = gf_memdup(bytes ? bytes : "", *size);
    return *out ? GOFER_OK : gf_fail_nomem("a checkpoint");
}

gofer_status gofer_task_checkpoint(gofer_task *task, const void *bytes, size_t size)
{
    if (!task || (!bytes && size > 0))
        return gf_fail(GOFER_EINVAL, "gofer_task_checkpoint: task and bytes must not be NULL");
    if (size > GF_CHECKPOINT_MAX)
        return gf_fail(GOFER_ETOOBIG,
            "a checkpoint of %zu bytes is over the limit of %d: keep the data elsewhere, "
            "and where it is here",
            size, GF_CHECKPOINT_MAX);
    if (gf_worker_abandoned(task->worker))
        return gf_fail(GOFER_ESTALE, "gofer_task_checkpoint: the worker is gone");
    gf_task_data *d = data_of(task);
    void *copy = NULL;
    gofer_status st = d ? copy_checkpoint(task, bytes, &size, &copy)
                        : gf_fail_nomem("a checkpoint");
    if (st != GOFER_OK)
        return st;
    pthread_mutex_lock(&d->lock);
    bool before = untold(d);
    void *old = d->checkpoint;
    d->checkpoint = copy;
    d->checkpoint_size = size;
    d->has_checkpoint = d->checkpointed = true;
    leave(task, d, before);
    gf_free(old);
    return GOFER_OK;
}

static gofer_status forget_resumed(gofer_task *task, gofer_status st)
{
    gf_free(task->resumed);
    task->resumed = NULL;
    return st;
}

gofer_status gofer_task_resume(gofer_task *task, const void **bytes, size_t *size)
{
    if (!task || !bytes || !size)
        return gf_fail(GOFER_EINVAL, "gofer_task_resume: task, bytes and size must not be NULL");
    if (!task->has_resumed && gf_task_may_resume(task)) {
        if (gf_worker_abandoned(task->worker))
            return gf_fail(GOFER_ESTALE, "gofer_task_resume: the worker is gone");
        gofer_worker *w = task->worker;
        gofer_status st =
            w->ops->tasks->checkpoint(w->broker, task->claim, &task->resumed, &task->resumed_size);
        if (st == GOFER_OK && task->sealed && task->resumed)
            st = gf_sealed_checkpoint(task, &task->resumed, &task->resumed_size);
        if (st != GOFER_OK)
            return forget_resumed(task, st);
    }
    task->has_resumed = true;
    *bytes = task->resumed;
    *size = task->resumed ? task->resumed_size : 0;
    return GOFER_OK;
}

// From its header.
bool gf_task_flow(const gofer_task *task, char id[GF_ID_MAX + 1])
{
    gf_task_options own;
    if (!gf_task_options_read(&task->claim->message, &own) || !own.flow)
        return false;
    size_t size = strcspn(own.flow, "/");
    if (size == 0 || size > GF_ID_MAX)
        return false;
    memcpy(id, own.flow, size);
    id[size] = '\0';
    return true;
}

gofer_status gf_worker_parent(gofer_worker *w, const char *flow, const char *step, void **bytes,
    size_t *size)
{
    gofer_status st = gf_check_name("name of a step", step);
    if (st != GOFER_OK)
        return st;
    if (!*flow || !w->ops->flows)
        return gf_fail(GOFER_ESTATE, "the task is of no flow");
    if (gf_worker_abandoned(w))
        return gf_fail(GOFER_ESTALE, "gofer_task_parent: the worker is gone");
    return gf_flow_result_opened(w->client, flow, step, bytes, size);
}

gofer_status gofer_task_parent(gofer_task *task, const char *step, void **bytes, size_t *size)
{
    char id[GF_ID_MAX + 1];
    if (!task || !bytes || !size)
        return gf_fail(GOFER_EINVAL, "gofer_task_parent: task, bytes and size must not be NULL");
    if (!gf_task_flow(task, id))
        id[0] = '\0';
    return gf_worker_parent(task->worker, id, step, bytes, size);
}

// ---- on the way to the store ---------------------------------------------------------------

bool gf_task_data_begin(gofer_task *task, gf_sending *s)
{
    gf_task_data *d = atomic_load(&task->data);
    if (!d)
        return false;
    *s = (gf_sending){ .task = task, .item = { .claim = task->claim, .done = -1 } };
    pthread_mutex_lock(&d->lock);
    bool any = untold(d);
    if (any) {
        if (d->has_progress) {
            // The text stays here, to know it again; without memory for a copy it
            // comes with the next one.
            s->text = d->text ? gf_strdup(d->text) : NULL;
            s->item.done = d->done;
            s->item.total = d->total;
            s->item.text = s->text;
            d->has_progress = false;
        }
        if (d->log.size) {
            s->item.log = s->log = d->log.text;
            d->log = (gf_record){ 0 };
        }
        if (d->has_checkpoint) {
            s->item.checkpoint = s->checkpoint = d->checkpoint;
            s->item.checkpoint_size = d->checkpoint_size;
            d->checkpoint = NULL;
            d->has_checkpoint = false;
        }
        d->sending = true;
    }
    pthread_mutex_unlock(&d->lock);
    return any;
}

// Locks: data->lock held. What came meanwhile is newer.
static void put_back(gf_task_data *d, gf_sending *s)
{
    if (s->item.done >= 0)
        d->has_progress = true;
    if (s->checkpoint && !d->has_checkpoint) {
        d->checkpoint = s->checkpoint;
        d->checkpoint_size = s->item.checkpoint_size;
        d->has_checkpoint = true;
        s->checkpoint = NULL;
    }
    if (s->log) {
        gf_record old = { .text = s->log, .size = strlen(s->log) };
        old.room = old.size + 1;
        if (d->log.size)
            append(&old, &d->log);
        gf_record_clear(&d->log);
        d->log = old;
        s->log = NULL;
    }
}

void gf_task_data_end(gf_sending *s, bool stored)
{
    gf_task_data *d = atomic_load(&s->task->data);
    pthread_mutex_lock(&d->lock);
    if (!stored)
        put_back(d, s);
    d->sending = false;
    pthread_cond_broadcast(&d->sent);
    pthread_mutex_unlock(&d->lock);
    gf_free(s->text);
    gf_free(s->log);
    gf_free(s->checkpoint);
}

void gf_task_data_take(
    gf_task_data *d, bool wants_checkpoint, char **log, void **checkpoint, size_t *checkpoint_size)
{
    pthread_mutex_lock(&d->lock);
    while (d->sending)
        pthread_cond_wait(&d->sent, &d->lock);
    *log = d->log.size ? d->log.text : NULL;
    if (*log)
        d->log = (gf_record){ 0 };
    *checkpoint = NULL;
    if (wants_checkpoint && d->has_checkpoint) {
        *checkpoint = d->checkpoint;
        *checkpoint_size = d->checkpoint_size;
        d->checkpoint = NULL;
        d->has_checkpoint = false;
    }
    pthread_mutex_unlock(&d->lock);
}
