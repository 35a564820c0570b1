// posix_rule.h - the rule at the end of a TZif file, in POSIX's words for the variable TZ
// ("CET-1CEST,M3.5.0,M10.5.0/3"): what offsets hold after the file's last change. Pure.
#ifndef GF_CALENDAR_POSIX_RULE_H
#define GF_CALENDAR_POSIX_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gf_rule_day {
    enum { GF_DAY_JULIAN, GF_DAY_NUMBER, GF_DAY_WEEK } kind;    // Jn (no 29 February), n (0 to
                                                                //   365), Mm.w.d
    int32_t day, week, month;
    int32_t time_s;                // after midnight, local; may be negative or
                                   //   over a day (RFC 9636)
} gf_rule_day;

typedef struct gf_posix_rule {
    int32_t     standard_s, daylight_s;    // east of UTC
    bool        has_daylight;
    gf_rule_day start, end;                // of daylight saving
} gf_posix_rule;

// False: not such a rule.
bool gf_posix_rule_parse(const char *text, size_t size, gf_posix_rule *out);

// The two changes of a year (of the proleptic Gregorian calendar), in Unix seconds.
void gf_posix_rule_changes(const gf_posix_rule *rule, int64_t year, int64_t *start_s,
    int64_t *end_s);

#endif
