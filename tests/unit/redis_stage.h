// redis_stage.h - what the tests of workers on Redis share: a store for each test, and what the
// server says of itself.
//
// $GOFER_TEST_REDIS names it; tests/redis/servers.py starts one. Other peers, Go's among them, are
// played by plain commands (raw.h). What is asserted of speed is how many commands it took.
#ifndef TESTS_UNIT_REDIS_STAGE_H
#define TESTS_UNIT_REDIS_STAGE_H

#include "../conformance/fixture.h"
#include "../conformance/raw.h"
#include "broker/redis/store.h"
#include "check.h"
#include "util/clock.h"

static gf_broker *b;                     // of the running test
static gf_rd_store *s;

__attribute__((unused)) static gf_broker *open_broker(void)
{
    gf_url url;
    gf_broker *opened = NULL;
    const gf_broker_config config = { .timeout_ms = 10000, .max_payload = 1 << 24 };
    REQUIRE_OK(gf_url_parse(&url, suite_url));
    gofer_status st = gf_broker_open(&opened, &url, &config);
    gf_url_clear(&url);
    REQUIRE_OK(st);
    return opened;
}

__attribute__((unused)) static void set_up(void)
{
    raw_clean();
    b = open_broker();
    s = (gf_rd_store *)b;
}

__attribute__((unused)) static void tear_down(void)
{
    gf_broker_close(b);
}

__attribute__((unused)) static bool is_cluster(void)
{
    return gf_rd_net_server(s->net).is_cluster;
}

#define WAIT_FOR(condition)                                                        \
    do {                                                                           \
        int64_t end_ = gf_mono_ms() + PATIENCE_MS;                                 \
        while (!(condition) && gf_mono_ms() < end_)                                \
            gf_sleep_us(1000);                                                     \
        CHECK(condition);                                                          \
    } while (0)

// Calls of a command since statistics were reset; on a cluster of one node only,
// so do not ask there.
__attribute__((unused)) static int64_t calls_of(const char *command)
{
    char head[64];
    snprintf(head, sizeof head, "cmdstat_%s:calls=", command);
    const char *stats = raw_text("INFO commandstats");
    const char *at = stats ? strstr(stats, head) : NULL;
    return at ? strtoll(at + strlen(head), NULL, 10) : 0;
}

__attribute__((unused)) static int64_t info_number(const char *section, const char *field)
{
    const char *info = raw_text("INFO %s", section);
    const char *at = info ? strstr(info, field) : NULL;
    return at ? strtoll(at + strlen(field) + 1, NULL, 10) : -1;
}

// The end of each program.
__attribute__((unused)) static int stage_main(int argc, char **argv, const check_test *tests,
    size_t count)
{
    suite_url = getenv("GOFER_TEST_REDIS");
    if (!suite_url) {
        printf("SKIPPED: no GOFER_TEST_REDIS; run me by tests/redis/servers.py single -- %s\n",
            argv[0]);
        return 77;
    }
    int code = check_main(argc, argv, tests, count);
    raw_close();
    return code;
}

#endif
