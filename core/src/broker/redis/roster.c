// roster.c - workers.
#include "broker/redis/store.h"
#include "util/error.h"

gofer_status gf_rd_worker_register(gf_broker *b, const gf_worker_entry *entry, int64_t lease_ms)
{
    (void)b;
    (void)entry;
    (void)lease_ms;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_worker_deregister(gf_broker *b, const char *id)
{
    (void)b;
    (void)id;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_workers(gf_broker *b, gofer_info **out)
{
    (void)b;
    (void)out;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

bool gf_rd_registered(gf_rd_store *s, const char *id)
{
    (void)s;
    (void)id;
    return false;
}

void gf_rd_registrations_close(gf_rd_store *s)
{
    (void)s;
}
