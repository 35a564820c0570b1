// session.c - a connection of one's own, outside the pool: for blocking commands and subscriptions.
#include <string.h>

#include "broker/redis/net/pool.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum { NAP_MS = 1000 };

struct gf_rd_session {
    gf_rd_conn *conn;
    gf_rd_node *node;
    gf_rd_net  *net;
};

static gofer_status dial(gf_rd_net *net, gf_rd_address *address, int32_t slot, int64_t deadline_ms,
    gf_rd_conn **out, bool *again)
{
    gofer_status st = net->topo->ops->locate(net->topo, slot, deadline_ms, address, again);
    if (st != GOFER_OK)
        return st;
    gf_rd_trouble what = GF_RD_BROKEN;
    st = gf_rd_conn_dial(out, net, address, GF_RD_SERVER, deadline_ms, again);
    if (st == GOFER_OK && net->topo->ops->greet) {
        st = net->topo->ops->greet(net->topo, *out, address, deadline_ms);
        *again = true;
        what = GF_RD_DEMOTED;
        if (st != GOFER_OK)
            gf_rd_conn_close(*out);
    }
    if (st != GOFER_OK)
        net->topo->ops->trouble(net->topo, address, what);
    return st;
}

gofer_status gf_rd_session_open(gf_rd_session **out, gf_rd_net *net, int32_t slot,
    int64_t timeout_ms)
{
    int64_t deadline = gf_mono_ms() + timeout_ms;
    gf_rd_address address;
    gf_rd_session *session = gf_calloc(1, sizeof *session);
    if (!session)
        return gf_fail_nomem("a connection to Redis");
    bool again = true;
    gofer_status st = dial(net, &address, slot, deadline, &session->conn, &again);
    for (uint32_t tries = 0; st != GOFER_OK && again; tries++) {
        int64_t pause = gf_rd_backoff_ms(tries);
        if (gf_mono_ms() + pause >= deadline)
            break;
        gf_sleep_us(pause * 1000);
        st = dial(net, &address, slot, deadline, &session->conn, &again);
    }
    if (st == GOFER_OK && !(session->node = gf_rd_node_of(net, &address))) {
        gf_rd_conn_close(session->conn);
        st = gf_fail_nomem("an address");
    }
    if (st != GOFER_OK) {
        gf_free(session);
        return st;
    }
    session->net = net;
    *out = session;
    return GOFER_OK;
}

void gf_rd_session_close(gf_rd_session *session)
{
    if (!session)
        return;
    gf_rd_conn_close(session->conn);
    gf_free(session);
}

int gf_rd_session_fd(const gf_rd_session *session)
{
    return session->conn->fd;
}

static gofer_status session_broke(gf_rd_session *session)
{
    gofer_status st = gf_fail(GOFER_EBROKER, "connection to Redis at %s: %s", session->conn->text,
        session->conn->why);
    gf_rd_node_trouble(session->net, session->node, GF_RD_BROKEN, gofer_error_last());
    return st;
}

gofer_status gf_rd_session_send(gf_rd_session *session, const gf_rd_args *args, int64_t timeout_ms)
{
    int64_t deadline = gf_mono_ms() + timeout_ms;
    gf_rd_conn *c = session->conn;
    if (args->failed)
        return gf_fail_nomem("a command to Redis");
    gf_rd_conn_put(c, args);
    for (;;) {
        gf_rd_io io = gf_rd_conn_flush(c);
        if (io == GF_RD_IO_DONE) {
            gf_rd_conn_rewind(c);
            return GOFER_OK;
        }
        // A server that is not read from may stop reading: take what comes meanwhile.
        if (io == GF_RD_IO_AGAIN) {
            if (!gf_rd_conn_poll(c->fd, gf_rd_conn_events(c), deadline))
                return gf_fail(GOFER_EBROKER, "Redis at %s takes no commands for %lld ms", c->text,
                    (long long)timeout_ms);
            io = gf_rd_conn_fill(c);
        }
        if (io == GF_RD_IO_BROKEN)
            return c->out_of_memory ? gf_fail_nomem("a command to Redis") : session_broke(session);
    }
}

int64_t gf_rd_session_nap_ms(const gf_rd_session *session, int64_t ms)
{
    return session && session->net->topo->ops->is_current && ms > NAP_MS ? NAP_MS : ms;
}

gofer_status gf_rd_session_next(gf_rd_session *session, redisReply **reply)
{
    const gf_rd_topo *topo = session->net->topo;
    if (topo->ops->is_current && !topo->ops->is_current(session->net->topo,
        &session->node->address, 0))
        return gf_fail(GOFER_EBROKER, "Redis at %s is being replaced by another primary",
            session->conn->text);
    for (int bursts = 0; bursts < GF_RD_AT_ONCE; bursts++) {
        gf_rd_io io = gf_rd_conn_next(session->conn, reply);
        if (io == GF_RD_IO_DONE)
            return GOFER_OK;
        if (io == GF_RD_IO_AGAIN)
            io = gf_rd_conn_fill(session->conn);
        if (io == GF_RD_IO_AGAIN)
            return GOFER_EEMPTY;
        if (io == GF_RD_IO_BROKEN)
            return session_broke(session);
    }
    return GOFER_EEMPTY;             // more is there: the caller looks at its clock, and asks again
}
