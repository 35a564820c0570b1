// web_streams_test.c - live events, without a socket and with one: slow readers, places, limits,
// queues.
#include "streams.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "check.h"
#include "clock.h"
#include "server.h"

enum { PATIENCE_MS = 30000, ROOM = 4096 };

// A store of the test's, and its streams; a reader is a flag that is set when there is news.
typedef struct fixture {
    gofer_client *client;
    web_streams  *streams;
} fixture;

typedef struct reader {
    pthread_mutex_t lock;
    pthread_cond_t  news;
    bool            idle, woken;
    web_stream     *stream;
    char            text[ROOM * 16];    // what came and was not looked at yet
    size_t          size;
} reader;

static void wake_reader(void *user)
{
    reader *r = user;
    pthread_mutex_lock(&r->lock);
    r->woken = true;
    pthread_cond_signal(&r->news);
    pthread_mutex_unlock(&r->lock);
}

static void be_idle(void *user)
{
    reader *r = user;
    r->idle = true;
}

static void setup(fixture *f)
{
    REQUIRE_OK(gofer_client_open(&f->client, "memory:", NULL));
    f->streams = web_streams_new(f->client, wake_reader, 1);
    REQUIRE(f->streams);
}

static void teardown(fixture *f)
{
    web_streams_end(f->streams);
    web_streams_free(f->streams);
    gofer_client_close(f->client);
}

static bool open_reader(fixture *f, reader *r, web_listener_of who)
{
    web_stream_why why;
    *r = (reader){ .lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER };
    who.reader = r;
    who.key = who.key ? who.key : "";
    r->stream = web_stream_open(f->streams, &who, &why);
    return r->stream != NULL;
}

// One more piece of what there is; false: nothing came, or it is the end.
static bool read_more(reader *r)
{
    int64_t end = web_ms(CLOCK_MONOTONIC) + PATIENCE_MS;
    while (web_ms(CLOCK_MONOTONIC) < end && r->size + ROOM < sizeof r->text) {
        pthread_mutex_lock(&r->lock);
        r->woken = r->idle = false;
        pthread_mutex_unlock(&r->lock);
        ssize_t n = web_stream_read(r->stream, r->text + r->size, ROOM, be_idle);
        if (n < 0)
            return false;
        r->size += (size_t)n;
        r->text[r->size] = '\0';
        if (n > 0)
            return true;
        CHECK(r->idle);
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        pthread_mutex_lock(&r->lock);
        if (!r->woken)
            pthread_cond_timedwait(&r->news, &r->lock, &until);
        pthread_mutex_unlock(&r->lock);
    }
    return false;
}

// Reads until this has come, and forgets what is up to its end. False: it does not come.
static bool read_until(reader *r, const char *what)
{
    char *at;
    while (!(at = strstr(r->text, what)))
        if (!read_more(r))
            return false;
    at += strlen(what);
    r->size -= (size_t)(at - r->text);
    memmove(r->text, at, r->size + 1);
    return true;
}

static void put(fixture *f, const char *queue, const char *type)
{
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.queue = queue;
    CHECK_OK(gofer_client_enqueue(f->client, type, "secret", 6, &opts, NULL));
}

// All that happens from now on is heard.
static void begin(reader *r)
{
    REQUIRE(read_until(r, "event: listening\ndata: {}\n\n"));
}

static void a_reader_is_told_what_happens(void)
{
    fixture f;
    reader r;
    setup(&f);
    REQUIRE(open_reader(&f, &r, (web_listener_of){ .last_id = NULL }));
    begin(&r);
    put(&f, "q", "mail");
    CHECK(read_until(&r, "id: "));
    CHECK(read_until(&r, "\"counts\":{\"enqueued\":1}"));
    CHECK(read_until(&r, "\"type\":\"mail\""));
    CHECK(read_until(&r, "]}\n\n"));
    CHECK_INT(r.size, 0);
    web_stream_close(r.stream);
    teardown(&f);
}

static void a_slow_reader_is_dropped_and_told(void)
{
    fixture f;
    static reader slow, quick;
    int messages = 0;
    setup(&f);
    REQUIRE(open_reader(&f, &slow, (web_listener_of){ .last_id = NULL }));
    REQUIRE(open_reader(&f, &quick, (web_listener_of){ .last_id = NULL }));
    begin(&slow);
    begin(&quick);
    // A window for each, more than are kept.
    while (messages < 605) {
        put(&f, "q", "t");
        if (!read_until(&quick, "]}\n\n"))
            break;
        messages++;
    }
    CHECK_INT(messages, 605);
    CHECK(read_until(&slow, "event: lost\ndata: {}\n\n"));
    CHECK(!strstr(slow.text, "counts"));
    char room[ROOM];
    CHECK_INT(web_stream_read(slow.stream, room, sizeof room, be_idle), -1);
    put(&f, "q", "t");
    CHECK(read_until(&quick, "]}\n\n"));        // and the other one goes on
    web_stream_close(slow.stream);
    web_stream_close(quick.stream);
    teardown(&f);
}

