// check.c - `gofer doctor` on SQLite: the file as SQLite sees it, the tables against
// each other, the disk.
//
// What compares tables is a table of statements: find gives an example for each defect, mend
// repairs up to a step's worth and is repeated until it changes nothing. Finding reads one moment,
// so running work is no defect.
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "broker/sqlite/store.h"
#include "broker/findings.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    WAL_LARGE = 64 << 20,
    STEPS = 100000,                      // of one mend, at the most
    LEASE_LATE_MS = 60000,
    CRASH_LIMIT = 3,                     // as a worker's default
    DEFECTS_SHOWN = 20                   // of SQLite's own
};

// ---- tables against each other -----------------------------------------------------------------

#define RANGE(column) column " >= q.qid << 40 AND " column " < (q.qid + 1) << 40"
#define ROWS \
    "(SELECT seq, id FROM ready UNION ALL SELECT seq, id FROM active " \
    "UNION ALL SELECT seq, id FROM later)"
#define NO_ROW \
    "NOT EXISTS(SELECT 1 FROM ready r WHERE r.seq = i.seq) " \
    "AND NOT EXISTS(SELECT 1 FROM active a WHERE a.seq = i.seq) " \
    "AND NOT EXISTS(SELECT 1 FROM later l WHERE l.seq = i.seq)"
#define NO_ID \
    "NOT EXISTS(SELECT 1 FROM ids i WHERE i.qid = t.seq >> 40 AND i.id = t.id AND i.seq = t.seq)"
#define IN_READY "(SELECT count(*) FROM ready WHERE " RANGE("seq") ")"
#define IN_ACTIVE "(SELECT count(*) FROM active WHERE " RANGE("seq") ")"
#define IN_LATER(state) "(SELECT count(*) FROM later WHERE qid = q.qid AND state = " state ")"
#define MISCOUNTED \
    "q.pending <> " IN_READY " OR q.active <> " IN_ACTIVE \
    " OR q.scheduled <> " IN_LATER("2") " OR q.retry <> " IN_LATER("3") \
    " OR q.completed <> " IN_LATER("4") " OR q.archived <> " IN_LATER("5") \
    " OR q.aggregating <> " IN_LATER("6")
// Numbers of lanes (lane.c) are not given by the tail.
#define PLAIN(column) column " >= q.qid << 40 AND " column " < (q.qid << 40) + (1 << 39)"
#define LAST "max(coalesce((SELECT max(seq) FROM ready WHERE " PLAIN("seq") "), 0), " \
             "coalesce((SELECT max(seq) FROM active WHERE " PLAIN("seq") "), 0), " \
             "coalesce((SELECT max(seq) FROM later WHERE " PLAIN("seq") "), 0)) & 549755813887"
#define UNRANKED \
    "q.ranked = 0 AND EXISTS(SELECT 1 FROM ready WHERE seq >= (q.qid << 40) + (1 << 39) " \
    "AND seq < (q.qid + 1) << 40)"
// Rows behind all lanes wait for a limit's key, which `held` names (limit/admit.c).
#define BEHIND "(seq & 1099511627775) >= 549755813888 + (201 << 31)"
#define FAIR "(seq & 1099511627775) >= 549755813888 + (228 << 31)"
#define UNHELD "seq IN (SELECT seq FROM ready r WHERE " BEHIND " AND NOT " FAIR \
               " AND NOT EXISTS(SELECT 1 FROM held h WHERE h.seq = r.seq))"
#define HELD_BY_NOBODY \
    "NOT EXISTS(SELECT 1 FROM ready r WHERE r.seq = held.seq) OR lid NOT IN (SELECT lid FROM " \
    "limit_key)"
// The last of these are tenants' whose turn it is not yet (limit/fair.c).
#define NO_TURN "seq IN (SELECT seq FROM ready r WHERE " FAIR \
                " AND NOT EXISTS(SELECT 1 FROM fair f WHERE f.seq = r.seq))"
