// worker_silent_test.c - a store that does not answer, or answers in part: handlers hear of
// deadlines and of the ends of their leases all the same, duties that fail leave the others their
// turn, and a worker that was told to stop ends.
#include <dirent.h>

#include "worker_rig.h"

static struct {
    _Atomic int hang;              // calls do not return
    _Atomic int slow_register;     // the entry among the workers fails, after longer
                                   //   than it is due again
    _Atomic int slow_recover;      // and recovery
    _Atomic int partly;            // renewals have no answer for single tasks
    _Atomic int forwards, recovers, purges, registers;
} silent;

static tables quiet;

static gofer_status ask(void)
{
    while (atomic_load(&silent.hang))
        gf_sleep_us(2000);
    return GOFER_OK;
}

static gofer_status fail_slowly(void)
{
    gf_sleep_us(1100000);
    return gf_fail(GOFER_EBROKER, "the test wants this to fail");
}

static gofer_status quiet_exchange(gf_broker *b, gf_finish *done, size_t count, gf_take *take)
{
    ask();
    return fault.real->tasks->exchange(b, done, count, take);
}

static gofer_status quiet_extend(gf_broker *b, gf_lease *leases, size_t count, int64_t lease_ms)
{
    ask();
    atomic_fetch_add(&fault.extends, 1);
    if (!atomic_load(&silent.partly))
        return fault.real->tasks->extend(b, leases, count, lease_ms);
    for (size_t i = 0; i < count; i++)
        leases[i].status = i % 2 ? GOFER_ETIMEOUT : GOFER_EBROKER;
    return GOFER_OK;
}

static gofer_status quiet_forward(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms)
{
    ask();
    atomic_fetch_add(&silent.forwards, 1);
    return fault.real->upkeep->forward(b, limit, done, next_ms);
}

static gofer_status quiet_recover(gf_broker *b, size_t limit, int32_t crash_limit,
    gf_recovered *out)
{
    ask();
    atomic_fetch_add(&silent.recovers, 1);
    return atomic_load(&silent.slow_recover)
        ? fail_slowly()
        : fault.real->upkeep->recover(b, limit, crash_limit, out);
}

static gofer_status quiet_purge(gf_broker *b, size_t limit, size_t *done)
{
    ask();
    atomic_fetch_add(&silent.purges, 1);
    return fault.real->upkeep->purge(b, limit, done);
}

static gofer_status quiet_register(gf_broker *b, const gf_worker_entry *e, int64_t lease_ms)
{
    ask();
    atomic_fetch_add(&silent.registers, 1);
    return atomic_load(&silent.slow_register) ? fail_slowly()
                                              : fault.real->upkeep->worker_register(b, e, lease_ms);
}

static gofer_status quiet_deregister(gf_broker *b, const char *id)
{
    ask();
    return fault.real->upkeep->worker_deregister(b, id);
}

static void install(void)
{
    memset(&silent, 0, sizeof silent);
    tables_copy(&quiet, fault.real);
    quiet.tasks.exchange = quiet_exchange;
    quiet.tasks.extend = quiet_extend;
    quiet.upkeep.forward = quiet_forward;
    quiet.upkeep.recover = quiet_recover;
    quiet.upkeep.purge = quiet_purge;
    quiet.upkeep.worker_register = quiet_register;
    quiet.upkeep.worker_deregister = quiet_deregister;
    quiet.upkeep.register_ms = 0;             // as stores where the entry has an end
    r.client->broker->ops = &quiet.ops;
    gofer_worker_free(r.worker);
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
}

#define SET_UP_SILENT(...)                                                  \
    do {                                                                    \
        static const char *const settings_[] = { __VA_ARGS__, NULL };       \
        set_up(NULL);                                                       \
        install();                                                          \
        for (const char *const *s_ = settings_; *s_; s_ += 2)               \
            REQUIRE_OK(gofer_worker_set(r.worker, s_[0], s_[1]));           \
    } while (0)

// ---- what is told on time -----------------------------------------------------------------------

static void a_deadline_is_told_while_the_store_is_silent(void)
{
    SET_UP_SILENT("concurrency", "1", "lease", "1h");
    handle("t", obedient);
    start();
    gofer_enqueue_options o = { .timeout_ms = 2000 };
    enqueue("t", "one", &o);
    WAIT_FOR(atomic_load(&r.runs) == 1);
    atomic_store(&silent.hang, 1);
    WAIT_FOR(atomic_load(&r.seen) == GOFER_CANCEL_TIMEOUT);
    atomic_store(&silent.hang, 0);
    tear_down();
}

