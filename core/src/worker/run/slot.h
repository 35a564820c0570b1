// slot.h - the threads that run tasks, one at a time each. What a slot is, and which there are, is
// the pool's (pool.h).
#ifndef GF_WORKER_SLOT_H
#define GF_WORKER_SLOT_H

#include <stdbool.h>

#include "gofer/gofer.h"

void gf_slot_spawn(gofer_worker *w);       // any thread; counted already by the pool
bool gf_slot_start_first(gofer_worker *w); // before start has returned; false: no thread

#endif
