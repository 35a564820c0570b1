// due.h - which ticks of an entry are to be enqueued now.
//
// Pure: the times are given, the store's clock among them. fire.c enqueues what is found here.
#ifndef GF_SCHEDULE_DUE_H
#define GF_SCHEDULE_DUE_H

#include "schedule/entry.h"

// A tick that nobody has enqueued for so long is missed: the entry's policy decides on it. Below
// that it is only late: a worker that starts anew, or a store that was away for a
// moment, leaves nothing out.
enum { GF_MISSED_AFTER_MS = 60000 };
enum { GF_DUE_MAX = GF_MISSED_MAX_LIMIT + 64 };        // what fits: a tick a second that is late,
                                                       //   and all that were missed

typedef struct gf_due {
    int64_t ticks[GF_DUE_MAX];     // ascending
    size_t  count;
    int64_t last_ms;               // the latest tick that has come, enqueued or not; 0: none has
    size_t  left_out;              // missed ones that the policy drops, as far
                                   //   as they were looked at
} gf_due;

// after_ms: the latest tick that is dealt with. held: the previous task holds them up
// (GOFER_OVERLAP_QUEUE), of which at most one waits: the latest, however old.
void gf_due_find(const gf_schedule *s, const gf_zone *zone, int64_t after_ms, int64_t now_ms,
    bool held, gf_due *out);

#endif
