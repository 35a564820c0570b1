// change.c - one flow goes on: it is read, changed by its rules and written; what it says is to be
// done is done, and noted with the next change.
#include <stdio.h>
#include <string.h>

#include "broker/redis/flow/flow.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/record.h"

enum {
    TRIES = 200,                         // others change it at the same time
    END_MAX = 1024 + 64                  // bytes of how a step ended: numbers, and an error's front
};

typedef struct changing {
    gf_rd_store  *s;
    gf_rd_change *c;
    gf_rd_flow    f;
    bool          has;                   // it was read, and is as it was read or written
    int64_t       now_ms;
    bool          owns;                  // the lease on all that is out
    char         *ours;                  // of each step: we have let it out
    char         *before;                // the letters, before this pass
    gf_rd_mark   *marks;                 // to be noted
    size_t        mark_count;
    uint32_t     *todo;                  // steps
    size_t        todo_count;
    gf_rd_flow_event *seen;              // by a look at tasks
    size_t        seen_count;
    // what is written of ends in this pass
    uint32_t     *ended;                 // steps
    char        (*ends)[END_MAX];
    redisReply  **left;
    size_t        ended_count, ended_room;
} changing;

// ---- memory -------------------------------------------------------------------------------------

static void ends_clear(changing *g)
{
    for (size_t i = 0; g->left && i < g->ended_count; i++)
        gf_rd_reply_free(g->left[i]);
    gf_free(g->ended);
    gf_free(g->ends);
    gf_free(g->left);
    g->ended = NULL;
    g->ends = NULL;
    g->left = NULL;
    g->ended_count = 0;
}

static void unread(changing *g)
{
    if (g->has)
        gf_rd_flow_clear(&g->f);
    g->has = false;
}

static void changing_end(changing *g)
{
    ends_clear(g);
    unread(g);
    gf_free(g->ours);
    gf_free(g->before);
    gf_free(g->marks);
    gf_free(g->todo);
    gf_free(g->seen);
}

static gofer_status read_it(changing *g, const char *id)
{
    if (g->has)
        return GOFER_OK;
    gofer_status st = gf_rd_flow_read(g->s, id, &g->f);
    g->has = st == GOFER_OK;
    if (st != GOFER_OK || g->ours)
        return st;
    g->ours = gf_calloc(g->f.count, sizeof *g->ours);
    g->before = gf_calloc(g->f.count, sizeof *g->before);
    g->marks = gf_calloc(GF_RD_FLOW_AT_ONCE, sizeof *g->marks);
    g->todo = gf_calloc(GF_RD_FLOW_AT_ONCE, sizeof *g->todo);
    g->seen = gf_calloc(GF_RD_FLOW_AT_ONCE, sizeof *g->seen);
    return g->ours && g->before && g->marks && g->todo && g->seen ? GOFER_OK
                                                                  : gf_fail_nomem("a flow");
}

// ---- a look at tasks ----------------------------------------------------------------------------

static bool has_put(const gf_rd_flow *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (gf_rd_step_is_put(f->states[i]))
            return true;
    return false;
}

// Those whose end no notice has told: a program without notices ended them, or it was lost.
static gofer_status look(changing *g)
{
    gf_rd_flow *f = &g->f;
    uint32_t steps[GF_RD_FLOW_AT_ONCE];
    gf_rd_seen is[GF_RD_FLOW_AT_ONCE];
    size_t count = 0, n = f->look_from;
    g->seen_count = 0;
    if (g->now_ms < f->look_ms || f->state > GF_FLOW_PAUSED || !has_put(f))
        return GOFER_OK;
    for (; n < f->count && count < GF_RD_FLOW_AT_ONCE; n++)
        if (gf_rd_step_is_put(f->states[n]))
            steps[count++] = (uint32_t)n;
    bool all = n >= f->count;            // else the rest comes at once
    gofer_status st = gf_rd_steps_look(g->s, f, steps, count, is);
    for (size_t k = 0; k < count && st == GOFER_OK; k++) {
        const char *state = is[k].state;
        bool done = state && strcmp(state, gf_state_name(GF_COMPLETED)) == 0;
        if (!is[k].sure || (state && !done && strcmp(state, gf_state_name(GF_ARCHIVED)) != 0))
            continue;
        g->seen[g->seen_count++] = (gf_rd_flow_event){ .n = steps[k], .number = -1,
            .how = done ? GF_END_DONE : state ? GF_END_ARCHIVED : GF_END_DELETED };
        f->runs[steps[k]] = (char)('0' + is[k].number);
    }
    f->look_from = all ? 0 : n;
    int64_t rest_ms = gf_min(g->now_ms - f->changed_ms, GF_RD_FLOW_LOOK_MAX_MS);
    f->look_ms = all ? g->now_ms + gf_max(rest_ms, GF_RD_FLOW_LOOK_MS) : g->now_ms;
    f->changed = true;
    return st;
}

