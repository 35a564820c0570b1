// forward.c - tasks that are due: from scheduled and retry to the end of
// pending, or to their group; and those that wait for a limit key which has room (wake.lua).
#include <stdlib.h>

#include "broker/redis/limit/limit.h"
#include "broker/redis/upkeep/upkeep.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"

enum { MARGIN_MS = 2 };            // so long after a server's second has begun we look

static const gf_rd_script find_script = {
    .name = "look for due tasks",
    .text = gf_rd_lua_find_due,
};

static const gf_rd_script forward_script = {
    .name = "forward",
    .allow_oom = true,
    .text = gf_rd_lua_forward,
};

static const gf_rd_script wake_script = {
    .name = "bring back who waits for limits",
    .allow_oom = true,
    .text = gf_rd_lua_wake,
};

// of the answers
enum { SECONDS, MICROSECONDS, LOOK_WAKE, LOOK_FIRST };
enum { MOVED = 2, GHOSTS, FORWARD_FIRST };
enum { WOKEN = 2, WAKE_NEXT, LACKS_LIMITS, LET };

// What is known of one queue.
typedef struct later {
    int64_t first_s;               // the lowest score; GF_RD_NEVER: none
    int64_t wake_ms;               // when a limit key is looked at; INT64_MAX: none
    int64_t server_ms, at_ms;      // the server's clock, and ours when its answer came
} later;

typedef struct forwarding {
    gf_rd_store  *s;
    const char  **queues;          // of the pass
    later        *laters;          // of each
    size_t        share;           // ids for each in this pass
    size_t        seen, moved;     // ids looked at (moved, or dropped) in all
    int64_t       sent_ms;         // our clock, before the first look
    char         *shut;            // types that are paused; NULL: none
    size_t        first;           // of the queues, of a pass over some
    const char   *breaker;         // in this pass it lets so many through; NULL: none does
    int64_t       let;
} forwarding;

static bool is_due(const later *l)
{
    return l->first_s != GF_RD_NEVER && l->first_s * 1000 <= l->server_ms;
}

static bool is_to_wake(const later *l)
{
    return l->wake_ms <= l->server_ms;
}

static void note_wake(later *l, const redisReply *reply, size_t at)
{
    const redisReply *score = gf_rd_reply_at(reply, at, REDIS_REPLY_STRING);
    l->wake_ms = score && score->len ? (int64_t)strtod(score->str, NULL) : INT64_MAX;
}

static void note(later *l, const redisReply *reply, size_t at)
{
    int64_t a = gf_rd_reply_score(gf_rd_reply_at(reply, at, REDIS_REPLY_STRING));
    int64_t b = gf_rd_reply_score(gf_rd_reply_at(reply, at + 1, REDIS_REPLY_STRING));
    l->first_s = a < b ? a : b;
    l->server_ms = gf_rd_reply_time_ms(reply, SECONDS);
    l->at_ms = gf_now_ms();
}

static void on_found(void *arg, size_t i, const redisReply *reply)
{
    forwarding *f = arg;
    note(&f->laters[i], reply, LOOK_FIRST);
    note_wake(&f->laters[i], reply, LOOK_WAKE);
    gf_rd_clock_note(f->s, f->sent_ms, f->laters[i].at_ms, f->laters[i].server_ms);
}

static gofer_status add_share(void *arg, size_t i, gf_rd_args *args)
{
    const forwarding *f = arg;
    (void)i;
    gf_rd_add_int(args, (int64_t)f->share);
    return GOFER_OK;
}

static void on_forward(void *arg, size_t i, const redisReply *reply)
{
    forwarding *f = arg;
    int64_t moved = gf_rd_reply_int(gf_rd_reply_at(reply, MOVED, REDIS_REPLY_STRING), 0);
    int64_t ghosts = gf_rd_reply_int(gf_rd_reply_at(reply, GHOSTS, REDIS_REPLY_STRING), 0);
    note(&f->laters[i], reply, FORWARD_FIRST);
    f->moved += (size_t)moved;
    f->seen += (size_t)(moved + ghosts);
    gf_rd_upkeep_log(f->s, "due ids without a task were dropped", f->queues[i], ghosts);
}

static gofer_status add_limit(void *arg, size_t i, gf_rd_args *args)
{
    enum { KEYS_AT_ONCE = 200 };
    const forwarding *f = arg;
    (void)i;
    gf_rd_add_int(args, KEYS_AT_ONCE);
    gf_rd_add(args, f->shut ? f->shut : "");
    gf_rd_add_int(args, f->breaker ? f->let : 0);
    gf_rd_add(args, f->breaker ? f->breaker : "");
    return GOFER_OK;
}

static void on_woken(void *arg, size_t i, const redisReply *reply)
{
    forwarding *f = arg;
    i += f->first;
    f->let -= gf_rd_reply_int(gf_rd_reply_at(reply, LET, REDIS_REPLY_INTEGER), 0);
    f->laters[i].server_ms = gf_rd_reply_time_ms(reply, SECONDS);
    f->laters[i].at_ms = gf_now_ms();
    note_wake(&f->laters[i], reply, WAKE_NEXT);
    f->moved += (size_t)gf_rd_reply_int(gf_rd_reply_at(reply, WOKEN, REDIS_REPLY_INTEGER), 0);
    bool lacks = gf_rd_reply_int(gf_rd_reply_at(reply, LACKS_LIMITS, REDIS_REPLY_INTEGER), 0) == 1;
    if (lacks && gf_rd_limits_copy(f->s, f->queues[i]) != GOFER_OK)
        gf_rd_upkeep_complain(f->s, f->queues[i], "copy the limits");
    else if (lacks)
        f->laters[i].wake_ms = f->laters[i].server_ms;
}

