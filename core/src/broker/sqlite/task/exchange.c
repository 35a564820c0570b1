// exchange.c - finishes tasks and takes new ones, in one transaction: the hot path.
//
// A finish looks for its row by key and token, so a claim that is stale changes nothing; of tasks
// that were taken together, and are simply done, the rows go as a range. take.c has the other half.
#include <stdint.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"
#include "util/minmax.h"

// On a full disk an exchange that was too big for what is left goes in steps of so many.
enum {
    SMALL_STEP = 8,
    RUN_LEAST = 4,                       // in a row are worth to be dropped as one
    STEP_BYTES = 32 * 1024 * 1024,       // of results and the like in one transaction, for the
                                         //   WAL grows by as much
    ROW_BYTES = 256,                     // of a task that stays
    SHORT_ERROR = 200                    // of an error's text, on a full disk
};

typedef struct exchanging {
    gf_finish *done;
    size_t     done_count;
    gf_take   *take;                     // NULL: finish only
    size_t     max;                      // of the take, in this step
    int64_t    wid;
    bool       rides;                    // the outcomes need not be synced at once
} exchanging;

// What of a task went with those beside it.
typedef struct gone_parts {
    bool row, id;                        // in active; in ids
} gone_parts;

// ---- finish --------------------------------------------------------------------------

static bool drop_active(gf_sq_txn *t, const gf_claim *claim)
{
    return GF_SQ_RUN(t->conn, GF_SQL_ACTIVE_DROP, claim->ref, (int64_t)claim->token) == 1;
}

static void drop_id(gf_sq_txn *t, const gf_claim *claim)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ID_DROP);
    gf_sq_bind_int(t->conn, s, 1, gf_sq_qid_of(claim->ref));
    gf_sq_bind_text(t->conn, s, 2, claim->message.id);
    gf_sq_run(t->conn, s);
}

static bool delete_task(gf_sq_txn *t, const gf_claim *claim, gone_parts gone)
{
    if (!gone.row && !drop_active(t, claim))
        return false;
    if (!gone.id)
        drop_id(t, claim);
    int64_t bid = ((const gf_sq_claim *)claim)->bid;
    if (bid)
        GF_SQ_RUN(t->conn, GF_SQL_BLOB_DROP, bid);
    return true;
}

static bool requeue(gf_sq_txn *t, const gf_claim *claim)
{
    return GF_SQ_RUN(t->conn, GF_SQL_ACTIVE_REQUEUE, claim->ref, (int64_t)claim->token) == 1 &&
        drop_active(t, claim);
}

static bool still_ours(gf_sq_txn *t, const gf_claim *claim)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ACTIVE_HAS);
    gf_sq_bind_int(t->conn, s, 1, claim->ref);
    gf_sq_bind_int(t->conn, s, 2, (int64_t)claim->token);
    bool ours = gf_sq_row(t->conn, s);
    gf_sq_done(s);
    return ours;
}

static int64_t xid_of(gf_sq_txn *t, const gf_claim *claim, bool *ours)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ACTIVE_XID);
    gf_sq_bind_int(t->conn, s, 1, claim->ref);
    gf_sq_bind_int(t->conn, s, 2, (int64_t)claim->token);
    *ours = gf_sq_row(t->conn, s);
    int64_t xid = *ours ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    return xid;
}

