// digest.c - of many events the first ones whole, and of the others how many there are.
//
// May touch: util. Rows are found and added without a lock, for every task passes here twice. An
// event that is not told whole is carried by one that is: the first of its queue and kind since the
// last sending always is, so no number is left behind.
#include "worker/upkeep/digest.h"

#include <string.h>

#include "util/alloc.h"
#include "util/hash.h"

static void free_row(gf_digest_row *row)
{
    gf_free(row->queue);
    gf_free(row);
}

static gf_digest_row *new_row(gf_digest *d, const char *queue)
{
    if (atomic_fetch_add(&d->count, 1) >= GF_DIGEST_PLACES / 2) {
        atomic_fetch_sub(&d->count, 1);
        return NULL;
    }
    gf_digest_row *row = gf_calloc(1, sizeof *row);
    if (row)
        row->queue = gf_strdup(queue);
    if (row && row->queue)
        return row;
    gf_free(row);
    atomic_fetch_sub(&d->count, 1);
    return NULL;
}

static void link_row(gf_digest *d, gf_digest_row *row)
{
    row->next = atomic_load(&d->first);
    while (!atomic_compare_exchange_weak(&d->first, &row->next, row))
        ;
}

// In an empty place, unless another thread is there first: with this queue, or with another one.
static gf_digest_row *add_row(gf_digest *d, const char *queue, _Atomic(gf_digest_row *) *place)
{
    gf_digest_row *row = new_row(d, queue), *there = NULL;
    if (!row)
        return NULL;
    if (atomic_compare_exchange_strong(place, &there, row)) {
        link_row(d, row);
        return row;
    }
    free_row(row);
    atomic_fetch_sub(&d->count, 1);
    return there;
}

gf_digest_sum *gf_digest_find(gf_digest *d, const char *queue, gf_event_kind kind)
{
    gf_digest_row *latest = atomic_load_explicit(&d->latest, memory_order_acquire);
    if (latest && strcmp(latest->queue, queue) == 0)
        return &latest->sums[kind];
    size_t at = (size_t)gf_hash_text(queue) % GF_DIGEST_PLACES;
    for (;; at = (at + 1) % GF_DIGEST_PLACES) {
        gf_digest_row *row = atomic_load_explicit(&d->places[at], memory_order_acquire);
        if (!row && !(row = add_row(d, queue, &d->places[at])))
            return NULL;
        if (strcmp(row->queue, queue) != 0)
            continue;
        atomic_store_explicit(&d->latest, row, memory_order_release);
        return &row->sums[kind];
    }
}

uint32_t gf_digest_take(gf_digest_sum *sum, size_t *carrier)
{
    uint32_t seen = atomic_load_explicit(&sum->seen, memory_order_relaxed), more = 0;
    if (seen)
        seen = atomic_exchange(&sum->seen, 0);
    if (seen > GF_DIGEST_WHOLE)
        atomic_fetch_add(&sum->owed, seen - GF_DIGEST_WHOLE);
    if (sum->carrier)
        more = atomic_exchange(&sum->owed, 0);
    *carrier = sum->carrier ? sum->carrier - 1 : 0;
    sum->carrier = 0;
    return more;
}

void gf_digest_clear(gf_digest *d)
{
    for (gf_digest_row *row = atomic_load(&d->first), *next; row; row = next) {
        next = row->next;
        free_row(row);
    }
    *d = (gf_digest){ .first = NULL };
}
