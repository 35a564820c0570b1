// upkeep.c - leases, recovery, schedules, retention, waiting and waking, workers.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

// Housekeeping is asked again until it has something to tell, or patience ends.
static gf_recovered recover_until(gf_broker *b, size_t want, int32_t crash_limit)
{
    gf_recovered all = { 0 }, some = { 0 };
    for (int64_t end = gf_mono_ms() + PATIENCE_MS;
         all.requeued + all.archived < want && gf_mono_ms() < end; gf_sleep_us(500)) {
        CHECK_OK(b->ops->upkeep->recover(b, 10, crash_limit, &some));
        all.requeued += some.requeued;
        all.archived += some.archived;
    }
    return all;
}

// What forward says of the next task that is due (GF_NONE_DUE: there is none). Where others may
// schedule without our knowing it says to look again soon.
static void check_next(int64_t next_ms, int64_t due_ms)
{
    if (!store_is_redis()) {
        CHECK_INT(next_ms, due_ms);
        return;
    }
    CHECK(next_ms > 0 && next_ms <= gf_now_ms() + 2000);
}

// ---- schedules ------------------------------------------------------------------------

static void a_scheduled_task_waits_for_its_time(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "t");
    int64_t at = gf_now_ms() + 3600000, next_ms = -1;
    size_t moved = 9;
    CHECK_OK(put_message(b, &m, at));
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s1 r0 c0 x0");
    CHECK_INT(task_number(b, "q", "t", "next_run_at_ms"), store_up(at));
    CHECK_OK(b->ops->upkeep->forward(b, 10, &moved, &next_ms));
    CHECK_INT(moved, 0);
    check_next(next_ms, at);
    CHECK(take_one(b, "q") == NULL);
    store_close(b);
}

// A task in state retry whose time has come already, which a put cannot make.
static void put_overdue(gf_broker *b, const char *queue, const char *id, int64_t due_ms)
{
    put(b, queue, id);
    CHECK_OK(finish(b, need_one(b, queue, id), (gf_finish){ .outcome = GF_RETRY_AT, .at_ms = due_ms,
        .error = "e" }));
}

static void due_tasks_join_the_end_of_their_queue_in_order(void)
{
    gf_broker *b = store_open();
    int64_t far = gf_now_ms() + 3600000, next_ms = -1;
    size_t moved = 0;
    gf_message m = message("q", "far");
    put_overdue(b, "q", "later", 2 * store_granularity_ms());
    put_overdue(b, "q", "sooner", 1 * store_granularity_ms());
    CHECK_OK(put_message(b, &m, far));
    put(b, "q", "now");
    CHECK_OK(b->ops->upkeep->forward(b, 10, &moved, &next_ms));
    CHECK_INT(moved, 2);
    check_next(next_ms, far);
    put(b, "q", "after");
    put(b, "q", "later");                               // moved, but the same id still
    drain_expecting(b, "q", "now sooner later after");
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s1 r0 c0 x0");
    store_close(b);
}

static void a_scheduled_task_starts_after_its_time(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "t");
    int64_t at = gf_now_ms() + 50, next_ms;
    size_t moved;
    gf_claim *c = NULL;
    CHECK_OK(put_message(b, &m, at));
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; !c && gf_mono_ms() < end; gf_sleep_us(500)) {
        CHECK_OK(b->ops->upkeep->forward(b, 10, &moved, &next_ms));
        c = take_one(b, "q");
        CHECK(!c || gf_now_ms() >= at);
    }
    REQUIRE(c != NULL);
    done(b, c);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    store_close(b);
}

static void a_time_in_the_past_means_now(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "t");
    CHECK_OK(put_message(b, &m, gf_now_ms() - 1000));
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    store_close(b);
}

