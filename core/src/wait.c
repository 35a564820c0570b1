// wait.c - waits for the end of a task.
//
// May touch: broker/broker.h, info.h.
#include <string.h>

#include "client.h"
#include "info.h"
#include "util/error.h"
#include "util/text.h"

// The queue that holds the task now, copied into `found`.
static gofer_status find_queue(gofer_client *client, const char *id, char found[GF_NAME_MAX + 1])
{
    const gf_broker_ops *ops = client->broker->ops;
    gf_names names = { 0 };
    gofer_status st = ops->names(client->broker, &names);
    if (st != GOFER_OK)
        return st;
    st = GOFER_ENOTFOUND;
    for (size_t i = 0; i < names.count && st == GOFER_ENOTFOUND; i++) {
        gofer_info *task;
        st = ops->task(client->broker, names.names[i], id, &task);
        if (st == GOFER_OK) {
            strcpy(found, names.names[i]);      // a stored name has at most GF_NAME_MAX bytes
            gofer_info_free(task);
        }
    }
    gf_names_clear(&names);
    return st == GOFER_ENOTFOUND ? gf_fail(st, "no task '%s' in any queue", id) : st;
}

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
    char found[GF_NAME_MAX + 1];
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_wait: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_client_wait");
    if (st == GOFER_OK)
        st = gf_check_name("task id", task_id);
    if (st == GOFER_OK && queue)
        st = gf_check_queue(queue);
    if (st == GOFER_OK && timeout_ms > 0)
        st = gf_check_duration("timeout_ms", timeout_ms);
    if (st != GOFER_OK)
        return st;
    const gf_broker_ops *ops = client->broker->ops;
    if (!ops->wait_end || (!queue && !ops->names))
        return gf_client_cannot(client, "gofer_client_wait");
    if (!queue && (st = find_queue(client, task_id, found)) != GOFER_OK)
        return st;
    st = ops->wait_end(client->broker, queue ? queue : found, task_id, timeout_ms < 0 ? -1 : timeout_ms, out);
    if (st == GOFER_ENOTFOUND && !queue)
        return tell_gone(found, task_id, out);
    return st == GOFER_ETIMEOUT ? gf_fail(st, "the task '%s' has not come to its end in the time given", task_id) : st;
}
