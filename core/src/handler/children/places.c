// places.c - the places of a crew and the children that fill them: starts, reloads, recycling,
// ends.
//
// May touch: mates, the worker's setup and log. On the crew's thread, with which the children die.
// Locks: a crew's own, for whoever waits for its start.
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "handler/child.h"
#include "handler/children/crew.h"
#include "handler/children/mate.h"
#include "handler/command.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"
#include "util/log.h"
#include "util/minmax.h"
#include "util/resident.h"
#include "worker/runtime.h"
#include "worker/worker.h"

enum {
    OWN_VARIABLES = 5,
    START_TIMEOUT_MS = 30000,
    STARTS_MAX = 3,                // deaths before a hello,
    STARTS_MS = 10000,             //   within so long, and what they took: it will not do
    REST_MS = 30000,               // until the next try, while others are there
    AGAIN_MIN_MS = 20,             // from an early death to the next start
    AGAIN_MAX_MS = 300,
    LIVED_MS = 1000,               // who lived so long did not die early
    MEMORY_MS = 1000,              // how often memory is looked at
    HARD = 2,                      // at so many times the limit it is not waited for any more
    TERM_AFTER_MS = 300,           // when a stop hurries,
    KILL_AFTER_MS = 400            //   so long after TERM: before the tasks are given up (guard.c)
};

// ---- failing ------------------------------------------------------------------------------------

// None will come: the start says so, or the worker ends.
static void fail(gf_crew *c, const char *why)
{
    char text[900];
    snprintf(text, sizeof text, "child '%.200s': %.600s", c->name, why);
    pthread_mutex_lock(&c->lock);
    bool first = !c->failed;
    if (first)
        c->failed = gf_strdup(text);
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    if (first && gf_crew_is_open(c))
        gf_worker_fail(c->lane.worker, GOFER_EHANDLER, text);
}

static bool has_failed(gf_crew *c)
{
    pthread_mutex_lock(&c->lock);
    bool failed = c->failed != NULL;
    pthread_mutex_unlock(&c->lock);
    return failed;
}

// ---- starting -----------------------------------------------------------------------------------

// A tenth more or less, so that not all are recycled at once.
static uint64_t about(uint64_t n)
{
    return n ? n - n / 10 + gf_random64() % (n / 5 + 1) : 0;
}

static int64_t start_timeout_ms(const gf_crew *c)
{
    return c->options.start_timeout_ms ? c->options.start_timeout_ms : START_TIMEOUT_MS;
}

static gofer_status launch(gf_crew *c, gf_mate *m)
{
    char number[48], fd[48], protocol[48], timeout[64];
    size_t count = c->command->env_count;
    char **env = gf_calloc(count + OWN_VARIABLES + 1, sizeof *env);
    if (!env)
        return gf_fail_nomem("a child's environment");
    snprintf(number, sizeof number, "GOFER_CHILD_NUMBER=%d", m->number);
    snprintf(fd, sizeof fd, "GOFER_CHILD_FD=%d", GF_CHILD_SOCKET);
    snprintf(protocol, sizeof protocol, "GOFER_CHILD_PROTOCOL=%d", GF_CHILD_PROTOCOL);
    snprintf(timeout, sizeof timeout, "GOFER_CHILD_START_MS=%" PRId64, start_timeout_ms(c));
    memcpy(env, c->command->env, count * sizeof *env);
    env[count++] = number;
    env[count++] = fd;
    env[count++] = protocol;
    env[count++] = timeout;
    env[count] = c->command->url;
    gofer_status st = gf_proc_start(c->command, env, &m->proc);
    gf_free(env);
    return st;
}

static gf_mate *make_mate(gf_crew *c, int number, int64_t now_ms)
{
    gf_mate *m = gf_mate_new(c->lane.worker, &c->sets, &c->errands.asked, c->name, number);
    if (!m) {
        (void)gf_fail_nomem("a child");
        return NULL;
    }
    if (launch(c, m) != GOFER_OK) {
        gf_mate_free(m);
        return NULL;
    }
    m->started_ms = now_ms;
    m->max_tasks = about((uint64_t)c->options.max_tasks);
    m->max_memory = about((uint64_t)c->options.max_memory);
    m->recycle_ms =
        c->options.max_age_ms ? now_ms + (int64_t)about((uint64_t)c->options.max_age_ms) : 0;
    m->memory_ms = m->max_memory ? now_ms + MEMORY_MS : 0;
    m->next = c->mates;
    c->mates = m;
    gf_mate_log(m, GOFER_LOG_DEBUG, "a child starts", NULL);
    return m;
}

