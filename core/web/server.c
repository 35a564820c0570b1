// server.c - requests and answers over HTTP, by libmicrohttpd.
//
// The library's thread reads a request; what does not wait is answered on it. The rest goes to the
// pool: the connection is suspended meanwhile and resumed with the answer. So a request is touched
// by one thread at a time, and the hand-over (suspend, add to the pool; resume) orders them.
#include "server.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#ifndef POLLRDHUP
#define POLLRDHUP 0             // it is not seen, then
#endif

#include "asynqmon.h"
#include "call.h"
#include "head.h"
#include "roster.h"
#include "route.h"
#include "claims.h"
#include "clock.h"
#include "totals.h"

enum {
    BODY_MAX = 1 << 20,             // bytes of a request's body
    CONNECTION_MEMORY = 32 << 10,   // of the library's, for each: the head has 8 KiB at the most
    STREAM_BLOCK = 4096,
    TURN_MS = 10,
    LOOK_MS = 1000                  // so often is seen whether who reads a stream still may
};

struct web_server {
    web_server_options opts;
    struct MHD_Daemon *daemon;
    web_gate          *gate;
    pthread_mutex_t    lock;        // guards count
    size_t             count;       // requests under way
};

typedef struct request {
    web_server            *server;
    struct MHD_Connection *connection;
    const web_route       *route;   // NULL: it was refused before
    web_call               call;
    char                  *room;    // of the decoded words
    web_text               target, body;
    const char            *query;   // in the target
    char                  *query_room;
    enum { NO_PROOF, UNPROVEN, PROVEN, ADMITTED } proof;    // of a password
    web_visitor            proven;
    web_scope              scope;
    char                   who[WEB_NAME_MAX], session[WEB_COOKIE_SIZE], address[WEB_ADDRESS_ROOM];
    char                   allow[WEB_ALLOW_MAX];    // of a 405
    bool                   by_session;
    bool                   asked;   // the pool has it, or had it
    web_stream            *stream;
    int64_t                looked_ms;   // when it was last seen who reads the stream
} request;

// ---- what a request says

static const char *header(request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

static const char *header_or_empty(request *r, const char *name)
{
    const char *value = header(r, name);
    return value ? value : "";
}

static int fd_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

static const struct sockaddr *address_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info ? info->client_addr : NULL;
}

// Did it come over TLS, ours or a proxy's? A proxy with TLS that says nothing has it.
static bool is_secure(request *r, bool trusted)
{
    const char *proto = header(r, "X-Forwarded-Proto");
    bool behind = r->server->opts.behind_proxy;
    return web_gate_is_secure(r->server->gate, fd_of(r->connection))
        || ((trusted || behind) && (proto ? web_claim_https(proto) : behind));
}

// The visitor's address, as far as it is known: behind a proxy it is the one that the proxy saw.
static void find_address(request *r, bool trusted)
{
    const char *via = header(r, "X-Forwarded-For");
    if (!trusted || !via || !web_claim_for(via, r->address))
        web_claim_address(address_of(r->connection), r->address);
    r->call.address = r->address;
}

// Over TLS only the cookie's name counts that no other host of the domain can set.
static const char *find_session(request *r)
{
    const char *text = header(r, "Cookie");
    const char *name = r->call.secure ? WEB_COOKIE_SECURE : WEB_COOKIE;
    return text && web_claim_cookie(text, name, r->session, sizeof r->session) ? r->session : NULL;
}

typedef struct tally {
    const char *name;
    int         count;
} tally;

static enum MHD_Result count_header(void *user, enum MHD_ValueKind kind, const char *name,
    const char *value)
{
    tally *t = user;
    (void)kind;
    (void)value;
    t->count += strcasecmp(name, t->name) == 0;
    return MHD_YES;
}

static int count_headers(request *r, const char *name)
{
    tally t = { name, 0 };
    (void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, count_header, &t);
    return t.count;
}

// NULL: it is not there, or several times, and then nobody can tell which one is meant.
static const char *header_alone(request *r, const char *name)
{
    return count_headers(r, name) == 1 ? header(r, name) : NULL;
}

// One of those that something is decided by is there twice: a proxy and who is behind it may mean
// different ones. NULL: none is.
static const char *doubled(request *r)
{
    const char *const names[] = { "Authorization", "Cookie", "Content-Type", "Origin",
        "Sec-Fetch-Site", "X-Gofer", r->server->opts.user_header, r->server->opts.role_header };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i] && count_headers(r, names[i]) > 1)
            return names[i];
    return NULL;
}

