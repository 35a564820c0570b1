// stats.c - how long tasks waited and ran, as a client asks for it.
//
// May touch: broker/buckets.h, info/info.h. The store adds up the buckets of hours and minutes;
// here they become percentiles. On the caller's thread, no locks.
#include "broker/buckets.h"
#include "client/client.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

enum { HOURS_MAX = 168 };

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

static gofer_info *info_of_step(const gf_type_stats *stat, int64_t at_ms)
{
    gofer_info *info = gf_info_record();
    if (info && gf_info_set_int(info, "at_ms", at_ms) == 0 && set_figures(info, stat) == 0)
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
    int64_t since_ms = gf_now_ms() - (int64_t)(hours ? hours : 1) * GF_STATS_HOUR_MS;
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

// ---- by steps -----------------------------------------------------------------------------------

// How steps of one length are asked for.
typedef struct step_door {
    const char *function, *unit;
    int64_t     step_ms;
    int32_t     most, usual;       // usual: for 0
} step_door;

static gofer_status check_steps(const gofer_client *client, const step_door *door,
    const gf_stats_steps *which, int32_t count, gofer_info **out)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "%s: out is NULL", door->function);
    gofer_status st = gf_client_check(client, door->function);
    if (st == GOFER_OK && which->queue)
        st = gf_check_queue(which->queue);
    if (st == GOFER_OK && which->type)
        st = gf_check_name("type", which->type);
    if (st == GOFER_OK && (count < 0 || count > door->most))
        st = gf_fail(GOFER_EINVAL, "%s is %d: it must be from 1 to %d, or 0 (%d)", door->unit,
            (int)count, (int)door->most, (int)door->usual);
    return st;
}

static gofer_info *list_of_steps(const gf_stats_steps *which, const gf_type_stats *sums)
{
    gofer_info *list = gf_info_list();
    int bad = list == NULL;
    for (size_t i = 0; i < which->count && !bad; i++)
        bad = gf_info_add(list,
            info_of_step(&sums[i], (which->first + (int64_t)i) * which->step_ms));
    if (!bad)
        return list;
    gofer_info_free(list);
    return NULL;
}

static gofer_status stats_steps(gofer_client *client, const step_door *door, gf_stats_steps which,
    int32_t count, gofer_info **out)
{
    gofer_status st = check_steps(client, door, &which, count, out);
    if (st != GOFER_OK)
        return st;
    which.step_ms = door->step_ms;
    which.count = (size_t)(count ? count : door->usual);
    which.first = gf_now_ms() / which.step_ms - (int64_t)which.count + 1;
    gf_type_stats *sums = gf_calloc(which.count, sizeof *sums);
    if (!sums)
        return gf_fail_nomem("the stats of tasks");
    st = client->broker->ops->inspect->stats_steps(client->broker, &which, sums);
    gofer_info *list = st == GOFER_OK ? list_of_steps(&which, sums) : NULL;
    gf_free(sums);
    if (st == GOFER_OK && !list)
        return gf_fail_nomem("the stats of tasks");
    if (st == GOFER_OK)
        *out = list;
    return st;
}

gofer_status gofer_client_stats_hours(gofer_client *client, const char *queue, const char *type,
    int32_t hours, gofer_info **out)
{
    static const step_door door = { "gofer_client_stats_hours", "hours", GF_STATS_HOUR_MS,
        GF_STATS_HOURS, 24 };
    return stats_steps(client, &door, (gf_stats_steps){ .queue = queue, .type = type }, hours,
        out);
}

gofer_status gofer_client_stats_minutes(gofer_client *client, const char *queue, const char *type,
    int32_t minutes, gofer_info **out)
{
    static const step_door door = { "gofer_client_stats_minutes", "minutes", GF_STATS_MINUTE_MS,
        GF_STATS_MINUTES, GF_STATS_MINUTES };
    return stats_steps(client, &door, (gf_stats_steps){ .queue = queue, .type = type }, minutes,
        out);
}
