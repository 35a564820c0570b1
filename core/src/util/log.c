// log.c - a log line: one sentence and its particulars as a JSON object; how much of it one source
// may write.
//
// A line is made on the caller's stack, without allocation: it must be told when memory is short.
// The object is always whole JSON: a field that does not fit is left out.
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/utf8.h"

enum { FIELDS_MAX = 4096, VALUE_MAX = 2048 };

typedef struct buffer {
    char   text[FIELDS_MAX];
    size_t size;
} buffer;

// Always leaves room for the closing quote, brace and NUL.
static void put(buffer *b, const char *text, size_t size)
{
    if (size > sizeof b->text - 4 - b->size)
        size = sizeof b->text - 4 - b->size;
    memcpy(b->text + b->size, text, size);
    b->size += size;
}

static void put_string(buffer *b, const char *value)
{
    char clean[VALUE_MAX];
    size_t size = gf_utf8_clean(value, strlen(value), clean, sizeof clean);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)clean[i];
        if (b->size > sizeof b->text - 16 && (c & 0xC0) != 0x80)
            break;                                  // cut between characters only
        char escape[GF_JSON_ESCAPE_MAX];
        size_t escaped = gf_json_escape(c, false, escape);
        put(b, escaped ? escape : clean + i, escaped ? escaped : 1);
    }
}

void gf_logf(const gf_log *log, int32_t level, const char *text, ...)
{
    if (!gf_log_on(log))
        return;

    buffer b = { .size = 0 };
    put(&b, "{", 1);
    va_list args;
    va_start(args, text);
    const char *name;
    // A field that would not fit whole is left out: the object stays valid JSON.
    while ((name = va_arg(args, const char *))) {
        const char *value = va_arg(args, const char *);
        int number = *name == '#';
        if (!value || strlen(name) + 32 > sizeof b.text - b.size)
            continue;
        if (b.size > 1)
            put(&b, ",", 1);
        put(&b, "\"", 1);
        put_string(&b, name + number);
        put(&b, number ? "\":" : "\":\"", number ? 2 : 3);
        if (number)
            put(&b, value, strlen(value));
        else
            put_string(&b, value);
        if (!number)
            put(&b, "\"", 1);
    }
    va_end(args);
    b.text[b.size++] = '}';
    b.text[b.size] = '\0';
    log->fn(log->user, level, gf_now_ms(), text, b.text);
}

bool gf_log_rate_pass(gf_log_rate *r, int64_t now_ms, size_t size, size_t *left_out)
{
    *left_out = 0;
    if (r->since_ms == 0 || now_ms - r->since_ms >= 1000) {
        r->since_ms = now_ms;
        r->lines = r->bytes = 0;
    }
    if (r->lines == GF_LOG_LINES_A_SECOND || r->bytes + size > GF_LOG_BYTES_A_SECOND) {
        r->left_out++;
        return false;
    }
    r->lines++;
    r->bytes += size;
    *left_out = r->left_out;
    r->left_out = 0;
    return true;
}

void gf_log_rate_say(size_t left_out, char *out, size_t size)
{
    snprintf(out, size, "(%zu %s left out here: more than %d lines or %d KiB a second)", left_out,
        left_out == 1 ? "line was" : "lines were", GF_LOG_LINES_A_SECOND,
        GF_LOG_BYTES_A_SECOND / 1024);
}
