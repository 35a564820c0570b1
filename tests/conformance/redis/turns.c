// turns.c - tasks that run one after the other, beside Go programs, which end them and say nothing;
// and what a key of another type does.
#include <string.h>

#include "fixture.h"
#include "raw.h"
#include "suites.h"
#include "util/clock.h"

enum { HOUR_MS = 3600000 };

static void put_of(gf_broker *b, const char *id, bool blocks)
{
    char room[LIMIT_ROOM];
    gf_message m = message("q", id);
    set_ordered(&m, "k", blocks, room);
    CHECK_OK(put_message(b, &m, 0));
}

// It has failed, and waits for its next attempt.
static void fails(gf_broker *b, const char *id)
{
    CHECK_OK(finish(b, need_one(b, "q", id), (gf_finish){ .outcome = GF_RETRY_AT,
        .is_failure = true, .at_ms = gf_now_ms() + HOUR_MS, .error = "e" }));
}

static void nobody_is_next(gf_broker *b)
{
    gf_claim *claim = take_one(b, "q");
    CHECK_STR(claim ? claim->message.id : "", "");
    gf_claim_free(claim);
}

// What housekeeping looks at by and by it looks at now.
static void look(gf_broker *b, const char *wake)
{
    size_t moved;
    int64_t next_ms;
    raw_run("ZADD asynq:{q}:gofer:wakes XX 0 %s", wake);
    CHECK_OK(b->ops->upkeep->forward(b, 10, &moved, &next_ms));
}

// A Go worker forwards, takes and ends one that waits for its next attempt.
static void go_ends(const char *id)
{
    raw_run("ZREM asynq:{q}:retry %s", id);
    raw_run("HSET asynq:{q}:t:%s state active", id);
    raw_run("LPUSH asynq:{q}:active %s", id);
    raw_run("ZADD asynq:{q}:lease %lld %s", (long long)(gf_now_ms() / 1000 + 30), id);
    raw_run("LREM asynq:{q}:active 0 %s", id);
    raw_run("ZREM asynq:{q}:lease %s", id);
    raw_run("DEL asynq:{q}:t:%s", id);
}

static void go_archives(const char *id)
{
    raw_run("ZREM asynq:{q}:retry %s", id);
    raw_run("ZADD asynq:{q}:archived %lld %s", (long long)(gf_now_ms() / 1000), id);
    raw_run("HSET asynq:{q}:t:%s state archived", id);
}

static void whom_go_ends_holds_up_nobody(void)
{
    gf_broker *b = store_open();
    put_of(b, "first", false);
    put_of(b, "second", false);
    put_of(b, "third", false);
    fails(b, "first");
    nobody_is_next(b);
    look(b, "qordered:k");
    nobody_is_next(b);                         // it is the first one's turn still
    go_ends("first");
    look(b, "qordered:k");
    fails(b, "second");
    nobody_is_next(b);
    go_archives("second");
    look(b, "qordered:k");
    done(b, need_one(b, "q", "third"));
    store_close(b);
    store_check_sound();
}

static void who_comes_later_is_behind_those_that_wait(void)
{
    gf_broker *b = store_open();
    put_of(b, "first", false);
    put_of(b, "second", false);
    fails(b, "first");
    nobody_is_next(b);
    go_ends("first");
    put_of(b, "late", false);
    gf_claim *second = need_one(b, "q", "second");
    nobody_is_next(b);
    done(b, second);
    done(b, need_one(b, "q", "late"));
    store_close(b);
    store_check_sound();
}

static void whom_go_archives_holds_them_up_if_it_is_to(void)
{
    gf_broker *b = store_open();
    gofer_status st;
    const char *dead = "dead";
    put_of(b, "dead", true);
    put_of(b, "next", false);
    fails(b, "dead");
    nobody_is_next(b);
    go_archives("dead");
    look(b, "qordered:k");
    nobody_is_next(b);
    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_DELETE, &dead, 1, &st));
    CHECK_STATUS(st, GOFER_OK);
    done(b, need_one(b, "q", "next"));
    store_close(b);
    store_check_sound();
}

// Who waits is a scheduled one to Go, and may be ended as such, or forwarded when its time comes.
static void who_waits_may_be_taken_away(void)
{
    gf_broker *b = store_open();
    put_of(b, "first", false);
    put_of(b, "deleted", false);
    put_of(b, "forwarded", false);
    put_of(b, "last", false);
    gf_claim *first = need_one(b, "q", "first");
    nobody_is_next(b);
    raw_run("ZREM asynq:{q}:scheduled deleted");
    raw_run("DEL asynq:{q}:t:deleted");
    raw_run("ZREM asynq:{q}:scheduled forwarded");
    raw_run("HSET asynq:{q}:t:forwarded state pending");
    raw_run("LPUSH asynq:{q}:pending forwarded");
    nobody_is_next(b);
    done(b, first);
    done(b, need_one(b, "q", "forwarded"));
    done(b, need_one(b, "q", "last"));
    store_close(b);
    raw_run("ZREM asynq:{q}:gofer:line deleted");
    store_check_sound();
}

static void what_go_leaves_behind_is_swept(void)
{
    gf_broker *b = store_open();
    put_of(b, "one", false);
    fails(b, "one");
    CHECK_STR(raw_text("HGET asynq:{q}:gofer:turns ordered:k"), "one");
    look(b, "t");
    CHECK_STR(raw_text("HGET asynq:{q}:gofer:turns ordered:k"), "one");
    go_ends("one");
    look(b, "t");
    CHECK_INT(raw_int("EXISTS asynq:{q}:gofer:turns"), 0);
    CHECK_INT(raw_int("EXISTS asynq:{q}:gofer:keys"), 0);
    CHECK_INT(raw_int("EXISTS asynq:{q}:gofer:wakes"), 0);
    store_close(b);
}

// An id that comes again as another task is not the one whose turn it was.
static void another_task_of_the_same_id_has_no_turn(void)
{
    gf_broker *b = store_open();
    put_of(b, "one", false);
    fails(b, "one");
    go_ends("one");
    gf_message other = message("q", "one");
    CHECK_OK(put_message(b, &other, gf_now_ms() + HOUR_MS));
    put_of(b, "two", false);
    done(b, need_one(b, "q", "two"));
    store_close(b);
}

suite suite_turns(void)
{
    static const check_test tests[] = {
        TEST(whom_go_ends_holds_up_nobody),
        TEST(who_comes_later_is_behind_those_that_wait),
        TEST(whom_go_archives_holds_them_up_if_it_is_to),
        TEST(who_waits_may_be_taken_away),
        TEST(what_go_leaves_behind_is_swept),
        TEST(another_task_of_the_same_id_has_no_turn),
    };
    return (suite){ tests, COUNT(tests) };
}
