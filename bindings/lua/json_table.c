// json_table.c - the table gofer.json: encode, decode and array, as Lua calls them.
//
// Raises what is wrong as a Lua error. Runs on the thread of its Lua state.
#include "json.h"

static int encode(lua_State *L)
{
    luaL_checkany(L, 1);
    gofer_lua_json_encode(L, 1);
    return 1;
}

static int decode(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    if (!gofer_lua_json_decode(L, text, size))
        return gofer_lua_invalid(L, "not JSON: %s", lua_tostring(L, -1));
    return 1;
}

static int mark_array(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL && !gofer_lua_marked_array(L, 1))
        return gofer_lua_invalid(L, "this table's metatable is locked");
    lua_settop(L, 1);
    gofer_lua_push_array_mark(L);
    lua_setmetatable(L, 1);
    return 1;
}

void gofer_lua_json_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "encode", encode }, { "decode", decode }, { "array", mark_array }, { NULL, NULL },
    };
    luaL_newlib(L, functions);
}
