// expired.c - tasks whose leases are over, of one queue: read, judged here (may the message be
// read? how often did a worker die with it?), and moved by a second script, each only if nothing
// has changed since it was read.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/upkeep/upkeep.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/record.h"

enum {
    PAGE = 100,                    // expired ones read in one call, and at the most
    PAGE_BYTES = 4 << 20           //   so much of their messages (and one more)
};

static const gf_rd_script read_script = {
    .name = "read lost tasks",
    .text = gf_rd_lua_read_expired,
};

static const gf_rd_script move_script = {
    .name = "recover",
    .allow_oom = true,
    .text = gf_rd_lua_recover,
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
    gofer_status st = gf_rd_claim_make(e->queue, l->words->element[ID]->str, message->str,
        (size_t)message->len, 0, &l->claim);
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
static void report_archived(const expiry *e, const lost *all, size_t count,
    const redisReply *numbers)
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

static void report_unreadable(expiry *e, const lost *l)
{
    if (*l->why)
        gf_logf(&e->s->base.config.log, GOFER_LOG_ERROR, "a task that cannot be read was archived",
            "queue", e->queue, "task", l->words->element[ID]->str, "why", l->why, NULL);
}

static gofer_status move(expiry *e, const lost *all, size_t count)
{
    static const char *const rests[] = { GF_RD_KEYS_RECOVER(GF_RD_REST) NULL };
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_upkeep_begin(&cmd, e->keys, &move_script, e->queue, rests);
    for (size_t i = 0; i < count; i++)
        add_lost(&cmd.args, &all[i]);
    gofer_status st = gf_rd_call(e->s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    e->did->requeued += (size_t)gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0);
    e->did->archived += (size_t)gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0);
    gf_rd_upkeep_log_disorder(e->s, e->queue, reply, 2);
    for (size_t i = 0; i < count; i++)
        report_unreadable(e, &all[i]);
    report_archived(e, all, count, gf_rd_reply_at(reply, 4, REDIS_REPLY_ARRAY));
    gf_rd_reply_free(reply);
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
    static const char *const rests[] = { GF_RD_KEYS_READ_EXPIRED(GF_RD_REST) NULL };
    gf_rd_cmd cmd;
    redisReply *page;
    size_t left = e->limit - done(e), want = left < PAGE ? left : PAGE;
    gf_rd_upkeep_begin(&cmd, e->keys, &read_script, e->queue, rests);
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
    gf_rd_reply_free(page);
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
    for (size_t pages = 0; st == GOFER_OK && more && done(&e) < limit && pages < limit / PAGE + 2;
         pages++)
        st = recover_page(&e, &more);
    return st;
}
