// streams.c - live events for many readers.
#include "streams.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "call.h"
#include "clock.h"
#include "text.h"
#include "window.h"

enum {
    KEPT = 600,                 // messages: a minute of windows
    MINUTE_MS = 60000,          // so long who was cut off finds his place
    AUDIENCES = WEB_STREAMS_MAX,    // of visitors who have some queues
    PING_MS = 15000,
    TURN_MS = 100,
    LINGER_MS = 10000,          // of the listener, after the last reader
    AGAIN_MS = 1000,            // between attempts to listen
    HEARING_MS = 1100,          // who publishes looks for listeners once a second,
    HEARING_AGAIN_MS = 6000     //   and seldom while the store does not answer
};

// A window: what happened in it, for who may see what is in tasks, and for who may not. Of who has
// some queues there is one form.
typedef struct message {
    uint64_t number;            // 0: none
    web_text open, private;
} message;

// Those who see the same queues: what they are sent is made once.
typedef struct audience {
    struct audience *next;
    web_scope  scope;           // no grants: all queues
    size_t     readers;
    int64_t    left_ms;         // when the last of them went
    web_window window;          // being filled
    message    kept[KEPT];
    uint64_t   number;          // of the last message
    char       epoch[40];
} audience;

struct web_stream {
    web_streams *streams;
    audience    *audience;
    web_stream  *next;
    void        *reader;
    char         key[WEB_STREAM_KEY];
    uint64_t     seen;          // number of the last message it has
    bool         private, idle, ended;
    bool         left;          // nobody reads it: it is not counted any more
    web_text     out;           // not sent yet, from `sent` on
    size_t       sent;
    int64_t      spoken_ms;     // when it was last sent anything
};

struct web_streams {
    gofer_client   *client;
    void          (*wake)(void *reader);
    // NULL: nobody is told. No queue: something may not have been heard.
    void          (*heard)(void *user, const char *queue);
    void           *heard_user;
    int64_t         window_ms;
    pthread_mutex_t lock;       // guards all below
    pthread_cond_t  news;       // the first stream, or the end
    web_stream     *first;
    size_t          count;
    audience       *all;        // of who has all queues; the others follow it
    size_t          audiences;  // that there have been
    int64_t         left_ms;    // when the last reader went
    bool            hearing;    // all that happens is heard
    int64_t         quiet_ms;   // since when nothing was, of that
    bool            ending, started;
    pthread_t       thread;
};

// ---- audiences; with the lock

static audience *add_audience(web_streams *s, const web_scope *scope)
{
    audience *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    if (scope)
        a->scope = *scope;
    snprintf(a->epoch, sizeof a->epoch, "%llx.%zx",
        (unsigned long long)web_ms(CLOCK_REALTIME), s->audiences++);
    if (s->all) {
        a->next = s->all->next;
        s->all->next = a;
    } else {
        s->all = a;
    }
    return a;
}

static void free_audience(audience *a)
{
    web_window_clear(&a->window);
    for (size_t i = 0; i < KEPT; i++) {
        web_text_free(&a->kept[i].open);
        web_text_free(&a->kept[i].private);
    }
    free(a);
}

// Those whom nobody comes back to, and, if there is to be room for one more, the one that nobody
// has listened in for longest.
static void drop_audiences(web_streams *s, bool room)
{
    int64_t now = web_ms(CLOCK_MONOTONIC);
    audience **oldest = NULL;
    size_t count = 0;
    for (audience **at = &s->all->next; *at; count++) {
        audience *a = *at;
        if (a->readers == 0 && now - a->left_ms >= MINUTE_MS) {
            *at = a->next;
            free_audience(a);
            count--;
            continue;
        }
        if (a->readers == 0 && (!oldest || a->left_ms < (*oldest)->left_ms))
            oldest = at;
        at = &a->next;
    }
    if (room && count >= AUDIENCES && oldest) {
        audience *a = *oldest;
        *oldest = a->next;
        free_audience(a);
    }
}

// NULL: no memory.
static audience *find_audience(web_streams *s, const web_scope *scope)
{
    if (!scope)
        return s->all;
    for (audience *a = s->all->next; a; a = a->next)
        if (web_scope_same(&a->scope, scope))
            return a;
    drop_audiences(s, true);
    return add_audience(s, scope);
}

static void add_event(web_streams *s, gofer_info *info)
{
    const char *queue = gofer_info_text(info, "queue");
    s->quiet_ms = web_ms(CLOCK_MONOTONIC);
    if (s->heard && queue)
        s->heard(s->heard_user, queue);
    web_event *event = web_event_new(info);
    if (!event)
        return;
    for (audience *a = s->all; a; a = a->next)
        if (a == s->all || web_scope_may(&a->scope, WEB_SEE, queue ? queue : ""))
            web_window_add(&a->window, event);
    web_event_drop(event);
}

