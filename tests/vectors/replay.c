// replay.c - which vector file is used for what, the steps of scenarios, and where
// gofer is not like Asynq.
//
// usage: replay FOLDER [NUMBER...], with the URL of a Redis that may be emptied in
// $GOFER_TEST_REDIS_ADMIN.
#include "vectors/replay.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"

// ---- where gofer differs on purpose -------------------------------------------------------------

// Steps with another end: our status, and nothing is changed.
typedef struct other_end {
    const char  *file;             // how its name begins
    int          step;
    gofer_status status;
    const char  *why;
} other_end;

static const char repeat[] =
    "the same task once more is no conflict: so a put whose answer was lost can be repeated";
static const char no_lock_left[] =
    "the id is looked at before the lock, which else stays with the id of another task";
static const char not_completed[] =
    "a completed task is not run or archived again, on any of gofer's brokers";

static const char any_waiting[] = "the payload of every task that waits can be changed";

static const other_end other_ends[] = {
    { "10-", 3, GOFER_OK, repeat }, { "20-", 3, GOFER_OK, repeat }, { "22-", 3, GOFER_OK, repeat },
    { "24-", 10, GOFER_OK, repeat }, { "40-", 4, GOFER_OK, repeat },
    { "11-", 5, GOFER_EEXIST, no_lock_left }, { "23-", 3, GOFER_EEXIST, no_lock_left },
    { "30-", 4, GOFER_OK, "pausing a paused queue is fine" },
    { "30-", 8, GOFER_OK, "and so is the other way" },
    { "52-", 7, GOFER_ESTATE, not_completed }, { "53-", 7, GOFER_ESTATE, not_completed },
    { "55-", 2, GOFER_OK, any_waiting }, { "55-", 5, GOFER_OK, any_waiting },
    { "55-", 6, GOFER_OK, any_waiting },
    { "55-", 8, GOFER_OK, any_waiting },
};

// Single differences.
typedef struct expected {
    const char *file;
    int         step;
    const char *text;              // part of what is told
    const char *why;
    int         seen;
} expected;

#define LOCK_GONE ":unique:email:send:0b247f238612ec3f1009b2dc3a49db33: is a none"

static expected on_purpose[] = {
    { "04-", 3, "redis://localhost:6379/: is accepted", "a bare slash says as much as none", 0 },
    { "04-", 5, "the path of a Redis URL is the number",
      "Asynq ignores what follows the database; a mistake is told", 0 },
    { "04-", 8, "user is 'user', not ''",
      "Asynq ignores the user's name, and so signs on as another", 0 },
    { "04-", 9, "user is 'secret', not ''", "the same", 0 },
    { "04-", 11, "?db=2: db is 2", "Asynq reads it for sockets only", 0 },
    { "04-", 22, "db is 3", "as Asynq's newest source does", 0 },
    { "04-", 23, "needs the name that the Sentinels give", "without one Asynq cannot connect", 0 },
    { "10-", 6, ":t:t4: timeout is 500, not 0",
      "milliseconds travel in a header; Go peers read 1 s, not none", 0 },
    { "10-", 6, ":t:t4: retention is 999, not 0", "the same", 0 },
    { "27-", 3, LOCK_GONE,
      "the lock ends with its task: archived, nothing of it runs that a second one could meet", 0 },
    { "53-", 2, LOCK_GONE, "the same when a task is archived by hand", 0 },
    { "57-", 2, LOCK_GONE, "the same for all of a state", 0 },
    { "27-", 6, LOCK_GONE, "the lock of a task trimmed from the archive is freed", 0 },
    { "30-", 9, "asynq:queues: size is 3, not 2",
      "a queue that is paused ahead of its first task can be seen", 0 },
    { "43-", 4, ":groups: is there, and should not",
      "the group's name is put back: else its tasks rest until another comes", 0 },
    { "45-", 5, ":groups: is there, and should not",
      "the same when a retried task returns to its group", 0 },
    { "44-", 5, LOCK_GONE, "deleting a task of a group frees its lock: the message tells it", 0 },
    { "58-", 2, LOCK_GONE, "deleting all pending tasks frees their locks", 0 },
    { "45-", 2, ":t:a: field pending_since",
      "a task that is run says since when it waits: else its queue shows no latency", 0 },
    { "52-", 4, ":t:s: field pending_since", "the same", 0 },
    { "52-", 5, ":t:r: field pending_since", "the same", 0 },
    { "52-", 6, ":t:ar: field pending_since", "the same", 0 },
    { "52-", 8, ":t:g: field pending_since", "the same", 0 },
    { "56-", 2, ":t:s: field pending_since", "the same", 0 },
    { "56-", 3, ":t:r: field pending_since", "the same", 0 },
    { "56-", 4, ":t:ar: field pending_since", "the same", 0 },
    { "56-", 5, ":t:g: field pending_since", "the same", 0 },
    { "50-", 13, "result: OK, not ESTATE",
      "no days of history: refused by the client already, not by the broker", 0 },
    { "59-", 4, ": is a none, not a",
      "a queue goes with all that it has; Asynq leaves completed tasks, groups and counters behind",
      0 },
    { "59-", 5, "result: OK, not ENOTFOUND",
      "what Asynq left behind is a queue to gofer, and is removed", 0 },
    { "82-", 20, "POST is OK, not ESTATE", "pausing a paused queue is fine", 0 },
    { "82-", 26, "batch_cancel of 'nope' is ENOTFOUND", "asynqmon announces what nobody has", 0 },
    { NULL, 0, NULL, NULL, 0 },
};

