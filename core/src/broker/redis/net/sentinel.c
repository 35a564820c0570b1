// sentinel.c - the topology of one primary that Sentinels watch over and replace.
//
// May touch: inner.h, feed.h. A primary that is replaced while it is well goes on taking writes
// for some ten seconds before it is demoted, and what it takes then is thrown away; so does one
// that stood still, was replaced and comes back. Neither shows any trouble. So the Sentinels are
// listened to: before a command is sent and before its answer is believed their announcements are
// read, by the caller itself (one poll of the few connections, no thread). At any doubt, and now
// and then, they are asked. Whom they name is asked for its role before it is used.
#include "broker/redis/net/inner.h"

#include <poll.h>
#include <string.h>
#include <strings.h>

#include "broker/redis/net/single_flight.h"
#include "broker/redis/net/feed.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"

enum {
    FIRST_MS = 200,                // a client that lives longer listens to the other Sentinels too
    TEND_MS = 1000,                // so long a call may take to do what can wait: listen to one
                                   //   more, ask now and then
    NOW_AND_THEN_MS = 10000,       // asked so often though they are listened to,
    DEAF_MS = 1000,                //   and so often when none of them is
    REPLACING_MS = 3000,           // a promotion that was announced takes no longer;
                                   //   meanwhile nothing is written
    ASK_AGAIN_MS = 200,            //   and they are asked so often whether it is over
    PAUSE_MS = 1000,               // an answer that took so long may come from one that stood still
    NEWER_MS = 10000               // a word older than what we know is believed when nothing
                                   //   better comes for so long
};

typedef struct sentinel {
    gf_rd_topo     base;           // first
    gf_rd_single_flight flight;    // its lock is for all below
    gf_rd_address  primary;        // the last one believed; no host: none so far
    bool           known;          //   and it is believed still
    bool           doubted;        // what it answers must not be believed either: a
                                   //   Sentinel spoke of another
    int64_t        epoch;          // of the configuration that was believed; 0: not told
    int64_t        agreed_ms;      // when a Sentinel last confirmed it
    int64_t        asked_ms;       // when one was last asked; 0: never
    int64_t        replacing_ms;   // until when another may become the primary; 0:
                                   //   nothing is announced
    uint64_t       doubts;         // so far: one that came while a Sentinel was asked is
                                   //   newer than its answer
    bool           moved;          // to be told in the log
    uint32_t       vain;           // rounds in which none answered, one after the other
    size_t         next;           // the Sentinel to ask first
    size_t         count;
    gf_rd_feed *feeds;             // one for each, as in the URL
    struct pollfd *fds;
} sentinel;

static void close_topo(gf_rd_topo *t)
{
    sentinel *s = (sentinel *)t;
    for (size_t i = 0; s->feeds && i < s->count; i++)
        gf_rd_conn_close(s->feeds[i].conn);
    gf_free(s->feeds);
    gf_free(s->fds);
    if (!gf_rd_net_forked(t->net))
        gf_rd_single_flight_clear(&s->flight);
    gf_free(s);
}

static gofer_status open_topo(gf_rd_topo **out, gf_rd_net *net, int64_t deadline_ms)
{
    (void)deadline_ms;
    sentinel *s = gf_calloc(1, sizeof *s);
    if (!s)
        return gf_fail_nomem("a connection to Redis");
    s->base = (gf_rd_topo){ &gf_rd_sentinel_ops, net };
    s->count = gf_rd_net_options(net)->seed_count;
    if (!gf_rd_single_flight_init(&s->flight)) {
        gf_free(s);
        return gf_fail_nomem("a lock");
    }
    s->feeds = gf_calloc(s->count, sizeof *s->feeds);
    s->fds = gf_calloc(s->count, sizeof *s->fds);
    if (!s->feeds || !s->fds) {
        close_topo(&s->base);
        return gf_fail_nomem("a connection to Redis");
    }
    for (size_t i = 0; i < s->count; i++)
        s->feeds[i].again_ms = gf_mono_ms() + FIRST_MS;
    *out = &s->base;
    return GOFER_OK;
}

// ---- listening ----------------------------------------------------------------------------------

// All below: with the lock.

static void doubt(sentinel *s, bool of_answers)
{
    s->known = false;
    s->doubted |= of_answers;
    s->doubts++;
}

// Until another is named, the one we know is not believed again: other Sentinels may not
// have heard of it yet.
static void announced(sentinel *s, size_t who, gf_rd_news news, const gf_rd_address *other,
    int64_t now_ms)
{
    if (news == GF_RD_NEWS_NOTHING || (s->known && gf_rd_address_same(other, &s->primary)))
        return;                    // each of them tells, and some late
    s->replacing_ms = news == GF_RD_NEWS_REPLACING ? now_ms + REPLACING_MS : 0;
    doubt(s, true);
    s->asked_ms = 0;
    s->next = who;                 // it knows first
}

