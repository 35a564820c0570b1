// pages.c - a list of a client, a page after the other.
#include "pages.h"

#include <stdlib.h>
#include <string.h>

gofer_status pages_workers(gofer_client *client, const char *of, const char *cursor,
    int32_t limit, gofer_info **out)
{
    (void)of;
    return gofer_client_workers_page(client, cursor, limit, out);
}

gofer_status pages_schedules(gofer_client *client, const char *of, const char *cursor,
    int32_t limit, gofer_info **out)
{
    (void)of;
    return gofer_client_schedules_page(client, cursor, limit, out);
}

// Of a page that may be gone when it is needed.
static gofer_status keep_cursor(const gofer_info *page, char **cursor)
{
    const char *next = gofer_info_text(page, "next_cursor");
    char *copy = next ? strdup(next) : NULL;
    if (next && !copy)
        return GOFER_ENOMEM;
    free(*cursor);
    *cursor = copy;
    return GOFER_OK;
}

gofer_status pages_each(gofer_client *client, const page_list *which, page_fn take,
    void *user)
{
    char *cursor = NULL;
    gofer_status st = GOFER_OK;
    for (bool first = true, on = true; on; first = false) {
        gofer_info *page = NULL;
        st = which->ask(client, which->of, first ? which->behind : cursor, which->limit, &page);
        if (st == GOFER_OK && (st = keep_cursor(page, &cursor)) != GOFER_OK)
            gofer_info_free(page);
        on = st == GOFER_OK && take(page, user) && cursor;
    }
    free(cursor);
    return st;
}

typedef struct items {
    page_item_fn each;
    void        *user;
} items;

static bool take_items(gofer_info *page, void *user)
{
    const items *of = user;
    bool on = true;
    for (size_t i = 0; on && i < gofer_info_count(page); i++)
        on = of->each(gofer_info_at(page, i), of->user);
    gofer_info_free(page);
    return on;
}

gofer_status pages_items(gofer_client *client, const page_list *which, page_item_fn each,
    void *user)
{
    items of = { each, user };
    return pages_each(client, which, take_items, &of);
}
