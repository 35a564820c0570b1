// top_rates_test.c - rates of counters that are seen now and then, and the lines drawn of them.
#include "top/rates.h"

#include <string.h>

#include "check.h"

enum { STEP = RATE_STEP_MS };

static const int64_t begin_ms = INT64_C(1800000000000);     // where a step begins

static void a_rate_is_known_once_it_was_seen_twice(void)
{
    rates r = { 0 };
    char text[RATE_TEXT];
    rates_begin(&r);
    const rate *one = rates_see(&r, "q", 1000, 10, begin_ms);
    CHECK(rate_now(one, RATE_ENDED) < 0);
    CHECK_STR(rate_text(text, rate_now(one, RATE_ENDED)), "-");
    CHECK(rate_now(NULL, RATE_ENDED) < 0);
    one = rates_see(&r, "q", 1020, 11, begin_ms + 2000);
    CHECK_STR(rate_text(text, rate_now(one, RATE_ENDED)), "10.0/s");
    CHECK_STR(rate_text(text, rate_now(one, RATE_FAILED)), "0.50/s");
    one = rates_see(&r, "q", 1020, 11, begin_ms + 20000);   // nothing happened any more
    CHECK_STR(rate_text(text, rate_now(one, RATE_ENDED)), "0/s");
    rates_clear(&r);
}

static void rates_are_words_of_their_size(void)
{
    static const struct { double rate; const char *want; } cases[] = {
        { -1, "-" }, { 0, "0/s" }, { 0.004, "0/s" }, { 0.25, "0.25/s" }, { 0.96, "1.0/s" },
        { 99.4, "99.4/s" }, { 99.6, "100/s" }, { 12345, "12345/s" }, { 123456, "123k/s" },
    };
    char text[RATE_TEXT];
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK_STR(rate_text(text, cases[i].rate), cases[i].want);
}

static void what_came_between_two_looks_is_spread_over_the_time(void)
{
    rates r = { 0 };
    char line[RATE_LINE];
    rates_begin(&r);
    (void)rates_see(&r, "q", 0, 0, begin_ms);
    (void)rates_see(&r, "q", 40, 0, begin_ms + 2 * STEP);
    const rate *q = rates_see(&r, "q", 40, 0, begin_ms + 4 * STEP);
    CHECK_STR(rate_line(line, q, RATE_ENDED, 6, 1), "  ##__");
    CHECK_STR(rate_line(line, q, RATE_FAILED, 6, 1), "  ____");
    q = rates_see(&r, "q", 50, 0, begin_ms + 5 * STEP);     // half as many in a step
    CHECK_STR(rate_line(line, q, RATE_ENDED, 6, 1), " ##__=");
    CHECK_STR(rate_line(line, q, RATE_ENDED, 5, 0), "██▁▁▅");
    CHECK_STR(rate_line(line, NULL, RATE_ENDED, 3, 0), "   ");
    CHECK_STR(rate_line(line, q, RATE_ENDED, 0, 0), "");
    rates_clear(&r);
}

static void the_line_ends_where_its_memory_ends(void)
{
    rates r = { 0 };
    char line[RATE_LINE];
    const rate *q = NULL;
    rates_begin(&r);
    for (int64_t i = 0; i <= 3 * RATE_STEPS; i++)
        q = rates_see(&r, "q", i, 0, begin_ms + i * STEP);
    (void)rate_line(line, q, RATE_ENDED, 1000, 1);
    CHECK_INT(strlen(line), RATE_STEPS - 1);
    CHECK_INT(strspn(line, "#"), RATE_STEPS - 1);
    // A day later: it came at some time, nobody knows when.
    q = rates_see(&r, "q", 86400, 0, begin_ms + INT64_C(86400000));
    CHECK(rate_now(q, RATE_ENDED) > 0.5 && rate_now(q, RATE_ENDED) < 2);
    rates_clear(&r);
}

static void counters_that_begin_anew_are_no_work(void)
{
    rates r = { 0 };
    rates_begin(&r);
    (void)rates_see(&r, "q", 1000, 0, begin_ms);
    const rate *q = rates_see(&r, "q", 3, 0, begin_ms + 1000);
    CHECK(rate_now(q, RATE_ENDED) == 0);
    q = rates_see(&r, "q", 13, 0, begin_ms + 2000);
    CHECK(rate_now(q, RATE_ENDED) == 5);
    q = rates_see(&r, "q", 100, 0, begin_ms - 50000);       // the clock was set back
    CHECK(rate_now(q, RATE_ENDED) < 0);
    q = rates_see(&r, "q", 110, 0, begin_ms - 49000);
    CHECK(rate_now(q, RATE_ENDED) == 10);
    rates_clear(&r);
}

static void what_is_there_no_more_is_forgotten(void)
{
    rates r = { 0 };
    rates_begin(&r);
    (void)rates_see(&r, "a", 0, 0, begin_ms);
    (void)rates_see(&r, "b", 0, 0, begin_ms);
    rates_end(&r);
    CHECK(rates_find(&r, "a") && rates_find(&r, "b") && !rates_find(&r, "c"));
    rates_begin(&r);
    (void)rates_see(&r, "b", 5, 0, begin_ms + 1000);
    rates_end(&r);
    CHECK(!rates_find(&r, "a") && rate_now(rates_find(&r, "b"), RATE_ENDED) == 5);
    CHECK_INT(r.count, 1);
    rates_clear(&r);
}

static void there_are_not_too_many(void)
{
    rates r = { 0 };
    rates_begin(&r);
    for (int i = 0; i < RATE_ITEMS; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        CHECK(rates_see(&r, name, 0, 0, begin_ms) != NULL);
    }
    CHECK(rates_see(&r, "one more", 0, 0, begin_ms) == NULL);
    rates_end(&r);
    rates_clear(&r);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_rate_is_known_once_it_was_seen_twice), TEST(rates_are_words_of_their_size),
        TEST(what_came_between_two_looks_is_spread_over_the_time),
        TEST(the_line_ends_where_its_memory_ends),
        TEST(counters_that_begin_anew_are_no_work), TEST(what_is_there_no_more_is_forgotten),
        TEST(there_are_not_too_many),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
