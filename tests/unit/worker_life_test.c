// worker_life_test.c - the life of one task in a real worker, on a private store or the one that
// GOFER_TEST_REDIS names: retry policies, snoozes, cancelling, expiry, checkpoints, logs, attempts,
// unique locks, on-dead tasks. Faults by a table in front of the store.
#include "gofer/gofer.h"

#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "tables.h"
#include "client/client.h"
#include "message/options.h"
#include "util/clock.h"
#include "util/error.h"

enum { PATIENCE_MS = 300000, HOUR_MS = 3600 * 1000 };

// ---- a store with faults ---------------------------------------------------------------------

static struct {
    const gf_broker_ops *real;
    tables               now;
    _Atomic int put_fails, put_status;         // so many puts answer this
    _Atomic int progress_fails, extend_fails;
    int         deaf;                          // no request to cancel is heard
    gf_watch_callbacks callbacks;              // how the worker hears
    _Atomic int puts, progresses, extends, checkpoints, releases;
    _Atomic int recovers;                      // so many recoveries tell of `lost`
    gf_message  lost;
    char        back[64];                      // first letters of slow ones put back, as handed in
    gofer_worker *stop;                        // once armed, with the next take that finds
                                               //   something
    _Atomic int armed, stops;
} fault;

static bool spend(_Atomic int *count)
{
    int left = atomic_load(count);
    while (left > 0 && !atomic_compare_exchange_weak(count, &left, left - 1))
        ;
    return left > 0;
}

static gofer_status fault_put(gf_broker *b, gf_put *items, size_t count)
{
    fault.puts++;
    return spend(&fault.put_fails) ? gf_fail(fault.put_status, "the test wants this to fail")
                                   : fault.real->tasks->put(b, items, count);
}

static gofer_status fault_progress(gf_broker *b, const gf_progress *items, size_t count)
{
    fault.progresses++;
    return spend(&fault.progress_fails) ? gf_fail(GOFER_EBROKER, "the test wants this to fail")
                                        : fault.real->tasks->progress(b, items, count);
}

static gofer_status fault_extend(gf_broker *b, gf_lease *leases, size_t count, int64_t lease_ms)
{
    fault.extends++;
    if (spend(&fault.extend_fails))
        return gf_fail(GOFER_EBROKER, "the test wants this to fail");
    gofer_status st = fault.real->tasks->extend(b, leases, count, lease_ms);
    for (size_t i = 0; i < count && fault.deaf; i++)
        leases[i].cancel = false;
    return st;
}

static gofer_status fault_watch_open(
    gf_broker *b, const char *worker, const gf_watch_callbacks *callbacks, gf_watch **out)
{
    gf_watch_callbacks some = fault.callbacks = *callbacks;
    if (fault.deaf)
        some.cancel = NULL;
    return fault.real->live->watch_open(b, worker, &some, out);
}

static gofer_status fault_checkpoint(gf_broker *b, const gf_claim *claim, void **bytes,
    size_t *size)
{
    fault.checkpoints++;
    return fault.real->tasks->checkpoint(b, claim, bytes, size);
}

static gofer_status fault_release(gf_broker *b, gf_claim *const *claims, size_t count)
{
    fault.releases++;
    return fault.real->tasks->release(b, claims, count);
}

static gofer_status fault_recover(gf_broker *b, size_t limit, int32_t crash_limit,
    gf_recovered *out)
{
    gofer_status st = fault.real->upkeep->recover(b, limit, crash_limit, out);
    if (st == GOFER_OK && spend(&fault.recovers)) {
        out->archived++;
        out->archived_one(out->arg, &fault.lost);
    }
    return st;
}

static void stop_once(gofer_worker *worker)
{
    if (worker && atomic_exchange(&fault.stops, 1) == 0)
        gofer_worker_stop(worker);
}

static gofer_status fault_exchange(gf_broker *b, gf_finish *done, size_t count, gf_take *take)
{
    gofer_status st = fault.real->tasks->exchange(b, done, count, take);
    size_t used = strlen(fault.back);
    if (take && take->count > 0 && atomic_load(&fault.armed))
        stop_once(fault.stop);
    for (size_t i = 0; i < count && used < sizeof fault.back - 1; i++)
        if (done[i].outcome == GF_REQUEUE && done[i].status == GOFER_OK &&
            strcmp(done[i].claim->message.type, "slow") == 0)
            fault.back[used++] = *done[i].claim->message.id;
    return st;
}

// ---- a rig --------------------------------------------------------------------------------------

static struct {
    gofer_client *client;
    gofer_worker *worker;
    _Atomic int   runs, hooks, gate, started, seen;
    _Atomic int   archived_lines;              // of the log
    char          text[512];                   // of the handler's, read once it is done
} r;

static void count_lines(void *user, int32_t level, int64_t time_ms, const char *text,
    const char *fields)
{
    (void)user;
    (void)level;
    (void)time_ms;
    (void)fields;
    r.archived_lines += strcmp(text, "task failed, archived") == 0;
}

static void set_up(void)
{
    gofer_client_options o;
    gofer_client_options_init(&o);
    o.log = count_lines;
    memset(&fault, 0, sizeof fault);
    memset(&r, 0, sizeof r);
    const char *url = getenv("GOFER_TEST_REDIS");
    REQUIRE_OK(gofer_client_open(&r.client, url ? url : "memory:", &o));
    fault.real = r.client->broker->ops;
    tables_copy(&fault.now, fault.real);
    fault.now.tasks.put = fault_put;
    fault.now.tasks.progress = fault_progress;
    fault.now.tasks.extend = fault_extend;
    fault.now.tasks.checkpoint = fault_checkpoint;
    fault.now.live.watch_open = fault_watch_open;
    fault.now.tasks.release = fault_release;
    fault.now.upkeep.recover = fault_recover;
    fault.now.tasks.exchange = fault_exchange;
    r.client->broker->ops = &fault.now.ops;
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    REQUIRE_OK(gofer_worker_set(r.worker, "concurrency", "2"));
    REQUIRE_OK(gofer_worker_set(r.worker, "lease", "1h"));     // no heartbeat of its own counts
                                                               //   among our calls
}

static void tear_down(void)
{
    static const char *const queues[] = { "default", "ops" };
    r.gate = 1;
    gofer_worker_free(r.worker);
    for (size_t i = 0; i < COUNT(queues); i++) {       // for stores that stay
        gofer_status st = gofer_client_queue_delete(r.client, queues[i], 1);
        CHECK(st == GOFER_OK || st == GOFER_ENOTFOUND);
    }
    gofer_client_close(r.client);
}

static void handle(gofer_handler handler)
{
    REQUIRE_OK(gofer_worker_handle(r.worker, "*", handler, NULL, NULL));
}

