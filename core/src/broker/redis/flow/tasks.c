// tasks.c - the tasks of steps, in their queues: put, run again, cancelled, looked at.
//
// Before a task is put its queue is told that the id is a step's (enlist_steps.lua), so that the
// script which ends it writes a notice, and asynq:gofer:flow:queues that it has some: there relay.c
// looks for notices.
#include <stdio.h>
#include <string.h>

#include "broker/redis/flow/flow.h"
#include "broker/redis/shard/shard.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"

enum { NUMBERS = 64, FORGOTTEN_AT_ONCE = 500 };

static const char QUEUES[] = GF_RD_FLOW_QUEUES;

static const gf_rd_script enlist_script = {
    .name = "tell of steps",
    .text = gf_rd_lua_enlist_steps,
};

// ---- where they are -----------------------------------------------------------------------------

void gf_rd_step_id(const gf_rd_flow *f, uint32_t n, char out[GF_ID_MAX + 1])
{
    snprintf(out, GF_ID_MAX + 1, "%.*s:%u", GF_FLOW_ID_MAX, f->id, (unsigned)n);
}

// Of a sharded queue the slot; names of slots are kept as long as the store.
static const char *place_of(const gf_rd_shards *all, const char *queue, const gf_put *item)
{
    const gf_rd_sharded *q = gf_rd_sharded_of(all, queue);
    return q ? q->slots[gf_rd_slot_of_put(q, item)] : queue;
}

static const char *place_by_id(const gf_rd_shards *all, const gf_rd_flow *f, uint32_t n)
{
    const gf_rd_sharded *q = gf_rd_sharded_of(all, f->steps[n].queue);
    char id[GF_ID_MAX + 1];
    gf_rd_step_id(f, n, id);
    return q ? q->slots[gf_rd_slot_of_name(q, id)] : f->steps[n].queue;
}

static gofer_status act_on(gf_rd_store *s, const gf_rd_flow *f, uint32_t n, gf_act act)
{
    char text[GF_ID_MAX + 1];
    const char *id = text;
    gofer_status status = GOFER_OK;
    gf_rd_step_id(f, n, text);
    gofer_status st = gf_rd_sharded_act(&s->base, f->steps[n].queue, act, &id, 1, &status);
    return st == GOFER_OK ? status : st;
}

// ---- put ----------------------------------------------------------------------------------------

typedef struct putting {
    gf_rd_store      *s;
    const gf_rd_flow *f;
    const uint32_t   *steps;
    size_t            count;
    redisReply       *bodies;
    void            **decoded;           // gf_free each
    gf_put           *items;
    const char      **places;
    int              *numbers;           // of notices, before it was put; -1: it was not known
    char            (*ids)[GF_ID_MAX + 1];
    bool             *bad;               // it cannot be put
    gf_rd_shards     *sharded;
} putting;

static void putting_end(putting *p)
{
    for (size_t i = 0; p->decoded && i < p->count; i++)
        gf_free(p->decoded[i]);
    gf_rd_shards_drop(p->sharded);
    gf_rd_reply_free(p->bodies);
    gf_free(p->decoded);
    gf_free(p->items);
    gf_free(p->places);
    gf_free(p->numbers);
    gf_free(p->ids);
    gf_free(p->bad);
}

static gofer_status putting_begin(putting *p)
{
    p->decoded = gf_calloc(p->count, sizeof *p->decoded);
    p->items = gf_calloc(p->count, sizeof *p->items);
    p->places = gf_calloc(p->count, sizeof *p->places);
    p->numbers = gf_calloc(p->count, sizeof *p->numbers);
    p->ids = gf_calloc(p->count, sizeof *p->ids);
    p->bad = gf_calloc(p->count, sizeof *p->bad);
    if (!p->decoded || !p->items || !p->places || !p->numbers || !p->ids || !p->bad)
        return gf_fail_nomem("steps to be put");
    p->sharded = gf_rd_shards_take(p->s);
    return gf_rd_flow_fields(p->s, p->f, 'b', p->steps, p->count, &p->bodies);
}

