// sentinel.c - the topology of one primary that Sentinels watch over and replace.
//
// May touch: inner.h. What the Sentinels said is believed until the primary makes trouble: a broken or
// silent connection, or a READONLY. A failover always shows itself so, since the Sentinels cut the
// connections of a primary that they demote. Whom they name is asked for its role before it is used.
#include "broker/redis/net/inner.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broker/redis/net/asking.h"
#include "util/alloc.h"
#include "util/error.h"

typedef struct sentinel {
    gf_rd_topo   base;             // first
    gf_rd_asking asking;           // its lock is for the three below
    gf_rd_place  primary;
    bool         known;
    size_t       next;             // the Sentinel to ask first
} sentinel;

static gofer_status open_topo(gf_rd_topo **out, gf_rd_net *net, int64_t deadline_ms)
{
    (void)deadline_ms;
    sentinel *s = gf_calloc(1, sizeof *s);
    if (!s)
        return gf_fail_nomem("a connection to Redis");
    s->base = (gf_rd_topo){ &gf_rd_sentinel_ops, net };
    if (!gf_rd_asking_init(&s->asking)) {
        gf_free(s);
        return gf_fail_nomem("a lock");
    }
    *out = &s->base;
    return GOFER_OK;
}

static void close_topo(gf_rd_topo *t)
{
    sentinel *s = (sentinel *)t;
    if (!gf_rd_net_forked(t->net))
        gf_rd_asking_clear(&s->asking);
    gf_free(s);
}

// ---- asking --------------------------------------------------------------------------------------

// EINVAL: the Sentinel does not know the name.
static gofer_status read_answer(const redisReply *r, const char *master, const char *who, gf_rd_place *out)
{
    if (r->type == REDIS_REPLY_NIL || (r->type == REDIS_REPLY_ARRAY && r->elements == 0))
        return gf_fail(GOFER_EINVAL, "the Sentinel %s knows no primary '%s'; check master= in the URL", who, master);
    if (r->type == REDIS_REPLY_ERROR) {
        bool denied = strncmp(r->str, "NOAUTH", 6) == 0 || strncmp(r->str, "NOPERM", 6) == 0;
        return gf_fail(denied ? GOFER_EDENIED : GOFER_EBROKER, "the Sentinel %s answers: %s", who, r->str);
    }
    long port = 0;
    if (r->type == REDIS_REPLY_ARRAY && r->elements == 2 && r->element[0]->type == REDIS_REPLY_STRING
        && r->element[1]->type == REDIS_REPLY_STRING)
        port = strtol(r->element[1]->str, NULL, 10);
    if (port < 1 || port > 65535 || !gf_rd_place_set(out, r->element[0]->str, r->element[0]->len, (int32_t)port))
        return gf_fail(GOFER_EBROKER, "the Sentinel %s gives no address of '%s'; is it a Sentinel?", who, master);
    return GOFER_OK;
}

static gofer_status ask_one(sentinel *s, const gf_rd_address *address, int64_t deadline_ms, gf_rd_place *out)
{
    const gf_rd_options *o = gf_rd_net_options(s->base.net);
    char who[GF_RD_PLACE_TEXT];
    gf_rd_place place;
    gf_rd_conn *c = NULL;
    gf_rd_args args = { 0 };
    redisReply *reply = NULL;
    if (!gf_rd_place_of(&place, address))
        return gf_fail(GOFER_EINVAL, "the name of a Sentinel in '%s' is too long", o->shown);
    gf_rd_place_text(&place, who);

    gofer_status st = gf_rd_conn_dial(&c, s->base.net, &place, GF_RD_SENTINEL_SERVER, deadline_ms, NULL);
    if (st != GOFER_OK)
        return st;
    gf_rd_add(&args, "SENTINEL");
    gf_rd_add(&args, "GET-MASTER-ADDR-BY-NAME");
    gf_rd_add(&args, o->master);
    st = args.failed ? gf_fail_nomem("a command") : gf_rd_conn_ask(c, &args, deadline_ms, &reply);
    if (st == GOFER_OK)
        st = read_answer(reply, o->master, who, out);
    if (reply)
        freeReplyObject(reply);
    gf_rd_args_clear(&args);
    gf_rd_conn_close(c);
    return st;
}

