// event.c - events: published to who listens now, in a ring of rows.
//
// Each listener keeps a time in the sidecar's page fresh; while no such time is ahead nothing is
// written. One that is content with sums writes that time twice: whoever does not know of sums
// looks at the first alone, and another listener in the same place changes the first alone. A
// listener remembers the number of the last event it had: a gap in the numbers is what it was too
// slow for.
#include <limits.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    RING = 16384,                        // events kept
    BATCH = 256,                         // read at once by a listener
    FRESH_MS = 15000,                    // a listener may be busy so long with one event
    NAP_MS = 1000, ROW_BYTES = 64
};

// Times from before a reboot are far ahead, and pass. (Twice: who listens may have read the
// clock later than we.)
static bool is_fresh(int64_t until_ms, int64_t now_ms)
{
    return until_ms > now_ms && until_ms <= now_ms + 2 * FRESH_MS;
}

gf_events_want gf_sq_events_wanted(gf_broker *b)
{
    gf_sq_page *page = ((gf_sq_store *)b)->sidecar.page;
    gf_events_want want = GF_EVENTS_NONE;
    int64_t now_ms = 0;
    for (int i = 0; i < GF_SQ_LISTENERS; i++) {
        int64_t until_ms = atomic_load_explicit(&page->listening_ms[i], memory_order_acquire);
        if (!until_ms || !is_fresh(until_ms, now_ms ? now_ms : (now_ms = gf_mono_ms())))
            continue;
        if (atomic_load_explicit(&page->sums_ms[i], memory_order_relaxed) != until_ms)
            return GF_EVENTS_ALL;
        want = GF_EVENTS_SUMS;
    }
    return want;
}

// ---- publishing -------------------------------------------------------------------------------

typedef struct publishing {
    const char *const *records;
    size_t             count;
} publishing;

static gofer_status publish(gf_sq_txn *t, void *arg)
{
    const publishing *a = arg;
    for (size_t i = 0; i < a->count && t->conn->rc == SQLITE_OK; i++) {
        sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_EVENT_ADD);
        gf_sq_bind_text(t->conn, s, 1, a->records[i]);
        gf_sq_run(t->conn, s);
    }
    GF_SQ_RUN(t->conn, GF_SQL_EVENT_TRIM, RING);
    return GOFER_OK;
}

gofer_status gf_sq_events_publish(gf_broker *b, const char *const *records, size_t count)
{
    gf_sq_store *s = (gf_sq_store *)b;
    publishing a = { records, count };
    gofer_status st = gf_sq_check(s);
    if (st != GOFER_OK || !count || gf_sq_events_wanted(b) == GF_EVENTS_NONE)
        return st;
    gf_sq_op op = { .run = publish, .arg = &a, .flags = GF_SQ_ADDS, .tasks = count };
    for (size_t i = 0; i < count; i++)
        op.bytes += (int64_t)strlen(records[i]) + ROW_BYTES;
    st = gf_sq_write(s, &op);
    if (st == GOFER_OK) {
        atomic_fetch_add(&s->sidecar.page->events, 1);
        gf_sq_futex_wake(&s->sidecar.page->events, UINT32_MAX, INT_MAX);
    }
    return st;
}

// ---- listening ----------------------------------------------------------------------------------

typedef struct listener {
    gf_listener  base;                   // first
    gf_sq_store *store;
    int          slot;                   // of the page's times
    bool         sums;                   // will do
    int64_t      last;                   // the number of the last event had
    int64_t      dropped;                // how many were missed before the next
    char        *had[BATCH];             // read and not given yet: from `given` to `count`
    size_t       given, count;
} listener;

// The first time that is not fresh; if all are, the last is shared.
static int take_slot(gf_sq_page *page)
{
    int64_t now_ms = gf_mono_ms();
    for (int i = 0; i < GF_SQ_LISTENERS - 1; i++) {
        int64_t seen = atomic_load(&page->listening_ms[i]);
        if (!is_fresh(seen, now_ms) &&
            atomic_compare_exchange_strong(&page->listening_ms[i], &seen, now_ms + FRESH_MS))
            return i;
    }
    return GF_SQ_LISTENERS - 1;
}

