// flows.h - the door's table of flows: steps that run after one another, kept and driven by the
// store.
//
// A flow is a plan, fixed when it starts: its steps in a row, each a task to be, with the steps it
// comes after. The task of step n of the flow f has the id "f:n", for good, so whatever is done
// again after a crash finds what was done before. What the stores agree on:
// - A step is put when all that it comes after have ended, and each as its rule wants: `success`:
//   done; `failure`: archived, cancelled, expired, revoked, deleted; `always`: in whatever way, or
//   skipped. Else it is skipped, which is an end, too.
// - Where a step fails, the flow does as its plan says: `stop`: what has not begun is skipped, but
//   for steps that come after another by `failure` or `always`; `cancel`: the same, and what runs
//   or waits to run is cancelled; `continue`: nothing beside the rules.
// - Each end of a step is applied once. On a store of one writer the transaction that ends the task
//   does it; elsewhere a notice, which `relay` carries to where the flow is.
// - A flow has ended when all its steps have. Then it, and the results of its steps, are kept for
//   its retention.
// - Who runs an archived task of a step again opens the step, and what was skipped, anew.
// - A step may be run for each item of the list that another has left (`each`). It has no task:
//   what stands in the plan is the mold of those that are made of it, each of them a step "NAME.1",
//   "NAME.2" and so on behind the plan's. They are made with the end of the step that has left the
//   list, or that end is a failure, as the list is none. Says the list that there is more, the step
//   that has left it is made once more, "NAME.2", with another payload. The one with `each` ends
//   when all that was made has ended: done if all of it is done, archived if some has failed.
//
// Each member says: who calls it; whether it may wait for the store ("waits": up to the broker's
// timeout); what happens when it is called again after a failure or a lost answer ("again").
#ifndef GF_BROKER_FLOWS_H
#define GF_BROKER_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"
#include "util/sha256.h"

enum {
    GF_FLOW_NAME_MAX = 128,              // bytes of a step's name
    GF_FLOW_ID_MAX = 200                 // of a flow's id: a step's has a number behind it
};

// The numbers are kept in stores.
typedef enum gf_flow_rule {
    GF_RULE_SUCCESS = 0,
    GF_RULE_FAILURE = 1,
    GF_RULE_ALWAYS = 2,
    GF_RULE_EACH = 3,                    // it is run for each item of that step's list
    GF_RULE_MADE = 4                     // that step was made of it
} gf_flow_rule;

typedef enum gf_flow_on_dead { GF_FLOW_STOP = 0, GF_FLOW_CANCEL = 1, GF_FLOW_CONTINUE = 2 }
    gf_flow_on_dead;

// The numbers are kept in SQLite files.
typedef enum gf_flow_state {
    GF_FLOW_RUNNING = 0,
    GF_FLOW_PAUSED = 1,                  // no step is put
    GF_FLOW_DONE = 2,
    GF_FLOW_FAILED = 3,                  // a step has failed
    GF_FLOW_CANCELLED = 4,
    GF_FLOW_EXPIRED = 5,                 // its deadline came first
    GF_FLOW_STATES
} gf_flow_state;

typedef enum gf_step_state {
    GF_STEP_WAITING = 0,                 // for others
    GF_STEP_READY = 1,                   // to be looked at: put, or skipped
    GF_STEP_PUT = 2,                     // its task is in its queue
    GF_STEP_ENDED = 3,                   // and so: GF_STEP_ENDED + a gf_end
    GF_STEP_SKIPPED = GF_STEP_ENDED + GF_END_DELETED + 1,
    GF_STEP_STATES
} gf_step_state;

typedef enum gf_flow_act {
    GF_FLOW_ACT_PAUSE,
    GF_FLOW_ACT_RESUME,
    GF_FLOW_ACT_CANCEL,                  // nothing begins any more, and what has not ended is
                                         //   cancelled
    GF_FLOW_ACT_RETRY                    // failed steps run again, and what was skipped waits anew
} gf_flow_act;

typedef struct gf_flow_dep {
    uint32_t     step;                   // which of the plan
    gf_flow_rule rule;
} gf_flow_dep;

