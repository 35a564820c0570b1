// queue_table.c - queues as rows, with a sum when there are several. The heads are
// those of `gofer top`.
//
// Only counts and flags of a snapshot are read; the store is not asked again.
#include "queue_table.h"

#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "screen.h"

enum { COUNTS = 9, UNSERVED_NAMED = 10, NOTE_MAX = 800 };

static const char *const fields[COUNTS] = { "pending", "active", "scheduled", "retry", "archived",
    "completed", "processed", "failed", "aggregating" };

static int any(const gofer_info *queues, const char *field)
{
    for (size_t i = 0; i < gofer_info_count(queues); i++)
        if (gofer_info_int(gofer_info_at(queues, i), field, 0))
            return 1;
    return 0;
}

static void add_count(table *rows, size_t field, int64_t count)
{
    // What needs a look catches the eye; zero does not.
    int bad = strcmp(fields[field], "failed") == 0 || strcmp(fields[field], "archived") == 0;
    table_count(rows, count == 0 ? STYLE_DIM : bad ? STYLE_BAD : STYLE_PLAIN, count);
}

void queue_table_print(const gofer_info *queues, int color)
{
    // Groups and pauses are rare: their columns are left out where they would say nothing.
    int grouped = any(queues, "aggregating"), pauses = any(queues, "paused");
    const char *heads[COUNTS + 4] = { "QUEUE", "PENDING", "ACTIVE", "SCHED", "RETRY", "ARCH",
        "DONE", "TODAY", "FAILED" };
    size_t columns = grouped ? COUNTS : COUNTS - 1, head = COUNTS;
    if (grouped)
        heads[head++] = "GROUPED";
    heads[head++] = "OLDEST";
    if (pauses)
        heads[head++] = "PAUSED";
    char align[] = "lrrrrrrrrrrr";
    align[head - 1] = pauses ? 'l' : 'r';
    table *rows = table_new(heads, align);
    int64_t sums[COUNTS] = { 0 };
    char text[CLI_HUMAN];
    size_t count = gofer_info_count(queues);
    for (size_t i = 0; i < count; i++) {
        const gofer_info *queue = gofer_info_at(queues, i);
        int64_t latency = gofer_info_int(queue, "latency_ms", 0);
        int paused = gofer_info_int(queue, "paused", 0) != 0;
        table_cell(rows, STYLE_BOLD, gofer_info_text(queue, "queue"));
        for (size_t f = 0; f < columns; f++) {
            int64_t value = gofer_info_int(queue, fields[f], 0);
            sums[f] = cli_sum(sums[f], value);
            add_count(rows, f, value);
        }
        table_cell(rows, STYLE_PLAIN, latency ? cli_human_duration(text, latency) : NULL);
        if (pauses)
            table_cell(rows, paused ? STYLE_WARN : STYLE_DIM, paused ? "yes" : "no");
    }
    if (count > 1) {
        table_cell(rows, STYLE_DIM, "(all)");
        for (size_t f = 0; f < columns; f++)
            add_count(rows, f, sums[f]);
        table_cell(rows, STYLE_PLAIN, NULL);
        if (pauses)
            table_cell(rows, STYLE_PLAIN, NULL);
    }
    table_print(rows, color);
    table_free(rows);
}

void queue_note_unserved(const struct cli *c, const gofer_info *queues)
{
    char text[NOTE_MAX] = "";
    size_t used = 0, named = 0, count = 0;
    for (size_t i = 0; i < gofer_info_count(queues); i++) {
        const gofer_info *queue = gofer_info_at(queues, i);
        if (!gofer_info_int(queue, "unserved", 0))
            continue;
        const char *name = gofer_info_text(queue, "queue");
        count++;
        if (named == UNSERVED_NAMED || used + strlen(name) + sizeof ", " > sizeof text)
            continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", named ? ", " : "", name);
        named++;
    }
    if (count > named)
        cli_note(c, "tasks are pending in %zu queues that no live worker serves: %s, ...", count,
            text);
    else if (count)
        cli_note(c, "tasks are pending in queues that no live worker serves: %s", text);
}
