// state.h - a Lua state that can be stopped and cannot eat the machine.
//
// Memory is bounded by the allocator, time by a count hook that asks the task whether it should
// stop. Stopping is sticky: once begun, every hook and every guarded function raises again until
// the outermost call is out, and the state is then thrown away. A state belongs to one thread at
// a time. May touch: the Lua API and gofer.h.
#ifndef GOFER_LUA_STATE_H
#define GOFER_LUA_STATE_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

typedef struct gf_lua_state {
    lua_State  *L;
    size_t      used, limit;    // bytes of Lua's memory
    size_t      churn;          // bytes asked for since the allocator last asked whether to stop
    gofer_task *task;           // NULL while the file is being checked
    int64_t     until_ns;       // with no task: when to stop, on the monotonic clock,
    const char *overdue;        //   and what is said then; static
    int64_t     hook_ns;        // when the hook last fired
    int         hook_count;     // instructions between two of its calls
    size_t      steps;          // taken by guarded C functions since they last asked
    bool        stopping;
    char        reason[256];    // why, once stopping
} gf_lua_state;

// NULL: no memory. The hook is in place before any code can run.
gf_lua_state *gf_lua_state_new(size_t limit);
void gf_lua_state_free(gf_lua_state *s);

// The state of a thread of Lua; NULL for one that is not ours (a test's plain state whose extra
// space has been cleared).
gf_lua_state *gf_lua_state_of(lua_State *L);

// Begin a run for a task, or (gf_lua_begin_other) with none for at most limit_ms.
void gf_lua_begin(gf_lua_state *s, gofer_task *task);
void gf_lua_begin_other(gf_lua_state *s, int64_t limit_ms, const char *overdue);

// Called by C functions that loop, where no hook can fire: count steps, raise if it is time to
// stop. Call it at least once in a few thousand steps of a loop.
void gf_lua_tick(lua_State *L, size_t steps);
// Raise if stopping has begun.
void gf_lua_check_stop(lua_State *L);

#endif
