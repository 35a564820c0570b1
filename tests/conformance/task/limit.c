// limit.c - limits: how many tasks of a key run at a time, and how many start in a time; who waits
// for a key, who brings them back, and that nothing that happens to a task leaves a count too high.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broker/limit_rate.h"
#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

enum { HOUR_MS = 3600000, MANY = 64 };

static gf_broker *limits_open(void)
{
    gf_broker *b = store_open();
    if (b->ops->limits)
        return b;
    store_close(b);
    OMIT("the store has no limits");
    return NULL;
}

// Where queues are on several servers no step sees them all, and what is over all is shared out
// among them now and then (grant.c): here each has a count of its own.
static bool counts_by_queue(gf_broker *b)
{
    int64_t wait_ms;
    CHECK_OK(b->ops->limits->share(b, &wait_ms));
    return wait_ms <= GF_LIMIT_LOOK_MS;
}

static void limit(gf_broker *b, gf_limit l)
{
    l.per_queue = l.per_queue || counts_by_queue(b);
    CHECK_OK(b->ops->limits->put(b, &l));
}

static void at_most(gf_broker *b, const char *name, int64_t concurrency)
{
    limit(b, (gf_limit){ .name = name, .concurrency = concurrency });
}

static void put_costly(gf_broker *b, const char *queue, const char *id, const char *keys, int cost)
{
    char room[LIMIT_ROOM];
    gf_message m = message(queue, id);
    if (*keys)
        set_limit_keys(&m, keys, cost, room);
    CHECK_OK(put_message(b, &m, 0));
}

static void put_of(gf_broker *b, const char *id, const char *keys)
{
    put_costly(b, "q", id, keys, 1);
}

// The ids of what is taken now, as "a b c"; the claims stay with the caller.
typedef struct taken {
    gf_claim *claims[MANY];
    size_t    count;
    char      ids[1024];
} taken;

static const char *take_all(gf_broker *b, const char *queue, taken *t)
{
    size_t before = t->count;
    t->count += take(b, queue, MANY - t->count, t->claims + t->count);
    *t->ids = '\0';
    for (size_t i = before; i < t->count; i++)
        snprintf(t->ids + strlen(t->ids), sizeof t->ids - strlen(t->ids), "%s%s",
            i > before ? " " : "", t->claims[i]->message.id);
    return t->ids;
}

static gf_claim *claim_of(taken *t, const char *id)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->claims[i]->message.id, id) == 0) {
            gf_claim *claim = t->claims[i];
            t->claims[i] = t->claims[--t->count];
            return claim;
        }
    CHECK_STR("not taken", id);
    return NULL;
}

static void end_one(gf_broker *b, taken *t, const char *id)
{
    gf_claim *claim = claim_of(t, id);
    REQUIRE(claim != NULL);
    done(b, claim);
}

static void end_all(gf_broker *b, taken *t)
{
    while (t->count > 0)
        done(b, t->claims[--t->count]);
}

// Runs until nothing waits; how many were taken in all.
static int drain(gf_broker *b, const char *queue, taken *t)
{
    int all = (int)t->count;
    do {
        end_all(b, t);
        take_all(b, queue, t);
        all += (int)t->count;
    } while (t->count > 0);
    return all;
}

static void forward(gf_broker *b)
{
    size_t moved;
    int64_t next_ms;
    CHECK_OK(b->ops->upkeep->forward(b, 100, &moved, &next_ms));
}

static void closes(gf_broker *b)
{
    store_close(b);
    store_check_sound();
}

static int64_t of_key(gf_broker *b, const char *key, const char *field)
{
    gofer_info *list = NULL;
    CHECK_OK(b->ops->limits->key(b, key, &list));
    int64_t sum = 0;
    for (size_t i = 0; i < gofer_info_count(list); i++)
        sum += gofer_info_int(gofer_info_at(list, i), field, 0);
    gofer_info_free(list);
    return sum;
}

// ---- how many at a time -------------------------------------------------------------------------

static void at_most_so_many_of_a_key_run(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k", 2);
    put_of(b, "a", "k");
    put_of(b, "b", "k");
    put_of(b, "c", "k");
    put_of(b, "d", "");
    put_of(b, "e", "k");
    CHECK_STR(take_all(b, "q", &t), "a b d");
    CHECK_STR(queue_counts(b, "q"), "p2 a3 s0 r0 c0 x0");
    CHECK_STR(take_all(b, "q", &t), "");
    CHECK_INT(of_key(b, "k", "running"), 2);
    CHECK_INT(of_key(b, "k", "waiting"), 2);
    end_one(b, &t, "d");                   // counts for none
    CHECK_STR(take_all(b, "q", &t), "");
    end_one(b, &t, "a");
    CHECK_STR(take_all(b, "q", &t), "c");
    end_one(b, &t, "b");
    end_one(b, &t, "c");
    CHECK_STR(take_all(b, "q", &t), "e");
    end_all(b, &t);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    CHECK_INT(of_key(b, "k", "running"), 0);
    closes(b);
}

