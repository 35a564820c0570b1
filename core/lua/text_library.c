// text_library.c - string.find, match, gmatch, gsub and rep, with the results of the stock ones.
//
// The patterns are pattern.c's, which can be stopped; rep refuses at once what cannot fit.
#include "text_library.h"

#include <string.h>

#include "pattern.h"
#include "state.h"

// ---- Captures onto the stack

static void push_capture(const gf_match *m, int i)
{
    const gf_capture *c = &m->captures[i];
    if (c->start)
        lua_pushlstring(m->L, c->start, (size_t)(c->end - c->start));
    else
        lua_pushinteger(m->L, c->end - m->subject + 1);
}

// All captures, or the whole match when there are none and whole is set.
static int push_captures(const gf_match *m, const char *start, const char *end, bool whole)
{
    int count = m->pattern->captures;
    luaL_checkstack(m->L, count + 1, "too many captures");
    if (count == 0 && whole) {
        lua_pushlstring(m->L, start, (size_t)(end - start));
        return 1;
    }
    for (int i = 0; i < count; i++)
        push_capture(m, i);
    return count;
}

// Offset of the optional start position at index; beyond the end: size + 1.
static size_t start_offset(lua_State *L, int index, size_t size)
{
    lua_Integer at = luaL_optinteger(L, index, 1);
    if (at < 0)
        at = (lua_Unsigned)0 - (lua_Unsigned)at > size ? 1 : (lua_Integer)size + at + 1;
    if (at == 0)
        at = 1;
    return (lua_Unsigned)at - 1 > size ? size + 1 : (size_t)at - 1;
}

// ---- find, match

static int find_plain(lua_State *L, const char *s, size_t size, size_t from, const char *word,
    size_t length)
{
    const char *found = length == 0 ? s + from : memmem(s + from, size - from, word, length);
    gf_lua_tick(L, (size - from) / 64 + 1);
    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - s + 1);
    lua_pushinteger(L, found - s + (lua_Integer)length);
    return 2;
}

static int search(lua_State *L, bool find)
{
    size_t size, length;
    const char *s = luaL_checklstring(L, 1, &size), *text = luaL_checklstring(L, 2, &length);
    size_t from = start_offset(L, 3, size);
    if (from > size) {
        lua_pushnil(L);
        return 1;
    }
    bool plain = lua_toboolean(L, 4);
    if (find && (plain || !memchr(text, 0, length)) && (plain || !strpbrk(text, "^$*+?.([%-")))
        return find_plain(L, s, size, from, text, length);

    gf_pattern pattern = gf_pattern_compile(L, text, length, true);
    gf_match m = { .L = L, .pattern = &pattern, .subject = s, .end = s + size };
    for (const char *at = s + from; at <= m.end; at++) {
        const char *end = gf_pattern_match(&m, at);
        if (end && find) {
            lua_pushinteger(L, at - s + 1);
            lua_pushinteger(L, end - s);
            return 2 + push_captures(&m, at, end, false);
        }
        if (end)
            return push_captures(&m, at, end, true);
        if (pattern.anchored)
            break;
    }
    lua_pushnil(L);
    return 1;
}

static int string_find(lua_State *L)
{
    return search(L, true);
}

static int string_match(lua_State *L)
{
    return search(L, false);
}

// ---- gmatch

typedef struct walk {
    gf_pattern  pattern;
    const char *at, *last;  // where to look next; where the last match ended
} walk;

// Upvalues: subject, pattern (anchored), the walk, the items.
static int gmatch_next(lua_State *L)
{
    size_t size;
    const char *s = lua_tolstring(L, lua_upvalueindex(1), &size);
    walk *w = lua_touserdata(L, lua_upvalueindex(3));
    gf_match m = { .L = L, .pattern = &w->pattern, .subject = s, .end = s + size };
    for (; w->at <= m.end; w->at++) {
        const char *start = w->at, *end = gf_pattern_match(&m, start);
        if (!end || end == w->last)
            continue;
        w->at = w->last = end;
        return push_captures(&m, start, end, true);
    }
    return 0;
}

static int string_gmatch(lua_State *L)
{
    size_t size, length;
    const char *s = luaL_checklstring(L, 1, &size), *text = luaL_checklstring(L, 2, &length);
    size_t from = start_offset(L, 3, size);
    lua_settop(L, 2);
    walk *w = lua_newuserdatauv(L, sizeof *w, 0);
    w->pattern = gf_pattern_compile(L, text, length, false);
    w->at = s + from;       // size + 1: past the end, nothing is found
    w->last = NULL;
    lua_pushcclosure(L, gmatch_next, 4);
    return 1;
}

