// frame.h - the frames that a worker and its children exchange: docs/children.md is the table.
//
//     size u32 | kind u8 | body         size counts kind and body; numbers are big-endian
//
// Pure: bytes in, bytes out. What a child writes is read here and nowhere else, and nothing of it
// is trusted.
#ifndef GF_CHILDREN_FRAME_H
#define GF_CHILDREN_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

enum { GF_FRAME_HEAD = 5, GF_FRAME_MIN = 1, GF_FRAME_NO_REF = 0 };

// From the child: small letters; to it: capitals.
typedef enum gf_frame_kind {
    GF_FRAME_HELLO = 'h',
    GF_FRAME_WANT = 'w',
    GF_FRAME_BEGIN = 'b',
    GF_FRAME_END = 'e',
    GF_FRAME_PROGRESS = 'p',
    GF_FRAME_CHECKPOINT = 'c',
    GF_FRAME_LOG = 'l',
    GF_FRAME_PARENT = 'q',

    GF_FRAME_WELCOME = 'H',
    GF_FRAME_TASK = 'T',
    GF_FRAME_GROUP = 'G',
    GF_FRAME_CANCEL = 'C',
    GF_FRAME_ANSWER = 'Q',
    GF_FRAME_RECALL = 'R',
    GF_FRAME_STOP = 'S'
} gf_frame_kind;

// One frame from a child. What its kind has not is zero; text and bytes are borrowed from the
// buffer, and no NUL stands behind them.
typedef struct gf_frame {
    uint8_t     kind;
    uint32_t    ref;               // GF_FRAME_NO_REF: none, or not known yet
    uint32_t    want, number;
    int32_t     outcome;           // a GOFER_DONE... value
    int64_t     delay_ms;          // -1: none of its own
    int64_t     done, total;
    int32_t     level;             // a GOFER_LOG_ value
    const char *text;
    size_t      text_size;
    const void *bytes;             // a result, a checkpoint
    size_t      bytes_size;
} gf_frame;

typedef enum gf_frame_found {
    GF_FRAME_WHOLE,                // *used bytes were one
    GF_FRAME_PART,                 // read on
    GF_FRAME_BAD                   // *why; kind and ref of *out are as far as they could be seen
} gf_frame_found;

// Reads the first frame of some bytes. limit: the largest size that is taken.
gf_frame_found gf_frame_read(const uint8_t *bytes, size_t size, size_t limit, gf_frame *out,
    size_t *used, const char **why);

// ---- to the child ------------------------------------------------------------------------------

// Bytes on their way; grows. A frame there was no memory for is not there at all: `bad`.
typedef struct gf_outgoing {
    uint8_t *bytes;                // owned
    size_t   size, room, sent;     // `sent` of `size` are gone
    bool     bad;
} gf_outgoing;

void gf_outgoing_clear(gf_outgoing *o);
void gf_outgoing_sent(gf_outgoing *o, size_t size);

typedef struct gf_frame_task {
    uint32_t    ref;
    int32_t     attempt, max_retry;
    int64_t     timeout_ms;        // of this attempt, from its begin on; 0: none
    int64_t     deadline_ms;       // Unix ms; 0: none
    const char *id, *type, *queue;
    const char *headers;           // "key\0value\0..."
    size_t      headers_size;
    bool        has_checkpoint;
    const void *checkpoint;
    size_t      checkpoint_size;
    const void *payload;
    size_t      payload_size;
} gf_frame_task;

// A task of a group that is to become one with others.
typedef struct gf_frame_member {
    const char *id, *type;
    const char *headers;           // as above
    size_t      headers_size;
    const void *payload;
    size_t      payload_size;
} gf_frame_member;

// Tasks of one set. A large set is several such frames of one ref.
typedef struct gf_frame_group {
    uint32_t    ref;
    bool        more;              // of the same set follow
    int64_t     time_ms;           // so long the child has for the whole set
    const char *group, *queue;
    const gf_frame_member *members;
    size_t      count;
} gf_frame_group;

// False: no memory, and nothing was added.
bool gf_frame_put_welcome(gf_outgoing *o, const char *text);
bool gf_frame_put_task(gf_outgoing *o, const gf_frame_task *task);
bool gf_frame_put_group(gf_outgoing *o, const gf_frame_group *group);
bool gf_frame_put_cancel(gf_outgoing *o, uint32_t ref, int32_t why);
// Of a 'parent': a result, NULL if there is none; with another status the error's text.
bool gf_frame_put_answer(gf_outgoing *o, uint32_t ref, uint32_t number, gofer_status status,
    const void *bytes, size_t size);
bool gf_frame_put_recall(gf_outgoing *o);
bool gf_frame_put_stop(gf_outgoing *o, int64_t grace_ms);

#endif
