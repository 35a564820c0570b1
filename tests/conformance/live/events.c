// events.c - events are told to who listens now, and only then wanted.
#include "broker/sqlite/store.h"
#include "fixture.h"
#include "raw.h"
#include "suites.h"
#include "util/alloc.h"
#include "util/clock.h"

enum { MANY = 30000 };

static gf_broker *open_or_skip(void)
{
    gf_broker *b = store_open();
    if (b->ops->live->events_publish && b->ops->live->listener_open)
        return b;
    store_close(b);
    SKIP("not built");
}

// Until what those who listen want is known to be this: it may be some seconds late.
static bool becomes_want(gf_broker *b, gf_events_want want)
{
    int64_t end_ms = gf_mono_ms() + PATIENCE_MS;
    while (b->ops->live->events_wanted(b) != want && gf_mono_ms() < end_ms)
        gf_sleep_us(5000);
    return store_heard(b->ops->live->events_wanted(b) == want);
}

static gf_listener *listen_to(gf_broker *b)
{
    return listener_new(b, false);
}

static void check_next(gf_broker *b, gf_listener *l, const char *want)
{
    char *record = NULL;
    int64_t lost = -1;
    gofer_status st = b->ops->live->listener_next(l, PATIENCE_MS, &record, &lost);
    if (!store_heard(st != GOFER_ETIMEOUT))
        REQUIRE_OK(st);                              // nor will the next ones be heard
    if (!CHECK_OK(st))
        return;
    CHECK_STR(record, want);
    CHECK_INT(lost, 0);
    gf_free(record);
}

static void a_listener_hears_what_is_told(void)
{
    gf_broker *b = open_or_skip(), *other = store_is_shared() ? store_again() : b;
    static const char *const records[] = { "event=done\tid=1", "event=done\tid=2\ttext=a\\nb",
        "event=log" };
    char *record = NULL;
    int64_t lost = 0;
    CHECK(!other->ops->live->events_wanted(other));
    gf_listener *l = listen_to(b);
    CHECK_STATUS(b->ops->live->listener_next(l, 0, &record, &lost), GOFER_ETIMEOUT);
    CHECK(becomes_want(other, GF_EVENTS_ALL));
    CHECK_OK(other->ops->live->events_publish(other, records, 2));
    CHECK_OK(other->ops->live->events_publish(other, records + 2, 1));
    for (size_t i = 0; i < COUNT(records); i++)
        check_next(b, l, records[i]);
    CHECK_STATUS(b->ops->live->listener_next(l, 1, &record, &lost), GOFER_ETIMEOUT);
    listener_end(l);
    CHECK(becomes_want(other, GF_EVENTS_NONE));
    if (other != b)
        gf_broker_close(other);
    store_close(b);
}

static void all_listeners_hear(void)
{
    gf_broker *b = open_or_skip();
    const char *record = "event=started\tid=t";
    gf_listener *l[3] = { listen_to(b), listen_to(b), listen_to(b) };
    CHECK(becomes_want(b, GF_EVENTS_ALL));
    CHECK_OK(b->ops->live->events_publish(b, &record, 1));
    for (int i = 0; i < 3; i++)
        check_next(b, l[i], record);
    listener_end(l[0]);
    CHECK_OK(b->ops->live->events_publish(b, &record, 1));
    check_next(b, l[1], record);
    check_next(b, l[2], record);
    listener_end(l[1]);
    listener_end(l[2]);
    b->ops->live->listener_close(NULL);
    store_close(b);
}

static void a_slow_listener_is_told_how_many_it_lost(void)
{
    gf_broker *b = open_or_skip();
    static char texts[MANY][32];
    static const char *records[MANY];
    gf_listener *l = listen_to(b);
    for (int i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof texts[i], "event=done\tid=%d", i);
        records[i] = texts[i];
    }
    for (int i = 0; i < MANY; i += 1000)
        CHECK_OK(b->ops->live->events_publish(b, records + i, 1000));
    int64_t heard = 0, missed = 0, lost;
    bool told_last = false;
    for (char *record;
         !told_last && b->ops->live->listener_next(l, PATIENCE_MS, &record, &lost) == GOFER_OK;) {
        heard++;
        missed += lost;
        told_last = strcmp(record, "event=end") == 0;
        gf_free(record);
        if (heard == 1) {                            // from here on it keeps up
            const char *end = "event=end";
            gf_sleep_us(20000);
            for (int64_t left;
                 left = 0, b->ops->live->listener_next(l, 100, &record, &left) == GOFER_OK;) {
                heard++;
                missed += left;
                gf_free(record);
            }
            CHECK_OK(b->ops->live->events_publish(b, &end, 1));
        }
    }
    CHECK(told_last);
    (void)store_heard(heard + missed == MANY + 1);   // what is lost with a server is not counted
    CHECK_INT(heard + missed, MANY + 1);
    listener_end(l);
    store_close(b);
}

