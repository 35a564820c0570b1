// fixture.h - what the conformance tests share: a fresh store for each test, and short forms of
// the broker door's calls that check as they go.
#ifndef TESTS_CONFORMANCE_FIXTURE_H
#define TESTS_CONFORMANCE_FIXTURE_H

#include <sys/types.h>

#include "../unit/check.h"
#include "broker/broker.h"
#include "info/info.h"

enum { LEASE_MS = 30000, PATIENCE_MS = 20000 };

// The broker the suite runs on: "memory:", "sqlite:" for a fresh file in each test, or the URL of a
// Redis, emptied before each test.
extern const char *suite_url;
// The same store can be opened again, by other processes too.
bool store_is_shared(void);
bool store_is_file(void);
bool store_is_redis(void);

// What a store keeps of times and durations: SQLite each millisecond, Asynq's layout whole seconds.
// _up: a time given to the store as it comes back, never earlier; _down: one that it noted itself.
int64_t store_granularity_ms(void);
int64_t store_up(int64_t ms);
int64_t store_down(int64_t ms);
// A worker's death is seen at once; else only when its leases end.
bool store_sees_death(void);
// Lets the lease of a task be over. A lease of 1 ms runs out by itself; where leases last whole
// seconds the store's data are changed as if the time had passed.
void lease_ends(const char *queue, const char *id);
void leases_end(const char *queue);

// Whether it was heard. What is told while servers fail over may reach nobody, as an answer may get
// lost: a test that has waited for it in vain begins anew (main.c).
bool store_heard(bool heard);

// Opens a fresh store with a registered worker "w". Ends the test when that fails.
gf_broker *store_open(void);
// Opens the test's store once more (shared ones only), without a worker.
gf_broker *store_again(void);
// What store_open opened last: a URL, and for files the path.
const char *store_url(void);
const char *store_path(void);
void store_close(gf_broker *b);
// A listener, which a test that is given up leaves to listeners_end: as long as one listens, all
// that comes later sees somebody who wants events.
gf_listener *listener_new(gf_broker *b, bool sums);
void listener_end(gf_listener *l);
void listeners_end(void);
// Removes what the test's store left on the disk.
void store_remove(void);
// The stores opened from now on wait long for an answer: for tens of megabytes on a busy machine.
void store_be_patient(bool patient);
gofer_status store_try(const char *url, gf_broker **out);   // no checks

void worker_register(gf_broker *b, const char *id);
// The heartbeat of a worker that runs this task.
void worker_runs(gf_broker *b, const char *id, const gf_claim *claim);
// Every task is in exactly one place, with the state of that place, and counters are right.
void store_check_sound(void);
void file_check_sound(const char *path);

// ---- one task at a time ------------------------------------------------------------

// A message with sensible values; change what matters.
gf_message message(const char *queue, const char *id);
// 0: none. Good for as long as room is.
void set_priority(gf_message *m, int priority, char room[64]);
// Its tenant, behind what set_priority has set if this is its room. Good for as long as room is.
enum { TENANT_ROOM = 400 };
void set_tenant(gf_message *m, const char *tenant, char room[TENANT_ROOM]);
// The keys (one in a line) that it counts for. Good for as long as room is.
enum { LIMIT_ROOM = 1200 };
void set_limit_keys(gf_message *m, const char *keys, int cost, char room[LIMIT_ROOM]);
// The key of those that run one after the other. In front of what set_limit_keys has set, whose
// room this is, if that was called before.
void set_ordered(gf_message *m, const char *key, bool blocks, char room[LIMIT_ROOM]);
gofer_status put_message(gf_broker *b, const gf_message *m, int64_t run_at_ms);
void put(gf_broker *b, const char *queue, const char *id);               // must be OK
// Takes up to max from one queue into claims; how many.
size_t take(gf_broker *b, const char *queue, size_t max, gf_claim **claims);
size_t take_for(gf_broker *b, const char *worker, const char *queue, size_t max, int64_t lease_ms,
    gf_claim **claims);
gf_claim *take_one(gf_broker *b, const char *queue);                     // NULL: none there
gf_claim *need_one(gf_broker *b, const char *queue, const char *id);     // exactly this one
// Finishes and frees the claim; the item's status.
gofer_status finish(gf_broker *b, gf_claim *claim, gf_finish how);
void done(gf_broker *b, gf_claim *claim);                                // must be OK
// Takes all that is pending, checks that these ids come in this order ("a b c"), finishes them.
void drain_expecting(gf_broker *b, const char *queue, const char *ids);

// put with all that gf_put has; the item's status.
gofer_status put_as(gf_broker *b, gf_put item);
// Takes `id`, whose lease then ends, and lets it be recovered. `told` may ask to be told.
void crash(gf_broker *b, const char *queue, const char *id, int32_t crash_limit,
    gf_recovered *told);
// A record of this kind, as a worker makes them. Good until the next call.
const char *attempt(const char *kind, int number);

// ---- looking ---------------------------------------------------------------------------

int64_t queue_number(gf_broker *b, const char *queue, const char *field);   // -1: no such queue
int64_t task_number(gf_broker *b, const char *queue, const char *id, const char *field);
// "" if there is no such task or field. Good until the next call.
const char *task_text(gf_broker *b, const char *queue, const char *id, const char *field);
const char *task_state(gf_broker *b, const char *queue, const char *id);
// The counters of all states, as "p1 a0 s0 r0 c0 x0".
const char *queue_counts(gf_broker *b, const char *queue);
// The kinds of a task's attempts, and the texts of its log, as "a b c". Good until the next call.
const char *task_attempts(gf_broker *b, const char *queue, const char *id);
const char *task_log(gf_broker *b, const char *queue, const char *id);
// The ids of a state in order, all pages of `limit`, as "a b c".
const char *page_ids(gf_broker *b, const char *queue, gf_state state, size_t limit);

// What a store leaves out of the door is named in one list (fixture.c); a member that is missing
// and not there is a failure.
void store_check_members(void);

// ---- memory -------------------------------------------------------------------------------

// The n-th allocation of the library from now on fails, once; 0: none does.
void memory_fail_at(int n);
bool memory_failed(void);            // it came
// True: done. False: for want of memory, which may be; anything else is a failure.
bool done_or_no_memory(gofer_status st);
void *memory_alloc(size_t size);     // for gofer_set_allocator
void *memory_realloc(void *memory, size_t size);

// ---- other processes ------------------------------------------------------------------------

typedef struct child {
    pid_t pid;
    int   in, out;      // pipes: what it says, what it is told
} child;

// Forks; the child runs run() and exits with what it returns. run talks by say() and hear().
child child_start(int (*run)(int in, int out));
int   child_end(child *c);          // waits; its exit status, or 128 + signal
void  child_kill(child *c);         // SIGKILL, and waits
void  say(int fd, char word);
char  hear(int fd);                 // '\0': the other side is gone

#endif
