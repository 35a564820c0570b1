// run.c - a call: pipelines to as many nodes as it takes, until every command has its answer or the
// deadline is over. What items and legs are: flight.h.
//
// May touch: pool.h, leg.c, item.c.
//
// Order: commands of one call to one node are sent in the order given. What is sent again (a script that
// the server did not know, a redirection) comes later than its successors.
#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "broker/redis/net/flight.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/spin.h"

enum {
    FEW = 16,                                // so many commands need no memory of their own
    ASIDE_MS = 250,                          // so much longer an aside is waited for when all else is done,
    ASIDE_DIAL_MS = 1000,                    //   and so long for its server to let us in
    APART_MS = 1000,                         // so much longer a silent server, when another one has answered
    LOOK_MS = 250                            // a server that may be replaced is waited for so long at once
};

// ---- departure -----------------------------------------------------------------------------------------------

// Finds its node. False: not now, or never.
static bool place_item(gf_rd_flight *c, gf_rd_item *it, int32_t *slot, gf_rd_node **node, int64_t *later_ms)
{
    if (it->placed)
        return true;
    if (!*node || *slot != it->cmd->slot) {          // neighbours mostly share their slot
        gf_rd_place place;
        bool again;
        gofer_status st = c->net->topo->ops->locate(c->net->topo, it->cmd->slot, c->deadline_ms, &place, &again);
        if (st != GOFER_OK) {
            c->place_status = st;
            snprintf(c->place_text, sizeof c->place_text, "%s", gofer_error_last());
            if (!again || st == GOFER_ENOMEM)
                gf_rd_item_finish(c, it, st, NO_PLACE);
            else
                gf_rd_item_later(it, NO_PLACE, later_ms);
            return false;
        }
        *node = gf_rd_node_of(c->net, &place);
        *slot = it->cmd->slot;
        if (!*node) {
            gf_rd_item_finish(c, it, GOFER_ENOMEM, NO_MEMORY);
            return false;
        }
    }
    it->node = *node;
    it->placed = true;
    return true;
}

// An ASKING goes alone, as the leg then has one more answer.
static void add_to_leg(gf_rd_flight *c, gf_rd_item *it, size_t fresh)
{
    size_t i = fresh;
    while (i < c->leg_count && (c->legs[i].node != it->node || c->legs[i].asked || it->asking))
        i++;
    gf_rd_leg *l = &c->legs[i];
    if (i == c->leg_count) {
        *l = (gf_rd_leg){ .node = it->node, .asked = it->asking };
        c->leg_count++;
    }
    if (l->last)
        l->last->next = it;
    else
        l->waiting = it;
    l->last = it;
    it->next = NULL;
    it->flying = true;
}

// A call that can do without this server does not let it take all the time.
static int64_t dial_deadline(const gf_rd_flight *c, const gf_rd_leg *l)
{
    bool aside = true;
    for (const gf_rd_item *it = l->waiting; it && aside; it = it->next)
        aside = it->cmd->aside;
    int64_t limit = aside ? ASIDE_DIAL_MS : c->apart ? APART_MS : INT64_MAX;
    return limit < INT64_MAX ? gf_min(c->deadline_ms, gf_mono_ms() + limit) : c->deadline_ms;
}

static bool dial_leg(gf_rd_flight *c, gf_rd_leg *l)
{
    bool again;
    if (c->failed) {
        gf_rd_leg_break(c, l, GOFER_ETIMEOUT, NO_TIME);
        return false;
    }
    gofer_status st = gf_rd_pool_dial(c->net, l->node, dial_deadline(c, l), &l->conn, &again);
    if (st == GOFER_OK)
        return true;
    l->conn = NULL;
    gf_rd_leg_break(c, l, again ? GOFER_OK : st, NO_NODE);
    return false;
}

