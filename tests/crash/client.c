// client.c - a client of the crash test: enqueues until it is killed, and keeps a ledger.
//
// INTENT is written before the call and ACKED after it, so whatever the moment of its death, the
// ledger holds what it may have enqueued and what it was promised. The payload is the id, for the
// handler to check; its first letter says what is to be done with it.
#include "crash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 10 };

typedef struct batch {
    size_t                count;
    char                  ids[BATCH][ID_MAX];
    const char           *names[BATCH], *types[BATCH];
    const void           *payloads[BATCH];
    size_t                sizes[BATCH];
    gofer_enqueue_options opts[BATCH];
    const gofer_enqueue_options *all_opts[BATCH];
} batch;

// p: plain, f: fails on its first attempt. Some are for later. All are kept, to be counted.
static void fill(batch *b, const options *o, uint64_t *seed, unsigned *serial)
{
    b->count = random_next(seed) % 4 == 0 ? BATCH : 1;
    for (size_t i = 0; i < b->count; i++) {
        char kind = random_next(seed) % 20 == 0 ? 'f' : 'p';
        snprintf(b->ids[i], ID_MAX, "%c-%04d-%08u", kind, o->number, (*serial)++);
        gofer_enqueue_options_init(&b->opts[i]);
        b->opts[i].task_id = b->ids[i];
        b->opts[i].queue = crash_queues[random_next(seed) % 2];
        b->opts[i].retention_ms = 24 * 3600 * 1000;
        if (random_next(seed) % 10 == 0)
            b->opts[i].delay_ms = 1 + (int64_t)(random_next(seed) % 500);
        b->names[i] = b->ids[i];
        b->types[i] = "job";
        b->payloads[i] = b->ids[i];
        b->sizes[i] = strlen(b->ids[i]);
        b->all_opts[i] = &b->opts[i];
    }
}

static gofer_status send(gofer_client *client, const batch *b)
{
    if (b->count == 1)
        return gofer_client_enqueue(client, b->types[0], b->payloads[0], b->sizes[0], &b->opts[0],
            NULL);
    return gofer_client_enqueue_many(client, b->count, b->types, b->payloads, b->sizes, b->all_opts,
        NULL, NULL);
}

int client_main(const options *o)
{
    char name[32];
    gofer_client *client = NULL;
    uint64_t seed = o->seed;
    unsigned serial = 0;
    snprintf(name, sizeof name, "client-%d", o->number);
    int fd = ledger_open(o->folder, name);
    if (gofer_client_open(&client, o->url, NULL) != GOFER_OK)
        die("client: open", gofer_error_last());

    for (;;) {
        batch b;
        fill(&b, o, &seed, &serial);
        ledger_write(fd, INTENT, b.names, b.count);
        gofer_status st;
        do
            st = send(client, &b);
        while (st == GOFER_EUNCERTAIN);    // repeating with the same ids is safe, they say
        if (st != GOFER_OK)
            die("client: enqueue", gofer_error_last());
        ledger_write(fd, ACKED, b.names, b.count);
        sleep_ms((int64_t)(random_next(&seed) % 8));
    }
}
