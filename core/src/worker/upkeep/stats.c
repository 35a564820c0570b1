// stats.c - how long tasks wait and run, by queue and type.
//
// May touch: broker/buckets.h, broker/broker.h. The fetcher counts what it has handed in, the
// housekeeping hands over what was counted: a lock that hardly ever has two takers, and no store on
// the way of a task.
#include "worker/upkeep/stats.h"

#include <string.h>

#include "broker/buckets.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/hash.h"

enum { AT_ONCE = 64 };             // stats in one call to the store: some 60 KB

// ---- the table ----------------------------------------------------------------------------

static bool is(const gf_type_stats *stat, const char *queue, const char *type)
{
    return strcmp(stat->type, type) == 0 && strcmp(stat->queue, queue) == 0;
}

static void free_names(gf_type_stats *stat)
{
    gf_free((char *)stat->queue);
    gf_free((char *)stat->type);
}

static void free_table(gf_stats_table *t)
{
    for (size_t i = 0; t && i < t->count; i++)
        free_names(&t->items[i]);
    if (t)
        gf_free(t->items);
    gf_free(t);
}

static gf_type_stats *append(gf_stats_table *t, const char *queue, const char *type)
{
    if (!gf_grow(t->items, t->capacity, t->count + 1))
        return NULL;
    gf_type_stats *stat = &t->items[t->count];
    *stat = (gf_type_stats){ .queue = gf_strdup(queue), .type = gf_strdup(type) };
    if (!stat->queue || !stat->type) {
        free_names(stat);
        return NULL;
    }
    t->count++;
    return stat;
}

static gf_type_stats *find(gf_stats_table *t, const char *queue, const char *type)
{
    if (t->latest < t->count && is(&t->items[t->latest], queue, type))
        return &t->items[t->latest];
    size_t place = gf_hash_names(queue, type) % GF_STATS_PLACES;
    for (; t->places[place]; place = (place + 1) % GF_STATS_PLACES) {
        t->latest = t->places[place] - 1u;
        if (is(&t->items[t->latest], queue, type))
            return &t->items[t->latest];
    }
    bool full = t->count - t->others >= GF_STATS_MAX;
    if (full && strcmp(type, "other") != 0)
        return find(t, queue, "other");
    if (full && t->others >= GF_STATS_OTHER)
        return NULL;
    gf_type_stats *stat = append(t, queue, type);
    if (!stat)
        return NULL;
    t->others += full;
    t->latest = t->count - 1;
    t->places[place] = (uint16_t)t->count;
    return stat;
}

// ---- counting -------------------------------------------------------------------------------

// Locks: f->lock held.
static gf_type_stats *stat_of(gf_stats *f, const char *queue, const char *type)
{
    if (!f->table)
        f->table = gf_calloc(1, sizeof *f->table);
    return f->table ? find(f->table, queue, type) : NULL;
}

void gf_stats_add(gf_stats *f, const gf_message *m, int64_t wait_ns, int64_t run_ns, bool failed)
{
    gf_type_stats *stat = stat_of(f, m->queue, m->type);
    if (!stat)
        return;
    stat->done += !failed;
    stat->failed += failed;
    stat->run[gf_stats_bucket(run_ns)]++;
    stat->wait[gf_stats_bucket(wait_ns)] += wait_ns >= 0;
}

// ---- handing over ------------------------------------------------------------------------------

static void count_on(gf_stats *f, const gf_type_stats *items, size_t count)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < count; i++) {
        gf_type_stats *stat = stat_of(f, items[i].queue, items[i].type);
        if (!stat)
            continue;
        stat->done += items[i].done;
        stat->failed += items[i].failed;
        for (size_t k = 0; k < GF_STATS_BUCKETS; k++) {
            stat->wait[k] += items[i].wait[k];
            stat->run[k] += items[i].run[k];
        }
    }
    pthread_mutex_unlock(&f->lock);
}

gofer_status gf_stats_flush(gf_stats *f, gf_broker *b)
{
    gofer_status st = GOFER_OK;
    pthread_mutex_lock(&f->lock);
    gf_stats_table *t = f->table;
    f->table = NULL;
    pthread_mutex_unlock(&f->lock);
    size_t at = 0, n = 0, count = t ? t->count : 0;
    for (; at < count && st == GOFER_OK; at += n) {
        n = count - at < AT_ONCE ? count - at : AT_ONCE;
        st = b->ops->inspect->stats_add(b, t->items + at, n);
    }
    // These were not added. Of an uncertain call it is not known: better not
    // counted than counted twice.
    if (st != GOFER_OK && st != GOFER_EUNCERTAIN)
        at -= n;
    count_on(f, t ? t->items + at : NULL, count - at);
    free_table(t);
    return st;
}

void gf_stats_clear(gf_stats *f)
{
    free_table(f->table);
    f->table = NULL;
}
