// stats.c - how long tasks waited and ran, added up by hour and minute, queue and type.
#include "fixture.h"
#include "suites.h"
#include "util/alloc.h"
#include "util/clock.h"

enum { HOUR_MS = GF_STATS_HOUR_MS };

static gf_broker *open_or_skip(void)
{
    gf_broker *b = store_open();
    if (b->ops->inspect->stats && b->ops->inspect->stats_add)
        return b;
    store_close(b);
    SKIP("not built");
}

static const gf_type_stats *find(
    const gf_type_stats *items, size_t count, const char *queue, const char *type)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].queue, queue) == 0 && strcmp(items[i].type, type) == 0)
            return &items[i];
    return NULL;
}

static gf_type_stats stat_of(const char *queue, const char *type, int64_t done, int64_t failed)
{
    gf_type_stats s = { .queue = queue, .type = type, .done = done, .failed = failed };
    s.wait[0] = (uint32_t)(done + failed);
    s.run[GF_STATS_BUCKETS - 1] = 1;
    s.run[17] = (uint32_t)(done + failed - 1);
    return s;
}

static void stats_add_up_by_queue_and_type(void)
{
    gf_broker *b = open_or_skip();
    gf_type_stats *items = NULL;
    size_t count = 9;
    CHECK_OK(b->ops->inspect->stats(b, NULL, gf_now_ms() - HOUR_MS, &items, &count));
    CHECK_INT(count, 0);
    gf_free(items);
    put(b, "q", "t");
    put(b, "r", "t");
    const gf_type_stats some[] = { stat_of("q", "email:welcome", 10, 2),
        stat_of("q", "a type", 1, 0), stat_of("r", "email:welcome", 5, 0) };
    CHECK_OK(b->ops->inspect->stats_add(b, some, COUNT(some)));
    CHECK_OK(b->ops->inspect->stats_add(b, some, 1));
    CHECK_OK(b->ops->inspect->stats_add(b, some, 0));

    CHECK_OK(b->ops->inspect->stats(b, NULL, gf_now_ms() - HOUR_MS, &items, &count));
    CHECK_INT(count, 3);
    const gf_type_stats *s = find(items, count, "q", "email:welcome");
    REQUIRE(s != NULL);
    CHECK_INT(s->done, 20);
    CHECK_INT(s->failed, 4);
    CHECK_INT(s->wait[0], 24);
    CHECK_INT(s->wait[1], 0);
    CHECK_INT(s->run[17], 22);
    CHECK_INT(s->run[GF_STATS_BUCKETS - 1], 2);
    CHECK(find(items, count, "q", "a type") != NULL);
    CHECK(find(items, count, "r", "email:welcome") != NULL);
    gf_free(items);

    CHECK_OK(b->ops->inspect->stats(b, "r", gf_now_ms() - 170 * (int64_t)HOUR_MS, &items, &count));
    REQUIRE(count == 1);
    CHECK_STR(items[0].queue, "r");
    CHECK_STR(items[0].type, "email:welcome");
    CHECK_INT(items[0].done, 5);
    gf_free(items);
    CHECK_OK(b->ops->inspect->stats(b, "none", gf_now_ms() - HOUR_MS, &items, &count));
    CHECK_INT(count, 0);
    gf_free(items);
    store_close(b);
}

// The step of a moment since begin_ms: it may have ended since.
static size_t only_step(const gf_stats_steps *which, const gf_type_stats *sums, int64_t begin_ms)
{
    size_t at = (size_t)(begin_ms / which->step_ms - which->first);
    while (at + 1 < which->count && sums[at].wait[0] == 0)
        at++;
    return at;
}

static void steps_are_told_one_by_one(int64_t step_ms, size_t kept)
{
    gf_broker *b = open_or_skip();
    put(b, "q", "t");
    put(b, "r", "t");
    const gf_type_stats some[] = { stat_of("q", "email:welcome", 10, 2), stat_of("q", "a", 1, 0),
        stat_of("r", "email:welcome", 5, 0) };
    static const struct { const char *queue, *type; int64_t done, failed; uint32_t wait; } cases[] =
    {
        { NULL, NULL, 16, 2, 18 }, { "q", NULL, 11, 2, 13 }, { NULL, "email:welcome", 15, 2, 17 },
        { "r", "email:welcome", 5, 0, 5 }, { "r", "a", 0, 0, 0 }, { "none", NULL, 0, 0, 0 },
    };
    static gf_type_stats sums[GF_STATS_HOURS];
    int64_t begin_ms = gf_now_ms();
    CHECK_OK(b->ops->inspect->stats_add(b, some, COUNT(some)));
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_stats_steps which = { cases[i].queue, cases[i].type, step_ms,
            gf_now_ms() / step_ms - (int64_t)kept + 1, kept };
        memset(sums, 0, sizeof sums);
        CHECK_OK(b->ops->inspect->stats_steps(b, &which, sums));
        size_t step = only_step(&which, sums, begin_ms);
        CHECK_INT(sums[step].done, cases[i].done);
        CHECK_INT(sums[step].failed, cases[i].failed);
        CHECK_INT(sums[step].wait[0], cases[i].wait);
        for (size_t other = 0; other < kept; other++)
            CHECK(other == step || (sums[other].done == 0 && sums[other].wait[0] == 0));
        which.first = begin_ms / step_ms - (int64_t)kept;    // what is asked for ends before it
        memset(sums, 0, sizeof sums);
        CHECK_OK(b->ops->inspect->stats_steps(b, &which, sums));
        CHECK_INT(sums[kept - 1].done, 0);
    }
    store_close(b);
}

static void hours_are_told_one_by_one(void)
{
    steps_are_told_one_by_one(GF_STATS_HOUR_MS, GF_STATS_HOURS);
}

static void minutes_are_told_one_by_one(void)
{
    steps_are_told_one_by_one(GF_STATS_MINUTE_MS, GF_STATS_MINUTES);
}

static void stats_go_with_their_queue(void)
{
    gf_broker *b = open_or_skip();
    const gf_type_stats one = stat_of("q", "t", 1, 0);
    static gf_type_stats sums[2];
    const int64_t steps_ms[] = { GF_STATS_HOUR_MS, GF_STATS_MINUTE_MS };
    put(b, "q", "a");
    CHECK_OK(b->ops->inspect->stats_add(b, &one, 1));
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    for (size_t i = 0; i < COUNT(steps_ms); i++) {
        gf_stats_steps which = { NULL, NULL, steps_ms[i], gf_now_ms() / steps_ms[i] - 1, 2 };
        memset(sums, 0, sizeof sums);
        CHECK_OK(b->ops->inspect->stats_steps(b, &which, sums));
        CHECK_INT(sums[0].done + sums[1].done, 0);
    }
    store_close(b);
}

suite suite_stats(void)
{
    static const check_test tests[] = { TEST(stats_add_up_by_queue_and_type),
        TEST(hours_are_told_one_by_one),
        TEST(minutes_are_told_one_by_one), TEST(stats_go_with_their_queue) };
    return (suite){ tests, COUNT(tests) };
}
