// clock.c - the store's clock, as far as round trips tell of it.
//
// Every answer that tells the server's time bounds how far its clock is from ours: it was read
// between our sending and our hearing. What is taken for the difference changes only as far as it
// must to keep within that, so clocks that agree do not jitter, and a long round trip says little.
// Where our clock was set meanwhile, nothing is known. Locks: none; all numbers are atomic.
#include "broker/redis/store.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    FRESH_MS = 60000,              // a client without a worker asks again when
                                   //   what it knows is older
    AGAIN_MS = 5000,               // asked in vain: not so soon again
    PATIENCE_MS = 1000,
    STEP_MS = 1000                 // our clock was set by so much
};

static int64_t base_ms(void)
{
    return gf_now_ms() - gf_mono_ms();
}

void gf_rd_clock_note(gf_rd_store *s, int64_t sent_ms, int64_t heard_ms, int64_t server_ms)
{
    if (server_ms <= 0 || heard_ms < sent_ms)
        return;                    // no time; or ours was set back meanwhile
    int64_t low = server_ms - heard_ms, high = server_ms + 1 - sent_ms;
    int64_t ahead = atomic_load_explicit(&s->clock_ahead_ms, memory_order_relaxed);
    ahead = ahead < low ? low : ahead > high ? high : ahead;
    atomic_store_explicit(&s->clock_ahead_ms, ahead, memory_order_relaxed);
    atomic_store_explicit(&s->clock_heard_ms, gf_mono_ms(), memory_order_relaxed);
    atomic_store_explicit(&s->clock_base_ms, base_ms(), memory_order_relaxed);
}

static void ask(gf_rd_store *s)
{
    gf_rd_cmd cmd = { .slot = GF_RD_ANY_SLOT, .reads = true };
    int64_t sent_ms = gf_now_ms(), timeout_ms = gf_rd_timeout(s);
    atomic_store_explicit(&s->clock_asked_ms, gf_mono_ms(), memory_order_relaxed);
    gf_rd_add(&cmd.args, "TIME");
    if (gf_rd_run(s->net, &cmd, 1, timeout_ms < PATIENCE_MS ? timeout_ms : PATIENCE_MS) ==
        GOFER_OK) {
        int64_t us = gf_rd_reply_int(gf_rd_reply_at(cmd.reply, 1, REDIS_REPLY_STRING), 0);
        int64_t server_s = gf_rd_reply_int(gf_rd_reply_at(cmd.reply, 0, REDIS_REPLY_STRING), 0);
        gf_rd_clock_note(s, sent_ms, gf_now_ms(), server_s * 1000 + us / 1000);
    }
    gf_rd_cmd_clear(&cmd);
}

// A worker hears the time with every look for due tasks, and must not wait for it.
int64_t gf_rd_now_ms(gf_broker *b)
{
    gf_rd_store *s = (gf_rd_store *)b;
    int64_t now_ms = gf_mono_ms(),
            heard_ms = atomic_load_explicit(&s->clock_heard_ms, memory_order_relaxed);
    int64_t asked_ms = atomic_load_explicit(&s->clock_asked_ms, memory_order_relaxed);
    pthread_mutex_lock(&s->lock);
    bool works = s->registrations != NULL;
    pthread_mutex_unlock(&s->lock);
    int64_t step_ms = base_ms() - atomic_load_explicit(&s->clock_base_ms, memory_order_relaxed);
    bool knows = heard_ms && step_ms > -STEP_MS && step_ms < STEP_MS &&
        (works || now_ms - heard_ms < FRESH_MS);
    bool in_vain = asked_ms && heard_ms < asked_ms && now_ms - asked_ms < AGAIN_MS;
    if (!knows && !in_vain && gf_rd_check(s) == GOFER_OK)
        ask(s);
    return gf_now_ms() + atomic_load_explicit(&s->clock_ahead_ms, memory_order_relaxed);
}
