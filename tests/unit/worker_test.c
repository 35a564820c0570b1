// worker_test.c - real workers on a private store, through the public doors: what becomes of
// tasks, handlers, hooks.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "worker_rig.h"

static int32_t fail_twice(gofer_task *task, void *user)
{
    int run = atomic_fetch_add(&((rig *)user)->runs, 1) + 1;
    CHECK_INT(gofer_task_attempt(task), run);
    if (run == 1)
        CHECK(gofer_task_last_error(task) == NULL);
    else
        CHECK_STR(gofer_task_last_error(task), "not yet");
    return run < 3 ? gofer_task_retry_in(task, 1, "not yet") : GOFER_DONE;
}

static int32_t give_up(gofer_task *task, void *user)
{
    (void)user;
    return gofer_task_skip_retry(task, "hopeless \xFF");
}

static int32_t not_wanted(gofer_task *task, void *user)
{
    (void)user;
    return gofer_task_revoke(task, "no longer wanted");
}

static int32_t fail(gofer_task *task, void *user)
{
    atomic_fetch_add(&((rig *)user)->runs, 1);
    return gofer_task_fail(task, "451");
}

static int32_t forty_two(gofer_task *task, void *user)
{
    (void)task;
    (void)user;
    return 42;
}

// ---- outcomes -----------------------------------------------------------------------------------

static void a_task_that_fails_twice_then_succeeds_runs_three_times(void)
{
    SET_UP("concurrency", "2");
    handle("t", fail_twice);
    gofer_enqueue_options o = { .retention_ms = 60000 };
    enqueue("t", "one", &o);
    start();
    WAIT_FOR(task_is("one", "state", "completed"));
    CHECK_INT(atomic_load(&r.runs), 3);
    CHECK_INT(task_int("one", "retried"), 2);
    WAIT_FOR(stat_of("processed") == 3);
    CHECK_INT(stat_of("failed"), 2);
    CHECK_INT(stat_of("retried"), 2);
    CHECK_INT(queue_int("default", "processed"), 3);
    CHECK_INT(queue_int("default", "failed"), 2);
    tear_down();
}

static void failures_end_where_they_should(void)
{
    SET_UP("concurrency", "2");
    handle("skip", give_up);
    handle("revoke", not_wanted);
    handle("fail", fail);
    handle("odd", forty_two);
    gofer_enqueue_options once = { .max_retry = GOFER_NO_RETRY };
    enqueue("skip", "skip", NULL);
    enqueue("revoke", "revoke", NULL);
    enqueue("fail", "last", &once);
    enqueue("fail", "again", NULL);
    enqueue("odd", "odd", NULL);
    enqueue("stranger", "stranger", NULL);
    start();
    WAIT_FOR(stat_of("processed") == 5);
    CHECK(task_is("skip", "state", "archived") &&
        task_is("skip", "last_error", "hopeless \xEF\xBF\xBD"));
    CHECK(task_is("revoke", "state", NULL));
    CHECK(task_is("last", "state", "archived") && task_is("last", "last_error", "451"));
    CHECK(task_is("again", "state", "retry"));
    CHECK_INT(task_int("again", "retried"), 1);
    CHECK(task_is("odd", "state", "retry") && task_is("odd", "last_error", "returned 42"));
    WAIT_FOR(task_is("stranger", "state", "retry"));
    CHECK(task_is("stranger", "last_error", "matches type 'stranger'"));
    CHECK_INT(task_int("stranger", "retried"), 0);
    CHECK_INT(stat_of("archived"), 2);
    CHECK_INT(stat_of("revoked"), 1);
    CHECK_INT(stat_of("retried"), 2);
    tear_down();
}

static int32_t requeue_once(gofer_task *task, void *user)
{
    say(gofer_task_id(task));
    bool first = atomic_fetch_add(&((rig *)user)->runs, 1) == 0;
    return first ? GOFER_REQUEUE : GOFER_DONE;
}

static void requeue_comes_back_first_and_is_not_counted(void)
{
    SET_UP("concurrency", "1", "drain", "1", "max_prefetch", "0");   // b stays in the store
    handle("t", requeue_once);
    enqueue("t", "a", NULL);
    enqueue("t", "b", NULL);
    start();
    wait_end();
    CHECK_STR(r.text, "a a b");
    CHECK_INT(stat_of("processed"), 2);
    tear_down();
}

