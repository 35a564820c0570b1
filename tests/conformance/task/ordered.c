// ordered.c - tasks of one key run one after the other, in their order, whatever becomes of each.
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

enum { HOUR_MS = 3600000 };

static gf_broker *ordered_open(void)
{
    gf_broker *b = store_open();
    if (b->ops->limits && b->ops->limits->orders)
        return b;
    store_close(b);
    OMIT("the store keeps no order of keys");
    return NULL;
}

static void put_as_one(gf_broker *b, const char *queue, const char *id, const char *key,
    bool blocks)
{
    char room[LIMIT_ROOM];
    gf_message m = message(queue, id);
    set_ordered(&m, key, blocks, room);
    CHECK_OK(put_message(b, &m, 0));
}

static void put_of(gf_broker *b, const char *id, const char *key)
{
    put_as_one(b, "q", id, key, false);
}

static void nobody_is_next(gf_broker *b, const char *queue)
{
    gf_claim *claim = take_one(b, queue);
    CHECK_STR(claim ? claim->message.id : "", "");
    gf_claim_free(claim);
}

static void closes(gf_broker *b)
{
    store_close(b);
    store_check_sound();
}

static void act(gf_broker *b, gf_act what, const char *id)
{
    gofer_status st = GOFER_ENOTFOUND;
    CHECK_OK(b->ops->act->tasks_act(b, "q", what, &id, 1, &st));
    CHECK_STATUS(st, GOFER_OK);
}

static void those_of_a_key_run_in_their_order(void)
{
    gf_broker *b = ordered_open();
    put_of(b, "a1", "a");
    put_of(b, "a2", "a");
    put_of(b, "b1", "b");
    put_of(b, "a3", "a");
    put(b, "q", "free");
    gf_claim *claims[8];
    REQUIRE(take(b, "q", 8, claims) == 3);
    CHECK_STR(claims[0]->message.id, "a1");
    CHECK_STR(claims[1]->message.id, "b1");
    CHECK_STR(claims[2]->message.id, "free");
    CHECK_STR(queue_counts(b, "q"), "p2 a3 s0 r0 c0 x0");
    CHECK_STR(task_text(b, "q", "a2", "waits_for"), "ordered:a");
    CHECK_STR(task_text(b, "q", "a2", "ordered"), "a");
    done(b, claims[1]);
    nobody_is_next(b, "q");
    done(b, claims[0]);
    gf_claim *a2 = need_one(b, "q", "a2");
    nobody_is_next(b, "q");
    done(b, a2);
    done(b, need_one(b, "q", "a3"));
    done(b, claims[2]);
    closes(b);
}

static void a_queue_has_its_own_keys(void)
{
    gf_broker *b = ordered_open();
    put_as_one(b, "p", "p1", "k", false);
    put_as_one(b, "q", "q1", "k", false);
    gf_claim *p = need_one(b, "p", "p1");
    done(b, need_one(b, "q", "q1"));
    done(b, p);
    closes(b);
}

static void one_that_is_tried_again_keeps_its_turn(void)
{
    gf_broker *b = ordered_open();
    put_of(b, "first", "k");
    put_of(b, "second", "k");
    CHECK_OK(finish(b, need_one(b, "q", "first"), (gf_finish){ .outcome = GF_RETRY_AT,
        .is_failure = true, .at_ms = gf_now_ms() + HOUR_MS, .error = "e" }));
    nobody_is_next(b, "q");
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r1 c0 x0");
    act(b, GF_ACT_RUN, "first");
    gf_claim *first = need_one(b, "q", "first");
    nobody_is_next(b, "q");
    CHECK_OK(finish(b, first, (gf_finish){ .outcome = GF_REQUEUE }));
    done(b, need_one(b, "q", "first"));
    done(b, need_one(b, "q", "second"));
    closes(b);
}

