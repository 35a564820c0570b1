// exchange.c - finishes tasks and takes new ones: the plan. Everything for one queue is one or two
// scripts, all queues go in one pipeline, and only when queues gave less than was asked for is
// there another round.
//
// What goes either way is bounded by bytes, as it has to come within a call's time: outcomes are
// sent in several pipelines where they are many, and a take ends with the tasks that were enough,
// however many more were asked for.
#include <stdio.h>
#include <string.h>

#include "broker/redis/limit/limit.h"
#include "broker/redis/shard/shard.h"
#include "broker/redis/task/exchange.h"
#include "broker/redis/upkeep/upkeep.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/minmax.h"

typedef enum step_kind { FINISH, TAKE, LENGTH } step_kind;

// One command of the pipeline, and what it is for.
typedef struct step {
    step_kind    kind;
    gf_rd_part  *part;
    size_t       first, count;             // of exchange.items
    int64_t      bytes;                    // of what is sent with them
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
    gf_table     by_queue;                 // the parts
    uint32_t    *part_of, *next_done;      // of each finish; the next one of its part
    uint32_t    *items;                    // numbers of finishes, in the order of the steps
    size_t       item_count;
    gf_rd_finishing *finishings;           // of finishes that write; NULL: none does
    gf_rd_cmd   *cmds;                     // one for each step
    step        *steps;
    size_t       step_count, step_room;
    bool         failed;                   // there was no memory for a step
    bool         cut_off;                  // no server had an answer to the last pipeline
    int64_t      burst;                    // bytes that go one way at once
    int64_t      room;                     // bytes that may still be asked for
    bool         did_something;
    gf_rd_shards *sharded;                 // NULL: there are no sharded queues
    char        *shut;                     // types that are paused; NULL: none
} exchange;

// ---- the queues of a call -----------------------------------------------------------------------

// Made if it is new; NULL: no memory.
static gf_rd_part *part_for(exchange *x, const char *queue)
{
    uint64_t hash = gf_hash_text(queue);
    for (gf_link *link = gf_table_find(&x->by_queue, hash); link; link = gf_table_next(link)) {
        gf_rd_part *p = (gf_rd_part *)(void *)link;    // its first member
        if (strcmp(p->queue, queue) == 0)
            return p;
    }
    gf_rd_part *p = gf_rd_part_new(queue);
    if (!p)
        return NULL;
    gf_table_add(&x->by_queue, &p->link, hash);
    p->number = (uint32_t)x->part_count;
    return x->parts[x->part_count++] = p;
}

static void add_done(exchange *x, gf_rd_part *p, uint32_t i)
{
    x->part_of[i] = p->number;
    x->next_done[i] = GF_RD_NONE;
    if (p->last_done == GF_RD_NONE)
        p->first_done = i;
    else
        x->next_done[p->last_done] = i;
    p->last_done = i;
}

// The queues of the take come first, in their order.
static gofer_status find_parts(exchange *x)
{
    size_t taken = x->take ? x->take->queue_count : 0;
    x->parts = gf_alloc((taken + x->done_count) * sizeof *x->parts);
    x->part_of = gf_alloc(2 * x->done_count * sizeof *x->part_of);
    x->next_done = x->part_of ? x->part_of + x->done_count : NULL;
    x->items = gf_alloc(2 * x->done_count * sizeof *x->items);     // results that are refused are
                                                                   //   planned anew
    if (!x->parts || !x->part_of || !x->items)
        return gf_fail_nomem("an exchange");
    for (size_t i = 0; i < taken; i++) {
        gf_rd_part *p = part_for(x, x->take->queues[i].queue);
        if (!p)
            return gf_fail_nomem("an exchange");
        const gf_rd_slot_name *slot = gf_rd_shards_slot(x->sharded, p->queue);
        p->shown = slot ? slot->of->name : NULL;
        p->takes = !gf_rd_queue_closed(x->s, p->shown ? p->shown : p->queue, NULL);
        p->share += x->take->queues[i].share;
    }
    gf_rd_part *last = x->part_count ? x->parts[0] : NULL;
    for (uint32_t i = 0; i < x->done_count; i++) {
        const char *queue = gf_rd_claim_queue(x->done[i].claim);
        if (!last || strcmp(last->queue, queue) != 0)
            last = part_for(x, queue);
        if (!last)
            return gf_fail_nomem("an exchange");
        add_done(x, last, i);
    }
    return GOFER_OK;
}

