// lease.c - renews leases.
#include <string.h>

#include "broker/redis/store.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

static const gf_rd_script extend = {
    .name = "extend",
    .allow_oom = true,
    .text = gf_rd_lua_extend,
};

// ---- extend -----------------------------------------------------------------------------------

// A command of leases of one queue, and which: from first on, every one of that queue
// not yet in a command.
typedef struct piece {
    const char *queue;
    gf_rd_key   lease;
    size_t      count;
} piece;

typedef struct extending {
    gf_lease  *leases;
    size_t     count;
    int64_t    lease_ms, sent_ms;
    uint32_t  *piece_of;                   // of each lease
    piece     *pieces;
    gf_rd_cmd *cmds;
    size_t     piece_count, capacity;
} extending;

static const gf_rd_claim *claim_of(const gf_lease *lease)
{
    return (const gf_rd_claim *)lease->claim;
}

// The claim is const to the worker, and only what we know of the lease changes in it.
static gf_rd_claim *own(const gf_lease *lease)
{
    return (gf_rd_claim *)(uintptr_t)lease->claim;
}

// What an extension that is under way, or whose answer was lost, may have made of the score: a long
// lease moves it further than a Go worker's claim would be.
static int64_t reach_of(int64_t lease_ms)
{
    int64_t reach = lease_ms / 1000 + 2;
    return reach > GF_RD_REACH_S ? reach : GF_RD_REACH_S;
}

static uint32_t piece_for(extending *e, const char *queue)
{
    for (size_t i = e->piece_count; i-- > 0;)
        if (e->pieces[i].count < GF_RD_CHUNK && strcmp(e->pieces[i].queue, queue) == 0)
            return (uint32_t)i;
    piece *p = &e->pieces[e->piece_count];
    gf_rd_cmd *cmd = &e->cmds[e->piece_count];
    gf_rd_key prefix;
    p->queue = queue;
    p->count = 0;
    gf_rd_key_of(&p->lease, queue, "lease");
    gf_rd_key_of(&prefix, queue, "t:");
    gf_rd_script_begin(cmd, &extend, queue, true);
    gf_rd_add(&cmd->args, p->lease.text);
    return (uint32_t)e->piece_count++;
}

static void plan(extending *e)
{
    for (size_t i = 0; i < e->count; i++) {
        uint32_t number = piece_for(e, gf_rd_claim_queue(e->leases[i].claim));
        e->piece_of[i] = number;
        e->pieces[number].count++;
        gf_rd_add(&e->cmds[number].args, claim_of(&e->leases[i])->key);
        e->leases[i].status = GOFER_ESTALE;
        e->leases[i].lease_until_ms = 0;
        e->leases[i].cancel = false;
    }
    for (size_t i = 0; i < e->piece_count; i++) {
        gf_rd_key prefix;
        gf_rd_key_of(&prefix, e->pieces[i].queue, "t:");
        e->cmds[i].key_count = (int32_t)e->cmds[i].args.count;
        gf_rd_add_int(&e->cmds[i].args, e->lease_ms);
        gf_rd_add_int(&e->cmds[i].args, (int64_t)strlen(prefix.text));
        e->pieces[i].count = 0;            // counted again as the answers are read
    }
    for (size_t i = 0; i < e->count; i++) {
        gf_rd_claim *claim = own(&e->leases[i]);
        gf_rd_args *a = &e->cmds[e->piece_of[i]].args;
        gf_rd_add(a, claim->token_text);
        gf_rd_add_int(a, atomic_load(&claim->score));
        gf_rd_add_int(a, atomic_load(&claim->reach));
        gf_rd_add(a, e->leases[i].proven ? "1" : "");
        atomic_store(&claim->reach, reach_of(e->lease_ms));
    }
}

static void read_answers(extending *e)
{
    for (size_t i = 0; i < e->count; i++) {
        gf_lease *lease = &e->leases[i];
        const gf_rd_cmd *cmd = &e->cmds[e->piece_of[i]];
        size_t at = ++e->pieces[e->piece_of[i]].count;
        if (cmd->status != GOFER_OK) {
            lease->status = cmd->status;
            continue;
        }
        int64_t score = gf_rd_reply_int(gf_rd_reply_at(cmd->reply, 0, REDIS_REPLY_STRING), 0);
        int64_t answer = gf_rd_reply_int(gf_rd_reply_at(cmd->reply, at, REDIS_REPLY_INTEGER), -1);
        // Only the word that it is lost means so: no answer says nothing about a lease.
        lease->status = answer > 0 ? GOFER_OK : answer == 0 ? GOFER_ESTALE : GOFER_EBROKER;
        if (answer <= 0)
            continue;
        lease->lease_until_ms = e->sent_ms + e->lease_ms;
        lease->cancel = answer == 2;
        atomic_store(&own(lease)->score, score);
        atomic_store(&own(lease)->reach, GF_RD_REACH_S);
    }
}

static gofer_status run_extend(gf_rd_store *s, extending *e)
{
    plan(e);
    e->sent_ms = gf_mono_ms();
    gofer_status st = gf_rd_run_apart(s->net, e->cmds, e->piece_count, gf_rd_timeout(s));
    bool any = false;
    for (size_t i = 0; i < e->piece_count; i++)
        any |= e->cmds[i].status == GOFER_OK;
    read_answers(e);
    for (size_t i = 0; i < e->piece_count; i++)
        gf_rd_cmd_clear(&e->cmds[i]);
    return any ? GOFER_OK : st;
}

gofer_status gf_rd_extend(gf_broker *b, gf_lease *leases, size_t count, int64_t lease_ms)
{
    gf_rd_store *s = (gf_rd_store *)b;
    extending e = { .leases = leases, .count = count, .lease_ms = lease_ms };
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK || count == 0)
        return st;
    size_t queues = 0;                     // changes of queue: no fewer pieces can be
                                           //   needed than queues
    for (size_t i = 0; i < count; i++)
        queues += i == 0 ||
            strcmp(gf_rd_claim_queue(leases[i].claim),
                gf_rd_claim_queue(leases[i - 1].claim)) != 0;
    e.capacity = queues + count / GF_RD_CHUNK + 1;
    e.piece_of = gf_alloc(count * sizeof *e.piece_of);
    e.pieces = gf_alloc(e.capacity * sizeof *e.pieces);
    e.cmds = gf_calloc(e.capacity, sizeof *e.cmds);
    st = e.piece_of && e.pieces && e.cmds ? run_extend(s, &e) : gf_fail_nomem("leases");
    gf_free(e.piece_of);
    gf_free(e.pieces);
    gf_free(e.cmds);
    return st;
}
