// worker_events_test.c - what happens to tasks is told to who listens, and to nobody else;
// and waiting for an end.
#include "gofer/gofer.h"

#include <pthread.h>

#include "fake_fleet.h"
#include "util/record.h"
#include "worker/runtime.h"

typedef struct rig {
    gofer_client *client;
    gofer_worker *worker;
    _Atomic int   runs, gate;
} rig;

static rig r;

static void set_up(void)
{
    r = (rig){ .gate = 1 };
    REQUIRE_OK(gofer_client_open(&r.client, "memory:", NULL));
    fleet_install(r.client);
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
}

static void tear_down(void)
{
    atomic_store(&r.gate, 1);
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
    fleet_clear();
}

static int32_t act(gofer_task *task, void *user)
{
    const char *type = gofer_task_type(task);
    (void)user;
    while (!atomic_load(&r.gate))
        gf_sleep_us(500);
    int runs = atomic_fetch_add(&r.runs, 1);
    if (strcmp(type, "fail") == 0)
        return gofer_task_fail(task, "disk full");
    if (strcmp(type, "dead") == 0)
        return gofer_task_skip_retry(task, "never");
    if (strcmp(type, "drop") == 0)
        return gofer_task_revoke(task, "not wanted");
    if (strcmp(type, "later") == 0)
        return gofer_task_snooze(task, 3600000, "not yet");
    if (strcmp(type, "again") == 0 && runs == 0)
        return GOFER_REQUEUE;
    if (strcmp(type, "talk") == 0) {
        CHECK_OK(gofer_task_progress(task, 3, 7, "third\tof seven"));
        gofer_task_log(task, GOFER_LOG_WARN, "line\none");
        gf_sleep_us(300000);           // longer than progress is collected
    }
    return GOFER_DONE;
}

static void start(void)
{
    REQUIRE_OK(gofer_worker_handle(r.worker, "*", act, NULL, NULL));
    REQUIRE_OK(gofer_worker_start(r.worker));
}

static void enqueue(const char *type, const char *id, int64_t retention_ms)
{
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.task_id = id;
    opts.retention_ms = retention_ms;
    REQUIRE_OK(gofer_client_enqueue(r.client, type, "x", 1, &opts, NULL));
}

// A field of the n-th event of this kind about this task; "" if it is not there. gf_free.
static bool published(const char *event, const char *id, const char *field, const char *want)
{
    bool found = false;
    pthread_mutex_lock(&fleet.lock);
    for (int i = 0; i < atomic_load(&fleet.record_count) && !found; i++) {
        char *kind = NULL, *task = NULL, *value = NULL, number[24];
        gf_record_get_text(fleet.records[i], "event", &kind, NULL);
        gf_record_get_text(fleet.records[i], "id", &task, NULL);
        if (kind && task && strcmp(kind, event) == 0 && strcmp(task, id) == 0) {
            gf_record_get_text(fleet.records[i], field, &value, NULL);
            snprintf(number, sizeof number, "%lld",
                (long long)gf_record_get_int(fleet.records[i], field, -99));
            found = strcmp(value ? value : number, want) == 0;
        }
        gf_free(kind);
        gf_free(task);
        gf_free(value);
    }
    pthread_mutex_unlock(&fleet.lock);
    return found;
}

static void nothing_is_built_while_nobody_listens(void)
{
    set_up();
    start();
    for (int i = 0; i < 50; i++)
        enqueue("t", NULL, 0);
    WAIT_FOR(atomic_load(&r.runs) == 50);
    CHECK(r.worker->upkeep.publishing.records == NULL);
    tear_down();
    CHECK_INT(atomic_load(&fleet.publishes), 0);
}

