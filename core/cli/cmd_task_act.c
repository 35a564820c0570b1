// cmd_task_act.c - `gofer task run|archive|rm`: by ids, or all of a state; `gofer task cancel`: by ids.
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "cmd_task.h"
#include "json.h"

typedef struct act_args {
    const char *queue, *state;
    int         all, dry_run;
} act_args;

// The three actions differ in their words and calls only.
typedef struct action {
    const char *name, *done;
    gofer_status (*one)(gofer_client *client, const char *queue, const char *id);
    gofer_status (*all)(gofer_client *client, const char *queue, const char *state, int64_t *count);
} action;

static const action run_action = { "run", "made pending", gofer_client_task_run, gofer_client_tasks_run };
static const action archive_action = { "archive", "archived", gofer_client_task_archive, gofer_client_tasks_archive };
static const action delete_action = { "rm", "deleted", gofer_client_task_delete, gofer_client_tasks_delete };

typedef struct one_user {
    const action *how;
    const char   *queue;
} one_user;

static gofer_status act_on_one(gofer_client *client, const char *id, const void *user)
{
    const one_user *u = user;
    return u->how->one(client, u->queue, id);
}

// Adds what happened in this queue to *total.
static gofer_status act_on_queue(gofer_client *client, const action *how, const act_args *args,
    const gofer_info *queue, int64_t *total)
{
    int64_t count = 0;
    gofer_status st = GOFER_OK;
    if (args->dry_run)
        count = gofer_info_int(queue, args->state, 0);
    else
        st = how->all(client, gofer_info_text(queue, "queue"), args->state, &count);
    *total += count;
    return st;
}

static int report_all(const cli *c, const action *how, const act_args *args, int64_t total)
{
    if (c->global.json) {
        printf("{\"action\":\"%s\",\"queue\":", how->name);
        json_put_text(stdout, args->queue);
        printf(",\"state\":\"%s\",\"dry_run\":%s,\"count\":%" PRId64 "}\n", args->state,
            args->dry_run ? "true" : "false", total);
    } else if (!c->global.quiet) {
        printf("%s%s %" PRId64 " %s task%s\n", args->dry_run ? "would have " : "", how->done, total,
            args->state, total == 1 ? "" : "s");
    }
    return CLI_OK;
}

static int act_on_all(cli *c, gofer_client *client, const action *how, const act_args *args)
{
    gofer_info *queues = NULL, *one = NULL;
    int64_t total = 0;
    gofer_status st = args->queue ? gofer_client_queue(client, args->queue, &one)
        : gofer_client_queues(client, &queues);
    if (st == GOFER_OK && one)
        st = act_on_queue(client, how, args, one, &total);
    for (size_t i = 0; st == GOFER_OK && i < gofer_info_count(queues); i++)
        st = act_on_queue(client, how, args, gofer_info_at(queues, i), &total);

    int code = st == GOFER_OK ? report_all(c, how, args, total) : cli_fail_status(c, st, NULL);
    if (st != GOFER_OK && total)
        cli_note(c, "%s %" PRId64 " tasks before that", how->done, total);
    gofer_info_free(queues);
    gofer_info_free(one);
    return code;
}

static int act(cli *c, const act_args *args, const action *how)
{
    const char *name = c->command->name;
    if (args->all && (c->word_count || !args->state))
        return cli_fail(c, CLI_USAGE, c->word_count ? "%s: ids and --all exclude each other"
            : "%s: --all needs --state, one of " TASK_STATES, name);
    if (!args->all && (args->state || args->dry_run))
        return cli_fail(c, CLI_USAGE, "%s: --state and --dry-run belong to --all", name);
    if (!args->all && c->word_count == 0)
        return cli_fail(c, CLI_USAGE, "%s: an id is missing; usage: gofer %s %s", name, name, c->command->usage);

    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    one_user user = { how, args->queue };
    if (args->all)
        code = act_on_all(c, client, how, args);
    else
        code = cli_act_on_words(c, client, "id", how->done, act_on_one, &user);
    gofer_client_close(client);
    return code;
}

