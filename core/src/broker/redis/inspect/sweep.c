// sweep.c - asks many queues together, and each by itself where the server wants that.
#include "broker/redis/inspect/sweep.h"

#include <string.h>

#include "util/alloc.h"
#include "util/error.h"

// Queues in one script, where their keys may meet, and in one pipeline: while the server runs the
// scripts, the answers that are there already are read, and the more there are the less does it
// wait for us. They are fewer where each may take as long as a script, or is answered at length.
enum { TOGETHER = 64, PIPELINE = 512, PIPELINE_SHORT = 256 };

// Room for one pipeline: so many queues in each command.
typedef struct sweeping {
    gf_rd_store *store;
    const gf_rd_sweep *what;
    gf_rd_cmd   *cmds;
    gf_rd_key   *room;
    size_t       together;
} sweeping;

bool gf_rd_is_parted(const gf_rd_cmd *cmds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cmds[i].reply && cmds[i].reply->type == REDIS_REPLY_ERROR &&
            strstr(cmds[i].reply->str, "CROSSSLOT"))
            return true;
    return false;
}

static gofer_status sweep_alone(sweeping *g, char *const *name);
static gofer_status sweep_all(sweeping *g, char *const *names, size_t count);

static gofer_status read_some(sweeping *g, const redisReply *reply, char *const *names,
    size_t count)
{
    const gf_rd_sweep *w = g->what;
    gofer_status st = GOFER_OK;
    if (!w->joins)
        return w->read(reply, *names, w->arg);
    for (size_t i = 0; w->flat && i < count && st == GOFER_OK; i++) {
        bool whole = reply->type == REDIS_REPLY_ARRAY && reply->elements == count * w->flat;
        redisReply part = { .type = REDIS_REPLY_ARRAY, .elements = whole ? w->flat : 0,
            .element = whole ? reply->element + i * w->flat : NULL };
        st = w->read(&part, names[i], w->arg);
    }
    if (w->flat)
        return st;
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        bool left_out = count > 1 && gf_rd_reply_at(reply, i, REDIS_REPLY_NIL);
        st = left_out ? sweep_alone(g, &names[i])
                      : w->read(gf_rd_reply_at(reply, i, REDIS_REPLY_ARRAY), names[i], w->arg);
    }
    return st;
}

// What looks like a single server may be many behind a proxy, which refuses keys of several slots:
// then one by one.
static gofer_status sweep_some(sweeping *g, char *const *names, size_t count)
{
    const gf_rd_sweep *w = g->what;
    size_t each = g->together, cmds = (count + each - 1) / each;
    for (size_t i = 0; i < cmds; i++) {
        size_t at = i * each;
        w->add(&g->cmds[i], g->room + at * w->keys, names + at,
            count - at < each ? count - at : each, w->arg);
    }
    gofer_status st = gf_rd_run_whole(g->store->net, g->cmds, cmds, gf_rd_timeout(g->store),
        GOFER_OK);
    bool parted = st != GOFER_OK && each > 1 && gf_rd_is_parted(g->cmds, cmds);
    for (size_t i = 0; i < cmds && st == GOFER_OK; i++) {
        size_t at = i * each;
        st = read_some(g, g->cmds[i].reply, names + at, count - at < each ? count - at : each);
        gf_rd_cmd_clear(&g->cmds[i]);    // at once: what is made of it takes its room
    }
    for (size_t i = 0; i < cmds; i++)
        gf_rd_cmd_clear(&g->cmds[i]);
    if (!parted)
        return st;
    g->together = 1;
    return sweep_all(g, names, count);
}

static gofer_status sweep_all(sweeping *g, char *const *names, size_t count)
{
    size_t most = g->together > 1 && !g->what->flat ? PIPELINE : PIPELINE_SHORT;
    gofer_status st = GOFER_OK;
    for (size_t at = 0; at < count && st == GOFER_OK; at += most)
        st = sweep_some(g, names + at, count - at < most ? count - at : most);
    return st;
}

static gofer_status sweep_alone(sweeping *g, char *const *name)
{
    gf_rd_cmd cmd = { 0 };
    gf_rd_key *room = gf_calloc(g->what->keys, sizeof *room);
    if (!room)
        return gf_fail_nomem("a look at a queue");
    sweeping alone = { g->store, g->what, &cmd, room, 1 };
    gofer_status st = sweep_some(&alone, name, 1);
    gf_free(room);
    return st;
}

gofer_status gf_rd_sweep_queues(gf_rd_store *s, const gf_rd_sweep *w, char *const *names,
    size_t count)
{
    size_t most = count < PIPELINE ? count : PIPELINE;
    if (count == 0)
        return GOFER_OK;
    bool joins = w->joins && !gf_rd_net_server(s->net).is_cluster;
    sweeping g = { s, w, gf_calloc(most, sizeof *g.cmds),
        gf_calloc(most * w->keys, sizeof *g.room), joins ? TOGETHER : 1 };
    gofer_status st = g.cmds && g.room ? sweep_all(&g, names, count)
                                       : gf_fail_nomem("a look at the queues");
    gf_free(g.cmds);
    gf_free(g.room);
    return st;
}
