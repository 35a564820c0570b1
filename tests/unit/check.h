// check.h - the whole test framework: checks that say what they saw, and a runner.
//
// A test is a function without arguments whose name is a sentence; a program ends with
//     static const check_test tests[] = { TEST(retry_delay_grows_then_stops), … };
//     int main(int argc, char **argv) { return check_main(argc, argv, tests, COUNT(tests)); }
// Arguments are parts of names: only tests that contain one of them are run. A failed CHECK is
// printed and the test goes on; a failed REQUIRE ends the test. Checks may be used from any
// thread and from forked children (which report by their exit status: see check_failures);
// REQUIRE, SKIP and OMIT only from the test's own thread.
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gofer/gofer.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

// Each takes its arguments once.
#define CHECK(condition)        check_true((condition) ? 1 : 0, #condition, __FILE__, __LINE__)
#define CHECK_INT(got, want)    check_int((int64_t)(got), (int64_t)(want), #got, __FILE__, __LINE__)
#define CHECK_STR(got, want)    check_str((got), (want), #got, __FILE__, __LINE__)
#define CHECK_MEM(got, got_size, want, want_size) \
    check_mem((got), (got_size), (want), (want_size), #got, __FILE__, __LINE__)
// The call's status; prints gofer_error_last when it is another.
#define CHECK_STATUS(call, want) check_status((call), (want), #call, __FILE__, __LINE__)
#define CHECK_OK(call)           CHECK_STATUS(call, GOFER_OK)
// The text holds the words (both may be NULL: a failure).
#define CHECK_HAS(text, words)   check_has((text), (words), #text, __FILE__, __LINE__)

#define REQUIRE(condition)   do { if (!CHECK(condition)) longjmp(check_state.leave, 1); } while (0)
#define REQUIRE_OK(call)     do { if (!CHECK_OK(call)) longjmp(check_state.leave, 1); } while (0)
// Ends the test, for this machine lacks what it takes: said, counted, and a failure where the
// environment has GOFER_NO_SKIPS (as in CI), so that nobody takes it for a success.
#define SKIP(reason) \
    do { \
        check_state.skipped = (reason); \
        longjmp(check_state.leave, 1); \
    } while (0)
// Ends the test, for it says nothing about this store or build, on whatever machine.
#define OMIT(reason) \
    do { \
        check_state.omitted = (reason); \
        longjmp(check_state.leave, 1); \
    } while (0)
// First in a long walk of one thread, say through every allocation that can fail: the thread
// sanitizer sees nothing there, and takes minutes.
#if defined(__SANITIZE_THREAD__)
#define ONE_THREAD() OMIT("one thread")
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ONE_THREAD() OMIT("one thread")
#endif
#endif
#ifndef ONE_THREAD
#define ONE_THREAD() (void)0
#endif

#define TEST(function) { #function, function }

typedef struct check_test {
    const char *name;
    void      (*run)(void);
} check_test;

// One for the whole program, however many files its tests are in: weak definitions are merged.
struct check_shared {
    _Atomic int failures;      // of the test that runs
    _Atomic int uncertain;     // failures with GOFER_EUNCERTAIN among them
    jmp_buf     leave;
    const char *skipped;
    const char *omitted;
};
// What ctest takes for "skipped" (SKIP_RETURN_CODE in tests/CMakeLists.txt).
enum { CHECK_ALL_SKIPPED = 77 };

extern struct check_shared check_state;
__attribute__((weak)) struct check_shared check_state;

__attribute__((unused)) static int check_failures(void)
{
    return atomic_load(&check_state.failures);
}

__attribute__((unused)) static bool check_true(int holds, const char *what, const char *file,
    int line)
{
    if (holds)
        return true;
    atomic_fetch_add(&check_state.failures, 1);
    fprintf(stderr, "    %s:%d: not so: %s\n", file, line, what);
    return false;
}

__attribute__((unused)) static bool check_int(int64_t got, int64_t want, const char *what,
    const char *file, int line)
{
    if (got == want)
        return true;
    atomic_fetch_add(&check_state.failures, 1);
    fprintf(stderr, "    %s:%d: %s is %lld, not %lld\n", file, line, what, (long long)got,
        (long long)want);
    return false;
}

__attribute__((unused)) static bool check_str(const char *got, const char *want, const char *what,
    const char *file, int line)
{
    if (got == want || (got && want && strcmp(got, want) == 0))
        return true;
    atomic_fetch_add(&check_state.failures, 1);
    fprintf(stderr, "    %s:%d: %s is \"%s\", not \"%s\"\n", file, line, what,
        got ? got : "(NULL)", want ? want : "(NULL)");
    return false;
}

__attribute__((unused)) static bool check_mem(const void *got, size_t got_size, const void *want,
    size_t want_size, const char *what, const char *file, int line)
{
    if (got_size == want_size && (want_size == 0 || (got && memcmp(got, want, want_size) == 0)))
        return true;
    atomic_fetch_add(&check_state.failures, 1);
    fprintf(stderr, "    %s:%d: %s: %zu bytes are not the %zu expected\n", file, line, what,
        got_size, want_size);
    return false;
}

__attribute__((unused)) static bool check_status(gofer_status got, gofer_status want,
    const char *what, const char *file, int line)
{
    if (got == want)
        return true;
    atomic_fetch_add(&check_state.failures, 1);
    atomic_fetch_add(&check_state.uncertain, got == GOFER_EUNCERTAIN);
    fprintf(stderr, "    %s:%d: %s is %s, not %s%s%s\n", file, line, what, gofer_status_name(got),
        gofer_status_name(want), got == GOFER_OK ? "" : ": ",
        got == GOFER_OK ? "" : gofer_error_last());
    return false;
}

__attribute__((unused)) static bool check_has(const char *text, const char *words, const char *what,
    const char *file, int line)
{
    if (text && words && strstr(text, words))
        return true;
    atomic_fetch_add(&check_state.failures, 1);
    fprintf(stderr, "    %s:%d: %s is \"%s\", without \"%s\"\n", file, line, what,
        text ? text : "(NULL)", words ? words : "(NULL)");
    return false;
}

// retry_delay_grows -> "retry delay grows"
__attribute__((unused)) static void check_print_name(const char *name)
{
    for (; *name; name++)
        putchar(*name == '_' ? ' ' : *name);
}

__attribute__((unused)) static int64_t check_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

typedef enum check_ending { CHECK_PASSED, CHECK_FAILED, CHECK_SKIPPED, CHECK_OMITTED } check_ending;

__attribute__((unused)) static check_ending check_how_it_ended(void)
{
    if (check_failures() > 0)
        return CHECK_FAILED;
    if (check_state.omitted)
        return CHECK_OMITTED;
    if (!check_state.skipped)
        return CHECK_PASSED;
    const char *none = getenv("GOFER_NO_SKIPS");
    return none && *none ? CHECK_FAILED : CHECK_SKIPPED;
}

// Runs one test and prints its line.
__attribute__((unused)) static check_ending check_run(const check_test *test)
{
    static const char *const words[] = { [CHECK_PASSED] = "ok       ", [CHECK_FAILED] = "FAILED   ",
        [CHECK_SKIPPED] = "SKIPPED  ", [CHECK_OMITTED] = "n/a      " };

    atomic_store(&check_state.failures, 0);
    atomic_store(&check_state.uncertain, 0);
    check_state.skipped = check_state.omitted = NULL;
    int64_t begun = check_now_ms();
    if (setjmp(check_state.leave) == 0)
        test->run();

    check_ending end = check_how_it_ended();
    const char *why = check_state.skipped ? check_state.skipped : check_state.omitted;
    fputs(words[end], stdout);
    check_print_name(test->name);
    if (why)
        printf(" (%s)", why);
    printf(" [%lld ms]\n", (long long)(check_now_ms() - begun));
    fflush(stdout);
    return end;
}

__attribute__((unused)) static bool check_wanted(const char *name, int argc, char **argv)
{
    if (argc < 2)
        return true;
    for (int i = 1; i < argc; i++)
        if (strstr(name, argv[i]))
            return true;
    return false;
}

// Runs the tests and returns the program's exit status: 1 if one failed or none was run, 77 if the
// machine lacked what it takes for every one that says anything here.
__attribute__((unused)) static int check_main(int argc, char **argv, const check_test *tests,
    size_t count)
{
    size_t ends[CHECK_OMITTED + 1] = { 0 }, run = 0;
    for (size_t i = 0; i < count; i++) {
        if (!check_wanted(tests[i].name, argc, argv))
            continue;
        run++;
        ends[check_run(&tests[i])]++;
    }
    printf("%zu tests, %zu failed, %zu skipped\n", run, ends[CHECK_FAILED], ends[CHECK_SKIPPED]);
    if (ends[CHECK_FAILED] > 0 || run == 0)
        return 1;
    return ends[CHECK_SKIPPED] > 0 && ends[CHECK_PASSED] == 0 ? CHECK_ALL_SKIPPED : 0;
}

#endif
