// worker.c - a worker of the crash test: runs tasks of a few milliseconds, and keeps a ledger.
#include "crash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct place {
    int      fd;
    uint64_t seed;
} place;

static int32_t job(gofer_task *task, void *user)
{
    const place *p = user;
    const char *id = gofer_task_id(task);
    size_t size;
    const void *payload = gofer_task_payload(task, &size);
    ledger_write(p->fd, STARTED, &id, 1);
    if (size != strlen(id) || memcmp(payload, id, size) != 0)
        die("worker: not the payload of this task", id);

    uint64_t seed = p->seed;               // length by id: the same in every run of a seed
    for (const char *c = id; *c; c++)
        seed = seed * 31 + (unsigned char)*c;
    sleep_ms(
        HANDLER_MIN_MS + (int64_t)(random_next(&seed) % (HANDLER_MAX_MS - HANDLER_MIN_MS + 1)));

    if (id[0] == 'f' && gofer_task_attempt(task) == 1) {
        ledger_write(p->fd, FAILED, &id, 1);
        return gofer_task_retry_in(task, 50, "fails the first time");
    }
    ledger_write(p->fd, DONE, &id, 1);
    return GOFER_DONE;
}

// A line to standard error for each warning: when the test fails this is what one wants to see.
static void log_line(void *user, int32_t level, int64_t time_ms, const char *text,
    const char *fields)
{
    (void)user;
    (void)time_ms;
    if (level >= GOFER_LOG_ERROR)
        fprintf(stderr, "worker: %s %s\n", text, fields);
}

static gofer_status set_up(gofer_worker *worker, place *p, const options *o)
{
    char concurrency[16], prefetch[16];
    snprintf(concurrency, sizeof concurrency, "%d", CONCURRENCY);
    snprintf(prefetch, sizeof prefetch, "%d", o->prefetch);
    gofer_status st = gofer_worker_handle(worker, "job", job, p, NULL);
    if (st == GOFER_OK)
        st = gofer_worker_set(worker, "concurrency", concurrency);
    if (st == GOFER_OK)
        st = gofer_worker_set(worker, "max_prefetch", prefetch);
    // The same task may be unlucky more often than a user would want to see it.
    if (st == GOFER_OK)
        st = gofer_worker_set(worker, "crash_limit", "1000000");
    if (st == GOFER_OK && o->drain)
        st = gofer_worker_set(worker, "drain", "1");
    for (int i = 0; i < 2 && st == GOFER_OK; i++)
        st = gofer_worker_queue(worker, crash_queues[i], 1 + i);
    return st;
}

int worker_main(const options *o)
{
    char name[32];
    gofer_client *client = NULL;
    gofer_worker *worker = NULL;
    gofer_client_options opts;
    snprintf(name, sizeof name, "worker-%d", o->number);
    place p = { ledger_open(o->folder, name), o->seed };
    gofer_client_options_init(&opts);
    opts.log = log_line;
    if (gofer_client_open(&client, o->url, &opts) != GOFER_OK)
        die("worker: open", gofer_error_last());
    if (gofer_worker_new(&worker, client) != GOFER_OK || set_up(worker, &p, o) != GOFER_OK)
        die("worker: set up", gofer_error_last());
    if (gofer_worker_run(worker) != GOFER_OK)
        die("worker: run", gofer_error_last());
    gofer_worker_free(worker);
    gofer_client_close(client);
    return o->drain ? 0 : 1;               // without drain it was to run until killed
}
