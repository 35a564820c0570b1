// api_jobs.c - handlers of acts that may be long: on all tasks that match, on a queue with many
// tasks, on the store.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "body.h"
#include "jobs.h"
#include "search.h"

enum {
    SMALL_QUEUE = 1000,     // tasks of a queue that is deleted at once
    ATTEND_MS = 2000        // a repair that ends so soon is answered as if it were no job
};

// Members of the body in this order; those before OLDER are texts of a plan.
enum { ACT, QUEUE, STATE, TYPE, ERROR, ID, GROUP, FINGERPRINT, TEXT, OLDER, YOUNGER, MEMBERS };

static bool take_text(web_call *call, const web_member *member, char out[WEB_FILTER_ROOM])
{
    if (!web_member_there(member))
        return true;
    char *text = web_member_text(call, member);
    bool fits = text && strlen(text) < WEB_FILTER_ROOM;
    if (text && !fits)
        web_fail(call, 400, "EINVAL", "'%s' is longer than %d bytes", member->name,
            WEB_FILTER_ROOM - 1);
    if (fits)
        snprintf(out, WEB_FILTER_ROOM, "%s", text);
    free(text);
    return fits;
}

static bool take_duration(web_call *call, const web_member *member, int64_t *out)
{
    char text[WEB_FILTER_ROOM] = "";
    if (!take_text(call, member, text))
        return false;
    gofer_status st = *text ? gofer_parse_duration(text, out) : GOFER_OK;
    if (st != GOFER_OK)
        web_fail(call, 400, "EINVAL", "'%s': %s", member->name, gofer_error_last());
    return st == GOFER_OK;
}

static bool take_act(web_call *call, const web_member *member, int32_t *out)
{
    char name[WEB_FILTER_ROOM] = "";
    if (!take_text(call, member, name))
        return false;
    *out = web_act_of(name);
    if (*out < 0)
        web_fail(call, 400, "EINVAL", "'act' must be count, run, archive, cancel or delete");
    else if (*out == GOFER_ACT_DELETE && !(call->rights & WEB_ADMIN))
        web_fail(call, 403, "EDENIED", "to delete needs the right 'admin'");    // anywhere
    else
        return true;
    return false;
}

static bool read_plan(web_call *call, web_job_plan *plan)
{
    web_member m[MEMBERS] = {
        [ACT] = { .name = "act" }, [QUEUE] = { .name = "queue" }, [STATE] = { .name = "state" },
        [TYPE] = { .name = "type" }, [ERROR] = { .name = "error" }, [ID] = { .name = "id" },
        [GROUP] = { .name = "group" }, [FINGERPRINT] = { .name = "fingerprint" },
        [TEXT] = { .name = "text" }, [OLDER] = { .name = "older" },
        [YOUNGER] = { .name = "younger" },
    };
    char *const texts[MEMBERS] = { [QUEUE] = plan->queue, [STATE] = plan->state,
        [TYPE] = plan->type, [ERROR] = plan->error, [ID] = plan->id, [GROUP] = plan->group,
        [FINGERPRINT] = plan->fingerprint, [TEXT] = plan->text };
    if (!web_body_read(call, m, MEMBERS) || !take_act(call, &m[ACT], &plan->act))
        return false;
    for (int i = QUEUE; i < OLDER; i++)
        if (!take_text(call, &m[i], texts[i]))
            return false;
    if ((*plan->error || *plan->fingerprint)
        && !web_sees_payloads(call, *plan->queue ? plan->queue : NULL)) {
        web_fail(call, 403, "EDENIED", "the texts of errors are not for you to search");
        return false;
    }
    if (*plan->text && *plan->state && !web_act_allows(plan->act, plan->state)) {
        web_fail(call, 409, "ESTATE", "%s: not possible for %.40s tasks", web_act_name(plan->act),
            plan->state);
        return false;
    }
    return take_duration(call, &m[OLDER], &plan->older_ms)
        && take_duration(call, &m[YOUNGER], &plan->younger_ms);
}

static void reply_job(web_call *call, int64_t number, int status)
{
    const web_job_reader reader = { call->who, &call->view };
    if (!web_job_put(call->jobs, number, &reader, &call->reply.body)) {
        web_fail(call, 404, "ENOTFOUND", "there is no such job (any more)");
        return;
    }
    call->reply.status = status;
    call->reply.type = "application/json";
}

