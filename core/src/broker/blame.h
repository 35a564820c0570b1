// blame.h - which task killed its worker: what the stores agree on when one has died with tasks in
// its hands. Pure.
//
// Nobody writes down when a task starts, so a death has several suspects. Each is then run apart
// ("on trial": one at a time in a worker, and nothing new beside it) until it has ended or has run
// for longer than its patience. Charged is only the one that was alone, or alone on trial.
#ifndef GF_BROKER_BLAME_H
#define GF_BROKER_BLAME_H

#include <stdbool.h>
#include <stdint.h>

enum { GF_SUSPECT_MAX = 60000 };   // is counted no further

// What a task has on record.
typedef struct gf_blame {
    int32_t crashes;               // deaths it was charged with
    int32_t suspect;               // how often it was suspected since it last came to an end of its
                                   //   own; 0: it is none
    bool    proven;                // in this run: it ran for longer than its patience
} gf_blame;

// What a worker held when it died, as the store saw it then.
typedef struct gf_death {
    int64_t held;                  // tasks
    int64_t on_trial;              // of these, suspects that were not proven
} gf_death;

static inline bool gf_on_trial(const gf_blame *b)
{
    return b->suspect > 0 && !b->proven;
}

// How long a suspect runs apart until it counts as proven: 2 s, 8 s, 32 s and so on, up to 10
// minutes.
int64_t gf_blame_patience_ms(int32_t suspect);

// Puts this death on the record of a task that was held. ran_ms: at the most, since it was taken.
// True: it is charged.
bool gf_blame_death(gf_blame *b, const gf_death *death, int64_t ran_ms);

// Why it is back in its queue, for its history.
const char *gf_blame_text(bool charged, const gf_blame *after, const gf_death *death);

#endif
