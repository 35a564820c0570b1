// find.c - which queues hold a task of an id.
//
// Nothing in Asynq's layout leads from an id to its queue, so each is asked whether it has the
// task's key: a script asks for many at once and halves where some are there, so that one queue and
// a thousand take one exchange and about as many commands. Where the server does not take keys of
// several slots at once, each is asked by itself.
#include "broker/redis/inspect/inspect.h"

#include <stdio.h>
#include <string.h>

#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"

enum {
    KEYS = 2048,                         // in one pipeline,
    TOGETHER = 1024                      //   and in one script
};

static const gf_rd_script find_script = {
    .name = "find a task",
    .text = gf_rd_lua_find_task,
    .allow_oom = true,
};

typedef struct finding {
    gf_rd_store *s;
    char         rest[GF_NAME_MAX + 3];  // the task's key in a queue
    gf_names     names;                  // of all queues
    bool        *here;                   // of each: it holds the task
    gf_rd_key   *keys;                   // KEYS of them, and
    gf_rd_cmd   *cmds;                   //   at most as many
} finding;

static void add_keys(finding *f, gf_rd_cmd *cmd, size_t from, size_t count, gf_rd_key *keys)
{
    bool alone = count == 1;
    *cmd = (gf_rd_cmd){ .slot = gf_rd_queue_slot(f->names.names[from]), .reads = true };
    if (alone)
        gf_rd_add(&cmd->args, "EXISTS");
    else
        gf_rd_script_begin(cmd, &find_script, f->names.names[from], true);
    cmd->reads = true;
    for (size_t i = 0; i < count; i++) {
        gf_rd_key_of(&keys[i], f->names.names[from + i], f->rest);
        gf_rd_add(&cmd->args, keys[i].text);
    }
    cmd->key_count = alone ? 0 : count;
}

static void note_found(finding *f, const redisReply *reply, size_t from, size_t count)
{
    if (count == 1)
        f->here[from] = gf_rd_reply_int(reply, 0) > 0;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        int64_t at = gf_rd_reply_int(reply->element[i], 0);
        if (at > 0 && (size_t)at <= count)
            f->here[from + (size_t)at - 1] = true;
    }
}

// Asks for `count` queues from `from` on, `together` in one command.
static gofer_status ask_some(finding *f, size_t from, size_t count, size_t together, bool *parted)
{
    size_t cmds = (count + together - 1) / together;
    for (size_t i = 0, at = 0; i < cmds; i++, at += together)
        add_keys(f, &f->cmds[i], from + at, count - at < together ? count - at : together,
            f->keys + at);
    gofer_status st = gf_rd_run_whole(f->s->net, f->cmds, cmds, gf_rd_timeout(f->s), GOFER_OK);
    *parted = st != GOFER_OK && gf_rd_is_parted(f->cmds, cmds);
    for (size_t i = 0, at = 0; i < cmds; i++, at += together) {
        if (st == GOFER_OK)
            note_found(f, f->cmds[i].reply, from + at,
                count - at < together ? count - at : together);
        gf_rd_cmd_clear(&f->cmds[i]);
    }
    return st;
}

static gofer_status ask_all(finding *f)
{
    size_t together = gf_rd_net_server(f->s->net).is_cluster ? 1 : TOGETHER;
    gofer_status st = GOFER_OK;
    for (size_t at = 0; at < f->names.count && st == GOFER_OK;) {
        size_t count = f->names.count - at < KEYS ? f->names.count - at : KEYS;
        bool parted;
        st = ask_some(f, at, count, together, &parted);
        if (parted && together > 1) {
            together = 1;
            st = GOFER_OK;
        } else {
            at += count;
        }
    }
    return st;
}

// Keeps the names of those that hold it.
static void keep_found(finding *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->names.count; i++) {
        if (f->here[i])
            f->names.names[kept++] = f->names.names[i];
        else
            gf_free(f->names.names[i]);
    }
    f->names.count = kept;
}

gofer_status gf_rd_locate(gf_broker *b, const char *id, gf_names *out)
{
    finding f = { .s = (gf_rd_store *)b };
    snprintf(f.rest, sizeof f.rest, "t:%s", id);
    gofer_status st = gf_rd_names_inspect(b, &f.names);
    if (st != GOFER_OK)
        return st;
    size_t most = f.names.count < KEYS ? f.names.count : KEYS;
    f.here = gf_calloc(f.names.count + 1, sizeof *f.here);
    f.keys = gf_calloc(most + 1, sizeof *f.keys);
    f.cmds = gf_calloc(most + 1, sizeof *f.cmds);
    st = f.here && f.keys && f.cmds ? ask_all(&f) : gf_fail_nomem("a search");
    if (st == GOFER_OK) {
        keep_found(&f);
        *out = f.names;
    } else {
        gf_names_clear(&f.names);
    }
    gf_free(f.here);
    gf_free(f.keys);
    gf_free(f.cmds);
    return st;
}
