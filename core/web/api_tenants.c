// api_tenants.c - handlers of tenants: how they share a queue.
#include "api.h"
#include "body.h"

enum { PAGE = 100, PAGE_MAX = 1000 };

void web_api_tenants(web_call *call)
{
    gofer_info *info = NULL;
    int64_t limit = PAGE;
    if (!web_query_number(call, "limit", 1, PAGE_MAX, &limit))
        return;
    gofer_status st = gofer_client_tenants(call->client, web_path_word(call, "queue"),
        web_query_word(call, "cursor"), (int32_t)limit, &info);
    web_reply_made(call, st, info);
}

void web_api_tenant(web_call *call)
{
    gofer_info *info = NULL;
    gofer_status st = gofer_client_tenant(call->client, web_path_word(call, "queue"),
        web_path_word(call, "tenant"), &info);
    web_reply_made(call, st, info);
}

void web_api_tenant_put(web_call *call)
{
    web_member weight = { .name = "weight" };
    int32_t n = 0;
    if (!web_body_read(call, &weight, 1) ||
        !web_member_whole(call, &weight, GOFER_TENANT_WEIGHT_MAX, &n))
        return;
    if (n == 0)
        web_fail(call, 400, "EINVAL", "the body needs 'weight', a number from 1 to %d",
            GOFER_TENANT_WEIGHT_MAX);
    else
        web_reply_done(call, gofer_client_tenant_put(call->client, web_path_word(call, "queue"),
            web_path_word(call, "tenant"), n));
}

void web_api_tenant_delete(web_call *call)
{
    web_reply_done(call, gofer_client_tenant_remove(call->client, web_path_word(call, "queue"),
        web_path_word(call, "tenant")));
}
