// probes.c - key spaces that a faulty peer left behind (80): nothing may be lost,
// stuck, or stop the others.
//
// A probe sets something up, then lives: all duties of housekeeping, all looks, and a worker that
// takes and finishes what there is, until nothing changes any more. What came of it is
// compared as one line.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/clock.h"
#include "vectors/replay.h"

#define Q "asynq:{default}:"
enum { TAKE_MAX = 16, ROUNDS = 40, ENOUGH_QUIET = 2 };

static gf_rd_store *store_of(replay *r)
{
    return (gf_rd_store *)r->broker;
}

static void ask(replay *r, const char *what, gofer_status st)
{
    if (st != GOFER_OK)
        differ(r, "%s: %s: %s", what, gofer_status_name(st), gofer_error_last());
}

// ---- setting up: commands parted by ';', words by blanks ----------------------------------------

static gf_bytes message_of(const char *id, const char *queue)
{
    gf_message m = { .id = id,
        .type = "t",
        .queue = queue,
        .payload = "p",
        .payload_size = 1,
        .max_retry = 3 };
    gf_bytes out;
    if (gf_wire_task_encode(&m, NULL, NULL, &out) != GOFER_OK)
        give_up("%s: %s", id, gofer_error_last());
    return out;
}

static gf_bytes text_of(const void *text, size_t size)
{
    return (gf_bytes){ gf_memdup(text, size), size };
}

// "<id>": the message of that task; "<id@queue>": of another queue; "<!>": one that Go cannot read
// (its type is 0xff); "<now-5>", "<now+5>": a time in seconds. Else the word itself.
static golden_bytes word_of(const char *word)
{
    int64_t offset;
    char id[32], queue[32] = "default";
    gf_bytes m = { NULL, 0 };
    char number[32];
    if (strcmp(word, "<!>") == 0)
        m = text_of("\n\1\xFF", 3);
    else if (sscanf(word, "<now%" SCNd64 ">", &offset) == 1)
        m = text_of(number,
            (size_t)snprintf(number, sizeof number, "%" PRId64, gf_now_ms() / 1000 + offset));
    else if (sscanf(word, "<%31[a-z]@%31[a-z]>", id, queue) == 2 ||
        sscanf(word, "<%31[a-z]>", id) == 1)
        m = message_of(id, queue);
    else
        m = text_of(word, strlen(word));
    golden_bytes out = { malloc(m.size + 1), m.size };
    if (!out.bytes)
        give_up("no memory");
    memcpy(out.bytes, m.bytes, m.size);
    gf_bytes_clear(&m);
    return out;
}

static void send_argv(replay *r, int count, const char **words, const size_t *sizes)
{
    redisReply *reply = redisCommandArgv(r->redis, count, words, sizes);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        give_up("%s %s: %s", words[0], words[1], reply ? reply->str : r->redis->errstr);
    freeReplyObject(reply);
}

// middle NULL: left out.
static void send_words(replay *r, const char *command, const char *key, const char *middle,
    const void *bytes, size_t size)
{
    const char *words[4] = { command, key };
    size_t sizes[4] = { strlen(command), strlen(key) };
    int count = 2;
    if (middle) {
        words[count] = middle;
        sizes[count++] = strlen(middle);
    }
    words[count] = bytes;
    sizes[count++] = size;
    send_argv(r, count, words, sizes);
}

static void send_command(replay *r, char *command)
{
    const char *words[16];
    size_t sizes[16];
    int count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(command, " ", &rest); word && count < 16;
         word = strtok_r(NULL, " ", &rest), count++) {
        golden_bytes b = word_of(word);
        words[count] = keep(r, b.bytes);
        sizes[count] = b.size;
    }
    send_argv(r, count, words, sizes);
}

static void set_up(replay *r, const char *commands)
{
    char *copy = keep(r, strdup(commands)), *rest = NULL;
    for (char *command = strtok_r(copy, ";", &rest); command; command = strtok_r(NULL, ";", &rest))
        send_command(r, command);
}

