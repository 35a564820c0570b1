// take.c - ends tasks and takes new ones, in one script for a queue: the hot path.
#include <stdio.h>
#include <string.h>

#include "broker/redis/task/exchange.h"
#include "redis_scripts.h"
#include "util/error.h"
#include "util/id.h"

static const gf_rd_script end_and_take = {
    .name = "end and take",
    .rights =
        "EXISTS LRANGE HMGET LLEN LTRIM LREM RPUSH LPUSH ZREM ZADD UNLINK DEL GET HGET HSET HDEL "
        "INCRBY EXPIREAT ZCARD ZRANGEBYSCORE",
    .is_urgent = true,
    .allow_oom = true,
    .text = gf_rd_lua_take,
};

// ---- tokens -------------------------------------------------------------------------------------

enum { TOKEN_NUMBERS = 0xffff };           // the low bits tell the claims of one take
                                           //   apart, for us alone

void gf_rd_taking_token(gf_rd_taking *how)
{
    how->token = gf_random64() & ~(uint64_t)TOKEN_NUMBERS;
    gf_rd_token_text(how->token, how->token_text);
}

// ---- asking -------------------------------------------------------------------------------------

static int64_t count_locks(const gf_finish *done, const uint32_t *items, size_t count)
{
    int64_t locks = 0;
    for (size_t i = 0; i < count; i++)
        locks += ((const gf_rd_claim *)done[items[i]].claim)->unique_key != NULL;
    return locks;
}

static void add_locks(gf_rd_args *a, const gf_finish *done, const uint32_t *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const gf_rd_claim *claim = (const gf_rd_claim *)done[items[i]].claim;
        if (!claim->unique_key)
            continue;
        gf_rd_add_int(a, (int64_t)i + 1);
        gf_rd_add(a, claim->unique_key);
    }
}

// What was taken together is mostly ended together, which saves the server two words of each.
static void add_runs(gf_rd_args *a, const gf_finish *done, const uint32_t *items, size_t count)
{
    for (size_t i = 0, next; i < count; i = next) {
        const gf_rd_claim *first = (const gf_rd_claim *)done[items[i]].claim;
        int64_t score = atomic_load(&first->score);
        for (next = i + 1; next < count; next++) {
            const gf_rd_claim *claim = (const gf_rd_claim *)done[items[next]].claim;
            if (atomic_load(&claim->score) != score ||
                strcmp(claim->token_text, first->token_text) != 0)
                break;
        }
        gf_rd_add(a, first->token_text);
        gf_rd_add_int(a, score);
        gf_rd_add_int(a, (int64_t)(next - i));
    }
}

// Of those that are not simply done. Who waits for them hears it; the result of a task without
// retention is for them alone.
static void add_ends(gf_rd_args *a, const gf_finish *done, const uint32_t *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const gf_finish *f = &done[items[i]];
        if (f->outcome == GF_DONE && !f->result)
            continue;
        gf_rd_add_int(a, (int64_t)i + 1);
        bool well = f->outcome == GF_DONE;
        gf_end dropped = f->expired ? GF_END_EXPIRED : GF_END_REVOKED;
        gf_rd_add(a, gf_end_name(well ? GF_END_DONE : dropped));
        gf_rd_add_bytes(a, well ? f->result : "", well ? f->result_size : 0);
    }
}

