// tunnel.c - one connection under TLS.
//
// A record of TLS has 16 KiB at the most, and a read takes one of them whole: so OpenSSL holds
// nothing back between two moves, and poll tells the truth.
#include "tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0          // the binary has a handler for SIGPIPE
#endif

enum {
    RECORD = 16384,             // bytes of the largest record
    ROUNDS = 16                 // of one move: others want theirs
};

// Bytes on their way in one direction.
typedef struct flow {
    char   bytes[RECORD];
    size_t sent, size;          // what is between them is still to go
    bool   ended;               // nothing will follow
    bool   told;                // and the other side knows
    short  wants;               // poll of the visitor's socket, so that this can go on
} flow;

struct web_tunnel {
    const gf_openssl *lib;      // borrowed
    SSL    *ssl;
    int     outer, inner, inside;
    bool    shaken, broken;
    bool    inner_gone;         // nobody is inside any more
    int64_t moved_ms;
    flow    in, out;
};

static bool plain_pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return false;
    for (int i = 0; i < 2; i++)
        if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) != 0 || fcntl(fds[i], F_SETFL, O_NONBLOCK) != 0) {
            close(fds[0]);
            close(fds[1]);
            return false;
        }
    return true;
}

web_tunnel *web_tunnel_new(web_tls *tls, int fd)
{
    web_tunnel *t = calloc(1, sizeof *t);
    int fds[2] = { -1, -1 };
    SSL *ssl = t && plain_pair(fds) ? web_tls_side(tls) : NULL;
    if (ssl && web_tls_library(tls)->SSL_set_fd(ssl, fd) == 1) {
        *t = (web_tunnel){ .lib = web_tls_library(tls), .ssl = ssl, .outer = fd,
            .inner = fds[0], .inside = fds[1], .moved_ms = web_ms(CLOCK_MONOTONIC) };
        t->in.wants = POLLIN;
        return t;
    }
    if (ssl)
        web_tls_library(tls)->SSL_free(ssl);
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    close(fd);
    free(t);
    return NULL;
}

void web_tunnel_close(web_tunnel *t)
{
    if (!t)
        return;
    t->lib->SSL_free(t->ssl);
    close(t->outer);
    close(t->inner);
    if (t->inside >= 0)
        close(t->inside);
    free(t);
}

int web_tunnel_inside(web_tunnel *t)
{
    int fd = t->shaken ? t->inside : -1;
    if (fd >= 0)
        t->inside = -1;
    return fd;
}

int64_t web_tunnel_moved_ms(const web_tunnel *t)
{
    return t->moved_ms;
}

// ---- over TLS

// What an attempt that could not go on waits for; 0: it never will.
static short wants(web_tunnel *t, int result)
{
    int error = t->lib->SSL_get_error(t->ssl, result);
    return error == SSL_ERROR_WANT_READ ? POLLIN : error == SSL_ERROR_WANT_WRITE ? POLLOUT : 0;
}

static void shake(web_tunnel *t)
{
    t->lib->ERR_clear_error();
    int result = t->lib->SSL_accept(t->ssl);
    t->shaken = result == 1;
    t->in.wants = t->shaken ? POLLIN : wants(t, result);
    t->broken = t->in.wants == 0;
}

static bool read_visitor(web_tunnel *t)
{
    size_t size = 0;
    t->lib->ERR_clear_error();
    int result = t->lib->SSL_read_ex(t->ssl, t->in.bytes, RECORD, &size);
    t->in.sent = 0;
    t->in.size = result == 1 ? size : 0;
    if (result == 1)
        return true;
    int error = t->lib->SSL_get_error(t->ssl, result);
    t->in.wants = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return false;
    // Said that it is the end; or cut off, and then nobody reads what we would send.
    t->in.ended = true;
    t->broken = error != SSL_ERROR_ZERO_RETURN;
    return true;
}

