// options.c - Lua values into the arguments and option structs of gofer.h.
//
// A table of options is read by a table of settings: name, kind, place in the struct. A name that
// is not in it is an error, not a silence. May touch: binding.h.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "binding.h"

// ---- Single values

const char *gofer_lua_text(lua_State *L, int index, const char *what)
{
    if (lua_isnoneornil(L, index))
        return NULL;
    if (lua_type(L, index) != LUA_TSTRING)
        gofer_lua_invalid(L, "%s must be a string, not a %s", what, luaL_typename(L, index));
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    if (strlen(text) != size)
        gofer_lua_invalid(L, "%s holds a NUL byte", what);
    return text;
}

const void *gofer_lua_payload(lua_State *L, int index, size_t *size)
{
    *size = 0;
    switch (lua_type(L, index)) {
    case LUA_TNONE:
    case LUA_TNIL:
        return NULL;
    case LUA_TTABLE:
        luaL_checkstack(L, 2, "payload");
        gofer_lua_json_encode(L, index);    // stays on the stack, which anchors it
        return lua_tolstring(L, -1, size);
    case LUA_TSTRING:
        return lua_tolstring(L, index, size);
    default:
        gofer_lua_invalid(L, "a payload or result must be a string, a table or nil, not a %s",
            luaL_typename(L, index));
        return NULL;
    }
}

static int64_t milliseconds(lua_State *L, int index, const char *what)
{
    double seconds = lua_tonumber(L, index);
    if (!isfinite(seconds) || fabs(seconds) > 9e14)
        gofer_lua_invalid(L, "%s is out of range", what);
    return (int64_t)llround(seconds * 1000);
}

int64_t gofer_lua_duration_ms(lua_State *L, int index, const char *what)
{
    int64_t ms = 0;
    if (lua_type(L, index) == LUA_TNUMBER) {
        ms = milliseconds(L, index, what);
        if (ms < 0 || ms > GOFER_MAX_DURATION_MS)
            gofer_lua_invalid(L, "%s must be from 0 to 100 years, in seconds", what);
        return ms;
    }
    const char *text = gofer_lua_text(L, index, what);
    if (!text)
        gofer_lua_invalid(L, "%s is missing: give seconds, or text such as \"5m\"", what);
    gofer_lua_check(L, gofer_parse_duration(text, &ms));
    return ms;
}

int64_t gofer_lua_time_ms(lua_State *L, int index, const char *what)
{
    int64_t ms = 0;
    if (lua_type(L, index) == LUA_TNUMBER)
        return milliseconds(L, index, what);
    const char *text = gofer_lua_text(L, index, what);
    if (!text)
        gofer_lua_invalid(L, "%s is missing: give Unix seconds, or RFC 3339 text", what);
    gofer_lua_check(L, gofer_parse_time(text, &ms));
    return ms;
}

int64_t gofer_lua_int64(lua_State *L, int index, const char *what)
{
    int whole = 0;
    lua_Integer value = lua_isnoneornil(L, index) ? (whole = 1, 0) : lua_tointegerx(L, index, &whole);
    if (!whole || lua_type(L, index) == LUA_TSTRING)
        gofer_lua_invalid(L, "%s must be a whole number", what);
    return value;
}

int32_t gofer_lua_int32(lua_State *L, int index, const char *what)
{
    int64_t value = gofer_lua_int64(L, index, what);
    if (value < INT32_MIN || value > INT32_MAX)
        gofer_lua_invalid(L, "%s is out of range", what);
    return (int32_t)value;
}

// ---- Tables of settings

typedef enum kind { TEXT, DURATION, LIMIT, TIME, RETRY, BYTES, COUNT, HEADERS, LATER } kind;

typedef struct setting {
    const char *name;
    kind        kind;
    size_t      offset;
} setting;

