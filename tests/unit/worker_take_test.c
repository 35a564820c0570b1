// worker_take_test.c - how workers take tasks and give them back: shares of queues, a store in
// trouble, the pull way.
#include <poll.h>

#include "worker_rig.h"

// ---- queues -------------------------------------------------------------------------------------

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
    share_out(500, "0", "0");              // a transaction for each: under valgrind
                                           //   that takes its time
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

// One exchange takes a task, and one hands it in: what left nothing is not asked again before the
// store has news.
static void a_task_costs_two_exchanges(void)
{
    enum { TASKS = 20 };
    SET_UP("concurrency", "1");
    handle("t", count_run);
    start();
    WAIT_FOR(atomic_load(&fault.exchanges) >= 1);
    for (int i = 1; i <= TASKS; i++) {
        enqueue("t", NULL, NULL);
        WAIT_FOR(stat_of("processed") == i);
    }
    int exchanges = atomic_load(&fault.exchanges);
    CHECK(exchanges <= 2 * TASKS + 2);         // the first was in vain; perhaps news came twice
    tear_down();
}

// ---- a store with faults ------------------------------------------------------------------------

static void a_store_in_trouble_costs_no_task(void)
{
    static const int statuses[] = { GOFER_EBROKER, GOFER_ETIMEOUT, GOFER_ENOSPACE,
        GOFER_EUNCERTAIN };
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
    // A busy machine may keep housekeeping waiting for a second.
    SET_UP("concurrency", "1", "lease", "3s");
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

// ---- the pull way -------------------------------------------------------------------------------

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

// An event loop would spin on it else: it is level-triggered.
static void the_descriptor_is_silent_while_all_that_may_be_out_is_out(void)
{
    enum { OUT = 4 };
    gofer_task *tasks[OUT];
    int32_t outcomes[OUT] = { GOFER_DONE, GOFER_DONE, GOFER_DONE, GOFER_DONE };
    size_t out = 0, count;
    SET_UP("pull", "1", "concurrency", "4");
    enqueue_many("t", "default", 100);
    start();
    for (int round = 0; round < 5; round++) {
        for (; out < OUT; out += count)
            REQUIRE_OK(gofer_worker_take(r.worker, tasks + out, OUT - out, PATIENCE_MS, &count));
        CHECK(!fd_readable(50));               // though many wait in the store
        CHECK_STATUS(gofer_worker_take(r.worker, tasks, 1, 0, &count), GOFER_EEMPTY);
        out = OUT - 1;
        REQUIRE_OK(gofer_worker_finish(r.worker, &tasks[out], outcomes, 1));
        CHECK(fd_readable(PATIENCE_MS));       // there is room for one
    }
    REQUIRE_OK(gofer_worker_finish(r.worker, tasks, outcomes, out));
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

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(weights_share_out_batches),
        TEST(weights_share_out_single_tasks),
        TEST(strict_priority_takes_the_heaviest_first),
        TEST(a_queue_without_tasks_leaves_its_share_to_others),
        TEST(a_task_costs_two_exchanges),
        TEST(a_store_in_trouble_costs_no_task),
        TEST(an_outcome_waits_until_the_store_takes_it),
        TEST(a_lost_reply_is_repeated_and_counted_once),
        TEST(an_outcome_without_an_answer_is_told_again),
        TEST(a_stopping_worker_gives_up_on_a_store_that_is_gone),
        TEST(leases_are_extended_while_a_handler_runs),
        TEST(a_lost_lease_cancels_the_handler),
        TEST(the_host_takes_and_finishes_in_batches),
        TEST(the_descriptor_is_silent_while_all_that_may_be_out_is_out),
        TEST(pulled_tasks_fail_and_hear_of_deadlines_like_others),
        TEST(a_pulled_task_that_is_kept_goes_back_at_the_stop),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
