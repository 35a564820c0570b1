// worker_group_test.c - groups are aggregated: by functions and commands, with a store that loses
// replies and takes sets back.
#include "gofer/gofer.h"

#include <unistd.h>

#include "fake_fleet.h"
#include "shown.h"
#include "worker/runtime.h"

typedef struct rig {
    gofer_client *client;
    gofer_worker *worker;
    _Atomic int   calls, at_once, most, gate, outcome, skip_combine, drops;
    char          seen[512], log[4096];
    pthread_mutex_t lock;
} rig;

static rig r;

static void keep_log(void *user, int32_t level, int64_t time_ms, const char *text,
    const char *fields)
{
    CHECK(user == &r);
    CHECK(level >= GOFER_LOG_DEBUG && level <= GOFER_LOG_ERROR);
    CHECK(time_ms <= gf_now_ms() && time_ms > gf_now_ms() - 3600000);
    pthread_mutex_lock(&r.lock);
    size_t used = strlen(r.log);
    snprintf(r.log + used, sizeof r.log - used, "%s %s\n", text, fields);
    pthread_mutex_unlock(&r.lock);
}

static bool logged(const char *words)
{
    pthread_mutex_lock(&r.lock);
    bool found = strstr(r.log, words) != NULL;
    pthread_mutex_unlock(&r.lock);
    return found;
}

static int32_t ignore(gofer_task *task, void *user)
{
    (void)task, (void)user;
    return GOFER_DONE;
}

static void set_up(void)
{
    gofer_client_options opts;
    gofer_client_options_init(&opts);
    opts.log = keep_log;
    opts.log_user = &r;
    r = (rig){ .lock = PTHREAD_MUTEX_INITIALIZER, .gate = 1 };
    REQUIRE_OK(gofer_client_open(&r.client, "memory:", &opts));
    fleet_install(r.client);
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    REQUIRE_OK(gofer_worker_queue(r.worker, "q", 1));
    // Only its tasks are combined: what comes of them stays where it can be looked at.
    REQUIRE_OK(gofer_worker_handle(r.worker, "none", ignore, NULL, NULL));
}

static void tear_down(void)
{
    atomic_store(&r.gate, 1);
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
    fleet_clear();
}

static void drop(void *user)
{
    // Each user once: "prefix", "longer", "exact".
    atomic_fetch_add(&r.drops,
        *(char *)user == 'p'       ? 1
            : *(char *)user == 'l' ? 10
            : *(char *)user == 'e' ? 100
                                   : 1000);
}

// Puts together what it sees, oldest first.
static int32_t join(gofer_group *group, void *user)
{
    char text[512];
    int used =
        snprintf(text, sizeof text, "%s/%s:", gofer_group_queue(group), gofer_group_name(group));
    int now = atomic_fetch_add(&r.at_once, 1) + 1;
    if (now > atomic_load(&r.most))
        atomic_store(&r.most, now);
    for (size_t i = 0; i < gofer_group_count(group); i++) {
        size_t size;
        const gofer_task *task = gofer_group_at(group, i);
        const char *payload = gofer_task_payload(task, &size);
        used +=
            snprintf(text + used, sizeof text - (size_t)used, " %s=%s,%.*s,%s", gofer_task_id(task),
                gofer_task_type(task), (int)size, payload, gofer_task_header(task, "k"));
    }
    CHECK(gofer_group_at(group, gofer_group_count(group)) == NULL);
    pthread_mutex_lock(&r.lock);
    snprintf(r.seen, sizeof r.seen, "%s", text);
    pthread_mutex_unlock(&r.lock);
    atomic_fetch_add(&r.calls, 1);
    while (!atomic_load(&r.gate))
        gf_sleep_us(500);
    atomic_fetch_sub(&r.at_once, 1);
    if (!atomic_load(&r.skip_combine))
        CHECK_OK(gofer_group_combine(group, "whole", user ? user : text,
            user ? strlen(user) : (size_t)used, NULL));
    return atomic_load(&r.outcome);
}

static void start(const char *pattern)
{
    REQUIRE_OK(gofer_worker_aggregate(r.worker, pattern, join, NULL, NULL));
    REQUIRE_OK(gofer_worker_start(r.worker));
}

// The combined task's payload; NULL while it is not there. gofer_free.
static char *combined(const char *id)
{
    gofer_info *info;
    size_t size;
    if (gofer_client_task(r.client, "q", id, &info) != GOFER_OK)
        return NULL;
    CHECK_STR(gofer_info_text(info, "type"), "whole");
    const void *bytes = gofer_info_bytes(info, "payload", &size);
    char *text = gf_memdup(bytes, size);
    gofer_info_free(info);
    return text;
}