// The first answer counts. EINVAL or EDENIED only when every Sentinel gives that reason: one that
// was set up wrongly must not stop us.
static gofer_status ask_in_turn(sentinel *s, size_t first, int64_t deadline_ms, gf_rd_place *out, size_t *who)
{
    const gf_rd_options *o = gf_rd_net_options(s->base.net);
    gofer_status all = GOFER_OK;
    for (size_t i = 0; i < o->address_count; i++) {
        *who = (first + i) % o->address_count;
        int64_t until = gf_rd_asking_share(deadline_ms, o->address_count - i);
        gofer_status st = ask_one(s, &o->addresses[*who], until, out);
        if (st == GOFER_OK || st == GOFER_ENOMEM)
            return st;
        all = i == 0 || all == st ? st : GOFER_EBROKER;
    }
    if (all != GOFER_EINVAL && all != GOFER_EDENIED)
        all = GOFER_EBROKER;
    return o->address_count == 1 ? all : gf_fail_add(all, "no Sentinel names the primary '%s'; the last", o->master);
}

// ---- the table -----------------------------------------------------------------------------------

static gofer_status locate(gf_rd_topo *t, int32_t slot, int64_t deadline_ms, gf_rd_place *out)
{
    (void)slot;
    sentinel *s = (sentinel *)t;
    gofer_status st = GOFER_OK;
    pthread_mutex_lock(&s->asking.lock);
    if (!s->known && gf_rd_asking_begin(&s->asking, deadline_ms)) {
        size_t who = s->next;
        gf_rd_place found;
        pthread_mutex_unlock(&s->asking.lock);
        st = ask_in_turn(s, who, deadline_ms, &found, &who);
        pthread_mutex_lock(&s->asking.lock);
        if (st == GOFER_OK) {
            s->primary = found;
            s->known = true;
            s->next = who;
        }
        gf_rd_asking_end(&s->asking);
    }
    bool known = s->known;
    *out = s->primary;
    pthread_mutex_unlock(&s->asking.lock);
    if (st != GOFER_OK || known)
        return st;
    return gf_fail(GOFER_EBROKER, "the Sentinels do not name the primary '%s' yet",
        gf_rd_net_options(t->net)->master);
}

static gofer_status primaries(gf_rd_topo *t, int64_t deadline_ms, gf_rd_place **out, size_t *count)
{
    gf_rd_place *places = gf_alloc(sizeof *places);
    if (!places)
        return gf_fail_nomem("an address");
    gofer_status st = locate(t, GF_RD_ANY_SLOT, deadline_ms, places);
    if (st != GOFER_OK) {
        gf_free(places);
        return st;
    }
    *out = places;
    *count = 1;
    return GOFER_OK;
}

static void trouble(gf_rd_topo *t, const gf_rd_place *place, gf_rd_trouble what)
{
    (void)what;
    sentinel *s = (sentinel *)t;
    pthread_mutex_lock(&s->asking.lock);
    if (s->known && gf_rd_place_same(place, &s->primary)) {
        s->known = false;
        s->next++;                 // this Sentinel may be cut off from the others
    }
    pthread_mutex_unlock(&s->asking.lock);
}

// A Sentinel's word may be old: a replica must not be written to, and answers reads of the past.
static gofer_status greet(gf_rd_topo *t, gf_rd_conn *c, const gf_rd_place *place, int64_t deadline_ms)
{
    (void)t;
    char who[GF_RD_PLACE_TEXT];
    gf_rd_place_text(place, who);
    gf_rd_args args = { 0 };
    redisReply *reply = NULL;
    gf_rd_add(&args, "ROLE");
    gofer_status st = args.failed ? gf_fail_nomem("a command") : gf_rd_conn_ask(c, &args, deadline_ms, &reply);
    gf_rd_args_clear(&args);
    if (st != GOFER_OK)
        return st;
    bool is_primary = !gf_rd_conn_is_replica(c);        // what it said when signing on: if we may not ask
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 && reply->element[0]->type == REDIS_REPLY_STRING)
        is_primary = strcasecmp(reply->element[0]->str, "master") == 0;
    freeReplyObject(reply);
    return is_primary ? GOFER_OK : gf_fail(GOFER_EBROKER, "%s is a replica; the failover is not over", who);
}

const gf_rd_topo_ops gf_rd_sentinel_ops = {
    .open = open_topo, .close = close_topo, .locate = locate, .primaries = primaries, .trouble = trouble,
    .greet = greet,
};
