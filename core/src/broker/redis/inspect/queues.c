// queues.c - queues as inspection shows them: their names, and the record of each.
//
// A read-only script gives a picture of one moment, of some queues at once (sweep.h).
#include <stdio.h>
#include <stdlib.h>

#include "broker/redis/inspect/inspect.h"
#include "broker/redis/inspect/sweep.h"
#include "redis_scripts.h"
#include "util/clock.h"
#include "util/error.h"

enum { PAGED_MS = 5000 };                // how old the names are that pages after the first may use

// ---- names --------------------------------------------------------------------------------------

gofer_status gf_rd_names_sorted(gf_rd_store *s, gf_rd_names *names)
{
    gofer_status st = gf_rd_queues_get(s, 0, names);
    if (st == GOFER_OK)
        gf_rd_names_sort(names);
    return st;
}

gofer_status gf_rd_names_inspect(gf_broker *b, gf_names *out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_names names = { 0 };
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = gf_rd_names_sorted(s, &names);
    if (st != GOFER_OK)
        return st;
    gf_names all = { 0 };
    for (size_t i = 0; i < names.count && st == GOFER_OK; i++)
        st = gf_names_add(&all, names.names[i]) ? GOFER_OK : gf_fail_nomem("names of queues");
    gf_rd_names_free(&names);
    if (st == GOFER_OK)
        *out = all;
    else
        gf_names_clear(&all);
    return st;
}

gofer_status gf_rd_queue_need(gf_rd_store *s, const char *queue)
{
    static const char *const rests[] = { "pending", "active", "scheduled", "retry", "completed",
        "archived", "paused", "processed", "failed", "groups", "aggregation_sets" };
    gf_rd_key keys[COUNT_OF(rests)];
    gf_rd_cmd cmds[2] = { { .slot = gf_rd_slot("asynq:queues", 12), .reads = true },
        { .slot = gf_rd_queue_slot(queue), .reads = true } };
    gf_rd_add(&cmds[0].args, "SISMEMBER");
    gf_rd_add(&cmds[0].args, "asynq:queues");
    gf_rd_add(&cmds[0].args, queue);
    gf_rd_add(&cmds[1].args, "EXISTS");
    gf_rd_add_keys(&cmds[1], keys, queue, rests, COUNT_OF(rests));
    cmds[1].key_count = 0;               // a plain command

    gofer_status st = gf_rd_run_whole(s->net, cmds, 2, gf_rd_timeout(s), GOFER_OK);
    if (st == GOFER_OK && gf_rd_reply_int(cmds[0].reply, 0) == 0 &&
        gf_rd_reply_int(cmds[1].reply, 0) == 0)
        st = gf_fail(GOFER_ENOTFOUND, "no queue '%s'", queue);
    gf_rd_cmd_clear(&cmds[0]);
    gf_rd_cmd_clear(&cmds[1]);
    return st;
}

// ---- records ------------------------------------------------------------------------------------

static const gf_rd_script queue_script = {
    .name = "look at queues",
    .text = gf_rd_lua_inspect_queues,
    .allow_oom = true,
};

enum {
    Q_PENDING,
    Q_ACTIVE,
    Q_SCHEDULED,
    Q_RETRY,
    Q_COMPLETED,
    Q_ARCHIVED,
    Q_PAUSED,
    Q_PROCESSED_TOTAL,
    Q_FAILED_TOTAL,
    Q_PROCESSED,
    Q_FAILED,
    Q_TRIMMED,
    Q_AGGREGATING,
    Q_GROUPS,
    Q_SINCE,
    Q_NOW,
    Q_EXISTS,
    Q_RUNS,
    Q_GUARDS,
    Q_AGE,
    Q_COUNT
};

typedef struct queues_inspection {
    char        day[11];                 // today, UTC
    gofer_info *list;                    // all of them, or
    gofer_info *one;                     //   the one asked for
    bool        empty;                   // it has no keys
} queues_inspection;

static void ask_queues(gf_rd_cmd *cmd, gf_rd_key *room, char *const *queues, size_t count,
    void *arg)
{
    const queues_inspection *its = arg;
    gf_rd_script_begin(cmd, &queue_script, queues[0], true);
    cmd->reads = true;
    gf_rd_add_counted(cmd, room, queues, count);
    gf_rd_add(&cmd->args, its->day);
    gf_rd_add(&cmd->args, its->list ? "" : "1");
}