#define TURN_OF_NOBODY \
    "NOT EXISTS(SELECT 1 FROM ready r WHERE r.seq = fair.seq) OR qid <> seq >> 40"
#define UNFAIR "q.fair = 0 AND EXISTS(SELECT 1 FROM fair f WHERE f.qid = q.qid)"
// Their own places are not known any more: the end of the line.
#define LOST_KEY "(SELECT lid FROM limit_key WHERE key = '{lost}' AND qid = 0)"
#define NEW_PLACE \
    "((seq >> 40) << 40) + (SELECT tail FROM queue WHERE qid = seq >> 40) + " \
    "row_number() OVER (PARTITION BY seq >> 40 ORDER BY seq)"
#define LAST_PLACE \
    "coalesce((SELECT max(place) & 549755813887 FROM held WHERE " PLAIN("place") "), 0)"
#define NO_CLAIM \
    "NOT EXISTS(SELECT 1 FROM active a WHERE a.seq = holds.seq AND a.token = holds.token)"
#define BLOBS \
    "(SELECT bid FROM ready UNION ALL SELECT bid FROM active UNION ALL SELECT bid FROM later " \
    "UNION ALL SELECT rbid FROM later UNION ALL SELECT cbid FROM extra)"
#define XIDS \
    "(SELECT xid FROM ready WHERE xid <> 0 UNION ALL SELECT xid FROM active WHERE xid <> 0 " \
    "UNION ALL SELECT xid FROM later WHERE xid <> 0)"
#define NO_EXTRA "xid > 0 AND xid NOT IN (SELECT xid FROM extra)"
#define ORPHANS "(SELECT xid FROM extra WHERE xid NOT IN " XIDS " ORDER BY xid LIMIT 1000)"
// A lock that ends with its task, and has none.
#define LEFT \
    "life < 2 AND NOT EXISTS(SELECT 1 FROM ids i WHERE i.qid = lock.qid AND i.id = lock.id)"
#define IN_NO_GROUP \
    "NOT EXISTS(SELECT 1 FROM member m JOIN task_group g ON g.gid = m.gid WHERE m.seq = later.seq)"
#define NOT_GROUPED "NOT EXISTS(SELECT 1 FROM later l WHERE l.seq = member.seq AND l.state = 6)"
#define NO_MEMBERS "made = 0 AND NOT EXISTS(SELECT 1 FROM member m WHERE m.gid = task_group.gid)"

typedef struct defect {
    gf_kind     kind;
    // A row for each: an example, and the number of its queue if it has one.
    const char *find;
    const char *mend;                    // NULL: nothing that is safe
} defect;

