// route.c - what a worker knows a handler or an aggregator of a file by, and the
// calls that come by it.
//
// The calls come on the worker's threads, several at a time: each runs in the state of its slot, or
// in one of its own. Locks: none here; file.c has them.
#include "route.h"

#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "state.h"

gf_lua_route *gf_lua_route_new(gf_lua_file *file, const char *pattern)
{
    size_t size = strlen(pattern) + 1;
    gf_lua_route *r = malloc(sizeof *r + size);
    if (!r)
        return NULL;
    r->file = file;
    memcpy(r->pattern, pattern, size);
    file->references++;     // nothing runs yet: the worker has not started
    return r;
}

void gf_lua_route_drop(void *user)
{
    gf_lua_route *r = user;
    gf_lua_file_release(r->file);
    free(r);
}

// ---- Calls of the worker

int32_t gf_lua_handle(gofer_task *task, void *user)
{
    const gf_lua_route *r = user;
    int32_t number = gofer_task_slot(task), outcome;
    gf_lua_state *s;
    char error[512];
    bool own = gf_lua_file_borrow(r->file, number, &s), reusable = false, lacks;
    if (!s)
        s = gf_lua_file_state(r->file, task, &lacks, error, sizeof error);
    if (s)
        outcome = gf_lua_run(s, r->pattern, task, &reusable);
    else
        outcome = lacks ? gofer_task_want(task, error) : gofer_task_fail(task, error);
    if (!own || !reusable) {
        gf_lua_state_free(s);
        s = NULL;
    }
    if (own)
        gf_lua_file_give_back(r->file, number, s);
    return outcome;
}

// Groups are few: each has a state of its own, gone when it is done.
int32_t gf_lua_aggregate_group(gofer_group *group, void *user)
{
    const gf_lua_route *r = user;
    char error[512];
    bool lacks;
    gf_lua_file_count_group(r->file, 1);
    gf_lua_state *s = gf_lua_file_state(r->file, NULL, &lacks, error, sizeof error);
    int32_t returned = s ? gf_lua_aggregate(s, r->pattern, group) : gofer_group_fail(group, error);
    gf_lua_state_free(s);
    gf_lua_file_count_group(r->file, -1);
    return returned;
}
