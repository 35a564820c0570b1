// sweep.h - one question to many queues: some in one script where no Cluster parts them, and many
// scripts in one pipeline.
#ifndef GF_BROKER_REDIS_SWEEP_H
#define GF_BROKER_REDIS_SWEEP_H

#include "broker/redis/store.h"

// What is asked of every queue, in pipelines. add begins and fills the command for some queues;
// read is given the reply of one. arg is theirs.
typedef struct gf_rd_sweep {
    void       (*add)(gf_rd_cmd *cmd, gf_rd_key *room, char *const *queues, size_t count,
                      void *arg);
    gofer_status (*read)(const redisReply *reply, const char *queue, void *arg);
    void        *arg;
    size_t       keys;                   // room that add needs for each queue
    bool         joins;                  // one command may ask for many: its reply is an array with
                                         //   one of each, nil of one too large to be beside others
    size_t       flat;                   // of the reply of who joins, but is flat: elements of each
} gf_rd_sweep;

// These queues, in this order.
gofer_status gf_rd_sweep_queues(gf_rd_store *s, const gf_rd_sweep *w, char *const *names,
    size_t count);
// A command was refused because its keys are of several slots: what looks like a single server is
// many behind a proxy.
bool gf_rd_is_parted(const gf_rd_cmd *cmds, size_t count);

#endif
