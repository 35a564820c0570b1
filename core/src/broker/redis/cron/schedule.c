// schedule.c - what schedulers leave for others to see: the entries they serve, and when those
// enqueued what (wire.md section 8). asynq:schedulers, the entries of a scheduler and the history
// of an entry are keys of different slots: each is written on its own, as Asynq does.
#include <stdio.h>
#include <string.h>

#include "broker/redis/store.h"
#include "info/info.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"

static const char schedulers_key[] = "asynq:schedulers";

enum { KEY_SIZE = 640, LISTED_MAX = 1000, PER_CALL = 500 };

static const gf_rd_script sign_script = {
    .name = "sign a scheduler on",
    .text = gf_rd_lua_sign_scheduler,
};

static const gf_rd_script write_script = {
    .name = "write a scheduler's entries",
    .text = gf_rd_lua_write_schedule,
};

static const gf_rd_script list_script = {
    .name = "list schedulers",
    .text = gf_rd_lua_list_schedulers,
};

static const gf_rd_script record_script = {
    .name = "record an enqueue event",
    .text = gf_rd_lua_record_enqueue,
};

// ---- keys ---------------------------------------------------------------------------------------

static gofer_status make_key(char out[KEY_SIZE], const char *front, const char *id,
    const char *back)
{
    int size = snprintf(out, KEY_SIZE, "%s%s%s", front, id, back);
    if (size < 0 || size >= KEY_SIZE)
        return gf_fail(GOFER_EINVAL, "the id '%.40s...' is too long", id);
    return GOFER_OK;
}

static gofer_status entries_key(char out[KEY_SIZE], const char *scheduler_id)
{
    return make_key(out, "asynq:schedulers:{", scheduler_id, "}");
}

// The key of an entry's history, of a store that is ours to use.
static gofer_status find_history(gf_rd_store *s, const char *entry_id, char out[KEY_SIZE])
{
    gofer_status st = gf_rd_check(s);
    return st == GOFER_OK ? make_key(out, "asynq:scheduler_history:", entry_id, "") : st;
}

// A command whose first key is `key`: a script's, or of the plain command `name`.
static void begin(gf_rd_cmd *cmd, const gf_rd_script *script, const char *name, const char *key)
{
    *cmd =
        (gf_rd_cmd){ .script = script, .slot = gf_rd_slot(key, strlen(key)), .repeatable = true };
    if (name)
        gf_rd_add(&cmd->args, name);
    gf_rd_add(&cmd->args, key);
    cmd->key_count = script ? 1 : 0;
}

static gofer_status run_both(gf_rd_store *s, gf_rd_cmd cmds[2])
{
    gofer_status st = gf_rd_run(s->net, cmds, 2, gf_rd_timeout(s));
    gf_rd_cmd_clear(&cmds[0]);
    gf_rd_cmd_clear(&cmds[1]);
    return st;
}

// ---- entries ------------------------------------------------------------------------------------

static gofer_status encode_entries(const gf_wire_entry *entries, size_t count, gf_bytes *out)
{
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        st = gf_wire_entry_encode(&entries[i], &out[i]);
    return st;
}

gofer_status gf_rd_schedule_write(gf_rd_store *s, const char *scheduler_id,
    const gf_wire_entry *entries, size_t count, int64_t ttl_s)
{
    char key[KEY_SIZE];
    gf_rd_cmd cmds[2];
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = entries_key(key, scheduler_id);
    if (st != GOFER_OK)
        return st;
    gf_bytes *bytes = gf_calloc(count + 1, sizeof *bytes);
    st =
        bytes ? encode_entries(entries, count, bytes) : gf_fail_nomem("the entries of a scheduler");
    if (st == GOFER_OK) {
        begin(&cmds[0], &sign_script, NULL, schedulers_key);
        gf_rd_add(&cmds[0].args, key);
        gf_rd_add_int(&cmds[0].args, ttl_s);
        begin(&cmds[1], &write_script, NULL, key);
        gf_rd_add_int(&cmds[1].args, ttl_s);
        for (size_t i = 0; i < count; i++)
            gf_rd_add_bytes(&cmds[1].args, bytes[i].size ? bytes[i].bytes : "", bytes[i].size);
        st = run_both(s, cmds);
    }
    for (size_t i = 0; i < count && bytes; i++)
        gf_bytes_clear(&bytes[i]);
    gf_free(bytes);
    return st;
}

gofer_status gf_rd_schedule_clear(gf_rd_store *s, const char *scheduler_id)
{
    char key[KEY_SIZE];
    gf_rd_cmd cmds[2];
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = entries_key(key, scheduler_id);
    if (st != GOFER_OK)
        return st;
    begin(&cmds[0], NULL, "ZREM", schedulers_key);
    gf_rd_add(&cmds[0].args, key);
    begin(&cmds[1], NULL, "DEL", key);
    return run_both(s, cmds);
}

