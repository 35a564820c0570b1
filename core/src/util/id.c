// id.c - UUIDs of version 7 and random numbers.
//
// Each thread has a state of its own, so there is no lock; a forked child seeds anew, for it must
// not repeat its parent's ids. Not for secrets.
#include "util/id.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/fork.h"
#include "util/hex.h"

static void random_bytes(void *out, size_t size)
{
    // getentropy never blocks once the system is up and takes up to 256 bytes. If it is missing
    // (a kernel without the call), the clock and an address are all there is: still unique with
    // the counter below.
    if (getentropy(out, size) == 0)
        return;
    unsigned char *p = out;
    uint64_t x = (uint64_t)gf_mono_ns() ^ (uint64_t)(uintptr_t)&p;
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        p[i] = (unsigned char)x;
    }
}

// splitmix64 over a per-thread state seeded by the kernel: a system call per random number
// would cost more than a task does.
static uint64_t next_random(void)
{
    static _Thread_local uint64_t state, calls;
    static _Thread_local gf_process process;   // a forked child inherits the state: it
                                               //   must not repeat it
    if (calls++ % 65536 == 0 || process != gf_process_self()) {
        process = gf_process_self();
        uint64_t seed;
        random_bytes(&seed, sizeof seed);
        state ^= seed;
    }
    uint64_t z = (state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint64_t gf_random64(void)
{
    uint64_t value;
    do
        random_bytes(&value, sizeof value);
    while (value == 0);
    return value;
}

uint32_t gf_random_below(uint32_t bound)
{
    return (uint32_t)((next_random() >> 32) * bound >> 32);
}

// Milliseconds and a 12-bit counter in one word that only grows: ids made within one
// millisecond, by any thread of the process, still sort in the order they were made
// (RFC 9562 section 6.2, method 1; a full counter borrows from the next millisecond).
static uint64_t next_stamp(void)
{
    static _Atomic uint64_t last;
    uint64_t now = (uint64_t)gf_now_ms() << 12;
    uint64_t seen = atomic_load_explicit(&last, memory_order_relaxed), next;
    do
        next = now > seen ? now : seen + 1;
    while (!atomic_compare_exchange_weak_explicit(&last, &seen, next, memory_order_relaxed,
        memory_order_relaxed));
    return next;
}

void gf_id_new(char out[GF_ID_TEXT])
{
    static const unsigned char parts[] = { 4, 2, 2, 2, 6 };     // bytes between dashes
    // Half of the random part comes from the kernel's seed by way of a generator, so ids are
    // unique but no secret.
    uint64_t stamp = next_stamp(), low = next_random();
    uint64_t high = (stamp >> 12) << 16 | UINT64_C(0x7000) | (stamp & 0xFFF);
    low = (low & UINT64_C(0x3FFFFFFFFFFFFFFF)) | UINT64_C(0x8000000000000000);

    unsigned char bytes[16];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(high >> (56 - 8 * i));
        bytes[8 + i] = (unsigned char)(low >> (56 - 8 * i));
    }
    const unsigned char *from = bytes;
    for (size_t i = 0; i < sizeof parts; from += parts[i++]) {
        out = gf_hex_put(out, from, parts[i]);
        *out++ = '-';
    }
    out[-1] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int64_t gf_id_born_ms(const char *id)
{
    int64_t ms = 0;
    if (strlen(id) != GF_ID_TEXT - 1 || id[14] != '7' || !strchr("89ab", id[19]))
        return 0;
    for (int i = 0; i < GF_ID_TEXT - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        int digit = hex_value(id[i]);
        if (dash ? id[i] != '-' : digit < 0)
            return 0;
        if (i < 13 && !dash)
            ms = ms * 16 + digit;
    }
    return ms;
}
