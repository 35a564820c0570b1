// worker_table.h - the tables of live workers and of their children that `worker ls` and `stats`
// show.
//
// The snapshot is gofer_client_workers'.
#ifndef CLI_WORKER_TABLE_H
#define CLI_WORKER_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

enum { WORKER_CHILDREN = 120 };    // room that worker_children_text needs

// A row for each worker, or for each child process; nothing where there is none. How many.
size_t worker_table_print(const gofer_info *workers, int color);
size_t child_table_print(const gofer_info *workers, int color);

// Of one worker: tasks in its slots, which are those that concurrency counts,
int64_t     worker_slots_running(const gofer_info *worker);
// and its children in words; NULL: it has none.
const char *worker_children_text(char out[WORKER_CHILDREN], const gofer_info *worker);

#endif