// The number of a job of the caller's; 0: it is answered.
static int64_t begin_job(web_call *call, web_job_plan *plan)
{
    if (call->view.scope)
        plan->scope = *call->scope;
    snprintf(plan->who, sizeof plan->who, "%s", call->who);
    snprintf(plan->address, sizeof plan->address, "%s", call->address);
    int64_t number = web_job_add(call->jobs, plan);
    if (!number)
        web_fail(call, 503, "EBROKER", "%d jobs wait already", WEB_JOBS_MAX);
    return number;
}

void web_api_jobs_add(web_call *call)
{
    web_job_plan plan = { 0 };
    if (!read_plan(call, &plan))
        return;
    plan.right = plan.act == GOFER_ACT_DELETE ? WEB_ADMIN : WEB_OPERATE;
    if (*plan.queue && !web_may(call, plan.right, plan.queue))
        return;
    plan.reader = *call->scope;
    plan.masks = call->view.masks;
    int64_t number = begin_job(call, &plan);
    if (number)
        reply_job(call, number, 200);
}

// ---- a queue, the store

// How many tasks a queue has, in every state. False: it is answered.
static bool count_tasks(web_call *call, const char *queue, int64_t *out)
{
    gofer_info *info = NULL;
    gofer_status st = gofer_client_queue(call->client, queue, &info);
    if (st == GOFER_OK)
        *out = gofer_info_int(info, "size", 0) + gofer_info_int(info, "completed", 0)
            + gofer_info_int(info, "archived", 0);
    else
        web_fail_status(call, st);
    gofer_info_free(info);
    return st == GOFER_OK;
}

void web_api_queue_delete(web_call *call)
{
    web_member force = { .name = "force" };
    bool forced = false;
    const char *queue = web_path_word(call, "queue");
    web_job_plan plan = { .act = WEB_ACT_QUEUE_DELETE, .right = WEB_ADMIN };
    if (!web_body_read(call, &force, 1) || !web_member_flag(call, &force, &forced)
        || !count_tasks(call, queue, &plan.total))
        return;
    // One that has tasks and is not forced is refused at once.
    if (!forced || plan.total <= SMALL_QUEUE || strlen(queue) >= sizeof plan.queue) {
        web_reply_done(call, gofer_client_queue_delete(call->client, queue, forced));
        return;
    }
    snprintf(plan.queue, sizeof plan.queue, "%s", queue);
    int64_t number = begin_job(call, &plan);
    if (number)
        reply_job(call, number, 202);
}

static void reply_end(web_call *call, const web_job_end *end)
{
    call->deed.counted = true;
    call->deed.count = end->done;
    if (end->status != GOFER_OK) {
        web_fail(call, web_http_of(end->status), gofer_status_name(end->status), "%s", end->why);
        call->failed = end->status;
        return;
    }
    if (!end->found || !web_copy_json(&call->reply.body, end->found, strlen(end->found),
        &call->view)) {
        web_fail(call, 503, "ENOMEM", "there is no memory for the answer");
        return;
    }
    call->reply.status = 200;
    call->reply.type = "application/json";
}

void web_api_repair(web_call *call)
{
    web_job_plan plan = { .act = WEB_ACT_REPAIR, .right = WEB_ADMIN, .attended = true };
    web_job_end end = { 0 };
    int64_t number = begin_job(call, &plan);
    if (!number)
        return;
    if (web_job_wait(call->jobs, number, ATTEND_MS, &end))
        reply_end(call, &end);
    else
        reply_job(call, number, 202);
    free(end.found);
}

void web_api_jobs(web_call *call)
{
    const web_job_reader reader = { call->who, &call->view };
    web_jobs_put(call->jobs, &reader, &call->reply.body);
    call->reply.status = 200;
    call->reply.type = "application/json";
}

// The number in the path; 0: it is none.
static int64_t number_of(const web_call *call)
{
    const char *text = web_path_word(call, "job");
    size_t digits = strspn(text, "0123456789");
    return digits && digits < 19 && !text[digits] ? strtoll(text, NULL, 10) : 0;
}

void web_api_job(web_call *call)
{
    reply_job(call, number_of(call), 200);
}

void web_api_job_stop(web_call *call)
{
    int64_t number = number_of(call);
    const web_job_reader reader = { call->who, &call->view };
    if (!web_job_is_theirs(call->jobs, number, &reader, WEB_OPERATE))
        web_fail(call, 404, "ENOTFOUND", "there is no such job (any more)");
    else if (!web_job_stop(call->jobs, number, call->who))
        web_fail(call, 409, "ESTATE", "the job has ended");
    else
        reply_job(call, number, 200);
}
