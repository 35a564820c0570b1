// scheduler_test.c - the scheduler pass by pass: a store in memory behind a table whose clock and
// faults are the test's.
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "failing.h"
#include "tables.h"
#include "client/client.h"
#include "info/info.h"
#include "schedule/book.h"
#include "schedule/scheduler.h"
#include "schedule/scheduler_own.h"
#include "util/alloc.h"
#include "util/error.h"

// ---- a store whose clock is ours ----------------------------------------------------------------

static struct {
    const gf_broker_ops *real;
    tables               now;
    _Atomic int64_t      now_ms;
    _Atomic int          ticks_fail;       // so many calls of tick answer EBROKER
    _Atomic int          ticks_refused;    // so many ticks are refused, each for itself: ENOSPACE
    _Atomic int          ticks_unanswered; // so many are done, and answer EUNCERTAIN
    _Atomic int          entries_fail;
    _Atomic int          forgets;          // the entries are gone as after FLUSHALL,
                                           //   until one is put
    _Atomic int          ticks;            // ticks asked for
    _Atomic int          loads;
    size_t               shown, hidden;
    char                 shown_spec[100];
    int64_t              shown_next_ms, shown_previous_ms;
} fake;

static gofer_status fake_clock(gf_broker *b, int64_t *now_ms)
{
    (void)b;
    *now_ms = atomic_load(&fake.now_ms);
    return GOFER_OK;
}

static bool spend(_Atomic int *count)
{
    int left = atomic_load(count);
    while (left > 0 && !atomic_compare_exchange_weak(count, &left, left - 1))
        ;
    return left > 0;
}

static gofer_status fake_tick(gf_broker *b, gf_tick *items, size_t count)
{
    atomic_fetch_add(&fake.ticks, (int)count);
    if (spend(&fake.ticks_fail))
        return gf_fail(GOFER_EBROKER, "the test wants this to fail");
    if (count == 1 && spend(&fake.ticks_refused)) {
        items[0].status = GOFER_ENOSPACE;
        return GOFER_OK;
    }
    gofer_status st = fake.real->cron->tick(b, items, count);
    if (st == GOFER_OK && spend(&fake.ticks_unanswered))
        return gf_fail(GOFER_EUNCERTAIN, "the test has lost the reply");
    return st;
}

static gofer_status fake_entries(gf_broker *b, int64_t known, gf_entries *out)
{
    if (spend(&fake.entries_fail))
        return gf_fail(GOFER_EBROKER, "the test wants this to fail");
    atomic_fetch_add(&fake.loads, 1);
    if (atomic_load(&fake.forgets)) {
        *out = (gf_entries){ 0 };
        return GOFER_OK;
    }
    return fake.real->cron->entries(b, known, out);
}

static gofer_status fake_entry_put(gf_broker *b, const char *name, const char *record,
    bool only_new)
{
    if (atomic_exchange(&fake.forgets, 0))
        (void)fake.real->cron->entry_drop(b, name);
    return fake.real->cron->entry_put(b, name, record, only_new);
}

static gofer_status fake_show(gf_broker *b, const char *scheduler, const gf_shown_entry *entries,
    size_t count, int64_t ttl_ms)
{
    (void)b;
    CHECK_STR(scheduler, "worker-1");
    CHECK_INT(ttl_ms, 20000);
    fake.shown++;
    if (count) {
        snprintf(fake.shown_spec, sizeof fake.shown_spec, "%s", entries[0].spec);
        fake.shown_next_ms = entries[0].next_ms;
        fake.shown_previous_ms = entries[0].previous_ms;
    }
    return GOFER_OK;
}

static gofer_status fake_hide(gf_broker *b, const char *scheduler)
{
    (void)b;
    (void)scheduler;
    fake.hidden++;
    return GOFER_OK;
}

static gofer_status fake_foreign(gf_broker *b, gofer_info **out)
{
    (void)b;
    *out = gf_info_list();
    return *out ? GOFER_OK : GOFER_ENOMEM;
}

// ---- a scheduler whose time is ours -------------------------------------------------------------

static char last_log[2000];
static int enqueued_logs, held_logs;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;   // of the racers; else one thread
                                                               //   writes and reads

static void log_line(void *user, int32_t level, int64_t time_ms, const char *text,
    const char *fields)
{
    (void)user, (void)time_ms;
    pthread_mutex_lock(&log_lock);
    if (level >= GOFER_LOG_WARN)
        snprintf(last_log, sizeof last_log, "%s %s", text, fields);
    enqueued_logs += strcmp(text, "cron entry: task enqueued") == 0;
    held_logs += strcmp(text, "cron entry: tick waits for the end of the previous task") == 0;
    pthread_mutex_unlock(&log_lock);
}

static int64_t at(const char *text)
{
    int64_t ms = -1;
    CHECK_OK(gofer_parse_time(text, &ms));
    return ms;
}

