// writer.c - one transaction for all who write at the moment.
//
// Callers put their operation in a line; the first becomes leader, runs everybody's in one
// transaction, commits and syncs once, and hands the lead to the head of the line. There is no
// thread for it. While a leader waits for the disk, the next group forms by itself.
//
// SQLite does not sync a commit: the leader does, by the WAL's file, after he has let go of the
// lock. So other processes write while the disk is at it. What is committed can be seen before it
// is synced (a task may be taken); nobody is told of it before (ticket.c).
//
// Between processes writing is guarded by the sidecar's lock, held from BEGIN to COMMIT and over
// checkpoints: SQLite before 3.51.3 (but for 3.50.7 and 3.44.6) can lose pages when a checkpoint
// starts while another connection commits and resets the WAL (sqlite.org/wal.html#walresetbug).
// As automatic checkpoints are off and all of ours hold the lock, that cannot happen.
//
// Locks: store->lock guards the line. Everything else here belongs to the leader.
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    GROUP_OPS = 128, GROUP_TASKS = 2048,
    MOST_RELEASED = 1, ALL_RELEASED = 2, RELEASES = 3    // tries on a full disk: as it is, most
                                                         //   of the reserve, all of it
};

#define FAIL_STOP "the store failed and takes no more until it is opened again"

gofer_status gf_sq_writer_init(gf_sq_store *s)
{
    s->tail = &s->head;
    if (pthread_mutex_init(&s->lock, NULL) != 0)
        return gf_fail_nomem("a lock");
    s->lock_made = true;
    if (pthread_mutex_init(&s->read_lock, NULL) != 0)
        return gf_fail_nomem("a lock");
    s->read_lock_made = true;
    return GOFER_OK;
}

void gf_sq_writer_clear(gf_sq_store *s)
{
    if (s->lock_made)
        pthread_mutex_destroy(&s->lock);
    if (s->read_lock_made)
        pthread_mutex_destroy(&s->read_lock);
    gf_sq_counts_close(&s->counts);
    gf_sq_gates_close(&s->gates);
}

static void finish(gf_sq_op *op, gofer_status status)
{
    op->status = status;
    if (status != GOFER_OK)              // the caller may be another thread: hand him the text
        snprintf(op->text, sizeof op->text, "%s", gofer_error_last());
}

// ---- a transaction --------------------------------------------------------------

// It must be over before the lock is let go. Without memory even that may fail, when the statement
// is from before a change of the schema: then the connection ends, and the next
// leader opens another.
static void roll_back(gf_sq_store *s)
{
    if (!gf_sq_roll_back(&s->writer) && s->path)
        gf_sq_conn_close(&s->writer);
}

// Is what we write to what others will read? The leader asks before BEGIN, so that nothing is
// written beside the store, and once more after COMMIT, for it may have gone away in between. Not
// oftener: a group of any size is asked about twice. The dear look is made only when the
// cheap one cannot tell.
static gofer_status check_in_place(gf_sq_store *s)
{
    if (!atomic_load(&s->failed) && gf_sq_folder_unchanged(&s->folder))
        return GOFER_OK;
    gofer_status st = gf_sq_file_check(s, &s->writer);
    if (st == GOFER_OK)
        gf_sq_folder_seen(&s->folder);
    return st;
}

// Does a transaction of these have to be synced before anybody is told of it? *counts: it has a
// ticket.
static bool has_to_be_synced(gf_sq_store *s, const gf_sq_txn *t, gf_sq_op *first, gf_sq_op *end,
    bool *counts)
{
    int flags = 0;
    for (gf_sq_op *op = first; op != end; op = op->next)
        flags |= op->flags;
    *counts = flags & (GF_SQ_DURABLE | GF_SQ_RIDES);
    s->due.for_others |= (flags & GF_SQ_DURABLE) != 0;
    if (flags & (GF_SQ_DURABLE | GF_SQ_SETTLES))
        return true;
    if ((flags & GF_SQ_TELLS) && gf_sq_afloat(s->sidecar.page))
        return true;
    // Who waits for an end is told by the transaction.
    return (flags & GF_SQ_RIDES) && (t->awaited || !s->path || !gf_sq_flows(s));
}

