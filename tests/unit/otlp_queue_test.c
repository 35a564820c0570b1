// otlp_queue_test.c - spans that wait to be sent, and what they are as OTLP's JSON.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "config.h"
#include "encode.h"
#include "queue.h"
#include "util/json.h"
#include "util/thread.h"

// ---- the queue ----------------------------------------------------------------------------------

static otlp_span *make(int32_t attempt)
{
    otlp_span *s = calloc(1, sizeof *s);
    REQUIRE(s != NULL);
    s->attempt = attempt;
    return s;
}

static void batches_are_whole_and_in_order(void)
{
    otlp_queue q;
    uint64_t dropped;
    REQUIRE(otlp_queue_init(&q, 10, 3, 600000));
    for (int32_t i = 0; i < 7; i++)
        otlp_queue_put(&q, make(i));
    for (int32_t first = 0; first < 6; first += 3) {
        otlp_batch b = otlp_queue_take(&q, &dropped);
        CHECK_INT(b.count, 3);
        CHECK_INT(dropped, 0);
        CHECK_INT(b.first->attempt, first);
        CHECK_INT(b.last->attempt, first + 2);
        CHECK(b.last->next == NULL);
        otlp_batch_free(&b);
    }
    CHECK(!otlp_queue_ended(&q));
    otlp_queue_end(&q);                    // the rest goes at once, long before its delay
    otlp_batch b = otlp_queue_take(&q, &dropped);
    CHECK_INT(b.count, 1);
    CHECK_INT(b.first->attempt, 6);
    otlp_batch_free(&b);
    b = otlp_queue_take(&q, &dropped);
    CHECK_INT(b.count, 0);                 // all is over
    CHECK(otlp_queue_ended(&q));
    otlp_queue_rest(&q, INT64_MAX);        // does not sleep any more
    otlp_queue_clear(&q);
}

static void what_has_no_room_is_dropped_and_counted(void)
{
    otlp_queue q;
    uint64_t dropped;
    REQUIRE(otlp_queue_init(&q, 4, 2, 600000));
    for (int32_t i = 0; i < 10; i++)
        otlp_queue_put(&q, make(i));
    otlp_queue_put(&q, NULL);              // for which there was no memory
    otlp_batch b = otlp_queue_take(&q, &dropped);
    CHECK_INT(b.count, 2);
    CHECK_INT(dropped, 7);
    otlp_batch_free(&b);
    otlp_queue_put(&q, make(10));          // there is room again
    b = otlp_queue_take(&q, &dropped);
    CHECK_INT(b.first->attempt, 2);
    CHECK_INT(dropped, 0);                 // counted once
    otlp_batch_free(&b);
    otlp_queue_end(&q);
    otlp_queue_put(&q, make(11));
    b = otlp_queue_take(&q, &dropped);
    CHECK_INT(b.count, 1);
    CHECK_INT(b.first->attempt, 10);
    CHECK_INT(dropped, 1);
    otlp_batch_free(&b);
    otlp_queue_put(&q, make(12));
    otlp_queue_clear(&q);
}

static void a_first_span_waits_for_others_only_so_long(void)
{
    otlp_queue q;
    uint64_t dropped;
    REQUIRE(otlp_queue_init(&q, 4, 4, 1));
    otlp_queue_put(&q, make(1));
    otlp_batch b = otlp_queue_take(&q, &dropped);      // comes back: nobody makes it whole
    CHECK_INT(b.count, 1);
    otlp_batch_free(&b);
    otlp_queue_clear(&q);
}

enum { PUTTERS = 4, EACH = 2000 };

static void *put_many(void *arg)
{
    for (int32_t i = 0; i < EACH; i++) {
        otlp_span *s = calloc(1, sizeof *s);
        if (s)
            s->attempt = i;
        otlp_queue_put(arg, s);
    }
    return NULL;
}