static void who_waits_is_pending_and_says_for_what(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k{}*:", 1);
    put_of(b, "a", "k{}*:\nother");
    put_of(b, "b", "k{}*:\nother");
    put_of(b, "c", "");
    CHECK_STR(take_all(b, "q", &t), "a c");
    CHECK_STR(task_state(b, "q", "b"), "pending");
    CHECK_STR(task_text(b, "q", "b", "waits_for"), "k{}*:");
    CHECK_STR(task_text(b, "q", "b", "limits"), "k{}*:\nother");
    CHECK_STR(task_text(b, "q", "a", "waits_for"), "");
    CHECK_STR(page_ids(b, "q", GF_PENDING, 10), "b");
    end_one(b, &t, "a");
    CHECK_STR(task_text(b, "q", "b", "waits_for"), "");
    CHECK_STR(take_all(b, "q", &t), "b");
    end_all(b, &t);
    closes(b);
}

static void the_first_who_waits_is_the_next(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k", 1);
    char id[32];
    for (int i = 0; i < 12; i++) {
        snprintf(id, sizeof id, "%d", (i * 5) % 12);
        put_of(b, id, "k");
    }
    for (int i = 0; i < 12; i++) {
        snprintf(id, sizeof id, "%d", (i * 5) % 12);
        CHECK_STR(take_all(b, "q", &t), id);
        end_all(b, &t);
    }
    closes(b);
}

static void a_higher_priority_waits_before_others(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k", 1);
    static const struct { const char *id; int priority; } all[] = {
        { "a", 0 }, { "b", -5 }, { "c", 0 }, { "d", 7 }, { "e", 7 }, { "f", 100 },
    };
    put_of(b, "first", "k");
    CHECK_STR(take_all(b, "q", &t), "first");
    for (size_t i = 0; i < COUNT(all); i++) {
        char room[LIMIT_ROOM];
        gf_message m = message("q", all[i].id);
        set_limit_keys(&m, "k", 1, room);
        int more = snprintf(room + m.headers_size, LIMIT_ROOM - m.headers_size,
                       "gofer-priority%c%d", '\0', all[i].priority) + 1;
        m.headers_size += all[i].priority ? (size_t)more : 0;
        CHECK_OK(put_message(b, &m, 0));
    }
    CHECK_STR(take_all(b, "q", &t), "");   // all wait now
    for (const char *at = "f d e a c b"; *at; at += at[1] ? 2 : 1) {
        char id[2] = { *at, '\0' };
        end_all(b, &t);
        CHECK_STR(take_all(b, "q", &t), id);
    }
    end_all(b, &t);
    closes(b);
}

static void who_waits_holds_up_nobody(void)
{
    enum { BLOCKED = 700 };                // more than one exchange looks at
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k", 1);
    char id[32];
    for (int i = 0; i < BLOCKED; i++) {
        snprintf(id, sizeof id, "blocked-%d", i);
        put_of(b, id, "k");
    }
    put_of(b, "free", "");
    for (int i = 0; i < BLOCKED && t.count < 2; i++)
        take_all(b, "q", &t);
    REQUIRE(t.count == 2);
    CHECK_STR(t.claims[0]->message.id, "blocked-0");
    CHECK_STR(t.claims[1]->message.id, "free");
    CHECK_INT(of_key(b, "k", "waiting"), BLOCKED - 1);
    CHECK_INT(drain(b, "q", &t), BLOCKED + 1);
    closes(b);
}

static void many_are_brought_back_together(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k", 8);
    char id[32], all[2048] = "";
    for (int i = 0; i < 24; i++) {
        snprintf(id, sizeof id, "%02d", i);
        put_of(b, id, "k");
    }
    for (int round = 0; round < 3; round++) {
        CHECK_INT(strlen(take_all(b, "q", &t)), 8 * 3 - 1);
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s ", t.ids);
        gf_finish done[8];
        for (int i = 0; i < 8; i++)
            done[i] = (gf_finish){ .claim = t.claims[i], .outcome = GF_DONE };
        CHECK_OK(b->ops->tasks->exchange(b, done, 8, NULL));
        for (int i = 0; i < 8; i++) {
            CHECK_STATUS(done[i].status, GOFER_OK);
            gf_claim_free(t.claims[i]);
        }
        t.count = 0;
    }
    CHECK_STR(all, "00 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 ");
    closes(b);
}

// ---- several keys -------------------------------------------------------------------------------

static void all_keys_need_room(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "a", 1);
    at_most(b, "b", 1);
    put_of(b, "1", "a");
    put_of(b, "2", "a\nb");
    put_of(b, "3", "b");
    CHECK_STR(take_all(b, "q", &t), "1 3");
    end_one(b, &t, "1");
    CHECK_STR(take_all(b, "q", &t), "");   // it waits for b now
    CHECK_STR(task_text(b, "q", "2", "waits_for"), "b");
    end_one(b, &t, "3");
    CHECK_STR(take_all(b, "q", &t), "2");
    end_all(b, &t);
    closes(b);
}

// Who is brought back for one key and stops at another leaves the room to the next.
static void room_is_passed_on(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "a", 1);
    at_most(b, "b", 1);
    put_of(b, "holds-a", "a");
    put_of(b, "holds-b", "b");
    CHECK_STR(take_all(b, "q", &t), "holds-a holds-b");
    put_of(b, "both", "a\nb");
    put_of(b, "only-a", "a");
    CHECK_STR(take_all(b, "q", &t), "");
    end_one(b, &t, "holds-a");             // brings back "both", which stops at b
    taken more = { .count = 0 };
    for (int i = 0; i < 3 && more.count == 0; i++)
        take_all(b, "q", &more);
    CHECK_STR(more.count ? more.claims[0]->message.id : "", "only-a");
    end_all(b, &more);
    end_one(b, &t, "holds-b");
    CHECK_STR(take_all(b, "q", &t), "both");
    end_all(b, &t);
    closes(b);
}

