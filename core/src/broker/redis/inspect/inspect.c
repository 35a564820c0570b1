// inspect.c - inspection: queues with their counts, history, backlog.
//
// A read-only script gives a picture of one moment. Many queues are asked for together: some in one
// script where no Cluster parts them, and many scripts in one pipeline.
#include "broker/redis/inspect/inspect.h"

#include <stdio.h>
#include <string.h>

#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/sum.h"
#include "util/utf8.h"

enum {
    BATCH = 256,                         // queues in one pipeline,
    TOGETHER = 64,                       //   and in one script, where their keys may meet
    HISTORY_DAYS = 90,                   // as long as Asynq keeps them
    PAGED_MS = 5000                      // how old the names are that pages after the first may use
};

// ---- common -----------------------------------------------------------------------------------

char *gf_rd_clean(const redisReply *r)
{
    // U+FFFD is three bytes
    size_t size = r && r->str ? (size_t)r->len : 0, room = size * 3 + 1;
    char *out = gf_alloc(room);
    if (out)
        gf_utf8_clean(size ? r->str : "", size, out, room);
    return out;
}

int64_t gf_rd_reply_decimal(const redisReply *r, int64_t fallback)
{
    int64_t value = 0;
    if (!r || r->type != REDIS_REPLY_STRING || r->len < 1 || r->len > 18)
        return fallback;
    for (size_t i = 0; i < (size_t)r->len; i++) {
        if (r->str[i] < '0' || r->str[i] > '9')
            return fallback;
        value = value * 10 + (r->str[i] - '0');
    }
    return value;
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

// Give what was built to the caller, or free it.
static gofer_status hand_over(gofer_status st, gofer_info *made, gofer_info **out)
{
    if (st == GOFER_OK)
        *out = made;
    else
        gofer_info_free(made);
    return st;
}

// What is asked of every queue, in pipelines. add begins and fills the command for some queues;
// read is given the reply of one. arg is theirs.
typedef struct sweep {
    void       (*add)(gf_rd_cmd *cmd, gf_rd_key *room, char *const *queues, size_t count,
                      void *arg);
    gofer_status (*read)(const redisReply *reply, const char *queue, void *arg);
    void        *arg;
    size_t       keys;                   // room that add needs for each queue
    bool         joins;                  // one command may ask for many: its reply is an array with
                                         //   one of each, nil of one too large to be beside others
    size_t       flat;                   // of the reply of who joins, but is flat: elements of each
} sweep;

// Room for one pipeline: so many queues in each command.
typedef struct sweeping {
    gf_rd_store *store;
    const sweep *what;
    gf_rd_cmd   *cmds;
    gf_rd_key   *room;
    size_t       together;
} sweeping;

bool gf_rd_is_parted(const gf_rd_cmd *cmds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cmds[i].reply && cmds[i].reply->type == REDIS_REPLY_ERROR &&
            strstr(cmds[i].reply->str, "CROSSSLOT"))
            return true;
    return false;
}

static gofer_status sweep_alone(sweeping *g, char *const *name);

static gofer_status read_some(sweeping *g, const redisReply *reply, char *const *names,
    size_t count)
{
    const sweep *w = g->what;
    gofer_status st = GOFER_OK;
    if (!w->joins)
        return w->read(reply, *names, w->arg);
    for (size_t i = 0; w->flat && i < count && st == GOFER_OK; i++) {
        bool whole = reply->type == REDIS_REPLY_ARRAY && reply->elements == count * w->flat;
        redisReply part = { .type = REDIS_REPLY_ARRAY, .elements = whole ? w->flat : 0,
            .element = whole ? reply->element + i * w->flat : NULL };
        st = w->read(&part, names[i], w->arg);
    }
    if (w->flat)
        return st;
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        bool left_out = count > 1 && gf_rd_reply_at(reply, i, REDIS_REPLY_NIL);
        st = left_out ? sweep_alone(g, &names[i])
                      : w->read(gf_rd_reply_at(reply, i, REDIS_REPLY_ARRAY), names[i], w->arg);
    }
    return st;
}

// What looks like a single server may be many behind a proxy, which refuses keys of several slots:
// then one by one.
static gofer_status sweep_some(sweeping *g, char *const *names, size_t count)
{
    const sweep *w = g->what;
    size_t each = g->together, cmds = (count + each - 1) / each;
    for (size_t i = 0; i < cmds; i++) {
        size_t at = i * each;
        w->add(&g->cmds[i], g->room + at * w->keys, names + at,
            count - at < each ? count - at : each, w->arg);
    }
    gofer_status st = gf_rd_run_whole(g->store->net, g->cmds, cmds, gf_rd_timeout(g->store),
        GOFER_OK);
    bool parted = st != GOFER_OK && each > 1 && gf_rd_is_parted(g->cmds, cmds);
    for (size_t i = 0; i < cmds && st == GOFER_OK; i++) {
        size_t at = i * each;
        st = read_some(g, g->cmds[i].reply, names + at, count - at < each ? count - at : each);
    }
    for (size_t i = 0; i < cmds; i++) {
        gf_rd_cmd_clear(&g->cmds[i]);
        g->cmds[i] = (gf_rd_cmd){ 0 };
    }
    if (!parted)
        return st;
    g->together = 1;
    return sweep_some(g, names, count);
}

