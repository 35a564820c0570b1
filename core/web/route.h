// route.h - the one table of what the server answers: method, path, right, handler.
//
// Nothing is reachable that is not in it, and each right is asked for here and nowhere else; tests
// walk it, docs/api.md and the OpenAPI file are made from it.
#ifndef WEB_ROUTE_H
#define WEB_ROUTE_H

#include <stdbool.h>

#include "call.h"

enum {
    WEB_TAKES_BODY = 1 << 0,    // JSON
    WEB_NO_STORE = 1 << 1,      // runs at once on the server's thread: it must not wait
    WEB_IS_STREAM = 1 << 2,     // an open end: events
    WEB_IS_TEXT = 1 << 3,       // its answer is no JSON
    WEB_IS_PAGE = 1 << 4,       // its query is the page's own
    WEB_TAKES_PASSWORD = 1 << 6, // runs where passwords are proven, one at a time
    WEB_MINDS_QUEUES = 1 << 5   // who has the right for some queues alone may come, too: what the
                                //   route does and answers is for these. Without it, and without
                                //   {queue} in its path, a route is for who has it for all
};

typedef struct web_route {
    const char *method;         // "GET": HEAD, too
    const char *path;           // "/api/v1/queues/{queue}"
    unsigned    right;          // 0: anybody
    unsigned    flags;
    const char *query;          // the words that its query may have, blanks between them
    void      (*run)(web_call *call);
    const char *about;          // one sentence, for docs/api.md
    const char *act;            // what the audit calls it: "task.run"; NULL: it changes nothing in
                                //   the store; "tasks.*": a job, which keeps its own records
} web_route;

extern const web_route web_routes[];            // ended by a NULL method; asynqmon's come behind
extern const web_route web_worker_routes[];     // of who serves a worker's metrics, and no store's

const web_route *web_routes_of(const web_call *call);

typedef enum web_match {
    WEB_FOUND,
    WEB_NO_PATH,                // 404
    WEB_NO_METHOD,              // 405; *allow says which there are
    WEB_BAD_PATH                // 400: a word of the path is no UTF-8, or holds a NUL
} web_match;

enum { WEB_ALLOW_MAX = 64 };

// Finds the route of a path as it came (escapes and all, no query) and puts its words, decoded,
// into call->path; "~." and "~.." stand for the names "." and "..". They point into `room`, which
// has strlen(path) + 1 bytes.
web_match web_route_find(const char *method, const char *path, const web_route **out,
    web_call *call, char *room, char allow[WEB_ALLOW_MAX]);

// The words of a query into call->query, decoded into `room` (2 * strlen(query) + 2 bytes). False:
// it is answered; a word is unknown to the route, given twice, or no UTF-8.
bool web_query_read(web_call *call, const web_route *route, const char *query, char *room);

#endif
