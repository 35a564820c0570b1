// roll.c - calls the roll of a crew: who its children are and what they do, for whoever looks at
// the worker.
//
// May touch: mates, the lane. The crew's thread alone, once a turn.
#include <string.h>

#include "handler/children/crew.h"
#include "handler/children/mate.h"
#include "util/array.h"

_Static_assert(sizeof((gf_mate *)0)->name == GF_ENROLLED_NAME, "a name is copied whole");

static const char *state_of(const gf_mate *m)
{
    switch (m->state) {
    case GF_MATE_STARTING:
        return "starting";
    case GF_MATE_UP:
        return m->spare ? "starting" : "ready";        // of a reload: the others are not there yet
    case GF_MATE_LEAVING:
        return "leaving";
    case GF_MATE_ENDING:
        break;
    }
    return "ending";
}

void gf_crew_call_roll(gf_crew *c)
{
    gf_roll *roll = &c->roll;
    roll->count = 0;
    roll->sums = (gf_roll_sums){ .restarts = c->restarts };
    for (const gf_mate *m = c->mates; m; m = m->next) {
        size_t want = m->state == GF_MATE_UP && !m->spare ? m->want : 0;
        roll->sums.children++;
        roll->sums.busy += m->begun;
        roll->sums.want += want;
        if (!gf_grow(roll->items, roll->room, roll->count + 1))
            continue;
        gf_enrolled *one = &roll->items[roll->count++];
        *one = (gf_enrolled){
            .number = m->number,
            .pid = m->proc.pid,
            .state = state_of(m),
            .running = m->begun,
            .want = want,
            .processed = m->ended,
            .started_ms = m->born_ms,
        };
        memcpy(one->name, m->name, sizeof one->name);
    }
    c->turn.roll = roll;
}
