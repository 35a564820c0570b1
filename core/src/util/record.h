// record.h - a few named values as one line of text: how attempts, log lines, events and cron
// entries are kept in a store and told to listeners.
//
// "at_ms:1764208800000\tkind=failed\terror=disk full": fields apart by tabs; ':' before an integer,
// '=' before text or bytes, in which tab, newline, NUL and backslash are written \t \n \0 \\. So a
// line holds anything, lines can be joined with newlines, and who reads an older or newer one
// passes over what it does not know. Knows no tasks.
#ifndef GF_UTIL_RECORD_H
#define GF_UTIL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Being written. Zero is a new one; the first failure for want of memory sticks (bad). text
// is NULL while empty.
typedef struct gf_record {
    char  *text;                   // NUL-terminated; gf_free, or gf_record_clear
    size_t size, room;
    bool   bad;
} gf_record;

void gf_record_int(gf_record *r, const char *name, int64_t value);
void gf_record_text(gf_record *r, const char *name, const char *text);     // NULL: left out
void gf_record_bytes(gf_record *r, const char *name, const void *bytes, size_t size);
void gf_record_newline(gf_record *r);      // ends a line: records joined to many
void gf_record_clear(gf_record *r);

// A field of a line as it stands there.
typedef struct gf_field {
    const char *name, *value;      // not NUL-terminated
    size_t      name_size, value_size;     // of the value: as escaped
    bool        is_int;
} gf_field;

// Walk the fields of [line, end), which ends before its newline; start with *at =
// line. False: no more.
bool gf_record_next(const char **at, const char *end, gf_field *field);
bool gf_field_is(const gf_field *field, const char *name);
int64_t gf_field_int(const gf_field *field, int64_t fallback);
// The value without its escapes into out, which has room for value_size + 1; a NUL
// follows. Returns its size.
size_t gf_field_copy(const gf_field *field, char *out);

// Short forms for a record of one line. text: a copy (gf_free); *out NULL: not
// there. False: no memory.
bool    gf_record_get_text(const char *line, const char *name, char **out, size_t *size);
int64_t gf_record_get_int(const char *line, const char *name, int64_t fallback);

#endif
