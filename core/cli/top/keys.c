// keys.c - what a key does: where one stands changes here, the store in act.c.
//
// Asks the store only for where to go (the first state that has tasks); ncurses gives the names of
// keys.
#include <curses.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"

// ---- moving

static void to_view(top *t, top_view view)
{
    t->view = view;
    t->selected = t->scroll = 0;
    t->trouble[0] = '\0';
    top_load(t);
}

// The pages of queues were those that match.
static void drop_filter(top *t)
{
    if (t->filter[0])
        cursors_clear(&t->queues);
    t->filter[0] = '\0';
}

static void to_tab(top *t, top_view tab)
{
    drop_filter(t);
    t->tasks.of_kind = 0;
    top_forget_page(t);
    to_view(t, tab);
}

static void open_queue(top *t, const char *queue)
{
    top_forget_page(t);
    t->tab = t->view;
    drop_filter(t);
    t->tasks.of_kind = 0;
    snprintf(t->tasks.queue, sizeof t->tasks.queue, "%s", queue);
}

static void open_tasks(top *t, const char *queue)
{
    open_queue(t, queue);
    // The first state that has tasks.
    gofer_info *info = NULL;
    t->tasks.state = 0;
    if (gofer_client_queue(t->client, queue, &info) == GOFER_OK)
        while (t->tasks.state + 1 < TOP_STATES &&
            gofer_info_int(info, top_states[t->tasks.state], 0) == 0)
            t->tasks.state++;
    if (!info || gofer_info_int(info, top_states[t->tasks.state], 0) == 0)
        t->tasks.state = 1;         // pending
    gofer_info_free(info);
    to_view(t, VIEW_TASKS);
}

// The tasks of one kind of failure: those that are archived, if there are any.
static void open_kind(top *t, const top_row *row)
{
    const char *state = failed_states[row->flag ? FAILED_ARCHIVED : FAILED_RETRY];
    open_queue(t, row->queue);
    t->tasks.of_kind = 1;
    snprintf(t->tasks.kind, sizeof t->tasks.kind, "%s", row->key);
    snprintf(t->tasks.kind_type, sizeof t->tasks.kind_type, "%s", row->type);
    for (t->tasks.state = 0; strcmp(top_states[t->tasks.state], state) != 0; t->tasks.state++)
        ;
    to_view(t, VIEW_TASKS);
}

static void open_page(top *t, const top_row *row, top_view page)
{
    snprintf(t->id, sizeof t->id, "%s", row->key);
    snprintf(t->id_queue, sizeof t->id_queue, "%s",
        row->queue                ? row->queue
            : t->view == VIEW_TASKS ? t->tasks.queue
                                  : "");
    if (t->view != VIEW_TASKS)
        t->tab = t->view;
    page_clear(&t->page);
    to_view(t, page);
}

static void enter(top *t)
{
    static const struct { top_view from, to; } pages[] = {
        { VIEW_TASKS, VIEW_TASK }, { VIEW_WORKERS, VIEW_WORKER },
        { VIEW_SCHEDULES, VIEW_SCHEDULE }, { VIEW_FINDINGS, VIEW_FINDING },
    };
    const top_row *row = top_row_at(t);
    if (!row)
        return;
    if (t->view == VIEW_QUEUES) {
        open_tasks(t, row->key);
    } else if (t->view == VIEW_TYPES && row->queue) {
        open_tasks(t, row->queue);
    } else if (t->view == VIEW_FAILURES) {
        open_kind(t, row);
    } else {
        for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
            if (pages[i].from == t->view) {
                open_page(t, row, pages[i].to);
                return;
            }
    }
}

static void leave_tasks(top *t)
{
    int of_kind = t->tasks.of_kind;
    to_tab(t, t->tab);
    if (of_kind)
        top_select(t, t->tasks.kind, t->tasks.queue);
    else
        top_select(t, t->tasks.queue, NULL);
}

static void back(top *t)
{
    if (t->view == VIEW_TASK) {
        to_view(t, VIEW_TASKS);
        top_select(t, t->id, NULL);
    } else if (top_is_page(t)) {
        to_view(t, t->tab);
        top_select(t, t->id, NULL);
    } else if (t->filter[0]) {
        drop_filter(t);
        top_forget_page(t);
        to_view(t, t->view);
    } else if (t->view == VIEW_TASKS) {
        leave_tasks(t);
    }
}

// ---- other states, other hours, another look

static void other_hours(top *t, int step)
{
    static const int32_t hours[] = { 1, 24, 168 };
    enum { COUNT = sizeof hours / sizeof *hours };
    size_t at = 0;
    while (at + 1 < COUNT && hours[at] != t->hours)
        at++;
    t->hours = hours[(at + COUNT + (size_t)step) % COUNT];
    to_view(t, VIEW_TYPES);
}

static void other_state(top *t, int step)
{
    if (t->view == VIEW_TYPES)
        other_hours(t, step);
    if (t->view != VIEW_TASKS)
        return;
    t->tasks.state = (t->tasks.state + TOP_STATES + (size_t)step) % TOP_STATES;
    top_forget_page(t);
    to_view(t, VIEW_TASKS);
}

