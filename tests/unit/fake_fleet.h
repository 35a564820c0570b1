// fake_fleet.h - a store for the tests of what a worker does beside running one task: the real one,
// with commands, groups, events and stats played by the test, so that it can lose
// replies and refuse at will.
#ifndef TESTS_UNIT_FAKE_FLEET_H
#define TESTS_UNIT_FAKE_FLEET_H

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"
#include "client/client.h"
#include "tables.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    PATIENCE_MS = 300000,
    FAKE_RECORDS = 20000,
    FAKE_GROUPS = 16,
    FAKE_TASKS = 8,
    FAKE_STATS = 2000
};

typedef struct fake_group {
    const char *queue, *name;
    gf_message  tasks[FAKE_TASKS];
    size_t      count;
    bool        out;                       // in a set
    int32_t     crashes;                   // of its next set
    char        archived[400];             // why it was; "": it was not
    _Atomic int taken, backs;
} fake_group;

static struct {
    const gf_broker_ops *real;
    tables               now;
    pthread_mutex_t      lock;             // over what is not atomic
    gf_watch_callbacks   callbacks;        // of the worker that watches
    char                 worker[64];
    // groups
    fake_group   groups[FAKE_GROUPS];
    size_t       group_count;
    _Atomic int  heedless;                 // gives groups that were not asked for
    _Atomic int  take_hold, taking;        // takes wait at the store's door; so many do
    _Atomic int  put_status, put_fails;    // so many puts answer so,
    _Atomic int  put_lost;                 //   and so many are done and answer EUNCERTAIN
    _Atomic int  puts, backs, archives, reclaims;
    char         put_ids[16][300];
    int64_t      set_ms;                   // a set's life
    // events
    _Atomic int  listened;                 // gf_events_want
    _Atomic int  publishes, most_published, publish_hold;
    char        *records[FAKE_RECORDS];
    _Atomic int  record_count;
    int          read;
    // stats
    _Atomic int  stat_status, stat_calls;
    gf_type_stats *stats;
    size_t       stat_count;
} fleet;

