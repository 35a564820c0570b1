// expired.c - tasks whose leases are over, of one queue: read, judged here (may the message be read? how often did
// a worker die with it?), and moved by a second script, each only if nothing has changed since it was read.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/lua.h"
#include "broker/redis/upkeep/keep.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/record.h"

enum {
    PAGE = 100,                    // expired ones read in one call, and at the most
    PAGE_BYTES = 4 << 20           //   so much of their messages (and one more)
};

// KEYS: lease. ARGV: the tasks' prefix, grace of our claims, of others, how many, how many bytes, the
// longest message that can be read. Answer: of each expired one id, score, claim, crashes, whose it
// was, for which claim it was asked to stop, in which it was proven, message ('' and false: none; a
// number: the size of one that is too long). The latest come first: put back one by one, the oldest is
// then next in line.
static const gf_rd_script read_script = {
    .name = "read lost tasks",
    .text =
        "local now, prefix, out = redis.call('TIME')[1], ARGV[1], {}\n"
        "local left, room, longest = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])\n"
        "local ours, others = string.format('%.0f', now - ARGV[2]), string.format('%.0f', now - ARGV[3])\n"
        "local function read(found, claimed)\n"
        "  for i = 1, #found, 2 do\n"
        "    if left == 0 or room <= 0 then return end\n"
        "    local key = prefix .. found[i]\n"
        "    local f = redis.pcall('HMGET', key, 'gofer:claim', 'gofer:crashes', 'gofer:worker', "
        "'gofer:cancel',\n"
        "      'gofer:proven')\n"
        "    if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then error(f.err) end\n"
        "    if f[1] or not claimed then\n"
        "      local size = f.err and 0 or redis.call('HSTRLEN', key, 'msg')\n"
        "      local msg = size > longest and size\n"
        "      if not msg then msg = not f.err and redis.call('HGET', key, 'msg') end\n"
        "      out[#out + 1] = { found[i], found[i + 1], f[1] or '', f[2] or '0', f[3] or '', "
        "f[4] or '', f[5] or '',\n"
        "        msg }\n"
        "      left, room = left - 1, room - (size <= longest and size or 0)\n"
        "    end\n"
        "  end\n"
        "end\n"
        "read(redis.call('ZREVRANGEBYSCORE', KEYS[1], ours, '(' .. others, 'WITHSCORES', 'LIMIT', 0, 1000), true)\n"
        "read(redis.call('ZREVRANGEBYSCORE', KEYS[1], others, '-inf', 'WITHSCORES', 'LIMIT', 0, left), false)\n"
        "return out\n",
};