static void forward_keeps_to_its_limit(void)
{
    gf_broker *b = store_open();
    int64_t next_ms, due = 5 * store_granularity_ms();
    size_t moved;
    char id[16];
    for (int i = 0; i < 7; i++) {
        snprintf(id, sizeof id, "t%d", i);
        put_overdue(b, i % 2 ? "q" : "r", id, due);
    }
    CHECK_OK(b->ops->upkeep->forward(b, 5, &moved, &next_ms));
    CHECK_INT(moved, 5);
    check_next(next_ms, due);
    CHECK_OK(b->ops->upkeep->forward(b, 5, &moved, &next_ms));
    CHECK_INT(moved, 2);
    check_next(next_ms, GF_NONE_DUE);
    store_close(b);
}

// ---- leases -----------------------------------------------------------------------------

static void a_lease_that_runs_out_gives_the_task_back(void)
{
    gf_broker *b = store_open();
    gf_claim *claims[2];
    put(b, "q", "a");
    put(b, "q", "b");
    CHECK_INT(take_for(b, "w", "q", 2, 1, claims), 2);
    gf_recovered r = recover_until(b, 2, 3);
    CHECK_INT(r.requeued, 2);
    CHECK_INT(r.archived, 0);
    put(b, "q", "c");
    CHECK_INT(task_number(b, "q", "a", "crashes"), 0);  // b may have been the cause as well
    CHECK_INT(task_number(b, "q", "a", "suspect"), 1);
    CHECK_INT(task_number(b, "q", "a", "retried"), 0);  // a crash is no attempt
    CHECK_INT(queue_number(b, "q", "processed"), 0);
    CHECK_STATUS(finish(b, claims[0], (gf_finish){ .outcome = GF_DONE }), GOFER_ESTALE);
    gf_claim_free(claims[1]);
    drain_expecting(b, "q", "a b c");
    store_close(b);
}

static void a_valid_lease_is_left_alone(void)
{
    gf_broker *b = store_open();
    gf_recovered r = { .requeued = 9, .archived = 9 };
    put(b, "q", "a");
    gf_claim *c = need_one(b, "q", "a");
    CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK_INT(r.requeued + r.archived, 0);
    done(b, c);
    store_close(b);
}

static void an_extended_lease_holds(void)
{
    gf_broker *b = store_open();
    gf_claim *claims[2];
    gf_recovered r = { 0 };
    put(b, "q", "a");
    put(b, "q", "b");
    CHECK_INT(take_for(b, "w", "q", 2, 100, claims), 2);
    gf_lease lease = { .claim = claims[0], .status = GOFER_EHANDLER };
    CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
    if (lease.status == GOFER_OK)       // else this machine stood still for 100 ms
        CHECK(lease.lease_until_ms > gf_mono_ms());
    lease_ends("q", "b");
    r = recover_until(b, 1, 3);
    CHECK_INT(r.requeued, 1);
    CHECK_STR(queue_counts(b, "q"), "p1 a1 s0 r0 c0 x0");
    gf_lease leases[2] = { { .claim = claims[0] }, { .claim = claims[1] } };
    CHECK_OK(b->ops->tasks->extend(b, leases, 2, LEASE_MS));
    CHECK_INT(leases[0].status, GOFER_OK);
    CHECK_INT(leases[1].status, GOFER_ESTALE);
    CHECK_OK(b->ops->tasks->extend(b, NULL, 0, LEASE_MS));
    done(b, claims[0]);
    gf_claim_free(claims[1]);
    store_close(b);
}

