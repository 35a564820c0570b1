// scheduler.c - the scheduler's pass over its duties, its clock, and its thread.
//
// A pass is one thread's, the scheduler's own or that of a test; what others set is behind
// s->lock, which is never held while the store is asked.
#include "schedule/scheduler_own.h"

#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/thread.h"

enum {
    SHOW_MS = 10000,
    CLOCK_MS = 10000,
    COMPLAIN_MS = 60000,
    AGAIN_MS = 1000,
    SET_MS = 2000,
    LOOKS_APART_MS = 200
};

// ---- words --------------------------------------------------------------------------------------

bool gf_scheduler_logs(const gf_scheduler *s, int32_t level)
{
    return gf_log_on(&s->client->log) && level >= s->log_level;
}

void gf_scheduler_trouble(gf_scheduler *s, gf_complaint *c, gofer_status st, const char *what,
    int64_t mono_ms)
{
    if (st == GOFER_OK) {
        if (c->logged_ms && gf_scheduler_logs(s, GOFER_LOG_INFO))
            gf_logf(&s->client->log, GOFER_LOG_INFO, "cron entries: it works again", "was", what,
                NULL);
        c->logged_ms = 0;
        return;
    }
    if (c->logged_ms && mono_ms - c->logged_ms < COMPLAIN_MS)
        return;
    c->logged_ms = mono_ms ? mono_ms : 1;
    if (gf_scheduler_logs(s, GOFER_LOG_WARN))
        gf_logf(&s->client->log, GOFER_LOG_WARN, what, "status", gofer_status_name(st), "error",
            gofer_error_last(), NULL);
}

static void report_broken(void *arg, const char *name, const char *why)
{
    const gf_scheduler *s = arg;
    if (gf_scheduler_logs(s, GOFER_LOG_ERROR))
        gf_logf(&s->client->log, GOFER_LOG_ERROR, "a cron entry cannot be served by this worker",
            "entry", name, "error", why, NULL);
}

// ---- the clock ----------------------------------------------------------------------------------

// Ticks go by the store's clock where it has one: it is asked now and then, and goes on by our
// monotonic clock in between.
static gofer_status read_clock(gf_scheduler *s, int64_t mono_ms, int64_t *now_ms)
{
    if (!s->clock_base_ms || mono_ms >= s->clock_ms) {
        int64_t at_ms;
        gofer_status st = s->ops->upkeep->clock(s->broker, &at_ms);
        if (st == GOFER_OK)
            s->clock_base_ms = at_ms - mono_ms;
        else if (!s->clock_base_ms)
            return st;
        s->clock_ms = mono_ms + (st == GOFER_OK ? CLOCK_MS : AGAIN_MS);
    }
    *now_ms = s->clock_base_ms + mono_ms;
    return GOFER_OK;
}

static void see_set_clock(gf_scheduler *s, int64_t now_ms, int64_t mono_ms)
{
    int64_t drift_ms = now_ms - mono_ms, moved_ms = drift_ms - s->drift_ms;
    bool set = s->drift_ms && (moved_ms > SET_MS || moved_ms < -SET_MS);
    s->drift_ms = drift_ms;
    if (!set)
        return;
    gf_plan_rewind(&s->plan, now_ms);
    char moved[24];
    snprintf(moved, sizeof moved, "%lld", (long long)moved_ms);
    if (gf_scheduler_logs(s, GOFER_LOG_WARN))
        gf_logf(&s->client->log, GOFER_LOG_WARN, "the clock that cron entries go by was set",
            "#by_ms", moved, NULL);
}

// ---- one pass -----------------------------------------------------------------------------------

static gofer_status restore(gf_scheduler *s)
{
    size_t restored;
    char count[24];
    gofer_status st = gf_plan_restore(&s->plan, s->broker, &restored);
    snprintf(count, sizeof count, "%zu", restored);
    if (st == GOFER_OK && s->plan.count && gf_scheduler_logs(s, GOFER_LOG_WARN))
        gf_logf(&s->client->log, GOFER_LOG_WARN,
            "the store has lost cron entries; put back what this worker remembers", "#entries",
            count, NULL);
    for (size_t i = 0; i < s->file_count; i++)
        s->files[i].pending = true;        // they may list some that were never served here
    return st;
}

