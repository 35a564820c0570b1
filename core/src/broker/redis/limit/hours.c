// hours.c - allowed hours: one hash, asynq:gofer:hours, of "queue:NAME" or "type:PATTERN" and what
// they say.
//
// It is asked for together with the types that are paused (guards.c), once a second, and each
// process decides by the server's clock what is closed: closed types are told to the scripts like
// paused ones, closed queues are not taken from. So nothing is copied, on a Cluster neither.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/limit/limit.h"
#include "info/info.h"
#include "message/limit_keys.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"

#define HOURS "asynq:gofer:hours"

struct gf_rd_hours {
    pthread_mutex_t lock;
    _Atomic bool    any;           // there is something in the book
    gf_hours_book   book;
};

// ---- the hash -----------------------------------------------------------------------------------

static void command(gf_rd_cmd *cmd, const char *verb)
{
    *cmd = (gf_rd_cmd){ .slot = gf_rd_slot(HOURS, sizeof HOURS - 1), .repeatable = true };
    gf_rd_add(&cmd->args, verb);
    gf_rd_add(&cmd->args, HOURS);
}

void gf_rd_hours_ask(gf_rd_cmd *cmd)
{
    command(cmd, "HGETALL");
    cmd->reads = true;
}

static bool is_row(const redisReply *name, const redisReply *spec)
{
    if (!gf_rd_reply_is_text(name) || !gf_rd_reply_is_text(spec))
        return false;
    const char *type = gf_hours_name_of(name->str, GF_HOURS_TYPE),
               *of = type ? type : gf_hours_name_of(name->str, GF_HOURS_QUEUE);
    return of && gf_name_fits(of, strlen(of)) && !strchr(of, '\n') &&
        (type || strlen(of) <= GF_NAME_MAX);
}

static int by_name(const void *a, const void *b)
{
    const gf_hours_row *x = a, *y = b;
    return strcmp(x->name, y->name);
}

// By their names; what is none is left out. NULL: no memory. They borrow from the reply.
static gf_hours_row *rows_of(const redisReply *reply, size_t *count)
{
    size_t pairs = reply->type == REDIS_REPLY_ARRAY ? reply->elements / 2 : 0;
    gf_hours_row *rows = gf_calloc(pairs + 1, sizeof *rows);
    *count = 0;
    for (size_t i = 0; rows && i < pairs; i++)
        if (is_row(reply->element[2 * i], reply->element[2 * i + 1]))
            rows[(*count)++] = (gf_hours_row){ reply->element[2 * i]->str,
                reply->element[2 * i + 1]->str };
    if (rows)
        qsort(rows, *count, sizeof *rows, by_name);
    return rows;
}

// ---- what is known ------------------------------------------------------------------------------

gofer_status gf_rd_hours_open(gf_rd_store *s)
{
    struct gf_rd_hours *h = gf_calloc(1, sizeof *h);
    if (!h)
        return gf_fail_nomem("allowed hours");
    if (pthread_mutex_init(&h->lock, NULL) != 0) {
        gf_free(h);
        return gf_fail_nomem("a lock");
    }
    s->hours = h;
    return GOFER_OK;
}

void gf_rd_hours_close(gf_rd_store *s)
{
    struct gf_rd_hours *h = s->hours;
    if (!h)
        return;
    pthread_mutex_destroy(&h->lock);
    gf_hours_book_clear(&h->book);
    gf_free(h);
}

void gf_rd_hours_answered(gf_rd_store *s, const gf_rd_cmd *cmd)
{
    struct gf_rd_hours *h = s->hours;
    size_t count;
    if (cmd->status != GOFER_OK)
        return;                          // what was known stays
    gf_hours_row *rows = rows_of(cmd->reply, &count);
    if (!rows)
        return;
    pthread_mutex_lock(&h->lock);
    if (gf_hours_book_set(&h->book, rows, count < GF_HOURS_MAX ? count : GF_HOURS_MAX))
        atomic_store(&h->any, h->book.count > 0);
    pthread_mutex_unlock(&h->lock);
    gf_free(rows);
}

bool gf_rd_hours_any(const gf_rd_store *s)
{
    return atomic_load_explicit(&s->hours->any, memory_order_relaxed);
}

// As it is now. Locks: until gf_rd_hours_done.
static const gf_hours_book *book_now(gf_rd_store *s)
{
    int64_t now_ms = gf_rd_now_ms(&s->base);
    pthread_mutex_lock(&s->hours->lock);
    gf_hours_book_turn(&s->hours->book, now_ms, &s->base.config.log);
    return &s->hours->book;
}

static void done(gf_rd_store *s)
{
    pthread_mutex_unlock(&s->hours->lock);
}

gofer_status gf_rd_hours_shut(gf_rd_store *s, char **out)
{
    const gf_hours_book *book = book_now(s);
    size_t room = 1, at = 0;
    *out = NULL;
    for (size_t i = 0; i < book->count; i++)
        room += book->entries[i].open ? 0 : strlen(book->entries[i].name) + 24;
    char *text = gf_alloc(room);
    for (size_t i = 0; text && i < book->count; i++) {
        const gf_hours_entry *e = &book->entries[i];
        const char *type = gf_hours_name_of(e->name, GF_HOURS_TYPE);
        if (type && !e->open)
            at += (size_t)snprintf(text + at, room - at, "%" PRId64 " %s\n", e->until_ms, type);
    }
    done(s);
    if (!text)
        return gf_fail_nomem("allowed hours");
    text[at] = '\0';
    *out = text;
    return GOFER_OK;
}

bool gf_rd_queue_closed(gf_rd_store *s, const char *queue, int64_t *left_ms)
{
    if (!gf_rd_hours_any(s))
        return false;
    const gf_hours_book *book = book_now(s);
    const gf_hours_entry *e = gf_hours_closed(book, GF_HOURS_QUEUE, queue);
    if (e && left_ms)
        *left_ms = e->until_ms - book->seen_ms;
    done(s);
    return e != NULL;
}

// ---- the door -----------------------------------------------------------------------------------

gofer_status gf_rd_hours_put(gf_broker *b, const char *name, const char *spec)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_cmd cmd;
    int64_t was;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    command(&cmd, spec ? "HSET" : "HDEL");
    gf_rd_add(&cmd.args, name);
    if (spec)
        gf_rd_add(&cmd.args, spec);
    st = gf_rd_call_int(s, &cmd, &was);
    gf_rd_guards_doubt(s);
    if (st == GOFER_OK && gf_hours_name_of(name, GF_HOURS_TYPE))
        st = gf_rd_limits_rewake(s, name);   // its name is that of the key that they wait for
    return st == GOFER_OK && !spec && !was
        ? gf_fail(GOFER_ENOTFOUND, "there are no hours of '%s'", name)
        : st;
}

gofer_status gf_rd_hours_list(gf_broker *b, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_cmd cmd;
    size_t count = 0;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_rd_hours_ask(&cmd);
    st = gf_rd_run(s->net, &cmd, 1, gf_rd_timeout(s));
    gf_hours_row *rows = st == GOFER_OK ? rows_of(cmd.reply, &count) : NULL;
    gofer_info *list = rows ? gf_info_list() : NULL;
    if (st == GOFER_OK && !list)
        st = gf_fail_nomem("allowed hours");
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        if (gf_info_add(list, gf_hours_info(rows[i].name, rows[i].spec)))
            st = GOFER_ENOMEM;
    gf_free(rows);
    gf_rd_cmd_clear(&cmd);
    return gf_info_hand_over(st, list, out);
}
