// look.c - inspection: queues, pages of tasks, one task, history, backlog.
#include <inttypes.h>
#include <stdio.h>

#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/alloc.h"
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

typedef struct queues_look {
    const char *queue;                   // NULL: all
    gofer_info *made;                    // the list, or the record
} queues_look;

// The columns of GF_SQL_QUEUE_LIST.
static gofer_info *show_queue(sqlite3_stmt *s, int64_t now_ms)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    int64_t n[15];
    for (int i = 1; i < 15; i++)
        n[i] = gf_sq_number(s, i);
    int64_t paused_ms = n[1], pending = n[2], active = n[3], scheduled = n[4], retry = n[5];
    int64_t latency_ms = sqlite3_column_type(s, 12) != SQLITE_NULL && n[12] < now_ms ? now_ms - n[12] : 0;

    int bad = gf_info_set_text(info, "queue", (const char *)sqlite3_column_text(s, 0)) |
              gf_info_set_bool(info, "paused", paused_ms != 0);
    if (paused_ms)
        bad |= gf_info_set_int(info, "paused_at_ms", paused_ms);
    bad |= gf_info_set_int(info, "pending", pending) | gf_info_set_int(info, "scheduled", scheduled) |
           gf_info_set_int(info, "active", active) | gf_info_set_int(info, "retry", retry) |
           gf_info_set_int(info, "completed", n[6]) | gf_info_set_int(info, "archived", n[7]) |
           gf_info_set_int(info, "size", pending + active + scheduled + retry + n[13]) |
           gf_info_set_int(info, "processed", n[10]) | gf_info_set_int(info, "failed", n[11]) |
           gf_info_set_int(info, "processed_total", n[8]) | gf_info_set_int(info, "failed_total", n[9]) |
           gf_info_set_int(info, "archive_deleted", 0) | gf_info_set_int(info, "latency_ms", latency_ms) |
           gf_info_set_int(info, "aggregating", n[13]) | gf_info_set_int(info, "groups", n[14]);
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

static gofer_status look_queues(gf_sq_conn *c, void *arg)
{
    queues_look *l = arg;
    int64_t now_ms = gf_now_ms();
    gofer_status st = l->queue ? GOFER_ENOTFOUND : GOFER_OK;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_LIST);
    gf_sq_bind_int(c, s, 1, gf_day_of(now_ms));
    gf_sq_bind_text(c, s, 2, l->queue);
    while (st != GOFER_ENOMEM && gf_sq_row(c, s)) {
        if (!gf_sq_name(s, 0))
            continue;                    // `gofer doctor` tells of it
        gofer_info *info = show_queue(s, now_ms);
        if (l->queue)
            st = (l->made = info) ? GOFER_OK : GOFER_ENOMEM;
        else
            st = gf_info_add(l->made, info) == 0 ? GOFER_OK : GOFER_ENOMEM;
        if (l->queue)
            break;
    }
    gf_sq_done(s);
    return st == GOFER_ENOTFOUND ? no_queue(l->queue) : st;
}

gofer_status gf_sq_queues(gf_broker *b, const char *queue, gofer_info **out)
{
    queues_look l = { queue, queue ? NULL : gf_info_list() };
    if (!queue && !l.made)
        return GOFER_ENOMEM;
    gofer_status st = gf_sq_read((gf_sq_store *)b, look_queues, &l);   // sets l.made
    return hand_over(st, l.made, out);
}

// ---- pages of tasks ----------------------------------------------------------------------

typedef struct page_look {
    const char *queue;
    gf_state    state;
    int64_t     after_group, after_sort, after_seq;
    size_t      limit;
    gofer_info *list;
} page_look;

// A cursor says after which row the next page begins, so it is good when rows come and go.
static gofer_status read_cursor(const char *cursor, page_look *l)
{
    int end = 0;
    l->after_sort = INT64_MIN;
    if (!cursor || !*cursor)
        return GOFER_OK;
    int read = l->state == GF_AGGREGATING
        ? sscanf(cursor, "%" SCNd64 ".%" SCNd64 ".%" SCNd64 "%n", &l->after_group, &l->after_sort, &l->after_seq, &end) - 1
        : sscanf(cursor, "%" SCNd64 ".%" SCNd64 "%n", &l->after_sort, &l->after_seq, &end);
    if (read != 2 || cursor[end])
        return gf_fail(GOFER_EINVAL, "'%.40s' is not a cursor: use next_cursor of the page before", cursor);
    return GOFER_OK;
}