// Asked again and again until it holds; not after that.
#define WAIT_FOR(condition)                                                        \
    do {                                                                           \
        bool holds_;                                                               \
        int64_t end_ = check_now_ms() + PATIENCE_MS;                               \
        while (!(holds_ = (condition)) && check_now_ms() < end_)                   \
            gf_sleep_us(500);                                                      \
        if (!check_true(holds_, #condition, __FILE__, __LINE__))                   \
            longjmp(check_state.leave, 1);                                         \
    } while (0)

// ---- commands and names ------------------------------------------------------------------

static gofer_status fake_watch_open(
    gf_broker *b, const char *worker, const gf_watch_callbacks *callbacks, gf_watch **out)
{
    gofer_status st = fleet.real->live->watch_open(b, worker, callbacks, out);
    if (st == GOFER_OK) {
        fleet.callbacks = *callbacks;
        snprintf(fleet.worker, sizeof fleet.worker, "%s", worker);
    }
    return st;
}

static gofer_status fake_control(gf_broker *b, const char *worker, const char *command)
{
    (void)b;
    if (strcmp(worker, fleet.worker) != 0)
        return gf_fail(GOFER_ENOTFOUND, "there is no worker '%s'", worker);
    fleet.callbacks.control(fleet.callbacks.arg, command);
    return GOFER_OK;
}

static int fake_by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static gofer_status fake_names(gf_broker *b, gf_names *out)
{
    gofer_info *list;
    gofer_status st = fleet.real->inspect->queues(b, NULL, &list);
    if (st != GOFER_OK)
        return st;
    out->count = gofer_info_count(list);
    out->names = gf_calloc(out->count + 1, sizeof *out->names);
    for (size_t i = 0; i < out->count; i++)
        out->names[i] = gf_strdup(gofer_info_text(gofer_info_at(list, i), "queue"));
    qsort(out->names, out->count, sizeof *out->names, fake_by_name);
    gofer_info_free(list);
    return GOFER_OK;
}

// ---- groups ---------------------------------------------------------------------------------

static bool fake_matches(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(names[i]);
        bool prefix = size && names[i][size - 1] == '*';
        if (prefix ? strncmp(names[i], name, size - 1) == 0 : strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static gofer_status fake_group_take(gf_broker *b, const char *worker, const char *queue,
    const gf_group_rule *rule, gf_group_set **out)
{
    (void)b, (void)worker;
    gofer_status st = GOFER_EEMPTY;
    atomic_fetch_add(&fleet.taking, 1);
    while (atomic_load(&fleet.take_hold))
        gf_sleep_us(500);
    atomic_fetch_sub(&fleet.taking, 1);
    pthread_mutex_lock(&fleet.lock);
    for (size_t i = 0; i < fleet.group_count && st == GOFER_EEMPTY; i++) {
        fake_group *g = &fleet.groups[i];
        if (g->out || !g->count || strcmp(g->queue, queue) != 0)
            continue;
        if (!atomic_load(&fleet.heedless) &&
            (!fake_matches(rule->names, rule->name_count, g->name) ||
                fake_matches(rule->except, rule->except_count, g->name)))
            continue;
        if (g->crashes > 0 && rule->suspects) {
            *rule->suspects = true;
            continue;
        }
        gf_group_set *set = gf_calloc(1, sizeof *set);
        char *id = gf_alloc(64);
        snprintf(id, 64, "set-%zu", i);
        *set = (gf_group_set){ .queue = g->queue,
            .group = g->name,
            .id = id,
            .until_ms = gf_mono_ms() + fleet.set_ms,
            .tasks = g->tasks,
            .count = g->count,
            .crashes = g->crashes,
            .memory = id };
        g->out = true;
        g->taken++;
        *out = set;
        st = GOFER_OK;
    }
    pthread_mutex_unlock(&fleet.lock);
    return st;
}

static fake_group *fake_group_of(const gf_group_set *set)
{
    for (size_t i = 0; i < fleet.group_count; i++)
        if (strcmp(fleet.groups[i].queue, set->queue) == 0 &&
            strcmp(fleet.groups[i].name, set->group) == 0)
            return &fleet.groups[i];
    return NULL;
}

static gofer_status fake_put_set(gf_broker *b, const gf_group_set *set, const gf_message *combined,
    int64_t run_at_ms)
{
    if (atomic_load(&fleet.put_fails) > 0) {
        atomic_fetch_sub(&fleet.put_fails, 1);
        return gf_fail(atomic_load(&fleet.put_status), "the test wants this to fail");
    }
    pthread_mutex_lock(&fleet.lock);
    fake_group_of(set)->count = 0;         // a second time it is so already
    pthread_mutex_unlock(&fleet.lock);
    gf_put item = { .message = combined, .run_at_ms = run_at_ms };
    gofer_status st = fleet.real->tasks->put(b, &item, 1);
    if (st == GOFER_OK && atomic_load(&fleet.put_lost) > 0) {
        atomic_fetch_sub(&fleet.put_lost, 1);
        return gf_fail(GOFER_EUNCERTAIN, "the test has lost the reply");
    }
    return st == GOFER_OK ? item.status : st;
}

// Counted when it is done.
static gofer_status fake_group_put(gf_broker *b, const gf_group_set *set,
    const gf_message *combined, int64_t run_at_ms)
{
    gofer_status st = fake_put_set(b, set, combined, run_at_ms);
    pthread_mutex_lock(&fleet.lock);
    int n = atomic_load(&fleet.puts);
    if (n < 16)
        snprintf(fleet.put_ids[n], sizeof fleet.put_ids[n], "%s", combined->id);
    atomic_store(&fleet.puts, n + 1);
    pthread_mutex_unlock(&fleet.lock);
    return st;
}

static gofer_status fake_group_back(gf_broker *b, const gf_group_set *set)
{
    (void)b;
    pthread_mutex_lock(&fleet.lock);
    fake_group_of(set)->out = false;
    fake_group_of(set)->backs++;
    fake_group_of(set)->crashes = 0;
    pthread_mutex_unlock(&fleet.lock);
    atomic_fetch_add(&fleet.backs, 1);
    return GOFER_OK;
}

static gofer_status fake_group_archive(gf_broker *b, const gf_group_set *set, const char *error)
{
    (void)b;
    pthread_mutex_lock(&fleet.lock);
    fake_group *g = fake_group_of(set);
    snprintf(g->archived, sizeof g->archived, "%s", error);
    g->count = 0;
    pthread_mutex_unlock(&fleet.lock);
    atomic_fetch_add(&fleet.archives, 1);
    return GOFER_OK;
}

static gofer_status fake_group_reclaim(gf_broker *b, size_t limit, size_t *done)
{
    (void)b, (void)limit;
    atomic_fetch_add(&fleet.reclaims, 1);
    *done = 0;
    return GOFER_OK;
}

// Its tasks are a set that did not come back so often.
__attribute__((unused))
static fake_group *fake_suspect_add(const char *queue, const char *name, size_t count,
    int32_t crashes)
{
    static const char *const ids[FAKE_TASKS] = { "g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7" };
    pthread_mutex_lock(&fleet.lock);
    fake_group *g = &fleet.groups[fleet.group_count++];
    *g = (fake_group){ .queue = queue, .name = name, .count = count, .crashes = crashes };
    for (size_t i = 0; i < count; i++)
        g->tasks[i] = (gf_message){ .id = ids[i],
            .type = "part",
            .queue = queue,
            .payload = ids[i],
            .payload_size = 2,
            .headers = "k\0v",
            .headers_size = 4 };
    pthread_mutex_unlock(&fleet.lock);
    return g;
}

__attribute__((unused))
static fake_group *fake_group_add(const char *queue, const char *name, size_t count)
{
    return fake_suspect_add(queue, name, count, 0);
}

// ---- events ------------------------------------------------------------------------------------

static gf_events_want fake_events_wanted(gf_broker *b)
{
    (void)b;
    return (gf_events_want)atomic_load(&fleet.listened);
}

static gofer_status fake_events_tell(gf_broker *b, const char *const *records, size_t count)
{
    (void)b;
    atomic_fetch_add(&fleet.publishes, 1);
    while (atomic_load(&fleet.publish_hold))
        gf_sleep_us(500);
    if ((int)count > atomic_load(&fleet.most_published))
        atomic_store(&fleet.most_published, (int)count);
    pthread_mutex_lock(&fleet.lock);
    for (size_t i = 0; i < count; i++) {
        int n = atomic_load(&fleet.record_count);
        if (n == FAKE_RECORDS)
            break;
        fleet.records[n] = gf_strdup(records[i]);
        atomic_store(&fleet.record_count, n + 1);
    }
    pthread_mutex_unlock(&fleet.lock);
    return GOFER_OK;
}

static gofer_status fake_listener_open(gf_broker *b, bool sums, gf_listener **out)
{
    static gf_listener listener;
    listener.broker = b;
    atomic_store(&fleet.listened, sums ? GF_EVENTS_SUMS : GF_EVENTS_ALL);
    *out = &listener;
    return GOFER_OK;
}

static gofer_status fake_listener_next(gf_listener *l, int64_t timeout_ms, char **record,
    int64_t *lost)
{
    (void)l;
    for (int64_t end = check_now_ms() + timeout_ms;
         fleet.read == atomic_load(&fleet.record_count);) {
        if (timeout_ms >= 0 && check_now_ms() >= end)
            return GOFER_ETIMEOUT;
        gf_sleep_us(500);
    }
    pthread_mutex_lock(&fleet.lock);
    *record = gf_strdup(fleet.records[fleet.read]);
    *lost = fleet.read == 1 ? 7 : 0;
    fleet.read++;
    pthread_mutex_unlock(&fleet.lock);
    return GOFER_OK;
}

static void fake_listener_close(gf_listener *l)
{
    (void)l;
    atomic_store(&fleet.listened, 0);
}

// ---- stats --------------------------------------------------------------------------------------

static gofer_status fake_stats_add(gf_broker *b, const gf_type_stats *items, size_t count)
{
    (void)b;
    atomic_fetch_add(&fleet.stat_calls, 1);
    if (atomic_load(&fleet.stat_status) != GOFER_OK)
        return gf_fail(atomic_load(&fleet.stat_status), "the test wants this to fail");
    pthread_mutex_lock(&fleet.lock);
    if (!fleet.stats)
        fleet.stats = gf_calloc(FAKE_STATS, sizeof *fleet.stats);
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < fleet.stat_count && (strcmp(fleet.stats[at].queue, items[i].queue) != 0 ||
               strcmp(fleet.stats[at].type, items[i].type) != 0))
            at++;
        gf_type_stats *stat = &fleet.stats[at];
        if (at == fleet.stat_count) {
            *stat = (gf_type_stats){ .queue = gf_strdup(items[i].queue),
                .type = gf_strdup(items[i].type) };
            fleet.stat_count++;
        }
        stat->done += items[i].done;
        stat->failed += items[i].failed;
        for (size_t k = 0; k < GF_STATS_BUCKETS; k++) {
            stat->wait[k] += items[i].wait[k];
            stat->run[k] += items[i].run[k];
        }
    }
    pthread_mutex_unlock(&fleet.lock);
    return GOFER_OK;
}

static gofer_status fake_stats(
    gf_broker *b, const char *queue, int64_t since_ms, gf_type_stats **out, size_t *count)
{
    (void)b, (void)since_ms;
    pthread_mutex_lock(&fleet.lock);
    *count = 0;
    *out = gf_calloc(fleet.stat_count + 1, sizeof **out);
    for (size_t i = 0; i < fleet.stat_count; i++)
        if (!queue || strcmp(queue, fleet.stats[i].queue) == 0)
            (*out)[(*count)++] = fleet.stats[i];
    pthread_mutex_unlock(&fleet.lock);
    return GOFER_OK;
}

// ---- putting it before a client's store ---------------------------------------------------------

__attribute__((unused)) static void fleet_install(gofer_client *client)
{
    memset(&fleet, 0, sizeof fleet);
    pthread_mutex_init(&fleet.lock, NULL);
    fleet.set_ms = 120000;
    fleet.real = client->broker->ops;
    tables_copy(&fleet.now, fleet.real);
    fleet.now.live.watch_open = fake_watch_open;
    fleet.now.live.control = fake_control;
    fleet.now.inspect.names = fake_names;
    fleet.now.groups.take = fake_group_take;
    fleet.now.groups.put = fake_group_put;
    fleet.now.groups.back = fake_group_back;
    fleet.now.groups.archive = fake_group_archive;
    fleet.now.groups.reclaim = fake_group_reclaim;
    fleet.now.live.events_wanted = fake_events_wanted;
    fleet.now.live.events_publish = fake_events_tell;
    fleet.now.live.listener_open = fake_listener_open;
    fleet.now.live.listener_next = fake_listener_next;
    fleet.now.live.listener_close = fake_listener_close;
    fleet.now.inspect.stats_add = fake_stats_add;
    fleet.now.inspect.stats = fake_stats;
    client->broker->ops = &fleet.now.ops;
}

// After the workers are freed.
__attribute__((unused)) static void fleet_clear(void)
{
    for (int i = 0; i < fleet.record_count; i++)
        gf_free(fleet.records[i]);
    for (size_t i = 0; i < fleet.stat_count; i++) {
        gf_free((char *)fleet.stats[i].queue);
        gf_free((char *)fleet.stats[i].type);
    }
    gf_free(fleet.stats);
    pthread_mutex_destroy(&fleet.lock);
}

#endif
