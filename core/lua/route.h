// route.h - what a worker knows a handler or an aggregator of a file by.
//
// One for each pattern; the worker owns it, and it holds a reference to its file.
#ifndef GOFER_LUA_ROUTE_H
#define GOFER_LUA_ROUTE_H

#include "file.h"

typedef struct gf_lua_route {
    gf_lua_file *file;          // holds one of its references
    char         pattern[];
} gf_lua_route;

gf_lua_route *gf_lua_route_new(gf_lua_file *file, const char *pattern);     // NULL: no memory
void          gf_lua_route_drop(void *route);
int32_t       gf_lua_handle(gofer_task *task, void *route);                 // a gofer_handler
int32_t       gf_lua_aggregate_group(gofer_group *group, void *route);      // a gofer_aggregator

#endif
