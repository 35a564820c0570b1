// entries.c - cron entries: one hash of name and record for all, with its version in the field of
// the empty name, which no entry has. Every change is told to all watches.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/store.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"

static const char HASH[] = "asynq:gofer:schedules", CONTROL[] = "asynq:gofer:control";

static const gf_rd_script put_script = {
    .name = "put a cron entry",
    .text = gf_rd_lua_put_entry,
};

static const gf_rd_script drop_script = {
    .name = "drop a cron entry",
    .allow_oom = true,
    .text = gf_rd_lua_drop_entry,
};

static const gf_rd_script read_script = {
    .name = "read cron entries",
    .text = gf_rd_lua_read_entries,
};

static void begin(gf_rd_cmd *cmd, const gf_rd_script *script, bool repeatable)
{
    *cmd = (gf_rd_cmd){ .script = script,
        .key_count = 1,
        .slot = gf_rd_slot(HASH, sizeof HASH - 1),
        .repeatable = repeatable };
    gf_rd_add(&cmd->args, HASH);
}

gofer_status gf_rd_entry_put(gf_broker *b, const char *name, const char *record, bool only_new)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_cmd cmd;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    begin(&cmd, &put_script, true);
    gf_rd_add(&cmd.args, CONTROL);
    gf_rd_add(&cmd.args, name);
    gf_rd_add(&cmd.args, record);
    gf_rd_add(&cmd.args, only_new ? "1" : "0");
    st = gf_rd_run(s->net, &cmd, 1, gf_rd_timeout(s));
    // Sent twice because its first answer was lost, it may have found its own work.
    if (st == GOFER_OK && gf_rd_reply_int(cmd.reply, 0) == 0 && !cmd.repeated)
        st = gf_fail(GOFER_EEXIST, "there is a cron entry '%.200s' already", name);
    gf_rd_cmd_clear(&cmd);
    return st;
}

gofer_status gf_rd_entry_swap(gf_broker *b, const char *name, const char *was, const char *record)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_cmd cmd;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    begin(&cmd, &put_script, true);
    gf_rd_add(&cmd.args, CONTROL);
    gf_rd_add(&cmd.args, name);
    gf_rd_add(&cmd.args, record);
    gf_rd_add(&cmd.args, "=");
    gf_rd_add(&cmd.args, was);
    st = gf_rd_run(s->net, &cmd, 1, gf_rd_timeout(s));
    if (st == GOFER_OK && gf_rd_reply_int(cmd.reply, 0) == 0)
        st = gf_fail(GOFER_ESTALE, "the cron entry '%.200s' has changed by now", name);
    gf_rd_cmd_clear(&cmd);
    return st;
}

// ---- drop ---------------------------------------------------------------------------------------

enum { PIPELINE = 200 };

// What queues keep of its ticks ends by and by: an entry of the same name that comes soon shall not
// repeat the latest. An entry may have had another queue before, so all are looked through.
static gofer_status forget_some(gf_rd_store *s, const char *name, char *const *queues, size_t count,
    gf_rd_cmd *cmds, gf_rd_key *keys)
{
    char rest[GF_ID_MAX + 16];
    snprintf(rest, sizeof rest, "gofer:cron:%s", name);
    for (size_t i = 0; i < count; i++) {
        gf_rd_key_of(&keys[i], queues[i], rest);
        cmds[i] = (gf_rd_cmd){ .slot = gf_rd_queue_slot(queues[i]), .repeatable = true };
        gf_rd_add(&cmds[i].args, "EXPIRE");
        gf_rd_add(&cmds[i].args, keys[i].text);
        gf_rd_add_int(&cmds[i].args, GF_RD_TICKS_S);
    }
    gofer_status st = gf_rd_run(s->net, cmds, count, gf_rd_timeout(s));
    for (size_t i = 0; i < count; i++)
        gf_rd_cmd_clear(&cmds[i]);
    return st;
}

