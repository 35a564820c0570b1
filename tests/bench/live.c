// live.c - live flow: producers put tasks one by one while workers elsewhere take them.
//
//   bench live URL COUNT RATE NAME    RATE of all producers together; 0: as fast as they can
//   bench put URL COUNT NAME          the same producers, and no worker
//
// BENCH_PRODUCERS and BENCH_WORKERS (1) are processes, with a client each; producers go from queue
// to queue (BENCH_QUEUES). Each payload is the time just before its enqueue. What is measured lies
// in memory that all share, so that telling it costs nothing meanwhile.
#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct told {
    atomic_llong taken, noted;      // tasks that have begun, and whose latency is written
    atomic_llong put_ns, end_ns;    // when the last was put, when the last was noted
    atomic_llong producer_cpu_ns, worker_cpu_ns;
    int64_t      latencies[];
} told;

typedef struct flow {
    const char *url;
    int64_t     count, rate;
    knobs       knobs;
    told       *told;
    size_t      told_size;
    int         news[2];            // to this process: a byte of each child that is ready, and of
                                    //   whoever notes the last task
    int         go[2];              // a byte for each producer
    int         stop[2];            // closed: workers end
} flow;

static void write_byte(int fd)
{
    ssize_t done;
    do
        done = write(fd, "!", 1);
    while (done < 0 && errno == EINTR);
    if (done != 1)
        die("write", strerror(errno));
}

static void read_byte(int fd)
{
    char byte;
    ssize_t done;
    do
        done = read(fd, &byte, 1);
    while (done < 0 && errno == EINTR);
}

// A byte of a child's. Dies if one of them has failed meanwhile, and with it the byte.
static void await_news(const flow *f)
{
    struct pollfd news = { .fd = f->news[0], .events = POLLIN };
    int status;
    while (poll(&news, 1, 100) <= 0)
        if (waitpid(-1, &status, WNOHANG) > 0 && status != 0)
            die("live", "a producer or a worker has failed");
    read_byte(f->news[0]);
}

static void take_latest(atomic_llong *most, int64_t value)
{
    long long seen = atomic_load(most);
    while (seen < value && !atomic_compare_exchange_weak(most, &seen, value))
        ;
}

// ---- A worker ----------------------------------------------------------------------------

static int32_t take_time(gofer_task *task, void *user)
{
    const flow *f = user;
    int64_t sent, now = now_ns();
    size_t size;
    const void *payload = gofer_task_payload(task, &size);
    if (size < sizeof sent)
        return gofer_task_fail(task, "not a time");
    memcpy(&sent, payload, sizeof sent);
    long long index = atomic_fetch_add(&f->told->taken, 1);
    if (index >= f->count)
        return GOFER_DONE;
    f->told->latencies[index] = now - sent;
    if (atomic_fetch_add(&f->told->noted, 1) + 1 == f->count) {
        atomic_store(&f->told->end_ns, now_ns());
        write_byte(f->news[1]);
    }
    return GOFER_DONE;
}

static void work(flow *f)
{
    close(f->stop[1]);
    gofer_client *client = open_client(f->url);
    gofer_worker *worker = worker_of(client);
    check_worker(gofer_worker_handle(worker, "noop", take_time, f, NULL));
    check_worker(gofer_worker_start(worker));
    write_byte(f->news[1]);
    read_byte(f->stop[0]);
    gofer_worker_free(worker);
    gofer_client_close(client);
    atomic_fetch_add(&f->told->worker_cpu_ns, (long long)(cpu_us(RUSAGE_SELF) * 1e3));
}

// ---- A producer --------------------------------------------------------------------------

