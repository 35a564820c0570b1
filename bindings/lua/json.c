// json.c - gofer.null, the mark of arrays, and what a string may hold: what encoder and decoder share.
//
// The codec is written for Lua rather than put on cJSON, for what that cannot give: integers of
// 64 bits stay exact, strings may hold NUL, text is read straight into tables (so the memory
// limit of a worker's Lua state bounds it), errors name their place. No user code runs in it:
// tables are read raw. Temporaries are userdata on the stack. See json_encode.c, json_decode.c, and json_table.c for the
// functions that Lua sees.
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

// Length of the UTF-8 sequence at p, 0 if malformed (overlong, surrogate, beyond U+10FFFF).
size_t gofer_lua_utf8_length(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t length = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F)
        || (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return length;
}
