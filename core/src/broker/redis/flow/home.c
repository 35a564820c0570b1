// home.c - flows in their homes: begun, read, written if nobody else has meanwhile, deleted.
#include <stdio.h>
#include <string.h>

#include "broker/redis/flow/flow.h"
#include "message/options.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/hex.h"

enum { DAY_MS = 24 * 3600 * 1000, FIELD = 24, DELETED = -1 };

static const gf_rd_script create_script = {
    .name = "start a flow",
    .text = gf_rd_lua_create_flow,
};

static const gf_rd_script save_script = {
    .name = "write a flow",
    .text = gf_rd_lua_save_flow,
};

static const gf_rd_script drop_script = {
    .name = "delete a flow",
    .text = gf_rd_lua_save_flow,
    .allow_oom = true,
};

// ---- keys ---------------------------------------------------------------------------------------

int32_t gf_rd_home_of(const char *id)
{
    return (int32_t)(gf_hash_text(id) % GF_RD_HOMES);
}

void gf_rd_home_key_of(gf_rd_home_key *out, int32_t home, const char *rest)
{
    snprintf(out->text, sizeof out->text, "asynq:{gofer-flows:%d}:%s", (int)home, rest);
}

void gf_rd_flow_key_of(gf_rd_home_key *out, const char *id)
{
    snprintf(out->text, sizeof out->text, "asynq:{gofer-flows:%d}:f:%s", (int)gf_rd_home_of(id),
        id);
}

int32_t gf_rd_home_slot(int32_t home)
{
    gf_rd_home_key key;
    gf_rd_home_key_of(&key, home, "");
    return gf_rd_slot(key.text, strlen(key.text));
}

// The keys of the scripts above.
typedef struct keys { gf_rd_home_key flow, flows, due; } keys;

static void begin(gf_rd_cmd *cmd, keys *k, const gf_rd_script *script, const char *id)
{
    int32_t home = gf_rd_home_of(id);
    *cmd = (gf_rd_cmd){ .script = script,
        .key_count = 3,
        .slot = gf_rd_home_slot(home),
        .repeatable = true,
        .counts = true };
    gf_rd_flow_key_of(&k->flow, id);
    gf_rd_home_key_of(&k->flows, home, "flows");
    gf_rd_home_key_of(&k->due, home, "due");
    gf_rd_add(&cmd->args, k->flow.text);
    gf_rd_add(&cmd->args, k->flows.text);
    gf_rd_add(&cmd->args, k->due.text);
}

// ---- begin --------------------------------------------------------------------------------------

// As it stands first: what comes after nothing is to be put.
static gofer_status first_now(const gf_flow_plan *plan, int64_t now_ms, char **out, size_t *size)
{
    gf_rd_flow f = { .count = plan->count,
        .state = GF_FLOW_RUNNING,
        .on_dead = plan->on_dead,
        .retention_ms = plan->retention_ms,
        .created_ms = now_ms,
        .changed_ms = now_ms,
        .deadline_ms = plan->deadline_ms };
    f.states = gf_alloc(2 * plan->count);
    if (!f.states)
        return gf_fail_nomem("a flow");
    f.runs = f.states + plan->count;
    for (size_t i = 0; i < plan->count; i++)
        f.states[i] = plan->steps[i].dep_count ? GF_RD_STEP_WAITS : GF_RD_STEP_OUT;
    memset(f.runs, '0', plan->count);
    gofer_status st = gf_rd_now_write(&f, out, size);
    gf_free(f.states);
    return st;
}

// The message of a step, as it is put. It is kept for a day when it has ended, so that who puts it
// again, late, finds it.
static gofer_status encode(const gf_message *m, gf_bytes *out)
{
    gf_message copy = *m;
    if (copy.retention_ms < DAY_MS)
        copy.retention_ms = DAY_MS;
    gofer_status st = gf_wire_task_encode(&copy, NULL, NULL, out);
    return st == GOFER_OK ? gf_rd_message_check(m, out->size) : st;
}

typedef struct creating {
    char    *shape, *now;
    size_t   shape_size, now_size;
    gf_bytes *bodies;
    char    (*fields)[FIELD];
} creating;

static gofer_status make(creating *c, const gf_flow_plan *plan, int64_t now_ms)
{
    c->bodies = gf_calloc(plan->count, sizeof *c->bodies);
    c->fields = gf_calloc(plan->count, sizeof *c->fields);
    if (!c->bodies || !c->fields)
        return gf_fail_nomem("a flow");
    gofer_status st = gf_rd_shape_write(plan, &c->shape, &c->shape_size);
    if (st == GOFER_OK)
        st = first_now(plan, now_ms, &c->now, &c->now_size);
    for (size_t i = 0; i < plan->count && st == GOFER_OK; i++) {
        snprintf(c->fields[i], FIELD, "b%zu", i);
        st = encode(plan->steps[i].message, &c->bodies[i]);
    }
    return st;
}

