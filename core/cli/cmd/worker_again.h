// worker_again.h - the store of `gofer worker`, opened again once it has failed for good: SQLite's
// file had an I/O error, after which a client writes no more.
#ifndef CLI_WORKER_AGAIN_H
#define CLI_WORKER_AGAIN_H

#include <stdint.h>

#include "cli.h"

// All zero at first.
typedef struct again {
    int     tries;          // lately
    int64_t opened_ms;      // when that was of use last
} again;

// Another client for the next worker, after a pause that grows from one try to the next. *out NULL:
// there is none, for the process is to stop (CLI_OK), or it has been tried too often, which is said
// (CLI_BROKER). Between signals_leave and signals_serve.
int again_open(again *a, cli *c, int64_t max_payload, gofer_client **out);

#endif
