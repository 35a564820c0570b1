// bench.h - what the measuring modes share. Each prints lines "name value"; run.py makes the table.
//
// What a task is like comes from the environment, as it does to the programs of the peers:
// BENCH_PAYLOAD (bytes, 64), BENCH_SLOTS (10), BENCH_WORK_MS (of a handler, 0), BENCH_FAIL (of a
// hundred tasks, 0), BENCH_KEEP_S (retention, 0), BENCH_QUEUES (1), BENCH_PRODUCERS and
// BENCH_WORKERS (processes of the live flow, 1).
// Uses gofer.h alone, as any program would.
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gofer/gofer.h"

enum { PAYLOAD = 64, BATCH_MOST = 1000 };

typedef struct knobs {
    int64_t payload, slots, work_ms, fail, keep_s, queues, producers, workers, rate;
} knobs;

int enqueue_main(int argc, char **argv);   // URL THREADS COUNT BATCH NAME
int drain_main(int argc, char **argv);     // URL COUNT NAME [there]: the tasks are there already
int serve_main(int argc, char **argv);     // URL FD: a worker until killed; FD receives latencies
int latency_main(int argc, char **argv);   // URL ROUNDS NAME
int live_main(int argc, char **argv);      // URL COUNT RATE NAME; rate 0: as fast as it goes
int put_main(int argc, char **argv);       // URL COUNT NAME: live's producers alone
int fill_main(int argc, char **argv);      // URL KIND COUNT: what a store is full of
int cost_main(int argc, char **argv);      // URL QUEUE COUNT: CPU for each task, and memory
int idle_main(int argc, char **argv);      // SECONDS NAME COMMAND ...
int work_main(int argc, char **argv);      // URL: a worker until killed
int await_main(int argc, char **argv);     // URL COUNT NAME: until such a backlog is gone
int timed_main(int argc, char **argv);     // URL TOTAL RATE SECONDS NAME: tasks fall due

int64_t now_ns(void);                      // monotonic: the same in all processes of the host
void    sleep_ms(int64_t ms);
void    die(const char *what, const char *why) __attribute__((noreturn));
gofer_client *open_client(const char *url);
knobs   read_knobs(void);
void    queue_name(int64_t index, char out[32]);        // 0: "default"
int64_t tasks_left(gofer_client *client);               // of all queues that the tasks are in
void    check_worker(gofer_status status);              // dies unless it is GOFER_OK
gofer_worker *worker_of(gofer_client *client);          // with the slots and queues of the knobs
double  cpu_us(int who);                                // RUSAGE_SELF or _CHILDREN
long    memory_kib(void);                   // the most that this process has had resident
int     by_size(const void *a, const void *b);          // of int64_t
void    print_times(const char *name, int64_t *ns, size_t count);   // p50 and p99, in us
pid_t   start_program(char *const *argv);               // ended with this process
void    end_program(pid_t pid, int number_of_signal);
int64_t number(const char *text);          // positive; dies on anything else

#endif
