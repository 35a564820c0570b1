// copy.h - JSON of a snapshot on its way to a reader: numbers that survive, secrets that stay, and
// of what is in queues only what is in his.
#ifndef WEB_COPY_H
#define WEB_COPY_H

#include <stddef.h>

#include "masks.h"
#include "scope.h"
#include "text.h"

enum {
    WEB_HIDE_PAYLOADS = 1,      // what users put into tasks, and what tasks left or said
    WEB_HIDE_TEXTS = 2          // "text", too: of an event it is a line of a task's log
};

// What a reader may see.
typedef struct web_view {
    unsigned         hide;      // flags, of who may not see payloads: of all queues, or, with a
                                //   scope, of those where he may not
    const web_scope *scope;     // NULL: one may all he may for all queues
    const web_masks *masks;     // NULL: none
} web_view;

// Appends the JSON text with integers past 2^53, which a JavaScript reader would round, as strings.
// Fields that are to be hidden are left out, and so are members of lists that have a "queue" which
// is not the reader's. False: the whole is one, and nothing was appended.
bool web_copy_json(web_text *out, const char *json, size_t size, const web_view *view);

#endif