static int32_t leave_result(gofer_task *task, void *user)
{
    CHECK(user == &r);
    CHECK_STR(gofer_task_id(task), "one");
    size_t size;
    const char *payload = gofer_task_payload(task, &size);
    CHECK_MEM(payload, size, "payload", 7);
    CHECK_INT(payload[size], '\0');
    CHECK_STR(gofer_task_type(task), "t");
    CHECK_STR(gofer_task_queue(task), "default");
    CHECK_INT(gofer_task_max_retry(task), 25);
    CHECK(gofer_task_slot(task) >= 0);
    CHECK(gofer_task_client(task) == r.client);
    CHECK(gofer_task_enqueued_at_ms(task) > 0);
    CHECK(gofer_task_deadline_ms(task) > gofer_task_enqueued_at_ms(task));
    int64_t left = gofer_task_remaining_ms(task);
    CHECK(left > 1000 && left <= 60000);
    CHECK_STR(gofer_task_header(task, "trace"), "abc");
    CHECK(gofer_task_header(task, "nope") == NULL);
    CHECK_INT(gofer_task_header_count(task), 2);
    const char *key, *value;
    CHECK_OK(gofer_task_header_at(task, 1, &key, &value));
    CHECK_STR(value, "");
    CHECK_STATUS(gofer_task_header_at(task, 2, &key, &value), GOFER_EINVAL);
    static char big[(16 << 20) + 1];
    CHECK_STATUS(gofer_task_result(task, big, sizeof big), GOFER_ETOOBIG);
    CHECK_OK(gofer_task_result(task, "first", 5));
    CHECK_OK(gofer_task_result(task, "a\0b", 3));
    return GOFER_DONE;
}

static void a_handler_sees_its_task_and_leaves_a_result(void)
{
    SET_UP("concurrency", "1");
    handle("t", leave_result);
    static const char *const headers[] = { "trace", "abc", "empty", "", NULL };
    gofer_enqueue_options o = { .retention_ms = 60000, .timeout_ms = 60000, .headers = headers };
    enqueue("t", "one", &o);
    start();
    WAIT_FOR(task_is("one", "state", "completed"));
    gofer_info *info;
    REQUIRE_OK(gofer_client_task(r.client, NULL, "one", &info));
    size_t size = 0;
    const void *result = gofer_info_bytes(info, "result", &size);
    CHECK_MEM(result, size, "a\0b", 3);
    gofer_info_free(info);
    tear_down();
}

// ---- handlers, middleware, hooks ----------------------------------------------------------------

static int32_t layer(gofer_task *task, void *user)
{
    say(user);
    int32_t outcome = gofer_task_next(task);
    say("/");
    say(user);
    return outcome;
}

static int32_t gatekeeper(gofer_task *task, void *user)
{
    (void)user;
    return strcmp(gofer_task_id(task), "blocked") == 0 ? GOFER_REVOKE : gofer_task_next(task);
}

static void middleware_wraps_in_order_and_may_keep_the_handler_from_running(void)
{
    static char a[] = "a", b[] = "b";
    SET_UP("concurrency", "1", "drain", "1");
    handle("t", say_id);
    REQUIRE_OK(gofer_worker_use(r.worker, gatekeeper, NULL, NULL));
    REQUIRE_OK(gofer_worker_use(r.worker, layer, a, NULL));
    REQUIRE_OK(gofer_worker_use(r.worker, layer, b, NULL));
    enqueue("t", "blocked", NULL);
    enqueue("t", "x", NULL);
    enqueue("t", "y", NULL);
    start();
    wait_end();
    CHECK_STR(r.text, "a b x / b / a a b y / b / a");
    CHECK_INT(stat_of("revoked"), 1);
    tear_down();
}

static void the_nearest_pattern_runs(void)
{
    SET_UP("concurrency", "1", "drain", "1");
    handle("*", count_other);
    handle("mail:*", count_other);
    handle("mail:x", count_run);
    enqueue("mail:x", NULL, NULL);
    enqueue("mail:y", NULL, NULL);
    enqueue("else", NULL, NULL);
    start();
    wait_end();
    CHECK_INT(atomic_load(&r.runs), 1);
    CHECK_INT(atomic_load(&r.other), 2);
    tear_down();
}

// Each hook has a user of its own, and looks at all that it is given.
static char told_of[] = "told", delays[] = "delays", judges[] = "judges";

static void on_error(gofer_task *task, int32_t outcome, const char *text, void *user)
{
    CHECK_STR(gofer_task_id(task), "one");
    CHECK_STR(text, "451");
    CHECK_STR(gofer_task_error(task), "451");
    CHECK(user == told_of);
    say(outcome == GOFER_RETRY ? "retry" : outcome == GOFER_SKIP_RETRY ? "archived" : "?");
    atomic_fetch_add(&r.hooks, 1);
}