// ---- living -------------------------------------------------------------------------------------

static void look_at_all(replay *r)
{
    gofer_info *info;
    int64_t backlog;
    static const char *const queues[] = { "default", "x" };
    ask(r, "queues", r->broker->ops->inspect->queues(r->broker, NULL, &info));
    gofer_info_free(info);
    ask(r, "workers", r->broker->ops->inspect->workers(r->broker, NULL, &info));
    gofer_info_free(info);
    ask(r, "backlog", r->broker->ops->inspect->backlog(r->broker, queues, 2, &backlog));
    for (gf_state state = GF_PENDING; state < GF_STATE_COUNT; state++) {
        gofer_status st =
            r->broker->ops->inspect->tasks(r->broker, "default", state, NULL, 100, &info);
        if (st != GOFER_ENOTFOUND)         // the queue is gone, or never was
            ask(r, "tasks", st);
        if (st == GOFER_OK)
            gofer_info_free(info);
    }
}

static size_t keep_house(replay *r)
{
    size_t done = 0, sum = 0;
    int64_t next_ms;
    gf_recovered got = { .requeued = 0, .archived = 0 };
    ask(r, "forward", r->broker->ops->upkeep->forward(r->broker, 1000, &done, &next_ms));
    sum += done;
    ask(r, "recover", r->broker->ops->upkeep->recover(r->broker, 1000, 10, &got));
    sum += got.requeued + got.archived;
    ask(r, "purge", r->broker->ops->upkeep->purge(r->broker, 1000, &done));
    return sum + done;
}

static size_t work(replay *r, char *taken, size_t capacity)
{
    static const gf_share shares[] = { { "default", 8 }, { "x", 8 } };
    gf_claim *claims[TAKE_MAX];
    gf_take take = {
        .worker = "replay",
        .queues = shares,
        .queue_count = 2,
        .max = TAKE_MAX,
        .lease_ms = REPLAY_LEASE_MS,
        .claims = claims,
    };
    ask(r, "take", r->broker->ops->tasks->exchange(r->broker, NULL, 0, &take));
    for (size_t i = 0; i < take.count; i++) {
        gf_finish f = { .claim = claims[i], .outcome = GF_DONE };
        ask(r, "finish", r->broker->ops->tasks->exchange(r->broker, &f, 1, NULL));
        ask(r, "finished", f.status);
        size_t n = strlen(taken);
        snprintf(taken + n, capacity - n, " %s", claims[i]->message.id);
        gf_claim_free(claims[i]);
    }
    return take.count;
}

static void add_members(replay *r, const char *what, const char *command, const char *key,
    char *out, size_t capacity)
{
    redisReply *reply = raw(r, "%s %s 0 -1", command, key);
    for (size_t i = 0; i < reply->elements; i++) {
        size_t n = strlen(out);
        snprintf(out + n, capacity - n, "%s%s%s",
            i       ? " "
                : n ? ", "
                    : "",
            i ? "" : what, reply->element[i]->str);
    }
    freeReplyObject(reply);
}

// "taken a b, archived c": what a worker got, and what is where at the end.
static const char *live(replay *r)
{
    enum { CAPACITY = 1000 };
    char *out = keep(r, calloc(1, CAPACITY)), taken[400] = "";
    look_at_all(r);
    for (int i = 0, quiet = 0; i < ROUNDS && quiet < ENOUGH_QUIET; i++) {
        size_t changed = keep_house(r);
        changed += work(r, taken, sizeof taken);
        quiet = changed ? 0 : quiet + 1;
    }
    look_at_all(r);
    if (*taken)
        snprintf(out, CAPACITY, "taken%s", taken);
    add_members(r, "pending ", "LRANGE", Q "pending", out, CAPACITY);
    add_members(r, "active ", "LRANGE", Q "active", out, CAPACITY);
    add_members(r, "leased ", "ZRANGE", Q "lease", out, CAPACITY);
    add_members(r, "scheduled ", "ZRANGE", Q "scheduled", out, CAPACITY);
    add_members(r, "to retry ", "ZRANGE", Q "retry", out, CAPACITY);
    add_members(r, "completed ", "ZRANGE", Q "completed", out, CAPACITY);
    add_members(r, "archived ", "ZRANGE", Q "archived", out, CAPACITY);
    return out;
}

