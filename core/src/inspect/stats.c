// stats.c - how long tasks waited and ran, as a client asks for it.
//
// May touch: broker/buckets.h, info/info.h. The store adds up the buckets of the hours; here they
// become percentiles. On the caller's thread, no locks.
#include "broker/buckets.h"
#include "client/client.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

enum { HOURS_MAX = 168, KEPT_HOURS = 192, HOUR_MS = 3600 * 1000 };

// ---- the client's door -------------------------------------------------------------------

static int set_times(
    gofer_info *info, const char *const names[4], const uint32_t buckets[GF_STATS_BUCKETS])
{
    static const int percents[] = { 50, 90, 99, 100 };
    int bad = 0;
    for (size_t i = 0; i < 4 && !bad; i++)
        bad = gf_info_set_int(info, names[i], gf_stats_percentile_ms(buckets, percents[i]));
    return bad;
}

static int set_figures(gofer_info *info, const gf_type_stats *stat)
{
    static const char *const wait[] = { "wait_p50_ms", "wait_p90_ms", "wait_p99_ms",
        "wait_max_ms" };
    static const char *const run[] = { "run_p50_ms", "run_p90_ms", "run_p99_ms", "run_max_ms" };
    return gf_info_set_int(info, "done", stat->done) != 0 ||
        gf_info_set_int(info, "failed", stat->failed) != 0 ||
        set_times(info, wait, stat->wait) != 0 || set_times(info, run, stat->run) != 0;
}

static gofer_info *info_of(const gf_type_stats *stat)
{
    gofer_info *info = gf_info_record();
    if (info && gf_info_set_text(info, "queue", stat->queue) == 0 &&
        gf_info_set_text(info, "type", stat->type) == 0 && set_figures(info, stat) == 0)
        return info;
    gofer_info_free(info);
    return NULL;
}

static gofer_info *info_of_hour(const gf_type_stats *stat, int64_t hour)
{
    gofer_info *info = gf_info_record();
    if (info && gf_info_set_int(info, "at_ms", hour * HOUR_MS) == 0 && set_figures(info, stat) == 0)
        return info;
    gofer_info_free(info);
    return NULL;
}

gofer_status gofer_client_stats(gofer_client *client, const char *queue, int32_t hours,
    gofer_info **out)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_stats: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_client_stats");
    if (st == GOFER_OK && queue)
        st = gf_check_queue(queue);
    if (st != GOFER_OK)
        return st;
    if (hours < 0 || hours > HOURS_MAX)
        return gf_fail(GOFER_EINVAL, "hours is %d: it must be from 1 to %d, or 0 (1)", (int)hours,
            HOURS_MAX);

    gf_type_stats *stats = NULL;
    size_t count = 0;
    int64_t since_ms = gf_now_ms() - (int64_t)(hours ? hours : 1) * HOUR_MS;
    st = client->broker->ops->inspect->stats(client->broker, queue, since_ms, &stats, &count);
    if (st != GOFER_OK)
        return st;
    gofer_info *list = gf_info_list();
    int bad = list == NULL;
    for (size_t i = 0; i < count && !bad; i++)
        bad = gf_info_add(list, info_of(&stats[i]));
    gf_free(stats);
    if (bad) {
        gofer_info_free(list);
        return gf_fail_nomem("the stats of tasks");
    }
    *out = list;
    return GOFER_OK;
}

// ---- by the hour --------------------------------------------------------------------------------

static gofer_status check_hours(const gofer_client *client, const gf_stats_hours *which,
    int32_t hours, gofer_info **out)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_stats_hours: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_client_stats_hours");
    if (st == GOFER_OK && which->queue)
        st = gf_check_queue(which->queue);
    if (st == GOFER_OK && which->type)
        st = gf_check_name("type", which->type);
    if (st == GOFER_OK && (hours < 0 || hours > KEPT_HOURS))
        st = gf_fail(GOFER_EINVAL, "hours is %d: it must be from 1 to %d, or 0 (24)", (int)hours,
            KEPT_HOURS);
    return st;
}

gofer_status gofer_client_stats_hours(gofer_client *client, const char *queue, const char *type,
    int32_t hours, gofer_info **out)
{
    gf_stats_hours which = { .queue = queue, .type = type,
        .count = hours ? (size_t)hours : 24 };
    gofer_status st = check_hours(client, &which, hours, out);
    if (st != GOFER_OK)
        return st;
    which.first = gf_now_ms() / HOUR_MS - (int64_t)which.count + 1;
    gf_type_stats *sums = gf_calloc(which.count, sizeof *sums);
    if (!sums)
        return gf_fail_nomem("the stats of tasks");
    st = client->broker->ops->inspect->stats_hours(client->broker, &which, sums);
    gofer_info *list = st == GOFER_OK ? gf_info_list() : NULL;
    int bad = st == GOFER_OK && list == NULL;
    for (size_t i = 0; list && i < which.count && !bad; i++)
        bad = gf_info_add(list, info_of_hour(&sums[i], which.first + (int64_t)i));
    gf_free(sums);
    if (bad) {
        gofer_info_free(list);
        return gf_fail_nomem("the stats of tasks");
    }
    if (st == GOFER_OK)
        *out = list;
    return st;
}