static void creating_clear(creating *c, size_t count)
{
    for (size_t i = 0; c->bodies && i < count; i++)
        gf_bytes_clear(&c->bodies[i]);
    gf_free(c->bodies);
    gf_free(c->fields);
    gf_free(c->shape);
    gf_free(c->now);
}

static gofer_status write_new(gf_rd_store *s, const gf_flow_plan *plan, const creating *c,
    int64_t now_ms)
{
    char digest[2 * GF_SHA256_SIZE + 1];
    gf_rd_cmd cmd;
    keys k;
    redisReply *reply;
    *gf_hex_put(digest, plan->hash, GF_SHA256_SIZE) = '\0';
    begin(&cmd, &k, &create_script, plan->id);
    enum { GF_RD_ARGS_CREATE_FLOW(GF_RD_ARG) COUNT };
    const gf_rd_arg words[COUNT] = {
        [ID] = gf_rd_arg_text(plan->id),
        [HOME] = gf_rd_arg_int(gf_rd_home_of(plan->id)),
        [HOMES] = gf_rd_arg_int(GF_RD_HOMES),
        [DUE_MS] = gf_rd_arg_int(now_ms),
        [DIGEST] = gf_rd_arg_text(digest),
    };
    gf_rd_add_all(&cmd.args, words, COUNT);
    gf_rd_add(&cmd.args, "shape");
    gf_rd_add_bytes(&cmd.args, c->shape, c->shape_size);
    gf_rd_add(&cmd.args, "now");
    gf_rd_add_bytes(&cmd.args, c->now, c->now_size);
    for (size_t i = 0; i < plan->count; i++) {
        gf_rd_add(&cmd.args, c->fields[i]);
        gf_rd_add_bytes(&cmd.args, c->bodies[i].bytes, c->bodies[i].size);
    }
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    bool other = gf_rd_reply_is_text(reply) && strcmp(reply->str, digest) != 0;
    gf_rd_reply_free(reply);
    return other ? gf_fail(GOFER_EEXIST, "there is a flow '%s' with another plan", plan->id)
                 : GOFER_OK;
}

gofer_status gf_rd_flow_create(gf_rd_store *s, const gf_flow_plan *plan)
{
    creating c = { 0 };
    int64_t now_ms = gf_rd_now_ms(&s->base);
    gofer_status st = make(&c, plan, now_ms);
    if (st == GOFER_OK)
        st = write_new(s, plan, &c, now_ms);
    creating_clear(&c, plan->count);
    return st;
}

// ---- read ---------------------------------------------------------------------------------------

gofer_status gf_rd_flow_read(gf_rd_store *s, const char *id, gf_rd_flow *out)
{
    enum { VERSION, NOW, SHAPE, MADE };
    gf_rd_home_key key;
    redisReply *reply;
    gf_rd_flow_key_of(&key, id);
    gf_rd_cmd cmd = { .slot = gf_rd_slot(key.text, strlen(key.text)), .reads = true };
    gf_rd_add(&cmd.args, "HMGET");
    gf_rd_add(&cmd.args, key.text);
    gf_rd_add(&cmd.args, "v");
    gf_rd_add(&cmd.args, "now");
    gf_rd_add(&cmd.args, "shape");
    gf_rd_add(&cmd.args, "made");
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    *out = (gf_rd_flow){ .home = gf_rd_home_of(id) };
    snprintf(out->id, sizeof out->id, "%s", id);
    const redisReply *version = gf_rd_reply_at(reply, VERSION, REDIS_REPLY_STRING),
                     *now = gf_rd_reply_at(reply, NOW, REDIS_REPLY_STRING),
                     *shape = gf_rd_reply_at(reply, SHAPE, REDIS_REPLY_STRING),
                     *made = gf_rd_reply_at(reply, MADE, REDIS_REPLY_STRING);
    out->version = gf_rd_reply_int(version, 0);
    if (!version || !now || !shape)
        st = gf_fail(GOFER_ENOTFOUND, "there is no flow '%s'", id);
    if (st == GOFER_OK)
        st = gf_rd_shape_read(out, shape->str, (size_t)shape->len);
    if (st == GOFER_OK && made)
        st = gf_rd_made_read(out, made->str, (size_t)made->len);
    if (st == GOFER_OK)
        st = gf_rd_now_read(out, now->str, (size_t)now->len);
    gf_rd_reply_free(reply);
    if (st != GOFER_OK)
        gf_rd_flow_clear(out);
    return st;
}

