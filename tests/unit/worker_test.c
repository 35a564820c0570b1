// worker_test.c - real workers on a private store, through the public doors; faults by fake_broker.h.
// Nothing here waits for a fixed time where a condition can be waited for.
#include "gofer/gofer.h"

#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "fake_broker.h"

enum { PATIENCE_MS = 300000 };    // under valgrind on a busy machine all takes thirty times as long

// ---- a rig: one client, one worker, and what its handlers have seen --------------------------

typedef struct rig {
    gofer_client *client;
    gofer_worker *worker;
    _Atomic int   runs, other, hooks, drops, gate, seen, fails_first;
    char          text[4096];                // guarded by lock
    pthread_mutex_t lock;
} rig;

static rig r;

static void say(const char *word)
{
    pthread_mutex_lock(&r.lock);
    size_t used = strlen(r.text);
    snprintf(r.text + used, sizeof r.text - used, "%s%s", used ? " " : "", word);
    pthread_mutex_unlock(&r.lock);
}

static void set_up(const char *const *settings)
{
    r = (rig){ .lock = PTHREAD_MUTEX_INITIALIZER };
    REQUIRE_OK(gofer_client_open(&r.client, "memory:", NULL));
    fault_install(r.client);
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    for (; settings && *settings; settings += 2)
        REQUIRE_OK(gofer_worker_set(r.worker, settings[0], settings[1]));
}

#define SET_UP(...) set_up((const char *const[]){ __VA_ARGS__, NULL })

static void tear_down(void)
{
    atomic_store(&r.gate, 1);
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
}

static void handle(const char *pattern, gofer_handler handler)
{
    REQUIRE_OK(gofer_worker_handle(r.worker, pattern, handler, &r, NULL));
}

static void enqueue(const char *type, const char *id, gofer_enqueue_options *opts)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    if (opts)
        o = *opts;
    o.size = sizeof o;
    o.task_id = id;
    REQUIRE_OK(gofer_client_enqueue(r.client, type, "payload", 7, &o, NULL));
}

static void enqueue_many(const char *type, const char *queue, size_t count)
{
    enum { BATCH = 500 };
    static const char *types[BATCH];
    static const gofer_enqueue_options *opts[BATCH];
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = queue;
    for (size_t i = 0; i < BATCH; i++) {
        types[i] = type;
        opts[i] = &o;
    }
    for (size_t at = 0; at < count; at += BATCH)
        REQUIRE_OK(gofer_client_enqueue_many(r.client, count - at < BATCH ? count - at : BATCH, types, NULL, NULL,
            opts, NULL, NULL));
}

#define WAIT_FOR(condition)                                                        \
    do {                                                                           \
        int64_t end_ = check_now_ms() + PATIENCE_MS;                               \
        while (!(condition) && check_now_ms() < end_)                              \
            gf_sleep_us(500);                                                      \
        REQUIRE(condition);                                                        \
    } while (0)

// One field of a task; -1 or "" when it is not there.
static int64_t task_int(const char *id, const char *field)
{
    gofer_info *info;
    if (gofer_client_task(r.client, NULL, id, &info) != GOFER_OK)
        return -1;
    int64_t value = gofer_info_int(info, field, -1);
    gofer_info_free(info);
    return value;
}

static bool task_is(const char *id, const char *field, const char *want)
{
    gofer_info *info;
    if (gofer_client_task(r.client, NULL, id, &info) != GOFER_OK)
        return want == NULL;
    const char *text = gofer_info_text(info, field);
    bool is = want && text && strcmp(text, want) == 0;
    if (!is && want && text && strcmp(field, "last_error") == 0)
        is = strstr(text, want) != NULL;
    gofer_info_free(info);
    return is;
}

static int64_t stat_of(const char *field)
{
    gofer_info *info;
    if (gofer_worker_stats(r.worker, &info) != GOFER_OK)
        return -1;
    int64_t value = gofer_info_int(info, field, -1);
    gofer_info_free(info);
    return value;
}

static int64_t queue_int(const char *queue, const char *field)
{
    gofer_info *info;
    if (gofer_client_queue(r.client, queue, &info) != GOFER_OK)
        return -1;
    int64_t value = gofer_info_int(info, field, -1);
    gofer_info_free(info);
    return value;
}

static void start(void)
{
    REQUIRE_OK(gofer_worker_start(r.worker));
}

static void wait_end(void)
{
    REQUIRE_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
}

// ---- handlers -----------------------------------------------------------------------------------

static int32_t count_run(gofer_task *task, void *user)
{
    (void)task;
    atomic_fetch_add(&((rig *)user)->runs, 1);
    return GOFER_DONE;
}

static int32_t count_other(gofer_task *task, void *user)
{
    (void)task;
    atomic_fetch_add(&((rig *)user)->other, 1);
    return GOFER_DONE;
}

static int32_t say_id(gofer_task *task, void *user)
{
    (void)user;
    say(gofer_task_id(task));
    atomic_fetch_add(&r.runs, 1);
    return GOFER_DONE;
}

// Until the gate is opened; heeds nobody.
static int32_t stubborn(gofer_task *task, void *user)
{
    (void)task;
    rig *rig_ = user;
    atomic_fetch_add(&rig_->runs, 1);
    while (!atomic_load(&rig_->gate))
        gf_sleep_us(500);
    atomic_fetch_add(&rig_->seen, 1);
    return GOFER_DONE;
}

// Until cancelled or the gate is opened; fails when cancelled.
static int32_t obedient(gofer_task *task, void *user)
{
    rig *rig_ = user;
    atomic_fetch_add(&rig_->runs, 1);
    while (!atomic_load(&rig_->gate) && !gofer_task_cancelled(task))
        gf_sleep_us(500);
    atomic_store(&rig_->seen, gofer_task_cancelled(task));
    return gofer_task_cancelled(task) ? gofer_task_fail(task, "broke off") : GOFER_DONE;
}