static void recover_keeps_to_its_limit(void)
{
    enum { TASKS = 3 };
    gf_broker *b = store_open();
    int64_t begun_ms = gf_mono_ms();
    gf_claim *claims[TASKS];
    put(b, "q", "a");
    put(b, "q", "b");
    put(b, "q", "c");
    REQUIRE(take_for(b, "w", "q", TASKS, 1, claims) == TASKS);
    for (size_t i = 0; i < TASKS; i++)
        gf_claim_free(claims[i]);
    leases_end("q");
    size_t all = 0;
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; all < TASKS && gf_mono_ms() < end;
         gf_sleep_us(500)) {
        gf_recovered r = { 0 };
        CHECK_OK(b->ops->upkeep->recover(b, 1, 3, &r));
        CHECK(r.requeued <= 1);
        all += r.requeued;
    }
    CHECK_STR(queue_counts(b, "q"), "p3 a0 s0 r0 c0 x0");
    gofer_info *info = NULL;
    if (CHECK_OK(b->ops->inspect->task(b, "q", "a", &info))) {
        const gofer_info *lost = gofer_info_at(gofer_info_child(info, "attempts"), 0);
        REQUIRE(lost != NULL);
        CHECK_STR(gofer_info_text(lost, "kind"), "crashed");
        int64_t ran_ms = gofer_info_int(lost, "duration_ms", -1);      // from when it was taken
        CHECK(ran_ms >= 0 && ran_ms <= gf_mono_ms() - begun_ms + 2000);
    }
    gofer_info_free(info);
    store_close(b);
    store_check_sound();
}

static void crashes_over_the_limit_archive_the_task(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "t");
    char big[2000] = { 1 };
    m.payload = big;
    m.payload_size = sizeof big;
    CHECK_OK(put_message(b, &m, 0));
    for (int crash = 1; crash <= 3; crash++) {
        gf_claim *c;
        REQUIRE(take_for(b, "w", "q", 1, 1, &c) == 1);
        gf_claim_free(c);
        lease_ends("q", "t");
        gf_recovered r = recover_until(b, 1, 2);
        CHECK_INT(r.requeued, crash <= 2);
        CHECK_INT(r.archived, crash > 2);
    }
    CHECK_STR(task_state(b, "q", "t"), "archived");
    CHECK_HAS(task_text(b, "q", "t", "last_error"), "died 3 times");
    CHECK_HAS(task_text(b, "q", "t", "last_error"), "crash limit 2");
    CHECK_INT(task_number(b, "q", "t", "crashes"), 3);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x1");
    store_close(b);
}

static void tasks_of_a_worker_that_left_are_given_back(void)
{
    gf_broker *b = store_open();
    gf_claim *c;
    put(b, "q", "a");
    worker_register(b, "w2");
    CHECK_INT(take_for(b, "w2", "q", 1, LEASE_MS, &c), 1);
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "w2"));
    if (!store_sees_death())
        lease_ends("q", "a");
    CHECK_INT(recover_until(b, 1, 3).requeued, 1);
    gf_claim_free(c);
    drain_expecting(b, "q", "a");
    store_close(b);
}

static int take_three_and_hang(int in, int out)
{
    gf_claim *claims[3];
    gf_broker *b = store_again();
    worker_register(b, "victim");
    say(out, take_for(b, "victim", "q", 3, LEASE_MS, claims) == 3 ? 'y' : 'n');
    hear(in);
    return 0;
}

static void tasks_of_a_killed_worker_come_back_at_once(void)
{
    if (!store_is_shared())
        OMIT("the store lives in one process");
    gf_broker *b = store_open();
    for (int i = 0; i < 4; i++)
        put(b, "q", (const char *[]){ "a", "b", "c", "d" }[i]);
    gf_broker_close(b);                                 // the child must not inherit an open store
    child c = child_start(take_three_and_hang);
    CHECK_INT(hear(c.in), 'y');

    b = store_again();
    worker_register(b, "w");
    gf_recovered r = { 0 };
    CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK_INT(r.requeued + r.archived, 0);              // it is alive
    CHECK_STR(queue_counts(b, "q"), "p1 a3 s0 r0 c0 x0");
    gofer_info *workers;
    REQUIRE_OK(b->ops->inspect->workers(b, NULL, &workers));
    CHECK_INT(gofer_info_count(workers), 2);
    gofer_info_free(workers);

    child_kill(&c);
    if (store_sees_death()) {                           // although the lease has long to run
        CHECK_OK(b->ops->inspect->workers(b, NULL, &workers));
        CHECK_INT(gofer_info_count(workers), 1);        // only the living are shown
        gofer_info_free(workers);
    } else {
        leases_end("q");
    }
    CHECK_OK(b->ops->upkeep->recover(b, 2, 3, &r));
    CHECK_INT(r.requeued, 2);
    CHECK_OK(b->ops->upkeep->recover(b, 2, 3, &r));
    CHECK_INT(r.requeued, 1);
    CHECK_INT(task_number(b, "q", "c", "crashes"), 0);  // it was one of three, though it came back
                                                        //   alone
    CHECK_INT(task_number(b, "q", "c", "suspect"), 1);
    drain_expecting(b, "q", "a b c d");
    store_close(b);
}

