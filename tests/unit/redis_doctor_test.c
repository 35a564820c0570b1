// redis_doctor_test.c - what gofer doctor says of a server: versions, persistence, memory,
// replication, clock. The server is a fake one that tells of itself what the test wants.
#include "broker/redis/check/check.h"
#include "redis_fake.h"
#include "util/clock.h"
#include "util/url.h"

#define HEALTHY_VERSION "redis_version:8.10.1\r\n"
#define HEALTHY \
    "aof_enabled:1\r\nrole:master\r\nconnected_slaves:0\r\nmaxmemory:0\r\nmaxmemory_policy:" \
    "noeviction\r\n"

// What the server says; set before it is asked.
static struct says {
    const char *info, *appendfsync, *save, *min_replicas;     // NULL: CONFIG is refused
    int64_t     ahead_ms;                                     // its clock
    const char *more;                                         // of the URL
} says;

static char heard[4000];                                      // "code: text\n" of each finding

static bool note(void *arg, const gf_finding *f)
{
    if (!f)
        return true;
    (void)arg;
    size_t used = strlen(heard);
    snprintf(heard + used, sizeof heard - used, "%s: %s\n", f->code, f->text);
    CHECK(f->advice && *f->advice && f->count == 1 && f->repaired == 0 && !f->queue);
    return true;
}

static const char *config_of(const char *name)
{
    static char reply[700];
    const char *value = strcmp(name, "appendfsync") == 0 ? says.appendfsync
                        : strcmp(name, "save") == 0      ? says.save
                                                         : says.min_replicas;
    if (!value)
        return "-NOPERM this user has no permissions to run the 'config|get' command\r\n";
    snprintf(reply, sizeof reply, "*2\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(name), name,
        strlen(value), value);
    return reply;
}

static const char *time_of(int64_t ms)
{
    static char reply[100];
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%lld", (long long)(ms / 1000));
    snprintf(reply, sizeof reply, "*2\r\n$%zu\r\n%s\r\n$6\r\n%03d000\r\n", strlen(seconds), seconds,
        (int)(ms % 1000));
    return reply;
}

// One connection, so that the buffers are used by one thread at a time.
static const char *answer(fake *f, const fake_command *c)
{
    static char reply[2000];
    const char *word = c->words[0];
    (void)f;
    if (strcmp(word, "INFO") == 0) {
        snprintf(reply, sizeof reply, "$%zu\r\n%s\r\n", strlen(says.info), says.info);
        return reply;
    }
    if (strcmp(word, "CONFIG") == 0)
        return config_of(c->words[2]);
    if (strcmp(word, "TIME") == 0)
        return time_of(gf_now_ms() + says.ahead_ms);
    if (strcmp(word, "ACL") == 0)
        return strcmp(c->words[1], "WHOAMI") == 0 ? "$7\r\ndefault\r\n" : "+OK\r\n";
    if (strncmp(word, "EVAL", 4) == 0)
        return ":1\r\n";
    return strcmp(word, "ZCOUNT") == 0 ? ":0\r\n" : "-ERR unknown command\r\n";
}

// Lets the doctor look at the server: what it found is in `heard`.
static void look(struct says it)
{
    fake f;
    gf_url url;
    gf_broker *b;
    char text[128];
    gf_broker_config config = { .timeout_ms = 60000, .max_payload = 1 << 20 };
    says = it;
    heard[0] = '\0';
    REQUIRE(fake_start(&f, answer));
    snprintf(text, sizeof text, "%s%s", f.url, it.more ? it.more : "");
    REQUIRE_OK(gf_url_parse(&url, text));
    REQUIRE_OK(gf_broker_open(&b, &url, &config));
    gf_rd_checking c = { .store = (gf_rd_store *)b, .visit = { note, NULL, false } };
    CHECK_OK(gf_rd_check_server(&c));
    CHECK_INT(atomic_load(&f.connections), 1);
    gf_broker_close(b);
    gf_url_clear(&url);
    fake_stop(&f);
}

// All that was found are these codes, parted by blanks.
static void check_codes(const char *what, const char *want)
{
    char got[400] = "";
    for (const char *line = heard; *line; line = strchr(line, '\n') + 1) {
        size_t used = strlen(got);
        // A machine may be slow; that is not what is tested here.
        if (strncmp(line, "slow:", 5) != 0)
            snprintf(got + used, sizeof got - used, "%s%.*s", used ? " " : "",
                (int)strcspn(line, ":"), line);
    }
    if (!CHECK_STR(got, want))
        fprintf(stderr, "    %s\n%s", what, heard);
}

static struct says healthy(const char *info)
{
    return (struct says){ .info = info, .appendfsync = "always", .save = "", .min_replicas = "0" };
}