void gf_rd_take_add(gf_rd_cmd *cmd, const gf_rd_part *p, const gf_finish *done,
    const uint32_t *items, size_t count, const gf_rd_taking *how)
{
    static const gf_rd_part_key keys[] = { GF_RD_KEYS_TAKE(GF_RD_PART_KEY) };
    gf_rd_script_begin(cmd, &end_and_take, p->queue, how->want == 0);
    cmd->counts = count > 0;
    gf_rd_args *a = &cmd->args;
    int64_t reach = GF_RD_REACH_S, lowest = INT64_MAX, highest = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        gf_rd_add(a, p->keys[keys[i]]);
    for (size_t i = 0; i < count; i++) {
        const gf_rd_claim *claim = (const gf_rd_claim *)done[items[i]].claim;
        int64_t its_reach = atomic_load(&claim->reach), score = atomic_load(&claim->score);
        reach = its_reach > reach ? its_reach : reach;
        lowest = score < lowest ? score : lowest;
        highest = score > highest ? score : highest;
        gf_rd_add(a, claim->key);
    }
    gf_rd_add(a, p->keys[GF_RD_WAITS]);
    cmd->key_count = (int32_t)a->count;
    enum { GF_RD_ARGS_TAKE(GF_RD_ARG) COUNT };
    const gf_rd_arg words[COUNT] = {
        [PREFIX] = gf_rd_arg_text(p->keys[GF_RD_TASK]),
        [REACH] = gf_rd_arg_int(reach),
        [WANT] = gf_rd_arg_int((int64_t)how->want),
        [LEASE_MS] = gf_rd_arg_int(how->lease_ms),
        [CLAIM] = gf_rd_arg_short(how->token_text),        // `how` moves when more steps come
        [WORKER] = gf_rd_arg_text(how->worker),
        [FLAGS] = gf_rd_arg_int(how->wants_rest + 2 * how->suspects),
        [LOCKS] = gf_rd_arg_int(count_locks(done, items, count)),
        [LOWEST] = gf_rd_arg_int(count ? lowest : 0),
        [HIGHEST] = gf_rd_arg_int(highest),
        [BYTES] = gf_rd_arg_int(how->room),
        [LONGEST] = gf_rd_arg_int(GF_RD_MESSAGE_MAX),
        [SHUT] = gf_rd_arg_text(how->want && how->shut ? how->shut : ""),
    };
    gf_rd_add_all(a, words, COUNT);
    add_locks(a, done, items, count);
    add_runs(a, done, items, count);
    add_ends(a, done, items, count);
}

// ---- answers ------------------------------------------------------------------------------------

enum { LOST, SCORE, REST, GHOSTS, CRASHES, TASKS };    // of the answer
enum { SUSPECT_NEXT = -2, LACKS_LIMITS = -3 };         // in REST
enum { ID, MESSAGE, SINCE, TASK_WORDS };

const redisReply *gf_rd_take_lost(const redisReply *reply)
{
    return gf_rd_reply_at(reply, LOST, REDIS_REPLY_ARRAY);
}

static void log_ghosts(gf_rd_store *s, const char *queue, int64_t count)
{
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)count);
    gf_logf(&s->base.config.log, GOFER_LOG_WARN, "ids without a task were dropped from a queue",
        "queue", queue, "#count", number, NULL);
}

// Out of the way at once, for it would be taken again and again.
static void archive_unreadable(gf_rd_store *s, const gf_rd_part *p, const redisReply *id,
    const char *token, int64_t score)
{
    char why[512];
    snprintf(why, sizeof why, "%s", gofer_error_last());
    gofer_status st = gf_rd_finish_unreadable(s, p, id, token, score, why);
    gf_logf(&s->base.config.log, GOFER_LOG_ERROR, "a task that cannot be read was archived",
        "queue", p->queue, "task", id->str, "why", why, "error",
        st == GOFER_OK ? "none" : gofer_error_last(), NULL);
}

static gofer_status read_one(gf_rd_store *s, const gf_rd_part *p, redisReply *const *words,
    const gf_rd_taking *how, int64_t score, gf_rd_claim **out)
{
    const redisReply *id = words[ID], *message = words[MESSAGE];
    gofer_status st = gf_rd_claim_make(p->queue, id->str, message->str, (size_t)message->len,
        how->room_each, out);
    if (st == GOFER_ECORRUPT)
        archive_unreadable(s, p, id, how->token_text, score);
    if (st != GOFER_OK)
        return st;
    gf_rd_claim *claim = *out;
    if (p->shown)
        claim->base.message.queue = p->shown;          // kept as long as the store
    memcpy(claim->token_text, how->token_text, sizeof claim->token_text);
    atomic_store_explicit(&claim->score, score, memory_order_relaxed);
    claim->base.lease_until_ms = how->sent_ms + how->lease_ms;
    claim->base.message.enqueued_ms = gf_rd_enqueued_ms(words[SINCE], id->str);
    claim->base.ready_ms = gf_rd_enqueued_ms(words[SINCE], "");
    return GOFER_OK;
}

