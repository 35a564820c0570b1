// run.c - a call: pipelines to as many nodes as it takes, until every command has its answer or the
// deadline is over. What requests and pipelines are: call.h.
//
// May touch: pool.h, pipeline.c, request.c.
//
// Order: commands of one call to one node are sent in the order given. What is sent again (a script
// that the server did not know, a redirection) comes later than its successors.
#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "broker/redis/net/call.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/spin.h"

enum {
    FEW = 16,                                // so many commands need no memory of their own
    ASIDE_MS = 250,                          // so much longer an aside is waited for
                                             //   when all else is done,
    ASIDE_DIAL_MS = 1000,                    //   and so long for its server to let us in
    APART_MS = 1000,                         // so much longer a silent server, when
                                             //   another one has answered
    LOOK_MS = 250                            // a server that may be replaced is waited
                                             //   for so long at once
};

// ---- sending ------------------------------------------------------------------------------------

// Finds its node. False: not now, or never.
static bool locate_request(gf_rd_net_call *c, gf_rd_request *req, int32_t *slot, gf_rd_node **node,
    int64_t *later_ms)
{
    if (req->located)
        return true;
    if (!*node || *slot != req->cmd->slot) {         // neighbours mostly share their slot
        gf_rd_address address;
        bool again;
        gofer_status st = c->net->topo->ops->locate(c->net->topo, req->cmd->slot, c->deadline_ms,
            &address, &again);
        if (st != GOFER_OK) {
            c->address_status = st;
            snprintf(c->address_text, sizeof c->address_text, "%s", gofer_error_last());
            if (!again || st == GOFER_ENOMEM)
                gf_rd_request_finish(c, req, st, NO_ADDRESS);
            else
                gf_rd_request_later(req, NO_ADDRESS, later_ms);
            return false;
        }
        *node = gf_rd_node_of(c->net, &address);
        *slot = req->cmd->slot;
        if (!*node) {
            gf_rd_request_finish(c, req, GOFER_ENOMEM, NO_MEMORY);
            return false;
        }
    }
    req->node = *node;
    req->located = true;
    return true;
}

// An ASKING goes alone, as the pipeline then has one more answer.
static void add_to_pipeline(gf_rd_net_call *c, gf_rd_request *req, size_t fresh)
{
    size_t i = fresh;
    while (i < c->pipeline_count && (c->pipelines[i].node != req->node || c->pipelines[i].asked ||
        req->asking))
        i++;
    gf_rd_pipeline *p = &c->pipelines[i];
    if (i == c->pipeline_count) {
        *p = (gf_rd_pipeline){ .node = req->node, .asked = req->asking };
        c->pipeline_count++;
    }
    if (p->last)
        p->last->next = req;
    else
        p->waiting = req;
    p->last = req;
    req->next = NULL;
    req->under_way = true;
}

// A call that can do without this server does not let it take all the time.
static int64_t dial_deadline(const gf_rd_net_call *c, const gf_rd_pipeline *p)
{
    bool aside = true;
    for (const gf_rd_request *req = p->waiting; req && aside; req = req->next)
        aside = req->cmd->aside;
    int64_t limit = aside ? ASIDE_DIAL_MS : c->apart ? APART_MS : INT64_MAX;
    return limit < INT64_MAX ? gf_min(c->deadline_ms, gf_mono_ms() + limit) : c->deadline_ms;
}

static bool dial_pipeline(gf_rd_net_call *c, gf_rd_pipeline *p)
{
    bool again;
    if (c->failed) {
        gf_rd_pipeline_break(c, p, GOFER_ETIMEOUT, NO_TIME);
        return false;
    }
    gofer_status st = gf_rd_pool_dial(c->net, p->node, dial_deadline(c, p), &p->conn, &again);
    if (st == GOFER_OK)
        return true;
    p->conn = NULL;
    gf_rd_pipeline_break(c, p, again ? GOFER_OK : st, NO_NODE);
    return false;
}

