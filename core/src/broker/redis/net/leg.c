// leg.c - a pipeline on one connection: what is sent, what the answers make of its items, how it ends.
//
// wait-replicas: a pipeline with commands that count ends with WAIT. If fewer replicas than asked for have it in time,
// these were done but may be lost in a failover: EUNCERTAIN. What else a pipeline writes (takes, leases, records of workers)
// is put right by itself when it is lost, and must go on while a replica is away.
#include <stdio.h>
#include <string.h>

#include "broker/redis/net/flight.h"
#include "util/clock.h"
#include "util/error.h"

enum { SWIFT = 3 };                          // so many redirections are followed without a pause

// ---- the end -------------------------------------------------------------------------------------------------

static bool may_repeat(const gf_rd_cmd *cmd)
{
    return cmd->repeatable || cmd->reads;
}

static void remove_leg(gf_rd_flight *c, gf_rd_leg *l)
{
    *l = c->legs[--c->leg_count];
}

static void written_unsurely(gf_rd_leg *l, gf_rd_reason why)
{
    for (gf_rd_item *it = l->written; it; it = it->next) {
        it->cmd->status = GOFER_EUNCERTAIN;
        it->why = why;
    }
    l->written = NULL;
}

void gf_rd_leg_break(gf_rd_flight *c, gf_rd_leg *l, gofer_status final, gf_rd_reason why)
{
    size_t sent = l->conn ? l->conn->out_sent : 0;
    written_unsurely(l, FEW_REPLICAS);
    for (gf_rd_item *it = l->waiting, *next; it; it = next) {
        next = it->next;
        it->was_sent |= it->begin < sent;
        it->lost |= it->begin < sent && !it->cmd->reads;
        if (final != GOFER_OK && !it->lost)
            gf_rd_item_finish(c, it, final, why);
        else if (final != GOFER_OK || (it->lost && !may_repeat(it->cmd)))
            gf_rd_item_finish(c, it, GOFER_EUNCERTAIN, why);
        else
            gf_rd_item_later(it, why, &l->later_ms);
    }
    for (gf_rd_text *t = l->texts, *next; t; t = next) {
        next = t->next;
        gf_rd_text_told(t, NULL);
    }
    if (l->conn)
        gf_rd_pool_drop(l->conn);
    remove_leg(c, l);
}

static void broke(gf_rd_flight *c, gf_rd_leg *l)
{
    char text[sizeof l->node->trouble];
    if (l->conn->out_of_memory) {
        gf_rd_leg_break(c, l, GOFER_ENOMEM, NO_MEMORY);
        return;
    }
    snprintf(text, sizeof text, "connection to Redis at %s: %s", l->node->text, l->conn->why);
    gf_rd_node_trouble(c->net, l->node, GF_RD_BROKEN, text);
    gf_rd_leg_break(c, l, GOFER_OK, NO_NODE);
}

bool gf_rd_leg_is_current(const gf_rd_flight *c, const gf_rd_leg *l)
{
    const gf_rd_topo *topo = c->net->topo;
    return !topo->ops->is_current || topo->ops->is_current(c->net->topo, &l->node->place, gf_mono_ms() - l->sent_ms);
}

static void note_replaced(gf_rd_flight *c, gf_rd_leg *l)
{
    char text[sizeof l->node->trouble];
    snprintf(text, sizeof text, "Redis at %s is being replaced by another primary", l->node->text);
    gf_rd_node_note(c->net, l->node, text);
}

void gf_rd_leg_abandon(gf_rd_flight *c, gf_rd_leg *l)
{
    note_replaced(c, l);
    gf_rd_leg_break(c, l, GOFER_OK, NO_NODE);
}

// All answers are there.
static void land(gf_rd_flight *c, gf_rd_leg *l)
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

static void redirect(gf_rd_flight *c, gf_rd_leg *l, gf_rd_item *it, redisReply *r, bool moved)
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
        gf_rd_item_finish(c, it, GOFER_EBROKER, BAD_REPLY);
        return;
    }
    if (it->tries < SWIFT) {
        it->tries++;
        gf_rd_item_now(it);
    } else
        gf_rd_item_later(it, BAD_REPLY, &l->later_ms);
    it->why = BAD_REPLY;
    it->node = node;
    it->placed = true;
    it->asking = !moved;
}

