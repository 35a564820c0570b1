// inspect.c - look at queues and tasks, and act on them.
//
// May touch: broker/broker.h. Checks what the caller gave, then asks the store.
#include <string.h>

#include "client.h"
#include "util/error.h"
#include "util/text.h"

enum { PAGE_DEFAULT = 30, PAGE_MAX = 1000, BULK_STEP = 500 };

// The doors' common first lines.
static gofer_status check_door(gofer_client *client, const char *what, const void *out)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "%s: out is NULL", what);
    return gf_client_check(client, what);
}

static gofer_status check_state(const char *name, gf_state *out)
{
    if (name && gf_state_parse(name, out))
        return GOFER_OK;
    return gf_fail(GOFER_EINVAL,
        "'%.40s' is not a state: choose pending, scheduled, active, retry, completed or archived",
        name ? name : "(NULL)");
}

gofer_status gofer_client_queues(gofer_client *client, gofer_info **out)
{
    gofer_status st = check_door(client, "gofer_client_queues", out);
    return st == GOFER_OK ? client->broker->ops->queues(client->broker, NULL, out) : st;
}

gofer_status gofer_client_queue(gofer_client *client, const char *queue, gofer_info **out)
{
    gofer_status st = check_door(client, "gofer_client_queue", out);
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    return st == GOFER_OK ? client->broker->ops->queues(client->broker, queue, out) : st;
}

gofer_status gofer_client_tasks(gofer_client *client, const char *queue, const char *state, const char *cursor,
    int32_t limit, gofer_info **out)
{
    gf_state which;
    gofer_status st = check_door(client, "gofer_client_tasks", out);
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    if (st == GOFER_OK)
        st = check_state(state, &which);
    if (st != GOFER_OK)
        return st;
    if (limit < 0 || limit > PAGE_MAX)
        return gf_fail(GOFER_EINVAL, "limit is %d: it must be from 1 to %d, or 0 (%d)", (int)limit, PAGE_MAX,
            PAGE_DEFAULT);
    return client->broker->ops->tasks(client->broker, queue, which, cursor, limit ? (size_t)limit : PAGE_DEFAULT,
        out);
}

// The queue that holds the task, for callers who gave none. The text is copied: the list goes.
static gofer_status find_queue(gofer_client *client, const char *id, char found[GF_NAME_MAX + 1])
{
    const gf_broker_ops *ops = client->broker->ops;
    gofer_info *queues;
    gofer_status st = ops->queues(client->broker, NULL, &queues);
    if (st != GOFER_OK)
        return st;

    st = GOFER_ENOTFOUND;
    for (size_t i = 0; i < gofer_info_count(queues) && st == GOFER_ENOTFOUND; i++) {
        const char *name = gofer_info_text(gofer_info_at(queues, i), "queue");
        gofer_info *task;
        st = ops->task(client->broker, name, id, &task);
        if (st == GOFER_OK) {
            strcpy(found, name);        // a stored name has at most GF_NAME_MAX bytes
            gofer_info_free(task);
        }
    }
    gofer_info_free(queues);
    if (st == GOFER_ENOTFOUND)
        return gf_fail(GOFER_ENOTFOUND, "no task '%s' in any queue", id);
    return st;
}

// Checks id and queue; *queue may be NULL and then points into `found`.
static gofer_status locate(gofer_client *client, const char **queue, const char *id, char found[GF_NAME_MAX + 1])
{
    gofer_status st = gf_check_name("task id", id);
    if (st != GOFER_OK)
        return st;
    if (*queue)
        return gf_check_queue(*queue);
    st = find_queue(client, id, found);
    *queue = found;
    return st;
}

gofer_status gofer_client_task(gofer_client *client, const char *queue, const char *task_id, gofer_info **out)
{
    char found[GF_NAME_MAX + 1];
    gofer_status st = check_door(client, "gofer_client_task", out);
    if (st == GOFER_OK)
        st = locate(client, &queue, task_id, found);
    return st == GOFER_OK ? client->broker->ops->task(client->broker, queue, task_id, out) : st;
}

static gofer_status move_one(gofer_client *client, const char *what, const char *queue, const char *id, gf_state to)
{
    char found[GF_NAME_MAX + 1];
    gofer_status st = gf_client_check(client, what);
    if (st == GOFER_OK)
        st = locate(client, &queue, id, found);
    return st == GOFER_OK ? client->broker->ops->task_move(client->broker, queue, id, to) : st;
}

gofer_status gofer_client_task_run(gofer_client *client, const char *queue, const char *task_id)
{
    return move_one(client, "gofer_client_task_run", queue, task_id, GF_PENDING);
}

