// capability.h - what the operator may grant a handler file beyond the sandbox.
//
// Each bit weakens the sandbox in one way; GF_LUA_ALL leaves nothing of it but limits of time and
// memory.
#ifndef GOFER_LUA_CAPABILITY_H
#define GOFER_LUA_CAPABILITY_H

#include <lua.h>

// Capabilities, as bits.
enum { GF_LUA_IO = 1, GF_LUA_OS = 2, GF_LUA_REQUIRE = 4, GF_LUA_ALL = 15 };

// Add what `allow` grants to the environment at index. directory: where require looks.
void gf_lua_grant(lua_State *L, int environment, int allow, const char *directory);

#endif
