// draft.c - a flow's plan is checked and made: names, what comes after what, no circles.
//
// Names are found in a sorted array; circles by taking away, again and again, what comes after
// nothing (Kahn): what is left over waits for itself. Pure but for the drafts' ids and times.
#include "flow/draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/options.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"
#include "util/id.h"
#include "util/text.h"

enum { DAY_MS = 24 * 3600 * 1000 };

void gofer_flow_step_init(gofer_flow_step *step)
{
    *step = (gofer_flow_step){ .size = sizeof *step };
}

void gofer_flow_options_init(gofer_flow_options *opts)
{
    *opts = (gofer_flow_options){ .size = sizeof *opts };
}

// ---- the flow itself ----------------------------------------------------------------------------

static gofer_status read_options(gf_flow_draft *p, const gofer_flow_options *given)
{
    gofer_flow_options o;
    gofer_status st = gf_read_options(&o, sizeof o, given, "gofer_flow_options");
    if (st == GOFER_OK)
        st = gf_check_time("deadline_ms", o.deadline_ms);
    if (st == GOFER_OK)
        st = gf_check_duration("retention_ms", o.retention_ms);
    if (st == GOFER_OK && o.flow_id)
        st = gf_check_name("flow id", o.flow_id);
    if (st != GOFER_OK)
        return st;
    if (o.on_dead < GOFER_FLOW_STOP || o.on_dead > GOFER_FLOW_CONTINUE)
        return gf_fail(GOFER_EINVAL,
            "on_dead is %d: it must be GOFER_FLOW_STOP, _CANCEL or _CONTINUE", (int)o.on_dead);
    if (o.flow_id && (strlen(o.flow_id) > GF_FLOW_ID_MAX || strchr(o.flow_id, '/')))
        return gf_fail(GOFER_EINVAL, "the flow id '%.60s' must have at most %d bytes and no '/'",
            o.flow_id, GF_FLOW_ID_MAX);
    if (o.flow_id)
        snprintf(p->id, sizeof p->id, "%s", o.flow_id);
    else
        gf_id_new(p->id);
    p->plan.id = p->id;
    p->plan.on_dead = (gf_flow_on_dead)o.on_dead;
    p->plan.deadline_ms = o.deadline_ms;
    p->plan.retention_ms = o.retention_ms ? o.retention_ms : DAY_MS;
    return GOFER_OK;
}

static gofer_status make_room(gf_flow_draft *p, size_t count)
{
    if (count < 1 || count > GOFER_FLOW_STEPS_MAX)
        return gf_fail(GOFER_EINVAL, "a flow of %zu steps: it must have from 1 to %d", count,
            GOFER_FLOW_STEPS_MAX);
    p->steps = gf_calloc(count, sizeof *p->steps);
    p->parts = gf_calloc(count, sizeof *p->parts);
    p->by_name = gf_calloc(count, sizeof *p->by_name);
    if (!p->steps || !p->parts || !p->by_name)
        return gf_fail_nomem("a flow");
    p->plan.steps = p->steps;
    p->plan.count = count;
    return GOFER_OK;
}

// ---- one step -----------------------------------------------------------------------------------

// The same failure, of this step.
static gofer_status of_step(const char *name, gofer_status st)
{
    char words[512];
    snprintf(words, sizeof words, "%s", gofer_error_last());
    return gf_fail(st, "step '%.128s': %s", name, words);
}

static const char *not_of_steps(const gofer_enqueue_options *o)
{
    return o->task_id     ? "task_id"
        : o->unique_ms    ? "unique_ms"
        : o->group        ? "group"
        : o->debounce_ms  ? "debounce_ms"
        : o->replace      ? "replace"
                          : NULL;
}

static gofer_status check_name(const gofer_flow_step *s, size_t at)
{
    gofer_status st = s->name ? gf_check_name("name of a step", s->name)
                              : gf_fail(GOFER_EINVAL, "step %zu has no name", at);
    if (st == GOFER_OK && (strlen(s->name) > GF_FLOW_NAME_MAX || strchr(s->name, '*')))
        st = gf_fail(GOFER_EINVAL, "the name of a step '%.140s' must have at most %d bytes and no "
            "'*'", s->name, GF_FLOW_NAME_MAX);
    return st;
}

