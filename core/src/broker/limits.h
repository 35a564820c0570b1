// limits.h - the door's table of limits: how many tasks of a key may run at a time, and how many
// may start in a time.
//
// A limit is data of the store, the same for all who put and take. Its name is a key, or a prefix
// and '*': then each key that begins so has a count of its own, with these numbers. For a key
// counts the limit of exactly its name, else that of the longest prefix; a key without one has room
// for all. The key "queue:NAME" is of a queue itself.
//
// A task names its keys in a header (message/limit_keys.h). What the stores agree on:
// - What runs of a key are the claims with a valid lease whose task names it; never a number that
//   somebody adds to and takes from. What has started is a time (limit_rate.h).
// - A take that meets a task one of whose keys has no room does not take it: in the same step it
//   leaves the line, and waits for the first such key. It stays pending to everybody; its place
//   among those that wait for the key is that of its priority and of the time since it is pending.
//   For each other key of it that has room the take brings back who waits for that one, if anybody
//   does: the room may have been what this task was brought back for.
// - Whoever ends a claim (finish, requeue, recover) brings back one task for each of its keys that
//   has room then: to the head of its line, without a look at its other keys. The take looks again.
// - What no step of the kind tells of (a lease that ran out, a rate whose time has come, a pause
//   that is over, a Go worker) `forward` finds: at the time that the rate says, else within 5 s
//   (SQLite, where less is untold: the longer it takes the less often, once a minute at least).
// - Who is taken of a queue whose own key has no room: nobody. The tasks stay in line.
//
// Tasks that run one after the other have a key of their kind ("ordered:KEY"), whose count is of
// the queue alone. It has room for nobody but its occupant: the task that was looked at first when
// there was none. It is that until it has come to its end, whatever it waits for meanwhile: an
// attempt, a limit's key. An occupant is believed only as long as it is there and pending,
// scheduled, in retry or active, or archived and says that it blocks.
//
// tests/model/limit.pml has been through all orders of these steps.
//
// Each member says: who calls it; whether it may wait for the store ("waits": up to the broker's
// timeout); what happens when it is called again after a failure or a lost answer ("again").
#ifndef GF_BROKER_LIMITS_H
#define GF_BROKER_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"

// A key that waits only for others to end is looked at so often, in case nobody tells.
enum { GF_LIMIT_LOOK_MS = 5000 };

// What becomes of a task one of whose keys has no room.
typedef enum gf_limit_over {
    GF_OVER_WAIT = 0,
    GF_OVER_REFUSE = 1,            // it is taken all the same, as one that is not to be run: its
                                   //   claim says so, and counts for no key. A pause is waited for
    GF_OVER_CANCEL_OLDEST = 2      // it waits, and who runs longest of the key is asked to stop;
                                   //   of the concurrency alone: a rate is waited for
} gf_limit_over;

typedef struct gf_limit {
    const char   *name;            // a key, or a prefix and '*'; borrowed
    int64_t       concurrency;     // 0: any number
    int64_t       rate, per_ms;    // so many in so long; rate 0: any number
    int64_t       burst;           // of them at once; >= 1 with a rate
    gf_limit_over over;
    bool          per_queue;       // each queue counts for itself
} gf_limit;

// The rule of a key, and what there is of it.
typedef struct gf_limit_look {
    const char *key, *queue;       // queue NULL: of all
    gf_limit    limit;             // name NULL: it has none
    int64_t     running, waiting;
    int64_t     next_start_ms;     // by its rate or a pause; 0 or past: now
    int64_t     paused_until_ms;   // 0 or past: it is not
    const char *occupant;          // the id of one whose turn it is; NULL: none
} gf_limit_look;

// As snapshots (docs/fields.md). NULL: no memory.
gofer_info *gf_limit_info(const gf_limit *l);
gofer_info *gf_limit_look_info(const gf_limit_look *look, int64_t now_ms);
// A limit as text without its name, for a store that has no columns: "5 100 60000 20 0 1", which is
// concurrency, rate, per_ms, burst, over, per_queue. False: it is no such text.
enum { GF_LIMIT_TEXT = 128 };
void gf_limit_write(const gf_limit *l, char out[GF_LIMIT_TEXT]);
bool gf_limit_read(const char *text, gf_limit *out);

typedef struct gf_limits_ops {
    // Tasks can run one after the other here.
    bool orders;

    // All are called by the client, and wait. Lists have a field next_cursor if there are more
    // behind their last: of limits that one's name, of keys "KEY\nQUEUE" (no queue: empty).

    // From now on these numbers hold. Who waits for a key that has room now is brought back, at
    // most a second later. EUNSUPPORTED: of a queue that counts for none. Again: yes.
    gofer_status (*put)(gf_broker *b, const gf_limit *limit);
    // ENOTFOUND. Again: ENOTFOUND.
    gofer_status (*drop)(gf_broker *b, const char *name);
    // A list of limits in the order of their names, from behind `after` ("": all) on. Again: yes.
    gofer_status (*list)(gf_broker *b, const char *after, size_t limit, gofer_info **out);
    // A list of keys that tasks run for or wait for (waiting: those alone that some wait for) in
    // their order, from behind this one on. A key that queues count for by themselves is there for
    // each. Again: yes.
    gofer_status (*keys)(gf_broker *b, const char *after_key, const char *after_queue,
        bool waiting, size_t limit, gofer_info **out);
    // The same of one key; a list. Empty: nothing runs or waits, and no limit is its. Again: yes.
    gofer_status (*key)(gf_broker *b, const char *key, gofer_info **out);
    // No task of the key starts before this time (Unix ms, the store's clock); 0: that is over. An
    // earlier time than what is said already changes nothing. Also called by: a slot, for a
    // handler. Again: yes.
    gofer_status (*pause)(gf_broker *b, const char *key, int64_t until_ms);
    // Where no step of the store sees all queues (a Redis Cluster) what a limit over all of them
    // allows is shared out among these; *wait_ms: when to share anew (INT64_MAX: never). Called by:
    // housekeeping. Waits. Again: yes.
    gofer_status (*share)(gf_broker *b, int64_t *wait_ms);
    // Exchanges of this broker met a key that had no room for its queue and may have some for it:
    // there is something to share. Does not wait.
    bool (*rung)(gf_broker *b);
} gf_limits_ops;

#endif