// What the attempt leaves beside a task that stays, as far as there is room for it.
static void leave(gf_sq_txn *t, const gf_finish *f, gf_state to, int64_t xid)
{
    const gf_claim *claim = f->claim;
    if (f->headers && (to == GF_RETRY || to == GF_PENDING)) {
        sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ACTIVE_SET_HEADERS);
        gf_sq_bind_int(t->conn, s, 1, claim->ref);
        gf_sq_bind_int(t->conn, s, 2, (int64_t)claim->token);
        gf_sq_bind_blob(t->conn, s, 3, f->headers_size ? f->headers : NULL, f->headers_size);
        gf_sq_run(t->conn, s);
    }
    const char *id = claim->message.id;
    bool keeps = f->checkpoint && (to == GF_RETRY || to == GF_PENDING) &&
        (f->checkpoint_size || xid) && gf_sq_may_keep(t, id, f->checkpoint_size);
    const char *attempt =
        f->attempt && gf_sq_may_keep(t, id, strlen(f->attempt)) ? f->attempt : NULL;
    const char *log = f->log && gf_sq_may_keep(t, id, strlen(f->log)) ? f->log : NULL;
    if (!(attempt || log || keeps))
        return;
    xid = gf_sq_extra_keep(t, claim->ref, xid, attempt, log);
    if (keeps)
        gf_sq_extra_checkpoint(t->conn, xid, f->checkpoint, f->checkpoint_size);
}

// All that few tasks have, before the row moves. False: the claim is stale.
static bool apply_extra(gf_sq_txn *t, const gf_finish *f, gf_state to)
{
    const gf_claim *claim = f->claim;
    int64_t qid = gf_sq_qid_of(claim->ref);
    bool ours;
    int64_t xid = xid_of(t, claim, &ours);
    if (!ours)
        return false;
    if (xid && (to == GF_STATE_COUNT || to == GF_COMPLETED || to == GF_ARCHIVED))
        gf_sq_lock_free(t->conn, qid, claim->message.id, xid);
    if (to == GF_STATE_COUNT) {
        if (xid)
            gf_sq_extra_drop(t->conn, xid);
        return true;
    }
    if (xid && to == GF_COMPLETED)
        gf_sq_extra_checkpoint(t->conn, xid, NULL, 0);
    leave(t, f, to, xid);
    return true;
}

static bool has_extra(const gf_finish *f, gf_state to)
{
    const gf_sq_claim *claim = (const gf_sq_claim *)f->claim;
    return claim->xid || atomic_load_explicit(&claim->touched, memory_order_relaxed) ||
           (to != GF_STATE_COUNT && (f->attempt || f->log || f->headers || f->checkpoint));
}

// An error's text, cut between characters.
static const char *shortened(const char *error, char cut[SHORT_ERROR + 1])
{
    size_t size = strnlen(error, SHORT_ERROR + 1);
    if (size <= SHORT_ERROR)
        return error;
    for (size = SHORT_ERROR; size > 0 && ((unsigned char)error[size] & 0xC0) == 0x80;)
        size--;
    memcpy(cut, error, size);
    cut[size] = '\0';
    return cut;
}

static bool leave_lane(gf_sq_txn *t, int64_t seq)
{
    gf_sq_queue *q = gf_sq_is_ranked(seq) ? gf_sq_queue_numbered(t, gf_sq_qid_of(seq)) : NULL;
    if (q)
        gf_sq_lane_leave(t, q, seq);
    return true;
}

static bool set_aside(gf_sq_txn *t, const gf_finish *f, gf_state state)
{
    const gf_claim *claim = f->claim;
    char word[GF_SQ_LEFT_OUT], cut[SHORT_ERROR + 1];
    bool completed = state == GF_COMPLETED, has_result = completed && f->result;
    const char *error = completed ? NULL : f->error;
    if (error && t->tight)
        error = shortened(error, cut);
    if (has_result && !gf_sq_may_keep(t, claim->message.id, f->result_size)) {
        error = gf_sq_left_out(word, f->result_size);
        has_result = false;
    }
    int64_t rbid = 0;
    if (has_result && f->result_size > GF_SQ_INLINE) {
        if (!still_ours(t, claim))       // asked first: a stale claim must not leave its result
            return false;
        rbid = gf_sq_blob_put(t->conn, f->result, f->result_size);
    }
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ACTIVE_TO_LATER);
    gf_sq_bind_int(t->conn, s, 1, claim->ref);
    gf_sq_bind_int(t->conn, s, 2, (int64_t)claim->token);
    gf_sq_bind_int(t->conn, s, 3, state);
    gf_sq_bind_int(t->conn, s, 4, state == GF_RETRY ? f->at_ms : t->now_ms);
    gf_sq_bind_int(t->conn, s, 5, completed ? t->now_ms + claim->message.retention_ms : 0);
    gf_sq_bind_blob(t->conn, s, 6, has_result && !rbid ? f->result : NULL,
        has_result && !rbid ? f->result_size : 0);
    gf_sq_bind_int(t->conn, s, 7, rbid);
    gf_sq_bind_text(t->conn, s, 8, error);
    gf_sq_bind_int(t->conn, s, 9, !completed && f->is_failure && f->outcome != GF_CANCELLED);
    gf_sq_bind_int(t->conn, s, 10, t->now_ms);
    return gf_sq_run(t->conn, s) == 1 && drop_active(t, claim) && leave_lane(t, claim->ref);
}

