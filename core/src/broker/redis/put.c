// put.c - adds tasks: one script for each queue, with commands inside that take many keys.
#include "broker/redis/put.h"

#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum { PIECE_BYTES = 8 << 20 };            // a script is given about so much at the most

// KEYS: pending, then the hashes of the new tasks. ARGV: where the id begins in those, then the messages.
// Answer: 0: all are in; else of each 1, or what stands there under its id (nil: something unreadable).
// The ids are nearly always new, which one EXISTS for all tells.
static const gf_rd_script put_now = {
    .name = "put",
    .text =
        "local from, n, now = tonumber(ARGV[1]), #KEYS - 1, redis.call('TIME')\n"
        "local since, ids, seen = now[1] .. string.format('%06d', now[2]) .. '000', {}, {}\n"
        "redis.call('LLEN', KEYS[1])\n"
        "local fresh = redis.call('EXISTS', unpack(KEYS, 2)) == 0\n"
        "for i = 1, n do\n"
        "  local key = KEYS[i + 1]\n"
        "  if seen[key] then fresh = false end\n"
        "  seen[key], ids[i] = true, string.sub(key, from)\n"
        "end\n"
        "if fresh then\n"
        "  for i = 1, n do\n"
        "    redis.call('HSET', KEYS[i + 1], 'msg', ARGV[i + 1], 'state', 'pending', 'pending_since', since)\n"
        "  end\n"
        "  redis.call('LPUSH', KEYS[1], unpack(ids))\n"
        "  return 0\n"
        "end\n"
        "local out = {}\n"
        "for i = 1, n do\n"
        "  if redis.call('EXISTS', KEYS[i + 1]) == 1 then\n"
        "    local msg = redis.pcall('HGET', KEYS[i + 1], 'msg')\n"
        "    out[i] = type(msg) == 'string' and msg\n"
        "  else\n"
        "    redis.call('HSET', KEYS[i + 1], 'msg', ARGV[i + 1], 'state', 'pending', 'pending_since', since)\n"
        "    redis.call('LPUSH', KEYS[1], ids[i])\n"
        "    out[i] = 1\n"
        "  end\n"
        "end\n"
        "return out\n",
};

// The same for tasks of all kinds. KEYS: pending, scheduled, groups, the hashes. ARGV: where the id begins,
// the front of a group's key, then of each task: the message, when (Unix seconds; 0: now), the group (or empty),
// the unique lock (or empty), its seconds. Answer: of each 1, 2: the lock is taken, 3: the group's key is something else, or what stands there.
// The id is looked at before the lock, so that a conflict leaves no lock behind (unlike Asynq).
static const gf_rd_script put_any = {
    .name = "put of all kinds",
    .text =
        "local from, now, out, pending, later = tonumber(ARGV[1]), redis.call('TIME'), {}, {}, {}\n"
        "local since = now[1] .. string.format('%06d', now[2]) .. '000'\n"
        "redis.call('LLEN', KEYS[1])\n"
        "redis.call('ZCARD', KEYS[2])\n"
        "redis.call('SCARD', KEYS[3])\n"
        "for i = 1, #KEYS - 3 do\n"
        "  local key, a = KEYS[i + 3], 5 * i - 2\n"
        "  local id, msg, at, group, lock = string.sub(key, from), ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]\n"
        "  local group_size = group == '' and 0 or redis.pcall('ZCARD', ARGV[2] .. group)\n"
        "  if redis.call('EXISTS', key) == 1 then\n"
        "    local there = redis.pcall('HGET', key, 'msg')\n"
        "    out[i] = type(there) == 'string' and there\n"
        "  elseif type(group_size) ~= 'number' then\n"
        "    out[i] = 3\n"
        "  elseif lock ~= '' and not redis.call('SET', lock, id, 'NX', 'EX', ARGV[a + 4]) then\n"
        "    out[i] = 2\n"
        "  else\n"
        "    out[i] = 1\n"
        "    if at ~= '0' then\n"
        "      redis.call('HSET', key, 'msg', msg, 'state', 'scheduled')\n"
        "      later[#later + 1], later[#later + 2] = at, id\n"
        "    elseif group ~= '' then\n"
        "      redis.call('ZADD', ARGV[2] .. group, now[1], id)\n"
        "      redis.call('SADD', KEYS[3], group)\n"
        "      redis.call('HSET', key, 'msg', msg, 'state', 'aggregating', 'group', group)\n"
        "    else\n"
        "      redis.call('HSET', key, 'msg', msg, 'state', 'pending', 'pending_since', since)\n"
        "      pending[#pending + 1] = id\n"
        "    end\n"
        "    if lock ~= '' and (at ~= '0' or group == '') then redis.call('HSET', key, 'unique_key', lock) end\n"
        "  end\n"
        "end\n"
        "if #pending > 0 then redis.call('LPUSH', KEYS[1], unpack(pending)) end\n"
        "if #later > 0 then redis.call('ZADD', KEYS[2], unpack(later)) end\n"
        "return out\n",
};

