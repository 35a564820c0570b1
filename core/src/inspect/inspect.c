// inspect.c - look at queues and tasks, and act on them.
//
// May touch: broker/broker.h. Checks what the caller gave, then asks the store. Filters are in
// find.c, acts on many tasks in act.c.
#include "inspect/inspect.h"

#include <string.h>

#include "client/client.h"
#include "client/opened.h"
#include "inspect/hours.h"
#include "inspect/unserved.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"

// The doors' common first lines.
static gofer_status check_door(gofer_client *client, const char *what, const void *out)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "%s: out is NULL", what);
    return gf_client_check(client, what);
}

// Who may not see the workers is told of the queues all the same.
static gofer_status hand_marked(gofer_client *client, gofer_info *queues, gofer_info **out)
{
    if (gf_unserved_mark(client->broker, &queues) == GOFER_ENOMEM ||
        gf_hours_mark(client, queues) == GOFER_ENOMEM) {
        gofer_info_free(queues);
        return GOFER_ENOMEM;
    }
    *out = queues;
    return GOFER_OK;
}

gofer_status gofer_client_queues(gofer_client *client, gofer_info **out)
{
    gofer_status st = check_door(client, "gofer_client_queues", out);
    gofer_info *queues;
    if (st == GOFER_OK)
        st = client->broker->ops->inspect->queues(client->broker, NULL, &queues);
    return st == GOFER_OK ? hand_marked(client, queues, out) : st;
}

// Of the begin of the names that a pattern means a copy is made.
static gofer_status read_range(const char *queue, const char *cursor,
    char begin[GF_NAME_MAX + 1], gf_queue_range *r)
{
    gofer_status st = queue ? gf_check_queue(queue) : GOFER_OK;
    if (st != GOFER_OK)
        return st;
    if (cursor && !gf_name_fits(cursor, strlen(cursor)))
        return gf_fail(GOFER_EINVAL, "'%.40s' is not a cursor: use next_cursor of the page before",
            cursor);
    size_t size = queue ? strlen(queue) : 0;
    r->exact = size && queue[size - 1] != '*';
    size -= size && !r->exact;
    memcpy(begin, queue ? queue : "", size);
    begin[size] = '\0';
    r->begin = begin;
    r->after = cursor;
    return GOFER_OK;
}

gofer_status gofer_client_queues_page(gofer_client *client, const char *queue, const char *cursor,
    int32_t limit, gofer_info **out)
{
    char begin[GF_NAME_MAX + 1];
    gf_queue_range range = { 0 };
    gofer_info *queues;
    gofer_status st = check_door(client, "gofer_client_queues_page", out);
    if (st == GOFER_OK)
        st = gf_check_limit(limit, &range.limit);
    if (st == GOFER_OK)
        st = read_range(queue, cursor && *cursor ? cursor : NULL, begin, &range);
    if (st == GOFER_OK)
        st = client->broker->ops->inspect->queues_page(client->broker, &range, &queues);
    return st == GOFER_OK ? hand_marked(client, queues, out) : st;
}

gofer_status gofer_client_queue(gofer_client *client, const char *queue, gofer_info **out)
{
    gofer_info *its = NULL;
    gofer_status st = check_door(client, "gofer_client_queue", out);
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    if (st == GOFER_OK)
        st = client->broker->ops->inspect->queues(client->broker, queue, &its);
    if (st == GOFER_OK)
        st = gf_hours_mark(client, its);
    return gf_info_hand_over(st, its, out);
}

gofer_status gofer_client_store(gofer_client *client, const char *queue, gofer_info **out)
{
    gofer_status st = check_door(client, "gofer_client_store", out);
    if (st == GOFER_OK && queue)
        st = gf_check_queue(queue);
    return st == GOFER_OK ? client->broker->ops->inspect->about(client->broker, queue, out) : st;
}

