// admit.c - plain payloads that come in by way of a plan.
//
// May touch: broker/broker.h, message/. No locks.
#include "client/admit.h"

#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "message/seal.h"
#include "util/alloc.h"
#include "util/error.h"

gofer_status gf_admit_refuse(const char *queue, const char *type)
{
    return gf_fail(GOFER_EDENIED,
        "the queue '%s' takes encrypted payloads alone, and that of '%s' is plain: enqueue with "
        "keys",
        queue, type);
}

static int by_queue(const void *a, const void *b)
{
    const gf_message *const *one = a, *const *other = b;
    return strcmp((*one)->queue, (*other)->queue);
}

// One plain message of each queue, by the queue's name; how many.
static size_t gather(const gf_message *const *messages, size_t count, const gf_message **plain)
{
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!gf_is_sealed(messages[i]->payload, messages[i]->payload_size))
            plain[n++] = messages[i];
    qsort(plain, n, sizeof *plain, by_queue);
    for (size_t i = 0; i < n; i++)
        if (!kept || strcmp(plain[kept - 1]->queue, plain[i]->queue) != 0)
            plain[kept++] = plain[i];
    return kept;
}

static gofer_status ask(gf_broker *b, const gf_message *const *plain, size_t count)
{
    char **queues = gf_alloc(count * sizeof *queues);
    bool *closed = gf_calloc(count, sizeof *closed);
    gofer_status st = GOFER_OK;
    if (!queues || !closed)
        st = gf_fail_nomem("the names of queues");
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        queues[i] = (char *)(uintptr_t)plain[i]->queue;
    if (st == GOFER_OK)
        st = b->ops->inspect->closed(b, queues, count, closed);
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        if (closed[i])
            st = gf_admit_refuse(plain[i]->queue, plain[i]->type);
    gf_free(queues);
    gf_free(closed);
    return st;
}

gofer_status gf_admit(gofer_client *client, const gf_message *const *messages, size_t count)
{
    const gf_message **plain = count ? gf_alloc(count * sizeof *plain) : NULL;
    if (!plain)
        return count ? gf_fail_nomem("the names of queues") : GOFER_OK;
    size_t n = gather(messages, count, plain);
    gofer_status st = n ? ask(client->broker, plain, n) : GOFER_OK;
    gf_free(plain);
    return st;
}