// The connection's commit; what it leaves to be done once the lock is free is in s->due.
static void commit(gf_sq_store *s, const gf_sq_txn *t, bool sync, bool counts)
{
    gf_sq_conn *c = &s->writer;
    gf_sq_page *page = s->sidecar.page;
    uint64_t ticket = counts && c->rc == SQLITE_OK ? gf_sq_ticket_draw(page) : 0;
    s->wal_grew = false;
    gf_sq_run(c, gf_sq_stmt(c, GF_SQL_COMMIT));
    if (ticket && c->rc == SQLITE_OK && s->wal_grew)
        atomic_store(&page->committed, ticket);
    else if (ticket)
        gf_sq_ticket_return(page, ticket);
    if (c->rc != SQLITE_OK)
        return;
    s->due.ended |= t->ended;
    s->due.ticket = atomic_load(&page->tickets);
    // One that has changed nothing may tell what is not synced: that something is there already.
    bool is_told = sync || t->ended;
    s->due.sync |= is_told && (s->wal_grew || gf_sq_afloat(page) || gf_sq_in_doubt(s));
}

// Runs the operations that were not refused in one transaction. False: SQL failed, all is undone,
// and `failure` holds the connection's words for it.
// release: how much of the reserve was given up for it, see RELEASES.
static bool transact(gf_sq_store *s, gf_sq_op *first, gf_sq_op *end, int release,
    gf_sq_conn *failure, bool *committing)
{
    gf_sq_conn *c = &s->writer;
    gf_sq_txn t = {
        .store = s,
        .conn = c,
        .counts = &s->counts,
        .gates = &s->gates,
        .now_ms = gf_now_ms(),
        .mono_ms = gf_mono_ms(),
    };
    t.awaited = gf_sq_is_awaited(s->sidecar.page, t.mono_ms);
    bool counts, sync = has_to_be_synced(s, &t, first, end, &counts);

    *committing = false;
    if (gf_sq_writer_ready(s) != GOFER_OK) {
        gf_sq_conn_note(c, SQLITE_NOMEM);    // it was given up for want of memory
        *failure = *c;
        gf_sq_conn_clear(c);
        return false;
    }
    if (!sqlite3_get_autocommit(c->db))  // in memory: see roll_back
        gf_sq_roll_back(c);
    s->wrote = true;
    gf_sq_counts_forget(&s->counts);
    gf_sq_gates_forget(&s->gates);
    gf_sq_run(c, gf_sq_stmt(c, GF_SQL_BEGIN));
    for (gf_sq_op *op = first; op != end && c->rc == SQLITE_OK; op = op->next) {
        if (op->refused)
            continue;
        if (op->flags & GF_SQ_READS_COUNTS)
            gf_sq_counts_flush(&t);
        t.room = op->room;
        t.tight = op->tight || release >= MOST_RELEASED;
        t.meager = op->meager || release >= ALL_RELEASED;
        if (c->rc == SQLITE_OK)
            finish(op, op->run(&t, op->arg));
        if (t.flow_count)
            gf_sq_flows_flush(&t);
    }
    gf_sq_gates_flush(&t);
    gf_sq_counts_flush(&t);
    *committing = c->rc == SQLITE_OK;
    commit(s, &t, sync, counts);
    if (c->rc == SQLITE_OK) {
        for (gf_sq_op *op = first; op != end; op = op->next) {
            op->ticket = s->due.ticket;
            op->within_us = gf_sq_flow_us(s);
        }
        if (t.wakeups)
            gf_sq_wakeup_send(s->sidecar.page, t.wakeups);
        if (t.asked)
            gf_sq_watches_wake(s->sidecar.page);
        gf_sq_log_left_out(s, &t);
        return true;
    }
    if (s->path && (c->rc == SQLITE_IOERR_FSYNC || gf_sq_conn_broken(c)))
        gf_sq_tickets_doubt(s);
    *failure = *c;
    roll_back(s);
    return false;
}

