// worker_metrics.c - what a worker of this process did since its start, for Prometheus.
//
// From gofer_worker_stats and gofer_worker_figures, which ask no store and keep no task waiting;
// names that are too many the library has put under "_other" already.
#include "worker_metrics.h"

#include <string.h>

#include "clock.h"
#include "exposition.h"
#include "process.h"

static double number(const gofer_info *info, const char *field)
{
    return (double)gofer_info_int(info, field, 0);
}

// ---- the worker itself --------------------------------------------------------------------------

static void put_one(web_exposition *e, const char *name, web_metric kind, const char *help,
    double value)
{
    web_family(e, name, kind, help);
    web_sample(e, NULL, value);
}

static void put_state(web_exposition *e, const gofer_info *stats)
{
    static const char *const states[] = { "active", "quiet", "stopping", "lacking" };
    const char *state = gofer_info_text(stats, "state");
    web_family(e, "gofer_worker_state", WEB_GAUGE, "1: the worker is in this state.");
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        web_sample(e, (const char *const[]){ "state", states[i], NULL },
            state && strcmp(state, states[i]) == 0);
    if (gofer_info_has(stats, "started_at_ms"))
        put_one(e, "gofer_worker_start_time_seconds", WEB_GAUGE, "When the worker began.",
            number(stats, "started_at_ms") / 1000);
}

static void put_worker(web_exposition *e, const gofer_info *stats)
{
    static const struct { const char *name, *field; web_metric kind; const char *help; } all[] = {
        { "gofer_worker_waiting_tasks", "ready", WEB_GAUGE,
          "Tasks that the worker has taken and not begun." },
        { "gofer_children", "children", WEB_GAUGE, "Child processes that are alive." },
        { "gofer_child_restarts_total", "child_restarts", WEB_COUNTER,
          "Children that died and were replaced." },
        { "gofer_lease_lost_total", "stale", WEB_COUNTER,
          "Outcomes that the store refused, for somebody else had the task by then." },
        { "gofer_slots_lost_total", "lost_slots", WEB_COUNTER,
          "Slots that were given up, for their handlers did not come back." },
        { "gofer_orphans_repaired_total", "recovered", WEB_COUNTER,
          "Tasks of dead workers that this one put back or archived." },
        { "gofer_schedule_missed_total", "ticks_missed", WEB_COUNTER,
          "Ticks of cron entries that were missed, and left out by the entry's policy." },
        { "gofer_broker_reconnects_total", "reconnects", WEB_COUNTER,
          "How often the store's server was connected to again, after a connection broke." },
    };
    put_state(e, stats);
    double busy = number(stats, "children_busy"), running = number(stats, "running");
    web_use(e, "gofer_worker_slots", "Slots of the worker for tasks.",
        running > busy ? running - busy : 0, number(stats, "concurrency"));
    web_use(e, "gofer_child_slots", "Tasks that the children of the worker run, or could.", busy,
        number(stats, "children_want"));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        put_one(e, all[i].name, all[i].kind, all[i].help, number(stats, all[i].field));
}

// ---- by queue and type --------------------------------------------------------------------------

static void put_type(web_exposition *e, const gofer_info *type, const char *outcome, double value)
{
    const char *const labels[] = { "queue", gofer_info_text(type, "queue"), "type",
        gofer_info_text(type, "type"), outcome ? "outcome" : NULL, outcome, NULL };
    web_sample(e, labels, value);
}

static void put_outcomes(web_exposition *e, const gofer_info *types)
{
    static const char *const outcomes[] = { "done", "retried", "archived", "revoked", "requeued",
        "snoozed", "cancelled", "expired" };
    web_family(e, "gofer_tasks_finished_total", WEB_COUNTER,
        "Attempts that ended, by queue, type and outcome.");
    for (size_t i = 0; i < gofer_info_count(types); i++)
        for (size_t k = 0; k < sizeof outcomes / sizeof *outcomes; k++) {
            const gofer_info *type = gofer_info_at(types, i);
            put_type(e, type, outcomes[k], number(type, outcomes[k]));
        }
    web_family(e, "gofer_tasks_failed_total", WEB_COUNTER,
        "Attempts that failed, among those that were retried or archived.");
    for (size_t i = 0; i < gofer_info_count(types); i++)
        put_type(e, gofer_info_at(types, i), NULL, number(gofer_info_at(types, i), "failed"));
}

