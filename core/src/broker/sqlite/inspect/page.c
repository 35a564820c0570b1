// page.c - pages of tasks, of one state of a queue: where a cursor stands, and the rows behind it.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/error.h"

typedef struct page_query {
    const char *queue;
    gf_state    state;
    int64_t     after_group, after_sort, after_seq;
    int64_t     skipped;                 // of "@N": behind the first N
    const char *group;                   //   of this group; NULL: of all that there are
    size_t      limit;
    gofer_info *list;
} page_query;

// ---- where it begins ---------------------------------------------------------------------------

// A cursor says after which row the next page begins, so it is good when rows come and go.
// "@N", or "@N:GROUP" of aggregating tasks.
static bool read_number(const char *cursor, page_query *q)
{
    size_t digits = strspn(cursor + 1, "0123456789");
    bool grouped = q->state == GF_AGGREGATING;
    if (digits == 0 || digits > 12 || cursor[digits + 1] != (grouped ? ':' : '\0'))
        return false;
    q->skipped = strtoll(cursor + 1, NULL, 10);
    q->group = grouped ? cursor + digits + 2 : NULL;
    return true;
}

static gofer_status read_cursor(const char *cursor, page_query *q)
{
    int end = 0;
    q->after_sort = INT64_MIN;
    if (!cursor || !*cursor || (*cursor == '@' && read_number(cursor, q)))
        return GOFER_OK;
    int read, want = q->state == GF_AGGREGATING ? 3 : 2;
    if (want == 3)
        read = sscanf(cursor, "%" SCNd64 ".%" SCNd64 ".%" SCNd64 "%n", &q->after_group,
            &q->after_sort, &q->after_seq, &end);
    else
        read = sscanf(cursor, "%" SCNd64 ".%" SCNd64 "%n", &q->after_sort, &q->after_seq, &end);
    if (read != want || cursor[end])
        return gf_fail(GOFER_EINVAL, "'%.40s' is not a cursor: use next_cursor of the page before",
            cursor);
    return GOFER_OK;
}

static int64_t count_of(gf_sq_conn *c, int64_t qid, gf_state state)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_NUMBERED);
    gf_sq_bind_int(c, s, 1, qid);
    int64_t count = gf_sq_row(c, s) ? gf_sq_number(s, GF_SQ_QUEUE_COUNTS + (int)state) : 0;
    gf_sq_done(s);
    return count;
}

// Pending tasks mostly have keys without a gap.
static bool jump(gf_sq_conn *c, page_query *q, int64_t qid, int64_t count)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_READY_ENDS);
    gf_sq_bind_int(c, s, 1, gf_sq_first_seq(qid));
    gf_sq_bind_int(c, s, 2, gf_sq_first_seq(qid + 1));
    bool any = gf_sq_row(c, s) && sqlite3_column_type(s, 0) != SQLITE_NULL;
    int64_t first = any ? sqlite3_column_int64(s, 0) : 0,
            last = any ? sqlite3_column_int64(s, 1) : 0;
    gf_sq_done(s);
    if (!any || last - first + 1 != count)
        return false;
    q->after_seq = q->skipped < count ? first + q->skipped - 1 : last;
    q->skipped = 0;
    return true;
}

// A number that is far from the start is looked for from the end.
static void find_far(gf_sq_conn *c, page_query *q, int64_t qid)
{
    bool pending = q->state == GF_PENDING;
    if (q->skipped == 0 || q->state == GF_ACTIVE || q->state == GF_AGGREGATING)
        return;
    int64_t count = count_of(c, qid, q->state);
    if ((pending && jump(c, q, qid, count)) || q->skipped <= count / 2)
        return;
    sqlite3_stmt *s = gf_sq_stmt(c, pending ? GF_SQL_READY_FROM_END : GF_SQL_LATER_FROM_END);
    gf_sq_bind_int(c, s, 1, pending ? gf_sq_first_seq(qid) : qid);
    gf_sq_bind_int(c, s, 2, pending ? gf_sq_first_seq(qid + 1) : (int64_t)q->state);
    gf_sq_bind_int(c, s, 3, q->skipped < count ? count - q->skipped : 0);
    if (gf_sq_row(c, s)) {
        q->after_sort = sqlite3_column_int64(s, 0);
        q->after_seq = sqlite3_column_int64(s, 1);
        q->skipped = 0;
    }
    gf_sq_done(s);
}

// ---- rows --------------------------------------------------------------------------------------

static sqlite3_stmt *page_rows(gf_sq_conn *c, const page_query *q, int64_t qid)
{
    int64_t limit = (int64_t)q->limit + 1;          // one more tells whether there is a next page
    sqlite3_stmt *s;
    if (q->state == GF_PENDING || q->state == GF_ACTIVE) {
        int64_t after = q->after_seq > gf_sq_first_seq(qid) ? q->after_seq : gf_sq_first_seq(qid);
        s = gf_sq_stmt(c, q->state == GF_PENDING ? GF_SQL_PAGE_READY : GF_SQL_PAGE_ACTIVE);
        gf_sq_bind_int(c, s, 1, after);
        gf_sq_bind_int(c, s, 2, gf_sq_first_seq(qid + 1));
        gf_sq_bind_int(c, s, 3, limit);
        gf_sq_bind_int(c, s, 4, q->skipped);
        return s;
    }
    if (q->group) {
        s = gf_sq_stmt(c, GF_SQL_PAGE_GROUP);
        gf_sq_bind_int(c, s, 1, qid);
        gf_sq_bind_text(c, s, 2, q->group);
        gf_sq_bind_int(c, s, 3, limit);
        gf_sq_bind_int(c, s, 4, q->skipped);
        return s;
    }
    bool grouped = q->state == GF_AGGREGATING;           // group by group
    s = gf_sq_stmt(c, grouped ? GF_SQL_PAGE_GROUPS : GF_SQL_PAGE_LATER);
    gf_sq_bind_int(c, s, 1, qid);
    gf_sq_bind_int(c, s, 2, grouped ? q->after_group : (int64_t)q->state);
    gf_sq_bind_int(c, s, 3, q->after_sort);
    gf_sq_bind_int(c, s, 4, q->after_seq);
    gf_sq_bind_int(c, s, 5, limit);
    if (!grouped)
        gf_sq_bind_int(c, s, 6, q->skipped);
    return s;
}

