// screen.c - text made safe for a terminal: escapes, widths, colours.
//
// Pure, but for what it asks of the terminal (width, NO_COLOR, TERM). Characters' widths are those
// of the C library in the locale that main has set.
#include "screen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "cli.h"
#include "util/utf8.h"

// Controls, and the marks that turn or hide what stands beside them.
static int is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || c == 0x200E || c == 0x200F
        || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF
        || (c >= 0xE0000 && c < 0xE0080);
}

static size_t escape_one(char out[16], const unsigned char *p, size_t size, size_t *used, int how)
{
    uint32_t code;
    *used = gf_utf8_read(p, size, &code);
    if (*used == 0) {
        *used = 1;
        return (size_t)snprintf(out, 16, "\\x%02x", p[0]);
    }
    if (!is_unsafe(code) || (code == '\t' && how == SCREEN_KEEP_TABS)) {
        memcpy(out, p, *used);
        return *used;
    }
    switch (code) {
    case '\n':
        return (size_t)snprintf(out, 16, "\\n");
    case '\r':
        return (size_t)snprintf(out, 16, "\\r");
    case '\t':
        return (size_t)snprintf(out, 16, "\\t");
    default:
        return (size_t)snprintf(out, 16, code < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)code);
    }
}

size_t screen_escape_into(char *out, size_t capacity, const char *bytes, size_t size, int how)
{
    const unsigned char *p = (const unsigned char *)bytes;
    size_t length = 0;
    while (size) {
        char one[16];
        size_t used, more = escape_one(one, p, size, &used, how);
        if (length + more >= capacity)
            break;
        memcpy(out + length, one, more);
        length += more;
        p += used;
        size -= used;
    }
    out[length] = '\0';
    return length;
}

char *screen_escape(const char *bytes, size_t size, int how)
{
    // A byte becomes at most six: "\u0085" stands for two.
    size_t capacity = size * 6 + 1;
    char *out = cli_alloc(capacity);
    screen_escape_into(out, capacity, bytes, size, how);
    return out;
}

// ---- Widths

static size_t width_of(uint32_t code)
{
    int width = wcwidth((wchar_t)code);
    return width < 0 ? 1 : (size_t)width;
}

// Walk text until `columns` are full; gives the bytes passed and the columns used.
static void measure(const char *text, size_t columns, size_t *bytes, size_t *width)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t left = strlen(text);
    *width = 0;
    while (left) {
        uint32_t code;
        size_t length = gf_utf8_read(p, left, &code);
        size_t wide = length ? width_of(code) : 1;
        if (length == 0)
            length = 1;
        if (wide > columns - *width)
            break;
        *width += wide;
        p += length;
        left -= length;
    }
    *bytes = (size_t)((const char *)p - text);
}

size_t screen_width(const char *text)
{
    size_t bytes, width;
    measure(text, SIZE_MAX, &bytes, &width);
    return width;
}

size_t screen_fit(const char *text, size_t columns)
{
    size_t bytes, width;
    measure(text, columns, &bytes, &width);
    return bytes;
}

size_t screen_columns(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO))
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

// ---- Colours

int screen_color(int fd)
{
    const char *none = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (none && *none)
        return 0;
    return isatty(fd) && term && strcmp(term, "dumb") != 0;
}

void screen_put(FILE *out, int color, screen_style style, const char *text)
{
    static const char *const codes[] = {
        [STYLE_PLAIN] = "", [STYLE_BOLD] = "\033[1m", [STYLE_DIM] = "\033[2m",
        [STYLE_GOOD] = "\033[32m", [STYLE_WARN] = "\033[33m", [STYLE_BAD] = "\033[31m",
    };
    if (color && style != STYLE_PLAIN)
        fprintf(out, "%s%s\033[0m", codes[style], text);
    else
        fputs(text, out);
}

screen_style screen_state_style(const char *state)
{
    static const struct { const char *state; screen_style style; } styles[] = {
        { "active", STYLE_BOLD }, { "completed", STYLE_GOOD }, { "retry", STYLE_WARN },
        { "archived", STYLE_BAD }, { "scheduled", STYLE_DIM },
    };
    for (size_t i = 0; state && i < sizeof styles / sizeof *styles; i++)
        if (strcmp(styles[i].state, state) == 0)
            return styles[i].style;
    return STYLE_PLAIN;
}
