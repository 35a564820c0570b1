// conn.c - one connection: formats commands, sends, receives, parses with hiredis's reader.
//
// May touch: sockets, tls.h, hiredis's reader. A connection belongs to one thread at a time: no
// lock. Whatever goes wrong on it (an error, nonsense, a deadline) ends it: after a lost reply the
// next ones would be taken for answers to other commands.
#include "broker/redis/net/conn.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0                       // macOS: sock.c sets SO_NOSIGPIPE
#endif

enum {
    FIRST_OUT = 4096,                        // of a connection's buffer
    OUT_KEPT = 256 * 1024                    // a larger buffer is given back after use
};

// ---- limits on what a server may answer ---------------------------------------------------------
// hiredis asks for the whole of an array as soon as its count is read, so a lying server could have
// gigabytes reserved. From version 1 on it nests without bound, and frees by recursion; and it
// takes the types of RESP3, which nobody has asked for. What these refuse, the reader
// reports as no memory.

#if HIREDIS_MAJOR >= 1
typedef size_t array_count;

static void *no_double(const redisReadTask *task, double number, char *text, size_t size)
{
    (void)task, (void)number, (void)text, (void)size;
    return NULL;
}

static void *no_bool(const redisReadTask *task, int value)
{
    (void)task, (void)value;
    return NULL;
}
#else
typedef int array_count;
#endif

static bool is_too_deep(const redisReadTask *task)
{
    int depth = 1;
    while ((task = task->parent) && depth <= GF_RD_DEPTH_MAX)
        depth++;
    return depth > GF_RD_DEPTH_MAX;
}

static void *limited_array(const redisReadTask *task, array_count count)
{
    gf_rd_conn *c = task->privdata;
    size_t elements = count > 0 ? (size_t)count : 0;
    if (task->type != REDIS_REPLY_ARRAY || is_too_deep(task) ||
        elements > GF_RD_ELEMENTS_MAX - c->elements)
        return NULL;
    c->elements += elements;
    return gf_rd_reply_make_array(task, elements);
}

static void *limited_string(const redisReadTask *task, char *text, size_t size)
{
    gf_rd_conn *c = task->privdata;
    bool known = task->type == REDIS_REPLY_STRING || task->type == REDIS_REPLY_STATUS ||
        task->type == REDIS_REPLY_ERROR;
    if (!known || size > GF_RD_BULK_MAX || size > GF_RD_REPLY_MAX - c->bytes)
        return NULL;
    c->bytes += size;
    return gf_rd_reply_make_text(task, text, size);
}

static bool make_reader(gf_rd_conn *c)
{
    c->reader = redisReaderCreate();
    if (!c->reader)
        return false;
    c->make = (redisReplyObjectFunctions){
        .createString = limited_string,
        .createArray = limited_array,
        .createInteger = gf_rd_reply_make_integer,
        .createNil = gf_rd_reply_make_nil,
#if HIREDIS_MAJOR >= 1
        .createDouble = no_double,
        .createBool = no_bool,
#endif
        .freeObject = gf_rd_reply_free,
    };
    c->reader->fn = &c->make;
    c->reader->privdata = c;
    return true;
}

// ---- opening and closing ------------------------------------------------------------------------

void gf_rd_conn_close(gf_rd_conn *c)
{
    if (!c)
        return;
    gf_rd_tls_close(c->tls);
    if (c->fd >= 0)
        close(c->fd);
    if (c->reader)
        redisReaderFree(c->reader);
    gf_free(c->out);
    gf_free(c);
}

bool gf_rd_conn_is_replica(const gf_rd_conn *c)
{
    return c->is_replica;
}

// ---- out ----------------------------------------------------------------------------------------

static bool reserve(gf_rd_conn *c, size_t size)
{
    size_t need = gf_max_size(c->out_size + size, FIRST_OUT);
    if (!c->out_of_memory && !gf_grow(c->out, c->out_capacity, need))
        c->out_of_memory = true;
    return !c->out_of_memory;
}

// "*3\r\n" and "$12\r\n".
static void put_header(gf_rd_conn *c, char kind, size_t number)
{
    char text[24], *at = text + sizeof text;
    *--at = '\n';
    *--at = '\r';
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    *--at = kind;
    size_t size = (size_t)(text + sizeof text - at);
    memcpy(c->out + c->out_size, at, size);
    c->out_size += size;
}

void gf_rd_conn_put_count(gf_rd_conn *c, size_t words)
{
    if (reserve(c, 32))
        put_header(c, '*', words);
}