static void listen_to_all(sentinel *s, int64_t now_ms)
{
    const char *master = gf_rd_net_options(s->base.net)->master;
    for (size_t i = 0; i < s->count; i++)
        s->fds[i] = (struct pollfd){ .fd = gf_rd_feed_fd(&s->feeds[i]), .events = POLLIN };
    int came = poll(s->fds, (nfds_t)s->count, 0);
    for (size_t i = 0; i < s->count; i++) {
        gf_rd_address other;
        gf_rd_news news = gf_rd_feed_read(&s->feeds[i], master,
            came > 0 && s->fds[i].revents, now_ms, &other);
        announced(s, i, news, &other, now_ms);
    }
}

static bool has_live_feed(const sentinel *s, int64_t now_ms)
{
    for (size_t i = 0; i < s->count; i++)
        if (gf_rd_feed_is_live(&s->feeds[i], now_ms))
            return true;
    return false;
}

// ---- asking -------------------------------------------------------------------------------------

static gofer_status believe(sentinel *s, const gf_rd_word *word, uint64_t doubts, int64_t now_ms)
{
    bool same = gf_rd_address_same(&word->address, &s->primary);
    if (word->epoch && word->epoch < s->epoch && now_ms - s->agreed_ms < NEWER_MS)
        return gf_fail(GOFER_EBROKER, "a Sentinel has not yet heard of the failover");
    if (same && now_ms < s->replacing_ms)
        return gf_fail(GOFER_EBROKER, "the Sentinels are about to replace the primary '%s'",
            gf_rd_net_options(s->base.net)->master);
    if (same && doubts != s->doubts)
        return gf_fail(GOFER_EBROKER, "the Sentinels do not agree on the primary '%s' yet",
            gf_rd_net_options(s->base.net)->master);
    s->moved |= !same && s->primary.port;
    s->primary = word->address;
    s->epoch = word->epoch ? word->epoch : s->epoch;
    s->agreed_ms = now_ms;
    s->replacing_ms = same ? s->replacing_ms : 0;
    s->known = true;
    s->doubted = false;
    return GOFER_OK;
}

// The lock is let go while the Sentinel is asked.
static gofer_status consult(sentinel *s, size_t who, int64_t deadline_ms, bool *again)
{
    const gf_rd_options *o = gf_rd_net_options(s->base.net);
    uint64_t doubts = s->doubts;
    gf_rd_word word;
    pthread_mutex_unlock(&s->flight.lock);
    gofer_status st = gf_rd_consult(s->base.net, &o->seeds[who], deadline_ms, &word, again);
    pthread_mutex_lock(&s->flight.lock);
    int64_t now_ms = gf_mono_ms();
    if (st != GOFER_OK) {
        gf_rd_feed_failed(&s->feeds[who], now_ms);
        return st;
    }
    gf_rd_feed_set(&s->feeds[who], word.conn, now_ms);
    *again = true;
    return believe(s, &word, doubts, now_ms);
}

// The first answer counts. EINVAL or EDENIED, and that trying again is no use, only when every
// Sentinel gives that reason: one that was set up wrongly must not stop us.
static gofer_status ask_in_turn(sentinel *s, int64_t deadline_ms, bool *again)
{
    const gf_rd_options *o = gf_rd_net_options(s->base.net);
    size_t first = s->next;
    gofer_status all = GOFER_OK;
    *again = false;
    for (size_t i = 0; i < s->count; i++) {
        size_t who = (first + i) % s->count;
        bool once_more;
        gofer_status st = consult(s, who, gf_rd_single_flight_share(deadline_ms, s->count - i),
            &once_more);
        if (st == GOFER_OK)
            s->next = who;
        if (st == GOFER_OK || st == GOFER_ENOMEM)
            return st;
        *again |= once_more;
        all = i == 0 || all == st ? st : GOFER_EBROKER;
    }
    if (all != GOFER_EINVAL && all != GOFER_EDENIED)
        all = GOFER_EBROKER;
    return s->count == 1
        ? all
        : gf_fail_add(all, "no Sentinel names the primary '%s'; the last", o->master);
}

static gofer_status refresh(sentinel *s, int64_t deadline_ms, bool *again)
{
    *again = true;
    if (!gf_rd_single_flight_begin(&s->flight, deadline_ms))
        return GOFER_OK;           // somebody else did
    gofer_status st = ask_in_turn(s, deadline_ms, again);
    s->asked_ms = gf_mono_ms();
    s->vain = st == GOFER_OK ? 0 : s->vain + 1;
    gf_rd_single_flight_end(&s->flight);
    return st;
}

static bool is_time_to_ask(const sentinel *s, int64_t now_ms)
{
    int64_t every = has_live_feed(s, now_ms)
        ? NOW_AND_THEN_MS
        : gf_min((int64_t)DEAF_MS << gf_min(s->vain, 4), NOW_AND_THEN_MS);
    return !s->flight.under_way && now_ms - s->asked_ms >= every;
}

