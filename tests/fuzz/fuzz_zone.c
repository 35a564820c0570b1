// fuzz_zone.c - any bytes as a time zone's file: no crash, and spans that join.
#include <stdint.h>
#include <stdlib.h>

#include "calendar/zone.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gf_zone *zone;
    if (gf_zone_parse("fuzz", data, size, &zone) != GOFER_OK)
        return 0;
    int64_t at_s = 1700000000;
    for (int i = 0; i < 20; i++) {
        gf_span span = gf_zone_span(zone, at_s);
        require(span.start_s <= at_s && at_s < span.end_s);
        int64_t again_s = gf_zone_from_local(zone, at_s + span.offset_s);
        require(again_s <= at_s);      // the first time that the clock shows it
        if (span.end_s > INT64_C(4000000000))
            break;
        at_s = span.end_s;
    }
    gf_zone_free(zone);
    return 0;
}
