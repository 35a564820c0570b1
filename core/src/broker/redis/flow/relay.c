// relay.c - housekeeping of flows: notices of steps' ends are carried from the queues to the flows,
// and what is due in the homes is done.
//
// A notice is "<number> <how> <id>" in asynq:{q}:gofer:flow:ended. It is removed when its flow is
// written, or is no more; whoever dies between leaves it to be carried again, which changes
// nothing.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/flow/flow.h"
#include "broker/redis/upkeep/upkeep.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"
#include "message/options.h"

enum { NUMBERS = 64, QUEUES_AT_ONCE = 200, DROPPED_AT_ONCE = 500 };

static const char QUEUES[] = GF_RD_FLOW_QUEUES;

static const gf_rd_script drop_script = {
    .name = "drop notices of steps",
    .text = gf_rd_lua_drop_notices,
    .allow_oom = true,
};

typedef struct notice {
    const redisReply *text;
    size_t            queue;
    const char       *id;                // the task's
    size_t            flow_size;         // so much of it is the flow's
    size_t            at;                // of one queue in the order in which they were written
    gf_rd_flow_event  event;
    bool              carried;
} notice;

typedef struct relaying {
    gf_rd_store  *s;
    size_t        limit, done;
    int64_t       now_ms, next_ms;
    redisReply   *names;                 // of queues
    redisReply  **lists;                 // of each, its notices; NULL: none
    notice       *notices;
    size_t        count, room;
} relaying;

static size_t queue_count(const relaying *r)
{
    return r->names && r->names->type == REDIS_REPLY_ARRAY ? r->names->elements : 0;
}

static void relaying_end(relaying *r)
{
    for (size_t i = 0; r->lists && i < queue_count(r); i++)
        gf_rd_reply_free(r->lists[i]);
    gf_rd_reply_free(r->names);
    gf_free(r->lists);
    gf_free(r->notices);
}

// ---- rung ---------------------------------------------------------------------------------------

static bool is_step(const gf_message *m)
{
    const char *key, *value;
    size_t at = 0;
    while (gf_headers_next(m->headers, m->headers_size, &at, &key, &value))
        if (strcmp(key, GF_HEADER_FLOW) == 0)
            return true;
    return false;
}

void gf_rd_flow_ring(gf_rd_store *s, const gf_finish *done, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (done[i].claim->message.headers_size && is_step(&done[i].claim->message)) {
            atomic_store(&s->flow_rung, 1);
            return;
        }
}

bool gf_rd_flow_rung(gf_broker *b)
{
    return atomic_load_explicit(&((gf_rd_store *)b)->flow_rung, memory_order_relaxed) != 0;
}

// ---- what is due --------------------------------------------------------------------------------

// Commands, one for each home, and behind them the names of the queues.
static gofer_status look_at_homes(relaying *r, redisReply *firsts[GF_RD_HOMES])
{
    gf_rd_cmd cmds[GF_RD_HOMES + 1] = { 0 };
    gf_rd_home_key keys[GF_RD_HOMES];
    for (int32_t i = 0; i < GF_RD_HOMES; i++) {
        gf_rd_home_key_of(&keys[i], i, "due");
        cmds[i] = (gf_rd_cmd){ .slot = gf_rd_home_slot(i), .reads = true };
        gf_rd_add(&cmds[i].args, "ZRANGE");
        gf_rd_add(&cmds[i].args, keys[i].text);
        gf_rd_add(&cmds[i].args, "0");
        gf_rd_add(&cmds[i].args, "0");
        gf_rd_add(&cmds[i].args, "WITHSCORES");
    }
    gf_rd_cmd *names = &cmds[GF_RD_HOMES];
    *names = (gf_rd_cmd){ .slot = gf_rd_slot(QUEUES, sizeof QUEUES - 1), .reads = true };
    gf_rd_add(&names->args, "SMEMBERS");
    gf_rd_add(&names->args, QUEUES);
    gofer_status st = gf_rd_run_apart(r->s->net, cmds, GF_RD_HOMES + 1, gf_rd_timeout(r->s));
    for (int i = 0; i < GF_RD_HOMES; i++) {
        firsts[i] = cmds[i].reply;
        cmds[i].reply = NULL;
    }
    r->names = names->reply;
    names->reply = NULL;
    for (int i = 0; i <= GF_RD_HOMES; i++)
        gf_rd_cmd_clear(&cmds[i]);
    return st;
}

