// sandbox.c - builds the environment of handler files from the stock libraries, by lists of what is
// let through. See sandbox.h, and docs/lua.md for what it promises.
#include "sandbox.h"

#include <lualib.h>
#include <string.h>

#include "api.h"
#include "capability.h"
#include "chunk.h"
#include "protect.h"
#include "registry.h"
#include "seal.h"
#include "state.h"
#include "tables.h"
#include "text_library.h"

enum { CHUNK_MOST = 1 << 20 };  // bytes that `load` compiles in one go: its parser has no hook

// ---- Base functions that need a second look

static int safe_rawset(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    if (gf_lua_is_sealed(L, 1))
        return gf_lua_refuse_change(L);
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 1;
}

static int safe_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    int kind = lua_type(L, 2);
    luaL_argexpected(L, kind == LUA_TNIL || kind == LUA_TTABLE, 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    if (kind == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");     // would run at any time, hooks off
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "a metatable with __gc is not allowed here (__close is)");
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

static int safe_collectgarbage(lua_State *L)
{
    const char *what = luaL_optstring(L, 1, "collect");
    if (strcmp(what, "count") != 0)
        return luaL_error(L, "collectgarbage: only \"count\" is allowed here");
    lua_pushnumber(L, (lua_Number)gf_lua_state_of(L)->used / 1024);
    return 1;
}

static int safe_load(lua_State *L)      // text, name, mode (ignored: always text), environment
{
    size_t size;
    if (lua_type(L, 1) != LUA_TSTRING)
        return luaL_argerror(L, 1, "a string is expected here (functions are not read)");
    const char *text = lua_tolstring(L, 1, &size), *name = luaL_optstring(L, 2, "=(load)");
    if (size > CHUNK_MOST)
        return luaL_argerror(L, 1, "longer than 1 MiB");
    bool own = !lua_isnone(L, 4);
    if (gf_lua_compile(L, text, size, name, !own) != 0) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (own) {
        lua_pushvalue(L, 4);
        lua_setupvalue(L, -2, 1);
    }
    return 1;
}

static int task_print(lua_State *L)     // to the task's log; nowhere while the file is checked
{
    int count = lua_gettop(L);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(&b, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    gofer_task *task = gf_lua_state_of(L)->task;
    if (task)
        gofer_task_log(task, GOFER_LOG_INFO, lua_tostring(L, -1));
    return 0;
}

// ---- The environment

static const luaL_Reg base_guarded[] = {
    { "collectgarbage", safe_collectgarbage }, { "load", safe_load },
    { "print", task_print },                   { "rawset", safe_rawset },
    { "setmetatable", safe_setmetatable },     { NULL, NULL },
};

static const char *const base_kept[] = {
    "_VERSION", "assert", "error", "getmetatable", "ipairs", "next", "pairs", "rawequal", "rawget",
    "rawlen", "select", "tonumber", "tostring", "type", NULL,
};
static const char *const string_kept[] = {
    "byte",
    "char",
    "format",
    "len",
    "lower",
    "pack",
    "packsize",
    "reverse",
    "sub",
    "unpack",
    "upper",
    NULL,
};
static const char *const table_kept[] = { "pack", NULL };
static const char *const math_kept[] = {
    "abs",
    "acos",
    "asin",
    "atan",
    "ceil",
    "cos",
    "deg",
    "exp",
    "floor",
    "fmod",
    "huge",
    "log",
    "max",
    "maxinteger",
    "min",
    "mininteger",
    "modf",
    "pi",
    "rad",
    "random",
    "randomseed",
    "sin",
    "sqrt",
    "tan",
    "tointeger",
    "type",
    "ult",
    NULL,
};
static const char *const utf8_kept[] = {
    "char", "charpattern", "codepoint", "codes", "len", "offset", NULL,
};
static const char *const os_kept[] = { "clock", "date", "difftime", "time", NULL };

static void copy_fields(lua_State *L, int from, int to, const char *const *names)
{
    for (; *names; names++) {
        lua_getfield(L, from, *names);
        lua_setfield(L, to, *names);
    }
}

typedef struct library {
    const char        *name;
    lua_CFunction      open;
    const char *const *kept;
    const luaL_Reg    *guarded;     // NULL: none
} library;

static const library libraries[] = {
    { LUA_STRLIBNAME,  luaopen_string, string_kept, gf_lua_strings },
    { LUA_TABLIBNAME,  luaopen_table,  table_kept,  gf_lua_tables },
    { LUA_MATHLIBNAME, luaopen_math,   math_kept,   NULL },
    { LUA_UTF8LIBNAME, luaopen_utf8,   utf8_kept,   NULL },
    { LUA_OSLIBNAME,   luaopen_os,     os_kept,     NULL },
};

static void add_library(lua_State *L, int environment, const library *lib)
{
    luaL_requiref(L, lib->name, lib->open, 0);
    lua_newtable(L);
    copy_fields(L, lua_gettop(L) - 1, lua_gettop(L), lib->kept);
    if (lib->guarded)
        luaL_setfuncs(L, lib->guarded, 0);
    if (lib->open == luaopen_string) {      // methods of strings: ("x"):rep(3)
        lua_pushliteral(L, "");
        lua_getmetatable(L, -1);
        lua_pushvalue(L, -3);
        lua_setfield(L, -2, "__index");
        lua_pushliteral(L, "string");
        lua_setfield(L, -2, "__metatable");
        lua_pop(L, 2);
    }
    gf_lua_seal(L);
    lua_setfield(L, environment, lib->name);
    lua_pop(L, 1);
}

void gf_lua_open_sandbox(lua_State *L, int allow, const char *directory)
{
    luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
    lua_newtable(L);
    int environment = lua_gettop(L);
    copy_fields(L, environment - 1, environment, base_kept);
    luaL_setfuncs(L, base_guarded, 0);
    luaL_setfuncs(L, gf_lua_protect, 0);
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        add_library(L, environment, &libraries[i]);

    luaL_requiref(L, LUA_COLIBNAME, luaopen_coroutine, 0);
    gf_lua_guard_coroutine(L);
    gf_lua_seal(L);
    lua_setfield(L, environment, LUA_COLIBNAME);
    gf_lua_push_api(L, allow);
    lua_setfield(L, environment, "gofer");
    gf_lua_grant(L, environment, allow, directory);

    lua_pushvalue(L, environment);
    lua_setfield(L, environment, LUA_GNAME);
    lua_pushvalue(L, environment);
    lua_setfield(L, LUA_REGISTRYINDEX, GF_LUA_ENVIRONMENT);
    lua_settop(L, environment - 2);
}

void gf_lua_fresh_globals(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, GF_LUA_CHUNK);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, LUA_GNAME);
    if (luaL_newmetatable(L, "gofer.globals")) {
        lua_getfield(L, LUA_REGISTRYINDEX, GF_LUA_ENVIRONMENT);
        lua_setfield(L, -2, "__index");
        lua_pushliteral(L, "locked");       // or the file's own globals could be reached through it
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    lua_setupvalue(L, -2, 1);
    lua_pop(L, 1);
}