static void progress_is_shown_while_the_task_runs(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    gf_claim *c = need_one(b, "q", "t");
    gf_progress p = { .claim = c, .done = 3, .total = 10, .text = "third" };
    worker_runs(b, "w", c);
    CHECK_OK(b->ops->tasks->progress(b, &p, 1));
    CHECK_INT(task_number(b, "q", "t", "progress_done"), 3);
    CHECK_INT(task_number(b, "q", "t", "progress_total"), 10);
    CHECK_STR(task_text(b, "q", "t", "progress_text"), "third");
    CHECK_STR(task_text(b, "q", "t", "worker"), "w");
    CHECK(task_number(b, "q", "t", "started_at_ms") > 0);
    CHECK_OK(b->ops->tasks->progress(b, NULL, 0));
    done(b, c);
    store_close(b);
}

// ---- retention -------------------------------------------------------------------------------

static void completed_tasks_leave_after_their_retention(void)
{
    gf_broker *b = store_open();
    static const int64_t keep[] = { 1, 3600000, 1 };
    char id[16], big[4000] = { 1 };
    for (int i = 0; i < 3; i++) {
        snprintf(id, sizeof id, "t%d", i);
        gf_message m = message("q", id);
        m.retention_ms = keep[i];
        CHECK_OK(put_message(b, &m, 0));
        CHECK_OK(finish(b, need_one(b, "q", id), (gf_finish){ .outcome = GF_DONE, .result = big,
            .result_size = sizeof big }));
    }
    size_t total = 0, some;
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; total < 2 && gf_mono_ms() < end;
         gf_sleep_us(500), total += some)
        CHECK_OK(b->ops->upkeep->purge(b, 1, &some));
    CHECK_INT(total, 2);
    CHECK_OK(b->ops->upkeep->purge(b, 10, &some));
    CHECK_INT(some, 0);
    CHECK_STR(page_ids(b, "q", GF_COMPLETED, 10), "t1");
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c1 x0");
    put(b, "q", "t0");                                  // its id is free again
    store_close(b);
}

// ---- waiting and waking ------------------------------------------------------------------------

static gf_waiter *waiter_open(gf_broker *b, const char *queue)
{
    gf_waiter *w = NULL;
    REQUIRE_OK(b->ops->tasks->waiter_open(b, &queue, 1, &w));
    return w;
}

