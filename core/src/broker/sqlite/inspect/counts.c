// counts.c - how many tasks queues have: in each state, and in all that is still to do; and which
// take envelopes alone.
#include "broker/sqlite/store.h"
#include "util/sum.h"

// ---- by state ----------------------------------------------------------------------------------

typedef struct counts_query {
    char *const *queues;
    size_t       count;
    gf_counts   *out;
} counts_query;

static gofer_status inspect_counts(gf_sq_conn *c, void *arg)
{
    counts_query *q = arg;
    for (size_t i = 0; i < q->count; i++) {
        sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_NAMED);
        gf_sq_bind_text(c, s, 1, q->queues[i]);
        bool found = gf_sq_row(c, s);
        for (int state = 0; state < GF_STATE_COUNT; state++)
            q->out[i].of[state] = found ? gf_sq_number(s, GF_SQ_QUEUE_COUNTS + state) : 0;
        gf_sq_done(s);
    }
    return GOFER_OK;
}

gofer_status gf_sq_counts(gf_broker *b, char *const *queues, size_t count, gf_counts *out)
{
    counts_query q = { queues, count, out };
    return gf_sq_read((gf_sq_store *)b, inspect_counts, &q);
}

// ---- which take envelopes alone ----------------------------------------------------------------

typedef struct closed_query {
    char *const *queues;
    size_t       count;
    bool        *out;
} closed_query;

static gofer_status inspect_closed(gf_sq_conn *c, void *arg)
{
    closed_query *q = arg;
    for (size_t i = 0; i < q->count; i++) {
        sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_NAMED);
        gf_sq_bind_text(c, s, 1, q->queues[i]);
        q->out[i] = gf_sq_row(c, s) && (gf_sq_number(s, GF_SQ_QUEUE_LENGTH) & GF_SQ_CLOSED) != 0;
        gf_sq_done(s);
    }
    return GOFER_OK;
}

gofer_status gf_sq_closed(gf_broker *b, char *const *queues, size_t count, bool *out)
{
    closed_query q = { queues, count, out };
    return gf_sq_read((gf_sq_store *)b, inspect_closed, &q);
}

// ---- backlog -----------------------------------------------------------------------------------

typedef struct backlog_query {
    const char *const *queues;
    size_t             count;
    int64_t            sum;
} backlog_query;

static gofer_status inspect_backlog(gf_sq_conn *c, void *arg)
{
    backlog_query *q = arg;
    q->sum = 0;
    for (size_t i = 0; i < q->count; i++) {
        sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_BACKLOG);
        gf_sq_bind_text(c, s, 1, q->queues[i]);
        q->sum = gf_sum(q->sum, gf_sq_row(c, s) ? gf_sq_number(s, 0) : 0);
        gf_sq_done(s);
    }
    return GOFER_OK;
}

gofer_status gf_sq_backlog(gf_broker *b, const char *const *queues, size_t count, int64_t *out)
{
    backlog_query q = { queues, count, 0 };
    gofer_status st = gf_sq_read((gf_sq_store *)b, inspect_backlog, &q);
    if (st == GOFER_OK && q.sum == 0)    // who drains tells that all is done
        st = gf_sq_settle_read((gf_sq_store *)b);
    if (st == GOFER_OK)
        *out = q.sum;
    return st;
}
