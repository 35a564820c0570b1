// hours_read.c - reads hours, word by word. Pure but for the errors, which quote the word at fault
// and say where it stands.
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "calendar/date.h"
#include "calendar/hours.h"
#include "util/error.h"

typedef struct word {
    const char *text;
    size_t      size;
} word;

typedef struct reading {
    const char *spec;
    const char *at;                // behind the word that is read
    gf_hours   *out;
    uint32_t    days;              // those that the next times are of; 0: none were named
    bool        has_times;         // they have had some
    bool        is_not;            // dates that have none are being listed
    bool        has_date;          //   and there was one
} reading;

static gofer_status wrong(const reading *r, word w, const char *why)
{
    return gf_fail(GOFER_EINVAL, "the hours are wrong at character %zu, '%.*s': %s",
        (size_t)(w.text - r->spec) + 1, (int)(w.size > 60 ? 60 : w.size), w.text, why);
}

static bool word_is(word w, const char *text)
{
    return strlen(text) == w.size && strncasecmp(w.text, text, w.size) == 0;
}

// Two digits (or one, where fewer may be) at the head of a word, which they leave.
static bool take_number(word *w, size_t least, size_t most, int32_t *out)
{
    size_t n = 0;
    *out = 0;
    for (; n < most && n < w->size && w->text[n] >= '0' && w->text[n] <= '9'; n++)
        *out = *out * 10 + (w->text[n] - '0');
    *w = (word){ w->text + n, w->size - n };
    return n >= least;
}

static bool take_text(word *w, const char *text)
{
    size_t size = strlen(text);
    if (w->size < size || memcmp(w->text, text, size) != 0)
        return false;
    *w = (word){ w->text + size, w->size - size };
    return true;
}

// ---- days ---------------------------------------------------------------------------------------

// 0: Sunday; -1: no day.
static int day_of(word w)
{
    static const char *const names[] = { "sunday", "monday", "tuesday", "wednesday", "thursday",
        "friday", "saturday" };
    for (int i = 0; i < 7; i++)
        if ((w.size == 3 && strncasecmp(w.text, names[i], 3) == 0) || word_is(w, names[i]))
            return i;
    return -1;
}

// The days of a word, 0: it names none.
static uint32_t days_of(word w)
{
    uint32_t days = 0;
    const char *dash = memchr(w.text, '-', w.size);
    word first = { w.text, dash ? (size_t)(dash - w.text) : w.size };
    int from = day_of(first), to = from;
    if (dash)
        to = day_of((word){ dash + 1, (size_t)(w.text + w.size - dash - 1) });
    if (from < 0 || to < 0)
        return 0;
    for (int day = from;; day = (day + 1) % 7) {
        days |= UINT32_C(1) << day;
        if (day == to)
            return days;
    }
}

static gofer_status add_window(reading *r, word w, int32_t from_s, int32_t to_s)
{
    if (r->out->window_count == GF_HOURS_WINDOWS)
        return wrong(r, w, "these are more windows than there may be");
    r->out->windows[r->out->window_count++] =
        (gf_hours_window){ r->days ? r->days : GF_HOURS_ALL_DAYS, from_s, to_s };
    r->has_times = true;
    return GOFER_OK;
}

// Days that had no times are whole.
static gofer_status end_days(reading *r, word w)
{
    gofer_status st = r->days && !r->has_times ? add_window(r, w, 0, GF_DAY_S) : GOFER_OK;
    r->days = 0;
    r->has_times = false;
    return st;
}

static gofer_status read_days(reading *r, word w, uint32_t days)
{
    if (r->is_not)
        return wrong(r, w, "behind 'not' there are dates, as in 2026-12-25");
    if (r->has_times)
        r->days = 0;
    r->has_times = false;
    r->days |= days;
    return GOFER_OK;
}

// ---- times --------------------------------------------------------------------------------------

// Seconds since midnight, which few name; false: it is no time.
static bool take_time(word *w, int32_t *out)
{
    int32_t hour, minute, second = 0;
    if (!take_number(w, 1, 2, &hour) || !take_text(w, ":") || !take_number(w, 2, 2, &minute) ||
        (take_text(w, ":") && !take_number(w, 2, 2, &second)))
        return false;
    *out = hour * 3600 + minute * 60 + second;
    return minute < 60 && second < 60 && *out <= GF_DAY_S;
}

static gofer_status read_times(reading *r, word w)
{
    word rest = w;
    int32_t from_s, to_s;
    if (!take_time(&rest, &from_s) || !take_text(&rest, "-") || !take_time(&rest, &to_s) ||
        rest.size)
        return wrong(r, w, "that is no window: two times of day, from 00:00 to 24:00, as in "
                           "01:00-05:30");
    if (r->is_not)
        return wrong(r, w, "behind 'not' there are dates, as in 2026-12-25; a ';' ends them");
    if (from_s == GF_DAY_S || from_s == to_s)
        return wrong(r, w, "this window has no time in it; a whole day is 00:00-24:00");
    return add_window(r, w, from_s, to_s > from_s ? to_s : to_s + GF_DAY_S);
}

