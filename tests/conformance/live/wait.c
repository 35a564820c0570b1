// wait.c - waiting for the end of a task: what is told, to whom, and that nobody need poll.
#include <pthread.h>

#include "fixture.h"
#include "raw.h"
#include "suites.h"
#include "util/clock.h"
#include "util/thread.h"

enum { HOUR_MS = 3600000 };

// Somebody who waits in a thread of his own.
typedef struct waiter {
    gf_broker   *broker;
    const char  *id;
    pthread_t    thread;
    gofer_status status;
    gofer_info  *end;
    int64_t      told_ms;
} waiter;

static void *wait_main(void *arg)
{
    waiter *w = arg;
    w->status = gf_wait_end(w->broker, "q", w->id, PATIENCE_MS, &w->end);
    w->told_ms = gf_mono_ms();
    return NULL;
}

// Where the store notes who waits for others to see, that is looked for.
static void begin_wait(waiter *w, gf_broker *b, const char *id)
{
    int64_t end_ms = gf_mono_ms() + PATIENCE_MS;
    *w = (waiter){ .broker = b, .id = id, .status = GOFER_EHANDLER };
    REQUIRE(gf_thread_start(&w->thread, wait_main, w, 0) == 0);
    while (store_is_redis() && raw_int("ZSCORE asynq:{q}:gofer:waits %s", id) < 0 &&
        gf_mono_ms() < end_ms)
        gf_sleep_us(1000);
}

// While servers fail over a note that somebody waits may get lost with the old primary.
static void excuse(const waiter *w)
{
    const char *outcome = w->status == GOFER_OK ? gofer_info_text(w->end, "outcome") : NULL;
    (void)store_heard(w->status != GOFER_ENOTFOUND && w->status != GOFER_ETIMEOUT &&
        !(outcome && strcmp(outcome, "gone") == 0));
}

// Else it cannot be seen when another thread's wait has begun. Who came too late for a task that is
// not kept has not found it: then all is done again, with more time to begin.
enum { PAUSE_FIRST_US = 30000, PAUSE_LAST_US = 8000000 };

static bool came_too_late(waiter *w, int64_t pause_us)
{
    pthread_join(w->thread, NULL);
    return w->status == GOFER_ENOTFOUND && pause_us < PAUSE_LAST_US;
}

static void check_end(waiter *w, const char *outcome, const char *result, const char *error)
{
    excuse(w);
    if (!CHECK_STATUS(w->status, GOFER_OK))
        return;
    size_t size = 0;
    const void *bytes = gofer_info_bytes(w->end, "result", &size);
    CHECK_STR(gofer_info_text(w->end, "outcome"), outcome);
    CHECK_STR(gofer_info_text(w->end, "id"), w->id);
    CHECK_STR(gofer_info_text(w->end, "queue"), "q");
    CHECK_MEM(bytes, size, result, result ? strlen(result) : 0);
    CHECK_INT(bytes != NULL, result != NULL);
    CHECK_STR(gofer_info_text(w->end, "last_error"), error);
    CHECK(gofer_info_int(w->end, "finished_at_ms", 0) > 0);
    gofer_info_free(w->end);
}

// How a task comes to its end, and what is told of it.
typedef struct ending {
    gf_finish    how;              // of who runs it, but where there is an act
    gofer_status (*act)(gf_broker *b, const char *id);
    const char  *outcome, *result, *error;
} ending;

// A task comes to its end while somebody waits.
static void await(gf_broker *b, const char *id, int64_t retention_ms, const ending *e)
{
    waiter w;
    int64_t pause_us = PAUSE_FIRST_US;
    do {
        gf_message m = message("q", id);
        m.retention_ms = retention_ms;
        REQUIRE_OK(put_message(b, &m, 0));
        gf_claim *claim = e->act ? NULL : need_one(b, "q", id);
        begin_wait(&w, b, id);
        gf_sleep_us(pause_us);
        pause_us *= 3;
        CHECK_OK(e->act ? e->act(b, id) : finish(b, claim, e->how));
    } while (came_too_late(&w, pause_us));
    check_end(&w, e->outcome, e->result, e->error);
}

