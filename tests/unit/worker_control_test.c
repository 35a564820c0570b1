// worker_control_test.c - a running worker is told to change: concurrency, queues, state; and
// the queues of patterns.
#include "gofer/gofer.h"

#include <signal.h>

#include "fake_fleet.h"
#include "worker/control.h"
#include "worker/runtime.h"

typedef struct rig {
    gofer_client *client;
    gofer_worker *worker;
    _Atomic int   runs, at_once, most, allowed;    // allowed: so many may leave the gate
} rig;

static rig r;

static void set_up(void)
{
    r = (rig){ 0 };
    REQUIRE_OK(gofer_client_open(&r.client, "memory:", NULL));
    fleet_install(r.client);
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
}

static void tear_down(void)
{
    atomic_store(&r.allowed, 1000000);
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
    fleet_clear();
}

static int32_t count_run(gofer_task *task, void *user)
{
    (void)task, (void)user;
    atomic_fetch_add(&r.runs, 1);
    return GOFER_DONE;
}

static int32_t pass_gate(gofer_task *task, void *user)
{
    (void)user;
    int now = atomic_fetch_add(&r.at_once, 1) + 1;
    if (now > atomic_load(&r.most))
        atomic_store(&r.most, now);
    for (int left; gofer_task_cancelled(task) == GOFER_CANCEL_NONE; gf_sleep_us(200))
        if ((left = atomic_load(&r.allowed)) > 0 &&
            atomic_compare_exchange_strong(&r.allowed, &left, left - 1))
            break;
    atomic_fetch_sub(&r.at_once, 1);
    atomic_fetch_add(&r.runs, 1);
    return GOFER_DONE;
}

static void start(gofer_handler handler)
{
    REQUIRE_OK(gofer_worker_handle(r.worker, "*", handler, NULL, NULL));
    REQUIRE_OK(gofer_worker_start(r.worker));
}

static void enqueue(const char *queue, size_t count)
{
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.queue = queue;
    for (size_t i = 0; i < count; i++)
        REQUIRE_OK(gofer_client_enqueue(r.client, "t", NULL, 0, &opts, NULL));
}

static gofer_status tell(const char *key, const char *value)
{
    return gofer_client_worker_set(r.client, gofer_worker_id(r.worker), key, value);
}

// What inspection shows of the worker.
static bool shown_is(const char *field, const char *want)
{
    gofer_info *list;
    if (gofer_client_workers(r.client, &list) != GOFER_OK || gofer_info_count(list) != 1)
        return false;
    const gofer_info *one = gofer_info_at(list, 0);
    const char *text = gofer_info_text(one, field);
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)gofer_info_int(one, field, -1));
    bool is = strcmp(text ? text : number, want) == 0;
    gofer_info_free(list);
    return is;
}

static size_t live_slots(void)
{
    pthread_mutex_lock(&r.worker->run.pool.lock);
    size_t live = r.worker->run.pool.live;
    pthread_mutex_unlock(&r.worker->run.pool.lock);
    return live;
}

static int64_t pending(const char *queue)
{
    gofer_info *info;
    if (gofer_client_queue(r.client, queue, &info) != GOFER_OK)
        return -1;
    int64_t n = gofer_info_int(info, "pending", -1);
    gofer_info_free(info);
    return n;
}

// ---- the text of commands -----------------------------------------------------------------

static void wrong_commands_are_refused_before_they_are_sent(void)
{
    static const struct { const char *key, *value, *says; } cases[] = {
        { "concurency", "8", "did you mean 'concurrency'" },
        { "speed", "8", "cannot be changed" }, { "concurrency", "0", "1 to 10000" },
        { "concurrency", "8x", "1 to 10000" }, { "concurrency", "", "1 to 10000" },
        { "queues", "", "no queue is given" }, { "queues", "a=0", "1 to 1000" },
        { "queues", "a=1001", "1 to 1000" }, { "queues", "a=x", "weight" },
        { "queues", "a b a", "twice" },
        { "queues", "a{b}", "'{'" }, { "state", "sleeping", "quiet, active or stop" },
        { "state", "stopping", "quiet, active or stop" },
    };
    set_up();
    start(count_run);
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK_STATUS(tell(cases[i].key, cases[i].value), GOFER_EINVAL);
        if (strcmp(cases[i].key, "speed") != 0)
            CHECK_HAS(gofer_error_last(), cases[i].says);
    }
    CHECK_STATUS(gofer_client_worker_set(r.client, "nobody", "state", "stop"), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_worker_set(r.client, "", "state", "stop"), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_worker_set(NULL, "w", "state", "stop"), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_worker_set(r.client, "w", NULL, "stop"), GOFER_EINVAL);
    gf_broker_ops deaf = fleet.now.ops;            // the worker goes on by its own
    deaf.live = NULL;
    r.client->broker->ops = &deaf;
    CHECK_STATUS(tell("state", "stop"), GOFER_EUNSUPPORTED);
    r.client->broker->ops = &fleet.now.ops;
    CHECK(shown_is("state", "active"));
    tear_down();
}

