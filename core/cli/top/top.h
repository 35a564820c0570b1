// top.h - what the files of `gofer top` share: a grid of rows or a page of lines, and
// where the user stands.
//
// view.c knows where one stands, grid.c keeps rows and lines, model.c, tasks.c, pages.c and
// failures.c ask the store and fill them, pulse.c asks for the line that sums all up, scout.c lets
// the doctor look in a thread of its own, draw.c shows what there is, act.c changes the store,
// keys.c changes where one stands and calls act.c; cmd_top.c is the loop. One thread, but for the
// doctor's. Everything that came from the store is escaped when it
// enters a cell or line (screen.h), so that nothing else can reach the terminal. Uses gofer.h
// alone, like all of the binary.
#ifndef CLI_TOP_TOP_H
#define CLI_TOP_TOP_H

#include "../cli.h"
#include "../screen.h"
#include "failures.h"
#include "rates.h"
#include "scout.h"

enum { TOP_COLUMNS = 14 };

// ---- what is shown

typedef struct top_column {
    const char *title;
    int         right;              // numbers stand at the right
    int         gives;              // who gives way first when the screen is narrow; 0:
                                    //   never; below 0: is left out, the least first
} top_column;

typedef struct top_row {
    char        *key;               // id, queue, worker, name: owned, as the store knows it
    char        *queue;             // owned; NULL: does not apply
    int          flag;              // paused, quiet
    char        *type;              // of failures: owned
    int64_t      number;            // of a worker: its concurrency; of failures: tasks
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
void     grid_type(top_row *row, const char *type);
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
    VIEW_FAILURES, VIEW_FINDINGS,
    VIEW_TASKS,
    VIEW_TASK, VIEW_WORKER, VIEW_SCHEDULE, VIEW_FINDING,    // pages: lines, no grid
    TOP_TABS = VIEW_TASKS           // so many are
} top_view;

// Of a list that is asked for by pages.
typedef struct cursors {
    char  **stack;                  // owned; [depth] is where this page begins, [0] is NULL: the
                                    //   start; NULL: this is the first
    size_t  depth;
    char   *next;                   // owned; NULL: this page is the last
} cursors;

typedef struct top_tasks {
    char    queue[256];
    size_t  state;                  // in top_states
    cursors pages;
    int64_t counts[8];              // by state
    int     of_kind;                // only those whose error is of this kind, and
    char    kind[GF_FINGERPRINT];   //   which are of this type
    char    kind_type[256];
} top_tasks;

// What queues come to, page by page.
typedef struct top_round {
    char    cursor[256];            // where it goes on; "": at the first
    int64_t count, totals[RATE_KINDS], waiting, kept, oldest_ms, wanted;
    char    oldest_in[256];
} top_round;

// The store in a line, and how it changes. Kept over all views.
typedef struct top_pulse {
    rates       queues;             // by name, of those that are shown
    rates       all;                // one, of all queues
    rates       types;              // by queue and type
    top_round   round;              // of very many queues, under way
    int         many;               // there are more queues than are asked for at once
    int64_t     count;              // of queues
    int64_t     asked_ms;           // for some of them at least
    int64_t     queues_at_ms, workers_at_ms, types_at_ms;
    int64_t     waiting, oldest_ms; // pending; how old the oldest of them is
    int64_t     kept;               // tasks in all states
    char        oldest_in[256];
    int64_t     workers, slots, busy, wanted;   // wanted: slots
    gofer_info *stats;              // owned: of the last hour, NULL: not asked for yet
    int64_t     sum;                // of all counters: another one says that something happened
    int64_t     changed_ms;         // when it did, or a key was pressed
} top_pulse;

typedef struct top {
    cli          *c;
    gofer_client *client;
    int           read_only;
    top_view      view;
    top_view      tab;              // the one that tasks were reached from
    top_grid      grid;
    top_page      page;             // of one task
    top_tasks     tasks;
    cursors       queues;           // of very many: where the page begins that is shown
    top_pulse     pulse;
    failures      failures;
    scout         scout;            // what the doctor found
    char          id[256], id_queue[256];       // of a page: what it is of
    int64_t       page_number;      // of a worker: its concurrency
    int           page_flag;        // paused, quiet
    int32_t       hours;            // that types are about
    char          filter[256];      // as typed; "": none
    size_t        selected;         // row of the grid
    size_t        scroll;           // first row or line shown
    size_t        height, width;    // rows and columns that fit, as last drawn
    int           ascii;            // the terminal has nothing else
    char          message[512];     // what was done or went wrong; until the next key
    int           is_bad;
    char          trouble[512];     // why the store could not be asked; until it can
    int64_t       loaded_ms, load_took_ms;
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
int  top_is_page(const top *t);             // lines, not rows
int  top_is_tab(const top *t);
const top_row *top_row_at(const top *t);    // the selected one; NULL: none
// The row of this key (and queue, unless it is NULL), if there is one.
void top_select(top *t, const char *key, const char *queue);
void top_say(top *t, int is_bad, const char *format, ...) __attribute__((format(printf, 3, 4)));

// ---- cursors.c

void        cursors_clear(cursors *k);          // back to the first page
const char *cursors_here(const cursors *k);     // NULL: the start
void        cursors_set_next(cursors *k, const char *next);     // NULL: this is the last page
// One page on, or back. 0: there is none.
int         cursors_forward(cursors *k);
int         cursors_back(cursors *k);
cursors    *top_cursors(top *t);                // of the view; NULL: it has no pages

// ---- help.c

typedef struct top_key_help { const char *keys, *what; } top_key_help;
extern const top_key_help top_keys_help[];  // ended by NULL

// ---- model.c

// Asks the store for what the view shows. On failure the old rows stay and `trouble` says why.
void top_load(top *t);
// When it is to be asked again, in ms from now.
int64_t top_due_ms(const top *t);
// Where the store does not filter: the last row stays if the word is in it.
void top_sift(top *t);

// Each fills the grid or the page of one view.
typedef gofer_status (*top_fill)(top *t, int64_t now_ms);

// ---- tasks.c

extern const top_column top_task_columns[];
enum { TOP_TASK_COLUMNS = 5 };
gofer_status top_fill_tasks(top *t, int64_t now_ms);
void top_forget_page(top *t);               // of tasks: back to the first

// ---- pages.c

gofer_status top_fill_task(top *t, int64_t now_ms);
gofer_status top_fill_worker(top *t, int64_t now_ms);
gofer_status top_fill_schedule(top *t, int64_t now_ms);
gofer_status top_fill_finding(top *t, int64_t now_ms);

// ---- pulse.c

// So many are shown at once; of more, as many as there is room for.
enum { TOP_QUEUES = 1000 };
// What a view has learnt of all queues, and of some of very many.
void top_pulse_queues(top *t, const gofer_info *queues, int64_t now_ms);
void top_pulse_shown(top *t, const gofer_info *queues, int64_t now_ms);
// Asks for what is older than it may be; what cannot be had stays as it was.
void top_pulse_beat(top *t, int64_t now_ms);
int64_t top_pulse_wanted(const top *t, const gofer_info *queue);    // slots
void top_pulse_wake(top *t);                // somebody is there: look often again
int  top_pulse_idle(const top *t, int64_t now_ms);
int  top_pulse_counts(const top *t);        // very many queues, for the first time
void top_pulse_clear(top *t);

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
