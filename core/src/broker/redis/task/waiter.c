// waiter.c - waits for work without polling: notified within a millisecond, whoever pushed.
//
// May touch: net (sessions), keys. A watched queue has a session, a connection of its own, on which
// BLMOVE pending pending RIGHT RIGHT blocks: it moves the last element to where it is, so it
// changes nothing, and it answers as soon as the list is not empty. Redis wakes everybody who waits
// so, Go's pushes wake too, and a list that is not empty answers at once, so nothing that came
// between two waits is missed. A session stays open, and its command under way, from
// one wait to the next.
//
// What cannot be waited for so is asked for its length now and then, less often the longer nothing
// comes: queues beyond the sessions, and all while Redis refuses BLMOVE (its memory is full, or the
// user may not).
#include <string.h>

#include "broker/redis/shard/shard.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"
#include "util/minmax.h"
#include "util/wake_fd.h"

enum {
    SESSIONS = 8,                  // queues with a session; the others are polled
    BLOCK_S = 5,                   // how long Redis blocks before it answers nil and is asked again
    OVERDUE_MS = 4000,             // no answer for so much longer: the session is broken
    OPEN_MS = 1000,
    REOPEN_MIN_MS = 100, REOPEN_MAX_MS = 5000,
    PAUSED_MS = 1000,              // a paused queue is looked at so often
    VAIN_FREE = 2,                 // so many wakes in a row that brought no task are
                                   //   asked again at once,
    VAIN_MS = 20,                  //   those after them later and later, up to this,
    VAIN_HOPELESS = 16,            //   and with so many of them
    VAIN_HOPELESS_MS = 100,        //   no sooner than this
    CALM_MS = 100,                 // a wait of so long was no part of such a row
    POLL_MIN_MS = 10, POLL_MAX_MS = 500,
    CROWD_MS = 10000,              // where many workers serve the queue, each has lines to some of
                                   //   its slots, and looks at the rest as rarely
    RECOUNT_MS = 6000,             // how many they are may have changed after so long
    POLL_TIMEOUT_MS = 1000,
    REFUSED_MS = 10000             // BLMOVE was refused: try it again after so long
};

typedef struct watched {
    char       *queue;             // owned
    gf_rd_session *session;        // NULL: closed
    bool        has_line;          // it may have one
    bool        blocks;            // BLMOVE is under way
    bool        asks_paused;       // so is EXISTS paused, before it
    bool        notified;          // the last wait returned because of it
    int         vain;              // wakes in a row without a task
    int64_t     sent_ms;           // BLMOVE
    int64_t     paused_ms;         // when it was seen paused; 0: not paused
    int64_t     next_ms;           // nothing is sent, nor the session opened, before
    int64_t     reopen_ms;         // back-off
    int64_t     refused_ms;        // polled until then
} watched;

typedef struct waiter {
    gf_waiter base;                // first
    gf_rd_store *store;
    gf_wake_fd wake_fd;            // set by wake
    size_t    arms;                // since the last wait
    gf_names  asked;               // the queues as asked for
    int64_t   version;             // of the sharded queues that `queues` was made by,
    size_t    from;                // with which slot it begins
    size_t    crowd;               //   and how many workers they had, see gf_rd_spread
    int64_t   made_ms;             // when it was made
    size_t    count;
    int64_t   poll_ms;             // the time between two looks at the polled queues
    int64_t   poll_next_ms;
    bool      poll_notified;
    watched  *queues;              // the slots of sharded ones in their place
} waiter;

// Half of it fixed, half by chance: many waiters shall not do the same at the same time.
static int64_t jittered(int64_t ms)
{
    return ms - ms / 2 + gf_random_below((uint32_t)(ms / 2) + 1);
}

// ---- open, close, arm, wake ------------------------------------------------------------------

static void close_watched(watched *queues, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gf_rd_session_close(queues[i].session);
        gf_free(queues[i].queue);
    }
    gf_free(queues);
}

// One that is watched already goes on as it is, with its session if it keeps a line.
static bool watch(waiter *w, watched *q, const char *queue, bool has_line)
{
    for (size_t i = 0; i < w->count; i++) {
        watched *old = &w->queues[i];
        if (!old->queue || strcmp(old->queue, queue) != 0 || old->has_line != has_line)
            continue;
        *q = *old;
        *old = (watched){ .queue = NULL };
        return true;
    }
    *q = (watched){ .queue = gf_strdup(queue), .has_line = has_line };
    return q->queue != NULL;
}

