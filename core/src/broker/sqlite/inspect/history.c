// history.c - how many tasks were processed, and failed, on each day.
#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/clock.h"

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
        return gf_sq_no_queue(q->queue);
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
    return gf_info_hand_over(gf_sq_read((gf_sq_store *)b, inspect_history, &q), q.list, out);
}
