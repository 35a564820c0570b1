// log_queue.c - the lines that wait for the host's callback, and the thread that calls it.
//
// May touch: util/. Locks: the queue's own, never held while the callback runs. The queue is
// counted: its thread has it too, for a callback may hang (a log that nobody reads) and must not
// hold anybody up, not even at the end.
#include "util/log_queue.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/fork.h"
#include "util/thread.h"
#include "util/utf8.h"

enum {
    STACK_BYTES = 512 * 1024,      // the callback is the host's
    REPORT_MS = 1000               // how often it is told that lines were left out
};

typedef struct entry {
    struct entry *next;
    int64_t       time_ms;
    int32_t       level;
    size_t        size;            // of all of it
    const char   *fields;          // in text, behind its NUL
    char          text[];
} entry;

struct gf_log_queue {
    gofer_log_fn    fn;
    void           *user;
    gf_process      process;
    _Atomic int     refs;          // the owner's, and the thread's
    pthread_mutex_t lock;          // over all below
    pthread_cond_t  more, written;
    entry          *first, *last;
    size_t          count, bytes;
    uint64_t        left_out;      // not told yet
    int64_t         reported_ms;   // monotonic: when that was told last
    bool            running;       // the thread is there
    pthread_t       thread;        // if joinable
    bool            joinable;
    bool            closed;        // no more lines; write what there is
    bool            abandoned;     // the owner waits no longer: no more calls
};

gf_log_queue *gf_log_queue_open(gofer_log_fn fn, void *user)
{
    gf_log_queue *q = gf_calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->fn = fn;
    q->user = user;
    q->process = gf_process_self();
    atomic_init(&q->refs, 1);
    if (pthread_mutex_init(&q->lock, NULL) != 0)
        goto no_lock;
    if (gf_cond_init(&q->more) != 0)
        goto no_more;
    if (gf_cond_init(&q->written) != 0)
        goto no_written;
    return q;

no_written:
    pthread_cond_destroy(&q->more);
no_more:
    pthread_mutex_destroy(&q->lock);
no_lock:
    gf_free(q);
    return NULL;
}

static void drop(gf_log_queue *q)
{
    if (atomic_fetch_sub(&q->refs, 1) > 1)
        return;
    for (entry *e = q->first, *next; e; e = next) {
        next = e->next;
        gf_free(e);
    }
    pthread_cond_destroy(&q->written);
    pthread_cond_destroy(&q->more);
    pthread_mutex_destroy(&q->lock);
    gf_free(q);
}

// ---- the thread --------------------------------------------------------------------------

// Locks: q->lock held. How many left out lines to tell of now; 0: none.
static uint64_t to_tell(gf_log_queue *q)
{
    int64_t now_ms = gf_mono_ms();
    uint64_t n = q->left_out;
    if (n == 0 || (q->first && !q->closed && now_ms - q->reported_ms < REPORT_MS))
        return 0;
    q->left_out = 0;
    q->reported_ms = now_ms;
    return n;
}

static void log_left_out(const gf_log_queue *q, uint64_t lines)
{
    char fields[48];
    snprintf(fields, sizeof fields, "{\"lines\":%llu}", (unsigned long long)lines);
    q->fn(q->user, GOFER_LOG_WARN, gf_now_ms(),
        "log lines were left out: they came faster than the log is written", fields);
}

static entry *pop(gf_log_queue *q)
{
    entry *e = q->first;
    if (!e)
        return NULL;
    q->first = e->next;
    if (!q->first)
        q->last = NULL;
    q->count--;
    q->bytes -= e->size;
    return e;
}

