// client.h - what the rooms above the broker door share of a client.
//
// It does not change once it is open, but for its counts, which are atomic: any thread may use it
// without a lock.
#ifndef GF_CLIENT_H
#define GF_CLIENT_H

#include <stdatomic.h>
#include <sys/types.h>

#include "broker/broker.h"
#include "message/keys.h"
#include "util/fork.h"
#include "util/log_queue.h"

struct gofer_client {
    gf_url     url;         // owned; never changes once open
    gf_broker *broker;      // owned; safe to share
    gf_log     log;         // leads to log_queue
    gf_log_queue *log_queue;// owned; NULL: silent
    int64_t    max_payload;
    gf_keys   *keys;        // owned; NULL: none, nothing is encrypted
    gf_process process;     // that opened it
    _Atomic int refs;       // the host's, one of each worker, one of each listener
    _Atomic int closed;     // by the host
};

// What is made from a client owns it too, so that a host (or the garbage collector of its language)
// may let go of its handles in any order: the last one closes the store.
gofer_client *gf_client_hold(gofer_client *client);
void          gf_client_drop(gofer_client *client);

// In a child process: the client is its parent's.
bool gf_client_forked(const gofer_client *client);

// EINVAL for NULL, EFORKED in a child, ESTATE after its close; `what` names the caller.
gofer_status gf_client_check(const gofer_client *client, const char *what);

// A page as the public doors ask for one; it borrows the cursor.
gofer_status gf_client_page(const char *cursor, int32_t limit, gf_page *out);

// EUNSUPPORTED: the store has not what `what` needs.
gofer_status gf_client_cannot(const gofer_client *client, const char *what);

// Checks id and queue. *queue NULL: it is looked for, and points into `found` (gf_names_clear, in
// any case) afterwards.
gofer_status gf_client_locate(gofer_client *client, const char **queue, const char *id,
    gf_names *found);

// Copy options of an older or newer caller (NULL: none) into today's struct of `known` bytes: what
// it does not know is zero; a newer caller's unknown fields must be zero, for they cannot be
// honoured. `what` names the struct.
gofer_status gf_read_options(void *out, size_t known, const void *given, const char *what);

#endif
