// batch.h - JSON lines from standard input to tasks.
//
// A line that is refused keeps none of the others out; only a store that is away ends it early.
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

#include "cli.h"
#include "put_round.h"

// Enqueue all lines; what a line does not say is as in defaults. Returns an exit code.
int batch_run(cli *c, const put_way *way, const gofer_enqueue_options *defaults);

#endif