// The server is a replica now, or cannot serve the slot: its other connections tell the same.
static void misplaced(gf_rd_flight *c, gf_rd_leg *l, gf_rd_item *it, redisReply *r, gf_rd_trouble what)
{
    char text[sizeof it->node->trouble];
    snprintf(text, sizeof text, "Redis at %s: %.300s", it->node->text, r->str);
    if (!l->bad)                                 // it has been told, by the one before
        gf_rd_node_trouble(c->net, it->node, what, text);
    l->bad |= what == GF_RD_DEMOTED;             // the name may lead to another server when dialled anew
    set_reply(it->cmd, r);
    gf_rd_item_later(it, BAD_REPLY, &l->later_ms);
}

// It was done, by a server whose data will be thrown away: as if the answer had been lost.
static void disbelieve(gf_rd_flight *c, gf_rd_leg *l, gf_rd_item *it, redisReply *r)
{
    freeReplyObject(r);
    it->was_sent = true;
    it->lost |= !it->cmd->reads;
    if (may_repeat(it->cmd))
        gf_rd_item_later(it, NO_NODE, &l->later_ms);
    else
        gf_rd_item_finish(c, it, GOFER_EUNCERTAIN, NO_NODE);
}

static void answered(gf_rd_flight *c, gf_rd_leg *l, gf_rd_item *it, redisReply *r)
{
    if (l->doubted && gf_rd_reply_meaning(r) == GF_RD_FINE) {
        disbelieve(c, l, it, r);
        return;
    }
    switch (gf_rd_reply_meaning(r)) {
    case GF_RD_MOVED:
    case GF_RD_ASK:
        redirect(c, l, it, r, gf_rd_reply_meaning(r) == GF_RD_MOVED);
        return;
    case GF_RD_NOT_MASTER:
        misplaced(c, l, it, r, GF_RD_DEMOTED);
        return;
    case GF_RD_NOT_SERVED:
        misplaced(c, l, it, r, GF_RD_DOWN);
        return;
    case GF_RD_LATER:
        set_reply(it->cmd, r);
        gf_rd_item_later(it, BAD_REPLY, &l->later_ms);
        return;
    case GF_RD_NOSCRIPT:
        if (it->cmd->script && !it->eval) {
            it->eval = true;
            freeReplyObject(r);
            gf_rd_item_now(it);
            return;
        }
        break;
    case GF_RD_FINE:
    case GF_RD_FINAL:
        break;
    }
    set_reply(it->cmd, r);
    gf_rd_item_finish(c, it, gf_rd_reply_status(r), BAD_REPLY);
    if (l->replicas && it->cmd->status == GOFER_OK && it->cmd->counts) {
        it->next = l->written;
        l->written = it;
    }
}

// The answer to WAIT: how many replicas have all that this connection wrote.
static void replicas_told(gf_rd_flight *c, gf_rd_leg *l, const redisReply *r)
{
    if (r->type == REDIS_REPLY_ERROR) {
        gf_rd_node_note(c->net, l->node, r->str);
        written_unsurely(l, NO_WAIT);
    } else if (r->type != REDIS_REPLY_INTEGER || r->integer < c->net->options.wait_replicas) {
        written_unsurely(l, FEW_REPLICAS);
    }
    l->replicas = false;
}

static bool awaits(const gf_rd_leg *l)
{
    return l->waiting || l->texts || l->replicas;
}

// Hands out the replies that have come whole.
static gf_rd_io read_replies(gf_rd_flight *c, gf_rd_leg *l)
{
    redisReply *r = NULL;
    gf_rd_io io = GF_RD_IO_DONE;
    while (awaits(l) && (io = gf_rd_conn_next(l->conn, &r)) == GF_RD_IO_DONE) {
        gf_rd_item *it = l->waiting;
        gf_rd_text *t = l->texts;
        if (l->asked) {
            l->asked = false;                    // an error of ASKING comes again with the command
            freeReplyObject(r);
        } else if (it) {
            l->waiting = it->next;
            answered(c, l, it, r);
        } else if (t) {
            l->texts = t->next;                  // first: once told it may be another leg's
            gf_rd_text_told(t, r);
            freeReplyObject(r);
        } else {
            replicas_told(c, l, r);
            freeReplyObject(r);
        }
    }
    return io;
}