// ---- listing ------------------------------------------------------------------------------------

static gofer_info *options_info(const gf_wire_entry *e)
{
    gofer_info *list = gf_info_list();
    for (size_t i = 0; i < e->option_count && list; i++) {
        gofer_info *option = gf_info_record();
        int bad = option ? gf_info_set_text(option, "option", e->options[i]) : -1;
        if (bad)
            gofer_info_free(option);
        if (bad || gf_info_add(list, option) != 0) {
            gofer_info_free(list);
            return NULL;
        }
    }
    return list;
}

// Fields of an entry; 0 or -1.
static int fill_entry(gofer_info *to, const char *scheduler, const gf_wire_entry *e)
{
    int bad = gf_info_set_text(to, "entry", e->id);
    bad |= gf_info_set_text(to, "scheduler", scheduler);
    bad |= gf_info_set_text(to, "spec", e->spec);
    bad |= gf_info_set_text(to, "type", e->task_type);
    bad |= gf_info_set_bytes(to, "payload", e->payload_size ? e->payload : "", e->payload_size);
    gofer_info *options = options_info(e);
    bad |= options ? gf_info_set_child(to, "options", options) : -1;
    if (e->next_ms)
        bad |= gf_info_set_int(to, "next_run_at_ms", e->next_ms);
    if (e->prev_ms)
        bad |= gf_info_set_int(to, "last_enqueued_at_ms", e->prev_ms);
    return bad;
}

static gofer_status add_entry(gofer_info *list, const char *scheduler, const redisReply *bytes)
{
    gf_wire_entry *e;
    if (!gf_rd_reply_is_text(bytes))
        return GOFER_OK;
    gofer_status st = gf_wire_entry_decode(bytes->str, (size_t)bytes->len, &e);
    if (st == GOFER_ECORRUPT)
        return GOFER_OK;                 // somebody else's nonsense hides nothing
    if (st != GOFER_OK)
        return st;
    gofer_info *record = gf_info_record();
    int bad = record ? fill_entry(record, scheduler, e) : -1;
    if (bad)
        gofer_info_free(record);
    else
        bad = gf_info_add(list, record);
    gf_free(e);
    return bad ? gf_fail_nomem("the entries of schedulers") : GOFER_OK;
}

// The id in "asynq:schedulers:{id}"; false: another kind of name.
static bool scheduler_of(const redisReply *key, char out[KEY_SIZE])
{
    static const char front[] = "asynq:schedulers:{";
    if (!key || key->type != REDIS_REPLY_STRING || (size_t)key->len >= KEY_SIZE ||
        (size_t)key->len <= sizeof front || memchr(key->str, '\0', (size_t)key->len) ||
        memcmp(key->str, front, sizeof front - 1) != 0 || key->str[key->len - 1] != '}')
        return false;
    size_t size = (size_t)key->len - sizeof front;
    memcpy(out, key->str + sizeof front - 1, size);
    out[size] = '\0';
    return true;
}

static gofer_status add_scheduler(gofer_info *list, const redisReply *key,
    const redisReply *entries)
{
    char scheduler[KEY_SIZE];
    gofer_status st = GOFER_OK;
    if (!scheduler_of(key, scheduler) || !entries || entries->type != REDIS_REPLY_ARRAY)
        return GOFER_OK;
    for (size_t i = entries->elements; i > 0 && st == GOFER_OK; i--)
        st = add_entry(list, scheduler, entries->element[i - 1]);
    return st;
}

static gofer_status ask_entries(gf_rd_store *s, redisReply *const *keys, size_t count,
    gofer_info *list)
{
    gf_rd_cmd *cmds = gf_calloc(count + 1, sizeof *cmds);
    if (!cmds)
        return gf_fail_nomem("the entries of schedulers");
    for (size_t i = 0; i < count; i++) {
        // In the place of what is no scheduler's key stands one that nobody
        // has: it may be anything.
        char scheduler[KEY_SIZE];
        begin(&cmds[i], NULL, "LRANGE",
            scheduler_of(keys[i], scheduler) ? keys[i]->str : "asynq:schedulers:{}");
        cmds[i].reads = true;
        gf_rd_add(&cmds[i].args, "0");
        gf_rd_add_int(&cmds[i].args, LISTED_MAX - 1);
    }
    gofer_status st = GOFER_OK;
    if (count > 0)
        st = gf_rd_run_whole(s->net, cmds, count, gf_rd_timeout(s), GOFER_ECORRUPT);
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        if (cmds[i].status == GOFER_OK)
            st = add_scheduler(list, keys[i], cmds[i].reply);
    for (size_t i = 0; i < count; i++)
        gf_rd_cmd_clear(&cmds[i]);
    gf_free(cmds);
    return st;
}

