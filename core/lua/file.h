// file.h - one file of handlers, its text and the Lua states it runs in.
//
// Made by the loader, then shared by the worker's threads: what is above `lock` does not change any
// more.
#ifndef GOFER_LUA_FILE_H
#define GOFER_LUA_FILE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lua_host.h"

struct gf_lua_state;

typedef struct gf_lua_slot {
    struct gf_lua_state *state; // NULL: none yet, or thrown away
    bool                 busy;
} gf_lua_slot;

typedef struct gf_lua_file {
    char  *name;                // "@path": how Lua names it in messages
    char  *directory;
    char  *source;              // read once: every state runs the same text
    size_t source_size;
    size_t memory_limit;
    int    allow;

    pthread_mutex_t lock;       // of what follows
    gf_lua_slot *slots;
    size_t       slot_count;
    size_t       references;    // routes that point here, and the loader
    size_t       aggregating;   // groups that are being aggregated
} gf_lua_file;

// With one reference, which is the caller's. NULL: no memory.
gf_lua_file *gf_lua_file_new(const char *path);
// Give back a reference; with the last one the file goes, unless a lost slot still runs in it.
void gf_lua_file_release(gf_lua_file *file);

// Read its text; opts: the loader's, for gf_lua_refuse.
gofer_status gf_lua_file_read(gf_lua_file *file, const char *path, const gofer_lua_options *opts);
// Say in opts->error why a file is refused; returns the status.
gofer_status gf_lua_refuse(const gofer_lua_options *opts, gofer_status status, const char *what,
    const char *why);

// Borrow the state of a slot: *out NULL if it has none yet. False if the slot has no place of its
// own (a pulled task, no memory, or a number reused while a lost slot is still busy).
bool gf_lua_file_borrow(gf_lua_file *file, int32_t number, struct gf_lua_state **out);
void gf_lua_file_give_back(gf_lua_file *file, int32_t number, struct gf_lua_state *state);
// One group more (1) or less (-1) is being aggregated.
void gf_lua_file_count_group(gf_lua_file *file, int by);

#endif
