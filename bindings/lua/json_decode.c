// json_decode.c - JSON text to Lua values, on the reader that all of gofer has.
//
// A reading function pushes its value and returns true, or pushes a message and returns false.
// Where a key comes twice the last one holds. May touch: json.h, util/json.h.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "util/json.h"

typedef struct reader {
    lua_State   *L;
    const char  *start;
    gf_json_scan scan;
    int          scratch;       // stack index of the buffer for strings with escapes, and numbers
    char        *buffer;
    size_t       capacity;
} reader;

// Push "… at byte N" and return false, which every reading function hands on.
static bool bad(reader *r, const char *what)
{
    lua_pushfstring(r->L, "%s at byte %I", what, (lua_Integer)(r->scan.at - r->start + 1));
    return false;
}

static char *room_for(reader *r, size_t size)
{
    if (size > r->capacity) {
        r->capacity = size * 2;
        r->buffer = lua_newuserdatauv(r->L, r->capacity, 0);
        lua_replace(r->L, r->scratch);
    }
    return r->buffer;
}

// A string or a key.
static void push_string(reader *r, gf_json string)
{
    if (!memchr(string.text, '\\', string.size)) {
        lua_pushlstring(r->L, string.text + 1, string.size - 2);
        return;
    }
    char *out = room_for(r, string.size);
    size_t size = gf_json_text(string, out);
    lua_pushlstring(r->L, out, size);
}

// An integer where it is one and fits into 64 bits, else a float.
static bool push_number(reader *r, gf_json number)
{
    char copy[32];
    bool whole = true;
    for (size_t i = 0; whole && i < number.size; i++)
        whole = !strchr(".eE", number.text[i]);
    if (whole && number.size < sizeof copy) {
        memcpy(copy, number.text, number.size);
        copy[number.size] = '\0';
        errno = 0;
        long long value = strtoll(copy, NULL, 10);
        if (errno == 0) {
            lua_pushinteger(r->L, (lua_Integer)value);
            return true;
        }
    }
    double value = gf_json_number(number, room_for(r, number.size + 1));
    if (!isfinite(value))
        return bad(r, "number too large");
    lua_pushnumber(r->L, value);
    return true;
}

static bool push_value(reader *r, gf_json token);

static bool push_array(reader *r)
{
    lua_newtable(r->L);
    gofer_lua_push_array_mark(r->L);
    lua_setmetatable(r->L, -2);
    gf_json token;
    for (lua_Integer i = 1; gf_json_next(&r->scan, &token) != GF_JSON_CLOSE; i++) {
        if (!push_value(r, token))
            return false;
        lua_rawseti(r->L, -2, i);
    }
    return true;
}

static bool push_object(reader *r)
{
    lua_newtable(r->L);
    gf_json token;
    while (gf_json_next(&r->scan, &token) != GF_JSON_CLOSE) {
        if (token.kind == GF_JSON_BAD)
            return bad(r, r->scan.wrong);
        push_string(r, token);
        gf_json_next(&r->scan, &token);
        if (!push_value(r, token))
            return false;
        lua_rawset(r->L, -3);
    }
    return true;
}

// The value that this token is or opens.
static bool push_value(reader *r, gf_json token)
{
    if (r->scan.depth > DEPTH_MAX)
        return bad(r, "nested too deeply");
    luaL_checkstack(r->L, 8, "JSON to table");
    switch (token.kind) {
    case GF_JSON_OBJECT: return push_object(r);
    case GF_JSON_ARRAY:  return push_array(r);
    case GF_JSON_NUMBER: return push_number(r, token);
    case GF_JSON_STRING: push_string(r, token); return true;
    case GF_JSON_NULL:   gofer_lua_push_null(r->L); return true;
    case GF_JSON_TRUE:
    case GF_JSON_FALSE:  lua_pushboolean(r->L, token.kind == GF_JSON_TRUE); return true;
    default:             return bad(r, r->scan.wrong);
    }
}

int gofer_lua_json_decode(lua_State *L, const char *text, size_t size)
{
    luaL_checkstack(L, 8, "JSON to table");
    int top = lua_gettop(L);
    lua_pushnil(L);     // the scratch buffer, when one is needed
    reader r = { .L = L, .start = text, .scan = gf_json_start(text, size), .scratch = top + 1 };
    gf_json token;
    gf_json_next(&r.scan, &token);
    bool ok = push_value(&r, token);
    if (ok && gf_json_next(&r.scan, &token) != GF_JSON_END)
        ok = bad(&r, r.scan.wrong);
    lua_replace(L, top + 1);    // the value or the message; whatever is half-built goes
    lua_settop(L, top + 1);
    return ok;
}