// ---- ends ---------------------------------------------------------------------------------------

static gofer_status make_room_for_ends(changing *g, size_t count)
{
    ends_clear(g);
    g->ended = gf_calloc(count + 1, sizeof *g->ended);
    g->ends = gf_calloc(count + 1, sizeof *g->ends);
    g->left = gf_calloc(count + 1, sizeof *g->left);
    return g->ended && g->ends && g->left ? GOFER_OK : gf_fail_nomem("a flow");
}

static void note_end(changing *g, uint32_t n, const char *error)
{
    snprintf(g->ends[g->ended_count], END_MAX, "%s", error ? error : "");
    g->ended[g->ended_count++] = n;
    g->c->done++;
}

static void apply_events(changing *g, gf_rd_flow_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gf_rd_flow_apply(&g->f, &events[i]);
        if (events[i].counts && events[i].again)
            gf_rd_flow_reopen(&g->f, g->now_ms);
        else if (events[i].counts)
            note_end(g, events[i].n, NULL);
    }
}

static void apply_marks(changing *g)
{
    gf_rd_flow *f = &g->f;
    for (size_t i = 0; i < g->mark_count; i++) {
        const gf_rd_mark *m = &g->marks[i];
        char is = f->states[m->n];
        bool was_out = gf_rd_step_is_out(m->was);
        if (is != m->was && !(was_out && is == GF_RD_STEP_OUT_NO) &&
            !(m->was == GF_RD_STEP_OUT_NO && is == GF_RD_STEP_OUT))
            continue;
        if (m->ended) {
            gf_rd_flow_event e = { .n = m->n, .number = -1, .how = m->how };
            gf_rd_flow_apply(f, &e);
            note_end(g, m->n, m->error);
            continue;
        }
        f->states[m->n] = !was_out          ? GF_RD_STEP_ASKED
            : is == GF_RD_STEP_OUT_NO       ? GF_RD_STEP_NO
                                            : GF_RD_STEP_PUT;
        if (m->number >= 0)
            f->runs[m->n] = (char)('0' + m->number);
        f->changed = true;
    }
}

// An error's front, in valid UTF-8 as it came.
static void take_error(char out[END_MAX], const char *error)
{
    size_t size = strnlen(error, END_MAX - 1);
    while (size == END_MAX - 1 && size > 0 && ((unsigned char)error[size] & 0xc0) == 0x80)
        size--;
    memcpy(out, error, size);
    out[size] = '\0';
}

static void read_error(char out[END_MAX], const redisReply *left)
{
    const redisReply *why = gf_rd_reply_at(left, 1, REDIS_REPLY_STRING),
                     *msg = gf_rd_reply_at(left, 0, REDIS_REPLY_STRING);
    void *memory;
    if (why) {
        take_error(out, why->str);
    } else if (msg && gf_wire_task_decode(msg->str, (size_t)msg->len, 0, &memory) == GOFER_OK) {
        const char *error = ((const gf_wire_task *)memory)->message.last_error;
        take_error(out, error ? error : "");
        gf_free(memory);
    }
}

// What those that have ended have left, where they are.
static gofer_status fetch_ends(changing *g)
{
    const gf_rd_flow *f = &g->f;
    gofer_status st = gf_rd_steps_left(g->s, f, g->ended, g->ended_count, g->left);
    for (size_t i = 0; i < g->ended_count && st == GOFER_OK; i++)
        if (f->states[g->ended[i]] != GF_RD_STEP_ENDS[GF_END_DONE] && !*g->ends[i])
            read_error(g->ends[i], g->left[i]);
    return st;
}

// "<Unix ms> <size of the result, or -1>", and on the next line the error.
static void add_ends(changing *g, gf_rd_args *pairs)
{
    char field[24];
    for (size_t i = 0; i < g->ended_count; i++) {
        bool done = g->f.states[g->ended[i]] == GF_RD_STEP_ENDS[GF_END_DONE];
        const redisReply *result =
            done ? gf_rd_reply_at(g->left[i], 0, REDIS_REPLY_STRING) : NULL;
        char error[END_MAX];
        memcpy(error, g->ends[i], END_MAX);
        snprintf(g->ends[i], END_MAX, "%lld %lld\n%.1000s", (long long)g->now_ms,
            result ? (long long)result->len : -1, error);
        snprintf(field, sizeof field, "e%u", (unsigned)g->ended[i]);
        gf_rd_add_short(pairs, field);
        gf_rd_add(pairs, g->ends[i]);
        if (!result)
            continue;
        *field = 'r';
        gf_rd_add_short(pairs, field);
        gf_rd_add_bytes(pairs, result->str, (size_t)result->len);
    }
}

// ---- what is to be done -------------------------------------------------------------------------

