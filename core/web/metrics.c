// metrics.c - /metrics: what the store holds, for Prometheus.
//
// Six questions to the store: queues, workers, figures of types, cron entries, its room, limits.
// Gauges are of this moment or of the last hour; totals are the store's own, which survive
// restarts. At most SERIES_MAX queues, pairs of queue and type, cron entries and limit keys have
// series of their own; the rest of the queues and types goes under "_other", so that no flood of
// names can flood Prometheus.
#include "metrics.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "clock.h"
#include "exposition.h"
#include "limit_metrics.h"
#include "scale.h"
#include "totals.h"

enum {
    SERIES_MAX = WEB_FEW_QUEUES,
    WEIGHED_MAX = 100,          // queues whose tasks are weighed: a question to the store for each
};

// What a scrape is made of.
typedef struct snapshots {
    gofer_info *queues, *workers, *types, *schedules;
    gofer_info *store;          // NULL: it does not tell
    gofer_info *limit_keys;     // NULL: it has no limits
    bool        many_keys;      // there are more of these
    bool        many;           // there are more queues than those, with what is known of them:
    web_totals_seen totals;
} snapshots;

// ---- queues

typedef struct column {
    const char *field;      // of a queue's snapshot
    const char *state;      // label; NULL: none
} column;

static void put_queue(web_exposition *e, const char *queue, const column *c, double value)
{
    const char *const labels[] = { "queue", queue, c->state ? "state" : NULL, c->state, NULL };
    web_sample(e, labels, value);
}

// A sample for each queue and column; what is past the limit in one, once it is known.
static void put_columns(web_exposition *e, const snapshots *s, const column *columns, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < gofer_info_count(s->queues); i++) {
            const gofer_info *queue = gofer_info_at(s->queues, i);
            put_queue(e, gofer_info_text(queue, "queue"), &columns[k],
                (double)gofer_info_int(queue, columns[k].field, 0));
        }
        if (s->totals.at_ms)
            put_queue(e, "_other", &columns[k],
                (double)web_sums_of(&s->totals.rest, columns[k].field));
    }
}

static void put_states(web_exposition *e, const snapshots *s)
{
    static const column states[] = {
        { "pending", "pending" }, { "scheduled", "scheduled" }, { "active", "active" },
        { "retry", "retry" }, { "aggregating", "aggregating" }, { "completed", "completed" },
        { "archived", "archived" },
    };
    web_family(e, "gofer_tasks", WEB_GAUGE, "Tasks of a queue in a state.");
    put_columns(e, s, states, sizeof states / sizeof *states);
}

// A time of each queue, in ms; the worst of those that are left out.
static void put_ages(web_exposition *e, const snapshots *s, const char *name, const char *field,
    const char *help)
{
    web_family(e, name, WEB_GAUGE, help);
    for (size_t i = 0; i < gofer_info_count(s->queues); i++) {
        const gofer_info *queue = gofer_info_at(s->queues, i);
        const char *const labels[] = { "queue", gofer_info_text(queue, "queue"), NULL };
        web_sample(e, labels, (double)gofer_info_int(queue, field, 0) / 1000);
    }
    if (s->totals.at_ms)
        web_sample(e, (const char *const[]){ "queue", "_other", NULL },
            (double)web_sums_of(&s->totals.rest, field) / 1000);
}

// Of queues whose archive has a limit. Of those that are left out, the fullest.
static void put_archives(web_exposition *e, const snapshots *s)
{
    web_family(e, "gofer_queue_archive_fill_ratio", WEB_GAUGE,
        "How full the archive of a queue is; at 1 its oldest tasks are deleted.");
    for (size_t i = 0; i < gofer_info_count(s->queues); i++) {
        const gofer_info *queue = gofer_info_at(s->queues, i);
        const char *const labels[] = { "queue", gofer_info_text(queue, "queue"), NULL };
        double ratio = web_archive_fill(queue);
        if (ratio >= 0)
            web_sample(e, labels, ratio);
    }
    if (s->totals.at_ms && s->totals.rest.fullest > 0)
        web_sample(e, (const char *const[]){ "queue", "_other", NULL }, s->totals.rest.fullest);
}

