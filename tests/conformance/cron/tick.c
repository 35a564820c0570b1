// tick.c - cron entries and their ticks: each at most once, whoever asks.
#include <pthread.h>

#include "fixture.h"
#include "suites.h"
#include "util/clock.h"
#include "util/thread.h"

enum { ASKERS = 6, TICKS = 20 };

static gf_broker *open_or_skip(void)
{
    gf_broker *b = store_open();
    if (b->ops->cron->tick && b->ops->cron->entries)
        return b;
    store_close(b);
    SKIP("not built");
}

// ---- entries ------------------------------------------------------------------------------------

static void entries_are_kept_by_name(void)
{
    gf_broker *b = open_or_skip();
    gf_entries e = { 0 };
    CHECK_OK(b->ops->cron->entries(b, -1, &e));
    CHECK_INT(e.count, 0);
    CHECK_INT(e.version, 0);
    gf_entries_clear(&e);

    CHECK_OK(b->ops->cron->entry_put(b, "b", "spec=1", false));
    CHECK_OK(b->ops->cron->entry_put(b, "a", "spec=2\ttext=x\\ny", true));
    CHECK_STATUS(b->ops->cron->entry_put(b, "a", "spec=3", true), GOFER_EEXIST);
    CHECK_OK(b->ops->cron->entries(b, 0, &e));
    REQUIRE(e.count == 2);
    CHECK_STR(e.items[0].name, "a");
    CHECK_STR(e.items[0].record, "spec=2\ttext=x\\ny");
    CHECK_STR(e.items[1].name, "b");
    int64_t version = e.version;
    gf_entries_clear(&e);

    CHECK_OK(b->ops->cron->entries(b, version, &e));           // known: not told again
    CHECK_INT(e.count, 0);
    CHECK_INT(e.version, version);
    gf_entries_clear(&e);

    CHECK_OK(b->ops->cron->entry_put(b, "a", "spec=4", false));
    CHECK_OK(b->ops->cron->entries(b, version, &e));
    REQUIRE(e.count == 2);
    CHECK(e.version > version);
    CHECK_STR(e.items[0].record, "spec=4");
    version = e.version;
    gf_entries_clear(&e);

    CHECK_STATUS(b->ops->cron->entry_swap(b, "a", "spec=2", "spec=5"), GOFER_ESTALE);
    CHECK_STATUS(b->ops->cron->entry_swap(b, "none", "spec=2", "spec=5"), GOFER_ESTALE);
    CHECK_OK(b->ops->cron->entry_swap(b, "a", "spec=4", "spec=5"));
    CHECK_OK(b->ops->cron->entries(b, version, &e));
    REQUIRE(e.count == 2);
    CHECK(e.version > version);
    CHECK_STR(e.items[0].record, "spec=5");
    version = e.version;
    gf_entries_clear(&e);

    CHECK_OK(b->ops->cron->entry_drop(b, "a"));
    CHECK_STATUS(b->ops->cron->entry_swap(b, "a", "spec=5", "spec=6"), GOFER_ESTALE);
    CHECK_STATUS(b->ops->cron->entry_drop(b, "a"), GOFER_ENOTFOUND);
    CHECK_OK(b->ops->cron->entry_drop(b, "b"));
    CHECK_OK(b->ops->cron->entries(b, version, &e));
    CHECK_INT(e.count, 0);
    CHECK(e.version > version);
    gf_entries_clear(&e);
    store_close(b);
}

static void note_change(void *arg)
{
    atomic_fetch_add((_Atomic int *)arg, 1);
}

static void a_watch_is_told_that_entries_have_changed(void)
{
    gf_broker *b = open_or_skip();
    gf_watch *w = NULL;
    _Atomic int changes = 0;
    CHECK_OK(b->ops->live->watch_open(
        b, "w", &(gf_watch_callbacks){ .arg = &changes, .schedules = note_change }, &w));
    int64_t end_ms = gf_mono_ms() + PATIENCE_MS;
    CHECK_OK(b->ops->cron->entry_put(b, "a", "spec=1", false));
    while (atomic_load(&changes) < 1 && gf_mono_ms() < end_ms)
        gf_sleep_us(500);
    int first = atomic_load(&changes);
    CHECK(store_heard(first >= 1));
    CHECK_OK(b->ops->cron->entry_drop(b, "a"));
    while (atomic_load(&changes) <= first && gf_mono_ms() < end_ms)
        gf_sleep_us(500);
    CHECK(store_heard(atomic_load(&changes) > first));
    b->ops->live->watch_close(w);
    store_close(b);
}

