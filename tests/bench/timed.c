// timed.c - tasks that are scheduled, of which so many fall due each second: how late they start.
//
//   bench timed URL TOTAL RATE SECONDS NAME
//
// TOTAL tasks are in the store before the first is due, RATE of them for each second; the worker
// runs for SECONDS of these. A task's payload is the time at which it is due.
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

typedef struct lateness {
    int64_t         *ns;
    int64_t          count;
    atomic_llong     taken, noted;
    pthread_mutex_t  lock;
    pthread_cond_t   all;
} lateness;

static int64_t wall_ms(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        die("clock_gettime", "failed");
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int32_t note(gofer_task *task, void *user)
{
    lateness *l = user;
    int64_t due_ms;
    size_t size;
    const void *payload = gofer_task_payload(task, &size);
    if (size != sizeof due_ms)
        return gofer_task_fail(task, "not a time");
    memcpy(&due_ms, payload, sizeof due_ms);
    long long index = atomic_fetch_add(&l->taken, 1);
    if (index >= l->count)
        return GOFER_DONE;
    l->ns[index] = (wall_ms() - due_ms) * 1000000;
    if (atomic_fetch_add(&l->noted, 1) + 1 == l->count) {
        pthread_mutex_lock(&l->lock);
        pthread_cond_signal(&l->all);
        pthread_mutex_unlock(&l->lock);
    }
    return GOFER_DONE;
}

static void put_at(gofer_client *client, int64_t due_ms, int64_t count)
{
    enum { BATCH = 500 };
    const char *types[BATCH];
    const void *payloads[BATCH];
    size_t sizes[BATCH];
    const gofer_enqueue_options *each[BATCH];
    gofer_enqueue_options options;
    gofer_enqueue_options_init(&options);
    options.run_at_ms = due_ms;
    for (size_t i = 0; i < BATCH; i++) {
        types[i] = "timed";
        payloads[i] = &due_ms;
        sizes[i] = sizeof due_ms;
        each[i] = &options;
    }
    for (; count > 0; count -= BATCH)
        if (gofer_client_enqueue_many(client, count < BATCH ? (size_t)count : BATCH, types,
                payloads, sizes, each, NULL, NULL) != GOFER_OK)
            die("schedule", gofer_error_last());
}

// The last second's first: so long as they are put in nothing is due. Whole seconds, as Redis has.
static int64_t schedule(gofer_client *client, int64_t total, int64_t rate, int64_t lead_s)
{
    int64_t first_ms = (wall_ms() / 1000 + lead_s) * 1000;
    for (int64_t second = (total - 1) / rate; second >= 0; second--) {
        int64_t left = total - second * rate;
        put_at(client, first_ms + second * 1000, left < rate ? left : rate);
    }
    if (wall_ms() >= first_ms)
        die("timed", "this store is too slow: tasks were due before all were in");
    return first_ms;
}

int timed_main(int argc, char **argv)
{
    if (argc != 5)
        die("usage", "bench timed URL TOTAL RATE SECONDS NAME");
    int64_t total = number(argv[1]), rate = number(argv[2]), count = rate * number(argv[3]);
    gofer_client *client = open_client(argv[0]);
    lateness l = { .count = count < total ? count : total, .lock = PTHREAD_MUTEX_INITIALIZER,
        .all = PTHREAD_COND_INITIALIZER };
    l.ns = calloc((size_t)l.count, sizeof *l.ns);
    if (!l.ns)
        die("timed", "no memory");
    int64_t first_ms = schedule(client, total, rate, 2 + total / 20000);
    gofer_worker *worker = worker_of(client);
    check_worker(gofer_worker_handle(worker, "timed", note, &l, NULL));
    while (wall_ms() < first_ms - 500)
        sleep_ms(10);
    double before = cpu_us(RUSAGE_SELF);
    check_worker(gofer_worker_start(worker));
    pthread_mutex_lock(&l.lock);
    while (atomic_load(&l.noted) < l.count)
        pthread_cond_wait(&l.all, &l.lock);
    pthread_mutex_unlock(&l.lock);
    printf("%s %.0f\n", argv[4], (double)l.count * 1e3 / (double)(wall_ms() - first_ms + 1));
    printf("%s_worker_cpu_us %.2f\n", argv[4], (cpu_us(RUSAGE_SELF) - before) / (double)l.count);
    print_times(argv[4], l.ns, (size_t)l.count);
    free(l.ns);
    gofer_worker_free(worker);
    gofer_client_close(client);
    return 0;
}
