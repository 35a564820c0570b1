// json.h - what the files of the JSON codec share.
#ifndef GOFER_LUA_JSON_H
#define GOFER_LUA_JSON_H

#include <stdbool.h>

#include "binding.h"

enum { DEPTH_MAX = 64 };    // of arrays and objects within each other

// The metatable that says "encode me as an array even when empty".
void gofer_lua_push_array_mark(lua_State *L);
bool gofer_lua_marked_array(lua_State *L, int index);
bool gofer_lua_is_null(lua_State *L, int index);

#endif
