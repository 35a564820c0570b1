// server.h - requests and answers over HTTP: between the gate and the handlers.
#ifndef WEB_SERVER_H
#define WEB_SERVER_H

#include <stdbool.h>
#include <sys/socket.h>

#include "access.h"
#include "audit.h"
#include "gate.h"
#include "guard.h"
#include "jobs.h"
#include "masks.h"
#include "pool.h"
#include "streams.h"
#include "gofer/gofer.h"

typedef struct web_server web_server;

typedef struct web_server_options {
    gofer_client *client;       // all borrowed
    gofer_worker *worker;       // NULL: the store is served
    web_jobs     *jobs;
    web_audit    *audit;
    struct web_recent *recent;
    struct web_steps *steps;
    struct web_roster *roster;
    struct web_totals *totals;
    struct web_checks *checks;
    struct web_scrapes *scrapes;
    const struct web_options *options;
    const char *const *addresses;   // that it is bound to: "http://127.0.0.1:8989/"
    size_t        address_count;
    web_access   *access;
    web_pool     *pool;
    web_pool     *prover;       // one thread, for passwords; NULL: nobody has any
    web_streams  *streams;
    web_guard     guard;
    const char   *base;         // "" or "/gofer"
    const char   *web_root;     // the page's files; NULL: those inside
    const web_masks *masks;     // NULL: none
    bool          asynq_names;  // of metrics, too
    bool          asynqmon;     // its routes, too
    const char   *user_header, *role_header;    // of proxies; NULL: they name nobody
    bool (*trusted)(void *user, const struct sockaddr *from);   // a proxy of ours, or a Unix socket
    void         *user;
    bool          behind_proxy; // with TLS
} web_server_options;

web_server *web_server_new(const web_server_options *opts);     // NULL: no memory, or no thread
void web_server_use_gate(web_server *server, web_gate *gate);   // before the first connection
// A stream has something to read: its reader is what the server opened it with.
void web_server_wake(void *reader);
void web_server_left(void *reader);     // the gate's: he has hung up
// A connection whose head has been read; it is the server's from now on.
bool web_server_take(web_server *server, int fd, const struct sockaddr *from, socklen_t size);
// Waits for requests under way, at the most so long. NULL is fine.
void web_server_settle(web_server *server, int64_t patience_ms);
// Ends what is left; no request may wait for the pool any more. NULL is fine.
void web_server_free(web_server *server);

#endif
