// history.c - how many tasks were processed, and failed, on each day.
#include <stdio.h>

#include "broker/redis/inspect/inspect.h"
#include "broker/redis/inspect/sweep.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/sum.h"

enum { HISTORY_DAYS = 90 };              // as long as Asynq keeps them

typedef struct history_inspection {
    int32_t today, from, to;             // which days before today are asked for
    int64_t processed[HISTORY_DAYS], failed[HISTORY_DAYS];
    bool    seen[HISTORY_DAYS];
    char  **lasting;                     // queues, borrowed, of which something was counted ever:
    size_t  lasting_count;               //   for those the further days are asked for
} history_inspection;

// What ask_history needs of a queue for days `from` to `to`.
static size_t history_keys(const history_inspection *its)
{
    return 2 * (size_t)(1 + its->to - its->from);
}

// Both counters of a queue: in all, then of each day, the latest first.
static void add_history(gf_rd_cmd *cmd, gf_rd_key *room, const char *queue,
    const history_inspection *its)
{
    static const char *const kinds[] = { "processed", "failed" };
    gf_rd_add_keys(cmd, room, queue, kinds, 2);
    room += 2;
    for (int32_t i = its->from * 2; i < its->to * 2; i++, room++) {
        char date[11], rest[32];
        gf_date_text(its->today - i / 2, date);
        snprintf(rest, sizeof rest, "%s:%s", kinds[i % 2], date);
        gf_rd_key_of(room, queue, rest);
        gf_rd_add(&cmd->args, room->text);
    }
}

static void ask_history(gf_rd_cmd *cmd, gf_rd_key *room, char *const *queues, size_t count,
    void *arg)
{
    const history_inspection *its = arg;
    *cmd = (gf_rd_cmd){ .slot = gf_rd_queue_slot(queues[0]), .reads = true };
    gf_rd_add(&cmd->args, "MGET");
    for (size_t i = 0; i < count; i++)
        add_history(cmd, room + i * history_keys(its), queues[i], its);
    cmd->key_count = 0;                  // a plain command
}

static gofer_status read_history(const redisReply *r, const char *queue, void *arg)
{
    history_inspection *its = arg;
    bool any = gf_rd_reply_at(r, 0, REDIS_REPLY_STRING) || gf_rd_reply_at(r, 1, REDIS_REPLY_STRING);
    for (int32_t i = its->from; i < its->to; i++) {
        size_t at = (size_t)(i - its->from + 1) * 2;
        const redisReply *processed = gf_rd_reply_at(r, at, REDIS_REPLY_STRING);
        const redisReply *failed = gf_rd_reply_at(r, at + 1, REDIS_REPLY_STRING);
        its->seen[i] |= processed || failed;
        any |= processed || failed;
        its->processed[i] = gf_sum(its->processed[i], gf_rd_reply_int(processed, 0));
        its->failed[i] = gf_sum(its->failed[i], gf_rd_reply_int(failed, 0));
    }
    if (any && its->from == 0)
        its->lasting[its->lasting_count++] = (char *)queue;
    return GOFER_OK;
}

static gofer_status show_history(const history_inspection *its, int32_t days, gofer_info *list)
{
    for (int32_t i = 0, shown = 0; i < HISTORY_DAYS && shown < days; i++) {
        if (!its->seen[i])
            continue;
        char date[11];
        gofer_info *info = gf_info_record();
        if (!info)
            return GOFER_ENOMEM;
        gf_date_text(its->today - i, date);
        int bad = gf_info_set_text(info, "date", date) |
            gf_info_set_int(info, "processed", its->processed[i]) |
            gf_info_set_int(info, "failed", its->failed[i]);
        if (bad)
            gofer_info_free(info);
        if (bad || gf_info_add(list, info) != 0)
            return GOFER_ENOMEM;
        shown++;
    }
    return GOFER_OK;
}

static int32_t days_seen(const history_inspection *its)
{
    int32_t seen = 0;
    for (size_t i = 0; i < HISTORY_DAYS; i++)
        seen += its->seen[i];
    return seen;
}

// First the days that are most likely wanted, then the others, if it takes them, of the queues that
// have a past.
static gofer_status inspect_days(gf_rd_store *s, history_inspection *its, char *const *queues,
    size_t count, int32_t days)
{
    gf_rd_sweep w = { ask_history, read_history, its, 0, true, 0 };
    its->to = days;
    w.keys = w.flat = history_keys(its);
    its->lasting = count ? gf_calloc(count, sizeof *its->lasting) : NULL;
    gofer_status st = its->lasting || !count ? gf_rd_sweep_queues(s, &w, queues, count)
                                           : gf_fail_nomem("the history of queues");
    if (st == GOFER_OK && count == 1 && its->lasting_count == 0)
        its->lasting[its->lasting_count++] = queues[0];  // it may be of before there were sums
    if (st == GOFER_OK && days < HISTORY_DAYS && days_seen(its) < days) {
        its->from = days;
        its->to = HISTORY_DAYS;
        w.keys = w.flat = history_keys(its);
        st = gf_rd_sweep_queues(s, &w, its->lasting, its->lasting_count);
    }
    gf_free(its->lasting);
    return st;
}

static gofer_status inspect_all_days(gf_rd_store *s, history_inspection *its, int32_t days)
{
    gf_rd_names names = { 0 };
    gofer_status st = gf_rd_names_sorted(s, &names);
    if (st == GOFER_OK)
        st = inspect_days(s, its, names.names, names.count, days);
    gf_rd_names_free(&names);
    return st;
}

gofer_status gf_rd_history_of(gf_rd_store *s, char *const *queues, size_t count, int32_t days,
    gofer_info **out)
{
    history_inspection its = { .today = gf_day_of(gf_now_ms()) };
    gofer_info *list = gf_info_list();
    if (!list)
        return GOFER_ENOMEM;
    gofer_status st = queues ? inspect_days(s, &its, queues, count, days)
                             : inspect_all_days(s, &its, days);
    if (st == GOFER_OK && count == 1 && days_seen(&its) == 0)
        st = gf_rd_queue_need(s, *queues);
    if (st == GOFER_OK)
        st = show_history(&its, days, list);
    return gf_info_hand_over(st, list, out);
}

gofer_status gf_rd_history(gf_broker *b, const char *queue, int32_t days, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    return queue ? gf_rd_history_of(s, (char *const[]){ (char *)queue }, 1, days, out)
                 : gf_rd_history_of(s, NULL, 0, days, out);
}