void gf_rd_leg_read(gf_rd_flight *c, gf_rd_leg *l)
{
    gf_rd_io io;
    do {
        io = gf_rd_conn_fill(l->conn);
        if (io == GF_RD_IO_DONE && !l->doubted && !gf_rd_leg_is_current(c, l)) {
            note_replaced(c, l);
            l->doubted = l->bad = true;
        }
        if (io == GF_RD_IO_DONE)
            io = read_replies(c, l) == GF_RD_IO_BROKEN ? GF_RD_IO_BROKEN : GF_RD_IO_DONE;
    } while (io == GF_RD_IO_DONE && l->conn->more && awaits(l) && gf_mono_ms() < c->deadline_ms);
    if (io == GF_RD_IO_BROKEN)
        broke(c, l);
    else if (!awaits(l))
        land(c, l);
}

// ---- sending -------------------------------------------------------------------------------------------------

// Of a script whose digest is not known, nobody else asks meanwhile: so `next` is the leg's.
static void ask_digest(gf_rd_leg *l, gf_rd_text *t)
{
    gf_rd_text **end = &l->texts;
    while (*end)
        end = &(*end)->next;
    t->next = NULL;
    *end = t;
}

// What only reads needs no flag, and with one it would be refused where nothing may be written: by
// a replica, or when the disk is full.
static gf_rd_form form_of(const gf_rd_conn *c, const gf_rd_cmd *cmd)
{
    if (c->server.version < 70000)
        return GF_RD_TRIES;
    return cmd->script->allow_oom && !cmd->reads ? GF_RD_FLAGGED : GF_RD_ASKS;
}

static void put_script(gf_rd_leg *l, gf_rd_item *it)
{
    gf_rd_conn *c = l->conn;
    const gf_rd_cmd *cmd = it->cmd;
    gf_rd_text *t = gf_rd_text_of(&c->net->texts, cmd->script, form_of(c, cmd));
    if (!t) {
        c->out_of_memory = true;
        return;
    }
    const char *digest = it->eval ? NULL : gf_rd_text_digest(t);
    char number[16];
    int size = snprintf(number, sizeof number, "%d", (int)cmd->key_count);
    it->eval = !digest;
    gf_rd_conn_put_count(c, cmd->args.count + 3);
    gf_rd_conn_put_word(c, digest ? "EVALSHA" : "EVAL", digest ? 7 : 4);
    if (digest)
        gf_rd_conn_put_word(c, digest, 40);
    else
        gf_rd_conn_put_text(c, t);
    gf_rd_conn_put_word(c, number, (size_t)size);
    for (size_t i = 0; i < cmd->args.count; i++)
        gf_rd_conn_put_word(c, cmd->args.words[i], cmd->args.sizes[i]);
    if (!digest && gf_rd_text_ask(t))
        ask_digest(l, t);
}

static void put_command(gf_rd_leg *l, gf_rd_item *it)
{
    gf_rd_conn *c = l->conn;
    const gf_rd_cmd *cmd = it->cmd;
    it->begin = c->out_size;
    it->cmd->repeated |= it->was_sent;
    if (l->asked) {
        gf_rd_conn_put_count(c, 1);
        gf_rd_conn_put_word(c, "ASKING", 6);
    }
    if (cmd->script)
        put_script(l, it);
    else
        gf_rd_conn_put(c, &cmd->args);
}

static void put_wait(gf_rd_flight *c, gf_rd_leg *l)
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

bool gf_rd_leg_write(gf_rd_flight *c, gf_rd_leg *l)
{
    if (gf_rd_conn_flush(l->conn) != GF_RD_IO_BROKEN)
        return true;
    broke(c, l);
    return false;
}

void gf_rd_leg_start(gf_rd_flight *c, gf_rd_leg *l)
{
    bool counts = false;
    l->sent_ms = gf_mono_ms();
    for (gf_rd_item *it = l->waiting; it; it = it->next) {
        put_command(l, it);
        counts |= it->cmd->counts;
    }
    for (const gf_rd_text *t = l->texts; t; t = t->next) {
        gf_rd_conn_put_count(l->conn, 3);
        gf_rd_conn_put_word(l->conn, "SCRIPT", 6);
        gf_rd_conn_put_word(l->conn, "LOAD", 4);
        gf_rd_conn_put_text(l->conn, t);
    }
    if (counts && c->net->options.wait_replicas > 0)
        put_wait(c, l);
    gf_rd_leg_write(c, l);
}
