// sharded.c - queues whose tasks are spread over slots: one queue to everybody.
#include <pthread.h>
#include <string.h>

#include "fixture.h"
#include "raw.h"
#include "suites.h"
#include "util/clock.h"

enum { SHARDS = 5, TASKS = 60 };

static gf_broker *open_sharded(int shards)
{
    gf_broker *b = store_open();
    REQUIRE_OK(b->ops->shards->declare(b, "q", shards));
    return b;
}

static void put_many(gf_broker *b, int count)
{
    char id[16];
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "t%d", i);
        put(b, "q", id);
    }
}

// How many slots have pending tasks, and in *all how many tasks these are.
static int filled(gf_broker *b, int64_t *all)
{
    gofer_info *slots;
    int count = 0;
    *all = 0;
    REQUIRE_OK(b->ops->shards->slots(b, "q", &slots));
    for (size_t i = 0; i < gofer_info_count(slots); i++) {
        int64_t pending = gofer_info_int(gofer_info_at(slots, i), "pending", 0);
        count += pending > 0;
        *all += pending;
    }
    gofer_info_free(slots);
    return count;
}

static size_t slot_count(gf_broker *b)
{
    gofer_info *slots;
    REQUIRE_OK(b->ops->shards->slots(b, "q", &slots));
    size_t count = gofer_info_count(slots);
    gofer_info_free(slots);
    return count;
}

// The name of a slot. Good until the next call.
static const char *slot_name(gf_broker *b, size_t number)
{
    static char name[GF_NAME_MAX + 1];
    gofer_info *slots;
    REQUIRE_OK(b->ops->shards->slots(b, "q", &slots));
    REQUIRE(number < gofer_info_count(slots));
    snprintf(name, sizeof name, "%s", gofer_info_text(gofer_info_at(slots, number), "queue"));
    gofer_info_free(slots);
    return name;
}

// Takes and finishes all that there is; how many.
static int drain(gf_broker *b)
{
    gf_claim *claims[TASKS];
    int count = 0;
    for (size_t n; (n = take(b, "q", 20, claims)) > 0; count += (int)n)
        for (size_t i = 0; i < n; i++) {
            CHECK_STR(claims[i]->message.queue, "q");
            done(b, claims[i]);
        }
    return count;
}

static void tasks_are_spread_and_taken_as_of_one_queue(void)
{
    gf_broker *b = open_sharded(SHARDS);
    int64_t all;
    put_many(b, TASKS);
    CHECK_INT(filled(b, &all), SHARDS);
    CHECK_INT(all, TASKS);
    CHECK_INT(queue_number(b, "q", "pending"), TASKS);
    CHECK_INT(queue_number(b, "q", "shards"), SHARDS);
    CHECK_INT(drain(b), TASKS);
    CHECK_INT(queue_number(b, "q", "pending"), 0);
    CHECK_INT(queue_number(b, "q", "processed"), TASKS);
    CHECK(take_one(b, "q") == NULL);
    store_close(b);
    store_check_sound();
}

static void a_batch_is_spread_in_one_call(void)
{
    gf_broker *b = open_sharded(SHARDS);
    gf_message m[TASKS];
    gf_put items[TASKS];
    char ids[TASKS][16];
    int64_t all;
    for (int i = 0; i < TASKS; i++) {
        snprintf(ids[i], sizeof ids[i], "t%d", i);
        m[i] = message(i % 2 ? "q" : "other", ids[i]);
        items[i] = (gf_put){ .message = &m[i], .status = GOFER_EHANDLER };
    }
    CHECK_OK(b->ops->tasks->put(b, items, TASKS));
    for (int i = 0; i < TASKS; i++) {
        CHECK_INT(items[i].status, GOFER_OK);
        CHECK(items[i].message == &m[i]);              // the caller's, as it was
    }
    CHECK_INT(filled(b, &all), SHARDS);
    CHECK_INT(all, TASKS / 2);
    CHECK_INT(queue_number(b, "other", "pending"), TASKS / 2);
    store_close(b);
}

