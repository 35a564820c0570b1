// json.h - the one JSON reader: RFC 8259, token by token, as spans of the text itself.
//
// Nothing is lost on the way: digits are text, so numbers have no range; strings may hold U+0000;
// members come in their order. What the RFC leaves open is decided here, for all who read:
//   - Bytes that are not UTF-8 and escapes that are half of a surrogate pair are refused.
//   - A byte order mark is not JSON; gf_json_unmark takes it off for those who read files.
//   - At most GF_JSON_DEPTH_MAX arrays and objects lie within each other.
//   - A key may come again, and the reader hands out each. Who reads settings (a cron entry, a
//     line of a batch) refuses a key given twice; in Lua the last one holds; a payload that only
//     passes through stays as it is written.
//   - A number too large for a double is a number; who needs its value says what is too much.
//
// What writes JSON has one piece of it here, gf_json_escape.
//
// Pure and without allocation, reads only the text it is given. The binary and the Lua module have
// this file, too (gofer_text in util/CMakeLists.txt). Threads: a scan belongs to one.
#ifndef GF_UTIL_JSON_H
#define GF_UTIL_JSON_H

#include <stdbool.h>
#include <stddef.h>

enum { GF_JSON_DEPTH_MAX = 512 };

typedef enum gf_json_kind {
    GF_JSON_BAD,                   // not JSON: scan.wrong says what, scan.at where
    GF_JSON_END,                   // the text is over
    GF_JSON_CLOSE,                 // of the array or object
    GF_JSON_OBJECT, GF_JSON_ARRAY, // as tokens: their opening brackets
    GF_JSON_KEY, GF_JSON_STRING,   // with their quotes
    GF_JSON_NUMBER, GF_JSON_TRUE, GF_JSON_FALSE, GF_JSON_NULL,
} gf_json_kind;

// A token, or a value, as it stands in the text: borrowed, not terminated.
typedef struct gf_json {
    const char  *text;
    size_t       size;
    gf_json_kind kind;
} gf_json;

typedef struct gf_json_scan {
    const char *at, *end;
    const char *wrong;             // NULL: nothing yet. "malformed value", "expected ':'" ...
    int         next;              // what may come, see json.c
    int         depth;             // arrays and objects that are open
    unsigned char objects[GF_JSON_DEPTH_MAX / 8];      // a bit each: an object
} gf_json_scan;

// ---- scans: the kind that is returned is out->kind, too

gf_json_scan gf_json_start(const char *text, size_t size);
gf_json_kind gf_json_next(gf_json_scan *s, gf_json *out);      // the next token
gf_json_kind gf_json_value(gf_json_scan *s, gf_json *out);     // the next value, whole

// The members of an object (false: no more), the values of an array (GF_JSON_CLOSE: no more).
gf_json_scan gf_json_inside(gf_json value);
bool         gf_json_member(gf_json_scan *s, gf_json *key, gf_json *value);

// The one value of a text, all of which is checked. GF_JSON_BAD: it is not one.
gf_json_kind gf_json_whole(gf_json_scan *s, gf_json *out);

// Without the byte order mark that some editors put before a text.
void gf_json_unmark(const char **text, size_t *size);

// ---- what values hold, of those that a scan has found

// The characters of a string or key into out, which has room for its size; a NUL follows. Returns
// their size.
size_t gf_json_text(gf_json string, char *out);
// Does a string or key stand for this text?
bool gf_json_is(gf_json string, const char *text);
// Is U+0000 in one of the texts of a value? What ends a text at a NUL would cut it.
bool gf_json_has_nul(gf_json value);

// A number, into which room for its size + 1 goes; infinite: too large for a double.
double gf_json_number(gf_json number, char *room);

// A value without the blanks between its parts, into out (room for size + 1); a NUL follows.
// Returns its size.
size_t gf_json_squeeze(gf_json value, char *out);

// ---- writing

// How a byte stands in a string literal, if not as itself: into out, which has room for
// GF_JSON_ESCAPE_MAX bytes and gets no NUL. Returns its size; 0: it stands as itself. DEL is
// escaped though it need not be, for those who read the text on a terminal. `short_forms`: \n
// rather than \u000a.
enum { GF_JSON_ESCAPE_MAX = 6 };
size_t gf_json_escape(unsigned char byte, bool short_forms, char *out);

#endif
