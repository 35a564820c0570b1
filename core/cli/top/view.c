// view.c - where one stands: the states of a queue, the filter, the selected row,
// what the last line says.
//
// Reads and writes the struct top alone: neither the store nor the terminal.
#include <stdarg.h>
#include <string.h>

#include "top.h"

const char *const top_states[] = { "active", "pending", "scheduled", "retry", "archived",
    "completed", "aggregating", NULL };

// ---- filters

int top_is_filtered(const top *t)
{
    return t->filter[0] != '\0';
}

int top_is_page(const top *t)
{
    return t->view >= VIEW_TASK;
}

int top_is_tab(const top *t)
{
    return t->view < TOP_TABS;
}

// "KEY=VALUE" into the filter. 0: it is one of ours.
static int take_term(top *t, gofer_filter *f, const char *key, const char *value)
{
    int64_t *span = strcmp(key, "older") == 0 ? &f->older_ms
        : strcmp(key, "newer") == 0           ? &f->younger_ms
                                              : NULL;
    if (strcmp(key, "error") == 0)
        f->error = value;
    else if (strcmp(key, "id") == 0)
        f->id = value;
    else if (strcmp(key, "group") == 0)
        f->group = value;
    else if (strcmp(key, "type") == 0)
        f->type = value;
    else if (!span)
        return -1;
    else if (gofer_parse_duration(value, span) != GOFER_OK) {
        top_say(t, 1, "%s", gofer_error_last());
        return -2;
    }
    return 0;
}

int top_filter_read(top *t, top_filter *out)
{
    gofer_filter_init(&out->filter);
    if (t->tasks.of_kind) {
        out->filter.type = t->tasks.kind_type;
        out->filter.fingerprint = t->tasks.kind;
    }
    snprintf(out->room, sizeof out->room, "%s", t->filter);
    char *rest = out->room;
    for (char *term; (term = strsep(&rest, " "));) {
        char *equals = strchr(term, '=');
        if (!*term)
            continue;
        if (!equals) {
            out->filter.type = term;
            continue;
        }
        *equals = '\0';
        int st = take_term(t, &out->filter, term, equals + 1);
        if (st == -1)
            top_say(t, 1, "the filter knows type, error, id, group, older and newer, not '%.40s'",
                term);
        if (st != 0)
            return -1;
    }
    return 0;
}

// ---- pages

cursors *top_cursors(top *t)
{
    return t->view == VIEW_TASKS ? &t->tasks.pages : t->view == VIEW_QUEUES ? &t->queues : NULL;
}

// ---- the selected row

void top_select(top *t, const char *key, const char *queue)
{
    for (size_t i = 0; i < t->grid.count; i++) {
        const top_row *row = &t->grid.rows[i];
        if (strcmp(row->key, key) == 0 &&
            (!queue || (row->queue && strcmp(row->queue, queue) == 0))) {
            t->selected = i;
            return;
        }
    }
}

const top_row *top_row_at(const top *t)
{
    return !top_is_page(t) && t->selected < t->grid.count ? &t->grid.rows[t->selected] : NULL;
}

// ---- the last line

void top_say(top *t, int is_bad, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(t->message, sizeof t->message, format, args);
    va_end(args);
    t->is_bad = is_bad;
}
