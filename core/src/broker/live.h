// live.h - the door's table of what is heard as it happens: requests to cancel, commands for
// workers, events, the ends of tasks.
//
// Each member says: who calls it; whether it may wait for the store ("waits": up to the broker's
// timeout); what happens when it is called again after a failure or a lost answer ("again").
#ifndef GF_BROKER_LIVE_H
#define GF_BROKER_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"

typedef struct gf_watch gf_watch;
typedef struct gf_listener gf_listener;
typedef struct gf_waits gf_waits;

// A task whose end is waited for; the caller's memory, which stays where it is until it was told or
// taken back.
typedef struct gf_awaited {
    const char  *queue, *id;       // the caller's
    gofer_status status;           // out: OK: `end`; ENOTFOUND: no such task when the wait
                                   //   began; ETIMEOUT: only looked, and it has not ended; else
                                   //   why its end cannot be told
    gofer_info  *end;              // out, the caller's
    char        *error;            // out, the caller's (gf_free): why, in words; NULL: none
    void        *place;            // the store's
    struct gf_awaited *next;       // of those that waits_next tells
} gf_awaited;

// What a watch calls, from a thread of the broker's. A member may be NULL.
typedef struct gf_watch_callbacks {
    void *arg;
    // The task of this id shall stop. queue NULL: in whatever queue.
    void (*cancel)(void *arg, const char *queue, const char *id);
    // A command of `control` for the worker that the watch was opened for; each is called for once,
    // in order.
    void (*control)(void *arg, const char *command);
    // Cron entries were changed.
    void (*schedules)(void *arg);
} gf_watch_callbacks;

// What those who listen to events want to be told, all of them together.
typedef enum gf_events_want {
    GF_EVENTS_NONE,                // nobody listens
    GF_EVENTS_SUMS,                // some whole, of the others how many there are
    GF_EVENTS_ALL                  // each
} gf_events_want;

typedef struct gf_live_ops {
    // Calls back for every request to cancel, commands for this worker (NULL: for none) and changes
    // of cron entries, until watch_close, which waits for a call under way. What it misses for want
    // of a connection, `extend` tells of requests, and the next worker_register of commands. Called
    // by: housekeeping, at start and end. Waits. Again: yes.
    gofer_status (*watch_open)(gf_broker *b, const char *worker,
        const gf_watch_callbacks *callbacks, gf_watch **out);
    void         (*watch_close)(gf_watch *w);
    // A command for a live worker, kept until it has heard it or is gone. ENOTFOUND: no such one;
    // EUNSUPPORTED: not gofer's. Called by: client. Waits. Again: it may be heard twice.
    gofer_status (*control)(gf_broker *b, const char *worker, const char *command);

    // Events: records that are published to who listens now. wanted: cheap, up to a second old; a
    // listener that does not want `sums` wants all. next: a record (gf_free); ETIMEOUT; *dropped:
    // how many could not be kept for this listener.
    // Called by: client, housekeeping; a host's thread listens. Waits, but for wanted. Again: an
    // event may come twice.
    gf_events_want (*events_wanted)(gf_broker *b);
    gofer_status (*events_publish)(gf_broker *b, const char *const *records, size_t count);
    gofer_status (*listener_open)(gf_broker *b, bool sums, gf_listener **out);
    gofer_status (*listener_next)(gf_listener *l, int64_t timeout_ms, char **record,
        int64_t *dropped);
    void         (*listener_close)(gf_listener *l);

    // Waits for the ends of tasks, as gofer_client_wait says (also of those deleted or cancelled by
    // an act): one thread's. Called by: client.
    gofer_status (*waits_open)(gf_broker *b, gf_waits **out);
    void         (*waits_close)(gf_waits *w);
    // Looks at them; those that do not stand at their end are waited for, unless this is
    // only_look. Waits.
    void         (*waits_add)(gf_waits *w, gf_awaited *const *items, size_t count, bool only_look);
    // They are waited for no more; of those that were told already, nothing changes. An end that
    // comes within the next seconds is found by the next who waits. Waits.
    void         (*waits_remove)(gf_waits *w, gf_awaited *const *items, size_t count);
    // *told: those that are over, a list. ETIMEOUT: none in this time (negative: for ever), or
    // woken, or interrupted; else why nothing can be told. Waits for as long as it is told, and for
    // the store.
    gofer_status (*waits_next)(gf_waits *w, int64_t timeout_ms, gf_awaited **told);
    // Ends waits_next, the one under way or the next. Called by: any thread. Does not wait.
    void         (*waits_wake)(gf_waits *w);
    // Makes waits_next and listener_next look at `interrupts`, if they would not by themselves
    // within GF_INTERRUPT_MS.
    // Called by: any thread, async-signal-safe. Does not wait.
    void         (*interrupt)(gf_broker *b);
} gf_live_ops;

enum { GF_INTERRUPT_MS = 50 };          // how long such a call may take to see it

// Waits for the end of one task; negative timeout_ms: for ever. ENOTFOUND, ETIMEOUT (not in that
// time, or interrupted).
gofer_status gf_wait_end(gf_broker *b, const char *queue, const char *id, int64_t timeout_ms,
    gofer_info **out);

// For the stores. Adds it to what waits_next tells; its `error` is the calling thread's last one.
void        gf_waits_tell(gf_waits *w, gf_awaited *a, gofer_status status);
gf_awaited *gf_waits_told(gf_waits *w);                // takes the list; NULL: none

// Every store's watches, listeners and waits begin with these.
struct gf_watch {
    gf_broker *broker;
};
struct gf_listener {
    gf_broker      *broker;
    _Atomic int64_t breaks;        // connections lost so far
    _Atomic bool    away;          // there is none now
};
struct gf_waits {
    gf_broker  *broker;
    gf_awaited *told, *last;
};

#endif