// INT64_MAX: never, or nothing is there.
static int64_t due_of(const redisReply *first)
{
    const redisReply *score = gf_rd_reply_at(first, 1, REDIS_REPLY_STRING);
    double at = score ? strtod(score->str, NULL) : (double)INT64_MAX;
    return at < 9e15 ? (int64_t)at : INT64_MAX;
}

static gofer_status find_due(relaying *r, int32_t home, redisReply **out)
{
    gf_rd_home_key key;
    gf_rd_cmd cmd = { .slot = gf_rd_home_slot(home), .reads = true };
    gf_rd_home_key_of(&key, home, "due");
    gf_rd_add(&cmd.args, "ZRANGEBYSCORE");
    gf_rd_add(&cmd.args, key.text);
    gf_rd_add(&cmd.args, "-inf");
    gf_rd_add_int(&cmd.args, r->now_ms);
    gf_rd_add(&cmd.args, "LIMIT");
    gf_rd_add(&cmd.args, "0");
    gf_rd_add_int(&cmd.args, (int64_t)r->limit);
    return gf_rd_call(r->s, &cmd, out);
}

// Kept for long enough, it goes. *gone: it did.
static gofer_status purge(relaying *r, const char *id, bool *gone)
{
    gf_rd_flow f;
    gofer_status st = gf_rd_flow_read(r->s, id, &f);
    *gone = false;
    if (st != GOFER_OK)
        return st;
    if (f.state > GF_FLOW_PAUSED && f.ended_ms + f.retention_ms <= r->now_ms) {
        st = gf_rd_steps_forget(r->s, &f);
        if (st == GOFER_OK)
            st = gf_rd_flow_drop(r->s, &f);
        *gone = st == GOFER_OK;
    }
    gf_rd_flow_clear(&f);
    return st;
}

// Of one that is no flow, the place among those that are due goes.
static gofer_status forget_due(relaying *r, int32_t home, const redisReply *id)
{
    gf_rd_home_key key;
    gf_rd_cmd cmd = { .slot = gf_rd_home_slot(home), .repeatable = true };
    int64_t gone;
    gf_rd_home_key_of(&key, home, "due");
    gf_rd_add(&cmd.args, "ZREM");
    gf_rd_add(&cmd.args, key.text);
    gf_rd_add_bytes(&cmd.args, id->str, (size_t)id->len);
    return gf_rd_call_int(r->s, &cmd, &gone);
}

static gofer_status do_one(relaying *r, int32_t home, const redisReply *id)
{
    bool fits = gf_rd_reply_is_text(id) && (size_t)id->len == strlen(id->str) &&
        (size_t)id->len <= GF_FLOW_ID_MAX && gf_rd_home_of(id->str) == home;
    bool gone = false;
    gofer_status st = fits ? purge(r, id->str, &gone) : GOFER_ENOTFOUND;
    if (st == GOFER_OK && !gone) {
        gf_rd_change c = { .is_due = true };
        st = gf_rd_flow_change(r->s, id->str, &c);
    }
    if (st == GOFER_ENOTFOUND || st == GOFER_ECORRUPT)
        st = forget_due(r, home, id);
    r->done += st == GOFER_OK;
    return st;
}

static gofer_status do_due(relaying *r, redisReply *const firsts[GF_RD_HOMES])
{
    gofer_status first = GOFER_OK;
    for (int32_t home = 0; home < GF_RD_HOMES && r->done < r->limit; home++) {
        redisReply *due;
        int64_t at_ms = due_of(firsts[home]);
        if (at_ms > r->now_ms) {
            r->next_ms = gf_min(r->next_ms, at_ms);
            continue;
        }
        gofer_status st = find_due(r, home, &due);
        size_t count = st == GOFER_OK && due->type == REDIS_REPLY_ARRAY ? due->elements : 0;
        for (size_t i = 0; i < count && st == GOFER_OK; i++)
            st = do_one(r, home, due->element[i]);
        if (count || st == GOFER_OK)
            gf_rd_reply_free(due);
        first = first == GOFER_OK ? st : first;
        r->next_ms = r->now_ms;
    }
    return first;
}

// ---- notices ------------------------------------------------------------------------------------

