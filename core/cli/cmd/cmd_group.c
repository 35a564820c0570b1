// cmd_group.c - `gofer group ls|run|archive|rm`: tasks that wait to be made one.
//
// What is done to a group is done to all its tasks by bulk.c, with the group as the filter.
#include <inttypes.h>
#include <string.h>

#include "bulk.h"
#include "cli.h"
#include "json.h"
#include "screen.h"

// ---- ls

enum { QUEUES_PAGE = 1000 };

typedef struct ls_args {
    const char *queue;
} ls_args;

static const cli_option ls_options[] = {
    { "queue", 0, CLI_TEXT, offsetof(ls_args, queue), "NAME",
      "groups of this queue (default: of every queue)", 0, 0 },
    CLI_OPTIONS_END
};

typedef struct listing {
    cli   *c;
    table *rows;        // NULL with --json
    int    first;
} listing;

static int put_json(listing *l, const char *queue, const gofer_info *group)
{
    char *json = NULL;
    gofer_status st = gofer_info_json(group, &json);
    if (st != GOFER_OK)
        return cli_fail_status(l->c, st, NULL);
    printf("%s{\"queue\":", l->first ? "" : ",");
    json_put_text(stdout, queue);
    printf(",%s", json + 1);        // the object without its brace
    l->first = 0;
    gofer_free(json);
    return CLI_OK;
}

static int list_queue(listing *l, gofer_client *client, const char *queue)
{
    gofer_info *groups = NULL;
    int64_t now_ms = cli_now_ms();
    char text[CLI_HUMAN];
    int code = CLI_OK;
    gofer_status st = gofer_client_groups(client, queue, &groups);
    if (st != GOFER_OK)
        return cli_fail_status(l->c, st, NULL);
    for (size_t i = 0; i < gofer_info_count(groups) && code == CLI_OK; i++) {
        const gofer_info *group = gofer_info_at(groups, i);
        if (!l->rows) {
            code = put_json(l, queue, group);
            continue;
        }
        table_cell(l->rows, STYLE_PLAIN, queue);
        table_cell(l->rows, STYLE_BOLD, gofer_info_text(group, "group"));
        table_cellf(l->rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(group, "size", 0));
        table_cell(l->rows, STYLE_PLAIN,
            cli_human_when(text, gofer_info_int(group, "oldest_at_ms", now_ms), now_ms));
        table_cell(l->rows, STYLE_PLAIN,
            cli_human_when(text, gofer_info_int(group, "newest_at_ms", now_ms), now_ms));
    }
    gofer_info_free(groups);
    return code;
}

static int list_page(listing *l, gofer_client *client, const gofer_info *queues)
{
    int code = CLI_OK;
    for (size_t i = 0; i < gofer_info_count(queues) && code == CLI_OK; i++)
        if (gofer_info_int(gofer_info_at(queues, i), "aggregating", 0))
            code = list_queue(l, client, gofer_info_text(gofer_info_at(queues, i), "queue"));
    return code;
}

// There may be very many queues: a page of them is in memory.
static int list_all(listing *l, gofer_client *client)
{
    gofer_info *queues = NULL;
    int code = CLI_OK;
    do {
        gofer_info *before = queues;
        const char *behind = before ? gofer_info_text(before, "next_cursor") : NULL;
        gofer_status st = gofer_client_queues_page(client, NULL, behind, QUEUES_PAGE, &queues);
        code = st == GOFER_OK ? list_page(l, client, queues) : cli_fail_status(l->c, st, NULL);
        queues = st == GOFER_OK ? queues : NULL;
        gofer_info_free(before);
    } while (code == CLI_OK && gofer_info_has(queues, "next_cursor"));
    gofer_info_free(queues);
    return code;
}

static int run_ls(cli *c, const void *user)
{
    static const char *const heads[] = { "QUEUE", "GROUP", "TASKS", "OLDEST", "NEWEST", NULL };
    const ls_args *args = user;
    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    listing l = { .c = c, .first = 1 };
    if (c->global.json)
        fputs("{\"items\":[", stdout);
    else
        l.rows = table_new(heads, "llrrr");
    code = args->queue ? list_queue(&l, client, args->queue) : list_all(&l, client);
    if (!l.rows)
        puts("]}");
    else if (code == CLI_OK && table_rows(l.rows))
        table_print(l.rows, c->color);
    else if (code == CLI_OK)
        cli_note(c, "no groups with tasks in them");
    table_free(l.rows);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_group_ls = {
    .name = "group ls",
    .summary = "list groups with tasks in them",
    .usage = "",
    .about = "A group's tasks wait until a worker with --aggregate makes one task of them.",
    .examples = "gofer group ls --queue mail",
    .options = ls_options,
    .args_size = sizeof(ls_args),
    .run = run_ls,
};

// ---- run, archive, rm

typedef struct act_args {
    const char *queue;
    int         dry_run, yes;
} act_args;

static const cli_option act_options[] = {
    { "queue", 0, CLI_TEXT, offsetof(act_args, queue), "NAME",
      "the queue of the groups (default: default)", 0, 0 },
    { "dry-run", 0, CLI_FLAG, offsetof(act_args, dry_run), NULL,
      "tell how many tasks, change nothing", 0, 0 },
    { "yes", 'y', CLI_FLAG, offsetof(act_args, yes), NULL,
      "do not ask (it is asked on a terminal only)", 0, 0 },
    CLI_OPTIONS_END
};

static int act(cli *c, const act_args *args, const bulk_action *how)
{
    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0), first = CLI_OK;
    for (size_t i = 0; i < c->word_count && code == CLI_OK; i++) {
        gofer_filter filter;
        gofer_filter_init(&filter);
        filter.group = c->words[i];
        bulk what = { args->queue ? args->queue : "default", "aggregating", &filter, args->dry_run,
            args->yes };
        int one = bulk_act(c, client, how, &what);
        first = first == CLI_OK ? one : first;
    }
    gofer_client_close(client);
    return code == CLI_OK ? first : code;
}

static int run_groups(cli *c, const void *args)
{
    return act(c, args, &bulk_run);
}

static int archive_groups(cli *c, const void *args)
{
    return act(c, args, &bulk_archive);
}

static int delete_groups(cli *c, const void *args)
{
    return act(c, args, &bulk_delete);
}

const cli_command cmd_group_run = {
    .name = "group run",
    .summary = "make the tasks of groups pending now, each by itself",
    .usage = "GROUP...",
    .about = "They are not aggregated any more. GROUP may end in '*': all groups that begin so.",
    .examples = "gofer group run digest-7 --queue mail",
    .options = act_options,
    .args_size = sizeof(act_args),
    .words_min = 1,
    .words_max = -1,
    .run = run_groups,
};

const cli_command cmd_group_archive = {
    .name = "group archive",
    .summary = "set the tasks of groups aside",
    .usage = "GROUP...",
    .examples = "gofer group archive digest-7 --queue mail",
    .options = act_options,
    .args_size = sizeof(act_args),
    .words_min = 1,
    .words_max = -1,
    .run = archive_groups,
};

const cli_command cmd_group_rm = {
    .name = "group rm",
    .summary = "delete the tasks of groups",
    .usage = "GROUP...",
    .examples = "gofer group rm 'digest-*' --queue mail --dry-run",
    .options = act_options,
    .args_size = sizeof(act_args),
    .words_min = 1,
    .words_max = -1,
    .run = delete_groups,
};
