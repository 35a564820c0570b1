// commands.c - the table of commands, in the order in which help shows them.
#include <string.h>

#include "cli.h"

extern const cli_command cmd_worker, cmd_worker_ls, cmd_worker_set, cmd_enqueue, cmd_wait, cmd_watch, cmd_events,
    cmd_task_ls, cmd_task_show, cmd_task_edit, cmd_task_reschedule, cmd_task_run, cmd_task_archive, cmd_task_rm,
    cmd_task_cancel, cmd_group_ls, cmd_group_run, cmd_group_archive, cmd_group_rm, cmd_queue_ls, cmd_queue_show,
    cmd_queue_pause, cmd_queue_unpause, cmd_queue_rm, cmd_cron_ls, cmd_cron_show, cmd_cron_history, cmd_cron_check,
    cmd_cron_add, cmd_cron_rm, cmd_cron_pause, cmd_cron_unpause, cmd_cron_run, cmd_cron_sync, cmd_stats,
    cmd_ping, cmd_doctor, cmd_migrate, cmd_completion, cmd_version, cmd_help;

#ifdef GOFER_HAVE_TOP
extern const cli_command cmd_top;
#endif

const cli_command *const cli_commands[] = {
    &cmd_worker, &cmd_worker_ls, &cmd_worker_set,
    &cmd_enqueue, &cmd_wait, &cmd_watch, &cmd_events,
    &cmd_task_ls, &cmd_task_show, &cmd_task_edit, &cmd_task_reschedule,
    &cmd_task_run, &cmd_task_archive, &cmd_task_rm, &cmd_task_cancel,
    &cmd_group_ls, &cmd_group_run, &cmd_group_archive, &cmd_group_rm,
    &cmd_queue_ls, &cmd_queue_show, &cmd_queue_pause, &cmd_queue_unpause, &cmd_queue_rm,
    &cmd_cron_add, &cmd_cron_ls, &cmd_cron_show, &cmd_cron_history, &cmd_cron_check,
    &cmd_cron_pause, &cmd_cron_unpause, &cmd_cron_run, &cmd_cron_sync, &cmd_cron_rm,
#ifdef GOFER_HAVE_TOP
    &cmd_top,
#endif
    &cmd_stats, &cmd_ping, &cmd_doctor, &cmd_migrate, &cmd_completion, &cmd_version, &cmd_help,
    NULL
};

const char *cli_canonical(const char *word)
{
    // The words of Asynq's tools and of others.
    static const struct { const char *word, *ours; } others[] = {
        { "server", "worker" }, { "servers", "worker" }, { "workers", "worker" }, { "delete", "rm" }, { "remove", "rm" },
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
        { "task", "deleteall", "gofer task rm --all --state STATE" }, { "task", "rmall", "gofer task rm --all --state STATE" },
        { "task", "runall", "gofer task run --all --state STATE" },
        { "task", "archiveall", "gofer task archive --all --state STATE" },
        { "task", "cancelall", "gofer task cancel --all --state STATE" },
        { "task", "retry", "gofer task run ID" }, { "task", "requeue", "gofer task run ID" },
        { "task", "enqueue", "gofer enqueue" }, { "task", "add", "gofer enqueue" }, { "task", "wait", "gofer wait ID" },
        { "queue", "history", "gofer stats --queue NAME" }, { "queue", "purge", "gofer queue rm --force NAME" },
        { "queue", "stats", "gofer stats" }, { "worker", "show", "gofer worker ls" }, { "worker", "stop", "gofer worker set ID stop" },
        { "worker", "run", "gofer worker" }, { "worker", "start", "gofer worker" }, { "cron", "edit", "gofer cron add --replace" },
        { "group", "show", "gofer task ls --group NAME" },
        { NULL, "status", "gofer stats" }, { NULL, "info", "gofer stats" }, { NULL, "monitor", "gofer top" },
        { NULL, "schedule", "gofer cron" }, { NULL, "start", "gofer worker" }, { NULL, "run", "gofer worker" },
        { NULL, "put", "gofer enqueue" }, { NULL, "push", "gofer enqueue" }, { NULL, "add", "gofer enqueue" },
        { NULL, "tail", "gofer events" }, { NULL, "ls", "gofer task ls" }, { NULL, "rm", "gofer task rm ID" },
        { NULL, "show", "gofer task show ID" }, { NULL, "resume", "gofer queue unpause NAME" },
        { NULL, "pause", "gofer queue pause NAME" },
#ifndef GOFER_HAVE_TOP
        { NULL, "dash", "gofer stats" }, { NULL, "top", "gofer stats" },
#endif
    };
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (strcmp(hints[i].word, word) == 0 && (noun ? hints[i].noun && strcmp(hints[i].noun, noun) == 0 : !hints[i].noun))
            return hints[i].hint;
    return NULL;
}

const cli_command *cli_find_command(const char *name)
{
    for (size_t i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    return NULL;
}

int cli_is_group(const char *noun)
{
    size_t size = strlen(noun);
    for (size_t i = 0; cli_commands[i]; i++)
        if (strncmp(cli_commands[i]->name, noun, size) == 0 && cli_commands[i]->name[size] == ' ')
            return 1;
    return 0;
}
