// run.c - a call: pipelines to as many nodes as it takes, until every command has its answer or the
// deadline is over.
//
// May touch: pool.h. An item is a command on its way; a leg is a pipeline on one connection. Legs are on
// their way at the same time; what has to be sent again (redirected, not now, connection broken) waits
// for its moment and then flies in a new leg, while the others go on.
//
// Order: commands of one call to one node are sent in the order given. What is sent again (a script that
// the server did not know, a redirection) comes later than its successors.
//
// wait-replicas: a pipeline that writes ends with WAIT. If fewer replicas than asked for have it in time,
// its commands were done but may be lost in a failover: EUNCERTAIN.
#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "broker/redis/net/pool.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    FEW = 16,                                // so many commands need no memory of their own
    SWIFT = 3                                // so many redirections are followed without a pause
};

typedef enum reason { NO_TIME, NO_MEMORY, NO_PLACE, NO_NODE, BAD_REPLY, FEW_REPLICAS } reason;

typedef struct item {
    gf_rd_cmd   *cmd;
    gf_rd_node  *node;                       // where it goes or went
    struct item *next;                       // in its leg
    int64_t      due_ms;                     // not to be sent before; 0: at once
    size_t       begin;                      // its first byte in the leg's output
    uint32_t     tries;
    bool flying, done, placed, pinned, eval, asking;
    bool was_sent;                           // once, and the answer did not come
    bool lost;                               // and so it may be done
    reason       why;                        // it is not done yet, or failed
} item;

typedef struct leg {
    gf_rd_node *node;
    gf_rd_conn *conn;
    item       *waiting, *last;              // to be answered, in this order
    item       *written;                     // done if the replicas say so
    bool        asked;                       // +OK of ASKING comes first
    bool        replicas;                    // the answer to WAIT comes at the end
    bool        bad;                         // its connection is not to be used again
} leg;

typedef struct call {
    gf_rd_net *net;
    int64_t    begun_ms, deadline_ms;
    item      *items;
    leg       *legs;                         // those on their way first
    struct pollfd *fds;
    size_t     count, left, leg_count;       // left: items not done
    gofer_status place_status;               // of the last locate that failed, and its words
    char       place_text[640];
} call;

// ---- the fate of an item ---------------------------------------------------------------------------------

static void finish(call *c, item *it, gofer_status st, reason why)
{
    it->cmd->status = st;
    it->why = why;
    it->done = true;
    it->flying = false;
    c->left--;
}

static void send_later(item *it, reason why)
{
    it->due_ms = gf_mono_ms() + gf_rd_backoff_ms(it->tries++);
    it->why = why;
    it->placed = it->pinned;                 // it may be somewhere else by then
    it->asking = false;
    it->flying = false;
}

static void send_now(item *it)
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

// The words for an item that failed, as the thread's last error.
static void explain(call *c, const item *it)
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
    else if (it->why == NO_PLACE)
        gf_fail(cmd->status, "%s", c->place_text);
    else if (it->why == NO_NODE && *trouble)
        gf_fail(cmd->status, "%s", trouble);
    else
        gf_fail(cmd->status, "no time was left to send '%s' to Redis at %s (%lld ms)", name, where, ms);

    if (cmd->status == GOFER_EUNCERTAIN && it->why != FEW_REPLICAS)
        gf_fail_add(cmd->status, "'%s' was sent to Redis, but the answer was lost: it may be done or not", name);
    else if (it->tries > 1)
        gf_fail_add(cmd->status, "given up after %lld ms", ms);
}

static gofer_status status_at_end(const call *c, const item *it)
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

// ---- making legs -----------------------------------------------------------------------------------------

static bool may_repeat(const gf_rd_cmd *cmd)
{
    return cmd->repeatable || cmd->reads;
}

