// zone.h - time zones, read from the tz database's compiled files (TZif, RFC 9636).
//
// A zone is a line of spans with one offset each. Files of version 2 and later end with a rule for
// the time after their last change, so there is no end. The process's own zone (TZ, localtime)
// plays no part: what a schedule means must not depend on the machine it is served from. A zone
// never changes once read. Knows no tasks. May touch: util/.
#ifndef GF_CALENDAR_ZONE_H
#define GF_CALENDAR_ZONE_H

#include <stdint.h>

#include "gofer/gofer.h"
#include "util/local_time.h"

typedef struct gf_zone gf_zone;

// The span that holds a moment.
gf_span gf_zone_span(const gf_zone *zone, int64_t unix_s);
const char *gf_zone_name(const gf_zone *zone);

// The moment of a local time, by the rule of util/local_time.h.
int64_t gf_zone_from_local(const gf_zone *zone, int64_t local_s);

// A cache of one caller's, who sees to its locks. Zero is an empty one.
typedef struct gf_zones {
    gf_zone **items;
    size_t    count, capacity;
} gf_zones;

// The zone of this name, borrowed from the cache. NULL, "" and "UTC" need no file. EINVAL: no such
// zone (names near ones), or no name of one; EUNSUPPORTED: no tz database here; ECORRUPT.
gofer_status gf_zones_get(gf_zones *zones, const char *name, const gf_zone **out);
void         gf_zones_clear(gf_zones *zones);

// For tests: a zone from the bytes of a TZif file. gf_zone_free.
gofer_status gf_zone_parse(const char *name, const void *bytes, size_t size, gf_zone **out);
void         gf_zone_free(gf_zone *zone);

#endif
