// steps.c - figures by the hour and by the minute, kept once an hour or a minute is over.
#include "steps.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

enum {
    LATE_MS = 120 * 1000,       // workers hand in what they counted some time later
    FRESH_MS = 10 * 1000,
    HANDED_MS = 20 * 1000       // so late at the most, unless they are in trouble
};

static const char *const fields[] = { "done", "failed", "wait_p50_ms", "wait_p90_ms",
    "wait_p99_ms", "wait_max_ms", "run_p50_ms", "run_p90_ms", "run_p99_ms", "run_max_ms" };
enum { FIELDS = sizeof fields / sizeof *fields };

typedef struct row {
    int64_t number;             // of steps from the epoch; 0: none is here
    bool    over;               // it changes no more
    int64_t of[FIELDS];
} row;

// The steps of a queue and a type. Number n is in place n % WEB_HOURS_MAX.
typedef struct kept {
    char   *queue, *type;       // owned; NULL: all
    int64_t step_ms;            // an hour's, or a minute's
    int64_t asked_ms;           // when the store was asked last, by the clock that only goes on
    int64_t asked;              // number of the step that there was then
    int64_t used_ms;
    int64_t now_ms;             // what the clock on the wall said last
    row     rows[WEB_HOURS_MAX];
} kept;

struct web_steps {
    gofer_client   *client;
    pthread_mutex_t lock;       // guards the places
    kept           *places[WEB_STEPS_KEPT];
};

static void free_kept(kept *k)
{
    if (!k)
        return;
    free(k->queue);
    free(k->type);
    free(k);
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_of(const kept *k, const web_steps_query *q)
{
    return k->step_ms == q->step_ms && same(k->queue, q->queue) && same(k->type, q->type);
}

static kept *make(const web_steps_query *q)
{
    kept *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    k->step_ms = q->step_ms;
    k->queue = q->queue ? strdup(q->queue) : NULL;
    k->type = q->type ? strdup(q->type) : NULL;
    if ((!q->queue || k->queue) && (!q->type || k->type))
        return k;
    free_kept(k);
    return NULL;
}

// The place of what is asked for, or the one that was used least lately. Locks: h->lock held.
static kept **place_of(web_steps *h, const web_steps_query *q)
{
    kept **oldest = &h->places[0];
    for (size_t i = 0; i < WEB_STEPS_KEPT; i++) {
        kept *k = h->places[i];
        if (k && is_of(k, q))
            return &h->places[i];
        if (*oldest && (!k || k->used_ms < (*oldest)->used_ms))
            oldest = &h->places[i];
    }
    return oldest;
}

// NULL: no memory. Locks: h->lock held.
static kept *find(web_steps *h, const web_steps_query *q)
{
    kept **place = place_of(h, q);
    if (!*place || !is_of(*place, q)) {
        kept *new_one = make(q);
        if (!new_one)
            return NULL;
        free_kept(*place);
        *place = new_one;
    }
    (*place)->used_ms = web_ms(CLOCK_MONOTONIC);
    return *place;
}

// Clocks that are wrong may be before the epoch.
static size_t place_of_step(int64_t number)
{
    int64_t place = number % WEB_HOURS_MAX;
    return (size_t)(place < 0 ? place + WEB_HOURS_MAX : place);
}

// A clock that was set back: steps that were over by it may be yet to come.
static void heed_clock(kept *k, int64_t now_ms)
{
    if (now_ms < k->now_ms) {
        memset(k->rows, 0, sizeof k->rows);
        k->asked_ms = 0;
    }
    k->now_ms = now_ms;
}

// How many steps, back from this one, have to be asked for; 0: none.
static size_t missing(const kept *k, int64_t now, const web_steps_query *q)
{
    // What was run until then had been handed in: later steps are empty.
    bool quiet = k->asked_ms && q->quiet_ms && q->quiet_ms <= k->asked_ms - HANDED_MS;
    bool fresh = quiet || (k->asked_ms && web_ms(CLOCK_MONOTONIC) - k->asked_ms < FRESH_MS);
    for (size_t back = q->count; back-- > 0;) {
        const row *r = &k->rows[place_of_step(now - (int64_t)back)];
        if (quiet && now - (int64_t)back > k->asked)
            continue;
        if (r->number != now - (int64_t)back || !(r->over || fresh))
            return back + 1;
    }
    return 0;
}

static void take(kept *k, const gofer_info *list, int64_t now_ms)
{
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *one = gofer_info_at(list, i);
        int64_t at_ms = gofer_info_int(one, "at_ms", 0);
        int64_t number = at_ms / k->step_ms;
        row *r = &k->rows[place_of_step(number)];
        *r = (row){ .number = number, .over = at_ms + k->step_ms + LATE_MS <= now_ms };
        for (size_t f = 0; f < FIELDS; f++)
            r->of[f] = gofer_info_int(one, fields[f], 0);
    }
    k->asked_ms = web_ms(CLOCK_MONOTONIC);
    k->asked = now_ms / k->step_ms;
}