gofer_status gf_rd_flow_fields(gf_rd_store *s, const gf_rd_flow *f, char letter,
    const uint32_t *steps, size_t count, redisReply **out)
{
    gf_rd_home_key key;
    char field[FIELD];
    gf_rd_flow_key_of(&key, f->id);
    gf_rd_cmd cmd = { .slot = gf_rd_home_slot(f->home), .reads = true };
    gf_rd_add(&cmd.args, "HMGET");
    gf_rd_add(&cmd.args, key.text);
    for (size_t i = 0; i < count; i++) {
        snprintf(field, sizeof field, "%c%u", letter, (unsigned)steps[i]);
        gf_rd_add_short(&cmd.args, field);
    }
    gofer_status st = gf_rd_call(s, &cmd, out);
    if (st == GOFER_OK && ((*out)->type != REDIS_REPLY_ARRAY || (*out)->elements != count)) {
        gf_rd_reply_free(*out);
        st = gf_fail(GOFER_EBROKER, "HMGET: an answer of another kind");
    }
    return st;
}

// ---- write --------------------------------------------------------------------------------------

static gofer_status save(gf_rd_store *s, gf_rd_cmd *cmd, gf_rd_flow *f, bool *done)
{
    int64_t answer;
    gofer_status st = gf_rd_call_int(s, cmd, &answer);
    *done = st == GOFER_OK && answer == 1;
    f->version += *done;
    f->changed &= !*done;
    return st;
}

static void add_front(gf_rd_cmd *cmd, const gf_rd_flow *f, int64_t due_ms)
{
    enum { GF_RD_ARGS_SAVE_FLOW(GF_RD_ARG) COUNT };
    const gf_rd_arg words[COUNT] = {
        [ID] = gf_rd_arg_text(f->id),
        [VERSION] = gf_rd_arg_int(f->version),
        [DUE_MS] = due_ms == DELETED ? gf_rd_arg_text("")
            : due_ms == INT64_MAX   ? gf_rd_arg_text("+inf")
                                    : gf_rd_arg_int(due_ms),
    };
    gf_rd_add_all(&cmd->args, words, COUNT);
}

gofer_status gf_rd_flow_save(gf_rd_store *s, gf_rd_flow *f, const gf_rd_args *pairs,
    int64_t now_ms, bool *done)
{
    gf_rd_cmd cmd;
    keys k;
    char *now = NULL;
    size_t size = 0;
    gofer_status st = gf_rd_now_write(f, &now, &size);
    if (st != GOFER_OK)
        return st;
    begin(&cmd, &k, &save_script, f->id);
    add_front(&cmd, f, gf_rd_flow_due(f, now_ms));
    gf_rd_add(&cmd.args, "now");
    gf_rd_add_bytes(&cmd.args, now, size);
    for (size_t i = 0; i < pairs->count; i++)
        gf_rd_add_bytes(&cmd.args, pairs->words[i], pairs->sizes[i]);
    st = save(s, &cmd, f, done);
    gf_free(now);
    return st;
}

static gofer_status mold_one(const gf_rd_flow *f, const gf_message *like, uint32_t n,
    const gf_flow_item *item, gf_bytes *out)
{
    char id[GF_ID_MAX + 1], header[GF_ID_MAX + 32], *headers;
    gf_message m = *like;
    gf_rd_step_id(f, n, id);
    snprintf(header, sizeof header, "%.200s/%u/", f->id, (unsigned)n);
    gofer_status st = gf_headers_with(like->headers, like->headers_size, GF_HEADER_FLOW, header,
        &headers, &m.headers_size);
    if (st != GOFER_OK)
        return st;
    m.id = id;
    m.headers = headers;
    m.payload = item->bytes;
    m.payload_size = item->size;
    st = encode(&m, out);
    gf_free(headers);
    return st;
}

gofer_status gf_rd_flow_mold(gf_rd_store *s, const gf_rd_flow *f, const gf_rd_mold *how,
    gf_bytes *out)
{
    redisReply *body;
    void *memory = NULL;
    gofer_status st = gf_rd_flow_fields(s, f, 'b', &how->like, 1, &body);
    if (st != GOFER_OK)
        return st;
    const redisReply *text = body->element[0];
    st = gf_rd_reply_is_text(text)
        ? gf_wire_task_decode(text->str, (size_t)text->len, 0, &memory)
        : gf_fail(GOFER_ECORRUPT, "the flow '%s' has lost the message of a step", f->id);
    if (st == GOFER_OK) {
        gf_message *m = &((gf_wire_task *)memory)->message;
        m->queue = f->steps[how->like].queue;
        for (size_t i = 0; i < how->count && st == GOFER_OK; i++)
            st = mold_one(f, m, how->first + (uint32_t)i, &how->items[i], &out[i]);
        gf_free(memory);
    }
    gf_rd_reply_free(body);
    return st;
}

gofer_status gf_rd_flow_drop(gf_rd_store *s, gf_rd_flow *f)
{
    gf_rd_cmd cmd;
    keys k;
    bool done;
    begin(&cmd, &k, &drop_script, f->id);
    add_front(&cmd, f, DELETED);
    return save(s, &cmd, f, &done);
}
