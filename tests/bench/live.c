// live.c - live flow: a producer puts tasks one by one while a worker elsewhere takes them.
//
// Each payload is the time just before its enqueue. The worker hands the latencies over at the end,
// so that telling them costs nothing meanwhile. Rate 0: as fast as the producer can.
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct taking {
    int64_t        *latencies;
    int64_t         count;
    atomic_llong    taken, noted;
    pthread_mutex_t lock;
    pthread_cond_t  all;
} taking;

static int32_t take_time(gofer_task *task, void *user)
{
    taking *t = user;
    int64_t sent, now = now_ns();
    size_t size;
    const void *payload = gofer_task_payload(task, &size);
    if (size < sizeof sent)
        return gofer_task_fail(task, "not a time");
    memcpy(&sent, payload, sizeof sent);
    long long index = atomic_fetch_add(&t->taken, 1);
    if (index < t->count)
        t->latencies[index] = now - sent;
    if (atomic_fetch_add(&t->noted, 1) + 1 == t->count) {
        pthread_mutex_lock(&t->lock);
        pthread_cond_signal(&t->all);
        pthread_mutex_unlock(&t->lock);
    }
    return GOFER_DONE;
}

static void write_all(int fd, const void *bytes, size_t size)
{
    for (const char *at = bytes; size > 0;) {
        ssize_t some = write(fd, at, size);
        if (some < 0 && errno != EINTR)
            die("write", strerror(errno));
        at += some > 0 ? some : 0;
        size -= some > 0 ? (size_t)some : 0;
    }
}

static void read_all(int fd, void *bytes, size_t size)
{
    for (char *at = bytes; size > 0;) {
        ssize_t some = read(fd, at, size);
        if (some == 0 || (some < 0 && errno != EINTR))
            die("live", "the worker has gone");
        at += some > 0 ? some : 0;
        size -= some > 0 ? (size_t)some : 0;
    }
}

// The worker's process: says when it runs, and at the end all latencies.
static void work(const char *url, int64_t count, int fd)
{
    taking t = { .latencies = calloc((size_t)count, sizeof(int64_t)), .count = count,
        .lock = PTHREAD_MUTEX_INITIALIZER, .all = PTHREAD_COND_INITIALIZER };
    gofer_client *client = open_client(url);
    if (!t.latencies)
        die("live", "no memory");
    gofer_worker *worker = worker_of(client);
    check_worker(gofer_worker_handle(worker, "noop", take_time, &t, NULL));
    check_worker(gofer_worker_start(worker));
    write_all(fd, "!", 1);
    pthread_mutex_lock(&t.lock);
    while (atomic_load(&t.noted) < count)
        pthread_cond_wait(&t.all, &t.lock);
    pthread_mutex_unlock(&t.lock);
    int64_t end = now_ns();
    write_all(fd, &end, sizeof end);
    write_all(fd, t.latencies, (size_t)count * sizeof *t.latencies);
    gofer_worker_free(worker);
    gofer_client_close(client);
    free(t.latencies);
}

static void wait_until(int64_t ns)
{
    struct timespec at = { ns / 1000000000, ns % 1000000000 };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

// When the last was put, after the first.
static int64_t produce(gofer_client *client, int64_t count, int64_t rate)
{
    char payload[PAYLOAD] = "";
    int64_t begun = now_ns();
    for (int64_t i = 0; i < count; i++) {
        if (rate)
            wait_until(begun + i * 1000000000 / rate);
        int64_t sent = now_ns();
        memcpy(payload, &sent, sizeof sent);
        if (gofer_client_enqueue(client, "noop", payload, sizeof payload, NULL, NULL) != GOFER_OK)
            die("enqueue", gofer_error_last());
    }
    return now_ns() - begun;
}

int live_main(int argc, char **argv)
{
    if (argc != 4)
        die("usage", "bench live URL COUNT RATE NAME");
    int64_t count = number(argv[1]), rate = strcmp(argv[2], "0") ? number(argv[2]) : 0, end;
    int ends[2];
    char ready;
    if (pipe(ends) != 0)
        die("pipe", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        die("fork", strerror(errno));
    if (pid == 0) {
        close(ends[0]);
        work(argv[0], count, ends[1]);
        return 0;
    }
    close(ends[1]);
    read_all(ends[0], &ready, 1);
    gofer_client *client = open_client(argv[0]);
    double before = cpu_us(RUSAGE_SELF);
    int64_t begun = now_ns(), alone = produce(client, count, rate);
    double own = cpu_us(RUSAGE_SELF) - before;
    read_all(ends[0], &end, sizeof end);
    int64_t *latencies = calloc((size_t)count, sizeof *latencies);
    if (!latencies)
        die("live", "no memory");
    read_all(ends[0], latencies, (size_t)count * sizeof *latencies);
    gofer_client_close(client);
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    printf("%s %.0f\n", argv[3], (double)count * 1e9 / (double)(end - begun));
    printf("%s_put %.0f\n", argv[3], (double)count * 1e9 / (double)alone);
    printf("%s_producer_cpu_us %.2f\n", argv[3], own / (double)count);
    printf("%s_worker_cpu_us %.2f\n", argv[3], cpu_us(RUSAGE_CHILDREN) / (double)count);
    print_times(argv[3], latencies, (size_t)count);
    free(latencies);
    close(ends[0]);
    return 0;
}
