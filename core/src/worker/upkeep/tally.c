// tally.c - what a worker has done since its start.
//
// May touch: broker/buckets.h. One thread writes the counts of tasks, so they need no locked
// instruction: a reader sees each number as it was a moment ago.
#include "worker/upkeep/tally.h"

#include <string.h>

#include "broker/buckets.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/hash.h"

const char *gf_outcome_label(gf_outcome_name name)
{
    static const char *const labels[GF_OUTCOMES] = {
        [GF_OUTCOME_DONE] = "done", [GF_OUTCOME_RETRIED] = "retried",
        [GF_OUTCOME_ARCHIVED] = "archived", [GF_OUTCOME_REVOKED] = "revoked",
        [GF_OUTCOME_REQUEUED] = "requeued", [GF_OUTCOME_SNOOZED] = "snoozed",
        [GF_OUTCOME_CANCELLED] = "cancelled", [GF_OUTCOME_EXPIRED] = "expired",
    };
    return labels[name];
}

const char *gf_store_call_name(gf_store_call call)
{
    static const char *const names[GF_CALL_COUNT] = {
        [GF_CALL_EXCHANGE] = "exchange", [GF_CALL_EXTEND] = "extend",
        [GF_CALL_FORWARD] = "forward", [GF_CALL_RECOVER] = "recover",
        [GF_CALL_REGISTER] = "register", [GF_CALL_PROGRESS] = "progress",
        [GF_CALL_EVENTS] = "events", [GF_CALL_FIGURES] = "figures", [GF_CALL_TIDY] = "tidy",
        [GF_CALL_PURGE] = "purge",
    };
    return names[call];
}

// ---- times --------------------------------------------------------------------------------------

// Four buckets of the store's stats, whose edges are powers of two, are one here.
static size_t place_of(int64_t ns)
{
    size_t place = (gf_stats_bucket(ns) + 3) / 4;
    return place < GF_TIMES ? place : GF_TIMES - 1;
}

static void add(_Atomic uint64_t *number, uint64_t more)
{
    uint64_t was = atomic_load_explicit(number, memory_order_relaxed);
    atomic_store_explicit(number, was + more, memory_order_relaxed);
}

static void add_time(gf_times *t, int64_t ns)
{
    int64_t was = atomic_load_explicit(&t->total_ns, memory_order_relaxed);
    add(&t->counts[place_of(ns)], 1);
    atomic_store_explicit(&t->total_ns, was + ns, memory_order_relaxed);
}

// ---- tasks --------------------------------------------------------------------------------------

static bool is(const gf_tally *tally, const char *queue, const char *type)
{
    return strcmp(tally->type, type) == 0 && strcmp(tally->queue, queue) == 0;
}

static void free_tally(gf_tally *tally)
{
    gf_free(tally->queue);
    gf_free(tally->type);
    gf_free(tally);
}

static gf_tally *append(gf_tallies *t, const char *queue, const char *type, uint64_t hash)
{
    gf_tally *tally = gf_calloc(1, sizeof *tally);
    if (!tally)
        return NULL;
    tally->queue = gf_strdup(queue);
    tally->type = gf_strdup(type);
    if (!tally->queue || !tally->type) {
        free_tally(tally);
        return NULL;
    }
    gf_table_add(&t->table, &tally->link, hash);
    tally->older = atomic_load_explicit(&t->newest, memory_order_relaxed);
    atomic_store_explicit(&t->newest, tally, memory_order_release);
    return tally;
}

static gf_tally *look_up(const gf_tallies *t, const char *queue, const char *type, uint64_t hash)
{
    gf_link *link = gf_table_find(&t->table, hash);
    for (; link; link = gf_table_next(link)) {
        gf_tally *tally = (gf_tally *)(void *)link;    // its first member
        if (is(tally, queue, type))
            return tally;
    }
    return NULL;
}

// The one of this queue and type, made if it is not there. count: those of its kind, of at most so
// many. NULL: they are all there, or no memory.
static gf_tally *find(gf_tallies *t, const char *queue, const char *type, size_t *count,
    size_t most)
{
    uint64_t hash = gf_hash_names(queue, type);
    gf_tally *tally = look_up(t, queue, type, hash);
    if (tally || *count >= most)
        return tally;
    tally = append(t, queue, type, hash);
    *count += tally != NULL;
    return tally;
}

static gf_tally *find_other(gf_tallies *t, const char *queue)
{
    atomic_store_explicit(&t->limited, 1, memory_order_relaxed);
    gf_tally *tally = find(t, queue, GF_TALLY_OTHER, &t->others, GF_TALLIES_OTHER);
    return tally ? tally
                 : find(t, GF_TALLY_OTHER, GF_TALLY_OTHER, &t->others, GF_TALLIES_OTHER + 1);
}

void gf_tally_add(gf_tallies *t, const gf_message *m, const gf_outcome *o, int64_t wait_ns,
    int64_t run_ns)
{
    gf_tally *tally = t->latest;
    if (!tally || !is(tally, m->queue, m->type)) {
        tally = find(t, m->queue, m->type, &t->count, GF_TALLIES_MAX);
        if (!tally && !(tally = find_other(t, m->queue)))
            return;
        t->latest = tally;
    }
    add(&tally->outcomes[o->name], 1);
    if (o->is_failure)
        add(&tally->failed, 1);
    if (run_ns >= 0)
        add_time(&tally->run, run_ns);
    if (wait_ns >= 0)
        add_time(&tally->wait, wait_ns);
}

// ---- the store ----------------------------------------------------------------------------------

gofer_status gf_tally_call(gf_tallies *t, gf_store_call call, int64_t begun_ns, gofer_status st)
{
    gf_calls_of *of = &t->calls[call];
    int64_t ns = gf_mono_ns() - begun_ns;
    atomic_fetch_add_explicit(&of->times.counts[place_of(ns)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&of->times.total_ns, ns, memory_order_relaxed);
    if (st != GOFER_OK)
        atomic_fetch_add_explicit(&of->errors, 1, memory_order_relaxed);
    return st;
}

void gf_tallies_clear(gf_tallies *t)
{
    for (gf_tally *tally = atomic_load(&t->newest), *older; tally; tally = older) {
        older = tally->older;
        free_tally(tally);
    }
    gf_table_clear(&t->table);
    atomic_store(&t->newest, NULL);
}