static int64_t one_ms(gofer_task *task, int32_t retried, const char *text, void *user)
{
    CHECK_STR(gofer_task_id(task), "one");
    CHECK_STR(text, "451");
    CHECK(user == delays);
    char word[16];
    snprintf(word, sizeof word, "after%d", (int)retried);
    say(word);
    return 1;
}

static int32_t first_is_none(gofer_task *task, const char *text, void *user)
{
    CHECK_STR(gofer_task_id(task), "one");
    CHECK_STR(text, "451");
    CHECK(user == judges);
    return atomic_fetch_add(&r.fails_first, 1) > 0;
}

static void hooks_are_asked_and_told(void)
{
    SET_UP("concurrency", "1");
    handle("t", fail);
    REQUIRE_OK(gofer_worker_on_error(r.worker, on_error, told_of));
    REQUIRE_OK(gofer_worker_on_retry_delay(r.worker, one_ms, delays));
    REQUIRE_OK(gofer_worker_on_is_failure(r.worker, first_is_none, judges));
    gofer_enqueue_options o = { .max_retry = 2 };
    enqueue("t", "one", &o);
    start();
    WAIT_FOR(task_is("one", "state", "archived"));
    // The first failure is none, the next two are retried, the fourth is one too many.
    CHECK_STR(r.text, "after0 after0 retry after1 retry archived");
    CHECK_INT(atomic_load(&r.runs), 4);
    CHECK_INT(atomic_load(&r.hooks), 3);
    WAIT_FOR(stat_of("processed") == 3);
    tear_down();
}

// ---- the rest -----------------------------------------------------------------------------------