// KEYS: as lend, then processed, failed. ARGV: the tasks' prefix, then of each task nine: what
// (q back to the head of pending, a to archived, x there as cancelled, g it has no message), id, score, claim and size of
// the message as read, its crashes now, the message to write (empty: as it is), why it cannot be read (empty: it can), the
// record of this attempt (or empty).
// One whose lease, claim or message has changed is somebody else's by now. Answer: how many were put back, archived,
// were ghosts, and strays: the lease was the only sign of them; then the numbers of those archived. All is read before the first write. The archive's
// limits are purge's.
static const gf_rd_script move_script = {
    .name = "recover",
    .allow_oom = true,
    .text =
        GF_RD_LUA_COUNT GF_RD_LUA_ELSEWHERE GF_RD_LUA_FREE GF_RD_LUA_KEEP GF_RD_LUA_TELL
        "local active, lease, now, all = KEYS[2], KEYS[3], redis.call('TIME'), {}\n"
        "redis.call('LLEN', active)\n"
        "for a = 2, #ARGV, 9 do\n"
        "  local id = ARGV[a + 1]\n"
        "  if redis.call('ZSCORE', lease, id) == ARGV[a + 2] then\n"
        "    local f = fields(ARGV[1] .. id)\n"
        "    if (f[3] or '') == ARGV[a + 3] and #(f[1] or '') == tonumber(ARGV[a + 4]) then\n"
        "      all[#all + 1] = { a, id, f, f[2] ~= 'active' and elsewhere(keys, f[2], id) }\n"
        "    end\n"
        "  end\n"
        "end\n"
        "local since = now[1] .. string.format('%06d', now[2]) .. '000'\n"
        "local back, archived, cancelled, ghosts, strays = {}, {}, 0, 0, 0\n"
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
        "    redis.call('HDEL', key, 'gofer:claim', 'gofer:worker', 'gofer:progress', "
        "'gofer:cancel', 'gofer:proven')\n"
        "    if ARGV[a] == 'q' then\n"
        "      back[#back + 1] = id\n"
        "      redis.call('HSET', key, 'state', 'pending', 'pending_since', since, 'gofer:crashes', ARGV[a + 5])\n"
        "    else\n"
        "      redis.call('ZADD', keys.archived, now[1], id)\n"
        "      redis.call('HSET', key, 'state', 'archived', 'gofer:crashes', ARGV[a + 5])\n"
        "      if ARGV[a + 6] ~= '' then redis.call('HSET', key, 'msg', ARGV[a + 6]) end\n"
        "      if ARGV[a + 7] ~= '' then redis.call('HSET', key, 'gofer:error', ARGV[a + 7]) end\n"
        "      free(ARGV[1], id)\n"
        "      tell(string.sub(ARGV[1], 1, -3), id, ARGV[a] == 'x' and 'cancelled' or 'archived')\n"
        "      archived[#archived + 1] = (a + 7) / 9\n"
        "      if ARGV[a] == 'x' then cancelled = cancelled + 1 end\n"
        "    end\n"
        "    if ARGV[a + 8] ~= '' then keep(key, 'gofer:attempts', ARGV[a + 8]) end\n"
        "  end\n"
        "end\n"
        "if #back > 0 then redis.call('RPUSH', KEYS[1], unpack(back)) end\n"
        "if cancelled > 0 then count(now, cancelled, KEYS[8]) end\n"
        "if #archived > cancelled then count(now, #archived - cancelled, KEYS[8], KEYS[9]) end\n"
        "return { #back, #archived, ghosts, strays, archived }\n",
};

typedef struct expiry {
    gf_rd_store  *s;
    const char   *queue;
    size_t        limit;
    int32_t       crash_limit;
    gf_rd_deaths *deaths;
    gf_recovered *did;             // counts on
    gf_rd_key     keys[GF_RD_KEYS_MAX + 1];    // of the command under way: they are long
} expiry;

static size_t done(const expiry *e)
{
    return e->did->requeued + e->did->archived;
}

// An expired task as read, and what shall become of it.
typedef struct lost {
    const redisReply *words;       // of read_script
    const char *what;
    gf_blame    blame;             // with this death
    char        blame_text[GF_RD_BLAME_TEXT];
    gf_rd_claim *claim;            // NULL: it cannot be read
    gf_bytes    message;           // to write; empty: as it is
    gf_record   attempt;
    char        why[200];          // it cannot be read; empty: it can
} lost;

enum { ID, SCORE, CLAIM, CRASHES, WORKER, CANCEL, PROVEN, MESSAGE, WORDS };

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
static gofer_status set_aside(lost *l, const char *what, const char *reason)
{
    const redisReply *message = l->words->element[MESSAGE];
    gf_wire_change change = { .set_failed = true, .error = reason, .last_failed_ms = gf_now_ms() };
    l->what = what;
    return gf_wire_task_change(message->str, (size_t)message->len, &change, &l->message);
}

// Is what was noted of this very run? (that it shall stop, that it was proven)
static bool is_of_claim(const lost *l, int word)
{
    const redisReply *claim = l->words->element[CLAIM], *noted = l->words->element[word];
    return claim->len > 0 && claim->len == noted->len && memcmp(claim->str, noted->str,
        (size_t)claim->len) == 0;
}

// "<Unix ms> <worker>"
static const char *worker_of(const redisReply *words)
{
    const char *space = strchr(words->element[WORKER]->str, ' ');
    return space ? space + 1 : "";
}

static int64_t ran_ms(const lost *l)
{
    int64_t began_ms = strtoll(l->words->element[WORKER]->str, NULL, 10), now_ms = gf_now_ms();
    return began_ms > 0 && began_ms <= now_ms ? now_ms - began_ms : 0;
}