static gofer_status read_body(putting *p, size_t i, int64_t now_ms)
{
    const redisReply *body = p->bodies->element[i];
    const gf_rd_step *step = &p->f->steps[p->steps[i]];
    gf_rd_step_id(p->f, p->steps[i], p->ids[i]);
    p->places[i] = step->queue;
    gofer_status st = gf_rd_reply_is_text(body)
        ? gf_wire_task_decode(body->str, (size_t)body->len, 0, &p->decoded[i])
        : GOFER_ECORRUPT;
    if (st == GOFER_ENOMEM)
        return st;
    p->bad[i] = st != GOFER_OK;
    if (p->bad[i])
        return GOFER_OK;
    gf_message *m = &((gf_wire_task *)p->decoded[i])->message;
    m->queue = step->queue;
    m->id = p->ids[i];
    p->items[i] = (gf_put){ .message = m, .unbounded = true,
        .run_at_ms = step->delay_ms > 0 ? now_ms + step->delay_ms : step->run_at_ms };
    p->places[i] = place_of(p->sharded, step->queue, &p->items[i]);
    return GOFER_OK;
}

// The next i on of the same place that was not seen; each place is one script.
typedef struct enlisting {
    gf_rd_cmd *cmds;
    gf_rd_key *keys;
    size_t    *cmd_of, *at;              // of each step: its command, and which answer
    size_t     count;                    // commands: of each place two
} enlisting;

static size_t cmd_for(putting *p, enlisting *e, size_t i)
{
    for (size_t k = i; k-- > 0;)
        if (!p->bad[k] && strcmp(p->places[k], p->places[i]) == 0)
            return e->cmd_of[k];
    size_t number = e->count;
    gf_rd_cmd *cmd = &e->cmds[number], *name = &e->cmds[number + 1];
    e->count += 2;
    gf_rd_key_of(&e->keys[number], p->places[i], "gofer:steps");
    gf_rd_script_begin(cmd, &enlist_script, p->places[i], true);
    cmd->counts = true;
    cmd->key_count = 1;
    gf_rd_add(&cmd->args, e->keys[number].text);
    *name = (gf_rd_cmd){ .slot = gf_rd_slot(QUEUES, sizeof QUEUES - 1), .repeatable = true };
    gf_rd_add(&name->args, "SADD");
    gf_rd_add(&name->args, QUEUES);
    gf_rd_add(&name->args, p->places[i]);
    return number;
}

static void read_numbers(putting *p, const enlisting *e)
{
    for (size_t i = 0; i < p->count; i++)
        p->numbers[i] = p->bad[i] ? 0
            : (int)gf_rd_reply_int(gf_rd_reply_at(e->cmds[e->cmd_of[i]].reply, e->at[i],
                  REDIS_REPLY_INTEGER), 0);
}

static gofer_status run_enlisting(putting *p, enlisting *e)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->bad[i])
            continue;
        gf_rd_cmd *cmd = &e->cmds[e->cmd_of[i] = cmd_for(p, e, i)];
        e->at[i] = (cmd->args.count - 1) / 2;
        gf_rd_add(&cmd->args, p->ids[i]);
        gf_rd_add_int(&cmd->args, p->f->runs[p->steps[i]] - '0');
    }
    gofer_status st = e->count
        ? gf_rd_run(p->s->net, e->cmds, e->count, gf_rd_timeout(p->s))
        : GOFER_OK;
    if (st == GOFER_OK)
        read_numbers(p, e);
    for (size_t i = 0; i < e->count; i++)
        gf_rd_cmd_clear(&e->cmds[i]);
    return st;
}

static gofer_status enlist(putting *p)
{
    enlisting e = { 0 };
    e.cmds = gf_calloc(2 * p->count, sizeof *e.cmds);
    e.keys = gf_calloc(2 * p->count, sizeof *e.keys);
    e.cmd_of = gf_calloc(p->count, sizeof *e.cmd_of);
    e.at = gf_calloc(p->count, sizeof *e.at);
    gofer_status st = e.cmds && e.keys && e.cmd_of && e.at ? run_enlisting(p, &e)
                                                           : gf_fail_nomem("steps to be put");
    gf_free(e.cmds);
    gf_free(e.keys);
    gf_free(e.cmd_of);
    gf_free(e.at);
    return st;
}

