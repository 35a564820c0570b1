// url_test.c - broker URLs taken apart, and what of them may be shown.
#include "util/url.h"

#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "util/alloc.h"

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
        { "sqlite:6379", "sqlite", "6379", "sqlite:6379" },
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

static void secrets_are_hidden_wherever_they_stand(void)
{
    static const struct { const char *text, *shown; } cases[] = {
        { "redis://h?password=s", "redis://h?password=***" },
        { "redis://h?db=1&PassWord=s&tls=yes", "redis://h?db=1&PassWord=***&tls=yes" },
        // an '&' that was not escaped
        { "redis://h?password=a&b", "redis://h?password=***" },
        { "redis://h?password=a?b&db=1", "redis://h?password=***&db=1" },
        { "redis://h?pass=?pass=?pass=?pass=?pass=",
          "redis://h?pass=***?pass=***?pass=***?pass=***?pass=***" },
        { "redis://h?password=", "redis://h?password=***" },
        { "redis://h?pass=s&passwd=s&auth-token=s",
          "redis://h?pass=***&passwd=***&auth-token=***" },
        { "redis://h?password-file=/etc/p&sentinel-password=s",
          "redis://h?password-file=/etc/p&sentinel-password=***" },
        // a user name, as in Asynq
        { "redis://name@h", "redis://name@h" },
        { "redis://:s@h:1/2", "redis://:***@h:1/2" },
        { "redis://u:a%40b@h", "redis://u:***@h" },
        { "redis://u:a/b@h/0", "redis://u:***@h/0" },
        { "redis://:12/3@h/0", "redis://:***@h/0" },
        { "redis://u:a@b/c@h/0", "redis://u:***@h/0" },
        { "redis://u:a?b@h", "redis://u:***@h" },
        { "redis://u:a#b@h", "redis://u:***@h" },
        { "redis://h:6379/0?username=a@b", "redis://h:6379/0?username=a@b" },
        { "redis://[::1]:6379/0?username=a@b", "redis://[::1]:6379/0?username=a@b" },
        { "rediss://u:s@h", "rediss://u:***@h" },
        { "redis+unix://u:s@/run/r.sock?db=1", "redis+unix://u:***@/run/r.sock?db=1" },
        { "redis-socket:///run/r.sock?password=s", "redis-socket:///run/r.sock?password=***" },
        { "redis-sentinel://:s@a:1,b:2/3?master=m&password=t",
          "redis-sentinel://:***@a:1,b:2/3?master=m&password=***" },
        { "redis-sentinel://a:1,b:2?master=x@y", "redis-sentinel://a:1,b:2?master=x@y" },
        { "redis-cluster://u:s@a:1,b:2", "redis-cluster://u:***@a:1,b:2" },
        { "redis-cluster://[::1]:1,b?x=y@z", "redis-cluster://[::1]:1,b?x=y@z" },
        { "user:s@h:6379", "user:***@h:6379" },                              // no URL at all
        { "redis:u:s@h", "redis:***@h" },
        { "sqlite:/a:b@c", "sqlite:/a:b@c" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_url url;
        REQUIRE_OK(gf_url_parse(&url, cases[i].text));
        CHECK_STR(url.shown, cases[i].shown);
        gf_url_clear(&url);
    }
}

static void a_host_and_port_is_answered_with_the_url_to_write(void)
{
    static const char *const cases[] = { "localhost:6379", "127.0.0.1:6379",
        "redis.example.org:6380/2" };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_url url;
        char want[64];
        snprintf(want, sizeof want, "write redis://%s", cases[i]);
        CHECK_STATUS(gf_url_parse(&url, cases[i]), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), want);
    }
    static const char *const secret[] = {
        "localhost:6379/0?password=SECRET",
        "localhost:6379/1?username=a&password=SECRET",
        "h:26379/0?sentinel-password=SECRET",
    };
    for (size_t i = 0; i < COUNT(secret); i++) {
        gf_url url;
        CHECK_STATUS(gf_url_parse(&url, secret[i]), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), "password=***");
        CHECK(!strstr(gofer_error_last(), "SECRET"));
    }
}

