// json_span.c - passes over JSON values without reading them.
#include "schedule/json_span.h"

#include <string.h>

enum { DEPTH_MAX = 500 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

// ---- is it JSON? --------------------------------------------------------------------------------

// Each check_ goes to the end of what it names and is false where that cannot be, with `at` at the place.
typedef struct checking {
    const char *at, *end;
} checking;

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool take(checking *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool check_escape(checking *c)
{
    if (c->at == c->end || !memchr("\"\\/bfnrtu", *c->at, 9))
        return false;
    if (*c->at++ != 'u')
        return true;
    for (int i = 0; i < 4; i++, c->at++)
        if (c->at == c->end || hex_digit(*c->at) < 0)
            return false;
    return true;
}

static bool check_text(checking *c)
{
    if (!take(c, '"'))
        return false;
    while (c->at < c->end && *c->at != '"') {
        if ((unsigned char)*c->at < 0x20)
            return false;
        if (*c->at++ == '\\' && !check_escape(c))
            return false;
    }
    return take(c, '"');
}

static bool check_digits(checking *c)
{
    const char *from = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
        c->at++;
    return c->at > from;
}

static bool check_number(checking *c)
{
    (void)take(c, '-');
    if (!take(c, '0') && !check_digits(c))
        return false;
    if (take(c, '.') && !check_digits(c))
        return false;
    if (!take(c, 'e') && !take(c, 'E'))
        return true;
    if (!take(c, '+'))
        (void)take(c, '-');
    return check_digits(c);
}

static bool check_word(checking *c, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(c->end - c->at) < size || memcmp(c->at, word, size) != 0)
        return false;
    c->at += size;
    return true;
}

static bool check_value(checking *c, int depth);

static bool check_inside(checking *c, int depth, char close)
{
    if (depth == DEPTH_MAX)
        return false;
    c->at = skip_blanks(c->at + 1, c->end);
    if (take(c, close))
        return true;
    do {
        c->at = skip_blanks(c->at, c->end);
        if (close == '}') {
            if (!check_text(c))
                return false;
            c->at = skip_blanks(c->at, c->end);
            if (!take(c, ':'))
                return false;
        }
        if (!check_value(c, depth + 1))
            return false;
    } while (take(c, ','));
    return take(c, close);
}

// With the blanks around it.
static bool check_value(checking *c, int depth)
{
    bool good;
    c->at = skip_blanks(c->at, c->end);
    switch (c->at < c->end ? *c->at : '\0') {
    case '{': good = check_inside(c, depth, '}'); break;
    case '[': good = check_inside(c, depth, ']'); break;
    case '"': good = check_text(c); break;
    case 't': good = check_word(c, "true"); break;
    case 'f': good = check_word(c, "false"); break;
    case 'n': good = check_word(c, "null"); break;
    default: good = check_number(c); break;
    }
    c->at = good ? skip_blanks(c->at, c->end) : c->at;
    return good;
}

const char *gf_json_error(const char *text, size_t size)
{
    checking c = { text, text + size };
    return check_value(&c, 0) && c.at == c.end ? NULL : c.at;
}

// ---- walks ----------------------------------------------------------------------------------------

// at: the opening quote.
static const char *skip_text(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\' && at + 1 < end)
            at++;
    return at < end ? at + 1 : end;
}

static const char *skip_value(const char *at, const char *end)
{
    int depth = 0;
    while (at < end) {
        char c = *at;
        if (depth == 0 && (c == ',' || c == ']' || c == '}' || is_blank(c)))
            break;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at = c == '"' ? skip_text(at, end) : at + 1;
        if (depth == 0 && (c == '"' || c == '}' || c == ']'))
            break;
    }
    return at;
}

static gf_json_walk inside(const char *text, size_t size, bool members)
{
    const char *end = text + size, *at = skip_blanks(text, end);
    return (gf_json_walk){ .at = at < end ? at + 1 : end, .end = end, .members = members };
}

gf_json_walk gf_json_members(const char *text, size_t size)
{
    return inside(text, size, true);
}

gf_json_walk gf_json_items(const char *text, size_t size)
{
    return inside(text, size, false);
}

static void skip_signs(gf_json_walk *w)
{
    while (w->at < w->end && (is_blank(*w->at) || *w->at == ',' || *w->at == ':'))
        w->at++;
}

bool gf_json_next(gf_json_walk *w, const char **value, size_t *size)
{
    skip_signs(w);
    if (w->members && w->at < w->end && *w->at == '"') {
        w->key = w->at;
        w->at = skip_text(w->at, w->end);
        w->key_size = (size_t)(w->at - w->key);
        skip_signs(w);
    }
    if (w->at == w->end || *w->at == '}' || *w->at == ']')
        return false;
    const char *from = w->at;
    w->at = skip_value(from, w->end);
    *value = from;
    *size = (size_t)(w->at - from);
    return true;
}

// ---- what they hold ---------------------------------------------------------------------------------

bool gf_json_has_nul(const char *value, size_t size)
{
    const char *end = value + size;
    bool in_text = false;
    for (const char *at = value; at < end; at++) {
        in_text ^= *at == '"';
        if (!in_text || *at != '\\')
            continue;
        if (end - at >= 6 && memcmp(at, "\\u0000", 6) == 0)
            return true;
        at++;                      // what is escaped: a quote or a backslash perhaps
    }
    return false;
}

static unsigned hex4(const char *at)
{
    unsigned code = 0;
    for (int i = 0; i < 4; i++)
        code = code << 4 | (unsigned)hex_digit(at[i]);
    return code;
}

static char *put_utf8(char *out, unsigned code)
{
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length; --i > 0; code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(length == 1 ? code : (0xF00u >> length & 0xFF) | code);
    return out + length;
}

// at: behind "\u". A pair of surrogates is one character, a lone one becomes U+FFFD.
static const char *read_unicode(const char *at, const char *end, char **out)
{
    unsigned code = hex4(at), low;
    at += 4;
    if (code >= 0xD800 && code < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
        (low = hex4(at + 2)) >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        at += 6;
    }
    *out = put_utf8(*out, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
    return at;
}

size_t gf_json_text(const char *value, size_t size, char *out)
{
    static const char letters[] = "bfnrt", means[] = "\b\f\n\r\t";
    const char *at = value + 1, *end = value + size - 1;
    char *to = out;
    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
        } else if (at[1] == 'u') {
            at = read_unicode(at + 2, end, &to);
        } else {
            const char *letter = memchr(letters, at[1], sizeof letters - 1);
            *to++ = letter ? means[letter - letters] : at[1];
            at += 2;
        }
    }
    *to = '\0';
    return (size_t)(to - out);
}

size_t gf_json_squeeze(const char *value, size_t size, char *out)
{
    size_t used = 0;
    const char *end = value + size;
    for (const char *at = value; at < end;) {
        if (is_blank(*at)) {
            at++;
            continue;
        }
        const char *next = *at == '"' ? skip_text(at, end) : at + 1;
        while (at < next)
            out[used++] = *at++;
    }
    out[used] = '\0';
    return used;
}