// Sends what is due. First on connections that are there, then on new ones, which take their time.
static void depart(gf_rd_flight *c)
{
    size_t fresh = c->leg_count;
    int32_t slot = GF_RD_ANY_SLOT;
    gf_rd_node *node = NULL;
    int64_t now = 0, later = 0;
    for (size_t i = 0; i < c->count; i++) {
        gf_rd_item *it = &c->items[i];
        if (it->done || it->flying || (it->due_ms > 0 && it->due_ms > (now = now ? now : gf_mono_ms())))
            continue;
        if (place_item(c, it, &slot, &node, &later))
            add_to_leg(c, it, fresh);
    }
    // Backwards, since a leg that is over is replaced by the last.
    for (size_t i = c->leg_count; i-- > fresh;) {
        gf_rd_leg *l = &c->legs[i];
        l->conn = gf_rd_pool_take(c->net, l->node, dial_deadline(c, l));
        if (l->conn)
            gf_rd_leg_start(c, l);
    }
    for (size_t i = c->leg_count; i-- > fresh;)
        if (!c->legs[i].conn && dial_leg(c, &c->legs[i]))
            gf_rd_leg_start(c, &c->legs[i]);
}

// All of weight is done, also for the replicas.
static bool only_asides_left(const gf_rd_flight *c)
{
    if (c->left > c->asides)
        return false;
    for (size_t i = 0; i < c->leg_count; i++)
        if (c->legs[i].replicas || !c->legs[i].waiting)
            return false;
    return true;
}

// When the call is over, whatever has not been answered by then.
static int64_t end_of(gf_rd_flight *c, int64_t now)
{
    if (c->failed)
        return now;
    if (c->news) {
        c->news = false;
        c->news_ms = now;
    }
    if (c->asides > 0 && c->asides < c->count && only_asides_left(c)) {
        c->idle_ms = c->idle_ms ? c->idle_ms : now;
        return gf_min(c->deadline_ms, c->idle_ms + ASIDE_MS);
    }
    return c->apart && c->news_ms ? gf_min(c->deadline_ms, c->news_ms + APART_MS) : c->deadline_ms;
}

// When something is to be done though nothing comes: the next item due, or the end.
static int64_t next_moment(const gf_rd_flight *c, int64_t end)
{
    int64_t next = end;
    for (size_t i = 0; i < c->count; i++) {
        const gf_rd_item *it = &c->items[i];
        if (!it->done && !it->flying && it->due_ms < next)
            next = it->due_ms;
    }
    return next;
}

// A server that was replaced while it stood still never answers: its commands go to the other one.
static void leave_replaced(gf_rd_flight *c)
{
    for (size_t i = c->leg_count; i-- > 0;)
        if (!gf_rd_leg_is_current(c, &c->legs[i]))
            gf_rd_leg_abandon(c, &c->legs[i]);
}

static void wait_and_read(gf_rd_flight *c, int64_t until_ms)
{
    for (size_t i = 0; i < c->leg_count; i++)
        c->fds[i] = (struct pollfd){ .fd = c->legs[i].conn->fd, .events = gf_rd_conn_events(c->legs[i].conn) };
    int64_t ms = until_ms - gf_mono_ms();
    bool watched = c->net->topo->ops->is_current != NULL;
    if (watched && ms > LOOK_MS)
        ms = LOOK_MS;
    if (poll(c->fds, (nfds_t)c->leg_count, ms <= 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms) <= 0) {
        if (watched)
            leave_replaced(c);
        return;                                  // time, or a signal: the caller looks at the clock
    }
    for (size_t i = c->leg_count; i-- > 0;) {
        gf_rd_leg *l = &c->legs[i];
        short came = c->fds[i].revents;
        bool pending = l->conn->out_sent < l->conn->out_size;
        if (came && pending && !gf_rd_leg_write(c, l))
            continue;
        if (came & ~POLLOUT || (came && l->conn->tls))
            gf_rd_leg_read(c, l);
    }
}

// ---- a spin before the sleep -------------------------------------------------------------------------------
//
// To be put to sleep and woken again takes longer than Redis does for a short script: so a call that somebody
// waits for looks for its answer for a moment. Only one call of a net does so at a time.

static bool may_spin(const gf_rd_flight *c)
{
    return c->leg_count == 1 && c->legs[0].waiting && c->legs[0].waiting->cmd->script &&
        c->legs[0].waiting->cmd->script->is_urgent;
}

