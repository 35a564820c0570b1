// events.c - what happens to tasks, told to who listens now: by one channel, and only
// while somebody listens.
//
// May touch: net (a session). A listener keeps a key alive; who has something to tell looks at it
// once a second at the most. Its value says whether sums will do: SUMS is written only where nobody
// else keeps it alive, and any other means that somebody wants each event.
// A message is "<sender> <number of its first event>", then a record a line: so a listener sees
// what it missed, of each sender, however it was lost, and what came twice because an answer was
// lost. The messages of a sender come in order, so each is one thread's at a time; a process has a
// few of them. Each listener has a thread that takes in what comes, since Redis cuts off who reads
// slowly.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/store.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"
#include "util/thread.h"

enum {
    WANTED_MS = 1000,              // what is known of listeners is so old at the most,
    UNHEARD_MS = 5000,             // and was not to be known so long ago: in a Cluster the key
                                   //   may be where nobody answers
    ASK_MS = 500,                  // longest wait for the answer
    LISTENING_S = 3,               // the key lives so long,
    REFRESH_MS = 1000,             //   and is written anew so often:
    LEFT_MS = 1400,                //   who wants all has gone if it has less left
    MESSAGE_BYTES = 64 * 1024,     // about so much in one message
    QUEUE_MAX = 10000,             // records that wait for a slow listener,
    QUEUE_BYTES = 16 << 20,        //   and their bytes
    OWN_SENDERS = 8,               // of a process: so many threads tell at the same time
    SENDERS = 256,                 // whose numbers a listener remembers
    OPEN_MS = 2000, RETRY_MS = 500, IDLE_MS = 10000, PONG_MS = 5000,
    STACK = 256 * 1024
};

static const char LISTENING[] = "asynq:gofer:listening", CHANNEL[] = "asynq:gofer:events",
                  ALL[] = "1", SUMS[] = "sums";

static const gf_rd_script listen_script = {
    .name = "listen to sums",
    .text = gf_rd_lua_listen_to_sums,
    .allow_oom = true,
};

// ---- is anybody listening? ----------------------------------------------------------------------

bool gf_rd_events_ask(gf_rd_store *s, gf_rd_cmd *cmd)
{
    int64_t now_ms = gf_mono_ms(),
            last_ms = atomic_load_explicit(&s->listened_ms, memory_order_relaxed);
    if ((last_ms && now_ms - last_ms < WANTED_MS) ||
        !atomic_compare_exchange_strong(&s->listened_ms, &last_ms, now_ms))
        return false;
    *cmd = (gf_rd_cmd){ .slot = gf_rd_slot(LISTENING, sizeof LISTENING - 1),
        .reads = true,
        .aside = true };
    gf_rd_add(&cmd->args, "GET");
    gf_rd_add(&cmd->args, LISTENING);
    return true;
}

void gf_rd_events_answered(gf_rd_store *s, const gf_rd_cmd *cmd)
{
    if (cmd->status != GOFER_OK)               // from the end of the attempt, which may have lasted
        atomic_store(&s->listened_ms, gf_mono_ms() + UNHEARD_MS - WANTED_MS);
    bool answered = cmd->status == GOFER_OK && cmd->reply->type == REDIS_REPLY_STRING;
    atomic_store(&s->listened, !answered      ? GF_EVENTS_NONE
        : strcmp(cmd->reply->str, SUMS) == 0 ? GF_EVENTS_SUMS
                                             : GF_EVENTS_ALL);
}

gf_events_want gf_rd_events_wanted(gf_broker *b)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_cmd cmd;
    if (gf_rd_check(s) != GOFER_OK)
        return GF_EVENTS_NONE;
    if (gf_rd_events_ask(s, &cmd)) {
        (void)gf_rd_run(s->net, &cmd, 1, ASK_MS);
        gf_rd_events_answered(s, &cmd);
        gf_rd_cmd_clear(&cmd);
    }
    return (gf_events_want)atomic_load(&s->listened);
}

// ---- telling ------------------------------------------------------------------------------------

