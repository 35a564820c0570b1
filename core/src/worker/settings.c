// settings.c - the table of knobs, and the one place that reads their values.
//
// May touch: util/. A new knob is a field in settings.h and a line here.
#include "worker/settings.h"

#include <string.h>
#include <unistd.h>

#include "util/error.h"
#include "util/nearest.h"

#define KNOB(name, kind, min, max, fallback, field, help) \
    { name, kind, min, max, fallback, offsetof(gf_settings, field), help }

enum { SECOND = 1000, HOUR = 3600 * SECOND, KIB = 1024 };

// clang-format off
static const gf_knob knobs[] = {
    KNOB("concurrency", GF_KNOB_COUNT, 1, 10000, -1, concurrency,
        "how many tasks run at a time; default: number of cores, at least 4"),
    KNOB("strict", GF_KNOB_FLAG, 0, 1, 0, strict,
        "1: a queue of higher weight comes first, always"),
    KNOB("grace", GF_KNOB_DURATION, 0, GOFER_MAX_DURATION_MS, 8 * SECOND, grace_ms,
        "how long running tasks may go on after a stop"),
    KNOB("lease", GF_KNOB_DURATION, SECOND, HOUR, 30 * SECOND, lease_ms,
        "how long a task stays ours without a heartbeat"),
    KNOB("drain", GF_KNOB_FLAG, 0, 1, 0, drain,
        "1: stop when the queues are empty"),
    KNOB("crash_limit", GF_KNOB_COUNT, 0, 1000000, 3, crash_limit,
        "crashes of workers that a task may be charged with; at the next it is archived"),
    KNOB("max_prefetch", GF_KNOB_COUNT, 0, 100000, 1000, max_prefetch,
        "most tasks to take ahead of free slots, when handlers are fast"),
    KNOB("gather_us", GF_KNOB_COUNT, 0, 100000, 500, gather_us,
        "microseconds that tasks may gather between two exchanges while they come fast; 0: none"),
    KNOB("retry_delay_max", GF_KNOB_DURATION, 0, GOFER_MAX_DURATION_MS, 0, retry_delay_max_ms,
        "longest delay before a retry; 0: no bound"),
    KNOB("no_handler_delay", GF_KNOB_DURATION, SECOND, GOFER_MAX_DURATION_MS, 30 * SECOND,
        no_handler_delay_ms, "how long a task is put off that no handler is for"),
    KNOB("lost_after", GF_KNOB_DURATION, 0, GOFER_MAX_DURATION_MS, 5 * SECOND, lost_after_ms,
        "how long a handler may stay after its deadline before its slot is given up"),
    KNOB("snooze_limit", GF_KNOB_COUNT, 0, 1000000, 1000, snooze_limit,
        "how often a task may be snoozed; after that a snooze is a failure"),
    KNOB("encrypted_only", GF_KNOB_FLAG, 0, 1, 0, encrypted_only,
        "1: plain tasks are not run, but archived with the reason"),
    KNOB("pull", GF_KNOB_FLAG, 0, 1, 0, pull,
        "1: the host takes the tasks and runs them itself"),
    KNOB("stack", GF_KNOB_COUNT, 128 * KIB, 1024 * 1024 * KIB, 256 * KIB, stack_size,
        "bytes of stack of each slot's thread"),
    KNOB("log_level", GF_KNOB_LEVEL, GOFER_LOG_DEBUG, GOFER_LOG_ERROR, GOFER_LOG_INFO, log_level,
        "least level to log: debug, info, warn, error; debug tells of each task"),
    KNOB("group_grace", GF_KNOB_DURATION, SECOND, GOFER_MAX_DURATION_MS, 60 * SECOND,
        group_grace_ms, "how long after its latest task a group is aggregated"),
    KNOB("group_max_delay", GF_KNOB_DURATION, 0, GOFER_MAX_DURATION_MS, 0, group_max_delay_ms,
        "how long after its oldest task a group is aggregated at the latest; 0: no bound"),
    KNOB("group_max_size", GF_KNOB_COUNT, 0, 10000, 0, group_max_size,
        "so many tasks of a group are aggregated at once; 0: no bound"),
    KNOB("schedule", GF_KNOB_FLAG, 0, 1, 1, schedule,
        "1: serve cron entries"),
};
// clang-format on

