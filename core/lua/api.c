// api.c - the table `gofer` as handler files see it: the generated module's harmless part, and what
// only makes sense in a worker: what a file declares, enqueue, and the verdicts on a task.
//
// Enqueueing goes through the generated module with the worker's client, so options and errors are
// the same inside and outside. May touch: binding.h, and of this room capability.h,
// registry.h, seal.h, state.h.
#include "api.h"

#include <string.h>

#include "binding.h"
#include "capability.h"
#include "registry.h"
#include "seal.h"
#include "state.h"

// ---- What a file declares while it is loaded

// Push the registry's table of this name, which what is declared goes to.
static void push_declared(lua_State *L, const char *table, const char *function)
{
    lua_getfield(L, LUA_REGISTRYINDEX, GF_LUA_LOADING);
    if (!lua_toboolean(L, -1))
        luaL_error(L, "gofer.%s works while the file is loaded, not within a task", function);
    lua_pop(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, table);
}

// The value on top of the stack (popped) under a key that must be new to the table below it.
static void declare(lua_State *L, const char *key, const char *what)
{
    if (lua_getfield(L, -2, key) != LUA_TNIL)
        luaL_error(L, "there is already %s for '%s'", what, key);
    lua_pop(L, 1);
    lua_setfield(L, -2, key);
}

// gofer.handle(pattern, function), gofer.handle(pattern, {retry = policy}, function)
static int handle(lua_State *L)
{
    const char *pattern = luaL_checkstring(L, 1);
    int function = lua_type(L, 2) == LUA_TTABLE ? 3 : 2;
    luaL_checktype(L, function, LUA_TFUNCTION);
    lua_settop(L, function);
    push_declared(L, GF_LUA_HANDLERS, "handle");
    lua_pushvalue(L, function);
    declare(L, pattern, "a handler");
    if (function == 2)
        return 0;
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "retry") != 0)
            return luaL_error(L, "handler of '%s': its options can have retry alone", pattern);
        if (lua_type(L, -1) != LUA_TSTRING)
            return luaL_error(L,
                "handler of '%s': retry must be a policy, such as \"fixed:30s\"; how often is "
                "the task's own to say",
                pattern);
        lua_getfield(L, LUA_REGISTRYINDEX, GF_LUA_POLICIES);
        lua_pushvalue(L, -2);
        lua_setfield(L, -2, pattern);
        lua_pop(L, 1);
    }
    return 0;
}

static int aggregate(lua_State *L)
{
    const char *pattern = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    push_declared(L, GF_LUA_AGGREGATORS, "aggregate");
    lua_pushvalue(L, 2);
    declare(L, pattern, "an aggregator");
    return 0;
}

// gofer.cron(name, spec, type, payload, options)
static int cron(lua_State *L)
{
    gofer_lua_entry entry;
    lua_settop(L, 5);
    push_declared(L, GF_LUA_ENTRIES, "cron");
    gofer_lua_read_entry_options(L, 5, &entry);
    entry.name = luaL_checkstring(L, 1);
    entry.spec = luaL_checkstring(L, 2);
    entry.type = luaL_checkstring(L, 3);
    entry.payload.data = gofer_lua_payload(L, 4, &entry.payload.size);
    gofer_lua_push_entry(L, &entry);
    lua_rawseti(L, 6, (lua_Integer)lua_rawlen(L, 6) + 1);
    return 0;
}

// ---- Enqueueing

