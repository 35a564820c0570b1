// pool.c - nodes and their idle connections.
//
// Locks: net->lock, held for list work only, never over input or output.
#include "broker/redis/net/pool.h"

#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    PEEK_MS = 1,                             // idle for less: not even looked at
    STALE_MS = 60000,                        // idle for so long: closed, it was a peak's
    LOG_MS = 5000                            // a node's trouble is logged so often at the most
};

// ---- nodes --------------------------------------------------------------------------------------

gf_rd_node *gf_rd_node_of(gf_rd_net *net, const gf_rd_address *address)
{
    pthread_mutex_lock(&net->lock);
    gf_rd_node *n = net->nodes;
    while (n && !gf_rd_address_same(&n->address, address))
        n = n->next;
    if (!n && (n = gf_calloc(1, sizeof *n))) {
        n->address = *address;
        gf_rd_address_text(address, n->text);
        n->next = net->nodes;
        net->nodes = n;
    }
    pthread_mutex_unlock(&net->lock);
    return n;
}

// ---- connections --------------------------------------------------------------------------------

static void link_conn(gf_rd_net *net, gf_rd_conn *c)
{
    pthread_mutex_lock(&net->lock);
    c->next = net->all;
    c->before = &net->all;
    if (net->all)
        net->all->before = &c->next;
    net->all = c;
    pthread_mutex_unlock(&net->lock);
}

static void unlink_conn(gf_rd_conn *c)       // Locks: net->lock held
{
    *c->before = c->next;
    if (c->next)
        c->next->before = c->before;
}

void gf_rd_pool_drop(gf_rd_conn *c)
{
    pthread_mutex_lock(&c->net->lock);
    unlink_conn(c);
    pthread_mutex_unlock(&c->net->lock);
    gf_rd_conn_close(c);
}

static gf_rd_conn *pop(gf_rd_net *net, gf_rd_node *node)
{
    pthread_mutex_lock(&net->lock);
    gf_rd_conn *c = node->idle;
    if (c) {
        node->idle = c->next_idle;
        node->idle_count--;
    }
    pthread_mutex_unlock(&net->lock);
    return c;
}

static bool answers_ping(gf_rd_conn *c, int64_t deadline_ms)
{
    redisReply *r = NULL;
    gf_rd_conn_put_count(c, 1);
    gf_rd_conn_put_word(c, "PING", 4);
    bool came = gf_rd_conn_reply(c, deadline_ms, &r) == GOFER_OK;
    gf_rd_conn_rewind(c);
    if (r)
        gf_rd_reply_free(r);
    return came;
}

// Is it still what it was when it was made?
static bool is_well(gf_rd_conn *c, int64_t deadline_ms)
{
    const gf_rd_topo *topo = c->net->topo;
    if (topo && topo->ops->greet)
        return topo->ops->greet(c->net->topo, c, &c->node->address, deadline_ms) == GOFER_OK;
    return answers_ping(c, deadline_ms);
}

static void note_broken(gf_rd_net *net, gf_rd_node *node)
{
    pthread_mutex_lock(&net->lock);
    node->broke = true;
    pthread_mutex_unlock(&net->lock);
    atomic_fetch_add(&net->epoch, 1);
}

gf_rd_conn *gf_rd_pool_take(gf_rd_net *net, gf_rd_node *node, int64_t deadline_ms)
{
    // Behind Sentinel a server may have become a replica meanwhile, and say so to
    // nobody who only reads.
    int64_t unasked = net->topo && net->topo->ops->greet ? GF_RD_IDLE_ROLE_MS : GF_RD_IDLE_PING_MS;
    gf_rd_conn *c;
    while ((c = pop(net, node))) {
        int64_t now = gf_mono_ms(), idle = now - c->idle_ms;
        if (idle < PEEK_MS)
            return c;
        int64_t half = now + (deadline_ms - now) / 2, soon = now + net->options.connect_timeout_ms;
        if (idle < STALE_MS && gf_rd_conn_is_quiet(c) &&
                (idle < unasked || is_well(c, half < soon ? half : soon)))
            return c;
        gf_rd_pool_drop(c);
        if (idle < STALE_MS)                 // closed by the other side, or lost on the way
            note_broken(net, node);
    }
    return NULL;
}

static void close_list(gf_rd_conn *c)
{
    for (gf_rd_conn *next; c; c = next) {
        next = c->next_idle;
        gf_rd_pool_drop(c);
    }
}

// Takes off the list those that nobody has needed for long. The last used are first,
// so they are its end.
static gf_rd_conn *trim(gf_rd_node *node, int64_t now)       // Locks: net->lock held
{
    if (now - node->trimmed_ms < STALE_MS / 4)
        return NULL;
    node->trimmed_ms = now;
    size_t kept = 0;
    gf_rd_conn **end = &node->idle;
    for (; *end && now - (*end)->idle_ms < STALE_MS; end = &(*end)->next_idle)
        kept++;
    gf_rd_conn *old = *end;
    *end = NULL;
    node->idle_count = kept;
    return old;
}