// Brings queues of which this is so to the front, both arrays alike; how many.
static size_t sort_by(forwarding *f, size_t count, bool (*is_so)(const later *l))
{
    size_t due = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_so(&f->laters[i]))
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

// Passes over the queues with due tasks, each getting an equal share, until nothing is due or the
// limit is reached. Each pass looks at an id or more.
static gofer_status forward_due(forwarding *f, size_t count, size_t limit)
{
    static const char *const rests[] = { GF_RD_KEYS_FORWARD(GF_RD_REST) NULL };
    static const gf_rd_sweep sweep = { .script = &forward_script,
        .rests = rests,
        .add = add_share,
        .on_answer = on_forward };
    while (f->seen < limit) {
        size_t due = sort_by(f, count, is_due), left = limit - f->seen, before = f->seen;
        if (due == 0)
            break;
        due = due < left ? due : left;
        f->share = left / due < GF_RD_CHUNK ? left / due : GF_RD_CHUNK;
        gofer_status st = gf_rd_sweep_run(f->s, &sweep, f->queues, due, f);
        if (st != GOFER_OK)
            return f->moved ? GOFER_OK : st;
        if (f->seen == before)
            break;
    }
    return GOFER_OK;
}

// Breakers that are half open let some of those who wait in these queues through: it is noted in
// the store first, and what no queue has a use for goes back.
static gofer_status trickle(forwarding *f, const gf_rd_sweep *sweep, size_t count)
{
    enum { QUEUES = 16 };
    char type[GF_NAME_MAX + 1];
    gofer_status st = GOFER_OK;
    size_t begin = count ? (size_t)(gf_random64() % count) : 0;
    for (size_t at = 0; st == GOFER_OK && gf_rd_breakers_half_open(f->s, &at, type);) {
        int64_t episode;
        f->let = gf_rd_breaker_let(f->s, type, &episode);
        f->breaker = type;
        for (size_t i = 0; i < count && i < QUEUES && f->let > 0 && st == GOFER_OK; i++) {
            f->first = (begin + i) % count;
            st = gf_rd_sweep_run(f->s, sweep, f->queues + f->first, 1, f);
        }
        if (st == GOFER_OK && f->let > 0)
            gf_rd_breaker_unlet(f->s, type, episode, f->let);
    }
    f->first = 0;
    f->breaker = NULL;
    return st;
}

// Rounds over the queues with limit keys that are to be looked at; bounded, as keys may be many.
static gofer_status wake(forwarding *f, size_t count)
{
    static const char *const rests[] = { GF_RD_KEYS_WAKE(GF_RD_REST) NULL };
    static const gf_rd_sweep sweep = { .script = &wake_script,
        .rests = rests,
        .add = add_limit,
        .on_answer = on_woken };
    enum { ROUNDS = 20 };
    gofer_status st = GOFER_OK;
    for (int i = 0; i < ROUNDS && st == GOFER_OK; i++) {
        size_t due = sort_by(f, count, is_to_wake);
        if (due == 0)
            break;
        if (i == 0)
            st = gf_rd_shut_types(f->s, true, &f->shut);
        if (i == 0 && st == GOFER_OK)
            st = trickle(f, &sweep, due);
        if (st == GOFER_OK && (due = sort_by(f, due, is_to_wake)) > 0)
            st = gf_rd_sweep_run(f->s, &sweep, f->queues, due, f);
    }
    return st;
}

// When to look again: the first known time, and, since others add tasks unseen, the next second of
// the server's clock, in which scores are. All on our own clock.
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
        if (l->wake_ms != INT64_MAX && l->wake_ms + ahead_ms < first_ms)
            first_ms = l->wake_ms + ahead_ms;
    }
    if (!second_ms)
        second_ms = now_ms + 1000;
    return first_ms < second_ms ? first_ms : second_ms;
}

gofer_status gf_rd_forward(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms)
{
    static const char *const rests[] = { GF_RD_KEYS_FIND_DUE(GF_RD_REST) NULL };
    static const gf_rd_sweep find = { .script = &find_script,
        .rests = rests,
        .reads = true,
        .on_answer = on_found };
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_round round;
    gofer_status st = gf_rd_check(s);
    int64_t again_ms;
    if (st == GOFER_OK)
        gf_rd_breakers_tell(s, true);
    if (st == GOFER_OK && !gf_rd_elected(s, GF_RD_FORWARD, &again_ms)) {
        *done = 0;
        *next_ms = gf_now_ms() + again_ms;
        return GOFER_OK;
    }
    if (st == GOFER_OK)
        st = gf_rd_round_begin(s, GF_RD_FORWARD, &round);
    if (st != GOFER_OK)
        return st;
    forwarding f = { .s = s, .queues = round.queues, .sent_ms = gf_now_ms() };
    f.laters = gf_calloc(round.count + 1, sizeof *f.laters);
    for (size_t i = 0; i < round.count && f.laters; i++)
        f.laters[i] = (later){ .first_s = GF_RD_NEVER, .wake_ms = INT64_MAX };
    st = f.laters ? gf_rd_sweep_run(s, &find, f.queues, round.count, &f)
                  : gf_fail_nomem("a look for due tasks");
    if (st == GOFER_OK)
        st = forward_due(&f, round.count, limit);
    if (st == GOFER_OK)
        st = wake(&f, round.count);
    if (st == GOFER_OK) {
        *done = f.moved;
        *next_ms = next_look_ms(&f, round.count);
    }
    gf_free(f.laters);
    gf_free(f.shut);
    gf_rd_round_end(&round);
    return st;
}
