// schedule.c - scheduler records.
#include "broker/redis/store.h"
#include "util/error.h"

gofer_status gf_rd_schedule_write(gf_rd_store *s, const char *scheduler_id, const gf_wire_entry *entries, size_t count, int64_t ttl_s)
{
    (void)s;
    (void)scheduler_id;
    (void)entries;
    (void)count;
    (void)ttl_s;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_schedule_clear(gf_rd_store *s, const char *scheduler_id)
{
    (void)s;
    (void)scheduler_id;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_schedule_list(gf_rd_store *s, gofer_info **out)
{
    (void)s;
    (void)out;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_schedule_record(gf_rd_store *s, const char *entry_id, const gf_wire_event *event)
{
    (void)s;
    (void)entry_id;
    (void)event;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_schedule_history(gf_rd_store *s, const char *entry_id, size_t limit, gofer_info **out)
{
    (void)s;
    (void)entry_id;
    (void)limit;
    (void)out;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_schedule_forget(gf_rd_store *s, const char *entry_id)
{
    (void)s;
    (void)entry_id;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}
