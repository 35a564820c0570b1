// otlp_post_test.c - requests to a collector and what their answers mean, and the thread that sends
// batches: against a server of this program that answers what the test wants.
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "config.h"
#include "export.h"
#include "post.h"
#include "queue.h"
#include "util/clock.h"

// ---- the collector ------------------------------------------------------------------------------

enum { HEAD_MAX = 8192, PATIENCE_MS = 30000 };

#define CUT  ""                    // closes without an answer
#define HANG NULL                  // never answers

// Answers one request after the other, each connection on its thread: there is one at a time.
static struct {
    int              fd;
    pthread_t        thread;
    char             url[64];
    const char      *answer;       // a whole one; CUT, HANG
    pthread_mutex_t  lock;         // guards all below
    char             head[HEAD_MAX];
    size_t           body_size, requests, connections;
    bool             held;         // no answer until it is let go
    pthread_cond_t   changed;
    bool             ended;
} collector;

// How long the body is; -1: it ended.
static int64_t read_head(int fd, char *head)
{
    size_t size = 0;
    while (size < HEAD_MAX - 1 && recv(fd, head + size, 1, 0) == 1) {
        head[++size] = '\0';
        if (size > 3 && strcmp(head + size - 4, "\r\n\r\n") == 0) {
            const char *length = strstr(head, "Content-Length: ");
            return length ? strtoll(length + strlen("Content-Length: "), NULL, 10) : 0;
        }
    }
    return -1;
}

static bool read_body(int fd, int64_t size)
{
    char some[4096];
    while (size > 0) {
        ssize_t got = recv(fd, some, size < 4096 ? (size_t)size : sizeof some, 0);
        if (got <= 0)
            return false;
        size -= got;
    }
    return true;
}

