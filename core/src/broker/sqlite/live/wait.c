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
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/record.h"
#include "util/table.h"

enum {
    FRESH_MS = 5000, NAP_MS = 1000,
    KEPT_MS = 600000,                    // how long a row is good for without being renewed,
    LINGER_MS = FRESH_MS,                // and how long one whose wait was over: who waits
                                         //   in turns misses no end
    AT_ONCE = 1000,                      // waits that one commit begins or ends
    FEW = 32,                            // waits that are all looked at each time; of more only
                                         //   those that are told,
    SWEPT = 64,                          //   and so many more a second, as no end may be missed
    GATHER_US = 1000                     //   and not with each end that somebody waits for
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
    gf_link      link;                   // by rid; first
    const char  *queue, *id;
    int64_t      rid;                    // of the row that waits; 0: none
    gofer_info  *made;                   // the end; NULL: it has not come
    bool         gone;                   // no such task now
    gf_awaited  *of;                     // NULL: the wait is over, and its row shall go, or
    bool         ended;                  //   linger
    int64_t      renewed_ms;             // monotonic
    size_t       place;                  // among all
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

// ---- rows ---------------------------------------------------------------------------------------

static gofer_status begin(gf_sq_txn *t, waiting *w)
{
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

typedef struct batch {
    waiting **all;
    size_t    count;
} batch;

static gofer_status begin_all(gf_sq_txn *t, void *arg)
{
    batch *b = arg;
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < b->count && st == GOFER_OK; i++)
        st = begin(t, b->all[i]);
    return st;
}

static gofer_status look_at_all(gf_sq_conn *c, void *arg)
{
    batch *b = arg;
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < b->count && st == GOFER_OK; i++)
        st = look_at_task(c, b->all[i]);
    return st;
}

static gofer_status renew_all(gf_sq_txn *t, void *arg)
{
    batch *b = arg;
    for (size_t i = 0; i < b->count; i++)
        GF_SQ_RUN(t->conn, GF_SQL_AWAITED_KEEP, b->all[i]->rid, t->mono_ms + KEPT_MS);
    return GOFER_OK;
}

// Without the end, the row lingers: it is for the next turn, or goes when its time is over.
static gofer_status finish_all(gf_sq_txn *t, void *arg)
{
    batch *b = arg;
    for (size_t i = 0; i < b->count; i++)
        if (b->all[i]->ended)
            GF_SQ_RUN(t->conn, GF_SQL_AWAITED_DROP, b->all[i]->rid);
        else
            GF_SQ_RUN(t->conn, GF_SQL_AWAITED_KEEP, b->all[i]->rid, t->mono_ms + LINGER_MS);
    return GOFER_OK;
}

// ---- waiting ------------------------------------------------------------------------------------

typedef struct waits {
    gf_waits      base;                  // first
    gf_sq_store  *store;
    waiting     **all, **found;          // found: room for as many, of a look
    size_t        count, room, found_room;
    gf_table      by_rid;
    waiting     **over;                  // whose rows are still to be finished
    size_t        over_count, over_room;
    size_t        swept;                 // place of the next to be swept
    bool          sweeps_all;            // ends may have been missed
    uint32_t      seen;                  // of the page's ends, before the latest look,
    int64_t       looked_ms, fresh_ms;   //   which was then; 0: never
    _Atomic bool  woken;
} waits;

static void stay_fresh(waits *w)
{
    gf_sq_page *page = w->store->sidecar.page;
    int64_t now_ms = gf_mono_ms(), until_ms = now_ms + FRESH_MS;
    int64_t seen = atomic_load(&page->awaited_ms);
    while ((seen < until_ms || seen > until_ms + FRESH_MS) &&
        !atomic_compare_exchange_weak(&page->awaited_ms, &seen, until_ms))
        continue;
    if (w->count && now_ms > w->fresh_ms + FRESH_MS)
        w->sweeps_all = true;            // nobody was asked for what ended meanwhile
    w->fresh_ms = now_ms;
}

static gofer_status write_some(gf_sq_store *s, gofer_status (*run)(gf_sq_txn *, void *),
    waiting **all, size_t count)
{
    batch b = { all, count };
    gf_sq_op op = { .run = run, .arg = &b, .flags = GF_SQ_TELLS, .tasks = count };
    return gf_sq_write(s, &op);
}

gofer_status gf_sq_waits_open(gf_broker *b, gf_waits **out)
{
    gf_sq_store *s = (gf_sq_store *)b;
    gofer_status st = gf_sq_check(s);
    if (st != GOFER_OK)
        return st;
    waits *w = gf_calloc(1, sizeof *w);
    if (!w)
        return gf_fail_nomem("a wait");
    w->base.broker = b;
    w->store = s;
    *out = &w->base;
    return GOFER_OK;
}

// If a row cannot be finished, it goes when its time is over.
static void finish_over(waits *w)
{
    for (size_t at = 0, some; at < w->over_count; at += some) {
        some = gf_min_size(w->over_count - at, AT_ONCE);
        (void)write_some(w->store, finish_all, w->over + at, some);
    }
    for (size_t i = 0; i < w->over_count; i++)
        gf_free(w->over[i]);
    w->over_count = 0;
}

