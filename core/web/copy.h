// copy.h - JSON of a snapshot on its way to a reader: numbers that survive, secrets that stay.
#ifndef WEB_COPY_H
#define WEB_COPY_H

#include <stddef.h>

#include "text.h"

enum {
    WEB_HIDE_PAYLOADS = 1,      // what users put into tasks, and what tasks left or said
    WEB_HIDE_TEXTS = 2          // "text", too: of an event it is a line of a task's log
};

// Appends the JSON text with integers past 2^53, which a JavaScript reader would round, as strings.
// Fields that are to be hidden are left out.
void web_copy_json(web_text *out, const char *json, size_t size, unsigned hide);

#endif