static gofer_status sweep_alone(sweeping *g, char *const *name)
{
    gf_rd_cmd cmd = { 0 };
    gf_rd_key *room = gf_calloc(g->what->keys, sizeof *room);
    if (!room)
        return gf_fail_nomem("a look at a queue");
    sweeping alone = { g->store, g->what, &cmd, room, 1 };
    gofer_status st = sweep_some(&alone, name, 1);
    gf_free(room);
    return st;
}

static gofer_status sweep_queues(gf_rd_store *s, const sweep *w, char *const *names, size_t count)
{
    size_t most = count < BATCH ? count : BATCH;
    gofer_status st = GOFER_OK;
    if (count == 0)
        return GOFER_OK;
    bool joins = w->joins && !gf_rd_net_server(s->net).is_cluster;
    sweeping g = { s, w, gf_calloc(most, sizeof *g.cmds),
        gf_calloc(most * w->keys, sizeof *g.room), joins ? TOGETHER : 1 };
    if (!g.cmds || !g.room)
        st = gf_fail_nomem("a look at the queues");
    for (size_t at = 0; at < count && st == GOFER_OK; at += most)
        st = sweep_some(&g, names + at, count - at < most ? count - at : most);
    gf_free(g.cmds);
    gf_free(g.room);
    return st;
}

// ---- queues -------------------------------------------------------------------------------------

#define COUNTED \
    "pending", "active", "scheduled", "retry", "completed", "archived", "groups", \
    "aggregation_sets", "gofer:line"
enum { COUNTED_KEYS = 9 };

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
    Q_COUNT,
    STRING_KEYS = 6,
    QUEUE_KEYS = COUNTED_KEYS + STRING_KEYS
};

typedef struct queues_inspection {
    char        day[11];                 // today, UTC
    gofer_info *list;                    // all of them, or
    gofer_info *one;                     //   the one asked for
    bool        empty;                   // it has no keys
} queues_inspection;

// What scripts/lib/counts.lua asks for, then more keys of each queue (NULL behind the last); then
// ARGV. room: of each queue its keys and one more.
static void add_counted(gf_rd_cmd *cmd, gf_rd_key *room, char *const *queues, size_t count,
    const char *const *more, const char *flag)
{
    static const char *const counted[COUNTED_KEYS] = { COUNTED };
    size_t more_count = 0;
    while (more[more_count])
        more_count++;
    for (size_t i = 0; i < count; i++, room += COUNTED_KEYS)
        gf_rd_add_keys(cmd, room, queues[i], counted, COUNTED_KEYS);
    for (size_t i = 0; i < count && more_count; i++, room += more_count)
        gf_rd_add_keys(cmd, room, queues[i], more, more_count);
    gf_rd_add(&cmd->args, flag);
    for (size_t i = 0; i < count; i++, room++) {
        gf_rd_key_of(room, queues[i], "");
        gf_rd_add(&cmd->args, room->text);
    }
}