// Where a finished task goes; GF_STATE_COUNT: away.
static gf_state target(const gf_finish *f)
{
    switch (f->outcome) {
    case GF_RETRY_AT:  return GF_RETRY;
    case GF_ARCHIVE:
    case GF_CANCELLED: return GF_ARCHIVED;
    case GF_REQUEUE:   return GF_PENDING;
    case GF_DONE:      return f->claim->message.retention_ms > 0 ? GF_COMPLETED : GF_STATE_COUNT;
    default:           return GF_STATE_COUNT;
    }
}

static gf_sq_end end_of(const gf_finish *f)
{
    gf_sq_end end = { .how = f->outcome == GF_DONE      ? GF_END_DONE
                           : f->outcome == GF_ARCHIVE   ? GF_END_ARCHIVED
                           : f->outcome == GF_CANCELLED ? GF_END_CANCELLED
                           : f->expired                 ? GF_END_EXPIRED
                                                        : GF_END_REVOKED };
    if (end.how == GF_END_DONE) {
        end.result = f->result;
        end.result_size = f->result_size;
    } else {
        end.error = f->error;
    }
    return end;
}

// Who waits for it is notified with the commit; its flow goes on.
static void notify_end(gf_sq_txn *t, const gf_finish *f)
{
    const gf_sq_claim *claim = (const gf_sq_claim *)f->claim;
    gf_sq_end end = end_of(f);
    if (t->awaited)
        gf_sq_ended(t, gf_sq_qid_of(claim->base.ref), claim->base.message.id, &end);
    if (gf_sq_is_step(claim->xid))
        gf_sq_step_ended(t, claim->xid, &end);
}

// Somebody has asked for the end of this run, and it was not heard in time.
static bool was_asked(gf_sq_txn *t, const gf_claim *claim)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_CANCEL_HAS);
    gf_sq_bind_int(t->conn, s, 1, claim->ref);
    gf_sq_bind_int(t->conn, s, 2, (int64_t)claim->token);
    bool asked = gf_sq_row(t->conn, s);
    gf_sq_done(s);
    return asked;
}

// Others may run for the keys that it counted for.
static void leave_keys(gf_sq_txn *t, gf_sq_queue *q, const gf_finish *f, gf_state to)
{
    gf_sq_leave(t, q, f->claim->ref);
    if (to != GF_PENDING && to != GF_RETRY)
        gf_sq_ordered_end(t, q, &f->claim->message, to == GF_ARCHIVED);
}

