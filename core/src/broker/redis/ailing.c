// ailing.c - queues whose server did not answer while others did: an exchange leaves them out for a
// while, so that what is on other servers goes on at full speed. After a pause that grows it tries
// again, and does not wait for long.
//
// Locks: the store's lock, for the list.
#include <string.h>

#include "broker/redis/flow/flow.h"
#include "broker/redis/task/exchange.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum { PAUSE_MIN_MS = 2000, PAUSE_MAX_MS = 20000 };

static gf_rd_ailing *place_of(gf_rd_store *s, int32_t slot)
{
    return &s->ailing[(uint32_t)slot % GF_RD_AILING_MAX];
}

static bool is_known(gf_rd_store *s, const char *queue, int64_t since_ms)
{
    if (atomic_load(&s->ailing_count) == 0)
        return false;
    int32_t slot = gf_rd_queue_slot(queue);
    pthread_mutex_lock(&s->lock);
    const gf_rd_ailing *a = place_of(s, slot);
    bool known = a->pause_ms > 0 && a->slot == slot && since_ms < a->until_ms;
    pthread_mutex_unlock(&s->lock);
    return known;
}

bool gf_rd_ails(gf_rd_store *s, const char *queue)
{
    return is_known(s, queue, gf_mono_ms());
}

bool gf_rd_ailed(gf_rd_store *s, const char *queue)
{
    return is_known(s, queue, 0);
}

void gf_rd_ailing_note(gf_rd_store *s, const char *queue, bool answers)
{
    if (answers && atomic_load(&s->ailing_count) == 0)
        return;
    int32_t slot = gf_rd_queue_slot(queue);
    pthread_mutex_lock(&s->lock);
    gf_rd_ailing *a = place_of(s, slot);
    bool known = a->pause_ms > 0 && a->slot == slot;
    if (answers && known) {
        a->pause_ms = 0;
        atomic_fetch_sub(&s->ailing_count, 1);
    } else if (!answers) {
        atomic_fetch_add(&s->ailing_count, a->pause_ms == 0);      // else another slot gives way
        a->pause_ms = !known                 ? PAUSE_MIN_MS
            : 2 * a->pause_ms < PAUSE_MAX_MS ? 2 * a->pause_ms
                                             : PAUSE_MAX_MS;
        a->until_ms = gf_mono_ms() + a->pause_ms;
        a->slot = slot;
    }
    pthread_mutex_unlock(&s->lock);
}

// ---- an exchange without them -------------------------------------------------------------------

typedef struct rest {
    gf_finish *done;
    uint32_t  *number;                     // of each, in the caller's list
    gf_share  *queues;
    size_t     done_count, queue_count;
} rest;

static bool leave_out(gf_rd_store *s, gf_finish *done, size_t done_count, const gf_take *take,
    rest *r)
{
    size_t queues = take ? take->queue_count : 0;
    r->done = gf_alloc((done_count + 1) * sizeof *r->done);
    r->number = gf_alloc((done_count + 1) * sizeof *r->number);
    r->queues = gf_alloc((queues + 1) * sizeof *r->queues);
    if (!r->done || !r->number || !r->queues)
        return false;
    for (size_t i = 0; i < queues; i++)
        if (!gf_rd_ails(s, take->queues[i].queue))
            r->queues[r->queue_count++] = take->queues[i];
    for (uint32_t i = 0; i < done_count; i++) {
        done[i].status = GOFER_EBROKER;
        if (gf_rd_ails(s, gf_rd_claim_queue(done[i].claim)))
            continue;
        r->number[r->done_count] = i;
        r->done[r->done_count++] = done[i];
    }
    return true;
}

static gofer_status exchange_rest(gf_rd_store *s, gf_finish *done, size_t done_count, gf_take *take)
{
    rest r = { .done_count = 0 };
    gf_take some = take ? *take : (gf_take){ .max = 0 };
    gofer_status st = GOFER_OK;
    if (!leave_out(s, done, done_count, take, &r)) {
        st = gf_fail_nomem("an exchange");
    } else if (r.done_count == 0 && r.queue_count == 0) {
        st = gf_fail(GOFER_EBROKER,
            "the servers of these queues do not answer, and are left alone for a while");
    } else {
        // Of a take that names fewer queues those that are left may give all.
        some.queues = r.queues;
        some.queue_count = r.queue_count;
        st = gf_rd_exchange_all(s, r.done, r.done_count, take && r.queue_count ? &some : NULL);
        for (size_t i = 0; i < r.done_count; i++)
            done[r.number[i]].status = r.done[i].status;
        if (take)
            take->count = r.queue_count ? some.count : 0;
    }
    gf_free(r.done);
    gf_free(r.number);
    gf_free(r.queues);
    return st;
}

gofer_status gf_rd_exchange(gf_broker *b, gf_finish *done, size_t done_count, gf_take *take)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    if (take)
        take->count = 0;
    bool ails = false;
    for (size_t i = 0; take && i < take->queue_count && !ails; i++)
        ails = gf_rd_ails(s, take->queues[i].queue);
    for (size_t i = 0; i < done_count && !ails; i++)
        ails = gf_rd_ails(s, gf_rd_claim_queue(done[i].claim));
    st = ails ? exchange_rest(s, done, done_count, take)
              : gf_rd_exchange_all(s, done, done_count, take);
    gf_rd_flow_ring(s, done, done_count);
    return st;
}
