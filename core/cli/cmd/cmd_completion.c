// cmd_completion.c - `gofer completion`: scripts for shells, and the names they ask for.
//
// A script asks this command for names while somebody types: what cannot be read is no message on
// their terminal but an empty list (the scripts drop standard error).
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "completion.h"
#include "pages.h"
#include "screen.h"

// ---- Names, for the scripts: one a line; without a broker none

enum { PAGE = 1000 };

// One that would have to be escaped is left out: nobody could type it, and it must not reach
// a terminal as it is.
static void print_name(const char *name)
{
    char *safe = screen_escape(name, strlen(name), SCREEN_ONE_LINE);
    if (strcmp(safe, name) == 0)
        puts(name);
    free(safe);
}

typedef struct names {
    const char *what;
    const char *field;
    page_ask    ask;
} names;

static const names lists[] = {
    { "queues", "queue", gofer_client_queues_page },
    { "workers", "worker", pages_workers },
    { "schedules", "name", pages_schedules },
};

static bool offer(const gofer_info *item, void *user)
{
    const names *of = user;
    const char *name = gofer_info_text(item, of->field);
    if (name)
        print_name(name);
    return true;
}

// begin: how the word begins that is completed; the shell chooses among what it is told. Of queues,
// which may be very many, it is told a page: of too many those that begin so.
static gofer_status offer_queues(gofer_client *client, const char *begin, names *of)
{
    char pattern[300];
    gofer_info *page = NULL;
    gofer_status st = gofer_client_queues_page(client, NULL, NULL, PAGE, &page);
    if (st == GOFER_OK && *begin && gofer_info_has(page, "next_cursor")) {
        gofer_info_free(page);
        page = NULL;
        snprintf(pattern, sizeof pattern, "%s*", begin);
        st = gofer_client_queues_page(client, pattern, NULL, PAGE, &page);
    }
    for (size_t i = 0; i < gofer_info_count(page); i++)
        (void)offer(gofer_info_at(page, i), of);
    gofer_info_free(page);
    return st;
}

static int print_names(cli *c, const names *which, const char *begin)
{
    gofer_client *client = NULL;
    names of = *which;
    const page_list all = { .ask = of.ask, .limit = PAGE };
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = of.ask == gofer_client_queues_page ? offer_queues(client, begin, &of)
                                                         : pages_items(client, &all, offer, &of);
    if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
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
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(lists[i].what, c->words[0]) == 0)
            return print_names(c, &lists[i], begin ? begin : "");
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
