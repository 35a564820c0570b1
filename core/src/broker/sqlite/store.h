// store.h - what the files of the SQLite broker share.
//
// One store is one open file (or one private in-memory database). It has one connection that
// writes, used by whoever leads the writer (writer.c), and for a file one that reads (gf_sq_read in
// writer.c). Only files in this folder include SQLite.
#ifndef GF_BROKER_SQLITE_STORE_H
#define GF_BROKER_SQLITE_STORE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <time.h>

#include "broker/blame.h"
#include "broker/broker.h"
#include "broker/flow_list.h"
#include "broker/sqlite/db/sql.h"
#include "message/limit_keys.h"
#include "util/fork.h"
#include "util/table.h"

typedef struct gf_sq_store gf_sq_store;

// ---- a connection (conn.c) ------------------------------------------------

// The first unexpected result of a run of calls sticks in rc, with its text; the calls after it
// do nothing. So a piece of work is written straight through and asked once how it went.
typedef struct gf_sq_conn {
    sqlite3      *db;
    sqlite3_stmt *stmts[GF_SQL_COUNT];   // prepared on first use, kept
    int           rc;                    // SQLITE_OK, or the first failure (extended code)
    int           system_errno;
    char          text[240];
} gf_sq_conn;

gofer_status gf_sq_conn_open(gf_sq_conn *c, const char *path, int64_t timeout_ms);
void         gf_sq_conn_close(gf_sq_conn *c);
void         gf_sq_conn_note(gf_sq_conn *c, int rc);         // record rc unless it is a success
void         gf_sq_conn_clear(gf_sq_conn *c);                // forget the failure, reset statements
// Undoes what is under way, and forgets the failure. False: it is still open; closing will end it.
bool         gf_sq_roll_back(gf_sq_conn *c);
void         gf_sq_conn_exec(gf_sq_conn *c, const char *sql);
int64_t      gf_sq_conn_number(gf_sq_conn *c, const char *sql);  // first column of the first row
bool         gf_sq_conn_full(const gf_sq_conn *c);           // the disk is full
bool         gf_sq_conn_broken(const gf_sq_conn *c);         // I/O error or damage: fail-stop
gofer_status gf_sq_conn_status(const gf_sq_conn *c, const char *path);  // gf_fail with the cause

// A statement ready to bind; NULL once the connection has failed. Every call takes NULL.
sqlite3_stmt *gf_sq_stmt(gf_sq_conn *c, gf_sql which);
void gf_sq_bind_int(gf_sq_conn *c, sqlite3_stmt *s, int at, int64_t value);
void gf_sq_bind_text(gf_sq_conn *c, sqlite3_stmt *s, int at, const char *text);  // NULL: SQL NULL
void gf_sq_bind_blob(gf_sq_conn *c, sqlite3_stmt *s, int at, const void *bytes, size_t size);
bool gf_sq_row(gf_sq_conn *c, sqlite3_stmt *s);              // step; false: no more, or failed
void gf_sq_done(sqlite3_stmt *s);                            // reset after reading
int64_t gf_sq_run(gf_sq_conn *c, sqlite3_stmt *s);           // step to the end; rows changed

// The common short form: bind integers 1..n and run.
int64_t gf_sq_run_ints(gf_sq_conn *c, gf_sql which, int count, const int64_t *values);
#define GF_SQ_RUN(c, which, ...)                                                            \
    gf_sq_run_ints((c), (which), (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), \
        (const int64_t[]){ __VA_ARGS__ })

// ---- many messages as a table (batch.c) ------------------------------------

// Items that stand behind each other; borrowed. The nth has the key first_seq + n.
typedef struct gf_sq_batch {
    const gf_put *items;
    size_t        count;
    int64_t       first_seq;
} gf_sq_batch;

void gf_sq_batch_register(gf_sq_conn *c);            // statements may name it: gofer_batch(?)
// The batch outlives the step.
void gf_sq_bind_batch(gf_sq_conn *c, sqlite3_stmt *s, int at, gf_sq_batch *batch);

// ---- the sidecar: locks and wake-ups of a file (sidecar.c, wakeup.c) ---------------

enum { GF_SQ_BITS = 32, GF_SQ_LISTENERS = 16 };        // BITS: of FUTEX_WAIT_BITSET

// The first page of "PATH-gofer", mapped by every process that has the database open.
typedef struct gf_sq_page {
    _Atomic uint32_t word;               // futex: changes with every wake-up
    _Atomic uint32_t lock_word;          // futex: changes when a wanted write lock is let go
    _Atomic int64_t  lock_wanted_ms;     // when somebody last waited for it (monotonic)
    _Atomic uint32_t wakeups[GF_SQ_BITS];  // one count per hash bit of queue names
    _Atomic uint32_t cancels;            // futex of watches: changes with every request, command
                                         //   and change of entries
    _Atomic uint32_t entries;            // counts changes of cron entries
    _Atomic uint32_t ends;               // futex: changes with every end that somebody waits for
    _Atomic uint32_t events;             // futex: changes when events were published
    _Atomic int64_t  awaited_ms;         // until then somebody waits for an end (monotonic)
    _Atomic int64_t  listening_ms[GF_SQ_LISTENERS];    // until then somebody listens to events
                                                       //   (monotonic)
    // Commits and syncs, see ticket.c.
    _Atomic uint64_t tickets;            // so many were drawn; under the write lock
    _Atomic uint64_t synced;             // these and all before are on the disk
    _Atomic uint32_t syncs;              // commits that were synced,
    _Atomic uint32_t sync_us;            //   and how long the latest of them took
    _Atomic uint32_t doubts;             // syncs that failed
    _Atomic uint64_t committed;          // the ticket of the latest commit; under the write lock
    _Atomic int64_t  sums_ms[GF_SQ_LISTENERS];   // the same as its listening_ms: sums will do
} gf_sq_page;

typedef struct gf_sq_sidecar {
    char       *path;                    // NULL: in memory
    gf_own_fd   own;                     // holds the write lock; none: in memory, or a forked child
    dev_t       device;                  // own's
    ino_t       inode;
    gf_sq_page *page;                    // mapped, or of our own memory
    int64_t     yielded_ns;              // when we last let go of a lock that others wanted
} gf_sq_sidecar;

gofer_status gf_sq_sidecar_open(gf_sq_sidecar *s, const char *db_path);  // NULL: in memory
void         gf_sq_sidecar_close(gf_sq_sidecar *s);
gofer_status gf_sq_sidecar_lock(gf_sq_sidecar *s, int64_t timeout_ms);
void         gf_sq_sidecar_unlock(gf_sq_sidecar *s);
bool         gf_sq_sidecar_gone(const gf_sq_sidecar *s);     // deleted, or moved, under us
// A worker's life: its own byte, locked through its own descriptor, dies with the process.
gofer_status gf_sq_life_begin(const gf_sq_sidecar *s, int64_t wid, gf_own_fd *life);
typedef enum gf_sq_life { GF_SQ_ALIVE, GF_SQ_DEAD, GF_SQ_UNKNOWN } gf_sq_life;
gf_sq_life   gf_sq_life_test(const gf_sq_sidecar *s, int64_t wid);

// ---- the files beside the database stay where they are (hold.c) --------------------

typedef struct gf_sq_hold gf_sq_hold;

// Before SQLite opens the file. EFORKED: it was open in this process's parent when that forked.
gofer_status gf_sq_hold_open(gf_sq_hold **out, const char *path);
// Once SQLite has its WAL open. EBROKER: the file is in use by another name.
gofer_status gf_sq_hold_lock(gf_sq_hold *h, const char *path, const gf_sq_sidecar *sidecar,
    int64_t timeout_ms);
// EBROKER: the WAL or its index is no longer the one that was opened.
gofer_status gf_sq_hold_check(const gf_sq_hold *h);
bool         gf_sq_hold_is_of(const gf_sq_hold *h, const char *path);   // the file that is there
// Before the last connection is closed. True: no other store of this process has the file, so
// SQLite may ask whether another process has.
bool         gf_sq_hold_let_go(gf_sq_hold *h);
void         gf_sq_hold_close(gf_sq_hold *h);        // after SQLite has closed; takes NULL

// ---- the folder of all these (folder.c) ---------------------------------------------

