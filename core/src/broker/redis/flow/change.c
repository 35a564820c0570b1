// change.c - one flow goes on: it is read, changed by its rules and written; what it says is to be
// done is done, and noted with the next change.
#include <stdio.h>
#include <string.h>

#include "broker/redis/flow/flow.h"
#include "util/alloc.h"
#include "util/array.h"
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
    char         *before;                // the letters, before this pass; 0: it is made in it
    size_t        room;                  // of these two
    size_t        made_from;             // steps that are made in this pass begin here,
    gf_bytes     *bodies;                //   with these messages
    size_t        body_count;
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

static void bodies_clear(changing *g)
{
    for (size_t i = 0; i < g->body_count; i++)
        gf_bytes_clear(&g->bodies[i]);
    gf_free(g->bodies);
    g->bodies = NULL;
    g->body_count = 0;
}

static void unread(changing *g)
{
    bodies_clear(g);
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

// What is kept of each step has room for all of them.
static gofer_status fit(changing *g)
{
    size_t before = g->room, count = g->f.count;
    if (count <= g->room)
        return GOFER_OK;
    if (!gf_grow_columns(g->room, count, GF_COLUMN(g->ours), GF_COLUMN(g->before)))
        return gf_fail_nomem("a flow");
    memset(g->ours + before, 0, g->room - before);
    memset(g->before + before, 0, g->room - before);
    return GOFER_OK;
}

static gofer_status read_it(changing *g, const char *id)
{
    if (g->has)
        return GOFER_OK;
    gofer_status st = gf_rd_flow_read(g->s, id, &g->f);
    g->has = st == GOFER_OK;
    if (st == GOFER_OK)
        st = fit(g);
    if (st != GOFER_OK || g->marks)
        return st;
    g->marks = gf_calloc(GF_RD_FLOW_AT_ONCE, sizeof *g->marks);
    g->todo = gf_calloc(GF_RD_FLOW_AT_ONCE, sizeof *g->todo);
    g->seen = gf_calloc(GF_RD_FLOW_AT_ONCE, sizeof *g->seen);
    return g->marks && g->todo && g->seen ? GOFER_OK : gf_fail_nomem("a flow");
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

// The steps of a list, and their messages, which are written with the end of the one that left it.
static gofer_status make_steps(changing *g, uint32_t n, const gf_flow_list *list)
{
    gf_rd_flow *f = &g->f;
    size_t first = f->count, each = gf_rd_step_each_of(f, n);
    gofer_status st = gf_rd_flow_make(f, n, list);
    if (st == GOFER_OK)
        st = fit(g);
    size_t made = f->count - g->made_from;
    gf_bytes *bodies = st == GOFER_OK ? gf_realloc(g->bodies, (made + 1) * sizeof *bodies) : NULL;
    if (st == GOFER_OK && !bodies)
        st = gf_fail_nomem("a flow");
    if (st != GOFER_OK)
        return st;
    g->bodies = bodies;
    for (size_t i = first; i < f->count; i++) {
        g->before[i] = 0;
        g->bodies[g->body_count++] = (gf_bytes){ 0 };
    }
    bodies += first - g->made_from;
    const gf_rd_mold items = { (uint32_t)each, (uint32_t)first, list->items, list->count };
    const gf_rd_mold next = { n, (uint32_t)(first + list->count), &list->next, 1 };
    st = gf_rd_flow_mold(g->s, f, &items, bodies);
    return st == GOFER_OK && list->more ? gf_rd_flow_mold(g->s, f, &next, bodies + list->count)
                                        : st;
}

// A step that was done, and whose list makes others. If it is none the step has failed, and *why
// tells.
static gofer_status take_list(changing *g, uint32_t n, char why[GF_FLOW_WHY])
{
    redisReply *held;
    const redisReply *result;
    gf_flow_list list;
    gf_rd_flow *f = &g->f;
    gofer_status st = gf_rd_step_result(g->s, f, n, &held, &result);
    if (st != GOFER_OK)
        return st;
    st = gf_flow_list_read(&list, result ? result->str : NULL, result ? (size_t)result->len : 0,
        GOFER_FLOW_STEPS_MAX - gf_min_size(f->count, GOFER_FLOW_STEPS_MAX), why);
    if (st == GOFER_OK) {
        *why = '\0';
        st = make_steps(g, n, &list);
        gf_flow_list_clear(&list);
    } else if (st == GOFER_EINVAL) {
        f->states[n] = GF_RD_STEP_ENDS[GF_END_ARCHIVED];
        st = GOFER_OK;
    }
    gf_rd_reply_free(held);
    return st;
}

static gofer_status apply_events(changing *g, gf_rd_flow_event *events, size_t count)
{
    gf_rd_flow *f = &g->f;
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        const gf_rd_flow_event *e = &events[i];
        char why[GF_FLOW_WHY] = "";
        gf_rd_flow_apply(f, &events[i]);
        if (e->counts && e->again)
            gf_rd_flow_reopen(f, g->now_ms);
        if (!e->counts || e->again)
            continue;
        if (e->how == GF_END_DONE && gf_rd_step_each_of(f, e->n) < f->count)
            st = take_list(g, e->n, why);
        note_end(g, e->n, why);
    }
    return st;
}

// Steps with `each` have no task whose end is told.
static void note_each(changing *g)
{
    const gf_rd_flow *f = &g->f;
    for (size_t i = 0; f->each_count && i < f->planned; i++) {
        char why[GF_FLOW_WHY] = "", is = f->states[i];
        if (!gf_rd_step_has_each(&f->steps[i]) || is == g->before[i] ||
            is == GF_RD_STEP_SKIPPED || gf_rd_step_is_open(is))
            continue;
        gf_rd_each n = gf_rd_each_count(f, i);
        if (n.failed)
            gf_flow_some_failed(why, (int64_t)n.failed, (int64_t)n.made);
        note_end(g, (uint32_t)i, why);
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
    bodies_clear(g);
    g->made_from = f->count;
    f->changed |= c->is_due;
    gofer_status st = c->act ? c->act(f, c->arg, g->now_ms) : GOFER_OK;
    if (st == GOFER_OK)
        st = look(g);
    if (st == GOFER_OK)
        st = make_room_for_ends(g, g->mark_count + c->count + g->seen_count + f->each_count);
    if (st != GOFER_OK)
        return st;
    apply_marks(g);
    st = apply_events(g, c->events, c->count);
    if (st == GOFER_OK)
        st = apply_events(g, g->seen, g->seen_count);
    if (st != GOFER_OK)
        return st;
    gf_rd_flow_settle(f, g->now_ms);
    note_each(g);
    choose(g);
    if (memcmp(g->before, f->states, f->count) != 0) {
        f->changed_ms = g->now_ms;
        int64_t latest_ms = g->now_ms + GF_RD_FLOW_LOOK_MS;
        f->look_ms = f->look_ms <= g->now_ms ? latest_ms : gf_min(f->look_ms, latest_ms);
    }
    return fetch_ends(g);
}

// *made: what the pair points to.
static gofer_status add_made(const changing *g, gf_rd_args *pairs, char **made)
{
    char field[24];
    size_t size;
    *made = NULL;
    if (!g->bodies)
        return GOFER_OK;
    gofer_status st = gf_rd_made_write(&g->f, made, &size);
    if (st != GOFER_OK)
        return st;
    gf_rd_add(pairs, "made");
    gf_rd_add_bytes(pairs, *made, size);
    for (size_t n = g->made_from; n < g->f.count; n++) {
        const gf_bytes *body = &g->bodies[n - g->made_from];
        snprintf(field, sizeof field, "b%zu", n);
        gf_rd_add_short(pairs, field);
        gf_rd_add_bytes(pairs, body->bytes, body->size);
    }
    return GOFER_OK;
}

// *done false: another has changed it.
static gofer_status write_it(changing *g, bool *done)
{
    gf_rd_args pairs = { 0 };
    char *made = NULL;
    *done = true;
    if (!g->f.changed)
        return GOFER_OK;
    add_ends(g, &pairs);
    gofer_status st = add_made(g, &pairs, &made);
    if (st == GOFER_OK)
        st = pairs.failed ? gf_fail_nomem("a flow")
                          : gf_rd_flow_save(g->s, &g->f, &pairs, g->now_ms, done);
    gf_rd_args_clear(&pairs);
    gf_free(made);
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
