// act.h - what the files of acting on tasks share: act.c (run, archive, delete), acts.c (cancel, and acts on tasks named),
// edit.c (another payload, another time).
#ifndef GF_BROKER_REDIS_ACT_H
#define GF_BROKER_REDIS_ACT_H

#include "broker/redis/inspect/look.h"
#include "redis_scripts.h"

// The keys of these scripts, in that order, and of their prefix.
enum { GF_RD_ACT_KEYS = 0 GF_RD_KEYS_MOVE_TASK(GF_RD_ONE) };
typedef struct gf_rd_act_keys { gf_rd_key keys[GF_RD_ACT_KEYS + 1]; } gf_rd_act_keys;

// Begins a script on one task, with prefix and id; keys are in use until the call is over.
void gf_rd_act_begin(gf_rd_cmd *cmd, gf_rd_act_keys *keys, const gf_rd_script *script, const char *queue, const char *id);
// The command that moves it, and what its answer means.
void gf_rd_move_begin(gf_rd_cmd *cmd, gf_rd_act_keys *keys, const char *queue, const char *id, gf_state to);
gofer_status gf_rd_move_heard(gf_rd_store *s, const gf_rd_cmd *cmd, const char *queue, const char *id, gf_state to);
// It is elsewhere: ENOTFOUND or ESTATE. verb: "run".
gofer_status gf_rd_act_refused(const char *queue, const char *id, const char *verb, const char *place);

#endif