static gofer_status make_finishings(exchange *x)
{
    bool writes = false;
    for (size_t i = 0; i < x->done_count && !writes; i++)
        writes = !gf_rd_is_plain(&x->done[i]);
    x->finishings = writes ? gf_calloc(x->done_count, sizeof *x->finishings) : NULL;
    return x->finishings || !writes ? GOFER_OK : gf_fail_nomem("an exchange");
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
    gf_rd_shards_drop(x->sharded);
    for (size_t i = 0; x->finishings && i < x->done_count; i++)
        gf_rd_finishing_clear(&x->finishings[i]);
    for (size_t i = 0; x->parts && i < x->part_count; i++)
        gf_free(x->parts[i]);
    gf_table_clear(&x->by_queue);
    gf_free(x->shut);
    gf_free(x->finishings);
    gf_free(x->parts);
    gf_free(x->part_of);
    gf_free(x->items);
    gf_free(x->cmds);
    gf_free(x->steps);
}

// ---- how much at once ---------------------------------------------------------------------------

static int64_t burst_of(const gf_rd_store *s)
{
    int64_t bytes = atomic_load_explicit(&s->burst, memory_order_relaxed);
    return bytes ? bytes : GF_RD_BURST;
}

// What did not come is tried with less, what came with more.
static void note_burst(gf_rd_store *s, bool came)
{
    int64_t bytes = came ? 2 * burst_of(s) : burst_of(s) / 4;
    bytes = bytes < GF_RD_BURST_LEAST ? GF_RD_BURST_LEAST
        : bytes > GF_RD_BURST         ? GF_RD_BURST
                                      : bytes;
    atomic_store_explicit(&s->burst, bytes, memory_order_relaxed);
}

// What is sent of it, but for a few words.
static int64_t weight_of(const gf_finish *f)
{
    const gf_rd_claim *claim = (const gf_rd_claim *)f->claim;
    size_t size = f->result ? f->result_size : 0;
    if (!gf_rd_is_plain(f))
        size += claim->stored_size + f->headers_size + f->checkpoint_size +
            (f->log ? strlen(f->log) : 0);
    return (int64_t)size;
}

// Has a step of so many tasks and bytes room for another?
static bool has_room(const exchange *x, size_t count, int64_t bytes, int64_t more)
{
    return count == 0 || (count < GF_RD_CHUNK && bytes + more <= x->burst);
}

// ---- the plan -----------------------------------------------------------------------------------

// Commands and steps grow alike, and move: no word of a command may lie in them. NULL: no memory.
static step *add_step(exchange *x, step_kind kind, gf_rd_part *part)
{
    if (!gf_grow_columns(x->step_room, x->step_count + 1, GF_COLUMN(x->cmds),
            GF_COLUMN(x->steps))) {
        x->failed = true;
        return NULL;
    }
    step *p = &x->steps[x->step_count];
    x->cmds[x->step_count++] = (gf_rd_cmd){ 0 };
    *p = (step){ .kind = kind, .part = part, .first = x->item_count };
    return p;
}

// The result is not stored, and why that is so stands beside the task.
static void leave_result_out(exchange *x, uint32_t i, const char *why)
{
    gf_rd_finishing *with = &x->finishings[i];
    const gf_finish *f = &x->done[i];
    char size[32];
    gf_rd_finishing_clear(with);
    with->bare = true;
    snprintf(with->why, sizeof with->why, "its result of %zu bytes was left out: %s",
        f->result_size, why);
    snprintf(size, sizeof size, "%zu", f->result_size);
    gf_logf(&x->s->base.config.log, GOFER_LOG_WARN, "a result was left out", "task",
        f->claim->message.id, "queue", f->claim->message.queue, "#bytes", size, "why", why, NULL);
}