// ---- checkpoints -------------------------------------------------------------------

static int count_wal_pages(void *store, sqlite3 *db, const char *name, int pages)
{
    (void)db, (void)name;
    ((gf_sq_store *)store)->wal_now = pages;
    ((gf_sq_store *)store)->wal_grew = true;
    return SQLITE_OK;
}

// The write lock is held. Readers may keep it from getting everything; the rest comes next time.
void gf_sq_wal_checkpoint(gf_sq_store *s)
{
    int logged = 0, moved = 0;
    if (!s->path || !s->writer.db)
        return;
    int rc =
        sqlite3_wal_checkpoint_v2(s->writer.db, "main", SQLITE_CHECKPOINT_PASSIVE, &logged, &moved);
    s->wal_tried = s->wal_now;
    if (rc == SQLITE_OK && moved == logged) {
        s->wal_tried = 0;
        s->wal_now = 0;                  // the next commit begins the WAL anew and says so
        // It syncs the WAL before it moves anything.
        gf_sq_tickets_settle(s, atomic_load(&s->sidecar.page->tickets));
        return;
    }
    gf_sq_conn_note(&s->writer, rc);
    if (gf_sq_conn_broken(&s->writer))
        atomic_store(&s->failed, 1);
    if (rc == SQLITE_IOERR_FSYNC || atomic_load(&s->failed))
        gf_sq_tickets_doubt(s);
    gf_sq_conn_clear(&s->writer);
}

static bool checkpoint_is_due(gf_sq_store *s, bool asked)
{
    if (!s->path || s->wal_now == 0 || atomic_load(&s->failed))
        return false;
    if (s->wal_now < s->wal_tried)       // begun anew since, perhaps by another process
        s->wal_tried = 0;
    // After a try that a reader spoiled, wait for a quarter of the limit more.
    int64_t due = s->wal_tried ? s->wal_tried + s->space.wal_pages / 4 : s->space.wal_pages;
    return asked || s->wal_now >= due;
}

// ---- a group --------------------------------------------------------------------------

// The failed transaction's cause becomes the operation's. `committing`: the commit itself failed.
static void fail(gf_sq_store *s, gf_sq_op *op, const gf_sq_conn *failure, bool committing)
{
    if (gf_sq_conn_broken(failure)) {
        atomic_store(&s->failed, 1);
        gofer_status st = gf_sq_conn_status(failure, s->path);
        // A sync that failed says nothing of what is on the disk: after a power loss the
        // transaction may be there or not.
        finish(op,
            gf_fail_add(committing         ? GOFER_EUNCERTAIN
                    : st == GOFER_ECORRUPT ? st
                                           : GOFER_EBROKER,
                FAIL_STOP));
        return;
    }
    finish(op, gf_sq_conn_status(failure, s->path));
}

void gf_sq_run_alone(gf_sq_store *s, gf_sq_op *op)
{
    gf_sq_conn failure;
    bool committing;
    if (transact(s, op, op->next, 0, &failure, &committing))
        return;
    bool may_take = !(op->flags & GF_SQ_ADDS);
    for (int step = 0; gf_sq_conn_full(&failure) && may_take && step < RELEASES; step++) {
        if (step > 0 && gf_sq_space_release(&s->space))
            gf_logf(&s->base.config.log, GOFER_LOG_WARN,
                "the disk is full: the reserve is given up so that tasks can be finished", "path",
                s->shown, NULL);
        gf_sq_wal_checkpoint(s);         // makes room in the WAL, or goes into what was given up
        if (transact(s, op, op->next, step, &failure, &committing))
            return;
    }
    fail(s, op, &failure, committing);
}

