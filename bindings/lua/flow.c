// flow.c - flows: a plan as a table in, acts, and what steps have left.
//
// A plan is {steps = {{name = …, type = …, payload = …, after = …, each = …, options …}, …},
// id = …, …}, as the JSON of docs/flows.md. May touch: options.h, handle.h.
#include <stdbool.h>
#include <string.h>

#include "handle.h"
#include "options.h"

static const char *const on_dead_words[] = { "stop", "cancel", "continue", NULL };
static const char *const rule_words[] = { "success", "failure", "always" };

static const gofer_lua_setting plan_settings[] = {
    { "id",        GOFER_LUA_TEXT,     offsetof(gofer_flow_options, flow_id), NULL },
    { "deadline",  GOFER_LUA_TIME,     offsetof(gofer_flow_options, deadline_ms), NULL },
    { "retention", GOFER_LUA_DURATION, offsetof(gofer_flow_options, retention_ms), NULL },
    { "on_dead",   GOFER_LUA_WORD,     offsetof(gofer_flow_options, on_dead), on_dead_words },
    { "steps",     GOFER_LUA_LATER,    0, NULL },
    { NULL, GOFER_LUA_TEXT, 0, NULL },
};

// ---- What a step comes after

typedef struct links {
    const char **names;                // room for GOFER_FLOW_AFTER_MAX, and a NULL
    int32_t     *rules;
    size_t       count;
} links;

static int32_t rule_of(lua_State *L, int index)
{
    const char *word = gofer_lua_text(L, index, "a rule");
    for (int32_t i = 0; word && i < 3; i++)
        if (strcmp(word, rule_words[i]) == 0)
            return i;
    return gofer_lua_invalid(L, "a rule must be \"success\", \"failure\" or \"always\"");
}

static void add_link(lua_State *L, links *to, int name, int32_t rule)
{
    if (to->count == GOFER_FLOW_AFTER_MAX)
        gofer_lua_invalid(L, "after has more than %d names; \"part-*\" is one",
            GOFER_FLOW_AFTER_MAX);
    to->names[to->count] = gofer_lua_text(L, name, "a name in after");
    to->rules[to->count++] = rule;
}

// "a", {"a", "b"} or {a = "success", b = "always"}, on top of the stack. The strings are anchored
// by the step's table.
static void read_after(lua_State *L, links *to)
{
    int after = lua_gettop(L);
    if (lua_isnil(L, after))
        return;
    if (lua_type(L, after) == LUA_TSTRING) {
        add_link(L, to, after, GOFER_AFTER_SUCCESS);
        return;
    }
    if (lua_type(L, after) != LUA_TTABLE)
        gofer_lua_invalid(L,
            "after must be a name, a list of names, or a table of names and rules");
    for (lua_pushnil(L); lua_next(L, after); lua_pop(L, 1)) {
        bool listed = lua_type(L, -2) == LUA_TNUMBER;
        int value = lua_gettop(L);
        add_link(L, to, listed ? value : value - 1,
            listed ? GOFER_AFTER_SUCCESS : rule_of(L, value));
    }
}

// ---- The plan

// The step's own members; its task is the i-th of the batch.
static void read_step(lua_State *L, gofer_flow_step *step, const gofer_lua_batch *batch, size_t i)
{
    int table = lua_gettop(L);
    const char **names = lua_newuserdatauv(L, (GOFER_FLOW_AFTER_MAX + 1) * sizeof *names, 0);
    int32_t *rules = lua_newuserdatauv(L, GOFER_FLOW_AFTER_MAX * sizeof *rules, 0);
    links to = { names, rules, 0 };
    gofer_flow_step_init(step);
    lua_getfield(L, table, "name");
    step->name = gofer_lua_text(L, -1, "name");
    lua_getfield(L, table, "after");
    read_after(L, &to);
    lua_getfield(L, table, "each");
    step->each = lua_isnil(L, -1) ? NULL : gofer_lua_text(L, -1, "each");
    names[to.count] = NULL;
    step->after = to.count ? names : NULL;
    step->rules = rules;
    step->type = batch->types[i];
    step->payload = batch->payloads[i];
    step->payload_size = batch->sizes[i];
    step->opts = batch->option_of[i];
    lua_settop(L, table + 2);          // the arrays stay until the call is over
}

