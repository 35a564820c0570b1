// bench.h - what the files of `gofer bench` share: the plan, phases, figures, the two sides.
//
// This process puts tasks in. Workers are processes of their own (crew.c), as they are in earnest.
// A function that gives an exit code has told its error.
#ifndef CLI_BENCH_BENCH_H
#define CLI_BENCH_BENCH_H

#include <stdint.h>
#include <stdio.h>

#include "cli.h"

// ---- What is measured

typedef enum bench_phase {
    BENCH_LIMIT,            // the store without tasks: what all else is compared with
    BENCH_SINGLE,
    BENCH_THREADS,
    BENCH_BULK,
    BENCH_DRAIN,
    BENCH_LIVE,
    BENCH_IDLE,
    BENCH_LOAD,
    BENCH_PHASES
} bench_phase;

typedef enum bench_figure {
    BENCH_RATE,             // tasks a second
    BENCH_CALL,             // the median call, us
    BENCH_SCRIPT,           // the median call of the smallest script there is, us
    BENCH_P50,              // from the call of enqueue to the handler's start, us
    BENCH_P99,
    BENCH_CLIENT_CPU,       // us for each task
    BENCH_WORKER_CPU,
    BENCH_FIGURES
} bench_figure;

enum {
    BENCH_ROUNDS_MAX = 100,
    BENCH_THREADS_MAX = 256,
    BENCH_BATCH = 100,      // tasks of one call in bulk
    BENCH_PAYLOAD_MIN = 8,  // the time of its enqueue
    BENCH_NAME = 256
};

#define BENCH_TYPE "gofer-bench"

typedef struct bench_plan {
    char     queue[BENCH_NAME];
    int64_t  tasks, payload, threads, slots, rounds;
    int64_t  phase_ms;      // a phase of a round puts tasks in for no longer
    unsigned phases;        // a bit each
} bench_plan;

typedef struct bench_samples {
    double values[BENCH_PHASES][BENCH_FIGURES][BENCH_ROUNDS_MAX];
    int    counts[BENCH_PHASES][BENCH_FIGURES];
} bench_samples;

typedef struct bench_crew bench_crew;

typedef struct bench {
    cli           *c;
    bench_plan     plan;
    gofer_client  *client;
    bench_crew    *crew;
    bench_samples *samples;
    char          *limit_path;  // where a synced write is timed, beside the store; NULL: a server
    double         live_rate;   // of this round; 0: not measured yet
} bench;

void bench_note(bench *b, bench_phase phase, bench_figure figure, double value);
int  bench_by_size(const void *a, const void *b);       // of int64_t, for qsort
double bench_cpu_us(void);                              // of this process so far

// ---- phases.c, limits.c: each is a step of a round

const char *bench_phase_name(bench_phase phase);
int bench_run_phase(bench *b, bench_phase phase);
int bench_measure_limit(bench *b);

// ---- feed.c: putting tasks in

typedef struct feed_order {
    int64_t threads, batch;
    int64_t tasks, for_ms;      // whichever is over first; for_ms 0: however long it takes
    double  rate;               // tasks a second, by one thread; 0: as many as it can
} feed_order;

typedef struct feed_result {
    int64_t count, begun_ns, took_ns;
    double  cpu_us;             // for each task
} feed_result;

int bench_feed(bench *b, const feed_order *order, feed_result *out);
// One task; *call_ns receives how long the call took.
int bench_feed_one(bench *b, int64_t *call_ns);

// ---- serve.c: the worker's side. Both ends speak on a socket: the worker a serve_hello, then, if
// the order says so, the latency of each task, and at the end a serve_result and latencies; the
// other side a count of tasks, unless the order has it. Its end of file ends the worker.

typedef struct serve_order {
    char    queue[BENCH_NAME];
    int64_t slots;
    int64_t count;              // how many there will be; -1: it is told later
    int64_t most;               // how many at most: room for latencies
    int32_t echo;               // tell each latency at once
    int32_t until_empty;        // it is over when the store has nothing left
} serve_order;

typedef struct serve_hello {
    int32_t status;
    char    why[512];
} serve_hello;

typedef struct serve_result {
    int64_t count;              // of latencies, sorted, which follow
    int64_t begun_ns, ended_ns; // monotonic, the same in all processes of the machine
    double  cpu_us;             // for each task
} serve_result;

void bench_serve(gofer_client *client, const serve_order *order, int fd);

// ---- crew.c: the processes that run workers

// Before a client is open: from then on this process forks no more.
int  crew_open(bench *b);
int  crew_is_private(const bench *b);   // the store is this process's alone
// Start a worker; *fd (to be closed) speaks with it, and it is ready.
int  crew_start(bench *b, const serve_order *order, int *fd);
// Bytes from a worker. An error if it or the store goes away, or nothing moves for long.
int  crew_read(bench *b, int fd, void *bytes, size_t size);
int  crew_tell(bench *b, int fd, int64_t count);
// The worker's end: it has told all. After it the store has all that the worker had to tell it.
int  crew_finish(bench *b, int fd, int code);
void crew_close(bench_crew *crew, int is_clean);

// ---- private.c: the queue, which is nobody else's

int bench_choose_queue(bench *b, const char *name);     // NULL: a fresh name
int bench_check_queue(bench *b);                        // nothing is there, and nobody serves it
int bench_clear(bench *b);                              // between phases
gofer_status bench_remove_queue(gofer_client *client, const char *queue);

// ---- report.c

typedef struct bench_ground {
    char    machine[128], system[160], store[32], store_version[32], durability[96];
    long    cores;
    double  load;
} bench_ground;

void bench_look(bench *b, bench_ground *out);
void bench_print_ground(const bench *b, const bench_ground *g);
void bench_print_figures(const bench *b);

// ---- interrupt.c

void bench_catch_signals(void);
int  bench_interrupted(void);       // the signal; 0: none
// As if it had not been caught: once everything is in order.
void bench_die_of(int number);

#endif
