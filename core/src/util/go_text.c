// go_text.c - values as Go prints them.
#include "util/go_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void gf_go_duration(int64_t ms, char *out, size_t room)
{
    int64_t s = ms / 1000, h = s / 3600, m = s / 60 % 60;
    int fraction = (int)(ms % 1000);
    char seconds[32];
    if (ms < 1000) {
        snprintf(out, room, ms ? "%" PRId64 "ms" : "0s", ms);
        return;
    }
    snprintf(seconds, sizeof seconds, "%d.%03d", (int)(s % 60), fraction);
    size_t size = strlen(seconds);
    while (seconds[size - 1] == '0')
        size--;
    size -= seconds[size - 1] == '.';
    if (h)
        snprintf(out, room, "%" PRId64 "h%" PRId64 "m%.*ss", h, m, (int)size, seconds);
    else if (m)
        snprintf(out, room, "%" PRId64 "m%.*ss", m, (int)size, seconds);
    else
        snprintf(out, room, "%.*ss", (int)size, seconds);
}

// Go's UnixDate, which does not go by the locale.
void gf_go_date(int64_t unix_ms, char *out, size_t room)
{
    static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char months[12][4] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    };
    time_t s = (time_t)(unix_ms / 1000);
    struct tm tm = { 0 };
    gmtime_r(&s, &tm);
    snprintf(out, room, "%s %s %2d %02d:%02d:%02d UTC %d", days[tm.tm_wday % 7],
        months[tm.tm_mon % 12], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_year + 1900);
}

void gf_go_quote(const char *text, char *out, size_t room)
{
    size_t at = 0;
    out[at++] = '"';
    for (; *text && at + 4 < room; text++) {
        if (*text == '"' || *text == '\\')
            out[at++] = '\\';
        out[at++] = *text;
    }
    out[at++] = '"';
    out[at] = '\0';
}
