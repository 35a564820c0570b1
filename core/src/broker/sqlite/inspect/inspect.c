// inspect.c - inspection: queues, pages of tasks, one task, history, backlog.
//
// Each is a query in a read transaction (gf_sq_read), so it sees one moment and holds up no writer;
// the one reading connection is used under the store's read_lock. Snapshots own copies of what they
// show.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/sum.h"

static gofer_status no_queue(const char *queue)
{
    return gf_fail(GOFER_ENOTFOUND, "no queue '%s'", queue);
}

// Give what was built to the caller, or free it.
static gofer_status hand_over(gofer_status st, gofer_info *made, gofer_info **out)
{
    if (st == GOFER_OK)
        *out = made;
    else
        gofer_info_free(made);
    return st;
}

// ---- queues ---------------------------------------------------------------------------

typedef struct queues_query {
    gf_queue_range range;
    gofer_info    *list;
    char           last[GF_NAME_MAX + 1];    // name of the latest in it
} queues_query;

// The columns of GF_SQL_QUEUE_LIST.
static gofer_info *show_queue(sqlite3_stmt *s, int64_t now_ms)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    int64_t n[16];
    for (int i = 1; i < 16; i++)
        n[i] = gf_sq_number(s, i);
    int64_t paused_ms = n[1], pending = n[2], active = n[3], scheduled = n[4], retry = n[5];
    int64_t latency_ms =
        sqlite3_column_type(s, 12) != SQLITE_NULL && n[12] < now_ms ? now_ms - n[12] : 0;
    int64_t running_ms =
        sqlite3_column_type(s, 15) != SQLITE_NULL && n[15] < now_ms ? now_ms - n[15] : 0;

    int bad = gf_info_set_text(info, "queue", (const char *)sqlite3_column_text(s, 0)) |
              gf_info_set_bool(info, "paused", paused_ms != 0);
    if (paused_ms)
        bad |= gf_info_set_int(info, "paused_at_ms", paused_ms);
    bad |= gf_info_set_int(info, "pending", pending) |
        gf_info_set_int(info, "scheduled", scheduled) | gf_info_set_int(info, "active", active) |
        gf_info_set_int(info, "retry", retry) | gf_info_set_int(info, "completed", n[6]) |
        gf_info_set_int(info, "archived", n[7]) |
        gf_info_set_int(info, "size", pending + active + scheduled + retry + n[13]) |
        gf_info_set_int(info, "processed", n[10]) | gf_info_set_int(info, "failed", n[11]) |
        gf_info_set_int(info, "processed_total", n[8]) |
        gf_info_set_int(info, "failed_total", n[9]) | gf_info_set_int(info, "archive_deleted", 0) |
        gf_info_set_int(info, "latency_ms", latency_ms) |
        gf_info_set_int(info, "longest_running_ms", running_ms) |
        gf_info_set_int(info, "aggregating", n[13]) | gf_info_set_int(info, "groups", n[14]);
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

// They come by name, by the names' index, so that it ends with the first that is not meant.
static gofer_status inspect_queues(gf_sq_conn *c, void *arg)
{
    queues_query *q = arg;
    int64_t now_ms = gf_now_ms();
    size_t count = 0;
    int bad = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_LIST);
    gf_sq_bind_int(c, s, 1, gf_day_of(now_ms));
    gf_sq_bind_text(c, s, 2, q->range.begin);
    gf_sq_bind_text(c, s, 3, q->range.after ? q->range.after : "");
    while (!bad && gf_sq_row(c, s)) {
        const char *name = gf_sq_name(s, 0);
        if (!name)
            continue;                    // `gofer doctor` tells of it
        if (!gf_queue_range_has(&q->range, name))
            break;
        if (q->range.limit && count++ == q->range.limit) {
            bad = gf_info_set_text(q->list, "next_cursor", q->last);
            break;
        }
        snprintf(q->last, sizeof q->last, "%s", name);
        bad = gf_info_add(q->list, show_queue(s, now_ms));
    }
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_queues_page(gf_broker *b, const gf_queue_range *range, gofer_info **out)
{
    queues_query q = { .range = *range, .list = gf_info_list() };
    if (!q.list)
        return GOFER_ENOMEM;
    return hand_over(gf_sq_read((gf_sq_store *)b, inspect_queues, &q), q.list, out);
}

gofer_status gf_sq_queues(gf_broker *b, const char *queue, gofer_info **out)
{
    gofer_info *list;
    const gf_queue_range range = { .begin = queue ? queue : "", .exact = queue != NULL };
    gofer_status st = gf_sq_queues_page(b, &range, &list);
    if (st != GOFER_OK || !queue) {
        if (st == GOFER_OK)
            *out = list;
        return st;
    }
    gofer_info *one = gofer_info_count(list) ? gf_info_take(list, 0) : NULL;
    gofer_info_free(list);
    return hand_over(one ? GOFER_OK : no_queue(queue), one, out);
}