static void start(void)
{
    REQUIRE_OK(gofer_worker_start(r.worker));
}

static gofer_enqueue_options options(const char *id)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.task_id = id;
    o.retention_ms = HOUR_MS;
    return o;
}

static void enqueue(const char *type, const gofer_enqueue_options *o)
{
    REQUIRE_OK(gofer_client_enqueue(r.client, type, "in", 2, o, NULL));
}

#define WAIT_FOR(condition)                                                        \
    do {                                                                           \
        int64_t end_ = check_now_ms() + PATIENCE_MS;                               \
        while (!(condition) && check_now_ms() < end_)                              \
            gf_sleep_us(500);                                                      \
        REQUIRE(condition);                                                        \
    } while (0)

static bool is_there(const char *id)
{
    gofer_info *info;
    if (gofer_client_task(r.client, NULL, id, &info) != GOFER_OK)
        return false;
    gofer_info_free(info);
    return true;
}

static bool is_in(const char *id, const char *state)
{
    gofer_info *info;
    if (gofer_client_task(r.client, NULL, id, &info) != GOFER_OK)
        return false;
    bool is = strcmp(gofer_info_text(info, "state"), state) == 0;
    gofer_info_free(info);
    return is;
}

// The record once the task is in this state.
static gofer_info *task_in(const char *id, const char *state)
{
    gofer_info *info;
    WAIT_FOR(is_in(id, state));
    REQUIRE_OK(gofer_client_task(r.client, NULL, id, &info));
    return info;
}

static int64_t count_in(const char *state)
{
    gofer_info *info;
    REQUIRE_OK(gofer_client_queue(r.client, "default", &info));
    int64_t count = gofer_info_int(info, state, -1);
    gofer_info_free(info);
    return count;
}

static int64_t stat_of(const char *field)
{
    gofer_info *info;
    REQUIRE_OK(gofer_worker_stats(r.worker, &info));
    int64_t value = gofer_info_int(info, field, -1);
    gofer_info_free(info);
    return value;
}

// "failed snoozed done": the kinds of a task's attempts.
static void check_kinds(const gofer_info *info, const char *want)
{
    const gofer_info *attempts = gofer_info_child(info, "attempts");
    char got[256] = "";
    for (size_t i = 0; i < gofer_info_count(attempts); i++) {
        const gofer_info *one = gofer_info_at(attempts, i);
        size_t used = strlen(got);
        snprintf(got + used, sizeof got - used, "%s%s", used ? " " : "",
            gofer_info_text(one, "kind"));
        CHECK_STR(gofer_info_text(one, "worker"), gofer_worker_id(r.worker));
        CHECK(gofer_info_int(one, "at_ms", 0) > 0 && gofer_info_int(one, "duration_ms", -1) >= 0);
        CHECK(gofer_info_int(one, "attempt", 0) > 0);
    }
    CHECK_STR(got, want);
}

static void expect_end(const char *id, const char *state, const char *error, const char *kinds)
{
    gofer_info *info = task_in(id, state);
    CHECK_STR(gofer_info_text(info, "last_error"), error);
    check_kinds(info, kinds);
    gofer_info_free(info);
}

static void on_error(gofer_task *task, int32_t outcome, const char *text, void *user)
{
    (void)task;
    (void)outcome;
    (void)text;
    (void)user;
    r.hooks++;
}

// ---- retry policies -----------------------------------------------------------------------------

static int32_t fail(gofer_task *task, void *user)
{
    (void)user;
    r.runs++;
    return gofer_task_fail(task, "no");
}

static int64_t hook_delay(gofer_task *task, int32_t retried, const char *text, void *user)
{
    (void)retried;
    (void)text;
    (void)user;
    return strcmp(gofer_task_type(task), "hooked") == 0 ? 7 * HOUR_MS : -1;
}

static void check_delay(const char *id, int64_t min_ms, int64_t max_ms)
{
    gofer_info *info = task_in(id, "retry");
    const gofer_info *attempt = gofer_info_at(gofer_info_child(info, "attempts"), 0);
    int64_t ms = gofer_info_int(info, "next_run_at_ms", 0) - gofer_info_int(attempt, "at_ms", 0);
    // The attempt's end is written a moment after the decision, and Redis knows whole seconds.
    if (!CHECK(ms <= max_ms + 1000) || !CHECK(ms >= min_ms - 60000))
        fprintf(stderr, "    %s is tried again after %lld ms\n", id, (long long)ms);
    gofer_info_free(info);
}

