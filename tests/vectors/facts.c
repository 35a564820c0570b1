// facts.c - vector files that are plain facts: what a URL says, who handles a type, delays,
// slots, what is refused.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/retry_policy.h"
#include "util/clock.h"
#include "vectors/replay.h"
#include "worker/run/mux.h"
#include "worker/run/outcome.h"

// ---- 04: URLs -----------------------------------------------------------------------------------

static void compare_word(replay *r, const char *uri, const char *what, const char *got,
    const char *want)
{
    if (strcmp(got ? got : "", want) != 0)
        differ(r, "%s: %s is '%s', not '%s'", uri, what, got ? got : "", want);
}

// Asynq adds no port where none is given, and then cannot connect; ours is the usual one.
static void compare_address(replay *r, const char *uri, const gf_rd_options *o, size_t i,
    const char *want)
{
    char got[300] = "", usual[300];
    const char *after = strrchr(want, ']') ? strrchr(want, ']') : want;
    snprintf(usual, sizeof usual, "%s%s", want,
        want[0] == '/' || strchr(after, ':') ? "" : ":6379");
    if (i < o->seed_count)
        gf_rd_seed_text(&o->seeds[i], got, sizeof got);
    compare_word(r, uri, "an address", got, usual);
}

static void compare_options(replay *r, const char *uri, const gf_rd_options *o, const cJSON *want)
{
    bool sentinel = strcmp(golden_text(want, "kind"), "sentinel") == 0;
    const cJSON *addr = cJSON_GetObjectItem(want, sentinel ? "addrs" : "addr"), *a;
    size_t i = 0;
    if (!sentinel)
        compare_address(r, uri, o, 0, addr->valuestring);
    else
        cJSON_ArrayForEach(a, addr)
            compare_address(r, uri, o, i++, a->valuestring);
    if (o->topology != (sentinel ? GF_RD_SENTINEL : GF_RD_SINGLE) ||
        o->tls != golden_true(want, "tls"))
        differ(r, "%s: another kind", uri);
    if (o->db != golden_int(want, "db"))
        differ(r, "%s: db is %d", uri, (int)o->db);
    compare_word(r, uri, "user", o->username, golden_text(want, "username"));
    compare_word(r, uri, "password", o->password, golden_text(want, "password"));
    compare_word(r, uri, "the Sentinels' password", o->sentinel_password,
        golden_text(want, "sentinel_password"));
    compare_word(r, uri, "master", o->master, golden_text(want, "master"));
}

// Is it a URL of ours at all, and of a Redis?
static gofer_status parse_uri(const char *uri, gf_rd_options *out)
{
    gf_url url;
    gofer_status st = gf_url_parse(&url, *uri ? uri : ":");
    if (st != GOFER_OK)
        return st;
    st = strncmp(url.scheme, "redis", 5) == 0 ? gf_rd_options_parse(out, &url) : GOFER_EUNSUPPORTED;
    gf_url_clear(&url);
    return st;
}

bool use_uris(replay *r, const cJSON *file)
{
    const cJSON *one;
    bool good = true;
    r->step = 0;
    r->op = "uri";
    cJSON_ArrayForEach(one, cJSON_GetObjectItem(file, "uris")) {
        const char *uri = golden_text(one, "uri"), *error = golden_text(one, "error");
        gf_rd_options o;
        gofer_status st = parse_uri(uri, &o);
        r->step++;
        if ((st == GOFER_OK) != !*error)
            differ(r, "%s: %s", uri, st == GOFER_OK ? "is accepted" : gofer_error_last());
        else if (st == GOFER_OK)
            compare_options(r, uri, &o, cJSON_GetObjectItem(one, "result"));
        if (st == GOFER_OK)
            gf_rd_options_clear(&o);
        good = tell_differences(r) && good;
    }
    return good;
}

// ---- 06: the mux --------------------------------------------------------------------------------

static int32_t nothing(gofer_task *task, void *user)
{
    (void)task, (void)user;
    return GOFER_DONE;
}

// A pattern of Asynq takes its own name and all that begins with it: ours with a '*'.
static void add_pattern(gf_mux *mux, const char *pattern)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s*", pattern);
    if (gf_mux_add(mux, prefix, nothing, NULL) != GOFER_OK)
        give_up("%s: %s", prefix, gofer_error_last());
}

bool use_mux(replay *r, const cJSON *file)
{
    static const char *const patterns[] = { "email:", "email:send", "email:send:bulk", "img",
        " lead", "\xC3\x9C" };
    gf_mux mux = { 0 };
    const cJSON *one;
    for (size_t i = 0; i < COUNT_OF(patterns); i++)
        add_pattern(&mux, patterns[i]);
    cJSON_ArrayForEach(one, cJSON_GetObjectItem(file, "mux_register_again")) {
        const char *pattern = golden_text(one, "pattern");
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%s%s", pattern,
            strcmp(pattern, "email:send") == 0 ? "*" : "");
        if (gf_mux_check(&mux, prefix) == GOFER_OK)
            differ(r, "the pattern '%s' may be added", pattern);
    }
    gf_mux_seal(&mux);
    cJSON_ArrayForEach(one, cJSON_GetObjectItem(file, "mux")) {
        const gf_route *route = gf_mux_find(&mux, golden_text(one, "task_type"));
        const char *want = golden_text(one, "pattern");
        size_t n = route ? route->size : 0;
        if (n != strlen(want) || (route && strncmp(route->pattern, want, n) != 0))
            differ(r, "%s finds '%s', not '%s'", golden_text(one, "task_type"),
                route ? route->pattern : "", want);
    }
    gf_mux_clear(&mux);
    return tell_differences(r);
}