// ---- pages of tasks ----------------------------------------------------------------------

typedef struct page_query {
    const char *queue;
    gf_state    state;
    int64_t     after_group, after_sort, after_seq;
    int64_t     skipped;                 // of "@N": behind the first N
    const char *group;                   //   of this group; NULL: of all that there are
    size_t      limit;
    gofer_info *list;
} page_query;

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
    bool ranked = gf_sq_row(c, s) && sqlite3_column_int(s, GF_SQ_QUEUE_COUNTS - 1) != 0;
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
    for (int i = 0; q->after_seq && i < GF_SQ_SPANS; i++) {
        gf_sq_span span = gf_sq_span_of(qid, i);
        if (q->after_seq >= span.first && q->after_seq <= span.last)
            from = i;
    }
    for (int i = from; i < GF_SQ_SPANS && !bad && count <= q->limit; i++) {
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

static gofer_status inspect_page(gf_sq_conn *c, void *arg)
{
    page_query *q = arg;
    int64_t qid = gf_sq_find_qid(c, q->queue);
    if (!qid)
        return no_queue(q->queue);

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
    return hand_over(gf_sq_read((gf_sq_store *)b, inspect_page, &q), q.list, out);
}

// ---- one task -------------------------------------------------------------------------------

typedef struct task_query {
    const char *queue, *id;
    gofer_info *made;
} task_query;

static sqlite3_stmt *task_row(gf_sq_conn *c, const gf_sq_place *place)
{
    sqlite3_stmt *s;
    if (place->state != GF_PENDING && place->state != GF_ACTIVE) {
        s = gf_sq_stmt(c, GF_SQL_ONE_LATER);
        gf_sq_bind_int(c, s, 1, place->seq);
        return s;
    }
    s = gf_sq_stmt(c, place->state == GF_PENDING ? GF_SQL_PAGE_READY : GF_SQL_PAGE_ACTIVE);
    gf_sq_bind_int(c, s, 1, place->seq - 1);
    gf_sq_bind_int(c, s, 2, place->seq + 1);
    gf_sq_bind_int(c, s, 3, 1);
    gf_sq_bind_int(c, s, 4, 0);
    return s;
}

static gofer_status inspect_task(gf_sq_conn *c, void *arg)
{
    task_query *q = arg;
    gf_sq_place place;
    int64_t qid = gf_sq_find_qid(c, q->queue);
    if (!qid)
        return no_queue(q->queue);
    if (!gf_sq_find(c, qid, q->id, &place))
        return gf_fail(GOFER_ENOTFOUND, "no task '%s' in queue '%s'", q->id, q->queue);

    sqlite3_stmt *s = task_row(c, &place);
    if (gf_sq_row(c, s))
        q->made = gf_sq_task_info(c, s, q->queue, true);
    gf_sq_done(s);
    return q->made ? GOFER_OK : GOFER_ENOMEM;
}

gofer_status gf_sq_task(gf_broker *b, const char *queue, const char *id, gofer_info **out)
{
    task_query q = { queue, id, NULL };
    gofer_status st = gf_sq_read((gf_sq_store *)b, inspect_task, &q);   // sets q.made
    return hand_over(st, q.made, out);
}

// ---- names ------------------------------------------------------------------------------------

typedef struct names_query {
    const char *id;                      // only those that have this task; NULL: all
    gf_names    names;
} names_query;

static bool add_name(names_query *q, const char *name)
{
    if (!name)
        return true;                     // one that does not fit: `gofer doctor` tells of it
    return gf_names_add(&q->names, name);
}

static gofer_status inspect_names(gf_sq_conn *c, void *arg)
{
    names_query *q = arg;
    bool ok = true;
    gf_names_clear(&q->names);
    sqlite3_stmt *s = gf_sq_stmt(c, q->id ? GF_SQL_QUEUES_WITH : GF_SQL_QUEUE_NAMES);
    if (q->id)
        gf_sq_bind_text(c, s, 1, q->id);
    while (ok && gf_sq_row(c, s))
        ok = add_name(q, gf_sq_name(s, 0));
    gf_sq_done(s);
    return ok ? GOFER_OK : gf_fail_nomem("the names of queues");
}

static gofer_status names_with(gf_broker *b, const char *id, gf_names *out)
{
    names_query q = { .id = id };
    gofer_status st = gf_sq_read((gf_sq_store *)b, inspect_names, &q);
    if (st == GOFER_OK)
        *out = q.names;
    else
        gf_names_clear(&q.names);
    return st;
}

gofer_status gf_sq_names(gf_broker *b, gf_names *out)
{
    return names_with(b, NULL, out);
}

gofer_status gf_sq_locate(gf_broker *b, const char *id, gf_names *out)
{
    return names_with(b, id, out);
}

typedef struct filled_query {
    char *const *queues;
    size_t       count;
    bool        *out;
} filled_query;

// Both come by name.
static gofer_status inspect_filled(gf_sq_conn *c, void *arg)
{
    filled_query *q = arg;
    size_t at = 0;
    memset(q->out, 0, q->count * sizeof *q->out);
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUES_FILLED);
    while (at < q->count && gf_sq_row(c, s)) {
        const char *name = gf_sq_name(s, 0);
        while (name && at < q->count && strcmp(q->queues[at], name) < 0)
            at++;
        if (name && at < q->count && strcmp(q->queues[at], name) == 0)
            q->out[at++] = true;
    }
    gf_sq_done(s);
    return GOFER_OK;
}

