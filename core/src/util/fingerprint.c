// fingerprint.c - the telling line of an error, and what errors of one kind have in common.
//
// One pass over the line, from left to right, in ASCII: what is not is copied. Pure; the binary has
// it, too (gofer_text in util/CMakeLists.txt).
#include "util/fingerprint.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/minmax.h"

enum {
    HEX_LEAST = 7,      // shorter ones are as likely words
    ID_LEAST = 16,      // letters and digits mixed: ULID, KSUID, base62
    ID_DIGITS = 3
};

// ---- the telling line

typedef struct span {
    const char *at;
    size_t      size;
} span;

// Python's: what was raised stands in the first line after the frames, which are indented. Of
// several that led to one another the last counts.
static const char *raised_line(const char *error)
{
    static const char head[] = "Traceback (most recent call last):";
    const char *at = NULL, *next = error;
    while ((next = strstr(next, head)))
        at = next += sizeof head - 1;
    while (at && (at = strchr(at, '\n')) && (*++at == ' ' || *at == '\t' || *at == '\n'))
        ;
    return at && *at ? at : NULL;
}

// A command's: the last line of what it wrote to standard error.
static const char *last_line(const char *text)
{
    const char *end = text + strlen(text);
    while (end > text && (end[-1] == '\n' || end[-1] == ' '))
        end--;
    while (end > text && end[-1] != '\n')
        end--;
    return end;
}

// How long "exit code 3" or "killed by signal 9" at the beginning is; 0: no command's.
static size_t end_of_command(const char *error)
{
    static const char *const ends[] = { "exit code ", "killed by signal " };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strncmp(error, ends[i], strlen(ends[i])) == 0)
            return strlen(ends[i]) + strspn(error + strlen(ends[i]), "0123456789");
    return 0;
}

// "exit code 3: " before what the command said, with its colon; 0: it said nothing, or there was
// none.
static size_t command_says(const char *error)
{
    const char *colon = end_of_command(error) ? strchr(error, ':') : NULL;
    bool says = colon && colon[1] == ' ' && colon < error + strcspn(error, "\n");
    return says ? (size_t)(colon + 2 - error) : 0;
}

// The line is the two spans, one behind the other.
static void telling(const char *error, span out[2])
{
    size_t says = command_says(error);
    const char *from = raised_line(error);
    if (!from && says)
        from = last_line(error + says);
    if (!from)
        from = error + strspn(error, " \n\t");
    out[0] = (span){ error, from > error + says ? says : 0 };
    if (says && from == error + says)           // one line
        from = error;
    out[1] = (span){ from, strcspn(from, "\n") };
}

// What of so many bytes ends on a character.
static size_t cut(const char *text, size_t size, size_t room)
{
    if (size <= room)
        return size;
    while (room && ((unsigned char)text[room] & 0xC0) == 0x80)
        room--;
    return room;
}

size_t gf_error_line(const char *error, char *out, size_t capacity)
{
    span parts[2];
    size_t used = 0;
    telling(error, parts);
    for (size_t i = 0; i < 2; i++) {
        size_t size = cut(parts[i].at, parts[i].size, capacity - 1 - used);
        memcpy(out + used, parts[i].at, size);
        used += size;
    }
    out[used] = '\0';
    return used;
}

// ---- what differs

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// Each of these gives the length of what it knows at the beginning of a span; 0: it is something
// else.

static size_t uuid_at(span s)
{
    enum { LENGTH = 36 };
    if (s.size < LENGTH || (s.size > LENGTH && is_word(s.at[LENGTH])))
        return 0;
    for (size_t i = 0; i < LENGTH; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.at[i] != '-' : !isxdigit((unsigned char)s.at[i]))
            return 0;
    }
    return LENGTH;
}

