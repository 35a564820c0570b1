// pipeline.c - a pipeline on one connection: what is sent, what the answers make of its requests,
// how it ends.
//
// wait-replicas: a pipeline with commands that count ends with WAIT. If fewer replicas than asked
// for have it in time, these were done but may be lost in a failover: EUNCERTAIN. What else a
// pipeline writes (takes, leases, records of workers) is put right by itself when it is lost, and
// must go on while a replica is away.
#include <stdio.h>
#include <string.h>

#include "broker/redis/net/call.h"
#include "util/clock.h"
#include "util/error.h"

enum { SWIFT = 3 };                          // so many redirections are followed without a pause

// ---- the end ------------------------------------------------------------------------------------

static bool may_repeat(const gf_rd_cmd *cmd)
{
    return cmd->repeatable || cmd->reads;
}

static void remove_pipeline(gf_rd_net_call *c, gf_rd_pipeline *p)
{
    *p = c->pipelines[--c->pipeline_count];
}

static void written_unsurely(gf_rd_pipeline *p, gf_rd_reason why)
{
    for (gf_rd_request *req = p->written; req; req = req->next) {
        req->cmd->status = GOFER_EUNCERTAIN;
        req->why = why;
    }
    p->written = NULL;
}

void gf_rd_pipeline_break(gf_rd_net_call *c, gf_rd_pipeline *p, gofer_status final,
    gf_rd_reason why)
{
    size_t sent = p->conn ? p->conn->out_sent : 0;
    written_unsurely(p, FEW_REPLICAS);
    for (gf_rd_request *req = p->waiting, *next; req; req = next) {
        next = req->next;
        req->was_sent |= req->begin < sent;
        req->lost |= req->begin < sent && !req->cmd->reads;
        if (final != GOFER_OK && !req->lost)
            gf_rd_request_finish(c, req, final, why);
        else if (final != GOFER_OK || (req->lost && !may_repeat(req->cmd)))
            gf_rd_request_finish(c, req, GOFER_EUNCERTAIN, why);
        else
            gf_rd_request_later(req, why, &p->later_ms);
    }
    for (gf_rd_text *t = p->texts, *next; t; t = next) {
        next = t->next;
        gf_rd_text_answered(t, NULL);
    }
    if (p->conn)
        gf_rd_pool_drop(p->conn);
    remove_pipeline(c, p);
}

static void broke(gf_rd_net_call *c, gf_rd_pipeline *p)
{
    char text[sizeof p->node->trouble];
    if (p->conn->out_of_memory) {
        gf_rd_pipeline_break(c, p, GOFER_ENOMEM, NO_MEMORY);
        return;
    }
    snprintf(text, sizeof text, "connection to Redis at %s: %s", p->node->text, p->conn->why);
    gf_rd_node_trouble(c->net, p->node, GF_RD_BROKEN, text);
    gf_rd_pipeline_break(c, p, GOFER_OK, NO_NODE);
}

bool gf_rd_pipeline_is_current(const gf_rd_net_call *c, const gf_rd_pipeline *p)
{
    const gf_rd_topo *topo = c->net->topo;
    return !topo->ops->is_current || topo->ops->is_current(c->net->topo, &p->node->address,
        gf_mono_ms() - p->sent_ms);
}

static void note_replaced(gf_rd_net_call *c, gf_rd_pipeline *p)
{
    char text[sizeof p->node->trouble];
    snprintf(text, sizeof text, "Redis at %s is being replaced by another primary", p->node->text);
    gf_rd_node_note(c->net, p->node, text);
}

void gf_rd_pipeline_abandon(gf_rd_net_call *c, gf_rd_pipeline *p)
{
    note_replaced(c, p);
    gf_rd_pipeline_break(c, p, GOFER_OK, NO_NODE);
}

// All answers are there.
static void close_pipeline(gf_rd_net_call *c, gf_rd_pipeline *p)
{
    gf_rd_conn *conn = p->conn;
    if (p->bad || conn->reader->pos < conn->reader->len)
        gf_rd_pool_drop(conn);                   // or more came than was asked for
    else
        gf_rd_pool_give(conn);
    remove_pipeline(c, p);
}

// ---- answers ------------------------------------------------------------------------------------

static void set_reply(gf_rd_cmd *cmd, redisReply *r)
{
    if (cmd->reply)
        gf_rd_reply_free(cmd->reply);
    cmd->reply = r;
}

