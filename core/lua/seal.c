// seal.c - library tables that a handler file can read and cannot change,
// whatever it calls on them.
//
// Uses the Lua API alone. The table behind is an upvalue or a metatable's field: it
// is never handed out.
#include "seal.h"

#include <string.h>

static const char sealed[] = "sealed";

int gf_lua_refuse_change(lua_State *L)
{
    return luaL_error(L, "this library table is read only");
}

static int sealed_next(lua_State *L)    // upvalue: the table behind
{
    lua_settop(L, 2);
    return lua_next(L, lua_upvalueindex(1)) ? 2 : 0;
}

static int sealed_pairs(lua_State *L)   // the table itself is never handed out
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, sealed_next, 1);
    return 1;
}

void gf_lua_seal(lua_State *L)
{
    int table = lua_gettop(L);
    lua_newtable(L);
    lua_createtable(L, 0, 4);
    lua_pushvalue(L, table);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, gf_lua_refuse_change);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, table);
    lua_pushcclosure(L, sealed_pairs, 1);
    lua_setfield(L, -2, "__pairs");
    lua_pushstring(L, sealed);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_replace(L, table);
}

bool gf_lua_is_sealed(lua_State *L, int index)
{
    if (luaL_getmetafield(L, index, "__metatable") == LUA_TNIL)
        return false;
    const char *mark = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    bool is = strcmp(mark, sealed) == 0;
    lua_pop(L, 1);
    return is;
}