// ---- ticks --------------------------------------------------------------------------------------

typedef struct one {
    char       id[64];
    gf_message message;
    gf_tick    tick;
} one;

static gf_tick *make(one *o, const char *entry, int64_t tick_ms, gf_overlap overlap)
{
    snprintf(o->id, sizeof o->id, "cron:%s:1970-01-01T00:00:%02dZ", entry, (int)(tick_ms / 1000));
    o->message = message("q", o->id);
    o->tick = (gf_tick){ .entry = entry,
        .tick_ms = tick_ms,
        .message = &o->message,
        .overlap = overlap,
        .status = GOFER_EHANDLER };
    return &o->tick;
}

static gofer_status tick(gf_broker *b, one *o, const char *entry, int64_t tick_ms,
    gf_overlap overlap)
{
    gf_tick *t = make(o, entry, tick_ms, overlap);
    gofer_status st = b->ops->cron->tick(b, t, 1);
    return st == GOFER_OK ? t->status : st;
}

static gf_tick_state state_of(gf_broker *b, const char *entry)
{
    gf_tick_state s = { .entry = entry, .queue = "q" };
    CHECK_OK(b->ops->cron->tick_states(b, &s, 1));
    return s;
}

static void a_tick_is_enqueued_once(void)
{
    gf_broker *b = open_or_skip();
    one o;
    CHECK_INT(state_of(b, "e").tick_ms, 0);
    CHECK_STR(state_of(b, "e").id, "");
    int64_t before_ms = gf_now_ms();
    CHECK_STATUS(tick(b, &o, "e", 5000, GF_OVERLAP_ALLOW), GOFER_OK);
    CHECK_STR(o.tick.previous, "");
    CHECK_STATUS(tick(b, &o, "e", 5000, GF_OVERLAP_ALLOW), GOFER_EEXIST);
    CHECK_STATUS(tick(b, &o, "e", 4000, GF_OVERLAP_ALLOW), GOFER_EEXIST);
    gf_tick_state s = state_of(b, "e");
    CHECK_INT(s.tick_ms, 5000);
    CHECK_STR(s.id, "cron:e:1970-01-01T00:00:05Z");
    CHECK(s.at_ms > before_ms - 60000 && s.at_ms < gf_now_ms() + 60000);
    CHECK_STATUS(tick(b, &o, "other", 5000, GF_OVERLAP_ALLOW), GOFER_OK);
    drain_expecting(b, "q", "cron:e:1970-01-01T00:00:05Z cron:other:1970-01-01T00:00:05Z");
    // Also when its task has long gone.
    CHECK_STATUS(tick(b, &o, "e", 5000, GF_OVERLAP_ALLOW), GOFER_EEXIST);
    CHECK_STATUS(tick(b, &o, "e", 6000, GF_OVERLAP_ALLOW), GOFER_OK);
    drain_expecting(b, "q", "cron:e:1970-01-01T00:00:06Z");
    store_close(b);
}

static void a_tick_with_jitter_is_scheduled(void)
{
    gf_broker *b = open_or_skip();
    one o;
    gf_tick *t = make(&o, "e", 5000, GF_OVERLAP_ALLOW);
    t->run_at_ms = gf_now_ms() + 3600000;
    CHECK_OK(b->ops->cron->tick(b, t, 1));
    CHECK_STATUS(t->status, GOFER_OK);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s1 r0 c0 x0");
    CHECK_INT(task_number(b, "q", o.id, "next_run_at_ms"), store_up(t->run_at_ms));
    store_check_sound();
    store_close(b);
}

