// want.h - what the worker itself lacks to run its tasks: descriptors, processes, threads, memory.
//
// Any thread may note a want; the fetcher asks how much there is room for. Locks: its own, a leaf,
// which is there from new to free.
#ifndef GF_WORKER_WANT_H
#define GF_WORKER_WANT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

struct gf_slot;

typedef struct gf_want {
    pthread_mutex_t lock;          // for what is not atomic
    _Atomic int     lacking;
    size_t          fits;          // so many tasks at a time
    int64_t         pause_ms, until_ms;    // then it tries some more
    bool            tries;         // it does, and none was in want since
    int64_t         complained_ms;
    _Atomic int64_t groups_until_ms;   // aggregators lack something, or did not long ago; 0: no
} gf_want;

bool   gf_want_any(const gf_want *want);
bool   gf_want_shown(const gf_want *want);                 // is the worker shown as lacking?
void   gf_want_note(gofer_worker *w, const char *text);    // for this a task went back
// This slot has no thread; NULL: there was no slot.
void   gf_want_thread(gofer_worker *w, struct gf_slot *slot, const char *text);
// An aggregator had what it needs, or had not: then its group rests for so long.
void   gf_want_group(gofer_worker *w, bool lacks, int64_t rest_ms);
// How many of `room` tasks to take. *look_ms: -1, or when to ask again.
size_t gf_want_room(gofer_worker *w, size_t room, int64_t *look_ms);

#endif
