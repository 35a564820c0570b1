// envelope.c - payloads on their way in, encrypted with the client's keys.
//
// May touch: message/. No locks but those of the keys.
#include "client/envelope.h"

#include <stdio.h>

#include "message/options.h"
#include "util/alloc.h"
#include "util/error.h"

enum { SHARED_ROOM = sizeof "debounce:" + GF_NAME_MAX };

struct gf_draft_seal {
    void *envelope;                // owned
    char  lock[GF_KEYS_UNIQUE];    // "": its unique lock has another name, or there is none
    char  shared[SHARED_ROOM];
};

gofer_status gf_envelope_make(const gofer_client *client, const gf_seal_for *what, const char *name,
    const void *bytes, size_t *size, void **out)
{
    if (*size + GF_SEAL_MORE > (uint64_t)client->max_payload)
        return gf_fail(GOFER_ETOOBIG,
            "the payload of '%s' has %zu bytes, and %d more encrypted: the limit is %lld "
            "(max_payload)",
            name, *size, GF_SEAL_MORE, (long long)client->max_payload);
    return gf_keys_seal(client->keys, what, bytes, *size, out, size);
}

// Of a debounced task nobody knows here what id it will have: all calls of a key share the name.
static gofer_status share(gf_draft *d)
{
    const char *key = d->debounce.key ? d->debounce.key : d->message.type;
    const gf_task_options own = { .sealed_for = d->seal->shared };
    snprintf(d->seal->shared, sizeof d->seal->shared, "debounce:%s", key);
    return gf_task_options_write(&own, &d->headers, &d->message.headers_size);
}

// The store tells by bytes whether a task that comes a second time is the same. So those of an id
// that the caller may use again are the same again.
gofer_status gf_draft_encrypt(gf_draft *d, const gofer_client *client)
{
    gf_message *m = &d->message;
    if (!(d->seal = gf_calloc(1, sizeof *d->seal)))
        return gf_fail_nomem("an envelope");
    bool shared = d->debounce.delay_ms != 0;
    gofer_status st = shared ? share(d) : GOFER_OK;
    if (st == GOFER_OK && d->unique_ms && !d->unique_key) {
        st = gf_keys_unique(client->keys, m->type, m->payload, m->payload_size, d->seal->lock);
        d->unique_key = d->seal->lock;
    }
    const gf_seal_for what = { .type = m->type,
        .id = shared ? d->seal->shared : m->id,
        .shared = shared,
        .same = m->id != d->id };
    if (st == GOFER_OK)
        st = gf_envelope_make(client, &what, m->type, m->payload, &m->payload_size,
            &d->seal->envelope);
    if (st == GOFER_OK)
        m->payload = d->seal->envelope;
    return st;
}

void gf_draft_forget_envelope(gf_draft *d)
{
    gf_free(d->seal->envelope);
    gf_free(d->seal);
    d->seal = NULL;
}
