// gate.c - see gate.h. A part of the module that cffi makes: build_gofer.py puts it there.
//
// The state of a gate is one number: two bits that shut it, and above them how many are inside. So
// whoever leaves sees in one step whether it was the last one of a gate that was closed.
#include "gate.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLOSED = 1,
    PAUSED = 2,
    ONE = 4 // who is inside
};

struct gofer_py_gate {
    _Atomic int64_t state;
    gofer_client *_Atomic client; // NULL: closed
};

gofer_status gofer_py_gate_open(gofer_py_gate **out, const char *url,
    const gofer_client_options *opts)
{
    gofer_py_gate *gate = malloc(sizeof *gate);
    if (!gate)
        return GOFER_PY_NO_MEMORY;
    gofer_client *client = NULL;
    gofer_status status = gofer_client_open(&client, url, opts);
    if (status != GOFER_OK) {
        free(gate);
        return status;
    }
    atomic_init(&gate->state, 0);
    atomic_init(&gate->client, client);
    *out = gate;
    return GOFER_OK;
}

gofer_client *gofer_py_gate_client(gofer_py_gate *gate)
{
    return atomic_load(&gate->client);
}

static void close_client(gofer_py_gate *gate)
{
    gofer_client_close(atomic_exchange(&gate->client, NULL));
}

void gofer_py_gate_close(gofer_py_gate *gate)
{
    if (atomic_fetch_or(&gate->state, CLOSED) / ONE == 0)
        close_client(gate);
}

void gofer_py_gate_drop(gofer_py_gate *gate)
{
    atomic_fetch_or(&gate->state, CLOSED);
    close_client(gate);
}

void gofer_py_gate_free(gofer_py_gate *gate)
{
    if (!gate)
        return;
    gofer_py_gate_drop(gate);
    free(gate);
}

int64_t gofer_py_gate_pause(gofer_py_gate *gate, int32_t on)
{
    int64_t before = on ? atomic_fetch_or(&gate->state, PAUSED)
                        : atomic_fetch_and(&gate->state, ~(int64_t)PAUSED);
    return before / ONE;
}

// The client, or NULL: the gate is shut. It stays open until leave().
static gofer_client *enter(gofer_py_gate *gate, int32_t anyway)
{
    int64_t shut = anyway ? CLOSED : CLOSED | PAUSED;
    int64_t state = atomic_load(&gate->state);
    do {
        if (state & shut)
            return NULL;
    } while (!atomic_compare_exchange_weak(&gate->state, &state, state + ONE));
    return atomic_load(&gate->client);
}

static void leave(gofer_py_gate *gate)
{
    int64_t before = atomic_fetch_sub(&gate->state, ONE);
    if (before / ONE == 1 && (before & CLOSED))
        close_client(gate);
}

// Does the call tell more of this one than that it is in? Molds are shared, so where it tells that
// is said in a copy.
static int tells(const gofer_enqueue_options *o)
{
    return o->task_id || o->debounce_ms || o->replace || o->unique_conflict;
}

gofer_py_one gofer_py_put(gofer_py_gate *gate, int32_t anyway, const gofer_py_mold *mold,
    const char *payload, size_t size)
{
    gofer_py_one one = { .status = GOFER_PY_SHUT };
    gofer_client *client = enter(gate, anyway);
    if (!client)
        return one;
    char *id = NULL;
    if (tells(&mold->options)) {
        gofer_enqueue_options copy = mold->options;
        copy.effect = &one.effect;
        one.status = gofer_client_enqueue(client, mold->type, payload, size, &copy, &id);
    } else {
        one.status = gofer_client_enqueue(client, mold->type, payload, size, &mold->options, &id);
    }
    leave(gate);
    if (one.status != GOFER_OK)
        return one;
    size_t length = strlen(id);
    if (length < sizeof one.id) {
        memcpy(one.id, id, length + 1);
        gofer_free(id);
    } else {
        one.status = GOFER_PY_LONG_ID;
        one.long_id = id;
    }
    return one;
}

// The ids as one text, in whose place they go; without memory they stay as they are.
static void join_ids(gofer_py_batch *batch)
{
    size_t size = 0;
    for (size_t i = 0; i < batch->count; i++)
        size += batch->ids[i] ? strlen(batch->ids[i]) + 1 : 1;
    char *text = malloc(size), *at = text;
    if (!text)
        return;
    for (size_t i = 0; i < batch->count; i++) {
        size_t length = batch->ids[i] ? strlen(batch->ids[i]) : 0;
        if (length)
            memcpy(at, batch->ids[i], length);
        at[length] = '\0';
        at += length + 1;
        gofer_free(batch->ids[i]);
        batch->ids[i] = NULL;
    }
    batch->text = text;
    batch->text_size = size;
}

// The options of one task: its mold's, or at *next a copy that tells.
static const gofer_enqueue_options *options_of(gofer_py_batch *batch, size_t i,
    gofer_enqueue_options **next)
{
    const gofer_enqueue_options *its = &batch->molds[i]->options;
    if (!tells(its))
        return its;
    gofer_enqueue_options *copy = (*next)++;
    *copy = *its;
    copy->effect = &batch->effects[i];
    return copy;
}

// memory: of three pointers for each task; copies: of options, for those that tell
static gofer_status put_batch(gofer_client *client, gofer_py_batch *batch, void *memory,
    gofer_enqueue_options *copies)
{
    size_t count = batch->count;
    const char **types = memory;
    const void **payloads = (void *)(types + count);
    const gofer_enqueue_options **options = (void *)(payloads + count);
    const char *at = batch->payloads;
    for (size_t i = 0; i < count; i++) {
        types[i] = batch->molds[i]->type;
        options[i] = options_of(batch, i, &copies);
        payloads[i] = at;
        at += batch->sizes[i];
        batch->statuses[i] = GOFER_PY_NOT_REACHED;
    }
    return gofer_client_enqueue_many(client, count, types, payloads, batch->sizes, options,
        batch->statuses, batch->ids);
}

gofer_status gofer_py_put_many(gofer_py_gate *gate, int32_t anyway, gofer_py_batch *batch)
{
    if (batch->count > SIZE_MAX / (3 * sizeof(void *)))
        return GOFER_PY_NO_MEMORY;
    size_t telling = 0;
    for (size_t i = 0; i < batch->count; i++)
        telling += tells(&batch->molds[i]->options) != 0;
    void *memory = malloc(batch->count ? batch->count * 3 * sizeof(void *) : 1);
    gofer_enqueue_options *copies = calloc(telling ? telling : 1, sizeof *copies);
    gofer_client *client = memory && copies ? enter(gate, anyway) : NULL;
    if (!client) {
        gofer_status why = memory && copies ? GOFER_PY_SHUT : GOFER_PY_NO_MEMORY;
        free(memory);
        free(copies);
        return why;
    }
    gofer_status status = put_batch(client, batch, memory, copies);
    leave(gate);
    free(memory);
    free(copies);
    join_ids(batch);
    return status;
}

void gofer_py_text_free(char *text)
{
    free(text);
}
