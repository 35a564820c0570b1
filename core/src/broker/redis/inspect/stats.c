// stats.c - how long tasks waited and ran: hashes for each queue and hour, and each queue and
// minute, which end by themselves.
//
// A field is a letter and a type: "d email:welcome" done, "f …" failed, and "w17 …", "r17 …" how
// many were in that bucket.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/inspect/inspect.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/sum.h"
#include "util/text.h"

enum {
    FIELD = GF_NAME_MAX + 16,
    NAMES_MS = 1,                  // names of queues may be old only where there are many
    PIPELINE = 512,                // steps asked for in one pipeline, if they are of several queues
    FEW_STEPS = 2,                 // of so few, to ask which there are costs as much as to read
    GLANCE = 4096                  // of so many one command tells whether there are any
};

static const gf_rd_script add_script = {
    .name = "add figures",
    .text = gf_rd_lua_add_stats,
};

static void key_of(gf_rd_key *key, const char *queue, int64_t step_ms, int64_t number)
{
    char rest[48];
    snprintf(rest, sizeof rest, "gofer:stats:%s%lld", step_ms == GF_STATS_MINUTE_MS ? "m" : "",
        (long long)number);
    gf_rd_key_of(key, queue, rest);
}

// ---- adding -------------------------------------------------------------------------------------

typedef struct field_list {
    char (*fields)[FIELD];
    size_t count;
} field_list;

static void add_field(gf_rd_args *a, field_list *l, const char *kind, const char *type,
    int64_t number)
{
    char *field = l->fields[l->count];
    if (number <= 0)
        return;
    snprintf(field, FIELD, "%s %s", kind, type);
    l->count++;
    gf_rd_add(a, field);
    gf_rd_add_int(a, number);
}

static gofer_status add_one(gf_rd_store *s, const gf_type_stats *item, int64_t now_ms,
    field_list *l)
{
    gf_rd_key hour, minute;
    gf_rd_cmd cmd;
    redisReply *reply;
    key_of(&hour, item->queue, GF_STATS_HOUR_MS, now_ms / GF_STATS_HOUR_MS);
    key_of(&minute, item->queue, GF_STATS_MINUTE_MS, now_ms / GF_STATS_MINUTE_MS);
    l->count = 0;
    gf_rd_script_begin(&cmd, &add_script, item->queue, false);
    gf_rd_add(&cmd.args, hour.text);
    gf_rd_add(&cmd.args, minute.text);
    cmd.key_count = 2;
    gf_rd_add_int(&cmd.args, (int64_t)GF_STATS_HOURS * GF_STATS_HOUR_MS / 1000);
    gf_rd_add_int(&cmd.args, (int64_t)GF_STATS_MINUTES * GF_STATS_MINUTE_MS / 1000);
    add_field(&cmd.args, l, "d", item->type, item->done);
    add_field(&cmd.args, l, "f", item->type, item->failed);
    for (int i = 0; i < GF_STATS_BUCKETS; i++) {
        char kind[16];
        snprintf(kind, sizeof kind, "w%d", i);
        add_field(&cmd.args, l, kind, item->type, item->wait[i]);
        snprintf(kind, sizeof kind, "r%d", i);
        add_field(&cmd.args, l, kind, item->type, item->run[i]);
    }
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st == GOFER_OK)
        gf_rd_reply_free(reply);
    return st;
}

gofer_status gf_rd_stats_add(gf_broker *b, const gf_type_stats *items, size_t count)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK || count == 0)
        return st;
    field_list l = { .fields = gf_alloc((2 + 2 * GF_STATS_BUCKETS) * sizeof *l.fields) };
    if (!l.fields)
        return gf_fail_nomem("stats");
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        st = add_one(s, &items[i], gf_now_ms(), &l);
    gf_free(l.fields);
    return st;
}

// ---- reading ------------------------------------------------------------------------------------

// Items that are being added up. Names are kept by number in one text, which may move.
typedef struct summing {
    gf_type_stats *items;
    size_t  *queues, *types;       // where their names begin in `names`
    size_t   count, room;
    char    *names;
    size_t   names_size, names_room;
    size_t   queue;                // where the name of the queue begins that is being read
    const char *type;              // by steps: of this type alone; NULL: all
    gf_type_stats *steps;          // by steps: the caller's sums; NULL: by queue and type
} summing;

