// recent.c - the last hour of every queue in steps of ten seconds.
//
// Its thread sleeps until somebody asks, then takes what is known until an hour after the last one
// did. A look that fails leaves a longer step, of which the next one tells.
#include "recent.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

enum {
    PATIENCE_MS = 3600 * 1000,
    SHOWN_MS = 60000,           // a queue that was asked for is shown for so long
    WANTED = 64,                // so many that were asked for have lines, of very many queues
    SET_MS = 5000               // by so much a clock goes wrong only if somebody sets it
};

// What came and went within a step, and what was there at its end. Counts stop at their most.
typedef struct step {
    uint32_t arrived, done, failed, pending, active;
    uint32_t latency_ms;
} step;

// What the store counted at a look.
typedef struct counts {
    int64_t size, processed, failed, archived, archive_deleted, pending, active, latency_ms;
} counts;

typedef struct line {
    char   *queue;              // owned; NULL: all together
    counts  last;
    int64_t seen;               // number of the look that saw it last
    int64_t looked_ms;          // when the store was asked for `last`
    int64_t asked_ms;           // when somebody asked for it; 0: nobody
    int64_t blind;              // steps since, in which it was not looked at
    int64_t first;              // of the first step that it has
    step    steps[RECENT_STEPS];
} line;

_Static_assert(sizeof(line) * RECENT_QUEUES < 9 << 20, "recent.h says how much it takes");

struct web_recent {
    web_roster     *roster;
    web_totals     *totals;
    int64_t         step_ms;
    pthread_mutex_t lock;       // guards all below
    pthread_cond_t  news;
    int64_t         asked_ms;   // when somebody asked, by the clock that only goes on; 0: nobody
    int64_t         looks;      // the first begins step 0, the second ends it; step n is in place
                                //   n % RECENT_STEPS
    int64_t         begun_ms[RECENT_STEPS], ended_ms[RECENT_STEPS];
    int64_t         looked_ms;  // time of the latest look
    int64_t         ahead_ms;   // of the clock that only goes on; then
    line           *all;
    line          **lines;      // by name
    size_t          count;
    char            wanted[WANTED][256];        // those that were asked for and had none
    size_t          wishes;     // that there have been
    bool            ending, started;
    pthread_t       thread;
};

// ---- steps

static uint32_t capped(int64_t n)
{
    return n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static counts counts_of(const web_counts *queue)
{
    return (counts){
        .size = web_counts_get(queue, "size"),
        .processed = web_counts_get(queue, "processed_total"),
        .failed = web_counts_get(queue, "failed_total"),
        .archived = web_counts_get(queue, "archived"),
        .archive_deleted = web_counts_get(queue, "archive_deleted"),
        .pending = web_counts_get(queue, "pending"),
        .active = web_counts_get(queue, "active"),
        .latency_ms = web_counts_get(queue, "latency_ms"),
    };
}

// No store counts what arrives: it is what is there now and was not, and what has gone meanwhile.
// What was deleted is missing in it.
static step step_of(const counts *before, const counts *now)
{
    int64_t done = (now->processed - now->failed) - (before->processed - before->failed);
    int64_t set_aside = now->archived - before->archived
        + now->archive_deleted - before->archive_deleted;
    return (step){
        .arrived = capped(now->size - before->size + done + set_aside),
        .done = capped(done),
        .failed = capped(now->failed - before->failed),
        .pending = capped(now->pending),
        .active = capped(now->active),
        .latency_ms = capped(now->latency_ms),
    };
}

// The share of one of so many steps: all of them have the whole together.
static uint32_t share(uint32_t whole, int64_t index, int64_t count)
{
    int64_t n = whole;
    return (uint32_t)(n * (index + 1) / count - n * index / count);
}

// What came and went over the last steps, up to this one.
static void spread(line *l, int64_t number, const step *s)
{
    int64_t most = number - l->first + 1, count = l->blind + 1;
    count = count > RECENT_STEPS ? RECENT_STEPS : count;
    count = count > most ? most : count;
    for (int64_t i = 0; i < count; i++) {
        step *to = &l->steps[(number - count + 1 + i) % RECENT_STEPS];
        to->arrived = share(s->arrived, i, count);
        to->done = share(s->done, i, count);
        to->failed = share(s->failed, i, count);
    }
}

// Locks: r->lock held. The first look at a line is what its first step is counted from.
static void put_step(web_recent *r, line *l, const counts *now, int64_t looked_ms)
{
    int64_t number = r->looks - 2;      // this look is counted already
    bool known = l->seen == r->looks - 1 && number >= 0, again = looked_ms != l->looked_ms;
    if (known) {
        step s = l->steps[number % RECENT_STEPS] = step_of(&l->last, now);
        if (again)
            spread(l, number, &s);
    } else {
        l->first = number + 1;
    }
    l->blind = known && !again ? l->blind + 1 : 0;
    l->last = *now;
    l->looked_ms = looked_ms;
    l->seen = r->looks;
}

// ---- lines

static int compare(const void *name, const void *one)
{
    const line *const *l = one;
    return strcmp(name, (*l)->queue);
}

static line *find(const web_recent *r, const char *queue)
{
    line **found = r->count ? bsearch(queue, r->lines, r->count, sizeof *r->lines, compare) : NULL;
    return found ? *found : NULL;
}

static void free_line(line *l)
{
    if (l)
        free(l->queue);
    free(l);
}

// Queues come by name, so a new one has its place behind those before it.
static line *insert(web_recent *r, const char *queue, size_t at)
{
    line *l = r->count < RECENT_QUEUES ? calloc(1, sizeof *l) : NULL;
    char *name = l ? strdup(queue) : NULL;
    if (!name) {
        free(l);
        return NULL;
    }
    l->queue = name;
    memmove(r->lines + at + 1, r->lines + at, (r->count - at) * sizeof *r->lines);
    r->lines[at] = l;
    r->count++;
    return l;
}

// A queue that is gone is forgotten, so that others have its place.
static void forget_gone(web_recent *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (r->lines[i]->seen == r->looks)
            r->lines[kept++] = r->lines[i];
        else
            free_line(r->lines[i]);
    }
    r->count = kept;
}

