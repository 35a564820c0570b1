// pool.h - what the files of net/ share of a gf_rd_net: nodes, their idle connections.
#ifndef GF_BROKER_REDIS_NET_POOL_H
#define GF_BROKER_REDIS_NET_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "broker/redis/net/conn.h"
#include "broker/redis/net/script.h"
#include "util/fork.h"
#include "util/spin.h"

enum {
    GF_RD_IDLE_MAX = 32                      // idle connections kept to one node
};

// A server we talk to. Nodes stay until the net is closed, so pointers to them are good.
typedef struct gf_rd_node {
    struct gf_rd_node *next;
    gf_rd_address      address;
    gf_rd_conn        *idle;                 // the one used last is first
    size_t             idle_count;
    int64_t            trimmed_ms;           // when idle ones were last looked through
    bool               down;                 // the log says so
    bool               broke;                // a connection did, and none was made since
    int64_t            logged_ms;            //   and said it at that time
    char               trouble[640];         // its last one, in words
    char               text[GF_RD_ADDRESS_TEXT];
} gf_rd_node;

struct gf_rd_net {
    gf_rd_options    options;
    gf_log           log;
    gf_process       process;
    gf_rd_topo      *topo;
    gf_rd_tls_setup *tls;                    // NULL: plain
    pthread_mutex_t  lock;                   // nodes, their lists and texts, all, server
    gf_rd_node      *nodes;
    gf_rd_conn      *all;                    // every connection of the pool, lent ones too
    gf_rd_server     server;
    _Atomic uint64_t epoch;
    _Atomic uint64_t remade;                 // connections, after others broke
    _Atomic bool     spinning;               // one call at a time (run.c), which has the
                                             //   next to itself
    gf_spin          spin;
    gf_rd_texts      texts;                  // of scripts
    _Atomic(struct gf_openssl *) openssl;    // NULL: not needed so far
};

gf_rd_node *gf_rd_node_of(gf_rd_net *net, const gf_rd_address *address);  // NULL: no memory
// An idle connection, sure to be alive as far as can be told; NULL: dial one.
gf_rd_conn *gf_rd_pool_take(gf_rd_net *net, gf_rd_node *node, int64_t deadline_ms);
// A new one. On failure the node's trouble has the words.
gofer_status gf_rd_pool_dial(gf_rd_net *net, gf_rd_node *node, int64_t deadline_ms,
    gf_rd_conn **out, bool *again);
void gf_rd_pool_give(gf_rd_conn *c);         // back; closes it if it cannot be used again
void gf_rd_pool_drop(gf_rd_conn *c);         // it is broken
// the words of its last trouble
void gf_rd_node_note(gf_rd_net *net, gf_rd_node *node, const char *text);
// Remembers it, tells the topology and the log, and closes the idle connections
// if they are in it too.
void gf_rd_node_trouble(gf_rd_net *net, gf_rd_node *node, gf_rd_trouble what, const char *text);

#endif