static void an_id_is_known_in_the_whole_queue(void)
{
    gf_broker *b = open_sharded(SHARDS);
    put_many(b, 20);
    for (int i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof id, "t%d", i);
        gf_message same = message("q", id), other = message("q", id);
        other.type = "another";
        CHECK_STATUS(put_message(b, &same, 0), GOFER_OK);
        CHECK_STATUS(put_message(b, &other, 0), GOFER_EEXIST);
        CHECK_STR(task_state(b, "q", id), "pending");
        CHECK_STR(task_text(b, "q", id, "queue"), "q");
    }
    CHECK_INT(queue_number(b, "q", "pending"), 20);
    gofer_info *none;
    CHECK_STATUS(b->ops->inspect->task(b, "q", "nobody", &none), GOFER_ENOTFOUND);
    CHECK_HAS(gofer_error_last(), "in queue 'q'");
    store_close(b);
}

static void those_of_a_key_run_one_after_the_other(void)
{
    enum { KEYS = 12, EACH = 3 };
    gf_broker *b = open_sharded(SHARDS);
    char id[16], key[16], room[LIMIT_ROOM];
    int next[KEYS] = { 0 }, ended = 0, k, n;
    int64_t all;
    for (int i = 0; i < KEYS * EACH; i++) {
        snprintf(id, sizeof id, "%d.%d", i % KEYS, i / KEYS);
        snprintf(key, sizeof key, "k%d", i % KEYS);
        gf_message m = message("q", id);
        set_ordered(&m, key, false, room);
        gf_put item = { .message = &m, .fresh = true };
        CHECK_OK(b->ops->tasks->put(b, &item, 1));
    }
    CHECK(filled(b, &all) > 1);
    gf_claim *claims[KEYS * EACH];
    for (size_t count; (count = take(b, "q", KEYS * EACH, claims)) > 0;) {
        CHECK(count <= KEYS);
        for (size_t i = 0; i < count; i++, ended++) {
            REQUIRE(sscanf(claims[i]->message.id, "%d.%d", &k, &n) == 2);
            CHECK_INT(n, next[k]++);
            done(b, claims[i]);
        }
    }
    CHECK_INT(ended, KEYS * EACH);
    store_close(b);
    store_check_sound();
}

static void a_type_is_paused_in_all_slots(void)
{
    gf_broker *b = open_sharded(SHARDS);
    gf_claim *claims[TASKS];
    size_t moved = 0, count, ended = 0;
    int64_t all, next_ms;
    CHECK_OK(b->ops->guards->type_pause(b, "email:*", true));
    put_many(b, TASKS);
    CHECK(filled(b, &all) > 1);
    CHECK_INT((int64_t)take(b, "q", TASKS, claims), 0);
    CHECK_INT(queue_number(b, "q", "pending"), TASKS);
    CHECK_OK(b->ops->guards->type_pause(b, "email:*", false));
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; ended < TASKS && gf_mono_ms() < end;) {
        CHECK_OK(b->ops->upkeep->forward(b, 1000, &moved, &next_ms));
        count = take(b, "q", TASKS, claims);
        for (size_t i = 0; i < count; i++, ended++)
            done(b, claims[i]);
    }
    CHECK_INT((int64_t)ended, TASKS);
    store_close(b);
    store_check_sound();
}

static void a_closed_queue_is_closed_in_all_slots(void)
{
    gf_broker *b = open_sharded(SHARDS);
    gf_claim *claims[TASKS];
    size_t ended = 0;
    int64_t all;
    CHECK_OK(b->ops->hours->put(b, "queue:q", "00:00-00:01; not 1970-01-01..9999-12-31"));
    put_many(b, TASKS);
    CHECK(filled(b, &all) > 1);
    CHECK_INT((int64_t)take(b, "q", TASKS, claims), 0);
    CHECK_INT(queue_number(b, "q", "pending"), TASKS);
    CHECK_OK(b->ops->hours->put(b, "queue:q", NULL));
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; ended < TASKS && gf_mono_ms() < end;) {
        size_t count = take(b, "q", TASKS, claims);
        for (size_t i = 0; i < count; i++, ended++)
            done(b, claims[i]);
    }
    CHECK_INT((int64_t)ended, TASKS);
    store_close(b);
    store_check_sound();
}

