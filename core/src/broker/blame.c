// blame.c - which task killed its worker: the rules that both stores go by.
//
// Pure: touches nothing but its arguments, takes no lock. What is suspected, charged and proven is
// said in blame.h; the stores keep the numbers with the task and with the worker that died.
#include "broker/blame.h"

#include <stddef.h>

enum {
    PATIENCE_MS = 2000,
    PATIENCE_MAX_MS = 600000,
    GROWTH = 4,
    SLACK_MS = 60000               // a death is noticed late: at the end of a lease, or by the next
                                   //   worker
};

int64_t gf_blame_patience_ms(int32_t suspect)
{
    int64_t ms = suspect > 0 ? PATIENCE_MS : 0;
    for (int32_t i = 1; i < suspect && ms < PATIENCE_MAX_MS; i++)
        ms *= GROWTH;
    return ms < PATIENCE_MAX_MS ? ms : PATIENCE_MAX_MS;
}

static void suspect_more(gf_blame *b)
{
    if (b->suspect < GF_SUSPECT_MAX)
        b->suspect++;
}

bool gf_blame_death(gf_blame *b, const gf_death *death, int64_t ran_ms)
{
    bool on_trial = gf_on_trial(b);
    bool charged = death->held <= 1 || (on_trial && death->on_trial <= 1);
    // What was proven not long ago may only have been given too little patience. What has run for
    // long was not.
    bool late = b->proven && ran_ms < GROWTH * gf_blame_patience_ms(b->suspect) + SLACK_MS;
    if (charged && b->crashes < INT32_MAX)
        b->crashes++;
    if (charged || on_trial || late || (b->suspect == 0 && death->on_trial == 0))
        suspect_more(b);
    b->proven = false;
    return charged;
}

const char *gf_blame_text(bool charged, const gf_blame *after, const gf_death *death)
{
    if (charged)
        return "its worker died, or did not renew the lease";
    if (after->suspect == 0)
        return "its worker died, while a suspect ran beside it";
    return death->on_trial > 0 ? "its worker died, and another may be the cause as well"
                               : "its worker died with several tasks: it is now a suspect";
}