static void a_group_becomes_one_task(void)
{
    set_up();
    fake_group_add("q", "mails", 3);
    start("mails");
    WAIT_FOR(atomic_load(&fleet.puts) == 1);
    pthread_mutex_lock(&r.lock);
    CHECK_STR(r.seen, "q/mails: g0=part,g0,v g1=part,g1,v g2=part,g2,v");
    pthread_mutex_unlock(&r.lock);
    char *text;
    WAIT_FOR((text = combined("group:set-0")) != NULL);
    CHECK_STR(text, "q/mails: g0=part,g0,v g1=part,g1,v g2=part,g2,v");
    gf_free(text);
    CHECK_INT(atomic_load(&fleet.backs), 0);
    tear_down();
}

static void a_failure_puts_the_tasks_back_and_the_group_rests(void)
{
    set_up();
    fake_group *g = fake_group_add("q", "bad", 2);
    atomic_store(&r.outcome, 1);
    start("*");
    WAIT_FOR(atomic_load(&fleet.backs) == 1);
    CHECK_INT(atomic_load(&fleet.puts), 0);
    // It rests, while others do not.
    atomic_store(&r.outcome, 0);
    fake_group_add("q", "good", 1);
    WAIT_FOR(atomic_load(&fleet.puts) == 1);
    CHECK_STR(fleet.put_ids[0], "group:set-1");
    WAIT_FOR(atomic_load(&fleet.puts) == 2);
    CHECK_INT(atomic_load(&g->taken), 2);
    CHECK_INT(atomic_load(&g->backs), 1);
    tear_down();
}

static void an_aggregator_that_makes_no_task_puts_back(void)
{
    set_up();
    fake_group_add("q", "g", 2);
    atomic_store(&r.skip_combine, 1);
    start("*");
    WAIT_FOR(atomic_load(&fleet.backs) == 1);
    WAIT_FOR(logged("made no task"));
    CHECK_INT(atomic_load(&fleet.puts), 0);
    tear_down();
}

static void a_lost_reply_is_repeated_under_the_same_id(void)
{
    set_up();
    fake_group_add("q", "g", 2);
    atomic_store(&fleet.put_lost, 2);
    start("g");
    WAIT_FOR(atomic_load(&fleet.puts) >= 3);
    CHECK_INT(atomic_load(&r.calls), 1);
    for (int i = 0; i < 3; i++)
        CHECK_STR(fleet.put_ids[i], "group:set-0");
    gofer_info *info;
    REQUIRE_OK(gofer_client_queue(r.client, "q", &info));
    CHECK_INT(gofer_info_int(info, "size", -1), 1);
    gofer_info_free(info);
    CHECK_INT(atomic_load(&fleet.backs), 0);
    tear_down();
}

static void a_store_in_trouble_is_asked_again(void)
{
    set_up();
    fake_group_add("q", "g", 2);
    atomic_store(&fleet.put_status, GOFER_EBROKER);
    atomic_store(&fleet.put_fails, 3);
    start("g");
    WAIT_FOR(atomic_load(&fleet.puts) == 4);
    char *text;
    WAIT_FOR((text = combined("group:set-0")) != NULL);
    gf_free(text);
    tear_down();
}

static void a_set_that_was_taken_back_is_let_go(void)
{
    set_up();
    fake_group_add("q", "g", 2);
    atomic_store(&fleet.put_status, GOFER_ESTALE);
    atomic_store(&fleet.put_fails, 1);
    start("g");
    WAIT_FOR(logged("took too long"));
    CHECK_INT(atomic_load(&fleet.puts), 1);
    CHECK_INT(atomic_load(&fleet.backs), 0);
    tear_down();
}

static void a_task_that_the_store_refuses_puts_back(void)
{
    set_up();
    fake_group_add("q", "g", 2);
    atomic_store(&fleet.put_status, GOFER_ETOOBIG);
    atomic_store(&fleet.put_fails, 1);
    start("g");
    WAIT_FOR(atomic_load(&fleet.backs) == 1);
    WAIT_FOR(logged("the test wants this"));
    tear_down();
}

static int32_t name_it(gofer_group *group, void *user)
{
    return gofer_group_combine(group, "whole", user, strlen(user), NULL);
}