static void the_nearest_policy_decides_the_delay(void)
{
    set_up();
    handle(fail);
    CHECK_OK(gofer_worker_retry(r.worker, "mail:*", "fixed:2h"));
    CHECK_OK(gofer_worker_retry(r.worker, "mail:urgent", "fixed:1h"));
    CHECK_STATUS(gofer_worker_retry(r.worker, "mail:*", "fixed:2h"), GOFER_EEXIST);
    CHECK_HAS(gofer_error_last(), "retry pattern 'mail:*'");
    CHECK_STATUS(gofer_worker_retry(r.worker, "x", "fixed"), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_retry(r.worker, "x*y", "fixed:1s"), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_retry(r.worker, "x", NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_retry(NULL, "x", "fixed:1s"), GOFER_EINVAL);
    CHECK_OK(gofer_worker_on_retry_delay(r.worker, hook_delay, NULL));
    CHECK_OK(gofer_worker_set(r.worker, "retry_delay_max", "6h"));
    gofer_enqueue_options o = options("plain");
    enqueue("other", &o);
    o.task_id = "prefix";
    enqueue("mail:welcome", &o);
    o.task_id = "exact";
    enqueue("mail:urgent", &o);
    o.task_id = "own";
    o.retry = "linear:3h";
    enqueue("mail:urgent", &o);
    o.task_id = "bounded";
    o.retry = "fixed:100h";
    enqueue("mail:urgent", &o);
    o.task_id = "hook";
    enqueue("hooked", &o);
    start();
    CHECK_STATUS(gofer_worker_retry(r.worker, "late", "fixed:1s"), GOFER_ESTATE);
    check_delay("plain", 15000, 45000);
    check_delay("prefix", 2 * HOUR_MS, 2 * HOUR_MS);
    check_delay("exact", HOUR_MS, HOUR_MS);
    check_delay("own", 3 * HOUR_MS, 3 * HOUR_MS);
    check_delay("bounded", 6 * HOUR_MS, 6 * HOUR_MS);
    check_delay("hook", 6 * HOUR_MS, 6 * HOUR_MS);
    tear_down();
}

// ---- snoozes ------------------------------------------------------------------------------------

static int32_t snooze_then_done(gofer_task *task, void *user)
{
    (void)user;
    return r.runs++ < 2 ? gofer_task_snooze(task, 1, "not now") : GOFER_DONE;
}

static int32_t always_snooze(gofer_task *task, void *user)
{
    (void)user;
    r.runs++;
    return gofer_task_snooze(task, 0, NULL);
}

static void a_snooze_uses_no_attempt_and_is_counted(void)
{
    set_up();
    handle(snooze_then_done);
    REQUIRE_OK(gofer_worker_on_error(r.worker, on_error, NULL));
    gofer_enqueue_options o = options("one");
    o.max_retry = GOFER_NO_RETRY;
    const char *headers[] = { "mine", "kept", NULL };
    o.headers = headers;
    enqueue("t", &o);
    start();
    gofer_info *info = task_in("one", "completed");
    CHECK_INT(r.runs, 3);
    CHECK_INT(gofer_info_int(info, "retried", -1), 0);
    CHECK_INT(gofer_info_int(info, "snoozes", -1), 2);
    const gofer_info *kept = gofer_info_child(info, "headers");
    CHECK_INT(gofer_info_field_count(kept), 1);
    CHECK_STR(gofer_info_text(kept, "mine"), "kept");
    check_kinds(info, "snoozed snoozed done");
    CHECK_STR(gofer_info_text(gofer_info_at(gofer_info_child(info, "attempts"), 0), "error"),
        "not now");
    gofer_info_free(info);
    CHECK_INT(r.hooks, 0);
    WAIT_FOR(stat_of("processed") == 1);       // counted a moment after the store has it
    CHECK_INT(stat_of("failed"), 0);
    tear_down();
}

static void snoozes_beyond_the_limit_are_failures(void)
{
    set_up();
    handle(always_snooze);
    REQUIRE_OK(gofer_worker_set(r.worker, "snooze_limit", "2"));
    gofer_enqueue_options o = options("one");
    o.max_retry = 1;
    enqueue("t", &o);
    start();
    expect_end("one", "archived", "snoozed more than 2 times", "snoozed snoozed failed failed");
    CHECK_INT(r.runs, 4);
    tear_down();
}

// ---- cancelling ---------------------------------------------------------------------------------

static int32_t obey(gofer_task *task, void *user)
{
    (void)user;
    r.runs++;
    while (gofer_task_cancelled(task) == GOFER_CANCEL_NONE)
        gf_sleep_us(500);
    r.seen += gofer_task_stopping(task);
    return gofer_task_fail(task, "half done");
}

static void cancel_running(const char *id)
{
    WAIT_FOR(is_in(id, "active") && r.runs > 0);
    REQUIRE_OK(gofer_client_task_cancel(r.client, NULL, id));
}

static void gofers_own_request_sets_a_task_aside(void)
{
    set_up();
    handle(obey);
    REQUIRE_OK(gofer_worker_on_error(r.worker, on_error, NULL));
    gofer_enqueue_options o = options("one");
    enqueue("t", &o);
    start();
    cancel_running("one");
    expect_end("one", "archived", "cancelled: half done", "cancelled");
    CHECK_INT(r.hooks, 0);
    CHECK_INT(r.seen, 1);
    WAIT_FOR(stat_of("cancelled") == 1);
    WAIT_FOR(stat_of("processed") == 1);       // counted a moment after the store has it
    CHECK_INT(stat_of("failed"), 0);
    CHECK_INT(stat_of("archived"), 0);
    CHECK(fault.extends > 0);
    tear_down();
}

static void a_peers_announcement_is_a_failure_as_asynqs(void)
{
    set_up();
    handle(obey);
    REQUIRE_OK(gofer_worker_on_error(r.worker, on_error, NULL));
    gofer_enqueue_options o = options("one");
    enqueue("t", &o);
    start();
    WAIT_FOR(is_in("one", "active") && r.runs > 0);
    fault.callbacks.cancel(fault.callbacks.arg, NULL, "one");    // announced, and stored nowhere
    expect_end("one", "retry", "context canceled: half done", "failed");
    CHECK_INT(r.hooks, 1);
    tear_down();
}

static int32_t fail_at_the_gate(gofer_task *task, void *user)
{
    (void)user;
    r.runs++;
    while (!r.gate)
        gf_sleep_us(500);
    r.seen += gofer_task_cancelled(task) != GOFER_CANCEL_NONE;
    return gofer_task_fail(task, "half done");
}

// Neither the announcement nor a heartbeat has told it: the store holds to it
// when the outcome comes.
static void a_request_that_nobody_heard_holds(void)
{
    set_up();
    fault.deaf = 1;
    handle(fail_at_the_gate);
    gofer_enqueue_options o = options("one");
    enqueue("t", &o);
    start();
    cancel_running("one");
    r.gate = 1;
    expect_end("one", "archived", "cancelled", "cancelled");
    CHECK_INT(r.seen, 0);
    WAIT_FOR(stat_of("cancelled") == 1);
    CHECK_INT(stat_of("retried"), 0);
    tear_down();
}

static void a_store_that_does_not_answer_is_asked_again(void)
{
    set_up();
    fault.extend_fails = 2;
    handle(obey);
    gofer_enqueue_options o = options("one");
    enqueue("t", &o);
    start();
    cancel_running("one");
    expect_end("one", "archived", "cancelled: half done", "cancelled");
    CHECK_INT(fault.extends, 3);
    tear_down();
}

// The request comes while the worker is stopping already: it is not lost with the putting back.
static int32_t stay(gofer_task *task, void *user)
{
    (void)user;
    r.runs++;
    while (gofer_task_cancelled(task) == GOFER_CANCEL_NONE)
        gf_sleep_us(500);
    r.seen += gofer_task_stopping(task);
    return GOFER_REQUEUE;
}

static void a_request_holds_though_the_worker_stops(void)
{
    set_up();
    handle(stay);
    REQUIRE_OK(gofer_worker_set(r.worker, "grace", "1h"));
    gofer_enqueue_options o = options("one");
    enqueue("t", &o);
    start();
    WAIT_FOR(r.runs == 1);
    gofer_worker_stop(r.worker);
    cancel_running("one");
    REQUIRE_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    expect_end("one", "archived", "cancelled", "cancelled");
    CHECK_INT(r.seen, 1);
    tear_down();
}

// ---- expiry -------------------------------------------------------------------------------------

static int32_t done(gofer_task *task, void *user)
{
    (void)task;
    (void)user;
    r.runs++;
    return GOFER_DONE;
}

static void what_is_not_started_in_time_is_dropped(void)
{
    set_up();
    handle(done);
    gofer_enqueue_options o = options("late");
    o.expires_at_ms = gf_now_ms() - 1000;
    enqueue("t", &o);
    o.task_id = "in time";
    o.expires_at_ms = gf_now_ms() + HOUR_MS;
    enqueue("t", &o);
    start();
    gofer_info *info = task_in("in time", "completed");
    CHECK_INT(gofer_info_int(info, "start_by_ms", 0), o.expires_at_ms);
    gofer_info_free(info);
    WAIT_FOR(stat_of("expired") == 1);
    WAIT_FOR(!is_there("late"));
    CHECK_INT(r.runs, 1);
    WAIT_FOR(stat_of("processed") == 2);
    CHECK_INT(stat_of("failed"), 0);
    tear_down();
}

static void a_host_that_pulls_does_not_see_what_is_late(void)
{
    set_up();
    REQUIRE_OK(gofer_worker_set(r.worker, "pull", "1"));
    gofer_enqueue_options o = options("late");
    o.expires_at_ms = gf_now_ms() - 1000;
    enqueue("t", &o);
    o.task_id = "in time";
    o.expires_at_ms = 0;
    enqueue("t", &o);
    start();
    gofer_task *tasks[2];
    size_t count = 0;
    REQUIRE_OK(gofer_worker_take(r.worker, tasks, 2, PATIENCE_MS, &count));
    CHECK_INT(count, 1);
    CHECK_STR(gofer_task_id(tasks[0]), "in time");
    CHECK_OK(gofer_worker_finish(r.worker, tasks, &(int32_t){ GOFER_DONE }, 1));
    WAIT_FOR(stat_of("expired") == 1);
    WAIT_FOR(!is_there("late"));
    tear_down();
}

// ---- unique locks -------------------------------------------------------------------------------

static int32_t enqueue_next(gofer_task *task, void *user)
{
    (void)user;
    if (r.runs++ == 0) {
        gofer_enqueue_options o = options("next");
        o.unique_ms = HOUR_MS;
        o.unique_key = "nightly";
        o.unique_until = GOFER_UNTIL_START;
        CHECK_OK(gofer_client_enqueue(gofer_task_client(task), "t", NULL, 0, &o, NULL));
    }
    return GOFER_DONE;
}

static void a_lock_until_the_start_is_free_in_the_handler(void)
{
    set_up();
    handle(enqueue_next);
    gofer_enqueue_options o = options("plain");
    enqueue("t2", &o);
    o.task_id = "first";
    o.unique_ms = HOUR_MS;
    o.unique_key = "nightly";
    o.unique_until = GOFER_UNTIL_START;
    r.runs = -1;                               // the plain one comes first
    enqueue("t", &o);
    o.task_id = "refused";
    CHECK_STATUS(gofer_client_enqueue(r.client, "t", "in", 2, &o, NULL), GOFER_EDUPLICATE);
    CHECK_HAS(gofer_error_last(), "'first'");
    REQUIRE_OK(gofer_worker_set(r.worker, "concurrency", "1"));
    REQUIRE_OK(gofer_worker_set(r.worker, "max_prefetch", "0"));
    start();
    gofer_info_free(task_in("next", "completed"));
    CHECK_INT(fault.releases, 2);              // nothing was asked for the plain one
    tear_down();
}

// ---- checkpoints, logs, progress ----------------------------------------------------------------

static int32_t checkpoint_then_fail(gofer_task *task, void *user)
{
    (void)user;
    const void *bytes = "untouched";
    size_t size = 99;
    CHECK_OK(gofer_task_resume(task, &bytes, &size));
    CHECK_OK(gofer_task_resume(task, &bytes, &size));
    switch (r.runs++) {
    case 0:
        CHECK(bytes == NULL && size == 0);
        CHECK_OK(gofer_task_checkpoint(task, "old", 3));
        CHECK_OK(gofer_task_checkpoint(task, "a\0b", 3));
        return gofer_task_retry_in(task, 0, "again");
    case 1:
        CHECK_MEM(bytes, size, "a\0b", 3);
        return gofer_task_snooze(task, 0, NULL);   // it stays as it is
    case 2:
        CHECK_MEM(bytes, size, "a\0b", 3);
        CHECK_OK(gofer_task_checkpoint(task, NULL, 0));
        return gofer_task_retry_in(task, 0, "again");
    default:
        CHECK(bytes == NULL && size == 0);
        return GOFER_DONE;
    }
}

static void a_checkpoint_outlives_the_run(void)
{
    set_up();
    handle(checkpoint_then_fail);
    gofer_enqueue_options o = options("one");
    enqueue("t", &o);
    start();
    expect_end("one", "completed", "again", "failed snoozed failed done");
    CHECK_INT(fault.checkpoints, 3);           // once in each run, and not in the first
    tear_down();
}

static int32_t checkpoint_and_stay(gofer_task *task, void *user)
{
    (void)user;
    const void *bytes;
    size_t size;
    CHECK_OK(gofer_task_resume(task, &bytes, &size));
    if (r.runs++ > 0) {
        snprintf(r.text, sizeof r.text, "%.*s", (int)size, bytes ? (const char *)bytes : "none");
        return GOFER_DONE;
    }
    CHECK_OK(gofer_task_checkpoint(task, "page 7", 6));
    r.started = 1;
    while (!gofer_task_stopping(task))
        gf_sleep_us(500);
    CHECK_INT(gofer_task_cancelled(task), GOFER_CANCEL_NONE);
    return GOFER_REQUEUE;
}

static void a_task_that_can_be_resumed_leaves_when_the_worker_stops(void)
{
    set_up();
    handle(checkpoint_and_stay);
    REQUIRE_OK(gofer_worker_set(r.worker, "grace", "1h"));
    gofer_enqueue_options o = options("one");
    o.max_retry = GOFER_NO_RETRY;
    enqueue("t", &o);
    start();
    WAIT_FOR(r.started);
    gofer_worker_stop(r.worker);
    REQUIRE_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    expect_end("one", "pending", NULL, "interrupted");
    gofer_info *info = task_in("one", "pending");
    CHECK_INT(gofer_info_int(info, "checkpoint_size", 0), 6);
    CHECK_INT(gofer_info_int(info, "retried", -1), 0);
    gofer_info_free(info);
    gofer_worker_free(r.worker);
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    handle(checkpoint_and_stay);
    start();
    gofer_info_free(task_in("one", "completed"));
    CHECK_STR(r.text, "page 7");
    tear_down();
}

static int32_t write_notes(gofer_task *task, void *user)
{
    (void)user;
    r.runs++;
    gofer_task_log(task, GOFER_LOG_DEBUG, "not kept");
    gofer_task_log(task, GOFER_LOG_INFO, "one\ttab\nline");
    gofer_task_log(task, GOFER_LOG_WARN, "bad \xFF byte");
    CHECK_OK(gofer_task_progress(task, 3, 10, "third"));
    CHECK_OK(gofer_task_checkpoint(task, "cp", 2));
    CHECK_STATUS(gofer_task_checkpoint(task, r.text, (1 << 20) + 1), GOFER_ETOOBIG);
    CHECK_STATUS(gofer_task_checkpoint(task, NULL, 1), GOFER_EINVAL);
    while (!r.gate)
        gf_sleep_us(500);
    gofer_task_log(task, GOFER_LOG_ERROR, "last");
    return GOFER_DONE;
}

static size_t log_count(const char *id)
{
    gofer_info *info;
    if (gofer_client_task(r.client, NULL, id, &info) != GOFER_OK)
        return 0;
    size_t count = gofer_info_count(gofer_info_child(info, "log"));
    gofer_info_free(info);
    return count;
}

// While it runs, after the store has failed once, and with the outcome: each line once, in order.
static void what_a_task_tells_is_kept_with_it(void)
{
    set_up();
    fault.progress_fails = 1;
    handle(write_notes);
    gofer_enqueue_options o = options("one");
    enqueue("t", &o);
    start();
    WAIT_FOR(log_count("one") == 2);
    gofer_info *info = task_in("one", "active");
    CHECK_INT(gofer_info_int(info, "progress_done", -1), 3);
    CHECK_STR(gofer_info_text(info, "progress_text"), "third");
    CHECK_INT(gofer_info_int(info, "checkpoint_size", -1), 2);
    gofer_info_free(info);
    CHECK(fault.progresses >= 2);
    r.gate = 1;
    info = task_in("one", "completed");
    const gofer_info *log = gofer_info_child(info, "log");
    static const char *const texts[] = { "one\ttab\nline", "bad \xEF\xBF\xBD byte", "last" };
    static const char *const levels[] = { "info", "warn", "error" };
    CHECK_INT(gofer_info_count(log), 3);
    for (size_t i = 0; i < COUNT(texts); i++) {
        CHECK_STR(gofer_info_text(gofer_info_at(log, i), "text"), texts[i]);
        CHECK_STR(gofer_info_text(gofer_info_at(log, i), "level"), levels[i]);
        CHECK(gofer_info_int(gofer_info_at(log, i), "at_ms", 0) > 0);
    }
    gofer_info_free(info);
    tear_down();
}

static int32_t flood(gofer_task *task, void *user)
{
    (void)user;
    char line[200];
    for (int i = 0; i < 5000; i++) {
        snprintf(line, sizeof line, "line %d %0150d", i, i);
        gofer_task_log(task, GOFER_LOG_INFO, line);
    }
    return gofer_task_skip_retry(task, "no");
}

static void a_flood_keeps_its_latest_lines(void)
{
    set_up();
    handle(flood);
    gofer_enqueue_options o = options("one");
    enqueue("t", &o);
    start();
    gofer_info *info = task_in("one", "archived");
    const gofer_info *log = gofer_info_child(info, "log");
    size_t count = gofer_info_count(log);
    CHECK(count > 200 && count < 5000);
    // None is missing between the first that is there and the end.
    for (size_t i = 0; i < count; i++) {
        char want[32];
        snprintf(want, sizeof want, "line %zu ", 5000 - count + i);
        if (!CHECK_HAS(gofer_info_text(gofer_info_at(log, i), "text"), want))
            break;
    }
    gofer_info_free(info);
    tear_down();
}

// Many threads tell while housekeeping sends and the outcome is made.
static void *chatter(void *arg)
{
    gofer_task *task = arg;
    for (int i = 0; i < 300; i++) {
        gofer_task_log(task, GOFER_LOG_INFO, "x");
        CHECK_OK(gofer_task_progress(task, i, 300, i % 2 ? "odd" : "even"));
        CHECK_OK(gofer_task_checkpoint(task, &i, sizeof i));
        if (i % 50 == 0)
            gf_sleep_us(2000);
    }
    return NULL;
}

static int32_t chat(gofer_task *task, void *user)
{
    (void)user;
    const void *bytes;
    size_t size;
    pthread_t threads[3];
    CHECK_OK(gofer_task_resume(task, &bytes, &size));
    if (r.runs++ > 0) {
        int last;
        if (CHECK_INT(size, sizeof last)) {
            memcpy(&last, bytes, sizeof last);
            CHECK_INT(last, 299);
        }
        return GOFER_DONE;
    }
    for (size_t i = 0; i < COUNT(threads); i++)
        CHECK_INT(pthread_create(&threads[i], NULL, chatter, task), 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    return gofer_task_retry_in(task, 0, "again");
}

static void notes_of_many_threads_are_all_kept(void)
{
    set_up();
    handle(chat);
    gofer_enqueue_options o = options("one");
    enqueue("t", &o);
    start();
    gofer_info_free(task_in("one", "completed"));
    CHECK_INT(log_count("one"), 900);
    tear_down();
}

static void pulled_tasks_have_it_all(void)
{
    set_up();
    REQUIRE_OK(gofer_worker_set(r.worker, "pull", "1"));
    gofer_enqueue_options o = options("one");
    enqueue("t", &o);
    start();
    gofer_task *task;
    size_t count = 0, size;
    const void *bytes;
    REQUIRE_OK(gofer_worker_take(r.worker, &task, 1, PATIENCE_MS, &count));
    gofer_task_log(task, GOFER_LOG_INFO, "first");
    CHECK_OK(gofer_task_checkpoint(task, "cp", 2));
    int32_t outcome = gofer_task_snooze(task, 0, "busy");
    CHECK_INT(outcome, GOFER_SNOOZE);
    REQUIRE_OK(gofer_worker_finish(r.worker, &task, &outcome, 1));
    REQUIRE_OK(gofer_worker_take(r.worker, &task, 1, PATIENCE_MS, &count));
    CHECK_OK(gofer_task_resume(task, &bytes, &size));
    CHECK_MEM(bytes, size, "cp", 2);
    REQUIRE_OK(gofer_worker_finish(r.worker, &task, &(int32_t){ GOFER_DONE }, 1));
    expect_end("one", "completed", "busy", "snoozed done");
    CHECK_INT(log_count("one"), 1);
    tear_down();
}

static int32_t look_at_headers(gofer_task *task, void *user)
{
    (void)user;
    const char *key = NULL, *value = NULL;
    CHECK_INT(gofer_task_header_count(task), 2);
    CHECK_OK(gofer_task_header_at(task, 1, &key, &value));
    CHECK_STR(key, "b");
    CHECK_STATUS(gofer_task_header_at(task, 2, &key, &value), GOFER_EINVAL);
    CHECK_STR(gofer_task_header(task, "a"), "1");
    CHECK_STR(gofer_task_header(task, GF_HEADER_RETRY), NULL);
    r.runs++;
    return GOFER_DONE;
}

static void gofers_own_headers_are_not_the_handlers(void)
{
    set_up();
    handle(look_at_headers);
    const char *headers[] = { "a", "1", "b", "2", NULL };
    gofer_enqueue_options o = options("one");
    o.headers = headers;
    o.retry = "fixed:1s";
    o.on_dead = "t";
    enqueue("t", &o);
    start();
    gofer_info_free(task_in("one", "completed"));
    CHECK_INT(r.runs, 1);
    tear_down();
}

// ---- on-dead tasks ------------------------------------------------------------------------------

static int32_t die(gofer_task *task, void *user)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;       // of the text: many may be
                                                                   //   told at once
    (void)user;
    if (strcmp(gofer_task_type(task), "notify") == 0) {
        size_t size;
        const void *payload = gofer_task_payload(task, &size);
        pthread_mutex_lock(&lock);
        snprintf(r.text, sizeof r.text, "%.*s", (int)size, (const char *)payload);
        pthread_mutex_unlock(&lock);
        r.seen++;
        return gofer_task_skip_retry(task, "as dead");
    }
    r.runs++;
    return strcmp(gofer_task_type(task), "skip") == 0 ? gofer_task_skip_retry(task, "for good")
                                                       : gofer_task_retry_in(task, 0, "451");
}

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void an_archived_task_is_followed_by_its_on_dead_task(void)
{
    set_up();
    handle(die);
    REQUIRE_OK(gofer_worker_queue(r.worker, "default", 1));
    REQUIRE_OK(gofer_worker_queue(r.worker, "ops", 1));
    gofer_enqueue_options o = options("mine");
    o.max_retry = 1;
    o.on_dead = "notify";
    o.on_dead_queue = "ops";
    const char *const headers[] = { "other", "x", "traceparent", TRACE, NULL };
    o.headers = headers;
    enqueue("t", &o);
    start();
    gofer_info *info = task_in("dead:mine:2", "archived");     // which has no on-dead task of its
                                                               //   own
    CHECK_STR(gofer_info_text(info, "queue"), "ops");
    CHECK_STR(gofer_info_text(info, "on_dead"), NULL);
    const gofer_info *its = gofer_info_child(info, "headers");     // of the same trace, no more
    CHECK_STR(its ? gofer_info_text(its, "traceparent") : NULL, TRACE);
    CHECK_STR(its ? gofer_info_text(its, "other") : NULL, NULL);
    gofer_info_free(info);
    expect_end("mine", "archived", "451", "failed failed");
    CHECK_STR(r.text,
        "{\"id\":\"mine\",\"type\":\"t\",\"queue\":\"default\",\"error\":\"451\",\"attempts\":2,"
        "\"payload\":\"in\"}");
    CHECK(!is_there("dead:dead:mine:2:1"));

    o.task_id = "skipped";
    o.max_retry = 25;
    REQUIRE_OK(gofer_client_enqueue(r.client, "skip", "\0\xFF", 2, &o, NULL));
    gofer_info_free(task_in("dead:skipped:1", "archived"));
    CHECK_HAS(r.text, "\"error\":\"for good\",\"attempts\":1,\"payload\":{\"base64\":\"AP8=\"}");
    CHECK_INT(r.seen, 2);
    tear_down();
}

// While the store takes no new tasks, the dead one is not archived, and others are finished.
static void a_store_that_takes_no_on_dead_task_keeps_both_waiting(void)
{
    static const struct { int status, fails; bool waits; } cases[] = {
        { GOFER_ENOSPACE, 2, true }, { GOFER_EUNCERTAIN, 1, true }, { GOFER_ETOOBIG, 1, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        set_up();
        handle(die);
        gofer_enqueue_options o = options("mine");
        o.on_dead = "notify";
        enqueue("skip", &o);
        fault.put_status = cases[i].status;
        fault.put_fails = cases[i].fails;
        start();
        if (cases[i].waits) {
            WAIT_FOR(fault.put_fails == 0);
            gofer_info_free(task_in("dead:mine:1", "archived"));
        }
        expect_end("mine", "archived", "for good", "skipped");
        CHECK_INT(is_there("dead:mine:1"), cases[i].waits);
        tear_down();
    }
}

static int32_t succeed(gofer_task *task, void *user)
{
    if (strcmp(gofer_task_type(task), "t") != 0)
        return die(task, user);
    r.runs++;
    return gofer_task_result(task, "out\xFF", 4) == GOFER_OK ? GOFER_DONE : GOFER_RETRY;
}

static void a_task_that_is_done_is_followed_by_its_on_done_task(void)
{
    static const char told[] = "{\"id\":\"mine\",\"type\":\"t\",\"queue\":\"default\","
        "\"attempts\":1,\"result\":{\"base64\":\"b3V0/w==\"},\"payload\":\"in\"}";
    set_up();
    handle(succeed);
    gofer_enqueue_options o = options("mine");
    o.on_done = "notify";
    o.on_dead = "other";
    enqueue("t", &o);
    start();
    gofer_info_free(task_in("mine", "completed"));
    gofer_info_free(task_in("done:mine:1", "archived"));
    WAIT_FOR(r.seen == 1);
    CHECK_STR(r.text, told);
    CHECK(!is_there("dead:mine:1"));
    tear_down();
}

// Many ends at once, and a store that takes none of them at first: each is told, and none is done
// before.
static void ends_wait_until_all_of_them_can_be_told(void)
{
    enum { ALL = 100 };
    set_up();
    handle(succeed);
    char id[16] = "";
    gofer_enqueue_options o = options(id);
    o.on_done = "webhook+result:https://example.org/hook?secret";
    for (int i = 0; i < ALL; i++) {
        snprintf(id, sizeof id, "d%d", i);
        enqueue("t", &o);
    }
    fault.put_status = GOFER_ENOSPACE;
    fault.put_fails = 2;
    start();
    WAIT_FOR(fault.put_fails == 0);
    WAIT_FOR(count_in("completed") == ALL);
    gofer_info *list = NULL;
    REQUIRE_OK(gofer_client_tasks(r.client, "gofer-webhooks", "pending", NULL, 1000, &list));
    CHECK_INT(gofer_info_count(list), ALL);
    gofer_info_free(list);
    CHECK_INT(r.runs, ALL);
    tear_down();
}

static void enqueue_doomed(int count)
{
    char id[16] = "";
    gofer_enqueue_options o = options(id);
    o.on_dead = "notify";
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "d%d", i);
        enqueue("skip", &o);
    }
}

