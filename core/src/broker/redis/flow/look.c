// look.c - looking at flows: one with its steps, a page of them, and what a step has left.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/flow/flow.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"
#include "util/minmax.h"

enum {
    // Of one that comes after very many the first are shown.
    AFTER_ROOM = GOFER_FLOW_AFTER_MAX * (GF_FLOW_NAME_MAX + 16),
    AT_ONCE = 250,
    LOOKED_AT_MAX = 5000                 // flows, for one page: of a state that few are in
};

static gofer_status begin(gf_rd_store *s, const char *id)
{
    gofer_status st = gf_rd_check(s);
    return st == GOFER_OK && strlen(id) > GF_FLOW_ID_MAX
        ? gf_fail(GOFER_ENOTFOUND, "there is no flow '%s'", id)
        : st;
}

static gf_flow_look look_of(const gf_rd_flow *f)
{
    return (gf_flow_look){ .id = f->id,
        .state = f->state,
        .on_dead = f->on_dead,
        .total = (int64_t)f->count,
        .left = (int64_t)f->left,
        .failed = (int64_t)f->failed,
        .created_ms = f->created_ms,
        .ended_ms = f->ended_ms,
        .deadline_ms = f->deadline_ms,
        .expires_ms = f->ended_ms ? f->ended_ms + f->retention_ms : 0 };
}

// ---- one ----------------------------------------------------------------------------------------

static void write_after(const gf_rd_flow *f, const gf_rd_step *step, char after[AFTER_ROOM])
{
    static const char *const words[] = { "", ":failure", ":always", [GF_RULE_EACH] = "" };
    size_t used = 0;
    *after = '\0';
    for (size_t i = 0; i < step->dep_count && used < AFTER_ROOM - GF_NAME_MAX - 16; i++)
        used += (size_t)snprintf(after + used, AFTER_ROOM - used, "%s%s%s", used ? "\n" : "",
            f->steps[step->deps[i].step].name, words[step->deps[i].rule]);
}

// "<Unix ms> <size>", and the error on the next line.
static void read_end(const redisReply *text, gf_step_look *look)
{
    char *end;
    if (!gf_rd_reply_is_text(text))
        return;
    look->ended_ms = strtoll(text->str, &end, 10);
    look->result_size = strtoll(end, &end, 10);
    look->error = *end == '\n' && end[1] ? end + 1 : NULL;
}

static void look_at_each(const gf_rd_flow *f, size_t n, gf_step_look *look)
{
    look->makes = gf_rd_step_has_each(&f->steps[n]);
    if (!look->makes)
        return;
    gf_rd_each each = gf_rd_each_count(f, n);
    look->made = (int64_t)each.made;
    look->made_ended = (int64_t)each.ended;
    look->made_failed = (int64_t)each.failed;
}

// Some steps, each with how it has ended, or where its task is.
static gofer_status add_some(gf_rd_store *s, const gf_rd_flow *f, size_t from, size_t count,
    gofer_info *list, char *after)
{
    uint32_t ids[AT_ONCE], put[AT_ONCE];
    gf_rd_seen seen[AT_ONCE];
    size_t put_count = 0, at = 0;
    redisReply *ends = NULL;
    for (size_t i = 0; i < count; i++) {
        ids[i] = (uint32_t)(from + i);
        if (gf_rd_step_is_put(f->states[from + i]))
            put[put_count++] = ids[i];
    }
    gofer_status st = gf_rd_steps_look(s, f, put, put_count, seen);
    if (st == GOFER_OK)
        st = gf_rd_flow_fields(s, f, 'e', ids, count, &ends);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        const gf_rd_step *step = &f->steps[ids[i]];
        char id[GF_ID_MAX + 1];
        gf_step_look look = { .name = step->name, .id = id, .type = step->type,
            .queue = step->queue, .state = gf_rd_step_state(f->states[ids[i]]),
            .result_size = -1, .after = after,
            .made_of = step->made_of >= 0 ? f->steps[step->made_of].name : NULL };
        look_at_each(f, ids[i], &look);
        gf_rd_step_id(f, ids[i], id);
        write_after(f, step, after);
        if (look.state == GF_STEP_PUT)
            look.task_state = seen[at++].state;
        else if (look.state >= GF_STEP_ENDED && look.state < GF_STEP_SKIPPED)
            read_end(ends->element[i], &look);
        st = gf_info_add(list, gf_step_info(&look)) ? gf_fail_nomem("a flow") : GOFER_OK;
    }
    gf_rd_reply_free(ends);
    return st;
}