// The last place may be shared with who wants all.
static void stay_fresh(listener *l)
{
    gf_sq_page *page = l->store->sidecar.page;
    int64_t until_ms = gf_mono_ms() + FRESH_MS;
    if (l->sums && l->slot < GF_SQ_LISTENERS - 1)
        atomic_store(&page->sums_ms[l->slot], until_ms);
    atomic_store(&page->listening_ms[l->slot], until_ms);
}

static gofer_status find_last(gf_sq_conn *c, void *arg)
{
    listener *l = arg;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_EVENT_LAST);
    l->last = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    return GOFER_OK;
}

gofer_status gf_sq_listener_open(gf_broker *b, bool sums, gf_listener **out)
{
    gf_sq_store *s = (gf_sq_store *)b;
    gofer_status st = gf_sq_check(s);
    if (st != GOFER_OK)
        return st;
    listener *l = gf_calloc(1, sizeof *l);
    if (!l)
        return gf_fail_nomem("a listener");
    l->base.broker = b;
    l->store = s;
    l->slot = take_slot(s->sidecar.page);
    l->sums = sums;
    stay_fresh(l);
    st = gf_sq_read(s, find_last, l);
    if (st != GOFER_OK) {
        gf_sq_listener_close(&l->base);
        return st;
    }
    *out = &l->base;
    return GOFER_OK;
}

static gofer_status read_events(gf_sq_conn *c, void *arg)
{
    listener *l = arg;
    bool ok = true;
    l->given = 0;
    for (; l->count > 0; l->count--)     // of a run that failed
        gf_free(l->had[l->count - 1]);
    int64_t last = l->last;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_EVENT_LIST);
    gf_sq_bind_int(c, s, 1, last);
    gf_sq_bind_int(c, s, 2, BATCH);
    while (ok && l->count < BATCH && gf_sq_row(c, s)) {
        const char *record = (const char *)sqlite3_column_text(s, 1);
        int64_t n = sqlite3_column_int64(s, 0);
        char *copy = gf_strdup(record ? record : "");
        ok = copy != NULL;
        if (!ok)
            break;
        if (l->count == 0)               // rows go in order, so only the first can follow a gap
            l->dropped += n - last - 1;
        l->had[l->count++] = copy;
        l->last = n;
    }
    gf_sq_done(s);
    return ok || l->count ? GOFER_OK : gf_fail_nomem("events");
}

gofer_status gf_sq_listener_next(gf_listener *listening, int64_t timeout_ms, char **record,
    int64_t *dropped)
{
    listener *l = (listener *)listening;
    _Atomic uint32_t *word = &l->store->sidecar.page->events;
    if (timeout_ms < 0 || timeout_ms > GOFER_MAX_DURATION_MS)
        timeout_ms = GOFER_MAX_DURATION_MS;
    int64_t end = gf_mono_ms() + timeout_ms;
    const gf_broker *b = &l->store->base;
    uint32_t interrupts = atomic_load(&b->interrupts);
    for (;;) {
        stay_fresh(l);
        uint32_t seen = atomic_load(word);           // before the look: what comes meanwhile
                                                     //   ends the sleep at once
        gofer_status st = gf_sq_check(l->store);
        if (st == GOFER_OK && l->given == l->count) {
            l->given = l->count = 0;
            st = gf_sq_read(l->store, read_events, l);
        }
        if (st != GOFER_OK)
            return st;
        if (l->given < l->count) {
            *record = l->had[l->given++];
            *dropped = l->dropped;
            l->dropped = 0;
            return GOFER_OK;
        }
        int64_t left = end - gf_mono_ms();
        if (left <= 0 || atomic_load(&b->interrupts) != interrupts)
            return GOFER_ETIMEOUT;
        gf_sq_futex_wait(word, seen, UINT32_MAX, (left < NAP_MS ? left : NAP_MS) * 1000);
    }
}

void gf_sq_listener_close(gf_listener *listening)
{
    listener *l = (listener *)listening;
    if (!l)
        return;
    // The last one may be another's, too: it ends by itself. In a forked child
    // all are the parent's.
    if (l->slot < GF_SQ_LISTENERS - 1 && l->store->process == gf_process_self())
        atomic_store(&l->store->sidecar.page->listening_ms[l->slot], 0);
    for (; l->given < l->count; l->given++)
        gf_free(l->had[l->given]);
    gf_free(l);
}