// Sends what is due. First on connections that are there, then on new ones, which take their time.
static void send_due(gf_rd_net_call *c)
{
    size_t fresh = c->pipeline_count;
    int32_t slot = GF_RD_ANY_SLOT;
    gf_rd_node *node = NULL;
    int64_t now = 0, later = 0;
    for (size_t i = 0; i < c->count; i++) {
        gf_rd_request *req = &c->requests[i];
        if (req->done || req->under_way || (req->due_ms > 0 && req->due_ms > (now = now
            ? now : gf_mono_ms())))
            continue;
        if (locate_request(c, req, &slot, &node, &later))
            add_to_pipeline(c, req, fresh);
    }
    // Backwards, since a pipeline that is over is replaced by the last.
    for (size_t i = c->pipeline_count; i-- > fresh;) {
        gf_rd_pipeline *p = &c->pipelines[i];
        p->conn = gf_rd_pool_take(c->net, p->node, dial_deadline(c, p));
        if (p->conn)
            gf_rd_pipeline_start(c, p);
    }
    for (size_t i = c->pipeline_count; i-- > fresh;)
        if (!c->pipelines[i].conn && dial_pipeline(c, &c->pipelines[i]))
            gf_rd_pipeline_start(c, &c->pipelines[i]);
}

// All of weight is done, also for the replicas.
static bool only_asides_left(const gf_rd_net_call *c)
{
    if (c->left > c->asides)
        return false;
    for (size_t i = 0; i < c->pipeline_count; i++)
        if (c->pipelines[i].replicas || !c->pipelines[i].waiting)
            return false;
    return true;
}

// When the call is over, whatever has not been answered by then.
static int64_t end_of(gf_rd_net_call *c, int64_t now)
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

// When something is to be done though nothing comes: the next request due, or the end.
static int64_t next_moment(const gf_rd_net_call *c, int64_t end)
{
    int64_t next = end;
    for (size_t i = 0; i < c->count; i++) {
        const gf_rd_request *req = &c->requests[i];
        if (!req->done && !req->under_way && req->due_ms < next)
            next = req->due_ms;
    }
    return next;
}

// A server that was replaced while it stood still never answers: its commands go to the other one.
static void leave_replaced(gf_rd_net_call *c)
{
    for (size_t i = c->pipeline_count; i-- > 0;)
        if (!gf_rd_pipeline_is_current(c, &c->pipelines[i]))
            gf_rd_pipeline_abandon(c, &c->pipelines[i]);
}

static void wait_and_read(gf_rd_net_call *c, int64_t until_ms)
{
    for (size_t i = 0; i < c->pipeline_count; i++)
        c->fds[i] = (struct pollfd){ .fd = c->pipelines[i].conn->fd, .events =
            gf_rd_conn_events(c->pipelines[i].conn) };
    int64_t ms = until_ms - gf_mono_ms();
    bool watched = c->net->topo->ops->is_current != NULL;
    if (watched && ms > LOOK_MS)
        ms = LOOK_MS;
    if (poll(c->fds, (nfds_t)c->pipeline_count, ms <= 0 ? 0 : ms > INT_MAX
        ? INT_MAX : (int)ms) <= 0) {
        if (watched)
            leave_replaced(c);
        return;                                  // time, or a signal: the caller looks at the clock
    }
    for (size_t i = c->pipeline_count; i-- > 0;) {
        gf_rd_pipeline *p = &c->pipelines[i];
        short came = c->fds[i].revents;
        bool pending = p->conn->out_sent < p->conn->out_size;
        if (came && pending && !gf_rd_pipeline_write(c, p))
            continue;
        if (came & ~POLLOUT || (came && p->conn->tls))
            gf_rd_pipeline_read(c, p);
    }
}

// ---- a spin before the sleep --------------------------------------------------------------------
//
// To be put to sleep and woken again takes longer than Redis does for a short script: so a call
// that somebody waits for looks for its answer for a moment. Only one call of a
// net does so at a time.

static bool may_spin(const gf_rd_net_call *c)
{
    return c->pipeline_count == 1 && c->pipelines[0].waiting &&
        c->pipelines[0].waiting->cmd->script && c->pipelines[0].waiting->cmd->script->is_urgent;
}

