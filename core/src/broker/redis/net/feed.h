// feed.h - one Sentinel: what it answers about our primary, and what it
// announces of it from then on.
//
// Belongs to whoever holds the topology's lock; gf_rd_consult needs none.
#ifndef GF_BROKER_REDIS_NET_FEED_H
#define GF_BROKER_REDIS_NET_FEED_H

#include "broker/redis/net/inner.h"

// What a Sentinel says of the primary.
typedef struct gf_rd_word {
    gf_rd_address address;
    int64_t     epoch;             // of its configuration: of two words the one with the
                                   //   higher counts; 0: not told
    gf_rd_conn *conn;              // subscribed to its announcements; NULL: we
                                   //   may not, or it cannot
} gf_rd_word;

// Asks one Sentinel, on a connection of its own. EINVAL: it does not know the name. *again:
// another try may help.
gofer_status gf_rd_consult(gf_rd_net *net, const gf_rd_seed *seed, int64_t deadline_ms,
    gf_rd_word *out, bool *again);

typedef struct gf_rd_feed {
    gf_rd_conn *conn;              // NULL: nobody is listened to
    int64_t     received_ms;       // when it last said anything
    int64_t     pinged_ms;         // when a PING went out that is not answered; 0: none
    int64_t     again_ms;          // not to be opened before
    uint32_t    tries;             // in vain, one after the other
} gf_rd_feed;

typedef enum gf_rd_news {          // what was announced of our primary:
    GF_RD_NEWS_NOTHING,
    GF_RD_NEWS_REPLACING,          // another is about to be promoted, or has been
    GF_RD_NEWS_KEPT                // it will not be replaced after all
} gf_rd_news;

int  gf_rd_feed_fd(const gf_rd_feed *f);                               // -1: none
// Takes in what has come, never blocking; the latest counts, and *other is who it says is promoted.
// One that is silent for long is asked whether it lives, and given up in the end.
gf_rd_news gf_rd_feed_read(gf_rd_feed *f, const char *master, bool came, int64_t now_ms,
    gf_rd_address *other);
// Something came so short a time ago that what it did not announce has not happened.
bool gf_rd_feed_is_live(const gf_rd_feed *f, int64_t now_ms);
// takes it over; NULL: closes
void gf_rd_feed_set(gf_rd_feed *f, gf_rd_conn *conn, int64_t now_ms);
// it could not be asked: not so soon again
void gf_rd_feed_failed(gf_rd_feed *f, int64_t now_ms);

#endif
