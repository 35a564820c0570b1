// exchange.c - finishes and takes tasks.
#include "broker/redis/store.h"
#include "util/error.h"

gofer_status gf_rd_exchange(gf_broker *b, gf_finish *done, size_t done_count, gf_take *take)
{
    (void)b;
    (void)done;
    (void)done_count;
    (void)take;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}
