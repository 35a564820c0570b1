// tick.c - ticks of cron entries: each at most once, whoever asks. The latest tick of an entry
// stands in a hash beside the queue of its tasks, and changes in the script that puts the task:
// tick and at in ms, id of the latest task.
#include <stdio.h>
#include <string.h>

#include "broker/redis/limit/limit.h"
#include "info/info.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

static const gf_rd_script tick_script = {
    .name = "tick",
    .text = gf_rd_lua_tick,
};

typedef struct tick_keys {
    gf_rd_key entry, pending, scheduled, task, line, limited, limits, prefix;
    char      lane[GF_RD_LANE_TEXT];
    char     *limit;
    gf_bytes  message;
} tick_keys;

static void cron_key(gf_rd_key *out, const char *queue, const char *entry)
{
    char rest[GF_ID_MAX + 16];
    snprintf(rest, sizeof rest, "gofer:cron:%s", entry);
    gf_rd_key_of(out, queue, rest);
}

static const char *overlap_word(gf_overlap overlap)
{
    return overlap == GF_OVERLAP_SKIP ? "skip" : overlap == GF_OVERLAP_QUEUE ? "queue" : "allow";
}

#define ADD_KEY(NAME, name, rest) gf_rd_add(a, keys->name.text);

static gofer_status begin(gf_rd_store *s, gf_rd_cmd *cmd, tick_keys *keys, const gf_tick *t)
{
    const gf_message *m = t->message;
    char rest[GF_NAME_MAX + 3];
    gofer_status st = gf_wire_task_encode(m, NULL, NULL, &keys->message);
    if (st == GOFER_OK)
        st = gf_rd_message_check(m, keys->message.size);
    if (st == GOFER_OK)
        st = gf_rd_limit_of(m, &keys->limit);
    if (st != GOFER_OK)
        return st;
    cron_key(&keys->entry, m->queue, t->entry);
    gf_rd_key_of(&keys->pending, m->queue, "pending");
    gf_rd_key_of(&keys->scheduled, m->queue, "scheduled");
    gf_rd_key_of(&keys->line, m->queue, "gofer:line");
    gf_rd_key_of(&keys->limited, m->queue, "gofer:limited");
    gf_rd_limits_key(s, m->queue, &keys->limits);
    gf_rd_lane_of(m, keys->lane);
    gf_rd_key_of(&keys->prefix, m->queue, "t:");
    snprintf(rest, sizeof rest, "t:%s", m->id);
    gf_rd_key_of(&keys->task, m->queue, rest);
    gf_rd_script_begin(cmd, &tick_script, m->queue, true);
    cmd->counts = true;
    gf_rd_args *a = &cmd->args;
    GF_RD_KEYS_TICK(ADD_KEY)
    cmd->key_count = 0 GF_RD_KEYS_TICK(GF_RD_ONE);
    gf_rd_add(a, keys->prefix.text);
    gf_rd_add_int(a, t->tick_ms);
    gf_rd_add(a, m->id);
    gf_rd_add_bytes(a, keys->message.bytes, keys->message.size);
    gf_rd_add_int(a, t->run_at_ms);
    gf_rd_add(a, overlap_word(t->overlap));
    gf_rd_add(a, keys->lane);
    gf_rd_add(a, keys->limit ? keys->limit : "");
    gf_rd_add(a, keys->limits.text);
    return GOFER_OK;
}

static void read_answer(const gf_rd_cmd *cmd, gf_tick *t)
{
    const redisReply *what = gf_rd_reply_at(cmd->reply, 0, REDIS_REPLY_STRING);
    const redisReply *previous = gf_rd_reply_at(cmd->reply, 1, REDIS_REPLY_STRING);
    t->status = cmd->status;
    *t->previous = '\0';
    if (cmd->status != GOFER_OK)
        return;
    if (!what || !previous) {
        t->status =
            gf_fail(GOFER_ECORRUPT, "a tick of '%s' was answered with something else", t->entry);
        return;
    }
    snprintf(t->previous, sizeof t->previous, "%s", previous->str);
    if (strcmp(what->str, "put") == 0)
        return;
    if (strcmp(what->str, "noted") != 0)
        t->status = GOFER_ESTATE;
    else
        t->status = cmd->repeated ? GOFER_OK : GOFER_EEXIST;     // sent twice, it may have found
                                                                 //   its own work
    if (cmd->repeated && strcmp(t->previous, t->message->id) == 0)
        *t->previous = '\0';
}

// For Asynq's tools, and tick_history: best effort.
static void record(gf_rd_store *s, const gf_tick *t)
{
    gf_wire_event event = { .task_id = t->message->id, .at_ms = gf_now_ms() };
    if (gf_rd_schedule_record(s, t->entry, &event) != GOFER_OK)
        gf_logf(&s->base.config.log, GOFER_LOG_WARN, "a tick is missing in its entry's history",
            "entry", t->entry, "task", t->message->id, "error", gofer_error_last(), NULL);
}

// The names of queues: with the ticks, in the same pipeline.
static size_t add_queues(gf_rd_store *s, gf_rd_cmd *cmds, const gf_tick *items, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!gf_rd_queues_must_add(s, items[i].message->queue))
            continue;
        cmds[n] = (gf_rd_cmd){ .slot = gf_rd_slot("asynq:queues", 12), .repeatable = true };
        gf_rd_add(&cmds[n].args, "SADD");
        gf_rd_add(&cmds[n].args, "asynq:queues");
        gf_rd_add(&cmds[n++].args, items[i].message->queue);
    }
    return n;
}

