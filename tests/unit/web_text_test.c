// web_text_test.c - text that grows, JSON on its way out, metrics as text, roles.
#include "text.h"

#include "access.h"
#include "call.h"
#include "check.h"
#include "copy.h"
#include "exposition.h"

static void text_grows(void)
{
    web_text t = { 0 };
    for (int i = 0; i < 10000; i++)
        web_text_format(&t, "%d,", i % 10);
    web_text_add(&t, "a\0b", 3);
    CHECK_INT(t.size, 20003);
    CHECK_MEM(t.at + 20000, 4, "a\0b", 4);
    web_text_free(&t);
    CHECK(t.at == NULL);
}

static void strings_of_json_are_safe(void)
{
    web_text t = { 0 };
    static const char bytes[] = "a\"\\\n\0\x7f\xC3\xA4\xFF<";
    web_text_json(&t, bytes, sizeof bytes - 1);
    CHECK_STR(t.at, "\"a\\\"\\\\\\n\\u0000\\u007f\xC3\xA4\xEF\xBF\xBD<\"");
    web_text_free(&t);
}

static void numbers_and_secrets_on_their_way_out(void)
{
    static const struct { const char *json; unsigned hide; const char *want; } cases[] = {
        { "{\"a\":9007199254740992}", 0, "{\"a\":9007199254740992}" },
        { "{\"a\":9007199254740993,\"b\":-9007199254740993}", 0,
          "{\"a\":\"9007199254740993\",\"b\":\"-9007199254740993\"}" },
        { "{\"a\":[1,10000000000000000,1.5,1e300,true,null]}", 0,
          "{\"a\":[1,\"10000000000000000\",1.5,1e300,true,null]}" },
        { "{\"payload\":\"x\",\"id\":\"y\"}", WEB_HIDE_PAYLOADS, "{\"id\":\"y\"}" },
        { "{\"id\":\"y\",\"last_error\":\"x\",\"headers\":{\"a\":\"b\"}}", WEB_HIDE_PAYLOADS,
          "{\"id\":\"y\"}" },
        { "{\"items\":[{\"result\":{\"base64\":\"AA==\"},\"n\":1}]}", WEB_HIDE_PAYLOADS,
          "{\"items\":[{\"n\":1}]}" },
        { "{\"text\":\"x\",\"log\":[{\"text\":\"y\"}]}", WEB_HIDE_PAYLOADS, "{\"text\":\"x\"}" },
        { "{\"text\":\"x\",\"error\":\"y\"}", WEB_HIDE_TEXTS, "{\"error\":\"y\"}" },
        { "{\"payload\":\"x\"}", 0, "{\"payload\":\"x\"}" },
        { "{}", WEB_HIDE_PAYLOADS, "{}" }, { "[]", 0, "[]" }, { "\"a\"", 0, "\"a\"" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        web_text t = { 0 };
        web_copy_json(&t, cases[i].json, strlen(cases[i].json),
            &(web_view){ .hide = cases[i].hide });
        CHECK_STR(t.at, cases[i].want);
        web_text_free(&t);
    }
}

static void metrics_are_written_in_both_formats(void)
{
    for (int open = 0; open < 2; open++) {
        web_text t = { 0 };
        web_exposition e = { .out = &t, .open = open };
        web_family(&e, "gofer_things_total", WEB_COUNTER, "Things.");
        web_sample(&e, (const char *const[]){ "a", "x\"y\\z\nw", "b", "", NULL }, 3);
        web_family(&e, "gofer_now", WEB_GAUGE, "Now.");
        web_sample(&e, NULL, 0.5);
        web_exposition_end(&e);
        CHECK_STR(t.at, open
            ? "# HELP gofer_things Things.\n# TYPE gofer_things counter\n"
              "gofer_things_total{a=\"x\\\"y\\\\z\\nw\",b=\"\"} 3\n"
              "# HELP gofer_now Now.\n# TYPE gofer_now gauge\ngofer_now 0.5\n# EOF\n"
            : "# HELP gofer_things_total Things.\n# TYPE gofer_things_total counter\n"
              "gofer_things_total{a=\"x\\\"y\\\\z\\nw\",b=\"\"} 3\n"
              "# HELP gofer_now Now.\n# TYPE gofer_now gauge\ngofer_now 0.5\n");
        web_text_free(&t);
    }
    CHECK(web_exposition_open("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"));
    CHECK(!web_exposition_open("text/plain"));
}

static void roles_are_sets_of_rights(void)
{
    CHECK_INT(web_role("see"), WEB_SEE | WEB_METRICS);
    CHECK_INT(web_role("see,payload"), WEB_SEE | WEB_METRICS | WEB_PAYLOAD);
    CHECK_INT(web_role("metrics"), WEB_METRICS);
    CHECK_INT(web_role("admin"), WEB_EVERYTHING);
    CHECK_INT(web_role("operate") & WEB_ADMIN, 0);
    CHECK_INT(web_role(""), 0);
    CHECK_INT(web_role("see,"), 0);
    CHECK_INT(web_role("root"), 0);
    CHECK_INT(web_role("seer"), 0);
}

static const check_test tests[] = {
    TEST(text_grows),
    TEST(strings_of_json_are_safe),
    TEST(numbers_and_secrets_on_their_way_out),
    TEST(metrics_are_written_in_both_formats),
    TEST(roles_are_sets_of_rights),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