static bool is_of(const replay *r, const char *file, int step)
{
    return strncmp(r->file, file, strlen(file)) == 0 && r->step == step;
}

static bool is_expected(const replay *r, const char *difference)
{
    for (expected *e = on_purpose; e->file; e++)
        if (is_of(r, e->file, e->step) && strstr(difference, e->text)) {
            e->seen++;
            return true;
        }
    return false;
}

static const other_end *find_other_end(const replay *r)
{
    for (size_t i = 0; i < COUNT_OF(other_ends); i++)
        if (is_of(r, other_ends[i].file, other_ends[i].step))
            return &other_ends[i];
    return NULL;
}

// A difference that is gone should leave the table too.
static bool all_were_seen(void)
{
    bool good = true;
    for (const expected *e = on_purpose; e->file; e++)
        if (e->seen == 0) {
            printf("FAILED   no longer so: %s step %d: %s (%s)\n", e->file, e->step, e->text,
                e->why);
            good = false;
        }
    return good;
}

// ---- help ---------------------------------------------------------------------------------------

void give_up(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    exit(2);
}

void *keep(replay *r, void *memory)
{
    if (!memory)
        return NULL;
    if (r->garbage_count == r->garbage_capacity) {
        r->garbage_capacity = r->garbage_capacity * 2 + 64;
        r->garbage = realloc(r->garbage, r->garbage_capacity * sizeof *r->garbage);
        if (!r->garbage)
            give_up("no memory");
    }
    r->garbage[r->garbage_count++] = memory;
    return memory;
}

void differ(replay *r, const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (r->difference_count < DIFFERENCES_MAX)
        r->differences[r->difference_count++] = strdup(text);
}

static void forget_differences(replay *r)
{
    while (r->difference_count > 0)
        free(r->differences[--r->difference_count]);
}

bool tell_differences(replay *r)
{
    bool good = true;
    for (size_t i = 0; i < r->difference_count; i++) {
        if (is_expected(r, r->differences[i]))
            continue;
        printf("    %s, step %d, %s: %s\n", r->file, r->step, r->op, r->differences[i]);
        good = false;
    }
    forget_differences(r);
    return good;
}

redisReply *raw(replay *r, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    redisReply *reply = redisvCommand(r->redis, format, list);
    va_end(list);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        give_up("%s: %s", format, reply ? reply->str : r->redis->errstr);
    return reply;
}

void raw_do(replay *r, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    redisReply *reply = redisvCommand(r->redis, format, list);
    va_end(list);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        give_up("%s: %s", format, reply ? reply->str : r->redis->errstr);
    freeReplyObject(reply);
}

// ---- a step -------------------------------------------------------------------------------------

static gf_broker *open_broker(const char *url)
{
    gf_broker_config config = { .timeout_ms = 30000, .max_payload = 16 << 20 };
    gf_url parsed;
    gf_broker *b;
    if (gf_url_parse(&parsed, url) != GOFER_OK || gf_broker_open(&b, &parsed, &config) != GOFER_OK)
        give_up("%s: %s", url, gofer_error_last());
    gf_url_clear(&parsed);
    return b;
}

