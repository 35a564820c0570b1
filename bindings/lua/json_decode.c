// json_decode.c - JSON text (RFC 8259) to Lua values.
//
// A reading function pushes its value and returns true, or pushes a message and returns false.
// May touch: json.h.
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

typedef struct reader {
    lua_State  *L;
    const char *start, *at, *end;
    int         scratch;        // stack index of the buffer for strings with escapes
    char       *buffer;
    size_t      capacity;
} reader;

// Push "… at byte N" and return false, which every reading function hands on.
static bool bad(reader *r, const char *what)
{
    lua_pushfstring(r->L, "%s at byte %I", what, (lua_Integer)(r->at - r->start + 1));
    return false;
}

static void skip_space(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
}

static bool read_hex4(reader *r, unsigned *out)
{
    unsigned value = 0;
    if (r->end - r->at < 4)
        return bad(r, "cut \\u escape");
    for (int i = 0; i < 4; i++, r->at++) {
        char c = *r->at;
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0)
            return bad(r, "malformed \\u escape");
        value = value * 16 + (unsigned)digit;
    }
    *out = value;
    return true;
}

static char *put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xC0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *to++ = (char)(0xE0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
        *to++ = (char)(0x80 | (code & 0x3F));
    } else {
        *to++ = (char)(0xF0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3F));
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
        *to++ = (char)(0x80 | (code & 0x3F));
    }
    return to;
}

static bool read_unicode(reader *r, char **to)
{
    unsigned code, low;
    if (!read_hex4(r, &code))
        return false;
    if (code >= 0xDC00 && code <= 0xDFFF)
        return bad(r, "half a surrogate pair");
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
            return bad(r, "half a surrogate pair");
        r->at += 2;
        if (!read_hex4(r, &low))
            return false;
        if (low < 0xDC00 || low > 0xDFFF)
            return bad(r, "half a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *to = put_utf8(*to, code);
    return true;
}

static bool read_escape(reader *r, char **to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    r->at++;    // the backslash
    if (r->at >= r->end)
        return bad(r, "cut string");
    const char *found = *r->at ? strchr(from, *r->at) : NULL;
    if (found) {
        *(*to)++ = into[found - from];
        r->at++;
        return true;
    }
    if (*r->at != 'u')
        return bad(r, "unknown escape");
    r->at++;
    return read_unicode(r, to);
}

// The closing quote from r->at on, or NULL; *plain: no escapes between.
static const char *closing_quote(const reader *r, bool *plain)
{
    *plain = true;
    for (const char *p = r->at; p < r->end; p++) {
        if (*p == '"')
            return p;
        if (*p == '\\') {
            *plain = false;
            p++;
        }
    }
    return NULL;
}

static bool check_utf8(reader *r, const char *until)
{
    while (r->at < until) {
        size_t length = gofer_lua_utf8_length((const unsigned char *)r->at, (size_t)(until - r->at));
        if (length == 0)
            return bad(r, "malformed UTF-8");
        if ((unsigned char)*r->at < 0x20)
            return bad(r, "control character in a string");
        r->at += length;
    }
    return true;
}

static bool read_string(reader *r)
{
    bool plain;
    r->at++;    // the opening quote
    const char *start = r->at, *quote = closing_quote(r, &plain);
    if (!quote)
        return bad(r, "string without an end");
    if (!check_utf8(r, quote))
        return false;
    if (plain) {
        lua_pushlstring(r->L, start, (size_t)(quote - start));
        r->at = quote + 1;
        return true;
    }

    if ((size_t)(quote - start) > r->capacity) {    // no escape is shorter than what it stands for
        r->capacity = (size_t)(quote - start) * 2;
        r->buffer = lua_newuserdatauv(r->L, r->capacity, 0);
        lua_replace(r->L, r->scratch);
    }
    char *to = r->buffer;
    for (r->at = start; r->at < quote;) {
        if (*r->at != '\\')
            *to++ = *r->at++;
        else if (!read_escape(r, &to))
            return false;
    }
    lua_pushlstring(r->L, r->buffer, (size_t)(to - r->buffer));
    r->at = quote + 1;
    return true;
}

static size_t skip_digits(reader *r)
{
    const char *start = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return (size_t)(r->at - start);
}

// text has passed the grammar; it is not NUL-terminated where it stands.
static bool push_number(reader *r, const char *text, size_t size, bool whole)
{
    if (whole && size < 32) {
        char copy[32];
        memcpy(copy, text, size);
        copy[size] = '\0';
        errno = 0;
        long long value = strtoll(copy, NULL, 10);
        if (errno == 0) {
            lua_pushinteger(r->L, (lua_Integer)value);
            return true;
        }
    }
    char *copy = lua_newuserdatauv(r->L, size + 1, 0);
    memcpy(copy, text, size);
    copy[size] = '\0';
    char *point = strchr(copy, '.');
    if (point)
        *point = localeconv()->decimal_point[0];
    double number = strtod(copy, NULL);
    lua_pop(r->L, 1);
    if (!isfinite(number))
        return bad(r, "number too large");
    lua_pushnumber(r->L, number);
    return true;
}

static bool read_number(reader *r)
{
    const char *start = r->at;
    bool whole = true;
    if (*r->at == '-')
        r->at++;
    if (r->at < r->end && *r->at == '0')
        r->at++;
    else if (skip_digits(r) == 0)
        return bad(r, "malformed value");
    if (r->at < r->end && *r->at == '.') {
        whole = false;
        r->at++;
        if (skip_digits(r) == 0)
            return bad(r, "malformed number");
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        whole = false;
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        if (skip_digits(r) == 0)
            return bad(r, "malformed number");
    }
    return push_number(r, start, (size_t)(r->at - start), whole);
}

static bool read_word(reader *r)
{
    static const char *const words[] = { "true", "false", "null" };
    for (int i = 0; i < 3; i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(r->end - r->at) < length || memcmp(r->at, words[i], length) != 0)
            continue;
        r->at += length;
        if (i == 2)
            gofer_lua_push_null(r->L);
        else
            lua_pushboolean(r->L, i == 0);
        return true;
    }
    return bad(r, "malformed value");
}

