// stats.c - how many tasks of a type ran in an hour and in a minute, and a histogram of how long
// they waited and ran.
//
// A histogram is kept as pairs of a bucket (one byte) and its count (four, the low one first), for
// most buckets are empty.
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"
#include "util/sum.h"

enum { PAIR = 5, PACKED_MAX = PAIR * GF_STATS_BUCKETS, ROW_BYTES = 256 };

_Static_assert(GF_STATS_BUCKETS <= 256, "a bucket's number is a byte");

static size_t pack(const uint32_t *buckets, unsigned char *out)
{
    size_t size = 0;
    for (int i = 0; i < GF_STATS_BUCKETS; i++) {
        if (!buckets[i])
            continue;
        out[size++] = (unsigned char)i;
        for (int byte = 0; byte < 4; byte++)
            out[size++] = (unsigned char)(buckets[i] >> (8 * byte));
    }
    return size;
}

static void add_count(uint32_t *bucket, uint32_t count)
{
    *bucket = *bucket > UINT32_MAX - count ? UINT32_MAX : *bucket + count;
}

static void unpack_onto(uint32_t *buckets, const unsigned char *packed, size_t size)
{
    for (size_t at = 0; packed && at + PAIR <= size; at += PAIR) {
        uint32_t count = (uint32_t)packed[at + 1] | (uint32_t)packed[at + 2] << 8 |
            (uint32_t)packed[at + 3] << 16 | (uint32_t)packed[at + 4] << 24;
        if (packed[at] < GF_STATS_BUCKETS)
            add_count(&buckets[packed[at]], count);
    }
}

// Columns done, failed, wait, run from `at` on.
static void read_onto(gf_type_stats *sum, sqlite3_stmt *s, int at)
{
    sum->done = gf_sum(sum->done, gf_sq_number(s, at));
    sum->failed = gf_sum(sum->failed, gf_sq_number(s, at + 1));
    unpack_onto(sum->wait, sqlite3_column_blob(s, at + 2), (size_t)sqlite3_column_bytes(s, at + 2));
    unpack_onto(sum->run, sqlite3_column_blob(s, at + 3), (size_t)sqlite3_column_bytes(s, at + 3));
}

// ---- add ---------------------------------------------------------------------------------------

typedef struct adding {
    const gf_type_stats *items;
    size_t               count;
} adding;

// A table that has them by one length of step.
typedef struct table {
    int64_t step_ms;
    gf_sql  get, set, list;
} table;

static const table tables[] = {
    { GF_STATS_HOUR_MS, GF_SQL_STATS_GET, GF_SQL_STATS_SET, GF_SQL_STATS_HOURS },
    { GF_STATS_MINUTE_MS, GF_SQL_MINUTE_GET, GF_SQL_MINUTE_SET, GF_SQL_MINUTE_LIST },
};

enum { TABLES = sizeof tables / sizeof *tables };

static void bind_key(gf_sq_conn *c, sqlite3_stmt *s, const gf_type_stats *item, int64_t step)
{
    gf_sq_bind_text(c, s, 1, item->queue);
    gf_sq_bind_text(c, s, 2, item->type);
    gf_sq_bind_int(c, s, 3, step);
}

static void add_to(gf_sq_txn *t, const table *to, const gf_type_stats *item)
{
    unsigned char wait[PACKED_MAX], run[PACKED_MAX];
    int64_t step = t->now_ms / to->step_ms;
    gf_type_stats sum = *item;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, to->get);
    bind_key(t->conn, s, &sum, step);
    if (gf_sq_row(t->conn, s))
        read_onto(&sum, s, 0);
    gf_sq_done(s);
    s = gf_sq_stmt(t->conn, to->set);
    bind_key(t->conn, s, &sum, step);
    gf_sq_bind_int(t->conn, s, 4, sum.done);
    gf_sq_bind_int(t->conn, s, 5, sum.failed);
    gf_sq_bind_blob(t->conn, s, 6, wait, pack(sum.wait, wait));
    gf_sq_bind_blob(t->conn, s, 7, run, pack(sum.run, run));
    gf_sq_run(t->conn, s);
}

static gofer_status add(gf_sq_txn *t, void *arg)
{
    const adding *a = arg;
    for (size_t i = 0; i < a->count * TABLES && t->conn->rc == SQLITE_OK; i++)
        add_to(t, &tables[i % TABLES], &a->items[i / TABLES]);
    return GOFER_OK;
}

gofer_status gf_sq_stats_add(gf_broker *b, const gf_type_stats *items, size_t count)
{
    adding a = { items, count };
    gf_sq_op op = { .run = add,
        .arg = &a,
        .flags = GF_SQ_ADDS,
        .tasks = count,
        .bytes = (int64_t)count * ROW_BYTES };
    return count ? gf_sq_write((gf_sq_store *)b, &op) : GOFER_OK;
}

