// forward.c - tasks that are due: from scheduled and retry to the end of pending, or to their group.
#include <stdio.h>

#include "broker/redis/upkeep/keep.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum { MARGIN_MS = 2 };            // so long after a server's second has begun we look

// KEYS: scheduled, retry. Answer: TIME's two words, then the first score of each, as far as there is one.
static const gf_rd_script look_script = {
    .name = "look for due tasks",
    .text =
        "local out = redis.call('TIME')\n"
        "for i = 1, 2 do out[#out + 1] = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')[2] end\n"
        "return out\n",
};

// KEYS: scheduled, retry, pending, groups. ARGV: the tasks' prefix, how many ids to look at.
// Answer: TIME's two words, how many were moved, ghosts, then the first scores that are left.
// Both sets are merged by score. Everything is read before the first write, which frees memory; only an
// answer that a key is no hash makes a ghost of an id, for in a Cluster there are others.
static const gf_rd_script forward_script = {
    .name = "forward",
    .allow_oom = true,
    .text =
        "local now, n, prefix = redis.call('TIME'), tonumber(ARGV[2]), ARGV[1]\n"
        "local function due(key)\n"
        "  return redis.call('ZRANGEBYSCORE', key, '-inf', now[1], 'WITHSCORES', 'LIMIT', 0, n)\n"
        "end\n"
        "local a, b, i, j, all = due(KEYS[1]), due(KEYS[2]), 1, 1, {}\n"
        "while #all < n and (a[i] or b[j]) do\n"
        "  if a[i] and (not b[j] or tonumber(a[i + 1]) <= tonumber(b[j + 1])) then\n"
        "    all[#all + 1] = { KEYS[1], a[i] }\n"
        "    i = i + 2\n"
        "  else\n"
        "    all[#all + 1] = { KEYS[2], b[j] }\n"
        "    j = j + 2\n"
        "  end\n"
        "end\n"
        "local groups = string.sub(prefix, 1, -3) .. 'g:'\n"
        "for _, it in ipairs(all) do\n"
        "  local f = redis.pcall('HMGET', prefix .. it[2], 'msg', 'group', 'gofer:claim')\n"
        "  if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then return redis.error_reply(f.err) end\n"
        "  it.fields = f\n"
        "  if f[1] and f[2] and f[2] ~= '' then\n"
        "    it.group = groups .. f[2]\n"
        "    redis.call('ZCARD', it.group)\n"
        "  end\n"
        "end\n"
        "redis.call('LLEN', KEYS[3])\n"
        "redis.call('SCARD', KEYS[4])\n"
        "local since = now[1] .. string.format('%06d', now[2]) .. '000'\n"
        "local gone, moved, ghosts, ready = { [KEYS[1]] = {}, [KEYS[2]] = {} }, 0, 0, {}\n"
        "for _, it in ipairs(all) do\n"
        "  local ids = gone[it[1]]\n"
        "  ids[#ids + 1] = it[2]\n"
        "end\n"
        "for key, ids in pairs(gone) do\n"
        "  if #ids > 0 then redis.call('ZREM', key, unpack(ids)) end\n"
        "end\n"
        "for _, it in ipairs(all) do\n"
        "  local f, key = it.fields, prefix .. it[2]\n"
        "  if not f[1] then\n"
        "    ghosts = ghosts + 1\n"
        "    if not f.err then redis.call('DEL', key) end\n"
        "  else\n"
        "    moved = moved + 1\n"
        "    if f[3] then redis.call('HDEL', key, 'gofer:claim', 'gofer:worker', 'gofer:progress', 'gofer:cancel') end\n"
        "    if it.group then\n"
        "      redis.call('ZADD', it.group, now[1], it[2])\n"
        "      redis.call('SADD', KEYS[4], f[2])\n"
        "      redis.call('HSET', key, 'state', 'aggregating')\n"
        "    else\n"
        "      redis.call('HSET', key, 'state', 'pending', 'pending_since', since)\n"
        "      ready[#ready + 1] = it[2]\n"
        "    end\n"
        "  end\n"
        "end\n"
        "if #ready > 0 then redis.call('LPUSH', KEYS[3], unpack(ready)) end\n"
        "local out = { now[1], now[2], tostring(moved), tostring(ghosts) }\n"
        "for k = 1, 2 do out[#out + 1] = redis.call('ZRANGE', KEYS[k], 0, 0, 'WITHSCORES')[2] end\n"
        "return out\n",
};

enum { SECONDS, MICROSECONDS, LOOK_FIRST, MOVED = LOOK_FIRST, GHOSTS, FORWARD_FIRST };    // of the answers

// What is known of one queue.
typedef struct later {
    int64_t first_s;               // the lowest score; GF_RD_NEVER: none
    int64_t server_ms, at_ms;      // the server's clock, and ours when we heard of it
} later;

typedef struct forwarding {
    gf_rd_store  *s;
    const char  **queues;          // of the pass
    later        *laters;          // of each
    size_t        share;           // ids for each in this pass
    size_t        seen, moved;     // ids looked at (moved, or dropped) in all
    int64_t       sent_ms;         // our clock, before the first look
} forwarding;

