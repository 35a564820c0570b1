// wait.h - what the waits for one end and for many have in common.
#ifndef GF_CLIENT_WAIT_H
#define GF_CLIENT_WAIT_H

#include "client/client.h"

// The store does not know the task: OK: it has ended ("gone"); ENOTFOUND: there is none. given: the
// caller's queue, or NULL; found: the same, or where the task was a moment ago, or NULL.
gofer_status gf_wait_missing(gofer_client *client, const char *given, const char *found,
    const char *id, gofer_info **out);

#endif
