// look.c - inspection.
#include "broker/redis/store.h"
#include "util/error.h"

gofer_status gf_rd_queues_look(gf_broker *b, const char *queue, gofer_info **out)
{
    (void)b;
    (void)queue;
    (void)out;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_tasks(gf_broker *b, const char *queue, gf_state state, const char *cursor, size_t limit, gofer_info **out)
{
    (void)b;
    (void)queue;
    (void)state;
    (void)cursor;
    (void)limit;
    (void)out;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_task(gf_broker *b, const char *queue, const char *id, gofer_info **out)
{
    (void)b;
    (void)queue;
    (void)id;
    (void)out;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_history(gf_broker *b, const char *queue, int32_t days, gofer_info **out)
{
    (void)b;
    (void)queue;
    (void)days;
    (void)out;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_backlog(gf_broker *b, const char *const *queues, size_t count, int64_t *out)
{
    (void)b;
    (void)queues;
    (void)count;
    (void)out;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}
