// ops_look.c - the operations that look at queues and act on them; records of servers,
// schedules and groups.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/clock.h"
#include "vectors/replay.h"

static void want_int(replay *r, const char *what, int64_t got, int64_t want)
{
    if (got != want)
        differ(r, "result: %s is %" PRId64 ", not %" PRId64, what, got, want);
}

static void want_text(replay *r, const char *what, const char *got, const char *want)
{
    if (strcmp(got ? got : "", want ? want : "") != 0)
        differ(r, "result: %s is '%s', not '%s'", what, got ? got : "", want);
}

// Some steps tell only by their error that they asked for a queue that is not there.
static const char *asked_queue(replay *r, const cJSON *args)
{
    return strstr(r->error, "\"unknown\"") ? "unknown" : queue_of(args);
}

// ---- looking at tasks ---------------------------------------------------------------------------

// next: when it will run or was asked for; pending tasks have Go's "now" there,
// which gofer leaves out.
static void compare_info(replay *r, const gofer_info *info, const cJSON *want)
{
    const char *state = golden_text(want, "state");
    want_text(r, "state", gofer_info_text(info, "state"), state);
    const cJSON *next = cJSON_GetObjectItem(want, "next_process_at");
    if (cJSON_IsNumber(next) && strcmp(state, "pending") != 0) {
        int64_t at_ms = gofer_info_int(info, "next_run_at_ms", 0);
        if (at_ms / 1000 - r->shift_s != (int64_t)next->valuedouble)
            differ(r, "result: next_run_at_ms is %" PRId64, at_ms);
    } else if (gofer_info_has(info, "next_run_at_ms")) {
        differ(r, "result: next_run_at_ms of a task that is %s", state);
    }
}

static void compare_message_info(replay *r, const gofer_info *info, const cJSON *msg)
{
    size_t size = 0;
    want_text(r, "id", gofer_info_text(info, "id"), golden_text(msg, "id"));
    want_text(r, "type", gofer_info_text(info, "type"), golden_text(msg, "type"));
    want_text(r, "queue", gofer_info_text(info, "queue"), golden_text(msg, "queue"));
    want_text(r, "last_error", gofer_info_text(info, "last_error"), golden_text(msg, "error_msg"));
    want_text(r, "group", gofer_info_text(info, "group"), golden_text(msg, "group_key"));
    want_int(r, "max_retry", gofer_info_int(info, "max_retry", -1), golden_int(msg, "retry"));
    want_int(r, "retried", gofer_info_int(info, "retried", -1), golden_int(msg, "retried"));
    want_int(r, "timeout_ms", gofer_info_int(info, "timeout_ms", 0),
        golden_int(msg, "timeout") * 1000);
    want_int(r, "retention_ms", gofer_info_int(info, "retention_ms", 0),
        golden_int(msg, "retention") * 1000);
    want_int(r, "last_failed_at_ms", gofer_info_int(info, "last_failed_at_ms", 0),
        golden_int(msg, "last_failed_at") * 1000);
    want_int(r, "completed_at_ms", gofer_info_int(info, "completed_at_ms", 0),
        golden_int(msg, "completed_at") * 1000);
    const char *payload = gofer_info_bytes(info, "payload", &size),
               *want = golden_text(msg, "payload");
    if (!payload || size != strlen(want) || memcmp(payload, want, size) != 0)
        differ(r, "result: payload differs");
}

static gofer_status op_task(replay *r, const cJSON *args, const cJSON *result)
{
    gofer_info *info;
    gofer_status st = r->broker->ops->inspect->task(r->broker, asked_queue(r, args),
        golden_text(args, "id"), &info);
    if (st != GOFER_OK)
        return st;
    size_t size = 0;
    const char *bytes = gofer_info_bytes(info, "result", &size),
               *want = golden_text(result, "result");
    if (size != strlen(want) || (size && memcmp(bytes, want, size) != 0))
        differ(r, "result: the task's result differs");
    compare_info(r, info, result);
    compare_message_info(r, info, cJSON_GetObjectItem(result, "msg"));
    gofer_info_free(info);
    return GOFER_OK;
}

