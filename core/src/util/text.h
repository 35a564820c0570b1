// text.h - checks of what comes from outside: names, durations, times. Threads: any.
#ifndef GF_UTIL_TEXT_H
#define GF_UTIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

// The most bytes of a name: of a queue, a task's id or type, a group. What callers give is checked
// by gf_check_name; what other programs have left in a store by gf_name_fits, where it is read.
// `gofer doctor` tells of what does not fit.
enum { GF_NAME_MAX = 255 };

// 1 to GF_NAME_MAX bytes of UTF-8 without NUL: no more, for a store's name may hold what
// gf_check_name refuses.
bool gf_name_fits(const void *bytes, size_t size);

// 1 to 255 bytes of printable UTF-8, else EINVAL; what is "queue name", "task type", …
// Queue names may not hold '{' or '}' (they would break the hash tag of Redis Cluster).
gofer_status gf_check_name(const char *what, const char *name);
gofer_status gf_check_queue(const char *name);

// 0 to GOFER_MAX_DURATION_MS, else EINVAL naming `what`.
gofer_status gf_check_duration(const char *what, int64_t ms);
// How many a page of a public list has at the most: 1 to GF_PAGE_MAX, 0 is GF_PAGE_DEFAULT.
enum { GF_PAGE_DEFAULT = 30, GF_PAGE_MAX = 1000 };
gofer_status gf_check_limit(int32_t limit, size_t *out);
// 0 to the year 9999, else EINVAL naming `what`.
gofer_status gf_check_time(const char *what, int64_t unix_ms);

#endif
