// web_series_test.c - the last hour of queues in steps, figures by the hour and the minute that are
// kept, and whether it is worth while to look again.
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "broker/broker.h"
#include "check.h"
#include "client/client.h"
#include "clock.h"
#include "load.h"
#include "recent.h"
#include "steps.h"

enum { STEP_MS = 20, PATIENCE_MS = 300000 };

// The clock on the wall, which somebody may set: found here before the C library's.
static _Atomic int64_t ahead_s;
// So much later it is, by the clock that only goes on.
static _Atomic int64_t later_ms;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME)
        now->tv_sec += (time_t)atomic_load(&ahead_s);
    if (!failed && clock == CLOCK_MONOTONIC)
        now->tv_sec += (time_t)(atomic_load(&later_ms) / 1000);
    return failed;
}

static gofer_client *open_store(void)
{
    gofer_client *client = NULL;
    REQUIRE_OK(gofer_client_open(&client, "memory:", NULL));
    return client;
}

// One at a time.
static web_roster *roster;
static web_totals *totals;

static web_recent *watch(gofer_client *client, int64_t step_ms)
{
    REQUIRE((roster = web_roster_new(client)) != NULL);
    REQUIRE((totals = web_totals_new(client)) != NULL);
    return web_recent_new(roster, totals, step_ms);
}

static void unwatch(web_recent *recent)
{
    web_recent_free(recent);
    web_totals_free(totals);
    web_roster_free(roster);
}

static void enqueue(gofer_client *client, const char *queue, const char *id)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = queue;
    o.task_id = id;
    REQUIRE_OK(gofer_client_enqueue(client, "t", "x", 1, &o, NULL));
}

// Of the steps that are told: how many, and the sum of one number.
typedef struct told {
    bool    known;
    size_t  count;
    int64_t sum, last;
} told;

static told tell(web_recent *recent, const char *queue, const char *member)
{
    web_text out = { 0 };
    told t = { 0 };
    char label[32];
    web_recent_put(recent, queue, &out);
    snprintf(label, sizeof label, "\"%s\":", member);
    t.known = strncmp(out.at, "\"since_ms\":null", 15) != 0;
    for (const char *at = strstr(out.at, "\"items\":"); (at = strstr(at, label)); t.count++) {
        at += strlen(label);
        t.last = strtoll(at, NULL, 10);
        t.sum += t.last;
    }
    web_text_free(&out);
    return t;
}

// Until the sum is what is wanted.
static told await(web_recent *recent, const char *queue, const char *member, int64_t want)
{
    int64_t end = web_ms(CLOCK_MONOTONIC) + PATIENCE_MS;
    told t;
    while ((t = tell(recent, queue, member)).sum != want && web_ms(CLOCK_MONOTONIC) < end)
        nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
    CHECK_INT(t.sum, want);
    return t;
}

static void await_steps(web_recent *recent, const char *queue, size_t count)
{
    int64_t end = web_ms(CLOCK_MONOTONIC) + PATIENCE_MS;
    while (tell(recent, queue, "ms").count < count && web_ms(CLOCK_MONOTONIC) < end)
        nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
    CHECK(tell(recent, queue, "ms").count >= count);
}

static void run_one(gofer_client *client, int32_t outcome)
{
    gofer_worker *worker = NULL;
    gofer_task *task;
    size_t count;
    REQUIRE_OK(gofer_worker_new(&worker, client));
    CHECK_OK(gofer_worker_set(worker, "pull", "1"));
    CHECK_OK(gofer_worker_queue(worker, "a", 1));
    CHECK_OK(gofer_worker_start(worker));
    if (CHECK_OK(gofer_worker_take(worker, &task, 1, PATIENCE_MS, &count)))
        CHECK_OK(gofer_worker_finish(worker, &task, &outcome, 1));
    gofer_worker_stop(worker);
    CHECK_OK(gofer_worker_wait(worker, -1));
    gofer_worker_free(worker);
}

static void what_comes_and_goes_is_counted_once(void)
{
    gofer_client *client = open_store();
    enqueue(client, "a", "early");
    web_recent *recent = watch(client, STEP_MS);
    REQUIRE(recent != NULL);
    CHECK(!tell(recent, NULL, "arrived").known);
    await_steps(recent, "a", 1);
    CHECK_INT(tell(recent, "a", "arrived").sum, 0);     // it was there before
    CHECK_INT(tell(recent, "a", "pending").last, 1);
    enqueue(client, "a", "1");
    enqueue(client, "a", "2");
    (void)await(recent, "a", "arrived", 2);
    (void)await(recent, NULL, "arrived", 2);
    CHECK_OK(gofer_client_task_archive(client, "a", "1"));
    run_one(client, GOFER_DONE);
    run_one(client, GOFER_SKIP_RETRY);
    (void)await(recent, "a", "done", 1);
    (void)await(recent, "a", "failed", 1);
    CHECK_INT(tell(recent, "a", "arrived").sum, 2);     // what is set aside has not come again
    CHECK_OK(gofer_client_task_run(client, "a", "1"));
    CHECK_OK(gofer_client_task_delete(client, "a", "1"));
    CHECK_INT(tell(recent, NULL, "arrived").sum, 2);
    CHECK(!tell(recent, "none", "ms").known);
    unwatch(recent);
    gofer_client_close(client);
}

