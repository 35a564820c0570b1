// progress.c - a Lua function as gofer_client_act's progress function.
//
// May touch: handle.h. The function is called in the middle of a C function of the library, which
// no Lua error may leave: it is kept on the stack and raised when that has returned.
#include "handle.h"

#include "options.h"

void gofer_lua_read_progress(lua_State *L, int index, gofer_lua_progress *progress)
{
    static const gofer_lua_setting settings[] = {
        { "progress", GOFER_LUA_LATER, 0, NULL }, { NULL, GOFER_LUA_TEXT, 0, NULL },
    };
    *progress = (gofer_lua_progress){ .L = L, .client = 1 };
    if (lua_isnoneornil(L, index))
        return;
    gofer_lua_read_table(L, index, settings, NULL, NULL);
    lua_pushliteral(L, "progress");
    if (lua_rawget(L, index) == LUA_TNIL)
        return;
    if (!lua_isfunction(L, -1))
        gofer_lua_invalid(L, "progress must be a function, not a %s", luaL_typename(L, -1));
    progress->function = lua_gettop(L);
}

int32_t gofer_lua_call_progress(void *user, int64_t looked, int64_t done)
{
    gofer_lua_progress *p = user;
    lua_State *L = p->L;
    if (!lua_checkstack(L, 4))      // unlike luaL_checkstack it raises nothing
        return 0;
    lua_pushvalue(L, p->function);
    lua_pushinteger(L, (lua_Integer)looked);
    lua_pushinteger(L, (lua_Integer)done);
    gofer_lua_hold_client(L, p->client, 1);
    p->failed = lua_pcall(L, 2, 1, 0) != LUA_OK;
    gofer_lua_hold_client(L, p->client, -1);
    if (p->failed)
        return 1;                   // the error stays on top
    p->stopped = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
    lua_pop(L, 1);
    return p->stopped;
}

void gofer_lua_check_progress(lua_State *L, const gofer_lua_progress *progress, gofer_status status)
{
    if (progress->failed)
        lua_error(L);
    if (!progress->stopped || status != GOFER_EHANDLER)
        gofer_lua_check(L, status);
}
