// worker_spent_test.c - a worker whose store fails for good: it ends, and says why; one whose store
// may come back waits for it.
#include "worker_rig.h"

static _Atomic int spent;

static bool is_spent(gf_broker *b)
{
    (void)b;
    return atomic_load(&spent) != 0;
}

static gofer_status fail_tidy(gf_broker *b)
{
    (void)b;
    atomic_store(&spent, 1);
    return gf_fail(GOFER_EBROKER, "the disk is broken");
}

static void begin(const char *concurrency)
{
    SET_UP("concurrency", concurrency, "grace", "10m");
    atomic_store(&spent, 0);
    fault.now.ops.is_spent = is_spent;
}

static void it_ends_and_says_why(void)
{
    CHECK_STATUS(gofer_worker_wait(r.worker, PATIENCE_MS), GOFER_EBROKER);
    CHECK_HAS(gofer_error_last(), "needs to be opened again: the ");
}

// From now on the store takes nothing.
static int32_t fail_store(gofer_task *task, void *user)
{
    (void)task;
    atomic_fetch_add(&((rig *)user)->runs, 1);
    atomic_store(&spent, 1);
    atomic_store(&fault.exchange_status, GOFER_EBROKER);
    atomic_store(&fault.exchange_fails, INT32_MAX);
    return GOFER_DONE;
}

static void it_ends_with_what_it_could_not_hand_in(void)
{
    begin("1");
    handle("t", fail_store);
    enqueue("t", "one", NULL);
    start();
    it_ends_and_says_why();
    CHECK_INT(stat_of("outcomes_lost"), 1);
    CHECK_INT(atomic_load(&r.runs), 1);
    tear_down();
}

static void what_runs_has_the_grace(void)
{
    begin("2");
    handle("t", fail_store);
    handle("slow", obedient);
    enqueue("slow", "two", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    enqueue("t", "one", NULL);
    WAIT_FOR(atomic_load(&r.runs) == 2);
    CHECK_STATUS(gofer_worker_wait(r.worker, 0), GOFER_ETIMEOUT);
    atomic_store(&r.gate, 1);
    it_ends_and_says_why();
    CHECK_INT(atomic_load(&r.seen), 0);        // and ended by itself
    CHECK_INT(stat_of("outcomes_lost"), 2);
    tear_down();
}

static void housekeeping_sees_it_where_nothing_is_taken(void)
{
    begin("1");
    handle("t", count_run);
    fault.now.upkeep.tidy = fail_tidy;
    gofer_worker_quiet(r.worker);
    start();
    it_ends_and_says_why();
    CHECK_HAS(gofer_error_last(), "the disk is broken");
    CHECK_INT(stat_of("outcomes_lost"), 0);
    tear_down();
}

static void a_store_that_comes_back_is_waited_for(void)
{
    begin("1");
    handle("t", count_run);
    atomic_store(&fault.exchange_status, GOFER_EBROKER);
    atomic_store(&fault.exchange_fails, 4);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(stat_of("processed") == 1);
    gofer_worker_stop(r.worker);
    wait_end();
    tear_down();
}

// It ends anyhow, and as it was told to.
static void who_stops_it_is_not_told_of_a_failure(void)
{
    begin("1");
    handle("t", obedient);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    gofer_worker_stop(r.worker);
    atomic_store(&spent, 1);
    atomic_store(&fault.exchange_status, GOFER_EBROKER);
    atomic_store(&fault.exchange_fails, INT32_MAX);
    atomic_store(&r.gate, 1);
    wait_end();
    CHECK_INT(stat_of("outcomes_lost"), 1);
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(it_ends_with_what_it_could_not_hand_in), TEST(what_runs_has_the_grace),
        TEST(housekeeping_sees_it_where_nothing_is_taken),
        TEST(a_store_that_comes_back_is_waited_for), TEST(who_stops_it_is_not_told_of_a_failure),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