// Who wants each event is heeded, whoever else listens, and no longer than he does.
static void one_who_wants_all_is_told_all(void)
{
    gf_broker *b = open_or_skip(), *other = store_is_shared() ? store_again() : b;
    const char *record = "event=done\tid=t\tmore:7";
    gf_listener *sums = listener_new(b, true);
    CHECK(becomes_want(other, GF_EVENTS_SUMS));
    gf_listener *all = listener_new(b, false), *more_sums = listener_new(b, true);
    CHECK(becomes_want(other, GF_EVENTS_ALL));
    CHECK_OK(other->ops->live->events_publish(other, &record, 1));
    check_next(b, sums, record);
    check_next(b, all, record);
    check_next(b, more_sums, record);
    listener_end(all);
    CHECK(becomes_want(other, GF_EVENTS_SUMS));
    listener_end(sums);
    listener_end(more_sums);
    if (other != b)
        gf_broker_close(other);
    store_close(b);
}

// ---- beside programs that know nothing of sums -------------------------------------------------

static _Atomic int64_t *older_time(gf_broker *b)
{
    return &((gf_sq_store *)b)->sidecar.page->listening_ms[0];
}

// A listener of before there were sums says only that it listens.
static void older_listens(gf_broker *b)
{
    if (store_is_redis())
        raw_run("SETEX asynq:gofer:listening 60 1");    // as if it said so again and again
    else
        atomic_store(older_time(b), gf_mono_ms() + PATIENCE_MS);
}

static void older_leaves(gf_broker *b)
{
    if (store_is_redis())
        raw_run("DEL asynq:gofer:listening");
    else
        atomic_store(older_time(b), 0);
}

// A worker of before there were sums asks only whether anybody listens.
static bool older_worker_sees_a_listener(gf_broker *b)
{
    return store_is_redis() ? raw_int("EXISTS asynq:gofer:listening") == 1
                            : atomic_load(older_time(b)) > gf_mono_ms();
}

static void an_older_listener_is_told_each_event(void)
{
    gf_broker *b = open_or_skip();
    gf_listener *first = listener_new(b, true);      // leaves its place on SQLite to the older one
    CHECK(becomes_want(b, GF_EVENTS_SUMS));
    listener_end(first);
    older_listens(b);
    gf_listener *sums = listener_new(b, true);
    CHECK(becomes_want(b, GF_EVENTS_ALL));
    older_leaves(b);
    CHECK(becomes_want(b, GF_EVENTS_SUMS));
    listener_end(sums);
    store_close(b);
}

static void an_older_worker_sees_who_wants_sums(void)
{
    gf_broker *b = open_or_skip();
    const char *record = "event=done\tid=t";          // without `more`
    gf_listener *sums = listener_new(b, true);
    int64_t end_ms = gf_mono_ms() + PATIENCE_MS;
    while (!older_worker_sees_a_listener(b) && gf_mono_ms() < end_ms)
        gf_sleep_us(5000);
    CHECK(store_heard(older_worker_sees_a_listener(b)));
    CHECK_OK(b->ops->live->events_publish(b, &record, 1));
    check_next(b, sums, record);
    listener_end(sums);
    store_close(b);
}

suite suite_events(void)
{
    static const check_test tests[] = {
        TEST(a_listener_hears_what_is_told),
        TEST(all_listeners_hear),
        TEST(one_who_wants_all_is_told_all),
        TEST(an_older_listener_is_told_each_event),
        TEST(an_older_worker_sees_who_wants_sums),
        TEST(a_slow_listener_is_told_how_many_it_lost),
    };
    return (suite){ tests, COUNT(tests) };
}