static void a_key_is_debounced_over_all_slots(void)
{
    gf_broker *b = open_sharded(SHARDS);
    const gf_debounce how = { .delay_ms = 3600000 };
    for (int i = 0; i < 10; i++) {
        char id[16], key[16], holder[GF_ID_MAX + 1] = "";
        snprintf(id, sizeof id, "d%d", i);
        snprintf(key, sizeof key, "key %d", i);
        gf_debounce named = how;
        named.key = key;
        gf_message first = message("q", id), second = message("q", "second");
        gf_put item = { .message = &first, .debounce = &named, .fresh = true, .holder = holder };
        CHECK_OK(b->ops->tasks->put(b, &item, 1));
        CHECK_INT(item.effect, GF_CREATED);
        item.message = &second;
        CHECK_OK(b->ops->tasks->put(b, &item, 1));
        CHECK_STATUS(item.status, GOFER_OK);
        CHECK_INT(item.effect, GF_REPLACED);
        CHECK_STR(holder, id);
        // Replaced by its id it is found where its key has led it.
        gf_message other = message("q", id);
        other.type = "another";
        gf_put over = { .message = &other, .replaces = true };
        CHECK_OK(b->ops->tasks->put(b, &over, 1));
        CHECK_STATUS(over.status, GOFER_OK);
        CHECK_INT(over.effect, GF_REPLACED);
        CHECK_STR(task_text(b, "q", id, "type"), "another");
    }
    CHECK_INT(queue_number(b, "q", "scheduled"), 10);
    store_close(b);
}

static void a_lock_holds_over_all_slots(void)
{
    gf_broker *b = open_sharded(SHARDS);
    for (int i = 0; i < 10; i++) {
        char id[16], key[16], holder[GF_ID_MAX + 1] = "";
        snprintf(id, sizeof id, "u%d", i);
        snprintf(key, sizeof key, "key %d", i);
        gf_message first = message("q", id), second = message("q", "second");
        CHECK_STATUS(put_as(b, (gf_put){ .message = &first, .unique_ms = 60000,
            .unique_key = key }), GOFER_OK);
        CHECK_STATUS(put_as(b, (gf_put){ .message = &second, .unique_ms = 60000,
            .unique_key = key, .holder = holder }), GOFER_EDUPLICATE);
        CHECK_STR(holder, id);
        CHECK_STR(task_state(b, "q", id), "pending");  // wherever its lock has led it
    }
    gf_message kind = message("q", "kind"), again = message("q", "again");
    kind.type = again.type = "same:kind";
    CHECK_STATUS(put_as(b, (gf_put){ .message = &kind, .unique_ms = 60000 }), GOFER_OK);
    CHECK_STATUS(put_as(b, (gf_put){ .message = &again, .unique_ms = 60000 }), GOFER_EDUPLICATE);
    CHECK_INT(drain(b), 11);
    CHECK_STATUS(put_as(b, (gf_put){ .message = &again, .unique_ms = 60000 }), GOFER_OK);
    store_close(b);
}

// More slots are used at once; of fewer the others are emptied, by whoever takes from the queue.
static void the_number_of_slots_changes_under_way(void)
{
    gf_broker *b = open_sharded(2), *late = store_again();
    int64_t all;
    put_many(b, 20);
    CHECK_INT(queue_number(late, "q", "pending"), 20); // it knows of two
    CHECK_OK(b->ops->shards->declare(b, "q", 6));
    char id[16];
    for (int i = 100; i < 140; i++) {
        snprintf(id, sizeof id, "t%d", i);
        put(i % 2 ? b : late, "q", id);
    }
    CHECK_INT(filled(b, &all), 6);
    CHECK_INT(all, 60);
    CHECK_OK(b->ops->shards->declare(b, "q", 1));
    CHECK_INT(slot_count(b), 6);
    CHECK_INT(queue_number(b, "q", "shards"), 1);
    put(b, "q", "alone");
    CHECK_INT(queue_number(b, "q", "pending"), 61);
    CHECK_STR(task_state(b, "q", "t139"), "pending");
    CHECK_INT(drain(b), 61);
    CHECK_OK(b->ops->shards->declare(b, "q", 3));      // of those that there are
    CHECK_INT(slot_count(b), 6);
    gf_broker_close(late);
    store_close(b);
    store_check_sound();
}

// As if the latest declaration were of 1970.
static void make_old(void)
{
    const char *record = raw_text("HGET asynq:gofer:shards q");
    const char *rest = record ? strchr(strchr(record, ' ') + 1, ' ') : "";
    char old[256];
    int size = snprintf(old, sizeof old, "%.1s 1000%s", record, rest);
    raw_set_field("asynq:gofer:shards", "q", old, (size_t)size);
}

