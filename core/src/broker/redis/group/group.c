// group.c - groups of tasks that are handed over as one: Asynq's aggregation sets (wire.md section
// 6), with the server's clock. Unlike Asynq a set has a bounded size, its name goes back into
// groups when it is reclaimed, and members that are no tasks or cannot be read are set aside
// instead of spoiling the rest.
#include <stdio.h>
#include <string.h>

#include "broker/redis/group/group.h"
#include "broker/redis/upkeep/upkeep.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"
#include "util/id.h"

enum {
    PAGE = 200,                    // members read in one call, and at the most
    PAGE_BYTES = 4 << 20,          //   so much of their messages (and one more);
    PAGE_BYTES_LEAST = 64 << 10,   //   less where a page did not come in time
    STALE_MAX = 20                 // sets reclaimed in one call
};

static const gf_rd_script check_script = {
    .name = "group check",
    .allow_oom = true,
    .text = gf_rd_lua_take_set,
};

static const gf_rd_script read_script = {
    .name = "read a group's set",
    .text = gf_rd_lua_read_set,
};

enum { END, MORE, MEMBERS };               // of the answer

static const gf_rd_script set_aside_script = {
    .name = "set members aside",
    .allow_oom = true,
    .text = gf_rd_lua_set_aside,
};

static const gf_rd_script delete_script = {
    .name = "delete a group's set",
    .allow_oom = true,
    .text = gf_rd_lua_delete_set,
};

static const gf_rd_script reclaim_script = {
    .name = "reclaim groups' sets",
    .allow_oom = true,
    .text = gf_rd_lua_reclaim_sets,
};

// ---- keys ---------------------------------------------------------------------------------------

gofer_status gf_rd_group_key(gf_rd_key *out, const char *queue, const char *group,
    const char *set_id)
{
    char rest[GF_RD_REST_MAX + 1];
    int size =
        snprintf(rest, sizeof rest, "g:%s%s%s", group, set_id ? ":" : "", set_id ? set_id : "");
    if (size < 0 || (size_t)size >= sizeof rest)
        return gf_fail(GOFER_EINVAL, "the group's name '%.40s...' is too long", group);
    gf_rd_key_of(out, queue, rest);
    return GOFER_OK;
}

typedef struct call_keys { gf_rd_key set, second, prefix; } call_keys;
typedef struct take_keys { gf_rd_key group, set, groups, aggregation_sets, prefix; } take_keys;
#define ADD_KEY(NAME, name, rest) gf_rd_add(&cmd.args, keys.name.text);

// Begins a script whose keys are the set and one more, then the tasks' prefix.
static gofer_status begin_on_set(gf_rd_cmd *cmd, call_keys *keys, const gf_rd_script *script,
    const char *const rests[2], const gf_rd_set_name *set)
{
    gofer_status st = gf_rd_group_key(&keys->set, set->queue, set->group, set->id);
    if (st != GOFER_OK)
        return st;
    gf_rd_key_of(&keys->second, set->queue, rests[1]);
    gf_rd_key_of(&keys->prefix, set->queue, "t:");
    gf_rd_script_begin(cmd, script, set->queue, true);
    gf_rd_add(&cmd->args, keys->set.text);
    gf_rd_add(&cmd->args, keys->second.text);
    gf_rd_add(&cmd->args, keys->prefix.text);
    cmd->key_count = 2;
    return GOFER_OK;
}

// ---- check --------------------------------------------------------------------------------------