void begin_step(replay *r)
{
    gf_worker_entry entry = {
        .id = "replay",
        .host = "here",
        .pid = getpid(),
        .started_ms = gf_now_ms(),
        .state = "active",
        .concurrency = 1,
        .queues = "default=1",
    };
    r->broker = open_broker(r->url);
    if (r->broker->ops->upkeep->worker_register(r->broker, &entry, REPLAY_LEASE_MS) != GOFER_OK)
        give_up("a worker cannot be registered: %s", gofer_error_last());
    raw_do(r, "FLUSHALL");
    r->own_check = false;
    r->set_id[0] = '\0';
}

void end_step(replay *r)
{
    gf_broker_close(r->broker);
    while (r->garbage_count > 0)
        free(r->garbage[--r->garbage_count]);
}

// What a recording did by hand before a step, or has not told.
static void prepare(replay *r)
{
    if (is_of(r, "31-", 1)) {      // it begins with three pending tasks: those
                                   //   left, and the one taken
        load_keyspace(r, r->after);
        raw_do(r, "DEL asynq:{default}:active asynq:{default}:lease");
        raw_do(r, "RPUSH asynq:{default}:pending a");
        raw_do(r, "HSET asynq:{default}:t:a state pending pending_since %lld",
            (long long)(r->now_s + r->shift_s) * 1000000000);
    }
    if (is_of(r, "31-", 5))
        raw_do(r, "SET asynq:{default}:processed 9223372036854775807");
}

static gofer_status wanted_status(const char *error)
{
    static const struct { const char *part; gofer_status status; } meanings[] = {
        { "conflicts with another task", GOFER_EEXIST },
        { "task already exists", GOFER_EDUPLICATE },
        { "no tasks are ready", GOFER_EEMPTY }, { "redis eval error: NOT FOUND", GOFER_ESTALE },
        { "does not exist", GOFER_ENOTFOUND }, { "cannot find task", GOFER_ENOTFOUND },
        { "is not empty", GOFER_ESTATE },
        { "FAILED_PRECONDITION", GOFER_ESTATE }, { "already paused", GOFER_ESTATE },
        { "is not paused", GOFER_ESTATE },
        { "cannot be", GOFER_EINVAL }, { "must contain", GOFER_EINVAL },
    };
    if (!*error)
        return GOFER_OK;
    for (size_t i = 0; i < COUNT_OF(meanings); i++)
        if (strstr(error, meanings[i].part))
            return meanings[i].status;
    give_up("what does '%s' mean?", error);
}

static const operation *find_operation(const char *name)
{
    const operation *const tables[] = { change_operations, look_operations };
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        for (const operation *o = tables[i]; o->name; o++)
            if (strcmp(o->name, name) == 0)
                return o;
    give_up("the operation %s is not known here", name);
}

static void attempt(replay *r, const cJSON *step)
{
    begin_step(r);
    r->shift_s = gf_now_ms() / 1000 - r->now_s;
    load_keyspace(r, r->before);
    prepare(r);
    gofer_status st = find_operation(r->op)->run(r, cJSON_GetObjectItem(step, "args"),
        cJSON_GetObjectItem(step, "result"));
    const other_end *other = find_other_end(r);
    gofer_status want = other ? other->status : wanted_status(r->error);
    if (st != want)
        differ(r, "result: %s, not %s%s%s", gofer_status_name(st), gofer_status_name(want),
            st == GOFER_OK ? "" : ": ", st == GOFER_OK ? "" : gofer_error_last());
    if (other)
        compare_keyspace(r, r->before);
    else if (!r->own_check && r->after)
        compare_keyspace(r, r->after);
    end_step(r);
}

bool run_step(replay *r, const cJSON *step)
{
    enum { TRIES = 100 };          // on a machine so slow that its seconds are too short
    for (int i = 0; i < TRIES; i++) {
        forget_differences(r);
        attempt(r, step);
        if (gf_now_ms() / 1000 == r->now_s + r->shift_s)
            break;
    }
    return tell_differences(r);
}

// The public client was recorded with a real clock: the latest time in the key space
// is that of the step.
static int64_t latest_time(const cJSON *keyspace)
{
    const cJSON *entry;
    int64_t latest = 0;
    cJSON_ArrayForEach(entry, keyspace) {
        const char *since = golden_text(cJSON_GetObjectItem(entry, "value"), "pending_since");
        int64_t s = golden_whole(since) / 1000000000;
        latest = s > latest ? s : latest;
    }
    return latest;
}

