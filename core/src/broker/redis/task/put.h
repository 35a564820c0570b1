// put.h - what the files of enqueuing share: put.c makes tasks ready and has the scripts, combine.c
// lets callers share a pipeline.
#ifndef GF_BROKER_REDIS_PUT_H
#define GF_BROKER_REDIS_PUT_H

#include "broker/redis/store.h"

// A task made ready, by the thread that brings it.
typedef struct gf_rd_new {
    gf_put  *item;
    gf_bytes message;
    char    *key;                          // of its hash
    size_t   key_size, id_size;            // the id is the key's end
    char    *lock;                         // NULL: none
    int64_t  lock_s;                       // from when it may run
    int64_t  at_ms;                        // Unix ms; 0: now
    char    *record;                       // of the key it is debounced by; NULL: it is not
    char    *lane;                         // NULL: it has neither a priority nor a tenant
    char    *limit;                        // its cost and limit keys; NULL: none
    size_t   piece;                        // put.c's own
} gf_rd_new;

gofer_status gf_rd_new_make(gf_rd_store *s, gf_rd_new *out, gf_put *item);
void         gf_rd_new_clear(gf_rd_new *n);                // of zeroes too

// Puts them, in this order within a queue, and sets each one's status: also to what went wrong with
// the store. That has then been said (gf_fail) for one of them.
void gf_rd_put_all(gf_rd_store *s, gf_rd_new *const *tasks, size_t count);

#endif