static void crossed_keys_come_to_an_end(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    static const char *const keys[] = { "a\nb", "b\nc", "a\nc", "a\nb\nc\nd", "d", "c" };
    at_most(b, "a", 1);
    at_most(b, "b", 2);
    at_most(b, "c", 1);
    at_most(b, "d", 1);
    char id[32];
    for (int i = 0; i < 60; i++) {
        snprintf(id, sizeof id, "%d", i);
        put_of(b, id, keys[i % (int)COUNT(keys)]);
    }
    int all = 0;
    for (int idle = 0; all < 60 && idle < 5;) {
        take_all(b, "q", &t);
        CHECK(of_key(b, "a", "running") <= 1 && of_key(b, "b", "running") <= 2);
        CHECK(of_key(b, "c", "running") <= 1 && of_key(b, "d", "running") <= 1);
        idle = t.count ? 0 : idle + 1;
        all += t.count > 0;
        if (t.count)
            done(b, t.claims[--t.count]);
    }
    CHECK_INT(all, 60);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    closes(b);
}

// ---- which limit is whose -----------------------------------------------------------------------

static void a_prefix_gives_each_key_a_count(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "smtp:*", 1);
    at_most(b, "smtp:big*", 3);
    at_most(b, "smtp:biggest", 2);
    put_of(b, "a1", "smtp:a");
    put_of(b, "a2", "smtp:a");
    put_of(b, "b1", "smtp:b");
    put_of(b, "s1", "smtp:");              // the prefix alone is a key, too
    put_of(b, "s2", "smtp:");
    put_of(b, "o1", "smtq:");              // others are not meant
    put_of(b, "o2", "smtq:");
    CHECK_STR(take_all(b, "q", &t), "a1 b1 s1 o1 o2");
    for (int i = 0; i < 4; i++) {
        char id[32];
        snprintf(id, sizeof id, "x%d", i);
        put_of(b, id, "smtp:big1");
        snprintf(id, sizeof id, "y%d", i);
        put_of(b, id, "smtp:biggest");
    }
    CHECK_STR(take_all(b, "q", &t), "x0 y0 x1 y1 x2");
    gofer_info *list = NULL;
    REQUIRE_OK(b->ops->limits->key(b, "smtp:big1", &list));
    CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "limit"), "smtp:big*");
    CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "concurrency", 0), 3);
    gofer_info_free(list);
    CHECK_INT(drain(b, "q", &t), 15);
    closes(b);
}

static void queues_count_together_or_each_for_itself(void)
{
    taken p = { .count = 0 }, q = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .name = "own", .concurrency = 1, .per_queue = true });
    put_costly(b, "p", "p1", "own", 1);
    put_costly(b, "p", "p2", "own", 1);
    put_costly(b, "q", "q1", "own", 1);
    CHECK_STR(take_all(b, "p", &p), "p1");
    CHECK_STR(take_all(b, "q", &q), "q1");
    end_all(b, &p);
    end_all(b, &q);
    CHECK_STR(take_all(b, "p", &p), "p2");
    end_all(b, &p);
    if (!counts_by_queue(b)) {
        at_most(b, "all", 1);
        put_costly(b, "p", "p3", "all", 1);
        put_costly(b, "q", "q3", "all", 1);
        put_costly(b, "q", "q4", "all", 1);
        CHECK_STR(take_all(b, "p", &p), "p3");
        CHECK_STR(take_all(b, "q", &q), "");
        end_all(b, &p);                    // brings back one of another queue
        CHECK_STR(take_all(b, "q", &q), "q3");
        end_all(b, &q);
        CHECK_STR(take_all(b, "q", &q), "q4");
        end_all(b, &q);
    }
    store_close(b);
    store_check_sound();
}

static void a_queue_has_a_limit_of_its_own(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    put_of(b, "a", "");
    at_most(b, "queue:q", 2);
    at_most(b, "queue:later", 1);          // before there is such a queue
    at_most(b, "k", 1);
    put_of(b, "b", "");
    put_of(b, "c", "k");
    put_of(b, "d", "k");
    CHECK_STR(take_all(b, "q", &t), "a b");
    CHECK_STR(queue_counts(b, "q"), "p2 a2 s0 r0 c0 x0");
    CHECK_STR(task_text(b, "q", "c", "waits_for"), "");    // they stay in line
    CHECK_INT(of_key(b, "queue:q", "running"), 2);
    end_one(b, &t, "a");
    CHECK_STR(take_all(b, "q", &t), "c");
    end_one(b, &t, "b");
    CHECK_STR(take_all(b, "q", &t), "");   // d waits for k, not for the queue
    end_one(b, &t, "c");
    CHECK_STR(take_all(b, "q", &t), "d");
    end_all(b, &t);
    put_costly(b, "later", "x", "", 1);
    put_costly(b, "later", "y", "", 1);
    CHECK_STR(take_all(b, "later", &t), "x");
    end_all(b, &t);
    CHECK_STR(take_all(b, "later", &t), "y");
    end_all(b, &t);
    closes(b);
}