// ---- dates --------------------------------------------------------------------------------------

static bool take_date(word *w, int64_t *day)
{
    int32_t year, month, number;
    bool is_date = take_number(w, 4, 4, &year) && take_text(w, "-") &&
        take_number(w, 2, 2, &month) && take_text(w, "-") && take_number(w, 2, 2, &number) &&
        year >= 1970 && month >= 1 && month <= 12 && number >= 1 &&
        number <= gf_month_days(year, month);
    if (is_date)
        *day = gf_days_from_date(year, month, number);
    return is_date;
}

static bool begins_as_date(word w)
{
    int32_t year;
    return take_number(&w, 4, 4, &year) && take_text(&w, "-");
}

static gofer_status read_dates(reading *r, word w)
{
    word rest = w;
    int64_t first, last;
    bool fine = take_date(&rest, &first);
    last = fine ? first : 0;
    if (fine && take_text(&rest, ".."))
        fine = take_date(&rest, &last);
    if (!fine || rest.size)
        return wrong(r, w, "that is no date, as in 2026-12-25, nor two with '..' between them");
    if (!r->is_not)
        return wrong(r, w, "dates stand behind 'not', and are those without hours");
    if (last < first)
        return wrong(r, w, "the second date is before the first");
    if (r->out->never_count == GF_HOURS_DATES)
        return wrong(r, w, "these are more dates than there may be: two with '..' between them "
                           "are all days from the one to the other");
    r->out->never[r->out->never_count].first = first;
    r->out->never[r->out->never_count++].last = last;
    r->has_date = true;
    return GOFER_OK;
}

// ---- the whole ----------------------------------------------------------------------------------

static gofer_status read_zone(reading *r, word w)
{
    char *zone = r->out->zone;
    if (w.size >= GF_HOURS_ZONE)
        return wrong(r, w, "no time zone has so long a name");
    if (*zone && !(strlen(zone) == w.size && memcmp(zone, w.text, w.size) == 0))
        return wrong(r, w, "another time zone was named before, and one holds for all");
    memcpy(zone, w.text, w.size);
    zone[w.size] = '\0';
    return GOFER_OK;
}

static gofer_status begin_not(reading *r, word w)
{
    gofer_status st = end_days(r, w);
    if (r->is_not)
        return wrong(r, w, "it is said twice");
    r->is_not = true;
    r->has_date = false;
    return st;
}

static gofer_status read_word(reading *r, word w)
{
    uint32_t days;
    if (*w.text >= '0' && *w.text <= '9')
        return begins_as_date(w) ? read_dates(r, w) : read_times(r, w);
    if (word_is(w, "not"))
        return begin_not(r, w);
    if ((days = days_of(w)) != 0)
        return read_days(r, w, days);
    if (*w.text >= 'A' && *w.text <= 'Z')      // as the names of all zones do
        return read_zone(r, w);
    return wrong(r, w, "that is no day of the week (mon to sun), time, date or time zone");
}

static gofer_status end_part(reading *r)
{
    word here = { r->at, 0 };
    if (r->is_not && !r->has_date)
        return wrong(r, here, "'not' wants dates behind it, as in 2026-12-25");
    r->is_not = false;
    return end_days(r, here);
}

static gofer_status read_next(reading *r)
{
    static const char between[] = " \t,", end[] = " \t,;";
    r->at += strspn(r->at, between);
    if (*r->at == ';') {
        gofer_status st = end_part(r);
        r->at++;
        return st;
    }
    word w = { r->at, strcspn(r->at, end) };
    r->at += w.size;
    return w.size ? read_word(r, w) : end_part(r);
}

gofer_status gf_hours_parse(const char *spec, gf_hours *out)
{
    reading r = { .spec = spec, .at = spec, .out = out };
    gofer_status st = GOFER_OK;
    *out = (gf_hours){ .window_count = 0 };
    if (strlen(spec) > GF_HOURS_SPEC_MAX)
        return gf_fail(GOFER_EINVAL, "the hours have %zu bytes: at most %d are read", strlen(spec),
            (int)GF_HOURS_SPEC_MAX);
    for (const char *at = spec; *at; at++)
        if ((*at < ' ' && *at != '\t') || *at > '~')
            return gf_fail(GOFER_EINVAL, "the hours are wrong at character %zu: what stands there "
                                         "is not printable ASCII", (size_t)(at - spec) + 1);
    do
        st = read_next(&r);
    while (st == GOFER_OK && *r.at);
    if (st == GOFER_OK)
        st = end_part(&r);
    if (st == GOFER_OK && !out->window_count)
        return gf_fail(GOFER_EINVAL, "the hours name no window, as in mon-fri 01:00-05:00: so it "
                                     "would never be open");
    return st;
}
