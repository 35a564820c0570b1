// due.c - how long the store is held while tasks that are due go to pending.
//
//   due URL COUNT
//
// Schedules COUNT tasks for one second, waits for it, and moves them as a worker's housekeeping
// does, in steps of 1000. Prints the longest step, the 99th percentile and the rate. It measures
// through the broker's door, for the step is what counts: another caller of the store waits for one
// step at the most.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "util/clock.h"
#include "util/thread.h"
#include "util/url.h"

enum { STEP = 1000, BATCH = 500, LEAD_MS = 500 };

static void fail(const char *what)
{
    fprintf(stderr, "due: %s: %s\n", what, gofer_error_last());
    exit(1);
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void schedule(gf_broker *b, long count, int64_t at_ms)
{
    static gf_message messages[BATCH];
    static gf_put items[BATCH];
    static char ids[BATCH][24];
    for (long done = 0; done < count;) {
        size_t n = count - done < BATCH ? (size_t)(count - done) : BATCH;
        for (size_t i = 0; i < n; i++) {
            snprintf(ids[i], sizeof ids[i], "t%09ld", done + (long)i);
            messages[i] = (gf_message){
                .id = ids[i],
                .type = "bench:noop",
                .queue = "bench",
                .payload = "x",
                .payload_size = 1,
                .max_retry = 25,
                .enqueued_ms = gf_now_ms(),
            };
            items[i] = (gf_put){ .message = &messages[i], .run_at_ms = at_ms };
        }
        if (b->ops->tasks->put(b, items, n) != GOFER_OK)
            fail("put");
        done += (long)n;
    }
}

// Far enough off that all are scheduled before they are due, which a busy machine may be too slow
// for: then once more, with more time. What is left of it is slept through. When they are due.
static int64_t schedule_ahead(gf_broker *b, long count)
{
    for (int64_t lead_ms = LEAD_MS + count / 20;; lead_ms *= 4) {
        int64_t at_ms = gf_now_ms() + lead_ms;
        schedule(b, count, at_ms);
        if (gf_now_ms() < at_ms)
            return at_ms;
        if (b->ops->act->queue_delete(b, "bench", true) != GOFER_OK)
            fail("queue_delete");
    }
}

int main(int argc, char **argv)
{
    long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    if (count < 1 || count > 100000000) {
        fprintf(stderr, "usage: due URL COUNT\n");
        return 2;
    }
    gf_url url;
    gf_broker *b = NULL;
    gf_broker_config config = { .timeout_ms = 30000, .max_payload = 1 << 20 };
    if (gf_url_parse(&url, argv[1]) != GOFER_OK || gf_broker_open(&b, &url, &config) != GOFER_OK)
        fail("open");

    int64_t at_ms = schedule_ahead(b, count);
    while (gf_now_ms() <= at_ms + 1000)
        gf_sleep_us(20000);

    int64_t *steps = malloc((size_t)(count / 100 + 16) * sizeof *steps), begun_ns = gf_mono_ns();
    size_t step_count = 0;
    long moved = 0;
    if (!steps)
        fail("malloc");
    while (moved < count && step_count < (size_t)(count / 100 + 16)) {
        size_t done = 0;
        int64_t next_ms, from_ns = gf_mono_ns();
        if (b->ops->upkeep->forward(b, STEP, &done, &next_ms) != GOFER_OK)
            fail("forward");
        steps[step_count++] = gf_mono_ns() - from_ns;
        moved += (long)done;
        if (done == 0)
            break;
    }
    double seconds = (double)(gf_mono_ns() - begun_ns) / 1e9;
    if (moved != count) {
        fprintf(stderr, "due: %ld of %ld went to pending\n", moved, count);
        return 1;
    }
    qsort(steps, step_count, sizeof *steps, by_size);
    printf("due_step_max_us %.0f\n", (double)steps[step_count - 1] / 1e3);
    printf("due_step_p99_us %.0f\n", (double)steps[step_count * 99 / 100] / 1e3);
    printf("due_rate %.0f\n", (double)count / seconds);
    free(steps);
    gf_broker_close(b);
    gf_url_clear(&url);
    return 0;
}
