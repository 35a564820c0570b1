// pattern.c - compiles Lua patterns into items, and matches by backtracking. See pattern.h.
//
// Captures open and close in the order of the pattern's text, so a path through the items has
// always set those it uses, and nothing has to be undone on the way back. Only an item that
// can match more or less recurses.
#include "pattern.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

#include "state.h"

enum { DEPTH_MAX = 200 };   // repeated items in one pattern, as stock Lua

typedef enum what { SET, OPEN, CLOSE, PLACE, AGAIN, BALANCE, FRONTIER, AT_END, DONE } what;
typedef enum repeat { ONCE, MAYBE, MOST, LEAST } repeat;    // '?', '*', '-'; '+' is ONCE then MOST

struct gf_pattern_item {
    uint8_t what, repeat;
    uint8_t first, second;  // BALANCE: the two characters; captures: the number
    uint8_t set[32];        // SET, FRONTIER: one bit per byte value
};

// ---- Compiling

typedef struct compiler {
    lua_State       *L;
    const char      *at, *end;
    gf_pattern_item *item;      // the next to be written
    int              captures;
    int              open[GF_PATTERN_CAPTURES], open_count;
    bool             closed[GF_PATTERN_CAPTURES];
} compiler;

static void add(uint8_t *set, int c)
{
    set[c >> 3] |= (uint8_t)(1u << (c & 7));
}

static bool has(const uint8_t *set, int c)
{
    return set[c >> 3] >> (c & 7) & 1;
}

static bool in_class(int c, int class)
{
    switch (tolower(class)) {
    case 'a': return isalpha(c);
    case 'c': return iscntrl(c);
    case 'd': return isdigit(c);
    case 'g': return isgraph(c);
    case 'l': return islower(c);
    case 'p': return ispunct(c);
    case 's': return isspace(c);
    case 'u': return isupper(c);
    case 'w': return isalnum(c);
    case 'x': return isxdigit(c);
    default:  return c == 0;        // 'z', of older Luas
    }
}

// What follows '%': a class, its complement in upper case, or the character itself.
static void add_escape(uint8_t *set, int class)
{
    bool is_class = class && strchr("acdglpsuwxzACDGLPSUWXZ", class);
    for (int c = 0; c < 256; c++)
        if (is_class ? in_class(c, class) == !isupper(class) : c == class)
            add(set, c);
}

static int byte_at(const char *p)
{
    return (unsigned char)*p;
}

// "[...]", c->at behind the bracket.
static void compile_bracket(compiler *c, uint8_t *set)
{
    bool complement = c->at < c->end && *c->at == '^';
    c->at += complement;
    for (bool first = true;; first = false) {
        if (c->at >= c->end)
            luaL_error(c->L, "malformed pattern (missing ']')");
        int from = byte_at(c->at++);
        if (from == ']' && !first)
            break;
        if (from == '%') {
            if (c->at >= c->end)
                luaL_error(c->L, "malformed pattern (missing ']')");
            add_escape(set, byte_at(c->at++));
        } else if (c->end - c->at >= 2 && c->at[0] == '-' && c->at[1] != ']') {
            int to = byte_at(c->at + 1);
            c->at += 2;
            for (int each = from; each <= to; each++)
                add(set, each);
        } else {
            add(set, from);
        }
    }
    for (int i = 0; complement && i < 32; i++)
        set[i] = (uint8_t)~set[i];
}

// One single-character item without its repetition; c->at is on it.
static void compile_set(compiler *c, uint8_t *set)
{
    int first = byte_at(c->at++);
    if (first == '.') {
        memset(set, 0xFF, 32);
    } else if (first == '[') {
        compile_bracket(c, set);
    } else if (first == '%') {
        if (c->at >= c->end)
            luaL_error(c->L, "malformed pattern (ends with '%%')");
        add_escape(set, byte_at(c->at++));
    } else {
        add(set, first);
    }
}

