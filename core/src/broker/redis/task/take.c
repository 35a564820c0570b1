// take.c - ends tasks and takes new ones, in one script for a queue: the hot path.
#include <stdio.h>
#include <string.h>

#include "broker/redis/lua.h"
#include "broker/redis/task/exchange.h"
#include "util/error.h"
#include "util/id.h"

// KEYS: pending, active, lease, processed, paused, then the hashes of the tasks to end, then who waits for ends.
// ARGV: the tasks' prefix, how far a lease's score may be above what is known, how many to take, the lease in
// ms, the token, "<Unix ms> <worker>", 1: tell what is left (+ 2: a suspect may be taken, alone), how
// many locks, the lowest and the highest score known of the tasks to end, how many bytes of messages
// (and one more), the longest message that can be read; then of each lock its task's number and name;
// then of each run of tasks to end that were taken together: token, the score as known, how many;
// then of tasks that are not simply done their number, the end's word, and the result (or none).
// Answer: numbers of the tasks whose claim was lost; the score of the new leases, how many are left
// (-1: not asked, -2: a suspect is next), ghosts, numbers of tasks and their crashes in turn; then of
// each task taken id, message (a number: the size of one that is too long), pending_since.
//
// What is ended is checked one by one and removed all at once. Where all leases of the queue are in the range that
// is right for all, their scores need not be asked one by one. In the list of active tasks it is near the tail,
// where the oldest are: the tail is cut off, and the few in it that are not meant are put back in their
// order; where others' tasks are many, each is removed by itself. LTRIM and LREM need no memory, so the
// script also runs in full memory before Redis 7, where only the first write is looked at. pcall: a key of
// a wrong type where a hash should be is a ghost or a lost claim, and must not end the script between two
// writes. What is taken is read before it is moved: a hash that cannot be had now (its slot is moving) ends
// the taking with nothing taken. Numbers are passed as text, which is faster; so are loops by number, and that
// pending_since goes before the claim comes: most hashes need not grow then.
//
// A sorted set of up to 128 short members is one string that every look walks through; a member of
// over 64 bytes makes it a tree, which is faster from some ten tasks on. It is gone at the script's end.
// Rights are asked for where a command would be refused after something was written, or by what goes on without it.
static const gf_rd_script end_and_take = {
    .name = "end and take",
    .rights = "EXISTS LRANGE HMGET LLEN LTRIM LREM RPUSH LPUSH ZREM ZADD UNLINK DEL GET HGET HSET HDEL INCRBY EXPIREAT",
    .is_urgent = true,
    .allow_oom = true,
    .text =
        GF_RD_LUA_LEASE GF_RD_LUA_COUNT GF_RD_LUA_UNLOCK
        "local K, A, call, pcall = KEYS, ARGV, redis.call, redis.pcall\n"
        "local active, lease, prefix, want = K[2], K[3], A[1], tonumber(A[3])\n"
        "local now, ends, lost = call('TIME'), #K - 6, {}\n"
        "local either, waited = call('EXISTS', K[5], K[#K]) > 0, false\n"
        "if ends > 0 then\n"
        "  local ids, mine, held, from, sub = {}, {}, 0, #prefix + 1, string.sub\n"
        "  local reach, locks = tonumber(A[2]), tonumber(A[8])\n"
        "  for i = 1, ends do ids[i] = sub(K[5 + i], from) end\n"
        "  if either then\n"
        "    waited = pcall('ZMSCORE', K[#K], unpack(ids))\n"
        "    for i = 1, #waited do\n"
        "      if waited[i] then call('EXISTS', sub(prefix, 1, -3) .. 'gofer:end:' .. ids[i]) end\n"
        "    end\n"
        "  end\n"
        "  local right = call('ZCOUNT', lease, A[10], '(' .. A[9] + reach) == call('ZCARD', lease)\n"
        "  local scores = not right and call('ZMSCORE', lease, unpack(ids))\n"
        "  local a, left, token, known = 10 + 2 * locks, 0, nil, nil\n"
        "  for i = 1, ends do\n"
        "    local id, ours = ids[i], right\n"
        "    if left == 0 then\n"
        "      a = a + 3\n"
        "      token, known, left = A[a], tonumber(A[a + 1]), tonumber(A[a + 2])\n"
        "    end\n"
        "    left = left - 1\n"
        "    if scores and scores[i] then\n"
        "      local score = tonumber(scores[i])\n"
        "      ours = score >= known and score < known + reach\n"
        "    end\n"
        "    if ours and not mine[id] and pcall('HGET', K[5 + i], 'gofer:claim') == token then\n"
        "      mine[id], held = i, held + 1\n"
        "    else\n"
        "      lost[#lost + 1] = i\n"
        "    end\n"
        "  end\n"
        "  local ended, others, gone, hashes, n = {}, {}, {}, {}, 0\n"
        "  local tail = held > 4 and call('LRANGE', active, '-' .. held + 16, '-1') or {}\n"
        "  for at = 1, #tail do\n"
        "    local id = tail[at]\n"
        "    local i = mine[id]\n"
        "    if not i then\n"
        "      others[#others + 1] = id\n"
        "    elseif not ended[i] then\n"
        "      n = n + 1\n"
        "      ended[i], gone[n], hashes[n] = true, id, K[5 + i]\n"
        "    end\n"
        "  end\n"
        "  if n > #others then\n"
        "    call('LTRIM', active, '0', '-' .. #tail + 1)\n"
        "    if #others > 0 then call('RPUSH', active, unpack(others)) end\n"
        "  else\n"
        "    ended, gone, hashes, n = {}, {}, {}, 0\n"
        "  end\n"
        "  for i = 1, n < held and ends or 0 do\n"
        "    local id = ids[i]\n"
        "    if mine[id] == i and not ended[i] then\n"
        "      if call('LREM', active, '-1', id) == 1 then\n"
        "        n = n + 1\n"
        "        ended[i], gone[n], hashes[n] = true, id, K[5 + i]\n"
        "      else\n"
        "        lost[#lost + 1] = i\n"
        "      end\n"
        "    end\n"
        "  end\n"
        "  if n > 0 then\n"
        "    call('ZREM', lease, unpack(gone))\n"
        "    call('UNLINK', unpack(hashes))\n"
        "    count(now, n, K[4])\n"
        "    for l = 13, 11 + 2 * locks, 2 do\n"
        "      local i = tonumber(A[l])\n"
        "      if ended[i] then unlock(A[l + 1], ids[i]) end\n"
        "    end\n"
        "    if waited then\n"
        GF_RD_LUA_TELL
        "      local how, results, base = {}, {}, sub(prefix, 1, -3)\n"
        "      for e = a + 3, #A, 3 do\n"
        "        local i = tonumber(A[e])\n"
        "        how[i], results[i] = A[e + 1], A[e + 1] == 'done' and A[e + 2]\n"
        "      end\n"
        "      for i = 1, ends do\n"
        "        if ended[i] and waited[i] then tell(base, ids[i], how[i] or 'done', results[i]) end\n"
        "      end\n"
        "    end\n"
        "  end\n"
        "elseif want > 0 then\n"
        "  call('LLEN', active)\n"
        "  call('ZCARD', lease)\n"
        "end\n"
        "if want == 0 then return {lost} end\n"
        "if either and call('EXISTS', K[5]) == 1 then return {lost, 0, 0, 0, {}} end\n"
        "local popped, tasks, keys = call('LRANGE', K[1], '-' .. A[3], '-1'), {}, {}\n"
        "local size, first, room, longest = #popped, #popped, tonumber(A[11]), tonumber(A[12])\n"
        "local how, rest = tonumber(A[7]), nil\n"
        "if size == 0 then return {lost, 0, 0, 0, {}} end\n"
        "for i = size, 1, -1 do\n"
        "  local key = prefix .. popped[i]\n"
        "  local task = pcall('HMGET', key, 'msg', 'pending_since', 'gofer:crashes')\n"
        "  if task.err and not string.find(task.err, 'WRONGTYPE', 1, true) then return {lost, 0, 0, 0, {}} end\n"
        "  if task[3] and string.find(task[3], ' ', 1, true) then\n"
        "    if i < size then rest = -2 break end\n"
        "    if how < 2 then return {lost, 0, -2, 0, {}} end\n"
        "    room, rest = 0, 0\n"
        "  end\n"
        "  first, keys[i], tasks[i] = i, key, task\n"
        "  room = room - (task[1] and #task[1] or 0)\n"
        "  if room <= 0 then break end\n"
        "end\n"
        "local cut = size - first + 1\n"
        "call('LTRIM', K[1], '0', '-' .. cut + 1)\n"
        "local score, token, worker = lease_end(now, A[4]), A[5], A[6]\n"
        "local n, taken, members, crashes = 0, {}, {}, {}\n"
        "local out = {lost, score, -1, 0, crashes}\n"
        "local long = cut >= 16 and string.rep('-', 65)\n"
        "if long then members[1], members[2] = score, long end\n"
        "local m = #members\n"
        "for i = size, first, -1 do\n"
        "  local id, key, task = popped[i], keys[i], tasks[i]\n"
        "  local msg, since = task[1], task[2]\n"
        "  if msg then\n"
        "    n = n + 1\n"
        "    if since then call('HDEL', key, 'pending_since') end\n"
        "    call('HSET', key, 'state', 'active', 'gofer:claim', token, 'gofer:worker', worker)\n"
        "    taken[n], members[m + 1], members[m + 2], m = id, score, id, m + 2\n"
        "    out[3 * n + 3], out[3 * n + 4], out[3 * n + 5] = id, #msg <= longest and msg or #msg, since\n"
        "    if task[3] then crashes[#crashes + 1], crashes[#crashes + 2] = n, task[3] end\n"
        "  elseif not task.err then\n"
        "    call('DEL', key)\n"
        "  end\n"
        "end\n"
        "if n > 0 then\n"
        "  call('LPUSH', active, unpack(taken))\n"
        "  call('ZADD', lease, unpack(members))\n"
        "  if long then call('ZREM', lease, long) end\n"
        "end\n"
        "if rest then out[3] = rest\n"
        "elseif size < want and cut == size then out[3] = 0\n"
        "elseif n < want or how % 2 == 1 then out[3] = call('LLEN', K[1]) end\n"
        "out[4] = cut - n\n"
        "return out\n",
};

