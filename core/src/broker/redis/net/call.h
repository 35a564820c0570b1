// call.h - a call on its way, for run.c, pipeline.c and request.c.
//
// A request is a command on its way; a pipeline is those that were sent on one connection at once.
// Pipelines are on their way at the same time; what has to be sent again (redirected, not now,
// connection broken) waits for its moment and then goes in a new one, while the others go on.
//
// Threads: a call belongs to the one that made it. Locks: none, but the pool's inside its calls.
#ifndef GF_BROKER_REDIS_NET_CALL_H
#define GF_BROKER_REDIS_NET_CALL_H

#include <poll.h>

#include "broker/redis/net/pool.h"

typedef enum gf_rd_reason { NO_TIME, NO_MEMORY, NO_ADDRESS, NO_NODE, BAD_REPLY, FEW_REPLICAS,
    NO_WAIT } gf_rd_reason;

typedef struct gf_rd_request {
    gf_rd_cmd    *cmd;
    gf_rd_node   *node;                      // where it goes or went
    struct gf_rd_request *next;              // in its pipeline
    int64_t       due_ms;                    // not to be sent before; 0: at once
    size_t        begin;                     // its first byte in the pipeline's output
    uint32_t      tries;
    bool under_way, done, located, pinned, eval, asking;
    bool was_sent;                           // once, and the answer did not come
    bool lost;                               // and so it may be done
    gf_rd_reason  why;                       // it is not done yet, or failed
} gf_rd_request;

typedef struct gf_rd_pipeline {
    gf_rd_node *node;
    gf_rd_conn *conn;
    gf_rd_request *waiting, *last;           // to be answered, in this order
    gf_rd_request *written;                  // done if the replicas say so
    gf_rd_text *texts;                       // whose digests are answered after that
    bool        asked;                       // +OK of ASKING comes first
    bool        replicas;                    // the answer to WAIT comes at the end
    bool        bad;                         // its connection is not to be used again
    int64_t     sent_ms;
    // what it answers is not believed: another server has taken its place
    bool        doubted;
    // when what it has to leave is sent again; 0: nothing yet
    int64_t     later_ms;
} gf_rd_pipeline;

typedef struct gf_rd_net_call {
    gf_rd_net     *net;
    int64_t        begun_ms, deadline_ms;
    gf_rd_request *requests;
    gf_rd_pipeline *pipelines;               // those on their way first
    struct pollfd *fds;
    size_t         pipeline_count;
    size_t         count, left;              // left: requests not done,
    size_t         asides;                   //   and those of them that are of no weight
    // they have nothing to do with each other: see gf_rd_run_apart
    bool           apart;
    bool           whole;                    // they are of use only together: see gf_rd_run_whole;
    gofer_status   passed;                   //   what is no failure there,
    gf_rd_request *failed;                   //   and what failed first, so that the call is over
    // something was answered since the clock was last looked at
    bool           news;
    // when it was; when only asides were left. 0: not so far
    int64_t        news_ms, idle_ms;
    gofer_status   address_status;           // of the last locate that failed, and its words
    char           address_text[640];
} gf_rd_net_call;

// ---- request.c ----------------------------------------------------------------------------------

void gf_rd_request_finish(gf_rd_net_call *c, gf_rd_request *req, gofer_status st, gf_rd_reason why);
// All that a pipeline leaves is sent again at the same moment (*moment, 0 at first): together and
// in order.
void gf_rd_request_later(gf_rd_request *req, gf_rd_reason why, int64_t *moment);
void gf_rd_request_now(gf_rd_request *req);
gofer_status gf_rd_request_status_at_end(const gf_rd_net_call *c, const gf_rd_request *req);
// The words for a request that failed, as the thread's last error.
void gf_rd_request_explain(gf_rd_net_call *c, const gf_rd_request *req);

// ---- pipeline.c ---------------------------------------------------------------------------------

// After each of these the pipeline may be over, and the last one stand in its place.
void gf_rd_pipeline_start(gf_rd_net_call *c, gf_rd_pipeline *p); // sends it on its connection
// what is left to be sent; false: it broke
bool gf_rd_pipeline_write(gf_rd_net_call *c, gf_rd_pipeline *p);
void gf_rd_pipeline_read(gf_rd_net_call *c, gf_rd_pipeline *p); // what has come
// False: another server has taken the place of its own, or may have.
bool gf_rd_pipeline_is_current(const gf_rd_net_call *c, const gf_rd_pipeline *p);
// that is so: as if its connection had broken
void gf_rd_pipeline_abandon(gf_rd_net_call *c, gf_rd_pipeline *p);
// The connection broke (or could not be made: conn NULL), or is too late: what is not answered is
// lost if a byte of it was sent. final: not to be tried again.
void gf_rd_pipeline_break(gf_rd_net_call *c, gf_rd_pipeline *p, gofer_status final,
    gf_rd_reason why);

#endif