static bool any_serves(const gf_crew *c)
{
    for (size_t i = 0; i < c->processes; i++)
        if (c->places[i].serving)
            return true;
    return false;
}

// One has died before its hello, or could not be started at all.
static void note_bad_start(gf_crew *c, gf_place *p, int64_t now_ms, const char *why)
{
    char text[700];
    int64_t window_ms = STARTS_MS + STARTS_MAX * start_timeout_ms(c);
    if (c->bad_starts == 0 || now_ms - c->bad_since_ms > window_ms) {
        c->bad_starts = 0;
        c->bad_since_ms = now_ms;
    }
    p->start_ms = now_ms + AGAIN_MIN_MS;
    if (++c->bad_starts < STARTS_MAX)
        return;
    snprintf(
        text, sizeof text, "it died before it was ready, %d times: %.600s", c->bad_starts, why);
    c->bad_starts = 0;
    // While it is being written the next change may mend it.
    if (!any_serves(c) && !c->reloads) {
        fail(c, text);
        return;
    }
    for (size_t i = 0; i < c->processes; i++)
        c->places[i].start_ms = now_ms + REST_MS;
    if (gf_worker_logs(c->lane.worker, GOFER_LOG_ERROR))
        gf_logf(&c->lane.worker->log, GOFER_LOG_ERROR, "no new child: those that are there go on",
            "child", c->name, "error", text, NULL);
}

// ---- reloading ----------------------------------------------------------------------------------

static void drop_coming(gf_place *p)
{
    gf_mate *m = p->coming;
    p->coming = NULL;
    if (!m)
        return;
    m->outdated = true;
    if (m->state == GF_MATE_STARTING)
        gf_mate_end(m, GF_FRAME_NO_REF, 0, "it is not wanted any more");
    else
        gf_mate_leave(m, false, 0);
}

// One of the new ones will not do: none of them comes.
static void give_up_reload(gf_crew *c, const char *why)
{
    c->renewing = false;
    for (size_t i = 0; i < c->processes; i++)
        if (c->places[i].coming && c->places[i].coming->spare)
            drop_coming(&c->places[i]);
    if (gf_worker_logs(c->lane.worker, GOFER_LOG_ERROR))
        gf_logf(&c->lane.worker->log, GOFER_LOG_ERROR,
            "not reloaded: the children that are there go on", "child", c->name, "error", why,
            NULL);
}

// What is on its way may have read the old program.
static void look_for_reload(gf_crew *c)
{
    unsigned asked = atomic_load(&c->lane.reloads);
    if (asked == c->reloads || !gf_crew_is_open(c))
        return;
    c->reloads = asked;
    c->renewing = true;
    c->bad_starts = 0;
    for (size_t i = 0; i < c->processes; i++) {
        drop_coming(&c->places[i]);
        c->places[i].start_ms = 0;
    }
}

// Only a program that is not there, or may not be run, will not be there the next time either.
static void start_one(gf_crew *c, size_t at, int64_t now_ms)
{
    gf_place *p = &c->places[at];
    p->coming = make_mate(c, (int)at, now_ms);
    if (p->coming) {
        p->coming->spare = c->renewing;
        return;
    }
    if (c->renewing) {
        give_up_reload(c, gofer_error_last());
        return;
    }
    if (gf_worker_logs(c->lane.worker, GOFER_LOG_WARN))
        gf_logf(&c->lane.worker->log, GOFER_LOG_WARN, "a child could not be started", "child",
            c->name, "error", gofer_error_last(), NULL);
    note_bad_start(c, p, now_ms, gofer_error_last());
    if (p->start_ms < now_ms + AGAIN_MAX_MS)
        p->start_ms = now_ms + AGAIN_MAX_MS;
}

// ---- recycling ----------------------------------------------------------------------------------

static void set_due(gf_mate *m, const char *why)
{
    if (!m->due)
        gf_mate_log(m, GOFER_LOG_INFO, "a child makes way for a new one", why);
    m->due = true;
}

