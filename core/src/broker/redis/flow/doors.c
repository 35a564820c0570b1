// doors.c - flows as the door has them: started, acted on.
#include <string.h>

#include "broker/redis/flow/flow.h"
#include "broker/redis/shard/shard.h"
#include "util/error.h"

// ---- start --------------------------------------------------------------------------------------

gofer_status gf_rd_flow_start(gf_broker *b, const gf_flow_plan *plan)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_change c = { 0 };
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = gf_rd_flow_create(s, plan);
    if (st == GOFER_OK)
        (void)gf_rd_flow_change(s, plan->id, &c);      // it is there: relay goes on with it
    return st;
}

// ---- acts ---------------------------------------------------------------------------------------

typedef struct acting {
    const char *step;
    gf_flow_act act;
} acting;

static bool has_failed(char state)
{
    gf_step_state is = gf_rd_step_state(state);
    return is > GF_STEP_ENDED + GF_END_DONE && is < GF_STEP_SKIPPED;
}

// Is it this one (NULL: any), or made of it? One with `each` has no task: it waits anew for others.
static bool is_meant(const gf_rd_flow *f, size_t n, const char *step)
{
    const gf_rd_step *is = &f->steps[n];
    size_t size = step ? strlen(step) : 0;
    bool made = is->made_of >= 0 && step && strncmp(is->name, step, size) == 0 &&
        is->name[size] == '.';
    return !gf_rd_step_has_each(is) && (!step || made || strcmp(step, is->name) == 0);
}

static gofer_status retry(gf_rd_flow *f, const char *step, int64_t now_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (!has_failed(f->states[i]) || !is_meant(f, i, step))
            continue;
        f->states[i] = GF_RD_STEP_AGAIN;
        count++;
    }
    bool was_stopped = f->state == GF_FLOW_CANCELLED || f->state == GF_FLOW_EXPIRED;
    if (!count && (step || !was_stopped))
        return step ? gf_fail(GOFER_ESTATE, "no step '%s' of the flow '%s' has failed", step, f->id)
                    : gf_fail(GOFER_ESTATE, "no step of the flow '%s' has failed", f->id);
    gf_rd_flow_reopen(f, now_ms);
    return GOFER_OK;
}

static gofer_status act(gf_rd_flow *f, void *arg, int64_t now_ms)
{
    const acting *a = arg;
    if (a->act == GF_FLOW_ACT_RETRY)
        return retry(f, a->step, now_ms);
    if (f->state > GF_FLOW_PAUSED)
        return gf_fail(GOFER_ESTATE, "the flow '%s' is %s: it has ended", f->id,
            gf_flow_state_name(f->state));
    if (a->act == GF_FLOW_ACT_CANCEL)
        gf_rd_flow_stop(f, GF_RD_WAS_CANCELLED);
    else
        f->state = a->act == GF_FLOW_ACT_PAUSE ? GF_FLOW_PAUSED : GF_FLOW_RUNNING;
    f->changed = true;
    return GOFER_OK;
}

// What follows from them in flows is done at once, as no worker may be there to do it. What is left
// over does relay.
static void follow(gf_broker *b)
{
    enum { NOTICES = 1000 };
    size_t done;
    int64_t next_ms;
    atomic_store(&((gf_rd_store *)b)->flow_rung, 1);
    (void)gf_rd_flow_relay(b, NOTICES, &done, &next_ms);
}

gofer_status gf_rd_flow_act(gf_broker *b, const char *id, const char *step, gf_flow_act what)
{
    gf_rd_store *s = (gf_rd_store *)b;
    acting a = { .step = step, .act = what };
    gf_rd_change c = { .act = act, .arg = &a };
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK && strlen(id) > GF_FLOW_ID_MAX)
        st = gf_fail(GOFER_ENOTFOUND, "there is no flow '%s'", id);
    if (st == GOFER_OK)
        st = gf_rd_flow_change(s, id, &c);
    if (!c.act && what == GF_FLOW_ACT_CANCEL)
        follow(b);
    return !c.act && st != GOFER_OK ? GOFER_OK : st;   // it was written: relay goes on with it
}

// ---- acts on tasks ------------------------------------------------------------------------------

// "<flow>:<number>"
static bool may_be_step(const char *id)
{
    const char *colon = strrchr(id, ':');
    return colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

gofer_status gf_rd_flow_tasks_act(gf_broker *b, const char *queue, gf_act act,
    const char *const *ids, size_t count, gofer_status *statuses)
{
    gofer_status st = gf_rd_sharded_act(b, queue, act, ids, count, statuses);
    for (size_t i = 0; i < count; i++)
        if (may_be_step(ids[i])) {
            follow(b);
            break;
        }
    return st;
}

gofer_status gf_rd_flow_tasks_move(gf_broker *b, const char *queue, gf_state from, gf_state to,
    size_t limit, size_t *done)
{
    gofer_status st = gf_rd_sharded_move(b, queue, from, to, limit, done);
    if (st == GOFER_OK)
        follow(b);
    return st;
}

gofer_status gf_rd_flow_queue_delete(gf_broker *b, const char *queue, bool force)
{
    gofer_status st = gf_rd_sharded_delete(b, queue, force);
    if (st == GOFER_OK && force)
        follow(b);
    return st;
}