static gofer_client *open_client(const char *now)
{
    gofer_client_options o;
    gofer_client *client = NULL;
    gofer_client_options_init(&o);
    CHECK_OK(gofer_client_open(&client, "memory:", &o));
    client->log = (gf_log){ log_line, NULL };      // at once, not in its turn
    memset(&fake, 0, sizeof fake);
    *last_log = '\0';
    enqueued_logs = held_logs = 0;
    fake.real = client->broker->ops;
    tables_copy(&fake.now, fake.real);
    fake.now.upkeep.clock = fake_clock;
    fake.now.cron.tick = fake_tick;
    fake.now.cron.entries = fake_entries;
    fake.now.cron.entry_put = fake_entry_put;
    fake.now.peers =
        (gf_peers_ops){ .show = fake_show, .hide = fake_hide, .foreign = fake_foreign };
    fake.now.ops.peers = &fake.now.peers;
    client->broker->ops = &fake.now.ops;
    fake.now_ms = at(now);
    return client;
}

static gf_scheduler *new_scheduler(gofer_client *client, char *file)
{
    gf_scheduler *s = NULL;
    CHECK_OK(gf_scheduler_new(&s,
        &(gf_scheduler_config){ .client = client,
            .id = "worker-1",
            .files = &file,
            .file_count = file != NULL }));
    return s;
}

// Both clocks go together, but where a test sets one apart.
static int64_t pass_at(gf_scheduler *s, const char *now)
{
    int64_t now_ms = at(now);
    fake.now_ms = now_ms;
    s->clock_base_ms = 0;          // ask again
    return gf_scheduler_pass(s, now_ms - at("2026-01-01T00:00:00Z") + 1000);
}

// The ids of the tasks of an entry, oldest first: "…T18:00:00Z …T18:01:00Z"; the date of
// the first is left out.
static const char *history(gofer_client *client, const char *name)
{
    static char text[4000];
    gofer_info *list = NULL;
    *text = '\0';
    if (!CHECK_OK(gofer_client_schedule_history(client, name, 100, &list)))
        return text;
    for (size_t i = gofer_info_count(list); i-- > 0;) {
        const char *id = gofer_info_text(gofer_info_at(list, i), "id"),
                   *t = id ? strrchr(id, 'T') : NULL;
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", used ? " " : "", t ? t + 1 : "?");
    }
    gofer_info_free(list);
    return text;
}

static void put_entry(gofer_client *client, const char *name, const char *spec,
    gofer_schedule_options *o)
{
    CHECK_OK(gofer_client_schedule_put(client, name, spec, "job", "x", 1, o, 0));
}

static gofer_schedule_options options(void)
{
    gofer_schedule_options o;
    gofer_schedule_options_init(&o);
    return o;
}

static char *status_of(gofer_client *client, const char *name)
{
    static char text[200];
    gofer_info *one = NULL;
    CHECK_OK(gofer_client_schedule(client, name, &one));
    const char *status = gofer_info_text(one, "last_status");
    snprintf(text, sizeof text, "%s", status ? status : "");
    gofer_info_free(one);
    return text;
}

// Takes the tasks of the queue away, as if they were done.
static void finish_tasks(gofer_client *client)
{
    int64_t count;
    CHECK_OK(gofer_client_tasks_delete(client, "default", "pending", &count));
}

// ---- ticks --------------------------------------------------------------------------------------

static void a_new_entry_runs_from_its_next_tick_on(void)
{
    gofer_client *client = open_client("2026-11-23T18:00:00.300Z");
    gf_scheduler *s = new_scheduler(client, NULL);
    CHECK_INT(pass_at(s, "2026-11-23T18:00:00.400Z"), -1);
    put_entry(client, "e", "* * * * *", NULL);
    gf_scheduler_notify(s);
    CHECK_INT(pass_at(s, "2026-11-23T18:00:30Z"), 5000);
    CHECK_STR(history(client, "e"), "");
    CHECK_INT(pass_at(s, "2026-11-23T18:00:58Z"), 2000);
    CHECK_INT(pass_at(s, "2026-11-23T18:01:00Z"), 3000);
    CHECK_STR(history(client, "e"), "18:01:00Z");
    CHECK_INT(pass_at(s, "2026-11-23T18:01:30Z"), 5000);
    CHECK_HAS(status_of(client, "e"), "enqueued");
    gofer_info *task = NULL;
    REQUIRE_OK(gofer_client_task(client, NULL, "cron:e:2026-11-23T18:01:00Z", &task));
    CHECK_STR(gofer_info_text(task, "schedule"), "e");
    CHECK_STR(gofer_info_text(task, "state"), "pending");
    gofer_info_free(task);
    gf_scheduler_free(s);
    gofer_client_close(client);
}

