// watch.c - what our workers hear from others: requests to cancel tasks (Go's too), commands for
// one worker, and that cron entries have changed.
//
// May touch: net (a session), keys. Two channels: Asynq's, with the id of a task, and ours, with
// "worker <id>" or "schedules". Announcements may be lost. Requests are noted with their tasks
// (act.c); commands stand in a list of the worker's until its watch has fetched them, which the
// heartbeat reminds it of; and entries are looked at now and then by whoever serves them. Only the
// watch's own thread fetches commands, so that they are told once and in order.
#include <stdio.h>
#include <string.h>

#include "broker/redis/store.h"
#include "redis_scripts.h"
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
    COMMANDS_MAX = 1000,           // that wait for one worker
    COMMAND_TTL_MS = 20000,        // a worker that has not fetched them by then has
                                   //   long lost its record
    STACK = 256 * 1024
};

static const char CANCELS[] = "asynq:cancel", OURS[] = "asynq:gofer:control";

// ---- messages -----------------------------------------------------------------------------------

struct gf_rd_watching {
    gf_watch       base;           // first
    gf_rd_store   *store;
    gf_rd_watching *next;          // of the store's, under its lock
    char          *worker;         // NULL: of none
    gf_watch_callbacks callbacks;
    pthread_t      thread;
    gf_wake_fd     wake_fd;        // wakes the thread
    _Atomic int    closing;
    _Atomic bool   called;         // there are commands to fetch
    // The thread's own from its start on.
    gf_rd_session *session;        // NULL: not subscribed
    int64_t        received_ms;    // when something last came
    bool           pinged;         // nothing has come since a PING
    int64_t        retry_ms;       // back-off
    bool           complained;
    bool           subscribed_once;
};
typedef gf_rd_watching watch;

static gofer_status say(watch *w, const char *const *words)
{
    gf_rd_args args = { 0 };
    for (; *words; words++)
        gf_rd_add(&args, *words);
    gofer_status st = gf_rd_session_send(w->session, &args, OPEN_MS);
    gf_rd_args_clear(&args);
    return st;
}

static bool is_kind(const redisReply *r, const char *kind)
{
    const redisReply *word = gf_rd_reply_at(r, 0, REDIS_REPLY_STRING);
    return word && strcmp(word->str, kind) == 0;
}

// What comes on the session: only announcements matter.
static void receive_one(watch *w, const redisReply *r)
{
    const redisReply *channel = gf_rd_reply_at(r, 1, REDIS_REPLY_STRING),
                     *text = gf_rd_reply_at(r, 2, REDIS_REPLY_STRING);
    if (!channel || !text || !is_kind(r, "message"))
        return;
    if (strcmp(channel->str, OURS) != 0) {
        if (w->callbacks.cancel)
            w->callbacks.cancel(w->callbacks.arg, NULL, text->str);
    } else if (strcmp(text->str, "schedules") == 0) {
        if (w->callbacks.schedules)
            w->callbacks.schedules(w->callbacks.arg);
    } else if (w->worker && strncmp(text->str, "worker ", 7) == 0 &&
        strcmp(text->str + 7, w->worker) == 0) {
        atomic_store(&w->called, true);
    }
}

// Sleep until something comes on the session or the watch is closed.
static void doze(watch *w, int64_t timeout_ms)
{
    struct pollfd fds[2] = { { .fd = w->wake_fd.read_fd, .events = POLLIN } };
    if (w->session)
        fds[1] = (struct pollfd){ .fd = gf_rd_session_fd(w->session), .events = POLLIN };
    timeout_ms = gf_rd_session_nap_ms(w->session, timeout_ms);
    (void)poll(fds, w->session ? 2 : 1, timeout_ms < 0 ? 0 : timeout_ms > INT_MAX
        ? INT_MAX : (int)timeout_ms);
    if (fds[0].revents)
        gf_wake_fd_clear(&w->wake_fd);
}

