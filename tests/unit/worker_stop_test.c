// worker_stop_test.c - what ends: tasks by their deadline, slots that are lost, workers
// that are told to stop.
#include "worker_rig.h"
#include "shown.h"

// Until the gate is opened; heeds nobody.
static int32_t stubborn(gofer_task *task, void *user)
{
    (void)task;
    rig *rig_ = user;
    atomic_fetch_add(&rig_->runs, 1);
    while (!atomic_load(&rig_->gate))
        gf_sleep_us(500);
    atomic_fetch_add(&rig_->seen, 1);
    return GOFER_DONE;
}

// ---- deadlines ----------------------------------------------------------------------------------

static void a_handler_is_told_of_its_deadline(void)
{
    SET_UP("concurrency", "1");
    handle("t", obedient);
    gofer_enqueue_options o = { .timeout_ms = 50 };
    enqueue("t", "one", &o);
    start();
    WAIT_FOR(task_is("one", "state", "retry"));
    CHECK_INT(atomic_load(&r.seen), GOFER_CANCEL_TIMEOUT);
    CHECK(task_is("one", "last_error", "timed out after 50ms: broke off"));
    CHECK_INT(stat_of("lost_slots"), 0);
    tear_down();
}

static void a_task_past_its_deadline_is_not_started(void)
{
    SET_UP("concurrency", "1");
    handle("t", count_run);
    gofer_enqueue_options o = { .deadline_ms = 1000 };
    enqueue("t", "one", &o);
    start();
    WAIT_FOR(task_is("one", "state", "retry"));
    CHECK(task_is("one", "last_error", "before it started"));
    CHECK_INT(atomic_load(&r.runs), 0);
    tear_down();
}

static void a_lost_slot_is_replaced_and_its_late_result_ignored(void)
{
    SET_UP("concurrency", "1", "lost_after", "50ms", "grace", "0");
    handle("stuck", stubborn);
    handle("t", count_other);
    gofer_enqueue_options o = { .timeout_ms = 50 };
    enqueue("stuck", "stuck", &o);
    enqueue("t", "next", NULL);
    start();
    WAIT_FOR(atomic_load(&r.other) == 1);      // on the replacement
    WAIT_FOR(task_is("stuck", "state", "retry"));
    CHECK(task_is("stuck", "last_error", "did not return within 50ms after its deadline"));
    CHECK_INT(stat_of("lost_slots"), 1);
    atomic_store(&r.gate, 1);
    WAIT_FOR(atomic_load(&r.seen) == 1);       // comes back, with success
    enqueue("t", "more", NULL);
    WAIT_FOR(atomic_load(&r.other) == 2);
    CHECK(task_is("stuck", "state", "retry"));
    WAIT_FOR(stat_of("processed") == 3);
    tear_down();
}

// All of them at one look of housekeeping: each needs a thread in its place.
static void several_slots_lost_at_once_are_all_replaced(void)
{
    SET_UP("concurrency", "4", "lost_after", "50ms", "grace", "0");
    handle("stuck", stubborn);
    handle("t", stubborn);
    gofer_enqueue_options o = { .deadline_ms = gf_now_ms() + 300, .max_retry = GOFER_NO_RETRY };
    for (int i = 0; i < 4; i++)
        enqueue("stuck", NULL, &o);
    start();
    WAIT_FOR(stat_of("processed") == 4);       // lost; on a very slow machine some are too
                                               //   late to start
    int before = atomic_load(&r.runs);
    for (int i = 0; i < 4; i++)
        enqueue("t", NULL, NULL);
    WAIT_FOR(atomic_load(&r.runs) == before + 4);   // at a time, so on four threads
    atomic_store(&r.gate, 1);
    WAIT_FOR(stat_of("processed") == 8);
    tear_down();
}

static void a_handler_that_never_returns_does_not_hold_up_free(void)
{
    SET_UP("concurrency", "1", "grace", "0");
    handle("t", stubborn);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(stat_of("lost_slots"), 1);
    CHECK(task_is("one", "state", "pending"));
    CHECK_INT(task_int("one", "retried"), 0);
    tear_down();                               // opens the gate: this one comes back in time
    CHECK_INT(atomic_load(&r.seen), 1);
}

// ---- stopping -----------------------------------------------------------------------------------

// Run the queue dry; r.text has the order.
static void drain(void)
{
    gofer_worker *w;
    r.text[0] = '\0';
    REQUIRE_OK(gofer_worker_new(&w, r.client));
    REQUIRE_OK(gofer_worker_set(w, "concurrency", "1"));
    REQUIRE_OK(gofer_worker_set(w, "drain", "1"));
    REQUIRE_OK(gofer_worker_handle(w, "*", say_id, NULL, NULL));
    REQUIRE_OK(gofer_worker_start(w));
    REQUIRE_OK(gofer_worker_wait(w, PATIENCE_MS));
    gofer_worker_free(w);
}

