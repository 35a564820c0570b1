// ticket.c - commits that are not synced yet, and who they may be told to.
//
// The WAL is one file: who syncs it syncs all commits before his. So each commit that matters has a
// ticket, a number, counted in the sidecar's page under the write lock before the commit can be
// seen. Whoever syncs, without the lock (writer.c), and every checkpoint that got everything,
// writes there how far that reached. Until then nobody is told of what was committed.
//
// An exchange need not sync its outcomes while others commit and sync often enough: they ride on
// those syncs, and gf_sq_settle says when. Neither the worker nor who waits for an end is told
// before.
//
// A sync that failed may have lost pages of other people's commits, and a later one, of who opened
// the file since, would not know of it. So a failure is counted too: who has tickets then trusts
// the page no more, and syncs through his own descriptor, which was there before and is told.
//
// Locks: drawing and returning are the leader's, who holds the write lock; the flow is the
// leader's; all else is atomic.
#include "broker/sqlite/store.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"

enum {
    FLOW_NS = 1000 * 1000,               // others sync often enough if it is this often, or within
    FLOW_SYNCS = 2,                      //   what so many syncs take: they do little else;
    FLOW_MAX_NS = 20 * 1000 * 1000       //   and no more than so long is waited for each
};

// ---- the page -----------------------------------------------------------------------------------

static bool reached(uint64_t synced, uint64_t ticket)
{
    return (int64_t)(synced - ticket) >= 0;
}

static uint64_t later_of(uint64_t a, uint64_t b)
{
    return reached(a, b) ? a : b;
}

// The latest of all counts: a page from before a power loss may be torn.
uint64_t gf_sq_ticket_draw(gf_sq_page *page)
{
    uint64_t last = later_of(later_of(atomic_load(&page->tickets), atomic_load(&page->synced)),
        atomic_load(&page->committed));
    atomic_store(&page->tickets, last + 1);
    return last + 1;
}

void gf_sq_ticket_return(gf_sq_page *page, uint64_t ticket)
{
    atomic_store(&page->tickets, ticket - 1);
}

bool gf_sq_afloat(const gf_sq_page *page)
{
    return !reached(atomic_load(&page->synced), atomic_load(&page->tickets));
}

void gf_sq_tickets_settle(gf_sq_store *s, uint64_t ticket)
{
    gf_sq_page *page = s->sidecar.page;
    uint64_t before = atomic_load(&page->synced);
    while (!reached(before, ticket) &&
        !atomic_compare_exchange_weak(&page->synced, &before, ticket))
        ;
}

bool gf_sq_settled(const gf_sq_store *s, uint64_t ticket)
{
    // In this order: a sync after a failed one is seen with the doubt.
    return reached(atomic_load(&s->sidecar.page->synced), ticket) && !gf_sq_in_doubt(s);
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

int64_t gf_sq_flow_us(const gf_sq_store *s)
{
    return FLOW_SYNCS * gf_min(s->flow.gap_ns, FLOW_MAX_NS) / 1000;
}

static void note_sync(gf_sq_store *s, int64_t ns)
{
    gf_sq_page *page = s->sidecar.page;
    atomic_store(&page->sync_us, (uint32_t)gf_min(ns / 1000, UINT32_MAX));
    uint32_t before = atomic_fetch_add(&page->syncs, 1);
    if (!s->due.for_others && before == s->flow.seen)
        s->flow.seen++;                  // our own outcomes' is no news to us
}

// ---- syncing what is afloat -------------------------------------------------------------------

bool gf_sq_wal_sync(gf_sq_conn *c)
{
    sqlite3_file *wal = NULL;
    int rc = sqlite3_file_control(c->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (rc == SQLITE_OK && wal && wal->pMethods)
        rc = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
    else if (rc == SQLITE_OK)
        rc = SQLITE_IOERR_FSYNC;         // a database without its log
    gf_sq_conn_note(c, rc);
    if (rc != SQLITE_OK)
        c->system_errno = 0;             // SQLite has kept none for a call of ours
    return rc == SQLITE_OK;
}

// What the sync that begins now will have reached, if nothing fails.
gf_sq_reach gf_sq_sync_begin(const gf_sq_store *s)
{
    const gf_sq_page *page = s->sidecar.page;
    return (gf_sq_reach){ .ticket = atomic_load(&page->committed),
        .doubts = atomic_load(&page->doubts),
        .begun_ns = gf_mono_ns() };
}

void gf_sq_sync_end(gf_sq_store *s, const gf_sq_reach *reach)
{
    gf_sq_tickets_settle(s, reach->ticket);
    atomic_store(&s->doubts, reach->doubts);
    note_sync(s, gf_mono_ns() - reach->begun_ns);
}

static gofer_status nothing(gf_sq_txn *t, void *arg)
{
    (void)t, (void)arg;
    return GOFER_OK;
}

static gofer_status settle_up_to(gf_sq_store *s, uint64_t ticket)
{
    gf_sq_op op = { .run = nothing, .flags = GF_SQ_SETTLES, .tasks = 1, .ticket = ticket };
    return gf_sq_write(s, &op);
}

gofer_status gf_sq_settle_read(gf_sq_store *s)
{
    uint64_t ticket = atomic_load(&s->sidecar.page->tickets);    // drawn before it could be seen
    return gf_sq_settled(s, ticket) ? GOFER_OK : settle_up_to(s, ticket);
}

gofer_status gf_sq_settle(gf_broker *b, uint64_t ticket, bool force)
{
    gf_sq_store *s = (gf_sq_store *)b;
    gofer_status st = gf_sq_check(s);
    if (st != GOFER_OK || ticket == 0 || gf_sq_settled(s, ticket))
        return st;
    return force ? settle_up_to(s, ticket) : GOFER_ETIMEOUT;       // the usual answer: no text
}