gofer_status gofer_client_task_archive(gofer_client *client, const char *queue, const char *task_id)
{
    return move_one(client, "gofer_client_task_archive", queue, task_id, GF_ARCHIVED);
}

gofer_status gofer_client_task_delete(gofer_client *client, const char *queue, const char *task_id)
{
    return move_one(client, "gofer_client_task_delete", queue, task_id, GF_STATE_COUNT);
}

gofer_status gofer_client_task_cancel(gofer_client *client, const char *queue, const char *task_id)
{
    char found[GF_NAME_MAX + 1];
    gofer_status st = gf_client_check(client, "gofer_client_task_cancel");
    if (st != GOFER_OK)
        return st;
    if (!client->broker->ops->cancel)
        return gf_fail(GOFER_EUNSUPPORTED, "'%s': this store cannot cancel running tasks", client->url.shown);
    st = locate(client, &queue, task_id, found);
    return st == GOFER_OK ? client->broker->ops->cancel(client->broker, queue, task_id) : st;
}

// Which states may move where: run, archive, delete (gofer.h says so at each).
static bool may_move(gf_state from, gf_state to)
{
    if (to == GF_PENDING)
        return from == GF_SCHEDULED || from == GF_RETRY || from == GF_ARCHIVED || from == GF_AGGREGATING;
    if (to == GF_ARCHIVED)
        return from == GF_PENDING || from == GF_SCHEDULED || from == GF_RETRY || from == GF_AGGREGATING;
    return from != GF_ACTIVE;
}

static gofer_status move_all(gofer_client *client, const char *what, const char *queue, const char *state,
    gf_state to, int64_t *count)
{
    gf_state from = GF_PENDING;
    int64_t total = 0;
    gofer_status st = gf_client_check(client, what);
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    if (st == GOFER_OK)
        st = check_state(state, &from);
    if (st == GOFER_OK && !may_move(from, to))
        st = gf_fail(GOFER_ESTATE, "%s: not possible for %s tasks", what, state);

    size_t done = BULK_STEP;
    while (st == GOFER_OK && done == BULK_STEP) {
        st = client->broker->ops->tasks_move(client->broker, queue, from, to, BULK_STEP, &done);
        if (st == GOFER_OK)
            total += (int64_t)done;
    }
    if (count)
        *count = total;
    return st;
}

gofer_status gofer_client_tasks_run(gofer_client *client, const char *queue, const char *state, int64_t *count)
{
    return move_all(client, "gofer_client_tasks_run", queue, state, GF_PENDING, count);
}

gofer_status gofer_client_tasks_archive(gofer_client *client, const char *queue, const char *state, int64_t *count)
{
    return move_all(client, "gofer_client_tasks_archive", queue, state, GF_ARCHIVED, count);
}

gofer_status gofer_client_tasks_delete(gofer_client *client, const char *queue, const char *state, int64_t *count)
{
    return move_all(client, "gofer_client_tasks_delete", queue, state, GF_STATE_COUNT, count);
}

static gofer_status set_paused(gofer_client *client, const char *what, const char *queue, bool paused)
{
    gofer_status st = gf_client_check(client, what);
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    return st == GOFER_OK ? client->broker->ops->queue_pause(client->broker, queue, paused) : st;
}

gofer_status gofer_client_queue_pause(gofer_client *client, const char *queue)
{
    return set_paused(client, "gofer_client_queue_pause", queue, true);
}

gofer_status gofer_client_queue_unpause(gofer_client *client, const char *queue)
{
    return set_paused(client, "gofer_client_queue_unpause", queue, false);
}

gofer_status gofer_client_queue_delete(gofer_client *client, const char *queue, int32_t force)
{
    gofer_status st = gf_client_check(client, "gofer_client_queue_delete");
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    return st == GOFER_OK ? client->broker->ops->queue_delete(client->broker, queue, force != 0) : st;
}

gofer_status gofer_client_workers(gofer_client *client, gofer_info **out)
{
    gofer_status st = check_door(client, "gofer_client_workers", out);
    return st == GOFER_OK ? client->broker->ops->workers(client->broker, out) : st;
}

gofer_status gofer_client_history(gofer_client *client, const char *queue, int32_t days, gofer_info **out)
{
    gofer_status st = check_door(client, "gofer_client_history", out);
    if (st == GOFER_OK && queue)
        st = gf_check_queue(queue);
    if (st == GOFER_OK && (days < 1 || days > 90))
        st = gf_fail(GOFER_EINVAL, "days is %d: it must be from 1 to 90", (int)days);
    return st == GOFER_OK ? client->broker->ops->history(client->broker, queue, days, out) : st;
}
