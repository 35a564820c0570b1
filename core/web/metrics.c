// metrics.c - /metrics: what the store holds, for Prometheus.
//
// Two questions to the store: queues, and workers. Gauges are of this moment; totals are the
// store's own, which survive restarts. At most SERIES_MAX queues have series of their own; the sums
// of the rest go under queue="_other", so that no flood of queue names can flood Prometheus.
#include "metrics.h"

#include <string.h>

#include "exposition.h"

enum { SERIES_MAX = 1000 };

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

// A sample for each queue and column; what is past the limit in one.
static void put_columns(web_exposition *e, const gofer_info *queues, const column *columns,
    size_t count)
{
    size_t total = gofer_info_count(queues);
    for (size_t k = 0; k < count; k++) {
        double rest = 0;
        for (size_t i = 0; i < total; i++) {
            const gofer_info *queue = gofer_info_at(queues, i);
            double value = (double)gofer_info_int(queue, columns[k].field, 0);
            if (i < SERIES_MAX)
                put_queue(e, gofer_info_text(queue, "queue"), &columns[k], value);
            else
                rest += value;
        }
        if (total > SERIES_MAX)
            put_queue(e, "_other", &columns[k], rest);
    }
}

static void put_states(web_exposition *e, const gofer_info *queues)
{
    static const column states[] = {
        { "pending", "pending" }, { "scheduled", "scheduled" }, { "active", "active" },
        { "retry", "retry" }, { "aggregating", "aggregating" }, { "completed", "completed" },
        { "archived", "archived" },
    };
    web_family(e, "gofer_tasks", WEB_GAUGE, "Tasks of a queue in a state.");
    put_columns(e, queues, states, sizeof states / sizeof *states);
}

static void put_latency(web_exposition *e, const gofer_info *queues)
{
    double worst = 0;
    size_t total = gofer_info_count(queues);
    web_family(e, "gofer_queue_latency_seconds", WEB_GAUGE,
        "Age of the oldest task of a queue that may start now.");
    for (size_t i = 0; i < total; i++) {
        const gofer_info *queue = gofer_info_at(queues, i);
        double seconds = (double)gofer_info_int(queue, "latency_ms", 0) / 1000;
        const char *const labels[] = { "queue", gofer_info_text(queue, "queue"), NULL };
        if (i < SERIES_MAX)
            web_sample(e, labels, seconds);
        else if (seconds > worst)
            worst = seconds;
    }
    if (total > SERIES_MAX)
        web_sample(e, (const char *const[]){ "queue", "_other", NULL }, worst);
}

static void put_queues(web_exposition *e, const gofer_info *queues)
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
    put_states(e, queues);
    put_latency(e, queues);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        web_family(e, families[i].name, families[i].kind, families[i].help);
        put_columns(e, queues, &families[i].column, 1);
    }
    web_family(e, "gofer_queues", WEB_GAUGE, "Queues that there are.");
    web_sample(e, NULL, (double)gofer_info_count(queues));
}

// ---- workers

static double sum_of(const gofer_info *workers, const char *field)
{
    double sum = 0;
    for (size_t i = 0; i < gofer_info_count(workers); i++)
        sum += (double)gofer_info_int(gofer_info_at(workers, i), field, 0);
    return sum;
}

static void put_use(web_exposition *e, const char *name, const char *help, double busy, double all)
{
    web_family(e, name, WEB_GAUGE, help);
    web_sample(e, (const char *const[]){ "state", "busy", NULL }, busy);
    web_sample(e, (const char *const[]){ "state", "free", NULL }, all > busy ? all - busy : 0);
}

// What children run is among what their worker runs, and not in its slots.
static void put_children(web_exposition *e, const gofer_info *workers)
{
    double busy = sum_of(workers, "children_busy"), running = sum_of(workers, "running");
    put_use(e, "gofer_worker_slots", "Slots of live workers for tasks.",
        running > busy ? running - busy : 0, sum_of(workers, "concurrency"));
    put_use(e, "gofer_child_slots", "Tasks that the children of live workers run, or could.", busy,
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

static void put_build(web_exposition *e)
{
    web_family(e, "gofer_build_info", WEB_GAUGE, "1; the version as a label.");
    web_sample(e, (const char *const[]){ "version", gofer_version_text(), NULL }, 1);
}

void web_metrics(web_call *call)
{
    gofer_info *queues = NULL, *workers = NULL;
    web_exposition e = { .out = &call->reply.body, .open = web_exposition_open(call->accept) };
    gofer_status st = gofer_client_queues(call->client, &queues);
    if (st == GOFER_OK)
        st = gofer_client_workers(call->client, &workers);
    if (st == GOFER_OK) {
        put_build(&e);
        put_queues(&e, queues);
        put_workers(&e, workers);
        web_exposition_end(&e);
        call->reply.status = 200;
        call->reply.type = web_exposition_type(e.open);
    } else {
        web_fail_status(call, st);
    }
    gofer_info_free(queues);
    gofer_info_free(workers);
}
