// protect.h - what catches errors, made unable to catch a stop.
//
// A stop comes as a Lua error: pcall, xpcall and coroutines hand it on instead of catching it.
#ifndef GOFER_LUA_PROTECT_H
#define GOFER_LUA_PROTECT_H

#include <lauxlib.h>

// pcall, xpcall; ends with an empty entry.
extern const luaL_Reg gf_lua_protect[];

// Push the table `coroutine`, made from the stock one on top of the stack (popped).
void gf_lua_guard_coroutine(lua_State *L);

#endif