gofer_status gf_rd_schedule_list(gf_rd_store *s, gofer_info **out)
{
    gf_rd_cmd cmd;
    redisReply *keys;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    begin(&cmd, &list_script, NULL, schedulers_key);
    gf_rd_add_int(&cmd.args, LISTED_MAX);
    st = gf_rd_call(s, &cmd, &keys);
    if (st != GOFER_OK)
        return st;
    gofer_info *list = gf_info_list();
    st = list ? GOFER_OK : gf_fail_nomem("the entries of schedulers");
    size_t count = keys->type == REDIS_REPLY_ARRAY ? keys->elements : 0;
    for (size_t at = 0; at < count && st == GOFER_OK; at += PER_CALL)
        st =
            ask_entries(s, keys->element + at, count - at < PER_CALL ? count - at : PER_CALL, list);
    gf_rd_reply_free(keys);
    if (st != GOFER_OK)
        gofer_info_free(list);
    else
        *out = list;
    return st;
}

// ---- history ------------------------------------------------------------------------------------

gofer_status gf_rd_schedule_record(gf_rd_store *s, const char *entry_id, const gf_wire_event *event)
{
    char key[KEY_SIZE];
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_bytes bytes = { 0 };
    gofer_status st = find_history(s, entry_id, key);
    if (st == GOFER_OK)
        st = gf_wire_event_encode(event, &bytes);
    if (st != GOFER_OK)
        return st;
    begin(&cmd, &record_script, NULL, key);
    gf_rd_add_int(&cmd.args, event->at_ms / 1000);
    gf_rd_add_bytes(&cmd.args, bytes.size ? bytes.bytes : "", bytes.size);
    st = gf_rd_call(s, &cmd, &reply);
    if (st == GOFER_OK)
        gf_rd_reply_free(reply);
    gf_bytes_clear(&bytes);
    return st;
}

static gofer_status add_event(gofer_info *list, const redisReply *bytes)
{
    gf_wire_event *e;
    if (!gf_rd_reply_is_text(bytes))
        return GOFER_OK;
    gofer_status st = gf_wire_event_decode(bytes->str, (size_t)bytes->len, &e);
    if (st != GOFER_OK)
        return st == GOFER_ECORRUPT ? GOFER_OK : st;
    gofer_info *record = gf_info_record();
    int bad = record ? gf_info_set_text(record, "id", e->task_id) |
            gf_info_set_int(record, "enqueued_at_ms", e->at_ms)
                     : -1;
    if (bad)
        gofer_info_free(record);
    else
        bad = gf_info_add(list, record);
    gf_free(e);
    return bad ? gf_fail_nomem("the history of an entry") : GOFER_OK;
}

gofer_status gf_rd_schedule_history(gf_rd_store *s, const char *entry_id, size_t limit,
    gofer_info **out)
{
    char key[KEY_SIZE];
    gf_rd_cmd cmd;
    redisReply *events;
    gofer_status st = find_history(s, entry_id, key);
    if (st != GOFER_OK)
        return st;
    begin(&cmd, NULL, "ZREVRANGE", key);
    cmd.reads = true;
    gf_rd_add(&cmd.args, "0");
    gf_rd_add_int(&cmd.args, limit && limit <= LISTED_MAX ? (int64_t)limit - 1 : LISTED_MAX - 1);
    st = gf_rd_call(s, &cmd, &events);
    if (st != GOFER_OK)
        return st;
    gofer_info *list = gf_info_list();
    st = list ? GOFER_OK : gf_fail_nomem("the history of an entry");
    size_t count = events->type == REDIS_REPLY_ARRAY ? events->elements : 0;
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        st = add_event(list, events->element[i]);
    gf_rd_reply_free(events);
    if (st != GOFER_OK)
        gofer_info_free(list);
    else
        *out = list;
    return st;
}

gofer_status gf_rd_schedule_forget(gf_rd_store *s, const char *entry_id)
{
    char key[KEY_SIZE];
    gf_rd_cmd cmd;
    redisReply *reply;
    gofer_status st = find_history(s, entry_id, key);
    if (st != GOFER_OK)
        return st;
    begin(&cmd, NULL, "DEL", key);
    st = gf_rd_call(s, &cmd, &reply);
    if (st == GOFER_OK)
        gf_rd_reply_free(reply);
    return st;
}
