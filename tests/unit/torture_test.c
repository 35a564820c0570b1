// torture_test.c - every allocation fails once: the n-th of a run, for n = 1, 2, 3 … until a run
// meets no failure. Nothing may crash, leak or be half done; the status must be ENOMEM.
#include <stdatomic.h>

#include "check.h"
#include "client/client.h"
#include "util/alloc.h"
#include "worker/group/group.h"
#include "worker/runtime.h"

static _Atomic long live, countdown;       // countdown <= 0: no failure planned

static int fails_now(void)
{
    return atomic_load(&countdown) > 0 && atomic_fetch_sub(&countdown, 1) == 1;
}

static void *counted_malloc(size_t size)
{
    void *p = fails_now() ? NULL : malloc(size);
    if (p)
        atomic_fetch_add(&live, 1);
    return p;
}

static void *counted_realloc(void *old, size_t size)
{
    void *p = fails_now() ? NULL : realloc(old, size);
    if (p && !old)
        atomic_fetch_add(&live, 1);
    return p;
}

static void counted_free(void *p)
{
    if (p)
        atomic_fetch_sub(&live, 1);
    free(p);
}

// A client's life; stops at the first failure. Returns its status.
static gofer_status enqueue_and_inspect(void)
{
    static const char *const headers[] = { "k", "v", NULL };
    gofer_client *c = NULL;
    gofer_info *info = NULL;
    char *id = NULL, *json = NULL;
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.headers = headers;
    o.task_id = "fixed";
    o.retry = "list:1s,2s";
    o.on_dead = "notify";
    o.on_dead_queue = "ops";
    o.expires_ms = 3600000;
    o.unique_ms = 3600000;
    o.unique_key = "k";
    o.unique_until = GOFER_UNTIL_TTL;
    o.unique_conflict = GOFER_CONFLICT_RETURN;

    gofer_status st = gofer_client_open(&c, "memory:", NULL);
    if (st == GOFER_OK)
        st = gofer_client_enqueue(c, "t", "payload", 7, &o, &id);
    if (st == GOFER_OK)
        st = gofer_client_task(c, NULL, "fixed", &info);
    if (st == GOFER_OK)
        st = gofer_info_json(info, &json);
    if (st == GOFER_OK)
        CHECK_HAS(json, "\"payload\":\"payload\"");
    gofer_free(json);
    gofer_free(id);
    gofer_info_free(info);
    gofer_client_close(c);
    return st;
}

// Pages over queues and states with a filter, an id, and acts on what matches.
static gofer_status find_and_act(void)
{
    gofer_client *c = NULL;
    gofer_info *page = NULL, *rest = NULL, *one = NULL;
    gofer_enqueue_options o;
    gofer_filter type, id;
    gofer_filter_init(&type);
    gofer_filter_init(&id);
    gofer_enqueue_options_init(&o);
    type.type = "t*";
    id.id = "b";
    int64_t done;

    gofer_status st = gofer_client_open(&c, "memory:", NULL);
    for (const char *const *name = (const char *const[]){ "a", "b", "c", NULL };
         st == GOFER_OK && *name; name++) {
        o.task_id = o.queue = *name;
        o.delay_ms = 3600000;
        st = gofer_client_enqueue(c, "t", "x", 1, &o, NULL);
    }
    if (st == GOFER_OK)
        st = gofer_client_find(c, NULL, NULL, &type, NULL, 2, &page);
    if (st == GOFER_OK)
        st =
            gofer_client_find(c, NULL, NULL, &type, gofer_info_text(page, "next_cursor"), 2, &rest);
    if (st == GOFER_OK)
        CHECK_INT(gofer_info_count(rest), 1);
    if (st == GOFER_OK)
        st = gofer_client_find(c, NULL, "scheduled", &id, NULL, 0, &one);
    if (st == GOFER_OK)
        st = gofer_client_act(c, GOFER_ACT_COUNT, NULL, NULL, &type, NULL, NULL, &done);
    if (st == GOFER_OK)
        st = gofer_client_act(c, GOFER_ACT_ARCHIVE, "a", "scheduled", &type, NULL, NULL, &done);
    if (st == GOFER_OK)
        st = gofer_client_act(c, GOFER_ACT_CANCEL, NULL, NULL, &id, NULL, NULL, &done);
    if (st == GOFER_OK)
        st = gofer_client_act(c, GOFER_ACT_DELETE, NULL, NULL, NULL, NULL, NULL, &done);
    if (st == GOFER_OK)
        CHECK_INT(done, 3);
    gofer_info_free(page);
    gofer_info_free(rest);
    gofer_info_free(one);
    gofer_client_close(c);
    return st;
}

