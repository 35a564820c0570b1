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
#include "util/utf8.h"

enum {
    LEAST_COLUMNS = 40,
    LEAST_LINES = 8,
    FOOT = 1,
    GAP = 2,
    NARROWEST = 6,
    CONTINUED = 4,
    SUMMARY_LINE = 12               // the least that the line of rates gets
};

// Lines above rows: title, what all comes to, tabs or states, titles of columns; above a page's
// text: title and tabs.
static int head_of(const top *t)
{
    return top_is_tab(t) ? 4 : t->view == VIEW_TASKS ? 3 : 2;
}

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

// Escaped text where the cursor is. On a terminal without UTF-8 each column of another character
// is a question mark: its bytes could be controls there.
static void put_bytes(const top *t, const char *text, size_t size)
{
    if (!t->ascii) {
        (void)addnstr(text, (int)size);
        return;
    }
    while (size) {
        uint32_t code;
        size_t length = gf_utf8_read(text, size, &code);
        char one[8] = "?";
        length = length ? length : 1;
        memcpy(one, text, length < sizeof one ? length : 1);
        for (size_t columns = length > 1 ? screen_width(one) : 1; columns; columns--)
            (void)addch(length > 1 ? '?' : (chtype)(unsigned char)*text);
        text += length;
        size -= length;
    }
}

// text, which is escaped, in so many columns; what does not fit ends in "…".
static void put_cut(const top *t, int y, int x, const char *text, int columns)
{
    if (columns <= 0)
        return;
    int fits = (int)screen_width(text) <= columns;
    (void)move(y, x);
    put_bytes(t, text, fits ? strlen(text) : screen_fit(text, (size_t)columns - 1));
    if (!fits)
        (void)addstr(t->ascii ? "~" : "…");
}

// Raw text of ours or the user's.
static void put_safe(const top *t, int y, int x, const char *text, int columns)
{
    char safe[1100];
    screen_escape_into(safe, sizeof safe, text, strlen(text), SCREEN_ONE_LINE);
    put_cut(t, y, x, safe, columns);
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
    put_safe(t, 0, 12, gofer_client_url(t->client), COLS - 12 - 24);
    if (t->read_only)
        (void)mvaddstr(0, COLS - 20, "read-only");
    (void)mvaddstr(0, COLS - 9, clock);
    (void)attrset(A_NORMAL);
}

