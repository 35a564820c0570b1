// duties.h - what housekeeping does, one function a duty; the table of their times is in
// housekeeping.c.
//
// On housekeeping's threads. A duty may set *next_ms, when it is due next (monotonic); if it does
// not, that is the interval of the table after its end. After a failure it is a second later at
// least. What it answers is logged.
#ifndef GF_WORKER_DUTIES_H
#define GF_WORKER_DUTIES_H

#include "worker/runtime.h"

#define GF_NEVER INT64_MAX

enum {
    GF_DUTY_BATCH = 1000,          // tasks per call to the store
    GF_SOON_MS = 1000,             // after a failure
    GF_UNSERVED_MS = 1000,         // after the start: workers that start together
                                   //   know each other then
    GF_QUEUES_MS = 1000,           // how often to look for queues that match a pattern,
    GF_QUEUES_REST = 10,           //   or, of very many, so many times as long as a look takes;
    GF_QUEUES_GAP_MS = 20          //   and when those that are served ran out of tasks
};

// ---- leases.c: what we hold
gofer_status gf_duty_heartbeat(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
gofer_status gf_duty_progress(gofer_worker *w, int64_t now_ms, int64_t *next_ms);

// ---- duties.c: the store, and the others
gofer_status gf_duty_presence(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
gofer_status gf_duty_forward(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
gofer_status gf_duty_recover(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
gofer_status gf_duty_reclaim(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
gofer_status gf_duty_flows(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
gofer_status gf_duty_limits(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
gofer_status gf_duty_purge(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
gofer_status gf_duty_upkeep(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
gofer_status gf_duty_queues(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
gofer_status gf_duty_unserved(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
gofer_status gf_duty_events(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
gofer_status gf_duty_stats(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
gofer_status gf_duty_schedules(gofer_worker *w, int64_t now_ms, int64_t *next_ms);

// ---- drain.c
gofer_status gf_duty_drain(gofer_worker *w, int64_t now_ms, int64_t *next_ms);

#endif