static void whatever_makes_work_wakes(void)
{
    gf_broker *b = store_open();
    gf_waiter *w = waiter_open(b, "q");
    gf_message m = message("q", "s");

    b->ops->tasks->waiter_arm(w);
    CHECK_STATUS(b->ops->tasks->waiter_wait(w, 0), GOFER_ETIMEOUT);
    put(b, "q", "a");                                   // came after arm: not missed
    CHECK_OK(b->ops->tasks->waiter_wait(w, PATIENCE_MS * 1000));
    b->ops->tasks->waiter_arm(w);
    CHECK_OK(put_message(b, &m, gf_now_ms() + 3600000));
    // Housekeeping must learn when it is due.
    CHECK_OK(b->ops->tasks->waiter_wait(w, PATIENCE_MS * 1000));
    b->ops->tasks->waiter_arm(w);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "s"));
    CHECK_OK(b->ops->tasks->waiter_wait(w, PATIENCE_MS * 1000));
    b->ops->tasks->waiter_arm(w);
    CHECK_OK(finish(b, need_one(b, "q", "a"), (gf_finish){ .outcome = GF_REQUEUE }));
    CHECK_OK(b->ops->tasks->waiter_wait(w, PATIENCE_MS * 1000));
    CHECK_OK(b->ops->act->queue_pause(b, "q", true));
    b->ops->tasks->waiter_arm(w);
    CHECK_OK(b->ops->act->queue_pause(b, "q", false));
    CHECK_OK(b->ops->tasks->waiter_wait(w, PATIENCE_MS * 1000));
    b->ops->tasks->waiter_arm(w);
    b->ops->tasks->waiter_wake(w);
    CHECK_OK(b->ops->tasks->waiter_wait(w, PATIENCE_MS * 1000));
    b->ops->tasks->waiter_arm(w);
    CHECK_STATUS(b->ops->tasks->waiter_wait(w, 1000), GOFER_ETIMEOUT);
    b->ops->tasks->waiter_close(w);
    store_close(b);
}

static void work_elsewhere_does_not_end_a_wait(void)
{
    // Names are hashed, so some other name may share the queue's bit; most do not.
    gf_broker *b = store_open();
    gf_waiter *w = waiter_open(b, "q");
    int woken = 0;
    for (int i = 0; i < 20; i++) {
        char queue[32];
        snprintf(queue, sizeof queue, "other-%d", i);
        b->ops->tasks->waiter_arm(w);
        put(b, queue, "t");
        woken += b->ops->tasks->waiter_wait(w, 0) == GOFER_OK;
    }
    CHECK(woken <= 8);
    b->ops->tasks->waiter_close(w);
    store_close(b);
}

typedef struct sleeper {
    gf_waiter   *waiter;
    gofer_status status;
    int64_t      woke_ns;
} sleeper;

static void *sleep_until_woken(void *arg)
{
    sleeper *s = arg;
    s->status = s->waiter->broker->ops->tasks->waiter_wait(s->waiter, PATIENCE_MS * 1000);
    s->woke_ns = gf_mono_ns();
    return NULL;
}

static void wake_ends_a_wait_in_another_thread(void)
{
    gf_broker *b = store_open();
    sleeper s = { .waiter = waiter_open(b, "q") };
    pthread_t thread;
    b->ops->tasks->waiter_arm(s.waiter);
    REQUIRE(pthread_create(&thread, NULL, sleep_until_woken, &s) == 0);
    b->ops->tasks->waiter_wake(s.waiter);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_INT(s.status, GOFER_OK);
    b->ops->tasks->waiter_close(s.waiter);
    store_close(b);
}

static int wait_and_take(int in, int out)
{
    gf_broker *b = store_again();
    gf_waiter *w = waiter_open(b, "q");
    worker_register(b, "waiting");
    for (int round = 0; round < 50; round++) {
        gf_claim *c = NULL;
        b->ops->tasks->waiter_arm(w);
        if (take_for(b, "waiting", "q", 1, LEASE_MS, &c) == 0) {
            say(out, 'r');                              // nothing there: about to sleep
            CHECK_OK(b->ops->tasks->waiter_wait(w, PATIENCE_MS * 1000));
            CHECK_INT(take_for(b, "waiting", "q", 1, LEASE_MS, &c), 1);
        }
        if (c)
            done(b, c);
        say(out, 'd');
        hear(in);
    }
    b->ops->tasks->waiter_close(w);
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "waiting"));
    gf_broker_close(b);
    return 0;
}

static void a_put_wakes_a_waiter_in_another_process(void)
{
    if (!store_is_shared())
        OMIT("the store lives in one process");
    gf_broker_close(store_open());
    child c = child_start(wait_and_take);
    gf_broker *b = store_again();
    for (int round = 0; round < 50; round++) {
        CHECK_INT(hear(c.in), 'r');
        if (round % 2)
            gf_sleep_us(200);                           // sometimes it sleeps already
        put(b, "q", "t");
        CHECK_INT(hear(c.in), 'd');
        say(c.out, 'n');
    }
    CHECK_INT(child_end(&c), 0);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    store_close(b);
}