// A slot that has been empty for long goes.
static void slots_that_are_empty_for_long_are_given_up(void)
{
    gf_broker *b = open_sharded(4);
    gofer_info *info;
    put_many(b, 30);
    CHECK_OK(b->ops->shards->declare(b, "q", 2));
    gf_broker_close(b);
    make_old();
    b = store_again();
    worker_register(b, "w");
    CHECK_INT(slot_count(b), 4);
    CHECK_OK(b->ops->upkeep->tidy(b));
    CHECK_INT(slot_count(b), 4);                       // they have tasks
    CHECK_INT(drain(b), 30);
    gf_broker_close(b);
    b = store_again();
    CHECK_INT(slot_count(b), 4);
    CHECK_OK(b->ops->upkeep->tidy(b));
    CHECK_INT(slot_count(b), 2);
    CHECK_OK(b->ops->inspect->queues(b, NULL, &info));
    CHECK_INT(gofer_info_count(info), 1);
    gofer_info_free(info);
    gf_broker_close(b);
}

static void the_queue_is_one_line_and_its_name_alone(void)
{
    gf_broker *b = open_sharded(SHARDS);
    gofer_info *list;
    gf_names names = { 0 };
    put_many(b, TASKS);
    put(b, "p", "before");
    put(b, "q:x", "behind");
    CHECK_OK(b->ops->inspect->queues(b, NULL, &list));
    REQUIRE(gofer_info_count(list) == 3);
    CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "queue"), "p");
    CHECK_STR(gofer_info_text(gofer_info_at(list, 1), "queue"), "q");
    CHECK_INT(gofer_info_int(gofer_info_at(list, 1), "pending", -1), TASKS);
    CHECK_STR(gofer_info_text(gofer_info_at(list, 2), "queue"), "q:x");
    gofer_info_free(list);
    gf_queue_range range = { .begin = "", .after = "p", .limit = 1 };
    CHECK_OK(b->ops->inspect->queues_page(b, &range, &list));
    REQUIRE(gofer_info_count(list) == 1);
    CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "pending", -1), TASKS);
    CHECK_STR(gofer_info_text(list, "next_cursor"), "q");
    gofer_info_free(list);
    CHECK_OK(b->ops->inspect->names(b, &names));
    CHECK_INT(names.count, 3);
    gf_names_clear(&names);
    CHECK_OK(b->ops->inspect->locate(b, "t7", &names));
    REQUIRE(names.count == 1);
    CHECK_STR(names.names[0], "q");
    gf_names_clear(&names);
    const char *const asked[] = { "p", "q" };
    gf_counts counts[2];
    CHECK_OK(b->ops->inspect->counts(b, (char *const *)asked, 2, counts));
    CHECK_INT(counts[1].of[GF_PENDING], TASKS);
    int64_t backlog;
    CHECK_OK(b->ops->inspect->backlog(b, asked, 2, &backlog));
    CHECK_INT(backlog, TASKS + 1);
    store_close(b);
}

// Whatever the size of a page, each task is on one.
static void pages_go_over_all_slots(void)
{
    gf_broker *b = open_sharded(SHARDS);
    put_many(b, TASKS);
    for (size_t limit = 1; limit <= 100; limit = limit * 2 + 1) {
        const char *ids = page_ids(b, "q", GF_PENDING, limit);
        int count = *ids != '\0';
        for (const char *c = ids; *c; c++)
            count += *c == ' ';
        CHECK_INT(count, TASKS);
        CHECK_HAS(ids, "t59");
    }
    gofer_info *page;
    CHECK_OK(b->ops->inspect->tasks(b, "q", GF_PENDING, "@50", 100, &page));
    CHECK_INT(gofer_info_count(page), 10);
    CHECK(!gofer_info_has(page, "next_cursor"));
    gofer_info_free(page);
    CHECK_STATUS(b->ops->inspect->tasks(b, "q", GF_PENDING, "nonsense", 1, &page), GOFER_EINVAL);
    store_close(b);
}

