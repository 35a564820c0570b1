// wait.c - waits for the end of a task: told with the commit that ends it, not polled.
//
// Who waits keeps a time in the sidecar's page fresh and has a row of `awaited`. While that time is
// not ahead a transaction that ends tasks asks for nothing; else it looks whether somebody waits
// for those it ends, notes the outcome and the result there, so that they are kept although the
// task is gone, and wakes who sleeps.
#include <limits.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/record.h"

enum {
    FRESH_MS = 5000, NAP_MS = 1000,
    KEPT_MS = 600000,                    // how long a row is good for without being renewed,
    LINGER_MS = FRESH_MS                 // and how long one whose wait was over: who waits
                                         //   in turns misses no end
};

// Times from before a reboot are far ahead, and pass. (Twice: who waits may have read the
// clock later than we.)
bool gf_sq_is_awaited(const gf_sq_page *page, int64_t mono_ms)
{
    int64_t until_ms = atomic_load_explicit(&page->awaited_ms, memory_order_relaxed);
    return until_ms > mono_ms && until_ms <= mono_ms + 2 * FRESH_MS;
}

// Only what was told a moment ago is told once more (look_at_lingering), and nothing is told when
// nobody has waited for long: so who puts tasks asks for such rows only shortly after a wait.
void gf_sq_begun(gf_sq_txn *t, int64_t qid, const char *id)
{
    int64_t until_ms =
        atomic_load_explicit(&t->store->sidecar.page->awaited_ms, memory_order_relaxed);
    if (until_ms < t->mono_ms - 2 * LINGER_MS || until_ms > t->mono_ms + 2 * FRESH_MS)
        return;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_AWAITED_PAST);
    gf_sq_bind_int(t->conn, s, 1, qid);
    gf_sq_bind_text(t->conn, s, 2, id);
    gf_sq_run(t->conn, s);
}

void gf_sq_ended(gf_sq_txn *t, int64_t qid, const char *id, const gf_sq_end *end)
{
    char word[GF_SQ_LEFT_OUT];
    const char *error = end->error;
    if (!t->awaited)
        return;
    bool kept = end->result && gf_sq_may_keep(t, id, end->result_size);
    if (end->result && !kept)
        error = gf_sq_left_out(word, end->result_size);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_AWAITED_TELL);
    gf_sq_bind_int(t->conn, s, 1, qid);
    gf_sq_bind_text(t->conn, s, 2, id);
    gf_sq_bind_text(t->conn, s, 3, gf_end_name(end->how));
    gf_sq_bind_int(t->conn, s, 4, t->now_ms);
    gf_sq_bind_text(t->conn, s, 5, t->tight && !end->result ? NULL : error);
    gf_sq_bind_blob(t->conn, s, 6, kept ? end->result : NULL, kept ? end->result_size : 0);
    if (gf_sq_run(t->conn, s) > 0)
        t->ended |= gf_sq_wakeup_bit(id);
}

// ---- what became of it -----------------------------------------------------------------------

typedef struct waiting {
    gf_sq_store *store;
    const char  *queue, *id;
    int64_t      rid;                    // of the row that waits; 0: none
    gofer_info  *made;                   // the end; NULL: it has not come
    bool         gone;                   // no such task now
} waiting;

static gofer_info *describe(const waiting *w, const char *outcome, int64_t at_ms, const char *error,
    const void *result, size_t result_size)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    int bad = gf_info_set_text(info, "id", w->id) | gf_info_set_text(info, "queue", w->queue) |
        gf_info_set_text(info, "outcome", outcome) | gf_info_set_text(info, "last_error", error);
    if (result)
        bad |= gf_info_set_bytes(info, "result", result, result_size);
    if (at_ms)
        bad |= gf_info_set_int(info, "finished_at_ms", at_ms);
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

// The kind of the last attempt says whether somebody cancelled it.
static bool was_cancelled(gf_sq_conn *c, int64_t xid)
{
    gf_sq_extra e;
    char *kind = NULL;
    if (!gf_sq_extra_read(c, xid, &e))
        return false;
    const char *last = e.attempts;
    for (const char *at = last; at && (at = strchr(at, '\n')) != NULL;)
        if (*++at)
            last = at;
    if (!gf_record_get_text(last, "kind", &kind, NULL))
        gf_sq_conn_note(c, SQLITE_NOMEM);
    gf_sq_done(e.row);
    bool cancelled = kind && strcmp(kind, "cancelled") == 0;
    gf_free(kind);
    return cancelled;
}

