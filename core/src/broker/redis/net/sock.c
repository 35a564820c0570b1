// sock.c - a connected socket: finds the addresses of a name and tries all of them.
//
// May touch: the resolver, sockets. getaddrinfo knows no deadline, so a name (not an address) is
// looked up by a thread of its own, which is left to itself when it is not back in time.
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <fcntl.h>

#include "broker/redis/net/conn.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/thread.h"

enum {
    SHARE_MS = 200,                          // an address gets so long at least, though
                                             //   others wait behind it
    KEEPALIVE_IDLE_S = 10, KEEPALIVE_EVERY_S = 5, KEEPALIVE_PROBES = 2,
    UNANSWERED_MS = 15000                    // bytes not acknowledged for so long: the peer is gone
};

// ---- names --------------------------------------------------------------------------------------

typedef struct lookup {
    pthread_mutex_t  lock;
    pthread_cond_t   done_cond;
    int              owners;                 // the asking thread and the looking one;
                                             //   the last frees it
    bool             done;
    int              error;
    struct addrinfo *found;
    char             host[256], port[8];
} lookup;

static int look_up(const char *host, const char *port, int flags, struct addrinfo **out)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = flags | AI_NUMERICSERV };
    return getaddrinfo(host, port, &hints, out);
}

static void disown(lookup *l)                // Locks: l->lock held; lets it go
{
    bool last = --l->owners == 0;
    pthread_mutex_unlock(&l->lock);
    if (!last)
        return;
    if (l->found)
        freeaddrinfo(l->found);
    pthread_cond_destroy(&l->done_cond);
    pthread_mutex_destroy(&l->lock);
    gf_free(l);
}

static void *run_lookup(void *arg)
{
    lookup *l = arg;
    struct addrinfo *found = NULL;
    gf_thread_name("gofer-resolve");
    int error = look_up(l->host, l->port, 0, &found);
    pthread_mutex_lock(&l->lock);
    l->found = error == 0 ? found : NULL;
    l->error = error;
    l->done = true;
    pthread_cond_signal(&l->done_cond);
    disown(l);
    return NULL;
}

static lookup *start_lookup(const char *host, const char *port)
{
    lookup *l = gf_calloc(1, sizeof *l);
    if (!l)
        return NULL;
    snprintf(l->host, sizeof l->host, "%s", host);
    snprintf(l->port, sizeof l->port, "%s", port);
    l->owners = 2;
    if (pthread_mutex_init(&l->lock, NULL) != 0)
        goto fail;
    if (gf_cond_init(&l->done_cond) != 0)
        goto fail_lock;
    pthread_t thread;
    if (gf_thread_start(&thread, run_lookup, l, 0) != 0)
        goto fail_cond;
    pthread_detach(thread);
    return l;

fail_cond:
    pthread_cond_destroy(&l->done_cond);
fail_lock:
    pthread_mutex_destroy(&l->lock);
fail:
    gf_free(l);
    return NULL;
}

static gofer_status find_addresses(const gf_rd_address *address, int64_t deadline_ms,
    struct addrinfo **out, bool *again)
{
    char port[8];
    snprintf(port, sizeof port, "%d", (int)address->port);
    int error = look_up(address->host, port, AI_NUMERICHOST, out);
    if (error == 0)
        return GOFER_OK;

    *again = true;
    lookup *l = start_lookup(address->host, port);
    if (!l)
        return gf_fail_nomem("the look-up of a host name");
    pthread_mutex_lock(&l->lock);
    int64_t left;
    while (!l->done && (left = deadline_ms - gf_mono_ms()) > 0)
        gf_cond_wait(&l->done_cond, &l->lock, left);
    bool done = l->done;
    error = done ? l->error : 0;
    *out = done ? l->found : NULL;
    l->found = done ? NULL : l->found;
    disown(l);
    if (*out)
        return GOFER_OK;
    return gf_fail(GOFER_EBROKER, "cannot find the Redis host '%s': %s", address->host,
        done ? gai_strerror(error) : "the name service does not answer");
}

// ---- sockets ------------------------------------------------------------------------------------

static void set(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);     // an improvement each, no need
}

static int open_socket(int family)
{
#ifdef SOCK_CLOEXEC
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)) {
        close(fd);
        return -1;
    }
#endif
    if (fd < 0)
        return -1;
#ifdef SO_NOSIGPIPE
    set(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
#endif
    if (family == AF_UNIX)
        return fd;
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
#endif
#ifdef TCP_KEEPINTVL
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
#endif
#ifdef TCP_USER_TIMEOUT
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNANSWERED_MS);
#endif
    return fd;
}

// A port nobody listens on may be given to our own end, which then talks to itself.
static bool is_own_end(int fd)
{
    struct sockaddr_storage here, there;
    socklen_t here_size = sizeof here, there_size = sizeof there;
    return getsockname(fd, (struct sockaddr *)&here, &here_size) == 0 &&
        getpeername(fd, (struct sockaddr *)&there, &there_size) == 0 && here.ss_family != AF_UNIX &&
        here_size == there_size && memcmp(&here, &there, here_size) == 0;
}

// Returns the socket, or -1 with errno.
static int connect_to(const struct sockaddr *address, socklen_t size, int64_t deadline_ms)
{
    int error = 0, fd = open_socket(address->sa_family);
    if (fd < 0)
        return -1;
    if (connect(fd, address, size) != 0) {
        error = errno;
        if (error == EINPROGRESS || error == EINTR) {
            socklen_t error_size = sizeof error;
            if (!gf_rd_conn_poll(fd, POLLOUT, deadline_ms))
                error = ETIMEDOUT;
            else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0)
                error = errno;
        }
    }
    if (error == 0 && is_own_end(fd))
        error = ECONNREFUSED;
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

static int connect_unix(const char *path, int64_t deadline_ms)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t size = strlen(path) + 1;
    if (size > sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, size);
    return connect_to((struct sockaddr *)&address, sizeof address, deadline_ms);
}

// An address that does not answer leaves time for those behind it.
static int connect_any(const struct addrinfo *found, int64_t deadline_ms)
{
    int error = ETIMEDOUT;
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        int64_t now = gf_mono_ms(), behind = 1;
        for (const struct addrinfo *b = a->ai_next; b; b = b->ai_next)
            behind++;
        int64_t share = (deadline_ms - now) / behind;
        int64_t end = now + (share < SHARE_MS ? SHARE_MS : share);
        int fd = connect_to(a->ai_addr, a->ai_addrlen, end < deadline_ms ? end : deadline_ms);
        if (fd >= 0)
            return fd;
        error = errno;
    }
    errno = error;
    return -1;
}

int gf_rd_sock_open(const gf_rd_address *address, int64_t deadline_ms, gofer_status *st,
    bool *again)
{
    int fd;
    *again = true;
    *st = GOFER_OK;
    if (address->port == 0)
        fd = connect_unix(address->host, deadline_ms);
    else {
        struct addrinfo *found = NULL;
        *st = find_addresses(address, deadline_ms, &found, again);
        if (*st != GOFER_OK)
            return -1;
        fd = connect_any(found, deadline_ms);
        int error = errno;
        freeaddrinfo(found);
        errno = error;
    }
    if (fd >= 0)
        return fd;
    int error = errno;
    char text[GF_RD_ADDRESS_TEXT];
    gf_rd_address_text(address, text);
    bool denied = error == EACCES || error == EPERM;
    *again = !denied && error != ENAMETOOLONG;
    *st = gf_fail(denied ? GOFER_EDENIED : GOFER_EBROKER, "cannot connect to Redis at %s: %s", text,
        strerror(error));
    return -1;
}
