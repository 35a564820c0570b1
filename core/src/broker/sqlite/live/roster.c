// roster.c - the workers: registered, seen alive or dead, listed.
//
// A worker's number (wid) is also the byte of its life lock in the sidecar. The registrations of
// this store are kept in memory, with the descriptors that hold their locks.
#include <string.h>

#include "broker/children.h"
#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

// ---- our own -----------------------------------------------------------------------

int64_t gf_sq_registered(gf_sq_store *s, const char *id)
{
    int64_t wid = 0;
    pthread_mutex_lock(&s->lock);
    for (gf_sq_registration *r = s->registrations; r && !wid; r = r->next)
        if (strcmp(r->id, id) == 0)
            wid = r->wid;
    pthread_mutex_unlock(&s->lock);
    return wid;
}

static bool is_own(gf_sq_store *s, int64_t wid)
{
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (gf_sq_registration *r = s->registrations; r && !found; r = r->next)
        found = r->wid == wid;
    pthread_mutex_unlock(&s->lock);
    return found;
}

static void free_registration(gf_sq_registration *r)
{
    gf_own_close(&r->life);              // lets the life lock go
    gf_free(r->id);
    gf_free(r);
}

// Without a number, so far; NULL: no memory.
static gf_sq_registration *add_registration(gf_sq_store *s, const char *id)
{
    gf_sq_registration *new = gf_calloc(1, sizeof *new);
    char *copy = gf_strdup(id);
    if (!new || !copy) {
        gf_free(new);
        gf_free(copy);
        return NULL;
    }
    *new = (gf_sq_registration){ .id = copy, .life = GF_NO_FD };
    pthread_mutex_lock(&s->lock);
    new->next = s->registrations;
    s->registrations = new;
    pthread_mutex_unlock(&s->lock);
    return new;
}

static void remove_registration(gf_sq_store *s, const char *id)
{
    pthread_mutex_lock(&s->lock);
    gf_sq_registration **link = &s->registrations;
    while (*link && strcmp((*link)->id, id) != 0)
        link = &(*link)->next;
    gf_sq_registration *found = *link;
    if (found)
        *link = found->next;
    pthread_mutex_unlock(&s->lock);
    if (found)
        free_registration(found);
}

void gf_sq_registrations_close(gf_sq_store *s)
{
    while (s->registrations) {
        gf_sq_registration *r = s->registrations;
        s->registrations = r->next;
        free_registration(r);
    }
}

bool gf_sq_worker_dead(gf_sq_store *s, int64_t wid, int64_t lease_until, int64_t mono_ms)
{
    if (is_own(s, wid))
        return false;
    gf_sq_life life = gf_sq_life_test(&s->sidecar, wid);
    if (life == GF_SQ_UNKNOWN)
        return lease_until < mono_ms || lease_until > mono_ms + GF_SQ_LEASE_HORIZON_MS;
    return life == GF_SQ_DEAD;
}

// ---- register -------------------------------------------------------------------------

typedef struct registering {
    gf_sq_store           *store;
    const gf_worker_entry *entry;
    gf_record              children;     // owned; empty: it has none
    int64_t                lease_ms;
    int64_t                wid;          // 0: not registered here so far
    gf_sq_registration    *fresh;        // NULL: registered already
    bool                   commanded;    // there are commands for it
} registering;

static void save_entry(gf_sq_txn *t, const registering *r)
{
    const gf_worker_entry *e = r->entry;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_WORKER_SAVE);
    gf_sq_bind_int(t->conn, s, 1, r->fresh ? 0 : r->wid);
    gf_sq_bind_text(t->conn, s, 2, e->id);
    gf_sq_bind_text(t->conn, s, 3, e->host ? e->host : "");
    gf_sq_bind_int(t->conn, s, 4, e->pid);
    gf_sq_bind_int(t->conn, s, 5, e->started_ms);
    gf_sq_bind_text(t->conn, s, 6, e->state ? e->state : "");
    gf_sq_bind_int(t->conn, s, 7, e->concurrency);
    gf_sq_bind_int(t->conn, s, 8, e->running);
    gf_sq_bind_text(t->conn, s, 9, e->queues ? e->queues : "");
    gf_sq_bind_int(t->conn, s, 10, e->strict);
    gf_sq_bind_int(t->conn, s, 11, t->mono_ms + r->lease_ms);
    gf_sq_bind_text(t->conn, s, 12, r->children.text);
    gf_sq_run(t->conn, s);
}

static gofer_status enter(gf_sq_txn *t, void *arg)
{
    registering *r = arg;
    gf_sq_registration *fresh = r->fresh;
    save_entry(t, r);
    if (!fresh) {
        sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_COMMAND_HAS);
        gf_sq_bind_int(t->conn, s, 1, r->wid);
        r->commanded = gf_sq_row(t->conn, s);
        gf_sq_done(s);
        return GOFER_OK;
    }

    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_WORKER_WID);
    gf_sq_bind_text(t->conn, s, 1, r->entry->id);
    int64_t wid = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    if (!wid)
        return GOFER_EBROKER;            // SQL has failed: the status will not be seen
    // Known as ours and locked before the row can be seen: nobody ever finds it dead by mistake, be
    // it another process or another worker's housekeeping in this one, whose look may be the very
    // next transaction. If locking fails the row stays without a lock and is soon removed as dead.
    gf_own_close(&fresh->life);          // of a run that was rolled back
    pthread_mutex_lock(&r->store->lock);
    fresh->wid = wid;
    pthread_mutex_unlock(&r->store->lock);
    return gf_sq_life_begin(&r->store->sidecar, wid, &fresh->life);
}

