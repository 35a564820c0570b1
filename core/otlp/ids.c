// ids.c - the ids of traces and spans, and which are sampled.
//
// A count, mixed with keys of the kernel: no two of a process are the same, and those of others are
// as by chance. A system call for each span would cost more than the rest of it.
#include "ids.h"

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

bool otlp_ids_init(otlp_ids *ids)
{
    atomic_init(&ids->next, 0);
    return getentropy(ids->keys, sizeof ids->keys) == 0;
}

// splitmix64: each number has its own.
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static uint64_t number(const otlp_ids *ids, int key, uint64_t at)
{
    uint64_t n = mix(ids->keys[key] + at * UINT64_C(0x9E3779B97F4A7C15));
    return n ? n : 1;              // ids of zeros are none
}

static void put(uint8_t *out, uint64_t n)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(n >> (56 - 8 * i));
}

// As other SDKs: by the second half of the trace's id, so that all who use the same ratio agree.
static bool in_ratio(const gf_traceparent *t, double ratio)
{
    uint64_t n = 0;
    for (int i = 8; i < 16; i++)
        n = n << 8 | t->trace_id[i];
    return ratio >= 1 || (double)n < ratio * 18446744073709551616.0;
}

static bool is_sampled(const otlp_config *c, const gf_traceparent *by, const gf_traceparent *own)
{
    if (c->by_parent && by)
        return by->flags & GF_TRACE_SAMPLED;
    return c->sampler == OTLP_ALWAYS || (c->sampler == OTLP_RATIO && in_ratio(own, c->ratio));
}

void otlp_ids_new(otlp_ids *ids, const otlp_config *config, const gf_traceparent *from,
    const gf_traceparent *by, gf_traceparent *out)
{
    uint64_t at = atomic_fetch_add_explicit(&ids->next, 1, memory_order_relaxed);
    *out = (gf_traceparent){ .flags = 0 };
    if (from) {
        memcpy(out->trace_id, from->trace_id, sizeof out->trace_id);
        out->flags = from->flags & GF_TRACE_RANDOM;
    } else {
        put(out->trace_id, number(ids, 0, at));
        put(out->trace_id + 8, number(ids, 1, at));
    }
    put(out->span_id, number(ids, 2, at));
    if (is_sampled(config, by, out))
        out->flags |= GF_TRACE_SAMPLED;
}
