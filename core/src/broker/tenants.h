// tenants.h - the door's table of tenants: with which weights they share a queue's line.
//
// A task names its tenant in a header (message/options.h). What the stores agree on is start-time
// fair queueing, decided when a task gets in line:
// - Each priority of a queue is a line of its own. It knows a time, which is the tag of the task
//   that was last taken, and of each tenant when its last task will be through (its finish).
// - A task of a tenant gets the tag max(time, finish), and the finish is GF_FAIR_ROUND / weight
//   behind that. The smallest tag is next; of equal ones who came first, or (Redis) whose id is
//   less: ids that gofer makes are in the order of their time. So between any two tenants that have
//   tasks waiting the counts of what was taken, by their weights, never differ by more than one
//   task of each.
// - Tasks without a tenant share as one tenant of weight 1. Those without a priority stay in the
//   plain line, and cost nothing: what would be their next tag is kept beside the time. Those with
//   a priority get tags where tenants wait in the queue.
// - A task that is due, is tried again or is run by hand is tagged as a new one is. One that was
//   taken and comes back (given up, its worker died, it waited for a limit's key) is at the head of
//   its priority's line: it has been its turn.
// - Where none of a line's tenants wait any more, all begins at 0 again.
//
// Each member says: who calls it; whether it may wait for the store ("waits": up to the broker's
// timeout); what happens when it is called again after a failure or a lost answer ("again").
#ifndef GF_BROKER_TENANTS_H
#define GF_BROKER_TENANTS_H

#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"

// What a task of weight 1 adds to a finish: parted by each weight to within a hundredth.
enum { GF_FAIR_ROUND = 5040, GF_TENANT_WEIGHT_MAX = GOFER_TENANT_WEIGHT_MAX };

// What a store tells of one.
typedef struct gf_tenant_look {
    const char *name, *queue;
    int64_t     weight;
    int64_t     waiting;           // about: by what its finish is ahead
} gf_tenant_look;

gofer_info *gf_tenant_info(const gf_tenant_look *look);  // NULL: no memory
// So many tasks of this weight are between the two.
int64_t gf_tenant_waiting(int64_t finish, int64_t time, int64_t weight);

// Called by: inspect. All wait.
typedef struct gf_tenants_ops {
    // The weight of a tenant of this queue, which is made if it is new: for all that get in line
    // from now on. Again: yes.
    gofer_status (*put)(gf_broker *b, const char *queue, const char *name, int64_t weight);
    // Its weight is 1 again. ENOTFOUND: it had none of its own. Again: ENOTFOUND.
    gofer_status (*drop)(gf_broker *b, const char *queue, const char *name);
    // A list of the queue's tenants that have a weight or tasks that wait, in the order of their
    // names, from behind `after` ("": all) on. ENOTFOUND: no such queue. Again: yes.
    gofer_status (*list)(gf_broker *b, const char *queue, const char *after, size_t limit,
        gofer_info **out);
    // The same of one tenant; a list. Empty: it has neither. Again: yes.
    gofer_status (*tenant)(gf_broker *b, const char *queue, const char *name, gofer_info **out);
} gf_tenants_ops;

#endif
