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

// ---- Enqueue ---------------------------------------------------------------------------

typedef struct feeder {
    gofer_client      *client;
    int64_t            count;
    size_t             batch;
    pthread_barrier_t *start;
} feeder;

static void enqueue_batch(gofer_client *client, size_t count)
{
    static const char payload[PAYLOAD] = "0123456789abcdef";
    const char *types[1000];
    const void *payloads[1000];
    size_t sizes[1000];
    for (size_t i = 0; i < count; i++) {
        types[i] = "noop";
        payloads[i] = payload;
        sizes[i] = sizeof payload;
    }
    gofer_status st = count == 1
        ? gofer_client_enqueue(client, types[0], payloads[0], sizes[0], NULL, NULL)
        : gofer_client_enqueue_many(client, count, types, payloads, sizes, NULL, NULL, NULL);
    if (st != GOFER_OK)
        die("enqueue", gofer_error_last());
}

static void *feed(void *arg)
{
    const feeder *f = arg;
    pthread_barrier_wait(f->start);
    for (int64_t left = f->count; left > 0; left -= (int64_t)f->batch)
        enqueue_batch(f->client, (size_t)left < f->batch ? (size_t)left : f->batch);
    return NULL;
}

int enqueue_main(int argc, char **argv)
{
    if (argc != 5)
        die("usage", "bench enqueue URL THREADS COUNT BATCH NAME");
    int64_t threads = number(argv[1]), count = number(argv[2]), batch = number(argv[3]);
    if (threads > 256 || batch > 1000)
        die("usage", "at most 256 threads, batches of 1000");
    gofer_client *client = open_client(argv[0]);
    pthread_barrier_t start;
    pthread_t ids[256];
    feeder f = { client, count / threads, (size_t)batch, &start };
    if (pthread_barrier_init(&start, NULL, (unsigned)threads + 1) != 0)
        die("barrier", "cannot be made");
    for (int64_t i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, feed, &f) != 0)
            die("thread", "cannot be made");

    pthread_barrier_wait(&start);
    int64_t begun = now_ns();
    for (int64_t i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    double seconds = (double)(now_ns() - begun) / 1e9;
    printf("%s %.0f\n", argv[4], (double)(f.count * threads) / seconds);
    pthread_barrier_destroy(&start);
    gofer_client_close(client);
    return 0;
}

// ---- Drain -------------------------------------------------------------------------------

typedef struct counter {
    atomic_llong     left;
    pthread_mutex_t  lock;
    pthread_cond_t   none_left;
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

// Until the store says that nothing is left: the last outcomes are committed.
static void await_empty(gofer_client *client)
{
    const struct timespec pause = { 0, 200000 };
    for (int64_t size = 1; size > 0; nanosleep(&pause, NULL)) {
        gofer_info *queue = NULL;
        if (gofer_client_queue(client, "default", &queue) != GOFER_OK)
            die("queue", gofer_error_last());
        size = gofer_info_int(queue, "size", -1);
        gofer_info_free(queue);
        if (size <= 0)
            break;
    }
}

static void fill(const char *url, int64_t count)
{
    gofer_client *client = open_client(url);
    for (int64_t left = count; left > 0; left -= 100)
        enqueue_batch(client, left < 100 ? (size_t)left : 100);
    gofer_client_close(client);
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
    counter c = { .lock = PTHREAD_MUTEX_INITIALIZER, .none_left = PTHREAD_COND_INITIALIZER };
    gofer_worker *worker = NULL;
    atomic_store(&c.left, count);
    if (gofer_worker_new(&worker, client) != GOFER_OK ||
        gofer_worker_set(worker, "concurrency", "10") != GOFER_OK ||
        gofer_worker_handle(worker, "noop", count_down, &c, NULL) != GOFER_OK)
        die("worker", gofer_error_last());

    int64_t begun = now_ns();
    if (gofer_worker_start(worker) != GOFER_OK)
        die("start", gofer_error_last());
    pthread_mutex_lock(&c.lock);
    while (atomic_load(&c.left) > 0)
        pthread_cond_wait(&c.none_left, &c.lock);
    pthread_mutex_unlock(&c.lock);
    await_empty(client);
    double seconds = (double)(now_ns() - begun) / 1e9;
    printf("%s %.0f\n", argv[2], (double)count / seconds);
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
    };
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(argv[1], modes[i].name) == 0)
            return modes[i].run(argc - 2, argv + 2);
    die("usage", "bench enqueue|drain|serve|latency|live|idle|fill|cost ...");
}