// Also while it runs tasks: a leak does not wait for their end.
static int64_t look_at_memory(gf_mate *m, int64_t now_ms)
{
    char text[100];
    if (m->memory_ms == 0)
        return INT64_MAX;
    if (now_ms < m->memory_ms)
        return m->memory_ms;
    m->memory_ms = now_ms + MEMORY_MS;
    int64_t resident = gf_resident((long)m->proc.pid);
    if (resident < 0 || (uint64_t)resident <= m->max_memory)
        return m->memory_ms;
    snprintf(text, sizeof text, "it has %" PRId64 " MiB of memory, over its limit", resident >> 20);
    set_due(m, text);
    if ((uint64_t)resident > HARD * m->max_memory)
        gf_mate_end(m, GF_FRAME_NO_REF, GF_CHILD_TERM_MS, text);
    return m->memory_ms;
}

// The successor first: then nothing waits.
static void recycle(gf_crew *c, size_t at, int64_t now_ms)
{
    gf_place *p = &c->places[at];
    gf_mate *m = p->serving;
    if (m->max_tasks && m->ended >= m->max_tasks)
        set_due(m, "it has run its number of tasks");
    if (m->recycle_ms && now_ms >= m->recycle_ms)
        set_due(m, "its time is over");
    if ((m->due && now_ms >= p->start_ms) || c->renewing)
        start_one(c, at, now_ms);
}

// ---- the state of the children ------------------------------------------------------------------