static void a_worker_passes_over_what_it_does_not_know(void)
{
    set_up();
    start(count_run);
    fleet.callbacks.control(fleet.callbacks.arg, "");
    fleet.callbacks.control(fleet.callbacks.arg, "mood good");
    fleet.callbacks.control(fleet.callbacks.arg, "concurrency many");
    enqueue("default", 3);
    WAIT_FOR(atomic_load(&r.runs) == 3);
    tear_down();
}

// ---- concurrency ---------------------------------------------------------------------------

static void concurrency_goes_up_while_tasks_run(void)
{
    set_up();
    REQUIRE_OK(gofer_worker_set(r.worker, "concurrency", "1"));
    start(pass_gate);
    enqueue("default", 5);
    WAIT_FOR(atomic_load(&r.at_once) == 1);
    CHECK_OK(tell("concurrency", "3"));
    WAIT_FOR(atomic_load(&r.at_once) == 3);
    WAIT_FOR(shown_is("concurrency", "3"));
    CHECK_OK(gofer_worker_set(r.worker, "concurrency", "5"));
    WAIT_FOR(atomic_load(&r.at_once) == 5);
    CHECK_INT(atomic_load(&r.most), 5);
    tear_down();
}

static void concurrency_goes_down_and_no_task_is_dropped(void)
{
    set_up();
    REQUIRE_OK(gofer_worker_set(r.worker, "concurrency", "6"));
    start(pass_gate);
    enqueue("default", 20);
    WAIT_FOR(atomic_load(&r.at_once) == 6);
    CHECK_OK(tell("concurrency", "2"));
    CHECK_INT(atomic_load(&r.at_once), 6);
    // The four above the new bound come back first, and nothing takes their place.
    atomic_store(&r.allowed, 4);
    WAIT_FOR(atomic_load(&r.at_once) == 2 && atomic_load(&r.runs) == 4);
    WAIT_FOR(live_slots() == 2);
    atomic_store(&r.most, 0);
    atomic_store(&r.allowed, 16);
    WAIT_FOR(atomic_load(&r.runs) == 20);
    CHECK(atomic_load(&r.most) <= 2);
    // And up again: slots that went home are made anew.
    CHECK_OK(tell("concurrency", "4"));
    enqueue("default", 4);
    WAIT_FOR(atomic_load(&r.at_once) == 4);
    tear_down();
}

static void idle_slots_go_home_when_there_are_too_many(void)
{
    set_up();
    REQUIRE_OK(gofer_worker_set(r.worker, "concurrency", "5"));
    start(pass_gate);
    enqueue("default", 5);
    WAIT_FOR(atomic_load(&r.at_once) == 5);
    atomic_store(&r.allowed, 5);
    WAIT_FOR(atomic_load(&r.runs) == 5);
    CHECK_OK(gofer_worker_set(r.worker, "concurrency", "1"));
    WAIT_FOR(live_slots() == 1);
    enqueue("default", 3);
    atomic_store(&r.most, 0);
    atomic_store(&r.allowed, 3);
    WAIT_FOR(atomic_load(&r.runs) == 8);
    CHECK_INT(atomic_load(&r.most), 1);
    tear_down();
}

static void only_concurrency_may_be_set_after_the_start(void)
{
    set_up();
    start(count_run);
    CHECK_STATUS(gofer_worker_set(r.worker, "grace", "1s"), GOFER_ESTATE);
    CHECK_STATUS(gofer_worker_set(r.worker, "concurrency", "no"), GOFER_EINVAL);
    CHECK_OK(gofer_worker_set(r.worker, "concurrency", "2"));
    tear_down();
}