// Makes the list of what is watched. False: no memory; what of it stood stands.
static bool follow(waiter *w)
{
    gf_rd_shards *all = gf_rd_shards_take(w->store);
    int64_t version = all ? all->version : gf_rd_shards_version(w->store);
    gf_rd_spread to = gf_rd_names_spread(all, (const char *const *)w->asked.names, w->asked.count,
        w->from);
    size_t lines = gf_min_size(to.lined, SESSIONS), count = to.count, made = 0;
    watched *queues = to.names ? gf_calloc(count + 1, sizeof *queues) : NULL;
    bool complete = queues != NULL;
    for (; complete && made < count; made++)
        complete = watch(w, &queues[made], to.names[made], made < lines);
    w->crowd = to.crowd;
    w->made_ms = gf_mono_ms();
    gf_rd_shards_drop(all);
    gf_free(to.names);
    if (!queues)
        return false;
    close_watched(w->queues, w->count);
    w->queues = queues;
    w->count = complete ? count : made - 1;    // the last has no name
    w->version = complete ? version : w->version;
    return complete;
}

gofer_status gf_rd_waiter_open(gf_broker *b, const char *const *queues, size_t count,
    gf_waiter **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    waiter *w = gf_calloc(1, sizeof *w);
    if (!w)
        return gf_fail_nomem("a waiter");
    w->base.broker = b;
    w->store = s;
    w->poll_ms = POLL_MIN_MS;
    w->from = gf_random_below(GF_SHARDS_MAX);
    w->wake_fd = (gf_wake_fd){ -1, -1 };
    bool complete = true;
    for (size_t i = 0; i < count && complete; i++)
        complete = gf_names_add(&w->asked, queues[i]);
    complete = complete && follow(w);
    if (complete && gf_wake_fd_open(&w->wake_fd)) {
        *out = &w->base;           // the sessions are opened by the first wait
        return GOFER_OK;
    }
    gf_rd_waiter_close(&w->base);
    return complete ? gf_fail(GOFER_ENOMEM, "no file descriptor for a waiter")
                    : gf_fail_nomem("a waiter");
}

void gf_rd_waiter_close(gf_waiter *waiting)
{
    waiter *w = (waiter *)waiting;
    if (!w)
        return;
    close_watched(w->queues, w->count);
    gf_names_clear(&w->asked);
    gf_wake_fd_close(&w->wake_fd);
    gf_free(w);
}

// Nothing to remember: a queue that is not empty answers whenever it is asked.
void gf_rd_waiter_arm(gf_waiter *waiting)
{
    ((waiter *)waiting)->arms++;
}

void gf_rd_waiter_wake(gf_waiter *waiting)
{
    gf_wake_fd_set(&((waiter *)waiting)->wake_fd);
}

// ---- a session ----------------------------------------------------------------------------------

static void drop_session(watched *q, int64_t now_ms)
{
    gf_rd_session_close(q->session);
    q->session = NULL;
    q->blocks = q->asks_paused = false;
    q->reopen_ms = q->reopen_ms ? gf_min(2 * q->reopen_ms, REOPEN_MAX_MS) : REOPEN_MIN_MS;
    q->next_ms = now_ms + jittered(q->reopen_ms);
}

// Asks net for the queue: a call follows redirections and failovers, which a session cannot, and
// net then knows where the next session has to go. What it answers does not matter.
static void find_way(waiter *w, const watched *q)
{
    gf_rd_key key;
    gf_rd_key_of(&key, q->queue, "paused");
    gf_rd_cmd cmd = { .slot = gf_rd_queue_slot(q->queue), .reads = true };
    gf_rd_add(&cmd.args, "EXISTS");
    gf_rd_add(&cmd.args, key.text);
    (void)gf_rd_run(w->store->net, &cmd, 1, POLL_TIMEOUT_MS);
    gf_rd_cmd_clear(&cmd);
}

static bool send_words(watched *q, const char *const *words, size_t count)
{
    gf_rd_args args = { 0 };
    for (size_t i = 0; i < count; i++)
        gf_rd_add(&args, words[i]);
    gofer_status st = gf_rd_session_send(q->session, &args, OPEN_MS);
    gf_rd_args_clear(&args);
    return st == GOFER_OK;
}