static int64_t number_at(const redisReply *r, size_t index)
{
    return index < r->elements ? gf_rd_reply_int(r->element[index], 0) : 0;
}

#define MS_MAX (INT64_C(1) << 50)        // no time is that late

// How long ago that was by the server's clock.
static int64_t age_of(const redisReply *r, int64_t since_ms)
{
    int64_t now_ms = gf_now_ms(), server_ms = number_at(r, Q_NOW) * 1000,
            skew = server_ms - now_ms;
    if (skew > 2000 || skew < -2000)
        now_ms = server_ms;              // the two clocks differ: the server's,
                                         //   though only to the second
    return now_ms > since_ms ? now_ms - since_ms : 0;
}

// How long the oldest pending task has waited; pending_since is in ns.
static int64_t latency_of(const redisReply *r)
{
    const redisReply *since = gf_rd_reply_at(r, Q_SINCE, REDIS_REPLY_STRING);
    int64_t since_ns = since && since->len <= 19 ? gf_rd_reply_int(since, 0) : 0;
    return since_ns > 0 ? age_of(r, since_ns / 1000000) : 0;
}

// How long the active task that was taken first has run; 0: a Go worker's, which does not say.
// gofer:worker is "<Unix ms> <worker>".
static int64_t running_of(const redisReply *r)
{
    const redisReply *worker = gf_rd_reply_at(r, Q_RUNS, REDIS_REPLY_STRING);
    int64_t since_ms = 0;
    for (const char *at = worker ? worker->str : ""; *at >= '0' && *at <= '9' && since_ms < MS_MAX;
         at++)
        since_ms = since_ms * 10 + (*at - '0');
    return since_ms > 0 && since_ms < MS_MAX ? age_of(r, since_ms) : 0;
}

// A number, "e", or both (scripts/lib/room.lua); NULL: none. -1: no memory.
static int show_guards(gofer_info *info, const redisReply *said)
{
    char *rest;
    long long most = said ? strtoll(said->str, &rest, 10) : 0;
    int bad = most > 0 && most <= GF_MAX_LENGTH ? gf_info_set_int(info, "max_length", most) : 0;
    if (said && *rest == 'e')
        bad |= gf_info_set_bool(info, "encrypted_only", 1);
    return bad;
}

static gofer_info *show_queue(const redisReply *r, const char *queue)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    bool paused = gf_rd_reply_at(r, Q_PAUSED, REDIS_REPLY_STRING) != NULL;
    int64_t paused_s = number_at(r, Q_PAUSED), aggregating = number_at(r, Q_AGGREGATING);
    int64_t waiting = number_at(r, Q_PENDING) + number_at(r, Q_ACTIVE) + number_at(r, Q_SCHEDULED) +
        number_at(r, Q_RETRY) + aggregating;     // of lists and sets in memory: no sum of
                                                 //   theirs is too large

    int bad = gf_info_set_text(info, "queue", queue) | gf_info_set_bool(info, "paused", paused);
    if (paused && paused_s > 0 && paused_s < INT64_C(1) << 40)
        bad |= gf_info_set_int(info, "paused_at_ms", paused_s * 1000);
    bad |= show_guards(info, gf_rd_reply_at(r, Q_GUARDS, REDIS_REPLY_STRING));
    if (number_at(r, Q_AGE) > 0)
        bad |= gf_info_set_int(info, "age_ms", number_at(r, Q_AGE));
    bad |= gf_info_set_int(info, "pending", number_at(r, Q_PENDING)) |
        gf_info_set_int(info, "scheduled", number_at(r, Q_SCHEDULED)) |
        gf_info_set_int(info, "active", number_at(r, Q_ACTIVE)) |
        gf_info_set_int(info, "retry", number_at(r, Q_RETRY)) |
        gf_info_set_int(info, "completed", number_at(r, Q_COMPLETED)) |
        gf_info_set_int(info, "archived", number_at(r, Q_ARCHIVED)) |
        gf_info_set_int(info, "aggregating", aggregating) |
        gf_info_set_int(info, "groups", number_at(r, Q_GROUPS)) |
        gf_info_set_int(info, "size", waiting) |
        gf_info_set_int(info, "processed", number_at(r, Q_PROCESSED)) |
        gf_info_set_int(info, "failed", number_at(r, Q_FAILED)) |
        gf_info_set_int(info, "processed_total", number_at(r, Q_PROCESSED_TOTAL)) |
        gf_info_set_int(info, "failed_total", number_at(r, Q_FAILED_TOTAL)) |
        gf_info_set_int(info, "archive_deleted", number_at(r, Q_TRIMMED)) |
        gf_info_set_int(info, "archive_limit", GF_RD_ARCHIVE_MAX - 1) |
        gf_info_set_int(info, "latency_ms", latency_of(r)) |
        gf_info_set_int(info, "longest_running_ms", running_of(r));
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