static void who_waits_is_told_how_it_ended(void)
{
    static const ending cases[] = {
        { { .outcome = GF_DONE, .result = "res", .result_size = 3 },
            .outcome = "done", .result = "res" },
        { { .outcome = GF_DONE }, .outcome = "done" },
        { { .outcome = GF_ARCHIVE, .is_failure = true, .error = "bad" },
            .outcome = "archived", .error = "bad" },
        { { .outcome = GF_CANCELLED, .error = "asked", .attempt = "at_ms:1\tkind=cancelled" },
            .outcome = "cancelled", .error = "asked" },
        { { .outcome = GF_DROP, .expired = true }, .outcome = "expired" },
        { { .outcome = GF_DROP }, .outcome = "revoked" },
    };
    gf_broker *b = store_open();
    for (int retention = 0; retention < 2; retention++)
        for (size_t i = 0; i < COUNT(cases); i++) {
            char id[32];
            snprintf(id, sizeof id, "t%zu", i + 10 * (size_t)retention);
            await(b, id, retention ? HOUR_MS : 0, &cases[i]);
        }
    store_close(b);
    store_check_sound();
}

static gofer_status delete_it(gf_broker *b, const char *id)
{
    return gf_act_one(b, "q", GF_ACT_DELETE, id);
}

static gofer_status archive_it(gf_broker *b, const char *id)
{
    return gf_act_one(b, "q", GF_ACT_ARCHIVE, id);
}

static gofer_status cancel_it(gf_broker *b, const char *id)
{
    return gf_act_one(b, "q", GF_ACT_CANCEL, id);
}

static void acts_on_a_waiting_task_are_ends(void)
{
    gf_broker *b = store_open();
    await(b, "deleted", 0, &(ending){ .act = delete_it, .outcome = "deleted" });
    await(b, "archived", 0, &(ending){ .act = archive_it, .outcome = "archived" });
    await(b, "cancelled", 0, &(ending){ .act = cancel_it, .outcome = "cancelled" });
    store_close(b);
    store_check_sound();
}

// Made one with others, it will never run.
static void being_made_one_is_an_end(void)
{
    static const gf_group_rule rule = { .grace_ms = 1000, .max_size = 2 };
    gf_broker *b = store_open();
    waiter w;
    int64_t pause_us = PAUSE_FIRST_US;
    do {
        gf_group_set *set = NULL;
        gf_message one = message("q", "one"), two = message("q", "two"),
                   made = message("q", "made");
        CHECK_OK(put_as(b, (gf_put){ .message = &one, .group = "g" }));
        CHECK_OK(put_as(b, (gf_put){ .message = &two, .group = "g" }));
        begin_wait(&w, b, "two");
        gf_sleep_us(pause_us);
        pause_us *= 3;
        REQUIRE_OK(b->ops->groups->take(b, "w", "q", &rule, &set));
        CHECK_OK(b->ops->groups->put(b, set, &made, 0));
        gf_group_set_free(set);
        done(b, need_one(b, "q", "made"));
    } while (came_too_late(&w, pause_us));
    check_end(&w, "deleted", NULL, NULL);
    store_close(b);
    store_check_sound();
}

static void a_crash_over_the_limit_is_an_end(void)
{
    gf_broker *b = store_open();
    waiter w;
    put(b, "q", "t");
    begin_wait(&w, b, "t");
    crash(b, "q", "t", 5, NULL);                 // back in pending: no end
    crash(b, "q", "t", 1, NULL);
    pthread_join(w.thread, NULL);
    if (CHECK_STATUS(w.status, GOFER_OK)) {
        CHECK_STR(gofer_info_text(w.end, "outcome"), "archived");
        CHECK_HAS(gofer_info_text(w.end, "last_error"), "worker");
        gofer_info_free(w.end);
    }
    store_close(b);
    store_check_sound();
}

static void what_is_kept_needs_no_wait(void)
{
    gf_broker *b = store_open();
    static char big[3000];
    gofer_info *end;
    size_t size = 0;
    memset(big, 'r', sizeof big);
    gf_message m = message("q", "done");
    m.retention_ms = HOUR_MS;
    CHECK_OK(put_message(b, &m, 0));
    CHECK_OK(finish(b, need_one(b, "q", "done"), (gf_finish){ .outcome = GF_DONE, .result = big,
        .result_size = sizeof big }));
    for (int64_t timeout_ms = 0; timeout_ms < 2000; timeout_ms += 1000)
        if (CHECK_OK(gf_wait_end(b, "q", "done", timeout_ms, &end))) {
            CHECK_STR(gofer_info_text(end, "outcome"), "done");
            const void *bytes = gofer_info_bytes(end, "result", &size);
            CHECK_MEM(bytes, size, big, sizeof big);
            gofer_info_free(end);
        }
    put(b, "q", "set aside");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "set aside"));
    if (CHECK_OK(gf_wait_end(b, "q", "set aside", 0, &end))) {
        CHECK_STR(gofer_info_text(end, "outcome"), "cancelled");
        gofer_info_free(end);
    }
    store_close(b);
    store_check_sound();
}

