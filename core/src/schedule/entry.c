// entry.c - makes entries of what callers give, and tasks of entries.
//
// entry_record.c keeps them, entry_json.c reads those of files. What is made owns copies of all
// that was given. Threads: an entry belongs to one.
#include "schedule/entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/envelope.h"
#include "message/options.h"
#include "calendar/date.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/id.h"
#include "util/text.h"

void gf_schedule_clear(gf_schedule *s)
{
    const void *const owned[] = { s->name, s->spec, s->tz, s->source, s->task.type, s->task.queue,
        s->task.payload, s->task.headers };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        gf_free((void *)(uintptr_t)owned[i]);
    *s = (gf_schedule){ 0 };
}

// ---- words -------------------------------------------------------------------------------------

static const char *const missed_words[] = { "once", "skip", "all" };
static const char *const overlap_words[] = { "allow", "skip", "queue", "cancel" };
enum { MISSED = 3, OVERLAPS = 4 };

static int32_t index_of(const char *word, const char *const *words, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

const char *gf_missed_word(int32_t missed)
{
    return missed >= 0 && missed < MISSED ? missed_words[missed] : "?";
}

const char *gf_overlap_word(int32_t overlap)
{
    return overlap >= 0 && overlap < OVERLAPS ? overlap_words[overlap] : "?";
}

int32_t gf_missed_parse(const char *word)
{
    return index_of(word, missed_words, MISSED);
}

int32_t gf_overlap_parse(const char *word)
{
    return index_of(word, overlap_words, OVERLAPS);
}

// ---- from a caller ------------------------------------------------------------------------------

static gofer_status check_name(const char *name)
{
    gofer_status st = gf_check_name("name of a cron entry", name);
    if (st == GOFER_OK && strlen(name) > GF_ENTRY_NAME_MAX)
        return gf_fail(GOFER_EINVAL, "the name of the cron entry '%.40s...' has over %d bytes",
            name, GF_ENTRY_NAME_MAX);
    return st;
}

static gofer_status set_times(gf_schedule *s, gf_zones *zones, const char *spec, const char *tz)
{
    if (!spec)
        return gf_fail(GOFER_EINVAL, "the cron entry '%s' has no spec", s->name);
    const gf_zone *zone;
    gofer_status st = gf_cron_parse(spec, &s->cron);
    if (st == GOFER_OK)
        st = gf_zones_for(zones, spec, tz, &zone);
    if (st != GOFER_OK)
        return st;
    s->spec = gf_strdup(spec);
    s->tz = gf_strdup(gf_zone_name(zone));
    return s->spec && s->tz ? GOFER_OK : gf_fail_nomem("a cron entry");
}

static gofer_status set_policies(gf_schedule *s, const gofer_schedule_options *o)
{
    if (o->missed < 0 || o->missed >= MISSED)
        return gf_fail(GOFER_EINVAL, "missed is %d: it must be a GOFER_MISSED_ value",
            (int)o->missed);
    if (o->overlap < 0 || o->overlap >= OVERLAPS)
        return gf_fail(GOFER_EINVAL, "overlap is %d: it must be a GOFER_OVERLAP_ value",
            (int)o->overlap);
    if (o->missed_max < 0 || o->missed_max > GF_MISSED_MAX_LIMIT)
        return gf_fail(GOFER_EINVAL, "missed_max is %d: it must be from 1 to %d, or 0 (%d)",
            (int)o->missed_max, GF_MISSED_MAX_LIMIT, GF_MISSED_MAX_DEFAULT);
    s->missed = o->missed;
    s->missed_max = o->missed_max ? o->missed_max : GF_MISSED_MAX_DEFAULT;
    s->overlap = o->overlap;
    s->paused = o->paused != 0;
    s->jitter_ms = o->jitter_ms;
    return gf_check_duration("jitter_ms", o->jitter_ms);
}

// What would be the same for every task although it must differ, or has no meaning for
// one that comes again.
static gofer_status check_task(const gofer_enqueue_options *o)
{
    const struct { bool given; const char *name; } none[] = {
        { o->task_id != NULL, "task_id" }, { o->run_at_ms != 0, "run_at_ms" },
        { o->delay_ms != 0, "delay_ms" },
        { o->deadline_ms != 0, "deadline_ms" }, { o->expires_at_ms != 0, "expires_at_ms" },
        { o->unique_ms != 0 || o->unique_key || o->unique_until || o->unique_conflict, "unique" },
        { o->group != NULL, "group" },
        { o->debounce_ms != 0 || o->max_wait_ms || o->debounce_key || o->debounce_mode,
            "debounce" },
        { o->replace != 0, "replace" },
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (none[i].given)
            return gf_fail(GOFER_EINVAL,
                "%s is given for the tasks of a cron entry, which have none of their own",
                none[i].name);
    return gf_check_duration("expires_ms", o->expires_ms);
}

// Its tasks have the entry's envelope as it is, so that whoever enqueues them needs no key.
static gofer_status encrypt(gf_schedule *s, const gofer_client *client)
{
    char shared[sizeof "cron:" + GF_NAME_MAX], *headers = (char *)(uintptr_t)s->task.headers;
    const gf_task_options own = { .sealed_for = shared };
    void *envelope;
    snprintf(shared, sizeof shared, "cron:%s", s->name);
    const gf_seal_for what = { .type = s->task.type, .id = shared, .shared = true, .same = true };
    gofer_status st = gf_envelope_make(client, &what, s->name, s->task.payload,
        &s->task.payload_size, &envelope);
    if (st != GOFER_OK)
        return st;
    gf_free((void *)(uintptr_t)s->task.payload);
    s->task.payload = envelope;
    st = gf_task_options_write(&own, &headers, &s->task.headers_size);
    s->task.headers = headers;
    return st;
}

static gofer_status set_task(gf_schedule *s, const gofer_client *client,
    const gf_schedule_given *given, const gofer_enqueue_options *opts)
{
    gofer_enqueue_options o;
    gf_draft draft;
    gofer_status st = gf_read_options(&o, sizeof o, opts, "gofer_enqueue_options");
    if (st == GOFER_OK)
        st = check_task(&o);
    if (st != GOFER_OK)
        return st;
    s->expires_ms = o.expires_ms;
    o.expires_ms = 0;              // each task's is its own
    o.size = sizeof o;
    bool encrypted = client && client->keys && o.plain != 1;
    o.plain = encrypted ? 1 : o.plain;
    st = gf_draft_make(&draft, client, given->type, given->payload, given->size, &o);
    if (st == GOFER_OK) {
        const gf_message *m = &draft.message;
        s->task = (gf_message){
            .id = "",
            .type = gf_strdup(m->type),
            .queue = gf_strdup(m->queue),
            .payload = m->payload_size ? gf_memdup(m->payload, m->payload_size) : NULL,
            .payload_size = m->payload_size,
            .headers = m->headers_size ? gf_memdup(m->headers, m->headers_size) : NULL,
            .headers_size = m->headers_size,
            .timeout_ms = m->timeout_ms,
            .retention_ms = m->retention_ms,
            .max_retry = m->max_retry,
        };
        if (!s->task.type || !s->task.queue || (m->payload_size && !s->task.payload) ||
            (m->headers_size && !s->task.headers))
            st = gf_fail_nomem("a cron entry");
    }
    gf_draft_clear(&draft);
    return st == GOFER_OK && encrypted ? encrypt(s, client) : st;
}

gofer_status gf_schedule_make(gf_schedule *out, const gofer_client *client, gf_zones *zones,
    const gf_schedule_given *given)
{
    gf_schedule s = { 0 };
    gofer_schedule_options o;
    gofer_status st = gf_read_options(&o, sizeof o, given->opts, "gofer_schedule_options");
    if (st == GOFER_OK)
        st = check_name(given->name);
    if (st != GOFER_OK)
        return st;
    s.name = gf_strdup(given->name);
    s.source = gf_strdup(given->source);
    st = s.name && s.source ? set_times(&s, zones, given->spec, o.tz)
                            : gf_fail_nomem("a cron entry");
    if (st == GOFER_OK)
        st = set_policies(&s, &o);
    if (st == GOFER_OK)
        st = set_task(&s, client, given, o.task);
    if (st != GOFER_OK) {
        gf_schedule_clear(&s);
        return st;
    }
    *out = s;
    return GOFER_OK;
}

bool gf_schedule_same_ticks(const gf_schedule *a, const gf_schedule *b)
{
    return strcmp(a->spec, b->spec) == 0 && strcmp(a->tz, b->tz) == 0 &&
        strcmp(a->task.queue, b->task.queue) == 0;
}

// ---- tasks --------------------------------------------------------------------------------------

void gf_tick_text(int64_t tick_ms, char out[GF_TICK_TEXT])
{
    int64_t days = gf_floor_div(tick_ms, GF_DAY_S * INT64_C(1000)), year;
    int32_t month, day, second = (int32_t)(gf_floor_div(tick_ms, 1000) - days * GF_DAY_S);
    gf_date_from_days(days, &year, &month, &day);
    snprintf(out, GF_TICK_TEXT, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)year, (int)month, (int)day,
        (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
}

// Over the name and the tick, with splitmix64's last steps to spread it. It must stay as it is:
// schedulers of several versions have to agree.
static uint64_t mix(const char *name, int64_t tick_ms)
{
    unsigned char bytes[8];        // of the tick, the low ones first
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)tick_ms >> 8 * i);
    uint64_t h = gf_hash_more(gf_hash_text(name), bytes, sizeof bytes);
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    return h ^ h >> 31;
}

gofer_status gf_schedule_task(const gf_schedule *s, int64_t tick_ms, int64_t now_ms,
    gf_tick_task *out)
{
    gf_task_options own = { .schedule = s->name, .tick_ms = tick_ms };
    *out = (gf_tick_task){ .message = s->task };
    if (tick_ms) {
        char text[GF_TICK_TEXT];
        gf_tick_text(tick_ms, text);
        snprintf(out->id, sizeof out->id, "cron:%s:%s", s->name, text);
        out->run_at_ms = tick_ms +
            (s->jitter_ms ? (int64_t)(mix(s->name, tick_ms) % ((uint64_t)s->jitter_ms + 1)) : 0);
    } else {
        gf_id_new(out->id);
    }
    if (s->expires_ms)
        own.start_by_ms = (out->run_at_ms > now_ms ? out->run_at_ms : now_ms) + s->expires_ms;
    size_t size = s->task.headers_size;
    if (size && !(out->headers = gf_memdup(s->task.headers, size)))
        return gf_fail_nomem("headers");
    gofer_status st = gf_task_options_write(&own, &out->headers, &size);
    if (st != GOFER_OK) {
        gf_tick_task_clear(out);
        return st;
    }
    out->message.id = out->id;
    out->message.headers = out->headers;
    out->message.headers_size = size;
    out->message.enqueued_ms = now_ms;
    return GOFER_OK;
}

void gf_tick_task_clear(gf_tick_task *t)
{
    gf_free(t->headers);
    t->headers = NULL;
}