// ---- tokens ---------------------------------------------------------------------------------------

enum { TOKEN_NUMBERS = 0xffff };           // the low bits tell the claims of one take apart, for us alone

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
            if (atomic_load(&claim->score) != score || strcmp(claim->token_text, first->token_text) != 0)
                break;
        }
        gf_rd_add(a, first->token_text);
        gf_rd_add_int(a, score);
        gf_rd_add_int(a, (int64_t)(next - i));
    }
}

// Of those that are not simply done. Who waits for them hears it; the result of a task without retention is for them
// alone.
static void add_ends(gf_rd_args *a, const gf_finish *done, const uint32_t *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const gf_finish *f = &done[items[i]];
        if (f->verdict == GF_DONE && !f->result)
            continue;
        gf_rd_add_int(a, (int64_t)i + 1);
        gf_rd_add(a, gf_end_name(f->verdict == GF_DONE ? GF_END_DONE : f->expired ? GF_END_EXPIRED : GF_END_REVOKED));
        gf_rd_add_bytes(a, f->verdict == GF_DONE ? f->result : "", f->verdict == GF_DONE ? f->result_size : 0);
    }
}

void gf_rd_take_add(gf_rd_cmd *cmd, const gf_rd_part *p, const gf_finish *done, const uint32_t *items,
    size_t count, const gf_rd_taking *how)
{
    static const gf_rd_part_key keys[] = {
        GF_RD_PENDING, GF_RD_ACTIVE, GF_RD_LEASE, GF_RD_PROCESSED, GF_RD_PAUSED,
    };
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
    gf_rd_add(a, p->keys[GF_RD_TASK]);
    gf_rd_add_int(a, reach);
    gf_rd_add_int(a, (int64_t)how->want);
    gf_rd_add_int(a, how->lease_ms);
    gf_rd_add(a, how->token_text);
    gf_rd_add(a, how->worker);
    gf_rd_add_int(a, how->tell_rest + 2 * how->suspects);
    gf_rd_add_int(a, count_locks(done, items, count));
    gf_rd_add_int(a, count ? lowest : 0);
    gf_rd_add_int(a, highest);
    gf_rd_add_int(a, how->room);
    gf_rd_add_int(a, GF_RD_MESSAGE_MAX);
    add_locks(a, done, items, count);
    add_runs(a, done, items, count);
    add_ends(a, done, items, count);
}

