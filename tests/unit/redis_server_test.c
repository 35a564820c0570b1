// redis_server_test.c - the Redis transport against a redis-server of its own.
#include <pthread.h>

#include "redis_open.h"
#include "redis_own.h"
#include "util/clock.h"

static const gf_rd_script count_up = {
    .name = "count_up",
    .text = "return {redis.call('INCRBY', KEYS[1], ARGV[1]), KEYS[1]}",
    .is_urgent = true,
};
static const gf_rd_script pop = {
    .name = "pop", .text = "return redis.call('RPOPLPUSH', KEYS[1], KEYS[2])", .allow_oom = true,
};
static const gf_rd_script denies_oom = { .name = "push",
    .text = "return redis.call('LPUSH', KEYS[1], ARGV[1])" };

static own_server server;
static char url[64];

static gf_rd_net *opened(void)
{
    gf_rd_net *net = NULL;
    if (!server.pid)
        SKIP("no redis-server");
    REQUIRE_OK(open_net(url, LONG_MS, &net));
    return net;
}

static void say(const char *a, const char *b, const char *c, const char *d)
{
    gf_rd_net *net = opened();
    CHECK_OK(run_one(net, command(a, b, c, d, NULL), LONG_MS));
    gf_rd_net_close(net);
}

static void scripts_and_plain_commands_share_a_pipeline(void)
{
    gf_rd_net *net = opened();
    CHECK(gf_rd_net_server(net).version >= 60000);
    CHECK(!gf_rd_net_server(net).is_cluster);
    for (int round = 0; round < 3; round++) {
        say("SCRIPT", "FLUSH", NULL, NULL);
        gf_rd_cmd c[20];
        for (size_t i = 0; i < 20; i++) {
            c[i] = i % 2 ? command("GET", "n", NULL) : command("n", "3", NULL);
            c[i].script = i % 2 ? NULL : &count_up;
            c[i].key_count = 1;
        }
        CHECK_OK(gf_rd_run(net, c, 20, LONG_MS));
        int64_t last = 0;
        for (size_t i = 0; i < 20; i += 2) {
            REQUIRE(c[i].reply && c[i].reply->type == REDIS_REPLY_ARRAY);
            CHECK(c[i].reply->element[0]->integer > last);
            last = c[i].reply->element[0]->integer;
        }
        CHECK_INT(last, 30 * (round + 1));
        for (size_t i = 0; i < 20; i++)
            gf_rd_cmd_clear(&c[i]);
    }
    gf_rd_net_close(net);
}

// The server answers before it has read everything: who only wrote would wait for it for ever.
static void large_pipelines_and_values_pass(void)
{
    enum { COMMANDS = 300, SIZE = 100000, HUGE_SIZE = 20 << 20 };
    gf_rd_net *net = opened();
    static gf_rd_cmd c[COMMANDS];
    char *bytes = malloc(HUGE_SIZE);
    REQUIRE(bytes != NULL);
    memset(bytes, 'x', HUGE_SIZE);
    for (size_t i = 0; i < COMMANDS; i++) {
        c[i] = command("ECHO", NULL);
        gf_rd_add_bytes(&c[i].args, bytes, SIZE);
    }
    CHECK_OK(gf_rd_run(net, c, COMMANDS, LONG_MS));
    for (size_t i = 0; i < COMMANDS; i++) {
        CHECK(c[i].reply && c[i].reply->len == SIZE);
        gf_rd_cmd_clear(&c[i]);
    }
    gf_rd_cmd set = command("SET", "huge", NULL);
    gf_rd_add_bytes(&set.args, bytes, HUGE_SIZE);
    CHECK_OK(run_one(net, set, LONG_MS));
    gf_rd_cmd get = command("GET", "huge", NULL);
    CHECK_OK(gf_rd_run(net, &get, 1, LONG_MS));
    CHECK(
        get.reply && get.reply->len == HUGE_SIZE && memcmp(get.reply->str, bytes, HUGE_SIZE) == 0);
    gf_rd_cmd_clear(&get);
    CHECK_OK(run_one(net, command("DEL", "huge", NULL), LONG_MS));
    free(bytes);
    gf_rd_net_close(net);
}

