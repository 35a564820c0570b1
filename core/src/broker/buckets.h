// buckets.h - times by size: in which bucket a time is counted, and what the buckets say.
//
// Pure. Workers count with it and clients read with it; the stores add up buckets and know nothing
// of their bounds. How many there are is part of both stores' formats (GF_STATS_BUCKETS).
#ifndef GF_BROKER_BUCKETS_H
#define GF_BROKER_BUCKETS_H

#include "broker/inspect.h"

// The bucket of a duration; negative ones are 0.
size_t  gf_stats_bucket(int64_t ns);
// The time that `percent` (0 to 100) of those counted do not exceed, in ms: the middle of its
// bucket, so within 10 %, rounded. 0: nothing was counted.
int64_t gf_stats_percentile_ms(const uint32_t buckets[GF_STATS_BUCKETS], int percent);

#endif
