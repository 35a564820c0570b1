// raw.h - plain commands to the Redis under test, as somebody who may do everything: what a Go
// worker, an operator or a bug may have left there.
//
// Only for tests on a Redis. A command is written as a line; its words are parted by spaces, so
// none may hold one. Names of queues go into keys: raw_run("DEL asynq:{%s}:pending", queue).
#ifndef TESTS_CONFORMANCE_RAW_H
#define TESTS_CONFORMANCE_RAW_H

#include <stddef.h>
#include <stdint.h>

#include "../unit/check.h"
#include "broker/broker.h"

// must be no error
void raw_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
// -1: nil or no number
int64_t raw_int(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Good until the next call; NULL: nil. An array's elements are parted by spaces.
const char *raw_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
// "HSET key field <bytes>"
void raw_set_field(const char *key, const char *field, const void *bytes, size_t size);
// On every primary; the first error ends the test.
void raw_everywhere(const char *format, ...) __attribute__((format(printf, 1, 2)));
// A script with one key and no arguments; its answer as text.
const char *raw_script(const char *text, const char *key);

// A field of a task's hash, good until the next call; "": none.
const char *raw_field(const char *queue, const char *id, const char *name);

// Once this returns tests/redis/events.py waits: no slot is on the move (a server that is full
// takes no keys, and what has begun to move there would stand still), no server is being replaced.
void raw_servers_rest(void);
void raw_servers_move_on(void);

void raw_clean(void);    // empties every primary; slots may move
void raw_close(void);    // at the program's end

// A fresh store of the suite's, in which no worker is registered.
gf_broker *raw_fresh(void);
// What main does in a test on a Redis, which tests/redis/servers.py has started.
int raw_main(int argc, char **argv, const check_test *tests, size_t count);

#endif
