// registry.h - the fields of the Lua registry that are ours; no sandboxed code can reach them.
//
// The registry is reached from C and from package "debug" only, which a sandbox has not got.
#ifndef GOFER_LUA_REGISTRY_H
#define GOFER_LUA_REGISTRY_H

#define GF_LUA_ENVIRONMENT "gofer.environment"  // the file's own globals
#define GF_LUA_CHUNK "gofer.chunk"              // the file as a function; all code shares its _ENV
#define GF_LUA_HANDLERS "gofer.handlers"        // pattern to function
#define GF_LUA_POLICIES "gofer.policies"        // pattern to retry policy
#define GF_LUA_AGGREGATORS "gofer.aggregators"  // pattern of groups to function
#define GF_LUA_ENTRIES "gofer.entries"          // list of cron entries, as
                                                //   gofer_client_schedules_sync reads them
#define GF_LUA_LOADING "gofer.loading"          // true while all these may be added to

#endif
