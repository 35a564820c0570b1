// limits.c - vector files that show numbers instead of key spaces, a message,
// pages, and real servers.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/clock.h"
#include "vectors/replay.h"

static void put_one(replay *r, const char *id, int64_t run_at_ms)
{
    gf_message m = { .id = id,
        .type = "t",
        .queue = "default",
        .payload = "p",
        .payload_size = 1,
        .max_retry = 3 };
    gf_put item = { .message = &m, .run_at_ms = run_at_ms };
    if (r->broker->ops->tasks->put(r->broker, &item, 1) != GOFER_OK || item.status != GOFER_OK)
        give_up("%s: %s", id, gofer_error_last());
}

static gf_claim *take_one(replay *r)
{
    gf_share share = { "default", 1 };
    gf_claim *claim = NULL;
    gf_take take = {
        .worker = "replay",
        .queues = &share,
        .queue_count = 1,
        .max = 1,
        .lease_ms = REPLAY_LEASE_MS,
        .claims = &claim,
    };
    if (r->broker->ops->tasks->exchange(r->broker, NULL, 0, &take) != GOFER_OK)
        give_up("take: %s", gofer_error_last());
    return claim;
}

static int64_t number(replay *r, const char *command, const char *key)
{
    redisReply *reply = raw(r, "%s %s", command, key);
    int64_t n = reply->integer;
    freeReplyObject(reply);
    return n;
}

static void want(replay *r, const char *what, int64_t got, int64_t wanted)
{
    if (got != wanted)
        differ(r, "%s: %" PRId64 ", not %" PRId64, what, got, wanted);
}

// ---- 28: the archive ----------------------------------------------------------------------------

static void archive_one(replay *r, const char *id)
{
    put_one(r, id, 0);
    gf_finish f = { .claim = take_one(r), .outcome = GF_ARCHIVE, .is_failure = true, .error = "x" };
    if (!f.claim || r->broker->ops->tasks->exchange(r->broker, &f, 1, NULL) != GOFER_OK ||
        f.status != GOFER_OK)
        give_up("archive: %s", gofer_error_last());
    gf_claim_free((gf_claim *)(uintptr_t)f.claim);
}

bool use_archive_limit(replay *r, const cJSON *file)
{
    static const char fill[] =
        "for i = 0, 9998 do local id = string.format('old-%05d', i)\n"
        "  redis.call('HSET', KEYS[1] .. 't:' .. id, 'msg', 'x', 'state', 'archived')\n"
        "  redis.call('ZADD', KEYS[1] .. 'archived', ARGV[1] + i, id) end";
    const cJSON *step;
    r->op = "archive";
    r->step = 0;
    begin_step(r);
    raw_do(r, "EVAL %s 1 %s %lld", fill,
        "asynq:{default}:", (long long)(gf_now_ms() / 1000 - 20000));
    cJSON_ArrayForEach(step, cJSON_GetObjectItem(file, "steps")) {
        const cJSON *result = cJSON_GetObjectItem(step, "result");
        char key[64];
        snprintf(key, sizeof key, "asynq:{default}:t:old-%05d", r->step++);
        archive_one(r, golden_text(cJSON_GetObjectItem(step, "args"), "id"));
        want(r, "archived after", number(r, "ZCARD", "asynq:{default}:archived"),
            golden_int(result, "archived_after"));
        want(r, "the oldest one's hash", number(r, "EXISTS", key),
            golden_int(result, "hash_of_first_old_exists"));
        redisReply *oldest = raw(r, "ZRANGE asynq:{default}:archived 0 0");
        if (strcmp(oldest->element[0]->str,
                cJSON_GetObjectItem(result, "oldest")->child->valuestring) != 0)
            differ(r, "the oldest is %s", oldest->element[0]->str);
        freeReplyObject(oldest);
    }
    end_step(r);
    return tell_differences(r);
}

// ---- 34: the history of a schedule --------------------------------------------------------------

bool use_history_limit(replay *r, const cJSON *file)
{
    const cJSON *step;
    int64_t nth = 0, now_ms = gf_now_ms();
    r->op = "record_enqueue_event";
    r->step = 0;
    begin_step(r);
    cJSON_ArrayForEach(step, cJSON_GetObjectItem(file, "steps")) {
        r->step++;
        for (int64_t until = golden_int(cJSON_GetObjectItem(step, "args"), "nth"); nth < until;
             nth++) {
            gf_wire_event event = { .task_id = "t", .at_ms = now_ms + nth * 1000 };
            if (gf_rd_schedule_record((gf_rd_store *)r->broker, "e", &event) != GOFER_OK)
                give_up("an event: %s", gofer_error_last());
        }
        want(r, "events", number(r, "ZCARD", "asynq:scheduler_history:e"),
            golden_int(step, "result"));
    }
    end_step(r);
    return tell_differences(r);
}

