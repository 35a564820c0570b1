// worker_figures_test.c - what a worker counts since its start, by queue and type: each end that a
// task may come to, times by size, and no more names than there is room for.
#include "worker_rig.h"
#include "worker/upkeep/tally.h"

#include <pthread.h>

static gofer_info *figures(void)
{
    gofer_info *info;
    REQUIRE_OK(gofer_worker_figures(r.worker, &info));
    return info;
}

// The record of a type, or of a call; NULL: it is not there.
static const gofer_info *named(const gofer_info *list, const char *field, const char *name)
{
    for (size_t i = 0; i < gofer_info_count(list); i++)
        if (strcmp(gofer_info_text(gofer_info_at(list, i), field), name) == 0)
            return gofer_info_at(list, i);
    return NULL;
}

static int64_t counted(const gofer_info *times)
{
    int64_t sum = 0;
    for (size_t i = 0; i < gofer_info_count(times); i++)
        sum += gofer_info_int(gofer_info_at(times, i), "count", -1);
    return sum;
}

// ---- the ends of tasks --------------------------------------------------------------------------

static int32_t end_as_told(gofer_task *task, void *user)
{
    const char *type = gofer_task_type(task);
    if (strcmp(type, "bad") == 0 || strcmp(type, "twice") == 0)
        return gofer_task_fail(task, "no");
    if (strcmp(type, "nap") == 0 && atomic_fetch_add(&((rig *)user)->runs, 1) == 0)
        return gofer_task_snooze(task, 1, NULL);
    return strcmp(type, "drop") == 0 ? GOFER_REVOKE : GOFER_DONE;
}

static void each_end_is_counted_for_its_type(void)
{
    static const struct { const char *type, *end; int64_t count, failed, runs; } want[] = {
        { "good", "done", 3, 0, 3 }, { "bad", "archived", 1, 1, 1 },
        { "twice", "retried", 1, 2, 2 }, { "twice", "archived", 1, 2, 2 },
        { "nap", "snoozed", 1, 0, 1 }, { "nap", "done", 1, 0, 1 },
        { "drop", "revoked", 1, 0, 0 }, { "late", "expired", 1, 0, 0 },
    };
    SET_UP("drain", "1");
    handle("*", end_as_told);
    for (int i = 0; i < 3; i++)
        enqueue("good", NULL, NULL);
    enqueue("bad", NULL, &(gofer_enqueue_options){ .max_retry = GOFER_NO_RETRY });
    enqueue("twice", NULL, &(gofer_enqueue_options){ .max_retry = 1, .retry = "fixed:1ms" });
    enqueue("nap", NULL, NULL);
    enqueue("drop", NULL, NULL);
    enqueue("late", NULL, &(gofer_enqueue_options){ .expires_ms = 1 });
    gf_sleep_us(5000);
    start();
    wait_end();
    gofer_info *info = figures();
    const gofer_info *types = gofer_info_child(info, "types");
    CHECK_INT(gofer_info_count(types), 6);
    for (size_t i = 0; i < COUNT(want); i++) {
        const gofer_info *type = named(types, "type", want[i].type);
        REQUIRE(type != NULL);
        CHECK_STR(gofer_info_text(type, "queue"), "default");
        CHECK_INT(gofer_info_int(type, want[i].end, -1), want[i].count);
        CHECK_INT(gofer_info_int(type, "failed", -1), want[i].failed);
        CHECK_INT(counted(gofer_info_child(type, "runs")), want[i].runs);
    }
    CHECK(!gofer_info_int(info, "limited", 1));
    const gofer_info *asked = named(gofer_info_child(info, "calls"), "call", "exchange");
    REQUIRE(asked != NULL);
    CHECK(counted(gofer_info_child(asked, "times")) > 0);
    CHECK_INT(gofer_info_int(asked, "errors", -1), 0);
    gofer_info_free(info);
    tear_down();
}

static void a_store_that_fails_is_counted(void)
{
    SET_UP("drain", "1");
    handle("*", count_run);
    enqueue("t", NULL, NULL);
    atomic_store(&fault.exchange_status, GOFER_EBROKER);
    atomic_store(&fault.exchange_fails, 2);
    start();
    wait_end();
    gofer_info *info = figures();
    const gofer_info *asked = named(gofer_info_child(info, "calls"), "call", "exchange");
    REQUIRE(asked != NULL);
    CHECK_INT(gofer_info_int(asked, "errors", -1), 2);
    gofer_info_free(info);
    tear_down();
}

static bool is_in(const char *state)
{
    gofer_info *info;
    REQUIRE_OK(gofer_worker_stats(r.worker, &info));
    bool is = strcmp(gofer_info_text(info, "state"), state) == 0;
    gofer_info_free(info);
    return is;
}