static void forget_all(web_recent *r)
{
    for (size_t i = 0; i < r->count; i++)
        free_line(r->lines[i]);
    r->count = 0;
    r->looks = 0;
    memset(r->all, 0, sizeof *r->all);
}

// ---- looking

// What a look brings: what is known of the first queues by name, and of all together.
typedef struct sight {
    size_t count;
    bool   many;                // there are further ones
    struct seen { char queue[256]; counts now; int64_t looked_ms; } at[WEB_FEW_QUEUES];
    web_sums sum;
    bool     summed;
    int64_t  looked_ms;         // the sum
} sight;

static void see(const web_roster_one *one, void *user)
{
    sight *s = user;
    struct seen *to = &s->at[s->count++];
    snprintf(to->queue, sizeof to->queue, "%s", one->queue);
    to->now = counts_of(&one->counts);
    to->looked_ms = one->looked_ms;
    web_sums_add_counts(&s->sum, one->queue, &one->counts);
}

// Of few queues the sum is new with each of them.
static gofer_status take_sight(web_recent *r, sight *s)
{
    gofer_status st = web_roster_look(r->roster, WEB_ROUND_MS, NULL);
    if (st != GOFER_OK)
        return st;
    (void)web_roster_each(r->roster, see, s, &s->many);
    s->summed = !s->many;
    s->looked_ms = web_ms(CLOCK_MONOTONIC);
    if (s->many) {
        web_totals_seen seen;
        web_totals_take(r->totals, WEB_ROUND_MS, &seen, NULL, NULL);
        s->summed = seen.at_ms != 0;
        s->looked_ms = seen.at_ms;
        s->sum = seen.all;
    }
    return GOFER_OK;
}

// Locks: r->lock held. Queues that somebody looks at come first.
static void name_shown(web_recent *r)
{
    int64_t now_ms = web_ms(CLOCK_MONOTONIC);
    for (size_t i = 0; i < r->count; i++)
        if (r->lines[i]->asked_ms && now_ms - r->lines[i]->asked_ms < SHOWN_MS)
            web_roster_touch(r->roster, r->lines[i]->queue);
}

static bool is_asked_for(const line *l)
{
    return l->asked_ms && web_ms(CLOCK_MONOTONIC) - l->asked_ms < PATIENCE_MS;
}

static bool is_wanted(const web_recent *r, const char *queue)
{
    for (size_t i = 0; i < WANTED; i++)
        if (strcmp(r->wanted[i], queue) == 0)
            return true;
    return false;
}

static void want(web_recent *r, const char *queue)
{
    if (!is_wanted(r, queue))
        snprintf(r->wanted[r->wishes++ % WANTED], sizeof *r->wanted, "%s", queue);
}

// Locks: r->lock held. Of few queues each has a line; of very many those that somebody looks at.
static void take_look(web_recent *r, const sight *s, int64_t now_ms)
{
    size_t at = 0;
    if (r->looks) {
        size_t place = (size_t)(r->looks - 1) % RECENT_STEPS;
        r->begun_ms[place] = r->looked_ms;
        r->ended_ms[place] = now_ms;
    }
    r->looks++;
    r->looked_ms = now_ms;
    for (size_t i = 0; i < s->count; i++) {
        const char *name = s->at[i].queue;
        while (at < r->count && strcmp(r->lines[at]->queue, name) < 0)
            at++;
        line *l = at < r->count && strcmp(r->lines[at]->queue, name) == 0 ? r->lines[at] : NULL;
        bool has = !s->many || (l ? is_asked_for(l) : is_wanted(r, name));
        if (!l && has && (l = insert(r, name, at)))
            l->asked_ms = s->many ? r->asked_ms : 0;
        if (l && has)
            put_step(r, l, &s->at[i].now, s->at[i].looked_ms);
    }
    if (s->summed) {
        web_counts sum = { 0 };
        memcpy(sum.of, s->sum.of, sizeof sum.of);
        counts all = counts_of(&sum);
        put_step(r, r->all, &all, s->looked_ms);
    }
    forget_gone(r);
}

