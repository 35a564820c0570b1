// lease.c - renews leases, tells progress.
#include "broker/redis/store.h"
#include "util/error.h"

gofer_status gf_rd_extend(gf_broker *b, gf_lease *leases, size_t count, int64_t lease_ms)
{
    (void)b;
    (void)leases;
    (void)count;
    (void)lease_ms;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_progress(gf_broker *b, const gf_progress *items, size_t count)
{
    (void)b;
    (void)items;
    (void)count;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}
