// logger.c - one log line is one write to standard error, from any thread, without allocation.
//
// Text and fields may hold what a task's author wrote: control characters are escaped, so that
// nobody forges a line. fields is a JSON object, made by the library.
#include "logger.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gofer/gofer.h"
#include "json.h"
#include "screen.h"
#include "util/utf8.h"

enum { LINE_MAX_BYTES = 12288, TEXT_MAX = 1024, FIELD_MAX = 2048 };

typedef struct line {
    char   text[LINE_MAX_BYTES];
    size_t size;
} line;

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static void add(line *l, const char *text, size_t size)
{
    size_t room = sizeof l->text - 1 - l->size;     // one is kept for the newline
    if (size > room)
        size = room;
    memcpy(l->text + l->size, text, size);
    l->size += size;
}

static void add_text(line *l, const char *text)
{
    add(l, text, strlen(text));
}

static void add_time(line *l, int64_t time_ms, int utc)
{
    char stamp[48] = "", out[64];
    struct tm parts;
    time_t seconds = (time_t)(time_ms / 1000);
    if (utc ? gmtime_r(&seconds, &parts) : localtime_r(&seconds, &parts))
        (void)strftime(stamp, sizeof stamp, utc ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S",
            &parts);
    snprintf(out, sizeof out, "%s.%03d%s", stamp, (int)(time_ms % 1000), utc ? "Z" : "");
    add_text(l, out);
}

static void add_colored(line *l, int color, const char *code, const char *text, size_t size)
{
    if (color)
        add_text(l, code);
    add(l, text, size);
    if (color)
        add_text(l, "\033[0m");
}

// A value that is one plain word stands bare, others keep their JSON quotes.
static void add_value(line *l, gf_json value)
{
    char safe[FIELD_MAX];
    size_t size = screen_escape_into(safe, sizeof safe, value.text, value.size, SCREEN_ONE_LINE);
    int plain = value.size > 2 && value.kind == GF_JSON_STRING && size < sizeof safe - 16;
    for (size_t i = 1; plain && i + 1 < size; i++)
        plain = safe[i] != ' ' && safe[i] != '"' && safe[i] != '\\' && safe[i] != '=';
    if (plain)
        add(l, safe + 1, size - 2);
    else
        add(l, safe, size);
}

static void format_text(line *l, const logger *log, int32_t level, int64_t time_ms,
    const char *text, const char *fields)
{
    static const char *const codes[] = { "\033[2m", "\033[32m", "\033[33m", "\033[31m" };
    static const char *const words[] = { "DEBUG", "INFO ", "WARN ", "ERROR" };
    char safe[TEXT_MAX];
    size_t size = screen_escape_into(safe, sizeof safe, text, strlen(text), SCREEN_ONE_LINE);

    add_time(l, time_ms, 0);
    add(l, " ", 1);
    add_colored(l, log->color, codes[level], words[level], 5);
    add(l, " ", 1);
    add(l, safe, size);

    gf_json whole, key, value;
    gf_json_scan s = gf_json_start(fields ? fields : "", fields ? strlen(fields) : 0);
    if (gf_json_whole(&s, &whole) != GF_JSON_OBJECT)
        return;
    for (s = gf_json_inside(whole); gf_json_member(&s, &key, &value);) {
        char name[128];
        size_t length =
            screen_escape_into(name, sizeof name, key.text + 1, key.size - 2, SCREEN_ONE_LINE);
        add(l, "  ", 2);
        add_colored(l, log->color, "\033[2m", name, length);
        add(l, "=", 1);
        add_value(l, value);
    }
}

static void format_json(line *l, int32_t level, int64_t time_ms, const char *text,
    const char *fields)
{
    char quoted[TEXT_MAX * 6 + 1];
    size_t size = strlen(text);
    if (size > TEXT_MAX) {
        size = TEXT_MAX;
        while (size && !gf_utf8_valid(text, size) && TEXT_MAX - size < 4)
            size--;
    }
    size_t length = json_put_into(quoted, text, size);

    add_text(l, "{\"time\":\"");
    add_time(l, time_ms, 1);
    add_text(l, "\",\"level\":\"");
    add_text(l, level_names[level]);
    add_text(l, "\",\"text\":\"");
    add(l, quoted, length);
    add_text(l, "\"");

    // The object's members go on where ours end. What is too long would break the line.
    gf_json whole;
    gf_json_scan s = gf_json_start(fields ? fields : "", fields ? strlen(fields) : 0);
    if (gf_json_whole(&s, &whole) == GF_JSON_OBJECT && whole.size > 2
        && whole.size < sizeof l->text - 2 - l->size) {
        add(l, ",", 1);
        add(l, whole.text + 1, whole.size - 1);
    } else {
        add(l, "}", 1);
    }
}

void logger_write(void *user, int32_t level, int64_t time_ms, const char *text, const char *fields)
{
    const logger *log = user;
    if (level < log->level)
        return;
    if (level < GOFER_LOG_DEBUG || level > GOFER_LOG_ERROR)
        level = GOFER_LOG_ERROR;

    line l;
    l.size = 0;
    if (log->json)
        format_json(&l, level, time_ms, text, fields);
    else
        format_text(&l, log, level, time_ms, text, fields);
    l.text[l.size++] = '\n';

    for (size_t done = 0; done < l.size;) {
        ssize_t wrote = write(STDERR_FILENO, l.text + done, l.size - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return;     // nobody reads the log; work goes on
        done += (size_t)wrote;
    }
}