static gofer_status add_steps(gf_rd_store *s, const gf_rd_flow *f, gofer_info *info)
{
    char *after = gf_alloc(AFTER_ROOM);
    gofer_info *list = gf_info_list();
    gofer_status st = after && list ? GOFER_OK : gf_fail_nomem("a flow");
    for (size_t at = 0; at < f->count && st == GOFER_OK; at += AT_ONCE)
        st = add_some(s, f, at, gf_min_size(f->count - at, AT_ONCE), list, after);
    gf_free(after);
    if (st == GOFER_OK)
        return gf_info_set_child(info, "steps", list) ? gf_fail_nomem("a flow") : GOFER_OK;
    gofer_info_free(list);
    return st;
}

gofer_status gf_rd_flow_show(gf_broker *b, const char *id, bool steps, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_flow f;
    gofer_status st = begin(s, id);
    if (st == GOFER_OK)
        st = gf_rd_flow_read(s, id, &f);
    if (st != GOFER_OK)
        return st;
    gf_flow_look look = look_of(&f);
    gofer_info *info = gf_flow_info(&look);
    st = info ? GOFER_OK : gf_fail_nomem("a flow");
    if (st == GOFER_OK && steps)
        st = add_steps(s, &f, info);
    gf_rd_flow_clear(&f);
    return gf_info_hand_over(st, info, out);
}

// ---- many ---------------------------------------------------------------------------------------

// A flow's place among all, and its id within a reply.
typedef struct placed {
    int64_t           place;
    const redisReply *id;
} placed;

typedef struct paging {
    gf_rd_store  *s;
    gf_flow_state state;
    int64_t       below;
    size_t        limit;
    gf_rd_cmd     cmds[GF_RD_HOMES];
    gf_rd_home_key keys[GF_RD_HOMES];
    placed       *flows;
    size_t        count, room;
} paging;

static int latest_first(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    return (x->place < y->place) - (x->place > y->place);
}

// The latest of all homes below a place, as many as a page of all states needs, and one more.
static gofer_status find_flows(paging *p)
{
    char below[32];
    snprintf(below, sizeof below, p->below == INT64_MAX ? "+inf" : "(%lld", (long long)p->below);
    for (int32_t i = 0; i < GF_RD_HOMES; i++) {
        gf_rd_home_key_of(&p->keys[i], i, "flows");
        p->cmds[i] = (gf_rd_cmd){ .slot = gf_rd_home_slot(i), .reads = true };
        gf_rd_args *a = &p->cmds[i].args;
        gf_rd_add(a, "ZREVRANGEBYSCORE");
        gf_rd_add(a, p->keys[i].text);
        gf_rd_add(a, below);
        gf_rd_add(a, "-inf");
        gf_rd_add(a, "WITHSCORES");
        gf_rd_add(a, "LIMIT");
        gf_rd_add(a, "0");
        gf_rd_add_int(a, (int64_t)p->limit + 1);
    }
    gofer_status st = gf_rd_run_whole(p->s->net, p->cmds, GF_RD_HOMES, gf_rd_timeout(p->s),
        GOFER_OK);
    p->count = 0;
    for (size_t i = 0; i < GF_RD_HOMES && st == GOFER_OK; i++) {
        const redisReply *found = p->cmds[i].reply;
        size_t count = found->type == REDIS_REPLY_ARRAY ? found->elements / 2 : 0;
        if (!gf_grow(p->flows, p->room, p->count + count + 1))
            return gf_fail_nomem("a page of flows");
        for (size_t k = 0; k < count; k++)
            p->flows[p->count++] = (placed){ (int64_t)strtod(found->element[2 * k + 1]->str, NULL),
                found->element[2 * k] };
    }
    if (p->count > 1)
        qsort(p->flows, p->count, sizeof *p->flows, latest_first);
    return st;
}

