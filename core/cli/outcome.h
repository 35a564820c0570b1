// outcome.h - the end of a task as a command prints it, and the exit code that means.
//
// Shared by `wait` and `watch`.
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include "cli.h"

// end: what gofer_client_wait gave. Prints the result (or with --json the record), says on standard
// error what else there is to say, and returns the exit code: CLI_OK for "done", CLI_FAILED for
// "archived", CLI_CONFLICT for the others.
int outcome_print(const cli *c, const char *id, const gofer_info *end);

#endif