static const setting enqueue_settings[] = {
    { "queue",     TEXT,     offsetof(gofer_enqueue_options, queue) },
    { "id",        TEXT,     offsetof(gofer_enqueue_options, task_id) },
    { "at",        TIME,     offsetof(gofer_enqueue_options, run_at_ms) },
    { "delay",     DURATION, offsetof(gofer_enqueue_options, delay_ms) },
    { "timeout",   LIMIT,    offsetof(gofer_enqueue_options, timeout_ms) },
    { "deadline",  TIME,     offsetof(gofer_enqueue_options, deadline_ms) },
    { "retention", DURATION, offsetof(gofer_enqueue_options, retention_ms) },
    { "retry",     RETRY,    offsetof(gofer_enqueue_options, max_retry) },
    { "headers",   HEADERS,  offsetof(gofer_enqueue_options, headers) },
    { NULL, TEXT, 0 },
};

// One task of enqueue_many: the same, and what it is.
static const setting task_settings[] = {
    { "type", LATER, 0 }, { "payload", LATER, 0 }, { NULL, TEXT, 0 },
};

static const setting client_settings[] = {
    { "timeout",     DURATION, offsetof(gofer_client_options, timeout_ms) },
    { "max_payload", BYTES,    offsetof(gofer_client_options, max_payload) },
    { NULL, TEXT, 0 },
};

typedef struct page {
    const char *cursor;
    int32_t     limit;
} page;

static const setting page_settings[] = {
    { "cursor", TEXT,  offsetof(page, cursor) },
    { "limit",  COUNT, offsetof(page, limit) },
    { NULL, TEXT, 0 },
};

// The table at index as key, value, key, value, NULL. The array stays on the stack; the strings are
// anchored by the table.
static const char *const *read_headers(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE)
        gofer_lua_invalid(L, "headers must be a table of strings");
    size_t count = 0, filled = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            gofer_lua_invalid(L, "headers must be a table of strings");
        count++;
    }
    const char **pairs = lua_newuserdatauv(L, (2 * count + 1) * sizeof *pairs, 0);
    lua_pushnil(L);
    while (filled < 2 * count && lua_next(L, index)) {
        pairs[filled++] = gofer_lua_text(L, -2, "a header's name");
        pairs[filled++] = gofer_lua_text(L, -1, "a header's value");
        lua_pop(L, 1);
    }
    pairs[filled] = NULL;
    lua_settop(L, index + 1);
    return pairs;
}

// The value on top of the stack into its place. Only headers leave something on the stack.
static void store(lua_State *L, const setting *s, void *into)
{
    void *place = (char *)into + s->offset;
    int value = lua_gettop(L), absent = lua_isboolean(L, value) && !lua_toboolean(L, value);
    switch (s->kind) {
    case TEXT:     *(const char **)place = gofer_lua_text(L, value, s->name); break;
    case DURATION: *(int64_t *)place = gofer_lua_duration_ms(L, value, s->name); break;
    case TIME:     *(int64_t *)place = gofer_lua_time_ms(L, value, s->name); break;
    case BYTES:    *(int64_t *)place = gofer_lua_int64(L, value, s->name); break;
    case COUNT:    *(int32_t *)place = gofer_lua_int32(L, value, s->name); break;
    case HEADERS:  *(const char *const **)place = read_headers(L, value); break;
    case LATER:    break;
    case LIMIT: {
        int64_t ms = absent ? GOFER_NO_TIMEOUT : gofer_lua_duration_ms(L, value, s->name);
        if (ms == 0)
            gofer_lua_invalid(L, "%s is 0: use false for none", s->name);
        *(int64_t *)place = ms;
        break;
    }
    case RETRY: {
        int32_t count = absent ? 0 : gofer_lua_int32(L, value, s->name);
        if (count < 0)
            gofer_lua_invalid(L, "%s must be 0 or more", s->name);
        *(int32_t *)place = count == 0 ? GOFER_NO_RETRY : count;
        break;
    }
    }
}

static const setting *find(const setting *settings, const char *name)
{
    for (; settings && settings->name; settings++)
        if (strcmp(settings->name, name) == 0)
            return settings;
    return NULL;
}

static int unknown(lua_State *L, const char *name, const setting *settings, const setting *more)
{
    char known[256] = "";
    for (size_t i = 0; i < 2; i++)
        for (const setting *s = i ? settings : more; s && s->name; s++) {
            size_t used = strlen(known);
            snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", s->name);
        }
    return gofer_lua_invalid(L, "unknown option '%.60s' (known: %s)", name, known);
}