static int32_t fail_twice(gofer_task *task, void *user)
{
    int run = atomic_fetch_add(&((rig *)user)->runs, 1) + 1;
    CHECK_INT(gofer_task_attempt(task), run);
    if (run == 1)
        CHECK(gofer_task_last_error(task) == NULL);
    else
        CHECK_STR(gofer_task_last_error(task), "not yet");
    return run < 3 ? gofer_task_retry_in(task, 1, "not yet") : GOFER_DONE;
}

static int32_t give_up(gofer_task *task, void *user)
{
    (void)user;
    return gofer_task_skip_retry(task, "hopeless \xFF");
}

static int32_t not_wanted(gofer_task *task, void *user)
{
    (void)user;
    return gofer_task_revoke(task, "no longer wanted");
}

static int32_t fail(gofer_task *task, void *user)
{
    atomic_fetch_add(&((rig *)user)->runs, 1);
    return gofer_task_fail(task, "451");
}

static int32_t forty_two(gofer_task *task, void *user)
{
    (void)task;
    (void)user;
    return 42;
}

// ---- outcomes --------------------------------------------------------------------------------------

static void a_task_that_fails_twice_then_succeeds_runs_three_times(void)
{
    SET_UP("concurrency", "2");
    handle("t", fail_twice);
    gofer_enqueue_options o = { .retention_ms = 60000 };
    enqueue("t", "one", &o);
    start();
    WAIT_FOR(task_is("one", "state", "completed"));
    CHECK_INT(atomic_load(&r.runs), 3);
    CHECK_INT(task_int("one", "retried"), 2);
    WAIT_FOR(stat_of("processed") == 3);
    CHECK_INT(stat_of("failed"), 2);
    CHECK_INT(stat_of("retried"), 2);
    CHECK_INT(queue_int("default", "processed"), 3);
    CHECK_INT(queue_int("default", "failed"), 2);
    tear_down();
}

static void failures_end_where_they_should(void)
{
    SET_UP("concurrency", "2");
    handle("skip", give_up);
    handle("revoke", not_wanted);
    handle("fail", fail);
    handle("odd", forty_two);
    gofer_enqueue_options once = { .max_retry = GOFER_NO_RETRY };
    enqueue("skip", "skip", NULL);
    enqueue("revoke", "revoke", NULL);
    enqueue("fail", "last", &once);
    enqueue("fail", "again", NULL);
    enqueue("odd", "odd", NULL);
    enqueue("stranger", "stranger", NULL);
    start();
    WAIT_FOR(stat_of("processed") == 5);
    CHECK(task_is("skip", "state", "archived") && task_is("skip", "last_error", "hopeless \xEF\xBF\xBD"));
    CHECK(task_is("revoke", "state", NULL));
    CHECK(task_is("last", "state", "archived") && task_is("last", "last_error", "451"));
    CHECK(task_is("again", "state", "retry"));
    CHECK_INT(task_int("again", "retried"), 1);
    CHECK(task_is("odd", "state", "retry") && task_is("odd", "last_error", "returned 42"));
    WAIT_FOR(task_is("stranger", "state", "retry"));
    CHECK(task_is("stranger", "last_error", "matches type 'stranger'"));
    CHECK_INT(task_int("stranger", "retried"), 0);
    CHECK_INT(stat_of("archived"), 2);
    CHECK_INT(stat_of("revoked"), 1);
    CHECK_INT(stat_of("retried"), 2);
    tear_down();
}

static int32_t requeue_once(gofer_task *task, void *user)
{
    say(gofer_task_id(task));
    bool first = atomic_fetch_add(&((rig *)user)->runs, 1) == 0;
    return first ? GOFER_REQUEUE : GOFER_DONE;
}

static void requeue_comes_back_first_and_is_not_counted(void)
{
    SET_UP("concurrency", "1", "drain", "1", "max_prefetch", "0");   // b stays in the store
    handle("t", requeue_once);
    enqueue("t", "a", NULL);
    enqueue("t", "b", NULL);
    start();
    wait_end();
    CHECK_STR(r.text, "a a b");
    CHECK_INT(stat_of("processed"), 2);
    tear_down();
}

static int32_t leave_result(gofer_task *task, void *user)
{
    (void)user;
    size_t size;
    const char *payload = gofer_task_payload(task, &size);
    CHECK_MEM(payload, size, "payload", 7);
    CHECK_INT(payload[size], '\0');
    CHECK_STR(gofer_task_type(task), "t");
    CHECK_STR(gofer_task_queue(task), "default");
    CHECK_INT(gofer_task_max_retry(task), 25);
    CHECK(gofer_task_slot(task) >= 0);
    CHECK(gofer_task_client(task) == r.client);
    CHECK(gofer_task_enqueued_at_ms(task) > 0);
    CHECK(gofer_task_deadline_ms(task) > gofer_task_enqueued_at_ms(task));
    int64_t left = gofer_task_remaining_ms(task);
    CHECK(left > 1000 && left <= 60000);
    CHECK_STR(gofer_task_header(task, "trace"), "abc");
    CHECK(gofer_task_header(task, "nope") == NULL);
    CHECK_INT(gofer_task_header_count(task), 2);
    const char *key, *value;
    CHECK_OK(gofer_task_header_at(task, 1, &key, &value));
    CHECK_STR(value, "");
    CHECK_STATUS(gofer_task_header_at(task, 2, &key, &value), GOFER_EINVAL);
    static char big[(16 << 20) + 1];
    CHECK_STATUS(gofer_task_result(task, big, sizeof big), GOFER_ETOOBIG);
    CHECK_OK(gofer_task_result(task, "first", 5));
    CHECK_OK(gofer_task_result(task, "a\0b", 3));
    return GOFER_DONE;
}

static void a_handler_sees_its_task_and_leaves_a_result(void)
{
    SET_UP("concurrency", "1");
    handle("t", leave_result);
    static const char *const headers[] = { "trace", "abc", "empty", "", NULL };
    gofer_enqueue_options o = { .retention_ms = 60000, .timeout_ms = 60000, .headers = headers };
    enqueue("t", "one", &o);
    start();
    WAIT_FOR(task_is("one", "state", "completed"));
    gofer_info *info;
    REQUIRE_OK(gofer_client_task(r.client, NULL, "one", &info));
    size_t size = 0;
    const void *result = gofer_info_bytes(info, "result", &size);
    CHECK_MEM(result, size, "a\0b", 3);
    gofer_info_free(info);
    tear_down();
}