// A subscription and the queues that come of it.
static gofer_status serve_queues(void)
{
    static char a[] = "mail:a", b[] = "mail:b", other[] = "other";
    char *names[] = { a, b, other };
    gf_names there = { .names = names, .count = 3 };
    gf_subscription subscription = { 0 };
    gf_queue_set *set = NULL;
    gofer_status st = gf_subscription_parse(&subscription, "a=2 mail:* b c d");
    if (st == GOFER_OK)
        st = gf_queue_set_make(&subscription, &there, &set);
    if (st == GOFER_OK)
        CHECK_STR(set->text, "a=2 b=1 c=1 d=1 mail:a=1 mail:b=1 mail:*=1");
    gf_queue_set_drop(set);
    gf_subscription_clear(&subscription);
    return st;
}

static int32_t do_nothing(gofer_group *group, void *user)
{
    (void)group, (void)user;
    return 1;
}

static int32_t succeed(gofer_task *task, void *user)
{
    (void)user;
    gofer_status st = gofer_task_result(task, "1", 1);
    CHECK(st == GOFER_OK || st == GOFER_ENOMEM);
    return GOFER_DONE;             // a retry would take its time
}

// A worker that is set up and not started.
static gofer_status set_worker_up(void)
{
    const char *const argv[] = { "/bin/cat", NULL };
    gofer_client *c = NULL;
    gofer_worker *w = NULL;
    gofer_status st = gofer_client_open(&c, "memory:", NULL);
    if (st == GOFER_OK)
        st = gofer_worker_new(&w, c);
    if (st == GOFER_OK)
        st = gofer_worker_queue(w, "mail:*", 2);
    if (st == GOFER_OK)
        st = gofer_worker_handle(w, "*", succeed, NULL, NULL);
    if (st == GOFER_OK)
        st = gofer_worker_retry(w, "*", "fixed:1s");
    if (st == GOFER_OK)
        st = gofer_worker_aggregate(w, "g*", do_nothing, NULL, NULL);
    if (st == GOFER_OK)
        st = gofer_worker_aggregate_exec(w, "h", "t", argv);
    gofer_worker_free(w);
    gofer_client_close(c);
    return st;
}

// A group's set of tasks, what a command reads of it, and the task it becomes.
static gofer_status combine(void)
{
    static const char *const headers[] = { "k", "v", NULL };
    gf_message tasks[] = {
        { .id = "1", .type = "t", .queue = "q", .payload = "\xff", .payload_size = 1 },
        { .id = "2", .type = "t", .queue = "q", .payload = "two", .payload_size = 3 }
    };
    gofer_client *c = NULL;
    gofer_worker *w = NULL;
    gofer_group *group = NULL;
    gf_group_set *set = NULL;
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.headers = headers;
    gofer_status st = gofer_client_open(&c, "memory:", NULL);
    if (st == GOFER_OK)
        st = gofer_worker_new(&w, c);
    if (st == GOFER_OK && !(set = gf_calloc(1, sizeof *set)))
        st = GOFER_ENOMEM;
    if (set) {
        *set = (gf_group_set){ .queue = "q", .group = "g", .id = "s", .tasks = tasks, .count = 2 };
        if (!(group = gf_group_new(w, set)))
            st = GOFER_ENOMEM;
    }
    if (group && (st = gofer_group_combine(group, "one", "first", 5, NULL)) == GOFER_OK)
        st = gofer_group_combine(group, "one", "whole", 5, &o);
    if (group)
        CHECK_INT(group->combined, st == GOFER_OK);
    if (group)
        gf_group_free(group);
    else
        gf_group_set_free(set);
    gofer_worker_free(w);
    gofer_client_close(c);
    return st;
}