// Of queues that are bounded. Those that are left out have no number in common.
static void put_lengths(web_exposition *e, const snapshots *s)
{
    web_family(e, "gofer_queue_max_length", WEB_GAUGE,
        "How many tasks of a queue may be pending: one more is refused.");
    for (size_t i = 0; i < gofer_info_count(s->queues); i++) {
        const gofer_info *queue = gofer_info_at(s->queues, i);
        const char *const labels[] = { "queue", gofer_info_text(queue, "queue"), NULL };
        if (gofer_info_has(queue, "max_length"))
            web_sample(e, labels, (double)gofer_info_int(queue, "max_length", 0));
    }
}

static void put_queues(web_exposition *e, const snapshots *s)
{
    static const struct { const char *name; web_metric kind; column column; const char *help; }
        families[] = {
        { "gofer_queue_processed_total", WEB_COUNTER, { "processed_total", NULL },
          "Attempts that ended, failed ones too." },
        { "gofer_queue_failed_total", WEB_COUNTER, { "failed_total", NULL },
          "Attempts that failed." },
        { "gofer_queue_archive_deleted_total", WEB_COUNTER, { "archive_deleted", NULL },
          "Archived tasks that the limit of the archive deleted." },
        { "gofer_queue_paused", WEB_GAUGE, { "paused", NULL },
          "1: workers leave the queue alone." },
        { "gofer_queue_unserved", WEB_GAUGE, { "unserved", NULL },
          "1: tasks may start, and no live worker serves the queue." },
        { "gofer_queue_groups", WEB_GAUGE, { "groups", NULL },
          "Groups with tasks in them." },
    };
    put_states(e, s);
    put_ages(e, s, "gofer_queue_latency_seconds", "latency_ms",
        "Age of the oldest task of a queue that may start now.");
    put_ages(e, s, "gofer_queue_longest_running_seconds", "longest_running_ms",
        "How long the active task of a queue has run that was taken first.");
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        web_family(e, families[i].name, families[i].kind, families[i].help);
        put_columns(e, s, &families[i].column, 1);
    }
    put_archives(e, s);
    put_lengths(e, s);
    web_family(e, "gofer_queues", WEB_GAUGE, "Queues that there are.");
    web_sample(e, NULL, s->totals.at_ms ? (double)s->totals.all.queues
                                         : (double)gofer_info_count(s->queues));
}

// ---- workers

static double sum_of(const gofer_info *workers, const char *field)
{
    double sum = 0;
    for (size_t i = 0; i < gofer_info_count(workers); i++)
        sum += (double)gofer_info_int(gofer_info_at(workers, i), field, 0);
    return sum;
}

// What children run is among what their worker runs, and not in its slots.
static void put_children(web_exposition *e, const gofer_info *workers)
{
    double busy = sum_of(workers, "children_busy"), running = sum_of(workers, "running");
    web_use(e, "gofer_worker_slots", "Slots of live workers for tasks.",
        running > busy ? running - busy : 0, sum_of(workers, "concurrency"));
    web_use(e, "gofer_child_slots", "Tasks that the children of live workers run, or could.", busy,
        sum_of(workers, "children_want"));
    web_family(e, "gofer_children", WEB_GAUGE, "Child processes of live workers.");
    web_sample(e, NULL, sum_of(workers, "children"));
    web_family(e, "gofer_child_restarts", WEB_GAUGE,
        "Children of live workers that died and were replaced, since the workers' start.");
    web_sample(e, NULL, sum_of(workers, "child_restarts"));
}