static bool write_visitor(web_tunnel *t)
{
    size_t size = 0;
    t->lib->ERR_clear_error();
    int result = t->lib->SSL_write_ex(t->ssl, t->out.bytes + t->out.sent,
        t->out.size - t->out.sent, &size);
    t->out.sent += result == 1 ? size : 0;
    if (result == 1)
        return true;
    t->out.wants = wants(t, result);
    t->broken = t->out.wants == 0;
    return false;
}

static bool end_visitor(web_tunnel *t)
{
    t->lib->ERR_clear_error();
    int result = t->lib->SSL_shutdown(t->ssl);
    t->out.wants = result < 0 ? wants(t, result) : 0;
    if (result < 0 && t->out.wants)
        return false;
    (void)shutdown(t->outer, SHUT_WR);
    t->out.told = true;
    return true;
}

// ---- inside

static bool would_wait(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static bool write_inside(web_tunnel *t)
{
    ssize_t n = send(t->inner, t->in.bytes + t->in.sent, t->in.size - t->in.sent, MSG_NOSIGNAL);
    if (n < 0 && would_wait())
        return false;
    // Nobody reads there any more: what comes is read away.
    t->in.sent = n < 0 ? t->in.size : t->in.sent + (size_t)n;
    return true;
}

static bool read_inside(web_tunnel *t)
{
    ssize_t n = recv(t->inner, t->out.bytes, RECORD, 0);
    if (n < 0 && would_wait())
        return false;
    t->out.sent = 0;
    t->out.size = n > 0 ? (size_t)n : 0;
    t->out.ended = n <= 0;
    return true;
}

// ---- both

static bool is_empty(const flow *f)
{
    return f->sent == f->size;
}

static bool move_in(web_tunnel *t)
{
    if (!is_empty(&t->in))
        return write_inside(t);
    if (!t->in.ended)
        return read_visitor(t);
    if (t->in.told)
        return false;
    (void)shutdown(t->inner, SHUT_WR);
    return t->in.told = true;
}

static bool move_out(web_tunnel *t)
{
    t->out.wants = 0;
    if (!is_empty(&t->out))
        return write_visitor(t);
    if (!t->out.ended)
        return read_inside(t);
    return !t->out.told && end_visitor(t);
}

web_tunnel_state web_tunnel_move(web_tunnel *t)
{
    if (!t->shaken)
        shake(t);
    bool moves = t->shaken;
    for (int i = 0; i < ROUNDS && moves && !t->broken; i++) {
        moves = move_in(t);
        moves = (!t->broken && move_out(t)) || moves;
        if (moves)
            t->moved_ms = web_ms(CLOCK_MONOTONIC);
    }
    if (t->broken || (t->out.told && (t->in.told || t->inner_gone)))
        return WEB_TUNNEL_ENDED;
    return t->shaken ? WEB_TUNNEL_OPEN : WEB_TUNNEL_SHAKING;
}

// ---- polling

size_t web_tunnel_watch(const web_tunnel *t, struct pollfd fds[2])
{
    bool ends = (t->out.ended || t->inner_gone) && !t->out.told;
    short outer = is_empty(&t->out) && !ends ? 0 : t->out.wants ? t->out.wants : POLLOUT;
    short inner = 0;            // that its other end is closed is told unasked
    size_t count = 0;
    if (!is_empty(&t->in))
        inner |= POLLOUT;
    else if (!t->in.ended)
        outer |= t->in.wants;
    if (t->shaken && is_empty(&t->out) && !t->out.ended)
        inner |= POLLIN;
    // poll says of any socket that it is gone, asked or not, again and again.
    if (outer)
        fds[count++] = (struct pollfd){ .fd = t->outer, .events = outer };
    if (t->shaken && !t->inner_gone)
        fds[count++] = (struct pollfd){ .fd = t->inner, .events = inner };
    return count;
}

void web_tunnel_polled(web_tunnel *t, const struct pollfd *seen)
{
    if (seen->fd == t->inner && seen->revents & (POLLHUP | POLLERR | POLLNVAL))
        t->inner_gone = true;
}
