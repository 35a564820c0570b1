// pulse.c - the store in a line: how much runs and waits, for how long, who is there to run it.
//
// Asked for beside each view. While nothing happens and nobody presses a key it is asked for less
// often, so that a screen left open costs the store next to nothing. No ncurses here.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "scale.h"
#include "top.h"

enum {
    FIRST_MS = 100,             // for very many queues in one beat
    QUEUES_MS = 5000,           // how old each may become; where the view asks, it is newer
    WORKERS_MS = 10000,
    STATS_MS = 15000,
    IDLE_AFTER_MS = 5000,
    IDLE_TIMES = 3,             // what is asked for less often, by so much
    DOCTOR_MS = 600000,         // from look to look, and
    DOCTOR_TASK_MS = 2000,      //   for each task that is there
    DOCTOR_TASKS = 10000        // more, and very many queues, are looked at only when somebody asks
};

static const char *const counters[] = { "pending", "active", "scheduled", "retry", "archived",
    "completed", "aggregating" };

void top_pulse_wake(top *t)
{
    t->pulse.changed_ms = cli_now_ms();
}

int top_pulse_idle(const top *t, int64_t now_ms)
{
    int64_t since = now_ms - t->pulse.changed_ms;
    return since > IDLE_AFTER_MS || since < 0;
}

int top_pulse_counts(const top *t)
{
    return t->pulse.many && !t->pulse.queues_at_ms;
}

// ---- queues

static void see_queue(top_pulse *p, const gofer_info *queue, int64_t now_ms)
{
    const char *name = gofer_info_text(queue, "queue");
    (void)rates_see(&p->queues, name ? name : "", gofer_info_int(queue, "processed_total", 0),
        gofer_info_int(queue, "failed_total", 0), now_ms);
}

void top_pulse_shown(top *t, const gofer_info *queues, int64_t now_ms)
{
    rates_begin(&t->pulse.queues);
    for (size_t i = 0; i < gofer_info_count(queues); i++)
        see_queue(&t->pulse, gofer_info_at(queues, i), now_ms);
    rates_end(&t->pulse.queues);
}

static void add_queue(const top *t, top_round *r, const gofer_info *queue)
{
    const char *name = gofer_info_text(queue, "queue");
    int64_t age = gofer_info_int(queue, "latency_ms", 0);
    r->count++;
    r->totals[RATE_ENDED] =
        cli_sum(r->totals[RATE_ENDED], gofer_info_int(queue, "processed_total", 0));
    r->totals[RATE_FAILED] =
        cli_sum(r->totals[RATE_FAILED], gofer_info_int(queue, "failed_total", 0));
    r->waiting = cli_sum(r->waiting, gofer_info_int(queue, "pending", 0));
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        r->kept = cli_sum(r->kept, gofer_info_int(queue, counters[i], 0));
    r->wanted = cli_sum(r->wanted, top_pulse_wanted(t, queue));
    if (age > r->oldest_ms) {
        r->oldest_ms = age;
        snprintf(r->oldest_in, sizeof r->oldest_in, "%s", name ? name : "");
    }
}

static void add_queues(const top *t, top_round *r, const gofer_info *queues)
{
    for (size_t i = 0; i < gofer_info_count(queues); i++)
        add_queue(t, r, gofer_info_at(queues, i));
}

static void take_round(top_pulse *p, const top_round *r, int64_t now_ms)
{
    p->queues_at_ms = p->asked_ms = now_ms;
    p->count = r->count;
    p->many = r->count > TOP_QUEUES;
    p->waiting = r->waiting;
    p->kept = r->kept;
    p->oldest_ms = r->oldest_ms;
    memcpy(p->oldest_in, r->oldest_in, sizeof p->oldest_in);
    p->wanted = r->wanted;
    (void)rates_see(&p->all, "", r->totals[RATE_ENDED], r->totals[RATE_FAILED], now_ms);
    int64_t sum = cli_sum(cli_sum(r->totals[RATE_ENDED], p->kept), p->waiting);
    if (sum != p->sum)
        p->changed_ms = now_ms;
    p->sum = sum;
}

void top_pulse_queues(top *t, const gofer_info *queues, int64_t now_ms)
{
    top_round r = { .count = 0 };
    top_pulse_shown(t, queues, now_ms);
    add_queues(t, &r, queues);
    take_round(&t->pulse, &r, now_ms);
}

