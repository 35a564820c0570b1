// rounds.h - what the files of aggregators share: rounds (their threads) and groups that rest.
//
// What is of a gf_aggregating is under its lock, which these functions take.
#ifndef GF_WORKER_ROUNDS_H
#define GF_WORKER_ROUNDS_H

#include <stddef.h>
#include <stdint.h>

#include "worker/group/aggregate.h"

// ---- round.c

void   *gf_round_main(void *round);
// The set goes back, and its group rests: for how long.
int64_t gf_round_give_back(gofer_worker *w, const gf_group_set *set, const char *why);

// ---- rest.c. Each takes a->lock.

// How long it rests. Without memory it does not: it is tried again with the next sweep.
int64_t gf_rest_begin(gf_aggregating *a, const char *queue, const char *group);
void    gf_rest_end(gf_aggregating *a, const char *queue, const char *group);
// Copies of the names that rest now, in one allocation; NULL: none, or no memory.
char  **gf_rest_names(gf_aggregating *a, const char *queue, size_t *count);
void    gf_rest_clear(gf_aggregating *a);

#endif
