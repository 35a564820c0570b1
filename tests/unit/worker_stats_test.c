// worker_stats_test.c - how long tasks waited and ran: buckets, percentiles, what a worker counts,
// and what comes out.
#include "gofer/gofer.h"

#include "fake_fleet.h"
#include "broker/buckets.h"
#include "worker/upkeep/stats.h"

static const int64_t MS = 1000000;

// ---- buckets and percentiles -------------------------------------------------------------

// The header's definition, in floating point.
static size_t bucket_by_definition(double ms)
{
    if (ms < 1)
        return 0;
    size_t bucket = 0;
    // 2^(1/4)
    for (double edge = 1; ms >= edge && bucket < GF_STATS_BUCKETS - 1; edge *= 1.189207115002721)
        bucket++;
    return bucket;
}

static void a_time_is_counted_in_its_bucket(void)
{
    static const struct { int64_t ns; size_t want; } cases[] = {
        { -5, 0 }, { 0, 0 }, { 999999, 0 }, { 1000000, 1 }, { 1189000, 1 }, { 1190000, 2 },
        { 1999999, 4 },
        { 2000000, 5 }, { 4000000, 9 }, { 1024 * INT64_C(1000000), 41 }, { INT64_MAX, 111 },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK_INT(gf_stats_bucket(cases[i].ns), cases[i].want);
    for (double ms = 0.5; ms < 3e8; ms *= 1.0371)
        CHECK_INT(gf_stats_bucket((int64_t)(ms * 1e6)), bucket_by_definition(ms));
}

static void a_percentile_is_right_within_ten_percent(void)
{
    // All of one time: every percentile is that time.
    for (int64_t ms = 1; ms < 100000000; ms += 1 + ms / 7) {
        uint32_t buckets[GF_STATS_BUCKETS] = { 0 };
        buckets[gf_stats_bucket(ms * MS)] = 10;
        int64_t got = gf_stats_percentile_ms(buckets, 50);
        CHECK(llabs(got - ms) * 10 <= ms + 5);       // and half a millisecond, for it is rounded
        CHECK_INT(gf_stats_percentile_ms(buckets, 100), got);
    }
    // 1 to 1000 ms, evenly.
    uint32_t buckets[GF_STATS_BUCKETS] = { 0 };
    static const int percents[] = { 50, 90, 99, 100 };
    for (int64_t ms = 1; ms <= 1000; ms++)
        buckets[gf_stats_bucket(ms * MS)]++;
    for (size_t i = 0; i < COUNT(percents); i++) {
        int64_t want = 10 * percents[i], got = gf_stats_percentile_ms(buckets, percents[i]);
        CHECK(llabs(got - want) * 10 <= want + 5);
    }
    // The ends.
    memset(buckets, 0, sizeof buckets);
    CHECK_INT(gf_stats_percentile_ms(buckets, 50), 0);
    buckets[0] = 99;
    buckets[GF_STATS_BUCKETS - 1] = 1;
    CHECK_INT(gf_stats_percentile_ms(buckets, 99), 0);
    CHECK(gf_stats_percentile_ms(buckets, 100) > INT64_C(48) * 3600 * 1000);
}

// ---- counting -----------------------------------------------------------------------------------

typedef struct rig {
    gofer_client *client;
    gf_stats      stats;
} rig;

static rig r;

static void set_up(void)
{
    r = (rig){ .stats = { .lock = PTHREAD_MUTEX_INITIALIZER } };
    REQUIRE_OK(gofer_client_open(&r.client, "memory:", NULL));
    fleet_install(r.client);
}

static void tear_down(void)
{
    gf_stats_clear(&r.stats);
    gofer_client_close(r.client);
    fleet_clear();
}

static void add(const char *queue, const char *type, int64_t wait_ms, int64_t run_ms, bool failed)
{
    gf_message m = { .queue = queue, .type = type };
    pthread_mutex_lock(&r.stats.lock);
    gf_stats_add(&r.stats, &m, wait_ms < 0 ? -1 : wait_ms * MS, run_ms * MS, failed);
    pthread_mutex_unlock(&r.stats.lock);
}

static const gf_type_stats *stat_of(const char *queue, const char *type)
{
    for (size_t i = 0; i < fleet.stat_count; i++)
        if (strcmp(fleet.stats[i].queue, queue) == 0 && strcmp(fleet.stats[i].type, type) == 0)
            return &fleet.stats[i];
    return NULL;
}

static uint32_t sum(const uint32_t buckets[GF_STATS_BUCKETS])
{
    uint32_t all = 0;
    for (size_t i = 0; i < GF_STATS_BUCKETS; i++)
        all += buckets[i];
    return all;
}

static void each_queue_and_type_is_counted_for_itself(void)
{
    set_up();
    add("q", "a", 5, 10, false);
    add("q", "a", -1, 20, true);
    add("q", "b", 0, 0, false);
    add("p", "a", 5, 10, false);
    add("q", "a", 7, 30, false);
    CHECK_OK(gf_stats_flush(&r.stats, r.client->broker));
    const gf_type_stats *stat = stat_of("q", "a");
    REQUIRE(stat != NULL);
    CHECK_INT(stat->done, 2);
    CHECK_INT(stat->failed, 1);
    CHECK_INT(sum(stat->run), 3);
    CHECK_INT(sum(stat->wait), 2);
    CHECK_INT(fleet.stat_count, 3);
    // Nothing is handed over twice.
    CHECK_OK(gf_stats_flush(&r.stats, r.client->broker));
    CHECK_INT(atomic_load(&fleet.stat_calls), 1);
    tear_down();
}

static void what_the_store_did_not_take_is_counted_on(void)
{
    set_up();
    add("q", "a", 1, 1, false);
    atomic_store(&fleet.stat_status, GOFER_EBROKER);
    CHECK_STATUS(gf_stats_flush(&r.stats, r.client->broker), GOFER_EBROKER);
    add("q", "a", 1, 1, false);
    atomic_store(&fleet.stat_status, GOFER_OK);
    CHECK_OK(gf_stats_flush(&r.stats, r.client->broker));
    REQUIRE(stat_of("q", "a") != NULL);
    CHECK_INT(stat_of("q", "a")->done, 2);
    // What it may have taken is not counted again.
    add("q", "a", 1, 1, false);
    atomic_store(&fleet.stat_status, GOFER_EUNCERTAIN);
    CHECK_STATUS(gf_stats_flush(&r.stats, r.client->broker), GOFER_EUNCERTAIN);
    atomic_store(&fleet.stat_status, GOFER_OK);
    CHECK_OK(gf_stats_flush(&r.stats, r.client->broker));
    CHECK_INT(stat_of("q", "a")->done, 2);
    tear_down();
}

static void thousands_of_types_are_bounded(void)
{
    enum { TYPES = 3000 };
    char type[32];
    int64_t done = 0;
    set_up();
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < TYPES; i++) {
            snprintf(type, sizeof type, "type-%d", i);
            add(i % 2 ? "q" : "p", type, 1, 1, false);
        }
    CHECK_OK(gf_stats_flush(&r.stats, r.client->broker));
    CHECK_INT(fleet.stat_count, GF_STATS_MAX + 2);
    for (size_t i = 0; i < fleet.stat_count; i++)
        done += fleet.stats[i].done;
    CHECK_INT(done, 2 * TYPES);
    REQUIRE(stat_of("q", "other") != NULL);
    CHECK_INT(
        stat_of("q", "other")->done + stat_of("p", "other")->done, 2 * (TYPES - GF_STATS_MAX));
    tear_down();
}

