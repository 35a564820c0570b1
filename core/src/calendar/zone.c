// zone.c - a zone's file, its changes, and the spans between them.
//
// May touch: util/, the tz database's folder. Where the file is found is zone_file.c's.
#include "calendar/zone.h"

#include <stdbool.h>
#include <string.h>

#include "calendar/date.h"
#include "calendar/posix_rule.h"
#include "calendar/zone_file.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"

typedef struct change {
    int64_t at_s;
    int32_t offset_s;              // from then on
} change;

struct gf_zone {
    char         *name;
    change       *changes;         // ascending
    size_t        count;
    int32_t       first_s;         // before the first change
    bool          has_rule;        // after the last one; else its offset holds on
    gf_posix_rule rule;
};

// ---- reading (RFC 9636) ------------------------------------------------------------------------

enum { HEADER = 44, TYPES_MAX = 256, CHANGES_MAX = 100000 };

typedef struct header {
    char     version;
    uint32_t isut, isstd, leap, time, type, chars;
} header;

static uint32_t big32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t big64(const unsigned char *p)
{
    return (int64_t)((uint64_t)big32(p) << 32 | big32(p + 4));
}

static bool read_header(const unsigned char *p, size_t size, header *h)
{
    if (size < HEADER || memcmp(p, "TZif", 4) != 0)
        return false;
    *h = (header){ (char)p[4], big32(p + 20), big32(p + 24), big32(p + 28), big32(p + 32),
        big32(p + 36), big32(p + 40) };
    return h->time <= CHANGES_MAX && h->type <= TYPES_MAX && h->chars <= 4096 && h->leap <= 4096 &&
        h->isut <= TYPES_MAX && h->isstd <= TYPES_MAX;
}

// Of the data after a header whose times have so many bytes.
static size_t data_size(const header *h, size_t width)
{
    return h->time * (width + 1) + h->type * 6 + h->chars + h->leap * (width + 4) + h->isstd +
        h->isut;
}

static gofer_status damaged(const char *name, const char *why)
{
    return gf_fail(GOFER_ECORRUPT, "the file of the time zone '%s' cannot be used: %s", name, why);
}

static gofer_status read_changes(gf_zone *z, const unsigned char *p, const header *h)
{
    const unsigned char *times = p, *indexes = times + 8 * h->time, *types = indexes + h->time;
    int32_t offsets[TYPES_MAX];
    for (size_t i = 0; i < h->type; i++) {
        offsets[i] = (int32_t)big32(types + 6 * i);
        if (offsets[i] < -GF_OFFSET_MAX_S || offsets[i] > GF_OFFSET_MAX_S)
            return damaged(z->name, "an offset is over a day");
    }
    z->first_s = offsets[0];
    z->changes = gf_calloc(h->time + 1, sizeof *z->changes);
    if (!z->changes)
        return gf_fail_nomem("a time zone");
    for (size_t i = 0; i < h->time; i++) {
        if (indexes[i] >= h->type)
            return damaged(z->name, "a change has no offset");
        z->changes[i] = (change){ big64(times + 8 * i), offsets[indexes[i]] };
        if (i && z->changes[i].at_s <= z->changes[i - 1].at_s)
            return damaged(z->name, "its changes are not in order");
    }
    z->count = h->time;
    return GOFER_OK;
}

static gofer_status read_rule(gf_zone *z, const unsigned char *p, size_t size)
{
    if (size < 2 || p[0] != '\n')
        return damaged(z->name, "its end is missing");
    const unsigned char *end = memchr(p + 1, '\n', size - 1);
    if (!end)
        return damaged(z->name, "its end is cut off");
    if (end == p + 1)
        return GOFER_OK;                   // no rule: the last offset holds on
    z->has_rule = gf_posix_rule_parse((const char *)p + 1, (size_t)(end - p - 1), &z->rule);
    return z->has_rule ? GOFER_OK : damaged(z->name, "its last rule is not one of POSIX");
}

static gofer_status read_file(gf_zone *z, const unsigned char *p, size_t size)
{
    header h;
    if (!read_header(p, size, &h))
        return damaged(z->name, "it is not a TZif file");
    if (h.version < '2')
        return damaged(z->name, "it is of version 1, which ends in 2037");
    size_t skip = HEADER + data_size(&h, 4);
    if (skip > size || !read_header(p + skip, size - skip, &h))
        return damaged(z->name, "its second part is missing");
    p += skip + HEADER;
    size -= skip + HEADER;
    if (data_size(&h, 8) > size || h.type == 0)
        return damaged(z->name, "it is cut off");
    if (h.leap)
        return damaged(z->name, "it counts leap seconds, as Unix time does not");
    gofer_status st = read_changes(z, p, &h);
    return st == GOFER_OK ? read_rule(z, p + data_size(&h, 8), size - data_size(&h, 8)) : st;
}