// Asynq's set ids are of version 4; nobody looks, but nobody shall have to.
static void new_set_id(char out[37])
{
    uint64_t a = gf_random64(), b = gf_random64();
    snprintf(out, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
        (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
        (unsigned)(0x8000 | (b >> 48 & 0x3fff)), (unsigned long long)(b & 0xffffffffffff));
}

gofer_status gf_rd_group_check(gf_rd_store *s, const char *queue, const char *group,
    const gf_rd_group_rule *rule, char set_id[37], gf_rd_group_taker *taker)
{
    take_keys keys;
    char id[37];
    gf_rd_cmd cmd;
    int64_t made;
    gofer_status st = gf_rd_check(s);
    new_set_id(id);
    memcpy(set_id, id, sizeof id);
    if (st == GOFER_OK)
        st = gf_rd_group_key(&keys.group, queue, group, NULL);
    if (st == GOFER_OK)
        st = gf_rd_group_key(&keys.set, queue, group, id);
    if (st != GOFER_OK)
        return st;
    gf_rd_key_of(&keys.groups, queue, "groups");
    gf_rd_key_of(&keys.aggregation_sets, queue, "aggregation_sets");
    gf_rd_key_of(&keys.prefix, queue, "t:");
    gf_rd_script_begin(&cmd, &check_script, queue, false);
    GF_RD_KEYS_TAKE_SET(ADD_KEY)
    cmd.key_count = 0 GF_RD_KEYS_TAKE_SET(GF_RD_ONE);
    gf_rd_add(&cmd.args, keys.prefix.text);
    gf_rd_add(&cmd.args, group);
    gf_rd_add_int(&cmd.args, rule->max_size);
    gf_rd_add_int(&cmd.args, rule->max_delay_s);
    gf_rd_add_int(&cmd.args, rule->grace_s);
    gf_rd_add_int(&cmd.args, GF_RD_SET_S);
    gf_rd_add_int(&cmd.args, GF_RD_SET_MOST);
    gf_rd_add(&cmd.args, taker ? taker->worker : "");
    gf_rd_add_int(&cmd.args, taker && taker->no_suspects);
    st = gf_rd_call_int(s, &cmd, &made);
    if (st != GOFER_OK)
        return st;
    if (taker)
        taker->crashes = made > 0 ? (int32_t)(made - 1) : (int32_t)made;
    if (made <= 0)
        return gf_fail(GOFER_EEMPTY, "the group '%s' is not to be aggregated yet", group);
    return GOFER_OK;
}

// ---- read ---------------------------------------------------------------------------------------

typedef struct reading {
    gf_rd_store          *s;
    const gf_rd_set_name *set;
    gf_wire_task **tasks;
    size_t         count, room;
    size_t         from;           // members that stay, read so far
    int64_t        page_bytes;
    int64_t        until_ms;
    gf_rd_args     aside;          // pairs of id and reason, borrowed from the
                                   //   page and from reasons
    char         (*reasons)[200];  // of PAGE
} reading;

static gofer_status add_task(reading *r, void *memory)
{
    if (!gf_grow(r->tasks, r->room, r->count + 1))
        return gf_fail_nomem("a group's tasks");
    r->tasks[r->count++] = memory;
    return GOFER_OK;
}

// A member of the page: to the tasks, or aside.
static gofer_status read_member(reading *r, const redisReply *id, const redisReply *message,
    char reason[200])
{
    void *memory = NULL;
    *reason = '\0';
    if (message->type == REDIS_REPLY_STRING) {
        gofer_status st = gf_wire_task_decode(message->str, (size_t)message->len, 0, &memory);
        if (st == GOFER_OK) {
            st = add_task(r, memory);
            if (st != GOFER_OK)
                gf_free(memory);
            r->from++;
            return st;
        }
        if (st != GOFER_ECORRUPT)
            return st;
        snprintf(reason, 200, "%.199s", gofer_error_last());
    } else if (message->type == REDIS_REPLY_INTEGER) {
        gf_rd_too_long(reason, 200, message->integer);
    }
    if (*reason)
        gf_logf(&r->s->base.config.log, GOFER_LOG_ERROR, "a task that cannot be read was archived",
            "queue", r->set->queue, "task", id->str, "why", reason, NULL);
    gf_rd_add_bytes(&r->aside, id->str, (size_t)id->len);
    gf_rd_add(&r->aside, reason);
    return GOFER_OK;
}

// Takes what was put aside out of the set.
static gofer_status set_aside(reading *r)
{
    static const char *const rests[] = { GF_RD_KEYS_SET_ASIDE(GF_RD_REST) };
    call_keys keys;
    gf_rd_cmd cmd;
    int64_t ignored;
    if (r->aside.count == 0 && !r->aside.failed)
        return GOFER_OK;
    gofer_status st = begin_on_set(&cmd, &keys, &set_aside_script, rests, r->set);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < r->aside.count; i++)
        gf_rd_add_bytes(&cmd.args, r->aside.words[i], r->aside.sizes[i]);
    cmd.args.failed |= r->aside.failed;
    st = gf_rd_call_int(r->s, &cmd, &ignored);
    gf_rd_args_clear(&r->aside);
    return st;
}

