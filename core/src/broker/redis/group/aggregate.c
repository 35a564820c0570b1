// aggregate.c - groups behind the door: which is ready, its set, and the task that a set becomes.
// group.c has Asynq's operations.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/group/group.h"
#include "broker/redis/inspect/inspect.h"
#include "broker/redis/limit/limit.h"
#include "broker/redis/upkeep/upkeep.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

enum {
    LOOKED_AT = 1000,              // groups of a queue in one look
    TRIES = 8,                     // sets that others were quicker to take
    TURNS = 32,                    // queues whose latest group is remembered
    DONE_S = 300                   // that a set has become a task is known for so long
};

static const gf_rd_script ready_script = {
    .name = "look for a ready group",
    .text = gf_rd_lua_find_group,
};

static const gf_rd_script become_script = {
    .name = "make a group's set a task",
    .text = gf_rd_lua_finish_set,
};

static const gf_rd_script back_script = {
    .name = "put a group's set back",
    .allow_oom = true,
    .text = gf_rd_lua_put_set_back,
};

static const gf_rd_script archive_script = {
    .name = "archive a group's set",
    .allow_oom = true,
    .text = gf_rd_lua_archive_set,
};

// ---- whose turn it is ---------------------------------------------------------------------------

typedef struct turn {
    char *queue;                   // NULL: none
    char  latest[GF_NAME_MAX + 1];
} turn;

struct gf_rd_turns {
    turn turns[TURNS];
    size_t next;                   // to be forgotten when there are too many
};

void gf_rd_turns_close(gf_rd_store *s)
{
    for (size_t i = 0; s->turns && i < TURNS; i++)
        gf_free(s->turns->turns[i].queue);
    gf_free(s->turns);
    s->turns = NULL;
}

// Locks: s->lock held. NULL: no memory, which only makes the turns worse.
static turn *turn_of(gf_rd_store *s, const char *queue)
{
    if (!s->turns && !(s->turns = gf_calloc(1, sizeof *s->turns)))
        return NULL;
    for (size_t i = 0; i < TURNS; i++)
        if (s->turns->turns[i].queue && strcmp(s->turns->turns[i].queue, queue) == 0)
            return &s->turns->turns[i];
    turn *t = &s->turns->turns[s->turns->next++ % TURNS];
    gf_free(t->queue);
    *t = (turn){ .queue = gf_strdup(queue) };
    return t->queue ? t : NULL;
}

static void latest_of(gf_rd_store *s, const char *queue, char out[GF_NAME_MAX + 1])
{
    pthread_mutex_lock(&s->lock);
    turn *t = turn_of(s, queue);
    memcpy(out, t ? t->latest : "", t ? GF_NAME_MAX + 1 : 1);
    pthread_mutex_unlock(&s->lock);
}

static void note_latest(gf_rd_store *s, const char *queue, const char *group)
{
    pthread_mutex_lock(&s->lock);
    turn *t = turn_of(s, queue);
    if (t)
        snprintf(t->latest, sizeof t->latest, "%s", group);
    pthread_mutex_unlock(&s->lock);
}

// ---- take ---------------------------------------------------------------------------------------

static gofer_status find_ready(gf_rd_store *s, const char *queue, const gf_group_rule *which,
    const gf_rd_group_rule *rule, char group[GF_NAME_MAX + 1])
{
    gf_rd_key keys[2];
    gf_rd_cmd cmd;
    redisReply *reply;
    char latest[GF_NAME_MAX + 1];
    latest_of(s, queue, latest);
    gf_rd_script_begin(&cmd, &ready_script, queue, true);
    cmd.reads = true;
    static const char *const rests[] = { GF_RD_KEYS_FIND_GROUP(GF_RD_REST) };
    gf_rd_add_keys(&cmd, keys, queue, rests, COUNT_OF(rests));
    gf_rd_key_of(&keys[1], queue, "g:");
    gf_rd_add(&cmd.args, keys[1].text);
    gf_rd_add(&cmd.args, latest);
    gf_rd_add_int(&cmd.args, rule->max_size);
    gf_rd_add_int(&cmd.args, rule->max_delay_s);
    gf_rd_add_int(&cmd.args, rule->grace_s);
    gf_rd_add_int(&cmd.args, LOOKED_AT);
    gf_rd_add_int(&cmd.args, which->names ? (int64_t)which->name_count : 0);
    for (size_t i = 0; which->names && i < which->name_count; i++)
        gf_rd_add(&cmd.args, which->names[i]);
    gf_rd_add_int(&cmd.args, which->suspects != NULL);
    for (size_t i = 0; which->except && i < which->except_count; i++)
        gf_rd_add(&cmd.args, which->except[i]);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    bool found = reply->type == REDIS_REPLY_STRING && reply->len > 0 && reply->len <= GF_NAME_MAX;
    if (found)
        snprintf(group, GF_NAME_MAX + 1, "%s", reply->str);
    if (which->suspects)
        *which->suspects = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    gf_rd_reply_free(reply);
    return found ? GOFER_OK : gf_fail(GOFER_EEMPTY, "no group of queue '%s' is ready", queue);
}