static void queues_that_are_gone_make_room(void)
{
    gofer_client *client = open_store();
    char name[16];
    for (int i = 0; i < RECENT_QUEUES + 1; i++) {
        snprintf(name, sizeof name, "q%04d", i);
        REQUIRE_OK(gofer_client_queue_pause(client, name));
    }
    web_recent *recent = watch(client, STEP_MS);
    REQUIRE(recent != NULL);
    await_steps(recent, "q0000", 2);
    CHECK_INT(tell(recent, "q1000", "ms").count, 0);    // the thousand and first
    CHECK_OK(gofer_client_queue_delete(client, "q0500", 0));
    await_steps(recent, "q1000", 1);
    CHECK_INT(tell(recent, "q0500", "ms").count, 0);
    CHECK(tell(recent, "q0000", "ms").count >= 3);      // and these have lost nothing
    enqueue(client, "a", "1");                          // before all others: the last has no place
    (void)await(recent, NULL, "arrived", 1);
    await_steps(recent, "a", 1);
    CHECK_INT(tell(recent, "q1000", "ms").count, 0);
    unwatch(recent);
    gofer_client_close(client);
}

static void no_more_than_an_hour_is_kept(void)
{
    gofer_client *client = open_store();
    enqueue(client, "a", "1");
    web_recent *recent = watch(client, 1);
    REQUIRE(recent != NULL);
    await_steps(recent, "a", RECENT_STEPS);
    enqueue(client, "a", "2");
    (void)await(recent, "a", "arrived", 1);
    (void)await(recent, "a", "arrived", 0);             // its step has gone
    CHECK_INT(tell(recent, "a", "ms").count, RECENT_STEPS);
    CHECK_INT(tell(recent, NULL, "ms").count, RECENT_STEPS);
    unwatch(recent);
    gofer_client_close(client);
}

static void steps_begin_anew_when_the_clock_is_set(void)
{
    static const int64_t day_s = 86400, by[] = { 86400, -86400, -20000 * 86400 };
    gofer_client *client = open_store();
    enqueue(client, "a", "1");
    web_recent *recent = watch(client, STEP_MS);
    REQUIRE(recent != NULL);
    for (size_t i = 0; i < COUNT(by); i++) {
        int64_t end = web_ms(CLOCK_MONOTONIC) + PATIENCE_MS, gone_ms, at_ms;
        await_steps(recent, "a", 3);
        atomic_fetch_add(&ahead_s, by[i]);
        do {        // until the steps are of the new time
            nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
            at_ms = tell(recent, "a", "at_ms").last;
            gone_ms = web_ms(CLOCK_REALTIME) - at_ms;
        } while ((at_ms == 0 || gone_ms < -day_s * 500 || gone_ms > day_s * 500)
            && web_ms(CLOCK_MONOTONIC) < end);
        CHECK(gone_ms >= 0 && gone_ms < PATIENCE_MS);
        int64_t whole_ms = tell(recent, "a", "ms").sum;
        CHECK(whole_ms >= 0 && whole_ms < PATIENCE_MS);
    }
    atomic_store(&ahead_s, 0);
    unwatch(recent);
    gofer_client_close(client);
}

static void steps_are_those_of_the_store(void)
{
    gofer_client *client = open_store();
    web_steps *steps = web_steps_new(client);
    REQUIRE(steps != NULL);
    static const char *const names[] = { NULL, "a", "b" };
    static const struct { int64_t step_ms; size_t count; } cases[] = {
        { WEB_HOUR_MS, 1 }, { WEB_HOUR_MS, 24 }, { WEB_MINUTE_MS, 3 },
        { WEB_HOUR_MS, WEB_HOURS_MAX },
        { WEB_MINUTE_MS, WEB_MINUTES_MAX }, { WEB_HOUR_MS, 2 }, { WEB_MINUTE_MS, 1 },
    };
    for (size_t i = 0; i < COUNT(names); i++)
        for (size_t k = 0; k < COUNT(cases); k++) {
            web_steps_query q = { names[i], NULL, cases[k].step_ms, cases[k].count, 0 };
            web_text out = { 0 };
            size_t rows = 0;
            int64_t now_ms = web_ms(CLOCK_REALTIME), at_ms = 0;
            CHECK_OK(web_steps_put(steps, &q, &out));
            for (const char *at = out.at; (at = strstr(at, "\"at_ms\":")); at++, rows++)
                at_ms = strtoll(at + strlen("\"at_ms\":"), NULL, 10);
            CHECK_INT(rows, q.count);
            CHECK_INT(at_ms % q.step_ms, 0);
            CHECK(at_ms > now_ms - q.step_ms);
            web_text_free(&out);
        }
    for (int i = 0; i < 3 * WEB_STEPS_KEPT; i++) {      // more than are kept
        char name[16];
        web_text out = { 0 };
        snprintf(name, sizeof name, "q%d", i);
        web_steps_query q = { name, i % 2 ? "t" : NULL, WEB_HOUR_MS, 2, 0 };
        CHECK_OK(web_steps_put(steps, &q, &out));
        web_text_free(&out);
    }
    web_text none = { 0 };
    web_steps_query wrong = { "{", NULL, WEB_HOUR_MS, 2, 0 };
    CHECK_STATUS(web_steps_put(steps, &wrong, &none), GOFER_EINVAL);
    CHECK(none.at == NULL);
    web_steps_free(steps);
    gofer_client_close(client);
}