// A step. All is borrowed.
typedef struct gf_flow_step {
    const char        *name;
    const gf_message  *message;          // its task, whose id is the flow's and the step's number
    int64_t            run_at_ms;        // not before this time; 0: at once
    int64_t            delay_ms;         // not before so long after it may run
    const gf_flow_dep *deps;
    size_t             dep_count;
} gf_flow_step;

typedef struct gf_flow_plan {
    const char         *id;
    unsigned char       hash[GF_SHA256_SIZE];  // of all that makes it this plan
    const gf_flow_step *steps;
    size_t              count;
    gf_flow_on_dead     on_dead;
    int64_t             deadline_ms;     // Unix; 0: none
    int64_t             retention_ms;    // of the flow, when it has ended
} gf_flow_plan;

// What snapshots are made of.
typedef struct gf_flow_look {
    const char     *id;
    gf_flow_state   state;
    gf_flow_on_dead on_dead;
    int64_t         total, left, failed; // steps: all, not ended, ended badly
    int64_t         created_ms, ended_ms, deadline_ms, expires_ms;     // 0: none
} gf_flow_look;

typedef struct gf_step_look {
    const char   *name, *id, *type, *queue;
    gf_step_state state;
    const char   *task_state;            // of one that was put; NULL: its task is not there
    const char   *error;                 // NULL: none
    int64_t       ended_ms, result_size; // 0: not ended; -1: no result
    const char   *after;                 // "a", "b:always": one in a line; "": none
    const char   *made_of;               // the step with `each` that it was made of; NULL: none
    bool          makes;                 // it has `each`: of those that were made of it
    int64_t       made, made_ended, made_failed;
} gf_step_look;

// As snapshots (docs/fields.md). NULL: no memory.
gofer_info *gf_flow_info(const gf_flow_look *look);
gofer_info *gf_step_info(const gf_step_look *look);
const char *gf_flow_state_name(gf_flow_state state);
bool        gf_flow_state_parse(const char *name, gf_flow_state *out);
// Does an end of this kind satisfy the rule?
bool        gf_flow_satisfies(gf_flow_rule rule, gf_step_state ended);

typedef struct gf_flows_ops {
    // The flow is there with all its steps, and what comes after nothing is put. EEXIST: there is
    // one of this id with another plan. Called by: client. Waits. Again: OK.
    gofer_status (*start)(gf_broker *b, const gf_flow_plan *plan);

    // Housekeeping, in a bounded step: ends that are not applied yet, steps that are not put yet,
    // deadlines, and flows that were kept for long enough. *done: how many things; `limit`: there
    // may be more. *next_ms: when there is more to do, Unix; GF_NONE_DUE.
    // Called by: housekeeping. Waits. Again: yes.
    gofer_status (*relay)(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms);

    // Has this process ended steps since the latest relay, so that the next one is worth a call of
    // its own? Called by: fetcher, after an exchange. Never waits. Again: yes.
    bool         (*rung)(gf_broker *b);

    // A flow: a record, with its steps as the field `steps` if they are asked for. ENOTFOUND.
    // Called by: client. Waits. Again: yes.
    gofer_status (*show)(gf_broker *b, const char *id, bool steps, gofer_info **out);

    // Flows, the latest first, from behind this cursor ("": all) on; state GF_FLOW_STATES: of any.
    // The list has a field next_cursor if there are more. Called by: client. Waits. Again: yes.
    gofer_status (*list)(gf_broker *b, gf_flow_state state, const char *cursor, size_t limit,
        gofer_info **out);

    // step NULL: all; of RETRY alone. ENOTFOUND; ESTATE: it has ended (pause, resume, cancel), or
    // nothing of it has failed (retry). Called by: client. Waits. Again: OK, or ESTATE.
    gofer_status (*act)(gf_broker *b, const char *id, const char *step, gf_flow_act act);

    // What a step has left, of one with `each` the results of all that was made, in order, as a
    // JSON array: gf_free; *n: its number. OK with *bytes NULL: nothing. ENOTFOUND: no
    // such flow or step; ESTATE: it was not done. Called by: client, a slot for a handler. Waits.
    // Again: yes.
    gofer_status (*result)(gf_broker *b, const char *id, const char *step, uint32_t *n,
        void **bytes, size_t *size);
} gf_flows_ops;

#endif