typedef struct own_sender {
    pthread_mutex_t lock;          // held from the number until the answer
    char            name[17];
    uint64_t        count;         // told so far
} own_sender;

struct gf_rd_senders {
    own_sender all[OWN_SENDERS];
    size_t     ready;              // locks that were made
};

gofer_status gf_rd_senders_open(gf_rd_store *s)
{
    gf_rd_senders *o = gf_calloc(1, sizeof *o);
    if (!o)
        return gf_fail_nomem("the telling of events");
    s->senders = o;
    for (; o->ready < OWN_SENDERS; o->ready++) {
        gf_rd_token_text(gf_random64(), o->all[o->ready].name);
        if (pthread_mutex_init(&o->all[o->ready].lock, NULL) != 0)
            return gf_fail_nomem("a lock");
    }
    return GOFER_OK;
}

void gf_rd_senders_close(gf_rd_store *s)
{
    gf_rd_senders *o = s->senders;
    while (o && s->process == gf_process_self() && o->ready > 0)
        pthread_mutex_destroy(&o->all[--o->ready].lock);
    gf_free(o);
    s->senders = NULL;
}

// One that nobody uses, or the first. Its lock is held.
static own_sender *take_sender(gf_rd_senders *o)
{
    for (size_t i = 0; i < OWN_SENDERS; i++)
        if (pthread_mutex_trylock(&o->all[i].lock) == 0)
            return &o->all[i];
    pthread_mutex_lock(&o->all[0].lock);
    return &o->all[0];
}

static gofer_status publish(gf_rd_store *s, const char *text, size_t size)
{
    redisReply *reply;
    gf_rd_cmd cmd = { .slot = GF_RD_ANY_SLOT, .repeatable = true };
    gf_rd_add(&cmd.args, "PUBLISH");
    gf_rd_add(&cmd.args, CHANNEL);
    gf_rd_add_bytes(&cmd.args, text, size);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st == GOFER_OK)
        gf_rd_reply_free(reply);
    return st;
}

// As many of the records as one message holds; how many. Locks: the sender's held.
static size_t message_of(own_sender *from, const char *const *records, size_t count, char *text,
    size_t room, size_t *size)
{
    size_t some = 0, at = 48;
    for (; some < count; some++) {
        size_t record = strlen(records[some]);
        if (at + record + 1 > room)
            break;
        at += record + 1;
    }
    some = some ? some : 1;
    at = (size_t)snprintf(text, 48, "%s %llu", from->name, (unsigned long long)from->count + 1);
    from->count += some;
    for (size_t i = 0; i < some; i++) {
        size_t record = strlen(records[i]);
        text[at++] = '\n';
        memcpy(text + at, records[i], record);
        at += record;
    }
    *size = at;
    return some;
}

gofer_status gf_rd_events_publish(gf_broker *b, const char *const *records, size_t count)
{
    gf_rd_store *s = (gf_rd_store *)b;
    size_t room = MESSAGE_BYTES;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK || count == 0)
        return st;
    for (size_t i = 0; i < count; i++)
        if (strlen(records[i]) + 64 > room)
            room = strlen(records[i]) + 64;
    char *text = gf_alloc(room);
    if (!text)
        return gf_fail_nomem("events");
    own_sender *from = take_sender(s->senders);
    for (size_t at = 0, some; at < count && st == GOFER_OK; at += some) {
        size_t size;
        some = message_of(from, records + at, count - at, text, room, &size);
        st = publish(s, text, size);
    }
    pthread_mutex_unlock(&from->lock);
    gf_free(text);
    return st;
}

// ---- listening ----------------------------------------------------------------------------------

typedef struct waiting_record {
    struct waiting_record *next;
    int64_t lost;                  // before it
    size_t  size;
    char    text[];
} waiting_record;

typedef struct sender {
    char     name[17];             // "": none
    uint64_t last;
    int64_t  received_ms;
} sender;

