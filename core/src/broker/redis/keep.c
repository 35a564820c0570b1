// keep.c - housekeeping.
#include "broker/redis/store.h"
#include "util/error.h"

gofer_status gf_rd_forward(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms)
{
    (void)b;
    (void)limit;
    (void)done;
    (void)next_ms;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_recover(gf_broker *b, size_t limit, int32_t crash_limit, gf_recovered *out)
{
    (void)b;
    (void)limit;
    (void)crash_limit;
    (void)out;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_purge(gf_broker *b, size_t limit, size_t *done)
{
    (void)b;
    (void)limit;
    (void)done;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}
