// notes.c - what a running task tells meanwhile: progress, log lines, checkpoints.
//
// May touch: the task's getters, util/. Locks: each notes has its own; none is held during I/O, instead `sending` keeps
// the end of a run waiting until the store has answered, so that nothing is told twice or lost between the two.
#include "worker/run/notes.h"

#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/error.h"
#include "util/utf8.h"
#include "worker/run/task.h"
#include "worker/runtime.h"
#include "worker/upkeep/housekeeping.h"
#include "worker/upkeep/tell.h"

enum { PROGRESS_TEXT_MAX = 1024, LINE_TEXT_MAX = 8 * 1024 };

// ---- life ----------------------------------------------------------------------------

static gf_notes *notes_new(void)
{
    gf_notes *n = gf_calloc(1, sizeof *n);
    if (!n)
        return NULL;
    if (pthread_mutex_init(&n->lock, NULL) != 0)
        goto no_lock;
    if (pthread_cond_init(&n->sent, NULL) != 0)
        goto no_cond;
    return n;

no_cond:
    pthread_mutex_destroy(&n->lock);
no_lock:
    gf_free(n);
    return NULL;
}

void gf_notes_free(gf_notes *notes)
{
    if (!notes)
        return;
    pthread_cond_destroy(&notes->sent);
    pthread_mutex_destroy(&notes->lock);
    gf_free(notes->text);
    gf_record_clear(&notes->log);
    gf_free(notes->checkpoint);
    gf_free(notes);
}

// The task's own, made now if need be; NULL: no memory.
static gf_notes *notes_of(gofer_task *task)
{
    gf_notes *there = atomic_load(&task->notes);
    if (there)
        return there;
    gf_notes *made = notes_new();
    if (made && !atomic_compare_exchange_strong(&task->notes, &there, made)) {
        gf_notes_free(made);           // another thread was faster
        return there;
    }
    return made;
}

// Locks: notes->lock held.
static bool untold(const gf_notes *n)
{
    return n->has_progress || n->has_checkpoint || n->log.size > 0;
}

// Ends a change: the first since housekeeping was here calls it.
static void leave(gofer_task *task, gf_notes *n, bool was_untold)
{
    bool first = !was_untold && untold(n);
    pthread_mutex_unlock(&n->lock);
    if (first && !gf_worker_abandoned(task->worker))
        gf_housekeeping_ask_progress(task->worker);
}

// ---- progress --------------------------------------------------------------------------

// Locks: notes->lock held. Keeps the old text when there is no memory for the new one.
static bool set_text(gf_notes *n, const char *text)
{
    if (n->text && text && strcmp(n->text, text) == 0)
        return true;
    char *copy = NULL;
    if (text && !(copy = gf_strdup(text)))
        return false;
    gf_free(n->text);
    n->text = copy;
    return true;
}

gofer_status gofer_task_progress(gofer_task *task, int64_t done, int64_t total, const char *text)
{
    if (!task)
        return gf_fail(GOFER_EINVAL, "gofer_task_progress: task must not be NULL");
    if (done < 0 || total < 0 || (total > 0 && done > total))
        return gf_fail(GOFER_EINVAL, "progress %lld of %lld: must not be negative or over the total",
            (long long)done, (long long)total);
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
    gf_notes *n = notes_of(task);
    if (!n)
        return gf_fail_nomem("a progress");
    pthread_mutex_lock(&n->lock);
    bool before = untold(n), kept = set_text(n, text);
    if (kept) {
        n->done = done;
        n->total = total;
        n->has_progress = true;
    }
    leave(task, n, before);
    return kept ? GOFER_OK : gf_fail_nomem("a progress text");
}

// ---- log -------------------------------------------------------------------------------

// Cut the oldest lines until `room` more bytes fit. Locks: notes->lock held.
static void make_room(gf_record *log, size_t room)
{
    size_t keep = room < GF_KEPT_BYTES ? GF_KEPT_BYTES - room : 0;
    if (log->size <= keep)
        return;
    const char *from = log->text + (log->size - keep), *end = log->text + log->size;
    // The first line that is whole in what may stay.
    const char *newline = from > log->text && from[-1] == '\n' ? from - 1 : memchr(from, '\n', (size_t)(end - from));
    size_t left = newline ? (size_t)(end - newline - 1) : 0;
    memmove(log->text, log->text + (log->size - left), left + 1);
    log->size = left;
}

