// draw.c - the screen: a title, tabs, a grid or a page, and a last line for hints,
// messages and questions.
//
// ncurses sends only what has changed, so that nothing goes to the terminal while nothing happens.
#include <curses.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "top.h"

enum {
    LEAST_COLUMNS = 40,
    LEAST_LINES = 8,
    HEAD = 3,
    FOOT = 1,
    GAP = 2,
    NARROWEST = 6,
    CONTINUED = 4
};

// ---- text

void top_colors(const top *t)
{
    if (!t->c->color || !has_colors() || start_color() == ERR)
        return;
    (void)use_default_colors();     // a terminal without them shows plain ones
    (void)init_pair(STYLE_GOOD, COLOR_GREEN, -1);
    (void)init_pair(STYLE_WARN, COLOR_YELLOW, -1);
    (void)init_pair(STYLE_BAD, COLOR_RED, -1);
}

static attr_t attribute(const top *t, screen_style style)
{
    switch (style) {
    case STYLE_BOLD:
        return A_BOLD;
    case STYLE_DIM:
        return A_DIM;
    case STYLE_GOOD:
    case STYLE_WARN:
    case STYLE_BAD:
        return t->c->color && has_colors() ? (attr_t)COLOR_PAIR(style) : A_NORMAL;
    default:
        return A_NORMAL;
    }
}

// text, which is escaped, in so many columns; what does not fit ends in "…".
static void put_cut(int y, int x, const char *text, int columns)
{
    if (columns <= 0)
        return;
    if ((int)screen_width(text) <= columns) {
        (void)mvaddstr(y, x, text);
        return;
    }
    size_t length = screen_fit(text, (size_t)columns - 1);
    (void)mvaddnstr(y, x, text, (int)length);
    (void)addstr("…");
}

// Raw text of ours or the user's.
static void put_safe(int y, int x, const char *text, int columns)
{
    char safe[1100];
    screen_escape_into(safe, sizeof safe, text, strlen(text), SCREEN_ONE_LINE);
    put_cut(y, x, safe, columns);
}

static void put_bar(int y)
{
    (void)mvhline(y, 0, ' ', COLS);
}

// ---- title and tabs

static void draw_title(const top *t)
{
    char clock[16] = "";
    time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local))
        (void)strftime(clock, sizeof clock, "%H:%M:%S", &local);
    (void)attrset(A_REVERSE);
    put_bar(0);
    (void)mvaddstr(0, 0, " gofer top ");
    put_safe(0, 12, gofer_client_url(t->client), COLS - 12 - 24);
    if (t->read_only)
        (void)mvaddstr(0, COLS - 20, "read-only");
    (void)mvaddstr(0, COLS - 9, clock);
    (void)attrset(A_NORMAL);
}

static void draw_tabs(const top *t)
{
    static const char *const names[TOP_TABS] = { "Queues", "Workers", "Schedules", "Types" };
    top_view tab = t->view < TOP_TABS ? t->view : t->tab;
    int x = 1;
    for (size_t i = 0; i < TOP_TABS; i++) {
        (void)attrset(i == (size_t)tab ? A_BOLD | A_UNDERLINE : A_DIM);
        (void)mvaddstr(1, x, names[i]);
        x += (int)strlen(names[i]) + 2;
    }
    (void)attrset(A_NORMAL);
    if (top_is_filtered(t)) {
        char text[300];
        snprintf(text, sizeof text, "filter: %s", t->filter);
        (void)attrset(attribute(t, STYLE_WARN) | A_BOLD);
        put_safe(1, x + 2, text, COLS - x - 3);
        (void)attrset(A_NORMAL);
    }
}

// "mail  active 2  [pending 120]  ...": the states of a queue, in place of the tabs' line.
static void draw_states(const top *t)
{
    char text[64];
    int x = 1, room = COLS / 4;
    char safe[1100];
    screen_escape_into(safe, sizeof safe, t->tasks.queue, strlen(t->tasks.queue), SCREEN_ONE_LINE);
    (void)attrset(A_BOLD);
    put_cut(1, x, safe, room);
    x += ((int)screen_width(safe) < room ? (int)screen_width(safe) : room) + 2;
    for (size_t i = 0; i < TOP_STATES; i++) {
        if (t->tasks.counts[i] == 0 && i != t->tasks.state)
            continue;
        snprintf(text, sizeof text, "%s %" PRId64, top_states[i], t->tasks.counts[i]);
        if (x + (int)strlen(text) >= COLS)
            break;
        (void)attrset(i == t->tasks.state ? A_BOLD | A_UNDERLINE : A_DIM);
        (void)mvaddstr(1, x, text);
        x += (int)strlen(text) + 2;
    }
    (void)attrset(A_NORMAL);
    if (top_is_filtered(t)) {
        snprintf(safe, sizeof safe, "[%s]", t->filter);
        (void)attrset(attribute(t, STYLE_WARN) | A_BOLD);
        put_safe(1, x, safe, COLS - x - 1);
        (void)attrset(A_NORMAL);
    }
}

