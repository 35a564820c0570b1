// event_line.c - one event as a line: for reading, or JSON.
//
// Whatever came from a task is escaped. The caller flushes: a reader in a pipe sees each event at
// once.
#include "event_line.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "screen.h"

static void put_clock(int64_t ms)
{
    char text[16];
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;
    if (!localtime_r(&seconds, &local) || strftime(text, sizeof text, "%H:%M:%S", &local) == 0)
        snprintf(text, sizeof text, "%8s", "?");
    printf("%s.%03d ", text, (int)(ms % 1000));
}

static screen_style style_of(const char *event)
{
    static const struct { const char *event; screen_style style; } styles[] = {
        { "done", STYLE_GOOD }, { "retried", STYLE_WARN }, { "archived", STYLE_BAD },
        { "cancelled", STYLE_WARN },
        { "expired", STYLE_WARN }, { "revoked", STYLE_WARN }, { "progress", STYLE_DIM },
        { "log", STYLE_DIM },
    };
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++)
        if (strcmp(styles[i].event, event) == 0)
            return styles[i].style;
    return STYLE_PLAIN;
}

// Before it a space; nothing for a field that is not there.
static void put_safe(const char *before, const char *text)
{
    if (!text || !*text)
        return;
    char *safe = screen_escape(text, strlen(text), SCREEN_ONE_LINE);
    printf(" %s%s", before, safe);
    free(safe);
}

static void put_progress(const gofer_info *event)
{
    int64_t done = gofer_info_int(event, "progress_done", -1),
            total = gofer_info_int(event, "progress_total", 0);
    if (done < 0)
        return;
    if (total > 0)
        printf(" %" PRId64 "/%" PRId64 " (%d %%)", done, total,
            (int)((double)done * 100 / (double)total));
    else
        printf(" %" PRId64, done);
}

int event_line_put(const cli *c, const gofer_info *event, int with_task)
{
    char text[CLI_HUMAN];
    const char *name = gofer_info_text(event, "event");
    int64_t lost = gofer_info_int(event, "lost", 0), attempt = gofer_info_int(event, "attempt", 0);
    if (c->global.json)
        return cli_put_info(c, event);
    if (lost)
        cli_note(c, "%" PRId64 " events were lost: they came faster than they were read", lost);
    if (!name)
        name = "?";
    put_clock(gofer_info_int(event, "at_ms", 0));
    char *safe = screen_escape(name, strlen(name), SCREEN_ONE_LINE);
    screen_put(stdout, c->color, style_of(name), safe);
    for (size_t at = strlen(safe); at < 9; at++)
        fputc(' ', stdout);
    free(safe);
    if (with_task) {
        put_safe("", gofer_info_text(event, "queue"));
        put_safe("", gofer_info_text(event, "type"));
        put_safe("", gofer_info_text(event, "id"));
    }
    if (attempt > 1)
        printf(" attempt %" PRId64, attempt);
    if (gofer_info_has(event, "duration_ms"))
        printf(" after %s", cli_human_duration(text, gofer_info_int(event, "duration_ms", 0)));
    put_progress(event);
    put_safe("", gofer_info_text(event, "progress_text"));
    put_safe("", gofer_info_text(event, "level"));
    put_safe("", gofer_info_text(event, "text"));
    char *error =
        gofer_info_text(event, "error") ? cli_error_line(gofer_info_text(event, "error")) : NULL;
    if (error)
        put_safe("", error);
    free(error);
    if (strcmp(name, "started") == 0)
        put_safe("by worker ", gofer_info_text(event, "worker"));
    fputc('\n', stdout);
    return CLI_OK;
}