static void load(gf_scheduler *s, int64_t mono_ms)
{
    gofer_status st = gf_plan_load(&s->plan, s->broker, report_broken, s);
    if (st == GOFER_ESTATE && (st = restore(s)) == GOFER_OK)
        st = gf_plan_load(&s->plan, s->broker, report_broken, s);
    gf_scheduler_trouble(s, &s->load_trouble, st, "cron entries cannot be read from the store",
        mono_ms);
    s->look_ms = mono_ms + (st == GOFER_OK ? GF_SCHEDULER_LOOK_MS : AGAIN_MS);
}

static void show(gf_scheduler *s, int64_t mono_ms)
{
    if (!s->ops->peers || mono_ms < s->show_ms)
        return;
    gofer_status st = gf_scheduler_show(s);
    s->shown = true;
    s->show_ms = mono_ms + SHOW_MS;
    gf_scheduler_trouble(s, &s->show_trouble, st, "cron entries cannot be shown to Asynq's tools",
        mono_ms);
}

static bool take_notified(gf_scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    bool notified = s->notified;
    s->notified = false;
    pthread_mutex_unlock(&s->lock);
    return notified;
}

int64_t gf_scheduler_pass(gf_scheduler *s, int64_t mono_ms)
{
    int64_t now_ms;
    gofer_status st = read_clock(s, mono_ms, &now_ms);
    gf_scheduler_trouble(s, &s->clock_trouble, st, "cron entries: the store's clock cannot be read",
        mono_ms);
    if (st != GOFER_OK)
        return AGAIN_MS;
    see_set_clock(s, now_ms, mono_ms);
    bool changed = gf_scheduler_read_files(s, mono_ms), notified = take_notified(s);
    // Many changes come one by one: each load reads all entries.
    if (notified && s->look_ms > mono_ms + LOOKS_APART_MS)
        s->look_ms = s->look_ms - GF_SCHEDULER_LOOK_MS + LOOKS_APART_MS > mono_ms
            ? mono_ms + LOOKS_APART_MS
            : mono_ms;
    if (changed || mono_ms >= s->look_ms)
        load(s, mono_ms);
    if (s->plan.count == 0 && !s->file_count)
        return s->plan.version < 0 ? AGAIN_MS : -1;
    bool well = gf_scheduler_fire(s, now_ms, mono_ms);
    show(s, mono_ms);

    int64_t wait_ms = s->look_ms - mono_ms;
    const gf_planned *first = gf_plan_first(&s->plan);
    if (!well)
        wait_ms = gf_min(wait_ms, AGAIN_MS);
    else if (first && first->wake_ms - now_ms < wait_ms)
        wait_ms = first->wake_ms - now_ms;
    for (size_t i = 0; i < s->file_count; i++)
        wait_ms = gf_min(wait_ms, s->files[i].due_ms - mono_ms);
    return wait_ms < 0 ? 0 : wait_ms;
}

// ---- the thread ---------------------------------------------------------------------------------

bool gf_scheduler_stopping(gf_scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    bool stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return stopping;
}

// Entries that are shown outlive their scheduler for some seconds; one that leaves says so.
static void hide(gf_scheduler *s)
{
    if (s->shown)
        (void)s->ops->peers->hide(s->broker, s->id);
    s->shown = false;
    s->show_ms = 0;
}

static void *thread_main(void *arg)
{
    gf_scheduler *s = arg;
    gf_thread_name("gofer-schedule");
    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        pthread_mutex_unlock(&s->lock);
        int64_t wait_ms = gf_scheduler_pass(s, gf_mono_ms());
        pthread_mutex_lock(&s->lock);
        if (wait_ms < 0 && !s->notified)
            break;                 // nothing to serve: the host looks from now on
        if (wait_ms > 0 && !s->notified && !s->stopping)
            gf_cond_wait(&s->woken, &s->lock, wait_ms);
    }
    s->running = false;            // in the same breath, so that who tells us now
                                   //   hears that nobody listens
    pthread_mutex_unlock(&s->lock);
    hide(s);
    return NULL;
}