static bool use_scenario(replay *r, const cJSON *file)
{
    bool good = true;
    const cJSON *step, *before = NULL;
    r->step = 0;
    r->now_s = 0;
    cJSON_ArrayForEach(step, cJSON_GetObjectItem(file, "steps")) {
        const cJSON *after = cJSON_GetObjectItem(step, "keyspace");
        r->step++;
        r->op = golden_text(step, "op");
        r->error = golden_text(step, "error");
        r->before = before;
        r->after = after ? after : golden_true(step, "keyspace_unchanged") ? before : NULL;
        int64_t now_s = golden_int(step, "now_s");
        r->now_s = now_s ? now_s : latest_time(after) ? latest_time(after) : r->now_s;
        if (strcmp(r->op, "set_up") != 0)
            good = run_step(r, step) && good;
        before = after ? after : before;
    }
    return good;
}

// ---- the files ----------------------------------------------------------------------------------

static const struct { const char *begins; use_file *use; const char *what; } files[] = {
    { "01-", NULL, "unit.redis_wire: every message, and damaged ones" },
    { "02-", NULL, "unit.redis_wire: every record" },
    { "03-", NULL, "unit.redis_wire: names of locks; the scenarios use all other names" },
    { "04-", use_uris, "what a URL says" },
    { "05-", NULL, "unit.cron: every spec" },
    { "06-", use_mux, "which handler a type finds; option strings are for cron entries to come" },
    { "07-", use_delays, "bounds of the default retry delay" },
    { "28-", use_archive_limit, "how many stay in the archive" },
    { "34-", use_history_limit, "how many events stay in a schedule's history" },
    { "35-", use_cancel, "what is published" },
    { "51-", use_pages, "pages, by cursors" },
    { "60-", use_public_errors, "what is refused: statuses instead of texts" },
    { "7", use_live, "what a real server left is read: tasks, counts, servers, entries" },
    { "80-", use_probes, "key spaces that a faulty peer left: nothing is lost or stuck" },
    { "81-", use_slots, "key slots" },
    { "82-", use_mon,
      "what asynqmon showed and did, shown and done by gofer; not the probes of v0.24.1" },
    { "1", use_scenario, "replayed" }, { "2", use_scenario, "replayed" },
    { "3", use_scenario, "replayed" },
    { "4", use_scenario, "replayed" }, { "5", use_scenario, "replayed" },
};

static bool use_one(replay *r, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        if (strncmp(name, files[i].begins, strlen(files[i].begins)) != 0)
            continue;
        snprintf(r->file, sizeof r->file, "%.*s", (int)strcspn(name, "."), name);
        cJSON *file = files[i].use ? golden_file(r->folder, name) : NULL;
        r->error = r->op = "";
        r->step = 0;
        bool good = !file || files[i].use(r, file);
        cJSON_Delete(file);
        printf("%s %-28s %s\n",
            !file      ? "elsewhere"
                : good ? "ok       "
                       : "FAILED   ",
            r->file, files[i].what);
        fflush(stdout);
        return good;
    }
    printf("FAILED   %s: used for nothing\n", name);
    return false;
}

static int is_vector(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 5 && strcmp(e->d_name + n - 5, ".json") == 0;
}

static bool is_asked(const char *name, int argc, char **argv)
{
    bool asked = argc < 3;
    for (int i = 2; i < argc; i++)
        asked = asked || strncmp(name, argv[i], strlen(argv[i])) == 0;
    return asked;
}

static redisContext *connect_to(const char *url)
{
    char host[128];
    int port;
    if (!url || sscanf(url, "redis://%127[^:/]:%d", host, &port) != 2)
        give_up("$GOFER_TEST_REDIS_ADMIN must be redis://host:port (run it by "
                "tests/redis/servers.py single)");
    redisContext *c = redisConnect(host, port);
    if (!c || c->err)
        give_up("%s: %s", url, c ? c->errstr : "no memory");
    return c;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        give_up("usage: replay FOLDER [NUMBER...]");
    replay r = { .folder = argv[1], .url = getenv("GOFER_TEST_REDIS_ADMIN") };
    r.redis = connect_to(r.url);

    struct dirent **found;
    int count = scandir(r.folder, &found, is_vector, alphasort), failed = 0;
    if (count < 1)
        give_up("%s: no vectors there", r.folder);
    for (int i = 0; i < count; i++) {
        if (is_asked(found[i]->d_name, argc, argv) && !use_one(&r, found[i]->d_name))
            failed++;
        free(found[i]);
    }
    free(found);
    if (argc == 2 && !all_were_seen())
        failed++;
    redisFree(r.redis);
    free(r.garbage);
    printf("%d files, %d failed\n", count, failed);
    return failed > 0;
}