static void draw_tabs(const top *t)
{
    static const char *const names[TOP_TABS] = { "Queues", "Workers", "Schedules", "Types",
        "Failures", "Findings" };
    top_view tab = top_is_tab(t) ? t->view : t->tab;
    int x = 1, y = top_is_tab(t) ? 2 : 1;
    for (size_t i = 0; i < TOP_TABS; i++) {
        (void)attrset(i == (size_t)tab ? A_BOLD | A_UNDERLINE : A_DIM);
        put_cut(t, y, x, names[i], COLS - x);
        x += (int)strlen(names[i]) + 2;
    }
    (void)attrset(A_NORMAL);
    if (t->view == VIEW_TYPES && !top_is_filtered(t))
        put_cut(t, y, x + 2, t->hours == 1 ? "last hour" : t->hours == 24 ? "last 24 hours"
            : "last 7 days", COLS - x - 3);
    if (t->view == VIEW_QUEUES && t->pulse.many && t->pulse.count && !top_is_filtered(t)) {
        char text[64];
        snprintf(text, sizeof text, "page %zu, of %" PRId64 " queues", t->queues.depth + 1,
            t->pulse.count);
        put_cut(t, y, x + 2, text, COLS - x - 3);
    }
    if (top_is_filtered(t)) {
        char text[300];
        snprintf(text, sizeof text, "filter: %s", t->filter);
        (void)attrset(attribute(t, STYLE_WARN) | A_BOLD);
        put_safe(t, y, x + 2, text, COLS - x - 3);
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
    put_cut(t, 1, x, safe, room);
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
    if (top_is_filtered(t) || t->tasks.of_kind) {
        const char *kind = t->tasks.of_kind ? t->tasks.kind : "";
        snprintf(safe, sizeof safe, "[%s%s%s%s%s]", t->tasks.of_kind ? t->tasks.kind_type : "",
            *kind ? ": " : "", kind, t->tasks.of_kind && *t->filter ? " " : "", t->filter);
        (void)attrset(attribute(t, STYLE_WARN) | A_BOLD);
        put_safe(t, 1, x, safe, COLS - x - 1);
        (void)attrset(A_NORMAL);
    }
}

// ---- what all comes to

typedef struct part {
    screen_style style;
    char         text[160];
} part;

enum { PART_RATE, PART_FAILED, PART_WAITING, PART_SLOTS, PART_FINDINGS, PARTS };

static void put_part_text(part *p, screen_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void put_part_text(part *p, screen_style style, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(p->text, sizeof p->text, format, args);
    va_end(args);
    p->style = style;
}

static void tell_findings(const top *t, part *p)
{
    const scout *s = &t->scout;
    size_t open = scout_open(s);
    if (open)
        put_part_text(p, STYLE_WARN, "%zu finding%s", open, open == 1 ? "" : "s");
    else if (s->findings)
        put_part_text(p, STYLE_DIM, "no findings");
}

static void tell_parts(const top *t, part parts[PARTS])
{
    const top_pulse *p = &t->pulse;
    const rate *all = rates_find(&p->all, "");
    char text[RATE_TEXT], age[CLI_HUMAN], queue[40];
    double failed = rate_now(all, RATE_FAILED);
    put_part_text(&parts[PART_RATE], STYLE_BOLD, "%s", rate_text(text, rate_now(all, RATE_ENDED)));
    put_part_text(&parts[PART_FAILED], failed > 0 ? STYLE_BAD : STYLE_DIM, "failed %s",
        rate_text(text, failed));
    screen_escape_into(queue, sizeof queue, p->oldest_in, strlen(p->oldest_in), SCREEN_ONE_LINE);
    if (p->waiting)
        put_part_text(&parts[PART_WAITING], STYLE_PLAIN, "waiting %" PRId64 ", oldest %s in %s",
            p->waiting, cli_human_duration(age, p->oldest_ms), queue);
    else
        put_part_text(&parts[PART_WAITING], STYLE_DIM, "nothing waits");
    put_part_text(&parts[PART_SLOTS], p->wanted > p->slots ? STYLE_WARN : STYLE_PLAIN,
        "busy %" PRId64 "/%" PRId64 ", wanted %" PRId64, p->busy, p->slots, p->wanted);
    tell_findings(t, &parts[PART_FINDINGS]);
}

// What has no room is left out, the least telling first; what is left over the line of rates gets.
static void draw_summary(const top *t)
{
    static const size_t orders[][PARTS - 1] = {
        { PART_FINDINGS, PART_FAILED, PART_SLOTS, PART_WAITING },   // there are none
        { PART_FAILED, PART_SLOTS, PART_WAITING, PART_FINDINGS },
    };
    const size_t *gives = orders[scout_open(&t->scout) > 0];
    part parts[PARTS] = { { STYLE_PLAIN, "" } };
    char line[RATE_LINE];
    int used = 1, x = 1;
    if (top_pulse_counts(t)) {
        char counted[64];
        snprintf(counted, sizeof counted, "%" PRId64 " queues counted so far",
            t->pulse.round.count);
        put_cut(t, 1, 1, counted, COLS - 1);
    }
    if (!t->pulse.queues_at_ms)
        return;
    tell_parts(t, parts);
    for (size_t i = 0; i < PARTS; i++)
        used += parts[i].text[0] ? (int)screen_width(parts[i].text) + GAP : 0;
    for (size_t i = 0; i < PARTS - 1 && used + SUMMARY_LINE > COLS; i++) {
        used -= parts[gives[i]].text[0] ? (int)screen_width(parts[gives[i]].text) + GAP : 0;
        parts[gives[i]].text[0] = '\0';
    }
    int room = COLS - used < RATE_STEPS - 1 ? COLS - used : RATE_STEPS - 1;
    (void)attrset(attribute(t, STYLE_GOOD));
    (void)rate_line(line, rates_find(&t->pulse.all, ""), RATE_ENDED, room < 0 ? 0 : room,
        t->ascii);
    put_cut(t, 1, x, line, room);
    x += room > 0 ? room + 1 : 0;
    for (size_t i = 0; i < PARTS; i++) {
        (void)attrset(attribute(t, parts[i].style));
        put_cut(t, 1, x, parts[i].text, COLS - x);
        x += parts[i].text[0] ? (int)screen_width(parts[i].text) + GAP : 0;
    }
    (void)attrset(A_NORMAL);
}

// ---- grid

static int total_width(const int *widths, size_t count)
{
    int total = 0;
    for (size_t i = 0; i < count; i++)
        total += widths[i] + (widths[i] && i ? GAP : 0);
    return total;
}

// Columns that may be left out are, until the rest fits; of those that can be cut, which come
// next, as much as is worth reading counts.
static void leave_out(const top_grid *g, int *widths)
{
    enum { WORTH = 16 };
    for (int turn = -9; turn < 0; turn++) {
        int total = total_width(widths, g->column_count);
        for (size_t c = 0; c < g->column_count; c++)
            if (g->columns[c].gives > 0 && widths[c] > WORTH)
                total -= widths[c] - WORTH;
        for (size_t c = 0; c < g->column_count && total > COLS; c++)
            if (g->columns[c].gives == turn)
                widths[c] = 0;
    }
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
    leave_out(g, widths);
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

// Where text begins in a column that is so wide.
static int at_right(const char *text, int width)
{
    int used = (int)screen_width(text);
    return used < width ? width - used : 0;
}

static const char *nothing_of(const top *t)
{
    if (t->view == VIEW_FAILURES && failures_scanning(&t->failures))
        return "looking ...";
    if (t->view == VIEW_FINDINGS && t->scout.running)
        return "the doctor is looking ...";
    if (t->view == VIEW_FINDINGS && t->scout.findings && !top_is_filtered(t))
        return "all is well";
    return top_is_filtered(t) || t->tasks.of_kind ? "nothing matches the filter" : "nothing here";
}

static void draw_grid(top *t)
{
    const top_grid *g = &t->grid;
    int widths[TOP_COLUMNS] = { 0 }, head = head_of(t);
    measure(g, widths);
    if (t->selected < t->scroll)
        t->scroll = t->selected;
    if (t->height && t->selected >= t->scroll + t->height)
        t->scroll = t->selected - t->height + 1;

    (void)attrset(A_BOLD);
    for (size_t c = 0, x = 0; c < g->column_count; c++) {
        if (widths[c])
            put_cut(t, head - 1,
                (int)x + (g->columns[c].right ? at_right(g->columns[c].title, widths[c]) : 0),
                g->columns[c].title, widths[c]);
        x += (size_t)(widths[c] ? widths[c] + GAP : 0);
    }
    (void)attrset(A_NORMAL);
    for (size_t i = 0; i < t->height && t->scroll + i < g->count; i++) {
        const top_row *row = &g->rows[t->scroll + i];
        int chosen = t->scroll + i == t->selected, y = head + (int)i, x = 0;
        if (chosen) {
            (void)attrset(A_REVERSE);
            put_bar(y);
        }
        for (size_t c = 0; c < g->column_count; c++) {
            (void)attrset(attribute(t, row->styles[c]) | (chosen ? A_REVERSE : A_NORMAL));
            if (widths[c])
                put_cut(t, y,
                    x + (g->columns[c].right ? at_right(row->cells[c], widths[c]) : 0),
                    row->cells[c], widths[c]);
            x += widths[c] ? widths[c] + GAP : 0;
        }
        (void)attrset(A_NORMAL);
    }
    if (g->count == 0 && !t->trouble[0])
        (void)mvaddstr(head, 2, nothing_of(t));
}

// The part of a line that goes into one of the screen: its bytes, at least a character. Parts after
// the first are indented.
static size_t part_of(const char *text, int is_first)
{
    size_t size = screen_fit(text, (size_t)COLS - (is_first ? 0 : CONTINUED));
    return size ? size : strlen(text);      // never: a screen has room for a character
}

static void put_part(const top *t, int y, int x, const char *text, size_t size)
{
    (void)move(y, x);
    put_bytes(t, text, size);
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
                put_part(t, head_of(t) + (int)(at - t->scroll), is_first ? 0 : CONTINUED, text,
                    size);
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

// How much of the failed tasks was looked at, unless it was all. 0: there is nothing to tell.
static int tell_scan(const top *t, char *out, size_t size)
{
    const failures *f = &t->failures;
    if (t->view == VIEW_FINDINGS && t->scout.trouble[0])
        return snprintf(out, size, "%s", t->scout.trouble) > 0;
    if (t->view != VIEW_FAILURES || (failures_whole(f) && !f->others))
        return 0;
    int used = snprintf(out, size, "%" PRId64 " looked at", f->looked);
    if (f->others)
        used += snprintf(out + used, size - (size_t)used, ", %" PRId64 " of further kinds",
            f->others);
    if (!failures_whole(f))
        snprintf(out + used, size - (size_t)used,
            failures_scanning(f) ? " ..." : "; there are more: m looks further");
    return 1;
}

static void draw_foot(const top *t)
{
    static const char *const hints[] = {
        [VIEW_QUEUES] = "enter tasks  p pause  d delete  / filter  tab next  ? help  q quit",
        [VIEW_WORKERS] =
            "p quiet/resume  + - concurrency  c stop  / filter  tab next  ? help  q quit",
        [VIEW_SCHEDULES] = "p pause  r run now  d delete  / filter  tab next  ? help  q quit",
        [VIEW_TYPES] = "enter tasks  <- -> other hours  / filter  tab next  ? help  q quit",
        [VIEW_FAILURES] = "enter tasks  r a d all of a kind  g look again  / filter  ? help",
        [VIEW_FINDINGS] = "enter show  r repair  g look again  / filter  tab next  ? help  q quit",
        [VIEW_TASKS] =
            "enter show  r a d c act, R A D C all  <- -> state  / filter  esc back  ? help",
        [VIEW_TASK] = "r run  a archive  d delete  c cancel  esc back  ? help  q quit",
        [VIEW_WORKER] = "p quiet/resume  + - concurrency  c stop  esc back  ? help  q quit",
        [VIEW_SCHEDULE] = "p pause  r run now  d delete  esc back  ? help  q quit",
        [VIEW_FINDING] = "r repair  esc back  ? help  q quit",
    };
    char told[160];
    int y = LINES - 1;
    const char *text = t->trouble[0] ? t->trouble
        : t->message[0]              ? t->message
        : tell_scan(t, told, sizeof told) ? told
                                          : hints[t->view];
    if (t->trouble[0] || (t->message[0] && t->is_bad))
        (void)attrset(attribute(t, STYLE_BAD) | A_BOLD);
    else if (!t->message[0])
        (void)attrset(A_DIM);
    put_safe(t, y, 0, text, COLS - 1);
    (void)attrset(A_NORMAL);
}

static void draw_help(const top *t)
{
    int y = 2;
    (void)attrset(A_BOLD);
    (void)mvaddstr(1, 1, "Keys");
    (void)attrset(A_NORMAL);
    for (const top_key_help *k = top_keys_help; k->keys && y < LINES - 1; k++, y++) {
        (void)mvaddstr(y, 3, k->keys);
        put_cut(t, y, 22, k->what, COLS - 22);
    }
    (void)mvaddstr(LINES - 1, 0, "any key closes this");
}

void top_draw(top *t)
{
    (void)erase();
    if (COLS < LEAST_COLUMNS || LINES < LEAST_LINES) {
        t->height = 1;
        put_cut(t, 0, 0, "the terminal is too small", COLS);
        (void)refresh();
        return;
    }
    t->height = (size_t)(LINES - head_of(t) - FOOT);
    t->width = (size_t)COLS;
    draw_title(t);
    if (t->help) {
        draw_help(t);
        (void)refresh();
        return;
    }
    if (top_is_tab(t))
        draw_summary(t);
    if (t->view == VIEW_TASKS)
        draw_states(t);
    else
        draw_tabs(t);
    if (top_is_page(t))
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
