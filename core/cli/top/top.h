// top.h - what the files of `gofer top` share: a grid of rows or a page of lines, and
// where the user stands.
//
// view.c knows where one stands, grid.c keeps rows and lines, model.c asks the store and fills
// them, draw.c shows them, act.c changes the store, keys.c changes where one stands and calls
// act.c; cmd_top.c is the loop. One thread. Everything that came from the store is escaped when it
// enters a cell or line (screen.h), so that nothing else can reach the terminal. Uses gofer.h
// alone, like all of the binary.
#ifndef CLI_TOP_TOP_H
#define CLI_TOP_TOP_H

#include "../cli.h"
#include "../screen.h"

enum { TOP_COLUMNS = 12, TOP_REFRESH_MS = 1000, TOP_FILTER_REFRESH_MS = 5000 };

// ---- what is shown

typedef struct top_column {
    const char *title;
    int         right;              // numbers stand at the right
    int         gives;              // who gives way first when the screen is narrow; 0:
                                    //   never; -1: is left out
} top_column;

typedef struct top_row {
    char        *key;               // id, queue, worker, name: owned, as the store knows it
    char        *queue;             // owned; NULL: does not apply
    int          flag;              // paused, quiet
    int64_t      number;            // of a worker: its concurrency
    char        *cells[TOP_COLUMNS];// owned, escaped
    screen_style styles[TOP_COLUMNS];
} top_row;

typedef struct top_grid {
    const top_column *columns;
    size_t            column_count;
    top_row          *rows;
    size_t            count, room;
} top_grid;

top_row *grid_add(top_grid *g, const char *key, const char *queue);
// NULL: "-"
void     grid_cell(top_grid *g, top_row *row, size_t column, screen_style style, const char *text);
void grid_cellf(top_grid *g, top_row *row, size_t column, screen_style style, const char *format,
    ...) __attribute__((format(printf, 5, 6)));
void     grid_clear(top_grid *g);
// Is the word in any cell? Used where the store does not filter.
int      grid_row_has(const top_grid *g, const top_row *row, const char *word);
void     grid_drop_last(top_grid *g);

typedef struct top_line {
    screen_style style;
    char        *text;              // owned, escaped
} top_line;

typedef struct top_page {
    top_line *lines;
    size_t    count, room;
} top_page;

void page_line(top_page *p, screen_style style, const char *text);
void page_linef(top_page *p, screen_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void page_text(top_page *p, const char *bytes, size_t size);       // payloads: text by lines,
                                                                   //   else a hex dump
void page_clear(top_page *p);

// ---- where one stands

typedef enum top_view {
    VIEW_QUEUES, VIEW_WORKERS, VIEW_SCHEDULES, VIEW_TYPES,  // reached by tab
    VIEW_TASKS, VIEW_TASK,
    TOP_TABS = VIEW_TASKS           // so many are
} top_view;

typedef struct top_tasks {
    char    queue[256];
    size_t  state;                  // in top_states
    char  **cursors;                // owned; [depth] is where this page begins,
                                    //   [0] is NULL: the start
    size_t  depth;
    char   *next;                   // owned; NULL: this page is the last
    int64_t counts[8];              // by state
} top_tasks;

typedef struct top {
    cli          *c;
    gofer_client *client;
    int           read_only;
    top_view      view;
    top_view      tab;              // the one that tasks were reached from
    top_grid      grid;
    top_page      page;             // of one task
    top_tasks     tasks;
    char          id[256], id_queue[256];
    char          filter[256];      // as typed; "": none
    size_t        selected;         // row of the grid
    size_t        scroll;           // first row or line shown
    size_t        height;           // rows that fit, as last drawn
    char          message[512];     // what was done or went wrong; until the next key
    int           is_bad;
    char          trouble[512];     // why the store could not be asked; until it can
    int64_t       loaded_ms;
    int           help, quit;
} top;

// ---- view.c

extern const char *const top_states[];      // NULL-terminated, in the order of the arrows
enum { TOP_STATES = 7 };
// What was typed as a filter of tasks. 0, or -1 with t->message. The texts live in `room`.
typedef struct top_filter {
    gofer_filter filter;
    char         room[300];
} top_filter;
int  top_filter_read(top *t, top_filter *out);
int  top_is_filtered(const top *t);
const top_row *top_row_at(const top *t);    // the selected one; NULL: none
void top_select(top *t, const char *key);   // the row of this key, if there is one
void top_say(top *t, int is_bad, const char *format, ...) __attribute__((format(printf, 3, 4)));

// ---- help.c

typedef struct top_key_help { const char *keys, *what; } top_key_help;
extern const top_key_help top_keys_help[];  // ended by NULL

// ---- model.c

// Asks the store for what the view shows. On failure the old rows stay and `trouble` says why.
void top_load(top *t);
// When it is to be asked again, in ms from now.
int64_t top_due_ms(const top *t);
void top_forget_page(top *t);               // of tasks: back to the first

// ---- draw.c

void top_draw(top *t);
// Ask in the last line. confirm: 1 for yes. ask_text: edits text; 0: taken, -1: given up.
int  top_confirm(top *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
int  top_ask_text(top *t, const char *label, char *text, size_t size);
void top_colors(const top *t);

// ---- keys.c, act.c

void top_key(top *t, int key);

typedef enum top_action {
    ACT_PAUSE,
    ACT_RUN,
    ACT_ARCHIVE,
    ACT_DELETE,
    ACT_CANCEL,
    ACT_MORE,
    ACT_FEWER
} top_action;
void top_do(top *t, top_action act);           // on the selected one
void top_do_all(top *t, top_action act);       // on all tasks of this queue and state that
                                               //   match the filter

#endif
