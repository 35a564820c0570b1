// feed.c - one Sentinel: what it answers about our primary, and what it
// announces of it from then on.
//
// May touch: conn.h. A subscribed connection is read by whoever makes a call, so it needs no
// thread. Sentinels announce a promotion a tenth of a second before they order it, on the one that
// leads it; the others announce it as soon as they hear of it.
#include "broker/redis/net/feed.h"

#include <stdlib.h>
#include <string.h>

#include "broker/redis/net/conn.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    PING_MS = 3000,                // it has said nothing for so long: PING
    PONG_MS = 2000,                // and this long the answer may take
    AGAIN_MS = 1000, AGAIN_DOUBLINGS = 6
};

// Their texts are "slave <name> <address> <port> @ <master> <its address> <its port>", "master
// <master> …", but that of +switch-master, which is "<master> <old address> <old
// port> <address> <port>".
static const struct { const char *channel; gf_rd_news news; } announced[] = {
    { "+switch-master",                     GF_RD_NEWS_REPLACING },
    { "+promoted-slave",                    GF_RD_NEWS_REPLACING },
    { "+failover-state-send-slaveof-noone", GF_RD_NEWS_REPLACING },
    { "-failover-abort-slave-timeout",      GF_RD_NEWS_KEPT },
};
enum { CHANNELS = sizeof announced / sizeof *announced };

// ---- the answer ---------------------------------------------------------------------------------

// EINVAL: the Sentinel does not know the name.
static gofer_status read_address(const redisReply *r, const char *master, const char *who,
    gf_rd_address *out)
{
    if (r->type == REDIS_REPLY_NIL || (r->type == REDIS_REPLY_ARRAY && r->elements == 0))
        return gf_fail(GOFER_EINVAL,
            "the Sentinel %s knows no primary '%s'; check master= in the URL", who, master);
    if (r->type == REDIS_REPLY_ERROR) {
        bool denied = gf_rd_reply_status(r) == GOFER_EDENIED;
        return gf_fail(denied ? GOFER_EDENIED : GOFER_EBROKER, "the Sentinel %s answers: %s", who,
            r->str);
    }
    long port = 0;
    if (r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
        r->element[0]->type == REDIS_REPLY_STRING && r->element[1]->type == REDIS_REPLY_STRING)
        port = strtol(r->element[1]->str, NULL, 10);
    if (port < 1 || port > 65535 || !gf_rd_address_set(out, r->element[0]->str, r->element[0]->len,
        (int32_t)port))
        return gf_fail(GOFER_EBROKER, "the Sentinel %s gives no address of '%s'; is it a Sentinel?",
            who, master);
    return GOFER_OK;
}

// Of SENTINEL MASTER, a list of names and values. Who may not ask goes without.
static int64_t read_epoch(const redisReply *r)
{
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2) {
        const redisReply *name = r->element[i], *value = r->element[i + 1];
        if (name->type == REDIS_REPLY_STRING && value->type == REDIS_REPLY_STRING &&
            strcmp(name->str, "config-epoch") == 0)
            return strtoll(value->str, NULL, 10);
    }
    return 0;
}

static void put_words(gf_rd_conn *c, size_t count, const char *const *words)
{
    gf_rd_conn_put_count(c, count);
    for (size_t i = 0; i < count; i++)
        gf_rd_conn_put_word(c, words[i], strlen(words[i]));
}

static gofer_status next_reply(gf_rd_conn *c, int64_t deadline_ms, redisReply **r, bool *again)
{
    gofer_status st = gf_rd_conn_reply(c, deadline_ms, r);
    *again = st == GOFER_EBROKER;
    return st;
}

// The subscription goes out together with the questions, so that nothing happens
// between the two unheard.
static gofer_status ask(gf_rd_conn *c, const char *master, int64_t deadline_ms, gf_rd_word *out,
    bool *subscribed, bool *again)
{
    const char *words[CHANNELS + 1] = { "SUBSCRIBE" };
    for (size_t i = 0; i < CHANNELS; i++)
        words[i + 1] = announced[i].channel;
    put_words(c, 3, (const char *const[]){ "SENTINEL", "GET-MASTER-ADDR-BY-NAME", master });
    put_words(c, 3, (const char *const[]){ "SENTINEL", "MASTER", master });
    put_words(c, CHANNELS + 1, words);

    redisReply *r = NULL;
    gofer_status st = next_reply(c, deadline_ms, &r, again);
    if (st == GOFER_OK) {
        st = read_address(r, master, c->text, &out->address);
        *again = st == GOFER_EBROKER;
        gf_rd_reply_free(r);
    }
    if (st == GOFER_OK && (st = next_reply(c, deadline_ms, &r, again)) == GOFER_OK) {
        out->epoch = read_epoch(r);
        gf_rd_reply_free(r);
    }
    if (st == GOFER_OK && (st = next_reply(c, deadline_ms, &r, again)) == GOFER_OK) {
        *subscribed = r->type == REDIS_REPLY_ARRAY;
        gf_rd_reply_free(r);
    }
    gf_rd_conn_rewind(c);
    return st;
}

gofer_status gf_rd_consult(gf_rd_net *net, const gf_rd_seed *seed, int64_t deadline_ms,
    gf_rd_word *out, bool *again)
{
    const gf_rd_options *o = gf_rd_net_options(net);
    gf_rd_address address;
    gf_rd_conn *c = NULL;
    bool subscribed = false;
    *again = false;
    *out = (gf_rd_word){ .conn = NULL };
    if (!gf_rd_address_of(&address, seed))
        return gf_fail(GOFER_EINVAL, "the name of a Sentinel in '%s' is too long", o->shown);
    gofer_status st = gf_rd_conn_dial(&c, net, &address, GF_RD_SENTINEL_SERVER, deadline_ms, again);
    if (st == GOFER_OK)
        st = ask(c, o->master, deadline_ms, out, &subscribed, again);
    if (st == GOFER_OK && subscribed)
        out->conn = c;
    else
        gf_rd_conn_close(c);
    return st;
}

