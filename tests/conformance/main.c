// main.c - runs the suite on one broker: conformance URL [part of a test's name]...
//
// URL: "memory:", "sqlite:" (a fresh file for each test), or that of a Redis, which is EMPTIED
// before each test. $GOFER_TEST_REDIS_ADMIN: the same Redis as a user who may do that, if the URL's
// may not. $GOFER_TEST_FAILOVER: its servers fail over meanwhile.
#include <signal.h>
#include <unistd.h>

#include "fixture.h"
#include "raw.h"
#include "suites.h"

// While servers fail over an answer may get lost, which is told (GOFER_EUNCERTAIN), and a take
// passes over a server that is away. That is no failure of the broker, but a test cannot go on: it
// begins anew, and meets no failover then. What it had in its hands is given up. What has to hold
// through failovers topology_test.c looks at.
static check_ending run(const check_test *test, bool *gave_up)
{
    bool again = getenv("GOFER_TEST_FAILOVER") != NULL;
    for (;;) {
        check_ending end = check_run(test);
        listeners_end();
        store_remove();
        raw_servers_move_on();                          // it may have ended before it did this
        if (end != CHECK_FAILED || !again)
            return end;
        again = false;
        *gave_up = true;
        printf("while servers failed over; again: ");
        raw_servers_rest();
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s URL [part of a test's name]...\n", argv[0]);
        return 2;
    }
    suite_url = argv[1];
    signal(SIGPIPE, SIG_IGN);
    fault_prepare();
    if (gofer_set_allocator(memory_alloc, memory_realloc, free) != GOFER_OK)
        return 2;

    suite parts[40] = {
        suite_life(), suite_keep(), suite_suspects(), suite_act(), suite_cancel(), suite_items(),
        suite_unique(), suite_group(), suite_wait(), suite_extra(),
        suite_named(), suite_control(), suite_events(), suite_stats(), suite_tick(),
        suite_audit(), suite_queues(), suite_priority(), suite_limit(), suite_grant(),
        suite_ordered(), suite_flow(), suite_guards(), suite_types(), suite_breakers(),
        suite_hours(),
        suite_debounce(), suite_tenant(),
    };
    size_t part_count = 0;
    while (parts[part_count].tests)
        part_count++;
    if (store_is_shared())
        parts[part_count++] = suite_share();
    if (store_is_file()) {
        parts[part_count++] = suite_file();
        parts[part_count++] = suite_hold();
        parts[part_count++] = suite_full();
        parts[part_count++] = suite_upgrade();
        parts[part_count++] = suite_fault();
        parts[part_count++] = suite_ride();
    }
    if (store_is_redis()) {
        parts[part_count++] = suite_asynq();
        parts[part_count++] = suite_sharded();
        parts[part_count++] = suite_flows();
        parts[part_count++] = suite_turns();
    }
    size_t tests = 0, failed = 0;
    bool gave_up = false;
    for (size_t p = 0; p < part_count; p++)
        for (size_t i = 0; i < parts[p].count; i++) {
            if (!check_wanted(parts[p].tests[i].name, argc - 1, argv + 1))
                continue;
            tests++;
            failed += run(&parts[p].tests[i], &gave_up) == CHECK_FAILED;
        }
    raw_close();
    printf("%.10s: %zu tests, %zu failed\n", suite_url, tests, failed);
    int code = failed > 0 || tests == 0;
    if (gave_up) {                                   // and is no leak
        fflush(NULL);
        _exit(code);
    }
    return code;
}
