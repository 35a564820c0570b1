// queue_table.c - queues as rows, with a sum when there are several. The heads are
// those of `gofer top`.
//
// Of a snapshot only counts and flags are read. The store is asked for pages of queues, and one
// page is in memory.
#include "queue_table.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "pages.h"
#include "screen.h"

enum { COUNTS = QUEUE_COUNTS, UNSERVED_NAMED = 10 };

static const char *const fields[COUNTS] = { "pending", "active", "scheduled", "retry", "archived",
    "completed", "processed", "failed", "aggregating" };

static int any(const gofer_info *const *queues, size_t count, const char *field)
{
    for (size_t i = 0; i < count; i++)
        if (gofer_info_int(queues[i], field, 0))
            return 1;
    return 0;
}

static void add_count(table *rows, size_t field, int64_t count)
{
    // What needs a look catches the eye; zero does not.
    int bad = strcmp(fields[field], "failed") == 0 || strcmp(fields[field], "archived") == 0;
    table_count(rows, count == 0 ? STYLE_DIM : bad ? STYLE_BAD : STYLE_PLAIN, count);
}

// others: the columns behind the counts, which have no sum.
static void add_sums(table *rows, const queue_pages *pages, size_t columns, int others)
{
    table_cell(rows, STYLE_DIM, "(all)");
    for (size_t f = 0; f < columns; f++)
        add_count(rows, f, pages->sums[f]);
    for (int i = 0; i < others; i++)
        table_cell(rows, STYLE_PLAIN, NULL);
}

// How many may be pending.
static void add_length(table *rows, const gofer_info *queue)
{
    if (gofer_info_has(queue, "max_length"))
        table_count(rows, STYLE_PLAIN, gofer_info_int(queue, "max_length", 0));
    else
        table_cell(rows, STYLE_PLAIN, NULL);
}

// When its hours open it; nothing where they do not close it.
static void add_closed(table *rows, const gofer_info *queue)
{
    char when[CLI_HUMAN];
    int64_t until = gofer_info_int(queue, "closed_until_ms", 0);
    table_cell(rows, STYLE_WARN,
        until ? cli_human_when(when, until, cli_now_ms())
              : gofer_info_int(queue, "closed", 0) ? "(not known)" : NULL);
}

void queue_pages_rows(const queue_pages *pages, const gofer_info *const *queues, size_t count,
    int is_last, int color)
{
    // Groups, lengths and pauses are rare: their columns are left out where they say nothing.
    int grouped = any(queues, count, "aggregating") || (is_last && pages->sums[COUNTS - 1]),
        bounds = any(queues, count, "max_length"), pauses = any(queues, count, "paused"),
        closes = any(queues, count, "closed");
    const char *heads[COUNTS + 6] = { "QUEUE", "PENDING", "ACTIVE", "SCHED", "RETRY", "ARCH",
        "DONE", "TODAY", "FAILED" };
    size_t columns = grouped ? COUNTS : COUNTS - 1, head = COUNTS;
    if (grouped)
        heads[head++] = "GROUPED";
    if (bounds)
        heads[head++] = "MOST";
    heads[head++] = "OLDEST";
    if (pauses)
        heads[head++] = "PAUSED";
    if (closes)
        heads[head++] = "CLOSED UNTIL";
    char align[] = "lrrrrrrrrrrrrr";
    for (int i = 1; i <= pauses + closes; i++)
        align[head - (size_t)i] = 'l';
    table *rows = table_new(heads, align);
    char text[CLI_HUMAN];
    for (size_t i = 0; i < count; i++) {
        const gofer_info *queue = queues[i];
        int64_t latency = gofer_info_int(queue, "latency_ms", 0);
        int paused = gofer_info_int(queue, "paused", 0) != 0;
        table_cell(rows, STYLE_BOLD, gofer_info_text(queue, "queue"));
        for (size_t f = 0; f < columns; f++)
            add_count(rows, f, gofer_info_int(queue, fields[f], 0));
        if (bounds)
            add_length(rows, queue);
        table_cell(rows, STYLE_PLAIN, latency ? cli_human_duration(text, latency) : NULL);
        if (pauses)
            table_cell(rows, paused ? STYLE_WARN : STYLE_DIM, paused ? "yes" : "no");
        if (closes)
            add_closed(rows, queue);
    }
    if (is_last && pages->count > 1)
        add_sums(rows, pages, columns, 1 + bounds + pauses + closes);
    table_print(rows, color);
    table_free(rows);
}

void queue_pages_print(const queue_pages *pages, const gofer_info *queues, int is_last, int color)
{
    size_t count = gofer_info_count(queues);
    const gofer_info **rows = calloc(count + 1, sizeof *rows);
    for (size_t i = 0; i < count && rows; i++)
        rows[i] = gofer_info_at(queues, i);
    if (rows)
        queue_pages_rows(pages, rows, count, is_last, color);
    else
        fputs("gofer: no memory for a table\n", stderr);
    free(rows);
}

static void add_unserved(queue_pages *pages, const char *name)
{
    pages->unserved++;
    size_t room = sizeof pages->names - pages->used;
    if (pages->named == UNSERVED_NAMED || strlen(name) + sizeof ", " > room)
        return;
    pages->used += (size_t)snprintf(pages->names + pages->used, room, "%s%s",
        pages->named ? ", " : "", name);
    pages->named++;
}

void queue_pages_add(queue_pages *pages, const gofer_info *queues)
{
    for (size_t i = 0; i < gofer_info_count(queues); i++) {
        const gofer_info *queue = gofer_info_at(queues, i);
        pages->count++;
        for (size_t f = 0; f < COUNTS; f++)
            pages->sums[f] = cli_sum(pages->sums[f], gofer_info_int(queue, fields[f], 0));
        if (gofer_info_int(queue, "unserved", 0))
            add_unserved(pages, gofer_info_text(queue, "queue"));
    }
}

void queue_pages_note(const struct cli *c, const queue_pages *pages)
{
    if (pages->unserved > pages->named)
        cli_note(c, "tasks are pending in %s%zu queues that no live worker serves: %s, ...",
            pages->partly ? "at least " : "", pages->unserved, pages->names);
    else if (pages->unserved)
        cli_note(c, "tasks are pending in queues that no live worker serves: %s", pages->names);
}

static bool add_page(gofer_info *page, void *user)
{
    queue_pages *pages = user;
    queue_pages_add(pages, page);
    pages->partly = gofer_info_has(page, "next_cursor");
    gofer_info_free(page);
    return pages->unserved <= pages->named;
}

void queue_note_unserved(const struct cli *c, gofer_client *client)
{
    const page_list all = { .ask = gofer_client_queues_page, .limit = QUEUES_PAGE };
    queue_pages seen = { 0 };
    if (pages_each(client, &all, add_page, &seen) == GOFER_OK)
        queue_pages_note(c, &seen);
}