static void take_first_hello(gf_crew *c, gf_mate *m)
{
    pthread_mutex_lock(&c->lock);
    if (!c->ready) {
        c->ready = true;
        c->hello = m->hello;
        m->hello = (gf_hello){ 0 };
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    gf_hello_clear(&m->hello);
}

static void promote(gf_crew *c, gf_place *p)
{
    gf_mate *m = p->coming;
    if (p->serving)
        gf_mate_leave(p->serving, false, 0);
    m->spare = false;
    p->serving = m;
    p->coming = NULL;
    c->bad_starts = 0;
    atomic_store(&c->lane.spans, m->spans);
    take_first_hello(c, m);
    m->room_count = 1 + c->hello.room_count;
    for (size_t i = 1; i < m->room_count; i++)
        m->rooms[i] = (gf_mate_room){ .want = c->hello.rooms[i - 1].want, .pace_ns = -1 };
}

// All at once: so no task comes to a child that does not know its type.
static void look_at_reload(gf_crew *c)
{
    for (size_t i = 0; i < c->processes; i++)
        if (!c->places[i].coming || c->places[i].coming->state != GF_MATE_UP)
            return;
    if (gf_crew_rename(c, &c->places[0].coming->hello) != GOFER_OK) {
        give_up_reload(c, gofer_error_last());
        return;
    }
    c->renewing = false;
    for (size_t i = 0; i < c->processes; i++)
        promote(c, &c->places[i]);
    if (gf_worker_logs(c->lane.worker, GOFER_LOG_INFO))
        gf_logf(&c->lane.worker->log, GOFER_LOG_INFO, "children reloaded", "child", c->name, NULL);
}

static void look_at_coming(gf_crew *c, gf_place *p, int64_t now_ms)
{
    gf_mate *m = p->coming;
    int64_t timeout_ms = start_timeout_ms(c);
    if (m->state == GF_MATE_UP && !m->spare) {
        promote(c, p);
    } else if (m->state == GF_MATE_STARTING && now_ms - m->started_ms >= timeout_ms) {
        char after[32], text[100];
        gf_duration_text(timeout_ms, after);
        snprintf(text, sizeof text, "no hello within %s", after);
        gf_mate_end(m, GF_FRAME_NO_REF, 0, text);
    }
}

// When this place needs the next look.
static int64_t look_at_place(gf_crew *c, size_t at, int64_t now_ms)
{
    gf_place *p = &c->places[at];
    if (p->coming)
        look_at_coming(c, p, now_ms);
    // One that is about to end serves nobody any more: the next one need not wait for it.
    if (p->serving && p->serving->state != GF_MATE_UP)
        p->serving = NULL;
    if (!p->coming && !p->serving && now_ms >= p->start_ms)
        start_one(c, at, now_ms);
    else if (!p->coming && p->serving)
        recycle(c, at, now_ms);
    if (p->coming && p->coming->state == GF_MATE_STARTING)
        return p->coming->started_ms + start_timeout_ms(c);
    if (p->coming)
        return INT64_MAX;          // it is on its way out
    if (!p->serving)
        return p->start_ms > now_ms ? p->start_ms : now_ms + AGAIN_MIN_MS;
    if (p->serving->due)
        return p->start_ms;
    return p->serving->recycle_ms ? p->serving->recycle_ms : INT64_MAX;
}

// Whether those who are left have to go now, and how far that is.
static int64_t see_off(gf_crew *c, int64_t now_ms)
{
    const gofer_worker *w = c->lane.worker;
    int64_t next_ms = INT64_MAX;
    if (!c->hurry_ms && (gf_crew_quits(c) || atomic_load(&w->stop_calls) > 1))
        c->hurry_ms = now_ms;
    if (!c->hurry_ms && !c->quit_ms)
        c->quit_ms = now_ms;
    if (!c->hurry_ms && now_ms - c->quit_ms >= w->settings.grace_ms)
        c->hurry_ms = now_ms;
    for (gf_mate *m = c->mates; m; m = m->next) {
        gf_mate_leave(m, true, w->settings.grace_ms);
        if (!c->hurry_ms)
            next_ms = gf_min(next_ms, c->quit_ms + w->settings.grace_ms);
        else if (now_ms - c->hurry_ms >= TERM_AFTER_MS)
            gf_mate_end(m, GF_FRAME_NO_REF, KILL_AFTER_MS, "the worker stops");
        else
            next_ms = gf_min(next_ms, c->hurry_ms + TERM_AFTER_MS);
    }
    return next_ms;
}

// ---- deaths -------------------------------------------------------------------------------------

static void note_death(gf_crew *c, gf_mate *m, int64_t now_ms, const char *end)
{
    gf_place *p = &c->places[m->number];
    bool stops = c->turn.stopping || gf_crew_quits(c);
    bool expected = m->state == GF_MATE_LEAVING ? m->shut : m->state == GF_MATE_ENDING && stops;
    expected |= m->outdated;
    bool early = m->ended == 0 && now_ms - m->started_ms < LIVED_MS;
    gf_mate_log(m, expected ? GOFER_LOG_INFO : GOFER_LOG_WARN, "a child has ended", end);
    if (p->serving == m)
        p->serving = NULL;
    if (p->coming == m)
        p->coming = NULL;
    if (expected || stops)
        return;
    if (m->spare) {
        give_up_reload(c, end);
        return;
    }
    c->restarts++;
    if (m->up_ms == 0) {
        // Who says the wrong thing, or nothing, will not do better the next time.
        if (*m->why && !any_serves(c) && !gf_crew_is_open(c))
            fail(c, end);
        else
            note_bad_start(c, p, now_ms, end);
        return;
    }
    p->early = early ? p->early + 1 : 0;
    int64_t wait_ms = AGAIN_MIN_MS << (p->early < 5 ? p->early : 5);
    int64_t again_ms = now_ms + (p->early == 0 ? 0 : gf_min(wait_ms, AGAIN_MAX_MS));
    p->start_ms = again_ms;
}

void gf_places_bury(gf_crew *c, int64_t now_ms)
{
    for (gf_mate **at = &c->mates; *at;) {
        gf_mate *m = *at;
        if (!gf_proc_ended(&m->proc)) {
            at = &m->next;
            continue;
        }
        char end[GF_PRINTED_MAX + 512];
        pid_t pid = m->proc.pid;
        gf_mate_bury(m, &c->turn, c->turn.stopping || gf_crew_quits(c), end, sizeof end);
        m->proc.pid = pid;         // for the log: nothing else is done with it now
        note_death(c, m, now_ms, end);
        *at = m->next;
        gf_mate_free(m);
    }
}

// ---- all that depends on time -------------------------------------------------------------------

int64_t gf_places_look(gf_crew *c)
{
    int64_t now_ms = gf_mono_ms(), next_ms = INT64_MAX;
    if (c->turn.stopping || gf_crew_quits(c) || has_failed(c)) {
        next_ms = see_off(c, now_ms);
    } else {
        look_for_reload(c);
        for (size_t i = 0; i < c->processes; i++)
            next_ms = gf_min(next_ms, look_at_place(c, i, now_ms));
        if (c->renewing)
            look_at_reload(c);
    }
    for (gf_mate *m = c->mates; m; m = m->next) {
        next_ms = gf_min(next_ms, gf_min(gf_mate_tick(m, now_ms), look_at_memory(m, now_ms)));
        if (c->apart.count || gf_sets_wait(&c->sets))
            next_ms = gf_min(next_ms, now_ms + AGAIN_MIN_MS);
        // An old kernel: its end is not told.
        if (m->proc.pidfd < 0)
            next_ms = gf_min(next_ms, now_ms + AGAIN_MIN_MS);
    }
    return next_ms;
}
