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
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/client.h"
#include "../unit/tables.h"
#include "schedule/entry.h"
#include "schedule/scheduler.h"
#include "util/clock.h"

enum { WORKERS = 3, ENTRIES = 4, STEPS = 8, BEGIN_S = 1795456800 };

typedef struct shared {
    _Atomic int64_t now_s;
    _Atomic int     done_at[STEPS];        // how many died where; the last: at any moment
} shared;

static shared             *common;
static const gf_broker_ops *real;
static tables              now;
static int                 step_to_die = -1, calls_to_die;

static void may_die(int step)
{
    if (step != step_to_die || calls_to_die-- > 0)
        return;
    atomic_fetch_add(&common->done_at[step], 1);
    raise(SIGKILL);
}

static gofer_status deadly_clock(gf_broker *b, int64_t *now_ms)
{
    (void)b;
    *now_ms = atomic_fetch_add(&common->now_s, 1) * 1000;
    return GOFER_OK;
}

static gofer_status deadly_entries(gf_broker *b, int64_t known, gf_entries *out)
{
    may_die(0);
    gofer_status st = real->cron->entries(b, known, out);
    may_die(1);
    return st;
}

static gofer_status deadly_states(gf_broker *b, gf_tick_state *items, size_t count)
{
    may_die(2);
    gofer_status st = real->cron->tick_states(b, items, count);
    may_die(3);
    return st;
}

static gofer_status deadly_tick(gf_broker *b, gf_tick *items, size_t count)
{
    may_die(4);
    gofer_status st = real->cron->tick(b, items, count);
    may_die(5);
    return st;
}

static gofer_status deadly_act(gf_broker *b, const char *queue, gf_act act, const char *const *ids,
    size_t count, gofer_status *statuses)
{
    may_die(6);
    return real->act->tasks_act(b, queue, act, ids, count, statuses);
}

static void fail(const char *what)
{
    fprintf(stderr, "schedule_killed: %s: %s\n", what, gofer_error_last());
    exit(1);
}

static gofer_client *open_store(const char *url)
{
    gofer_client *client;
    if (gofer_client_open(&client, url, NULL) != GOFER_OK)
        fail("open");
    return client;
}

// Passes until the time is over, or it has died.
static void serve(const char *url, int64_t end_s)
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
        fail("scheduler");
    // By its own clock ten seconds go by between two passes, so that each asks the store's and
    // looks at the entries.
    for (int64_t mono_ms = 10000; atomic_load(&common->now_s) < end_s; mono_ms += 10000)
        (void)gf_scheduler_pass(s, mono_ms);
    gf_scheduler_free(s);
    client->broker->ops = real;
    gofer_client_close(client);
}

static pid_t start(const char *url, int step, int calls)
{
    pid_t pid = fork();
    if (pid == 0) {
        step_to_die = step;
        calls_to_die = calls;
        serve(url, INT64_MAX);
        _exit(0);
    }
    return pid;
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
            fail("entry");
    }
    gofer_client_close(client);
}

static int64_t count_tasks(gofer_client *client, const char *queue)
{
    gofer_info *info;
    if (gofer_client_queue(client, queue, &info) != GOFER_OK)
        fail(queue);
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

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    return remove(path);
}

// The races of one store, from the first entry to the counting.
static int race(const char *url, int kills)
{
    add_entries(url);

    pid_t running[WORKERS] = { 0 };
    int64_t until_ms[WORKERS];
    for (int died = 0; died < kills;) {
        for (int i = 0; i < WORKERS; i++) {
            if (!running[i]) {
                int step = rand() % STEPS;
                // What is noted is asked for once by each.
                running[i] = start(url, step, step == 2 || step == 3 ? 0 : rand() % 4);
                // One of eight is not asked; nor is one that does not come to its step.
                until_ms[i] = gf_mono_ms() + (step == STEPS - 1 ? 1 + rand() % 20 : 500);
            } else if (gf_mono_ms() >= until_ms[i]) {
                kill(running[i], SIGKILL);
                atomic_fetch_add(&common->done_at[STEPS - 1], 1);
                until_ms[i] = INT64_MAX;
            }
        }
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0)
            gf_sleep_us(500);
        for (int i = 0; i < WORKERS; i++)
            if (pid > 0 && running[i] == pid) {
                running[i] = 0;
                died++;
                if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
                    fprintf(stderr, "schedule_killed: a scheduler ended by itself, status %d\n",
                        status);
                    return 1;
                }
            }
    }
    for (int i = 0; i < WORKERS; i++)
        if (running[i]) {
            kill(running[i], SIGKILL);
            waitpid(running[i], NULL, 0);
        }

    int64_t end_s = atomic_load(&common->now_s) + 20;
    pid_t last = fork();
    int status = 1;
    if (last == 0) {
        serve(url, end_s + 1);
        _exit(0);
    }
    if (last < 0 || waitpid(last, &status, 0) != last || status != 0)
        fail("the last scheduler");
    printf("kills by step:");
    for (int i = 0; i < STEPS; i++)
        printf(" %d", atomic_load(&common->done_at[i]));
    printf("\n");
    return check(url, end_s) ? 1 : 0;
}

int main(int argc, char **argv)
{
    int kills = 160, seed = 1;
    char folder[] = "/tmp/gofer-killed-XXXXXX", url[100];
    if (argc < 2) {
        fprintf(stderr, "usage: schedule_killed URL [--kills N] [--seed N]\n");
        return 2;
    }
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--kills") == 0)
            kills = atoi(argv[i + 1]);
        if (strcmp(argv[i], "--seed") == 0)
            seed = atoi(argv[i + 1]);
    }
    common = mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (common == MAP_FAILED)
        fail("mmap");
    atomic_store(&common->now_s, BEGIN_S);
    srand((unsigned)seed);
    bool own = strcmp(argv[1], "sqlite") == 0;
    if (own && !mkdtemp(folder))
        fail("mkdtemp");
    snprintf(url, sizeof url, "sqlite:%s/tasks.db", folder);
    int code = race(own ? url : argv[1], kills);
    if (own && nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
        fail("removing the folder");
    return code;
}
