// due.c - the policy for missed ticks.
//
// Pure, and so tested by table: what is late, what was missed, and which of that still comes.
#include "schedule/due.h"

#include <string.h>

// How many of the first `count` ticks are older than what is only late.
static size_t count_missed(const gf_due *due, int64_t now_ms)
{
    size_t n = 0;
    while (n < due->count && now_ms - due->ticks[n] > GF_MISSED_AFTER_MS)
        n++;
    return n;
}

static void drop_first(gf_due *due, size_t n)
{
    memmove(due->ticks, due->ticks + n, (due->count - n) * sizeof *due->ticks);
    due->count -= n;
    due->left_out += n;
}

void gf_due_find(const gf_schedule *s, const gf_zone *zone, int64_t after_ms, int64_t now_ms,
    bool held, gf_due *out)
{
    *out = (gf_due){ .count = 0 };
    if (now_ms <= after_ms)
        return;
    size_t most = held ? 1 : GF_DUE_MAX;
    gf_cron_span span = { after_ms, now_ms, s->since_ms };
    out->count = gf_cron_latest(&s->cron, zone, span, out->ticks, most);
    out->last_ms = out->count ? out->ticks[out->count - 1] : 0;
    if (held)
        return;
    size_t missed = count_missed(out, now_ms), keep = 0;
    if (s->missed == GOFER_MISSED_ALL)
        keep = missed < (size_t)s->missed_max ? missed : (size_t)s->missed_max;
    // One run stands for all that were missed; one that is due now is such a run too.
    else if (s->missed == GOFER_MISSED_ONCE && missed && missed == out->count)
        keep = 1;
    drop_first(out, missed - keep);
}
