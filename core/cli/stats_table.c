// stats_table.c - how long tasks waited and ran, a row for each type.
//
// Quantiles come from the store's histograms; here they are only put into columns.
#include "stats_table.h"


#include "cli.h"
#include "screen.h"

void stats_table_print(const gofer_info *types, size_t most, int color)
{
    static const char *const heads[] = { "QUEUE", "TYPE", "DONE", "FAILED", "WAIT 50%", "90%",
        "99%", "RUN 50%", "90%", "99%", "MAX", NULL };
    static const char *const times[] = { "wait_p50_ms", "wait_p90_ms", "wait_p99_ms", "run_p50_ms",
        "run_p90_ms", "run_p99_ms", "run_max_ms" };
    table *rows = table_new(heads, "llrrrrrrrrr");
    char text[CLI_HUMAN];
    for (size_t i = 0; i < gofer_info_count(types) && i < most; i++) {
        const gofer_info *type = gofer_info_at(types, i);
        int64_t failed = gofer_info_int(type, "failed", 0);
        table_cell(rows, STYLE_PLAIN, gofer_info_text(type, "queue"));
        table_cell(rows, STYLE_BOLD, gofer_info_text(type, "type"));
        table_count(rows, STYLE_PLAIN, gofer_info_int(type, "done", 0));
        table_count(rows, failed ? STYLE_BAD : STYLE_DIM, failed);
        for (size_t t = 0; t < sizeof times / sizeof *times; t++)
            table_cell(rows, STYLE_PLAIN, gofer_info_has(type, times[t])
                ? cli_human_duration(text, gofer_info_int(type, times[t], 0)) : NULL);
    }
    table_print(rows, color);
    table_free(rows);
}
