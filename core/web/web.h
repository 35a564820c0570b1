// web.h - `gofer web`: a server with the page, the JSON interface and the metrics of one store; or
// with those of one worker.
//
// On gofer.h alone, as any stranger. What it is made of, from outside to inside:
//   listen.c  addresses                        gate.c, head.c   connections, read strictly
//   tls.c, tunnel.c   under TLS
//   server.c, request*.c   requests and answers over HTTP
//   guard.c, access.c, tokens.c   who may
//   route.c   the table's words                routes.c, api*.c, metrics.c   what is answered
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "put_round.h"

// All is borrowed until the server's end, the options themselves, too.
typedef struct web_options {
    const char *const *listen;      // addresses; none: 127.0.0.1:8989
    size_t             listen_count;
    const char *const *hosts;       // names of the server besides the loopback ones
    size_t             host_count;
    const char *const *proxies;     // addresses of trusted proxies
    size_t             proxy_count;
    const char        *user_header, *role_header;   // of trusted proxies; NULL: they name nobody
    const char *const *roles;       // GROUP=ROLE[:QUEUES]
    size_t             role_count;
    const char *const *masks;       // TYPE.FIELD: what is shown of no task
    size_t             mask_count;
    const char        *tokens;      // the file of tokens; NULL: none
    const char        *anonymous;   // role of who shows no token, or "none"; NULL: "see,payload" as
                                    //   long as there are no tokens
    const char        *tls_cert, *tls_key;  // files in PEM; NULL: no TLS
    const char        *base;        // path that a proxy has us at: "/gofer"; NULL: the root
    const char        *web_root;    // a folder of the page's files, for who works on them; NULL:
                                    //   those inside the binary
    bool               read_only;
    bool               asynq_names; // metrics also under the names of Asynq's exporter
    bool               asynqmon;    // the routes of asynqmon, too
    gofer_worker      *worker;      // its metrics are served, and nothing of the store; NULL: all
    const char        *prefix;      // of these options' names in what is said of them; NULL: none
    bool               behind_proxy; // the caller vouches that a proxy with TLS is in front
    const put_watch   *watch;       // of tasks that are put in; NULL: nobody's
    gofer_log_fn       log;         // NULL: nobody reads it
    void              *log_user;
} web_options;

typedef struct web web;

// Opens the addresses. NULL: `why` says why not; *usage: by what the options say.
web *web_new(gofer_client *client, const web_options *opts, char *why, size_t size, bool *usage);
bool web_start(web *w);
const char *web_name(const web *w, size_t index);   // of an address: "http://127.0.0.1:8989/"; NULL
// Another client of the same store, which it goes on with: those under way have five seconds, live
// events begin anew, jobs are forgotten, sessions stay. Who comes meanwhile waits, or is told to
// ask again. The client before is the caller's again. False: there is no memory, or no thread; it
// serves nobody any more.
bool web_renew(web *w, gofer_client *client);
// No new requests; those under way have five seconds. Then frees all. NULL is fine.
void web_free(web *w);

#endif
