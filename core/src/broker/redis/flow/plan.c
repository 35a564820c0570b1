// plan.c - a flow as it is stored: its shape, which never changes, and how it stands.
//
// Both are text. The shape: "1 <steps> <links>", then of each step its name, queue and type, and
// "<run at, Unix ms> <delay, ms>" with 3 * step + rule of each that it comes after; a NUL ends each
// of these. Where a step is run for each item of a list it begins with a 2, and has 4 * step. What
// was made: "<each> <list> <steps> <1: there is more>" for each list, in the order in which it was.
// How it stands: numbers in one line, the letters of all steps in the next, the numbers
// of their notices in the third.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/flow/flow.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"

// How many rules there are, in the first version of shapes and in the second.
enum { RULES = GF_RULE_ALWAYS + 1, RULES_2 = GF_RULE_EACH + 1, MADE_NAME = GF_FLOW_NAME_MAX + 8 };

// ---- writing ------------------------------------------------------------------------------------

typedef struct text {
    char  *bytes;
    size_t size, room;
    bool   failed;                       // no memory
} text;

static void add(text *t, const char *bytes, size_t size)
{
    if (t->failed || !gf_grow(t->bytes, t->room, t->size + size)) {
        t->failed = true;
        return;
    }
    memcpy(t->bytes + t->size, bytes, size);
    t->size += size;
}

static void add_word(text *t, const char *word)
{
    add(t, word, strlen(word) + 1);
}

// A number, and what stands behind it.
static void add_int(text *t, int64_t number, char after)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%lld%c", (long long)number, after);
    add(t, digits, (size_t)size);
}

static gofer_status hand_over(text *t, char **out, size_t *size)
{
    if (t->failed) {
        gf_free(t->bytes);
        return gf_fail_nomem("a flow");
    }
    *out = t->bytes;
    *size = t->size;
    return GOFER_OK;
}

gofer_status gf_rd_shape_write(const gf_flow_plan *plan, char **out, size_t *size)
{
    text t = { 0 };
    size_t links = 0;
    bool each = false;
    for (size_t i = 0; i < plan->count; i++) {
        links += plan->steps[i].dep_count;
        each |= plan->steps[i].dep_count && plan->steps[i].deps[0].rule == GF_RULE_EACH;
    }
    int64_t rules = each ? RULES_2 : RULES;
    add(&t, each ? "2 " : "1 ", 2);
    add_int(&t, (int64_t)plan->count, ' ');
    add_int(&t, (int64_t)links, '\0');
    for (size_t i = 0; i < plan->count; i++) {
        const gf_flow_step *step = &plan->steps[i];
        add_word(&t, step->name);
        add_word(&t, step->message->queue);
        add_word(&t, step->message->type);
        add_int(&t, step->run_at_ms, ' ');
        add_int(&t, step->delay_ms, step->dep_count ? ' ' : '\0');
        for (size_t k = 0; k < step->dep_count; k++)
            add_int(&t, (int64_t)step->deps[k].step * rules + step->deps[k].rule,
                k + 1 < step->dep_count ? ' ' : '\0');
    }
    return hand_over(&t, out, size);
}

gofer_status gf_rd_made_write(const gf_rd_flow *f, char **out, size_t *size)
{
    text t = { 0 };
    *out = NULL;
    for (size_t i = 0; i < f->made_count; i++) {
        const gf_rd_made *m = &f->made[i];
        add_int(&t, m->each, ' ');
        add_int(&t, m->list, ' ');
        add_int(&t, (int64_t)m->count, ' ');
        add_int(&t, m->more, ' ');
    }
    return f->made_count ? hand_over(&t, out, size) : GOFER_OK;
}

gofer_status gf_rd_now_write(const gf_rd_flow *f, char **out, size_t *size)
{
    text t = { 0 };
    const int64_t numbers[] = { f->state, f->stop, f->on_dead, f->retention_ms, f->created_ms,
        f->ended_ms, f->deadline_ms, f->changed_ms, f->look_ms, f->lease_ms,
        (int64_t)f->look_from };
    size_t count = sizeof numbers / sizeof *numbers;
    for (size_t i = 0; i < count; i++)
        add_int(&t, numbers[i], i + 1 < count ? ' ' : '\n');
    add(&t, f->states, f->count);
    add(&t, "\n", 1);
    add(&t, f->runs, f->count);
    return hand_over(&t, out, size);
}

// ---- reading ------------------------------------------------------------------------------------

// Bounds are the text's: it ends with a NUL.
typedef struct reading {
    const char *at, *end;
    bool        bad;
} reading;

static int64_t take_int(reading *r, int64_t most)
{
    char *end = NULL;
    long long number = r->bad ? 0 : strtoll(r->at, &end, 10);
    if (r->bad || end == r->at || number < 0 || number > most) {
        r->bad = true;
        return 0;
    }
    r->at = end + (*end == ' ' || *end == '\n');
    return number;
}