static bool add_name(summing *m, const char *name, size_t size, size_t *at)
{
    if (!gf_grow(m->names, m->names_room, m->names_size + size + 1))
        return false;
    *at = m->names_size;
    memcpy(m->names + m->names_size, name, size);
    m->names[m->names_size + size] = '\0';
    m->names_size += size + 1;
    return true;
}

// Those of one queue stand together at the end.
static gf_type_stats *item_of(summing *m, const char *type, size_t size)
{
    for (size_t i = m->count; i-- > 0 && m->queues[i] == m->queue;) {
        const char *its = m->names + m->types[i];
        if (strlen(its) == size && memcmp(its, type, size) == 0)
            return &m->items[i];
    }
    size_t at;
    if (!gf_grow_columns(m->room, m->count + 1, GF_COLUMN(m->items), GF_COLUMN(m->queues),
            GF_COLUMN(m->types)) ||
        !add_name(m, type, size, &at))
        return NULL;
    m->items[m->count] = (gf_type_stats){ 0 };
    m->queues[m->count] = m->queue;
    m->types[m->count] = at;
    return &m->items[m->count++];
}

static uint32_t sum32(uint32_t a, int64_t b)
{
    return b > UINT32_MAX - (int64_t)a ? UINT32_MAX : a + (uint32_t)b;
}

// Where a type's numbers of a step are added up; NULL: nowhere, and with *ok false for want of
// memory.
static gf_type_stats *place_of(summing *m, size_t step, const char *type, size_t size, bool *ok)
{
    *ok = true;
    if (m->steps)
        return !m->type || (strlen(m->type) == size && memcmp(m->type, type, size) == 0)
                   ? &m->steps[step]
                   : NULL;
    gf_type_stats *item = item_of(m, type, size);
    *ok = item != NULL;
    return item;
}

// A field that is none of ours is passed over. False: no memory.
static bool add_up(summing *m, size_t step, const redisReply *field, const redisReply *number)
{
    int64_t n = gf_rd_reply_int(number, 0);
    const char *space =
        field->type == REDIS_REPLY_STRING ? memchr(field->str, ' ', (size_t)field->len) : NULL;
    if (!space || n <= 0 || memchr(field->str, '\0', (size_t)field->len))
        return true;
    const char *type = space + 1;
    char *end;
    long bucket = strtol(field->str + 1, &end, 10);
    bool is_count = space == field->str + 1;
    if (!strchr(is_count ? "df" : "wr", field->str[0]) ||
        (!is_count && (end != space || bucket < 0 || bucket >= GF_STATS_BUCKETS)))
        return true;
    bool ok;
    gf_type_stats *item =
        place_of(m, step, type, (size_t)(field->str + field->len - type), &ok);
    if (!item)
        return ok;
    switch (field->str[0]) {
    case 'd': item->done = gf_sum(item->done, n); break;
    case 'f': item->failed = gf_sum(item->failed, n); break;
    case 'w': item->wait[bucket] = sum32(item->wait[bucket], n); break;
    default:  item->run[bucket] = sum32(item->run[bucket], n); break;
    }
    return true;
}

// Which steps of which queues; those of some queues are asked for in one pipeline.
typedef struct reading {
    gf_rd_store *s;
    summing      sum;
    int64_t      step_ms;
    int64_t      from;
    size_t       steps;
    gf_rd_cmd   *cmds;             // for each step of so many queues
    gf_rd_key   *keys;
    char       **found;            // of some queues those that have any
} reading;

static gofer_status add_step(reading *r, size_t step, const gf_rd_cmd *cmd)
{
    const redisReply *reply = cmd->reply;      // an error: a key of another type, of which
                                               //   `gofer doctor` tells
    for (size_t k = 0; reply && reply->type == REDIS_REPLY_ARRAY && k + 1 < reply->elements; k += 2)
        if (!add_up(&r->sum, step, reply->element[k], reply->element[k + 1]))
            return gf_fail_nomem("stats");
    return GOFER_OK;
}