// ---- hearing ----------------------------------------------------------------------------------------

enum { LOST, SCORE, REST, GHOSTS, CRASHES, TASKS };    // of the answer
enum { SUSPECT_NEXT = -2 };                            // in REST
enum { ID, MESSAGE, SINCE, TASK_WORDS };

const redisReply *gf_rd_take_lost(const redisReply *reply)
{
    return gf_rd_reply_at(reply, LOST, REDIS_REPLY_ARRAY);
}

static void tell_ghosts(gf_rd_store *s, const char *queue, int64_t count)
{
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)count);
    gf_logf(&s->base.config.log, GOFER_LOG_WARN, "ids without a task were dropped from a queue", "queue", queue,
        "#count", number, NULL);
}

// Out of the way at once, for it would be taken again and again.
static void archive_unreadable(gf_rd_store *s, const gf_rd_part *p, const redisReply *id, const char *token,
    int64_t score)
{
    char why[512];
    snprintf(why, sizeof why, "%s", gofer_error_last());
    gofer_status st = gf_rd_settle_unreadable(s, p, id, token, score, why);
    gf_logf(&s->base.config.log, GOFER_LOG_ERROR, "a task that cannot be read was archived", "queue", p->queue,
        "task", id->str, "why", why, "error", st == GOFER_OK ? "none" : gofer_error_last(), NULL);
}

