// bench.h - what the measuring modes share. Each prints lines "name value"; run.sh makes the table.
//
// Uses gofer.h alone, as any program would.
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

enum { PAYLOAD = 64, CONCURRENCY = 10 };

int enqueue_main(int argc, char **argv);   // URL THREADS COUNT BATCH NAME
int drain_main(int argc, char **argv);     // URL COUNT NAME [there]: the tasks are there already
int serve_main(int argc, char **argv);     // URL FD: a worker until killed; FD receives latencies
int latency_main(int argc, char **argv);   // URL ROUNDS NAME
int live_main(int argc, char **argv);      // URL COUNT RATE NAME; rate 0: as fast as it goes
int fill_main(int argc, char **argv);      // URL KIND COUNT: what a store is full of
int cost_main(int argc, char **argv);      // URL QUEUE COUNT: CPU for each task, and memory
int idle_main(int argc, char **argv);      // SECONDS NAME COMMAND ...

int64_t now_ns(void);                      // monotonic: the same in all processes of the host
void    sleep_ms(int64_t ms);
void    die(const char *what, const char *why) __attribute__((noreturn));
gofer_client *open_client(const char *url);
int64_t number(const char *text);          // positive; dies on anything else

#endif