// What is made of it has its name, a dot and a number.
enum { MADE_NAME_MAX = GF_FLOW_NAME_MAX - 8 };

static gofer_status check_each(const gofer_flow_step *s)
{
    const char *other = s->after && s->after[0] ? "`after`"
        : s->payload_size                       ? "a payload"
                                                : NULL;
    if (s->each && other)
        return gf_fail(GOFER_EINVAL, "step '%s' has `each` and %s: it comes after the step whose "
            "list it is run for, and has the items as payloads", s->name, other);
    if (s->each && strlen(s->name) > MADE_NAME_MAX)
        return gf_fail(GOFER_EINVAL, "the name of a step with `each`, '%.140s', must have at most "
            "%d bytes", s->name, MADE_NAME_MAX);
    return GOFER_OK;
}

static gofer_status make_task(gf_flow_draft *p, const gofer_client *client,
    const gofer_flow_step *s, size_t at)
{
    gofer_enqueue_options o;
    gf_flow_part *part = &p->parts[at];
    char header[GF_ID_MAX + 32];
    gofer_status st = gf_read_options(&o, sizeof o, s->opts, "gofer_enqueue_options");
    const char *other = st == GOFER_OK ? not_of_steps(&o) : NULL;
    if (other)
        st = gf_fail(GOFER_EINVAL, "%s is not for steps of a flow", other);
    if (st != GOFER_OK)
        return st;
    o.size = sizeof o;                   // also where the caller gave none
    int64_t delay_ms = o.delay_ms;
    snprintf(part->id, sizeof part->id, "%.200s:%zu", p->id, at);
    o.task_id = part->id;
    o.delay_ms = 0;                      // from when it may run, which the store knows
    if (o.run_at_ms && delay_ms)
        return gf_fail(GOFER_EINVAL, "run_at_ms and delay_ms are both given: choose one");
    st = gf_check_duration("delay_ms", delay_ms);
    if (st == GOFER_OK) {
        p->made = at + 1;
        part->given = s->payload;
        part->given_size = s->payload_size;
        st = gf_draft_make(&part->draft, client, s->type, s->payload, s->payload_size, &o);
    }
    if (st != GOFER_OK)
        return st;
    snprintf(header, sizeof header, "%.200s/%zu/", p->id, at);
    const gf_task_options own = { .flow = header };
    gf_message *m = &part->draft.message;
    st = gf_task_options_write(&own, &part->draft.headers, &m->headers_size);
    m->headers = part->draft.headers;
    p->steps[at] = (gf_flow_step){
        .name = s->name, .message = m, .run_at_ms = part->draft.run_at_ms, .delay_ms = delay_ms
    };
    return st;
}

static gofer_status make_step(gf_flow_draft *p, const gofer_client *client,
    const gofer_flow_step *given, size_t at, size_t *bytes)
{
    gofer_flow_step s;
    gofer_status st = given ? gf_read_options(&s, sizeof s, given, "gofer_flow_step")
                            : gf_fail(GOFER_EINVAL, "step %zu is NULL", at);
    if (st == GOFER_OK)
        st = check_name(&s, at);
    if (st == GOFER_OK)
        st = check_each(&s);
    p->parts[at].is_made_of = s.each != NULL;
    if (st != GOFER_OK)
        return st;
    st = make_task(p, client, &s, at);
    if (st == GOFER_OK && s.each && p->parts[at].draft.seal)
        st = gf_fail(GOFER_EUNSUPPORTED, "payloads are encrypted here, and those of `each` are "
            "made by the store, which has no keys");
    if (st != GOFER_OK)
        return of_step(s.name, st);
    const gf_message *m = p->steps[at].message;
    *bytes += strlen(s.name) + strlen(m->type) + m->payload_size + m->headers_size;
    if (*bytes > GOFER_FLOW_BYTES_MAX)
        return gf_fail(GOFER_ETOOBIG, "the plan has more than %d bytes, with step '%.128s'",
            GOFER_FLOW_BYTES_MAX, s.name);
    return GOFER_OK;
}

