// capability.c - what the operator may grant a handler file beyond the sandbox: files, the system,
// modules. See docs/lua.md.
#include "capability.h"

#include <errno.h>
#include <fcntl.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "chunk.h"
#include "seal.h"

enum { MODULE_MOST = 256 << 10 };   // bytes of one required file

// ---- io

// Upvalue: a stock function that opens files. What it opens is not for the children of the worker.
static int open_private(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    for (int i = 1; i <= lua_gettop(L); i++) {
        luaL_Stream *stream = luaL_testudata(L, i, LUA_FILEHANDLE);
        if (stream && stream->f && fcntl(fileno(stream->f), F_SETFD, FD_CLOEXEC) != 0)
            return luaL_error(L, "cannot keep a file from child processes: %s", strerror(errno));
    }
    return lua_gettop(L);
}

// The same for what opens a file only if it is given a name: the file that it answers without
// one is somebody's own.
static int open_private_if_named(lua_State *L)
{
    if (lua_type(L, 1) == LUA_TSTRING)
        return open_private(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static void wrap(lua_State *L, const char *name, lua_CFunction wrapper)
{
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, wrapper, 1);
    lua_setfield(L, -2, name);
}

static void grant_io(lua_State *L, int environment, bool processes)
{
    static const char *const opening[] = { "open", "lines", "tmpfile" };
    static const char *const setting[] = { "input", "output" };
    luaL_requiref(L, LUA_IOLIBNAME, luaopen_io, 0);
    for (size_t i = 0; i < sizeof opening / sizeof *opening; i++)
        wrap(L, opening[i], open_private);
    for (size_t i = 0; i < sizeof setting / sizeof *setting; i++)
        wrap(L, setting[i], open_private_if_named);
    if (!processes) {
        lua_pushnil(L);
        lua_setfield(L, -2, "popen");
    }
    luaL_getmetatable(L, LUA_FILEHANDLE);
    lua_pushliteral(L, "file");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    gf_lua_seal(L);
    lua_setfield(L, environment, LUA_IOLIBNAME);
}

// ---- os

static int refuse_exit(lua_State *L)
{
    return luaL_error(L, "os.exit would end the whole worker: return or raise an error instead");
}

static void grant_os(lua_State *L, int environment)
{
    luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 0);
    lua_pushcfunction(L, refuse_exit);
    lua_setfield(L, -2, "exit");
    lua_pushnil(L);
    lua_setfield(L, -2, "setlocale");   // the process has one locale, and other threads
    gf_lua_seal(L);
    lua_setfield(L, environment, LUA_OSLIBNAME);
}

// ---- require: source files below the directory of the handler file

// "a.b" to "directory/a/b.lua"; false for anything but words and points.
static bool module_path(char *out, size_t capacity, const char *directory, const char *name,
    const char *tail)
{
    size_t used = strlen(directory);
    if (used + strlen(name) + strlen(tail) + 2 > capacity)
        return false;
    memcpy(out, directory, used);
    out[used++] = '/';
    for (const char *p = name; *p; p++) {
        bool word = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9')
            || *p == '_' || *p == '-';
        bool point = *p == '.' && p > name && p[-1] != '.' && p[1];
        if (!word && !point)
            return false;
        out[used++] = point ? '/' : *p;
    }
    memcpy(out + used, tail, strlen(tail) + 1);
    return used > strlen(directory) + 1;
}

// Push the bytes of a file; false: there is none. Nothing can raise while it is open.
static bool push_file(lua_State *L, const char *path)
{
    char *bytes = lua_newuserdatauv(L, MODULE_MOST + 1, 0);
    FILE *file = fopen(path, "re");
    if (!file) {
        lua_pop(L, 1);
        return false;
    }
    size_t size = fread(bytes, 1, MODULE_MOST + 1, file);
    bool failed = ferror(file);
    fclose(file);
    gf_lua_blank_first_line(bytes, size);
    if (failed || size > MODULE_MOST)
        luaL_error(L, "cannot read %s (a module has 256 KiB at the most)", path);
    lua_pushlstring(L, bytes, size);
    lua_remove(L, -2);
    return true;
}

// Upvalues: the table of loaded modules, the directory.
static int safe_require(lua_State *L)
{
    static const char *const tails[] = { ".lua", "/init.lua" };
    const char *name = luaL_checkstring(L, 1), *directory = lua_tostring(L, lua_upvalueindex(2));
    lua_settop(L, 1);
    if (lua_getfield(L, lua_upvalueindex(1), name) != LUA_TNIL)
        return 1;
    for (size_t i = 0; i < 2; i++) {
        char path[4096], chunk[4100];
        if (!module_path(path, sizeof path, directory, name, tails[i]))
            return luaL_error(L, "'%s' is not a module name: words joined by points", name);
        if (!push_file(L, path))
            continue;
        snprintf(chunk, sizeof chunk, "@%s", path);
        size_t size;
        const char *text = lua_tolstring(L, -1, &size);
        if (gf_lua_compile(L, text, size, chunk, true) != 0)
            return lua_error(L);
        lua_pushvalue(L, 1);
        lua_call(L, 1, 1);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            lua_pushboolean(L, 1);
        }
        lua_pushvalue(L, -1);
        lua_setfield(L, lua_upvalueindex(1), name);
        return 1;
    }
    return luaL_error(L, "module '%s' not found in %s", name, directory);
}

static void grant_require(lua_State *L, int environment, const char *directory)
{
    lua_newtable(L);
    lua_getfield(L, environment, "gofer");
    lua_setfield(L, -2, "gofer");
    lua_pushstring(L, directory);
    lua_pushcclosure(L, safe_require, 2);
    lua_setfield(L, environment, "require");
}

// ---- all: the file is trusted as much as the worker itself

static void grant_all(lua_State *L, int environment, const char *directory)
{
    static const char *const names[] = { "dofile", "loadfile", "warn" };
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lua_getfield(L, -1, names[i]);
        lua_setfield(L, environment, names[i]);
    }
    lua_pop(L, 1);
    lua_pushvalue(L, environment);      // modules of C and Lua find the file's globals
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    luaL_requiref(L, LUA_DBLIBNAME, luaopen_debug, 1);
    luaL_requiref(L, LUA_LOADLIBNAME, luaopen_package, 1);
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", directory, directory, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_pop(L, 1);
    lua_getfield(L, -1, "loaded");
    lua_getfield(L, environment, "gofer");
    lua_setfield(L, -2, "gofer");
    lua_pop(L, 3);
}

void gf_lua_grant(lua_State *L, int environment, int allow, const char *directory)
{
    if (allow & GF_LUA_IO)
        grant_io(L, environment, allow & GF_LUA_OS);
    if (allow & GF_LUA_OS)
        grant_os(L, environment);
    if (allow == GF_LUA_ALL)
        grant_all(L, environment, directory);
    else if (allow & GF_LUA_REQUIRE)
        grant_require(L, environment, directory);
}
