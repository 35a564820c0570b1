// cmd_completion.c - `gofer completion`: scripts for shells, and the names they ask for.
//
// A script asks this command for names while somebody types: what cannot be read is no message on
// their terminal but an empty list (the scripts drop standard error).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "completion.h"
#include "screen.h"

// ---- Names, for the scripts: one a line; without a broker none

enum { QUEUES_OFFERED = 1000 };

// begin: how the word begins that is completed; the shell chooses among what it is told.
typedef gofer_status (*list_fn)(gofer_client *client, const char *begin, gofer_info **out);

// All of them; of too many those that begin so.
static gofer_status list_queues(gofer_client *client, const char *begin, gofer_info **out)
{
    char pattern[300];
    gofer_status st = gofer_client_queues_page(client, NULL, NULL, QUEUES_OFFERED, out);
    if (st != GOFER_OK || !*begin || !gofer_info_has(*out, "next_cursor"))
        return st;
    gofer_info_free(*out);
    *out = NULL;
    snprintf(pattern, sizeof pattern, "%s*", begin);
    return gofer_client_queues_page(client, pattern, NULL, QUEUES_OFFERED, out);
}

static gofer_status list_workers(gofer_client *client, const char *begin, gofer_info **out)
{
    (void)begin;
    return gofer_client_workers(client, out);
}

static gofer_status list_schedules(gofer_client *client, const char *begin, gofer_info **out)
{
    (void)begin;
    return gofer_client_schedules(client, out);
}

static const struct { const char *what, *field; list_fn list; } names[] = {
    { "queues", "queue", list_queues },
    { "workers", "worker", list_workers },
    { "schedules", "name", list_schedules },
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

static int print_names(cli *c, size_t which, const char *begin)
{
    gofer_client *client = NULL;
    gofer_info *list = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = names[which].list(client, begin, &list);
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
    const char *begin = c->word_count > 1 ? c->words[1] : NULL;
    for (size_t i = 0; !begin && i < sizeof shells / sizeof *shells; i++)
        if (strcmp(shells[i].shell, c->words[0]) == 0) {
            shells[i].put(c, stdout);
            return CLI_OK;
        }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].what, c->words[0]) == 0)
            return print_names(c, i, begin ? begin : "");
    if (begin)
        return cli_fail(c, CLI_USAGE, "completion: '%s' is one word too many", begin);
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
    .words_max = 2,         // of names: how they begin
    .run = run,
};