typedef struct gf_sq_folder {
    char      *path;                     // NULL: in memory
    gf_own_fd  mounts;                   // the list of mounts
    bool       tells;                    // its stamps can be trusted, and the list is there
    dev_t      device;                   // as it was when last looked at
    ino_t      inode;
    struct timespec changed;
    bool       ripe;                     // ... so long after this change that the
                                         //   next has another stamp
    bool       sure;                     // the files were looked at since, and all was in place
} gf_sq_folder;

gofer_status gf_sq_folder_open(gf_sq_folder *f, const char *db_path);    // NULL: in memory
void         gf_sq_folder_close(gf_sq_folder *f);
// True: every file is still what it was when gf_sq_folder_seen was called. False: not known; look
// at them, and if all is in place, call that.
bool         gf_sq_folder_unchanged(gf_sq_folder *f);
void         gf_sq_folder_seen(gf_sq_folder *f);
void         gf_sq_folder_doubt(gf_sq_folder *f);    // files are opened anew

// ---- wakeup.c ------------------------------------------------------------------------

uint32_t gf_sq_wakeup_bit(const char *queue);        // of an id, too
void     gf_sq_wakeup_send(gf_sq_page *page, uint32_t bits);
// Sleeps until *word is no longer `seen`, or is woken; both may return early.
void     gf_sq_futex_wait(_Atomic uint32_t *word, uint32_t seen, uint32_t bits, int64_t timeout_us);
void     gf_sq_futex_wake(_Atomic uint32_t *word, uint32_t bits, int count);
gofer_status gf_sq_waiter_open(gf_broker *b, const char *const *queues, size_t count,
    gf_waiter **out);
void         gf_sq_waiter_close(gf_waiter *w);
void         gf_sq_waiter_arm(gf_waiter *w);
gofer_status gf_sq_waiter_wait(gf_waiter *w, int64_t timeout_us);
void         gf_sq_waiter_wake(gf_waiter *w);

// ---- room on the disk (space.c) ------------------------------------------------

typedef struct gf_sq_space {
    char   *reserve_path;                // NULL: in memory, no limits
    char   *db_path;                     // borrowed from the store
    int64_t disk_size;                   // bytes
    int64_t page_size;
    int64_t wal_pages;                   // checkpoint when the WAL has so many
    int64_t spare_pages;                 // free pages beyond this are given back to the disk
    int64_t reserve_size, margin;        // bytes; margin: of one transaction, beyond
                                         //   the WAL's limit
} gf_sq_space;

gofer_status gf_sq_space_open(gf_sq_space *sp, char *db_path);
void         gf_sq_space_close(gf_sq_space *sp);
void         gf_sq_space_measure(gf_sq_space *sp, int64_t page_size);  // the limits, for pages of
                                                                       //   this size
// How many bytes may be added now, to the WAL and to the file; the reserve is made whole if it can
// be. ENOSPACE: none, for there is no room for it; others: it cannot be made for another reason,
// and who must add something may. With its words.
gofer_status gf_sq_space_room(const gf_sq_space *sp, int64_t *room);
// bytes that the disk lacks for that
int64_t      gf_sq_space_missing(const gf_sq_space *sp, int64_t cost);
// ENOSPACE, in words
gofer_status gf_sq_space_refuse(const gf_sq_space *sp, int64_t room, int64_t cost);
bool         gf_sq_space_short(const gf_sq_space *sp);    // some of the reserve was given up
bool         gf_sq_space_last(const gf_sq_space *sp);     // all but its last part, which is for
                                                          //   opening and deleting
bool         gf_sq_space_gone(const gf_sq_space *sp);     // the last part too, and the disk has
                                                          //   less than that
bool         gf_sq_space_release(const gf_sq_space *sp);  // give some of it up; false: there is
                                                          //   none
// What there is: of the disk, and of the reserve. False: the store is in memory, or the disk does
// not tell.
typedef struct gf_sq_room {
    int64_t disk_size, disk_free;        // bytes
    int64_t reserve, reserve_whole;      // bytes; reserve -1: it was not needed yet
} gf_sq_room;
bool         gf_sq_space_look(const gf_sq_space *sp, gf_sq_room *out);
gofer_status gf_sq_space_renew(const gf_sq_space *sp);    // make it whole; ENOSPACE: there is no
                                                          //   room
gofer_status gf_sq_space_usable(const gf_sq_space *sp);   // what is there in its place could be
                                                          //   made whole

// ---- where the file is (path.c) --------------------------------------------------

// The absolute, resolved path of the URL's file, which is made (0600) if missing.
gofer_status gf_sq_path_make(const char *rest, char **out);
// A file made beside the database has the database's owner (also when root made it), group, mode.
void         gf_sq_file_give(int fd, const char *db_path);
// The same for one that is there, perhaps from before the database was given to others.
void         gf_sq_file_bring(const char *path, const char *db_path);

// ---- schema (schema.c) -------------------------------------------------------------

gofer_status gf_sq_schema_check(gf_sq_conn *c, const char *path, bool *is_new);
gofer_status gf_sq_schema_make(gf_sq_conn *c, const char *path);   // in a transaction

// ---- transactions (writer.c, counts.c) --------------------------------------------------

// A queue that the running transaction has touched: its row as read, and what changes in it.
typedef struct gf_sq_queue {
    gf_link  by_name, by_qid;            // the first is the first member
    int64_t  qid, tail, paused_ms;
    int64_t  max_length;                 // of pending tasks; 0: any number
    int64_t  age_ms;                     // for each so long waited a priority more; 0: for none
    bool     closed;                     // it takes envelopes alone
    bool     ranked;                     // it has had a task with a priority
    bool     limited;                    // it has had one with limit keys, or a limit of its own
    bool     fair;                       // tenants' tasks may wait in it
    int64_t  count[GF_STATE_COUNT];      // with the changes
    int64_t  change[GF_STATE_COUNT];
    int64_t  processed, failed;          // changes only
    bool     dirty;
    uint32_t bit;
    char     name[GF_NAME_MAX + 1];      // "": it has none that fits
} gf_sq_queue;

typedef struct gf_sq_queue_counts {
    gf_sq_queue **queues;                // owned; kept for the next transaction
    size_t        count, room;
    gf_table      by_name, by_qid;
    gf_sq_queue  *last;                  // the latest hit
} gf_sq_queue_counts;

// A key of limits that the running transaction has touched: what its limit is, and what there is of
// it (limit/gate.c).
typedef struct gf_sq_gate {
    gf_link  by_key, by_lid;             // the first is the first member
    int64_t  lid, qid;                   // lid 0: it has no row yet; qid 0: counted over all queues
    gf_limit limit;                      // name NULL: it has none
    int64_t  running;                    // -1: not counted yet
    int64_t  tat_us, until_ms;           // limit_rate.h; paused until then
    int64_t  wake_ms;                    // when forward looks at it; 0: never
    int64_t  freed;                      // claims that ended, for which nobody was brought back yet
    bool     dirty;                      // its row is to be written
    bool     ordered;                    // of tasks that run one after the other,
    char     occupant[GF_ID_MAX + 1];    //   and whose turn it is; "": nobody's
    char     key[GF_NAME_MAX + 1], name[GF_NAME_MAX + 1];      // its own, its limit's
} gf_sq_gate;

typedef struct gf_sq_gates {
    gf_sq_gate **gates;                  // owned; kept for the next transaction
    size_t       count, room;
    gf_table     by_key, by_lid;
    gf_shut_types shut;                  // as the running exchange has read them
    gf_breakers  breakers;               //   and these
    gf_hours_book hours;                 // as of at most a second ago (limit/hours.c)
} gf_sq_gates;

enum { GF_SQ_FLOWS = 32 };

typedef struct gf_sq_txn {
    gf_sq_store *store;
    gf_sq_conn  *conn;
    gf_sq_queue_counts *counts;
    gf_sq_gates *gates;
    int64_t      now_ms, mono_ms;
    uint32_t     wakeups;                // bits of queues: who is woken after the commit
    uint32_t     ended;                  // bits of the ids whose end was told to who waits for it
    bool         awaited;                // somebody waits for an end
    bool         asked;                  // somebody was asked to stop: watches are woken
    int64_t      flows[GF_SQ_FLOWS];     // those of which steps have ended, to be looked at when
    size_t       flow_count;             //   the operation is done
    int64_t      flow_at_work;           // it looks for itself
    bool         tight;                  // the disk is full: write what must be, and
                                         //   nothing beside it
    bool         meager;                 // and nothing that makes the store larger, however little
    int64_t      room;                   // bytes that large pieces may still take, in
                                         //   the WAL and in the file
    size_t       left_out;               // pieces, for want of room
    const char  *left_of;                // the id of one whose they were
} gf_sq_txn;