static void put_workers(web_exposition *e, const gofer_info *workers)
{
    static const char *const states[] = { "active", "quiet", "stopping", "lacking" };
    double in_state[sizeof states / sizeof *states] = { 0 };
    size_t count = sizeof states / sizeof *states;
    for (size_t i = 0; i < gofer_info_count(workers); i++) {
        const gofer_info *worker = gofer_info_at(workers, i);
        const char *state = gofer_info_text(worker, "state");
        for (size_t k = 0; k < count; k++)
            in_state[k] += state && strcmp(state, states[k]) == 0;
    }
    web_family(e, "gofer_workers", WEB_GAUGE, "Live workers.");
    for (size_t k = 0; k < count; k++)
        web_sample(e, (const char *const[]){ "state", states[k], NULL }, in_state[k]);
    put_children(e, workers);
}

// Workers of the size of those that are there; of one slot while there is none.
static void put_wanted(web_exposition *e, const snapshots *s)
{
    double count = (double)gofer_info_count(s->workers);
    double slots = sum_of(s->workers, "concurrency") + sum_of(s->workers, "children_want");
    double each = slots > 0 ? slots / count : 1;
    slots_scale scale;
    if (!slots_scale_init(&scale, s->types)) {
        e->out->failed = true;
        return;
    }
    web_family(e, "gofer_workers_wanted", WEB_GAUGE,
        "Workers that a queue wants so that its tasks wait no longer than ten seconds.");
    for (size_t i = 0; i < gofer_info_count(s->queues); i++) {
        const gofer_info *queue = gofer_info_at(s->queues, i);
        double wanted = (double)slots_scale_wanted(&scale, queue, SLOTS_WANTED_MS) / each;
        double whole = (double)(int64_t)wanted;
        const char *const labels[] = { "queue", gofer_info_text(queue, "queue"), NULL };
        web_sample(e, labels, whole + (whole < wanted));
    }
    slots_scale_clear(&scale);
}

// ---- types

static void put_type(web_exposition *e, const gofer_info *type, const char *label,
    const char *value, double number)
{
    const char *const labels[] = { "queue", type ? gofer_info_text(type, "queue") : "_other",
        "type", type ? gofer_info_text(type, "type") : "_other", label, value, NULL };
    web_sample(e, labels, number);
}

static void put_outcomes(web_exposition *e, const gofer_info *types)
{
    static const char *const outcomes[] = { "done", "failed" };
    size_t total = gofer_info_count(types);
    web_family(e, "gofer_recent_attempts", WEB_GAUGE,
        "Attempts that ended within the last hour, by queue, type and outcome.");
    for (size_t k = 0; k < 2; k++) {
        double rest = 0;
        for (size_t i = 0; i < total; i++) {
            const gofer_info *type = gofer_info_at(types, i);
            double count = (double)gofer_info_int(type, outcomes[k], 0);
            if (i < SERIES_MAX)
                put_type(e, type, "outcome", outcomes[k], count);
            else
                rest += count;
        }
        if (total > SERIES_MAX)
            put_type(e, NULL, "outcome", outcomes[k], rest);
    }
}

static void put_quantiles(web_exposition *e, const gofer_info *types, const char *name,
    const char *help, const char *const fields[3])
{
    static const char *const quantiles[] = { "0.5", "0.9", "0.99" };
    web_family(e, name, WEB_GAUGE, help);
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < gofer_info_count(types) && i < SERIES_MAX; i++) {
            const gofer_info *type = gofer_info_at(types, i);
            put_type(e, type, "quantile", quantiles[k],
                (double)gofer_info_int(type, fields[k], 0) / 1000);
        }
}

static void put_types(web_exposition *e, const gofer_info *types)
{
    static const char *const wait[] = { "wait_p50_ms", "wait_p90_ms", "wait_p99_ms" };
    static const char *const run[] = { "run_p50_ms", "run_p90_ms", "run_p99_ms" };
    put_outcomes(e, types);
    put_quantiles(e, types, "gofer_recent_wait_seconds",
        "How long tasks waited that ended within the last hour.", wait);
    put_quantiles(e, types, "gofer_recent_run_seconds",
        "How long tasks ran that ended within the last hour.", run);
}

