// waiter.c - waits for work.
#include "broker/redis/store.h"
#include "util/error.h"

gofer_status gf_rd_waiter_open(gf_broker *b, const char *const *queues, size_t count, gf_waiter **out)
{
    (void)b;
    (void)queues;
    (void)count;
    (void)out;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

void gf_rd_waiter_close(gf_waiter *w)
{
    (void)w;
}

void gf_rd_waiter_arm(gf_waiter *w)
{
    (void)w;
}

gofer_status gf_rd_waiter_wait(gf_waiter *w, int64_t timeout_ms)
{
    (void)w;
    (void)timeout_ms;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

void gf_rd_waiter_wake(gf_waiter *w)
{
    (void)w;
}