static void look_again(top *t)
{
    if (t->view == VIEW_FAILURES)
        failures_begin(&t->failures, cli_now_ms());
    if (t->view == VIEW_FINDINGS)
        scout_begin(&t->scout, t->client, cli_now_ms());
    top_load(t);
}

static void look_further(top *t)
{
    if (t->view != VIEW_FAILURES || failures_whole(&t->failures))
        return;
    failures_further(&t->failures);
    top_load(t);
}

// ---- pages of tasks, and of very many queues

static int next_page(top *t)
{
    cursors *k = top_cursors(t);
    if (!k || !cursors_forward(k))
        return 0;
    to_view(t, t->view);
    return 1;
}

static int previous_page(top *t)
{
    cursors *k = top_cursors(t);
    if (!k || !cursors_back(k))
        return 0;
    to_view(t, t->view);
    t->selected = t->grid.count ? t->grid.count - 1 : 0;
    return 1;
}

static void move_by(top *t, int64_t step)
{
    if (top_is_page(t)) {
        int64_t to = (int64_t)t->scroll + step;
        t->scroll = to < 0 ? 0 : (size_t)to;    // draw_page keeps it in the page
        return;
    }
    int64_t to = (int64_t)t->selected + step;
    // One row at a time one meets the page's end first; a screen is a page.
    int whole = step > 1 || step < -1;
    if (to < 0 && (whole || t->selected == 0) && previous_page(t))
        return;
    if (to >= (int64_t)t->grid.count && (whole || t->selected + 1 >= t->grid.count) && next_page(t))
        return;
    int64_t last = t->grid.count ? (int64_t)t->grid.count - 1 : 0;
    t->selected = (size_t)(to < 0 ? 0 : to > last ? last : to);
}

static void ask_filter(top *t)
{
    char text[sizeof t->filter];
    if (top_is_page(t))
        return;
    snprintf(text, sizeof text, "%s", t->filter);
    if (top_ask_text(t, "filter: ", text, sizeof text) != 0)
        return;
    char before[sizeof t->filter];
    top_filter checked;
    memcpy(before, t->filter, sizeof before);
    memcpy(t->filter, text, sizeof t->filter);
    if (t->view == VIEW_TASKS && top_filter_read(t, &checked) != 0) {
        memcpy(t->filter, before, sizeof t->filter);
        return;
    }
    top_forget_page(t);
    cursors_clear(&t->queues);
    to_view(t, t->view);
}

// ---- keys

static int action_key(top *t, int key)
{
    static const struct { int key; top_action act; int all; } actions[] = {
        { 'p', ACT_PAUSE, 0 }, { 'r', ACT_RUN, 0 }, { 'a', ACT_ARCHIVE, 0 }, { 'd', ACT_DELETE, 0 },
        { 'c', ACT_CANCEL, 0 },
        { '+', ACT_MORE, 0 }, { '-', ACT_FEWER, 0 },
        { 'R', ACT_RUN, 1 }, { 'A', ACT_ARCHIVE, 1 }, { 'D', ACT_DELETE, 1 },
        { 'C', ACT_CANCEL, 1 },
    };
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (actions[i].key != key)
            continue;
        if (t->read_only)
            top_say(t, 1, "read-only: nothing is changed");
        else
            (actions[i].all ? top_do_all : top_do)(t, actions[i].act);
        return 1;
    }
    return 0;
}

void top_key(top *t, int key)
{
    if (key == KEY_RESIZE) {
        top_draw(t);                // learns how many rows fit now
        if (top_cursors(t))
            top_load(t);
        return;
    }
    if (t->help) {
        t->help = 0;
        return;
    }
    t->message[0] = '\0';
    if (action_key(t, key))
        return;
    switch (key) {
    case 'q':
        t->quit = 1;
        break;
    case '?':
        t->help = 1;
        break;
    case '/':
        ask_filter(t);
        break;
    case 'g':
        look_again(t);
        break;
    case 'm':
        look_further(t);
        break;
    case '\t':
        to_tab(t, top_is_tab(t) ? (top_view)((t->view + 1) % TOP_TABS) : t->tab);
        break;
    case KEY_BTAB:
        to_tab(t, top_is_tab(t) ? (top_view)((t->view + TOP_TABS - 1) % TOP_TABS) : t->tab);
        break;
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
        to_tab(t, (top_view)(key - '1'));
        break;
    case '\n':
    case '\r':
    case KEY_ENTER:
        enter(t);
        break;
    case 27:
    case KEY_BACKSPACE:
    case 127:
    case 8:
        back(t);
        break;
    case KEY_LEFT:
    case 'h':
        other_state(t, -1);
        break;
    case KEY_RIGHT:
    case 'l':
        other_state(t, 1);
        break;
    case KEY_UP:
    case 'k':
        move_by(t, -1);
        break;
    case KEY_DOWN:
    case 'j':
        move_by(t, 1);
        break;
    case KEY_PPAGE:
        move_by(t, -(int64_t)t->height);
        break;
    case KEY_NPAGE:
    case ' ':
        move_by(t, (int64_t)t->height);
        break;
    case KEY_HOME:
        t->scroll = t->selected = 0;
        break;
    case KEY_END:
        t->scroll = INT32_MAX;     // draw_page keeps it in the page
        t->selected = t->grid.count ? t->grid.count - 1 : 0;
        break;
    default:
        break;
    }
}