// Call a method of the worker's client with the arguments on the stack.
static int call_client(lua_State *L, const char *method)
{
    gofer_task *task = gf_lua_state_of(L)->task;
    if (!task)
        return luaL_error(L, "gofer.%s works within a task, not while the file is loaded", method);
    gofer_lua_push_client(L, gofer_task_client(task));
    lua_insert(L, 1);
    luaL_getmetafield(L, 1, "__index");
    lua_getfield(L, -1, method);
    lua_remove(L, -2);
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int enqueue(lua_State *L)
{
    return call_client(L, "enqueue");
}

static int enqueue_many(lua_State *L)
{
    return call_client(L, "enqueue_many");
}

// ---- Verdicts: the user value is the text

static int push_verdict(lua_State *L, int text, int32_t outcome, int64_t delay_ms)
{
    gf_lua_verdict *v = lua_newuserdatauv(L, sizeof *v, 1);
    *v = (gf_lua_verdict){ .outcome = outcome, .delay_ms = delay_ms };
    luaL_setmetatable(L, GF_LUA_VERDICT);
    if (lua_isnoneornil(L, text))
        lua_pushliteral(L, "");
    else
        luaL_tolstring(L, text, NULL);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

static int skip_retry(lua_State *L)
{
    lua_settop(L, 1);
    return push_verdict(L, 1, GOFER_SKIP_RETRY, 0);
}

static int revoke(lua_State *L)
{
    lua_settop(L, 1);
    return push_verdict(L, 1, GOFER_REVOKE, 0);
}

static int retry_in(lua_State *L)
{
    lua_settop(L, 2);
    return push_verdict(L, 2, GOFER_RETRY, gofer_lua_duration_ms(L, 1, "delay"));
}

static int snooze(lua_State *L)
{
    lua_settop(L, 2);
    return push_verdict(L, 2, GOFER_SNOOZE, gofer_lua_duration_ms(L, 1, "delay"));
}

// gofer.limit_pause(key, delay, reason)
static int limit_pause(lua_State *L)
{
    lua_settop(L, 3);
    const char *key = gofer_lua_text(L, 1, "key");
    if (!key || !*key || strlen(key) >= GF_LUA_KEY_ROOM)
        return gofer_lua_invalid(L, "key must be a string of 1 to %d bytes", GF_LUA_KEY_ROOM - 1);
    push_verdict(L, 3, GOFER_SNOOZE, gofer_lua_duration_ms(L, 2, "delay"));
    gf_lua_verdict *v = lua_touserdata(L, -1);
    memcpy(v->limit_key, key, strlen(key) + 1);
    return 1;
}

static int verdict_text(lua_State *L)
{
    luaL_checkudata(L, 1, GF_LUA_VERDICT);
    lua_getiuservalue(L, 1, 1);
    return 1;
}

const gf_lua_verdict *gf_lua_verdict_at(lua_State *L, int index)
{
    const gf_lua_verdict *v = luaL_testudata(L, index, GF_LUA_VERDICT);
    if (v)
        lua_getiuservalue(L, index, 1);
    return v;
}

// ---- The table

static const char *const shared[] = { "cron_check", "null", "parse_duration", "parse_time",
    "version", NULL };

static const luaL_Reg functions[] = {
    { "handle", handle },         { "aggregate", aggregate }, { "cron", cron },
    { "enqueue", enqueue },       { "enqueue_many", enqueue_many },
    { "skip_retry", skip_retry }, { "retry_in", retry_in },   { "revoke", revoke },
    { "snooze", snooze },         { "limit_pause", limit_pause },
    { NULL, NULL },
};

void gf_lua_push_api(lua_State *L, int allow)
{
    luaL_newmetatable(L, GF_LUA_VERDICT);
    lua_pushcfunction(L, verdict_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, GF_LUA_VERDICT);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);

    luaL_requiref(L, "gofer", luaopen_gofer, 0);
    int module = lua_gettop(L);
    luaL_newlib(L, functions);
    for (size_t i = 0; shared[i]; i++) {
        lua_getfield(L, module, shared[i]);
        lua_setfield(L, -2, shared[i]);
    }
    if (allow & GF_LUA_IO) {        // opening a client opens files
        lua_getfield(L, module, "open");
        lua_setfield(L, -2, "open");
    }
    lua_getfield(L, module, "json");
    gf_lua_seal(L);
    lua_setfield(L, -2, "json");
    gf_lua_seal(L);
    lua_remove(L, module);
}
