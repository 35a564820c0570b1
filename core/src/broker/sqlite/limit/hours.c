// hours.c - allowed hours: a row of limit_key each, whose name no task can name and whose occupant
// is what they say. As of a pause, its end is in the year 9999, so nobody tidies it away.
//
// Who leads reads them once a second (gf_sq_hours_load), and tells those of this store who wait for
// work when the next queue opens; a change wakes who waits, who then reads them anew.
#include <string.h>

#include "broker/sqlite/store.h"
#include "info/info.h"
#include "message/limit_keys.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"

#define KEY_FRONT "\nhours:"

enum { KEY_ROOM = sizeof KEY_FRONT + sizeof GF_HOURS_QUEUE + GF_NAME_MAX };

static sqlite3_stmt *rows_of(gf_sq_conn *c)
{
    return gf_sq_stmt(c, GF_SQL_HOURS_LIST);
}

// ---- what is known ------------------------------------------------------------------------------

static bool add_row(gf_names *texts, sqlite3_stmt *s)
{
    const char *name = (const char *)sqlite3_column_text(s, 0);
    const char *spec = (const char *)sqlite3_column_text(s, 1);
    return gf_names_add(texts, name ? name : "") && gf_names_add(texts, spec ? spec : "");
}

static void read_book(gf_sq_txn *t)
{
    gf_names texts = { 0 };              // name and hours in turn
    gf_hours_row rows[GF_HOURS_MAX];
    sqlite3_stmt *s = rows_of(t->conn);
    bool fine = true;
    while (fine && gf_sq_row(t->conn, s))
        fine = texts.count / 2 == GF_HOURS_MAX || add_row(&texts, s);
    gf_sq_done(s);
    size_t count = gf_min_size(texts.count / 2, GF_HOURS_MAX);
    for (size_t i = 0; i < count; i++)
        rows[i] = (gf_hours_row){ texts.names[2 * i], texts.names[2 * i + 1] };
    if (t->conn->rc == SQLITE_OK && !(fine && gf_hours_book_set(&t->gates->hours, rows, count)))
        gf_sq_conn_note(t->conn, SQLITE_NOMEM);
    gf_names_clear(&texts);
}

static int64_t next_opening(const gf_hours_book *book)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < book->count; i++)
        if (!book->entries[i].open && gf_hours_name_of(book->entries[i].name, GF_HOURS_QUEUE))
            next_ms = gf_min(next_ms, book->entries[i].until_ms);
    return next_ms;
}

void gf_sq_hours_load(gf_sq_txn *t)
{
    gf_sq_store *s = t->store;
    gf_hours_book *book = &t->gates->hours;
    if (t->mono_ms >= atomic_load_explicit(&s->hours_due_ms, memory_order_relaxed)) {
        atomic_store(&s->hours_due_ms, t->mono_ms + GF_HOURS_FRESH_MS);
        read_book(t);
    }
    if (!book->count && !atomic_load_explicit(&s->has_hours, memory_order_relaxed))
        return;
    atomic_store(&s->has_hours, book->count > 0);
    gf_hours_book_turn(book, t->now_ms, &s->base.config.log);
    atomic_store(&s->opens_ms, next_opening(book));
}

// Who waits is looked at soon once: another process may have changed the hours within the last
// second. What is closed still then waits until it opens (gate.c).
bool gf_sq_hours_shut(gf_sq_txn *t, gf_shut_types *shut)
{
    const gf_hours_book *book = &t->gates->hours;
    bool fine = true;
    gf_sq_hours_load(t);
    for (size_t i = 0; i < book->count && fine; i++) {
        const char *type = gf_hours_name_of(book->entries[i].name, GF_HOURS_TYPE);
        if (type && !book->entries[i].open)
            fine = gf_shut_add(shut, type,
                gf_min(book->entries[i].until_ms, t->now_ms + GF_HOURS_FRESH_MS));
    }
    return fine;
}

bool gf_sq_hours_closed(gf_sq_txn *t, const char *queue)
{
    return t->gates->hours.count && gf_hours_closed(&t->gates->hours, GF_HOURS_QUEUE, queue);
}

