// ops.c - the operations that change tasks: Asynq's names, done by the broker door.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/id.h"
#include "vectors/replay.h"

const char *queue_of(const cJSON *args)
{
    const char *queue = golden_text(args, "queue");
    return *queue ? queue : "default";
}

// ---- messages -----------------------------------------------------------------------------------

static void message_headers(replay *r, const cJSON *headers, gf_message *m)
{
    const char *pairs[65] = { NULL };
    size_t n = 0;
    const cJSON *h;
    char *packed;
    cJSON_ArrayForEach(h, headers) {
        if (n >= 64)
            give_up("too many headers");
        pairs[n++] = h->string;
        pairs[n++] = h->valuestring;
    }
    if (n == 0)
        return;
    if (gf_headers_pack(pairs, &packed, &m->headers_size) != GOFER_OK)
        give_up("headers: %s", gofer_error_last());
    m->headers = keep(r, gf_memdup(packed, m->headers_size));
    gf_free(packed);
}

// The message as a vector's arguments tell it; it lives until the step is over.
static gf_message message_of(replay *r, const cJSON *args)
{
    golden_bytes payload = golden_bytes_of(cJSON_GetObjectItem(args, "payload"));
    keep(r, payload.bytes);
    gf_message m = {
        .id = golden_text(args, "id"),
        .type = golden_text(args, "type"),
        .queue = golden_text(args, "queue"),
        .payload = payload.bytes,
        .payload_size = payload.size,
        .max_retry = (int32_t)golden_int(args, "retry"),
        .retried = (int32_t)golden_int(args, "retried"),
        .timeout_ms = golden_int(args, "timeout") * 1000,
        .deadline_ms = golden_int(args, "deadline") * 1000,
        .retention_ms = golden_int(args, "retention") * 1000,
    };
    message_headers(r, cJSON_GetObjectItem(args, "headers"), &m);
    return m;
}

// ---- put ----------------------------------------------------------------------------------------

static gofer_status put(replay *r, gf_put *item)
{
    gofer_status st = r->broker->ops->tasks->put(r->broker, item, 1);
    return st != GOFER_OK ? st : item->status;
}

static gofer_status enqueue_args(replay *r, const cJSON *args);

// All six ways of Asynq to put a task: what is in the arguments tells which.
static gofer_status op_put(replay *r, const cJSON *args, const cJSON *result)
{
    const cJSON *msg = cJSON_GetObjectItem(args, "msg");
    if (cJSON_GetObjectItem(args, "options") || cJSON_GetObjectItem(args, "refused"))
        return enqueue_args(r, args);
    gf_message m = message_of(r, msg ? msg : args);
    int64_t at_s = golden_int(args, "process_at_s"), ttl_s = golden_int(args, "ttl_s");
    const char *group = golden_text(msg ? msg : args, "group_key");
    gf_put item = { .message = &m,
        .group = *group ? group : NULL,
        .run_at_ms = at_s ? (at_s + r->shift_s) * 1000 : 0 };
    // Asynq's broker is told how long the lock lives, ours how long from when the task may run.
    item.unique_ms = ttl_s == 0 ? 0 : (at_s ? ttl_s - (at_s - r->now_s) : ttl_s) * 1000;
    (void)result;
    return put(r, &item);
}

// ---- the public client: options as the vectors write them ---------------------------------------

typedef struct call {
    gofer_enqueue_options o;
    int64_t     unique_ms;
    const char *group;
} call;

// The part between the parentheses, without quotes; NULL: another option.
static const char *argument(replay *r, const char *option, const char *name)
{
    size_t n = strlen(name);
    if (strncmp(option, name, n) != 0 || option[n] != '(')
        return NULL;
    char *out = keep(r, strdup(option + n + 1));
    out[strlen(out) - 1] = '\0';
    if (*out == '"') {
        out[strlen(out) - 1] = '\0';
        out++;
    }
    return out;
}