static void put_times(web_exposition *e, const gofer_info *types, const char *const fields[2])
{
    for (size_t i = 0; i < gofer_info_count(types); i++) {
        const gofer_info *type = gofer_info_at(types, i);
        const char *const labels[] = { "queue", gofer_info_text(type, "queue"), "type",
            gofer_info_text(type, "type"), NULL };
        web_histogram(e, labels, gofer_info_child(type, fields[0]), number(type, fields[1]));
    }
}

static void put_types(web_exposition *e, const gofer_info *figures)
{
    static const char *const wait[] = { "waits", "wait_total_ms" };
    static const char *const run[] = { "runs", "run_total_ms" };
    const gofer_info *types = gofer_info_child(figures, "types");
    put_outcomes(e, types);
    web_family(e, "gofer_task_wait_seconds", WEB_HISTOGRAM,
        "How long tasks waited whose attempts succeeded or failed.");
    put_times(e, types, wait);
    web_family(e, "gofer_task_run_seconds", WEB_HISTOGRAM,
        "How long attempts ran that succeeded or failed.");
    put_times(e, types, run);
    put_one(e, "gofer_series_limited", WEB_GAUGE,
        "1: there are too many queues and types; the rest of them is under _other.",
        number(figures, "limited"));
}

// ---- the store ----------------------------------------------------------------------------------

static void put_calls(web_exposition *e, const gofer_info *figures)
{
    const gofer_info *calls = gofer_info_child(figures, "calls");
    web_family(e, "gofer_broker_seconds", WEB_HISTOGRAM, "How long calls to the store took.");
    for (size_t i = 0; i < gofer_info_count(calls); i++) {
        const gofer_info *call = gofer_info_at(calls, i);
        const char *const labels[] = { "op", gofer_info_text(call, "call"), NULL };
        web_histogram(e, labels, gofer_info_child(call, "times"), number(call, "total_ms"));
    }
    web_family(e, "gofer_broker_errors_total", WEB_COUNTER, "Calls to the store that failed.");
    for (size_t i = 0; i < gofer_info_count(calls); i++) {
        const gofer_info *call = gofer_info_at(calls, i);
        web_sample(e, (const char *const[]){ "op", gofer_info_text(call, "call"), NULL },
            number(call, "errors"));
    }
}

// ---- the whole ----------------------------------------------------------------------------------

void web_worker_metrics(web_call *call)
{
    gofer_info *stats = NULL, *figures = NULL;
    web_exposition e = { .out = &call->reply.body, .open = web_exposition_open(call->accept) };
    gofer_status st = gofer_worker_stats(call->worker, &stats);
    if (st == GOFER_OK)
        st = gofer_worker_figures(call->worker, &figures);
    if (st == GOFER_OK) {
        web_build_info(&e);
        put_worker(&e, stats);
        put_types(&e, figures);
        put_calls(&e, figures);
        web_process(&e);
        web_exposition_end(&e);
        call->reply.status = 200;
        call->reply.type = web_exposition_type(e.open);
    } else {
        web_fail_status(call, st);
    }
    gofer_info_free(stats);
    gofer_info_free(figures);
}

enum { STORE_SILENT_MS = 5000 };       // the worker asks it every second

static const char *const not_ready[] = { "new", "stopping", "ended" };

void web_worker_ready(web_call *call)
{
    gofer_info *stats = NULL;
    gofer_status st = gofer_worker_stats(call->worker, &stats);
    if (st != GOFER_OK) {
        web_fail_status(call, st);
        return;
    }
    const char *state = gofer_info_text(stats, "state");
    int64_t silent_ms = web_ms(CLOCK_REALTIME) - gofer_info_int(stats, "answered_at_ms", 0);
    if (silent_ms < STORE_SILENT_MS)
        web_reply_done(call, GOFER_OK);
    else
        web_fail(call, 503, "EBROKER", "the store has not answered for %lld s",
            (long long)silent_ms / 1000);
    for (size_t i = 0; i < sizeof not_ready / sizeof *not_ready; i++)
        if (strcmp(state, not_ready[i]) == 0)
            web_fail(call, 503, "ESTATE", "the worker takes no tasks: its state is %s", state);
    gofer_info_free(stats);
}