static void put_bytes(gf_rd_conn *c, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(c->out + c->out_size, bytes, size);
    c->out_size += size;
}

void gf_rd_conn_put_joined(gf_rd_conn *c, const void *first, size_t first_size, const void *rest,
    size_t rest_size)
{
    if (!reserve(c, first_size + rest_size + 32))
        return;
    put_header(c, '$', first_size + rest_size);
    put_bytes(c, first, first_size);
    put_bytes(c, rest, rest_size);
    put_bytes(c, "\r\n", 2);
}

void gf_rd_conn_put_word(gf_rd_conn *c, const void *bytes, size_t size)
{
    gf_rd_conn_put_joined(c, NULL, 0, bytes, size);
}

void gf_rd_conn_put(gf_rd_conn *c, const gf_rd_args *args)
{
    c->out_of_memory |= args->failed;
    gf_rd_conn_put_count(c, args->count);
    for (size_t i = 0; i < args->count; i++)
        gf_rd_conn_put_word(c, args->words[i], args->sizes[i]);
}

static gf_rd_io broken(gf_rd_conn *c, const char *why)
{
    snprintf(c->why, sizeof c->why, "%s", why);
    return GF_RD_IO_BROKEN;
}

static gf_rd_io send_some(gf_rd_conn *c, size_t *sent)
{
    const char *bytes = c->out + c->out_sent;
    size_t size = c->out_size - c->out_sent;
    if (c->tls)
        return gf_rd_tls_send(c->tls, bytes, size, sent, c->why, sizeof c->why);
    ssize_t n;
    do
        n = send(c->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n >= 0) {
        *sent = (size_t)n;
        return GF_RD_IO_DONE;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK ? GF_RD_IO_AGAIN : broken(c, strerror(errno));
}

gf_rd_io gf_rd_conn_flush(gf_rd_conn *c)
{
    if (c->out_of_memory)
        return broken(c, "no memory for a command");
    while (c->out_sent < c->out_size) {
        size_t sent = 0;
        gf_rd_io io = send_some(c, &sent);
        if (io != GF_RD_IO_DONE)
            return io;
        c->out_sent += sent;
    }
    return GF_RD_IO_DONE;
}

// Forgets what was sent, and the memory of an unusually large pipeline.
void gf_rd_conn_rewind(gf_rd_conn *c)
{
    c->out_size = c->out_sent = 0;
    if (c->out_capacity > OUT_KEPT) {
        gf_free(c->out);
        c->out = NULL;
        c->out_capacity = 0;
    }
}

// ---- in -----------------------------------------------------------------------------------------

gf_rd_io gf_rd_conn_fill(gf_rd_conn *c)
{
    size_t got = 0;
    if (c->tls) {
        gf_rd_io io = gf_rd_tls_receive(c->tls, c->burst, sizeof c->burst, &got, c->why,
            sizeof c->why);
        if (io != GF_RD_IO_DONE)
            return io;
    } else {
        ssize_t n;
        do
            n = recv(c->fd, c->burst, sizeof c->burst, MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? GF_RD_IO_AGAIN
                                                           : broken(c, strerror(errno));
        if (n == 0)
            return broken(c, "it closed the connection");
        got = (size_t)n;
    }
    if (redisReaderFeed(c->reader, c->burst, got) != REDIS_OK)
        return broken(c, "no memory for its reply");
    c->more = c->tls || got == sizeof c->burst;
    return GF_RD_IO_DONE;
}

// How many bytes the string that is being read shall have; 0: none is. The reader keeps its place
// behind the '$' until all of the string has come.
static long long announced(const redisReader *r)
{
    if (r->ridx < 0 || r->pos >= r->len)
        return 0;
#if HIREDIS_MAJOR >= 1
    int type = r->task[r->ridx]->type;
#else
    int type = r->rstack[r->ridx].type;
#endif
    if (type != REDIS_REPLY_STRING)
        return 0;
    // Of the number alone: what follows may be megabytes, and is no string.
    char number[24];
    size_t size = gf_min_size(r->len - r->pos, sizeof number - 1);
    memcpy(number, r->buf + r->pos, size);
    number[size] = '\0';
    return strtoll(number, NULL, 10);
}

gf_rd_io gf_rd_conn_next(gf_rd_conn *c, redisReply **reply)
{
    void *whole = NULL;
    if (redisReaderGetReply(c->reader, &whole) != REDIS_OK) {
        snprintf(c->why, sizeof c->why,
            c->reader->err == REDIS_ERR_OOM ? "a reply over the limits, or no memory for it"
                                            : "what it says is not Redis's protocol (%s)",
            c->reader->errstr);
        return GF_RD_IO_BROKEN;
    }
    // A string is only made when all of it has come: what waits for that is bounded here.
    if (!whole &&
        (announced(c->reader) > GF_RD_BULK_MAX ||
            c->reader->len - c->reader->pos > (size_t)GF_RD_BULK_MAX + 4096))
        return broken(c, "a reply over the limits");
    if (!whole)
        return GF_RD_IO_AGAIN;
    c->elements = c->bytes = 0;
    *reply = whole;
    return GF_RD_IO_DONE;
}

short gf_rd_conn_events(const gf_rd_conn *c)
{
    short events = POLLIN;
    if (c->tls)
        events |= gf_rd_tls_events(c->tls);
    else if (c->out_sent < c->out_size)
        events |= POLLOUT;
    return events;
}

bool gf_rd_conn_poll(int fd, short events, int64_t deadline_ms)
{
    for (;;) {
        int64_t left = deadline_ms - gf_mono_ms();
        struct pollfd p = { .fd = fd, .events = events };
        int n = poll(&p, 1, left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left);
        if (n > 0)
            return true;
        if ((n == 0 && left <= 0) || (n < 0 && errno != EINTR))
            return false;
    }
}

bool gf_rd_conn_is_quiet(gf_rd_conn *c)
{
    char byte;
    ssize_t n;
    do
        n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// ---- one command at a time ----------------------------------------------------------------------

gofer_status gf_rd_conn_reply(gf_rd_conn *c, int64_t deadline_ms, redisReply **reply)
{
    for (bool late = false;;) {
        gf_rd_io io = gf_rd_conn_next(c, reply);
        if (io == GF_RD_IO_DONE)
            return GOFER_OK;
        if (io == GF_RD_IO_AGAIN && late)        // it speaks on and on
            return gf_fail(GOFER_EBROKER, "Redis at %s does not come to the end of its answer",
                c->text);
        late = gf_mono_ms() >= deadline_ms;
        if (io == GF_RD_IO_AGAIN)
            io = gf_rd_conn_flush(c);
        if (io != GF_RD_IO_BROKEN)
            io = gf_rd_conn_fill(c);
        if (io == GF_RD_IO_BROKEN && c->out_of_memory)
            return gf_fail_nomem("a command to Redis");
        if (io == GF_RD_IO_BROKEN)
            return gf_fail(GOFER_EBROKER, "connection to Redis at %s: %s", c->text, c->why);
        if (io == GF_RD_IO_AGAIN && !gf_rd_conn_poll(c->fd, gf_rd_conn_events(c), deadline_ms))
            return gf_fail(GOFER_EBROKER, "Redis at %s does not answer", c->text);
    }
}

gofer_status gf_rd_conn_ask(gf_rd_conn *c, const gf_rd_args *args, int64_t deadline_ms,
    redisReply **reply)
{
    gf_rd_conn_put(c, args);
    gofer_status st = gf_rd_conn_reply(c, deadline_ms, reply);
    gf_rd_conn_rewind(c);
    return st;
}

gofer_status gf_rd_conn_dial(gf_rd_conn **out, gf_rd_net *net, const gf_rd_address *address,
    gf_rd_kind kind, int64_t deadline_ms, bool *again)
{
    const gf_rd_options *o = gf_rd_net_options(net);
    int64_t latest = gf_mono_ms() + o->connect_timeout_ms;
    bool ignored;
    again = again ? again : &ignored;
    *again = false;
    gf_rd_conn *c = gf_calloc(1, sizeof *c);
    if (!c)
        return gf_fail_nomem("a connection to Redis");
    c->fd = -1;
    c->net = net;
    gf_rd_address_text(address, c->text);
    if (latest < deadline_ms)
        deadline_ms = latest;

    gofer_status st = make_reader(c) ? GOFER_OK : gf_fail_nomem("a connection to Redis");
    if (st == GOFER_OK)
        c->fd = gf_rd_sock_open(address, deadline_ms, &st, again);
    if (st == GOFER_OK && o->tls)
        st = gf_rd_tls_open(&c->tls, gf_rd_net_tls(net),
            &(gf_rd_tls_peer){ c->fd, address->host, c->text }, deadline_ms, again);
    if (st == GOFER_OK)
        st = gf_rd_sign_on(c, kind, deadline_ms, again);
    if (st != GOFER_OK) {
        gf_rd_conn_close(c);
        return st;
    }
    *out = c;
    return GOFER_OK;
}
