// error.h - the calling thread's last error: set once, where the cause is known.
//
// Who hands a status on leaves the text alone, or puts words before it. Threads: each has its own.
#ifndef GF_UTIL_ERROR_H
#define GF_UTIL_ERROR_H

#include "gofer/gofer.h"

// Record a failure of this thread and return its status: `return gf_fail(GOFER_EINVAL, …)`.
// The text says what failed, with which input, what to do; it is cut at 1 KiB. It never
// holds a password.
gofer_status gf_fail(gofer_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// The same for "no memory for <what>", without formatting.
gofer_status gf_fail_nomem(const char *what);

// Keep the status but put words before the text: gf_fail_add(st, "queue 'mail'").
gofer_status gf_fail_add(gofer_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
