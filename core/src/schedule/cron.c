// cron.c - reads a cron expression.
//
// When it comes is cron_next.c's, what it says in words cron_words.c's. Pure but for the errors,
// which quote the field at fault.
#include "schedule/cron.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "calendar/date.h"
#include "schedule/go_duration.h"
#include "util/error.h"
#include "util/nearest.h"
#include "util/utf8.h"

typedef struct bounds {
    const char        *what;
    int                min, max;
    const char *const *names;      // of min and on; NULL: numbers only
} bounds;

static const char *const month_names[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug",
    "sep", "oct", "nov", "dec", NULL };
static const char *const weekday_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat",
    NULL };

enum { FIELDS = 5 };
static const bounds fields_of[FIELDS] = {
    { "minute", 0, 59, NULL }, { "hour", 0, 23, NULL }, { "day of month", 1, 31, NULL },
    { "month", 1, 12, month_names },
    { "day of week", 0, 6, weekday_names },
};

// A piece of the spec.
typedef struct piece {
    const char *text;
    size_t      size;
} piece;

// ---- pieces ------------------------------------------------------------------------------------

// What stands before the first `c`, and *rest after it (text NULL: there was none).
static piece cut(piece p, char c, piece *rest)
{
    const char *at = p.size ? memchr(p.text, c, p.size) : NULL;
    *rest = at ? (piece){ at + 1, (size_t)(p.text + p.size - at - 1) } : (piece){ NULL, 0 };
    return at ? (piece){ p.text, (size_t)(at - p.text) } : p;
}

static bool piece_is(piece p, const char *text)
{
    return strlen(text) == p.size && memcmp(p.text, text, p.size) == 0;
}

static gofer_status bad(const bounds *b, piece p, const char *why)
{
    return gf_fail(GOFER_EINVAL, "the %s '%.*s' of the cron expression %s", b->what,
        (int)(p.size > 60 ? 60 : p.size), p.text, why);
}

static gofer_status bad_number(const bounds *b, piece p)
{
    char why[120];
    snprintf(why, sizeof why, "is not a number from %d to %d%s%s", b->min, b->max,
        !b->names ? "" : b->min ? ", or jan to dec" : ", or sun to sat",
        b->min == 0 && b->max == 6 && piece_is(p, "7") ? "; Sunday is 0" : "");
    return bad(b, p, why);
}

// As Go's Atoi: a sign and digits, of 64 bits.
static bool read_number(piece p, int64_t *out)
{
    bool negative = p.size && *p.text == '-';
    size_t at = p.size && (*p.text == '-' || *p.text == '+');
    int64_t value = 0;
    if (at == p.size)
        return false;
    for (; at < p.size; at++) {
        if (p.text[at] < '0' || p.text[at] > '9')
            return false;
        if (value > (INT64_MAX - (p.text[at] - '0')) / 10)
            return false;
        value = 10 * value + (p.text[at] - '0');
    }
    *out = negative ? -value : value;
    return true;
}

static bool read_value(const bounds *b, piece p, int64_t *out)
{
    for (int i = 0; b->names && b->names[i]; i++)
        if (p.size == 3 && tolower((unsigned char)p.text[0]) == b->names[i][0] &&
            tolower((unsigned char)p.text[1]) == b->names[i][1] &&
            tolower((unsigned char)p.text[2]) == b->names[i][2]) {
            *out = b->min + i;
            return true;
        }
    return read_number(p, out);
}

// ---- one field ----------------------------------------------------------------------------------

// "*", "?", "n", "n-m", each with "/step". "*-" and more after it is '*' to the parser we follow.
static gofer_status read_range(const bounds *b, piece p, uint64_t *bits, bool *any)
{
    piece after_slash, high, more;
    piece range = cut(p, '/', &after_slash), low = cut(range, '-', &high);
    bool single = !high.text, star = piece_is(low, "*") || piece_is(low, "?");
    int64_t start = b->min, end = b->max, step = 1;

    if (!star) {
        if (!read_value(b, low, &start))
            return bad_number(b, p);
        end = start;
        if (!single && memchr(high.text, '-', high.size))
            return bad(b, p, "has more than one hyphen");
        if (!single && !read_value(b, high, &end))
            return bad_number(b, p);
    }
    if (after_slash.text) {
        piece step_text = cut(after_slash, '/', &more);
        if (more.text)
            return bad(b, p, "has more than one slash");
        if (!read_number(step_text, &step) || step < 1)
            return bad(b, p, "has a step that is not a number of at least 1");
        if (step > b->max + 1)
            step = b->max + 1;             // no second one either way
        if (single)
            end = b->max;
    }
    if (start < b->min || start > b->max || end > b->max || end < 0)
        return bad_number(b, p);
    if (start > end)
        return bad(b, p, "ends before it begins");
    for (int64_t n = start; n <= end; n += step)
        *bits |= UINT64_C(1) << n;
    *any |= star && step == 1;
    return GOFER_OK;
}

