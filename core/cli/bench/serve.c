// serve.c - the worker that is measured: its tasks do nothing but tell when they started.
//
// A process of its own, or, on a store that is one process's, a thread. Serves the private queue
// alone, and no cron entries: nothing of its host's work is touched.
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "util/clock.h"

typedef struct serving {
    const serve_order *order;
    gofer_client      *client;
    int                fd, wake[2];     // of the other side; from the last task to this thread
    int64_t           *latencies;
    atomic_llong       taken, noted;    // noted: with their latency
    atomic_llong       target;          // -1: not told yet
    serve_result       result;
} serving;

static int send_all(int fd, const void *bytes, size_t size)
{
    for (const char *at = bytes; size > 0;) {
        ssize_t some = send(fd, at, size, MSG_NOSIGNAL);
        if (some < 0 && errno == EINTR)
            continue;
        if (some < 0)
            return -1;
        at += some;
        size -= (size_t)some;
    }
    return 0;
}

static int32_t take_time(gofer_task *task, void *user)
{
    serving *s = user;
    int64_t sent, now = gf_mono_ns();
    size_t size;
    const void *payload = gofer_task_payload(task, &size);
    if (size < sizeof sent)
        return gofer_task_skip_retry(task, "not a task of this benchmark");
    memcpy(&sent, payload, sizeof sent);
    int64_t latency = now - sent;
    long long index = atomic_fetch_add(&s->taken, 1);
    if (index < s->order->most)
        s->latencies[index] = latency;
    if (s->order->echo)
        (void)send_all(s->fd, &latency, sizeof latency);
    if (atomic_fetch_add(&s->noted, 1) + 1 == atomic_load(&s->target)) {
        static const char one = 1;
        ssize_t ignored = write(s->wake[1], &one, 1);
        (void)ignored;                  // nobody but this writes there
    }
    return GOFER_DONE;
}

// 1: a target; 0: end of file.
static int read_target(serving *s)
{
    int64_t count;
    size_t got = 0;
    while (got < sizeof count) {
        ssize_t some = read(s->fd, (char *)&count + got, sizeof count - got);
        if (some == 0 || (some < 0 && errno != EINTR))
            return 0;
        got += some > 0 ? (size_t)some : 0;
    }
    atomic_store(&s->target, (long long)count);
    return 1;
}

// Until all have started: 1; 0: the other side has gone.
static int await_all(serving *s)
{
    for (;;) {
        long long target = atomic_load(&s->target);
        if (target >= 0 && atomic_load(&s->noted) >= target)
            return 1;
        struct pollfd fds[2] = { { .fd = s->fd, .events = POLLIN },
            { .fd = s->wake[0], .events = POLLIN } };
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return 0;
        if (fds[0].revents && !read_target(s))
            return 0;
    }
}

// Until the last outcomes are in the store.
static void await_empty(serving *s)
{
    for (int64_t size = 1; size > 0; gf_sleep_us(200)) {
        gofer_info *queue = NULL;
        if (gofer_client_queue(s->client, s->order->queue, &queue) != GOFER_OK)
            return;
        size = gofer_info_int(queue, "size", 0);
        gofer_info_free(queue);
        if (size <= 0)
            return;
    }
}

static gofer_status start(serving *s, gofer_worker **worker)
{
    char slots[24];
    snprintf(slots, sizeof slots, "%lld", (long long)s->order->slots);
    gofer_status st = gofer_worker_new(worker, s->client);
    if (st == GOFER_OK)
        st = gofer_worker_set(*worker, "concurrency", slots);
    if (st == GOFER_OK)
        st = gofer_worker_set(*worker, "schedule", "0");
    if (st == GOFER_OK)
        st = gofer_worker_queue(*worker, s->order->queue, 1);
    if (st == GOFER_OK)
        st = gofer_worker_handle(*worker, BENCH_TYPE, take_time, s, NULL);
    s->result.begun_ns = gf_mono_ns();
    if (st == GOFER_OK)
        st = gofer_worker_start(*worker);
    return st;
}

static int greet(serving *s, gofer_status status)
{
    serve_hello hello = { .status = status };
    if (status != GOFER_OK)
        snprintf(hello.why, sizeof hello.why, "%s", gofer_error_last());
    return send_all(s->fd, &hello, sizeof hello);
}

static void tell(serving *s)
{
    serve_result *r = &s->result;
    int64_t noted = atomic_load(&s->noted);
    r->count = noted < s->order->most ? noted : s->order->most;
    r->cpu_us = noted ? (bench_cpu_us() - r->cpu_us) / (double)noted : 0;
    qsort(s->latencies, (size_t)r->count, sizeof *s->latencies, bench_by_size);
    if (send_all(s->fd, r, sizeof *r) == 0)
        (void)send_all(s->fd, s->latencies, (size_t)r->count * sizeof *s->latencies);
}

void bench_serve(gofer_client *client, const serve_order *order, int fd)
{
    serving s = { .order = order, .client = client, .fd = fd };
    gofer_worker *worker = NULL;
    atomic_store(&s.target, (long long)order->count);
    s.latencies = cli_alloc((size_t)order->most * sizeof *s.latencies);
    if (pipe(s.wake) != 0)
        return;                         // its end of file tells
    s.result.cpu_us = bench_cpu_us();
    gofer_status st = start(&s, &worker);
    if (greet(&s, st) == 0 && st == GOFER_OK && await_all(&s)) {
        s.result.ended_ns = gf_mono_ns();
        if (order->until_empty) {
            await_empty(&s);
            s.result.ended_ns = gf_mono_ns();
        }
        tell(&s);
    }
    gofer_worker_free(worker);
    (void)close(s.wake[0]);
    (void)close(s.wake[1]);
    free(s.latencies);
}