static void *write_lines(void *arg)
{
    gf_log_queue *q = arg;
    gf_thread_name("gofer-log");
    pthread_mutex_lock(&q->lock);
    while (!q->abandoned) {
        uint64_t left_out = to_tell(q);
        entry *e = left_out ? NULL : pop(q);
        if (!e && !left_out) {
            if (q->closed)
                break;
            pthread_cond_wait(&q->more, &q->lock);
            continue;
        }
        pthread_mutex_unlock(&q->lock);
        if (left_out)
            log_left_out(q, left_out);
        else
            q->fn(q->user, e->level, e->time_ms, e->text, e->fields);
        gf_free(e);
        pthread_mutex_lock(&q->lock);
    }
    q->running = false;
    pthread_cond_broadcast(&q->written);
    pthread_mutex_unlock(&q->lock);
    drop(q);
    return NULL;
}

// Locks: q->lock held. False: no thread now; the next line tries again.
static bool run(gf_log_queue *q)
{
    if (q->running)
        return true;
    atomic_fetch_add(&q->refs, 1);
    if (gf_thread_start(&q->thread, write_lines, q, STACK_BYTES) != 0) {
        atomic_fetch_sub(&q->refs, 1);
        return false;
    }
    q->running = q->joinable = true;
    return true;
}

// ---- who logs, and the end ------------------------------------------------------------------

// Valid UTF-8 and cut, before it goes anywhere.
static entry *entry_new(int32_t level, int64_t time_ms, const char *text, const char *fields)
{
    size_t size = strnlen(text, GF_LOG_TEXT_MAX + 8), fields_size = strlen(fields) + 1;
    // What is not UTF-8 grows to three bytes at the most.
    size_t room = size < GF_LOG_TEXT_MAX / 3 ? 3 * size + 1 : GF_LOG_TEXT_MAX + 1;
    entry *e = gf_alloc(sizeof *e + room + fields_size);
    if (!e)
        return NULL;
    size_t length = gf_utf8_clean(text, size, e->text, room);
    e->next = NULL;
    e->time_ms = time_ms;
    e->level = level;
    e->size = sizeof *e + room + fields_size;
    e->fields = memcpy(e->text + length + 1, fields, fields_size);
    return e;
}

static void put(void *user, int32_t level, int64_t time_ms, const char *text, const char *fields)
{
    gf_log_queue *q = user;
    if (q->process != gf_process_self())
        return;                    // a forked child: the lock is as the fork caught it, and
                                   //   the thread is not here
    entry *e = entry_new(level, time_ms, text, fields);
    pthread_mutex_lock(&q->lock);
    if (q->closed) {
        gf_free(e);
    } else if (!e || q->count == GF_LOG_LINES_HELD || q->bytes + e->size > GF_LOG_BYTES_HELD ||
        !run(q)) {
        q->left_out++;
        gf_free(e);
    } else {
        if (q->last)
            q->last->next = e;
        else
            q->first = e;
        q->last = e;
        q->count++;
        q->bytes += e->size;
        pthread_cond_signal(&q->more);
    }
    pthread_mutex_unlock(&q->lock);
}

gf_log gf_log_queue_log(gf_log_queue *q)
{
    return (gf_log){ put, q };
}

void gf_log_queue_close(gf_log_queue *q)
{
    if (!q || q->process != gf_process_self())
        return;
    int64_t end_ms = gf_mono_ms() + GF_LOG_CLOSE_MS, left_ms;
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_signal(&q->more);
    // by the callback: it cannot wait for itself
    bool own = q->joinable && pthread_equal(q->thread, pthread_self());
    while (q->running && !own && !q->abandoned && (left_ms = end_ms - gf_mono_ms()) > 0)
        gf_cond_wait(&q->written, &q->lock, left_ms);
    q->abandoned = true;
    bool joinable = q->joinable, ended = !q->running;
    q->joinable = false;
    pthread_mutex_unlock(&q->lock);
    if (joinable && ended)
        pthread_join(q->thread, NULL);
    else if (joinable)
        pthread_detach(q->thread);
}

void gf_log_queue_free(gf_log_queue *q)
{
    if (q && q->process == gf_process_self())
        drop(q);
}
