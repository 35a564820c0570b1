// redis_clock_test.c - clients and workers whose clocks are minutes off, on a Redis: delays,
// retries, snoozes, deadlines and expiries go by the store's clock. Run by tests/redis/servers.py.
#include "gofer/gofer.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../conformance/fixture.h"
#include "../conformance/raw.h"
#include "broker/redis/store.h"
#include "client/client.h"
#include "util/clock.h"

enum { MINUTES = 60 * 1000, AHEAD = 10 * MINUTES, WAIT_MS = 60 * 1000, SLOW_S = 40 };

// ---- a clock that is off ------------------------------------------------------------------------

static _Atomic int64_t skew_ms;

// In the place of the system's, for the whole program.
int clock_gettime(clockid_t id, struct timespec *t)
{
    int got = (int)syscall(SYS_clock_gettime, id, t);
    if (id == CLOCK_REALTIME)
        t->tv_sec += skew_ms / 1000;
    return got;
}

static const int64_t skews[] = { -AHEAD, 0, AHEAD };

static int64_t server_s(void)
{
    return raw_int("TIME");
}

static gofer_client *client_open(void)
{
    gofer_client *client = NULL;
    REQUIRE_OK(gofer_client_open(&client, store_url(), NULL));
    return client;
}

// `want_s` from now on by the server's clock: never early, and late by no more than a
// slow machine makes it.
static void check_ahead(const char *what, int64_t score, int64_t before_s, int64_t want_s)
{
    if (!CHECK(score >= before_s + want_s && score <= server_s() + want_s + 1 + SLOW_S))
        printf("    %s: %lld s from now, skew %lld s\n", what, (long long)(score - before_s),
            (long long)skew_ms / 1000);
}

// ---- enqueuing ----------------------------------------------------------------------------------

static void a_delay_is_from_the_stores_now(void)
{
    for (size_t i = 0; i < COUNT(skews); i++) {
        gf_broker *b = store_open();
        skew_ms = skews[i];
        gofer_client *client = client_open();
        gofer_enqueue_options o;
        gofer_enqueue_options_init(&o);
        o.queue = "q";
        o.task_id = "in";
        o.delay_ms = 60000;
        o.unique_ms = 60000;
        int64_t before_s = server_s();
        CHECK_OK(gofer_client_enqueue(client, "t", "1", 1, &o, NULL));
        check_ahead("delay", raw_int("ZSCORE asynq:{q}:scheduled in"), before_s, 60);
        int64_t ttl = raw_int("TTL %s", raw_text("KEYS asynq:{q}:unique:*"));
        CHECK(ttl > 120 - SLOW_S && ttl <= 122);
        before_s = server_s();
        CHECK_OK(gofer_client_task_delay(client, "q", "in", 180000));
        check_ahead("task delay", raw_int("ZSCORE asynq:{q}:scheduled in"), before_s, 180);
        CHECK_OK(gofer_client_task_delay(client, "q", "in", 0));
        CHECK_INT(raw_int("LLEN asynq:{q}:pending"), 1);
        gofer_client_close(client);
        skew_ms = 0;
        store_close(b);
    }
}

// An absolute time is the store's: a client ahead of it does not start the task early, one behind
// does not take a time that is over for one to come.
static void a_time_is_the_stores_time(void)
{
    for (size_t i = 0; i < COUNT(skews); i++) {
        gf_broker *b = store_open();
        skew_ms = skews[i];
        int64_t at_s = server_s() + 300;
        gf_message later = message("q", "later"), past = message("q", "past"),
                   retried = message("q", "edited");
        CHECK_OK(put_message(b, &later, at_s * 1000));
        CHECK_OK(put_message(b, &past, (at_s - 600) * 1000));
        CHECK_INT(raw_int("ZSCORE asynq:{q}:scheduled later"), at_s);
        CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "past");
        CHECK_OK(put_message(b, &retried, (at_s + 1) * 1000));
        CHECK_OK(b->ops->act->task_edit(b, "q", "edited", NULL, 0, at_s * 1000));
        CHECK_INT(raw_int("ZSCORE asynq:{q}:scheduled edited"), at_s);
        CHECK_OK(b->ops->act->task_edit(b, "q", "edited", NULL, 0, (at_s - 600) * 1000));
        CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "edited past");
        skew_ms = 0;
        store_close(b);
    }
}

// ---- a worker -----------------------------------------------------------------------------------

static _Atomic int ran, expired_ran, cut;