static void a_full_memory_still_lets_work_be_taken(void)
{
    gf_rd_net *net = opened();
    CHECK_OK(run_one(net, command("LPUSH", "from", "a", "b", NULL), LONG_MS));
    CHECK_OK(run_one(net, command("CONFIG", "SET", "maxmemory", "1", NULL), LONG_MS));
    gf_rd_cmd push = command("from", "c", NULL), take = command("from", "to", NULL);
    push.script = &denies_oom;
    push.key_count = 1;
    take.script = &pop;
    take.key_count = 2;
    CHECK_STATUS(run_one(net, push, LONG_MS), GOFER_ENOSPACE);
    CHECK_HAS(gofer_error_last(), "Redis is full (maxmemory)");
    CHECK_HAS(gofer_error_last(), "'push'");
    CHECK_STATUS(run_one(net, command("SET", "k", "v", NULL), LONG_MS), GOFER_ENOSPACE);
    if (gf_rd_net_server(net).version >= 70000)
        CHECK_OK(run_one(net, take, LONG_MS));
    else
        gf_rd_cmd_clear(&take);
    CHECK_OK(run_one(net, command("CONFIG", "SET", "maxmemory", "0", NULL), LONG_MS));
    CHECK_OK(run_one(net, command("DEL", "from", "to", NULL), LONG_MS));
    gf_rd_net_close(net);
}

static void a_wrong_type_is_corruption(void)
{
    gf_rd_net *net = opened();
    CHECK_OK(run_one(net, command("SET", "text", "x", NULL), LONG_MS));
    CHECK_STATUS(run_one(net, command("LPUSH", "text", "x", NULL), LONG_MS), GOFER_ECORRUPT);
    gf_rd_cmd push = command("text", "c", NULL);
    push.script = &denies_oom;
    push.key_count = 1;
    CHECK_STATUS(run_one(net, push, LONG_MS), GOFER_ECORRUPT);
    gf_rd_net_close(net);
}

static void users_and_passwords_are_checked(void)
{
    static const struct { const char *user; gofer_status want; } cases[] = {
        { "tester:right", GOFER_OK }, { "tester:wrong", GOFER_EDENIED },
        { "nobody:right", GOFER_EDENIED },
        { ":right", GOFER_EDENIED },                    // the default user has no password here
    };
    say("ACL", "SETUSER", "tester", NULL);
    gf_rd_net *admin = opened(), *net = NULL;
    CHECK_OK(run_one(admin,
        command("ACL", "SETUSER", "tester", "on", ">right", "~*", "+@all", "-set", "-@dangerous",
            NULL),
        LONG_MS));
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[128];
        snprintf(text, sizeof text, "redis://%s@127.0.0.1:%d", cases[i].user, server.port);
        net = NULL;
        CHECK_STATUS(open_net(text, LONG_MS, &net), cases[i].want);
        CHECK(!net || gf_rd_net_server(net).version >= 60000);      // HELLO told it: INFO is
                                                                    //   dangerous
        if (net) {
            CHECK_OK(run_one(net, command("GET", "k", NULL), LONG_MS));
            CHECK_STATUS(run_one(net, command("SET", "k", "v", NULL), LONG_MS), GOFER_EDENIED);
            CHECK_HAS(gofer_error_last(), "'SET'");
        } else
            CHECK(!strstr(gofer_error_last(), "right") && !strstr(gofer_error_last(), "wrong "));
        gf_rd_net_close(net);
    }

    // A server that wants a password, and a URL without one.
    CHECK_OK(run_one(admin, command("CONFIG", "SET", "requirepass", "secret", NULL), LONG_MS));
    CHECK_STATUS(open_net(url, LONG_MS, &net), GOFER_EDENIED);
    CHECK_HAS(gofer_error_last(), "redis://:password@host");
    CHECK_OK(run_one(admin, command("CONFIG", "SET", "requirepass", "", NULL), LONG_MS));
    gf_rd_net_close(admin);
}

static void a_database_is_selected(void)
{
    char text[128];
    gf_rd_net *net = NULL, *other = opened();
    snprintf(text, sizeof text, "%s/5", url);
    REQUIRE_OK(open_net(text, LONG_MS, &net));
    CHECK_OK(run_one(net, command("SET", "here", "1", NULL), LONG_MS));
    gf_rd_cmd get = command("GET", "here", NULL);
    CHECK_OK(gf_rd_run(other, &get, 1, LONG_MS));
    CHECK_INT(get.reply->type, REDIS_REPLY_NIL);
    gf_rd_cmd_clear(&get);
    gf_rd_net_close(net);
    gf_rd_net_close(other);
    snprintf(text, sizeof text, "%s/5000", url);
    CHECK_STATUS(open_net(text, LONG_MS, &net), GOFER_EBROKER);
    CHECK_HAS(gofer_error_last(), "DB index");
}