// Reads until the pipeline is over, or no longer than is worth it.
static void spin(gf_rd_net_call *c)
{
    gf_rd_net *net = c->net;
    if (atomic_exchange_explicit(&net->spinning, true, memory_order_acquire))
        return;
    if (gf_spin_worth(&net->spin)) {
        int64_t end = gf_mono_ns() + GF_SPIN_NS;
        do {
            sched_yield();
            gf_rd_pipeline_read(c, &c->pipelines[0]);
        } while (c->pipeline_count > 0 && gf_mono_ns() < end);
        gf_spin_note(&net->spin, c->pipeline_count == 0, end);
    }
    atomic_store_explicit(&net->spinning, false, memory_order_release);
}

// Nothing more is waited for. before_time: silence for so short a time says nothing about a server.
static void give_up(gf_rd_net_call *c, bool before_time)
{
    bool has_failed = c->failed != NULL;         // then nobody else is to blame
    while (c->pipeline_count > 0) {
        gf_rd_pipeline *p = &c->pipelines[c->pipeline_count - 1];
        char text[sizeof p->node->trouble];
        snprintf(text, sizeof text, "Redis at %s does not answer (%lld ms)", p->node->text,
            (long long)(gf_mono_ms() - c->begun_ms));
        if (before_time && !has_failed)
            gf_rd_node_note(c->net, p->node, text);
        else if (!has_failed)
            gf_rd_node_trouble(c->net, p->node, GF_RD_BROKEN, text);
        gf_rd_pipeline_break(c, p, GOFER_ETIMEOUT, NO_NODE);
    }
    for (size_t i = 0; i < c->count && c->left > 0; i++)
        if (!c->requests[i].done)
            gf_rd_request_finish(c, &c->requests[i], gf_rd_request_status_at_end(c,
                &c->requests[i]), c->requests[i].why);
}

static void carry_out(gf_rd_net_call *c)
{
    int64_t now = c->begun_ms, end = c->deadline_ms;
    while (c->left > 0 || c->pipeline_count > 0) {
        end = end_of(c, now);
        int64_t moment = c->left > 0 ? next_moment(c, end) : end;
        if (now >= end)
            break;
        if (moment <= now) {
            send_due(c);
            if (may_spin(c))
                spin(c);
        } else
            wait_and_read(c, moment);
        now = gf_mono_ms();
    }
    if (c->left == 0 && c->pipeline_count == 0)
        return;
    wait_and_read(c, 0);                         // what came while something else took the time
    give_up(c, end < c->deadline_ms);
}

// ---- the doors ----------------------------------------------------------------------------------

typedef struct room {
    gf_rd_request requests[FEW];
    gf_rd_pipeline pipelines[FEW];
    struct pollfd fds[FEW];
} room;

// Runs the requests, whose cmd (and node and pinned, if so) are set. Returns OK or ENOMEM with
// nothing done.
static gofer_status begin(gf_rd_net_call *c, room *few, gf_rd_net *net, gf_rd_cmd *cmds,
    size_t count, int64_t timeout_ms)
{
    *c = (gf_rd_net_call){ .net = net, .begun_ms = gf_mono_ms(), .requests = few->requests,
        .pipelines = few->pipelines, .fds = few->fds };
    c->deadline_ms = c->begun_ms + timeout_ms;
    c->count = c->left = count;
    if (count > FEW) {
        c->requests = gf_alloc(count * sizeof *c->requests);
        c->pipelines = gf_alloc(count * sizeof *c->pipelines);
        c->fds = gf_alloc(count * sizeof *c->fds);
    }
    bool room_for_all = c->requests && c->pipelines && c->fds;
    for (size_t i = 0; i < count; i++) {
        gf_rd_cmd *cmd = &cmds[i];
        cmd->reply = NULL;
        cmd->repeated = false;
        cmd->status = room_for_all ? GOFER_OK : GOFER_ENOMEM;
        if (!room_for_all)
            continue;
        c->requests[i] = (gf_rd_request){ .cmd = cmd };
        c->asides += cmd->aside;
        if (cmd->args.failed)
            gf_rd_request_finish(c, &c->requests[i], GOFER_ENOMEM, NO_MEMORY);
        else
            assert(cmd->script || cmd->args.count > 0);
    }
    return room_for_all ? GOFER_OK : gf_fail_nomem("a command to Redis");
}

