// grid.c - rows of cells and lines of text, escaped as they come in.
//
// Owns all texts of a view. Knows neither the store nor the terminal: draw.c decides what fits.
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"
#include "util/utf8.h"

static char *copy(const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    return text ? memcpy(cli_alloc(size), text, size) : NULL;
}

// ---- grid

top_row *grid_add(top_grid *g, const char *key, const char *queue)
{
    if (g->count == g->room) {
        g->room = g->room ? g->room * 2 : 64;
        g->rows = cli_grow(g->rows, g->room * sizeof *g->rows);
    }
    top_row *row = &g->rows[g->count++];
    memset(row, 0, sizeof *row);
    row->key = copy(key ? key : "");
    row->queue = copy(queue);
    return row;
}

void grid_type(top_row *row, const char *type)
{
    free(row->type);
    row->type = copy(type);
}

void grid_cell(top_grid *g, top_row *row, size_t column, screen_style style, const char *text)
{
    (void)g;
    if (!text || !*text)
        text = "-";
    free(row->cells[column]);
    row->cells[column] = screen_escape(text, strlen(text), SCREEN_ONE_LINE);
    row->styles[column] = style;
}

void grid_cellf(top_grid *g, top_row *row, size_t column, screen_style style, const char *format,
    ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    grid_cell(g, row, column, style, text);
}

static void row_clear(top_row *row)
{
    free(row->key);
    free(row->queue);
    free(row->type);
    for (size_t i = 0; i < TOP_COLUMNS; i++)
        free(row->cells[i]);
}

void grid_drop_last(top_grid *g)
{
    row_clear(&g->rows[--g->count]);
}

void grid_clear(top_grid *g)
{
    while (g->count)
        grid_drop_last(g);
    free(g->rows);
    *g = (top_grid){ NULL, 0, NULL, 0, 0 };
}

int grid_row_has(const top_grid *g, const top_row *row, const char *word)
{
    for (size_t i = 0; i < g->column_count; i++)
        if (row->cells[i] && strstr(row->cells[i], word))
            return 1;
    return 0;
}

// ---- page

static void add_line(top_page *p, screen_style style, char *text)
{
    if (p->count == p->room) {
        p->room = p->room ? p->room * 2 : 64;
        p->lines = cli_grow(p->lines, p->room * sizeof *p->lines);
    }
    p->lines[p->count++] = (top_line){ style, text };
}

void page_line(top_page *p, screen_style style, const char *text)
{
    add_line(p, style, screen_escape(text, strlen(text), SCREEN_ONE_LINE));
}

void page_linef(top_page *p, screen_style style, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    page_line(p, style, text);
}

static void add_hex(top_page *p, const unsigned char *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += 16) {
        char text[96];
        size_t used = (size_t)snprintf(text, sizeof text, "  %06zx ", at);
        for (size_t i = at; i < at + 16 && i < size; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, " %02x", bytes[i]);
        page_line(p, STYLE_PLAIN, text);
    }
}

void page_text(top_page *p, const char *bytes, size_t size)
{
    enum { SHOWN = 16384 };
    size_t shown = size < SHOWN ? size : SHOWN;
    if (!gf_utf8_valid(bytes, size) || memchr(bytes, '\0', size)) {
        add_hex(p, (const unsigned char *)bytes, shown < 512 ? shown : 512);
        return;
    }
    while (shown) {
        const char *newline = memchr(bytes, '\n', shown);
        size_t length = newline ? (size_t)(newline - bytes) : shown;
        char *safe = screen_escape(bytes, length, SCREEN_ONE_LINE);
        size_t room = strlen(safe) + 3;
        char *line = cli_alloc(room);
        snprintf(line, room, "  %s", safe);
        free(safe);
        add_line(p, STYLE_PLAIN, line);
        length += newline != NULL;
        bytes += length;
        shown -= length;
    }
    if (size > SHOWN)
        page_line(p, STYLE_DIM, "  ...");
}

void page_clear(top_page *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->lines[i].text);
    free(p->lines);
    *p = (top_page){ NULL, 0, 0 };
}