// Locks: notes->lock held. A line there is no memory for is missing: it is in the worker's log.
static void append(gf_record *log, const gf_record *line)
{
    make_room(log, line->size);
    size_t need = log->size + line->size + 1;
    if (need > log->room) {
        size_t room = need < 512 ? 512 : 2 * need;
        char *grown = gf_realloc(log->text, room);
        if (!grown)
            return;
        log->text = grown;
        log->room = room;
    }
    memcpy(log->text + log->size, line->text, line->size + 1);
    log->size += line->size;
}

static void keep_line(gofer_task *task, gf_notes *n, int32_t level, const char *text)
{
    static const char *const levels[] = { "info", "warn", "error" };
    gf_record line = { 0 };
    gf_record_int(&line, "at_ms", gf_now_ms());
    gf_record_text(&line, "level", levels[level > GOFER_LOG_ERROR ? 2 : level - GOFER_LOG_INFO]);
    gf_record_text(&line, "text", text);
    gf_record_newline(&line);
    if (!line.bad) {
        pthread_mutex_lock(&n->lock);
        bool before = untold(n);
        append(&n->log, &line);
        leave(task, n, before);
    }
    gf_record_clear(&line);
}

static void write_line(gofer_task *task, int32_t level, const char *text)
{
    gf_tell_log(task, level, text);
    if (!gf_worker_logs(task->worker, level))
        return;
    char attempt[16];
    const gf_message *m = &task->claim->message;
    snprintf(attempt, sizeof attempt, "%d", (int)gofer_task_attempt(task));
    gf_logf(&task->worker->log, level, text, "task", m->id, "type", m->type, "queue", m->queue, "#attempt",
        attempt, NULL);
}

static void tell_left_out(gofer_task *task, size_t left_out)
{
    char text[128];
    gf_log_rate_say(left_out, text, sizeof text);
    write_line(task, GOFER_LOG_WARN, text);
}

// Valid and short, whatever the handler says; gf_free.
static char *clean_line(const char *text)
{
    size_t size = strnlen(text, LINE_TEXT_MAX + 8), room = size < LINE_TEXT_MAX / 3 ? 3 * size + 1 : LINE_TEXT_MAX + 1;
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
    if (!keeps && !gf_tell_wanted(task->worker) && !gf_worker_logs(task->worker, level))
        return;
    gf_notes *n = notes_of(task);
    char *line = n ? clean_line(text) : NULL;
    if (!line)
        return;
    if (keeps)
        keep_line(task, n, level, line);       // the latest lines: the tail of a flood too
    size_t left_out;
    pthread_mutex_lock(&n->lock);
    bool passes = gf_log_rate_pass(&n->rate, gf_mono_ms(), strlen(line), &left_out);
    pthread_mutex_unlock(&n->lock);
    if (left_out)
        tell_left_out(task, left_out);
    if (passes)
        write_line(task, level, line);
    gf_free(line);
}

void gf_notes_end_log(gofer_task *task)
{
    gf_notes *n = atomic_load(&task->notes);
    if (!n)
        return;
    pthread_mutex_lock(&n->lock);
    size_t left_out = n->rate.left_out;
    n->rate.left_out = 0;
    pthread_mutex_unlock(&n->lock);
    if (left_out)
        tell_left_out(task, left_out);
}

// ---- checkpoints -------------------------------------------------------------------------

gofer_status gofer_task_checkpoint(gofer_task *task, const void *bytes, size_t size)
{
    if (!task || (!bytes && size > 0))
        return gf_fail(GOFER_EINVAL, "gofer_task_checkpoint: task and bytes must not be NULL");
    if (size > GF_CHECKPOINT_MAX)
        return gf_fail(GOFER_ETOOBIG, "a checkpoint of %zu bytes is over the limit of %d: keep the data elsewhere, "
            "and where it is here", size, GF_CHECKPOINT_MAX);
    if (gf_worker_abandoned(task->worker))
        return gf_fail(GOFER_ESTALE, "gofer_task_checkpoint: the worker is gone");
    gf_notes *n = notes_of(task);
    void *copy = n ? gf_memdup(bytes ? bytes : "", size) : NULL;
    if (!copy)
        return gf_fail_nomem("a checkpoint");
    pthread_mutex_lock(&n->lock);
    bool before = untold(n);
    void *old = n->checkpoint;
    n->checkpoint = copy;
    n->checkpoint_size = size;
    n->has_checkpoint = n->checkpointed = true;
    leave(task, n, before);
    gf_free(old);
    return GOFER_OK;
}

