// put_round.c - puts tasks in within a trace context, before the eyes of who watches.
//
// On gofer.h alone. The thread carries the context for so long as the call takes: it is the
// library that adds it to tasks which have none.
#include "put_round.h"

static gofer_status put(gofer_client *client, const put_round *r)
{
    if (r->count == 1 && !r->statuses)
        return gofer_client_enqueue(client, r->types[0], r->payloads[0], r->sizes[0], r->opts[0],
            &r->ids[0]);
    return gofer_client_enqueue_many(client, r->count, r->types, r->payloads, r->sizes, r->opts,
        r->statuses, r->ids);
}

gofer_status put_round_send(const put_way *way, const put_round *round)
{
    const put_watch *watch = way->watch;
    void *begun = NULL;
    if (watch)
        begun = watch->begin(watch->user, &way->from);
    else
        (void)gofer_trace_carry(way->from.parent, way->from.state);    // a malformed one is none
    gofer_status st = put(way->client, round);
    (void)gofer_trace_carry(NULL, NULL);
    if (watch)
        watch->end(watch->user, begun, round, st);
    return st;
}
