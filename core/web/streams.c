// streams.c - live events for many readers.
#include "streams.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "copy.h"
#include "text.h"

enum {
    KEPT = 600,                 // messages: a minute of windows
    WINDOW_MS = 100,
    EVENTS_MAX = 50,            // whole ones in a message
    KINDS_MAX = 24,             // of events; there are twelve
    KIND_ROOM = 16,
    PING_MS = 15000,
    LINGER_MS = 10000,          // of the listener, after the last reader
    AGAIN_MS = 1000,            // between attempts to listen
    HEARING_MS = 1100,          // who publishes looks for listeners once a second,
    HEARING_AGAIN_MS = 6000     //   and seldom while the store does not answer
};

// A window: what happened in it, in both forms.
typedef struct message {
    uint64_t number;            // 0: none
    web_text open, private;
} message;

typedef struct kind {
    char    name[KIND_ROOM];
    int64_t count;
} kind;

// The window that is being filled. The listener's thread alone has it.
typedef struct window {
    kind        kinds[KINDS_MAX];
    size_t      kind_count;
    gofer_info *events[EVENTS_MAX];     // a ring: the latest
    size_t      event_count;
    int64_t     lost;
} window;

struct web_stream {
    web_streams *streams;
    web_stream  *next;
    void        *reader;
    uint64_t     seen;          // number of the last message it has
    bool         private, idle, ended;
    web_text     out;           // not sent yet, from `sent` on
    size_t       sent;
    int64_t      spoken_ms;     // when it was last sent anything
};

struct web_streams {
    gofer_client   *client;
    void          (*wake)(void *reader);
    pthread_mutex_t lock;       // guards all below but the window
    pthread_cond_t  news;       // the first stream, or the end
    web_stream     *first;
    size_t          count;
    message         kept[KEPT];
    uint64_t        number;     // of the last message
    int64_t         left_ms;    // when the last reader went
    char            epoch[20];
    bool            hearing;    // all that happens is heard
    bool            ending, started;
    pthread_t       thread;
};

// ---- windows

static void count_kind(window *w, const char *name)
{
    size_t i = 0;
    while (i < w->kind_count && strcmp(w->kinds[i].name, name) != 0)
        i++;
    if (i == KINDS_MAX)
        return;
    if (i == w->kind_count) {
        snprintf(w->kinds[i].name, KIND_ROOM, "%s", name);
        w->kinds[i].count = 0;
        w->kind_count++;
    }
    w->kinds[i].count++;
}

static void add_event(window *w, gofer_info *event)
{
    gofer_info **place = &w->events[w->event_count % EVENTS_MAX];
    const char *name = gofer_info_text(event, "event");
    count_kind(w, name ? name : "");
    w->lost += gofer_info_int(event, "lost", 0);
    if (w->event_count >= EVENTS_MAX)
        gofer_info_free(*place);
    *place = event;
    w->event_count++;
}

static void clear_window(window *w)
{
    size_t there = w->event_count < EVENTS_MAX ? w->event_count : EVENTS_MAX;
    for (size_t i = 0; i < there; i++)
        gofer_info_free(w->events[i]);
    *w = (window){ 0 };
}

static void put_events(web_text *out, const window *w, unsigned hide)
{
    size_t there = w->event_count < EVENTS_MAX ? w->event_count : EVENTS_MAX;
    size_t first = w->event_count - there;
    for (size_t i = 0; i < there; i++) {
        char *json = NULL;
        if (gofer_info_json(w->events[(first + i) % EVENTS_MAX], &json) != GOFER_OK)
            continue;
        if (i)
            web_text_put(out, ",");
        (void)web_copy_json(out, json, strlen(json), &(web_view){ .hide = hide });
        gofer_free(json);
    }
}

static void make_message(web_streams *s, web_text *out, const window *w, unsigned hide)
{
    web_text_format(out, "id: %s-%llu\ndata: {\"at_ms\":%lld,\"counts\":{", s->epoch,
        (unsigned long long)s->number, (long long)web_ms(CLOCK_REALTIME));
    for (size_t i = 0; i < w->kind_count; i++) {
        web_text_put(out, i ? "," : "");
        web_text_json(out, w->kinds[i].name, strlen(w->kinds[i].name));
        web_text_format(out, ":%lld", (long long)w->kinds[i].count);
    }
    web_text_put(out, "}");
    if (w->lost)
        web_text_format(out, ",\"lost\":%lld", (long long)w->lost);
    web_text_put(out, ",\"events\":[");
    put_events(out, w, hide);
    web_text_put(out, "]}\n\n");
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
    s->hearing = hearing;
}

