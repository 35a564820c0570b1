// group.h - a group's set of tasks as its aggregator sees it.
//
// It belongs to its aggregator's thread; that thread alone frees it.
#ifndef GF_WORKER_GROUP_H
#define GF_WORKER_GROUP_H

#include "client/enqueue.h"
#include "worker/run/task.h"

enum { GF_GROUP_WHY_MAX = 1024 };

struct gofer_group {
    gofer_worker *worker;
    gf_group_set *set;             // owned
    gofer_task   *tasks;           // for the getters alone: no claim stands behind them
    gf_claim     *claims;
    bool          combined;
    gf_draft      draft;           // the task they become; its type and payload
                                   //   are the copies below
    char         *type;            // owned
    void         *payload;         // owned
    bool          wants;           // it failed for want of something of the worker's
    char          why[GF_GROUP_WHY_MAX + 1];   // what the aggregator said of its failure;
                                               //   "": nothing
    gf_log_rate   rate;            // of what it logs
    char          id[GF_ID_MAX + 1];       // of that task, the same however often it is put
};

// Takes the set over. NULL: no memory, and the set is still the caller's.
gofer_group *gf_group_new(gofer_worker *worker, gf_group_set *set);
// As gofer_group_fail, because the worker itself lacks what the aggregator needs.
int32_t      gf_group_want(gofer_group *group, const char *text);
// A line of its aggregator, with the group's name. Not too many: the rest is counted.
void         gf_group_warn(const gofer_group *group, const char *line);     // of the worker's
void         gf_group_log(gofer_group *group, int32_t level, const char *line);
void         gf_group_log_left_out(gofer_group *group);    // at the end: how many those were
void         gf_group_free(gofer_group *group);    // NULL is fine; gives nothing back

#endif
