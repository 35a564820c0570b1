// decide.h - what becomes of a task after an attempt, and what the store is told of it.
//
// A decision is one thread's: the handler's own (or the host's that pulled the task), or once its
// slot was given up another slot's; see gf_task_claim_decision. No lock is held, for hooks run
// here.
#ifndef GF_WORKER_DECIDE_H
#define GF_WORKER_DECIDE_H

#include <stdint.h>

#include "broker/tasks.h"
#include "worker/run/outcome.h"
#include "worker/run/task.h"

// Where a decision goes: the handler's own part of a task, or the runtime's of a lost one.
typedef struct gf_decision {
    gf_outcome  *outcome;
    char       **reason;
    gf_finish_data **data;
} gf_decision;

// face: what hooks are shown (the task, or a likeness of a lost one). May ask the store whether a
// request to cancel stands.
void gf_task_decide(gofer_task *face, gf_attempt_end end, int32_t returned, gf_decision out);

// ---- the fetcher's, of a task that is handed in
void gf_finish_fill(gofer_task *task, gf_finish *finish);  // what the store is told
// The store knows of a request that was not heard here: another outcome.
void gf_finish_cancel(gofer_task *task);
void gf_finish_put_back(gofer_task *task); // in place of its archive: the attempt is not used up
void gf_finish_log(gofer_task *task);      // the store has it: what the log says only then

#endif
