// sealed.c - opens what came encrypted, and encrypts what such a task leaves.
//
// May touch: message/, the client's keys. No locks but those of the keys.
#include "worker/run/sealed.h"

#include <stdio.h>

#include "client/client.h"
#include "util/alloc.h"
#include "util/error.h"
#include "worker/run/task.h"
#include "worker/runtime.h"

enum { WHY_MAX = 1100 };           // an error's text, and what is put before it

gf_sealed *gf_sealed_open(const gofer_client *client, gf_message *m)
{
    gf_sealed *s = gf_calloc(1, sizeof *s);
    size_t size;
    if (!s)
        return NULL;
    s->envelope = m->payload;
    s->size = m->payload_size;
    const gf_seal_for what = gf_seal_of(m);
    gofer_status st =
        gf_keys_unseal(client->keys, &what, m->payload, m->payload_size, &s->plain, &size);
    if (st == GOFER_OK) {
        m->payload = s->plain;
        m->payload_size = size;
        return s;
    }
    char text[WHY_MAX];
    snprintf(text, sizeof text, "the payload cannot be decrypted: %s", gofer_error_last());
    if (st == GOFER_ENOMEM || !(s->why = gf_strdup(text))) {
        gf_sealed_free(s);
        return NULL;
    }
    return s;
}

static gf_sealed *refused(const gf_message *m)
{
    gf_sealed *s = gf_calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->envelope = m->payload;
    s->size = m->payload_size;
    s->why = gf_strdup("the payload is not encrypted, and this worker runs encrypted tasks alone");
    if (s->why)
        return s;
    gf_free(s);
    return NULL;
}

bool gf_sealed_look(const gofer_worker *worker, gf_message *m, gf_sealed **out)
{
    *out = NULL;
    if (gf_is_sealed(m->payload, m->payload_size))
        *out = gf_sealed_open(worker->client, m);
    else if (worker->settings.encrypted_only)
        *out = refused(m);
    else
        return true;
    return *out != NULL;
}

void gf_sealed_free(gf_sealed *s)
{
    if (!s)
        return;
    gf_free(s->plain);
    gf_free(s->why);
    gf_free(s);
}

// Who reads a result may know no more than the task's id.
static gf_seal_for left_by(const gofer_task *task, gf_seal_kind kind)
{
    const gf_message *m = &task->claim->message;
    return (gf_seal_for){ .kind = kind,
        .type = kind == GF_SEAL_RESULT ? "" : m->type,
        .id = m->id };
}

gofer_status gf_sealed_put(const gofer_task *task, gf_seal_kind kind, const void *bytes,
    size_t size, void **out, size_t *out_size)
{
    const gf_seal_for what = left_by(task, kind);
    gf_keys *keys = task->worker->client->keys;
    return keys ? gf_keys_seal(keys, &what, bytes, size, out, out_size)
                : gf_fail(GOFER_EINVAL, "there are no keys here");     // it was not run
}

void *gf_sealed_result(const gofer_client *client, const gf_message *m, const void **bytes,
    size_t *size)
{
    const gf_seal_for what = { .kind = GF_SEAL_RESULT, .type = "", .id = m->id };
    void *plain;
    size_t plain_size;
    if (!client->keys || !gf_is_sealed(*bytes, *size) ||
        gf_keys_unseal(client->keys, &what, *bytes, *size, &plain, &plain_size) != GOFER_OK)
        return NULL;
    *bytes = plain;
    *size = plain_size;
    return plain;
}

gofer_status gf_sealed_checkpoint(const gofer_task *task, void **bytes, size_t *size)
{
    const gf_seal_for what = left_by(task, GF_SEAL_CHECKPOINT);
    void *plain;
    size_t plain_size;
    if (!gf_is_sealed(*bytes, *size))
        return gf_fail(GOFER_ECORRUPT,
            "the checkpoint of task '%.60s' is not encrypted, as its payload is", what.id);
    gofer_status st = gf_keys_unseal(task->worker->client->keys, &what, *bytes, *size, &plain,
        &plain_size);
    if (st != GOFER_OK)
        return gf_fail_add(st, "the checkpoint of task '%.60s'", what.id);
    gf_free(*bytes);
    *bytes = plain;
    *size = plain_size;
    return GOFER_OK;
}
