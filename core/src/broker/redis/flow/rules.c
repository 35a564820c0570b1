// rules.c - how a flow goes on: ends of steps, what may begin then, what is skipped, and its own
// end.
//
// Pure: no store, no clock. What flows.h says of rules is done here, as sqlite/flow/flow.c does it.
#include <string.h>

#include "broker/redis/flow/flow.h"
#include "util/minmax.h"

// ---- letters ------------------------------------------------------------------------------------

bool gf_rd_step_is_out(char state)
{
    return state == GF_RD_STEP_OUT || state == GF_RD_STEP_OUT_NO || state == GF_RD_STEP_AGAIN;
}

bool gf_rd_step_is_put(char state)
{
    return state == GF_RD_STEP_PUT || state == GF_RD_STEP_NO || state == GF_RD_STEP_ASKED;
}

static bool has_not_begun(char state)
{
    return state == GF_RD_STEP_WAITS || state == GF_RD_STEP_READY;
}

bool gf_rd_step_is_open(char state)
{
    return has_not_begun(state) || gf_rd_step_is_out(state) || gf_rd_step_is_put(state);
}

gf_step_state gf_rd_step_state(char state)
{
    const char *end = strchr(GF_RD_STEP_ENDS, state);
    return state == GF_RD_STEP_WAITS    ? GF_STEP_WAITING
        : state == GF_RD_STEP_SKIPPED   ? GF_STEP_SKIPPED
        : gf_rd_step_is_put(state)      ? GF_STEP_PUT
        : state && end                  ? GF_STEP_ENDED + (gf_step_state)(end - GF_RD_STEP_ENDS)
                                        : GF_STEP_READY;
}

static bool has_failed(char state)
{
    return state != GF_RD_STEP_SKIPPED && !gf_rd_step_is_open(state) &&
        state != GF_RD_STEP_ENDS[GF_END_DONE];
}

static void set(gf_rd_flow *f, size_t n, char state)
{
    f->states[n] = state;
    f->changed = true;
}

void gf_rd_flow_count(gf_rd_flow *f)
{
    f->left = f->failed = 0;
    for (size_t i = 0; i < f->count; i++) {
        f->left += gf_rd_step_is_open(f->states[i]);
        f->failed += has_failed(f->states[i]);
    }
}

// ---- what changes all of it ---------------------------------------------------------------------

static bool has_ended(const gf_rd_flow *f)
{
    return f->state > GF_FLOW_PAUSED;
}

bool gf_rd_step_has_each(const gf_rd_step *step)
{
    return step->dep_count && step->deps[0].rule == GF_RULE_EACH;
}

static bool asks(const gf_rd_step *step)
{
    for (size_t i = 0; i < step->dep_count; i++)
        if (step->deps[i].rule != GF_RULE_SUCCESS)
            return true;
    return false;
}

void gf_rd_flow_stop(gf_rd_flow *f, gf_rd_stop why)
{
    bool all = why >= GF_RD_WAS_CANCELLED, cancels = why > GF_RD_STOPS;
    f->stop = why;
    f->changed = true;
    for (size_t i = 0; i < f->count; i++) {
        char is = f->states[i];
        if (has_not_begun(is) && (all || !asks(&f->steps[i])))
            set(f, i, GF_RD_STEP_SKIPPED);
        else if (cancels && is == GF_RD_STEP_PUT)
            set(f, i, GF_RD_STEP_NO);
        else if (cancels && gf_rd_step_is_out(is))
            set(f, i, GF_RD_STEP_OUT_NO);
    }
    if (all && f->state == GF_FLOW_PAUSED)
        f->state = GF_FLOW_RUNNING;
}