static void missed_ticks_follow_the_policy(void)
{
    static const struct { int32_t missed, max; const char *want; } cases[] = {
        { GOFER_MISSED_ONCE, 0, "18:01:00Z 18:30:00Z" },
        { GOFER_MISSED_SKIP, 0, "18:01:00Z" },
        { GOFER_MISSED_ALL, 3, "18:01:00Z 18:28:00Z 18:29:00Z 18:30:00Z" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_client *client = open_client("2026-11-23T18:00:00Z");
        gofer_schedule_options o = options();
        o.missed = cases[i].missed;
        o.missed_max = cases[i].max;
        put_entry(client, "e", "0-30 18 * * *", &o);
        gf_scheduler *s = new_scheduler(client, NULL);
        pass_at(s, "2026-11-23T18:01:00Z");
        gf_scheduler_free(s);
        // Nobody is there until a quarter of an hour after the last one.
        s = new_scheduler(client, NULL);
        if (cases[i].missed == GOFER_MISSED_SKIP) {
            fake.now_ms = at("2026-11-23T18:45:00Z");
            CHECK_HAS(status_of(client, "e"), "skipped: 2026-11-23T18:30:00Z was missed");
        }
        pass_at(s, "2026-11-23T18:45:00Z");
        CHECK_STR(history(client, "e"), cases[i].want);
        pass_at(s, "2026-11-23T18:50:00Z");
        CHECK_STR(history(client, "e"), cases[i].want);
        if (cases[i].missed != GOFER_MISSED_ONCE)
            CHECK_HAS(last_log, "ticks were missed");
        gf_scheduler_free(s);
        gofer_client_close(client);
    }
}

// More of them than go into one call, alone and beside another entry's: each is applied once.
static void many_missed_ticks_are_all_made_up_for(void)
{
    enum { MISSED = 150, OTHERS = 10 };
    for (int others = 0; others <= OTHERS; others += OTHERS) {
        gofer_client *client = open_client("2026-11-23T00:00:00Z");
        gofer_schedule_options o = options();
        o.missed = GOFER_MISSED_ALL;
        o.missed_max = MISSED;
        put_entry(client, "e", "* 0-8 * * *", &o);
        if (others)
            put_entry(client, "f", "@every 1h", &o);
        gf_scheduler *s = new_scheduler(client, NULL);
        pass_at(s, "2026-11-23T00:01:00Z");
        CHECK_INT(enqueued_logs, 1);
        pass_at(s, "2026-11-23T10:00:00Z");
        CHECK_INT(enqueued_logs, 1 + MISSED + others);
        CHECK_HAS(status_of(client, "e"), "enqueued");
        gofer_info *queue = NULL;
        if (CHECK_OK(gofer_client_queue(client, "default", &queue)))
            CHECK_INT(gofer_info_int(queue, "pending", -1), 1 + MISSED + others);
        gofer_info_free(queue);
        gf_scheduler_free(s);
        gofer_client_close(client);
    }
}

static void a_late_tick_is_not_missed(void)
{
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    gofer_schedule_options o = options();
    o.missed = GOFER_MISSED_SKIP;
    put_entry(client, "late", "1 18 * * *", &o);
    put_entry(client, "quick", "@every 10s", &o);
    gf_scheduler *s = new_scheduler(client, NULL);
    fake.entries_fail = 1;
    CHECK_INT(pass_at(s, "2026-11-23T18:00:01Z"), 1000);
    CHECK_HAS(last_log, "cannot be read");
    pass_at(s, "2026-11-23T18:02:00Z");
    CHECK_STR(history(client, "late"), "18:01:00Z");
    CHECK_STR(history(client, "quick"),
        "18:01:00Z 18:01:10Z 18:01:20Z 18:01:30Z 18:01:40Z 18:01:50Z 18:02:00Z");
    gf_scheduler_free(s);
    gofer_client_close(client);
}

static void a_store_that_fails_is_asked_again(void)
{
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    put_entry(client, "e", "* * * * *", NULL);
    gf_scheduler *s = new_scheduler(client, NULL);
    pass_at(s, "2026-11-23T18:00:01Z");
    fake.ticks_fail = 2;
    CHECK_INT(pass_at(s, "2026-11-23T18:01:00Z"), 1000);
    CHECK_HAS(last_log, "does not take the tasks");
    CHECK_INT(pass_at(s, "2026-11-23T18:01:01Z"), 1000);
    fake.ticks_unanswered = 1;
    CHECK_INT(pass_at(s, "2026-11-23T18:01:02Z"), 1000);
    CHECK_STR(history(client, "e"), "18:01:00Z");
    pass_at(s, "2026-11-23T18:01:03Z");            // it was done: the store says so
    CHECK_STR(history(client, "e"), "18:01:00Z");
    CHECK_INT(fake.ticks, 4);
    pass_at(s, "2026-11-23T18:02:00Z");
    CHECK_STR(history(client, "e"), "18:01:00Z 18:02:00Z");
    gf_scheduler_free(s);
    gofer_client_close(client);
}

// An entry whose tick the store refuses is asked about less and less often, and nothing of
// it comes out of order.
static void an_entry_whose_tick_is_refused_backs_off(void)
{
    static const int64_t pauses_ms[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    put_entry(client, "e", "* * * * *", NULL);
    gf_scheduler *s = new_scheduler(client, NULL);
    pass_at(s, "2026-11-23T18:00:01Z");
    int64_t now_ms = at("2026-11-23T18:01:00Z"), start_ms = at("2026-01-01T00:00:00Z") - 1000;
    fake.ticks_refused = COUNT(pauses_ms);
    for (size_t i = 0; i < COUNT(pauses_ms); i++) {
        fake.now_ms = now_ms;
        s->clock_base_ms = 0;
        gf_scheduler_pass(s, now_ms - start_ms);
        CHECK_INT(fake.ticks, (int)i + 1);
        CHECK_INT(s->plan.items[0].backoff_ms, pauses_ms[i]);
        CHECK_INT(s->plan.items[0].wake_ms, now_ms + pauses_ms[i]);
        if (i == 0) {
            CHECK_HAS(last_log, "the store is full");
            CHECK_HAS(last_log, "e");
        } else {
            CHECK(!strstr(last_log, "the store is full"));      // told once
        }
        *last_log = '\0';
        fake.now_ms = now_ms + pauses_ms[i] - 1;        // not before its time
        gf_scheduler_pass(s, now_ms + pauses_ms[i] - 1 - start_ms);
        CHECK_INT(fake.ticks, (int)i + 1);
        now_ms += pauses_ms[i];
    }
    CHECK_STR(history(client, "e"), "");
    fake.now_ms = now_ms;
    s->clock_base_ms = 0;
    gf_scheduler_pass(s, now_ms - start_ms);
    CHECK_INT(s->plan.items[0].backoff_ms, 0);
    CHECK_STR(history(client, "e"), "18:02:00Z");       // the latest that was missed: the entry's
                                                        //   policy is once
    fake.ticks_refused = 1;                             // and from the beginning, the next time
    pass_at(s, "2026-11-23T18:03:00Z");
    CHECK_INT(s->plan.items[0].backoff_ms, 1000);
    gf_scheduler_free(s);
    gofer_client_close(client);
}

static void overlap_skips_queues_and_cancels(void)
{
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    gofer_schedule_options skip = options(), queue = options(), cancel = options();
    skip.overlap = GOFER_OVERLAP_SKIP;
    queue.overlap = GOFER_OVERLAP_QUEUE;
    cancel.overlap = GOFER_OVERLAP_CANCEL;
    put_entry(client, "allow", "* * * * *", NULL);
    put_entry(client, "skip", "* * * * *", &skip);
    put_entry(client, "queue", "* * * * *", &queue);
    put_entry(client, "cancel", "* * * * *", &cancel);
    gf_scheduler *s = new_scheduler(client, NULL);
    pass_at(s, "2026-11-23T18:01:00Z");
    pass_at(s, "2026-11-23T18:02:00Z");
    CHECK_STR(history(client, "allow"), "18:01:00Z 18:02:00Z");
    CHECK_STR(history(client, "skip"), "18:01:00Z");
    CHECK_HAS(status_of(client, "skip"), "skipped: the task before had not ended");
    CHECK_STR(history(client, "queue"), "18:01:00Z");
    CHECK_STR(history(client, "cancel"), "18:01:00Z 18:02:00Z");
    gofer_info *task = NULL;
    REQUIRE_OK(gofer_client_task(client, NULL, "cron:cancel:2026-11-23T18:01:00Z", &task));
    CHECK_STR(gofer_info_text(task, "state"), "archived");
    gofer_info_free(task);
    // What waits is one, and the latest, however long it takes; it is asked for each second.
    CHECK_INT(pass_at(s, "2026-11-23T18:02:01Z"), 1000);
    for (int minute = 3; minute < 8; minute++) {
        char now[40];
        snprintf(now, sizeof now, "2026-11-23T18:%02d:00Z", minute);
        pass_at(s, now);
    }
    CHECK_STR(history(client, "queue"), "18:01:00Z");
    CHECK_HAS(status_of(client, "queue"), "due: 2026-11-23T18:07:00Z");
    CHECK_INT(held_logs, 1);           // said when it begins, not each second
    finish_tasks(client);
    pass_at(s, "2026-11-23T18:07:10Z");
    CHECK_STR(history(client, "queue"), "18:01:00Z 18:07:00Z");
    pass_at(s, "2026-11-23T18:08:00Z");
    CHECK_STR(history(client, "queue"), "18:01:00Z 18:07:00Z");
    CHECK_STR(history(client, "skip"), "18:01:00Z 18:08:00Z");
    gf_scheduler_free(s);
    gofer_client_close(client);
}

static void a_pause_leaves_ticks_out(void)
{
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    put_entry(client, "e", "* * * * *", NULL);
    gf_scheduler *s = new_scheduler(client, NULL);
    pass_at(s, "2026-11-23T18:01:00Z");
    CHECK_OK(gofer_client_schedule_pause(client, "e", 1));
    gf_scheduler_notify(s);
    pass_at(s, "2026-11-23T18:02:00Z");
    gf_scheduler_notify(s);
    pass_at(s, "2026-11-23T18:03:00Z");
    CHECK_OK(gofer_client_schedule_pause(client, "e", 0));
    pass_at(s, "2026-11-23T18:03:20Z");
    CHECK_STR(history(client, "e"), "18:01:00Z");
    pass_at(s, "2026-11-23T18:04:00Z");
    CHECK_STR(history(client, "e"), "18:01:00Z 18:04:00Z");
    gf_scheduler_free(s);
    gofer_client_close(client);
}

static void a_change_counts_from_now_and_other_changes_keep_the_place(void)
{
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    put_entry(client, "e", "@every 7m", NULL);
    gf_scheduler *s = new_scheduler(client, NULL);
    pass_at(s, "2026-11-23T18:07:00Z");
    // Another payload: the rhythm goes on.
    CHECK_OK(gofer_client_schedule_put(client, "e", "@every 7m", "job", "y", 1, NULL, 0));
    pass_at(s, "2026-11-23T18:13:00Z");
    pass_at(s, "2026-11-23T18:14:00Z");
    CHECK_STR(history(client, "e"), "18:07:00Z 18:14:00Z");
    // Another spec: a new beginning, at 18:14:30.
    fake.now_ms = at("2026-11-23T18:14:30Z");
    put_entry(client, "e", "@every 1m", NULL);
    pass_at(s, "2026-11-23T18:14:40Z");
    pass_at(s, "2026-11-23T18:15:30Z");
    CHECK_STR(history(client, "e"), "18:07:00Z 18:14:00Z 18:15:30Z");
    CHECK_OK(gofer_client_schedule_remove(client, "e"));
    gf_scheduler_notify(s);
    CHECK_INT(pass_at(s, "2026-11-23T18:16:30Z"), -1);
    gf_scheduler_free(s);
    gofer_client_close(client);
}

static void jitter_is_the_same_for_all_schedulers(void)
{
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    gofer_schedule_options o = options();
    o.jitter_ms = 30000;
    put_entry(client, "e", "* * * * *", &o);
    gf_schedule entry;
    REQUIRE_OK(gf_book_find(client->broker, "e", &entry));
    int64_t tick = at("2026-11-23T18:01:00Z"), least = INT64_MAX, most = 0;
    for (int i = 0; i < 1000; i++) {
        gf_tick_task a, b;
        REQUIRE_OK(gf_schedule_task(&entry, tick + i * INT64_C(60000), 0, &a));
        REQUIRE_OK(gf_schedule_task(&entry, tick + i * INT64_C(60000), 5, &b));
        CHECK_INT(a.run_at_ms, b.run_at_ms);
        int64_t late = a.run_at_ms - tick - i * INT64_C(60000);
        least = late < least ? late : least;
        most = late > most ? late : most;
        gf_tick_task_clear(&a);
        gf_tick_task_clear(&b);
    }
    CHECK(least >= 0 && least < 1000);
    CHECK(most <= 30000 && most > 29000);
    gf_schedule_clear(&entry);
    gf_scheduler *s = new_scheduler(client, NULL);
    pass_at(s, "2026-11-23T18:01:00Z");
    gofer_info *task = NULL;
    REQUIRE_OK(gofer_client_task(client, NULL, "cron:e:2026-11-23T18:01:00Z", &task));
    CHECK(gofer_info_int(task, "next_run_at_ms", 0) > tick ||
        strcmp(gofer_info_text(task, "state"), "pending") == 0);
    gofer_info_free(task);
    gf_scheduler_free(s);
    gofer_client_close(client);
}

// ---- faults -------------------------------------------------------------------------------------

static void a_store_that_forgets_is_reminded(void)
{
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    put_entry(client, "e", "* * * * *", NULL);
    gf_scheduler *s = new_scheduler(client, NULL);
    pass_at(s, "2026-11-23T18:05:00.500Z");
    CHECK_STR(history(client, "e"), "18:05:00Z");
    fake.forgets = 1;
    pass_at(s, "2026-11-23T18:05:30Z");
    CHECK_HAS(last_log, "the store has lost cron entries");
    gf_schedule entry;
    REQUIRE_OK(gf_book_find(client->broker, "e", &entry));
    CHECK_INT(entry.since_ms, at("2026-11-23T18:05:00Z"));     // nothing of before is done again
    gf_schedule_clear(&entry);
    pass_at(s, "2026-11-23T18:06:00Z");
    CHECK_STR(history(client, "e"), "18:06:00Z");
    gf_scheduler_free(s);
    gofer_client_close(client);
}

static void what_cannot_be_served_is_told_once_and_harms_nothing(void)
{
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    REQUIRE_OK(
        fake.real->cron->entry_put(client->broker, "a-broken", "spec=@reboot\ttz=UTC", true));
    REQUIRE_OK(fake.real->cron->entry_put(client->broker, "b-zone",
        "spec=* * * * *\ttz=Mars/Base\tsource=api\ttype=t\tqueue=q", true));
    put_entry(client, "good", "* * * * *", NULL);
    gf_scheduler *s = new_scheduler(client, NULL);
    pass_at(s, "2026-11-23T18:01:00Z");
    CHECK_HAS(last_log, "cannot be served");
    CHECK_STR(history(client, "good"), "18:01:00Z");
    *last_log = '\0';
    put_entry(client, "more", "* * * * *", NULL);
    pass_at(s, "2026-11-23T18:02:00Z");
    CHECK_STR(last_log, "");
    gofer_info *list = NULL;
    REQUIRE_OK(gofer_client_schedules(client, &list));
    CHECK_INT(gofer_info_count(list), 4);
    gofer_info_free(list);
    // It can be replaced, and removed.
    put_entry(client, "a-broken", "* * * * *", NULL);
    CHECK_OK(gofer_client_schedule_remove(client, "b-zone"));
    gf_scheduler_free(s);
    gofer_client_close(client);
}

static void a_clock_that_is_set_repeats_nothing(void)
{
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    gofer_schedule_options o = options();
    o.missed = GOFER_MISSED_SKIP;
    put_entry(client, "e", "0 * * * *", &o);
    gf_scheduler *s = new_scheduler(client, NULL);
    int64_t mono = 1000000;
    CHECK_INT(gf_scheduler_pass(s, mono), 5000);
    s->clock_base_ms = 0, fake.now_ms = at("2026-11-23T19:00:01Z");    // an hour forward
    gf_scheduler_pass(s, mono + 5000);
    CHECK_HAS(last_log, "was set");
    CHECK_STR(history(client, "e"), "19:00:00Z");
    s->clock_base_ms = 0, fake.now_ms = at("2026-11-23T18:00:10Z");    // and back
    gf_scheduler_pass(s, mono + 10000);
    s->clock_base_ms = 0, fake.now_ms = at("2026-11-23T19:00:00Z");
    gf_scheduler_pass(s, mono + 3600000);
    CHECK_STR(history(client, "e"), "19:00:00Z");
    s->clock_base_ms = 0, fake.now_ms = at("2026-11-23T20:00:00Z");
    gf_scheduler_pass(s, mono + 7200000);
    CHECK_STR(history(client, "e"), "19:00:00Z 20:00:00Z");
    gf_scheduler_free(s);
    gofer_client_close(client);
}

// A worker whose own clock is ten minutes ahead: the store's counts, and goes on by
// the monotonic clock.
static void the_stores_clock_counts(void)
{
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    put_entry(client, "e", "*/5 * * * *", NULL);
    gf_scheduler *s = new_scheduler(client, NULL);
    CHECK_INT(gf_scheduler_pass(s, 5000), 5000);
    gf_scheduler_pass(s, 5000 + 299000);
    CHECK_STR(history(client, "e"), "");
    fake.now_ms = at("2026-11-23T18:05:00Z");
    gf_scheduler_pass(s, 5000 + 310000);
    CHECK_STR(history(client, "e"), "18:05:00Z");
    gf_scheduler_free(s);
    gofer_client_close(client);
}

// ---- many ---------------------------------------------------------------------------------------

typedef struct racer {
    gofer_client *client;
    int           number;
    _Atomic int  *go;
} racer;

static void *race(void *arg)
{
    racer *r = arg;
    gf_scheduler *s = new_scheduler(r->client, NULL);
    int64_t start = at("2026-11-23T18:00:00Z");
    while (!atomic_load(r->go))
        ;
    // Each at its own pace, and some come back from nowhere now and then.
    for (int i = 1; i <= 40; i++) {
        s->clock_base_ms = start + i * 30000 - i * 1000;
        s->clock_ms = INT64_MAX;
        gf_scheduler_pass(s, i * 1000);
        if ((i + r->number) % 7 == 0) {
            gf_scheduler_free(s);
            s = new_scheduler(r->client, NULL);
        }
    }
    gf_scheduler_free(s);
    return NULL;
}

static void many_schedulers_enqueue_each_tick_once(void)
{
    enum { RACERS = 6, ENTRIES = 20, MINUTES = 20 };
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    gofer_schedule_options o = options();
    o.missed = GOFER_MISSED_ALL;
    o.missed_max = 1000;
    for (int i = 0; i < ENTRIES; i++) {
        char name[20];
        snprintf(name, sizeof name, "e%d", i);
        put_entry(client, name, "* * * * *", &o);
    }
    fake.now.ops.peers = NULL;
    fake.ticks_unanswered = 5;
    fake.ticks_fail = 5;
    _Atomic int go = 0;
    racer racers[RACERS];
    pthread_t threads[RACERS];
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (racer){ client, i, &go };
        REQUIRE(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
    }
    atomic_store(&go, 1);
    for (int i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    gofer_info *queue = NULL;
    REQUIRE_OK(gofer_client_queue(client, "default", &queue));
    CHECK_INT(gofer_info_int(queue, "pending", 0), ENTRIES * MINUTES);
    gofer_info_free(queue);
    for (int i = 0; i < ENTRIES; i++) {
        char name[20];
        gofer_info *list = NULL;
        snprintf(name, sizeof name, "e%d", i);
        REQUIRE_OK(gofer_client_schedule_history(client, name, 1000, &list));
        CHECK_INT(gofer_info_count(list), MINUTES);
        gofer_info_free(list);
    }
    gofer_client_close(client);
}

static void entries_are_shown_to_asynqs_tools(void)
{
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    gofer_schedule_options o = options();
    o.tz = "Europe/Berlin";
    put_entry(client, "e", "0 * * * *", &o);
    gf_scheduler *s = new_scheduler(client, NULL);
    pass_at(s, "2026-11-23T19:00:00Z");
    CHECK_INT(fake.shown, 1);
    CHECK_STR(fake.shown_spec, "CRON_TZ=Europe/Berlin 0 * * * *");
    CHECK_INT(fake.shown_next_ms, at("2026-11-23T20:00:00Z"));
    CHECK_INT(fake.shown_previous_ms, at("2026-11-23T19:00:00Z"));
    pass_at(s, "2026-11-23T19:00:09Z");
    CHECK_INT(fake.shown, 1);
    pass_at(s, "2026-11-23T19:00:10Z");
    CHECK_INT(fake.shown, 2);
    gf_scheduler_free(s);
    gofer_client_close(client);
}

// ---- the file -----------------------------------------------------------------------------------

static void write_file(const char *path, const char *text)
{
    char temporary[300];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    FILE *f = fopen(temporary, "w");
    REQUIRE(f != NULL);
    fputs(text, f);
    fclose(f);
    REQUIRE(rename(temporary, path) == 0);
}

static void a_file_is_followed(void)
{
    char folder[] = "/tmp/gofer-schedule-XXXXXX", path[100];
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/entries.json", folder);
    write_file(path, "{\"entries\":[{\"name\":\"a\",\"spec\":\"* * * * *\",\"type\":\"t\"},"
        "{\"name\":\"b\",\"spec\":\"* * * * *\",\"type\":\"t\"}]}");
    gofer_client *client = open_client("2026-11-23T18:00:00Z");
    gf_scheduler *s = new_scheduler(client, path);
    CHECK_INT(pass_at(s, "2026-11-23T18:00:01Z"), 1000);
    pass_at(s, "2026-11-23T18:01:00Z");
    CHECK_STR(history(client, "a"), "18:01:00Z");
    CHECK_STR(history(client, "b"), "18:01:00Z");
    // A broken one changes nothing, and is told of once.
    write_file(path, "{\"entries\":[{\"name\":\"a\",\"sepc\":\"* * * * *\",\"type\":\"t\"}]}");
    pass_at(s, "2026-11-23T18:02:00Z");
    CHECK_HAS(last_log, "did you mean 'spec'");
    CHECK_STR(history(client, "b"), "18:01:00Z 18:02:00Z");
    *last_log = '\0';
    pass_at(s, "2026-11-23T18:02:02Z");
    CHECK_STR(last_log, "");
    write_file(path, "{\"entries\":[{\"name\":\"a\",\"spec\":\"* * * * *\",\"type\":\"t\"}]}");
    pass_at(s, "2026-11-23T18:02:30Z");
    CHECK_STATUS(gofer_client_schedule_remove(client, "b"), GOFER_ENOTFOUND);
    REQUIRE(unlink(path) == 0);
    pass_at(s, "2026-11-23T18:03:00Z");
    CHECK_HAS(last_log, "cannot be opened");
    CHECK_STR(history(client, "a"), "18:01:00Z 18:02:00Z 18:03:00Z");
    gf_scheduler_free(s);
    gofer_client_close(client);
    rmdir(folder);
}

// ---- the thread ---------------------------------------------------------------------------------

static void the_thread_lives_while_there_are_entries(void)
{
    gofer_client *client = NULL;
    REQUIRE_OK(gofer_client_open(&client, "memory:", NULL));
    gf_scheduler *s = new_scheduler(client, NULL);
    CHECK_OK(gf_scheduler_look(s));
    CHECK(!gf_scheduler_notify(s));
    put_entry(client, "e", "@every 1s", NULL);
    CHECK_OK(gf_scheduler_look(s));
    CHECK(gf_scheduler_notify(s));
    int64_t until = check_now_ms() + 30000;
    while (!*history(client, "e") && check_now_ms() < until)
        usleep(10000);
    CHECK(*history(client, "e") != '\0');
    CHECK_OK(gofer_client_schedule_remove(client, "e"));
    while (gf_scheduler_notify(s) && check_now_ms() < until)
        usleep(10000);
    CHECK(!gf_scheduler_notify(s));
    put_entry(client, "f", "@every 1s", NULL);
    CHECK_OK(gf_scheduler_look(s));    // it comes to life again, and finds the new one
    while (!*history(client, "f") && check_now_ms() < until)
        usleep(10000);
    CHECK(*history(client, "f") != '\0');
    gf_scheduler_stop(s);
    gf_scheduler_join(s);
    gf_scheduler_free(s);
    gofer_client_close(client);
}

static void the_next_entry_is_known_among_many(void)
{
    gofer_client *client = open_client("2026-11-23T18:00:30Z");
    gf_scheduler *s = new_scheduler(client, NULL);
    for (int i = 0; i < 50; i++) {
        char name[20], spec[40];
        snprintf(name, sizeof name, "e%05d", i);
        snprintf(spec, sizeof spec, "%d %d * * *", i * 7 % 60, i * 5 % 24);
        put_entry(client, name, spec, NULL);
    }
    pass_at(s, "2026-11-23T18:00:31Z");
    CHECK_INT(s->plan.count, 50);
    int64_t last = 0;
    for (int i = 0; i < 200; i++) {
        gf_planned *p = gf_plan_first(&s->plan);
        REQUIRE(p != NULL);
        CHECK(p->wake_ms >= last);
        last = p->wake_ms;
        gf_planned_advance(p, p->next_ms);
        gf_plan_sink(&s->plan);
    }
    gf_scheduler_free(s);
    gofer_client_close(client);
}

// ---- no memory ----------------------------------------------------------------------------------

// Loading, ticking and showing, with every allocation failing once: the next pass makes it good.
static void each_failing_allocation_is_made_good(void)
{
    bool done = false;
    int n = 0;
    for (; n < 1000 && !done; n++) {
        gofer_client *client = open_client("2026-11-23T18:00:00Z");
        gofer_schedule_options o = options();
        o.tz = "Europe/Berlin";
        put_entry(client, "a", "* * * * *", &o);
        put_entry(client, "b", "@every 20s", NULL);
        gf_scheduler *s = new_scheduler(client, NULL);
        fake.now_ms = at("2026-11-23T18:01:00Z");
        fail_after = n;
        (void)gf_scheduler_pass(s, 61000);
        done = fail_after > 0;
        fail_after = -1;
        pass_at(s, "2026-11-23T18:01:01Z");
        pass_at(s, "2026-11-23T18:01:03Z");
        CHECK_STR(history(client, "a"), "18:01:00Z");
        CHECK_STR(history(client, "b"), "18:00:20Z 18:00:40Z 18:01:00Z");
        gf_scheduler_free(s);
        gofer_client_close(client);
    }
    CHECK(done && n > 20);
}

static const check_test tests[] = {
    TEST(a_new_entry_runs_from_its_next_tick_on),
    TEST(missed_ticks_follow_the_policy),
    TEST(many_missed_ticks_are_all_made_up_for),
    TEST(a_late_tick_is_not_missed),
    TEST(a_store_that_fails_is_asked_again),
    TEST(an_entry_whose_tick_is_refused_backs_off),
    TEST(overlap_skips_queues_and_cancels),
    TEST(a_pause_leaves_ticks_out),
    TEST(a_change_counts_from_now_and_other_changes_keep_the_place),
    TEST(jitter_is_the_same_for_all_schedulers),
    TEST(a_store_that_forgets_is_reminded),
    TEST(what_cannot_be_served_is_told_once_and_harms_nothing),
    TEST(a_clock_that_is_set_repeats_nothing),
    TEST(the_stores_clock_counts),
    TEST(many_schedulers_enqueue_each_tick_once),
    TEST(entries_are_shown_to_asynqs_tools),
    TEST(a_file_is_followed),
    TEST(the_thread_lives_while_there_are_entries),
    TEST(the_next_entry_is_known_among_many),
    TEST(each_failing_allocation_is_made_good),
};

int main(int argc, char **argv)
{
    CHECK_OK(gofer_set_allocator(test_alloc, test_realloc, free));
    return check_main(argc, argv, tests, COUNT(tests));
}