// The id of the next message, into out.
static bool read_id(reader *r, char out[64])
{
    out[0] = '\0';
    while (read_until(r, "id: "))
        for (;;) {
            char *end = strchr(r->text, '\n');
            if (end) {
                snprintf(out, 64, "%.*s", (int)(end - r->text), r->text);
                return true;
            }
            if (!read_more(r))
                return false;
        }
    return false;
}

// ---- over a socket

static bool trust(void *user, const struct sockaddr *from)
{
    (void)user, (void)from;
    return true;
}

static bool take_none(void *user, int fd, const struct sockaddr *from, socklen_t size)
{
    (void)user, (void)fd, (void)from, (void)size;
    return false;
}

// The server's end of a pair of sockets that hold little; the other end has asked for events.
static int ask_for_events(web_server *server)
{
    static const char request[] = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct sockaddr from = { .sa_family = AF_UNIX };
    int fds[2], little = 1;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    REQUIRE(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
    REQUIRE(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &little, sizeof little) == 0);
    REQUIRE(write(fds[1], request, sizeof request - 1) == (ssize_t)sizeof request - 1);
    REQUIRE(web_server_take(server, fds[0], &from, sizeof from.sa_family));
    return fds[1];
}

// Until its stream has begun, which is later than that it was asked for.
static bool has_begun(int fd)
{
    static const char first[] = "event: listening\n";
    size_t matched = 0;
    char byte;
    while (matched < sizeof first - 1 && read(fd, &byte, 1) == 1)
        matched = byte == first[matched] ? matched + 1 : byte == first[0];
    return matched == sizeof first - 1;
}

// All that comes until the end.
static char *read_all(int fd)
{
    size_t size = 0, room = 4 << 20;
    char *text = malloc(room);
    for (ssize_t n = 1; text && n > 0 && size < room - 1; size += n > 0 ? (size_t)n : 0)
        n = read(fd, text + size, room - 1 - size);
    if (text)
        text[size] = '\0';
    return text;
}

static void a_slow_socket_is_dropped_and_told(void)
{
    fixture f;
    static reader quick;
    const web_log silent = { NULL, NULL };
    setup(&f);
    web_streams *streams = web_streams_new(f.client, web_server_wake, 1);
    web_access *access = web_access_new(&(web_access_options){ .anonymous = WEB_SEE,
        .log = &silent });
    web_pool *pool = web_pool_new(1, 1);
    web_gate *gate = web_gate_new(&(web_gate_options){ .take = take_none, .trusted = trust });
    web_server *server = web_server_new(&(web_server_options){ .client = f.client,
        .access = access, .pool = pool, .streams = streams, .base = "", .trusted = trust });
    REQUIRE(streams && access && pool && gate && server);
    web_server_use_gate(server, gate);
    int slow = ask_for_events(server);
    REQUIRE(open_reader(&f, &quick, (web_listener_of){ .last_id = NULL }));
    begin(&quick);
    REQUIRE(has_begun(slow));
    // More than are kept and than the socket holds, in turns: each is a window of its own.
    for (int messages = 0; messages < 800; messages++) {
        put(&f, "q", "t");
        if (!read_until(&quick, "]}\n\n"))
            break;
    }
    char *text = read_all(slow);
    REQUIRE(text);
    CHECK(strstr(text, "event: lost\ndata: {}\n\n") != NULL);
    CHECK(strstr(text, "\r\n0\r\n\r\n") != NULL);       // the end of what comes in chunks
    free(text);
    close(slow);
    web_stream_close(quick.stream);
    web_streams_end(streams);
    web_server_free(server);
    web_streams_free(streams);
    web_gate_free(gate);
    web_pool_free(pool);
    web_access_free(access);
    teardown(&f);
}

