// crash.h - the crash test: real processes, killed with SIGKILL at random under load.
//
// One program with three modes. The driver (driver.c) starts clients (client.c) that enqueue and
// workers (worker.c) that run, kills and replaces them for some seconds, lets a last worker drain,
// and compares (verify.c) what everybody wrote into their ledgers (ledger.c) with the store.
//
// It uses gofer.h alone, as a stranger would; verify.c asks SQLite too whether the file is sound.
#ifndef TESTS_CRASH_CRASH_H
#define TESTS_CRASH_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

enum {
    CLIENTS = 4,
    WORKERS = 3,
    CONCURRENCY = 4,       // of each worker
    HANDLER_MIN_MS = 1,    // how long a handler takes at the least,
    HANDLER_MAX_MS = 4,    //   and at the most
    AHEAD_MS = 20,         // a worker takes ahead what it will start within so long
    ID_MAX = 40
};

static const char *const crash_queues[] = { "left", "right" };

// ---- ledger.c: what a process did, in a file of its own that survives it -----------

typedef enum mark {
    INTENT = 'I',          // client: is going to enqueue this
    ACKED = 'A',           // client: was told that it is in
    STARTED = 'S',         // worker: the handler was called
    DONE = 'D',            // worker: it is about to report success
    FAILED = 'F'           // worker: it is about to report failure
} mark;

int  ledger_open(const char *folder, const char *name);            // dies on failure
void ledger_write(int fd, mark what, const char *const *ids, size_t count);

typedef struct entry {
    char what;
    char id[ID_MAX];
} entry;

typedef struct ledger {
    entry *entries;        // of all files of the folder, sorted by mark, then id
    size_t count, capacity;
} ledger;

bool   ledger_read_all(ledger *out, const char *folder);
size_t ledger_count(const ledger *l, mark what, const char *id);
size_t ledger_next(const ledger *l, mark what, size_t from);       // index of the next, or count

// ---- the modes ----------------------------------------------------------------------

typedef struct options {
    const char *folder;
    const char *url;
    uint64_t    seed;
    int         number;    // which incarnation, in the ledger's name and the ids
    int         prefetch;  // the workers' max_prefetch
    bool        drain;
} options;

int client_main(const options *o);
int worker_main(const options *o);

// verify.c: 0 when the store and the ledgers agree, else the number of faults, each said.
// A killed worker repeats what it had started and not yet handed in: what ran, and what it had
// taken ahead, for that may have come to its turn while the commit was under way.
int verify(const options *o, int worker_kills);

// xorshift64*: the same on all systems, so that a seed means the same run.
uint64_t random_next(uint64_t *state);
int64_t  now_ms(void);
void     sleep_ms(int64_t ms);
// Say what failed and end the process.
void die(const char *what, const char *why) __attribute__((noreturn));

#endif
