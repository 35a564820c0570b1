// poke.h - a file descriptor that is readable while it is set: to end a poll from elsewhere.
//
// Small enough to stand in a header; knows nothing of tasks.
#ifndef GF_UTIL_POKE_H
#define GF_UTIL_POKE_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

typedef struct gf_poke {
    int read_fd, write_fd;         // the same on Linux; -1: closed
} gf_poke;

static inline bool gf_poke_open(gf_poke *p)
{
#ifdef __linux__
    p->read_fd = p->write_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return p->read_fd >= 0;
#else
    int fds[2];
    if (pipe(fds) != 0) {
        p->read_fd = p->write_fd = -1;
        return false;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    p->read_fd = fds[0];
    p->write_fd = fds[1];
    return true;
#endif
}

static inline void gf_poke_close(gf_poke *p)
{
    if (p->write_fd >= 0 && p->write_fd != p->read_fd)
        close(p->write_fd);
    if (p->read_fd >= 0)
        close(p->read_fd);
    p->read_fd = p->write_fd = -1;
}

// Async-signal-safe. A full pipe or counter is set already, so a failed write loses nothing.
static inline void gf_poke_set(const gf_poke *p)
{
    int saved = errno;
    uint64_t one = 1;
    while (write(p->write_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    errno = saved;
}

static inline void gf_poke_clear(const gf_poke *p)
{
    uint64_t bytes[64];
    ssize_t n;
    do
        n = read(p->read_fd, bytes, sizeof bytes);
    while (n == (ssize_t)sizeof bytes || (n < 0 && errno == EINTR));
}

// Wait until set (and clear it), at the most so long.
static inline void gf_poke_wait(const gf_poke *p, int64_t timeout_ms)
{
    struct pollfd fd = { .fd = p->read_fd, .events = POLLIN };
    int n = poll(&fd, 1, timeout_ms < 0 ? -1 : timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
    if (n > 0)
        gf_poke_clear(p);
}

#endif