// large: those with large results, which a full memory refuses; else all others.
static void plan_finish(exchange *x, gf_rd_part *part, bool large)
{
    step *now = NULL;
    for (uint32_t i = part->first_done; i != GF_RD_NONE; i = x->next_done[i]) {
        bool its_large = gf_rd_is_large(&x->done[i]) && !x->finishings[i].bare;
        if (gf_rd_is_plain(&x->done[i]) || its_large != large)
            continue;
        if (large && x->done[i].result_size > GF_RD_MESSAGE_MAX)
            leave_result_out(x, i, "no reply can hold it");
        int64_t weight = weight_of(&x->done[i]);
        if (!now || !has_room(x, now->count, now->bytes, weight)) {
            now = add_step(x, FINISH, part);
            if (!now)
                return;
            gf_rd_finish_begin(&x->cmds[x->step_count - 1], part, large);
        }
        x->done[i].status =
            gf_rd_finish_add(&x->cmds[x->step_count - 1], &x->done[i], &x->finishings[i]);
        if (x->done[i].status != GOFER_OK)
            continue;                      // no memory; it is not sent, and its claim stays
        x->items[x->item_count++] = i;
        now->count++;
        now->bytes += weight;
    }
}

// Plain ends of one queue that go into one step.
typedef struct ends {
    size_t  first, count;                  // of exchange.items
    int64_t bytes;
} ends;

// want: how many are taken with it; 0: none, and room says nothing.
static void add_take(exchange *x, gf_rd_part *part, const ends *with, size_t want, int64_t room)
{
    step *now = add_step(x, TAKE, part);
    if (!now)
        return;
    now->first = with->first;
    now->count = with->count;
    now->bytes = with->bytes;
    now->how = (gf_rd_taking){ .want = want, .worker = x->worker, .shut = x->shut };
    if (want) {
        now->how.room = room < GF_RD_BURST_LEAST ? GF_RD_BURST_LEAST : room;
        now->how.lease_ms = x->take->lease_ms;
        now->how.sent_ms = gf_mono_ms();
        now->how.room_each = x->take->room;
        now->how.suspects = !x->take->no_suspects;
        now->how.wants_rest = x->take->queue_count > 1 || want < x->take->max;
        gf_rd_taking_token(&now->how);
    }
    gf_rd_take_add(&x->cmds[x->step_count - 1], part, x->done, x->items + with->first, with->count,
        &now->how);
}

// Plain ends in pieces; the last of them takes as well.
static void plan_take(exchange *x, gf_rd_part *part, size_t want, int64_t room)
{
    ends some = { .first = x->item_count };
    for (uint32_t i = part->first_done; i != GF_RD_NONE; i = x->next_done[i]) {
        if (!gf_rd_is_plain(&x->done[i]))
            continue;
        int64_t weight = weight_of(&x->done[i]);
        if (!has_room(x, some.count, some.bytes, weight)) {
            add_take(x, part, &some, 0, 0);
            some = (ends){ .first = x->item_count };
        }
        x->items[x->item_count++] = i;
        some.count++;
        some.bytes += weight;
    }
    if (want || some.count)
        add_take(x, part, &some, want, room);
}

static void plan_length(exchange *x, gf_rd_part *part)
{
    if (!add_step(x, LENGTH, part))
        return;
    gf_rd_cmd *cmd = &x->cmds[x->step_count - 1];
    *cmd = (gf_rd_cmd){ .slot = gf_rd_queue_slot(part->queue), .reads = true };
    gf_rd_add(&cmd->args, "LLEN");
    gf_rd_add(&cmd->args, part->keys[GF_RD_PENDING]);
}