static const char *take_word(reading *r)
{
    const char *word = r->at;
    size_t left = (size_t)(r->end - r->at), size = r->bad ? left : strnlen(word, left);
    if (size == left) {
        r->bad = true;
        return "";
    }
    r->at += size + 1;
    return word;
}

static void take_end(reading *r)
{
    if (!r->bad && (r->at >= r->end || *r->at++ != '\0'))
        r->bad = true;
}

static gofer_status corrupt(const gf_rd_flow *f)
{
    return gf_fail(GOFER_ECORRUPT, "the flow '%s' cannot be read: somebody else has written into "
        "its key", f->id);
}

// What is as long as the flow.
typedef struct reading_shape {
    int64_t rules;
    size_t  links, used;
} reading_shape;

static void read_step(gf_rd_flow *f, reading *r, size_t n, reading_shape *shape)
{
    gf_rd_step *step = &f->steps[n];
    step->made_of = -1;
    step->name = take_word(r);
    step->queue = take_word(r);
    step->type = take_word(r);
    step->run_at_ms = take_int(r, INT64_MAX);
    step->delay_ms = take_int(r, INT64_MAX);
    step->deps = f->deps + shape->used;
    while (!r->bad && r->at < r->end && *r->at) {
        int64_t link = take_int(r, (int64_t)f->count * shape->rules - 1);
        r->bad |= shape->used == shape->links;
        if (r->bad)
            return;
        f->deps[shape->used++] = (gf_flow_dep){ (uint32_t)(link / shape->rules),
            (gf_flow_rule)(link % shape->rules) };
        step->dep_count++;
    }
    f->each_count += gf_rd_step_has_each(step);
    take_end(r);
}

// Each behind those that it comes after; false: there is a circle.
static bool put_in_order(gf_rd_flow *f)
{
    size_t *open = gf_calloc(f->count, sizeof *open), found = 0, before = 1;
    bool *is_in = gf_calloc(f->count, sizeof *is_in);
    for (bool rising = true; open && is_in && found < f->count && found != before; rising = false) {
        before = found;
        for (size_t i = 0; i < f->count; i++) {
            size_t n = rising ? i : f->count - 1 - i;
            const gf_rd_step *step = &f->steps[n];
            while (open[n] < step->dep_count && is_in[step->deps[open[n]].step])
                open[n]++;
            if (is_in[n] || open[n] < step->dep_count)
                continue;
            is_in[n] = true;
            f->order[found++] = (uint32_t)n;
        }
    }
    bool all = found == f->count;
    gf_free(open);
    gf_free(is_in);
    return all;
}

gofer_status gf_rd_shape_read(gf_rd_flow *f, const char *bytes, size_t size)
{
    f->shape = gf_memdup(bytes, size);
    if (!f->shape)
        return gf_fail_nomem("a flow");
    reading r = { .at = f->shape, .end = f->shape + size };
    int64_t version = take_int(&r, 2);
    r.bad |= version < 1;
    f->count = (size_t)take_int(&r, GOFER_FLOW_STEPS_MAX);
    f->planned = f->count;
    reading_shape shape = { .rules = version == 2 ? RULES_2 : RULES,
        .links = (size_t)take_int(&r, GOFER_FLOW_LINKS_MAX) };
    take_end(&r);
    if (r.bad || f->count == 0)
        return corrupt(f);
    f->steps = gf_calloc(f->count, sizeof *f->steps);
    f->deps = gf_calloc(shape.links + 1, sizeof *f->deps);
    f->order = gf_calloc(f->count, sizeof *f->order);
    if (!f->steps || !f->deps || !f->order)
        return gf_fail_nomem("a flow");
    for (size_t i = 0; i < f->count; i++)
        read_step(f, &r, i, &shape);
    return !r.bad && put_in_order(f) ? GOFER_OK : corrupt(f);
}

// ---- what was made ------------------------------------------------------------------------------

// "rows" of "rows.2".
static const char *first_name(const gf_rd_flow *f, uint32_t list, int *size)
{
    const gf_rd_step *step = &f->steps[list];
    const char *dot = step->made_of >= 0 ? strrchr(step->name, '.') : NULL;
    *size = (int)(dot ? (size_t)(dot - step->name) : strlen(step->name));
    return step->name;
}

static void make_step(gf_rd_flow *f, size_t n, const gf_rd_made *m, const gf_rd_each *there)
{
    size_t at = n - m->first;
    bool part = at == m->count;
    uint32_t like = part ? m->list : m->each;
    int size;
    char *name = m->names + at * MADE_NAME;
    const char *base = first_name(f, like, &size);
    size_t number = part ? there->parts + 1 : there->made + at + 1;
    snprintf(name, MADE_NAME, "%.*s.%zu", size, base, number);
    f->steps[n] = f->steps[like];
    f->steps[n].name = name;
    f->steps[n].deps = NULL;
    f->steps[n].dep_count = 0;
    f->steps[n].made_of = (int32_t)m->each;
}