static void changed_numbers_hold(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k", 1);
    char id[32];
    for (int i = 0; i < 9; i++) {
        snprintf(id, sizeof id, "%d", i);
        put_of(b, id, "k");
    }
    CHECK_STR(take_all(b, "q", &t), "0");
    at_most(b, "k", 3);
    forward(b);
    CHECK_STR(take_all(b, "q", &t), "1 2");
    at_most(b, "k", 2);                    // what runs goes on
    end_one(b, &t, "0");
    CHECK_STR(take_all(b, "q", &t), "");
    end_one(b, &t, "1");
    CHECK_STR(take_all(b, "q", &t), "3");
    at_most(b, "k*", 4);                   // the exact name is before it
    forward(b);
    CHECK_STR(take_all(b, "q", &t), "");
    CHECK_OK(b->ops->limits->drop(b, "k"));
    forward(b);
    CHECK_STR(take_all(b, "q", &t), "4 5");
    CHECK_OK(b->ops->limits->drop(b, "k*"));
    CHECK_STATUS(b->ops->limits->drop(b, "k*"), GOFER_ENOTFOUND);
    forward(b);
    CHECK_STR(take_all(b, "q", &t), "6 7 8");
    end_all(b, &t);
    closes(b);
}

// What runs when its limit is put counts for it.
static void a_limit_counts_what_runs_already(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    put_of(b, "a", "k");
    put_of(b, "b", "k");
    put_of(b, "c", "k");
    CHECK_INT(take(b, "q", 2, t.claims), 2);
    t.count = 2;
    at_most(b, "k", 2);
    CHECK_STR(take_all(b, "q", &t), "");
    end_one(b, &t, "b");
    CHECK_STR(take_all(b, "q", &t), "c");
    end_all(b, &t);
    closes(b);
}

// ---- whatever becomes of a task -----------------------------------------------------------------

static void every_outcome_gives_back_what_it_held(void)
{
    static const gf_outcome_kind outcomes[] = {
        GF_DONE, GF_RETRY_AT, GF_ARCHIVE, GF_REQUEUE, GF_DROP, GF_CANCELLED
    };
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k", 1);
    put_of(b, "waits", "k");
    CHECK_STR(take_all(b, "q", &t), "waits");
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        char id[32];
        snprintf(id, sizeof id, "next-%zu", i);
        put_of(b, id, "k");
        CHECK_STR(take_all(b, "q", &t), "");
        gf_claim *claim = t.claims[--t.count];
        bool back = outcomes[i] == GF_REQUEUE;
        CHECK_STATUS(finish(b, claim,
            (gf_finish){ .outcome = outcomes[i], .at_ms = gf_now_ms() + HOUR_MS, .error = "e" }),
            GOFER_OK);
        take_all(b, "q", &t);
        CHECK_INT(t.count, 1);
        CHECK_INT(of_key(b, "k", "running"), 1);
        if (back) {                        // one of both is the other's
            end_all(b, &t);
            CHECK_INT(strlen(take_all(b, "q", &t)) > 0, 1);
        }
    }
    end_all(b, &t);
    CHECK_INT(of_key(b, "k", "running"), 0);
    closes(b);
}

static void a_worker_that_dies_gives_back_what_it_held(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k", 2);
    put_of(b, "a", "k");
    put_of(b, "b", "k");
    put_of(b, "c", "k");
    gf_claim *lost[2];
    REQUIRE(take_for(b, "w", "q", 2, 1, lost) == 2);   // c may start as soon as that is over
    gf_sleep_us(20 * 1000);
    leases_end("q");
    gf_recovered told = { .requeued = 0 };
    for (int i = 0; i < 50 && told.requeued == 0; i++)
        CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &told));
    CHECK_INT(told.requeued, 2);
    CHECK_INT(of_key(b, "k", "running"), 0);
    int all = 0;
    for (int i = 0; i < 10 && all < 3; i++) {
        size_t n = take(b, "q", 1, t.claims);              // suspects are taken alone
        CHECK(of_key(b, "k", "running") <= 2);
        all += (int)n;
        t.count = n;
        end_all(b, &t);
    }
    CHECK_INT(all, 3);
    gf_claim_free(lost[0]);
    gf_claim_free(lost[1]);
    closes(b);
}

static void those_who_wait_can_be_acted_on(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k", 1);
    static const char *const ids[] = { "run", "del", "arch", "can", "edit", "rest" };
    put_of(b, "holds", "k");
    CHECK_STR(take_all(b, "q", &t), "holds");
    for (size_t i = 0; i < COUNT(ids); i++)
        put_of(b, ids[i], "k");
    CHECK_STR(take_all(b, "q", &t), "");
    static const struct { gf_act act; const char *id; gofer_status want; } acts[] = {
        { GF_ACT_RUN, "run", GOFER_ESTATE },               // it is pending
        { GF_ACT_DELETE, "del", GOFER_OK },
        { GF_ACT_ARCHIVE, "arch", GOFER_OK },
        { GF_ACT_CANCEL, "can", GOFER_OK },
    };
    for (size_t i = 0; i < COUNT(acts); i++) {
        gofer_status st;
        CHECK_OK(b->ops->act->tasks_act(b, "q", acts[i].act, &acts[i].id, 1, &st));
        CHECK_STATUS(st, acts[i].want);
    }
    CHECK_OK(b->ops->act->task_edit(b, "q", "edit", "new", 3, 0));
    CHECK_STR(queue_counts(b, "q"), "p3 a1 s0 r0 c0 x2");
    end_all(b, &t);
    CHECK_STR(take_all(b, "q", &t), "run");
    end_all(b, &t);
    CHECK_STR(take_all(b, "q", &t), "edit");
    CHECK_MEM(t.claims[0]->message.payload, t.claims[0]->message.payload_size, "new", 3);
    // What was set aside comes back with its keys.
    gofer_status st;
    const char *arch = "arch";
    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_RUN, &arch, 1, &st));
    CHECK_STATUS(st, GOFER_OK);
    CHECK_STR(take_all(b, "q", &t), "");
    end_all(b, &t);
    CHECK_STR(take_all(b, "q", &t), "rest");
    end_all(b, &t);
    CHECK_STR(take_all(b, "q", &t), "arch");
    end_all(b, &t);
    closes(b);
}