static void compile_single(compiler *c)
{
    gf_pattern_item *item = c->item++;
    item->what = SET;
    compile_set(c, item->set);
    if (c->at >= c->end)
        return;
    switch (*c->at) {
    case '?': item->repeat = MAYBE; break;
    case '*': item->repeat = MOST; break;
    case '-': item->repeat = LEAST; break;
    case '+':
        *c->item = *item;
        c->item++->repeat = MOST;
        break;
    default:
        return;
    }
    c->at++;
}

static void compile_open(compiler *c)
{
    if (c->captures >= GF_PATTERN_CAPTURES)
        luaL_error(c->L, "too many captures");
    bool place = ++c->at < c->end && *c->at == ')';
    c->at += place;
    c->item->what = place ? PLACE : OPEN;
    c->item->first = (uint8_t)c->captures;
    c->item++;
    if (place)
        c->closed[c->captures] = true;
    else
        c->open[c->open_count++] = c->captures;
    c->captures++;
}

static void compile_close(compiler *c)
{
    if (c->open_count == 0)
        luaL_error(c->L, "invalid pattern capture");
    int capture = c->open[--c->open_count];
    c->closed[capture] = true;
    c->at++;
    c->item->what = CLOSE;
    c->item->first = (uint8_t)capture;
    c->item++;
}

static void compile_again(compiler *c)
{
    int capture = c->at[1] - '1';
    if (capture < 0 || capture >= c->captures || !c->closed[capture])
        luaL_error(c->L, "invalid capture index %%%d in pattern", capture + 1);
    c->at += 2;
    c->item->what = AGAIN;
    c->item->first = (uint8_t)capture;
    c->item++;
}

// "%b()"
static void compile_balance(compiler *c)
{
    if (c->end - c->at < 4)
        luaL_error(c->L, "malformed pattern (missing arguments to '%%b')");
    c->item->what = BALANCE;
    c->item->first = (uint8_t)c->at[2];
    c->item->second = (uint8_t)c->at[3];
    c->item++;
    c->at += 4;
}

// "%f[set]"
static void compile_frontier(compiler *c)
{
    c->at += 2;
    if (c->at >= c->end || *c->at != '[')
        luaL_error(c->L, "missing '[' after '%%f' in pattern");
    c->item->what = FRONTIER;
    compile_set(c, c->item->set);
    c->item++;
}

static void compile_one(compiler *c)
{
    int first = *c->at, second = c->end - c->at > 1 ? c->at[1] : 0;
    if (first == '(')
        compile_open(c);
    else if (first == ')')
        compile_close(c);
    else if (first == '$' && c->end - c->at == 1)
        c->at++, c->item++->what = AT_END;
    else if (first == '%' && second == 'b')
        compile_balance(c);
    else if (first == '%' && second == 'f')
        compile_frontier(c);
    else if (first == '%' && second >= '0' && second <= '9')
        compile_again(c);
    else
        compile_single(c);
}

gf_pattern gf_pattern_compile(lua_State *L, const char *text, size_t size, bool anchors)
{
    gf_pattern pattern = { .anchored = anchors && size > 0 && text[0] == '^' };
    compiler c = { .L = L, .at = text + pattern.anchored, .end = text + size };

    // A character of the pattern makes at most one item ("a+" makes two), and the end one more.
    size_t room = (size + 1) * sizeof(gf_pattern_item);
    if (size > SIZE_MAX / sizeof(gf_pattern_item) - 1)
        luaL_error(L, "pattern too long");
    c.item = lua_newuserdatauv(L, room, 0);
    memset(c.item, 0, room);
    pattern.items = c.item;
    while (c.at < c.end) {
        compile_one(&c);
        gf_lua_tick(L, 8);
    }
    if (c.open_count)
        luaL_error(L, "unfinished capture");
    c.item->what = DONE;
    pattern.captures = c.captures;
    return pattern;
}

