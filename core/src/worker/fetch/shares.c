// shares.c - which queue may give how many of the tasks that are taken next, and in which order.
//
// May touch: the fetcher's own fields. On the fetcher's thread; no locks.
#include "worker/fetch/fetcher.h"
#include "worker/subscription.h"

// xorshift64*: shares need to be fair, not secret, and once per exchange is often.
uint64_t gf_fetcher_random(gf_fetcher *c)
{
    c->random ^= c->random >> 12;
    c->random ^= c->random << 25;
    c->random ^= c->random >> 27;
    return c->random * UINT64_C(2685821657736338717);
}

// Queues in random order, each place drawn by weight among those left.
static void draw_order(gf_fetcher *c, const gf_subscribed *queues, size_t count, int64_t weights)
{
    for (size_t i = 0; i < count; i++)
        c->order[i] = i;
    for (size_t i = 0; i + 1 < count; i++) {
        int64_t drawn = (int64_t)(gf_fetcher_random(c) % (uint64_t)weights);
        size_t at = i;
        while (drawn >= queues[c->order[at]].weight)
            drawn -= queues[c->order[at++]].weight;
        size_t queue = c->order[at];
        c->order[at] = c->order[i];
        c->order[i] = queue;
        weights -= queues[queue].weight;
    }
}

// By weight, the heaviest first; equal ones in the random order they come in.
static void sort_by_weight(gf_fetcher *c, const gf_subscribed *queues, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        size_t queue = c->order[i], at = i;
        for (; at > 0 && queues[c->order[at - 1]].weight < queues[queue].weight; at--)
            c->order[at] = c->order[at - 1];
        c->order[at] = queue;
    }
}

void gf_fetcher_plan(gf_fetcher *c, size_t want, bool strict)
{
    const gf_subscribed *queues = c->queues->items;
    size_t count = c->queues->count;
    if (count == 1) {
        c->shares[0] = (gf_share){ queues[0].name, want };
        return;
    }
    int64_t weights = 0, before = 0, total;
    for (size_t i = 0; i < count; i++)
        weights += queues[i].weight;
    draw_order(c, queues, count, weights);
    if (strict)
        sort_by_weight(c, queues, count);

    // Shares of the whole in proportion, rounded by one random offset for all: they add up to
    // `want`, and each is right on the average, even when want is 1.
    total = (int64_t)(gf_fetcher_random(c) % (uint64_t)weights);
    before = total / weights;
    for (size_t i = 0; i < count; i++) {
        const gf_subscribed *queue = &queues[c->order[i]];
        total += (int64_t)want * queue->weight;
        size_t share = strict ? want : (size_t)(total / weights - before);
        before = total / weights;
        c->shares[i] = (gf_share){ queue->name, share };
    }
}
