// cron.h - cron expressions in Asynq's language, and when they come.
//
// The language is that of robfig/cron v3.0.1's standard parser (wire.md, section 12): five fields,
// "@daily" and its kin, "@every DURATION" with Go's durations, and before any of them "CRON_TZ=Zone
// " or "TZ=Zone ". An expression that can never come is refused here, where that
// parser lets it through.
//
// Days on which clocks change. An expression whose hour field leaves out no hour follows the clock
// as it goes: it comes at every minute that it shows and matches, as in Vixie cron. Any other names
// local times, each of which comes once a day, when util/local_time.h says. "@every" counts real
// seconds. Pure but for the zones it is given. Knows no tasks.
#ifndef GF_SCHEDULE_CRON_H
#define GF_SCHEDULE_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "calendar/zone.h"

typedef struct gf_cron {
    uint64_t minutes, hours, days, months, weekdays;   // bit n: n matches
    bool     any_day, any_weekday;                     // '*' or '?': the other field alone decides
    int64_t  every_s;                                  // > 0: "@every", and nothing above holds
} gf_cron;

enum { GF_CRON_TEXT = 512, GF_CRON_SPEC_MAX = 1000 };

// What stands before the fields: *zone and *zone_size tell the name in "CRON_TZ=Zone ", size 0 if
// there is none; the rest begins at the returned place, which is NULL (after gf_fail) if
// the prefix has no end.
const char *gf_cron_zone_of(const char *spec, const char **zone, size_t *zone_size);

// The zone that holds: the spec's own, else the given one (NULL: UTC). EINVAL: they differ, or
// there is no such zone.
gofer_status gf_zones_for(gf_zones *zones, const char *spec, const char *tz, const gf_zone **out);

// The spec, with or without its zone, which is passed over. EINVAL says what is wrong where.
gofer_status gf_cron_parse(const char *spec, gf_cron *out);

// The first tick after a moment, in Unix ms; -1: none until the year 9999 or so. anchor_ms: what
// "@every" counts from, in whole seconds.
int64_t gf_cron_next(const gf_cron *cron, const gf_zone *zone, int64_t after_ms, int64_t anchor_ms);

// The time in which ticks are looked for, (after_ms, until_ms], and that from
// which "@every" counts.
typedef struct gf_cron_span {
    int64_t after_ms, until_ms, anchor_ms;
} gf_cron_span;

// The latest ticks of a span, at most `max`, ascending. Returns how many. However long the span,
// the effort is bounded by what comes in a year.
size_t gf_cron_latest(const gf_cron *cron, const gf_zone *zone, gf_cron_span span, int64_t *out,
    size_t max);

// How many of a field's values an expression names.
static inline int gf_cron_count(uint64_t bits)
{
    int n = 0;
    for (; bits; bits &= bits - 1)
        n++;
    return n;
}

// In plain words: "at 02:30 every day, Europe/Berlin time". Returns out.
char *gf_cron_words(const gf_cron *cron, const gf_zone *zone, char out[GF_CRON_TEXT]);

// How often on an average day, as text: "1440", "0.14"; never "0". Changes of clocks are
// left out of account.
void gf_cron_per_day(const gf_cron *cron, char out[24]);

#endif