static bool read_how(const char *word, size_t size, gf_rd_flow_event *e)
{
    e->again = size == 5 && memcmp(word, "again", 5) == 0;
    if (e->again)
        return true;
    for (int i = 0; i <= GF_END_DELETED; i++) {
        const char *name = gf_end_name((gf_end)i);
        if (strlen(name) == size && memcmp(name, word, size) == 0) {
            e->how = (gf_end)i;
            return true;
        }
    }
    return false;
}

// False: it is none of ours, and is dropped.
static bool read_notice(notice *n)
{
    char *end;
    const char *text = n->text->str;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != ' ' || number < 0 || (size_t)n->text->len != strlen(text))
        return false;
    const char *how = end + 1, *behind = strchr(how, ' ');
    const char *colon = behind ? strrchr(behind, ':') : NULL;
    if (!colon || !read_how(how, (size_t)(behind - how), &n->event))
        return false;
    long long step = strtoll(colon + 1, &end, 10);
    n->id = behind + 1;
    n->flow_size = (size_t)(colon - n->id);
    n->event.n = (uint32_t)step;
    n->event.number = (int)(number % NUMBERS);
    return end != colon + 1 && !*end && step >= 0 && step < GOFER_FLOW_STEPS_MAX &&
        n->flow_size > 0 && n->flow_size <= GF_FLOW_ID_MAX;
}

static gofer_status add_notices(relaying *r, size_t queue)
{
    const redisReply *list = r->lists[queue];
    size_t count = list && list->type == REDIS_REPLY_ARRAY ? list->elements : 0;
    if (count && !gf_grow(r->notices, r->room, r->count + count))
        return gf_fail_nomem("notices of steps");
    for (size_t i = 0; i < count; i++) {
        notice *n = &r->notices[r->count];
        *n = (notice){ .text = list->element[i], .queue = queue, .at = r->count };
        if (!gf_rd_reply_is_text(n->text))
            continue;
        n->carried = !read_notice(n);
        r->count++;
    }
    return GOFER_OK;
}

static gofer_status read_lists(relaying *r, size_t from, size_t count)
{
    gf_rd_cmd *cmds = gf_calloc(count, sizeof *cmds);
    gf_rd_key *keys = gf_calloc(count, sizeof *keys);
    gofer_status st = cmds && keys ? GOFER_OK : gf_fail_nomem("notices of steps");
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        const redisReply *name = r->names->element[from + i];
        gf_rd_key_of(&keys[i], name->str, "gofer:flow:ended");
        cmds[i] = (gf_rd_cmd){ .slot = gf_rd_queue_slot(name->str), .reads = true };
        gf_rd_add(&cmds[i].args, "LRANGE");
        gf_rd_add(&cmds[i].args, keys[i].text);
        gf_rd_add(&cmds[i].args, "0");
        gf_rd_add_int(&cmds[i].args, (int64_t)r->limit - 1);
    }
    if (st == GOFER_OK)
        st = gf_rd_run_apart(r->s->net, cmds, count, gf_rd_timeout(r->s));
    for (size_t i = 0; i < count && cmds && keys; i++) {
        if (cmds[i].status == GOFER_OK) {
            r->lists[from + i] = cmds[i].reply;
            cmds[i].reply = NULL;
        }
        gf_rd_cmd_clear(&cmds[i]);
    }
    gf_free(cmds);
    gf_free(keys);
    return st == GOFER_ECORRUPT ? GOFER_OK : st;       // of another type: doctor tells
}

// Names that are none of queues are left out.
static void sift_names(relaying *r)
{
    for (size_t i = 0; i < queue_count(r);) {
        redisReply **names = r->names->element, *name = names[i];
        if (gf_rd_reply_is_text(name) && gf_name_fits(name->str, (size_t)name->len)) {
            i++;
            continue;
        }
        names[i] = names[--r->names->elements];
        gf_rd_reply_free(name);
    }
}

