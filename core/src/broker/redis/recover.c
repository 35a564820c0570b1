// recover.c - tasks whose worker died: their leases are over. And what no lease leads to: active ids without one.
//
// A look tells which queues need it. There the expired are read, judged here (may its message be read? how often
// did a worker die with it?), and moved by a second script, each only if nothing has changed since it was read.
#include <stdio.h>
#include <string.h>

#include "broker/redis/keep.h"
#include "broker/redis/lua.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    WINDOW = 200,                  // active ids looked at for a lease in one look
    PAGE = 100,                    // expired ones read in one call, and at the most
    PAGE_BYTES = 4 << 20           //   so much of their messages (and one more)
};

// What a queue needs, as its look says.
enum { EXPIRED = 1, STALE_SETS = 2, LEASELESS = 4 };

// lone(active, lease, from, width): ids in this window of active that have no lease.
#define LUA_LONE \
    "local function lone(active, lease, from, width)\n" \
    "  local ids, out = redis.call('LRANGE', active, from, from + width - 1), {}\n" \
    "  local scores = #ids > 0 and redis.call('ZMSCORE', lease, unpack(ids))\n" \
    "  for i, id in ipairs(ids) do\n" \
    "    if not scores[i] then out[#out + 1] = id end\n" \
    "  end\n" \
    "  return out\n" \
    "end\n"

// KEYS: lease, active, aggregation_sets. ARGV: -, grace in seconds, how wide the window. Answer: what is needed, and
// where the window begins. When there are as many leases as active ids, all is well but for a rare accident, so
// then the window moves on every ten seconds only.
static const gf_rd_script look_script = {
    .name = "look for lost tasks",
    .text =
        LUA_LONE
        "local now, width = redis.call('TIME')[1], tonumber(ARGV[3])\n"
        "local function over(key, s)\n"
        "  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]\n"
        "  return first and tonumber(first) <= now - s\n"
        "end\n"
        "local need = (over(KEYS[1], ARGV[2]) and 1 or 0) + (over(KEYS[3], 0) and 2 or 0)\n"
        "local n = redis.call('LLEN', KEYS[2])\n"
        "local step = n == redis.call('ZCARD', KEYS[1]) and 10 or 1\n"
        "if n == 0 or now % step ~= 0 then return { need, 0 } end\n"
        "local from = n > width and math.floor(now / step) * width % n or 0\n"
        "if #lone(KEYS[2], KEYS[1], from, width) > 0 then need = need + 4 end\n"
        "return { need, from }\n",
};

// elsewhere(state, id): is it where its state word says, other than active? Of pending both ends are looked at.
#define LUA_ELSEWHERE \
    "local function elsewhere(keys, state, id)\n" \
    "  if state == 'pending' then\n" \
    "    return redis.call('LPOS', keys.pending, id, 'MAXLEN', 1000) or\n" \
    "      redis.call('LPOS', keys.pending, id, 'RANK', -1, 'MAXLEN', 1000)\n" \
    "  end\n" \
    "  return keys[state] and redis.call('ZSCORE', keys[state], id)\n" \
    "end\n" \
    "local function fields(key)\n" \
    "  local f = redis.pcall('HMGET', key, 'msg', 'state', 'gofer:claim')\n" \
    "  if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then error(f.err) end\n" \
    "  return f\n" \
    "end\n" \
    "local keys = { pending = KEYS[1], scheduled = KEYS[4], retry = KEYS[5], completed = KEYS[6], archived = KEYS[7] }\n" \
    "for i = 4, 7 do redis.call('ZCARD', KEYS[i]) end\n" \
    "redis.call('LLEN', KEYS[1])\n"

// KEYS: pending, active, lease, scheduled, retry, completed, archived. ARGV: the tasks' prefix, where the window is.
// An active task without a lease is given a short one. If somebody runs it, his heartbeats go on with it; if not,
// it is soon found like all others, by whichever worker. Answer: how many, ghosts, and those that only the list
// of active ones was wrong about.
static const gf_rd_script lend_script = {
    .name = "give leases",
    .allow_oom = true,
    .text =
        LUA_LONE LUA_ELSEWHERE
        "local ends, all = redis.call('TIME')[1] + 10, {}\n"
        "for i, id in ipairs(lone(KEYS[2], KEYS[3], tonumber(ARGV[2]), tonumber(ARGV[3]))) do\n"
        "  local f = fields(ARGV[1] .. id)\n"
        "  all[i] = { id, f, f[2] ~= 'active' and elsewhere(keys, f[2], id) }\n"
        "end\n"
        "local lent, ghosts, strays = 0, 0, 0\n"
        "for _, it in ipairs(all) do\n"
        "  local id, f = it[1], it[2]\n"
        "  if not f[1] then\n"
        "    redis.call('LREM', KEYS[2], 0, id)\n"
        "    if not f.err then redis.call('DEL', ARGV[1] .. id) end\n"
        "    ghosts = ghosts + 1\n"
        "  elseif it[3] then\n"
        "    redis.call('LREM', KEYS[2], 0, id)\n"
        "    strays = strays + 1\n"
        "  else\n"
        "    redis.call('ZADD', KEYS[3], string.format('%.0f', ends), id)\n"
        "    lent = lent + 1\n"
        "  end\n"
        "end\n"
        "return { lent, ghosts, strays }\n",
};

