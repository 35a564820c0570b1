// api_series.c - the handler of series for plots.
#include "api.h"
#include "recent.h"
#include "steps.h"
#include "streams.h"

// What is asked for: steps of the store's, or of what this server has watched (count 0).
static bool read_query(web_call *call, web_steps_query *q)
{
    int64_t hours = 1, minutes = 0;
    q->queue = web_query_word(call, "queue");
    q->type = web_query_word(call, "type");
    if (!web_query_number(call, "hours", 1, WEB_HOURS_MAX, &hours)
        || !web_query_number(call, "minutes", 1, WEB_MINUTES_MAX, &minutes))
        return false;
    if (minutes && web_query_word(call, "hours"))
        web_fail(call, 400, "EINVAL", "give hours or minutes, not both");
    else if (!minutes && hours == 1 && q->type)
        web_fail(call, 400, "EINVAL",
            "of a type the last hour is known by the minute: give minutes=60, or hours=2 or more");
    else {
        q->step_ms = minutes ? WEB_MINUTE_MS : WEB_HOUR_MS;
        q->count = minutes ? (size_t)minutes : hours > 1 ? (size_t)hours : 0;
        return true;
    }
    return false;
}

void web_api_series(web_call *call)
{
    web_steps_query q;
    web_text *body = &call->reply.body;
    gofer_status st = GOFER_OK;
    if (!read_query(call, &q))
        return;
    web_text_format(body, "{\"step_ms\":%lld,", q.count ? (long long)q.step_ms : RECENT_STEP_MS);
    q.quiet_ms = call->streams ? web_streams_quiet_since(call->streams) : 0;
    if (q.count)
        st = web_steps_put(call->steps, &q, body);
    else
        web_recent_put(call->recent, q.queue, body);
    web_text_put(body, "}");
    call->reply.status = 200;
    call->reply.type = "application/json";
    if (st == GOFER_ENOMEM)
        web_fail(call, 503, "ENOMEM", "there is no memory for the answer");
    else if (st != GOFER_OK)
        web_fail_status(call, st);
}