static void put(const kept *k, int64_t now_ms, size_t count, web_text *out)
{
    int64_t now = now_ms / k->step_ms;
    web_text_format(out, "\"since_ms\":%lld,\"items\":[",
        (long long)((now - (int64_t)count + 1) * k->step_ms));
    for (size_t back = count; back-- > 0;) {
        int64_t at = now - (int64_t)back;
        const row *r = &k->rows[place_of_step(at)];
        web_text_format(out, "%s{\"at_ms\":%lld,\"ms\":%lld", back + 1 < count ? "," : "",
            (long long)(at * k->step_ms),
            (long long)(back ? k->step_ms : now_ms - at * k->step_ms));
        for (size_t f = 0; f < FIELDS; f++)
            web_text_format(out, ",\"%s\":%lld", fields[f],
                (long long)(r->number == at ? r->of[f] : 0));
        web_text_put(out, "}");
    }
    web_text_put(out, "]");
}

static gofer_status ask(web_steps *h, const web_steps_query *q, size_t count, gofer_info **list)
{
    return q->step_ms == WEB_MINUTE_MS
        ? gofer_client_stats_minutes(h->client, q->queue, q->type, (int32_t)count, list)
        : gofer_client_stats_hours(h->client, q->queue, q->type, (int32_t)count, list);
}

gofer_status web_steps_put(web_steps *h, const web_steps_query *q, web_text *out)
{
    int64_t now_ms = web_ms(CLOCK_REALTIME);
    gofer_info *list = NULL;
    gofer_status st = GOFER_OK;
    pthread_mutex_lock(&h->lock);
    kept *k = find(h, q);
    if (k)
        heed_clock(k, now_ms);
    size_t wanted = k ? missing(k, now_ms / q->step_ms, q) : 0;
    if (k && !wanted)
        put(k, now_ms, q->count, out);
    pthread_mutex_unlock(&h->lock);
    if (!k)
        return GOFER_ENOMEM;
    if (!wanted)
        return GOFER_OK;
    st = ask(h, q, wanted, &list);
    if (st != GOFER_OK)
        return st;
    pthread_mutex_lock(&h->lock);
    if ((k = find(h, q))) {                 // others may have had its place meanwhile
        take(k, list, now_ms);
        put(k, now_ms, q->count, out);
    }
    pthread_mutex_unlock(&h->lock);
    gofer_info_free(list);
    return k ? GOFER_OK : GOFER_ENOMEM;
}

web_steps *web_steps_new(gofer_client *client)
{
    web_steps *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->client = client;
    pthread_mutex_init(&h->lock, NULL);
    return h;
}

void web_steps_free(web_steps *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < WEB_STEPS_KEPT; i++)
        free_kept(h->places[i]);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