// ---- cron entries

static void put_times(web_exposition *e, const gofer_info *entries, const char *name,
    const char *help, const char *field)
{
    web_family(e, name, WEB_GAUGE, help);
    for (size_t i = 0; i < gofer_info_count(entries) && i < SERIES_MAX; i++) {
        const gofer_info *entry = gofer_info_at(entries, i);
        const char *const labels[] = { "schedule", gofer_info_text(entry, "name"), NULL };
        if (gofer_info_has(entry, field))
            web_sample(e, labels, (double)gofer_info_int(entry, field, 0) / 1000);
    }
}

static void put_schedules(web_exposition *e, const gofer_info *entries)
{
    put_times(e, entries, "gofer_schedule_last_run_timestamp_seconds",
        "When a cron entry enqueued its latest task.", "last_enqueued_at_ms");
    put_times(e, entries, "gofer_schedule_next_run_timestamp_seconds",
        "When a cron entry is to enqueue its next task.", "next_run_at_ms");
    web_family(e, "gofer_schedule_paused", WEB_GAUGE, "1: the cron entry does not tick.");
    for (size_t i = 0; i < gofer_info_count(entries) && i < SERIES_MAX; i++) {
        const gofer_info *entry = gofer_info_at(entries, i);
        const char *const labels[] = { "schedule", gofer_info_text(entry, "name"), NULL };
        web_sample(e, labels, (double)gofer_info_int(entry, "paused", 0));
    }
}

// ---- the store

// What Redis may take, in its INFO; 0: there is no limit, or it does not tell.
static double memory_limit(const gofer_info *store)
{
    static const char field[] = "\nmaxmemory:";
    const char *text = gofer_info_text(store, "text"), *at = text ? strstr(text, field) : NULL;
    return at ? strtod(at + sizeof field - 1, NULL) : 0;
}

static void put_room(web_exposition *e, const gofer_info *store)
{
    static const struct { const char *name, *field, *help; } families[] = {
        { "gofer_store_size_bytes", "memory",
          "What the store takes: memory of the Redis server, size of the SQLite file." },
        { "gofer_store_disk_size_bytes", "disk_size",
          "Size of the file system that the SQLite file is on." },
        { "gofer_store_disk_free_bytes", "disk_free",
          "What is free on the file system that the SQLite file is on." },
        { "gofer_store_reserve_bytes", "reserve",
          "What is left of the reserve that lets tasks be finished on a full disk." },
        { "gofer_store_reserve_whole_bytes", "reserve_whole",
          "Size of that reserve while nothing of it is given up." },
    };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        web_family(e, families[i].name, WEB_GAUGE, families[i].help);
        if (store && gofer_info_has(store, families[i].field))
            web_sample(e, NULL, (double)gofer_info_int(store, families[i].field, 0));
    }
    double limit = store ? memory_limit(store) : 0;
    web_family(e, "gofer_store_size_max_bytes", WEB_GAUGE,
        "The memory that the Redis server may take, where it is limited.");
    if (limit > 0)
        web_sample(e, NULL, limit);
}

static void put_limited(web_exposition *e, const snapshots *s)
{
    web_family(e, "gofer_series_limited", WEB_GAUGE,
        "1: there are too many queues, types, cron entries or limit keys; not all have series of "
        "their own.");
    web_sample(e, NULL, s->many || s->many_keys
        || gofer_info_count(s->types) > SERIES_MAX || gofer_info_count(s->schedules) > SERIES_MAX);
}

// ---- the names of Asynq's exporter, for boards that know them

