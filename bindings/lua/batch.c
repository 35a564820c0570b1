// batch.c - a list of tables as the arrays of gofer_client_enqueue_many, and its answer as tables.
//
// May touch: options.h.
#include <string.h>

#include "options.h"

// One task: its options, and what it is.
static const gofer_lua_setting task_settings[] = {
    { "type", GOFER_LUA_LATER, 0, NULL }, { "payload", GOFER_LUA_LATER, 0, NULL },
    { NULL, GOFER_LUA_TEXT, 0, NULL },
};

// Of a step of a flow.
static const gofer_lua_setting step_settings[] = {
    { "type", GOFER_LUA_LATER, 0, NULL }, { "payload", GOFER_LUA_LATER, 0, NULL },
    { "name", GOFER_LUA_LATER, 0, NULL }, { "after", GOFER_LUA_LATER, 0, NULL },
    { "each", GOFER_LUA_LATER, 0, NULL },
    { NULL, GOFER_LUA_TEXT, 0, NULL },
};

static int batch_gc(lua_State *L)
{
    gofer_lua_batch *batch = lua_touserdata(L, 1);
    for (size_t i = 0; i < batch->count; i++) {
        gofer_free(batch->ids[i]);
        batch->ids[i] = NULL;
    }
    return 0;
}

// One userdata holds the batch and its arrays; its user value anchors the bytes.
static gofer_lua_batch *push_batch(lua_State *L, size_t count)
{
    size_t one = sizeof(char *) + sizeof(void *) + sizeof(size_t) + sizeof(gofer_enqueue_options)
        + sizeof(void *) + sizeof(gofer_status) + sizeof(char *) + sizeof(int32_t);
    gofer_lua_batch *batch = lua_newuserdatauv(L, sizeof *batch + count * one, 1);
    memset(batch, 0, sizeof *batch + count * one);
    batch->count = count;
    // The widest alignment first; gofer_status and the effects are the narrowest and last.
    batch->options = (gofer_enqueue_options *)(batch + 1);
    batch->types = (const char **)(batch->options + count);
    batch->payloads = (const void **)(batch->types + count);
    batch->sizes = (size_t *)(batch->payloads + count);
    batch->option_of = (const gofer_enqueue_options **)(batch->sizes + count);
    batch->ids = (char **)(batch->option_of + count);
    batch->statuses = (gofer_status *)(batch->ids + count);
    batch->effects = batch->statuses + count;
    if (luaL_newmetatable(L, "gofer.batch")) {
        lua_pushcfunction(L, batch_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return batch;
}

enum { STATUS_UNSET = 1 };      // no gofer_status is positive

// One task, its table on top of the stack; anchors is where its bytes are kept.
static void read_task(lua_State *L, gofer_lua_batch *batch, size_t i, int anchors)
{
    const gofer_lua_setting *own = batch->of_steps ? step_settings : task_settings;
    int task = lua_gettop(L);
    if (lua_type(L, task) != LUA_TTABLE)
        gofer_lua_invalid(L, "a task must be a table {type=…, payload=…, …}");
    gofer_enqueue_options_init(&batch->options[i]);
    gofer_lua_read_table(L, task, gofer_lua_task_options, own, &batch->options[i]);
    batch->options[i].effect = &batch->effects[i];
    batch->option_of[i] = &batch->options[i];
    batch->statuses[i] = STATUS_UNSET;

    lua_pushliteral(L, "type");
    lua_rawget(L, task);
    batch->types[i] = gofer_lua_text(L, -1, "type");
    if (!batch->types[i])
        gofer_lua_invalid(L, "type is missing");
    lua_pushliteral(L, "payload");
    lua_rawget(L, task);
    batch->payloads[i] = gofer_lua_payload(L, lua_gettop(L), &batch->sizes[i]);
    while (lua_gettop(L) >= task)       // the table, its text, headers and payload
        lua_rawseti(L, anchors, (lua_Integer)lua_rawlen(L, anchors) + 1);
}

static int read_task_protected(lua_State *L)    // batch, i, anchors, task
{
    read_task(L, lua_touserdata(L, 1), (size_t)lua_tointeger(L, 2), 3);
    return 0;
}

static gofer_lua_batch *read_batch(lua_State *L, int index, const char *what)
{
    if (lua_type(L, index) != LUA_TTABLE)
        gofer_lua_invalid(L, "%ss must be a list of tables, not a %s", what,
            luaL_typename(L, index));
    luaL_checkstack(L, 12, "tasks");
    size_t count = lua_rawlen(L, index);
    if (count > 1000000)
        gofer_lua_invalid(L, "more than a million tasks at once: give them in parts");
    gofer_lua_batch *batch = push_batch(L, count);
    batch->of_steps = *what == 's';
    int at = lua_gettop(L);
    lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
        lua_pushcfunction(L, read_task_protected);
        lua_pushvalue(L, at);
        lua_pushinteger(L, (lua_Integer)i);
        lua_pushvalue(L, at + 1);
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        if (lua_pcall(L, 4, 0, 0) == LUA_OK)
            continue;
        const char *text = lua_tostring(L, -1);     // "EINVAL: …": say which task it was
        const char *colon = text ? strstr(text, ": ") : NULL;
        if (!colon)
            lua_error(L);
        lua_pushlstring(L, text, (size_t)(colon - text));
        lua_pushfstring(L, "%s: %s %I: %s", lua_tostring(L, -1), what, (lua_Integer)i + 1,
            colon + 2);
        lua_error(L);
    }
    lua_setiuservalue(L, at, 1);
    return batch;
}

gofer_lua_batch *gofer_lua_read_batch(lua_State *L, int index)
{
    return read_batch(L, index, "task");
}

gofer_lua_batch *gofer_lua_read_steps(lua_State *L, int index)
{
    return read_batch(L, index, "step");
}

// Of those that were more than added what was done, by index; nil if there are none.
static void push_effects(lua_State *L, const gofer_lua_batch *batch, size_t count)
{
    if (!count) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < batch->count; i++)
        if (batch->statuses[i] >= 0 && batch->effects[i] != GOFER_EFFECT_CREATED) {
            lua_pushstring(L, gofer_lua_effect_word(batch->effects[i]));
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
}

void gofer_lua_push_batch(lua_State *L, gofer_lua_batch *batch, gofer_status status)
{
    size_t refused = 0, told = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->statuses[i] == STATUS_UNSET)     // refused as a whole
            gofer_lua_check(L, status);
        refused += batch->statuses[i] < 0;
        told += batch->statuses[i] >= 0 && batch->effects[i] != GOFER_EFFECT_CREATED;
    }
    if (batch->count == 0)
        gofer_lua_check(L, status);

    luaL_checkstack(L, 5, "ids");
    lua_createtable(L, (int)batch->count, 0);
    if (refused)
        lua_createtable(L, 0, (int)refused);
    else
        lua_pushnil(L);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->statuses[i] < 0) {
            lua_pushboolean(L, 0);
            lua_pushfstring(L, "%s: %s", gofer_status_name(batch->statuses[i]),
                gofer_status_text(batch->statuses[i]));
            lua_rawseti(L, -3, (lua_Integer)i + 1);
        } else {
            lua_pushstring(L, batch->ids[i]);
        }
        lua_rawseti(L, -3, (lua_Integer)i + 1);
    }
    push_effects(L, batch, told);
}