static bool is_due(const later *l)
{
    return l->first_s != GF_RD_NEVER && l->first_s * 1000 <= l->server_ms;
}

static void note(later *l, const redisReply *reply, size_t at)
{
    int64_t a = gf_rd_reply_score(gf_rd_reply_at(reply, at, REDIS_REPLY_STRING));
    int64_t b = gf_rd_reply_score(gf_rd_reply_at(reply, at + 1, REDIS_REPLY_STRING));
    *l = (later){ a < b ? a : b, gf_rd_reply_time_ms(reply, SECONDS), gf_now_ms() };
}

static void heard_look(void *arg, size_t i, const redisReply *reply)
{
    forwarding *f = arg;
    note(&f->laters[i], reply, LOOK_FIRST);
    gf_rd_clock_note(f->s, f->sent_ms, f->laters[i].at_ms, f->laters[i].server_ms);
}

static gofer_status add_share(void *arg, size_t i, gf_rd_args *args)
{
    const forwarding *f = arg;
    (void)i;
    gf_rd_add_int(args, (int64_t)f->share);
    return GOFER_OK;
}

static void heard_forward(void *arg, size_t i, const redisReply *reply)
{
    forwarding *f = arg;
    int64_t moved = gf_rd_reply_int(gf_rd_reply_at(reply, MOVED, REDIS_REPLY_STRING), 0);
    int64_t ghosts = gf_rd_reply_int(gf_rd_reply_at(reply, GHOSTS, REDIS_REPLY_STRING), 0);
    note(&f->laters[i], reply, FORWARD_FIRST);
    f->moved += (size_t)moved;
    f->seen += (size_t)(moved + ghosts);
    gf_rd_keep_tell(f->s, "due ids without a task were dropped", f->queues[i], ghosts);
}

// Brings queues with due tasks to the front, both arrays alike; how many.
static size_t sort_due(forwarding *f, size_t count)
{
    size_t due = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_due(&f->laters[i]))
            continue;
        const char *queue = f->queues[i];
        later l = f->laters[i];
        f->queues[i] = f->queues[due];
        f->laters[i] = f->laters[due];
        f->queues[due] = queue;
        f->laters[due++] = l;
    }
    return due;
}

// Passes over the queues with due tasks, each getting an equal share, until nothing is due or the limit is
// reached. Each pass looks at an id or more.
static gofer_status forward_due(forwarding *f, size_t count, size_t limit)
{
    static const char *const rests[] = { "scheduled", "retry", "pending", "groups", NULL };
    static const gf_rd_visit visit = { .script = &forward_script, .rests = rests, .add = add_share, .heard = heard_forward };
    while (f->seen < limit) {
        size_t due = sort_due(f, count), left = limit - f->seen, before = f->seen;
        if (due == 0)
            break;
        due = due < left ? due : left;
        f->share = left / due < GF_RD_CHUNK ? left / due : GF_RD_CHUNK;
        gofer_status st = gf_rd_visit_run(f->s, &visit, f->queues, due, f);
        if (st != GOFER_OK)
            return f->moved ? GOFER_OK : st;
        if (f->seen == before)
            break;
    }
    return GOFER_OK;
}

// When to look again: the first known time, and, since others add tasks unseen, the next second of the server's
// clock, in which scores are. All on our own clock.
static int64_t next_look_ms(const forwarding *f, size_t count)
{
    int64_t now_ms = gf_now_ms(), second_ms = 0, first_ms = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        const later *l = &f->laters[i];
        if (!l->at_ms)
            continue;
        int64_t ahead_ms = l->at_ms - l->server_ms;
        int64_t begins_ms = (l->server_ms / 1000 + 1) * 1000 + ahead_ms + MARGIN_MS;
        second_ms = begins_ms > second_ms ? begins_ms : second_ms;
        if (l->first_s != GF_RD_NEVER && l->first_s * 1000 + ahead_ms < first_ms)
            first_ms = l->first_s * 1000 + ahead_ms;
    }
    if (!second_ms)
        second_ms = now_ms + 1000;
    return first_ms < second_ms ? first_ms : second_ms;
}

gofer_status gf_rd_forward(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms)
{
    static const char *const rests[] = { "scheduled", "retry", NULL };
    static const gf_rd_visit look = { .script = &look_script, .rests = rests, .reads = true, .heard = heard_look };
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_round round;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = gf_rd_round_begin(s, GF_RD_FORWARD, &round);
    if (st != GOFER_OK)
        return st;
    forwarding f = { .s = s, .queues = round.queues, .sent_ms = gf_now_ms() };
    f.laters = gf_calloc(round.count + 1, sizeof *f.laters);
    for (size_t i = 0; i < round.count && f.laters; i++)
        f.laters[i].first_s = GF_RD_NEVER;
    st = f.laters ? gf_rd_visit_run(s, &look, f.queues, round.count, &f) : gf_fail_nomem("a look for due tasks");
    if (st == GOFER_OK)
        st = forward_due(&f, round.count, limit);
    if (st == GOFER_OK) {
        *done = f.moved;
        *next_ms = next_look_ms(&f, round.count);
    }
    gf_free(f.laters);
    gf_rd_round_end(&round);
    return st;
}