// NULL: no such queue (or the connection failed). Pointers stay good until the transaction ends.
gf_sq_queue *gf_sq_queue_named(gf_sq_txn *t, const char *name);
gf_sq_queue *gf_sq_queue_made(gf_sq_txn *t, const char *name);     // made if it is new
gf_sq_queue *gf_sq_queue_numbered(gf_sq_txn *t, int64_t qid);
void         gf_sq_queue_count(gf_sq_queue *q, gf_state state, int64_t change);
bool         gf_sq_queue_has_room(const gf_sq_queue *q, size_t count);  // for so many more seqs
int64_t      gf_sq_queue_admits(const gf_sq_queue *q);       // pending tasks, by its max_length
// Is the payload one that the queue does not take?
bool         gf_sq_queue_refuses(const gf_sq_queue *q, const void *payload, size_t size);
// What the column max_length says: a length, and in one bit above all lengths whether the queue
// takes envelopes alone. Both are asked for at each put.
#define GF_SQ_CLOSED (INT64_C(1) << 41)
int64_t      gf_sq_queue_next(gf_sq_queue *q);                     // a fresh seq at its tail
void         gf_sq_counts_flush(gf_sq_txn *t);
void         gf_sq_counts_forget(gf_sq_queue_counts *counts);
void         gf_sq_counts_close(gf_sq_queue_counts *counts);

enum { GF_SQ_SEQ_BITS = 40 };            // seq = qid << 40 | number in the queue
// The upper half of a queue's numbers are those of tasks with a priority: see lane.c.
enum { GF_SQ_LANE_BITS = 31, GF_SQ_LANES = 201, GF_SQ_LANE_PLAIN = 100 };
#define GF_SQ_RANKED (INT64_C(1) << 39)
static inline bool gf_sq_is_ranked(int64_t seq) { return (seq & GF_SQ_RANKED) != 0; }
enum { GF_SQ_QID_MAX = (1 << 23) - 2 };  // 23 bits, and there is a number behind the last
static inline int64_t gf_sq_qid_of(int64_t seq) { return seq >> GF_SQ_SEQ_BITS; }
static inline int64_t gf_sq_first_seq(int64_t qid) { return qid << GF_SQ_SEQ_BITS; }

// Behind all lanes stand those that wait for a limit's key, and in the last numbers tenants' tasks
// whose turn it is not yet (limit/fair.c).
enum { GF_SQ_LANES_FAIR = 228 };
static inline bool gf_sq_is_behind(int64_t seq, int32_t lane)
{
    return gf_sq_is_ranked(seq) && (seq & (GF_SQ_RANKED - 1)) >= (int64_t)lane << GF_SQ_LANE_BITS;
}
static inline bool gf_sq_is_held(int64_t seq) { return gf_sq_is_behind(seq, GF_SQ_LANES); }
static inline bool gf_sq_is_fair(int64_t seq) { return gf_sq_is_behind(seq, GF_SQ_LANES_FAIR); }

// A queue's tasks that wait, in the order in which they are taken: those with a priority above 0
// and, before the plain ones, tenants' whose turn it was; the plain ones; those with one below; and
// those that are not taken where they are: they wait for a key, or for their tenant's turn.
enum { GF_SQ_SPANS = 3, GF_SQ_SPAN_HELD = GF_SQ_SPANS, GF_SQ_SPANS_ALL };
typedef struct gf_sq_span { int64_t first, last; } gf_sq_span;
gf_sq_span gf_sq_span_of(int64_t qid, int which);
gf_sq_span gf_sq_lanes_span(int64_t qid, int32_t first, int32_t last);     // of lanes alone
// What a task's place in line depends on.
typedef struct gf_sq_standing {
    int32_t priority;
    char    tenant[GF_NAME_MAX + 1];     // "": none
} gf_sq_standing;
static const gf_sq_standing gf_sq_plain = { 0 };
void gf_sq_standing_of(const gf_message *m, gf_sq_standing *out);
bool gf_sq_stands_plain(const gf_sq_standing *s);
// One that stands so has come to the queue, whatever it waits for: from now on all that get in line
// there are asked for theirs.
void gf_sq_lane_expect(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_standing *s);
// The lane of a number; the plain line's is GF_SQ_LANE_PLAIN.
int32_t gf_sq_lane_of(int64_t seq);
// The last number of a lane that is taken, or the lane's first.
int64_t gf_sq_lane_end(gf_sq_txn *t, int64_t qid, int32_t lane);
// A fresh seq for one that gets in line, at the end of its priority's or by its tenant's turn.
int64_t gf_sq_line_next(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_standing *s);
// Of a row of ready or later; without looking where the queue has never had any.
void gf_sq_row_standing(gf_sq_txn *t, const gf_sq_queue *q, gf_state state, int64_t seq,
    gf_sq_standing *out);
// A row has come to later: it leaves its lane, or those who wait for a key. Its seq from now on.
int64_t gf_sq_lane_leave(gf_sq_txn *t, gf_sq_queue *q, int64_t seq);

// A number of a row. What another program has left there may be any: beyond these bounds, which no
// time or count of ours comes near, it is taken for them, so that some may be added up and no sum
// overflows. Keys and tokens are compared only, and read as they are.
#define GF_SQ_NUMBER_MAX (INT64_C(1) << 59)
static inline int64_t gf_sq_number(sqlite3_stmt *s, int at)
{
    int64_t n = sqlite3_column_int64(s, at);
    return n > GF_SQ_NUMBER_MAX ? GF_SQ_NUMBER_MAX : n < -GF_SQ_NUMBER_MAX ? -GF_SQ_NUMBER_MAX : n;
}
// A name of a row, with a NUL behind it; NULL: none, or it does not fit.
static inline const char *gf_sq_name(sqlite3_stmt *s, int at)
{
    const void *text = sqlite3_column_text(s, at);
    return gf_name_fits(text, (size_t)sqlite3_column_bytes(s, at)) ? text : NULL;
}

enum {
    GF_SQ_DURABLE = 1,                   // synced before it returns
    GF_SQ_ADDS = 2,                      // makes the store grow: refused when the disk is short
    GF_SQ_READS_COUNTS = 4,              // by SQL: flush them before
    GF_SQ_TIDIES = 8,                    // checkpoint afterwards, whatever the WAL's size
    GF_SQ_KEEPS = 16,                    // is never refused, but keeps large pieces
                                         //   only where there is room
    GF_SQ_RIDES = 32,                    // need not be synced if others soon will: see its ticket
    GF_SQ_TELLS = 64,                    // what it reads is told to others: that is synced before
                                         //   it returns
    GF_SQ_SETTLES = 128                  // all that was committed before is
};

// A piece of work for the writer. run checks every precondition before its first write, so that
// a failure it returns has changed nothing; an SQL failure sticks in the connection and undoes
// the whole transaction. It may be run again, so it begins by clearing its results.
typedef struct gf_sq_op {
    gofer_status (*run)(gf_sq_txn *t, void *arg);
    void          *arg;
    int            flags;
    size_t         tasks;                // about how many it touches: bounds the group
    int64_t        bytes;                // ADDS, KEEPS: about how much it stores
    uint64_t       ticket;               // out, RIDES: 0: it is synced; else for gf_sq_settle.
                                         //   SETTLES: up to this one
    int64_t        within_us;            // out, RIDES: others will probably have synced it

    // The writer's own.
    struct gf_sq_op *next;
    pthread_cond_t   turn;
    int64_t          begun_ms;
    bool             finished, leads;    // guarded by the store's lock
    bool             refused;            // ADDS, and there is no room
    bool             tight, meager;      // KEEPS: as in the transaction, from the beginning
    int64_t          room;
    gofer_status     status;
    char             text[512];
} gf_sq_op;

gofer_status gf_sq_write(gf_sq_store *s, gf_sq_op *op);
gofer_status gf_sq_writer_init(gf_sq_store *s);
void         gf_sq_writer_clear(gf_sq_store *s);
void         gf_sq_writer_watch(gf_sq_store *s);     // count the pages of the WAL
// For the leader. One operation in a transaction of its own: what does not add
// may use up the reserve.
void         gf_sq_run_alone(gf_sq_store *s, gf_sq_op *op);
void         gf_sq_wal_checkpoint(gf_sq_store *s);
// Refuses those of a group that add more than there is room for. (admit.c)
void         gf_sq_admit(gf_sq_store *s, gf_sq_op *first);
gofer_status gf_sq_vacuum_step(gf_sq_txn *t, void *arg);   // gives some free pages back to the disk
// May a piece of this size stay with what is kept of a task? If not it is left out, which the log
// says.
bool         gf_sq_may_keep(gf_sq_txn *t, const char *id, size_t size);
enum { GF_SQ_LEFT_OUT = 100 };
const char  *gf_sq_left_out(char word[GF_SQ_LEFT_OUT], size_t size);   // what stands in the place
                                                                       //   of a result
