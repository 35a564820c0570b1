// entry_record.c - a cron entry as one line (util/record.h), as stores keep it.
//
// The fields are a table for both directions. What a later version adds is passed over when read,
// and lost when the entry is written again.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "schedule/entry.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/record.h"

// The fields. Texts must be there; numbers that are missing are 0.
#define PLACE(field) offsetof(gf_schedule, field)
static const struct { const char *name; size_t offset; } texts[] = {
    { "spec", PLACE(spec) }, { "tz", PLACE(tz) }, { "source", PLACE(source) },
    { "type", PLACE(task.type) },
    { "queue", PLACE(task.queue) },
};
static const struct { const char *name; size_t offset; } wide[] = {
    { "timeout_ms", PLACE(task.timeout_ms) }, { "retention_ms", PLACE(task.retention_ms) },
    { "expires_ms", PLACE(expires_ms) },
    { "jitter_ms", PLACE(jitter_ms) }, { "since_ms", PLACE(since_ms) },
};
static const struct { const char *name; size_t offset; int32_t max; } narrow[] = {
    { "max_retry", PLACE(task.max_retry), INT32_MAX },
    { "missed", PLACE(missed), GOFER_MISSED_ALL },
    { "missed_max", PLACE(missed_max), GF_MISSED_MAX_LIMIT },
    { "overlap", PLACE(overlap), GOFER_OVERLAP_CANCEL },
};
enum {
    TEXTS = sizeof texts / sizeof *texts,
    WIDE = sizeof wide / sizeof *wide,
    NARROW = sizeof narrow / sizeof *narrow
};

static void *place(const gf_schedule *s, size_t offset)
{
    return (char *)(uintptr_t)s + offset;
}

gofer_status gf_schedule_write(const gf_schedule *s, char **record)
{
    gf_record r = { 0 };
    for (size_t i = 0; i < TEXTS; i++)
        gf_record_text(&r, texts[i].name, *(const char **)place(s, texts[i].offset));
    for (size_t i = 0; i < WIDE; i++)
        gf_record_int(&r, wide[i].name, *(int64_t *)place(s, wide[i].offset));
    for (size_t i = 0; i < NARROW; i++)
        gf_record_int(&r, narrow[i].name, *(int32_t *)place(s, narrow[i].offset));
    gf_record_int(&r, "paused", s->paused);
    if (s->task.headers_size)
        gf_record_bytes(&r, "headers", s->task.headers, s->task.headers_size);
    if (s->task.payload_size)
        gf_record_bytes(&r, "payload", s->task.payload, s->task.payload_size);
    if (r.bad) {
        gf_record_clear(&r);
        return gf_fail_nomem("the record of a cron entry");
    }
    *record = r.text;
    return GOFER_OK;
}

static gofer_status damaged(const char *name, const char *field)
{
    return gf_fail(GOFER_ECORRUPT,
        "the cron entry '%s' cannot be read: its field '%s' is missing or damaged (from a newer "
        "gofer?)",
        name, field);
}

static gofer_status read_numbers(gf_schedule *s, const char *record)
{
    for (size_t i = 0; i < WIDE; i++) {
        int64_t value = gf_record_get_int(record, wide[i].name, 0);
        if (value < 0 || value > INT64_C(253402300799999))
            return damaged(s->name, wide[i].name);
        *(int64_t *)place(s, wide[i].offset) = value;
    }
    for (size_t i = 0; i < NARROW; i++) {
        int64_t value = gf_record_get_int(record, narrow[i].name, 0);
        if (value < 0 || value > narrow[i].max)
            return damaged(s->name, narrow[i].name);
        *(int32_t *)place(s, narrow[i].offset) = (int32_t)value;
    }
    s->missed_max = s->missed_max ? s->missed_max : GF_MISSED_MAX_DEFAULT;
    s->paused = gf_record_get_int(record, "paused", 0) != 0;
    return GOFER_OK;
}

static gofer_status read_all(gf_schedule *s, const char *record)
{
    char *headers = NULL, *payload = NULL;
    s->task.id = "";
    for (size_t i = 0; i < TEXTS; i++) {
        char *text;
        size_t size;
        if (!gf_record_get_text(record, texts[i].name, &text, &size))
            return gf_fail_nomem("a cron entry");
        *(const char **)place(s, texts[i].offset) = text;
        if (!text || !size || strlen(text) != size)
            return damaged(s->name, texts[i].name);
    }
    bool ok = gf_record_get_text(record, "headers", &headers, &s->task.headers_size);
    s->task.headers = headers;
    ok = ok && gf_record_get_text(record, "payload", &payload, &s->task.payload_size);
    s->task.payload = payload;
    if (!ok)
        return gf_fail_nomem("a cron entry");
    gofer_status st = read_numbers(s, record);
    return st == GOFER_OK ? gf_cron_parse(s->spec, &s->cron) : st;
}

gofer_status gf_schedule_read(gf_schedule *out, const char *name, const char *record)
{
    gf_schedule s = { .name = gf_strdup(name) };
    if (!s.name)
        return gf_fail_nomem("a cron entry");
    gofer_status st = read_all(&s, record);
    if (st != GOFER_OK) {
        gf_schedule_clear(&s);
        return st;
    }
    *out = s;
    return GOFER_OK;
}
