// api.h - the table `gofer` of handler files, and the verdicts that its functions make.
//
// Made once for each Lua state, sealed: a handler file cannot change it.
#ifndef GOFER_LUA_API_H
#define GOFER_LUA_API_H

#include <lauxlib.h>
#include <stdint.h>

// Push the table. allow: capabilities, as bits.
void gf_lua_push_api(lua_State *L, int allow);

// What gofer.skip_retry and its like give back, for a handler to return or raise; and
// its metatable's name.
#define GF_LUA_VERDICT "gofer.verdict"
enum { GF_LUA_KEY_ROOM = 256 };
typedef struct gf_lua_verdict {
    int32_t outcome;        // GOFER_RETRY and GOFER_SNOOZE (with a delay),
                            //   GOFER_SKIP_RETRY, GOFER_REVOKE
    int64_t delay_ms;
    char    limit_key[GF_LUA_KEY_ROOM];     // that is paused as long; "": none
} gf_lua_verdict;

// The verdict at index, and its text, which is pushed; NULL (nothing pushed) for any other value.
const gf_lua_verdict *gf_lua_verdict_at(lua_State *L, int index);

#endif
