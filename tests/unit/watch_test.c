// watch_test.c - who watches a worker hears of each start and end; and the trace context that goes
// on from task to task.
#include "worker_rig.h"

#define FIRST  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define SECOND "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"

// ---- watching -----------------------------------------------------------------------------------

static void on_start(gofer_task *task, void *user)
{
    (void)user;
    char word[64];
    snprintf(word, sizeof word, "+%s", gofer_task_id(task));
    say(word);
}

static void on_end(gofer_task *task, const gofer_task_end *end, void *user)
{
    (void)user;
    char word[256];
    CHECK(end->size >= sizeof *end);
    snprintf(word, sizeof word, "-%s:%s:%s:%d%s", gofer_task_id(task), end->outcome, end->kind,
        (int)end->is_failure, end->ran_ns >= 0 ? "" : "!");
    say(word);
    if (end->text)
        say(end->text);
    atomic_fetch_add(&r.seen, 1);
}

static int32_t obey(gofer_task *task, void *user)
{
    (void)user;
    const char *how = gofer_task_type(task);
    if (strcmp(how, "retry") == 0)
        return gofer_task_fail(task, "no luck");
    if (strcmp(how, "skip") == 0)
        return gofer_task_skip_retry(task, "never");
    if (strcmp(how, "revoke") == 0)
        return gofer_task_revoke(task, "not needed");
    if (strcmp(how, "snooze") == 0)
        return gofer_task_snooze(task, 3600000, "later");
    return GOFER_DONE;
}

static void each_end_is_told_with_its_outcome(void)
{
    static const struct { const char *type, *want; } cases[] = {
        { "done", "+done -done:done:done:0" },
        { "retry", "+retry -retry:retried:failed:1 no luck" },
        { "skip", "+skip -skip:archived:skipped:1 never" },
        { "revoke", "+revoke -revoke:revoked:revoked:0 not needed" },
        { "snooze", "+snooze -snooze:snoozed:snoozed:0 later" },
        { "none", "-none:retried:failed:0 no handler" },        // it has no start
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SET_UP("concurrency", "1");
        if (strcmp(cases[i].type, "none") != 0)
            handle(cases[i].type, obey);
        else
            handle("other", obey);
        REQUIRE_OK(gofer_worker_watch(r.worker, on_start, on_end, NULL, NULL));
        enqueue(cases[i].type, cases[i].type, NULL);
        start();
        WAIT_FOR(atomic_load(&r.seen) == 1);
        pthread_mutex_lock(&r.lock);
        if (strstr(r.text, cases[i].want) != r.text)
            CHECK_STR(r.text, cases[i].want);
        pthread_mutex_unlock(&r.lock);
        tear_down();
    }
}

static void drop(void *user)
{
    atomic_fetch_add((_Atomic int *)user, 1);
}