// Every one of its n allocations fails once. Where the text comes from elsewhere too,
// it is not looked at.
static void torture(gofer_status (*run)(void), long at_least, bool has_text)
{
    long before = atomic_load(&live), n = 1;
    for (;; n++) {
        atomic_store(&countdown, n);
        gofer_status st = run();
        int met = atomic_load(&countdown) <= 0;
        CHECK_INT(atomic_load(&live), before);
        if (!met) {
            CHECK_OK(st);
            break;
        }
        CHECK_INT(st, GOFER_ENOMEM);
        if (has_text)
            CHECK_HAS(gofer_error_last(), "memory");
    }
    CHECK(n > at_least);
    atomic_store(&countdown, 0);
}

static void every_failed_allocation_is_enomem_and_leaks_nothing(void)
{
    torture(enqueue_and_inspect, 10, true);
}

static void tasks_are_found_and_acted_on_or_not(void)
{
    torture(find_and_act, 30, true);
}

static void queues_are_served_or_not(void)
{
    torture(serve_queues, 10, true);
}

static void a_worker_is_set_up_or_not(void)
{
    torture(set_worker_up, 15, true);
}

static void a_group_is_combined_or_not(void)
{
    torture(combine, 10, false);
}

// A worker that runs has an allocation fail anywhere: what cannot wait is said by the start,
// all else is done later.
static void a_running_worker_gets_over_it(void)
{
    long before = atomic_load(&live), n = 1;
    for (int met = 1; met; n++) {
        gofer_client *c;
        gofer_worker *w;
        gofer_info *info;
        REQUIRE_OK(gofer_client_open(&c, "memory:", NULL));
        for (int i = 0; i < 3; i++)
            REQUIRE_OK(gofer_client_enqueue(c, "t", "x", 1, NULL, NULL));
        REQUIRE_OK(gofer_worker_new(&w, c));
        REQUIRE_OK(gofer_worker_set(w, "drain", "1"));
        REQUIRE_OK(gofer_worker_queue(w, "def*", 1));
        REQUIRE_OK(gofer_worker_handle(w, "*", succeed, NULL, NULL));
        atomic_store(&countdown, n);
        gofer_status st = gofer_worker_run(w);
        met = atomic_load(&countdown) <= 0;
        atomic_store(&countdown, 0);
        CHECK(st == GOFER_OK || (met && st == GOFER_ENOMEM));
        gofer_worker_free(w);
        if (st == GOFER_OK) {
            REQUIRE_OK(gofer_client_queue(c, "default", &info));
            CHECK_INT(gofer_info_int(info, "pending", -1) + gofer_info_int(info, "active", -1), 0);
            gofer_info_free(info);
        }
        gofer_client_close(c);
        CHECK_INT(atomic_load(&live), before);
    }
    CHECK(n > 20);
}

// A batch of which the second task is answered by the first one's id.
static gofer_status enqueue_a_batch(void)
{
    static const char *const types[] = { "t", "t", "t" };
    gofer_client *c = NULL;
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.unique_ms = 3600000;
    o.unique_conflict = GOFER_CONFLICT_RETURN;
    o.retry = "exponential:1s";
    const gofer_enqueue_options *opts[] = { &o, &o, NULL };
    gofer_status statuses[3];
    char *ids[3] = { 0 };

    gofer_status st = gofer_client_open(&c, "memory:", NULL);
    if (st == GOFER_OK)
        st = gofer_client_enqueue_many(c, 3, types, NULL, NULL, opts, statuses, ids);
    if (st == GOFER_OK) {
        CHECK_STR(ids[1], ids[0]);
        CHECK(strcmp(ids[2], ids[0]) != 0);
    }
    for (size_t i = 0; i < COUNT(ids); i++)
        gofer_free(ids[i]);
    gofer_client_close(c);
    return st;
}

