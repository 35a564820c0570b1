// groups.h - the door's table of groups: tasks that wait to be made one.
//
// Each member says: who calls it; whether it may wait for the store ("waits": up to the broker's
// timeout); what happens when it is called again after a failure or a lost answer ("again").
#ifndef GF_BROKER_GROUPS_H
#define GF_BROKER_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"

typedef struct gf_group_rule {
    int64_t grace_ms;              // since the latest task came; at least 1000
    int64_t max_delay_ms;          // since the oldest came; 0: no bound
    int64_t max_size;              // tasks; 0: no bound (the store has one: 10,000)
    const char *const *names;      // only groups of these names, or beginning as one that
                                   //   ends in '*'; NULL: all
    size_t  name_count;
    const char *const *except;     // but none of these (they are put off; at
                                   //   most GF_GROUPS_PUT_OFF)
    size_t  except_count;
    bool   *suspects;              // not NULL: no suspect set; out: true if one of these is ready
} gf_group_rule;
enum { GF_GROUPS_PUT_OFF = 64 };

// Tasks taken out of a group, to be made one. The store takes them back by itself when time is over
// (Asynq: 120 s) or, if it can see that, when their worker has died. One allocation (gf_free)
// beside what `memory` leads to.
//
// A set that was taken and did not come back in order (put or back) is a suspect. Its tasks are
// kept together from then on: they are the next set, without others. A store that sees deaths
// counts those; others count what was taken, for a set can go back without them (when its time is
// over, or by another program).
typedef struct gf_group_set {
    const char *queue, *group, *id;
    const char *place;             // the store's: its own name of the queue; NULL: that
    int64_t     until_ms;          // monotonic
    int32_t     crashes;           // how often in turn it was taken before and did not come back
    gf_message *tasks;             // oldest first
    size_t      count;
    void       *memory;            // the store's
} gf_group_set;
void gf_group_set_free(gf_group_set *set);     // NULL is fine; gives nothing back

typedef struct gf_groups_ops {
    // A set of the first group of the queue that the rule says is ready, in turn; EEMPTY: none is.
    // Called by: aggregators. Waits. Again: a set whose answer was lost is taken back
    // when its time is over.
    gofer_status (*take)(gf_broker *b, const char *worker, const char *queue,
        const gf_group_rule *rule, gf_group_set **out);
    // The combined task into the queue, and the set's tasks deleted (their locks too), in one step;
    // ESTALE: the store has taken them back, nothing is done; OK also when that was done before.
    // Called by: aggregators. Waits. Again: yes.
    gofer_status (
        *put)(gf_broker *b, const gf_group_set *set, const gf_message *combined, int64_t run_at_ms);
    // Into their group, at once, and no suspects any more.
    // Called by: aggregators, housekeeping (at a stop, and of what is too slow). Waits. Again: yes.
    gofer_status (*back)(gf_broker *b, const gf_group_set *set);
    // Archives the set's tasks (their locks are freed), with this error. ESTALE: the store has
    // taken them back, nothing is done. Of what else fails a part may be done; the rest goes back
    // with the set.
    // Called by: aggregators. Waits. Again: yes; ESTALE when that was done before.
    gofer_status (*archive)(gf_broker *b, const gf_group_set *set, const char *error);
    // Sets whose time is over.
    // Called by: housekeeping. Waits. Again: yes.
    gofer_status (*reclaim)(gf_broker *b, size_t limit, size_t *done);
} gf_groups_ops;

#endif
