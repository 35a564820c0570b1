// queue_table.h - the table of queues that `queue ls` and `stats` show.
#ifndef CLI_QUEUE_TABLE_H
#define CLI_QUEUE_TABLE_H

#include "gofer/gofer.h"

void queue_table_print(const gofer_info *queues, int color);

#endif