static void forget_found(paging *p)
{
    for (size_t i = 0; i < GF_RD_HOMES; i++)
        gf_rd_cmd_clear(&p->cmds[i]);
}

// How each of so many stands, from the first on.
static gofer_status read_some(paging *p, size_t count, gf_rd_cmd *cmds, gf_rd_home_key *keys)
{
    for (size_t i = 0; i < count; i++) {
        gf_rd_flow_key_of(&keys[i], p->flows[i].id->str);
        cmds[i] = (gf_rd_cmd){ .slot = gf_rd_slot(keys[i].text, strlen(keys[i].text)),
            .reads = true };
        gf_rd_add(&cmds[i].args, "HGET");
        gf_rd_add(&cmds[i].args, keys[i].text);
        gf_rd_add(&cmds[i].args, "now");
    }
    return count ? gf_rd_run_whole(p->s->net, cmds, count, gf_rd_timeout(p->s), GOFER_ECORRUPT)
                 : GOFER_OK;
}

// What cannot be read is passed over: doctor tells.
static gofer_status add_one(paging *p, const placed *flow, const redisReply *now, gofer_info *list)
{
    gf_rd_flow f = { .home = 0 };
    if (!gf_rd_reply_is_text(now) || (size_t)flow->id->len > GF_FLOW_ID_MAX)
        return GOFER_OK;
    snprintf(f.id, sizeof f.id, "%s", flow->id->str);
    gofer_status st = gf_rd_now_read(&f, now->str, (size_t)now->len);
    if (st == GOFER_OK && (p->state == GF_FLOW_STATES || p->state == f.state)) {
        gf_flow_look look = look_of(&f);
        st = gf_info_add(list, gf_flow_info(&look)) ? gf_fail_nomem("a page of flows") : GOFER_OK;
    }
    gf_rd_flow_clear(&f);
    return st == GOFER_ECORRUPT ? GOFER_OK : st;
}

// *more: there may be others below p->below.
static gofer_status add_page(paging *p, gofer_info *list, bool *more)
{
    size_t count = gf_min_size(p->count, p->limit + 1);
    gf_rd_cmd *cmds = gf_calloc(count + 1, sizeof *cmds);
    gf_rd_home_key *keys = gf_calloc(count + 1, sizeof *keys);
    gofer_status st = cmds && keys ? read_some(p, count, cmds, keys)
                                   : gf_fail_nomem("a page of flows");
    *more = count > 0;
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        if (gofer_info_count(list) == p->limit)
            break;
        st = add_one(p, &p->flows[i], cmds[i].reply, list);
        p->below = p->flows[i].place;
        *more = i + 1 < count;
    }
    for (size_t i = 0; cmds && i < count; i++)
        gf_rd_cmd_clear(&cmds[i]);
    gf_free(cmds);
    gf_free(keys);
    return st;
}

static gofer_status make_page(paging *p, gofer_info *list)
{
    gofer_status st = GOFER_OK;
    size_t looked = 0;
    bool more = true;
    while (st == GOFER_OK && more && gofer_info_count(list) < p->limit && looked < LOOKED_AT_MAX) {
        st = find_flows(p);
        looked += p->count + 1;
        size_t found = p->count;
        if (st == GOFER_OK)
            st = add_page(p, list, &more);
        more |= found > p->limit;
        forget_found(p);
    }
    char cursor[32];
    snprintf(cursor, sizeof cursor, "%lld", (long long)p->below);
    if (st == GOFER_OK && more && gf_info_set_text(list, "next_cursor", cursor))
        st = gf_fail_nomem("a page of flows");
    return st;
}