static void run_group(gf_sq_store *s, gf_sq_op *first)
{
    gf_sq_conn failure;
    bool committing;
    gf_sq_admit(s, first);
    if (transact(s, first, NULL, 0, &failure, &committing))
        return;
    // One bad operation must not fail its neighbours. But nothing is tried again after an I/O
    // error: a second sync would report success for pages the first has lost.
    // And who waited for a foreign program's lock in vain need not wait again.
    bool again = !gf_sq_conn_broken(&failure) && (failure.rc & 0xff) != SQLITE_BUSY &&
                 (first->next || gf_sq_conn_full(&failure));
    for (gf_sq_op *op = first; op; op = op->next) {
        if (op->refused)
            continue;
        if (again && !atomic_load(&s->failed))
            gf_sq_run_alone(s, op);
        else
            fail(s, op, &failure, committing);
    }
}

// ---- leading -----------------------------------------------------------------------------

// Four names, a call for each: the database (SQLite compares it with what it has open), the lock
// file, the WAL and its index. Any of them may be moved by itself.
gofer_status gf_sq_file_check(gf_sq_store *s, gf_sq_conn *c)
{
    int moved = 0;
    if (!s->path)
        return GOFER_OK;
    if (atomic_load(&s->failed))
        return gf_fail(GOFER_EBROKER,
            "'%s' had an I/O error or is damaged: nothing is written until it is opened again",
            s->path);
    if (!c->db)                              // given up for want of memory, see roll_back
        moved = !gf_sq_hold_is_of(s->hold, s->path);
    else if (sqlite3_file_control(c->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK)
        moved = 1;
    if (moved)
        return gf_fail(GOFER_EBROKER, "'%s' was moved, replaced or deleted: open it again",
            s->path);
    if (gf_sq_sidecar_gone(&s->sidecar))
        return gf_fail(GOFER_EBROKER,
            "'%s' was moved, replaced or deleted: open the database again", s->sidecar.path);
    return gf_sq_hold_check(s->hold);
}

bool gf_sq_in_place(const gf_sq_store *s)
{
    return gf_sq_hold_is_of(s->hold, s->path) && !gf_sq_sidecar_gone(&s->sidecar)
        && gf_sq_hold_check(s->hold) == GOFER_OK;
}

// Cuts a group from the head of the line, which is the leader's own operation: a list of its own,
// so that those who join the line meanwhile are not seen.
static gf_sq_op *take_group(gf_sq_store *s)
{
    size_t ops = 0, tasks = 0;
    pthread_mutex_lock(&s->lock);
    gf_sq_op *first = s->head, *last = first;
    for (gf_sq_op *op = first;
         op && ops < GROUP_OPS && (ops == 0 || tasks + op->tasks <= GROUP_TASKS); op = op->next) {
        ops++;
        tasks += op->tasks;
        last = op;
    }
    s->head = last->next;
    last->next = NULL;
    if (!s->head)
        s->tail = &s->head;
    pthread_mutex_unlock(&s->lock);
    return first;
}

// Tells the callers of a group that they are done.
static void dismiss(gf_sq_store *s, gf_sq_op *first)
{
    pthread_mutex_lock(&s->lock);
    for (gf_sq_op *op = first, *next; op; op = next) {
        next = op->next;                 // an operation that is told may be gone
        op->finished = true;
        pthread_cond_signal(&op->turn);
    }
    pthread_mutex_unlock(&s->lock);
}

static void pass_lead(gf_sq_store *s)
{
    pthread_mutex_lock(&s->lock);
    s->led = s->head != NULL;
    if (s->head) {
        s->head->leads = true;
        pthread_cond_signal(&s->head->turn);
    }
    pthread_mutex_unlock(&s->lock);
}

// A commit into files that nobody will look at is none.
static void fail_misplaced(gf_sq_op *first)
{
    for (gf_sq_op *op = first; op; op = op->next)
        if (op->status == GOFER_OK)
            finish(op, gf_fail_add(GOFER_EUNCERTAIN,
                "it was committed just then, and may be lost"));
}

// Nobody can say what of it a power loss would leave.
static void fail_unsynced(gf_sq_store *s, gf_sq_op *first)
{
    gf_sq_tickets_doubt(s);
    atomic_store(&s->failed, 1);
    (void)gf_sq_conn_status(&s->writer, s->path);
    gofer_status st = gf_fail_add(GOFER_EUNCERTAIN, FAIL_STOP);
    for (gf_sq_op *op = first; op; op = op->next)
        if (op->status == GOFER_OK)
            finish(op, st);
    gf_sq_conn_clear(&s->writer);
}

static bool sync_wal(gf_sq_store *s)
{
    if (s->writer.db)
        return gf_sq_wal_sync(&s->writer);
    gf_sq_conn_note(&s->writer, SQLITE_NOMEM);
    return false;
}

// What has to be on the disk before the callers of a committed group are told. The lock is free
// but when a checkpoint follows.
static void settle_group(gf_sq_store *s, gf_sq_op *first)
{
    gf_sq_page *page = s->sidecar.page;
    bool syncs = s->due.sync && s->path && !gf_sq_settled(s, s->due.ticket);
    gf_sq_reach reach = gf_sq_sync_begin(s);
    if (syncs && !sync_wal(s)) {
        fail_unsynced(s, first);
        return;
    }
    if (check_in_place(s) != GOFER_OK) {
        atomic_store(&s->failed, 1);
        fail_misplaced(first);
        return;
    }
    if (syncs)
        gf_sq_sync_end(s, &reach);
    for (gf_sq_op *op = first; op && s->due.sync; op = op->next)
        op->ticket = 0;
    if (s->due.ended) {
        atomic_fetch_add(&page->ends, 1);
        gf_sq_futex_wake(&page->ends, s->due.ended, INT_MAX);
    }
}

// Out of the line, whose head it is. only: it is not, if there are others.
static bool leave_line(gf_sq_store *s, gf_sq_op *own, bool only)
{
    pthread_mutex_lock(&s->lock);
    bool leaves = !only || !own->next;
    if (leaves)
        s->head = own->next;
    if (!s->head)
        s->tail = &s->head;
    pthread_mutex_unlock(&s->lock);
    return leaves;
}

// Who only wants to have synced what is committed need not wait for those who write.
static bool settle_alone(gf_sq_store *s, gf_sq_op *own)
{
    if (!(own->flags & GF_SQ_SETTLES) || !s->path || !s->writer.db || !leave_line(s, own, true))
        return false;
    own->next = NULL;
    gofer_status st = check_in_place(s);
    s->due = (gf_sq_due){ .sync = true, .ticket = own->ticket };
    if (st == GOFER_OK)
        settle_group(s, own);
    else
        finish(own, st);
    return true;
}

static gofer_status lock_and_look(gf_sq_store *s, const gf_sq_op *own)
{
    gofer_status st =
        gf_sq_sidecar_lock(&s->sidecar, own->begun_ms + s->base.config.timeout_ms - gf_mono_ms());
    if (st != GOFER_OK)
        return st;
    st = gf_sq_writer_ready(s);
    if (st == GOFER_OK)
        st = check_in_place(s);
    if (st != GOFER_OK)
        gf_sq_sidecar_unlock(&s->sidecar);
    return st;
}

// The head of the line and all behind it.
static void write_group(gf_sq_store *s)
{
    gf_sq_op *group = take_group(s);
    bool tidy = false;
    for (gf_sq_op *op = group; op; op = op->next)
        tidy |= (op->flags & GF_SQ_TIDIES) != 0;
    s->due = (gf_sq_due){ 0 };
    run_group(s, group);
    if (s->due.sync)                     // by another connection, if this one was given up after
        (void)gf_sq_writer_ready(s);     //   what others of the group have committed
    bool checkpoints = checkpoint_is_due(s, tidy);
    if (!checkpoints)
        gf_sq_sidecar_unlock(&s->sidecar);
    settle_group(s, group);
    dismiss(s, group);                   // before the checkpoint: nobody need wait for that
    if (checkpoints) {
        if (!atomic_load(&s->failed))
            gf_sq_wal_checkpoint(s);
        gf_sq_sidecar_unlock(&s->sidecar);
    }
}

// The caller's operation is the head of the line.
static void lead(gf_sq_store *s, gf_sq_op *own)
{
    if (!settle_alone(s, own)) {
        gofer_status st = lock_and_look(s, own);
        if (st == GOFER_OK) {
            write_group(s);
        } else {
            leave_line(s, own, false);   // alone: the others have their own time to wait
            finish(own, st);
        }
    }
    pass_lead(s);
}

gofer_status gf_sq_write(gf_sq_store *s, gf_sq_op *op)
{
    gofer_status st = gf_sq_check(s);
    if (st != GOFER_OK)
        return st;
    op->next = NULL;
    op->finished = op->leads = op->refused = false;
    op->begun_ms = gf_mono_ms();
    op->status = GOFER_OK;
    if (pthread_cond_init(&op->turn, NULL) != 0)
        return gf_fail_nomem("a condition");

    pthread_mutex_lock(&s->lock);
    *s->tail = op;
    s->tail = &op->next;
    if (!s->led)
        s->led = op->leads = true;
    while (!op->leads && !op->finished)
        pthread_cond_wait(&op->turn, &s->lock);
    pthread_mutex_unlock(&s->lock);

    if (!op->finished)
        lead(s, op);
    pthread_cond_destroy(&op->turn);
    return op->status == GOFER_OK ? GOFER_OK : gf_fail(op->status, "%s", op->text);
}

void gf_sq_writer_watch(gf_sq_store *s)
{
    sqlite3_wal_hook(s->writer.db, count_wal_pages, s);
}

// ---- reading -----------------------------------------------------------------------------

typedef struct query_call {
    gf_sq_query query;
    void       *arg;
} query_call;

static gofer_status query_in_transaction(gf_sq_txn *t, void *arg)
{
    query_call *q = arg;
    return q->query(t->conn, q->arg);
}

static gofer_status read_by(gf_sq_store *s, gf_sq_conn *c, gf_sq_query query, void *arg)
{
    gofer_status st = GOFER_OK;
    if (!c->db) {
        st = gf_sq_conn_open(c, s->path, s->base.config.timeout_ms);
        if (st == GOFER_OK)
            gf_sq_conn_exec(c, "PRAGMA query_only = ON");
    }
    if (st != GOFER_OK)
        return st;
    gf_sq_run(c, gf_sq_stmt(c, GF_SQL_BEGIN_READ));
    st = query(c, arg);
    gf_sq_run(c, gf_sq_stmt(c, GF_SQL_COMMIT));
    if (c->rc != SQLITE_OK) {
        st = gf_sq_conn_status(c, s->path);
        if (!gf_sq_roll_back(c))
            gf_sq_conn_close(c);         // the next read opens another
    }
    return st;
}

gofer_status gf_sq_read_apart(gf_sq_store *s, gf_sq_conn *own, gf_sq_query query, void *arg)
{
    if (!s->path)
        return gf_sq_read(s, query, arg);
    gofer_status st = gf_sq_check(s);
    return st == GOFER_OK ? read_by(s, own, query, arg) : st;
}

gofer_status gf_sq_read(gf_sq_store *s, gf_sq_query query, void *arg)
{
    gofer_status st = gf_sq_check(s);
    if (st != GOFER_OK)
        return st;
    if (!s->path) {                      // a private database has one connection
        query_call q = { query, arg };
        gf_sq_op op = {
            .run = query_in_transaction, .arg = &q, .flags = GF_SQ_READS_COUNTS, .tasks = 1
        };
        return gf_sq_write(s, &op);
    }

    pthread_mutex_lock(&s->read_lock);
    st = read_by(s, &s->reader, query, arg);
    pthread_mutex_unlock(&s->read_lock);
    return st;
}
