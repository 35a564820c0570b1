// call.h - one request as its handler sees it, and what the handler answers.
//
// The server has checked everything before: the head, the host, where the request comes from, who
// sends it and that he may, that path and query are UTF-8 and the query has no word that the route
// does not know. A handler reads its words, calls gofer.h, and leaves an answer.
// Threads: a call belongs to the thread that runs its handler.
#ifndef WEB_CALL_H
#define WEB_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "copy.h"
#include "scope.h"
#include "text.h"

// What one may do; a role is a set of these.
enum {
    WEB_SEE = 1 << 0,       // everything but what users put into tasks
    WEB_PAYLOAD = 1 << 1,   // payloads, results, headers, errors and logs of tasks
    WEB_ENQUEUE = 1 << 2,
    WEB_OPERATE = 1 << 3,   // run, archive, cancel, pause, set workers
    WEB_ADMIN = 1 << 4,     // delete, edit, repair, audit
    WEB_METRICS = 1 << 5,
    WEB_EVERYTHING = (1 << 6) - 1
};

// A word of the path or query, decoded: NUL-terminated UTF-8 without NUL in it.
typedef struct web_word {
    const char *name;       // in the route's own text, of name_size bytes
    size_t      name_size;
    const char *value;
} web_word;

enum { WEB_WORDS_MAX = 16 };

typedef struct web_reply {
    int         status;     // HTTP's; 0: not answered yet
    const char *type;       // media type, static
    web_text    body;
    const void *fixed;      // bytes that stay, in place of the body; NULL: the body
    size_t      fixed_size;
    bool        gzip;       // they are packed
    bool        varies;     // by what the caller unpacks
    const char *cache;      // NULL: not to be kept
    char        etag[64];   // ""; with its quotes
    char        cookie[160]; // Set-Cookie; "": none
} web_reply;

// What an act was about, for the audit, where the words of the path do not say it.
typedef struct web_deed {
    char    queue[256], target[512];    // "": as the path says
    bool    counted;                    // else it is one if it was done
    int64_t count;
} web_deed;

typedef struct web_call {
    gofer_client *client;
    gofer_worker *worker;   // whose metrics are asked for; NULL: the store's
    struct web_jobs *jobs;  // acts on many tasks
    struct web_audit *audit;    // the server notes there what a route has changed
    web_deed      deed;
    gofer_status  failed;   // of what was answered
    char          why[512]; // "": it has not failed
    struct web_recent *recent;  // counts of the last hour
    struct web_scrapes *scrapes;    // metrics of the last second
    struct web_steps *steps;    // figures by the hour and the minute
    struct web_roster *roster;  // the queues as they were last looked at
    struct web_totals *totals;  // what very many queues come to
    struct web_streams *streams;    // what happens, live
    struct web_checks *checks;  // the doctor's looks
    bool          asynq_names;  // metrics also under the names of Asynq's exporter
    bool          asynqmon;     // the routes of asynqmon are there, too
    bool          plain;        // errors are text: what was asked for is one of those
    const struct web_route *routes, *route;     // all that there are, and the one that was found
    unsigned      rights;   // for any queue
    const web_scope *scope; // for which; of a route that is not for all queues the server has
                            //   looked at what the path and query name
    web_view      view;     // what he may see of that
    const char   *who;      // name of the token or of the proxy's user, or "-"
    web_word      path[WEB_WORDS_MAX], query[WEB_WORDS_MAX];
    size_t        path_count, query_count;
    const char   *accept;   // the header, "" if it is not there; so are the next two
    const char   *accept_encoding, *if_none_match;
    const char   *traceparent, *tracestate;     // the headers; NULL: not there, or more than once
    const char   *web_root; // folder of the page's files; NULL: those inside
    const struct web_options *options;      // what the server was started with
    const char *const *addresses;           // and what it is bound to, which may be a port that was
    size_t        address_count;            //   free: "http://127.0.0.1:8989/"
    const char   *base;     // of all addresses: "" or "/gofer"
    struct web_access *access;
    const char   *address;  // the visitor's, as the nearest trusted proxy saw it; "": a Unix socket
    const char   *session;  // the cookie's value; NULL: not there
    bool          secure;   // it came over TLS, at least as far as the proxy
    bool          in_the_open;  // others on its way may have read it
    bool        (*left)(const void *caller);    // has he hung up? Any thread; NULL: nobody knows
    const void   *caller;
    const char   *body;     // JSON; NULL: none
    size_t        body_size;
    web_reply     reply;
} web_call;

// ---- what was asked

const char *web_path_word(const web_call *call, const char *name);      // of the route: never NULL
const char *web_query_word(const web_call *call, const char *name);     // NULL: not given
// A number of the query into *out, which keeps its value if none is given. False: it is answered.
bool web_query_number(web_call *call, const char *name, int64_t min, int64_t max, int64_t *out);
bool web_query_duration(web_call *call, const char *name, int64_t *out);
// What tasks are looked for by; the texts are the call's.
bool web_query_filter(web_call *call, gofer_filter *out);

// May he do a thing with a queue, other than those that path and query name? False: it is answered.
bool web_may(web_call *call, unsigned right, const char *queue);
// May he see payloads wherever he sees tasks, of this queue, or of all (NULL)?
bool web_sees_payloads(const web_call *call, const char *queue);

// ---- what is answered. Each may be called once.

// JSON of a snapshot. What the caller may not see (WEB_PAYLOAD, or of queues that are not his) is
// left out, what is masked is masked, and integers past 2^53, which JavaScript rounds, are text.
void web_reply_info(web_call *call, const gofer_info *info);
// The same with the status of the call that made the snapshot; frees it.
void web_reply_made(web_call *call, gofer_status status, gofer_info *info);
void web_reply_done(web_call *call, gofer_status status);       // {"ok":true}, or the error
void web_reply_put(web_call *call, gofer_status status);        // or what web_fail_put says
void web_fail(web_call *call, int http, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
// Why somebody is not let in by his "token" or "password": a status of web_visitor's.
void web_deny(web_call *call, int status, const char *what);
// What this thread's last failing call said.
void web_fail_status(web_call *call, gofer_status status);
// The same of a payload that was to go in: that it must not (EDENIED) is no fault of the store.
void web_fail_put(web_call *call, gofer_status status);
int  web_http_of(gofer_status status);

#endif
