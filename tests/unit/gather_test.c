// gather_test.c - when the next exchange with the store waits, and for how long.
#include "check.h"
#include "worker/fetch/gather.h"

enum { US = 1000, MS = 1000 * US, BOUND = 500 * US };

// Exchanges every `gap_ns` that take `each` and leave nothing, for 20 ms. The time after it.
static int64_t come(gf_gather *g, int64_t now, int64_t gap_ns, size_t each)
{
    for (int64_t end = now + 20 * MS; now < end; now += gap_ns)
        gf_gather_note(g, each, true, now);
    return now - gap_ns;
}

static void few_are_fetched_at_once(void)
{
    gf_gather g = { 0 };
    CHECK_INT(gf_gather_ns(&g, BOUND, 1), 0);          // nothing is known
    CHECK_INT(gf_gather_ns(&g, BOUND, come(&g, 1, MS, 1)), 0);
    CHECK(!gf_gather_flows(&g, BOUND));
    // Just below one in the bound, and one.
    g = (gf_gather){ 0 };
    CHECK_INT(gf_gather_ns(&g, BOUND, come(&g, 1, 501 * US, 1)), 0);
    g = (gf_gather){ 0 };
    CHECK_INT(gf_gather_ns(&g, BOUND, come(&g, 1, 480 * US, 1)), BOUND);
    CHECK(gf_gather_flows(&g, BOUND));
}

static void many_gather_within_the_bound(void)
{
    gf_gather g = { 0 };
    int64_t now = come(&g, 1, 100 * US, 1);
    CHECK_INT(gf_gather_ns(&g, BOUND, now), BOUND);
    CHECK_INT(gf_gather_ns(&g, BOUND, now + 200 * US), BOUND - 200 * US);
    CHECK_INT(gf_gather_ns(&g, BOUND, now + BOUND), 0);
    CHECK(gf_gather_flows(&g, BOUND));                 // it was only so long until now
    CHECK_INT(gf_gather_ns(&g, 0, now), 0);            // switched off
    // So fast that enough are there long before the bound.
    g = (gf_gather){ 0 };
    now = come(&g, 1, 100 * US, 20);
    int64_t ns = gf_gather_ns(&g, BOUND, now);
    CHECK(ns > 0 && ns < BOUND / 2);
}

static void a_backlog_is_taken_without_a_pause(void)
{
    gf_gather g = { 0 };
    int64_t now = come(&g, 1, 100 * US, 1);
    gf_gather_note(&g, 100, false, now);               // there are more
    CHECK_INT(gf_gather_ns(&g, BOUND, now), 0);
    gf_gather_note(&g, 0, true, now);                  // nothing there: it is waited in the store
    CHECK_INT(gf_gather_ns(&g, BOUND, now), 0);
    CHECK(!gf_gather_flows(&g, BOUND));
}

static void what_comes_no_more_is_not_waited_for(void)
{
    gf_gather g = { 0 };
    int64_t now = come(&g, 1, 50 * US, 1);
    CHECK(gf_gather_ns(&g, BOUND, now) > 0);
    now += 100 * MS;                                   // asleep in the store; then one task
    gf_gather_note(&g, 1, true, now);
    CHECK_INT(gf_gather_ns(&g, BOUND, now), 0);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(few_are_fetched_at_once), TEST(many_gather_within_the_bound),
        TEST(a_backlog_is_taken_without_a_pause), TEST(what_comes_no_more_is_not_waited_for),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
