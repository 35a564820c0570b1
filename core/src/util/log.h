// log.h - log lines of a handle: one sentence and a JSON object of particulars.
//
// Whoever logs calls the function that the handle has; behind it is mostly log_queue.h, so nobody
// waits. Threads: any.
#ifndef GF_UTIL_LOG_H
#define GF_UTIL_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "gofer/gofer.h"

typedef struct gf_log {
    gofer_log_fn fn;    // NULL: silent
    void        *user;
} gf_log;

// fields: pairs of name and value, ended by NULL; a name that starts with '#' has a number
// as text for its value: gf_logf(log, GOFER_LOG_INFO, "task failed", "task", id,
// "#attempt", "3", NULL)
void gf_logf(const gf_log *log, int32_t level, const char *text, ...) __attribute__((sentinel));

// What one source (a task's handler) may log in a second: who floods the log does not push
// out what others say.
enum { GF_LOG_LINES_A_SECOND = 2000, GF_LOG_BYTES_A_SECOND = 512 * 1024 };

typedef struct gf_log_rate {
    int64_t since_ms;      // monotonic: when this second began
    size_t  lines, bytes;  // let through in it
    size_t  left_out;      // since it was last told
} gf_log_rate;

// May a line of so many bytes pass? *left_out: so many were left out before it, to be
// told first; 0: none.
bool gf_log_rate_pass(gf_log_rate *r, int64_t now_ms, size_t size, size_t *left_out);
// The line that tells of them.
void gf_log_rate_say(size_t left_out, char *out, size_t size);

// True if somebody listens; spares the making of fields.
static inline int gf_log_on(const gf_log *log) { return log && log->fn != NULL; }

#endif