// A whole word of letters and digits that nobody would say: hex, or an id.
static size_t id_at(span s)
{
    size_t size = 0, digits = 0, hex = 0;
    for (; size < s.size && is_word(s.at[size]); size++) {
        digits += is_digit(s.at[size]);
        hex += isxdigit((unsigned char)s.at[size]) != 0;
    }
    bool prefixed = size > 2 && s.at[0] == '0' && (s.at[1] == 'x' || s.at[1] == 'X');
    if (prefixed && hex == size - 1)
        return size;
    bool is_hex = hex == size && size >= HEX_LEAST && digits > 0,
         is_id = size >= ID_LEAST && digits >= ID_DIGITS;
    return digits < size && (is_hex || is_id) ? size : 0;
}

static size_t digits_at(span s, size_t from)
{
    size_t at = from;
    while (at < s.size && is_digit(s.at[at]))
        at++;
    return at - from;
}

// What joins two numbers to one: 3.14, 1e-5, 10:33, 127.0.0.1:80, 2026-11-29T10:33.
static size_t joint_at(span s, size_t at)
{
    size_t sign = at + 1 < s.size && (s.at[at] == 'e' || s.at[at] == 'E') &&
        (s.at[at + 1] == '-' || s.at[at + 1] == '+');
    bool joins = at < s.size && strchr(".,:/-+TeE", s.at[at]);
    return joins && digits_at(s, at + 1 + sign) ? 1 + sign : 0;
}

static size_t number_at(span s, bool after_word)
{
    size_t sign = !after_word && s.size > 1 && (s.at[0] == '-' || s.at[0] == '+'),
           size = digits_at(s, sign);
    if (!size)
        return 0;
    size += sign;
    for (size_t joint; (joint = joint_at(s, size)) > 0;)
        size += joint + digits_at(s, size + joint);
    return size;
}

// From one quote to the same again; the apostrophe in a word is none. What is quoted may hold
// escapes of its own.
static size_t quoted_at(span s, bool after_word)
{
    char quote = s.at[0];
    if (after_word || !strchr("'\"`", quote))
        return 0;
    for (size_t i = 1; i < s.size; i++)
        if (s.at[i] == '\\')
            i++;
        else if (s.at[i] == quote && (i + 1 == s.size || !is_word(s.at[i + 1])))
            return i + 1;
    return 0;
}

// ---- the fingerprint

typedef struct writer {
    char  *out;
    size_t used;
} writer;

static void put(writer *w, const char *text, size_t size)
{
    size = cut(text, size, GF_FINGERPRINT - 1 - w->used);
    memcpy(w->out + w->used, text, size);
    w->used += size;
}

static size_t characters_at(span s)
{
    size_t size = 1;
    while (size < s.size && ((unsigned char)s.at[size] & 0xC0) == 0x80)
        size++;
    return size;
}

// Writes what stands at the beginning of s, and says how much it was. before: the byte before it.
static size_t step(writer *w, span s, char before)
{
    bool after_word = is_word(before);
    size_t size = after_word ? 0 : uuid_at(s);
    if (!size && !after_word)
        size = id_at(s);
    if (!size)
        size = number_at(s, after_word || before == ')');
    if (size) {
        put(w, "#", 1);
        return size;
    }
    size = quoted_at(s, after_word);
    if (size) {
        char text[] = { s.at[0], '*', s.at[0] };
        put(w, text, sizeof text);
        return size;
    }
    size = characters_at(s);
    if (!isspace((unsigned char)s.at[0]))
        put(w, s.at, size);
    else if (w->used && w->out[w->used - 1] != ' ')
        put(w, " ", 1);
    return size;
}

size_t gf_fingerprint(const char *error, char out[GF_FINGERPRINT])
{
    writer w = { out, 0 };
    span parts[2];
    if (!error)
        error = "";
    telling(error, parts);
    size_t keeps = end_of_command(error);
    for (size_t i = 0; i < 2; i++) {
        size_t at = 0;
        if (parts[i].at == error) {
            at = gf_min_size(keeps, parts[i].size);
            put(&w, error, at);
        }
        while (at < parts[i].size && w.used < GF_FINGERPRINT - 1)
            at += step(&w, (span){ parts[i].at + at, parts[i].size - at },
                at ? parts[i].at[at - 1] : ' ');
    }
    while (w.used && out[w.used - 1] == ' ')
        w.used--;
    out[w.used] = '\0';
    return w.used;
}