static void a_batch_is_enqueued_or_not(void)
{
    torture(enqueue_a_batch, 10, true);
}

static _Atomic int runs;

// Everything that a task may tell and leave; whatever there is no memory for.
static int32_t restless(gofer_task *task, void *user)
{
    (void)user;
    const void *bytes;
    size_t size;
    if (strcmp(gofer_task_type(task), "notify") == 0)
        return GOFER_DONE;
    int run = atomic_fetch_add(&runs, 1);
    (void)gofer_task_resume(task, &bytes, &size);
    gofer_task_log(task, GOFER_LOG_INFO, "a line");
    (void)gofer_task_progress(task, 1, 2, "half");
    (void)gofer_task_checkpoint(task, "page", 4);
    return run == 0 ? gofer_task_snooze(task, 0, "busy")
         : run == 1 ? gofer_task_retry_in(task, 0, "451")
                    : gofer_task_skip_retry(task, "for good");
}

static const char *state_of(gofer_client *c, const char *id, char room[32])
{
    gofer_info *info;
    *room = '\0';
    if (gofer_client_task(c, NULL, id, &info) == GOFER_OK) {
        snprintf(room, 32, "%s", gofer_info_text(info, "state"));
        gofer_info_free(info);
    }
    return room;
}

// From enqueue to the end of all. Memory that is missing once costs time at the most, never a task.
static void a_restless_task_comes_to_its_end(void)
{
    long before = atomic_load(&live), n = 1;
    for (int met = 1; met; n += n < 40 ? 1 : 5) {
        gofer_client *c;
        gofer_worker *w;
        char room[32];
        gofer_enqueue_options o;
        gofer_enqueue_options_init(&o);
        o.task_id = "one";
        o.on_dead = "notify";
        runs = 0;
        REQUIRE_OK(gofer_client_open(&c, "memory:", NULL));
        REQUIRE_OK(gofer_client_enqueue(c, "t", "in", 2, &o, NULL));
        REQUIRE_OK(gofer_worker_new(&w, c));
        REQUIRE_OK(gofer_worker_set(w, "drain", "1"));
        REQUIRE_OK(gofer_worker_handle(w, "*", restless, NULL, NULL));
        atomic_store(&countdown, n);
        gofer_status st = gofer_worker_run(w);
        met = atomic_load(&countdown) <= 0;
        atomic_store(&countdown, 0);
        CHECK(st == GOFER_OK || (met && st == GOFER_ENOMEM));
        gofer_worker_free(w);
        if (st == GOFER_OK) {
            CHECK_STR(state_of(c, "one", room), "archived");
            CHECK_STR(state_of(c, "dead:one:2", room), "");    // it was there, and is done
        }
        gofer_client_close(c);
        CHECK_INT(atomic_load(&live), before);
    }
    CHECK(n > 40);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(every_failed_allocation_is_enomem_and_leaks_nothing),
        TEST(a_batch_is_enqueued_or_not),
        TEST(a_restless_task_comes_to_its_end),
        TEST(tasks_are_found_and_acted_on_or_not),
        TEST(queues_are_served_or_not),
        TEST(a_worker_is_set_up_or_not),
        TEST(a_group_is_combined_or_not),
        TEST(a_running_worker_gets_over_it),
    };
    CHECK_OK(gofer_set_allocator(counted_malloc, counted_realloc, counted_free));
    int status = check_main(argc, argv, tests, COUNT(tests));
    CHECK_STATUS(gofer_set_allocator(malloc, realloc, free), GOFER_ESTATE);
    return status || check_failures() ? 1 : 0;
}
