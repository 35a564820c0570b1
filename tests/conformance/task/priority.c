// priority.c - tasks with a priority: in which order they are taken, and that they keep their place
// whatever is done with them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "message/options.h"
#include "suites.h"
#include "util/clock.h"

enum { HOUR_MS = 3600000 };

static void put_later(gf_broker *b, const char *queue, const char *id, int priority,
    int64_t run_at_ms)
{
    char room[64];
    gf_message m = message(queue, id);
    set_priority(&m, priority, room);
    CHECK_OK(put_message(b, &m, run_at_ms));
}

static void put_ranked(gf_broker *b, const char *id, int priority)
{
    put_later(b, "q", id, priority, 0);
}

// Of each kind, in an order that is none.
static void put_all(gf_broker *b)
{
    put_ranked(b, "a", 0);
    put_ranked(b, "b", -5);
    put_ranked(b, "c", 10);
    put_ranked(b, "d", 0);
    put_ranked(b, "e", 100);
    put_ranked(b, "f", 10);
    put_ranked(b, "g", -100);
    put_ranked(b, "h", -5);
}
static const char in_order[] = "e c f a d b h g";

static void the_higher_priority_is_taken_first(void)
{
    gf_broker *b = store_open();
    put_all(b);
    CHECK_STR(queue_counts(b, "q"), "p8 a0 s0 r0 c0 x0");
    drain_expecting(b, "q", in_order);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    // The first of an empty queue has no head start.
    put_ranked(b, "x", -1);
    put_ranked(b, "y", 0);
    put_ranked(b, "z", 1);
    drain_expecting(b, "q", "z y x");
    store_close(b);
    store_check_sound();
}

static void each_is_taken_by_itself_in_that_order(void)
{
    gf_broker *b = store_open();
    put_all(b);
    for (const char *at = in_order; *at; at += at[1] ? 2 : 1) {
        char id[2] = { *at, '\0' };
        gf_claim *claim = need_one(b, "q", id);
        int priority = gf_priority_of(&claim->message);
        if (priority)                      // else there is no such field
            CHECK_INT(task_number(b, "q", id, "priority"), priority);
        done(b, claim);
    }
    CHECK(take_one(b, "q") == NULL);
    store_close(b);
    store_check_sound();
}

static void one_priority_is_first_come_first_served(void)
{
    enum { MANY = 120 };
    gf_broker *b = store_open();
    char ids[MANY][12];
    for (int i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", (i * 37) % MANY);    // not in the order of texts
        put_ranked(b, ids[i], i % 2 ? 7 : -7);
    }
    for (int round = 1; round >= 0; round--)
        for (int i = round; i < MANY; i += 2)
            done(b, need_one(b, "q", ids[i]));
    store_close(b);
    store_check_sound();
}

static void a_repeat_is_the_same_task(void)
{
    gf_broker *b = store_open();
    put_ranked(b, "a", 3);
    put_ranked(b, "a", 3);
    put_ranked(b, "a", -3);                // its first options hold
    CHECK_INT(task_number(b, "q", "a", "priority"), 3);
    drain_expecting(b, "q", "a");
    store_close(b);
    store_check_sound();
}

// ---- back, and again ----------------------------------------------------------------------------

static void put_back_it_is_at_the_head_of_its_lane(void)
{
    gf_broker *b = store_open();
    gf_claim *claims[2];
    put_ranked(b, "plain", 0);
    put_ranked(b, "x", 5);
    put_ranked(b, "y", 5);
    put_ranked(b, "n", -5);
    put_ranked(b, "m", -5);
    CHECK_OK(finish(b, need_one(b, "q", "x"), (gf_finish){ .outcome = GF_REQUEUE }));
    put_ranked(b, "top", 6);
    done(b, need_one(b, "q", "top"));
    done(b, need_one(b, "q", "x"));
    done(b, need_one(b, "q", "y"));
    REQUIRE(take(b, "q", 2, claims) == 2);
    CHECK_STR(claims[1]->message.id, "n");
    CHECK_OK(finish(b, claims[1], (gf_finish){ .outcome = GF_REQUEUE }));
    done(b, claims[0]);
    put_ranked(b, "second", 0);
    drain_expecting(b, "q", "second n m");
    store_close(b);
    store_check_sound();
}

