// json_span.h - where values stand in a JSON text, for those who need them as they are written. The text must have been
// found to be well-formed by gf_json_error, for another reader's idea of JSON may be wider than this one's; nothing outside
// of it is read in any case. Pure.
#ifndef GF_SCHEDULE_JSON_SPAN_H
#define GF_SCHEDULE_JSON_SPAN_H

#include <stdbool.h>
#include <stddef.h>

// NULL: the text is one JSON value as in RFC 8259, nested at most 500 deep. Else the place where it is not.
const char *gf_json_error(const char *text, size_t size);

typedef struct gf_json_walk {
    const char *at, *end;
    bool        members;           // of an object
    const char *key;               // of the member passed last, with its quotes
    size_t      key_size;
} gf_json_walk;

// The values of the object or array that a text is.
gf_json_walk gf_json_members(const char *text, size_t size);
gf_json_walk gf_json_items(const char *text, size_t size);
// False: no more, and nothing is changed.
bool gf_json_next(gf_json_walk *walk, const char **value, size_t *size);

// Is U+0000 written in one of the texts of a value? What ends a text at a NUL would cut it.
bool gf_json_has_nul(const char *value, size_t size);

// The characters of a text, which begins at a quote, into out (room for size); a NUL follows. Returns their size.
size_t gf_json_text(const char *value, size_t size, char *out);

// A value without the blanks between its parts, into out (room for size + 1); a NUL follows. Returns its size.
size_t gf_json_squeeze(const char *value, size_t size, char *out);

#endif
