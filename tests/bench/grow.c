// grow.c - what a task costs beside much else: growth.py fills stores and runs this at a small and
// at a large size of them.
//
//   bench fill URL KIND COUNT   COUNT pending | scheduled | completed | archived tasks of the queue
//                               "bench", or queues: so many, "mail:...", without tasks
//   bench cost URL QUEUE COUNT  puts COUNT tasks into QUEUE ("mail:*": some of those) and runs as
//                               many with a worker that serves it
//
// Prints lines "name value": CPU of this process for each task, and its memory.
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"

enum { BATCH = 500, SOME_QUEUES = 200, DAY_MS = 86400000 };

// ---- putting ------------------------------------------------------------------------------------

// spread: into so many queues "mail:...", else into `queue`.
static void put(gofer_client *client, const char *queue, size_t spread, int64_t count,
    const gofer_enqueue_options *common)
{
    static const char payload[PAYLOAD] = "0123456789abcdef";
    const char *types[BATCH];
    const void *payloads[BATCH];
    size_t sizes[BATCH];
    static char names[BATCH][32];
    static gofer_enqueue_options options[BATCH];
    const gofer_enqueue_options *each[BATCH];
    for (int64_t done = 0; done < count;) {
        size_t n = count - done < BATCH ? (size_t)(count - done) : BATCH;
        for (size_t i = 0; i < n; i++) {
            types[i] = "noop";
            payloads[i] = payload;
            sizes[i] = sizeof payload;
            options[i] = *common;
            if (spread)
                snprintf(names[i], sizeof names[i], "mail:%06zu", ((size_t)done + i) % spread);
            options[i].queue = spread ? names[i] : queue;
            each[i] = &options[i];
        }
        if (gofer_client_enqueue_many(client, n, types, payloads, sizes, each, NULL, NULL) !=
            GOFER_OK)
            die("enqueue", gofer_error_last());
        done += (int64_t)n;
    }
}

// ---- running ------------------------------------------------------------------------------------

typedef struct counter {
    atomic_llong    left;
    pthread_mutex_t lock;
    pthread_cond_t  none_left;
} counter;

static int32_t count_down(gofer_task *task, void *user)
{
    counter *c = user;
    (void)task;
    if (atomic_fetch_sub(&c->left, 1) == 1) {
        pthread_mutex_lock(&c->lock);
        pthread_cond_signal(&c->none_left);
        pthread_mutex_unlock(&c->lock);
    }
    return GOFER_DONE;
}

static void run(gofer_client *client, const char *queue, int64_t count)
{
    counter c = { .lock = PTHREAD_MUTEX_INITIALIZER, .none_left = PTHREAD_COND_INITIALIZER };
    gofer_worker *worker = NULL;
    atomic_store(&c.left, count);
    if (gofer_worker_new(&worker, client) != GOFER_OK ||
        gofer_worker_queue(worker, queue, 1) != GOFER_OK ||
        gofer_worker_set(worker, "concurrency", "10") != GOFER_OK ||
        gofer_worker_handle(worker, "noop", count_down, &c, NULL) != GOFER_OK ||
        gofer_worker_start(worker) != GOFER_OK)
        die("worker", gofer_error_last());
    pthread_mutex_lock(&c.lock);
    while (atomic_load(&c.left) > 0)
        pthread_cond_wait(&c.none_left, &c.lock);
    pthread_mutex_unlock(&c.lock);
    gofer_worker_free(worker);
}

// ---- the modes ----------------------------------------------------------------------------------

int fill_main(int argc, char **argv)
{
    if (argc != 3)
        die("usage", "bench fill URL KIND COUNT");
    gofer_client *client = open_client(argv[0]);
    const char *kind = argv[1];
    int64_t count = number(argv[2]), acted;
    gofer_enqueue_options options;
    gofer_enqueue_options_init(&options);
    options.delay_ms = strcmp(kind, "scheduled") == 0 ? DAY_MS : 0;
    options.retention_ms = strcmp(kind, "completed") == 0 ? DAY_MS : 0;
    bool queues = strcmp(kind, "queues") == 0;
    put(client, "bench", queues ? (size_t)count : 0, count, &options);
    if (options.retention_ms || queues)
        run(client, queues ? "mail:*" : "bench", count);
    if (strcmp(kind, "archived") == 0 && gofer_client_act(client, GOFER_ACT_ARCHIVE, "bench",
            "pending", NULL, NULL, NULL, &acted) != GOFER_OK)
        die("archive", gofer_error_last());
    gofer_client_close(client);
    return 0;
}

int cost_main(int argc, char **argv)
{
    if (argc != 3)
        die("usage", "bench cost URL QUEUE COUNT");
    gofer_client *client = open_client(argv[0]);
    int64_t count = number(argv[2]);
    gofer_enqueue_options options;
    gofer_enqueue_options_init(&options);
    double cpu = cpu_us(RUSAGE_SELF);
    int64_t wall_ns = now_ns();
    put(client, argv[1], strchr(argv[1], '*') ? SOME_QUEUES : 0, count, &options);
    double put_us = cpu_us(RUSAGE_SELF) - cpu;
    int64_t put_ns = now_ns() - wall_ns;
    cpu = cpu_us(RUSAGE_SELF);
    wall_ns = now_ns();
    run(client, argv[1], count);
    double tasks = (double)count;
    printf("put_cpu_us %.3f\nput_us %.3f\n", put_us / tasks, (double)put_ns / 1e3 / tasks);
    printf("run_cpu_us %.3f\nrun_us %.3f\n", (cpu_us(RUSAGE_SELF) - cpu) / tasks,
        (double)(now_ns() - wall_ns) / 1e3 / tasks);
    printf("memory_kib %ld\n", memory_kib());
    gofer_client_close(client);
    return 0;
}