static gofer_status finish_one(gf_sq_txn *t, const gf_finish *f, gone_parts gone)
{
    if ((f->outcome == GF_RETRY_AT || f->outcome == GF_REQUEUE) && was_asked(t, f->claim))
        return GOFER_ESTATE;
    gf_state to = target(f);
    if (t->meager && to == GF_COMPLETED) {
        to = GF_STATE_COUNT;             // deleted, so that those after it can be finished
        t->left_out++;
        t->left_of = f->claim->message.id;
    } else if (t->meager && (to == GF_RETRY || to == GF_ARCHIVED)) {
        return GOFER_ENOSPACE;           // it waits with its worker: deleting must go on
    }
    if (has_extra(f, to) && !apply_extra(t, f, to))
        return GOFER_ESTALE;
    bool ours = to == GF_STATE_COUNT ? delete_task(t, f->claim, gone)
              : to == GF_PENDING     ? requeue(t, f->claim)
                                     : set_aside(t, f, to);
    if (!ours)
        return GOFER_ESTALE;
    gf_sq_queue *q = gf_sq_queue_numbered(t, gf_sq_qid_of(f->claim->ref));
    if (!q)
        return GOFER_ESTALE;             // SQL has failed: the status will not be seen

    bool failed =
        (to == GF_RETRY || to == GF_ARCHIVED) && f->is_failure && f->outcome != GF_CANCELLED;
    if (q->limited)
        leave_keys(t, q, f, to);
    gf_sq_queue_count(q, GF_ACTIVE, -1);
    if (to != GF_STATE_COUNT)
        gf_sq_queue_count(q, to, 1);
    q->processed +=
        failed || f->outcome == GF_DONE || f->outcome == GF_DROP || f->outcome == GF_CANCELLED;
    q->failed += failed;
    if (to == GF_PENDING || to == GF_RETRY)
        t->wakeups |= q->bit;            // a retry may be the next that is due
    else if (t->awaited || gf_sq_is_step(((const gf_sq_claim *)f->claim)->xid))
        notify_end(t, f);
    return GOFER_OK;
}

// ---- many that are simply done --------------------------------------------------------------

static bool simply_done(const gf_finish *f)
{
    return target(f) == GF_STATE_COUNT && !has_extra(f, GF_STATE_COUNT);
}

static int64_t common_token(const gf_claim *claim)
{
    return (int64_t)claim->token - (claim->ref & GF_SQ_OWN_TOKEN);
}

// How many from the first on stand behind each other and are of one take.
static size_t run_of(const gf_finish *done, size_t count)
{
    const gf_claim *first = done[0].claim;
    size_t n = 0;
    while (n < count && simply_done(&done[n]) && done[n].claim->ref == first->ref + (int64_t)n &&
        common_token(done[n].claim) == common_token(first))
        n++;
    return n;
}

// False: some are others' now, and each is looked at by itself.
static bool drop_run(gf_sq_txn *t, const gf_finish *done, size_t count)
{
    if (count < RUN_LEAST)
        return false;
    const gf_claim *claim = done[0].claim;
    int64_t first = claim->ref, last = first + (int64_t)count - 1;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ACTIVE_COUNT_RUN);
    gf_sq_bind_int(t->conn, s, 1, first);
    gf_sq_bind_int(t->conn, s, 2, last);
    gf_sq_bind_int(t->conn, s, 3, common_token(claim));
    bool all = gf_sq_row(t->conn, s) && sqlite3_column_int64(s, 0) == (int64_t)count;
    gf_sq_done(s);
    if (!all)
        return false;
    if (GF_SQ_RUN(t->conn, GF_SQL_ACTIVE_DROP_RANGE, first, last) != (int64_t)count)
        gf_sq_conn_note(t->conn, SQLITE_CORRUPT);
    return true;
}