// Though all of them could run at once, no more do than this worker is to hold; nor is one called
// archived that the store does not have yet.
static void what_waits_for_its_on_dead_task_is_bounded(void)
{
    enum { ALL = 300, HELD_MAX = 16 };
    set_up();
    REQUIRE_OK(gofer_worker_set(r.worker, "max_prefetch", "0"));       // nothing was taken ahead
    handle(die);
    enqueue_doomed(ALL);
    fault.put_status = GOFER_ENOSPACE;
    fault.put_fails = 1000000;
    start();
    WAIT_FOR(r.runs >= HELD_MAX);
    int puts = fault.puts;
    WAIT_FOR(fault.puts >= puts + 2);          // turns of its fetcher
    CHECK_INT(r.runs, HELD_MAX);
    CHECK_INT(count_in("active"), HELD_MAX);
    CHECK_INT(count_in("pending"), ALL - HELD_MAX);
    CHECK_INT(r.archived_lines, 0);
    fault.put_fails = 0;                       // there is room again
    WAIT_FOR(r.seen == ALL && count_in("archived") == 2 * ALL);
    WAIT_FOR(r.archived_lines == 2 * ALL);
    CHECK_INT(r.runs, ALL);
    tear_down();
}

static int32_t die_in_order(gofer_task *task, void *user)
{
    (void)user;
    if (strcmp(gofer_task_type(task), "notify") == 0)
        r.seen++;
    else {
        size_t used = strlen(r.text);
        snprintf(r.text + used, sizeof r.text - used, "%s ", gofer_task_id(task));
        r.runs++;
    }
    return gofer_task_skip_retry(task, "for good");
}

