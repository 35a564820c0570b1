// cluster.c - the topology of a Redis Cluster: each slot has its primary, and may move.
//
// May touch: inner.h. The map of slots is asked anew when a server redirects or makes trouble, of
// any primary known or else of the URL's seeds. A slot that a server moved is believed at once.
#include "broker/redis/net/cluster.h"

#include <string.h>

#include "broker/redis/net/single_flight.h"
#include "util/alloc.h"
#include "util/error.h"

enum {
    AFTER_TROUBLE_MS = 50,         // asked again so long after the last time at the soonest,
    AFTER_MOVED_MS = 1000          //   where the slot that moved is known already
};

typedef struct cluster {
    gf_rd_topo   base;             // first
    gf_rd_single_flight flight;    // its lock is for all below
    gf_rd_map   *map;              // NULL: never heard
    int64_t      due_ms;           // when to ask; INT64_MAX: no need
    int64_t      asked_ms;
    gf_rd_address bad;             // who made trouble last: asked at the end
    size_t       any;              // index of the node for commands without a slot
} cluster;

static gofer_status open_topo(gf_rd_topo **out, gf_rd_net *net, int64_t deadline_ms)
{
    (void)deadline_ms;
    cluster *c = gf_calloc(1, sizeof *c);
    if (!c)
        return gf_fail_nomem("a connection to Redis");
    c->base = (gf_rd_topo){ &gf_rd_cluster_ops, net };
    c->asked_ms = gf_mono_ms() - AFTER_MOVED_MS;
    if (!gf_rd_single_flight_init(&c->flight)) {
        gf_free(c);
        return gf_fail_nomem("a lock");
    }
    *out = &c->base;
    return GOFER_OK;
}

static void close_topo(gf_rd_topo *t)
{
    cluster *c = (cluster *)t;
    if (!gf_rd_net_forked(t->net))
        gf_rd_single_flight_clear(&c->flight);
    gf_rd_map_free(c->map);
    gf_free(c);
}

// ---- asking -------------------------------------------------------------------------------------

typedef struct candidates {
    gf_rd_address *addresses;
    size_t       count;
} candidates;

static void add_candidate(candidates *all, const gf_rd_address *address)
{
    for (size_t i = 0; i < all->count; i++)
        if (gf_rd_address_same(&all->addresses[i], address))
            return;
    all->addresses[all->count++] = *address;
}

// With the lock: whom to ask, the likeliest first. NULL addresses: no memory.
static candidates whom_to_ask(const cluster *c)
{
    const gf_rd_options *o = gf_rd_net_options(c->base.net);
    size_t nodes = c->map ? c->map->count : 0;
    candidates all = { gf_alloc((nodes + o->seed_count + 1) * sizeof *all.addresses), 0 };
    if (!all.addresses)
        return all;
    for (size_t i = 0; i < nodes; i++) {
        const gf_rd_address *p = &c->map->nodes[(c->any + i) % nodes];
        if (!gf_rd_address_same(p, &c->bad))
            add_candidate(&all, p);
    }
    for (size_t i = 0; i < o->seed_count; i++) {
        gf_rd_address seed;
        if (gf_rd_address_of(&seed, &o->seeds[i]) && !gf_rd_address_same(&seed, &c->bad))
            add_candidate(&all, &seed);
    }
    if (*c->bad.host)
        add_candidate(&all, &c->bad);
    return all;
}

static gofer_status ask_one(gf_rd_net *net, const gf_rd_address *address, int64_t deadline_ms,
    gf_rd_map **out, bool *again)
{
    *again = false;
    gf_rd_args args = { 0 };
    redisReply *reply = NULL;
    gf_rd_map *map = gf_rd_map_new();
    gf_rd_add(&args, "CLUSTER");
    gf_rd_add(&args, "SLOTS");
    gofer_status st = args.failed || !map ? gf_fail_nomem("the slots of a cluster")
                                          : gf_rd_ask(net, address, &args, deadline_ms, &reply,
                                              again);
    if (st == GOFER_OK) {
        st = gf_rd_map_read(map, reply, address);
        *again = st == GOFER_EBROKER;
    }
    if (reply)
        gf_rd_reply_free(reply);
    gf_rd_args_clear(&args);
    if (st == GOFER_OK)
        *out = map;
    else
        gf_rd_map_free(map);
    return st;
}

// The first answer counts. EINVAL or EDENIED, and that trying again is no use, only when
// everybody gives that reason.
static gofer_status ask_in_turn(gf_rd_net *net, const candidates *all, int64_t deadline_ms,
    gf_rd_map **out, bool *again)
{
    int64_t patience = gf_rd_net_options(net)->connect_timeout_ms;
    gofer_status reason = GOFER_OK;
    for (size_t i = 0; i < all->count; i++) {
        int64_t until = gf_rd_single_flight_share(deadline_ms, all->count - i), soon =
            gf_mono_ms() + patience;
        bool once_more;
        gofer_status st = ask_one(net, &all->addresses[i], until < soon ? until : soon, out,
            &once_more);
        *again = i == 0 ? once_more : *again || once_more;
        if (st == GOFER_OK || st == GOFER_ENOMEM)
            return st;
        reason = i == 0 || reason == st ? st : GOFER_EBROKER;
    }
    if (reason == GOFER_OK)
        return gf_fail(GOFER_EINVAL, "the host names in '%s' are too long",
            gf_rd_net_options(net)->shown);
    if (reason != GOFER_EINVAL && reason != GOFER_EDENIED)
        reason = GOFER_EBROKER;
    return all->count == 1
        ? reason
        : gf_fail_add(reason, "no node tells the slots of the cluster; the last");
}