enum { KNOB_COUNT = sizeof knobs / sizeof *knobs };

const gf_knob *gf_knobs(size_t *count)
{
    *count = KNOB_COUNT;
    return knobs;
}

static int64_t *field_of(gf_settings *settings, const gf_knob *knob)
{
    return (int64_t *)(void *)((char *)settings + knob->offset);
}

static int64_t default_concurrency(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 4 ? 4 : cores > 10000 ? 10000 : cores;
}

void gf_settings_init(gf_settings *settings)
{
    for (size_t i = 0; i < KNOB_COUNT; i++)
        *field_of(settings, &knobs[i]) = knobs[i].fallback;
    settings->concurrency = default_concurrency();
}

// Decimal digits only: no sign, no space, no "1e3".
static gofer_status parse_count(const char *text, int64_t *out)
{
    int64_t n = 0;
    size_t size = strlen(text);
    if (size == 0 || size > 18 || strspn(text, "0123456789") != size)
        return GOFER_EINVAL;
    for (; *text; text++)
        n = n * 10 + (*text - '0');
    *out = n;
    return GOFER_OK;
}

static gofer_status parse_level(const char *text, int64_t *out)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    for (int64_t i = 0; i < 4; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return GOFER_OK;
        }
    return parse_count(text, out);
}

static gofer_status unknown_knob(const char *name)
{
    const char *names[KNOB_COUNT];
    for (size_t i = 0; i < KNOB_COUNT; i++)
        names[i] = knobs[i].name;
    const char *near = gf_nearest(name, names, KNOB_COUNT);
    return gf_fail(GOFER_EINVAL, "no worker setting '%.100s'%s%s%s", name,
        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static gofer_status bad_value(const gf_knob *knob, const char *value)
{
    switch (knob->kind) {
    case GF_KNOB_FLAG:
        return gf_fail(GOFER_EINVAL, "worker setting '%s' is 0 or 1, not '%.100s'", knob->name,
            value);
    case GF_KNOB_LEVEL:
        return gf_fail(GOFER_EINVAL,
            "worker setting '%s' is debug, info, warn or error, not '%.100s'", knob->name, value);
    case GF_KNOB_DURATION:
        return gf_fail(GOFER_EINVAL,
            "worker setting '%s' is a duration such as \"30s\" from %lld ms to %lld ms, not "
            "'%.100s'",
            knob->name, (long long)knob->min, (long long)knob->max, value);
    case GF_KNOB_COUNT:
        break;
    }
    return gf_fail(GOFER_EINVAL, "worker setting '%s' is a number from %lld to %lld, not '%.100s'",
        knob->name, (long long)knob->min, (long long)knob->max, value);
}

gofer_status gf_settings_set(gf_settings *settings, const char *name, const char *value)
{
    if (!name || !value)
        return gf_fail(GOFER_EINVAL, "a worker setting needs a name and a value");

    for (size_t i = 0; i < KNOB_COUNT; i++) {
        const gf_knob *knob = &knobs[i];
        if (strcmp(knob->name, name) != 0)
            continue;
        int64_t n = 0;
        gofer_status st = knob->kind == GF_KNOB_DURATION ? gofer_parse_duration(value, &n)
            : knob->kind == GF_KNOB_LEVEL                ? parse_level(value, &n)
                                                         : parse_count(value, &n);
        if (st != GOFER_OK || n < knob->min || n > knob->max)
            return bad_value(knob, value);
        *field_of(settings, knob) = n;
        return GOFER_OK;
    }
    return unknown_knob(name);
}
