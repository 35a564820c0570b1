// declare.c - what a file has declared, registered with the worker and the store: handlers, retry
// policies, aggregators, cron entries.
//
// Called once, before the worker starts. The registry's tables are walked without a protected call:
// no key is added meanwhile, and lua_next on a key that is there raises nothing.
#include "declare.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "registry.h"
#include "route.h"

typedef struct declaring {
    gofer_worker            *worker;
    gf_lua_file             *file;
    const gofer_lua_options *opts;
} declaring;

static gofer_status refuse(const declaring *d, gofer_status status)
{
    return gf_lua_refuse(d->opts, status, d->file->name + 1, gofer_error_last());
}

// ---- Patterns

// The value of the pattern is on top of the stack.
static gofer_status add_handler(const declaring *d, lua_State *L, const char *pattern)
{
    (void)L;
    gf_lua_route *r = gf_lua_route_new(d->file, pattern);
    if (!r)
        return gf_lua_refuse(d->opts, GOFER_ENOMEM, d->file->name + 1, "no memory for a handler");
    gofer_status status =
        gofer_worker_handle(d->worker, r->pattern, gf_lua_handle, r, gf_lua_route_drop);
    if (status == GOFER_OK)
        return status;
    gf_lua_route_drop(r);
    return refuse(d, status);
}

static gofer_status add_policy(const declaring *d, lua_State *L, const char *pattern)
{
    gofer_status status = gofer_worker_retry(d->worker, pattern, lua_tostring(L, -1));
    return status == GOFER_OK ? status : refuse(d, status);
}

static gofer_status add_aggregator(const declaring *d, lua_State *L, const char *pattern)
{
    (void)L;
    gf_lua_route *r = gf_lua_route_new(d->file, pattern);
    if (!r)
        return gf_lua_refuse(d->opts, GOFER_ENOMEM, d->file->name + 1,
            "no memory for an aggregator");
    gofer_status status =
        gofer_worker_aggregate(d->worker, r->pattern, gf_lua_aggregate_group, r, gf_lua_route_drop);
    if (status == GOFER_OK)
        return status;
    gf_lua_route_drop(r);
    return refuse(d, status);
}

static gofer_status each(const declaring *d, lua_State *L, const char *table,
    gofer_status (*add)(const declaring *d, lua_State *L, const char *pattern))
{
    gofer_status status = GOFER_OK;
    lua_settop(L, 0);
    lua_getfield(L, LUA_REGISTRYINDEX, table);
    for (lua_pushnil(L); status == GOFER_OK && lua_next(L, 1); lua_pop(L, 1))
        status = add(d, L, lua_tostring(L, -2));
    lua_settop(L, 0);
    return status;
}

// ---- Cron entries

static int encode_entries(lua_State *L)     // gives the text of {"entries": [...]}
{
    lua_createtable(L, 0, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, GF_LUA_ENTRIES);
    lua_setfield(L, -2, "entries");
    gofer_lua_json_encode(L, lua_gettop(L));
    return 1;
}

static gofer_status sync_as(const declaring *d, const char *path, const char *json, size_t size)
{
    gofer_info *changed = NULL;
    size_t room = strlen(path) + sizeof "lua:";
    char *source = malloc(room);
    if (!source)
        return gf_lua_refuse(d->opts, GOFER_ENOMEM, path, "no memory");
    snprintf(source, room, "lua:%s", path);
    gofer_status status =
        gofer_client_schedules_sync(d->opts->client, source, json, size, &changed);
    if (status != GOFER_OK)
        refuse(d, status);
    gofer_info_free(changed);
    free(source);
    return status;
}

// A file without entries is synchronised too: those it had when it was loaded last are no more.
static gofer_status sync_entries(const declaring *d, lua_State *L)
{
    static const char none[] = "{\"entries\":[]}";
    const char *json = none;
    size_t size = sizeof none - 1;
    lua_settop(L, 0);
    lua_getfield(L, LUA_REGISTRYINDEX, GF_LUA_ENTRIES);
    bool some = lua_rawlen(L, 1) > 0;
    if (!d->opts->client)
        return some ? gf_lua_refuse(d->opts, GOFER_EUNSUPPORTED, d->file->name + 1,
                          "gofer.cron: the host keeps no cron entries")
                    : GOFER_OK;
    if (some) {
        lua_pushcfunction(L, encode_entries);
        if (lua_pcall(L, 0, 1, 0) != LUA_OK)
            return gf_lua_refuse(d->opts, GOFER_ENOMEM, d->file->name + 1,
                "not enough memory for its cron entries");
        json = lua_tolstring(L, -1, &size);
    }
    char *whole = realpath(d->file->name + 1, NULL);
    if (!whole)
        return gf_lua_refuse(d->opts, GOFER_ENOTFOUND, d->file->name + 1,
            "its path cannot be made whole");
    gofer_status status = sync_as(d, whole, json, size);
    free(whole);
    return !some && status == GOFER_EUNSUPPORTED ? GOFER_OK : status;
}

gofer_status gf_lua_declare(gofer_worker *worker, gf_lua_file *file, gf_lua_state *s,
    const gofer_lua_options *opts)
{
    declaring d = { worker, file, opts };
    gofer_status status = each(&d, s->L, GF_LUA_HANDLERS, add_handler);
    if (status == GOFER_OK)
        status = each(&d, s->L, GF_LUA_POLICIES, add_policy);
    if (status == GOFER_OK)
        status = each(&d, s->L, GF_LUA_AGGREGATORS, add_aggregator);
    return status == GOFER_OK ? sync_entries(&d, s->L) : status;
}
