// live.h - the door's table of what is heard as it happens: requests to cancel, commands for
// workers, events, the ends of tasks.
//
// Each member says: who calls it; whether it may wait for the store ("waits": up to the broker's
// timeout); what happens when it is called again after a failure or a lost answer ("again").
#ifndef GF_BROKER_LIVE_H
#define GF_BROKER_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"

typedef struct gf_watch gf_watch;
typedef struct gf_listener gf_listener;

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

    // Events: records that are published to who listens now. wanted: cheap, up to a second old.
    // next: a record (gf_free); ETIMEOUT; *dropped: how many could not be kept for this listener.
    // Called by: client, housekeeping; a host's thread listens. Waits, but for wanted. Again: an
    // event may come twice.
    bool         (*events_wanted)(gf_broker *b);
    gofer_status (*events_publish)(gf_broker *b, const char *const *records, size_t count);
    gofer_status (*listener_open)(gf_broker *b, gf_listener **out);
    gofer_status (*listener_next)(gf_listener *l, int64_t timeout_ms, char **record,
        int64_t *dropped);
    void         (*listener_close)(gf_listener *l);

    // Waits for the end of a task, as gofer_client_wait says (also of one deleted or cancelled by
    // an act). Called by: client. Waits for as long as it is told. Again: yes.
    gofer_status (*wait_end)(gf_broker *b, const char *queue, const char *id, int64_t timeout_ms,
        gofer_info **out);
    // Makes wait_end and listener_next look at `interrupts`, if they would not by themselves within
    // GF_INTERRUPT_MS.
    // Called by: any thread, async-signal-safe. Does not wait.
    void         (*interrupt)(gf_broker *b);
} gf_live_ops;

enum { GF_INTERRUPT_MS = 50 };          // how long such a call may take to see it

// Every store's watches and listeners begin with these.
struct gf_watch {
    gf_broker *broker;
};
struct gf_listener {
    gf_broker *broker;
};

#endif
