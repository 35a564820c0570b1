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

// Length of the UTF-8 sequence at p, 0 if malformed (overlong, surrogate, beyond U+10FFFF).
size_t gofer_lua_utf8_length(const unsigned char *p, size_t left);

#endif