static void the_end_of_a_lease_is_told_while_the_store_is_silent(void)
{
    SET_UP_SILENT("concurrency", "1", "lease", "2s");
    handle("t", obedient);
    start();
    enqueue("t", "one", NULL);
    WAIT_FOR(atomic_load(&r.runs) == 1);
    atomic_store(&silent.hang, 1);
    WAIT_FOR(atomic_load(&r.seen) == GOFER_CANCEL_LEASE);
    atomic_store(&silent.hang, 0);
    tear_down();
}

// A task whose renewal has no answer is not lost: it is asked for again, long before a third
// of the lease is over.
static void a_renewal_without_an_answer_is_no_lost_lease(void)
{
    SET_UP_SILENT("concurrency", "2", "lease", "30s");
    handle("t", obedient);
    atomic_store(&silent.partly, 1);
    start();
    enqueue("t", "one", NULL);
    enqueue("t", "two", NULL);
    WAIT_FOR(atomic_load(&r.runs) == 2);
    int64_t begun_ms = check_now_ms();
    WAIT_FOR(atomic_load(&fault.extends) >= 4);            // the first after 10 s
    CHECK(check_now_ms() - begun_ms < 60000);              // and not each after another ten
    CHECK_INT(atomic_load(&r.seen), 0);
    atomic_store(&silent.partly, 0);
    atomic_store(&r.gate, 1);
    WAIT_FOR(stat_of("processed") == 2);
    CHECK_INT(stat_of("stale"), 0);
    CHECK_INT(atomic_load(&r.seen), 0);
    tear_down();
}

// ---- turns --------------------------------------------------------------------------------------

static void duties_that_fail_leave_the_others_their_turn(void)
{
    for (int which = 0; which < 2; which++) {
        SET_UP_SILENT("concurrency", "1", "lease", "1s");
        handle("t", obedient);
        enqueue("t", "one", NULL);
        start();
        WAIT_FOR(atomic_load(&r.runs) == 1);
        atomic_store(which ? &silent.slow_recover : &silent.slow_register, 1);
        _Atomic int *failing = which ? &silent.recovers : &silent.registers;
        int failed = atomic_load(failing), forwards = atomic_load(&silent.forwards),
            purges = atomic_load(&silent.purges), extends = atomic_load(&fault.extends);
        WAIT_FOR(atomic_load(failing) >= failed + 7);
        CHECK(atomic_load(&silent.forwards) > forwards);
        CHECK(atomic_load(&silent.purges) > purges);
        CHECK(atomic_load(&fault.extends) > extends + 3);
        atomic_store(&r.gate, 1);
        tear_down();
    }
}

// ---- the end ------------------------------------------------------------------------------------

static size_t threads(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/task");
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

// The last test: those who are left behind go by what it has installed.
static void a_worker_ends_though_the_store_is_silent(void)
{
    SET_UP_SILENT("concurrency", "1", "grace", "1s");
    handle("t", obedient);
    size_t before = threads();
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    atomic_store(&silent.hang, 1);
    int64_t begun_ms = check_now_ms();
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK(check_now_ms() - begun_ms < 60000);
    CHECK_INT(stat_of("outcomes_lost"), 1);
    gofer_worker_free(r.worker);               // returns, and leaves behind who is inside a call
    gofer_client_close(r.client);
    atomic_store(&silent.hang, 0);
    // They come home, and do nothing for the worker that has ended.
    WAIT_FOR(threads() == before);
}

static void a_worker_with_nothing_to_hand_in_loses_nothing(void)
{
    SET_UP_SILENT("concurrency", "1");
    handle("t", count_run);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(stat_of("processed") == 1);
    atomic_store(&silent.hang, 1);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(stat_of("outcomes_lost"), 0);
    atomic_store(&silent.hang, 0);
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_deadline_is_told_while_the_store_is_silent),
        TEST(the_end_of_a_lease_is_told_while_the_store_is_silent),
        TEST(a_renewal_without_an_answer_is_no_lost_lease),
        TEST(duties_that_fail_leave_the_others_their_turn),
        TEST(a_worker_with_nothing_to_hand_in_loses_nothing),
        TEST(a_worker_ends_though_the_store_is_silent),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
