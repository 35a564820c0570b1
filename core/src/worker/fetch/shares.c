// shares.c - which queue may give how many of the tasks that are taken next, and in which order.
//
// May touch: the fetcher's own fields. On the fetcher's thread; no locks.
#include "worker/fetch/fetcher.h"

#include <string.h>

#include "worker/subscription.h"

// xorshift64*: shares need to be fair, not secret, and once per exchange is often.
uint64_t gf_fetcher_random(gf_fetcher *f)
{
    f->random ^= f->random >> 12;
    f->random ^= f->random << 25;
    f->random ^= f->random >> 27;
    return f->random * UINT64_C(2685821657736338717);
}

// Sums of weights as a tree (Fenwick's), so that very many queues are drawn from in steps of their
// logarithm: the one at n, from 1, is of so many queues up to the nth as n's lowest bit says.
static size_t lowest_bit(size_t n)
{
    return n & (~n + 1);
}

static void add_sums(gf_fetcher *f, const gf_subscribed *queues, size_t count)
{
    memset(f->sums, 0, (count + 1) * sizeof *f->sums);
    for (size_t n = 1; n <= count; n++) {
        size_t above = n + lowest_bit(n);
        f->sums[n] += queues[n - 1].weight;
        if (above <= count)
            f->sums[above] += f->sums[n];
    }
}

// The queue in whose part of all that is left `drawn` falls; it is left no more.
static size_t take_out(gf_fetcher *f, const gf_subscribed *queues, size_t count, int64_t drawn)
{
    size_t queue = 0, step = 1;
    while (2 * step <= count)
        step *= 2;
    for (; step; step /= 2)
        if (queue + step <= count && f->sums[queue + step] <= drawn) {
            queue += step;
            drawn -= f->sums[queue];
        }
    for (size_t n = queue + 1; n <= count; n += lowest_bit(n))
        f->sums[n] -= queues[queue].weight;
    return queue;
}

// Queues in random order, each place drawn by weight among those left.
static void draw_order(gf_fetcher *f, const gf_subscribed *queues, size_t count, int64_t weights)
{
    add_sums(f, queues, count);
    for (size_t i = 0; i < count; i++) {
        int64_t drawn = (int64_t)(gf_fetcher_random(f) % (uint64_t)weights);
        f->order[i] = take_out(f, queues, count, drawn);
        weights -= queues[f->order[i]].weight;
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
