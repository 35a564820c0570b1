// server.c - requests and answers over HTTP, by libmicrohttpd: the turns of a request, and the
// server's life.
//
// The library's thread reads a request; what does not wait is answered on it. The rest goes to the
// pool: the connection is suspended meanwhile and resumed with the answer. So a request is touched
// by one thread at a time, and the hand-over (suspend, add to the pool; resume) orders them.
#include "server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "request.h"
#include "roster.h"
#include "totals.h"

enum {
    BODY_MAX = 1 << 20,             // bytes of a request's body
    CONNECTION_MEMORY = 32 << 10,   // of the library's, for each: the head has 8 KiB at the most
    TURN_MS = 10
};

struct web_server {
    web_server_options opts;
    struct MHD_Daemon *daemon;
    web_gate          *gate;
    pthread_mutex_t    lock;        // guards count
    size_t             count;       // requests under way
};

// ---- on the pool, and what waits for it

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
    web_request *r = user;
    r->route->run(&r->call);
    if (r->route->act)
        name_touched(&r->call);
    // What may not wait for the store has somebody who notes it, and so has what goes on as a job.
    if (r->route->act && r->opts->audit && !(r->route->flags & WEB_NO_STORE)
        && r->call.reply.status != 202)
        web_audit_call(r->opts->audit, r->route->act, &r->call);
    if (r->asked)
        MHD_resume_connection(r->connection);
}

static web_pool *prover_of(const web_request *r)
{
    return r->opts->prover ? r->opts->prover : r->opts->pool;
}

// By the thread that proves passwords, while the connection is suspended.
static void run_proof(void *user)
{
    web_request *r = user;
    web_request_prove(r);
    MHD_resume_connection(r->connection);
}

static enum MHD_Result prove(web_request *r)
{
    if (!web_request_has_body(r))
        web_gate_whole(r->gate, web_request_fd(r));
    MHD_suspend_connection(r->connection);
    r->proof = WEB_PROOF_MADE;      // once the library comes again
    if (web_pool_add(prover_of(r), run_proof, r))
        return MHD_YES;
    r->proof = WEB_PROOF_NONE;
    web_fail(&r->call, 503, "EDENIED", "too many passwords wait to be looked at: try again");
    MHD_resume_connection(r->connection);
    return MHD_YES;
}

// ---- the turns of a request

static enum MHD_Result take_body(web_request *r, const char *bytes, size_t *size)
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

static enum MHD_Result run(web_request *r)
{
    web_gate_whole(r->gate, web_request_fd(r));
    r->call.body = r->body.at;
    r->call.body_size = r->body.size;
    if (r->body.failed)
        return web_request_answer(r);
    if (r->route->flags & WEB_IS_STREAM)
        return web_request_stream(r);
    if (r->route->flags & WEB_NO_STORE) {
        run_route(r);
        return web_request_answer(r);
    }
    MHD_suspend_connection(r->connection);
    r->asked = true;
    bool proves = r->route->flags & WEB_TAKES_PASSWORD;
    if (web_pool_add(proves ? prover_of(r) : r->opts->pool, run_route, r))
        return MHD_YES;
    web_fail(&r->call, 503, proves ? "EDENIED" : "EBROKER", proves
        ? "too many passwords wait to be looked at: try again"
        : "the store is slow, and too many requests wait for it");
    MHD_resume_connection(r->connection);
    return MHD_YES;
}

// After the head: it goes on with the body, with the proof of a password, or is answered.
static enum MHD_Result go_on(web_request *r)
{
    if (r->proof == WEB_PROOF_DUE)
        return prove(r);
    // A body that is on its way is read, or the answer to it might be lost.
    if (r->call.reply.status == 0 || web_request_has_body(r))
        return MHD_YES;
    web_gate_whole(r->gate, web_request_fd(r));
    return web_request_answer(r);
}

static enum MHD_Result mhd_request(void *user, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *bytes, size_t *size, void **context)
{
    web_request *r = *context;
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
            web_request_begin(r, method);
        return go_on(r);
    }
    if (r->proof == WEB_PROOF_MADE) {
        web_request_admit(r);
        r->proof = WEB_PROOF_TAKEN;
        return go_on(r);
    }
    if (*size)
        return take_body(r, bytes, size);
    if (r->call.reply.status || r->asked) {
        web_gate_whole(r->gate, web_connection_fd(connection));
        return web_request_answer(r);
    }
    return run(r);
}

// ---- what the library tells

static void *on_target(void *user, const char *target, struct MHD_Connection *connection)
{
    web_server *server = user;
    web_request *r = web_request_new(&server->opts, server->gate, connection, target);
    if (!r)
        return NULL;
    pthread_mutex_lock(&server->lock);
    server->count++;
    pthread_mutex_unlock(&server->lock);
    return r;
}

static void on_end(void *user, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode why)
{
    web_server *server = user;
    web_request *r = *context;
    (void)why;
    if (!r)
        return;
    if (r->stream)
        web_gate_listen(server->gate, web_connection_fd(connection), NULL);
    web_request_free(r);
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
        web_gate_gone(server->gate, web_connection_fd(connection));
}

// Escapes are undone by route.c, word by word: a name may hold a slash.
static size_t leave_escapes(void *user, struct MHD_Connection *connection, char *text)
{
    (void)user;
    (void)connection;
    return strlen(text);
}

// ---- streams

void web_server_wake(void *reader)
{
    const web_request *r = reader;
    MHD_resume_connection(r->connection);
}

void web_server_left(void *reader)
{
    const web_request *r = reader;
    web_stream_leave(r->stream);
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
