// edit.c - another payload, or another time, for a task that waits; other bytes for a part of one.
//
// The message is read, changed here with all that we do not know in it kept, and written only if it
// is still the one that was read (Asynq's own update does not look, and loses
// what changed meanwhile).
#include <stdio.h>
#include <string.h>

#include "broker/redis/act/act.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"

enum { TRIES = 20 };                     // against somebody who writes it again and again

static const gf_rd_script read_script = {
    .name = "read a task's message",
    .text = gf_rd_lua_read_message,
};

static const gf_rd_script edit_script = {
    .name = "edit a task",
    .text = gf_rd_lua_edit_task,
};

static const gf_rd_script rewrite_script = {
    .name = "rewrite a task",
    .text = gf_rd_lua_rewrite_task,
};

typedef struct editing {
    gf_rd_store *s;
    const char  *queue, *id;
    const void  *payload;          // NULL: as it is
    size_t       size;
    int64_t      run_at_ms;        // 0: as it is
    const void  *was;              // of a rewriting; NULL: whatever it is
    size_t       was_size;
} editing;

static gofer_status check_same(const editing *e, const redisReply *read)
{
    void *memory;
    if (!e->was)
        return GOFER_OK;
    gofer_status st = gf_wire_task_decode(read->str, (size_t)read->len, 0, &memory);
    if (st != GOFER_OK)
        return st;
    const gf_message *m = &((const gf_wire_task *)memory)->message;
    bool same = m->payload_size == e->was_size && m->payload &&
        memcmp(m->payload, e->was, e->was_size) == 0;
    gf_free(memory);
    return same ? GOFER_OK
        : gf_fail(GOFER_ESTALE, "the task '%.255s' has another payload by now", e->id);
}

// The message as it stands and as it shall be; *read holds the former.
static gofer_status change(editing *e, redisReply **read, gf_bytes *out)
{
    gf_rd_key key;
    gf_rd_cmd cmd;
    char name[GF_NAME_MAX + 3];
    snprintf(name, sizeof name, "t:%s", e->id);
    gf_rd_script_begin(&cmd, &read_script, e->queue, true);
    cmd.reads = true;
    gf_rd_add_keys(&cmd, &key, e->queue, (const char *const[]){ name }, 1);
    gofer_status st = gf_rd_call(e->s, &cmd, read);
    if (st != GOFER_OK)
        return st;
    if ((*read)->type == REDIS_REPLY_STRING) {
        gf_wire_change change = { .set_payload = true,
            .payload = e->payload,
            .payload_size = e->size };
        st = check_same(e, *read);
        if (st == GOFER_OK)
            st = gf_wire_task_change((*read)->str, (size_t)(*read)->len, &change, out);
        if (st == GOFER_OK && out->size > GF_RD_MESSAGE_MAX)
            st = gf_fail(GOFER_ETOOBIG,
                "the task '%.255s' would have %zu bytes: on Redis it can have %d", e->id, out->size,
                GF_RD_MESSAGE_MAX);
    } else if (gf_rd_reply_int(*read, 0) == 0) {
        st = gf_fail(GOFER_ENOTFOUND, "no task '%.255s' in queue '%.255s'", e->id, e->queue);
    } else {
        st = gf_fail(GOFER_ECORRUPT, "the task '%.255s' has no message", e->id);
    }
    if (st != GOFER_OK) {
        gf_rd_reply_free(*read);
        *read = NULL;
    }
    return st;
}

static void add_time(gf_rd_args *a, int64_t run_at_ms)
{
    if (run_at_ms == 0)
        gf_rd_add(a, "");
    else
        gf_rd_add_int(a, run_at_ms);
}

