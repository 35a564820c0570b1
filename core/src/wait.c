// wait.c - waits for the end of a task.
//
// May touch: broker/broker.h, info.h.
#include "client.h"
#include "info.h"
#include "inspect.h"
#include "util/error.h"
#include "util/text.h"

// It was there when the wait began, and ended before the store was asked.
static gofer_status tell_gone(const char *queue, const char *id, gofer_info **out)
{
    gofer_info *info = gf_info_record();
    if (!info || gf_info_set_text(info, "id", id) || gf_info_set_text(info, "queue", queue) ||
        gf_info_set_text(info, "outcome", "gone")) {
        gofer_info_free(info);
        return gf_fail_nomem("the end of a task");
    }
    *out = info;
    return GOFER_OK;
}

gofer_status gofer_client_interrupt(gofer_client *client)
{
    gofer_status st = gf_client_check(client, "gofer_client_interrupt");
    if (st != GOFER_OK)
        return st;
    gf_broker *b = client->broker;
    atomic_fetch_add(&b->interrupts, 1);
    if (b->ops->interrupt)
        b->ops->interrupt(b);
    return GOFER_OK;
}

gofer_status gofer_client_wait(gofer_client *client, const char *queue, const char *task_id, int64_t timeout_ms,
    gofer_info **out)
{
    gf_names found = { 0 };
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_wait: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_client_wait");
    if (st == GOFER_OK && timeout_ms > 0)
        st = gf_check_duration("timeout_ms", timeout_ms);
    if (st != GOFER_OK)
        return st;
    const gf_broker_ops *ops = client->broker->ops;
    if (!ops->wait_end)
        return gf_client_cannot(client, "gofer_client_wait");
    st = gf_locate(client, &queue, task_id, &found);
    if (st == GOFER_OK)
        st = ops->wait_end(client->broker, queue, task_id, timeout_ms < 0 ? -1 : timeout_ms, out);
    if (st == GOFER_ENOTFOUND && found.count)
        st = tell_gone(queue, task_id, out);
    else if (st == GOFER_ETIMEOUT)
        gf_fail(st, "the task '%s' has not come to its end in the time given", task_id);
    gf_names_clear(&found);
    return st;
}
