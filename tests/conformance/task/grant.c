// grant.c - limits that all queues count for, where these are on several servers: what is shared
// out among them is never more than the limit, all of them get their turn, and what is lost comes
// back.
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "raw.h"
#include "suites.h"
#include "util/clock.h"

enum { QUEUES = 3, MANY = 64, GRANT_PATIENCE_MS = 60000 };

static const char *const names[QUEUES] = { "p", "q", "r" };

typedef struct taken {
    gf_claim *claims[MANY];
    size_t    count, of[QUEUES], all;      // now, and in all
    bool      refused;
} taken;

static bool raw_here(void) { return strncmp(store_url(), "redis", 5) == 0; }

static gf_broker *limits_open(void)
{
    gf_broker *b = store_open();
    if (b->ops->limits)
        return b;
    store_close(b);
    OMIT("the store has no limits");
    return NULL;
}

static void limit(gf_broker *b, gf_limit l)
{
    l.name = "k";
    CHECK_OK(b->ops->limits->put(b, &l));
}

static void put_some(gf_broker *b, int count)
{
    char room[LIMIT_ROOM], id[32];
    for (int i = 0; i < count; i++)
        for (size_t q = 0; q < QUEUES; q++) {
            snprintf(id, sizeof id, "%s-%d", names[q], i);
            gf_message m = message(names[q], id);
            set_limit_keys(&m, "k", 1, room);
            CHECK_OK(put_message(b, &m, 0));
        }
}

// What housekeeping does.
static void keep_house(gf_broker *b)
{
    size_t moved;
    int64_t next_ms;
    CHECK_OK(b->ops->limits->share(b, &next_ms));
    CHECK_OK(b->ops->upkeep->forward(b, 100, &moved, &next_ms));
}

static void take_more(gf_broker *b, taken *t)
{
    for (size_t i = 0; i < QUEUES; i++) {
        size_t before = t->count, more = take(b, names[i], MANY - before, t->claims + before);
        t->count += more;
        t->of[i] += more;
        t->all += more;
        for (size_t k = before; k < t->count; k++)
            t->refused |= t->claims[k]->refused;
    }
}

static void end_first(gf_broker *b, taken *t)
{
    done(b, t->claims[0]);
    memmove(t->claims, t->claims + 1, --t->count * sizeof *t->claims);
}

static int64_t of_key(gf_broker *b, const char *field)
{
    gofer_info *list;
    CHECK_OK(b->ops->limits->key(b, "k", &list));
    CHECK_INT(gofer_info_count(list), 1);
    int64_t n = gofer_info_int(gofer_info_at(list, 0), field, -1);
    gofer_info_free(list);
    return n;
}

// Until so many have been taken in all, of which never more than `most` run.
static void run_until(gf_broker *b, taken *t, size_t all, size_t most)
{
    int64_t begun_ms = gf_mono_ms();
    while (t->all < all && gf_mono_ms() - begun_ms < GRANT_PATIENCE_MS) {
        take_more(b, t);
        CHECK(t->count <= most);
        if (t->count == most)
            end_first(b, t);
        keep_house(b);
    }
    CHECK_INT(t->all, all);
}

static void end_all(gf_broker *b, taken *t)
{
    while (t->count)
        end_first(b, t);
}

static void wait_for_count(gf_broker *b, taken *t, size_t count)
{
    int64_t begun_ms = gf_mono_ms();
    while (t->count < count && gf_mono_ms() - begun_ms < GRANT_PATIENCE_MS) {
        take_more(b, t);
        keep_house(b);
    }
    CHECK_INT(t->count, count);
}

static void all_queues_together_run_no_more(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .concurrency = 5 });
    put_some(b, 10);
    wait_for_count(b, &t, 5);
    take_more(b, &t);
    CHECK_INT(t.count, 5);
    CHECK_INT(of_key(b, "running"), 5);
    CHECK_INT(of_key(b, "waiting"), 25);
    run_until(b, &t, 30, 5);
    end_all(b, &t);
    store_close(b);
    store_check_sound();
}

static void one_place_goes_round(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .concurrency = 1 });
    put_some(b, 3);
    run_until(b, &t, 9, 1);
    for (size_t i = 0; i < QUEUES; i++)
        CHECK_INT(t.of[i], 3);
    end_all(b, &t);
    store_close(b);
    store_check_sound();
}

