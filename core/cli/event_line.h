// event_line.h - one event as a line: for reading, or JSON.
//
// Shared by `events` and `watch`.
#ifndef CLI_EVENT_LINE_H
#define CLI_EVENT_LINE_H

#include "cli.h"

// with_task: also which task it is about. Returns an exit code.
int event_line_put(const cli *c, const gofer_info *event, int with_task);

#endif