gofer_status gf_rd_flow_list(gf_broker *b, gf_flow_state state, const char *cursor, size_t limit,
    gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    paging p = { .s = s, .state = state, .limit = limit, .below = INT64_MAX };
    char *end = NULL;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    if (*cursor)
        p.below = strtoll(cursor, &end, 10);
    if (end && (*end || p.below <= 0))
        return gf_fail(GOFER_EINVAL,
            "'%.60s' is not a cursor of flows: use next_cursor of the page before", cursor);
    gofer_info *list = gf_info_list();
    st = list ? make_page(&p, list) : gf_fail_nomem("a page of flows");
    gf_free(p.flows);
    return gf_info_hand_over(st, list, out);
}

// ---- what a step has left -----------------------------------------------------------------------

static gofer_status take_result(gf_rd_store *s, const gf_rd_flow *f, uint32_t n, void **bytes,
    size_t *size)
{
    gf_step_look look = { .result_size = -1 };
    redisReply *end = NULL, *result = NULL;
    gofer_status st = gf_rd_flow_fields(s, f, 'e', &n, 1, &end);
    if (st == GOFER_OK)
        read_end(end->element[0], &look);
    if (st == GOFER_OK && look.result_size >= 0)
        st = gf_rd_flow_fields(s, f, 'r', &n, 1, &result);
    const redisReply *text = result ? result->element[0] : NULL;
    if (st == GOFER_OK && gf_rd_reply_is_text(text)) {
        *size = (size_t)text->len;
        *bytes = gf_memdup(text->str, *size);
        st = *bytes ? GOFER_OK : gf_fail_nomem("the result of a step");
    }
    gf_rd_reply_free(end);
    gf_rd_reply_free(result);
    return st;
}

// Some of what was made of one list.
static gofer_status add_results(gf_rd_store *s, const gf_rd_flow *f, size_t first, size_t count,
    gf_flow_results *all)
{
    uint32_t steps[AT_ONCE];
    redisReply *results;
    for (size_t i = 0; i < count; i++)
        steps[i] = (uint32_t)(first + i);
    gofer_status st = gf_rd_flow_fields(s, f, 'r', steps, count, &results);
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        const redisReply *one = results->element[i];
        bool there = gf_rd_reply_is_text(one);
        gf_flow_results_add(all, there ? one->str : NULL, there ? (size_t)one->len : 0);
    }
    if (st == GOFER_OK)
        gf_rd_reply_free(results);
    return st;
}

static gofer_status take_results(gf_rd_store *s, const gf_rd_flow *f, size_t each, void **bytes,
    size_t *size)
{
    gf_flow_results all = { 0 };
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < f->made_count; i++) {
        const gf_rd_made *m = &f->made[i];
        for (size_t at = 0; m->each == each && at < m->count && st == GOFER_OK; at += AT_ONCE)
            st = add_results(s, f, m->first + at, gf_min_size(m->count - at, AT_ONCE), &all);
    }
    if (st == GOFER_OK)
        return gf_flow_results_end(&all, bytes, size);
    gf_free(all.bytes);
    return st;
}

gofer_status gf_rd_flow_result(gf_broker *b, const char *id, const char *step, uint32_t *n,
    void **bytes, size_t *size)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_flow f;
    void *left = NULL;
    size_t left_size = 0, which;
    gofer_status st = begin(s, id);
    if (st == GOFER_OK)
        st = gf_rd_flow_read(s, id, &f);
    if (st != GOFER_OK)
        return st;
    which = gf_rd_step_named(&f, step);
    if (which == f.count)
        st = gf_fail(GOFER_ENOTFOUND, "there is no step '%s' in the flow '%s'", step, id);
    else if (f.states[which] != GF_RD_STEP_ENDS[GF_END_DONE])
        st = gf_fail(GOFER_ESTATE, "the step '%s' of the flow '%s' was not done", step, id);
    else if (gf_rd_step_has_each(&f.steps[which]))
        st = take_results(s, &f, which, &left, &left_size);
    else
        st = take_result(s, &f, (uint32_t)which, &left, &left_size);
    gf_rd_flow_clear(&f);
    if (st != GOFER_OK)
        return st;
    *n = (uint32_t)which;
    *bytes = left;
    *size = left_size;
    return GOFER_OK;
}
