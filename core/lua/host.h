// host.h - one file of handlers and the Lua states it runs in. Shared by host.c and run.c.
#ifndef GOFER_LUA_HOST_INTERNAL_H
#define GOFER_LUA_HOST_INTERNAL_H

#include <pthread.h>

#include "lua_host.h"
#include "sandbox.h"

typedef struct slot {
    gf_lua_state *state;        // NULL: none yet, or thrown away
    bool          busy;
} slot;

typedef struct gf_lua_file {
    char  *name;                // "@path": how Lua names it in messages
    char  *directory;
    char  *source;              // read once: every state runs the same text
    size_t source_size;
    size_t memory_limit;
    int    allow;

    pthread_mutex_t lock;       // of what follows
    slot  *slots;
    size_t slot_count;
    size_t references;          // routes that point here, and the loader
    size_t aggregating;         // groups that are being aggregated
} gf_lua_file;

// run.c: make a state and run the file in it; NULL, with the reason in error. task: NULL when checking.
// *lacks: it is the worker that had no memory for one.
gf_lua_state *gf_lua_file_state(gf_lua_file *file, gofer_task *task, bool *lacks, char *error,
    size_t error_size);
// run.c: run one task; *reusable false: throw the state away.
int32_t gf_lua_run(gf_lua_state *s, const char *pattern, gofer_task *task, bool *reusable);

// run.c: aggregate one group; gives what the aggregator is to return. The state is used up.
int32_t gf_lua_aggregate(gf_lua_state *s, const char *pattern, gofer_group *group);

// declare.c: tell the worker what the file declares, as the state that has just run it knows; opts: the loader's.
gofer_status gf_lua_declare(gofer_worker *worker, gf_lua_file *file, gf_lua_state *s, const gofer_lua_options *opts);

// host.c: what a worker knows a handler or an aggregator by.
typedef struct gf_lua_route {
    gf_lua_file *file;          // holds one of its references
    char         pattern[];
} gf_lua_route;

gf_lua_route *gf_lua_route_new(gf_lua_file *file, const char *pattern);     // NULL: no memory
void          gf_lua_route_drop(void *route);
int32_t       gf_lua_handle(gofer_task *task, void *route);                 // a gofer_handler
int32_t       gf_lua_aggregate_group(gofer_group *group, void *route);      // a gofer_aggregator
gofer_status  gf_lua_refuse(const gofer_lua_options *opts, gofer_status status, const char *what, const char *why);

#endif