static const defect defects[] = {
    { { "id-left", GF_WARNING,
          "ids are taken by tasks that are gone: enqueuing with such an id fails",
          "--repair frees the ids" },
        "SELECT i.id, i.qid FROM ids i WHERE " NO_ROW,
        "DELETE FROM ids WHERE (qid, id) IN (SELECT i.qid, i.id FROM ids i WHERE " NO_ROW
        " LIMIT 1000)" },
    { { "row-unlisted", GF_ERROR,
          "tasks are not in the list of ids: they run, but nothing finds them by id",
          "--repair adds them to the list" },
        "SELECT t.id, t.seq >> 40 FROM " ROWS " t WHERE " NO_ID,
        "INSERT INTO ids(qid, id, seq) SELECT t.seq >> 40, t.id, t.seq FROM " ROWS " t WHERE " NO_ID
        " AND NOT EXISTS(SELECT 1 FROM ids j WHERE j.qid = t.seq >> 40 AND j.id = t.id) LIMIT 1000"
        " ON CONFLICT DO NOTHING" },
    { { "counts", GF_ERROR,
          "the counts of queues are not those of their tasks: figures are wrong, and --drain may "
          "never end",
          "--repair counts again" },
        "SELECT q.name, q.qid FROM queue q WHERE " MISCOUNTED,
        "UPDATE queue AS q SET pending = " IN_READY ", active = " IN_ACTIVE
        ", scheduled = " IN_LATER("2") ", retry = " IN_LATER("3") ", completed = " IN_LATER("4")
        ", archived = " IN_LATER("5") ", aggregating = " IN_LATER("6")
        " WHERE " MISCOUNTED },
    { { "tail", GF_ERROR, "queues would give new tasks numbers that are taken: enqueuing fails",
          "--repair moves the end on" },
        "SELECT q.name, q.qid FROM queue q WHERE q.tail < " LAST " OR q.tail > 549755813886",
        "UPDATE queue AS q SET tail = " LAST " WHERE q.tail < " LAST " OR q.tail > 549755813886" },
    { { "lane-unknown", GF_ERROR,
          "queues have tasks with a priority and do not know of it: these are taken last",
          "--repair tells the queues" },
        "SELECT q.name, q.qid FROM queue q WHERE " UNRANKED,
        "UPDATE queue AS q SET ranked = 1 WHERE " UNRANKED },
    { { "waiter-left", GF_WARNING, "tasks that are gone still wait for the keys of limits",
          "--repair strikes them off" },
        "SELECT seq, place >> 40 FROM held WHERE " HELD_BY_NOBODY,
        "DELETE FROM held WHERE seq IN (SELECT seq FROM held WHERE " HELD_BY_NOBODY
        " LIMIT 1000)" },
    { { "waiter-lost", GF_ERROR,
          "tasks wait for a limit's key, and nobody knows which: they never run",
          "--repair puts them at the end of their queues" },
        "SELECT id, seq >> 40 FROM ready WHERE " UNHELD,
        "INSERT INTO limit_key(key, qid, wake_ms) SELECT '{lost}', 0, 1 WHERE EXISTS(SELECT 1 FROM "
        "ready WHERE " UNHELD ") ON CONFLICT(key, qid) DO UPDATE SET wake_ms = 1; "
        "UPDATE queue SET limited = 1, ranked = 1 WHERE limited = 0 AND qid IN (SELECT seq >> 40 "
        "FROM ready WHERE " UNHELD "); "
        "INSERT INTO held(lid, lane, since_ms, place, seq) SELECT " LOST_KEY
        ", 100, since_ms, " NEW_PLACE ", seq FROM ready WHERE " UNHELD "; "
        "UPDATE queue AS q SET tail = " LAST_PLACE " WHERE tail < " LAST_PLACE },
    { { "turn-left", GF_WARNING, "tasks that are gone still have their tenant's turn",
          "--repair strikes them off" },
        "SELECT seq, qid FROM fair WHERE " TURN_OF_NOBODY,
        "DELETE FROM fair WHERE seq IN (SELECT seq FROM fair WHERE " TURN_OF_NOBODY ")" },
    { { "turn-lost", GF_ERROR, "tenants' tasks have no turn: they never run",
          "--repair lets them be next of their queues' tenants" },
        "SELECT id, seq >> 40 FROM ready WHERE " NO_TURN,
        "UPDATE queue SET fair = 1, ranked = 1 WHERE fair = 0 AND qid IN (SELECT seq >> 40 "
        "FROM ready WHERE " NO_TURN "); "
        "INSERT INTO fair(qid, lane, tag, seq) SELECT seq >> 40, 100, 0, seq FROM ready WHERE "
        NO_TURN },
    { { "turns-unknown", GF_ERROR, "queues have tenants and do not know of it: these never run",
          "--repair tells the queues" },
        "SELECT q.name, q.qid FROM queue q WHERE " UNFAIR,
        "UPDATE queue AS q SET fair = 1, ranked = 1 WHERE " UNFAIR },
    { { "hold-left", GF_NOTE, "claims that have ended are still noted for limits",
          "they count no more: --repair strikes them off" },
        "SELECT seq, seq >> 40 FROM holds WHERE " NO_CLAIM,
        "DELETE FROM holds WHERE " NO_CLAIM },
    { { "queue-number", GF_ERROR,
          "queues have numbers that no task can have: gofer neither lists nor serves them",
          "save the file and ask for help: this is not made by gofer" },
        "SELECT name, qid FROM queue WHERE qid NOT BETWEEN 1 AND 8388606", NULL },
    { { "queue-gone", GF_ERROR, "tasks belong to queues that do not exist: they never run",
          "save the file and ask for help: this is not made by gofer" },
        "SELECT t.id FROM " ROWS " t WHERE t.seq >> 40 NOT IN (SELECT qid FROM queue)", NULL },
    { { "state", GF_ERROR, "tasks have a state that does not exist: they never run",
          "save the file and ask for help: this is not made by gofer" },
        "SELECT id, seq >> 40 FROM later WHERE state NOT IN (2, 3, 4, 5, 6) OR qid <> seq >> 40",
        NULL },
    { { "blob-gone", GF_ERROR,
          "payloads or results of tasks are missing: such a task fails as damaged when it is taken",
          "restore the file from a backup, or delete these tasks" },
        "SELECT id, seq >> 40 FROM ready WHERE bid <> 0 AND bid NOT IN (SELECT bid FROM blob) "
        "UNION ALL "
        "SELECT id, seq >> 40 FROM active WHERE bid <> 0 AND bid NOT IN (SELECT bid FROM blob) "
        "UNION ALL "
        "SELECT id, seq >> 40 FROM later WHERE (bid <> 0 AND bid NOT IN (SELECT bid FROM blob)) "
        "OR (rbid <> 0 AND rbid NOT IN (SELECT bid FROM blob))", NULL },
    { { "extra-gone", GF_WARNING, "histories, logs and checkpoints of tasks are missing",
          "--repair lets the tasks go without" },
        "SELECT id, seq >> 40 FROM ready WHERE " NO_EXTRA
        " UNION ALL SELECT id, seq >> 40 FROM active WHERE " NO_EXTRA
        " UNION ALL SELECT id, seq >> 40 FROM later WHERE " NO_EXTRA,
        "UPDATE ready SET xid = 0 WHERE " NO_EXTRA "; UPDATE active SET xid = 0 WHERE " NO_EXTRA
        "; UPDATE later SET xid = 0 WHERE " NO_EXTRA },
    { { "extra-orphan", GF_NOTE,
          "histories, logs and checkpoints of tasks that are gone are stored; they only take room",
          "--repair deletes them" },
        "SELECT xid FROM extra WHERE xid NOT IN " XIDS,
        "DELETE FROM blob WHERE bid IN (SELECT cbid FROM extra WHERE cbid <> 0 AND xid IN " ORPHANS
        "); DELETE FROM extra WHERE xid IN " ORPHANS },
    { { "checkpoint-gone", GF_WARNING,
          "checkpoints of tasks are missing: such a task begins anew", "--repair forgets them" },
        "SELECT xid FROM extra WHERE cbid <> 0 AND cbid NOT IN (SELECT bid FROM blob)",
        "UPDATE extra SET cbid = 0, csize = 0 "
        "WHERE cbid <> 0 AND cbid NOT IN (SELECT bid FROM blob)" },
    { { "lock-left", GF_WARNING,
          "unique locks are held by tasks that are gone: their like are refused until the locks' "
          "time is over",
          "--repair frees them" },
        "SELECT id, qid FROM lock WHERE " LEFT,
        "DELETE FROM lock WHERE (qid, key) IN (SELECT qid, key FROM lock WHERE " LEFT
        " LIMIT 1000)" },
    { { "group-lost", GF_ERROR, "aggregating tasks are in no group: they are never made one",
          "run, archive or delete them by their ids" },
        "SELECT id, qid FROM later WHERE state = 6 AND " IN_NO_GROUP, NULL },
    { { "member-left", GF_NOTE, "groups list tasks that are gone", "--repair strikes them off" },
        "SELECT seq, seq >> 40 FROM member WHERE " NOT_GROUPED,
        "DELETE FROM member WHERE seq IN (SELECT seq FROM member WHERE " NOT_GROUPED
        " LIMIT 1000)" },
    { { "group-empty", GF_NOTE, "groups, or sets taken out of them, have no tasks",
          "--repair deletes them" },
        "SELECT name, qid FROM task_group WHERE " NO_MEMBERS,
        "DELETE FROM task_group WHERE gid IN (SELECT gid FROM task_group WHERE " NO_MEMBERS
        " LIMIT 1000)" },
    { { "blob-orphan", GF_NOTE, "payloads are stored that no task refers to; they only take room",
          "nothing to do: they are kept, for somebody may want to look at them" },
        "SELECT bid FROM blob WHERE bid NOT IN " BLOBS, NULL },
};

