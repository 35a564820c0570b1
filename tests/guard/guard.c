// guard.c - one step of a task's life, so many times, for run.py to count what it costs.
//
//     guard put URL COUNT BATCH        enqueues
//     guard drain URL COUNT            a worker does what is there, which is as much
//     guard watched URL COUNT          the same, while somebody listens to sums of its events
//     guard live URL COUNT             one at a time: put, run, given back
//     guard codec - COUNT              a message to Asynq's bytes and back
//
// Nothing here shall depend on time, or figures would be others on a busy machine. So it sees the
// library's inner symbols, and some of its functions are this program's (CMakeLists.txt: --wrap):
// housekeeping, whose rounds are of time, begins at the end only; the fetcher's look at the pool
// waits until the slots have done what they have and the producer is back from its call, so that
// each exchange is for a full batch; and where a slot or the fetcher lies down, that is told.
//
// Prints "name value" of what a process cannot be asked from outside: bytes written to the WAL, and
// syncs.
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "broker/redis/wire/wire.h"
#include "gofer/gofer.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "worker/run/pool.h"
#include "worker/runtime.h"

enum {
    PAYLOAD = 64,
    BATCH_MAX = 1000,
    FILES = 256,
    ASLEEP_US = 2000,              // who lies down sleeps then
    PATIENCE_S = 100
};

static const char payload[PAYLOAD] = "0123456789abcdef";

static void die(const char *what, const char *why)
{
    fprintf(stderr, "guard: %s: %s\n", what, why);
    exit(1);
}

static void check(gofer_status st, const char *what)
{
    if (st != GOFER_OK)
        die(what, gofer_error_last());
}

static size_t number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || value <= 0)
        die("not a positive number", text);
    return (size_t)value;
}

// ---- what SQLite writes ------------------------------------------------------------------------
//
// A program's own functions come before those of the C library, for the libraries it uses, too.

static _Atomic long long wal_bytes, syncs;
static _Atomic signed char known[FILES];   // what a descriptor is: 1: a WAL; -1: another file

static bool is_wal(int fd)
{
    if (fd < 0 || fd >= FILES)
        return false;
    if (known[fd] == 0) {
        char link[64], path[4096];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t size = readlink(link, path, sizeof path);
        known[fd] = size > 4 && memcmp(path + size - 4, "-wal", 4) == 0 ? 1 : -1;
    }
    return known[fd] > 0;
}

int close(int fd)
{
    if (fd >= 0 && fd < FILES)
        known[fd] = 0;
    return (int)syscall(SYS_close, fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
    if (is_wal(fd))
        wal_bytes += (long long)size;
    return syscall(SYS_pwrite64, fd, bytes, size, at);
}

int fdatasync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

// ---- no time -----------------------------------------------------------------------------------

#define INSTEAD(type, name, args) \
    type __real_##name args;       \
    type __wrap_##name args

INSTEAD(bool, gf_housekeeping_start, (gofer_worker *worker));
INSTEAD(bool, gf_pool_lie_down, (gf_pool *pool));
INSTEAD(size_t, gf_pool_collect,
    (gf_pool *pool, gf_tasks *outbox, bool taking, int64_t now_ms, gf_calls *calls));
INSTEAD(gofer_task *, gf_pool_swap, (gf_pool *pool, gf_slot *slot, gofer_task *done,
    int64_t now_ns, bool *leave, gf_calls *calls));

bool __wrap_gf_housekeeping_start(gofer_worker *worker)
{
    (void)worker;
    return true;
}

// ---- put ---------------------------------------------------------------------------------------

static gofer_client *open_client(const char *url)
{
    gofer_client *client = NULL;
    check(gofer_client_open(&client, url, NULL), "open");
    return client;
}

static void enqueue(gofer_client *client, size_t count)
{
    const char *types[BATCH_MAX];
    const void *payloads[BATCH_MAX];
    size_t sizes[BATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        types[i] = "noop";
        payloads[i] = payload;
        sizes[i] = sizeof payload;
    }
    if (count == 1)
        check(gofer_client_enqueue(client, types[0], payload, sizeof payload, NULL, NULL),
            "enqueue");
    else
        check(gofer_client_enqueue_many(client, count, types, payloads, sizes, NULL, NULL, NULL),
            "enqueue");
}

static void put(const char *url, size_t count, size_t batch)
{
    gofer_client *client = open_client(url);
    for (size_t done = 0; done < count; done += batch)
        enqueue(client, batch);
    gofer_client_close(client);
}

// ---- work --------------------------------------------------------------------------------------

static int32_t nothing(gofer_task *task, void *user)
{
    (void)task;
    ++*(_Atomic size_t *)user;
    return GOFER_DONE;
}

// So many have begun, all of them are given back, and the fetcher sleeps in the store.
static bool is_idle(const gf_pool *pool, size_t started)
{
    return pool->started >= started && pool->held_count == 0 && pool->fetcher_at == GF_ON_WAITER;
}

static atomic_bool putting;        // the producer is inside of a call

static bool has_run_all(const gf_pool *pool, size_t started)
{
    return !putting && pool->started >= started && pool->ready.count == 0 && pool->running == 0;
}

static pthread_mutex_t told_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;

static void tell(void)
{
    pthread_mutex_lock(&told_lock);
    pthread_cond_broadcast(&told);
    pthread_mutex_unlock(&told_lock);
}

static bool ask(gf_pool *pool, bool (*is)(const gf_pool *pool, size_t started), size_t started)
{
    pthread_mutex_lock(&pool->lock);
    bool now = is(pool, started);
    pthread_mutex_unlock(&pool->lock);
    return now;
}

static void die_stuck(gf_pool *pool)
{
    char state[160];
    pthread_mutex_lock(&pool->lock);
    snprintf(state, sizeof state,
        "it stands still: %llu started, %zu ready, %zu running, %zu held, fetcher %d, idle %d",
        (unsigned long long)pool->started, (size_t)pool->ready.count, (size_t)pool->running,
        (size_t)pool->held_count, (int)pool->fetcher_at, pool->idle != NULL);
    pthread_mutex_unlock(&pool->lock);
    die("worker", state);
}

static void await(gf_pool *pool, bool (*is)(const gf_pool *pool, size_t started), size_t started)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&told_lock);
    while (!ask(pool, is, started))
        if (pthread_cond_timedwait(&told, &told_lock, &end) != 0)
            die_stuck(pool);
    pthread_mutex_unlock(&told_lock);
}

