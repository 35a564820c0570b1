// wire.h - Asynq's protobuf messages (wire.md section 3) to and from gofer's records.
//
// May touch: message/, util/, protobuf-c. Pure: no I/O, no store. What comes from Redis was written
// by anybody: it is decoded with bounds, refused as ECORRUPT when a Go peer would refuse it
// (truncated, strings that are not UTF-8), and fields nobody knows are kept when a message is
// written again. Refused too, though Go takes it: a NUL in a task's type, id, lock, group or
// header, which no C string holds; a known field of another wire type and protobuf's groups, which
// no version of Asynq wrote.
#ifndef GF_BROKER_REDIS_WIRE_WIRE_H
#define GF_BROKER_REDIS_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "message/message.h"

typedef struct gf_bytes {
    void  *bytes;                  // gf_free
    size_t size;
} gf_bytes;

void gf_bytes_clear(gf_bytes *b);

// ---- TaskMessage ------------------------------------------------------------------------
//
// Times on the wire are whole seconds. What gofer knows to the millisecond is rounded up there and
// travels exactly in a header of ours (gofer-timeout-ms, gofer-deadline-ms, gofer-retention-ms),
// which only exists when the value is no whole second, is believed only when it fits the field, and
// is not among the message's headers after decoding.

typedef struct gf_wire_task {
    gf_message  message;           // enqueued_ms and crashes are not in a TaskMessage: 0
    const char *unique_key;        // NULL: none
    const char *group;             // NULL: none
    int64_t     completed_ms;      // 0: not completed
    // all pointers lead into the object's own memory; a NUL follows the payload
} gf_wire_task;

// One allocation of `extra` + what is needed, zeroed at the front: so that a claim can be one
// object. The gf_wire_task begins at *out + extra. Free with gf_free.
gofer_status gf_wire_task_decode(const void *bytes, size_t size, size_t extra, void **out);

// The same with the message's bytes, as they came but for the place of a large payload: that is
// there once, and the task's payload leads into it. Fields that nobody knows are in them, so that
// the message can be changed. All is one allocation, which gf_free frees.
typedef struct gf_wire_held {
    void       *memory;            // a gf_wire_task begins at memory + extra
    const void *stored;
    size_t      stored_size;
} gf_wire_held;
gofer_status gf_wire_task_hold(const void *bytes, size_t size, size_t extra, gf_wire_held *out);

// Bytes as Go writes them: ascending fields, defaults left out, headers sorted by key.
// EINVAL: a text is not valid UTF-8. Headers of the user with one of our three names are left out.
gofer_status gf_wire_task_encode(const gf_message *m, const char *unique_key, const char *group,
    gf_bytes *out);

// Where the field of its id is in a message of ours: how many bytes are before it, and how many it
// has.
void gf_wire_task_id_at(const gf_bytes *message, size_t *before, size_t *size);

// The stored message again with changes; everything else, unknown fields too, as it was.
typedef struct gf_wire_change {
    bool        set_failed;        // error, last_failed_ms
    const char *error;             // made valid UTF-8 here
    int64_t     last_failed_ms;
    int32_t     add_retried;
    int64_t     completed_ms;      // 0: leave
    bool        set_payload;
    const void *payload;
    size_t      payload_size;
    bool        set_headers;
    const char *headers;           // packed; those that wire keeps for itself stay as they are
    size_t      headers_size;
} gf_wire_change;
gofer_status gf_wire_task_change(const void *bytes, size_t size, const gf_wire_change *change,
    gf_bytes *out);

// ---- presence (wire.md section 8) -----------------------------------------------------------

typedef struct gf_wire_weight { const char *queue; int32_t priority; } gf_wire_weight;

typedef struct gf_wire_server {
    const char *host; int32_t pid; const char *server_id; int32_t concurrency;
    const gf_wire_weight *queues; size_t queue_count;
    bool strict; const char *status; int64_t started_ms; int32_t active;
} gf_wire_server;

typedef struct gf_wire_worker {
    const char *host; int32_t pid; const char *server_id;
    const char *task_id, *task_type; const void *payload; size_t payload_size; const char *queue;
    int64_t started_ms, deadline_ms;          // deadline 0: Go's zero time
} gf_wire_worker;

typedef struct gf_wire_entry {
    const char *id, *spec, *task_type; const void *payload; size_t payload_size;
    const char *const *options; size_t option_count;
    int64_t next_ms, prev_ms;                 // prev 0: never, written as Go's zero time
} gf_wire_entry;

typedef struct gf_wire_event { const char *task_id; int64_t at_ms; } gf_wire_event;

gofer_status gf_wire_server_encode(const gf_wire_server *s, gf_bytes *out);
gofer_status gf_wire_worker_encode(const gf_wire_worker *w, gf_bytes *out);
gofer_status gf_wire_entry_encode(const gf_wire_entry *e, gf_bytes *out);
gofer_status gf_wire_event_encode(const gf_wire_event *e, gf_bytes *out);
// Decoded records are one allocation each (gf_free), pointers lead into it.
gofer_status gf_wire_server_decode(const void *bytes, size_t size, gf_wire_server **out);
gofer_status gf_wire_worker_decode(const void *bytes, size_t size, gf_wire_worker **out);
gofer_status gf_wire_entry_decode(const void *bytes, size_t size, gf_wire_entry **out);
gofer_status gf_wire_event_decode(const void *bytes, size_t size, gf_wire_event **out);

// ---- names ------------------------------------------------------------------------------------

// asynq:{q}:unique:<type>:<md5 of payload>; payload NULL: Go's nil, ends in the colon. gf_free.
// lib: for the MD5 of a payload; may be NULL if there is none.
struct gf_openssl;
gofer_status gf_wire_unique_key(const struct gf_openssl *lib, const char *queue, const char *type,
    const void *payload, size_t size, char **out);

#endif