// Page n of a size, as Asynq counts; ours are strung together by cursors. Size 0: all.
static gofer_status page_of(replay *r, const char *queue, gf_state state, int64_t size,
    int64_t page, gofer_info **out)
{
    gofer_status st = r->broker->ops->inspect->tasks(r->broker, queue, state, NULL,
        size ? (size_t)size : 1000, out);
    for (int64_t i = 0; st == GOFER_OK && i < page; i++) {
        const char *cursor = gofer_info_text(*out, "next_cursor");
        if (!cursor) {
            gofer_info_free(*out);
            *out = NULL;
            return GOFER_OK;
        }
        gofer_info *before = *out;
        st = r->broker->ops->inspect->tasks(r->broker, queue, state, cursor, (size_t)size, out);
        gofer_info_free(before);
    }
    return st;
}

static gofer_status op_list(replay *r, const cJSON *args, const cJSON *result)
{
    gf_state state;
    gofer_info *list;
    bool lower = cJSON_GetObjectItemCaseSensitive(args, "size") != NULL;
    if (!gf_state_parse(r->op + strlen("list_"), &state))
        give_up("%s: no such state", r->op);
    gofer_status st =
        page_of(r, asked_queue(r, args), state, golden_int(args, lower ? "size" : "Size"),
            golden_int(args, lower ? "page" : "Page"), &list);
    if (st != GOFER_OK)
        return st;
    want_int(r, "length", list ? (int64_t)gofer_info_count(list) : 0, cJSON_GetArraySize(result));
    for (size_t i = 0; list && i < gofer_info_count(list) && i < (size_t)cJSON_GetArraySize(result);
         i++) {
        const cJSON *want = cJSON_GetArrayItem(result, (int)i);
        want_text(r, "an id", gofer_info_text(gofer_info_at(list, i), "id"),
            golden_text(want, "id"));
        compare_info(r, gofer_info_at(list, i), want);
    }
    gofer_info_free(list);
    return GOFER_OK;
}

// ---- looking at queues --------------------------------------------------------------------------

static gofer_status op_stats(replay *r, const cJSON *args, const cJSON *result)
{
    static const struct { const char *ours, *theirs; } fields[] = {
        { "pending", "Pending" }, { "active", "Active" }, { "scheduled", "Scheduled" },
        { "retry", "Retry" },
        { "archived", "Archived" }, { "completed", "Completed" }, { "aggregating", "Aggregating" },
        { "groups", "Groups" },
        { "processed", "Processed" }, { "failed", "Failed" },
        { "processed_total", "ProcessedTotal" },
        { "failed_total", "FailedTotal" },
    };
    gofer_info *info;
    gofer_status st = r->broker->ops->inspect->queues(r->broker, queue_of(args), &info);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        want_int(r, fields[i].ours, gofer_info_int(info, fields[i].ours, -1),
            golden_int(result, fields[i].theirs));
    want_int(r, "paused", gofer_info_int(info, "paused", -1), golden_true(result, "Paused"));
    // The recorded clock stood at .678 s, ours moves on within the second.
    int64_t latency_ms = gofer_info_int(info, "latency_ms", -1),
            want = golden_int(result, "Latency") / 1000000;
    if (latency_ms < want - 1000 || latency_ms > want + 1000)
        differ(r, "result: latency_ms is %" PRId64 ", not %" PRId64, latency_ms, want);
    gofer_info_free(info);
    return GOFER_OK;
}

static gofer_status op_history(replay *r, const cJSON *args, const cJSON *result)
{
    gofer_info *list;
    gofer_status st =
        gf_rd_history(r->broker, queue_of(args), (int32_t)golden_int(args, "days"), &list);
    if (st != GOFER_OK)
        return st;
    // Days without tasks may be left out; the first is today.
    const gofer_info *today = gofer_info_at(list, 0);
    const cJSON *want = cJSON_GetArrayItem(result, 0);
    want_int(r, "processed", gofer_info_int(today, "processed", 0), golden_int(want, "processed"));
    want_int(r, "failed", gofer_info_int(today, "failed", 0), golden_int(want, "failed"));
    for (size_t i = 1; i < gofer_info_count(list); i++)
        want_int(r, "processed on another day",
            gofer_info_int(gofer_info_at(list, i), "processed", 0), 0);
    gofer_info_free(list);
    return GOFER_OK;
}

