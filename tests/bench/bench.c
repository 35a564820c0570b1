// bench.c - the speed of gofer, one figure a call: enqueue and drain, and the table of the modes.
//
// Opening, making of threads and closing are outside of the measured time; commits are inside.
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

void die(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

int64_t now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        die("clock_gettime", strerror(errno));
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void sleep_ms(int64_t ms)
{
    struct timespec left = { ms / 1000, ms % 1000 * 1000000 };
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

int64_t number(const char *text)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (*end || value <= 0)
        die("not a positive number", text);
    return value;
}

gofer_client *open_client(const char *url)
{
    gofer_client *client = NULL;
    if (gofer_client_open(&client, url, NULL) != GOFER_OK)
        die("open", gofer_error_last());
    return client;
}

knobs read_knobs(void)
{
    knobs k = { PAYLOAD, 10, 0, 0, 0, 1, 1, 1, 0 };
    const struct { const char *name; int64_t *value; } all[] = {
        { "BENCH_PAYLOAD", &k.payload }, { "BENCH_SLOTS", &k.slots },
        { "BENCH_WORK_MS", &k.work_ms }, { "BENCH_FAIL", &k.fail },
        { "BENCH_KEEP_S", &k.keep_s }, { "BENCH_QUEUES", &k.queues },
        { "BENCH_PRODUCERS", &k.producers }, { "BENCH_WORKERS", &k.workers },
        { "BENCH_RATE", &k.rate },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *text = getenv(all[i].name);
        if (text && strcmp(text, "0") != 0)
            *all[i].value = number(text);
    }
    return k;
}

void check_worker(gofer_status status)
{
    if (status != GOFER_OK)
        die("worker", gofer_error_last());
}

double cpu_us(int who)
{
    struct rusage used;
    if (getrusage(who, &used) != 0)
        die("getrusage", strerror(errno));
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
        (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

// Of getrusage's the parent's is a part: what it had before this program took its place.
long memory_kib(void)
{
    static const char field[] = "VmHWM:";
    char line[128];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, field, sizeof field - 1) == 0)
            kib = strtol(line + sizeof field - 1, NULL, 10);
    if (status)
        fclose(status);
    return kib;
}

int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void print_times(const char *name, int64_t *ns, size_t count)
{
    qsort(ns, count, sizeof *ns, by_size);
    printf("%s_p50_us %.1f\n", name, (double)ns[count / 2] / 1e3);
    printf("%s_p99_us %.1f\n", name, (double)ns[count * 99 / 100] / 1e3);
}

// ---- Enqueue ---------------------------------------------------------------------------

typedef struct feeder {
    gofer_client      *client;
    int64_t            count;
    size_t             batch;
    const char        *queue;
    pthread_barrier_t *start;
} feeder;

void queue_name(int64_t index, char out[32])
{
    if (index == 0)
        snprintf(out, 32, "default");
    else
        snprintf(out, 32, "default-%lld", (long long)index);
}

static void enqueue_batch(const feeder *f, const knobs *k, const char *payload, size_t count)
{
    const char *types[BATCH_MOST];
    const void *payloads[BATCH_MOST];
    size_t sizes[BATCH_MOST];
    const gofer_enqueue_options *each[BATCH_MOST];
    gofer_enqueue_options options;
    gofer_enqueue_options_init(&options);
    options.queue = f->queue;
    options.retention_ms = k->keep_s * 1000;
    for (size_t i = 0; i < count; i++) {
        types[i] = "noop";
        payloads[i] = payload;
        sizes[i] = (size_t)k->payload;
        each[i] = &options;
    }
    gofer_status st = count == 1
        ? gofer_client_enqueue(f->client, types[0], payloads[0], sizes[0], &options, NULL)
        : gofer_client_enqueue_many(f->client, count, types, payloads, sizes, each, NULL, NULL);
    if (st != GOFER_OK)
        die("enqueue", gofer_error_last());
}

static void feed_all(const feeder *f)
{
    knobs k = read_knobs();
    char *payload = calloc(1, (size_t)k.payload);
    if (!payload)
        die("enqueue", "no memory");
    for (int64_t left = f->count; left > 0; left -= (int64_t)f->batch)
        enqueue_batch(f, &k, payload, (size_t)left < f->batch ? (size_t)left : f->batch);
    free(payload);
}

static void *feed(void *arg)
{
    const feeder *f = arg;
    pthread_barrier_wait(f->start);
    feed_all(f);
    return NULL;
}

int enqueue_main(int argc, char **argv)
{
    if (argc != 5)
        die("usage", "bench enqueue URL THREADS COUNT BATCH NAME");
    int64_t threads = number(argv[1]), count = number(argv[2]), batch = number(argv[3]);
    if (threads > 256 || batch > BATCH_MOST)
        die("usage", "at most 256 threads, batches of 1000");
    gofer_client *client = open_client(argv[0]);
    pthread_barrier_t start;
    pthread_t ids[256];
    feeder f = { client, count / threads, (size_t)batch, "default", &start };
    if (pthread_barrier_init(&start, NULL, (unsigned)threads + 1) != 0)
        die("barrier", "cannot be made");
    for (int64_t i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, feed, &f) != 0)
            die("thread", "cannot be made");

    double before = cpu_us(RUSAGE_SELF);
    pthread_barrier_wait(&start);
    int64_t begun = now_ns();
    for (int64_t i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    double seconds = (double)(now_ns() - begun) / 1e9, done = (double)(f.count * threads);
    printf("%s %.0f\n", argv[4], done / seconds);
    printf("%s_client_cpu_us %.2f\n", argv[4], (cpu_us(RUSAGE_SELF) - before) / done);
    pthread_barrier_destroy(&start);
    gofer_client_close(client);
    return 0;
}

// ---- Drain -------------------------------------------------------------------------------

typedef struct counter {
    atomic_llong     left, turns;
    int64_t          begun_ns;     // from then on so many a second, if there is a rate
    knobs            knobs;
    pthread_mutex_t  lock;
    pthread_cond_t   none_left;
} counter;

enum { AHEAD_NS = 1000000 };           // shorter sleeps cost more than the task

static void await_turn(counter *c)
{
    int64_t turn = atomic_fetch_add(&c->turns, 1);
    int64_t ahead_ns = c->begun_ns + turn * 1000000000 / c->knobs.rate - now_ns();
    if (ahead_ns > AHEAD_NS)
        sleep_ms(ahead_ns / 1000000);
}

static int32_t count_down(gofer_task *task, void *user)
{
    counter *c = user;
    if (c->knobs.rate)
        await_turn(c);
    if (c->knobs.work_ms)
        sleep_ms(c->knobs.work_ms);
    long long left = atomic_fetch_sub(&c->left, 1);
    if (left == 1) {
        pthread_mutex_lock(&c->lock);
        pthread_cond_signal(&c->none_left);
        pthread_mutex_unlock(&c->lock);
    }
    return left % 100 < c->knobs.fail ? gofer_task_skip_retry(task, "as asked for") : GOFER_DONE;
}

int64_t tasks_left(gofer_client *client)
{
    gofer_info *queues = NULL;
    int64_t size = 0, many = read_knobs().queues;
    gofer_status st = many > 1 ? gofer_client_queues(client, &queues)
                               : gofer_client_queue(client, "default", &queues);
    if (st != GOFER_OK)
        die("queue", gofer_error_last());
    if (many <= 1)
        size = gofer_info_int(queues, "size", 0);
    for (size_t i = 0; i < gofer_info_count(queues); i++)
        size += gofer_info_int(gofer_info_at(queues, i), "size", 0);
    gofer_info_free(queues);
    return size;
}

// Until the store says that nothing is left: the last outcomes are committed.
static void await_empty(gofer_client *client)
{
    const struct timespec pause = { 0, 200000 };
    while (tasks_left(client) > 0)
        nanosleep(&pause, NULL);
}

enum { FILL = 100 };

// Task by task to the next queue.
static void fill_queues(gofer_client *client, const knobs *k, int64_t count)
{
    char names[FILL][32], *payload = calloc(1, (size_t)k->payload);
    const char *types[FILL];
    const void *payloads[FILL];
    size_t sizes[FILL];
    gofer_enqueue_options options[FILL];
    const gofer_enqueue_options *each[FILL];
    if (!payload)
        die("fill", "no memory");
    for (int64_t at = 0; at < count; at += FILL) {
        size_t some = count - at < FILL ? (size_t)(count - at) : FILL;
        for (size_t i = 0; i < some; i++) {
            queue_name((at + (int64_t)i) % k->queues, names[i]);
            gofer_enqueue_options_init(&options[i]);
            options[i].queue = names[i];
            options[i].retention_ms = k->keep_s * 1000;
            each[i] = &options[i];
            types[i] = "noop";
            payloads[i] = payload;
            sizes[i] = (size_t)k->payload;
        }
        if (gofer_client_enqueue_many(client, some, types, payloads, sizes, each, NULL, NULL))
            die("fill", gofer_error_last());
    }
    free(payload);
}

static void fill(const char *url, int64_t count)
{
    knobs k = read_knobs();
    gofer_client *client = open_client(url);
    feeder f = { client, count, FILL, "default", NULL };
    if (k.queues > 1)
        fill_queues(client, &k, count);
    else
        feed_all(&f);
    gofer_client_close(client);
}

static int backlog_main(int argc, char **argv)
{
    if (argc != 2)
        die("usage", "bench backlog URL COUNT");
    fill(argv[0], number(argv[1]));
    return 0;
}

gofer_worker *worker_of(gofer_client *client)
{
    knobs k = read_knobs();
    gofer_worker *worker = NULL;
    char slots[24];
    snprintf(slots, sizeof slots, "%lld", (long long)k.slots);
    check_worker(gofer_worker_new(&worker, client));
    check_worker(gofer_worker_set(worker, "concurrency", slots));
    if (k.queues > 1)
        check_worker(gofer_worker_queue(worker, "default*", 1));
    return worker;
}

int work_main(int argc, char **argv)
{
    if (argc != 1)
        die("usage", "bench work URL");
    gofer_client *client = open_client(argv[0]);
    counter c = { .knobs = read_knobs(), .lock = PTHREAD_MUTEX_INITIALIZER,
        .none_left = PTHREAD_COND_INITIALIZER };
    gofer_worker *worker = worker_of(client);
    atomic_store(&c.left, 1LL << 60);
    c.begun_ns = now_ns();
    check_worker(gofer_worker_handle(worker, "noop", count_down, &c, NULL));
    check_worker(gofer_worker_run(worker));
    gofer_worker_free(worker);
    gofer_client_close(client);
    return 0;
}

// From the first task that leaves the store to the last.
int await_main(int argc, char **argv)
{
    if (argc != 3)
        die("usage", "bench await URL COUNT NAME");
    int64_t count = number(argv[1]);
    gofer_client *client = open_client(argv[0]);
    while (tasks_left(client) >= count)
        sleep_ms(1);
    int64_t begun = now_ns();
    while (tasks_left(client) > 0)
        sleep_ms(1);
    printf("%s %.0f\n", argv[2], (double)count * 1e9 / (double)(now_ns() - begun));
    gofer_client_close(client);
    return 0;
}

int drain_main(int argc, char **argv)
{
    bool filled = argc == 4 && strcmp(argv[3], "there") == 0;
    if (argc != 3 && !filled)
        die("usage", "bench drain URL COUNT NAME [there]");
    int64_t count = number(argv[1]);
    if (!filled)
        fill(argv[0], count);

    gofer_client *client = open_client(argv[0]);
    counter c = { .knobs = read_knobs(), .lock = PTHREAD_MUTEX_INITIALIZER,
        .none_left = PTHREAD_COND_INITIALIZER };
    gofer_worker *worker = worker_of(client);
    atomic_store(&c.left, count);
    check_worker(gofer_worker_handle(worker, "noop", count_down, &c, NULL));

    double before = cpu_us(RUSAGE_SELF);
    int64_t begun = c.begun_ns = now_ns();
    check_worker(gofer_worker_start(worker));
    pthread_mutex_lock(&c.lock);
    while (atomic_load(&c.left) > 0)
        pthread_cond_wait(&c.none_left, &c.lock);
    pthread_mutex_unlock(&c.lock);
    await_empty(client);
    double seconds = (double)(now_ns() - begun) / 1e9;
    printf("%s %.0f\n", argv[2], (double)count / seconds);
    printf("%s_worker_cpu_us %.2f\n", argv[2], (cpu_us(RUSAGE_SELF) - before) / (double)count);
    printf("%s_worker_kib %ld\n", argv[2], memory_kib());
    gofer_worker_free(worker);
    gofer_client_close(client);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int       (*run)(int argc, char **argv);
    } modes[] = {
        { "enqueue", enqueue_main }, { "drain", drain_main }, { "serve", serve_main },
        { "latency", latency_main }, { "live", live_main }, { "idle", idle_main },
        { "fill", fill_main }, { "cost", cost_main },
        { "backlog", backlog_main }, { "work", work_main }, { "await", await_main },
        { "timed", timed_main }, { "put", put_main },
    };
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(argv[1], modes[i].name) == 0)
            return modes[i].run(argc - 2, argv + 2);
    die("usage",
        "bench enqueue|backlog|drain|work|await|serve|latency|live|put|timed|idle|fill|cost ...");
}
