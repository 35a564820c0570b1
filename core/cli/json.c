// json.c - JSON read as spans of its own text, so that digits and NULs survive; and strings written.
#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "screen.h"

enum { DEPTH_MAX = 512 };

// ---- Reading: each skip_ returns the place behind what it names, or NULL

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
        : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static const char *skip_string(const char *p, const char *end)
{
    if (p >= end || *p++ != '"')
        return NULL;
    while (p < end && *p != '"') {
        if ((unsigned char)*p < 0x20)
            return NULL;
        if (*p++ != '\\')
            continue;
        if (p >= end || !memchr("\"\\/bfnrtu", *p, 9))     // strchr would find a NUL, too
            return NULL;
        if (*p++ != 'u')
            continue;
        for (int i = 0; i < 4; i++, p++)
            if (p >= end || hex_digit(*p) < 0)
                return NULL;
    }
    return p < end ? p + 1 : NULL;
}

static const char *skip_digits(const char *p, const char *end)
{
    const char *from = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p > from ? p : NULL;
}

static const char *skip_number(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    if (p < end && *p == '0')
        p++;
    else if (!(p = skip_digits(p, end)))
        return NULL;
    if (p < end && *p == '.' && !(p = skip_digits(p + 1, end)))
        return NULL;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = skip_digits(p, end);
    }
    return p;
}

static const char *skip_word(const char *p, const char *end, const char *word)
{
    size_t size = strlen(word);
    return (size_t)(end - p) >= size && memcmp(p, word, size) == 0 ? p + size : NULL;
}

static const char *skip_value(const char *p, const char *end, int depth);

static const char *skip_nested(const char *p, const char *end, int depth)
{
    char close = *p == '{' ? '}' : ']';
    int is_object = *p == '{';
    if (depth >= DEPTH_MAX)
        return NULL;
    p = skip_blanks(p + 1, end);
    if (p < end && *p == close)
        return p + 1;
    for (;;) {
        if (is_object) {
            p = skip_string(p, end);
            if (!p || (p = skip_blanks(p, end)) >= end || *p != ':')
                return NULL;
            p = skip_blanks(p + 1, end);
        }
        if (!(p = skip_value(p, end, depth + 1)) || (p = skip_blanks(p, end)) >= end)
            return NULL;
        if (*p == close)
            return p + 1;
        if (*p != ',')
            return NULL;
        p = skip_blanks(p + 1, end);
    }
}

static const char *skip_value(const char *p, const char *end, int depth)
{
    if (p >= end)
        return NULL;
    switch (*p) {
    case '{':
    case '[':
        return skip_nested(p, end, depth);
    case '"':
        return skip_string(p, end);
    case 't':
        return skip_word(p, end, "true");
    case 'f':
        return skip_word(p, end, "false");
    case 'n':
        return skip_word(p, end, "null");
    default:
        return skip_number(p, end);
    }
}

int json_whole(const char *text, size_t size, json_span *out)
{
    const char *end = text + size;
    const char *from = skip_blanks(text, end);
    const char *behind = skip_value(from, end, 0);
    if (!behind || skip_blanks(behind, end) != end)
        return -1;
    *out = (json_span){ from, (size_t)(behind - from) };
    return 0;
}

int json_member(json_span *at, json_span *key, json_span *value)
{
    const char *p = at->text, *end = at->text + at->size;
    if (p >= end || (*p != '{' && *p != ','))
        return p < end && *p == '}' ? 0 : -1;
    p = skip_blanks(p + 1, end);
    if (p < end && *p == '}')
        return 0;

    const char *behind = skip_string(p, end);
    if (!behind)
        return -1;
    *key = (json_span){ p, (size_t)(behind - p) };
    p = skip_blanks(behind, end);
    if (p >= end || *p != ':')
        return -1;
    p = skip_blanks(p + 1, end);
    if (!(behind = skip_value(p, end, 1)))
        return -1;
    *value = (json_span){ p, (size_t)(behind - p) };
    p = skip_blanks(behind, end);
    *at = (json_span){ p, (size_t)(end - p) };
    return 1;
}

