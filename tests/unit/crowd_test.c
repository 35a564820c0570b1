// crowd_test.c - which of very many queues that patterns match are served for now.
#include "worker/crowd.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "util/alloc.h"
#include "util/text.h"

enum { MANY = 5000 };

// "q0000" to as many, of which every n-th has tasks.
static bool filled[MANY];

static gf_names make(size_t every)
{
    gf_names names = { 0 };
    for (size_t i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof name, "q%04zu", i);
        REQUIRE(gf_names_add(&names, name));
        filled[i] = every && i % every == 0;
    }
    return names;
}

static bool has(const gf_names *names, size_t number)
{
    char name[16];
    snprintf(name, sizeof name, "q%04zu", number);
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i], name) == 0)
            return true;
    return false;
}

static gf_queue_set *set_of(const char *subscription_text, const gf_names *names)
{
    gf_subscription subscription = { 0 };
    gf_queue_set *set = NULL;
    REQUIRE_OK(gf_subscription_parse(&subscription, subscription_text));
    REQUIRE_OK(gf_queue_set_make(&subscription, names, &set));
    gf_subscription_clear(&subscription);
    return set;
}

static void those_that_no_pattern_matches_go(void)
{
    gf_subscription subscription = { 0 };
    gf_names names = make(0);
    REQUIRE_OK(gf_subscription_parse(&subscription, "q1* q1234 other:*"));
    gf_crowd_match(&subscription, &names);
    CHECK_INT(names.count, 999);
    CHECK(has(&names, 1000) && has(&names, 1999) && !has(&names, 1234) && !has(&names, 2000));
    gf_subscription_clear(&subscription);
    gf_names_clear(&names);
}

static void those_with_tasks_are_served(void)
{
    gf_names names = make(50);
    size_t turn = 0;
    CHECK(!gf_crowd_choose(&names, filled, NULL, &turn));
    CHECK_INT(names.count, MANY / 50);
    CHECK(has(&names, 0) && has(&names, 50) && has(&names, 4950) && !has(&names, 49));
    gf_names_clear(&names);
}

static void some_that_were_served_stay(void)
{
    gf_names before = make(10), names;
    size_t turn = 0;
    gf_crowd_choose(&before, filled, NULL, &turn);
    gf_queue_set *old = set_of("zz=2 q*", &before);
    names = make(50);
    gf_crowd_choose(&names, filled, old, &turn);
    CHECK_INT(names.count, MANY / 50 + GF_CROWD_IDLE);
    CHECK(has(&names, 10) && has(&names, 4950) && !has(&names, 11));
    gf_queue_set *new = set_of("zz=2 q*", &names);
    gf_names again = make(50);
    gf_crowd_choose(&again, filled, new, &turn);
    gf_queue_set *same = set_of("zz=2 q*", &again);
    CHECK(gf_queue_set_same(new, same));
    gf_queue_set_drop(old);
    gf_queue_set_drop(new);
    gf_queue_set_drop(same);
    gf_names_clear(&before);
    gf_names_clear(&names);
    gf_names_clear(&again);
}

static void too_many_with_tasks_have_turns(void)
{
    static int served[MANY];
    memset(served, 0, sizeof served);
    size_t turn = 0;
    enum { TURNS = 20 };
    for (int i = 0; i < TURNS; i++) {
        gf_names names = make(2);
        CHECK(gf_crowd_choose(&names, filled, NULL, &turn));
        CHECK_INT(names.count, GF_SUBSCRIBED_MAX);
        for (size_t k = 0; k < names.count; k++)
            served[strtol(names.names[k] + 1, NULL, 10)]++;
        gf_names_clear(&names);
    }
    for (size_t i = 0; i < MANY; i++)
        CHECK_INT(served[i], i % 2 ? 0 : TURNS * GF_SUBSCRIBED_MAX / (MANY / 2));
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(those_that_no_pattern_matches_go),
        TEST(those_with_tasks_are_served),
        TEST(some_that_were_served_stay),
        TEST(too_many_with_tasks_have_turns),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
