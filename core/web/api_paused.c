// api_paused.c - the handler that tells who paused a queue, which the audit alone knows.
#include <string.h>

#include "api.h"

// A record has the moment after that of the act, and a store may keep whole seconds of either.
enum { SLACK_MS = 5000, ACTS_MAX = 1000 };

static bool is_done_to(const gofer_info *record, const char *queue)
{
    const char *its = gofer_info_text(record, "queue"), *out = gofer_info_text(record, "outcome");
    return its && strcmp(its, queue) == 0 && (!out || strcmp(out, "ok") == 0);
}

// The first that did it since the queue went on for the last time: who pauses what is paused
// changes nothing. The latest is the first in the list. NULL: nobody has noted it.
static const gofer_info *pause_of(const gofer_info *audit, const char *queue)
{
    const gofer_info *found = NULL;
    for (size_t i = 0; i < gofer_info_count(audit); i++) {
        const gofer_info *record = gofer_info_at(audit, i);
        const char *act = gofer_info_text(record, "act");
        if (!act || !is_done_to(record, queue))
            continue;
        if (strcmp(act, "queue.unpause") == 0)
            break;
        if (strcmp(act, "queue.pause") == 0)
            found = record;
    }
    return found;
}

static void put_text(web_text *out, const char *name, const char *text)
{
    web_text_format(out, ",\"%s\":", name);
    web_text_json(out, text ? text : "", text ? strlen(text) : 0);
}

// Not where he came from: that is for who may read the audit.
static void put_pause(web_text *out, const gofer_info *queue, const gofer_info *record)
{
    bool paused = gofer_info_int(queue, "paused", 0) != 0;
    web_text_format(out, "{\"paused\":%s", paused ? "true" : "false");
    if (paused && gofer_info_has(queue, "paused_at_ms"))
        web_text_format(out, ",\"paused_at_ms\":%lld",
            (long long)gofer_info_int(queue, "paused_at_ms", 0));
    if (record) {
        put_text(out, "actor", gofer_info_text(record, "actor"));
        put_text(out, "via", gofer_info_text(record, "via"));
    }
    web_text_put(out, "}");
}

void web_api_queue_paused(web_call *call)
{
    const char *name = web_path_word(call, "queue");
    gofer_info *queue = NULL, *audit = NULL;
    gofer_audit_filter filter;
    gofer_audit_filter_init(&filter);
    filter.act = "queue.*";
    gofer_status st = gofer_client_queue(call->client, name, &queue);
    int64_t at_ms = gofer_info_int(queue, "paused_at_ms", 0);
    filter.since_ms = at_ms > SLACK_MS ? at_ms - SLACK_MS : 0;
    // One question: of the latest 10,000 records. A store that has no audit, or does not let us
    // read it, is no reason not to tell the rest.
    if (st == GOFER_OK && at_ms > 0)
        (void)gofer_client_audit(call->client, &filter, NULL, ACTS_MAX, &audit);
    if (st == GOFER_OK) {
        put_pause(&call->reply.body, queue, pause_of(audit, name));
        call->reply.status = 200;
        call->reply.type = "application/json";
    } else {
        web_fail_status(call, st);
    }
    gofer_info_free(audit);
    gofer_info_free(queue);
}
