// box.h - what face.c needs of box.c to dress the handles.
#ifndef GOFER_LUA_BOX_H
#define GOFER_LUA_BOX_H

#include <stdio.h>
#include <string.h>

#include "binding.h"

// Names of the metatables in the registry.
#define GOFER_LUA_CLIENT "gofer.client"
#define GOFER_LUA_TASK "gofer.task"

int gofer_lua_client_close(lua_State *L);
int gofer_lua_client_text(lua_State *L);
int gofer_lua_task_text(lua_State *L);

#endif
