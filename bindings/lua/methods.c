// methods.c - registers the functions SWIG generated: which are methods, which are fields of a
// task, and what Lua adds in manner (fields, closing, text).
//
// SWIG has filled a table with client_…, task_… and plain functions. The first become methods of
// the two handles, the rest stay. May touch: handle.h.
#include "handle.h"

static const char decoded_key;      // in the registry: what the payload of a task is cached by

// ---- Arguments in another order: app:task(id, queue), where C has the queue first

static int swap_and_call(lua_State *L)      // upvalues: the function, how many arguments it has
{
    lua_settop(L, (int)lua_tointeger(L, lua_upvalueindex(2)));
    lua_insert(L, 2);
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static const struct { const char *name; int count; } swapped[] = {
    { "task", 3 }, { "run", 3 }, { "archive", 3 }, { "delete", 3 }, { "cancel", 3 }, { "edit", 4 },
    { "reschedule", 4 },
    { "delay", 4 },
};

// app:wait(id, options); upvalue: the function of (app, queue, id, milliseconds)
static int wait_and_call(lua_State *L)
{
    const char *queue;
    int64_t timeout_ms;
    lua_settop(L, 3);
    gofer_lua_wait_options(L, 3, &queue, &timeout_ms);
    lua_pushstring(L, queue);               // nil for NULL
    lua_replace(L, 3);
    lua_insert(L, 2);                       // app, queue, id
    lua_pushinteger(L, (lua_Integer)timeout_ms);
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

// app:schedule(name) looks, app:schedule{...} puts; upvalues: both
static int schedule(lua_State *L)
{
    return lua_tocfunction(L, lua_upvalueindex(lua_type(L, 2) == LUA_TTABLE ? 2 : 1))(L);
}

// ---- Tasks: methods, and fields that are computed when read

static int task_log(lua_State *L)   // (level, text) or (text)
{
    static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
    gofer_task *task = gofer_lua_task(L, 1);
    int alone = lua_isnoneornil(L, 3), level = GOFER_LOG_INFO;
    if (!alone)
        level = luaL_checkoption(L, 2, NULL, levels);
    gofer_task_log(task, level, luaL_tolstring(L, alone ? 2 : 3, NULL));    // ends at a NUL
    return 0;
}

static int task_payload(lua_State *L)
{
    gofer_task *task = gofer_lua_task(L, 1);
    if (lua_getiuservalue(L, 1, 1) == LUA_TTABLE) {
        lua_rawgetp(L, -1, &decoded_key);
        return 1;
    }
    size_t size;
    const char *bytes = gofer_task_payload(task, &size);
    if (!gofer_lua_json_decode(L, bytes, size))
        return gofer_lua_invalid(L,
            "the payload of task %s is not JSON (%s); task.raw has its bytes", gofer_task_id(task),
            lua_tostring(L, -1));
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, &decoded_key);
    lua_setiuservalue(L, 1, 1);
    return 1;
}

static int task_headers(lua_State *L)
{
    gofer_task *task = gofer_lua_task(L, 1);
    size_t count = gofer_task_header_count(task);
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        const char *key, *value;
        gofer_lua_check(L, gofer_task_header_at(task, i, &key, &value));
        lua_pushstring(L, value);
        lua_setfield(L, -2, key);
    }
    return 1;
}

// What was given to task:checkpoint: a table as a table; and its bytes.
static int task_resume(lua_State *L)
{
    const void *bytes;
    size_t size;
    gofer_lua_check(L, gofer_task_resume(gofer_lua_task(L, 1), &bytes, &size));
    if (!bytes) {
        lua_pushnil(L);
        return 1;
    }
    const char *text = bytes;
    lua_settop(L, 1);
    if (!(size && (*text == '{' || *text == '[') && gofer_lua_json_decode(L, text, size))) {
        lua_settop(L, 1);
        lua_pushlstring(L, text, size);
    }
    lua_pushlstring(L, text, size);
    return 2;
}

static int task_deadline(lua_State *L)
{
    int64_t ms = gofer_task_deadline_ms(gofer_lua_task(L, 1));
    if (ms == 0)
        return 0;
    lua_pushnumber(L, (lua_Number)ms / 1000);
    return 1;
}

static int task_remaining(lua_State *L)
{
    int64_t ms = gofer_task_remaining_ms(gofer_lua_task(L, 1));
    if (ms == GOFER_MAX_DURATION_MS)
        lua_pushnumber(L, (lua_Number)1 / 0.0);
    else
        lua_pushnumber(L, (lua_Number)ms / 1000);
    return 1;
}

static int task_enqueued_at(lua_State *L)
{
    int64_t ms = gofer_task_enqueued_at_ms(gofer_lua_task(L, 1));
    if (ms == 0)
        return 0;
    lua_pushnumber(L, (lua_Number)ms / 1000);
    return 1;
}

static const char *const generated_fields[] = {
    "id", "type", "queue", "raw", "attempt", "max_retry", "last_error", "slot",
    "traceparent", "tracestate", NULL,
};

