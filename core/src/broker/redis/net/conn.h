// conn.h - one connection: bytes out, replies in, never blocking but where a deadline is given.
//
// May touch: inner.h, OpenSSL through tls.h. Only run.c, session.c, pool.c, feed.c, sign.c and
// conn.c include it.
#ifndef GF_BROKER_REDIS_NET_CONN_H
#define GF_BROKER_REDIS_NET_CONN_H

#include "broker/redis/net/inner.h"
#include "broker/redis/net/tls.h"

enum {
    GF_RD_BULK_MAX = GF_RD_STRING_MAX,       // bytes of one string in a reply
    GF_RD_ELEMENTS_MAX = 1 << 20,            // elements of a reply, all levels together
    GF_RD_DEPTH_MAX = 8,                     // arrays within arrays
    GF_RD_AT_ONCE = 64,                      // bursts read before the caller looks at
                                             //   the clock again
    GF_RD_REPLY_MAX = 1 << 30,               // bytes of a reply, all strings together
    GF_RD_IDLE_PING_MS = 15000,              // idle for longer: it must answer before it is used,
    GF_RD_IDLE_ROLE_MS = 1000                //   and behind Sentinel so soon, with its role
};

struct gf_rd_node;

enum { GF_RD_READ_SIZE = 16 * 1024 };        // read at once; a TLS record is no larger

struct gf_rd_conn {
    int          fd;
    gf_rd_tls   *tls;                        // NULL: plain
    gf_rd_net   *net;
    // whose pool it belongs to; NULL: a session's or a Sentinel's
    struct gf_rd_node *node;
    gf_rd_conn  *next_idle;
    gf_rd_conn  *next, **before;             // all connections of the pool, lent ones too

    char        *out;                        // bytes to send; kept for the next pipeline
    size_t       out_size, out_capacity, out_sent;
    bool         out_of_memory;              // something did not get into `out`

    redisReader *reader;
    redisReplyObjectFunctions make;          // those of reply_memory.c, with our limits before them
    size_t       elements, bytes;            // of the reply being read
    char         burst[GF_RD_READ_SIZE];     // what came last; too much for a handler's stack
    bool         more;                       // the last burst was cut, or OpenSSL may hold some
                                             //   that no poll tells of

    int64_t      idle_ms;                    // since when it is in the pool
    gf_rd_server server;
    bool         is_replica;
    char         text[GF_RD_ADDRESS_TEXT];   // where it leads
    char         why[200];                   // what broke it
};

// ---- out ----------------------------------------------------------------------------------------

// Append a command to `out`; no memory: remembered, and gf_rd_conn_flush fails
// before sending anything.
void gf_rd_conn_put(gf_rd_conn *c, const gf_rd_args *args);
// In pieces: the count of words, then each of them.
void gf_rd_conn_put_count(gf_rd_conn *c, size_t words);
void gf_rd_conn_put_word(gf_rd_conn *c, const void *bytes, size_t size);
// One word of two pieces.
void gf_rd_conn_put_joined(gf_rd_conn *c, const void *first, size_t first_size, const void *rest,
    size_t rest_size);

// AGAIN: poll for gf_rd_conn_events. BROKEN: `why` says it.
gf_rd_io gf_rd_conn_flush(gf_rd_conn *c);    // DONE: all is out
gf_rd_io gf_rd_conn_fill(gf_rd_conn *c);     // one burst of what came; DONE: some
gf_rd_io gf_rd_conn_next(gf_rd_conn *c, redisReply **reply);     // from what was filled; DONE: a
                                                                 //   reply
// flushes, waits for one
gofer_status gf_rd_conn_reply(gf_rd_conn *c, int64_t deadline_ms, redisReply **reply);
void     gf_rd_conn_rewind(gf_rd_conn *c);   // everything was sent: `out` is empty again
short    gf_rd_conn_events(const gf_rd_conn *c);
// Waits for the events (EINTR is not an end). False: the deadline is over.
bool     gf_rd_conn_poll(int fd, short events, int64_t deadline_ms);

// Nothing came unasked and the other side has not closed.
bool     gf_rd_conn_is_quiet(gf_rd_conn *c);

gf_rd_tls_setup *gf_rd_net_tls(const gf_rd_net *net);

// ---- opening (sock.c, sign.c) -------------------------------------------------------------------

// A connected non-blocking socket. On failure -1, the thread's last error says why,
// *again as in inner.h.
int          gf_rd_sock_open(const gf_rd_address *address, int64_t deadline_ms, gofer_status *st,
    bool *again);
gofer_status gf_rd_sign_on(gf_rd_conn *c, gf_rd_kind kind, int64_t deadline_ms, bool *again);

// ---- the memory of replies (reply_memory.c) -----------------------------------------------------
//
// For hiredis's reader, which is handed back what was made for it; NULL: no memory.

void *gf_rd_reply_make_text(const redisReadTask *task, const char *text, size_t size);
void *gf_rd_reply_make_array(const redisReadTask *task, size_t count);
void *gf_rd_reply_make_integer(const redisReadTask *task, long long number);
void *gf_rd_reply_make_nil(const redisReadTask *task);

// ---- replies (reply.c) --------------------------------------------------------------------------

typedef enum gf_rd_meaning {
    GF_RD_FINE, GF_RD_FINAL,                 // no error; an error that trying again does not mend
    GF_RD_LATER,                             // not now (LOADING, BUSY, TRYAGAIN, NOREPLICAS …)
    GF_RD_NOT_MASTER, GF_RD_NOT_SERVED,      // READONLY, MASTERDOWN; CLUSTERDOWN
    GF_RD_MOVED, GF_RD_ASK, GF_RD_NOSCRIPT
} gf_rd_meaning;

gf_rd_meaning gf_rd_reply_meaning(const redisReply *reply);
gofer_status  gf_rd_reply_status(const redisReply *reply);      // OK, or what the error means as
                                                                //   a status
// Records it as the thread's last error: "Redis at <where> …: <reply>". name: of
// the command or script.
gofer_status  gf_rd_reply_fail(const redisReply *reply, const char *where, const char *name);
// "MOVED 3999 127.0.0.1:6381": an empty host is the one that answered.
bool          gf_rd_reply_address(const redisReply *reply, const gf_rd_address *from,
    gf_rd_address *out);

#endif
