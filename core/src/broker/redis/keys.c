// keys.c - names of keys. The braces are literal: they make all keys of a queue
// one slot of a cluster.
#include <stdio.h>
#include <string.h>

#include "broker/redis/store.h"
#include "message/options.h"
#include "util/alloc.h"
#include "util/error.h"

// snprintf is too slow for what is done for every task.
static char *append(char *at, const char *end, const char *text)
{
    size_t size = strlen(text), room = (size_t)(end - at);
    if (size > room)
        size = room;
    memcpy(at, text, size);
    return at + size;
}

void gf_rd_key_of(gf_rd_key *out, const char *queue, const char *rest)
{
    const char *end = out->text + sizeof out->text - 1;
    char *at = append(out->text, end, "asynq:{");
    at = append(at, end, queue);
    at = append(at, end, "}:");
    at = append(at, end, rest);
    *at = '\0';
}

int32_t gf_rd_queue_slot(const char *queue)
{
    gf_rd_key key;
    gf_rd_key_of(&key, queue, "");
    return gf_rd_slot(key.text, strlen(key.text));
}

const char *gf_rd_state_key(gf_state state)
{
    static const char *const names[GF_STATE_COUNT] = {
        [GF_PENDING] = "pending",
        [GF_ACTIVE] = "active",
        [GF_SCHEDULED] = "scheduled",
        [GF_RETRY] = "retry",
        [GF_COMPLETED] = "completed",
        [GF_ARCHIVED] = "archived",
    };
    return state < GF_STATE_COUNT ? names[state] : NULL;
}

void gf_rd_add_keys(gf_rd_cmd *cmd, gf_rd_key *room, const char *queue,
    const char *const *rests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gf_rd_key_of(&room[i], queue, rests[i]);
        gf_rd_add(&cmd->args, room[i].text);
    }
    cmd->key_count += (int32_t)count;
}

void gf_rd_lane_of(const gf_message *m, char out[GF_RD_LANE_TEXT])
{
    int32_t priority = m->headers_size ? gf_priority_of(m) : 0;
    *out = '\0';
    const char *tenant = m->headers_size ? gf_tenant_of(m) : NULL;
    if (priority || tenant)
        snprintf(out, GF_RD_LANE_TEXT, "%d%s%s", GF_PRIORITY_MAX - (int)priority,
            tenant ? " " : "", tenant ? tenant : "");
}

gofer_status gf_rd_lock_of(gf_rd_store *s, const char *queue, const char *type, const void *payload,
    size_t size, char **out)
{
    const struct gf_openssl *lib = NULL;
    gofer_status st =
        payload ? gf_rd_net_openssl(s->net, "enqueuing as unique (MD5)", &lib) : GOFER_OK;
    return st == GOFER_OK ? gf_wire_unique_key(lib, queue, type, payload, size, out) : st;
}

gofer_status gf_rd_named_lock(const char *queue, const char *name, char **out)
{
    gf_rd_key front;
    gf_rd_key_of(&front, queue, "unique:gofer:");
    size_t size = strlen(front.text), name_size = strlen(name) + 1;
    *out = gf_alloc(size + name_size);
    if (!*out)
        return gf_fail_nomem("the name of a unique lock");
    memcpy(*out, front.text, size);
    memcpy(*out + size, name, name_size);
    return GOFER_OK;
}