static void end(gf_rd_net_call *c, const room *few)
{
    if (c->requests != few->requests) {
        gf_free(c->requests);
        gf_free(c->pipelines);
        gf_free(c->fds);
    }
}

// What a call whose requests have come to their end returns: it is told of the first that failed.
static gofer_status outcome(gf_rd_net_call *c)
{
    const gf_rd_request *req = c->failed;
    for (size_t i = 0; i < c->count && !req; i++) {
        const gf_rd_cmd *cmd = c->requests[i].cmd;
        if (cmd->status != GOFER_OK && cmd->status != c->passed && !cmd->aside)
            req = &c->requests[i];
    }
    if (!req)
        return GOFER_OK;
    gf_rd_request_explain(c, req);
    return req->cmd->status;
}

// What the commands of a call have to do with each other.
typedef enum bond { EACH, APART, WHOLE } bond;

static gofer_status run(gf_rd_net *net, gf_rd_cmd *cmds, size_t count, int64_t timeout_ms, bond how,
    gofer_status passed)
{
    room few;
    gf_rd_net_call c;
    gofer_status st = begin(&c, &few, net, cmds, count, timeout_ms);
    c.apart = how == APART;
    c.whole = how == WHOLE;
    c.passed = passed;
    if (st == GOFER_OK) {
        carry_out(&c);
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

gofer_status gf_rd_run_everywhere(gf_rd_net *net, const gf_rd_args *args, int64_t timeout_ms,
    gf_rd_on_reply on_reply, void *arg)
{
    int64_t begun = gf_mono_ms();
    gf_rd_address *addresses = NULL;
    size_t count = 0;
    gofer_status st = net->topo->ops->primaries(net->topo, begun + timeout_ms, &addresses, &count);
    if (st != GOFER_OK)
        return st;
    gf_rd_cmd *cmds = gf_calloc(count + 1, sizeof *cmds);
    room few;
    gf_rd_net_call c;
    if (!cmds) {
        gf_free(addresses);
        return gf_fail_nomem("a command to Redis");
    }
    for (size_t i = 0; i < count; i++)
        cmds[i] = (gf_rd_cmd){ .slot = GF_RD_ANY_SLOT, .reads = true, .args = *args };   // borrowed
    st = begin(&c, &few, net, cmds, count, begun + timeout_ms - gf_mono_ms());
    // An only primary is not pinned: behind Sentinel it may be another one before it answers.
    bool is_cluster = net->options.topology == GF_RD_CLUSTER;
    for (size_t i = 0; i < count && st == GOFER_OK && is_cluster; i++) {
        c.requests[i].node = gf_rd_node_of(net, &addresses[i]);
        c.requests[i].pinned = c.requests[i].located = true;
        if (!c.requests[i].node && !c.requests[i].done)
            gf_rd_request_finish(&c, &c.requests[i], GOFER_ENOMEM, NO_MEMORY);
    }
    if (st == GOFER_OK)
        carry_out(&c);
    bool short_of_memory = false;            // that is our trouble, not a node's
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        char text[GF_RD_ADDRESS_TEXT];
        gf_rd_address_text(&addresses[i], text);
        if (cmds[i].status != GOFER_OK)
            gf_rd_request_explain(&c, &c.requests[i]);
        short_of_memory |= cmds[i].status == GOFER_ENOMEM;
        on_reply(arg, text, cmds[i].reply, cmds[i].status);
    }
    if (short_of_memory)
        st = gf_fail_nomem("a command to Redis");
    for (size_t i = 0; i < count; i++)
        if (cmds[i].reply)
            gf_rd_reply_free(cmds[i].reply);
    end(&c, &few);
    gf_free(cmds);
    gf_free(addresses);
    return st;
}
