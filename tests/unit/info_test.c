// info_test.c - snapshots: fields by kind, lists, and their JSON.
#include "info/info.h"

#include "check.h"
#include "message/message.h"

static void fields_are_read_by_their_kind(void)
{
    gofer_info *r = gf_info_record();
    REQUIRE(r != NULL);
    CHECK_INT(gf_info_set_int(r, "n", INT64_MIN) | gf_info_set_bool(r, "b", 7) |
            gf_info_set_text(r, "t", "x") | gf_info_set_text(r, "none", NULL) |
            gf_info_set_bytes(r, "raw", "a\0b", 3),
        0);
    size_t size = 0;
    CHECK_INT(gofer_info_int(r, "n", 0), INT64_MIN);
    CHECK_INT(gofer_info_int(r, "b", 0), 1);
    CHECK_INT(gofer_info_int(r, "t", 5), 5);
    CHECK_STR(gofer_info_text(r, "t"), "x");
    CHECK(gofer_info_text(r, "n") == NULL && gofer_info_text(r, "raw") == NULL);
    CHECK_MEM(gofer_info_bytes(r, "raw", &size), 3, "a\0b", 3);
    CHECK_INT(size, 3);
    CHECK_INT(gofer_info_has(r, "none"), 0);
    CHECK_INT(gofer_info_field_count(r), 4);
    CHECK_STR(gofer_info_field_name(r, 1), "b");
    CHECK(gofer_info_field_name(r, 4) == NULL);
    CHECK(gofer_info_int(NULL, "n", 3) == 3 && gofer_info_at(NULL, 0) == NULL);
    gofer_info_free(r);
}

static void json_keeps_every_digit_and_marks_binary(void)
{
    gofer_info *list = gf_info_list(), *r = gf_info_record();
    REQUIRE(list && r);
    CHECK_INT(gf_info_set_int(r, "n", INT64_C(9007199254740993)) |
            gf_info_set_bytes(r, "p", "\xFF\x00\x01\x02", 4) |
            gf_info_set_text(r, "t", "a\"\\\n\x1B") | gf_info_set_bool(r, "b", 0),
        0);
    CHECK_INT(gf_info_add(list, r) | gf_info_set_text(list, "next_cursor", "7"), 0);
    CHECK_INT(gofer_info_count(list), 1);

    char *json;
    REQUIRE_OK(gofer_info_json(list, &json));
    CHECK_STR(json, "{\"items\":[{\"n\":9007199254740993,\"p\":{\"base64\":\"/wABAg==\"},"
        "\"t\":\"a\\\"\\\\\\n\\u001b\",\"b\":false}],\"next_cursor\":\"7\"}");
    gofer_free(json);
    gofer_info_free(list);
}

static void a_message_fills_the_documented_fields(void)
{
    gf_message m = { .id = "i", .type = "t", .queue = "q", .payload = "p", .payload_size = 1,
        .headers = "k\0v", .headers_size = 4, .max_retry = 25, .timeout_ms = 1800000 };
    gofer_info *r = gf_info_record();
    REQUIRE(r != NULL);
    CHECK_INT(gf_info_set_message(r, &m, 1), 0);
    char *json;
    REQUIRE_OK(gofer_info_json(r, &json));
    CHECK_STR(json,
        "{\"id\":\"i\",\"type\":\"t\",\"queue\":\"q\",\"payload\":\"p\",\"payload_size\":1,"
        "\"headers\":{\"k\":\"v\"},\"max_retry\":25,\"retried\":0,\"crashes\":0,\"timeout_ms\":"
        "1800000}");
    CHECK_STR(gofer_info_text(gofer_info_child(r, "headers"), "k"), "v");
    gofer_free(json);
    gofer_info_free(r);
}

static void headers_of_ours_are_shown_as_what_they_mean(void)
{
    static const char headers[] =
        "gofer-start-by\00099\0gofer-retry\0fixed:1s\0k\0v\0gofer-on-dead\0d\0gofer-on-dead-"
        "queue\0dq\0"
        "gofer-unique\0start\0gofer-snoozes\0002\0gofer-schedule\0s\0gofer-tick\0007";
    gf_message m = { .id = "i",
        .type = "t",
        .queue = "q",
        .headers = headers,
        .headers_size = sizeof headers };
    gofer_info *r = gf_info_record();
    REQUIRE(r != NULL);
    CHECK_INT(gf_info_set_message(r, &m, 0), 0);
    char *json;
    REQUIRE_OK(gofer_info_json(r, &json));
    CHECK_HAS(json,
        "\"headers\":{\"k\":\"v\"},\"start_by_ms\":99,\"retry\":\"fixed:1s\",\"on_dead\":\"d\","
        "\"on_dead_queue\":\"dq\","
        "\"schedule\":\"s\",\"unique\":\"start\",\"snoozes\":2,");
    gofer_free(json);
    gofer_info_free(r);

    r = gf_info_record();
    m.headers_size = 18;                 // nothing but ours: no headers
    CHECK_INT(gf_info_set_message(r, &m, 0), 0);
    CHECK_INT(gofer_info_has(r, "headers"), 0);
    CHECK_INT(gofer_info_int(r, "start_by_ms", 0), 99);
    gofer_info_free(r);
}

static void lines_of_records_become_a_list(void)
{
    static const char lines[] =
        "at_ms:1\tkind=failed\terror=a\\tb\n\nat_ms:2\tnothing\tkind=done\n";
    gofer_info *r = gf_info_record();
    REQUIRE(r != NULL);
    CHECK_INT(gf_info_set_records(r, "none", NULL, 0) | gf_info_set_records(r, "none", "", 0), 0);
    CHECK_INT(gofer_info_has(r, "none"), 0);
    CHECK_INT(gf_info_set_records(r, "attempts", lines, sizeof lines - 1), 0);
    const gofer_info *list = gofer_info_child(r, "attempts");
    CHECK_INT(gofer_info_count(list), 2);
    CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "at_ms", 0), 1);
    CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "error"), "a\tb");
    CHECK_STR(gofer_info_text(gofer_info_at(list, 1), "kind"), "done");
    CHECK_INT(gofer_info_field_count(gofer_info_at(list, 1)), 2);
    gofer_info_free(r);
}

// Another program may have written the line: what is text stays text, in C and in JSON.
static void texts_of_records_are_utf8_without_nul(void)
{
    static const char line[] = "te\xFFxt=bad \xFF byte\tnul=a\\0b";
    gofer_info *r = gf_info_of_record(line, sizeof line - 1);
    REQUIRE(r != NULL);
    CHECK_STR(gofer_info_text(r, "te\xEF\xBF\xBDxt"), "bad \xEF\xBF\xBD byte");
    CHECK_STR(gofer_info_text(r, "nul"), "a\xEF\xBF\xBD" "b");
    char *json = NULL;
    CHECK_INT(gofer_info_json(r, &json), GOFER_OK);
    CHECK_STR(json,
        "{\"te\xEF\xBF\xBDxt\":\"bad \xEF\xBF\xBD byte\",\"nul\":\"a\xEF\xBF\xBD"
        "b\"}");
    gofer_free(json);
    gofer_info_free(r);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(fields_are_read_by_their_kind),
        TEST(json_keeps_every_digit_and_marks_binary),
        TEST(a_message_fills_the_documented_fields),
        TEST(headers_of_ours_are_shown_as_what_they_mean),
        TEST(lines_of_records_become_a_list),
        TEST(texts_of_records_are_utf8_without_nul),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