void         gf_sq_log_left_out(gf_sq_store *s, const gf_sq_txn *t);   // after the commit
// Has a connection: one that was given up is opened again.
gofer_status gf_sq_writer_ready(gf_sq_store *s);

// ---- commits that are not synced yet (ticket.c) -------------------------------------------------

// How often others sync, as the leader sees it.
typedef struct gf_sq_flow {
    uint32_t seen;                       // of the page's syncs
    int64_t  last_ns, gap_ns;            // monotonic; 0: none was seen yet
} gf_sq_flow;

// What a sync reaches.
typedef struct gf_sq_reach {
    uint64_t ticket;
    uint32_t doubts;
    int64_t  begun_ns;
} gf_sq_reach;

// What the leader's group leaves to be done when the lock is free.
typedef struct gf_sq_due {
    bool     sync;                       // before anybody is told, up to this ticket
    uint64_t ticket;
    bool     for_others;                 // not for outcomes alone
    uint32_t ended;                      // bits of the ids whose end was told
} gf_sq_due;

// For who holds the write lock: the number of a commit, before it begins; returned if it came to
// nothing.
uint64_t gf_sq_ticket_draw(gf_sq_page *page);
void     gf_sq_ticket_return(gf_sq_page *page, uint64_t ticket);
// For the leader.
bool     gf_sq_flows(gf_sq_store *s);                // others sync so often that one can wait,
int64_t  gf_sq_flow_us(const gf_sq_store *s);        //   for so long
bool     gf_sq_wal_sync(gf_sq_conn *c);              // a failure sticks in the connection
gf_sq_reach gf_sq_sync_begin(const gf_sq_store *s);
void     gf_sq_sync_end(gf_sq_store *s, const gf_sq_reach *reach);     // it went well
// For anybody. These and all before are on the disk; a sync has failed.
void     gf_sq_tickets_settle(gf_sq_store *s, uint64_t ticket);
void     gf_sq_tickets_doubt(gf_sq_store *s);
// Are there commits that are not known to be synced? Asked after a read it is about what that has
// seen, too.
bool     gf_sq_afloat(const gf_sq_page *page);
bool     gf_sq_settled(const gf_sq_store *s, uint64_t ticket);
bool     gf_sq_in_doubt(const gf_sq_store *s);       // a sync has failed, and not yet ours
// Before somebody is told for good what was read, for a power loss may yet undo it.
gofer_status gf_sq_settle_read(gf_sq_store *s);

// EBROKER: the file was moved or deleted, or failed before. c: a connection of the caller's.
gofer_status gf_sq_file_check(gf_sq_store *s, gf_sq_conn *c);
// Are the database and all files beside it where they were, as far as their names tell? Asks
// SQLite nothing, which may be unable to read. Not of a store in memory.
bool gf_sq_in_place(const gf_sq_store *s);

// Run `query` in a read transaction. It returns a status of its own; SQL failures stick.
typedef gofer_status (*gf_sq_query)(gf_sq_conn *c, void *arg);
gofer_status gf_sq_read(gf_sq_store *s, gf_sq_query query, void *arg);
// The same on a connection of the caller's (all zero before; he closes it), for what takes so long
// that others should not wait for it.
gofer_status gf_sq_read_apart(gf_sq_store *s, gf_sq_conn *own, gf_sq_query query, void *arg);

// ---- the store (sqlite.c) -------------------------------------------------------------

typedef struct gf_sq_registration {
    struct gf_sq_registration *next;
    char   *id;
    int64_t wid;
    gf_own_fd life;                      // holds its life lock; none: in memory
} gf_sq_registration;

struct gf_sq_store {
    gf_broker     base;                  // first
    char         *path;                  // NULL: in memory
    char         *shown;                 // path, or "memory:"
    gf_process    process;
    gf_sq_sidecar sidecar;
    gf_sq_hold   *hold;                  // NULL: in memory
    gf_sq_space   space;

    pthread_mutex_t lock;                // guards the next five
    gf_sq_op     *head, **tail;          // operations that wait
    bool          led;                   // somebody leads, or has been told to
    gf_sq_registration *registrations;
    bool          lock_made, read_lock_made;

    // The leader's.
    gf_sq_conn    writer;
    gf_sq_folder  folder;
    gf_sq_queue_counts counts;
    gf_sq_gates   gates;
    bool          wrote;                 // a transaction was begun: closing has something to tidy
    size_t        left_out;              // pieces not logged yet
    int64_t       left_logged_ms;        // monotonic
    int64_t       wal_now, wal_tried;    // pages in the WAL after the last commit; at the last try

    gf_sq_due     due;
    gf_sq_flow    flow;
    bool          wal_grew;              // the commit has written to the WAL

    _Atomic int64_t hours_due_ms;        // monotonic: when the leader reads the hours again
    _Atomic bool    has_hours;           // there were some
    _Atomic int64_t opens_ms;            // Unix: when the next queue opens; INT64_MAX: none will

    _Atomic uint32_t doubts;             // of the page, that our own descriptor has answered
    _Atomic int   failed;                // fail-stop: an I/O error or damage was seen

    pthread_mutex_t read_lock;           // guards reader
    gf_sq_conn    reader;
};

// EFORKED in a child.
gofer_status gf_sq_check(const gf_sq_store *s);
// No lease is longer than an hour; one that seems to end later than this from now is from before a
// reboot, when the monotonic clock began anew.
enum { GF_SQ_LEASE_HORIZON_MS = 2 * 3600 * 1000 };

// Its lock is free; or, where there are no locks, its lease is over. (roster.c)
bool gf_sq_worker_dead(gf_sq_store *s, int64_t wid, int64_t lease_until, int64_t mono_ms);
// The wid of a worker registered through this store; 0: none.
int64_t gf_sq_registered(gf_sq_store *s, const char *id);
void    gf_sq_registrations_close(gf_sq_store *s);

// ---- rows (row.c) ------------------------------------------------------------------------

enum { GF_SQ_INLINE = 1024 };            // larger payloads and results live in the blob table

// Where a task is.
typedef struct gf_sq_place {
    int64_t  seq;
    gf_state state;
} gf_sq_place;

// A claim and what the store remembers with it.
typedef struct gf_sq_claim {
    gf_claim base;                       // first; ref is the seq
    int64_t  bid;                        // blob of the payload; 0: inline
    int64_t  xid;                        // what else it has; 0: nothing when it was taken,
    _Atomic bool touched;                //   but this run may have added some
} gf_sq_claim;

int64_t gf_sq_find_qid(gf_sq_conn *c, const char *queue);    // 0: no such queue
bool gf_sq_find(gf_sq_conn *c, int64_t qid, const char *id, gf_sq_place *out);
int64_t gf_sq_blob_put(gf_sq_conn *c, const void *bytes, size_t size);  // its bid; 0: failed
// Replaces what a blob holds; bid 0: makes one. Its bid; 0: failed.
int64_t gf_sq_blob_set(gf_sq_conn *c, int64_t bid, const void *bytes, size_t size);
// A copy of a blob (gf_free); NULL: no memory, or the connection failed.
void   *gf_sq_blob_get(gf_sq_conn *c, int64_t bid, size_t *size);
// Bind the columns of GF_SQ_BODY_NEW from `at` on.
void gf_sq_bind_body(gf_sq_conn *c, sqlite3_stmt *s, int at, const gf_message *m, int64_t bid);
// Read those of GF_SQ_BODY. Pointers are the statement's, good until it steps; queue is not set;
// the payload of a blob is not fetched (payload NULL, payload_size right).
void gf_sq_read_body(sqlite3_stmt *s, int at, gf_message *m, int64_t *bid);
int64_t gf_sq_body_xid(sqlite3_stmt *s, int at);
// What the column crashes has in one number.
gf_blame gf_sq_blame(int64_t packed);
int64_t  gf_sq_blame_pack(const gf_blame *b);
// Copies size bytes to *at with a NUL behind them, and moves *at on. bytes NULL: nothing,
// and NULL is the copy.
void *gf_sq_pack(char **at, const void *bytes, size_t size);
// A copy of the row as a claim; payload fetched. room: gf_take's. NULL: no memory, or the
// connection failed.
gf_sq_claim *gf_sq_claim_read(gf_sq_conn *c, sqlite3_stmt *s, int at, const char *queue,
    size_t room);
