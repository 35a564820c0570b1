// draft.h - a flow's plan: what a caller gave, checked whole before a store sees any of it.
//
// May touch: client/enqueue.h (which makes the steps' tasks), broker/flows.h. Threads: a plan
// belongs to one.
#ifndef GF_FLOW_DRAFT_H
#define GF_FLOW_DRAFT_H

#include "broker/flows.h"
#include "client/enqueue.h"

// A step on its way: `step` points to what stands here.
typedef struct gf_flow_part {
    gf_draft draft;
    char     id[GF_ID_MAX + 1];
    const void *given;             // the payload, as the caller gave it
    size_t   given_size;
    size_t   at;                   // which of the plan
    size_t   open;                 // of those it comes after, for finding circles
    size_t   first_dep;
    size_t   seen;                 // by the step before this number, as one it comes after
    bool     is_made_of;           // it has `each`
    size_t   makes;                // the one that is run for each item of its list, from 1; 0: none
} gf_flow_part;

typedef struct gf_flow_draft {
    gf_flow_plan   plan;           // its arrays are the next ones
    gf_flow_step  *steps;          // owned, like what follows
    gf_flow_part  *parts;
    gf_flow_part **by_name;
    gf_flow_dep   *deps;
    size_t         made;           // parts whose drafts are to be cleared
    size_t         dep_count, dep_room;
    char           id[GF_ID_MAX + 1];
} gf_flow_draft;

// What it points to is the caller's, but for what it owns. Also on failure to be cleared. EINVAL,
// ETOOBIG, ENOMEM, and those of gf_draft_make: the text names the step.
gofer_status gf_flow_draft_make(gf_flow_draft *p, const gofer_client *client, size_t count,
    const gofer_flow_step *const *given, const gofer_flow_options *opts);
void         gf_flow_draft_clear(gf_flow_draft *p);

#endif
