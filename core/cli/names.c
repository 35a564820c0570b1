// names.c - commands by their names: ours, those of other tools, and what to say to
// a word that is none.
//
// Pure: reads the table that c->commands points to, and tables of its own.
#include <string.h>

#include "cli.h"

const char *cli_canonical(const char *word)
{
    // The words of Asynq's tools and of others.
    static const struct { const char *word, *ours; } others[] = {
        { "server", "worker" }, { "servers", "worker" }, { "workers", "worker" },
        { "delete", "rm" }, { "remove", "rm" },
        { "list", "ls" }, { "inspect", "show" }, { "resume", "unpause" },
#ifdef GOFER_HAVE_TOP
        { "dash", "top" }, { "dashboard", "top" },
#endif
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i].word, word) == 0)
            return others[i].ours;
    return word;
}

const char *cli_hint(const char *noun, const char *word)
{
    static const struct { const char *noun, *word, *hint; } hints[] = {
        { "task", "deleteall", "gofer task rm --all --state STATE" },
        { "task", "rmall", "gofer task rm --all --state STATE" },
        { "task", "runall", "gofer task run --all --state STATE" },
        { "task", "archiveall", "gofer task archive --all --state STATE" },
        { "task", "cancelall", "gofer task cancel --all --state STATE" },
        { "task", "retry", "gofer task run ID" }, { "task", "requeue", "gofer task run ID" },
        { "task", "enqueue", "gofer enqueue" }, { "task", "add", "gofer enqueue" },
        { "task", "wait", "gofer wait ID" },
        { "queue", "history", "gofer stats --queue NAME" },
        { "queue", "purge", "gofer queue rm --force NAME" },
        { "queue", "stats", "gofer stats" }, { "worker", "show", "gofer worker ls" },
        { "worker", "stop", "gofer worker set ID stop" },
        { "worker", "run", "gofer worker" }, { "worker", "start", "gofer worker" },
        { "cron", "edit", "gofer cron add --replace" },
        { "group", "show", "gofer task ls --group NAME" },
        { NULL, "status", "gofer stats" }, { NULL, "info", "gofer stats" },
        { NULL, "monitor", "gofer top" },
        { NULL, "schedule", "gofer cron" }, { NULL, "start", "gofer worker" },
        { NULL, "run", "gofer worker" },
        { NULL, "put", "gofer enqueue" }, { NULL, "push", "gofer enqueue" },
        { NULL, "add", "gofer enqueue" },
        { NULL, "tail", "gofer events" }, { NULL, "ls", "gofer task ls" },
        { NULL, "rm", "gofer task rm ID" },
        { NULL, "show", "gofer task show ID" }, { NULL, "resume", "gofer queue unpause NAME" },
        { NULL, "pause", "gofer queue pause NAME" },
#ifndef GOFER_HAVE_TOP
        { NULL, "dash", "gofer stats" }, { NULL, "top", "gofer stats" },
#endif
    };
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (strcmp(hints[i].word, word) == 0 &&
            (noun ? hints[i].noun && strcmp(hints[i].noun, noun) == 0 : !hints[i].noun))
            return hints[i].hint;
    return NULL;
}

const cli_command *cli_find_command(const cli *c, const char *name)
{
    for (size_t i = 0; c->commands[i]; i++)
        if (strcmp(c->commands[i]->name, name) == 0)
            return c->commands[i];
    return NULL;
}

int cli_is_group(const cli *c, const char *noun)
{
    size_t size = strlen(noun);
    for (size_t i = 0; c->commands[i]; i++)
        if (strncmp(c->commands[i]->name, noun, size) == 0 && c->commands[i]->name[size] == ' ')
            return 1;
    return 0;
}
