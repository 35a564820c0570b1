// cmd_type.c - `gofer type pause|unpause|ls`: types of which no task is taken.
#include <inttypes.h>

#include "cli.h"
#include "screen.h"

// ---- pause, unpause

static gofer_status pause_one(gofer_client *client, const char *name, const void *user)
{
    (void)user;
    return gofer_client_type_pause(client, name);
}

static gofer_status unpause_one(gofer_client *client, const char *name, const void *user)
{
    (void)user;
    return gofer_client_type_unpause(client, name);
}

static int pause_types(cli *c, const void *args)
{
    static const cli_word_act how = { "type", "paused", "type.pause", NULL, pause_one };
    (void)args;
    return cli_open_and_act(c, &how, NULL);
}

static int unpause_types(cli *c, const void *args)
{
    static const cli_word_act how = { "type", "unpaused", "type.unpause", NULL, unpause_one };
    (void)args;
    return cli_open_and_act(c, &how, NULL);
}

// ---- ls

static void print_types(const cli *c, const gofer_info *list)
{
    static const char *const heads[] = { "TYPE", "PAUSED", "CLOSED UNTIL", "WAITING", NULL };
    if (gofer_info_count(list) == 0) {
        cli_note(c, "no type is paused, and none is closed");
        return;
    }
    table *rows = table_new(heads, "lllr");
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *item = gofer_info_at(list, i);
        char when[CLI_HUMAN];
        table_cell(rows, STYLE_BOLD, gofer_info_text(item, "type"));
        int64_t paused_at = gofer_info_int(item, "paused_at_ms", 0);
        int64_t until = gofer_info_int(item, "closed_until_ms", 0);
        table_cell(rows, STYLE_WARN,
            paused_at ? cli_human_when(when, paused_at, cli_now_ms()) : NULL);
        table_cell(rows, STYLE_WARN,
            until ? cli_human_when(when, until, cli_now_ms())
                  : gofer_info_int(item, "closed", 0) ? "(not known)" : NULL);
        table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(item, "waiting", 0));
    }
    table_print(rows, c->color);
    table_free(rows);
}

static int list_types(cli *c, const void *args)
{
    gofer_client *client = NULL;
    gofer_info *list = NULL;
    (void)args;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_client_types_paused(client, &list);
    code = cli_show(c, st, list, print_types);
    gofer_info_free(list);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_type_pause = {
    .name = "type pause",
    .summary = "stop the taking of tasks of a type",
    .usage = "TYPE...",
    .about =
        "TYPE is a type, or a prefix and '*'. Its tasks wait, in whatever queue, until the type is "
        "unpaused; those that run go on, and those of other types, too. It holds for all workers "
        "of the store but Go's: at once on SQLite, at most a second later on Redis.",
    .examples = "gofer type pause mail:send\ngofer type pause 'report:*'",
    .words_min = 1,
    .words_max = -1,
    .run = pause_types,
};

const cli_command cmd_type_unpause = {
    .name = "type unpause",
    .summary = "let tasks of a type be taken again",
    .usage = "TYPE...",
    .about =
        "TYPE is what was paused: a prefix by that prefix. Who has waited comes before all others, "
        "in its order.",
    .examples = "gofer type unpause mail:send",
    .words_min = 1,
    .words_max = -1,
    .run = unpause_types,
};

const cli_command cmd_type_ls = {
    .name = "type ls",
    .summary = "list the types that are paused, or closed by their hours",
    .usage = "",
    .about =
        "WAITING is how many of its tasks were next in line and wait now; others may stand in line "
        "behind them.",
    .examples = "gofer type ls\ngofer type ls --json | jq -r '.items[].type'",
    .run = list_types,
};