static void begin_with(gofer_handler handler)
{
    REQUIRE_OK(gofer_worker_set(r.worker, "concurrency", "1"));
    handle(handler);
    start();
}

// It does not wait for ever; and what nobody could be told of runs again, and is told of then.
static void a_stop_puts_back_what_nobody_was_told_of(void)
{
    set_up();
    enqueue_doomed(3);
    fault.put_status = GOFER_ENOSPACE;
    fault.put_fails = 1000000;
    begin_with(die_in_order);
    WAIT_FOR(r.runs == 3 && fault.puts > 4);
    gofer_worker_stop(r.worker);
    gofer_worker_stop(r.worker);
    REQUIRE_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    CHECK_INT(stat_of("archived"), 0);
    CHECK_INT(r.archived_lines, 0);
    gofer_info *info = task_in("d0", "pending");
    CHECK_INT(gofer_info_int(info, "retried", -1), 0);
    check_kinds(info, "skipped");
    gofer_info_free(info);
    CHECK_INT(count_in("pending"), 3);

    gofer_worker_free(r.worker);
    fault.put_fails = 0;
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    begin_with(die_in_order);
    WAIT_FOR(r.seen == 3);
    gofer_info_free(task_in("d2", "archived"));
    CHECK_STR(r.text, "d0 d1 d2 d0 d1 d2 ");
    CHECK(is_there("dead:d0:1") && is_there("dead:d1:1") && is_there("dead:d2:1"));
    tear_down();
}

