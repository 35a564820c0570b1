// worker_sources.h - `gofer worker --reload`: sees that sources have changed, and has the worker
// reload its children.
#ifndef CLI_WORKER_SOURCES_H
#define CLI_WORKER_SOURCES_H

#include "cli.h"

typedef struct sources sources;

// Watch these files, and *.py in and below these folders (none: the current one); from a thread of
// its own, until sources_leave, which takes NULL too. NULL: it cannot, and errno says why.
sources *sources_watch(const cli_list *paths, gofer_worker *worker);
void     sources_leave(sources *s);

#endif
