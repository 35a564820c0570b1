// find.c - which queues hold a task of an id, and which have tasks that wait.
//
// Nothing in Asynq's layout leads from an id to its queue, so each is asked whether it has the
// task's key; and whether it has a list of pending tasks, which is there while there are some. A
// script asks for many at once and halves where some are there, so that one queue and
// a thousand take one exchange and about as many commands. Where the server does not take keys of
// several slots at once, each is asked by itself.
#include "broker/redis/inspect/sweep.h"

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
    .name = "find keys",
    .text = gf_rd_lua_find_keys,
    .allow_oom = true,
};

typedef struct finding {
    gf_rd_store  *s;
    const char   *rest;                  // the key in a queue
    char *const  *names;                 // of queues
    size_t        count;
    bool         *here;                  // of each: it has the key
    gf_rd_key    *keys;                  // KEYS of them, and
    gf_rd_cmd    *cmds;                  //   at most as many
} finding;

static void add_keys(finding *f, gf_rd_cmd *cmd, size_t from, size_t count, gf_rd_key *keys)
{
    bool alone = count == 1;
    *cmd = (gf_rd_cmd){ .slot = gf_rd_queue_slot(f->names[from]), .reads = true };
    if (alone)
        gf_rd_add(&cmd->args, "EXISTS");
    else
        gf_rd_script_begin(cmd, &find_script, f->names[from], true);
    cmd->reads = true;
    for (size_t i = 0; i < count; i++) {
        gf_rd_key_of(&keys[i], f->names[from + i], f->rest);
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
    for (size_t at = 0; at < f->count && st == GOFER_OK;) {
        size_t count = f->count - at < KEYS ? f->count - at : KEYS;
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

static gofer_status find_keys(finding *f)
{
    size_t most = f->count < KEYS ? f->count : KEYS;
    f->keys = gf_calloc(most + 1, sizeof *f->keys);
    f->cmds = gf_calloc(most + 1, sizeof *f->cmds);
    gofer_status st = f->keys && f->cmds ? ask_all(f) : gf_fail_nomem("a search");
    gf_free(f->keys);
    gf_free(f->cmds);
    return st;
}

static void keep_found(gf_names *names, const bool *here)
{
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (here[i])
            names->names[kept++] = names->names[i];
        else
            gf_free(names->names[i]);
    }
    names->count = kept;
}

gofer_status gf_rd_locate(gf_broker *b, const char *id, gf_names *out)
{
    char rest[GF_NAME_MAX + 3];
    gf_names names = { 0 };
    snprintf(rest, sizeof rest, "t:%s", id);
    gofer_status st = gf_rd_names_inspect(b, &names);
    if (st != GOFER_OK)
        return st;
    finding f = { .s = (gf_rd_store *)b, .rest = rest, .names = names.names,
        .count = names.count, .here = gf_calloc(names.count + 1, sizeof *f.here) };
    st = f.here ? find_keys(&f) : gf_fail_nomem("a search");
    if (st == GOFER_OK) {
        keep_found(&names, f.here);
        *out = names;
    } else {
        gf_names_clear(&names);
    }
    gf_free(f.here);
    return st;
}

gofer_status gf_rd_filled(gf_broker *b, char *const *queues, size_t count, bool *out)
{
    finding f = { .s = (gf_rd_store *)b, .rest = "pending", .names = queues, .count = count,
        .here = out };
    gofer_status st = gf_rd_check(f.s);
    memset(out, 0, count * sizeof *out);
    return st == GOFER_OK ? find_keys(&f) : st;
}
