// json.c - gofer.null and the mark of arrays: what encoder and decoder share.
//
// Text is read by util/json.h straight into tables, so the memory limit of a worker's Lua state
// bounds it; integers of 64 bits stay exact, strings may hold NUL, errors name their place. No user
// code runs in it: tables are read raw. Temporaries are userdata on the stack. See json_encode.c,
// json_decode.c, and json_table.c for the functions that Lua sees.
#include "json.h"

static const char null_key, array_key;      // addresses of registry entries

static int null_text(lua_State *L)
{
    lua_pushliteral(L, "null");
    return 1;
}

void gofer_lua_push_null(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &null_key) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    lua_newuserdatauv(L, 1, 0);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, null_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "null");
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &null_key);
}

void gofer_lua_push_array_mark(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "array");
    lua_setfield(L, -2, "__metatable");     // shared by all arrays: nobody may change it
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
}

bool gofer_lua_marked_array(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

bool gofer_lua_is_null(lua_State *L, int index)
{
    gofer_lua_push_null(L);
    bool same = lua_rawequal(L, -1, index < 0 ? index - 1 : index);
    lua_pop(L, 1);
    return same;
}
