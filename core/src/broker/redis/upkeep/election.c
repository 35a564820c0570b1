// election.c - of many workers one looks for what is due, lost and over: hundreds that each look
// every second would keep a server busy with nothing.
//
// Who looks has a lease, which ends soon after its last look. The others ask now and then whether
// somebody has it, all of them together a few times a second. Whatever is not as it should be (an
// answer that does not come, a right that is missing, more queues than one call looks at) has
// everybody look, as few workers do anyway: that is only dear. And once a minute each looks all the
// same.
#include <stdio.h>

#include "broker/redis/upkeep/upkeep.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"
#include "util/minmax.h"

enum {
    FEW_WORKERS = 4,               // so many look each for itself
    LEASE_MS = 3000, RENEW_MS = 1000,
    COUNT_MS = 5000,               // where they are few they are counted so often
    ASKED_MS = 250,                // all others together ask once in so long,
    ASK_MAX_MS = 10000,            //   but each so often
    RARE_MS = 60000,
    TROUBLE_MS = 1000,
    TIMEOUT_MS = 1000
};

static const char HOUSEKEEPER[] = "asynq:gofer:housekeeper", SERVERS[] = "asynq:servers";

static const gf_rd_script elect_script = {
    .name = "elect a housekeeper",
    .text = gf_rd_lua_elect,
};

struct gf_rd_election {
    pthread_mutex_t lock;          // for all below but the id
    char            id[17];
    bool            looks;         // this store's process does
    bool            holds;         // it has the lease
    bool            crowded;       // there are more queues than one call looks at
    int64_t         ask_ms;        // monotonic, as are all: when to ask again
    int64_t         looked_ms[GF_RD_DUTIES];
};

gofer_status gf_rd_election_open(gf_rd_store *s)
{
    gf_rd_election *e = gf_calloc(1, sizeof *e);
    if (!e)
        return gf_fail_nomem("housekeeping");
    if (pthread_mutex_init(&e->lock, NULL) != 0) {
        gf_free(e);
        return gf_fail_nomem("a lock");
    }
    gf_rd_token_text(gf_random64(), e->id);
    e->looks = true;
    s->election = e;
    return GOFER_OK;
}

void gf_rd_election_close(gf_rd_store *s)
{
    if (s->election && s->process == gf_process_self())
        pthread_mutex_destroy(&s->election->lock);
    gf_free(s->election);
    s->election = NULL;
}

// ---- asking -------------------------------------------------------------------------------------

static void begin_elect(gf_rd_cmd *cmd, const gf_rd_election *e, int64_t lease_ms)
{
    *cmd = (gf_rd_cmd){ .script = &elect_script,
        .slot = gf_rd_slot(HOUSEKEEPER, sizeof HOUSEKEEPER - 1),
        .key_count = 1,
        .repeatable = true };
    gf_rd_add(&cmd->args, HOUSEKEEPER);
    gf_rd_add(&cmd->args, e->id);
    gf_rd_add_int(&cmd->args, lease_ms);
}

// One command, whose answer is a number; -1: there is none.
static int64_t number_of(gf_rd_store *s, gf_rd_cmd *cmd)
{
    gofer_status st = gf_rd_run(s->net, cmd, 1, TIMEOUT_MS);
    int64_t number = st == GOFER_OK ? gf_rd_reply_int(cmd->reply, -1) : -1;
    gf_rd_cmd_clear(cmd);
    return number;
}

static int64_t count_workers(gf_rd_store *s)
{
    gf_rd_cmd cmd = { .slot = gf_rd_slot(SERVERS, sizeof SERVERS - 1), .reads = true };
    gf_rd_add(&cmd.args, "ZCOUNT");
    gf_rd_add(&cmd.args, SERVERS);
    gf_rd_add_int(&cmd.args, gf_now_ms() / 1000);
    gf_rd_add(&cmd.args, "+inf");
    return number_of(s, &cmd);
}

// What this process is, and in how many ms it asks again.
static int64_t ask(gf_rd_store *s, bool *holds, bool *looks)
{
    gf_rd_election *e = s->election;
    int64_t workers = count_workers(s);
    *holds = false;
    *looks = true;
    if (workers <= FEW_WORKERS)
        return workers < 0 ? TROUBLE_MS : COUNT_MS;
    gf_rd_cmd cmd;
    begin_elect(&cmd, e, LEASE_MS);
    int64_t answer = number_of(s, &cmd);
    *holds = answer == 1;
    *looks = answer != 0;
    if (*looks)
        return *holds ? RENEW_MS : TROUBLE_MS;
    int64_t rest_ms = gf_min(workers * ASKED_MS, ASK_MAX_MS);
    return rest_ms - gf_random_below((uint32_t)(rest_ms / 2));
}

// ---- the doors ----------------------------------------------------------------------------------

// Locks: e->lock held. Who has not looked for long does so all the same; but what the dead held is
// left to who has seen that the store was there all the while (gf_rd_upkeep_holds).
static bool must_look(gf_rd_election *e, gf_rd_duty duty, int64_t now_ms)
{
    bool rarely = duty != GF_RD_RECOVER && now_ms - e->looked_ms[duty] >= RARE_MS;
    bool looks = e->looks || rarely;
    if (looks)
        e->looked_ms[duty] = now_ms;
    return looks;
}

bool gf_rd_elected(gf_rd_store *s, gf_rd_duty duty, int64_t *again_ms)
{
    gf_rd_election *e = s->election;
    int64_t now_ms = gf_mono_ms();
    pthread_mutex_lock(&e->lock);
    bool asks = !e->crowded && now_ms >= e->ask_ms;
    if (asks)
        e->ask_ms = now_ms + 2 * TIMEOUT_MS;       // by one thread at a time
    pthread_mutex_unlock(&e->lock);
    bool holds = false, looks = false;
    int64_t rest_ms = asks ? ask(s, &holds, &looks) : 0;

    now_ms = gf_mono_ms();
    pthread_mutex_lock(&e->lock);
    if (asks) {
        e->holds = holds;
        e->looks = looks;
        e->ask_ms = now_ms + rest_ms;
    }
    bool must = must_look(e, duty, now_ms);
    *again_ms = e->ask_ms - now_ms;
    pthread_mutex_unlock(&e->lock);
    return must;
}

bool gf_rd_election_won(gf_rd_store *s)
{
    pthread_mutex_lock(&s->election->lock);
    bool holds = s->election->holds;
    pthread_mutex_unlock(&s->election->lock);
    return holds;
}

void gf_rd_election_crowded(gf_rd_store *s, bool crowded)
{
    gf_rd_election *e = s->election;
    pthread_mutex_lock(&e->lock);
    bool was = e->crowded, resigns = crowded && e->holds;
    e->crowded = crowded;
    e->looks |= crowded;
    e->ask_ms = crowded != was ? 0 : e->ask_ms;
    pthread_mutex_unlock(&e->lock);
    if (resigns)
        gf_rd_election_resign(s);
}

void gf_rd_election_resign(gf_rd_store *s)
{
    gf_rd_election *e = s->election;
    pthread_mutex_lock(&e->lock);
    bool held = e->holds;
    e->holds = false;
    pthread_mutex_unlock(&e->lock);
    if (!held)
        return;
    gf_rd_cmd cmd;
    begin_elect(&cmd, e, 0);
    (void)number_of(s, &cmd);                      // unheard: its lease ends by itself
}
