// cron_words.c - a cron expression in plain English.
//
// Written into the caller's memory and cut off where that ends; never fails. Pure.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schedule/cron.h"
#include "calendar/date.h"

enum { TIMES_MAX = 8 };

static const char *const months[] = { "", "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December" };
static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
    "Friday", "Saturday" };

// Being written; what is too long is cut off.
typedef struct text {
    char  *at;
    size_t used, room;
} text;

__attribute__((format(printf, 2, 3))) static void say(text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(t->at + t->used, t->room - t->used, format, args);
    va_end(args);
    if (size > 0)
        t->used += (size_t)size < t->room - t->used ? (size_t)size : t->room - t->used - 1;
}

static int lowest(uint64_t bits)
{
    int n = 0;
    while (!(bits >> n & 1))
        n++;
    return n;
}

static int highest(uint64_t bits)
{
    int n = 63;
    while (!(bits >> n & 1))
        n--;
    return n;
}

static bool is_run(uint64_t bits)
{
    return gf_cron_count(bits) == highest(bits) - lowest(bits) + 1;
}

// "9", "9 and 12", "9, 10 and 12", "9 to 17" (from three on); by names, or as
// numbers of so many digits.
static void list(text *t, uint64_t bits, const char *const *names, int digits)
{
    int count = gf_cron_count(bits), left = count;
    bool run = count > 2 && is_run(bits);
    for (int n = 0; n < 64; n++) {
        if (!(bits >> n & 1) || (run && n != lowest(bits) && n != highest(bits)))
            continue;
        if (left < count)
            say(t, "%s", run ? " to " : left == 1 ? " and " : ", ");
        if (names)
            say(t, "%s", names[n]);
        else
            say(t, "%0*d", digits, n);
        left--;
    }
}

// n of "every n minutes", if the minutes are evenly spread over the hour; else 0.
static int minute_step(uint64_t minutes)
{
    int count = gf_cron_count(minutes);
    if (60 % count || !(minutes & 1))
        return 0;
    for (int i = 0; i < 60; i += 60 / count)
        if (!(minutes >> i & 1))
            return 0;
    return 60 / count;
}

static void say_every(text *t, int64_t s)
{
    static const struct { int64_t s; const char *one, *many; } units[] = {
        { GF_DAY_S, "day", "days" }, { 3600, "hour", "hours" }, { 60, "minute", "minutes" },
        { 1, "second", "seconds" },
    };
    say(t, "every");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        int64_t n = s / units[i].s;
        if (n == 1 && s == units[i].s && t->used == strlen("every"))
            say(t, " %s", units[i].one);
        else if (n)
            say(t, " %" PRId64 " %s", n, n == 1 ? units[i].one : units[i].many);
        s %= units[i].s;
    }
}

// True: the words end in "every hour" or the like, which needs no "every day".
static bool say_times(text *t, const gf_cron *c)
{
    int hours = gf_cron_count(c->hours), minutes = gf_cron_count(c->minutes),
        step = minute_step(c->minutes);
    if (hours * minutes <= TIMES_MAX && (hours < 24 || minutes > 1)) {
        int left = hours * minutes;
        say(t, "at ");
        for (int at = 0; at < 24 * 60; at++)
            if (c->hours >> at / 60 & 1 && c->minutes >> at % 60 & 1) {
                say(t, "%02d:%02d", at / 60, at % 60);
                left--;
                say(t, "%s", left == 0 ? "" : left == 1 ? " and " : ", ");
            }
        return false;
    }
    if (step == 1)
        say(t, "every minute");
    else if (step && step < 60)
        say(t, "every %d minutes", step);
    else if (c->minutes == 1 && is_run(c->hours))
        say(t, "every hour");
    else {
        say(t, minutes > 1 ? "at the minutes " : "at minute ");
        list(t, c->minutes, NULL, 1);
        if (hours == 24)
            say(t, " of every hour");
    }
    if (hours == 24)
        return true;
    if (step && is_run(c->hours)) {
        say(t, " from %02d:00 to %02d:%02d", lowest(c->hours), highest(c->hours),
            highest(c->minutes));
    } else {
        say(t, hours > 1 ? " of the hours " : " of the hour ");
        list(t, c->hours, NULL, 2);
    }
    return false;
}

static void say_days(text *t, const gf_cron *c, bool often)
{
    bool by_day = !c->any_day && c->days, by_weekday = !c->any_weekday && c->weekdays;
    bool in_months = gf_cron_count(c->months) < 12;
    if (by_day && !by_weekday && in_months && gf_cron_count(c->days) == 1) {
        say(t, " on %d ", lowest(c->days));
        list(t, c->months, months, 0);
        return;
    }
    if (by_day) {
        say(t, gf_cron_count(c->days) > 1 ? " on the days " : " on day ");
        list(t, c->days, NULL, 1);
        say(t, " of the month");
    }
    if (by_weekday) {
        // Two restricted fields: either is enough, which surprises many.
        say(t, by_day ? ", and also on every " : " on ");
        list(t, c->weekdays, weekdays, 0);
    }
    if (!by_day && !by_weekday && !often)
        say(t, " every day");
    if (in_months) {
        say(t, " in ");
        list(t, c->months, months, 0);
    }
}

char *gf_cron_words(const gf_cron *c, const gf_zone *zone, char out[GF_CRON_TEXT])
{
    text t = { out, 0, GF_CRON_TEXT };
    *out = '\0';
    if (c->every_s) {
        say_every(&t, c->every_s);
        return out;
    }
    bool often = say_times(&t, c);
    say_days(&t, c, often);
    if (strcmp(gf_zone_name(zone), "UTC") == 0)
        say(&t, ", UTC");
    else
        say(&t, ", %s time", gf_zone_name(zone));
    return out;
}