static gofer_status op_groups(replay *r, const cJSON *args, const cJSON *result)
{
    gofer_info *info;
    gofer_status st = r->broker->ops->inspect->queues(r->broker, queue_of(args), &info);
    if (st != GOFER_OK)
        return st;
    want_int(r, "groups", gofer_info_int(info, "groups", -1), cJSON_GetArraySize(result));
    want_int(r, "aggregating", gofer_info_int(info, "aggregating", -1),
        golden_int(result->child, "Size"));
    gofer_info_free(info);
    return GOFER_OK;
}

// ---- acting -------------------------------------------------------------------------------------

static gofer_status act_one(replay *r, const cJSON *args, gf_act act)
{
    return gf_act_one(r->broker, asked_queue(r, args), act, golden_text(args, "id"));
}

static gofer_status op_run(replay *r, const cJSON *args, const cJSON *result)
{
    (void)result;
    return act_one(r, args, GF_ACT_RUN);
}

static gofer_status op_archive_one(replay *r, const cJSON *args, const cJSON *result)
{
    (void)result;
    return act_one(r, args, GF_ACT_ARCHIVE);
}

static gofer_status op_delete(replay *r, const cJSON *args, const cJSON *result)
{
    (void)result;
    return act_one(r, args, GF_ACT_DELETE);
}

// Asynq changes payloads of scheduled tasks only. Of others, where gofer does too, the same payload
// is written again, so that nothing may look changed.
static gofer_status op_update(replay *r, const cJSON *args, const cJSON *result)
{
    char key[300];
    void *memory = NULL;
    (void)result;
    snprintf(key, sizeof key, "asynq:{%s}:t:%s", queue_of(args), golden_text(args, "id"));
    const cJSON *task = find_key(r->after ? r->after : r->before, key);
    if (!task)
        return r->broker->ops->act->task_edit(r->broker, queue_of(args), golden_text(args, "id"),
            "x", 1, 0);
    golden_bytes b =
        golden_bytes_of(cJSON_GetObjectItem(cJSON_GetObjectItem(task, "value"), "msg"));
    if (gf_wire_task_decode(b.bytes, b.size, 0, &memory) != GOFER_OK)
        give_up("%s: %s", key, gofer_error_last());
    const gf_message *m = &((const gf_wire_task *)memory)->message;
    gofer_status st = r->broker->ops->act->task_edit(r->broker, queue_of(args),
        golden_text(args, "id"), m->payload ? m->payload : "", m->payload_size, 0);
    gf_free(memory);
    free(b.bytes);
    return st;
}

// "run_all_retry", "archive_all_pending", "delete_all_completed" …
static gofer_status op_all(replay *r, const cJSON *args, const cJSON *result)
{
    gf_state from,
        to = r->op[0] == 'r' ? GF_PENDING
        : r->op[0] == 'a'    ? GF_ARCHIVED
                             : GF_STATE_COUNT;
    size_t done = 0;
    if (!gf_state_parse(strstr(r->op, "_all_") + 5, &from))
        give_up("%s: no such state", r->op);
    gofer_status st =
        r->broker->ops->act->tasks_move(r->broker, asked_queue(r, args), from, to, 1000, &done);
    if (st == GOFER_OK)
        want_int(r, "count", (int64_t)done, result ? (int64_t)result->valuedouble : 0);
    return st;
}

static gofer_status op_pause(replay *r, const cJSON *args, const cJSON *result)
{
    (void)result;
    return r->broker->ops->act->queue_pause(r->broker, queue_of(args), strcmp(r->op, "pause") == 0);
}

static gofer_status op_remove(replay *r, const cJSON *args, const cJSON *result)
{
    const char *note = golden_text(args, "note");
    (void)result;
    if (strncmp(note, "after done of act", 17) == 0) {      // what the recording did in between
        raw_do(r, "LREM asynq:{default}:active 0 act");
        raw_do(r, "ZREM asynq:{default}:lease act");
        raw_do(r, "DEL asynq:{default}:t:act");
        raw_do(r, "SET asynq:{default}:paused %" PRId64, r->now_s + r->shift_s);
    }
    gofer_status st =
        r->broker->ops->act->queue_delete(r->broker, queue_of(args), golden_true(args, "force"));
    redisReply *left = raw(r, "DBSIZE");
    if (st == GOFER_OK && left->integer != 0)
        differ(r, "result: %lld keys are left", left->integer);
    freeReplyObject(left);
    return st;
}

// ---- servers ------------------------------------------------------------------------------------

static const char server_id[] = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";

