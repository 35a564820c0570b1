// group.c - groups of tasks that wait to be made one: who is in which, and the list of them.
//
// A task in a group is a row of `later` and one of `member`; a group is there while it has members.
// What is taken out to be made one is in a set (set.c), which is a row of the same table as groups.
#include <stdio.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/error.h"
#include "util/text.h"

static int64_t find_group(gf_sq_conn *c, int64_t qid, const char *name)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_GROUP_FIND);
    gf_sq_bind_int(c, s, 1, qid);
    gf_sq_bind_text(c, s, 2, name);
    int64_t gid = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    return gid;
}

int64_t gf_sq_group_made(gf_sq_txn *t, int64_t qid, const char *name)
{
    int64_t gid = find_group(t->conn, qid, name);
    if (gid)
        return gid;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_GROUP_ADD);
    gf_sq_bind_int(t->conn, s, 1, qid);
    gf_sq_bind_text(t->conn, s, 2, name);
    gf_sq_run(t->conn, s);
    return t->conn->rc == SQLITE_OK ? sqlite3_last_insert_rowid(t->conn->db) : 0;
}

void gf_sq_member_add(gf_sq_txn *t, int64_t qid, const char *group, int64_t seq, int64_t at_ms)
{
    int64_t gid = gf_sq_group_made(t, qid, group);
    GF_SQ_RUN(t->conn, GF_SQL_MEMBER_ADD, seq, gid, at_ms);
}

void gf_sq_group_drop_if_empty(gf_sq_txn *t, int64_t gid)
{
    GF_SQ_RUN(t->conn, GF_SQL_GROUP_DROP_EMPTY, gid);
}

// Its group's number; 0: it is in none.
static int64_t group_of(gf_sq_conn *c, int64_t seq, bool *in_set)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_MEMBER_OF);
    gf_sq_bind_int(c, s, 1, seq);
    bool found = gf_sq_row(c, s);
    int64_t gid = found ? sqlite3_column_int64(s, 0) : 0;
    *in_set = found && sqlite3_column_int(s, 2) != 0;
    gf_sq_done(s);
    return gid;
}

void gf_sq_member_leave(gf_sq_txn *t, int64_t seq)
{
    bool in_set;
    int64_t gid = group_of(t->conn, seq, &in_set);
    GF_SQ_RUN(t->conn, GF_SQL_MEMBER_DROP, seq);
    GF_SQ_RUN(t->conn, GF_SQL_LATER_UNCHARGED, seq);
    if (gid && !in_set)
        gf_sq_group_drop_if_empty(t, gid);
}

bool gf_sq_is_in_set(gf_sq_conn *c, const gf_sq_place *place)
{
    bool in_set = false;
    if (place->state == GF_AGGREGATING)
        group_of(c, place->seq, &in_set);
    return in_set;
}

// ---- list ------------------------------------------------------------------------------------

typedef struct listing {
    const char *queue;
    gf_page     page;
    gofer_info *list;
} listing;

static gofer_info *show_group(sqlite3_stmt *s)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    int bad = gf_info_set_text(info, "group", (const char *)sqlite3_column_text(s, 0)) |
              gf_info_set_int(info, "size", gf_sq_number(s, 1)) |
              gf_info_set_int(info, "oldest_at_ms", gf_sq_number(s, 2)) |
              gf_info_set_int(info, "newest_at_ms", gf_sq_number(s, 3));
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

// They come by name, by the names' index, so that it ends with the page.
static gofer_status list_groups(gf_sq_conn *c, void *arg)
{
    listing *l = arg;
    char last[GF_NAME_MAX + 1] = "";
    size_t count = 0;
    int bad = 0;
    int64_t qid = gf_sq_find_qid(c, l->queue);
    if (!qid)
        return gf_sq_no_queue(l->queue);
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_GROUP_LIST);
    gf_sq_bind_int(c, s, 1, qid);
    gf_sq_bind_text(c, s, 2, l->page.cursor ? l->page.cursor : "");
    while (!bad && gf_sq_row(c, s)) {
        const char *name = gf_sq_name(s, 0);
        if (!name)
            continue;                    // no gofer has made it
        if (l->page.limit && count++ == l->page.limit) {
            bad = gf_info_set_text(l->list, "next_cursor", last);
            break;
        }
        snprintf(last, sizeof last, "%s", name);
        bad = gf_info_add(l->list, show_group(s));
    }
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_groups(gf_broker *b, const char *queue, const gf_page *page, gofer_info **out)
{
    listing l = { .queue = queue, .page = page ? *page : (gf_page){ 0 } };
    const char *cursor = l.page.cursor;
    if (cursor && !gf_name_fits(cursor, strlen(cursor)))
        return gf_fail(GOFER_EINVAL,
            "'%.40s' is not a cursor of groups: use next_cursor of the page before", cursor);
    if (!(l.list = gf_info_list()))
        return GOFER_ENOMEM;
    return gf_info_hand_over(gf_sq_read((gf_sq_store *)b, list_groups, &l), l.list, out);
}
