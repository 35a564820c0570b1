// chunk.h - Lua text made a function.
//
// Both raise no Lua error but for want of memory.
#ifndef GOFER_LUA_CHUNK_H
#define GOFER_LUA_CHUNK_H

#include <lauxlib.h>
#include <stdbool.h>
#include <stddef.h>

// What a file of Lua may begin with and is not Lua: a byte order mark, a first line that begins
// with '#'. Lines keep their numbers.
void gf_lua_blank_first_line(char *text, size_t size);

// Compile text (never bytecode) into a function on top. share: its globals are the file's,
// whichever those are at the time. Returns 0, or pushes a message.
int gf_lua_compile(lua_State *L, const char *text, size_t size, const char *name, bool share);

#endif