// Ids that were made one after the other stand together too. False: others are among them, or may
// be: no more are looked at than are wanted.
static bool drop_ids(gf_sq_txn *t, const gf_finish *done, size_t count)
{
    int64_t first = done[0].claim->ref, qid = gf_sq_qid_of(first);
    const char *least = done[0].claim->message.id, *most = least;
    for (size_t i = 1; i < count; i++) {
        const char *id = done[i].claim->message.id;
        if (strcmp(id, least) < 0)
            least = id;
        else if (strcmp(id, most) > 0)
            most = id;
    }
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ID_COUNT_RUN);
    gf_sq_bind_int(t->conn, s, 1, qid);
    gf_sq_bind_text(t->conn, s, 2, least);
    gf_sq_bind_text(t->conn, s, 3, most);
    gf_sq_bind_int(t->conn, s, 4, (int64_t)count + 1);
    bool all = gf_sq_row(t->conn, s) && sqlite3_column_int64(s, 0) == (int64_t)count;
    gf_sq_done(s);
    if (!all)
        return false;
    s = gf_sq_stmt(t->conn, GF_SQL_ID_DROP_RUN);
    gf_sq_bind_int(t->conn, s, 1, qid);
    gf_sq_bind_text(t->conn, s, 2, least);
    gf_sq_bind_text(t->conn, s, 3, most);
    gf_sq_bind_int(t->conn, s, 4, first);
    gf_sq_bind_int(t->conn, s, 5, first + (int64_t)count - 1);
    return gf_sq_run(t->conn, s) == (int64_t)count;
}

static void finish_all(gf_sq_txn *t, exchanging *x)
{
    for (size_t i = 0, end; i < x->done_count && t->conn->rc == SQLITE_OK;) {
        size_t run = run_of(&x->done[i], x->done_count - i);
        gone_parts gone = { .row = drop_run(t, &x->done[i], run) };
        gone.id = gone.row && drop_ids(t, &x->done[i], run);
        for (end = i + (run ? run : 1); i < end && t->conn->rc == SQLITE_OK; i++)
            x->done[i].status = finish_one(t, &x->done[i], gone);
    }
}

// ---- both's: what was taken ------------------------------------------------------------------

static void free_claims(gf_take *take)
{
    while (take && take->count > 0)
        gf_claim_free(take->claims[--take->count]);
}

// ---- both ------------------------------------------------------------------------------------

static gofer_status refused_for_room(const exchanging *x)
{
    for (size_t i = 0; i < x->done_count; i++)
        if (x->done[i].status == GOFER_ENOSPACE)
            return GOFER_ENOSPACE;
    return GOFER_OK;
}

static gofer_status exchange(gf_sq_txn *t, void *arg)
{
    exchanging *x = arg;
    free_claims(x->take);                // of a run that was rolled back
    if (x->take) {
        x->take->suspect = NULL;
        x->take->left = false;
    }
    gf_sq_shut_load(t);
    finish_all(t, x);
    gf_sq_flows_flush(t);
    gf_sq_release_all(t);                // so that this take finds who is brought back
    gf_sq_breakers_tell(t, x->done, x->done_count);
    // Who cannot hand in takes no more.
    bool takes = x->take && refused_for_room(x) == GOFER_OK;
    if (takes && t->conn->rc == SQLITE_OK)
        gf_sq_take_all(t, x->take, x->max, x->wid);
    else if (x->take)
        x->take->left = true;
    gf_sq_breakers_save(t);
    return GOFER_OK;
}

// About what an outcome adds to the store.
static int64_t stored_bytes(gf_sq_store *s, const gf_finish *f)
{
    gf_state to = target(f);
    bool stays = to != GF_STATE_COUNT, awaited = gf_sq_is_awaited(s->sidecar.page, gf_mono_ms());
    size_t size = stays && to != GF_PENDING ? ROW_BYTES : 0;
    if (f->outcome == GF_DONE && f->result)
        size += (stays ? f->result_size : 0) + (awaited ? f->result_size : 0) +
            (gf_sq_is_step(((const gf_sq_claim *)f->claim)->xid) ? f->result_size : 0);
    if (stays && f->attempt)
        size += strlen(f->attempt);
    if (stays && f->log)
        size += strlen(f->log);
    if ((to == GF_RETRY || to == GF_PENDING) && f->checkpoint)
        size += f->checkpoint_size;
    return (int64_t)size;
}

