// frame_test.c - the frames of the children's protocol: read whole, cut, wrong; and the hello.
#include "handler/children/frame.h"

#include "check.h"
#include "corpus.h"
#include "handler/children/combined.h"
#include "handler/children/hello.h"
#include "util/alloc.h"

#include "../fuzz/fuzz_frames.c"

enum { LIMIT = 1000 };

// Bytes of a literal, NULs and all.
#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

static void a_whole_frame_is_read(void)
{
    static const struct {
        const char    *what;
        const uint8_t *bytes;
        size_t         size;
        gf_frame       want;
    } cases[] = {
        { "want", BYTES("\0\0\0\5w\0\0\0\7"), { .kind = 'w', .want = 7, .delay_ms = -1 } },
        { "begin", BYTES("\0\0\0\5b\0\0\1\2"), { .kind = 'b', .ref = 258, .delay_ms = -1 } },
        { "done with a result",
            BYTES("\0\0\0\x14" "e\0\0\0\1\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0ok"),
            { .kind = 'e', .ref = 1, .delay_ms = -1, .bytes = "ok", .bytes_size = 2 } },
        { "retry in a second, with a text",
            BYTES("\0\0\0\x15" "e\0\0\0\1\1\0\0\0\0\0\0\3\xe8\0\0\0\3why"),
            { .kind = 'e', .ref = 1, .outcome = 1, .delay_ms = 1000, .text = "why",
              .text_size = 3 } },
        { "text and result",
            BYTES("\0\0\0\x14" "e\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\1" "ab"),
            { .kind = 'e', .ref = 1, .delay_ms = 0, .text = "a", .text_size = 1, .bytes = "b",
              .bytes_size = 1 } },
        { "progress", BYTES("\0\0\0\x17" "p\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\4hi"),
            { .kind = 'p', .ref = 2, .done = 3, .total = 4, .text = "hi", .text_size = 2,
              .delay_ms = -1 } },
        { "checkpoint", BYTES("\0\0\0\7c\0\0\0\2\0\1"),
            { .kind = 'c', .ref = 2, .bytes = "\0\1", .bytes_size = 2, .delay_ms = -1 } },
        { "log", BYTES("\0\0\0\x08l\0\0\0\0\2hi"),
            { .kind = 'l', .level = 2, .text = "hi", .text_size = 2, .delay_ms = -1 } },
        { "parent", BYTES("\0\0\0\x0cq\0\0\0\2\0\0\1\1abc"),
            { .kind = 'q', .ref = 2, .number = 257, .text = "abc", .text_size = 3,
              .delay_ms = -1 } },
        { "hello", BYTES("\0\0\0\3hab"),
            { .kind = 'h', .text = "ab", .text_size = 2, .delay_ms = -1 } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const gf_frame *want = &cases[i].want;
        gf_frame got;
        size_t used = 0;
        const char *why = "";
        int found = gf_frame_read(cases[i].bytes, cases[i].size, LIMIT, &got, &used, &why);
        if (!CHECK_INT(found, GF_FRAME_WHOLE))
            fprintf(stderr, "    %s: %s\n", cases[i].what, why);
        CHECK_INT(used, cases[i].size);
        CHECK_INT(got.kind, want->kind);
        CHECK_INT(got.ref, want->ref);
        CHECK_INT(got.want, want->want);
        CHECK_INT(got.number, want->number);
        CHECK_INT(got.outcome, want->outcome);
        CHECK_INT(got.delay_ms, want->delay_ms);
        CHECK_INT(got.done, want->done);
        CHECK_INT(got.total, want->total);
        CHECK_INT(got.level, want->level);
        if (want->kind != 'c')
            CHECK_MEM(got.text, got.text_size, want->text, want->text_size);
        CHECK_MEM(got.bytes, got.bytes_size, want->bytes, want->bytes_size);
    }
}

static void what_is_no_frame_is_seen_at_once(void)
{
    static const struct {
        const uint8_t *bytes;
        size_t         size;
        uint32_t       ref;
        const char    *why;
    } cases[] = {
        { BYTES("\0\0\0\0b"), 0, "no bytes" },
        { BYTES("\0\0\0\5z"), 0, "of a kind" },
        { BYTES("GET / HTTP/1.1\r\n"), 0, "of a kind" },
        { BYTES("\0\0\0\4b\0\0\1"), 0, "as long as its kind" },
        { BYTES("\0\0\0\6b\0\0\0\1\1"), 0, "as long as its kind" },
        { BYTES("\0\0\0\1e"), 0, "as long as its kind" },
        { BYTES("\0\1\0\0e\0\0\0\5"), 5, "too long" },
        { BYTES("\xff\xff\xff\xff" "c\0\0\0\6"), 6, "too long" },
        { BYTES("\xff\xff\xff\xffh"), 0, "too long" },
        { BYTES("\0\0\0\x12" "e\0\0\0\1\6\0\0\0\0\0\0\0\0\0\0\0\0"), 1, "outcome" },
        { BYTES("\0\0\0\x12" "e\0\0\0\1\1\xff\0\0\0\0\0\0\0\0\0\0\0"), 1, "negative" },
        { BYTES("\0\0\0\x13" "e\0\0\0\1\1\0\0\0\0\0\0\0\0\0\0\0\2a"), 1, "longer than" },
        { BYTES("\0\0\0\x6l\0\0\0\3\4"), 3, "level" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_frame got;
        size_t used = 0;
        const char *why = "";
        CHECK_INT(gf_frame_read(cases[i].bytes, cases[i].size, LIMIT, &got, &used, &why),
            GF_FRAME_BAD);
        CHECK_HAS(why, cases[i].why);
        CHECK_INT(got.ref, cases[i].ref);
    }
}

static void a_cut_frame_waits_for_its_rest(void)
{
    static const uint8_t frame[] = "\0\0\0\x14" "e\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0ok";
    gf_frame got;
    size_t used;
    const char *why;
    for (size_t size = 0; size < sizeof frame - 1; size++)
        CHECK_INT(gf_frame_read(frame, size, LIMIT, &got, &used, &why), GF_FRAME_PART);
}

static void a_task_is_written_as_documented(void)
{
    static const char want[] = "\0\0\0\x3d"
                               "T\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0\5"
                               "\1\1\2\3\0\0\0\x04\0\0\0\2"
                               "itTqqqh\0v\0cppayload!";
    gf_outgoing o = { 0 };
    const gf_frame_task task = {
        .ref = 1,
        .attempt = 2,
        .max_retry = 3,
        .timeout_ms = 4,
        .deadline_ms = 5,
        .id = "i",
        .type = "tT",
        .queue = "qqq",
        .headers = "h\0v",
        .headers_size = 4,
        .has_checkpoint = true,
        .checkpoint = "cp",
        .checkpoint_size = 2,
        .payload = "payload!",
        .payload_size = 8,
    };
    REQUIRE(gf_frame_put_task(&o, &task));
    CHECK_MEM(o.bytes, o.size, want, sizeof want - 1);
    gf_outgoing_clear(&o);
}

static void tasks_of_a_group_are_written_as_documented(void)
{
    static const char want[] = "\0\0\0\x38" "G"
        "\0\0\0\7" "\1" "\0\0\0\0\0\1\xd4\xc0" "\0\0\0\2" "\3" "\1" "annq"
        "\2\1" "\0\0\0\0" "\0\0\0\2" "g0tp0"
        "\2\1" "\0\0\0\4" "\0\0\0\0" "g1tk\0v\0";
    const gf_frame_member members[] = {
        { .id = "g0", .type = "t", .payload = "p0", .payload_size = 2 },
        { .id = "g1", .type = "t", .headers = "k\0v", .headers_size = 4 },
    };
    const gf_frame_group group = { .ref = 7, .more = true, .time_ms = 120000, .group = "ann",
        .queue = "q", .members = members, .count = 2 };
    gf_outgoing o = { 0 };
    REQUIRE(gf_frame_put_group(&o, &group));
    CHECK_MEM(o.bytes, o.size, want, sizeof want - 1);
    gf_outgoing_clear(&o);
}

static void a_combined_task_is_read(void)
{
    static const char text[] = "type\0mail:send\0max_retry\0" "3\0header:trace\0" "a=b\nc\0"
        "limits\0api\nsmtp:a\0limit_cost\0" "2\0priority\0-7\0tenant\0acme\0"
        "timeout_ms\0-1\0retry\0fixed:1m\0header:x\0";
    gf_combined c;
    REQUIRE_OK(gf_combined_read(text, sizeof text, &c));
    CHECK_STR(c.type, "mail:send");
    CHECK_INT(c.options.max_retry, 3);
    CHECK_INT(c.options.timeout_ms, -1);
    CHECK_STR(c.options.retry, "fixed:1m");
    CHECK_INT(c.options.priority, -7);
    CHECK_INT(c.options.limit_cost, 2);
    REQUIRE(c.options.limits != NULL);
    CHECK_STR(c.options.tenant, "acme");
    CHECK_STR(c.options.limits[0], "api");
    CHECK_STR(c.options.limits[1], "smtp:a");
    CHECK_STR(c.options.limits[2], NULL);
    REQUIRE(c.header_count == 4);
    CHECK_STR(c.options.headers[0], "trace");
    CHECK_STR(c.options.headers[1], "a=b\nc");
    CHECK_STR(c.options.headers[2], "x");
    CHECK_STR(c.options.headers[3], "");
    CHECK_STR(c.options.headers[4], NULL);
    gf_combined_clear(&c);
}

static void a_combined_task_that_is_wrong_says_why(void)
{
    static const struct { const char *text; size_t size; const char *why; } cases[] = {
        { "", 0, "no 'type'" },
        { "type", 4, "key NUL value" },
        { "type\0a", 6, "key NUL value" },
        { "type\0", 5, "key NUL value" },
        { "retention_ms\0" "1\0", 15, "no 'type'" },
        { "type\0a\0queue\0q\0", 15, "no option 'queue'" },
        { "type\0a\0max_retry\0many\0", 22, "no number" },
        { "type\0a\0max_retry\0" "9999999999\0", 28, "no number" },
        { "type\0a\0delay_ms\0\0", 17, "no number" },
        { "type\0a\0limits\0" "1\n2\n3\n4\n5\0", 24, "more than 4" },
        { "type\0a\0delay_ms\0" "99999999999999999999\0", 37, "no number" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_combined c;
        CHECK_STATUS(gf_combined_read(cases[i].text, cases[i].size, &c), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), cases[i].why);
        CHECK(c.text == NULL && c.headers == NULL);
    }
}

static void small_frames_are_written_as_documented(void)
{
    static const char want[] = "\0\0\0\6C\0\0\0\7\2" "\0\0\0\1R" "\0\0\0\x09S\0\0\0\0\0\0\x1f\x40"
        "\0\0\0\3Hab";
    gf_outgoing o = { 0 };
    REQUIRE(gf_frame_put_cancel(&o, 7, GOFER_CANCEL_STOP) && gf_frame_put_recall(&o) &&
        gf_frame_put_stop(&o, 8000) && gf_frame_put_welcome(&o, "ab"));
    CHECK_MEM(o.bytes, o.size, want, sizeof want - 1);
    gf_outgoing_clear(&o);
}

static void an_answer_says_whether_there_is_a_result(void)
{
    static const char want[] = "\0\0\0\x10Q\0\0\0\7\0\0\0\1\0\0\0\0\1ab"
        "\0\0\0\x0eQ\0\0\0\7\0\0\0\2\0\0\0\0\0"
        "\0\0\0\x10Q\0\0\0\7\0\0\0\3\xff\xff\xff\xf8\1no";
    gf_outgoing o = { 0 };
    REQUIRE(gf_frame_put_answer(&o, 7, 1, GOFER_OK, "ab", 2) &&
        gf_frame_put_answer(&o, 7, 2, GOFER_OK, NULL, 0) &&
        gf_frame_put_answer(&o, 7, 3, GOFER_ENOTFOUND, "no", 2));
    CHECK_MEM(o.bytes, o.size, want, sizeof want - 1);
    gf_outgoing_clear(&o);
}

static void what_is_sent_makes_room(void)
{
    gf_outgoing o = { 0 };
    for (int i = 0; i < 10000; i++) {
        REQUIRE(gf_frame_put_cancel(&o, (uint32_t)i, 1));
        if (i > 100)
            gf_outgoing_sent(&o, 10);
    }
    CHECK_INT(o.size - o.sent, 101 * 10);
    CHECK(o.room < 8192);
    gf_outgoing_clear(&o);
}

static void a_hello_says_what_the_child_can(void)
{
    static const char text[] = "protocol 1 2\nname python 3.11\nwant 4\ntype a\nretry fixed:1m\n"
        "queue mail\ncolour blue\n\ntype b:*\nqueue low\nqueue mail\naggregate ann\n"
        "aggregate mail:*\naggregate ann\ntype c\nroom threads 8\ntype d\nroom tasks 100\n"
        "type e\nroom threads 8\n";
    gf_hello h;
    REQUIRE_OK(gf_hello_read(text, sizeof text - 1, &h));
    CHECK_INT(h.want, 4);
    CHECK_STR(h.name, "python 3.11");
    REQUIRE(h.count == 5 && h.room_count == 2);
    CHECK_STR(h.types[0].pattern, "a");
    CHECK_STR(h.rooms[0].name, "threads");
    CHECK_INT(h.rooms[0].want, 8);
    CHECK_INT(h.rooms[1].want, 100);
    static const size_t rooms[] = { 0, 0, 1, 2, 1 };
    for (size_t i = 0; i < h.count; i++)
        CHECK_INT(h.types[i].room, rooms[i]);
    CHECK_STR(h.types[0].retry, "fixed:1m");
    CHECK_STR(h.types[1].pattern, "b:*");
    CHECK_STR(h.types[1].retry, NULL);
    REQUIRE(h.queues.count == 2);
    CHECK_STR(h.queues.items[0], "mail");
    CHECK_STR(h.queues.items[1], "low");
    REQUIRE(h.groups.count == 2);
    CHECK_STR(h.groups.items[0], "ann");
    CHECK_STR(h.groups.items[1], "mail:*");
    gf_hello_clear(&h);
}

static void a_hello_that_is_wrong_says_why(void)
{
    static const struct {
        const char *text;
        size_t size;
        gofer_status status;
        const char *why;
    } cases[] = {
        {"",                                       0,  GOFER_EVERSION, "protocol 1"       },
        { "want 3",                                6,  GOFER_EVERSION, "protocol 1"       },
        { "protocol 2 3",                          12, GOFER_EVERSION, "protocol 1"       },
        { "protocol 11",                           11, GOFER_EVERSION, "protocol 1"       },
        { "protocol 1\nwant",                      15, GOFER_EINVAL,   "want"             },
        { "protocol 1\nwant 10001",                21, GOFER_EINVAL,   "want"             },
        { "protocol 1\nwant 99999999999999999999", 36, GOFER_EINVAL,   "want"             },
        { "protocol 1\nwant -1",                   18, GOFER_EINVAL,   "want"             },
        { "protocol 1\nretry a",                   18, GOFER_EINVAL,   "before any 'type'"},
        { "protocol 1\nroom a 1",                  19, GOFER_EINVAL,   "before any 'type'"},
        { "protocol 1\ntype a\nroom ",             23, GOFER_EINVAL,   "'room'"           },
        { "protocol 1\ntype a\nroom b",            24, GOFER_EINVAL,   "'room'"           },
        { "protocol 1\ntype a\nroom b 10001",      30, GOFER_EINVAL,   "'room'"           },
        { "protocol 1\ntype a\nroom b -1",         27, GOFER_EINVAL,   "'room'"           },
        { "protocol 1\ntype a\nroom b 1\nroom b 2", 35, GOFER_EINVAL, "two numbers"      },
        { "protocol 1\ntype ",                     16, GOFER_EINVAL,   "no name"          },
        { "protocol 1\nqueue ",                    17, GOFER_EINVAL,   "no name"          },
        { "protocol 1\naggregate ",                21, GOFER_EINVAL,   "'aggregate'"      },
        { "protocol 1\ntype a\0b",                 19, GOFER_EINVAL,   "no name"          },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_hello h;
        CHECK_STATUS(gf_hello_read(cases[i].text, cases[i].size, &h), cases[i].status);
        CHECK_HAS(gofer_error_last(), cases[i].why);
        CHECK_INT(h.count, 0);
    }
}

// What the fuzzer found worth keeping, and what was once wrong.
static void the_kept_inputs_of_the_fuzzer_pass(void)
{
    check_corpus(CORPUS, 10, LLVMFuzzerTestOneInput);
}

static const check_test tests[] = {
    TEST(a_whole_frame_is_read),
    TEST(what_is_no_frame_is_seen_at_once),
    TEST(a_cut_frame_waits_for_its_rest),
    TEST(a_task_is_written_as_documented),
    TEST(tasks_of_a_group_are_written_as_documented),
    TEST(a_combined_task_is_read),
    TEST(a_combined_task_that_is_wrong_says_why),
    TEST(small_frames_are_written_as_documented),
    TEST(an_answer_says_whether_there_is_a_result),
    TEST(what_is_sent_makes_room),
    TEST(a_hello_says_what_the_child_can),
    TEST(a_hello_that_is_wrong_says_why),
    TEST(the_kept_inputs_of_the_fuzzer_pass),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
