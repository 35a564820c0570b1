// cmd_task_edit.c - `gofer task edit` and `gofer task reschedule`: change tasks that wait.
//
// The library refuses tasks that run or have ended; nothing is looked at first, as it could change
// meanwhile.
#include <stdlib.h>

#include "cli.h"

// ---- edit

typedef struct edit_args {
    const char *queue;
    cli_number  max_payload;
} edit_args;

static const cli_option edit_options[] = {
    { "queue", 0, CLI_TEXT, offsetof(edit_args, queue), "NAME",
      "look in this queue only (default: in all)", 0, 0 },
    { "max-payload", 0, CLI_SIZE, offsetof(edit_args, max_payload), "SIZE",
      "largest payload (default: 16M)", 1, CLI_PAYLOAD_MAX },
    CLI_OPTIONS_END
};

typedef struct edit {
    const char *queue, *payload;
    size_t      size;
} edit;

static gofer_status edit_one(gofer_client *client, const char *id, const void *user)
{
    const edit *e = user;
    return gofer_client_task_edit(client, e->queue, id, e->payload, e->size);
}

static int run_edit(cli *c, const void *user)
{
    const edit_args *args = user;
    edit e = { .queue = args->queue };
    char *kept = NULL;
    int code = cli_read_payload(c, c->words[1],
        args->max_payload.given ? args->max_payload.value : CLI_MAX_PAYLOAD, &kept, &e.payload,
        &e.size);
    gofer_client *client = NULL;
    if (code == CLI_OK)
        code = cli_open(c, &client, args->max_payload.value);
    if (code == CLI_OK) {
        c->word_count = 1;
        cli_word_act how = { "id", "edited", "task.edit", args->queue, edit_one };
        code = cli_act_on_words(c, client, &how, &e);
    }
    gofer_client_close(client);
    free(kept);
    return code;
}

const cli_command cmd_task_edit = {
    .name = "task edit",
    .summary = "replace the payload of a task that waits",
    .usage = "ID PAYLOAD | - | @FILE",
    .about =
        "Pending, scheduled, retry, aggregating and archived tasks can be changed; active and "
        "completed ones are refused with exit code 4. A unique lock stays that of the old payload.",
    .examples = "gofer task edit report-7 '{\"month\": \"2026-10\"}'\n"
        "gofer task show report-7 --payload | sed s/2025/2026/ | gofer task edit report-7 -",
    .options = edit_options,
    .args_size = sizeof(edit_args),
    .words_min = 2,
    .words_max = 2,
    .run = run_edit,
};

// ---- reschedule

typedef struct when_args {
    const char *queue;
    cli_number  delay, at;
} when_args;

static const cli_option when_options[] = {
    { "queue", 0, CLI_TEXT, offsetof(when_args, queue), "NAME",
      "look in this queue only (default: in all)", 0, 0 },
    { "in", 0, CLI_DURATION, offsetof(when_args, delay), "DURATION", "so long from now; 0: now", 0,
      0 },
    { "at", 0, CLI_TIME, offsetof(when_args, at), "TIME", "at this time; one that is past is now",
      0, 0 },
    CLI_OPTIONS_END
};

static gofer_status reschedule_one(gofer_client *client, const char *id, const void *user)
{
    const when_args *when = user;
    return when->at.given ? gofer_client_task_reschedule(client, when->queue, id, when->at.value)
                          : gofer_client_task_delay(client, when->queue, id, when->delay.value);
}

static int run_reschedule(cli *c, const void *user)
{
    const when_args *args = user;
    if (args->delay.given == args->at.given)
        return cli_fail(c, CLI_USAGE, "task reschedule: give either --in or --at");
    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0);
    if (code == CLI_OK) {
        cli_word_act how = { "id", "rescheduled", "task.reschedule", args->queue, reschedule_one };
        code = cli_act_on_words(c, client, &how, args);
    }
    if (code == CLI_OK)
        cli_note_rounded(c, client, args->at.given ? args->at.value : args->delay.value);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_task_reschedule = {
    .name = "task reschedule",
    .summary = "let tasks that wait run at another time",
    .usage = "ID...",
    .about =
        "For pending, scheduled, retry and archived tasks; others are refused with exit code 4.",
    .examples = "gofer task reschedule nightly-backup --at '2026-11-24 03:00'\n"
        "gofer task reschedule import-1 --in 0",
    .options = when_options,
    .args_size = sizeof(when_args),
    .words_min = 1,
    .words_max = -1,
    .run = run_reschedule,
};