static bool open_line(waiter *w, watched *q)
{
    gf_rd_session *session = NULL;
    gofer_status st = gf_rd_session_open(&session, w->store->net, gf_rd_queue_slot(q->queue),
        OPEN_MS);
    q->session = st == GOFER_OK ? session : NULL;
    if (st != GOFER_OK)
        drop_session(q, gf_mono_ms());
    return st == GOFER_OK;
}

// Send what is to be waited for. After a wake in vain the queue may be paused: that is asked first.
static void ask(watched *q)
{
    gf_rd_key paused, pending;
    gf_rd_key_of(&paused, q->queue, "paused");
    gf_rd_key_of(&pending, q->queue, "pending");
    char seconds[8] = { (char)('0' + BLOCK_S), '\0' };
    const char *const exists[] = { "EXISTS", paused.text };
    const char *const blmove[] = { "BLMOVE", pending.text, pending.text, "RIGHT", "RIGHT",
        seconds };
    bool asks = q->vain > 0 || q->paused_ms;
    if ((asks && !send_words(q, exists, 2)) || !send_words(q, blmove, 6)) {
        drop_session(q, gf_mono_ms());
        return;
    }
    q->asks_paused = asks;
    q->blocks = true;
    q->sent_ms = gf_mono_ms();
}

static bool begins_with(const redisReply *r, const char *word)
{
    return r->str && strncmp(r->str, word, strlen(word)) == 0;
}

// BLMOVE was refused. Full memory, a user that may not, a server that is too old, no list: poll.
// Else the session leads to the wrong server, or to one that is going.
static void refused(waiter *w, watched *q, const redisReply *r, int64_t now_ms)
{
    if (!begins_with(r, "OOM") && !begins_with(r, "NOPERM") && !begins_with(r, "ERR ") &&
        !begins_with(r, "WRONGTYPE")) {
        drop_session(q, now_ms);
        find_way(w, q);
        return;
    }
    q->refused_ms = q->next_ms = now_ms + jittered(REFUSED_MS);
    w->poll_ms = POLL_MIN_MS;
    w->poll_next_ms = now_ms;
}

// BLMOVE's answer: is it news?
static bool take_in(waiter *w, watched *q, const redisReply *r, int64_t now_ms)
{
    int64_t lasted_ms = now_ms - q->sent_ms;
    q->blocks = false;
    q->next_ms = now_ms;
    if (r->type == REDIS_REPLY_ERROR) {
        refused(w, q, r, now_ms);
        return false;
    }
    q->reopen_ms = 0;
    if (r->type != REDIS_REPLY_STRING)
        return false;              // nil: nothing came; ask again
    if (q->paused_ms && now_ms - q->paused_ms < PAUSED_MS) {
        q->next_ms = q->paused_ms + PAUSED_MS;
        return false;
    }
    if (lasted_ms >= CALM_MS)
        q->vain = 0;
    return true;
}

// Read what has come on a session. True: its queue may have work.
static bool receive(waiter *w, watched *q, int64_t now_ms)
{
    bool news = false;
    while (q->session && q->blocks && !news) {
        redisReply *r = NULL;
        gofer_status st = gf_rd_session_next(q->session, &r);
        if (st == GOFER_EEMPTY) {
            if (now_ms - q->sent_ms > BLOCK_S * 1000 + OVERDUE_MS)
                drop_session(q, now_ms);
            return false;
        }
        if (st != GOFER_OK) {
            drop_session(q, now_ms);
            return false;
        }
        if (q->asks_paused) {
            q->asks_paused = false;
            q->paused_ms = r->type == REDIS_REPLY_INTEGER && r->integer ? now_ms : 0;
        } else {
            news = take_in(w, q, r, now_ms);
        }
        gf_rd_reply_free(r);
    }
    return news;
}

// When an answer overdue would be noticed, or the next thing be sent.
static int64_t due_ms(const watched *q)
{
    return q->blocks ? q->sent_ms + BLOCK_S * 1000 + OVERDUE_MS + 1 : q->next_ms;
}

// ---- closed queues (limit/hours.c) --------------------------------------------------------------

static bool is_closed(waiter *w, const gf_rd_shards *all, const watched *q, int64_t *left_ms)
{
    const gf_rd_slot_name *slot = gf_rd_shards_slot(all, q->queue);
    return gf_rd_queue_closed(w->store, slot ? slot->of->name : q->queue, left_ms);
}

