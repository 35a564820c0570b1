// show.c - shows the entries to Asynq's tools, which know schedulers and what they serve.
//
// Only a store with peers has somebody to show them to. The passing thread's.
#include <stdio.h>
#include <string.h>

#include "schedule/scheduler_own.h"
#include "util/alloc.h"
#include "util/error.h"

enum { SHOWN_FOR_MS = 20000 };     // twice the interval, as Asynq's scheduler

// The zone in front where the spec does not say it; kept by the caller.
static const char *spec_of(const gf_planned *p, char **kept)
{
    const char *zone;
    size_t zone_size;
    const gf_schedule *e = &p->entry;
    if (strcmp(e->tz, "UTC") == 0 || !gf_cron_zone_of(e->spec, &zone, &zone_size) || zone)
        return e->spec;
    size_t size = sizeof "CRON_TZ= " + strlen(e->tz) + strlen(e->spec);
    *kept = gf_alloc(size);
    if (!*kept)
        return NULL;
    snprintf(*kept, size, "CRON_TZ=%s %s", e->tz, e->spec);
    return *kept;
}

gofer_status gf_scheduler_show(gf_scheduler *s)
{
    size_t count = 0;
    gf_shown_entry *shown = gf_calloc(s->plan.count + 1, sizeof *shown);
    char **kept = gf_calloc(s->plan.count + 1, sizeof *kept);
    gofer_status st = shown && kept ? GOFER_OK : gf_fail_nomem("shown cron entries");
    for (size_t i = 0; i < s->plan.count && st == GOFER_OK; i++) {
        const gf_planned *p = &s->plan.items[i];
        if (!p->zone)
            continue;
        shown[count] = (gf_shown_entry){
            .name = p->entry.name, .spec = spec_of(p, &kept[count]), .message = &p->entry.task,
            .next_ms = p->next_ms == INT64_MAX ? 0 : p->next_ms, .previous_ms = p->noted_ms,
        };
        if (!shown[count++].spec)
            st = gf_fail_nomem("shown cron entries");
    }
    if (st == GOFER_OK)
        st = s->ops->peers->show(s->broker, s->id, shown, count, SHOWN_FOR_MS);
    for (size_t i = 0; kept && i < count; i++)
        gf_free(kept[i]);
    gf_free(kept);
    gf_free(shown);
    return st;
}
