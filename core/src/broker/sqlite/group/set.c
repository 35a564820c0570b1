// set.c - sets: tasks taken out of a group to be made one, and what becomes of them.
//
// A set is a row beside the groups, to which the members go over; their tasks stay where they are.
// It knows its worker and its time, so that they go back when either is over. The row of one that
// was made stays until its time is over: who repeats the call for want of an answer finds it.
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"

enum {
    SET_MOST = 10000, SET_BYTES = 64 << 20,      // of one set: tasks, and about how much of
                                                 //   payloads
    SET_LIFE_MS = 120000                         // as Asynq's
};

// ---- which group is next ------------------------------------------------------------------------

typedef struct taking {
    const char          *queue;
    const gf_group_rule *rule;
    int64_t              wid, most;
    int64_t              gid;            // of the group found; 0: none
    char                 name[GF_ID_MAX + 1], id[GF_ID_TEXT];
    gf_claim           **tasks;          // owned
    size_t               count, room;
    int32_t              crashes;
    int64_t              until_ms;
} taking;

static bool is_named(const char *const *names, size_t count, const char *group)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(names[i]);
        bool prefix = size > 0 && names[i][size - 1] == '*';
        if (prefix ? strncmp(names[i], group, size - 1) == 0 : strcmp(names[i], group) == 0)
            return true;
    }
    return false;
}

static bool is_wanted(const gf_group_rule *rule, const char *group)
{
    for (size_t i = 0; i < rule->except_count; i++)
        if (strcmp(rule->except[i], group) == 0)
            return false;
    return !rule->names || is_named(rule->names, rule->name_count, group);
}

static bool is_ready(const gf_group_rule *rule, int64_t now_ms, int64_t oldest_ms,
    int64_t newest_ms, bool is_full)
{
    return is_full || now_ms - newest_ms >= rule->grace_ms ||
        (rule->max_delay_ms > 0 && now_ms - oldest_ms >= rule->max_delay_ms);
}

static bool pick(gf_sq_conn *c, taking *k, int64_t qid, int64_t now_ms)
{
    k->gid = 0;
    if (k->rule->suspects)
        *k->rule->suspects = false;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_GROUP_TURNS);
    gf_sq_bind_int(c, s, 1, qid);
    gf_sq_bind_int(c, s, 2, k->most - 1);
    while (!k->gid && gf_sq_row(c, s)) {
        const char *name = (const char *)sqlite3_column_text(s, 1);
        if (!name || sqlite3_column_type(s, 2) == SQLITE_NULL || !is_wanted(k->rule, name) ||
            !is_ready(k->rule, now_ms, gf_sq_number(s, 2), gf_sq_number(s, 3),
                sqlite3_column_int(s, 4) != 0))
            continue;
        if (k->rule->suspects && sqlite3_column_int(s, 5) > 0) {
            *k->rule->suspects = true;
            continue;
        }
        k->gid = sqlite3_column_int64(s, 0);
        sqlite3_snprintf(sizeof k->name, k->name, "%s", name);
    }
    gf_sq_done(s);
    return k->gid != 0;
}

static gofer_status look_for_ready(gf_sq_conn *c, void *arg)
{
    taking *k = arg;
    int64_t qid = gf_sq_find_qid(c, k->queue);
    if (qid)
        pick(c, k, qid, gf_now_ms());
    return GOFER_OK;
}

// ---- take ---------------------------------------------------------------------------------------

static void free_tasks(taking *k)
{
    while (k->count > 0)
        gf_claim_free(k->tasks[--k->count]);
    gf_free(k->tasks);
    k->tasks = NULL;
    k->room = 0;
}

static bool add_task(taking *k, gf_sq_claim *task)
{
    if (!gf_grow(k->tasks, k->room, k->count + 1)) {
        gf_claim_free(&task->base);
        return false;
    }
    k->tasks[k->count++] = &task->base;
    return true;
}

