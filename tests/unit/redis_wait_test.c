// redis_wait_test.c - on a Redis: waiting for work, told by whoever puts it there.
#include <pthread.h>

#include "redis_stage.h"

static gf_waiter *open_waiter(const char *const *queues, size_t count)
{
    gf_waiter *w = NULL;
    REQUIRE_OK(b->ops->tasks->waiter_open(b, queues, count, &w));
    return w;
}

// What a worker does that finds nothing: one arming for each wait.
static gofer_status wait_in_vain(gf_waiter *w, int64_t timeout_ms)
{
    b->ops->tasks->waiter_arm(w);
    return b->ops->tasks->waiter_wait(w, timeout_ms * 1000);
}

typedef struct later {
    gf_waiter *waiter;
    pthread_t  thread;
    gofer_status status;
    _Atomic int  over;
} later;

static void *wait_in_thread(void *arg)
{
    later *l = arg;
    l->status = wait_in_vain(l->waiter, PATIENCE_MS);
    l->over = 1;
    return NULL;
}

// A thread that waits, and waits already: its commands are blocked at the server.
static void begin_waiting(later *l, gf_waiter *w, int64_t blocked)
{
    *l = (later){ .waiter = w };
    REQUIRE(pthread_create(&l->thread, NULL, wait_in_thread, l) == 0);
    if (!is_cluster())
        WAIT_FOR(info_number("clients", "blocked_clients") >= blocked);
}

static gofer_status end_waiting(later *l)
{
    pthread_join(l->thread, NULL);
    return l->status;
}

static const char *const q[] = { "q" };

static void a_push_by_anybody_wakes(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    later l;
    begin_waiting(&l, w, 1);
    CHECK(!l.over);
    raw_everywhere("CONFIG RESETSTAT");
    raw_run("LPUSH asynq:{q}:pending one");
    CHECK_STATUS(end_waiting(&l), GOFER_OK);
    // Told by the command that blocked, not by asking.
    CHECK_INT(calls_of("llen"), 0);
    CHECK(calls_of("blmove") <= 1);
    CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "one");
    b->ops->tasks->waiter_close(w);
    tear_down();
}

static void what_is_there_is_told_and_not_moved(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    raw_run("LPUSH asynq:{q}:pending one two three");
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "three two one");
    b->ops->tasks->waiter_close(w);
    CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "three two one");
    tear_down();
}

static void every_waiter_is_woken(void)
{
    enum { WAITERS = 5 };
    set_up();
    gf_waiter *w[WAITERS];
    later l[WAITERS];
    for (size_t i = 0; i < WAITERS; i++) {
        w[i] = open_waiter(q, 1);
        begin_waiting(&l[i], w[i], (int64_t)i + 1);
    }
    raw_run("LPUSH asynq:{q}:pending one");
    for (size_t i = 0; i < WAITERS; i++) {
        CHECK_STATUS(end_waiting(&l[i]), GOFER_OK);
        b->ops->tasks->waiter_close(w[i]);
    }
    CHECK_INT(raw_int("LLEN asynq:{q}:pending"), 1);
    tear_down();
}

static void idle_costs_next_to_nothing(void)
{
    set_up();
    if (is_cluster())
        OMIT("commands are counted on one server");
    gf_waiter *w = open_waiter(q, 1);
    CHECK_STATUS(wait_in_vain(w, 0), GOFER_ETIMEOUT);    // the line is open now
    raw_everywhere("CONFIG RESETSTAT");
    for (int i = 0; i < 30; i++)
        CHECK_STATUS(wait_in_vain(w, 100), GOFER_ETIMEOUT);
    // One that blocks for five seconds may end in these three: more only if it was slow here.
    CHECK(calls_of("blmove") <= 2);
    CHECK_INT(calls_of("exists") + calls_of("llen"), 0);
    b->ops->tasks->waiter_close(w);
    tear_down();
}

// Waits in vain until the time is over; how often it was woken.
static int wakes_within(gf_waiter *w, int64_t ms)
{
    int wakes = 0;
    for (int64_t end_ms = gf_mono_ms() + ms, left; (left = end_ms - gf_mono_ms()) > 0;)
        wakes += wait_in_vain(w, left) == GOFER_OK;
    return wakes;
}