static void queues_without_end_are_bounded_too(void)
{
    char queue[32];
    set_up();
    for (int i = 0; i < 5000; i++) {
        snprintf(queue, sizeof queue, "queue-%d", i);
        add(queue, "t", 1, 1, false);
    }
    CHECK_OK(gf_stats_flush(&r.stats, r.client->broker));
    CHECK_INT(fleet.stat_count, GF_STATS_MAX + GF_STATS_OTHER);
    tear_down();
}

// ---- a worker's ---------------------------------------------------------------------------------

static int32_t mixed(gofer_task *task, void *user)
{
    (void)user;
    return strcmp(gofer_task_type(task), "bad") == 0 ? gofer_task_skip_retry(task, "no")
                                                     : GOFER_DONE;
}

static void a_worker_hands_its_stats_over_at_the_stop(void)
{
    gofer_worker *worker;
    static const char *const types[] = { "good", "good", "bad", "good" };
    set_up();
    for (size_t i = 0; i < COUNT(types); i++)
        REQUIRE_OK(gofer_client_enqueue(r.client, types[i], NULL, 0, NULL, NULL));
    REQUIRE_OK(gofer_worker_new(&worker, r.client));
    REQUIRE_OK(gofer_worker_set(worker, "drain", "1"));
    REQUIRE_OK(gofer_worker_handle(worker, "*", mixed, NULL, NULL));
    REQUIRE_OK(gofer_worker_run(worker));
    gofer_worker_free(worker);
    const gf_type_stats *good = stat_of("default", "good"), *bad = stat_of("default", "bad");
    REQUIRE(good && bad);
    CHECK_INT(good->done, 3);
    CHECK_INT(good->failed, 0);
    CHECK_INT(bad->failed, 1);
    CHECK_INT(sum(good->run), 3);
    CHECK_INT(sum(good->wait), 3);     // the store tells since when they were pending
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_time_is_counted_in_its_bucket),
        TEST(a_percentile_is_right_within_ten_percent),
        TEST(each_queue_and_type_is_counted_for_itself),
        TEST(what_the_store_did_not_take_is_counted_on),
        TEST(thousands_of_types_are_bounded),
        TEST(queues_without_end_are_bounded_too),
        TEST(a_worker_hands_its_stats_over_at_the_stop),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