static gofer_status read_one(gf_rd_store *s, const gf_rd_part *p, redisReply *const *words,
    const gf_rd_taking *how, int64_t score, gf_rd_claim **out)
{
    const redisReply *id = words[ID], *message = words[MESSAGE];
    gofer_status st = gf_rd_claim_make(p->queue, id->str, message->str, (size_t)message->len, out);
    if (st == GOFER_ECORRUPT)
        archive_unreadable(s, p, id, how->token_text, score);
    if (st != GOFER_OK)
        return st;
    gf_rd_claim *claim = *out;
    memcpy(claim->token_text, how->token_text, sizeof claim->token_text);
    atomic_store_explicit(&claim->score, score, memory_order_relaxed);
    claim->base.lease_until_ms = how->sent_ms + how->lease_ms;
    claim->base.message.enqueued_ms = gf_rd_enqueued_ms(words[SINCE], id->str);
    claim->base.ready_ms = gf_rd_enqueued_ms(words[SINCE], "");
    return GOFER_OK;
}

// Whoever wrote it did not ask whether it can be read.
static gofer_status leave_aside(gf_rd_store *s, const gf_rd_part *p, redisReply *const *words, const gf_rd_taking *how,
    int64_t score)
{
    char why[200];
    gf_rd_too_long(why, sizeof why, words[MESSAGE]->integer);
    gf_fail(GOFER_ECORRUPT, "%s", why);
    archive_unreadable(s, p, words[ID], how->token_text, score);
    return GOFER_ECORRUPT;
}

static bool is_text(const redisReply *r)
{
    return r && r->type == REDIS_REPLY_STRING;
}

// Few have crashed before: a list of numbers (from 1) and crashes in turn.
static gf_blame blame_of(const redisReply *list, size_t number)
{
    for (size_t i = 0; list && i + 1 < list->elements; i += 2)
        if (gf_rd_reply_int(list->element[i], 0) == (int64_t)number)
            return gf_rd_blame(list->element[i + 1]);
    return (gf_blame){ 0 };
}

// No memory for a claim: all that this answer brought goes back.
static void give_up(gf_rd_store *s, const gf_rd_part *p, const gf_rd_taking *how, gf_take *take, size_t before)
{
    while (take->count > before)
        gf_claim_free(take->claims[--take->count]);
    gf_rd_lost_note(s, p->queue, how->token);
}

int64_t gf_rd_take_read(gf_rd_store *s, gf_rd_part *p, const redisReply *reply, const gf_rd_taking *how, gf_take *take)
{
    int64_t bytes = 0;
    p->rest = 0;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements < TASKS)
        return 0;
    const redisReply *crashes = gf_rd_reply_at(reply, CRASHES, REDIS_REPLY_ARRAY);
    int64_t score = gf_rd_reply_int(reply->element[SCORE], 0), ghosts = gf_rd_reply_int(reply->element[GHOSTS], 0);
    size_t before = take->count, number = 0;
    p->rest = gf_rd_reply_int(reply->element[REST], -1);
    if (p->rest == SUSPECT_NEXT && !take->suspect)
        take->suspect = p->queue;
    if (ghosts)
        tell_ghosts(s, p->queue, ghosts);
    for (size_t at = TASKS; at + TASK_WORDS <= reply->elements && take->count < take->max; at += TASK_WORDS) {
        redisReply *const *words = reply->element + at;
        gf_rd_claim *claim;
        number++;
        gofer_status st = GOFER_ECORRUPT;
        if (is_text(words[ID]) && is_text(words[MESSAGE]))
            st = read_one(s, p, words, how, score, &claim);
        else if (is_text(words[ID]) && words[MESSAGE]->type == REDIS_REPLY_INTEGER)
            st = leave_aside(s, p, words, how, score);
        bytes += is_text(words[MESSAGE]) ? (int64_t)words[MESSAGE]->len : 0;
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
        take->claims[take->count++] = &claim->base;
    }
    return bytes;
}