int64_t gf_sq_hours_until(gf_sq_txn *t, const char *key)
{
    const char *type = gf_hours_name_of(key, GF_LIMIT_TYPE);
    if (!type)
        return 0;
    gf_sq_hours_load(t);
    const gf_hours_entry *e = gf_hours_closed(&t->gates->hours, GF_HOURS_TYPE, type);
    return e ? e->until_ms : 0;
}

// ---- who waits for work -------------------------------------------------------------------------

int64_t gf_sq_hours_nap_us(const gf_sq_store *s, int64_t *seen_ms)
{
    int64_t opens_ms = atomic_load_explicit(&s->opens_ms, memory_order_relaxed);
    if (opens_ms == INT64_MAX || opens_ms == *seen_ms)
        return INT64_MAX;
    int64_t left_ms = opens_ms - gf_now_ms();
    if (left_ms > 0)                     // clocks may be set meanwhile
        return gf_min(left_ms, GF_HOURS_FRESH_MS) * 1000;
    *seen_ms = opens_ms;                 // told once of each opening
    return 0;
}

void gf_sq_hours_doubt(gf_sq_store *s)
{
    if (atomic_load_explicit(&s->has_hours, memory_order_relaxed))
        atomic_store(&s->hours_due_ms, 0);
}

// ---- the door -----------------------------------------------------------------------------------

typedef struct putting {
    const char *name, *spec;             // spec NULL: they are taken away
    bool        found;
} putting;

static void wake_who_waits(gf_sq_txn *t, const char *name)
{
    const char *queue = gf_hours_name_of(name, GF_HOURS_QUEUE);
    gf_sq_queue *q = queue ? gf_sq_queue_named(t, queue) : NULL;
    if (q)
        t->wakeups |= q->bit;
    else if (!queue)
        gf_sq_look_at_waiters(t, name);  // its name is that of the key that they wait for
}

static gofer_status put(gf_sq_txn *t, void *arg)
{
    putting *p = arg;
    char key[KEY_ROOM];
    sqlite3_snprintf(sizeof key, key, KEY_FRONT "%s", p->name);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, p->spec ? GF_SQL_HOURS_PUT : GF_SQL_HOURS_DROP);
    gf_sq_bind_text(t->conn, s, 1, key);
    if (p->spec) {
        gf_sq_bind_text(t->conn, s, 2, p->spec);
        gf_sq_bind_int(t->conn, s, 3, GF_PAUSED_FOREVER);
    }
    p->found = gf_sq_run(t->conn, s) > 0;
    atomic_store(&t->store->hours_due_ms, 0);
    if (p->found)
        wake_who_waits(t, p->name);
    return GOFER_OK;
}

gofer_status gf_sq_hours_put(gf_broker *b, const char *name, const char *spec)
{
    gf_sq_store *s = (gf_sq_store *)b;
    putting p = { .name = name, .spec = spec };
    gf_sq_op op = { .run = put, .arg = &p, .flags = GF_SQ_DURABLE, .tasks = 1 };
    if (spec) {
        op.flags |= GF_SQ_ADDS;
        op.bytes = KEY_ROOM + GF_HOURS_SPEC_MAX;
    }
    gofer_status st = gf_sq_write(s, &op);
    atomic_store(&s->hours_due_ms, 0);   // also where what was read before was undone
    return st == GOFER_OK && !p.found ? gf_fail(GOFER_ENOTFOUND, "there are no hours of '%s'", name)
                                      : st;
}

static gofer_status list(gf_sq_conn *c, void *arg)
{
    gofer_info *all = arg;
    int bad = 0;
    sqlite3_stmt *s = rows_of(c);
    while (!bad && gf_sq_row(c, s)) {
        const char *name = (const char *)sqlite3_column_text(s, 0);
        const char *spec = (const char *)sqlite3_column_text(s, 1);
        bad = name && gf_info_add(all, gf_hours_info(name, spec ? spec : ""));
    }
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_hours_list(gf_broker *b, gofer_info **out)
{
    gofer_info *all = gf_info_list();
    if (!all)
        return GOFER_ENOMEM;
    return gf_info_hand_over(gf_sq_read((gf_sq_store *)b, list, all), all, out);
}