static void a_unix_socket_will_do(void)
{
    char text[128];
    gf_rd_net *net = NULL;
    say("SET", "seen", "yes", NULL);
    snprintf(text, sizeof text, "redis+unix://%s/redis.sock", server.dir);
    REQUIRE_OK(open_net(text, LONG_MS, &net));
    gf_rd_cmd get = command("GET", "seen", NULL);
    CHECK_OK(gf_rd_run(net, &get, 1, LONG_MS));
    CHECK_STR(get.reply->str, "yes");
    gf_rd_cmd_clear(&get);
    gf_rd_net_close(net);
}

// What nobody relies on (leases, records of workers) goes on while a replica is away.
static void what_counts_waits_for_replicas_if_asked_to(void)
{
    char text[128];
    gf_rd_net *net = NULL;
    gf_rd_net_close(opened());
    snprintf(text, sizeof text, "%s?wait-replicas=1", url);
    REQUIRE_OK(open_net(text, LONG_MS, &net));
    gf_rd_cmd set = command("SET", "k", "v", NULL);
    set.counts = true;
    CHECK_STATUS(run_one(net, set, 1000), GOFER_EUNCERTAIN);
    CHECK_HAS(gofer_error_last(), "fewer than 1 replicas");
    CHECK_OK(run_one(net, command("SET", "k", "w", NULL), LONG_MS));
    gf_rd_cmd both[] = { command("INCR", "n", NULL), command("INCR", "m", NULL) };
    both[1].counts = true;
    CHECK_STATUS(gf_rd_run(net, both, 2, 1000), GOFER_EUNCERTAIN);
    CHECK_INT(both[0].status, GOFER_OK);
    CHECK_INT(both[1].status, GOFER_EUNCERTAIN);
    CHECK(both[1].reply && both[1].reply->integer == 1);
    gf_rd_cmd_clear(&both[0]);
    gf_rd_cmd_clear(&both[1]);
    gf_rd_cmd get = command("GET", "k", NULL);
    get.reads = true;
    CHECK_OK(run_one(net, get, LONG_MS));
    gf_rd_net_close(net);
}

static void a_killed_connection_is_made_anew(void)
{
    gf_rd_net *net = opened();
    for (int i = 0; i < 5; i++) {
        say("CLIENT", "KILL", "TYPE", "normal");
        usleep(20000);
        CHECK_OK(run_one(net, command("SET", "k", "v", NULL), LONG_MS));
    }
    gf_rd_net_close(net);
}

static void counted(void *arg, const char *address, const redisReply *reply, gofer_status status)
{
    char want[64];
    snprintf(want, sizeof want, "127.0.0.1:%d", server.port);
    CHECK_STR(address, want);
    CHECK_INT(status, GOFER_OK);
    CHECK(reply && reply->type == REDIS_REPLY_STRING);
    ++*(int *)arg;
}

static void everywhere_is_one_server_here(void)
{
    gf_rd_net *net = opened();
    gf_rd_cmd info = command("INFO", "server", NULL);
    int told = 0;
    CHECK_OK(gf_rd_run_everywhere(net, &info.args, LONG_MS, counted, &told));
    CHECK_INT(told, 1);
    gf_rd_cmd_clear(&info);
    gf_rd_net_close(net);
}

static void a_line_may_block(void)
{
    gf_rd_net *net = opened();
    gf_rd_session *line = NULL;
    redisReply *r = NULL;
    REQUIRE_OK(gf_rd_session_open(&line, net, GF_RD_ANY_SLOT, LONG_MS));
    gf_rd_cmd wait = command("BLPOP", "later", "0", NULL);
    CHECK_OK(gf_rd_session_send(line, &wait.args, LONG_MS));
    CHECK_STATUS(gf_rd_session_next(line, &r), GOFER_EEMPTY);
    CHECK_OK(run_one(net, command("RPUSH", "later", "x", NULL), LONG_MS));
    gofer_status st;
    int64_t end = check_now_ms() + LONG_MS;
    while ((st = gf_rd_session_next(line, &r)) == GOFER_EEMPTY && check_now_ms() < end)
        usleep(1000);
    CHECK_INT(st, GOFER_OK);
    CHECK_STR(st == GOFER_OK ? r->element[1]->str : NULL, "x");
    if (r)
        gf_rd_reply_free(r);
    gf_rd_cmd_clear(&wait);
    gf_rd_session_close(line);
    gf_rd_net_close(net);
}

