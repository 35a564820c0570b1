// group.h - what group.c (Asynq's operations on groups) shares with aggregate.c (the door's).
#ifndef GF_BROKER_REDIS_GROUP_H
#define GF_BROKER_REDIS_GROUP_H

#include "broker/redis/store.h"

enum {
    GF_RD_SET_S = 120,                 // a set lives so long
    GF_RD_SET_MOST = 10000             // tasks in a set made by us
};

// "g:<group>", or "g:<group>:<set>".
gofer_status gf_rd_group_key(gf_rd_key *out, const char *queue, const char *group,
    const char *set_id);

// A page of the groups of these queues (at most GF_SHARDS_MAX) together; NULL: all.
gofer_status gf_rd_groups_of(gf_rd_store *s, char *const *queues, size_t count,
    const gf_page *page, gofer_info **out);

#endif