static void what_the_grace_does_not_cover_goes_back_to_the_head(void)
{
    SET_UP("concurrency", "2", "grace", "50ms");
    handle("t", obedient);
    enqueue("t", "a", NULL);
    enqueue("t", "b", NULL);
    enqueue("t", "c", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 2);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(atomic_load(&r.seen), GOFER_CANCEL_STOP);
    CHECK_INT(queue_int("default", "pending"), 3);
    CHECK_INT(queue_int("default", "active"), 0);
    CHECK_INT(task_int("a", "retried"), 0);
    CHECK_INT(stat_of("failed"), 0);
    CHECK_INT(stat_of("lost_slots"), 0);
    drain();
    CHECK(strcmp(r.text, "a b c") == 0 || strcmp(r.text, "b a c") == 0);
    tear_down();
}

static void within_the_grace_a_task_finishes(void)
{
    // A long lease: its renewals show no state in time, only the change itself does.
    SET_UP("concurrency", "1", "grace", "1h", "lease", "1h");
    handle("t", obedient);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    gofer_worker_stop(r.worker);
    CHECK_STATUS(gofer_worker_wait(r.worker, 100), GOFER_ETIMEOUT);
    WAIT_FOR(shown_as(r.client, "stopping"));
    atomic_store(&r.gate, 1);
    wait_end();
    CHECK_INT(stat_of("processed"), 1);
    CHECK(task_is("one", "state", NULL));
    tear_down();
}

static void a_second_stop_does_not_wait_for_the_grace(void)
{
    SET_UP("concurrency", "1", "grace", "1h");
    handle("t", obedient);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    gofer_worker_stop(r.worker);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(atomic_load(&r.seen), GOFER_CANCEL_STOP);
    CHECK(task_is("one", "state", "pending"));
    tear_down();
}

// The kinds of its attempts so far: "interrupted done".
static const char *attempts_of(const char *id)
{
    static char text[200];
    gofer_info *info;
    *text = '\0';
    if (gofer_client_task(r.client, NULL, id, &info) != GOFER_OK)
        return "no task";
    const gofer_info *list = gofer_info_child(info, "attempts");
    for (size_t i = 0; i < gofer_info_count(list); i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? " " : "",
            gofer_info_text(gofer_info_at(list, i), "kind"));
    gofer_info_free(info);
    return text;
}

// Fast tasks were taken ahead; then one blocks. The others must not wait for it, nor change order.
static void tasks_taken_ahead_go_back_in_order(void)
{
    SET_UP("concurrency", "1", "grace", "0");
    handle("fast", count_other);
    handle("t", obedient);
    enqueue_many("fast", "default", 3000);
    start();
    WAIT_FOR(atomic_load(&r.other) == 3000);
    REQUIRE_OK(gofer_client_queue_pause(r.client, "default"));
    enqueue("t", "a", NULL);
    enqueue("fast", "b", NULL);
    enqueue("fast", "c", NULL);
    enqueue("fast", "d", NULL);
    REQUIRE_OK(gofer_client_queue_unpause(r.client, "default"));
    WAIT_FOR(atomic_load(&r.runs) == 1);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_STR(attempts_of("a"), "interrupted");
    static const char *const ahead[] = { "b", "c", "d" };
    for (size_t i = 0; i < COUNT(ahead); i++)
        CHECK_STR(attempts_of(ahead[i]), "");   // who has not begun has no attempt
    drain();
    CHECK_STR(r.text, "a b c d");
    tear_down();
}

static void a_quiet_worker_takes_nothing_but_goes_on(void)
{
    SET_UP("concurrency", "2", "lease", "1h");
    handle("t", obedient);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    gofer_worker_quiet(r.worker);
    WAIT_FOR(shown_as(r.client, "quiet"));
    enqueue("t", "two", NULL);
    atomic_store(&r.gate, 1);
    WAIT_FOR(stat_of("processed") == 1);
    CHECK(task_is("two", "state", "pending"));
    CHECK_INT(atomic_load(&r.runs), 1);
    gofer_worker_stop(r.worker);
    wait_end();
    tear_down();
}

// Who reads "quiet" counts on it: a take that was under way is over by then.
static void a_worker_is_shown_as_quiet_once_nothing_is_being_taken(void)
{
    SET_UP("concurrency", "1", "lease", "1h");
    handle("t", count_run);
    atomic_store(&fault.hold, 1);
    start();
    WAIT_FOR(atomic_load(&fault.held) == 1);
    gofer_worker_quiet(r.worker);
    enqueue("t", "one", NULL);
    gf_sleep_us(300000);
    CHECK(shown_as(r.client, "active"));
    atomic_store(&fault.hold, 0);
    WAIT_FOR(shown_as(r.client, "quiet"));
    enqueue("t", "two", NULL);
    WAIT_FOR(atomic_load(&r.runs) == 1);
    CHECK(task_is("two", "state", "pending"));
    gofer_worker_resume(r.worker);
    WAIT_FOR(shown_as(r.client, "active") && atomic_load(&r.runs) == 2);
    gofer_worker_stop(r.worker);
    wait_end();
    tear_down();
}

