// table.c - rows of cells, kept until all are known, then printed in aligned columns.
#include "screen.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { COLUMNS_MAX = 16, GAP = 2 };

typedef struct cell {
    char        *text;      // owned, escaped
    size_t       width;
    screen_style style;
} cell;

struct table {
    const char *const *heads;   // borrowed
    const char        *align;   // borrowed
    size_t             columns;
    size_t             widths[COLUMNS_MAX];
    cell              *cells;   // owned, row by row
    size_t             count, capacity;
};

table *table_new(const char *const *heads, const char *align)
{
    table *t = cli_alloc(sizeof *t);
    t->heads = heads;
    t->align = align;
    while (heads[t->columns] && t->columns < COLUMNS_MAX) {
        t->widths[t->columns] = screen_width(heads[t->columns]);
        t->columns++;
    }
    return t;
}

void table_cell(table *t, screen_style style, const char *text)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? t->capacity * 2 : 64;
        t->cells = cli_grow(t->cells, t->capacity * sizeof *t->cells);
    }
    if (!text || !*text)
        text = "-";
    cell *at = &t->cells[t->count];
    at->text = screen_escape(text, strlen(text), SCREEN_ONE_LINE);
    at->width = screen_width(at->text);
    at->style = style;
    size_t column = t->count++ % t->columns;
    if (at->width > t->widths[column])
        t->widths[column] = at->width;
}

void table_cellf(table *t, screen_style style, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    table_cell(t, style, text);
}

size_t table_rows(const table *t)
{
    return t->count / t->columns;
}

static void spaces(size_t count)
{
    while (count--)
        fputc(' ', stdout);
}

// room: columns left for the last cell; 0: no limit.
static void print_cell(const table *t, size_t column, const char *text, size_t width,
    screen_style style, int color, size_t room)
{
    int last = column + 1 == t->columns;
    size_t pad = t->widths[column] > width ? t->widths[column] - width : 0;
    if (t->align[column] == 'r')
        spaces(pad);
    if (last && room && width > room) {
        char *cut = cli_alloc(strlen(text) + 4);
        size_t length = screen_fit(text, room - 1);
        memcpy(cut, text, length);
        memcpy(cut + length, "…", sizeof "…");
        screen_put(stdout, color, style, cut);
        free(cut);
    } else {
        screen_put(stdout, color, style, text);
    }
    if (!last)
        spaces((t->align[column] == 'r' ? 0 : pad) + GAP);
    else
        fputc('\n', stdout);
}

void table_print(const table *t, int color)
{
    size_t before = 0, screen = screen_columns();
    for (size_t i = 0; i + 1 < t->columns; i++)
        before += t->widths[i] + GAP;
    // Below ten columns a cut cell tells nothing: let the terminal wrap it.
    size_t room = screen > before + 10 ? screen - before : 0;

    for (size_t i = 0; i < t->columns; i++)
        print_cell(t, i, t->heads[i], screen_width(t->heads[i]), STYLE_BOLD, color, 0);
    for (size_t i = 0; i < t->count; i++)
        print_cell(t, i % t->columns, t->cells[i].text, t->cells[i].width, t->cells[i].style, color, room);
}

void table_free(table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i].text);
    free(t->cells);
    free(t);
}