static void several_entries_tick_in_one_call(void)
{
    gf_broker *b = open_or_skip();
    static one all[5];
    gf_tick ticks[5];
    static const char *const entries[] = { "a", "b", "c", "d", "a" };
    for (int i = 0; i < 5; i++)
        ticks[i] = *make(&all[i], entries[i], 1000 * (i + 1), GF_OVERLAP_ALLOW);
    CHECK_OK(b->ops->cron->tick(b, ticks, 5));
    for (int i = 0; i < 5; i++)
        CHECK_STATUS(ticks[i].status, GOFER_OK);
    CHECK_OK(b->ops->cron->tick(b, ticks, 5));
    for (int i = 0; i < 5; i++)
        CHECK_STATUS(ticks[i].status, GOFER_EEXIST);
    CHECK_STR(queue_counts(b, "q"), "p5 a0 s0 r0 c0 x0");
    store_close(b);
}

// The entry's first task, in the state that is asked for.
static void first_task(gf_broker *b, gf_state state, gf_claim **claim)
{
    one o;
    gf_tick *t = make(&o, "e", 1000, GF_OVERLAP_ALLOW);
    *claim = NULL;
    t->run_at_ms = state == GF_SCHEDULED ? gf_now_ms() + 3600000 : 0;
    CHECK_OK(b->ops->cron->tick(b, t, 1));
    CHECK_STATUS(t->status, GOFER_OK);
    if (state == GF_PENDING || state == GF_SCHEDULED)
        return;
    *claim = need_one(b, "q", o.id);
    if (state == GF_ACTIVE)
        return;
    CHECK_OK(finish(b, *claim, (gf_finish){
        .outcome = state == GF_RETRY ? GF_RETRY_AT : state == GF_ARCHIVED ? GF_ARCHIVE : GF_DONE,
        .is_failure = true, .error = "no", .at_ms = gf_now_ms() + 3600000 }));
    *claim = NULL;
}

static void overlap_waits_leaves_out_or_goes_on(void)
{
    static const struct { gf_state state; bool ended; } cases[] = {
        { GF_PENDING, false }, { GF_ACTIVE, false }, { GF_SCHEDULED, false }, { GF_RETRY, false },
        { GF_ARCHIVED, true }, { GF_COMPLETED, true },
    };
    static const char first[] = "cron:e:1970-01-01T00:00:01Z";
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = open_or_skip();
        gf_claim *claim;
        one o;
        bool ended = cases[i].ended;
        first_task(b, cases[i].state, &claim);
        CHECK_STATUS(tick(b, &o, "e", 2000, GF_OVERLAP_QUEUE), ended ? GOFER_OK : GOFER_ESTATE);
        CHECK_STR(o.tick.previous, ended ? "" : first);
        CHECK_INT(state_of(b, "e").tick_ms, ended ? 2000 : 1000);       // nothing was noted
        if (!ended) {
            CHECK_STATUS(tick(b, &o, "e", 2000, GF_OVERLAP_SKIP), GOFER_ESTATE);
            CHECK_STR(o.tick.previous, first);
            CHECK_INT(state_of(b, "e").tick_ms, 2000);
            CHECK_INT(state_of(b, "e").at_ms, 0);                       // noted as left out
            CHECK_STR(state_of(b, "e").id, first);
            CHECK_STATUS(tick(b, &o, "e", 2000, GF_OVERLAP_SKIP), GOFER_EEXIST);
            CHECK_STATUS(tick(b, &o, "e", 3000, GF_OVERLAP_CANCEL), GOFER_OK);
            CHECK_STR(o.tick.previous, first);                          // the caller cancels it
        }
        CHECK_STATUS(tick(b, &o, "e", 4000, GF_OVERLAP_ALLOW), GOFER_OK);
        if (claim)
            done(b, claim);
        store_check_sound();
        store_close(b);
        store_remove();
    }
}

typedef struct asker {
    gf_broker  *broker;
    pthread_t   thread;
    int         won;
    _Atomic int *failures;
} asker;

static void *ask(void *arg)
{
    asker *a = arg;
    for (int i = 1; i <= TICKS; i++) {
        one o;
        gofer_status st = tick(a->broker, &o, "e", 1000 * i, GF_OVERLAP_ALLOW);
        a->won += st == GOFER_OK;
        if (st != GOFER_OK && st != GOFER_EEXIST)
            atomic_fetch_add(a->failures, 1);
    }
    return NULL;
}