void gf_rd_flow_reopen(gf_rd_flow *f, int64_t now_ms)
{
    for (size_t i = 0; i < f->count; i++) {
        char is = f->states[i];
        if (is == GF_RD_STEP_SKIPPED || (has_failed(is) && gf_rd_step_has_each(&f->steps[i])))
            set(f, i, GF_RD_STEP_WAITS);
        else if (is == GF_RD_STEP_NO)
            set(f, i, GF_RD_STEP_PUT);
        else if (is == GF_RD_STEP_OUT_NO)
            set(f, i, GF_RD_STEP_OUT);
    }
    if (has_ended(f))
        f->state = GF_FLOW_RUNNING;
    if (f->deadline_ms && f->deadline_ms <= now_ms)
        f->deadline_ms = 0;              // it is over: who runs the flow again knows
    f->ended_ms = 0;
    f->stop = GF_RD_GOES_ON;
    f->changed = true;
}

// ---- ends of steps ------------------------------------------------------------------------------

enum { NUMBERS = 64 };                   // a notice is behind another by less than half of these

static bool is_news(const gf_rd_flow *f, const gf_rd_flow_event *e)
{
    int ahead = (e->number - (f->runs[e->n] - '0')) & (NUMBERS - 1);
    return ahead > 0 && ahead < NUMBERS / 2;
}

void gf_rd_flow_apply(gf_rd_flow *f, gf_rd_flow_event *e)
{
    e->counts = false;
    if (e->n >= f->count || (e->number >= 0 && !is_news(f, e)))
        return;
    char is = f->states[e->n];
    if (e->number >= 0) {
        f->runs[e->n] = (char)('0' + e->number % NUMBERS);
        f->changed = true;
    }
    if (e->again && has_failed(is)) {
        set(f, e->n, GF_RD_STEP_PUT);
        e->counts = true;
    } else if (!e->again && (gf_rd_step_is_put(is) || gf_rd_step_is_out(is))) {
        set(f, e->n, GF_RD_STEP_ENDS[e->how]);
        e->counts = true;
    }
}

// ---- what is run for each item of a list --------------------------------------------------------

size_t gf_rd_step_each_of(const gf_rd_flow *f, uint32_t n)
{
    if (!f->each_count)
        return f->count;
    if (f->steps[n].made_of >= 0)        // what is made of an item leaves no list, a part does
        for (size_t i = 0; i < f->made_count; i++)
            if (f->made[i].more && n == f->made[i].first + f->made[i].count)
                return f->made[i].each;
    for (size_t i = 0; i < f->planned && f->steps[n].made_of < 0; i++)
        if (gf_rd_step_has_each(&f->steps[i]) && f->steps[i].deps[0].step == n)
            return i;
    return f->count;
}

static void count_one(const gf_rd_flow *f, size_t n, bool part, gf_rd_each *out)
{
    char is = f->states ? f->states[n] : GF_RD_STEP_WAITS;
    bool open = gf_rd_step_is_open(is);
    out->skipped += is == GF_RD_STEP_SKIPPED;
    out->parts += part;
    out->made += !part;
    out->ended += !part && !open;
    out->failed += !part && has_failed(is);
}

gf_rd_each gf_rd_each_count(const gf_rd_flow *f, size_t each)
{
    gf_rd_each out = { .parts = 1 };
    for (size_t i = 0; i < f->made_count; i++) {
        const gf_rd_made *m = &f->made[i];
        for (size_t k = 0; m->each == each && k < m->count + m->more; k++)
            count_one(f, m->first + k, k == m->count, &out);
    }
    return out;
}

gofer_status gf_rd_flow_make(gf_rd_flow *f, uint32_t n, const gf_flow_list *list)
{
    size_t before = f->count;
    gofer_status st = gf_rd_made_add(f, (uint32_t)gf_rd_step_each_of(f, n), n, list->count,
        list->more);
    for (size_t i = before; i < f->count && f->stop != GF_RD_GOES_ON; i++)
        f->states[i] = GF_RD_STEP_SKIPPED;
    f->changed = true;
    return st;
}