static void after_a_crash_it_is_at_the_head_of_its_lane(void)
{
    gf_broker *b = store_open();
    put_ranked(b, "plain", 0);
    put_ranked(b, "x", 5);
    put_ranked(b, "y", 5);
    crash(b, "q", "x", 3, NULL);
    put_ranked(b, "top", 6);
    CHECK_STR(task_state(b, "q", "x"), "pending");
    done(b, need_one(b, "q", "top"));
    done(b, need_one(b, "q", "x"));
    drain_expecting(b, "q", "y plain");
    store_close(b);
    store_check_sound();
}

static void forward(gf_broker *b)
{
    size_t moved;
    int64_t next_ms;
    CHECK_OK(b->ops->upkeep->forward(b, 1000, &moved, &next_ms));
}

static void a_retry_joins_its_lane(void)
{
    gf_broker *b = store_open();
    put_ranked(b, "low", -5);
    put_ranked(b, "high", 5);
    const gf_finish again = { .outcome = GF_RETRY_AT, .is_failure = true, .at_ms = 1000,
        .error = "e" };
    gf_claim *claims[2];
    REQUIRE(take(b, "q", 2, claims) == 2);
    CHECK_OK(finish(b, claims[0], again));
    CHECK_OK(finish(b, claims[1], again));
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r2 c0 x0");
    put_ranked(b, "plain", 0);
    forward(b);
    CHECK_STR(queue_counts(b, "q"), "p3 a0 s0 r0 c0 x0");
    put_ranked(b, "later", 5);
    drain_expecting(b, "q", "high later plain low");
    store_close(b);
    store_check_sound();
}

static void what_is_scheduled_joins_its_lane(void)
{
    gf_broker *b = store_open();
    put_later(b, "q", "high", 5, gf_now_ms() + HOUR_MS);
    put_later(b, "q", "low", -5, gf_now_ms() + HOUR_MS);
    put_ranked(b, "plain", 0);
    put_ranked(b, "first", 5);
    CHECK_STR(queue_counts(b, "q"), "p2 a0 s2 r0 c0 x0");
    CHECK_STR(task_state(b, "q", "high"), "scheduled");
    CHECK_STR(page_ids(b, "q", GF_SCHEDULED, 1), "high low");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "low"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "high"));
    CHECK_STATUS(gf_act_one(b, "q", GF_ACT_RUN, "high"), GOFER_ESTATE);
    CHECK_STR(queue_counts(b, "q"), "p4 a0 s0 r0 c0 x0");
    drain_expecting(b, "q", "first high plain low");
    store_close(b);
    store_check_sound();
}

// ---- looking, and acting ------------------------------------------------------------------------

// A page whose rows are whole: where slots move, one may be had a moment later.
static gofer_info *whole_page(gf_broker *b, const char *cursor, size_t limit)
{
    for (int tries = 0;; tries++) {
        gofer_info *page;
        bool whole = true;
        REQUIRE_OK(b->ops->inspect->tasks(b, "q", GF_PENDING, cursor, limit, &page));
        for (size_t i = 0; i < gofer_info_count(page); i++)
            whole = whole && *gofer_info_text(gofer_info_at(page, i), "type");
        if (whole || tries == 1000)
            return page;
        gofer_info_free(page);
        gf_sleep_us(10000);
    }
}