// *again: somebody else has changed the message meanwhile.
static gofer_status write(editing *e, const redisReply *read, const gf_bytes *message, bool *again)
{
    gf_rd_act_keys keys;
    gf_rd_cmd cmd;
    gf_rd_act_begin(&cmd, &keys, &edit_script, e->queue, e->id);
    gf_rd_args *a = &cmd.args;
    gf_rd_add(a, e->was ? "k" : "");
    gf_rd_add_bytes(a, read ? read->str : "", read ? (size_t)read->len : 0);
    gf_rd_add_bytes(a, message->size ? message->bytes : "", message->size);
    add_time(a, e->run_at_ms);
    gofer_status st = gf_rd_run(e->s->net, &cmd, 1, gf_rd_timeout(e->s));
    const redisReply *place =
        st == GOFER_OK ? gf_rd_reply_at(cmd.reply, 1, REDIS_REPLY_STRING) : NULL;
    int64_t said = place ? gf_rd_reply_int(cmd.reply->element[0], 0) : 0;
    *again = said == 2;
    if (st == GOFER_OK && !place)
        st = gf_fail(GOFER_ECORRUPT, "editing the task '%.255s' was answered with something else",
            e->id);
    else if (st == GOFER_OK && said == 4)
        st = gf_fail(GOFER_EDENIED, "the queue '%.255s' takes encrypted payloads alone", e->queue);
    else if (st == GOFER_OK && said == 0)
        st = gf_rd_act_refused(e->queue, e->id, e->payload ? "given another payload" : "put off",
            place->str);
    gf_rd_cmd_clear(&cmd);
    return st;
}

static gofer_status edit_once(editing *e, bool *again)
{
    redisReply *read = NULL;
    gf_bytes message = { 0 };
    gofer_status st = e->payload ? change(e, &read, &message) : GOFER_OK;
    if (st == GOFER_OK)
        st = write(e, read, &message, again);
    gf_bytes_clear(&message);
    if (read)
        gf_rd_reply_free(read);
    return st;
}

static gofer_status edit_until_done(editing *e)
{
    bool again = true;
    gofer_status st = gf_rd_check(e->s);
    for (int tries = 0; st == GOFER_OK && again; tries++) {
        st = edit_once(e, &again);
        if (st == GOFER_OK && again && tries == TRIES)
            st = gf_fail(GOFER_ESTATE, "the task '%.255s' changes all the time: try again", e->id);
    }
    return st;
}

gofer_status gf_rd_task_edit(gf_broker *b, const char *queue, const char *id, const void *payload,
    size_t size, int64_t run_at_ms)
{
    editing e = { .s = (gf_rd_store *)b, .queue = queue, .id = id, .payload = payload,
        .size = size, .run_at_ms = run_at_ms };
    return edit_until_done(&e);
}

// ---- another part of one, as it was read ------------------------------------------------------

static gofer_status rewrite_field(gf_rd_store *s, const char *queue, const char *id,
    const gf_rewrite *r)
{
    gf_rd_act_keys keys;
    gf_rd_cmd cmd;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_rd_act_begin(&cmd, &keys, &rewrite_script, queue, id);
    gf_rd_add(&cmd.args, r->part == GF_PART_RESULT ? "result" : "gofer:ckpt");
    gf_rd_add_bytes(&cmd.args, r->was, r->was_size);
    gf_rd_add_bytes(&cmd.args, r->bytes, r->size);
    st = gf_rd_run(s->net, &cmd, 1, gf_rd_timeout(s));
    const redisReply *place =
        st == GOFER_OK ? gf_rd_reply_at(cmd.reply, 1, REDIS_REPLY_STRING) : NULL;
    int64_t said = place ? gf_rd_reply_int(cmd.reply->element[0], 0) : 0;
    if (st == GOFER_OK && !place)
        st = gf_fail(GOFER_ECORRUPT,
            "rewriting the task '%.255s' was answered with something else", id);
    else if (st == GOFER_OK && said == 0)
        st = gf_rd_act_refused(queue, id, "rewritten", place->str);
    else if (st == GOFER_OK && said == 2)
        st = gf_fail(GOFER_ESTALE, "the task '%.255s' has changed by now", id);
    gf_rd_cmd_clear(&cmd);
    return st;
}

gofer_status gf_rd_task_rewrite(gf_broker *b, const char *queue, const char *id,
    const gf_rewrite *r)
{
    editing e = { .s = (gf_rd_store *)b, .queue = queue, .id = id, .payload = r->bytes,
        .size = r->size, .was = r->was, .was_size = r->was_size };
    return r->part == GF_PART_PAYLOAD ? edit_until_done(&e) : rewrite_field(e.s, queue, id, r);
}