// All finishes, and takes by share; of queues that have none now, how long they are.
static void plan_first(exchange *x)
{
    size_t left = x->take ? x->take->max : 0, takers = 0;
    gf_rd_ill_mark(x->s, x->parts, x->part_count);
    for (uint32_t i = 0; i < x->part_count; i++)
        takers += x->parts[i]->takes && !x->parts[i]->ill && x->parts[i]->share > 0;
    x->room = x->burst;
    for (uint32_t i = 0; i < x->part_count; i++) {
        gf_rd_part *part = x->parts[i];
        bool takes = part->takes && !part->ill;
        // A single queue gives everything at once.
        size_t share = takes && x->take->queue_count == 1 ? left : part->share;
        size_t want = takes ? gf_min_size(gf_min_size(share, left), GF_RD_CHUNK) : 0;
        left -= want;
        plan_finish(x, part, false);
        plan_finish(x, part, true);
        plan_take(x, part, want, x->room / (int64_t)(takers ? takers : 1));
        if (takes && want == 0 && x->take->max > 0)
            plan_length(x, part);
    }
}

// Large results that a full memory refused: their tasks end without them. False: there are none.
static bool plan_bare(exchange *x)
{
    clear_steps(x);
    for (uint32_t i = 0; x->finishings && i < x->done_count; i++) {
        const gf_finish *f = &x->done[i];
        if (f->status != GOFER_ENOSPACE || !gf_rd_is_large(f) || x->finishings[i].bare)
            continue;
        step *now = x->step_count ? &x->steps[x->step_count - 1] : NULL;
        gf_rd_part *part = x->parts[x->part_of[i]];
        leave_result_out(x, i, "the store's memory is full");
        if (!now || now->part != part || now->count == GF_RD_CHUNK) {
            now = add_step(x, FINISH, part);
            if (!now)
                return true;
            gf_rd_finish_begin(&x->cmds[x->step_count - 1], part, false);
        }
        x->done[i].status = gf_rd_finish_add(&x->cmds[x->step_count - 1], f, &x->finishings[i]);
        if (x->done[i].status != GOFER_OK)
            continue;
        x->items[x->item_count++] = i;
        now->count++;
    }
    return x->step_count > 0;
}

// Then they are asked again.
static void copy_limits(exchange *x)
{
    for (uint32_t i = 0; i < x->part_count; i++) {
        gf_rd_part *part = x->parts[i];
        if (!part->lacks_limits)
            continue;
        part->lacks_limits = false;
        if (gf_rd_limits_copy(x->s, part->queue) == GOFER_OK)
            part->rest = GF_RD_CHUNK;
        else
            gf_rd_ill_note(x->s, part->queue);
    }
}

// What is still missing, from queues that have more, in their order. False: there
// is nothing to ask for.
static bool plan_again(exchange *x)
{
    size_t left = x->take && x->room > 0 ? x->take->max - x->take->count : 0, takers = 0;
    clear_steps(x);
    copy_limits(x);
    for (uint32_t i = 0; i < x->part_count; i++)
        takers += x->parts[i]->takes && x->parts[i]->rest > 0;
    for (uint32_t i = 0; i < x->part_count && left; i++) {
        gf_rd_part *part = x->parts[i];
        if (!part->takes || part->rest <= 0)
            continue;
        size_t want = gf_min_size(gf_min_size(left, (size_t)part->rest), GF_RD_CHUNK);
        left -= want;
        add_take(x, part, &(ends){ 0 }, want, x->room / (int64_t)takers);
    }
    return x->step_count > 0;
}

// ---- the answers --------------------------------------------------------------------------------

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