// ---- handlers, middleware, hooks ---------------------------------------------------------------------

static int32_t layer(gofer_task *task, void *user)
{
    say(user);
    int32_t outcome = gofer_task_next(task);
    say("/");
    say(user);
    return outcome;
}

static int32_t gatekeeper(gofer_task *task, void *user)
{
    (void)user;
    return strcmp(gofer_task_id(task), "blocked") == 0 ? GOFER_REVOKE : gofer_task_next(task);
}

static void middleware_wraps_in_order_and_may_keep_the_handler_from_running(void)
{
    static char a[] = "a", b[] = "b";
    SET_UP("concurrency", "1", "drain", "1");
    handle("t", say_id);
    REQUIRE_OK(gofer_worker_use(r.worker, gatekeeper, NULL, NULL));
    REQUIRE_OK(gofer_worker_use(r.worker, layer, a, NULL));
    REQUIRE_OK(gofer_worker_use(r.worker, layer, b, NULL));
    enqueue("t", "blocked", NULL);
    enqueue("t", "x", NULL);
    enqueue("t", "y", NULL);
    start();
    wait_end();
    CHECK_STR(r.text, "a b x / b / a a b y / b / a");
    CHECK_INT(stat_of("revoked"), 1);
    tear_down();
}

static void the_nearest_pattern_runs(void)
{
    SET_UP("concurrency", "1", "drain", "1");
    handle("*", count_other);
    handle("mail:*", count_other);
    handle("mail:x", count_run);
    enqueue("mail:x", NULL, NULL);
    enqueue("mail:y", NULL, NULL);
    enqueue("else", NULL, NULL);
    start();
    wait_end();
    CHECK_INT(atomic_load(&r.runs), 1);
    CHECK_INT(atomic_load(&r.other), 2);
    tear_down();
}

static void on_error(gofer_task *task, int32_t outcome, const char *text, void *user)
{
    CHECK_STR(text, "451");
    CHECK_STR(gofer_task_error(task), "451");
    say(outcome == GOFER_RETRY ? "retry" : outcome == GOFER_SKIP_RETRY ? "archived" : "?");
    atomic_fetch_add(&((rig *)user)->hooks, 1);
}

static int64_t one_ms(gofer_task *task, int32_t retried, const char *text, void *user)
{
    (void)task;
    (void)text;
    (void)user;
    char word[16];
    snprintf(word, sizeof word, "after%d", (int)retried);
    say(word);
    return 1;
}

static int32_t first_is_none(gofer_task *task, const char *text, void *user)
{
    (void)task;
    (void)text;
    return atomic_fetch_add(&((rig *)user)->fails_first, 1) > 0;
}

static void hooks_are_asked_and_told(void)
{
    SET_UP("concurrency", "1");
    handle("t", fail);
    REQUIRE_OK(gofer_worker_on_error(r.worker, on_error, &r));
    REQUIRE_OK(gofer_worker_on_retry_delay(r.worker, one_ms, &r));
    REQUIRE_OK(gofer_worker_on_is_failure(r.worker, first_is_none, &r));
    gofer_enqueue_options o = { .max_retry = 1 };
    enqueue("t", "one", &o);
    start();
    WAIT_FOR(task_is("one", "state", "archived"));
    // The first failure is none, the second is retried, the third is one too many.
    CHECK_STR(r.text, "after0 after0 retry archived");
    CHECK_INT(atomic_load(&r.runs), 3);
    CHECK_INT(atomic_load(&r.hooks), 2);
    WAIT_FOR(stat_of("processed") == 2);
    tear_down();
}

// ---- deadlines -------------------------------------------------------------------------------------------

static void a_handler_is_told_of_its_deadline(void)
{
    SET_UP("concurrency", "1");
    handle("t", obedient);
    gofer_enqueue_options o = { .timeout_ms = 50 };
    enqueue("t", "one", &o);
    start();
    WAIT_FOR(task_is("one", "state", "retry"));
    CHECK_INT(atomic_load(&r.seen), GOFER_CANCEL_TIMEOUT);
    CHECK(task_is("one", "last_error", "timed out after 50ms: broke off"));
    CHECK_INT(stat_of("lost_slots"), 0);
    tear_down();
}

static void a_task_past_its_deadline_is_not_started(void)
{
    SET_UP("concurrency", "1");
    handle("t", count_run);
    gofer_enqueue_options o = { .deadline_ms = 1000 };
    enqueue("t", "one", &o);
    start();
    WAIT_FOR(task_is("one", "state", "retry"));
    CHECK(task_is("one", "last_error", "before it started"));
    CHECK_INT(atomic_load(&r.runs), 0);
    tear_down();
}

static void a_lost_slot_is_replaced_and_its_late_result_ignored(void)
{
    SET_UP("concurrency", "1", "lost_after", "50ms", "grace", "0");
    handle("stuck", stubborn);
    handle("t", count_other);
    gofer_enqueue_options o = { .timeout_ms = 50 };
    enqueue("stuck", "stuck", &o);
    enqueue("t", "next", NULL);
    start();
    WAIT_FOR(atomic_load(&r.other) == 1);      // on the replacement
    WAIT_FOR(task_is("stuck", "state", "retry"));
    CHECK(task_is("stuck", "last_error", "did not return within 50ms after its deadline"));
    CHECK_INT(stat_of("lost_slots"), 1);
    atomic_store(&r.gate, 1);
    WAIT_FOR(atomic_load(&r.seen) == 1);       // comes back, with success
    enqueue("t", "more", NULL);
    WAIT_FOR(atomic_load(&r.other) == 2);
    CHECK(task_is("stuck", "state", "retry"));
    WAIT_FOR(stat_of("processed") == 3);
    tear_down();
}

