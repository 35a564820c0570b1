// scale.c - how many slots a queue wants.
#include "scale.h"

#include <string.h>

// What one type of a queue is worth: tasks times milliseconds, and tasks.
static void weigh(const gofer_info *types, const char *queue, double *run_ms, double *tasks)
{
    *run_ms = *tasks = 0;
    for (size_t i = 0; i < gofer_info_count(types); i++) {
        const gofer_info *type = gofer_info_at(types, i);
        const char *of = gofer_info_text(type, "queue");
        if (!of || strcmp(of, queue) != 0)
            continue;
        double count = (double)gofer_info_int(type, "done", 0)
            + (double)gofer_info_int(type, "failed", 0);
        *tasks += count;
        *run_ms += count * (double)gofer_info_int(type, "run_p50_ms", 0);
    }
}

// As many slots as the work that waits, divided by the time it may wait, and those that are busy.
int64_t slots_wanted(const gofer_info *queue, const gofer_info *types, int64_t wanted_ms)
{
    double run_ms, tasks;
    weigh(types, gofer_info_text(queue, "queue"), &run_ms, &tasks);
    double mean = tasks > 0 ? run_ms / tasks : 0;
    double waiting = (double)gofer_info_int(queue, "pending", 0);
    double slots = (double)gofer_info_int(queue, "active", 0) + waiting * mean / (double)wanted_ms;
    int64_t whole = (int64_t)slots;
    whole += (double)whole < slots;
    return whole == 0 && waiting > 0 ? 1 : whole;
}
