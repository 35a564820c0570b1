// replay.h - replays what Asynq did, with gofer's operations, and compares what is left in Redis.
//
// One step of a scenario: the key space recorded before it is loaded, its times moved so that the
// recorded moment is now; gofer does the operation; the key space is compared with the one recorded
// after. Times may be up to a second later, since gofer rounds up; a step during which the clock's
// second changed is done again.
#ifndef TESTS_VECTORS_REPLAY_H
#define TESTS_VECTORS_REPLAY_H

#include <hiredis.h>

#include "broker/redis/store.h"
#include "vectors/golden.h"

enum { DIFFERENCES_MAX = 64, REPLAY_LEASE_MS = 30000 };

typedef struct replay {
    const char   *folder, *url;
    redisContext *redis;           // of our own, to load and dump
    gf_broker    *broker;          // opened anew for each step: it remembers nothing
    char          file[64];
    int           step;            // from 1
    const char   *op, *error;      // error: as recorded, "" if none
    const cJSON  *before, *after;  // key spaces; before NULL: empty, after NULL: not recorded
    int64_t       now_s;           // of the recording
    int64_t       shift_s;         // our clock is so far ahead of it
    char          set_id[37], our_set_id[37];   // aggregation set: the recorded name, ours
    bool          own_check;       // the operation has compared the key space itself
    char         *differences[DIFFERENCES_MAX];
    size_t        difference_count;
    void        **garbage;         // free()d after the step
    size_t        garbage_count, garbage_capacity;
} replay;

// ---- help (replay.c) -------------------------------------------------------------------------

void  differ(replay *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *keep(replay *r, void *memory);             // until the step is over
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));
// A command as a line, words parted by spaces; an error ends the program. freeReplyObject.
redisReply *raw(replay *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void raw_do(replay *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void begin_step(replay *r);                      // a broker with the worker "replay", an
                                                 //   empty Redis
void end_step(replay *r);
bool tell_differences(replay *r);                // prints and forgets them; false: there
                                                 //   were unexpected ones
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

// ---- key spaces (keyspace.c) --------------------------------------------------------------------

void load_keyspace(replay *r, const cJSON *keyspace);
void compare_keyspace(replay *r, const cJSON *keyspace);
const cJSON *find_key(const cJSON *keyspace, const char *key);     // NULL: not there
bool time_fits(const replay *r, int64_t got_s, int64_t want_s);    // moved by the shift, up to a
                                                                   //   second later

// ---- values (compare.c); key is only told ------------------------------------------------------

void compare_int(replay *r, const char *key, const char *field, int64_t got, int64_t want);
void compare_text(replay *r, const char *key, const char *field, const char *got, const char *want);
void compare_bytes(replay *r, const char *key, const char *what, const redisReply *got,
    const cJSON *value);
void compare_message(replay *r, const char *key, const redisReply *got, const cJSON *value);
void compare_server(replay *r, const char *key, const redisReply *got, const cJSON *value);
void compare_worker(replay *r, const char *key, const redisReply *got, const cJSON *value);
void compare_entry(replay *r, const char *key, const redisReply *got, const cJSON *value);
void compare_event(replay *r, const char *key, const redisReply *got, const cJSON *value);

// ---- operations (ops.c, ops_look.c) -------------------------------------------------------------

typedef struct operation {
    const char   *name;
    gofer_status (*run)(replay *r, const cJSON *args, const cJSON *result);
} operation;

extern const operation change_operations[], look_operations[];     // NULL name at the end

// Of "queue" in args, else "default".
const char *queue_of(const cJSON *args);

// ---- files that are no plain scenarios: false: something is wrong -------------------------------

typedef bool use_file(replay *r, const cJSON *file);
// facts.c: 04 06 07 81 60
use_file use_uris, use_mux, use_delays, use_slots, use_public_errors;
// limits.c: 28 34 35 51 70-73
use_file use_archive_limit, use_history_limit, use_cancel, use_pages, use_live;
use_file use_probes;                                                              // probes.c: 80
use_file use_mon;                                                                 // mon.c: 82

bool run_step(replay *r, const cJSON *step);     // replay.c: one recorded step, loaded,
                                                 //   done, compared

#endif
