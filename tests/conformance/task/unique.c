// unique.c - unique locks: who is refused, who holds them, and what frees them.
#include "fixture.h"
#include "message/options.h"
#include "suites.h"
#include "util/clock.h"

enum { HOUR_MS = 3600000 };

static gofer_status put_unique(gf_broker *b, const char *id, const char *key, gf_unique_life life,
    char *holder)
{
    gf_message m = message("q", id);
    static const char start[] = GF_HEADER_UNIQUE "\0start", ttl[] = GF_HEADER_UNIQUE "\0ttl";
    m.headers = life == GF_UNTIL_START ? start : life == GF_UNTIL_TTL ? ttl : NULL;
    m.headers_size = life == GF_UNTIL_START ? sizeof start : life == GF_UNTIL_TTL ? sizeof ttl : 0;
    return put_as(b,
        (gf_put){ .message = &m,
            .unique_ms = HOUR_MS,
            .unique_key = key,
            .unique_life = life,
            .holder = holder });
}

static bool is_free(gf_broker *b)
{
    gofer_status st = put_unique(b, "probe", NULL, GF_UNTIL_DONE, NULL);
    if (st == GOFER_OK)
        CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "probe"));
    else
        CHECK_STATUS(st, GOFER_EDUPLICATE);
    return st == GOFER_OK;
}

static void the_second_of_a_kind_is_refused(void)
{
    gf_broker *b = store_open();
    char holder[GF_ID_MAX + 1] = "";
    gf_message other = message("q", "other"), same = message("q", "a");
    CHECK_OK(put_unique(b, "a", NULL, GF_UNTIL_DONE, holder));
    CHECK_STATUS(put_unique(b, "b", NULL, GF_UNTIL_DONE, holder), GOFER_EDUPLICATE);
    CHECK_STR(holder, "a");
    CHECK_STATUS(put_unique(b, "b", NULL, GF_UNTIL_DONE, NULL), GOFER_EDUPLICATE);
    CHECK_OK(put_unique(b, "a", NULL, GF_UNTIL_DONE, NULL));           // the same again
    put(b, "q", "plain");                                              // who does not ask is not
                                                                       //   refused
    other.payload = "else";
    other.payload_size = 4;
    CHECK_OK(put_as(b, (gf_put){ .message = &other, .unique_ms = HOUR_MS }));
    other = message("q", "typed");
    other.type = "another";
    CHECK_OK(put_as(b, (gf_put){ .message = &other, .unique_ms = HOUR_MS }));
    other = message("r", "a");
    CHECK_OK(put_as(b, (gf_put){ .message = &other, .unique_ms = HOUR_MS }));
    same.payload = "else";
    same.payload_size = 4;
    CHECK_STATUS(put_as(b, (gf_put){ .message = &same, .unique_ms = HOUR_MS }), GOFER_EEXIST);
    CHECK_STR(queue_counts(b, "q"), "p4 a0 s0 r0 c0 x0");
    drain_expecting(b, "q", "a plain other typed");
    store_close(b);
    store_check_sound();
}

static void within_one_call_the_first_comes_first(void)
{
    gf_broker *b = store_open();
    gf_message one = message("q", "one"), two = message("q", "two");
    char holder[GF_ID_MAX + 1] = "";
    gf_put items[2] = { { .message = &one, .unique_ms = HOUR_MS },
        { .message = &two, .unique_ms = HOUR_MS, .holder = holder } };
    CHECK_OK(b->ops->tasks->put(b, items, 2));
    CHECK_STATUS(items[0].status, GOFER_OK);
    CHECK_STATUS(items[1].status, GOFER_EDUPLICATE);
    CHECK_STR(holder, "one");
    store_close(b);
    store_check_sound();
}

static void a_name_locks_whatever_type_and_payload(void)
{
    gf_broker *b = store_open();
    gf_message other = message("q", "b");
    char holder[GF_ID_MAX + 1] = "";
    other.type = "another";
    other.payload = "else";
    other.payload_size = 4;
    gf_put named = { .message = &other,
        .unique_ms = HOUR_MS,
        .unique_key = "account:7",
        .holder = holder };
    CHECK_OK(put_unique(b, "a", "account:7", GF_UNTIL_DONE, NULL));
    CHECK_STATUS(put_as(b, named), GOFER_EDUPLICATE);
    CHECK_STR(holder, "a");
    CHECK(is_free(b));                   // by type and payload it is another lock
    done(b, need_one(b, "q", "a"));
    CHECK_OK(put_as(b, named));
    store_close(b);
    store_check_sound();
}