// Those that were archived are run again; of the others (deleted, or it was never put) OK is not
// what comes back. *ran: it is in its queue again.
static gofer_status run_again(putting *p, size_t i, bool *ran)
{
    *ran = false;
    if (p->f->states[p->steps[i]] != GF_RD_STEP_AGAIN)
        return GOFER_OK;
    gofer_status st = act_on(p->s, p->f, p->steps[i], GF_ACT_RUN);
    *ran = st == GOFER_OK || st == GOFER_ESTATE;
    if (*ran)
        p->numbers[i] = 0;               // it was a step's before
    return *ran || st == GOFER_ENOTFOUND ? GOFER_OK : st;
}

static gofer_status put_those(putting *p, gf_put *now, size_t *which)
{
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++) {
        bool ran;
        if (p->bad[i])
            continue;
        gofer_status st = run_again(p, i, &ran);
        if (st != GOFER_OK)
            return st;
        if (ran) {
            p->items[i].effect = GF_KEPT;
            continue;
        }
        which[count] = i;
        now[count++] = p->items[i];
    }
    gofer_status st = count ? p->s->base.ops->tasks->put(&p->s->base, now, count) : GOFER_OK;
    for (size_t k = 0; k < count && st == GOFER_OK; k++) {
        p->items[which[k]].effect = now[k].effect;
        p->items[which[k]].status = now[k].status;
    }
    return st;
}

// What has become of it; false: nobody knows, and it is tried again.
static bool mark_of(const putting *p, size_t i, gf_rd_mark *m)
{
    const gf_put *item = &p->items[i];
    uint32_t n = p->steps[i];
    *m = (gf_rd_mark){ .n = n, .was = p->f->states[n], .number = -1 };
    bool taken = item->status == GOFER_EEXIST ||
        (item->status == GOFER_OK && item->effect == GF_KEPT && p->numbers[i] < 0);
    m->ended = p->bad[i] || taken || item->status == GOFER_ETOOBIG || item->status == GOFER_EINVAL;
    m->how = GF_END_ARCHIVED;
    if (m->ended)
        snprintf(m->error, sizeof m->error, "%s",
            p->bad[i] ? "its message in the plan cannot be read"
            : taken   ? "the id of its task is taken by another"
                      : "its task cannot be put into this store");
    else if (item->status == GOFER_OK && item->effect == GF_CREATED && p->numbers[i] >= 0)
        m->number = p->numbers[i] % NUMBERS;
    return m->ended || item->status == GOFER_OK;
}

// Another's task is no step.
static void disown(putting *p, size_t i)
{
    gf_rd_key key;
    gf_rd_cmd cmd;
    int64_t done;
    gf_rd_key_of(&key, p->places[i], "gofer:steps");
    cmd = (gf_rd_cmd){ .slot = gf_rd_queue_slot(p->places[i]), .repeatable = true };
    gf_rd_add(&cmd.args, "HDEL");
    gf_rd_add(&cmd.args, key.text);
    gf_rd_add(&cmd.args, p->ids[i]);
    (void)gf_rd_call_int(p->s, &cmd, &done);       // a notice of it would not count
}

gofer_status gf_rd_steps_put(gf_rd_store *s, const gf_rd_flow *f, const uint32_t *steps,
    size_t count, gf_rd_mark *marks, size_t *mark_count)
{
    putting p = { .s = s, .f = f, .steps = steps, .count = count };
    int64_t now_ms = gf_rd_now_ms(&s->base);
    gofer_status st = putting_begin(&p);
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        st = read_body(&p, i, now_ms);
    if (st == GOFER_OK)
        st = enlist(&p);
    gf_put *now = gf_calloc(count, sizeof *now);
    size_t *which = gf_calloc(count, sizeof *which);
    if (st == GOFER_OK)
        st = now && which ? put_those(&p, now, which) : gf_fail_nomem("steps to be put");
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        if (!mark_of(&p, i, &marks[*mark_count]))
            continue;
        if (marks[*mark_count].ended && !p.bad[i] && p.numbers[i] < 0)
            disown(&p, i);
        ++*mark_count;
    }
    gf_free(now);
    gf_free(which);
    putting_end(&p);
    return st;
}