static void a_forked_child_may_close_what_the_parent_uses(void)
{
    gf_rd_net *net = opened();
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            gf_rd_net_close(net);
            _exit(0);
        }
        int status = -1;
        CHECK_INT(waitpid(child, &status, 0), child);
        CHECK_INT(status, 0);
        CHECK_OK(run_one(net, command("SET", "k", "v", NULL), LONG_MS));
    }
    CHECK_INT(gf_rd_net_epoch(net), 0);                  // no connection was lost by it
    gf_rd_net_close(net);
}

// ---- no memory ----------------------------------------------------------------------------------

static _Atomic long live, countdown;                     // countdown <= 0: no failure planned

static int fails_now(void)
{
    return atomic_load(&countdown) > 0 && atomic_fetch_sub(&countdown, 1) == 1;
}

static void *counted_malloc(size_t size)
{
    void *p = fails_now() ? NULL : malloc(size);
    atomic_fetch_add(&live, p != NULL);
    return p;
}

static void *counted_realloc(void *old, size_t size)
{
    void *p = fails_now() ? NULL : realloc(old, size);
    atomic_fetch_add(&live, p && !old);
    return p;
}

static void counted_free(void *p)
{
    atomic_fetch_sub(&live, p != NULL);
    free(p);
}

static gofer_status live_a_life(void)
{
    enum { COMMANDS = 20 };                              // more than a call has room for without
                                                         //   memory
    gf_rd_net *net = NULL;
    gf_rd_session *line = NULL;
    gf_rd_cmd c[COMMANDS] = { { .reads = false } };
    int told = 0;
    gofer_status st = open_net(url, LONG_MS, &net);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < COMMANDS; i++) {
        c[i] = command("life", NULL);
        gf_rd_add_int(&c[i].args, 1);
        c[i].script = &count_up;
        c[i].key_count = 1;
    }
    st = gf_rd_run(net, c, COMMANDS, LONG_MS);
    if (st == GOFER_OK)
        CHECK(c[COMMANDS - 1].reply != NULL);
    for (size_t i = 0; i < COMMANDS; i++)
        gf_rd_cmd_clear(&c[i]);
    gf_rd_cmd info = command("INFO", "server", NULL);
    if (st == GOFER_OK)
        st = info.args.failed ? GOFER_ENOMEM
                              : gf_rd_run_everywhere(net, &info.args, LONG_MS, counted, &told);
    if (st == GOFER_OK)
        st = gf_rd_session_open(&line, net, GF_RD_ANY_SLOT, LONG_MS);
    if (st == GOFER_OK)
        st = gf_rd_session_send(line, &info.args, LONG_MS);
    gf_rd_cmd_clear(&info);
    gf_rd_session_close(line);
    gf_rd_net_close(net);
    return st;
}

static void every_failed_allocation_is_enomem_and_leaks_nothing(void)
{
    gf_rd_net_close(opened());
    long before = atomic_load(&live), n = 1;
    for (; n < 10000; n++) {
        atomic_store(&countdown, n);
        gofer_status st = live_a_life();
        bool met = atomic_exchange(&countdown, 0) <= 0;
        CHECK_INT(atomic_load(&live), before);
        if (!met) {
            CHECK_OK(st);
            break;
        }
        if (!CHECK_INT(st, GOFER_ENOMEM))
            fprintf(stderr, "    allocation %ld: %s\n", n, gofer_error_last());
    }
    CHECK(n > 20);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(scripts_and_plain_commands_share_a_pipeline),
        TEST(large_pipelines_and_values_pass),
        TEST(a_full_memory_still_lets_work_be_taken),
        TEST(a_wrong_type_is_corruption),
        TEST(users_and_passwords_are_checked),
        TEST(a_database_is_selected),
        TEST(a_unix_socket_will_do),
        TEST(what_counts_waits_for_replicas_if_asked_to),
        TEST(a_killed_connection_is_made_anew),
        TEST(everywhere_is_one_server_here),
        TEST(a_line_may_block),
        TEST(a_forked_child_may_close_what_the_parent_uses),
        TEST(every_failed_allocation_is_enomem_and_leaks_nothing),
    };
    if (gofer_set_allocator(counted_malloc, counted_realloc, counted_free) != GOFER_OK)
        return 1;
    own_dir(server.dir);
    if (own_start(&server, "--port", NULL))
        snprintf(url, sizeof url, "redis://127.0.0.1:%d", server.port);
    int status = check_main(argc, argv, tests, COUNT(tests));
    own_stop(&server);
    return status;
}
