// recover.c - tasks whose worker died: which queues have any (expired.c moves them). And what no lease leads to:
// active ids without one, and groups whose aggregation was not finished.
#include "broker/redis/upkeep/keep.h"
#include "util/alloc.h"
#include "util/error.h"

enum { WINDOW = 200 };             // active ids looked at for a lease in one look

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

// KEYS: pending, active, lease, scheduled, retry, completed, archived. ARGV: the tasks' prefix, where the window is.
// An active task without a lease is given a short one. If somebody runs it, his heartbeats go on with it; if not,
// it is soon found like all others, by whichever worker. Answer: how many, ghosts, and those that only the list
// of active ones was wrong about.
static const gf_rd_script lend_script = {
    .name = "give leases",
    .allow_oom = true,
    .text =
        LUA_LONE GF_RD_LUA_ELSEWHERE
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

typedef struct recovering {
    gf_rd_store *s;
    const char **queues;           // at the front those that need something
    int64_t     *needs, *windows;  // of each of them
    size_t       found;
    size_t       limit;
    int32_t      crash_limit;
    gf_rd_deaths *deaths;
    gf_recovered did;
} recovering;

static size_t done(const recovering *r)
{
    return r->did.requeued + r->did.archived;
}

// ---- active without a lease -----------------------------------------------------------------------------

static gofer_status lend(recovering *r, const char *queue, int64_t window)
{
    static const char *const rests[] = {
        "pending", "active", "lease", "scheduled", "retry", "completed", "archived", NULL,
    };
    gf_rd_key keys[GF_RD_KEYS_MAX + 1];
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_keep_begin(&cmd, keys, &lend_script, queue, rests);
    gf_rd_add_int(&cmd.args, window);
    gf_rd_add_int(&cmd.args, WINDOW);
    gofer_status st = gf_rd_call(r->s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    gf_rd_keep_tell(r->s, "active tasks without a lease were given one", queue,
        gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0));
    gf_rd_keep_tell_disorder(r->s, queue, reply, 1);
    freeReplyObject(reply);
    return GOFER_OK;
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
        st = gf_rd_recover_expired(r->s, queue, r->limit, r->crash_limit, r->deaths, &r->did);
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
    if (st != GOFER_OK || holds || r->found == 0)
        return st;
    st = gf_rd_deaths_open(r->s, &r->deaths);
    return st == GOFER_OK ? mend(r) : st;
}

gofer_status gf_rd_recover(gf_broker *b, size_t limit, int32_t crash_limit, gf_recovered *out)
{
    recovering r = { .s = (gf_rd_store *)b, .limit = limit, .crash_limit = crash_limit };
    gf_rd_round round;
    out->requeued = out->archived = 0;
    r.did = *out;
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
    gf_rd_deaths_close(r.deaths);
    gf_free(r.needs);
    gf_free(r.windows);
    gf_rd_round_end(&round);
    return st;
}