// Locks: r->lock held, but not while the store is asked.
static void look(web_recent *r)
{
    name_shown(r);
    pthread_mutex_unlock(&r->lock);
    sight *s = calloc(1, sizeof *s);
    gofer_status st = s ? take_sight(r, s) : GOFER_ENOMEM;
    int64_t now_ms = web_ms(CLOCK_REALTIME), ahead_ms = now_ms - web_ms(CLOCK_MONOTONIC);
    pthread_mutex_lock(&r->lock);
    // Times before the clock was set and after it make no line.
    if (st == GOFER_OK && r->looks
        && (ahead_ms > r->ahead_ms + SET_MS || ahead_ms < r->ahead_ms - SET_MS))
        forget_all(r);
    if (st == GOFER_OK) {
        r->ahead_ms = ahead_ms;
        take_look(r, s, now_ms);
    }
    free(s);
}

static bool is_asked(const web_recent *r)
{
    return r->asked_ms && web_ms(CLOCK_MONOTONIC) - r->asked_ms < PATIENCE_MS;
}

static void *run(void *user)
{
    web_recent *r = user;
    pthread_mutex_lock(&r->lock);
    while (!r->ending) {
        if (!is_asked(r)) {
            forget_all(r);
            r->asked_ms = 0;
            pthread_cond_wait(&r->news, &r->lock);
            continue;
        }
        int64_t due_ms = web_ms(CLOCK_MONOTONIC) + r->step_ms;
        look(r);
        struct timespec due = { due_ms / 1000, due_ms % 1000 * 1000000 };
        while (!r->ending && pthread_cond_timedwait(&r->news, &r->lock, &due) == 0)
            continue;
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

// ---- what is known

static void put(const web_recent *r, const line *l, web_text *out)
{
    int64_t end = r->looks - 1, at = end > RECENT_STEPS ? end - RECENT_STEPS : 0;
    const char *before = "";
    if (at < l->first)
        at = l->first;
    if (at < end)
        web_text_format(out, "%lld,\"items\":[",
            (long long)r->begun_ms[at % RECENT_STEPS]);
    else
        web_text_put(out, "null,\"items\":[");
    for (; at < end; at++) {
        size_t place = (size_t)at % RECENT_STEPS;
        const step *s = &l->steps[place];
        web_text_format(out, "%s{\"at_ms\":%lld,\"ms\":%lld,\"arrived\":%u,\"done\":%u,"
            "\"failed\":%u,\"pending\":%u,\"active\":%u,\"latency_ms\":%u}", before,
            (long long)r->begun_ms[place],
            (long long)(r->ended_ms[place] - r->begun_ms[place]), s->arrived, s->done, s->failed,
            s->pending, s->active, s->latency_ms);
        before = ",";
    }
}

void web_recent_put(web_recent *r, const char *queue, web_text *out)
{
    pthread_mutex_lock(&r->lock);
    bool slept = !r->asked_ms;
    r->asked_ms = web_ms(CLOCK_MONOTONIC);
    if (slept)
        pthread_cond_signal(&r->news);
    line *l = queue ? find(r, queue) : r->all;
    if (l)
        l->asked_ms = r->asked_ms;
    else
        want(r, queue);
    web_text_put(out, "\"since_ms\":");
    if (l)
        put(r, l, out);
    else
        web_text_put(out, "null,\"items\":[");
    web_text_put(out, "]");
    pthread_mutex_unlock(&r->lock);
}

// ---- life

web_recent *web_recent_new(web_roster *roster, web_totals *totals, int64_t step_ms)
{
    web_recent *r = calloc(1, sizeof *r);
    pthread_condattr_t steady;
    if (!r)
        return NULL;
    r->roster = roster;
    r->totals = totals;
    r->step_ms = step_ms;
    r->all = calloc(1, sizeof *r->all);
    r->lines = calloc(RECENT_QUEUES, sizeof *r->lines);
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&r->news, &steady);
    pthread_condattr_destroy(&steady);
    r->started = r->all && r->lines && pthread_create(&r->thread, NULL, run, r) == 0;
    if (r->started)
        return r;
    web_recent_free(r);
    return NULL;
}

void web_recent_free(web_recent *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->ending = true;
    pthread_cond_signal(&r->news);
    pthread_mutex_unlock(&r->lock);
    if (r->started)
        pthread_join(r->thread, NULL);
    if (r->all)
        forget_all(r);
    pthread_cond_destroy(&r->news);
    pthread_mutex_destroy(&r->lock);
    free(r->all);
    free(r->lines);
    free(r);
}