static void pages_are_in_the_order_of_taking(void)
{
    gf_broker *b = store_open();
    put_all(b);
    put_later(b, "q", "later", 50, gf_now_ms() + HOUR_MS);
    for (size_t limit = 1; limit < 10; limit++)
        CHECK_STR(page_ids(b, "q", GF_PENDING, limit), in_order);
    CHECK_STR(page_ids(b, "q", GF_SCHEDULED, 1), "later");
    gofer_info *page = whole_page(b, "@6", 10);
    CHECK_INT(gofer_info_count(page), 2);
    CHECK_STR(gofer_info_text(gofer_info_at(page, 0), "id"), "h");
    CHECK_INT(gofer_info_int(gofer_info_at(page, 0), "priority", 0), -5);
    gofer_info_free(page);
    page = whole_page(b, "@1", 1);
    CHECK_STR(gofer_info_text(gofer_info_at(page, 0), "id"), "c");
    gofer_info_free(page);
    for (const char *at = in_order; *at; at += at[1] ? 2 : 1) {
        char id[2] = { *at, '\0' };
        CHECK_STR(task_state(b, "q", id), "pending");
    }
    store_close(b);
    store_check_sound();
}

static void a_numbered_page_counts_each_once(void)
{
    static const int firsts[] = { 5, -5 };     // it is in the list, too, for who waits for work
    for (size_t i = 0; i < COUNT(firsts); i++) {
        gf_broker *b = store_open();
        char want[16], place[16];
        put_ranked(b, "x", firsts[i]);
        put_ranked(b, "a", 0);
        put_ranked(b, "b", 0);
        put_ranked(b, "n", -5);
        snprintf(want, sizeof want, "%s", firsts[i] > 0 ? "xabn" : "abxn");
        for (int at = 0; at < 4; at++) {
            gofer_info *page;
            snprintf(place, sizeof place, "@%d", at);
            REQUIRE_OK(b->ops->inspect->tasks(b, "q", GF_PENDING, place, 1, &page));
            REQUIRE(gofer_info_count(page) == 1);
            CHECK_INT(*gofer_info_text(gofer_info_at(page, 0), "id"), want[at]);
            gofer_info_free(page);
        }
        CHECK_INT(queue_number(b, "q", "pending"), 4);
        store_close(b);
        store_check_sound();
    }
}

static void acts_find_them(void)
{
    gf_broker *b = store_open();
    put_all(b);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_ARCHIVE, "c"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_ARCHIVE, "b"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "e"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "g"));
    CHECK_STATUS(gf_act_one(b, "q", GF_ACT_DELETE, "e"), GOFER_ENOTFOUND);
    CHECK_STR(queue_counts(b, "q"), "p4 a0 s0 r0 c0 x3");
    put_ranked(b, "e", -100);              // another task, which has nothing of the first
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "b"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "c"));
    CHECK_STR(page_ids(b, "q", GF_PENDING, 3), "f c a d h b e");
    drain_expecting(b, "q", "f c a d h b e");
    store_close(b);
    store_check_sound();
}

static void edited_it_is_where_it_belongs(void)
{
    gf_broker *b = store_open();
    put_all(b);
    CHECK_OK(b->ops->act->task_edit(b, "q", "c", "new", 3, 0));
    CHECK_OK(b->ops->act->task_edit(b, "q", "f", NULL, 0, gf_now_ms() + HOUR_MS));
    CHECK_OK(b->ops->act->task_edit(b, "q", "b", NULL, 0, 1));     // to the end of its lane
    CHECK_STR(queue_counts(b, "q"), "p7 a0 s1 r0 c0 x0");
    CHECK_STR(task_state(b, "q", "f"), "scheduled");
    CHECK_STR(page_ids(b, "q", GF_PENDING, 100), "e c a d h b g");
    CHECK_OK(b->ops->act->task_edit(b, "q", "f", NULL, 0, 1));
    drain_expecting(b, "q", "e c f a d h b g");
    store_close(b);
    store_check_sound();
}

