// queue_table.c - queues as rows, with a sum when there are several.
#include "queue_table.h"

#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "screen.h"

// Groups are rare: their column comes last of the counts, and is left out where it would be empty.
static const char *const heads[] = { "QUEUE", "PENDING", "ACTIVE", "SCHEDULED", "RETRY", "ARCHIVED", "COMPLETED",
    "TODAY", "FAILED", "OLDEST", "PAUSED", NULL };
static const char *const grouped_heads[] = { "QUEUE", "PENDING", "ACTIVE", "SCHEDULED", "RETRY", "ARCHIVED", "COMPLETED",
    "TODAY", "FAILED", "GROUPED", "OLDEST", "PAUSED", NULL };
static const char *const fields[] = { "pending", "active", "scheduled", "retry", "archived", "completed",
    "processed", "failed", "aggregating" };

enum { COUNTS = sizeof fields / sizeof *fields };

static int any_grouped(const gofer_info *queues)
{
    for (size_t i = 0; i < gofer_info_count(queues); i++)
        if (gofer_info_int(gofer_info_at(queues, i), "aggregating", 0))
            return 1;
    return 0;
}

static void add_count(table *rows, size_t field, int64_t count)
{
    // What needs a look catches the eye; zero does not.
    int bad = strcmp(fields[field], "failed") == 0 || strcmp(fields[field], "archived") == 0;
    table_cellf(rows, count == 0 ? STYLE_DIM : bad ? STYLE_BAD : STYLE_PLAIN, "%" PRId64, count);
}

void queue_table_print(const gofer_info *queues, int color)
{
    int grouped = any_grouped(queues);
    size_t columns = grouped ? COUNTS : COUNTS - 1;
    table *rows = table_new(grouped ? grouped_heads : heads, grouped ? "lrrrrrrrrrrl" : "lrrrrrrrrrl");
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
            sums[f] += value;
            add_count(rows, f, value);
        }
        table_cell(rows, STYLE_PLAIN, latency ? cli_human_duration(text, latency) : NULL);
        table_cell(rows, paused ? STYLE_WARN : STYLE_DIM, paused ? "yes" : "no");
    }
    if (count > 1) {
        table_cell(rows, STYLE_DIM, "(all)");
        for (size_t f = 0; f < columns; f++)
            add_count(rows, f, sums[f]);
        table_cell(rows, STYLE_PLAIN, NULL);
        table_cell(rows, STYLE_PLAIN, NULL);
    }
    table_print(rows, color);
    table_free(rows);
}
