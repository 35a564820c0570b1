// declare.h - what a file has declared, passed on to the worker.
//
// Nothing is registered but by this, and before the worker starts.
#ifndef GOFER_LUA_DECLARE_H
#define GOFER_LUA_DECLARE_H

#include "file.h"
#include "state.h"

// Register with the worker what the file declares, as the state that has just run it
// knows; opts: the loader's.
gofer_status gf_lua_declare(gofer_worker *worker, gf_lua_file *file, gf_lua_state *s,
    const gofer_lua_options *opts);

#endif
