// options.h - tables of options read by tables of settings: what the files that read them share.
//
// A setting that no table knows is an error, so that a misspelt one does not pass for a default.
#ifndef GOFER_LUA_OPTIONS_H
#define GOFER_LUA_OPTIONS_H

#include "binding.h"

typedef enum gofer_lua_kind {
    GOFER_LUA_TEXT,
    GOFER_LUA_DURATION,
    GOFER_LUA_LIMIT,
    GOFER_LUA_TIME,
    GOFER_LUA_TRIES,
    GOFER_LUA_BYTES,
    GOFER_LUA_COUNT,
    GOFER_LUA_TRUTH,
    GOFER_LUA_WORD,
    GOFER_LUA_HEADERS,
    GOFER_LUA_KEYS, // a string, or a list of them
    GOFER_LUA_RETRY,
    GOFER_LUA_DEAD, // into gofer_enqueue_options alone, at
    //   places of their own
    GOFER_LUA_PAYLOAD,
    GOFER_LUA_NESTED, // gofer_lua_bytes; gofer_enqueue_options
    GOFER_LUA_LATER // the caller reads it
} gofer_lua_kind;

typedef struct gofer_lua_setting {
    const char        *name;
    gofer_lua_kind     kind;
    size_t             offset;
    const char *const *words;               // of GOFER_LUA_WORD: the value is the place
                                            //   in this list
} gofer_lua_setting;

// Of gofer_enqueue_options.
extern const gofer_lua_setting gofer_lua_task_options[];

// Read the table at index (absolute) by these settings, and some more or NULL. The strings read
// stay anchored by the table itself, which the caller holds; what else is
// needed stays on the stack.
void gofer_lua_read_table(lua_State *L, int index, const gofer_lua_setting *settings,
    const gofer_lua_setting *more, void *into);

#endif
