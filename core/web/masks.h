// masks.h - fields of payloads, results and headers that nobody is shown.
//
// A mask is a pattern of TYPE.FIELD.FIELD..., such as "user:*.password": the type of the task, and
// the names of the fields down to the value, a dot before each; elements of an array count as the
// array itself. '*' stands for any characters, dots too, and letters of either case are one. Types
// and names may have dots in them: nobody need say where the type ends, for each way of reading it
// counts.
//
// What has a mask of its type and is no JSON object or array cannot be looked into, and is hidden
// whole. A task in a payload (of groups, of on-dead) is masked by its own type. Threads: any.
#ifndef WEB_MASKS_H
#define WEB_MASKS_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"
#include "util/json.h"

#define WEB_MASKED "***"

typedef struct web_masks web_masks;

// NULL: `why` says why not.
web_masks *web_masks_new(const char *const *patterns, size_t count, char *why, size_t size);
void web_masks_free(web_masks *masks);      // NULL is fine

// May there be something to mask in tasks of this type?
bool web_masks_know(const web_masks *masks, const char *type);
// Appends what a record of a task of this type has as its payload or result, a string or an object
// with base64 in it; or its headers, an object.
void web_mask_bytes(web_text *out, const web_masks *masks, const char *type, gf_json bytes);
void web_mask_headers(web_text *out, const web_masks *masks, const char *type, gf_json headers);
// Has a payload WEB_MASKED where it would be masked? Then it comes from who was shown it so.
bool web_masks_hold(const web_masks *masks, const char *type, const char *payload, size_t size);
bool web_masks_hold_header(const web_masks *masks, const char *type, const char *name,
    const char *value);

#endif
