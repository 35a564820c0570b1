// row.c - a task's row: found by id, bound, read, copied into a claim, shown.
//
// The one place that knows the columns of a task's body, which are the same in all three tables.
// Pointers into a row are the statement's and good until it steps; a claim and a snapshot own
// copies. Takes a connection, whoever's it is; no locks.
#include <stddef.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

// Where each column of GF_SQ_BODY is, from the first.
enum {
    BID, SIZE, ENQUEUED, TIMEOUT, DEADLINE, RETENTION, MAX_RETRY, XID, FAILED, RETRIED, CRASHES,
    ID, TYPE, HEADERS, PAYLOAD, ERROR_TEXT
};

_Static_assert(ERROR_TEXT + 1 == GF_SQ_BODY_COUNT, "the body's columns");

enum { SUSPECT_SHIFT = 32, PROVEN_SHIFT = 48 };
enum { ALIGNMENT = _Alignof(max_align_t) };    // of a claim's parts

gf_blame gf_sq_blame(int64_t packed)
{
    return (gf_blame){
        .crashes = (int32_t)(packed & INT32_MAX),
        .suspect = (int32_t)(packed >> SUSPECT_SHIFT & 0xffff),
        .proven = packed >> PROVEN_SHIFT & 1,
    };
}

int64_t gf_sq_blame_pack(const gf_blame *b)
{
    int64_t proven = b->proven, suspect = b->suspect & 0xffff;
    return proven << PROVEN_SHIFT | suspect << SUSPECT_SHIFT | (b->crashes & INT32_MAX);
}

int64_t gf_sq_find_qid(gf_sq_conn *c, const char *queue)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_NAMED);
    gf_sq_bind_text(c, s, 1, queue);
    int64_t qid = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    return qid;
}

bool gf_sq_find(gf_sq_conn *c, int64_t qid, const char *id, gf_sq_place *out)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_ID_FIND);
    gf_sq_bind_int(c, s, 1, qid);
    gf_sq_bind_text(c, s, 2, id);
    if (!gf_sq_row(c, s))
        return false;
    out->seq = sqlite3_column_int64(s, 0);
    out->state = (gf_state)sqlite3_column_int(s, 1);
    if (sqlite3_column_type(s, 1) == SQLITE_NULL || out->state >= GF_STATE_COUNT)
        gf_sq_conn_note(c, SQLITE_CORRUPT);            // an id without its row
    gf_sq_done(s);
    return c->rc == SQLITE_OK && gf_sq_qid_of(out->seq) == qid;    // a number of another queue is
                                                                   //   no gofer's
}

int64_t gf_sq_blob_put(gf_sq_conn *c, const void *bytes, size_t size)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_BLOB_ADD);
    gf_sq_bind_blob(c, s, 1, bytes, size);
    gf_sq_run(c, s);
    return c->rc == SQLITE_OK ? sqlite3_last_insert_rowid(c->db) : 0;
}

int64_t gf_sq_blob_set(gf_sq_conn *c, int64_t bid, const void *bytes, size_t size)
{
    if (!bid)
        return gf_sq_blob_put(c, bytes, size);
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_BLOB_SET);
    gf_sq_bind_int(c, s, 1, bid);
    gf_sq_bind_blob(c, s, 2, bytes, size);
    if (gf_sq_run(c, s) != 1)
        gf_sq_conn_note(c, SQLITE_CORRUPT);
    return c->rc == SQLITE_OK ? bid : 0;
}

void gf_sq_bind_body(gf_sq_conn *c, sqlite3_stmt *s, int at, const gf_message *m, int64_t bid)
{
    gf_sq_bind_int(c, s, at++, bid);
    gf_sq_bind_int(c, s, at++, (int64_t)m->payload_size);
    gf_sq_bind_int(c, s, at++, m->enqueued_ms);
    gf_sq_bind_int(c, s, at++, m->timeout_ms);
    gf_sq_bind_int(c, s, at++, m->deadline_ms);
    gf_sq_bind_int(c, s, at++, m->retention_ms);
    gf_sq_bind_int(c, s, at++, m->max_retry);
    gf_sq_bind_int(c, s, at++, m->last_failed_ms);
    gf_sq_bind_int(c, s, at++, m->retried);
    const gf_blame blame = { .crashes = m->crashes, .suspect = m->suspect };
    gf_sq_bind_int(c, s, at++, gf_sq_blame_pack(&blame));
    gf_sq_bind_text(c, s, at++, m->id);
    gf_sq_bind_text(c, s, at++, m->type);
    gf_sq_bind_blob(c, s, at++, m->headers_size ? m->headers : NULL, m->headers_size);
    gf_sq_bind_blob(c, s, at++, bid ? NULL : m->payload, bid ? 0 : m->payload_size);
    gf_sq_bind_text(c, s, at, m->last_error);
}

