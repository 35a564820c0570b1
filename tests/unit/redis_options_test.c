// redis_options_test.c - Redis URLs taken apart: ours, and those of Asynq.
#include <fcntl.h>
#include <unistd.h>

#include "broker/redis/net/options.h"
#include "check.h"

// What a URL means, as one line: "single host:6379 user=u password=p db=3 tls …", or NULL: refused.
static const char *meaning(const char *text, char out[1024])
{
    static const char *const topologies[] = { "single", "sentinel", "cluster" };
    gf_url url;
    gf_rd_options o;
    if (gf_url_parse(&url, text) != GOFER_OK)
        return NULL;
    gofer_status st = gf_rd_options_parse(&o, &url);
    gf_url_clear(&url);
    if (st != GOFER_OK)
        return CHECK_INT(st, GOFER_EINVAL) ? NULL : "another status";

    size_t n = (size_t)snprintf(out, 1024, "%s", topologies[o.topology]);
    for (size_t i = 0; i < o.seed_count; i++) {
        char address[300];
        gf_rd_seed_text(&o.seeds[i], address, sizeof address);
        n += (size_t)snprintf(out + n, 1024 - n, "%c%s", i ? ',' : ' ', address);
    }
#define ADD(member, name) \
    if (o.member) \
    n += (size_t)snprintf(out + n, 1024 - n, " " name "=%s", o.member)
    ADD(username, "user"); ADD(password, "password");
    ADD(sentinel_username, "suser"); ADD(sentinel_password, "spassword"); ADD(master, "master");
    if (o.db)
        n += (size_t)snprintf(out + n, 1024 - n, " db=%d", (int)o.db);
    if (o.tls)
        n += (size_t)snprintf(out + n, 1024 - n, o.tls_verify ? " tls" : " tls-blind");
    ADD(ca, "ca"); ADD(ca_dir, "ca-dir"); ADD(cert, "cert"); ADD(key, "key"); ADD(sni, "sni");
    if (o.connect_timeout_ms != 2000)
        n += (size_t)snprintf(out + n, 1024 - n, " connect=%lld", (long long)o.connect_timeout_ms);
    if (o.wait_replicas)
        n += (size_t)snprintf(out + n, 1024 - n, " wait=%d", (int)o.wait_replicas);
    gf_rd_options_clear(&o);
    return out;
}

typedef struct { const char *url, *want; } wanted;

static void check_all(const wanted *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[1024];
        if (!CHECK_STR(meaning(cases[i].url, text), cases[i].want))
            fprintf(stderr, "    the URL was %s (%s)\n", cases[i].url, gofer_error_last());
    }
}

static void every_form_is_understood(void)
{
    static const wanted cases[] = {
        { "redis://", "single localhost:6379" },
        { "redis://:7000", "single localhost:7000" },
        { "redis://h/", "single h:6379" },
        { "redis://h:1/15", "single h:1 db=15" },
        { "redis://u:p@h", "single h:6379 user=u password=p" },
        { "redis://:p@:1", "single localhost:1 password=p" },
        { "redis://u@h", "single h:6379 user=u" },
        { "redis://u:@h", "single h:6379 user=u" },
        { "redis://a%3ab:c%2fd@h", "single h:6379 user=a:b password=c/d" },
        { "redis://u:a@b:c@h", "single h:6379 user=u password=a@b:c" },
        { "redis://[::1]", "single [::1]:6379" },
        { "redis://[fe80::1%25eth0]:1/2", "single [fe80::1%eth0]:1 db=2" },
        { "rediss://h?ca=/a%20b.pem&sni=x", "single h:6379 tls ca=/a b.pem sni=x" },
        { "redis://h?tls=yes&ca-dir=/c&cert=c.pem&key=k.pem",
          "single h:6379 tls ca-dir=/c cert=c.pem key=k.pem" },
        { "rediss://h?cert=both.pem", "single h:6379 tls cert=both.pem key=both.pem" },
        { "rediss://h?tls-verify=none", "single h:6379 tls-blind" },
        { "rediss://h?tls-verify=yes&tls=on", "single h:6379 tls" },
        { "redis://h?tls=no", "single h:6379" },
        { "redis://h?username=u&password=p%26q", "single h:6379 user=u password=p&q" },
        { "redis://u@h?password=p", "single h:6379 user=u password=p" },
        { "redis://h?PASSWORD=p", "single h:6379 password=p" },
        { "redis://h?db=3", "single h:6379 db=3" },
        { "redis://h/3?db=3", "single h:6379 db=3" },
        { "redis://h?connect-timeout=500ms&wait-replicas=2", "single h:6379 connect=500 wait=2" },
        { "redis://h?&db=1&", "single h:6379 db=1" },
        { "REDIS://h", "single h:6379" },
        { "redis+unix:///run/r.sock", "single /run/r.sock" },
        { "redis+unix://u:p@/run/a%20b?db=1", "single /run/a b user=u password=p db=1" },
        { "redis-sentinel://a,b:1,[::1]:2/3?master=m",
          "sentinel a:26379,b:1,[::1]:2 master=m db=3" },
        { "redis-sentinel://su:sp@a?master=m&username=u&password=p",
            "sentinel a:26379 user=u password=p suser=su spassword=sp master=m" },
        { "redis-sentinel://a?master=m&sentinel-password=sp&sentinel-username=su",
            "sentinel a:26379 suser=su spassword=sp master=m" },
        { "rediss-sentinel://a?master=m", "sentinel a:26379 master=m tls" },
        { "redis-cluster://u:p@a,b:1", "cluster a:6379,b:1 user=u password=p" },
        { "rediss-cluster://a/0", "cluster a:6379 tls" },
    };
    check_all(cases, COUNT(cases));
}