static void lose_store(web_streams *s)
{
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

static void publish(web_streams *s, window *w)
{
    if (w->event_count == 0)
        return;
    message *m = &s->kept[++s->number % KEPT];
    web_text_free(&m->open);
    web_text_free(&m->private);
    m->number = s->number;
    make_message(s, &m->open, w, 0);
    make_message(s, &m->private, w, WEB_HIDE_PAYLOADS | WEB_HIDE_TEXTS);
    clear_window(w);
    wake_all(s);
}

// ---- the thread

// Also for a while after the last reader has gone: he may only have been cut off. Who comes back
// later than that is told to look anew, for nobody has listened meanwhile.
static bool is_wanted(web_streams *s)
{
    pthread_mutex_lock(&s->lock);
    bool wanted = !s->ending
        && (s->count > 0 || web_ms(CLOCK_MONOTONIC) - s->left_ms < LINGER_MS);
    if (!wanted) {
        s->number += KEPT;
        set_hearing(s, false);
    }
    ping_all(s);
    pthread_mutex_unlock(&s->lock);
    return wanted;
}

// Events of one window into w. False: the listener is of no use any more.
static gofer_status fill(gofer_events *events, window *w)
{
    gofer_status st = GOFER_OK;
    for (int64_t end = web_ms(CLOCK_MONOTONIC) + WINDOW_MS, left = WINDOW_MS;
         left > 0 && st == GOFER_OK; left = end - web_ms(CLOCK_MONOTONIC)) {
        gofer_info *event = NULL;
        st = gofer_events_next(events, left, &event);
        if (st == GOFER_OK)
            add_event(w, event);
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
    if (breaks != h->breaks || h->away)
        h->from_ms = now + HEARING_AGAIN_MS;
    h->breaks = breaks;
    set_hearing(s, now >= h->from_ms);
}

// False: the store was lost.
static bool listen_while_wanted(web_streams *s, gofer_events *events, bool again)
{
    window w = { 0 };
    gofer_status st = GOFER_OK;
    hearing h = { .from_ms = web_ms(CLOCK_MONOTONIC) + (again ? HEARING_AGAIN_MS : HEARING_MS) };
    while (st == GOFER_OK && is_wanted(s)) {
        st = fill(events, &w);
        pthread_mutex_lock(&s->lock);
        publish(s, &w);
        if (st == GOFER_OK)
            look_for_breaks(s, events, &h);
        else
            lose_store(s);
        pthread_mutex_unlock(&s->lock);
    }
    clear_window(&w);
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
        if (gofer_events_open(&events, s->client) == GOFER_OK) {
            again = !listen_while_wanted(s, events, again);
            gofer_events_close(events);
            continue;
        }
        again = true;
        pthread_mutex_lock(&s->lock);
        lose_store(s);
        pthread_mutex_unlock(&s->lock);
        for (int64_t waited = 0; waited < AGAIN_MS && is_wanted(s); waited += WINDOW_MS)
            nanosleep(&(struct timespec){ 0, WINDOW_MS * 1000000L }, NULL);
    }
    return NULL;
}

// ---- life

web_streams *web_streams_new(gofer_client *client, void (*wake_reader)(void *reader))
{
    web_streams *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->client = client;
    s->wake = wake_reader;
    snprintf(s->epoch, sizeof s->epoch, "%llx", (unsigned long long)web_ms(CLOCK_REALTIME));
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->news, NULL);
    s->started = pthread_create(&s->thread, NULL, run, s) == 0;
    if (s->started)
        return s;
    web_streams_free(s);
    return NULL;
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
    for (size_t i = 0; i < KEPT; i++) {
        web_text_free(&s->kept[i].open);
        web_text_free(&s->kept[i].private);
    }
    pthread_cond_destroy(&s->news);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

// ---- one stream

// Where a reader goes on who saw this last; says reset if that is not known (any more).
static void find_place(web_streams *s, web_stream *stream, const char *last_id)
{
    size_t size = strlen(s->epoch);
    bool ours = last_id && strncmp(last_id, s->epoch, size) == 0 && last_id[size] == '-';
    unsigned long long number = ours ? strtoull(last_id + size + 1, NULL, 10) : 0;
    stream->seen = s->number;
    if (!last_id || !*last_id)
        return;
    if (ours && number <= s->number && s->number - number < KEPT)
        stream->seen = number;
    else
        web_text_put(&stream->out, "event: reset\ndata: {}\n\n");
}

web_stream *web_stream_open(web_streams *s, const char *last_id, bool private, void *reader)
{
    web_stream *stream = calloc(1, sizeof *stream);
    pthread_mutex_lock(&s->lock);
    bool fits = stream && s->count < WEB_STREAMS_MAX && !s->ending;
    if (fits) {
        stream->streams = s;
        stream->reader = reader;
        stream->private = private;
        stream->spoken_ms = web_ms(CLOCK_MONOTONIC);
        // Something at once, so that the reader knows that he is connected.
        web_text_put(&stream->out, "retry: 2000\n: hello\n\n");
        find_place(s, stream, last_id);
        if (s->hearing)
            say_hearing(stream);
        stream->next = s->first;
        s->first = stream;
        s->count++;
        pthread_cond_signal(&s->news);
    }
    pthread_mutex_unlock(&s->lock);
    if (fits)
        return stream;
    free(stream);
    return NULL;
}

void web_stream_close(web_stream *stream)
{
    if (!stream)
        return;
    web_streams *s = stream->streams;
    pthread_mutex_lock(&s->lock);
    web_stream **at = &s->first;
    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    s->count--;
    s->left_ms = web_ms(CLOCK_MONOTONIC);
    pthread_mutex_unlock(&s->lock);
    web_text_free(&stream->out);
    free(stream);
}

// What came since, into stream->out. With the lock.
static void collect(web_streams *s, web_stream *stream)
{
    if (stream->ended || stream->seen == s->number)
        return;
    if (s->number - stream->seen >= KEPT) {
        web_text_put(&stream->out, "event: lost\ndata: {}\n\n");
        stream->ended = true;
        return;
    }
    message *m = &s->kept[++stream->seen % KEPT];
    const web_text *text = stream->private ? &m->private : &m->open;
    if (text->at && !text->failed)
        web_text_add(&stream->out, text->at, text->size);
}

ssize_t web_stream_read(web_stream *stream, char *out, size_t room, void (*idle)(void *reader))
{
    web_streams *s = stream->streams;
    ssize_t size = 0;
    pthread_mutex_lock(&s->lock);
    while (stream->sent == stream->out.size && !stream->ended && stream->seen != s->number) {
        stream->out.size = stream->sent = 0;
        collect(s, stream);
    }
    size_t left = stream->out.size - stream->sent;
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