// Copies a text into the flat memory; NULL stays NULL.
static const char *flat_text(char **at, const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = *at;
    memcpy(copy, text, size);
    *at += size;
    return copy;
}

static const void *flat_bytes(char **at, const void *bytes, size_t size)
{
    if (!size)
        return NULL;
    char *copy = *at;
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    *at += size + 1;
    return copy;
}

static size_t flat_size(const gf_message *m)
{
    return strlen(m->id) + strlen(m->type) + (m->last_error ? strlen(m->last_error) : 0) +
        m->payload_size + m->headers_size + 5;
}

// In memory of its own.
static gofer_status make_set(const gf_rd_set_name *which, gf_wire_task *const *tasks, size_t count,
    int64_t until_ms, gf_group_set **out)
{
    size_t names = strlen(which->queue) + strlen(which->group) + strlen(which->id) + 3, texts = 1;
    for (size_t i = 0; i < count; i++)
        texts += flat_size(&tasks[i]->message);
    gf_group_set *set = gf_calloc(1, sizeof *set + count * sizeof *set->tasks + names);
    char *memory = gf_alloc(texts), *at = memory;
    if (!set || !memory) {
        gf_free(set);
        gf_free(memory);
        return gf_fail_nomem("a group's tasks");
    }
    set->tasks = (gf_message *)(set + 1);
    set->count = count;
    set->memory = memory;
    set->until_ms = until_ms;
    char *name = (char *)(set->tasks + count);
    set->queue = flat_text(&name, which->queue);
    set->group = flat_text(&name, which->group);
    set->id = flat_text(&name, which->id);
    for (size_t i = 0; i < count; i++) {
        const gf_message *m = &tasks[i]->message;
        gf_message *to = &set->tasks[i];
        *to = *m;
        to->queue = set->queue;
        to->id = flat_text(&at, m->id);
        to->type = flat_text(&at, m->type);
        to->last_error = flat_text(&at, m->last_error);
        to->payload = flat_bytes(&at, m->payload, m->payload_size);
        to->headers = flat_bytes(&at, m->headers, m->headers_size);
        to->enqueued_ms = gf_rd_enqueued_ms(NULL, to->id);
    }
    *out = set;
    return GOFER_OK;
}

// A set that cannot be read now is not left to its time. If that fails too, it is.
static void give_back(gf_broker *b, const gf_rd_set_name *which, gofer_status st)
{
    char why[512];
    snprintf(why, sizeof why, "%s", gofer_error_last());
    gf_group_set set = { .queue = which->queue, .group = which->group, .id = which->id };
    if (st != GOFER_ENOTFOUND)
        (void)gf_rd_group_back(b, &set);
    gf_fail(st, "%s", why);
}

// A set whose members were all none is deleted: EEMPTY.
static gofer_status read_set(gf_broker *b, const gf_rd_set_name *which, int64_t until_ms,
    gf_group_set **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_wire_task **tasks = NULL;
    size_t count = 0;
    int64_t ends_ms;
    gofer_status st = gf_rd_group_read(s, which, &tasks, &count, &ends_ms);
    if (st != GOFER_OK) {
        give_back(b, which, st);
        return st;
    }
    if (count)
        st = make_set(which, tasks, count, until_ms, out);
    else if ((st = gf_rd_group_delete(s, which)) == GOFER_OK)
        st = GOFER_EEMPTY;
    for (size_t i = 0; i < count; i++)
        gf_free(tasks[i]);
    gf_free(tasks);
    if (count && st != GOFER_OK)
        give_back(b, which, st);
    return st;
}