static void acts_are_on_the_whole_queue(void)
{
    gf_broker *b = open_sharded(SHARDS);
    const char *const ids[] = { "t0", "t1", "t2", "nobody" };
    gofer_status statuses[4];
    size_t moved;
    put_many(b, 40);
    CHECK_OK(b->ops->act->queue_pause(b, "q", true));
    CHECK_INT(queue_number(b, "q", "paused"), 1);
    CHECK(take_one(b, "q") == NULL);
    CHECK_OK(b->ops->shards->declare(b, "q", SHARDS + 2));
    put(b, "q", "new1"), put(b, "q", "new2"), put(b, "q", "new3"), put(b, "q", "new4");
    CHECK(take_one(b, "q") == NULL);                   // new slots are as the queue is
    CHECK_OK(b->ops->act->queue_pause(b, "q", false));
    CHECK_INT(queue_number(b, "q", "paused"), 0);
    CHECK_OK(b->ops->act->queue_age(b, "q", 7));
    CHECK_INT(queue_number(b, "q", "age_ms"), 7);
    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_ARCHIVE, ids, 4, statuses));
    CHECK_INT(statuses[0] | statuses[1] | statuses[2], GOFER_OK);
    CHECK_INT(statuses[3], GOFER_ENOTFOUND);
    CHECK_INT(queue_number(b, "q", "archived"), 3);
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_ARCHIVED, GF_PENDING, 2, &moved));
    CHECK_INT(moved, 2);
    CHECK_OK(b->ops->act->task_edit(b, "q", "t9", "new", 3, 0));
    CHECK_STATUS(b->ops->act->task_edit(b, "q", "nobody", "new", 3, 0), GOFER_ENOTFOUND);
    CHECK_STATUS(b->ops->act->queue_delete(b, "q", false), GOFER_ESTATE);
    CHECK_HAS(gofer_error_last(), "the queue 'q' has 44 tasks");
    gf_claim *claim = take_one(b, "q");
    CHECK_STATUS(b->ops->act->queue_delete(b, "q", true), GOFER_ESTATE);
    done(b, claim);
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    CHECK_INT(queue_number(b, "q", "size"), 0);
    put_many(b, 10);                                   // what it is spread over stays declared
    CHECK_INT(queue_number(b, "q", "shards"), SHARDS + 2);
    CHECK_INT(drain(b), 10);
    store_close(b);
}

static void no_slot_takes_what_is_plain(void)
{
    static const char envelope[50] = "gfe1k1";
    gf_broker *b = open_sharded(SHARDS);
    char ids[40][8];
    CHECK_OK(b->ops->act->queue_encrypt(b, "q", true));
    CHECK_INT(queue_number(b, "q", "encrypted_only"), 1);
    CHECK_OK(b->ops->shards->declare(b, "q", SHARDS + 2));     // new slots are as the queue is
    CHECK_INT(queue_number(b, "q", "encrypted_only"), 1);
    for (size_t i = 0; i < COUNT(ids); i++) {
        snprintf(ids[i], sizeof ids[i], "t%zu", i);
        gf_message m = message("q", ids[i]);
        CHECK_STATUS(put_message(b, &m, 0), GOFER_EDENIED);
        m.payload = envelope;
        m.payload_size = sizeof envelope;
        CHECK_OK(put_message(b, &m, 0));
    }
    CHECK_OK(b->ops->act->queue_encrypt(b, "q", false));
    CHECK_INT(queue_number(b, "q", "encrypted_only"), -2);
    put(b, "q", "plain");
    CHECK_INT(drain(b), (int)COUNT(ids) + 1);
    store_close(b);
}