// All of them at one look of the keeper: each needs a thread in its place.
static void several_slots_lost_at_once_are_all_replaced(void)
{
    SET_UP("concurrency", "4", "lost_after", "50ms", "grace", "0");
    handle("stuck", stubborn);
    handle("t", stubborn);
    gofer_enqueue_options o = { .deadline_ms = gf_now_ms() + 300, .max_retry = GOFER_NO_RETRY };
    for (int i = 0; i < 4; i++)
        enqueue("stuck", NULL, &o);
    start();
    WAIT_FOR(stat_of("processed") == 4);       // lost; on a very slow machine some are too late to start
    int before = atomic_load(&r.runs);
    for (int i = 0; i < 4; i++)
        enqueue("t", NULL, NULL);
    WAIT_FOR(atomic_load(&r.runs) == before + 4);   // at a time, so on four threads
    atomic_store(&r.gate, 1);
    WAIT_FOR(stat_of("processed") == 8);
    tear_down();
}

static void a_handler_that_never_returns_does_not_hold_up_free(void)
{
    SET_UP("concurrency", "1", "grace", "0");
    handle("t", stubborn);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(stat_of("lost_slots"), 1);
    CHECK(task_is("one", "state", "pending"));
    CHECK_INT(task_int("one", "retried"), 0);
    tear_down();                               // opens the gate: this one comes back in time
    CHECK_INT(atomic_load(&r.seen), 1);
}

// ---- stopping -----------------------------------------------------------------------------------------------

// Run the queue dry; r.text has the order.
static void drain(void)
{
    gofer_worker *w;
    r.text[0] = '\0';
    REQUIRE_OK(gofer_worker_new(&w, r.client));
    REQUIRE_OK(gofer_worker_set(w, "concurrency", "1"));
    REQUIRE_OK(gofer_worker_set(w, "drain", "1"));
    REQUIRE_OK(gofer_worker_handle(w, "*", say_id, NULL, NULL));
    REQUIRE_OK(gofer_worker_start(w));
    REQUIRE_OK(gofer_worker_wait(w, PATIENCE_MS));
    gofer_worker_free(w);
}

static void what_the_grace_does_not_cover_goes_back_to_the_head(void)
{
    SET_UP("concurrency", "2", "grace", "50ms");
    handle("t", obedient);
    enqueue("t", "a", NULL);
    enqueue("t", "b", NULL);
    enqueue("t", "c", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 2);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(atomic_load(&r.seen), GOFER_CANCEL_STOP);
    CHECK_INT(queue_int("default", "pending"), 3);
    CHECK_INT(queue_int("default", "active"), 0);
    CHECK_INT(task_int("a", "retried"), 0);
    CHECK_INT(stat_of("failed"), 0);
    CHECK_INT(stat_of("lost_slots"), 0);
    drain();
    CHECK(strcmp(r.text, "a b c") == 0 || strcmp(r.text, "b a c") == 0);
    tear_down();
}

static void within_the_grace_a_task_finishes(void)
{
    SET_UP("concurrency", "1", "grace", "1h");
    handle("t", obedient);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    gofer_worker_stop(r.worker);
    CHECK_STATUS(gofer_worker_wait(r.worker, 100), GOFER_ETIMEOUT);
    atomic_store(&r.gate, 1);
    wait_end();
    CHECK_INT(stat_of("processed"), 1);
    CHECK(task_is("one", "state", NULL));
    tear_down();
}

static void a_second_stop_does_not_wait_for_the_grace(void)
{
    SET_UP("concurrency", "1", "grace", "1h");
    handle("t", obedient);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    gofer_worker_stop(r.worker);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(atomic_load(&r.seen), GOFER_CANCEL_STOP);
    CHECK(task_is("one", "state", "pending"));
    tear_down();
}

// Fast tasks were taken ahead; then one blocks. The others must not wait for it, nor change order.
static void tasks_taken_ahead_go_back_in_order(void)
{
    SET_UP("concurrency", "1", "grace", "0");
    handle("fast", count_other);
    handle("t", obedient);
    enqueue_many("fast", "default", 3000);
    start();
    WAIT_FOR(atomic_load(&r.other) == 3000);
    REQUIRE_OK(gofer_client_queue_pause(r.client, "default"));
    enqueue("t", "a", NULL);
    enqueue("fast", "b", NULL);
    enqueue("fast", "c", NULL);
    enqueue("fast", "d", NULL);
    REQUIRE_OK(gofer_client_queue_unpause(r.client, "default"));
    WAIT_FOR(atomic_load(&r.runs) == 1);
    gofer_worker_stop(r.worker);
    wait_end();
    drain();
    CHECK_STR(r.text, "a b c d");
    tear_down();
}

// Does inspection show the one worker there is in this state?
static bool shown_as(const char *want)
{
    gofer_info *workers;
    if (gofer_client_workers(r.client, &workers) != GOFER_OK)
        return false;
    const gofer_info *first = gofer_info_at(workers, 0);
    const char *state = first ? gofer_info_text(first, "state") : NULL;
    bool is = state && strcmp(state, want) == 0;
    gofer_info_free(workers);
    return is;
}

static void a_quiet_worker_takes_nothing_but_goes_on(void)
{
    SET_UP("concurrency", "2");
    handle("t", obedient);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    gofer_worker_quiet(r.worker);
    WAIT_FOR(shown_as("quiet"));
    enqueue("t", "two", NULL);
    atomic_store(&r.gate, 1);
    WAIT_FOR(stat_of("processed") == 1);
    CHECK(task_is("two", "state", "pending"));
    CHECK_INT(atomic_load(&r.runs), 1);
    gofer_worker_stop(r.worker);
    wait_end();
    tear_down();
}

static void draining_waits_for_what_is_scheduled(void)
{
    SET_UP("concurrency", "4", "drain", "1");
    handle("t", count_run);
    enqueue_many("t", "default", 5000);
    gofer_enqueue_options o = { .delay_ms = 300 };
    enqueue("t", "later", &o);
    start();
    wait_end();
    CHECK_INT(atomic_load(&r.runs), 5001);
    CHECK_INT(stat_of("processed"), 5001);
    gofer_info *workers;
    REQUIRE_OK(gofer_client_workers(r.client, &workers));
    CHECK_INT(gofer_info_count(workers), 0);
    gofer_info_free(workers);
    CHECK_STATUS(gofer_worker_start(r.worker), GOFER_ESTATE);
    tear_down();
}

