// guards.c - types that are paused: one hash, asynq:gofer:types, of a type (or a prefix and '*')
// and when it was paused (Unix ms).
//
// A process that takes asks for it once a second and tells the scripts what is in it, wherever
// their queues are: so nothing has to be copied on a Cluster, and a queue without such tasks pays
// for an empty word alone. Who waits for a type stands in its own queue's gofer:held:type:TYPE.
// Housekeeping asks anew before it brings anybody back.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/limit/limit.h"
#include "info/info.h"
#include "message/limit_keys.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

#define TYPES "asynq:gofer:types"

enum {
    FRESH_MS = 1000,               // what is known is good for so long
    ASK_MS = 1000                  // and so long an answer is waited for
};

struct gf_rd_guards {
    pthread_mutex_t lock;
    _Atomic int64_t due_ms;        // monotonic: when to ask; 0: never asked
    _Atomic bool    any;           // there is something in `text`
    char           *text;          // their lines, as the scripts read them; NULL: nothing is paused
};

// ---- the hash -----------------------------------------------------------------------------------

static void command(gf_rd_cmd *cmd, const char *verb)
{
    *cmd = (gf_rd_cmd){ .slot = gf_rd_slot(TYPES, sizeof TYPES - 1), .repeatable = true };
    gf_rd_add(&cmd->args, verb);
    gf_rd_add(&cmd->args, TYPES);
}

// And the allowed hours with them, of which hours.c hears.
static gofer_status read_types(gf_rd_store *s, int64_t timeout_ms, redisReply **out)
{
    gf_rd_cmd cmds[2];
    command(&cmds[0], "HGETALL");
    cmds[0].reads = true;
    gf_rd_hours_ask(&cmds[1]);
    (void)gf_rd_run(s->net, cmds, 2, timeout_ms);
    gofer_status st = cmds[0].status;
    *out = st == GOFER_OK ? cmds[0].reply : NULL;
    if (st == GOFER_OK)
        cmds[0].reply = NULL;
    gf_rd_hours_answered(s, &cmds[1]);
    gf_rd_cmd_clear(&cmds[0]);
    gf_rd_cmd_clear(&cmds[1]);
    return st;
}

static size_t pairs_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY ? reply->elements / 2 : 0;
}

// Of a pair the type; NULL: another program has written there what is none.
static const char *type_at(const redisReply *reply, size_t i)
{
    const redisReply *name = reply->element[2 * i];
    bool fits = gf_rd_reply_is_text(name) && gf_name_fits(name->str, (size_t)name->len) &&
        !strchr(name->str, '\n');
    return fits ? name->str : NULL;
}

// ---- what is known ------------------------------------------------------------------------------

// Of each, on a line of its own, until when it is shut, of a breaker a colon and the episode, a
// blank, and the type. *out NULL: none.
static gofer_status write_text(gf_rd_store *s, const redisReply *reply, char **out)
{
    size_t room = 1 + gf_rd_breakers_lines(s, NULL, 0), at = 0;
    *out = NULL;
    for (size_t i = 0; i < pairs_of(reply); i++)
        room += type_at(reply, i) ? strlen(type_at(reply, i)) + 24 : 0;
    if (room == 1)
        return GOFER_OK;
    char *text = gf_alloc(room);
    if (!text)
        return gf_fail_nomem("paused types");
    for (size_t i = 0; i < pairs_of(reply); i++)
        if (type_at(reply, i))
            at += (size_t)snprintf(text + at, room - at, "%" PRId64 " %s\n", GF_PAUSED_FOREVER,
                type_at(reply, i));
    gf_rd_breakers_lines(s, text + at, room - at);
    *out = text;
    return GOFER_OK;
}

// Locks: the lock held. What was known stays where there is no answer.
static gofer_status load(gf_rd_store *s, int64_t timeout_ms)
{
    struct gf_rd_guards *g = s->guards;
    redisReply *reply;
    char *text;
    gofer_status st = gf_rd_breakers_load(s, timeout_ms);
    if (st == GOFER_OK)
        st = read_types(s, timeout_ms, &reply);
    if (st == GOFER_OK) {
        st = write_text(s, reply, &text);
        gf_rd_reply_free(reply);
    }
    atomic_store(&g->due_ms, gf_mono_ms() + FRESH_MS);
    if (st != GOFER_OK)
        return st;
    gf_free(g->text);
    g->text = text;
    atomic_store(&g->any, text != NULL);
    return GOFER_OK;
}

void gf_rd_guards_doubt(gf_rd_store *s)
{
    atomic_store(&s->guards->due_ms, 0);
}

static bool is_due(const gf_rd_store *s)
{
    return gf_mono_ms() >= atomic_load_explicit(&s->guards->due_ms, memory_order_relaxed);
}