// What can wait, while the primary is known: nothing that fails here matters to the call.
static void tend(sentinel *s, int64_t deadline_ms, int64_t now_ms)
{
    bool again;
    if (is_time_to_ask(s, now_ms)) {
        s->next++;                 // another one: it may know more
        (void)refresh(s, gf_min(deadline_ms, now_ms + TEND_MS), &again);
        return;
    }
    for (size_t i = 0; i < s->count; i++)
        if (!s->feeds[i].conn && now_ms >= s->feeds[i].again_ms && !s->flight.under_way) {
            (void)gf_rd_single_flight_begin(&s->flight, deadline_ms);
            (void)consult(s, i, gf_min(deadline_ms, now_ms + TEND_MS), &again);
            gf_rd_single_flight_end(&s->flight);
            return;
        }
}

// ---- the table ----------------------------------------------------------------------------------

static void log_moved(gf_rd_net *net, const gf_rd_address *to)
{
    char text[GF_RD_ADDRESS_TEXT];
    gf_rd_address_text(to, text);
    gf_logf(gf_rd_net_log(net), GOFER_LOG_INFO, "the Sentinels name another primary", "address",
        text, NULL);
}

static gofer_status locate(gf_rd_topo *t, int32_t slot, int64_t deadline_ms, gf_rd_address *out,
    bool *again)
{
    (void)slot;
    sentinel *s = (sentinel *)t;
    gofer_status st = GOFER_OK;
    *again = true;
    pthread_mutex_lock(&s->flight.lock);
    int64_t now_ms = gf_mono_ms();
    listen_to_all(s, now_ms);
    if (s->known)
        tend(s, deadline_ms, now_ms);
    else if (now_ms >= s->replacing_ms || now_ms - s->asked_ms >= ASK_AGAIN_MS)
        st = refresh(s, deadline_ms, again);
    bool known = s->known, moved = s->moved;
    *out = s->primary;
    s->moved = false;
    pthread_mutex_unlock(&s->flight.lock);
    if (moved)
        log_moved(t->net, out);
    if (known)
        return GOFER_OK;
    return st != GOFER_OK ? st
                          : gf_fail(GOFER_EBROKER, "the Sentinels do not name the primary '%s' yet",
                                gf_rd_net_options(t->net)->master);
}

static gofer_status primaries(gf_rd_topo *t, int64_t deadline_ms, gf_rd_address **out,
    size_t *count)
{
    bool again;
    gf_rd_address *addresses = gf_alloc(sizeof *addresses);
    if (!addresses)
        return gf_fail_nomem("an address");
    gofer_status st = locate(t, GF_RD_ANY_SLOT, deadline_ms, addresses, &again);
    if (st != GOFER_OK) {
        gf_free(addresses);
        return st;
    }
    *out = addresses;
    *count = 1;
    return GOFER_OK;
}

static void trouble(gf_rd_topo *t, const gf_rd_address *address, gf_rd_trouble what)
{
    (void)what;
    sentinel *s = (sentinel *)t;
    pthread_mutex_lock(&s->flight.lock);
    if (s->known && gf_rd_address_same(address, &s->primary)) {
        doubt(s, false);
        s->next++;                 // this Sentinel may be cut off from the others
    }
    pthread_mutex_unlock(&s->flight.lock);
}

// Nobody may have told us of a failover while it was silent: then what it says is not believed
// before they are asked.
static bool is_current(gf_rd_topo *t, const gf_rd_address *address, int64_t silent_ms)
{
    sentinel *s = (sentinel *)t;
    pthread_mutex_lock(&s->flight.lock);
    int64_t now_ms = gf_mono_ms();
    listen_to_all(s, now_ms);
    bool same = gf_rd_address_same(address, &s->primary);
    if (s->known && same && silent_ms >= PAUSE_MS && !has_live_feed(s, now_ms))
        doubt(s, true);
    bool current = same && !s->doubted;
    pthread_mutex_unlock(&s->flight.lock);
    return current;
}

// A Sentinel's word may be old: a replica must not be written to, and answers reads of the past.
static gofer_status greet(gf_rd_topo *t, gf_rd_conn *c, const gf_rd_address *address,
    int64_t deadline_ms)
{
    (void)t;
    char who[GF_RD_ADDRESS_TEXT];
    gf_rd_address_text(address, who);
    gf_rd_args args = { 0 };
    redisReply *reply = NULL;
    gf_rd_add(&args, "ROLE");
    gofer_status st =
        args.failed ? gf_fail_nomem("a command") : gf_rd_conn_ask(c, &args, deadline_ms, &reply);
    gf_rd_args_clear(&args);
    if (st != GOFER_OK)
        return st;
    bool is_primary = !gf_rd_conn_is_replica(c);        // what it said when signing on: if we may
                                                        //   not ask
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
        reply->element[0]->type == REDIS_REPLY_STRING)
        is_primary = strcasecmp(reply->element[0]->str, "master") == 0;
    gf_rd_reply_free(reply);
    return is_primary ? GOFER_OK
                      : gf_fail(GOFER_EBROKER, "%s is a replica; the failover is not over", who);
}

const gf_rd_topo_ops gf_rd_sentinel_ops = {
    .open = open_topo,
    .close = close_topo,
    .locate = locate,
    .primaries = primaries,
    .trouble = trouble,
    .greet = greet,
    .is_current = is_current,
};
