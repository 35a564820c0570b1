// web.c - the server as a whole: what belongs together is made, started and ended here.
#include "web.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "call.h"
#include "checks.h"
#include "claims.h"
#include "metrics.h"
#include "page.h"
#include "recent.h"
#include "roster.h"
#include "server.h"
#include "steps.h"
#include "totals.h"

enum {
    STORE_THREADS = 4,
    STORE_JOBS = 256,           // that wait for them
    PASSWORDS = 8,              // that wait to be proven, one after the other
    GRACE_MS = 5000,
    WHY_MAX = 256
};

// What goes with a client.
typedef struct web_parts {
    web_pool    *pool, *prover;
    web_streams *streams;
    web_jobs    *jobs;
    web_audit   *audit;
    web_recent  *recent;
    web_steps   *steps;
    web_roster  *roster;
    web_totals  *totals;
    web_checks  *checks;
    web_scrapes *scrapes;
    web_server  *server;
    web_gate    *gate;
} web_parts;

struct web {
    const web_options *opts;        // borrowed; of a worker's, which is never renewed, gone
    web_listener *listeners;
    char        **names;            // of the listeners, which go before those who tell them
    size_t        listener_count;
    char        **hosts;            // with those of the listeners
    size_t        host_count;
    const char *const *proxies;     // borrowed
    size_t        proxy_count;
    char          base[64];
    web_role_map *roles;            // NULL: proxies name nobody
    web_masks    *masks;            // NULL: none
    web_log       log;
    web_tls      *tls;              // NULL: no TLS
    web_access   *access;
    web_parts     parts;
};

// ---- what the options say

static const char *refuse(char *why, size_t size, const char *text)
{
    snprintf(why, size, "%s", text);
    return why;
}

static bool base_is_path(const char *base)
{
    size_t size = strlen(base);
    return size == 0 || (*base == '/' && size > 1 && size < 64 && base[size - 1] != '/'
        && base[strspn(base, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "/._~-")] == '\0');
}

// An address that others reach is for who has credentials, over what others cannot read.
static const char *check_safety(const web *w, const web_options *opts, char *why, size_t size)
{
    const char *prefix = opts->prefix ? opts->prefix : "";
    for (size_t i = 0; i < w->listener_count; i++) {
        if (w->listeners[i].local)
            continue;
        if (!opts->user_header && (!opts->tokens || access(opts->tokens, R_OK) != 0))
            return refuse(why, size, opts->prefix
                ? "an address that is not loopback needs --metrics-tokens: make such a file with "
                  "'gofer web token add NAME --role metrics --tokens FILE'"
                : "an address that is not loopback needs tokens: add one with "
                  "'gofer web token add'");
        if (!opts->behind_proxy && !opts->tls_cert) {
            snprintf(why, size, "an address that is not loopback needs TLS (--%stls-cert and "
                "--%stls-key), or a proxy with TLS in front: say --%sbehind-proxy once it is there",
                prefix, prefix, prefix);
            return why;
        }
        if (opts->anonymous)
            return refuse(why, size, "an address that is not loopback has no --anonymous visitors");
    }
    return NULL;
}

static bool header_may_name(const char *name)
{
    static const char *const taken[] = { "Host", "Authorization", "Cookie", "Origin", "X-Gofer",
        "Sec-Fetch-Site", "Content-Type", "Content-Length", "Transfer-Encoding", "Connection",
        "Accept", "Last-Event-ID", "X-Forwarded-For", "X-Forwarded-Proto" };
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcasecmp(name, taken[i]) == 0)
            return false;
    return size > 0 && size < 64
        && name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")]
        == '\0';
}