static gofer_status read_field(const bounds *b, piece p, uint64_t *bits, bool *any)
{
    piece rest = p;
    while (rest.text) {
        piece one = cut(rest, ',', &rest);
        gofer_status st = one.size ? read_range(b, one, bits, any) : GOFER_OK;
        if (st != GOFER_OK)
            return st;
    }
    return GOFER_OK;
}

// ---- what never comes ---------------------------------------------------------------------------

static const char *const month_words[] = { "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December" };

static int lowest(uint64_t bits)
{
    int n = 0;
    while (!(bits >> n & 1))
        n++;
    return n;
}

static gofer_status check_comes(const gf_cron *c, const char *spec)
{
    const struct { uint64_t bits; const char *what; } needed[] = {
        { c->minutes, "minute" }, { c->hours, "hour" }, { c->months, "month" },
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!needed[i].bits)
            return gf_fail(GOFER_EINVAL, "'%.200s' never comes: its %s is empty", spec,
                needed[i].what);
    // Either day field is enough, unless one of them leaves it to the other.
    bool by_day = !c->any_day, by_weekday = !c->any_weekday;
    if ((!by_day && !by_weekday) || (by_weekday && c->weekdays))
        return GOFER_OK;
    if (by_day)
        for (int month = 1; month <= 12; month++)
            if (c->months >> month & 1 && c->days && lowest(c->days) <= gf_month_days(2000, month))
                return GOFER_OK;
    if (!by_day || !c->days)
        return gf_fail(GOFER_EINVAL, "'%.200s' never comes: its day is empty", spec);
    return gf_fail(GOFER_EINVAL, "'%.200s' never comes: there is no %d %s", spec, lowest(c->days),
        month_words[lowest(c->months) - 1]);
}

// ---- the whole ----------------------------------------------------------------------------------