static int32_t checkpoint_then_die(gofer_task *task, void *user)
{
    (void)user;
    size_t size;
    const void *bytes;
    if (r.runs++ > 0) {
        CHECK_OK(gofer_task_resume(task, &bytes, &size));
        CHECK_MEM(bytes, size, "cp", 2);
        return GOFER_DONE;
    }
    CHECK_OK(gofer_task_checkpoint(task, "cp", 2));
    return gofer_task_skip_retry(task, "for good");
}

static void what_is_put_back_keeps_its_checkpoint(void)
{
    set_up();
    gofer_enqueue_options o = options("mine");
    o.on_dead = "notify";
    enqueue("t", &o);
    fault.put_status = GOFER_ENOSPACE;
    fault.put_fails = 1000000;
    begin_with(checkpoint_then_die);
    WAIT_FOR(fault.puts > 1);
    gofer_worker_stop(r.worker);
    gofer_worker_stop(r.worker);
    REQUIRE_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    gofer_worker_free(r.worker);
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    begin_with(checkpoint_then_die);
    gofer_info_free(task_in("mine", "completed"));
    CHECK_INT(r.runs, 2);
    tear_down();
}

static void long_ids_and_large_payloads_have_on_dead_tasks_too(void)
{
    char long_id[256];
    memset(long_id, 'x', 255);
    long_id[255] = '\0';
    set_up();
    r.client->max_payload = 1000;
    handle(die);
    char payload[1000];
    memset(payload, 'p', sizeof payload);
    gofer_enqueue_options o = options(long_id);
    o.on_dead = "notify";
    REQUIRE_OK(gofer_client_enqueue(r.client, "skip", payload, sizeof payload, &o, NULL));
    start();
    WAIT_FOR(r.seen == 1);
    CHECK_HAS(r.text, "\"attempts\":1,\"payload_size\":1000}");
    gofer_info_free(task_in(long_id, "archived"));
    tear_down();
}