static void a_crash_keeps_the_turn(void)
{
    gf_broker *b = ordered_open();
    put_of(b, "first", "k");
    put_of(b, "second", "k");
    gf_recovered told = { 0 };
    crash(b, "q", "first", 3, &told);
    CHECK_INT(told.requeued, 1);
    done(b, need_one(b, "q", "first"));
    done(b, need_one(b, "q", "second"));
    // Over the crash limit it is archived, and the next one's turn comes.
    put_of(b, "third", "k");
    put_of(b, "fourth", "k");
    crash(b, "q", "third", 0, NULL);
    if (strcmp(task_state(b, "q", "third"), "archived") != 0)
        crash(b, "q", "third", 0, NULL);       // the first time it may be a suspect
    CHECK_STR(task_state(b, "q", "third"), "archived");
    done(b, need_one(b, "q", "fourth"));
    closes(b);
}

static void every_end_is_the_next_ones_turn(void)
{
    static const gf_outcome_kind ends[] = { GF_DONE, GF_ARCHIVE, GF_DROP, GF_CANCELLED };
    gf_broker *b = ordered_open();
    char id[16];
    for (size_t i = 0; i <= COUNT(ends); i++) {
        snprintf(id, sizeof id, "t%zu", i);
        put_of(b, id, "k");
    }
    for (size_t i = 0; i < COUNT(ends); i++) {
        snprintf(id, sizeof id, "t%zu", i);
        gf_claim *claim = need_one(b, "q", id);
        nobody_is_next(b, "q");
        CHECK_OK(finish(b, claim, (gf_finish){ .outcome = ends[i], .error = "e" }));
    }
    done(b, need_one(b, "q", "t4"));
    // With a retention it stays, and holds up nobody.
    char room[LIMIT_ROOM];
    gf_message kept = message("q", "kept");
    kept.retention_ms = HOUR_MS;
    set_ordered(&kept, "k", false, room);
    CHECK_OK(put_message(b, &kept, 0));
    put_of(b, "next", "k");
    done(b, need_one(b, "q", "kept"));
    CHECK_STR(task_state(b, "q", "kept"), "completed");
    done(b, need_one(b, "q", "next"));
    closes(b);
}

static void acts_pass_on_the_turn(void)
{
    static const gf_act acts[] = { GF_ACT_DELETE, GF_ACT_ARCHIVE, GF_ACT_CANCEL };
    gf_broker *b = ordered_open();
    for (size_t i = 0; i < COUNT(acts); i++) {
        char first[16], second[16];
        snprintf(first, sizeof first, "first-%zu", i);
        snprintf(second, sizeof second, "second-%zu", i);
        put_of(b, first, "k");
        put_of(b, second, "k");
        CHECK_OK(finish(b, need_one(b, "q", first), (gf_finish){ .outcome = GF_RETRY_AT,
            .is_failure = true, .at_ms = gf_now_ms() + HOUR_MS, .error = "e" }));
        nobody_is_next(b, "q");
        act(b, acts[i], first);
        done(b, need_one(b, "q", second));
    }
    // Those who wait are not missed.
    put_of(b, "one", "k");
    put_of(b, "two", "k");
    put_of(b, "three", "k");
    gf_claim *one = need_one(b, "q", "one");
    nobody_is_next(b, "q");
    act(b, GF_ACT_DELETE, "two");
    done(b, one);
    done(b, need_one(b, "q", "three"));
    closes(b);
}

static void one_that_is_dead_may_block_the_others(void)
{
    gf_broker *b = ordered_open();
    put_as_one(b, "q", "dead", "k", true);
    put_as_one(b, "q", "next", "k", true);
    put_as_one(b, "q", "last", "k", true);
    CHECK_OK(finish(b, need_one(b, "q", "dead"),
        (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true, .error = "e" }));
    CHECK_STR(task_text(b, "q", "dead", "ordered_dead"), "block");
    nobody_is_next(b, "q");
    gofer_info *list = NULL;
    REQUIRE_OK(b->ops->limits->keys(b, "", "", true, 10, &list));
    CHECK_INT(gofer_info_count(list), 1);
    const gofer_info *key = gofer_info_at(list, 0);
    CHECK_STR(key ? gofer_info_text(key, "key") : "", "ordered:k");
    CHECK_STR(key ? gofer_info_text(key, "queue") : "", "q");
    CHECK_STR(key ? gofer_info_text(key, "occupant") : "", "dead");
    CHECK_INT(key ? gofer_info_int(key, "waiting", 0) : 0, 2);
    gofer_info_free(list);
    act(b, GF_ACT_RUN, "dead");                // its turn still
    CHECK_OK(finish(b, need_one(b, "q", "dead"),
        (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true, .error = "e" }));
    nobody_is_next(b, "q");
    act(b, GF_ACT_DELETE, "dead");
    done(b, need_one(b, "q", "next"));
    done(b, need_one(b, "q", "last"));
    closes(b);
}

