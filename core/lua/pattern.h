// pattern.h - Lua patterns with a step budget.
//
// Written from the reference manual's description (section 6.4.1). It gives the stock matcher's
// results, but counts its steps with gf_lua_tick, so that a pattern which would take until the end
// of the world is stopped with its task. Unlike the stock one it refuses a malformed pattern even
// where the subject would never have led to the malformed part.
#ifndef GOFER_LUA_PATTERN_H
#define GOFER_LUA_PATTERN_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

enum { GF_PATTERN_CAPTURES = 32 };

typedef struct gf_pattern_item gf_pattern_item;

typedef struct gf_pattern {
    const gf_pattern_item *items;
    bool                   anchored;    // begins with '^'
    int                    captures;
} gf_pattern;

// start NULL: a position capture, whose place is in `end`.
typedef struct gf_capture {
    const char *start, *end;
} gf_capture;

typedef struct gf_match {
    lua_State        *L;
    const gf_pattern *pattern;
    const char       *subject, *end;
    int               depth;
    gf_capture        captures[GF_PATTERN_CAPTURES];
} gf_match;

// Compile; raises an error for a malformed pattern. The items are a userdata pushed on the stack,
// which must stay there as long as the pattern is used. anchors: '^' at the start is special.
gf_pattern gf_pattern_compile(lua_State *L, const char *text, size_t size, bool anchors);

// The end of the match that begins at `at`, or NULL. May raise.
const char *gf_pattern_match(gf_match *m, const char *at);

#endif