// "done" of all the steps that are told.
static int64_t done_in(web_steps *steps, int64_t quiet_ms)
{
    web_steps_query q = { NULL, NULL, WEB_HOUR_MS, 2, quiet_ms };
    web_text out = { 0 };
    int64_t sum = 0;
    CHECK_OK(web_steps_put(steps, &q, &out));
    for (const char *at = out.at; (at = strstr(at, "\"done\":"));)
        sum += strtoll(at += strlen("\"done\":"), NULL, 10);
    web_text_free(&out);
    return sum;
}

// A minute passes, in which the store was told of one more.
static void one_is_done(gofer_client *client)
{
    gf_type_stats one = { .queue = "a", .type = "t", .done = 1 };
    enqueue(client, "a", NULL);
    CHECK_OK(client->broker->ops->inspect->stats_add(client->broker, &one, 1));
    atomic_fetch_add(&later_ms, 60000);
}

static void steps_are_not_asked_for_while_nothing_happens(void)
{
    gofer_client *client = open_store();
    web_steps *steps = web_steps_new(client);
    REQUIRE(steps != NULL);
    int64_t long_ago_ms = web_ms(CLOCK_MONOTONIC) - 60000;
    CHECK_INT(done_in(steps, long_ago_ms), 0);
    one_is_done(client);                                    // which would have been heard
    CHECK_INT(done_in(steps, long_ago_ms), 0);
    CHECK_INT(done_in(steps, 0), 1);                        // not all is heard
    one_is_done(client);
    CHECK_INT(done_in(steps, web_ms(CLOCK_MONOTONIC) - 60000), 2);     // it may not have been
    atomic_store(&later_ms, 0);                                        //   handed in then
    web_steps_free(steps);
    gofer_client_close(client);
}

static void what_a_server_says_tells_of_changes(void)
{
    static const char before[] = "# Stats\r\ntotal_commands_processed:1000\r\n# Keyspace\r\n"
        "db0:keys=12,expires=2,avg_ttl=0\r\ndb3:keys=5\r\n";
    static const struct { const char *text; bool changed; } cases[] = {
        { before, false },
        { "# Stats\r\ntotal_commands_processed:1000\r\n# Keyspace\r\ndb0:keys=13,expires=3\r\n"
          "db3:keys=5\r\n", false },                        // somebody listens
        { "# Stats\r\ntotal_commands_processed:1000\r\n# Keyspace\r\ndb0:keys=13,expires=2\r\n"
          "db3:keys=5\r\n", true },
        { "# Stats\r\ntotal_commands_processed:1000\r\n# Keyspace\r\n", true },
        { "# Stats\r\ntotal_commands_processed:1001\r\n", true },
        { "# Stats\r\ntotal_commands_processed:999\r\n# Keyspace\r\ndb0:keys=15\r\n", true },
        { "# Stats\r\ntotal_commands_processed:8999\r\n# Keyspace\r\ndb0:keys=15\r\n", false },
        { "# Stats\r\ntotal_commands_processed:9000\r\n# Keyspace\r\ndb0:keys=15\r\n", true },
        { NULL, true },                                     // it costs nothing to look
    };
    const web_load then = web_load_read(before);
    CHECK_INT(then.commands, 1000);
    CHECK_INT(then.keys, 15);
    for (size_t i = 0; i < COUNT(cases); i++) {
        web_load now = web_load_read(cases[i].text);
        CHECK_INT(web_load_has_changed(&then, &now, 100), cases[i].changed);
    }
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(what_comes_and_goes_is_counted_once), TEST(queues_that_are_gone_make_room),
        TEST(no_more_than_an_hour_is_kept), TEST(steps_begin_anew_when_the_clock_is_set),
        TEST(steps_are_those_of_the_store), TEST(steps_are_not_asked_for_while_nothing_happens),
        TEST(what_a_server_says_tells_of_changes),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