static void choose(changing *g)
{
    gf_rd_flow *f = &g->f;
    bool some = false;
    for (size_t i = 0; i < f->count; i++)
        some |= gf_rd_step_is_out(f->states[i]) || f->states[i] == GF_RD_STEP_NO;
    g->todo_count = 0;
    if (!some)
        return;
    g->owns |= f->lease_ms <= g->now_ms;
    if (g->owns && f->lease_ms < g->now_ms + GF_RD_FLOW_LEASE_MS / 2) {
        f->lease_ms = g->now_ms + GF_RD_FLOW_LEASE_MS;
        f->changed = true;
    }
    for (size_t i = 0; i < f->count; i++) {
        char is = f->states[i];
        bool work = gf_rd_step_is_out(is) || is == GF_RD_STEP_NO;
        g->ours[i] |= work && (is != g->before[i] || g->owns);
        if (work && g->ours[i] && g->todo_count < GF_RD_FLOW_AT_ONCE)
            g->todo[g->todo_count++] = (uint32_t)i;
    }
}

static gofer_status work(changing *g)
{
    uint32_t out[GF_RD_FLOW_AT_ONCE], no[GF_RD_FLOW_AT_ONCE];
    size_t out_count = 0, no_count = 0;
    for (size_t i = 0; i < g->todo_count; i++) {
        if (g->f.states[g->todo[i]] == GF_RD_STEP_NO)
            no[no_count++] = g->todo[i];
        else
            out[out_count++] = g->todo[i];
    }
    g->mark_count = 0;
    gofer_status st = out_count
        ? gf_rd_steps_put(g->s, &g->f, out, out_count, g->marks, &g->mark_count)
        : GOFER_OK;
    gofer_status second = no_count
        ? gf_rd_steps_cancel(g->s, &g->f, no, no_count, g->marks, &g->mark_count)
        : GOFER_OK;
    g->c->done += g->mark_count;
    if (g->mark_count > 0)
        return GOFER_OK;                 // the others are tried again
    st = st == GOFER_OK ? second : st;
    return st == GOFER_OK ? gf_fail(GOFER_EBROKER, "no step of the flow '%s' could be put",
        g->f.id) : st;
}

// ---- one pass -----------------------------------------------------------------------------------

static gofer_status change_it(changing *g)
{
    gf_rd_flow *f = &g->f;
    gf_rd_change *c = g->c;
    memcpy(g->before, f->states, f->count);
    f->changed |= c->is_due;
    gofer_status st = c->act ? c->act(f, c->arg, g->now_ms) : GOFER_OK;
    if (st == GOFER_OK)
        st = look(g);
    if (st == GOFER_OK)
        st = make_room_for_ends(g, g->mark_count + c->count + g->seen_count);
    if (st != GOFER_OK)
        return st;
    apply_marks(g);
    apply_events(g, c->events, c->count);
    apply_events(g, g->seen, g->seen_count);
    gf_rd_flow_settle(f, g->now_ms);
    choose(g);
    if (memcmp(g->before, f->states, f->count) != 0) {
        f->changed_ms = g->now_ms;
        int64_t latest_ms = g->now_ms + GF_RD_FLOW_LOOK_MS;
        f->look_ms = f->look_ms <= g->now_ms ? latest_ms : gf_min(f->look_ms, latest_ms);
    }
    return fetch_ends(g);
}

// *done false: another has changed it.
static gofer_status write_it(changing *g, bool *done)
{
    gf_rd_args pairs = { 0 };
    *done = true;
    if (!g->f.changed)
        return GOFER_OK;
    add_ends(g, &pairs);
    gofer_status st = pairs.failed ? gf_fail_nomem("a flow")
                                   : gf_rd_flow_save(g->s, &g->f, &pairs, g->now_ms, done);
    gf_rd_args_clear(&pairs);
    return st;
}

gofer_status gf_rd_flow_change(gf_rd_store *s, const char *id, gf_rd_change *c)
{
    changing g = { .s = s, .c = c };
    gofer_status st = GOFER_OK;
    bool more = true;
    for (int tries = 0; more && st == GOFER_OK; tries++) {
        size_t before = c->done;
        bool written = false;
        g.now_ms = gf_rd_now_ms(&s->base);
        st = read_it(&g, id);
        if (st == GOFER_OK)
            st = change_it(&g);
        if (st == GOFER_OK)
            st = write_it(&g, &written);
        if (st == GOFER_OK && !written) {
            c->done = before;
            unread(&g);
            if (tries == TRIES)
                st = gf_fail(GOFER_EBROKER, "the flow '%s' is changed by others all the time", id);
            continue;
        }
        if (st != GOFER_OK)
            break;
        tries = 0;
        c->act = NULL;
        c->is_due = false;
        c->count = g.mark_count = 0;
        more = g.todo_count > 0;
        if (more)
            st = work(&g);
    }
    changing_end(&g);
    return st;
}