// ---- cancel -------------------------------------------------------------------------------------

gofer_status gf_rd_steps_cancel(gf_rd_store *s, const gf_rd_flow *f, const uint32_t *steps,
    size_t count, gf_rd_mark *marks, size_t *mark_count)
{
    for (size_t i = 0; i < count; i++) {
        gofer_status st = act_on(s, f, steps[i], GF_ACT_CANCEL);
        if (st != GOFER_OK && st != GOFER_ENOTFOUND && st != GOFER_ESTATE)
            return st;
        marks[(*mark_count)++] = (gf_rd_mark){ .n = steps[i], .was = GF_RD_STEP_NO,
            .number = -1, .ended = st == GOFER_ENOTFOUND,
            .how = GF_END_DELETED };
    }
    return GOFER_OK;
}

// ---- look ---------------------------------------------------------------------------------------

// Commands on tasks, each with a key of its own.
typedef struct asking {
    gf_rd_cmd *cmds;
    gf_rd_key (*keys)[2];
    char      (*ids)[GF_ID_MAX + 1];
    size_t     count;
} asking;

static gofer_status asking_begin(asking *a, size_t cmds, size_t tasks)
{
    *a = (asking){ .count = cmds };
    a->cmds = gf_calloc(cmds, sizeof *a->cmds);
    a->keys = gf_calloc(tasks, sizeof *a->keys);
    a->ids = gf_calloc(tasks, sizeof *a->ids);
    return a->cmds && a->keys && a->ids ? GOFER_OK : gf_fail_nomem("a look at tasks");
}

static void asking_end(asking *a)
{
    for (size_t i = 0; a->cmds && i < a->count; i++)
        gf_rd_cmd_clear(&a->cmds[i]);
    gf_free(a->cmds);
    gf_free(a->keys);
    gf_free(a->ids);
}

static void task_key(asking *a, size_t i, const char *place)
{
    char rest[GF_ID_MAX + 4];
    snprintf(rest, sizeof rest, "t:%s", a->ids[i]);
    gf_rd_key_of(&a->keys[i][0], place, rest);
}

static gf_rd_cmd *command(asking *a, size_t at, const char *place, const char *name,
    const char *key)
{
    gf_rd_cmd *cmd = &a->cmds[at];
    *cmd = (gf_rd_cmd){ .slot = gf_rd_queue_slot(place), .reads = true };
    gf_rd_add(&cmd->args, name);
    gf_rd_add(&cmd->args, key);
    return cmd;
}

static const char *state_word(const redisReply *r)
{
    gf_state state;
    return gf_rd_reply_is_text(r) && gf_state_parse(r->str, &state) ? gf_state_name(state) : NULL;
}

enum { NUMBER, STATE, NUMBER_AGAIN, LOOKS };

// What the state tells is of the number only if that is the same before and behind: else a notice
// of it would count a second time, when the step is open again.
static gf_rd_seen seen_of(const gf_rd_cmd *cmds, int64_t known)
{
    int64_t number = gf_rd_reply_int(cmds[NUMBER].reply, known);
    bool same = gf_rd_reply_int(cmds[NUMBER_AGAIN].reply, known) == number;
    return (gf_rd_seen){ .state = state_word(cmds[STATE].reply),
        .number = (int)(number % NUMBERS),
        .sure = same };
}

