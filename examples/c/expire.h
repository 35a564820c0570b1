/* expire.h - a maintenance task, handled in C: removes files that nobody needs any more. worker.c
 * runs it in a worker of its own, plugin.c inside `gofer worker`; both are the same handler. */
#ifndef EXPIRE_H
#define EXPIRE_H

#include "gofer/gofer.h"

/* Type "maintenance:files". The payload is the path of a directory; the header "older-than" is
 * the age from which a file in it has expired, e.g. "30d" (default: 7d). The result is a line of
 * text.
 * Only regular files right in the directory are removed: no links, no subdirectories. */
int32_t expire_files(gofer_task *task, void *user);

#endif