static void a_wait_ends_without_an_end(void)
{
    gf_broker *b = store_open();
    gofer_info *end = NULL;
    CHECK_STATUS(gf_wait_end(b, "q", "none", 0, &end), GOFER_ENOTFOUND);
    CHECK_STATUS(gf_wait_end(b, "q", "none", 1000, &end), GOFER_ENOTFOUND);
    put(b, "q", "t");
    CHECK_STATUS(gf_wait_end(b, "q", "t", 0, &end), GOFER_ETIMEOUT);
    CHECK_STATUS(gf_wait_end(b, "q", "t", 50, &end), GOFER_ETIMEOUT);
    CHECK_STATUS(gf_wait_end(b, "r", "t", 50, &end), GOFER_ENOTFOUND);
    CHECK(end == NULL);
    // A retry is no end.
    CHECK_OK(finish(b, need_one(b, "q", "t"), (gf_finish){ .outcome = GF_RETRY_AT,
        .at_ms = gf_now_ms() + HOUR_MS, .error = "e" }));
    CHECK_STATUS(gf_wait_end(b, "q", "t", 50, &end), GOFER_ETIMEOUT);
    store_close(b);
    store_check_sound();
}

// Who waits in turns, to look after other things between them, misses no end.
static void an_end_between_two_waits_is_told(void)
{
    gf_broker *b = store_open();
    for (int round = 0; round < 3; round++) {
        waiter w = { .broker = b, .id = "t" };
        put(b, "q", "t");
        gf_claim *claim = need_one(b, "q", "t");
        CHECK_STATUS(gf_wait_end(b, "q", "t", 20, &w.end), GOFER_ETIMEOUT);
        if (round)                 // twice: the second turn is the first one's heir
            CHECK_STATUS(gf_wait_end(b, "q", "t", 20, &w.end), GOFER_ETIMEOUT);
        CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_DONE, .result = "res",
            .result_size = 3 }));
        w.status = gf_wait_end(b, "q", "t", round == 2 ? 0 : PATIENCE_MS, &w.end);
        check_end(&w, "done", "res", NULL);
    }
    store_close(b);
    store_check_sound();
}

enum { MANY = 6 };

static void many_wait(gf_broker *b, gf_broker *other)
{
    waiter all[MANY];
    bool late = true;
    for (int64_t pause_us = PAUSE_FIRST_US; late; pause_us *= 3) {
        put(b, "q", "one");
        put(b, "q", "two");
        gf_claim *one = need_one(b, "q", "one"), *two = need_one(b, "q", "two");
        for (int i = 0; i < MANY; i++)
            begin_wait(&all[i], i % 2 ? other : b, i < MANY / 2 ? "one" : "two");
        gf_sleep_us(pause_us);
        CHECK_OK(finish(b, two, (gf_finish){ .outcome = GF_DONE, .result = "2",
            .result_size = 1 }));
        CHECK_OK(finish(b, one, (gf_finish){ .outcome = GF_DONE, .result = "1",
            .result_size = 1 }));
        late = false;
        for (int i = 0; i < MANY; i++)
            late |= came_too_late(&all[i], pause_us);
        for (int i = 0; i < MANY && late; i++)
            gofer_info_free(all[i].end);
    }
    for (int i = 0; i < MANY; i++)
        check_end(&all[i], "done", i < MANY / 2 ? "1" : "2", NULL);
}

static void many_may_wait_for_one_and_one_for_many(void)
{
    gf_broker *b = store_open();
    gf_broker *other = store_is_shared() ? store_again() : b;
    many_wait(b, other);
    if (other != b)
        store_close(other);
    store_close(b);
    store_check_sound();
}

static void an_id_may_be_used_and_awaited_again(void)
{
    gf_broker *b = store_open();
    static const char *const results[] = { "a", "b", "c" };
    for (size_t i = 0; i < COUNT(results); i++)
        await(b, "t", 0, &(ending){ { .outcome = GF_DONE, .result = results[i], .result_size = 1 },
            .outcome = "done", .result = results[i] });
    store_close(b);
    store_check_sound();
}

