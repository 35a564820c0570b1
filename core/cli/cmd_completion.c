// cmd_completion.c - `gofer completion`: scripts for shells, and the names they ask for.
#include <string.h>

#include "completion.h"

#define SHELLS "bash|zsh|fish"

// ---- Where values come from

completion completion_of_option(const cli_option *option)
{
    if (option->kind == CLI_CHOICE)
        return (completion){ COMPLETE_WORDS, option->value };
    if (strcmp(option->name, "queue") == 0)
        return (completion){ COMPLETE_NAMES, "queues" };
    if (option->value && (strcmp(option->value, "FILE") == 0 || strcmp(option->value, "URL") == 0))
        return (completion){ COMPLETE_FILES, NULL };
    return (completion){ COMPLETE_NOTHING, NULL };
}

completion completion_of_word(const cli_command *command)
{
    const char *name = command->name;
    if (strcmp(name, "completion") == 0)
        return (completion){ COMPLETE_WORDS, SHELLS };
    if (strncmp(name, "queue ", 6) == 0 && *command->usage)
        return (completion){ COMPLETE_NAMES, "queues" };
    if (strcmp(name, "worker set") == 0)
        return (completion){ COMPLETE_NAMES, "workers" };
    if (strncmp(name, "cron ", 5) == 0 && strncmp(command->usage, "NAME", 4) == 0)
        return (completion){ COMPLETE_NAMES, "schedules" };
    if (strstr(command->usage, "FILE") || strcmp(name, "migrate") == 0)
        return (completion){ COMPLETE_FILES, NULL };
    return (completion){ COMPLETE_NOTHING, NULL };
}

static int takes_value(const cli_option *options, const char *name)
{
    for (const cli_option *o = options; o && o->name; o++)
        if (o->kind != CLI_FLAG && strcmp(o->name, name) == 0)
            return 1;
    return 0;
}

int completion_takes_value(const char *name)
{
    int found = takes_value(cli_global_options, name);
    for (size_t i = 0; cli_commands[i] && !found; i++)
        found = takes_value(cli_commands[i]->options, name);
    return found;
}

// ---- Putting

void completion_put_words(FILE *out, const char *words)
{
    for (; *words; words++)
        fputc(*words == '|' ? ' ' : *words, out);
}

void completion_put_help(FILE *out, const char *help)
{
    size_t size = strcspn(help, ":;(");
    for (size_t i = 0; i < size; i++)
        if (!strchr("'\"\\$`[]{}", help[i]) && !(help[i] == ' ' && i + 1 == size))
            fputc(help[i], out);
}

int completion_is_new_noun(size_t command)
{
    const char *name = cli_commands[command]->name;
    size_t size = strcspn(name, " ");
    for (size_t i = 0; i < command; i++)
        if (strcspn(cli_commands[i]->name, " ") == size && strncmp(cli_commands[i]->name, name, size) == 0)
            return 0;
    return 1;
}

void completion_put_verbs(FILE *out, const char *noun)
{
    size_t size = strlen(noun);
    for (size_t i = 0; cli_commands[i]; i++)
        if (strncmp(cli_commands[i]->name, noun, size) == 0 && cli_commands[i]->name[size] == ' ')
            fprintf(out, " %s", cli_commands[i]->name + size + 1);
}

// ---- Names, for the scripts: one a line; without a broker none

typedef gofer_status (*list_fn)(gofer_client *client, gofer_info **out);

static const struct { const char *what, *field; list_fn list; } names[] = {
    { "queues", "queue", gofer_client_queues },
    { "workers", "worker", gofer_client_workers },
    { "schedules", "name", gofer_client_schedules },
};

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
            puts(name);
    }
    gofer_info_free(list);
    gofer_client_close(client);
    return code;
}

static int run(cli *c, const void *args)
{
    static const struct { const char *shell; void (*put)(FILE *out); } shells[] = {
        { "bash", completion_bash }, { "zsh", completion_zsh }, { "fish", completion_fish },
    };
    (void)args;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (strcmp(shells[i].shell, c->words[0]) == 0) {
            shells[i].put(stdout);
            return CLI_OK;
        }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].what, c->words[0]) == 0)
            return print_names(c, i);
    return cli_fail(c, CLI_USAGE, "completion: there is none for '%s': choose bash, zsh or fish", c->words[0]);
}

const cli_command cmd_completion = {
    .name = "completion",
    .summary = "print the completion script of a shell",
    .usage = "bash | zsh | fish",
    .about = "Completes commands, options, states and files, and asks the broker for the names of queues, workers and cron entries.",
    .examples =
        "source <(gofer completion bash)     # in ~/.bashrc\n"
        "source <(gofer completion zsh)      # in ~/.zshrc, after compinit\n"
        "gofer completion fish > ~/.config/fish/completions/gofer.fish",
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