static gofer_status read_queue(const redisReply *r, const char *queue, void *arg)
{
    queues_inspection *its = arg;
    if (!r || r->type != REDIS_REPLY_ARRAY || r->elements != Q_COUNT)
        return gf_fail(GOFER_ECORRUPT, "the look at queue '%s' was answered with something else",
            queue);
    gofer_info *info = show_queue(r, queue);
    if (!its->list) {
        its->empty = number_at(r, Q_EXISTS) == 0;
        its->one = info;
        return info ? GOFER_OK : GOFER_ENOMEM;
    }
    return gf_info_add(its->list, info) == 0 ? GOFER_OK : GOFER_ENOMEM;
}

static gofer_status inspect_all(gf_rd_store *s, const gf_rd_sweep *w)
{
    gf_rd_names names = { 0 };
    gofer_status st = gf_rd_names_sorted(s, &names);
    if (st == GOFER_OK)
        st = gf_rd_sweep_queues(s, w, names.names, names.count);
    gf_rd_names_free(&names);
    return st;
}

static gofer_status inspect_one(gf_rd_store *s, const gf_rd_sweep *w, const char *queue)
{
    return gf_rd_sweep_queues(s, w, (char *const[]){ (char *)queue }, 1);
}

gofer_status gf_rd_queues_look(gf_rd_store *s, char *const *queues, size_t count, gofer_info **out)
{
    queues_inspection its = { .list = gf_info_list() };
    gf_rd_sweep w = { ask_queues, read_queue, &its, 1, true, 0 };
    if (!its.list)
        return GOFER_ENOMEM;
    gf_date_text(gf_day_of(gf_now_ms()), its.day);
    return gf_info_hand_over(gf_rd_sweep_queues(s, &w, queues, count), its.list, out);
}

gofer_status gf_rd_queues_inspect(gf_broker *b, const char *queue, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    queues_inspection its = { 0 };
    gf_rd_sweep w = { ask_queues, read_queue, &its, 1, true, 0 };
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_date_text(gf_day_of(gf_now_ms()), its.day);
    if (!queue && !(its.list = gf_info_list()))
        return GOFER_ENOMEM;
    st = queue ? inspect_one(s, &w, queue) : inspect_all(s, &w);
    if (st == GOFER_OK && queue && its.empty)
        st = gf_rd_queue_need(s, queue);
    return gf_info_hand_over(st, queue ? its.one : its.list, out);
}

gofer_status gf_rd_queues_page(gf_broker *b, const gf_queue_range *range, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    queues_inspection its = { 0 };
    gf_rd_sweep w = { ask_queues, read_queue, &its, 1, true, 0 };
    gf_rd_names names = { 0 };
    bool more = false;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_date_text(gf_day_of(gf_now_ms()), its.day);
    if (!(its.list = gf_info_list()))
        return GOFER_ENOMEM;
    st = gf_rd_queues_slice(s, range->after ? PAGED_MS : 0, range, &names, &more);
    if (st == GOFER_OK)
        st = gf_rd_sweep_queues(s, &w, names.names, names.count);
    if (st == GOFER_OK && more &&
        gf_info_set_text(its.list, "next_cursor", names.names[names.count - 1]) != 0)
        st = GOFER_ENOMEM;
    gf_rd_names_free(&names);
    return gf_info_hand_over(st, its.list, out);
}
