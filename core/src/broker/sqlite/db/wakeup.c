// wakeup.c - tells waiting processes at once that a queue may have work, without polling.
//
// A queue's name hashes to one of 32 bits. A wake-up counts up the counters of its bits, changes
// the page's one futex word and wakes who waits for one of them; a waiter compares only the
// counters it watches, for the word changes with everybody's wake-ups. Nothing here has to be
// undone when a process is killed.
#include <errno.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/minmax.h"

// A hash, folded to 5 bits. All processes must agree on it: it is part of the file's format.
uint32_t gf_sq_wakeup_bit(const char *queue)
{
    uint32_t h = gf_hash32_text(queue);
    h ^= h >> 16;
    h ^= h >> 8;
    return UINT32_C(1) << (h % GF_SQ_BITS);
}

#ifdef __linux__

// Not FUTEX_PRIVATE: the word is in a file's page, or in plain memory for memory:.
void gf_sq_futex_wait(_Atomic uint32_t *word, uint32_t seen, uint32_t bits, int64_t timeout_us)
{
    int64_t end = gf_mono_ns() + timeout_us * 1000;     // FUTEX_WAIT_BITSET takes a point in time
    struct timespec until = { .tv_sec = (time_t)(end / 1000000000),
        .tv_nsec = (long)(end % 1000000000) };
    // Every result means the same to the caller: look again.
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET, seen, &until, NULL, bits);
}

// Async-signal-safe.
void gf_sq_futex_wake(_Atomic uint32_t *word, uint32_t bits, int count)
{
    int e = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_BITSET, count, NULL, NULL, bits);
    errno = e;
}

#else

// Without a futex: short naps, longer the longer nothing happens, 5 ms at the most.
void gf_sq_futex_wait(_Atomic uint32_t *word, uint32_t seen, uint32_t bits, int64_t timeout_us)
{
    (void)bits;
    int64_t end = gf_mono_ns() + timeout_us * 1000;
    for (int64_t nap_us = 50; atomic_load(word) == seen && gf_mono_ns() < end;) {
        gf_sleep_us(nap_us);
        nap_us = nap_us < 5000 ? nap_us + nap_us / 4 + 1 : 5000;
    }
}

void gf_sq_futex_wake(_Atomic uint32_t *word, uint32_t bits, int count)
{
    (void)word, (void)bits, (void)count;                // the word has changed; naps end by
                                                        //   themselves
}

#endif

// Async-signal-safe: lock-free atomics and one system call.
void gf_sq_wakeup_send(gf_sq_page *page, uint32_t bits)
{
    for (int i = 0; i < GF_SQ_BITS; i++)
        if (bits >> i & 1)
            atomic_fetch_add(&page->wakeups[i], 1);
    atomic_fetch_add(&page->word, 1);
    gf_sq_futex_wake(&page->word, bits, INT_MAX);
}

enum { NAP_MAX_US = 60 * 1000 * 1000 };

// ---- waiters ----------------------------------------------------------------------

typedef struct waiter {
    gf_waiter   base;                    // first
    gf_sq_page *page;
    uint32_t    bits;
    uint32_t    seen[GF_SQ_BITS];        // the watched counters when last armed
    int64_t     opened_ms;               // the latest opening that it was told of
    _Atomic int woken;
} waiter;

gofer_status gf_sq_waiter_open(gf_broker *b, const char *const *queues, size_t count,
    gf_waiter **out)
{
    gf_sq_store *s = (gf_sq_store *)b;
    gofer_status st = gf_sq_check(s);
    if (st != GOFER_OK)
        return st;
    waiter *w = gf_calloc(1, sizeof *w);
    if (!w)
        return gf_fail_nomem("a waiter");
    w->base.broker = b;
    w->page = s->sidecar.page;
    for (size_t i = 0; i < count; i++)
        w->bits |= gf_sq_wakeup_bit(queues[i]);
    if (w->bits == 0)                    // watches nothing, but must be woken
        w->bits = 1;
    gf_sq_waiter_arm(&w->base);
    *out = &w->base;
    return GOFER_OK;
}

void gf_sq_waiter_close(gf_waiter *waiting)
{
    gf_free(waiting);
}

void gf_sq_waiter_arm(gf_waiter *waiting)
{
    waiter *w = (waiter *)waiting;
    for (int i = 0; i < GF_SQ_BITS; i++)
        if (w->bits >> i & 1)
            w->seen[i] = atomic_load(&w->page->wakeups[i]);
}

static bool was_woken(const waiter *w)
{
    for (int i = 0; i < GF_SQ_BITS; i++)
        if ((w->bits >> i & 1) && atomic_load(&w->page->wakeups[i]) != w->seen[i])
            return true;
    return false;
}

gofer_status gf_sq_waiter_wait(gf_waiter *waiting, int64_t timeout_us)
{
    waiter *w = (waiter *)waiting;
    gofer_status st = gf_sq_check((const gf_sq_store *)w->base.broker);
    if (st != GOFER_OK)
        return st;

    if (timeout_us < 0 || timeout_us > GOFER_MAX_DURATION_MS * 1000)
        timeout_us = GOFER_MAX_DURATION_MS * 1000;       // negative: for ever
    int64_t end_us = gf_mono_ns() / 1000 + timeout_us;
    for (;;) {
        // The word is read before the counters: a wake-up between the two changes it, so the
        // sleep below does not begin.
        uint32_t seen = atomic_load(&w->page->word);
        if (atomic_exchange(&w->woken, 0) || was_woken(w)) {
            gf_sq_hours_doubt((gf_sq_store *)w->base.broker);
            return GOFER_OK;
        }
        int64_t nap_us = gf_sq_hours_nap_us((gf_sq_store *)w->base.broker, &w->opened_ms);
        if (nap_us == 0)
            return GOFER_OK;
        int64_t left_us = end_us - gf_mono_ns() / 1000;
        if (left_us <= 0)
            return GOFER_ETIMEOUT;       // the usual end of a wait: no text
        gf_sq_futex_wait(&w->page->word, seen, w->bits,
            gf_min(gf_min(left_us, NAP_MAX_US), nap_us));
    }
}

void gf_sq_waiter_wake(gf_waiter *waiting)
{
    waiter *w = (waiter *)waiting;
    atomic_store(&w->woken, 1);
    // The word alone: no queue has new work, so the others who wake go back to sleep.
    atomic_fetch_add(&w->page->word, 1);
    gf_sq_futex_wake(&w->page->word, w->bits, INT_MAX);
}