static void all_who_wait_can_be_moved(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k", 1);
    for (int i = 0; i < 5; i++) {
        char id[32];
        snprintf(id, sizeof id, "%d", i);
        put_of(b, id, "k");
    }
    CHECK_STR(take_all(b, "q", &t), "0");
    CHECK_STR(take_all(b, "q", &t), "");
    size_t moved = 0;
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_PENDING, GF_ARCHIVED, 3, &moved));
    CHECK_INT(moved, 3);
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_PENDING, GF_STATE_COUNT, 10, &moved));
    CHECK_INT(moved, 1);
    CHECK_STR(queue_counts(b, "q"), "p0 a1 s0 r0 c0 x3");
    CHECK_INT(of_key(b, "k", "waiting"), 0);
    end_all(b, &t);
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_ARCHIVED, GF_PENDING, 10, &moved));
    CHECK_INT(drain(b, "q", &t), 3);
    closes(b);
}

static void later_ones_count_when_their_time_comes(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k", 1);
    char room[LIMIT_ROOM];
    gf_message m = message("q", "later");
    set_limit_keys(&m, "k", 1, room);
    CHECK_OK(put_message(b, &m, gf_now_ms() + 1000));
    put_of(b, "now", "k");
    CHECK_STR(take_all(b, "q", &t), "now");
    for (int64_t until = gf_mono_ms() + PATIENCE_MS;
         queue_number(b, "q", "pending") < 1 && gf_mono_ms() < until; gf_sleep_us(20 * 1000))
        forward(b);
    CHECK_STR(take_all(b, "q", &t), "");
    CHECK_STR(task_text(b, "q", "later", "waits_for"), "k");
    end_all(b, &t);
    CHECK_STR(take_all(b, "q", &t), "later");
    end_all(b, &t);
    closes(b);
}

static void limits_go_with_a_task_to_another_store(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    if (!b->ops->transfer) {
        store_close(b);
        OMIT("the store hands on no tasks");
    }
    at_most(b, "k", 1);
    put_of(b, "a", "k");
    put_of(b, "b", "k");
    CHECK_STR(take_all(b, "q", &t), "a");
    CHECK_STR(take_all(b, "q", &t), "");
    const char *id = "b";
    gf_item item = { 0 };
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", &id, 1, &item));
    CHECK_STATUS(item.status, GOFER_OK);
    CHECK_OK(b->ops->transfer->import_items(b, "r", &item, 1));
    CHECK_STATUS(item.status, GOFER_OK);
    gf_item_clear(&item);
    if (!counts_by_queue(b)) {
        taken r = { .count = 0 };
        CHECK_STR(take_all(b, "r", &r), "");
        end_all(b, &t);
        int of_r = drain(b, "r", &r), of_q = drain(b, "q", &t);
        CHECK_INT(of_r + drain(b, "r", &r) + of_q, 2);
    } else {
        CHECK_STR(task_text(b, "r", "b", "limits"), "k");
        end_all(b, &t);
        CHECK_INT(drain(b, "r", &t) + drain(b, "q", &t), 2);
    }
    closes(b);
}

// ---- rates --------------------------------------------------------------------------------------

static void so_many_start_in_a_time(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .name = "k", .rate = 3, .per_ms = 3 * HOUR_MS, .burst = 2 });
    put_of(b, "a", "k");
    put_of(b, "b", "k");
    put_of(b, "c", "k");
    put_of(b, "d", "");
    int64_t before = gf_now_ms();
    CHECK_STR(take_all(b, "q", &t), "a b d");
    CHECK_STR(task_text(b, "q", "c", "waits_for"), "k");
    end_all(b, &t);                        // that gives nothing back
    forward(b);
    CHECK_STR(take_all(b, "q", &t), "");
    int64_t next = of_key(b, "k", "next_start_at_ms");
    CHECK(next >= before + HOUR_MS && next <= gf_now_ms() + HOUR_MS + 1000);
    // Of other numbers, the same starts.
    limit(b, (gf_limit){ .name = "k", .rate = 3, .per_ms = 3 * HOUR_MS, .burst = 3 });
    forward(b);
    CHECK_STR(take_all(b, "q", &t), "c");
    end_all(b, &t);
    closes(b);
}

static void who_waits_for_a_rate_is_brought_back_in_time(void)
{
    enum { EACH_MS = 120, ALL = 6 };
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .name = "k", .rate = 1, .per_ms = EACH_MS, .burst = 1 });
    int64_t begun = gf_mono_ms();
    for (int i = 0; i < ALL; i++) {
        char id[32];
        snprintf(id, sizeof id, "%d", i);
        put_of(b, id, "k");
    }
    int all = 0;
    while (all < ALL && gf_mono_ms() < begun + PATIENCE_MS) {
        gf_sleep_us(5000);
        forward(b);
        take_all(b, "q", &t);
        for (size_t i = 0; i < t.count; i++, all++) {
            char id[32];
            snprintf(id, sizeof id, "%d", all);
            CHECK_STR(t.claims[i]->message.id, id);
            // Clocks of a store that counts in µs, and of this process: a step apart at most.
            CHECK(gf_mono_ms() - begun >= (int64_t)all * EACH_MS - 2);
        }
        end_all(b, &t);
    }
    CHECK_INT(all, ALL);
    closes(b);
}