// Reads until the leg is over, or no longer than is worth it.
static void spin(gf_rd_flight *c)
{
    gf_rd_net *net = c->net;
    if (atomic_exchange_explicit(&net->spinning, true, memory_order_acquire))
        return;
    if (gf_spin_worth(&net->spin)) {
        int64_t end = gf_mono_ns() + GF_SPIN_NS;
        do {
            sched_yield();
            gf_rd_leg_read(c, &c->legs[0]);
        } while (c->leg_count > 0 && gf_mono_ns() < end);
        gf_spin_note(&net->spin, c->leg_count == 0);
    }
    atomic_store_explicit(&net->spinning, false, memory_order_release);
}

// Nothing more is waited for. before_time: silence for so short a time says nothing about a server.
static void give_up(gf_rd_flight *c, bool before_time)
{
    bool has_failed = c->failed != NULL;         // then nobody else is to blame
    while (c->leg_count > 0) {
        gf_rd_leg *l = &c->legs[c->leg_count - 1];
        char text[sizeof l->node->trouble];
        snprintf(text, sizeof text, "Redis at %s does not answer (%lld ms)", l->node->text,
            (long long)(gf_mono_ms() - c->begun_ms));
        if (before_time && !has_failed)
            gf_rd_node_note(c->net, l->node, text);
        else if (!has_failed)
            gf_rd_node_trouble(c->net, l->node, GF_RD_BROKEN, text);
        gf_rd_leg_break(c, l, GOFER_ETIMEOUT, NO_NODE);
    }
    for (size_t i = 0; i < c->count && c->left > 0; i++)
        if (!c->items[i].done)
            gf_rd_item_finish(c, &c->items[i], gf_rd_item_status_at_end(c, &c->items[i]), c->items[i].why);
}

static void fly(gf_rd_flight *c)
{
    int64_t now = c->begun_ms, end = c->deadline_ms;
    while (c->left > 0 || c->leg_count > 0) {
        end = end_of(c, now);
        int64_t moment = c->left > 0 ? next_moment(c, end) : end;
        if (now >= end)
            break;
        if (moment <= now) {
            depart(c);
            if (may_spin(c))
                spin(c);
        } else
            wait_and_read(c, moment);
        now = gf_mono_ms();
    }
    if (c->left == 0 && c->leg_count == 0)
        return;
    wait_and_read(c, 0);                         // what came while something else took the time
    give_up(c, end < c->deadline_ms);
}

// ---- the doors -------------------------------------------------------------------------------------------

typedef struct room {
    gf_rd_item items[FEW];
    gf_rd_leg  legs[FEW];
    struct pollfd fds[FEW];
} room;

// Runs the items, whose cmd (and node and pinned, if so) are set. Returns OK or ENOMEM with nothing done.
static gofer_status begin(gf_rd_flight *c, room *few, gf_rd_net *net, gf_rd_cmd *cmds, size_t count, int64_t timeout_ms)
{
    *c = (gf_rd_flight){ .net = net, .begun_ms = gf_mono_ms(), .items = few->items, .legs = few->legs, .fds = few->fds };
    c->deadline_ms = c->begun_ms + timeout_ms;
    c->count = c->left = count;
    if (count > FEW) {
        c->items = gf_alloc(count * sizeof *c->items);
        c->legs = gf_alloc(count * sizeof *c->legs);
        c->fds = gf_alloc(count * sizeof *c->fds);
    }
    bool room_for_all = c->items && c->legs && c->fds;
    for (size_t i = 0; i < count; i++) {
        gf_rd_cmd *cmd = &cmds[i];
        cmd->reply = NULL;
        cmd->repeated = false;
        cmd->status = room_for_all ? GOFER_OK : GOFER_ENOMEM;
        if (!room_for_all)
            continue;
        c->items[i] = (gf_rd_item){ .cmd = cmd };
        c->asides += cmd->aside;
        if (cmd->args.failed)
            gf_rd_item_finish(c, &c->items[i], GOFER_ENOMEM, NO_MEMORY);
        else
            assert(cmd->script || cmd->args.count > 0);
    }
    return room_for_all ? GOFER_OK : gf_fail_nomem("a command to Redis");
}

static void end(gf_rd_flight *c, const room *few)
{
    if (c->items != few->items) {
        gf_free(c->items);
        gf_free(c->legs);
        gf_free(c->fds);
    }
}

