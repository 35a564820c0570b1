// gather.c - how fast tasks come, and what that is worth waiting.
#include "worker/fetch/gather.h"

#include "util/minmax.h"

enum {
    MEASURE_NS = 2 * 1000 * 1000,  // a rate is measured over so long, at least
    WORTH = 1,                     // so many tasks must be expected within the bound, else none
    ENOUGH = 32                    //   waits; and no longer than for so many
};

void gf_gather_note(gf_gather *g, size_t taken, bool all, int64_t now_ns)
{
    g->last_ns = all && taken ? now_ns : 0;
    if (!g->begun_ns) {
        g->begun_ns = now_ns;
        return;
    }
    g->tasks += taken;
    int64_t lasted_ns = now_ns - g->begun_ns;
    if (lasted_ns < MEASURE_NS)
        return;
    int64_t gap_ns = g->tasks ? lasted_ns / (int64_t)g->tasks : lasted_ns;
    // A rate that falls is believed at once: nobody shall wait for tasks that do not come.
    g->gap_ns = g->gap_ns && gap_ns < g->gap_ns ? (g->gap_ns + gap_ns) / 2 : gap_ns;
    g->begun_ns = now_ns;
    g->tasks = 0;
}

bool gf_gather_flows(const gf_gather *g, int64_t bound_ns)
{
    return g->last_ns && g->gap_ns && bound_ns / g->gap_ns >= WORTH;
}

int64_t gf_gather_ns(const gf_gather *g, int64_t bound_ns, int64_t now_ns)
{
    if (!gf_gather_flows(g, bound_ns))
        return 0;
    int64_t left_ns = g->last_ns + gf_min(ENOUGH * g->gap_ns, bound_ns) - now_ns;
    return left_ns > 0 ? left_ns : 0;
}
