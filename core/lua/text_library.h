// text_library.h - the functions of `string` that could run for ever, made stoppable.
//
// The matcher is pattern.c's; what is not here is stock.
#ifndef GOFER_LUA_TEXT_LIBRARY_H
#define GOFER_LUA_TEXT_LIBRARY_H

#include <lauxlib.h>

// find, match, gmatch, gsub, rep; ends with an empty entry.
extern const luaL_Reg gf_lua_strings[];

#endif
