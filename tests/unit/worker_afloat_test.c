// worker_afloat_test.c - outcomes that the store has, but that are not synced yet: they count when
// they are, whoever has synced them.
#include "worker_rig.h"

static void nothing_is_synced_by_itself(void)
{
    atomic_store(&fault.floats, 1);
    atomic_store(&fault.settle_fails, INT32_MAX);
}

static void everything_is_synced_by_others(void)
{
    atomic_store(&fault.floats, 1);
    atomic_store(&fault.settled, UINT64_MAX);
}

static void an_outcome_counts_once_it_is_synced(void)
{
    SET_UP("concurrency", "1");
    handle("t", count_run);
    nothing_is_synced_by_itself();
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&fault.syncs) >= 2);
    CHECK(task_is("one", "state", NULL));      // the store has it,
    CHECK_INT(stat_of("processed"), 0);        // and nobody is told
    everything_is_synced_by_others();
    WAIT_FOR(stat_of("processed") == 1);
    CHECK_INT(atomic_load(&r.runs), 1);
    CHECK_INT(stat_of("stale"), 0);
    tear_down();
}

static void while_others_sync_the_worker_need_not(void)
{
    SET_UP("concurrency", "4", "gather_us", "100000");
    handle("t", count_run);
    everything_is_synced_by_others();
    enqueue_many("t", "default", 500);
    start();
    WAIT_FOR(stat_of("processed") == 500);
    CHECK(atomic_load(&fault.tickets) > 0);
    CHECK_INT(atomic_load(&fault.syncs), 0);
    tear_down();
}

static void when_nobody_else_syncs_the_worker_does(void)
{
    SET_UP("concurrency", "4");
    handle("t", count_run);
    atomic_store(&fault.floats, 1);
    enqueue_many("t", "default", 500);
    start();
    WAIT_FOR(stat_of("processed") == 500);
    CHECK(atomic_load(&fault.syncs) > 0);
    CHECK_INT(atomic_load(&fault.settled), atomic_load(&fault.tickets));
    tear_down();
}

// Failures and what goes back ride as well; each is counted as what it is, and once.
static int32_t fail_once(gofer_task *task, void *user)
{
    int run = atomic_fetch_add(&((rig *)user)->runs, 1);
    return run == 0 ? gofer_task_fail(task, "not yet") : GOFER_DONE;
}

static void a_failure_counts_once_it_is_synced(void)
{
    SET_UP("concurrency", "1");
    handle("t", fail_once);
    nothing_is_synced_by_itself();
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.max_retry = 3;
    enqueue("t", "one", &o);
    start();
    WAIT_FOR(atomic_load(&fault.syncs) >= 2);
    CHECK(task_is("one", "state", "retry"));
    CHECK_INT(stat_of("failed"), 0);
    everything_is_synced_by_others();
    WAIT_FOR(stat_of("failed") == 1);
    CHECK_INT(stat_of("retried"), 1);
    tear_down();
}

static void a_worker_that_stops_syncs_first(void)
{
    SET_UP("concurrency", "1", "gather_us", "100000");
    handle("t", count_run);
    atomic_store(&fault.floats, 1);
    atomic_store(&fault.settle_fails, 3);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&fault.tickets) == 1);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(atomic_load(&fault.settled), 1);
    CHECK_INT(stat_of("processed"), 1);
    CHECK_INT(stat_of("outcomes_lost"), 0);
    tear_down();
}

static void a_worker_that_must_stop_says_what_may_be_lost(void)
{
    SET_UP("concurrency", "1");
    handle("t", count_run);
    nothing_is_synced_by_itself();
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&fault.syncs) > 0);
    gofer_worker_stop(r.worker);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(stat_of("processed"), 0);
    CHECK_INT(stat_of("outcomes_lost"), 1);
    tear_down();
}

static void what_finishes_meanwhile_does_not_hold_up_the_stop(void)
{
    SET_UP("concurrency", "2");
    handle("t", count_other);
    handle("slow", obedient);
    nothing_is_synced_by_itself();
    enqueue("slow", "two", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    enqueue("t", "one", NULL);
    WAIT_FOR(atomic_load(&fault.syncs) > 0);
    atomic_store(&r.gate, 1);
    gofer_worker_stop(r.worker);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(stat_of("outcomes_lost"), 2);
    tear_down();
}

static void a_worker_that_drains_comes_to_its_end(void)
{
    SET_UP("concurrency", "2", "drain", "1", "gather_us", "100000");
    handle("t", count_run);
    atomic_store(&fault.floats, 1);
    enqueue_many("t", "default", 100);
    start();
    wait_end();
    CHECK_INT(stat_of("processed"), 100);
    CHECK_INT(atomic_load(&fault.settled), atomic_load(&fault.tickets));
    tear_down();
}

static void without_gathering_each_outcome_is_synced_at_once(void)
{
    SET_UP("concurrency", "2", "gather_us", "0");
    handle("t", count_run);
    nothing_is_synced_by_itself();
    enqueue_many("t", "default", 100);
    start();
    WAIT_FOR(stat_of("processed") == 100);
    CHECK_INT(atomic_load(&fault.tickets), 0);
    CHECK_INT(atomic_load(&fault.syncs), 0);
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(an_outcome_counts_once_it_is_synced),
        TEST(while_others_sync_the_worker_need_not),
        TEST(when_nobody_else_syncs_the_worker_does),
        TEST(a_failure_counts_once_it_is_synced),
        TEST(a_worker_that_stops_syncs_first),
        TEST(a_worker_that_must_stop_says_what_may_be_lost),
        TEST(what_finishes_meanwhile_does_not_hold_up_the_stop),
        TEST(a_worker_that_drains_comes_to_its_end),
        TEST(without_gathering_each_outcome_is_synced_at_once),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