static void limits_do_not_change_the_order(void)
{
    gf_broker *b = ordered_open();
    gf_limit one = { .name = "l", .concurrency = 1, .per_queue = true };
    CHECK_OK(b->ops->limits->put(b, &one));
    char room[LIMIT_ROOM];
    gf_message holds = message("q", "holds"), first = message("q", "first");
    set_limit_keys(&holds, "l", 1, room);
    CHECK_OK(put_message(b, &holds, 0));
    set_limit_keys(&first, "l", 1, room);
    set_ordered(&first, "k", false, room);
    CHECK_OK(put_message(b, &first, 0));
    put_of(b, "second", "k");
    gf_claim *claim = need_one(b, "q", "holds");
    nobody_is_next(b, "q");                    // though nothing is in second's way but first
    CHECK_STR(task_text(b, "q", "first", "waits_for"), "l");
    CHECK_STR(task_text(b, "q", "second", "waits_for"), "ordered:k");
    done(b, claim);
    claim = need_one(b, "q", "first");
    nobody_is_next(b, "q");
    done(b, claim);
    done(b, need_one(b, "q", "second"));
    closes(b);
}

static void many_keys_each_keep_their_order(void)
{
    enum { KEYS = 40, EACH = 4, AT_ONCE = 16 };
    gf_broker *b = ordered_open();
    int next[KEYS] = { 0 }, all = 0;
    unsigned seed = 7;
    char id[32], key[16];
    for (int n = 0; n < EACH; n++)
        for (int k = 0; k < KEYS; k++) {
            snprintf(id, sizeof id, "%d.%d", k, n);
            snprintf(key, sizeof key, "k%d", k);
            put_of(b, id, key);
        }
    gf_claim *claims[AT_ONCE];
    for (size_t held = 0; all < KEYS * EACH;) {
        size_t more = take(b, "q", AT_ONCE - held, claims + held);
        for (size_t i = held; i < held + more; i++) {
            int k, n;
            REQUIRE(sscanf(claims[i]->message.id, "%d.%d", &k, &n) == 2);
            CHECK_INT(n, next[k]++);
        }
        held += more;
        REQUIRE(held > 0);
        seed = seed * 1103515245 + 12345;
        size_t which = (seed >> 16) % held;
        gf_claim *claim = claims[which];
        claims[which] = claims[--held];
        done(b, claim);
        all++;
    }
    nobody_is_next(b, "q");
    closes(b);
}

static void a_queue_that_is_deleted_takes_its_keys_with_it(void)
{
    gf_broker *b = ordered_open();
    put_as_one(b, "q", "dead", "k", true);
    put_as_one(b, "q", "next", "k", true);
    CHECK_OK(finish(b, need_one(b, "q", "dead"), (gf_finish){ .outcome = GF_ARCHIVE,
        .error = "e" }));
    nobody_is_next(b, "q");
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    gofer_info *list = NULL;
    REQUIRE_OK(b->ops->limits->keys(b, "", "", false, 10, &list));
    CHECK_INT(gofer_info_count(list), 0);
    gofer_info_free(list);
    put_of(b, "new", "k");
    done(b, need_one(b, "q", "new"));
    closes(b);
}

suite suite_ordered(void)
{
    static const check_test tests[] = {
        TEST(those_of_a_key_run_in_their_order),
        TEST(a_queue_has_its_own_keys),
        TEST(one_that_is_tried_again_keeps_its_turn),
        TEST(a_crash_keeps_the_turn),
        TEST(every_end_is_the_next_ones_turn),
        TEST(acts_pass_on_the_turn),
        TEST(one_that_is_dead_may_block_the_others),
        TEST(limits_do_not_change_the_order),
        TEST(many_keys_each_keep_their_order),
        TEST(a_queue_that_is_deleted_takes_its_keys_with_it),
    };
    return (suite){ tests, COUNT(tests) };
}