typedef struct listener {
    gf_listener     base;          // first
    gf_rd_store    *store;
    bool            sums;          // will do
    pthread_t       thread;
    gf_wake_fd      wake_fd;       // wakes the thread
    _Atomic bool    closing;
    pthread_mutex_t lock;          // for those below
    pthread_cond_t  news;
    waiting_record *first, **last;
    size_t          count, bytes;
    int64_t         lost;          // since the last one in the queue
    // The thread's own.
    gf_rd_session  *session;       // NULL: not subscribed
    int64_t         received_ms, refreshed_ms;
    bool            pinged;
    sender          senders[SENDERS];
} listener;

// How many events of this sender were missed; -1: these have come before.
static int64_t missed(listener *l, const char *name, uint64_t first, size_t count)
{
    sender *its = NULL, *oldest = &l->senders[0];
    for (size_t i = 0; i < SENDERS && !its; i++) {
        if (strcmp(l->senders[i].name, name) == 0)
            its = &l->senders[i];
        else if (l->senders[i].received_ms < oldest->received_ms)
            oldest = &l->senders[i];
    }
    if (its && first <= its->last)
        return -1;
    // What it said before we listened is not missed.
    int64_t gap = its && first > its->last + 1 ? (int64_t)(first - its->last - 1) : 0;
    its = its ? its : oldest;
    snprintf(its->name, sizeof its->name, "%s", name);
    its->last = first + count - 1;
    its->received_ms = gf_mono_ms();
    return gap;
}

// Locks: l->lock held.
static void keep_record(listener *l, const char *text, size_t size)
{
    waiting_record *r = l->count < QUEUE_MAX && l->bytes + size <= QUEUE_BYTES
        ? gf_alloc(sizeof *r + size + 1)
        : NULL;
    if (!r) {
        l->lost++;
        return;
    }
    *r = (waiting_record){ .lost = l->lost, .size = size };
    memcpy(r->text, text, size);
    r->text[size] = '\0';
    l->lost = 0;
    *l->last = r;
    l->last = &r->next;
    l->count++;
    l->bytes += size;
}

static void take_in(listener *l, const char *text, size_t size)
{
    const char *end = text + size, *line = memchr(text, '\n', size);
    char name[17] = "", *rest;
    size_t count = 0;
    if (!line || size < 18 || text[16] != ' ')
        return;                    // not ours
    memcpy(name, text, 16);
    uint64_t first = strtoull(text + 17, &rest, 10);
    for (const char *at = line; at; at = memchr(at + 1, '\n', (size_t)(end - at - 1)))
        count++;
    if (rest != line || first == 0)
        return;
    int64_t gap = missed(l, name, first, count);
    if (gap < 0)
        return;
    pthread_mutex_lock(&l->lock);
    l->lost += gap;
    while (line) {
        const char *begin = line + 1;
        line = memchr(begin, '\n', (size_t)(end - begin));
        keep_record(l, begin, (size_t)((line ? line : end) - begin));
    }
    pthread_cond_signal(&l->news);
    pthread_mutex_unlock(&l->lock);
}

static bool refresh_sums(listener *l)
{
    gf_rd_cmd cmd = { .script = &listen_script, .key_count = 1, .repeatable = true,
        .slot = gf_rd_slot(LISTENING, sizeof LISTENING - 1) };
    gf_rd_add(&cmd.args, LISTENING);
    gf_rd_add(&cmd.args, SUMS);
    gf_rd_add_int(&cmd.args, LISTENING_S);
    gf_rd_add_int(&cmd.args, LEFT_MS);
    (void)gf_rd_run(l->store->net, &cmd, 1, OPEN_MS);
    gofer_status st = cmd.status;
    gf_rd_cmd_clear(&cmd);
    return st != GOFER_EDENIED;
}

static void refresh_all(listener *l)
{
    gf_rd_cmd cmd = { .slot = gf_rd_slot(LISTENING, sizeof LISTENING - 1), .repeatable = true };
    gf_rd_add(&cmd.args, "SETEX");
    gf_rd_add(&cmd.args, LISTENING);
    gf_rd_add_int(&cmd.args, LISTENING_S);
    gf_rd_add(&cmd.args, ALL);
    (void)gf_rd_run(l->store->net, &cmd, 1, OPEN_MS);
    gf_rd_cmd_clear(&cmd);
}