// ---- sums ---------------------------------------------------------------------------------------

typedef struct summing {
    const char *queue;
    int64_t     since_ms;
    gf_type_stats *items;                // owned, as are their texts until they are packed
    size_t      count, room;
} summing;

static void clear(summing *sum)
{
    for (size_t i = 0; i < sum->count; i++) {
        gf_free((char *)sum->items[i].queue);
        gf_free((char *)sum->items[i].type);
    }
    gf_free(sum->items);
    sum->items = NULL;
    sum->count = sum->room = 0;
}

static gf_type_stats *new_item(summing *sum, const char *queue, const char *type)
{
    if (!gf_grow(sum->items, sum->room, sum->count + 1))
        return NULL;
    gf_type_stats one = { .queue = gf_strdup(queue), .type = gf_strdup(type) };
    if (!one.queue || !one.type) {
        gf_free((char *)one.queue);
        gf_free((char *)one.type);
        return NULL;
    }
    sum->items[sum->count] = one;
    return &sum->items[sum->count++];
}

static gofer_status sum_up(gf_sq_conn *c, void *arg)
{
    summing *sum = arg;
    gf_type_stats *last = NULL;
    bool ok = true;
    clear(sum);
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_STATS_LIST);
    gf_sq_bind_text(c, s, 1, sum->queue);
    gf_sq_bind_int(c, s, 2, sum->since_ms / GF_STATS_HOUR_MS);
    while (ok && gf_sq_row(c, s)) {      // by queue and type
        const char *queue = gf_sq_name(s, 0), *type = (const char *)sqlite3_column_text(s, 1);
        if (!queue || !type)
            continue;                    // no gofer wrote that
        if (!last || strcmp(last->queue, queue) != 0 || strcmp(last->type, type) != 0)
            last = new_item(sum, queue, type);
        ok = last != NULL;
        if (ok)
            read_onto(last, s, 2);
    }
    gf_sq_done(s);
    return ok ? GOFER_OK : gf_fail_nomem("stats");
}

static const char *copy_to(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);
    *at += size;
    return copy;
}

// One allocation: the items, and their texts behind them.
static gf_type_stats *packed(const summing *sum)
{
    size_t size = (sum->count + 1) * sizeof(gf_type_stats);
    for (size_t i = 0; i < sum->count; i++)
        size += strlen(sum->items[i].queue) + strlen(sum->items[i].type) + 2;
    gf_type_stats *items = gf_alloc(size);
    if (!items)
        return NULL;
    char *at = (char *)(items + sum->count);
    for (size_t i = 0; i < sum->count; i++) {
        items[i] = sum->items[i];
        items[i].queue = copy_to(&at, items[i].queue);
        items[i].type = copy_to(&at, items[i].type);
    }
    return items;
}

gofer_status gf_sq_stats(
    gf_broker *b, const char *queue, int64_t since_ms, gf_type_stats **out, size_t *count)
{
    summing sum = { .queue = queue, .since_ms = since_ms };
    gofer_status st = gf_sq_read((gf_sq_store *)b, sum_up, &sum);
    gf_type_stats *items = st == GOFER_OK ? packed(&sum) : NULL;
    if (items) {
        *out = items;
        *count = sum.count;
    }
    clear(&sum);
    return st == GOFER_OK && !items ? gf_fail_nomem("stats") : st;
}

// ---- by steps -----------------------------------------------------------------------------------

typedef struct steps_query {
    const gf_stats_steps *which;
    gf_type_stats        *sums;
} steps_query;

static gofer_status sum_steps(gf_sq_conn *c, void *arg)
{
    const steps_query *q = arg;
    const gf_stats_steps *which = q->which;
    const table *from = tables;
    while (from->step_ms != which->step_ms)
        from++;
    memset(q->sums, 0, which->count * sizeof *q->sums);     // it may be run again
    sqlite3_stmt *s = gf_sq_stmt(c, from->list);
    gf_sq_bind_text(c, s, 1, which->queue);
    gf_sq_bind_text(c, s, 2, which->type);
    gf_sq_bind_int(c, s, 3, which->first);
    gf_sq_bind_int(c, s, 4, which->first + (int64_t)which->count);
    while (gf_sq_row(c, s))
        read_onto(&q->sums[gf_sq_number(s, 0) - which->first], s, 1);
    gf_sq_done(s);
    return GOFER_OK;
}

gofer_status gf_sq_stats_steps(gf_broker *b, const gf_stats_steps *which, gf_type_stats *sums)
{
    steps_query q = { which, sums };
    return gf_sq_read((gf_sq_store *)b, sum_steps, &q);
}