gofer_status gf_rd_group_take(gf_broker *b, const char *worker, const char *queue,
    const gf_group_rule *rule, gf_group_set **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_group_rule its = { rule->max_size, gf_seconds_up(rule->max_delay_ms),
        gf_seconds_up(rule->grace_ms) };
    char group[GF_NAME_MAX + 1], set_id[37];
    const gf_rd_set_name which = { queue, group, set_id };
    gf_rd_group_taker taker = { .worker = worker, .no_suspects = rule->suspects != NULL };
    if (rule->suspects)
        *rule->suspects = false;
    its.grace_s = its.grace_s ? its.grace_s : 1;
    gofer_status st = gf_rd_check(s);
    for (int tries = 0; st == GOFER_OK && tries < TRIES; tries++) {
        st = find_ready(s, queue, rule, &its, group);
        if (st != GOFER_OK)
            return st;
        note_latest(s, queue, group);
        int64_t until_ms = gf_mono_ms() + (GF_RD_SET_S - 1) * 1000;
        st = gf_rd_group_check(s, queue, group, &its, set_id, &taker);
        if (st == GOFER_OK)
            st = read_set(b, &which, until_ms, out);
        else if (st == GOFER_EUNCERTAIN)
            give_back(b, &which, st);
        if (st == GOFER_OK) {
            (*out)->crashes = taker.crashes;
            return GOFER_OK;
        }
        if (st == GOFER_EEMPTY && taker.crashes < 0 && rule->suspects) {
            *rule->suspects = true;
            return st;
        }
        if (st == GOFER_EEMPTY || st == GOFER_ENOTFOUND)
            st = GOFER_OK;         // others were quicker
    }
    return st == GOFER_OK ? gf_fail(GOFER_EEMPTY, "no group of queue '%s' is ready", queue) : st;
}

// ---- put, back ----------------------------------------------------------------------------------

typedef struct set_keys {
    gf_rd_key set, aggregation_sets, pending, scheduled, task, done, line, limited, limits, prefix,
        group, groups, archived;
} set_keys;
#define ADD_KEY(NAME, name, rest) gf_rd_add(&cmd.args, k->name.text);

static gofer_status keys_of(set_keys *k, const gf_group_set *set, const char *id)
{
    char rest[GF_NAME_MAX + 16];
    gofer_status st = gf_rd_group_key(&k->set, set->queue, set->group, set->id);
    if (st == GOFER_OK)
        st = gf_rd_group_key(&k->group, set->queue, set->group, NULL);
    gf_rd_key_of(&k->aggregation_sets, set->queue, "aggregation_sets");
    gf_rd_key_of(&k->groups, set->queue, "groups");
    gf_rd_key_of(&k->pending, set->queue, "pending");
    gf_rd_key_of(&k->scheduled, set->queue, "scheduled");
    gf_rd_key_of(&k->archived, set->queue, "archived");
    gf_rd_key_of(&k->line, set->queue, "gofer:line");
    gf_rd_key_of(&k->limited, set->queue, "gofer:limited");
    gf_rd_key_of(&k->prefix, set->queue, "t:");
    snprintf(rest, sizeof rest, "t:%s", id);
    gf_rd_key_of(&k->task, set->queue, rest);
    snprintf(rest, sizeof rest, "gofer:set:%s", set->id);
    gf_rd_key_of(&k->done, set->queue, rest);
    return st;
}

static gofer_status read_put(const gf_group_set *set, const gf_message *combined,
    const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_STRING)
        return gf_fail(GOFER_EEXIST, "the id '%.255s' is taken by another task", combined->id);
    switch (gf_rd_reply_int(reply, -3)) {
    case 1:
    case 0:
        return GOFER_OK;
    case -1:
        return gf_fail(GOFER_ESTALE,
            "the tasks of group '%.255s' were put back before they became one", set->group);
    case -2:
        return gf_fail(GOFER_ETOOBIG, "the group '%.255s' has more tasks than one step can delete",
            set->group);
    default:
        return gf_fail(GOFER_ECORRUPT, "group '%.255s' was answered with something else",
            set->group);
    }
}