char json_kind(json_span value)
{
    char c = value.size ? value.text[0] : 'n';
    return c == '-' || (c >= '0' && c <= '9') ? '0' : c;
}

// ---- Decoding

static unsigned hex4(const char *p)
{
    unsigned code = 0;
    for (int i = 0; i < 4; i++)
        code = code << 4 | (unsigned)hex_digit(p[i]);
    return code;
}

static size_t encode_utf8(char *out, unsigned code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)((0xF00u >> length & 0xFF) | code);
    return length;
}

// p stands behind "\u". Pairs of surrogates are one character; a lone one becomes U+FFFD.
static const char *decode_unicode(const char *p, const char *end, char *out, size_t *length)
{
    unsigned code = hex4(p);
    p += 4;
    if (code >= 0xD800 && code < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        unsigned low = hex4(p + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            p += 6;
        }
    }
    if (code >= 0xD800 && code < 0xE000)
        code = 0xFFFD;
    *length += encode_utf8(out + *length, code);
    return p;
}

char *json_string(json_span value, size_t *size)
{
    if (value.size < 2 || value.text[0] != '"')
        return NULL;
    static const char letters[] = "bfnrt", means[] = "\b\f\n\r\t";
    const char *p = value.text + 1, *end = value.text + value.size - 1;
    char *out = cli_alloc(value.size);
    size_t length = 0;
    while (p < end) {
        if (*p != '\\') {
            out[length++] = *p++;
            continue;
        }
        p++;
        const char *letter = memchr(letters, *p, sizeof letters - 1);
        if (*p == 'u') {
            p = decode_unicode(p + 1, end, out, &length);
        } else {
            out[length++] = letter ? means[letter - letters] : *p;
            p++;
        }
    }
    out[length] = '\0';
    if (size)
        *size = length;
    return out;
}

char *json_base64(const char *text, size_t size, size_t *out_size)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    while (size && text[size - 1] == '=')
        size--;
    if (size % 4 == 1)
        return NULL;
    char *out = cli_alloc(size / 4 * 3 + 4);
    size_t length = 0;
    unsigned bits = 0, have = 0;
    for (size_t i = 0; i < size; i++) {
        const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;
        if (!at) {
            free(out);
            return NULL;
        }
        bits = bits << 6 | (unsigned)(at - alphabet);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[length++] = (char)(bits >> have & 0xFF);
        }
    }
    *out_size = length;
    return out;
}

// ---- Writing

size_t json_put_into(char *out, const char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            out[length++] = '\\';
            out[length++] = (char)c;
        } else if (c < 0x20 || c == 0x7F) {
            length += (size_t)snprintf(out + length, 7, "\\u%04x", c);
        } else {
            out[length++] = (char)c;
        }
    }
    out[length] = '\0';
    return length;
}

void json_put(FILE *out, const char *text, size_t size)
{
    char *quoted = cli_alloc(size * 6 + 1);
    char *clean = NULL;
    if (!screen_is_utf8(text, size)) {
        // A stray byte becomes the replacement character; the rest stays.
        clean = cli_alloc(size * 3 + 1);
        size_t length = 0;
        for (size_t i = 0; i < size;) {
            size_t take = size - i < 4 ? size - i : 4;
            while (take && !screen_is_utf8(text + i, take))
                take--;
            if (take) {
                memcpy(clean + length, text + i, take);
                length += take;
                i += take;
            } else {
                memcpy(clean + length, "\xEF\xBF\xBD", 3);
                length += 3;
                i++;
            }
        }
        text = clean;
        free(quoted);
        quoted = cli_alloc(length * 6 + 1);
        size = length;
    }
    size_t length = json_put_into(quoted, text, size);
    fputc('"', out);
    fwrite(quoted, 1, length, out);
    fputc('"', out);
    free(clean);
    free(quoted);
}

void json_put_text(FILE *out, const char *text)
{
    if (text)
        json_put(out, text, strlen(text));
    else
        fputs("null", out);
}
