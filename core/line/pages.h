// pages.h - a list of a client, a page after the other, with one in memory.
//
// Threads: as the client's.
#ifndef LINE_PAGES_H
#define LINE_PAGES_H

#include <stdbool.h>

#include "gofer/gofer.h"

// Asks for a page, as gofer_client_queues_page and gofer_client_groups_page do. of: a pattern, a
// queue, or nothing.
typedef gofer_status (*page_ask)(gofer_client *client, const char *of, const char *cursor,
    int32_t limit, gofer_info **out);

// The lists that are of nothing, in that form.
gofer_status pages_workers(gofer_client *client, const char *of, const char *cursor,
    int32_t limit, gofer_info **out);
gofer_status pages_schedules(gofer_client *client, const char *of, const char *cursor,
    int32_t limit, gofer_info **out);

typedef struct page_list {
    page_ask    ask;
    const char *of;
    const char *behind;     // a cursor to begin with; NULL: from the first
    int32_t     limit;      // in a page
} page_list;

// The page is the caller's from now on. False: no more are wanted.
typedef bool (*page_fn)(gofer_info *page, void *user);
gofer_status pages_each(gofer_client *client, const page_list *which, page_fn take,
    void *user);

// Each record, borrowed for the call. False: no more are wanted.
typedef bool (*page_item_fn)(const gofer_info *item, void *user);
gofer_status pages_items(gofer_client *client, const page_list *which, page_item_fn each,
    void *user);

#endif