static gofer_status start(gf_scheduler *s)
{
    gf_scheduler_join(s);          // one that has ended for want of entries
    s->look_ms = 0;                // and knows of none
    pthread_mutex_lock(&s->lock);
    int failed = s->stopping ? 0 : gf_thread_start(&s->thread, thread_main, s, s->stack_size);
    s->running = s->joinable = !s->stopping && failed == 0;
    pthread_mutex_unlock(&s->lock);
    return failed
        ? gf_fail(GOFER_ENOMEM, "no thread for the scheduler of cron entries: %s", strerror(failed))
        : GOFER_OK;
}

gofer_status gf_scheduler_look(gf_scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    bool idle = !s->running && !s->stopping;
    s->notified = s->notified && !idle;
    pthread_mutex_unlock(&s->lock);
    if (!idle || !s->ops->cron)
        return GOFER_OK;
    if (!s->file_count) {
        // Only whether there are any; what they are is the thread's to find out.
        gf_entries all = { 0 };
        gofer_status st = s->ops->cron->entries(s->broker, s->plan.version, &all);
        bool none = st != GOFER_OK || all.count == 0;
        if (st == GOFER_OK && none)
            s->plan.version = all.version;
        gf_entries_clear(&all);
        if (none)
            return st;
    }
    return start(s);
}

bool gf_scheduler_notify(gf_scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    bool running = s->running;
    s->notified = true;
    pthread_cond_signal(&s->woken);
    pthread_mutex_unlock(&s->lock);
    return running;
}

void gf_scheduler_stop(gf_scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->woken);
    pthread_mutex_unlock(&s->lock);
}

void gf_scheduler_join(gf_scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    bool joinable = s->joinable;
    s->joinable = false;
    pthread_mutex_unlock(&s->lock);
    if (joinable)
        pthread_join(s->thread, NULL);
}

// ---- new, free ----------------------------------------------------------------------------------

static void free_files(gf_scheduler *s)
{
    for (size_t i = 0; i < s->file_count; i++) {
        gf_free(s->files[i].path);
        gf_free(s->files[i].complained);
    }
    gf_free(s->files);
}

static bool copy_files(gf_scheduler *s, const gf_scheduler_config *config)
{
    s->files = gf_calloc(config->file_count + 1, sizeof *s->files);
    for (; s->files && s->file_count < config->file_count; s->file_count++)
        if (!(s->files[s->file_count].path = gf_strdup(config->files[s->file_count])))
            return false;
    return s->files != NULL;
}

gofer_status gf_scheduler_new(gf_scheduler **out, const gf_scheduler_config *config)
{
    gf_scheduler *s = gf_calloc(1, sizeof *s);
    if (!s)
        return gf_fail_nomem("a scheduler");
    if (!copy_files(s, config)) {
        free_files(s);
        gf_free(s);
        return gf_fail_nomem("a scheduler");
    }
    if (pthread_mutex_init(&s->lock, NULL) != 0)
        goto no_lock;
    if (gf_cond_init(&s->woken) != 0)
        goto no_cond;
    s->client = config->client;
    s->broker = config->client->broker;
    s->ops = config->client->broker->ops;
    s->id = config->id;
    s->log_level = config->log_level;
    s->stack_size = config->stack_size;
    s->missed = config->missed;
    gf_plan_init(&s->plan);
    *out = s;
    return GOFER_OK;

no_cond:
    pthread_mutex_destroy(&s->lock);
no_lock:
    free_files(s);
    gf_free(s);
    return gf_fail_nomem("a scheduler's lock");
}

void gf_scheduler_free(gf_scheduler *s)
{
    if (!s)
        return;
    gf_scheduler_stop(s);
    gf_scheduler_join(s);
    gf_plan_clear(&s->plan);
    free_files(s);
    pthread_cond_destroy(&s->woken);
    pthread_mutex_destroy(&s->lock);
    gf_free(s);
}
