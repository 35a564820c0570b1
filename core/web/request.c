// request.c - a request as the server keeps it: what it says, and where it comes from.
#include "request.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifndef POLLRDHUP
#define POLLRDHUP 0             // it is not seen, then
#endif

// ---- from its target to its end

// Asked by who runs the route, while the connection is suspended.
static bool has_left(const void *caller)
{
    const web_request *r = caller;
    struct pollfd at = { .fd = web_request_fd(r), .events = POLLRDHUP };
    return poll(&at, 1, 0) > 0;
}

web_request *web_request_new(const web_server_options *opts, web_gate *gate,
    struct MHD_Connection *connection, const char *target)
{
    web_request *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->opts = opts;
    r->gate = gate;
    r->connection = connection;
    r->call.client = opts->client;
    r->call.worker = opts->worker;
    r->call.jobs = opts->jobs;
    r->call.audit = opts->audit;
    r->call.recent = opts->recent;
    r->call.steps = opts->steps;
    r->call.roster = opts->roster;
    r->call.totals = opts->totals;
    r->call.streams = opts->streams;
    r->call.checks = opts->checks;
    r->call.scrapes = opts->scrapes;
    r->call.options = opts->options;
    r->call.addresses = opts->addresses;
    r->call.address_count = opts->address_count;
    r->call.asynq_names = opts->asynq_names;
    r->call.asynqmon = opts->asynqmon;
    r->call.who = r->who;
    r->call.left = has_left;
    r->call.caller = r;
    r->call.base = opts->base;
    r->call.web_root = opts->web_root;
    r->call.access = opts->access;
    // Nothing else keeps it as it came.
    web_text_put(&r->target, target);
    return r;
}

void web_request_free(web_request *r)
{
    if (!r)
        return;
    web_stream_close(r->stream);
    web_text_free(&r->target);
    web_text_free(&r->body);
    web_text_free(&r->call.reply.body);
    free(r->room);
    free(r);
}

// ---- its connection

int web_connection_fd(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

int web_request_fd(const web_request *r)
{
    return web_connection_fd(r->connection);
}

const struct sockaddr *web_request_sender(const web_request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info ? info->client_addr : NULL;
}

bool web_request_is_trusted(const web_request *r)
{
    return r->opts->trusted(r->opts->user, web_request_sender(r));
}

// ---- its headers

const char *web_request_header(const web_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

static const char *header_or_empty(const web_request *r, const char *name)
{
    const char *value = web_request_header(r, name);
    return value ? value : "";
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

static int count_headers(const web_request *r, const char *name)
{
    tally t = { name, 0 };
    (void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, count_header, &t);
    return t.count;
}

// NULL: it is not there, or several times, and then nobody can tell which one is meant.
static const char *header_alone(const web_request *r, const char *name)
{
    return count_headers(r, name) == 1 ? web_request_header(r, name) : NULL;
}

const char *web_request_doubled(const web_request *r)
{
    const char *const names[] = { "Authorization", "Cookie", "Content-Type", "Origin",
        "Sec-Fetch-Site", "X-Gofer", r->opts->user_header, r->opts->role_header };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i] && count_headers(r, names[i]) > 1)
            return names[i];
    return NULL;
}

bool web_request_has_body(const web_request *r)
{
    const char *length = web_request_header(r, "Content-Length");
    return web_request_header(r, "Transfer-Encoding")
        || (length && strspn(length, "0") != strlen(length));
}

void web_request_read_headers(web_request *r)
{
    r->call.accept = header_or_empty(r, "Accept");
    r->call.accept_encoding = header_or_empty(r, "Accept-Encoding");
    r->call.if_none_match = header_or_empty(r, "If-None-Match");
    r->call.traceparent = header_alone(r, "traceparent");
    r->call.tracestate = header_alone(r, "tracestate");
}

// ---- the way it came

// Did it come over TLS, ours or a proxy's? A proxy with TLS that says nothing has it.
static bool is_secure(const web_request *r, bool trusted)
{
    const char *proto = web_request_header(r, "X-Forwarded-Proto");
    bool behind = r->opts->behind_proxy;
    return web_gate_is_secure(r->gate, web_request_fd(r))
        || ((trusted || behind) && (proto ? web_claim_https(proto) : behind));
}

// The visitor's address, as far as it is known: behind a proxy it is the one that the proxy saw.
static void find_address(web_request *r, bool trusted)
{
    const char *via = web_request_header(r, "X-Forwarded-For");
    if (!trusted || !via || !web_claim_for(via, r->address))
        web_claim_address(web_request_sender(r), r->address);
    r->call.address = r->address;
}

// Over TLS only the cookie's name counts that no other host of the domain can set.
static const char *find_session(web_request *r)
{
    const char *text = web_request_header(r, "Cookie");
    const char *name = r->call.secure ? WEB_COOKIE_SECURE : WEB_COOKIE;
    return text && web_claim_cookie(text, name, r->session, sizeof r->session) ? r->session : NULL;
}

void web_request_read_way(web_request *r, bool trusted)
{
    r->call.secure = is_secure(r, trusted);
    r->call.in_the_open = web_guard_in_the_open(r->call.secure, trusted, web_request_sender(r));
    r->call.session = find_session(r);
    find_address(r, trusted);
}