// ---- probes of their own ------------------------------------------------------------------------

static gofer_status put(replay *r, const char *queue, const char *id, int64_t unique_ms,
    int64_t retention_ms)
{
    gf_message m = {
        .id = id,
        .type = "t",
        .queue = queue,
        .payload = "p",
        .payload_size = 1,
        .max_retry = 3,
        .retention_ms = retention_ms,
    };
    gf_put item = { .message = &m, .unique_ms = unique_ms };
    gofer_status st = r->broker->ops->tasks->put(r->broker, &item, 1);
    return st != GOFER_OK ? st : item.status;
}

static void finish_next(replay *r, const char *id, gf_finish how)
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
    ask(r, "take", r->broker->ops->tasks->exchange(r->broker, NULL, 0, &take));
    if (!claim || strcmp(claim->message.id, id) != 0) {
        differ(r, "taken was %s, not %s", claim ? claim->message.id : "none", id);
    } else {
        how.claim = claim;
        ask(r, "finish", r->broker->ops->tasks->exchange(r->broker, &how, 1, NULL));
        ask(r, "finished", how.status);
    }
    gf_claim_free(claim);
}

static const gf_finish again = { .outcome = GF_RETRY_AT, .is_failure = true, .error = "again",
    .at_ms = 1000 };

static void want_bytes(replay *r, const char *key, const char *field, const void *part, size_t size)
{
    redisReply *got = raw(r, "HGET %s %s", key, field);
    if (got->type != REDIS_REPLY_STRING || !memmem(got->str, (size_t)got->len, part, size))
        differ(r, "%s: the field %s is not what it was", key, field);
    freeReplyObject(got);
}

static void want_number(replay *r, const char *command, const char *key, const char *word,
    int64_t want)
{
    redisReply *got =
        *word ? raw(r, "%s %s %s", command, key, word) : raw(r, "%s %s", command, key);
    if (got->integer != want)
        differ(r, "%s %s %s is %lld, not %" PRId64, command, key, word, got->integer, want);
    freeReplyObject(got);
}

static void unreadable(replay *r)
{
    set_up(r,
        "SADD asynq:queues default;RPUSH " Q "pending ok bad;HSET " Q "t:ok msg <ok> state pending;"
        "HSET " Q "t:bad msg <!> state pending");
    const char *got = live(r);
    if (strcmp(got, "taken ok, archived bad") != 0)
        differ(r, "%s", got);
    want_bytes(r, Q "t:bad", "msg", "\n\1\xFF", 3);
    want_number(r, "HEXISTS", Q "t:bad", "gofer:error", 1);
}

static void unknown_fields(replay *r)
{
    ask(r, "put", put(r, "default", "a", 0, 60000));
    raw_do(r, "HSET " Q "t:a x kept");
    finish_next(r, "a", again);
    keep_house(r);
    finish_next(r, "a", (gf_finish){ .outcome = GF_DONE });
    want_bytes(r, Q "t:a", "x", "kept", 4);
    want_bytes(r, Q "t:a", "state", "completed", 9);
}

static void unknown_protobuf(replay *r)
{
    gf_bytes m = message_of("a", "default");
    char *longer = keep(r, malloc(m.size + 3));
    memcpy(longer, m.bytes, m.size);
    memcpy(longer + m.size, "\x98\6\5", 3);
    set_up(r, "SADD asynq:queues default;LPUSH " Q "pending a;HSET " Q "t:a state pending");
    send_words(r, "HSET", Q "t:a", "msg", longer, m.size + 3);
    gf_bytes_clear(&m);
    finish_next(r, "a", again);
    want_bytes(r, Q "t:a", "msg", "\x98\6\5", 3);
}

