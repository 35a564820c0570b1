// act.c - acting on tasks.
#include "broker/redis/store.h"
#include "util/error.h"

gofer_status gf_rd_task_move(gf_broker *b, const char *queue, const char *id, gf_state to)
{
    (void)b;
    (void)queue;
    (void)id;
    (void)to;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_tasks_move(gf_broker *b, const char *queue, gf_state from, gf_state to, size_t limit, size_t *done)
{
    (void)b;
    (void)queue;
    (void)from;
    (void)to;
    (void)limit;
    (void)done;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_queue_pause(gf_broker *b, const char *queue, bool paused)
{
    (void)b;
    (void)queue;
    (void)paused;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_queue_delete(gf_broker *b, const char *queue, bool force)
{
    (void)b;
    (void)queue;
    (void)force;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}
