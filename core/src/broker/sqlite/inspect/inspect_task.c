// inspect_task.c - one task as inspection shows it.
#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/error.h"

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
        return gf_sq_no_queue(q->queue);
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
    return gf_info_hand_over(st, q.made, out);
}
