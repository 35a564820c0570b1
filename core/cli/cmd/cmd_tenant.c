// cmd_tenant.c - `gofer tenant put|ls|show|rm`: how tenants share a queue.
//
// Lists are asked for page by page; --json prints each record as it comes.
#include <inttypes.h>

#include "cli.h"
#include "json.h"
#include "screen.h"

enum { PAGE = 500 };

typedef struct tenant_args {
    const char *queue;
    cli_number  weight;
} tenant_args;

#define QUEUE_OPTION \
    { "queue", 0, CLI_TEXT, offsetof(tenant_args, queue), "NAME", \
      "the queue that they share (default: default)", 0, 0 }

static const cli_option queue_options[] = {
    QUEUE_OPTION,
    CLI_OPTIONS_END
};

static const cli_option put_options[] = {
    { "weight", 0, CLI_NUMBER, offsetof(tenant_args, weight), "N",
      "so many of its tasks are taken while one is of a tenant without a weight (default: 1)", 1,
      GOFER_TENANT_WEIGHT_MAX },
    QUEUE_OPTION,
    CLI_OPTIONS_END
};

static const char *queue_of(const tenant_args *args)
{
    return args->queue ? args->queue : "default";
}

// ---- put, rm

static gofer_status put_one(gofer_client *client, const char *name, const void *user)
{
    const tenant_args *args = user;
    int32_t weight = args->weight.given ? (int32_t)args->weight.value : 1;
    return gofer_client_tenant_put(client, queue_of(args), name, weight);
}

static gofer_status remove_one(gofer_client *client, const char *name, const void *user)
{
    return gofer_client_tenant_remove(client, queue_of(user), name);
}

static int put_tenants(cli *c, const void *args)
{
    static const cli_word_act how = { "name", "weighed", "tenant.put", NULL, put_one };
    return cli_open_and_act(c, &how, args);
}

static int remove_tenants(cli *c, const void *args)
{
    static const cli_word_act how = { "name", "removed", "tenant.delete", NULL, remove_one };
    return cli_open_and_act(c, &how, args);
}

// ---- ls, show

static table *new_table(void)
{
    static const char *const heads[] = { "TENANT", "QUEUE", "WEIGHT", "WAITING", NULL };
    return table_new(heads, "llrr");
}

static void put_row(table *rows, const gofer_info *item)
{
    table_cell(rows, STYLE_BOLD, gofer_info_text(item, "tenant"));
    table_cell(rows, STYLE_PLAIN, gofer_info_text(item, "queue"));
    table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(item, "weight", 1));
    table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(item, "waiting", 0));
}

static gofer_status put_page(table *rows, const gofer_info *page, int *first)
{
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < gofer_info_count(page) && st == GOFER_OK; i++)
        if (rows)
            put_row(rows, gofer_info_at(page, i));
        else
            st = json_put_item(stdout, gofer_info_at(page, i), first);
    return st;
}

static gofer_status put_pages(gofer_client *client, const char *queue, table *rows)
{
    gofer_info *page = NULL;
    gofer_status st;
    int first = 1, more;
    do {
        gofer_info *before = page;
        st = gofer_client_tenants(client, queue,
            before ? gofer_info_text(before, "next_cursor") : NULL, PAGE, &page);
        if (st == GOFER_OK)
            st = put_page(rows, page, &first);
        more = st == GOFER_OK && gofer_info_has(page, "next_cursor") && !ferror(stdout);
        gofer_info_free(before == page ? NULL : before);
    } while (more);
    gofer_info_free(page);
    return st;
}

static int list_tenants(cli *c, const void *args)
{
    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    table *rows = c->global.json ? NULL : new_table();
    if (!rows)
        fputs("{\"items\":[", stdout);
    gofer_status st = put_pages(client, queue_of(args), rows);
    if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
    if (!rows)
        puts("]}");
    else if (table_rows(rows))
        table_print(rows, c->color);
    else if (code == CLI_OK)
        cli_note(c, "no tenants");
    table_free(rows);
    gofer_client_close(client);
    return code;
}

static void print_tenant(const cli *c, const gofer_info *list)
{
    table *rows = new_table();
    for (size_t i = 0; i < gofer_info_count(list); i++)
        put_row(rows, gofer_info_at(list, i));
    table_print(rows, c->color);
    table_free(rows);
}

static int show_tenant(cli *c, const void *args)
{
    gofer_client *client = NULL;
    gofer_info *found = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_client_tenant(client, queue_of(args), c->words[0], &found);
    code = cli_show(c, st, found, print_tenant);
    gofer_info_free(found);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_tenant_put = {
    .name = "tenant put",
    .summary = "say how large the share of tenants in a queue is",
    .usage = "NAME...",
    .about =
        "Tasks name their tenant ('gofer enqueue --tenant NAME'), and those of a queue are taken "
        "from in turn: one who has a million tasks waiting does not hold up another's ten. A "
        "weight is for tenants that shall have more than that; all others have 1. It holds for "
        "tasks that get in line from now on.",
    .examples =
        "# of five tasks that are taken four are acme's, if it has so many\n"
        "gofer tenant put acme --weight 4 --queue mail\n"
        "gofer enqueue mail:send '{}' --queue mail --tenant acme",
    .options = put_options,
    .args_size = sizeof(tenant_args),
    .words_min = 1,
    .words_max = -1,
    .run = put_tenants,
};

const cli_command cmd_tenant_ls = {
    .name = "tenant ls",
    .summary = "list the tenants of a queue",
    .usage = "",
    .about =
        "Those that have a weight or tasks that wait; WAITING is about how many, by the order "
        "they are in.",
    .examples = "gofer tenant ls --queue mail",
    .options = queue_options,
    .args_size = sizeof(tenant_args),
    .run = list_tenants,
};

const cli_command cmd_tenant_show = {
    .name = "tenant show",
    .summary = "show a tenant of a queue",
    .usage = "NAME",
    .about = "The columns are those of 'gofer tenant ls'.",
    .examples = "gofer tenant show acme --queue mail",
    .options = queue_options,
    .args_size = sizeof(tenant_args),
    .words_min = 1,
    .words_max = 1,
    .run = show_tenant,
};

const cli_command cmd_tenant_rm = {
    .name = "tenant rm",
    .summary = "let tenants have a share as all others",
    .usage = "NAME...",
    .about = "Their tasks stay where they are.",
    .examples = "gofer tenant rm acme --queue mail",
    .options = queue_options,
    .args_size = sizeof(tenant_args),
    .words_min = 1,
    .words_max = -1,
    .run = remove_tenants,
};