static void draining_waits_for_what_is_scheduled(void)
{
    SET_UP("concurrency", "4", "drain", "1");
    handle("t", count_run);
    enqueue_many("t", "default", 5000);
    gofer_enqueue_options o = { .delay_ms = 300 };
    enqueue("t", "later", &o);
    start();
    wait_end();
    CHECK_INT(atomic_load(&r.runs), 5001);
    CHECK_INT(stat_of("processed"), 5001);
    gofer_info *workers;
    REQUIRE_OK(gofer_client_workers(r.client, &workers));
    CHECK_INT(gofer_info_count(workers), 0);
    gofer_info_free(workers);
    CHECK_STATUS(gofer_worker_start(r.worker), GOFER_ESTATE);
    tear_down();
}

static char drained[2000];             // what the log said of tasks that stay; told by one thread

static void keep_drained(void *user, int32_t level, int64_t time_ms, const char *text,
    const char *fields)
{
    (void)user, (void)time_ms;
    if (level == GOFER_LOG_WARN && strstr(text, "drained, but for tasks of types without"))
        snprintf(drained, sizeof drained, "%s", fields);
}

static void set_up_heard(const char *const *settings)
{
    gofer_client_options o;
    SET_UP("concurrency", "1");
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
    gofer_client_options_init(&o);
    o.log = keep_drained;
    REQUIRE_OK(gofer_client_open(&r.client, "memory:", &o));
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    for (; *settings; settings += 2)
        REQUIRE_OK(gofer_worker_set(r.worker, settings[0], settings[1]));
    *drained = '\0';
}

// What nobody here can run stays, and is told: how many, and of which types the first ten.
static void draining_ends_although_tasks_of_other_types_are_left(void)
{
    enum { TYPES = 12, EACH = 50 };
    for (int types = 9; types <= TYPES; types++) {
        set_up_heard((const char *const[]){ "drain", "1", NULL });
        handle("t", count_run);
        enqueue("t", NULL, NULL);
        for (int i = 0; i < types * EACH; i++) {
            char type[16];
            snprintf(type, sizeof type, "no%02d", i / EACH + 1);
            gofer_enqueue_options o = { .delay_ms = 3600000 };
            enqueue(type, NULL, &o);
        }
        start();
        wait_end();
        CHECK_INT(atomic_load(&r.runs), 1);
        CHECK_INT(stat_of("unhandled"), types * EACH);
        CHECK_INT(queue_int("default", "scheduled"), types * EACH);
        char tasks[32], list[200] = "";
        for (int i = 1; i <= types && i <= 10; i++)
            snprintf(list + strlen(list), sizeof list - strlen(list), "%sno%02d",
                i > 1 ? ", " : "", i);
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s\"",
            types > 10 ? ", ..." : "");
        snprintf(tasks, sizeof tasks, "\"tasks\":%d,", types * EACH);
        tear_down();                   // what was logged is told before the client is gone
        CHECK_HAS(drained, list);
        CHECK_HAS(drained, tasks);
    }
}

static void *wait_too(void *arg)
{
    CHECK_OK(gofer_worker_wait(arg, PATIENCE_MS));
    return NULL;
}

static void several_threads_may_wait(void)
{
    pthread_t threads[3];
    SET_UP("concurrency", "1");
    handle("t", count_run);
    start();
    for (size_t i = 0; i < COUNT(threads); i++)
        REQUIRE(pthread_create(&threads[i], NULL, wait_too, r.worker) == 0);
    gofer_worker_stop(r.worker);
    for (size_t i = 0; i < COUNT(threads); i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    wait_end();
    tear_down();
}

static int32_t stop_from_inside(gofer_task *task, void *user)
{
    (void)task;
    gofer_worker_stop(((rig *)user)->worker);
    return GOFER_DONE;
}

static void a_handler_may_stop_its_worker(void)
{
    SET_UP("concurrency", "1");
    handle("t", stop_from_inside);
    enqueue("t", "one", NULL);
    CHECK_OK(gofer_worker_run(r.worker));
    CHECK_INT(stat_of("processed"), 1);
    tear_down();
}

static void stop_before_start_is_remembered(void)
{
    SET_UP("concurrency", "1");
    handle("t", count_run);
    gofer_worker_stop(r.worker);
    CHECK_OK(gofer_worker_run(r.worker));
    CHECK_INT(atomic_load(&r.runs), 0);
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_handler_is_told_of_its_deadline),
        TEST(a_task_past_its_deadline_is_not_started),
        TEST(a_lost_slot_is_replaced_and_its_late_result_ignored),
        TEST(several_slots_lost_at_once_are_all_replaced),
        TEST(a_handler_that_never_returns_does_not_hold_up_free),
        TEST(what_the_grace_does_not_cover_goes_back_to_the_head),
        TEST(within_the_grace_a_task_finishes),
        TEST(a_second_stop_does_not_wait_for_the_grace),
        TEST(tasks_taken_ahead_go_back_in_order),
        TEST(a_quiet_worker_takes_nothing_but_goes_on),
        TEST(a_worker_is_shown_as_quiet_once_nothing_is_being_taken),
        TEST(draining_waits_for_what_is_scheduled),
        TEST(draining_ends_although_tasks_of_other_types_are_left),
        TEST(several_threads_may_wait),
        TEST(a_handler_may_stop_its_worker),
        TEST(stop_before_start_is_remembered),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