// The oldest, as far as they were in the same set before, or in none.
static void read_tasks(gf_sq_conn *c, taking *k)
{
    size_t bytes = 0;
    int64_t charge = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_MEMBER_TASKS);
    gf_sq_bind_int(c, s, 1, k->gid);
    gf_sq_bind_int(c, s, 2, k->most);
    while (bytes < SET_BYTES && gf_sq_row(c, s)) {
        int64_t its = gf_sq_number(s, GF_SQ_BODY_COUNT + 1);
        if (k->count > 0 && its != charge)
            break;
        charge = its;
        gf_sq_claim *task = gf_sq_claim_read(c, s, 0, k->queue, 0);
        if (!task || !add_task(k, task)) {
            gf_sq_conn_note(c, SQLITE_NOMEM);
            break;
        }
        task->base.message.crashes = 0;  // it was never run itself
        bytes += task->base.message.payload_size + task->base.message.headers_size;
    }
    gf_sq_done(s);
    k->crashes = (int32_t)(charge & INT32_MAX);
}

static gofer_status take(gf_sq_txn *t, void *arg)
{
    taking *k = arg;
    free_tasks(k);                       // of a run that was rolled back
    gf_sq_queue *q = gf_sq_queue_named(t, k->queue);
    if (!q || !pick(t->conn, k, q->qid, t->now_ms))
        return gf_fail(GOFER_EEMPTY, "no group of '%s' is to be aggregated now", k->queue);
    read_tasks(t->conn, k);
    k->until_ms = t->mono_ms + SET_LIFE_MS;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_SET_ADD);
    gf_sq_bind_int(t->conn, s, 1, q->qid);
    gf_sq_bind_text(t->conn, s, 2, k->name);
    gf_sq_bind_text(t->conn, s, 3, k->id);
    gf_sq_bind_int(t->conn, s, 4, k->wid);
    gf_sq_bind_int(t->conn, s, 5, k->until_ms);
    gf_sq_run(t->conn, s);
    int64_t set = t->conn->rc == SQLITE_OK ? sqlite3_last_insert_rowid(t->conn->db) : 0;
    int64_t moved = GF_SQ_RUN(t->conn, GF_SQL_MEMBER_TO_SET, k->gid, set, (int64_t)k->count);
    if (moved != (int64_t)k->count)
        gf_sq_conn_note(t->conn, SQLITE_CORRUPT);    // a member without its task; rolled back
    GF_SQ_RUN(t->conn, GF_SQL_GROUP_LAST, k->gid, q->qid);
    gf_sq_group_drop_if_empty(t, k->gid);
    return GOFER_OK;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static void copy_message(char **at, gf_message *to, const gf_message *from, const char *queue)
{
    *to = *from;
    to->queue = queue;
    to->id = gf_sq_pack(at, from->id, strlen(from->id));
    to->type = gf_sq_pack(at, from->type, strlen(from->type));
    to->payload = gf_sq_pack(at, from->payload ? from->payload : "", from->payload_size);
    to->headers = gf_sq_pack(at, from->headers, from->headers_size);
    to->last_error =
        gf_sq_pack(at, from->last_error, from->last_error ? strlen(from->last_error) : 0);
}

// All of it in one piece of memory, beside the set itself.
static gf_group_set *make_set(const taking *k)
{
    size_t size =
        k->count * sizeof(gf_message) + text_size(k->queue) + text_size(k->name) + text_size(k->id);
    for (size_t i = 0; i < k->count; i++) {
        const gf_message *m = &k->tasks[i]->message;
        size += text_size(m->id) + text_size(m->type) + m->payload_size + 1 + m->headers_size + 1 +
            text_size(m->last_error);
    }
    gf_group_set *set = gf_calloc(1, sizeof *set);
    char *memory = gf_alloc(size);
    if (!set || !memory) {
        gf_free(set);
        gf_free(memory);
        return NULL;
    }
    char *at = memory + k->count * sizeof(gf_message);
    *set = (gf_group_set){ .tasks = (gf_message *)(void *)memory, .count = k->count,
        .until_ms = k->until_ms, .crashes = k->crashes, .memory = memory };
    set->queue = gf_sq_pack(&at, k->queue, strlen(k->queue));
    set->group = gf_sq_pack(&at, k->name, strlen(k->name));
    set->id = gf_sq_pack(&at, k->id, strlen(k->id));
    for (size_t i = 0; i < k->count; i++)
        copy_message(&at, &set->tasks[i], &k->tasks[i]->message, set->queue);
    return set;
}