// The arrays of all steps.
static bool make_room(gf_rd_flow *f, size_t count)
{
    gf_rd_step *steps = gf_realloc(f->steps, count * sizeof *steps);
    f->steps = steps ? steps : f->steps;
    char *states = f->states ? gf_realloc(f->states, count) : NULL;
    f->states = states ? states : f->states;
    char *runs = f->states ? gf_realloc(f->runs, count) : NULL;
    f->runs = runs ? runs : f->runs;
    return steps && (!f->states || (states && runs));
}

gofer_status gf_rd_made_add(gf_rd_flow *f, uint32_t each, uint32_t list, size_t count, bool more)
{
    size_t before = f->count, steps = count + more;
    const gf_rd_each there = gf_rd_each_count(f, each);
    gf_rd_made *made = gf_realloc(f->made, (f->made_count + 1) * sizeof *made);
    f->made = made ? made : f->made;
    char *names = gf_calloc(steps + 1, MADE_NAME);
    if (!made || !names || !make_room(f, before + steps)) {
        gf_free(names);
        return gf_fail_nomem("a flow");
    }
    gf_rd_made *m = &f->made[f->made_count++];
    *m = (gf_rd_made){ each, list, before, count, more, names };
    for (size_t i = 0; i < steps; i++)
        make_step(f, before + i, m, &there);
    if (f->states) {
        memset(f->states + before, GF_RD_STEP_WAITS, steps);
        memset(f->runs + before, '0', steps);
    }
    f->count += steps;
    return GOFER_OK;
}

gofer_status gf_rd_made_read(gf_rd_flow *f, const char *bytes, size_t size)
{
    reading r = { .at = bytes, .end = bytes + size };
    while (r.at < r.end) {
        uint32_t each = (uint32_t)take_int(&r, (int64_t)f->planned - 1),
                 list = (uint32_t)take_int(&r, (int64_t)f->count - 1);
        size_t count = (size_t)take_int(&r, GOFER_FLOW_STEPS_MAX);
        bool more = take_int(&r, 1) == 1;
        if (r.bad || f->count + count + more > GOFER_FLOW_STEPS_MAX)
            return corrupt(f);
        gofer_status st = gf_rd_made_add(f, each, list, count, more);
        if (st != GOFER_OK)
            return st;
    }
    return GOFER_OK;
}

gofer_status gf_rd_now_read(gf_rd_flow *f, const char *bytes, size_t size)
{
    reading r = { .at = bytes, .end = bytes + size };
    f->state = (gf_flow_state)take_int(&r, GF_FLOW_STATES - 1);
    f->stop = (gf_rd_stop)take_int(&r, GF_RD_WAS_LATE);
    f->on_dead = (gf_flow_on_dead)take_int(&r, GF_FLOW_CONTINUE);
    f->retention_ms = take_int(&r, INT64_MAX);
    f->created_ms = take_int(&r, INT64_MAX);
    f->ended_ms = take_int(&r, INT64_MAX);
    f->deadline_ms = take_int(&r, INT64_MAX);
    f->changed_ms = take_int(&r, INT64_MAX);
    f->look_ms = take_int(&r, INT64_MAX);
    f->lease_ms = take_int(&r, INT64_MAX);
    f->look_from = (size_t)take_int(&r, GOFER_FLOW_STEPS_MAX);
    if (!f->shape && !r.bad && r.at < r.end)   // without it: how many there are is seen here
        f->count = (size_t)(r.end - r.at - 1) / 2;
    if (r.bad || (size_t)(r.end - r.at) != 2 * f->count + 1 || r.at[f->count] != '\n')
        return corrupt(f);
    f->states = gf_memdup(r.at, f->count);
    f->runs = gf_memdup(r.at + f->count + 1, f->count);
    if (!f->states || !f->runs)
        return gf_fail_nomem("a flow");
    gf_rd_flow_count(f);
    return GOFER_OK;
}

size_t gf_rd_step_named(const gf_rd_flow *f, const char *name)
{
    size_t n = 0;
    while (n < f->count && strcmp(f->steps[n].name, name) != 0)
        n++;
    return n;
}

void gf_rd_flow_clear(gf_rd_flow *f)
{
    for (size_t i = 0; i < f->made_count; i++)
        gf_free(f->made[i].names);
    gf_free(f->made);
    gf_free(f->shape);
    gf_free(f->steps);
    gf_free(f->deps);
    gf_free(f->order);
    gf_free(f->states);
    gf_free(f->runs);
    *f = (gf_rd_flow){ .count = 0 };
}
