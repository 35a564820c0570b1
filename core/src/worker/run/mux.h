// mux.h - finds the handler of a task type: exact patterns, then the longest fitting prefix.
//
// Filled before start by one thread, sealed, then only read, by any threads without a lock. What
// changes later (the types of reloaded children) is another mux, which takes its place.
#ifndef GF_WORKER_MUX_H
#define GF_WORKER_MUX_H

#include <stdbool.h>
#include <stddef.h>

#include "gofer/gofer.h"

typedef struct gf_route {
    char         *pattern;         // owned; as given, with the '*'
    size_t        size;            // of the pattern, without the '*'
    bool          is_prefix;
    gofer_handler handler;
    void         *user;            // dropped by the worker, not here
    size_t        track;           // of a lane's (lane.h): which one; 0 of others
} gf_route;

typedef struct gf_mux {
    gf_route *routes;              // in order of registration; once sealed: exact ones by name,
    size_t    count, capacity;     //   then prefixes, the longest first
    size_t    exact_count;         // valid once sealed
    const char *noun;              // in messages; NULL: "handler pattern"
} gf_mux;

// EINVAL: no name, or a '*' that is not at the end. EEXIST: there already.
gofer_status    gf_mux_check(const gf_mux *mux, const char *pattern);
gofer_status    gf_mux_add(gf_mux *mux, const char *pattern, gofer_handler handler, void *user);
void            gf_mux_set_track(gf_mux *mux, const char *pattern, size_t track);
void            gf_mux_cut(gf_mux *mux, size_t count);       // forget all but the first; before
                                                             //   seal
void            gf_mux_seal(gf_mux *mux);
// Adds all routes of another one but those for which leave_out() says true.
gofer_status    gf_mux_copy(gf_mux *mux, const gf_mux *from,
    bool (*leave_out)(const gf_route *route, void *user), void *user);
const gf_route *gf_mux_find(const gf_mux *mux, const char *type);   // NULL: none fits
void            gf_mux_clear(gf_mux *mux);

#endif