static int by_flow(const void *a, const void *b)
{
    const notice *x = a, *y = b;
    size_t least = gf_min_size(x->flow_size, y->flow_size);
    int order = x->carried != y->carried ? x->carried - y->carried
        : x->carried                     ? 0
                                         : memcmp(x->id, y->id, least);
    if (order == 0 && !x->carried)
        order = (x->flow_size > y->flow_size) - (x->flow_size < y->flow_size);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

// Those of one flow, which stand together.
static gofer_status carry_some(relaying *r, size_t from, size_t count)
{
    char id[GF_ID_MAX + 1];
    gf_rd_flow_event *events = gf_calloc(count, sizeof *events);
    if (!events)
        return gf_fail_nomem("notices of steps");
    snprintf(id, sizeof id, "%.*s", (int)r->notices[from].flow_size, r->notices[from].id);
    for (size_t i = 0; i < count; i++)
        events[i] = r->notices[from + i].event;
    gf_rd_change c = { .events = events, .count = count };
    gofer_status st = gf_rd_flow_change(r->s, id, &c);
    gf_free(events);
    if (st == GOFER_ENOTFOUND || st == GOFER_ECORRUPT)
        st = GOFER_OK;                   // a lost flow, or a task by chance of such an id
    bool applied = st == GOFER_OK || c.count == 0;
    for (size_t i = 0; i < count && applied; i++)
        r->notices[from + i].carried = true;
    return st;
}

static gofer_status drop_carried(relaying *r, size_t queue)
{
    gf_rd_cmd cmd;
    gf_rd_key key;
    int64_t gone;
    const char *name = r->names->element[queue]->str;
    gf_rd_script_begin(&cmd, &drop_script, name, true);
    gf_rd_key_of(&key, name, "gofer:flow:ended");
    gf_rd_add(&cmd.args, key.text);
    cmd.key_count = 1;
    for (size_t i = 0; i < r->count; i++)
        if (r->notices[i].queue == queue && r->notices[i].carried)
            gf_rd_add_bytes(&cmd.args, r->notices[i].text->str, (size_t)r->notices[i].text->len);
    if (cmd.args.count == 1) {
        gf_rd_args_clear(&cmd.args);
        return GOFER_OK;
    }
    r->done += cmd.args.count - 1;
    return gf_rd_call_int(r->s, &cmd, &gone);
}

static gofer_status carry(relaying *r)
{
    gofer_status st = GOFER_OK, first = GOFER_OK;
    sift_names(r);
    size_t queues = queue_count(r);
    r->lists = gf_calloc(queues + 1, sizeof *r->lists);
    if (!r->lists)
        return gf_fail_nomem("notices of steps");
    for (size_t at = 0; at < queues && st == GOFER_OK; at += QUEUES_AT_ONCE)
        st = read_lists(r, at, gf_min_size(queues - at, QUEUES_AT_ONCE));
    for (size_t i = 0; i < queues && st == GOFER_OK; i++)
        st = add_notices(r, i);
    if (st != GOFER_OK || r->count == 0)
        return st;
    qsort(r->notices, r->count, sizeof *r->notices, by_flow);
    for (size_t i = 0, end; i < r->count && !r->notices[i].carried; i = end) {
        const notice *n = &r->notices[i];
        for (end = i + 1; end < r->count && !r->notices[end].carried &&
             r->notices[end].flow_size == n->flow_size &&
             memcmp(r->notices[end].id, n->id, n->flow_size) == 0;)
            end++;
        st = carry_some(r, i, end - i);
        first = first == GOFER_OK ? st : first;
    }
    for (size_t i = 0; i < queues; i++) {
        st = drop_carried(r, i);
        first = first == GOFER_OK ? st : first;
    }
    return first;
}

// ---- the duty -----------------------------------------------------------------------------------

gofer_status gf_rd_flow_relay(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms)
{
    gf_rd_store *s = (gf_rd_store *)b;
    relaying r = { .s = s, .limit = limit, .next_ms = GF_NONE_DUE };
    redisReply *firsts[GF_RD_HOMES] = { 0 };
    int64_t again_ms = 0;
    gofer_status st = gf_rd_check(s);
    *done = 0;
    *next_ms = GF_NONE_DUE;
    if (st != GOFER_OK)
        return st;
    bool rung = atomic_exchange(&s->flow_rung, 0) != 0;
    if (!gf_rd_elected(s, GF_RD_RELAY, &again_ms) && !rung) {
        *next_ms = gf_now_ms() + again_ms;
        return GOFER_OK;
    }
    st = look_at_homes(&r, firsts);
    r.now_ms = gf_rd_now_ms(b);
    if (r.names) {
        gofer_status carried = carry(&r);
        st = st == GOFER_OK ? carried : st;
    }
    gofer_status second = do_due(&r, firsts);
    for (int i = 0; i < GF_RD_HOMES; i++)
        gf_rd_reply_free(firsts[i]);
    relaying_end(&r);
    *done = r.done;
    *next_ms = r.done ? gf_now_ms() : r.next_ms;
    return st == GOFER_OK ? second : st;
}
