// roll.c - who is in the crews of a worker, and what they do.
//
// May touch: pool, lane. Locks: the pool's, held by the caller.
#include "worker/run/roll.h"

#include <stdlib.h>

#include "util/alloc.h"
#include "worker/run/lane.h"
#include "worker/run/pool.h"

void gf_roll_clear(gf_roll *roll)
{
    gf_free(roll->items);
    *roll = (gf_roll){ 0 };
}

gf_roll_sums gf_rolls_sum(const gf_pool *p)
{
    gf_roll_sums all = { 0 };
    for (const gf_lane *lane = p->lanes; lane; lane = lane->next) {
        all.children += lane->roll.sums.children;
        all.busy += lane->roll.sums.busy;
        all.want += lane->roll.sums.want;
        all.restarts += lane->roll.sums.restarts;
    }
    return all;
}

static int by_place(const void *a, const void *b)
{
    const gf_enrolled *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->started_ms < y->started_ms ? -1 : x->started_ms > y->started_ms;
}

// The lane that was registered last is the first of the list.
static size_t copy_from(const gf_lane *lane, gf_enrolled *out, size_t room)
{
    if (!lane)
        return 0;
    size_t before = copy_from(lane->next, out, room), count = 0;
    for (; count < lane->roll.count && before + count < room; count++)
        out[before + count] = lane->roll.items[count];
    if (count > 1)
        qsort(out + before, count, sizeof *out, by_place);
    return before + count;
}

size_t gf_rolls_copy(const gf_pool *p, gf_enrolled *out, size_t room)
{
    return copy_from(p->lanes, out, room);
}