// ---- what comes after what ----------------------------------------------------------------------

static const char *name_of(const gf_flow_draft *p, const gf_flow_part *part)
{
    return p->steps[part->at].name;
}

// qsort knows no plan.
typedef struct named {
    const char   *name;
    gf_flow_part *part;
} named;

static int compare(const void *a, const void *b)
{
    return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

static gofer_status sort_names(gf_flow_draft *p)
{
    size_t count = p->plan.count;
    named *all = gf_calloc(count, sizeof *all);
    if (!all)
        return gf_fail_nomem("a flow");
    for (size_t i = 0; i < count; i++) {
        p->parts[i].at = i;
        all[i] = (named){ p->steps[i].name, &p->parts[i] };
    }
    qsort(all, count, sizeof *all, compare);
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        p->by_name[i] = all[i].part;
        if (i && strcmp(all[i - 1].name, all[i].name) == 0)
            st = gf_fail(GOFER_EINVAL, "two steps have the name '%s'", all[i].name);
    }
    gf_free(all);
    return st;
}

// The first in the order of names that is not before this one.
static size_t place_of(const gf_flow_draft *p, const char *name, size_t size)
{
    size_t low = 0, high = p->plan.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strncmp(name_of(p, p->by_name[middle]), name, size);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static gofer_status add_dep(gf_flow_draft *p, size_t at, size_t parent, int32_t rule)
{
    gf_flow_part *part = &p->parts[at];
    if (p->parts[parent].seen == at + 1)
        return gf_fail(GOFER_EINVAL, "step '%s' comes after '%s' twice", name_of(p, part),
            p->steps[parent].name);
    p->parts[parent].seen = at + 1;
    if (p->dep_count == GOFER_FLOW_LINKS_MAX)
        return gf_fail(GOFER_EINVAL, "the plan has more than %d links between steps, with step "
            "'%s'", GOFER_FLOW_LINKS_MAX, name_of(p, part));
    if (!gf_grow(p->deps, p->dep_room, p->dep_count + 1))
        return gf_fail_nomem("a flow");
    p->deps[p->dep_count++] = (gf_flow_dep){ (uint32_t)parent, (gf_flow_rule)rule };
    part->open++;
    return GOFER_OK;
}

// A name, or all that begin as one with a '*' says.
static gofer_status add_after(gf_flow_draft *p, size_t at, const char *after, int32_t rule)
{
    size_t size = after ? strlen(after) : 0;
    bool prefix = size && after[size - 1] == '*';
    if (!size || rule < GOFER_AFTER_SUCCESS || rule > GOFER_AFTER_ALWAYS)
        return gf_fail(GOFER_EINVAL, "step '%s': %s", p->steps[at].name,
            size ? "a rule is no GOFER_AFTER_ value" : "a name in `after` is empty");
    size -= prefix;
    gofer_status st = GOFER_OK;
    size_t i = place_of(p, after, prefix ? size : size + 1), found = 0;
    for (; st == GOFER_OK && i < p->plan.count; i++) {
        const char *name = name_of(p, p->by_name[i]);
        if (strncmp(name, after, prefix ? size : size + 1) != 0)
            break;
        st = add_dep(p, at, p->by_name[i]->at, rule);
        found++;
    }
    if (st == GOFER_OK && !found)
        st = gf_fail(GOFER_EINVAL, "step '%s' comes after '%.140s', which is no step",
            p->steps[at].name, after);
    return st;
}

// Another step may not have a name that one made of this will have.
static gofer_status keep_names(const gf_flow_draft *p, size_t at)
{
    char front[GF_FLOW_NAME_MAX + 2];
    size_t size = (size_t)snprintf(front, sizeof front, "%s.", p->steps[at].name);
    size_t i = place_of(p, front, size);
    const char *other = i < p->plan.count ? name_of(p, p->by_name[i]) : "";
    return strncmp(other, front, size) != 0 ? GOFER_OK
        : gf_fail(GOFER_EINVAL, "step '%s': names that begin with '%s' are of steps that are made",
              other, front);
}

static gofer_status add_each(gf_flow_draft *p, size_t at, const char *each)
{
    size_t size = strlen(each) + 1, i = place_of(p, each, size);
    gf_flow_part *list = i < p->plan.count ? p->by_name[i] : NULL;
    const char *name = p->steps[at].name;
    if (!list || strcmp(name_of(p, list), each) != 0)
        return gf_fail(GOFER_EINVAL, "step '%s' is run for each of '%.140s', which is no step",
            name, each);
    if (list->is_made_of)
        return gf_fail(GOFER_EINVAL, "step '%s' is run for each of '%s', which has `each` itself, "
            "and leaves no list of its own", name, each);
    if (list->makes)
        return gf_fail(GOFER_EINVAL, "steps '%s' and '%s' are both run for each of '%s': only one "
            "may be", p->steps[list->makes - 1].name, name, each);
    if (strlen(each) > MADE_NAME_MAX)
        return gf_fail(GOFER_EINVAL, "the name of the step '%s', whose list makes steps, must have "
            "at most %d bytes", each, MADE_NAME_MAX);
    list->makes = at + 1;
    gofer_status st = add_dep(p, at, list->at, GF_RULE_EACH);
    if (st == GOFER_OK)
        st = keep_names(p, at);
    return st == GOFER_OK ? keep_names(p, list->at) : st;
}

static gofer_status link_step(gf_flow_draft *p, const gofer_flow_step *given, size_t at)
{
    gofer_flow_step s;
    gofer_status st = gf_read_options(&s, sizeof s, given, "gofer_flow_step");
    p->parts[at].first_dep = p->dep_count;
    for (size_t i = 0; st == GOFER_OK && s.after && s.after[i]; i++)
        st = i < GOFER_FLOW_AFTER_MAX
            ? add_after(p, at, s.after[i], s.rules ? s.rules[i] : GOFER_AFTER_SUCCESS)
            : gf_fail(GOFER_EINVAL, "step '%s' names more than %d steps that it comes after",
                  s.name, GOFER_FLOW_AFTER_MAX);
    return st == GOFER_OK && s.each ? add_each(p, at, s.each) : st;
}

// A step that takes part in a circle, or comes after one: of the first that is found all are.
static gofer_status name_circle(const gf_flow_draft *p)
{
    size_t at = 0;
    while (p->parts[at].open == 0)
        at++;
    for (size_t steps = 0; steps < p->plan.count; steps++)       // back until it must be in one
        for (size_t i = 0; i < p->steps[at].dep_count; i++)
            if (p->parts[p->steps[at].deps[i].step].open > 0) {
                at = p->steps[at].deps[i].step;
                break;
            }
    return gf_fail(GOFER_EINVAL, "step '%s' waits for itself, by way of those it comes after",
        p->steps[at].name);
}

// children: of each step those that come after it, one after the other; first[i]: where they begin.
static size_t take_away(gf_flow_draft *p, const uint32_t *children, const size_t *first,
    uint32_t *todo)
{
    size_t count = p->plan.count, begun = 0, found = 0;
    for (size_t i = 0; i < count; i++)
        if (p->parts[i].open == 0)
            todo[found++] = (uint32_t)i;
    while (begun < found) {
        size_t at = todo[begun++];
        for (size_t k = first[at]; k < first[at + 1]; k++)
            if (--p->parts[children[k]].open == 0)
                todo[found++] = children[k];
    }
    return found;
}

static gofer_status find_circles(gf_flow_draft *p)
{
    size_t count = p->plan.count;
    size_t *first = gf_calloc(count + 2, sizeof *first);
    uint32_t *children = gf_calloc(p->dep_count + 1, sizeof *children);
    uint32_t *todo = gf_calloc(count, sizeof *todo);
    gofer_status st = GOFER_OK;
    if (!first || !children || !todo) {
        st = gf_fail_nomem("a flow");
    } else {
        for (size_t i = 0; i < p->dep_count; i++)      // shifted by two: filling moves it on by one
            first[p->deps[i].step + 2]++;
        for (size_t i = 2; i < count + 2; i++)
            first[i] += first[i - 1];
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < p->steps[i].dep_count; k++)
                children[first[p->steps[i].deps[k].step + 1]++] = (uint32_t)i;
        if (take_away(p, children, first, todo) < count)
            st = name_circle(p);
    }
    gf_free(first);
    gf_free(children);
    gf_free(todo);
    return st;
}