static int run_tasks(cli *c, const void *args)
{
    return act(c, args, &run_action);
}

static int archive_tasks(cli *c, const void *args)
{
    return act(c, args, &archive_action);
}

static int delete_tasks(cli *c, const void *args)
{
    return act(c, args, &delete_action);
}

static int cancel_tasks(cli *c, const void *given)
{
    static const action cancel_action = { "cancel", "asked to stop", gofer_client_task_cancel, NULL };
    const act_args *args = given;
    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    one_user user = { &cancel_action, args->queue };
    code = cli_act_on_words(c, client, "id", cancel_action.done, act_on_one, &user);
    gofer_client_close(client);
    return code;
}

static const cli_option options[] = {
    { "queue", 0, CLI_TEXT, offsetof(act_args, queue), "NAME", "tasks of this queue only (default: of every queue)", 0, 0 },
    { "all", 0, CLI_FLAG, offsetof(act_args, all), NULL, "all tasks in the state that --state tells", 0, 0 },
    { "state", 0, CLI_CHOICE, offsetof(act_args, state), TASK_STATES, "with --all: the state", 0, 0 },
    { "dry-run", 0, CLI_FLAG, offsetof(act_args, dry_run), NULL, "with --all: tell how many, change nothing", 0, 0 },
    CLI_OPTIONS_END
};

const cli_command cmd_task_run = {
    .name = "task run",
    .summary = "make scheduled, retry or archived tasks pending now",
    .usage = "ID... | --all --state STATE",
    .about = "They go to the end of their queue. Pending, active and completed tasks are refused with exit code 4.",
    .examples =
        "gofer task run nightly-backup\n"
        "# a second chance for all that was set aside\n"
        "gofer task run --all --state archived --queue mail",
    .options = options,
    .args_size = sizeof(act_args),
    .words_max = -1,
    .run = run_tasks,
};

const cli_command cmd_task_archive = {
    .name = "task archive",
    .summary = "set pending, scheduled or retry tasks aside",
    .usage = "ID... | --all --state STATE",
    .about = "An archived task stays until 'gofer task run' or 'gofer task rm'.",
    .examples = "gofer task archive --all --state retry --queue mail",
    .options = options,
    .args_size = sizeof(act_args),
    .words_max = -1,
    .run = archive_tasks,
};

const cli_command cmd_task_rm = {
    .name = "task rm",
    .summary = "delete tasks that are not active",
    .usage = "ID... | --all --state STATE",
    .about = "There is no way back: --dry-run tells first how many it would be.",
    .examples =
        "gofer task rm 0193a7c2-5f0e-7b6a-9c1d-2f4e6a8b0c1d\n"
        "gofer task rm --all --state completed --dry-run",
    .options = options,
    .args_size = sizeof(act_args),
    .words_max = -1,
    .run = delete_tasks,
};

static const cli_option cancel_options[] = {
    { "queue", 0, CLI_TEXT, offsetof(act_args, queue), "NAME", "tasks of this queue only (default: of every queue)", 0, 0 },
    CLI_OPTIONS_END
};

const cli_command cmd_task_cancel = {
    .name = "task cancel",
    .summary = "ask the workers of active tasks to stop them",
    .usage = "ID...",
    .about =
        "A command gets TERM, a Lua handler is interrupted, a C handler is asked. A task that does not succeed "
        "nevertheless has failed, and is retried as usual. Tasks that are not active are refused with exit code 4.",
    .examples =
        "gofer task cancel 0193a7c2-5f0e-7b6a-9c1d-2f4e6a8b0c1d",
    .options = cancel_options,
    .args_size = sizeof(act_args),
    .words_min = 1,
    .words_max = -1,
    .run = cancel_tasks,
};
