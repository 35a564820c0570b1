// exchange.c - finishes tasks and takes new ones: the plan. Everything for one queue is one or two scripts, all
// queues go in one pipeline, and only when queues gave less than was asked for is there another round.
#include <stdio.h>
#include <string.h>

#include "broker/redis/exchange.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

typedef enum step_kind { SETTLE, TAKE, LENGTH } step_kind;

// One command of the pipeline, and what it is for.
typedef struct step {
    step_kind    kind;
    gf_rd_part  *part;
    size_t       first, count;             // of exchange.items
    gf_rd_taking how;
} step;

typedef struct exchange {
    gf_rd_store *s;
    gf_finish   *done;
    size_t       done_count;
    gf_take     *take;                     // NULL: finish only
    char         worker[320];
    gf_rd_part **parts;
    size_t       part_count;
    uint32_t    *part_of;                  // of each finish
    uint32_t    *items;                    // numbers of finishes, in the order of the steps
    size_t       item_count;
    gf_rd_settling *settlings;             // of finishes that write; NULL: none does
    gf_rd_cmd   *cmds;                     // one for each step
    step        *steps;
    size_t       step_count;
    bool         did_something;
} exchange;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

// ---- the queues of a call -----------------------------------------------------------------------

gf_rd_part *gf_rd_part_new(const char *queue)
{
    static const char *const rests[GF_RD_PART_KEYS] = {
        [GF_RD_PENDING] = "pending", [GF_RD_ACTIVE] = "active", [GF_RD_LEASE] = "lease",
        [GF_RD_PROCESSED] = "processed", [GF_RD_PAUSED] = "paused", [GF_RD_FAILED] = "failed",
        [GF_RD_RETRY] = "retry", [GF_RD_ARCHIVED] = "archived", [GF_RD_COMPLETED] = "completed",
        [GF_RD_WAITS] = "gofer:waits", [GF_RD_TASK] = "t:",
    };
    gf_rd_key front;
    gf_rd_key_of(&front, queue, "");
    size_t size = strlen(front.text), room = size + sizeof "gofer:waits";
    gf_rd_part *p = gf_alloc(sizeof *p + GF_RD_PART_KEYS * room);
    if (!p)
        return NULL;
    *p = (gf_rd_part){ .queue = queue, .rest = -1 };
    for (size_t i = 0; i < GF_RD_PART_KEYS; i++) {
        char *to = (char *)(p + 1) + i * room;
        memcpy(to, front.text, size);
        memcpy(to + size, rests[i], strlen(rests[i]) + 1);
        p->keys[i] = to;
    }
    return p;
}

// Its number, made if it is new; UINT32_MAX: no memory.
static uint32_t part_number(exchange *x, const char *queue, uint32_t guess)
{
    if (guess < x->part_count && strcmp(x->parts[guess]->queue, queue) == 0)
        return guess;
    for (uint32_t i = 0; i < x->part_count; i++)
        if (strcmp(x->parts[i]->queue, queue) == 0)
            return i;
    gf_rd_part *p = gf_rd_part_new(queue);
    if (!p)
        return UINT32_MAX;
    x->parts[x->part_count] = p;
    return (uint32_t)x->part_count++;
}

// The queues of the take come first, in their order.
static gofer_status find_parts(exchange *x)
{
    size_t taken = x->take ? x->take->queue_count : 0;
    x->parts = gf_alloc((taken + x->done_count) * sizeof *x->parts);
    x->part_of = gf_alloc(x->done_count * sizeof *x->part_of);
    x->items = gf_alloc(x->done_count * sizeof *x->items);
    if (!x->parts || !x->part_of || !x->items)
        return gf_fail_nomem("an exchange");
    for (size_t i = 0; i < taken; i++) {
        uint32_t number = part_number(x, x->take->queues[i].queue, UINT32_MAX);
        if (number == UINT32_MAX)
            return gf_fail_nomem("an exchange");
        x->parts[number]->takes = true;
        x->parts[number]->share += x->take->queues[i].share;
    }
    uint32_t last = 0;
    for (size_t i = 0; i < x->done_count; i++) {
        last = part_number(x, x->done[i].claim->message.queue, last);
        if (last == UINT32_MAX)
            return gf_fail_nomem("an exchange");
        x->part_of[i] = last;
    }
    return GOFER_OK;
}

static gofer_status make_steps(exchange *x)
{
    bool writes = false;
    for (size_t i = 0; i < x->done_count && !writes; i++)
        writes = !gf_rd_is_plain(&x->done[i]);
    // Of each queue a piece of each kind; more only where pieces are full.
    size_t capacity = 3 * x->part_count + x->done_count / GF_RD_CHUNK + 1;
    x->cmds = gf_calloc(capacity, sizeof *x->cmds);
    x->steps = gf_calloc(capacity, sizeof *x->steps);
    x->settlings = writes ? gf_calloc(x->done_count, sizeof *x->settlings) : NULL;
    return x->cmds && x->steps && (x->settlings || !writes) ? GOFER_OK : gf_fail_nomem("an exchange");
}