static void the_nearest_pattern_aggregates_and_others_are_left_alone(void)
{
    set_up();
    fake_group *left = fake_group_add("q", "other", 1);
    fake_group_add("q", "mail:eu:1", 1);
    fake_group_add("q", "mail:us", 1);
    fake_group_add("q", "mail:eu", 1);
    REQUIRE_OK(gofer_worker_aggregate(r.worker, "mail:*", name_it, (void *)"prefix", drop));
    REQUIRE_OK(gofer_worker_aggregate(r.worker, "mail:eu*", name_it, (void *)"longer", drop));
    REQUIRE_OK(gofer_worker_aggregate(r.worker, "mail:eu", name_it, (void *)"exact", drop));
    CHECK_STATUS(gofer_worker_aggregate(r.worker, "mail:eu", name_it, (void *)"again", drop),
        GOFER_EEXIST);
    CHECK_HAS(gofer_error_last(), "group pattern");
    REQUIRE_OK(gofer_worker_start(r.worker));
    WAIT_FOR(atomic_load(&fleet.puts) >= 3);
    static const struct { const char *id, *want; } cases[] = {
        { "group:set-1", "longer" }, { "group:set-2", "prefix" }, { "group:set-3", "exact" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text;
        WAIT_FOR((text = combined(cases[i].id)) != NULL);
        CHECK_STR(text, cases[i].want);
        gf_free(text);
    }
    CHECK_INT(left->taken, 0);
    tear_down();
    CHECK_INT(atomic_load(&r.drops), 111);
}

static void a_group_that_nobody_asked_for_goes_back_at_once(void)
{
    set_up();
    fake_group *g = fake_group_add("q", "other", 1);
    atomic_store(&fleet.heedless, 1);
    start("mine");
    WAIT_FOR(g->backs >= 1);
    CHECK_INT(atomic_load(&r.calls), 0);
    tear_down();
}

static void no_more_than_three_rounds_at_a_time(void)
{
    static const char *const names[] = { "a", "b", "c", "d", "e" };
    set_up();
    for (size_t i = 0; i < COUNT(names); i++)
        fake_group_add("q", names[i], 1);
    atomic_store(&r.gate, 0);
    start("*");
    WAIT_FOR(atomic_load(&r.at_once) == 3);
    atomic_store(&r.gate, 1);
    WAIT_FOR(atomic_load(&fleet.puts) == 5);
    CHECK_INT(atomic_load(&r.most), 3);
    tear_down();
}

static void a_quiet_worker_takes_no_more_sets(void)
{
    static const char *const names[] = { "a", "b", "c", "d", "e" };
    set_up();
    for (size_t i = 0; i < COUNT(names); i++)
        fake_group_add("q", names[i], 1);
    atomic_store(&r.gate, 0);
    start("*");
    WAIT_FOR(atomic_load(&r.at_once) == 3);
    gofer_worker_quiet(r.worker);
    WAIT_FOR(shown_as(r.client, "quiet"));           // while aggregators run on
    atomic_store(&r.gate, 1);
    WAIT_FOR(atomic_load(&fleet.puts) >= 3);
    gf_sleep_us(100000);
    CHECK_INT(atomic_load(&r.calls), 3);
    gofer_worker_resume(r.worker);
    WAIT_FOR(atomic_load(&fleet.puts) == 5);
    tear_down();
}

static void a_worker_is_shown_as_quiet_once_no_set_is_being_taken(void)
{
    set_up();
    atomic_store(&fleet.take_hold, 1);
    fake_group_add("q", "a", 1);
    start("*");
    WAIT_FOR(atomic_load(&fleet.taking) > 0);
    gofer_worker_quiet(r.worker);
    gf_sleep_us(300000);
    CHECK(shown_as(r.client, "active"));
    atomic_store(&fleet.take_hold, 0);
    WAIT_FOR(shown_as(r.client, "quiet"));
    tear_down();
}

// ---- what a combined task may be ---------------------------------------------------------------

static int32_t try_options(gofer_group *group, void *user)
{
    gofer_enqueue_options o;
    static const char *const wrong[] = { "queue", "task_id", "group", "unique_ms" };
    (void)user;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        gofer_enqueue_options_init(&o);
        o.queue = i == 0 ? "x" : NULL;
        o.task_id = i == 1 ? "x" : NULL;
        o.group = i == 2 ? "x" : NULL;
        o.unique_ms = i == 3 ? 1000 : 0;
        CHECK_STATUS(gofer_group_combine(group, "whole", "x", 1, &o), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), wrong[i]);
    }
    CHECK_STATUS(gofer_group_combine(group, "", NULL, 0, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_group_combine(NULL, "whole", NULL, 0, NULL), GOFER_EINVAL);
    const char *headers[] = { "h", "1", NULL };
    gofer_enqueue_options_init(&o);
    o.headers = headers;
    o.max_retry = 3;
    CHECK_OK(gofer_group_combine(group, "first", "1", 1, NULL));
    CHECK_OK(gofer_group_combine(group, "whole", "2", 1, &o));
    headers[1] = "changed";
    return 0;
}

