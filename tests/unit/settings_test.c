// settings_test.c - knobs by name: what is taken, what is refused and in which words.
#include "worker/settings.h"

#include "check.h"

static void values_are_read_by_their_kind(void)
{
    static const struct { const char *name, *value; size_t offset; int64_t want; } cases[] = {
        { "concurrency", "1", offsetof(gf_settings, concurrency), 1 },
        { "concurrency", "10000", offsetof(gf_settings, concurrency), 10000 },
        { "strict", "1", offsetof(gf_settings, strict), 1 },
        { "grace", "1m30s", offsetof(gf_settings, grace_ms), 90000 },
        { "grace", "0", offsetof(gf_settings, grace_ms), 0 },
        { "lease", "1h", offsetof(gf_settings, lease_ms), 3600000 },
        { "drain", "0", offsetof(gf_settings, drain), 0 },
        { "crash_limit", "7", offsetof(gf_settings, crash_limit), 7 },
        { "max_prefetch", "0", offsetof(gf_settings, max_prefetch), 0 },
        { "gather_us", "250", offsetof(gf_settings, gather_us), 250 },
        { "retry_delay_max", "250ms", offsetof(gf_settings, retry_delay_max_ms), 250 },
        { "no_handler_delay", "1s", offsetof(gf_settings, no_handler_delay_ms), 1000 },
        { "lost_after", "2s", offsetof(gf_settings, lost_after_ms), 2000 },
        { "pull", "1", offsetof(gf_settings, pull), 1 },
        { "stack", "1048576", offsetof(gf_settings, stack_size), 1048576 },
        { "log_level", "debug", offsetof(gf_settings, log_level), GOFER_LOG_DEBUG },
        { "log_level", "3", offsetof(gf_settings, log_level), GOFER_LOG_ERROR },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_settings s;
        gf_settings_init(&s);
        CHECK_OK(gf_settings_set(&s, cases[i].name, cases[i].value));
        CHECK_INT(*(int64_t *)(void *)((char *)&s + cases[i].offset), cases[i].want);
    }
}

static void what_is_out_of_range_or_no_value_is_refused_and_changes_nothing(void)
{
    static const struct { const char *name, *value, *text; } cases[] = {
        { "concurrency", "0", "1 to 10000" }, { "concurrency", "10001", "1 to 10000" },
        { "concurrency", "-1", "'-1'" }, { "concurrency", "4x", "'4x'" },
        { "concurrency", "", "number" },
        { "concurrency", " 4", "number" }, { "concurrency", "9999999999999999999999", "number" },
        { "strict", "2", "0 or 1" }, { "strict", "yes", "0 or 1" },
        { "grace", "-1s", "duration" }, { "grace", "soon", "duration" },
        { "lease", "999ms", "from 1000 ms" },
        { "lease", "2h", "to 3600000 ms" }, { "log_level", "loud", "debug, info, warn" },
        { "log_level", "4", "info" },
        { "stack", "1", "131072" }, { "no_handler_delay", "0", "from 1000 ms" },
        { "concurency", "4", "did you mean 'concurrency'?" }, { "gracee", "4s", "'grace'" },
        { "quite-another-thing", "1", "no worker setting" }, { "", "1", "no worker setting" },
    };
    gf_settings before, s;
    gf_settings_init(&before);
    s = before;
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK_STATUS(gf_settings_set(&s, cases[i].name, cases[i].value), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), cases[i].text);
        CHECK(memcmp(&s, &before, sizeof s) == 0);
    }
    CHECK_STATUS(gf_settings_set(&s, NULL, "1"), GOFER_EINVAL);
    CHECK_STATUS(gf_settings_set(&s, "grace", NULL), GOFER_EINVAL);
}

static void the_defaults_are_within_their_ranges(void)
{
    gf_settings s;
    gf_settings_init(&s);
    size_t count;
    const gf_knob *knobs = gf_knobs(&count);
    CHECK_INT(count * sizeof(int64_t), sizeof s);
    for (size_t i = 0; i < count; i++) {
        int64_t value = *(int64_t *)(void *)((char *)&s + knobs[i].offset);
        CHECK(value >= knobs[i].min && value <= knobs[i].max);
        CHECK(knobs[i].help && *knobs[i].help);
    }
    CHECK(s.concurrency >= 4);
    CHECK_INT(s.grace_ms, 8000);
    CHECK_INT(s.lease_ms, 30000);
    CHECK_INT(s.crash_limit, 3);
    CHECK_INT(s.lost_after_ms, 5000);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(values_are_read_by_their_kind),
        TEST(what_is_out_of_range_or_no_value_is_refused_and_changes_nothing),
        TEST(the_defaults_are_within_their_ranges),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
