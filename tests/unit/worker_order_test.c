// worker_order_test.c - handles are let go of in any order, as a host's garbage collector might,
// and by those who come back late: what a handle needs is there as long as it is. The address
// sanitizer is the judge.
#include "worker_rig.h"

// ---- listeners and workers of a client that is closed -------------------------------------------

static void a_listener_may_outlive_its_client(void)
{
    for (int client_first = 0; client_first < 2; client_first++) {
        gofer_client *client;
        gofer_events *events;
        gofer_info *info;
        REQUIRE_OK(gofer_client_open(&client, "memory:", NULL));
        REQUIRE_OK(gofer_events_open(&events, client));
        CHECK_STATUS(gofer_events_next(events, 0, &info), GOFER_ETIMEOUT);
        if (client_first) {
            gofer_client_close(client);
            CHECK_STATUS(gofer_events_next(events, 0, &info), GOFER_ESTATE);
            CHECK_HAS(gofer_error_last(), "closed");
        }
        gofer_events_close(events);
        if (!client_first)
            gofer_client_close(client);
    }
}

static void a_worker_may_outlive_its_client(void)
{
    SET_UP("concurrency", "2");
    gofer_worker *idle;
    REQUIRE_OK(gofer_worker_new(&idle, r.client));
    handle("*", count_run);
    start();
    enqueue("t", "one", NULL);
    WAIT_FOR(atomic_load(&r.runs) == 1);
    gofer_client_close(r.client);
    CHECK_STATUS(gofer_worker_start(idle), GOFER_ESTATE);      // it has no handler: refused, not
                                                               //   crashed
    gofer_worker_free(idle);
    gofer_worker_free(r.worker);
}

// ---- those who come back late -------------------------------------------------------------------

static _Atomic int back, begun;

// Lost by the time the gate opens: everything it calls then has to be there.
static int32_t come_back_late(gofer_task *task, void *user)
{
    const void *bytes;
    size_t size;
    (void)user;
    atomic_store(&begun, 1);
    while (!atomic_load(&r.gate))
        gf_sleep_us(500);
    CHECK_OK(gofer_task_result(task, "late", 4));
    CHECK(gofer_task_client(task) == NULL);
    CHECK(gofer_task_stopping(task));
    gofer_task_log(task, GOFER_LOG_INFO, "late");
    (void)gofer_task_progress(task, 1, 2, "late");
    CHECK_STATUS(gofer_task_checkpoint(task, "late", 4), GOFER_ESTALE);
    (void)gofer_task_resume(task, &bytes, &size);
    int32_t outcome = gofer_task_fail(task, "late");
    atomic_store(&back, 1);
    return outcome;
}

static void a_lost_handler_may_speak_after_all_is_freed(void)
{
    atomic_store(&back, 0);
    atomic_store(&begun, 0);
    SET_UP("grace", "0", "concurrency", "1");
    handle("*", come_back_late);
    start();
    enqueue("t", "one", NULL);
    WAIT_FOR(atomic_load(&begun));
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
    atomic_store(&r.gate, 1);
    WAIT_FOR(atomic_load(&back));
    gf_sleep_us(100000);                   // the thread leaves
}

// A call to the store that was begun before, and ends after, the client was closed.
static int32_t call_on_and_on(gofer_task *task, void *user)
{
    gofer_client *client = gofer_task_client(task);
    (void)user;
    atomic_store(&begun, 1);
    while (!atomic_load(&r.gate))
        (void)gofer_client_enqueue(client, "other", "x", 1, NULL, NULL);
    CHECK_STATUS(gofer_client_ping(client), GOFER_ESTATE);
    atomic_store(&back, 1);
    return GOFER_DONE;
}

static void a_lost_handler_may_be_inside_a_call_to_the_store(void)
{
    atomic_store(&back, 0);
    atomic_store(&begun, 0);
    SET_UP("grace", "0", "concurrency", "1");
    handle("t", call_on_and_on);
    start();
    enqueue("t", "one", NULL);
    WAIT_FOR(atomic_load(&begun));
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
    gf_sleep_us(20000);
    atomic_store(&r.gate, 1);
    WAIT_FOR(atomic_load(&back));
    gf_sleep_us(100000);
}

