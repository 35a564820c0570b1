// api_flows.c - handlers of flows: steps that run after one another.
//
// A flow's steps may be in any queues: the server lets nobody come here who has rights for some
// alone.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "body.h"
#include "flow_plan.h"
#include "text.h"

enum { PAGE = 100, PAGE_MAX = 1000 };

// ---- looking

static void reply_none(web_call *call)
{
    web_text_put(&call->reply.body, "{\"items\":[]}");
    call->reply.status = 200;
    call->reply.type = "application/json";
}

void web_api_flows(web_call *call)
{
    gofer_info *info = NULL;
    int64_t limit = PAGE;
    if (!web_query_number(call, "limit", 1, PAGE_MAX, &limit))
        return;
    gofer_status st = gofer_client_flows(call->client, web_query_word(call, "state"),
        web_query_word(call, "cursor"), (int32_t)limit, &info);
    if (st == GOFER_EUNSUPPORTED)      // such a store has none
        reply_none(call);
    else
        web_reply_made(call, st, info);
}

void web_api_flow(web_call *call)
{
    gofer_info *info = NULL;
    gofer_status st = gofer_client_flow(call->client, web_path_word(call, "flow"), &info);
    web_reply_made(call, st, info);
}

// ---- acting

static void reply_id(web_call *call, const char *id)
{
    web_text *out = &call->reply.body;
    snprintf(call->deed.target, sizeof call->deed.target, "%s", id);
    web_text_put(out, "{\"id\":");
    web_text_json(out, id, strlen(id));
    web_text_put(out, "}");
    call->reply.status = 200;
    call->reply.type = "application/json";
}

void web_api_flow_start(web_call *call)
{
    flow_plan plan;
    char why[FLOW_PLAN_WHY], *id = NULL;
    if (!flow_plan_read(&plan, call->body ? call->body : "", call->body_size, why)) {
        web_fail(call, 400, "EINVAL", "%s", why);
        flow_plan_clear(&plan);
        return;
    }
    gofer_status st = gofer_client_flow_start(call->client, plan.count,
        (const gofer_flow_step *const *)plan.steps, &plan.opts, &id);
    if (st == GOFER_OK)
        reply_id(call, id);
    else
        web_fail_put(call, st);
    gofer_free(id);
    flow_plan_clear(&plan);
}

static void act(web_call *call, int32_t what, const char *step)
{
    web_reply_done(call,
        gofer_client_flow_act(call->client, web_path_word(call, "flow"), step, what));
}

void web_api_flow_pause(web_call *call)
{
    act(call, GOFER_FLOW_PAUSE, NULL);
}

void web_api_flow_unpause(web_call *call)
{
    act(call, GOFER_FLOW_RESUME, NULL);
}

void web_api_flow_cancel(web_call *call)
{
    act(call, GOFER_FLOW_ABORT, NULL);
}

void web_api_flow_retry(web_call *call)
{
    web_member step = { .name = "step" };
    if (!web_body_read(call, &step, 1))
        return;
    char *name = web_member_there(&step) ? web_member_text(call, &step) : NULL;
    if (name || !web_member_there(&step))
        act(call, GOFER_FLOW_RETRY, name);
    free(name);
}
