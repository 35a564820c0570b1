// about.c - what the store says of itself: where it is, how large, and what room its disk has.
#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/error.h"

typedef struct about_query {
    const char *queue;                   // must be there; NULL: the store as a whole
    int64_t     size;
} about_query;

static gofer_status inspect_file(gf_sq_conn *c, void *arg)
{
    about_query *q = arg;
    if (q->queue)
        return gf_sq_find_qid(c, q->queue) ? GOFER_OK : gf_sq_no_queue(q->queue);
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
    st = bad ? gf_fail_nomem("what the store says of itself") : GOFER_OK;
    return gf_info_hand_over(st, info, out);
}
