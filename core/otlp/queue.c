// queue.c - spans that wait to be sent.
//
// Locks: the queue's own, held for a few assignments. A put wakes the sender when it brings the
// first span, or makes a batch whole: not for each.
#include "queue.h"

#include <stdlib.h>

#include "util/clock.h"
#include "util/thread.h"

bool otlp_queue_init(otlp_queue *q, size_t max, size_t batch, int64_t delay_ms)
{
    *q = (otlp_queue){ .max = max, .batch = batch, .delay_ms = delay_ms };
    if (pthread_mutex_init(&q->lock, NULL) != 0)
        return false;
    if (gf_cond_init(&q->changed) == 0)
        return true;
    pthread_mutex_destroy(&q->lock);
    return false;
}

void otlp_batch_free(otlp_batch *batch)
{
    while (batch->first) {
        otlp_span *span = batch->first;
        batch->first = span->next;
        free(span);
    }
    *batch = (otlp_batch){ NULL, NULL, 0 };
}

void otlp_queue_clear(otlp_queue *q)
{
    otlp_batch_free(&q->waiting);
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
}

static void push(otlp_batch *batch, otlp_span *span)
{
    span->next = NULL;
    if (batch->last)
        batch->last->next = span;
    else
        batch->first = span;
    batch->last = span;
    batch->count++;
}

void otlp_queue_put(otlp_queue *q, otlp_span *span)
{
    pthread_mutex_lock(&q->lock);
    bool takes = span && !q->ended && q->waiting.count < q->max;
    if (takes) {
        if (q->waiting.count == 0)
            q->since_ms = gf_mono_ms();
        push(&q->waiting, span);
        if (q->waiting.count == 1 || q->waiting.count == q->batch)
            pthread_cond_signal(&q->changed);
    } else {
        q->dropped++;
    }
    pthread_mutex_unlock(&q->lock);
    if (!takes)
        free(span);
}

void otlp_queue_end(otlp_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->ended = true;
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

bool otlp_queue_ended(otlp_queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool ended = q->ended;
    pthread_mutex_unlock(&q->lock);
    return ended;
}

// Locks: q->lock held. How long until the batch may go; 0: now.
static int64_t wait_ms(const otlp_queue *q)
{
    if (q->ended || q->waiting.count >= q->batch)
        return 0;
    if (q->waiting.count == 0)
        return -1;
    int64_t left = q->since_ms + q->delay_ms - gf_mono_ms();
    return left > 0 ? left : 0;
}

otlp_batch otlp_queue_take(otlp_queue *q, uint64_t *dropped)
{
    otlp_batch taken = { NULL, NULL, 0 };
    pthread_mutex_lock(&q->lock);
    for (int64_t left; (left = wait_ms(q)) != 0;)
        gf_cond_wait(&q->changed, &q->lock, left);
    while (taken.count < q->batch && q->waiting.first) {
        otlp_span *span = q->waiting.first;
        q->waiting.first = span->next;
        if (!span->next)
            q->waiting.last = NULL;
        q->waiting.count--;
        push(&taken, span);
    }
    q->since_ms = gf_mono_ms();
    *dropped = q->dropped;
    q->dropped = 0;
    pthread_mutex_unlock(&q->lock);
    return taken;
}

void otlp_queue_rest(otlp_queue *q, int64_t until_ms)
{
    int64_t left;
    pthread_mutex_lock(&q->lock);
    while (!q->ended && (left = until_ms - gf_mono_ms()) > 0)
        gf_cond_wait(&q->changed, &q->lock, left);
    pthread_mutex_unlock(&q->lock);
}