static void weigh(web_exposition *e, gofer_client *client, const char *queue)
{
    gofer_info *about = NULL;
    if (gofer_client_store(client, queue, &about) == GOFER_OK && gofer_info_has(about, "memory"))
        put_queue(e, queue, &(column){ 0 }, (double)gofer_info_int(about, "memory", 0));
    gofer_info_free(about);
}

// About what queues take, where the store can tell: of all or of none, for boards sum them up.
static void put_memory(web_exposition *e, const snapshots *s, gofer_client *client)
{
    size_t count = gofer_info_count(s->queues);
    if (s->many || count > WEIGHED_MAX)
        return;
    web_family(e, "asynq_queue_memory_usage_approx_bytes", WEB_GAUGE,
        "Number of memory used by a given queue (approximated number by sampling).");
    for (size_t i = 0; i < count; i++)
        weigh(e, client, gofer_info_text(gofer_info_at(s->queues, i), "queue"));
}

// As they are there: two gauges are named like counters, which OpenMetrics forbids, so they come in
// the old format alone.
static void put_asynq(web_exposition *e, const snapshots *s, gofer_client *client)
{
    static const column states[] = {
        { "active", "active" }, { "pending", "pending" }, { "scheduled", "scheduled" },
        { "retry", "retry" }, { "archived", "archived" }, { "completed", "completed" },
    };
    static const struct { const char *name; web_metric kind; column column; const char *help; }
        families[] = {
        { "asynq_queue_size", WEB_GAUGE, { "size", NULL }, "Number of tasks in a queue" },
        { "asynq_tasks_processed_total", WEB_COUNTER, { "processed_total", NULL },
          "Number of tasks processed (both succeeded and failed); broken down by queue" },
        { "asynq_tasks_failed_total", WEB_COUNTER, { "failed_total", NULL },
          "Number of tasks failed; broken down by queue" },
        { "asynq_queue_paused_total", WEB_GAUGE, { "paused", NULL }, "Number of queues paused" },
    };
    web_family(e, "asynq_tasks_enqueued_total", WEB_GAUGE,
        "Number of tasks enqueued; broken down by queue and state.");
    put_columns(e, s, states, sizeof states / sizeof *states);
    put_ages(e, s, "asynq_queue_latency_seconds", "latency_ms",
        "Number of seconds the oldest pending task is waiting in pending state to be processed.");
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        web_family(e, families[i].name, families[i].kind, families[i].help);
        put_columns(e, s, &families[i].column, 1);
    }
    put_memory(e, s, client);
}

// ---- the whole

static gofer_status ask(web_call *call, snapshots *s)
{
    gofer_client *client = call->client;
    gofer_status st = gofer_client_queues_page(client, NULL, NULL, SERIES_MAX, &s->queues);
    s->many = st == GOFER_OK && gofer_info_has(s->queues, "next_cursor");
    if (st == GOFER_OK)
        st = gofer_client_workers(client, &s->workers);
    if (st == GOFER_OK)
        st = gofer_client_stats(client, NULL, 1, &s->types);
    if (st == GOFER_OK)
        st = gofer_client_schedules(client, &s->schedules);
    // A server may refuse to tell; that is no reason to tell nothing of the rest.
    if (st == GOFER_OK)
        (void)gofer_client_store(client, NULL, &s->store);
    if (st == GOFER_OK)
        s->limit_keys = web_limit_keys_ask(client, SERIES_MAX, &s->many_keys);
    // Last: where that has all queues looked at anew, the store is busy with it from then on.
    if (st == GOFER_OK && s->many)
        web_totals_take(call->totals, 0, &s->totals, NULL, NULL);
    return st;
}

static void put_audit(web_exposition *e, web_audit *audit)
{
    web_family(e, "gofer_web_audit_missing_total", WEB_COUNTER,
        "Acts of this server that could not be noted in the audit.");
    web_sample(e, NULL, (double)web_audit_missing(audit));
}