// Wait for the answers to SUBSCRIBE, one for each channel. An error is one for both.
static gofer_status subscribed(watch *w)
{
    int64_t end_ms = gf_mono_ms() + OPEN_MS;
    for (int answers = 0; answers < 2;) {
        redisReply *r = NULL;
        gofer_status st = gf_rd_session_next(w->session, &r);
        if (st == GOFER_EEMPTY) {
            if (gf_mono_ms() >= end_ms || atomic_load(&w->closing))
                return gf_fail(GOFER_ETIMEOUT, "Redis did not answer SUBSCRIBE %s in %d ms",
                    CANCELS, OPEN_MS);
            doze(w, end_ms - gf_mono_ms());
            continue;
        }
        if (st != GOFER_OK)
            return st;
        if (r->type == REDIS_REPLY_ERROR)
            st = gf_fail(strncmp(r->str, "NOPERM", 6) == 0 ? GOFER_EDENIED : GOFER_EBROKER,
                "SUBSCRIBE %s: %.200s", CANCELS, r->str);
        gf_rd_reply_free(r);
        if (st != GOFER_OK)
            return st;
        answers++;
    }
    return GOFER_OK;
}

static void hang_up(watch *w)
{
    gf_rd_session_close(w->session);
    w->session = NULL;
}

static void log_deaf(watch *w, gofer_status st)
{
    const gf_log *log = &w->store->base.config.log;
    if (!w->complained && gf_log_on(log))
        gf_logf(log, GOFER_LOG_WARN,
            "requests to cancel tasks and commands are heard late; trying on", "status",
            gofer_status_name(st), "error", gofer_error_last(), NULL);
    w->complained = true;
}

static void subscribe(watch *w)
{
    w->session = NULL;
    gofer_status st = gf_rd_session_open(&w->session, w->store->net, GF_RD_ANY_SLOT, OPEN_MS);
    if (st != GOFER_OK)
        w->session = NULL;
    else if ((st = say(w, (const char *const[]){ "SUBSCRIBE", CANCELS, OURS, NULL })) == GOFER_OK)
        st = subscribed(w);
    if (st == GOFER_OK) {
        w->received_ms = gf_mono_ms();
        w->pinged = w->complained = false;
        w->retry_ms = 0;
        atomic_store(&w->called, true);            // what was said before
        if (w->subscribed_once && w->callbacks.schedules)
            w->callbacks.schedules(w->callbacks.arg);    // or meanwhile
        w->subscribed_once = true;
        return;
    }
    if (!atomic_load(&w->closing))
        log_deaf(w, st);
    hang_up(w);
    w->retry_ms = st == GOFER_EDENIED ? DENIED_MS : w->retry_ms ? 2 * w->retry_ms : RETRY_MIN_MS;
    if (w->retry_ms > RETRY_MAX_MS && st != GOFER_EDENIED)
        w->retry_ms = RETRY_MAX_MS;
}

// Take in what has come. False: the session is broken.
static bool listen_on(watch *w)
{
    redisReply *r = NULL;
    gofer_status st;
    while ((st = gf_rd_session_next(w->session, &r)) == GOFER_OK) {
        w->received_ms = gf_mono_ms();
        w->pinged = false;
        receive_one(w, r);
        gf_rd_reply_free(r);
    }
    return st == GOFER_EEMPTY;
}

// A session on which nothing comes may lead nowhere. False: it does.
static bool check_line(watch *w)
{
    int64_t quiet_ms = gf_mono_ms() - w->received_ms;
    if (w->pinged)
        return quiet_ms < IDLE_MS + PONG_MS;
    if (quiet_ms < IDLE_MS)
        return true;
    w->pinged = true;
    return say(w, (const char *const[]){ "PING", NULL }) == GOFER_OK;
}

// ---- commands -----------------------------------------------------------------------------------

// The keys of a worker, as the scripts name them.
enum { LIVE, COMMANDS, DIED = GF_RD_DIED };
#define ADD_KEY(NAME, name, rest) gf_rd_add(args, keys[NAME]);

// That a worker lives, and the list of its commands: in one slot.
void gf_rd_mailbox_of(const char *worker, char keys[GF_RD_WORKER_KEYS][GF_RD_MAILBOX])
{
    snprintf(keys[LIVE], GF_RD_MAILBOX, "asynq:gofer:{%s}:live", worker);
    snprintf(keys[COMMANDS], GF_RD_MAILBOX, "asynq:gofer:{%s}:control", worker);
    snprintf(keys[DIED], GF_RD_MAILBOX, "asynq:gofer:{%s}:died", worker);
}

static const gf_rd_script fetch_script = {
    .name = "fetch commands",
    .text = gf_rd_lua_fetch_commands,
    .allow_oom = true,
};

