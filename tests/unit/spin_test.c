// spin_test.c - the two ways to wait for another thread: an event count that many wait on,
// and a spin before a sleep.
#include <pthread.h>

#include "check.h"
#include "util/event_count.h"
#include "util/spin.h"

enum { THREADS = 8, ROUNDS = 2000 };

typedef struct shared {
    gf_event_count event_count;
    _Atomic int    round;          // the notifier's
    _Atomic int    heard;          // by all, of all rounds
} shared;

// Each round is waited for: a notification that got lost leaves its thread here for ever.
static void *hear_all(void *arg)
{
    shared *s = arg;
    for (int round = 1; round <= ROUNDS; round++) {
        for (;;) {
            uint32_t seen = gf_event_count_read(&s->event_count);
            if (atomic_load_explicit(&s->round, memory_order_acquire) >= round)
                break;
            gf_event_count_wait(&s->event_count, seen);
        }
        atomic_fetch_add(&s->heard, 1);
    }
    return NULL;
}

static void no_notification_is_lost(void)
{
    static shared s;
    pthread_t threads[THREADS];
    REQUIRE(gf_event_count_open(&s.event_count));
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, hear_all, &s) == 0);
    for (int round = 1; round <= ROUNDS; round++) {
        atomic_store_explicit(&s.round, round, memory_order_release);
        gf_event_count_notify(&s.event_count);
        while (round % 100 == 0 && atomic_load(&s.heard) < round * THREADS)
            sched_yield();         // now and then all are asleep when it notifies
    }
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    CHECK_INT(atomic_load(&s.heard), ROUNDS * THREADS);
    gf_event_count_close(&s.event_count);
}

// How many of so many waits spin, none of which finds what it waits for.
static int count_vain(gf_spin *s, int waits)
{
    int spun = 0;
    for (int i = 0; i < waits; i++)
        if (gf_spin_worth(s)) {
            gf_spin_note(s, false, INT64_MAX);
            spun++;
        }
    return spun;
}

static void waits_in_vain_spin_less_and_less(void)
{
    gf_spin s = { 0 };
    CHECK(gf_spin_worth(&s));
    gf_spin_note(&s, true, INT64_MAX);
    CHECK(gf_spin_worth(&s));                        // as long as it helps
    gf_spin_note(&s, false, INT64_MAX);
    CHECK(!gf_spin_worth(&s) && !gf_spin_worth(&s)); // then two sleep at once
    CHECK(gf_spin_worth(&s));
    gf_spin_note(&s, false, INT64_MAX);
    count_vain(&s, 2000);
    CHECK(count_vain(&s, 25700) <= 100);             // one in 257
    while (!gf_spin_worth(&s))
        ;
    gf_spin_note(&s, true, INT64_MAX);                          // and as before when it helps again
    CHECK(gf_spin_worth(&s));
}

// A busy machine's: who yields gets its turn again only after all others.
static void what_comes_too_late_came_in_vain(void)
{
    gf_spin s = { 0 };
    gf_spin_note(&s, true, gf_mono_ns() - 1);
    CHECK(!gf_spin_worth(&s) && !gf_spin_worth(&s));
    CHECK(gf_spin_worth(&s));
}

static void nothing_spins_on_the_only_core(void)
{
    gf_spin s = { .off = true };
    for (int i = 0; i < 1000; i++)
        CHECK(!gf_spin_worth(&s));
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(no_notification_is_lost), TEST(waits_in_vain_spin_less_and_less),
        TEST(what_comes_too_late_came_in_vain), TEST(nothing_spins_on_the_only_core),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