gofer_status gofer_task_resume(gofer_task *task, const void **bytes, size_t *size)
{
    if (!task || !bytes || !size)
        return gf_fail(GOFER_EINVAL, "gofer_task_resume: task, bytes and size must not be NULL");
    if (!task->has_resumed && gf_task_may_resume(task)) {
        if (gf_worker_abandoned(task->worker))
            return gf_fail(GOFER_ESTALE, "gofer_task_resume: the worker is gone");
        gofer_worker *w = task->worker;
        gofer_status st = w->ops->tasks->checkpoint(w->broker, task->claim, &task->resumed, &task->resumed_size);
        if (st != GOFER_OK)
            return st;
    }
    task->has_resumed = true;
    *bytes = task->resumed;
    *size = task->resumed ? task->resumed_size : 0;
    return GOFER_OK;
}

// ---- on the way to the store ---------------------------------------------------------------

bool gf_notes_begin(gofer_task *task, gf_sending *s)
{
    gf_notes *n = atomic_load(&task->notes);
    if (!n)
        return false;
    *s = (gf_sending){ .task = task, .item = { .claim = task->claim, .done = -1 } };
    pthread_mutex_lock(&n->lock);
    bool any = untold(n);
    if (any) {
        if (n->has_progress) {
            // The text stays here, to know it again; without memory for a copy it comes with the next one.
            s->text = n->text ? gf_strdup(n->text) : NULL;
            s->item.done = n->done;
            s->item.total = n->total;
            s->item.text = s->text;
            n->has_progress = false;
        }
        if (n->log.size) {
            s->item.log = s->log = n->log.text;
            n->log = (gf_record){ 0 };
        }
        if (n->has_checkpoint) {
            s->item.checkpoint = s->checkpoint = n->checkpoint;
            s->item.checkpoint_size = n->checkpoint_size;
            n->checkpoint = NULL;
            n->has_checkpoint = false;
        }
        n->sending = true;
    }
    pthread_mutex_unlock(&n->lock);
    return any;
}

// Locks: notes->lock held. What came meanwhile is newer.
static void put_back(gf_notes *n, gf_sending *s)
{
    if (s->item.done >= 0)
        n->has_progress = true;
    if (s->checkpoint && !n->has_checkpoint) {
        n->checkpoint = s->checkpoint;
        n->checkpoint_size = s->item.checkpoint_size;
        n->has_checkpoint = true;
        s->checkpoint = NULL;
    }
    if (s->log) {
        gf_record old = { .text = s->log, .size = strlen(s->log) };
        old.room = old.size + 1;
        if (n->log.size)
            append(&old, &n->log);
        gf_record_clear(&n->log);
        n->log = old;
        s->log = NULL;
    }
}

void gf_notes_end(gf_sending *s, bool stored)
{
    gf_notes *n = atomic_load(&s->task->notes);
    pthread_mutex_lock(&n->lock);
    if (!stored)
        put_back(n, s);
    n->sending = false;
    pthread_cond_broadcast(&n->sent);
    pthread_mutex_unlock(&n->lock);
    gf_free(s->text);
    gf_free(s->log);
    gf_free(s->checkpoint);
}

void gf_notes_take(gf_notes *n, bool wants_checkpoint, char **log, void **checkpoint, size_t *checkpoint_size)
{
    pthread_mutex_lock(&n->lock);
    while (n->sending)
        pthread_cond_wait(&n->sent, &n->lock);
    *log = n->log.size ? n->log.text : NULL;
    if (*log)
        n->log = (gf_record){ 0 };
    *checkpoint = NULL;
    if (wants_checkpoint && n->has_checkpoint) {
        *checkpoint = n->checkpoint;
        *checkpoint_size = n->checkpoint_size;
        n->checkpoint = NULL;
        n->has_checkpoint = false;
    }
    pthread_mutex_unlock(&n->lock);
}
