// tally.h - what a worker has done since its start, by queue and type, and how long its store took
// to answer.
//
// The fetcher alone counts tasks; calls to the store are counted by whoever made them. All numbers
// are atomic, and what was found stays until the worker is freed: so anybody may read at any time,
// without a lock, and no slot ever waits for who looks.
#ifndef GF_WORKER_TALLY_H
#define GF_WORKER_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/tasks.h"
#include "util/table.h"
#include "worker/run/outcome.h"

enum {
    GF_TALLIES_MAX = 1000,         // queues and types; what is more is counted as GF_TALLY_OTHER of
    GF_TALLIES_OTHER = 100,        //   its queue, of at most so many queues; then of no queue
    GF_TIMES = 24,                 // below 1, 2, 4 … ms; the last one: all that is longer
    GF_OUTCOMES = GF_OUTCOME_EXPIRED + 1
};

#define GF_TALLY_OTHER "_other"

typedef struct gf_times {
    _Atomic uint64_t counts[GF_TIMES];
    _Atomic int64_t  total_ns;
} gf_times;

// Of one queue and type.
typedef struct gf_tally {
    gf_link          link;         // the fetcher's
    struct gf_tally *older;
    char            *queue, *type; // owned
    _Atomic uint64_t outcomes[GF_OUTCOMES], failed;
    gf_times         wait, run;    // of attempts that succeeded or failed
} gf_tally;

// What a worker asks of its store.
typedef enum gf_store_call {
    GF_CALL_EXCHANGE, GF_CALL_EXTEND, GF_CALL_FORWARD, GF_CALL_RECOVER, GF_CALL_REGISTER,
    GF_CALL_PROGRESS, GF_CALL_EVENTS, GF_CALL_FIGURES, GF_CALL_TIDY, GF_CALL_PURGE, GF_CALL_COUNT
} gf_store_call;

typedef struct gf_calls_of {
    _Atomic uint64_t errors;
    gf_times         times;
} gf_calls_of;

typedef struct gf_tallies {
    gf_table            table;     // by hash; this and the counts: the fetcher's
    gf_tally           *latest;    // most tasks are like the one before; NULL: none yet
    size_t              count, others;
    _Atomic(gf_tally *) newest;    // of all; from one to the older
    _Atomic int         limited;   // there were more than GF_TALLIES_MAX
    gf_calls_of         calls[GF_CALL_COUNT];
} gf_tallies;

// An outcome that the store has. Times negative: not to be counted. Without memory it is left out.
void gf_tally_add(gf_tallies *t, const gf_message *m, const gf_outcome *o, int64_t wait_ns,
    int64_t run_ns);
// A call has come back, that was made at begun_ns (gf_mono_ns). Returns st.
gofer_status gf_tally_call(gf_tallies *t, gf_store_call call, int64_t begun_ns, gofer_status st);
void gf_tallies_clear(gf_tallies *t);

const char *gf_outcome_label(gf_outcome_name name);    // as events call it: "retried"
const char *gf_store_call_name(gf_store_call call);

#endif