static void a_task_may_cost_more(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .name = "k", .rate = 10, .per_ms = 10 * HOUR_MS, .burst = 10 });
    put_costly(b, "q", "four", "k", 4);
    put_costly(b, "q", "six", "k", 6);
    put_costly(b, "q", "one", "k", 1);
    CHECK_STR(take_all(b, "q", &t), "four six");
    end_all(b, &t);
    CHECK_OK(b->ops->limits->drop(b, "k"));
    forward(b);
    CHECK_STR(take_all(b, "q", &t), "one");
    end_all(b, &t);
    // More than may ever be there at once: it starts when all of it is.
    limit(b, (gf_limit){ .name = "big", .rate = 10, .per_ms = 10 * HOUR_MS, .burst = 2 });
    put_costly(b, "q", "huge", "big", 5);
    put_costly(b, "q", "next", "big", 1);
    CHECK_STR(take_all(b, "q", &t), "huge");
    int64_t next = of_key(b, "big", "next_start_at_ms");
    CHECK(next > gf_now_ms() + 3 * (int64_t)HOUR_MS);
    end_all(b, &t);
    closes(b);
}

static void a_queue_has_a_rate_of_its_own(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .name = "queue:q", .rate = 2, .per_ms = 2 * HOUR_MS, .burst = 2 });
    put_of(b, "a", "");
    put_costly(b, "q", "b", "k", 7);       // of k's rate, if it had one
    put_of(b, "c", "");
    CHECK_STR(take_all(b, "q", &t), "a b");
    end_all(b, &t);
    CHECK_STR(take_all(b, "q", &t), "");
    CHECK(of_key(b, "queue:q", "next_start_at_ms") > gf_now_ms());
    CHECK_OK(b->ops->limits->drop(b, "queue:q"));
    CHECK_STR(take_all(b, "q", &t), "c");
    end_all(b, &t);
    closes(b);
}

static void a_pause_holds_a_key_up(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    put_of(b, "a", "k");                   // of a key without a limit, too
    put_of(b, "b", "");
    int64_t until = gf_now_ms() + HOUR_MS;
    CHECK_OK(b->ops->limits->pause(b, "k", until));
    CHECK_OK(b->ops->limits->pause(b, "k", until - 1000));         // is shorter
    CHECK_STR(take_all(b, "q", &t), "b");
    CHECK_INT(of_key(b, "k", "paused_until_ms"), until);
    CHECK_OK(b->ops->limits->pause(b, "k", 0));
    forward(b);
    CHECK_STR(take_all(b, "q", &t), "a");
    end_all(b, &t);
    // And is over by itself.
    put_of(b, "c", "k");
    CHECK_OK(b->ops->limits->pause(b, "k", gf_now_ms() + 300));
    CHECK_OK(b->ops->limits->pause(b, "queue:q", gf_now_ms() + 300));
    put_of(b, "d", "");
    size_t all = 0;
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; all < 2 && gf_mono_ms() < end;) {
        gf_sleep_us(20000);
        forward(b);
        take_all(b, "q", &t);
        all += t.count;
        end_all(b, &t);
    }
    CHECK_INT(all, 2);
    closes(b);
}

// ---- over ---------------------------------------------------------------------------------------

static void over_may_mean_refused(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .name = "k", .concurrency = 1, .over = GF_OVER_REFUSE });
    put_of(b, "a", "k");
    put_of(b, "b", "k");
    put_of(b, "c", "");
    CHECK_STR(take_all(b, "q", &t), "a b c");
    gf_claim *refused = claim_of(&t, "b");
    REQUIRE(refused != NULL);
    CHECK(refused->refused);
    for (size_t i = 0; i < t.count; i++)
        CHECK(!t.claims[i]->refused);
    CHECK_INT(of_key(b, "k", "running"), 1);
    CHECK_OK(finish(b, refused, (gf_finish){ .outcome = GF_ARCHIVE, .error = "no room" }));
    CHECK_STR(task_state(b, "q", "b"), "archived");
    end_all(b, &t);
    put_of(b, "d", "k");
    CHECK_STR(take_all(b, "q", &t), "d");
    CHECK(!t.claims[0]->refused);
    end_all(b, &t);
    // Who asks to be left alone for a while wants nothing to be lost.
    CHECK_OK(b->ops->limits->pause(b, "k", gf_now_ms() + HOUR_MS));
    put_of(b, "e", "k");
    CHECK_STR(take_all(b, "q", &t), "");
    CHECK_STR(task_text(b, "q", "e", "waits_for"), "k");
    CHECK_OK(b->ops->limits->pause(b, "k", 0));
    forward(b);
    CHECK_STR(take_all(b, "q", &t), "e");
    CHECK(!t.claims[0]->refused);
    end_all(b, &t);
    closes(b);
}

static bool is_asked_to_stop(gf_broker *b, gf_claim *claim)
{
    gf_lease lease = { .claim = claim };
    CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
    return lease.cancel;
}