// Nothing is sent for one that is closed, whose line would answer at once: it is looked at when it
// opens, and now and then, in case it does so before.
static bool is_put_off(waiter *w, const gf_rd_shards *all, watched *q, int64_t now_ms)
{
    int64_t left_ms;
    gf_rd_guards_renew(w->store);
    if (!is_closed(w, all, q, &left_ms))
        return false;
    q->next_ms = now_ms + (left_ms < PAUSED_MS ? left_ms : PAUSED_MS);
    return true;
}

// ---- polling ------------------------------------------------------------------------------------

static bool is_polled(const watched *q, int64_t now_ms)
{
    return !q->has_line || now_ms < q->refused_ms;
}

static size_t count_polled(const waiter *w, int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++)
        n += is_polled(&w->queues[i], now_ms);
    return n;
}

static void add_look(gf_rd_cmd *cmd, const watched *q, const char *word, gf_rd_key *key,
    const char *rest)
{
    gf_rd_key_of(key, q->queue, rest);
    *cmd = (gf_rd_cmd){ .slot = gf_rd_queue_slot(q->queue), .reads = true };
    gf_rd_add(&cmd->args, word);
    gf_rd_add(&cmd->args, key->text);
}

// Asks for the length of each, and whether it is paused; one that cannot be asked may have work.
static bool look_at_polled(waiter *w, const gf_rd_shards *all, size_t polled, int64_t now_ms)
{
    gf_rd_cmd *cmds = gf_calloc(2 * polled, sizeof *cmds);
    gf_rd_key *keys = gf_alloc(2 * polled * sizeof *keys);
    const watched **looked_at = gf_alloc(polled * sizeof *looked_at);
    bool news = false;
    size_t n = 0;
    if (!cmds || !keys || !looked_at) {
        gf_free(cmds);
        gf_free(keys);
        gf_free(looked_at);
        return true;               // no memory to look: let the taking find out
    }
    for (size_t i = 0; i < w->count; i++) {
        if (!is_polled(&w->queues[i], now_ms))
            continue;
        looked_at[n / 2] = &w->queues[i];
        add_look(&cmds[n], &w->queues[i], "LLEN", &keys[n], "pending");
        add_look(&cmds[n + 1], &w->queues[i], "EXISTS", &keys[n + 1], "paused");
        n += 2;
    }
    (void)gf_rd_run(w->store->net, cmds, n, POLL_TIMEOUT_MS);
    for (size_t i = 0; i < n; i += 2) {
        int64_t length = cmds[i].status == GOFER_OK ? gf_rd_reply_int(cmds[i].reply, 1)
            : cmds[i].status == GOFER_EDENIED;
        int64_t paused = cmds[i + 1].status == GOFER_OK ? gf_rd_reply_int(cmds[i + 1].reply, 0) : 0;
        bool has_some = length > 0 && !paused && !is_closed(w, all, looked_at[i / 2], NULL);
        news |= has_some;
        if (has_some && all)
            gf_rd_slot_note(all, looked_at[i / 2]->queue, true);
    }
    for (size_t i = 0; i < n; i++)
        gf_rd_cmd_clear(&cmds[i]);
    gf_free(cmds);
    gf_free(keys);
    gf_free(looked_at);
    return news;
}

static bool poll_queues(waiter *w, const gf_rd_shards *all, int64_t now_ms)
{
    size_t polled = count_polled(w, now_ms);
    if (polled == 0 || now_ms < w->poll_next_ms)
        return false;
    bool news = look_at_polled(w, all, polled, now_ms);
    int64_t longest_ms = gf_min(POLL_MAX_MS * (int64_t)w->crowd, CROWD_MS);
    w->poll_ms = gf_min(w->poll_ms + w->poll_ms / 2, longest_ms);
    w->poll_next_ms = gf_mono_ms() + jittered(w->poll_ms);
    w->poll_notified = news;
    return news;
}

// ---- waiting ------------------------------------------------------------------------------------