static void a_run_goes_its_way_in_its_slot(void)
{
    gf_broker *b = open_sharded(SHARDS);
    put_many(b, 8);
    for (int i = 0; i < 8; i++) {
        gf_claim *claim = take_one(b, "q");
        REQUIRE(claim != NULL);
        char id[16];
        snprintf(id, sizeof id, "%s", claim->message.id);
        gf_progress progress = { .claim = claim, .done = 1, .total = 2, .text = "half",
            .checkpoint = "here", .checkpoint_size = 4 };
        CHECK_OK(b->ops->tasks->progress(b, &progress, 1));
        CHECK_INT(task_number(b, "q", id, "progress_done"), 1);
        void *bytes;
        size_t size;
        CHECK_OK(b->ops->tasks->checkpoint(b, claim, &bytes, &size));
        CHECK_MEM(bytes, size, "here", 4);
        gofer_free(bytes);
        gf_lease lease = { .claim = claim };
        CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
        CHECK_INT(lease.status, GOFER_OK);
        CHECK_STATUS(finish(b, claim, (gf_finish){ .outcome = GF_RETRY_AT, .is_failure = true,
            .at_ms = gf_now_ms() - 1000, .error = "once more" }), GOFER_OK);
        CHECK_STR(task_state(b, "q", id), "retry");
    }
    int64_t end_ms = gf_mono_ms() + PATIENCE_MS, next_ms;
    size_t moved = 0, some;
    while (moved < 8 && gf_mono_ms() < end_ms) {
        CHECK_OK(b->ops->upkeep->forward(b, 10, &some, &next_ms));
        moved += some;
    }
    CHECK_INT(drain(b), 8);
    store_close(b);
    store_check_sound();
}

// A group that is in two slots, as when the shards have changed since, is one in a page.
static void pages_of_groups_go_over_all_slots(void)
{
    gf_broker *b = open_sharded(SHARDS);
    char names[256] = "", cursor[64] = "", text[16];
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "g%d", i);
        gf_message m = message("q", text);
        CHECK_OK(put_as(b, (gf_put){ .message = &m, .group = text }));
    }
    for (size_t i = 1; i <= 2; i++) {
        const char *slot = slot_name(b, i);
        raw_run("SADD asynq:{%s}:groups g5:twin", slot);
        raw_run("ZADD asynq:{%s}:g:g5:twin %d a", slot, (int)i * 100);
    }
    for (int page = 0; page == 0 || *cursor; page++) {
        gofer_info *list;
        REQUIRE_OK(b->ops->inspect->groups(b, "q",
            &(gf_page){ .cursor = *cursor ? cursor : NULL, .limit = 3 }, &list));
        for (size_t i = 0; i < gofer_info_count(list); i++) {
            const gofer_info *one = gofer_info_at(list, i);
            bool twin = strcmp(gofer_info_text(one, "group"), "g5:twin") == 0;
            CHECK_INT(gofer_info_int(one, "size", 0), twin ? 2 : 1);
            if (twin) {
                CHECK_INT(gofer_info_int(one, "oldest_at_ms", 0), 100000);
                CHECK_INT(gofer_info_int(one, "newest_at_ms", 0), 200000);
            }
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s ",
                gofer_info_text(one, "group"));
        }
        const char *next = gofer_info_text(list, "next_cursor");
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        gofer_info_free(list);
    }
    CHECK_STR(names, "g0 g1 g2 g3 g4 g5 g5:twin g6 g7 g8 g9 ");
    store_close(b);
}

static void a_group_is_one_though_its_tasks_come_one_by_one(void)
{
    gf_broker *b = open_sharded(SHARDS);
    gf_group_rule rule = { .grace_ms = 1000, .max_size = 6 };
    gofer_info *groups;
    char id[16];
    for (int i = 0; i < 12; i++) {
        snprintf(id, sizeof id, "g%d", i);
        gf_message m = message("q", id);
        CHECK_STATUS(put_as(b, (gf_put){ .message = &m, .group = i % 2 ? "odd" : "even" }),
            GOFER_OK);
    }
    CHECK_OK(b->ops->inspect->groups(b, "q", NULL, &groups));
    REQUIRE(gofer_info_count(groups) == 2);
    CHECK_STR(gofer_info_text(gofer_info_at(groups, 0), "group"), "even");
    CHECK_INT(gofer_info_int(gofer_info_at(groups, 1), "size", 0), 6);
    gofer_info_free(groups);
    for (int i = 0; i < 2; i++) {
        gf_group_set *set = NULL;
        REQUIRE_OK(b->ops->groups->take(b, "w", "q", &rule, &set));
        CHECK_INT(set->count, 6);
        CHECK_STR(set->queue, "q");
        CHECK_STR(set->tasks[0].queue, "q");
        snprintf(id, sizeof id, "all %s", set->group);
        gf_message combined = message("q", id);
        if (i)
            CHECK_OK(b->ops->groups->put(b, set, &combined, 0));
        else
            CHECK_OK(b->ops->groups->archive(b, set, "no use"));
        gf_group_set_free(set);
    }
    CHECK_INT(queue_number(b, "q", "archived"), 6);
    CHECK_INT(drain(b), 1);
    store_close(b);
}

