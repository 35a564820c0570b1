// events.c - `for event in app:events() do`: a listener as an iterator.
//
// May touch: handle.h. A listener must be closed before its client: the client's handle has a list
// of them, and each keeps that handle alive.
#include "handle.h"

#include "options.h"

typedef struct listening {
    int64_t timeout_ms;
    int32_t sums;
} listening;

// The iterator's function: the listener is its first argument.
static int next_event(lua_State *L)
{
    gofer_lua_listener *listener = luaL_checkudata(L, 1, GOFER_LUA_EVENTS);
    if (!listener->events)
        return 0;                   // closed: the end
    lua_settop(L, 1);
    gofer_info **info = (gofer_info **)gofer_lua_hold(L, gofer_lua_release_info);
    gofer_status status = gofer_events_next(listener->events, listener->timeout_ms, info);
    if (status == GOFER_ETIMEOUT)
        return 0;
    gofer_lua_check(L, status);
    gofer_lua_push_info(L, *info);
    gofer_lua_let_go(L, 2);
    return 1;
}

static int close_events(lua_State *L)
{
    gofer_lua_drop_listener(luaL_checkudata(L, 1, GOFER_LUA_EVENTS));
    return 0;
}

static void push_metatable(lua_State *L)
{
    static const luaL_Reg meta[] = {
        { "__gc", close_events }, { "__close", close_events }, { "__call", next_event },
        { NULL, NULL },
    };
    static const luaL_Reg methods[] = { { "next", next_event }, { "close", close_events },
        { NULL, NULL } };
    if (!luaL_newmetatable(L, GOFER_LUA_EVENTS))
        return;
    luaL_setfuncs(L, meta, 0);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, GOFER_LUA_EVENTS);
    lua_setfield(L, -2, "__metatable");
}

// app:events{timeout = ..., sums = ...}: next, listener, nil, listener: the last is closed
// when the loop is left.
int gofer_lua_events(lua_State *L)
{
    static const gofer_lua_setting settings[] = {
        { "timeout", GOFER_LUA_DURATION, offsetof(listening, timeout_ms), NULL },
        { "sums", GOFER_LUA_TRUTH, offsetof(listening, sums), NULL },
        { NULL, GOFER_LUA_TEXT, 0, NULL },
    };
    listening opts = { .timeout_ms = -1 };
    gofer_client *client = gofer_lua_client(L, 1);
    lua_settop(L, 2);
    if (!lua_isnil(L, 2))
        gofer_lua_read_table(L, 2, settings, NULL, &opts);
    gofer_lua_listener *listener = lua_newuserdatauv(L, sizeof *listener, 1);
    *listener = (gofer_lua_listener){ .timeout_ms = opts.timeout_ms };
    push_metatable(L);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    gofer_lua_check(L, opts.sums ? gofer_events_open_sums(&listener->events, client)
                                 : gofer_events_open(&listener->events, client));
    gofer_lua_add_listener(L, 1, listener);

    lua_pushcfunction(L, next_event);
    lua_pushvalue(L, 3);
    lua_pushnil(L);
    lua_pushvalue(L, 3);
    return 4;
}
