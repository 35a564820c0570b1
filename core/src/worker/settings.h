// settings.h - the worker's knobs by name: one table of what there is, its range and default.
//
// Set before start by one thread, then only read; the concurrency that runs is the pool's.
#ifndef GF_WORKER_SETTINGS_H
#define GF_WORKER_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

// Every value is an int64_t, so that one table can describe them all.
typedef struct gf_settings {
    int64_t concurrency;
    int64_t strict;
    int64_t grace_ms;
    int64_t lease_ms;
    int64_t drain;
    int64_t crash_limit;
    int64_t max_prefetch;
    int64_t gather_us;             // microseconds
    int64_t retry_delay_max_ms;    // 0: none
    int64_t no_handler_delay_ms;
    int64_t lost_after_ms;
    int64_t snooze_limit;
    int64_t encrypted_only;
    int64_t pull;
    int64_t stack_size;            // bytes, of each slot's thread
    int64_t log_level;             // what is below is not even put into words
    int64_t group_grace_ms;
    int64_t group_max_delay_ms;    // 0: none
    int64_t group_max_size;        // 0: none
    int64_t schedule;
} gf_settings;

typedef enum gf_knob_kind {
    GF_KNOB_COUNT,
    GF_KNOB_FLAG,
    GF_KNOB_DURATION,
    GF_KNOB_LEVEL
} gf_knob_kind;

typedef struct gf_knob {
    const char  *name;
    gf_knob_kind kind;
    int64_t      min, max, fallback;   // fallback < 0: made at run time
    size_t       offset;               // in gf_settings
    const char  *help;
} gf_knob;

// The table, for help texts too.
const gf_knob *gf_knobs(size_t *count);

void         gf_settings_init(gf_settings *settings);
// EINVAL: no such knob (the text names the nearest), or not a value of it; nothing changes then.
gofer_status gf_settings_set(gf_settings *settings, const char *name, const char *value);

#endif