// Recovery archives, and the store takes the on-dead task only at the second try.
static void a_task_that_recovery_archived_has_one_too(void)
{
    static const char headers[] = GF_HEADER_ON_DEAD "\0notify\0tracestate\0a=1,b=2\0"
        "traceparent\0" TRACE;
    set_up();
    handle(die);
    fault.lost = (gf_message){ .id = "crashed",
        .type = "t",
        .queue = "default",
        .payload = "in",
        .payload_size = 2,
        .headers = headers,
        .headers_size = sizeof headers,
        .last_error = "worker died 4 times",
        .retried = 1 };
    fault.put_status = GOFER_EBROKER;
    fault.put_fails = 1;
    fault.recovers = 1;
    start();
    gofer_info *info = task_in("dead:crashed:2", "archived");
    const gofer_info *its = gofer_info_child(info, "headers");     // the whole context goes on
    CHECK_STR(its ? gofer_info_text(its, "traceparent") : NULL, TRACE);
    CHECK_STR(its ? gofer_info_text(its, "tracestate") : NULL, "a=1,b=2");
    gofer_info_free(info);
    CHECK_STR(r.text,
        "{\"id\":\"crashed\",\"type\":\"t\",\"queue\":\"default\",\"error\":\"worker died 4 "
        "times\","
        "\"attempts\":2,\"payload\":\"in\"}");
    tear_down();
}

// ---- the plain path -----------------------------------------------------------------------------

static void a_plain_task_costs_no_call_of_these(void)
{
    set_up();
    handle(done);
    gofer_enqueue_options o = options(NULL);
    o.retention_ms = 0;
    for (int i = 0; i < 200; i++)
        enqueue("t", &o);
    start();
    WAIT_FOR(stat_of("processed") == 200);
    CHECK_INT(fault.puts, 200);
    CHECK_INT(fault.progresses + fault.extends + fault.checkpoints + fault.releases, 0);
    tear_down();
}