// What goes into one script.
typedef struct piece {
    const char *queue;
    size_t      count, bytes;
    bool        any;                       // put_any
    gf_rd_key   pending, scheduled, groups, group, task;
} piece;

// One task on its way.
typedef struct entry {
    gf_bytes message;
    char    *key;                          // of its hash, in putting.keys
    char    *lock;                         // NULL: none
    bool     is_later;
    size_t   piece;
} entry;

typedef struct putting {
    gf_rd_store   *s;
    gf_put *const *items;
    size_t         count;
    entry         *entries;                // one for each item
    char          *keys;
    piece         *pieces;
    gf_rd_cmd     *cmds;                   // one for each piece, then those that tell the queues' names
    size_t         piece_count, cmd_count;
    int64_t        now_ms;
} putting;

// ---- making ready -------------------------------------------------------------------------------

// The lock must hold until the task has run for so long, and a scheduled one begins later.
static int64_t lock_seconds(const putting *p, size_t i)
{
    const gf_put *item = p->items[i];
    int64_t ms = item->unique_ms + (p->entries[i].is_later ? item->run_at_ms - p->now_ms : 0);
    return (ms + 999) / 1000;
}

static gofer_status encode(putting *p, size_t i)
{
    const gf_put *item = p->items[i];
    const gf_message *m = item->message;
    entry *e = &p->entries[i];
    e->is_later = item->run_at_ms > p->now_ms;
    if (item->unique_ms > 0) {
        gofer_status st = gf_wire_unique_key(m->queue, m->type, m->payload, m->payload_size, &e->lock);
        if (st != GOFER_OK)
            return st;
    }
    return gf_wire_task_encode(m, e->lock, item->group, &e->message);
}

// The latest piece of its queue that has room, or a new one.
static size_t piece_for(putting *p, const char *queue, size_t bytes)
{
    for (size_t i = p->piece_count; i-- > 0;)
        if (strcmp(p->pieces[i].queue, queue) == 0) {
            if (p->pieces[i].count < GF_RD_CHUNK && p->pieces[i].bytes + bytes <= PIECE_BYTES)
                return i;
            break;                         // an earlier one would change the order
        }
    piece *new = &p->pieces[p->piece_count];
    new->queue = queue;
    new->count = new->bytes = 0;
    new->any = false;
    gf_rd_key_of(&new->task, queue, "t:");
    return p->piece_count++;
}

static gofer_status sort_into_pieces(putting *p)
{
    size_t keys_size = 0;
    for (size_t i = 0; i < p->count; i++) {
        const gf_message *m = p->items[i]->message;
        entry *e = &p->entries[i];
        gofer_status st = encode(p, i);
        if (st != GOFER_OK)
            return st;
        e->piece = piece_for(p, m->queue, e->message.size);
        piece *its = &p->pieces[e->piece];
        its->count++;
        its->bytes += e->message.size;
        its->any |= e->is_later || e->lock || p->items[i]->group;
        keys_size += strlen(its->task.text) + strlen(m->id) + 1;
    }
    p->keys = gf_alloc(keys_size);
    return p->keys ? GOFER_OK : gf_fail_nomem("keys");
}