// The strings read stay anchored by the table itself, which the caller holds.
static void read_table(lua_State *L, int index, const setting *settings, const setting *more, void *into)
{
    if (lua_type(L, index) != LUA_TTABLE)
        gofer_lua_invalid(L, "options must be a table, not a %s", luaL_typename(L, index));
    luaL_checkstack(L, 12, "options");
    for (lua_pushnil(L); lua_next(L, index);) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        if (!name)
            gofer_lua_invalid(L, "options are named, and one has a %s for its name", luaL_typename(L, -2));
        const setting *s = find(settings, name);
        if (!s)
            s = find(more, name);
        if (!s)
            unknown(L, name, settings, more);
        int before = lua_gettop(L);
        store(L, s, into);
        if (lua_gettop(L) > before)     // keep what was left below the key
            lua_insert(L, before - 1);
        lua_pop(L, 1);
    }
}

void gofer_lua_client_options(lua_State *L, int index, gofer_client_options *opts)
{
    gofer_client_options_init(opts);
    if (!lua_isnoneornil(L, index))
        read_table(L, index, client_settings, NULL, opts);
}

void gofer_lua_enqueue_options(lua_State *L, int index, gofer_enqueue_options *opts)
{
    gofer_enqueue_options_init(opts);
    if (!lua_isnoneornil(L, index))
        read_table(L, index, enqueue_settings, NULL, opts);
}

void gofer_lua_page_options(lua_State *L, int index, const char **cursor, int32_t *limit)
{
    page p = { NULL, 0 };
    if (!lua_isnoneornil(L, index))
        read_table(L, index, page_settings, NULL, &p);
    *cursor = p.cursor;
    *limit = p.limit;
}

// ---- A list of tasks

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
        + sizeof(void *) + sizeof(gofer_status) + sizeof(char *);
    gofer_lua_batch *batch = lua_newuserdatauv(L, sizeof *batch + count * one, 1);
    memset(batch, 0, sizeof *batch + count * one);
    batch->count = count;
    // The widest alignment first; gofer_status is the narrowest and last.
    batch->options = (gofer_enqueue_options *)(batch + 1);
    batch->types = (const char **)(batch->options + count);
    batch->payloads = (const void **)(batch->types + count);
    batch->sizes = (size_t *)(batch->payloads + count);
    batch->option_of = (const gofer_enqueue_options **)(batch->sizes + count);
    batch->ids = (char **)(batch->option_of + count);
    batch->statuses = (gofer_status *)(batch->ids + count);
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
    int task = lua_gettop(L);
    if (lua_type(L, task) != LUA_TTABLE)
        gofer_lua_invalid(L, "a task must be a table {type=…, payload=…, …}");
    gofer_enqueue_options_init(&batch->options[i]);
    read_table(L, task, enqueue_settings, task_settings, &batch->options[i]);
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

gofer_lua_batch *gofer_lua_read_batch(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE)
        gofer_lua_invalid(L, "tasks must be a list of tables, not a %s", luaL_typename(L, index));
    luaL_checkstack(L, 12, "tasks");
    size_t count = lua_rawlen(L, index);
    if (count > 1000000)
        gofer_lua_invalid(L, "more than a million tasks at once: give them in parts");
    gofer_lua_batch *batch = push_batch(L, count);
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
        lua_pushfstring(L, "%s: task %I: %s", lua_tostring(L, -1), (lua_Integer)i + 1, colon + 2);
        lua_error(L);
    }
    lua_setiuservalue(L, at, 1);
    return batch;
}

void gofer_lua_push_batch(lua_State *L, gofer_lua_batch *batch, gofer_status status)
{
    size_t refused = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->statuses[i] == STATUS_UNSET)     // refused as a whole
            gofer_lua_check(L, status);
        refused += batch->statuses[i] < 0;
    }
    if (batch->count == 0)
        gofer_lua_check(L, status);

    luaL_checkstack(L, 4, "ids");
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
}