// Who waited for a task and was gone when it ended leaves its end behind, for the next who asks:
// but not for who asks for another task of that id.
static void an_end_is_not_told_of_a_later_task(void)
{
    gf_broker *b = store_open();
    for (int waits = 0; waits < 2; waits++) {
        gofer_info *end = NULL;
        put(b, "q", "t");
        gf_claim *claim = need_one(b, "q", "t");
        CHECK_STATUS(gf_wait_end(b, "q", "t", 20, &end), GOFER_ETIMEOUT);
        CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_DONE, .result = "first",
            .result_size = 5 }));
        put(b, "q", "t");
        claim = need_one(b, "q", "t");
        if (waits)
            CHECK_STATUS(gf_wait_end(b, "q", "t", 20, &end), GOFER_ETIMEOUT);
        CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_DONE, .result = "second",
            .result_size = 6 }));
        gofer_status st = gf_wait_end(b, "q", "t", PATIENCE_MS, &end);
        size_t size = 0;
        const char *result = st == GOFER_OK ? gofer_info_bytes(end, "result", &size) : NULL;
        CHECK(!result || (size == 6 && memcmp(result, "second", 6) == 0));
        CHECK(result || !waits || getenv("GOFER_TEST_FAILOVER"));      // this time somebody had
                                                                       //   waited for it
        gofer_info_free(end);
    }
    store_close(b);
    store_check_sound();
}

// ---- interrupting -------------------------------------------------------------------------------

typedef struct interrupted {
    gf_broker   *broker;
    gf_listener *listener;         // NULL: waits for the end of a task
    gofer_status status;
    atomic_bool  over;
} interrupted;

static void *wait_for_ever(void *arg)
{
    interrupted *w = arg;
    gofer_info *end = NULL;
    char *record = NULL;
    int64_t lost = 0;
    w->status = w->listener ? w->broker->ops->live->listener_next(w->listener, -1, &record, &lost)
                            : gf_wait_end(w->broker, "q", "t", -1, &end);
    atomic_store(&w->over, true);
    return NULL;
}

// As gofer_client_interrupt does, again and again: it does not reach who is only about to wait.
static void interrupt_until_over(interrupted *w)
{
    int64_t end_ms = gf_mono_ms() + PATIENCE_MS;
    while (!atomic_load(&w->over) && gf_mono_ms() < end_ms) {
        atomic_fetch_add(&w->broker->interrupts, 1);
        if (w->broker->ops->live->interrupt)
            w->broker->ops->live->interrupt(w->broker);
        gf_sleep_us(20000);
    }
    CHECK(atomic_load(&w->over));
}

static void who_waits_for_ever_can_be_interrupted(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    gf_listener *l = NULL;
    REQUIRE_OK(b->ops->live->listener_open(b, false, &l));
    interrupted waits[] = { { .broker = b }, { .broker = b, .listener = l } };
    pthread_t threads[COUNT(waits)];
    for (size_t i = 0; i < COUNT(waits); i++)
        REQUIRE(pthread_create(&threads[i], NULL, wait_for_ever, &waits[i]) == 0);
    for (size_t i = 0; i < COUNT(waits); i++) {
        interrupt_until_over(&waits[i]);
        pthread_join(threads[i], NULL);
        CHECK_STATUS(waits[i].status, GOFER_ETIMEOUT);
    }
    b->ops->live->listener_close(l);
    // The next waits as ever.
    await(b, "t", 0, &(ending){ { .outcome = GF_DONE, .result = "x", .result_size = 1 },
        .outcome = "done", .result = "x" });
    store_close(b);
}

suite suite_wait(void)
{
    static const check_test tests[] = {
        TEST(who_waits_is_told_how_it_ended),
        TEST(acts_on_a_waiting_task_are_ends),
        TEST(a_crash_over_the_limit_is_an_end),
        TEST(being_made_one_is_an_end),
        TEST(what_is_kept_needs_no_wait),
        TEST(a_wait_ends_without_an_end),
        TEST(many_may_wait_for_one_and_one_for_many),
        TEST(an_id_may_be_used_and_awaited_again),
        TEST(an_end_is_not_told_of_a_later_task),
        TEST(an_end_between_two_waits_is_told),
        TEST(who_waits_for_ever_can_be_interrupted),
    };
    return (suite){ tests, COUNT(tests) };
}