static int32_t handler(gofer_task *task, void *user)
{
    const char *id = gofer_task_id(task);
    (void)user;
    ran++;
    if (strcmp(id, "retry") == 0)
        return gofer_task_retry_in(task, 120000, "again");
    if (strcmp(id, "snooze") == 0)
        return gofer_task_snooze(task, 120000, "later");
    if (strcmp(id, "expired") == 0)
        expired_ran++;
    if (strcmp(id, "deadline") == 0) {
        int64_t end_ms = gf_mono_ms() + WAIT_MS;
        while (!gofer_task_cancelled(task) && gf_mono_ms() < end_ms)
            gf_sleep_us(1000);
        cut += gofer_task_cancelled(task) != 0;
    }
    return GOFER_DONE;
}

static bool waited_for(const char *command, int64_t want)
{
    int64_t end_ms = gf_mono_ms() + WAIT_MS;
    while (raw_int("%s", command) != want && gf_mono_ms() < end_ms)
        gf_sleep_us(5000);
    return CHECK_INT(raw_int("%s", command), want);
}

static void enqueue(gofer_client *client, const char *id, int64_t deadline_ms, int64_t expires_ms)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = "q";
    o.task_id = id;
    o.deadline_ms = deadline_ms;
    o.expires_ms = expires_ms;
    CHECK_OK(gofer_client_enqueue(client, "t", NULL, 0, &o, NULL));
}

// Ten minutes behind, a retry in two minutes would be due eight minutes ago: again and again, at
// once. Ten minutes ahead, a deadline in one minute would be over, and a task that
// expires in one would have.
static void a_worker_goes_by_the_stores_clock(void)
{
    for (size_t i = 0; i < COUNT(skews); i++) {
        gf_broker *b = store_open();
        gofer_worker *worker = NULL;
        ran = expired_ran = cut = 0;
        gofer_client *client = client_open();                    // whose clock is right
        enqueue(client, "fresh", 0, 300000);
        enqueue(client, "retry", 0, 0);
        enqueue(client, "snooze", 0, 0);
        enqueue(client, "deadline", (server_s() + 4) * 1000, 0);
        skew_ms = skews[i];                                      // and is set wrong now
        enqueue(client, "expired", 0, 300000);
        gofer_client *its = client_open();
        REQUIRE_OK(gofer_worker_new(&worker, its));
        CHECK_OK(gofer_worker_set(worker, "concurrency", "4"));
        CHECK_OK(gofer_worker_queue(worker, "q", 1));
        CHECK_OK(gofer_worker_handle(worker, "t", handler, NULL, NULL));
        int64_t before_s = server_s();
        REQUIRE_OK(gofer_worker_start(worker));
        waited_for("ZCARD asynq:{q}:retry", 2);
        waited_for("LLEN asynq:{q}:active", 0);
        check_ahead("retry", raw_int("ZSCORE asynq:{q}:retry retry"), before_s, 120);
        check_ahead("snooze", raw_int("ZSCORE asynq:{q}:retry snooze"), before_s, 120);
        CHECK_INT(ran, 5);
        CHECK_INT(expired_ran, 1);
        CHECK_INT(cut, 1);
        gofer_worker_free(worker);
        gofer_client_close(its);
        gofer_client_close(client);
        skew_ms = 0;
        store_close(b);
    }
}

// ---- what a round trip tells --------------------------------------------------------------------

static void the_difference_stays_within_what_is_known(void)
{
    static const struct { int64_t sent, heard, server, want; } cases[] = {
        { 1000, 1010, 1005, 0 },           // it agrees: nothing changes
        { 2000, 2010, 602005, 599995 },    // far ahead: as little as must be
        { 3000, 9000, 604000, 599995 },    // a slow answer says little
        { 4000, 4002, 604000, 599998 },    // a quick one more
        { 5000, 5001, 4000, -999 },        // set back
        { 5000, 4000, 9000, -999 },        // ours was set meanwhile
        { 5000, 5001, 0, -999 },           // no time
    };
    gf_rd_store s = { 0 };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_rd_clock_note(&s, cases[i].sent, cases[i].heard, cases[i].server);
        CHECK_INT(atomic_load(&s.clock_ahead_ms), cases[i].want);
    }
}

static const check_test tests[] = {
    TEST(a_delay_is_from_the_stores_now),
    TEST(a_time_is_the_stores_time),
    TEST(a_worker_goes_by_the_stores_clock),
    TEST(the_difference_stays_within_what_is_known),
};

int main(int argc, char **argv)
{
    return raw_main(argc, argv, tests, COUNT(tests));
}