static void forget_commands(reading *r, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gf_rd_cmd_clear(&r->cmds[i]);
}

static void add_steps(gf_rd_cmd *cmd, reading *r, gf_rd_key *keys, const char *queue)
{
    for (size_t step = 0; step < r->steps; step++) {
        key_of(&keys[step], queue, r->step_ms, r->from + (int64_t)step);
        gf_rd_add(&cmd->args, keys[step].text);
    }
}

// Often none of these queues has any: where their keys may meet, one command tells of all. What it
// cannot tell, the others do.
static bool may_have_any(reading *r, char *const *queues, size_t count)
{
    if (count == 1 || gf_rd_net_server(r->s->net).is_cluster)
        return true;
    gf_rd_cmd cmd = { .slot = gf_rd_queue_slot(queues[0]), .reads = true };
    gf_rd_add(&cmd.args, "EXISTS");
    for (size_t i = 0; i < count; i++)
        add_steps(&cmd, r, &r->keys[i * r->steps], queues[i]);
    gofer_status st = gf_rd_run_whole(r->s->net, &cmd, 1, gf_rd_timeout(r->s), GOFER_OK);
    bool any = st != GOFER_OK || gf_rd_reply_int(cmd.reply, 1) > 0;
    gf_rd_cmd_clear(&cmd);
    return any;
}

// Most queues have no stats of these steps: of each one command tells, so that their steps are
// not asked for.
static gofer_status find_some(reading *r, char *const *queues, size_t count, size_t *found)
{
    for (size_t i = 0; i < count; i++) {
        r->cmds[i] = (gf_rd_cmd){ .slot = gf_rd_queue_slot(queues[i]), .reads = true };
        gf_rd_add(&r->cmds[i].args, "EXISTS");
        add_steps(&r->cmds[i], r, &r->keys[i * r->steps], queues[i]);
    }
    gofer_status st = gf_rd_run_whole(r->s->net, r->cmds, count, gf_rd_timeout(r->s), GOFER_OK);
    *found = 0;
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        if (gf_rd_reply_int(r->cmds[i].reply, 0) > 0)
            r->found[(*found)++] = queues[i];
    forget_commands(r, count);
    return st;
}

static gofer_status read_some(reading *r, char *const *queues, size_t count)
{
    size_t total = count * r->steps;
    for (size_t i = 0; i < total; i++) {
        const char *queue = queues[i / r->steps];
        key_of(&r->keys[i], queue, r->step_ms, r->from + (int64_t)(i % r->steps));
        r->cmds[i] = (gf_rd_cmd){ .slot = gf_rd_queue_slot(queue), .reads = true };
        gf_rd_add(&r->cmds[i].args, "HGETALL");
        gf_rd_add(&r->cmds[i].args, r->keys[i].text);
    }
    gofer_status st = gf_rd_run_whole(r->s->net, r->cmds, total, gf_rd_timeout(r->s),
        GOFER_ECORRUPT);
    for (size_t i = 0; i < total; i++) {
        if (st == GOFER_OK && i % r->steps == 0 &&
            !add_name(&r->sum, queues[i / r->steps], strlen(queues[i / r->steps]), &r->sum.queue))
            st = gf_fail_nomem("stats");
        if (st == GOFER_OK)
            st = add_step(r, i % r->steps, &r->cmds[i]);
    }
    forget_commands(r, total);
    return st;
}

static gofer_status find_and_read(reading *r, char *const *queues, size_t count)
{
    size_t found = 0;
    if (!may_have_any(r, queues, count))
        return GOFER_OK;
    if (r->steps <= FEW_STEPS)
        return read_some(r, queues, count);
    gofer_status st = find_some(r, queues, count, &found);
    return st == GOFER_OK && found ? read_some(r, r->found, found) : st;
}

// As many at a time as fit into a pipeline, of those that one command has told to have any.
static gofer_status read_glanced_at(reading *r, char *const *queues, size_t count, size_t some)
{
    gofer_status st = GOFER_OK;
    if (count > some && !may_have_any(r, queues, count))
        return GOFER_OK;
    for (size_t at = 0; at < count && st == GOFER_OK; at += some)
        st = find_and_read(r, queues + at, count - at < some ? count - at : some);
    return st;
}

