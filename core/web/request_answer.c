// request_answer.c - the answer to a request, as it goes out: its bytes and headers.
#include "request.h"
#include "safety.h"

void web_response_add(struct MHD_Response *response, const char *name, const char *value)
{
    // Only memory may be lacking; the answer goes without it then, and that is no worse than none.
    (void)MHD_add_response_header(response, name, value);
}

void web_response_add_safety(struct MHD_Response *response, const char *cache)
{
#define ADD(name, value) web_response_add(response, name, value);
    WEB_SAFETY(ADD)
#undef ADD
    web_response_add(response, "Cache-Control", cache ? cache : "no-store");
}

// The reply's bytes, which are the response's from now on. NULL: no memory.
static struct MHD_Response *make_response(web_reply *reply)
{
    bool own = !reply->fixed && reply->body.at;
    const void *bytes = own ? reply->body.at : reply->fixed ? reply->fixed : "";
    // The library takes bytes that it does not change as if it might.
    struct MHD_Response *response = MHD_create_response_from_buffer(
        own ? reply->body.size : reply->fixed_size, (void *)(uintptr_t)bytes,
        own ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (response && own)
        reply->body = (web_text){ 0 };
    return response;
}

enum MHD_Result web_request_answer(web_request *r)
{
    web_reply *reply = &r->call.reply;
    if (reply->status == 403 && r->route && r->route->act && r->opts->audit && !r->asked)
        web_audit_call(r->opts->audit, r->route->act, &r->call);
    if (reply->body.failed || reply->status == 0) {
        web_text_free(&reply->body);
        web_fail(&r->call, 503, "ENOMEM", "there is no memory for the answer");
    }
    struct MHD_Response *response = make_response(reply);
    if (!response)
        return MHD_NO;
    web_response_add(response, "Content-Type", reply->type ? reply->type : "application/json");
    if (reply->gzip)
        web_response_add(response, "Content-Encoding", "gzip");
    if (reply->varies)
        web_response_add(response, "Vary", "Accept-Encoding");
    if (reply->etag[0])
        web_response_add(response, "ETag", reply->etag);
    if (reply->cookie[0])
        web_response_add(response, "Set-Cookie", reply->cookie);
    if (r->allow[0])
        web_response_add(response, "Allow", r->allow);
    if (reply->status == 401)
        web_response_add(response, "WWW-Authenticate", "Bearer realm=\"gofer\"");
    if (reply->status == 429)
        web_response_add(response, "Retry-After", "60");
    web_response_add_safety(response, reply->cache);
    enum MHD_Result sent = MHD_queue_response(r->connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return sent;
}
