// api_audit.c - the handler that shows who did what.
#include "api.h"
#include "clock.h"

void web_api_audit(web_call *call)
{
    gofer_info *info = NULL;
    int64_t limit = 30, ago_ms;
    gofer_audit_filter filter;
    gofer_audit_filter_init(&filter);
    filter.actor = web_query_word(call, "actor");
    filter.act = web_query_word(call, "act");
    const char *since = web_query_word(call, "since");
    if (!web_query_number(call, "limit", 1, 1000, &limit))
        return;
    if (since && gofer_parse_time(since, &filter.since_ms) != GOFER_OK) {
        if (!web_query_duration(call, "since", &ago_ms))
            return;
        filter.since_ms = web_ms(CLOCK_REALTIME) - ago_ms;
    }
    gofer_status st = gofer_client_audit(call->client, &filter, web_query_word(call, "cursor"),
        (int32_t)limit, &info);
    web_reply_made(call, st, info);
}