// tests/vectors of Asynq v0.26.0: what its ParseRedisURI makes of them.
static void asynq_urls_mean_the_same(void)
{
    static const wanted cases[] = {
        { "redis://localhost:6379", "single localhost:6379" },
        { "redis://localhost:6379/3", "single localhost:6379 db=3" },
        { "redis://localhost:6379/abc", NULL },
        { "redis://:secret@localhost:6379/1", "single localhost:6379 password=secret db=1" },
        { "redis://:p%40ss@localhost:6379", "single localhost:6379 password=p@ss" },
        { "redis://[::1]:6379/2", "single [::1]:6379 db=2" },
        { "rediss://:secret@example.org:6380/1",
          "single example.org:6380 password=secret db=1 tls" },
        { "redis-socket:///var/run/redis.sock", "single /var/run/redis.sock" },
        { "redis-socket:///var/run/redis.sock?db=4", "single /var/run/redis.sock db=4" },
        { "redis-socket://:secret@/var/run/redis.sock?db=4",
          "single /var/run/redis.sock password=secret db=4" },
        { "redis-socket:///var/run/redis.sock?db=x", NULL },
        { "redis-socket://", NULL },
        { "redis-sentinel://a:5000,b:5001,c:5002?master=mymaster",
          "sentinel a:5000,b:5001,c:5002 master=mymaster" },
        { "redis-sentinel://:secret@a:5000,b:5001?master=mymaster",
            "sentinel a:5000,b:5001 spassword=secret master=mymaster" },
        { "localhost:6379", NULL },
        { "127.0.0.1:6379", NULL },
        { "unix:///var/x", NULL },
        { "http://x", NULL },
    };
    check_all(cases, COUNT(cases));
}

// On purpose: Asynq adds no default port, ignores the user name and ?db=, refuses a bare '/' and
// takes what comes after the database for nothing; its released version ignores the
// database of a Sentinel URL.
static void where_asynq_differs_we_are_plainer(void)
{
    static const wanted cases[] = {
        { "redis://localhost", "single localhost:6379" },
        { "rediss://example.org", "single example.org:6379 tls" },
        { "redis://localhost:6379/", "single localhost:6379" },
        { "redis://localhost:6379/3/4", NULL },
        { "redis://user:secret@localhost:6379", "single localhost:6379 user=user password=secret" },
        { "redis://secret@localhost:6379", "single localhost:6379 user=secret" },
        { "redis://localhost:6379?db=2", "single localhost:6379 db=2" },
        { "redis-sentinel://a:5000/3?master=mymaster", "sentinel a:5000 master=mymaster db=3" },
        { "redis-sentinel://a:5000", NULL },
    };
    check_all(cases, COUNT(cases));
}