static void make_message(const audience *a, web_text *out, const web_view *view)
{
    web_text_format(out, "id: %s-%llu\ndata: {\"at_ms\":%lld,", a->epoch,
        (unsigned long long)a->number, (long long)web_ms(CLOCK_REALTIME));
    web_window_put(&a->window, view, out);
    web_text_put(out, "}\n\n");
}

// ---- to the streams; with the lock

static void wake(web_streams *s, web_stream *stream)
{
    if (!stream->idle)
        return;
    stream->idle = false;
    s->wake(stream->reader);
}

static void wake_all(web_streams *s)
{
    for (web_stream *stream = s->first; stream; stream = stream->next)
        wake(s, stream);
}

static void say_to_all(web_streams *s, const char *event, const char *error)
{
    for (web_stream *stream = s->first; stream; stream = stream->next) {
        web_text_format(&stream->out, "event: %s\ndata: {\"error\":", event);
        web_text_json(&stream->out, error, strlen(error));
        web_text_put(&stream->out, "}\n\n");
    }
    wake_all(s);
}

static void say_hearing(web_stream *stream)
{
    web_text_put(&stream->out, "event: listening\ndata: {}\n\n");
}

static void set_hearing(web_streams *s, bool hearing)
{
    if (hearing && !s->hearing) {
        for (web_stream *stream = s->first; stream; stream = stream->next)
            say_hearing(stream);
        wake_all(s);
    }
    if (hearing != s->hearing)
        s->quiet_ms = web_ms(CLOCK_MONOTONIC);
    s->hearing = hearing;
}

// Something may have happened that was not heard.
static void tell_of_gap(const web_streams *s)
{
    if (s->heard)
        s->heard(s->heard_user, NULL);
}

static void lose_store(web_streams *s)
{
    tell_of_gap(s);
    say_to_all(s, "away", gofer_error_last());
    set_hearing(s, false);
}

static void ping_all(web_streams *s)
{
    int64_t now = web_ms(CLOCK_MONOTONIC);
    for (web_stream *stream = s->first; stream; stream = stream->next)
        if (stream->idle && now - stream->spoken_ms >= PING_MS) {
            web_text_put(&stream->out, ": still here\n\n");
            wake(s, stream);
        }
}

static void publish_to(web_streams *s, audience *a)
{
    const web_view open = { 0 }, private = { .hide = WEB_HIDE_PAYLOADS | WEB_HIDE_TEXTS },
        some = { .hide = private.hide, .scope = &a->scope };
    message *m = &a->kept[++a->number % KEPT];
    web_text_free(&m->open);
    web_text_free(&m->private);
    m->number = a->number;
    make_message(a, &m->open, a == s->all ? &open : &some);
    if (a == s->all)
        make_message(a, &m->private, &private);
    web_window_clear(&a->window);
    for (web_stream *stream = s->first; stream; stream = stream->next)
        if (stream->audience == a)
            wake(s, stream);
}

static void publish(web_streams *s)
{
    for (audience *a = s->all; a; a = a->next)
        if (a->window.event_count)
            publish_to(s, a);
}

// ---- the thread

// Also for a while after the last reader has gone: he may only have been cut off. Who comes back
// later than that is told to look anew, for nobody has listened meanwhile.
static bool is_wanted(web_streams *s)
{
    pthread_mutex_lock(&s->lock);
    bool wanted = !s->ending
        && (s->count > 0 || web_ms(CLOCK_MONOTONIC) - s->left_ms < LINGER_MS);
    for (audience *a = s->all; a && !wanted; a = a->next)
        a->number += KEPT;
    if (!wanted)
        set_hearing(s, false);
    drop_audiences(s, false);
    ping_all(s);
    pthread_mutex_unlock(&s->lock);
    return wanted;
}

// Events of one window. An error: the listener is of no use any more.
static gofer_status fill(web_streams *s, gofer_events *events)
{
    gofer_status st = GOFER_OK;
    for (int64_t end = web_ms(CLOCK_MONOTONIC) + s->window_ms, left = s->window_ms;
         left > 0 && st == GOFER_OK; left = end - web_ms(CLOCK_MONOTONIC)) {
        gofer_info *event = NULL;
        st = gofer_events_next(events, left, &event);
        if (st != GOFER_OK)
            break;
        pthread_mutex_lock(&s->lock);
        add_event(s, event);
        pthread_mutex_unlock(&s->lock);
    }
    return st == GOFER_ETIMEOUT ? GOFER_OK : st;
}

