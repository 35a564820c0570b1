// bell.h - wakes all threads that wait for it, each of which then looks whether it was meant.
//
// Unlike a condition variable it has no lock that all who were woken must take in turn. Small enough to stand
// in a header; knows nothing of tasks.
#ifndef GF_UTIL_BELL_H
#define GF_UTIL_BELL_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

typedef struct gf_bell {
    _Atomic uint32_t rung;         // so often
#ifndef __linux__
    pthread_mutex_t  lock;
    pthread_cond_t   cond;
#endif
} gf_bell;

static inline bool gf_bell_open(gf_bell *b)
{
    atomic_init(&b->rung, 0);
#ifdef __linux__
    return true;
#else
    return pthread_mutex_init(&b->lock, NULL) == 0 && pthread_cond_init(&b->cond, NULL) == 0;
#endif
}

static inline void gf_bell_close(gf_bell *b)
{
#ifdef __linux__
    (void)b;
#else
    pthread_cond_destroy(&b->cond);
    pthread_mutex_destroy(&b->lock);
#endif
}

// Before looking whether there is something to wait for.
static inline uint32_t gf_bell_seen(gf_bell *b)
{
    return atomic_load_explicit(&b->rung, memory_order_acquire);
}

// Until it has rung since `seen`. May return early for no reason.
static inline void gf_bell_wait(gf_bell *b, uint32_t seen)
{
#ifdef __linux__
    syscall(SYS_futex, &b->rung, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);     // every result means: look again
#else
    pthread_mutex_lock(&b->lock);
    if (gf_bell_seen(b) == seen)
        pthread_cond_wait(&b->cond, &b->lock);
    pthread_mutex_unlock(&b->lock);
#endif
}

static inline void gf_bell_ring(gf_bell *b)
{
#ifdef __linux__
    atomic_fetch_add_explicit(&b->rung, 1, memory_order_release);
    syscall(SYS_futex, &b->rung, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#else
    pthread_mutex_lock(&b->lock);
    atomic_fetch_add_explicit(&b->rung, 1, memory_order_release);
    pthread_mutex_unlock(&b->lock);
    pthread_cond_broadcast(&b->cond);
#endif
}

#endif