// ---- a stop keeps the order --------------------------------------------------------------------

enum { WARM_UP = 300, SLOW = 6, ENDS = 2, AHEAD = 900 };

// Asked to end they come back in the order they were started in, but for one that is done.
static int32_t come_back_in_turn(gofer_task *task, void *user)
{
    int place = *gofer_task_id(task) - 'a';
    (void)user;
    if (strcmp(gofer_task_type(task), "slow") != 0)
        return GOFER_DONE;
    r.started++;
    while (!gofer_task_stopping(task) || r.seen != place)
        gf_sleep_us(500);
    r.seen++;
    return place == ENDS ? GOFER_DONE : GOFER_REQUEUE;
}

static int next_of[2];                         // of each queue: what must not come after
                                               //   what is next

static int32_t comes_in_order(gofer_task *task, void *user)
{
    int number = (int)strtol(gofer_task_id(task) + 1, NULL, 10);
    int *next = &next_of[strcmp(gofer_task_queue(task), "ops") == 0];
    (void)user;
    CHECK(number >= *next);
    *next = number + 1;
    r.runs++;
    return GOFER_DONE;
}

static void enqueue_numbered(const char *type, int number)
{
    char id[16];
    snprintf(id, sizeof id, "%c%d", number < SLOW ? 'a' + number : 'z', number);
    gofer_enqueue_options o = options(id);
    o.queue = number % 3 == 1 ? "ops" : "default";
    enqueue(type, &o);
}

static void pause_queues(bool pause)
{
    static const char *const queues[] = { "default", "ops" };
    for (size_t i = 0; i < COUNT(queues); i++)
        REQUIRE_OK(pause ? gofer_client_queue_pause(r.client, queues[i])
                         : gofer_client_queue_unpause(r.client, queues[i]));
}

// Many fast ones, so that the worker takes ahead; then a0 … f5, each started before the next is
// there; then more than goes back in one batch, of which some are taken ahead when the stop comes.
static void fill_until_stopped(void)
{
    for (int i = 0; i < WARM_UP; i++)
        enqueue("fast", NULL);
    WAIT_FOR(stat_of("processed") == WARM_UP);
    for (int i = 0; i < SLOW; i++) {
        enqueue_numbered("slow", i);
        WAIT_FOR(r.started == i + 1);
    }
    pause_queues(true);
    for (int i = SLOW; i < SLOW + AHEAD; i++)
        enqueue_numbered("fast", i);
    fault.stop = r.worker;
    atomic_store(&fault.armed, 1);
    pause_queues(false);
    for (int i = 0; i < 5000 && !atomic_load(&fault.stops); i++)
        gf_sleep_us(1000);
    stop_once(r.worker);                       // on a machine too slow to take ahead
}

static void drain_in_order(void)
{
    gofer_worker *w;
    next_of[0] = next_of[1] = 0;
    REQUIRE_OK(gofer_worker_new(&w, r.client));
    REQUIRE_OK(gofer_worker_set(w, "concurrency", "1"));
    REQUIRE_OK(gofer_worker_set(w, "drain", "1"));
    REQUIRE_OK(gofer_worker_queue(w, "default", 1));
    REQUIRE_OK(gofer_worker_queue(w, "ops", 1));
    REQUIRE_OK(gofer_worker_handle(w, "*", comes_in_order, NULL, NULL));
    REQUIRE_OK(gofer_worker_start(w));
    REQUIRE_OK(gofer_worker_wait(w, PATIENCE_MS));
    gofer_worker_free(w);
}

static void a_stop_puts_back_in_the_order_of_taking(void)
{
    set_up();
    REQUIRE_OK(gofer_worker_set(r.worker, "concurrency", "6"));
    REQUIRE_OK(gofer_worker_set(r.worker, "grace", "1h"));
    REQUIRE_OK(gofer_worker_queue(r.worker, "default", 1));
    REQUIRE_OK(gofer_worker_queue(r.worker, "ops", 1));
    handle(come_back_in_turn);
    start();
    fill_until_stopped();
    REQUIRE_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    // On a slow machine some of the fast ones have run before the stop came.
    int64_t early = stat_of("processed") - WARM_UP - 1;
    CHECK(early >= 0 && early <= AHEAD);
    CHECK_INT(stat_of("lost_slots"), 0);
    // Of "ops" (b, e) and "default" (a, d, f): the later one before the earlier one.
    const char *at[SLOW];
    for (int i = 0; i < SLOW; i++)
        at[i] = strchr(fault.back, 'a' + i);
    REQUIRE(at[0] && at[1] && !at[ENDS] && at[3] && at[4] && at[5]);
    CHECK(at[5] < at[3] && at[3] < at[0] && at[4] < at[1]);
    drain_in_order();
    CHECK_INT(r.runs, SLOW + AHEAD - 1 - early);
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(the_nearest_policy_decides_the_delay),
        TEST(a_snooze_uses_no_attempt_and_is_counted),
        TEST(snoozes_beyond_the_limit_are_failures),
        TEST(gofers_own_request_sets_a_task_aside),
        TEST(a_peers_announcement_is_a_failure_as_asynqs), TEST(a_request_that_nobody_heard_holds),
        TEST(a_store_that_does_not_answer_is_asked_again),
        TEST(a_request_holds_though_the_worker_stops),
        TEST(what_is_not_started_in_time_is_dropped),
        TEST(a_host_that_pulls_does_not_see_what_is_late),
        TEST(a_lock_until_the_start_is_free_in_the_handler),
        TEST(a_checkpoint_outlives_the_run),
        TEST(a_task_that_can_be_resumed_leaves_when_the_worker_stops),
        TEST(what_a_task_tells_is_kept_with_it),
        TEST(a_flood_keeps_its_latest_lines),
        TEST(notes_of_many_threads_are_all_kept),
        TEST(pulled_tasks_have_it_all),
        TEST(gofers_own_headers_are_not_the_handlers),
        TEST(an_archived_task_is_followed_by_its_on_dead_task),
        TEST(a_store_that_takes_no_on_dead_task_keeps_both_waiting),
        TEST(a_task_that_is_done_is_followed_by_its_on_done_task),
        TEST(ends_wait_until_all_of_them_can_be_told),
        TEST(what_waits_for_its_on_dead_task_is_bounded),
        TEST(a_stop_puts_back_what_nobody_was_told_of),
        TEST(what_is_put_back_keeps_its_checkpoint),
        TEST(long_ids_and_large_payloads_have_on_dead_tasks_too),
        TEST(a_task_that_recovery_archived_has_one_too),
        TEST(a_plain_task_costs_no_call_of_these),
        TEST(a_stop_puts_back_in_the_order_of_taking),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
