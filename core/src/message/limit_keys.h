// limit_keys.h - the keys of limits that a task counts for, as its header gofer-limit has them: up
// to GOFER_LIMIT_KEYS, one in a line, in the order of their bytes, in which each store looks at
// them. So two tasks with the same keys never wait for each other's.
//
// May touch: message.h, options.h, util/.
#ifndef GF_MESSAGE_LIMIT_KEYS_H
#define GF_MESSAGE_LIMIT_KEYS_H

#include <stdbool.h>

#include "message/message.h"

// Of a queue itself: no task names it, all of the queue count for it.
#define GF_LIMIT_QUEUE "queue:"

typedef struct gf_limit_key {
    const char *text;              // no NUL behind it
    size_t      size;
} gf_limit_key;

typedef struct gf_limit_keys {
    gf_limit_key key[GOFER_LIMIT_KEYS];    // the message's bytes
    size_t       count;
    int64_t      cost;             // >= 1
} gf_limit_keys;

// False: it counts for none. What another program has written there and no task may name is passed
// over.
bool gf_limit_keys_of(const gf_message *m, gf_limit_keys *out);
// The keys of a call (NULL at the end; NULL: none) as a header's value: gf_free. None: *out NULL.
// EINVAL: more than there may be, one that is no name, is of a queue, or is there twice.
gofer_status gf_limit_keys_pack(const char *const *keys, char **out);

#endif
