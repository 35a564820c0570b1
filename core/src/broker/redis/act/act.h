// act.h - what act.c (acts on tasks) and edit.c (another payload, another time) share.
#ifndef GF_BROKER_REDIS_ACT_H
#define GF_BROKER_REDIS_ACT_H

#include "broker/redis/inspect/inspect.h"
#include "redis_scripts.h"

// The keys of these scripts, in that order, and of their prefix.
enum { GF_RD_ACT_KEYS = 0 GF_RD_KEYS_MOVE_TASK(GF_RD_ONE) };
typedef struct gf_rd_act_keys { gf_rd_key keys[GF_RD_ACT_KEYS + 1]; } gf_rd_act_keys;

// Begins a script on one task, with prefix and id; keys are in use until the call is over.
void gf_rd_act_begin(gf_rd_cmd *cmd, gf_rd_act_keys *keys, const gf_rd_script *script,
    const char *queue, const char *id);
// It is elsewhere: ENOTFOUND or ESTATE. verb: "run".
gofer_status gf_rd_act_refused(const char *queue, const char *id, const char *verb,
    const char *place);

#endif
