// breakers.c - circuit breakers of types: a row of limit_key each, of the type's key and of the
// queue -1, which is none. Its occupant is what broker/breaker.h writes.
//
// An exchange reads all of them with the types that are paused (guards.c), counts what has ended
// and who is let through, and writes those that are others now: one transaction, so all agree.
#include <string.h>

#include "broker/sqlite/store.h"
#include "info/info.h"
#include "message/limit_keys.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"

typedef char type_key[GF_NAME_MAX + sizeof GF_LIMIT_TYPE];

static void key_of(const char *type, type_key out)
{
    sqlite3_snprintf(sizeof(type_key), out, GF_LIMIT_TYPE "%s", type);
}

static void save(gf_sq_txn *t, gf_breaker *b)
{
    char text[GF_BREAKER_TEXT];
    type_key key;
    key_of(b->type, key);
    gf_breaker_write(b, text);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_BREAKER_SET);
    gf_sq_bind_text(t->conn, s, 1, key);
    gf_sq_bind_text(t->conn, s, 2, text);
    gf_sq_bind_int(t->conn, s, 3, GF_PAUSED_FOREVER);
    gf_sq_run(t->conn, s);
    b->dirty = false;
}

void gf_sq_breakers_save(gf_sq_txn *t)
{
    gf_breakers *all = &t->gates->breakers;
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].dirty)
            save(t, &all->items[i]);
}

static bool read_one(gf_sq_conn *c, const char *type, gf_breaker *out)
{
    type_key key;
    key_of(type, key);
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_BREAKER_GET);
    gf_sq_bind_text(c, s, 1, key);
    const char *text = gf_sq_row(c, s) ? gf_sq_name(s, 0) : NULL;
    bool there = text && gf_breaker_read(out, type, text);
    gf_sq_done(s);
    return there;
}

// ---- the exchange -------------------------------------------------------------------------------

bool gf_sq_breakers_shut(const gf_sq_txn *t)
{
    const gf_breakers *all = &t->gates->breakers;
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].open)
            return true;
    return false;
}

void gf_sq_breakers_tell(gf_sq_txn *t, const gf_finish *done, size_t count)
{
    gf_breakers *all = &t->gates->breakers;
    bool goes_on[GF_BREAKERS_MAX] = { false };
    type_key key;
    if (!all->count)
        return;
    for (size_t i = 0; i < count; i++) {
        gf_breaker_told told;
        gf_breaker *b = done[i].status == GOFER_OK && gf_breaker_told_of(&done[i], &told)
            ? gf_breakers_of(all, done[i].claim->message.type)
            : NULL;
        if (b && gf_breaker_tell(b, t->now_ms, &told) && b - all->items < GF_BREAKERS_MAX)
            goes_on[b - all->items] = true;
    }
    gf_sq_breakers_save(t);
    for (size_t i = 0; i < all->count && i < GF_BREAKERS_MAX; i++) {
        if (!goes_on[i])
            continue;
        key_of(all->items[i].type, key);
        gf_sq_look_at_waiters(t, key);
    }
}

const gf_breaker *gf_sq_breaker_shuts(const gf_sq_txn *t, const char *type)
{
    const gf_breaker *b = gf_breakers_of(&t->gates->breakers, type);
    return b && b->open && gf_breaker_room(b, t->now_ms) == 0 ? b : NULL;
}

int64_t gf_sq_breaker_let(gf_sq_txn *t, const char *type)
{
    gf_breaker *b = gf_breakers_of(&t->gates->breakers, type);
    if (!b || !b->open)
        return 0;
    gf_breaker_let(b, t->now_ms, 1);
    return b->episode;
}

// ---- who waits ----------------------------------------------------------------------------------

bool gf_sq_breaker_holds(gf_sq_txn *t, const char *key, int64_t *room, int64_t *look_ms)
{
    gf_breaker b;
    size_t front = sizeof GF_LIMIT_TYPE - 1;
    if (strncmp(key, GF_LIMIT_TYPE, front) != 0 || !read_one(t->conn, key + front, &b) || !b.open)
        return false;
    *room = gf_breaker_room(&b, t->now_ms);
    *look_ms = gf_min(gf_breaker_look_ms(&b, t->now_ms), t->now_ms + GF_SHUT_LOOK_MS);
    return true;
}

// ---- the door -----------------------------------------------------------------------------------

typedef struct change {
    const char            *type;
    const gf_breaker_rule *rule;         // put
    bool                   drop;         // else close
} change;

static gofer_status put(gf_sq_txn *t, void *arg)
{
    const change *x = arg;
    const gf_breakers *all = &t->gates->breakers;
    gf_breaker *b, made;
    gf_sq_shut_load(t);
    const gf_breaker *other = gf_breakers_overlapping(all, x->type);
    if (other)
        return gf_fail(GOFER_EEXIST, GF_BREAKER_OVERLAPS, x->type, other->type);
    b = gf_breakers_named(all, x->type);
    if (!b && all->count >= GF_BREAKERS_MAX)
        return gf_fail(GOFER_EFULL, GF_BREAKERS_FULL, GF_BREAKERS_MAX);
    if (b) {
        gf_breaker_rule_set(b, x->rule);
    } else {
        b = &made;
        gf_breaker_init(b, x->type, x->rule, t->now_ms);
    }
    save(t, b);
    return GOFER_OK;
}

static gofer_status end(gf_sq_txn *t, void *arg)
{
    const change *x = arg;
    gf_breaker b;
    type_key key;
    if (!read_one(t->conn, x->type, &b))
        return gf_fail(GOFER_ENOTFOUND, GF_BREAKER_MISSING, x->type);
    key_of(x->type, key);
    gf_breaker_close(&b);
    save(t, &b);
    if (x->drop) {
        sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_BREAKER_DROP);
        gf_sq_bind_text(t->conn, s, 1, key);
        gf_sq_run(t->conn, s);
    }
    gf_sq_look_at_waiters(t, key);
    return GOFER_OK;
}

static gofer_status run(gf_broker *b, gofer_status (*step)(gf_sq_txn *, void *), change *x)
{
    gf_sq_op op = { .run = step, .arg = x, .flags = GF_SQ_DURABLE, .tasks = 1 };
    return gf_sq_write((gf_sq_store *)b, &op);
}

gofer_status gf_sq_breaker_put(gf_broker *b, const char *type, const gf_breaker_rule *rule)
{
    return run(b, put, &(change){ .type = type, .rule = rule });
}

gofer_status gf_sq_breaker_drop(gf_broker *b, const char *type)
{
    return run(b, end, &(change){ .type = type, .drop = true });
}

gofer_status gf_sq_breaker_close(gf_broker *b, const char *type)
{
    return run(b, end, &(change){ .type = type });
}

static gofer_status list_all(gf_sq_conn *c, void *arg)
{
    gofer_info *list = arg;
    int bad = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_TYPE_LIST);
    gf_sq_bind_int(c, s, 1, 0);
    while (!bad && gf_sq_row(c, s)) {
        gf_breaker b;
        const char *type = gf_sq_name(s, 0), *text = gf_sq_name(s, GF_SQ_TYPE_BREAKER);
        if (type && text && gf_breaker_read(&b, type, text))
            bad = gf_info_add(list, gf_breaker_info(&b, gf_now_ms()));
    }
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_breakers(gf_broker *b, gofer_info **out)
{
    gofer_info *list = gf_info_list();
    if (!list)
        return GOFER_ENOMEM;
    return gf_info_hand_over(gf_sq_read((gf_sq_store *)b, list_all, list), list, out);
}
