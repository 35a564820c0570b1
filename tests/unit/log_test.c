// log_test.c - log lines carry one JSON object, whatever is put in.
#include "util/log.h"

#include "check.h"
#include "util/clock.h"

static char seen_text[256], seen_fields[8192];
static int32_t seen_level;
static int64_t seen_ms;

static void keep(void *user, int32_t level, int64_t time_ms, const char *text, const char *fields)
{
    seen_level = level;
    seen_ms = time_ms;
    ++*(int *)user;
    snprintf(seen_text, sizeof seen_text, "%s", text);
    snprintf(seen_fields, sizeof seen_fields, "%s", fields);
}

static void fields_are_escaped(void)
{
    int count = 0;
    gf_log log = { keep, &count };
    gf_logf(&log, GOFER_LOG_INFO, "task failed", "task", "a\"b\\c\n\x1B", "#attempt", "3", "none",
        NULL, "bad", "\xFF", NULL);
    CHECK_INT(count, 1);
    CHECK_STR(seen_text, "task failed");
    // A NULL value leaves its field out.
    CHECK_STR(seen_fields,
        "{\"task\":\"a\\\"b\\\\c\\u000a\\u001b\",\"attempt\":3,\"bad\":\"\xEF\xBF\xBD\"}");
    gf_logf(&log, GOFER_LOG_INFO, "plain", NULL);
    CHECK_STR(seen_fields, "{}");
}

static void each_line_has_its_level_and_its_time(void)
{
    static const int32_t levels[] = { GOFER_LOG_DEBUG, GOFER_LOG_INFO, GOFER_LOG_WARN,
        GOFER_LOG_ERROR };
    int count = 0;
    gf_log log = { keep, &count };
    for (size_t i = 0; i < COUNT(levels); i++) {
        int64_t before = gf_now_ms();
        gf_logf(&log, levels[i], "x", NULL);
        CHECK_INT(seen_level, levels[i]);
        CHECK(seen_ms >= before && seen_ms <= gf_now_ms());
    }
    CHECK_INT(count, (int)COUNT(levels));
}

static void long_values_are_cut_and_the_object_stays_whole(void)
{
    static char big[20000];
    for (size_t i = 0; i + 2 < sizeof big; i += 2)
        memcpy(big + i, "\xC3\xBC", 2);
    int count = 0;
    gf_log log = { keep, &count };
    gf_logf(&log, GOFER_LOG_INFO, "x", "a", big, "b", big, "c", "end", NULL);
    size_t size = strlen(seen_fields);
    CHECK(size < 4096 && size > 1000);
    CHECK_INT(seen_fields[size - 1], '}');
    CHECK_INT(seen_fields[size - 2], '"');
}

static void a_silent_log_costs_nothing_and_breaks_nothing(void)
{
    gf_log silent = { NULL, NULL };
    gf_logf(&silent, GOFER_LOG_INFO, "x", "a", "b", NULL);
    gf_logf(NULL, GOFER_LOG_INFO, "x", NULL);
    CHECK(!gf_log_on(&silent) && !gf_log_on(NULL));
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(fields_are_escaped),
        TEST(each_line_has_its_level_and_its_time),
        TEST(long_values_are_cut_and_the_object_stays_whole),
        TEST(a_silent_log_costs_nothing_and_breaks_nothing),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
