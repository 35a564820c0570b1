// cluster_map.c - the slots of a Cluster: reads the answer to CLUSTER SLOTS.
#include "broker/redis/net/cluster.h"

#include <string.h>

#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"

gf_rd_map *gf_rd_map_new(void)
{
    return gf_calloc(1, sizeof(gf_rd_map));
}

void gf_rd_map_free(gf_rd_map *m)
{
    if (m)
        gf_free(m->nodes);
    gf_free(m);
}

// Its index + 1, added if it is new; 0: no memory.
static uint16_t node_of(gf_rd_map *m, const gf_rd_address *address)
{
    for (size_t i = 0; i < m->count; i++)
        if (gf_rd_address_same(&m->nodes[i], address))
            return (uint16_t)(i + 1);
    if (m->count >= GF_RD_SLOTS)               // more primaries than slots: redirections gone mad
        return 0;
    if (!gf_grow(m->nodes, m->capacity, m->count + 1))
        return 0;
    m->nodes[m->count++] = *address;
    return (uint16_t)m->count;
}

bool gf_rd_map_move(gf_rd_map *m, int32_t slot, const gf_rd_address *to)
{
    if (slot < 0 || slot >= GF_RD_SLOTS)
        return true;
    uint16_t node = node_of(m, to);
    if (node > 0)
        m->owner[slot] = node;
    return node > 0;
}

static const redisReply *item(const redisReply *r, size_t index, int type)
{
    if (!r || r->type != REDIS_REPLY_ARRAY || index >= r->elements || !r->element[index])
        return NULL;
    return r->element[index]->type == type ? r->element[index] : NULL;
}

// The address among a node's particulars, for one whose announced name is "?".
static const redisReply *announced_ip(const redisReply *node)
{
    const redisReply *facts = item(node, 3, REDIS_REPLY_ARRAY);
    for (size_t i = 0; facts && i + 1 < facts->elements; i += 2) {
        const redisReply *name = item(facts, i, REDIS_REPLY_STRING);
        if (name && strcmp(name->str, "ip") == 0)
            return item(facts, i + 1, REDIS_REPLY_STRING);
    }
    return NULL;
}

// [host, port, id, particulars]. A host that is left out is that of whoever was asked.
static bool read_node(const redisReply *node, const gf_rd_address *asked, gf_rd_address *out)
{
    const redisReply *host = item(node, 0, REDIS_REPLY_STRING),
                     *port = item(node, 1, REDIS_REPLY_INTEGER);
    if (!port || port->integer < 1 || port->integer > 65535)
        return false;
    if (host && strcmp(host->str, "?") == 0)
        host = announced_ip(node);
    if (host && host->len > 0)
        return gf_rd_address_set(out, host->str, host->len, (int32_t)port->integer);
    return gf_rd_address_set(out, asked->host, strlen(asked->host), (int32_t)port->integer);
}

gofer_status gf_rd_map_read(gf_rd_map *m, const redisReply *reply, const gf_rd_address *asked)
{
    char who[GF_RD_ADDRESS_TEXT];
    gf_rd_address_text(asked, who);
    if (reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "cluster support disabled"))
        return gf_fail(GOFER_EINVAL,
            "%s is no Redis Cluster; use redis:// instead of redis-cluster://", who);
    if (reply->type == REDIS_REPLY_ERROR)
        return gf_fail(strncmp(reply->str, "NOPERM", 6) == 0 ? GOFER_EDENIED : GOFER_EBROKER,
            "%s does not tell the slots of the cluster: %s", who, reply->str);
    size_t slots = 0;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *row = item(reply, i, REDIS_REPLY_ARRAY);
        const redisReply *first = item(row, 0, REDIS_REPLY_INTEGER),
                         *last = item(row, 1, REDIS_REPLY_INTEGER);
        gf_rd_address address;
        if (!first || !last || first->integer < 0 || last->integer >= GF_RD_SLOTS
            || !read_node(item(row, 2, REDIS_REPLY_ARRAY), asked, &address))
            continue;
        for (int32_t slot = (int32_t)first->integer; slot <= (int32_t)last->integer;
             slot++, slots++)
            if (!gf_rd_map_move(m, slot, &address))
                return gf_fail_nomem("the slots of a cluster");
    }
    if (slots == 0)
        return gf_fail(GOFER_EBROKER, "%s knows no primary of the cluster yet", who);
    return GOFER_OK;
}