typedef struct waiting {
    gf_broker   *broker;
    const char  *id;
    gofer_status status;
    gofer_info  *end;
} waiting;

static void *wait_main(void *arg)
{
    waiting *w = arg;
    w->status = gf_wait_end(w->broker, "q", w->id, PATIENCE_MS, &w->end);
    return NULL;
}

// Whether the end comes before the wait or after it has begun.
static void an_end_is_told_wherever_the_task_is(void)
{
    gf_broker *b = open_sharded(SHARDS);
    for (int i = 0; i < 6; i++) {
        char id[16], key[16];
        snprintf(id, sizeof id, "w%d", i);
        snprintf(key, sizeof key, "k%d", i);
        gf_message m = message("q", id);
        m.retention_ms = 60000;
        CHECK_STATUS(put_as(b, (gf_put){ .message = &m, .unique_ms = 60000, .unique_key = key }),
            GOFER_OK);
        waiting w = { .broker = b, .id = id, .status = GOFER_EHANDLER };
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, wait_main, &w) == 0);
        gf_claim *claim = need_one(b, "q", id);
        done(b, claim);
        pthread_join(thread, NULL);
        (void)store_heard(w.status == GOFER_OK);
        if (CHECK_STATUS(w.status, GOFER_OK)) {
            CHECK_STR(gofer_info_text(w.end, "outcome"), "done");
            CHECK_STR(gofer_info_text(w.end, "queue"), "q");
            gofer_info_free(w.end);
        }
    }
    store_close(b);
}

static void a_waiter_is_told_of_each_slot(void)
{
    gf_broker *b = open_sharded(12);                   // more than have a line of their own
    const char *const queues[] = { "q" };
    gf_waiter *w;
    REQUIRE_OK(b->ops->tasks->waiter_open(b, queues, 1, &w));
    for (int i = 0; i < 30; i++) {
        char id[16];
        snprintf(id, sizeof id, "t%d", i);
        b->ops->tasks->waiter_arm(w);
        put(b, "q", id);
        gf_claim *claim = NULL;
        for (int tries = 0; !claim && tries < 50; tries++) {
            CHECK_OK(b->ops->tasks->waiter_wait(w, PATIENCE_MS * INT64_C(1000)));
            b->ops->tasks->waiter_arm(w);
            claim = take_one(b, "q");
        }
        REQUIRE(claim != NULL);
        done(b, claim);
    }
    b->ops->tasks->waiter_close(w);
    store_close(b);
}

static void tasks_move_to_and_from_it(void)
{
    gf_broker *b = open_sharded(SHARDS);
    const char *ids[20];
    char texts[20][16];
    gf_item items[20];
    memset(items, 0, sizeof items);
    put_many(b, 20);
    for (int i = 0; i < 20; i++) {
        snprintf(texts[i], sizeof texts[i], "t%d", i);
        ids[i] = texts[i];
    }
    CHECK_OK(b->ops->transfer->export_items(b, "q", ids, 20, items));
    for (int i = 0; i < 20; i++) {
        CHECK_INT(items[i].status, GOFER_OK);
        CHECK_STR(items[i].message.id, ids[i]);
    }
    CHECK_OK(b->ops->transfer->drop_items(b, "q", items, 20));
    CHECK_INT(queue_number(b, "q", "size"), 0);
    CHECK_OK(b->ops->transfer->import_items(b, "q", items, 20));
    for (int i = 0; i < 20; i++) {
        CHECK_INT(items[i].status, GOFER_OK);
        CHECK_STR(task_state(b, "q", ids[i]), "pending");
        gf_item_clear(&items[i]);
    }
    CHECK_INT(drain(b), 20);
    store_close(b);
}

// The first name in the manner of slots that none of them has. Good until the next call.
static const char *free_name(gf_broker *b)
{
    static char name[16];
    size_t count = slot_count(b);
    for (int number = 1, taken = 1; taken; number++) {
        snprintf(name, sizeof name, "q:%d", number);
        taken = 0;
        for (size_t i = 0; i < count; i++)
            taken |= strcmp(slot_name(b, i), name) == 0;
    }
    return name;
}

