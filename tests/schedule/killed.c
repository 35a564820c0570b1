// killed.c - schedulers that are killed at every step: each tick has its task exactly once.
//
//     schedule_killed URL [--kills N] [--seed N]          (URL "sqlite": a file that is made
//     for it, and removed)
//
// Some processes serve the entries of one store. Their clock is a number in shared memory, which
// goes on a second whenever one of them asks. Each kills itself (SIGKILL) at a step chosen by
// chance: before or after it reads the entries, what is noted of them, or hands in ticks; before it
// cancels a task; or it is killed at any moment. A new one takes its place. At the end one more
// goes on to the end of time, and the tasks are counted.
#include <inttypes.h>

#include "client/client.h"
#include "../crash/killed.h"
#include "../unit/tables.h"
#include "schedule/entry.h"
#include "schedule/scheduler.h"

enum { ENTRIES = 4, STEPS = 8, BEGIN_S = 1795456800 };

typedef struct shared {
    _Atomic int64_t now_s;
    _Atomic int64_t end_s;                 // passes go on until then
} shared;

static shared             *common;
static const gf_broker_ops *real;
static tables              now;

static gofer_status deadly_clock(gf_broker *b, int64_t *now_ms)
{
    (void)b;
    *now_ms = atomic_fetch_add(&common->now_s, 1) * 1000;
    return GOFER_OK;
}

static gofer_status deadly_entries(gf_broker *b, int64_t known, gf_entries *out)
{
    killed_may_die(0);
    gofer_status st = real->cron->entries(b, known, out);
    killed_may_die(1);
    return st;
}

static gofer_status deadly_states(gf_broker *b, gf_tick_state *items, size_t count)
{
    killed_may_die(2);
    gofer_status st = real->cron->tick_states(b, items, count);
    killed_may_die(3);
    return st;
}

static gofer_status deadly_tick(gf_broker *b, gf_tick *items, size_t count)
{
    killed_may_die(4);
    gofer_status st = real->cron->tick(b, items, count);
    killed_may_die(5);
    return st;
}

static gofer_status deadly_act(gf_broker *b, const char *queue, gf_act act, const char *const *ids,
    size_t count, gofer_status *statuses)
{
    killed_may_die(6);
    return real->act->tasks_act(b, queue, act, ids, count, statuses);
}

static gofer_client *open_store(const char *url)
{
    gofer_client *client;
    if (gofer_client_open(&client, url, NULL) != GOFER_OK)
        killed_fail("open");
    return client;
}

// Passes until the time is over, or it has died.
static void serve(const char *url)
{
    gofer_client *client = open_store(url);
    gf_scheduler *s;
    real = client->broker->ops;
    tables_copy(&now, real);
    now.upkeep.clock = deadly_clock;
    now.cron.entries = deadly_entries;
    now.cron.tick_states = deadly_states;
    now.cron.tick = deadly_tick;
    now.act.tasks_act = deadly_act;
    now.ops.peers = NULL;
    client->broker->ops = &now.ops;
    if (gf_scheduler_new(&s, &(gf_scheduler_config){ .client = client, .id = "killed" }) !=
        GOFER_OK)
        killed_fail("scheduler");
    // By its own clock ten seconds go by between two passes, so that each asks the store's and
    // looks at the entries.
    for (int64_t mono_ms = 10000; atomic_load(&common->now_s) < atomic_load(&common->end_s);
         mono_ms += 10000)
        (void)gf_scheduler_pass(s, mono_ms);
    gf_scheduler_free(s);
    client->broker->ops = real;
    gofer_client_close(client);
}

static void add_entries(const char *url)
{
    static const int32_t overlaps[ENTRIES] = { GOFER_OVERLAP_ALLOW, GOFER_OVERLAP_ALLOW,
        GOFER_OVERLAP_ALLOW, GOFER_OVERLAP_CANCEL };
    gofer_client *client = open_store(url);
    for (int i = 0; i < ENTRIES; i++) {
        char name[20], queue[20], record[200];
        snprintf(name, sizeof name, "e%d", i);
        snprintf(queue, sizeof queue, "q%d", i);
        // As gofer_client_schedule_put writes it, but from the beginning of our time on.
        snprintf(record, sizeof record,
            "spec=@every "
            "%ds\ttz=UTC\tsource=api\ttype=t\tqueue=%s\tmissed:%d\tmissed_max:%d\toverlap:%d"
            "\tsince_ms:%" PRId64,
            i + 1, queue, GOFER_MISSED_ALL, 1000, (int)overlaps[i], (int64_t)BEGIN_S * 1000);
        if (client->broker->ops->cron->entry_put(client->broker, name, record, true) != GOFER_OK)
            killed_fail("entry");
    }
    gofer_client_close(client);
}

static int64_t count_tasks(gofer_client *client, const char *queue)
{
    gofer_info *info;
    if (gofer_client_queue(client, queue, &info) != GOFER_OK)
        killed_fail(queue);
    int64_t count = gofer_info_int(info, "pending", 0) + gofer_info_int(info, "archived", 0);
    gofer_info_free(info);
    return count;
}

static int check(const char *url, int64_t end_s)
{
    gofer_client *client = open_store(url);
    int wrong = 0;
    for (int i = 0; i < ENTRIES; i++) {
        char queue[20];
        snprintf(queue, sizeof queue, "q%d", i);
        int64_t got = count_tasks(client, queue), want = (end_s - BEGIN_S) / (i + 1);
        printf("%s: %" PRId64 " ticks, %" PRId64 " tasks\n", queue, want, got);
        wrong += got != want;
    }
    gofer_client_close(client);
    return wrong;
}

// What is noted is asked for once by each.
static int calls_of(int step)
{
    return step == 2 || step == 3 ? 0 : rand() % 4;
}

int main(int argc, char **argv)
{
    int kills = 160;
    const char *url = killed_begin("schedule_killed", argc, argv, &kills);
    common = killed_share(sizeof *common);
    atomic_store(&common->now_s, BEGIN_S);
    atomic_store(&common->end_s, INT64_MAX);
    add_entries(url);
    killed_run(&(killed_race){
        .url = url, .kills = kills, .steps = STEPS, .any_ms = 20,
        .serve = serve, .calls = calls_of });
    int64_t end_s = atomic_load(&common->now_s) + 20;
    atomic_store(&common->end_s, end_s + 1);
    killed_last(serve, url);
    int code = check(url, end_s) ? 1 : 0;
    killed_end();
    return code;
}
