// item.c - the fate of a command: done, failed and why, or to be sent again.
#include <stdio.h>
#include <string.h>

#include "broker/redis/net/flight.h"
#include "util/clock.h"
#include "util/error.h"

void gf_rd_item_finish(gf_rd_flight *c, gf_rd_item *it, gofer_status st, gf_rd_reason why)
{
    it->cmd->status = st;
    it->why = why;
    it->done = true;
    it->flying = false;
    c->left--;
    c->asides -= it->cmd->aside;
    c->news |= st == GOFER_OK || why == BAD_REPLY;
    if (c->whole && !c->failed && st != GOFER_OK && st != c->passed)
        c->failed = it;
}

void gf_rd_item_later(gf_rd_item *it, gf_rd_reason why, int64_t *moment)
{
    if (*moment == 0)
        *moment = gf_mono_ms() + gf_rd_backoff_ms(it->tries);
    it->tries++;
    it->due_ms = *moment;
    it->why = why;
    it->placed = it->pinned;                 // it may be somewhere else by then
    it->asking = false;
    it->flying = false;
}

void gf_rd_item_now(gf_rd_item *it)
{
    it->due_ms = 0;
    it->flying = false;
}

static const char *name_of(const gf_rd_cmd *cmd, char out[64])
{
    if (cmd->script)
        return cmd->script->name;
    size_t size = cmd->args.count > 0 ? cmd->args.sizes[0] : 0;
    snprintf(out, 64, "%.*s", size < 63 ? (int)size : 63, size > 0 ? cmd->args.words[0] : "");
    return out;
}

void gf_rd_item_explain(gf_rd_flight *c, const gf_rd_item *it)
{
    gf_rd_cmd *cmd = it->cmd;
    char buffer[64], trouble[sizeof it->node->trouble] = "";
    const char *name = name_of(cmd, buffer), *where = it->node ? it->node->text : c->net->options.shown;
    if (it->node) {
        pthread_mutex_lock(&c->net->lock);
        memcpy(trouble, it->node->trouble, sizeof trouble);
        pthread_mutex_unlock(&c->net->lock);
    }
    long long ms = (long long)(gf_mono_ms() - c->begun_ms);

    if (it->why == BAD_REPLY && cmd->reply)
        gf_rd_reply_fail(cmd->reply, where, name);
    else if (it->why == NO_MEMORY)
        gf_fail_nomem("a command to Redis");
    else if (it->why == FEW_REPLICAS)
        gf_fail(cmd->status, "'%s' was done by Redis at %s, but fewer than %d replicas had it within %lld ms", name,
            where, (int)c->net->options.wait_replicas, ms);
    else if (it->why == NO_WAIT)
        gf_fail(cmd->status, "'%s' was done by Redis at %s, but it refuses to say how many replicas have it: WAIT: %s", name, where,
            trouble);
    else if (it->why == NO_PLACE)
        gf_fail(cmd->status, "%s", c->place_text);
    else if (it->why == NO_NODE && *trouble)
        gf_fail(cmd->status, "%s", trouble);
    else
        gf_fail(cmd->status, "no time was left to send '%s' to Redis at %s (%lld ms)", name, where, ms);

    if (cmd->status == GOFER_EUNCERTAIN && it->why != FEW_REPLICAS && it->why != NO_WAIT)
        gf_fail_add(cmd->status, "'%s' was sent to Redis, but the answer was lost: it may be done or not", name);
    else if (it->tries > 1)
        gf_fail_add(cmd->status, "given up after %lld ms", ms);
}

gofer_status gf_rd_item_status_at_end(const gf_rd_flight *c, const gf_rd_item *it)
{
    if (it->lost)
        return GOFER_EUNCERTAIN;
    switch (it->why) {
    case NO_TIME:   return GOFER_ETIMEOUT;
    case NO_MEMORY: return GOFER_ENOMEM;
    case NO_PLACE:  return c->place_status;
    default:        return GOFER_EBROKER;
    }
}