// What became of the last news? Whoever took a task says so, or has armed again, to ask for more,
// before it waits: one arming only means that there was none for us.
static void learn(waiter *w, int64_t now_ms)
{
    bool in_vain = w->arms == 1 && !w->base.fed;
    w->arms = 0;
    w->base.fed = false;
    if (w->poll_notified && !in_vain)
        w->poll_ms = POLL_MIN_MS;
    w->poll_notified = false;
    for (size_t i = 0; i < w->count; i++) {
        watched *q = &w->queues[i];
        if (!q->notified)
            continue;
        q->notified = false;
        q->vain = in_vain ? q->vain + 1 : 0;
        int doublings = q->vain - VAIN_FREE;
        if (q->vain >= VAIN_HOPELESS)
            q->next_ms = now_ms + jittered(VAIN_HOPELESS_MS);
        else if (doublings > 0)
            q->next_ms = now_ms + jittered(gf_min(INT64_C(1) << gf_min(doublings, 10), VAIN_MS));
    }
}

// Hear all sessions, ask on those that are free, poll. *next_ms: when to look again by ourselves.
// Opening a session to a server that is away takes its time: one at once, so that we can be woken
// between them.
static bool tend(waiter *w, int64_t now_ms, int64_t *next_ms)
{
    bool news = false, may_open = true;
    *next_ms = INT64_MAX;
    bool recounts = w->version && now_ms - w->made_ms >= RECOUNT_MS;
    if (w->version != gf_rd_shards_version(w->store) || recounts)
        (void)follow(w);           // no memory: with those that there are, and again
    gf_rd_shards *all = gf_rd_shards_take(w->store);
    for (size_t i = 0; i < w->count; i++) {
        watched *q = &w->queues[i];
        if (!q->has_line)
            continue;
        if (receive(w, q, now_ms)) {
            news = q->notified = true;
            gf_rd_slot_note(all, q->queue, true);
        } else if (!q->blocks && now_ms >= q->next_ms && !is_put_off(w, all, q, now_ms)) {
            if (!q->session && may_open)
                may_open = open_line(w, q);
            if (q->session)
                ask(q);
        }
        *next_ms = gf_min(*next_ms, due_ms(q));
    }
    if (!news)
        news = poll_queues(w, all, now_ms);
    gf_rd_shards_drop(all);
    if (count_polled(w, now_ms) > 0)
        *next_ms = gf_min(*next_ms, w->poll_next_ms);
    return news;
}

// Until something comes on a session, somebody wakes us, or the time is over. True: woken.
static bool sleep_for(waiter *w, int64_t left_us)
{
    struct pollfd fds[SESSIONS + 1] = { { .fd = w->wake_fd.read_fd, .events = POLLIN } };
    nfds_t count = 1;
    for (size_t i = 0; i < w->count && count <= SESSIONS; i++)
        if (w->queues[i].session && w->queues[i].blocks)
            fds[count++] = (struct pollfd){ .fd = gf_rd_session_fd(w->queues[i].session),
                .events = POLLIN };
    int64_t left_ms = left_us / 1000;
    for (size_t i = 0; i < w->count; i++)
        left_ms = gf_rd_session_nap_ms(w->queues[i].session, left_ms);
    left_us = left_us < 0 ? 0 : left_ms < left_us / 1000 ? left_ms * 1000 : left_us;
    struct timespec left = { .tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000 };
    int n = ppoll(fds, count, &left, NULL);
    if (n <= 0 || !fds[0].revents)
        return false;
    gf_wake_fd_clear(&w->wake_fd);
    return true;
}

gofer_status gf_rd_waiter_wait(gf_waiter *waiting, int64_t timeout_us)
{
    waiter *w = (waiter *)waiting;
    gofer_status st = gf_rd_check(w->store);
    if (st != GOFER_OK)
        return st;
    if (timeout_us < 0 || timeout_us > GOFER_MAX_DURATION_MS * 1000)
        timeout_us = GOFER_MAX_DURATION_MS * 1000;       // negative: for ever
    int64_t now_us = gf_mono_ns() / 1000, end_us = now_us + timeout_us, next_ms;
    learn(w, now_us / 1000);
    for (;;) {
        if (tend(w, now_us / 1000, &next_ms))
            return GOFER_OK;
        int64_t next_us = next_ms < INT64_MAX / 1000 ? next_ms * 1000 : INT64_MAX;
        if (sleep_for(w, gf_min(end_us, next_us) - gf_mono_ns() / 1000))
            return GOFER_OK;
        now_us = gf_mono_ns() / 1000;
        if (now_us >= end_us)
            return GOFER_ETIMEOUT;                       // the usual end: no text
    }
}
