// items.c - tasks on their way from store to store: read whole, stored as they are, deleted.
#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

enum { STATES = 5 };

static const char *const ids[STATES] = { "pending", "scheduled", "retry", "completed", "archived" };

// One task in each state, named like it, with all there is to lose.
static void one_of_each(gf_broker *b)
{
    static const char result[] = "r\0s";
    static char big[3000];
    const char *const pairs[] = { "k", "v", "other", "w", NULL };
    char *headers;
    size_t headers_size;
    memset(big, 'b', sizeof big);
    REQUIRE_OK(gf_headers_pack(pairs, &headers, &headers_size));
    for (int i = 0; i < STATES; i++) {
        gf_message m = message("q", ids[i]);
        m.retention_ms = 3600000;
        m.timeout_ms = 1500;
        m.headers = headers;
        m.headers_size = headers_size;
        if (i % 2) {
            m.payload = big;
            m.payload_size = sizeof big;
        }
        CHECK_OK(put_message(b, &m, i == 1 ? gf_now_ms() + 3600000 : 0));
    }
    gf_claim *claims[4];
    REQUIRE(take(b, "q", 4, claims) == 4);
    CHECK_OK(finish(b, claims[0], (gf_finish){ .outcome = GF_REQUEUE }));
    CHECK_OK(finish(b, claims[1], (gf_finish){ .outcome = GF_RETRY_AT, .is_failure = true,
        .at_ms = gf_now_ms() + 7200000, .error = "e1" }));
    CHECK_OK(finish(b, claims[2], (gf_finish){ .outcome = GF_DONE, .result = result,
        .result_size = 3 }));
    CHECK_OK(finish(b, claims[3], (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true,
        .error = "e2" }));
    gofer_free(headers);
}

// As JSON, but for its queue.
static char *shown(gf_broker *b, const char *queue, const char *id)
{
    gofer_info *info;
    char *json = NULL;
    if (!CHECK_OK(b->ops->inspect->task(b, queue, id, &info)))
        return NULL;
    CHECK_OK(gofer_info_json(info, &json));
    gofer_info_free(info);
    char *name = strstr(json, "\"queue\":\"");
    REQUIRE(name != NULL);
    name[9] = '-';
    return json;
}

static gofer_status rewrite(gf_broker *b, const char *id, gf_part part, const char *was,
    const char *now)
{
    const gf_rewrite r = { part, was, now, strlen(was), strlen(now) };
    return b->ops->act->task_rewrite(b, "q", id, &r);
}

static void export_each(gf_broker *b, gf_item *items)
{
    memset(items, 0, STATES * sizeof *items);
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", ids, STATES, items));
    for (int i = 0; i < STATES; i++) {
        CHECK_INT(items[i].status, GOFER_OK);
        CHECK_STR(gf_state_name(items[i].state), ids[i]);
    }
}

static void clear_each(gf_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gf_item_clear(&items[i]);
}