// ---- Matching

static const char *run(gf_match *m, const char *s, const gf_pattern_item *item);

static const char *try_rest(gf_match *m, const char *s, const gf_pattern_item *item)
{
    if (++m->depth > DEPTH_MAX)
        luaL_error(m->L, "pattern too complex");
    const char *end = run(m, s, item);
    m->depth--;
    return end;
}

static const char *match_most(gf_match *m, const char *s, const gf_pattern_item *item)
{
    const char *far = s;
    while (far < m->end && has(item->set, byte_at(far)))
        far++;
    gf_lua_tick(m->L, (size_t)(far - s) / 4 + 1);
    for (;; far--) {
        const char *end = try_rest(m, far, item + 1);
        if (end || far == s)
            return end;
    }
}

static const char *match_least(gf_match *m, const char *s, const gf_pattern_item *item)
{
    for (;; s++) {
        const char *end = try_rest(m, s, item + 1);
        if (end)
            return end;
        if (s >= m->end || !has(item->set, byte_at(s)))
            return NULL;
    }
}

static const char *match_balance(gf_match *m, const char *s, const gf_pattern_item *item)
{
    if (s >= m->end || byte_at(s) != item->first)
        return NULL;
    size_t level = 1;
    for (const char *p = s + 1; p < m->end; p++) {
        if (byte_at(p) == item->second) {       // first: "%bxx" has no nesting
            if (--level == 0) {
                gf_lua_tick(m->L, (size_t)(p - s) / 4);
                return p + 1;
            }
        } else if (byte_at(p) == item->first) {
            level++;
        }
    }
    gf_lua_tick(m->L, (size_t)(m->end - s) / 4);
    return NULL;
}

static bool match_frontier(const gf_match *m, const char *s, const gf_pattern_item *item)
{
    int before = s == m->subject ? 0 : byte_at(s - 1), after = s < m->end ? byte_at(s) : 0;
    return !has(item->set, before) && has(item->set, after);
}

static const char *match_again(gf_match *m, const char *s, const gf_pattern_item *item)
{
    const gf_capture *c = &m->captures[item->first];
    if (!c->start)
        return NULL;    // a position has no text
    size_t size = (size_t)(c->end - c->start);
    gf_lua_tick(m->L, size / 16);
    if ((size_t)(m->end - s) < size || memcmp(c->start, s, size) != 0)
        return NULL;
    return s + size;
}

static const char *run(gf_match *m, const char *s, const gf_pattern_item *item)
{
    for (;; item++) {
        gf_lua_tick(m->L, 1);
        switch (item->what) {
        case DONE:
            return s;
        case AT_END:
            if (s != m->end)
                return NULL;
            break;
        case OPEN:
            m->captures[item->first] = (gf_capture){ s, s };
            break;
        case CLOSE:
            m->captures[item->first].end = s;
            break;
        case PLACE:
            m->captures[item->first] = (gf_capture){ NULL, s };
            break;
        case AGAIN:
            if (!(s = match_again(m, s, item)))
                return NULL;
            break;
        case BALANCE:
            if (!(s = match_balance(m, s, item)))
                return NULL;
            break;
        case FRONTIER:
            if (!match_frontier(m, s, item))
                return NULL;
            break;
        default:    // SET
            if (item->repeat == MOST)
                return match_most(m, s, item);
            if (item->repeat == LEAST)
                return match_least(m, s, item);
            bool fits = s < m->end && has(item->set, byte_at(s));
            if (item->repeat == MAYBE && fits) {
                const char *end = try_rest(m, s + 1, item + 1);
                if (end)
                    return end;
                break;
            }
            if (item->repeat == ONCE && !fits)
                return NULL;
            s += item->repeat == ONCE;
        }
    }
}

const char *gf_pattern_match(gf_match *m, const char *at)
{
    m->depth = 0;
    return run(m, at, m->pattern->items);
}
