// crowd.c - which of very many queues that patterns match a worker serves for now: each exchange
// with the store names all, so those with tasks are enough.
//
// Pure, but for the memory of names that are left out.
#include "worker/crowd.h"

#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"

static void keep_where(gf_names *names, bool (*keeps)(const void *arg, size_t at), const void *arg)
{
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (keeps(arg, i))
            names->names[kept++] = names->names[i];
        else
            gf_free(names->names[i]);
    }
    names->count = kept;
}

// ---- what matches -------------------------------------------------------------------------------

typedef struct matching {
    const gf_subscription *subscription;
    char *const           *names;
} matching;

static bool matches(const void *arg, size_t at)
{
    const matching *m = arg;
    return gf_subscription_pattern(m->subscription, m->names[at]) != NULL;
}

void gf_crowd_match(const gf_subscription *subscription, gf_names *names)
{
    const matching m = { subscription, names->names };
    keep_where(names, matches, &m);
}

// ---- what is chosen -----------------------------------------------------------------------------

typedef struct chosen {
    const bool         *filled;
    char *const        *names;
    const gf_queue_set *old;
    size_t first, last;            // filled ones: those at [first, last), or if first > last those
                                   //   that are not at [last, first)
    size_t idle;                   // so many without tasks may still stay
} chosen;

// The named ones come first in a set, in an order of their own; those of patterns by name.
static bool was_served(const gf_queue_set *set, const char *name)
{
    size_t low = set->named, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(set->items[middle].name, name);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool is_chosen(const void *arg, size_t at)
{
    chosen *c = (chosen *)arg;     // its `idle` counts down
    if (c->filled[at])
        return c->first <= c->last ? at >= c->first && at < c->last
                                   : at >= c->first || at < c->last;
    if (!c->old || c->idle == 0 || !was_served(c->old, c->names[at]))
        return false;
    c->idle--;
    return true;
}

bool gf_crowd_choose(gf_names *names, const bool *filled, const gf_queue_set *old, size_t *turn)
{
    size_t count = names->count, with_tasks = 0;
    for (size_t i = 0; i < count; i++)
        with_tasks += filled[i];
    size_t room = with_tasks < GF_SUBSCRIBED_MAX ? GF_SUBSCRIBED_MAX - with_tasks : 0;
    chosen c = { .filled = filled, .names = names->names, .old = old, .last = count,
        .idle = room < GF_CROWD_IDLE ? room : GF_CROWD_IDLE };
    if (with_tasks > GF_SUBSCRIBED_MAX) {
        size_t at = c.first = *turn % count, taken = 0;
        for (; taken < GF_SUBSCRIBED_MAX; at = (at + 1) % count)
            taken += filled[at];
        *turn = c.last = at;
    }
    keep_where(names, is_chosen, &c);
    return with_tasks > GF_SUBSCRIBED_MAX;
}
