// queue.h - spans that wait to be sent: bounded, and nobody waits at it but who sends them.
#ifndef OTLP_QUEUE_H
#define OTLP_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

typedef struct otlp_queue {
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    otlp_batch      waiting;
    size_t          max, batch;    // spans; a batch is whole at so many
    int64_t         delay_ms, since_ms;    // of the first; monotonic
    uint64_t        dropped;       // since they were taken last
    bool            ended;         // nothing more comes
} otlp_queue;

bool otlp_queue_init(otlp_queue *q, size_t max, size_t batch, int64_t delay_ms);
void otlp_queue_clear(otlp_queue *q);
// Takes the span over; NULL, for which there was no memory, counts as dropped. Any thread.
void otlp_queue_put(otlp_queue *q, otlp_span *span);
// Nothing more comes, and what is there is sent at once. Any thread.
void otlp_queue_end(otlp_queue *q);
// The next batch, once it is whole, or its first span has waited so long, or all is over. An empty
// one: all is over. *dropped: since the last time.
otlp_batch otlp_queue_take(otlp_queue *q, uint64_t *dropped);
// Sleeps until a moment of the monotonic clock, or the end.
void otlp_queue_rest(otlp_queue *q, int64_t until_ms);
bool otlp_queue_ended(otlp_queue *q);
void otlp_batch_free(otlp_batch *batch);

#endif