// ---- grid

static int total_width(const int *widths, size_t count)
{
    int total = 0;
    for (size_t i = 0; i < count; i++)
        total += widths[i] + (widths[i] && i ? GAP : 0);
    return total;
}

// Natural widths, then columns give way in their order until the rest fits; what never gives is
// left out from the right.
static void measure(const top_grid *g, int *widths)
{
    for (size_t c = 0; c < g->column_count; c++) {
        widths[c] = (int)screen_width(g->columns[c].title);
        for (size_t r = 0; r < g->count; r++) {
            int width = (int)screen_width(g->rows[r].cells[c]);
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (size_t c = 0; c < g->column_count && total_width(widths, g->column_count) > COLS; c++)
        if (g->columns[c].gives < 0)
            widths[c] = 0;
    for (int turn = 9; turn > 0; turn--)
        for (size_t c = 0; c < g->column_count; c++) {
            int over = total_width(widths, g->column_count) - COLS;
            if (g->columns[c].gives != turn || over <= 0)
                continue;
            widths[c] = widths[c] - over > NARROWEST ? widths[c] - over
                : widths[c] < NARROWEST              ? widths[c]
                                                     : NARROWEST;
        }
    for (size_t c = g->column_count; c-- > 1 && total_width(widths, g->column_count) > COLS;)
        widths[c] = 0;
}

static void draw_cell(int y, int x, const char *text, int width, int right)
{
    int used = (int)screen_width(text);
    put_cut(y, right && used < width ? x + width - used : x, text, width);
}

static void draw_grid(top *t)
{
    const top_grid *g = &t->grid;
    int widths[TOP_COLUMNS] = { 0 };
    measure(g, widths);
    if (t->selected < t->scroll)
        t->scroll = t->selected;
    if (t->height && t->selected >= t->scroll + t->height)
        t->scroll = t->selected - t->height + 1;

    (void)attrset(A_BOLD);
    for (size_t c = 0, x = 0; c < g->column_count; c++) {
        if (widths[c])
            draw_cell(2, (int)x, g->columns[c].title, widths[c], g->columns[c].right);
        x += (size_t)(widths[c] ? widths[c] + GAP : 0);
    }
    (void)attrset(A_NORMAL);
    for (size_t i = 0; i < t->height && t->scroll + i < g->count; i++) {
        const top_row *row = &g->rows[t->scroll + i];
        int chosen = t->scroll + i == t->selected, y = HEAD + (int)i, x = 0;
        if (chosen) {
            (void)attrset(A_REVERSE);
            put_bar(y);
        }
        for (size_t c = 0; c < g->column_count; c++) {
            (void)attrset(attribute(t, row->styles[c]) | (chosen ? A_REVERSE : A_NORMAL));
            if (widths[c])
                draw_cell(y, x, row->cells[c], widths[c], g->columns[c].right);
            x += widths[c] ? widths[c] + GAP : 0;
        }
        (void)attrset(A_NORMAL);
    }
    if (g->count == 0 && !t->trouble[0])
        (void)mvaddstr(HEAD, 2, top_is_filtered(t) ? "nothing matches the filter" : "nothing here");
}

// The part of a line that goes into one of the screen: its bytes, at least a character. Parts after
// the first are indented.
static size_t part_of(const char *text, int is_first)
{
    size_t size = screen_fit(text, (size_t)COLS - (is_first ? 0 : CONTINUED));
    return size ? size : strlen(text);      // never: a screen has room for a character
}

// Draws the lines of the screen from t->scroll on, or only counts them all.
static size_t wrap_page(const top *t, int draws)
{
    size_t at = 0;
    for (size_t i = 0; i < t->page.count; i++) {
        const top_line *line = &t->page.lines[i];
        const char *text = line->text;
        (void)attrset(attribute(t, line->style));
        do {
            int is_first = text == line->text;
            size_t size = part_of(text, is_first);
            if (draws && at >= t->scroll && at < t->scroll + t->height)
                (void)mvaddnstr(HEAD - 1 + (int)(at - t->scroll), is_first ? 0 : CONTINUED, text,
                    (int)size);
            text += size;
            at++;
        } while (*text);
    }
    (void)attrset(A_NORMAL);
    return at;
}

static void draw_page(top *t)
{
    size_t lines = wrap_page(t, 0), last = lines > t->height ? lines - t->height : 0;
    if (t->scroll > last)
        t->scroll = last;
    (void)wrap_page(t, 1);
}

// ---- the last line, help

static void draw_foot(const top *t)
{
    static const char *const hints[] = {
        [VIEW_QUEUES] = "enter tasks  p pause  d delete  / filter  tab next  ? help  q quit",
        [VIEW_WORKERS] =
            "p quiet/resume  + - concurrency  c stop  / filter  tab next  ? help  q quit",
        [VIEW_SCHEDULES] = "p pause  r run now  d delete  / filter  tab next  ? help  q quit",
        [VIEW_TYPES] = "figures of the last hour  / filter  tab next  ? help  q quit",
        [VIEW_TASKS] =
            "enter show  r a d c act, R A D C all  <- -> state  / filter  esc back  ? help",
        [VIEW_TASK] = "r run  a archive  d delete  c cancel  esc back  ? help  q quit",
    };
    int y = LINES - 1;
    const char *text = t->trouble[0] ? t->trouble : t->message[0] ? t->message : hints[t->view];
    if (t->trouble[0] || (t->message[0] && t->is_bad))
        (void)attrset(attribute(t, STYLE_BAD) | A_BOLD);
    else if (!t->message[0])
        (void)attrset(A_DIM);
    put_safe(y, 0, text, COLS - 1);
    (void)attrset(A_NORMAL);
}

static void draw_help(void)
{
    int y = 2;
    (void)attrset(A_BOLD);
    (void)mvaddstr(1, 1, "Keys");
    (void)attrset(A_NORMAL);
    for (const top_key_help *k = top_keys_help; k->keys && y < LINES - 1; k++, y++) {
        (void)mvaddstr(y, 3, k->keys);
        put_cut(y, 22, k->what, COLS - 22);
    }
    (void)mvaddstr(LINES - 1, 0, "any key closes this");
}

void top_draw(top *t)
{
    (void)erase();
    if (COLS < LEAST_COLUMNS || LINES < LEAST_LINES) {
        t->height = 1;
        put_cut(0, 0, "the terminal is too small", COLS);
        (void)refresh();
        return;
    }
    t->height = (size_t)(LINES - (t->view == VIEW_TASK ? HEAD - 1 : HEAD) - FOOT);
    draw_title(t);
    if (t->help) {
        draw_help();
        (void)refresh();
        return;
    }
    if (t->view == VIEW_TASKS)
        draw_states(t);
    else
        draw_tabs(t);
    if (t->view == VIEW_TASK)
        draw_page(t);
    else
        draw_grid(t);
    draw_foot(t);
    (void)refresh();
}

// ---- asking

static int key_of_question(top *t)
{
    int key;
    timeout(-1);
    while ((key = getch()) == KEY_RESIZE)
        top_draw(t);
    return key;                     // ERR: a signal came
}

int top_confirm(top *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(t->message, sizeof t->message, format, args);
    va_end(args);
    size_t used = strlen(t->message);
    snprintf(t->message + used, sizeof t->message - used, " [y/N]");
    t->is_bad = 1;
    top_draw(t);
    int key = key_of_question(t);
    t->message[0] = '\0';
    return key == 'y' || key == 'Y';
}

static void erase_last(char *text)
{
    size_t size = strlen(text);
    while (size && ((unsigned char)text[size - 1] & 0xC0) == 0x80)
        size--;
    text[size ? size - 1 : 0] = '\0';
}

int top_ask_text(top *t, const char *label, char *text, size_t size)
{
    for (;;) {
        snprintf(t->message, sizeof t->message, "%s%.*s", label, (int)sizeof t->message - 60, text);
        t->is_bad = 0;
        top_draw(t);
        int x = (int)screen_width(t->message);
        (void)move(LINES - 1, x < COLS - 1 ? x : COLS - 1);
        (void)curs_set(1);
        int key = key_of_question(t);
        (void)curs_set(0);
        t->message[0] = '\0';
        if (key == '\n' || key == '\r' || key == KEY_ENTER)
            return 0;
        if (key == 27 || key == ERR)
            return -1;
        size_t used = strlen(text);
        if (key == KEY_BACKSPACE || key == 127 || key == 8)
            erase_last(text);
        else if (key == 21)         // ^U
            text[0] = '\0';
        else if (key >= 32 && key < 256 && used + 2 < size) {
            text[used] = (char)key;
            text[used + 1] = '\0';
        }
    }
}
