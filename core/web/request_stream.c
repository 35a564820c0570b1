// request_stream.c - a stream of events as the answer to a request, as long as its reader may see
// it.
#include "request.h"

#include <string.h>

#include "clock.h"

enum {
    STREAM_BLOCK = 4096,
    LOOK_MS = 1000                  // so often is seen whether who reads a stream still may
};

static void pause_stream(void *reader)
{
    const web_request *r = reader;
    MHD_suspend_connection(r->connection);
}

// A token may be taken away, or somebody log out, while his stream is open.
static bool is_still_himself(web_request *r)
{
    int64_t now = web_ms(CLOCK_MONOTONIC);
    if (now - r->looked_ms < LOOK_MS)
        return true;
    r->looked_ms = now;
    web_visitor v = web_request_visitor(r);
    return v.status == 0 && web_scope_same(&v.scope, &r->scope);
}

static ssize_t read_stream(void *user, uint64_t at, char *out, size_t room)
{
    web_request *r = user;
    (void)at;
    if (!is_still_himself(r))
        return (ssize_t)MHD_CONTENT_READER_END_OF_STREAM;
    ssize_t size = web_stream_read(r->stream, out, room, pause_stream);
    return size < 0 ? (ssize_t)MHD_CONTENT_READER_END_OF_STREAM : size;
}

enum MHD_Result web_request_stream(web_request *r)
{
    const char *name = strcmp(r->who, "-") == 0 ? "" : r->who;
    web_stream_why why;
    r->looked_ms = web_ms(CLOCK_MONOTONIC);
    r->stream = web_stream_open(r->opts->streams, &(web_listener_of){
        .key = r->by_session ? r->session : name,
        .last_id = web_request_header(r, "Last-Event-ID"), .scope = r->call.view.scope,
        .private = !(r->call.rights & WEB_PAYLOAD), .reader = r }, &why);
    if (why == WEB_STREAM_ENOUGH)
        web_fail(&r->call, 429, "EDENIED", "%d streams of yours are open already",
            WEB_STREAMS_EACH);
    else if (why == WEB_STREAM_FULL)
        web_fail(&r->call, 503, "EBROKER", "%d streams are open already", WEB_STREAMS_MAX);
    if (!r->stream)
        return web_request_answer(r);
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
        STREAM_BLOCK, read_stream, r, NULL);
    if (!response)
        return MHD_NO;
    web_response_add(response, "Content-Type", "text/event-stream");
    web_response_add(response, "X-Accel-Buffering", "no");
    web_response_add_safety(response, NULL);
    enum MHD_Result sent = MHD_queue_response(r->connection, 200, response);
    MHD_destroy_response(response);
    if (sent == MHD_YES)
        web_gate_listen(r->gate, web_request_fd(r), r);
    return sent;
}