// Does the stored task carry what m carries?
bool gf_sq_same(gf_sq_conn *c, const gf_sq_place *place, const gf_message *m);
// A record of a row selected with GF_SQ_TASK_COLUMNS; `whole`: with payload and result.
gofer_info *gf_sq_task_info(gf_sq_conn *c, sqlite3_stmt *s, const char *queue, bool whole);

// A task's row to be, whichever table it goes into.
typedef struct gf_sq_new_row {
    int64_t           seq;
    const gf_message *message;
    int64_t           bid, xid;          // as in gf_sq_claim
} gf_sq_new_row;

// A row of `later`; of a group: its member, too.
void gf_sq_later_add(gf_sq_txn *t, const gf_sq_new_row *row, gf_state state, int64_t sort_ms);
void gf_sq_ready_add(gf_sq_txn *t, const gf_sq_new_row *row, int64_t since_ms);
// Puts a message in, as gf_sq_put does, however long its queue is.
gofer_status gf_sq_put_message(gf_sq_txn *t, const gf_message *m, int64_t run_at_ms);
// One that needs no lock, within gf_sq_put's transaction.
gofer_status gf_sq_put_new(gf_sq_txn *t, gf_put *item);

// ---- what few tasks have: checkpoint, history, log, lock (extra.c, lock.c) ----------------------

typedef struct gf_sq_extra {
    const void *lock;                    // the statement's, good until gf_sq_done(row)
    size_t      lock_size;
    const char *attempts, *log;
    size_t      attempts_size, log_size;
    int64_t     cbid, csize;             // the checkpoint's blob, and its size
    sqlite3_stmt *row;
} gf_sq_extra;

bool    gf_sq_extra_read(gf_sq_conn *c, int64_t xid, gf_sq_extra *out);    // false: none, or failed
int64_t gf_sq_extra_add(gf_sq_conn *c, const void *lock, size_t lock_size);
void    gf_sq_extra_attempt(gf_sq_conn *c, int64_t xid, const char *record);
void    gf_sq_extra_log(gf_sq_conn *c, int64_t xid, const char *lines);
void    gf_sq_extra_checkpoint(gf_sq_conn *c, int64_t xid, const void *bytes, size_t size);
// With its checkpoint; the lock is freed before.
void    gf_sq_extra_drop(gf_sq_conn *c, int64_t xid);
// Keeps an attempt's record and log lines (NULL: none) beside a task that is active, whose xid is
// this; a row is made if there is none. Its xid; 0: failed.
int64_t gf_sq_extra_keep(gf_sq_txn *t, int64_t seq, int64_t xid, const char *record,
    const char *lines);
// An attempt's record for a task that nobody runs any more (gf_free); NULL: no memory.
char *gf_sq_attempt_record(int64_t at_ms, int64_t attempt, const char *kind, int64_t duration_ms,
    const char *worker, const char *error);

typedef struct gf_sq_key {
    char   *bytes;                       // gf_free
    size_t  size;
} gf_sq_key;

// The key of a lock: of a name, or of a type and payload. False: no memory.
bool gf_sq_lock_key(gf_sq_key *out, const char *name, const gf_message *m);
// NULL: it has none
const char *gf_sq_lock_name(const void *key, size_t size, size_t *name_size);
// Who holds it, copied to holder (NULL, or GF_ID_MAX + 1 bytes). False: nobody.
bool gf_sq_lock_held(gf_sq_txn *t, int64_t qid, const gf_sq_key *key, char *holder);
void gf_sq_lock_add(gf_sq_txn *t, int64_t qid, const gf_sq_key *key, gf_unique_life life,
    int64_t until_ms, const char *id);
// Frees what this task holds.
void gf_sq_lock_free(gf_sq_conn *c, int64_t qid, const char *id, int64_t xid);
// Puts one that waits for its key to come to rest (debounce.c), or in the place of one that waits
// (replace.c).
gofer_status gf_sq_put_debounced(gf_sq_txn *t, gf_put *item);
gofer_status gf_sq_put_over(gf_sq_txn *t, gf_put *item);
// Another task, of the same id, in the place of a row of ready or later: scheduled for that time;
// 0: for the one that the row has.
void gf_sq_row_replace(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_place *place, const gf_message *m,
    int64_t due_ms);

// What a debounced task is found by: "k:" and the caller's name, or "t:" and the type.
enum { GF_SQ_DEBOUNCE_KEY = GF_NAME_MAX + 3 };
void gf_sq_debounce_key(char key[GF_SQ_DEBOUNCE_KEY], const char *name, const char *type);
typedef struct gf_sq_debounced {
    const char   *key;                   // the statement's, good until gf_sq_done(row)
    int64_t       first_ms;
    sqlite3_stmt *row;
} gf_sq_debounced;
bool gf_sq_debounce_of(gf_sq_conn *c, int64_t seq, gf_sq_debounced *out);  // false: none, or failed
bool gf_sq_debounce_stands(gf_sq_txn *t, int64_t qid, const char *key);
void gf_sq_debounce_add(gf_sq_txn *t, const char *key, int64_t seq, int64_t first_ms,
    int64_t due_ms);
// 0: not held
int64_t gf_sq_lock_until(gf_sq_conn *c, int64_t qid, const gf_sq_extra *e, const char *id,
    int64_t now_ms);

// ---- limits (limit/) ----------------------------------------------------------------------------

// The task has keys: from now on its queue's are looked at.
void gf_sq_limit_expect(gf_sq_txn *t, gf_sq_queue *q, const gf_message *m);
// The gate of a key for this queue; NULL: SQL or memory has failed. Good until the transaction
// ends.
gf_sq_gate *gf_sq_gate_of(gf_sq_txn *t, const gf_sq_queue *q, const char *key, size_t size);
gf_sq_gate *gf_sq_gate_numbered(gf_sq_txn *t, int64_t lid);
// Finds the limit of its key.
void        gf_sq_gate_resolve(gf_sq_conn *c, gf_sq_gate *g);
void        gf_sq_limit_read(sqlite3_stmt *s, int at, gf_limit *out);    // its numbers; limits.c
// Its row, made if there is none. False: failed.
bool        gf_sq_gate_row(gf_sq_txn *t, gf_sq_gate *g);
// Has it room for one more of this cost? Not: *opens_ms is when, as far as the time alone is in the
// way; 0: somebody has to end.
bool        gf_sq_gate_open(gf_sq_txn *t, gf_sq_gate *g, int64_t cost, int64_t *opens_ms);
int64_t     gf_sq_gate_running(gf_sq_txn *t, gf_sq_gate *g);
// Looked at by forward then, or before.
void        gf_sq_gate_wake(gf_sq_gate *g, int64_t at_ms);
// Of an ordered key: whose turn it is, as far as he is still there.
const char *gf_sq_gate_occupant(gf_sq_txn *t, gf_sq_gate *g);
void        gf_sq_gate_occupy(gf_sq_gate *g, const char *id);    // "": nobody
// The numbers of the queue's own key count what runs of the queue.
bool        gf_sq_gate_is_queues(const gf_sq_gate *g);
void        gf_sq_gates_flush(gf_sq_txn *t);
void        gf_sq_gates_forget(gf_sq_gates *gates);
void        gf_sq_gates_close(gf_sq_gates *gates);

