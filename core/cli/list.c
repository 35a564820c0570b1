// list.c - a list as a command shows it, page by page: none is in memory but one.
#include "list.h"

#include "cli.h"
#include "json.h"

typedef struct listing {
    cli        *c;
    const list_shown *l;
    size_t      pages, records, rows;
    int         first, code;
} listing;

static int put_items(listing *of, const gofer_info *page)
{
    for (size_t i = 0; i < gofer_info_count(page); i++) {
        gofer_status st = json_put_item(stdout, gofer_info_at(page, i), &of->first);
        if (st != GOFER_OK)
            return cli_fail_status(of->c, st, NULL);
    }
    return CLI_OK;
}

static bool take_page(gofer_info *page, void *user)
{
    listing *of = user;
    int json = of->c->global.json;
    if (json && of->pages == 0)
        fputs("{\"items\":[", stdout);
    if (json)
        of->code = put_items(of, page);
    if (!json && of->rows && gofer_info_count(page))
        putchar('\n');
    if (!json)
        of->rows += of->l->table(page, of->c->color);
    of->records += gofer_info_count(page);
    of->pages++;
    gofer_info_free(page);
    return of->code == CLI_OK;
}

int list_print(cli *c, gofer_client *client, const list_shown *l)
{
    listing of = { .c = c, .l = l, .first = 1 };
    gofer_status st = pages_each(client, &l->which, take_page, &of);
    if (st != GOFER_OK)
        return cli_fail_status(c, st, NULL);
    if (of.code != CLI_OK)
        return of.code;
    if (c->global.json)
        puts("]}");
    else if (of.records == 0)
        cli_note(c, "%s", l->none);
    else if (of.rows == 0)
        cli_note(c, "%s", l->no_row);
    return CLI_OK;
}