static void redirect(gf_rd_net_call *c, gf_rd_pipeline *p, gf_rd_request *req, redisReply *r,
    bool moved)
{
    gf_rd_address address;
    const gf_rd_topo *topo = c->net->topo;
    gf_rd_node *node = NULL;
    if (topo->ops->moved && !req->pinned && gf_rd_reply_address(r, &req->node->address, &address)) {
        if (moved)
            topo->ops->moved(c->net->topo, req->cmd->slot, &address);
        node = gf_rd_node_of(c->net, &address);
    }
    set_reply(req->cmd, r);
    if (!node) {
        gf_rd_request_finish(c, req, GOFER_EBROKER, BAD_REPLY);
        return;
    }
    if (req->tries < SWIFT) {
        req->tries++;
        gf_rd_request_now(req);
    } else
        gf_rd_request_later(req, BAD_REPLY, &p->later_ms);
    req->why = BAD_REPLY;
    req->node = node;
    req->located = true;
    req->asking = !moved;
}

// The server is a replica now, or cannot serve the slot: its other connections tell the same.
static void not_there(gf_rd_net_call *c, gf_rd_pipeline *p, gf_rd_request *req, redisReply *r,
    gf_rd_trouble what)
{
    char text[sizeof req->node->trouble];
    snprintf(text, sizeof text, "Redis at %s: %.300s", req->node->text, r->str);
    if (!p->bad)                                 // it has been told, by the one before
        gf_rd_node_trouble(c->net, req->node, what, text);
    // the name may lead to another server when dialled anew
    p->bad |= what == GF_RD_DEMOTED;
    set_reply(req->cmd, r);
    gf_rd_request_later(req, BAD_REPLY, &p->later_ms);
}

// It was done, by a server whose data will be thrown away: as if the answer had been lost.
static void disbelieve(gf_rd_net_call *c, gf_rd_pipeline *p, gf_rd_request *req, redisReply *r)
{
    gf_rd_reply_free(r);
    req->was_sent = true;
    req->lost |= !req->cmd->reads;
    if (may_repeat(req->cmd))
        gf_rd_request_later(req, NO_NODE, &p->later_ms);
    else
        gf_rd_request_finish(c, req, GOFER_EUNCERTAIN, NO_NODE);
}

static void answered(gf_rd_net_call *c, gf_rd_pipeline *p, gf_rd_request *req, redisReply *r)
{
    if (p->doubted && gf_rd_reply_meaning(r) == GF_RD_FINE) {
        disbelieve(c, p, req, r);
        return;
    }
    switch (gf_rd_reply_meaning(r)) {
    case GF_RD_MOVED:
    case GF_RD_ASK:
        redirect(c, p, req, r, gf_rd_reply_meaning(r) == GF_RD_MOVED);
        return;
    case GF_RD_NOT_MASTER:
        not_there(c, p, req, r, GF_RD_DEMOTED);
        return;
    case GF_RD_NOT_SERVED:
        not_there(c, p, req, r, GF_RD_DOWN);
        return;
    case GF_RD_LATER:
        set_reply(req->cmd, r);
        gf_rd_request_later(req, BAD_REPLY, &p->later_ms);
        return;
    case GF_RD_NOSCRIPT:
        if (req->cmd->script && !req->eval) {
            req->eval = true;
            gf_rd_reply_free(r);
            gf_rd_request_now(req);
            return;
        }
        break;
    case GF_RD_FINE:
    case GF_RD_FINAL:
        break;
    }
    set_reply(req->cmd, r);
    gf_rd_request_finish(c, req, gf_rd_reply_status(r), BAD_REPLY);
    if (p->replicas && req->cmd->status == GOFER_OK && req->cmd->counts) {
        req->next = p->written;
        p->written = req;
    }
}

// The answer to WAIT: how many replicas have all that this connection wrote.
static void replicas_answered(gf_rd_net_call *c, gf_rd_pipeline *p, const redisReply *r)
{
    if (r->type == REDIS_REPLY_ERROR) {
        gf_rd_node_note(c->net, p->node, r->str);
        written_unsurely(p, NO_WAIT);
    } else if (r->type != REDIS_REPLY_INTEGER || r->integer < c->net->options.wait_replicas) {
        written_unsurely(p, FEW_REPLICAS);
    }
    p->replicas = false;
}

static bool awaits(const gf_rd_pipeline *p)
{
    return p->waiting || p->texts || p->replicas;
}

