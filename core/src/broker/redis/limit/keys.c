// keys.c - looking at limit keys: how many run and wait. Those that count for all queues stand in
// one index, those of each queue in its own; a page is made of the first of all of them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/limit_rate.h"
#include "broker/redis/limit/limit.h"
#include "info/info.h"
#include "message/limit_keys.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"

static const gf_rd_script look_script = {
    .name = "look at limit keys",
    .text = gf_rd_lua_look_at_limits,
    .allow_oom = true,
};

enum { KEY, NAME, TEXT, RUNNING, WAITING, TAT, PAUSED, OCCUPANT, WORDS };
// of the answer, behind where it goes on

typedef struct row {
    const redisReply *const *words;
    const char *queue;                     // "": of all
    bool        of_all;                    // of a Cluster, whose queues' rows are in one: so it is
                                           //   shown, and queue is that of the last
    int64_t     running, waiting;
} row;

typedef struct looking {
    gf_rd_store *s;
    gf_names     queues;                   // with a flag, and "" before them
    redisReply **replies;
    size_t       reply_count, reply_room;
    row         *rows;
    size_t       row_count, row_room;
    const char  *after_key, *after_queue;
    bool         waiting;
    size_t       limit;
} looking;

static gofer_status looking_begin(looking *l)
{
    gofer_status st = gf_rd_check(l->s);
    if (st == GOFER_OK && !gf_rd_net_server(l->s->net).is_cluster && !gf_names_add(&l->queues, ""))
        st = gf_fail_nomem("limit keys");
    return st == GOFER_OK ? gf_rd_limits_queues(l->s, &l->queues) : st;
}

static void looking_end(looking *l)
{
    for (size_t i = 0; i < l->reply_count; i++)
        gf_rd_reply_free(l->replies[i]);
    gf_free(l->replies);
    gf_free(l->rows);
    gf_names_clear(&l->queues);
}

static bool add_row(looking *l, const redisReply *const *words, const char *queue)
{
    for (size_t i = 0; i < WORDS; i++)
        if (!words[i] || (words[i]->type != REDIS_REPLY_STRING &&
                words[i]->type != REDIS_REPLY_INTEGER))
            return true;                   // not of ours
    if (!gf_grow(l->rows, l->row_room, l->row_count + 1))
        return false;
    l->rows[l->row_count++] = (row){
        .words = words,
        .queue = queue,
        .of_all = !*queue,
        .running = gf_rd_reply_int(words[RUNNING], 0),
        .waiting = gf_rd_reply_int(words[WAITING], 0),
    };
    return true;
}