static const gf_rd_script control_script = {
    .name = "tell a worker",
    .text = gf_rd_lua_control_worker,
};

static const gf_rd_script alive_script = {
    .name = "say that a worker lives",
    .text = gf_rd_lua_keep_alive,
    .allow_oom = true,
};

static void fetch(watch *w)
{
    char keys[GF_RD_WORKER_KEYS][GF_RD_MAILBOX];
    redisReply *all;
    if (!w->worker)
        return;
    gf_rd_mailbox_of(w->worker, keys);
    // Not repeated: what was fetched and not heard is gone, and would be mixed
    // with what came later.
    gf_rd_cmd cmd = { .script = &fetch_script, .key_count = 1,
        .slot = gf_rd_slot(keys[COMMANDS], strlen(keys[COMMANDS])) };
    gf_rd_add(&cmd.args, keys[COMMANDS]);
    if (gf_rd_call(w->store, &cmd, &all) != GOFER_OK)
        return;
    for (size_t i = 0; all->type == REDIS_REPLY_ARRAY && i < all->elements; i++)
        if (w->callbacks.control && all->element[i]->type == REDIS_REPLY_STRING)
            w->callbacks.control(w->callbacks.arg, all->element[i]->str);
    gf_rd_reply_free(all);
}

static void *watch_main(void *arg)
{
    watch *w = arg;
    gf_thread_name("gofer-cancel");
    while (!atomic_load(&w->closing)) {
        if (!w->session) {
            // Half of the time fixed, half by chance: the workers of a server that was away
            // come back one by one.
            if (w->retry_ms)
                doze(w, w->retry_ms / 2 + gf_random_below((uint32_t)(w->retry_ms / 2) + 1));
            if (!atomic_load(&w->closing))
                subscribe(w);
        }
        if (atomic_exchange(&w->called, false))
            fetch(w);
        if (!w->session)
            continue;
        if (!listen_on(w) || !check_line(w)) {
            hang_up(w);
            continue;
        }
        if (atomic_load(&w->called))
            continue;
        doze(w, w->received_ms + IDLE_MS + (w->pinged ? PONG_MS : 0) - gf_mono_ms() + 1);
    }
    hang_up(w);
    return NULL;
}

// ---- open and close -----------------------------------------------------------------------------

static void enlist(watch *w)
{
    pthread_mutex_lock(&w->store->lock);
    w->next = w->store->watches;
    w->store->watches = w;
    pthread_mutex_unlock(&w->store->lock);
}

static void delist(watch *w)
{
    pthread_mutex_lock(&w->store->lock);
    for (watch **link = &w->store->watches; *link; link = &(*link)->next)
        if (*link == w) {
            *link = w->next;
            break;
        }
    pthread_mutex_unlock(&w->store->lock);
}

static void free_watch(watch *w)
{
    gf_wake_fd_close(&w->wake_fd);
    gf_free(w->worker);
    gf_free(w);
}

gofer_status gf_rd_watch_open(
    gf_broker *b, const char *worker, const gf_watch_callbacks *callbacks, gf_watch **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    watch *w = gf_calloc(1, sizeof *w);
    if (!w)
        return gf_fail_nomem("the hearing of requests");
    w->base.broker = b;
    w->store = s;
    w->callbacks = *callbacks;
    w->worker = worker ? gf_strdup(worker) : NULL;
    w->wake_fd = (gf_wake_fd){ -1, -1 };
    if ((worker && !w->worker) || !gf_wake_fd_open(&w->wake_fd)) {
        bool no_memory = worker && !w->worker;
        free_watch(w);
        return no_memory ? gf_fail_nomem("the hearing of requests")
                         : gf_fail(GOFER_ENOMEM, "no file descriptor for the hearing of requests");
    }
    subscribe(w);                  // so that what is asked for from now on is heard;
                                   //   else the thread tries on
    enlist(w);
    if (gf_thread_start(&w->thread, watch_main, w, STACK) != 0) {
        delist(w);
        hang_up(w);
        free_watch(w);
        return gf_fail(GOFER_ENOMEM, "no thread for the hearing of requests");
    }
    *out = &w->base;
    return GOFER_OK;
}

