// handle.c - handles as Lua values: userdata that know whether they are still open.
//
// May touch: binding.h. A handle holds one pointer; closing empties it, and a closed one answers
// ESTATE for ever. The method tables are filled by methods.c.
#include "handle.h"

#include <stdarg.h>

// ---- Failures

void gofer_lua_check(lua_State *L, gofer_status status)
{
    if (status >= 0)
        return;
    const char *text = gofer_error_last();
    lua_pushfstring(L, "%s: %s", gofer_status_name(status),
        *text ? text : gofer_status_text(status));
    lua_error(L);
}

int gofer_lua_invalid(lua_State *L, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);     // cut at the end, if need be
    va_end(args);
    lua_pushfstring(L, "EINVAL: %s", text);
    return lua_error(L);
}

static int closed(lua_State *L, const char *what)
{
    lua_pushfstring(L, "ESTATE: %s", what);
    return lua_error(L);
}

// ---- Clients

typedef struct client_handle {
    gofer_client       *client;     // NULL: closed
    int                 owned;
    int                 held;       // so many calls are under way within it
    gofer_lua_listener *listeners;  // open ones
} client_handle;

gofer_client *gofer_lua_client(lua_State *L, int index)
{
    client_handle *handle = luaL_checkudata(L, index, GOFER_LUA_CLIENT);
    if (!handle->client)
        closed(L, "the client is closed");
    return handle->client;
}

static client_handle *push_client_handle(lua_State *L)
{
    client_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = (client_handle){ .owned = 1 };
    luaL_setmetatable(L, GOFER_LUA_CLIENT);
    return handle;
}

gofer_client **gofer_lua_client_new(lua_State *L)
{
    return &push_client_handle(L)->client;
}

void gofer_lua_push_client(lua_State *L, gofer_client *client)
{
    client_handle *handle = push_client_handle(L);
    handle->owned = 0;
    handle->client = client;
}

void gofer_lua_hold_client(lua_State *L, int index, int by)
{
    client_handle *handle = lua_touserdata(L, index);
    handle->held += by;
}

void gofer_lua_add_listener(lua_State *L, int index, gofer_lua_listener *listener)
{
    client_handle *handle = lua_touserdata(L, index);
    listener->next = handle->listeners;
    listener->place = &handle->listeners;
    if (listener->next)
        listener->next->place = &listener->next;
    handle->listeners = listener;
}

void gofer_lua_drop_listener(gofer_lua_listener *listener)
{
    gofer_events *events = listener->events;
    listener->events = NULL;
    gofer_events_close(events);
    if (!listener->place)
        return;
    *listener->place = listener->next;
    if (listener->next)
        listener->next->place = listener->place;
    listener->place = NULL;
}

int gofer_lua_client_close(lua_State *L)
{
    client_handle *handle = luaL_checkudata(L, 1, GOFER_LUA_CLIENT);
    if (handle->held)
        return closed(L, "the client is in use: it cannot be closed from within one of its calls");
    while (handle->listeners)
        gofer_lua_drop_listener(handle->listeners);
    gofer_client *client = handle->client;
    handle->client = NULL;
    if (handle->owned)
        gofer_client_close(client);
    return 0;
}

int gofer_lua_client_text(lua_State *L)
{
    client_handle *handle = luaL_checkudata(L, 1, GOFER_LUA_CLIENT);
    if (handle->client)
        lua_pushfstring(L, "gofer client (%s)", gofer_client_url(handle->client));
    else
        lua_pushliteral(L, "gofer client (closed)");
    return 1;
}

// ---- Tasks

gofer_task *gofer_lua_task(lua_State *L, int index)
{
    gofer_task **handle = luaL_checkudata(L, index, GOFER_LUA_TASK);
    if (!*handle)
        closed(L, "the task is over: use it only within its handler");
    return *handle;
}

// The user value keeps the payload once it is decoded.
void gofer_lua_push_task(lua_State *L, gofer_task *task)
{
    gofer_task **handle = lua_newuserdatauv(L, sizeof *handle, 1);
    *handle = task;
    luaL_setmetatable(L, GOFER_LUA_TASK);
}

void gofer_lua_end_task(lua_State *L, int index)
{
    gofer_task **handle = luaL_checkudata(L, index, GOFER_LUA_TASK);
    *handle = NULL;
}

int gofer_lua_task_text(lua_State *L)
{
    gofer_task **handle = luaL_checkudata(L, 1, GOFER_LUA_TASK);
    if (*handle)
        lua_pushfstring(L, "gofer task (%s %s)", gofer_task_type(*handle), gofer_task_id(*handle));
    else
        lua_pushliteral(L, "gofer task (over)");
    return 1;
}

// ---- Held memory

typedef struct held_memory {
    void  *memory;
    void (*release)(void *memory);
} held_memory;

static int hold_gc(lua_State *L)
{
    gofer_lua_let_go(L, 1);
    return 0;
}

void **gofer_lua_hold(lua_State *L, void (*release)(void *memory))
{
    held_memory *held = lua_newuserdatauv(L, sizeof *held, 0);
    *held = (held_memory){ .release = release };
    if (luaL_newmetatable(L, "gofer.hold")) {
        lua_pushcfunction(L, hold_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return &held->memory;
}

void gofer_lua_let_go(lua_State *L, int index)
{
    held_memory *held = lua_touserdata(L, index);
    void *memory = held->memory;
    held->memory = NULL;
    if (memory)
        held->release(memory);
}

void gofer_lua_release_info(void *info)
{
    gofer_info_free(info);
}

// ---- Snapshots

// The fields of inspection that are truth values; the ABI hands them out as 0 and 1.
static int is_truth(const char *field)
{
    static const char *const names[] = { "paused", "closed", "strict", "foreign",
        "cancel_requested", "encrypted_only" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(field, names[i]) == 0)
            return 1;
    return 0;
}

static void push_field(lua_State *L, const gofer_info *info, const char *field)
{
    const gofer_info *child = gofer_info_child(info, field);
    if (child) {
        gofer_lua_push_info(L, child);
        return;
    }
    size_t size;
    const void *bytes = gofer_info_bytes(info, field, &size);
    if (bytes)
        lua_pushlstring(L, bytes, size);
    else if (is_truth(field))
        lua_pushboolean(L, gofer_info_int(info, field, 0) != 0);
    else
        lua_pushinteger(L, (lua_Integer)gofer_info_int(info, field, 0));
}

void gofer_lua_push_info(lua_State *L, const gofer_info *info)
{
    luaL_checkstack(L, 6, "snapshot");
    size_t records = gofer_info_count(info), fields = gofer_info_field_count(info);
    lua_createtable(L, (int)records, (int)fields);
    for (size_t i = 0; i < records; i++) {
        gofer_lua_push_info(L, gofer_info_at(info, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    for (size_t i = 0; i < fields; i++) {
        const char *field = gofer_info_field_name(info, i);
        if (!gofer_info_has(info, field))
            continue;
        push_field(L, info, field);
        lua_setfield(L, -2, field);
    }
}