// The types that are paused and the breakers, for gf_sq_decide and gf_sq_breakers_tell.
void        gf_sq_shut_load(gf_sq_txn *t);
enum { GF_SQ_TYPE_BREAKER = 3 };         // a column of GF_SQL_TYPE_LIST: a breaker's text, or NULL
// breakers.c, as they were loaded. What ends is told to them; who waits and may go on then is
// brought back.
void        gf_sq_breakers_tell(gf_sq_txn *t, const gf_finish *done, size_t count);
bool        gf_sq_breakers_shut(const gf_sq_txn *t);         // one is open, at the least half
// The breaker that holds a task of the type now; NULL: none does.
const gf_breaker *gf_sq_breaker_shuts(const gf_sq_txn *t, const char *type);
// One of the type is taken: the episode in which it is let through; 0: no breaker is open.
int64_t     gf_sq_breaker_let(gf_sq_txn *t, const char *type);
void        gf_sq_breakers_save(gf_sq_txn *t);
// Of a type's key: its breaker lets so many of those that wait go, and they are looked at then.
// False: they wait for no breaker.
bool        gf_sq_breaker_holds(gf_sq_txn *t, const char *key, int64_t *room, int64_t *look_ms);
// Allowed hours (limit/hours.c). Reads them if it is time; adds the types that are closed, false:
// no memory; says whether a queue is closed, as read by that; until when a key's type is, 0: it is
// not.
void        gf_sq_hours_load(gf_sq_txn *t);
bool        gf_sq_hours_shut(gf_sq_txn *t, gf_shut_types *shut);
bool        gf_sq_hours_closed(gf_sq_txn *t, const char *queue);
int64_t     gf_sq_hours_until(gf_sq_txn *t, const char *key);
// For who waits for work: how long he may sleep before a queue opens, 0: one has, INT64_MAX: there
// is none. *seen_ms: the latest that he was told of. And after he was woken: the hours may be
// others now.
int64_t     gf_sq_hours_nap_us(const gf_sq_store *s, int64_t *seen_ms);
void        gf_sq_hours_doubt(gf_sq_store *s);
// Who waits for one of these keys (all that begin so where the name has a '*') is looked at.
void        gf_sq_look_at_waiters(gf_sq_txn *t, const char *name);

// What becomes of a task that is next in line (admit.c).
typedef enum gf_sq_verdict {
    GF_SQ_TAKEN,                         // it runs now, and counts
    GF_SQ_REFUSED,                       // it is taken, and not run
    GF_SQ_HELD,                          // it waits for a key, beside the line
    GF_SQ_SHUT                           // nobody of its queue is to be taken now
} gf_sq_verdict;
// A decision, to be carried out when no statement reads the line: by gf_sq_hold_run for those that
// run, by gf_sq_park for those that wait.
typedef struct gf_sq_decision {
    int64_t       seq, since_ms;
    gf_sq_verdict verdict;
    gf_sq_gate   *gates[GF_KEYS_MAX + 1];        // its keys', or its type's behind these
    size_t        gate_count, full;              // full: the first that has no room,
    int64_t       opens_ms;                      //   and when it has, by the time alone; 0
    int64_t       episode;                       // as the claim's
} gf_sq_decision;
// own: the gate of the queue's own key, NULL: none has it. What is taken counts from now on.
void gf_sq_decide(gf_sq_txn *t, const gf_sq_queue *q, gf_sq_gate *own, const gf_message *m,
    gf_sq_decision *d);
void gf_sq_hold_run(gf_sq_txn *t, const gf_sq_decision *d, int64_t token);
void gf_sq_park(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_decision *d);
// A claim has ended, or was lost. Whose keys it counted for are to be looked at: gf_sq_release_all.
void gf_sq_leave(gf_sq_txn *t, gf_sq_queue *q, int64_t seq);
// A task goes away, or (archived) is set aside: it is somebody else's turn, if it was its own.
void gf_sq_ordered_end(gf_sq_txn *t, const gf_sq_queue *q, const gf_message *m, bool archived);
// The same of a row that is still there.
void gf_sq_ordered_row_end(gf_sq_txn *t, const gf_sq_queue *q, gf_state from, int64_t seq,
    bool archived);
void gf_sq_release_all(gf_sq_txn *t);
// Up to so many that wait for the key, as far as it has room, to the heads of their lines. How
// many.
int64_t gf_sq_release_some(gf_sq_txn *t, gf_sq_gate *g, int64_t most);
// One that waited is gone from the line.
void gf_sq_unpark(gf_sq_txn *t, int64_t seq);
// A row of ready, and what leads to it, has another number. False: there is no such row.
bool gf_sq_renumber(gf_sq_txn *t, int64_t from, int64_t to);
// forward's part: gates whose time has come, at most limit. How many.
size_t  gf_sq_gates_look(gf_sq_txn *t, size_t limit);
int64_t gf_sq_gates_next(gf_sq_conn *c);         // when the next one's time comes; GF_NONE_DUE

// How a task came to its end, for who waits for it, and for its flow.
typedef struct gf_sq_end {
    gf_end      how;
    const char *error;                   // NULL: none
    const void *result;                  // NULL: none
    size_t      result_size;
} gf_sq_end;

// ---- flows (flow/) ------------------------------------------------------------------------------

// The row of a task that is a step's says so with its xid, which is below 0; whatever else it has
// is in `extra` all the same.
enum { GF_SQ_STEP_BITS = 14 };           // of a step's number within its flow's
static inline bool    gf_sq_is_step(int64_t xid) { return xid < 0; }
static inline int64_t gf_sq_flow_of(int64_t sid) { return sid >> GF_SQ_STEP_BITS; }
static inline int64_t gf_sq_first_sid(int64_t fid) { return fid << GF_SQ_STEP_BITS; }
static inline int64_t gf_sq_last_sid(int64_t fid) { return gf_sq_first_sid(fid + 1) - 1; }

typedef struct gf_sq_flow_row {
    gf_flow_look look;                   // its id is in the room below
    int64_t      fid, stop, retention_ms, wake_ms, cancel_from;
    char         id[GF_ID_MAX + 1];
} gf_sq_flow_row;

// What stands in a step's column `asks`. The numbers are kept in files, and are known to SQL.
enum {
    GF_SQ_ASKS_SUCCESS = 0,
    GF_SQ_ASKS_MORE = 1,                 // a rule of it is another
    GF_SQ_ASKS_EACH = 2,                 // it is run for each item of a list, and has no task
    GF_SQ_ASKS_MADE = 4                  // it was made of that one, or is its list's next part
};

// What stands in a flow's column `stop`: why nothing begins any more.
enum { GF_SQ_GOES_ON, GF_SQ_STOPS, GF_SQ_STOPS_CANCELLING, GF_SQ_WAS_CANCELLED, GF_SQ_WAS_LATE };

// False: there is none, or SQL has failed. *hash: NULL, or room for GF_SHA256_SIZE bytes.
bool gf_sq_flow_named(gf_sq_conn *c, const char *id, gf_sq_flow_row *out, unsigned char *hash);
bool gf_sq_flow_numbered(gf_sq_conn *c, int64_t fid, gf_sq_flow_row *out);
void gf_sq_flow_read(sqlite3_stmt *s, gf_sq_flow_row *out);
void gf_sq_flow_save(gf_sq_txn *t, const gf_sq_flow_row *f);
// The task of a step (xid below 0) has come to its end, or is run again after one. Noted; what
// follows from it does gf_sq_flows_flush, for whoever calls these is in the middle of something.
void gf_sq_step_ended(gf_sq_txn *t, int64_t xid, const gf_sq_end *end);
void gf_sq_step_again(gf_sq_txn *t, int64_t xid);
// Skipped steps wait anew, and all is reckoned from what the steps are.
void gf_sq_flow_reopen(gf_sq_txn *t, gf_sq_flow_row *f);
// Nothing begins any more, for this reason.
void gf_sq_flow_stop(gf_sq_txn *t, gf_sq_flow_row *f, int64_t why);
void gf_sq_flows_flush(gf_sq_txn *t);
// Puts and skips what is ready, up to so many steps; ends the flow if that was all. How many.
size_t gf_sq_flow_advance(gf_sq_txn *t, int64_t fid, size_t limit);
// each.c: the one that is run for each item of what this step leaves; 0: none.
int64_t gf_sq_each_of(gf_sq_txn *t, int64_t sid);
// Its list, read; false: it is none, and why tells.
bool gf_sq_each_read(gf_sq_txn *t, int64_t sid, const gf_sq_end *end, gf_flow_list *list,
    char why[GF_FLOW_WHY]);
// The steps of a list that `sid` has left are there.
void gf_sq_each_make(gf_sq_txn *t, int64_t each, int64_t sid, const gf_flow_list *list);
// How a step with `each` has ended, whose parts all have; why: empty, or what is told of it.
gf_step_state gf_sq_each_end(gf_sq_txn *t, int64_t each, char why[GF_FLOW_WHY]);
// Its counts; and the results of what was made of it, as one list (gf_free). ENOMEM.
void         gf_sq_each_look(gf_sq_conn *c, int64_t each, gf_step_look *out);
gofer_status gf_sq_each_results(gf_sq_conn *c, int64_t each, void **bytes, size_t *size);
// A put of a step's task.
gofer_status gf_sq_put_step(gf_sq_txn *t, const gf_message *m, int64_t run_at_ms, int64_t sid);
// ---- tenants (limit/fair.c, limit/tenants.c) ----------------------------------------------------