static void ask_queues(gf_rd_cmd *cmd, gf_rd_key *room, char *const *queues, size_t count,
    void *arg)
{
    const queues_inspection *its = arg;
    char processed[32], failed[32];
    const char *const strings[STRING_KEYS + 1] = { "paused", "processed", "failed", processed,
        failed, "gofer:trimmed" };
    snprintf(processed, sizeof processed, "processed:%s", its->day);
    snprintf(failed, sizeof failed, "failed:%s", its->day);
    gf_rd_script_begin(cmd, &queue_script, queues[0], true);
    cmd->reads = true;
    add_counted(cmd, room, queues, count, strings, its->list ? "" : "1");
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

static gofer_status names_by_name(gf_rd_store *s, gf_rd_names *names)
{
    gofer_status st = gf_rd_queues_get(s, 0, names);
    if (st == GOFER_OK)
        gf_rd_names_sort(names);
    return st;
}

static gofer_status inspect_all(gf_rd_store *s, const sweep *w)
{
    gf_rd_names names = { 0 };
    gofer_status st = names_by_name(s, &names);
    if (st == GOFER_OK)
        st = sweep_queues(s, w, names.names, names.count);
    gf_rd_names_free(&names);
    return st;
}

static gofer_status inspect_one(gf_rd_store *s, const sweep *w, const char *queue)
{
    return sweep_queues(s, w, (char *const[]){ (char *)queue }, 1);
}

gofer_status gf_rd_queues_look(gf_rd_store *s, char *const *queues, size_t count, gofer_info **out)
{
    queues_inspection its = { .list = gf_info_list() };
    sweep w = { ask_queues, read_queue, &its, QUEUE_KEYS + 1, true, 0 };
    if (!its.list)
        return GOFER_ENOMEM;
    gf_date_text(gf_day_of(gf_now_ms()), its.day);
    return hand_over(sweep_queues(s, &w, queues, count), its.list, out);
}

gofer_status gf_rd_queues_inspect(gf_broker *b, const char *queue, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    queues_inspection its = { 0 };
    sweep w = { ask_queues, read_queue, &its, QUEUE_KEYS + 1, true, 0 };
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_date_text(gf_day_of(gf_now_ms()), its.day);
    if (!queue && !(its.list = gf_info_list()))
        return GOFER_ENOMEM;
    st = queue ? inspect_one(s, &w, queue) : inspect_all(s, &w);
    if (st == GOFER_OK && queue && its.empty)
        st = gf_rd_queue_need(s, queue);
    return hand_over(st, queue ? its.one : its.list, out);
}

gofer_status gf_rd_queues_page(gf_broker *b, const gf_queue_range *range, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    queues_inspection its = { 0 };
    sweep w = { ask_queues, read_queue, &its, QUEUE_KEYS + 1, true, 0 };
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
        st = sweep_queues(s, &w, names.names, names.count);
    if (st == GOFER_OK && more &&
        gf_info_set_text(its.list, "next_cursor", names.names[names.count - 1]) != 0)
        st = GOFER_ENOMEM;
    gf_rd_names_free(&names);
    return hand_over(st, its.list, out);
}

// ---- counts -------------------------------------------------------------------------------------

static const gf_rd_script counts_script = {
    .name = "count tasks",
    .text = gf_rd_lua_count_tasks,
    .allow_oom = true,
};

static void ask_counts(gf_rd_cmd *cmd, gf_rd_key *room, char *const *queues, size_t count,
    void *arg)
{
    static const char *const no_more[] = { NULL };
    (void)arg;
    gf_rd_script_begin(cmd, &counts_script, queues[0], true);
    cmd->reads = true;
    add_counted(cmd, room, queues, count, no_more, "");
}

static gofer_status read_counts(const redisReply *r, const char *queue, void *arg)
{
    gf_counts **next = arg;
    if (!r || r->type != REDIS_REPLY_ARRAY || r->elements != GF_STATE_COUNT)
        return gf_fail(GOFER_ECORRUPT,
            "counting the tasks of queue '%s' was answered with something else", queue);
    for (size_t i = 0; i < GF_STATE_COUNT; i++)
        (*next)->of[i] = number_at(r, i);
    ++*next;
    return GOFER_OK;
}

gofer_status gf_rd_counts(gf_broker *b, char *const *queues, size_t count, gf_counts *out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    sweep w = { ask_counts, read_counts, &out, COUNTED_KEYS + 1, true, 0 };
    gofer_status st = gf_rd_check(s);
    return st == GOFER_OK ? sweep_queues(s, &w, queues, count) : st;
}

// ---- history ------------------------------------------------------------------------------------

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
    sweep w = { ask_history, read_history, its, 0, true, 0 };
    its->to = days;
    w.keys = w.flat = history_keys(its);
    its->lasting = count ? gf_calloc(count, sizeof *its->lasting) : NULL;
    gofer_status st = its->lasting || !count ? sweep_queues(s, &w, queues, count)
                                           : gf_fail_nomem("the history of queues");
    if (st == GOFER_OK && count == 1 && its->lasting_count == 0)
        its->lasting[its->lasting_count++] = queues[0];  // it may be of before there were sums
    if (st == GOFER_OK && days < HISTORY_DAYS && days_seen(its) < days) {
        its->from = days;
        its->to = HISTORY_DAYS;
        w.keys = w.flat = history_keys(its);
        st = sweep_queues(s, &w, its->lasting, its->lasting_count);
    }
    gf_free(its->lasting);
    return st;
}

static gofer_status inspect_all_days(gf_rd_store *s, history_inspection *its, int32_t days)
{
    gf_rd_names names = { 0 };
    gofer_status st = names_by_name(s, &names);
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
    return hand_over(st, list, out);
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

// ---- backlog ------------------------------------------------------------------------------------

static const gf_rd_script backlog_script = {
    .name = "backlog",
    .text = gf_rd_lua_backlog,
    .allow_oom = true,
};

static void ask_backlog(gf_rd_cmd *cmd, gf_rd_key *room, char *const *queues, size_t count,
    void *arg)
{
    static const char *const rests[] = { GF_RD_KEYS_BACKLOG(GF_RD_REST) };
    (void)arg;
    (void)count;
    gf_rd_script_begin(cmd, &backlog_script, queues[0], true);
    cmd->reads = true;
    gf_rd_add_keys(cmd, room, queues[0], rests, COUNT_OF(rests));
}

static gofer_status read_backlog(const redisReply *r, const char *queue, void *arg)
{
    (void)queue;
    *(int64_t *)arg = gf_sum(*(int64_t *)arg, gf_rd_reply_int(r, 0));
    return GOFER_OK;
}

gofer_status gf_rd_backlog(gf_broker *b, const char *const *queues, size_t count, int64_t *out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    int64_t sum = 0;
    sweep w = { ask_backlog, read_backlog, &sum, 4, false, 0 };
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = sweep_queues(s, &w, (char *const *)queues, count);
    if (st == GOFER_OK)
        *out = sum;
    return st;
}