static void what_cannot_be_is_refused(void)
{
    gf_broker *b = open_sharded(3);
    gofer_info *info;
    const char *taken = free_name(b);
    put(b, taken, "a");                                // a name that somebody has is passed over
    CHECK_OK(b->ops->shards->declare(b, "q", 12));
    CHECK_INT(queue_number(b, "q", "pending"), 0);
    CHECK_INT(queue_number(b, taken, "pending"), 1);
    CHECK_STATUS(b->ops->shards->declare(b, slot_name(b, 1), 2), GOFER_EINVAL);
    CHECK_HAS(gofer_error_last(), "is a slot of the sharded queue 'q'");
    CHECK_STATUS(b->ops->shards->slots(b, "nowhere", &info), GOFER_ENOTFOUND);
    CHECK_OK(b->ops->shards->slots(b, taken, &info));
    CHECK_INT(gofer_info_count(info), 1);
    gofer_info_free(info);
    raw_run("HSET asynq:gofer:shards broken nonsense");    // what is not ours to read is no queue
    CHECK_OK(b->ops->shards->declare(b, "news", 2));
    gf_broker *other = store_again();
    CHECK_INT(queue_number(other, "q", "shards"), 12);
    put(other, "broken", "b");
    CHECK_INT(queue_number(other, "broken", "pending"), 1);
    gf_broker_close(other);
    store_close(b);
}

// Every allocation fails once.
static void without_memory_nothing_is_lost(void)
{
    gf_broker *b = open_sharded(3);
    int put_in = 0;
    for (int n = 1; n <= 80; n++) {
        char id[16];
        snprintf(id, sizeof id, "m%d", n);
        gf_message m = message("q", id);
        gf_put item = { .message = &m, .status = GOFER_EHANDLER };
        memory_fail_at(n % 40 + 1);
        bool is_in = done_or_no_memory(b->ops->tasks->put(b, &item, 1));
        memory_fail_at(0);
        put_in += is_in && item.status == GOFER_OK;
        CHECK(item.message == &m);
    }
    CHECK(put_in > 0);
    CHECK(queue_number(b, "q", "pending") >= put_in);
    for (int n = 1; n <= 40; n++) {
        gofer_info *info = NULL;
        memory_fail_at(n);
        if (done_or_no_memory(b->ops->inspect->queues(b, NULL, &info)))
            gofer_info_free(info);
        memory_fail_at(n);
        if (done_or_no_memory(b->ops->inspect->tasks(b, "q", GF_PENDING, NULL, 30, &info)))
            gofer_info_free(info);
        memory_fail_at(n);
        if (done_or_no_memory(b->ops->shards->slots(b, "q", &info)))
            gofer_info_free(info);
        memory_fail_at(0);
    }
    CHECK(drain(b) >= put_in);
    store_close(b);
}

suite suite_sharded(void)
{
    static const check_test tests[] = {
        TEST(tasks_are_spread_and_taken_as_of_one_queue),
        TEST(a_batch_is_spread_in_one_call),
        TEST(an_id_is_known_in_the_whole_queue),
        TEST(those_of_a_key_run_one_after_the_other),
        TEST(a_type_is_paused_in_all_slots),
    TEST(a_closed_queue_is_closed_in_all_slots),
        TEST(a_key_is_debounced_over_all_slots),
    TEST(a_lock_holds_over_all_slots),
        TEST(the_number_of_slots_changes_under_way),
        TEST(slots_that_are_empty_for_long_are_given_up),
        TEST(the_queue_is_one_line_and_its_name_alone),
        TEST(pages_go_over_all_slots),
        TEST(acts_are_on_the_whole_queue),
        TEST(no_slot_takes_what_is_plain),
    TEST(a_run_goes_its_way_in_its_slot),
        TEST(pages_of_groups_go_over_all_slots),
        TEST(a_group_is_one_though_its_tasks_come_one_by_one),
        TEST(an_end_is_told_wherever_the_task_is),
        TEST(a_waiter_is_told_of_each_slot),
        TEST(tasks_move_to_and_from_it),
        TEST(what_cannot_be_is_refused),
        TEST(without_memory_nothing_is_lost),
    };
    return (suite){ tests, sizeof tests / sizeof *tests };
}