static void only_one_of_many_askers_wins_a_tick(void)
{
    gf_broker *b = open_or_skip();
    asker askers[ASKERS];
    _Atomic int failures = 0;
    int won = 0;
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (asker){ .broker = i % 2 && store_is_shared() ? store_again() : b,
            .failures = &failures };
        REQUIRE(gf_thread_start(&askers[i].thread, ask, &askers[i], 0) == 0);
    }
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        won += askers[i].won;
        if (askers[i].broker != b)
            gf_broker_close(askers[i].broker);
    }
    CHECK_INT(atomic_load(&failures), 0);
    // A later tick that came first has won over earlier ones. Whose answer got lost, and who finds
    // the tick done when it asks again, may have done it.
    int64_t put = queue_number(b, "q", "pending");
    CHECK(put >= 1 && put <= TICKS);
    CHECK(getenv("GOFER_TEST_FAILOVER") ? won >= put : won == put);
    CHECK_INT(state_of(b, "e").tick_ms, 1000 * TICKS);
    store_check_sound();
    store_close(b);
}

static void history_has_the_latest_first(void)
{
    gf_broker *b = open_or_skip();
    gofer_info *list = NULL;
    one o;
    CHECK_OK(b->ops->cron->tick_history(b, "e", 10, &list));
    CHECK_INT(gofer_info_count(list), 0);
    gofer_info_free(list);
    for (int i = 1; i <= 3; i++) {
        CHECK_STATUS(tick(b, &o, "e", 1000 * i, GF_OVERLAP_ALLOW), GOFER_OK);
        CHECK_STATUS(tick(b, &o, "e", 1000 * i, GF_OVERLAP_ALLOW), GOFER_EEXIST);
    }
    CHECK_OK(b->ops->cron->tick_history(b, "e", 10, &list));
    REQUIRE(gofer_info_count(list) == 3);
    CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "id"), "cron:e:1970-01-01T00:00:03Z");
    CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "tick_ms", -1), 3000);
    CHECK(gofer_info_int(gofer_info_at(list, 0), "enqueued_at_ms", 0) > gf_now_ms() - 60000);
    CHECK_INT(gofer_info_int(gofer_info_at(list, 2), "tick_ms", -1), 1000);
    gofer_info_free(list);
    CHECK_OK(b->ops->cron->tick_history(b, "e", 1, &list));
    CHECK_INT(gofer_info_count(list), 1);
    gofer_info_free(list);
    store_close(b);
}

static void a_removed_entry_has_no_history_but_repeats_nothing(void)
{
    gf_broker *b = open_or_skip();
    gofer_info *list = NULL;
    one o;
    CHECK_OK(b->ops->cron->entry_put(b, "e", "spec=1", true));
    CHECK_STATUS(tick(b, &o, "e", 5000, GF_OVERLAP_ALLOW), GOFER_OK);
    CHECK_OK(b->ops->cron->entry_drop(b, "e"));
    CHECK_OK(b->ops->cron->tick_history(b, "e", 10, &list));
    CHECK_INT(gofer_info_count(list), 0);
    gofer_info_free(list);
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");      // its tasks stay
    CHECK_OK(b->ops->cron->entry_put(b, "e", "spec=1", true));
    CHECK_STATUS(tick(b, &o, "e", 5000, GF_OVERLAP_ALLOW), GOFER_EEXIST);
    CHECK_STATUS(tick(b, &o, "e", 6000, GF_OVERLAP_ALLOW), GOFER_OK);
    store_close(b);
}

