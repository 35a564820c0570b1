// message.h - one task as a record, the form in which it crosses the broker door.
//
// May touch: util/. Knows no store and no worker.
#ifndef GF_MESSAGE_MESSAGE_H
#define GF_MESSAGE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

// All pointers are borrowed from whoever made the record. Strings are never NULL but where said.
typedef struct gf_message {
    const char *id;
    const char *type;
    const char *queue;
    const void *payload;          // NULL only when payload_size is 0
    size_t      payload_size;
    const char *headers;          // packed: key NUL value NUL key NUL value NUL …; NULL: none
    size_t      headers_size;
    const char *last_error;       // NULL: none
    int64_t     enqueued_ms;
    int64_t     timeout_ms;       // 0: none
    int64_t     deadline_ms;      // 0: none
    int64_t     retention_ms;     // 0: none
    int64_t     last_failed_ms;   // 0: never
    int32_t     max_retry;        // >= 0
    int32_t     retried;          // failures so far
    int32_t     crashes;          // deaths of workers it was charged with
    int32_t     suspect;          // deaths of workers that it may have caused, since it last came
                                  //   to an end (broker/blame.h)
} gf_message;

// Walk packed headers: start with *at = 0; false at the end.
int gf_headers_next(const char *headers, size_t size, size_t *at, const char **key,
    const char **value);

// Pack key, value, …, NULL into one allocation (gf_free). EINVAL: odd count, empty or
// over-long key (255), not UTF-8; ETOOBIG: more than 64 KiB in all. Nothing
// given: *out NULL, *size 0.
gofer_status gf_headers_pack(const char *const *pairs, char **out, size_t *size);

// Same task? Id, queue, type and payload tell: options of a repeated enqueue may differ,
// those of the first hold.
int gf_message_same(const gf_message *a, const gf_message *b);

#endif