// Here find gives names, of which those are meant that do not fit (gf_name_fits).
static const defect misnamed[] = {
    { { "queue-name", GF_WARNING,
          "queues have names that are empty, of over 255 bytes or not UTF-8; gofer neither lists "
          "nor serves them",
          "no gofer made them: rename or delete them with the program that did" },
        "SELECT name FROM queue", NULL },
    { { "name", GF_WARNING,
          "tasks have ids, or groups names, that are empty, of over 255 bytes or not UTF-8; they "
          "are shown, but not found by that name",
          "no gofer made them: delete them with 'gofer task rm --all', or with the program that "
          "did" },
        "SELECT id, qid FROM ids UNION ALL SELECT name, qid FROM task_group WHERE set_id IS NULL",
        NULL },
};

// What was found of one kind, and where.
typedef struct findings {
    gf_found found;
    int64_t  qid;                        // of all so far; 0: none yet, -1: of several or of none
    char     queue[GF_NAME_MAX + 1];     // its name; "": there is not one alone, or it has none
} findings;

typedef struct checking {
    gf_sq_store *store;
    gf_sq_conn   own;                    // of a large file this takes long, which would hold up who
                                         //   else looks
    gf_visit     visit;
    const defect *defect;
    bool         names;                  // it is one of `misnamed`
    findings     met;
    int64_t      changed;
} checking;

