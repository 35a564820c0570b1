// cmd_group.c - `gofer group ls|run|archive|rm`: tasks that wait to be made one.
//
// What is done to a group is done to all its tasks by bulk.c, with the group as the filter.
#include <inttypes.h>
#include <string.h>

#include "bulk.h"
#include "cli.h"
#include "json.h"
#include "pages.h"
#include "screen.h"

// ---- ls

enum { PAGE = 1000 };

typedef struct ls_args {
    const char *queue;
} ls_args;

static const cli_option ls_options[] = {
    { "queue", 0, CLI_TEXT, offsetof(ls_args, queue), "NAME",
      "groups of this queue (default: of every queue)", 0, 0 },
    CLI_OPTIONS_END
};

typedef struct listing {
    cli          *c;
    gofer_client *client;
    const char   *queue;        // whose groups come
    table        *rows;         // of which no more than a page are kept; NULL: none yet
    int           tables;       // that were printed
    int           first;
    gofer_status  status;
} listing;

static void print_rows(listing *l)
{
    if (!l->rows)
        return;
    if (l->tables++)
        putchar('\n');
    table_print(l->rows, l->c->color);
    table_free(l->rows);
    l->rows = NULL;
}

static bool put_json(listing *l, const gofer_info *group)
{
    char *json = NULL;
    l->status = gofer_info_json(group, &json);
    if (l->status != GOFER_OK)
        return false;
    printf("%s{\"queue\":", l->first ? "" : ",");
    json_put_text(stdout, l->queue);
    printf(",%s", json + 1);        // the object without its brace
    l->first = 0;
    gofer_free(json);
    return true;
}

static bool put_group(const gofer_info *group, void *user)
{
    static const char *const heads[] = { "QUEUE", "GROUP", "TASKS", "OLDEST", "NEWEST", NULL };
    listing *l = user;
    int64_t now_ms = cli_now_ms();
    char text[CLI_HUMAN];
    if (l->c->global.json)
        return put_json(l, group);
    if (!l->rows)
        l->rows = table_new(heads, "llrrr");
    table_cell(l->rows, STYLE_PLAIN, l->queue);
    table_cell(l->rows, STYLE_BOLD, gofer_info_text(group, "group"));
    table_cellf(l->rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(group, "size", 0));
    table_cell(l->rows, STYLE_PLAIN,
        cli_human_when(text, gofer_info_int(group, "oldest_at_ms", now_ms), now_ms));
    table_cell(l->rows, STYLE_PLAIN,
        cli_human_when(text, gofer_info_int(group, "newest_at_ms", now_ms), now_ms));
    if (table_rows(l->rows) == PAGE)
        print_rows(l);
    return true;
}

static gofer_status list_queue(listing *l, const char *queue)
{
    const page_list groups = { .ask = gofer_client_groups_page, .of = queue, .limit = PAGE };
    l->queue = queue;
    gofer_status st = pages_items(l->client, &groups, put_group, l);
    return st == GOFER_OK ? l->status : st;
}

// A queue may be removed meanwhile.
static bool list_if_grouped(const gofer_info *queue, void *user)
{
    listing *l = user;
    if (gofer_info_int(queue, "aggregating", 0)) {
        gofer_status st = list_queue(l, gofer_info_text(queue, "queue"));
        l->status = st == GOFER_ENOTFOUND ? GOFER_OK : st;
    }
    return l->status == GOFER_OK;
}

static gofer_status list_all(listing *l)
{
    const page_list queues = { .ask = gofer_client_queues_page, .limit = PAGE };
    gofer_status st = pages_items(l->client, &queues, list_if_grouped, l);
    return st == GOFER_OK ? l->status : st;
}

static int run_ls(cli *c, const void *user)
{
    const ls_args *args = user;
    listing l = { .c = c, .first = 1 };
    int code = cli_open(c, &l.client, 0);
    if (code != CLI_OK)
        return code;
    if (c->global.json)
        fputs("{\"items\":[", stdout);
    gofer_status st = args->queue ? list_queue(&l, args->queue) : list_all(&l);
    code = st == GOFER_OK ? CLI_OK : cli_fail_status(c, st, NULL);
    print_rows(&l);
    if (c->global.json)
        puts("]}");
    else if (code == CLI_OK && !l.tables)
        cli_note(c, "no groups with tasks in them");
    gofer_client_close(l.client);
    return code;
}

const cli_command cmd_group_ls = {
    .name = "group ls",
    .summary = "list groups with tasks in them",
    .usage = "",
    .about =
        "A group's tasks wait until a worker with --aggregate makes one task of them. More than a "
        "thousand groups come in tables of a thousand.",
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