gofer_status gf_sq_group_take(gf_broker *b, const char *worker, const char *queue,
    const gf_group_rule *rule, gf_group_set **out)
{
    gf_sq_store *s = (gf_sq_store *)b;
    taking k = { .queue = queue, .rule = rule };
    gofer_status st = gf_sq_check(s);
    if (st != GOFER_OK)
        return st;
    k.most = rule->max_size > 0 && rule->max_size < SET_MOST ? rule->max_size : SET_MOST;
    k.wid = gf_sq_registered(s, worker);
    if (!k.wid)
        return gf_fail(GOFER_ESTATE, "the worker '%s' is not registered", worker);
    st = gf_sq_read(s, look_for_ready, &k);          // nearly always there is none, which must
                                                     //   cost nobody a lock
    if (st == GOFER_OK && !k.gid)
        return gf_fail(GOFER_EEMPTY, "no group of '%s' is to be aggregated now", queue);
    gf_id_new(k.id);
    gf_sq_op op = { .run = take, .arg = &k, .tasks = 500 };
    if (st == GOFER_OK)
        st = gf_sq_write(s, &op);
    gf_group_set *set = st == GOFER_OK ? make_set(&k) : NULL;
    free_tasks(&k);
    if (st != GOFER_OK)
        return st;
    if (!set) {                          // the store takes them back when their time is
                                         //   over; sooner is better
        gf_group_set nothing = { .queue = queue, .group = k.name, .id = k.id };
        (void)gf_sq_group_back(b, &nothing);
        return gf_fail_nomem("a group's tasks");
    }
    *out = set;
    return GOFER_OK;
}

// ---- what becomes of a set ----------------------------------------------------------------------

typedef struct set_change {
    const gf_group_set *set;
    const char         *error;           // of an archive
    const gf_message   *combined;
    int64_t             run_at_ms;
} set_change;

typedef struct found_set {
    int64_t gid, qid;
    bool    made;
    char    name[GF_ID_MAX + 1];
} found_set;

static bool find_set(gf_sq_conn *c, const char *id, found_set *out)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_SET_FIND);
    gf_sq_bind_text(c, s, 1, id);
    if (!gf_sq_row(c, s))
        return false;
    const char *name = (const char *)sqlite3_column_text(s, 2);
    out->gid = sqlite3_column_int64(s, 0);
    out->qid = sqlite3_column_int64(s, 1);
    sqlite3_snprintf(sizeof out->name, out->name, "%s", name ? name : "");
    out->made = sqlite3_column_int(s, 3) != 0;
    gf_sq_done(s);
    return true;
}

// Locks, histories and who waits, of those members that have them.
static void finish_members(gf_sq_txn *t, const found_set *set)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_MEMBER_MORE);
    gf_sq_bind_int(t->conn, s, 1, set->gid);
    gf_sq_bind_int(t->conn, s, 2, t->awaited);
    while (gf_sq_row(t->conn, s)) {
        const char *id = (const char *)sqlite3_column_text(s, 1);
        int64_t xid = sqlite3_column_int64(s, 0);
        if (id && xid) {
            gf_sq_lock_free(t->conn, set->qid, id, xid);
            gf_sq_extra_drop(t->conn, xid);
        }
        if (id && t->awaited)
            gf_sq_ended(t, set->qid, id, &(gf_sq_end){ .how = GF_END_DELETED });
    }
    gf_sq_done(s);
}

static void drop_members(gf_sq_txn *t, gf_sq_queue *q, const found_set *set)
{
    static const gf_sql steps[] = { GF_SQL_MEMBER_IDS_DROP, GF_SQL_MEMBER_BLOBS_DROP,
        GF_SQL_MEMBER_ROWS_DROP };
    finish_members(t, set);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        GF_SQ_RUN(t->conn, steps[i], set->gid);
    gf_sq_queue_count(q, GF_AGGREGATING, -GF_SQ_RUN(t->conn, GF_SQL_MEMBER_ALL_DROP, set->gid));
    GF_SQ_RUN(t->conn, GF_SQL_SET_MADE, set->gid);
}

