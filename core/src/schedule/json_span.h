// json_span.h - where values stand in a JSON text, for those who need them as they are written. The text must have been
// found to be well-formed; nothing outside of it is read in any case. Pure.
#ifndef GF_SCHEDULE_JSON_SPAN_H
#define GF_SCHEDULE_JSON_SPAN_H

#include <stdbool.h>
#include <stddef.h>

typedef struct gf_json_walk {
    const char *at, *end;
    bool        members;           // of an object, whose keys are passed over
} gf_json_walk;

// The values of the object or array that a text is.
gf_json_walk gf_json_members(const char *text, size_t size);
gf_json_walk gf_json_items(const char *text, size_t size);
// False: no more, and nothing is changed.
bool gf_json_next(gf_json_walk *walk, const char **value, size_t *size);

// A value without the blanks between its parts, into out (room for size + 1); a NUL follows. Returns its size.
size_t gf_json_squeeze(const char *value, size_t size, char *out);

#endif
