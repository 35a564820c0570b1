// tables.h - the functions of `table`, made stoppable.
//
// The stock ones run within one instruction, where no hook fires.
#ifndef GOFER_LUA_TABLES_H
#define GOFER_LUA_TABLES_H

#include <lauxlib.h>

// concat, insert, move, remove, sort, unpack; ends with an empty entry. pack is the stock one.
extern const luaL_Reg gf_lua_tables[];

#endif
