// record.c - a few named values as one line of text.
//
// May touch: alloc, array. A record that there was no memory for is "bad" from then on, so that
// writers ask once, at the end. Threads: a record belongs to one.
#include "util/array.h"
#include "util/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/alloc.h"

// ---- writing ---------------------------------------------------------------------------

static bool make_room(gf_record *r, size_t more)
{
    if (r->bad)
        return false;
    r->bad = !gf_grow(r->text, r->room, r->size + more + 1);
    return !r->bad;
}

static void add(gf_record *r, const char *bytes, size_t size)
{
    if (!make_room(r, size))
        return;
    memcpy(r->text + r->size, bytes, size);
    r->size += size;
    r->text[r->size] = '\0';
}

static void begin(gf_record *r, const char *name, const char *sign)
{
    if (r->size && r->text[r->size - 1] != '\n')
        add(r, "\t", 1);
    add(r, name, strlen(name));
    add(r, sign, 1);
}

void gf_record_int(gf_record *r, const char *name, int64_t value)
{
    char number[24];
    begin(r, name, ":");
    int size = snprintf(number, sizeof number, "%" PRId64, value);
    add(r, number, (size_t)size);
}

static const char *escape_of(char c)
{
    switch (c) {
    case '\t': return "\\t";
    case '\n': return "\\n";
    case '\0': return "\\0";
    case '\\': return "\\\\";
    default:   return NULL;
    }
}

void gf_record_bytes(gf_record *r, const char *name, const void *bytes, size_t size)
{
    const char *from = bytes;
    size_t plain = 0;
    begin(r, name, "=");
    for (size_t i = 0; i < size; i++) {
        const char *escape = escape_of(from[i]);
        if (!escape)
            continue;
        add(r, from + plain, i - plain);
        add(r, escape, 2);
        plain = i + 1;
    }
    if (size > plain)
        add(r, from + plain, size - plain);
}

void gf_record_text(gf_record *r, const char *name, const char *text)
{
    if (text)
        gf_record_bytes(r, name, text, strlen(text));
}

void gf_record_newline(gf_record *r)
{
    add(r, "\n", 1);
}

void gf_record_clear(gf_record *r)
{
    gf_free(r->text);
    *r = (gf_record){ 0 };
}

// ---- reading -----------------------------------------------------------------------------

bool gf_record_next(const char **at, const char *end, gf_field *field)
{
    while (*at < end) {
        const char *start = *at, *stop = memchr(start, '\t', (size_t)(end - start));
        if (!stop)
            stop = end;
        *at = stop < end ? stop + 1 : end;
        const char *sign = start;
        while (sign < stop && *sign != ':' && *sign != '=')
            sign++;
        if (sign == stop || sign == start)
            continue;              // no field: from somebody who knows more than we
        *field = (gf_field){ start, sign + 1, (size_t)(sign - start), (size_t)(stop - sign - 1),
            *sign == ':' };
        return true;
    }
    return false;
}

bool gf_field_is(const gf_field *field, const char *name)
{
    return strlen(name) == field->name_size && memcmp(field->name, name, field->name_size) == 0;
}

int64_t gf_field_int(const gf_field *field, int64_t fallback)
{
    const char *at = field->value, *end = at + field->value_size;
    bool negative = at < end && *at == '-';
    uint64_t value = 0, most = (uint64_t)INT64_MAX + negative;
    at += negative;
    if (!field->is_int || at == end)
        return fallback;
    for (; at < end; at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (digit > 9 || value > (most - digit) / 10)
            return fallback;
        value = 10 * value + digit;
    }
    return negative ? (int64_t)(0 - value) : (int64_t)value;
}

size_t gf_field_copy(const gf_field *field, char *out)
{
    size_t size = 0;
    for (size_t i = 0; i < field->value_size; i++) {
        char c = field->value[i];
        if (c == '\\' && i + 1 < field->value_size) {
            char escaped = field->value[++i];
            c = escaped == 't' ? '\t' : escaped == 'n' ? '\n' : escaped == '0' ? '\0' : escaped;
        }
        out[size++] = c;
    }
    out[size] = '\0';
    return size;
}

static bool find(const char *line, const char *name, gf_field *field)
{
    const char *at = line, *end = line + strcspn(line, "\n");
    while (gf_record_next(&at, end, field))
        if (gf_field_is(field, name))
            return true;
    return false;
}

bool gf_record_get_text(const char *line, const char *name, char **out, size_t *size)
{
    gf_field field;
    *out = NULL;
    if (size)
        *size = 0;
    if (!line || !find(line, name, &field) || field.is_int)
        return true;
    char *copy = gf_alloc(field.value_size + 1);
    if (!copy)
        return false;
    size_t length = gf_field_copy(&field, copy);
    if (size)
        *size = length;
    *out = copy;
    return true;
}

int64_t gf_record_get_int(const char *line, const char *name, int64_t fallback)
{
    gf_field field;
    return line && find(line, name, &field) ? gf_field_int(&field, fallback) : fallback;
}
