// run.c - runs the file in a fresh state, and one task or one group in a ready one.
//
// Whatever calls Lua does so inside one protected call, because nearly every function of the Lua
// API may raise (memory, at least). A state is used by one thread at a time.
#include "run.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "binding.h"
#include "chunk.h"
#include "registry.h"
#include "sandbox.h"

enum {
    LOAD_LIMIT_MS = 10000,
    AGGREGATE_LIMIT_MS = 30000,
    GARBAGE_KEPT = 3,           // a third of the limit
    STACK_LEAST = 768 << 10     // bytes; the deepest nesting of C calls was seen to take less
};

// ---- A fresh state

static int refuse_handler(lua_State *L, const gf_lua_file *file)
{
    return luaL_error(L, "%s: returns a table that is not {[\"type\"] = function, ...}",
        file->name + 1);
}

// The table that the file returned, if any, is on top.
static void take_returned(lua_State *L, const gf_lua_file *file)
{
    if (lua_type(L, -1) != LUA_TTABLE)
        return;
    lua_getfield(L, LUA_REGISTRYINDEX, GF_LUA_HANDLERS);
    for (lua_pushnil(L); lua_next(L, -3); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TFUNCTION)
            refuse_handler(L, file);
        if (lua_getfield(L, -3, lua_tostring(L, -2)) != LUA_TNIL)
            luaL_error(L, "%s: two handlers for '%s'", file->name + 1, lua_tostring(L, -3));
        lua_pop(L, 1);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    lua_pop(L, 1);
}

static void new_declarations(lua_State *L)
{
    static const char *const names[] = { GF_LUA_HANDLERS, GF_LUA_POLICIES, GF_LUA_AGGREGATORS,
        GF_LUA_ENTRIES };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lua_newtable(L);
        lua_setfield(L, LUA_REGISTRYINDEX, names[i]);
    }
}

static bool declares(lua_State *L, const char *table)
{
    lua_getfield(L, LUA_REGISTRYINDEX, table);
    lua_pushnil(L);
    bool some = lua_next(L, -2);
    lua_pop(L, some ? 3 : 1);
    return some;
}

static int run_file(lua_State *L)       // the file, as a light userdata
{
    const gf_lua_file *file = lua_touserdata(L, 1);
    gf_lua_open_sandbox(L, file->allow, file->directory);
    new_declarations(L);

    if (gf_lua_compile(L, file->source, file->source_size, file->name, false) != 0)
        return lua_error(L);
    lua_getfield(L, LUA_REGISTRYINDEX, GF_LUA_ENVIRONMENT);
    lua_setupvalue(L, -2, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, GF_LUA_CHUNK);

    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, GF_LUA_LOADING);
    lua_call(L, 0, 1);
    lua_pushboolean(L, 0);
    lua_setfield(L, LUA_REGISTRYINDEX, GF_LUA_LOADING);
    take_returned(L, file);

    if (!declares(L, GF_LUA_HANDLERS) && !declares(L, GF_LUA_AGGREGATORS) &&
        !declares(L, GF_LUA_ENTRIES))
        return luaL_error(L,
            "%s: no handlers in it: call gofer.handle(\"type\", function), or return a table",
            file->name + 1);
    return 0;
}

// The error on top as text that needs no memory of Lua's.
static const char *error_text(lua_State *L)
{
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    return text ? text : "an error that is not text";
}

// Bytes of stack below this frame, as far as the system says.
static size_t stack_left(void)
{
    char here;
    size_t left = SIZE_MAX;
#ifdef __linux__
    pthread_attr_t attributes;
    void *lowest;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return left;
    if (pthread_attr_getstack(&attributes, &lowest, &size) == 0)
        left = (size_t)(&here - (char *)lowest);
    pthread_attr_destroy(&attributes);
#elif defined(__APPLE__)
    pthread_t self = pthread_self();
    left =
        pthread_get_stacksize_np(self) - (size_t)((char *)pthread_get_stackaddr_np(self) - &here);
#endif
    return left;
}

