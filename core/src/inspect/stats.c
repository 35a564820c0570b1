// stats.c - how long tasks waited and ran: from times to buckets, and from buckets to percentiles.
//
// May touch: broker/broker.h, info.h. A bucket is a quarter of a power of two wide: its middle (the geometric one) is
// at most 9.1 % off any time in it.
#include "inspect/stats.h"

#include "client/client.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

enum { HOURS_MAX = 168, HOUR_MS = 3600 * 1000, NS_PER_MS = 1000 * 1000 };

// 2^(1/4), 2^(1/2), 2^(3/4), and 2^(1/8) in 65536ths.
enum { QUARTER = 77936, HALF = 92682, THREE_QUARTERS = 110218, EIGHTH = 71468 };

size_t gf_stat_bucket(int64_t ns)
{
    if (ns < NS_PER_MS)
        return 0;
    // The power of two below, and how far above it in 65536ths.
    uint64_t ms16 = (uint64_t)(ns / NS_PER_MS) << 16 | (uint64_t)(ns % NS_PER_MS * 65536 / NS_PER_MS);
    size_t power = 0;
    for (uint64_t left = ms16 >> 17; left; left >>= 1)
        power++;
    uint64_t part = ms16 >> power;
    size_t quarter = part >= THREE_QUARTERS ? 3 : part >= HALF ? 2 : part >= QUARTER ? 1 : 0;
    size_t bucket = 1 + 4 * power + quarter;
    return bucket < GF_STAT_BUCKETS ? bucket : GF_STAT_BUCKETS - 1;
}

// The middle of a bucket; of the last, which has no end, its beginning.
static int64_t middle_ms(size_t bucket)
{
    static const int64_t starts[] = { 65536, QUARTER, HALF, THREE_QUARTERS };
    if (bucket == 0)
        return 0;
    int64_t start = starts[(bucket - 1) % 4] << ((bucket - 1) / 4);
    if (bucket < GF_STAT_BUCKETS - 1)
        start = (start * EIGHTH) >> 16;
    return (start + 32768) >> 16;
}

int64_t gf_stat_percentile_ms(const uint32_t buckets[GF_STAT_BUCKETS], int percent)
{
    uint64_t all = 0, below = 0;
    for (size_t i = 0; i < GF_STAT_BUCKETS; i++)
        all += buckets[i];
    uint64_t rank = (all * (uint64_t)percent + 99) / 100;      // the first that so many do not exceed
    if (all == 0)
        return 0;
    if (rank == 0)
        rank = 1;
    for (size_t i = 0; i < GF_STAT_BUCKETS; i++)
        if ((below += buckets[i]) >= rank)
            return middle_ms(i);
    return 0;
}

// ---- the client's door -------------------------------------------------------------------

static int set_times(gofer_info *info, const char *const names[4], const uint32_t buckets[GF_STAT_BUCKETS])
{
    static const int percents[] = { 50, 90, 99, 100 };
    int bad = 0;
    for (size_t i = 0; i < 4 && !bad; i++)
        bad = gf_info_set_int(info, names[i], gf_stat_percentile_ms(buckets, percents[i]));
    return bad;
}

static gofer_info *info_of(const gf_stat *stat)
{
    static const char *const wait[] = { "wait_p50_ms", "wait_p90_ms", "wait_p99_ms", "wait_max_ms" };
    static const char *const run[] = { "run_p50_ms", "run_p90_ms", "run_p99_ms", "run_max_ms" };
    gofer_info *info = gf_info_record();
    if (info && gf_info_set_text(info, "queue", stat->queue) == 0 && gf_info_set_text(info, "type", stat->type) == 0 &&
        gf_info_set_int(info, "done", stat->done) == 0 && gf_info_set_int(info, "failed", stat->failed) == 0 &&
        set_times(info, wait, stat->wait) == 0 && set_times(info, run, stat->run) == 0)
        return info;
    gofer_info_free(info);
    return NULL;
}

gofer_status gofer_client_stats(gofer_client *client, const char *queue, int32_t hours, gofer_info **out)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_stats: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_client_stats");
    if (st == GOFER_OK && queue)
        st = gf_check_queue(queue);
    if (st != GOFER_OK)
        return st;
    if (hours < 0 || hours > HOURS_MAX)
        return gf_fail(GOFER_EINVAL, "hours is %d: it must be from 1 to %d, or 0 (1)", (int)hours, HOURS_MAX);
    if (!client->broker->ops->stats)
        return gf_client_cannot(client, "gofer_client_stats");

    gf_stat *stats = NULL;
    size_t count = 0;
    int64_t since_ms = gf_now_ms() - (int64_t)(hours ? hours : 1) * HOUR_MS;
    st = client->broker->ops->stats(client->broker, queue, since_ms, &stats, &count);
    if (st != GOFER_OK)
        return st;
    gofer_info *list = gf_info_list();
    int bad = list == NULL;
    for (size_t i = 0; i < count && !bad; i++)
        bad = gf_info_add(list, info_of(&stats[i]));
    gf_free(stats);
    if (bad) {
        gofer_info_free(list);
        return gf_fail_nomem("the figures of tasks");
    }
    *out = list;
    return GOFER_OK;
}
