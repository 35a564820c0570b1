// thread.h - threads, timed waits and a file descriptor to wake by: what differs between systems.
//
// Small enough to stand in a header; knows nothing of tasks.
#ifndef GF_WORKER_THREAD_H
#define GF_WORKER_THREAD_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

#include "util/clock.h"

// ---- condition variables on the monotonic clock ------------------------------

static inline int gf_cond_init(pthread_cond_t *cond)
{
#ifdef __APPLE__
    return pthread_cond_init(cond, NULL);
#else
    pthread_condattr_t attr;
    int err = pthread_condattr_init(&attr);
    if (err)
        return err;
    err = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (!err)
        err = pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
    return err;
#endif
}

// Wait until signalled, at the most so long; negative: for ever. May return early for no reason.
static inline void gf_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t timeout_ms)
{
    if (timeout_ms < 0) {
        pthread_cond_wait(cond, lock);
        return;
    }
#ifdef __APPLE__
    struct timespec t = { (time_t)(timeout_ms / 1000), (long)(timeout_ms % 1000 * 1000000) };
    pthread_cond_timedwait_relative_np(cond, lock, &t);
#else
    struct timespec t = gf_mono_deadline(timeout_ms);
    pthread_cond_timedwait(cond, lock, &t);
#endif
}

// ---- threads -------------------------------------------------------------------

// Start a thread with every signal blocked, so that the host's handlers run on the host's threads.
// stack_size 0: the system's default. Returns 0 or an error number.
static inline int gf_thread_start(pthread_t *out, void *(*run)(void *), void *arg, size_t stack_size)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int err = pthread_attr_init(&attr);
    if (err)
        return err;
    if (stack_size && pthread_attr_setstacksize(&attr, stack_size) != 0)
        pthread_attr_destroy(&attr), pthread_attr_init(&attr);   // too small here: the default
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(out, &attr, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return err;
}

// What debuggers and top show; at most 15 characters.
static inline void gf_thread_name(const char *name)
{
#ifdef __APPLE__
    pthread_setname_np(name);
#elif defined(__linux__)
    (void)pthread_setname_np(pthread_self(), name);
#else
    (void)name;
#endif
}

// ---- a descriptor that is readable while it is set -------------------------------

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
