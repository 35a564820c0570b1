// finish.c - verdicts that write a task again: completed, to be retried, archived, put back.
#include <stdio.h>
#include <string.h>

#include "broker/redis/lua.h"
#include "broker/redis/task/exchange.h"
#include "broker/redis/upkeep/keep.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum { TRIM_AT_ONCE = 100 };               // of the archive; the keeper's purge does the rest

// KEYS: pending, active, lease, processed, failed, retry, archived, completed, who waits for ends.
// ARGV: the tasks' prefix, how many to trim; then of each item eleven: what (completed c, with a result C,
// r, a, cancelled x, put back q), id, token, the lease's score as known and how far it may be above, the new score or the
// retention, 1: a failure, the message (empty: as it is), the result (of C) or an error to stand beside the
// message (of a; else empty), the unique lock to be freed (of c, C, a, x; else empty), and how many pairs follow of what
// is kept beside the task: b the blame of a suspect, h history, l log, k checkpoint, d none any
// more (of an empty text).
// How many to trim is negative where a full memory is to refuse it: then the first write is one that needs memory.
// Answer: numbers of items whose claim was lost, and negative ones of those that were to run again although somebody has
// asked for their end; then how many tasks the archive had no room for.
// The types of all keys are looked at, and all claims read, before the first write, which then finds nothing
// to stumble over: not even a slot that is moving away.
static const char settle_text[] =
        GF_RD_LUA_COUNT GF_RD_LUA_UNLOCK GF_RD_LUA_FREE GF_RD_LUA_TRIM GF_RD_LUA_KEEP GF_RD_LUA_TELL
        "local active, lease, now, base = KEYS[2], KEYS[3], redis.call('TIME'), string.sub(ARGV[1], 1, -3)\n"
        "local lost, successes, cancelled, failures, archives = {}, 0, 0, 0, 0\n"
        "local ends = { c = 'done', C = 'done', a = 'archived', x = 'cancelled' }\n"
        "redis.call('LLEN', KEYS[1])\n"
        "for i = 6, 8 do redis.call('ZCARD', KEYS[i]) end\n"
        "local claims, asked, items, a, waited = {}, {}, {}, 3, redis.call('EXISTS', KEYS[9]) == 1\n"
        "while a < #ARGV do\n"
        "  local task = redis.pcall('HMGET', ARGV[1] .. ARGV[a + 1], 'gofer:claim', 'gofer:cancel')\n"
        "  if task.err and not string.find(task.err, 'WRONGTYPE', 1, true) then return task end\n"
        "  if waited and ends[ARGV[a]] then redis.call('EXISTS', base .. 'gofer:end:' .. ARGV[a + 1]) end\n"
        "  claims[a], asked[a], items[#items + 1] = task[1], task[2], a\n"
        "  a = a + 11 + 2 * ARGV[a + 10]\n"
        "end\n"
        "for _, a in ipairs(items) do\n"
        "  if tonumber(ARGV[2]) < 0 and claims[a] == ARGV[a + 2] then\n"
        "    redis.call('HSET', ARGV[1] .. ARGV[a + 1], 'gofer:claim', claims[a])\n"
        "    break\n"
        "  end\n"
        "end\n"
        "for number, a in ipairs(items) do\n"
        "  local what, id, known, score = ARGV[a], ARGV[a + 1], tonumber(ARGV[a + 3]), ARGV[a + 5]\n"
        "  local key, msg, extra = ARGV[1] .. id, ARGV[a + 7], ARGV[a + 8]\n"
        "  local completes = what == 'c' or what == 'C'\n"
        "  local lasts = tonumber(redis.call('ZSCORE', lease, id) or nil)\n"
        "  local ours = lasts and lasts >= known and lasts < known + ARGV[a + 4] and claims[a] == ARGV[a + 2]\n"
        "  if ours and asked[a] == ARGV[a + 2] and (what == 'r' or what == 'q') then\n"
        "    lost[#lost + 1] = -number\n"
        "  elseif ours and redis.call('LREM', active, -1, id) == 1 then\n"
        "    redis.call('ZREM', lease, id)\n"
        "    redis.call('HDEL', key, 'gofer:claim', 'gofer:worker', 'gofer:progress', 'gofer:cancel',\n"
        "      completes and 'gofer:ckpt' or 'gofer:claim')\n"
        "    if what == 'q' then\n"
        "      redis.call('RPUSH', KEYS[1], id)\n"
        "      redis.call('HSET', key, 'state', 'pending')\n"
        "      if msg ~= '' then redis.call('HSET', key, 'msg', msg) end\n"
        "    else\n"
        "      local to, state\n"
        "      if completes then\n"
        "        to, state, score = KEYS[8], 'completed', string.format('%.0f', now[1] + score)\n"
        "      elseif what == 'r' then to, state = KEYS[6], 'retry'\n"
        "      else to, state, score, archives = KEYS[7], 'archived', now[1], archives + 1 end\n"
        "      redis.call('ZADD', to, score, id)\n"
        "      if msg == '' then redis.call('HSET', key, 'state', state)\n"
        "      else redis.call('HSET', key, 'state', state, 'msg', msg) end\n"
        "      if what == 'C' then redis.call('HSET', key, 'result', extra)\n"
        "      elseif extra ~= '' then redis.call('HSET', key, 'gofer:error', extra) end\n"
        "      if completes then successes = successes + 1\n"
        "      elseif what == 'x' then cancelled = cancelled + 1\n"
        "      elseif ARGV[a + 6] == '1' then failures = failures + 1 end\n"
        "      if ARGV[a + 9] ~= '' then unlock(ARGV[a + 9], id) end\n"
        "    end\n"
        "    for p = a + 11, a + 9 + 2 * ARGV[a + 10], 2 do\n"
        "      local kind, text = ARGV[p], ARGV[p + 1]\n"
        "      if kind == 'h' then keep(key, 'gofer:attempts', text)\n"
        "      elseif kind == 'l' then keep(key, 'gofer:log', text)\n"
        "      elseif kind == 'b' then\n"
        "        redis.call('HDEL', key, 'gofer:proven')\n"
        "        redis.call('HSET', key, 'gofer:crashes', text)\n"
        "      elseif kind == 'k' then redis.call('HSET', key, 'gofer:ckpt', text)\n"
        "      else redis.call('HDEL', key, 'gofer:ckpt') end\n"
        "    end\n"
        "    if waited and ends[what] then tell(base, id, ends[what], what == 'C' and extra) end\n"
        "  else\n"
        "    lost[#lost + 1] = number\n"
        "  end\n"
        "end\n"
        "if successes + cancelled > 0 then count(now, successes + cancelled, KEYS[4]) end\n"
        "if failures > 0 then count(now, failures, KEYS[4], KEYS[5]) end\n"
        "return { lost, archives > 0 and trim(KEYS[7], ARGV[1], now, math.abs(ARGV[2])) or 0 }\n";