static void over_may_cancel_the_oldest(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    limit(b, (gf_limit){ .name = "k", .concurrency = 2, .over = GF_OVER_CANCEL_OLDEST });
    put_of(b, "a", "k");
    CHECK_STR(take_all(b, "q", &t), "a");
    gf_sleep_us(5 * 1000);
    put_of(b, "b", "k");
    CHECK_STR(take_all(b, "q", &t), "b");
    CHECK(!is_asked_to_stop(b, t.claims[0]) && !is_asked_to_stop(b, t.claims[1]));
    put_of(b, "c", "k");
    CHECK_STR(take_all(b, "q", &t), "");
    CHECK(is_asked_to_stop(b, t.claims[0]));
    CHECK(!is_asked_to_stop(b, t.claims[1]));
    CHECK_OK(finish(b, claim_of(&t, "a"), (gf_finish){ .outcome = GF_CANCELLED }));
    CHECK_STR(take_all(b, "q", &t), "c");
    end_all(b, &t);
    closes(b);
}

// ---- with other options -------------------------------------------------------------------------

static void put_over(gf_broker *b, const char *id, const char *keys, const char *payload)
{
    char room[LIMIT_ROOM];
    gf_message m = message("q", id);
    m.payload = payload;
    m.payload_size = strlen(payload);
    if (*keys)
        set_limit_keys(&m, keys, 1, room);
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .replaces = true }));
}

static void a_replaced_task_has_the_new_keys(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k", 1);
    at_most(b, "l", 1);
    put_of(b, "a", "k");
    put_of(b, "b", "k");
    put_of(b, "c", "k");
    CHECK_STR(take_all(b, "q", &t), "a");
    put_over(b, "b", "l", "new");          // waited for k
    put_over(b, "c", "k", "same");
    put_over(b, "d", "l", "fresh");
    CHECK_STR(queue_counts(b, "q"), "p3 a1 s0 r0 c0 x0");
    CHECK_STR(take_all(b, "q", &t), "b");
    CHECK_MEM(t.claims[1]->message.payload, t.claims[1]->message.payload_size, "new", 3);
    CHECK_STR(task_text(b, "q", "c", "waits_for"), "k");
    CHECK_STR(task_text(b, "q", "d", "waits_for"), "l");
    put_over(b, "d", "", "free");
    CHECK_STR(take_all(b, "q", &t), "d");
    end_all(b, &t);
    CHECK_STR(take_all(b, "q", &t), "c");
    end_all(b, &t);
    closes(b);
}

static void a_debounced_task_has_the_latest_keys(void)
{
    static const char *const keys[] = { "", "k", "l" };
    const gf_debounce how = { .delay_ms = HOUR_MS };
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "l", 1);
    put_of(b, "holds", "l");
    CHECK_STR(take_all(b, "q", &t), "holds");
    for (size_t i = 0; i < COUNT(keys); i++) {
        char room[LIMIT_ROOM], id[8];
        snprintf(id, sizeof id, "%zu", i);
        gf_message m = message("q", id);
        if (*keys[i])
            set_limit_keys(&m, keys[i], 1, room);
        CHECK_OK(put_as(b, (gf_put){ .message = &m, .debounce = &how }));
    }
    gofer_status st;
    const char *first = "0";
    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_RUN, &first, 1, &st));
    CHECK_STATUS(st, GOFER_OK);
    CHECK_STR(take_all(b, "q", &t), "");
    CHECK_STR(task_text(b, "q", "0", "waits_for"), "l");
    end_all(b, &t);
    CHECK_STR(take_all(b, "q", &t), "0");
    end_all(b, &t);
    closes(b);
}

// ---- looking ------------------------------------------------------------------------------------

static void limits_are_listed_by_pages(void)
{
    gf_broker *b = limits_open();
    enum { ALL = 7 };
    char name[16], seen[256], cursor[GF_NAME_MAX + 1];
    for (int i = 0; i < ALL; i++) {
        snprintf(name, sizeof name, "l%d%s", i, i % 2 ? "*" : "");
        limit(b, (gf_limit){ .name = name, .concurrency = i + 1, .rate = i, .per_ms = 1000,
            .burst = 1, .over = (gf_limit_over)(i % 3) });
    }
    static const size_t sizes[] = { 1, 3, ALL - 1, ALL, ALL + 1 };
    for (size_t s = 0; s < COUNT(sizes); s++) {
        size_t pages = 0;
        *seen = *cursor = '\0';
        do {
            gofer_info *list = NULL;
            REQUIRE_OK(b->ops->limits->list(b, cursor, sizes[s], &list));
            pages++;
            for (size_t i = 0; i < gofer_info_count(list); i++)
                snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s ",
                    gofer_info_text(gofer_info_at(list, i), "name"));
            const char *next = gofer_info_text(list, "next_cursor");
            snprintf(cursor, sizeof cursor, "%s", next ? next : "");
            gofer_info_free(list);
        } while (*cursor && pages < 20);
        CHECK_STR(seen, "l0 l1* l2 l3* l4 l5* l6 ");
        CHECK_INT(pages, (ALL + sizes[s] - 1) / sizes[s]);
    }
    gofer_info *list = NULL;
    REQUIRE_OK(b->ops->limits->list(b, "l1*", 1, &list));
    const gofer_info *l2 = gofer_info_at(list, 0);
    CHECK_INT(gofer_info_int(l2, "concurrency", 0), 3);
    CHECK_INT(gofer_info_int(l2, "rate", 0), 2);
    CHECK_INT(gofer_info_int(l2, "per_ms", 0), 1000);
    CHECK_INT(gofer_info_int(l2, "burst", 0), 1);
    CHECK_STR(gofer_info_text(l2, "over"), "cancel-oldest");
    gofer_info_free(list);
    closes(b);
}