// Each part where it is still what was read, of tasks that do not run; all else stays.
static void a_part_is_rewritten_as_it_was_read(void)
{
    enum { LARGE = 5000 };
    static char large[2][LARGE + 1];
    gf_broker *b = store_open();
    gf_item item = { 0 };
    const char *id = "1";
    gf_message m = message("q", id);
    m.retention_ms = 3600000;
    memset(large[0], 'x', LARGE);
    memset(large[1], 'y', LARGE);
    m.payload = "first";
    m.payload_size = 5;
    CHECK_OK(put_message(b, &m, 0));
    CHECK_OK(rewrite(b, id, GF_PART_PAYLOAD, "first", large[0]));
    CHECK_OK(rewrite(b, id, GF_PART_PAYLOAD, large[0], large[1]));
    CHECK_STATUS(rewrite(b, id, GF_PART_PAYLOAD, large[0], "second"), GOFER_ESTALE);
    CHECK_OK(rewrite(b, id, GF_PART_PAYLOAD, large[1], "second"));
    CHECK_STATUS(rewrite(b, id, GF_PART_RESULT, "r", "s"), GOFER_ESTATE);
    CHECK_STATUS(rewrite(b, id, GF_PART_CHECKPOINT, "c", "d"), GOFER_ESTALE);
    CHECK_STATUS(rewrite(b, "2", GF_PART_CHECKPOINT, "c", "d"), GOFER_ENOTFOUND);
    gf_claim *claim = need_one(b, "q", id);
    CHECK_STATUS(rewrite(b, id, GF_PART_PAYLOAD, "second", "third"), GOFER_ESTATE);
    CHECK_STATUS(rewrite(b, id, GF_PART_CHECKPOINT, "c", "d"), GOFER_ESTATE);
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_REQUEUE, .checkpoint = "row 1",
        .checkpoint_size = 5 }));
    CHECK_STATUS(rewrite(b, id, GF_PART_CHECKPOINT, "row 2", "row 3"), GOFER_ESTALE);
    CHECK_OK(rewrite(b, id, GF_PART_CHECKPOINT, "row 1", "row 3"));
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", &id, 1, &item));
    CHECK_MEM(item.message.payload, item.message.payload_size, "second", 6);
    CHECK_MEM(item.checkpoint, item.checkpoint_size, "row 3", 5);
    gf_item_clear(&item);
    claim = need_one(b, "q", id);
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_DONE, .result = "r", .result_size = 1 }));
    CHECK_OK(rewrite(b, id, GF_PART_RESULT, "r", large[0]));
    CHECK_OK(rewrite(b, id, GF_PART_RESULT, large[0], large[1]));
    CHECK_STATUS(rewrite(b, id, GF_PART_RESULT, "r", "s"), GOFER_ESTALE);
    CHECK_OK(rewrite(b, id, GF_PART_RESULT, large[1], "s"));
    CHECK_OK(rewrite(b, id, GF_PART_PAYLOAD, "second", "third"));
    CHECK_STR(task_state(b, "q", id), "completed");
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", &id, 1, &item));
    CHECK_MEM(item.message.payload, item.message.payload_size, "third", 5);
    CHECK_MEM(item.result, item.result_size, "s", 1);
    gf_item_clear(&item);
    store_close(b);
}

static void tasks_travel_whole_in_every_state(void)
{
    gf_broker *b = store_open();
    gf_item items[STATES];
    one_of_each(b);
    export_each(b, items);
    REQUIRE_OK(b->ops->transfer->import_items(b, "r", items, STATES));
    for (int i = 0; i < STATES; i++) {
        CHECK_INT(items[i].status, GOFER_OK);
        CHECK(!items[i].repeated);
        char *before = shown(b, "q", ids[i]), *after = shown(b, "r", ids[i]);
        CHECK_STR(after, before);
        gofer_free(before);
        gofer_free(after);
    }
    CHECK_STR(queue_counts(b, "r"), "p1 a0 s1 r1 c1 x1");
    clear_each(items, STATES);
    done(b, need_one(b, "r", "pending"));
    store_close(b);
    store_check_sound();
}

static void a_task_arrives_once(void)
{
    gf_broker *b = store_open();
    gf_item items[STATES];
    one_of_each(b);
    export_each(b, items);
    gf_message other = message("r", "archived");
    other.payload = "another";
    other.payload_size = 7;
    CHECK_OK(put_message(b, &other, 0));
    for (int round = 0; round < 2; round++) {
        REQUIRE_OK(b->ops->transfer->import_items(b, "r", items, STATES));
        for (int i = 0; i < STATES - 1; i++) {
            CHECK_INT(items[i].status, GOFER_OK);
            CHECK_INT(items[i].repeated, round);
        }
        CHECK_INT(items[STATES - 1].status, GOFER_EEXIST);
    }
    CHECK_STR(queue_counts(b, "r"), "p2 a0 s1 r1 c1 x0");
    CHECK_OK(b->ops->transfer->import_items(b, "r", items, 0));
    clear_each(items, STATES);
    store_close(b);
    store_check_sound();
}

static void dropping_deletes_what_is_the_same_and_not_active(void)
{
    gf_broker *b = store_open();
    gf_item items[STATES];
    one_of_each(b);
    export_each(b, items);
    gf_claim *running = need_one(b, "q", "pending");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "archived"));
    gf_message other = message("q", "archived");
    other.payload = "another";
    other.payload_size = 7;
    CHECK_OK(put_message(b, &other, 0));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "scheduled"));       // it is found where it is now
    for (int round = 0; round < 2; round++) {
        REQUIRE_OK(b->ops->transfer->drop_items(b, "q", items, STATES));
        for (int i = 0; i < STATES; i++)
            CHECK_INT(items[i].status, i == 0 ? GOFER_ESTATE : GOFER_OK);
        CHECK_STR(queue_counts(b, "q"), "p1 a1 s0 r0 c0 x0");
    }
    CHECK_STR(page_ids(b, "q", GF_PENDING, 9), "archived");
    clear_each(items, STATES);
    done(b, running);
    CHECK_OK(b->ops->transfer->drop_items(b, "q", items, 0));
    store_close(b);
    store_check_sound();
}