static const luaL_Reg computed_fields[] = {
    { "payload", task_payload },     { "headers", task_headers },
    { "deadline", task_deadline },   { "enqueued_at", task_enqueued_at },
    { NULL, NULL },
};

static const luaL_Reg task_methods[] = {
    { "log", task_log }, { "remaining", task_remaining }, { "resume", task_resume },
    { "parent", gofer_lua_task_parent }, { NULL, NULL },
};

static int task_index(lua_State *L)     // upvalues: fields, methods
{
    gofer_lua_task(L, 1);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TFUNCTION) {
        lua_CFunction field = lua_tocfunction(L, -1);
        lua_settop(L, 1);
        return field(L);
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(2));
    return 1;
}

static int task_newindex(lua_State *L)
{
    return gofer_lua_invalid(L, "a task's fields are read only");
}

// ---- Building

// Move the functions whose name begins with prefix from the module to the table on top.
static void move_functions(lua_State *L, int module, const char *prefix)
{
    int to = lua_gettop(L);
    size_t length = strlen(prefix);
    for (lua_pushnil(L); lua_next(L, module); lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        if (strncmp(name, prefix, length) != 0)
            continue;
        lua_pushvalue(L, -1);
        lua_setfield(L, to, name + length);
        lua_pushnil(L);             // clearing a field during the walk is allowed
        lua_setfield(L, module, name);
    }
}

static void lock(lua_State *L, const char *name)
{
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
}

// Those of flows, into the table on top.
static void add_flow_methods(lua_State *L)
{
    static const luaL_Reg methods[] = {
        { "flow_start", gofer_lua_flow_start },
        { "flow_wait", gofer_lua_flow_wait },
        { "flow_result", gofer_lua_flow_result },
        { NULL, NULL },
    };
    static const struct { const char *name; int32_t act; } acts[] = {
        { "flow_pause", GOFER_FLOW_PAUSE }, { "flow_resume", GOFER_FLOW_RESUME },
        { "flow_cancel", GOFER_FLOW_ABORT }, { "flow_retry", GOFER_FLOW_RETRY },
    };
    luaL_setfuncs(L, methods, 0);
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        lua_pushinteger(L, acts[i].act);
        lua_pushcclosure(L, gofer_lua_flow_act, 1);
        lua_setfield(L, -2, acts[i].name);
    }
}

static void register_client(lua_State *L, int module)
{
    luaL_newmetatable(L, GOFER_LUA_CLIENT);
    lock(L, GOFER_LUA_CLIENT);
    static const luaL_Reg meta[] = {
        { "__gc", gofer_lua_client_close },
        { "__close", gofer_lua_client_close },
        { "__tostring", gofer_lua_client_text },
        { NULL, NULL },
    };
    luaL_setfuncs(L, meta, 0);

    lua_newtable(L);
    move_functions(L, module, "client_");
    lua_pushcfunction(L, gofer_lua_client_close);
    lua_setfield(L, -2, "close");
    lua_pushcfunction(L, gofer_lua_events);
    lua_setfield(L, -2, "events");
    add_flow_methods(L);
    for (size_t i = 0; i < sizeof swapped / sizeof *swapped; i++) {
        lua_getfield(L, -1, swapped[i].name);
        lua_pushinteger(L, swapped[i].count);
        lua_pushcclosure(L, swap_and_call, 2);
        lua_setfield(L, -2, swapped[i].name);
    }
    lua_getfield(L, -1, "wait");
    lua_pushcclosure(L, wait_and_call, 1);
    lua_setfield(L, -2, "wait");
    lua_getfield(L, -1, "schedule");
    lua_getfield(L, -2, "schedule_put");
    lua_pushcclosure(L, schedule, 2);
    lua_setfield(L, -2, "schedule");
    lua_pushnil(L);
    lua_setfield(L, -2, "schedule_put");
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

static void register_task(lua_State *L, int module)
{
    luaL_newmetatable(L, GOFER_LUA_TASK);
    lock(L, GOFER_LUA_TASK);
    lua_pushcfunction(L, gofer_lua_task_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, task_newindex);
    lua_setfield(L, -2, "__newindex");

    luaL_newlib(L, computed_fields);
    luaL_newlib(L, task_methods);
    move_functions(L, module, "task_");
    for (size_t i = 0; generated_fields[i]; i++) {
        lua_getfield(L, -1, generated_fields[i]);
        lua_setfield(L, -3, generated_fields[i]);
        lua_pushnil(L);
        lua_setfield(L, -2, generated_fields[i]);
    }
    lua_pushcclosure(L, task_index, 2);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void gofer_lua_register(lua_State *L)
{
    luaL_checkstack(L, 12, "gofer");
    int module = lua_gettop(L);
    register_client(L, module);
    register_task(L, module);
    lua_pushstring(L, gofer_version_text());
    lua_setfield(L, module, "version");
    gofer_lua_push_null(L);
    lua_setfield(L, module, "null");
    gofer_lua_json_open(L);
    lua_setfield(L, module, "json");
}
