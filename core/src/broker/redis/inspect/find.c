// find.c - which queues hold a task of an id.
//
// Nothing in Asynq's layout leads from an id to its queue, so each is asked whether it has the
// task's key: many keys in one command where the server takes keys of several slots at once, and
// then one by one those of a command that found some.
#include "broker/redis/inspect/inspect.h"

#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/error.h"

enum {
    KEYS = 2048,                         // in one pipeline,
    TOGETHER = 64                        //   and in one command
};

typedef struct finding {
    gf_rd_store *s;
    const char  *id;
    gf_names     names;                  // of all queues
    bool        *here;                   // of each: it may hold the task; then: it does
    gf_rd_key   *keys;                   // KEYS of them, and
    gf_rd_cmd   *cmds;                   //   as many, and which of the queues
    size_t      *first;                  //   is the first of each
} finding;

// Asks for those that may hold it, `together` in one command. *at: from which on; behind what was
// asked in this pipeline.
static gofer_status ask_some(finding *f, size_t together, size_t *at)
{
    char rest[GF_NAME_MAX + 3];
    size_t from = *at, keys = 0, count = 0;
    snprintf(rest, sizeof rest, "t:%s", f->id);
    for (; *at < f->names.count && keys < KEYS; ++*at) {
        if (!f->here[*at])
            continue;
        if (keys % together == 0) {
            f->cmds[count] =
                (gf_rd_cmd){ .slot = gf_rd_queue_slot(f->names.names[*at]), .reads = true };
            gf_rd_add(&f->cmds[count].args, "EXISTS");
            f->first[count++] = *at;
        }
        gf_rd_key_of(&f->keys[keys], f->names.names[*at], rest);
        gf_rd_add(&f->cmds[count - 1].args, f->keys[keys++].text);
    }
    gofer_status st = GOFER_OK;
    if (count > 0)
        st = gf_rd_run_whole(f->s->net, f->cmds, count, gf_rd_timeout(f->s), GOFER_OK);
    for (size_t i = 0; i < count; i++) {
        bool found = gf_rd_reply_int(f->cmds[i].reply, 0) > 0;
        size_t end = i + 1 < count ? f->first[i + 1] : *at;
        for (size_t k = i ? f->first[i] : from; k < end; k++)
            f->here[k] &= found;
        gf_rd_cmd_clear(&f->cmds[i]);
    }
    return st;
}

static gofer_status ask_all(finding *f, size_t together)
{
    gofer_status st = GOFER_OK;
    for (size_t at = 0; at < f->names.count && st == GOFER_OK;)
        st = ask_some(f, together, &at);
    return st;
}

// Keeps the names of those that hold it.
static void keep_found(finding *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->names.count; i++) {
        if (f->here[i])
            f->names.names[kept++] = f->names.names[i];
        else
            gf_free(f->names.names[i]);
    }
    f->names.count = kept;
}

gofer_status gf_rd_locate(gf_broker *b, const char *id, gf_names *out)
{
    finding f = { .s = (gf_rd_store *)b, .id = id };
    gofer_status st = gf_rd_names_inspect(b, &f.names);
    if (st != GOFER_OK)
        return st;
    f.here = gf_alloc(f.names.count + 1);
    f.keys = gf_alloc(KEYS * sizeof *f.keys);
    f.cmds = gf_calloc(KEYS, sizeof *f.cmds);
    f.first = gf_alloc(KEYS * sizeof *f.first);
    if (!f.here || !f.keys || !f.cmds || !f.first)
        st = gf_fail_nomem("a search");
    else
        memset(f.here, true, f.names.count);
    if (st == GOFER_OK && !gf_rd_net_server(f.s->net).is_cluster)
        st = ask_all(&f, TOGETHER);
    if (st == GOFER_OK)
        st = ask_all(&f, 1);
    if (st == GOFER_OK) {
        keep_found(&f);
        *out = f.names;
    } else {
        gf_names_clear(&f.names);
    }
    gf_free(f.here);
    gf_free(f.keys);
    gf_free(f.cmds);
    gf_free(f.first);
    return st;
}
