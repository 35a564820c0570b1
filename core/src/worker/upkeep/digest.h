// digest.h - of many events the first ones whole, and of the others how many there are: for those
// who listen to sums. By queue and kind, from one sending to the next.
#ifndef GF_WORKER_DIGEST_H
#define GF_WORKER_DIGEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Events by what they say.
typedef enum gf_event_kind {
    GF_EVENT_STARTED, GF_EVENT_DONE, GF_EVENT_SNOOZED, GF_EVENT_RETRIED, GF_EVENT_ARCHIVED,
    GF_EVENT_REQUEUED, GF_EVENT_EXPIRED, GF_EVENT_REVOKED, GF_EVENT_CANCELLED, GF_EVENT_PROGRESS,
    GF_EVENT_LOG,
    GF_EVENT_KINDS
} gf_event_kind;

enum {
    GF_DIGEST_WHOLE = 5,           // of a queue and kind that are told whole: 250 a second
    GF_DIGEST_PLACES = 1024,       // a power of two; half of them are filled at the most
    GF_DIGEST_LINE = 64
};

// Of one kind in one queue. Each has a line of the cache to itself: slots count starts while the
// fetcher counts ends.
typedef struct gf_digest_sum {
    _Atomic uint32_t seen;         // since the last sending
    _Atomic uint32_t owed;         // that could not be told whole
    size_t           carrier;      // 1 + the place of the latest whole one in what is to be sent;
                                   //   0: none. The publishing's lock is held
    char             pad[GF_DIGEST_LINE - 2 * sizeof(uint32_t) - sizeof(size_t)];
} gf_digest_sum;

typedef struct gf_digest_row {
    struct gf_digest_row *next;
    char                 *queue;   // owned
    gf_digest_sum         sums[GF_EVENT_KINDS];
} gf_digest_row;

// Zero is an empty one. Rows are added by any thread and stay until it is cleared.
typedef struct gf_digest {
    _Atomic(gf_digest_row *) places[GF_DIGEST_PLACES];
    _Atomic(gf_digest_row *) first;
    _Atomic(gf_digest_row *) latest;   // that was looked for: a guess
    _Atomic size_t           count;
} gf_digest;

// Any thread, without a lock. NULL: there are too many queues, or no memory: all are told whole.
gf_digest_sum *gf_digest_find(gf_digest *d, const char *queue, gf_event_kind kind);

// Counts an event. True: it is told whole.
static inline bool gf_digest_count(gf_digest_sum *sum)
{
    return atomic_fetch_add_explicit(&sum->seen, 1, memory_order_relaxed) < GF_DIGEST_WHOLE;
}

// How many were not told whole since the last call, if there is one that can carry the number:
// *carrier is its place. They begin anew. Locks: the publishing's held.
uint32_t gf_digest_take(gf_digest_sum *sum, size_t *carrier);

void gf_digest_clear(gf_digest *d);

#endif