static void all_of_a_state_are_those_that_are_shown_in_it(void)
{
    gf_broker *b = store_open();
    size_t moved;
    put_all(b);
    put_later(b, "q", "later", 50, gf_now_ms() + HOUR_MS);
    put_later(b, "q", "last", 0, gf_now_ms() + 2 * HOUR_MS);
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_SCHEDULED, GF_STATE_COUNT, 1000, &moved));
    CHECK_INT(moved, 2);
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_PENDING, GF_ARCHIVED, 1000, &moved));
    CHECK_INT(moved, 8);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x8");
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_ARCHIVED, GF_PENDING, 1000, &moved));
    CHECK_INT(moved, 8);
    CHECK_STR(queue_counts(b, "q"), "p8 a0 s0 r0 c0 x0");
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    CHECK_INT(queue_number(b, "q", "pending"), -1);
    put_ranked(b, "a", 1);
    drain_expecting(b, "q", "a");
    store_close(b);
    store_check_sound();
}

// As many of each kind in a row as stores put in one by one, and as they put in together.
static void those_put_in_together_have_their_lanes(void)
{
    static const int priorities[] = { 0, 5, -5, 7 }, order[] = { 3, 1, 0, 2 };
    enum { KINDS = COUNT(priorities), MOST = 9 };
    for (int run = 1; run <= MOST; run++) {
        gf_broker *b = store_open();
        gf_message m[KINDS * MOST];
        gf_put items[KINDS * MOST];
        char ids[KINDS * MOST][24], rooms[KINDS * MOST][64], want[KINDS * MOST * 24] = "";
        int count = 0;
        for (int kind = 0; kind < KINDS; kind++)
            for (int i = 0; i < run; i++, count++) {
                snprintf(ids[count], sizeof ids[count], "%d-%d", kind, i);
                m[count] = message("q", ids[count]);
                set_priority(&m[count], priorities[kind], rooms[count]);
                items[count] = (gf_put){ .message = &m[count] };
            }
        CHECK_OK(b->ops->tasks->put(b, items, (size_t)count));
        for (int at = 0; at < KINDS * run; at++) {
            size_t size = strlen(want);
            snprintf(want + size, sizeof want - size, "%s%s", size ? " " : "",
                ids[order[at / run] * run + at % run]);
        }
        drain_expecting(b, "q", want);
        store_close(b);
        store_check_sound();
    }
}

// Nothing of the queue has ever stood in a lane when they come.
static void the_first_of_a_queue_may_wait(void)
{
    gf_broker *b = store_open();
    put_later(b, "q", "high", 5, gf_now_ms() + HOUR_MS);
    put_later(b, "q", "low", -5, gf_now_ms() + HOUR_MS);
    put_ranked(b, "a", 0);
    put_ranked(b, "b", 0);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "low"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "high"));
    drain_expecting(b, "q", "high a b low");
    store_close(b);
    store_check_sound();
}

static void the_first_of_a_queue_may_come_archived(void)
{
    static const char *const id = "high";
    gf_broker *b = store_open();
    gf_item item = { 0 };
    put_ranked(b, id, 5);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_ARCHIVE, id));
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", &id, 1, &item));
    REQUIRE_OK(b->ops->transfer->import_items(b, "r", &item, 1));
    gf_item_clear(&item);
    put_later(b, "r", "a", 0, 0);
    put_later(b, "r", "b", 0, 0);
    CHECK_OK(gf_act_one(b, "r", GF_ACT_RUN, id));
    drain_expecting(b, "r", "high a b");
    store_close(b);
    store_check_sound();
}

static void a_paused_queue_keeps_them(void)
{
    gf_broker *b = store_open();
    CHECK_OK(b->ops->act->queue_pause(b, "q", true));
    put_all(b);
    CHECK(take_one(b, "q") == NULL);
    CHECK_OK(b->ops->act->queue_pause(b, "q", false));
    drain_expecting(b, "q", in_order);
    store_close(b);
    store_check_sound();
}

