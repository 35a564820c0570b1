// control.h - a running worker is told to change: the text of such a command, and what a worker
// does with it.
//
// Reading is pure. Heeding comes on a thread of the broker's and returns at once.
#ifndef GF_WORKER_CONTROL_H
#define GF_WORKER_CONTROL_H

#include "gofer/gofer.h"
#include "worker/subscription.h"

typedef enum gf_control_kind {
    GF_CONTROL_CONCURRENCY,
    GF_CONTROL_QUEUES,
    GF_CONTROL_STATE
} gf_control_kind;
typedef enum gf_control_state {
    GF_CONTROL_QUIET,
    GF_CONTROL_ACTIVE,
    GF_CONTROL_STOP
} gf_control_state;

typedef struct gf_control {
    gf_control_kind  kind;
    int64_t          concurrency;
    gf_subscription  subscription; // owned
    gf_control_state state;
} gf_control;

// EINVAL says what is wrong. On success gf_control_clear.
gofer_status gf_control_read(const char *key, const char *value, gf_control *out);
void         gf_control_clear(gf_control *c);

// Do what a command ("concurrency 8") says. From any thread, with no lock held; returns at once.
void gf_control_heed(gofer_worker *w, const char *command);

#endif