static void *wait_too(void *arg)
{
    CHECK_OK(gofer_worker_wait(arg, PATIENCE_MS));
    return NULL;
}

static void several_threads_may_wait(void)
{
    pthread_t threads[3];
    SET_UP("concurrency", "1");
    handle("t", count_run);
    start();
    for (size_t i = 0; i < COUNT(threads); i++)
        REQUIRE(pthread_create(&threads[i], NULL, wait_too, r.worker) == 0);
    gofer_worker_stop(r.worker);
    for (size_t i = 0; i < COUNT(threads); i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    wait_end();
    tear_down();
}

static int32_t stop_from_inside(gofer_task *task, void *user)
{
    (void)task;
    gofer_worker_stop(((rig *)user)->worker);
    return GOFER_DONE;
}

static void a_handler_may_stop_its_worker(void)
{
    SET_UP("concurrency", "1");
    handle("t", stop_from_inside);
    enqueue("t", "one", NULL);
    CHECK_OK(gofer_worker_run(r.worker));
    CHECK_INT(stat_of("processed"), 1);
    tear_down();
}

// ---- queues ----------------------------------------------------------------------------------------------------

typedef struct tally {
    int         counted;
    _Atomic int count[3], total;
} tally;

static int32_t count_queue(gofer_task *task, void *user)
{
    tally *t = user;
    // The first starts, while every queue has tasks.
    if (atomic_fetch_add(&t->total, 1) < t->counted)
        atomic_fetch_add(&t->count[gofer_task_queue(task)[0] - 'a'], 1);
    return GOFER_DONE;
}

// unit: how many starts of the queue with weight 1 are expected among those counted.
static void share_out(int unit, const char *max_prefetch, const char *strict)
{
    static tally t;                        // outlives a test that is left with its worker running
    t.counted = 10 * unit;
    atomic_store(&t.total, 0);
    for (int i = 0; i < 3; i++)
        atomic_store(&t.count[i], 0);
    SET_UP("concurrency", "1", "max_prefetch", max_prefetch, "strict", strict, "drain", "1");
    REQUIRE_OK(gofer_worker_handle(r.worker, "*", count_queue, &t, NULL));
    REQUIRE_OK(gofer_worker_queue(r.worker, "a", 1));
    REQUIRE_OK(gofer_worker_queue(r.worker, "b", 3));
    REQUIRE_OK(gofer_worker_queue(r.worker, "c", 6));
    size_t each = 7 * (size_t)unit;
    enqueue_many("t", "a", each);
    enqueue_many("t", "b", each);
    enqueue_many("t", "c", each);
    start();
    wait_end();
    CHECK_INT(atomic_load(&t.total), 3 * each);
    static const int weights[] = { 1, 3, 6 }, in_turn[] = { 0, 3, 7 };
    for (int i = 0; i < 3; i++) {
        int got = atomic_load(&t.count[i]), want = weights[i] * unit;
        if (*strict == '1')
            CHECK_INT(got, in_turn[i] * unit);
        else if (!CHECK(got > want - unit / 2 && got < want + unit / 2))
            fprintf(stderr, "    queue %c: %d, not about %d\n", 'a' + i, got, want);
    }
    tear_down();
}

static void weights_share_out_batches(void)
{
    share_out(1000, "1000", "0");
}

static void weights_share_out_single_tasks(void)
{
    share_out(500, "0", "0");              // a transaction for each: under valgrind that takes its time
}

static void strict_priority_takes_the_heaviest_first(void)
{
    share_out(1000, "1000", "1");
}

static void a_queue_without_tasks_leaves_its_share_to_others(void)
{
    SET_UP("concurrency", "1", "drain", "1");
    handle("t", count_run);
    REQUIRE_OK(gofer_worker_queue(r.worker, "empty", 1000));
    REQUIRE_OK(gofer_worker_queue(r.worker, "full", 1));
    enqueue_many("t", "full", 2000);
    start();
    wait_end();
    CHECK_INT(atomic_load(&r.runs), 2000);
    tear_down();
}

// ---- a store with faults ---------------------------------------------------------------------------------------

static void a_store_in_trouble_costs_no_task(void)
{
    static const int statuses[] = { GOFER_EBROKER, GOFER_ETIMEOUT, GOFER_ENOSPACE, GOFER_EUNCERTAIN };
    for (size_t i = 0; i < COUNT(statuses); i++) {
        SET_UP("concurrency", "2");
        handle("t", count_run);
        start();
        atomic_store(&fault.exchange_status, statuses[i]);
        atomic_store(&fault.exchange_fails, 3);
        enqueue_many("t", "default", 100);
        WAIT_FOR(stat_of("processed") == 100);
        CHECK_INT(atomic_load(&fault.exchange_fails), 0);
        CHECK_INT(atomic_load(&r.runs), 100);
        CHECK_INT(queue_int("default", "processed"), 100);
        tear_down();
    }
}

static void an_outcome_waits_until_the_store_takes_it(void)
{
    SET_UP("concurrency", "1");
    handle("t", obedient);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    atomic_store(&fault.exchange_status, GOFER_EBROKER);
    atomic_store(&fault.exchange_fails, 4);
    atomic_store(&r.gate, 1);
    WAIT_FOR(task_is("one", "state", NULL));
    CHECK_INT(stat_of("stale"), 0);
    CHECK_INT(atomic_load(&r.runs), 1);
    tear_down();
}

static void a_lost_reply_is_repeated_and_counted_once(void)
{
    SET_UP("concurrency", "1");
    handle("t", count_run);
    atomic_store(&fault.lose_replies, 1);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(stat_of("stale") == 1);           // the store has it already
    CHECK_INT(atomic_load(&r.runs), 1);
    CHECK_INT(queue_int("default", "processed"), 1);
    tear_down();
}

static void an_outcome_without_an_answer_is_told_again(void)
{
    SET_UP("concurrency", "2");
    handle("t", count_run);
    atomic_store(&fault.unanswered, 3);
    enqueue_many("t", NULL, 1000);
    start();
    WAIT_FOR(stat_of("processed") == 1000);
    CHECK_INT(atomic_load(&r.runs), 1000);
    CHECK_INT(stat_of("stale"), 0);
    CHECK_INT(queue_int("default", "processed"), 1000);
    CHECK_INT(atomic_load(&fault.unanswered), 0);
    tear_down();
}

static void a_stopping_worker_gives_up_on_a_store_that_is_gone(void)
{
    SET_UP("concurrency", "1", "grace", "0");
    handle("t", obedient);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    atomic_store(&fault.exchange_status, GOFER_EBROKER);
    atomic_store(&fault.exchange_fails, 1000000);
    gofer_worker_stop(r.worker);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK(task_is("one", "state", "active"));  // its lease will end
    atomic_store(&fault.exchange_fails, 0);
    tear_down();
}

static void leases_are_extended_while_a_handler_runs(void)
{
    SET_UP("concurrency", "1", "lease", "3s");     // a busy machine may keep the keeper waiting for a second
    handle("t", obedient);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&fault.extends) >= 4);    // past one lease
    CHECK_INT(atomic_load(&r.runs), 1);
    CHECK_INT(atomic_load(&r.seen), 0);
    atomic_store(&r.gate, 1);
    WAIT_FOR(stat_of("processed") == 1);
    CHECK_INT(stat_of("stale"), 0);
    tear_down();
}