bool __wrap_gf_pool_lie_down(gf_pool *pool)
{
    bool down = __real_gf_pool_lie_down(pool);
    if (down)
        tell();
    return down;
}

gofer_task *__wrap_gf_pool_swap(gf_pool *pool, gf_slot *slot, gofer_task *done, int64_t now_ns,
    bool *leave, gf_calls *calls)
{
    gofer_task *task = __real_gf_pool_swap(pool, slot, done, now_ns, leave, calls);
    if (!task)
        tell();
    return task;
}

static void await_idle(gofer_worker *worker, size_t started)
{
    await(&worker->run.pool, is_idle, started);
    gf_sleep_us(ASLEEP_US);
}

size_t __wrap_gf_pool_collect(gf_pool *pool, gf_tasks *outbox, bool taking, int64_t now_ms,
    gf_calls *calls)
{
    await(pool, has_run_all, 0);
    pthread_mutex_lock(&pool->lock);
    pool->run_ns = 1;              // fast handlers, however slow this machine is
    pthread_mutex_unlock(&pool->lock);
    return __real_gf_pool_collect(pool, outbox, taking, now_ms, calls);
}

static gofer_worker *start(gofer_client *client, _Atomic size_t *ran)
{
    gofer_worker *worker = NULL;
    check(gofer_worker_new(&worker, client), "worker");
    check(gofer_worker_set(worker, "concurrency", "10"), "worker");
    check(gofer_worker_set(worker, "max_prefetch", "490"), "worker");  // as in a drain on two cores
    check(gofer_worker_set(worker, "gather_us", "0"), "worker");
    check(gofer_worker_handle(worker, "noop", nothing, ran, NULL), "worker");
    check(gofer_worker_start(worker), "start");
    return worker;
}

static void end(gofer_worker *worker)
{
    if (!__real_gf_housekeeping_start(worker))
        die("worker", "no threads for its end");
    gofer_worker_free(worker);
}

static void drain(const char *url, size_t count, bool watched)
{
    _Atomic size_t ran = 0;
    gofer_client *client = open_client(url);
    gofer_events *events = NULL;
    if (watched)
        check(gofer_events_open_sums(&events, client), "listen");
    gofer_worker *worker = start(client, &ran);
    await_idle(worker, count);
    if (ran != count)
        die("drain", "there was another number of tasks");
    gofer_events_close(events);
    end(worker);
    gofer_client_close(client);
}

static void live(const char *url, size_t count)
{
    _Atomic size_t ran = 0;
    gofer_client *client = open_client(url);
    gofer_worker *worker = start(client, &ran);
    await_idle(worker, 0);
    for (size_t i = 1; i <= count; i++) {
        putting = true;
        enqueue(client, 1);
        putting = false;
        tell();
        await_idle(worker, i);
    }
    end(worker);
    gofer_client_close(client);
}

// ---- codec -------------------------------------------------------------------------------------

static void codec(size_t count)
{
    static const char headers[] = "traceparent\0"
                                  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const gf_message message = {
        .id = "019a0000-0000-7000-8000-000000000001",
        .type = "email:welcome",
        .queue = "default",
        .payload = payload,
        .payload_size = sizeof payload,
        .headers = headers,
        .headers_size = sizeof headers,
        .timeout_ms = 1800000,
        .max_retry = 25,
    };
    for (size_t i = 0; i < count; i++) {
        gf_bytes bytes = { 0 };
        void *memory = NULL;
        check(gf_wire_task_encode(&message, NULL, NULL, &bytes), "encode");
        check(gf_wire_task_decode(bytes.bytes, bytes.size, 0, &memory), "decode");
        const gf_wire_task *task = memory;
        if (!gf_message_same(&task->message, &message))
            die("codec", "another message came back");
        gf_free(memory);
        gf_bytes_clear(&bytes);
    }
}

int main(int argc, char **argv)
{
    const char *mode = argc > 3 ? argv[1] : "";
    size_t count = argc > 3 ? number(argv[3]) : 0;
    size_t batch = argc > 4 ? number(argv[4]) : 1;
    if (strcmp(mode, "put") == 0 && batch <= BATCH_MAX && count % batch == 0) {
        put(argv[2], count, batch);
    } else if (strcmp(mode, "drain") == 0) {
        drain(argv[2], count, false);
    } else if (strcmp(mode, "watched") == 0) {
        drain(argv[2], count, true);
    } else if (strcmp(mode, "live") == 0) {
        live(argv[2], count);
    } else if (strcmp(mode, "codec") == 0) {
        codec(count);
    } else {
        fprintf(stderr, "usage: guard put|drain|watched|live|codec URL COUNT [BATCH]\n");
        return 2;
    }
    printf("wal_bytes %lld\nsyncs %lld\n", (long long)wal_bytes, (long long)syncs);
    return 0;
}