static void other_numbers_hold_for_all_queues(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .concurrency = 5 });
    put_some(b, 10);
    wait_for_count(b, &t, 5);
    limit(b, (gf_limit){ .concurrency = 2 });
    while (t.count > 2) {
        end_first(b, &t);
        keep_house(b);
        size_t before = t.count;
        take_more(b, &t);
        CHECK(t.count <= before || t.count <= 2);
    }
    run_until(b, &t, 15, 2);
    limit(b, (gf_limit){ .concurrency = 5 });
    wait_for_count(b, &t, 5);
    CHECK_OK(b->ops->limits->drop(b, "k"));
    wait_for_count(b, &t, 30 - (t.all - t.count));
    end_all(b, &t);
    store_close(b);
    store_check_sound();
}

// The queue of which none is there any more has no use of what it had.
static void what_one_leaves_others_have(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .concurrency = 4 });
    char room[LIMIT_ROOM], id[32];
    for (int i = 0; i < 12; i++) {
        snprintf(id, sizeof id, "%d", i);
        gf_message m = message(names[i / 6], id);
        set_limit_keys(&m, "k", 1, room);
        CHECK_OK(put_message(b, &m, 0));
        if (i == 5) {
            wait_for_count(b, &t, 4);
            end_all(b, &t);
            run_until(b, &t, 6, 4);
            end_all(b, &t);
        }
    }
    wait_for_count(b, &t, 4);
    CHECK_INT(t.of[1], 4);
    run_until(b, &t, 12, 4);
    end_all(b, &t);
    store_close(b);
    store_check_sound();
}

// One that has no room here waits for the answer where there is some.
static void only_what_is_full_refuses(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .concurrency = 3, .over = GF_OVER_REFUSE });
    put_some(b, 1);
    wait_for_count(b, &t, 3);
    CHECK(!t.refused);
    gf_message m = message("p", "late");
    char room[LIMIT_ROOM];
    set_limit_keys(&m, "k", 1, room);
    CHECK_OK(put_message(b, &m, 0));
    wait_for_count(b, &t, 4);
    CHECK(t.claims[3]->refused);
    CHECK_OK(finish(b, t.claims[--t.count], (gf_finish){ .outcome = GF_ARCHIVE, .error = "full" }));
    end_all(b, &t);
    store_close(b);
    store_check_sound();
}

// Home, and what a queue was told: made anew by what the others say, and nobody gets too much.
static void lost_grants_are_made_anew(void)
{
    static const char *const lost[] = { "asynq:gofer:{asynq:gofer:limits}:grants:k",
        "asynq:{p}:gofer:grants", "asynq:{q}:gofer:grants" };
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .concurrency = 3 });
    put_some(b, 4);
    wait_for_count(b, &t, 3);
    for (size_t i = 0; i < sizeof lost / sizeof *lost && raw_here(); i++) {
        raw_run("DEL %s", lost[i]);
        for (int k = 0; k < 20; k++) {
            keep_house(b);
            take_more(b, &t);
            CHECK_INT(t.count, 3);
        }
    }
    end_all(b, &t);
    store_close(b);
}

static void so_many_of_all_queues_start_in_a_time(void)
{
    enum { RATE = 50, BURST = 2, WINDOW_MS = 1000 };
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .rate = RATE, .per_ms = WINDOW_MS, .burst = BURST });
    put_some(b, 20);
    int64_t begun_ms = gf_mono_ms(), end_ms = begun_ms;
    while (t.all < 60 && end_ms - begun_ms < GRANT_PATIENCE_MS) {
        take_more(b, &t);
        end_ms = gf_mono_ms();
        // docs/limits.md: and what the rate allows in a quarter of a second
        CHECK((int64_t)t.all <= (end_ms - begun_ms + 250) * RATE / WINDOW_MS + BURST + 1);
        end_all(b, &t);
        keep_house(b);
    }
    CHECK_INT(t.all, 60);
    store_close(b);
    store_check_sound();
}

suite suite_grant(void)
{
    static const check_test tests[] = {
        TEST(all_queues_together_run_no_more),
        TEST(one_place_goes_round),
        TEST(other_numbers_hold_for_all_queues),
        TEST(what_one_leaves_others_have),
        TEST(only_what_is_full_refuses),
        TEST(lost_grants_are_made_anew),
        TEST(so_many_of_all_queues_start_in_a_time),
    };
    return (suite){ tests, COUNT(tests) };
}