static gofer_status put(gf_sq_txn *t, void *arg)
{
    const set_change *a = arg;
    found_set set;
    gf_sq_queue *q = gf_sq_queue_named(t, a->set->queue);
    if (!q || !find_set(t->conn, a->set->id, &set) || set.qid != q->qid)
        return gf_fail(GOFER_ESTALE, "the tasks of group '%s' were taken back", a->set->group);
    if (set.made)
        return GOFER_OK;
    gofer_status st = gf_sq_put_message(t, a->combined, a->run_at_ms);
    if (st != GOFER_OK)
        return gf_fail(st, "the id '%s' of the combined task is taken", a->combined->id);
    drop_members(t, q, &set);
    return GOFER_OK;
}

// Not ADDS: it makes the store smaller.
gofer_status gf_sq_group_put(gf_broker *b, const gf_group_set *set, const gf_message *combined,
    int64_t run_at_ms)
{
    set_change a = { .set = set, .combined = combined, .run_at_ms = run_at_ms };
    gf_sq_op op = { .run = put, .arg = &a, .flags = GF_SQ_DURABLE, .tasks = set->count + 1 };
    return gf_sq_write((gf_sq_store *)b, &op);
}

static void give_back(gf_sq_txn *t, const found_set *set)
{
    if (set->made)
        return;
    int64_t gid = gf_sq_group_made(t, set->qid, set->name);
    GF_SQ_RUN(t->conn, GF_SQL_MEMBER_TO_GROUP, set->gid, gid);
    gf_sq_group_drop_if_empty(t, gid);   // they may have been deleted with their queue
}

static gofer_status back(gf_sq_txn *t, void *arg)
{
    const set_change *a = arg;
    found_set set;
    if (!find_set(t->conn, a->set->id, &set) || set.made)
        return GOFER_OK;
    GF_SQ_RUN(t->conn, GF_SQL_MEMBER_CLEARED, set.gid);
    give_back(t, &set);
    GF_SQ_RUN(t->conn, GF_SQL_GROUP_DROP, set.gid);
    return GOFER_OK;
}

gofer_status gf_sq_group_back(gf_broker *b, const gf_group_set *set)
{
    set_change a = { .set = set };
    gf_sq_op op = { .run = back, .arg = &a, .tasks = set->count + 1 };
    return gf_sq_write((gf_sq_store *)b, &op);
}

// ---- archive ------------------------------------------------------------------------------------

// The next of its members; 0: there is none.
static int64_t first_member(gf_sq_conn *c, int64_t gid)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_MEMBER_LIST);
    gf_sq_bind_int(c, s, 1, gid);
    gf_sq_bind_int(c, s, 2, 1);
    int64_t seq = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    return seq;
}

static gofer_status archive(gf_sq_txn *t, void *arg)
{
    const set_change *a = arg;
    found_set set;
    gf_sq_queue *q = gf_sq_queue_named(t, a->set->queue);
    if (!q || !find_set(t->conn, a->set->id, &set) || set.qid != q->qid || set.made)
        return gf_fail(GOFER_ESTALE, "the tasks of group '%s' were taken back", a->set->group);
    for (int64_t seq; t->conn->rc == SQLITE_OK && (seq = first_member(t->conn, set.gid)) != 0;) {
        gf_sq_row_move(t, q, GF_AGGREGATING, GF_ARCHIVED, seq, GF_END_ARCHIVED);
        sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_LATER_SET_ERROR);
        gf_sq_bind_int(t->conn, s, 1, seq);
        gf_sq_bind_text(t->conn, s, 2, a->error);
        gf_sq_bind_int(t->conn, s, 3, t->now_ms);
        gf_sq_run(t->conn, s);
    }
    GF_SQ_RUN(t->conn, GF_SQL_GROUP_DROP, set.gid);
    return GOFER_OK;
}

gofer_status gf_sq_group_archive(gf_broker *b, const gf_group_set *set, const char *error)
{
    set_change a = { .set = set, .error = error };
    gf_sq_op op = { .run = archive, .arg = &a, .flags = GF_SQ_DURABLE, .tasks = set->count + 1 };
    return gf_sq_write((gf_sq_store *)b, &op);
}

