// api_types.c - handlers of types that are paused.
//
// A type is in all queues: the server lets nobody come here who has rights for some alone.
#include "api.h"

void web_api_types_paused(web_call *call)
{
    gofer_info *info = NULL;
    gofer_status st = gofer_client_types_paused(call->client, &info);
    web_reply_made(call, st, info);
}

void web_api_type_pause(web_call *call)
{
    web_reply_done(call, gofer_client_type_pause(call->client, web_path_word(call, "type")));
}

void web_api_type_unpause(web_call *call)
{
    web_reply_done(call, gofer_client_type_unpause(call->client, web_path_word(call, "type")));
}
