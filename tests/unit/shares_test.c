// shares_test.c - which queue may give how many: each is there once, by weight, few and many alike.
#include <string.h>

#include "check.h"
#include "util/alloc.h"
#include "worker/fetch/fetcher.h"
#include "worker/subscription.h"

enum { MOST = 1000 };

static char          names[MOST][24];
static gf_subscribed items[MOST];
static gf_share      shares[MOST];
static size_t        order[MOST];
static int64_t       sums[MOST + 1];

static gf_fetcher fetcher_of(gf_queue_set *set, size_t count, int32_t (*weight)(size_t i))
{
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "q%zu", i);
        items[i] = (gf_subscribed){ names[i], weight(i) };
    }
    set->items = items;
    set->count = count;
    return (gf_fetcher){
        .queues = set, .shares = shares, .order = order, .sums = sums, .random = 1
    };
}

static int32_t by_place(size_t i)
{
    return i % 7 == 3 ? 1000 : (int32_t)(i % 5) + 1;
}

static void each_queue_has_one_place_and_all_shares_are_what_is_wanted(void)
{
    static const size_t counts[] = { 2, 3, 7, 8, 9, 16, 17, 100, 1000 };
    static bool seen[MOST];
    gf_queue_set set = { .count = 0 };
    for (size_t c = 0; c < COUNT(counts); c++) {
        gf_fetcher f = fetcher_of(&set, counts[c], by_place);
        for (size_t want = 1; want <= 500; want += 499)
            for (int strict = 0; strict < 2; strict++) {
                size_t sum = 0;
                memset(seen, 0, sizeof seen);
                gf_fetcher_plan(&f, want, strict);
                for (size_t i = 0; i < counts[c]; i++) {
                    REQUIRE(order[i] < counts[c] && !seen[order[i]]);
                    seen[order[i]] = true;
                    REQUIRE(shares[i].queue == names[order[i]]);
                    sum += shares[i].share;
                    if (strict && i)
                        REQUIRE(items[order[i - 1]].weight >= items[order[i]].weight);
                }
                CHECK_INT(sum, strict ? want * counts[c] : want);
            }
    }
}

static int32_t one_is_heavy(size_t i)
{
    return i == 1 ? 3 : 1;
}

// 20,000 draws: far more than chance would move by a tenth.
static void the_first_place_goes_by_weight(void)
{
    enum { DRAWS = 20000, QUEUES = 5 };
    gf_queue_set set = { .count = 0 };
    gf_fetcher f = fetcher_of(&set, QUEUES, one_is_heavy);
    int first[QUEUES] = { 0 };
    for (int i = 0; i < DRAWS; i++) {
        gf_fetcher_plan(&f, 10, false);
        first[order[0]]++;
    }
    for (size_t i = 0; i < QUEUES; i++) {
        int expected = DRAWS * one_is_heavy(i) / (QUEUES + 2);
        CHECK(first[i] > expected * 9 / 10 && first[i] < expected * 11 / 10);
    }
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(each_queue_has_one_place_and_all_shares_are_what_is_wanted),
        TEST(the_first_place_goes_by_weight),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