static void bad_error_text(replay *r)
{
    ask(r, "put", put(r, "default", "a", 0, 0));
    finish_next(r, "a", (gf_finish){ .outcome = GF_RETRY_AT, .is_failure = true, .error = "caf\xE9",
        .at_ms = 1000 });
    want_bytes(r, Q "t:a", "msg", "caf\xEF\xBF\xBD", 6);
    const char *got = live(r);
    if (strcmp(got, "taken a") != 0)
        differ(r, "%s", got);
}

static void old_archive(replay *r)
{
    static const char fill[] =
        "for i = 1, 9000 do redis.call('ZADD', KEYS[1] .. 'archived', 1, 'o' .. i)\n"
        "  redis.call('HSET', KEYS[1] .. 't:o' .. i, 'msg', 'x') end";
    size_t done;
    raw_do(r, "EVAL %s 1 %s", fill, Q);
    ask(r, "put", put(r, "default", "a", 0, 0));
    finish_next(r, "a", (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true, .error = "x" });
    for (int i = 0; i < 1000; i++) {
        ask(r, "purge", r->broker->ops->upkeep->purge(r->broker, 500, &done));
        if (done == 0)
            break;
    }
    want_number(r, "ZCARD", Q "archived", "", 1);
    want_number(r, "EXISTS", Q "t:o1", "", 0);
    want_number(r, "EXISTS", Q "t:o9000", "", 0);
}

static void completed_twice(replay *r)
{
    ask(r, "put", put(r, "default", "a", 0, 60000));
    set_up(r, "ZADD " Q "completed <now+5> a");
    finish_next(r, "a", (gf_finish){ .outcome = GF_DONE });
    want_number(r, "LLEN", Q "active", "", 0);
    want_number(r, "ZCARD", Q "completed", "", 1);
    want_bytes(r, Q "t:a", "state", "completed", 9);
}

static void removed_queue(replay *r)
{
    ask(r, "put", put(r, "default", "a", 0, 0));
    ask(r, "delete", r->broker->ops->act->queue_delete(r->broker, "default", true));
    ask(r, "put", put(r, "default", "a", 0, 0));
    want_number(r, "SISMEMBER", "asynq:queues", "default", 1);
}

static void lost_lock(replay *r)
{
    static const char lock[] = Q "unique:t:83878c91171338902e0fe0fb97a8c47a";
    ask(r, "put", put(r, "default", "a", 100000, 0));
    raw_do(r, "DEL %s", lock);
    ask(r, "put", put(r, "default", "b", 100000, 0));
    finish_next(r, "a", (gf_finish){ .outcome = GF_DONE });
    redisReply *holder = raw(r, "GET %s", lock);
    if (holder->type != REDIS_REPLY_STRING || strcmp(holder->str, "b") != 0)
        differ(r, "the lock of b is gone with a");
    freeReplyObject(holder);
}

static void one_id_twice(replay *r)
{
    ask(r, "put", put(r, "default", "a", 0, 0));
    ask(r, "put", put(r, "x", "a", 0, 0));
    const char *got = live(r);
    if (strcmp(got, "taken a a") != 0)
        differ(r, "%s", got);
}

// It may be that of a Go worker that is about to end it: it is given a lease, and when
// that is over it is lost.
static void active_alone(replay *r)
{
    const char *got = live(r);
    if (strcmp(got, "active a, leased a") != 0)
        differ(r, "at first '%s'", got);
    set_up(r, "ZADD " Q "lease <now-100> a");
    got = live(r);
    if (strcmp(got, "taken a") != 0)
        differ(r, "then '%s'", got);
}

static void in_no_list(replay *r)
{
    set_up(r, "SADD asynq:queues default;HSET " Q "t:a msg <a> state pending");
    ask(r, "delete", gf_act_one(r->broker, "default", GF_ACT_DELETE, "a"));
    want_number(r, "EXISTS", Q "t:a", "", 0);
}

