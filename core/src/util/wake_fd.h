// wake_fd.h - a file descriptor that is readable while it is set: to end a poll from elsewhere.
//
// Any thread and any signal handler may set it; the one thread that polls it clears it. Small
// enough to stand in a header; knows nothing of tasks.
#ifndef GF_UTIL_WAKE_FD_H
#define GF_UTIL_WAKE_FD_H

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

typedef struct gf_wake_fd {
    int read_fd, write_fd;         // the same on Linux; -1: closed
} gf_wake_fd;

static inline bool gf_wake_fd_open(gf_wake_fd *w)
{
#ifdef __linux__
    w->read_fd = w->write_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return w->read_fd >= 0;
#else
    int fds[2];
    if (pipe(fds) != 0) {
        w->read_fd = w->write_fd = -1;
        return false;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    w->read_fd = fds[0];
    w->write_fd = fds[1];
    return true;
#endif
}

static inline void gf_wake_fd_close(gf_wake_fd *w)
{
    if (w->write_fd >= 0 && w->write_fd != w->read_fd)
        close(w->write_fd);
    if (w->read_fd >= 0)
        close(w->read_fd);
    w->read_fd = w->write_fd = -1;
}

// Async-signal-safe. A full pipe or counter is set already, so a failed write loses nothing.
static inline void gf_wake_fd_set(const gf_wake_fd *w)
{
    int saved = errno;
    uint64_t one = 1;
    while (write(w->write_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    errno = saved;
}

static inline void gf_wake_fd_clear(const gf_wake_fd *w)
{
    uint64_t bytes[64];
    ssize_t n;
    do
        n = read(w->read_fd, bytes, sizeof bytes);
    while (n == (ssize_t)sizeof bytes || (n < 0 && errno == EINTR));
}

// Wait until set (and clear it), at the most so long.
static inline void gf_wake_fd_wait(const gf_wake_fd *w, int64_t timeout_ms)
{
    struct pollfd fd = { .fd = w->read_fd, .events = POLLIN };
    int n = poll(&fd, 1, timeout_ms < 0 ? -1 : timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
    if (n > 0)
        gf_wake_fd_clear(w);
}

#endif
