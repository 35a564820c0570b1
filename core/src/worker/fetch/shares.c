// shares.c - which queue may give how many of the tasks that are taken next, and in which order.
//
// May touch: the fetcher's own fields. On the fetcher's thread; no locks.
#include "worker/fetch/fetcher.h"
#include "worker/subscription.h"

// xorshift64*: shares need to be fair, not secret, and once per exchange is often.
uint64_t gf_fetcher_random(gf_fetcher *f)
{
    f->random ^= f->random >> 12;
    f->random ^= f->random << 25;
    f->random ^= f->random >> 27;
    return f->random * UINT64_C(2685821657736338717);
}

// Queues in random order, each place drawn by weight among those left.
static void draw_order(gf_fetcher *f, const gf_subscribed *queues, size_t count, int64_t weights)
{
    for (size_t i = 0; i < count; i++)
        f->order[i] = i;
    for (size_t i = 0; i + 1 < count; i++) {
        int64_t drawn = (int64_t)(gf_fetcher_random(f) % (uint64_t)weights);
        size_t at = i;
        while (drawn >= queues[f->order[at]].weight)
            drawn -= queues[f->order[at++]].weight;
        size_t queue = f->order[at];
        f->order[at] = f->order[i];
        f->order[i] = queue;
        weights -= queues[queue].weight;
    }
}

// By weight, the heaviest first; equal ones in the random order they come in.
static void sort_by_weight(gf_fetcher *f, const gf_subscribed *queues, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        size_t queue = f->order[i], at = i;
        for (; at > 0 && queues[f->order[at - 1]].weight < queues[queue].weight; at--)
            f->order[at] = f->order[at - 1];
        f->order[at] = queue;
    }
}

void gf_fetcher_plan(gf_fetcher *f, size_t want, bool strict)
{
    const gf_subscribed *queues = f->queues->items;
    size_t count = f->queues->count;
    if (count == 1) {
        f->shares[0] = (gf_share){ queues[0].name, want };
        return;
    }
    int64_t weights = 0, before = 0, total;
    for (size_t i = 0; i < count; i++)
        weights += queues[i].weight;
    draw_order(f, queues, count, weights);
    if (strict)
        sort_by_weight(f, queues, count);

    // Shares of the whole in proportion, rounded by one random offset for all: they add up to
    // `want`, and each is right on the average, even when want is 1.
    total = (int64_t)(gf_fetcher_random(f) % (uint64_t)weights);
    before = total / weights;
    for (size_t i = 0; i < count; i++) {
        const gf_subscribed *queue = &queues[f->order[i]];
        total += (int64_t)want * queue->weight;
        size_t share = strict ? want : (size_t)(total / weights - before);
        before = total / weights;
        f->shares[i] = (gf_share){ queue->name, share };
    }
}