// What is known of whether all is heard. The listener's thread alone has it.
typedef struct hearing {
    int64_t breaks;             // of the listener, when last looked
    int32_t away;
    int64_t from_ms;            // all is heard from then on
} hearing;

static void look_for_breaks(web_streams *s, const gofer_events *events, hearing *h)
{
    int64_t now = web_ms(CLOCK_MONOTONIC), breaks = gofer_events_breaks(events, &h->away);
    if (breaks != h->breaks)
        say_to_all(s, "away", "the connection to the store was lost");
    if (breaks != h->breaks)
        tell_of_gap(s);
    if (breaks != h->breaks || h->away)
        h->from_ms = now + HEARING_AGAIN_MS;
    h->breaks = breaks;
    set_hearing(s, now >= h->from_ms);
}

// False: the store was lost.
static bool listen_while_wanted(web_streams *s, gofer_events *events, bool again)
{
    gofer_status st = GOFER_OK;
    hearing h = { .from_ms = web_ms(CLOCK_MONOTONIC) + (again ? HEARING_AGAIN_MS : HEARING_MS) };
    while (st == GOFER_OK && is_wanted(s)) {
        st = fill(s, events);
        pthread_mutex_lock(&s->lock);
        publish(s);
        if (st == GOFER_OK)
            look_for_breaks(s, events, &h);
        else
            lose_store(s);
        pthread_mutex_unlock(&s->lock);
    }
    return st == GOFER_OK;
}

// Until the first stream is opened. False: it is the end.
static bool wait_for_streams(web_streams *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->count == 0 && !s->ending)
        pthread_cond_wait(&s->news, &s->lock);
    bool going_on = !s->ending;
    pthread_mutex_unlock(&s->lock);
    return going_on;
}

static void *run(void *user)
{
    web_streams *s = user;
    bool again = false;
    while (wait_for_streams(s)) {
        gofer_events *events = NULL;
        if (gofer_events_open_sums(&events, s->client) == GOFER_OK) {
            again = !listen_while_wanted(s, events, again);
            gofer_events_close(events);
            continue;
        }
        again = true;
        pthread_mutex_lock(&s->lock);
        lose_store(s);
        pthread_mutex_unlock(&s->lock);
        for (int64_t waited = 0; waited < AGAIN_MS && is_wanted(s); waited += TURN_MS)
            nanosleep(&(struct timespec){ 0, TURN_MS * 1000000L }, NULL);
    }
    return NULL;
}

int64_t web_streams_quiet_since(web_streams *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t since_ms = s->hearing ? s->quiet_ms : 0;
    pthread_mutex_unlock(&s->lock);
    return since_ms;
}

// ---- life

web_streams *web_streams_new(gofer_client *client, void (*wake_reader)(void *reader),
    int64_t window_ms)
{
    web_streams *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->client = client;
    s->wake = wake_reader;
    s->window_ms = window_ms;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->news, NULL);
    s->started = add_audience(s, NULL) && pthread_create(&s->thread, NULL, run, s) == 0;
    if (s->started)
        return s;
    web_streams_free(s);
    return NULL;
}

void web_streams_tell(web_streams *s, void (*heard)(void *user, const char *queue), void *user)
{
    pthread_mutex_lock(&s->lock);
    s->heard = heard;
    s->heard_user = user;
    pthread_mutex_unlock(&s->lock);
}

void web_streams_end(web_streams *s)
{
    if (!s->started)
        return;
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    pthread_cond_broadcast(&s->news);
    for (web_stream *stream = s->first; stream; stream = stream->next)
        stream->ended = true;
    wake_all(s);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    s->started = false;
}

