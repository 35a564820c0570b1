// outcome.c - the end of a task as a command prints it, and the exit code that means.
//
// The result's bytes go to standard output as they are, for the next program in a pipe; words about
// the end go to standard error.
#include "outcome.h"

#include <stdlib.h>
#include <string.h>

#include "screen.h"

static const struct { const char *outcome, *words; int code; } ends[] = {
    { "done", NULL, CLI_OK },
    { "archived", "was archived", CLI_FAILED },
    { "cancelled", "was cancelled", CLI_CONFLICT },
    { "expired", "expired: no worker started it in time", CLI_CONFLICT },
    { "revoked", "was revoked by its handler", CLI_CONFLICT },
    { "deleted", "was deleted", CLI_CONFLICT },
    { "gone",
      "has ended; how is not known (enqueue with --retention to keep it, or wait before the end)",
      CLI_OK },
};

int outcome_print(const cli *c, const char *id, const gofer_info *end)
{
    const char *outcome = gofer_info_text(end, "outcome"),
               *error = gofer_info_text(end, "last_error");
    size_t which = sizeof ends / sizeof *ends - 1, size = 0;
    for (size_t i = 0; outcome && i < sizeof ends / sizeof *ends; i++)
        if (strcmp(ends[i].outcome, outcome) == 0)
            which = i;
    if (c->global.json) {
        int code = cli_put_info(c, end);
        return code != CLI_OK ? code : ends[which].code;
    }
    const void *result = gofer_info_bytes(end, "result", &size);
    if (result)
        fwrite(result, 1, size, stdout);       // main looks for errors of stdout
    if (ends[which].code == CLI_OK) {
        if (ends[which].words)
            cli_note(c, "task '%.255s' %s", id, ends[which].words);
        return CLI_OK;
    }
    static const char again[] = "cancelled: ";      // as the text of such an end begins
    int has_error =
        error && (ends[which].code == CLI_FAILED || strcmp(ends[which].outcome, "cancelled") == 0);
    if (has_error && strncmp(error, again, sizeof again - 1) == 0)
        error += sizeof again - 1;
    char *line = has_error ? cli_error_line(error) : NULL;
    int code = cli_fail(c, ends[which].code, "task '%.255s' %s%s%.1024s", id, ends[which].words,
        has_error ? ": " : "", line ? line : "");
    free(line);
    return code;
}