// KEYS: lease. ARGV: the tasks' prefix, grace of our claims, of others, how many, how many bytes. Answer: of
// each expired one id, score, claim, crashes, message ('' and false: none). The latest come first: put back one
// by one, the oldest is then next in line.
static const gf_rd_script read_script = {
    .name = "read lost tasks",
    .text =
        "local now, prefix, out = redis.call('TIME')[1], ARGV[1], {}\n"
        "local left, room = tonumber(ARGV[4]), tonumber(ARGV[5])\n"
        "local ours, others = string.format('%.0f', now - ARGV[2]), string.format('%.0f', now - ARGV[3])\n"
        "local function read(found, claimed)\n"
        "  for i = 1, #found, 2 do\n"
        "    if left == 0 or room <= 0 then return end\n"
        "    local key = prefix .. found[i]\n"
        "    local f = redis.pcall('HMGET', key, 'gofer:claim', 'gofer:crashes')\n"
        "    if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then error(f.err) end\n"
        "    if f[1] or not claimed then\n"
        "      local msg = not f.err and redis.call('HGET', key, 'msg')\n"
        "      out[#out + 1] = { found[i], found[i + 1], f[1] or '', f[2] or '0', msg }\n"
        "      left, room = left - 1, room - (msg and #msg or 0)\n"
        "    end\n"
        "  end\n"
        "end\n"
        "read(redis.call('ZREVRANGEBYSCORE', KEYS[1], ours, '(' .. others, 'WITHSCORES', 'LIMIT', 0, 1000), true)\n"
        "read(redis.call('ZREVRANGEBYSCORE', KEYS[1], others, '-inf', 'WITHSCORES', 'LIMIT', 0, left), false)\n"
        "return out\n",
};

// KEYS: as lend, then processed, failed. ARGV: the tasks' prefix, then of each task eight: what
// (q back to the head of pending, a to archived, g it has no message), id, score, claim and size of the message as
// read, its crashes now, the message to write (empty: as it is), why it cannot be read (empty: it can).
// One whose lease, claim or message has changed is somebody else's by now. Answer: how many were put back, archived,
// were ghosts, and strays: the lease was the only sign of them. All is read before the first write. The archive's
// limits are purge's.
static const gf_rd_script move_script = {
    .name = "recover",
    .allow_oom = true,
    .text =
        GF_RD_LUA_COUNT LUA_ELSEWHERE
        "local active, lease, now, all = KEYS[2], KEYS[3], redis.call('TIME'), {}\n"
        "redis.call('LLEN', active)\n"
        "for a = 2, #ARGV, 8 do\n"
        "  local id = ARGV[a + 1]\n"
        "  if redis.call('ZSCORE', lease, id) == ARGV[a + 2] then\n"
        "    local f = fields(ARGV[1] .. id)\n"
        "    if (f[3] or '') == ARGV[a + 3] and #(f[1] or '') == tonumber(ARGV[a + 4]) then\n"
        "      all[#all + 1] = { a, id, f, f[2] ~= 'active' and elsewhere(keys, f[2], id) }\n"
        "    end\n"
        "  end\n"
        "end\n"
        "local since = now[1] .. string.format('%06d', now[2]) .. '000'\n"
        "local back, archived, ghosts, strays = {}, 0, 0, 0\n"
        "for _, it in ipairs(all) do\n"
        "  local a, id, f, key = it[1], it[2], it[3], ARGV[1] .. it[2]\n"
        "  local was_active = redis.call('LREM', active, 0, id) > 0 or f[2] == 'active'\n"
        "  redis.call('ZREM', lease, id)\n"
        "  if ARGV[a] == 'g' then\n"
        "    if not f.err then redis.call('DEL', key) end\n"
        "    ghosts = ghosts + 1\n"
        "  elseif it[4] or not was_active then\n"
        "    strays = strays + 1\n"
        "  else\n"
        "    redis.call('HDEL', key, 'gofer:claim', 'gofer:worker', 'gofer:progress', 'gofer:cancel')\n"
        "    if ARGV[a] == 'q' then\n"
        "      back[#back + 1] = id\n"
        "      redis.call('HSET', key, 'state', 'pending', 'pending_since', since, 'gofer:crashes', ARGV[a + 5])\n"
        "    else\n"
        "      redis.call('ZADD', keys.archived, now[1], id)\n"
        "      redis.call('HSET', key, 'state', 'archived', 'gofer:crashes', ARGV[a + 5])\n"
        "      if ARGV[a + 6] ~= '' then redis.call('HSET', key, 'msg', ARGV[a + 6]) end\n"
        "      if ARGV[a + 7] ~= '' then redis.call('HSET', key, 'gofer:error', ARGV[a + 7]) end\n"
        "      archived = archived + 1\n"
        "    end\n"
        "  end\n"
        "end\n"
        "if #back > 0 then redis.call('RPUSH', KEYS[1], unpack(back)) end\n"
        "if archived > 0 then count(now, archived, KEYS[8], KEYS[9]) end\n"
        "return { #back, archived, ghosts, strays }\n",
};