static void a_paused_queue_is_looked_at_now_and_then(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    raw_run("SET asynq:{q}:paused 1");
    raw_run("LPUSH asynq:{q}:pending one");
    raw_everywhere("CONFIG RESETSTAT");
    CHECK(wakes_within(w, 3000) <= 2);
    if (!is_cluster())
        CHECK(calls_of("blmove") + calls_of("exists") + calls_of("llen") <= 3 * 5);
    raw_run("DEL asynq:{q}:paused");
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    b->ops->tasks->waiter_close(w);
    tear_down();
}

// Pending, not paused, and yet nothing for this worker: it must not spin.
static void wakes_in_vain_become_rare(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    raw_run("LPUSH asynq:{q}:pending one");
    wakes_within(w, 1000);
    CHECK(wakes_within(w, 2000) <= 60);
    // A wake that brought a task, for which the worker arms again, ends the back-off.
    b->ops->tasks->waiter_arm(w);
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    b->ops->tasks->waiter_close(w);
    tear_down();
}

static void wake_ends_a_wait_and_the_next(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    b->ops->tasks->waiter_wake(w);
    b->ops->tasks->waiter_wake(w);
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    CHECK_STATUS(wait_in_vain(w, 20), GOFER_ETIMEOUT);
    later l;
    begin_waiting(&l, w, 1);
    b->ops->tasks->waiter_wake(w);
    CHECK_STATUS(end_waiting(&l), GOFER_OK);
    b->ops->tasks->waiter_close(w);
    w = open_waiter(NULL, 0);            // watches nothing, but must be woken
    CHECK_STATUS(wait_in_vain(w, 20), GOFER_ETIMEOUT);
    b->ops->tasks->waiter_wake(w);
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    b->ops->tasks->waiter_close(w);
    tear_down();
}

static void many_queues_are_watched(void)
{
    static const char *const names[] = { "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9",
        "q10", "q11" };
    set_up();
    gf_waiter *w = open_waiter(names, COUNT(names));
    for (size_t i = 0; i < COUNT(names); i++) {
        later l;
        begin_waiting(&l, w, 8);
        raw_run("LPUSH asynq:{%s}:pending one", names[i]);
        CHECK_STATUS(end_waiting(&l), GOFER_OK);
        raw_run("RPOP asynq:{%s}:pending", names[i]);
    }
    if (!is_cluster()) {
        wakes_within(w, 1500);           // polling slows down
        raw_everywhere("CONFIG RESETSTAT");
        CHECK_INT(wakes_within(w, 2000), 0);
        CHECK(calls_of("llen") <= 4 * 2 * 6);
        CHECK(calls_of("blmove") <= 2 * 8);
    }
    b->ops->tasks->waiter_close(w);
    tear_down();
}

static void a_broken_line_is_opened_again(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    later l;
    begin_waiting(&l, w, 1);
    raw_everywhere("CLIENT KILL TYPE normal SKIPME yes");
    if (!is_cluster())
        WAIT_FOR(info_number("clients", "blocked_clients") >= 1);
    CHECK(!l.over || l.status == GOFER_OK);
    raw_run("LPUSH asynq:{q}:pending one");
    CHECK_STATUS(end_waiting(&l), GOFER_OK);
    b->ops->tasks->waiter_close(w);
    tear_down();
}

static void full_memory_means_polling(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    raw_everywhere("CONFIG SET maxmemory 1");
    raw_everywhere("CONFIG RESETSTAT");
    CHECK_INT(wakes_within(w, 1500), 0);
    if (!is_cluster()) {
        CHECK(calls_of("llen") > 0);
        CHECK(calls_of("llen") <= 60);
    }
    raw_everywhere("CONFIG SET maxmemory 0");
    raw_run("LPUSH asynq:{q}:pending one");
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    b->ops->tasks->waiter_close(w);
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_push_by_anybody_wakes),
        TEST(what_is_there_is_told_and_not_moved),
        TEST(every_waiter_is_woken),
        TEST(idle_costs_next_to_nothing),
        TEST(a_paused_queue_is_looked_at_now_and_then),
        TEST(wakes_in_vain_become_rare),
        TEST(wake_ends_a_wait_and_the_next),
        TEST(many_queues_are_watched),
        TEST(a_broken_line_is_opened_again),
        TEST(full_memory_means_polling),
    };
    return stage_main(argc, argv, tests, COUNT(tests));
}