static void the_last_combine_holds_with_its_options(void)
{
    set_up();
    fake_group_add("q", "g", 1);
    REQUIRE_OK(gofer_worker_aggregate(r.worker, "g", try_options, NULL, NULL));
    REQUIRE_OK(gofer_worker_start(r.worker));
    gofer_info *info = NULL;
    WAIT_FOR(gofer_client_task(r.client, "q", "group:set-0", &info) == GOFER_OK);
    CHECK_STR(gofer_info_text(info, "type"), "whole");
    CHECK_STR(gofer_info_text(gofer_info_child(info, "headers"), "h"), "1");
    CHECK_INT(gofer_info_int(info, "max_retry", -1), 3);
    gofer_info_free(info);
    tear_down();
}

// ---- commands -----------------------------------------------------------------------------------

static void exec(const char *line)
{
    const char *const argv[] = { "/bin/sh", "-c", line, NULL };
    REQUIRE_OK(gofer_worker_aggregate_exec(r.worker, "*", "whole", argv));
    REQUIRE_OK(gofer_worker_start(r.worker));
}

static void a_command_reads_json_and_prints_the_payload(void)
{
    set_up();
    fake_group *g = fake_group_add("q", "mails", 2);
    g->tasks[1].payload = "\xff\0\n";
    g->tasks[1].payload_size = 3;
    exec("cat; printf ' %s %s %s' \"$GOFER_GROUP\" \"$GOFER_TASK_QUEUE\" \"${GOFER_URL:+url}\"");
    char *text;
    WAIT_FOR((text = combined("group:set-0")) != NULL);
    CHECK_STR(text, "[{\"id\":\"g0\",\"type\":\"part\",\"payload\":\"g0\"},"
        "{\"id\":\"g1\",\"type\":\"part\",\"payload\":{\"base64\":\"/wAK\"}}] mails q url");
    gf_free(text);
    tear_down();
}

static void a_command_that_fails_puts_back_and_says_why(void)
{
    set_up();
    fake_group_add("q", "g", 1);
    exec("echo no paper >&2; exit 3");
    WAIT_FOR(atomic_load(&fleet.backs) == 1);
    WAIT_FOR(logged("exit code 3: no paper"));
    CHECK_INT(atomic_load(&fleet.puts), 0);
    tear_down();
}

static void a_command_is_ended_before_its_set_is(void)
{
    set_up();
    fake_group_add("q", "g", 1);
    fleet.set_ms = 3100;
    exec("exec sleep 600");
    WAIT_FOR(atomic_load(&fleet.backs) == 1);
    WAIT_FOR(logged("at the deadline"));
    tear_down();
}