gofer_status gf_zone_parse(const char *name, const void *bytes, size_t size, gf_zone **out)
{
    gf_zone *z = gf_calloc(1, sizeof *z);
    if (!z || !(z->name = gf_strdup(name))) {
        gf_free(z);
        return gf_fail_nomem("a time zone");
    }
    gofer_status st = bytes ? read_file(z, bytes, size) : GOFER_OK;
    if (st != GOFER_OK) {
        gf_zone_free(z);
        return st;
    }
    *out = z;
    return GOFER_OK;
}

void gf_zone_free(gf_zone *zone)
{
    if (!zone)
        return;
    gf_free(zone->changes);
    gf_free(zone->name);
    gf_free(zone);
}

const char *gf_zone_name(const gf_zone *zone)
{
    return zone->name;
}

// ---- spans --------------------------------------------------------------------------------------

// After the last change, begin_s: the changes of the years around are put in order and
// the right two taken.
static gf_span rule_span(const gf_posix_rule *rule, int64_t unix_s, int64_t begin_s)
{
    gf_span span = { begin_s, INT64_MAX, rule->standard_s };
    if (!rule->has_daylight)
        return span;
    int64_t year;
    int32_t month, day;
    change around[6];
    gf_date_from_days(gf_floor_div(unix_s, GF_DAY_S), &year, &month, &day);
    for (int i = 0; i < 3; i++) {
        int64_t start_s, end_s;
        gf_posix_rule_changes(rule, year - 1 + i, &start_s, &end_s);
        // Of two at the same moment the start counts: so is written that it is daylight
        // saving all the year.
        bool start_first = start_s < end_s;
        around[2 * i + !start_first] = (change){ start_s, rule->daylight_s };
        around[2 * i + start_first] = (change){ end_s, rule->standard_s };
    }
    for (int i = 1; i < 6; i++)
        for (int j = i; j > 0 && around[j].at_s < around[j - 1].at_s; j--) {
            change swap = around[j];
            around[j] = around[j - 1];
            around[j - 1] = swap;
        }
    int at = 5;
    while (at > 0 && around[at].at_s > unix_s)
        at--;
    span.offset_s = around[at].offset_s;
    span.start_s = around[at].at_s > begin_s ? around[at].at_s : begin_s;
    if (at < 5)
        span.end_s = around[at + 1].at_s;
    return span;
}

gf_span gf_zone_span(const gf_zone *z, int64_t unix_s)
{
    size_t low = 0, high = z->count;       // the first change after unix_s
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->changes[middle].at_s <= unix_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == z->count && z->has_rule)
        return rule_span(&z->rule, unix_s, low ? z->changes[low - 1].at_s : INT64_MIN);
    return (gf_span){
        .start_s = low ? z->changes[low - 1].at_s : INT64_MIN,
        .end_s = low < z->count ? z->changes[low].at_s : INT64_MAX,
        .offset_s = low ? z->changes[low - 1].offset_s : z->first_s,
    };
}

static gf_span span_at(const void *zone, int64_t unix_s)
{
    return gf_zone_span(zone, unix_s);
}

int64_t gf_zone_from_local(const gf_zone *zone, int64_t local_s)
{
    return gf_local_moment(local_s, span_at, zone);
}

// ---- the cache ----------------------------------------------------------------------------------

static gofer_status load(const char *name, gf_zone **out)
{
    char *bytes = NULL;
    size_t size = 0;
    if (strcmp(name, "UTC") == 0)
        return gf_zone_parse(name, NULL, 0, out);
    gofer_status st = gf_zone_file_read(name, &bytes, &size);
    if (st == GOFER_OK)
        st = gf_zone_parse(name, bytes, size, out);
    gf_free(bytes);
    return st;
}

gofer_status gf_zones_get(gf_zones *zones, const char *name, const gf_zone **out)
{
    if (!name || !*name)
        name = "UTC";
    for (size_t i = 0; i < zones->count; i++)
        if (strcmp(zones->items[i]->name, name) == 0) {
            *out = zones->items[i];
            return GOFER_OK;
        }
    if (!gf_grow(zones->items, zones->capacity, zones->count + 1))
        return gf_fail_nomem("time zones");
    gf_zone *zone = NULL;
    gofer_status st = load(name, &zone);
    if (st != GOFER_OK)
        return st;
    zones->items[zones->count++] = zone;
    *out = zone;
    return GOFER_OK;
}

void gf_zones_clear(gf_zones *zones)
{
    for (size_t i = 0; i < zones->count; i++)
        gf_zone_free(zones->items[i]);
    gf_free(zones->items);
    *zones = (gf_zones){ 0 };
}