// Behind which row the next page begins.
typedef struct place_after { int64_t group, sort_ms, seq; } place_after;

static int add_next(page_query *q, const place_after *last)
{
    char cursor[72];
    if (q->state == GF_AGGREGATING)
        snprintf(cursor, sizeof cursor, "%" PRId64 ".%" PRId64 ".%" PRId64, last->group,
            last->sort_ms, last->seq);
    else
        snprintf(cursor, sizeof cursor, "%" PRId64 ".%" PRId64, last->sort_ms, last->seq);
    return gf_info_set_text(q->list, "next_cursor", cursor);
}

static int add_rows(gf_sq_conn *c, page_query *q, sqlite3_stmt *s, size_t *count,
    place_after *last)
{
    int bad = 0;
    while (!bad && gf_sq_row(c, s)) {
        if ((*count)++ == q->limit) {
            bad = add_next(q, last);
            break;
        }
        last->sort_ms = sqlite3_column_int64(s, GF_SQ_COL_SORT);
        last->seq = sqlite3_column_int64(s, GF_SQ_COL_SEQ);
        last->group = q->state == GF_AGGREGATING ? sqlite3_column_int64(s, GF_SQ_COL_GROUP + 1) : 0;
        bad = gf_info_add(q->list, gf_sq_task_info(c, s, q->queue, false));
    }
    gf_sq_done(s);
    return bad;
}

// ---- pending tasks of a queue with priorities: span by span ------------------------------------

static bool is_ranked(gf_sq_conn *c, int64_t qid)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_NUMBERED);
    gf_sq_bind_int(c, s, 1, qid);
    bool ranked = gf_sq_row(c, s) && sqlite3_column_int(s, GF_SQ_QUEUE_RANKED) != 0;
    gf_sq_done(s);
    return ranked;
}

static int64_t count_span(gf_sq_conn *c, const gf_sq_span *span)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_READY_COUNT);
    gf_sq_bind_int(c, s, 1, span->first - 1);
    gf_sq_bind_int(c, s, 2, span->last + 1);
    int64_t count = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    return count;
}

static int add_spans(gf_sq_conn *c, page_query *q, int64_t qid)
{
    place_after last = { .seq = 0 };
    size_t count = 0;
    int bad = 0, from = 0;
    for (int i = 0; q->after_seq && i < GF_SQ_SPANS_ALL; i++) {
        gf_sq_span span = gf_sq_span_of(qid, i);
        if (q->after_seq >= span.first && q->after_seq <= span.last)
            from = i;
    }
    for (int i = from; i < GF_SQ_SPANS_ALL && !bad && count <= q->limit; i++) {
        gf_sq_span span = gf_sq_span_of(qid, i);
        int64_t all = q->skipped ? count_span(c, &span) : 0;
        if (q->skipped && q->skipped >= all) {
            q->skipped -= all;
            continue;
        }
        bool within = q->after_seq >= span.first && q->after_seq <= span.last;
        sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_PAGE_READY);
        gf_sq_bind_int(c, s, 1, within ? q->after_seq : span.first - 1);
        gf_sq_bind_int(c, s, 2, span.last + 1);
        gf_sq_bind_int(c, s, 3, (int64_t)(q->limit - count) + 1);
        gf_sq_bind_int(c, s, 4, q->skipped);
        q->skipped = 0;
        bad = add_rows(c, q, s, &count, &last);
    }
    return bad;
}

// ---- a page ------------------------------------------------------------------------------------

static gofer_status inspect_page(gf_sq_conn *c, void *arg)
{
    page_query *q = arg;
    int64_t qid = gf_sq_find_qid(c, q->queue);
    if (!qid)
        return gf_sq_no_queue(q->queue);

    if (q->state == GF_PENDING && is_ranked(c, qid))
        return add_spans(c, q, qid) ? GOFER_ENOMEM : GOFER_OK;
    size_t count = 0;
    place_after last = { .seq = 0 };
    find_far(c, q, qid);
    return add_rows(c, q, page_rows(c, q, qid), &count, &last) ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_tasks(gf_broker *b, const char *queue, gf_state state, const char *cursor,
    size_t limit, gofer_info **out)
{
    page_query q = { .queue = queue, .state = state, .limit = limit };
    gofer_status st = read_cursor(cursor, &q);
    if (st != GOFER_OK)
        return st;
    q.list = gf_info_list();
    if (!q.list)
        return GOFER_ENOMEM;
    return gf_info_hand_over(gf_sq_read((gf_sq_store *)b, inspect_page, &q), q.list, out);
}