// ---- workers ----------------------------------------------------------------------------------

static void workers_are_listed_while_they_live(void)
{
    gf_broker *b = store_open();
    gf_worker_entry e = {
        .id = "w2", .host = "mill", .pid = 4711, .started_ms = 1700000000000, .state = "active",
        .concurrency = 8, .running = 3, .queues = "mail=3 low=1", .strict = true,
        .weights = (const gf_weight[]){ { "mail", 3 }, { "low", 1 } }, .weight_count = 2,
    };
    CHECK_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    e.state = "stopping";
    e.running = 1;
    CHECK_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    gofer_info *list;
    REQUIRE_OK(b->ops->inspect->workers(b, NULL, &list));
    REQUIRE(gofer_info_count(list) == 2);
    const gofer_info *first = gofer_info_at(list, 0);   // the oldest
    CHECK_STR(gofer_info_text(first, "worker"), "w2");
    CHECK_STR(gofer_info_text(first, "host"), "mill");
    CHECK_INT(gofer_info_int(first, "pid", 0), 4711);
    CHECK_INT(gofer_info_int(first, "started_at_ms", 0), 1700000000000);
    CHECK_STR(gofer_info_text(first, "state"), "stopping");
    CHECK_INT(gofer_info_int(first, "concurrency", 0), 8);
    CHECK_INT(gofer_info_int(first, "running", 0), 1);
    CHECK_STR(gofer_info_text(first, "queues"), "mail=3 low=1");
    CHECK_INT(gofer_info_int(first, "strict", 0), 1);
    gofer_info_free(list);
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "w2"));
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "w2"));       // again: fine
    REQUIRE_OK(b->ops->inspect->workers(b, NULL, &list));
    CHECK_INT(gofer_info_count(list), 1);
    gofer_info_free(list);
    store_close(b);
}

// The names of those on all pages of `limit` as "a b c", but for the store's own. Good until the
// next call. After the first page `gone` leaves, if it is not NULL.
static const char *workers_by_pages(gf_broker *b, size_t limit, const char *gone)
{
    static char names[512];
    char cursor[600] = "";
    *names = '\0';
    for (int page = 0; page == 0 || *cursor; page++) {
        gofer_info *list;
        if (page == 1 && gone)
            CHECK_OK(b->ops->upkeep->worker_deregister(b, gone));
        REQUIRE_OK(b->ops->inspect->workers(b,
            &(gf_page){ .cursor = *cursor ? cursor : NULL, .limit = limit }, &list));
        CHECK(gofer_info_count(list) <= limit);
        for (size_t i = 0; i < gofer_info_count(list); i++) {
            const char *name = gofer_info_text(gofer_info_at(list, i), "worker");
            if (strncmp(name, "paged", 5) == 0)
                snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s",
                    *names ? " " : "", name + 5);
        }
        const char *next = gofer_info_text(list, "next_cursor");
        CHECK(!next || strcmp(next, cursor) != 0);
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        gofer_info_free(list);
    }
    return names;
}

