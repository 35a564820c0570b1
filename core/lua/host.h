// host.h - one file of handlers and the Lua states it runs in. Shared by host.c and run.c.
#ifndef GOFER_LUA_HOST_INTERNAL_H
#define GOFER_LUA_HOST_INTERNAL_H

#include <pthread.h>

#include "lua_host.h"
#include "sandbox.h"

typedef struct slot {
    gf_lua_state *state;        // NULL: none yet, or thrown away
    bool          busy;
} slot;

typedef struct gf_lua_file {
    char  *name;                // "@path": how Lua names it in messages
    char  *directory;
    char  *source;              // read once: every state runs the same text
    size_t source_size;
    size_t memory_limit;
    int    allow;

    pthread_mutex_t lock;       // of what follows
    slot  *slots;
    size_t slot_count;
    size_t references;          // routes that point here, and the loader
} gf_lua_file;

// run.c: make a state and run the file in it; NULL, with the reason in error. task: NULL when checking.
gf_lua_state *gf_lua_file_state(gf_lua_file *file, gofer_task *task, char *error, size_t error_size);
// run.c: run one task; *reusable false: throw the state away.
int32_t gf_lua_run(gf_lua_state *s, const char *pattern, gofer_task *task, bool *reusable);

#endif