static bool has_body(request *r)
{
    const char *length = header(r, "Content-Length");
    return header(r, "Transfer-Encoding") || (length && strspn(length, "0") != strlen(length));
}

// The queue that a path or query names; NULL: none.
static const char *find_queue(const web_word *words, size_t count)
{
    static const char name[] = "queue";
    for (size_t i = 0; i < count; i++)
        if (words[i].name_size == sizeof name - 1
            && memcmp(words[i].name, name, words[i].name_size) == 0)
            return words[i].value;
    return NULL;
}

// ---- answers

static void add(struct MHD_Response *response, const char *name, const char *value)
{
    // Only memory may be lacking; the answer goes without it then, and that is no worse than none.
    (void)MHD_add_response_header(response, name, value);
}

static void add_safety(struct MHD_Response *response, const char *cache)
{
    add(response, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; font-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'");
    add(response, "X-Content-Type-Options", "nosniff");
    add(response, "Referrer-Policy", "no-referrer");
    add(response, "Cross-Origin-Opener-Policy", "same-origin");
    add(response, "Cross-Origin-Resource-Policy", "same-origin");
    add(response, "Cache-Control", cache ? cache : "no-store");
    add(response, "Connection", "close");
}

// The reply's bytes, which are the response's from now on. NULL: no memory.
static struct MHD_Response *make_response(web_reply *reply)
{
    bool own = !reply->fixed && reply->body.at;
    const void *bytes = own ? reply->body.at : reply->fixed ? reply->fixed : "";
    // The library takes bytes that it does not change as if it might.
    struct MHD_Response *response = MHD_create_response_from_buffer(
        own ? reply->body.size : reply->fixed_size, (void *)(uintptr_t)bytes,
        own ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (response && own)
        reply->body = (web_text){ 0 };
    return response;
}

static enum MHD_Result send_answer(request *r)
{
    web_reply *reply = &r->call.reply;
    if (reply->status == 403 && r->route && r->route->act && r->server->opts.audit && !r->asked)
        web_audit_call(r->server->opts.audit, r->route->act, &r->call);
    if (reply->body.failed || reply->status == 0) {
        web_text_free(&reply->body);
        web_fail(&r->call, 503, "ENOMEM", "there is no memory for the answer");
    }
    struct MHD_Response *response = make_response(reply);
    if (!response)
        return MHD_NO;
    add(response, "Content-Type", reply->type ? reply->type : "application/json");
    if (reply->gzip)
        add(response, "Content-Encoding", "gzip");
    if (reply->varies)
        add(response, "Vary", "Accept-Encoding");
    if (reply->etag[0])
        add(response, "ETag", reply->etag);
    if (reply->cookie[0])
        add(response, "Set-Cookie", reply->cookie);
    if (r->allow[0])
        add(response, "Allow", r->allow);
    if (reply->status == 401)
        add(response, "WWW-Authenticate", "Bearer realm=\"gofer\"");
    if (reply->status == 429)
        add(response, "Retry-After", "60");
    add_safety(response, reply->cache);
    enum MHD_Result sent = MHD_queue_response(r->connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return sent;
}

// ---- may it?

static bool is_meant_for_us(request *r, const char *method)
{
    web_said said = {
        .method = method,
        .host = header(r, "Host"),
        .origin = header(r, "Origin"),
        .fetch_site = header(r, "Sec-Fetch-Site"),
        .marker = header(r, "X-Gofer"),
        .content_type = header(r, "Content-Type"),
        .has_body = has_body(r),
        .secure = web_gate_is_secure(r->server->gate, fd_of(r->connection)),
        .page_vouched = r->call.plain,
    };
    const char *twice = doubled(r);
    web_refusal refusal = web_guard_check(&r->server->opts.guard, &said);
    if (twice)
        web_fail(&r->call, 400, "EINVAL", "%s is there twice", twice);
    else if (refusal.why)
        web_fail(&r->call, refusal.status, refusal.status == 403 ? "EDENIED" : "EINVAL", "%s",
            refusal.why);
    return !twice && !refusal.why;
}

// Why somebody may not.
static void deny(request *r, int status, bool trusted)
{
    const char *user = r->server->opts.user_header;
    const char *shown = header(r, "Authorization");
    if (status == 400)
        web_fail(&r->call, 400, "EINVAL", "%s is not a name of 1 to %d bytes", user,
            WEB_NAME_MAX - 1);
    else if (status)
        web_deny(&r->call, status, shown && strncasecmp(shown, "Basic ", 6) == 0 ? "password"
                                                                              : "token");
    else if (strcmp(r->who, "-") != 0)
        web_fail(&r->call, 403, "EDENIED", "%s may not do this", r->who);
    else if (user && trusted)
        web_fail(&r->call, 401, "EDENIED", "the proxy names nobody in %s", user);
    else
        web_fail(&r->call, 401, "EDENIED", "this needs a token: Authorization: Bearer ...");
}

// The right is there for the queue that the path names, or for any.
static bool has_right(const request *r)
{
    unsigned right = r->route->right;
    const char *queue = find_queue(r->call.path, r->call.path_count);
    return right == 0 || (queue ? web_scope_may(&r->scope, right, queue)
                                : (web_scope_rights(&r->scope) & right) == right);
}

// And for what the query names: one queue; or all, unless the handler minds whose they are.
static bool has_right_to_ask(const request *r)
{
    unsigned right = r->route->right;
    const char *queue = find_queue(r->call.query, r->call.query_count);
    if (right == 0 || web_scope_everywhere(&r->scope, right))
        return true;
    if (queue)
        return web_scope_may(&r->scope, right, queue);
    return r->route->flags & WEB_MINDS_QUEUES || find_queue(r->call.path, r->call.path_count);
}

static web_shown shown_by(request *r, bool trusted)
{
    const web_server_options *opts = &r->server->opts;
    const char *user = opts->user_header ? header(r, opts->user_header) : NULL;
    const char *groups = opts->role_header ? header(r, opts->role_header) : user;
    return (web_shown){
        .address = r->address, .trusted = trusted, .authorization = header(r, "Authorization"),
        .in_the_open = r->call.in_the_open, .session = r->call.session, .user = user,
        .groups = groups ? groups : "" };
}

static web_visitor visitor_of(request *r, bool trusted)
{
    web_shown shown = shown_by(r, trusted);
    return web_access_of(r->server->opts.access, &shown);
}

// False: it is answered, or a password has to be proven first.
static bool may(request *r)
{
    const web_server_options *opts = &r->server->opts;
    const struct sockaddr *from = address_of(r->connection);
    bool trusted = opts->trusted(opts->user, from);
    r->call.secure = is_secure(r, trusted);
    r->call.in_the_open = web_guard_in_the_open(r->call.secure, trusted, from);
    r->call.session = find_session(r);
    find_address(r, trusted);
    web_visitor v = r->proof == PROVEN ? r->proven : visitor_of(r, trusted);
    if (v.status == WEB_UNPROVEN) {
        r->proof = UNPROVEN;
        return false;
    }
    memcpy(r->who, v.name, sizeof r->who);
    r->by_session = v.by_session;
    r->scope = v.scope;
    r->call.scope = &r->scope;
    r->call.rights = web_scope_rights(&v.scope);
    bool all = web_scope_everywhere(&v.scope, r->call.rights);
    r->call.view = (web_view){ .scope = all ? NULL : &r->scope, .masks = opts->masks,
        .hide = all && r->call.rights & WEB_PAYLOAD ? 0 : WEB_HIDE_PAYLOADS };
    if (r->route->right == 0 || (v.status == 0 && has_right(r)))
        return true;
    deny(r, v.status, trusted);
    return false;
}

// Is it a browser that goes to an address, as against a program, or a page that asks for a file?
static bool is_navigation(request *r, const char *method, const char *path)
{
    return (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        && strstr(r->call.accept, "text/html") && strncmp(path, "/api/", 5) != 0
        && strncmp(path, "/assets/", 8) != 0 && !r->call.plain;
}

// Is it one of asynqmon's addresses, if they are wanted?
static bool is_asynqmon(const request *r, const char *path)
{
    size_t base = strlen(r->server->opts.base);
    return r->call.asynqmon && strncmp(path, r->server->opts.base, base) == 0
        && strncmp(path + base, WEB_ASYNQMON, sizeof WEB_ASYNQMON - 1) == 0;
}

static bool find_route(request *r, const char *method, const char *path)
{
    size_t base = strlen(r->server->opts.base);
    bool below = strncmp(path, r->server->opts.base, base) == 0 && path[base] == '/';
    web_match match = WEB_NO_PATH;
    if (below)
        match = web_route_find(method, path + base, &r->route, &r->call, r->room, r->allow);
    // Which addresses are views, the page knows.
    if (below && match == WEB_NO_PATH && is_navigation(r, method, path + base))
        match = web_route_find(method, "/", &r->route, &r->call, r->room, r->allow);
    if (match == WEB_NO_PATH)
        web_fail(&r->call, 404, "ENOTFOUND", "there is nothing at this address");
    else if (match == WEB_NO_METHOD)
        web_fail(&r->call, 405, "EINVAL", "this address knows %s", r->allow);
    else if (match == WEB_BAD_PATH)
        web_fail(&r->call, 400, "EINVAL", "the address is not UTF-8, or has a NUL in it");
    r->call.route = r->route;
    return match == WEB_FOUND;
}

// Once it is found what is asked for: who asks, and what for.
static void admit(request *r)
{
    if (!may(r))
        return;
    if (has_body(r) && !(r->route->flags & WEB_TAKES_BODY)) {
        web_fail(&r->call, 400, "EINVAL", "this address takes no body");
        return;
    }
    if (r->route->flags & WEB_IS_PAGE
        || !web_query_read(&r->call, r->route, r->query, r->query_room))
        return;
    if (!has_right_to_ask(r))
        web_fail(&r->call, 403, "EDENIED", "%s may do this for some queues alone, and this is for "
            "all, or another", r->who);
}

// Answers what cannot go on; leaves the reply empty for what can.
static void begin(request *r, const char *method)
{
    const char *target = r->target.at;
    size_t size = strcspn(target, "?");
    r->query = target[size] ? target + size + 1 : "";
    char path[WEB_TARGET_MAX + 1];
    r->room = size <= WEB_TARGET_MAX ? malloc(size + 1 + 2 * strlen(r->query) + 2) : NULL;
    if (!r->room) {
        web_fail(&r->call, 503, "ENOMEM", "there is no memory for the request");
        return;
    }
    memcpy(path, target, size);
    path[size] = '\0';
    r->call.accept = header_or_empty(r, "Accept");
    r->call.accept_encoding = header_or_empty(r, "Accept-Encoding");
    r->call.if_none_match = header_or_empty(r, "If-None-Match");
    r->call.traceparent = header_alone(r, "traceparent");
    r->call.tracestate = header_alone(r, "tracestate");
    r->call.plain = is_asynqmon(r, path);
    r->query_room = r->room + size + 1;
    if (is_meant_for_us(r, method) && find_route(r, method, path))
        admit(r);
}

// ---- streams

static void pause_stream(void *reader)
{
    const request *r = reader;
    MHD_suspend_connection(r->connection);
}

void web_server_wake(void *reader)
{
    const request *r = reader;
    MHD_resume_connection(r->connection);
}

void web_server_left(void *reader)
{
    const request *r = reader;
    web_stream_leave(r->stream);
}

// A token may be taken away, or somebody log out, while his stream is open.
static bool is_still_himself(request *r)
{
    const web_server_options *opts = &r->server->opts;
    int64_t now = web_ms(CLOCK_MONOTONIC);
    if (now - r->looked_ms < LOOK_MS)
        return true;
    r->looked_ms = now;
    web_visitor v = visitor_of(r, opts->trusted(opts->user, address_of(r->connection)));
    return v.status == 0 && web_scope_same(&v.scope, &r->scope);
}

static ssize_t read_stream(void *user, uint64_t at, char *out, size_t room)
{
    request *r = user;
    (void)at;
    if (!is_still_himself(r))
        return (ssize_t)MHD_CONTENT_READER_END_OF_STREAM;
    ssize_t size = web_stream_read(r->stream, out, room, pause_stream);
    return size < 0 ? (ssize_t)MHD_CONTENT_READER_END_OF_STREAM : size;
}

static enum MHD_Result start_stream(request *r)
{
    const char *name = strcmp(r->who, "-") == 0 ? "" : r->who;
    web_stream_why why;
    r->looked_ms = web_ms(CLOCK_MONOTONIC);
    r->stream = web_stream_open(r->server->opts.streams, &(web_listener_of){
        .key = r->by_session ? r->session : name,
        .last_id = header(r, "Last-Event-ID"), .scope = r->call.view.scope,
        .private = !(r->call.rights & WEB_PAYLOAD), .reader = r }, &why);
    if (why == WEB_STREAM_ENOUGH)
        web_fail(&r->call, 429, "EDENIED", "%d streams of yours are open already",
            WEB_STREAMS_EACH);
    else if (why == WEB_STREAM_FULL)
        web_fail(&r->call, 503, "EBROKER", "%d streams are open already", WEB_STREAMS_MAX);
    if (!r->stream)
        return send_answer(r);
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
        STREAM_BLOCK, read_stream, r, NULL);
    if (!response)
        return MHD_NO;
    add(response, "Content-Type", "text/event-stream");
    add(response, "X-Accel-Buffering", "no");
    add_safety(response, NULL);
    enum MHD_Result sent = MHD_queue_response(r->connection, 200, response);
    MHD_destroy_response(response);
    if (sent == MHD_YES)
        web_gate_listen(r->server->gate, fd_of(r->connection), r);
    return sent;
}

// ---- the turns of a request

// Asked by who runs the route, while the connection is suspended.
static bool has_left(const void *caller)
{
    const request *r = caller;
    struct pollfd at = { .fd = fd_of(r->connection), .events = POLLRDHUP };
    return poll(&at, 1, 0) > 0;
}

static void *on_target(void *user, const char *target, struct MHD_Connection *connection)
{
    web_server *server = user;
    request *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->server = server;
    r->connection = connection;
    r->call.client = server->opts.client;
    r->call.worker = server->opts.worker;
    r->call.jobs = server->opts.jobs;
    r->call.audit = server->opts.audit;
    r->call.recent = server->opts.recent;
    r->call.steps = server->opts.steps;
    r->call.roster = server->opts.roster;
    r->call.totals = server->opts.totals;
    r->call.streams = server->opts.streams;
    r->call.checks = server->opts.checks;
    r->call.scrapes = server->opts.scrapes;
    r->call.options = server->opts.options;
    r->call.asynq_names = server->opts.asynq_names;
    r->call.asynqmon = server->opts.asynqmon;
    r->call.who = r->who;
    r->call.left = has_left;
    r->call.caller = r;
    r->call.base = server->opts.base;
    r->call.web_root = server->opts.web_root;
    r->call.access = server->opts.access;
    // The headers are not there yet: only the target is, which nothing else keeps as it came.
    web_text_put(&r->target, target);
    pthread_mutex_lock(&server->lock);
    server->count++;
    pthread_mutex_unlock(&server->lock);
    return r;
}

// The queue that an act was on is looked at for who asks next, and what all come to.
static void name_touched(const web_call *call)
{
    static const char name[] = "queue";
    if (call->totals)
        web_totals_touch(call->totals);
    for (size_t i = 0; call->roster && i < call->path_count; i++)
        if (call->path[i].name_size == sizeof name - 1
            && memcmp(call->path[i].name, name, sizeof name - 1) == 0)
            web_roster_touch(call->roster, call->path[i].value);
}

static void run_route(void *user)
{
    request *r = user;
    r->route->run(&r->call);
    if (r->route->act)
        name_touched(&r->call);
    // What may not wait for the store has somebody who notes it, and so has what goes on as a job.
    if (r->route->act && r->server->opts.audit && !(r->route->flags & WEB_NO_STORE)
        && r->call.reply.status != 202)
        web_audit_call(r->server->opts.audit, r->route->act, &r->call);
    if (r->asked)
        MHD_resume_connection(r->connection);
}

static web_pool *prover_of(const web_server *server)
{
    return server->opts.prover ? server->opts.prover : server->opts.pool;
}

// By the thread that proves passwords, while the connection is suspended.
static void run_proof(void *user)
{
    request *r = user;
    const web_server_options *opts = &r->server->opts;
    web_shown shown = shown_by(r, opts->trusted(opts->user, address_of(r->connection)));
    r->proven = web_access_prove(opts->access, &shown);
    MHD_resume_connection(r->connection);
}

static enum MHD_Result prove(request *r)
{
    if (!has_body(r))
        web_gate_whole(r->server->gate, fd_of(r->connection));
    MHD_suspend_connection(r->connection);
    r->proof = PROVEN;              // once the library comes again
    if (web_pool_add(prover_of(r->server), run_proof, r))
        return MHD_YES;
    r->proof = NO_PROOF;
    web_fail(&r->call, 503, "EDENIED", "too many passwords wait to be looked at: try again");
    MHD_resume_connection(r->connection);
    return MHD_YES;
}

static enum MHD_Result take_body(request *r, const char *bytes, size_t *size)
{
    if (r->call.reply.status == 0) {
        if (r->body.size + *size > BODY_MAX)
            web_fail(&r->call, 413, "ETOOBIG", "the body is longer than %d bytes", BODY_MAX);
        else
            web_text_add(&r->body, bytes, *size);
    }
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result run(request *r)
{
    web_gate_whole(r->server->gate, fd_of(r->connection));
    r->call.body = r->body.at;
    r->call.body_size = r->body.size;
    if (r->body.failed)
        return send_answer(r);
    if (r->route->flags & WEB_IS_STREAM)
        return start_stream(r);
    if (r->route->flags & WEB_NO_STORE) {
        run_route(r);
        return send_answer(r);
    }
    MHD_suspend_connection(r->connection);
    r->asked = true;
    bool proves = r->route->flags & WEB_TAKES_PASSWORD;
    if (web_pool_add(proves ? prover_of(r->server) : r->server->opts.pool, run_route, r))
        return MHD_YES;
    web_fail(&r->call, 503, proves ? "EDENIED" : "EBROKER", proves
        ? "too many passwords wait to be looked at: try again"
        : "the store is slow, and too many requests wait for it");
    MHD_resume_connection(r->connection);
    return MHD_YES;
}

// After the head: it goes on with the body, with the proof of a password, or is answered.
static enum MHD_Result go_on(request *r)
{
    if (r->proof == UNPROVEN)
        return prove(r);
    // A body that is on its way is read, or the answer to it might be lost.
    if (r->call.reply.status == 0 || has_body(r))
        return MHD_YES;
    web_gate_whole(r->server->gate, fd_of(r->connection));
    return send_answer(r);
}

static enum MHD_Result mhd_request(void *user, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *bytes, size_t *size, void **context)
{
    request *r = *context;
    (void)user;
    (void)connection;
    (void)url;
    (void)version;
    if (!r)
        return MHD_NO;      // there was no memory
    if (!r->route && r->call.reply.status == 0) {
        if (r->target.failed)
            web_fail(&r->call, 503, "ENOMEM", "there is no memory for the request");
        else
            begin(r, method);
        return go_on(r);
    }
    if (r->proof == PROVEN) {
        admit(r);
        r->proof = ADMITTED;
        return go_on(r);
    }
    if (*size)
        return take_body(r, bytes, size);
    if (r->call.reply.status || r->asked) {
        web_gate_whole(r->server->gate, fd_of(connection));
        return send_answer(r);
    }
    return run(r);
}

static void on_end(void *user, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode why)
{
    web_server *server = user;
    request *r = *context;
    (void)why;
    if (!r)
        return;
    if (r->stream)
        web_gate_listen(server->gate, fd_of(connection), NULL);
    web_stream_close(r->stream);
    web_text_free(&r->target);
    web_text_free(&r->body);
    web_text_free(&r->call.reply.body);
    free(r->room);
    free(r);
    pthread_mutex_lock(&server->lock);
    server->count--;
    pthread_mutex_unlock(&server->lock);
}

static void on_connection(void *user, struct MHD_Connection *connection, void **context,
    enum MHD_ConnectionNotificationCode what)
{
    web_server *server = user;
    (void)context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED)
        web_gate_gone(server->gate, fd_of(connection));
}

// Escapes are undone by route.c, word by word: a name may hold a slash.
static size_t leave_escapes(void *user, struct MHD_Connection *connection, char *text)
{
    (void)user;
    (void)connection;
    return strlen(text);
}

// ---- life

web_server *web_server_new(const web_server_options *opts)
{
    web_server *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    server->opts = *opts;
    pthread_mutex_init(&server->lock, NULL);
    server->daemon = MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET
            | MHD_USE_ITC,
        0, NULL, NULL, mhd_request, server,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)WEB_CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(WEB_REQUEST_MS / 1000),
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, server,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_end, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_END);
    if (server->daemon)
        return server;
    pthread_mutex_destroy(&server->lock);
    free(server);
    return NULL;
}

void web_server_use_gate(web_server *server, web_gate *gate)
{
    server->gate = gate;
}

bool web_server_take(web_server *server, int fd, const struct sockaddr *from, socklen_t size)
{
    return MHD_add_connection(server->daemon, fd, from, size) == MHD_YES;
}

static size_t count_of(web_server *server)
{
    pthread_mutex_lock(&server->lock);
    size_t count = server->count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

void web_server_settle(web_server *server, int64_t patience_ms)
{
    if (!server)
        return;
    for (int64_t waited = 0; waited < patience_ms && count_of(server) > 0; waited += TURN_MS)
        nanosleep(&(struct timespec){ 0, TURN_MS * 1000000L }, NULL);
}

void web_server_free(web_server *server)
{
    if (!server)
        return;
    MHD_stop_daemon(server->daemon);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
