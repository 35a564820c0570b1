// otlp_config_test.c - what OpenTelemetry's environment says of spans: words, defaults, what is
// refused, and what is only odd.
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "config.h"

// ---- the environment ----------------------------------------------------------------------------

enum { SET_MAX = 6 };

typedef struct variable {
    const char *name, *value;
} variable;

static int warnings;

static void count_warning(void *user, int32_t level, int64_t at_ms, const char *text,
    const char *fields)
{
    (void)user, (void)at_ms, (void)text;
    warnings += level == GOFER_LOG_WARN;
    CHECK(strstr(fields, "OTEL_") != NULL);
}

static void clear_environment(void)
{
    static const char *const names[] = {
        "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_SERVICE_NAME",
        "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
        "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    };
    static const char *const both[] = { "ENDPOINT", "PROTOCOL", "HEADERS", "TIMEOUT",
        "COMPRESSION", "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY" };
    char name[80];
    for (size_t i = 0; i < COUNT(names); i++)
        unsetenv(names[i]);
    for (size_t i = 0; i < 2 * COUNT(both); i++) {
        snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_%s%s", i % 2 ? "TRACES_" : "",
            both[i / 2]);
        unsetenv(name);
    }
}

static bool read_with(otlp_config *c, const char *endpoint, const variable *set, char *why,
    size_t size)
{
    const otlp_options options = { .endpoint = endpoint, .service = "mill",
        .log = count_warning };
    clear_environment();
    for (size_t i = 0; i < SET_MAX && set && set[i].name; i++)
        REQUIRE(setenv(set[i].name, set[i].value, 1) == 0);
    warnings = 0;
    *why = '\0';
    bool ok = otlp_config_read(c, &options, why, size);
    clear_environment();
    return ok;
}

// ---- what holds ---------------------------------------------------------------------------------

static void without_a_word_the_defaults_hold(void)
{
    otlp_config c;
    char why[256];
    REQUIRE(read_with(&c, NULL, NULL, why, sizeof why));
    CHECK(!c.disabled && c.by_parent);
    CHECK_STR(c.url, "http://localhost:4318/v1/traces");
    CHECK_INT(c.sampler, OTLP_ALWAYS);
    CHECK_INT(c.timeout_ms, 10000);
    CHECK_INT(c.delay_ms, 5000);
    CHECK_INT(c.batch, 512);
    CHECK_INT(c.queue, 2048);
    CHECK_INT(c.headers.count, 0);
    CHECK(c.ca_file == NULL && c.cert_file == NULL && c.key_file == NULL);
    REQUIRE(c.resource.count >= 1);
    CHECK_STR(c.resource.items[0].key, "service.name");
    CHECK_STR(c.resource.items[0].value, "mill");
    CHECK_INT(warnings, 0);
    otlp_config_clear(&c);
}