static void who_comes_back_finds_his_place(void)
{
    fixture f;
    reader r, again, other;
    char id[64];
    web_scope scope = { .count = 1, .grants = { { WEB_SEE, "mail*" } } };
    setup(&f);
    REQUIRE(open_reader(&f, &r, (web_listener_of){ .scope = &scope }));
    begin(&r);
    put(&f, "mail", "first");
    REQUIRE(read_id(&r, id));
    web_stream_close(r.stream);
    // Others keep the listener going, and what happens meanwhile is kept.
    REQUIRE(open_reader(&f, &other, (web_listener_of){ .last_id = id }));
    CHECK(read_until(&other, "event: reset\n"));        // that id is of other queues
    put(&f, "mail:a", "second");
    CHECK(read_until(&other, "second"));
    REQUIRE(open_reader(&f, &again, (web_listener_of){ .scope = &scope, .last_id = id }));
    CHECK(read_until(&again, "second"));
    CHECK(!strstr(again.text, "reset"));
    web_stream_close(again.stream);
    web_stream_close(other.stream);
    teardown(&f);
}

static void who_has_some_queues_hears_and_counts_these(void)
{
    fixture f;
    reader all, some;
    web_scope scope = { .count = 1, .grants = { { WEB_SEE, "mail*" } } };
    setup(&f);
    REQUIRE(open_reader(&f, &all, (web_listener_of){ .last_id = NULL }));
    REQUIRE(open_reader(&f, &some, (web_listener_of){ .scope = &scope }));
    begin(&all);
    begin(&some);
    for (int i = 0; i < 5; i++)
        put(&f, "other", "hidden");
    put(&f, "mail", "shown");
    CHECK(read_until(&all, "hidden"));
    CHECK(read_until(&all, "shown"));
    while (!strstr(some.text, "shown") && read_more(&some))
        continue;
    CHECK(strstr(some.text, "\"counts\":{\"enqueued\":1}") != NULL);
    CHECK(!strstr(some.text, "hidden"));
    web_stream_close(all.stream);
    web_stream_close(some.stream);
    teardown(&f);
}

static void each_visitor_has_four(void)
{
    fixture f;
    static reader readers[WEB_STREAMS_MAX + 1];
    web_stream_why why;
    size_t count = 0;
    setup(&f);
    for (; count < WEB_STREAMS_EACH; count++)
        REQUIRE(open_reader(&f, &readers[count], (web_listener_of){ .key = "ann" }));
    web_listener_of more = { .key = "ann", .reader = &readers[count] };
    CHECK(!web_stream_open(f.streams, &more, &why));
    CHECK_INT(why, WEB_STREAM_ENOUGH);
    // Those that are there are written to: who has gone is noticed so.
    for (size_t i = 0; i < WEB_STREAMS_EACH; i++)
        CHECK(read_until(&readers[i], ": hello\n\n"));
    for (; count < WEB_STREAMS_MAX; count++)
        REQUIRE(open_reader(&f, &readers[count], (web_listener_of){ .key = "" }));
    more.key = "bob";
    CHECK(!web_stream_open(f.streams, &more, &why));
    CHECK_INT(why, WEB_STREAM_FULL);
    web_stream_close(readers[--count].stream);
    more.reader = &readers[count];
    REQUIRE(open_reader(&f, &readers[count++], more));
    // Who hangs up leaves his place at once; what is read after that is the end.
    web_stream_leave(readers[0].stream);
    web_stream_leave(readers[0].stream);
    CHECK(!read_more(&readers[0]));
    web_stream_close(readers[0].stream);
    REQUIRE(open_reader(&f, &readers[0], (web_listener_of){ .key = "ann" }));
    CHECK(!web_stream_open(f.streams, &(web_listener_of){ .key = "ann" }, &why));
    CHECK_INT(why, WEB_STREAM_FULL);
    for (size_t i = 0; i < count; i++)
        web_stream_close(readers[i].stream);
    teardown(&f);
}

static void the_end_comes_to_all(void)
{
    fixture f;
    reader r;
    web_stream_why why;
    setup(&f);
    REQUIRE(open_reader(&f, &r, (web_listener_of){ .last_id = NULL }));
    begin(&r);
    web_streams_end(f.streams);
    CHECK(!read_more(&r));
    CHECK(!web_stream_open(f.streams, &(web_listener_of){ .key = "" }, &why));
    web_stream_close(r.stream);
    teardown(&f);
}

static const check_test tests[] = {
    TEST(a_reader_is_told_what_happens),
    TEST(a_slow_reader_is_dropped_and_told),
    TEST(a_slow_socket_is_dropped_and_told),
    TEST(who_comes_back_finds_his_place),
    TEST(who_has_some_queues_hears_and_counts_these),
    TEST(each_visitor_has_four),
    TEST(the_end_comes_to_all),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