static void workers_come_by_pages(void)
{
    gf_broker *b = store_open();
    enum { WORKERS = 23 };
    char id[16], all[128] = "";
    for (int i = 0; i < WORKERS; i++) {      // in an order that their start does not have
        int number = i * 5 % WORKERS;
        gf_worker_entry e = {
            .id = id, .host = number < 12 ? "mill" : "mill-\xc3\xa9", .pid = 4711,
            .started_ms = 1700000000000 + i, .state = "active", .concurrency = 1, .queues = "q=1",
            .weights = (const gf_weight[]){ { "q", 1 } }, .weight_count = 1,
        };
        snprintf(id, sizeof id, "paged%02d", number);
        CHECK_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    }
    // '-' is before ':', so those of the second host are first.
    for (int i = 0; i < WORKERS; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%02d", i ? " " : "",
            (i + 12) % WORKERS);
    static const size_t limits[] = { 1, 7, WORKERS, WORKERS + 1, 1000 };
    for (size_t i = 0; i < COUNT(limits); i++)
        CHECK_STR(workers_by_pages(b, limits[i], NULL), all);
    char *gone = strstr(all, "22 ");
    memmove(gone, gone + 3, strlen(gone + 3) + 1);
    CHECK_STR(workers_by_pages(b, 3, "paged22"), all);
    gofer_info *list;
    REQUIRE_OK(b->ops->inspect->workers(b, NULL, &list));
    CHECK(gofer_info_count(list) >= WORKERS - 1);
    CHECK(!gofer_info_has(list, "next_cursor"));
    gofer_info_free(list);
    store_close(b);
}

static void check_child(const gofer_info *shown, const gf_child_entry *want)
{
    CHECK_STR(gofer_info_text(shown, "name"), want->name);
    CHECK_STR(gofer_info_text(shown, "state"), want->state);
    CHECK_INT(gofer_info_int(shown, "number", -1), want->number);
    CHECK_INT(gofer_info_int(shown, "pid", -1), want->pid);
    CHECK_INT(gofer_info_int(shown, "running", -1), want->running);
    CHECK_INT(gofer_info_int(shown, "want", -1), want->want);
    CHECK_INT(gofer_info_int(shown, "processed", -1), want->processed);
    CHECK_INT(gofer_info_has(shown, "memory"), want->memory >= 0);
    CHECK_INT(gofer_info_int(shown, "memory", -1), want->memory);
    CHECK_INT(gofer_info_int(shown, "started_at_ms", -1), want->started_ms);
}

static const gofer_info *only_worker(gf_broker *b, gofer_info **list)
{
    REQUIRE_OK(b->ops->inspect->workers(b, NULL, list));
    for (size_t i = 0; i < gofer_info_count(*list); i++)
        if (strcmp(gofer_info_text(gofer_info_at(*list, i), "worker"), "w2") == 0)
            return gofer_info_at(*list, i);
    return NULL;
}

static void workers_are_listed_with_their_children(void)
{
    gf_broker *b = store_open();
    static const gf_child_entry processes[] = {
        { "shop.tasks:app", "ready", 0, 4712, 2, 8, 100000000007, 20480000, 1700000000001 },
        { "tabs\tand\nlines \\ =:", "ending", 1, 4713, 0, 0, 0, -1, 1700000000002 },
    };
    gf_children_entry children = { .children = 3, .busy = 2, .want = 8, .restarts = 5,
        .items = processes, .count = COUNT(processes) };
    gf_worker_entry e = {
        .id = "w2", .host = "mill", .pid = 4711, .started_ms = 1700000000000, .state = "active",
        .concurrency = 8, .running = 3, .queues = "q=1", .children = &children,
    };
    gofer_info *list;
    CHECK_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    const gofer_info *shown = only_worker(b, &list), *items;
    CHECK_INT(gofer_info_int(shown, "running", -1), 3);
    CHECK_INT(gofer_info_int(shown, "concurrency", -1), 8);
    CHECK_INT(gofer_info_int(shown, "children", -1), 3);
    CHECK_INT(gofer_info_int(shown, "child_restarts", -1), 5);
    CHECK_INT(gofer_info_int(shown, "children_want", -1), 8);
    CHECK_INT(gofer_info_int(shown, "children_busy", -1), 2);
    items = gofer_info_child(shown, "child_processes");
    if (CHECK_INT(gofer_info_count(items), COUNT(processes)))
        for (size_t i = 0; i < COUNT(processes); i++)
            check_child(gofer_info_at(items, i), &processes[i]);
    gofer_info_free(list);

    // The next heartbeat says what is now.
    children = (gf_children_entry){ .want = 0, .restarts = 7 };
    CHECK_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    shown = only_worker(b, &list);
    CHECK_INT(gofer_info_int(shown, "children", -1), 0);
    CHECK_INT(gofer_info_int(shown, "child_restarts", -1), 7);
    CHECK_INT(gofer_info_count(gofer_info_child(shown, "child_processes")), 0);
    gofer_info_free(list);
    e.children = NULL;
    CHECK_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    shown = only_worker(b, &list);
    CHECK(shown && !gofer_info_has(shown, "children") &&
        !gofer_info_has(shown, "child_processes"));
    gofer_info_free(list);
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "w2"));
    store_close(b);
}

