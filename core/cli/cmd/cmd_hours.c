// cmd_hours.c - `gofer hours put|ls|show|rm`: when tasks of a queue or a type may be taken.
#include <inttypes.h>

#include "cli.h"
#include "screen.h"

// ---- put, rm

static gofer_status put_one(gofer_client *client, const char *name, const void *user)
{
    return gofer_client_hours_put(client, name, user);
}

static gofer_status remove_one(gofer_client *client, const char *name, const void *user)
{
    (void)user;
    return gofer_client_hours_remove(client, name);
}

// NAME HOURS: what is acted on is the first word.
static int put_hours(cli *c, const void *args)
{
    static const cli_word_act how = { "name", "put", "hours.put", NULL, put_one };
    (void)args;
    c->word_count = 1;
    return cli_open_and_act(c, &how, c->words[1]);
}

static int remove_hours(cli *c, const void *args)
{
    static const cli_word_act how = { "name", "removed", "hours.delete", NULL, remove_one };
    return cli_open_and_act(c, &how, args);
}

// ---- ls, show

static void put_state(table *rows, const gofer_info *item)
{
    char when[CLI_HUMAN];
    int closed = gofer_info_int(item, "closed", 0) != 0;
    int64_t until = gofer_info_int(item, closed ? "closed_until_ms" : "open_until_ms", 0);
    table_cell(rows, closed ? STYLE_WARN : STYLE_PLAIN, closed ? "closed" : "open");
    table_cell(rows, STYLE_PLAIN, until ? cli_human_when(when, until, cli_now_ms()) : NULL);
}

static void print_hours(const cli *c, const gofer_info *list)
{
    static const char *const heads[] = { "OF", "NOW", "UNTIL", "WAITING", "HOURS", NULL };
    if (gofer_info_count(list) == 0) {
        cli_note(c, "no queue and no type has hours: all are open");
        return;
    }
    table *rows = table_new(heads, "lllrl");
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *item = gofer_info_at(list, i);
        table_cell(rows, STYLE_BOLD, gofer_info_text(item, "name"));
        put_state(rows, item);
        if (gofer_info_has(item, "waiting"))
            table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(item, "waiting", 0));
        else
            table_cell(rows, STYLE_PLAIN, NULL);
        table_cell(rows, STYLE_PLAIN, gofer_info_text(item, "hours"));
    }
    table_print(rows, c->color);
    table_free(rows);
    for (size_t i = 0; i < gofer_info_count(list); i++)
        if (gofer_info_has(gofer_info_at(list, i), "error"))
            cli_note(c, "%s cannot be read here: %s",
                gofer_info_text(gofer_info_at(list, i), "name"),
                gofer_info_text(gofer_info_at(list, i), "error"));
}

// name NULL: all.
static int list(cli *c, const char *name)
{
    gofer_client *client = NULL;
    gofer_info *hours = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_client_hours(client, name, &hours);
    code = cli_show(c, st, hours, print_hours);
    gofer_info_free(hours);
    gofer_client_close(client);
    return code;
}

static int list_hours(cli *c, const void *args)
{
    (void)args;
    return list(c, NULL);
}

static int show_hours(cli *c, const void *args)
{
    (void)args;
    return list(c, c->words[0]);
}

const cli_command cmd_hours_put = {
    .name = "hours put",
    .summary = "let tasks of a queue or a type be taken at certain hours alone",
    .usage = "NAME HOURS",
    .about =
        "NAME is queue:QUEUE, or type:TYPE, where TYPE may be a prefix and '*'. HOURS are windows, "
        "the time zone of their times (none: UTC) and dates that have none: days (mon-fri, "
        "sat,sun) before the times that they have; times alone are of every day, days alone are "
        "whole. A window may go over midnight (22:00-06:00). Outside of them its tasks wait; those "
        "that run go on, and new ones go in. It holds for all workers of the store but Go's, "
        "within a second.",
    .examples = "gofer hours put queue:reports 'mon-fri 22:00-06:00, sat, sun Europe/Rome'\n"
        "gofer hours put 'type:mail:*' 'mon-fri 08:00-18:00 America/New_York; not 2026-12-25'\n"
        "gofer hours put type:backup '01:00-05:00; not 2026-12-24..2027-01-06'",
    .words_min = 2,
    .words_max = 2,
    .run = put_hours,
};

const cli_command cmd_hours_ls = {
    .name = "hours ls",
    .summary = "list the hours of queues and types, and whether they are open",
    .usage = "",
    .about =
        "WAITING is, of a type that is closed, how many of its tasks were next in line and wait "
        "now; others may stand in line behind them.",
    .examples = "gofer hours ls\ngofer hours ls --json | jq -r '.items[] | select(.closed).name'",
    .run = list_hours,
};

const cli_command cmd_hours_show = {
    .name = "hours show",
    .summary = "show the hours of a queue or a type",
    .usage = "NAME",
    .about = "NAME is queue:QUEUE or type:TYPE, as it was given to `gofer hours put`.",
    .examples = "gofer hours show queue:reports",
    .words_min = 1,
    .words_max = 1,
    .run = show_hours,
};

const cli_command cmd_hours_rm = {
    .name = "hours rm",
    .summary = "remove hours: it is open at any time",
    .usage = "NAME...",
    .about = "Tasks that have waited come back in their order, at once.",
    .examples = "gofer hours rm queue:reports 'type:mail:*'",
    .words_min = 1,
    .words_max = -1,
    .run = remove_hours,
};