static gofer_status link_steps(gf_flow_draft *p, const gofer_flow_step *const *given)
{
    gofer_status st = sort_names(p);
    for (size_t i = 0; i < p->plan.count && st == GOFER_OK; i++)
        st = link_step(p, given[i], i);
    for (size_t i = 0; i < p->plan.count && st == GOFER_OK; i++) {
        size_t end = i + 1 < p->plan.count ? p->parts[i + 1].first_dep : p->dep_count;
        p->steps[i].deps = p->deps + p->parts[i].first_dep;      // it grows no more
        p->steps[i].dep_count = end - p->parts[i].first_dep;
    }
    return st == GOFER_OK ? find_circles(p) : st;
}

// ---- the digest ---------------------------------------------------------------------------------

static void add_bytes(gf_sha256 *h, const void *bytes, size_t size)
{
    uint64_t length = size;
    gf_sha256_add(h, &length, sizeof length);
    gf_sha256_add(h, bytes, size);
}

static void add_text(gf_sha256 *h, const char *text)
{
    add_bytes(h, text, strlen(text));
}

static void add_number(gf_sha256 *h, int64_t number)
{
    gf_sha256_add(h, &number, sizeof number);
}

// Of what the caller has said and says again: not of headers, some of which tell the time or who
// has started it, nor of envelopes, which are new each time.
static void make_hash(gf_flow_draft *p)
{
    gf_sha256 h;
    gf_sha256_begin(&h);
    add_number(&h, p->plan.on_dead);
    for (size_t i = 0; i < p->plan.count; i++) {
        const gf_flow_step *s = &p->steps[i];
        add_text(&h, s->name);
        add_text(&h, s->message->type);
        add_text(&h, s->message->queue);
        add_bytes(&h, p->parts[i].given, p->parts[i].given_size);
        add_number(&h, s->message->max_retry);
        add_number(&h, s->delay_ms);
        add_number(&h, (int64_t)s->dep_count);
        for (size_t k = 0; k < s->dep_count; k++) {
            add_number(&h, s->deps[k].step);
            add_number(&h, s->deps[k].rule);
        }
    }
    gf_sha256_end(&h, p->plan.hash);
}

// ---- the whole ----------------------------------------------------------------------------------

gofer_status gf_flow_draft_make(gf_flow_draft *p, const gofer_client *client, size_t count,
    const gofer_flow_step *const *given, const gofer_flow_options *opts)
{
    size_t bytes = 0;
    *p = (gf_flow_draft){ .made = 0 };
    gofer_status st = read_options(p, opts);
    if (st == GOFER_OK)
        st = make_room(p, count);
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        st = make_step(p, client, given[i], i, &bytes);
    if (st == GOFER_OK)
        st = link_steps(p, given);
    if (st == GOFER_OK)
        make_hash(p);
    return st;
}

void gf_flow_draft_clear(gf_flow_draft *p)
{
    for (size_t i = 0; i < p->made; i++)
        gf_draft_clear(&p->parts[i].draft);
    gf_free(p->steps);
    gf_free(p->parts);
    gf_free(p->by_name);
    gf_free(p->deps);
    *p = (gf_flow_draft){ .made = 0 };
}
