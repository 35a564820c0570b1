// cancel.c - asks whoever runs a task to stop, and tells our workers of such requests, Go's too.
//
// May touch: net (a line), keys. The announcement is Asynq's: the task's id on one channel for all
// queues, which every worker hears and nobody stores. Since it may be lost, the request is noted with
// the task as well, by the claim it is meant for: the next extension of that lease finds it, and the
// task's next run does not.
#include <string.h>

#include "broker/redis/store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"
#include "util/thread.h"

enum {
    OPEN_MS = 2000,                // to subscribe, in all
    RETRY_MIN_MS = 100, RETRY_MAX_MS = 5000,
    DENIED_MS = 60000,             // the user may not subscribe: ask again after so long
    IDLE_MS = 10000,               // nothing heard for so long: PING,
    PONG_MS = 5000,                //   and nothing for so much longer: broken
    STACK = 256 * 1024
};

static const char CHANNEL[] = "asynq:cancel";

// ---- asking -------------------------------------------------------------------------------------

// KEYS task; returns 1: active, 0: no such task, -1: not active. Only claims of ours are noted: a Go
// worker reads no notes. HDEL needs no memory, so that Redis before version 7 lets the rest go on.
static const gf_rd_script note_request = {
    .name = "cancel",
    .text =
        "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end\n"
        "local f = redis.call('HMGET', KEYS[1], 'state', 'gofer:claim')\n"
        "if f[1] ~= 'active' then return -1 end\n"
        "if f[2] then\n"
        "  redis.call('HDEL', KEYS[1], 'gofer:cancel')\n"
        "  redis.call('HSET', KEYS[1], 'gofer:cancel', f[2])\n"
        "end\n"
        "return 1\n",
    .allow_oom = true,
};

static gofer_status note(gf_rd_store *s, const char *queue, const char *id)
{
    gf_rd_key key;
    gf_rd_cmd cmd;
    redisReply *reply = NULL;
    gf_rd_key_of(&key, queue, "t:");
    size_t lead = strlen(key.text);
    if (lead + strlen(id) >= sizeof key.text)
        return gf_fail(GOFER_ENOTFOUND, "no task '%.60s...' in queue '%.60s'", id, queue);
    strcpy(key.text + lead, id);
    gf_rd_script_begin(&cmd, &note_request, queue, true);
    gf_rd_add(&cmd.args, key.text);
    cmd.key_count = 1;
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    int64_t found = gf_rd_reply_int(reply, 0);
    freeReplyObject(reply);
    if (found == 0)
        return gf_fail(GOFER_ENOTFOUND, "no task '%.255s' in queue '%.255s'", id, queue);
    if (found < 0)
        return gf_fail(GOFER_ESTATE, "task '%.255s' is not active: only a task that runs can be cancelled", id);
    return GOFER_OK;
}

gofer_status gf_rd_cancel(gf_broker *b, const char *queue, const char *id)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = note(s, queue, id);
    if (st != GOFER_OK)
        return st;
    redisReply *reply = NULL;
    gf_rd_cmd cmd = { .slot = GF_RD_ANY_SLOT, .repeatable = true };    // a cluster passes it to all nodes
    gf_rd_add(&cmd.args, "PUBLISH");
    gf_rd_add(&cmd.args, CHANNEL);
    gf_rd_add(&cmd.args, id);
    st = gf_rd_call(s, &cmd, &reply);
    if (st == GOFER_OK)
        freeReplyObject(reply);
    return st;
}

// ---- hearing --------------------------------------------------------------------------------------

typedef struct watch {
    gf_watch       base;           // first
    gf_rd_store   *store;
    gf_told        told;
    pthread_t      thread;
    gf_poke        poke;           // wakes the thread
    _Atomic int    closing;
    // The thread's own from its start on.
    gf_rd_line    *line;           // NULL: not subscribed
    int64_t        heard_ms;       // when something last came
    bool           pinged;         // nothing has come since a PING
    int64_t        retry_ms;       // back-off
    bool           complained;
} watch;

static gofer_status say(watch *w, const char *word, const char *argument)
{
    gf_rd_args args = { 0 };
    gf_rd_add(&args, word);
    if (argument)
        gf_rd_add(&args, argument);
    gofer_status st = gf_rd_line_send(w->line, &args, OPEN_MS);
    gf_rd_args_clear(&args);
    return st;
}

static bool is_kind(const redisReply *r, const char *kind)
{
    const redisReply *word = gf_rd_reply_at(r, 0, REDIS_REPLY_STRING);
    return word && strcmp(word->str, kind) == 0;
}

// What comes on the line: only announcements matter.
static void hear_one(watch *w, const redisReply *r)
{
    const redisReply *id = gf_rd_reply_at(r, 2, REDIS_REPLY_STRING);
    if (id && is_kind(r, "message") && w->told.cancel)
        w->told.cancel(w->told.arg, NULL, id->str);
}