static void they_travel(void)
{
    static const char *const ids[] = { "a", "b", "c", "e" };
    enum { N = COUNT(ids) };
    gf_broker *b = store_open();
    gf_item items[N] = { 0 };
    put_all(b);
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", ids, N, items));
    for (size_t i = 0; i < N; i++) {
        CHECK_OK(items[i].status);
        CHECK_STR(gf_state_name(items[i].state), "pending");
    }
    REQUIRE_OK(b->ops->transfer->import_items(b, "r", items, N));
    REQUIRE_OK(b->ops->transfer->drop_items(b, "q", items, N));
    for (size_t i = 0; i < N; i++)
        gf_item_clear(&items[i]);
    CHECK_STR(queue_counts(b, "r"), "p4 a0 s0 r0 c0 x0");
    drain_expecting(b, "r", "e c a b");
    drain_expecting(b, "q", "f d h g");
    store_close(b);
    store_check_sound();
}

static void locks_and_ends_are_as_without(void)
{
    gf_broker *b = store_open();
    char room[64];
    gf_message m = message("q", "a");
    m.retention_ms = HOUR_MS;
    set_priority(&m, 9, room);
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .unique_ms = HOUR_MS, .unique_key = "k" }));
    m.id = "b";
    CHECK_STATUS(put_as(b, (gf_put){ .message = &m, .unique_ms = HOUR_MS, .unique_key = "k" }),
        GOFER_EDUPLICATE);
    gf_claim *claim = need_one(b, "q", "a");
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_DONE, .result = "r", .result_size = 1 }));
    CHECK_STR(task_state(b, "q", "a"), "completed");
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .unique_ms = HOUR_MS, .unique_key = "k" }));
    claim = need_one(b, "q", "b");
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true,
        .error = "e" }));
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c1 x1");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "b"));
    put_ranked(b, "c", 9);
    drain_expecting(b, "q", "b c");
    store_close(b);
    store_check_sound();
}

static void a_tick_has_its_priority(void)
{
    gf_broker *b = store_open();
    char room[64];
    gf_message m = message("q", "tick");
    set_priority(&m, 4, room);
    gf_tick tick = { .entry = "e", .tick_ms = 1000, .message = &m };
    put_ranked(b, "plain", 0);
    if (CHECK(b->ops->cron != NULL))
        CHECK_OK(b->ops->cron->tick(b, &tick, 1));
    CHECK_OK(tick.status);
    drain_expecting(b, "q", "tick plain");
    store_close(b);
    store_check_sound();
}

// ---- waiting ------------------------------------------------------------------------------------

static void who_waits_for_work_hears_of_it(void)
{
    static const char *const queues[] = { "q" };
    gf_broker *b = store_open();
    gf_waiter *w;
    REQUIRE_OK(b->ops->tasks->waiter_open(b, queues, 1, &w));
    for (int i = 0; i < 3; i++) {
        char id[2] = { (char)('a' + i), '\0' };
        b->ops->tasks->waiter_arm(w);
        CHECK(take_one(b, "q") == NULL);
        put_ranked(b, id, i == 1 ? -3 : 3);
        CHECK_OK(b->ops->tasks->waiter_wait(w, (int64_t)PATIENCE_MS * 1000));
        done(b, need_one(b, "q", id));
    }
    b->ops->tasks->waiter_close(w);
    store_close(b);
    store_check_sound();
}

// However few are taken at a time, what is left is heard of.
static void what_is_left_is_told(void)
{
    static const char *const queues[] = { "q" };
    gf_broker *b = store_open();
    gf_waiter *w;
    put_all(b);
    REQUIRE_OK(b->ops->tasks->waiter_open(b, queues, 1, &w));
    for (const char *at = in_order; *at; at += at[1] ? 2 : 1) {
        char id[2] = { *at, '\0' };
        bool filled;
        char name[] = "q", *names[] = { name };
        CHECK_OK(b->ops->inspect->filled(b, names, 1, &filled));
        CHECK(filled);
        b->ops->tasks->waiter_arm(w);
        if (store_is_redis())              // SQLite tells of what comes, not of what is there
            CHECK_OK(b->ops->tasks->waiter_wait(w, (int64_t)PATIENCE_MS * 1000));
        done(b, need_one(b, "q", id));
        put_ranked(b, "extra", 100);
        done(b, need_one(b, "q", "extra"));
    }
    b->ops->tasks->waiter_close(w);
    store_close(b);
    store_check_sound();
}