// One answer of one index; *from: where to go on, within the reply, NULL: at its end.
static gofer_status ask(looking *l, const char *queue, const char *key, const char **from,
    bool inclusive)
{
    gf_rd_key index, hash;
    gf_rd_cmd cmd;
    redisReply *reply;
    if (*queue)
        gf_rd_key_of(&index, queue, "gofer:keys");
    else
        snprintf(index.text, sizeof index.text, "asynq:{gofer-limits}:keys");
    gf_rd_limits_key(l->s, queue, &hash);
    cmd = (gf_rd_cmd){ .script = &look_script,
        .key_count = 1,
        .slot = gf_rd_slot(index.text, strlen(index.text)),
        .reads = true };
    gf_rd_add(&cmd.args, index.text);
    enum { GF_RD_ARGS_LOOK_AT_LIMITS(GF_RD_ARG) COUNT };
    const gf_rd_arg words[COUNT] = {
        [QUEUE] = gf_rd_arg_text(queue),
        [LIMITS] = gf_rd_arg_text(hash.text),
        [KEY_ARG] = gf_rd_arg_text(key),
        [AFTER] = gf_rd_arg_text(*from),
        [INCLUSIVE] = gf_rd_arg_text(inclusive ? "1" : ""),
        [WAITING_ONLY] = gf_rd_arg_text(l->waiting ? "1" : ""),
        [MOST] = gf_rd_arg_int((int64_t)l->limit + 1),
    };
    gf_rd_add_all(&cmd.args, words, COUNT);
    if (!gf_grow(l->replies, l->reply_room, l->reply_count + 1)) {
        gf_rd_args_clear(&cmd.args);
        return gf_fail_nomem("limit keys");
    }
    gofer_status st = gf_rd_call(l->s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    l->replies[l->reply_count++] = reply;
    const redisReply *next = gf_rd_reply_at(reply, 0, REDIS_REPLY_STRING);
    for (size_t i = 1; next && i + WORDS <= reply->elements; i += WORDS)
        if (!add_row(l, (const redisReply *const *)reply->element + i, queue))
            return gf_fail_nomem("limit keys");
    *from = next && next->len ? next->str : NULL;
    return GOFER_OK;
}

// A copy of the limits is what a look at a queue of a Cluster needs.
static gofer_status ready(looking *l, const char *queue)
{
    return gf_rd_net_server(l->s->net).is_cluster ? gf_rd_limits_copy(l->s, queue) : GOFER_OK;
}

// All of one index that a page may need.
static gofer_status page_of(looking *l, const char *queue)
{
    bool behind = strcmp(queue, l->after_queue) > 0 && *l->after_key;
    const char *from = l->after_key;
    size_t before = l->row_count;
    gofer_status st = ready(l, queue);
    while (st == GOFER_OK && from && l->row_count - before <= l->limit) {
        st = ask(l, queue, "", &from, behind);
        behind = false;
    }
    return st;
}

static int by_key(const void *a, const void *b)
{
    const row *x = a, *y = b;
    int order = strcmp(x->words[KEY]->str, y->words[KEY]->str);
    return order ? order : strcmp(x->queue, y->queue);
}

// It is of a limit that all queues of a Cluster count for.
static bool is_granted(const looking *l, const row *r)
{
    gf_limit limit = { .name = "" };
    const char *key = r->words[KEY]->str;
    return gf_rd_net_server(l->s->net).is_cluster && !gf_limit_key_is_ordered(key) &&
        strncmp(key, GF_LIMIT_QUEUE, sizeof GF_LIMIT_QUEUE - 1) != 0 &&
        gf_limit_read(r->words[TEXT]->str, &limit) && !limit.per_queue;
}

// What queues have of such a limit is one row. Rows are in the order of their keys.
static void add_up(looking *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->row_count; i++) {
        row *r = &l->rows[i], *last = kept ? &l->rows[kept - 1] : NULL;
        bool granted = is_granted(l, r);
        if (granted && last && last->of_all &&
            strcmp(last->words[KEY]->str, r->words[KEY]->str) == 0) {
            last->running += r->running;
            last->waiting += r->waiting;
            last->queue = r->queue;
            continue;
        }
        l->rows[kept] = *r;
        l->rows[kept++].of_all |= granted;
    }
    l->row_count = kept;
}

static gofer_status show(gofer_info *list, const row *r, bool of_queue, int64_t now_ms)
{
    const redisReply *const *w = r->words;
    gf_limit_look look = {
        .key = w[KEY]->str,
        .queue = of_queue ? r->queue : NULL,
        .running = r->running,
        .waiting = r->waiting,
        .paused_until_ms = gf_rd_reply_int(w[PAUSED], 0),
        .occupant = w[OCCUPANT]->len ? w[OCCUPANT]->str : NULL,
    };
    gf_limit l = { .name = w[NAME]->str };
    if (w[TEXT]->len && gf_limit_read(w[TEXT]->str, &l)) {
        look.limit = l;
        int64_t opens_us = gf_rate_opens(&l, gf_rd_reply_int(w[TAT], 0), 1);
        look.next_start_ms = opens_us > 0 ? (opens_us + 999) / 1000 : 0;
    }
    if (look.paused_until_ms > look.next_start_ms)
        look.next_start_ms = look.paused_until_ms;
    return gf_info_add(list, gf_limit_look_info(&look, now_ms)) == 0 ? GOFER_OK : GOFER_ENOMEM;
}

static gofer_status show_cursor(gofer_info *list, const row *last)
{
    char text[2 * GF_NAME_MAX + 2];
    snprintf(text, sizeof text, "%s\n%s", last->words[KEY]->str, last->queue);
    return gf_info_set_text(list, "next_cursor", text) == 0 ? GOFER_OK : GOFER_ENOMEM;
}