void web_streams_free(web_streams *s)
{
    if (!s)
        return;
    web_streams_end(s);
    for (audience *a = s->all, *next; a; a = next) {
        next = a->next;
        free_audience(a);
    }
    pthread_cond_destroy(&s->news);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

// ---- one stream

// Where a reader goes on who saw this last; says reset if that is not known (any more).
static void find_place(web_stream *stream, const char *last_id)
{
    const audience *a = stream->audience;
    size_t size = strlen(a->epoch);
    bool ours = last_id && strncmp(last_id, a->epoch, size) == 0 && last_id[size] == '-';
    unsigned long long number = ours ? strtoull(last_id + size + 1, NULL, 10) : 0;
    stream->seen = a->number;
    if (!last_id || !*last_id)
        return;
    if (ours && number <= a->number && a->number - number < KEPT)
        stream->seen = number;
    else
        web_text_put(&stream->out, "event: reset\ndata: {}\n\n");
}

// Has he as many as one may have? Those that are dead show it when they are written to.
static bool has_enough(web_streams *s, const char *key)
{
    size_t count = 0;
    for (const web_stream *stream = s->first; *key && stream; stream = stream->next)
        count += !stream->left && strcmp(stream->key, key) == 0;
    for (web_stream *stream = s->first; stream && count >= WEB_STREAMS_EACH; stream = stream->next)
        if (stream->idle && strcmp(stream->key, key) == 0) {
            web_text_put(&stream->out, ": still there?\n\n");
            wake(s, stream);
        }
    return count >= WEB_STREAMS_EACH;
}

static web_stream_why may_open(web_streams *s, const web_listener_of *who)
{
    if (s->ending || s->count >= WEB_STREAMS_MAX)
        return WEB_STREAM_FULL;
    return has_enough(s, who->key) ? WEB_STREAM_ENOUGH : WEB_STREAM_OK;
}

static void begin(web_streams *s, web_stream *stream, const web_listener_of *who)
{
    stream->streams = s;
    stream->reader = who->reader;
    stream->private = who->private;
    snprintf(stream->key, sizeof stream->key, "%s", who->key);
    stream->spoken_ms = web_ms(CLOCK_MONOTONIC);
    // Something at once, so that the reader knows that he is connected.
    web_text_put(&stream->out, "retry: 2000\n: hello\n\n");
    find_place(stream, who->last_id);
    if (s->hearing)
        say_hearing(stream);
    stream->audience->readers++;
    stream->next = s->first;
    s->first = stream;
    s->count++;
    pthread_cond_signal(&s->news);
}

web_stream *web_stream_open(web_streams *s, const web_listener_of *who, web_stream_why *why)
{
    web_stream *stream = calloc(1, sizeof *stream);
    pthread_mutex_lock(&s->lock);
    *why = stream ? may_open(s, who) : WEB_STREAM_FULL;
    if (*why == WEB_STREAM_OK) {
        stream->audience = find_audience(s, who->scope);
        *why = stream->audience ? WEB_STREAM_OK : WEB_STREAM_FULL;
    }
    if (*why == WEB_STREAM_OK)
        begin(s, stream, who);
    pthread_mutex_unlock(&s->lock);
    if (*why == WEB_STREAM_OK)
        return stream;
    free(stream);
    return NULL;
}

// With the lock.
static void leave(web_stream *stream)
{
    web_streams *s = stream->streams;
    if (stream->left)
        return;
    stream->left = stream->ended = true;
    s->count--;
    s->left_ms = web_ms(CLOCK_MONOTONIC);
}

void web_stream_leave(web_stream *stream)
{
    web_streams *s = stream->streams;
    pthread_mutex_lock(&s->lock);
    leave(stream);
    wake(s, stream);
    pthread_mutex_unlock(&s->lock);
}

void web_stream_close(web_stream *stream)
{
    if (!stream)
        return;
    web_streams *s = stream->streams;
    pthread_mutex_lock(&s->lock);
    leave(stream);
    web_stream **at = &s->first;
    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    stream->audience->readers--;
    stream->audience->left_ms = web_ms(CLOCK_MONOTONIC);
    pthread_mutex_unlock(&s->lock);
    web_text_free(&stream->out);
    free(stream);
}

// What came since, into stream->out. With the lock.
static void collect(web_stream *stream)
{
    const audience *a = stream->audience;
    if (stream->ended || stream->seen == a->number)
        return;
    if (a->number - stream->seen >= KEPT) {
        web_text_put(&stream->out, "event: lost\ndata: {}\n\n");
        stream->ended = true;
        return;
    }
    const message *m = &a->kept[++stream->seen % KEPT];
    const web_text *text = stream->private && !a->scope.count ? &m->private : &m->open;
    if (text->at && !text->failed)
        web_text_add(&stream->out, text->at, text->size);
}

ssize_t web_stream_read(web_stream *stream, char *out, size_t room, void (*idle)(void *reader))
{
    web_streams *s = stream->streams;
    ssize_t size = 0;
    pthread_mutex_lock(&s->lock);
    while (stream->sent == stream->out.size && !stream->ended
        && stream->seen != stream->audience->number) {
        stream->out.size = stream->sent = 0;
        collect(stream);
    }
    size_t left = stream->left ? 0 : stream->out.size - stream->sent;
    if (left) {
        size = (ssize_t)(left < room ? left : room);
        memcpy(out, stream->out.at + stream->sent, (size_t)size);
        stream->sent += (size_t)size;
        stream->spoken_ms = web_ms(CLOCK_MONOTONIC);
    } else if (stream->ended || stream->out.failed) {
        size = -1;
    } else {
        stream->out.size = stream->sent = 0;
        stream->idle = true;
        idle(stream->reader);
    }
    pthread_mutex_unlock(&s->lock);
    return size;
}