#define PLACES "pending", "active", "lease", "scheduled", "retry", "completed", "archived"

typedef struct recovering {
    gf_rd_store *s;
    const char **queues;           // at the front those that need something
    int64_t     *needs, *windows;  // of each of them
    size_t       found;
    size_t       limit;
    int32_t      crash_limit;
    gf_recovered did;
} recovering;

// An expired task as read, and what shall become of it.
typedef struct lost {
    const redisReply *words;       // of read_script
    const char *what;
    int64_t     crashes;           // with this one
    gf_bytes    message;           // to write; empty: as it is
    char        why[200];          // it cannot be read; empty: it can
} lost;

enum { ID, SCORE, CLAIM, CRASHES, MESSAGE, WORDS };

// ---- asking one queue -----------------------------------------------------------------------------------

enum { KEYS_MAX = 9 };

static size_t done(const recovering *r)
{
    return r->did.requeued + r->did.archived;
}

static void begin(gf_rd_cmd *cmd, gf_rd_key keys[KEYS_MAX + 1], const gf_rd_script *script, const char *queue,
    const char *const *rests)
{
    size_t count = 0;
    gf_rd_script_begin(cmd, script, queue, false);
    for (; rests[count]; count++) {
        gf_rd_key_of(&keys[count], queue, rests[count]);
        gf_rd_add(&cmd->args, keys[count].text);
    }
    cmd->key_count = (int32_t)count;
    gf_rd_key_of(&keys[count], queue, "t:");
    gf_rd_add(&cmd->args, keys[count].text);
}

static void tell_disorder(recovering *r, const char *queue, const redisReply *reply, size_t ghosts)
{
    gf_rd_keep_tell(r->s, "active ids without a task were dropped", queue,
        gf_rd_reply_int(gf_rd_reply_at(reply, ghosts, REDIS_REPLY_INTEGER), 0));
    gf_rd_keep_tell(r->s, "tasks that are not active had left an active id or a lease: it was dropped", queue,
        gf_rd_reply_int(gf_rd_reply_at(reply, ghosts + 1, REDIS_REPLY_INTEGER), 0));
}

// ---- active without a lease -----------------------------------------------------------------------------

static gofer_status lend(recovering *r, const char *queue, int64_t window)
{
    static const char *const rests[] = {
        "pending", "active", "lease", "scheduled", "retry", "completed", "archived", NULL,
    };
    gf_rd_key keys[KEYS_MAX + 1];
    gf_rd_cmd cmd;
    redisReply *reply;
    begin(&cmd, keys, &lend_script, queue, rests);
    gf_rd_add_int(&cmd.args, window);
    gf_rd_add_int(&cmd.args, WINDOW);
    gofer_status st = gf_rd_call(r->s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    gf_rd_keep_tell(r->s, "active tasks without a lease were given one", queue,
        gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0));
    tell_disorder(r, queue, reply, 1);
    freeReplyObject(reply);
    return GOFER_OK;
}

// ---- expired leases -------------------------------------------------------------------------------------

static bool is_whole(const redisReply *words)
{
    if (!words || words->type != REDIS_REPLY_ARRAY || words->elements != WORDS)
        return false;
    for (size_t i = 0; i < MESSAGE; i++)
        if (words->element[i]->type != REDIS_REPLY_STRING)
            return false;
    return true;
}