// Sleep until something comes on the line or the watch is closed.
static void doze(watch *w, int64_t timeout_ms)
{
    struct pollfd fds[2] = { { .fd = w->poke.read_fd, .events = POLLIN } };
    if (w->line)
        fds[1] = (struct pollfd){ .fd = gf_rd_line_fd(w->line), .events = POLLIN };
    (void)poll(fds, w->line ? 2 : 1, timeout_ms < 0 ? 0 : timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
}

// Wait for the answer to SUBSCRIBE.
static gofer_status subscribed(watch *w)
{
    int64_t end_ms = gf_mono_ms() + OPEN_MS;
    for (;;) {
        redisReply *r = NULL;
        gofer_status st = gf_rd_line_next(w->line, &r);
        if (st == GOFER_EEMPTY) {
            if (gf_mono_ms() >= end_ms || atomic_load(&w->closing))
                return gf_fail(GOFER_ETIMEOUT, "Redis did not answer SUBSCRIBE %s in %d ms", CHANNEL, OPEN_MS);
            doze(w, end_ms - gf_mono_ms());
            continue;
        }
        if (st != GOFER_OK)
            return st;
        if (r->type == REDIS_REPLY_ERROR)
            st = gf_fail(strncmp(r->str, "NOPERM", 6) == 0 ? GOFER_EDENIED : GOFER_EBROKER, "SUBSCRIBE %s: %.200s",
                CHANNEL, r->str);
        freeReplyObject(r);
        return st;
    }
}

static void hang_up(watch *w)
{
    gf_rd_line_close(w->line);
    w->line = NULL;
}

static void tell_deaf(watch *w, gofer_status st)
{
    const gf_log *log = &w->store->base.config.log;
    if (!w->complained && gf_log_on(log))
        gf_logf(log, GOFER_LOG_WARN, "requests to cancel tasks are heard late; trying on", "status",
            gofer_status_name(st), "error", gofer_error_last(), NULL);
    w->complained = true;
}

static void subscribe(watch *w)
{
    w->line = NULL;
    gofer_status st = gf_rd_line_open(&w->line, w->store->net, GF_RD_ANY_SLOT, OPEN_MS);
    if (st != GOFER_OK)
        w->line = NULL;
    else if ((st = say(w, "SUBSCRIBE", CHANNEL)) == GOFER_OK)
        st = subscribed(w);
    if (st == GOFER_OK) {
        w->heard_ms = gf_mono_ms();
        w->pinged = w->complained = false;
        w->retry_ms = 0;
        return;
    }
    if (!atomic_load(&w->closing))
        tell_deaf(w, st);
    hang_up(w);
    w->retry_ms = st == GOFER_EDENIED ? DENIED_MS : w->retry_ms ? 2 * w->retry_ms : RETRY_MIN_MS;
    if (w->retry_ms > RETRY_MAX_MS && st != GOFER_EDENIED)
        w->retry_ms = RETRY_MAX_MS;
}

// Take in what has come. False: the line is broken.
static bool listen_on(watch *w)
{
    redisReply *r = NULL;
    gofer_status st;
    while ((st = gf_rd_line_next(w->line, &r)) == GOFER_OK) {
        w->heard_ms = gf_mono_ms();
        w->pinged = false;
        hear_one(w, r);
        freeReplyObject(r);
    }
    return st == GOFER_EEMPTY;
}

// A line on which nothing comes may lead nowhere. False: it does.
static bool check_line(watch *w)
{
    int64_t quiet_ms = gf_mono_ms() - w->heard_ms;
    if (w->pinged)
        return quiet_ms < IDLE_MS + PONG_MS;
    if (quiet_ms < IDLE_MS)
        return true;
    w->pinged = true;
    return say(w, "PING", NULL) == GOFER_OK;
}

static void *watch_main(void *arg)
{
    watch *w = arg;
    gf_thread_name("gofer-cancel");
    while (!atomic_load(&w->closing)) {
        if (!w->line) {
            // Half of the time fixed, half by chance: the workers of a server that was away come back one by one.
            if (w->retry_ms)
                doze(w, w->retry_ms / 2 + gf_random_below((uint32_t)(w->retry_ms / 2) + 1));
            if (!atomic_load(&w->closing))
                subscribe(w);
            continue;
        }
        if (!listen_on(w) || !check_line(w)) {
            hang_up(w);
            continue;
        }
        doze(w, w->heard_ms + IDLE_MS + (w->pinged ? PONG_MS : 0) - gf_mono_ms() + 1);
    }
    hang_up(w);
    return NULL;
}

gofer_status gf_rd_watch_open(gf_broker *b, const char *worker, const gf_told *told, gf_watch **out)
{
    (void)worker;                  // no commands are kept here
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    watch *w = gf_calloc(1, sizeof *w);
    if (!w)
        return gf_fail_nomem("the hearing of cancel requests");
    *w = (watch){ .base = { b }, .store = s, .told = *told };
    if (!gf_poke_open(&w->poke)) {
        gf_free(w);
        return gf_fail(GOFER_ENOMEM, "no file descriptor for the hearing of cancel requests");
    }
    subscribe(w);                  // so that what is asked for from now on is heard; else the thread tries on
    if (gf_thread_start(&w->thread, watch_main, w, STACK) != 0) {
        hang_up(w);
        gf_poke_close(&w->poke);
        gf_free(w);
        return gf_fail(GOFER_ENOMEM, "no thread for the hearing of cancel requests");
    }
    *out = &w->base;
    return GOFER_OK;
}

void gf_rd_watch_close(gf_watch *watching)
{
    watch *w = (watch *)watching;
    if (!w)
        return;
    atomic_store(&w->closing, 1);
    gf_poke_set(&w->poke);
    pthread_join(w->thread, NULL);
    gf_poke_close(&w->poke);
    gf_free(w);
}