static const struct {
    const char *word, *fields;
} words[] = {
    { "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" },
    { "@weekly", "0 0 * * 0" },
    { "@daily", "0 0 * * *" }, { "@midnight", "0 0 * * *" }, { "@hourly", "0 * * * *" },
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static gofer_status read_fields(const char *text, const char *spec, gf_cron *c)
{
    piece found[FIELDS];
    size_t count = 0;
    for (const char *at = text;;) {
        while (is_space(*at))
            at++;
        if (!*at)
            break;
        const char *from = at;
        while (*at && !is_space(*at))
            at++;
        if (count < FIELDS)
            found[count] = (piece){ from, (size_t)(at - from) };
        count++;
    }
    if (count != FIELDS)
        return gf_fail(GOFER_EINVAL,
            "the cron expression '%.200s' has %zu fields: it needs 5 (minute, hour, day of month, "
            "month, day of week)%s",
            spec, count, count == FIELDS + 1 ? "; there are no seconds" : "");
    uint64_t *const bits[FIELDS] = { &c->minutes, &c->hours, &c->days, &c->months, &c->weekdays };
    for (size_t i = 0; i < FIELDS; i++) {
        bool any = false;
        gofer_status st = read_field(&fields_of[i], found[i], bits[i], &any);
        if (st != GOFER_OK)
            return st;
        if (i == 2)
            c->any_day = any;
        if (i == 4)
            c->any_weekday = any;
    }
    return check_comes(c, spec);
}

// rest: what follows on "@every".
static gofer_status read_every(const char *rest, gf_cron *c)
{
    int64_t ns;
    if (*rest != ' ' || !gf_go_duration_parse(rest + 1, &ns))
        return gf_fail(GOFER_EINVAL,
            "'@every%.100s' of the cron expression needs one blank and a duration such as 90s, 5m "
            "or "
            "1h30m",
            rest);
    // As robfig/cron: whole seconds, at least one.
    c->every_s = ns < 1000000000 ? 1 : ns / 1000000000;
    return GOFER_OK;
}

static gofer_status read_word(const char *text, const char *spec, gf_cron *c)
{
    static const char every[] = "@every";
    enum { WORDS = sizeof words / sizeof *words };
    const char *names[WORDS + 1];
    const char *rest = strncmp(text, every, sizeof every - 1) == 0 ? text + sizeof every - 1 : NULL;
    if (rest && !((*rest | 32) >= 'a' && (*rest | 32) <= 'z'))
        return read_every(rest, c);
    for (size_t i = 0; i < WORDS; i++) {
        if (strcmp(text, words[i].word) == 0)
            return read_fields(words[i].fields, spec, c);
        names[i] = words[i].word;
    }
    names[WORDS] = "@every";
    const char *near = gf_nearest(text, names, WORDS + 1);
    return gf_fail(GOFER_EINVAL, "the cron expression has no word '%.60s'%s%s%s", text,
        near ? "; did you mean '"
             : ": write "
               "@hourly, @daily, @weekly, @monthly, @yearly or @every DURATION",
        near ? near : "", near ? "'?" : "");
}

const char *gf_cron_zone_of(const char *spec, const char **zone, size_t *zone_size)
{
    *zone = NULL;
    *zone_size = 0;
    if (strncmp(spec, "TZ=", 3) != 0 && strncmp(spec, "CRON_TZ=", 8) != 0)
        return spec;
    const char *from = strchr(spec, '=') + 1, *blank = strchr(from, ' ');
    if (!blank) {
        (void)gf_fail(GOFER_EINVAL,
            "the cron expression '%.200s' has a time zone and nothing after it", spec);
        return NULL;
    }
    *zone = from;
    *zone_size = (size_t)(blank - from);
    return blank;
}

gofer_status gf_zones_for(gf_zones *zones, const char *spec, const char *tz, const gf_zone **out)
{
    const char *own;
    size_t size;
    if (!gf_cron_zone_of(spec, &own, &size))
        return GOFER_EINVAL;
    if (!own)
        return gf_zones_get(zones, tz, out);
    char name[256];                // what is cut off is no name of a zone anyway
    snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name - 1), own);
    if (tz && strcmp(*name ? name : "UTC", *tz ? tz : "UTC") != 0)
        return gf_fail(GOFER_EINVAL,
            "the cron expression '%.200s' has a time zone of its own, and '%.60s' is given too",
            spec, tz);
    return gf_zones_get(zones, name, out);
}

gofer_status gf_cron_parse(const char *spec, gf_cron *out)
{
    gf_cron c = { 0 };
    const char *zone;
    size_t zone_size, size = strnlen(spec, GF_CRON_SPEC_MAX + 1);
    if (size == 0)
        return gf_fail(GOFER_EINVAL,
            "the cron expression is empty: give five fields, or a word such as @daily");
    if (size > GF_CRON_SPEC_MAX || !gf_utf8_valid(spec, size))
        return gf_fail(GOFER_EINVAL, "the cron expression is %s",
            size > GF_CRON_SPEC_MAX ? "over 1000 bytes long" : "not valid UTF-8");
    const char *rest = gf_cron_zone_of(spec, &zone, &zone_size);
    if (!rest)
        return GOFER_EINVAL;
    if (rest == spec) {
        gofer_status st = *rest == '@' ? read_word(rest, spec, &c) : read_fields(rest, spec, &c);
        if (st == GOFER_OK)
            *out = c;
        return st;
    }
    // After a zone blanks around the rest do not count; without one they do.
    char trimmed[GF_CRON_SPEC_MAX + 1];
    while (is_space(*rest))
        rest++;
    size = strlen(rest);
    while (size && is_space(rest[size - 1]))
        size--;
    memcpy(trimmed, rest, size);
    trimmed[size] = '\0';
    gofer_status st =
        *trimmed == '@' ? read_word(trimmed, spec, &c) : read_fields(trimmed, spec, &c);
    if (st == GOFER_OK)
        *out = c;
    return st;
}