static int32_t report_progress(gofer_task *task, void *user)
{
    rig *rig_ = user;
    CHECK_STATUS(gofer_task_progress(task, -1, 0, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_task_progress(task, 3, 2, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_task_progress(task, 1, 2, "\xFF"), GOFER_EINVAL);
    for (int i = 0; i <= 1000; i++)
        CHECK_OK(gofer_task_progress(task, i, 2000, i < 1000 ? "on the way" : "half"));
    while (!atomic_load(&rig_->gate))
        gf_sleep_us(500);
    return GOFER_DONE;
}

static void progress_is_seen_while_the_handler_runs(void)
{
    SET_UP("concurrency", "1");
    handle("t", report_progress);
    enqueue("t", "one", NULL);
    start();
    WAIT_FOR(task_int("one", "progress_done") == 1000);
    CHECK_INT(task_int("one", "progress_total"), 2000);
    CHECK(task_is("one", "progress_text", "half"));
    tear_down();
}

static void thousands_of_tasks_are_each_run_once(void)
{
    SET_UP("concurrency", "8", "drain", "1");
    handle("t", count_run);
    enqueue_many("t", "default", 20000);
    start();
    wait_end();
    CHECK_INT(atomic_load(&r.runs), 20000);
    CHECK_INT(stat_of("processed"), 20000);
    CHECK_INT(queue_int("default", "size"), 0);
    tear_down();
}

enum { MANY = 50 };

// In groups of MANY: nobody goes on before the whole of his group has come.
static int32_t wait_for_the_group(gofer_task *task, void *user)
{
    (void)task;
    rig *rig_ = user;
    int group = atomic_fetch_add(&rig_->runs, 1) / MANY;
    while (atomic_load(&rig_->runs) < (group + 1) * MANY && !atomic_load(&rig_->gate))
        gf_sleep_us(500);
    return GOFER_DONE;
}

static void many_slots_run_at_a_time(void)
{
    SET_UP("concurrency", "50", "drain", "1");
    handle("t", wait_for_the_group);
    enqueue_many("t", "default", 40 * MANY);
    start();
    wait_end();
    CHECK_INT(atomic_load(&r.runs), 40 * MANY);
    tear_down();
}

// News of a scheduled task that comes while the fetcher is at work must not be lost with the rest:
// the next look would be seconds away.
static void what_is_scheduled_between_two_looks_starts_in_time(void)
{
    SET_UP("concurrency", "1");
    handle("t", count_run);
    start();
    for (int i = 1; i <= 50; i++) {
        gofer_enqueue_options o = { .delay_ms = 5 };
        int64_t begun = check_now_ms();
        enqueue("t", NULL, &o);
        WAIT_FOR(atomic_load(&r.runs) == i);
        CHECK(check_now_ms() - begun < 3000);
    }
    tear_down();
}

static int32_t enqueue_another(gofer_task *task, void *user)
{
    (void)user;
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = "second";
    CHECK_OK(gofer_client_enqueue(gofer_task_client(task), "t2", NULL, 0, &o, NULL));
    return GOFER_DONE;
}

static void handlers_enqueue_and_workers_share_a_client(void)
{
    SET_UP("concurrency", "2");
    handle("t", enqueue_another);
    gofer_worker *second;
    REQUIRE_OK(gofer_worker_new(&second, r.client));
    REQUIRE_OK(gofer_worker_handle(second, "t2", count_other, &r, NULL));
    REQUIRE_OK(gofer_worker_queue(second, "second", 1));
    REQUIRE_OK(gofer_worker_start(second));
    start();
    enqueue_many("t", "default", 200);
    // A task of "default" is there until it has put its successor into "second".
    WAIT_FOR(queue_int("default", "size") == 0 && queue_int("second", "size") == 0);
    CHECK_INT(atomic_load(&r.other), 200);     // none twice: a live worker is never taken for dead
    CHECK_INT(stat_of("stale"), 0);
    gofer_worker_free(second);
    tear_down();
}

static void drop(void *user)
{
    say(user);
}

static void callbacks_are_dropped_last_first_and_a_worker_need_not_start(void)
{
    static char a[] = "a", b[] = "b", c[] = "c";
    SET_UP("concurrency", "1");
    REQUIRE_OK(gofer_worker_handle(r.worker, "x", count_run, a, drop));
    REQUIRE_OK(gofer_worker_use(r.worker, layer, b, drop));
    REQUIRE_OK(gofer_worker_handle(r.worker, "y", count_run, c, drop));
    CHECK_STATUS(gofer_worker_handle(r.worker, "y", count_run, a, drop), GOFER_EEXIST);
    CHECK_STR(r.text, "");
    tear_down();
    CHECK_STR(r.text, "c b a");
    gofer_worker_free(NULL);
}

enum { LOOKED_AT = 64 };

static size_t look_at_descriptors(struct stat *seen)
{
    size_t open = 0;
    for (int fd = 0; fd < LOOKED_AT; fd++)
        if (fstat(fd, &seen[fd]) == 0)
            open++;
        else
            seen[fd] = (struct stat){ 0 };
    return open;
}

// What the library has not opened is the host's, also where its number is one
// that an empty field has.
static void the_hosts_descriptors_stay_open(void)
{
    struct stat before[LOOKED_AT], after[LOOKED_AT];
    while (fcntl(STDERR_FILENO, F_GETFD) < 0 || fcntl(STDIN_FILENO, F_GETFD) < 0)
        REQUIRE(open("/dev/null", O_RDWR) >= 0);
    size_t open_before = look_at_descriptors(before);
    for (int started = 0; started < 2; started++) {
        SET_UP("concurrency", "1", "drain", "1");
        handle("t", count_run);
        enqueue("t", "one", NULL);
        if (started) {
            start();
            wait_end();
        }
        tear_down();
        CHECK_INT(look_at_descriptors(after), open_before);
        for (int fd = 0; fd < LOOKED_AT; fd++)
            CHECK(before[fd].st_dev == after[fd].st_dev && before[fd].st_ino == after[fd].st_ino);
    }
}

static void wrong_calls_are_refused(void)
{
    SET_UP("concurrency", "1");
    gofer_worker *w = r.worker, *other = NULL;
    gofer_task *task;
    size_t count;
    CHECK_STATUS(gofer_worker_new(NULL, r.client), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_new(&other, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_set(w, "grease", "8s"), GOFER_EINVAL);
    CHECK_HAS(gofer_error_last(), "did you mean 'grace'?");
    CHECK_STATUS(gofer_worker_queue(w, "a{b", 1), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_queue(w, "q", 0), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_queue(w, "q", 1001), GOFER_EINVAL);
    CHECK_OK(gofer_worker_queue(w, "q", 1));
    CHECK_STATUS(gofer_worker_queue(w, "q", 2), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_handle(w, "t", NULL, NULL, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_handle(w, "", count_run, NULL, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_use(w, NULL, NULL, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_start(w), GOFER_ESTATE);
    CHECK_HAS(gofer_error_last(), "no handler");
    CHECK_STATUS(gofer_worker_wait(w, 0), GOFER_ESTATE);
    CHECK_STATUS(gofer_worker_stats(w, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_start(NULL), GOFER_EINVAL);
    handle("t", count_run);
    start();
    CHECK_STATUS(gofer_worker_start(w), GOFER_ESTATE);
    CHECK_STATUS(gofer_worker_set(w, "grace", "8s"), GOFER_ESTATE);
    CHECK_STATUS(gofer_worker_queue(w, "r", 1), GOFER_ESTATE);
    CHECK_STATUS(gofer_worker_handle(w, "u", count_run, NULL, NULL), GOFER_ESTATE);
    CHECK_STATUS(gofer_worker_on_error(w, NULL, NULL), GOFER_ESTATE);
    CHECK_STATUS(gofer_worker_take(w, &task, 1, 0, &count), GOFER_ESTATE);
    CHECK(gofer_worker_id(w) && strlen(gofer_worker_id(w)) == 36);
    gofer_worker_stop(NULL);
    gofer_worker_quiet(NULL);
    tear_down();

    SET_UP("pull", "1");
    handle("t", count_run);
    CHECK_STATUS(gofer_worker_start(r.worker), GOFER_ESTATE);
    tear_down();
}

static void a_forked_child_is_refused_and_harms_nothing(void)
{
    SET_UP("concurrency", "1");
    handle("t", count_run);
    start();
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        gofer_info *info;
        bool ok = gofer_worker_stats(r.worker, &info) == GOFER_EFORKED &&
            gofer_worker_wait(r.worker, 0) == GOFER_EFORKED;
        gofer_worker_stop(r.worker);
        gofer_worker_stop(r.worker);
        gofer_worker_free(r.worker);
        _exit(ok ? 0 : 1);
    }
    int status;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_STATUS(gofer_worker_wait(r.worker, 50), GOFER_ETIMEOUT);     // the parent's goes on
    enqueue("t", "one", NULL);
    WAIT_FOR(atomic_load(&r.runs) == 1);
    tear_down();
}

static void keep_log(void *user, int32_t level, int64_t time_ms, const char *text,
    const char *fields)
{
    (void)time_ms;
    (void)user;
    if (level >= GOFER_LOG_WARN && strstr(fields, "\"task\"") && strstr(text, "failed")) {
        CHECK_HAS(fields, "\"error\":\"451\"");
        CHECK_HAS(fields, "\"attempt\":1");
        CHECK_HAS(fields, "\"queue\":\"default\"");
        CHECK_HAS(fields, "\"type\":\"t\"");
        CHECK_HAS(fields, "\"duration_ms\":");
    }
    if (strstr(text, "worker st"))
        say(text);
    if (strcmp(text, "from the handler") == 0 || strstr(text, "failed"))
        say(text);
}

static int32_t fail_and_log(gofer_task *task, void *user)
{
    gofer_task_log(task, GOFER_LOG_DEBUG, "not this");
    gofer_task_log(task, GOFER_LOG_INFO, "from the handler");
    return fail(task, user);
}

static void the_log_tells_of_failures_and_of_the_worker(void)
{
    r = (rig){ .lock = PTHREAD_MUTEX_INITIALIZER };
    gofer_client_options o;
    gofer_client_options_init(&o);
    o.log = keep_log;
    REQUIRE_OK(gofer_client_open(&r.client, "memory:", &o));
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    handle("t", fail_and_log);
    gofer_enqueue_options once = { .max_retry = GOFER_NO_RETRY };
    enqueue("t", "one", &once);
    start();
    WAIT_FOR(stat_of("processed") == 1);
    gofer_worker_stop(r.worker);
    wait_end();
    tear_down();                           // what was logged is told before the client is gone
    CHECK_STR(r.text, "worker started from the handler task failed, archived worker stopped");
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_task_that_fails_twice_then_succeeds_runs_three_times),
        TEST(failures_end_where_they_should),
        TEST(requeue_comes_back_first_and_is_not_counted),
        TEST(a_handler_sees_its_task_and_leaves_a_result),
        TEST(middleware_wraps_in_order_and_may_keep_the_handler_from_running),
        TEST(the_nearest_pattern_runs),
        TEST(hooks_are_asked_and_told),
        TEST(progress_is_seen_while_the_handler_runs),
        TEST(thousands_of_tasks_are_each_run_once),
        TEST(many_slots_run_at_a_time),
        TEST(what_is_scheduled_between_two_looks_starts_in_time),
        TEST(handlers_enqueue_and_workers_share_a_client),
        TEST(callbacks_are_dropped_last_first_and_a_worker_need_not_start),
        TEST(the_hosts_descriptors_stay_open),
        TEST(wrong_calls_are_refused),
        TEST(a_forked_child_is_refused_and_harms_nothing),
        TEST(the_log_tells_of_failures_and_of_the_worker),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