static const char *check_words(const web_options *opts, char *why, size_t size)
{
    struct in6_addr any;
    if (opts->base && !base_is_path(opts->base))
        return refuse(why, size, "--base is a path such as /gofer, without a slash at its end");
    if (opts->anonymous && strcmp(opts->anonymous, "none") != 0 && !web_role(opts->anonymous))
        return refuse(why, size, "--anonymous is none, see, operate, admin, metrics, or rights "
            "with commas between them");
    if (!opts->tls_cert != !opts->tls_key) {
        const char *prefix = opts->prefix ? opts->prefix : "";
        snprintf(why, size, "--%stls-cert and --%stls-key go together", prefix, prefix);
        return why;
    }
    if (!opts->user_header && (opts->role_header || opts->role_count))
        return refuse(why, size, "--role-header and --role-map belong to --auth-header");
    if (opts->user_header && !header_may_name(opts->user_header))
        return refuse(why, size, "--auth-header is the name of a header that means nothing else");
    if (opts->role_header && (!header_may_name(opts->role_header)
        || strcasecmp(opts->role_header, opts->user_header) == 0))
        return refuse(why, size, "--role-header is the name of a header that means nothing else");
    if (opts->user_header && !opts->role_count)
        return refuse(why, size, "--auth-header needs --role-map: whom the proxy names may do "
            "nothing otherwise");
    for (size_t i = 0; i < opts->proxy_count; i++)
        if (inet_pton(AF_INET, opts->proxies[i], &any) != 1
            && inet_pton(AF_INET6, opts->proxies[i], &any) != 1)
            return refuse(why, size, "--trusted-proxy is an IP address");
    const char *fault = opts->web_root ? web_page_root_fault(opts->web_root) : NULL;
    return fault ? refuse(why, size, fault) : NULL;
}

static unsigned anonymous_rights(const web_options *opts)
{
    const char *role = opts->anonymous ? opts->anonymous : "see,payload";
    return strcmp(role, "none") == 0 ? 0 : web_role(role);
}

// ---- making

static const char *read_masks(web *w, const web_options *opts, char *why, size_t size)
{
    if (opts->mask_count)
        w->masks = web_masks_new(opts->masks, opts->mask_count, why, size);
    return opts->mask_count && !w->masks ? why : NULL;
}

static const char *read_roles(web *w, const web_options *opts, char *why, size_t size)
{
    bool unix_socket = false;
    for (size_t i = 0; i < opts->listen_count; i++)
        unix_socket = unix_socket || strncmp(opts->listen[i], "unix:", 5) == 0;
    if (!opts->user_header)
        return NULL;
    if (!opts->proxy_count && !unix_socket)
        return refuse(why, size, "--auth-header is believed of proxies alone: name them by "
            "--trusted-proxy, or let them in over a Unix socket (--listen unix:PATH)");
    w->roles = web_role_map_new(opts->roles, opts->role_count, why, size);
    return w->roles ? NULL : why;
}

static const char *open_tls(web *w, const web_options *opts, char *why, size_t size)
{
    if (opts->tls_cert)
        w->tls = web_tls_new(opts->tls_cert, opts->tls_key, &w->log, why, size);
    return opts->tls_cert && !w->tls ? why : NULL;
}

static const char *open_listeners(web *w, const web_options *opts, char *why, size_t size)
{
    static const char *const usual[] = { "127.0.0.1:8989" };
    const char *const *addresses = opts->listen_count ? opts->listen : usual;
    size_t count = opts->listen_count ? opts->listen_count : 1;
    w->listeners = calloc(count, sizeof *w->listeners);
    w->names = calloc(count, sizeof *w->names);
    if (!w->listeners || !w->names)
        return refuse(why, size, "there is no memory");
    for (; w->listener_count < count; w->listener_count++) {
        const char *failed = web_listen(&w->listeners[w->listener_count],
            addresses[w->listener_count], w->base, w->tls != NULL, why, size);
        if (failed)
            return failed;
        w->names[w->listener_count] = strdup(w->listeners[w->listener_count].name);
        if (!w->names[w->listener_count]) {
            web_unlisten(&w->listeners[w->listener_count]);
            return refuse(why, size, "there is no memory");
        }
    }
    return NULL;
}

// The host of "http://HOST:PORT/"; "" of a Unix socket.
static size_t host_of(const web_listener *l, const char **out)
{
    const char *slashes = l->path[0] ? NULL : strstr(l->name, "://");
    const char *name = slashes ? slashes + 3 : "";
    const char *close = *name == '[' ? strchr(name, ']') : NULL;
    *out = name;
    return close ? (size_t)(close + 1 - name) : strcspn(name, ":/");
}