void gf_rd_pool_give(gf_rd_conn *c)
{
    gf_rd_net *net = c->net;
    gf_rd_node *node = c->node;
    gf_rd_conn_rewind(c);
    c->idle_ms = gf_mono_ms();
    pthread_mutex_lock(&net->lock);
    bool keep = node->idle_count < GF_RD_IDLE_MAX;
    if (keep) {
        c->next_idle = node->idle;
        node->idle = c;
        node->idle_count++;
    }
    gf_rd_conn *old = trim(node, c->idle_ms);
    pthread_mutex_unlock(&net->lock);
    close_list(old);
    if (!keep)
        gf_rd_pool_drop(c);
}

// ---- trouble ------------------------------------------------------------------------------------

void gf_rd_node_note(gf_rd_net *net, gf_rd_node *node, const char *text)
{
    pthread_mutex_lock(&net->lock);
    snprintf(node->trouble, sizeof node->trouble, "%s", text);
    pthread_mutex_unlock(&net->lock);
}

void gf_rd_node_trouble(gf_rd_net *net, gf_rd_node *node, gf_rd_trouble what, const char *text)
{
    int64_t now = gf_mono_ms();
    gf_rd_conn *idle = NULL;
    pthread_mutex_lock(&net->lock);
    snprintf(node->trouble, sizeof node->trouble, "%s", text);
    if (what != GF_RD_DOWN) {
        idle = node->idle;
        node->idle = NULL;
        node->idle_count = 0;
        node->broke = true;
    }
    bool logs = !node->down && (node->logged_ms == 0 || now - node->logged_ms > LOG_MS);
    if (logs) {
        node->down = true;
        node->logged_ms = now;
    }
    pthread_mutex_unlock(&net->lock);

    close_list(idle);
    atomic_fetch_add(&net->epoch, 1);
    if (net->topo)                           // not yet, while it is being opened
        net->topo->ops->trouble(net->topo, &node->address, what);
    if (logs)
        gf_logf(&net->log, GOFER_LOG_WARN, "trouble with Redis; trying on", "address", node->text,
            "error", text, NULL);
}

static void node_is_well(gf_rd_net *net, gf_rd_node *node, const gf_rd_conn *c)
{
    pthread_mutex_lock(&net->lock);
    bool logs = node->down, broke = node->broke;
    node->down = node->broke = false;
    net->server = c->server;
    pthread_mutex_unlock(&net->lock);
    if (broke)
        atomic_fetch_add(&net->remade, 1);
    if (logs)
        gf_logf(&net->log, GOFER_LOG_INFO, "connected to Redis again", "address", node->text, NULL);
}

gofer_status gf_rd_pool_dial(gf_rd_net *net, gf_rd_node *node, int64_t deadline_ms,
    gf_rd_conn **out, bool *again)
{
    gf_rd_conn *c = NULL;
    gf_rd_trouble what = GF_RD_BROKEN;
    gofer_status st = gf_rd_conn_dial(&c, net, &node->address, GF_RD_SERVER, deadline_ms, again);
    if (st == GOFER_OK && net->topo && net->topo->ops->greet) {
        st = net->topo->ops->greet(net->topo, c, &node->address, deadline_ms);
        *again = true;
        what = GF_RD_DEMOTED;
    }
    if (st != GOFER_OK) {
        gf_rd_conn_close(c);
        gf_rd_node_trouble(net, node, what, gofer_error_last());
        return st;
    }
    c->node = node;
    link_conn(net, c);
    node_is_well(net, node, c);
    *out = c;
    return GOFER_OK;
}

gofer_status gf_rd_ask(gf_rd_net *net, const gf_rd_address *address, const gf_rd_args *args,
    int64_t deadline_ms, redisReply **reply, bool *again)
{
    *again = false;
    gf_rd_node *node = gf_rd_node_of(net, address);
    if (!node)
        return gf_fail_nomem("an address");
    for (;;) {
        gf_rd_conn *c = gf_rd_pool_take(net, node, deadline_ms);
        bool old = c != NULL;
        gofer_status st = old ? GOFER_OK : gf_rd_pool_dial(net, node, deadline_ms, &c, again);
        if (st != GOFER_OK)
            return st;
        *again = true;
        st = gf_rd_conn_ask(c, args, deadline_ms, reply);
        if (st == GOFER_OK) {
            gf_rd_pool_give(c);
            return GOFER_OK;
        }
        gf_rd_pool_drop(c);
        if (!old || gf_mono_ms() >= deadline_ms)
            return st;                       // an old connection may have died in the
                                             //   pool: once more
    }
}