// That somebody listens. Who may not run scripts is told each event.
static void refresh(listener *l)
{
    if (l->sums)
        l->sums = refresh_sums(l);
    if (!l->sums)
        refresh_all(l);
    l->refreshed_ms = gf_mono_ms();
}

static bool say(listener *l, const char *const *words)
{
    gf_rd_args args = { 0 };
    for (; *words; words++)
        gf_rd_add(&args, *words);
    gofer_status st = gf_rd_session_send(l->session, &args, OPEN_MS);
    gf_rd_args_clear(&args);
    return st == GOFER_OK;
}

static void hang_up(listener *l)
{
    gf_rd_session_close(l->session);
    l->session = NULL;
}

static void doze(listener *l, int64_t timeout_ms)
{
    struct pollfd fds[2] = { { .fd = l->wake_fd.read_fd, .events = POLLIN } };
    if (l->session)
        fds[1] = (struct pollfd){ .fd = gf_rd_session_fd(l->session), .events = POLLIN };
    timeout_ms = gf_rd_session_nap_ms(l->session, timeout_ms);
    (void)poll(fds, l->session ? 2 : 1, timeout_ms < 0 ? 0 : (int)timeout_ms);
}

// The answer to SUBSCRIBE, which tells whether we may.
static gofer_status subscribed(listener *l)
{
    int64_t end_ms = gf_mono_ms() + OPEN_MS;
    for (;;) {
        redisReply *r = NULL;
        gofer_status st = gf_rd_session_next(l->session, &r);
        if (st == GOFER_EEMPTY && gf_mono_ms() < end_ms && !atomic_load(&l->closing)) {
            doze(l, end_ms - gf_mono_ms());
            continue;
        }
        if (st != GOFER_OK)
            return st == GOFER_EEMPTY
                ? gf_fail(GOFER_ETIMEOUT, "Redis did not answer SUBSCRIBE %s in %d ms", CHANNEL,
                      OPEN_MS)
                : st;
        if (r->type == REDIS_REPLY_ERROR)
            st = gf_fail(strncmp(r->str, "NOPERM", 6) == 0 ? GOFER_EDENIED : GOFER_EBROKER,
                "SUBSCRIBE %s: %.200s", CHANNEL, r->str);
        gf_rd_reply_free(r);
        return st;
    }
}

static gofer_status subscribe(listener *l)
{
    gofer_status st = gf_rd_session_open(&l->session, l->store->net, GF_RD_ANY_SLOT, OPEN_MS);
    if (st != GOFER_OK) {
        l->session = NULL;
        return st;
    }
    st = say(l, (const char *const[]){ "SUBSCRIBE", CHANNEL, NULL })
        ? subscribed(l)
        : gf_fail(GOFER_EBROKER, "the connection broke");
    if (st != GOFER_OK)
        hang_up(l);
    l->received_ms = gf_mono_ms();
    l->pinged = false;
    return st;
}

// False: the session is broken.
static bool listen_on(listener *l)
{
    redisReply *r = NULL;
    gofer_status st;
    while ((st = gf_rd_session_next(l->session, &r)) == GOFER_OK) {
        const redisReply *kind = gf_rd_reply_at(r, 0, REDIS_REPLY_STRING),
                         *text = gf_rd_reply_at(r, 2, REDIS_REPLY_STRING);
        l->received_ms = gf_mono_ms();
        l->pinged = false;
        if (kind && text && strcmp(kind->str, "message") == 0)
            take_in(l, text->str, (size_t)text->len);
        gf_rd_reply_free(r);
    }
    int64_t quiet_ms = gf_mono_ms() - l->received_ms;
    if (st != GOFER_EEMPTY || (l->pinged && quiet_ms >= IDLE_MS + PONG_MS))
        return false;
    if (l->pinged || quiet_ms < IDLE_MS)
        return true;
    l->pinged = true;
    return say(l, (const char *const[]){ "PING", NULL });
}

