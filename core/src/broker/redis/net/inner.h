// inner.h - the room of net/ from inside: addresses, connections, and the table a topology fills.
//
// May touch: net.h. Only files of net/ include it. All deadlines are points of gf_mono_ms.
//
// A call (run.c) asks the topology where the primary of a slot is, takes a connection to that
// address from the pool (pool.c) or dials one (conn.c), sends, reads, and tells the topology of
// trouble. The topology only knows addresses; it never sees the call's commands.
#ifndef GF_BROKER_REDIS_NET_INNER_H
#define GF_BROKER_REDIS_NET_INNER_H

#include "broker/redis/net/net.h"

// An address is where a server listens. A value: copied freely, owned by nobody.
typedef struct gf_rd_address {
    char    host[256];             // a name, an address without brackets, or the
                                   //   path of a Unix socket
    int32_t port;                  // 0: host is a path
} gf_rd_address;

enum { GF_RD_ADDRESS_TEXT = 272 }; // room for "[host]:port"

// False: the host's name is too long (or the path of a Unix socket, for the system).
bool gf_rd_address_set(gf_rd_address *out, const char *host, size_t size, int32_t port);
bool gf_rd_address_of(gf_rd_address *out, const gf_rd_seed *seed);
bool gf_rd_address_same(const gf_rd_address *a, const gf_rd_address *b);
void gf_rd_address_text(const gf_rd_address *p, char out[GF_RD_ADDRESS_TEXT]);

// ---- connections (conn.c, sign.c) ---------------------------------------------------------------

typedef struct gf_rd_conn gf_rd_conn;

typedef enum gf_rd_kind {
    GF_RD_SERVER,                  // signs on with the server's name and password,
                                   //   SELECTs, learns the version
    GF_RD_SENTINEL_SERVER          // signs on with the Sentinels' name and password, nothing else
} gf_rd_kind;

// One attempt: connects, TLS, signs on. It ends at the deadline or after the options' connect
// timeout, whichever comes first. On failure *again says if another attempt may help (refused,
// timed out, loading), or not (wrong password, a certificate that is not
// trusted). again may be NULL.
gofer_status gf_rd_conn_dial(gf_rd_conn **out, gf_rd_net *net, const gf_rd_address *address,
    gf_rd_kind kind, int64_t deadline_ms, bool *again);
void gf_rd_conn_close(gf_rd_conn *c);          // NULL is fine
// One command and its answer. OK: *reply is there, which may be an error reply (gf_rd_reply_free).
// Else the connection is broken: close it.
gofer_status gf_rd_conn_ask(gf_rd_conn *c, const gf_rd_args *args, int64_t deadline_ms,
    redisReply **reply);
// What the server said of itself when signing on (HELLO): a replica refuses writes.
// False if it did not say.
bool gf_rd_conn_is_replica(const gf_rd_conn *c);

// One command to a server at that address, on a pooled connection or a new one: as gf_rd_conn_ask,
// *again as of _dial.
gofer_status gf_rd_ask(gf_rd_net *net, const gf_rd_address *address, const gf_rd_args *args,
    int64_t deadline_ms, redisReply **reply, bool *again);

// ---- a topology ---------------------------------------------------------------------------------

typedef enum gf_rd_trouble {
    GF_RD_BROKEN,                  // refused, broke, silent, or talks nonsense
    GF_RD_DEMOTED,                 // READONLY or MASTERDOWN: a replica now
    GF_RD_DOWN                     // CLUSTERDOWN: it cannot serve the slot for now
} gf_rd_trouble;

typedef struct gf_rd_topo_ops gf_rd_topo_ops;

// Every topology begins with this.
typedef struct gf_rd_topo {
    const gf_rd_topo_ops *ops;
    gf_rd_net            *net;     // for gf_rd_net_options, gf_rd_net_log,
                                   //   gf_rd_ask, gf_rd_conn_dial
} gf_rd_topo;

// Members are called from any thread, several at a time, without a lock held.
struct gf_rd_topo_ops {
    // Makes it; may leave the finding of servers to the first locate. base.ops and
    // base.net are set by it.
    gofer_status (*open)(gf_rd_topo **out, gf_rd_net *net, int64_t deadline_ms);
    // In a forked child too: then locks may be held by threads that are not there, so only memory
    // and descriptors go (gf_rd_net_forked tells).
    void (*close)(gf_rd_topo *t);

    // The primary that serves the slot (GF_RD_ANY_SLOT: some primary). May block to ask, within the
    // deadline. A failure is tried again by the caller after a pause, until its deadline, if *again
    // says that this may help.
    gofer_status (*locate)(gf_rd_topo *t, int32_t slot, int64_t deadline_ms, gf_rd_address *out,
        bool *again);
    // Every primary: an array to be gf_free'd.
    gofer_status (*primaries)(gf_rd_topo *t, int64_t deadline_ms, gf_rd_address **out,
        size_t *count);
    // The address made trouble: ask anew before locating the next time. Never blocks.
    void (*trouble)(gf_rd_topo *t, const gf_rd_address *address, gf_rd_trouble what);
    // MOVED was answered: the slot is now served there. Never blocks. NULL: no redirections here, a
    // MOVED is an error. (ASK is dealt with by the call: it concerns that one command only.)
    void (*moved)(gf_rd_topo *t, int32_t slot, const gf_rd_address *to);
    // A new connection to a server, signed on: is it what locate said? Not OK: it is closed, told
    // as trouble (GF_RD_DEMOTED) and tried again. NULL: not asked.
    gofer_status (*greet)(gf_rd_topo *t, gf_rd_conn *c, const gf_rd_address *address,
        int64_t deadline_ms);
    // May what that address has just answered be believed, after so long a silence? Looked at again
    // and again while an answer is waited for. Never blocks. NULL: always.
    bool (*is_current)(gf_rd_topo *t, const gf_rd_address *address, int64_t silent_ms);
};

extern const gf_rd_topo_ops gf_rd_single_ops;      // single.c
extern const gf_rd_topo_ops gf_rd_sentinel_ops;    // sentinel.c
extern const gf_rd_topo_ops gf_rd_cluster_ops;     // cluster.c

const gf_log *gf_rd_net_log(const gf_rd_net *net);
bool          gf_rd_net_forked(const gf_rd_net *net);      // this process is not the one that
                                                           //   opened it

// 10 ms doubling to 1 s with every try (0: the first), half of it by chance.
int64_t gf_rd_backoff_ms(uint32_t tries);

#endif
