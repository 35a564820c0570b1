// queues.h - what the queues of a store come to, however many; they are gone through by pages.h.
//
// Threads: sums are their owner's.
#ifndef WEB_QUEUES_H
#define WEB_QUEUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "text.h"

enum {
    WEB_FEW_QUEUES = 1000,      // so many are shown and counted at once,
    WEB_QUEUES_PAGE = 250,      //   and of more so many are in memory when all are counted
    WEB_WORST_QUEUES = 100      // of more these are shown
};

// ---- sums

enum { WEB_SUMMED = 18 };

// What is summed of a queue.
typedef struct web_counts {
    int64_t of[WEB_SUMMED];     // by field
    double  fill;               // of its archive, as below
} web_counts;

typedef struct web_sums {
    int64_t queues;
    int64_t of[WEB_SUMMED];     // by field; of times the longest
    char    oldest[256];        // the queue whose task waits longest; "": none waits
    double  fullest;            // fill of an archive, at the most
} web_sums;

// Below 0: its archive has no limit. At 1 the oldest task goes for the next one.
double web_archive_fill(const gofer_info *queue);

web_counts web_counts_of(const gofer_info *queue);
int64_t web_counts_get(const web_counts *counts, const char *field);    // 0: it is not summed
void web_sums_add(web_sums *sums, const gofer_info *queue);
void web_sums_add_counts(web_sums *sums, const char *queue, const web_counts *counts);
// So much later, if nothing has happened: what waits waits longer, and what runs runs longer.
void web_sums_later(web_sums *sums, int64_t ms);
int64_t web_sums_of(const web_sums *sums, const char *field);   // 0: it is not summed
// An object; at_ms: when the store was asked, which it tells with how long ago that is.
void web_sums_put(const web_sums *sums, int64_t at_ms, web_text *out);

// ---- those that need a look most: nobody serves them, tasks wait long, there are many

typedef struct web_worst {
    size_t count;
    struct web_worst_queue {
        int64_t unserved, latency_ms, size;
        char   *json;           // gofer_free
    } at[WEB_WORST_QUEUES];
} web_worst;

gofer_status web_worst_add(web_worst *worst, const gofer_info *queue);
void web_worst_put(const web_worst *worst, web_text *out);      // a list as that of a snapshot
void web_worst_clear(web_worst *worst);

#endif