gofer_status gofer_client_tasks(gofer_client *client, const char *queue, const char *state,
    const char *cursor, int32_t limit, gofer_info **out)
{
    gf_state which;
    gofer_status st = check_door(client, "gofer_client_tasks", out);
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    if (st == GOFER_OK)
        st = gf_check_state(state, &which);
    if (st != GOFER_OK)
        return st;
    size_t most;
    st = gf_check_limit(limit, &most);
    return st == GOFER_OK
        ? client->broker->ops->inspect->tasks(client->broker, queue, which, cursor, most, out)
        : st;
}

gofer_status gofer_client_task(gofer_client *client, const char *queue, const char *task_id,
    gofer_info **out)
{
    gf_names found = { 0 };
    gofer_info *task;
    gofer_status st = check_door(client, "gofer_client_task", out);
    if (st == GOFER_OK)
        st = gf_client_locate(client, &queue, task_id, &found);
    if (st == GOFER_OK)
        st = client->broker->ops->inspect->task(client->broker, queue, task_id, &task);
    gf_names_clear(&found);
    return st == GOFER_OK ? gf_hand_opened(client, task, out) : st;
}

static gofer_status act_one(gofer_client *client, const char *what, const char *queue,
    gf_act act, const char *id)
{
    gf_names found = { 0 };
    gofer_status st = gf_client_check(client, what);
    if (st == GOFER_OK)
        st = gf_client_locate(client, &queue, id, &found);
    if (st == GOFER_OK)
        st = gf_act_one(client->broker, queue, act, id);
    gf_names_clear(&found);
    return st;
}

gofer_status gofer_client_task_run(gofer_client *client, const char *queue, const char *task_id)
{
    return act_one(client, "gofer_client_task_run", queue, GF_ACT_RUN, task_id);
}

gofer_status gofer_client_task_archive(gofer_client *client, const char *queue, const char *task_id)
{
    return act_one(client, "gofer_client_task_archive", queue, GF_ACT_ARCHIVE, task_id);
}

gofer_status gofer_client_task_delete(gofer_client *client, const char *queue, const char *task_id)
{
    return act_one(client, "gofer_client_task_delete", queue, GF_ACT_DELETE, task_id);
}

gofer_status gofer_client_task_cancel(gofer_client *client, const char *queue, const char *task_id)
{
    return act_one(client, "gofer_client_task_cancel", queue, GF_ACT_CANCEL, task_id);
}

// What is changed of a task.
typedef struct edit {
    const void *payload;           // NULL: as it is
    size_t      size;
    int64_t     run_at_ms;         // 0: as it is
} edit;

// With the client's keys, if the task's payload is encrypted.
static gofer_status edit_sealed(gofer_client *client, const char *queue, const char *id,
    const edit *e)
{
    gf_broker *b = client->broker;
    gofer_info *task;
    void *envelope = NULL;
    size_t size;
    gofer_status st = b->ops->inspect->task(b, queue, id, &task);
    if (st != GOFER_OK)
        return st;
    const char *type = gofer_info_text(task, "type"), *shared = gofer_info_text(task, "sealed_for");
    const gf_seal_for what = { .type = type ? type : "",
        .id = shared ? shared : id,
        .shared = shared != NULL,
        .same = true };
    bool encrypted = gofer_info_text(task, "encrypted") != NULL;
    if (encrypted && e->size + GF_SEAL_MORE > (uint64_t)client->max_payload)
        st = gf_fail(GOFER_ETOOBIG,
            "the payload for '%.60s' has %zu bytes, and %d more encrypted: the limit is %lld "
            "(max_payload)",
            id, e->size, GF_SEAL_MORE, (long long)client->max_payload);
    else if (encrypted)
        st = gf_keys_seal(client->keys, &what, e->payload, e->size, &envelope, &size);
    if (st == GOFER_OK)
        st = b->ops->act->task_edit(b, queue, id, envelope ? envelope : e->payload,
            envelope ? size : e->size, e->run_at_ms);
    gf_free(envelope);
    gofer_info_free(task);
    return st;
}

