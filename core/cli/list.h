// list.h - a list as a command shows it: of very many records a table for each page, or all of them
// as one JSON object.
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include <stddef.h>

#include "pages.h"

struct cli;

enum { LIST_PAGE = 1000 };

// Prints the table of a page, or nothing; gives how many rows it has.
typedef size_t (*list_table_fn)(const gofer_info *page, int color);

typedef struct list_shown {
    page_list     which;
    list_table_fn table;
    const char   *none;         // what is told if there is no record
    const char   *no_row;       // if there are, and no row; NULL: that cannot be
} list_shown;

// The exit code.
int list_print(struct cli *c, gofer_client *client, const list_shown *l);

#endif