// Whatever is done in whatever order: each task is taken once, and always one of those with the
// highest priority.
static void each_is_taken_once_in_any_history(void)
{
    enum { TASKS = 120 };
    gf_broker *b = store_open();
    int priority[TASKS], waiting = 0, put_in = 0;
    bool pending[TASKS] = { false };
    unsigned state = 7;
    while (put_in < TASKS || waiting > 0) {
        state = state * 1103515245 + 12345;
        unsigned dice = state >> 16 & 7;
        if (dice < 4 && put_in < TASKS) {
            char id[12];
            snprintf(id, sizeof id, "%d", put_in);
            priority[put_in] = (int)(state >> 20 & 3) * 2 - 3 - (int)(state >> 23 & 1);
            put_ranked(b, id, priority[put_in]);
            pending[put_in++] = true;
            waiting++;
            continue;
        }
        gf_claim *claim = take_one(b, "q");
        if (!CHECK((claim != NULL) == (waiting > 0)) || !claim)
            continue;
        int taken = atoi(claim->message.id), best = taken;
        for (int i = 0; i < put_in; i++)
            if (pending[i] && priority[i] > priority[best])
                best = i;
        CHECK(pending[taken]);
        CHECK_INT(priority[taken], priority[best]);
        if (dice == 5) {
            CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_REQUEUE }));
            continue;
        }
        pending[taken] = false;
        waiting--;
        done(b, claim);
    }
    store_close(b);
    store_check_sound();
}

// ---- where priorities grow ----------------------------------------------------------------------

static void age(gf_broker *b, int64_t age_ms)
{
    CHECK_OK(b->ops->act->queue_age(b, "q", age_ms));
}

