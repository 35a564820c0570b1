// flight.h - a call on its way, for run.c, leg.c and item.c.
//
// An item is a command on its way; a leg is a pipeline on one connection. Legs are on their way at the same
// time; what has to be sent again (redirected, not now, connection broken) waits for its moment and then
// flies in a new leg, while the others go on. A call belongs to the thread that made it.
#ifndef GF_BROKER_REDIS_NET_FLIGHT_H
#define GF_BROKER_REDIS_NET_FLIGHT_H

#include <poll.h>

#include "broker/redis/net/pool.h"

typedef enum gf_rd_reason { NO_TIME, NO_MEMORY, NO_PLACE, NO_NODE, BAD_REPLY, FEW_REPLICAS, NO_WAIT } gf_rd_reason;

typedef struct gf_rd_item {
    gf_rd_cmd    *cmd;
    gf_rd_node   *node;                      // where it goes or went
    struct gf_rd_item *next;                 // in its leg
    int64_t       due_ms;                    // not to be sent before; 0: at once
    size_t        begin;                     // its first byte in the leg's output
    uint32_t      tries;
    bool flying, done, placed, pinned, eval, asking;
    bool was_sent;                           // once, and the answer did not come
    bool lost;                               // and so it may be done
    gf_rd_reason  why;                       // it is not done yet, or failed
} gf_rd_item;

typedef struct gf_rd_leg {
    gf_rd_node *node;
    gf_rd_conn *conn;
    gf_rd_item *waiting, *last;              // to be answered, in this order
    gf_rd_item *written;                     // done if the replicas say so
    gf_rd_text *texts;                       // whose digests are answered after that
    bool        asked;                       // +OK of ASKING comes first
    bool        replicas;                    // the answer to WAIT comes at the end
    bool        bad;                         // its connection is not to be used again
    int64_t     sent_ms;
    bool        doubted;                     // what it answers is not believed: another server has taken its place
    int64_t     later_ms;                    // when what it has to leave is sent again; 0: nothing yet
} gf_rd_leg;

typedef struct gf_rd_flight {
    gf_rd_net     *net;
    int64_t        begun_ms, deadline_ms;
    gf_rd_item    *items;
    gf_rd_leg     *legs;                     // those on their way first
    struct pollfd *fds;
    size_t         count, left, leg_count;   // left: items not done,
    size_t         asides;                   //   and those of them that are of no weight
    bool           apart;                    // they have nothing to do with each other: see gf_rd_run_apart
    bool           whole;                    // they are of use only together: see gf_rd_run_whole;
    gofer_status   passed;                   //   what is no failure there,
    gf_rd_item    *failed;                   //   and what failed first, so that the call is over
    bool           news;                     // something was answered since the clock was last looked at
    int64_t        news_ms, idle_ms;         // when it was; when only asides were left. 0: not so far
    gofer_status   place_status;             // of the last locate that failed, and its words
    char           place_text[640];
} gf_rd_flight;

// ---- item.c ------------------------------------------------------------------------------------------------

void gf_rd_item_finish(gf_rd_flight *c, gf_rd_item *it, gofer_status st, gf_rd_reason why);
// All that a leg leaves is sent again at the same moment (*moment, 0 at first): together and in order.
void gf_rd_item_later(gf_rd_item *it, gf_rd_reason why, int64_t *moment);
void gf_rd_item_now(gf_rd_item *it);
gofer_status gf_rd_item_status_at_end(const gf_rd_flight *c, const gf_rd_item *it);
// The words for an item that failed, as the thread's last error.
void gf_rd_item_explain(gf_rd_flight *c, const gf_rd_item *it);

// ---- leg.c -------------------------------------------------------------------------------------------------

// After each of these the leg may be over, and the last one stand in its place.
void gf_rd_leg_start(gf_rd_flight *c, gf_rd_leg *l);     // sends it on its connection
bool gf_rd_leg_write(gf_rd_flight *c, gf_rd_leg *l);     // what is left to be sent; false: it broke
void gf_rd_leg_read(gf_rd_flight *c, gf_rd_leg *l);      // what has come
// False: another server has taken the place of its own, or may have.
bool gf_rd_leg_is_current(const gf_rd_flight *c, const gf_rd_leg *l);
void gf_rd_leg_abandon(gf_rd_flight *c, gf_rd_leg *l);   // that is so: as if its connection had broken
// The connection broke (or could not be made: conn NULL), or is too late: what is not answered is lost if
// a byte of it was sent. final: not to be tried again.
void gf_rd_leg_break(gf_rd_flight *c, gf_rd_leg *l, gofer_status final, gf_rd_reason why);

#endif
