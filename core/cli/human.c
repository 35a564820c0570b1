// human.c - durations, moments and sizes as people read them.
//
// Pure, but for the clock and the time zone. The cli_human_ functions write into the caller's
// CLI_HUMAN bytes and return them, so that calls can stand among printf's arguments.
#include "cli.h"

#include <time.h>

int64_t cli_now_ms(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return 0;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t cli_sum(int64_t a, int64_t b)
{
    if (b > 0 && a > INT64_MAX - b)
        return INT64_MAX;
    return b < 0 && a < INT64_MIN - b ? INT64_MIN : a + b;
}

// The two largest units that matter: "2d 3h", "1h 5m", "42s", "250ms".
const char *cli_human_duration(char *out, int64_t ms)
{
    static const struct { int64_t ms; const char *name; } units[] = {
        { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" },
    };
    if (ms < 0)
        ms = 0;
    if (ms < 1000) {
        snprintf(out, CLI_HUMAN, "%lldms", (long long)ms);
        return out;
    }
    for (size_t i = 0; i < 4; i++) {
        if (ms < units[i].ms)
            continue;
        long long first = ms / units[i].ms;
        long long second = i < 3 ? ms % units[i].ms / units[i + 1].ms : 0;
        if (second)
            snprintf(out, CLI_HUMAN, "%lld%s %lld%s", first, units[i].name, second,
                units[i + 1].name);
        else
            snprintf(out, CLI_HUMAN, "%lld%s", first, units[i].name);
        break;
    }
    return out;
}

const char *cli_human_when(char *out, int64_t ms, int64_t now_ms)
{
    char span[CLI_HUMAN];
    int64_t away = cli_sum(ms, -now_ms);
    away = away == INT64_MIN ? -INT64_MAX : away;
    if (away > -1000 && away < 1000)
        snprintf(out, CLI_HUMAN, "now");
    else if (away > 0)
        snprintf(out, CLI_HUMAN, "in %.30s", cli_human_duration(span, away));
    else
        snprintf(out, CLI_HUMAN, "%.30s ago", cli_human_duration(span, -away));
    return out;
}

const char *cli_human_time(char *out, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;
    if (!localtime_r(&seconds, &local) ||
        strftime(out, CLI_HUMAN, "%Y-%m-%d %H:%M:%S %z", &local) == 0)
        snprintf(out, CLI_HUMAN, "@%lld", (long long)seconds);
    return out;
}

const char *cli_human_size(char *out, int64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double size = (double)bytes;
    size_t unit = 0;
    while (size >= 1024 && unit < 4) {
        size /= 1024;
        unit++;
    }
    // One decimal where it says something.
    int whole = unit == 0 || size >= 100 || size - (double)(int64_t)size < 0.05;
    snprintf(out, CLI_HUMAN, "%.*f %s", whole ? 0 : 1, size, units[unit]);
    return out;
}
