// cmd_watch.c - `gofer watch`: one task's life, live until its end.
//
// Events show what happens, but can be missed or never come (a Go worker runs the task): beside
// them the task itself is asked about once a second. The listener's thread is the library's.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "event_line.h"
#include "outcome.h"
#include "screen.h"

enum { ASK_EVERY_MS = 1000, LAST_MS = 1500 };

typedef struct watch_args {
    const char *queue;
} watch_args;

static const cli_option options[] = {
    { "queue", 0, CLI_TEXT, offsetof(watch_args, queue), "NAME",
      "look in this queue only (default: in all)", 0, 0 },
    CLI_OPTIONS_END
};

typedef struct watch {
    cli          *c;
    gofer_client *client;
    const char   *id;
    char         *queue;        // owned; where the task was found
} watch;

// What is known of it before the first event.
static void print_now(const watch *w, const gofer_info *task)
{
    const gofer_info *log = gofer_info_child(task, "log");
    if (w->c->global.json)
        return;
    char *safe = screen_escape(w->id, strlen(w->id), SCREEN_ONE_LINE);
    printf("%s is %s in queue ", safe, gofer_info_text(task, "state"));
    free(safe);
    safe = screen_escape(w->queue, strlen(w->queue), SCREEN_ONE_LINE);
    puts(safe);
    free(safe);
    for (size_t i = 0; i < gofer_info_count(log); i++) {
        const gofer_info *line = gofer_info_at(log, i);
        const char *text = gofer_info_text(line, "text");
        char at[CLI_HUMAN];
        safe = screen_escape(text ? text : "", text ? strlen(text) : 0, SCREEN_ONE_LINE);
        printf("%s %s\n", cli_human_time(at, gofer_info_int(line, "at_ms", 0)), safe);
        free(safe);
    }
    fflush(stdout);
}

// Finds the task, so that its queue is known and what came before is shown.
static gofer_status find(watch *w, const char *queue)
{
    gofer_info *task = NULL;
    gofer_status st = gofer_client_task(w->client, queue, w->id, &task);
    if (st != GOFER_OK)
        return st;
    const char *name = gofer_info_text(task, "queue");
    size_t size = strlen(name) + 1;
    w->queue = memcpy(cli_alloc(size), name, size);
    print_now(w, task);
    gofer_info_free(task);
    return GOFER_OK;
}

static int is_ours(const watch *w, const gofer_info *event)
{
    const char *id = gofer_info_text(event, "id"), *queue = gofer_info_text(event, "queue");
    return id && strcmp(id, w->id) == 0 && queue && strcmp(queue, w->queue) == 0;
}

// Asks whether it has ended. An end can come without an event, or before it: it was deleted, or a
// Go worker ran it. Each call is a wait of the shortest kind, so that an end between two of them
// is seen by the next.
static gofer_status ask_end(const watch *w, gofer_info **end)
{
    return gofer_client_wait(w->client, w->queue, w->id, 1, end);
}

// A task that ends without retention is gone when we ask: what its last event said is how it ended.
static const char *end_of(const gofer_info *event)
{
    static const char *const ends[] = { "done", "archived", "cancelled", "revoked", "expired" };
    const char *name = gofer_info_text(event, "event");
    for (size_t i = 0; name && i < sizeof ends / sizeof *ends; i++)
        if (strcmp(ends[i], name) == 0)
            return ends[i];
    return NULL;
}

// end: as the store has it; NULL: an event said how (outcome), and the store is asked here.
static int print_end(const watch *w, const char *outcome, gofer_info *end)
{
    gofer_status st = end ? GOFER_OK : ask_end(w, &end);
    int code;
    if (st == GOFER_OK && (!outcome || strcmp(gofer_info_text(end, "outcome"), "gone") != 0))
        code = outcome_print(w->c, w->id, end);
    else if (outcome && (st == GOFER_OK || st == GOFER_ENOTFOUND))
        code = strcmp(outcome, "done") == 0    ? CLI_OK
            : strcmp(outcome, "archived") == 0 ? CLI_FAILED
                                               : CLI_CONFLICT;
    else
        code = cli_fail_status(w->c, st, NULL);
    gofer_info_free(end);
    return code;
}

// It has ended, and the events of that are on their way: they come before the end is printed.
static int print_last(const watch *w, gofer_events *events, gofer_info *end)
{
    const char *outcome = NULL;
    gofer_info *event = NULL;
    while (!outcome && gofer_events_next(events, LAST_MS, &event) == GOFER_OK) {
        if (is_ours(w, event)) {
            (void)event_line_put(w->c, event, 0);
            outcome = end_of(event);
        }
        gofer_info_free(event);
        event = NULL;
    }
    (void)fflush(stdout);
    return print_end(w, outcome, end);
}

static int follow(const watch *w, gofer_events *events)
{
    int64_t asked_ms = cli_now_ms();
    for (;;) {
        gofer_info *event = NULL, *end = NULL;
        const char *outcome = NULL;
        gofer_status st = gofer_events_next(events, ASK_EVERY_MS, &event);
        if (st == GOFER_OK && is_ours(w, event)) {
            int code = event_line_put(w->c, event, 0);
            (void)fflush(stdout);       // main looks for errors of stdout
            outcome = end_of(event);
            if (code != CLI_OK || ferror(stdout)) {
                gofer_info_free(event);
                return code;
            }
        }
        gofer_info_free(event);
        if (st != GOFER_OK && st != GOFER_ETIMEOUT)
            return cli_fail_status(w->c, st, NULL);
        if (outcome)
            return print_end(w, outcome, NULL);
        int64_t now_ms = cli_now_ms();  // a task with many events leaves no pause in which to ask
        if (st == GOFER_OK && now_ms >= asked_ms && now_ms - asked_ms < ASK_EVERY_MS)
            continue;
        asked_ms = now_ms;
        st = ask_end(w, &end);
        if (st == GOFER_OK)
            return print_last(w, events, end);
        if (st != GOFER_ETIMEOUT)
            return cli_fail_status(w->c, st, NULL);
    }
}

static int run(cli *c, const void *user)
{
    const watch_args *args = user;
    watch w = { .c = c, .id = c->words[0] };
    gofer_events *events = NULL;
    gofer_info *end = NULL;
    int code = cli_open(c, &w.client, 0);
    if (code != CLI_OK)
        return code;
    // First listen, then ask: nothing between them is missed.
    gofer_status st = gofer_events_open(&events, w.client);
    if (st == GOFER_OK) {
        st = find(&w, args->queue);
        if (st == GOFER_OK)
            st = ask_end(&w, &end);
        else if (st == GOFER_ENOTFOUND)         // it may have ended
            st = gofer_client_wait(w.client, args->queue, w.id, 0, &end);
    }
    if (st == GOFER_OK)
        code = outcome_print(c, w.id, end);
    else if (st == GOFER_ETIMEOUT)
        code = follow(&w, events);
    else
        code = cli_fail_status(c, st, NULL);
    gofer_info_free(end);
    gofer_events_close(events);
    free(w.queue);
    gofer_client_close(w.client);
    return code;
}

const cli_command cmd_watch = {
    .name = "watch",
    .summary = "follow one task, live until its end",
    .usage = "ID",
    .about =
        "Shows its log so far, then attempts, progress and log lines as they come; at the end its "
        "result, if that is kept, and ends as 'gofer wait' does. With --json a line for each "
        "event and one for the end.",
    .examples = "gofer watch nightly-backup",
    .options = options,
    .args_size = sizeof(watch_args),
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
