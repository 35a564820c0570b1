// fuzz_cron.c - any text as a cron expression: no crash, and what is accepted comes, in order, and
// can be told in words.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/cron.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static gf_zones zones;
    static const char *const names[] = { "UTC", "Europe/Berlin", "Australia/Lord_Howe",
        "Africa/Casablanca" };
    if (size < 5 || size > 200)
        return 0;
    // The first bytes choose zone and time, the rest is the expression.
    const gf_zone *zone;
    require(gf_zones_get(&zones, names[data[0] % 4], &zone) == GOFER_OK);
    uint32_t hours;
    memcpy(&hours, data + 1, sizeof hours);
    int64_t from_ms = (int64_t)(hours % 876000) * 3600000;     // a century
    char spec[201];
    memcpy(spec, data + 5, size - 5);
    spec[size - 5] = '\0';

    gf_cron cron;
    if (gf_cron_parse(spec, &cron) != GOFER_OK)
        return 0;
    char words[GF_CRON_TEXT], per_day[24];
    require(*gf_cron_words(&cron, zone, words) != '\0');
    gf_cron_per_day(&cron, per_day);
    int64_t at_ms = from_ms, ticks[8];
    for (int i = 0; i < 8; i++) {
        int64_t next_ms = gf_cron_next(&cron, zone, at_ms, from_ms);
        require(next_ms > at_ms || next_ms == -1);
        if (next_ms < 0)
            return 0;              // "@every" of centuries
        at_ms = next_ms;
    }
    size_t count = gf_cron_latest(&cron, zone, (gf_cron_span){ from_ms, at_ms, from_ms }, ticks, 8);
    require(count == 8 && ticks[7] == at_ms && ticks[0] > from_ms);
    return 0;
}