static void begin_piece(putting *p, size_t number)
{
    piece *its = &p->pieces[number];
    gf_rd_cmd *cmd = &p->cmds[number];
    gf_rd_script_begin(cmd, its->any ? &put_any : &put_now, its->queue, true);
    gf_rd_key_of(&its->pending, its->queue, "pending");
    gf_rd_add(&cmd->args, its->pending.text);
    if (!its->any)
        return;
    gf_rd_key_of(&its->scheduled, its->queue, "scheduled");
    gf_rd_key_of(&its->groups, its->queue, "groups");
    gf_rd_key_of(&its->group, its->queue, "g:");
    gf_rd_add(&cmd->args, its->scheduled.text);
    gf_rd_add(&cmd->args, its->groups.text);
}

static void add_keys(putting *p)
{
    char *to = p->keys;
    for (size_t i = 0; i < p->count; i++) {
        entry *e = &p->entries[i];
        const piece *its = &p->pieces[e->piece];
        const char *id = p->items[i]->message->id;
        size_t front = strlen(its->task.text), back = strlen(id) + 1;
        e->key = to;
        memcpy(to, its->task.text, front);
        memcpy(to + front, id, back);
        to += front + back;
        gf_rd_add_bytes(&p->cmds[e->piece].args, e->key, front + back - 1);
    }
}

static void add_words(putting *p, size_t i)
{
    const entry *e = &p->entries[i];
    const gf_put *item = p->items[i];
    gf_rd_args *a = &p->cmds[e->piece].args;
    gf_rd_add_bytes(a, e->message.bytes, e->message.size);
    if (!p->pieces[e->piece].any)
        return;
    gf_rd_add_int(a, e->is_later ? (item->run_at_ms + 999) / 1000 : 0);
    gf_rd_add(a, item->group ? item->group : "");
    gf_rd_add(a, e->lock ? e->lock : "");
    gf_rd_add_int(a, e->lock ? lock_seconds(p, i) : 0);
}

// The set of names is no matter of the queue's scripts: it is in another slot.
static void tell_queues(putting *p)
{
    for (size_t i = 0; i < p->piece_count; i++) {
        if (!gf_rd_queues_tell(p->s, p->pieces[i].queue))
            continue;
        gf_rd_cmd *cmd = &p->cmds[p->cmd_count++];
        *cmd = (gf_rd_cmd){ .slot = gf_rd_slot("asynq:queues", 12), .repeatable = true };
        gf_rd_add(&cmd->args, "SADD");
        gf_rd_add(&cmd->args, "asynq:queues");
        gf_rd_add(&cmd->args, p->pieces[i].queue);
    }
}

static void make_commands(putting *p)
{
    for (size_t i = 0; i < p->piece_count; i++)
        begin_piece(p, i);
    add_keys(p);
    for (size_t i = 0; i < p->piece_count; i++) {
        gf_rd_cmd *cmd = &p->cmds[i];
        cmd->key_count = (int32_t)cmd->args.count;
        gf_rd_add_int(&cmd->args, (int64_t)strlen(p->pieces[i].task.text) + 1);
        if (p->pieces[i].any)
            gf_rd_add(&cmd->args, p->pieces[i].group.text);
    }
    for (size_t i = 0; i < p->count; i++)
        add_words(p, i);
    p->cmd_count = p->piece_count;
    tell_queues(p);
}

// ---- the answers ----------------------------------------------------------------------------------

