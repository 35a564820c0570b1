// renewal.h - the store of `gofer web`, opened again once it has failed: SQLite's file had an I/O
// error, after which a client writes no more.
#ifndef CLI_RENEWAL_H
#define CLI_RENEWAL_H

#include <stdint.h>

#include "cli.h"

struct web;

// All zero at first.
typedef struct renewal {
    int64_t next_ms;        // not before this time, monotonic
    int64_t pause_ms;       // the latest
} renewal;

// Looks whether there is need, and logs what came of it: the server goes on with another client,
// which is in *client then, or, if the store cannot be opened yet, with the one it has. Not CLI_OK:
// the server serves nobody any more, which is said.
int renewal_look(renewal *r, cli *c, struct web *w, gofer_client **client);

#endif