static void ghost_of_a_group(replay *r)
{
    gf_rd_group_rule rule = { .max_size = 1, .grace_s = 1 };
    gf_wire_task **tasks = NULL;
    size_t count = 99;
    int64_t until_ms;
    char set[37];
    const gf_rd_set_name name = { "default", "g", set };
    set_up(r, "SADD asynq:queues default;ZADD " Q "g:g <now-5> ghost;SADD " Q "groups g");
    look_at_all(r);
    gofer_status st = gf_rd_group_check(store_of(r), "default", "g", &rule, set, NULL);
    if (st == GOFER_EEMPTY)
        return;                    // dropped at once
    ask(r, "group check", st);
    if (gf_rd_group_read(store_of(r), &name, &tasks, &count, &until_ms) == GOFER_OK) {
        gf_free(tasks);
        if (count != 0)
            differ(r, "%zu tasks of a group that has none", count);
    }
    ask(r, "group delete", gf_rd_group_delete(store_of(r), &name));
    want_number(r, "EXISTS", Q "t:ghost", "", 0);
}

static void any_entry(replay *r)
{
    static const char *const options[] = { "Queue(\"low\")", "NoParenthesis", "MaxRetry()", "" };
    gf_wire_entry entry = { .id = "e",
        .spec = "@daily",
        .task_type = "t",
        .options = options,
        .option_count = 4,
        .next_ms = 1000 };
    gf_bytes bytes;
    gofer_info *list;
    if (gf_wire_entry_encode(&entry, &bytes) != GOFER_OK)
        give_up("%s", gofer_error_last());
    set_up(r, "ZADD asynq:schedulers <now+20> asynq:schedulers:{h:1:s}");
    send_words(r, "RPUSH", "asynq:schedulers:{h:1:s}", NULL, bytes.bytes, bytes.size);
    gf_bytes_clear(&bytes);
    gofer_status st = gf_rd_schedule_list(store_of(r), &list);
    ask(r, "schedules", st);
    if (st == GOFER_OK && gofer_info_count(list) != 1)
        differ(r, "%zu entries", gofer_info_count(list));
    gofer_info_free(list);
}

static void no_workers(replay *r)
{
    gofer_info *list;
    ask(r, "workers", r->broker->ops->inspect->workers(r->broker, NULL, &list));
    if (gofer_info_count(list) != 0)
        differ(r, "%zu workers", gofer_info_count(list));
    gofer_info_free(list);
}

// ---- the table ----------------------------------------------------------------------------------

#define NONE "is not gofer's concern"
#define KNOWN "SADD asynq:queues default;"
#define A_TASK "HSET " Q "t:a msg <a>"

