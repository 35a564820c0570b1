// request.h - one request on its way through the server: what its files share.
//
//   request.c          the request itself: what it says, and where it comes from
//   request_admit.c    is it meant for us, what does it ask for, and may whoever sends it?
//   request_answer.c   its answer on the wire     request_stream.c   or a stream of events
//   server.c           its turns, from the head to the end
//
// A request is touched by one thread at a time: the library's, or, while its connection is
// suspended, the pool's. Only these files know libmicrohttpd.
#ifndef WEB_REQUEST_H
#define WEB_REQUEST_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "access.h"
#include "call.h"
#include "claims.h"
#include "route.h"
#include "server.h"

typedef struct web_request {
    const web_server_options *opts;     // the server's
    web_gate              *gate;
    struct MHD_Connection *connection;
    const web_route       *route;   // NULL: it was refused before
    web_call               call;
    char                  *room;    // of the decoded words
    web_text               target, body;
    const char            *query;   // in the target
    char                  *query_room;
    // Of a password; taken: the request was admitted, or not, by what it came to.
    enum { WEB_PROOF_NONE, WEB_PROOF_DUE, WEB_PROOF_MADE, WEB_PROOF_TAKEN } proof;
    web_visitor            proven;
    web_scope              scope;
    char                   who[WEB_NAME_MAX], session[WEB_COOKIE_SIZE], address[WEB_ADDRESS_ROOM];
    char                   allow[WEB_ALLOW_MAX];    // of a 405
    bool                   by_session;
    bool                   asked;   // the pool has it, or had it
    web_stream            *stream;
    int64_t                looked_ms;   // when it was last seen who reads the stream
} web_request;

// ---- request.c

// NULL: no memory. The headers are not there yet, only the target is.
web_request *web_request_new(const web_server_options *opts, web_gate *gate,
    struct MHD_Connection *connection, const char *target);
void web_request_free(web_request *r);      // NULL is fine
int  web_request_fd(const web_request *r);
int  web_connection_fd(struct MHD_Connection *connection);
const struct sockaddr *web_request_sender(const web_request *r);
bool web_request_is_trusted(const web_request *r);      // a proxy of ours sent it, or a Unix socket
const char *web_request_header(const web_request *r, const char *name);     // NULL: not there
// A header that something is decided by, and that is there twice: a proxy and who is behind it may
// mean different ones. NULL: none is.
const char *web_request_doubled(const web_request *r);
bool web_request_has_body(const web_request *r);
// Into the call: the headers that handlers see.
void web_request_read_headers(web_request *r);
// Into the call: the way it came, its session and the visitor's address.
void web_request_read_way(web_request *r, bool trusted);

// ---- request_admit.c

// Both answer what cannot go on, and leave the reply empty for what can; or else a password is to
// be proven first (WEB_PROOF_DUE).
void web_request_begin(web_request *r, const char *method);     // with the head: what is asked for
void web_request_admit(web_request *r);     // once that is found: who asks, and what for
void web_request_prove(web_request *r);     // the password; slow
web_visitor web_request_visitor(web_request *r);        // as things are now

// ---- request_answer.c

enum MHD_Result web_request_answer(web_request *r);     // with what the call's reply says
void web_response_add(struct MHD_Response *response, const char *name, const char *value);
// What every answer tells browsers. cache: NULL: not to be kept.
void web_response_add_safety(struct MHD_Response *response, const char *cache);

// ---- request_stream.c

enum MHD_Result web_request_stream(web_request *r);     // or the answer why there is none

#endif