static void each_turn_of_a_task_is_told(void)
{
    static const struct { const char *type, *event, *field, *want; } cases[] = {
        { "t", "enqueued", "type", "t" }, { "t", "enqueued", "queue", "default" },
        { "t", "started", "attempt", "1" },
        { "t", "done", "attempt", "1" }, { "fail", "retried", "error", "disk full" },
        { "fail", "retried", "attempt", "1" },
        { "dead", "archived", "error", "never" }, { "drop", "revoked", "type", "drop" },
        { "later", "snoozed", "attempt", "1" },
        { "again", "requeued", "type", "again" }, { "again", "done", "type", "again" },
        { "talk", "progress", "progress_done", "3" }, { "talk", "progress", "progress_total", "7" },
        { "talk", "progress", "progress_text", "third\tof seven" },
        { "talk", "log", "level", "warn" },
        { "talk", "log", "text", "line\none" },
    };
    static const char *const types[] = { "again", "t", "fail", "dead", "drop", "later", "talk" };
    set_up();
    REQUIRE_OK(gofer_worker_set(r.worker, "concurrency", "1"));
    atomic_store(&fleet.listened, GF_EVENTS_ALL);
    start();
    for (size_t i = 0; i < COUNT(types); i++)
        enqueue(types[i], types[i], 0);
    // What a handler tells may come after its end.
    for (size_t i = 0; i < COUNT(cases); i++)
        WAIT_FOR(published(cases[i].event, cases[i].type, cases[i].field, cases[i].want));
    WAIT_FOR(published("done", "talk", "type", "talk"));
    CHECK(published("started", "t", "worker", gofer_worker_id(r.worker)));
    CHECK(!published("done", "talk", "duration_ms", "-99"));
    tear_down();
}

static void one_without_a_handler_is_not_told_as_snoozed(void)
{
    set_up();
    atomic_store(&fleet.listened, GF_EVENTS_ALL);
    REQUIRE_OK(gofer_worker_handle(r.worker, "known", act, NULL, NULL));
    REQUIRE_OK(gofer_worker_start(r.worker));
    enqueue("strange", "one", 0);
    WAIT_FOR(published("retried", "one", "type", "strange") ||
        published("snoozed", "one", "type", "strange"));
    CHECK(published("retried", "one", "error", "no handler of this worker matches type 'strange'"));
    CHECK(!published("snoozed", "one", "type", "strange"));
    tear_down();
}

static void many_are_sent_in_batches(void)
{
    enum { TASKS = 2000 };
    set_up();
    atomic_store(&fleet.listened, GF_EVENTS_ALL);
    start();
    for (int i = 0; i < TASKS; i++)
        enqueue("t", NULL, 0);
    WAIT_FOR(atomic_load(&fleet.record_count) >= 3 * TASKS);
    CHECK_INT(atomic_load(&fleet.record_count), 3 * TASKS);
    CHECK(atomic_load(&fleet.most_published) <= 256);
    CHECK(atomic_load(&fleet.publishes) < TASKS + TASKS / 2);    // each enqueue is one
    tear_down();
}

// How many events of this kind the records stand for.
static int64_t stand_for(const char *event)
{
    int64_t count = 0;
    pthread_mutex_lock(&fleet.lock);
    for (int i = 0; i < atomic_load(&fleet.record_count); i++) {
        char *kind = NULL;
        gf_record_get_text(fleet.records[i], "event", &kind, NULL);
        if (kind && strcmp(kind, event) == 0)
            count += 1 + gf_record_get_int(fleet.records[i], "more", 0);
        gf_free(kind);
    }
    pthread_mutex_unlock(&fleet.lock);
    return count;
}

// Put by one call.
static void enqueue_many(size_t count)
{
    enum { MOST = 3000 };
    static const char *types[MOST];
    static const void *payloads[MOST];
    static size_t sizes[MOST];
    REQUIRE(count <= MOST);
    for (size_t i = 0; i < count; i++) {
        types[i] = i % 100 == 7 ? "drop" : "t";
        payloads[i] = "x";
        sizes[i] = 1;
    }
    REQUIRE_OK(gofer_client_enqueue_many(
        r.client, count, types, payloads, sizes, NULL, NULL, NULL));
}

static void who_wants_sums_is_told_some_and_how_many_more(void)
{
    enum { TASKS = 3000 };
    set_up();
    atomic_store(&fleet.listened, GF_EVENTS_SUMS);
    enqueue_many(TASKS);
    CHECK_INT(stand_for("enqueued"), TASKS);
    CHECK(atomic_load(&fleet.record_count) < TASKS / 10);
    start();
    WAIT_FOR(stand_for("started") == TASKS && stand_for("done") + stand_for("revoked") == TASKS);
    CHECK_INT(stand_for("revoked"), TASKS / 100);
    tear_down();
    CHECK_INT(atomic_load(&r.runs), TASKS);
}