static gofer_status edit_one(gofer_client *client, const char *what, const char *queue,
    const char *id, const edit *e)
{
    gf_names found = { 0 };
    gofer_status st = gf_client_check(client, what);
    if (st != GOFER_OK)
        return st;
    st = gf_client_locate(client, &queue, id, &found);
    if (st == GOFER_OK && e->payload && client->keys)
        st = edit_sealed(client, queue, id, e);
    else if (st == GOFER_OK)
        st = client->broker->ops->act->task_edit(client->broker, queue, id, e->payload, e->size,
            e->run_at_ms);
    gf_names_clear(&found);
    return st;
}

gofer_status gofer_client_task_edit(gofer_client *client, const char *queue, const char *task_id,
    const void *payload, size_t size)
{
    if (size && !payload)
        return gf_fail(GOFER_EINVAL, "the payload is NULL but its size is %zu", size);
    if (client && size > (uint64_t)client->max_payload)
        return gf_fail(GOFER_ETOOBIG,
            "the payload for '%.60s' has %zu bytes: the limit is %lld (max_payload)",
            task_id ? task_id : "", size, (long long)client->max_payload);
    const edit e = { .payload = size ? payload : "", .size = size };
    return edit_one(client, "gofer_client_task_edit", queue, task_id, &e);
}

gofer_status gofer_client_task_reschedule(gofer_client *client, const char *queue,
    const char *task_id, int64_t run_at_ms)
{
    gofer_status st = gf_check_time("run_at_ms", run_at_ms);
    if (st != GOFER_OK)
        return st;
    // To the store 0 means something else, and the first millisecond of 1970 is past as well.
    const edit e = { .run_at_ms = run_at_ms ? run_at_ms : 1 };
    return edit_one(client, "gofer_client_task_reschedule", queue, task_id, &e);
}

gofer_status gofer_client_task_delay(gofer_client *client, const char *queue, const char *task_id,
    int64_t delay_ms)
{
    gofer_status st = gf_check_duration("delay_ms", delay_ms);
    if (st == GOFER_OK)
        st = gf_client_check(client, "gofer_client_task_delay");
    if (st != GOFER_OK)
        return st;
    // Now is a time that is past to every store.
    const edit e = { .run_at_ms = delay_ms ? gf_broker_now_ms(client->broker) + delay_ms : 1 };
    return edit_one(client, "gofer_client_task_delay", queue, task_id, &e);
}

static gofer_status set_paused(gofer_client *client, const char *what, const char *queue,
    bool paused)
{
    gofer_status st = gf_client_check(client, what);
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    return st == GOFER_OK ? client->broker->ops->act->queue_pause(client->broker, queue, paused)
                          : st;
}

gofer_status gofer_client_queue_pause(gofer_client *client, const char *queue)
{
    return set_paused(client, "gofer_client_queue_pause", queue, true);
}

gofer_status gofer_client_queue_unpause(gofer_client *client, const char *queue)
{
    return set_paused(client, "gofer_client_queue_unpause", queue, false);
}

gofer_status gofer_client_queue_bound(gofer_client *client, const char *queue, int64_t max_length)
{
    gofer_status st = gf_client_check(client, "gofer_client_queue_bound");
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    if (st == GOFER_OK && (max_length < 0 || max_length > GF_MAX_LENGTH))
        return gf_fail(GOFER_EINVAL, "max_length is %lld: it must be from 1 to %lld, or 0 (any)",
            (long long)max_length, (long long)GF_MAX_LENGTH);
    return st == GOFER_OK
        ? client->broker->ops->act->queue_bound(client->broker, queue, max_length)
        : st;
}

gofer_status gofer_client_queue_age(gofer_client *client, const char *queue, int64_t age_ms)
{
    gofer_status st = gf_client_check(client, "gofer_client_queue_age");
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    if (st == GOFER_OK && (age_ms < 0 || age_ms > GF_AGE_MAX_MS))
        return gf_fail(GOFER_EINVAL,
            "age_ms is %lld: it must be from 1 to %lld (ten years), or 0 (never)",
            (long long)age_ms, (long long)GF_AGE_MAX_MS);
    return st == GOFER_OK
        ? client->broker->ops->act->queue_age(client->broker, queue, age_ms)
        : st;
}