// Finds its node. False: not now, or never.
static bool place_item(call *c, item *it, int32_t *slot, gf_rd_node **node)
{
    if (it->placed)
        return true;
    if (!*node || *slot != it->cmd->slot) {          // neighbours mostly share their slot
        gf_rd_place place;
        gofer_status st = c->net->topo->ops->locate(c->net->topo, it->cmd->slot, c->deadline_ms, &place);
        if (st != GOFER_OK) {
            c->place_status = st;
            snprintf(c->place_text, sizeof c->place_text, "%s", gofer_error_last());
            if (st == GOFER_EDENIED || st == GOFER_EINVAL || st == GOFER_ENOMEM || st == GOFER_EUNSUPPORTED)
                finish(c, it, st, NO_PLACE);
            else
                send_later(it, NO_PLACE);
            return false;
        }
        *node = gf_rd_node_of(c->net, &place);
        *slot = it->cmd->slot;
        if (!*node) {
            finish(c, it, GOFER_ENOMEM, NO_MEMORY);
            return false;
        }
    }
    it->node = *node;
    it->placed = true;
    return true;
}

// An ASKING goes alone, as the leg then has one more answer.
static void add_to_leg(call *c, item *it, size_t fresh)
{
    size_t i = fresh;
    while (i < c->leg_count && (c->legs[i].node != it->node || c->legs[i].asked || it->asking))
        i++;
    leg *l = &c->legs[i];
    if (i == c->leg_count) {
        *l = (leg){ .node = it->node, .asked = it->asking };
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

static void put_command(leg *l, item *it)
{
    gf_rd_conn *c = l->conn;
    const gf_rd_cmd *cmd = it->cmd;
    it->begin = c->out_size;
    it->cmd->repeated |= it->was_sent;
    if (l->asked) {
        gf_rd_conn_put_count(c, 1);
        gf_rd_conn_put_word(c, "ASKING", 6);
    }
    if (!cmd->script) {
        gf_rd_conn_put(c, &cmd->args);
        return;
    }
    const gf_rd_digest *d = gf_rd_digest_of(c->net, cmd->script);
    if (!d) {
        c->out_of_memory = true;
        return;
    }
    bool flagged = d->flagged_text && c->server.version >= 70000;
    const char *text = flagged ? d->flagged_text : cmd->script->text, *digest = flagged ? d->flagged : d->plain;
    char number[16];
    int size = snprintf(number, sizeof number, "%d", (int)cmd->key_count);
    gf_rd_conn_put_count(c, cmd->args.count + 3);
    gf_rd_conn_put_word(c, it->eval ? "EVAL" : "EVALSHA", it->eval ? 4 : 7);
    gf_rd_conn_put_word(c, it->eval ? text : digest, it->eval ? strlen(text) : 40);
    gf_rd_conn_put_word(c, number, (size_t)size);
    for (size_t i = 0; i < cmd->args.count; i++)
        gf_rd_conn_put_word(c, cmd->args.words[i], cmd->args.sizes[i]);
}

static void put_wait(call *c, leg *l)
{
    char count[16], ms[24];
    int64_t left = (c->deadline_ms - gf_mono_ms()) * 3 / 4;
    int count_size = snprintf(count, sizeof count, "%d", (int)c->net->options.wait_replicas);
    int ms_size = snprintf(ms, sizeof ms, "%lld", (long long)(left > 1 ? left : 1));
    gf_rd_conn_put_count(l->conn, 3);
    gf_rd_conn_put_word(l->conn, "WAIT", 4);
    gf_rd_conn_put_word(l->conn, count, (size_t)count_size);
    gf_rd_conn_put_word(l->conn, ms, (size_t)ms_size);
    l->replicas = true;
}

// ---- the end of a leg ------------------------------------------------------------------------------------

static void remove_leg(call *c, leg *l)
{
    *l = c->legs[--c->leg_count];
}

static void written_unsurely(leg *l)
{
    for (item *it = l->written; it; it = it->next) {
        it->cmd->status = GOFER_EUNCERTAIN;
        it->why = FEW_REPLICAS;
    }
    l->written = NULL;
}

// The connection broke (or could not be made: conn NULL), or is too late: what is not answered is lost if
// a byte of it was sent. final: not to be tried again.
static void break_leg(call *c, leg *l, gofer_status final, reason why)
{
    size_t sent = l->conn ? l->conn->out_sent : 0;
    written_unsurely(l);
    for (item *it = l->waiting, *next; it; it = next) {
        next = it->next;
        it->was_sent |= it->begin < sent;
        it->lost |= it->begin < sent && !it->cmd->reads;
        if (final != GOFER_OK && !it->lost)
            finish(c, it, final, why);
        else if (final != GOFER_OK || (it->lost && !may_repeat(it->cmd)))
            finish(c, it, GOFER_EUNCERTAIN, why);
        else
            send_later(it, why);
    }
    if (l->conn)
        gf_rd_pool_drop(l->conn);
    remove_leg(c, l);
}

static void broke(call *c, leg *l)
{
    char text[sizeof l->node->trouble];
    if (l->conn->out_of_memory) {
        break_leg(c, l, GOFER_ENOMEM, NO_MEMORY);
        return;
    }
    snprintf(text, sizeof text, "connection to Redis at %s: %s", l->node->text, l->conn->why);
    gf_rd_node_trouble(c->net, l->node, GF_RD_BROKEN, text);
    break_leg(c, l, GOFER_OK, NO_NODE);
}

// All answers are there.
static void land(call *c, leg *l)
{
    gf_rd_conn *conn = l->conn;
    if (l->bad || conn->reader->pos < conn->reader->len)
        gf_rd_pool_drop(conn);                   // or more came than was asked for
    else
        gf_rd_pool_give(conn);
    remove_leg(c, l);
}

// ---- answers ---------------------------------------------------------------------------------------------

static void set_reply(gf_rd_cmd *cmd, redisReply *r)
{
    if (cmd->reply)
        freeReplyObject(cmd->reply);
    cmd->reply = r;
}

static void redirect(call *c, item *it, redisReply *r, bool moved)
{
    gf_rd_place place;
    const gf_rd_topo *topo = c->net->topo;
    gf_rd_node *node = NULL;
    if (topo->ops->moved && !it->pinned && gf_rd_reply_place(r, &it->node->place, &place)) {
        if (moved)
            topo->ops->moved(c->net->topo, it->cmd->slot, &place);
        node = gf_rd_node_of(c->net, &place);
    }
    set_reply(it->cmd, r);
    if (!node) {
        finish(c, it, GOFER_EBROKER, BAD_REPLY);
        return;
    }
    if (it->tries < SWIFT) {
        it->tries++;
        send_now(it);
    } else
        send_later(it, BAD_REPLY);
    it->why = BAD_REPLY;
    it->node = node;
    it->placed = true;
    it->asking = !moved;
}

// The server is a replica now, or cannot serve the slot: its other connections tell the same.
static void misplaced(call *c, leg *l, item *it, redisReply *r, gf_rd_trouble what)
{
    char text[sizeof it->node->trouble];
    snprintf(text, sizeof text, "Redis at %s: %.300s", it->node->text, r->str);
    gf_rd_node_trouble(c->net, it->node, what, text);
    if (what == GF_RD_DEMOTED) {
        gf_rd_pool_clear(c->net, it->node);
        l->bad = true;                           // the name may lead to another server when dialled anew
    }
    set_reply(it->cmd, r);
    send_later(it, BAD_REPLY);
}

static void answered(call *c, leg *l, item *it, redisReply *r)
{
    switch (gf_rd_reply_meaning(r)) {
    case GF_RD_MOVED:
    case GF_RD_ASK:
        redirect(c, it, r, gf_rd_reply_meaning(r) == GF_RD_MOVED);
        return;
    case GF_RD_NOT_MASTER:
        misplaced(c, l, it, r, GF_RD_DEMOTED);
        return;
    case GF_RD_NOT_SERVED:
        misplaced(c, l, it, r, GF_RD_DOWN);
        return;
    case GF_RD_LATER:
        set_reply(it->cmd, r);
        send_later(it, BAD_REPLY);
        return;
    case GF_RD_NOSCRIPT:
        if (it->cmd->script && !it->eval) {
            it->eval = true;
            freeReplyObject(r);
            send_now(it);
            return;
        }
        break;
    case GF_RD_FINE:
    case GF_RD_FINAL:
        break;
    }
    set_reply(it->cmd, r);
    finish(c, it, gf_rd_reply_status(r), BAD_REPLY);
    if (l->replicas && it->cmd->status == GOFER_OK && !it->cmd->reads) {
        it->next = l->written;
        l->written = it;
    }
}

// The answer to WAIT: how many replicas have all that this connection wrote.
static void replicas_told(call *c, leg *l, const redisReply *r)
{
    if (r->type != REDIS_REPLY_INTEGER || r->integer < c->net->options.wait_replicas)
        written_unsurely(l);
    l->replicas = false;
}

// Hands out the replies that have come whole.
static gf_rd_io read_replies(call *c, leg *l)
{
    redisReply *r = NULL;
    gf_rd_io io = GF_RD_IO_DONE;
    while ((l->waiting || l->replicas) && (io = gf_rd_conn_next(l->conn, &r)) == GF_RD_IO_DONE) {
        item *it = l->waiting;
        if (l->asked) {
            l->asked = false;                    // an error of ASKING comes again with the command
            freeReplyObject(r);
        } else if (it) {
            l->waiting = it->next;
            answered(c, l, it, r);
        } else {
            replicas_told(c, l, r);
            freeReplyObject(r);
        }
    }
    return io;
}

// Takes what has come; OpenSSL must be asked until it has no more, as no poll would tell.
static void read_leg(call *c, leg *l)
{
    gf_rd_io io;
    do {
        io = gf_rd_conn_fill(l->conn);
        if (io == GF_RD_IO_DONE)
            io = read_replies(c, l) == GF_RD_IO_BROKEN ? GF_RD_IO_BROKEN : GF_RD_IO_DONE;
    } while (io == GF_RD_IO_DONE && l->conn->tls && (l->waiting || l->replicas));
    if (io == GF_RD_IO_BROKEN)
        broke(c, l);
    else if (!l->waiting && !l->replicas)
        land(c, l);
}

// ---- departure -------------------------------------------------------------------------------------------

// False: the leg is over.
static bool start_leg(call *c, leg *l)
{
    bool writes = false;
    for (item *it = l->waiting; it; it = it->next) {
        put_command(l, it);
        writes |= !it->cmd->reads;
    }
    if (writes && c->net->options.wait_replicas > 0)
        put_wait(c, l);
    if (gf_rd_conn_flush(l->conn) != GF_RD_IO_BROKEN)
        return true;
    broke(c, l);
    return false;
}

static bool dial_leg(call *c, leg *l)
{
    bool again;
    gofer_status st = gf_rd_pool_dial(c->net, l->node, c->deadline_ms, &l->conn, &again);
    if (st == GOFER_OK)
        return true;
    l->conn = NULL;
    break_leg(c, l, again ? GOFER_OK : st, NO_NODE);
    return false;
}

// Sends what is due. First on connections that are there, then on new ones, which take their time.
static void depart(call *c)
{
    size_t fresh = c->leg_count;
    int32_t slot = GF_RD_ANY_SLOT;
    gf_rd_node *node = NULL;
    int64_t now = 0;
    for (size_t i = 0; i < c->count; i++) {
        item *it = &c->items[i];
        if (it->done || it->flying || (it->due_ms > 0 && it->due_ms > (now = now ? now : gf_mono_ms())))
            continue;
        if (place_item(c, it, &slot, &node))
            add_to_leg(c, it, fresh);
    }
    // Backwards, since a leg that is over is replaced by the last.
    for (size_t i = c->leg_count; i-- > fresh;) {
        leg *l = &c->legs[i];
        l->conn = gf_rd_pool_take(c->net, l->node, c->deadline_ms);
        if (l->conn)
            start_leg(c, l);
    }
    for (size_t i = c->leg_count; i-- > fresh;)
        if (!c->legs[i].conn && dial_leg(c, &c->legs[i]))
            start_leg(c, &c->legs[i]);
}

// When something is to be done though nothing comes: the next item due, or the deadline.
static int64_t next_moment(const call *c)
{
    int64_t next = c->deadline_ms;
    for (size_t i = 0; i < c->count; i++) {
        const item *it = &c->items[i];
        if (!it->done && !it->flying && it->due_ms < next)
            next = it->due_ms;
    }
    return next;
}

static void wait_and_read(call *c, int64_t until_ms)
{
    for (size_t i = 0; i < c->leg_count; i++)
        c->fds[i] = (struct pollfd){ .fd = c->legs[i].conn->fd, .events = gf_rd_conn_events(c->legs[i].conn) };
    int64_t ms = until_ms - gf_mono_ms();
    if (poll(c->fds, (nfds_t)c->leg_count, ms <= 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms) <= 0)
        return;                                  // time, or a signal: the caller looks at the clock
    for (size_t i = c->leg_count; i-- > 0;) {
        leg *l = &c->legs[i];
        short came = c->fds[i].revents;
        bool pending = l->conn->out_sent < l->conn->out_size;
        if (came && pending && gf_rd_conn_flush(l->conn) == GF_RD_IO_BROKEN)
            broke(c, l);
        else if (came & ~POLLOUT || (came && l->conn->tls))
            read_leg(c, l);
    }
}

static void fly(call *c)
{
    int64_t now = c->begun_ms;
    while (c->left > 0 || c->leg_count > 0) {
        int64_t moment = c->left > 0 ? next_moment(c) : c->deadline_ms;
        if (now >= c->deadline_ms)
            break;
        if (moment <= now)
            depart(c);
        else
            wait_and_read(c, moment);
        now = gf_mono_ms();
    }
    if (c->left == 0 && c->leg_count == 0)
        return;
    wait_and_read(c, 0);                         // what came while something else took the time
    while (c->leg_count > 0) {
        leg *l = &c->legs[c->leg_count - 1];
        char text[sizeof l->node->trouble];
        snprintf(text, sizeof text, "Redis at %s does not answer (%lld ms)", l->node->text,
            (long long)(gf_mono_ms() - c->begun_ms));
        gf_rd_node_trouble(c->net, l->node, GF_RD_BROKEN, text);
        break_leg(c, l, GOFER_ETIMEOUT, NO_NODE);
    }
    for (size_t i = 0; i < c->count && c->left > 0; i++)
        if (!c->items[i].done)
            finish(c, &c->items[i], status_at_end(c, &c->items[i]), c->items[i].why);
}

// ---- the doors -------------------------------------------------------------------------------------------

typedef struct room {
    item items[FEW];
    leg  legs[FEW];
    struct pollfd fds[FEW];
} room;

// Runs the items, whose cmd (and node and pinned, if so) are set. Returns OK or ENOMEM with nothing done.
static gofer_status begin(call *c, room *few, gf_rd_net *net, gf_rd_cmd *cmds, size_t count, int64_t timeout_ms)
{
    *c = (call){ .net = net, .begun_ms = gf_mono_ms(), .items = few->items, .legs = few->legs, .fds = few->fds };
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
        c->items[i] = (item){ .cmd = cmd };
        if (cmd->args.failed)
            finish(c, &c->items[i], GOFER_ENOMEM, NO_MEMORY);
        else
            assert(cmd->script || cmd->args.count > 0);
    }
    return room_for_all ? GOFER_OK : gf_fail_nomem("a command to Redis");
}

static void end(call *c, const room *few)
{
    if (c->items != few->items) {
        gf_free(c->items);
        gf_free(c->legs);
        gf_free(c->fds);
    }
}

gofer_status gf_rd_run(gf_rd_net *net, gf_rd_cmd *cmds, size_t count, int64_t timeout_ms)
{
    room few;
    call c;
    gofer_status st = begin(&c, &few, net, cmds, count, timeout_ms);
    if (st == GOFER_OK)
        fly(&c);
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        if (cmds[i].status != GOFER_OK) {
            st = cmds[i].status;
            explain(&c, &c.items[i]);
        }
    end(&c, &few);
    return st;
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
    call c;
    if (!cmds) {
        gf_free(places);
        return gf_fail_nomem("a command to Redis");
    }
    for (size_t i = 0; i < count; i++)
        cmds[i] = (gf_rd_cmd){ .slot = GF_RD_ANY_SLOT, .reads = true, .args = *args };   // borrowed
    st = begin(&c, &few, net, cmds, count, begun + timeout_ms - gf_mono_ms());
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        c.items[i].node = gf_rd_node_of(net, &places[i]);
        c.items[i].pinned = c.items[i].placed = true;
        if (!c.items[i].node && !c.items[i].done)
            finish(&c, &c.items[i], GOFER_ENOMEM, NO_MEMORY);
    }
    if (st == GOFER_OK)
        fly(&c);
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        char text[GF_RD_PLACE_TEXT];
        gf_rd_place_text(&places[i], text);
        if (cmds[i].status != GOFER_OK)
            explain(&c, &c.items[i]);
        told(arg, text, cmds[i].reply, cmds[i].status);
    }
    for (size_t i = 0; i < count; i++)
        if (cmds[i].reply)
            freeReplyObject(cmds[i].reply);
    end(&c, &few);
    gf_free(cmds);
    gf_free(places);
    return st;
}
