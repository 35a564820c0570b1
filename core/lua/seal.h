// seal.h - library tables that a handler file cannot change.
//
// A sealed table reads as before, by index and by pairs; rawset sees that it is one.
#ifndef GOFER_LUA_SEAL_H
#define GOFER_LUA_SEAL_H

#include <lauxlib.h>
#include <stdbool.h>

// Replace the table on top by a view of it that cannot be changed.
void gf_lua_seal(lua_State *L);
bool gf_lua_is_sealed(lua_State *L, int index);
// Raises the error of an attempt to change one.
int gf_lua_refuse_change(lua_State *L);

#endif