static const gf_rd_script settle = { .name = "settle", .allow_oom = true, .text = settle_text };
// Kept results would otherwise fill a server beyond its limit, however low that is.
static const gf_rd_script settle_large = { .name = "settle with large results", .text = settle_text };

enum { RESULT_SMALL = 4096 };              // such results are stored in a full memory too

bool gf_rd_is_large(const gf_finish *f)
{
    return f->verdict == GF_DONE && !gf_rd_is_plain(f) && f->result && f->result_size > RESULT_SMALL;
}

bool gf_rd_is_plain(const gf_finish *f)
{
    return f->verdict == GF_DROP || (f->verdict == GF_DONE && f->claim->message.retention_ms <= 0);
}

void gf_rd_settle_begin(gf_rd_cmd *cmd, const gf_rd_part *p, bool large)
{
    static const gf_rd_part_key keys[] = {
        GF_RD_PENDING, GF_RD_ACTIVE, GF_RD_LEASE, GF_RD_PROCESSED,
        GF_RD_FAILED, GF_RD_RETRY, GF_RD_ARCHIVED, GF_RD_COMPLETED, GF_RD_WAITS,
    };
    gf_rd_script_begin(cmd, large ? &settle_large : &settle, p->queue, true);
    cmd->counts = true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        gf_rd_add(&cmd->args, p->keys[keys[i]]);
    cmd->key_count = sizeof keys / sizeof *keys;
    gf_rd_add(&cmd->args, p->keys[GF_RD_TASK]);
    gf_rd_add_int(&cmd->args, large ? -TRIM_AT_ONCE : TRIM_AT_ONCE);
}

static int64_t seconds_up(int64_t ms)
{
    return ms > 0 ? (ms + 999) / 1000 : 0;
}

// What is written into the stored message, which keeps all that we do not know.
static gf_wire_change change_of(const gf_finish *f)
{
    int64_t now_ms = gf_now_ms();
    bool fails = f->verdict == GF_RETRY_AT || f->verdict == GF_ARCHIVE || f->verdict == GF_CANCELLED;
    return (gf_wire_change){
        .completed_ms = f->verdict == GF_DONE ? now_ms : 0,
        .set_failed = fails,
        .error = f->error,
        .last_failed_ms = fails ? now_ms : 0,
        .add_retried = f->is_failure && f->verdict == GF_RETRY_AT,    // archiving is no retry: the count stays
        .set_headers = f->headers && (f->verdict == GF_RETRY_AT || f->verdict == GF_REQUEUE),
        .headers = f->headers,
        .headers_size = f->headers_size,
    };
}

static const char *letter_of(const gf_finish *f)
{
    switch (f->verdict) {
    case GF_RETRY_AT:  return "r";
    case GF_ARCHIVE:   return "a";
    case GF_CANCELLED: return "x";
    case GF_REQUEUE:   return "q";
    default:           return f->result ? "C" : "c";
    }
}