int64_t gf_sq_body_xid(sqlite3_stmt *s, int at)
{
    return sqlite3_column_int64(s, at + XID);
}

static const char *column_text(sqlite3_stmt *s, int at)
{
    return (const char *)sqlite3_column_text(s, at);
}

void gf_sq_read_body(sqlite3_stmt *s, int at, gf_message *m, int64_t *bid)
{
    *bid = sqlite3_column_int64(s, at + BID);
    const char *id = column_text(s, at + ID), *type = column_text(s, at + TYPE);
    *m = (gf_message){
        .id = id ? id : "",
        .type = type ? type : "",
        .queue = "",
        .headers = sqlite3_column_blob(s, at + HEADERS),
        .headers_size = (size_t)sqlite3_column_bytes(s, at + HEADERS),
        .payload = sqlite3_column_blob(s, at + PAYLOAD),
        .last_error = column_text(s, at + ERROR_TEXT),
        .enqueued_ms = gf_sq_number(s, at + ENQUEUED),
        .timeout_ms = gf_sq_number(s, at + TIMEOUT),
        .deadline_ms = gf_sq_number(s, at + DEADLINE),
        .retention_ms = gf_sq_number(s, at + RETENTION),
        .last_failed_ms = gf_sq_number(s, at + FAILED),
        .max_retry = sqlite3_column_int(s, at + MAX_RETRY),
        .retried = sqlite3_column_int(s, at + RETRIED),
    };
    gf_blame blame = gf_sq_blame(sqlite3_column_int64(s, at + CRASHES));
    m->crashes = blame.crashes;
    m->suspect = blame.suspect;
    // What is inline says its own size, so that no damaged number reads past its end.
    m->payload_size =
        *bid ? (size_t)gf_sq_number(s, at + SIZE) : (size_t)sqlite3_column_bytes(s, at + PAYLOAD);
}

// The statement stands on a blob's row, to be reset by the caller; NULL: failed. A blob that
// is not there means a damaged file.
static sqlite3_stmt *blob_row(gf_sq_conn *c, int64_t bid)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_BLOB_GET);
    gf_sq_bind_int(c, s, 1, bid);
    if (gf_sq_row(c, s))
        return s;
    gf_sq_conn_note(c, SQLITE_CORRUPT);
    return NULL;
}

void *gf_sq_blob_get(gf_sq_conn *c, int64_t bid, size_t *size)
{
    sqlite3_stmt *s = blob_row(c, bid);
    if (!s)
        return NULL;
    const void *bytes = sqlite3_column_blob(s, 0);
    *size = (size_t)sqlite3_column_bytes(s, 0);
    void *copy = gf_memdup(bytes ? bytes : "", *size);
    gf_sq_done(s);
    return copy;
}

void gf_sq_later_add(gf_sq_txn *t, const gf_sq_new_row *row, gf_state state, int64_t sort_ms)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_LATER_ADD);
    gf_sq_bind_int(t->conn, s, 1, row->seq);
    gf_sq_bind_int(t->conn, s, 2, sort_ms);
    gf_sq_bind_body(t->conn, s, 3, row->message, row->bid);
    gf_sq_bind_int(t->conn, s, 3 + GF_SQ_BODY_NEW_COUNT, state);
    gf_sq_run(t->conn, s);
    if (row->xid)
        GF_SQ_RUN(t->conn, GF_SQL_LATER_SET_XID, row->seq, row->xid);
}

void gf_sq_ready_add(gf_sq_txn *t, const gf_sq_new_row *row, int64_t since_ms)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_READY_ADD);
    gf_sq_bind_int(t->conn, s, 1, row->seq);
    gf_sq_bind_int(t->conn, s, 2, since_ms);
    gf_sq_bind_body(t->conn, s, 3, row->message, row->bid);
    gf_sq_run(t->conn, s);
    if (row->xid)
        GF_SQ_RUN(t->conn, GF_SQL_READY_SET_XID, row->seq, row->xid);
}

// ---- claims -----------------------------------------------------------------------