static void wait_until(int64_t ns)
{
    struct timespec at = { ns / 1000000000, ns % 1000000000 };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

// The index-th of the producers: each of them puts every so manyth task, at its time.
static void produce(const flow *f, gofer_client *client, int64_t index)
{
    char *payload = calloc(1, (size_t)f->knobs.payload), queue[32];
    gofer_enqueue_options options;
    gofer_enqueue_options_init(&options);
    options.queue = queue;
    if (!payload)
        die("live", "no memory");
    int64_t begun = now_ns();
    for (int64_t i = index; i < f->count; i += f->knobs.producers) {
        if (f->rate)
            wait_until(begun + i * 1000000000 / f->rate);
        queue_name(i / f->knobs.producers % f->knobs.queues, queue);
        int64_t sent = now_ns();
        memcpy(payload, &sent, sizeof sent);
        if (gofer_client_enqueue(client, "noop", payload, (size_t)f->knobs.payload, &options, NULL))
            die("enqueue", gofer_error_last());
    }
    free(payload);
    take_latest(&f->told->put_ns, now_ns());
}

static void feed(flow *f, int64_t index)
{
    gofer_client *client = open_client(f->url);
    write_byte(f->news[1]);
    read_byte(f->go[0]);
    double before = cpu_us(RUSAGE_SELF);
    produce(f, client, index);
    double used = cpu_us(RUSAGE_SELF) - before;
    gofer_client_close(client);
    atomic_fetch_add(&f->told->producer_cpu_ns, (long long)(used * 1e3));
}

// ---- All of them -------------------------------------------------------------------------

static void open_flow(flow *f)
{
    f->knobs = read_knobs();
    if (f->knobs.payload < (int64_t)sizeof(int64_t))
        die("usage", "a payload has room for a time: BENCH_PAYLOAD=8 or more");
    f->told_size = sizeof *f->told + (size_t)f->count * sizeof *f->told->latencies;
    f->told = mmap(NULL, f->told_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (f->told == MAP_FAILED)
        die("mmap", strerror(errno));
    if (pipe(f->news) != 0 || pipe(f->go) != 0 || pipe(f->stop) != 0)
        die("pipe", strerror(errno));
}

static void close_flow(flow *f)
{
    int *const ends[] = { f->news, f->go, f->stop };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        for (int end = 0; end < 2; end++)
            if (ends[i][end] >= 0)
                close(ends[i][end]);
    munmap(f->told, f->told_size);
}

// Returns in this process when the child is ready.
static void begin(flow *f, int64_t producer)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork", strerror(errno));
    if (pid == 0) {
        if (producer < 0)
            work(f);
        else
            feed(f, producer);
        exit(0);
    }
    await_news(f);
}

// When the first may have been put.
static int64_t run_flow(flow *f, int64_t workers)
{
    for (int64_t i = 0; i < workers; i++)
        begin(f, -1);
    for (int64_t i = 0; i < f->knobs.producers; i++)
        begin(f, i);
    int64_t begun = now_ns();
    for (int64_t i = 0; i < f->knobs.producers; i++)
        write_byte(f->go[1]);
    if (workers > 0)
        await_news(f);
    close(f->stop[1]);
    f->stop[1] = -1;
    for (int status; waitpid(-1, &status, 0) > 0 || errno == EINTR;)
        if (status != 0)
            die("live", "a producer or a worker has failed");
    return begun;
}

static double rate_of(int64_t count, int64_t ns)
{
    return (double)count * 1e9 / (double)ns;
}

int live_main(int argc, char **argv)
{
    if (argc != 4)
        die("usage", "bench live URL COUNT RATE NAME");
    flow f = { .url = argv[0], .count = number(argv[1]),
        .rate = strcmp(argv[2], "0") ? number(argv[2]) : 0 };
    const char *name = argv[3];
    open_flow(&f);
    int64_t begun = run_flow(&f, f.knobs.workers);
    double count = (double)f.count;
    printf("%s %.0f\n", name, rate_of(f.count, atomic_load(&f.told->end_ns) - begun));
    printf("%s_put %.0f\n", name, rate_of(f.count, atomic_load(&f.told->put_ns) - begun));
    printf("%s_producer_cpu_us %.2f\n", name,
        (double)atomic_load(&f.told->producer_cpu_ns) / 1e3 / count);
    printf("%s_worker_cpu_us %.2f\n", name,
        (double)atomic_load(&f.told->worker_cpu_ns) / 1e3 / count);
    print_times(name, f.told->latencies, (size_t)f.count);
    close_flow(&f);
    return 0;
}

int put_main(int argc, char **argv)
{
    if (argc != 3)
        die("usage", "bench put URL COUNT NAME");
    flow f = { .url = argv[0], .count = number(argv[1]) };
    open_flow(&f);
    int64_t begun = run_flow(&f, 0);
    printf("%s %.0f\n", argv[2], rate_of(f.count, atomic_load(&f.told->put_ns) - begun));
    close_flow(&f);
    return 0;
}