static void of_many_threads_none_is_lost_or_twice(void)
{
    otlp_queue q;
    pthread_t threads[PUTTERS];
    uint64_t dropped, all = 0;
    REQUIRE(otlp_queue_init(&q, 64, 8, 1));
    for (int i = 0; i < PUTTERS; i++)
        REQUIRE(gf_thread_start(&threads[i], put_many, &q, 0) == 0);
    while (all < PUTTERS * EACH) {
        otlp_batch b = otlp_queue_take(&q, &dropped);
        CHECK(b.count > 0 && b.count <= 8);
        all += b.count + dropped;
        otlp_batch_free(&b);
    }
    for (int i = 0; i < PUTTERS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(all, PUTTERS * EACH);
    otlp_queue_end(&q);
    otlp_batch b = otlp_queue_take(&q, &dropped);
    CHECK_INT(b.count + dropped, 0);
    otlp_queue_clear(&q);
}

// ---- as JSON ------------------------------------------------------------------------------------

static const gf_traceparent OWN = { .trace_id = { 1, 2, [15] = 0xfe }, .span_id = { [7] = 3 },
    .flags = GF_TRACE_SAMPLED };
static const gf_traceparent FROM = { .trace_id = { [0] = 9 }, .span_id = { 0xab },
    .flags = GF_TRACE_SAMPLED };

#define OWN_TEXT \
    "\"traceId\":\"010200000000000000000000000000fe\",\"spanId\":\"0000000000000003\""

// What stands between the brackets of "spans".
static char *spans_of(const web_text *t)
{
    static char out[4096];
    const char *begin = strstr(t->at, "\"spans\":[");
    const char *end = begin ? strstr(begin, "],\"schemaUrl\"") : NULL;
    REQUIRE(end != NULL);
    begin += strlen("\"spans\":[");
    REQUIRE((size_t)(end - begin) < sizeof out);
    memcpy(out, begin, (size_t)(end - begin));
    out[end - begin] = '\0';
    return out;
}

static void is_json(const web_text *t)
{
    gf_json whole;
    gf_json_scan s = gf_json_start(t->at, t->size);
    CHECK(!t->failed);
    CHECK_INT(gf_json_whole(&s, &whole), GF_JSON_OBJECT);
}

static void a_run_is_told_by_the_conventions(void)
{
    otlp_span s = { .what = OTLP_PROCESS, .own = OWN, .from = FROM, .has_from = true,
        .start_ns = 1700000000000000001, .end_ns = 1700000000000000009, .attempt = 2,
        .max_retry = 25, .queue = "mail", .type = "send", .id = "7", .outcome = "done",
        .state = "a=1" };
    const otlp_config config = { .url = NULL };
    otlp_batch batch = { &s, &s, 1 };
    web_text t = otlp_encode(&config, "w1", &batch);
    is_json(&t);
    CHECK_HAS(t.at, "{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":\"w1\"}}");
    CHECK_STR(spans_of(&t), "{" OWN_TEXT ",\"name\":\"process mail\",\"flags\":257,\"kind\":5,"
        "\"startTimeUnixNano\":\"1700000000000000001\","
        "\"endTimeUnixNano\":\"1700000000000000009\",\"attributes\":["
        "{\"key\":\"messaging.system\",\"value\":{\"stringValue\":\"gofer\"}},"
        "{\"key\":\"messaging.operation.name\",\"value\":{\"stringValue\":\"process\"}},"
        "{\"key\":\"messaging.operation.type\",\"value\":{\"stringValue\":\"process\"}},"
        "{\"key\":\"messaging.destination.name\",\"value\":{\"stringValue\":\"mail\"}},"
        "{\"key\":\"messaging.message.id\",\"value\":{\"stringValue\":\"7\"}},"
        "{\"key\":\"gofer.task.type\",\"value\":{\"stringValue\":\"send\"}},"
        "{\"key\":\"gofer.task.outcome\",\"value\":{\"stringValue\":\"done\"}},"
        "{\"key\":\"gofer.task.attempt\",\"value\":{\"intValue\":\"2\"}},"
        "{\"key\":\"gofer.task.max_retry\",\"value\":{\"intValue\":\"25\"}}],"
        "\"links\":[{\"traceId\":\"09000000000000000000000000000000\","
        "\"spanId\":\"ab00000000000000\",\"traceState\":\"a=1\",\"flags\":769}]}");
    web_text_free(&t);
}

static void a_failure_has_a_status_and_words_if_they_are_told(void)
{
    otlp_span s = { .what = OTLP_PROCESS, .own = OWN, .from = FROM, .has_from = true,
        .is_child = true, .is_failure = true, .end_ns = 5, .queue = "q", .kind = "failed" };
    const otlp_config config = { .url = NULL };
    otlp_batch batch = { &s, &s, 1 };
    web_text t = otlp_encode(&config, NULL, &batch);
    is_json(&t);
    CHECK(strstr(t.at, "service.instance.id") == NULL);
    CHECK_HAS(t.at, "\"parentSpanId\":\"ab00000000000000\"");
    CHECK_HAS(t.at, "\"flags\":769,");
    CHECK_HAS(t.at, "\"status\":{\"code\":2}}");
    CHECK(strstr(t.at, "\"links\"") == NULL && strstr(t.at, "\"events\"") == NULL);
    web_text_free(&t);

    s.text = "it \"broke\"\n";
    t = otlp_encode(&config, NULL, &batch);
    is_json(&t);
    CHECK_HAS(t.at, "\"status\":{\"code\":2,\"message\":\"it \\\"broke\\\"\\n\"},\"events\":[{"
        "\"timeUnixNano\":\"5\",\"name\":\"exception\",\"attributes\":[{\"key\":"
        "\"exception.type\",\"value\":{\"stringValue\":\"failed\"}},");
    web_text_free(&t);
}

static void a_put_of_many_has_its_links(void)
{
    const gf_traceparent links[] = { FROM, OWN };
    otlp_span s = { .what = OTLP_ENQUEUE, .own = OWN, .count = 3, .links = links,
        .link_count = 2 };
    const otlp_config config = { .url = NULL };
    otlp_batch batch = { &s, &s, 1 };
    web_text t = otlp_encode(&config, NULL, &batch);
    is_json(&t);
    CHECK_HAS(t.at, "\"name\":\"enqueue\",\"flags\":257,\"kind\":4,");
    CHECK_HAS(t.at, "{\"key\":\"messaging.batch.message_count\",\"value\":{\"intValue\":\"3\"}}");
    CHECK(strstr(t.at, "gofer.task.attempt") == NULL);
    CHECK_HAS(t.at, "\"links\":[{\"traceId\":\"09000000000000000000000000000000\"");
    CHECK_HAS(t.at, "\"flags\":769},{" OWN_TEXT);
    web_text_free(&t);
}

// Whoever puts tasks in chooses these texts.
static void hostile_texts_stay_texts(void)
{
    static const char hostile[] = "\"}],\x01\xff\x7f</script>\xE2\x80\xAE";
    otlp_span one = { .what = OTLP_PROCESS, .own = OWN, .queue = hostile, .type = hostile,
        .id = hostile, .kind = hostile, .text = hostile, .is_failure = true };
    otlp_span two = one;
    otlp_pair pair = { (char *)hostile, (char *)hostile };
    const otlp_config config = { .resource = { &pair, 1 } };
    one.next = &two;
    otlp_batch batch = { &one, &two, 2 };
    web_text t = otlp_encode(&config, hostile, &batch);
    is_json(&t);
    size_t named = 0;
    for (const char *at = t.at; (at = strstr(at, "\"name\":\"process \\\"}],")); at++)
        named++;
    CHECK_INT(named, 2);
    web_text_free(&t);
}

static void what_the_environment_names_is_not_named_twice(void)
{
    char instance[] = "service.instance.id", mine[] = "mine", number[] = "process.pid", one[] = "1";
    otlp_pair pairs[] = { { instance, mine }, { number, one } };
    const otlp_config config = { .resource = { pairs, COUNT(pairs) } };
    otlp_batch none = { NULL, NULL, 0 };
    char pid[80];
    web_text t = otlp_encode(&config, "w1", &none);
    is_json(&t);
    CHECK(strstr(t.at, "w1") == NULL);
    snprintf(pid, sizeof pid, "{\"key\":\"gofer.process.pid\",\"value\":{\"intValue\":\"%ld\"}}",
        (long)getpid());
    CHECK_HAS(t.at, pid);
    web_text_free(&t);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(batches_are_whole_and_in_order), TEST(what_has_no_room_is_dropped_and_counted),
        TEST(a_first_span_waits_for_others_only_so_long),
        TEST(of_many_threads_none_is_lost_or_twice), TEST(a_run_is_told_by_the_conventions),
        TEST(a_failure_has_a_status_and_words_if_they_are_told), TEST(a_put_of_many_has_its_links),
        TEST(hostile_texts_stay_texts), TEST(what_the_environment_names_is_not_named_twice),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
