// host.c - lua_host.h: a file read, checked, and declared to a worker.
//
// A stranger to libgofer: this room uses gofer.h alone. Called before the worker
// starts, on one thread.
#include "lua_host.h"

#include <stdbool.h>
#include <string.h>

#include "capability.h"
#include "declare.h"
#include "file.h"
#include "run.h"

enum {
    MEMORY_DEFAULT = 64 << 20,
    MEMORY_LEAST = 1 << 20
};

static gofer_status parse_allow(const char *text, int *out, const gofer_lua_options *o)
{
    static const struct { const char *name; int bits; } known[] = {
        { "io", GF_LUA_IO }, { "os", GF_LUA_OS }, { "require", GF_LUA_REQUIRE },
        { "all", GF_LUA_ALL },
    };
    *out = 0;
    while (text && *text) {
        size_t length = strcspn(text, ","), i = 0;
        while (
            i < 4 && (strlen(known[i].name) != length || memcmp(known[i].name, text, length) != 0))
            i++;
        if (i == 4 && length > 0)
            return gf_lua_refuse(o, GOFER_EINVAL, text,
                "is not a capability (known: io, os, require, all)");
        if (i < 4)
            *out |= known[i].bits;
        text += length + (text[length] == ',');
    }
    return GOFER_OK;
}

// Lua nests C calls up to 200 deep, each with a buffer of a KiB if the script is bent on it. The
// pages are only taken when used.
static const char stack_size[] = "2097152";

gofer_status gofer_lua_load(gofer_worker *worker, const char *path, const gofer_lua_options *opts)
{
    static const gofer_lua_options defaults;
    const gofer_lua_options *o = opts ? opts : &defaults;
    if (!worker || !path || !*path)
        return gf_lua_refuse(o, GOFER_EINVAL, "", "gofer_lua_load needs a worker and a path");
    gf_lua_file *file = gf_lua_file_new(path);
    if (!file)
        return gf_lua_refuse(o, GOFER_ENOMEM, path, "no memory");

    char error[1024];
    file->memory_limit = o->memory_limit ? o->memory_limit : MEMORY_DEFAULT;
    gofer_status status = parse_allow(o->allow, &file->allow, o);
    if (status == GOFER_OK && file->memory_limit < MEMORY_LEAST)
        status = gf_lua_refuse(o, GOFER_EINVAL, path, "a Lua state needs 1 MiB at least");
    if (status == GOFER_OK)
        status = gf_lua_file_read(file, path, o);
    if (status == GOFER_OK && gofer_worker_set(worker, "stack", stack_size) != GOFER_OK)
        status = gf_lua_refuse(o, GOFER_ESTATE, path, gofer_error_last());
    if (status == GOFER_OK) {
        bool lacks;
        gf_lua_state *s = gf_lua_file_state(file, NULL, &lacks, error, sizeof error);
        status = s ? gf_lua_declare(worker, file, s, o) : gf_lua_refuse(o, GOFER_EINVAL, "", error);
        gf_lua_state_free(s);   // each slot makes its own, on its own thread
    }
    gf_lua_file_release(file);
    return status;
}
