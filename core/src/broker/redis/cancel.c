// cancel.c - cancelling.
#include "broker/redis/store.h"
#include "util/error.h"

gofer_status gf_rd_cancel(gf_broker *b, const char *queue, const char *id)
{
    (void)b;
    (void)queue;
    (void)id;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_watch_open(gf_broker *b, gf_told_cancel told, void *arg, gf_watch **out)
{
    (void)b;
    (void)told;
    (void)arg;
    (void)out;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

void gf_rd_watch_close(gf_watch *w)
{
    (void)w;
}
