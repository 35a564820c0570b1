// sandbox.h - what a handler file sees: its globals, and nothing that reaches out of its state.
//
// Works by lists of what is let through, so that a newer Lua brings nothing in by itself.
#ifndef GOFER_LUA_SANDBOX_H
#define GOFER_LUA_SANDBOX_H

#include <lua.h>

// Make the environment and put it into the registry. directory: where require looks. May raise.
void gf_lua_open_sandbox(lua_State *L, int allow, const char *directory);

// Give the code of this state fresh globals for one task: what it sets is gone with the task.
void gf_lua_fresh_globals(lua_State *L);

#endif
