// screen.h - text made safe and aligned for a terminal: escapes, widths, tables, colours.
//
// Whatever came from a task or a user goes through screen_escape before it is shown: control
// characters could otherwise move the cursor, forge lines or hide what is there.
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { SCREEN_ONE_LINE = 0, SCREEN_KEEP_TABS = 1 };

// Write bytes into out (capacity >= 1, NUL-terminated, cut on a character): control characters,
// direction overrides and what is not UTF-8 become \n, \x1b, \u202e. Returns the length.
size_t screen_escape_into(char *out, size_t capacity, const char *bytes, size_t size, int how);
// The same, allocated by cli_alloc; free() it.
char *screen_escape(const char *bytes, size_t size, int how);
// Columns that UTF-8 text without control characters takes.
size_t screen_width(const char *text);
// Length in bytes of the part of text that fits into so many columns.
size_t screen_fit(const char *text, size_t columns);
// Columns of the terminal behind stdout; 0 if there is none.
size_t screen_columns(void);
// May colour be used on this stream? NO_COLOR, TERM=dumb and the terminal decide.
int screen_color(int fd);

typedef enum screen_style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_GOOD,
    STYLE_WARN,
    STYLE_BAD
} screen_style;

void screen_put(FILE *out, int color, screen_style style, const char *text);
// The colour that a task state is shown in.
screen_style screen_state_style(const char *state);

typedef struct table table;

// heads: NULL-terminated; align: one letter for each, 'l' or 'r'. On a terminal the rows fit into
// its width (table.c).
table *table_new(const char *const *heads, const char *align);
void   table_cell(table *t, screen_style style, const char *text);   // NULL: "-"
void table_cellf(table *t, screen_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void   table_count(table *t, screen_style style, int64_t number);    // shortened where there is
                                                                     //   no room
// What may become of each column where there is no room: 't' it is cut; 'i' it is cut last, and not
// to less than a UUID; 'd' it is left out; 'b' (the last one) it is cut, or stands below its row if
// little would be left; 'B' the same, but whole; '.' nothing. Without it: 't' for
// what is left-aligned.
void   table_fit(table *t, const char *fit);
size_t table_rows(const table *t);
void   table_print(const table *t, int color);
// Prints the rows and forgets them, for more to come below, without heads; columns stay as wide as
// they were, or grow.
void   table_flush(table *t, int color);
void   table_free(table *t);

#endif