// Column 0 is the example. qid: 0, it is of no queue.
static void note(findings *met, sqlite3_stmt *s, int64_t qid)
{
    const char *example = (const char *)sqlite3_column_text(s, 0);
    gf_found_note(&met->found, example, example ? (size_t)sqlite3_column_bytes(s, 0) : 0);
    met->qid = qid && (met->qid == 0 || met->qid == qid) ? qid : -1;
}

static void name_queue(findings *met, gf_sq_conn *c)
{
    if (met->qid <= 0)
        return;
    sqlite3_stmt *s = NULL;
    static const char sql[] = "SELECT name FROM queue WHERE qid = ?1";
    gf_sq_conn_note(c, sqlite3_prepare_v2(c->db, sql, -1, &s, NULL));
    gf_sq_bind_int(c, s, 1, met->qid);
    const char *name = gf_sq_row(c, s) ? gf_sq_name(s, 0) : NULL;
    snprintf(met->queue, sizeof met->queue, "%s", name ? name : "");
    sqlite3_finalize(s);
}

static void report_met(const checking *k, const gf_kind *kind, findings *met)
{
    gf_found_report(&k->visit, kind, &met->found, 1, *met->queue ? met->queue : NULL);
}

static gofer_status find_defect(gf_sq_conn *c, void *arg)
{
    checking *k = arg;
    sqlite3_stmt *s = NULL;
    k->met = (findings){ 0 };
    gf_sq_conn_note(c, sqlite3_prepare_v2(c->db, k->defect->find, -1, &s, NULL));
    while (gf_sq_row(c, s))
        if (!k->names || !gf_sq_name(s, 0))
            note(&k->met, s, sqlite3_column_count(s) > 1 ? sqlite3_column_int64(s, 1) : 0);
    sqlite3_finalize(s);
    name_queue(&k->met, c);
    return GOFER_OK;
}

static gofer_status mend_step(gf_sq_txn *t, void *arg)
{
    checking *k = arg;
    int64_t before = sqlite3_total_changes64(t->conn->db);
    gf_sq_conn_exec(t->conn, k->defect->mend);       // perhaps of several statements
    k->changed = sqlite3_total_changes64(t->conn->db) - before;
    // They were flushed before; what they know of queues is not so any more.
    gf_sq_counts_forget(t->counts);
    return GOFER_OK;
}