// ---- reclaim ------------------------------------------------------------------------------------

typedef struct reclaiming {
    gf_sq_store *store;
    size_t       limit, count, done;
    int64_t     *gids;                   // room for limit
} reclaiming;

// Columns of GF_SQL_SET_LIST, and of what GF_SQL_SET_GET has behind its own.
static bool worker_died(gf_sq_store *store, sqlite3_stmt *s, int at, int64_t mono_ms)
{
    return sqlite3_column_type(s, at + 1) == SQLITE_NULL ||
           gf_sq_worker_dead(store, sqlite3_column_int64(s, at), gf_sq_number(s, at + 2), mono_ms);
}

// Of one that was made only the time counts.
static bool is_over(gf_sq_store *store, sqlite3_stmt *s, int64_t mono_ms)
{
    int64_t until = gf_sq_number(s, 2);
    if (until < mono_ms || until > mono_ms + GF_SQ_LEASE_HORIZON_MS)
        return true;
    return sqlite3_column_int(s, 3) == 0 && worker_died(store, s, 4, mono_ms);
}

size_t gf_sq_sets_over(gf_sq_store *store, gf_sq_conn *c, bool made, int64_t *gids, size_t limit)
{
    int64_t mono_ms = gf_mono_ms();
    size_t count = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_SET_LIST);
    while (count < limit && gf_sq_row(c, s))
        if ((made || sqlite3_column_int(s, 3) == 0) && is_over(store, s, mono_ms))
            gids[count++] = sqlite3_column_int64(s, 0);
    gf_sq_done(s);
    return count;
}

static gofer_status look_for_over(gf_sq_conn *c, void *arg)
{
    reclaiming *r = arg;
    r->count = gf_sq_sets_over(r->store, c, true, r->gids, r->limit);
    return GOFER_OK;
}

static gofer_status reclaim(gf_sq_txn *t, void *arg)
{
    reclaiming *r = arg;
    r->done = 0;
    look_for_over(t->conn, r);           // again: numbers may have been used anew meanwhile
    for (size_t i = 0; i < r->count && t->conn->rc == SQLITE_OK; i++) {
        found_set set = { .gid = 0 };
        bool died = false;
        sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_SET_GET);
        gf_sq_bind_int(t->conn, s, 1, r->gids[i]);
        if (gf_sq_row(t->conn, s)) {
            const char *name = (const char *)sqlite3_column_text(s, 1);
            set = (found_set){ .gid = r->gids[i],
                .qid = sqlite3_column_int64(s, 0),
                .made = sqlite3_column_int(s, 2) != 0 };
            sqlite3_snprintf(sizeof set.name, set.name, "%s", name ? name : "");
            died = !set.made && worker_died(r->store, s, 3, t->mono_ms);
            gf_sq_done(s);
        }
        if (!set.gid)
            continue;
        // One whose time was over while its worker lives was only slow.
        if (died)
            GF_SQ_RUN(t->conn, GF_SQL_MEMBER_CRASHED, set.gid, set.gid & GF_SQ_SET_MASK);
        give_back(t, &set);
        GF_SQ_RUN(t->conn, GF_SQL_GROUP_DROP, set.gid);
        r->done += !set.made;
    }
    return GOFER_OK;
}

gofer_status gf_sq_group_reclaim(gf_broker *b, size_t limit, size_t *done)
{
    reclaiming r = { .store = (gf_sq_store *)b, .limit = limit };
    *done = 0;
    r.gids = gf_calloc(limit ? limit : 1, sizeof *r.gids);
    if (!r.gids)
        return gf_fail_nomem("groups to be taken back");
    gofer_status st = gf_sq_read(r.store, look_for_over, &r);
    if (st == GOFER_OK && r.count > 0) {
        gf_sq_op op = { .run = reclaim, .arg = &r, .tasks = 500 };
        st = gf_sq_write(r.store, &op);
        if (st == GOFER_OK)
            *done = r.done;
    }
    gf_free(r.gids);
    return st;
}