static int64_t told_and_lost(void)
{
    pthread_mutex_lock(&fleet.lock);
    int64_t count = atomic_load(&fleet.record_count);
    for (int i = 0; i < atomic_load(&fleet.record_count); i++)
        count += gf_record_get_int(fleet.records[i], "lost", 0);
    pthread_mutex_unlock(&fleet.lock);
    return count;
}

static size_t held(void)
{
    pthread_mutex_lock(&r.worker->upkeep.publishing.lock);
    size_t count = r.worker->upkeep.publishing.count;
    pthread_mutex_unlock(&r.worker->upkeep.publishing.lock);
    return count;
}

static void more_than_can_be_held_is_lost_and_holds_nobody_up(void)
{
    gf_message m = { .id = "i", .type = "t", .queue = "default" };
    gf_put put = { .message = &m };
    set_up();
    start();
    atomic_store(&fleet.listened, GF_EVENTS_ALL);
    atomic_store(&fleet.publish_hold, 1);
    atomic_store(&r.worker->upkeep.publishing.wanted, GF_EVENTS_ALL);
    gf_publish_archived(r.worker, &m, "why");
    WAIT_FOR(atomic_load(&fleet.publishes) == 1);          // housekeeping waits for the store
    for (int i = 0; i < 2 * GF_EVENTS_HELD; i++)
        gf_publish_archived(r.worker, &m, "why");
    CHECK_INT(held(), GF_EVENTS_HELD);
    REQUIRE_OK(fleet.real->tasks->put(r.client->broker, &put, 1));
    WAIT_FOR(atomic_load(&r.runs) == 1);
    atomic_store(&fleet.publish_hold, 0);
    WAIT_FOR(atomic_load(&fleet.record_count) >= 1 + GF_EVENTS_HELD);
    gf_publish_archived(r.worker, &m, "why");
    // All of these and two of the task: what was not told is counted by who comes after it.
    WAIT_FOR(told_and_lost() == 2 + 2 * GF_EVENTS_HELD + 2);
    tear_down();
}

// ---- listening ---------------------------------------------------------------------------------

static void what_a_listener_lost_is_counted(void)
{
    gofer_events *events;
    gofer_info *info;
    set_up();
    REQUIRE_OK(gofer_events_open(&events, r.client));
    enqueue("t", "one", 0);
    enqueue("t", "two", 0);
    REQUIRE_OK(gofer_events_next(events, PATIENCE_MS, &info));
    CHECK(!gofer_info_has(info, "lost"));
    gofer_info_free(info);
    REQUIRE_OK(gofer_events_next(events, PATIENCE_MS, &info));
    CHECK_INT(gofer_info_int(info, "lost", -1), 7);
    gofer_info_free(info);
    gofer_events_close(events);
    fleet.now.ops.live = NULL;
    CHECK_STATUS(gofer_events_open(&events, r.client), GOFER_EUNSUPPORTED);
    fleet.now.ops.live = &fleet.now.live;
    tear_down();
}

static gofer_info *next_of(gofer_events *events)
{
    gofer_info *info = NULL;
    REQUIRE_OK(gofer_events_next(events, PATIENCE_MS, &info));
    return info;
}

// What the next event says by this name; -1: nothing.
static int64_t next_says(gofer_events *events, const char *name)
{
    gofer_info *info = next_of(events);
    int64_t count = gofer_info_int(info, name, -1);
    gofer_info_free(info);
    return count;
}

static void publish(const char *record)
{
    REQUIRE_OK(r.client->broker->ops->live->events_publish(r.client->broker, &record, 1));
}

// A worker that is too old for sums says nothing of more, and has told each event.
static void more_is_what_was_not_told_one_by_one(void)
{
    gofer_events *events;
    set_up();
    REQUIRE_OK(gofer_events_open_sums(&events, r.client));
    publish("event=done\tid=t\tqueue=q\tmore:41");
    publish("event=done\tid=t\tqueue=q");
    publish("event=done\tid=t\tqueue=q\tmore:-3");
    CHECK_INT(next_says(events, "more"), 41);
    CHECK_INT(next_says(events, "more"), -1);
    CHECK_INT(next_says(events, "more"), -1);
    gofer_events_close(events);
    tear_down();
}

