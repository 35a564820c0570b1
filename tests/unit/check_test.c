// check_test.c - the framework itself: what a program of tests says when its tests fail, are
// skipped, or mean nothing here. Each case is a program of its own, in a child.
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void passes(void) { CHECK(true); }
static void fails(void) { CHECK(false); }
static void lacks(void) { SKIP("this machine has no such thing"); }
static void means_nothing(void) { OMIT("not for this store"); }
static void fails_and_lacks(void) { CHECK(false); SKIP("this machine has no such thing"); }

// The exit status of a program of these tests; its words go nowhere.
static int status_of(const check_test *tests, size_t count, const char *no_skips)
{
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(100);
        if (no_skips ? setenv("GOFER_NO_SKIPS", no_skips, 1) : unsetenv("GOFER_NO_SKIPS"))
            _exit(100);
        char *arguments[] = { (char[]){ "program" }, NULL };
        _exit(check_main(1, arguments, tests, count));
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_exit_status_tells_what_was_seen(void)
{
    static const struct {
        check_test tests[2];
        size_t count;
        int lenient, strict;    // without and with GOFER_NO_SKIPS
    } cases[] = {
        { { TEST(passes), TEST(passes) }, 2, 0, 0 },
        { { TEST(passes), TEST(fails) }, 2, 1, 1 },
        { { TEST(passes), TEST(lacks) }, 2, 0, 1 },
        { { TEST(lacks), TEST(lacks) }, 2, 77, 1 },
        { { TEST(lacks), TEST(means_nothing) }, 2, 77, 1 },
        { { TEST(passes), TEST(means_nothing) }, 2, 0, 0 },
        { { TEST(means_nothing), TEST(means_nothing) }, 2, 0, 0 },
        { { TEST(fails_and_lacks), TEST(passes) }, 2, 1, 1 },
        { { TEST(passes) }, 0, 1, 1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK_INT(status_of(cases[i].tests, cases[i].count, NULL), cases[i].lenient);
        CHECK_INT(status_of(cases[i].tests, cases[i].count, ""), cases[i].lenient);
        CHECK_INT(status_of(cases[i].tests, cases[i].count, "1"), cases[i].strict);
    }
}

int main(int argc, char **argv)
{
    static const check_test tests[] = { TEST(the_exit_status_tells_what_was_seen) };
    return check_main(argc, argv, tests, COUNT(tests));
}