static int64_t duration_of(const char *text)
{
    int64_t ms;
    if (gofer_parse_duration(text, &ms) != GOFER_OK)
        give_up("'%s': %s", text, gofer_error_last());
    return ms;
}

static int64_t time_of(const char *text)
{
    int64_t ms;
    if (gofer_parse_time(text, &ms) != GOFER_OK)
        give_up("'%s': %s", text, gofer_error_last());
    return ms;
}

static void take_option(replay *r, const char *option, call *c)
{
    const char *a;
    if ((a = argument(r, option, "TaskID")))
        c->o.task_id = a;
    else if ((a = argument(r, option, "Queue")))
        c->o.queue = a;
    else if ((a = argument(r, option, "MaxRetry")))
        c->o.max_retry = strcmp(a, "0") == 0 ? GOFER_NO_RETRY : atoi(a);
    else if ((a = argument(r, option, "Timeout")))
        c->o.timeout_ms = duration_of(a);
    else if ((a = argument(r, option, "Deadline")))
        c->o.deadline_ms = time_of(a);
    else if ((a = argument(r, option, "Retention")))
        c->o.retention_ms = duration_of(a);
    else if ((a = argument(r, option, "ProcessAt")))
        c->o.run_at_ms = time_of(a) + r->shift_s * 1000;
    else if ((a = argument(r, option, "Unique")))
        c->unique_ms = duration_of(a);
    else if ((a = argument(r, option, "Group")))
        c->group = a;
    else
        give_up("the option %s is not known here", option);
}

// Where the client has no such option yet, the broker door is called with the message as
// the client makes it.
static gofer_status put_by_door(replay *r, const call *c, const cJSON *args,
    const golden_bytes *payload)
{
    gf_message m = {
        .id = c->o.task_id,
        .type = golden_text(args, "type"),
        .queue = c->o.queue ? c->o.queue : "default",
        .payload = payload->bytes,
        .payload_size = payload->size,
        .max_retry = 25,
        .timeout_ms = 1800000,
    };
    gf_put item = { .message = &m, .group = c->group, .unique_ms = c->unique_ms };
    return put(r, &item);
}

// The payload is not among the arguments of some steps: then it is the one of the message made.
static golden_bytes payload_of(replay *r, const cJSON *args, const char *id)
{
    const cJSON *payload = cJSON_GetObjectItem(args, "payload"), *entry;
    cJSON_ArrayForEach(entry, r->after) {
        const cJSON *msg = cJSON_GetObjectItem(cJSON_GetObjectItem(entry, "decoded"), "msg");
        if (!payload && msg && id && strcmp(golden_text(msg, "id"), id) == 0 &&
            *golden_text(msg, "payload"))
            payload = cJSON_GetObjectItem(msg, "payload");
    }
    golden_bytes b = golden_bytes_of(payload);
    keep(r, b.bytes);
    return b;
}

static const char *const *header_pairs(replay *r, const cJSON *headers)
{
    const char **pairs =
        keep(r, calloc(2 * (size_t)cJSON_GetArraySize(headers) + 1, sizeof *pairs));
    size_t n = 0;
    const cJSON *h;
    cJSON_ArrayForEach(h, headers) {
        pairs[n++] = h->string;
        pairs[n++] = h->valuestring;
    }
    return n ? pairs : NULL;
}

static gofer_status refused(replay *r, gofer_client *client, const char *what)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    (void)r;
    if (strcmp(what, "blank type") == 0)
        return gofer_client_enqueue(client, "", NULL, 0, NULL, NULL);
    if (strcmp(what, "nil task") == 0)
        return gofer_client_enqueue(client, NULL, NULL, 0, NULL, NULL);
    if (strcmp(what, "blank queue") == 0)
        o.queue = "";
    else if (strcmp(what, "blank id") == 0)
        o.task_id = "";
    else
        return GOFER_EINVAL;       // blank groups and short locks: options that the
                                   //   client does not have yet
    return gofer_client_enqueue(client, "t", NULL, 0, &o, NULL);
}