// How this attempt ended, by what is known of it.
static void record(lost *l, const char *kind, const char *error)
{
    int64_t ran = ran_ms(l);
    const char *worker = worker_of(l->words);
    gf_record_int(&l->attempt, "at_ms", gf_now_ms());
    gf_record_int(&l->attempt, "attempt", (int64_t)l->claim->base.message.retried + 1);
    gf_record_text(&l->attempt, "kind", kind);
    if (ran > 0)
        gf_record_int(&l->attempt, "duration_ms", ran);
    gf_record_text(&l->attempt, "worker", *worker ? worker : NULL);
    gf_record_text(&l->attempt, "error", error);
    gf_record_newline(&l->attempt);
}

static gofer_status judge_readable(const expiry *e, lost *l)
{
    char text[120];
    gf_death death = gf_rd_deaths_of(e->deaths, worker_of(l->words));
    bool charged = gf_blame_death(&l->blame, &death, ran_ms(l));
    bool cancelled = is_of_claim(l, CANCEL);
    bool archives = charged && l->blame.crashes > e->crash_limit;
    gofer_status st = GOFER_OK;
    if (cancelled)
        snprintf(text, sizeof text, "cancelled");
    else if (archives)
        snprintf(text, sizeof text, "worker died %d times while running this task (crash limit %d)",
            (int)l->blame.crashes,
            (int)e->crash_limit);
    else
        snprintf(text, sizeof text, "%s", gf_blame_text(charged, &l->blame, &death));
    if (cancelled || archives)
        st = set_aside(l, cancelled ? "x" : "a", text);
    record(l, cancelled ? "cancelled" : "crashed", text);
    return st == GOFER_OK && l->attempt.bad ? gf_fail_nomem("the record of an attempt") : st;
}

// ENOMEM, or OK.
static gofer_status judge(const expiry *e, lost *l)
{
    const redisReply *message = l->words->element[MESSAGE];
    l->blame = gf_rd_blame(l->words->element[CRASHES]);
    l->blame.proven = is_of_claim(l, PROVEN);
    l->what = "q";
    gf_rd_blame_text(&l->blame, l->blame_text);
    if (message->type == REDIS_REPLY_INTEGER) {
        l->what = "a";
        gf_rd_too_long(l->why, sizeof l->why, message->integer);
        return GOFER_OK;
    }
    if (message->type != REDIS_REPLY_STRING) {
        l->what = "g";
        return GOFER_OK;
    }
    gofer_status st = gf_rd_claim_make(e->queue, l->words->element[ID]->str, message->str, (size_t)message->len, &l->claim);
    if (st == GOFER_OK)
        st = judge_readable(e, l);
    else
        l->claim = NULL;
    gf_rd_blame_text(&l->blame, l->blame_text);
    if (st != GOFER_ECORRUPT)
        return st;
    l->what = "a";
    snprintf(l->why, sizeof l->why, "%.199s", gofer_error_last());
    return GOFER_OK;
}

static int64_t message_size(const redisReply *message)
{
    return message->type == REDIS_REPLY_STRING ? (int64_t)message->len
         : message->type == REDIS_REPLY_INTEGER ? message->integer : 0;
}

static void add_lost(gf_rd_args *a, const lost *l)
{
    redisReply *const *words = l->words->element;
    gf_rd_add(a, l->what);
    gf_rd_add_bytes(a, words[ID]->str, (size_t)words[ID]->len);
    gf_rd_add_bytes(a, words[SCORE]->str, (size_t)words[SCORE]->len);
    gf_rd_add_bytes(a, words[CLAIM]->str, (size_t)words[CLAIM]->len);
    gf_rd_add_int(a, message_size(words[MESSAGE]));
    gf_rd_add(a, l->blame_text);
    gf_rd_add_bytes(a, l->message.size ? l->message.bytes : "", l->message.size);
    gf_rd_add(a, l->why);
    gf_rd_add(a, l->attempt.text ? l->attempt.text : "");
}

// Those that were archived, now that they are.
static void tell_archived(const expiry *e, const lost *all, size_t count, const redisReply *numbers)
{
    for (size_t i = 0; e->did->archived_one && numbers && i < numbers->elements; i++) {
        int64_t number = gf_rd_reply_int(numbers->element[i], 0);
        if (number < 1 || (size_t)number > count || !all[number - 1].claim)
            continue;
        gf_message m = all[number - 1].claim->base.message;
        m.crashes = all[number - 1].blame.crashes;
        e->did->archived_one(e->did->arg, &m);
    }
}

