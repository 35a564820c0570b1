// part.c - one queue in an exchange: its keys, and whether it is left alone because it refuses to
// be taken from while others do not.
//
// Which queues refuse is remembered in the store, under s->lock; all else belongs to the exchange.
#include <stdio.h>
#include <string.h>

#include "broker/redis/task/exchange.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    ILL_MS = 5000,                         // a queue that cannot be taken from is left
                                           //   alone for so long,
    ILL_LOG_MS = 60000                     //   and logged so often at the most
};

// ---- its keys -----------------------------------------------------------------------------------

gf_rd_part *gf_rd_part_new(const char *queue)
{
    static const char *const rests[GF_RD_PART_KEYS] = {
        [GF_RD_PENDING] = "pending", [GF_RD_ACTIVE] = "active", [GF_RD_LEASE] = "lease",
        [GF_RD_PROCESSED] = "processed", [GF_RD_PAUSED] = "paused", [GF_RD_FAILED] = "failed",
        [GF_RD_RETRY] = "retry", [GF_RD_ARCHIVED] = "archived", [GF_RD_COMPLETED] = "completed",
        [GF_RD_WAITS] = "gofer:waits", [GF_RD_LINE] = "gofer:line", [GF_RD_SCHEDULED] = "scheduled",
        [GF_RD_LIMITED] = "gofer:limited", [GF_RD_STEPS] = "gofer:steps",
        [GF_RD_TASK] = "t:",
    };
    gf_rd_key front;
    gf_rd_key_of(&front, queue, "");
    size_t size = strlen(front.text), room = size + sizeof "gofer:limited";
    gf_rd_part *p = gf_alloc(sizeof *p + GF_RD_PART_KEYS * room);
    if (!p)
        return NULL;
    *p = (gf_rd_part){
        .queue = queue, .first_done = GF_RD_NONE, .last_done = GF_RD_NONE, .rest = -1
    };
    for (size_t i = 0; i < GF_RD_PART_KEYS; i++) {
        char *to = (char *)(p + 1) + i * room;
        memcpy(to, front.text, size);
        memcpy(to + size, rests[i], strlen(rests[i]) + 1);
        p->keys[i] = to;
    }
    return p;
}

// ---- queues that refuse -------------------------------------------------------------------------

// Locks: s->lock held. Its place, or the one whose time is over first.
static gf_rd_ill *ill_of(gf_rd_store *s, const char *queue)
{
    gf_rd_ill *oldest = &s->ill[0];
    for (size_t i = 0; i < GF_RD_ILL_MAX; i++) {
        if (strcmp(s->ill[i].queue, queue) == 0)
            return &s->ill[i];
        if (s->ill[i].until_ms < oldest->until_ms)
            oldest = &s->ill[i];
    }
    return oldest;
}

void gf_rd_ill_note(gf_rd_store *s, const char *queue)
{
    int64_t now_ms = gf_mono_ms();
    pthread_mutex_lock(&s->lock);
    gf_rd_ill *ill = ill_of(s, queue);
    if (strcmp(ill->queue, queue) != 0)
        ill->logged_ms = 0;
    snprintf(ill->queue, sizeof ill->queue, "%s", queue);
    ill->until_ms = now_ms + ILL_MS;
    bool logs = ill->logged_ms == 0 || now_ms - ill->logged_ms >= ILL_LOG_MS;
    if (logs)
        ill->logged_ms = now_ms;
    pthread_mutex_unlock(&s->lock);
    if (logs)
        gf_logf(&s->base.config.log, GOFER_LOG_ERROR,
            "a queue cannot be taken from; the others go on without it", "queue", queue, "error",
            gofer_error_last(), NULL);
}

void gf_rd_ill_mark(gf_rd_store *s, gf_rd_part *const *parts, size_t count)
{
    int64_t now_ms = gf_mono_ms();
    size_t well = 0;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < count; i++) {
        gf_rd_part *part = parts[i];
        const gf_rd_ill *ill = ill_of(s, part->queue);
        part->ill = part->takes && strcmp(ill->queue, part->queue) == 0 && ill->until_ms > now_ms;
        well += part->takes && !part->ill;
    }
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < count && !well; i++)
        parts[i]->ill = false;
}
