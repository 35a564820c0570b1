// request.c - what becomes of a command: done, failed and why, or to be sent again.
#include <stdio.h>
#include <string.h>

#include "broker/redis/net/call.h"
#include "util/clock.h"
#include "util/error.h"

void gf_rd_request_finish(gf_rd_net_call *c, gf_rd_request *req, gofer_status st, gf_rd_reason why)
{
    req->cmd->status = st;
    req->why = why;
    req->done = true;
    req->under_way = false;
    c->left--;
    c->asides -= req->cmd->aside;
    c->news |= st == GOFER_OK || why == BAD_REPLY;
    if (c->whole && !c->failed && st != GOFER_OK && st != c->passed)
        c->failed = req;
}

void gf_rd_request_later(gf_rd_request *req, gf_rd_reason why, int64_t *moment)
{
    if (*moment == 0)
        *moment = gf_mono_ms() + gf_rd_backoff_ms(req->tries);
    req->tries++;
    req->due_ms = *moment;
    req->why = why;
    req->located = req->pinned;              // it may be somewhere else by then
    req->asking = false;
    req->under_way = false;
}

void gf_rd_request_now(gf_rd_request *req)
{
    req->due_ms = 0;
    req->under_way = false;
}

static const char *name_of(const gf_rd_cmd *cmd, char out[64])
{
    if (cmd->script)
        return cmd->script->name;
    size_t size = cmd->args.count > 0 ? cmd->args.sizes[0] : 0;
    snprintf(out, 64, "%.*s", size < 63 ? (int)size : 63, size > 0 ? cmd->args.words[0] : "");
    return out;
}

void gf_rd_request_explain(gf_rd_net_call *c, const gf_rd_request *req)
{
    gf_rd_cmd *cmd = req->cmd;
    char buffer[64], trouble[sizeof req->node->trouble] = "";
    const char *name = name_of(cmd, buffer), *where = req->node
        ? req->node->text : c->net->options.shown;
    if (req->node) {
        pthread_mutex_lock(&c->net->lock);
        memcpy(trouble, req->node->trouble, sizeof trouble);
        pthread_mutex_unlock(&c->net->lock);
    }
    long long ms = (long long)(gf_mono_ms() - c->begun_ms);

    if (req->why == BAD_REPLY && cmd->reply)
        gf_rd_reply_fail(cmd->reply, where, name);
    else if (req->why == NO_MEMORY)
        gf_fail_nomem("a command to Redis");
    else if (req->why == FEW_REPLICAS)
        gf_fail(cmd->status,
            "'%s' was done by Redis at %s, but fewer than %d replicas had it within %lld ms", name,
            where, (int)c->net->options.wait_replicas, ms);
    else if (req->why == NO_WAIT)
        gf_fail(cmd->status,
            "'%s' was done by Redis at %s, but it refuses to say how many replicas have it: WAIT: "
            "%s",
            name, where, trouble);
    else if (req->why == NO_ADDRESS)
        gf_fail(cmd->status, "%s", c->address_text);
    else if (req->why == NO_NODE && *trouble)
        gf_fail(cmd->status, "%s", trouble);
    else
        gf_fail(cmd->status, "no time was left to send '%s' to Redis at %s (%lld ms)", name, where,
            ms);

    if (cmd->status == GOFER_EUNCERTAIN && req->why != FEW_REPLICAS && req->why != NO_WAIT)
        gf_fail_add(cmd->status,
            "'%s' was sent to Redis, but the answer was lost: it may be done or not", name);
    else if (req->tries > 1)
        gf_fail_add(cmd->status, "given up after %lld ms", ms);
}

gofer_status gf_rd_request_status_at_end(const gf_rd_net_call *c, const gf_rd_request *req)
{
    if (req->lost)
        return GOFER_EUNCERTAIN;
    switch (req->why) {
    case NO_TIME:   return GOFER_ETIMEOUT;
    case NO_MEMORY: return GOFER_ENOMEM;
    case NO_ADDRESS: return c->address_status;
    default:        return GOFER_EBROKER;
    }
}