// A task that has ended and is kept.
static gofer_status look_at_kept(gf_sq_conn *c, waiting *w, const gf_sq_place *place)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_ONE_LATER), *blob = NULL;
    gf_sq_bind_int(c, s, 1, place->seq);
    if (!gf_sq_row(c, s))
        return GOFER_EBROKER;            // SQL has failed: the status will not be seen
    gf_message m;
    int64_t bid, rbid = sqlite3_column_int64(s, GF_SQ_COL_RBID);
    gf_sq_read_body(s, 0, &m, &bid);
    bool done = place->state == GF_COMPLETED;
    const char *outcome = done                   ? "done"
        : was_cancelled(c, gf_sq_body_xid(s, 0)) ? "cancelled"
                                                 : "archived";
    const void *result = sqlite3_column_blob(s, GF_SQ_COL_RESULT);
    size_t size = (size_t)sqlite3_column_bytes(s, GF_SQ_COL_RESULT);
    if (rbid) {
        blob = gf_sq_stmt(c, GF_SQL_BLOB_GET);
        gf_sq_bind_int(c, blob, 1, rbid);
        if (gf_sq_row(c, blob)) {
            result = sqlite3_column_blob(blob, 0);
            size = (size_t)sqlite3_column_bytes(blob, 0);
        }
    } else if (!result && sqlite3_column_type(s, GF_SQ_COL_RESULT) != SQLITE_NULL) {
        result = "";
    }
    w->made = describe(w, outcome, gf_sq_number(s, GF_SQ_COL_SORT), m.last_error, result, size);
    gf_sq_done(blob);
    gf_sq_done(s);
    return w->made ? GOFER_OK : gf_fail_nomem("the end of a task");
}

// The outcome that a row found, for one that is gone.
static gofer_status describe_row(sqlite3_stmt *s, waiting *w)
{
    const void *result = sqlite3_column_blob(s, 3);
    bool has_result = sqlite3_column_type(s, 3) != SQLITE_NULL;
    gofer_info_free(w->made);
    int64_t at_ms = gf_sq_number(s, 1);                // below 0: an earlier task's
    w->made = describe(w, (const char *)sqlite3_column_text(s, 0), at_ms < 0 ? -at_ms : at_ms,
        (const char *)sqlite3_column_text(s, 2), has_result && !result ? "" : result,
        (size_t)sqlite3_column_bytes(s, 3));
    gf_sq_done(s);
    return w->made ? GOFER_OK : gf_fail_nomem("the end of a task");
}

// It ended between this wait and one before it. What was told longer ago may be of an earlier task
// of that id: ends are told only while somebody waits. (Wall time, since a row's is that; who sets
// the clock gets "gone".)
static gofer_status look_at_lingering(gf_sq_conn *c, waiting *w, int64_t qid)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_AWAITED_ENDED);
    gf_sq_bind_int(c, s, 1, qid);
    gf_sq_bind_text(c, s, 2, w->id);
    gf_sq_bind_int(c, s, 3, gf_now_ms() - LINGER_MS);
    gf_sq_bind_int(c, s, 4, gf_now_ms() + LINGER_MS);
    if (!gf_sq_row(c, s)) {
        gf_sq_done(s);
        return GOFER_OK;
    }
    w->gone = false;
    return describe_row(s, w);
}

// Sets made or gone, or neither: it has not ended.
static gofer_status look_at_task(gf_sq_conn *c, void *arg)
{
    waiting *w = arg;
    gf_sq_place place;
    gofer_info_free(w->made);            // of a run that failed
    w->made = NULL;
    int64_t qid = gf_sq_find_qid(c, w->queue);
    w->gone = !qid || !gf_sq_find(c, qid, w->id, &place);
    if (w->gone && qid)
        return look_at_lingering(c, w, qid);
    if (w->gone || (place.state != GF_COMPLETED && place.state != GF_ARCHIVED))
        return GOFER_OK;
    return look_at_kept(c, w, &place);
}

// What the row says; without one, or without an outcome, what the task says.
static gofer_status look_at_end(gf_sq_conn *c, void *arg)
{
    waiting *w = arg;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_AWAITED_GET);
    gf_sq_bind_int(c, s, 1, w->rid);
    bool found = gf_sq_row(c, s);
    const char *outcome = found ? (const char *)sqlite3_column_text(s, 0) : NULL;
    if (!outcome) {
        gf_sq_done(s);
        gofer_status st = look_at_task(c, w);
        if (st == GOFER_OK && w->gone && !(w->made = describe(w, "gone", 0, NULL, NULL, 0)))
            return gf_fail_nomem("the end of a task");
        return st;
    }
    return describe_row(s, w);
}

// ---- waiting ------------------------------------------------------------------------------------

static gofer_status begin(gf_sq_txn *t, void *arg)
{
    waiting *w = arg;
    w->rid = 0;
    gofer_status st = look_at_task(t->conn, w);
    if (st != GOFER_OK || w->gone || w->made)
        return st;
    int64_t qid = gf_sq_find_qid(t->conn, w->queue);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_AWAITED_LINGERING);
    gf_sq_bind_int(t->conn, s, 1, qid);
    gf_sq_bind_text(t->conn, s, 2, w->id);
    gf_sq_bind_int(t->conn, s, 3, t->mono_ms + LINGER_MS);
    if (gf_sq_row(t->conn, s))
        w->rid = sqlite3_column_int64(s, 0);
    gf_sq_done(s);
    if (w->rid) {                        // whose turn was over
        GF_SQ_RUN(t->conn, GF_SQL_AWAITED_KEEP, w->rid, t->mono_ms + KEPT_MS);
        return GOFER_OK;
    }
    s = gf_sq_stmt(t->conn, GF_SQL_AWAITED_ADD);
    gf_sq_bind_int(t->conn, s, 1, qid);
    gf_sq_bind_text(t->conn, s, 2, w->id);
    gf_sq_bind_int(t->conn, s, 3, t->mono_ms + KEPT_MS);
    gf_sq_run(t->conn, s);
    w->rid = sqlite3_last_insert_rowid(t->conn->db);
    return GOFER_OK;
}