static void a_lost_lease_cancels_the_handler(void)
{
    for (int unreachable = 0; unreachable < 2; unreachable++) {
        SET_UP("concurrency", "1", "lease", "1s");
        handle("t", obedient);
        enqueue("t", "one", NULL);
        start();
        WAIT_FOR(atomic_load(&r.runs) == 1);
        atomic_store(unreachable ? &fault.extend_fails : &fault.extend_stale, 1);
        WAIT_FOR(atomic_load(&r.seen) == GOFER_CANCEL_LEASE);
        CHECK_INT(stat_of("failed"), 0);
        tear_down();
    }
}

// ---- the pull way ------------------------------------------------------------------------------------------------

static bool fd_readable(int timeout_ms)
{
    struct pollfd fd = { .fd = gofer_worker_fd(r.worker), .events = POLLIN };
    return poll(&fd, 1, timeout_ms) == 1;
}

static void the_host_takes_and_finishes_in_batches(void)
{
    enum { N = 100 };
    gofer_task *tasks[N];
    int32_t outcomes[N];
    size_t count, total = 0;
    SET_UP("pull", "1", "concurrency", "10");
    CHECK_INT(gofer_worker_fd(r.worker), -1);
    CHECK_STATUS(gofer_worker_take(r.worker, tasks, N, 0, &count), GOFER_ESTATE);
    start();
    CHECK_STATUS(gofer_worker_take(r.worker, tasks, N, 0, &count), GOFER_EEMPTY);
    CHECK(!fd_readable(0));
    enqueue_many("t", "default", 1000);
    CHECK(fd_readable(PATIENCE_MS));
    while (total < 1000) {
        REQUIRE_OK(gofer_worker_take(r.worker, tasks, N, PATIENCE_MS, &count));
        REQUIRE(count >= 1 && count <= 10);
        for (size_t i = 0; i < count; i++) {
            CHECK_INT(gofer_task_slot(tasks[i]), -1);
            CHECK_STR(gofer_task_type(tasks[i]), "t");
            outcomes[i] = GOFER_DONE;
        }
        REQUIRE_OK(gofer_worker_finish(r.worker, tasks, outcomes, count));
        total += count;
    }
    WAIT_FOR(stat_of("processed") == 1000);
    CHECK_INT(queue_int("default", "active"), 0);
    gofer_worker_stop(r.worker);
    CHECK_STATUS(gofer_worker_take(r.worker, tasks, N, -1, &count), GOFER_ESTATE);
    CHECK(fd_readable(PATIENCE_MS));
    wait_end();
    tear_down();
}

static void pulled_tasks_fail_and_hear_of_deadlines_like_others(void)
{
    gofer_task *task;
    size_t count;
    SET_UP("pull", "1", "concurrency", "2", "lost_after", "1ms");
    gofer_enqueue_options o = { .timeout_ms = 30, .max_retry = GOFER_NO_RETRY };
    enqueue("t", "one", &o);
    start();
    REQUIRE_OK(gofer_worker_take(r.worker, &task, 1, -1, &count));
    WAIT_FOR(gofer_task_cancelled(task) == GOFER_CANCEL_TIMEOUT);
    CHECK_INT(stat_of("running"), 1);          // the host decides how long it waits
    int32_t outcome = gofer_task_fail(task, "too late");
    REQUIRE_OK(gofer_worker_finish(r.worker, &task, &outcome, 1));
    WAIT_FOR(task_is("one", "state", "archived"));
    CHECK(task_is("one", "last_error", "timed out after 30ms: too late"));
    gofer_worker *other = r.worker;
    CHECK_STATUS(gofer_worker_finish(other, NULL, NULL, 1), GOFER_EINVAL);
    CHECK_OK(gofer_worker_finish(other, NULL, NULL, 0));
    tear_down();
}

static void a_pulled_task_that_is_kept_goes_back_at_the_stop(void)
{
    gofer_task *task;
    size_t count;
    SET_UP("pull", "1", "grace", "0");
    enqueue("t", "one", NULL);
    start();
    REQUIRE_OK(gofer_worker_take(r.worker, &task, 1, -1, &count));
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(gofer_task_cancelled(task), GOFER_CANCEL_STOP);
    CHECK(task_is("one", "state", "pending"));
    CHECK_INT(stat_of("lost_slots"), 0);
    int32_t outcome = GOFER_DONE;
    CHECK_OK(gofer_worker_finish(r.worker, &task, &outcome, 1));   // ignored, and freed
    CHECK(task_is("one", "state", "pending"));
    tear_down();
}

// ---- the rest ------------------------------------------------------------------------------------------------------

