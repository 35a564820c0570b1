// put.h - what the files of enqueuing share: put.c has the scripts, combine.c lets callers share a pipeline.
#ifndef GF_BROKER_REDIS_PUT_H
#define GF_BROKER_REDIS_PUT_H

#include "broker/redis/store.h"

// Puts them, in this order within a queue, and sets each one's status: also to what went wrong with the
// store. That has then been said (gf_fail) for one of them.
void gf_rd_put_all(gf_rd_store *s, gf_put *const *items, size_t count);

#endif