// Archives it, with the reason in its message.
static gofer_status judge_crashed(const recovering *r, lost *l)
{
    char text[120];
    const redisReply *message = l->words->element[MESSAGE];
    snprintf(text, sizeof text, "worker died %lld times while running this task (crash limit %d)",
        (long long)l->crashes, (int)r->crash_limit);
    gf_wire_change change = { .set_failed = true, .error = text, .last_failed_ms = gf_now_ms() };
    l->what = "a";
    return gf_wire_task_change(message->str, (size_t)message->len, &change, &l->message);
}

// ENOMEM, or OK.
static gofer_status judge(const recovering *r, lost *l)
{
    const redisReply *message = l->words->element[MESSAGE];
    int64_t crashes = gf_rd_reply_int(l->words->element[CRASHES], 0);
    l->crashes = crashes > 0 && crashes < INT32_MAX ? crashes + 1 : 1;
    l->what = "q";
    if (message->type != REDIS_REPLY_STRING) {
        l->what = "g";
        return GOFER_OK;
    }
    gf_rd_claim *claim;
    gofer_status st = gf_rd_claim_make("", l->words->element[ID]->str, message->str, (size_t)message->len, &claim);
    if (st == GOFER_OK) {
        gf_claim_free(&claim->base);
        if (l->crashes > r->crash_limit)
            st = judge_crashed(r, l);
    }
    if (st != GOFER_ECORRUPT)
        return st;
    l->what = "a";
    snprintf(l->why, sizeof l->why, "%.199s", gofer_error_last());
    return GOFER_OK;
}

static void add_lost(gf_rd_args *a, const lost *l)
{
    redisReply *const *words = l->words->element;
    gf_rd_add(a, l->what);
    gf_rd_add_bytes(a, words[ID]->str, (size_t)words[ID]->len);
    gf_rd_add_bytes(a, words[SCORE]->str, (size_t)words[SCORE]->len);
    gf_rd_add_bytes(a, words[CLAIM]->str, (size_t)words[CLAIM]->len);
    gf_rd_add_int(a, words[MESSAGE]->type == REDIS_REPLY_STRING ? (int64_t)words[MESSAGE]->len : 0);
    gf_rd_add_int(a, l->crashes);
    gf_rd_add_bytes(a, l->message.size ? l->message.bytes : "", l->message.size);
    gf_rd_add(a, l->why);
}

static void tell_unreadable(recovering *r, const char *queue, const lost *l)
{
    if (*l->why)
        gf_logf(&r->s->base.config.log, GOFER_LOG_ERROR, "a task that cannot be read was archived", "queue", queue,
            "task", l->words->element[ID]->str, "why", l->why, NULL);
}

static gofer_status move(recovering *r, const char *queue, const lost *all, size_t count)
{
    static const char *const rests[] = {
        "pending", "active", "lease", "scheduled", "retry", "completed", "archived", "processed", "failed", NULL,
    };
    gf_rd_key keys[KEYS_MAX + 1];
    gf_rd_cmd cmd;
    redisReply *reply;
    begin(&cmd, keys, &move_script, queue, rests);
    for (size_t i = 0; i < count; i++)
        add_lost(&cmd.args, &all[i]);
    gofer_status st = gf_rd_call(r->s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    r->did.requeued += (size_t)gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0);
    r->did.archived += (size_t)gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0);
    tell_disorder(r, queue, reply, 2);
    for (size_t i = 0; i < count; i++)
        tell_unreadable(r, queue, &all[i]);
    freeReplyObject(reply);
    return GOFER_OK;
}

static gofer_status judge_and_move(recovering *r, const char *queue, const redisReply *page)
{
    size_t count = 0, room = page->elements < PAGE ? page->elements : PAGE;
    lost *all = gf_calloc(room, sizeof *all);
    gofer_status st = all ? GOFER_OK : gf_fail_nomem("lost tasks");
    for (size_t i = 0; i < room && st == GOFER_OK; i++) {
        if (!is_whole(page->element[i]))
            continue;
        all[count].words = page->element[i];
        st = judge(r, &all[count++]);
    }
    if (st == GOFER_OK && count)
        st = move(r, queue, all, count);
    for (size_t i = 0; i < count; i++)
        gf_bytes_clear(&all[i].message);
    gf_free(all);
    return st;
}

