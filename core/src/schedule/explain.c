// explain.c - the public door that explains a cron expression. Needs no store.
//
// May touch: schedule/cron.h, calendar/zone.h, info/info.h.
#include <stdio.h>
#include <string.h>

#include "info/info.h"
#include "schedule/cron.h"
#include "calendar/date.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

enum { TICKS_MAX = 1000, LOCAL_TEXT = 40 };

// "2026-11-23T19:00:00+01:00"; seconds of an offset, which old local times had, are cut off.
static void local_text(const gf_zone *zone, int64_t at_ms, char out[LOCAL_TEXT])
{
    int64_t at_s = gf_floor_div(at_ms, 1000), year;
    int32_t offset_s = gf_zone_span(zone, at_s).offset_s, month, day;
    int64_t face = at_s + offset_s, days = gf_floor_div(face, GF_DAY_S);
    int second = (int)(face - days * GF_DAY_S),
        minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
    gf_date_from_days(days, &year, &month, &day);
    int size = snprintf(out, LOCAL_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, (int)month,
        (int)day, second / 3600, second / 60 % 60, second % 60);
    if (offset_s == 0 && strcmp(gf_zone_name(zone), "UTC") == 0)
        snprintf(out + size, LOCAL_TEXT - (size_t)size, "Z");
    else
        snprintf(out + size, LOCAL_TEXT - (size_t)size, "%c%02d:%02d", offset_s < 0 ? '-' : '+',
            minutes / 60, minutes % 60);
}

static int add_ticks(gofer_info *info, const gf_cron *cron, const gf_zone *zone, int64_t from_ms,
    int32_t count)
{
    gofer_info *ticks = gf_info_list();
    int bad = ticks ? 0 : -1;
    int64_t at_ms = from_ms;
    char local[LOCAL_TEXT];
    for (int32_t i = 0;
         i < count && !bad && (at_ms = gf_cron_next(cron, zone, at_ms, from_ms)) >= 0; i++) {
        gofer_info *tick = gf_info_record();
        local_text(zone, at_ms, local);
        bad = tick ? gf_info_set_int(tick, "at_ms", at_ms) | gf_info_set_text(tick, "local", local)
                   : -1;
        if (tick)
            bad |= gf_info_add(ticks, tick);
    }
    return ticks ? bad | gf_info_set_child(info, "ticks", ticks) : -1;
}

static gofer_status explain(const gf_cron *cron, const gf_zone *zone, int64_t from_ms,
    int32_t count, gofer_info **out)
{
    char words[GF_CRON_TEXT], per_day[24];
    gofer_info *info = gf_info_record();
    if (!info)
        return gf_fail_nomem("a snapshot");
    gf_cron_per_day(cron, per_day);
    int bad = gf_info_set_text(info, "text", gf_cron_words(cron, zone, words)) |
        gf_info_set_text(info, "tz", gf_zone_name(zone)) |
        gf_info_set_text(info, "per_day", per_day);
    if (cron->every_s)
        bad |= gf_info_set_int(info, "every_ms", cron->every_s * 1000);
    bad |= add_ticks(info, cron, zone, from_ms, count);
    if (bad) {
        gofer_info_free(info);
        return gf_fail_nomem("a snapshot");
    }
    *out = info;
    return GOFER_OK;
}

gofer_status gofer_cron_check(const char *spec, const char *tz, int64_t from_ms, int32_t count,
    gofer_info **out)
{
    gf_cron cron;
    gf_zones zones = { 0 };
    const gf_zone *zone;
    if (!spec || !out)
        return gf_fail(GOFER_EINVAL, "gofer_cron_check: spec and out must not be NULL");
    if (count < 0 || count > TICKS_MAX)
        return gf_fail(GOFER_EINVAL, "count is %d: it must be from 0 to %d", (int)count, TICKS_MAX);
    gofer_status st = gf_check_time("from_ms", from_ms);
    if (st == GOFER_OK)
        st = gf_cron_parse(spec, &cron);
    if (st == GOFER_OK)
        st = gf_zones_for(&zones, spec, tz, &zone);
    if (st == GOFER_OK)
        st = explain(&cron, zone, from_ms ? from_ms : gf_now_ms(), count, out);
    gf_zones_clear(&zones);
    return st;
}
