// client.h - what the rooms above the broker door share of a client.
#ifndef GF_CLIENT_H
#define GF_CLIENT_H

#include <sys/types.h>

#include "broker/broker.h"
#include "util/fork.h"

struct gofer_client {
    gf_url     url;         // owned; never changes once open
    gf_broker *broker;      // owned; safe to share
    gf_log     log;
    int64_t    max_payload;
    gf_process process;     // that opened it
};

// EINVAL for NULL, EFORKED in a child; `what` names the caller.
gofer_status gf_client_check(const gofer_client *client, const char *what);

// EUNSUPPORTED: the store has not what `what` needs.
gofer_status gf_client_cannot(const gofer_client *client, const char *what);

// Copy options of an older or newer caller (NULL: none) into today's struct of `known` bytes: what it does not know is
// zero; a newer caller's unknown fields must be zero, for they cannot be honoured. `what` names the struct.
gofer_status gf_read_options(void *out, size_t known, const void *given, const char *what);

#endif