// It is waited for no more. There is room for it among those that are over (keep).
static void let_go(waits *w, waiting *each, bool ended)
{
    waiting *last = w->all[--w->count];
    w->all[each->place] = last;
    last->place = each->place;
    gf_table_remove(&w->by_rid, &each->link);
    each->of->place = NULL;
    each->of = NULL;
    each->ended = ended;
    w->over[w->over_count++] = each;
}

void gf_sq_waits_close(gf_waits *waiting_for)
{
    waits *w = (waits *)waiting_for;
    if (!w)
        return;
    while (w->count)
        let_go(w, w->all[w->count - 1], false);
    finish_over(w);
    gf_table_clear(&w->by_rid);
    gf_free(w->all);
    gf_free(w->found);
    gf_free(w->over);
    gf_free(w);
}

// ---- adding -------------------------------------------------------------------------------------

// Wait for what was begun, or tell at once what came of it.
static void settle(waits *w, waiting *each, gf_awaited *a, gofer_status st)
{
    a->end = each->made;
    if (st != GOFER_OK)
        gofer_info_free(each->made), a->end = NULL;
    else if (each->gone)
        st = gf_fail(GOFER_ENOTFOUND, "no task '%s' in queue '%s'", a->id, a->queue);
    else if (!each->made && !each->rid)
        st = GOFER_ETIMEOUT;             // only looked
    else if (!each->made) {
        gf_table_add(&w->by_rid, &each->link, (uint64_t)each->rid);
        each->of = a;
        each->place = w->count;
        each->renewed_ms = gf_mono_ms();
        w->all[w->count++] = each;
        a->place = each;
        return;
    }
    gf_waits_tell(&w->base, a, st);
    gf_free(each);
}

static gofer_status keep(waits *w, waiting **new, size_t count)
{
    size_t all = w->count + w->over_count + count;
    bool ok = gf_grow(w->all, w->room, all) && gf_grow(w->found, w->found_room, all) &&
        gf_grow(w->over, w->over_room, all);
    for (size_t i = 0; i < count && ok; i++)
        ok = (new[i] = gf_calloc(1, sizeof *new[i])) != NULL;
    return ok ? GOFER_OK : gf_fail_nomem("waits");
}

static void add_some(waits *w, gf_awaited *const *items, size_t count, bool only_look)
{
    waiting *new[AT_ONCE] = { 0 };
    batch b = { new, count };
    gofer_status st = gf_sq_check(w->store);
    if (st == GOFER_OK)
        st = keep(w, new, count);
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        new[i]->queue = items[i]->queue;
        new[i]->id = items[i]->id;
    }
    if (st == GOFER_OK && only_look) {
        st = gf_sq_read(w->store, look_at_all, &b);
        bool any = false;
        for (size_t i = 0; i < count; i++)
            any |= new[i]->made != NULL;
        if (st == GOFER_OK && any)
            st = gf_sq_settle_read(w->store);
    } else if (st == GOFER_OK) {
        stay_fresh(w);                   // before the rows are there: who ends a task
                                         //   after that looks for them
        if (!w->count) {                 // and there is no need to look before that
            w->seen = atomic_load(&w->store->sidecar.page->ends);
            w->looked_ms = gf_mono_ms();
        }
        st = write_some(w->store, begin_all, new, count);
    }
    for (size_t i = 0; i < count; i++)
        if (new[i])
            settle(w, new[i], items[i], st);
        else
            gf_waits_tell(&w->base, items[i], st);
}

void gf_sq_waits_add(gf_waits *waiting_for, gf_awaited *const *items, size_t count, bool only_look)
{
    for (size_t at = 0, some; at < count; at += some) {
        some = gf_min_size(count - at, AT_ONCE);
        add_some((waits *)waiting_for, items + at, some, only_look);
    }
}

void gf_sq_waits_remove(gf_waits *waiting_for, gf_awaited *const *items, size_t count)
{
    waits *w = (waits *)waiting_for;
    for (size_t i = 0; i < count; i++)
        if (items[i]->place)
            let_go(w, items[i]->place, false);
}

// ---- being told ---------------------------------------------------------------------------------

// Those that others have told, and a few more.
static gofer_status look_at_told(gf_sq_conn *c, waits *w)
{
    size_t found = 0;
    gofer_status st = GOFER_OK;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_AWAITED_TOLD);
    while (found < w->count && gf_sq_row(c, s)) {
        gf_link *link = gf_table_find(&w->by_rid, (uint64_t)sqlite3_column_int64(s, 0));
        if (link)
            w->found[found++] = (waiting *)link;
    }
    gf_sq_done(s);
    for (size_t i = 0; i < found && st == GOFER_OK; i++)
        st = look_at_end(c, w->found[i]);
    for (size_t i = 0; i < SWEPT && st == GOFER_OK && gf_mono_ms() >= w->looked_ms + NAP_MS; i++) {
        waiting *each = w->all[(w->swept + i) % w->count];
        if (!each->made)
            st = look_at_end(c, each);
    }
    return st;
}

