// limits.c - what the stores agree on of limits beside their rules: snapshots, the form in text.
#include "broker/limits.h"

#include <inttypes.h>
#include <stdio.h>

#include "broker/guards.h"
#include "info/info.h"

static const char *const over_words[] = { "wait", "refuse", "cancel-oldest" };

static int set_if(gofer_info *info, const char *field, int64_t value)
{
    return value > 0 ? gf_info_set_int(info, field, value) : 0;
}

static int set_numbers(gofer_info *info, const gf_limit *l)
{
    int bad = set_if(info, "concurrency", l->concurrency) | set_if(info, "rate", l->rate);
    if (l->rate > 0)
        bad |= gf_info_set_int(info, "per_ms", l->per_ms) |
            gf_info_set_int(info, "burst", l->burst);
    return bad;
}

static gofer_info *unless_bad(gofer_info *info, int bad)
{
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

gofer_info *gf_limit_info(const gf_limit *l)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    return unless_bad(info, gf_info_set_text(info, "name", l->name) | set_numbers(info, l) |
        gf_info_set_text(info, "over", over_words[l->over]) |
        gf_info_set_text(info, "scope", l->per_queue ? "queue" : "store"));
}

gofer_info *gf_limit_look_info(const gf_limit_look *look, int64_t now_ms)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    int bad = gf_info_set_text(info, "key", look->key) |
        gf_info_set_int(info, "running", look->running) |
        gf_info_set_int(info, "waiting", look->waiting);
    if (look->queue)
        bad |= gf_info_set_text(info, "queue", look->queue);
    if (look->limit.name)
        bad |= gf_info_set_text(info, "limit", look->limit.name) | set_numbers(info, &look->limit);
    bad |= gf_info_set_text(info, "occupant", look->occupant);
    if (look->next_start_ms > now_ms && look->next_start_ms < GF_PAUSED_FOREVER)
        bad |= gf_info_set_int(info, "next_start_at_ms", look->next_start_ms);
    if (look->paused_until_ms > now_ms && look->paused_until_ms < GF_PAUSED_FOREVER)
        bad |= gf_info_set_int(info, "paused_until_ms", look->paused_until_ms);
    return unless_bad(info, bad);
}

void gf_limit_write(const gf_limit *l, char out[GF_LIMIT_TEXT])
{
    snprintf(out, GF_LIMIT_TEXT, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %d %d",
        l->concurrency, l->rate, l->per_ms, l->burst, (int)l->over, l->per_queue ? 1 : 0);
}

bool gf_limit_read(const char *text, gf_limit *out)
{
    int over, per_queue, end = 0;
    gf_limit l = { .name = out->name };
    int read = sscanf(text, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %d %d%n",
        &l.concurrency, &l.rate, &l.per_ms, &l.burst, &over, &per_queue, &end);
    bool fits = read == 6 && !text[end] && l.concurrency >= 0 && l.rate >= 0 && over >= 0 &&
        over <= GF_OVER_CANCEL_OLDEST && (l.rate == 0 || (l.per_ms > 0 && l.burst > 0));
    if (!fits)
        return false;
    l.over = (gf_limit_over)over;
    l.per_queue = per_queue != 0;
    *out = l;
    return true;
}