static gofer_status enqueue_by_client(replay *r, gofer_client *client, const cJSON *args)
{
    const cJSON *option, *result_id = NULL, *entry;
    call c = { .group = NULL };
    gofer_enqueue_options_init(&c.o);
    cJSON_ArrayForEach(option, cJSON_GetObjectItem(args, "options"))
        take_option(r, option->valuestring, &c);
    // An id that the recording drew: the one whose hash is new.
    cJSON_ArrayForEach(entry, r->after) if (!c.o.task_id &&
        !find_key(r->before, golden_text(entry, "key")) && cJSON_GetObjectItem(entry, "decoded"))
        result_id =
            cJSON_GetObjectItem(cJSON_GetObjectItem(cJSON_GetObjectItem(entry, "decoded"), "msg"),
                "id");
    if (result_id)
        c.o.task_id = result_id->valuestring;
    c.o.headers = header_pairs(r, cJSON_GetObjectItem(args, "headers"));
    golden_bytes payload = payload_of(r, args, c.o.task_id);
    if (c.group || c.unique_ms)
        return put_by_door(r, &c, args, &payload);
    return gofer_client_enqueue(client, golden_text(args, "type"), payload.bytes, payload.size,
        &c.o, NULL);
}

static gofer_status enqueue_args(replay *r, const cJSON *args)
{
    gofer_client *client;
    if (gofer_client_open(&client, r->url, NULL) != GOFER_OK)
        give_up("%s", gofer_error_last());
    const char *what = golden_text(args, "refused");
    gofer_status st = *what ? refused(r, client, what) : enqueue_by_client(r, client, args);
    gofer_client_close(client);
    return st;
}

// ---- taking -------------------------------------------------------------------------------------

static gofer_status op_dequeue(replay *r, const cJSON *args, const cJSON *result)
{
    gf_share shares[8];
    gf_claim *claim = NULL;
    gf_take take = { .worker = "replay",
        .queues = shares,
        .max = 1,
        .lease_ms = REPLAY_LEASE_MS,
        .claims = &claim };
    const cJSON *q;
    cJSON_ArrayForEach(q, cJSON_GetObjectItem(args, "queues"))
        shares[take.queue_count++] = (gf_share){ q->valuestring, 1 };
    gofer_status st = r->broker->ops->tasks->exchange(r->broker, NULL, 0, &take);
    if (st != GOFER_OK)
        return st;
    if (!claim)
        return GOFER_EEMPTY;
    const char *want = golden_text(cJSON_GetObjectItem(result, "msg"), "id");
    if (strcmp(claim->message.id, want) != 0)
        differ(r, "result: took %s, not %s", claim->message.id, want);
    gf_claim_free(claim);
    return GOFER_OK;
}

// ---- finishing ----------------------------------------------------------------------------------

static int64_t score_in(const cJSON *keyspace, const char *key, const char *id)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, cJSON_GetObjectItem(find_key(keyspace, key), "value"))
        if (strcmp(m->child->valuestring, id) == 0)
            return golden_whole(m->child->next->valuestring);
    return 0;
}

// The task's message as recorded; of a task that is gone: any.
static gf_bytes stored_message(const cJSON *hash, const char *queue, const char *id)
{
    const gf_message m = { .id = id, .type = "t", .queue = queue };
    golden_bytes recorded = golden_bytes_of(cJSON_GetObjectItem(hash, "msg"));
    gf_bytes out = { NULL, 0 };
    if (recorded.bytes)
        out = (gf_bytes){ gf_memdup(recorded.bytes, recorded.size), recorded.size };
    else if (gf_wire_task_encode(&m, NULL, NULL, &out) != GOFER_OK)
        give_up("%s: %s", id, gofer_error_last());
    free(recorded.bytes);
    return out;
}