// Something is there under the id: the same task again (the caller lost our answer), or another one.
static gofer_status compare(const putting *p, size_t i, const redisReply *there)
{
    const gf_bytes *ours = &p->entries[i].message;
    if (ours->size == (size_t)there->len && memcmp(ours->bytes, there->str, ours->size) == 0)
        return GOFER_OK;
    void *memory;
    gofer_status st = gf_wire_task_decode(there->str, (size_t)there->len, 0, &memory);
    if (st != GOFER_OK)
        return st == GOFER_ENOMEM ? st : GOFER_EEXIST;
    gf_message stored = ((const gf_wire_task *)memory)->message;
    stored.queue = p->items[i]->message->queue;        // where it was found
    st = gf_message_same(&stored, p->items[i]->message) ? GOFER_OK : GOFER_EEXIST;
    gf_free(memory);
    return st;
}

static gofer_status status_of(const putting *p, size_t i, const redisReply *answer)
{
    if (answer && answer->type == REDIS_REPLY_STRING)
        return compare(p, i, answer);
    switch (gf_rd_reply_int(answer, 0)) {
    case 1:  return GOFER_OK;
    case 2:  return GOFER_EDUPLICATE;
    case 3:  return GOFER_ECORRUPT;
    default: return GOFER_EEXIST;          // a hash without a message, or no hash
    }
}

static void hear(putting *p)
{
    for (size_t i = 0; i < p->piece_count; i++)
        p->pieces[i].count = 0;
    for (size_t i = 0; i < p->count; i++) {
        size_t number = p->entries[i].piece, at = p->pieces[number].count++;
        const gf_rd_cmd *cmd = &p->cmds[number];
        const redisReply *reply = cmd->reply;
        if (cmd->status != GOFER_OK)
            p->items[i]->status = cmd->status;
        else if (reply && reply->type == REDIS_REPLY_ARRAY)
            p->items[i]->status = at < reply->elements ? status_of(p, i, reply->element[at]) : GOFER_EBROKER;
        else
            p->items[i]->status = GOFER_OK;
    }
}

// ---- all of it --------------------------------------------------------------------------------------

// How many pieces there can be: with every change of queue a new one, and when one is full.
static size_t most_pieces(gf_put *const *items, size_t count)
{
    size_t most = 1 + count / GF_RD_CHUNK, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += items[i]->message->payload_size + items[i]->message->headers_size;
        most += i > 0 && strcmp(items[i]->message->queue, items[i - 1]->message->queue) != 0;
        if (bytes > PIECE_BYTES / 4) {
            most++;
            bytes = 0;
        }
    }
    return most;
}

static void clear(putting *p)
{
    for (size_t i = 0; p->entries && i < p->count; i++) {
        gf_bytes_clear(&p->entries[i].message);
        gf_free(p->entries[i].lock);
    }
    for (size_t i = 0; p->cmds && i < p->cmd_count; i++)
        gf_rd_cmd_clear(&p->cmds[i]);
    gf_free(p->entries);
    gf_free(p->keys);
    gf_free(p->pieces);
    gf_free(p->cmds);
}

void gf_rd_put_all(gf_rd_store *s, gf_put *const *items, size_t count)
{
    putting p = { .s = s, .items = items, .count = count, .now_ms = gf_now_ms() };
    size_t most = most_pieces(items, count);
    p.entries = gf_calloc(count, sizeof *p.entries);
    p.pieces = gf_alloc(most * sizeof *p.pieces);
    p.cmds = gf_calloc(2 * most, sizeof *p.cmds);
    gofer_status st = p.entries && p.pieces && p.cmds ? sort_into_pieces(&p) : gf_fail_nomem("tasks to be put");
    if (st == GOFER_OK) {
        make_commands(&p);
        (void)gf_rd_run(s->net, p.cmds, p.cmd_count, gf_rd_timeout(s));    // each command has its own status
        hear(&p);
    } else {
        for (size_t i = 0; i < count; i++)
            items[i]->status = st;
    }
    clear(&p);
}