typedef struct search {
    gf_broker  *b;
    _Atomic int over;
    size_t      found;
} search;

static void *look_for_the_dead(void *arg)
{
    search *s = arg;
    while (!atomic_load(&s->over)) {
        gf_recovered r = { 0 };
        CHECK_OK(s->b->ops->upkeep->recover(s->b, 10, 1000, &r));
        s->found += r.requeued + r.archived;
    }
    return NULL;
}

// Another worker of the process looks for the dead at any time: also between the moment a worker's
// entry can be seen and the moment its register returns.
static void a_worker_that_registers_is_never_taken_for_dead(void)
{
    gf_broker *b = store_open();
    search s = { .b = b };
    int rounds = store_is_shared() ? 100 : 1000;        // a file costs a sync or two in each
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, look_for_the_dead, &s) == 0);
    for (int round = 0; round < rounds; round++) {
        gf_claim *c = NULL;
        gf_recovered r = { 0 };
        worker_register(b, "new");
        put(b, "q", "t");
        if (CHECK_INT(take_for(b, "new", "q", 1, LEASE_MS, &c), 1)) {
            CHECK_OK(b->ops->upkeep->recover(b, 10, 1000, &r));
            CHECK_INT(r.requeued, 0);
            done(b, c);
        }
        CHECK_OK(b->ops->upkeep->worker_deregister(b, "new"));
    }
    atomic_store(&s.over, 1);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_INT(s.found, 0);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    store_close(b);
}

static void upkeep_and_ping_harm_nothing(void)
{
    gf_broker *b = store_open();
    put(b, "q", "a");
    for (int i = 0; i < 3; i++) {
        CHECK_OK(b->ops->ping(b));
        if (b->ops->upkeep->tidy)
            CHECK_OK(b->ops->upkeep->tidy(b));
    }
    drain_expecting(b, "q", "a");
    store_close(b);
}

static const check_test tests[] = {
    TEST(a_scheduled_task_waits_for_its_time),
    TEST(a_scheduled_task_starts_after_its_time),
    TEST(due_tasks_join_the_end_of_their_queue_in_order),
    TEST(a_time_in_the_past_means_now),
    TEST(forward_keeps_to_its_limit),
    TEST(a_lease_that_runs_out_gives_the_task_back),
    TEST(a_valid_lease_is_left_alone),
    TEST(an_extended_lease_holds),
    TEST(recover_keeps_to_its_limit),
    TEST(crashes_over_the_limit_archive_the_task),
    TEST(tasks_of_a_worker_that_left_are_given_back),
    TEST(tasks_of_a_killed_worker_come_back_at_once),
    TEST(progress_is_shown_while_the_task_runs),
    TEST(completed_tasks_leave_after_their_retention),
    TEST(whatever_makes_work_wakes),
    TEST(work_elsewhere_does_not_end_a_wait),
    TEST(wake_ends_a_wait_in_another_thread),
    TEST(a_put_wakes_a_waiter_in_another_process),
    TEST(workers_are_listed_while_they_live),
    TEST(workers_come_by_pages),
    TEST(workers_are_listed_with_their_children),
    TEST(a_worker_that_registers_is_never_taken_for_dead),
    TEST(upkeep_and_ping_harm_nothing),
};

suite suite_keep(void)
{
    return (suite){ tests, COUNT(tests) };
}