static gofer_status read_all(reading *r, char *const *queues, size_t count)
{
    size_t some = r->steps < PIPELINE ? PIPELINE / r->steps : 1,
           glance = r->steps < GLANCE ? GLANCE / r->steps : 1;
    gofer_status st = GOFER_OK;
    some = some < count ? some : count;
    glance = glance < some ? some : glance < count ? glance : count;
    if (count == 0)
        return GOFER_OK;
    r->keys = gf_alloc(glance * r->steps * sizeof *r->keys);
    r->cmds = gf_calloc(some * r->steps, sizeof *r->cmds);
    r->found = gf_calloc(some, sizeof *r->found);
    if (!r->keys || !r->cmds || !r->found)
        st = gf_fail_nomem("stats");
    for (size_t at = 0; at < count && st == GOFER_OK; at += glance)
        st = read_glanced_at(r, queues + at, count - at < glance ? count - at : glance, some);
    gf_free(r->keys);
    gf_free(r->cmds);
    gf_free(r->found);
    return st;
}

// All in one allocation, the names behind the items.
static gofer_status pack(const summing *m, gf_type_stats **out, size_t *count)
{
    if (m->count == 0) {
        *out = NULL;
        *count = 0;
        return GOFER_OK;
    }
    gf_type_stats *items = gf_alloc(m->count * sizeof *items + m->names_size);
    if (!items)
        return gf_fail_nomem("stats");
    char *names = (char *)(items + m->count);
    memcpy(items, m->items, m->count * sizeof *items);
    memcpy(names, m->names, m->names_size);
    for (size_t i = 0; i < m->count; i++) {
        items[i].queue = names + m->queues[i];
        items[i].type = names + m->types[i];
    }
    *out = items;
    *count = m->count;
    return GOFER_OK;
}

// The steps of one queue; NULL: of all, by names that are as old as those of a further page may be:
// who wants the stats has mostly just asked for the queues, and a new one has no stats yet.
static gofer_status read_queues(reading *r, const char *queue)
{
    const gf_queue_range all = { .begin = "" };
    gf_rd_names names = { 0 };
    bool more;
    gofer_status st = gf_rd_check(r->s);
    if (st == GOFER_OK && !queue)
        st = gf_rd_queues_slice(r->s, NAMES_MS, &all, &names, &more);
    if (st == GOFER_OK)
        st = queue ? read_all(r, (char *const[]){ (char *)queue }, 1)
                   : read_all(r, names.names, names.count);
    gf_rd_names_free(&names);
    return st;
}

static void forget_sums(summing *m)
{
    gf_free(m->items);
    gf_free(m->queues);
    gf_free(m->types);
    gf_free(m->names);
}

gofer_status gf_rd_stats(
    gf_broker *b, const char *queue, int64_t since_ms, gf_type_stats **out, size_t *count)
{
    gf_rd_store *s = (gf_rd_store *)b;
    int64_t to = gf_now_ms() / GF_STATS_HOUR_MS, from = since_ms / GF_STATS_HOUR_MS;
    from = from > to ? to : from <= to - GF_STATS_HOURS ? to - GF_STATS_HOURS + 1 : from;
    reading r = { .s = s, .step_ms = GF_STATS_HOUR_MS, .from = from,
        .steps = (size_t)(to - from + 1) };
    gofer_status st = read_queues(&r, queue);
    if (st == GOFER_OK)
        st = pack(&r.sum, out, count);
    forget_sums(&r.sum);
    return st;
}

gofer_status gf_rd_stats_steps(gf_broker *b, const gf_stats_steps *which, gf_type_stats *sums)
{
    reading r = { .s = (gf_rd_store *)b, .step_ms = which->step_ms, .from = which->first,
        .steps = which->count, .sum = { .type = which->type, .steps = sums } };
    gofer_status st = read_queues(&r, which->queue);
    forget_sums(&r.sum);
    return st;
}