// However many came: no more than were asked for are looked at.
static gofer_status read_page(reading *r, const redisReply *page, bool *more)
{
    const redisReply *end = gf_rd_reply_at(page, END, REDIS_REPLY_STRING);
    if (!end)
        return gf_fail(GOFER_ENOTFOUND, "the set '%s' of group '%s' is gone", r->set->id,
            r->set->group);
    r->until_ms = gf_rd_reply_int(end, 0) * 1000;
    gofer_status st = GOFER_OK;
    size_t seen = 0;
    for (; MEMBERS + 2 * seen + 1 < page->elements && seen < PAGE && st == GOFER_OK; seen++) {
        const redisReply *id = gf_rd_reply_at(page, MEMBERS + 2 * seen, REDIS_REPLY_STRING);
        if (!id)
            return gf_fail(GOFER_EBROKER, "reading the set '%s' was answered with something else",
                r->set->id);
        st = read_member(r, id, page->element[MEMBERS + 2 * seen + 1], r->reasons[seen]);
    }
    if (st == GOFER_OK)
        st = set_aside(r);
    *more = seen > 0 && gf_rd_reply_int(gf_rd_reply_at(page, MORE, REDIS_REPLY_INTEGER), 0) == 1;
    return st;
}

static gofer_status ask_page(reading *r, redisReply **page)
{
    static const char *const rests[] = { GF_RD_KEYS_READ_SET(GF_RD_REST) };
    call_keys keys;
    gf_rd_cmd cmd;
    gofer_status st = begin_on_set(&cmd, &keys, &read_script, rests, r->set);
    if (st != GOFER_OK)
        return st;
    cmd.reads = true;
    gf_rd_add_int(&cmd.args, (int64_t)r->from);
    gf_rd_add_int(&cmd.args, PAGE);
    gf_rd_add_int(&cmd.args, r->page_bytes);
    gf_rd_add_int(&cmd.args, GF_RD_MESSAGE_MAX);
    return gf_rd_call(r->s, &cmd, page);
}

// A page that is too much for the line or for the call's time is asked for anew, smaller.
static gofer_status next_page(reading *r, bool *more)
{
    redisReply *page;
    gofer_status st = ask_page(r, &page);
    while ((st == GOFER_ETIMEOUT || st == GOFER_EBROKER) && r->page_bytes > PAGE_BYTES_LEAST) {
        r->page_bytes /= 8;
        st = ask_page(r, &page);
    }
    if (st != GOFER_OK)
        return st;
    st = read_page(r, page, more);
    gf_rd_reply_free(page);
    return st;
}

gofer_status gf_rd_group_read(gf_rd_store *s, const gf_rd_set_name *set, gf_wire_task ***tasks,
    size_t *count, int64_t *until_ms)
{
    reading r = { .s = s, .set = set, .page_bytes = PAGE_BYTES };
    bool more = true;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    r.reasons = gf_calloc(PAGE, sizeof *r.reasons);
    if (!r.reasons)
        return gf_fail_nomem("a group's tasks");
    while (st == GOFER_OK && more)
        st = next_page(&r, &more);
    gf_rd_args_clear(&r.aside);
    gf_free(r.reasons);
    if (st != GOFER_OK) {
        for (size_t i = 0; i < r.count; i++)
            gf_free(r.tasks[i]);
        gf_free(r.tasks);
        return st;
    }
    *tasks = r.tasks;
    *count = r.count;
    *until_ms = r.until_ms;
    return GOFER_OK;
}

// ---- delete, reclaim ----------------------------------------------------------------------------

gofer_status gf_rd_group_delete(gf_rd_store *s, const gf_rd_set_name *set)
{
    static const char *const rests[] = { GF_RD_KEYS_DELETE_SET(GF_RD_REST) };
    call_keys keys;
    gf_rd_cmd cmd;
    int64_t left = 1;
    gofer_status st = gf_rd_check(s);
    while (st == GOFER_OK && left > 0) {
        st = begin_on_set(&cmd, &keys, &delete_script, rests, set);
        if (st != GOFER_OK)
            break;
        gf_rd_add_int(&cmd.args, GF_RD_SET_MOST);
        st = gf_rd_call_int(s, &cmd, &left);
    }
    return st;
}

gofer_status gf_rd_group_reclaim(gf_rd_store *s, const char *queue, size_t *done)
{
    static const char *const rests[] = { GF_RD_KEYS_RECLAIM_SETS(GF_RD_REST) };
    gf_rd_key keys[COUNT_OF(rests)], prefix;
    gf_rd_cmd cmd;
    int64_t count = 0;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_rd_key_of(&prefix, queue, "t:");
    gf_rd_script_begin(&cmd, &reclaim_script, queue, true);
    gf_rd_add_keys(&cmd, keys, queue, rests, COUNT_OF(rests));
    gf_rd_add(&cmd.args, prefix.text);
    gf_rd_add_int(&cmd.args, STALE_MAX);
    st = gf_rd_call_int(s, &cmd, &count);
    if (st != GOFER_OK)
        return st;
    gf_rd_upkeep_log(s, "groups whose aggregation was not finished were put back", queue, count);
    *done = (size_t)count;
    return GOFER_OK;
}
