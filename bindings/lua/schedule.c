// schedule.c - cron entries: tables into the arguments of gofer_client_schedule_put, and into the
// JSON of gofer_client_schedules_sync.
//
// May touch: options.h, json.h, util/base64.h, util/utf8.h.
#include <string.h>

#include "json.h"
#include "options.h"
#include "util/base64.h"
#include "util/utf8.h"

// as GOFER_MISSED_...
static const char *const missed_words[] = { "once", "skip", "all", NULL };
// as GOFER_OVERLAP_...
static const char *const overlap_words[] = { "allow", "skip", "queue", "cancel", NULL };

#define PLACE(field) offsetof(gofer_lua_entry, field)

static const gofer_lua_setting option_settings[] = {
    { "tz",         GOFER_LUA_TEXT,     PLACE(options.tz), NULL },
    { "missed",     GOFER_LUA_WORD,     PLACE(options.missed), missed_words },
    { "missed_max", GOFER_LUA_COUNT,    PLACE(options.missed_max), NULL },
    { "overlap",    GOFER_LUA_WORD,     PLACE(options.overlap), overlap_words },
    { "jitter",     GOFER_LUA_DURATION, PLACE(options.jitter_ms), NULL },
    { "paused",     GOFER_LUA_TRUTH,    PLACE(options.paused), NULL },
    { "task",       GOFER_LUA_NESTED,   PLACE(task), NULL },
    { NULL, GOFER_LUA_TEXT, 0, NULL },
};

static const gofer_lua_setting entry_settings[] = {
    { "name",    GOFER_LUA_TEXT,    PLACE(name), NULL },
    { "spec",    GOFER_LUA_TEXT,    PLACE(spec), NULL },
    { "type",    GOFER_LUA_TEXT,    PLACE(type), NULL },
    { "payload", GOFER_LUA_PAYLOAD, PLACE(payload), NULL },
    { "new",     GOFER_LUA_TRUTH,   PLACE(flags), NULL },       // GOFER_SCHEDULE_NEW is 1
    { NULL, GOFER_LUA_TEXT, 0, NULL },
};

static void start(gofer_lua_entry *entry)
{
    memset(entry, 0, sizeof *entry);
    gofer_schedule_options_init(&entry->options);
    gofer_enqueue_options_init(&entry->task);
    entry->options.task = &entry->task;
}

void gofer_lua_read_entry(lua_State *L, int index, gofer_lua_entry *entry)
{
    start(entry);
    gofer_lua_read_table(L, index, option_settings, entry_settings, entry);
}

void gofer_lua_read_entry_options(lua_State *L, int index, gofer_lua_entry *entry)
{
    start(entry);
    if (!lua_isnoneornil(L, index))
        gofer_lua_read_table(L, index, option_settings, NULL, entry);
}

// ---- As JSON: setters for the table on top of the stack

