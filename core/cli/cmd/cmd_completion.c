// cmd_completion.c - `gofer completion`: scripts for shells, and the names they ask for.
//
// A script asks this command for names while somebody types: what cannot be read is no message on
// their terminal but an empty list (the scripts drop standard error).
#include <stdlib.h>
#include <string.h>

#include "completion.h"
#include "screen.h"

// ---- Names, for the scripts: one a line; without a broker none

typedef gofer_status (*list_fn)(gofer_client *client, gofer_info **out);

static const struct { const char *what, *field; list_fn list; } names[] = {
    { "queues", "queue", gofer_client_queues },
    { "workers", "worker", gofer_client_workers },
    { "schedules", "name", gofer_client_schedules },
};

// One that would have to be escaped is left out: nobody could type it, and it must not reach
// a terminal as it is.
static void print_name(const char *name)
{
    char *safe = screen_escape(name, strlen(name), SCREEN_ONE_LINE);
    if (strcmp(safe, name) == 0)
        puts(name);
    free(safe);
}

static int print_names(cli *c, size_t which)
{
    gofer_client *client = NULL;
    gofer_info *list = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = names[which].list(client, &list);
    if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const char *name = gofer_info_text(gofer_info_at(list, i), names[which].field);
        if (name)
            print_name(name);
    }
    gofer_info_free(list);
    gofer_client_close(client);
    return code;
}

static int run(cli *c, const void *args)
{
    static const struct { const char *shell; void (*put)(const cli *c, FILE *out); } shells[] = {
        { "bash", completion_bash }, { "zsh", completion_zsh }, { "fish", completion_fish },
    };
    (void)args;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (strcmp(shells[i].shell, c->words[0]) == 0) {
            shells[i].put(c, stdout);
            return CLI_OK;
        }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].what, c->words[0]) == 0)
            return print_names(c, i);
    return cli_fail(c, CLI_USAGE, "completion: there is none for '%s': choose bash, zsh or fish",
        c->words[0]);
}

const cli_command cmd_completion = {
    .name = "completion",
    .summary = "print the completion script of a shell",
    .usage = "bash | zsh | fish",
    .about =
        "Completes commands, options, states and files, and asks the broker for the names of "
        "queues, workers and cron entries.",
    .examples =
        "source <(gofer completion bash)     # in ~/.bashrc\n"
        "source <(gofer completion zsh)      # in ~/.zshrc, after compinit\n"
        "gofer completion fish > ~/.config/fish/completions/gofer.fish",
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