static void the_address_is_whole_or_a_base(void)
{
#define ALL    "OTEL_EXPORTER_OTLP_ENDPOINT"
#define TRACES "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    static const struct { const char *endpoint; variable set[SET_MAX]; const char *url; } cases[] =
    {
        { "http://a", { { ALL, "http://b" } }, "http://a/v1/traces" },
        { "http://a//", { { NULL, NULL } }, "http://a/v1/traces" },
        { "http://a/v1/traces", { { NULL, NULL } }, "http://a/v1/traces" },
        { NULL, { { ALL, " https://b:1/below/ " } }, "https://b:1/below/v1/traces" },
        { NULL, { { ALL, "http://b" }, { TRACES, "http://c/own" } }, "http://c/own" },
        { NULL, { { ALL, "http://b" }, { TRACES, "" } }, "http://b/v1/traces" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        otlp_config c;
        char why[256];
        if (CHECK(read_with(&c, cases[i].endpoint, cases[i].set, why, sizeof why)))
            CHECK_STR(c.url, cases[i].url);
        otlp_config_clear(&c);
    }
#undef ALL
#undef TRACES
}

static void amounts_and_samplers(void)
{
    static const struct {
        variable     set[SET_MAX];
        otlp_sampler sampler;
        bool         by_parent;
        int          ratio;        // in hundredths
        int64_t      timeout_ms, delay_ms;
        size_t       batch, queue;
        int          warnings;
    } cases[] = {
        { { { "OTEL_EXPORTER_OTLP_TIMEOUT", "20" }, { "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "30" } },
          OTLP_ALWAYS, true, 100, 30, 5000, 512, 2048, 0 },
        { { { "OTEL_BSP_SCHEDULE_DELAY", "7" }, { "OTEL_BSP_MAX_QUEUE_SIZE", "3" } },
          OTLP_ALWAYS, true, 100, 10000, 7, 3, 3, 0 },         // a batch fits the queue
        { { { "OTEL_BSP_SCHEDULE_DELAY", "-1" }, { "OTEL_BSP_MAX_QUEUE_SIZE", "0" },
            { "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many" },
            { "OTEL_EXPORTER_OTLP_TIMEOUT", "99999999999999999999" },
            { "OTEL_EXPORTER_OTLP_COMPRESSION", "gzip" } },
          OTLP_ALWAYS, true, 100, 10000, 5000, 512, 2048, 5 },
        { { { "OTEL_TRACES_SAMPLER", "always_off" }, { "OTEL_EXPORTER_OTLP_COMPRESSION", "none" } },
          OTLP_NEVER, false, 100, 10000, 5000, 512, 2048, 0 },
        { { { "OTEL_TRACES_SAMPLER", "traceidratio" }, { "OTEL_TRACES_SAMPLER_ARG", "0.25" } },
          OTLP_RATIO, false, 25, 10000, 5000, 512, 2048, 0 },
        { { { "OTEL_TRACES_SAMPLER", "parentbased_traceidratio" },
            { "OTEL_TRACES_SAMPLER_ARG", "nan" } },
          OTLP_RATIO, true, 100, 10000, 5000, 512, 2048, 1 },
        { { { "OTEL_TRACES_SAMPLER", "by_moon" } }, OTLP_ALWAYS, true, 100, 10000, 5000, 512, 2048,
          1 },
        { { { "OTEL_RESOURCE_ATTRIBUTES", "a=1,b" } }, OTLP_ALWAYS, true, 100, 10000, 5000, 512,
          2048, 1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        otlp_config c;
        char why[256];
        if (!CHECK(read_with(&c, NULL, cases[i].set, why, sizeof why)))
            printf("    %s\n", why);
        CHECK_INT(c.sampler, cases[i].sampler);
        CHECK_INT(c.by_parent, cases[i].by_parent);
        CHECK_INT((int)(c.ratio * 100), cases[i].ratio);
        CHECK_INT(c.timeout_ms, cases[i].timeout_ms);
        CHECK_INT(c.delay_ms, cases[i].delay_ms);
        CHECK_INT(c.batch, cases[i].batch);
        CHECK_INT(c.queue, cases[i].queue);
        CHECK_INT(warnings, cases[i].warnings);
        otlp_config_clear(&c);
    }
}

static void it_can_be_turned_off(void)
{
    static const struct { variable set[SET_MAX]; bool off; } cases[] = {
        { { { "OTEL_SDK_DISABLED", " TRUE " } }, true },
        { { { "OTEL_SDK_DISABLED", "1" } }, false },
        { { { "OTEL_TRACES_EXPORTER", "none" }, { "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc" } }, true },
        { { { "OTEL_TRACES_EXPORTER", "otlp" } }, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        otlp_config c;
        char why[256];
        CHECK(read_with(&c, NULL, cases[i].set, why, sizeof why));
        CHECK_INT(c.disabled, cases[i].off);
        otlp_config_clear(&c);
    }
}

static void what_makes_no_sense_is_refused_and_no_secret_told(void)
{
    static const struct { const char *endpoint; variable set[SET_MAX]; const char *why; } cases[] =
    {
        { "a:4318", { { NULL, NULL } }, "--otlp 'a:4318': it does not begin with http" },
        { "http://:80", { { NULL, NULL } }, "names no host" },
        { "http://me:pass@a", { { NULL, NULL } }, "OTEL_EXPORTER_OTLP_HEADERS" },
        { "http://a/b c", { { NULL, NULL } }, "blanks" },
        { "http://a#b", { { NULL, NULL } }, "#" },
        { NULL, { { "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc" } },
          "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'" },
        { NULL, { { "OTEL_EXPORTER_OTLP_HEADERS", "a=secret%0d%0ab" } },
          "OTEL_EXPORTER_OTLP_HEADERS is not of the form" },
        { NULL, { { "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "secret" } },
          "OTEL_EXPORTER_OTLP_TRACES_HEADERS is not of the form" },
        { NULL, { { "OTEL_EXPORTER_OTLP_CLIENT_KEY", "/no/such.pem" } },
          "OTEL_EXPORTER_OTLP_CLIENT_KEY: the file '/no/such.pem' cannot be read" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        otlp_config c;
        char why[512];
        CHECK(!read_with(&c, cases[i].endpoint, cases[i].set, why, sizeof why));
        CHECK_HAS(why, cases[i].why);
        CHECK(strstr(why, "secret") == NULL);
        otlp_config_clear(&c);
    }
}

static void pairs_are_read_strictly(void)
{
    static const struct { const char *text; bool ok; size_t count; const char *key, *value; }
        cases[] = {
            { "", true, 0, NULL, NULL },
            { "a=1", true, 1, "a", "1" },
            { " , a = b=c , ", true, 1, "a", "b=c" },
            { "x=1,a=%41%2C%c3%bc", true, 2, "a", "A,\xC3\xBC" },
            { "a=", true, 1, "a", "" },
            { "a", false, 0, NULL, NULL },
            { "=b", false, 0, NULL, NULL },
            { "a=%4", false, 0, NULL, NULL },
            { "a=%zz", false, 0, NULL, NULL },
            { "a=%ff", false, 0, NULL, NULL },
            { "a=%00", false, 0, NULL, NULL },
            { "a=1,b", false, 1, "a", "1" },
        };
    for (size_t i = 0; i < COUNT(cases); i++) {
        otlp_pairs pairs = { NULL, 0 };
        CHECK_INT(otlp_pairs_read(&pairs, cases[i].text), cases[i].ok);
        if (CHECK_INT(pairs.count, cases[i].count) && pairs.count) {
            CHECK_STR(pairs.items[pairs.count - 1].key, cases[i].key);
            CHECK_STR(pairs.items[pairs.count - 1].value, cases[i].value);
        }
        otlp_pairs_clear(&pairs);
    }
    char many[1200] = "";
    for (int i = 0; i < 129; i++)
        memcpy(many + 4 * i, "a=1,", 5);
    otlp_pairs pairs = { NULL, 0 };
    CHECK(!otlp_pairs_read(&pairs, many));
    CHECK_INT(pairs.count, 128);
    otlp_pairs_clear(&pairs);
}

static void a_service_is_named_once(void)
{
    static const variable set[SET_MAX] = { { "OTEL_SERVICE_NAME", "press" },
        { "OTEL_RESOURCE_ATTRIBUTES", "service.name=no,host.name=here,k=v" } };
    otlp_config c;
    char why[256];
    REQUIRE(read_with(&c, NULL, set, why, sizeof why));
    REQUIRE(c.resource.count == 3);
    CHECK_STR(c.resource.items[0].value, "press");
    CHECK_STR(c.resource.items[1].value, "here");
    CHECK_STR(c.resource.items[2].key, "k");
    otlp_config_clear(&c);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(without_a_word_the_defaults_hold), TEST(the_address_is_whole_or_a_base),
        TEST(amounts_and_samplers), TEST(it_can_be_turned_off),
        TEST(what_makes_no_sense_is_refused_and_no_secret_told), TEST(pairs_are_read_strictly),
        TEST(a_service_is_named_once),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
