// json.c - the JSON reader. A scan is a small machine: what may come next, and for each array and
// object that is open which of the two it is. So it has no recursion, and its stack is one size.
#include "util/json.h"

#include <assert.h>
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/hex.h"
#include "util/utf8.h"

// What may come.
enum {
    VALUE,                         // a value
    FIRST_VALUE,                   // a value, or the end of an array
    KEY,                           // a key
    FIRST_KEY,                     // a key, or the end of an object
    REST,                          // after a value: a comma, a closing bracket, or the end
};

gf_json_scan gf_json_start(const char *text, size_t size)
{
    return (gf_json_scan){ .at = text, .end = text + size, .next = VALUE };
}

// ---- tokens: each check_ goes behind what it names, or says what is wrong at its place ----------

static bool wrong(gf_json_scan *s, const char *what)
{
    s->wrong = what;
    return false;
}

static gf_json_kind bad(gf_json_scan *s, const char *what)
{
    s->wrong = what;
    return GF_JSON_BAD;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(gf_json_scan *s)
{
    while (s->at < s->end && is_blank(*s->at))
        s->at++;
}

static bool is_at(const gf_json_scan *s, char c)
{
    return s->at < s->end && *s->at == c;
}

static bool take(gf_json_scan *s, char c)
{
    bool there = is_at(s, c);
    s->at += there;
    return there;
}

// at: the first of four digits.
static uint32_t hex4(const char *at)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++)
        code = code << 4 | (uint32_t)gf_hex_value(at[i]);
    return code;
}

static bool check_hex4(gf_json_scan *s, uint32_t *code)
{
    for (int i = 0; i < 4; i++)
        if (s->end - s->at <= i || gf_hex_value(s->at[i]) < 0)
            return wrong(s, "malformed \\u escape");
    *code = hex4(s->at);
    s->at += 4;
    return true;
}

// Behind "\u".
static bool check_unicode(gf_json_scan *s)
{
    uint32_t code;
    if (!check_hex4(s, &code))
        return false;
    if (code < 0xD800 || code > 0xDFFF)
        return true;
    if (code > 0xDBFF || !take(s, '\\') || !take(s, 'u'))
        return wrong(s, "half a surrogate pair");
    if (!check_hex4(s, &code))
        return false;
    return (code >= 0xDC00 && code <= 0xDFFF) || wrong(s, "half a surrogate pair");
}

// Behind a backslash.
static bool check_escape(gf_json_scan *s)
{
    if (s->at == s->end || !memchr("\"\\/bfnrtu", *s->at, 9))  // strchr would find a NUL, too
        return wrong(s, "unknown escape");
    return *s->at++ != 'u' || check_unicode(s);
}

static bool check_string(gf_json_scan *s)
{
    s->at++;
    while (s->at < s->end && *s->at != '"') {
        uint32_t code;
        size_t length = gf_utf8_read(s->at, (size_t)(s->end - s->at), &code);
        if (length == 0)
            return wrong(s, "malformed UTF-8");
        if (code < 0x20)
            return wrong(s, "control character in a string");
        s->at += length;
        if (code == '\\' && !check_escape(s))
            return false;
    }
    return take(s, '"') || wrong(s, "string without an end");
}

static bool check_digits(gf_json_scan *s)
{
    const char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > from;
}

static bool check_number(gf_json_scan *s)
{
    (void)take(s, '-');
    if (!take(s, '0') && !check_digits(s))
        return wrong(s, "malformed value");
    if (take(s, '.') && !check_digits(s))
        return wrong(s, "malformed number");
    if (!take(s, 'e') && !take(s, 'E'))
        return true;
    if (!take(s, '+'))
        (void)take(s, '-');
    return check_digits(s) || wrong(s, "malformed number");
}

static bool check_word(gf_json_scan *s, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(s->end - s->at) < size || memcmp(s->at, word, size) != 0)
        return wrong(s, "malformed value");
    s->at += size;
    return true;
}

// ---- the machine --------------------------------------------------------------------------------

static bool in_object(const gf_json_scan *s)
{
    int i = s->depth - 1;
    return i >= 0 && (s->objects[i / 8] >> i % 8 & 1);
}

