// ticket.c - outcomes that ride on the syncs of others.
//
// The WAL is one file: who syncs it syncs all commits before his. So while others commit (and sync)
// often enough, an exchange does not sync its own commit, but draws a ticket: a number, counted in
// the sidecar's page under the write lock before the commit can be seen. Every synced commit, and
// every checkpoint that got everything, writes there how far that reached. Until then nobody is
// told of those outcomes (gf_sq_settle): neither the worker nor who waits for an end.
//
// A sync that failed may have lost pages of other people's commits, and a later one, of who opened
// the file since, would not know of it. So a failure is counted too: who has tickets then trusts
// the page no more, and syncs through his own descriptor, which was there before and is told.
//
// Locks: all but the questions (gf_sq_afloat, gf_sq_in_doubt) and gf_sq_settle are the leader's,
// who holds the write lock.
#include "broker/sqlite/store.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"

enum {
    FLOW_NS = 1000 * 1000,               // others sync often enough if it is this often, or within
    FLOW_SYNCS = 2                       //   what so many syncs take: they do little else
};

// ---- the page -----------------------------------------------------------------------------------

static bool reached(uint64_t synced, uint64_t ticket)
{
    return (int64_t)(synced - ticket) >= 0;
}

uint64_t gf_sq_ticket_draw(gf_sq_page *page)
{
    uint64_t last = atomic_load(&page->tickets), synced = atomic_load(&page->synced);
    if (reached(synced, last))           // ahead: the page is from before a power loss, and torn
        last = synced;
    atomic_store(&page->tickets, last + 1);
    return last + 1;
}

bool gf_sq_afloat(const gf_sq_page *page)
{
    return !reached(atomic_load(&page->synced), atomic_load(&page->tickets));
}

// All that was committed before is on the disk.
void gf_sq_tickets_settle(gf_sq_store *s)
{
    gf_sq_page *page = s->sidecar.page;
    if (gf_sq_afloat(page))
        atomic_store(&page->synced, atomic_load(&page->tickets));
}

void gf_sq_tickets_trust(gf_sq_store *s)
{
    atomic_store(&s->doubts, atomic_load(&s->sidecar.page->doubts));
}

// Is what the page says not enough for us?
bool gf_sq_in_doubt(const gf_sq_store *s)
{
    return atomic_load(&s->sidecar.page->doubts) != atomic_load(&s->doubts);
}

void gf_sq_tickets_doubt(gf_sq_store *s)
{
    gf_sq_page *page = s->sidecar.page;
    atomic_fetch_add(&page->doubts, 1);
    if (gf_sq_afloat(page))              // even when it was the disk that was full
        atomic_store(&s->failed, 1);
}

// ---- do others sync? ---------------------------------------------------------------------------

bool gf_sq_flows(gf_sq_store *s)
{
    gf_sq_flow *f = &s->flow;
    uint32_t count = atomic_load(&s->sidecar.page->syncs) - f->seen;
    int64_t now_ns = gf_mono_ns();
    if (count) {
        f->gap_ns = f->last_ns ? (now_ns - f->last_ns) / count : INT64_MAX;
        f->last_ns = now_ns;
        f->seen += count;
    }
    int64_t sync_ns = atomic_load(&s->sidecar.page->sync_us) * INT64_C(1000),
            often_ns = gf_max(FLOW_NS, FLOW_SYNCS * sync_ns);
    return f->last_ns && f->gap_ns <= often_ns && now_ns - f->last_ns <= often_ns;
}

void gf_sq_flow_note(gf_sq_store *s, int64_t ns, bool for_others)
{
    atomic_store(&s->sidecar.page->sync_us, (uint32_t)gf_min(ns / 1000, UINT32_MAX));
    uint32_t before = atomic_fetch_add(&s->sidecar.page->syncs, 1);
    if (!for_others && before == s->flow.seen)
        s->flow.seen++;                  // our own outcomes' is no news to us
}

// ---- syncing what is afloat -------------------------------------------------------------------

// A commit that changes nothing writes nothing, and does not sync.
void gf_sq_wal_sync(gf_sq_conn *c)
{
    sqlite3_file *wal = NULL;
    if (c->rc != SQLITE_OK)
        return;
    int rc = sqlite3_file_control(c->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (rc == SQLITE_OK && wal && wal->pMethods)
        rc = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
    else if (rc == SQLITE_OK)
        rc = SQLITE_IOERR_FSYNC;         // a database without its log
    gf_sq_conn_note(c, rc);
    if (rc != SQLITE_OK)
        c->system_errno = 0;             // SQLite has kept none for a call of ours
}

static gofer_status nothing(gf_sq_txn *t, void *arg)
{
    (void)t, (void)arg;
    return GOFER_OK;
}

gofer_status gf_sq_settle_all(gf_sq_store *s)
{
    gf_sq_op op = { .run = nothing, .flags = GF_SQ_SETTLES, .tasks = 1 };
    return gf_sq_write(s, &op);
}

gofer_status gf_sq_settle_read(gf_sq_store *s)
{
    bool sure = !gf_sq_afloat(s->sidecar.page) && !gf_sq_in_doubt(s);
    return sure ? GOFER_OK : gf_sq_settle_all(s);
}

gofer_status gf_sq_settle(gf_broker *b, uint64_t ticket, bool force)
{
    gf_sq_store *s = (gf_sq_store *)b;
    const gf_sq_page *page = s->sidecar.page;
    gofer_status st = gf_sq_check(s);
    if (st != GOFER_OK || ticket == 0)
        return st;
    // In this order: a sync after a failed one is seen with the doubt.
    if (reached(atomic_load(&page->synced), ticket) && !gf_sq_in_doubt(s))
        return GOFER_OK;
    return force ? gf_sq_settle_all(s) : GOFER_ETIMEOUT;       // the usual answer: no text
}