// ---- versions -----------------------------------------------------------------------------------

static void versions_with_known_holes_are_told(void)
{
    static const struct { bool valkey; const char *version, *code, *words; } cases[] = {
        { false, "5.0.14",  "version-old",        "need 6.2" },
        { false, "6.0.16",  "version-old",        "need 6.2" },
        { false, "6.2.0",   "version-vulnerable", "CVE-2025-49844); fixed in 6.2.20" },
        { false, "6.2.19",  "version-vulnerable", "CVE-2025-49844); fixed in 6.2.20" },
        { false, "6.2.20",  "version-vulnerable", "fixed in 6.2.24" },
        { false, "6.2.24",  "",                   "" },
        { false, "7.0.15",  "version-unsure",     "no fixes any more" },
        { false, "7.2.10",  "version-vulnerable", "CVE-2025-49844); fixed in 7.2.11" },
        { false, "7.2.15",  "version-vulnerable", "fixed in 7.2.16" },
        { false, "7.2.16",  "",                   "" },
        { false, "7.4.5",   "version-vulnerable", "CVE-2025-49844); fixed in 7.4.6" },
        { false, "7.4.6",   "version-vulnerable", "fixed in 7.4.11" },
        { false, "7.4.11",  "",                   "" },
        { false, "8.0.3",   "version-vulnerable", "CVE-2025-49844); fixed in 8.0.4" },
        { false, "8.0.6",   "version-unsure",     "no fixes any more" },
        { false, "8.2.1",   "version-vulnerable", "CVE-2025-49844); fixed in 8.2.2" },
        { false, "8.2.8",   "version-vulnerable", "fixed in 8.2.9" },
        { false, "8.2.9",   "",                   "" },
        { false, "8.4.5",   "version-vulnerable", "fixed in 8.4.6" },
        { false, "8.6.6",   "",                   "" },
        { false, "8.8.1",   "version-vulnerable", "fixed in 8.8.2" },
        { false, "8.10.1",  "",                   "" },
        { false, "8.12.0",  "",                   "" },
        { false, "9.0.0",   "",                   "" },
        { false, "unstable", "",                  "" },
        { true,  "7.2.10",  "version-vulnerable",
          "Valkey 7.2.10: whoever may run scripts may run code in the server "
                                                  "(CVE-2025-49844); fixed in 7.2.11" },
        { true,  "7.2.11",  "version-vulnerable", "fixed in 7.2.14" },
        { true,  "7.2.14",  "",                   "" },
        { true,  "8.0.5",   "version-vulnerable", "CVE-2025-49844); fixed in 8.0.6" },
        { true,  "8.0.10",  "",                   "" },
        { true,  "8.1.3",   "version-vulnerable", "CVE-2025-49844); fixed in 8.1.4" },
        { true,  "8.1.9",   "",                   "" },
        { true,  "9.0.0",   "version-vulnerable", "fixed in 9.0.5" },
        { true,  "9.1.1",   "",                   "" },
        { true,  "9.2.0",   "",                   "" },
        { true,  "10.0.0",  "",                   "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char info[600];
        snprintf(info, sizeof info, "# Server\r\nredis_version:%s\r\n%s%s%s" HEALTHY,
            cases[i].valkey ? "7.2.4" : cases[i].version, cases[i].valkey ? "valkey_version:" : "",
            cases[i].valkey ? cases[i].version : "", cases[i].valkey ? "\r\n" : "");
        look(healthy(info));
        check_codes(cases[i].version, cases[i].code);
        CHECK_HAS(heard, cases[i].words);
    }
}

// ---- persistence, memory ------------------------------------------------------------------------

static void what_an_acknowledgement_is_worth_is_told(void)
{
    static const struct { const char *info, *appendfsync, *save, *codes; } cases[] = {
        { HEALTHY_VERSION HEALTHY, "always", "", "" },
        { HEALTHY_VERSION HEALTHY, "everysec", "", "fsync-everysec" },
        { HEALTHY_VERSION HEALTHY, "no", "", "fsync-no" },
        { HEALTHY_VERSION HEALTHY, NULL, NULL, "config-unseen" },
        { HEALTHY_VERSION "aof_enabled:0\r\n", "always", "", "no-persistence" },
        { HEALTHY_VERSION "aof_enabled:0\r\n", "always", "3600 1", "snapshots-only" },
        // whether there are any cannot be seen
        { HEALTHY_VERSION "aof_enabled:0\r\n", NULL, NULL, "config-unseen snapshots-only" },
        { HEALTHY_VERSION "aof_last_write_status:err\r\n" HEALTHY, "always", "",
          "persistence-fails" },
        { HEALTHY_VERSION "rdb_last_bgsave_status:err\r\n" HEALTHY, "always", "",
          "persistence-fails" },
        { HEALTHY_VERSION "rdb_last_bgsave_status:ok\r\naof_last_write_status:ok\r\n" HEALTHY,
          "always", "", "" },
        { HEALTHY_VERSION "loading:1\r\n" HEALTHY, "always", "", "loading" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        look((struct says){ .info = cases[i].info,
            .appendfsync = cases[i].appendfsync,
            .save = cases[i].save,
            .min_replicas = cases[i].save ? "0" : NULL });
        check_codes(cases[i].info, cases[i].codes);
    }
}

static void memory_that_ends_or_evicts_is_told(void)
{
    static const struct { const char *info, *codes, *words; } cases[] = {
        { "maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", "eviction", "once maxmemory is set," },
        { "maxmemory:1073741824\r\nused_memory:1000\r\nmaxmemory_policy:volatile-ttl\r\n",
          "eviction", ": unique locks are deleted" },
        { "maxmemory:1073741824\r\nused_memory:1000\r\nmaxmemory_policy:allkeys-lfu\r\n",
          "eviction", ": tasks, leases and locks" },
        { "maxmemory:1073741824\r\nused_memory:979252559\r\nmaxmemory_policy:noeviction\r\n",
          "memory-full", "new tasks" },
        { "maxmemory:1073741824\r\nused_memory:950000000\r\nmaxmemory_policy:noeviction\r\n", "",
          "" },
        { "maxmemory:1073741824\r\nused_memory:1073000000\r\nmaxmemory_policy:noeviction\r\n",
          "memory-full",
            "uses 1023 of 1024 MiB" },
        { "maxmemory:1073741824\r\nused_memory:500000000\r\nmaxmemory_policy:noeviction\r\n", "",
          "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char info[400];
        snprintf(info, sizeof info, HEALTHY_VERSION "aof_enabled:1\r\nrole:master\r\n%s",
            cases[i].info);
        look(healthy(info));
        check_codes(cases[i].info, cases[i].codes);
        CHECK_HAS(heard, cases[i].words);
    }
}

// ---- replication --------------------------------------------------------------------------------

static void replicas_that_are_too_few_or_behind_are_told(void)
{
    static const struct { const char *info, *min_replicas, *more, *codes, *words; } cases[] = {
        { "role:master\r\nconnected_slaves:2\r\n", "0", NULL, "replication-async",
          "before its replicas have it" },
        { "role:master\r\nconnected_slaves:2\r\n", "1", NULL, "replication-async",
          "a failover may lose" },
        { "role:master\r\nconnected_slaves:2\r\n", "0", "?wait-replicas=2", "", "" },
        { "role:master\r\nconnected_slaves:1\r\n", "0", "?wait-replicas=2", "replicas-missing",
          "has 1 replicas and the URL waits for 2" },
        { "role:master\r\nconnected_slaves:0\r\n", "0", "?wait-replicas=1", "replicas-missing",
          "has 0 replicas" },
        { "role:slave\r\nconnected_slaves:0\r\n", "0", NULL, "replica", "is a replica" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char info[400];
        snprintf(info, sizeof info,
            HEALTHY_VERSION "aof_enabled:1\r\nmaxmemory_policy:noeviction\r\n%s", cases[i].info);
        look((struct says){ .info = info,
            .appendfsync = "always",
            .save = "",
            .min_replicas = cases[i].min_replicas,
            .more = cases[i].more });
        check_codes(cases[i].info, cases[i].codes);
        CHECK_HAS(heard, cases[i].words);
    }
}

// ---- clock --------------------------------------------------------------------------------------

static void a_clock_that_is_off_is_told(void)
{
    static const struct { int64_t ahead_ms; const char *codes, *words; } cases[] = {
        { 0, "", "" }, { 1500, "", "" }, { -1500, "", "" }, { 9000, "clock-skew", "ahead of ours" },
        { -9000, "clock-skew", "behind ours" },
        { 3600000, "clock-skew", "s ahead of ours" }, { -3600000, "clock-skew", "s behind ours" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct says it = healthy(HEALTHY_VERSION HEALTHY);
        it.ahead_ms = cases[i].ahead_ms;
        look(it);
        check_codes("a clock", cases[i].codes);
        CHECK_HAS(heard, cases[i].words);
    }
}

static const check_test tests[] = {
    TEST(versions_with_known_holes_are_told),
    TEST(what_an_acknowledgement_is_worth_is_told),
    TEST(memory_that_ends_or_evicts_is_told),
    TEST(replicas_that_are_too_few_or_behind_are_told),
    TEST(a_clock_that_is_off_is_told),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