static void tell_unreadable(expiry *e, const lost *l)
{
    if (*l->why)
        gf_logf(&e->s->base.config.log, GOFER_LOG_ERROR, "a task that cannot be read was archived", "queue", e->queue,
            "task", l->words->element[ID]->str, "why", l->why, NULL);
}

static gofer_status move(expiry *e, const lost *all, size_t count)
{
    static const char *const rests[] = {
        "pending", "active", "lease", "scheduled", "retry", "completed", "archived", "processed", "failed", NULL,
    };
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_keep_begin(&cmd, e->keys, &move_script, e->queue, rests);
    for (size_t i = 0; i < count; i++)
        add_lost(&cmd.args, &all[i]);
    gofer_status st = gf_rd_call(e->s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    e->did->requeued += (size_t)gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0);
    e->did->archived += (size_t)gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0);
    gf_rd_keep_tell_disorder(e->s, e->queue, reply, 2);
    for (size_t i = 0; i < count; i++)
        tell_unreadable(e, &all[i]);
    tell_archived(e, all, count, gf_rd_reply_at(reply, 4, REDIS_REPLY_ARRAY));
    freeReplyObject(reply);
    return GOFER_OK;
}

static void clear(lost *l)
{
    if (l->claim)
        gf_claim_free(&l->claim->base);
    gf_bytes_clear(&l->message);
    gf_record_clear(&l->attempt);
}

static gofer_status judge_and_move(expiry *e, const redisReply *page)
{
    size_t count = 0, room = page->elements < PAGE ? page->elements : PAGE;
    lost *all = gf_calloc(room, sizeof *all);
    gofer_status st = all ? GOFER_OK : gf_fail_nomem("lost tasks");
    for (size_t i = 0; i < room && st == GOFER_OK; i++)
        if (is_whole(page->element[i]))
            st = gf_rd_deaths_add(e->deaths, worker_of(page->element[i]));
    if (st == GOFER_OK)
        st = gf_rd_deaths_learn(e->deaths);
    for (size_t i = 0; i < room && st == GOFER_OK; i++) {
        if (!is_whole(page->element[i]))
            continue;
        all[count].words = page->element[i];
        st = judge(e, &all[count++]);
    }
    if (st == GOFER_OK && count)
        st = move(e, all, count);
    for (size_t i = 0; i < count; i++)
        clear(&all[i]);
    gf_free(all);
    return st;
}

// One page. *more: there may be another.
static gofer_status recover_page(expiry *e, bool *more)
{
    static const char *const rests[] = { "lease", NULL };
    gf_rd_cmd cmd;
    redisReply *page;
    size_t left = e->limit - done(e), want = left < PAGE ? left : PAGE;
    gf_rd_keep_begin(&cmd, e->keys, &read_script, e->queue, rests);
    cmd.reads = true;
    gf_rd_add_int(&cmd.args, GF_RD_GRACE_MS / 1000);
    gf_rd_add_int(&cmd.args, GF_RD_GO_GRACE_MS / 1000);
    gf_rd_add_int(&cmd.args, (int64_t)want);
    gf_rd_add_int(&cmd.args, PAGE_BYTES);
    gf_rd_add_int(&cmd.args, GF_RD_MESSAGE_MAX);
    gofer_status st = gf_rd_call(e->s, &cmd, &page);
    if (st != GOFER_OK)
        return st;
    *more = page->type == REDIS_REPLY_ARRAY && page->elements > 0;
    if (*more)
        st = judge_and_move(e, page);
    freeReplyObject(page);
    return st;
}

// What does not change though it is read again was changed by others: it is left for the next call.
gofer_status gf_rd_recover_expired(gf_rd_store *s, const char *queue, size_t limit,
    int32_t crash_limit, gf_rd_deaths *deaths,
    gf_recovered *did)
{
    expiry e = { .s = s, .queue = queue, .limit = limit, .crash_limit = crash_limit,
        .deaths = deaths, .did = did };
    bool more = true;
    gofer_status st = GOFER_OK;
    for (size_t pages = 0; st == GOFER_OK && more && done(&e) < limit && pages < limit / PAGE + 2; pages++)
        st = recover_page(&e, &more);
    return st;
}
