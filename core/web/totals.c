// totals.c - what all queues come to, looked at in a thread.
#include "totals.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "load.h"
#include "pages.h"

enum {
    FRESH_MS = 1000,
    WAIT_MS = 200,          // for a newer look, if the latest took no longer,
    FIRST_WAIT_MS = 700,    //   or there is none at all
    PATIENT_MS = 10000,     // who takes older ones has one so old,
    PATIENT_RESTS = 50,     //   or so many times what a look takes,
    WEIGH_MS = 10000,       //   if something has happened, for which the store is asked so often
    HISTORY_DAYS = 8
};

// What one look brings. Owned by the thread until it is shown.
typedef struct sight {
    web_totals_seen seen;
    web_worst       worst;
    char           *history;    // gofer_free
} sight;

struct web_totals {
    gofer_client   *client;
    pthread_mutex_t lock;       // guards all below
    pthread_cond_t  news;       // somebody asks, a look is done, or it ends
    sight          *now;        // never NULL
    int64_t         looked_ms;  // when the look that it is of ended; monotonic
    int64_t         took_ms;
    int64_t         rest_ms;    // no look before
    int64_t         looks;
    bool            touched;    // something was heard of since the latest look began
    bool            hurried;    // somebody wants none that is old
    int64_t         weighed_ms; // when the store was asked what it has done
    web_load        load;       // when the latest look began; the thread's
    bool            wanted, ending, started;
    pthread_t       thread;
};

static void sight_free(sight *s)
{
    if (!s)
        return;
    web_worst_clear(&s->worst);
    gofer_free(s->history);
    free(s);
}

static bool is_ending(web_totals *t)
{
    pthread_mutex_lock(&t->lock);
    bool ending = t->ending;
    pthread_mutex_unlock(&t->lock);
    return ending;
}

typedef struct looking {
    web_totals  *totals;
    sight       *sight;
    gofer_status status;
} looking;

static bool add(const gofer_info *queue, void *user)
{
    looking *l = user;
    web_totals_seen *seen = &l->sight->seen;
    web_sums_add(&seen->all, queue);
    if (seen->all.queues > WEB_FEW_QUEUES)
        web_sums_add(&seen->rest, queue);
    l->status = web_worst_add(&l->sight->worst, queue);
    return l->status == GOFER_OK && !is_ending(l->totals);
}

// NULL: the store failed, or it ends.
static sight *look(web_totals *t)
{
    looking l = { t, calloc(1, sizeof *l.sight), GOFER_OK };
    gofer_info *history = NULL;
    if (!l.sight)
        return NULL;
    l.sight->seen.at_ms = web_ms(CLOCK_REALTIME);
    const page_list queues = { .ask = gofer_client_queues_page, .limit = WEB_QUEUES_PAGE };
    gofer_status st = pages_items(t->client, &queues, add, &l);
    st = st == GOFER_OK ? l.status : st;
    if (st == GOFER_OK && !is_ending(t))
        st = gofer_client_history(t->client, NULL, HISTORY_DAYS, &history);
    if (st == GOFER_OK && history)
        st = gofer_info_json(history, &l.sight->history);
    gofer_info_free(history);
    if (st == GOFER_OK && l.sight->history)
        return l.sight;
    sight_free(l.sight);
    return NULL;
}

static void wait_until(web_totals *t, int64_t due_ms)
{
    struct timespec due = { due_ms / 1000, due_ms % 1000 * 1000000 };
    (void)pthread_cond_timedwait(&t->news, &t->lock, &due);
}

// Whether it seems worth a look; the thread asks, without the lock.
static bool has_changed(const web_totals *t, int64_t queues)
{
    web_load now;
    return web_load_ask(t->client, &now) && web_load_has_changed(&t->load, &now, queues);
}

// For who takes older ones it looks only if something has happened. Locks: t->lock held, but not
// while the store is asked.
static bool is_worth_it(web_totals *t)
{
    int64_t queues = t->now->seen.all.queues;
    if (t->hurried || t->touched || !t->now->seen.at_ms)
        return true;
    t->wanted = false;
    t->weighed_ms = web_ms(CLOCK_MONOTONIC);
    pthread_mutex_unlock(&t->lock);
    bool changed = has_changed(t, queues);
    pthread_mutex_lock(&t->lock);
    t->touched |= changed;
    return t->touched || t->hurried;
}

