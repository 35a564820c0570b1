// feed.c - putting tasks in: one by one, by many threads, by hundreds, or so many a second.
//
// A payload begins with the time just before its enqueue, by which a worker tells how long it took
// to start. Making of threads is outside of the measured time; commits are inside.
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "util/clock.h"

typedef struct feeding {
    const bench       *bench;
    const feed_order  *order;
    pthread_barrier_t  start;
    atomic_llong       left, put;       // tasks that nobody has begun; that are in
    atomic_int         failed;          // the status of the first that failed
    char               why[512];        // its error: whoever sets failed has it for himself
    int64_t            begun_ns;
} feeding;

static void sleep_until(int64_t ns)
{
    struct timespec at = { ns / 1000000000, ns % 1000000000 };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR &&
        !bench_interrupted())
        ;
}

static gofer_status put(const bench *b, char *payload, size_t count)
{
    const char *types[BENCH_BATCH];
    const void *payloads[BENCH_BATCH];
    size_t sizes[BENCH_BATCH];
    const gofer_enqueue_options *each[BENCH_BATCH];
    gofer_enqueue_options options;
    gofer_enqueue_options_init(&options);
    options.queue = b->plan.queue;
    int64_t now = gf_mono_ns();
    memcpy(payload, &now, sizeof now);
    size_t size = (size_t)b->plan.payload;
    if (count == 1)
        return gofer_client_enqueue(b->client, BENCH_TYPE, payload, size, &options, NULL);
    for (size_t i = 0; i < count; i++) {
        types[i] = BENCH_TYPE;
        payloads[i] = payload;
        sizes[i] = size;
        each[i] = &options;
    }
    return gofer_client_enqueue_many(b->client, count, types, payloads, sizes, each, NULL, NULL);
}

static void note_failure(feeding *f, gofer_status status)
{
    int none = GOFER_OK;
    if (atomic_compare_exchange_strong(&f->failed, &none, (int)status))
        snprintf(f->why, sizeof f->why, "%s", gofer_error_last());
}

static int is_over(const feeding *f)
{
    int64_t for_ms = f->order->for_ms;
    return bench_interrupted() || atomic_load(&f->failed) != GOFER_OK ||
        (for_ms && gf_mono_ns() - f->begun_ns > for_ms * 1000000);
}

static void *feed(void *arg)
{
    feeding *f = arg;
    int64_t batch = f->order->batch, done = 0;
    char *payload = cli_alloc((size_t)f->bench->plan.payload);
    pthread_barrier_wait(&f->start);    // begun_ns is set by then
    pthread_barrier_wait(&f->start);
    while (!is_over(f)) {
        int64_t left = atomic_fetch_sub(&f->left, batch);
        if (left <= 0)
            break;
        if (f->order->rate > 0)
            sleep_until(f->begun_ns + (int64_t)((double)done * 1e9 / f->order->rate));
        size_t count = (size_t)(left < batch ? left : batch);
        gofer_status st = put(f->bench, payload, count);
        if (st != GOFER_OK) {
            note_failure(f, st);
            break;
        }
        done += (int64_t)count;
        atomic_fetch_add(&f->put, (long long)count);
    }
    free(payload);
    return NULL;
}

static int told(const bench *b, const feeding *f)
{
    gofer_status st = (gofer_status)atomic_load(&f->failed);
    if (bench_interrupted())
        return CLI_FAILED;              // who pressed Ctrl-C knows
    return st == GOFER_OK ? CLI_OK : cli_fail_because(b->c, st, f->why);
}

int bench_feed(bench *b, const feed_order *order, feed_result *out)
{
    pthread_t ids[BENCH_THREADS_MAX];
    feeding f = { .bench = b, .order = order };
    int64_t started = 0;
    atomic_store(&f.left, (long long)order->tasks);
    if (pthread_barrier_init(&f.start, NULL, (unsigned)order->threads + 1) != 0)
        return cli_fail(b->c, CLI_FAILED, "bench: no memory for threads");
    while (started < order->threads && pthread_create(&ids[started], NULL, feed, &f) == 0)
        started++;
    if (started < order->threads)       // those that wait at the barrier end with the process
        return cli_fail(b->c, CLI_FAILED, "bench: %lld threads cannot be made here",
            (long long)order->threads);
    pthread_barrier_wait(&f.start);
    double before = bench_cpu_us();
    f.begun_ns = gf_mono_ns();
    pthread_barrier_wait(&f.start);
    for (int64_t i = 0; i < started; i++)
        (void)pthread_join(ids[i], NULL);
    out->took_ns = gf_mono_ns() - f.begun_ns;
    out->begun_ns = f.begun_ns;
    out->count = atomic_load(&f.put);
    out->cpu_us = out->count ? (bench_cpu_us() - before) / (double)out->count : 0;
    (void)pthread_barrier_destroy(&f.start);
    return told(b, &f);
}

int bench_feed_one(bench *b, int64_t *call_ns)
{
    char *payload = cli_alloc((size_t)b->plan.payload);
    int64_t begun = gf_mono_ns();
    gofer_status st = put(b, payload, 1);
    *call_ns = gf_mono_ns() - begun;
    free(payload);
    return st == GOFER_OK ? CLI_OK : cli_fail_status(b->c, st, NULL);
}