static void several_watch_and_are_dropped(void)
{
    SET_UP("concurrency", "1");
    handle("*", obey);
    REQUIRE_OK(gofer_worker_watch(r.worker, on_start, NULL, NULL, NULL));
    REQUIRE_OK(gofer_worker_watch(r.worker, NULL, on_end, &r.drops, drop));
    REQUIRE_OK(gofer_worker_watch(r.worker, on_start, on_end, &r.drops, drop));
    CHECK_STATUS(gofer_worker_watch(r.worker, NULL, NULL, NULL, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_watch(NULL, on_start, NULL, NULL, NULL), GOFER_EINVAL);
    enqueue("done", "one", NULL);
    start();
    CHECK_STATUS(gofer_worker_watch(r.worker, on_start, NULL, NULL, NULL), GOFER_ESTATE);
    WAIT_FOR(atomic_load(&r.seen) == 2);
    CHECK_STR(r.text, "+one +one -one:done:done:0 -one:done:done:0");
    tear_down();
    CHECK_INT(atomic_load(&r.drops), 2);
}

static void pulled_tasks_are_watched_too(void)
{
    gofer_task *task;
    size_t count;
    int32_t done = GOFER_DONE;
    SET_UP("concurrency", "1", "pull", "1");
    REQUIRE_OK(gofer_worker_watch(r.worker, on_start, on_end, NULL, NULL));
    enqueue("any", "one", NULL);
    start();
    REQUIRE_OK(gofer_worker_take(r.worker, &task, 1, -1, &count));
    CHECK_STR(r.text, "+one");
    REQUIRE_OK(gofer_worker_finish(r.worker, &task, &done, 1));
    CHECK_STR(r.text, "+one -one:done:done:0");
    tear_down();
}

static void exported_spans_are_counted(void)
{
    SET_UP("concurrency", "1");
    gofer_worker_count_spans(r.worker, 3, 1);
    gofer_worker_count_spans(r.worker, 2, 0);
    gofer_worker_count_spans(NULL, 2, 0);
    CHECK_INT(stat_of("spans_exported"), 5);
    CHECK_INT(stat_of("spans_dropped"), 1);
    tear_down();
}

// ---- what is carried on -------------------------------------------------------------------------

static int32_t put_next(gofer_task *task, void *user)
{
    (void)user;
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = "next";
    o.task_id = gofer_task_id(task);
    const char *const own[] = { "traceparent", SECOND, "x", "y", NULL };
    const char *const state[] = { "tracestate", "mine=1", NULL };
    if (strcmp(gofer_task_type(task), "own") == 0)
        o.headers = own;
    else if (strcmp(gofer_task_type(task), "state") == 0)
        o.headers = state;
    if (strcmp(gofer_task_type(task), "many") == 0) {
        const char *type = "next";
        const gofer_enqueue_options *opts = &o;
        CHECK_OK(gofer_client_enqueue_many(gofer_task_client(task), 1, &type, NULL, NULL, &opts,
            NULL, NULL));
    } else {
        CHECK_OK(gofer_client_enqueue(gofer_task_client(task), "next", "", 0, &o, NULL));
    }
    atomic_fetch_add(&r.seen, 1);
    return GOFER_DONE;
}

// The context of the task that a handler has put in, as "PARENT STATE".
static const char *put_by(const char *type, const char *const *headers)
{
    static char text[512];
    gofer_info *info;
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.headers = headers;
    atomic_store(&r.seen, 0);
    enqueue(type, "it", &o);
    WAIT_FOR(atomic_load(&r.seen) == 1);
    REQUIRE_OK(gofer_client_task(r.client, "next", "it", &info));
    const gofer_info *found = gofer_info_child(info, "headers");
    const char *parent = found ? gofer_info_text(found, "traceparent") : NULL;
    const char *state = found ? gofer_info_text(found, "tracestate") : NULL;
    snprintf(text, sizeof text, "%s %s", parent ? parent : "-", state ? state : "-");
    gofer_info_free(info);
    REQUIRE_OK(gofer_client_task_delete(r.client, "next", "it"));
    WAIT_FOR(stat_of("processed") > atomic_load(&r.other));
    atomic_fetch_add(&r.other, 1);
    return text;
}

#define PUT_BY(type, ...) put_by(type, (const char *const[]){ __VA_ARGS__, NULL })

static void what_a_handler_puts_in_carries_its_context(void)
{
    SET_UP("concurrency", "1");
    handle("*", put_next);
    REQUIRE_OK(gofer_worker_queue(r.worker, "default", 1));
    start();
    CHECK_STR(PUT_BY("one", "traceparent", FIRST), FIRST " -");
    CHECK_STR(PUT_BY("many", "traceparent", FIRST), FIRST " -");
    CHECK_STR(PUT_BY("one", "a", "b", "tracestate", "x=1", "traceparent", FIRST), FIRST " x=1");
    CHECK_STR(PUT_BY("one", "tracestate", "X=1", "traceparent", FIRST), FIRST " -");
    CHECK_STR(PUT_BY("one", "tracestate", "x=1"), "- -");
    CHECK_STR(PUT_BY("one", "traceparent", "00-0-0-0", "tracestate", "x=1"), "- -");
    CHECK_STR(PUT_BY("one", "other", "x"), "- -");
    CHECK_STR(put_by("one", NULL), "- -");             // nothing is left of those before
    CHECK_STR(PUT_BY("own", "traceparent", FIRST, "tracestate", "x=1"), SECOND " -");
    CHECK_STR(PUT_BY("state", "traceparent", FIRST, "tracestate", "x=1"), FIRST " mine=1");
    tear_down();
}

static void a_thread_carries_what_it_was_given(void)
{
    gofer_info *info;
    SET_UP("concurrency", "1");
    CHECK_OK(gofer_trace_carry(FIRST, "x=1"));
    enqueue("t", "first", NULL);
    CHECK_STATUS(gofer_trace_carry("no", "x=1"), GOFER_EINVAL);
    enqueue("t", "bad", NULL);
    CHECK_OK(gofer_trace_carry(FIRST, "X"));
    enqueue("t", "stateless", NULL);
    CHECK_OK(gofer_trace_carry(NULL, NULL));
    enqueue("t", "none", NULL);
    static const struct { const char *id, *parent, *state; } cases[] = {
        { "first", FIRST, "x=1" }, { "bad", NULL, NULL }, { "stateless", FIRST, NULL },
        { "none", NULL, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        REQUIRE_OK(gofer_client_task(r.client, NULL, cases[i].id, &info));
        const gofer_info *headers = gofer_info_child(info, "headers");
        CHECK_STR(headers ? gofer_info_text(headers, "traceparent") : NULL, cases[i].parent);
        CHECK_STR(headers ? gofer_info_text(headers, "tracestate") : NULL, cases[i].state);
        gofer_info_free(info);
    }
    tear_down();
}

// ---- a watcher's context ------------------------------------------------------------------------

static void give_trace(gofer_task *task, void *user)
{
    (void)user;
    CHECK_STATUS(gofer_task_trace(task, "nothing", NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_task_trace(task, NULL, NULL), GOFER_EINVAL);
    CHECK_OK(gofer_task_trace(task, FIRST, NULL));
    CHECK_OK(gofer_task_trace(task, SECOND, "w=1"));
}

static int32_t look(gofer_task *task, void *user)
{
    CHECK_STR(gofer_task_traceparent(task), SECOND);
    CHECK_STR(gofer_task_tracestate(task), "w=1");
    CHECK_STR(gofer_task_header(task, "traceparent"), strcmp(gofer_task_type(task), "state")
            ? NULL : FIRST);
    return put_next(task, user);
}

static void a_watchers_context_holds(void)
{
    SET_UP("concurrency", "1");
    handle("*", look);
    REQUIRE_OK(gofer_worker_queue(r.worker, "default", 1));
    REQUIRE_OK(gofer_worker_watch(r.worker, give_trace, NULL, NULL, NULL));
    start();
    CHECK_STR(put_by("one", NULL), SECOND " w=1");
    CHECK_STR(PUT_BY("state", "traceparent", FIRST), SECOND " mine=1");
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(each_end_is_told_with_its_outcome),
        TEST(several_watch_and_are_dropped),
        TEST(pulled_tasks_are_watched_too),
        TEST(exported_spans_are_counted),
        TEST(what_a_handler_puts_in_carries_its_context),
        TEST(a_thread_carries_what_it_was_given),
        TEST(a_watchers_context_holds),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