// Locks: t->lock held, but not during the look.
static void renew(web_totals *t)
{
    int64_t begun_ms = web_ms(CLOCK_MONOTONIC);
    bool first = t->now->seen.at_ms == 0;
    t->wanted = t->hurried = t->touched = false;
    pthread_mutex_unlock(&t->lock);
    (void)web_load_ask(t->client, &t->load);    // before it: what changes meanwhile is to be seen
    sight *made = look(t);
    int64_t now_ms = web_ms(CLOCK_MONOTONIC);
    pthread_mutex_lock(&t->lock);
    t->took_ms = now_ms - begun_ms;
    t->rest_ms = now_ms + t->took_ms;
    t->looks++;
    t->touched |= !made;
    if (made && first)
        t->wanted = t->hurried = false;         // who had nothing has something
    if (made) {
        sight_free(t->now);
        t->now = made;
        t->looked_ms = now_ms;
    }
    pthread_cond_broadcast(&t->news);
}

static void *run(void *user)
{
    web_totals *t = user;
    pthread_mutex_lock(&t->lock);
    while (!t->ending) {
        if (!t->wanted)
            pthread_cond_wait(&t->news, &t->lock);
        else if (web_ms(CLOCK_MONOTONIC) < t->rest_ms)
            wait_until(t, t->rest_ms);
        else if (is_worth_it(t))
            renew(t);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static int64_t fresh_for(const web_totals *t, int64_t age_ms)
{
    int64_t rest_ms = t->took_ms * PATIENT_RESTS, fresh_ms = rest_ms > PATIENT_MS ? rest_ms
                                                                                  : PATIENT_MS;
    return age_ms <= FRESH_MS ? FRESH_MS : fresh_ms < age_ms ? fresh_ms : age_ms;
}

void web_totals_take(web_totals *t, int64_t age_ms, web_totals_seen *out, web_text *worst,
    web_text *history)
{
    pthread_mutex_lock(&t->lock);
    int64_t now_ms = web_ms(CLOCK_MONOTONIC), looks = t->looks;
    bool none = t->now->seen.at_ms == 0, hurried = age_ms <= FRESH_MS,
         looks_now = none || hurried || t->touched;
    if ((none || now_ms - t->looked_ms >= fresh_for(t, age_ms)) &&
        (looks_now || now_ms - t->weighed_ms >= WEIGH_MS)) {
        t->wanted = true;
        t->hurried |= hurried;
        pthread_cond_broadcast(&t->news);
        int64_t due_ms = now_ms + (none ? FIRST_WAIT_MS : t->took_ms <= WAIT_MS ? WAIT_MS : 0);
        while (looks_now && t->looks == looks && !t->ending && web_ms(CLOCK_MONOTONIC) < due_ms)
            wait_until(t, due_ms);
    }
    *out = t->now->seen;
    if (!none && !t->touched) {
        int64_t later_ms = web_ms(CLOCK_MONOTONIC) - t->looked_ms;
        web_sums_later(&out->all, later_ms);
        web_sums_later(&out->rest, later_ms);
    }
    if (worst)
        web_worst_put(&t->now->worst, worst);
    if (history)
        web_text_put(history, t->now->history ? t->now->history : "{\"items\":[]}");
    pthread_mutex_unlock(&t->lock);
}

void web_totals_touch(web_totals *t)
{
    pthread_mutex_lock(&t->lock);
    t->touched = true;
    pthread_mutex_unlock(&t->lock);
}

// ---- life

web_totals *web_totals_new(gofer_client *client)
{
    web_totals *t = calloc(1, sizeof *t);
    pthread_condattr_t steady;
    if (!t)
        return NULL;
    t->client = client;
    t->now = calloc(1, sizeof *t->now);
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&t->news, &steady);
    pthread_condattr_destroy(&steady);
    t->started = t->now && pthread_create(&t->thread, NULL, run, t) == 0;
    if (t->started)
        return t;
    web_totals_free(t);
    return NULL;
}

void web_totals_free(web_totals *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->ending = true;
    pthread_cond_broadcast(&t->news);
    pthread_mutex_unlock(&t->lock);
    if (t->started)
        pthread_join(t->thread, NULL);
    sight_free(t->now);
    pthread_cond_destroy(&t->news);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