static gofer_status run(gf_broker *b, exchanging *x)
{
    gf_sq_op op = {
        .run = exchange,
        .arg = x,
        // A take that is lost has not been begun.
        .flags = !x->done_count ? 0 : x->rides ? GF_SQ_RIDES : GF_SQ_DURABLE,
        .tasks = x->done_count + (x->take ? x->max : 0) + 1,
    };
    for (size_t i = 0; i < x->done_count; i++)
        op.bytes += stored_bytes((gf_sq_store *)b, &x->done[i]);
    if (op.bytes > 0)
        op.flags |= GF_SQ_KEEPS;
    gofer_status st = gf_sq_write((gf_sq_store *)b, &op);
    for (size_t i = 0; i < x->done_count; i++) {
        x->done[i].ticket = x->rides ? op.ticket : 0;
        x->done[i].within_us = op.within_us;
    }
    if (st != GOFER_OK)
        free_claims(x->take);
    return st;
}

// How many from `at` on go into one step.
static size_t step_from(gf_sq_store *s, const exchanging *x, size_t at, size_t limit)
{
    size_t count = 0;
    for (int64_t bytes = 0; count < limit && at + count < x->done_count; count++) {
        bytes += stored_bytes(s, &x->done[at + count]);
        if (count > 0 && bytes > STEP_BYTES)
            break;
    }
    return count;
}

// Hands in step by step, and takes with the last. What was finished cannot be taken back, so the
// rest is told apart by its status; one that there is no room for does not keep the others
// from being handed in.
static gofer_status in_steps(gf_broker *b, exchanging *whole, size_t limit)
{
    gofer_status worst = GOFER_OK;
    bool any = false;
    for (size_t at = 0, count; at < whole->done_count; at += count) {
        count = worst == GOFER_OK || worst == GOFER_ENOSPACE
            ? step_from((gf_sq_store *)b, whole, at, limit)
            : 1;
        exchanging step = { .done = whole->done + at, .done_count = count };
        gofer_status st = worst == GOFER_OK || worst == GOFER_ENOSPACE ? run(b, &step) : worst;
        if (st == GOFER_ENOSPACE && count > 1)
            st = in_steps(b, &step, 1);
        else
            for (size_t i = 0; st != GOFER_OK && i < count; i++)
                step.done[i].status = st;
        any |= st == GOFER_OK;
        st = st == GOFER_OK ? refused_for_room(&step) : st;
        worst = st == GOFER_OK ? worst : st;
    }
    if (worst == GOFER_OK && whole->take) {
        exchanging step = { .take = whole->take,
            .max = gf_min_size(limit, whole->max),
            .wid = whole->wid };
        worst = run(b, &step);
        whole->take->left |= step.max < whole->max;
    }
    return any ? GOFER_OK : worst;       // what was finished is; taking waits
}

static bool all_ride(const gf_finish *done, size_t count)
{
    size_t i = 0;
    while (i < count && done[i].rides)
        i++;
    return i == count;
}

gofer_status gf_sq_exchange(gf_broker *b, gf_finish *done, size_t done_count, gf_take *take)
{
    exchanging x = { .done = done, .done_count = done_count, .take = take };
    gofer_status st = gf_sq_check((gf_sq_store *)b);
    if (st != GOFER_OK)
        return st;
    if (take) {
        take->count = 0;
        take->suspect = NULL;
        take->left = true;               // until it was looked
        x.max = take->max;
        x.wid = gf_sq_registered((gf_sq_store *)b, take->worker);
        if (!x.wid)
            return gf_fail(GOFER_ESTATE, "the worker '%s' is not registered", take->worker);
    }
    bool at_once = step_from((gf_sq_store *)b, &x, 0, done_count) == done_count;
    x.rides = at_once && all_ride(done, done_count);
    st = at_once ? run(b, &x) : in_steps(b, &x, SIZE_MAX);
    return st == GOFER_ENOSPACE && at_once ? in_steps(b, &x, SMALL_STEP) : st;
}