// With the lock, which is let go meanwhile. Somebody else may have asked instead: then OK, though
// the map may still be the old one, or none.
static gofer_status refresh(cluster *c, int64_t deadline_ms, bool *again)
{
    *again = true;
    if (!gf_rd_single_flight_begin(&c->flight, deadline_ms))
        return GOFER_OK;
    candidates all = whom_to_ask(c);
    gf_rd_map *map = NULL;
    c->due_ms = INT64_MAX;                     // trouble from now on is news
    pthread_mutex_unlock(&c->flight.lock);
    gofer_status st = all.addresses ? ask_in_turn(c->base.net, &all, deadline_ms, &map,
        again) : gf_fail_nomem("an address");
    gf_free(all.addresses);
    pthread_mutex_lock(&c->flight.lock);
    c->asked_ms = gf_mono_ms();
    if (st == GOFER_OK) {
        gf_rd_map_free(c->map);
        c->map = map;
        c->bad = (gf_rd_address){ .port = 0 };
        c->any = c->any < map->count ? c->any : 0;
    } else {
        c->due_ms = c->asked_ms + AFTER_TROUBLE_MS;
    }
    gf_rd_single_flight_end(&c->flight);
    return st;
}

// With the lock: asks if it is time to. A map that may be old will do while somebody else asks, or
// when nobody answers: its other slots are as good as ever.
static gofer_status be_current(cluster *c, int64_t deadline_ms, bool *again)
{
    *again = true;
    if (c->map && (c->due_ms > gf_mono_ms() || c->flight.under_way))
        return GOFER_OK;
    gofer_status st = refresh(c, deadline_ms, again);
    if (c->map && st != GOFER_ENOMEM)
        return GOFER_OK;
    return st != GOFER_OK || c->map
        ? st
        : gf_fail(GOFER_EBROKER, "the slots of the cluster are not known yet");
}

// ---- the table ----------------------------------------------------------------------------------

static gofer_status locate(gf_rd_topo *t, int32_t slot, int64_t deadline_ms, gf_rd_address *out,
    bool *again)
{
    cluster *c = (cluster *)t;
    pthread_mutex_lock(&c->flight.lock);
    gofer_status st = be_current(c, deadline_ms, again);
    bool is_served = true;
    if (st == GOFER_OK && slot < 0) {
        *out = c->map->nodes[c->any];
    } else if (st == GOFER_OK) {
        uint16_t owner = c->map->owner[slot % GF_RD_SLOTS];
        is_served = owner > 0;
        if (is_served)
            *out = c->map->nodes[owner - 1];
        else if (c->due_ms > c->asked_ms + AFTER_TROUBLE_MS)
            c->due_ms = c->asked_ms + AFTER_TROUBLE_MS;
    }
    pthread_mutex_unlock(&c->flight.lock);
    if (!is_served)
        return gf_fail(GOFER_EBROKER, "no primary of the cluster serves slot %d", (int)slot);
    return st;
}

// Those that serve a slot: one that gave away its last may be no primary any more.
static size_t collect_primaries(const gf_rd_map *m, gf_rd_address *out)
{
    size_t count = 0;
    for (size_t node = 1; node <= m->count; node++)
        for (size_t slot = 0; slot < GF_RD_SLOTS; slot++)
            if (m->owner[slot] == node) {
                out[count++] = m->nodes[node - 1];
                break;
            }
    return count;
}

static gofer_status primaries(gf_rd_topo *t, int64_t deadline_ms, gf_rd_address **out,
    size_t *count)
{
    cluster *c = (cluster *)t;
    gf_rd_address *addresses = NULL;
    bool again;
    pthread_mutex_lock(&c->flight.lock);
    gofer_status st = be_current(c, deadline_ms, &again);
    if (st == GOFER_OK) {
        addresses = gf_alloc(c->map->count * sizeof *addresses);
        if (addresses)
            *count = collect_primaries(c->map, addresses);
        else
            st = gf_fail_nomem("an address");
    }
    *out = addresses;
    pthread_mutex_unlock(&c->flight.lock);
    return st;
}

// With the lock.
static void ask_again(cluster *c, int64_t after_ms)
{
    if (c->due_ms > c->asked_ms + after_ms)
        c->due_ms = c->asked_ms + after_ms;
}

static void trouble(gf_rd_topo *t, const gf_rd_address *address, gf_rd_trouble what)
{
    cluster *c = (cluster *)t;
    pthread_mutex_lock(&c->flight.lock);
    if (what != GF_RD_DOWN)
        c->bad = *address;
    if (c->map && what != GF_RD_DOWN && gf_rd_address_same(address, &c->map->nodes[c->any]))
        c->any = (c->any + 1) % c->map->count;
    ask_again(c, AFTER_TROUBLE_MS);
    pthread_mutex_unlock(&c->flight.lock);
}

// Nothing is lost when there is no memory for it: the slot will be asked for where it
// was, and moved again.
static void moved(gf_rd_topo *t, int32_t slot, const gf_rd_address *to)
{
    cluster *c = (cluster *)t;
    pthread_mutex_lock(&c->flight.lock);
    if (c->map)
        (void)gf_rd_map_move(c->map, slot, to);
    ask_again(c, AFTER_MOVED_MS);
    pthread_mutex_unlock(&c->flight.lock);
}

const gf_rd_topo_ops gf_rd_cluster_ops = {
    .open = open_topo,
    .close = close_topo,
    .locate = locate,
    .primaries = primaries,
    .trouble = trouble,
    .moved = moved,
};
