// stats_table.h - how long tasks waited and ran, a row for each type.
//
// Shows the snapshot of gofer_client_stats.
#ifndef CLI_STATS_TABLE_H
#define CLI_STATS_TABLE_H

#include "gofer/gofer.h"

void stats_table_print(const gofer_info *types, size_t most, int color);

#endif