static void what_cannot_travel_is_told(void)
{
    static const char *const two[] = { "active", "none" };
    gf_broker *b = store_open();
    gf_item items[2] = { { .status = GOFER_OK }, { .status = GOFER_OK } };
    put(b, "q", "active");
    gf_claim *running = need_one(b, "q", "active");
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", two, 2, items));
    CHECK_INT(items[0].status, GOFER_ESTATE);
    CHECK_INT(items[1].status, GOFER_ENOTFOUND);
    clear_each(items, 2);
    REQUIRE_OK(b->ops->transfer->export_items(b, "nowhere", two, 2, items));
    CHECK_INT(items[0].status, GOFER_ENOTFOUND);
    clear_each(items, 2);
    done(b, running);
    store_close(b);
}

static void pending_tasks_keep_their_order(void)
{
    static const char *const order[] = { "c", "a", "d", "b" };
    gf_broker *b = store_open();
    gf_item items[4];
    memset(items, 0, sizeof items);
    for (int i = 0; i < 4; i++)
        put(b, "q", order[i]);
    put(b, "r", "first");
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", order, 4, items));
    REQUIRE_OK(b->ops->transfer->import_items(b, "r", items, 4));
    REQUIRE_OK(b->ops->transfer->drop_items(b, "q", items, 4));
    clear_each(items, 4);
    drain_expecting(b, "r", "first c a d b");
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    store_close(b);
}

// Only other programs make such times, and what was moved from their stores has them.
static void a_task_of_time_zero_or_before_holds_up_no_other(void)
{
    static const int64_t times[] = { 0, -5000 };
    for (size_t i = 0; i < COUNT(times); i++) {
        gf_broker *b = store_open();
        gf_message early = message("q", "early"), far = message("q", "far");
        gf_item item = { .message = early,
            .state = i ? GF_RETRY : GF_SCHEDULED,
            .at_ms = times[i],
            .status = GOFER_EHANDLER };
        size_t moved = 0;
        int64_t next_ms = 0;
        REQUIRE_OK(b->ops->transfer->import_items(b, "q", &item, 1));
        CHECK_OK(item.status);
        CHECK_OK(put_message(b, &far, gf_now_ms() + 3600000));
        put(b, "q", "due");
        CHECK_OK(finish(b, need_one(b, "q", "due"), (gf_finish){ .outcome = GF_RETRY_AT,
            .at_ms = 5000, .error = "e" }));
        CHECK_OK(b->ops->upkeep->forward(b, 10, &moved, &next_ms));
        CHECK_INT(moved, 2);
        CHECK(next_ms > gf_now_ms());
        CHECK_STR(queue_counts(b, "q"), "p2 a0 s1 r0 c0 x0");
        store_close(b);
        store_check_sound();
        store_remove();
    }
}

static void the_same_id_twice_in_one_import_arrives_once(void)
{
    gf_broker *b = store_open();
    gf_message m[3] = { message("q", "t"), message("q", "t"), message("q", "t") };
    gf_item items[3];
    m[2].payload = "another";
    m[2].payload_size = 7;
    for (int i = 0; i < 3; i++)
        items[i] = (gf_item){ .message = m[i], .state = GF_PENDING, .status = GOFER_EHANDLER };
    REQUIRE_OK(b->ops->transfer->import_items(b, "q", items, 3));
    CHECK_OK(items[0].status);
    CHECK(!items[0].repeated);
    CHECK_OK(items[1].status);
    CHECK(items[1].repeated);
    CHECK_STATUS(items[2].status, GOFER_EEXIST);
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    drain_expecting(b, "q", "t");
    store_close(b);
    store_check_sound();
}

static const check_test tests[] = {
    TEST(a_part_is_rewritten_as_it_was_read),
    TEST(tasks_travel_whole_in_every_state),
    TEST(a_task_arrives_once),
    TEST(dropping_deletes_what_is_the_same_and_not_active),
    TEST(what_cannot_travel_is_told),
    TEST(pending_tasks_keep_their_order),
    TEST(a_task_of_time_zero_or_before_holds_up_no_other),
    TEST(the_same_id_twice_in_one_import_arrives_once),
};

suite suite_items(void)
{
    return (suite){ tests, COUNT(tests) };
}