static void serve(int fd)
{
    static char head[HEAD_MAX];
    int64_t size;
    while ((size = read_head(fd, head)) >= 0 && read_body(fd, size)) {
        pthread_mutex_lock(&collector.lock);
        memcpy(collector.head, head, sizeof head);
        collector.body_size = (size_t)size;
        collector.requests++;
        pthread_cond_broadcast(&collector.changed);
        while (collector.held && !collector.ended)
            pthread_cond_wait(&collector.changed, &collector.lock);
        const char *answer = collector.answer;
        pthread_mutex_unlock(&collector.lock);
        char byte;
        if (answer && !*answer)
            return;
        if (!answer && recv(fd, &byte, 1, 0) <= 0)     // until who asks has gone
            return;
        if (answer && send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
            return;
    }
}

static void *collect(void *unused)
{
    int fd;
    while ((fd = accept(collector.fd, NULL, NULL)) >= 0) {
        pthread_mutex_lock(&collector.lock);
        collector.connections++;
        pthread_mutex_unlock(&collector.lock);
        serve(fd);
        close(fd);
    }
    return unused;
}

static void collector_begin(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    memset(&collector, 0, sizeof collector);
    pthread_mutex_init(&collector.lock, NULL);
    pthread_cond_init(&collector.changed, NULL);
    collector.fd = socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(collector.fd >= 0 && bind(collector.fd, (struct sockaddr *)&at, size) == 0);
    REQUIRE(listen(collector.fd, 8) == 0);
    REQUIRE(getsockname(collector.fd, (struct sockaddr *)&at, &size) == 0);
    snprintf(collector.url, sizeof collector.url, "http://127.0.0.1:%d/v1/traces",
        ntohs(at.sin_port));
    REQUIRE(pthread_create(&collector.thread, NULL, collect, NULL) == 0);
}

static void collector_hold(bool held)
{
    pthread_mutex_lock(&collector.lock);
    collector.held = held;
    pthread_cond_broadcast(&collector.changed);
    pthread_mutex_unlock(&collector.lock);
}

static void collector_answer(const char *answer)
{
    pthread_mutex_lock(&collector.lock);
    collector.answer = answer;
    pthread_mutex_unlock(&collector.lock);
}

static void collector_await(size_t requests)
{
    pthread_mutex_lock(&collector.lock);
    while (collector.requests < requests)
        pthread_cond_wait(&collector.changed, &collector.lock);
    pthread_mutex_unlock(&collector.lock);
}

// Who asks has closed its connection.
static void collector_end(void)
{
    pthread_mutex_lock(&collector.lock);
    collector.ended = true;
    pthread_cond_broadcast(&collector.changed);
    pthread_mutex_unlock(&collector.lock);
    shutdown(collector.fd, SHUT_RDWR);
    pthread_join(collector.thread, NULL);
    close(collector.fd);
}

// ---- one request --------------------------------------------------------------------------------

// The configuration is borrowed.
static void post_begin(otlp_post *p, otlp_config *c)
{
    char why[256] = "";
    c->url = collector.url;
    c->timeout_ms = c->timeout_ms ? c->timeout_ms : PATIENCE_MS;
    if (!otlp_post_init(p, c, why, sizeof why)) {
        if (strstr(why, "needs libcurl"))
            SKIP("no libcurl");
        REQUIRE(*why == '\0');
    }
}

#define ANSWER(status, headers, size, body) \
    "HTTP/1.1 " status "\r\n" headers "Content-Length: " size "\r\n\r\n" body

static void answers_mean_what_otlp_says(void)
{
    static const struct {
        const char *answer;
        otlp_answer means;
        int64_t     after_ms, rejected;
        const char *why;           // "": nothing; else words in it
    } cases[] = {
        { ANSWER("200 OK", "", "2", "{}"), OTLP_TAKEN, -1, 0, "" },
        { ANSWER("202 Accepted", "", "0", ""), OTLP_TAKEN, -1, 0, "" },
        { ANSWER("200 OK", "", "4", "nope"), OTLP_TAKEN, -1, 0, "" },
        { ANSWER("200 OK", "", "61",
            "{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"old\"}}"),
          OTLP_TAKEN, -1, 3, "old" },
        { ANSWER("200 OK", "", "39", "{\"partialSuccess\":{\"rejectedSpans\":-1}}"), OTLP_TAKEN, -1,
          0, "" },
        { ANSWER("400 Bad Request", "", "4", "no\xff!"), OTLP_REFUSED, -1, 0,
          "HTTP status 400: no\xEF\xBF\xBD!" },
        { ANSWER("401 Unauthorized", "", "0", ""), OTLP_REFUSED, -1, 0, "HTTP status 401" },
        { ANSWER("404 Not Found", "", "0", ""), OTLP_REFUSED, -1, 0, "404" },
        { ANSWER("413 Too Large", "", "0", ""), OTLP_REFUSED, -1, 0, "413" },
        { ANSWER("302 Found", "Location: http://127.0.0.1:1/\r\n", "0", ""), OTLP_REFUSED, -1, 0,
          "302" },
        { ANSWER("429 Too Many", "Retry-After: 3\r\n", "0", ""), OTLP_AGAIN, 3000, 0, "429" },
        { ANSWER("429 Too Many", "Retry-After: 99999999\r\n", "0", ""), OTLP_AGAIN, 300000, 0,
          "429" },
        { ANSWER("500 Oh", "", "0", ""), OTLP_REFUSED, -1, 0, "500" },
        { ANSWER("501 Oh", "Retry-After: 1\r\n", "0", ""), OTLP_REFUSED, 1000, 0, "501" },
        { ANSWER("502 Oh", "", "0", ""), OTLP_AGAIN, -1, 0, "502" },
        { ANSWER("503 Oh", "", "0", ""), OTLP_AGAIN, -1, 0, "503" },
        { ANSWER("504 Oh", "", "0", ""), OTLP_AGAIN, -1, 0, "504" },
    };
    otlp_post p;
    otlp_config c = { .url = NULL };
    collector_begin();
    post_begin(&p, &c);
    for (size_t i = 0; i < COUNT(cases); i++) {
        otlp_reply reply;
        collector_answer(cases[i].answer);
        otlp_post_send(&p, "{}", 2, &reply);
        CHECK_INT(reply.answer, cases[i].means);
        CHECK_INT(reply.after_ms, cases[i].after_ms);
        CHECK_INT(reply.rejected, cases[i].rejected);
        if (*cases[i].why)
            CHECK_HAS(reply.why, cases[i].why);
        else
            CHECK_STR(reply.why, "");
    }
    otlp_post_clear(&p);
    collector_end();
    CHECK_INT(collector.connections, 1);   // kept from request to request
}

static void what_is_sent_is_whole_and_has_its_headers(void)
{
    enum { SIZE = 3000000 };
    otlp_post p;
    char name[] = "authorization", secret[] = "Bearer x,", empty[] = "empty", nothing[] = "";
    otlp_pair headers[] = { { name, secret }, { empty, nothing } };
    otlp_config c = { .headers = { headers, COUNT(headers) } };
    otlp_reply reply;
    char *body = calloc(1, SIZE);          // zeros: it is bytes, and not a text
    REQUIRE(body != NULL);
    collector_begin();
    collector_answer(ANSWER("200 OK", "", "2", "{}"));
    post_begin(&p, &c);
    otlp_post_send(&p, body, SIZE, &reply);
    CHECK_INT(reply.answer, OTLP_TAKEN);
    otlp_post_clear(&p);
    collector_end();
    CHECK_INT(collector.body_size, SIZE);
    CHECK(strncmp(collector.head, "POST /v1/traces HTTP/1.1\r\n", 26) == 0);
    CHECK_HAS(collector.head, "\r\nContent-Type: application/json\r\n");
    CHECK_HAS(collector.head, "\r\nUser-Agent: OTel-OTLP-Exporter-gofer/");
    CHECK_HAS(collector.head, "\r\nauthorization: Bearer x,\r\n");
    CHECK_HAS(collector.head, "\r\nempty:\r\n");
    CHECK(strstr(collector.head, "Expect") == NULL);
    free(body);
}

static void a_collector_that_does_not_answer_is_given_up(void)
{
    otlp_post p;
    otlp_config c = { .timeout_ms = 50 };
    otlp_reply reply;
    collector_begin();
    collector_answer(HANG);
    post_begin(&p, &c);
    otlp_post_send(&p, "{}", 2, &reply);
    CHECK_INT(reply.answer, OTLP_AGAIN);   // it may answer later
    CHECK_HAS(reply.why, "imed out");
    atomic_store(&p.until_ms, gf_mono_ms());
    otlp_post_send(&p, "{}", 2, &reply);
    CHECK(reply.answer != OTLP_TAKEN);     // no time is left, and it comes back
    otlp_post_clear(&p);
    collector_end();
}

static void an_answer_that_does_not_come_may_come_later(void)
{
    otlp_post p;
    otlp_config c = { .url = NULL };
    otlp_reply reply;
    collector_begin();
    collector_answer(CUT);
    post_begin(&p, &c);
    otlp_post_send(&p, "{}", 2, &reply);
    CHECK_INT(reply.answer, OTLP_AGAIN);
    CHECK(*reply.why);
    otlp_post_clear(&p);
    collector_end();
}

static void nobody_there_may_be_tried_again(void)
{
    otlp_post p;
    otlp_config c = { .url = NULL };
    otlp_reply reply;
    collector_begin();
    post_begin(&p, &c);
    collector_end();                       // its port is free
    otlp_post_send(&p, "{}", 2, &reply);
    CHECK_INT(reply.answer, OTLP_AGAIN);
    CHECK(*reply.why);
    otlp_post_clear(&p);
}

// ---- the thread ---------------------------------------------------------------------------------

typedef struct room {
    gofer_client *client;
    gofer_worker *worker;          // whose figures tell of it; not started
    otlp_config   config;
    otlp_queue    queue;
    otlp_exporter exporter;
} room;

static _Atomic int warnings;

static void count_warning(void *user, int32_t level, int64_t at_ms, const char *text,
    const char *fields)
{
    (void)user, (void)at_ms, (void)text;
    CHECK_HAS(fields, "\"url\":\"http://127.0.0.1:");
    atomic_fetch_add(&warnings, level == GOFER_LOG_WARN);
}

static void room_begin(room *r, size_t max, size_t batch)
{
    char why[256];
    memset(r, 0, sizeof *r);
    atomic_store(&warnings, 0);
    collector_begin();
    REQUIRE_OK(gofer_client_open(&r->client, "memory:", NULL));
    REQUIRE_OK(gofer_worker_new(&r->worker, r->client));
    REQUIRE(otlp_queue_init(&r->queue, max, batch, 600000));
    r->exporter = (otlp_exporter){ .config = &r->config, .queue = &r->queue, .worker = r->worker,
        .log = count_warning };
    post_begin(&r->exporter.post, &r->config);
    REQUIRE(otlp_exporter_start(&r->exporter, why, sizeof why));
}

static void room_end(room *r, int64_t patience_ms, int64_t exported, int64_t dropped)
{
    gofer_info *stats = NULL;
    otlp_exporter_end(&r->exporter, patience_ms);
    CHECK_OK(gofer_worker_stats(r->worker, &stats));
    CHECK_INT(gofer_info_int(stats, "spans_exported", -1), exported);
    CHECK_INT(gofer_info_int(stats, "spans_dropped", -1), dropped);
    gofer_info_free(stats);
    otlp_post_clear(&r->exporter.post);
    otlp_queue_clear(&r->queue);
    gofer_worker_free(r->worker);
    gofer_client_close(r->client);
    collector_end();
}

static void put(room *r, size_t count)
{
    for (size_t i = 0; i < count; i++)
        otlp_queue_put(&r->queue, calloc(1, sizeof(otlp_span)));
}

// Whoever puts a span would wait for ever here, if it waited for the collector.
static void a_slow_collector_costs_spans_and_nobody_time(void)
{
    room r;
    room_begin(&r, 10, 5);
    collector_answer(ANSWER("200 OK", "", "2", "{}"));
    collector_hold(true);
    put(&r, 5);
    collector_await(1);            // a whole batch is under way, and is not answered
    put(&r, 10000);
    collector_hold(false);
    room_end(&r, PATIENCE_MS, 15, 9990);
    CHECK_INT(collector.requests, 3);
    CHECK(atomic_load(&warnings) > 0);
}

static void what_is_refused_is_dropped_and_not_sent_again(void)
{
    room r;
    room_begin(&r, 10, 2);
    collector_answer(ANSWER("400 Bad", "", "0", ""));
    put(&r, 2);
    collector_await(1);
    room_end(&r, PATIENCE_MS, 0, 2);
    CHECK_INT(collector.requests, 1);
    CHECK_INT(atomic_load(&warnings), 1);
}

static void what_was_not_taken_in_part_is_counted(void)
{
    room r;
    room_begin(&r, 10, 4);
    collector_answer(ANSWER("200 OK", "", "40", "{\"partialSuccess\":{\"rejectedSpans\":\"3\"}}"));
    put(&r, 4);
    room_end(&r, PATIENCE_MS, 1, 3);
}

// Its first pause is about a second.
static void a_busy_collector_is_asked_again_with_the_same(void)
{
    room r;
    room_begin(&r, 10, 3);
    collector_answer(ANSWER("503 Busy", "", "0", ""));
    put(&r, 3);
    collector_await(1);
    size_t size = collector.body_size;
    collector_answer(ANSWER("200 OK", "", "2", "{}"));
    collector_await(2);
    room_end(&r, PATIENCE_MS, 3, 0);
    CHECK_INT(collector.requests, 2);
    CHECK_INT(collector.body_size, size);
}

static void an_end_has_its_bound(void)
{
    room r;
    room_begin(&r, 10, 3);
    collector_answer(HANG);
    put(&r, 6);
    collector_await(1);
    room_end(&r, 20, 0, 6);        // comes back, and has counted all that is left
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(answers_mean_what_otlp_says), TEST(what_is_sent_is_whole_and_has_its_headers),
        TEST(a_collector_that_does_not_answer_is_given_up),
        TEST(an_answer_that_does_not_come_may_come_later), TEST(nobody_there_may_be_tried_again),
        TEST(a_slow_collector_costs_spans_and_nobody_time),
        TEST(what_is_refused_is_dropped_and_not_sent_again),
        TEST(what_was_not_taken_in_part_is_counted),
        TEST(a_busy_collector_is_asked_again_with_the_same), TEST(an_end_has_its_bound),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