static const struct {
    const char *begins;            // how the probe's name begins
    const char *set_up;            // NULL: run does it; NONE
    const char *outcome;           // of living
    void      (*run)(replay *r);   // after set_up; NULL: live
} probes[] = {
    { "pending without pending_since", KNOWN "LPUSH " Q "pending a;" A_TASK " state pending",
      "taken a", NULL },
    { "pending_since in seconds",
      KNOWN "LPUSH " Q "pending a;" A_TASK " state pending pending_since 1700000000", "taken a",
      NULL },
    { "pending_since with a fraction",
      KNOWN "LPUSH " Q "pending a;" A_TASK " state pending pending_since 1.7e18", "taken a", NULL },
    { "pending id without a hash", KNOWN "RPUSH " Q "pending a ghost;" A_TASK " state pending",
      "taken a", NULL },
    { "hash without msg",
      KNOWN "RPUSH " Q "pending a ghost;" A_TASK " state pending;HSET " Q "t:ghost state pending",
      "taken a", NULL },
    { "msg with bytes that are not UTF-8", NULL, NULL, unreadable },
    { "hash without state", KNOWN "ZADD " Q "scheduled <now-5> a;" A_TASK, "taken a", NULL },
    { "state in other letter case",
      KNOWN "ZADD " Q "scheduled <now-5> a;" A_TASK " state Scheduled", "taken a", NULL },
    { "scheduled score with a fraction",
      KNOWN "ZADD " Q "scheduled 1700000000.5 a;" A_TASK " state scheduled", "taken a", NULL },
    { "scheduled score in milliseconds",
      KNOWN "ZADD " Q "scheduled 1900000000000 a;" A_TASK " state scheduled", "scheduled a", NULL },
    { "active task without a lease entry", KNOWN "LPUSH " Q "active a;" A_TASK " state active",
      NULL, active_alone },
    { "lease without an active entry", KNOWN "ZADD " Q "lease <now-100> a;" A_TASK " state active",
      "taken a", NULL },
    { "lease member whose hash is gone", KNOWN "ZADD " Q "lease <now-100> a", "", NULL },
    { "queue not in asynq:queues",
      "LPUSH asynq:{x}:pending a;HSET asynq:{x}:t:a msg <a@x> state pending", "taken a", NULL },
    { "msg.queue differs from the key's queue",
      KNOWN "LPUSH " Q "pending a;HSET " Q "t:a msg <a@other> state pending", "taken a", NULL },
    { "groups set names a group without members", KNOWN "SADD " Q "groups g", "", NULL },
    { "group member without a hash", NULL, NULL, ghost_of_a_group },
    { "counter that is not a number",
      KNOWN "SET " Q "processed abc;LPUSH " Q "pending a;" A_TASK " state pending", "taken a",
      NULL },
    { "server key expired, set member left", "ZADD asynq:servers <now+9> asynq:servers:{h:1:s}",
      NULL, no_workers },
    { "server string key present, set member expired",
      "ZADD asynq:servers <now-9> asynq:servers:{h:1:s};SET asynq:servers:{h:1:s} x", NULL,
      no_workers },
    { "worker record of a server that is not listed",
      "ZADD asynq:workers <now+9> asynq:workers:{h:1:s};HSET asynq:workers:{h:1:s} a x", NULL,
      no_workers },
    { "scheduler entry option", NULL, NULL, any_entry },
    { "archived more than 7,999 members", NULL, NULL, old_archive },
    { "completed again with the same id", NULL, NULL, completed_twice },
    { "unknown hash fields survive a life", NULL, NULL, unknown_fields },
    { "unknown protobuf fields", NULL, NULL, unknown_protobuf },
    { "retry with a text that is not UTF-8", NULL, NULL, bad_error_text },
    { "delete a task while its id is in no list", NULL, NULL, in_no_list },
    { "queue removed while a client lives", NULL, NULL, removed_queue },
    { "heartbeat with a TTL that is not whole seconds", NONE, NULL, NULL },    // ours is a constant
    // an option of Go's client
    { "Timeout(0) and no deadline", NONE, NULL, NULL },
    { "unique lock expired while the task waits", NULL, NULL, lost_lock },
    { "same id in two queues", NULL, NULL, one_id_twice },
};

static void run_probe(replay *r, size_t i)
{
    if (probes[i].set_up && strcmp(probes[i].set_up, NONE) == 0)
        return;
    begin_step(r);
    if (probes[i].set_up)
        set_up(r, probes[i].set_up);
    if (probes[i].run) {
        probes[i].run(r);
    } else {
        const char *got = live(r);
        if (strcmp(got, probes[i].outcome) != 0)
            differ(r, "it came to '%s', not '%s'", got, probes[i].outcome);
    }
    end_step(r);
}

bool use_probes(replay *r, const cJSON *file)
{
    bool good = true;
    const cJSON *one;
    r->step = 0;
    cJSON_ArrayForEach(one, cJSON_GetObjectItem(file, "probes")) {
        size_t i = 0;
        r->step++;
        r->op = golden_text(one, "probe");
        while (
            i < COUNT_OF(probes) && strncmp(r->op, probes[i].begins, strlen(probes[i].begins)) != 0)
            i++;
        if (i < COUNT_OF(probes))
            run_probe(r, i);
        else
            differ(r, "is not tested");
        good = tell_differences(r) && good;
    }
    return good;
}