static gofer_status op_server(replay *r, const cJSON *args, const cJSON *result)
{
    const gf_weight weight = { "default", 3 };
    const int64_t begun_ms = INT64_C(1893553445678);
    gf_running task = {
        .id = "task-1", .type = "email:send", .queue = "default", .payload = "p", .payload_size = 1,
        .started_ms = r->now_s * 1000 + 678, .deadline_ms = (r->now_s + 1800) * 1000 + 678,
    };
    int64_t running = golden_int(args, "workers");
    gf_worker_entry entry = {
        .id = server_id,
        .host = "host-1",
        .pid = 4242,
        .started_ms = begun_ms,
        .state = "active",
        .concurrency = 10,
        .running = (int32_t)running,
        .queues = "default=3",
        .weights = &weight,
        .weight_count = 1,
        .tasks = running ? &task : NULL,
        .task_count = (size_t)running,
    };
    (void)result;
    return r->broker->ops->upkeep->worker_register(r->broker, &entry, REPLAY_LEASE_MS);
}

static gofer_status op_servers(replay *r, const cJSON *args, const cJSON *result)
{
    gofer_info *list;
    (void)args;
    gofer_status st = r->broker->ops->inspect->workers(r->broker, NULL, &list);
    if (st != GOFER_OK)
        return st;
    want_int(r, "length", (int64_t)gofer_info_count(list), cJSON_GetArraySize(result));
    want_text(r, "worker",
        gofer_info_count(list) ? gofer_info_text(gofer_info_at(list, 0), "worker") : "",
        result->child->valuestring);
    gofer_info_free(list);
    return GOFER_OK;
}

static gofer_status op_clear_server(replay *r, const cJSON *args, const cJSON *result)
{
    gofer_status st = op_server(r, args, result);
    return st != GOFER_OK ? st : r->broker->ops->upkeep->worker_deregister(r->broker, server_id);
}

// ---- schedules ----------------------------------------------------------------------------------

static const char scheduler_id[] = "host-1:4242:6ba7b810-9dad-11d1-80b4-00c04fd430c8";

// The entries of the recording, which are stored in reverse.
static gofer_status op_entries(replay *r, const cJSON *args, const cJSON *result)
{
    const cJSON *stored = NULL, *k;
    (void)result;
    cJSON_ArrayForEach(k, r->after)
        if (strncmp(golden_text(k, "key"), "asynq:schedulers:{", 18) == 0)
            stored = cJSON_GetObjectItem(k, "value");
    size_t count = (size_t)cJSON_GetArraySize(stored);
    gf_wire_entry entries[8], *decoded[8];
    if (count == 0 || count > 8)
        give_up("%zu entries", count);
    for (size_t i = 0; i < count; i++) {
        golden_bytes b = golden_bytes_of(cJSON_GetArrayItem(stored, (int)(count - 1 - i)));
        if (gf_wire_entry_decode(b.bytes, b.size, &decoded[i]) != GOFER_OK)
            give_up("an entry: %s", gofer_error_last());
        entries[i] = *decoded[i];
        free(b.bytes);
    }
    gofer_status st = gf_rd_schedule_write((gf_rd_store *)r->broker, scheduler_id, entries, count,
        golden_int(args, "ttl_s"));
    gofer_info *list = NULL;
    if (st == GOFER_OK)
        st = gf_rd_schedule_list((gf_rd_store *)r->broker, &list);
    if (st == GOFER_OK)
        want_int(r, "entries listed", (int64_t)gofer_info_count(list), (int64_t)count);
    gofer_info_free(list);
    for (size_t i = 0; i < count; i++)
        gf_free(decoded[i]);
    return st;
}

static gofer_status op_clear_entries(replay *r, const cJSON *args, const cJSON *result)
{
    (void)args, (void)result;
    return gf_rd_schedule_clear((gf_rd_store *)r->broker, scheduler_id);
}

static gofer_status op_event(replay *r, const cJSON *args, const cJSON *result)
{
    gf_wire_event event = { .task_id = golden_text(args, "task_id"),
        .at_ms = (r->now_s + r->shift_s) * 1000 + 678 };
    (void)result;
    return gf_rd_schedule_record((gf_rd_store *)r->broker, golden_text(args, "entry"), &event);
}

static gofer_status op_forget(replay *r, const cJSON *args, const cJSON *result)
{
    (void)result;
    return gf_rd_schedule_forget((gf_rd_store *)r->broker, golden_text(args, "entry"));
}