static gofer_status forget_ticks(gf_rd_store *s, const char *name)
{
    gf_rd_names names = { 0 };
    gofer_status st = gf_rd_queues_get(s, 0, &names);
    gf_rd_cmd *cmds = gf_calloc(PIPELINE, sizeof *cmds);
    gf_rd_key *keys = gf_alloc(PIPELINE * sizeof *keys);
    if (st == GOFER_OK && (!cmds || !keys))
        st = gf_fail_nomem("a cron entry to be removed");
    for (size_t at = 0; at < names.count && st == GOFER_OK; at += PIPELINE)
        st = forget_some(s, name, names.names + at,
            names.count - at < PIPELINE ? names.count - at : PIPELINE, cmds, keys);
    gf_free(cmds);
    gf_free(keys);
    gf_rd_names_free(&names);
    return st;
}

gofer_status gf_rd_entry_drop(gf_broker *b, const char *name)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_cmd cmd;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    begin(&cmd, &drop_script, true);
    gf_rd_add(&cmd.args, CONTROL);
    gf_rd_add(&cmd.args, name);
    st = gf_rd_run(s->net, &cmd, 1, gf_rd_timeout(s));
    if (st == GOFER_OK && gf_rd_reply_int(cmd.reply, 0) == 0 && !cmd.repeated)
        st = gf_fail(GOFER_ENOTFOUND, "there is no cron entry '%.200s'", name);
    gf_rd_cmd_clear(&cmd);
    // The entry is gone; what is left of its ticks harms nothing, and `gofer doctor` finds it.
    if (st == GOFER_OK &&
        (forget_ticks(s, name) != GOFER_OK || gf_rd_schedule_forget(s, name) != GOFER_OK))
        gf_logf(&s->base.config.log, GOFER_LOG_WARN,
            "what is left of a removed cron entry was not all forgotten", "entry", name, "error",
            gofer_error_last(), NULL);
    return st;
}

// ---- read ---------------------------------------------------------------------------------------

static int by_name(const void *a, const void *b)
{
    return strcmp(((const gf_entry *)a)->name, ((const gf_entry *)b)->name);
}

static gofer_status read_all(const redisReply *all, gf_entries *out)
{
    size_t most = all->elements / 2;
    out->items = gf_calloc(most + 1, sizeof *out->items);
    if (!out->items)
        return gf_fail_nomem("cron entries");
    for (size_t i = 0; i + 1 < all->elements; i += 2) {
        const redisReply *name = all->element[i], *record = all->element[i + 1];
        if (name->type != REDIS_REPLY_STRING || record->type != REDIS_REPLY_STRING ||
            name->len == 0 || (size_t)name->len > GF_ID_MAX ||
            memchr(name->str, '\0', (size_t)name->len))
            continue;
        gf_entry *e = &out->items[out->count++];
        e->name = gf_memdup(name->str, (size_t)name->len);
        e->record = gf_memdup(record->str, (size_t)record->len);
        if (!e->name || !e->record)
            return gf_fail_nomem("cron entries");
    }
    if (out->count > 1)
        qsort(out->items, out->count, sizeof *out->items, by_name);
    return GOFER_OK;
}

gofer_status gf_rd_entries(gf_broker *b, int64_t known, gf_entries *out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_entries entries = { 0 };
    redisReply *reply;
    gf_rd_cmd cmd;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    begin(&cmd, &read_script, true);
    cmd.reads = true;
    gf_rd_add_int(&cmd.args, known);
    st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    const redisReply *all = gf_rd_reply_at(reply, 1, REDIS_REPLY_ARRAY);
    entries.version = gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_STRING), 0);
    st = all ? read_all(all, &entries) : GOFER_OK;
    gf_rd_reply_free(reply);
    if (st == GOFER_OK)
        *out = entries;
    else
        gf_entries_clear(&entries);
    return st;
}