// ---- announcements ------------------------------------------------------------------------------

int gf_rd_feed_fd(const gf_rd_feed *f)
{
    return f->conn ? f->conn->fd : -1;
}

void gf_rd_feed_set(gf_rd_feed *f, gf_rd_conn *conn, int64_t now_ms)
{
    gf_rd_conn_close(f->conn);
    *f = (gf_rd_feed){ .conn = conn, .received_ms = now_ms, .again_ms = now_ms + AGAIN_MS };
}

void gf_rd_feed_failed(gf_rd_feed *f, int64_t now_ms)
{
    uint32_t tries = f->tries < AGAIN_DOUBLINGS ? f->tries + 1 : f->tries;
    f->again_ms = now_ms + ((int64_t)AGAIN_MS << tries);
    f->tries = tries;
}

bool gf_rd_feed_is_live(const gf_rd_feed *f, int64_t now_ms)
{
    return f->conn && now_ms - f->received_ms <= PING_MS + PONG_MS;
}

// The words of a text, up to `most`; ends point behind them.
static size_t split(const char *text, size_t most, const char **words, const char **ends)
{
    size_t count = 0;
    while (count < most && *text) {
        words[count] = text;
        text += strcspn(text, " ");
        ends[count++] = text;
        text += strspn(text, " ");
    }
    return count;
}

static bool is_word(const char *begin, const char *end, const char *word)
{
    return strlen(word) == (size_t)(end - begin) && memcmp(begin, word, (size_t)(end - begin)) == 0;
}

// Does it speak of our primary? *other: who takes its place; no host: not told.
static bool is_ours(bool is_switch, const char *text, const char *master, gf_rd_address *other)
{
    enum { WORDS = 8 };
    const char *words[WORDS], *ends[WORDS];
    size_t count = split(text, WORDS, words, ends), name = is_switch ? 0 : 1,
           at = is_switch ? 3 : 2;
    *other = (gf_rd_address){ .port = 0 };
    if (!is_switch && count > 5 && is_word(words[0], ends[0], "slave"))
        name = 5;                            // behind the '@'
    if (count <= name || !is_word(words[name], ends[name], master))
        return false;
    if (count > at + 1 && name != 1)
        (void)gf_rd_address_set(other, words[at], (size_t)(ends[at] - words[at]),
            (int32_t)strtol(words[at + 1], NULL, 10));
    return true;
}

static gf_rd_news meaning_of(const redisReply *r, const char *master, gf_rd_address *other)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 3)
        return GF_RD_NEWS_NOTHING;
    for (size_t i = 0; i < 3; i++)
        if (r->element[i]->type != REDIS_REPLY_STRING)
            return GF_RD_NEWS_NOTHING;
    for (size_t i = 0; i < CHANNELS; i++)
        if (strcmp(r->element[1]->str, announced[i].channel) == 0)
            return is_ours(i == 0, r->element[2]->str, master, other) ? announced[i].news
                                                                      : GF_RD_NEWS_NOTHING;
    return GF_RD_NEWS_NOTHING;
}

// False: the connection is broken.
static bool take_in(gf_rd_feed *f, const char *master, int64_t now_ms, gf_rd_news *latest,
    gf_rd_address *other)
{
    redisReply *r = NULL;
    gf_rd_address address;
    gf_rd_io io;
    int bursts = 0;
    do {
        // so much no Sentinel has to say
        io = ++bursts > GF_RD_AT_ONCE ? GF_RD_IO_BROKEN : gf_rd_conn_fill(f->conn);
        for (gf_rd_io next = io; next == GF_RD_IO_DONE;) {
            next = gf_rd_conn_next(f->conn, &r);
            if (next == GF_RD_IO_DONE) {
                gf_rd_news news = meaning_of(r, master, &address);
                if (news != GF_RD_NEWS_NOTHING) {
                    *latest = news;
                    *other = address;
                }
                gf_rd_reply_free(r);
                f->received_ms = now_ms;
                f->pinged_ms = 0;
            }
            io = next == GF_RD_IO_BROKEN ? next : io;
        }
    } while (io == GF_RD_IO_DONE);
    return io == GF_RD_IO_AGAIN;
}

static bool check_pulse(gf_rd_feed *f, int64_t now_ms)
{
    if (f->pinged_ms)
        return now_ms - f->pinged_ms <= PONG_MS;
    if (now_ms - f->received_ms <= PING_MS)
        return true;
    f->pinged_ms = now_ms;
    put_words(f->conn, 1, (const char *const[]){ "PING" });
    gf_rd_io io = gf_rd_conn_flush(f->conn);
    if (io == GF_RD_IO_DONE)
        gf_rd_conn_rewind(f->conn);
    return io == GF_RD_IO_DONE;              // so few bytes not taken at once: it does not read
}

gf_rd_news gf_rd_feed_read(gf_rd_feed *f, const char *master, bool came, int64_t now_ms,
    gf_rd_address *other)
{
    gf_rd_news news = GF_RD_NEWS_NOTHING;
    if (!f->conn)
        return news;
    if ((came && !take_in(f, master, now_ms, &news, other)) || !check_pulse(f, now_ms)) {
        gf_rd_conn_close(f->conn);
        f->conn = NULL;
        f->again_ms = now_ms;
    }
    return news;
}