static void lose_touch(listener *l)
{
    hang_up(l);
    atomic_store(&l->base.away, true);
    atomic_fetch_add(&l->base.breaks, 1);
}

static bool is_subscribed(listener *l)
{
    if (l->session)
        return true;
    if (subscribe(l) != GOFER_OK)
        return false;
    refresh(l);
    atomic_store(&l->base.away, false);
    return true;
}

static void *listener_main(void *arg)
{
    listener *l = arg;
    gf_thread_name("gofer-events");
    while (!atomic_load(&l->closing)) {
        if (gf_mono_ms() - l->refreshed_ms >= REFRESH_MS)
            refresh(l);
        if (!is_subscribed(l))
            doze(l, RETRY_MS);
        else if (!listen_on(l))
            lose_touch(l);
        else
            doze(l, l->refreshed_ms + REFRESH_MS - gf_mono_ms());
    }
    hang_up(l);
    return NULL;
}

static void free_listener(listener *l)
{
    for (waiting_record *r = l->first, *next; r; r = next) {
        next = r->next;
        gf_free(r);
    }
    pthread_cond_destroy(&l->news);
    pthread_mutex_destroy(&l->lock);
    gf_wake_fd_close(&l->wake_fd);
    gf_free(l);
}

gofer_status gf_rd_listener_open(gf_broker *b, bool sums, gf_listener **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    listener *l = st == GOFER_OK ? gf_calloc(1, sizeof *l) : NULL;
    if (!l)
        return st == GOFER_OK ? gf_fail_nomem("a listener") : st;
    l->base.broker = b;
    l->store = s;
    l->sums = sums;
    l->last = &l->first;
    if (pthread_mutex_init(&l->lock, NULL) | gf_cond_init(&l->news) |
        !gf_wake_fd_open(&l->wake_fd)) {
        gf_free(l);
        return gf_fail(GOFER_ENOMEM, "no memory or file descriptor for a listener");
    }
    st = subscribe(l);
    if (st == GOFER_OK) {
        refresh(l);
        if (gf_thread_start(&l->thread, listener_main, l, STACK) != 0) {
            st = gf_fail(GOFER_ENOMEM, "no thread for a listener");
            hang_up(l);
        }
    }
    if (st != GOFER_OK) {
        free_listener(l);
        return st;
    }
    *out = &l->base;
    return GOFER_OK;
}

gofer_status gf_rd_listener_next(gf_listener *listening, int64_t timeout_ms, char **record,
    int64_t *lost)
{
    listener *l = (listener *)listening;
    gofer_status st = gf_rd_check(l->store);
    if (st != GOFER_OK)
        return st;
    bool for_ever = timeout_ms < 0 || timeout_ms > GOFER_MAX_DURATION_MS;
    int64_t end_ms = for_ever ? INT64_MAX : gf_mono_ms() + timeout_ms;
    const gf_broker *b = &l->store->base;
    uint32_t interrupts = atomic_load(&b->interrupts);
    pthread_mutex_lock(&l->lock);
    for (int64_t left_ms; !l->first && (left_ms = end_ms - gf_mono_ms()) > 0 &&
                          atomic_load(&b->interrupts) == interrupts;)
        gf_cond_wait(&l->news, &l->lock, left_ms < GF_INTERRUPT_MS ? left_ms : GF_INTERRUPT_MS);
    waiting_record *r = l->first;
    if (r) {
        l->first = r->next;
        l->count--;
        l->bytes -= r->size;
        if (!l->first)
            l->last = &l->first;
    }
    pthread_mutex_unlock(&l->lock);
    if (!r)
        return gf_fail(GOFER_ETIMEOUT, "no event in this time");
    *lost = r->lost;
    *record = gf_memdup(r->text, r->size);
    gf_free(r);
    return *record ? GOFER_OK : gf_fail_nomem("an event");
}

void gf_rd_listener_close(gf_listener *listening)
{
    listener *l = (listener *)listening;
    if (!l)
        return;
    atomic_store(&l->closing, true);
    gf_wake_fd_set(&l->wake_fd);
    pthread_join(l->thread, NULL);
    free_listener(l);
}
