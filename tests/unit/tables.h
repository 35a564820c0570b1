// tables.h - a store's tables as a test may change them: copies of all, which
// begin as the real ones.
#ifndef TESTS_UNIT_TABLES_H
#define TESTS_UNIT_TABLES_H

#include "broker/broker.h"

typedef struct tables {
    gf_broker_ops   ops;           // leads to the copies below; NULL where the store has none
    gf_tasks_ops    tasks;
    gf_upkeep_ops   upkeep;
    gf_inspect_ops  inspect;
    gf_act_ops      act;
    gf_groups_ops   groups;
    gf_cron_ops     cron;
    gf_live_ops     live;
    gf_peers_ops    peers;         // of a store that has none: empty
} tables;

static inline void tables_copy(tables *t, const gf_broker_ops *real)
{
    *t = (tables){ *real, *real->tasks, *real->upkeep, *real->inspect, *real->act, *real->groups,
        *real->cron, *real->live, real->peers ? *real->peers : (gf_peers_ops){ 0 } };
    t->ops.tasks = &t->tasks;
    t->ops.upkeep = &t->upkeep;
    t->ops.inspect = &t->inspect;
    t->ops.act = &t->act;
    t->ops.groups = &t->groups;
    t->ops.cron = &t->cron;
    t->ops.live = &t->live;
    if (real->peers)
        t->ops.peers = &t->peers;
}

#endif
