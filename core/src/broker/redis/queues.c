// queues.c - the queues there are.
#include "broker/redis/store.h"
#include "util/error.h"

gofer_status gf_rd_queues_get(gf_rd_store *s, int64_t max_age_ms, gf_rd_names *out)
{
    (void)s;
    (void)max_age_ms;
    (void)out;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

void gf_rd_names_free(gf_rd_names *n)
{
    (void)n;
}

bool gf_rd_queue_exists(gf_rd_store *s, const char *queue, gofer_status *st)
{
    (void)s;
    (void)queue;
    (void)st;
    return false;
}

bool gf_rd_queues_tell(gf_rd_store *s, const char *queue)
{
    (void)s;
    (void)queue;
    return false;
}

gofer_status gf_rd_queues_open(gf_rd_store *s)
{
    (void)s;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

void gf_rd_queues_close(gf_rd_store *s)
{
    (void)s;
}
