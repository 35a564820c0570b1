// mux.c - finds the handler of a task type.
//
// May touch: util/. Exact patterns are found by halving, prefixes by a walk from the longest to
// the shortest: hundreds of exact ones cost nothing, and prefixes are few.
#include "worker/run/mux.h"

#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"
#include "util/text.h"

gofer_status gf_mux_check(const gf_mux *mux, const char *pattern)
{
    const char *noun = mux->noun ? mux->noun : "handler pattern";
    gofer_status st = gf_check_name(noun, pattern);
    if (st != GOFER_OK)
        return st;
    const char *star = strchr(pattern, '*');
    if (star && star[1])
        return gf_fail(GOFER_EINVAL, "%s '%s': '*' may only be its last character", noun, pattern);
    for (size_t i = 0; i < mux->count; i++)
        if (strcmp(mux->routes[i].pattern, pattern) == 0)
            return gf_fail(GOFER_EEXIST, "%s '%s' is registered already", noun, pattern);
    return GOFER_OK;
}

gofer_status gf_mux_add(gf_mux *mux, const char *pattern, gofer_handler handler, void *user)
{
    gofer_status st = gf_mux_check(mux, pattern);
    if (st != GOFER_OK)
        return st;

    if (!gf_grow(mux->routes, mux->capacity, mux->count + 1))
        return gf_fail_nomem("a handler");
    char *copy = gf_strdup(pattern);
    if (!copy)
        return gf_fail_nomem("a handler");
    size_t size = strlen(copy);
    bool is_prefix = copy[size - 1] == '*';
    mux->routes[mux->count++] =
        (gf_route){ copy, is_prefix ? size - 1 : size, is_prefix, handler, user, 0 };
    return GOFER_OK;
}

gofer_status gf_mux_copy(gf_mux *mux, const gf_mux *from,
    bool (*leave_out)(const gf_route *route, void *user), void *user)
{
    gofer_status st = GOFER_OK;
    mux->noun = from->noun;
    for (size_t i = 0; i < from->count && st == GOFER_OK; i++) {
        const gf_route *r = &from->routes[i];
        if (leave_out(r, user))
            continue;
        st = gf_mux_add(mux, r->pattern, r->handler, r->user);
        if (st == GOFER_OK)
            mux->routes[mux->count - 1].track = r->track;
    }
    return st;
}

void gf_mux_set_track(gf_mux *mux, const char *pattern, size_t track)
{
    for (size_t i = 0; i < mux->count; i++)
        if (strcmp(mux->routes[i].pattern, pattern) == 0)
            mux->routes[i].track = track;
}

void gf_mux_cut(gf_mux *mux, size_t count)
{
    while (mux->count > count)
        gf_free(mux->routes[--mux->count].pattern);
}

static int by_kind_then_rank(const void *a, const void *b)
{
    const gf_route *x = a, *y = b;
    if (x->is_prefix != y->is_prefix)
        return x->is_prefix ? 1 : -1;
    if (x->is_prefix && x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return strcmp(x->pattern, y->pattern);
}

void gf_mux_seal(gf_mux *mux)
{
    if (mux->count)
        qsort(mux->routes, mux->count, sizeof *mux->routes, by_kind_then_rank);
    mux->exact_count = 0;
    while (mux->exact_count < mux->count && !mux->routes[mux->exact_count].is_prefix)
        mux->exact_count++;
}

static int type_against_route(const void *type, const void *route)
{
    return strcmp(type, ((const gf_route *)route)->pattern);
}

const gf_route *gf_mux_find(const gf_mux *mux, const char *type)
{
    if (mux->exact_count) {
        const gf_route *exact =
            bsearch(type, mux->routes, mux->exact_count, sizeof *mux->routes, type_against_route);
        if (exact)
            return exact;
    }
    for (size_t i = mux->exact_count; i < mux->count; i++)
        if (strncmp(type, mux->routes[i].pattern, mux->routes[i].size) == 0)
            return &mux->routes[i];
    return NULL;
}

void gf_mux_clear(gf_mux *mux)
{
    gf_mux_cut(mux, 0);
    gf_free(mux->routes);
    *mux = (gf_mux){ 0 };
}