void *gf_sq_pack(char **at, const void *bytes, size_t size)
{
    char *copy = *at;
    if (!bytes)
        return NULL;
    if (size)
        memcpy(copy, bytes, size);
    copy[size] = '\0';
    *at += size + 1;
    return copy;
}

gf_sq_claim *gf_sq_claim_read(gf_sq_conn *c, sqlite3_stmt *s, int at, const char *queue,
    size_t room)
{
    gf_message m;
    int64_t bid;
    sqlite3_stmt *blob = NULL;
    gf_sq_read_body(s, at, &m, &bid);
    if (bid) {
        blob = blob_row(c, bid);
        if (!blob)
            return NULL;
        m.payload = sqlite3_column_blob(blob, 0);
        m.payload_size = (size_t)sqlite3_column_bytes(blob, 0);
    }

    size_t id = strlen(m.id), type = strlen(m.type), name = strlen(queue);
    size_t error = m.last_error ? strlen(m.last_error) : 0;
    size_t front = (sizeof(gf_sq_claim) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + room;
    gf_sq_claim *claim =
        gf_alloc(front + m.payload_size + m.headers_size + id + type + name + error + 6);
    if (claim) {
        char *to = (char *)claim + front;
        *claim = (gf_sq_claim){ .base.message = m, .bid = bid, .xid = gf_sq_body_xid(s, at) };
        claim->base.room = room ? to - room : NULL;
        gf_message *copy = &claim->base.message;
        copy->payload = gf_sq_pack(&to, m.payload ? m.payload : "", m.payload_size);
        copy->headers = m.headers_size ? gf_sq_pack(&to, m.headers, m.headers_size) : NULL;
        copy->id = gf_sq_pack(&to, m.id, id);
        copy->type = gf_sq_pack(&to, m.type, type);
        copy->queue = gf_sq_pack(&to, queue, name);
        copy->last_error = gf_sq_pack(&to, m.last_error, error);
    }
    gf_sq_done(blob);
    return claim;
}

// ---- comparing ---------------------------------------------------------------------

bool gf_sq_same(gf_sq_conn *c, const gf_sq_place *place, const gf_message *m)
{
    gf_sql which = place->state == GF_PENDING ? GF_SQL_READY_BODY
                 : place->state == GF_ACTIVE  ? GF_SQL_ACTIVE_BODY
                                              : GF_SQL_LATER_BODY;
    sqlite3_stmt *s = gf_sq_stmt(c, which), *blob = NULL;
    gf_sq_bind_int(c, s, 1, place->seq);
    if (!gf_sq_row(c, s))
        return false;

    gf_message stored;
    int64_t bid;
    gf_sq_read_body(s, 0, &stored, &bid);
    stored.queue = m->queue;             // it was found by id in that queue
    bool same = !bid || stored.payload_size == m->payload_size;
    if (same && bid && (blob = blob_row(c, bid)) != NULL) {
        stored.payload = sqlite3_column_blob(blob, 0);
        stored.payload_size = (size_t)sqlite3_column_bytes(blob, 0);
    }
    same = same && c->rc == SQLITE_OK && gf_message_same(&stored, m);
    gf_sq_done(blob);
    gf_sq_done(s);
    return same;
}

// ---- showing --------------------------------------------------------------------------

static int show_waiting(gofer_info *info, sqlite3_stmt *s, gf_state state)
{
    int64_t sort_ms = gf_sq_number(s, GF_SQ_COL_SORT);
    switch (state) {
    case GF_SCHEDULED:
    case GF_RETRY:
        return gf_info_set_int(info, "next_run_at_ms", sort_ms);
    case GF_ARCHIVED:
        return gf_info_set_int(info, "archived_at_ms", sort_ms);
    case GF_COMPLETED:
        return gf_info_set_int(info, "completed_at_ms", sort_ms) |
               gf_info_set_int(info, "expires_at_ms", gf_sq_number(s, GF_SQ_COL_EXPIRES));
    case GF_AGGREGATING:
        return gf_info_set_text(info, "group", column_text(s, GF_SQ_COL_GROUP));
    default:
        return 0;
    }
}

// Of a task that waits for a limit's key.
static int show_key(gofer_info *info, gf_sq_conn *c, int64_t seq)
{
    sqlite3_stmt *key = gf_sq_stmt(c, GF_SQL_HELD_KEY);
    gf_sq_bind_int(c, key, 1, seq);
    int bad = gf_sq_row(c, key) ? gf_info_set_text(info, "waits_for", column_text(key, 0)) : 0;
    gf_sq_done(key);
    return bad;
}

static int show_running(gofer_info *info, sqlite3_stmt *s, bool whole)
{
    int64_t done = gf_sq_number(s, GF_SQ_COL_DONE), total = gf_sq_number(s, GF_SQ_COL_TOTAL);
    const char *text = column_text(s, GF_SQ_COL_TEXT);
    int bad = gf_info_set_int(info, "started_at_ms", gf_sq_number(s, GF_SQ_COL_STARTED)) |
              gf_info_set_text(info, "worker", column_text(s, GF_SQ_COL_WORKER)) |
              gf_info_set_bool(info, "cancel_requested", sqlite3_column_int(s, GF_SQ_COL_ASKED));
    if (whole && gf_sq_number(s, GF_SQ_COL_EXPIRES) <= gf_mono_ms())
        bad |= gf_info_set_bool(info, "orphaned", 1);
    if (done || total || text)
        bad |= gf_info_set_int(info, "progress_done", done) |
            gf_info_set_int(info, "progress_total", total) |
            gf_info_set_text(info, "progress_text", text);
    return bad;
}

static int show_result(gofer_info *info, gf_sq_conn *c, sqlite3_stmt *s)
{
    int64_t rbid = sqlite3_column_int64(s, GF_SQ_COL_RBID);
    if (!rbid) {
        const void *bytes = sqlite3_column_blob(s, GF_SQ_COL_RESULT);
        if (sqlite3_column_type(s, GF_SQ_COL_RESULT) == SQLITE_NULL)
            return 0;
        return gf_info_set_bytes(info, "result", bytes ? bytes : "",
            (size_t)sqlite3_column_bytes(s, GF_SQ_COL_RESULT));
    }
    sqlite3_stmt *blob = blob_row(c, rbid);
    if (!blob)
        return -1;
    const void *bytes = sqlite3_column_blob(blob, 0);
    int bad = gf_info_set_bytes(info, "result", bytes ? bytes : "",
        (size_t)sqlite3_column_bytes(blob, 0));
    gf_sq_done(blob);
    return bad;
}

static int show_extra(gofer_info *info, gf_sq_conn *c, int64_t xid, bool whole)
{
    gf_sq_extra e;
    int bad = 0;
    if (!gf_sq_extra_read(c, xid, &e))
        return c->rc == SQLITE_OK ? 0 : -1;
    if (e.lock && !gofer_info_has(info, "unique"))
        bad |= gf_info_set_text(info, "unique", "done");
    if (e.cbid)
        bad |= gf_info_set_int(info, "checkpoint_size", e.csize);
    if (whole)
        bad |= gf_info_set_records(info, "attempts", e.attempts, e.attempts_size) |
               gf_info_set_records(info, "log", e.log, e.log_size);
    gf_sq_done(e.row);
    return bad;
}

gofer_info *gf_sq_task_info(gf_sq_conn *c, sqlite3_stmt *s, const char *queue, bool whole)
{
    gf_message m;
    int64_t bid;
    sqlite3_stmt *blob = NULL;
    gofer_info *info = gf_info_record();
    gf_state state = (gf_state)sqlite3_column_int(s, GF_SQ_COL_STATE);
    int64_t xid = gf_sq_body_xid(s, 0);
    if (!info)
        return NULL;

    gf_sq_read_body(s, 0, &m, &bid);
    m.queue = queue;
    if (state == GF_AGGREGATING)
        m.crashes = 0;                   // those of its set: it was never run itself
    if (bid && whole && (blob = blob_row(c, bid)) != NULL) {
        m.payload = sqlite3_column_blob(blob, 0);
        m.payload_size = (size_t)sqlite3_column_bytes(blob, 0);
    }
    int bad = c->rc != SQLITE_OK || gf_info_set_message(info, &m, whole) != 0;
    gf_sq_done(blob);                    // copied; the result may be a blob too
    bad |= gf_info_set_text(info, "state", gf_state_name(state));
    bad |= state == GF_ACTIVE ? show_running(info, s, whole) : show_waiting(info, s, state);
    int64_t seq = sqlite3_column_int64(s, GF_SQ_COL_SEQ);
    if (state == GF_PENDING && gf_sq_is_held(seq))
        bad |= show_key(info, c, seq);
    if (xid)
        bad |= show_extra(info, c, xid, whole);
    if (whole)
        bad |= show_result(info, c, s);
    if (bad) {
        gofer_info_free(info);
        return NULL;
    }
    return info;
}