static gofer_status mend_defect(checking *k)
{
    gofer_status st = GOFER_OK;
    k->changed = 1;
    for (int i = 0; i < STEPS && st == GOFER_OK && k->changed > 0; i++) {
        gf_sq_op op = {
            .run = mend_step, .arg = k, .flags = GF_SQ_DURABLE | GF_SQ_READS_COUNTS, .tasks = 1000
        };
        st = gf_sq_write(k->store, &op);
        if (st == GOFER_OK)
            st = gf_visit_step(&k->visit);
    }
    return st;
}

static gofer_status check_defect(checking *k)
{
    gofer_status st = gf_visit_step(&k->visit);
    if (st == GOFER_OK)
        st = gf_sq_read_apart(k->store, &k->own, find_defect, k);
    if (st != GOFER_OK || k->met.found.count == 0)
        return st;
    findings before = k->met;
    if (k->visit.repair && k->defect->mend) {
        st = mend_defect(k);
        if (st == GOFER_OK)
            st = gf_sq_read_apart(k->store, &k->own, find_defect, k);
        int64_t left = k->met.found.count;
        before.found.repaired = before.found.count > left ? before.found.count - left : 0;
    }
    report_met(k, &k->defect->kind, &before);
    return st;
}

// ---- leases -------------------------------------------------------------------------------------

// A worker's death is seen within two seconds by any other; who has none sees it here.
static gofer_status find_expired(gf_sq_conn *c, void *arg)
{
    checking *k = arg;
    int64_t mono_ms = gf_mono_ms();
    k->met = (findings){ 0 };
    sqlite3_stmt *s = NULL;
    gf_sq_conn_note(c, sqlite3_prepare_v2(c->db,
        "SELECT a.id, a.lease_until, a.wid, w.wid, w.lease_until, a.seq >> 40 FROM active a "
        "LEFT JOIN worker w ON w.wid = a.wid", -1, &s, NULL));
    while (gf_sq_row(c, s)) {
        int64_t until_ms = sqlite3_column_int64(s, 1);
        bool gone = sqlite3_column_type(s, 3) == SQLITE_NULL ||
            gf_sq_worker_dead(k->store, sqlite3_column_int64(s, 2), sqlite3_column_int64(s, 4),
                mono_ms);
        if (!gone && until_ms >= mono_ms - LEASE_LATE_MS &&
            until_ms <= mono_ms + GF_SQ_LEASE_HORIZON_MS)
            continue;
        note(&k->met, s, sqlite3_column_int64(s, 5));
    }
    sqlite3_finalize(s);
    name_queue(&k->met, c);
    return GOFER_OK;
}

static gofer_status check_leases(checking *k)
{
    static const gf_kind kind = { "lease-over", GF_WARNING,
        "active tasks have lost their worker and nobody recovers them",
        "start a worker, or use --repair" };
    gofer_status st = gf_sq_read_apart(k->store, &k->own, find_expired, k);
    if (st != GOFER_OK || k->met.found.count == 0)
        return st;
    findings before = k->met;
    gf_recovered step = { .requeued = 1, .archived = 0 };
    for (int i = 0;
         i < STEPS && k->visit.repair && st == GOFER_OK && step.requeued + step.archived > 0; i++) {
        step = (gf_recovered){ 0 };
        st = gf_sq_recover(&k->store->base, 500, CRASH_LIMIT, &step);
        before.found.repaired += (int64_t)(step.requeued + step.archived);
    }
    if (before.found.repaired > before.found.count)
        before.found.repaired = before.found.count;
    report_met(k, &kind, &before);
    return st;
}