static sqlite3_stmt *page_rows(gf_sq_conn *c, const page_look *l, int64_t qid)
{
    int64_t limit = (int64_t)l->limit + 1;             // one more tells whether there is a next page
    sqlite3_stmt *s;
    if (l->state == GF_PENDING || l->state == GF_ACTIVE) {
        int64_t after = l->after_seq > gf_sq_first_seq(qid) ? l->after_seq : gf_sq_first_seq(qid);
        s = gf_sq_stmt(c, l->state == GF_PENDING ? GF_SQL_PAGE_READY : GF_SQL_PAGE_ACTIVE);
        gf_sq_bind_int(c, s, 1, after);
        gf_sq_bind_int(c, s, 2, gf_sq_first_seq(qid + 1));
        gf_sq_bind_int(c, s, 3, limit);
        return s;
    }
    bool grouped = l->state == GF_AGGREGATING;           // group by group
    s = gf_sq_stmt(c, grouped ? GF_SQL_PAGE_GROUPS : GF_SQL_PAGE_LATER);
    gf_sq_bind_int(c, s, 1, qid);
    gf_sq_bind_int(c, s, 2, grouped ? l->after_group : (int64_t)l->state);
    gf_sq_bind_int(c, s, 3, l->after_sort);
    gf_sq_bind_int(c, s, 4, l->after_seq);
    gf_sq_bind_int(c, s, 5, limit);
    return s;
}

static gofer_status look_page(gf_sq_conn *c, void *arg)
{
    page_look *l = arg;
    int64_t qid = gf_sq_find_qid(c, l->queue), group = 0, sort_ms = 0, seq = 0;
    int bad = 0;
    size_t count = 0;
    if (!qid)
        return no_queue(l->queue);

    sqlite3_stmt *s = page_rows(c, l, qid);
    while (!bad && gf_sq_row(c, s)) {
        if (count++ == l->limit) {
            char cursor[72];
            if (l->state == GF_AGGREGATING)
                snprintf(cursor, sizeof cursor, "%" PRId64 ".%" PRId64 ".%" PRId64, group, sort_ms, seq);
            else
                snprintf(cursor, sizeof cursor, "%" PRId64 ".%" PRId64, sort_ms, seq);
            bad = gf_info_set_text(l->list, "next_cursor", cursor);
            break;
        }
        sort_ms = sqlite3_column_int64(s, GF_SQ_COL_SORT);
        seq = sqlite3_column_int64(s, GF_SQ_COL_SEQ);
        group = l->state == GF_AGGREGATING ? sqlite3_column_int64(s, GF_SQ_COL_GROUP + 1) : 0;
        bad = gf_info_add(l->list, gf_sq_task_info(c, s, l->queue, false));
    }
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_tasks(gf_broker *b, const char *queue, gf_state state, const char *cursor, size_t limit,
    gofer_info **out)
{
    page_look l = { .queue = queue, .state = state, .limit = limit };
    gofer_status st = read_cursor(cursor, &l);
    if (st != GOFER_OK)
        return st;
    l.list = gf_info_list();
    if (!l.list)
        return GOFER_ENOMEM;
    return hand_over(gf_sq_read((gf_sq_store *)b, look_page, &l), l.list, out);
}

// ---- one task -------------------------------------------------------------------------------

typedef struct task_look {
    const char *queue, *id;
    gofer_info *made;
} task_look;

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
    return s;
}

static gofer_status look_task(gf_sq_conn *c, void *arg)
{
    task_look *l = arg;
    gf_sq_place place;
    int64_t qid = gf_sq_find_qid(c, l->queue);
    if (!qid)
        return no_queue(l->queue);
    if (!gf_sq_find(c, qid, l->id, &place))
        return gf_fail(GOFER_ENOTFOUND, "no task '%s' in queue '%s'", l->id, l->queue);

    sqlite3_stmt *s = task_row(c, &place);
    if (gf_sq_row(c, s))
        l->made = gf_sq_task_info(c, s, l->queue, true);
    gf_sq_done(s);
    return l->made ? GOFER_OK : GOFER_ENOMEM;
}

gofer_status gf_sq_task(gf_broker *b, const char *queue, const char *id, gofer_info **out)
{
    task_look l = { queue, id, NULL };
    gofer_status st = gf_sq_read((gf_sq_store *)b, look_task, &l);   // sets l.made
    return hand_over(st, l.made, out);
}

// ---- names ------------------------------------------------------------------------------------

typedef struct names_look {
    const char *id;                      // only those that have this task; NULL: all
    gf_names    names;
    size_t      room;
} names_look;

