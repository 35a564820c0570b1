// queue_table.h - the table of queues that `queue ls` and `stats` show, and the pages that they
// come in.
//
// And the note on queues that nobody serves, which `doctor` has too.
#ifndef CLI_QUEUE_TABLE_H
#define CLI_QUEUE_TABLE_H

#include "gofer/gofer.h"

struct cli;

// Very many, which come in pages: a table of each, and behind the last the sum of all and the note.
enum { QUEUE_COUNTS = 9, QUEUE_NOTE_MAX = 800 };
typedef struct queue_pages {
    size_t  count, unserved, named;
    int64_t sums[QUEUE_COUNTS];
    char    names[QUEUE_NOTE_MAX];      // of the first that nobody serves
    size_t  used;
    int     partly;                     // there are queues behind these
} queue_pages;
void queue_pages_add(queue_pages *pages, const gofer_info *queues);
// Rows that are in several lists.
void queue_pages_rows(const queue_pages *pages, const gofer_info *const *rows, size_t count,
    int is_last, int color);
void queue_pages_print(const queue_pages *pages, const gofer_info *queues, int is_last, int color);
// The first ten whose pending tasks no live worker will take, if there are any.
void queue_pages_note(const struct cli *c, const queue_pages *pages);

enum { QUEUES_PAGE = 1000 };

// The same note, of a store. One that goes on behind a page with more than these ten is looked at
// no further: then it says "at least".
void queue_note_unserved(const struct cli *c, gofer_client *client);

#endif
