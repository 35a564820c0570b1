// api_series.c - the handler of series for plots.
#include "api.h"
#include "hours.h"
#include "recent.h"

void web_api_series(web_call *call)
{
    const char *queue = web_query_word(call, "queue"), *type = web_query_word(call, "type");
    int64_t hours = 1;
    web_text *body = &call->reply.body;
    if (!web_query_number(call, "hours", 1, WEB_HOURS_MAX, &hours))
        return;
    if (hours == 1 && type) {
        web_fail(call, 400, "EINVAL", "of a type there are hours alone: give hours=2 or more");
        return;
    }
    web_text_format(body, "{\"step_ms\":%d,", hours == 1 ? RECENT_STEP_MS : 3600000);
    gofer_status st = GOFER_OK;
    if (hours == 1)
        web_recent_put(call->recent, queue, body);
    else
        st = web_hours_put(call->hours, queue, type, (size_t)hours, body);
    web_text_put(body, "}");
    call->reply.status = 200;
    call->reply.type = "application/json";
    if (st == GOFER_ENOMEM)
        web_fail(call, 503, "ENOMEM", "there is no memory for the answer");
    else if (st != GOFER_OK)
        web_fail_status(call, st);
}
