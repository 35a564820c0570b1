// scale.c - how many slots a queue wants.
#include "scale.h"

#include <stdlib.h>
#include <string.h>

// What the types of a queue are worth: tasks times milliseconds, and tasks.
struct slots_worth {
    const char *queue;
    double      run_ms, tasks;
};

static struct slots_worth worth_of(const gofer_info *type)
{
    double tasks = (double)gofer_info_int(type, "done", 0)
        + (double)gofer_info_int(type, "failed", 0);
    return (struct slots_worth){ gofer_info_text(type, "queue"),
        tasks * (double)gofer_info_int(type, "run_p50_ms", 0), tasks };
}

static void add(struct slots_worth *to, struct slots_worth more)
{
    to->run_ms += more.run_ms;
    to->tasks += more.tasks;
}

// As many slots as the work that waits, divided by the time it may wait, and those that are busy.
static int64_t wanted(const gofer_info *queue, const struct slots_worth *worth, int64_t wanted_ms)
{
    double mean = worth && worth->tasks > 0 ? worth->run_ms / worth->tasks : 0;
    double waiting = (double)gofer_info_int(queue, "pending", 0);
    double slots = (double)gofer_info_int(queue, "active", 0) + waiting * mean / (double)wanted_ms;
    int64_t whole = (int64_t)slots;
    whole += (double)whole < slots;
    return whole == 0 && waiting > 0 ? 1 : whole;
}

int64_t slots_wanted(const gofer_info *queue, const gofer_info *types, int64_t wanted_ms)
{
    const char *name = gofer_info_text(queue, "queue");
    struct slots_worth sum = { name, 0, 0 };
    for (size_t i = 0; i < gofer_info_count(types); i++) {
        struct slots_worth one = worth_of(gofer_info_at(types, i));
        if (one.queue && strcmp(one.queue, name) == 0)
            add(&sum, one);
    }
    return wanted(queue, &sum, wanted_ms);
}

// ---- of many queues

static int by_queue(const void *a, const void *b)
{
    return strcmp(((const struct slots_worth *)a)->queue, ((const struct slots_worth *)b)->queue);
}

static void merge(slots_scale *scale)
{
    size_t kept = 0;
    for (size_t i = 0; i < scale->count; i++)
        if (kept && by_queue(&scale->at[kept - 1], &scale->at[i]) == 0)
            add(&scale->at[kept - 1], scale->at[i]);
        else
            scale->at[kept++] = scale->at[i];
    scale->count = kept;
}

bool slots_scale_init(slots_scale *scale, const gofer_info *types)
{
    size_t count = gofer_info_count(types);
    *scale = (slots_scale){ calloc(count + 1, sizeof *scale->at), 0 };
    if (!scale->at)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct slots_worth one = worth_of(gofer_info_at(types, i));
        if (one.queue)
            scale->at[scale->count++] = one;
    }
    qsort(scale->at, scale->count, sizeof *scale->at, by_queue);
    merge(scale);
    return true;
}

void slots_scale_clear(slots_scale *scale)
{
    free(scale->at);
    *scale = (slots_scale){ 0 };
}

int64_t slots_scale_wanted(const slots_scale *scale, const gofer_info *queue, int64_t wanted_ms)
{
    const struct slots_worth key = { .queue = gofer_info_text(queue, "queue") };
    return wanted(queue, bsearch(&key, scale->at, scale->count, sizeof key, by_queue), wanted_ms);
}