static bool add_name(names_look *l, const char *name)
{
    if (!name)
        return true;                     // one that does not fit: `gofer doctor` tells of it
    if (l->names.count == l->room) {
        size_t room = l->room ? 2 * l->room : 16;
        char **names = gf_realloc(l->names.names, room * sizeof *names);
        if (!names)
            return false;
        l->names.names = names;
        l->room = room;
    }
    char *copy = gf_strdup(name);
    if (copy)
        l->names.names[l->names.count++] = copy;
    return copy != NULL;
}

static gofer_status look_names(gf_sq_conn *c, void *arg)
{
    names_look *l = arg;
    bool ok = true;
    gf_names_clear(&l->names);
    l->room = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, l->id ? GF_SQL_QUEUES_WITH : GF_SQL_QUEUE_NAMES);
    if (l->id)
        gf_sq_bind_text(c, s, 1, l->id);
    while (ok && gf_sq_row(c, s))
        ok = add_name(l, gf_sq_name(s, 0));
    gf_sq_done(s);
    return ok ? GOFER_OK : gf_fail_nomem("the names of queues");
}

static gofer_status names_with(gf_broker *b, const char *id, gf_names *out)
{
    names_look l = { .id = id };
    gofer_status st = gf_sq_read((gf_sq_store *)b, look_names, &l);
    if (st == GOFER_OK)
        *out = l.names;
    else
        gf_names_clear(&l.names);
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

// ---- counts -----------------------------------------------------------------------------------

typedef struct counts_look {
    char *const *queues;
    size_t       count;
    gf_counts   *out;
} counts_look;

static gofer_status look_counts(gf_sq_conn *c, void *arg)
{
    counts_look *l = arg;
    for (size_t i = 0; i < l->count; i++) {
        sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_NAMED);
        gf_sq_bind_text(c, s, 1, l->queues[i]);
        bool found = gf_sq_row(c, s);
        for (int state = 0; state < GF_STATE_COUNT; state++)
            l->out[i].of[state] = found ? gf_sq_number(s, GF_SQ_QUEUE_COUNTS + state) : 0;
        gf_sq_done(s);
    }
    return GOFER_OK;
}

gofer_status gf_sq_counts(gf_broker *b, char *const *queues, size_t count, gf_counts *out)
{
    counts_look l = { queues, count, out };
    return gf_sq_read((gf_sq_store *)b, look_counts, &l);
}

// ---- history, backlog ---------------------------------------------------------------------------

typedef struct history_look {
    const char *queue;                   // NULL: all
    int32_t     days;
    gofer_info *list;
} history_look;

static int add_day(gofer_info *list, sqlite3_stmt *s)
{
    char date[11];
    gofer_info *info = gf_info_record();
    if (!info)
        return -1;
    gf_date_text(sqlite3_column_int(s, 0), date);
    if ((gf_info_set_text(info, "date", date) | gf_info_set_int(info, "processed", gf_sq_number(s, 1)) |
         gf_info_set_int(info, "failed", gf_sq_number(s, 2))) == 0)
        return gf_info_add(list, info);
    gofer_info_free(info);
    return -1;
}

static gofer_status look_history(gf_sq_conn *c, void *arg)
{
    history_look *l = arg;
    int bad = 0;
    if (l->queue && !gf_sq_find_qid(c, l->queue))
        return no_queue(l->queue);
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_DAY_LIST);
    gf_sq_bind_text(c, s, 1, l->queue);
    gf_sq_bind_int(c, s, 2, l->days);
    while (!bad && gf_sq_row(c, s))
        bad = add_day(l->list, s);
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_history(gf_broker *b, const char *queue, int32_t days, gofer_info **out)
{
    history_look l = { queue, days, gf_info_list() };
    if (!l.list)
        return GOFER_ENOMEM;
    return hand_over(gf_sq_read((gf_sq_store *)b, look_history, &l), l.list, out);
}

typedef struct backlog_look {
    const char *const *queues;
    size_t             count;
    int64_t            sum;
} backlog_look;

static gofer_status look_backlog(gf_sq_conn *c, void *arg)
{
    backlog_look *l = arg;
    l->sum = 0;
    for (size_t i = 0; i < l->count; i++) {
        sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_BACKLOG);
        gf_sq_bind_text(c, s, 1, l->queues[i]);
        l->sum = gf_sum(l->sum, gf_sq_row(c, s) ? gf_sq_number(s, 0) : 0);
        gf_sq_done(s);
    }
    return GOFER_OK;
}

gofer_status gf_sq_backlog(gf_broker *b, const char *const *queues, size_t count, int64_t *out)
{
    backlog_look l = { queues, count, 0 };
    gofer_status st = gf_sq_read((gf_sq_store *)b, look_backlog, &l);
    if (st == GOFER_OK)
        *out = l.sum;
    return st;
}
