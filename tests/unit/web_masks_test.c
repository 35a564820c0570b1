// web_masks_test.c - fields that nobody is shown, and queues that are not a reader's.
#include "masks.h"

#include <stdlib.h>
#include <string.h>

#include "../fuzz/fuzz_masks.c"
#include "call.h"
#include "check.h"
#include "copy.h"
#include "corpus.h"

static web_masks *masks_of(const char *const *patterns, size_t count)
{
    char why[200] = "";
    web_masks *masks = web_masks_new(patterns, count, why, sizeof why);
    if (!masks)
        fprintf(stderr, "    %s\n", why);
    return masks;
}

// A payload's text as a record has it, through one mask, and back.
static void check_mask(const char *mask, const char *type, const char *payload, const char *want)
{
    web_masks *masks = masks_of(&mask, 1);
    web_text literal = { 0 }, out = { 0 };
    REQUIRE(masks);
    web_text_json(&literal, payload, strlen(payload));
    gf_json_scan scan = gf_json_start(literal.at, literal.size);
    gf_json value;
    CHECK(gf_json_whole(&scan, &value) == GF_JSON_STRING);
    web_mask_bytes(&out, masks, type, value);
    scan = gf_json_start(out.at, out.size);
    char *got = calloc(1, out.size + 1);
    REQUIRE(got && gf_json_whole(&scan, &value) == GF_JSON_STRING);
    gf_json_text(value, got);
    if (!CHECK_STR(got, want))
        fprintf(stderr, "    %s of %s: %s\n", mask, type, payload);
    free(got);
    web_text_free(&literal);
    web_text_free(&out);
    web_masks_free(masks);
}