static gofer_status look_at_ends(gf_sq_conn *c, void *arg)
{
    waits *w = arg;
    gofer_status st = GOFER_OK;
    if (w->count > FEW && !w->sweeps_all)
        return look_at_told(c, w);
    for (size_t i = 0; i < w->count && st == GOFER_OK; i++)
        st = look_at_end(c, w->all[i]);
    return st;
}

static void tell(waits *w, waiting *each)
{
    each->of->end = each->made;
    each->made = NULL;
    gf_waits_tell(&w->base, each->of, GOFER_OK);
    let_go(w, each, true);
}

static gofer_status look(waits *w)
{
    gofer_status st = gf_sq_read(w->store, look_at_ends, w);
    bool any = false;
    for (size_t i = 0; i < w->count; i++)
        any |= w->all[i]->made != NULL;
    if (st == GOFER_OK && any)
        st = gf_sq_settle_read(w->store);
    for (size_t i = w->count; i-- > 0;) {
        waiting *each = w->all[i];
        if (st == GOFER_OK && each->made)
            tell(w, each);
        gofer_info_free(st == GOFER_OK ? NULL : each->made);
        if (st != GOFER_OK)
            each->made = NULL;
    }
    if (st == GOFER_OK)
        w->sweeps_all = false;
    w->swept = w->count ? (w->swept + SWEPT) % w->count : 0;
    w->looked_ms = gf_mono_ms();
    return st;
}

// Has anything ended since the latest look?
static bool is_time_to_look(const waits *w)
{
    return w->count > 0 && (w->sweeps_all || gf_mono_ms() >= w->looked_ms + NAP_MS ||
        atomic_load(&w->store->sidecar.page->ends) != w->seen);
}

static gofer_status renew(waits *w)
{
    int64_t now_ms = gf_mono_ms();
    size_t due = 0;
    for (size_t i = 0; i < w->count && due < AT_ONCE; i++)
        if (now_ms - w->all[i]->renewed_ms > KEPT_MS / 2)
            w->found[due++] = w->all[i];
    for (size_t i = 0; i < due; i++)
        w->found[i]->renewed_ms = now_ms;
    return due ? write_some(w->store, renew_all, w->found, due) : GOFER_OK;
}

static uint32_t bits_of(const waits *w)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < w->count && i <= FEW; i++)
        bits |= gf_sq_wakeup_bit(w->all[i]->id);
    return w->count > FEW || !bits ? UINT32_MAX : bits;
}

gofer_status gf_sq_waits_next(gf_waits *waiting_for, int64_t timeout_ms, gf_awaited **told)
{
    waits *w = (waits *)waiting_for;
    _Atomic uint32_t *word = &w->store->sidecar.page->ends;
    const gf_broker *b = w->base.broker;
    uint32_t interrupts = atomic_load(&b->interrupts);
    if (timeout_ms < 0 || timeout_ms > GOFER_MAX_DURATION_MS)
        timeout_ms = GOFER_MAX_DURATION_MS;
    int64_t end = gf_mono_ms() + timeout_ms;
    if (w->over_count)
        finish_over(w);
    for (;;) {
        gofer_status st = gf_sq_check(w->store);
        if (w->count)
            stay_fresh(w);
        uint32_t seen = atomic_load(word);           // before the look: an end that comes
                                                     //   meanwhile ends the sleep at once
        if (st == GOFER_OK && is_time_to_look(w)) {
            if (w->count > FEW && w->looked_ms)
                gf_sleep_us(GATHER_US);
            w->seen = seen = atomic_load(word);
            st = look(w);
        }
        if ((*told = gf_waits_told(&w->base)) != NULL)
            return GOFER_OK;
        if (st == GOFER_OK)
            st = renew(w);
        if (st != GOFER_OK)
            return st;
        int64_t left = end - gf_mono_ms();
        if (atomic_exchange(&w->woken, false) || left <= 0 ||
            atomic_load(&b->interrupts) != interrupts)
            return GOFER_ETIMEOUT;
        gf_sq_futex_wait(word, seen, bits_of(w), (left < NAP_MS ? left : NAP_MS) * 1000);
    }
}

// Counted up, so that who is about to sleep does not. Waits of others look once in vain.
static void ring(_Atomic uint32_t *word)
{
    atomic_fetch_add(word, 1);
    gf_sq_futex_wake(word, UINT32_MAX, INT_MAX);
}

void gf_sq_waits_wake(gf_waits *waiting_for)
{
    waits *w = (waits *)waiting_for;
    atomic_store(&w->woken, true);
    ring(&w->store->sidecar.page->ends);
}

void gf_sq_interrupt(gf_broker *b)
{
    gf_sq_page *page = ((gf_sq_store *)b)->sidecar.page;
    ring(&page->ends);
    ring(&page->events);
}