gofer_status gf_rd_steps_look(gf_rd_store *s, const gf_rd_flow *f, const uint32_t *steps,
    size_t count, gf_rd_seen *out)
{
    asking a;
    if (count == 0)
        return GOFER_OK;
    gf_rd_shards *sharded = gf_rd_shards_take(s);
    gofer_status st = asking_begin(&a, LOOKS * count, count);
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        const char *place = place_by_id(sharded, f, steps[i]);
        gf_rd_step_id(f, steps[i], a.ids[i]);
        task_key(&a, i, place);
        gf_rd_key_of(&a.keys[i][1], place, "gofer:steps");
        size_t at = LOOKS * i;
        gf_rd_add(&command(&a, at + NUMBER, place, "HGET", a.keys[i][1].text)->args, a.ids[i]);
        gf_rd_add(&command(&a, at + STATE, place, "HGET", a.keys[i][0].text)->args, "state");
        gf_rd_add(&command(&a, at + NUMBER_AGAIN, place, "HGET", a.keys[i][1].text)->args,
            a.ids[i]);
    }
    if (st == GOFER_OK)
        st = gf_rd_run_whole(s->net, a.cmds, a.count, gf_rd_timeout(s), GOFER_ECORRUPT);
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        out[i] = seen_of(&a.cmds[LOOKS * i], f->runs[steps[i]] - '0');
    asking_end(&a);
    gf_rd_shards_drop(sharded);
    return st;
}

gofer_status gf_rd_steps_left(gf_rd_store *s, const gf_rd_flow *f, const uint32_t *steps,
    size_t count, redisReply **out)
{
    asking a;
    if (count == 0)
        return GOFER_OK;
    gf_rd_shards *sharded = gf_rd_shards_take(s);
    gofer_status st = asking_begin(&a, count, count);
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        const char *place = place_by_id(sharded, f, steps[i]);
        gf_rd_step_id(f, steps[i], a.ids[i]);
        task_key(&a, i, place);
        gf_rd_cmd *cmd = command(&a, i, place, "HMGET", a.keys[i][0].text);
        bool done = f->states[steps[i]] == GF_RD_STEP_ENDS[GF_END_DONE];
        gf_rd_add(&cmd->args, done ? "result" : "msg");
        gf_rd_add(&cmd->args, "gofer:error");
    }
    if (st == GOFER_OK)
        st = gf_rd_run_whole(s->net, a.cmds, a.count, gf_rd_timeout(s), GOFER_ECORRUPT);
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        out[i] = a.cmds[i].reply;
        a.cmds[i].reply = NULL;
    }
    asking_end(&a);
    gf_rd_shards_drop(sharded);
    return st;
}

gofer_status gf_rd_step_result(gf_rd_store *s, const gf_rd_flow *f, uint32_t n,
    redisReply **held, const redisReply **out)
{
    gofer_status st = gf_rd_steps_left(s, f, &n, 1, held);
    *out = st == GOFER_OK ? gf_rd_reply_at(*held, 0, REDIS_REPLY_STRING) : NULL;
    return st;
}

// ---- forget -------------------------------------------------------------------------------------

// Its flow goes: from now on no notice is written for its tasks.
gofer_status gf_rd_steps_forget(gf_rd_store *s, const gf_rd_flow *f)
{
    gofer_status st = GOFER_OK;
    for (size_t at = 0; at < f->count && st == GOFER_OK; at += FORGOTTEN_AT_ONCE) {
        size_t count = f->count - at < FORGOTTEN_AT_ONCE ? f->count - at : FORGOTTEN_AT_ONCE;
        asking a;
        gf_rd_shards *sharded = gf_rd_shards_take(s);
        st = asking_begin(&a, count, count);
        for (size_t i = 0; i < count && st == GOFER_OK; i++) {
            const char *place = place_by_id(sharded, f, (uint32_t)(at + i));
            gf_rd_step_id(f, (uint32_t)(at + i), a.ids[i]);
            gf_rd_key_of(&a.keys[i][1], place, "gofer:steps");
            gf_rd_cmd *cmd = command(&a, i, place, "HDEL", a.keys[i][1].text);
            cmd->reads = false;
            cmd->repeatable = true;
            gf_rd_add(&cmd->args, a.ids[i]);
        }
        if (st == GOFER_OK)
            st = gf_rd_run_whole(s->net, a.cmds, a.count, gf_rd_timeout(s), GOFER_ECORRUPT);
        asking_end(&a);
        gf_rd_shards_drop(sharded);
    }
    return st;
}