// Tasks that somebody has taken out of their groups and will not put back.
static gofer_status find_sets(gf_sq_conn *c, void *arg)
{
    checking *k = arg;
    int64_t gids[64];
    char sql[80];
    int64_t count = (int64_t)gf_sq_sets_over(k->store, c, false, gids, sizeof gids / sizeof *gids);
    k->met = (findings){ .found.count = count };
    for (int64_t i = 0; i < count && c->rc == SQLITE_OK; i++) {
        sqlite3_snprintf(sizeof sql, sql, "SELECT qid FROM task_group WHERE gid = %lld",
            (long long)gids[i]);
        int64_t qid = gf_sq_conn_number(c, sql);
        k->met.qid = i == 0 || k->met.qid == qid ? qid : -1;
    }
    name_queue(&k->met, c);
    return GOFER_OK;
}

static gofer_status check_sets(checking *k)
{
    static const gf_kind kind = { "set-over", GF_WARNING,
        "tasks were taken out of their groups by workers that are gone, and nobody puts them back",
        "start a worker, or use --repair" };
    size_t done = 0;
    gofer_status st = gf_sq_read_apart(k->store, &k->own, find_sets, k);
    if (st != GOFER_OK || k->met.found.count == 0)
        return st;
    findings before = k->met;
    if (k->visit.repair)
        st = gf_sq_group_reclaim(&k->store->base, (size_t)before.found.count, &done);
    before.found.repaired = (int64_t)done;
    report_met(k, &kind, &before);
    return st;
}

// ---- the file -----------------------------------------------------------------------------------

static gofer_status check_whole(gf_sq_conn *c, void *arg)
{
    checking *k = arg;
    sqlite3_stmt *s = NULL;
    int shown = 0;
    gf_sq_conn_note(c, sqlite3_prepare_v2(c->db, "PRAGMA integrity_check(20)", -1, &s, NULL));
    while (gf_sq_row(c, s) && shown++ < DEFECTS_SHOWN) {
        const char *said = (const char *)sqlite3_column_text(s, 0);
        if (said && strcmp(said, "ok") != 0)
            gf_visit_report(&k->visit, GF_ERROR, "damaged",
                "stop all workers, keep a copy, and restore a backup or use "
                "'sqlite3 FILE .recover'",
                "the file is damaged: %.300s", said);
    }
    sqlite3_finalize(s);
    return GOFER_OK;
}

static void check_mode(checking *k, const char *path)
{
    struct stat file;
    if (stat(path, &file) != 0)
        return;
    if (file.st_mode & 07)
        gf_visit_report(&k->visit, GF_WARNING, "permissions", "chmod o-rwx, unless that is meant",
            "everybody on this host may %s '%s' (mode %03o)", file.st_mode & 02 ? "change" : "read",
            path, (unsigned)file.st_mode & 0777);
}

static gofer_status renew(gf_sq_txn *t, void *arg)
{
    checking *k = arg;
    k->changed = gf_sq_space_renew(&t->store->space) == GOFER_OK;
    return GOFER_OK;
}

static gofer_status check_room(checking *k)
{
    struct statvfs fs;
    const gf_sq_space *sp = &k->store->space;
    gf_finding f = { GF_WARNING, "reserve-short", NULL,
        "some of the space kept for a full disk was given up: new tasks are refused until it is "
        "whole",
        "make room on the disk; --repair makes it whole if there is", NULL, 1, 0 };
    if (gf_sq_space_short(sp)) {
        gf_sq_op op = { .run = renew, .arg = k, .tasks = 1 };
        gofer_status st = k->visit.repair ? gf_sq_write(k->store, &op) : GOFER_OK;
        if (st != GOFER_OK)
            return st;
        f.repaired = k->visit.repair && k->changed && !gf_sq_space_short(sp);
        k->visit.report(k->visit.arg, &f);
    }
    if (gf_sq_space_usable(sp) != GOFER_OK)
        gf_visit_report(&k->visit, GF_ERROR, "reserve-refused",
            "remove what is there, or give it to the user of the database", "%s",
            gofer_error_last());
    if (statvfs(k->store->path, &fs) != 0)
        return GOFER_OK;
    int64_t left = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    if (left < 4 * sp->reserve_size)
        gf_visit_report(&k->visit, GF_WARNING, "disk-full",
            "make room; 'gofer task rm' and shorter retentions help",
            "the disk of '%s' has %lld KiB left: new tasks are or will be refused", k->store->path,
            (long long)left / 1024);
    return GOFER_OK;
}