static void the_state_is_told_from_before_the_start_to_after_the_end(void)
{
    SET_UP("concurrency", "3");
    handle("*", count_run);
    CHECK(is_in("new"));
    CHECK_INT(stat_of("started_at_ms"), -1);
    start();
    CHECK(is_in("active"));
    CHECK_INT(stat_of("concurrency"), 3);
    CHECK(stat_of("started_at_ms") > 0);
    gofer_worker_quiet(r.worker);
    WAIT_FOR(is_in("quiet"));
    gofer_worker_resume(r.worker);
    WAIT_FOR(is_in("active"));
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK(is_in("ended"));
    CHECK_STATUS(gofer_worker_figures(r.worker, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_figures(NULL, NULL), GOFER_EINVAL);
    tear_down();
}

// ---- times and bounds ---------------------------------------------------------------------------

enum { MS = 1000000 };

static void count(gf_tallies *t, const char *queue, const char *type, int64_t run_ns)
{
    gf_message m = { .queue = queue, .type = type };
    gf_tally_add(t, &m, &(gf_outcome){ .name = GF_OUTCOME_DONE }, -1, run_ns);
}

static void times_fall_between_powers_of_two(void)
{
    static const struct { int64_t ns; int place; } cases[] = {
        { 0, 0 }, { MS - 1, 0 }, { MS, 1 }, { 2 * MS - 1, 1 }, { 2 * MS, 2 }, { 3 * MS, 2 },
        { 4 * MS - 1, 2 }, { 4 * MS, 3 }, { INT64_C(1024) * MS - 1, 10 },
        { INT64_C(1024) * MS, 11 }, { INT64_C(4194304) * MS - 1, 22 },
        { INT64_C(4194304) * MS, 23 }, { INT64_MAX / 4, 23 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_tallies t = { .count = 0 };
        count(&t, "q", "t", cases[i].ns);
        const gf_tally *tally = atomic_load(&t.newest);
        REQUIRE(tally != NULL);
        CHECK_INT(tally->run.counts[cases[i].place], 1);
        CHECK_INT(tally->run.total_ns, cases[i].ns);
        gf_tallies_clear(&t);
    }
}

static int64_t done_of(const gf_tallies *t, const char *queue, const char *type, size_t *found)
{
    int64_t done = 0;
    *found = 0;
    for (const gf_tally *tally = atomic_load(&t->newest); tally; tally = tally->older) {
        if ((queue && strcmp(tally->queue, queue) != 0) || (type && strcmp(tally->type, type) != 0))
            continue;
        done += (int64_t)tally->outcomes[GF_OUTCOME_DONE];
        ++*found;
    }
    return done;
}

static void a_flood_of_types_is_bounded(void)
{
    enum { TYPES = 3000 };
    gf_tallies t = { .count = 0 };
    char type[32];
    size_t found;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < TYPES; i++) {
            snprintf(type, sizeof type, "type-%d", i);
            count(&t, i % 2 ? "q" : "p", type, 0);
            CHECK_INT(atomic_load(&t.limited), round > 0 || i >= GF_TALLIES_MAX);
        }
    CHECK_INT(done_of(&t, NULL, NULL, &found), 2 * TYPES);
    CHECK_INT(found, GF_TALLIES_MAX + 2);
    CHECK_INT(done_of(&t, "q", GF_TALLY_OTHER, &found), TYPES - GF_TALLIES_MAX);
    CHECK_INT(done_of(&t, "q", "type-1", &found), 2);
    gf_tallies_clear(&t);
}

static void a_flood_of_queues_is_bounded_too(void)
{
    enum { QUEUES = 3000 };
    gf_tallies t = { .count = 0 };
    char queue[32];
    size_t found;
    for (int i = 0; i < QUEUES; i++) {
        snprintf(queue, sizeof queue, "queue-%d", i);
        count(&t, queue, "t", 0);
    }
    CHECK_INT(done_of(&t, NULL, NULL, &found), QUEUES);
    CHECK_INT(found, GF_TALLIES_MAX + GF_TALLIES_OTHER + 1);
    CHECK_INT(done_of(&t, GF_TALLY_OTHER, GF_TALLY_OTHER, &found),
        QUEUES - GF_TALLIES_MAX - GF_TALLIES_OTHER);
    gf_tallies_clear(&t);
}

// ---- while it runs ------------------------------------------------------------------------------

typedef struct looking {
    _Atomic int end;
    int64_t     looks, fell;
} looking;

static void *look_on(void *user)
{
    looking *l = user;
    for (int64_t before = 0; !atomic_load(&l->end); l->looks++) {
        gofer_info *info;
        if (gofer_worker_figures(r.worker, &info) != GOFER_OK)
            break;
        const gofer_info *type = named(gofer_info_child(info, "types"), "type", "t");
        int64_t done = type ? gofer_info_int(type, "done", -1) : 0;
        l->fell += done < before;
        before = done;
        gofer_info_free(info);
    }
    return NULL;
}

static void who_looks_on_sees_numbers_grow(void)
{
    enum { TASKS = 5000 };
    looking l = { .end = 0 };
    pthread_t thread;
    SET_UP("drain", "1", "concurrency", "4");
    handle("*", count_run);
    enqueue_many("t", "default", TASKS);
    REQUIRE(pthread_create(&thread, NULL, look_on, &l) == 0);
    start();
    wait_end();
    atomic_store(&l.end, 1);
    pthread_join(thread, NULL);
    CHECK(l.looks > 0);
    CHECK_INT(l.fell, 0);
    gofer_info *info = figures();
    const gofer_info *type = named(gofer_info_child(info, "types"), "type", "t");
    REQUIRE(type != NULL);
    CHECK_INT(gofer_info_int(type, "done", -1), TASKS);
    CHECK_INT(counted(gofer_info_child(type, "runs")), TASKS);
    CHECK_INT(counted(gofer_info_child(type, "waits")), TASKS);
    gofer_info_free(info);
    tear_down();
}

static const check_test tests[] = {
    TEST(each_end_is_counted_for_its_type),
    TEST(a_store_that_fails_is_counted),
    TEST(the_state_is_told_from_before_the_start_to_after_the_end),
    TEST(times_fall_between_powers_of_two),
    TEST(a_flood_of_types_is_bounded),
    TEST(a_flood_of_queues_is_bounded_too),
    TEST(who_looks_on_sees_numbers_grow),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