static void wrong_commands_are_refused(void)
{
    const char *const none[] = { NULL }, *const missing[] = { "no-such-command-here", NULL },
                      *const ok[] = { "true", NULL };
    set_up();
    CHECK_STATUS(gofer_worker_aggregate_exec(r.worker, "g", "t", none), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_aggregate_exec(r.worker, "g", "t", missing), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_worker_aggregate_exec(r.worker, "g", "", ok), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_aggregate_exec(r.worker, "g*x", "t", ok), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_aggregate(r.worker, "g", NULL, NULL, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_set(r.worker, "group_grace", "500ms"), GOFER_EINVAL);
    CHECK_OK(gofer_worker_set(r.worker, "group_grace", "1s"));
    fleet.now.ops.groups = NULL;
    CHECK_STATUS(gofer_worker_aggregate(r.worker, "g", join, NULL, NULL), GOFER_EUNSUPPORTED);
    fleet.now.ops.groups = &fleet.now.groups;
    tear_down();
}

// ---- stopping -----------------------------------------------------------------------------------

static void a_stop_waits_for_a_round_within_the_grace(void)
{
    set_up();
    fake_group_add("q", "g", 1);
    REQUIRE_OK(gofer_worker_set(r.worker, "grace", "5m"));
    atomic_store(&r.gate, 0);
    start("g");
    WAIT_FOR(atomic_load(&r.calls) == 1);
    gofer_worker_stop(r.worker);
    CHECK_STATUS(gofer_worker_wait(r.worker, 50), GOFER_ETIMEOUT);
    atomic_store(&r.gate, 1);
    CHECK_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    CHECK_INT(atomic_load(&fleet.puts), 1);
    CHECK_INT(atomic_load(&fleet.backs), 0);
    tear_down();
}

static void an_aggregator_that_stays_loses_its_group(void)
{
    set_up();
    fake_group_add("q", "g", 1);
    REQUIRE_OK(gofer_worker_set(r.worker, "grace", "0"));
    atomic_store(&r.gate, 0);
    start("g");
    WAIT_FOR(atomic_load(&r.calls) == 1);
    gofer_worker_stop(r.worker);
    CHECK_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    CHECK_INT(atomic_load(&fleet.backs), 1);
    atomic_store(&r.gate, 1);          // and comes back after all, with a task that
                                       //   nobody wants any more
    tear_down();
    CHECK_INT(atomic_load(&fleet.puts), 0);
}

static void a_command_is_told_to_stop_with_the_worker(void)
{
    set_up();
    fake_group_add("q", "g", 1);
    REQUIRE_OK(gofer_worker_set(r.worker, "grace", "0"));
    exec("echo here >&2; exec sleep 600");
    WAIT_FOR(logged("here"));
    gofer_worker_stop(r.worker);
    CHECK_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    CHECK_INT(atomic_load(&fleet.backs), 1);
    tear_down();
}

static void draining_waits_for_what_is_being_aggregated(void)
{
    set_up();
    fake_group_add("q", "g", 1);
    REQUIRE_OK(gofer_worker_set(r.worker, "drain", "1"));
    REQUIRE_OK(gofer_worker_handle(r.worker, "whole", ignore, NULL, NULL));
    atomic_store(&r.gate, 0);
    start("g");
    WAIT_FOR(atomic_load(&r.calls) == 1);
    CHECK_STATUS(gofer_worker_wait(r.worker, 20), GOFER_ETIMEOUT);
    atomic_store(&r.gate, 1);
    CHECK_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    gofer_info *info;
    REQUIRE_OK(gofer_client_queue(r.client, "q", &info));
    CHECK_INT(gofer_info_int(info, "size", -1), 0);
    CHECK_INT(gofer_info_int(info, "processed", -1), 1);
    gofer_info_free(info);
    tear_down();
}

static void sets_of_dead_workers_are_reclaimed(void)
{
    set_up();
    start("g");
    WAIT_FOR(atomic_load(&fleet.reclaims) > 0);
    tear_down();
}

static void with_aggregators_alone_a_worker_takes_no_tasks(void)
{
    gofer_worker *worker;
    set_up();
    REQUIRE_OK(gofer_worker_new(&worker, r.client));
    REQUIRE_OK(gofer_worker_queue(worker, "q", 1));
    REQUIRE_OK(gofer_worker_aggregate(worker, "g", join, NULL, NULL));
    fake_group_add("q", "g", 1);
    REQUIRE_OK(gofer_worker_start(worker));
    WAIT_FOR(atomic_load(&fleet.puts) == 1);
    gofer_worker_free(worker);
    gofer_info *info;
    REQUIRE_OK(gofer_client_task(r.client, "q", "group:set-0", &info));
    CHECK_STR(gofer_info_text(info, "state"), "pending");
    gofer_info_free(info);
    tear_down();
}

// ---- what crashed its worker -----------------------------------------------------------------

static int32_t count_it(gofer_task *task, void *user)
{
    (void)task;
    atomic_fetch_add((_Atomic int *)user, 1);
    return GOFER_DONE;
}

static void a_set_that_crashed_too_often_is_archived_and_others_go_on(void)
{
    set_up();
    fake_group *killer = fake_suspect_add("q", "killer", 2, 4);
    fake_suspect_add("q", "last", 1, 3);   // the limit: once more
    fake_group_add("q", "good", 1);
    start("*");
    WAIT_FOR(atomic_load(&fleet.archives) == 1);
    pthread_mutex_lock(&fleet.lock);
    CHECK_STR(killer->archived,
        "the aggregator of group 'killer' crashed its worker 4 times (crash limit 3)");
    pthread_mutex_unlock(&fleet.lock);
    WAIT_FOR(atomic_load(&fleet.puts) == 2);
    CHECK_INT(atomic_load(&r.calls), 2);
    CHECK_INT(atomic_load(&fleet.archives), 1);
    WAIT_FOR(logged("a group's tasks were archived"));
    tear_down();
}

static void a_suspect_set_runs_apart(void)
{
    static _Atomic int handled;
    set_up();
    atomic_store(&handled, 0);
    atomic_store(&r.gate, 0);
    REQUIRE_OK(gofer_worker_handle(r.worker, "some", count_it, (void *)&handled, NULL));
    fake_suspect_add("q", "suspect", 1, 1);
    start("*");
    WAIT_FOR(atomic_load(&r.calls) == 1);
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = "q";
    CHECK_OK(gofer_client_enqueue(r.client, "some", NULL, 0, &o, NULL));
    fake_group_add("q", "fresh", 1);
    gf_sleep_us(300000);           // nothing is begun beside it
    CHECK_INT(atomic_load(&handled), 0);
    CHECK_INT(atomic_load(&r.calls), 1);
    atomic_store(&r.gate, 1);
    WAIT_FOR(atomic_load(&fleet.puts) == 2);
    WAIT_FOR(atomic_load(&handled) == 1);
    tear_down();
}

static int32_t hold_on(gofer_task *task, void *user)
{
    _Atomic int *stage = user;     // 1: it runs, 2: it may end
    (void)task;
    atomic_store(stage, 1);
    while (atomic_load(stage) != 2)
        gf_sleep_us(500);
    return GOFER_DONE;
}

// It waits for those that are new, and not for ever for long ones.
static void a_suspect_set_runs_beside_what_has_run_for_long(void)
{
    static _Atomic int stage;
    set_up();
    atomic_store(&stage, 0);
    REQUIRE_OK(gofer_worker_handle(r.worker, "long", hold_on, (void *)&stage, NULL));
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = "q";
    CHECK_OK(gofer_client_enqueue(r.client, "long", NULL, 0, &o, NULL));
    start("*");
    WAIT_FOR(atomic_load(&stage) == 1);
    fake_suspect_add("q", "suspect", 1, 1);
    WAIT_FOR(atomic_load(&fleet.puts) == 1);
    CHECK_INT(atomic_load(&stage), 1);
    atomic_store(&stage, 2);
    tear_down();
}

static void a_set_is_given_back_when_its_time_is_over(void)
{
    set_up();
    fleet.set_ms = 3000;
    atomic_store(&r.gate, 0);
    fake_group_add("q", "slow", 1);
    start("*");
    WAIT_FOR(atomic_load(&fleet.backs) >= 1);
    CHECK(atomic_load(&r.at_once) >= 1);   // while it runs on
    WAIT_FOR(logged("not done with it in the set's time"));
    atomic_store(&r.gate, 1);
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_group_becomes_one_task),
        TEST(a_failure_puts_the_tasks_back_and_the_group_rests),
        TEST(an_aggregator_that_makes_no_task_puts_back),
        TEST(a_lost_reply_is_repeated_under_the_same_id),
        TEST(a_store_in_trouble_is_asked_again),
        TEST(a_set_that_was_taken_back_is_let_go),
        TEST(a_task_that_the_store_refuses_puts_back),
        TEST(the_nearest_pattern_aggregates_and_others_are_left_alone),
        TEST(a_group_that_nobody_asked_for_goes_back_at_once),
        TEST(no_more_than_three_rounds_at_a_time),
        TEST(a_quiet_worker_takes_no_more_sets),
        TEST(a_worker_is_shown_as_quiet_once_no_set_is_being_taken),
        TEST(the_last_combine_holds_with_its_options),
        TEST(a_command_reads_json_and_prints_the_payload),
        TEST(a_command_that_fails_puts_back_and_says_why),
        TEST(a_command_is_ended_before_its_set_is),
        TEST(wrong_commands_are_refused),
        TEST(a_stop_waits_for_a_round_within_the_grace),
        TEST(an_aggregator_that_stays_loses_its_group),
        TEST(a_command_is_told_to_stop_with_the_worker),
        TEST(draining_waits_for_what_is_being_aggregated),
        TEST(sets_of_dead_workers_are_reclaimed),
        TEST(with_aggregators_alone_a_worker_takes_no_tasks),
        TEST(a_set_that_crashed_too_often_is_archived_and_others_go_on),
        TEST(a_suspect_set_runs_apart),
        TEST(a_suspect_set_runs_beside_what_has_run_for_long),
        TEST(a_set_is_given_back_when_its_time_is_over),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