gofer_status gf_rd_group_put(gf_broker *b, const gf_group_set *set, const gf_message *combined,
    int64_t run_at_ms)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_bytes message = { 0 };
    char lane[GF_RD_LANE_TEXT], *limit = NULL;
    set_keys keys, *k = &keys;
    gf_rd_cmd cmd;
    redisReply *reply;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = keys_of(k, set, combined->id);
    if (st == GOFER_OK)
        st = gf_wire_task_encode(combined, NULL, NULL, &message);
    if (st == GOFER_OK)
        st = gf_rd_message_check(combined, message.size);
    if (st == GOFER_OK)
        st = gf_rd_limit_of(combined, &limit);
    if (st != GOFER_OK) {
        gf_bytes_clear(&message);
        return st;
    }
    gf_rd_script_begin(&cmd, &become_script, set->queue, true);
    cmd.counts = true;
    GF_RD_KEYS_FINISH_SET(ADD_KEY)
    cmd.key_count = 0 GF_RD_KEYS_FINISH_SET(GF_RD_ONE);
    gf_rd_add(&cmd.args, k->prefix.text);
    gf_rd_add(&cmd.args, combined->id);
    gf_rd_add_bytes(&cmd.args, message.bytes, message.size);
    gf_rd_add_int(&cmd.args, run_at_ms);
    gf_rd_add_int(&cmd.args, DONE_S);
    gf_rd_lane_of(combined, lane);
    gf_rd_add(&cmd.args, lane);
    gf_rd_add(&cmd.args, limit ? limit : "");
    gf_rd_limits_key(s, set->queue, &k->limits);
    gf_rd_add(&cmd.args, k->limits.text);
    st = gf_rd_call(s, &cmd, &reply);
    if (st == GOFER_OK) {
        st = read_put(set, combined, reply);
        gf_rd_reply_free(reply);
    }
    gf_free(limit);
    gf_bytes_clear(&message);
    return st;
}

gofer_status gf_rd_group_back(gf_broker *b, const gf_group_set *set)
{
    gf_rd_store *s = (gf_rd_store *)b;
    set_keys keys, *k = &keys;
    gf_rd_cmd cmd;
    redisReply *reply;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = keys_of(k, set, "");
    if (st != GOFER_OK)
        return st;
    gf_rd_script_begin(&cmd, &back_script, set->queue, true);
    GF_RD_KEYS_PUT_SET_BACK(ADD_KEY)
    cmd.key_count = 0 GF_RD_KEYS_PUT_SET_BACK(GF_RD_ONE);
    gf_rd_add(&cmd.args, set->group);
    gf_rd_add(&cmd.args, k->prefix.text);
    gf_rd_add_int(&cmd.args, GF_RD_SET_MOST);
    st = gf_rd_call(s, &cmd, &reply);
    if (st == GOFER_OK)
        gf_rd_reply_free(reply);
    return st;
}

static gofer_status archive_some(gf_rd_store *s, const gf_group_set *set, const set_keys *k,
    const char *error, int64_t *left)
{
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_script_begin(&cmd, &archive_script, set->queue, true);
    GF_RD_KEYS_ARCHIVE_SET(ADD_KEY)
    cmd.key_count = 0 GF_RD_KEYS_ARCHIVE_SET(GF_RD_ONE);
    gf_rd_add(&cmd.args, k->prefix.text);
    gf_rd_add(&cmd.args, error);
    gf_rd_add_int(&cmd.args, GF_RD_CHUNK);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    *left = gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), -1);
    gf_rd_upkeep_trimmed(s, set->queue,
        gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0));
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

// In steps. What is left if one fails goes back with the set, and is a suspect still.
gofer_status gf_rd_group_archive(gf_broker *b, const gf_group_set *set, const char *error)
{
    gf_rd_store *s = (gf_rd_store *)b;
    set_keys k;
    int64_t left = 1;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = keys_of(&k, set, "");
    while (st == GOFER_OK && left > 0)
        st = archive_some(s, set, &k, error, &left);
    if (st == GOFER_OK && left < 0)
        return gf_fail(GOFER_ESTALE, "the tasks of group '%.255s' were put back before",
            set->group);
    return st;
}

// ---- reclaim ------------------------------------------------------------------------------------

gofer_status gf_rd_groups_reclaim(gf_broker *b, size_t limit, size_t *done)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_round round;
    size_t total = 0;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = gf_rd_round_begin(s, GF_RD_RECOVER, &round);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < round.count && st == GOFER_OK && total < limit; i++) {
        size_t some = 0;
        st = gf_rd_group_reclaim(s, round.queues[i], &some);
        total += some;
    }
    gf_rd_round_end(&round);
    if (st == GOFER_OK)
        *done = total;
    return st;
}