// Workers look at a tick one after the other; the queue may be removed in between.
static void a_tick_outlives_its_queue(void)
{
    gf_broker *b = open_or_skip();
    one o;
    CHECK_OK(b->ops->cron->entry_put(b, "e", "spec=1", true));
    CHECK_STATUS(tick(b, &o, "e", 5000, GF_OVERLAP_ALLOW), GOFER_OK);
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    CHECK_STATUS(tick(b, &o, "e", 5000, GF_OVERLAP_ALLOW), GOFER_EEXIST);
    CHECK_STATUS(tick(b, &o, "e", 4000, GF_OVERLAP_SKIP), GOFER_EEXIST);
    CHECK_STR(o.tick.previous, "");
    CHECK_INT(state_of(b, "e").tick_ms, 5000);
    CHECK_STATUS(tick(b, &o, "e", 6000, GF_OVERLAP_SKIP), GOFER_OK);
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    store_check_sound();
    store_close(b);
}

// ---- pages, through the public door -------------------------------------------------------------

static void put_entry(gofer_client *c, const char *name)
{
    CHECK_OK(gofer_client_schedule_put(c, name, "@daily", "t", NULL, 0, NULL, 0));
}

// The names on all pages of `limit`, as "a b c". Good until the next call. After the first page
// `gone` is removed and `come` added, if they are not NULL.
static const char *entries_by_pages(gofer_client *c, int32_t limit, const char *gone,
    const char *come)
{
    static char names[512];
    char cursor[300] = "";
    *names = '\0';
    for (int page = 0; page == 0 || *cursor; page++) {
        gofer_info *list;
        if (page == 1 && gone) {
            CHECK_OK(gofer_client_schedule_remove(c, gone));
            put_entry(c, come);
        }
        REQUIRE_OK(gofer_client_schedules_page(c, cursor, limit, &list));
        CHECK(gofer_info_count(list) <= (size_t)limit);
        for (size_t i = 0; i < gofer_info_count(list); i++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s",
                *names ? " " : "", gofer_info_text(gofer_info_at(list, i), "name"));
        const char *next = gofer_info_text(list, "next_cursor");
        CHECK(!next || strcmp(next, cursor) != 0);
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        gofer_info_free(list);
    }
    return names;
}

static void entries_come_by_pages(void)
{
    static const char *const names[] = { "%", "a", "a b", "a:1", "b", "other:0:b", "own:b",
        "\xc3\xa9" };
    char all[128] = "";
    gofer_client *c = NULL;
    gf_broker *b = open_or_skip();
    gofer_info *list = NULL;
    REQUIRE_OK(gofer_client_open(&c, store_is_shared() ? store_url() : "memory:", NULL));
    CHECK_STR(entries_by_pages(c, 3, NULL, NULL), "");
    for (size_t i = 0; i < COUNT(names); i++)
        put_entry(c, names[i * 3 % COUNT(names)]);
    for (size_t i = 0; i < COUNT(names); i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? " " : "", names[i]);
    for (int32_t limit = 1; limit <= (int32_t)COUNT(names) + 1; limit++)
        CHECK_STR(entries_by_pages(c, limit, NULL, NULL), all);
    // Behind an entry that is gone.
    CHECK_STR(entries_by_pages(c, 3, "a b", "a a"), "% a a b a:1 b other:0:b own:b \xc3\xa9");
    CHECK_STR(entries_by_pages(c, 3, "%", "aa"), "% a a a a:1 aa b other:0:b own:b \xc3\xa9");
    static const char *const wrong[] = { "b", "own:", "other:", "other:x:b", "other:1" };
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK_STATUS(gofer_client_schedules_page(c, wrong[i], 1, &list), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_schedules_page(c, NULL, 1001, &list), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_schedules_page(c, NULL, -1, &list), GOFER_EINVAL);
    gofer_client_close(c);
    store_close(b);
}

suite suite_tick(void)
{
    static const check_test tests[] = {
        TEST(entries_are_kept_by_name),
        TEST(a_watch_is_told_that_entries_have_changed),
        TEST(a_tick_is_enqueued_once),
        TEST(a_tick_with_jitter_is_scheduled),
        TEST(several_entries_tick_in_one_call),
        TEST(overlap_waits_leaves_out_or_goes_on),
        TEST(only_one_of_many_askers_wins_a_tick),
        TEST(history_has_the_latest_first),
        TEST(a_removed_entry_has_no_history_but_repeats_nothing),
        TEST(a_tick_outlives_its_queue),
        TEST(entries_come_by_pages),
    };
    return (suite){ tests, COUNT(tests) };
}
