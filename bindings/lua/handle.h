// handle.h - what the files with the methods of handles need of handle.c.
//
// A registry's metatable says what a userdata is; these are their names, and the functions that
// fill them.
#ifndef GOFER_LUA_HANDLE_H
#define GOFER_LUA_HANDLE_H

#include <stdio.h>
#include <string.h>

#include "binding.h"

// Names of the metatables in the registry.
#define GOFER_LUA_CLIENT "gofer.client"
#define GOFER_LUA_TASK "gofer.task"
#define GOFER_LUA_EVENTS "gofer.events"

// A listener, in the list of its client's.
typedef struct gofer_lua_listener {
    gofer_events               *events;     // NULL: closed
    int64_t                     timeout_ms;
    struct gofer_lua_listener  *next, **place;
} gofer_lua_listener;

// While a client is held, it cannot be closed. These raise nothing; at index is a client.
void gofer_lua_hold_client(lua_State *L, int index, int by);
void gofer_lua_add_listener(lua_State *L, int index, gofer_lua_listener *listener);
void gofer_lua_drop_listener(gofer_lua_listener *listener);     // close it

int gofer_lua_events(lua_State *L);
int gofer_lua_client_close(lua_State *L);
int gofer_lua_client_text(lua_State *L);
int gofer_lua_task_text(lua_State *L);

// flow.c: methods.
int gofer_lua_flow_start(lua_State *L);
int gofer_lua_flow_act(lua_State *L);
int gofer_lua_flow_wait(lua_State *L);
int gofer_lua_flow_result(lua_State *L);
int gofer_lua_task_parent(lua_State *L);

#endif
