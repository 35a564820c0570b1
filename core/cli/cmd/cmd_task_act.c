// cmd_task_act.c - `gofer task run|archive|rm|cancel`: by ids, or all that match.
//
// Ids go to act.c, one call each; --all and filters to bulk.c. Which of the two it is, and which
// states allow the action, is checked here before the broker is opened.
#include <string.h>

#include "bulk.h"
#include "cli.h"
#include "filter.h"

typedef struct act_args {
    const char *queue, *state;
    int         all, dry_run, yes;
    filter_args filter;
} act_args;

typedef gofer_status (*one_fn)(gofer_client *client, const char *queue, const char *id);

typedef struct one_user {
    one_fn      one;
    const char *queue;
} one_user;

static gofer_status act_on_one(gofer_client *client, const char *id, const void *user)
{
    const one_user *u = user;
    return u->one(client, u->queue, id);
}

static int state_allows(const char *states, const char *state)
{
    size_t size = strlen(state);
    for (const char *at = states; (at = strstr(at, state)); at += size)
        if ((at == states || at[-1] == '|') && (at[size] == '|' || at[size] == '\0'))
            return 1;
    return 0;
}

// What stands on the command line must say clearly what is meant.
static int check(cli *c, const act_args *args, const bulk_action *how, int many)
{
    const char *name = c->command->name;
    if (many && c->word_count)
        return cli_fail(c, CLI_USAGE, "%s: ids and --all or filters exclude each other", name);
    if (!many && c->word_count == 0 && args->state)
        return cli_fail(c, CLI_USAGE,
            "%s: --state %s alone says of what state, not which: add --all for all of them, or a "
            "filter such as --type",
            name, args->state);
    if (!many && (args->state || args->dry_run || args->yes))
        return cli_fail(c, CLI_USAGE,
            "%s: --state, --dry-run and --yes belong to --all or a filter", name);
    if (!many && c->word_count == 0)
        return cli_fail(c, CLI_USAGE,
            "%s: an id is missing, or --all with --state, or a filter; usage: gofer %s %s", name,
            name, c->command->usage);
    if (many && !args->state && (args->all || how->act == GOFER_ACT_DELETE))
        return cli_fail(c, CLI_USAGE, "%s: %s needs --state, one of %s", name,
            args->all ? "--all" : "a filter", how->states);
    if (args->state && !state_allows(how->states, args->state))
        return cli_fail(c, CLI_CONFLICT, "%s: not possible for %s tasks, only for %s ones", name,
            args->state, how->states);
    return CLI_OK;
}

static int act(cli *c, const act_args *args, const bulk_action *how, one_fn one)
{
    int many = args->all || filter_is_given(&args->filter);
    int code = check(c, args, how, many);
    gofer_client *client = NULL;
    if (code == CLI_OK)
        code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    if (many) {
        gofer_filter filter;
        filter_fill(&args->filter, &filter);
        bulk what = { args->queue, args->state, &filter, args->dry_run, args->yes };
        code = bulk_act(c, client, how, &what);
    } else {
        one_user user = { one, args->queue };
        cli_word_act each = { "id", how->done, how->audit, args->queue, act_on_one };
        code = cli_act_on_words(c, client, &each, &user);
    }
    gofer_client_close(client);
    return code;
}

static int run_tasks(cli *c, const void *args)
{
    return act(c, args, &bulk_run, gofer_client_task_run);
}

static int archive_tasks(cli *c, const void *args)
{
    return act(c, args, &bulk_archive, gofer_client_task_archive);
}

static int delete_tasks(cli *c, const void *args)
{
    return act(c, args, &bulk_delete, gofer_client_task_delete);
}

static int cancel_tasks(cli *c, const void *args)
{
    return act(c, args, &bulk_cancel, gofer_client_task_cancel);
}

static const cli_option options[] = {
    { "queue", 0, CLI_TEXT, offsetof(act_args, queue), "NAME",
      "tasks of this queue only (default: of every queue); without ids it may end in '*'", 0, 0 },
    { "all", 0, CLI_FLAG, offsetof(act_args, all), NULL,
      "all tasks in the state that --state tells", 0, 0 },
    { "state", 0, CLI_CHOICE, offsetof(act_args, state), TASK_STATES,
      "with --all or a filter: the state", 0, 0 },
    FILTER_OPTIONS(act_args),
    { "dry-run", 0, CLI_FLAG, offsetof(act_args, dry_run), NULL,
      "with --all or a filter: tell how many, change nothing", 0, 0 },
    { "yes", 'y', CLI_FLAG, offsetof(act_args, yes), NULL,
      "do not ask (it is asked on a terminal only)", 0, 0 },
    CLI_OPTIONS_END
};

#define ACT_USAGE "ID... | --all --state STATE | FILTER..."

const cli_command cmd_task_run = {
    .name = "task run",
    .summary = "make scheduled, retry, archived or aggregating tasks pending now",
    .usage = ACT_USAGE,
    .about =
        "They go to the end of their queue. Pending, active and completed tasks are refused with "
        "exit code 4.",
    .examples =
        "gofer task run nightly-backup\n"
        "# a second chance for all that was set aside since yesterday\n"
        "gofer task run --state archived --queue mail --newer 1d",
    .options = options,
    .args_size = sizeof(act_args),
    .words_max = -1,
    .run = run_tasks,
};

const cli_command cmd_task_archive = {
    .name = "task archive",
    .summary = "set tasks that wait aside",
    .usage = ACT_USAGE,
    .about =
        "An archived task stays until 'gofer task run' or 'gofer task rm'. Active, completed and "
        "archived tasks are refused with exit code 4.\n"
        "Redis keeps the latest 9,999 archived tasks of a queue. If more would be there, it says "
        "how many will be deleted; without a terminal to ask on it then needs --yes.",
    .examples = "gofer task archive --all --state retry --queue mail\n"
        "gofer task archive --type 'report:*' --error timeout",
    .options = options,
    .args_size = sizeof(act_args),
    .words_max = -1,
    .run = archive_tasks,
};

const cli_command cmd_task_rm = {
    .name = "task rm",
    .summary = "delete tasks that are not active",
    .usage = ACT_USAGE,
    .about =
        "There is no way back: --dry-run tells first how many it would be. A filter needs --state "
        "too.",
    .examples =
        "gofer task rm 0193a7c2-5f0e-7b6a-9c1d-2f4e6a8b0c1d\n"
        "gofer task rm --state archived --older 30d --dry-run",
    .options = options,
    .args_size = sizeof(act_args),
    .words_max = -1,
    .run = delete_tasks,
};

const cli_command cmd_task_cancel = {
    .name = "task cancel",
    .summary = "cancel tasks, waiting or active",
    .usage = ACT_USAGE,
    .about =
        "A task that waits is set aside at once. For an active one its worker is asked to stop "
        "it: a command gets TERM, a Lua handler is interrupted, a C handler is asked; unless it "
        "succeeds nevertheless, it is set aside too and not retried (a Go worker retries it). "
        "Completed and archived tasks are refused with exit code 4.",
    .examples =
        "gofer task cancel 0193a7c2-5f0e-7b6a-9c1d-2f4e6a8b0c1d\n"
        "gofer task cancel --type 'import:*' --state active",
    .options = options,
    .args_size = sizeof(act_args),
    .words_max = -1,
    .run = cancel_tasks,
};
