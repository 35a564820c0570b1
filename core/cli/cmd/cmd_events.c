// cmd_events.c - `gofer events`: what happens to tasks, live.
//
// The library's listener has a thread of its own; lines are printed on this one, and flushed one by
// one. Ends after --count events, with a signal, or when nobody reads.
#include <string.h>

#include "cli.h"
#include "event_line.h"

typedef struct events_args {
    const char *type, *queue, *event;
    cli_number  count;
} events_args;

static const char *const known[] = { "enqueued", "replaced", "started", "done", "retried",
    "archived", "cancelled", "revoked", "expired", "snoozed", "requeued", "progress", "log" };
enum { KNOWN = sizeof known / sizeof *known };

static const cli_option options[] = {
    { "type", 0, CLI_TEXT, offsetof(events_args, type), "TYPE",
      "of tasks of this type, or of all types that begin so if it ends in '*'", 0, 0 },
    { "queue", 0, CLI_TEXT, offsetof(events_args, queue), "NAME",
      "of tasks of this queue, or of all queues that begin so if it ends in '*'", 0, 0 },
    { "event", 0, CLI_TEXT, offsetof(events_args, event), "EVENT",
      "only such events, several apart by commas", 0, 0 },
    { "count", 0, CLI_NUMBER, offsetof(events_args, count), "N",
      "end after so many (default: never)", 1, INT64_MAX },
    CLI_OPTIONS_END
};

static int fits(const char *pattern, const char *text)
{
    size_t size = pattern ? strlen(pattern) : 0;
    if (!pattern)
        return 1;
    if (!text)
        return 0;
    return size && pattern[size - 1] == '*' ? strncmp(pattern, text, size - 1) == 0
                                            : strcmp(pattern, text) == 0;
}

// Is word one of the list, apart by commas?
static int in_list(const char *list, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = list; at; at = strchr(at, ','), at += at != NULL)
        if (strncmp(at, word, size) == 0 && (at[size] == ',' || at[size] == '\0'))
            return 1;
    return 0;
}

static int check_list(const cli *c, const char *list)
{
    char word[24];
    for (const char *at = list; at; at = strchr(at, ','), at += at != NULL) {
        size_t i = 0;
        snprintf(word, sizeof word, "%.*s", (int)strcspn(at, ","), at);
        while (i < KNOWN && strcmp(known[i], word) != 0)
            i++;
        const char *near = i == KNOWN ? gf_meant(word, known, KNOWN) : NULL;
        if (i == KNOWN)
            return cli_fail(c, CLI_USAGE, "events: --event: there is no '%s'%s%s%s", word,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return CLI_OK;
}

static int wanted(const events_args *args, const gofer_info *event)
{
    return fits(args->type, gofer_info_text(event, "type")) &&
        fits(args->queue, gofer_info_text(event, "queue")) &&
        (!args->event || in_list(args->event, gofer_info_text(event, "event")));
}

static int listen_to(cli *c, gofer_events *events, const events_args *args)
{
    int64_t left = args->count.given ? args->count.value : INT64_MAX;
    int code = CLI_OK;
    while (code == CLI_OK && left > 0) {
        gofer_info *event = NULL;
        gofer_status st = gofer_events_next(events, -1, &event);
        if (st != GOFER_OK)
            return cli_fail_status(c, st, NULL);
        if (wanted(args, event)) {
            code = event_line_put(c, event, 1);
            left--;
            // Whoever reads us is to see it now. When nobody does any more, that is the end.
            if (fflush(stdout) != 0)
                left = 0;
        }
        gofer_info_free(event);
    }
    return code;
}

static int run(cli *c, const void *user)
{
    const events_args *args = user;
    gofer_client *client = NULL;
    gofer_events *events = NULL;
    int code = args->event ? check_list(c, args->event) : CLI_OK;
    if (code == CLI_OK)
        code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_events_open(&events, client);
    if (st == GOFER_OK) {
        cli_note(c, "listening; Ctrl-C ends it");
        code = listen_to(c, events, args);
    } else {
        code = cli_fail_status(c, st, NULL);
    }
    gofer_events_close(events);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_events = {
    .name = "events",
    .summary = "show what happens to tasks, live",
    .usage = "",
    .about =
        "A line for each event, with --json an object. Nothing is kept for who does not listen: "
        "only what happens from within a second on is shown. Tasks that a Go worker runs tell "
        "nothing.\n"
        "Events: enqueued, started, done, retried, archived, cancelled, revoked, expired, "
        "snoozed, requeued, progress, log.",
    .examples = "gofer events --queue mail\n"
        "gofer events --event archived --json | while read -r event; do notify \"$event\"; done",
    .options = options,
    .args_size = sizeof(events_args),
    .run = run,
};
