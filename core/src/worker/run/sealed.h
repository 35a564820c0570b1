// sealed.h - tasks that came encrypted: what handlers see of them is plain, what goes to the store
// is not.
//
// A task that came plain has none of it, and its result and checkpoint stay plain.
#ifndef GF_WORKER_SEALED_H
#define GF_WORKER_SEALED_H

#include <stdbool.h>
#include <stddef.h>

#include "message/keys.h"
#include "message/message.h"

// Of one message. Made before others see it, and only read since.
typedef struct gf_sealed {
    const void *envelope;          // the message's, as it is in the store
    size_t      size;
    void       *plain;             // owned; NULL: it could not be opened
    char       *why;               // owned; NULL: it was. Never NULL together with `plain`
} gf_sealed;

// Opens the message's payload, which is an envelope: `payload` leads to what is in it from now on,
// or stays as it is if it cannot be opened by any try. NULL: no memory.
gf_sealed *gf_sealed_open(const struct gofer_client *client, gf_message *m);
void       gf_sealed_free(gf_sealed *s);           // NULL is fine

// What `sealed` of a message is: opened if it is an envelope; a plain one NULL, or, where the
// worker runs encrypted ones alone, why it does not. False: no memory.
bool gf_sealed_look(const gofer_worker *worker, gf_message *m, gf_sealed **out);

// What a task leaves, as it goes to the store: gf_free.
gofer_status gf_sealed_put(const gofer_task *task, gf_seal_kind kind, const void *bytes,
    size_t size, void **out, size_t *out_size);
// What is in a result that goes to the store encrypted, at *bytes from then on: gf_free. NULL: it
// is plain, or cannot be opened, and nothing changes.
void *gf_sealed_result(const struct gofer_client *client, const gf_message *m, const void **bytes,
    size_t *size);
// Its checkpoint, as it came from there: *bytes is freed, and what is in it in its place.
// ENOTFOUND, ECORRUPT: it cannot be opened, or is no envelope, and nothing changes.
gofer_status gf_sealed_checkpoint(const gofer_task *task, void **bytes, size_t *size);

#endif