// A fresh seq for a tenant's task (or "", of a priority) that gets in line, and its turn.
int64_t gf_sq_fair_add(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_standing *s);
// The first lane from this one on in which tenants' tasks wait; GF_SQ_LANES: none.
int32_t gf_sq_fair_lane(gf_sq_txn *t, const gf_sq_queue *q, int32_t from);
// A line that tenants share, as a take goes along it.
typedef struct gf_sq_fair_line {
    int32_t lane;
    int64_t now, plain;                  // the tag of the latest; the next of the plain line
    size_t  drawn;
} gf_sq_fair_line;
void gf_sq_fair_begin(gf_sq_txn *t, const gf_sq_queue *q, int32_t lane, gf_sq_fair_line *out);
// Who is next, of `most` at the most: that many of the plain line, of which so many wait, or (0)
// `drawn` tenants' tasks, which are at the end of the line's lane from now on.
typedef struct gf_sq_fair_turn {
    size_t plain, drawn;
} gf_sq_fair_turn;
gf_sq_fair_turn gf_sq_fair_next(gf_sq_txn *t, gf_sq_queue *q, gf_sq_fair_line *line, size_t plain,
    size_t most);
void gf_sq_fair_save(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_fair_line *line);
// If no tenant's task waits in the queue any more, its takes are as before from now on.
void gf_sq_fair_look(gf_sq_txn *t, gf_sq_queue *q);
void gf_sq_tenants_drop(gf_sq_txn *t, int64_t qid);      // with their queue
gofer_status gf_sq_tenant_put(gf_broker *b, const char *queue, const char *name, int64_t weight);
gofer_status gf_sq_tenant_drop(gf_broker *b, const char *queue, const char *name);
gofer_status gf_sq_tenants(gf_broker *b, const char *queue, const char *after, size_t limit,
    gofer_info **out);
gofer_status gf_sq_tenant(gf_broker *b, const char *queue, const char *name, gofer_info **out);

// ---- where priorities grow (task/aged.c) --------------------------------------------------------

typedef enum gf_sq_aged_kind { GF_SQ_AGED_LANE, GF_SQ_AGED_PLAIN, GF_SQ_AGED_FAIR } gf_sq_aged_kind;
typedef struct gf_sq_aged_head {
    int64_t         place;               // the lowest is next
    int32_t         lane;
    gf_sq_aged_kind kind;                // FAIR: of the lane's tenants one is to be drawn first
    gf_sq_span      span;
} gf_sq_aged_head;
typedef struct gf_sq_aged {
    gf_sq_queue    *queue;
    size_t          count;
    gf_sq_aged_head heads[GF_SQ_LANES + 1];    // of each lane, and of the plain line
} gf_sq_aged;
void gf_sq_aged_begin(gf_sq_txn *t, gf_sq_queue *q, gf_sq_aged *a);
// Where the next ones are, and how many of them, up to `most`. NULL: there are none.
gf_sq_aged_head *gf_sq_aged_next(gf_sq_txn *t, gf_sq_aged *a, size_t most, size_t *count);
// After some of these have gone.
void gf_sq_aged_again(gf_sq_txn *t, gf_sq_aged *a, gf_sq_aged_head *head);

// ---- groups (group.c, set.c) --------------------------------------------------------------------

void gf_sq_member_add(gf_sq_txn *t, int64_t qid, const char *group, int64_t seq, int64_t at_ms);
// Out of its group, which goes when it is empty. Not for one that is in a set.
void gf_sq_member_leave(gf_sq_txn *t, int64_t seq);
bool gf_sq_is_in_set(gf_sq_conn *c, const gf_sq_place *place);    // it is being made one with
                                                                  //   others
void gf_sq_group_drop_if_empty(gf_sq_txn *t, int64_t gid);
// Sets whose worker or time is over: how many of them are in gids. made: also
// those that were made one.
size_t gf_sq_sets_over(gf_sq_store *s, gf_sq_conn *c, bool made, int64_t *gids, size_t limit);
int64_t gf_sq_group_made(gf_sq_txn *t, int64_t qid, const char *name);    // its gid; made if new

// ---- who waits, watches and listens (wait.c, watch.c, event.c) -------------------------------

bool gf_sq_is_awaited(const gf_sq_page *page, int64_t mono_ms);
// A task was put: what was told of an earlier one of its id is for those alone who
// waited for that one.
void gf_sq_begun(gf_sq_txn *t, int64_t qid, const char *id);

// Notifies who waits for this task, after the commit.
void gf_sq_ended(gf_sq_txn *t, int64_t qid, const char *id, const gf_sq_end *end);
void gf_sq_watches_wake(gf_sq_page *page);     // wakes all watches
// The commands that a worker has not heard yet; they are the caller's, and not kept
// any more. (control.c)
gofer_status gf_sq_commands_take(gf_sq_store *s, const char *worker, gf_names *out);

// ---- members of the table -------------------------------------------------------------------

gofer_status gf_sq_put(gf_broker *b, gf_put *items, size_t count);                     // put.c
// exchange.c
gofer_status gf_sq_exchange(gf_broker *b, gf_finish *done, size_t done_count, gf_take *take);
// take.c: fills the take with up to `room` tasks, for this worker.
void gf_sq_take_all(gf_sq_txn *t, gf_take *take, size_t room, int64_t wid);
enum { GF_SQ_OWN_TOKEN = 1048575 };      // a task's own part of its token, see READY_TO_ACTIVE
gofer_status gf_sq_settle(gf_broker *b, uint64_t ticket, bool force);                  // ticket.c
// lease.c
gofer_status gf_sq_extend(gf_broker *b, gf_lease *leases, size_t count, int64_t lease_ms);
gofer_status gf_sq_progress(gf_broker *b, const gf_progress *items, size_t count);
// recover.c
gofer_status gf_sq_recover(gf_broker *b, size_t limit, int32_t crash_limit, gf_recovered *out);
// roster.c
gofer_status gf_sq_worker_register(gf_broker *b, const gf_worker_entry *entry, int64_t lease_ms);
gofer_status gf_sq_worker_deregister(gf_broker *b, const char *id);
gofer_status gf_sq_workers(gf_broker *b, const gf_page *page, gofer_info **out);
gofer_status gf_sq_watch_open(gf_broker *b, const char *worker, const gf_watch_callbacks *callbacks,
    gf_watch **out);
void         gf_sq_watch_close(gf_watch *w);
// upkeep.c
gofer_status gf_sq_forward(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms);
gofer_status gf_sq_purge(gf_broker *b, size_t limit, size_t *done);
gofer_status gf_sq_upkeep(gf_broker *b);
// about.c
gofer_status gf_sq_about(gf_broker *b, const char *queue, gofer_info **out);
// queues.c. ENOTFOUND, and says so:
gofer_status gf_sq_no_queue(const char *queue);
gofer_status gf_sq_queues(gf_broker *b, const char *queue, gofer_info **out);
gofer_status gf_sq_queues_page(gf_broker *b, const gf_queue_range *range, gofer_info **out);
// page.c
gofer_status gf_sq_tasks(gf_broker *b, const char *queue, gf_state state, const char *cursor,
    size_t limit, gofer_info **out);
// inspect_task.c
gofer_status gf_sq_task(gf_broker *b, const char *queue, const char *id, gofer_info **out);
// history.c
gofer_status gf_sq_history(gf_broker *b, const char *queue, int32_t days, gofer_info **out);
// counts.c
gofer_status gf_sq_counts(gf_broker *b, char *const *queues, size_t count, gf_counts *out);
gofer_status gf_sq_closed(gf_broker *b, char *const *queues, size_t count, bool *out);
gofer_status gf_sq_backlog(gf_broker *b, const char *const *queues, size_t count, int64_t *out);
gofer_status gf_sq_tasks_move(gf_broker *b, const char *queue, gf_state from, gf_state to,
    size_t limit, size_t *done);                                                   // act.c