// A claim as if a gofer worker had taken the task that the recording shows active.
static gf_rd_claim *claim_of(replay *r, const char *queue, const char *id)
{
    gf_rd_key key, lease;
    char rest[300];
    snprintf(rest, sizeof rest, "t:%s", id);
    gf_rd_key_of(&key, queue, rest);
    gf_rd_key_of(&lease, queue, "lease");
    const cJSON *hash = cJSON_GetObjectItem(find_key(r->before, key.text), "value");
    gf_bytes message = stored_message(hash, queue, id);
    gf_rd_claim *c;
    if (gf_rd_claim_make(queue, id, message.bytes, message.size, 0, &c) != GOFER_OK)
        give_up("%s: %s", key.text, gofer_error_last());
    gf_bytes_clear(&message);

    int64_t score = score_in(r->before, lease.text, id);
    c->base.token = gf_random64();
    gf_rd_token_text(c->base.token, c->token_text);
    atomic_store(&c->score, (score ? score : r->now_s) + r->shift_s);
    if (score)
        raw_do(r, "HSET %s gofer:claim %s", key.text, c->token_text);
    return c;
}

static gofer_status finish(replay *r, const cJSON *args, gf_finish how)
{
    gf_rd_claim *c = claim_of(r, queue_of(args), golden_text(args, "id"));
    how.claim = &c->base;
    gofer_status st = r->broker->ops->tasks->exchange(r->broker, &how, 1, NULL);
    gf_claim_free(&c->base);
    return st != GOFER_OK ? st : how.status;
}

static gofer_status op_done(replay *r, const cJSON *args, const cJSON *result)
{
    (void)result;
    return finish(r, args, (gf_finish){ .outcome = GF_DONE });
}

static gofer_status op_requeue(replay *r, const cJSON *args, const cJSON *result)
{
    (void)result;
    return finish(r, args, (gf_finish){ .outcome = GF_REQUEUE });
}

static gofer_status op_retry(replay *r, const cJSON *args, const cJSON *result)
{
    (void)result;
    return finish(r, args, (gf_finish){
        .outcome = GF_RETRY_AT, .is_failure = golden_true(args, "is_failure"),
            .error = golden_text(args, "error"),
        .at_ms = (golden_int(args, "retry_at_s") + r->shift_s) * 1000,
    });
}

static gofer_status op_archive(replay *r, const cJSON *args, const cJSON *result)
{
    (void)result;
    return finish(r, args, (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true,
        .error = golden_text(args, "error") });
}

// gofer hands results over with the end of the task; Go's writer before it. Both must be kept.
static gofer_status op_write_result(replay *r, const cJSON *args, const cJSON *result)
{
    (void)args, (void)result;
    r->own_check = true;           // the result is written with mark_as_complete
    return GOFER_OK;
}

static gofer_status op_complete(replay *r, const cJSON *args, const cJSON *result)
{
    char key[300];
    (void)result;
    snprintf(key, sizeof key, "asynq:{%s}:t:%s", queue_of(args), golden_text(args, "id"));
    const cJSON *stored =
        cJSON_GetObjectItem(cJSON_GetObjectItem(find_key(r->before, key), "value"), "result");
    golden_bytes bytes = golden_bytes_of(stored);
    keep(r, bytes.bytes);
    if (stored)
        raw_do(r, "HDEL %s result", key);
    return finish(r, args, (gf_finish){ .outcome = GF_DONE, .result = bytes.bytes,
        .result_size = bytes.size });
}

// ---- leases, housekeeping -----------------------------------------------------------------------