static bool read_value(reader *r, int depth);

// After an element: true if another follows; *over when the closing bracket was read.
static bool next_element(reader *r, char close, bool *over)
{
    skip_space(r);
    *over = r->at < r->end && *r->at == close;
    if (!*over && (r->at >= r->end || *r->at != ','))
        return bad(r, close == ']' ? "expected ',' or ']'" : "expected ',' or '}'");
    r->at++;
    return true;
}

static bool read_array(reader *r, int depth)
{
    lua_newtable(r->L);
    gofer_lua_push_array_mark(r->L);
    lua_setmetatable(r->L, -2);
    r->at++;
    skip_space(r);
    if (r->at < r->end && *r->at == ']') {
        r->at++;
        return true;
    }
    bool over = false;
    for (lua_Integer i = 1; !over; i++) {
        if (!read_value(r, depth + 1))
            return false;
        lua_rawseti(r->L, -2, i);
        if (!next_element(r, ']', &over))
            return false;
    }
    return true;
}

static bool read_object(reader *r, int depth)
{
    lua_newtable(r->L);
    r->at++;
    skip_space(r);
    if (r->at < r->end && *r->at == '}') {
        r->at++;
        return true;
    }
    bool over = false;
    while (!over) {
        skip_space(r);
        if (r->at >= r->end || *r->at != '"')
            return bad(r, "expected a key");
        if (!read_string(r))
            return false;
        skip_space(r);
        if (r->at >= r->end || *r->at != ':')
            return bad(r, "expected ':'");
        r->at++;
        if (!read_value(r, depth + 1))
            return false;
        lua_rawset(r->L, -3);
        if (!next_element(r, '}', &over))
            return false;
    }
    return true;
}

static bool read_value(reader *r, int depth)
{
    if (depth > DEPTH_MAX)
        return bad(r, "nested too deeply");
    luaL_checkstack(r->L, 8, "JSON to table");
    skip_space(r);
    if (r->at >= r->end)
        return bad(r, "unexpected end");
    switch (*r->at) {
    case '{': return read_object(r, depth);
    case '[': return read_array(r, depth);
    case '"': return read_string(r);
    case 't': case 'f': case 'n': return read_word(r);
    default:  return read_number(r);
    }
}

int gofer_lua_json_decode(lua_State *L, const char *text, size_t size)
{
    luaL_checkstack(L, 8, "JSON to table");
    int top = lua_gettop(L);
    lua_pushnil(L);     // the scratch buffer, when one is needed
    reader r = { .L = L, .start = text, .at = text, .end = text + size, .scratch = top + 1 };
    bool ok = read_value(&r, 0);
    if (ok) {
        skip_space(&r);
        if (r.at < r.end)
            ok = bad(&r, "something follows the value");
    }
    lua_replace(L, top + 1);    // the value or the message; whatever is half-built goes
    lua_settop(L, top + 1);
    return ok;
}
