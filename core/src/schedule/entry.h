// entry.h - a cron entry: when its tasks come, what they are, and the record in
// which a store keeps it.
//
// May touch: cron, zone, message/, util/record.h, client/enqueue.h (which checks a task's options
// and makes its message).
#ifndef GF_SCHEDULE_ENTRY_H
#define GF_SCHEDULE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/broker.h"
#include "client/client.h"
#include "schedule/cron.h"
#include "calendar/zone.h"

enum {
    GF_ENTRY_NAME_MAX = 200,
    GF_TICK_TEXT = 80,
    GF_MISSED_MAX_DEFAULT = 10,
    GF_MISSED_MAX_LIMIT = 1000
};

// All texts are owned; gf_schedule_clear.
typedef struct gf_schedule {
    const char *name, *spec;       // the spec as given
    const char *tz;                // the zone that holds, "UTC" too
    const char *source;            // "api", or the file it comes from
    gf_message task;               // of its tasks; no id, no times. Its pointers are owned too
    int64_t    expires_ms;         // a task is dropped unless it starts so soon
                                   //   after its tick; 0: never
    int64_t    jitter_ms;
    int64_t    since_ms;           // ticks after this time are its; "@every" counts from here
    int32_t    missed, missed_max; // GOFER_MISSED_
    int32_t    overlap;            // GOFER_OVERLAP_
    bool       paused;
    gf_cron    cron;               // of spec
} gf_schedule;

void gf_schedule_clear(gf_schedule *s);        // all zero again

// What a caller gave of one; all is borrowed, opts may be NULL.
typedef struct gf_schedule_given {
    const char *name, *spec, *type;
    const void *payload;
    size_t      size;              // of the payload
    const gofer_schedule_options *opts;
    const char *source;            // "api", or the file it comes from
} gf_schedule_given;

// A new one; since_ms is the caller's to set. The zone is looked up in the cache. EINVAL says what
// is wrong; also ENOMEM, ETOOBIG, EUNSUPPORTED.
gofer_status gf_schedule_make(gf_schedule *out, const gofer_client *client, gf_zones *zones,
    const gf_schedule_given *given);

// The record (gf_free), and an entry from one. ECORRUPT: not to be read, by a newer gofer perhaps.
gofer_status gf_schedule_write(const gf_schedule *s, char **record);
gofer_status gf_schedule_read(gf_schedule *out, const char *name, const char *record);

// Do their ticks come at the same times into the same queue, so that those noted of the
// one hold for the other?
bool gf_schedule_same_ticks(const gf_schedule *a, const gf_schedule *b);

// "once", "skip" ...; numbers beyond are "?". The parsers: -1 for other words.
const char *gf_missed_word(int32_t missed);
const char *gf_overlap_word(int32_t overlap);
int32_t gf_missed_parse(const char *word);
int32_t gf_overlap_parse(const char *word);

// The task of a tick. Its message borrows from entry and task.
typedef struct gf_tick_task {
    gf_message message;
    char       id[GF_ID_MAX + 1];
    char      *headers;            // owned
    int64_t    run_at_ms;          // the tick and its jitter, which all
                                   //   schedulers find to be the same
} gf_tick_task;

// tick_ms 0: no tick, but a task beside them, with an id of its own and to run at once.
// now_ms: when it is put.
gofer_status gf_schedule_task(const gf_schedule *s, int64_t tick_ms, int64_t now_ms,
    gf_tick_task *out);
void         gf_tick_task_clear(gf_tick_task *t);

// "2026-11-23T18:00:00Z"
void gf_tick_text(int64_t tick_ms, char out[GF_TICK_TEXT]);

#endif
