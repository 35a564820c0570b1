// limit_keys.h - the keys that a task counts for. Those of limits its header gofer-limit has: up to
// GOFER_LIMIT_KEYS, one in a line, in the order of their bytes, in which each store looks at them.
// So two tasks with the same keys never wait for each other's. Before them comes the key of those
// that run one after the other, if it has one: it is in its header gofer-ordered.
//
// May touch: message.h, options.h, util/.
#ifndef GF_MESSAGE_LIMIT_KEYS_H
#define GF_MESSAGE_LIMIT_KEYS_H

#include <stdbool.h>

#include "message/message.h"

// Of a queue itself: no task names it, all of the queue count for it.
#define GF_LIMIT_QUEUE "queue:"
// What begins so is of a type that is paused (broker/guards.h): all tasks of the type wait for it.
#define GF_LIMIT_TYPE "type:"
// What begins so is of tasks that run one after the other, within their queue.
#define GF_LIMIT_ORDERED "ordered:"

enum { GF_KEYS_MAX = GOFER_LIMIT_KEYS + 1 };

typedef struct gf_limit_key {
    const char *text;              // no NUL behind it
    size_t      size;
} gf_limit_key;

typedef struct gf_limit_keys {
    gf_limit_key key[GF_KEYS_MAX]; // the message's bytes
    size_t       count;
    bool         ordered;          // the first is of those that run one after the other
    bool         blocks;           // and archived, it holds them up
    int64_t      cost;             // >= 1
} gf_limit_keys;

// False: it counts for none. What another program has written there and no task may name is passed
// over.
bool gf_limit_keys_of(const gf_message *m, gf_limit_keys *out);
bool gf_limit_key_is_ordered(const char *key);
// The key of a call as a header's value: gf_free. NULL: *out NULL.
gofer_status gf_ordered_pack(const char *key, char **out);
// The keys of a call (NULL at the end; NULL: none) as a header's value: gf_free. None: *out NULL.
// EINVAL: more than there may be, one that is no name, is of a queue, or is there twice.
gofer_status gf_limit_keys_pack(const char *const *keys, char **out);

#endif