static void the_end_of_a_task_frees_its_lock(void)
{
    static const gf_finish ends[] = {
        { .outcome = GF_DONE }, { .outcome = GF_DROP }, { .outcome = GF_ARCHIVE, .is_failure = true,
            .error = "e" },
        { .outcome = GF_CANCELLED, .error = "e" },
    };
    gf_broker *b = store_open();
    for (size_t i = 0; i < COUNT(ends); i++) {
        char id[8];
        snprintf(id, sizeof id, "t%zu", i);
        CHECK_OK(put_unique(b, id, NULL, GF_UNTIL_DONE, NULL));
        gf_claim *claim = need_one(b, "q", id);
        CHECK(!is_free(b));
        CHECK_OK(finish(b, claim, ends[i]));
        CHECK(is_free(b));
    }
    gf_message m = message("q", "kept");
    m.retention_ms = HOUR_MS;
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .unique_ms = HOUR_MS }));
    done(b, need_one(b, "q", "kept"));
    CHECK_STR(task_state(b, "q", "kept"), "completed");
    CHECK(is_free(b));
    store_close(b);
    store_check_sound();
}

static void who_acts_on_a_waiting_task_frees_its_lock(void)
{
    gf_broker *b = store_open();
    CHECK_OK(put_unique(b, "deleted", NULL, GF_UNTIL_DONE, NULL));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "deleted"));
    CHECK(is_free(b));
    CHECK_OK(put_unique(b, "archived", NULL, GF_UNTIL_DONE, NULL));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_ARCHIVE, "archived"));
    CHECK(is_free(b));
    CHECK_OK(put_unique(b, "cancelled", NULL, GF_UNTIL_START, NULL));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "cancelled"));
    CHECK_STR(task_state(b, "q", "cancelled"), "archived");
    CHECK(is_free(b));
    CHECK_OK(put_unique(b, "with its queue", NULL, GF_UNTIL_DONE, NULL));
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    CHECK(is_free(b));
    store_close(b);
    store_check_sound();
}

// By an id of the greatest length: whose lock it is says the whole of it.
static void a_retry_and_a_crash_keep_the_lock(void)
{
    gf_broker *b = store_open();
    size_t moved;
    int64_t next_ms;
    char id[GF_ID_MAX + 1];
    memset(id, 't', GF_ID_MAX);
    id[GF_ID_MAX] = '\0';
    CHECK_OK(put_unique(b, id, NULL, GF_UNTIL_DONE, NULL));
    CHECK_OK(finish(b, need_one(b, "q", id), (gf_finish){ .outcome = GF_REQUEUE }));
    CHECK(!is_free(b));
    CHECK_OK(finish(b, need_one(b, "q", id), (gf_finish){ .outcome = GF_RETRY_AT,
        .is_failure = true, .at_ms = gf_now_ms() - 2000, .error = "e" }));
    CHECK(!is_free(b));
    CHECK_OK(b->ops->upkeep->forward(b, 10, &moved, &next_ms));
    CHECK(!is_free(b));
    crash(b, "q", id, 9, NULL);
    CHECK_STR(task_state(b, "q", id), "pending");
    CHECK(!is_free(b));
    crash(b, "q", id, 1, NULL);
    CHECK_STR(task_state(b, "q", id), "archived");
    CHECK(is_free(b));
    store_close(b);
    store_check_sound();
}

static void a_lock_until_the_start_is_released_by_it(void)
{
    gf_broker *b = store_open();
    CHECK_OK(put_unique(b, "one", NULL, GF_UNTIL_START, NULL));
    gf_claim *one = need_one(b, "q", "one");
    CHECK(!is_free(b));
    CHECK_OK(b->ops->tasks->release(b, &one, 1));
    CHECK_OK(put_unique(b, "two", NULL, GF_UNTIL_START, NULL));
    CHECK_OK(b->ops->tasks->release(b, &one, 1));
    done(b, one);                        // the lock is another's now
    CHECK(!is_free(b));
    gf_claim *two = need_one(b, "q", "two");
    CHECK_OK(finish(b, two, (gf_finish){ .outcome = GF_RETRY_AT, .at_ms = gf_now_ms() + HOUR_MS,
        .error = "e" }));
    CHECK(!is_free(b));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "two"));
    put(b, "q", "three");                // who has none frees none
    CHECK_OK(put_unique(b, "four", NULL, GF_UNTIL_START, NULL));
    gf_claim *three = need_one(b, "q", "three");
    CHECK_OK(b->ops->tasks->release(b, &three, 1));
    CHECK(!is_free(b));
    done(b, three);
    store_close(b);
    store_check_sound();
}

