// hours.c - what the stores agree on of allowed hours: the book of those that there are.
#include "broker/hours.h"

#include <string.h>

#include "broker/guards.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/minmax.h"

enum { READ_AGAIN_MS = 60000 };          // a zone may be installed meanwhile

const char *gf_hours_name_of(const char *name, const char *front)
{
    size_t size = strlen(front);
    return strncmp(name, front, size) == 0 ? name + size : NULL;
}

static void clear_entry(gf_hours_entry *e)
{
    gf_free(e->name);
    gf_free(e->spec);
    gf_free(e->hours);
    *e = (gf_hours_entry){ .name = NULL };
}

static void clear_entries(gf_hours_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        clear_entry(&entries[i]);
    gf_free(entries);
}

void gf_hours_book_clear(gf_hours_book *book)
{
    clear_entries(book->entries, book->count);
    gf_zones_clear(&book->zones);
    *book = (gf_hours_book){ .entries = NULL };
}

// ---- which there are ----------------------------------------------------------------------------

static bool is_same(const gf_hours_book *book, const gf_hours_row *rows, size_t count)
{
    bool same = book->count == count;
    for (size_t i = 0; i < count && same; i++)
        same = strcmp(book->entries[i].name, rows[i].name) == 0 &&
            strcmp(book->entries[i].spec, rows[i].spec) == 0;
    return same;
}

bool gf_hours_book_set(gf_hours_book *book, const gf_hours_row *rows, size_t count)
{
    if (is_same(book, rows, count))
        return true;
    gf_hours_entry *entries = gf_calloc(count + 1, sizeof *entries);
    if (!entries)
        return false;
    for (size_t i = 0; i < count; i++) {
        entries[i] = (gf_hours_entry){ .name = gf_strdup(rows[i].name),
            .spec = gf_strdup(rows[i].spec) };
        if (!entries[i].name || !entries[i].spec) {
            clear_entries(entries, count);
            return false;
        }
    }
    clear_entries(book->entries, book->count);
    gf_zones_clear(&book->zones);        // a newer tz database is read when something changes
    book->entries = entries;
    book->count = count;
    book->seen_ms = book->turn_ms = 0;
    return true;
}

// ---- how it is now ------------------------------------------------------------------------------

static gofer_status read_entry(gf_hours_book *book, gf_hours_entry *e)
{
    gf_hours *hours = gf_alloc(sizeof *hours);
    if (!hours)
        return gf_fail_nomem("allowed hours");
    gofer_status st = gf_hours_parse(e->spec, hours);
    if (st == GOFER_OK)
        st = gf_zones_get(&book->zones, hours->zone, &e->zone);
    if (st == GOFER_OK)
        e->hours = hours;
    else
        gf_free(hours);
    return st;
}

static gf_span span_at(const void *zone, int64_t unix_s)
{
    return gf_zone_span(zone, unix_s);
}

static void look_at(gf_hours_entry *e, int64_t now_ms)
{
    if (!e->hours) {
        e->open = e->turns = false;
        e->until_ms = now_ms + READ_AGAIN_MS;
        return;
    }
    gf_hours_state is = gf_hours_at(e->hours, span_at, e->zone, now_ms / 1000);
    e->open = is.open;
    e->turns = is.turns;
    e->until_ms = is.until_s * 1000;
}

void gf_hours_book_turn(gf_hours_book *book, int64_t now_ms, const gf_log *log)
{
    if (now_ms >= book->seen_ms && now_ms < book->turn_ms)
        return;
    book->seen_ms = now_ms;
    book->turn_ms = GF_PAUSED_FOREVER;
    for (size_t i = 0; i < book->count; i++) {
        gf_hours_entry *e = &book->entries[i];
        if (!e->hours && read_entry(book, e) != GOFER_OK && log)
            gf_logf(log, GOFER_LOG_WARN, "hours cannot be read, and are closed here", "of",
                e->name, "error", gofer_error_last(), NULL);
        look_at(e, now_ms);
        book->turn_ms = gf_min(book->turn_ms, e->until_ms);
    }
}

const gf_hours_entry *gf_hours_closed(const gf_hours_book *book, const char *front,
    const char *name)
{
    for (size_t i = 0; i < book->count; i++) {
        const char *of = gf_hours_name_of(book->entries[i].name, front);
        if (of && !book->entries[i].open && strcmp(of, name) == 0)
            return &book->entries[i];
    }
    return NULL;
}

gofer_info *gf_hours_info(const char *name, const char *spec)
{
    gofer_info *info = gf_info_record();
    int bad = info &&
        (gf_info_set_text(info, "name", name) | gf_info_set_text(info, "hours", spec));
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}
