// redis_reply_test.c - the Redis broker against a server whose replies are longer than asked
// for, or do not come.
#include "broker/redis/store.h"
#include "redis_fake.h"
#include "redis_open.h"
#include "util/alloc.h"
#include "util/sum.h"

enum { PAGE = 200, TOO_MANY = 260, SHORT_MS = 300 };

// As much of a store as these tests need.
static void bare_open(gf_rd_store *s, const fake *f, int64_t timeout_ms)
{
    *s = (gf_rd_store){ .process = gf_process_self(), .base.config.timeout_ms = timeout_ms };
    REQUIRE(pthread_mutex_init(&s->lock, NULL) == 0);
    REQUIRE_OK(open_net(f->url, LONG_MS, &s->net));
}

static void bare_close(gf_rd_store *s)
{
    gf_rd_turns_close(s);
    gf_rd_net_close(s->net);
    pthread_mutex_destroy(&s->lock);
}

// A script of which these words are near the beginning.
static bool is_script(const fake_command *c, const char *words)
{
    return strcmp(c->words[0], "EVAL") == 0 && strstr(c->script, words);
}

// ---- a page that is too long --------------------------------------------------------------------

static _Atomic int aside_words;

// Members without a message, more of them than a page has.
static const char *too_many(fake *f, const fake_command *c)
{
    static char page[TOO_MANY * 32 + 64];
    if (is_script(c, "local out, room")) {
        size_t at =
            (size_t)snprintf(page, sizeof page, "*%d\r\n$1\r\n9\r\n:0\r\n", 2 * TOO_MANY + 2);
        for (int i = 0; i < TOO_MANY; i++)
            at += (size_t)snprintf(page + at, sizeof page - at, "$4\r\nm%03d\r\n$-1\r\n", i);
        return page;
    }
    if (is_script(c, "local now, has = ")) {
        atomic_store(&aside_words, c->count);
        return ":1\r\n";
    }
    (void)f;
    return "-ERR not now\r\n";
}

static void a_page_of_too_many_members_is_read_no_further_than_asked(void)
{
    fake f;
    gf_rd_store s;
    gf_wire_task **tasks = NULL;
    size_t count = 0;
    int64_t until_ms;
    REQUIRE(fake_start(&f, too_many));
    bare_open(&s, &f, LONG_MS);
    CHECK_OK(gf_rd_group_read(&s, &(gf_rd_set_name){ "q", "g", "set" }, &tasks, &count, &until_ms));
    CHECK_INT(count, 0);
    CHECK_INT(atomic_load(&aside_words), 3 + 2 + 1 + 2 * PAGE);    // EVAL, text, count; keys;
                                                                   //   prefix; pairs
    gf_free(tasks);
    bare_close(&s);
    fake_stop(&f);
}

// ---- a page that does not come ------------------------------------------------------------------

static _Atomic int reads, backs;

static const char *no_page(fake *f, const fake_command *c)
{
    (void)f;
    if (is_script(c, "local max, delay, grace = tonumber(ARGV[3])"))
        return "$1\r\ng\r\n";                      // ready
    if (is_script(c, "local now, size = redis.call('TIME')"))
        return ":1\r\n";                           // its set is made
    if (is_script(c, "local out, room")) {
        atomic_fetch_add(&reads, 1);
        return FAKE_SILENT;
    }
    if (is_script(c, "redis.call('SCARD', groups)")) {
        atomic_fetch_add(&backs, 1);
        return ":1\r\n";
    }
    return "-ERR not now\r\n";
}

static void a_set_that_cannot_be_read_goes_back_at_once(void)
{
    fake f;
    gf_rd_store s;
    gf_group_set *set = NULL;
    const gf_group_rule rule = { .grace_ms = 1000 };
    REQUIRE(fake_start(&f, no_page));
    bare_open(&s, &f, SHORT_MS);
    gofer_status st = gf_rd_group_take(&s.base, "w", "q", &rule, &set);
    CHECK(st == GOFER_ETIMEOUT || st == GOFER_EBROKER);
    CHECK_HAS(gofer_error_last(), "127.0.0.1");
    CHECK(atomic_load(&reads) > 1);                // smaller pages were asked for
    CHECK_INT(atomic_load(&backs), 1);
    bare_close(&s);
    fake_stop(&f);
}

// ---- sums ---------------------------------------------------------------------------------------

static void sums_end_at_the_largest_number(void)
{
    static const struct { int64_t a, b, want; } cases[] = {
        { 1, 2, 3 }, { INT64_MAX, 1, INT64_MAX }, { INT64_MAX, INT64_MAX, INT64_MAX },
        { INT64_MAX - 1, 1, INT64_MAX },
        { INT64_MIN, -1, INT64_MIN }, { INT64_MAX, -1, INT64_MAX - 1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK_INT(gf_sum(cases[i].a, cases[i].b), cases[i].want);
}

static const check_test tests[] = {
    TEST(a_page_of_too_many_members_is_read_no_further_than_asked),
    TEST(a_set_that_cannot_be_read_goes_back_at_once),
    TEST(sums_end_at_the_largest_number),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