static gf_json_kind open_nested(gf_json_scan *s, gf_json_kind kind)
{
    if (s->depth == GF_JSON_DEPTH_MAX)
        return bad(s, "nested too deeply");
    unsigned char *byte = &s->objects[s->depth / 8], bit = (unsigned char)(1u << s->depth % 8);
    *byte = (unsigned char)(kind == GF_JSON_OBJECT ? *byte | bit : *byte & ~bit);
    s->depth++;
    s->next = kind == GF_JSON_OBJECT ? FIRST_KEY : FIRST_VALUE;
    s->at++;
    return kind;
}

static gf_json_kind close_nested(gf_json_scan *s)
{
    s->at++;
    s->depth--;
    s->next = REST;
    return GF_JSON_CLOSE;
}

// A value begins here, or one does not.
static gf_json_kind scan_value(gf_json_scan *s)
{
    if (s->at == s->end)
        return bad(s, "unexpected end");
    s->next = REST;
    switch (*s->at) {
    case '{': return open_nested(s, GF_JSON_OBJECT);
    case '[': return open_nested(s, GF_JSON_ARRAY);
    case '"': return check_string(s) ? GF_JSON_STRING : GF_JSON_BAD;
    case 't': return check_word(s, "true") ? GF_JSON_TRUE : GF_JSON_BAD;
    case 'f': return check_word(s, "false") ? GF_JSON_FALSE : GF_JSON_BAD;
    case 'n': return check_word(s, "null") ? GF_JSON_NULL : GF_JSON_BAD;
    default: return check_number(s) ? GF_JSON_NUMBER : GF_JSON_BAD;
    }
}

// A key and the colon behind it; out->size is the key's.
static gf_json_kind scan_key(gf_json_scan *s, gf_json *out)
{
    if (!is_at(s, '"'))
        return bad(s, "expected a key");
    if (!check_string(s))
        return GF_JSON_BAD;
    out->size = (size_t)(s->at - out->text);
    skip_blanks(s);
    if (!take(s, ':'))
        return bad(s, "expected ':'");
    s->next = VALUE;
    return GF_JSON_KEY;
}

// After a value: false where something else is to come now. *kind: the token, or what is wrong.
static bool scan_rest(gf_json_scan *s, gf_json_kind *kind)
{
    bool of_object = in_object(s);
    if (s->depth == 0)
        *kind = s->at == s->end ? GF_JSON_END : bad(s, "something follows the value");
    else if (is_at(s, of_object ? '}' : ']'))
        *kind = close_nested(s);
    else if (!is_at(s, ','))
        *kind = bad(s, of_object ? "expected ',' or '}'" : "expected ',' or ']'");
    else
        s->next = of_object ? KEY : VALUE;
    if (s->next == REST)
        return true;
    s->at++;
    skip_blanks(s);
    return false;
}

static gf_json_kind scan_token(gf_json_scan *s, gf_json *out)
{
    gf_json_kind kind = GF_JSON_BAD;
    if (s->next == REST && scan_rest(s, &kind))
        return kind;
    if ((s->next == FIRST_VALUE && is_at(s, ']')) || (s->next == FIRST_KEY && is_at(s, '}')))
        return close_nested(s);
    out->text = s->at;
    return s->next == KEY || s->next == FIRST_KEY ? scan_key(s, out) : scan_value(s);
}

gf_json_kind gf_json_next(gf_json_scan *s, gf_json *out)
{
    *out = (gf_json){ .kind = GF_JSON_BAD };
    if (s->wrong)
        return GF_JSON_BAD;
    skip_blanks(s);
    out->text = s->at;
    out->kind = scan_token(s, out);
    if (!out->size)
        out->size = (size_t)(s->at - out->text);
    return out->kind;
}

gf_json_kind gf_json_value(gf_json_scan *s, gf_json *out)
{
    int around = s->depth;
    gf_json_kind kind = gf_json_next(s, out);
    if (kind != GF_JSON_OBJECT && kind != GF_JSON_ARRAY)
        return kind;
    while (s->depth > around) {
        gf_json inner;
        if (gf_json_next(s, &inner) == GF_JSON_BAD)
            return out->kind = GF_JSON_BAD;
    }
    out->size = (size_t)(s->at - out->text);
    return kind;
}

gf_json_scan gf_json_inside(gf_json value)
{
    gf_json open;
    gf_json_scan s = gf_json_start(value.text, value.size);
    (void)gf_json_next(&s, &open);
    return s;
}