// Waits it for nothing any more? Then *to is how it has ended, or how a part of its list has not.
static bool has_all(const gf_rd_flow *f, size_t each, char *to)
{
    uint32_t list = f->steps[each].deps[0].step;
    bool done = f->states[list] == GF_RD_STEP_ENDS[GF_END_DONE];
    if (gf_rd_step_is_open(f->states[list]))
        return false;
    for (size_t i = 0; i < f->made_count; i++) {
        const gf_rd_made *m = &f->made[i];
        for (size_t k = 0; m->each == each && k < m->count + m->more; k++)
            if (gf_rd_step_is_open(f->states[m->first + k]))
                return false;
        if (m->each == each && m->more)
            done &= f->states[m->first + m->count] == GF_RD_STEP_ENDS[GF_END_DONE];
    }
    gf_rd_each n = gf_rd_each_count(f, each);
    *to = !done            ? GF_RD_STEP_SKIPPED
        : n.failed         ? GF_RD_STEP_ENDS[GF_END_ARCHIVED]
        : n.skipped        ? GF_RD_STEP_SKIPPED
                           : GF_RD_STEP_ENDS[GF_END_DONE];
    return true;
}

// ---- what follows -------------------------------------------------------------------------------

// False: it waits. *skip: it never can run.
static bool is_ready(const gf_rd_flow *f, const gf_rd_step *step, bool *skip)
{
    *skip = false;
    for (size_t i = 0; i < step->dep_count; i++) {
        char other = f->states[step->deps[i].step];
        if (gf_rd_step_is_open(other))
            return false;
        *skip |= !gf_flow_satisfies(step->deps[i].rule, gf_rd_step_state(other));
    }
    return true;
}

static void end_flow(gf_rd_flow *f, int64_t now_ms)
{
    f->state = f->stop == GF_RD_WAS_CANCELLED ? GF_FLOW_CANCELLED
        : f->stop == GF_RD_WAS_LATE           ? GF_FLOW_EXPIRED
        : f->failed > 0                       ? GF_FLOW_FAILED
                                              : GF_FLOW_DONE;
    f->ended_ms = now_ms;
    f->changed = true;
}

static void look_at(gf_rd_flow *f, size_t n)
{
    const gf_rd_step *step = &f->steps[n];
    char to = GF_RD_STEP_OUT;
    bool skip = false, each = gf_rd_step_has_each(step);
    if (!has_not_begun(f->states[n]) || !(each ? has_all(f, n, &to) : is_ready(f, step, &skip)))
        return;
    to = f->state != GF_FLOW_RUNNING ? GF_RD_STEP_READY : skip ? GF_RD_STEP_SKIPPED : to;
    if (to != f->states[n])
        set(f, n, to);
}

void gf_rd_flow_settle(gf_rd_flow *f, int64_t now_ms)
{
    if (has_ended(f))
        return;
    gf_rd_flow_count(f);
    if (f->deadline_ms && f->deadline_ms <= now_ms && f->stop < GF_RD_WAS_CANCELLED)
        gf_rd_flow_stop(f, GF_RD_WAS_LATE);
    if (f->failed > 0 && f->stop == GF_RD_GOES_ON && f->on_dead != GF_FLOW_CONTINUE)
        gf_rd_flow_stop(f, f->on_dead == GF_FLOW_STOP ? GF_RD_STOPS : GF_RD_STOPS_CANCELLING);
    for (size_t n = f->planned; n < f->count; n++)     // what was made comes after nothing
        look_at(f, n);
    for (size_t i = 0; i < f->planned; i++)
        look_at(f, f->order[i]);
    gf_rd_flow_count(f);
    if (f->left == 0)
        end_flow(f, now_ms);
}

int64_t gf_rd_flow_due(const gf_rd_flow *f, int64_t now_ms)
{
    if (has_ended(f))
        return f->ended_ms + f->retention_ms;
    int64_t due_ms = f->stop < GF_RD_WAS_CANCELLED && f->deadline_ms ? f->deadline_ms : INT64_MAX;
    for (size_t i = 0; i < f->count; i++) {
        char is = f->states[i];
        if (gf_rd_step_is_out(is) || is == GF_RD_STEP_NO)
            due_ms = gf_min(due_ms, f->lease_ms > now_ms ? f->lease_ms : now_ms);
        else if (gf_rd_step_is_put(is))
            due_ms = gf_min(due_ms, f->look_ms);
    }
    return due_ms;
}
