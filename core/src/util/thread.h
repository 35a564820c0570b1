// thread.h - threads and timed waits: what differs between systems.
//
// Small enough to stand in a header; knows nothing of tasks.
#ifndef GF_UTIL_THREAD_H
#define GF_UTIL_THREAD_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/wake_fd.h"

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
static inline int gf_thread_start(pthread_t *out, void *(*run)(void *), void *arg,
    size_t stack_size)
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

#endif