static bool add_host(web *w, const char *name, size_t size)
{
    char *copy = strndup(name, size);
    if (copy)
        w->hosts[w->host_count++] = copy;
    return copy != NULL;
}

static bool name_hosts(web *w, const web_options *opts)
{
    w->hosts = calloc(w->listener_count + opts->host_count + 1, sizeof *w->hosts);
    bool made = w->hosts != NULL;
    for (size_t i = 0; made && i < opts->host_count; i++)
        made = add_host(w, opts->hosts[i], strlen(opts->hosts[i]));
    for (size_t i = 0; made && i < w->listener_count; i++) {
        const char *host;
        size_t size = host_of(&w->listeners[i], &host);
        made = add_host(w, host, size);
    }
    return made;
}

// ---- the gate's questions

static bool take(void *user, int fd, const struct sockaddr *from, socklen_t size)
{
    web *w = user;
    return web_server_take(w->parts.server, fd, from, size);
}

static bool is_trusted(void *user, const struct sockaddr *from)
{
    const web *w = user;
    char text[WEB_ADDRESS_ROOM], proxy[WEB_ADDRESS_ROOM];
    if (from && from->sa_family == AF_UNIX)
        return true;
    web_claim_address(from, text);
    // As it was given it may be written otherwise: 2001:DB8:0::1.
    for (size_t i = 0; *text && i < w->proxy_count; i++)
        if (web_claim_for(w->proxies[i], proxy) && strcmp(proxy, text) == 0)
            return true;
    return false;
}

static void heard(void *user, const char *queue)
{
    const web_parts *p = user;
    if (queue)
        web_roster_touch(p->roster, queue);
    if (p->totals)
        web_totals_touch(p->totals);
}

// What a worker's metrics have no need of.
static bool make_store_parts(web_parts *p, gofer_client *client, const web_log *log)
{
    p->streams = web_streams_new(client, web_server_wake, WEB_WINDOW_MS);
    p->audit = web_audit_new(client, log);
    p->checks = web_checks_new();
    p->jobs = p->audit && p->checks ? web_jobs_new(client, p->audit, p->checks) : NULL;
    p->steps = web_steps_new(client);
    p->roster = web_roster_new(client);
    p->totals = web_totals_new(client);
    p->recent = p->roster && p->totals ? web_recent_new(p->roster, p->totals, RECENT_STEP_MS)
                                       : NULL;
    p->scrapes = web_scrapes_new();
    if (p->streams && p->roster)
        web_streams_tell(p->streams, heard, p);
    return p->streams && p->jobs && p->recent && p->steps && p->scrapes;
}

static void left(void *user, void *reader)
{
    (void)user;
    web_server_left(reader);
}

// What stays whatever becomes of the store.
static bool make_lasting(web *w)
{
    const web_options *opts = w->opts;
    w->access = web_access_new(&(web_access_options){
        .tokens = opts->tokens, .anonymous = anonymous_rights(opts),
        .until_tokens = !opts->anonymous, .read_only = opts->read_only, .roles = w->roles,
        .user_header = opts->user_header, .log = &w->log });
    return w->access && name_hosts(w, opts);
}

