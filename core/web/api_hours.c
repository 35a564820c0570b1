// api_hours.c - handlers of allowed hours.
//
// Some are of types, which are in all queues: the server lets nobody come here who has rights for
// some queues alone.
#include <stdlib.h>

#include "api.h"
#include "body.h"

void web_api_hours(web_call *call)
{
    gofer_info *info = NULL;
    gofer_status st = gofer_client_hours(call->client, NULL, &info);
    web_reply_made(call, st, info);
}

void web_api_hours_of(web_call *call)
{
    gofer_info *info = NULL;
    gofer_status st = gofer_client_hours(call->client, web_path_word(call, "name"), &info);
    web_reply_made(call, st, info);
}

void web_api_hours_put(web_call *call)
{
    web_member hours = { .name = "hours" };
    if (!web_body_read(call, &hours, 1))
        return;
    if (!web_member_there(&hours)) {
        web_fail(call, 400, "EINVAL", "the body needs 'hours', a text");
        return;
    }
    char *text = web_member_text(call, &hours);
    if (text)
        web_reply_done(call,
            gofer_client_hours_put(call->client, web_path_word(call, "name"), text));
    free(text);
}

void web_api_hours_delete(web_call *call)
{
    web_reply_done(call, gofer_client_hours_remove(call->client, web_path_word(call, "name")));
}
