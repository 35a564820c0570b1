// single_flight.h - one thread asks where the servers are while the others wait or go on with what
// is known.
//
// Small enough to stand in a header; for sentinel.c and cluster.c.
#ifndef GF_BROKER_REDIS_NET_SINGLE_FLIGHT_H
#define GF_BROKER_REDIS_NET_SINGLE_FLIGHT_H

#include "util/thread.h"

typedef struct gf_rd_single_flight {
    pthread_mutex_t lock;          // also for what is known
    pthread_cond_t  over;
    bool            under_way;
} gf_rd_single_flight;

static inline bool gf_rd_single_flight_init(gf_rd_single_flight *a)
{
    a->under_way = false;
    if (pthread_mutex_init(&a->lock, NULL) != 0)
        return false;
    if (gf_cond_init(&a->over) == 0)
        return true;
    pthread_mutex_destroy(&a->lock);
    return false;
}

// Not in a forked child: the state of both is anybody's guess there.
static inline void gf_rd_single_flight_clear(gf_rd_single_flight *a)
{
    pthread_cond_destroy(&a->over);
    pthread_mutex_destroy(&a->lock);
}

// With the lock. True: the caller shall ask (without the lock) and then call _end. False: somebody
// else did meanwhile, or the deadline is over.
static inline bool gf_rd_single_flight_begin(gf_rd_single_flight *a, int64_t deadline_ms)
{
    if (!a->under_way)
        return a->under_way = true;
    int64_t left;
    while (a->under_way && (left = deadline_ms - gf_mono_ms()) > 0)
        gf_cond_wait(&a->over, &a->lock, left);
    return false;
}

// With the lock.
static inline void gf_rd_single_flight_end(gf_rd_single_flight *a)
{
    a->under_way = false;
    pthread_cond_broadcast(&a->over);
}

// How long one of `left` servers may take, so that a silent one leaves time for the others.
static inline int64_t gf_rd_single_flight_share(int64_t deadline_ms, size_t left)
{
    int64_t now = gf_mono_ms(), rest = deadline_ms - now;
    return now + (rest > 0 ? rest / (int64_t)(left > 0 ? left : 1) : 0);
}

#endif
