// group.c - what an aggregator may ask of a group's set, and the task it makes of it.
//
// May touch: enqueue, task. A group belongs to its aggregator's thread.
#include "worker/group/group.h"

#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/error.h"
#include "util/utf8.h"
#include "worker/group/aggregate.h"
#include "worker/run/sealed.h"
#include "worker/runtime.h"
#include "worker/worker.h"

// Its members as their aggregator sees them. False: no memory.
static bool open_sealed(gofer_worker *worker, gf_group_set *set, gofer_task *tasks)
{
    for (size_t i = 0; i < set->count; i++) {
        gf_message *m = &set->tasks[i];
        if (!gf_sealed_look(worker, m, &tasks[i].sealed))
            return false;
    }
    return true;
}

static void free_sealed(gofer_task *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gf_sealed_free(tasks[i].sealed);
}

gofer_group *gf_group_new(gofer_worker *worker, gf_group_set *set)
{
    gofer_group *group = gf_calloc(1, sizeof *group);
    gofer_task *tasks = gf_calloc(set->count + 1, sizeof *tasks);
    gf_claim *claims = gf_calloc(set->count + 1, sizeof *claims);
    if (!group || !tasks || !claims || !open_sealed(worker, set, tasks)) {
        if (tasks)
            free_sealed(tasks, set->count);
        gf_free(group);
        gf_free(tasks);
        gf_free(claims);
        return NULL;
    }
    for (size_t i = 0; i < set->count; i++) {
        claims[i].message = set->tasks[i];
        tasks[i].claim = &claims[i];
        tasks[i].worker = worker;
        tasks[i].slot = -1;
    }
    *group = (gofer_group){ .worker = worker, .set = set, .tasks = tasks, .claims = claims };
    return group;
}

static void forget(gofer_group *group)
{
    gf_draft_clear(&group->draft);
    gf_free(group->type);
    gf_free(group->payload);
    group->type = NULL;
    group->payload = NULL;
    group->combined = false;
}

void gf_group_free(gofer_group *group)
{
    if (!group)
        return;
    forget(group);
    free_sealed(group->tasks, group->set->count);
    gf_group_set_free(group->set);
    gf_free(group->tasks);
    gf_free(group->claims);
    gf_free(group);
}

// ---- the aggregator's doors ----------------------------------------------------------------

const char *gofer_group_name(const gofer_group *group)
{
    return group ? group->set->group : NULL;
}

const char *gofer_group_queue(const gofer_group *group)
{
    return group ? group->set->queue : NULL;
}

size_t gofer_group_count(const gofer_group *group)
{
    return group ? group->set->count : 0;
}

const gofer_task *gofer_group_at(const gofer_group *group, size_t index)
{
    return group && index < group->set->count ? &group->tasks[index] : NULL;
}

// What a combined task may not have: it goes where the group was, with an id that
// makes a second try safe.
static gofer_status read_options(gofer_enqueue_options *o, const gofer_enqueue_options *opts)
{
    gofer_status st = gf_read_options(o, sizeof *o, opts, "gofer_enqueue_options");
    const char *wrong = o->queue ? "queue"
        : o->task_id             ? "task_id"
        : o->group               ? "group"
        : o->unique_ms           ? "unique_ms"
        : o->unique_key          ? "unique_key"
        : o->debounce_ms         ? "debounce_ms"
                                 : NULL;
    if (st == GOFER_OK && wrong)
        return gf_fail(GOFER_EINVAL, "gofer_group_combine: a combined task has no %s of its own",
            wrong);
    return st;
}

// The draft points to what is the caller's: to copies from now on.
static gofer_status own(gofer_group *group)
{
    gf_message *m = &group->draft.message;
    group->type = gf_strdup(m->type);
    group->payload = m->payload_size ? gf_memdup(m->payload, m->payload_size) : NULL;
    if (!group->type || (m->payload_size && !group->payload))
        return gf_fail_nomem("a combined task");
    m->type = group->type;
    m->payload = group->payload;
    m->queue = group->set->queue;
    return GOFER_OK;
}

gofer_status gofer_group_combine(gofer_group *group, const char *type, const void *payload,
    size_t size, const gofer_enqueue_options *opts)
{
    if (!group)
        return gf_fail(GOFER_EINVAL, "gofer_group_combine: group must not be NULL");
    if (gf_worker_abandoned(group->worker))
        return gf_fail(GOFER_ESTATE, "gofer_group_combine: the worker is gone");
    gofer_enqueue_options o;
    gofer_status st = read_options(&o, opts);
    if (st != GOFER_OK)
        return st;
    forget(group);
    snprintf(group->id, sizeof group->id, "group:%s", group->set->id);
    o.task_id = group->id;
    o.size = sizeof o;
    st = gf_draft_make(&group->draft, group->worker->client, type, payload, size, &o);
    if (st == GOFER_OK)
        st = own(group);
    if (st != GOFER_OK)
        forget(group);
    group->combined = st == GOFER_OK;
    return st;
}

int32_t gofer_group_fail(gofer_group *group, const char *text)
{
    if (group && text)
        gf_utf8_clean(text, strlen(text), group->why, sizeof group->why);
    return 1;
}

int32_t gf_group_want(gofer_group *group, const char *text)
{
    group->wants = true;
    return gofer_group_fail(group, text);
}

static void log_it(const gofer_group *group, int32_t level, const char *line)
{
    if (gf_worker_logs(group->worker, level))
        gf_logf(gf_worker_log(group->worker), level, line, "queue", gofer_group_queue(group),
            "group", gofer_group_name(group), NULL);
}

void gf_group_warn(const gofer_group *group, const char *line)
{
    log_it(group, GOFER_LOG_WARN, line);
}

static void log_left_out(const gofer_group *group, size_t left_out)
{
    char text[128];
    gf_log_rate_say(left_out, text, sizeof text);
    if (left_out)
        gf_group_warn(group, text);
}

void gf_group_log(gofer_group *group, int32_t level, const char *line)
{
    size_t left_out;
    bool passes = gf_log_rate_pass(&group->rate, gf_mono_ms(), strlen(line), &left_out);
    log_left_out(group, left_out);
    if (passes)
        log_it(group, level, line);
}

void gf_group_log_left_out(gofer_group *group)
{
    log_left_out(group, group->rate.left_out);
}

// ---- for commands -----------------------------------------------------------------------------

int64_t gf_group_until_ms(const gofer_group *group)
{
    return group->set->until_ms;
}

bool gf_group_cancelled(const gofer_group *group)
{
    return atomic_load(&group->worker->group.cancelled) != 0;
}

int64_t gf_group_payload_limit(const gofer_group *group)
{
    return gf_worker_result_limit(group->worker);
}