static void keys_are_listed_by_pages(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    at_most(b, "k*", 1);
    char id[32], key[16], seen[512], after[GF_NAME_MAX + 1] = "", queue[GF_NAME_MAX + 1] = "";
    for (int i = 0; i < 9; i++) {
        snprintf(key, sizeof key, "k%d", i);
        for (int n = 0; n < (i % 3 ? 1 : 2); n++) {
            snprintf(id, sizeof id, "%d-%d", i, n);
            put_of(b, id, key);
        }
    }
    CHECK_INT(strlen(take_all(b, "q", &t)), 9 * 4 - 1);
    take_all(b, "q", &t);                  // those of 0, 3 and 6 wait
    for (int waiting = 0; waiting < 2; waiting++) {
        *seen = *after = *queue = '\0';
        for (int pages = 0; pages < 9; pages++) {
            gofer_info *list = NULL;
            REQUIRE_OK(b->ops->limits->keys(b, after, queue, waiting, 4, &list));
            for (size_t i = 0; i < gofer_info_count(list); i++) {
                const gofer_info *k = gofer_info_at(list, i);
                snprintf(seen + strlen(seen), sizeof seen - strlen(seen),
                    "%s=%" PRId64 "+%" PRId64 " ", gofer_info_text(k, "key"),
                    gofer_info_int(k, "running", -1), gofer_info_int(k, "waiting", -1));
            }
            const char *next = gofer_info_text(list, "next_cursor");
            const char *end = next ? strchr(next, '\n') : NULL;
            if (end) {
                snprintf(after, sizeof after, "%.*s", (int)(end - next), next);
                snprintf(queue, sizeof queue, "%s", end + 1);
            }
            gofer_info_free(list);
            if (!end)
                break;
        }
        CHECK_STR(seen, waiting ? "k0=1+1 k3=1+1 k6=1+1 "
            : "k0=1+1 k1=1+0 k2=1+0 k3=1+1 k4=1+0 k5=1+0 k6=1+1 k7=1+0 k8=1+0 ");
    }
    CHECK_INT(drain(b, "q", &t), 12);
    gofer_info *none = NULL;
    REQUIRE_OK(b->ops->limits->keys(b, "", "", true, 10, &none));
    CHECK_INT(gofer_info_count(none), 0);
    gofer_info_free(none);
    closes(b);
}

static void a_key_of_any_bytes_is_a_key(void)
{
    taken t = { .count = 0 };
    gf_broker *b = limits_open();
    char longest[GF_NAME_MAX + 1];
    memset(longest, 'x', GF_NAME_MAX);
    longest[GF_NAME_MAX] = '\0';
    const char *const keys[] = { longest, "{}", "a b", "\xc3\xa9", "'; --", "%s*{q}", "\"" };
    char id[32], name[GF_NAME_MAX + 1];
    for (size_t i = 0; i < COUNT(keys); i++) {
        snprintf(name, sizeof name, "%s", keys[i]);
        at_most(b, name, 1);
        for (int n = 0; n < 2; n++) {
            snprintf(id, sizeof id, "%zu-%d", i, n);
            put_of(b, id, keys[i]);
        }
    }
    CHECK_STR(take_all(b, "q", &t), "0-0 1-0 2-0 3-0 4-0 5-0 6-0");
    CHECK_STR(take_all(b, "q", &t), "");
    for (size_t i = 0; i < COUNT(keys); i++) {
        CHECK_INT(of_key(b, keys[i], "running"), 1);
        CHECK_INT(of_key(b, keys[i], "waiting"), 1);
    }
    CHECK_INT(drain(b, "q", &t), 14);
    closes(b);
}

suite suite_limit(void)
{
    static const check_test tests[] = {
        TEST(at_most_so_many_of_a_key_run),
        TEST(who_waits_is_pending_and_says_for_what),
        TEST(the_first_who_waits_is_the_next),
        TEST(a_higher_priority_waits_before_others),
        TEST(who_waits_holds_up_nobody),
        TEST(many_are_brought_back_together),
        TEST(all_keys_need_room),
        TEST(room_is_passed_on),
        TEST(crossed_keys_come_to_an_end),
        TEST(a_prefix_gives_each_key_a_count),
        TEST(queues_count_together_or_each_for_itself),
        TEST(a_queue_has_a_limit_of_its_own),
        TEST(changed_numbers_hold),
        TEST(a_limit_counts_what_runs_already),
        TEST(every_outcome_gives_back_what_it_held),
        TEST(a_worker_that_dies_gives_back_what_it_held),
        TEST(those_who_wait_can_be_acted_on),
        TEST(all_who_wait_can_be_moved),
        TEST(later_ones_count_when_their_time_comes),
        TEST(limits_go_with_a_task_to_another_store),
        TEST(so_many_start_in_a_time),
        TEST(who_waits_for_a_rate_is_brought_back_in_time),
        TEST(a_task_may_cost_more),
        TEST(a_queue_has_a_rate_of_its_own),
        TEST(a_pause_holds_a_key_up),
        TEST(over_may_mean_refused),
        TEST(over_may_cancel_the_oldest),
        TEST(a_replaced_task_has_the_new_keys),
        TEST(a_debounced_task_has_the_latest_keys),
        TEST(limits_are_listed_by_pages),
        TEST(keys_are_listed_by_pages),
        TEST(a_key_of_any_bytes_is_a_key),
    };
    return (suite){ tests, COUNT(tests) };
}