// ---- gsub

// "%1" in the replacement text.
static void add_template(luaL_Buffer *b, const gf_match *m, const char *start, const char *end,
    const char *text, size_t length)
{
    lua_State *L = m->L;
    for (size_t i = 0; i < length; i++) {
        const char *percent = memchr(text + i, '%', length - i);
        size_t plain = percent ? (size_t)(percent - text) - i : length - i;
        luaL_addlstring(b, text + i, plain);
        i += plain;
        if (i >= length)
            break;
        int what = ++i < length ? (unsigned char)text[i] : 0;
        if (i < length && what == '%') {
            luaL_addchar(b, '%');
        } else if (what == '0' || (what == '1' && m->pattern->captures == 0)) {
            luaL_addlstring(b, start, (size_t)(end - start));
        } else if (what >= '1' && what <= '9') {
            if (what - '0' > m->pattern->captures)
                luaL_error(L, "invalid capture index %%%d in replacement string", what - '0');
            push_capture(m, what - '1');
            luaL_tolstring(L, -1, NULL);    // a position is a number
            lua_remove(L, -2);
            luaL_addvalue(b);
        } else {
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
    }
}

// The replacement of one match; false if it is the match itself.
static bool add_replacement(luaL_Buffer *b, const gf_match *m, const char *start, const char *end)
{
    lua_State *L = m->L;
    switch (lua_type(L, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(m, start, end, true), 1);
        break;
    case LUA_TTABLE:
        if (m->pattern->captures > 0)
            push_capture(m, 0);
        else
            lua_pushlstring(L, start, (size_t)(end - start));
        lua_gettable(L, 3);
        break;
    default: {
        size_t length;
        const char *text = lua_tolstring(L, 3, &length);
        add_template(b, m, start, end, text, length);
        return true;
    }
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(b, start, (size_t)(end - start));
        return false;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    luaL_addvalue(b);
    return true;
}

static int string_gsub(lua_State *L)
{
    size_t size, length;
    const char *s = luaL_checklstring(L, 1, &size), *text = luaL_checklstring(L, 2, &length);
    int kind = lua_type(L, 3);
    luaL_argexpected(L, kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION
        || kind == LUA_TTABLE, 3, "string/function/table");
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)size + 1), count = 0;
    bool changed = false;

    gf_pattern pattern = gf_pattern_compile(L, text, length, true);
    gf_match m = { .L = L, .pattern = &pattern, .subject = s, .end = s + size };
    const char *at = s, *last = NULL;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    while (count < most) {
        const char *end = gf_pattern_match(&m, at);
        if (end && end != last) {
            count++;
            changed |= add_replacement(&b, &m, at, end);
            at = last = end;
        } else if (at < m.end) {
            luaL_addchar(&b, *at++);
        } else {
            break;
        }
        if (pattern.anchored)
            break;
    }
    if (!changed) {
        lua_pushvalue(L, 1);
    } else {
        luaL_addlstring(&b, at, (size_t)(m.end - at));
        luaL_pushresult(&b);
    }
    lua_pushinteger(L, count);
    return 2;
}

// ---- rep

static int string_rep(lua_State *L)
{
    size_t size, between;
    const char *s = luaL_checklstring(L, 1, &size);
    lua_Integer count = luaL_checkinteger(L, 2);
    const char *separator = luaL_optlstring(L, 3, "", &between);
    if (count <= 0 || (size == 0 && between == 0)) {    // else n copies of nothing take for ever
        lua_pushliteral(L, "");
        return 1;
    }
    gf_lua_state *state = gf_lua_state_of(L);
    size_t most = state ? state->limit : 1 << 30;
    if (size > most || between > most || (lua_Unsigned)count > most / (size + between) + 1)
        return luaL_error(L, "resulting string too large");

    size_t total = (size_t)count * size + ((size_t)count - 1) * between;
    luaL_Buffer b;
    char *to = luaL_buffinitsize(L, &b, total);
    for (; count > 0; count--) {
        memcpy(to, s, size);
        to += size;
        if (count > 1) {
            memcpy(to, separator, between);
            to += between;
        }
    }
    luaL_pushresultsize(&b, total);
    return 1;
}

const luaL_Reg gf_lua_strings[] = {
    { "find", string_find }, { "match", string_match }, { "gmatch", string_gmatch },
    { "gsub", string_gsub }, { "rep", string_rep },     { NULL, NULL },
};