// Until a worker knows of a new listener to each event it goes on with sums: what it left out is
// lost to that one, who is told with the next event.
static void more_is_lost_to_who_wants_each_event(void)
{
    gofer_events *events;
    set_up();
    REQUIRE_OK(gofer_events_open(&events, r.client));
    publish("event=done\tid=t\tqueue=q");
    publish("event=done\tid=t\tqueue=q\tmore:41");
    publish("event=done\tid=t\tqueue=q");
    CHECK_INT(next_says(events, "lost"), -1);
    gofer_info *info = next_of(events);
    CHECK_INT(gofer_info_int(info, "more", -1), -1);
    CHECK_INT(gofer_info_int(info, "lost", -1), 7);      // the store's (fake_fleet.h)
    gofer_info_free(info);
    CHECK_INT(next_says(events, "lost"), 41);
    gofer_events_close(events);
    tear_down();
}

// ---- waiting ------------------------------------------------------------------------------------

static bool ends_as(const char *queue, const char *id, const char *want)
{
    gofer_info *info;
    if (!CHECK_OK(gofer_client_wait(r.client, queue, id, PATIENCE_MS, &info)))
        return false;
    bool is = CHECK_STR(gofer_info_text(info, "outcome"), want) &&
        CHECK_STR(gofer_info_text(info, "id"), id);
    gofer_info_free(info);
    return is;
}

static _Atomic int results;

static gofer_status see_results(gf_broker *b, gf_finish *done, size_t count, gf_take *take)
{
    for (size_t i = 0; i < count; i++)
        if (done[i].result && done[i].result_size == 2 && memcmp(done[i].result, "42", 2) == 0)
            atomic_fetch_add(&results, 1);
    return fleet.real->tasks->exchange(b, done, count, take);
}

static int32_t answer(gofer_task *task, void *user)
{
    (void)user;
    CHECK_OK(gofer_task_result(task, "42", 2));
    return GOFER_DONE;
}

// Who waits is told it by the store; nobody else pays for it.
static void a_result_without_retention_reaches_the_store(void)
{
    set_up();
    fleet.now.tasks.exchange = see_results;
    REQUIRE_OK(gofer_worker_handle(r.worker, "*", answer, NULL, NULL));
    REQUIRE_OK(gofer_worker_start(r.worker));
    enqueue("t", "one", 0);
    WAIT_FOR(atomic_load(&results) == 1);
    tear_down();
}

static void never_there(gf_waits *w, gf_awaited *const *items, size_t count, bool only_look)
{
    (void)only_look;
    for (size_t i = 0; i < count; i++)
        gf_waits_tell(w, items[i], gf_fail(GOFER_ENOTFOUND, "no task '%s' in queue '%s'",
            items[i]->id, items[i]->queue));
}

static void one_that_ends_while_it_is_looked_for_is_gone(void)
{
    set_up();
    enqueue("t", "one", 0);
    fleet.now.live.waits_add = never_there;
    CHECK(ends_as(NULL, "one", "gone"));
    gofer_info *info;
    CHECK_STATUS(gofer_client_wait(r.client, "default", "one", 0, &info), GOFER_ENOTFOUND);
    fleet.now.ops.live = NULL;
    CHECK_STATUS(gofer_client_wait(r.client, "default", "one", 0, &info), GOFER_EUNSUPPORTED);
    fleet.now.ops.live = &fleet.now.live;
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(nothing_is_built_while_nobody_listens),
        TEST(each_turn_of_a_task_is_told),
        TEST(one_without_a_handler_is_not_told_as_snoozed),
        TEST(many_are_sent_in_batches),
        TEST(who_wants_sums_is_told_some_and_how_many_more),
        TEST(more_than_can_be_held_is_lost_and_holds_nobody_up),
        TEST(what_a_listener_lost_is_counted),
        TEST(more_is_what_was_not_told_one_by_one),
        TEST(more_is_lost_to_who_wants_each_event),
        TEST(a_result_without_retention_reaches_the_store),
        TEST(one_that_ends_while_it_is_looked_for_is_gone),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