gofer_status gofer_client_queue_encrypt(gofer_client *client, const char *queue, int32_t required)
{
    gofer_status st = gf_client_check(client, "gofer_client_queue_encrypt");
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    if (st == GOFER_OK && required != 0 && required != 1)
        return gf_fail(GOFER_EINVAL, "required is %d: it must be 0 or 1", (int)required);
    return st == GOFER_OK
        ? client->broker->ops->act->queue_encrypt(client->broker, queue, required != 0)
        : st;
}

gofer_status gofer_client_queue_delete(gofer_client *client, const char *queue, int32_t force)
{
    gofer_status st = gf_client_check(client, "gofer_client_queue_delete");
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    return st == GOFER_OK
        ? client->broker->ops->act->queue_delete(client->broker, queue, force != 0)
        : st;
}

gofer_status gofer_client_workers(gofer_client *client, gofer_info **out)
{
    gofer_status st = check_door(client, "gofer_client_workers", out);
    return st == GOFER_OK ? client->broker->ops->inspect->workers(client->broker, NULL, out) : st;
}

gofer_status gofer_client_workers_page(gofer_client *client, const char *cursor, int32_t limit,
    gofer_info **out)
{
    gf_page page;
    gofer_status st = check_door(client, "gofer_client_workers_page", out);
    if (st == GOFER_OK)
        st = gf_client_page(cursor, limit, &page);
    return st == GOFER_OK ? client->broker->ops->inspect->workers(client->broker, &page, out) : st;
}

gofer_status gofer_client_queue_shard(gofer_client *client, const char *queue, int32_t shards)
{
    gofer_status st = gf_client_check(client, "gofer_client_queue_shard");
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    if (st == GOFER_OK && (shards < 1 || shards > GF_SHARDS_MAX))
        st = gf_fail(GOFER_EINVAL, "shards is %d: it must be from 1 to %d", (int)shards,
            GF_SHARDS_MAX);
    if (st != GOFER_OK)
        return st;
    const gf_shards_ops *ops = client->broker->ops->shards;
    if (ops)
        return ops->declare(client->broker, queue, shards);
    return shards == 1 ? GOFER_OK
        : gf_fail(GOFER_EUNSUPPORTED,
              "the store '%s' is one place: a queue in it cannot be spread over shards",
              client->url.scheme);
}

gofer_status gofer_client_queue_shards(gofer_client *client, const char *queue, gofer_info **out)
{
    gofer_info *one, *list;
    gofer_status st = check_door(client, "gofer_client_queue_shards", out);
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    if (st != GOFER_OK)
        return st;
    gf_broker *b = client->broker;
    if (b->ops->shards)
        return b->ops->shards->slots(b, queue, out);
    st = b->ops->inspect->queues(b, queue, &one);
    if (st != GOFER_OK)
        return st;
    list = gf_info_list();
    int bad = gf_info_set_int(one, "shard", 0);
    if (!list || bad) {
        gofer_info_free(one);
        gofer_info_free(list);
        return GOFER_ENOMEM;
    }
    if (gf_info_add(list, one) != 0) {
        gofer_info_free(list);
        return GOFER_ENOMEM;
    }
    *out = list;
    return GOFER_OK;
}

gofer_status gofer_client_history(gofer_client *client, const char *queue, int32_t days,
    gofer_info **out)
{
    gofer_status st = check_door(client, "gofer_client_history", out);
    if (st == GOFER_OK && queue)
        st = gf_check_queue(queue);
    if (st == GOFER_OK && (days < 1 || days > 90))
        st = gf_fail(GOFER_EINVAL, "days is %d: it must be from 1 to 90", (int)days);
    return st == GOFER_OK ? client->broker->ops->inspect->history(client->broker, queue, days, out)
                          : st;
}