static void fields_are_masked_by_type_and_name(void)
{
    static const struct { const char *mask, *type, *payload, *want; } cases[] = {
        { "user:*.password", "user:create", "{\"password\":\"x\",\"name\":\"a\"}",
          "{\"password\":\"***\",\"name\":\"a\"}" },
        { "user:*.password", "user:create", "{\"a\":{\"password\":{\"deep\":1}}}",
          "{\"a\":{\"password\":\"***\"}}" },
        { "user:*.password", "mail", "{\"password\":\"x\"}", "{\"password\":\"x\"}" },
        { "user:*.password", "user:create", "{\"passwords\":1,\"xpassword\":2}",
          "{\"passwords\":1,\"xpassword\":2}" },
        { "user:*.*pass*", "user:create", "{\"passwords\":1,\"xpassword\":2,\"y\":3}",
          "{\"passwords\":\"***\",\"xpassword\":\"***\",\"y\":3}" },
        { "mail.to", "mail", "{\"to\":\"x\",\"a\":{\"to\":1}}",
          "{\"to\":\"***\",\"a\":{\"to\":1}}" },
        { "*.card.number", "pay", "{\"card\":[{\"number\":1},{\"number\":2,\"x\":3}]}",
          "{\"card\":[{\"number\":\"***\"},{\"number\":\"***\",\"x\":3}]}" },
        { "*.card", "pay", "[{\"card\":1},[{\"card\":2}],3]",
          "[{\"card\":\"***\"},[{\"card\":\"***\"}],3]" },
        // Which dot ends the type is nobody's to say: each way counts.
        { "app.tasks.login.password", "app.tasks.login", "{\"password\":1}",
          "{\"password\":\"***\"}" },
        { "app.tasks.login.password", "app", "{\"tasks\":{\"login\":{\"password\":1}}}",
          "{\"tasks\":{\"login\":{\"password\":\"***\"}}}" },
        { "t.a.b", "t", "{\"a.b\":1,\"a\":{\"b\":2}}",
          "{\"a.b\":\"***\",\"a\":{\"b\":\"***\"}}" },
        { "User.PassWord", "user", "{\"pASSWORD\":1}", "{\"pASSWORD\":\"***\"}" },
        { "t.password", "t", "{\"p\\u0061ssword\":1}", "{\"p\\u0061ssword\":\"***\"}" },
        { "t.p", "t", "{\"p\":1,\"p\":2}", "{\"p\":\"***\",\"p\":\"***\"}" },
        { "t.p", "t", " { \"p\" : 1 , \"q\" : 1e400 } ", "{\"p\":\"***\",\"q\":1e400}" },
        // What cannot be looked into.
        { "t.p", "t", "secret", "***" }, { "t.p", "t", "\"secret\"", "***" },
        { "t.p", "t", "{\"p\":1", "***" }, { "t.p", "t", "12", "***" }, { "t.p", "t", "", "***" },
        { "t.p", "tt", "secret", "secret" }, { "x*.p", "t", "secret", "secret" },
        { "*.p", "anything", "secret", "***" },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        check_mask(cases[i].mask, cases[i].type, cases[i].payload, cases[i].want);
}

static void a_task_in_a_payload_is_masked_by_its_own_type(void)
{
    check_mask("user.password", "on:dead",
        "{\"id\":\"1\",\"type\":\"user\",\"payload\":\"{\\\"password\\\":1,\\\"a\\\":2}\"}",
        "{\"id\":\"1\",\"type\":\"user\",\"payload\":"
        "\"{\\\"password\\\":\\\"***\\\",\\\"a\\\":2}\"}");
}

static void tasks_in_payloads(void)
{
    // Of a type whose payload is looked into anyway.
    check_mask("*.password", "on:dead",
        "{\"type\":\"user\",\"payload\":\"{\\\"password\\\":1,\\\"a\\\":2}\"}",
        "{\"type\":\"user\",\"payload\":\"{\\\"password\\\":\\\"***\\\",\\\"a\\\":2}\"}");
    check_mask("*.password", "group",
        "[{\"type\":\"user\",\"payload\":{\"password\":1}},{\"type\":\"user\",\"payload\":\"x\"}]",
        "[{\"type\":\"user\",\"payload\":{\"password\":\"***\"}},{\"type\":\"user\",\"payload\":"
        "\"***\"}]");
}

static void what_is_too_deep_or_too_long_is_hidden(void)
{
    char payload[4096] = "", name[2000];
    for (int i = 0; i < 100; i++)
        strcat(payload, "{\"a\":");
    strcat(payload, "\"secret\"");
    for (int i = 0; i < 100; i++)
        strcat(payload, "}");
    const char *mask = "t.b";
    web_masks *masks = masks_of(&mask, 1);
    web_text literal = { 0 }, out = { 0 };
    REQUIRE(masks);
    web_text_json(&literal, payload, strlen(payload));
    gf_json value = { literal.at, literal.size, GF_JSON_STRING };
    web_mask_bytes(&out, masks, "t", value);
    CHECK(out.at && !strstr(out.at, "secret") && strstr(out.at, WEB_MASKED));
    web_text_free(&out);
    web_text_free(&literal);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    web_text_format(&literal, "{\"%s\":\"secret\",\"x\":1}", name);
    web_text text = { 0 };
    web_text_json(&text, literal.at, literal.size);
    value = (gf_json){ text.at, text.size, GF_JSON_STRING };
    web_mask_bytes(&out, masks, "t", value);
    CHECK(out.at && !strstr(out.at, "secret"));
    web_text_free(&out);
    web_text_free(&literal);
    web_text_free(&text);
    web_masks_free(masks);
}

static void a_mask_that_is_none_is_refused(void)
{
    static const char *const wrong[] = { "", "user", ".password", "user.", "user:*" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char why[200] = "";
        CHECK(!web_masks_new(&wrong[i], 1, why, sizeof why));
        CHECK(strstr(why, "--mask") != NULL);
    }
}

static void a_payload_that_was_shown_masked_is_known(void)
{
    static const struct { const char *payload; bool held; } cases[] = {
        { "{\"password\":\"***\"}", true }, { "{\"a\":[{\"password\":\"***\"}]}", true },
        { "{\"password\":\"new\"}", false }, { "{\"other\":\"***\"}", false },
        { "***", true }, { "plain", false }, { "{\"password\":1}", false },
    };
    const char *mask = "user*.password";
    web_masks *masks = masks_of(&mask, 1);
    REQUIRE(masks);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *payload = cases[i].payload;
        if (!CHECK_INT(web_masks_hold(masks, "user:x", payload, strlen(payload)), cases[i].held))
            fprintf(stderr, "    %s\n", payload);
        CHECK(!web_masks_hold(masks, "mail", payload, strlen(payload)));
    }
    web_masks_free(masks);
}