static gofer_status hand_over(gofer_status st, gofer_info *list, gofer_info **out)
{
    if (st == GOFER_OK)
        *out = list;
    else
        gofer_info_free(list);
    return st;
}

gofer_status gf_rd_limit_keys(gf_broker *b, const char *after_key, const char *after_queue,
    bool waiting, size_t limit, gofer_info **out)
{
    looking l = { .s = (gf_rd_store *)b,
        .after_key = after_key,
        .after_queue = after_queue,
        .waiting = waiting,
        .limit = limit };
    gofer_status st = looking_begin(&l);
    for (size_t i = 0; i < l.queues.count && st == GOFER_OK; i++)
        st = page_of(&l, l.queues.names[i]);
    if (st == GOFER_OK && l.row_count > 1)
        qsort(l.rows, l.row_count, sizeof *l.rows, by_key);
    if (st == GOFER_OK)
        add_up(&l);
    gofer_info *list = st == GOFER_OK ? gf_info_list() : NULL;
    if (st == GOFER_OK && !list)
        st = GOFER_ENOMEM;
    int64_t now_ms = gf_rd_now_ms(b);
    for (size_t i = 0; i < l.row_count && i < limit && st == GOFER_OK; i++)
        st = show(list, &l.rows[i], !l.rows[i].of_all, now_ms);
    if (st == GOFER_OK && l.row_count > limit && limit > 0)
        st = show_cursor(list, &l.rows[limit - 1]);
    looking_end(&l);
    return hand_over(st, list, out);
}

// ---- one key ------------------------------------------------------------------------------------

static bool is_used(const row *r)
{
    return r->running + r->waiting > 0;
}

// A queue's count is told where the limit is of queues.
static bool is_told(const looking *l, const row *r)
{
    gf_limit limit = { .name = "" };
    bool own = r->words[TEXT]->len && gf_limit_read(r->words[TEXT]->str, &limit) && limit.per_queue;
    bool of_queues = own || **l->queues.names;         // or there is no other
    bool waits = r->waiting > 0;
    bool ordered = gf_limit_key_is_ordered(r->words[KEY]->str);
    return !r->of_all ? ((of_queues || ordered) && is_used(r)) || waits : is_used(r);
}

static gofer_status show_key(looking *l, gofer_info *list)
{
    int64_t now_ms = gf_rd_now_ms(&l->s->base);
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < l->row_count && st == GOFER_OK; i++)
        if (is_told(l, &l->rows[i]))
            st = show(list, &l->rows[i], !l->rows[i].of_all, now_ms);
    if (st != GOFER_OK || gofer_info_count(list) > 0 || l->row_count == 0)
        return st;
    bool known = l->rows[0].words[TEXT]->len > 0 ||
        gf_rd_reply_int(l->rows[0].words[PAUSED], 0) > now_ms;
    return known ? show(list, &l->rows[0], false, now_ms) : GOFER_OK;
}

gofer_status gf_rd_limit_key(gf_broker *b, const char *key, gofer_info **out)
{
    looking l = { .s = (gf_rd_store *)b, .limit = 1 };
    size_t front = sizeof GF_LIMIT_QUEUE - 1;
    bool of_queue = strncmp(key, GF_LIMIT_QUEUE, front) == 0;
    gofer_status st = GOFER_OK;
    if (!of_queue)
        st = looking_begin(&l);
    else if ((st = gf_rd_check(l.s)) == GOFER_OK && !gf_names_add(&l.queues, key + front))
        st = gf_fail_nomem("limit keys");
    for (size_t i = 0; i < l.queues.count && st == GOFER_OK; i++) {
        const char *from = "";
        st = ready(&l, l.queues.names[i]);
        if (st == GOFER_OK)
            st = ask(&l, l.queues.names[i], key, &from, false);
    }
    if (st == GOFER_OK)
        add_up(&l);
    gofer_info *list = st == GOFER_OK ? gf_info_list() : NULL;
    if (st == GOFER_OK)
        st = list ? show_key(&l, list) : GOFER_ENOMEM;
    looking_end(&l);
    return hand_over(st, list, out);
}
