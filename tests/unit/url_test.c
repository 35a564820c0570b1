// url_test.c - broker URLs taken apart, and what of them may be shown.
#include "util/url.h"

#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static void urls_are_split_and_passwords_hidden(void)
{
    static const struct { const char *text, *scheme, *rest, *shown; } cases[] = {
        { "sqlite:tasks.db", "sqlite", "tasks.db", "sqlite:tasks.db" },
        { "SQLITE:/a b.db", "sqlite", "/a b.db", "SQLITE:/a b.db" },
        { "memory:", "memory", "", "memory:" },
        { "./x", "sqlite", "./x", "./x" },
        { "/var/q", "sqlite", "/var/q", "/var/q" },
        { "tasks.db", "sqlite", "tasks.db", "tasks.db" },
        { "redis://u:secret@h:6379/0", "redis", "//u:secret@h:6379/0", "redis://u:***@h:6379/0" },
        { "redis://:s@h", "redis", "//:s@h", "redis://:***@h" },
        { "redis://u:a@b:c@h/0", "redis", "//u:a@b:c@h/0", "redis://u:***@h/0" },
        { "redis://h/0?x=a:b@c", "redis", "//h/0?x=a:b@c", "redis://h/0?x=a:b@c" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_url url;
        REQUIRE_OK(gf_url_parse(&url, cases[i].text));
        CHECK_STR(url.scheme, cases[i].scheme);
        CHECK_STR(url.rest, cases[i].rest);
        CHECK_STR(url.shown, cases[i].shown);
        gf_url_clear(&url);
    }
}

static void what_is_no_url_is_refused(void)
{
    static const char *const cases[] = { "tasks", "1a:b", " sqlite:x", "tasks.dbx" };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_url url;
        CHECK_STATUS(gf_url_parse(&url, cases[i]), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), "sqlite:tasks.db");
    }
}

static void without_a_url_the_environment_decides(void)
{
    gf_url url;
    setenv("GOFER_URL", "sqlite:/e.db", 1);
    REQUIRE_OK(gf_url_parse(&url, NULL));
    CHECK_STR(url.rest, "/e.db");
    gf_url_clear(&url);
    unsetenv("GOFER_URL");

    char dir[] = "/tmp/gofer-url-XXXXXX", want[64], path[64];
    REQUIRE(mkdtemp(dir) != NULL);
    setenv("XDG_STATE_HOME", dir, 1);
    REQUIRE_OK(gf_url_parse(&url, ""));
    snprintf(want, sizeof want, "%s/gofer/tasks.db", dir);
    CHECK_STR(url.rest, want);
    gf_url_clear(&url);

    struct stat st;
    snprintf(path, sizeof path, "%s/gofer", dir);
    REQUIRE(stat(path, &st) == 0);
    CHECK_INT(st.st_mode & 0777, 0700);
    CHECK_INT(rmdir(path), 0);
    CHECK_INT(rmdir(dir), 0);

    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    CHECK_STATUS(gf_url_parse(&url, NULL), GOFER_EINVAL);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(urls_are_split_and_passwords_hidden), TEST(what_is_no_url_is_refused),
        TEST(without_a_url_the_environment_decides),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
