// traceparent.c - W3C Trace Context, read strictly.
//
// May touch: nothing. https://www.w3.org/TR/trace-context/ has the grammar.
#include "util/traceparent.h"

#include <stddef.h>
#include <string.h>

enum { MEMBERS_MAX = 32, KEY_MAX = 256, VALUE_MAX = 256 };

// ---- traceparent --------------------------------------------------------------------------------

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Lower case alone, as the grammar has it. Stops at the end of the text by itself.
static bool read_hex(const char *text, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

// "00-", 32 digits, '-', 16 digits, '-', 2 digits; what a later version adds begins with a '-'.
bool gf_traceparent_read(const char *text, gf_traceparent *out)
{
    gf_traceparent t;
    uint8_t version;
    if (!read_hex(text, &version, 1) || version == 0xff || text[2] != '-' ||
        !read_hex(text + 3, t.trace_id, sizeof t.trace_id) || text[35] != '-' ||
        !read_hex(text + 36, t.span_id, sizeof t.span_id) || text[52] != '-' ||
        !read_hex(text + 53, &t.flags, 1))
        return false;
    if (text[55] && (version == 0 || text[55] != '-' || strlen(text) > GF_TRACEPARENT_MAX))
        return false;
    if (is_zero(t.trace_id, sizeof t.trace_id) || is_zero(t.span_id, sizeof t.span_id))
        return false;
    t.flags &= GF_TRACE_SAMPLED | GF_TRACE_RANDOM;
    *out = t;
    return true;
}

static char *write_hex(const uint8_t *bytes, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    return out;
}

void gf_traceparent_write(const gf_traceparent *t, char out[GF_TRACEPARENT_TEXT])
{
    char *at = out;
    *at++ = '0';
    *at++ = '0';
    *at++ = '-';
    at = write_hex(t->trace_id, sizeof t->trace_id, at);
    *at++ = '-';
    at = write_hex(t->span_id, sizeof t->span_id, at);
    *at++ = '-';
    at = write_hex(&t->flags, 1, at);
    *at = '\0';
}

// ---- tracestate ---------------------------------------------------------------------------------

typedef struct word {
    const char *text;
    size_t      size;
} word;

static bool is_small(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_number(char c)
{
    return c >= '0' && c <= '9';
}

// A letter (or a digit where `digits` says so), then what keys have.
static bool is_name(word w, size_t max, bool digits)
{
    if (w.size == 0 || w.size > max || !(is_small(*w.text) || (digits && is_number(*w.text))))
        return false;
    for (size_t i = 1; i < w.size; i++)
        if (!is_small(w.text[i]) && !is_number(w.text[i]) && !strchr("_-*/", w.text[i]))
            return false;
    return true;
}

// "vendor", or "tenant@vendor".
static bool is_key(word key)
{
    const char *at = memchr(key.text, '@', key.size);
    if (!at)
        return is_name(key, KEY_MAX, false);
    word tenant = { key.text, (size_t)(at - key.text) };
    word system = { at + 1, key.size - tenant.size - 1 };
    return is_name(tenant, 241, true) && is_name(system, 14, false);
}

static bool is_value(word value)
{
    if (value.size == 0 || value.size > VALUE_MAX || value.text[value.size - 1] == ' ')
        return false;
    for (size_t i = 0; i < value.size; i++)
        if (value.text[i] < 0x20 || value.text[i] > 0x7e || value.text[i] == '=')
            return false;
    return true;
}

static word trimmed(const char *text, size_t size)
{
    while (size && (*text == ' ' || *text == '\t')) {
        text++;
        size--;
    }
    while (size && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        size--;
    return (word){ text, size };
}

// Adds the member's key to those that were there, each of which there may be but once.
static bool take_member(word member, word *keys, size_t *count)
{
    const char *equals = memchr(member.text, '=', member.size);
    if (!equals || *count == MEMBERS_MAX)
        return false;
    word key = { member.text, (size_t)(equals - member.text) };
    if (!is_key(key) || !is_value((word){ equals + 1, member.size - key.size - 1 }))
        return false;
    for (size_t i = 0; i < *count; i++)
        if (keys[i].size == key.size && memcmp(keys[i].text, key.text, key.size) == 0)
            return false;
    keys[(*count)++] = key;
    return true;
}

bool gf_tracestate_valid(const char *text)
{
    word keys[MEMBERS_MAX];
    size_t count = 0;
    if (strlen(text) > GF_TRACESTATE_MAX)
        return false;
    for (;;) {
        size_t size = strcspn(text, ",");
        word member = trimmed(text, size);
        if (member.size && !take_member(member, keys, &count))
            return false;
        if (!text[size])
            return count > 0;
        text += size + 1;
    }
}