gf_lua_state *gf_lua_file_state(gf_lua_file *file, gofer_task *task, bool *lacks, char *error,
    size_t error_size)
{
    *lacks = false;
    if (stack_left() < STACK_LEAST) {
        snprintf(error, error_size,
            "a Lua handler needs a thread with 768 KiB of stack at least: set "
            "\"stack\" to 2097152");
        return NULL;
    }
    gf_lua_state *s = gf_lua_state_new(file->memory_limit);
    if (!s) {
        snprintf(error, error_size, "no memory for a Lua state");
        *lacks = true;
        return NULL;
    }
    if (task)
        gf_lua_begin(s, task);
    else
        gf_lua_begin_other(s, LOAD_LIMIT_MS, "loading took too long");
    lua_pushcfunction(s->L, run_file);
    lua_pushlightuserdata(s->L, file);
    int status = lua_pcall(s->L, 1, 0, 0);
    if (status == LUA_OK) {
        s->task = NULL;
        return s;
    }
    if (s->stopping)
        snprintf(error, error_size, "%s: %s", file->name + 1, s->reason);
    else if (status == LUA_ERRMEM)
        snprintf(error, error_size, "%s: not enough memory (a Lua state has %zu KiB)",
            file->name + 1, file->memory_limit / 1024);
    else
        snprintf(error, error_size, "%s", error_text(s->L));
    gf_lua_state_free(s);
    return NULL;
}

// ---- One task

typedef struct call {
    const char *pattern;
    gofer_task *task;
    int32_t     outcome;
} call;

// In place of the error: the error, with the traceback in the log. Runs where it was raised.
static int log_traceback(lua_State *L)
{
    const gf_lua_state *s = gf_lua_state_of(L);
    if (s->stopping || luaL_testudata(L, 1, GF_LUA_VERDICT))
        return 1;
    const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : NULL;
    luaL_traceback(L, L, text, 1);
    gofer_task_log(s->task, GOFER_LOG_DEBUG, lua_tostring(L, -1));
    lua_settop(L, 1);
    return 1;
}

static int32_t follow(gofer_task *task, const gf_lua_verdict *v, const char *text)
{
    switch (v->outcome) {
    case GOFER_SKIP_RETRY: return gofer_task_skip_retry(task, *text ? text : "not to be retried");
    case GOFER_REVOKE:     return gofer_task_revoke(task, *text ? text : "revoked");
    case GOFER_SNOOZE:
        if (*v->limit_key)
            return gofer_task_limit_pause(task, v->limit_key, v->delay_ms, *text ? text : NULL);
        return gofer_task_snooze(task, v->delay_ms, *text ? text : NULL);
    default: return gofer_task_retry_in(task, v->delay_ms, *text ? text : "to be retried");
    }
}

// The handler raised what is on top.
static int32_t failed(lua_State *L, gofer_task *task)
{
    const gf_lua_verdict *v = gf_lua_verdict_at(L, -1);
    if (v)
        return follow(task, v, lua_tostring(L, -1));
    if (lua_isnil(L, -1))
        return gofer_task_fail(task, "error(nil): an error without a text");
    return gofer_task_fail(task, luaL_tolstring(L, -1, NULL));      // may call a __tostring
}

// The handler returned two values, on top.
static int32_t returned(lua_State *L, gofer_task *task)
{
    const gf_lua_verdict *v = gf_lua_verdict_at(L, -2);
    if (v)
        return follow(task, v, lua_tostring(L, -1));
    switch (lua_type(L, -2)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
        if (lua_toboolean(L, -2) || (lua_isnil(L, -2) && lua_isnil(L, -1)))
            return GOFER_DONE;
        // nil or false and a reason: how Lua functions say that they failed
        return gofer_task_fail(task,
            lua_isnil(L, -1) ? "the handler returned false" : luaL_tolstring(L, -1, NULL));
    case LUA_TSTRING:
    case LUA_TTABLE: {
        size_t size;
        const void *bytes = gofer_lua_payload(L, lua_absindex(L, -2), &size);
        gofer_lua_check(L, gofer_task_result(task, bytes, size));
        return GOFER_DONE;
    }
    default:
        lua_pushfstring(L, "the handler returned a %s: return nothing, a string or a table",
            luaL_typename(L, -2));
        return gofer_task_fail(task, lua_tostring(L, -1));
    }
}

static int run_task(lua_State *L)       // the call, as a light userdata
{
    call *c = lua_touserdata(L, 1);
    gf_lua_fresh_globals(L);
    gofer_lua_push_task(L, c->task);
    int task = lua_gettop(L);
    lua_pushcfunction(L, log_traceback);
    lua_getfield(L, LUA_REGISTRYINDEX, GF_LUA_HANDLERS);
    lua_getfield(L, -1, c->pattern);
    lua_remove(L, -2);
    lua_pushvalue(L, task);
    int status = lua_pcall(L, 1, 2, task + 1);
    if (status == LUA_OK)
        c->outcome = returned(L, c->task);
    else if (status == LUA_ERRMEM || gf_lua_state_of(L)->stopping)
        return lua_error(L);            // gf_lua_run knows what to say
    else
        c->outcome = failed(L, c->task);
    gofer_lua_end_task(L, task);
    return 0;
}