gofer_status gf_sq_worker_register(gf_broker *b, const gf_worker_entry *entry, int64_t lease_ms)
{
    gf_sq_store *s = (gf_sq_store *)b;
    gofer_status st = gf_sq_check(s);
    if (st != GOFER_OK)
        return st;
    registering r = { .store = s, .entry = entry, .lease_ms = lease_ms };
    r.wid = gf_sq_registered(s, entry->id);
    if (entry->children)
        gf_children_put(&r.children, entry->children);
    if (r.children.bad || (!r.wid && !(r.fresh = add_registration(s, entry->id)))) {
        gf_record_clear(&r.children);
        return gf_fail_nomem("a worker's registration");
    }
    gf_sq_op op = { .run = enter, .arg = &r, .tasks = 1 };
    st = gf_sq_write(s, &op);
    gf_record_clear(&r.children);
    if (st != GOFER_OK && r.fresh)
        remove_registration(s, entry->id);
    if (st == GOFER_OK && r.commanded)   // the watch has missed them
        gf_sq_watches_wake(s->sidecar.page);
    return st;
}

static gofer_status leave(gf_sq_txn *t, void *arg)
{
    const int64_t *wid = arg;
    GF_SQ_RUN(t->conn, GF_SQL_WORKER_DROP, *wid);
    return GOFER_OK;
}

gofer_status gf_sq_worker_deregister(gf_broker *b, const char *id)
{
    gf_sq_store *s = (gf_sq_store *)b;
    gofer_status st = gf_sq_check(s);
    int64_t wid = st == GOFER_OK ? gf_sq_registered(s, id) : 0;
    if (st != GOFER_OK || !wid)
        return st;
    gf_sq_op op = { .run = leave, .arg = &wid, .tasks = 1 };
    st = gf_sq_write(s, &op);
    remove_registration(s, id);          // in any case: the lock's end removes the
                                         //   row if we could not
    return st;
}

// ---- list --------------------------------------------------------------------------------

typedef struct listing {
    gf_sq_store *store;
    gf_page      page;                   // limit 0: all
    gofer_info  *list;
} listing;

static gofer_info *show_worker(sqlite3_stmt *s)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    int bad = gf_info_set_text(info, "worker", (const char *)sqlite3_column_text(s, 2)) |
              gf_info_set_text(info, "host", (const char *)sqlite3_column_text(s, 3)) |
              gf_info_set_int(info, "pid", gf_sq_number(s, 4)) |
              gf_info_set_int(info, "started_at_ms", gf_sq_number(s, 5)) |
              gf_info_set_text(info, "state", (const char *)sqlite3_column_text(s, 6)) |
              gf_info_set_int(info, "concurrency", gf_sq_number(s, 7)) |
              gf_info_set_int(info, "running", gf_sq_number(s, 8)) |
              gf_info_set_text(info, "queues", (const char *)sqlite3_column_text(s, 9)) |
              gf_info_set_bool(info, "strict", sqlite3_column_int64(s, 10) & 1);
    const char *children = (const char *)sqlite3_column_text(s, 11);
    bad |= gf_children_show(info, children, children ? strlen(children) : 0);
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

static bool is_live(const listing *l, sqlite3_stmt *s, int64_t mono_ms)
{
    return !gf_sq_worker_dead(l->store, sqlite3_column_int64(s, 0), gf_sq_number(s, 1), mono_ms);
}

static gofer_status list_all(gf_sq_conn *c, void *arg)
{
    listing *l = arg;
    int64_t mono_ms = gf_mono_ms();
    int bad = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_WORKER_LIST);
    while (!bad && gf_sq_row(c, s))
        if (is_live(l, s, mono_ms))
            bad = gf_info_add(l->list, show_worker(s));
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

// The cursor is the place of the last one, which is copied, as a row lasts until the next.
static gofer_status list_page(gf_sq_conn *c, void *arg)
{
    listing *l = arg;
    int64_t mono_ms = gf_mono_ms();
    char *last = NULL;
    int bad = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_WORKER_PAGE);
    gf_sq_bind_text(c, s, 1, l->page.cursor ? l->page.cursor : "");
    while (!bad && gf_sq_row(c, s)) {
        const char *place = (const char *)sqlite3_column_text(s, 12);
        if (!place || !is_live(l, s, mono_ms))
            continue;
        if (gofer_info_count(l->list) == l->page.limit) {
            bad = gf_info_set_text(l->list, "next_cursor", last);
            break;
        }
        gf_free(last);
        last = gf_strdup(place);
        bad = !last || gf_info_add(l->list, show_worker(s)) != 0;
    }
    gf_sq_done(s);
    gf_free(last);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_workers(gf_broker *b, const gf_page *page, gofer_info **out)
{
    listing l = { .store = (gf_sq_store *)b, .list = gf_info_list() };
    if (!l.list)
        return GOFER_ENOMEM;
    if (page)
        l.page = *page;
    return gf_info_hand_over(gf_sq_read(l.store, page ? list_page : list_all, &l), l.list, out);
}