// One page. *more: there may be another.
static gofer_status recover_page(recovering *r, const char *queue, bool *more)
{
    static const char *const rests[] = { "lease", NULL };
    gf_rd_key keys[KEYS_MAX + 1];
    gf_rd_cmd cmd;
    redisReply *page;
    size_t left = r->limit - done(r), want = left < PAGE ? left : PAGE;
    begin(&cmd, keys, &read_script, queue, rests);
    cmd.reads = true;
    gf_rd_add_int(&cmd.args, GF_RD_GRACE_MS / 1000);
    gf_rd_add_int(&cmd.args, GF_RD_GO_GRACE_MS / 1000);
    gf_rd_add_int(&cmd.args, (int64_t)want);
    gf_rd_add_int(&cmd.args, PAGE_BYTES);
    gofer_status st = gf_rd_call(r->s, &cmd, &page);
    if (st != GOFER_OK)
        return st;
    *more = page->type == REDIS_REPLY_ARRAY && page->elements > 0;
    if (*more)
        st = judge_and_move(r, queue, page);
    freeReplyObject(page);
    return st;
}

// What does not change though it is read again was changed by others: it is left for the next call.
static gofer_status recover_queue(recovering *r, const char *queue)
{
    bool more = true;
    gofer_status st = GOFER_OK;
    for (size_t pages = 0; st == GOFER_OK && more && done(r) < r->limit && pages < r->limit / PAGE + 2; pages++)
        st = recover_page(r, queue, &more);
    return st;
}

// ---- all queues -------------------------------------------------------------------------------------------

static gofer_status add_look(void *arg, size_t i, gf_rd_args *args)
{
    (void)arg;
    (void)i;
    gf_rd_add_int(args, GF_RD_GRACE_MS / 1000);
    gf_rd_add_int(args, WINDOW);
    return GOFER_OK;
}

// Those before the i-th have been heard of: the front is free to be used again.
static void heard_look(void *arg, size_t i, const redisReply *reply)
{
    recovering *r = arg;
    int64_t what = gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0);
    if (!what)
        return;
    const char *queue = r->queues[i];
    r->queues[i] = r->queues[r->found];
    r->queues[r->found] = queue;
    r->needs[r->found] = what;
    r->windows[r->found++] = gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0);
}

static gofer_status mend_queue(recovering *r, const char *queue, int64_t needs, int64_t window)
{
    size_t sets = 0;
    gofer_status st = GOFER_OK;
    if (needs & LEASELESS)
        st = lend(r, queue, window);
    if (st == GOFER_OK && (needs & EXPIRED))
        st = recover_queue(r, queue);
    if (st == GOFER_OK && (needs & STALE_SETS))
        st = gf_rd_group_reclaim(r->s, queue, &sets);
    return st;
}

// A queue in disorder is not in the way of the others.
static gofer_status mend(recovering *r)
{
    gofer_status first = GOFER_OK;
    size_t fine = 0;
    for (size_t i = 0; i < r->found && done(r) < r->limit; i++) {
        gofer_status st = mend_queue(r, r->queues[i], r->needs[i], r->windows[i]);
        fine += st == GOFER_OK;
        if (st == GOFER_OK)
            continue;
        first = first == GOFER_OK ? st : first;
        if (st != GOFER_ECORRUPT)
            break;
        gf_rd_keep_complain(r->s, r->queues[i], "recover");
    }
    return fine || done(r) ? GOFER_OK : first;
}

static gofer_status look_and_mend(recovering *r, size_t count)
{
    static const char *const rests[] = { "lease", "active", "aggregation_sets", NULL };
    static const gf_rd_visit look = {
        .script = &look_script, .rests = rests, .reads = true, .add = add_look, .heard = heard_look,
    };
    r->needs = gf_calloc(count + 1, sizeof *r->needs);
    r->windows = gf_calloc(count + 1, sizeof *r->windows);
    if (!r->needs || !r->windows)
        return gf_fail_nomem("a look for lost tasks");
    gofer_status st = gf_rd_visit_run(r->s, &look, r->queues, count, r);
    bool holds = gf_rd_keep_holds(r->s, st);
    return st == GOFER_OK && !holds ? mend(r) : st;
}

gofer_status gf_rd_recover(gf_broker *b, size_t limit, int32_t crash_limit, gf_recovered *out)
{
    recovering r = { .s = (gf_rd_store *)b, .limit = limit, .crash_limit = crash_limit };
    gf_rd_round round;
    *out = (gf_recovered){ 0 };
    gofer_status st = gf_rd_check(r.s);
    if (st == GOFER_OK)
        st = gf_rd_round_begin(r.s, GF_RD_RECOVER, &round);
    if (st != GOFER_OK) {
        if (st != GOFER_EFORKED)
            gf_rd_keep_holds(r.s, st);
        return st;
    }
    r.queues = round.queues;
    st = look_and_mend(&r, round.count);
    *out = r.did;
    gf_free(r.needs);
    gf_free(r.windows);
    gf_rd_round_end(&round);
    return st;
}
