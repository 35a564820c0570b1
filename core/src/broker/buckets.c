// buckets.c - how long tasks waited and ran: from times to buckets, and from
// buckets to percentiles.
//
// Pure. A bucket is a quarter of a power of two wide: its middle (the geometric one) is
// at most 9.1 % off any time in it.
#include "broker/buckets.h"

enum { NS_PER_MS = 1000 * 1000 };

// 2^(1/4), 2^(1/2), 2^(3/4), and 2^(1/8) in 65536ths.
enum { QUARTER = 77936, HALF = 92682, THREE_QUARTERS = 110218, EIGHTH = 71468 };

size_t gf_stats_bucket(int64_t ns)
{
    if (ns < NS_PER_MS)
        return 0;
    // The power of two below, and how far above it in 65536ths.
    uint64_t ms16 =
        (uint64_t)(ns / NS_PER_MS) << 16 | (uint64_t)(ns % NS_PER_MS * 65536 / NS_PER_MS);
    size_t power = 0;
    for (uint64_t left = ms16 >> 17; left; left >>= 1)
        power++;
    uint64_t part = ms16 >> power;
    size_t quarter = part >= THREE_QUARTERS ? 3 : part >= HALF ? 2 : part >= QUARTER ? 1 : 0;
    size_t bucket = 1 + 4 * power + quarter;
    return bucket < GF_STATS_BUCKETS ? bucket : GF_STATS_BUCKETS - 1;
}

// The middle of a bucket; of the last, which has no end, its beginning.
static int64_t middle_ms(size_t bucket)
{
    static const int64_t starts[] = { 65536, QUARTER, HALF, THREE_QUARTERS };
    if (bucket == 0)
        return 0;
    int64_t start = starts[(bucket - 1) % 4] << ((bucket - 1) / 4);
    if (bucket < GF_STATS_BUCKETS - 1)
        start = (start * EIGHTH) >> 16;
    return (start + 32768) >> 16;
}

int64_t gf_stats_percentile_ms(const uint32_t buckets[GF_STATS_BUCKETS], int percent)
{
    uint64_t all = 0, below = 0;
    for (size_t i = 0; i < GF_STATS_BUCKETS; i++)
        all += buckets[i];
    uint64_t rank = (all * (uint64_t)percent + 99) / 100;      // the first that so many do not
                                                               //   exceed
    if (all == 0)
        return 0;
    if (rank == 0)
        rank = 1;
    for (size_t i = 0; i < GF_STATS_BUCKETS; i++)
        if ((below += buckets[i]) >= rank)
            return middle_ms(i);
    return 0;
}