static gofer_status op_extend(replay *r, const cJSON *args, const cJSON *result)
{
    gf_rd_claim *known = claim_of(r, queue_of(args), "b"),
                *stranger = claim_of(r, queue_of(args), "a");
    gf_lease leases[2] = { { .claim = &known->base }, { .claim = &stranger->base } };
    (void)result;
    // Without a lease and with somebody else's claim. (One of ours whose lease a hand has
    // deleted is put right.)
    raw_do(r, "ZREM asynq:{default}:lease a");
    raw_do(r, "HSET asynq:{default}:t:a gofer:claim another");
    gofer_status st = r->broker->ops->tasks->extend(r->broker, leases, 2, REPLAY_LEASE_MS);
    if (leases[0].status != GOFER_OK || leases[1].status != GOFER_ESTALE)
        differ(r, "result: extended with %s and %s", gofer_status_name(leases[0].status),
            gofer_status_name(leases[1].status));
    redisReply *added = raw(r, "ZSCORE asynq:{default}:lease a");
    if (added->type != REDIS_REPLY_NIL)
        differ(r, "result: a lease was made for a task without one");
    freeReplyObject(added);
    raw_do(r, "ZADD asynq:{default}:lease %" PRId64 " a",
        score_in(r->before, "asynq:{default}:lease", "a") + r->shift_s);
    gf_claim_free(&known->base);
    gf_claim_free(&stranger->base);
    return st;
}

// Asynq lists what ran out 30 s ago; our recovery takes just those, of a Go
// worker, back to pending.
static gofer_status op_list_expired(replay *r, const cJSON *args, const cJSON *result)
{
    gf_recovered got = { .requeued = 0, .archived = 0 };
    (void)args;
    gofer_status st = r->broker->ops->upkeep->recover(r->broker, 100, 10, &got);
    if (got.requeued != (size_t)cJSON_GetArraySize(result) || got.archived != 0)
        differ(r, "result: %zu recovered and %zu archived, not %d", got.requeued, got.archived,
            cJSON_GetArraySize(result));
    redisReply *active = raw(r, "LRANGE asynq:{default}:active 0 -1"),
               *pending = raw(r, "LRANGE asynq:{default}:pending 0 -1");
    if (active->elements != 1 || strcmp(active->element[0]->str, "b") != 0 ||
        pending->elements != 1)
        differ(r, "result: %zu active and %zu pending after recovery", active->elements,
            pending->elements);
    freeReplyObject(active);
    freeReplyObject(pending);
    r->own_check = true;
    return st;
}

static gofer_status op_forward(replay *r, const cJSON *args, const cJSON *result)
{
    size_t done;
    int64_t next_ms;
    (void)args, (void)result;
    return r->broker->ops->upkeep->forward(r->broker, 1000, &done, &next_ms);
}

static gofer_status op_purge(replay *r, const cJSON *args, const cJSON *result)
{
    size_t done;
    (void)args, (void)result;
    return r->broker->ops->upkeep->purge(r->broker, 1000, &done);
}

// The recording changed something by hand.
static gofer_status op_redis(replay *r, const cJSON *args, const cJSON *result)
{
    const cJSON *cmd = cJSON_GetObjectItem(args, "cmd");
    (void)result;
    if (cJSON_GetArraySize(cmd) != 3)
        give_up("a command of %d words", cJSON_GetArraySize(cmd));
    raw_do(r, "%s %s %s", cJSON_GetArrayItem(cmd, 0)->valuestring,
        cJSON_GetArrayItem(cmd, 1)->valuestring, cJSON_GetArrayItem(cmd, 2)->valuestring);
    return GOFER_OK;
}

const operation change_operations[] = {
    { "enqueue", op_put }, { "enqueue_unique", op_put }, { "schedule", op_put },
    { "schedule_unique", op_put },
    { "add_to_group", op_put }, { "add_to_group_unique", op_put },
    { "dequeue", op_dequeue }, { "done", op_done }, { "requeue", op_requeue },
    { "retry", op_retry },
    { "archive", op_archive }, { "write_result", op_write_result },
    { "mark_as_complete", op_complete },
    { "extend_lease", op_extend }, { "list_lease_expired", op_list_expired },
    { "forward", op_forward }, { "delete_expired_completed", op_purge }, { "redis", op_redis },
    { NULL, NULL },
};