void gf_rd_watch_close(gf_watch *watching)
{
    watch *w = (watch *)watching;
    if (!w)
        return;
    delist(w);
    atomic_store(&w->closing, 1);
    gf_wake_fd_set(&w->wake_fd);
    pthread_join(w->thread, NULL);
    free_watch(w);
}

// ---- telling ------------------------------------------------------------------------------------

void gf_rd_alive_begin(gf_rd_cmd *cmd, char keys[GF_RD_WORKER_KEYS][GF_RD_MAILBOX],
    const char *worker)
{
    gf_rd_mailbox_of(worker, keys);
    *cmd = (gf_rd_cmd){ .script = &alive_script, .repeatable = true,
        .key_count = 0 GF_RD_KEYS_KEEP_ALIVE(GF_RD_ONE),
        .slot = gf_rd_slot(keys[LIVE], strlen(keys[LIVE])) };
    gf_rd_args *args = &cmd->args;
    GF_RD_KEYS_KEEP_ALIVE(ADD_KEY)
    gf_rd_add_int(&cmd->args, GF_RD_SERVER_TTL_S);
}

void gf_rd_alive_answered(gf_rd_store *s, const gf_rd_cmd *cmd, const char *worker)
{
    if (cmd->status != GOFER_OK || gf_rd_reply_int(cmd->reply, 0) == 0)
        return;
    pthread_mutex_lock(&s->lock);
    for (watch *w = s->watches; w; w = w->next)
        if (w->worker && strcmp(w->worker, worker) == 0) {
            atomic_store(&w->called, true);
            gf_wake_fd_set(&w->wake_fd);
        }
    pthread_mutex_unlock(&s->lock);
}

gofer_status gf_rd_announce(gf_rd_store *s, const char *text)
{
    redisReply *reply;
    gf_rd_cmd cmd = { .slot = GF_RD_ANY_SLOT, .repeatable = true };
    gf_rd_add(&cmd.args, "PUBLISH");
    gf_rd_add(&cmd.args, OURS);
    gf_rd_add(&cmd.args, text);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st == GOFER_OK)
        gf_rd_reply_free(reply);
    return st;
}

// Somebody's, then: a Go server.
static bool is_listed(gf_broker *b, const char *worker)
{
    gofer_info *list;
    bool found = false;
    if (gf_rd_workers(b, NULL, &list) != GOFER_OK)
        return false;
    for (size_t i = 0; i < gofer_info_count(list) && !found; i++) {
        const char *id = gofer_info_text(gofer_info_at(list, i), "worker");
        found = id && strcmp(id, worker) == 0;
    }
    gofer_info_free(list);
    return found;
}

gofer_status gf_rd_control(gf_broker *b, const char *worker, const char *command)
{
    gf_rd_store *s = (gf_rd_store *)b;
    char keys[GF_RD_WORKER_KEYS][GF_RD_MAILBOX], text[300];
    redisReply *reply;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    if (strlen(worker) > GF_ID_MAX)
        return gf_fail(GOFER_ENOTFOUND, "no live worker '%.60s...'", worker);
    gf_rd_mailbox_of(worker, keys);
    gf_rd_cmd cmd = { .script = &control_script,
        .key_count = 0 GF_RD_KEYS_CONTROL_WORKER(GF_RD_ONE),
        .slot = gf_rd_slot(keys[COMMANDS], strlen(keys[COMMANDS])) };
    gf_rd_args *args = &cmd.args;
    GF_RD_KEYS_CONTROL_WORKER(ADD_KEY)
    gf_rd_add(&cmd.args, command);
    gf_rd_add_int(&cmd.args, COMMANDS_MAX);
    gf_rd_add_int(&cmd.args, COMMAND_TTL_MS);
    st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    int64_t said = gf_rd_reply_int(reply, 0);
    gf_rd_reply_free(reply);
    if (said < 0)
        return gf_fail(GOFER_ESTATE, "the worker '%s' does not heed its commands: %d wait for it",
            worker, COMMANDS_MAX);
    if (said == 0)
        return is_listed(b, worker)
            ? gf_fail(GOFER_EUNSUPPORTED, "'%s' is not a gofer worker: it takes no commands",
                  worker)
            : gf_fail(GOFER_ENOTFOUND, "no live worker '%s'", worker);
    snprintf(text, sizeof text, "worker %s", worker);
    (void)gf_rd_announce(s, text);         // the heartbeat reminds it too
    return GOFER_OK;
}