// ---- 07: delays ---------------------------------------------------------------------------------

bool use_delays(replay *r, const cJSON *file)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, cJSON_GetObjectItem(file, "delays")) {
        int32_t n = (int32_t)golden_int(one, "retried");
        const gf_policy asynq = { 0 };
        int64_t least = gf_policy_delay_ms(&asynq, n, 0),
                most = gf_policy_delay_ms(&asynq, n, UINT64_C(29) << 16);
        if (least != golden_int(one, "min_s") * 1000 || most != golden_int(one, "max_s") * 1000)
            differ(r, "after %d failures %" PRId64 " to %" PRId64 " ms", (int)n, least, most);
    }
    return tell_differences(r);
}

// ---- 81: slots ----------------------------------------------------------------------------------

static void check_slot(replay *r, const char *key, int64_t want)
{
    int32_t got = gf_rd_slot(key, strlen(key));
    if (got != want)
        differ(r, "the slot of %s is %d, not %" PRId64, key, (int)got, want);
}

bool use_slots(replay *r, const cJSON *file)
{
    const cJSON *one, *slot;
    cJSON_ArrayForEach(one, cJSON_GetObjectItem(file, "slots"))
        check_slot(r, golden_text(one, "key"), golden_int(one, "slot"));
    cJSON_ArrayForEach(one, cJSON_GetObjectItem(file, "queues"))
        cJSON_ArrayForEach(slot, cJSON_GetObjectItem(one, "slots"))
            check_slot(r, slot->string, (int64_t)slot->valuedouble);
    return tell_differences(r);
}

// ---- 60: what is refused ------------------------------------------------------------------------

static gofer_status info_call(gofer_client *c, const char *op, const char *queue, const char *id)
{
    gofer_info *info = NULL;
    gofer_status st = strcmp(op, "GetTaskInfo") == 0 ? gofer_client_task(c, queue, id, &info)
        : strcmp(op, "ListPendingTasks") == 0
        ? gofer_client_tasks(c, queue, "pending", NULL, 0, &info)
        : strcmp(op, "GetQueueInfo") == 0 ? gofer_client_queue(c, queue, &info)
                                          : gofer_client_history(c, queue, 1, &info);
    gofer_info_free(info);
    return st;
}

// False: gofer has no such operation.
static bool public_call(gofer_client *c, const char *op, const cJSON *args, gofer_status *st)
{
    const char *queue = golden_text(args, "queue"), *id = golden_text(args, "id");
    if (strcmp(op, "RunTask") == 0)
        *st = gofer_client_task_run(c, queue, id);
    else if (strcmp(op, "ArchiveTask") == 0)
        *st = gofer_client_task_archive(c, queue, id);
    else if (strcmp(op, "DeleteTask") == 0)
        *st = gofer_client_task_delete(c, queue, id);
    else if (strcmp(op, "DeleteQueue") == 0)
        *st = gofer_client_queue_delete(c, queue, golden_true(args, "force"));
    else if (strcmp(op, "DeleteAllPendingTasks") == 0)
        *st = gofer_client_tasks_delete(c, queue, "pending", NULL);
    else if (strcmp(op, "UpdateTaskPayload") == 0 || strcmp(op, "Groups") == 0 ||
        strcmp(op, "ClusterKeySlot") == 0)
        return false;
    else
        *st = info_call(c, op, queue, id);
    return true;
}

static bool fits(gofer_status st, const char *error, const char *queue)
{
    if (!*error)
        return st == GOFER_OK;
    if (queue[0] == ' ')           // a blank name: Asynq has four answers
        return st == GOFER_EINVAL || st == GOFER_ENOTFOUND;
    return strstr(error, "not found") || strstr(error, "does not exist") ? st == GOFER_ENOTFOUND
                                                                         : st == GOFER_ESTATE;
}

bool use_public_errors(replay *r, const cJSON *file)
{
    cJSON *set_up = golden_file(r->folder, "50-inspect-read.json");
    const cJSON *first = cJSON_GetObjectItem(set_up, "steps")->child, *step;
    gofer_client *c;
    r->now_s = golden_int(first, "now_s");
    r->shift_s = gf_now_ms() / 1000 - r->now_s;
    load_keyspace(r, cJSON_GetObjectItem(first, "keyspace"));
    if (gofer_client_open(&c, r->url, NULL) != GOFER_OK)
        give_up("%s", gofer_error_last());
    r->step = 0;
    cJSON_ArrayForEach(step, cJSON_GetObjectItem(file, "steps")) {
        const cJSON *args = cJSON_GetObjectItem(step, "args");
        const char *error = golden_text(step, "error");
        gofer_status st;
        r->step++;
        r->op = golden_text(step, "op");
        if (strcmp(golden_text(step, "result"), "skipped") == 0 ||
            !public_call(c, r->op, args, &st))
            continue;
        if (!fits(st, error, golden_text(args, "queue")))
            differ(r, "%s in '%s' gives %s, not '%s'", golden_text(args, "id"),
                golden_text(args, "queue"), gofer_status_name(st), error);
    }
    gofer_client_close(c);
    bool good = tell_differences(r);
    while (r->garbage_count > 0)
        free(r->garbage[--r->garbage_count]);
    cJSON_Delete(set_up);
    return good;
}
