// undelivered.c - tasks that were taken but did not reach the worker: a connection broke before the
// answer, or there was no memory for it. They are put back when the store answers again, not
// when their leases end.
#include <stdio.h>
#include <string.h>

#include "broker/redis/task/exchange.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    LOOK_AT = 2000,                        // the latest so many active tasks
    PATIENCE_MS = 1000,                    // an exchange waits for it: on a shard that is gone
                                           //   no longer than this,
    PAUSE_MS = 2000                        //   and not again so soon
};

static const gf_rd_script put_back = {
    .name = "put back",
    .allow_oom = true,
    .text = gf_rd_lua_put_back,
};

// Locks: s->lock held. False: no memory, or there are too many.
static bool make_room(gf_rd_store *s)
{
    return s->undelivered_count < GF_RD_UNDELIVERED_MAX && gf_grow(s->undelivered,
        s->undelivered_room, s->undelivered_count + 1);
}

// Locks: s->lock held.
static void forget_oldest(gf_rd_store *s)
{
    memmove(s->undelivered, s->undelivered + 1, --s->undelivered_count * sizeof *s->undelivered);
}

// What is too much: the oldest go, whose leases end first.
void gf_rd_undelivered_note(gf_rd_store *s, const char *queue, uint64_t token)
{
    pthread_mutex_lock(&s->lock);
    if (!make_room(s) && s->undelivered_count > 0)
        forget_oldest(s);
    if (s->undelivered_count < s->undelivered_room) {
        gf_rd_undelivered *take = &s->undelivered[s->undelivered_count++];
        *take = (gf_rd_undelivered){ .token = token };
        snprintf(take->queue, sizeof take->queue, "%s", queue);
    }
    pthread_mutex_unlock(&s->lock);
}

void gf_rd_undelivered_close(gf_rd_store *s)
{
    gf_free(s->undelivered);
    s->undelivered = NULL;
    s->undelivered_count = s->undelivered_room = 0;
}

static bool next_undelivered(gf_rd_store *s, gf_rd_undelivered *out)
{
    pthread_mutex_lock(&s->lock);
    bool any = s->undelivered_count > 0 && gf_mono_ms() >= s->undelivered_due_ms;
    if (any) {
        *out = s->undelivered[0];
        forget_oldest(s);
    }
    pthread_mutex_unlock(&s->lock);
    return any;
}

static gofer_status return_one(gf_rd_store *s, const gf_rd_undelivered *take)
{
    static const char *const rests[] = { GF_RD_KEYS_PUT_BACK(GF_RD_REST) };
    gf_rd_key keys[COUNT_OF(rests)], task;
    char token[17];
    gf_rd_cmd cmd;
    gf_rd_key_of(&task, take->queue, "t:");
    gf_rd_token_text(take->token, token);

    gf_rd_script_begin(&cmd, &put_back, take->queue, true);
    gf_rd_add_keys(&cmd, keys, take->queue, rests, COUNT_OF(rests));
    gf_rd_add(&cmd.args, task.text);
    gf_rd_add(&cmd.args, token);
    gf_rd_add_int(&cmd.args, LOOK_AT);
    int64_t timeout_ms = gf_rd_timeout(s);
    gofer_status st =
        gf_rd_run(s->net, &cmd, 1, timeout_ms < PATIENCE_MS ? timeout_ms : PATIENCE_MS);
    int64_t count = st == GOFER_OK ? gf_rd_reply_int(cmd.reply, 0) : 0;
    gf_rd_cmd_clear(&cmd);
    if (st != GOFER_OK)
        return st;
    if (count) {
        char number[32];
        snprintf(number, sizeof number, "%lld", (long long)count);
        gf_logf(&s->base.config.log, GOFER_LOG_INFO,
            "tasks whose taking was not heard of were put back", "queue", take->queue, "#count",
            number, NULL);
    }
    return GOFER_OK;
}

// The store did not answer; what it says when it does is the end of a note, whatever it says.
static bool is_away(gofer_status st)
{
    return st == GOFER_EBROKER || st == GOFER_ETIMEOUT || st == GOFER_EUNCERTAIN ||
        st == GOFER_ENOMEM;
}

// One that has to wait goes behind the others: theirs may be on a shard that answers.
void gf_rd_undelivered_return(gf_rd_store *s)
{
    gf_rd_undelivered take;
    while (next_undelivered(s, &take))
        if (is_away(return_one(s, &take))) {
            gf_rd_undelivered_note(s, take.queue, take.token);
            pthread_mutex_lock(&s->lock);
            s->undelivered_due_ms = gf_mono_ms() + PAUSE_MS;
            pthread_mutex_unlock(&s->lock);
            return;
        }
}