static int32_t report_progress(gofer_task *task, void *user)
{
    rig *rig_ = user;
    CHECK_STATUS(gofer_task_progress(task, -1, 0, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_task_progress(task, 3, 2, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_task_progress(task, 1, 2, "\xFF"), GOFER_EINVAL);
    for (int i = 0; i <= 1000; i++)
        CHECK_OK(gofer_task_progress(task, i, 2000, i < 1000 ? "on the way" : "half"));
    while (!atomic_load(&rig_->gate))
        gf_sleep_us(500);
    return GOFER_DONE;
}

static void progress_is_seen_while_the_handler_runs(void)
{
    SET_UP("concurrency", "1");
    handle("t", report_progress);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(task_int("one", "progress_done") == 1000);
    CHECK_INT(task_int("one", "progress_total"), 2000);
    CHECK(task_is("one", "progress_text", "half"));
    tear_down();
}

static void thousands_of_tasks_are_each_run_once(void)
{
    SET_UP("concurrency", "8", "drain", "1");
    handle("t", count_run);
    enqueue_many("t", "default", 20000);
    start();
    wait_end();
    CHECK_INT(atomic_load(&r.runs), 20000);
    CHECK_INT(stat_of("processed"), 20000);
    CHECK_INT(queue_int("default", "size"), 0);
    tear_down();
}

enum { MANY = 50 };

// In groups of MANY: nobody goes on before the whole of his group has come.
static int32_t wait_for_the_group(gofer_task *task, void *user)
{
    (void)task;
    rig *rig_ = user;
    int group = atomic_fetch_add(&rig_->runs, 1) / MANY;
    while (atomic_load(&rig_->runs) < (group + 1) * MANY && !atomic_load(&rig_->gate))
        gf_sleep_us(500);
    return GOFER_DONE;
}

static void many_slots_run_at_a_time(void)
{
    SET_UP("concurrency", "50", "drain", "1");
    handle("t", wait_for_the_group);
    enqueue_many("t", "default", 40 * MANY);
    start();
    wait_end();
    CHECK_INT(atomic_load(&r.runs), 40 * MANY);
    tear_down();
}

// News of a scheduled task that comes while the courier is at work must not be lost with the rest:
// the next look would be seconds away.
static void what_is_scheduled_between_two_looks_starts_in_time(void)
{
    SET_UP("concurrency", "1");
    handle("t", count_run);
    start();
    for (int i = 1; i <= 50; i++) {
        gofer_enqueue_options o = { .delay_ms = 5 };
        int64_t begun = check_now_ms();
        enqueue("t", NULL, &o);
        WAIT_FOR(atomic_load(&r.runs) == i);
        CHECK(check_now_ms() - begun < 3000);
    }
    tear_down();
}

static int32_t enqueue_another(gofer_task *task, void *user)
{
    (void)user;
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = "second";
    CHECK_OK(gofer_client_enqueue(gofer_task_client(task), "t2", NULL, 0, &o, NULL));
    return GOFER_DONE;
}

static void handlers_enqueue_and_workers_share_a_client(void)
{
    SET_UP("concurrency", "2");
    handle("t", enqueue_another);
    gofer_worker *second;
    REQUIRE_OK(gofer_worker_new(&second, r.client));
    REQUIRE_OK(gofer_worker_handle(second, "t2", count_other, &r, NULL));
    REQUIRE_OK(gofer_worker_queue(second, "second", 1));
    REQUIRE_OK(gofer_worker_start(second));
    start();
    enqueue_many("t", "default", 200);
    // A task of "default" is there until it has put its successor into "second".
    WAIT_FOR(queue_int("default", "size") == 0 && queue_int("second", "size") == 0);
    CHECK_INT(atomic_load(&r.other), 200);     // none twice: a live worker is never taken for dead
    CHECK_INT(stat_of("stale"), 0);
    gofer_worker_free(second);
    tear_down();
}

static void drop(void *user)
{
    say(user);
}

static void callbacks_are_dropped_last_first_and_a_worker_need_not_start(void)
{
    static char a[] = "a", b[] = "b", c[] = "c";
    SET_UP("concurrency", "1");
    REQUIRE_OK(gofer_worker_handle(r.worker, "x", count_run, a, drop));
    REQUIRE_OK(gofer_worker_use(r.worker, layer, b, drop));
    REQUIRE_OK(gofer_worker_handle(r.worker, "y", count_run, c, drop));
    CHECK_STATUS(gofer_worker_handle(r.worker, "y", count_run, a, drop), GOFER_EEXIST);
    CHECK_STR(r.text, "");
    tear_down();
    CHECK_STR(r.text, "c b a");
    gofer_worker_free(NULL);
}

static void wrong_calls_are_refused(void)
{
    SET_UP("concurrency", "1");
    gofer_worker *w = r.worker, *other = NULL;
    gofer_task *task;
    size_t count;
    CHECK_STATUS(gofer_worker_new(NULL, r.client), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_new(&other, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_set(w, "grease", "8s"), GOFER_EINVAL);
    CHECK_HAS(gofer_error_last(), "did you mean 'grace'?");
    CHECK_STATUS(gofer_worker_queue(w, "a{b", 1), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_queue(w, "q", 0), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_queue(w, "q", 1001), GOFER_EINVAL);
    CHECK_OK(gofer_worker_queue(w, "q", 1));
    CHECK_STATUS(gofer_worker_queue(w, "q", 2), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_handle(w, "t", NULL, NULL, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_handle(w, "", count_run, NULL, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_use(w, NULL, NULL, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_start(w), GOFER_ESTATE);
    CHECK_HAS(gofer_error_last(), "no handler");
    CHECK_STATUS(gofer_worker_wait(w, 0), GOFER_ESTATE);
    CHECK_STATUS(gofer_worker_stats(w, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_start(NULL), GOFER_EINVAL);
    handle("t", count_run);
    start();
    CHECK_STATUS(gofer_worker_start(w), GOFER_ESTATE);
    CHECK_STATUS(gofer_worker_set(w, "grace", "8s"), GOFER_ESTATE);
    CHECK_STATUS(gofer_worker_queue(w, "r", 1), GOFER_ESTATE);
    CHECK_STATUS(gofer_worker_handle(w, "u", count_run, NULL, NULL), GOFER_ESTATE);
    CHECK_STATUS(gofer_worker_on_error(w, NULL, NULL), GOFER_ESTATE);
    CHECK_STATUS(gofer_worker_take(w, &task, 1, 0, &count), GOFER_ESTATE);
    CHECK(gofer_worker_id(w) && strlen(gofer_worker_id(w)) == 36);
    gofer_worker_stop(NULL);
    gofer_worker_quiet(NULL);
    tear_down();

    SET_UP("pull", "1");
    handle("t", count_run);
    CHECK_STATUS(gofer_worker_start(r.worker), GOFER_ESTATE);
    tear_down();
}

static void a_forked_child_is_refused_and_harms_nothing(void)
{
    SET_UP("concurrency", "1");
    handle("t", count_run);
    start();
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        gofer_info *info;
        bool ok = gofer_worker_stats(r.worker, &info) == GOFER_EFORKED &&
            gofer_worker_wait(r.worker, 0) == GOFER_EFORKED;
        gofer_worker_stop(r.worker);
        gofer_worker_stop(r.worker);
        gofer_worker_free(r.worker);
        _exit(ok ? 0 : 1);
    }
    int status;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_STATUS(gofer_worker_wait(r.worker, 50), GOFER_ETIMEOUT);     // the parent's goes on
    enqueue("t", "one", NULL);
    WAIT_FOR(atomic_load(&r.runs) == 1);
    tear_down();
}

static void stop_before_start_is_remembered(void)
{
    SET_UP("concurrency", "1");
    handle("t", count_run);
    gofer_worker_stop(r.worker);
    CHECK_OK(gofer_worker_run(r.worker));
    CHECK_INT(atomic_load(&r.runs), 0);
    tear_down();
}

static void keep_log(void *user, int32_t level, int64_t time_ms, const char *text, const char *fields)
{
    (void)time_ms;
    (void)user;
    if (level >= GOFER_LOG_WARN && strstr(fields, "\"task\"") && strstr(text, "failed")) {
        CHECK_HAS(fields, "\"error\":\"451\"");
        CHECK_HAS(fields, "\"attempt\":1");
        CHECK_HAS(fields, "\"queue\":\"default\"");
        CHECK_HAS(fields, "\"type\":\"t\"");
        CHECK_HAS(fields, "\"duration_ms\":");
    }
    if (strstr(text, "worker st"))
        say(text);
    if (strcmp(text, "from the handler") == 0 || strstr(text, "failed"))
        say(text);
}

static int32_t fail_and_log(gofer_task *task, void *user)
{
    gofer_task_log(task, GOFER_LOG_DEBUG, "not this");
    gofer_task_log(task, GOFER_LOG_INFO, "from the handler");
    return fail(task, user);
}

static void the_log_tells_of_failures_and_of_the_worker(void)
{
    r = (rig){ .lock = PTHREAD_MUTEX_INITIALIZER };
    gofer_client_options o;
    gofer_client_options_init(&o);
    o.log = keep_log;
    REQUIRE_OK(gofer_client_open(&r.client, "memory:", &o));
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    handle("t", fail_and_log);
    gofer_enqueue_options once = { .max_retry = GOFER_NO_RETRY };
    enqueue("t", "one", &once);
    start();
    WAIT_FOR(stat_of("processed") == 1);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_STR(r.text, "worker started from the handler task failed, archived worker stopped");
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_task_that_fails_twice_then_succeeds_runs_three_times),
        TEST(failures_end_where_they_should),
        TEST(requeue_comes_back_first_and_is_not_counted),
        TEST(a_handler_sees_its_task_and_leaves_a_result),
        TEST(middleware_wraps_in_order_and_may_keep_the_handler_from_running),
        TEST(the_nearest_pattern_runs),
        TEST(hooks_are_asked_and_told),
        TEST(a_handler_is_told_of_its_deadline),
        TEST(a_task_past_its_deadline_is_not_started),
        TEST(a_lost_slot_is_replaced_and_its_late_result_ignored),
        TEST(several_slots_lost_at_once_are_all_replaced),
        TEST(a_handler_that_never_returns_does_not_hold_up_free),
        TEST(what_the_grace_does_not_cover_goes_back_to_the_head),
        TEST(within_the_grace_a_task_finishes),
        TEST(a_second_stop_does_not_wait_for_the_grace),
        TEST(tasks_taken_ahead_go_back_in_order),
        TEST(a_quiet_worker_takes_nothing_but_goes_on),
        TEST(draining_waits_for_what_is_scheduled),
        TEST(several_threads_may_wait),
        TEST(a_handler_may_stop_its_worker),
        TEST(weights_share_out_batches),
        TEST(weights_share_out_single_tasks),
        TEST(strict_priority_takes_the_heaviest_first),
        TEST(a_queue_without_tasks_leaves_its_share_to_others),
        TEST(a_store_in_trouble_costs_no_task),
        TEST(an_outcome_waits_until_the_store_takes_it),
        TEST(a_lost_reply_is_repeated_and_counted_once),
        TEST(an_outcome_without_an_answer_is_told_again),
        TEST(a_stopping_worker_gives_up_on_a_store_that_is_gone),
        TEST(leases_are_extended_while_a_handler_runs),
        TEST(a_lost_lease_cancels_the_handler),
        TEST(the_host_takes_and_finishes_in_batches),
        TEST(pulled_tasks_fail_and_hear_of_deadlines_like_others),
        TEST(a_pulled_task_that_is_kept_goes_back_at_the_stop),
        TEST(progress_is_seen_while_the_handler_runs),
        TEST(thousands_of_tasks_are_each_run_once),
        TEST(many_slots_run_at_a_time),
        TEST(what_is_scheduled_between_two_looks_starts_in_time),
        TEST(handlers_enqueue_and_workers_share_a_client),
        TEST(callbacks_are_dropped_last_first_and_a_worker_need_not_start),
        TEST(wrong_calls_are_refused),
        TEST(a_forked_child_is_refused_and_harms_nothing),
        TEST(stop_before_start_is_remembered),
        TEST(the_log_tells_of_failures_and_of_the_worker),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