static void read_stale(exchange *x, const step *p, const redisReply *lost, bool repeated)
{
    for (size_t i = 0; i < lost->elements; i++) {
        int64_t answer = gf_rd_reply_int(lost->element[i], 0),
                number = (answer < 0 ? -answer : answer) - 1;
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

// The answer came whole: what it took is ours, also where its ends do not count yet (too few
// replicas have them).
static bool has_answer(const gf_rd_cmd *cmd)
{
    return cmd->reply && cmd->reply->type == REDIS_REPLY_ARRAY;
}

static void read_failure(exchange *x, const step *p, const gf_rd_cmd *cmd)
{
    set_statuses(x, p, cmd->status);
    p->part->rest = 0;
    if (cmd->status != GOFER_EUNCERTAIN && !cmd->repeated)
        return;
    set_unknown(x, p);
    if (p->kind != TAKE || !p->how.want)
        return;
    if (has_answer(cmd))
        x->room -= gf_rd_take_read(x->s, p->part, cmd->reply, &p->how, x->take);
    else
        gf_rd_undelivered_note(x->s, p->part->queue, p->how.token);
}

static void read_answer(exchange *x, const step *p, const gf_rd_cmd *cmd)
{
    if (cmd->status != GOFER_OK) {
        read_failure(x, p, cmd);
        return;
    }
    if (p->kind == LENGTH) {
        p->part->rest = gf_rd_reply_int(cmd->reply, 0);
        return;
    }
    const redisReply *lost = p->kind == FINISH ? gf_rd_reply_at(cmd->reply, 0, REDIS_REPLY_ARRAY)
                                               : gf_rd_take_lost(cmd->reply);
    if (p->kind == FINISH)
        gf_rd_upkeep_trimmed(x->s, p->part->queue,
            gf_rd_reply_int(gf_rd_reply_at(cmd->reply, 1, REDIS_REPLY_INTEGER), 0));
    x->did_something |= p->count > 0;
    set_statuses(x, p, GOFER_OK);
    if (lost && lost->type == REDIS_REPLY_ARRAY)
        read_stale(x, p, lost, cmd->repeated);
    if (p->kind == TAKE && p->how.want)
        x->room -= gf_rd_take_read(x->s, p->part, cmd->reply, &p->how, x->take);
}

static bool is_away(gofer_status st)
{
    return st == GOFER_EBROKER || st == GOFER_ETIMEOUT || st == GOFER_EUNCERTAIN;
}

// The store has answered that this queue cannot be taken from; others can.
static bool is_refused(const step *p, const gf_rd_cmd *cmd)
{
    bool refused = cmd->status == GOFER_ECORRUPT || cmd->status == GOFER_EDENIED;
    return refused && (p->kind == LENGTH || (p->kind == TAKE && p->count == 0));
}

// Its server was there, whatever it said.
static bool answers(const gf_rd_cmd *cmd)
{
    return cmd->reply ||
        (cmd->status != GOFER_EBROKER && cmd->status != GOFER_ETIMEOUT &&
            cmd->status != GOFER_EUNCERTAIN);
}

// A call about queues whose servers were silent the last time, and about no
// others, has little hope.
static int64_t timeout_of(const exchange *x, size_t at, size_t end)
{
    int64_t timeout_ms = gf_rd_timeout(x->s);
    for (size_t i = at; i < end; i++)
        if (!gf_rd_ailed(x->s, x->steps[i].part->queue))
            return timeout_ms;
    return timeout_ms < GF_RD_TRIAL_MS ? timeout_ms : GF_RD_TRIAL_MS;
}

// Which queues have a server that is silent while others are not. False: all are, and it is not
// about single servers.
static bool note_ailing(exchange *x, size_t at, size_t end)
{
    bool any = false;
    for (size_t i = at; i < end && !any; i++)
        any = answers(&x->cmds[i]);
    for (size_t i = at; i < end && any; i++)
        gf_rd_ailing_note(x->s, x->steps[i].part->queue, answers(&x->cmds[i]));
    return any;
}

// Steps [at, end) in one pipeline. A queue that refuses to be taken from is no
// trouble of the others.
static gofer_status run_some(exchange *x, size_t at, size_t end)
{
    gofer_status all = gf_rd_run_apart(x->s->net, x->cmds + at, end - at, timeout_of(x, at, end)),
                 first = GOFER_OK;
    bool reached = note_ailing(x, at, end);
    size_t refused = 0, others = 0;
    for (size_t i = at; i < end; i++)
        refused += is_refused(&x->steps[i], &x->cmds[i]);
    for (size_t i = at; i < end; i++) {
        others += x->cmds[i].status == GOFER_OK;
        if (first == GOFER_OK && !is_refused(&x->steps[i], &x->cmds[i]))
            first = x->cmds[i].status;
    }
    for (size_t i = at; refused && i < end; i++)
        if (others && is_refused(&x->steps[i], &x->cmds[i]))
            gf_rd_ill_note(x->s, x->steps[i].part->queue);
    x->cut_off = is_away(first) && !reached;
    if (x->cut_off || (others && !is_away(first)))
        note_burst(x->s, !is_away(first));
    for (size_t i = at; i < end; i++)
        read_answer(x, &x->steps[i], &x->cmds[i]);
    return refused && others ? first : all;
}

// Not sent, as the ones before did not arrive.
static void fail_some(exchange *x, size_t at, size_t end, gofer_status st)
{
    for (size_t i = at; i < end; i++) {
        x->cmds[i].status = st == GOFER_EUNCERTAIN ? GOFER_EBROKER : st;
        read_answer(x, &x->steps[i], &x->cmds[i]);
    }
}

static gofer_status run_steps(exchange *x)
{
    gofer_status first = x->failed ? gf_fail_nomem("an exchange") : GOFER_OK;
    for (size_t at = 0, end; at < x->step_count && !x->failed; at = end) {
        int64_t bytes = x->steps[at].bytes;
        for (end = at + 1; end < x->step_count && bytes + x->steps[end].bytes <= x->burst; end++)
            bytes += x->steps[end].bytes;
        if (x->cut_off) {
            fail_some(x, at, end, first);
            continue;
        }
        gofer_status st = run_some(x, at, end);
        first = first == GOFER_OK || x->cut_off ? st : first;
    }
    return first;
}

// ---- both ---------------------------------------------------------------------------------------

// Each round finds a queue empty, takes a piece, or drops ghosts; it is bounded all the same.
static gofer_status run(exchange *x)
{
    plan_first(x);
    gofer_status st = run_steps(x);
    if (st == GOFER_ENOSPACE && plan_bare(x))
        st = run_steps(x);
    size_t rounds = x->take ? x->take->queue_count + x->take->max / GF_RD_CHUNK + 8 : 0;
    while (st == GOFER_OK && !x->failed && rounds-- > 0 && plan_again(x))
        st = run_steps(x);
    if (x->take) {
        x->take->left |= st != GOFER_OK || x->failed || x->room <= 0;
        for (size_t i = 0; i < x->part_count; i++)
            x->take->left |= x->parts[i]->takes && (x->parts[i]->rest > 0 || x->parts[i]->ill);
    }
    // What was done stands, and each item has its own answer.
    return x->did_something || (x->take && x->take->count) ? GOFER_OK : st;
}

// Which slots are likely to have more, for the next take.
static void note_rests(const exchange *x)
{
    for (size_t i = 0; x->sharded && x->parts && i < x->part_count; i++)
        if (x->parts[i]->takes && !x->parts[i]->ill)
            gf_rd_slot_note(x->sharded, x->parts[i]->queue, x->parts[i]->rest != 0);
}

gofer_status gf_rd_exchange_all(gf_rd_store *s, gf_finish *done, size_t done_count, gf_take *take)
{
    exchange x = { .s = s,
        .done = done,
        .done_count = done_count,
        .take = take,
        .burst = burst_of(s) };
    gofer_status st;
    if (take) {
        take->count = 0;
        take->suspect = NULL;
        take->left = false;
        if (!gf_rd_registered(s, take->worker))
            return gf_fail(GOFER_ESTATE, "the worker '%s' is not registered", take->worker);
        snprintf(x.worker, sizeof x.worker, "%lld %s", (long long)gf_now_ms(), take->worker);
    }
    if (done_count == 0 && (!take || take->max == 0 || take->queue_count == 0))
        return GOFER_OK;
    gf_rd_undelivered_return(s);
    x.sharded = take ? gf_rd_shards_take(s) : NULL;
    st = take ? gf_rd_shut_types(s, false, &x.shut) : GOFER_OK;
    if (st == GOFER_OK)
        st = find_parts(&x);
    if (st == GOFER_OK)
        st = make_finishings(&x);
    if (st == GOFER_OK)
        st = run(&x);
    note_rests(&x);
    gf_rd_breakers_ended(s, done, done_count);
    if (take)
        gf_rd_breakers_claimed(s, take->claims, take->count);
    gf_rd_breakers_tell(s, false);
    clear(&x);
    return st;
}
