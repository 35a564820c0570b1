// main.c - runs the suite on one broker: conformance URL [part of a test's name]...
//
// URL: "memory:", "sqlite:" (a fresh file for each test), or that of a Redis, which is EMPTIED before each
// test. $GOFER_TEST_REDIS_ADMIN: the same Redis as a user who may do that, if the URL's may not.
#include <signal.h>

#include "fixture.h"
#include "raw.h"
#include "suites.h"

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s URL [part of a test's name]...\n", argv[0]);
        return 2;
    }
    suite_url = argv[1];
    signal(SIGPIPE, SIG_IGN);
    if (gofer_set_allocator(memory_alloc, memory_realloc, free) != GOFER_OK)
        return 2;

    suite parts[8] = { suite_life(), suite_keep(), suite_act(), suite_cancel() };
    size_t part_count = 4;
    if (store_is_shared())
        parts[part_count++] = suite_share();
    if (store_is_file()) {
        parts[part_count++] = suite_file();
        parts[part_count++] = suite_fault();
    }
    if (store_is_redis())
        parts[part_count++] = suite_asynq();
    size_t run = 0, failed = 0;
    for (size_t p = 0; p < part_count; p++)
        for (size_t i = 0; i < parts[p].count; i++) {
            if (!check_wanted(parts[p].tests[i].name, argc - 1, argv + 1))
                continue;
            run++;
            failed += (size_t)check_run(&parts[p].tests[i]);
            store_remove();
        }
    raw_close();
    printf("%.10s: %zu tests, %zu failed\n", suite_url, run, failed);
    return failed > 0 || run == 0;
}
