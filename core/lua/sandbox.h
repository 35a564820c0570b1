// sandbox.h - what a handler file sees: its globals, and nothing that reaches out of its state.
#ifndef GOFER_LUA_SANDBOX_H
#define GOFER_LUA_SANDBOX_H

#include "state.h"

// Capabilities, as bits.
enum { GF_LUA_IO = 1, GF_LUA_OS = 2, GF_LUA_REQUIRE = 4, GF_LUA_ALL = 15 };

// Fields of the registry, which no sandboxed code can reach.
#define GF_LUA_ENVIRONMENT "gofer.environment"  // the file's own globals
#define GF_LUA_CHUNK "gofer.chunk"              // the file as a function; all code shares its _ENV
#define GF_LUA_HANDLERS "gofer.handlers"        // pattern to function
#define GF_LUA_POLICIES "gofer.policies"        // pattern to retry policy
#define GF_LUA_AGGREGATORS "gofer.aggregators"  // pattern of groups to function
#define GF_LUA_ENTRIES "gofer.entries"          // list of cron entries, as gofer_client_schedules_sync reads them
#define GF_LUA_LOADING "gofer.loading"          // true while all these may be added to

// Make the environment and put it into the registry. directory: where require looks. May raise.
void gf_lua_open_sandbox(lua_State *L, int allow, const char *directory);

// Replace the table on top by a view of it that cannot be changed.
void gf_lua_seal(lua_State *L);

// What a file of Lua may begin with and is not Lua: a byte order mark, a first line that begins with '#'. Lines keep
// their numbers.
void gf_lua_blank_first_line(char *text, size_t size);

// Compile text (never bytecode) into a function on top. share: its globals are the file's, whichever
// those are at the time. Returns 0, or pushes a message.
int gf_lua_compile(lua_State *L, const char *text, size_t size, const char *name, bool share);

// Give the code of this state fresh globals for one task: what it sets is gone with the task.
void gf_lua_fresh_globals(lua_State *L);

// api.c: push the table `gofer`.
void gf_lua_push_api(lua_State *L, int allow);

// What gofer.skip_retry and its like give back, for a handler to return or raise; and its metatable's name.
#define GF_LUA_VERDICT "gofer.verdict"
typedef struct gf_lua_verdict {
    int32_t outcome;        // GOFER_RETRY and GOFER_SNOOZE (with a delay), GOFER_SKIP_RETRY, GOFER_REVOKE
    int64_t delay_ms;
} gf_lua_verdict;

// The verdict at index, and its text, which is pushed; NULL (nothing pushed) for any other value.
const gf_lua_verdict *gf_lua_verdict_at(lua_State *L, int index);

// capability.c: add what `allow` grants to the environment at index.
void gf_lua_grant(lua_State *L, int environment, int allow, const char *directory);

#endif