// A commit that changes nothing: the checkpoint after it moves the log into the file, and the next
// one like it begins the log anew, which cuts it to its limit.
static gofer_status touch(gf_sq_txn *t, void *arg)
{
    char sql[48];
    (void)arg;
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA user_version = %d",
        (int)gf_sq_conn_number(t->conn, "PRAGMA user_version"));
    gf_sq_conn_exec(t->conn, sql);       // written, though it is the same
    return GOFER_OK;
}

static int64_t wal_size(const checking *k)
{
    char path[4200];
    struct stat file;
    int size = snprintf(path, sizeof path, "%s-wal", k->store->path);
    return size > 0 && (size_t)size < sizeof path && stat(path, &file) == 0 ? (int64_t)file.st_size
                                                                            : 0;
}

static gofer_status check_wal(checking *k)
{
    gf_finding f = { GF_WARNING, "wal-large", NULL,
        "the write-ahead log is large: something has kept the file open for reading for long, or "
        "its checkpoints fail",
        "look for programs that read the file (sqlite3, a backup); --repair tries a "
        "checkpoint", NULL, 1, 0 };
    int64_t usual = k->store->space.wal_pages * k->store->space.page_size * 8,
            limit = WAL_LARGE > usual ? WAL_LARGE : usual;
    if (wal_size(k) <= limit)
        return GOFER_OK;
    for (int i = 0; i < 2 && k->visit.repair; i++) {
        gf_sq_op op = { .run = touch, .arg = k, .flags = GF_SQ_DURABLE | GF_SQ_TIDIES, .tasks = 1 };
        gofer_status st = gf_sq_write(k->store, &op);
        if (st != GOFER_OK)
            return st;
    }
    f.repaired = k->visit.repair && wal_size(k) <= limit;
    k->visit.report(k->visit.arg, &f);
    return GOFER_OK;
}

static gofer_status check_file(checking *k)
{
    int version = sqlite3_libversion_number();
    if (!k->store->path)
        return GOFER_OK;
    if (version < 3051003 && version != 3050007 && version != 3044006)
        gf_visit_report(&k->visit, GF_NOTE, "sqlite-wal-race",
            "let only gofer write to the file while gofer runs, or use "
            "SQLite 3.51.3",
            "SQLite %s may damage the file when another program checkpoints it at the same time; "
            "gofer's own "
            "processes take turns",
            sqlite3_libversion());
    check_mode(k, k->store->path);
    check_mode(k, k->store->sidecar.path);
    gofer_status st = check_room(k);
    return st == GOFER_OK ? check_wal(k) : st;
}

static gofer_status check_all(checking *k)
{
    gofer_status st = check_file(k);
    if (st == GOFER_OK)
        st = gf_sq_read_apart(k->store, &k->own, check_whole, k);
    for (size_t i = 0; i < sizeof defects / sizeof *defects && st == GOFER_OK; i++) {
        k->defect = &defects[i];
        st = check_defect(k);
    }
    k->names = true;
    for (size_t i = 0; i < sizeof misnamed / sizeof *misnamed && st == GOFER_OK; i++) {
        k->defect = &misnamed[i];
        st = check_defect(k);
    }
    if (st == GOFER_OK)
        st = check_leases(k);
    return st == GOFER_OK ? check_sets(k) : st;
}

gofer_status gf_sq_check_store(gf_broker *b, bool repair, gf_report_finding report, void *arg)
{
    checking k = { .store = (gf_sq_store *)b, .visit = { report, arg, repair } };
    gofer_status st = gf_sq_check(k.store);
    if (st == GOFER_OK)
        st = check_all(&k);
    if (k.own.db)
        gf_sq_conn_close(&k.own);
    return st;
}