// Whoever wrote it did not ask whether it can be read.
static gofer_status leave_aside(gf_rd_store *s, const gf_rd_part *p, redisReply *const *words,
    const gf_rd_taking *how, int64_t score)
{
    char why[200];
    gf_rd_too_long(why, sizeof why, words[MESSAGE]->integer);
    gf_fail(GOFER_ECORRUPT, "%s", why);
    archive_unreadable(s, p, words[ID], how->token_text, score);
    return GOFER_ECORRUPT;
}

// Few have crashed before: a list of numbers (from 1) and crashes in turn.
static gf_blame blame_of(const redisReply *list, size_t number)
{
    for (size_t i = 0; list && i + 1 < list->elements; i += 2)
        if (gf_rd_reply_int(list->element[i], 0) == (int64_t)number)
            return gf_rd_blame(list->element[i + 1]);
    return (gf_blame){ 0 };
}

// Less than 0 of a number: the task is refused.
static bool is_refused(const redisReply *list, size_t number)
{
    for (size_t i = 0; list && i + 1 < list->elements; i += 2)
        if (gf_rd_reply_int(list->element[i], 0) == -(int64_t)number)
            return true;
    return false;
}

// No memory for a claim: all that this answer brought goes back.
static void give_up(gf_rd_store *s, const gf_rd_part *p, const gf_rd_taking *how, gf_take *take,
    size_t before)
{
    while (take->count > before)
        gf_claim_free(take->claims[--take->count]);
    take->left = true;
    gf_rd_undelivered_note(s, p->queue, how->token);
}

// 0 of a number: a key had no room here that may have some elsewhere.
static void hear_lack(gf_rd_store *s, const redisReply *list)
{
    for (size_t i = 0; list && i + 1 < list->elements; i += 2)
        if (gf_rd_reply_int(list->element[i], 1) == 0)
            atomic_store(&s->limits_rung, 1);
}

int64_t gf_rd_take_read(gf_rd_store *s, gf_rd_part *p, const redisReply *reply,
    const gf_rd_taking *how, gf_take *take)
{
    int64_t bytes = 0;
    p->rest = 0;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements < TASKS)
        return 0;
    const redisReply *crashes = gf_rd_reply_at(reply, CRASHES, REDIS_REPLY_ARRAY);
    int64_t score = gf_rd_reply_int(reply->element[SCORE], 0),
            ghosts = gf_rd_reply_int(reply->element[GHOSTS], 0);
    size_t before = take->count, number = 0;
    p->rest = gf_rd_reply_int(reply->element[REST], -1);
    if (p->rest == SUSPECT_NEXT && !take->suspect)
        take->suspect = p->queue;
    p->lacks_limits = p->rest == LACKS_LIMITS;
    hear_lack(s, crashes);
    take->left |= ghosts > 0;
    if (ghosts)
        log_ghosts(s, p->queue, ghosts);
    for (size_t at = TASKS; at + TASK_WORDS <= reply->elements && take->count < take->max;
         at += TASK_WORDS) {
        redisReply *const *words = reply->element + at;
        gf_rd_claim *claim;
        number++;
        gofer_status st = GOFER_ECORRUPT;
        if (gf_rd_reply_is_text(words[ID]) && gf_rd_reply_is_text(words[MESSAGE]))
            st = read_one(s, p, words, how, score, &claim);
        else if (gf_rd_reply_is_text(words[ID]) && words[MESSAGE]->type == REDIS_REPLY_INTEGER)
            st = leave_aside(s, p, words, how, score);
        bytes += gf_rd_reply_is_text(words[MESSAGE]) ? (int64_t)words[MESSAGE]->len : 0;
        take->left |= st == GOFER_ECORRUPT;
        if (st == GOFER_ECORRUPT)
            continue;
        if (st != GOFER_OK) {
            give_up(s, p, how, take, before);
            return bytes;
        }
        claim->base.token = how->token + number;
        gf_blame blame = blame_of(crashes, number);
        claim->base.message.crashes = blame.crashes;
        claim->base.message.suspect = blame.suspect;
        claim->base.refused = is_refused(crashes, number);
        take->claims[take->count++] = &claim->base;
    }
    return bytes;
}
