// event_count.h - wakes all threads that wait on it; each then looks whether it was meant.
//
// A waiter reads the count, looks whether what it waits for is there, and sleeps only if the count
// is still the same: so no notification is lost, and unlike with a condition variable there is no
// lock that all who were woken must take in turn. Any thread. Knows nothing of tasks.
#ifndef GF_UTIL_EVENT_COUNT_H
#define GF_UTIL_EVENT_COUNT_H

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

typedef struct gf_event_count {
    _Atomic uint32_t count;        // how often it was notified
#ifndef __linux__
    pthread_mutex_t  lock;
    pthread_cond_t   cond;
#endif
} gf_event_count;

static inline bool gf_event_count_open(gf_event_count *c)
{
    atomic_init(&c->count, 0);
#ifdef __linux__
    return true;
#else
    return pthread_mutex_init(&c->lock, NULL) == 0 && pthread_cond_init(&c->cond, NULL) == 0;
#endif
}

static inline void gf_event_count_close(gf_event_count *c)
{
#ifdef __linux__
    (void)c;
#else
    pthread_cond_destroy(&c->cond);
    pthread_mutex_destroy(&c->lock);
#endif
}

// Before looking whether there is something to wait for.
static inline uint32_t gf_event_count_read(gf_event_count *c)
{
    return atomic_load_explicit(&c->count, memory_order_acquire);
}

// Until it is notified; at once if it was since `seen` was read. May return early for no reason.
static inline void gf_event_count_wait(gf_event_count *c, uint32_t seen)
{
#ifdef __linux__
    // Every result means: look again.
    syscall(SYS_futex, &c->count, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
#else
    pthread_mutex_lock(&c->lock);
    if (gf_event_count_read(c) == seen)
        pthread_cond_wait(&c->cond, &c->lock);
    pthread_mutex_unlock(&c->lock);
#endif
}

static inline void gf_event_count_notify(gf_event_count *c)
{
#ifdef __linux__
    atomic_fetch_add_explicit(&c->count, 1, memory_order_release);
    syscall(SYS_futex, &c->count, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#else
    pthread_mutex_lock(&c->lock);
    atomic_fetch_add_explicit(&c->count, 1, memory_order_release);
    pthread_mutex_unlock(&c->lock);
    pthread_cond_broadcast(&c->cond);
#endif
}

#endif