static void pulled_tasks_go_by_the_new_concurrency_too(void)
{
    gofer_task *tasks[4];
    const int32_t done[4] = { GOFER_DONE, GOFER_DONE, GOFER_DONE, GOFER_DONE };
    size_t count = 0, more = 0;
    set_up();
    REQUIRE_OK(gofer_worker_set(r.worker, "pull", "1"));
    REQUIRE_OK(gofer_worker_set(r.worker, "concurrency", "1"));
    REQUIRE_OK(gofer_worker_start(r.worker));
    enqueue("default", 4);
    REQUIRE_OK(gofer_worker_take(r.worker, tasks, 4, PATIENCE_MS, &count));
    CHECK_INT(count, 1);
    CHECK_STATUS(gofer_worker_take(r.worker, tasks + 1, 3, 0, &more), GOFER_EEMPTY);
    CHECK_OK(gofer_worker_set(r.worker, "concurrency", "3"));
    for (; count < 3; count += more)
        REQUIRE_OK(gofer_worker_take(r.worker, tasks + count, 4 - count, PATIENCE_MS, &more));
    CHECK_INT(count, 3);
    CHECK_OK(gofer_worker_finish(r.worker, tasks, done, count));
    REQUIRE_OK(gofer_worker_take(r.worker, tasks, 4, PATIENCE_MS, &count));
    CHECK_OK(gofer_worker_finish(r.worker, tasks, done, count));
    tear_down();
}

// ---- state -----------------------------------------------------------------------------------

static void a_worker_is_made_quiet_active_and_stopped_from_afar(void)
{
    set_up();
    start(count_run);
    CHECK_OK(tell("state", "quiet"));
    WAIT_FOR(shown_is("state", "quiet"));
    enqueue("default", 2);
    CHECK_OK(tell("state", "active"));
    WAIT_FOR(atomic_load(&r.runs) == 2);
    WAIT_FOR(shown_is("state", "active"));
    CHECK_OK(tell("state", "stop"));
    CHECK_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    tear_down();
}

static bool fetcher_waits(void)
{
    pthread_mutex_lock(&r.worker->run.pool.lock);
    bool waits = r.worker->run.pool.fetcher_at == GF_ON_COND;
    pthread_mutex_unlock(&r.worker->run.pool.lock);
    return waits;
}

// The fetcher has seen the quiet, the guard not yet: as when a busy machine does not let it run.
static void a_quiet_that_only_the_fetcher_saw_ends_too(void)
{
    set_up();
    start(count_run);
    atomic_store(&r.worker->quiet, 1);
    gf_worker_nudge(r.worker);
    WAIT_FOR(fetcher_waits());
    enqueue("default", 2);
    gofer_worker_resume(r.worker);
    WAIT_FOR(atomic_load(&r.runs) == 2);
    tear_down();
}

static void resume_now(int number)
{
    (void)number;
    gofer_worker_resume(r.worker);
}

static void a_signal_handler_may_resume(void)
{
    struct sigaction act = { .sa_handler = resume_now }, before;
    set_up();
    start(count_run);
    gofer_worker_quiet(r.worker);
    WAIT_FOR(shown_is("state", "quiet"));
    enqueue("default", 1);
    REQUIRE(sigaction(SIGUSR1, &act, &before) == 0);
    raise(SIGUSR1);
    sigaction(SIGUSR1, &before, NULL);
    WAIT_FOR(atomic_load(&r.runs) == 1);
    gofer_worker_resume(NULL);
    tear_down();
}

// ---- queues -------------------------------------------------------------------------------------

static void queues_are_replaced_without_a_restart(void)
{
    set_up();
    REQUIRE_OK(gofer_worker_queue(r.worker, "a", 1));
    start(count_run);
    enqueue("b", 2);
    enqueue("a", 1);
    WAIT_FOR(atomic_load(&r.runs) == 1);
    CHECK_OK(tell("queues", "b=3 c"));
    WAIT_FOR(atomic_load(&r.runs) == 3);
    WAIT_FOR(shown_is("queues", "b=3 c=1"));
    enqueue("a", 1);
    enqueue("c", 1);
    WAIT_FOR(atomic_load(&r.runs) == 4);
    CHECK_INT(pending("a"), 1);
    CHECK_INT(pending("c"), 0);
    tear_down();
}

// Slots and the host wake the waiter while the fetcher replaces it.
static void queues_change_under_load(void)
{
    enum { ROUNDS = 100, EACH = 10 };
    set_up();
    REQUIRE_OK(gofer_worker_queue(r.worker, "a", 1));
    start(count_run);
    for (int i = 0; i < ROUNDS; i++) {
        enqueue("a", EACH / 2);
        CHECK_OK(tell("queues", i % 2 ? "a b=2" : "b=5 a=1 d"));
        enqueue("b", EACH / 2);
    }
    WAIT_FOR(atomic_load(&r.runs) == ROUNDS * EACH);
    tear_down();
}