// ---- records on their way out

static void check_copy(const web_view *view, const char *json, const char *want)
{
    web_text out = { 0 };
    bool seen = web_copy_json(&out, json, strlen(json), view);
    CHECK_INT(seen, want != NULL);
    if (want)
        CHECK_STR(out.at, want);
    else
        CHECK_INT(out.size, 0);
    web_text_free(&out);
}

static void records_are_masked_on_their_way_out(void)
{
    const char *mask = "user.password";
    const web_view view = { .masks = masks_of(&mask, 1) };
    check_copy(&view, "{\"payload\":\"{\\\"password\\\":1}\",\"type\":\"user\",\"result\":\"x\","
        "\"headers\":{\"password\":\"p\",\"a\":\"b\"},\"last_error\":\"e\"}",
        "{\"payload\":\"{\\\"password\\\":\\\"***\\\"}\",\"type\":\"user\",\"result\":\"***\","
        "\"headers\":{\"password\":\"***\",\"a\":\"b\"},\"last_error\":\"e\"}");
    check_copy(&view, "{\"items\":[{\"type\":\"user\",\"payload\":{\"base64\":\"/w==\"}},"
        "{\"type\":\"mail\",\"payload\":{\"base64\":\"/w==\"}}]}",
        "{\"items\":[{\"type\":\"user\",\"payload\":\"***\"},"
        "{\"type\":\"mail\",\"payload\":{\"base64\":\"/w==\"}}]}");
    web_masks_free((web_masks *)(uintptr_t)view.masks);
}

static void records_of_other_queues_do_not_go_out(void)
{
    web_scope scope = { .count = 2, .grants = { { WEB_SEE, "mail*,report" },
        { WEB_PAYLOAD, "report" } } };
    const web_view view = { .hide = WEB_HIDE_PAYLOADS, .scope = &scope };
    check_copy(&view, "{\"items\":[{\"queue\":\"a\",\"size\":1},{\"queue\":\"mailing\",\"size\":2},"
        "{\"queue\":\"b\"},{\"queue\":\"report\"}],\"more\":true}",
        "{\"items\":[{\"queue\":\"mailing\",\"size\":2},{\"queue\":\"report\"}],\"more\":true}");
    check_copy(&view, "{\"queue\":\"a\",\"size\":1}", NULL);
    check_copy(&view, "[{\"queue\":\"mail\",\"payload\":\"x\",\"log\":[{\"text\":\"l\"}]},"
        "{\"queue\":\"report\",\"payload\":\"y\"}]",
        "[{\"queue\":\"mail\"},{\"queue\":\"report\",\"payload\":\"y\"}]");
    check_copy(&view, "[{\"worker\":\"1\",\"queues\":\"other=3 a=b=2\"},"
        "{\"worker\":\"2\",\"queues\":\"other=3 mail=1 *=2\",\"tasks\":[{\"queue\":\"other\"},"
        "{\"queue\":\"mail\"}]}]",
        "[{\"worker\":\"2\",\"queues\":\"mail=1 *=2\",\"serves_others\":true,"
        "\"tasks\":[{\"queue\":\"mail\"}]}]");
    check_copy(&view, "[{\"queue\":7},{\"queue\":\"\"}]", "[{\"queue\":7}]");
}

static void the_kept_inputs_of_the_fuzzer_pass(void)
{
    check_corpus(CORPUS, 3, LLVMFuzzerTestOneInput);
}

static const check_test tests[] = {
    TEST(fields_are_masked_by_type_and_name),
    TEST(a_task_in_a_payload_is_masked_by_its_own_type),
    TEST(tasks_in_payloads),
    TEST(what_is_too_deep_or_too_long_is_hidden),
    TEST(a_mask_that_is_none_is_refused),
    TEST(a_payload_that_was_shown_masked_is_known),
    TEST(records_are_masked_on_their_way_out),
    TEST(records_of_other_queues_do_not_go_out),
    TEST(the_kept_inputs_of_the_fuzzer_pass),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