// What a call whose items have come to their end returns: it is told of the first that failed.
static gofer_status outcome(gf_rd_flight *c)
{
    const gf_rd_item *it = c->failed;
    for (size_t i = 0; i < c->count && !it; i++) {
        const gf_rd_cmd *cmd = c->items[i].cmd;
        if (cmd->status != GOFER_OK && cmd->status != c->passed && !cmd->aside)
            it = &c->items[i];
    }
    if (!it)
        return GOFER_OK;
    gf_rd_item_explain(c, it);
    return it->cmd->status;
}

// What the commands of a call have to do with each other.
typedef enum bond { EACH, APART, WHOLE } bond;

static gofer_status run(gf_rd_net *net, gf_rd_cmd *cmds, size_t count, int64_t timeout_ms, bond how,
    gofer_status passed)
{
    room few;
    gf_rd_flight c;
    gofer_status st = begin(&c, &few, net, cmds, count, timeout_ms);
    c.apart = how == APART;
    c.whole = how == WHOLE;
    c.passed = passed;
    if (st == GOFER_OK) {
        fly(&c);
        st = outcome(&c);
    }
    end(&c, &few);
    return st;
}

gofer_status gf_rd_run(gf_rd_net *net, gf_rd_cmd *cmds, size_t count, int64_t timeout_ms)
{
    return run(net, cmds, count, timeout_ms, EACH, GOFER_OK);
}

gofer_status gf_rd_run_apart(gf_rd_net *net, gf_rd_cmd *cmds, size_t count, int64_t timeout_ms)
{
    return run(net, cmds, count, timeout_ms, APART, GOFER_OK);
}

gofer_status gf_rd_run_whole(gf_rd_net *net, gf_rd_cmd *cmds, size_t count, int64_t timeout_ms,
    gofer_status passed)
{
    return run(net, cmds, count, timeout_ms, WHOLE, passed);
}

gofer_status gf_rd_run_everywhere(gf_rd_net *net, const gf_rd_args *args, int64_t timeout_ms, gf_rd_told told, void *arg)
{
    int64_t begun = gf_mono_ms();
    gf_rd_place *places = NULL;
    size_t count = 0;
    gofer_status st = net->topo->ops->primaries(net->topo, begun + timeout_ms, &places, &count);
    if (st != GOFER_OK)
        return st;
    gf_rd_cmd *cmds = gf_calloc(count + 1, sizeof *cmds);
    room few;
    gf_rd_flight c;
    if (!cmds) {
        gf_free(places);
        return gf_fail_nomem("a command to Redis");
    }
    for (size_t i = 0; i < count; i++)
        cmds[i] = (gf_rd_cmd){ .slot = GF_RD_ANY_SLOT, .reads = true, .args = *args };   // borrowed
    st = begin(&c, &few, net, cmds, count, begun + timeout_ms - gf_mono_ms());
    // An only primary is not pinned: behind Sentinel it may be another one before it answers.
    bool is_cluster = net->options.topology == GF_RD_CLUSTER;
    for (size_t i = 0; i < count && st == GOFER_OK && is_cluster; i++) {
        c.items[i].node = gf_rd_node_of(net, &places[i]);
        c.items[i].pinned = c.items[i].placed = true;
        if (!c.items[i].node && !c.items[i].done)
            gf_rd_item_finish(&c, &c.items[i], GOFER_ENOMEM, NO_MEMORY);
    }
    if (st == GOFER_OK)
        fly(&c);
    bool short_of_memory = false;            // that is our trouble, not a node's
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        char text[GF_RD_PLACE_TEXT];
        gf_rd_place_text(&places[i], text);
        if (cmds[i].status != GOFER_OK)
            gf_rd_item_explain(&c, &c.items[i]);
        short_of_memory |= cmds[i].status == GOFER_ENOMEM;
        told(arg, text, cmds[i].reply, cmds[i].status);
    }
    if (short_of_memory)
        st = gf_fail_nomem("a command to Redis");
    for (size_t i = 0; i < count; i++)
        if (cmds[i].reply)
            freeReplyObject(cmds[i].reply);
    end(&c, &few);
    gf_free(cmds);
    gf_free(places);
    return st;
}
