// queues.c - queues as inspection shows them: the record of each.
#include <stdio.h>

#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/clock.h"
#include "util/error.h"

gofer_status gf_sq_no_queue(const char *queue)
{
    return gf_fail(GOFER_ENOTFOUND, "no queue '%s'", queue);
}

typedef struct queues_query {
    gf_queue_range range;
    gofer_info    *list;
    char           last[GF_NAME_MAX + 1];    // name of the latest in it
} queues_query;

// The columns of GF_SQL_QUEUE_LIST.
static gofer_info *show_queue(sqlite3_stmt *s, int64_t now_ms)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    int64_t n[18];
    for (int i = 1; i < 18; i++)
        n[i] = gf_sq_number(s, i);
    int64_t paused_ms = n[1], pending = n[2], active = n[3], scheduled = n[4], retry = n[5];
    int64_t latency_ms =
        sqlite3_column_type(s, 12) != SQLITE_NULL && n[12] < now_ms ? now_ms - n[12] : 0;
    int64_t running_ms =
        sqlite3_column_type(s, 15) != SQLITE_NULL && n[15] < now_ms ? now_ms - n[15] : 0;

    int bad = gf_info_set_text(info, "queue", (const char *)sqlite3_column_text(s, 0)) |
              gf_info_set_bool(info, "paused", paused_ms != 0);
    if (paused_ms)
        bad |= gf_info_set_int(info, "paused_at_ms", paused_ms);
    if (n[16] & ~GF_SQ_CLOSED)
        bad |= gf_info_set_int(info, "max_length", n[16] & ~GF_SQ_CLOSED);
    if (n[16] & GF_SQ_CLOSED)
        bad |= gf_info_set_bool(info, "encrypted_only", 1);
    if (n[17] > 0)
        bad |= gf_info_set_int(info, "age_ms", n[17]);
    bad |= gf_info_set_int(info, "pending", pending) |
        gf_info_set_int(info, "scheduled", scheduled) | gf_info_set_int(info, "active", active) |
        gf_info_set_int(info, "retry", retry) | gf_info_set_int(info, "completed", n[6]) |
        gf_info_set_int(info, "archived", n[7]) |
        gf_info_set_int(info, "size", pending + active + scheduled + retry + n[13]) |
        gf_info_set_int(info, "processed", n[10]) | gf_info_set_int(info, "failed", n[11]) |
        gf_info_set_int(info, "processed_total", n[8]) |
        gf_info_set_int(info, "failed_total", n[9]) | gf_info_set_int(info, "archive_deleted", 0) |
        gf_info_set_int(info, "latency_ms", latency_ms) |
        gf_info_set_int(info, "longest_running_ms", running_ms) |
        gf_info_set_int(info, "aggregating", n[13]) | gf_info_set_int(info, "groups", n[14]);
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

// They come by name, by the names' index, so that it ends with the first that is not meant.
static gofer_status inspect_queues(gf_sq_conn *c, void *arg)
{
    queues_query *q = arg;
    int64_t now_ms = gf_now_ms();
    size_t count = 0;
    int bad = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_LIST);
    gf_sq_bind_int(c, s, 1, gf_day_of(now_ms));
    gf_sq_bind_text(c, s, 2, q->range.begin);
    gf_sq_bind_text(c, s, 3, q->range.after ? q->range.after : "");
    while (!bad && gf_sq_row(c, s)) {
        const char *name = gf_sq_name(s, 0);
        if (!name)
            continue;                    // `gofer doctor` tells of it
        if (!gf_queue_range_has(&q->range, name))
            break;
        if (q->range.limit && count++ == q->range.limit) {
            bad = gf_info_set_text(q->list, "next_cursor", q->last);
            break;
        }
        snprintf(q->last, sizeof q->last, "%s", name);
        bad = gf_info_add(q->list, show_queue(s, now_ms));
    }
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_queues_page(gf_broker *b, const gf_queue_range *range, gofer_info **out)
{
    queues_query q = { .range = *range, .list = gf_info_list() };
    if (!q.list)
        return GOFER_ENOMEM;
    return gf_info_hand_over(gf_sq_read((gf_sq_store *)b, inspect_queues, &q), q.list, out);
}

gofer_status gf_sq_queues(gf_broker *b, const char *queue, gofer_info **out)
{
    gofer_info *list;
    const gf_queue_range range = { .begin = queue ? queue : "", .exact = queue != NULL };
    gofer_status st = gf_sq_queues_page(b, &range, &list);
    if (st != GOFER_OK || !queue) {
        if (st == GOFER_OK)
            *out = list;
        return st;
    }
    gofer_info *one = gofer_info_count(list) ? gf_info_take(list, 0) : NULL;
    gofer_info_free(list);
    return gf_info_hand_over(one ? GOFER_OK : gf_sq_no_queue(queue), one, out);
}