// Locks: the lock held. No answer: what was known is true still.
static void renew(gf_rd_store *s, bool anew)
{
    if (anew || is_due(s))
        (void)load(s, ASK_MS);
}

void gf_rd_guards_renew(gf_rd_store *s)
{
    if (!is_due(s))
        return;
    pthread_mutex_lock(&s->guards->lock);
    renew(s, false);
    pthread_mutex_unlock(&s->guards->lock);
}

// "1" or, where each queue has a copy of the limits, "c", in the first line; then who is closed,
// and who is paused, for that holds longer.
static gofer_status join(const gf_rd_store *s, const char *closed, const char *paused, char **out)
{
    size_t room = strlen(closed) + strlen(paused) + 3;
    *out = NULL;
    if (room == 3)
        return GOFER_OK;
    *out = gf_alloc(room);
    if (!*out)
        return gf_fail_nomem("paused types");
    snprintf(*out, room, "%c\n%s%s", gf_rd_net_server(s->net).is_cluster ? 'c' : '1', closed,
        paused);
    return GOFER_OK;
}

gofer_status gf_rd_shut_types(gf_rd_store *s, bool anew, char **out)
{
    struct gf_rd_guards *g = s->guards;
    char *closed = NULL;
    *out = NULL;
    if (!anew && !is_due(s) && !atomic_load_explicit(&g->any, memory_order_relaxed) &&
        !gf_rd_hours_any(s))
        return GOFER_OK;
    pthread_mutex_lock(&g->lock);
    renew(s, anew);
    gofer_status st = gf_rd_hours_any(s) ? gf_rd_hours_shut(s, &closed) : GOFER_OK;
    if (st == GOFER_OK)
        st = join(s, closed ? closed : "", g->text ? g->text : "", out);
    pthread_mutex_unlock(&g->lock);
    gf_free(closed);
    return st;
}

gofer_status gf_rd_guards_open(gf_rd_store *s)
{
    struct gf_rd_guards *g = gf_calloc(1, sizeof *g);
    if (!g)
        return gf_fail_nomem("paused types");
    if (pthread_mutex_init(&g->lock, NULL) != 0) {
        gf_free(g);
        return gf_fail_nomem("a lock");
    }
    s->guards = g;
    return GOFER_OK;
}

void gf_rd_guards_close(gf_rd_store *s)
{
    struct gf_rd_guards *g = s->guards;
    if (!g)
        return;
    pthread_mutex_destroy(&g->lock);
    gf_free(g->text);
    gf_free(g);
}

// ---- the door -----------------------------------------------------------------------------------

gofer_status gf_rd_type_pause(gf_broker *b, const char *type, bool paused)
{
    gf_rd_store *s = (gf_rd_store *)b;
    char key[sizeof GF_LIMIT_TYPE + GF_NAME_MAX];
    gf_rd_cmd cmd;
    int64_t done;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    command(&cmd, paused ? "HSETNX" : "HDEL");
    gf_rd_add(&cmd.args, type);
    if (paused)
        gf_rd_add_int(&cmd.args, gf_rd_now_ms(b));
    st = gf_rd_call_int(s, &cmd, &done);
    gf_rd_guards_doubt(s);
    if (st != GOFER_OK || paused)
        return st;
    snprintf(key, sizeof key, GF_LIMIT_TYPE "%s", type);
    return gf_rd_limits_rewake(s, key);  // also of one that was unpaused by a call cut off
}

static int by_type(const void *a, const void *b)
{
    const redisReply *const *x = a, *const *y = b;
    return strcmp((*x)->str, (*y)->str);
}

// The pairs of a reply, by their types; what is no type is left out.
static gofer_status list_pairs(const redisReply *reply, gofer_info *list)
{
    size_t count = 0;
    const redisReply *(*pairs)[2] = gf_calloc(pairs_of(reply) + 1, sizeof *pairs);
    if (!pairs)
        return gf_fail_nomem("paused types");
    for (size_t i = 0; i < pairs_of(reply); i++) {
        if (!type_at(reply, i))
            continue;
        pairs[count][0] = reply->element[2 * i];
        pairs[count++][1] = reply->element[2 * i + 1];
    }
    qsort(pairs, count, sizeof *pairs, by_type);
    int bad = 0;
    for (size_t i = 0; i < count && !bad; i++)
        bad = gf_info_add(list,
            gf_paused_type_info(pairs[i][0]->str, gf_rd_reply_int(pairs[i][1], 0)));
    gf_free(pairs);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_rd_types(gf_broker *b, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    redisReply *reply;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = read_types(s, gf_rd_timeout(s), &reply);
    if (st != GOFER_OK)
        return st;
    gofer_info *list = gf_info_list();
    st = list ? list_pairs(reply, list) : GOFER_ENOMEM;
    gf_rd_reply_free(reply);
    return gf_info_hand_over(st, list, out);
}