// ---- groups -------------------------------------------------------------------------------------

static gofer_status op_group_check(replay *r, const cJSON *args, const cJSON *result)
{
    gf_rd_group_rule rule = {
        .max_size = golden_int(args, "max_size"), .max_delay_s = golden_int(args, "max_delay_s"),
        .grace_s = golden_int(args, "grace_s"),
    };
    const char *want = golden_text(result, "set_id");
    char made[37] = "";
    gofer_status st = gf_rd_group_check((gf_rd_store *)r->broker, "default",
        golden_text(args, "group"), &rule, made, NULL);
    if (st == GOFER_OK && !*want)
        differ(r, "result: a set was made, and should not");
    if (st == GOFER_OK) {
        snprintf(r->set_id, sizeof r->set_id, "%s", want);
        snprintf(r->our_set_id, sizeof r->our_set_id, "%s", made);
    }
    return st == GOFER_EEMPTY && !*want ? GOFER_OK : st;
}

static gofer_status op_group_read(replay *r, const cJSON *args, const cJSON *result)
{
    gf_wire_task **tasks;
    size_t count;
    int64_t until_ms;
    const gf_rd_set_name set = { "default", "g1", golden_text(args, "set_id") };
    gofer_status st =
        gf_rd_group_read((gf_rd_store *)r->broker, &set, &tasks, &count, &until_ms);
    if (st != GOFER_OK)
        return st;
    const cJSON *ids = cJSON_GetObjectItem(result, "ids");
    want_int(r, "tasks", (int64_t)count, cJSON_GetArraySize(ids));
    for (size_t i = 0; i < count; i++) {
        if (i < (size_t)cJSON_GetArraySize(ids))
            want_text(r, "a task", tasks[i]->message.id,
                cJSON_GetArrayItem(ids, (int)i)->valuestring);
        gf_free(tasks[i]);
    }
    gf_free(tasks);
    want_int(r, "deadline", until_ms / 1000 - r->shift_s, golden_int(result, "deadline_s"));
    return GOFER_OK;
}

static gofer_status op_group_delete(replay *r, const cJSON *args, const cJSON *result)
{
    (void)result;
    return gf_rd_group_delete((gf_rd_store *)r->broker,
        &(gf_rd_set_name){ "default", "g1", golden_text(args, "set_id") });
}

static gofer_status op_group_reclaim(replay *r, const cJSON *args, const cJSON *result)
{
    size_t done;
    (void)args, (void)result;
    return gf_rd_group_reclaim((gf_rd_store *)r->broker, "default", &done);
}

const operation look_operations[] = {
    { "get_task_info", op_task }, { "current_stats", op_stats }, { "historical_stats", op_history },
    { "group_stats", op_groups },
    { "list_pending", op_list }, { "list_active", op_list }, { "list_scheduled", op_list },
    { "list_retry", op_list },
    { "list_archived", op_list }, { "list_completed", op_list }, { "list_aggregating", op_list },
    { "run_task", op_run }, { "archive_task", op_archive_one }, { "delete_task", op_delete },
    { "update_task_payload", op_update },
    { "run_all_scheduled", op_all }, { "run_all_retry", op_all }, { "run_all_archived", op_all },
    { "run_all_aggregating", op_all },
    { "archive_all_pending", op_all }, { "archive_all_scheduled", op_all },
    { "archive_all_retry", op_all },
    { "archive_all_aggregating", op_all },
    { "delete_all_pending", op_all }, { "delete_all_scheduled", op_all },
    { "delete_all_retry", op_all },
    { "delete_all_archived", op_all }, { "delete_all_completed", op_all },
    { "delete_all_aggregating", op_all },
    { "pause", op_pause }, { "unpause", op_pause }, { "remove_queue", op_remove },
    { "write_server_state", op_server }, { "list_servers", op_servers },
    { "clear_server_state", op_clear_server },
    { "write_scheduler_entries", op_entries }, { "clear_scheduler_entries", op_clear_entries },
    { "record_enqueue_event", op_event }, { "clear_scheduler_history", op_forget },
    { "aggregation_check", op_group_check }, { "read_aggregation_set", op_group_read },
    { "delete_aggregation_set", op_group_delete },
    { "reclaim_stale_aggregation_sets", op_group_reclaim },
    { NULL, NULL },
};