static void set_text(lua_State *L, const char *key, const char *value)
{
    if (!value)
        return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

static void set_duration(lua_State *L, const char *key, int64_t ms)
{
    if (ms == 0)
        return;
    lua_pushnumber(L, ms < 0 ? 0 : (lua_Number)ms / 1000);      // a timeout of 0 is none, there
    lua_setfield(L, -2, key);
}

static void set_count(lua_State *L, const char *key, int32_t count)
{
    if (count == 0)
        return;
    lua_pushinteger(L, count < 0 ? 0 : count);                  // GOFER_NO_RETRY
    lua_setfield(L, -2, key);
}

static void set_headers(lua_State *L, const char *const *headers)
{
    if (!headers || !*headers)
        return;
    lua_newtable(L);
    for (; *headers; headers += 2)
        set_text(L, headers[0], headers[1]);
    lua_setfield(L, -2, "headers");
}

static void set_limits(lua_State *L, const gofer_enqueue_options *t)
{
    if (t->limits && *t->limits) {
        lua_newtable(L);
        for (size_t i = 0; t->limits[i]; i++) {
            lua_pushstring(L, t->limits[i]);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        lua_setfield(L, -2, "limits");
    }
    if (t->limit_cost) {
        lua_pushinteger(L, (lua_Integer)t->limit_cost);
        lua_setfield(L, -2, "limit_cost");
    }
}

static void push_base64(lua_State *L, const void *bytes, size_t size)
{
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, GF_BASE64_ROOM(size));
    luaL_pushresultsize(&b, gf_base64_encode(bytes, size, out));
}

// Text as such, other bytes in base64.
static void set_payload(lua_State *L, const void *payload, size_t size)
{
    if (size == 0)
        return;
    if (gf_utf8_valid(payload, size) && !memchr(payload, '\0', size)) {
        lua_pushlstring(L, payload, size);
    } else {
        lua_createtable(L, 0, 1);
        push_base64(L, payload, size);
        lua_setfield(L, -2, "base64");
    }
    lua_setfield(L, -2, "payload");
}

void gofer_lua_push_entry(lua_State *L, const gofer_lua_entry *entry)
{
    const gofer_schedule_options *o = &entry->options;
    const gofer_enqueue_options *t = &entry->task;
    // What the JSON has no word for would be lost in silence.
    const char *misplaced = t->task_id                                           ? "id"
        : t->run_at_ms                                                           ? "at"
        : t->delay_ms                                                            ? "delay"
        : t->deadline_ms                                                         ? "deadline"
        : t->expires_at_ms                                                       ? "expires_at"
        : t->group                                                               ? "group"
        : t->debounce_ms || t->max_wait_ms || t->debounce_key || t->debounce_mode ? "debounce"
        : t->replace                                                             ? "replace"
        : t->unique_ms || t->unique_key || t->unique_until || t->unique_conflict ? "unique"
                                                                                 : NULL;
    if (misplaced)
        gofer_lua_invalid(L, "cron entry '%.200s': its tasks cannot have the option %s",
            entry->name ? entry->name : "", misplaced);
    luaL_checkstack(L, 6, "cron entry");
    lua_newtable(L);
    set_text(L, "name", entry->name);
    set_text(L, "spec", entry->spec);
    set_text(L, "type", entry->type);
    set_payload(L, entry->payload.data, entry->payload.size);
    set_text(L, "tz", o->tz);
    set_text(L, "missed", missed_words[o->missed]);
    set_count(L, "missed_max", o->missed_max);
    set_text(L, "overlap", overlap_words[o->overlap]);
    set_duration(L, "jitter", o->jitter_ms);
    if (o->paused) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, "paused");
    }
    set_text(L, "queue", t->queue);
    set_text(L, "retry", t->retry);
    if (t->priority) {
        lua_pushinteger(L, t->priority);
        lua_setfield(L, -2, "priority");
    }
    set_text(L, "tenant", t->tenant);
    set_limits(L, t);
    set_text(L, "ordered", t->ordered);
    set_text(L, "ordered_dead", t->ordered_dead == GOFER_ORDERED_BLOCK ? "block" : NULL);
    if (t->plain) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, "plain");
    }
    set_count(L, "max_retry", t->max_retry);
    set_duration(L, "timeout", t->timeout_ms);
    set_duration(L, "retention", t->retention_ms);
    set_duration(L, "expires", t->expires_ms);
    set_text(L, "on_dead", t->on_dead);
    set_text(L, "on_dead_queue", t->on_dead_queue);
    set_text(L, "on_done", t->on_done);
    set_text(L, "on_done_queue", t->on_done_queue);
    set_headers(L, t->headers);
}

// ---- A list

// Each of the list as gofer_lua_read_entry reads it.
const char *gofer_lua_entries(lua_State *L, int index, size_t *size)
{
    if (lua_type(L, index) == LUA_TSTRING)
        return lua_tolstring(L, index, size);
    if (lua_type(L, index) != LUA_TTABLE)
        gofer_lua_invalid(L, "entries must be JSON text or a list of tables, not a %s",
            luaL_typename(L, index));
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    luaL_checkstack(L, 10, "cron entries");
    lua_createtable(L, 0, 1);
    lua_newtable(L);
    gofer_lua_push_array_mark(L);
    lua_setmetatable(L, -2);
    int list = lua_gettop(L);
    for (lua_Integer i = 1; i <= count; i++) {
        gofer_lua_entry entry;
        lua_rawgeti(L, index, i);
        gofer_lua_read_entry(L, lua_gettop(L), &entry);
        gofer_lua_push_entry(L, &entry);
        lua_rawseti(L, list, i);
        lua_settop(L, list);
    }
    lua_setfield(L, -2, "entries");
    gofer_lua_json_encode(L, lua_gettop(L));
    return lua_tolstring(L, -1, size);
}
