// protect.c - pcall, xpcall and the coroutine functions, which hand a stop on.
//
// Raised from the hook, an error would otherwise run an xpcall's handler with hooks switched off,
// and a dead coroutine's __close methods too: both could loop for ever. So once stopping has begun
// neither is run. A verdict that was raised (gofer.snooze and its like) is no error either: it ends
// the handler, so it is raised again wherever it was caught.
#include "protect.h"

#include "api.h"
#include "state.h"

// ---- pcall, xpcall

static bool is_verdict(lua_State *L, int index)
{
    return luaL_testudata(L, index, GF_LUA_VERDICT) != NULL;
}

// Results of the call are above `base`; the first place is kept for the status.
static int finish(lua_State *L, int status, lua_KContext base)
{
    gf_lua_check_stop(L);
    if (status != LUA_OK && status != LUA_YIELD) {
        if (is_verdict(L, -1))
            return lua_error(L);
        lua_pushboolean(L, 0);
        lua_pushvalue(L, -2);       // the error
        return 2;
    }
    return lua_gettop(L) - (int)base;
}

static int safe_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish);
    return finish(L, status, 0);
}

static int call_handler(lua_State *L)       // upvalue: the handler of an xpcall
{
    gf_lua_state *s = gf_lua_state_of(L);
    if ((s && s->stopping) || is_verdict(L, 1))
        return 1;
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int safe_xpcall(lua_State *L)        // function, handler, arguments
{
    luaL_checktype(L, 2, LUA_TFUNCTION);
    int count = lua_gettop(L);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, call_handler, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2);                    // function, handler, true, function, arguments
    int status = lua_pcallk(L, count - 2, LUA_MULTRET, 2, 2, finish);
    return finish(L, status, 2);
}

const luaL_Reg gf_lua_protect[] = {
    { "pcall", safe_pcall }, { "xpcall", safe_xpcall }, { NULL, NULL },
};

// ---- Coroutines

// Upvalue: the stock function, resume or close.
static int call_stock(lua_State *L)
{
    gf_lua_check_stop(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    gf_lua_check_stop(L);
    if (lua_gettop(L) == 2 && !lua_toboolean(L, 1) && is_verdict(L, 2))
        return lua_error(L);
    return lua_gettop(L);
}

// Upvalues: the coroutine, stock resume, stock close.
static int call_wrapped(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 2);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    gf_lua_check_stop(L);
    if (lua_toboolean(L, 1))
        return lua_gettop(L) - 1;

    lua_settop(L, 2);                       // false, the error
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    if (lua_status(co) != LUA_OK && lua_status(co) != LUA_YIELD) {
        lua_pushvalue(L, lua_upvalueindex(3));
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_call(L, 1, 2);                  // closes what the body left open; may have
                                            //   another error
        if (!lua_toboolean(L, -2))
            lua_replace(L, 2);
        lua_settop(L, 2);
    }
    if (lua_type(L, 2) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, 2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int safe_wrap(lua_State *L)          // upvalues: stock create, resume, close
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_pushcclosure(L, call_wrapped, 3);
    return 1;
}

void gf_lua_guard_coroutine(lua_State *L)
{
    static const char *const kept[] = { "create", "status", "yield", "running", "isyieldable" };
    static const char *const guarded[] = { "resume", "close" };
    int stock = lua_gettop(L);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        lua_getfield(L, stock, kept[i]);
        lua_setfield(L, -2, kept[i]);
    }
    for (size_t i = 0; i < sizeof guarded / sizeof *guarded; i++) {
        lua_getfield(L, stock, guarded[i]);
        lua_pushcclosure(L, call_stock, 1);
        lua_setfield(L, -2, guarded[i]);
    }
    lua_getfield(L, stock, "create");
    lua_getfield(L, stock, "resume");
    lua_getfield(L, stock, "close");
    lua_pushcclosure(L, safe_wrap, 3);
    lua_setfield(L, -2, "wrap");
    lua_remove(L, stock);
}