static void a_pattern_finds_queues_as_they_come_and_go(void)
{
    set_up();
    REQUIRE_OK(gofer_worker_queue(r.worker, "mail:*", 2));
    REQUIRE_OK(gofer_worker_queue(r.worker, "mail:vip", 5));
    start(count_run);
    WAIT_FOR(shown_is("queues", "mail:vip=5 mail:*=2"));
    enqueue("other", 1);
    enqueue("mail:vip", 1);
    enqueue("mail:a", 2);
    WAIT_FOR(atomic_load(&r.runs) == 3);
    WAIT_FOR(shown_is("queues", "mail:vip=5 mail:a=2 mail:*=2"));
    CHECK_INT(pending("other"), 1);
    // once the outcomes are in
    WAIT_FOR(gofer_client_queue_delete(r.client, "mail:a", 1) == GOFER_OK);
    WAIT_FOR(shown_is("queues", "mail:vip=5 mail:*=2"));
    enqueue("mail:a", 1);
    WAIT_FOR(atomic_load(&r.runs) == 4);
    tear_down();
}

static void without_a_match_a_worker_waits(void)
{
    set_up();
    REQUIRE_OK(gofer_worker_queue(r.worker, "x:*", 1));
    start(count_run);
    WAIT_FOR(shown_is("queues", "x:*=1"));
    enqueue("x:1", 1);
    WAIT_FOR(atomic_load(&r.runs) == 1);
    tear_down();
}

static void draining_ends_when_the_matching_queues_are_empty(void)
{
    set_up();
    enqueue("d:1", 3);
    enqueue("d:2", 3);
    enqueue("e", 1);
    REQUIRE_OK(gofer_worker_set(r.worker, "drain", "1"));
    REQUIRE_OK(gofer_worker_queue(r.worker, "d:*", 1));
    start(count_run);
    CHECK_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    CHECK_INT(atomic_load(&r.runs), 6);
    CHECK_INT(pending("e"), 1);
    tear_down();
}

static void draining_what_matches_nothing_ends_at_once(void)
{
    set_up();
    REQUIRE_OK(gofer_worker_set(r.worker, "drain", "1"));
    REQUIRE_OK(gofer_worker_queue(r.worker, "nothing:*", 1));
    start(count_run);
    CHECK_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    tear_down();
}

static void the_longest_pattern_gives_the_weight(void)
{
    static const struct { const char *subscription, *names[4], *want; } cases[] = {
        { "a b=2", { "c" }, "a=1 b=2" },
        { "a:*=3 a:b:*=4", { "a:1", "a:b:1", "z" }, "a:1=3 a:b:1=4 a:*=3 a:b:*=4" },
        { "*", { "a", "b" }, "a=1 b=1 *=1" },
        { "b=9 *=2", { "a", "b", "c" }, "b=9 a=2 c=2 *=2" },
        { "x=1=7", { NULL }, "x=1=7" },
        { "  p*=2\tq  ", { "p", "pq" }, "q=1 p=2 pq=2 p*=2" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_subscription subscription = { 0 };
        gf_queue_set *set = NULL;
        gf_names names = { .names = (char **)cases[i].names };
        while (names.count < 4 && cases[i].names[names.count])
            names.count++;
        REQUIRE_OK(gf_subscription_parse(&subscription, cases[i].subscription));
        REQUIRE_OK(gf_queue_set_make(&subscription, &names, &set));
        CHECK_STR(set->text, cases[i].want);
        gf_queue_set_drop(set);
        gf_subscription_clear(&subscription);
    }
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(wrong_commands_are_refused_before_they_are_sent),
        TEST(a_worker_passes_over_what_it_does_not_know),
        TEST(concurrency_goes_up_while_tasks_run),
        TEST(concurrency_goes_down_and_no_task_is_dropped),
        TEST(idle_slots_go_home_when_there_are_too_many),
        TEST(only_concurrency_may_be_set_after_the_start),
        TEST(pulled_tasks_go_by_the_new_concurrency_too),
        TEST(a_worker_is_made_quiet_active_and_stopped_from_afar),
        TEST(a_quiet_that_only_the_fetcher_saw_ends_too),
        TEST(a_signal_handler_may_resume),
        TEST(queues_are_replaced_without_a_restart),
        TEST(queues_change_under_load),
        TEST(a_pattern_finds_queues_as_they_come_and_go),
        TEST(without_a_match_a_worker_waits),
        TEST(draining_ends_when_the_matching_queues_are_empty),
        TEST(draining_what_matches_nothing_ends_at_once),
        TEST(the_longest_pattern_gives_the_weight),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
