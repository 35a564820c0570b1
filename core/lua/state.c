// state.c - the bounded Lua state: allocator, instruction hook, sticky stop. See state.h.
//
// Everything here runs on the thread that runs the state. The hook cannot fire within a C function:
// those that loop call gf_lua_tick.
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    HOOK_MOST = 1000,           // instructions; a call of the hook costs as much as some thirty
    HOOK_SLOW_NS = 10000000,    // a hook later than this makes the next one come sooner
    HOOK_FAST_NS = 1000000,
    STEPS_MOST = 20000,
    CHURN_MOST = 8 << 20,       // bytes
    STOPPED_MOST = 64 << 10     // the largest growth that is granted while stopping
};

static int64_t now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 0;               // cannot fail with this clock; 0 only delays a stop
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

gf_lua_state *gf_lua_state_of(lua_State *L)
{
    gf_lua_state *s;
    memcpy(&s, lua_getextraspace(L), sizeof s);
    return s;
}

// Why to stop, or NULL.
static const char *stop_reason(const gf_lua_state *s)
{
    if (!s->task)
        return now_ns() > s->until_ns ? s->overdue : NULL;
    switch (gofer_task_cancelled(s->task)) {
    case GOFER_CANCEL_NONE:
        return gofer_task_remaining_ms(s->task) == 0 ? "stopped at the deadline" : NULL;
    case GOFER_CANCEL_TIMEOUT: return "stopped at the deadline";
    case GOFER_CANCEL_STOP:    return "stopped with the worker";
    case GOFER_CANCEL_LEASE:   return "stopped: the lease was lost";
    default:                   return "stopped on request";
    }
}

static bool must_stop(gf_lua_state *s)
{
    if (s->stopping)
        return true;
    const char *reason = stop_reason(s);
    if (!reason)
        return false;
    s->stopping = true;
    snprintf(s->reason, sizeof s->reason, "%s", reason);
    return true;
}

static int raise(lua_State *L, const gf_lua_state *s)
{
    lua_pushstring(L, s->reason);
    return lua_error(L);
}

// ---- The hook

static void hook(lua_State *L, lua_Debug *at);

// From now on every instruction raises, so that `pcall` in a loop cannot swallow the stop.
static void tighten(gf_lua_state *s, lua_State *L)
{
    lua_sethook(L, hook, LUA_MASKCOUNT, 1);
    lua_sethook(s->L, hook, LUA_MASKCOUNT, 1);
}

// Instructions differ a million-fold in cost (think of joining two strings of 30 MB), so the count
// follows the time they take.
static void pace(gf_lua_state *s, lua_State *L)
{
    int64_t now = now_ns(), took = now - s->hook_ns;
    s->hook_ns = now;
    int count = s->hook_count;
    if (took > HOOK_SLOW_NS)
        count = count / 10 + 1;
    else if (took < HOOK_FAST_NS && count < HOOK_MOST)
        count = count * 2 < HOOK_MOST ? count * 2 : HOOK_MOST;
    if (count == s->hook_count)
        return;
    s->hook_count = count;
    lua_sethook(L, hook, LUA_MASKCOUNT, count);
}

static void hook(lua_State *L, lua_Debug *at)
{
    gf_lua_state *s = gf_lua_state_of(L);
    bool already = s->stopping;
    if (!must_stop(s)) {
        pace(s, L);
        return;
    }
    if (!already && lua_getinfo(L, "Sl", at) && at->currentline > 0) {
        char why[sizeof s->reason / 2];
        memcpy(why, s->reason, sizeof why);
        why[sizeof why - 1] = '\0';
        snprintf(s->reason, sizeof s->reason, "%s, at %s:%d", why, at->short_src, at->currentline);
    }
    tighten(s, L);
    raise(L, s);
}

void gf_lua_check_stop(lua_State *L)
{
    gf_lua_state *s = gf_lua_state_of(L);
    if (s && s->stopping) {
        tighten(s, L);
        raise(L, s);
    }
}

void gf_lua_tick(lua_State *L, size_t steps)
{
    gf_lua_state *s = gf_lua_state_of(L);
    if (!s)
        return;
    s->steps += steps;
    if (s->steps < STEPS_MOST)
        return;
    s->steps = 0;
    must_stop(s);
    gf_lua_check_stop(L);
}

// ---- Memory

// Refusing memory is also how a stop reaches a run of costly instructions between two hooks.
static bool may_grow(gf_lua_state *s, size_t by)
{
    if (by > s->limit - s->used)
        return false;
    s->churn += by;
    if (s->churn > CHURN_MOST && s->L) {
        s->churn = 0;
        must_stop(s);
    }
    return !s->stopping || by <= STOPPED_MOST;
}

static void *allocate(void *user, void *memory, size_t old, size_t size)
{
    gf_lua_state *s = user;
    if (!memory)
        old = 0;        // Lua says the kind of object here
    if (size == 0) {
        free(memory);
        s->used -= old;
        return NULL;
    }
    if (size > old && !may_grow(s, size - old))
        return NULL;
    void *moved = realloc(memory, size);
    if (!moved && size > old)
        return NULL;
    s->used = s->used - old + size;
    return moved ? moved : memory;  // Lua relies on shrinking to succeed, and the
                                    //   block is large enough
}

gf_lua_state *gf_lua_state_new(size_t limit)
{
    gf_lua_state *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->limit = limit;
    s->hook_count = HOOK_MOST;
    s->until_ns = INT64_MAX;
    lua_State *L = lua_newstate(allocate, s);
    if (!L) {
        free(s);
        return NULL;
    }
    s->L = L;
    memcpy(lua_getextraspace(L), &s, sizeof s);     // coroutines inherit it, and the hook
    lua_sethook(L, hook, LUA_MASKCOUNT, s->hook_count);
    return s;
}

void gf_lua_state_free(gf_lua_state *s)
{
    if (!s)
        return;
    lua_close(s->L);
    free(s);
}

void gf_lua_begin(gf_lua_state *s, gofer_task *task)
{
    s->task = task;
    s->hook_ns = now_ns();
    s->steps = 0;
    s->churn = 0;
}

void gf_lua_begin_other(gf_lua_state *s, int64_t limit_ms, const char *overdue)
{
    gf_lua_begin(s, NULL);
    s->until_ns = s->hook_ns + limit_ms * 1000000;
    s->overdue = overdue;
}