int32_t gf_lua_run(gf_lua_state *s, const char *pattern, gofer_task *task, bool *reusable)
{
    call c = { pattern, task, GOFER_RETRY };
    gf_lua_begin(s, task);
    lua_settop(s->L, 0);
    lua_pushcfunction(s->L, run_task);
    lua_pushlightuserdata(s->L, &c);
    int status = lua_pcall(s->L, 1, 0, 0);
    s->task = NULL;
    *reusable = status == LUA_OK && !s->stopping;
    if (s->stopping)
        return gofer_task_fail(task, s->reason);
    if (status == LUA_ERRMEM) {
        char text[96];
        snprintf(text, sizeof text, "not enough memory (a Lua state has %zu KiB)", s->limit / 1024);
        return gofer_task_fail(task, text);
    }
    if (status != LUA_OK)
        return gofer_task_fail(task, error_text(s->L));
    // A burst of garbage is given back, so that idle slots stay small.
    if (s->used > s->limit / GARBAGE_KEPT)
        lua_gc(s->L, LUA_GCCOLLECT);
    return c.outcome;
}

// ---- One group

typedef struct grouping {
    const char  *pattern;
    gofer_group *group;
} grouping;

static void push_headers(lua_State *L, const gofer_task *task)
{
    size_t count = gofer_task_header_count(task);
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        const char *key, *value;
        gofer_lua_check(L, gofer_task_header_at(task, i, &key, &value));
        lua_pushstring(L, value);
        lua_setfield(L, -2, key);
    }
}

// A task of a group is a plain table: it does not run. payload is missing if
// the bytes are not JSON.
static void push_member(lua_State *L, const gofer_task *task)
{
    size_t size;
    const char *bytes = gofer_task_payload(task, &size);
    lua_createtable(L, 0, 5);
    lua_pushstring(L, gofer_task_id(task));
    lua_setfield(L, -2, "id");
    lua_pushstring(L, gofer_task_type(task));
    lua_setfield(L, -2, "type");
    lua_pushlstring(L, bytes, size);
    lua_setfield(L, -2, "raw");
    if (gofer_lua_json_decode(L, bytes, size))
        lua_setfield(L, -2, "payload");
    else
        lua_pop(L, 1);
    push_headers(L, task);
    lua_setfield(L, -2, "headers");
}

static void push_group(lua_State *L, const gofer_group *group)
{
    lua_createtable(L, 0, 2);
    lua_pushstring(L, gofer_group_name(group));
    lua_setfield(L, -2, "name");
    lua_pushstring(L, gofer_group_queue(group));
    lua_setfield(L, -2, "queue");
}

static int run_aggregator(lua_State *L)     // the grouping, as a light userdata
{
    grouping *g = lua_touserdata(L, 1);
    gf_lua_fresh_globals(L);
    lua_settop(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, GF_LUA_AGGREGATORS);
    lua_getfield(L, -1, g->pattern);
    lua_replace(L, 1);
    lua_settop(L, 1);
    push_group(L, g->group);
    size_t count = gofer_group_count(g->group);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        push_member(L, gofer_group_at(g->group, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_call(L, 2, 3);                      // type, payload, options

    if (lua_isnil(L, 1) && lua_isstring(L, 2))      // nil and a reason
        return luaL_error(L, "%s", lua_tostring(L, 2));
    if (lua_type(L, 1) != LUA_TSTRING)
        return luaL_error(L,
            "the aggregator of '%s' returned a %s: return the type, the payload and the options of "
            "the "
            "task that the group becomes",
            g->pattern, luaL_typename(L, 1));
    gofer_enqueue_options opts;
    size_t size;
    gofer_lua_enqueue_options(L, 3, &opts);
    const void *payload = gofer_lua_payload(L, 2, &size);
    gofer_lua_check(L,
        gofer_group_combine(g->group, gofer_lua_text(L, 1, "type"), payload, size, &opts));
    return 0;
}

int32_t gf_lua_aggregate(gf_lua_state *s, const char *pattern, gofer_group *group)
{
    grouping g = { pattern, group };
    gf_lua_begin_other(s, AGGREGATE_LIMIT_MS, "aggregating took too long");
    lua_settop(s->L, 0);
    lua_pushcfunction(s->L, run_aggregator);
    lua_pushlightuserdata(s->L, &g);
    int status = lua_pcall(s->L, 1, 0, 0);
    if (s->stopping)
        return gofer_group_fail(group, s->reason);
    if (status == LUA_ERRMEM)
        return gofer_group_fail(group, "not enough memory for the aggregator");
    return status == LUA_OK ? 0 : gofer_group_fail(group, error_text(s->L));
}
