// run.h - a file made a Lua state, and a task or a group run in one.
//
// Whoever has the state runs it: one thread at a time. None of these lets a Lua error out.
#ifndef GOFER_LUA_RUN_H
#define GOFER_LUA_RUN_H

#include <stdbool.h>

#include "file.h"
#include "state.h"

// Make a state and run the file in it; NULL, with the reason in error. task: NULL when checking.
// *lacks: it is the worker that had no memory for one.
gf_lua_state *gf_lua_file_state(gf_lua_file *file, gofer_task *task, bool *lacks, char *error,
    size_t error_size);
// Run one task; *reusable false: throw the state away.
int32_t gf_lua_run(gf_lua_state *s, const char *pattern, gofer_task *task, bool *reusable);
// Aggregate one group; gives what the aggregator is to return. The state is used up.
int32_t gf_lua_aggregate(gf_lua_state *s, const char *pattern, gofer_group *group);

#endif
