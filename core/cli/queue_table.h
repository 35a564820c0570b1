// queue_table.h - the table of queues that `queue ls` and `stats` show.
//
// And the note on queues that nobody serves, which `doctor` has too.
#ifndef CLI_QUEUE_TABLE_H
#define CLI_QUEUE_TABLE_H

#include "gofer/gofer.h"

struct cli;

void queue_table_print(const gofer_info *queues, int color);
// A note of the first ten whose pending tasks no live worker will take, if there are any.
void queue_note_unserved(const struct cli *c, const gofer_info *queues);

#endif
