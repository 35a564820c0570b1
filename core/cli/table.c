// table.c - rows of cells, kept until all are known, then printed in aligned columns. Very many are
// printed in pieces.
//
// Into a pipe they go as they are. On a terminal they are made to fit, by what costs the reader
// least: narrower gaps, the last column below its row, short numbers, columns left out, and at
// last names that are cut.
#include "screen.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum {
    COLUMNS_MAX = 16,
    GAP = 2,
    TEXT_LEAST = 6,
    ID_LEAST = 36,
    NOTE_LEAST = 20,
    NOTE_INDENT = 4,
    SHORT = 24
};

typedef struct cell {
    char        *text;      // owned, escaped
    size_t       width;
    screen_style style;
    int64_t      number;
    int          is_number;
} cell;

struct table {
    const char *const *heads;   // borrowed
    const char        *align;   // borrowed
    const char        *fit;     // borrowed, or NULL: texts may be cut
    size_t             columns;
    size_t             widths[COLUMNS_MAX];
    cell              *cells;   // owned, row by row
    size_t             count, capacity;
    int                is_begun;    // the heads are printed
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

void table_fit(table *t, const char *fit)
{
    t->fit = fit;
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
    *at = (cell){ .text = screen_escape(text, strlen(text), SCREEN_ONE_LINE), .style = style };
    at->width = screen_width(at->text);
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

void table_count(table *t, screen_style style, int64_t number)
{
    table_cellf(t, style, "%" PRId64, number);
    t->cells[t->count - 1].number = number;
    t->cells[t->count - 1].is_number = 1;
}

size_t table_rows(const table *t)
{
    return t->count / t->columns;
}

// ---- Layout

typedef struct layout {
    size_t widths[COLUMNS_MAX];
    int    hidden[COLUMNS_MAX], is_short[COLUMNS_MAX];
    size_t gap;
    int    below;       // the last column stands below its row
} layout;

// Five characters at the most: 99999, 123k, 1.2M.
static void short_number(char out[SHORT], int64_t number)
{
    static const char units[] = " kMGTPE";
    double value = number < 0 ? -(double)number : (double)number;
    size_t unit = 0;
    if (value < 99999.5) {
        snprintf(out, SHORT, "%" PRId64, number);
        return;
    }
    while (value >= 999.5) {
        value /= 1000;
        unit++;
    }
    snprintf(out, SHORT, "%s%.*f%c", number < 0 ? "-" : "", value < 9.95 ? 1 : 0, value,
        units[unit]);
}

static char fit_of(const table *t, size_t column)
{
    return t->fit ? t->fit[column] : t->align[column] == 'l' ? 't' : '.';
}

static size_t shown_columns(const table *t, const layout *l)
{
    return l->below ? t->columns - 1 : t->columns;
}

static size_t total(const table *t, const layout *l)
{
    size_t sum = 0, count = 0;
    for (size_t i = 0; i < shown_columns(t, l); i++)
        if (!l->hidden[i]) {
            sum += l->widths[i];
            count++;
        }
    return sum + (count ? (count - 1) * l->gap : 0);
}

static void shorten_numbers(const table *t, layout *l)
{
    for (size_t column = 0; column < t->columns; column++) {
        size_t width = screen_width(t->heads[column]);
        int all = t->count > 0;
        for (size_t i = column; i < t->count; i += t->columns) {
            char text[SHORT];
            short_number(text, t->cells[i].number);
            size_t wide = t->cells[i].is_number ? strlen(text) : t->cells[i].width;
            all &= t->cells[i].is_number || t->cells[i].width == 1;        // "-"
            width = wide > width ? wide : width;
        }
        if (all && width < l->widths[column]) {
            l->is_short[column] = 1;
            l->widths[column] = width;
        }
    }
}

// The widest column of a kind that may be narrower still; COLUMNS_MAX: none.
static size_t widest(const table *t, const layout *l, const char *kinds, size_t least)
{
    size_t found = COLUMNS_MAX;
    for (size_t i = 0; i < shown_columns(t, l); i++)
        if (!l->hidden[i] && strchr(kinds, fit_of(t, i)) && l->widths[i] > least &&
            (found == COLUMNS_MAX || l->widths[i] > l->widths[found]))
            found = i;
    return found;
}

static void cut(const table *t, layout *l, size_t screen, const char *kinds, size_t least)
{
    size_t column;
    while (total(t, l) > screen && (column = widest(t, l, kinds, least)) < COLUMNS_MAX)
        l->widths[column]--;
}

static layout lay_out(const table *t, size_t screen)
{
    layout l = { .gap = GAP };
    size_t last = t->columns - 1;
    memcpy(l.widths, t->widths, sizeof l.widths);
    if (screen == 0 || total(t, &l) <= screen)
        return l;
    l.gap = 1;
    if (strchr("bB", fit_of(t, last))) {
        size_t before = total(t, &l) - l.widths[last];
        l.below = before + (fit_of(t, last) == 'B' ? l.widths[last] : NOTE_LEAST) > screen;
        if (!l.below)
            l.widths[last] = l.widths[last] < screen - before ? l.widths[last] : screen - before;
    }
    if (total(t, &l) > screen)
        shorten_numbers(t, &l);
    for (size_t i = t->columns; i-- > 0 && total(t, &l) > screen;)
        l.hidden[i] = fit_of(t, i) == 'd';
    cut(t, &l, screen, "t", TEXT_LEAST);
    cut(t, &l, screen, "i", ID_LEAST);
    return l;
}

// ---- Printing

static void spaces(size_t count)
{
    while (count--)
        fputc(' ', stdout);
}

// Cut to so many columns if it is wider.
static void put_text(const char *text, size_t width, size_t room, screen_style style, int color)
{
    if (width <= room) {
        screen_put(stdout, color, style, text);
        return;
    }
    char *part = cli_alloc(strlen(text) + sizeof "…");
    size_t length = screen_fit(text, room - 1);
    memcpy(part, text, length);
    memcpy(part + length, "…", sizeof "…");
    screen_put(stdout, color, style, part);
    free(part);
}

// Returns how many columns stay free up to the next cell.
static size_t put_cell(const table *t, const layout *l, size_t column, const char *text,
    screen_style style, int color)
{
    size_t width = screen_width(text), room = l->widths[column],
           pad = room > width ? room - width : 0;
    int is_right = t->align[column] == 'r';
    if (is_right)
        spaces(pad);
    put_text(text, width, room, style, color);
    return (is_right ? 0 : pad) + l->gap;
}

// row NULL: the heads.
static void put_row(const table *t, const layout *l, const cell *row, int color)
{
    size_t end = shown_columns(t, l), gap = 0;
    for (size_t i = 0; i < end; i++) {
        char number[SHORT];
        if (l->hidden[i])
            continue;
        spaces(gap);            // none behind the last one
        const char *text = row ? row[i].text : t->heads[i];
        if (row && row[i].is_number && l->is_short[i]) {
            short_number(number, row[i].number);
            text = number;
        }
        gap = put_cell(t, l, i, text, row ? row[i].style : STYLE_BOLD, color);
    }
    fputc('\n', stdout);
}

void table_print(const table *t, int color)
{
    size_t screen = screen_columns(), last = t->columns - 1;
    layout l = lay_out(t, screen);
    if (!t->is_begun)
        put_row(t, &l, NULL, color);
    for (size_t i = 0; i < t->count; i += t->columns) {
        const cell *row = &t->cells[i];
        put_row(t, &l, row, color);
        if (l.below && strcmp(row[last].text, "-") != 0) {
            spaces(NOTE_INDENT);
            put_text(row[last].text, row[last].width,
                screen > NOTE_INDENT + NOTE_LEAST ? screen - NOTE_INDENT : NOTE_LEAST,
                row[last].style, color);
            fputc('\n', stdout);
        }
    }
}

static void drop_rows(table *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i].text);
    t->count = 0;
}

void table_flush(table *t, int color)
{
    if (t->count == 0)
        return;
    table_print(t, color);
    drop_rows(t);
    t->is_begun = 1;
}

void table_free(table *t)
{
    if (!t)
        return;
    drop_rows(t);
    free(t->cells);
    free(t);
}