// At a priority more for each millisecond 200 of them are less than what the first has waited.
static void what_has_waited_long_enough_is_first(void)
{
    static const struct { int64_t age_ms; const char *order; } cases[] = {
        { 1, "plain low high" }, { HOUR_MS, "high plain low" }, { 0, "high plain low" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = store_open();
        age(b, cases[i].age_ms);
        put_ranked(b, "low", -100);
        put_ranked(b, "plain", 0);
        gf_sleep_us(300000);
        put_ranked(b, "high", 100);
        drain_expecting(b, "q", cases[i].order);
        store_close(b);
        store_check_sound();
    }
}

static void it_holds_for_all_that_waits(void)
{
    gf_broker *b = store_open();
    put_ranked(b, "a", -1);
    put_ranked(b, "b", -1);
    gf_sleep_us(50000);
    put_ranked(b, "c", 1);
    put_ranked(b, "d", 1);
    age(b, 1);
    done(b, need_one(b, "q", "a"));
    age(b, 0);
    done(b, need_one(b, "q", "c"));
    age(b, 1);
    drain_expecting(b, "q", "b d");
    store_close(b);
    store_check_sound();
}

static void how_priorities_grow_is_shown_and_taken_back(void)
{
    gf_broker *b = store_open();
    age(b, GF_AGE_MAX_MS);
    CHECK_INT(queue_number(b, "q", "age_ms"), GF_AGE_MAX_MS);
    age(b, 1);
    CHECK_INT(queue_number(b, "q", "age_ms"), 1);
    age(b, 0);
    age(b, 0);
    CHECK_INT(queue_number(b, "q", "age_ms"), -2);
    age(b, 1);                             // it goes with the queue
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    put_ranked(b, "a", 0);
    CHECK_INT(queue_number(b, "q", "age_ms"), -2);
    store_close(b);
}

// Whatever else decides when they are taken, each is taken once; and where nothing else does, in
// the order of what they have become.
static void grown_each_is_taken_once(bool limited, bool shared)
{
    enum { MANY = 150, AGE_MS = 2 };
    gf_broker *b = store_open();
    gf_claim *claims[7];
    bool seen[MANY] = { false };
    int64_t last = 0;
    uint32_t dice = 5;
    age(b, AGE_MS);
    if (limited)
        CHECK_OK(b->ops->limits->put(b,
            &(gf_limit){ .name = "k", .concurrency = 2, .per_queue = true }));
    for (int i = 0; i < MANY; i++) {
        char id[12], room[TENANT_ROOM + LIMIT_ROOM];
        snprintf(id, sizeof id, "%d", i);
        gf_message m = message("q", id);
        dice = dice * 1664525 + 1013904223;
        set_priority(&m, (int)(dice >> 24) % 5 * 10 - 20, room);
        if (limited && i % 3 == 0)
            set_limit_keys(&m, "k", 1, room);
        if (shared && i % 3 == 1)
            set_tenant(&m, i % 2 ? "x" : "y", room);
        CHECK_OK(put_message(b, &m, 0));
        gf_sleep_us(dice >> 21);
    }
    int taken = 0;
    for (size_t some = 1, n; (n = take(b, "q", some, claims)) > 0; some = some % COUNT(claims) + 1)
        for (size_t k = 0; k < n; k++) {
            int id = atoi(claims[k]->message.id);
            int64_t place = claims[k]->ready_ms - gf_priority_of(&claims[k]->message) * AGE_MS;
            CHECK(id >= 0 && id < MANY && !seen[id]);
            seen[id] = true;
            taken++;
            if (!limited && !shared)
                CHECK(place + 1 >= last);          // of a millisecond the fractions are not told
            last = place;
            done(b, claims[k]);
        }
    CHECK_INT(taken, MANY);
    store_close(b);
    store_check_sound();
}

static void grown_they_are_in_order(void)
{
    grown_each_is_taken_once(false, false);
}

static void grown_limits_and_tenants_lose_nobody(void)
{
    gf_broker *b = store_open();
    bool limited = b->ops->limits != NULL;
    store_close(b);
    grown_each_is_taken_once(limited, false);
    grown_each_is_taken_once(false, true);
    grown_each_is_taken_once(limited, true);
}

suite suite_priority(void)
{
    static const check_test tests[] = {
        TEST(the_higher_priority_is_taken_first),
        TEST(each_is_taken_by_itself_in_that_order),
        TEST(one_priority_is_first_come_first_served),
        TEST(a_repeat_is_the_same_task),
        TEST(put_back_it_is_at_the_head_of_its_lane),
        TEST(after_a_crash_it_is_at_the_head_of_its_lane),
        TEST(a_retry_joins_its_lane),
        TEST(what_is_scheduled_joins_its_lane),
        TEST(those_put_in_together_have_their_lanes),
        TEST(the_first_of_a_queue_may_wait),
        TEST(the_first_of_a_queue_may_come_archived),
        TEST(pages_are_in_the_order_of_taking),
        TEST(a_numbered_page_counts_each_once),
        TEST(acts_find_them),
        TEST(edited_it_is_where_it_belongs),
        TEST(all_of_a_state_are_those_that_are_shown_in_it),
        TEST(a_paused_queue_keeps_them),
        TEST(they_travel),
        TEST(locks_and_ends_are_as_without),
        TEST(a_tick_has_its_priority),
        TEST(who_waits_for_work_hears_of_it),
        TEST(what_is_left_is_told),
        TEST(each_is_taken_once_in_any_history),
        TEST(what_has_waited_long_enough_is_first),
        TEST(it_holds_for_all_that_waits),
        TEST(how_priorities_grow_is_shown_and_taken_back),
        TEST(grown_they_are_in_order),
        TEST(grown_limits_and_tenants_lose_nobody),
    };
    return (suite){ tests, COUNT(tests) };
}
