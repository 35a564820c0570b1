// worker_table.h - the table of live workers that `worker ls` and `stats` show.
//
// The snapshot is gofer_client_workers'.
#ifndef CLI_WORKER_TABLE_H
#define CLI_WORKER_TABLE_H

#include "gofer/gofer.h"

void worker_table_print(const gofer_info *workers, int color);

#endif