static gofer_status renew(gf_sq_txn *t, void *arg)
{
    GF_SQ_RUN(t->conn, GF_SQL_AWAITED_KEEP, ((waiting *)arg)->rid, t->mono_ms + KEPT_MS);
    return GOFER_OK;
}

// Without the end, the row lingers: it is for the next turn, or goes when its time is over.
static gofer_status finish(gf_sq_txn *t, void *arg)
{
    waiting *w = arg;
    if (w->made)
        GF_SQ_RUN(t->conn, GF_SQL_AWAITED_DROP, w->rid);
    else
        GF_SQ_RUN(t->conn, GF_SQL_AWAITED_KEEP, w->rid, t->mono_ms + LINGER_MS);
    return GOFER_OK;
}

static void stay_fresh(gf_sq_page *page)
{
    int64_t until_ms = gf_mono_ms() + FRESH_MS, seen = atomic_load(&page->awaited_ms);
    while ((seen < until_ms || seen > until_ms + FRESH_MS) &&
        !atomic_compare_exchange_weak(&page->awaited_ms, &seen, until_ms))
        continue;
}

static gofer_status wait_for(waiting *w, int64_t timeout_ms)
{
    gf_sq_page *page = w->store->sidecar.page;
    int64_t begun = gf_mono_ms(), end = begun + timeout_ms, renewed = begun;
    const gf_broker *b = &w->store->base;
    uint32_t interrupts = atomic_load(&b->interrupts);
    uint32_t bit = gf_sq_wakeup_bit(w->id);
    for (;;) {
        stay_fresh(page);
        uint32_t seen = atomic_load(&page->ends);    // before the look: an end that comes
                                                     //   meanwhile ends the sleep at once
        gofer_status st = gf_sq_read(w->store, look_at_end, w);
        if (st != GOFER_OK || w->made)
            return st;
        int64_t now = gf_mono_ms();
        if (now >= end || atomic_load(&b->interrupts) != interrupts)
            return GOFER_ETIMEOUT;
        if (now - renewed > KEPT_MS / 2) {
            gf_sq_op op = { .run = renew, .arg = w, .tasks = 1 };
            st = gf_sq_write(w->store, &op);
            renewed = now;
            if (st != GOFER_OK)
                return st;
        }
        gf_sq_futex_wait(&page->ends, seen, bit, (end - now < NAP_MS ? end - now : NAP_MS) * 1000);
    }
}

void gf_sq_interrupt(gf_broker *b)
{
    gf_sq_page *page = ((gf_sq_store *)b)->sidecar.page;
    // Counted up, so that who is about to sleep does not. Waits of others look once in vain.
    atomic_fetch_add(&page->ends, 1);
    gf_sq_futex_wake(&page->ends, UINT32_MAX, INT_MAX);
    atomic_fetch_add(&page->events, 1);
    gf_sq_futex_wake(&page->events, UINT32_MAX, INT_MAX);
}

gofer_status gf_sq_wait_end(gf_broker *b, const char *queue, const char *id, int64_t timeout_ms,
    gofer_info **out)
{
    waiting w = { .store = (gf_sq_store *)b, .queue = queue, .id = id };
    gofer_status st = gf_sq_check(w.store);
    if (st != GOFER_OK)
        return st;
    if (timeout_ms < 0 || timeout_ms > GOFER_MAX_DURATION_MS)
        timeout_ms = GOFER_MAX_DURATION_MS;          // negative: for ever
    if (timeout_ms > 0) {
        stay_fresh(w.store->sidecar.page);           // before the row is there: who ends the task
                                                     //   after that looks for it
        gf_sq_op op = { .run = begin, .arg = &w, .tasks = 1 };
        st = gf_sq_write(w.store, &op);
    } else {
        st = gf_sq_read(w.store, look_at_task, &w);
    }
    if (st == GOFER_OK && w.gone)
        st = gf_fail(GOFER_ENOTFOUND, "no task '%s' in queue '%s'", id, queue);
    else if (st == GOFER_OK && !w.made)
        st = w.rid ? wait_for(&w, timeout_ms) : GOFER_ETIMEOUT;
    if (w.rid) {                         // if that fails the row goes when its time is over
        gf_sq_op op = { .run = finish, .arg = &w, .tasks = 1 };
        char text[512];
        sqlite3_snprintf(sizeof text, text, "%s", gofer_error_last());
        if (gf_sq_write(w.store, &op) != GOFER_OK && st != GOFER_OK)
            gf_fail(st, "%s", text);
    }
    if (st == GOFER_OK)
        *out = w.made;
    else
        gofer_info_free(w.made);
    return st;
}
