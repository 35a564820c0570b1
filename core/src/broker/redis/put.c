// put.c - adds tasks.
#include "broker/redis/store.h"
#include "util/error.h"

gofer_status gf_rd_put(gf_broker *b, gf_put *items, size_t count)
{
    (void)b;
    (void)items;
    (void)count;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_combiner_open(gf_rd_store *s)
{
    (void)s;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

void gf_rd_combiner_close(gf_rd_store *s)
{
    (void)s;
}
