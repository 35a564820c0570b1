// cmd_help.c - `gofer help`: the overview, a command, a group, a topic, or the whole manual.
//
// Only decides what was meant; help.c and manual.c print.
#include <stdio.h>
#include <string.h>

#include "cli.h"

typedef struct help_args {
    int man, markdown;
} help_args;

static const cli_option options[] = {
    { "man", 0, CLI_FLAG, offsetof(help_args, man), NULL, "print the manual page, for man", 0, 0 },
    { "markdown", 0, CLI_FLAG, offsetof(help_args, markdown), NULL,
      "print the reference as Markdown", 0, 0 },
    CLI_OPTIONS_END
};

static int unknown(cli *c, const char *name)
{
    const char *names[96];
    size_t count = 0;
    for (size_t i = 0; c->commands[i] && count < 80; i++)
        names[count++] = c->commands[i]->name;
    for (const cli_topic *t = cli_topics; t->name && count < 96; t++)
        names[count++] = t->name;
    const char *near = gf_meant(name, names, count);
    return cli_fail(c, CLI_NOT_FOUND, "there is no help on '%s'; %s%s%s", name,
        near ? "did you mean 'gofer help " : "see 'gofer help", near ? near : "",
        near ? "'?" : "'");
}

static int run(cli *c, const void *user)
{
    const help_args *args = user;
    char name[64];
    if (args->man || args->markdown) {
        (args->man ? cli_manual_roff : cli_manual_markdown)(c, stdout);
        return CLI_OK;
    }
    if (c->word_count == 0) {
        cli_help_overview(c, stdout, 1);
        return CLI_OK;
    }

    snprintf(name, sizeof name, "%.30s%s%.30s", cli_canonical(c->words[0]),
        c->word_count > 1 ? " " : "", c->word_count > 1 ? cli_canonical(c->words[1]) : "");
    const cli_command *command = cli_find_command(c, name);
    if (c->word_count == 1 && cli_is_group(c, name)) {
        if (command)
            cli_help_command(c, stdout, command);
        cli_help_group(c, stdout, name);
        return CLI_OK;
    }
    if (command) {
        cli_help_command(c, stdout, command);
        return CLI_OK;
    }
    for (const cli_topic *t = cli_topics; t->name; t++) {
        if (strcmp(t->name, name) == 0) {
            cli_help_topic(stdout, t);
            return CLI_OK;
        }
    }
    return unknown(c, name);
}

const cli_command cmd_help = {
    .name = "help",
    .summary = "explain a command or a topic",
    .usage = "[COMMAND | TOPIC]",
    .examples = "gofer help enqueue\ngofer help exit-codes",
    .options = options,
    .args_size = sizeof(help_args),
    .words_max = 2,
    .run = run,
};