gofer_status gf_sq_filled(gf_broker *b, char *const *queues, size_t count, bool *out)
{
    filled_query q = { queues, count, out };
    return gf_sq_read((gf_sq_store *)b, inspect_filled, &q);
}

// ---- counts -----------------------------------------------------------------------------------

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

// ---- about the store --------------------------------------------------------------------------

typedef struct about_query {
    const char *queue;                   // must be there; NULL: the store as a whole
    int64_t     size;
} about_query;

static gofer_status inspect_file(gf_sq_conn *c, void *arg)
{
    about_query *q = arg;
    if (q->queue)
        return gf_sq_find_qid(c, q->queue) ? GOFER_OK : no_queue(q->queue);
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_FILE_SIZE);
    q->size = gf_sq_row(c, s) ? gf_sq_number(s, 0) : 0;
    gf_sq_done(s);
    return GOFER_OK;
}

static int tell_room(const gf_sq_store *store, gofer_info *info)
{
    gf_sq_room room;
    if (!gf_sq_space_look(&store->space, &room))
        return 0;
    int bad = gf_info_set_int(info, "disk_size", room.disk_size) |
        gf_info_set_int(info, "disk_free", room.disk_free);
    if (room.reserve >= 0)
        bad |= gf_info_set_int(info, "reserve", room.reserve) |
            gf_info_set_int(info, "reserve_whole", room.reserve_whole);
    return bad;
}

// What a queue takes is not known without reading it all.
gofer_status gf_sq_about(gf_broker *b, const char *queue, gofer_info **out)
{
    gf_sq_store *store = (gf_sq_store *)b;
    about_query q = { .queue = queue };
    gofer_status st = gf_sq_read(store, inspect_file, &q);
    if (st != GOFER_OK)
        return st;
    gofer_info *info = gf_info_record();
    int bad = !info || gf_info_set_text(info, "store", "sqlite") != 0;
    if (!bad && !queue)
        bad = gf_info_set_text(info, "address", store->shown) |
            gf_info_set_int(info, "memory", q.size) | tell_room(store, info);
    return hand_over(bad ? gf_fail_nomem("what the store says of itself") : GOFER_OK, info, out);
}

// ---- history, backlog ---------------------------------------------------------------------------

typedef struct history_query {
    const char *queue;                   // NULL: all
    int32_t     days;
    gofer_info *list;
} history_query;

static int add_day(gofer_info *list, sqlite3_stmt *s)
{
    char date[11];
    gofer_info *info = gf_info_record();
    if (!info)
        return -1;
    gf_date_text(sqlite3_column_int(s, 0), date);
    if ((gf_info_set_text(info, "date", date) |
            gf_info_set_int(info, "processed", gf_sq_number(s, 1)) |
            gf_info_set_int(info, "failed", gf_sq_number(s, 2))) == 0)
        return gf_info_add(list, info);
    gofer_info_free(info);
    return -1;
}

static gofer_status inspect_history(gf_sq_conn *c, void *arg)
{
    history_query *q = arg;
    int bad = 0;
    if (q->queue && !gf_sq_find_qid(c, q->queue))
        return no_queue(q->queue);
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_DAY_LIST);
    gf_sq_bind_text(c, s, 1, q->queue);
    gf_sq_bind_int(c, s, 2, q->days);
    while (!bad && gf_sq_row(c, s))
        bad = add_day(q->list, s);
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_history(gf_broker *b, const char *queue, int32_t days, gofer_info **out)
{
    history_query q = { queue, days, gf_info_list() };
    if (!q.list)
        return GOFER_ENOMEM;
    return hand_over(gf_sq_read((gf_sq_store *)b, inspect_history, &q), q.list, out);
}

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