// A lock ends with its task.
static const char *lock_to_free(const gf_finish *f)
{
    const gf_rd_claim *claim = (const gf_rd_claim *)f->claim;
    bool goes_on = f->verdict == GF_RETRY_AT || f->verdict == GF_REQUEUE;
    return claim->unique_key && !goes_on ? claim->unique_key : "";
}

// What is kept beside the task: how many there are, then each. attempt: with its newline.
static void add_kept(gf_rd_args *a, const gf_finish *f, gf_rd_settling *with)
{
    const gf_bytes *attempt = &with->attempt;
    bool goes_on = f->verdict == GF_RETRY_AT || f->verdict == GF_REQUEUE;
    bool has_checkpoint = f->checkpoint && goes_on, has_log = f->log && *f->log;
    // What comes to an end of its own is no suspect any more.
    const gf_message *m = &f->claim->message;
    bool stays = f->verdict == GF_REQUEUE;
    gf_blame blame = { .crashes = m->crashes, .suspect = stays ? m->suspect : 0 };
    gf_rd_add_int(a, (attempt->size > 0) + has_log + has_checkpoint + (m->suspect > 0));
    if (m->suspect > 0) {
        gf_rd_blame_text(&blame, with->blame);
        gf_rd_add(a, "b");
        gf_rd_add(a, with->blame);
    }
    if (attempt->size > 0) {
        gf_rd_add(a, "h");
        gf_rd_add_bytes(a, attempt->bytes, attempt->size);
    }
    if (has_log) {
        gf_rd_add(a, "l");
        gf_rd_add(a, f->log);
    }
    if (has_checkpoint) {
        gf_rd_add(a, f->checkpoint_size ? "k" : "d");
        gf_rd_add_bytes(a, f->checkpoint, f->checkpoint_size);
    }
}

static gofer_status make_attempt(const gf_finish *f, gf_bytes *out)
{
    size_t size = f->attempt ? strlen(f->attempt) : 0;
    if (size == 0)
        return GOFER_OK;
    char *line = gf_alloc(size + 2);
    if (!line)
        return gf_fail_nomem("the record of an attempt");
    memcpy(line, f->attempt, size);
    memcpy(line + size, "\n", 2);
    *out = (gf_bytes){ line, size + 1 };
    return GOFER_OK;
}

gofer_status gf_rd_settle_add(gf_rd_cmd *cmd, const gf_finish *f, gf_rd_settling *with)
{
    const gf_rd_claim *claim = (const gf_rd_claim *)f->claim;
    bool completes = f->verdict == GF_DONE;
    bool has_result = completes && f->result && !with->bare;
    gf_wire_change change = change_of(f);
    gofer_status st = make_attempt(f, &with->attempt);
    if (st == GOFER_OK && (f->verdict != GF_REQUEUE || change.set_headers))
        st = gf_wire_task_change(claim->stored, claim->stored_size, &change, &with->message);
    if (st != GOFER_OK)
        return st;
    gf_rd_args *a = &cmd->args;
    gf_rd_add(a, with->bare ? "c" : letter_of(f));
    gf_rd_add(a, claim->base.message.id);
    gf_rd_add(a, claim->token_text);
    gf_rd_add_int(a, atomic_load(&claim->score));
    gf_rd_add_int(a, atomic_load(&claim->reach));
    gf_rd_add_int(a, seconds_up(completes ? claim->base.message.retention_ms : f->at_ms));
    gf_rd_add(a, f->is_failure ? "1" : "0");
    gf_rd_add_bytes(a, with->message.size ? with->message.bytes : "", with->message.size);
    gf_rd_add_bytes(a, has_result ? f->result : with->why, has_result ? f->result_size : strlen(with->why));
    gf_rd_add(a, lock_to_free(f));
    add_kept(a, f, with);
    return GOFER_OK;
}

void gf_rd_settling_clear(gf_rd_settling *with)
{
    gf_bytes_clear(&with->message);
    gf_bytes_clear(&with->attempt);
    with->bare = false;
    *with->why = '\0';
}

gofer_status gf_rd_settle_unreadable(gf_rd_store *s, const gf_rd_part *p, const redisReply *id, const char *token,
    int64_t score, const char *why)
{
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_settle_begin(&cmd, p, false);
    gf_rd_args *a = &cmd.args;
    gf_rd_add(a, "a");
    gf_rd_add_bytes(a, id->str, (size_t)id->len);
    gf_rd_add(a, token);
    gf_rd_add_int(a, score);
    gf_rd_add_int(a, GF_RD_REACH_S);
    gf_rd_add_int(a, 0);
    gf_rd_add(a, "1");
    gf_rd_add(a, "");
    gf_rd_add(a, why);
    gf_rd_add(a, "");
    gf_rd_add_int(a, 0);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    gf_rd_keep_trimmed(s, p->queue, gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0));
    freeReplyObject(reply);
    return GOFER_OK;
}