static void forget(snapshots *s)
{
    gofer_info_free(s->queues);
    gofer_info_free(s->workers);
    gofer_info_free(s->types);
    gofer_info_free(s->schedules);
    gofer_info_free(s->store);
    gofer_info_free(s->limit_keys);
}

static void put_all(web_exposition *e, const snapshots *s, const web_call *call)
{
    web_build_info(e);
    put_queues(e, s);
    put_workers(e, s->workers);
    put_wanted(e, s);
    put_types(e, s->types);
    put_schedules(e, s->schedules);
    put_room(e, s->store);
    web_limit_keys_put(e, s->limit_keys);
    put_limited(e, s);
    put_audit(e, call->audit);
    if (call->asynq_names && !e->open)
        put_asynq(e, s, call->client);
    web_exposition_end(e);
}

// For who may see some queues alone; nobody else is told this.
static void answer_one(web_call *call)
{
    snapshots s = { 0 };
    web_exposition e = { .out = &call->reply.body, .open = web_exposition_open(call->accept),
        .scope = call->view.scope };
    gofer_status st = ask(call, &s);
    if (st == GOFER_OK) {
        put_all(&e, &s, call);
        call->reply.status = 200;
        call->reply.type = web_exposition_type(e.open);
    } else {
        web_fail_status(call, st);
    }
    forget(&s);
}

// ---- one answer for who asks at the same time

enum { KEPT_MS = 1000, FORMATS = 2 };

typedef struct kept_answer {
    bool      made;
    int64_t   made_ms;          // monotonic
    web_reply reply;
} kept_answer;

struct web_scrapes {
    pthread_mutex_t lock;       // held while the store is asked: the others would only ask the same
    kept_answer     kept[FORMATS];
};

web_scrapes *web_scrapes_new(void)
{
    web_scrapes *kept = calloc(1, sizeof *kept);
    if (kept && pthread_mutex_init(&kept->lock, NULL) != 0) {
        free(kept);
        return NULL;
    }
    return kept;
}

void web_scrapes_free(web_scrapes *kept)
{
    if (!kept)
        return;
    for (int i = 0; i < FORMATS; i++)
        web_text_free(&kept->kept[i].reply.body);
    pthread_mutex_destroy(&kept->lock);
    free(kept);
}

// In the format that is asked for alone: nearly everybody asks for the same. A failure is kept,
// too: who asks meanwhile need not wait for a store that is away. The call serves to put its words
// together.
static void make(web_call *call, kept_answer *kept, bool open)
{
    snapshots s = { 0 };
    web_text_free(&kept->reply.body);
    kept->reply = (web_reply){ 0 };
    gofer_status st = ask(call, &s);
    if (st == GOFER_OK) {
        kept->reply.status = web_http_of(st);
        kept->reply.type = web_exposition_type(open);
        put_all(&(web_exposition){ .out = &kept->reply.body, .open = open }, &s, call);
    } else {
        web_fail_status(call, st);
        kept->reply = call->reply;
        call->reply = (web_reply){ 0 };
    }
    forget(&s);
    kept->made_ms = web_ms(CLOCK_MONOTONIC);
    kept->made = true;
}

void web_metrics(web_call *call)
{
    bool open = web_exposition_open(call->accept);
    kept_answer *kept = &call->scrapes->kept[open];
    if (call->view.scope) {
        answer_one(call);
        return;
    }
    pthread_mutex_lock(&call->scrapes->lock);
    if (!kept->made || web_ms(CLOCK_MONOTONIC) - kept->made_ms >= KEPT_MS)
        make(call, kept, open);
    const web_reply *reply = &kept->reply;
    if (reply->body.at && !reply->body.failed) {
        web_text_add(&call->reply.body, reply->body.at, reply->body.size);
        call->reply.status = reply->status;
        call->reply.type = reply->type;
    }
    pthread_mutex_unlock(&call->scrapes->lock);
}