// ---- 35: cancelling -----------------------------------------------------------------------------

static redisContext *subscribe(replay *r, const char *channel)
{
    redisContext *c = redisConnect(r->redis->tcp.host, r->redis->tcp.port);
    struct timeval limit = { 30, 0 };
    redisReply *reply = c && !c->err && redisSetTimeout(c, limit) == REDIS_OK
        ? redisCommand(c, "SUBSCRIBE %s", channel)
        : NULL;
    if (!reply)
        give_up("subscribe: %s", c ? c->errstr : "no memory");
    freeReplyObject(reply);
    return c;
}

bool use_cancel(replay *r, const cJSON *file)
{
    const cJSON *step = cJSON_GetObjectItem(file, "steps")->child,
                *result = cJSON_GetObjectItem(step, "result");
    const char *id = golden_text(cJSON_GetObjectItem(step, "args"), "id");
    r->op = golden_text(step, "op");
    begin_step(r);
    put_one(r, id, 0);             // gofer tells when there is no such task: one that runs
    gf_claim_free(take_one(r));
    redisContext *c = subscribe(r, golden_text(result, "channel"));
    if (gf_act_one(r->broker, "default", GF_ACT_CANCEL, id) != GOFER_OK)
        differ(r, "cancel: %s", gofer_error_last());
    redisReply *told = NULL;
    if (redisGetReply(c, (void **)&told) != REDIS_OK || told->elements != 3)
        differ(r, "nothing was published: %s", c->errstr);
    else if (strcmp(told->element[1]->str, golden_text(result, "channel")) != 0 ||
             strcmp(told->element[2]->str, golden_text(result, "payload")) != 0)
        differ(r, "published was '%s' on %s", told->element[2]->str, told->element[1]->str);
    freeReplyObject(told);
    redisFree(c);
    end_step(r);
    return tell_differences(r);
}

// ---- 51: pages ----------------------------------------------------------------------------------

bool use_pages(replay *r, const cJSON *file)
{
    static const char *const pending[] = { "a", "b", "c", "d", "e" },
                             *const scheduled[] = { "sa", "sb", "sc", "sd", "se" };
    const int64_t first_s = INT64_C(1893553505);
    const cJSON *step;
    begin_step(r);
    r->step = 0;
    r->before = r->after = NULL;
    r->now_s = golden_int(cJSON_GetObjectItem(file, "steps")->child, "now_s");
    r->shift_s = gf_now_ms() / 1000 - r->now_s;
    for (size_t i = 0; i < COUNT_OF(pending); i++) {
        put_one(r, pending[i], 0);
        put_one(r, scheduled[i], (first_s + (int64_t)i + r->shift_s) * 1000);
    }
    cJSON_ArrayForEach(step, cJSON_GetObjectItem(file, "steps")) {
        r->step++;
        r->op = golden_text(step, "op");
        for (const operation *o = look_operations; o->name; o++)
            if (strcmp(o->name, r->op) == 0 &&
                o->run(r, cJSON_GetObjectItem(step, "args"), cJSON_GetObjectItem(step, "result")) !=
                    GOFER_OK)
                differ(r, "result: %s", gofer_error_last());
    }
    end_step(r);
    return tell_differences(r);
}

// ---- 70-73: what real servers left --------------------------------------------------------------

// The time of a recording: servers say when their record ends, tasks when they were put.
static int64_t time_of(const cJSON *keyspace)
{
    const cJSON *servers = cJSON_GetObjectItem(find_key(keyspace, "asynq:servers"), "value");
    if (!servers)
        servers = cJSON_GetObjectItem(find_key(keyspace, "asynq:schedulers"), "value");
    return servers ? golden_whole(servers->child->child->next->valuestring) - 5
                   : INT64_C(1795466600);
}