static void clear_steps(exchange *x)
{
    for (size_t i = 0; i < x->step_count; i++)
        gf_rd_cmd_clear(&x->cmds[i]);
    x->step_count = 0;
}

static void clear(exchange *x)
{
    clear_steps(x);
    for (size_t i = 0; x->settlings && i < x->done_count; i++)
        gf_rd_settling_clear(&x->settlings[i]);
    for (size_t i = 0; x->parts && i < x->part_count; i++)
        gf_free(x->parts[i]);
    gf_free(x->settlings);
    gf_free(x->parts);
    gf_free(x->part_of);
    gf_free(x->items);
    gf_free(x->cmds);
    gf_free(x->steps);
}

// ---- the plan --------------------------------------------------------------------------------------

static step *add_step(exchange *x, step_kind kind, gf_rd_part *part)
{
    step *p = &x->steps[x->step_count++];
    *p = (step){ .kind = kind, .part = part, .first = x->item_count };
    return p;
}

static void plan_settle(exchange *x, uint32_t number)
{
    gf_rd_part *part = x->parts[number];
    step *now = NULL;
    for (uint32_t i = 0; i < x->done_count; i++) {
        if (x->part_of[i] != number || gf_rd_is_plain(&x->done[i]))
            continue;
        if (!now || now->count == GF_RD_CHUNK) {
            now = add_step(x, SETTLE, part);
            gf_rd_settle_begin(&x->cmds[x->step_count - 1], part);
        }
        x->done[i].status = gf_rd_settle_add(&x->cmds[x->step_count - 1], &x->done[i], &x->settlings[i]);
        if (x->done[i].status != GOFER_OK)
            continue;                      // no memory; it is not sent, and its claim stays
        x->items[x->item_count++] = i;
        now->count++;
    }
}

static void add_take(exchange *x, gf_rd_part *part, size_t first, size_t count, size_t want)
{
    step *now = add_step(x, TAKE, part);
    now->first = first;
    now->count = count;
    now->how = (gf_rd_taking){ .want = want, .worker = x->worker };
    if (want) {
        now->how.lease_ms = x->take->lease_ms;
        now->how.sent_ms = gf_mono_ms();
        now->how.tell_rest = x->take->queue_count > 1 || want < x->take->max;
        gf_rd_taking_token(&now->how);
    }
    gf_rd_take_add(&x->cmds[x->step_count - 1], part, x->done, x->items + first, count, &now->how);
}

// Plain ends in pieces; the last of them takes as well.
static void plan_take(exchange *x, uint32_t number, size_t want)
{
    gf_rd_part *part = x->parts[number];
    size_t first = x->item_count;
    for (uint32_t i = 0; i < x->done_count; i++) {
        if (x->part_of[i] != number || !gf_rd_is_plain(&x->done[i]))
            continue;
        if (x->item_count - first == GF_RD_CHUNK) {
            add_take(x, part, first, GF_RD_CHUNK, 0);
            first = x->item_count;
        }
        x->items[x->item_count++] = i;
    }
    if (want || x->item_count > first)
        add_take(x, part, first, x->item_count - first, want);
}

static void plan_length(exchange *x, gf_rd_part *part)
{
    add_step(x, LENGTH, part);
    gf_rd_cmd *cmd = &x->cmds[x->step_count - 1];
    *cmd = (gf_rd_cmd){ .slot = gf_rd_queue_slot(part->queue), .reads = true };
    gf_rd_add(&cmd->args, "LLEN");
    gf_rd_add(&cmd->args, part->keys[GF_RD_PENDING]);
}

// All finishes, and takes by share; of queues that have none now, how long they are.
static void plan_first(exchange *x)
{
    size_t left = x->take ? x->take->max : 0;
    for (uint32_t i = 0; i < x->part_count; i++) {
        gf_rd_part *part = x->parts[i];
        // A single queue gives everything at once.
        size_t share = part->takes && x->take->queue_count == 1 ? left : part->share;
        size_t want = part->takes ? least(least(share, left), GF_RD_CHUNK) : 0;
        left -= want;
        plan_settle(x, i);
        plan_take(x, i, want);
        if (part->takes && want == 0 && x->take->max > 0)
            plan_length(x, part);
    }
}

// What is still missing, from queues that have more, in their order. False: there is nothing to ask for.
static bool plan_again(exchange *x)
{
    size_t left = x->take ? x->take->max - x->take->count : 0;
    clear_steps(x);
    for (uint32_t i = 0; i < x->part_count && left; i++) {
        gf_rd_part *part = x->parts[i];
        if (!part->takes || part->rest <= 0)
            continue;
        size_t want = least(least(left, (size_t)part->rest), GF_RD_CHUNK);
        left -= want;
        add_take(x, part, 0, 0, want);
    }
    return x->step_count > 0;
}

