// log.h - log lines of a handle: one sentence and a JSON object of particulars.
#ifndef GF_UTIL_LOG_H
#define GF_UTIL_LOG_H

#include "gofer/gofer.h"

typedef struct gf_log {
    gofer_log_fn fn;    // NULL: silent
    void        *user;
} gf_log;

// fields: pairs of name and value, ended by NULL; a name that starts with '#' has a number
// as text for its value: gf_logf(log, GOFER_LOG_INFO, "task failed", "task", id, "#attempt", "3", NULL)
void gf_logf(const gf_log *log, int32_t level, const char *text, ...) __attribute__((sentinel));

// True if somebody listens; spares the making of fields.
static inline int gf_log_on(const gf_log *log) { return log && log->fn != NULL; }

#endif