static void what_is_wrong_is_said_without_a_secret(void)
{
    static const struct { const char *url, *words; } cases[] = {
        { "redis:h", "'//' after 'redis:'" },
        { "redis://h:0", "port" },
        { "redis://h:65536", "port" },
        { "redis://h:12x", "port" },
        { "redis://h:", "port" },
        { "redis://u:SECRET/x@h", "port" },
        { "redis://u:SECRET#x@h", "%23" },
        { "redis://u:SE%zzCRET@h", "%25" },
        { "redis://u:SECRET%00@h", "%25" },
        { "redis://u:SECRET@h/x", "number" },
        { "redis://h/-1", "number" },
        { "redis://h/99999999999", "number" },
        { "redis://::1", "brackets" },
        { "redis://[::1", "]" },
        { "redis://[::1]x", "]" },
        { "redis://a,b", "several hosts" },
        { "redis-cluster://a,,b", "empty name" },
        { "redis-cluster://a/1", "database 0 only" },
        { "redis://h/1?db=2", "two databases" },
        { "redis://h?pasword=SECRET", "do you mean 'password'" },
        { "redis://h?password=SEC&RET", "%26" },
        { "redis://h?password=SEC&R%45T=SECRET", "%26" },
        { "redis://h?nonsense-option=1", "'nonsense-option'" },
        { "redis://u:SECRET@h?password=SECRET", "password twice" },
        { "redis://h?db=1&db=1", "twice" },
        { "redis://h?db=x", "number" },
        { "redis://h?tls=maybe", "'yes' or 'no'" },
        { "rediss://h?tls=no", "contradicts" },
        { "redis://h?ca=x", "need TLS" }, { "rediss://h?ca=", "'ca'" },
        { "rediss://h?ca=x&sni=", "'sni'" },
        { "rediss://h?cert=", "'cert'" }, { "rediss://h?ca-dir=&ca=x", "'ca-dir'" },
        { "rediss://h?cert=x&key=", "'key'" },
        { "rediss://h?key=x", "needs 'cert'" },
        { "redis+unix:///x?tls=yes", "Unix socket" },
        { "redis+unix://host/x", "begins with '/'" },
        { "redis+unix://", "needs a path" },
        { "redis://h?master=x", "redis-sentinel" },
        { "redis://h?sentinel-password=SECRET", "redis-sentinel" },
        { "redis-sentinel://a", "master=mymaster" },
        { "redis-sentinel://:SECRET@a?master=m&sentinel-password=SECRET", "twice" },
        { "redis://h?connect-timeout=0", "connect-timeout" },
        { "redis://h?connect-timeout=x", "connect-timeout" },
        { "redis://h?connect-timeout=11m", "connect-timeout" },
        { "redis://h?wait-replicas=-1", "wait-replicas" },
        { "redis://h?wait-replicas=1001", "wait-replicas" },
        { "redis://h?password-file=/nonexistent/x", "/nonexistent/x" },
        { "redis://h?password-file=/dev/null", "one line" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_url url;
        gf_rd_options o;
        REQUIRE_OK(gf_url_parse(&url, cases[i].url));
        if (!CHECK_STATUS(gf_rd_options_parse(&o, &url), GOFER_EINVAL) ||
            !CHECK_HAS(gofer_error_last(), cases[i].words) ||
            !CHECK(!strstr(gofer_error_last(), "SEC")))
            fprintf(stderr, "    the URL was %s\n", cases[i].url);
        gf_url_clear(&url);
    }

    char longest[400] = "redis://";
    memset(longest + 8, 'h', 300);
    char text[1024];
    CHECK(!meaning(longest, text));
    memcpy(longest, "redis+unix:///", 14);
    CHECK(!meaning(longest, text));
    CHECK_HAS(gofer_error_last(), "bytes");
}

static void a_password_may_come_from_a_file(void)
{
    static const struct { const char *content; const char *want; } cases[] = {
        { "secret\n", "secret" }, { "secret", "secret" }, { "se cret\r\n", "se cret" },
        { "\n", NULL },
        { "two\nlines\n", NULL },
    };
    char path[] = "/tmp/gofer-password-XXXXXX", url[128], text[1024], want[128];
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    snprintf(url, sizeof url, "redis://h?password-file=%s", path);
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t size = strlen(cases[i].content);
        CHECK_INT(ftruncate(fd, 0), 0);
        CHECK_INT(pwrite(fd, cases[i].content, size, 0), (int64_t)size);
        snprintf(want, sizeof want, "single h:6379 password=%s",
            cases[i].want ? cases[i].want : "");
        CHECK_STR(meaning(url, text), cases[i].want ? want : NULL);
    }
    snprintf(url, sizeof url, "redis://:p@h?password-file=%s", path);
    CHECK_INT(pwrite(fd, "secret", 6, 0), 6);
    CHECK(!meaning(url, text));
    close(fd);
    unlink(path);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(every_form_is_understood),
        TEST(asynq_urls_mean_the_same),
        TEST(where_asynq_differs_we_are_plainer),
        TEST(what_is_wrong_is_said_without_a_secret),
        TEST(a_password_may_come_from_a_file),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