// ---- the answers ---------------------------------------------------------------------------------------

static void set_statuses(exchange *x, const step *p, gofer_status st)
{
    for (size_t i = 0; i < p->count; i++)
        x->done[x->items[p->first + i]].status = st;
}

// The answer was lost, so the claim may be finished: a later "lost claim" is no reason to complain.
static void set_unknown(exchange *x, const step *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const gf_rd_claim *claim = (const gf_rd_claim *)x->done[x->items[p->first + i]].claim;
        atomic_store(&((gf_rd_claim *)(uintptr_t)claim)->maybe_finished, true);
    }
}

static void hear_lost(exchange *x, const step *p, const redisReply *lost, bool repeated)
{
    for (size_t i = 0; i < lost->elements; i++) {
        int64_t answer = gf_rd_reply_int(lost->element[i], 0), number = (answer < 0 ? -answer : answer) - 1;
        if (number < 0 || (size_t)number >= p->count)
            continue;
        gf_finish *f = &x->done[x->items[p->first + (size_t)number]];
        if (answer < 0) {
            f->status = GOFER_ESTATE;      // not to run again: its end was asked for
            continue;
        }
        bool excused = repeated || atomic_load(&((const gf_rd_claim *)f->claim)->maybe_finished);
        f->status = excused ? GOFER_OK : GOFER_ESTALE;
    }
}

// The answer came whole: what it took is ours, also where its ends do not count yet (too few replicas have them).
static bool has_answer(const gf_rd_cmd *cmd)
{
    return cmd->reply && cmd->reply->type == REDIS_REPLY_ARRAY;
}

static void hear_failure(exchange *x, const step *p, const gf_rd_cmd *cmd)
{
    set_statuses(x, p, cmd->status);
    p->part->rest = 0;
    if (cmd->status != GOFER_EUNCERTAIN && !cmd->repeated)
        return;
    set_unknown(x, p);
    if (p->kind != TAKE || !p->how.want)
        return;
    if (has_answer(cmd))
        gf_rd_take_read(x->s, p->part, cmd->reply, &p->how, x->take);
    else
        gf_rd_lost_note(x->s, p->part->queue, p->how.token);
}

static void hear(exchange *x, const step *p, const gf_rd_cmd *cmd)
{
    if (cmd->status != GOFER_OK) {
        hear_failure(x, p, cmd);
        return;
    }
    if (p->kind == LENGTH) {
        p->part->rest = gf_rd_reply_int(cmd->reply, 0);
        return;
    }
    const redisReply *lost = p->kind == SETTLE ? cmd->reply : gf_rd_take_lost(cmd->reply);
    x->did_something |= p->count > 0;
    set_statuses(x, p, GOFER_OK);
    if (lost && lost->type == REDIS_REPLY_ARRAY)
        hear_lost(x, p, lost, cmd->repeated);
    if (p->kind == TAKE && p->how.want)
        gf_rd_take_read(x->s, p->part, cmd->reply, &p->how, x->take);
}

static gofer_status run_steps(exchange *x)
{
    gofer_status st = x->step_count ? gf_rd_run(x->s->net, x->cmds, x->step_count, gf_rd_timeout(x->s)) : GOFER_OK;
    for (size_t i = 0; i < x->step_count; i++)
        hear(x, &x->steps[i], &x->cmds[i]);
    return st;
}

// ---- both --------------------------------------------------------------------------------------------------

// Each round finds a queue empty, takes a piece, or drops ghosts; it is bounded all the same.
static gofer_status run(exchange *x)
{
    plan_first(x);
    gofer_status st = run_steps(x);
    size_t rounds = x->take ? x->take->queue_count + x->take->max / GF_RD_CHUNK + 8 : 0;
    while (st == GOFER_OK && rounds-- > 0 && plan_again(x))
        st = run_steps(x);
    // What was done stands, and each item has its own answer.
    return x->did_something || (x->take && x->take->count) ? GOFER_OK : st;
}

gofer_status gf_rd_exchange(gf_broker *b, gf_finish *done, size_t done_count, gf_take *take)
{
    gf_rd_store *s = (gf_rd_store *)b;
    exchange x = { .s = s, .done = done, .done_count = done_count, .take = take };
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    if (take) {
        take->count = 0;
        if (!gf_rd_registered(s, take->worker))
            return gf_fail(GOFER_ESTATE, "the worker '%s' is not registered", take->worker);
        snprintf(x.worker, sizeof x.worker, "%lld %s", (long long)gf_now_ms(), take->worker);
    }
    if (done_count == 0 && (!take || take->max == 0 || take->queue_count == 0))
        return GOFER_OK;
    gf_rd_lost_return(s);
    st = find_parts(&x);
    if (st == GOFER_OK)
        st = make_steps(&x);
    if (st == GOFER_OK)
        st = run(&x);
    clear(&x);
    return st;
}