static void what_is_no_url_is_refused(void)
{
    static const char *const cases[] = { "tasks", "1a:b", " sqlite:x", "tasks.dbx",
        "1u:SECRET@h:6379", "tasks?password=SECRET", "tasks&sentinel-password=SECRET" };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_url url;
        CHECK_STATUS(gf_url_parse(&url, cases[i]), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), "sqlite:tasks.db");
        CHECK_HAS(gofer_error_last(), "redis://localhost:6379");
        CHECK(!strstr(gofer_error_last(), "SECRET"));
    }
}

// What would become a part of the file's name, and so of another queue, in silence.
static void what_is_no_part_of_a_files_name_is_refused(void)
{
    static const struct { const char *text, *words; } cases[] = {
        { "sqlite:tasks.db?mode=rwc", "%3F" }, { "sqlite:tasks.db#frag", "%23" },
        { "./tasks.db?x", "%3F" },
        { "/a#b/tasks.db", "%23" }, { "sqlite:tasks.db ", "%20" }, { "sqlite: tasks.db", "%20" },
        { "sqlite:tasks.db\n", "a line's end" }, { "./tasks.db\r\n", "a line's end" },
        { "sqlite:/a\tb.db", "%09" },
        { "sqlite://tasks.db",
          "write sqlite:tasks.db for a file in this folder, or sqlite:/tasks.db" },
        { "sqlite://./tasks.db", "write sqlite:./tasks.db" },
        { "redis://h:6379/0 ", "leave it out" }, { "redis://u:SECRET@h/0\n", "'redis://u:***@h/0" },
        { "sqlite://u:SECRET@h/a.db", "write sqlite:u:***@h/a.db" },
        { "sqlite://h/a.db?password=SECRET", "%3F" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_url url;
        CHECK_STATUS(gf_url_parse(&url, cases[i].text), GOFER_EINVAL);
        if (!CHECK_HAS(gofer_error_last(), cases[i].words))
            printf("    '%s'\n", cases[i].text);
        CHECK(!strstr(gofer_error_last(), "SECRET"));
    }
    static const char *const fine[] = { "sqlite:tasks.db%3Fmode=rwc", "sqlite:a%20",
        "sqlite:///tasks.db", "sqlite:/a b.db", "//t.db" };
    for (size_t i = 0; i < COUNT(fine); i++) {
        gf_url url;
        REQUIRE_OK(gf_url_parse(&url, fine[i]));
        CHECK_STR(url.rest, strchr(fine[i], ':') ? fine[i] + 7 : fine[i]);
        gf_url_clear(&url);
    }
    char *escaped = gf_url_escape("/50%?/#\n/\xc3\xa4 b");
    CHECK_STR(escaped, "/50%25%3F/%23%0A/\xc3\xa4 b");
    gf_free(escaped);
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

    char odd[sizeof dir + 8];
    snprintf(odd, sizeof odd, "%s/a?%%b", dir);
    REQUIRE(mkdir(odd, 0700) == 0);
    setenv("XDG_STATE_HOME", odd, 1);
    REQUIRE_OK(gf_url_parse(&url, ""));
    snprintf(want, sizeof want, "%s/a%%3F%%25b/gofer/tasks.db", dir);
    CHECK_STR(url.rest, want);
    gf_url_clear(&url);
    snprintf(path, sizeof path, "%s/gofer", odd);
    CHECK_INT(rmdir(path), 0);
    CHECK_INT(rmdir(odd), 0);
    setenv("XDG_STATE_HOME", dir, 1);

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
        TEST(urls_are_split_and_passwords_hidden),
        TEST(secrets_are_hidden_wherever_they_stand),
        TEST(a_host_and_port_is_answered_with_the_url_to_write),
        TEST(what_is_no_url_is_refused),
        TEST(without_a_url_the_environment_decides),
        TEST(what_is_no_part_of_a_files_name_is_refused),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