// ---- pulled tasks that are out when the worker is freed -----------------------------------------

static gofer_task *pulled;

static void *finish_soon(void *arg)
{
    int32_t outcome = GOFER_DONE;
    gofer_worker *worker = arg;
    while (gofer_task_cancelled(pulled) == GOFER_CANCEL_NONE)
        gf_sleep_us(500);
    gf_sleep_us(1200000);                  // put back by now
    gofer_task_log(pulled, GOFER_LOG_INFO, "still at it");
    CHECK(gofer_task_stopping(pulled));
    CHECK_OK(gofer_worker_finish(worker, &pulled, &outcome, 1));
    return NULL;
}

static void pull_one(void)
{
    size_t count;
    SET_UP("pull", "1", "grace", "0");
    enqueue("t", "one", NULL);
    start();
    REQUIRE_OK(gofer_worker_take(r.worker, &pulled, 1, -1, &count));
}

static void a_pulled_task_is_waited_for(void)
{
    pthread_t thread;
    pull_one();
    REQUIRE(pthread_create(&thread, NULL, finish_soon, r.worker) == 0);
    gofer_worker_free(r.worker);
    REQUIRE(pthread_join(thread, NULL) == 0);
    gofer_client_close(r.client);
}

static void a_pulled_task_that_never_comes_back_is_left_behind_with_all_it_needs(void)
{
    int32_t outcome = GOFER_DONE;
    pull_one();
    gofer_worker *worker = r.worker;
    gofer_worker_free(worker);
    gofer_client_close(r.client);
    CHECK(gofer_task_client(pulled) == NULL);
    CHECK(gofer_task_stopping(pulled));
    gofer_task_log(pulled, GOFER_LOG_INFO, "late");
    CHECK_OK(gofer_task_result(pulled, "late", 4));
    CHECK_STATUS(gofer_task_checkpoint(pulled, "late", 4), GOFER_ESTALE);
    CHECK_OK(gofer_worker_finish(worker, &pulled, &outcome, 1));
    pulled = NULL;
}

// ---- who decides --------------------------------------------------------------------------------

static void count_hook(gofer_task *task, int32_t outcome, const char *text, void *user)
{
    (void)task, (void)outcome, (void)text, (void)user;
    atomic_fetch_add(&r.hooks, 1);
    while (!atomic_load(&r.gate))
        gf_sleep_us(500);
}

static int32_t wait_for_the_deadline(gofer_task *task, void *user)
{
    (void)user;
    while (gofer_task_cancelled(task) == GOFER_CANCEL_NONE)
        gf_sleep_us(500);
    return gofer_task_fail(task, "too slow");
}

// It is back before its slot is given up, but the hooks it is decided with take longer than that:
// they are asked once.
static void a_handler_that_is_being_decided_is_not_given_up(void)
{
    SET_UP("concurrency", "1", "lost_after", "100ms", "grace", "0");
    REQUIRE_OK(gofer_worker_on_error(r.worker, count_hook, NULL));
    handle("*", wait_for_the_deadline);
    start();
    gofer_enqueue_options o = { .timeout_ms = 50, .max_retry = GOFER_NO_RETRY };
    enqueue("t", "one", &o);
    WAIT_FOR(atomic_load(&r.hooks) == 1);
    gf_sleep_us(2500000);                  // housekeeping has looked meanwhile
    atomic_store(&r.gate, 1);
    WAIT_FOR(task_is("one", "state", "archived"));
    CHECK_INT(atomic_load(&r.hooks), 1);
    CHECK_INT(stat_of("lost_slots"), 0);
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_listener_may_outlive_its_client),
        TEST(a_worker_may_outlive_its_client),
        TEST(a_lost_handler_may_speak_after_all_is_freed),
        TEST(a_lost_handler_may_be_inside_a_call_to_the_store),
        TEST(a_pulled_task_is_waited_for),
        TEST(a_pulled_task_that_never_comes_back_is_left_behind_with_all_it_needs),
        TEST(a_handler_that_is_being_decided_is_not_given_up),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