gofer_status gf_rd_tick(gf_broker *b, gf_tick *items, size_t count)
{
    gf_rd_store *s = (gf_rd_store *)b;
    size_t begun = 0, answered = 0;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK || count == 0)
        return st;
    gf_rd_cmd *cmds = gf_calloc(2 * count, sizeof *cmds);
    tick_keys *keys = gf_calloc(count, sizeof *keys);
    st = cmds && keys ? GOFER_OK : gf_fail_nomem("ticks");
    for (; begun < count && st == GOFER_OK; begun++)
        st = begin(s, &cmds[begun], &keys[begun], &items[begun]);
    if (st == GOFER_OK) {
        size_t added = add_queues(s, cmds + count, items, count);
        st = gf_rd_run(s->net, cmds, count + added, gf_rd_timeout(s));
        for (size_t i = 0; i < count; i++) {
            read_answer(&cmds[i], &items[i]);
            answered += cmds[i].status == GOFER_OK;
        }
        for (size_t i = 0; i < count; i++)
            if (items[i].status == GOFER_OK)
                record(s, &items[i]);
        st = answered ? GOFER_OK : st;
    }
    for (size_t i = 0; cmds && i < 2 * count; i++)
        gf_rd_cmd_clear(&cmds[i]);
    for (size_t i = 0; keys && i < count; i++) {
        gf_bytes_clear(&keys[i].message);
        gf_free(keys[i].limit);
    }
    gf_free(cmds);
    gf_free(keys);
    return st;
}

// ---- what is known ------------------------------------------------------------------------------

gofer_status gf_rd_tick_states(gf_broker *b, gf_tick_state *items, size_t count)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK || count == 0)
        return st;
    gf_rd_cmd *cmds = gf_calloc(count, sizeof *cmds);
    gf_rd_key *keys = gf_alloc(count * sizeof *keys);
    st = cmds && keys ? GOFER_OK : gf_fail_nomem("the state of cron entries");
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        cron_key(&keys[i], items[i].queue, items[i].entry);
        cmds[i] = (gf_rd_cmd){ .slot = gf_rd_queue_slot(items[i].queue), .reads = true };
        gf_rd_add(&cmds[i].args, "HMGET");
        gf_rd_add(&cmds[i].args, keys[i].text);
        gf_rd_add(&cmds[i].args, "tick");
        gf_rd_add(&cmds[i].args, "at");
        gf_rd_add(&cmds[i].args, "id");
    }
    if (st == GOFER_OK)
        st = gf_rd_run_whole(s->net, cmds, count, gf_rd_timeout(s), GOFER_OK);
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        const redisReply *r = cmds[i].reply, *id = gf_rd_reply_at(r, 2, REDIS_REPLY_STRING);
        items[i].tick_ms = gf_rd_reply_int(gf_rd_reply_at(r, 0, REDIS_REPLY_STRING), 0);
        items[i].at_ms = gf_rd_reply_int(gf_rd_reply_at(r, 1, REDIS_REPLY_STRING), 0);
        snprintf(items[i].id, sizeof items[i].id, "%s", id ? id->str : "");
    }
    for (size_t i = 0; cmds && i < count; i++)
        gf_rd_cmd_clear(&cmds[i]);
    gf_free(cmds);
    gf_free(keys);
    return st;
}

// "cron:NAME:TICK": the tick at the end is in RFC 3339.
static int64_t tick_of(const char *entry, const char *id)
{
    size_t size = strlen(entry);
    int64_t tick_ms;
    if (strncmp(id, "cron:", 5) != 0 || strncmp(id + 5, entry, size) != 0 || id[5 + size] != ':' ||
        gofer_parse_time(id + 6 + size, &tick_ms) != GOFER_OK)
        return 0;
    return tick_ms;
}

static int add_tick(gofer_info *list, const char *entry, const gofer_info *event)
{
    const char *id = gofer_info_text(event, "id");
    int64_t tick_ms = id ? tick_of(entry, id) : 0;
    gofer_info *record = gf_info_record();
    if (!record)
        return -1;
    int bad = gf_info_set_text(record, "id", id) |
              gf_info_set_int(record, "enqueued_at_ms", gofer_info_int(event, "enqueued_at_ms", 0));
    if (tick_ms)
        bad |= gf_info_set_int(record, "tick_ms", tick_ms);
    if (bad) {
        gofer_info_free(record);
        return -1;
    }
    return gf_info_add(list, record);
}

gofer_status gf_rd_tick_history(gf_broker *b, const char *entry, size_t limit, gofer_info **out)
{
    gofer_info *events = NULL, *list = NULL;
    gofer_status st = gf_rd_schedule_history((gf_rd_store *)b, entry, limit, &events);
    if (st == GOFER_OK && !(list = gf_info_list()))
        st = gf_fail_nomem("the history of an entry");
    for (size_t i = 0; i < gofer_info_count(events) && st == GOFER_OK; i++)
        if (add_tick(list, entry, gofer_info_at(events, i)) != 0)
            st = gf_fail_nomem("the history of an entry");
    gofer_info_free(events);
    if (st == GOFER_OK)
        *out = list;
    else
        gofer_info_free(list);
    return st;
}
