// tables.c - table.concat, insert, move, remove, sort and unpack, with the
// meaning of the stock ones.
//
// The stock ones loop in C over as many elements as a table claims to have (`__len`, or two keys
// far apart), through metamethods that may be C functions: 2^60 steps without one instruction of
// Lua. These count their steps.
#include "tables.h"

#include <limits.h>

#include "state.h"

static int table_concat(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t between;
    const char *separator = luaL_optlstring(L, 2, "", &between);
    lua_Integer from = luaL_optinteger(L, 3, 1);
    lua_Integer to = lua_isnoneornil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (lua_Integer i = from; i <= to; i++) {
        gf_lua_tick(L, 1);
        lua_geti(L, 1, i);
        if (!lua_isstring(L, -1))
            return luaL_error(L, "invalid value (at index %I) in table for 'concat'",
                (LUAI_UACINT)i);
        luaL_addvalue(&b);
        if (i == to)        // to may be the greatest integer
            break;
        luaL_addlstring(&b, separator, between);
    }
    luaL_pushresult(&b);
    return 1;
}

static int table_insert(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer end = (lua_Integer)((lua_Unsigned)luaL_len(L, 1) + 1), at = end;
    int count = lua_gettop(L);
    if (count != 2 && count != 3)
        return luaL_error(L, "wrong number of arguments to 'insert'");
    if (count == 3) {
        at = luaL_checkinteger(L, 2);
        luaL_argcheck(L, (lua_Unsigned)at - 1 < (lua_Unsigned)end, 2, "position out of bounds");
        for (lua_Integer i = end; i > at; i--) {
            gf_lua_tick(L, 1);
            lua_geti(L, 1, i - 1);
            lua_seti(L, 1, i);
        }
    }
    lua_seti(L, 1, at);
    return 0;
}

static int table_remove(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer size = luaL_len(L, 1), at = luaL_optinteger(L, 2, size);
    if (!lua_isnone(L, 2))
        luaL_argcheck(L, at == size || (lua_Unsigned)at - 1 <= (lua_Unsigned)size, 2,
            "position out of bounds");
    lua_geti(L, 1, at);
    for (; at < size; at++) {
        gf_lua_tick(L, 1);
        lua_geti(L, 1, at + 1);
        lua_seti(L, 1, at);
    }
    lua_pushnil(L);
    lua_seti(L, 1, at);
    return 1;
}

static int table_move(lua_State *L)
{
    lua_Integer from = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3),
                to = luaL_checkinteger(L, 4);
    int target = lua_isnoneornil(L, 5) ? 1 : 5;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, target, LUA_TTABLE);
    if (last >= from) {
        luaL_argcheck(L, from > 0 || last < LUA_MAXINTEGER + from, 3, "too many elements to move");
        lua_Integer count = last - from + 1;
        luaL_argcheck(L, to <= LUA_MAXINTEGER - count + 1, 4, "destination wrap around");
        // From the front, unless that would overwrite what is still to be moved.
        bool forward = to > last || to <= from || (target != 1 && !lua_rawequal(L, 1, target));
        for (lua_Integer i = 0; i < count; i++) {
            lua_Integer step = forward ? i : count - 1 - i;
            gf_lua_tick(L, 1);
            lua_geti(L, 1, from + step);
            lua_seti(L, target, to + step);
        }
    }
    lua_pushvalue(L, target);
    return 1;
}

static int table_unpack(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer from = luaL_optinteger(L, 2, 1);
    lua_Integer to = lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3);
    if (from > to)
        return 0;
    lua_Unsigned count = (lua_Unsigned)to - (lua_Unsigned)from;     // one less than there are
    if (count >= INT_MAX || !lua_checkstack(L, (int)++count))
        return luaL_error(L, "too many results to unpack");
    for (lua_Unsigned i = 0; i < count; i++) {
        gf_lua_tick(L, 1);
        lua_geti(L, 1, from + (lua_Integer)i);
    }
    return (int)count;
}

// ---- sort: a heap, which needs no trust in the order function

// Is the value at stack index a less than the one at b?
static bool less(lua_State *L, int a, int b)
{
    a = lua_absindex(L, a);
    b = lua_absindex(L, b);
    gf_lua_tick(L, 4 + (lua_type(L, a) == LUA_TSTRING ? lua_rawlen(L, a) / 16 : 0));
    if (lua_isnil(L, 2))
        return lua_compare(L, a, b, LUA_OPLT);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, a);
    lua_pushvalue(L, b);
    lua_call(L, 2, 1);
    bool result = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return result;
}

// Sink the value on top of the stack (popped) from place i of a heap of count elements.
static void sink(lua_State *L, lua_Integer i, lua_Integer count)
{
    int value = lua_gettop(L);
    while (i <= count / 2) {
        lua_Integer child = 2 * i;
        lua_geti(L, 1, child);
        if (child < count) {
            lua_geti(L, 1, child + 1);
            if (less(L, -2, -1)) {
                child++;
                lua_replace(L, -2);
            } else {
                lua_pop(L, 1);
            }
        }
        if (!less(L, value, -1)) {
            lua_pop(L, 1);
            break;
        }
        lua_seti(L, 1, i);
        i = child;
    }
    lua_seti(L, 1, i);
}

static int table_sort(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer count = luaL_len(L, 1);
    luaL_argcheck(L, count < INT_MAX, 1, "array too big");
    if (!lua_isnoneornil(L, 2))
        luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    for (lua_Integer i = count / 2; i >= 1; i--) {
        lua_geti(L, 1, i);
        sink(L, i, count);
    }
    for (lua_Integer last = count; last > 1; last--) {
        lua_geti(L, 1, last);
        lua_geti(L, 1, 1);
        lua_seti(L, 1, last);
        sink(L, 1, last - 1);
    }
    return 0;
}

const luaL_Reg gf_lua_tables[] = {
    { "concat", table_concat }, { "insert", table_insert }, { "move", table_move },
    { "remove", table_remove }, { "sort", table_sort },     { "unpack", table_unpack },
    { NULL, NULL },
};
