// json_encode.c - Lua values to JSON text.
//
// Keys are sorted, floats are the shortest text that reads back the same. May touch: json.h,
// util/json.h, util/utf8.h.
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "util/json.h"
#include "util/utf8.h"

typedef struct writer {
    lua_State *L;
    int        slot;            // stack index of the userdata that is the buffer
    char      *data;
    size_t     size, capacity;
} writer;

static void put(writer *w, const char *bytes, size_t size)
{
    if (size > w->capacity - w->size) {
        size_t want = w->capacity * 2 > w->size + size ? w->capacity * 2 : w->size + size;
        char *bigger = lua_newuserdatauv(w->L, want, 0);
        memcpy(bigger, w->data, w->size);
        lua_replace(w->L, w->slot);
        w->data = bigger;
        w->capacity = want;
    }
    memcpy(w->data + w->size, bytes, size);
    w->size += size;
}

static void put_text(writer *w, const char *text)
{
    put(w, text, strlen(text));
}

static void put_string(writer *w, const char *text, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t plain = 0, i = 0;    // [plain, i) waits to be copied as it is

    put(w, "\"", 1);
    while (i < size) {
        uint32_t code;
        size_t length = gf_utf8_read(p + i, size - i, &code);
        if (length == 0)
            gofer_lua_invalid(w->L,
                "JSON holds UTF-8 only, and a string is not (byte 0x%02x at %zu); "
                "hand bytes over as a string payload instead of a table",
                p[i], i + 1);
        char escape[GF_JSON_ESCAPE_MAX];
        size_t escaped = gf_json_escape(p[i], true, escape);    // 0 for longer characters
        if (escaped) {
            put(w, text + plain, i - plain);
            put(w, escape, escaped);
            plain = i + 1;
        }
        i += length;
    }
    put(w, text + plain, size - plain);
    put(w, "\"", 1);
}

// The shortest form that reads back as the same double; always with a point or an exponent,
// so that a float stays a float.
static void put_float(writer *w, double number)
{
    char text[40];
    if (!isfinite(number))
        gofer_lua_invalid(w->L, "JSON has no infinity and no NaN");
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)   // the same locale writes and reads
            break;
    }
    char *point = strchr(text, localeconv()->decimal_point[0]);
    if (point)
        *point = '.';
    put_text(w, text);
    if (!strpbrk(text, ".e"))
        put_text(w, ".0");
}

typedef struct key {
    const char *text;
    size_t      size;
} key;

static int compare_keys(const void *left, const void *right)
{
    const key *a = left, *b = right;
    int order = memcmp(a->text, b->text, a->size < b->size ? a->size : b->size);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

// Count the keys of the table at index; *strings and *list say what they are.
static size_t survey(lua_State *L, int index, size_t *strings, bool *list)
{
    size_t count = 0;
    lua_Integer highest = 0;
    *strings = 0;
    *list = true;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        count++;
        if (lua_type(L, -2) == LUA_TSTRING)
            ++*strings;
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1)
            *list = false;
        else if (lua_tointeger(L, -2) > highest)
            highest = lua_tointeger(L, -2);
    }
    *list = *list && (lua_Unsigned)highest == count;
    return count;
}

static void put_value(writer *w, int index, int depth);

static void put_array(writer *w, int index, size_t count, int depth)
{
    put(w, "[", 1);
    for (size_t i = 1; i <= count; i++) {
        if (i > 1)
            put(w, ",", 1);
        lua_rawgeti(w->L, index, (lua_Integer)i);
        put_value(w, lua_gettop(w->L), depth + 1);
        lua_pop(w->L, 1);
    }
    put(w, "]", 1);
}

// Keys are sorted: the same table is the same bytes, whichever process encodes it.
static void put_object(writer *w, int index, size_t count, int depth)
{
    lua_State *L = w->L;
    key *keys = lua_newuserdatauv(L, count * sizeof *keys + 1, 0);
    lua_createtable(L, (int)count, 0);      // anchors the keys, should a finalizer change the table
    size_t i = 0;
    for (lua_pushnil(L); i < count && lua_next(L, index); i++) {
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, (lua_Integer)i + 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            gofer_lua_invalid(L, "the table changed while it was encoded");
        keys[i].text = lua_tolstring(L, -1, &keys[i].size);
    }
    if (i == count)
        lua_pop(L, 1);      // the last key; after fewer lua_next has popped it
    count = i;
    qsort(keys, count, sizeof *keys, compare_keys);

    put(w, "{", 1);
    for (i = 0; i < count; i++) {
        if (i)
            put(w, ",", 1);
        put_string(w, keys[i].text, keys[i].size);
        put(w, ":", 1);
        lua_pushlstring(L, keys[i].text, keys[i].size);
        lua_rawget(L, index);
        put_value(w, lua_gettop(L), depth + 1);
        lua_pop(L, 1);
    }
    put(w, "}", 1);
    lua_pop(L, 2);
}

static void put_table(writer *w, int index, int depth)
{
    if (depth >= DEPTH_MAX)
        gofer_lua_invalid(w->L, "a table nested deeper than %d (or within itself) cannot be JSON",
            DEPTH_MAX);
    luaL_checkstack(w->L, 8, "table to JSON");

    size_t strings;
    bool list;
    size_t count = survey(w->L, index, &strings, &list);
    if (list && (count > 0 || gofer_lua_marked_array(w->L, index)))
        put_array(w, index, count, depth);
    else if (strings == count)
        put_object(w, index, count, depth);
    else
        gofer_lua_invalid(w->L, "a table with holes or mixed keys cannot be JSON: "
            "use keys 1..n for an array, strings for an object");
}

static void put_value(writer *w, int index, int depth)
{
    lua_State *L = w->L;
    char text[32];
    size_t size;
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        put_text(w, lua_toboolean(L, index) ? "true" : "false");
        return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            put(w, text,
                (size_t)snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(L, index)));
        else
            put_float(w, lua_tonumber(L, index));
        return;
    case LUA_TSTRING: {
        const char *string = lua_tolstring(L, index, &size);
        put_string(w, string, size);
        return;
    }
    case LUA_TTABLE:
        put_table(w, index, depth);
        return;
    case LUA_TNIL:
        put_text(w, "null");
        return;
    default:
        if (!gofer_lua_is_null(L, index))
            gofer_lua_invalid(L, "a %s cannot be JSON", luaL_typename(L, index));
        put_text(w, "null");
    }
}

void gofer_lua_json_encode(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    luaL_checkstack(L, 8, "value to JSON");
    writer w = { .L = L, .capacity = 240 };
    w.data = lua_newuserdatauv(L, w.capacity, 0);
    w.slot = lua_gettop(L);
    put_value(&w, index, 0);
    lua_pushlstring(L, w.data, w.size);
    lua_replace(L, w.slot);
}

