// cluster.h - which primary serves which slot, as CLUSTER SLOTS tells.
//
// May touch: inner.h. A map knows no locks and no connections.
#ifndef GF_BROKER_REDIS_NET_CLUSTER_H
#define GF_BROKER_REDIS_NET_CLUSTER_H

#include "broker/redis/net/inner.h"

enum { GF_RD_SLOTS = 16384 };

typedef struct gf_rd_map {
    gf_rd_address *nodes;          // primaries, each once
    size_t       count, capacity;
    uint16_t     owner[GF_RD_SLOTS];   // index into nodes + 1; 0: nobody
} gf_rd_map;

gf_rd_map *gf_rd_map_new(void);                // NULL: no memory
void       gf_rd_map_free(gf_rd_map *m);       // NULL is fine
// asked: whose answer it is, for a host that is left out. EINVAL: not a Cluster.
// EBROKER: no answer to go by.
gofer_status gf_rd_map_read(gf_rd_map *m, const redisReply *reply, const gf_rd_address *asked);
// False: no memory, and nothing changed.
bool gf_rd_map_move(gf_rd_map *m, int32_t slot, const gf_rd_address *to);

#endif