static void read_task(replay *r, const char *key, const cJSON *entry)
{
    const cJSON *msg = cJSON_GetObjectItem(cJSON_GetObjectItem(entry, "decoded"), "msg");
    gofer_info *info;
    if (r->broker->ops->inspect->task(r->broker, golden_text(msg, "queue"), golden_text(msg, "id"),
            &info) != GOFER_OK) {
        differ(r, "%s: %s", key, gofer_error_last());
        return;
    }
    const char *state = golden_text(cJSON_GetObjectItem(entry, "value"), "state"),
               *error = gofer_info_text(info, "last_error");
    if (strcmp(gofer_info_text(info, "state"), state) != 0 ||
        strcmp(error ? error : "", golden_text(msg, "error_msg")) != 0)
        differ(r, "%s: is %s with the error '%s'", key, gofer_info_text(info, "state"),
            error ? error : "");
    want(r, key, gofer_info_int(info, "retried", -1), golden_int(msg, "retried"));
    want(r, key, gofer_info_int(info, "max_retry", -1), golden_int(msg, "retry"));
    want(r, key, gofer_info_int(info, "deadline_ms", 0), golden_int(msg, "deadline") * 1000);
    gofer_info_free(info);
}

static void read_state(replay *r, const char *key, const cJSON *entry)
{
    char queue[64];
    gf_state state;
    gofer_info *list;
    int end = 0;
    if (sscanf(key, "asynq:{%63[^}]}:%n", queue, &end) != 1 || !end ||
        !gf_state_parse(key + end, &state))
        return;
    if (r->broker->ops->inspect->tasks(r->broker, queue, state, NULL, 100, &list) != GOFER_OK) {
        differ(r, "%s: %s", key, gofer_error_last());
        return;
    }
    want(r, key, (int64_t)gofer_info_count(list),
        cJSON_GetArraySize(cJSON_GetObjectItem(entry, "value")));
    gofer_info_free(list);
}

static void read_servers(replay *r, const cJSON *keyspace)
{
    int64_t servers = 0, running = 0, shown = 0;
    const cJSON *k;
    gofer_info *list;
    cJSON_ArrayForEach(k, keyspace) {
        servers += strncmp(golden_text(k, "key"), "asynq:servers:{", 15) == 0;
        if (strncmp(golden_text(k, "key"), "asynq:workers:{", 15) == 0)
            running += cJSON_GetArraySize(cJSON_GetObjectItem(k, "value"));
    }
    if (r->broker->ops->inspect->workers(r->broker, NULL, &list) != GOFER_OK)
        give_up("workers: %s", gofer_error_last());
    want(r, "servers", (int64_t)gofer_info_count(list), servers);
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *tasks = gofer_info_child(gofer_info_at(list, i), "tasks");
        shown += tasks ? (int64_t)gofer_info_count(tasks) : 0;
    }
    want(r, "tasks they run", shown, running);
    gofer_info_free(list);
}

static void read_entries(replay *r, const cJSON *keyspace)
{
    int64_t entries = 0;
    const cJSON *k;
    gofer_info *list;
    cJSON_ArrayForEach(k, keyspace)
        if (strncmp(golden_text(k, "key"), "asynq:schedulers:{", 18) == 0)
            entries += cJSON_GetArraySize(cJSON_GetObjectItem(k, "value"));
    if (gf_rd_schedule_list((gf_rd_store *)r->broker, &list) != GOFER_OK)
        give_up("schedules: %s", gofer_error_last());
    want(r, "schedule entries", (int64_t)gofer_info_count(list), entries);
    gofer_info_free(list);
}

static void read_keyspace(replay *r, const cJSON *keyspace)
{
    const cJSON *k;
    begin_step(r);
    r->now_s = time_of(keyspace);
    r->shift_s = gf_now_ms() / 1000 - r->now_s;
    load_keyspace(r, keyspace);
    cJSON_ArrayForEach(k, keyspace) {
        const char *key = golden_text(k, "key");
        if (strstr(key, "}:t:"))
            read_task(r, key, k);
        else
            read_state(r, key, k);
    }
    read_servers(r, keyspace);
    read_entries(r, keyspace);
    end_step(r);
}

bool use_live(replay *r, const cJSON *file)
{
    const cJSON *step;
    r->step = 0;
    cJSON_ArrayForEach(step, cJSON_GetObjectItem(file, "steps")) {
        r->step++;
        r->op = golden_text(step, "op");
        if (cJSON_GetObjectItem(step, "keyspace"))
            read_keyspace(r, cJSON_GetObjectItem(step, "keyspace"));
    }
    return tell_differences(r);
}