// app:flow_start(plan)
int gofer_lua_flow_start(lua_State *L)
{
    gofer_flow_options options;
    gofer_client *client = gofer_lua_client(L, 1);
    lua_settop(L, 2);
    gofer_flow_options_init(&options);
    gofer_lua_read_table(L, 2, plan_settings, NULL, &options);
    lua_getfield(L, 2, "steps");
    gofer_lua_batch *batch = gofer_lua_read_steps(L, lua_gettop(L));
    lua_insert(L, 4);                  // client, plan, steps, batch
    lua_settop(L, 4);
    gofer_flow_step *steps = lua_newuserdatauv(L, (batch->count + 1) * sizeof *steps, 0);
    const gofer_flow_step **list = lua_newuserdatauv(L, (batch->count + 1) * sizeof *list, 0);
    lua_newtable(L);                   // 7: what the steps point to
    for (size_t i = 0; i < batch->count; i++) {
        lua_rawgeti(L, 3, (lua_Integer)i + 1);
        read_step(L, &steps[i], batch, i);
        list[i] = &steps[i];
        while (lua_gettop(L) > 7)
            lua_rawseti(L, 7, (lua_Integer)lua_rawlen(L, 7) + 1);
    }
    char **id = (char **)gofer_lua_hold(L, gofer_free);
    gofer_lua_check(L, gofer_client_flow_start(client, batch->count, list, &options, id));
    lua_pushstring(L, *id);
    gofer_lua_let_go(L, 8);
    return 1;
}

// ---- Acts, waits, results

// app:flow_pause(id), …, app:flow_retry(id, step); upvalue: the act
int gofer_lua_flow_act(lua_State *L)
{
    lua_settop(L, 3);
    gofer_client *client = gofer_lua_client(L, 1);
    gofer_lua_check(L, gofer_client_flow_act(client, gofer_lua_text(L, 2, "id"),
        gofer_lua_text(L, 3, "step"), (int32_t)lua_tointeger(L, lua_upvalueindex(1))));
    return 0;
}

// app:flow_wait(id, timeout)
int gofer_lua_flow_wait(lua_State *L)
{
    lua_settop(L, 3);
    gofer_client *client = gofer_lua_client(L, 1);
    const char *id = gofer_lua_text(L, 2, "id");
    int64_t ms = lua_isnil(L, 3) ? -1 : gofer_lua_duration_ms(L, 3, "timeout");
    gofer_info **info = (gofer_info **)gofer_lua_hold(L, gofer_lua_release_info);
    gofer_lua_check(L, gofer_client_flow_wait(client, id, ms, info));
    gofer_lua_push_info(L, *info);
    gofer_lua_let_go(L, 4);
    return 1;
}

// A table as a table, else the bytes; and the bytes. *held is at the index `held`.
static int push_result(lua_State *L, const void *bytes, size_t size, int held)
{
    if (!bytes) {
        lua_pushnil(L);
        return 1;
    }
    const char *text = bytes;
    bool json = size && (*text == '{' || *text == '[');
    lua_pushlstring(L, text, size);
    gofer_lua_let_go(L, held);
    size_t length;
    text = lua_tolstring(L, held + 1, &length);
    if (!json || !gofer_lua_json_decode(L, text, length)) {
        lua_settop(L, held + 1);
        lua_pushvalue(L, held + 1);
    }
    lua_insert(L, held + 1);
    lua_settop(L, held + 2);
    return 2;
}

// app:flow_result(id, step)
int gofer_lua_flow_result(lua_State *L)
{
    size_t size = 0;
    lua_settop(L, 3);
    gofer_client *client = gofer_lua_client(L, 1);
    const char *id = gofer_lua_text(L, 2, "id"), *step = gofer_lua_text(L, 3, "step");
    void **bytes = gofer_lua_hold(L, gofer_free);
    gofer_lua_check(L, gofer_client_flow_result(client, id, step, bytes, &size));
    return push_result(L, *bytes, size, 4);
}

// task:parent(step)
int gofer_lua_task_parent(lua_State *L)
{
    size_t size = 0;
    lua_settop(L, 2);
    gofer_task *task = gofer_lua_task(L, 1);
    const char *step = gofer_lua_text(L, 2, "step");
    void **bytes = gofer_lua_hold(L, gofer_free);
    gofer_lua_check(L, gofer_task_parent(task, step, bytes, &size));
    return push_result(L, *bytes, size, 3);
}