int64_t top_pulse_wanted(const top *t, const gofer_info *queue)
{
    return slots_wanted(queue, t->pulse.stats, SLOTS_WANTED_MS);
}

// ---- all of it

static int is_due(const top *t, int64_t at_ms, int64_t every_ms, int64_t now_ms)
{
    int64_t every = every_ms * (top_pulse_idle(t, now_ms) ? IDLE_TIMES : 1);
    return now_ms - at_ms >= every || now_ms < at_ms;
}

static void ask_workers(top *t, int64_t now_ms)
{
    top_pulse *p = &t->pulse;
    gofer_info *list = NULL;
    if (gofer_client_workers(t->client, &list) != GOFER_OK)
        return;
    p->workers_at_ms = now_ms;
    p->workers = (int64_t)gofer_info_count(list);
    p->slots = p->busy = 0;
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *worker = gofer_info_at(list, i);
        p->slots = cli_sum(p->slots, gofer_info_int(worker, "concurrency", 0));
        p->slots = cli_sum(p->slots, gofer_info_int(worker, "children_want", 0));
        p->busy = cli_sum(p->busy, gofer_info_int(worker, "running", 0));
    }
    gofer_info_free(list);
}

// Of very many queues a page, with which a round may end. 0: there is nothing to go on with.
static int ask_page(top *t, int64_t now_ms)
{
    top_round *r = &t->pulse.round;
    int first = !*r->cursor;
    gofer_info *list = NULL;
    if (gofer_client_queues_page(t->client, NULL, first ? NULL : r->cursor, TOP_QUEUES, &list) !=
        GOFER_OK)
        return 0;
    const char *next = gofer_info_text(list, "next_cursor");
    t->pulse.asked_ms = now_ms;
    if (first && !next) {
        top_pulse_queues(t, list, now_ms);
    } else {
        t->pulse.many = 1;
        add_queues(t, r, list);
        snprintf(r->cursor, sizeof r->cursor, "%s", next ? next : "");
        if (!next) {
            take_round(&t->pulse, r, now_ms);
            *r = (top_round){ .count = 0 };
        }
    }
    gofer_info_free(list);
    return next != NULL;
}

// Until all have been seen once, as many pages as there is time for.
static void ask_queues(top *t, int64_t now_ms)
{
    while (ask_page(t, now_ms) && !t->pulse.queues_at_ms && cli_now_ms() - now_ms < FIRST_MS)
        ;
}

// Without work that waits, what is busy is what is wanted.
static void ask_stats(top *t, int64_t now_ms)
{
    gofer_info *list = NULL;
    if (gofer_client_stats(t->client, NULL, 1, &list) != GOFER_OK)
        return;
    gofer_info_free(t->pulse.stats);
    t->pulse.stats = list;
    t->pulse.types_at_ms = now_ms;
}

// A look costs as much as there are tasks: at many it has to be asked for.
static void ask_doctor(top *t, int64_t now_ms)
{
    scout *s = &t->scout;
    (void)scout_take(s, now_ms);
    int64_t kept = t->pulse.kept, every = DOCTOR_MS + kept * DOCTOR_TASK_MS;
    if (t->pulse.queues_at_ms && !t->pulse.many && kept <= DOCTOR_TASKS &&
        (!s->begun_ms || is_due(t, s->begun_ms, every, now_ms)))
        scout_begin(s, t->client, now_ms);
}

void top_pulse_beat(top *t, int64_t now_ms)
{
    top_pulse *p = &t->pulse;
    if (p->waiting && is_due(t, p->types_at_ms, STATS_MS, now_ms))
        ask_stats(t, now_ms);
    if (!p->queues_at_ms || is_due(t, p->asked_ms, QUEUES_MS, now_ms))
        ask_queues(t, now_ms);
    if (is_due(t, p->workers_at_ms, WORKERS_MS, now_ms))
        ask_workers(t, now_ms);
    ask_doctor(t, now_ms);
}

void top_pulse_clear(top *t)
{
    rates_clear(&t->pulse.queues);
    rates_clear(&t->pulse.all);
    rates_clear(&t->pulse.types);
    gofer_info_free(t->pulse.stats);
    t->pulse.stats = NULL;
}
