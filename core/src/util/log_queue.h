// log_queue.h - log lines on their way to the host's callback: nobody who logs waits for it.
//
// A thread of its own calls the callback, one line after the other. What it does not keep up with
// is left out, counted, and told later in a line of its own.
#ifndef GF_UTIL_LOG_QUEUE_H
#define GF_UTIL_LOG_QUEUE_H

#include "util/log.h"

enum {
    GF_LOG_LINES_HELD = 4096,      // not written yet; more are left out
    GF_LOG_BYTES_HELD = 1024 * 1024,
    GF_LOG_TEXT_MAX = 8 * 1024,    // of one line; longer ones are cut
    GF_LOG_CLOSE_MS = 2000         // so long what was logged may still be written at the close
};

typedef struct gf_log_queue gf_log_queue;

// The thread comes with the first line. NULL: no memory.
gf_log_queue *gf_log_queue_open(gofer_log_fn fn, void *user);
// Writes what there is, GF_LOG_CLOSE_MS long at the most. The callback is not called after that;
// one that is being called then, and does not return, is left behind. Lines that come later are
// dropped. Repeating is fine.
void gf_log_queue_close(gf_log_queue *q);
void gf_log_queue_free(gf_log_queue *q);       // closed; nobody logs any more. NULL is fine

// A log that leads there.
gf_log gf_log_queue_log(gf_log_queue *q);

#endif