bool gf_json_member(gf_json_scan *s, gf_json *key, gf_json *value)
{
    gf_json_kind kind = gf_json_next(s, key);
    assert(kind <= GF_JSON_CLOSE || kind == GF_JSON_KEY);
    return kind == GF_JSON_KEY && gf_json_value(s, value) != GF_JSON_BAD;
}

gf_json_kind gf_json_whole(gf_json_scan *s, gf_json *out)
{
    gf_json end;
    gf_json_kind kind = gf_json_value(s, out);
    return kind == GF_JSON_BAD ? kind : gf_json_next(s, &end) == GF_JSON_END ? kind : GF_JSON_BAD;
}

void gf_json_unmark(const char **text, size_t *size)
{
    static const char mark[] = "\xEF\xBB\xBF";
    enum { MARK_SIZE = sizeof mark - 1 };
    if (*size < MARK_SIZE || memcmp(*text, mark, MARK_SIZE) != 0)
        return;
    *text += MARK_SIZE;
    *size -= MARK_SIZE;
}

// ---- what values hold ---------------------------------------------------------------------------

// The character at `at`, or what its escape stands for, into out (room for 4); *at goes behind it.
static size_t decode(const char **at, char *out)
{
    static const char letters[] = "bfnrt", means[] = "\b\f\n\r\t";
    const char *p = *at;
    if (*p != '\\') {
        *out = *p;                 // of a long character its next byte comes by itself
        *at = p + 1;
        return 1;
    }
    if (p[1] != 'u') {
        const char *letter = memchr(letters, p[1], sizeof letters - 1);
        *out = letter ? means[letter - letters] : p[1];
        *at = p + 2;
        return 1;
    }
    uint32_t code = hex4(p + 2);
    *at = p + 6;
    if (code >= 0xD800 && code <= 0xDBFF) {
        code = 0x10000 + ((code - 0xD800) << 10) + (hex4(p + 8) - 0xDC00);
        *at = p + 12;
    }
    return gf_utf8_write(code, out);
}

size_t gf_json_text(gf_json string, char *out)
{
    const char *at = string.text + 1, *end = string.text + string.size - 1;
    char *to = out;
    while (at < end)
        to += decode(&at, to);     // no escape is shorter than what it stands for
    *to = '\0';
    return (size_t)(to - out);
}

bool gf_json_is(gf_json string, const char *text)
{
    const char *at = string.text + 1, *end = string.text + string.size - 1;
    size_t left = strlen(text);
    while (at < end) {
        char one[4];
        size_t size = decode(&at, one);
        if (size > left || memcmp(one, text, size) != 0)
            return false;
        text += size;
        left -= size;
    }
    return left == 0;
}

bool gf_json_has_nul(gf_json value)
{
    const char *end = value.text + value.size;
    for (const char *at = value.text; at < end; at++) {
        if (*at != '\\')
            continue;              // a backslash stands in texts alone
        if (end - at >= 6 && memcmp(at, "\\u0000", 6) == 0)
            return true;
        at++;                      // what is escaped: a quote or a backslash perhaps
    }
    return false;
}

double gf_json_number(gf_json number, char *room)
{
    memcpy(room, number.text, number.size);
    room[number.size] = '\0';
    char *point = strchr(room, '.');
    if (point)
        *point = localeconv()->decimal_point[0];       // which strtod wants
    return strtod(room, NULL);
}

size_t gf_json_squeeze(gf_json value, char *out)
{
    size_t used = 0;
    bool in_text = false;
    for (const char *at = value.text, *end = at + value.size; at < end; at++) {
        if (!in_text && is_blank(*at))
            continue;
        out[used++] = *at;
        if (*at == '"')
            in_text = !in_text;
        else if (*at == '\\')
            out[used++] = *++at;
    }
    out[used] = '\0';
    return used;
}

// ---- writing ------------------------------------------------------------------------------------

size_t gf_json_escape(unsigned char byte, bool short_forms, char *out)
{
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
    };
    static const char digits[] = "0123456789abcdef";
    char letter = byte == '"' || byte == '\\' ? (char)byte
        : short_forms && byte < sizeof letters ? letters[byte] : '\0';
    if (letter) {
        out[0] = '\\';
        out[1] = letter;
        return 2;
    }
    if (byte >= 0x20 && byte != 0x7F)
        return 0;
    memcpy(out, "\\u00", 4);
    out[4] = digits[byte >> 4];
    out[5] = digits[byte & 0xF];
    return 6;
}
