// go_duration.c - reads durations as Go does, to the same limits.
//
// After time.ParseDuration: 64-bit nanoseconds, and what overflows them is refused. Pure.
#include "schedule/go_duration.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    uint64_t    ns;
} units[] = {
    { "ns", 1 }, { "us", 1000 }, { "\u00b5s", 1000 }, { "\u03bcs", 1000 }, { "ms", 1000000 },
    { "s", 1000000000 },
    { "m", UINT64_C(60000000000) }, { "h", UINT64_C(3600000000000) },
};

static const uint64_t limit = UINT64_C(1) << 63;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool leading_int(const char **at, uint64_t *out)
{
    uint64_t value = 0;
    for (; is_digit(**at); (*at)++) {
        if (value > limit / 10)
            return false;
        value = 10 * value + (uint64_t)(**at - '0');
        if (value > limit)
            return false;
    }
    *out = value;
    return true;
}

// The digits after a point; those past 2^63 are passed over.
static void leading_fraction(const char **at, uint64_t *out, double *scale)
{
    uint64_t value = 0;
    bool full = false;
    *scale = 1;
    for (; is_digit(**at); (*at)++) {
        if (full || value > (limit - 1) / 10) {
            full = true;
            continue;
        }
        uint64_t more = 10 * value + (uint64_t)(**at - '0');
        if (more > limit) {
            full = true;
            continue;
        }
        value = more;
        *scale *= 10;
    }
    *out = value;
}

static uint64_t unit_of(const char *text, size_t size)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].name) == size && memcmp(units[i].name, text, size) == 0)
            return units[i].ns;
    return 0;
}

// One number and its unit.
static bool part(const char **at, uint64_t *out)
{
    uint64_t whole, fraction = 0;
    double scale = 1;
    const char *from = *at;
    if (!leading_int(at, &whole))
        return false;
    size_t digits = (size_t)(*at - from);
    if (**at == '.') {
        from = ++*at;
        leading_fraction(at, &fraction, &scale);
        digits += (size_t)(*at - from);
    }
    size_t size = 0;
    while ((*at)[size] && (*at)[size] != '.' && !is_digit((*at)[size]))
        size++;
    uint64_t unit = unit_of(*at, size);
    if (!digits || !unit || whole > limit / unit)
        return false;
    *at += size;
    *out = whole * unit + (uint64_t)((double)fraction * ((double)unit / scale));
    return *out <= limit;
}

bool gf_go_duration_parse(const char *text, int64_t *out_ns)
{
    uint64_t total = 0, more;
    bool negative = *text == '-';
    text += *text == '-' || *text == '+';
    if (strcmp(text, "0") == 0) {
        *out_ns = 0;
        return true;
    }
    do {
        if (!part(&text, &more) || (total += more) > limit)
            return false;
    } while (*text);
    if (total == limit && !negative)
        return false;
    *out_ns = negative ? (int64_t)(0 - total) : (int64_t)total;
    return true;
}
