// lua_host.h - Lua handlers inside the worker. Used by the gofer binary; not part of libgofer.
//
// The one header of this room for others. Everything happens on the thread that calls, before the
// worker starts; what is registered runs on the worker's threads.
#ifndef GOFER_LUA_HOST_H
#define GOFER_LUA_HOST_H

#include <stddef.h>

#include "gofer/gofer.h"

typedef struct gofer_lua_options {
    size_t      memory_limit;   // bytes per Lua state; 0: 64 MiB; at least 1 MiB
    const char *allow;          // capabilities, a comma list of "io", "os",
                                //   "require", "all"; NULL: none
    char       *error;          // NULL, or receives the reason of a failure, NUL-terminated
    size_t      error_size;
    gofer_client *client;       // the worker's, where gofer.cron keeps its entries; NULL:
                                //   a file may have none
} gofer_lua_options;

/** Load a file of handlers and aggregators, register them with a worker that has not started, and
  make its cron
 *  entries those of the source "lua:FILE" (FILE: the whole path).
 *
 *  The file is read once and run once now, to check it and to learn its patterns; each slot
 *  then runs it in a Lua state of its own when its first task comes. What belongs to the file
 *  is released with the worker. opts NULL: every default.
 *
 *  Errors, with the reason in opts->error (gofer_error_last knows nothing of Lua):
 *  GOFER_ENOTFOUND (no such file), GOFER_EDENIED (not readable), GOFER_ETOOBIG (over 16 MiB),
 *  GOFER_EINVAL ("file:line: message": it does not compile or run; no handlers in it; unknown
 *  capability), GOFER_ENOMEM, and those of gofer_worker_handle, _retry, _aggregate and
 *  gofer_client_schedules_sync. */
gofer_status gofer_lua_load(gofer_worker *worker, const char *path, const gofer_lua_options *opts);

#endif