static void a_lock_for_a_time_outlives_its_task(void)
{
    gf_broker *b = store_open();
    char holder[GF_ID_MAX + 1] = "";
    CHECK_OK(put_unique(b, "done", NULL, GF_UNTIL_TTL, NULL));
    done(b, need_one(b, "q", "done"));
    CHECK_STATUS(put_unique(b, "next", NULL, GF_UNTIL_TTL, holder), GOFER_EDUPLICATE);
    CHECK_STR(holder, "done");
    CHECK_OK(put_unique(b, "named", "k", GF_UNTIL_TTL, NULL));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "named"));
    CHECK_STATUS(put_unique(b, "next", "k", GF_UNTIL_DONE, NULL), GOFER_EDUPLICATE);
    store_close(b);
    store_check_sound();
}

static gofer_status put_for_a_second(gf_broker *b, const char *id, int64_t run_at_ms)
{
    gf_message m = message("q", id);
    return put_as(b,
        (gf_put){ .message = &m,
            .unique_ms = 1,
            .run_at_ms = run_at_ms,
            .unique_key = run_at_ms ? "later" : NULL });
}

static void a_lock_ends_by_itself(void)
{
    gf_broker *b = store_open();
    CHECK_OK(put_for_a_second(b, "later one", gf_now_ms() + HOUR_MS));
    CHECK_OK(put_for_a_second(b, "one", 0));
    gofer_status st;
    for (int64_t end = gf_mono_ms() + PATIENCE_MS;
         (st = put_for_a_second(b, "two", 0)) == GOFER_EDUPLICATE && gf_mono_ms() < end;)
        gf_sleep_us(20000);
    CHECK_STATUS(st, GOFER_OK);
    // A scheduled one's time begins when it may run.
    CHECK_STATUS(put_for_a_second(b, "later two", gf_now_ms() + HOUR_MS), GOFER_EDUPLICATE);
    // The one whose time was over does not free what is the other's.
    CHECK_OK(put_unique(b, "last", "mine", GF_UNTIL_DONE, NULL));
    done(b, need_one(b, "q", "one"));
    size_t purged;
    CHECK_OK(b->ops->upkeep->purge(b, 100, &purged));
    CHECK_STATUS(put_unique(b, "more", "mine", GF_UNTIL_DONE, NULL), GOFER_EDUPLICATE);
    store_close(b);
    store_check_sound();
}

static void a_lock_travels_with_its_task(void)
{
    gf_broker *b = store_open();
    static const char *const ids[] = { "plain", "named", "none" };
    gf_item items[3];
    memset(items, 0, sizeof items);
    CHECK_OK(put_unique(b, "plain", NULL, GF_UNTIL_START, NULL));
    CHECK_OK(put_unique(b, "named", "k", GF_UNTIL_DONE, NULL));
    put(b, "q", "none");
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", ids, 3, items));
    for (int i = 0; i < 2; i++)
        CHECK(items[i].unique_ms > HOUR_MS - 600000 && items[i].unique_ms <= HOUR_MS);
    CHECK(items[0].unique_key == NULL);
    CHECK_STR(items[1].unique_key, "k");
    CHECK_INT(items[2].unique_ms, 0);
    REQUIRE_OK(b->ops->transfer->import_items(b, "r", items, 3));
    gf_message m = message("r", "again");
    CHECK_STATUS(put_as(b, (gf_put){ .message = &m, .unique_ms = HOUR_MS }), GOFER_EDUPLICATE);
    CHECK_STATUS(put_as(b, (gf_put){ .message = &m, .unique_ms = HOUR_MS, .unique_key = "k" }),
        GOFER_EDUPLICATE);
    REQUIRE_OK(b->ops->transfer->drop_items(b, "q", items, 3));
    CHECK(is_free(b));
    done(b, need_one(b, "r", "plain"));
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .unique_ms = HOUR_MS }));
    for (int i = 0; i < 3; i++)
        gf_item_clear(&items[i]);
    store_close(b);
    store_check_sound();
}

suite suite_unique(void)
{
    static const check_test tests[] = {
        TEST(the_second_of_a_kind_is_refused), TEST(within_one_call_the_first_comes_first),
        TEST(a_name_locks_whatever_type_and_payload), TEST(the_end_of_a_task_frees_its_lock),
        TEST(who_acts_on_a_waiting_task_frees_its_lock), TEST(a_retry_and_a_crash_keep_the_lock),
        TEST(a_lock_until_the_start_is_released_by_it), TEST(a_lock_for_a_time_outlives_its_task),
        TEST(a_lock_ends_by_itself), TEST(a_lock_travels_with_its_task),
    };
    return (suite){ tests, COUNT(tests) };
}