// Hands out the replies that have come whole.
static gf_rd_io read_replies(gf_rd_net_call *c, gf_rd_pipeline *p)
{
    redisReply *r = NULL;
    gf_rd_io io = GF_RD_IO_DONE;
    while (awaits(p) && (io = gf_rd_conn_next(p->conn, &r)) == GF_RD_IO_DONE) {
        gf_rd_request *req = p->waiting;
        gf_rd_text *t = p->texts;
        if (p->asked) {
            p->asked = false;                    // an error of ASKING comes again with the command
            gf_rd_reply_free(r);
        } else if (req) {
            p->waiting = req->next;
            answered(c, p, req, r);
        } else if (t) {
            p->texts = t->next;                  // first: once told it may be another pipeline's
            gf_rd_text_answered(t, r);
            gf_rd_reply_free(r);
        } else {
            replicas_answered(c, p, r);
            gf_rd_reply_free(r);
        }
    }
    return io;
}

void gf_rd_pipeline_read(gf_rd_net_call *c, gf_rd_pipeline *p)
{
    gf_rd_io io;
    do {
        io = gf_rd_conn_fill(p->conn);
        if (io == GF_RD_IO_DONE && !p->doubted && !gf_rd_pipeline_is_current(c, p)) {
            note_replaced(c, p);
            p->doubted = p->bad = true;
        }
        if (io == GF_RD_IO_DONE)
            io = read_replies(c, p) == GF_RD_IO_BROKEN ? GF_RD_IO_BROKEN : GF_RD_IO_DONE;
    } while (io == GF_RD_IO_DONE && p->conn->more && awaits(p) && gf_mono_ms() < c->deadline_ms);
    if (io == GF_RD_IO_BROKEN)
        broke(c, p);
    else if (!awaits(p))
        close_pipeline(c, p);
}

// ---- sending ------------------------------------------------------------------------------------

// Of a script whose digest is not known, nobody else asks meanwhile: so `next` is the pipeline's.
static void ask_digest(gf_rd_pipeline *p, gf_rd_text *t)
{
    gf_rd_text **end = &p->texts;
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

static void put_script(gf_rd_pipeline *p, gf_rd_request *req)
{
    gf_rd_conn *c = p->conn;
    const gf_rd_cmd *cmd = req->cmd;
    gf_rd_text *t = gf_rd_text_of(&c->net->texts, cmd->script, form_of(c, cmd));
    if (!t) {
        c->out_of_memory = true;
        return;
    }
    const char *digest = req->eval ? NULL : gf_rd_text_digest(t);
    char number[16];
    int size = snprintf(number, sizeof number, "%d", (int)cmd->key_count);
    req->eval = !digest;
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
        ask_digest(p, t);
}

static void put_command(gf_rd_pipeline *p, gf_rd_request *req)
{
    gf_rd_conn *c = p->conn;
    const gf_rd_cmd *cmd = req->cmd;
    req->begin = c->out_size;
    req->cmd->repeated |= req->was_sent;
    if (p->asked) {
        gf_rd_conn_put_count(c, 1);
        gf_rd_conn_put_word(c, "ASKING", 6);
    }
    if (cmd->script)
        put_script(p, req);
    else
        gf_rd_conn_put(c, &cmd->args);
}

static void put_wait(gf_rd_net_call *c, gf_rd_pipeline *p)
{
    char count[16], ms[24];
    int64_t left = (c->deadline_ms - gf_mono_ms()) * 3 / 4;
    int count_size = snprintf(count, sizeof count, "%d", (int)c->net->options.wait_replicas);
    int ms_size = snprintf(ms, sizeof ms, "%lld", (long long)(left > 1 ? left : 1));
    gf_rd_conn_put_count(p->conn, 3);
    gf_rd_conn_put_word(p->conn, "WAIT", 4);
    gf_rd_conn_put_word(p->conn, count, (size_t)count_size);
    gf_rd_conn_put_word(p->conn, ms, (size_t)ms_size);
    p->replicas = true;
}

bool gf_rd_pipeline_write(gf_rd_net_call *c, gf_rd_pipeline *p)
{
    if (gf_rd_conn_flush(p->conn) != GF_RD_IO_BROKEN)
        return true;
    broke(c, p);
    return false;
}

void gf_rd_pipeline_start(gf_rd_net_call *c, gf_rd_pipeline *p)
{
    bool counts = false;
    p->sent_ms = gf_mono_ms();
    for (gf_rd_request *req = p->waiting; req; req = req->next) {
        put_command(p, req);
        counts |= req->cmd->counts;
    }
    for (const gf_rd_text *t = p->texts; t; t = t->next) {
        gf_rd_conn_put_count(p->conn, 3);
        gf_rd_conn_put_word(p->conn, "SCRIPT", 6);
        gf_rd_conn_put_word(p->conn, "LOAD", 4);
        gf_rd_conn_put_text(p->conn, t);
    }
    if (counts && c->net->options.wait_replicas > 0)
        put_wait(c, p);
    gf_rd_pipeline_write(c, p);
}