static bool make_parts(web *w, gofer_client *client)
{
    const web_options *opts = w->opts;
    web_parts *p = &w->parts;
    p->pool = web_pool_new(opts->worker ? 1 : STORE_THREADS, STORE_JOBS);
    p->prover = opts->tokens ? web_pool_new(1, PASSWORDS) : NULL;
    if (!p->pool || (opts->tokens && !p->prover)
        || (!opts->worker && !make_store_parts(p, client, &w->log)))
        return false;
    web_server_options server = {
        .client = client, .worker = opts->worker, .jobs = p->jobs, .audit = p->audit,
        .access = w->access,
        .pool = p->pool, .prover = p->prover, .streams = p->streams,
        .recent = p->recent, .steps = p->steps,
        .scrapes = p->scrapes, .roster = p->roster, .totals = p->totals, .checks = p->checks,
        .options = opts->worker ? NULL : opts,
        .addresses = (const char *const *)w->names, .address_count = w->listener_count,
        .guard = { (const char *const *)w->hosts, w->host_count, opts->worker != NULL },
        .base = w->base, .web_root = opts->web_root, .asynq_names = opts->asynq_names,
        .asynqmon = opts->asynqmon,
        .behind_proxy = opts->behind_proxy, .user_header = opts->user_header,
        .role_header = opts->role_header, .masks = w->masks, .trusted = is_trusted, .user = w,
    };
    web_gate_options gate = {
        .listeners = w->listeners, .count = w->listener_count, .tls = w->tls, .take = take,
        .trusted = is_trusted, .left = left, .user = w,
    };
    p->server = web_server_new(&server);
    p->gate = p->server ? web_gate_new(&gate) : NULL;
    if (p->gate)
        web_server_use_gate(p->server, p->gate);
    return p->gate != NULL;
}

web *web_new(gofer_client *client, const web_options *opts, char *why, size_t size, bool *usage)
{
    web *w = calloc(1, sizeof *w);
    *usage = true;
    const char *failed = w ? check_words(opts, why, size) : refuse(why, size, "there is no memory");
    if (!failed) {
        w->opts = opts;
        snprintf(w->base, sizeof w->base, "%s", opts->base ? opts->base : "");
        w->proxies = opts->proxies;
        w->proxy_count = opts->proxy_count;
        w->log = (web_log){ opts->log, opts->log_user };
        failed = read_masks(w, opts, why, size);
        if (!failed)
            failed = read_roles(w, opts, why, size);
    }
    if (!failed) {
        failed = open_tls(w, opts, why, size);
        if (!failed)
            failed = open_listeners(w, opts, why, size);
        *usage = failed == NULL;
    }
    if (!failed)
        failed = check_safety(w, opts, why, size);
    if (!failed && (!make_lasting(w) || !make_parts(w, client))) {
        *usage = false;
        failed = refuse(why, size, "there is no memory, or no thread is to be had");
    }
    if (!failed)
        return w;
    web_free(w);
    return NULL;
}

bool web_start(web *w)
{
    return web_gate_start(w->parts.gate);
}

const char *web_name(const web *w, size_t index)
{
    return index < w->listener_count ? w->names[index] : NULL;
}

// What make_parts made. From the outside in: nobody new, then those under way, then what they used.
static void end_parts(web_parts *p)
{
    if (p->gate)
        web_gate_close(p->gate);
    if (p->streams)
        web_streams_end(p->streams);
    web_checks_end(p->checks);
    web_server_settle(p->server, GRACE_MS);
    web_pool_free(p->prover);
    web_pool_free(p->pool);
    web_server_free(p->server);
    web_jobs_free(p->jobs);
    web_audit_free(p->audit);
    web_recent_free(p->recent);
    web_steps_free(p->steps);
    web_checks_free(p->checks);
    web_scrapes_free(p->scrapes);
    web_streams_free(p->streams);       // it tells the two below of what it hears
    web_totals_free(p->totals);
    web_roster_free(p->roster);
    web_gate_free(p->gate);
    *p = (web_parts){ 0 };
}

bool web_renew(web *w, gofer_client *client)
{
    end_parts(&w->parts);
    return make_parts(w, client) && web_start(w);
}

void web_free(web *w)
{
    if (!w)
        return;
    if (w->parts.gate)
        web_gate_close(w->parts.gate);  // it looks at the listeners
    for (size_t i = 0; i < w->listener_count; i++)
        web_unlisten(&w->listeners[i]);
    end_parts(&w->parts);
    web_tls_free(w->tls);
    web_access_free(w->access);
    web_role_map_free(w->roles);
    web_masks_free(w->masks);
    for (size_t i = 0; i < w->host_count; i++)
        free(w->hosts[i]);
    free(w->hosts);
    for (size_t i = 0; i < w->listener_count; i++)
        free(w->names[i]);
    free(w->names);
    free(w->listeners);
    free(w);
}
