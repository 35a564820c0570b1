// children.c - the children in a worker's entry, as stores keep and inspection shows them.
//
// May touch: info, util/record.h. Pure but for memory.
#include "broker/children.h"

#include <string.h>

static const char *const sums[] = {
    "children", "child_restarts", "children_want", "children_busy",
};

static void put_one(gf_record *out, const gf_child_entry *c)
{
    gf_record_text(out, "name", c->name);
    gf_record_int(out, "number", c->number);
    gf_record_int(out, "pid", c->pid);
    gf_record_text(out, "state", c->state);
    gf_record_int(out, "running", c->running);
    gf_record_int(out, "want", c->want);
    gf_record_int(out, "processed", c->processed);
    if (c->memory >= 0)
        gf_record_int(out, "memory", c->memory);
    gf_record_int(out, "started_at_ms", c->started_ms);
    gf_record_newline(out);
}

void gf_children_put(gf_record *out, const gf_children_entry *c)
{
    const int64_t values[] = { c->children, c->restarts, c->want, c->busy };
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        gf_record_int(out, sums[i], values[i]);
    gf_record_newline(out);
    for (size_t i = 0; i < c->count; i++)
        put_one(out, &c->items[i]);
}

int gf_children_show(gofer_info *worker, const char *text, size_t size)
{
    if (!text || !size)
        return 0;
    int bad = 0;
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        bad |= gf_info_set_int(worker, sums[i], gf_record_get_int(text, sums[i], 0));
    const char *end = memchr(text, '\n', size), *rest = end ? end + 1 : text + size;
    return bad | gf_info_set_records(worker, "child_processes", rest,
        size - (size_t)(rest - text));
}