// act_queue.c
gofer_status gf_sq_queue_pause(gf_broker *b, const char *queue, bool paused);
gofer_status gf_sq_queue_bound(gf_broker *b, const char *queue, int64_t max_length);
gofer_status gf_sq_queue_age(gf_broker *b, const char *queue, int64_t age_ms);
gofer_status gf_sq_queue_encrypt(gf_broker *b, const char *queue, bool required);
gofer_status gf_sq_queue_delete(gf_broker *b, const char *queue, bool force);
// Moves a row, with its id, its queue's counts, its lock and who waits for it. to: GF_PENDING,
// GF_ARCHIVED or GF_STATE_COUNT (deleted, with all it has). end: what those are told who
// wait, if it ends so.
void gf_sq_row_move(gf_sq_txn *t, gf_sq_queue *q, gf_state from, gf_state to, int64_t seq,
    gf_end end);
// To archived, because somebody asked.
void gf_sq_row_cancel(gf_sq_txn *t, gf_sq_queue *q, gf_state from, int64_t seq);
// The keys of the first rows of a queue in one state, but active.
size_t gf_sq_rows(gf_sq_txn *t, const gf_sq_queue *q, gf_state state, bool in_sets, int64_t *seqs,
    size_t limit);
// A queue that is being deleted (act_queue.c): one of those that there are, 0: none; is this one of
// them; and deletes up to so many of its tasks, with the queue itself if that were
// all. How many tasks.
int64_t gf_sq_first_doomed(gf_sq_conn *c);
bool    gf_sq_is_doomed(gf_sq_conn *c, int64_t qid);
size_t  gf_sq_doomed_step(gf_sq_txn *t, int64_t qid, int64_t *seqs, size_t limit);
// items.c
gofer_status gf_sq_export(gf_broker *b, const char *queue, const char *const *ids, size_t count,
    gf_item *items);
gofer_status gf_sq_import(gf_broker *b, const char *queue, gf_item *items, size_t count);
gofer_status gf_sq_drop(gf_broker *b, const char *queue, gf_item *items, size_t count);
// lock.c
gofer_status gf_sq_release(gf_broker *b, gf_claim *const *claims, size_t count);
// extra.c
gofer_status gf_sq_checkpoint(gf_broker *b, const gf_claim *claim, void **bytes, size_t *size);
// control.c
gofer_status gf_sq_control(gf_broker *b, const char *worker, const char *command);
gofer_status gf_sq_group_take(gf_broker *b, const char *worker, const char *queue,
    const gf_group_rule *rule,
    // set.c
    gf_group_set **out);
gofer_status gf_sq_group_put(gf_broker *b, const gf_group_set *set, const gf_message *combined,
    int64_t run_at_ms);
gofer_status gf_sq_group_back(gf_broker *b, const gf_group_set *set);
gofer_status gf_sq_group_archive(gf_broker *b, const gf_group_set *set, const char *error);
gofer_status gf_sq_group_reclaim(gf_broker *b, size_t limit, size_t *done);
// group.c
gofer_status gf_sq_groups(gf_broker *b, const char *queue, const gf_page *page, gofer_info **out);
// entry.c
gofer_status gf_sq_entry_put(gf_broker *b, const char *name, const char *record, bool only_new);
gofer_status gf_sq_entry_swap(gf_broker *b, const char *name, const char *was, const char *record);
gofer_status gf_sq_entry_drop(gf_broker *b, const char *name);
gofer_status gf_sq_entries(gf_broker *b, int64_t known, gf_entries *out);
// tick.c
gofer_status gf_sq_tick(gf_broker *b, gf_tick *items, size_t count);
gofer_status gf_sq_tick_states(gf_broker *b, gf_tick_state *items, size_t count);
gofer_status gf_sq_tick_history(gf_broker *b, const char *entry, size_t limit, gofer_info **out);
// event.c
gf_events_want gf_sq_events_wanted(gf_broker *b);
gofer_status gf_sq_events_publish(gf_broker *b, const char *const *records, size_t count);
gofer_status gf_sq_listener_open(gf_broker *b, bool sums, gf_listener **out);
gofer_status gf_sq_listener_next(gf_listener *l, int64_t timeout_ms, char **record,
    int64_t *dropped);
void         gf_sq_listener_close(gf_listener *l);
// wait.c
void         gf_sq_interrupt(gf_broker *b);
// wait.c
gofer_status gf_sq_waits_open(gf_broker *b, gf_waits **out);
void         gf_sq_waits_close(gf_waits *w);
void         gf_sq_waits_add(gf_waits *w, gf_awaited *const *items, size_t count,
    bool only_look);
void         gf_sq_waits_remove(gf_waits *w, gf_awaited *const *items, size_t count);
gofer_status gf_sq_waits_next(gf_waits *w, int64_t timeout_ms, gf_awaited **told);
void         gf_sq_waits_wake(gf_waits *w);
gofer_status gf_sq_stats_add(gf_broker *b, const gf_type_stats *items, size_t count);    // stats.c
gofer_status gf_sq_stats(
    gf_broker *b, const char *queue, int64_t since_ms, gf_type_stats **out, size_t *count);
gofer_status gf_sq_stats_steps(gf_broker *b, const gf_stats_steps *which, gf_type_stats *sums);
// find.c
gofer_status gf_sq_names(gf_broker *b, gf_names *out);
gofer_status gf_sq_filled(gf_broker *b, char *const *queues, size_t count, bool *out);
gofer_status gf_sq_locate(gf_broker *b, const char *id, gf_names *out);
gofer_status gf_sq_tasks_act(gf_broker *b, const char *queue, gf_act act, const char *const *ids,
    size_t count,
    // act.c
    gofer_status *statuses);
gofer_status gf_sq_task_edit(gf_broker *b, const char *queue, const char *id, const void *payload,
    size_t size,
    // edit.c
    int64_t run_at_ms);
// A waiting or kept task's.
void gf_sq_payload_set(gf_sq_txn *t, const gf_sq_place *place, const void *bytes, size_t size);
// rewrite.c
gofer_status gf_sq_task_rewrite(gf_broker *b, const char *queue, const char *id,
    const gf_rewrite *r);
// audit.c
gofer_status gf_sq_audit_add(gf_broker *b, const char *record, int64_t keep);
// flow/
gofer_status gf_sq_flow_start(gf_broker *b, const gf_flow_plan *plan);
gofer_status gf_sq_flow_relay(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms);
bool         gf_sq_flow_rung(gf_broker *b);
gofer_status gf_sq_flow_show(gf_broker *b, const char *id, bool steps, gofer_info **out);
gofer_status gf_sq_flow_list(gf_broker *b, gf_flow_state state, const char *cursor, size_t limit,
    gofer_info **out);
gofer_status gf_sq_flow_act(gf_broker *b, const char *id, const char *step, gf_flow_act act);
gofer_status gf_sq_flow_result(gf_broker *b, const char *id, const char *step, uint32_t *n,
    void **bytes, size_t *size);
// limits.c
gofer_status gf_sq_limit_put(gf_broker *b, const gf_limit *limit);
gofer_status gf_sq_limit_drop(gf_broker *b, const char *name);
gofer_status gf_sq_limits(gf_broker *b, const char *after, size_t limit, gofer_info **out);
gofer_status gf_sq_limit_keys(gf_broker *b, const char *after_key, const char *after_queue,
    bool waiting, size_t limit, gofer_info **out);
gofer_status gf_sq_limit_key(gf_broker *b, const char *key, gofer_info **out);
gofer_status gf_sq_limit_pause(gf_broker *b, const char *key, int64_t until_ms);
gofer_status gf_sq_type_pause(gf_broker *b, const char *type, bool paused);
gofer_status gf_sq_hours_put(gf_broker *b, const char *name, const char *spec);
gofer_status gf_sq_hours_list(gf_broker *b, gofer_info **out);
gofer_status gf_sq_types(gf_broker *b, gofer_info **out);
gofer_status gf_sq_breaker_put(gf_broker *b, const char *type, const gf_breaker_rule *rule);
gofer_status gf_sq_breaker_drop(gf_broker *b, const char *type);
gofer_status gf_sq_breaker_close(gf_broker *b, const char *type);
gofer_status gf_sq_breakers(gf_broker *b, gofer_info **out);
gofer_status gf_sq_limit_share(gf_broker *b, int64_t *wait_ms);
bool         gf_sq_limit_rung(gf_broker *b);
// audit.c
gofer_status gf_sq_audit_page(gf_broker *b, int64_t before, size_t limit, gf_names *lines);
// check.c
gofer_status gf_sq_check_store(gf_broker *b, bool repair, gf_report_finding report, void *arg);

#endif
