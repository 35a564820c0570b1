// request_admit.c - is a request meant for us, what does it ask for, and may whoever sends it?
//
// What cannot go on is answered here. On the library's thread; a password is proven on one of its
// own.
#include "request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "asynqmon.h"
#include "guard.h"
#include "head.h"

// ---- is it meant for us?

static bool is_meant_for_us(web_request *r, const char *method)
{
    web_said said = {
        .method = method,
        .host = web_request_header(r, "Host"),
        .origin = web_request_header(r, "Origin"),
        .fetch_site = web_request_header(r, "Sec-Fetch-Site"),
        .marker = web_request_header(r, "X-Gofer"),
        .content_type = web_request_header(r, "Content-Type"),
        .has_body = web_request_has_body(r),
        .secure = web_gate_is_secure(r->gate, web_request_fd(r)),
        .page_vouched = r->call.plain,
    };
    const char *twice = web_request_doubled(r);
    web_refusal refusal = web_guard_check(&r->opts->guard, &said);
    if (twice)
        web_fail(&r->call, 400, "EINVAL", "%s is there twice", twice);
    else if (refusal.why)
        web_fail(&r->call, refusal.status, refusal.status == 403 ? "EDENIED" : "EINVAL", "%s",
            refusal.why);
    return !twice && !refusal.why;
}

// ---- what does it ask for?

// Is it a browser that goes to an address, as against a program, or a page that asks for a file?
static bool is_navigation(web_request *r, const char *method, const char *path)
{
    return (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        && strstr(r->call.accept, "text/html") && strncmp(path, "/api/", 5) != 0
        && strncmp(path, "/assets/", 8) != 0 && !r->call.plain;
}

// Is it one of asynqmon's addresses, if they are wanted?
static bool is_asynqmon(const web_request *r, const char *path)
{
    size_t base = strlen(r->opts->base);
    return r->call.asynqmon && strncmp(path, r->opts->base, base) == 0
        && strncmp(path + base, WEB_ASYNQMON, sizeof WEB_ASYNQMON - 1) == 0;
}

static bool find_route(web_request *r, const char *method, const char *path)
{
    size_t base = strlen(r->opts->base);
    bool below = strncmp(path, r->opts->base, base) == 0 && path[base] == '/';
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

// ---- who sends it

static web_shown shown_by(web_request *r, bool trusted)
{
    const web_server_options *opts = r->opts;
    const char *user = opts->user_header ? web_request_header(r, opts->user_header) : NULL;
    const char *groups = opts->role_header ? web_request_header(r, opts->role_header) : user;
    return (web_shown){
        .address = r->address, .trusted = trusted,
        .authorization = web_request_header(r, "Authorization"),
        .in_the_open = r->call.in_the_open, .session = r->call.session, .user = user,
        .groups = groups ? groups : "" };
}

static web_visitor visitor_of(web_request *r, bool trusted)
{
    web_shown shown = shown_by(r, trusted);
    return web_access_of(r->opts->access, &shown);
}

web_visitor web_request_visitor(web_request *r)
{
    return visitor_of(r, web_request_is_trusted(r));
}

void web_request_prove(web_request *r)
{
    web_shown shown = shown_by(r, web_request_is_trusted(r));
    r->proven = web_access_prove(r->opts->access, &shown);
}

// ---- may he?

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

// The right is there for the queue that the path names, or for any.
static bool has_right(const web_request *r)
{
    unsigned right = r->route->right;
    const char *queue = find_queue(r->call.path, r->call.path_count);
    return right == 0 || (queue ? web_scope_may(&r->scope, right, queue)
                                : (web_scope_rights(&r->scope) & right) == right);
}

// And for what the query names: one queue; or all, unless the handler minds whose they are.
static bool has_right_to_ask(const web_request *r)
{
    unsigned right = r->route->right;
    const char *queue = find_queue(r->call.query, r->call.query_count);
    if (right == 0 || web_scope_everywhere(&r->scope, right))
        return true;
    if (queue)
        return web_scope_may(&r->scope, right, queue);
    return r->route->flags & WEB_MINDS_QUEUES || find_queue(r->call.path, r->call.path_count);
}

// Why somebody may not.
static void deny(web_request *r, int status, bool trusted)
{
    const char *user = r->opts->user_header;
    const char *shown = web_request_header(r, "Authorization");
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

// False: it is answered, or a password has to be proven first.
static bool may(web_request *r)
{
    bool trusted = web_request_is_trusted(r);
    web_request_read_way(r, trusted);
    web_visitor v = r->proof == WEB_PROOF_MADE ? r->proven : visitor_of(r, trusted);
    if (v.status == WEB_UNPROVEN) {
        r->proof = WEB_PROOF_DUE;
        return false;
    }
    memcpy(r->who, v.name, sizeof r->who);
    r->by_session = v.by_session;
    r->scope = v.scope;
    r->call.scope = &r->scope;
    r->call.rights = web_scope_rights(&v.scope);
    bool all = web_scope_everywhere(&v.scope, r->call.rights);
    r->call.view = (web_view){ .scope = all ? NULL : &r->scope, .masks = r->opts->masks,
        .hide = all && r->call.rights & WEB_PAYLOAD ? 0 : WEB_HIDE_PAYLOADS };
    if (r->route->right == 0 || (v.status == 0 && has_right(r)))
        return true;
    deny(r, v.status, trusted);
    return false;
}

void web_request_admit(web_request *r)
{
    if (!may(r))
        return;
    if (web_request_has_body(r) && !(r->route->flags & WEB_TAKES_BODY)) {
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

// ---- all of it, once the head is there

void web_request_begin(web_request *r, const char *method)
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
    web_request_read_headers(r);
    r->call.plain = is_asynqmon(r, path);
    r->query_room = r->room + size + 1;
    if (is_meant_for_us(r, method) && find_route(r, method, path))
        web_request_admit(r);
}
