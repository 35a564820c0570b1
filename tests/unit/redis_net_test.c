// redis_net_test.c - the Redis transport against a server that answers as the test says: in pieces,
// late, wrongly, not at all.
#include <strings.h>

#include "redis_fake.h"
#include "redis_open.h"
#include "util/wake_fd.h"

static const gf_rd_script script = { .name = "answer",
    .text = "return 1",
    .allow_oom = true,
    .is_urgent = true };

// ---- words and slots ----------------------------------------------------------------------------

static void slots_are_those_of_redis_cluster(void)
{
    static const struct { const char *key; int32_t want; } cases[] = {
        { "123456789", 0x31C3 % 16384 }, { "", 0 }, { "foo", 12182 }, { "{foo}", 12182 },
        { "a{foo}b{bar}", 12182 },
        { "{}foo", 9500 }, { "foo{}{bar}", 8363 }, { "foo{{bar}}zap", 4015 }, { "foo{bar", 15278 },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK_INT(gf_rd_slot(cases[i].key, strlen(cases[i].key)), cases[i].want);
}

static void words_stay_where_they_are(void)
{
    gf_rd_args a = { 0 };
    enum { MANY = 1000 };
    for (int64_t i = 0; i < MANY; i++)
        gf_rd_add_int(&a, i * -7);
    gf_rd_add_int(&a, INT64_MIN);
    gf_rd_add_int(&a, INT64_MAX);
    gf_rd_add_bytes(&a, "a\0b", 3);
    gf_rd_add(&a, "");
    CHECK(!a.failed);
    CHECK_INT(a.count, MANY + 4);
    for (size_t i = 0; i < MANY; i++) {
        char want[24];
        snprintf(want, sizeof want, "%lld", -7 * (long long)i);
        CHECK_MEM(a.words[i], a.sizes[i], want, strlen(want));
    }
    CHECK_STR(a.words[MANY], "-9223372036854775808");
    CHECK_STR(a.words[MANY + 1], "9223372036854775807");
    CHECK_MEM(a.words[MANY + 2], a.sizes[MANY + 2], "a\0b", 3);
    CHECK_INT(a.sizes[MANY + 3], 0);
    gf_rd_args_clear(&a);
    CHECK(!a.words && a.count == 0);
}

// ---- answers in pieces --------------------------------------------------------------------------

static const char *mixed(fake *f, const fake_command *c)
{
    (void)f;
    static const char *const answers[] = {
        "$5\r\nhello\r\n", ":-12\r\n", "*2\r\n$0\r\n\r\n*1\r\n$-1\r\n", "+fine\r\n", "*-1\r\n",
    };
    return answers[c->number % (int)COUNT(answers)];
}

static void replies_in_single_bytes_are_put_together(void)
{
    fake f;
    gf_rd_net *net = NULL;
    REQUIRE(fake_start(&f, mixed));
    f.dribbles = true;
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    CHECK_INT(gf_rd_net_server(net).version, 70001);
    gf_rd_cmd c[5];
    for (size_t i = 0; i < 5; i++)
        c[i] = command("GET", "k", NULL);
    CHECK_OK(gf_rd_run(net, c, 5, LONG_MS));
    CHECK_STR(c[0].reply->str, "hello");
    CHECK_INT(c[1].reply->integer, -12);
    CHECK_INT(c[2].reply->element[1]->element[0]->type, REDIS_REPLY_NIL);
    CHECK_INT(c[3].reply->type, REDIS_REPLY_STATUS);
    CHECK_INT(c[4].reply->type, REDIS_REPLY_NIL);
    for (size_t i = 0; i < 5; i++)
        gf_rd_cmd_clear(&c[i]);
    CHECK_INT(atomic_load(&f.connections), 1);
    gf_rd_net_close(net);
    fake_stop(&f);
}

// ---- nonsense -----------------------------------------------------------------------------------

static const char *nonsense(fake *f, const fake_command *c)
{
    (void)c;
    return f->text;
}

static void nonsense_closes_the_connection(void)
{
    static const char *const cases[] = {
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "$-5\r\n",
        "*-5\r\n",
        ":twelve\r\n",
        "*2000000000\r\n",
        "*1048577\r\n",
        "$67108865\r\n",
        "*1\r\n$99999999999\r\nabc",
        "$99999999999999999999\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        "%1\r\n+a\r\n+b\r\n",
        "~1\r\n+a\r\n",
        ">1\r\n+a\r\n",
        "#t\r\n",
        ",1.5\r\n",
        "(12345678901234567890\r\n",
        "=5\r\ntxt:a\r\n",
        "*2\r\n:1\r\n#t\r\n",
        "*1\r\n%1\r\n+a\r\n+b\r\n",
        "+more\r\n+than\r\n+asked for\r\n",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        fake f;
        gf_rd_net *net = NULL;
        REQUIRE(fake_start(&f, nonsense));
        f.text = cases[i];
        REQUIRE_OK(open_net(f.url, LONG_MS, &net));
        bool last = i + 1 == COUNT(cases);
        // What is too big or malformed is noticed at once: the long deadline is not used up.
        CHECK_STATUS(run_one(net, command("SET", "k", "v", NULL), LONG_MS),
            last ? GOFER_OK : GOFER_EUNCERTAIN);
        if (!last)
            CHECK_HAS(gofer_error_last(), "127.0.0.1");
        CHECK_STATUS(run_one(net, command("SET", "k", "v", NULL), LONG_MS),
            last ? GOFER_OK : GOFER_EUNCERTAIN);
        CHECK_INT(atomic_load(&f.connections), 2);
        gf_rd_net_close(net);
        fake_stop(&f);
    }
}

static const char *nests(fake *f, const fake_command *c)
{
    (void)f, (void)c;
    static char text[4 * 100000 + 1];
    for (size_t i = 0; i + 4 < sizeof text; i += 4)
        memcpy(text + i, "*1\r\n", 4);
    return text;
}

// What reads on a small stack, and frees by recursion, would not survive it.
static void arrays_within_arrays_have_a_bound(void)
{
    fake f;
    gf_rd_net *net = NULL;
    gf_rd_session *line = NULL;
    redisReply *r = NULL;
    REQUIRE(fake_start(&f, nests));
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    CHECK_STATUS(run_one(net, command("SET", "k", "v", NULL), LONG_MS), GOFER_EUNCERTAIN);
    REQUIRE_OK(gf_rd_session_open(&line, net, GF_RD_ANY_SLOT, LONG_MS));
    gf_rd_cmd c = command("SUBSCRIBE", "x", NULL);
    CHECK_OK(gf_rd_session_send(line, &c.args, LONG_MS));
    gofer_status st = GOFER_EEMPTY;
    for (int64_t end = check_now_ms() + LONG_MS; st == GOFER_EEMPTY && check_now_ms() < end;)
        st = gf_rd_session_next(line, &r);
    CHECK_INT(st, GOFER_EBROKER);
    gf_rd_cmd_clear(&c);
    gf_rd_session_close(line);
    gf_rd_net_close(net);
    fake_stop(&f);
}

static const char *nests_a_little(fake *f, const fake_command *c)
{
    (void)f, (void)c;
    return "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:7\r\n";
}

static void as_deep_as_scripts_answer_is_read(void)
{
    fake f;
    gf_rd_net *net = NULL;
    REQUIRE(fake_start(&f, nests_a_little));
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    CHECK_OK(run_one(net, command("SET", "k", "v", NULL), LONG_MS));
    gf_rd_net_close(net);
    fake_stop(&f);
}

// It says on and on, as fast as it can: a line that has no end, or elements of a list that
// has a million of them.
static const char *speaks_on(fake *f, const fake_command *c)
{
    static char many[60001];
    for (size_t i = 0; i + 5 <= sizeof many - 1; i += 5)
        memcpy(many + i, "+ab\r\n", 5);
    fake_say(f, f->sockets[c->connection], "*1048576\r\n");
    for (;;) {
        if (send(f->sockets[c->connection], many, 20, MSG_NOSIGNAL) <= 0)
            return FAKE_CLOSE;
        usleep(200);
    }
}

static void an_answer_without_end_meets_the_deadline(void)
{
    fake f;
    gf_rd_net *net = NULL;
    REQUIRE(fake_start(&f, speaks_on));
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    int64_t begun = check_now_ms();
    CHECK_STATUS(run_one(net, command("SET", "k", "v", NULL), 500), GOFER_EUNCERTAIN);
    CHECK(check_now_ms() - begun < LONG_MS / 2);
    gf_rd_net_close(net);
    fake_stop(&f);
}

// ---- errors that pass ---------------------------------------------------------------------------

static const char *not_yet(fake *f, const fake_command *c)
{
    return c->number < 3 ? f->text : "+OK\r\n";
}

static void what_passes_is_waited_for(void)
{
    static const char *const cases[] = {
        "-LOADING Redis is loading the dataset in memory\r\n",
        "-BUSY Redis is busy running a script\r\n",
        "-MASTERDOWN Link with MASTER is down\r\n",
        "-CLUSTERDOWN Hash slot not served\r\n",
        "-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
        "-READONLY You can't write against a read only replica.\r\n",
        "-NOREPLICAS Not enough good replicas\r\n",
        "-ERR max number of clients reached\r\n",
        "-ERR Error running script (call to f_0): @user_script:1: -READONLY You can't write\r\n",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        fake f;
        gf_rd_net *net = NULL;
        REQUIRE(fake_start(&f, not_yet));
        f.text = cases[i];
        REQUIRE_OK(open_net(f.url, LONG_MS, &net));
        gf_rd_cmd c = command("SET", "k", "v", NULL);
        CHECK_OK(gf_rd_run(net, &c, 1, LONG_MS));
        CHECK_STR(c.reply->str, "OK");
        CHECK(!c.repeated);                          // it was refused, not done
        gf_rd_cmd_clear(&c);
        CHECK_INT(atomic_load(&f.commands), 4);
        // A replica's connection is not used again: the name may lead to the new master.
        CHECK_INT(atomic_load(&f.connections),
            strstr(cases[i], "READONLY") || strstr(cases[i], "MASTERDOWN") ? 4 : 1);
        gf_rd_net_close(net);
        fake_stop(&f);
    }
}

static void what_does_not_pass_in_time_is_named(void)
{
    fake f;
    gf_rd_net *net = NULL;
    REQUIRE(fake_start(&f, nonsense));
    f.text = "-LOADING Redis is loading\r\n";
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    CHECK_STATUS(run_one(net, command("SET", "k", "v", NULL), 1000), GOFER_EBROKER);
    CHECK_HAS(gofer_error_last(), "LOADING");
    CHECK_HAS(gofer_error_last(), "127.0.0.1");
    gf_rd_net_close(net);
    fake_stop(&f);
}

// ---- errors that stay ---------------------------------------------------------------------------

static void each_error_has_its_status(void)
{
    static const struct { const char *text; gofer_status want; const char *words;
    } cases[] = {
        { "-OOM command not allowed when used memory > 'maxmemory'.\r\n", GOFER_ENOSPACE,
            "Redis is full (maxmemory)" },
        { "-ERR Error running script (call to f_0): @user_script:1: -OOM command not allowed\r\n",
            GOFER_ENOSPACE, "OOM command" },
        { "-ERR Error running script (call to f_0): @user_script:12: @user_script: 12: -OOM "
          "command not allowed\r\n",
            GOFER_ENOSPACE, "OOM command" },
        { "-ERR Error running script (call to f_0): @user_script:80: WRONGTYPE Operation against a "
          "key\r\n",
            GOFER_ECORRUPT, "WRONGTYPE" },
        { "-ERR Error running script (call to f_0): @user_script:1: @user_script: 1: The user "
          "executing the script can't "
          "access at least one of the keys mentioned in the command\r\n",
            GOFER_EDENIED, "can't access" },
        { "-ERR Error running script (call to f_0): @user_script:1: user_script:1: attempt to "
          "index a nil value\r\n",
            GOFER_EBROKER, "attempt to index" },
        { "-ERR The user executing the script can't run this command or subcommand script: f_0, on "
          "@user_script:1.\r\n",
            GOFER_EDENIED, "gofer doctor" },
        { "-ERR ACL failure in script: User g has no permissions to run the 'lpush' command "
          "script: f_0, on @user_script:1.\r\n",
            GOFER_EDENIED, "'lpush'" },
        { "-ERR user_script:10: ERR The user executing the script can't run this command or "
          "subcommand script: f_0, on "
          "@user_script:10.\r\n",
            GOFER_EDENIED, "gofer doctor" },
        { "-ERR user_script:7: attempt to index a nil value script: f_0, on @user_script:7.\r\n",
            GOFER_EBROKER, "attempt to index" },
        { "-NOAUTH Authentication required.\r\n", GOFER_EDENIED, "'SET'" },
        { "-NOPERM this user has no permissions to run the 'set' command\r\n", GOFER_EDENIED,
            "'SET'" },
        { "-WRONGTYPE Operation against a key\r\n", GOFER_ECORRUPT, "WRONGTYPE" },
        { "-ERR unknown command\r\n", GOFER_EBROKER, "unknown command" },
        { "-MISCONF Redis is configured to save RDB snapshots\r\n", GOFER_EBROKER, "MISCONF" },
        { "-MOVED 3999 127.0.0.1:6381\r\n", GOFER_EBROKER, "redis-cluster://" },
        { "-ASK 3999 127.0.0.1:6381\r\n", GOFER_EBROKER, "redis-cluster://" },
        { "-NOSCRIPT No matching script\r\n", GOFER_EBROKER, "NOSCRIPT" },
        { "-\r\n", GOFER_EBROKER, "127.0.0.1" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        fake f;
        gf_rd_net *net = NULL;
        REQUIRE(fake_start(&f, nonsense));
        f.text = cases[i].text;
        REQUIRE_OK(open_net(f.url, LONG_MS, &net));
        gf_rd_cmd c = command("SET", "k", "v", NULL);
        CHECK_STATUS(gf_rd_run(net, &c, 1, LONG_MS), cases[i].want);
        CHECK_HAS(gofer_error_last(), cases[i].words);
        CHECK_INT(c.status, cases[i].want);
        CHECK(c.reply && c.reply->type == REDIS_REPLY_ERROR);
        gf_rd_cmd_clear(&c);
        CHECK_INT(atomic_load(&f.commands), 1);
        CHECK_INT(atomic_load(&f.connections), 1);
        gf_rd_net_close(net);
        fake_stop(&f);
    }
}

static const char *one_fails(fake *f, const fake_command *c)
{
    (void)f;
    return c->number == 1 ? "-WRONGTYPE no\r\n" : "+OK\r\n";
}

static void the_others_are_answered_when_one_fails(void)
{
    fake f;
    gf_rd_net *net = NULL;
    REQUIRE(fake_start(&f, one_fails));
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    gf_rd_cmd c[3];
    for (size_t i = 0; i < 3; i++)
        c[i] = command("SET", "k", "v", NULL);
    CHECK_STATUS(gf_rd_run(net, c, 3, LONG_MS), GOFER_ECORRUPT);
    CHECK_INT(c[0].status, GOFER_OK);
    CHECK_INT(c[1].status, GOFER_ECORRUPT);
    CHECK_INT(c[2].status, GOFER_OK);
    for (size_t i = 0; i < 3; i++)
        gf_rd_cmd_clear(&c[i]);
    gf_rd_net_close(net);
    fake_stop(&f);
}

// ---- scripts ------------------------------------------------------------------------------------

#define FLAGGED "#!lua flags=allow-oom\nreturn 1"
#define DIGEST  "0123456789abcdef0123456789abcdef01234567"

// Answers what is expected in this turn: each letter is a command. A bad one answers with an error.
static const char *hears(fake *f, const fake_command *c, const char *script_calls,
    const char *loaded)
{
    int turn = atomic_fetch_add(&f->calls, 1);
    char want = turn < (int)strlen(script_calls) ? script_calls[turn] : '?';
    if (want == 'L') {
        CHECK_STR(c->words[0], "SCRIPT");
        CHECK_STR(c->words[1], "LOAD");
        CHECK_STR(c->words[2], FLAGGED);
        return loaded;
    }
    CHECK_STR(c->words[0], want == 'E' ? "EVAL" : "EVALSHA");
    CHECK_STR(c->words[1], want == 'E' ? FLAGGED : DIGEST);
    CHECK_STR(c->words[2], "1");
    CHECK_STR(c->words[3], "key");
    return want == 'N' ? "-NOSCRIPT No matching script. Please use EVAL.\r\n"
        : want == '?'  ? "-ERR unexpected\r\n"
                       : ":1\r\n";
}

static const char *tells_digests(fake *f, const fake_command *c)
{
    return hears(f, c, "EELSSNES", "$40\r\n" DIGEST "\r\n");
}

static const char *loads_no_script(fake *f, const fake_command *c)
{
    return hears(f, c, "EELEEE",
        "-NOPERM this user has no permissions to run the 'script|load' command\r\n");
}

static const char *loads_nonsense(fake *f, const fake_command *c)
{
    return hears(f, c, "EELEEE", "$3\r\nfoo\r\n");
}

static const char *loads_later(fake *f, const fake_command *c)
{
    return atomic_load(&f->calls) < 3
        ? hears(f, c, "EEL", "-BUSY Redis is busy running a script\r\n")
        : hears(f, c, "EELELSS", "$40\r\n" DIGEST "\r\n");
}

static const char *closes_instead_of_loading(fake *f, const fake_command *c)
{
    return atomic_load(&f->calls) < 3 ? hears(f, c, "EEL", FAKE_CLOSE)
                                      : hears(f, c, "EELELSS", "$40\r\n" DIGEST "\r\n");
}

// Each case: what the server says, and how many calls of the script and commands it makes of them.
static void a_script_goes_by_its_text_until_the_server_tells_its_digest(void)
{
    static const struct {
        const char *(*answer)(fake *, const fake_command *);
        int calls, commands;
    } cases[] = {
        { tells_digests, 6, 8 },
        { loads_no_script, 5, 6 },
        { loads_nonsense, 5, 6 },
        { loads_later, 5, 7 },
        { closes_instead_of_loading, 5, 7 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        fake f;
        gf_rd_net *net = NULL;
        REQUIRE(fake_start(&f, cases[i].answer));
        REQUIRE_OK(open_net(f.url, LONG_MS, &net));
        for (int k = 0; k < cases[i].calls; k++) {
            gf_rd_cmd c = command("key", "argument", NULL);
            c.script = &script;
            c.key_count = 1;
            CHECK_OK(gf_rd_run(net, &c, 1, LONG_MS));
            CHECK(c.reply && c.reply->integer == 1);
            CHECK(!c.repeated);
            gf_rd_cmd_clear(&c);
        }
        CHECK_INT(atomic_load(&f.commands), cases[i].commands);
        gf_rd_net_close(net);
        fake_stop(&f);
    }
}

// In one pipeline only one of them asks, and each gets its own answer.
static const char *counts(fake *f, const fake_command *c)
{
    if (strcmp(c->words[0], "SCRIPT") == 0)
        return "$40\r\n" DIGEST "\r\n";
    static const char *const numbers[] = { ":0\r\n", ":1\r\n", ":2\r\n", ":3\r\n" };
    CHECK_STR(c->words[0], "EVAL");
    return numbers[atomic_fetch_add(&f->calls, 1) % 4];
}

static void a_pipeline_asks_once_for_a_digest(void)
{
    fake f;
    gf_rd_net *net = NULL;
    REQUIRE(fake_start(&f, counts));
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    gf_rd_cmd c[4];
    for (size_t i = 0; i < 4; i++) {
        c[i] = command("key", NULL);
        c[i].script = &script;
        c[i].key_count = 1;
    }
    CHECK_OK(gf_rd_run(net, c, 4, LONG_MS));
    for (size_t i = 0; i < 4; i++) {
        CHECK(c[i].reply && c[i].reply->integer == (long long)i);
        gf_rd_cmd_clear(&c[i]);
    }
    CHECK_INT(atomic_load(&f.commands), 5);
    gf_rd_net_close(net);
    fake_stop(&f);
}

// What only reads has no flag line: with one, a replica or a server that cannot
// save would refuse it.
static const char *wants_no_flags(fake *f, const fake_command *c)
{
    (void)f;
    CHECK_STR(c->words[0], "EVAL");
    CHECK_STR(c->words[1], "return 1");
    return ":1\r\n";
}

static void a_server_that_may_not_write_can_be_looked_at(void)
{
    fake f;
    gf_rd_net *net = NULL;
    REQUIRE(fake_start(&f, wants_no_flags));
    f.pong = "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to "
             "persist to disk.\r\n";
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    gf_rd_cmd c = command("key", NULL);
    c.script = &script;
    c.key_count = 1;
    c.reads = true;
    CHECK_OK(run_one(net, c, LONG_MS));
    CHECK_INT(atomic_load(&f.commands), 1);
    gf_rd_net_close(net);
    fake_stop(&f);
}

static void one_that_answers_ping_with_another_error_is_not_opened(void)
{
    fake f;
    gf_rd_net *net = NULL;
    REQUIRE(fake_start(&f, wants_no_flags));
    f.pong = "-NOPERM this user has no permissions to run the 'ping' command\r\n";
    CHECK_STATUS(open_net(f.url, LONG_MS, &net), GOFER_EDENIED);
    fake_stop(&f);
}

// ---- broken connections -------------------------------------------------------------------------

static const char *closes_once(fake *f, const fake_command *c)
{
    if (strcmp(c->words[0], "CLOSE") == 0 && atomic_fetch_add(&f->calls, 1) == 0)
        return FAKE_CLOSE;
    return "+OK\r\n";
}

static void after_a_break_only_what_may_be_repeated_is(void)
{
    fake f;
    gf_rd_net *net = NULL;
    REQUIRE(fake_start(&f, closes_once));
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    uint64_t epoch = gf_rd_net_epoch(net);
    gf_rd_cmd c[5] = {
        command("SET", NULL),
        command("CLOSE", NULL),
        command("SET", NULL),
        command("SET", NULL),
        command("GET", NULL),
    };
    c[1].repeatable = c[3].repeatable = true;
    c[4].reads = true;
    CHECK_STATUS(gf_rd_run(net, c, 5, LONG_MS), GOFER_EUNCERTAIN);
    CHECK_HAS(gofer_error_last(), "may be done or not");
    static const struct { gofer_status status; bool repeated; } want[5] = {
        { GOFER_OK, false }, { GOFER_OK, true }, { GOFER_EUNCERTAIN, false }, { GOFER_OK, true },
        { GOFER_OK, true },
    };
    for (size_t i = 0; i < 5; i++) {
        CHECK_INT(c[i].status, want[i].status);
        CHECK_INT(c[i].repeated, want[i].repeated);
        CHECK((c[i].reply != NULL) == (want[i].status == GOFER_OK));
        gf_rd_cmd_clear(&c[i]);
    }
    CHECK_INT(atomic_load(&f.connections), 2);
    CHECK(gf_rd_net_epoch(net) > epoch);
    gf_rd_net_close(net);
    fake_stop(&f);
}

static const char *quits(fake *f, const fake_command *c)
{
    (void)f;
    return strcmp(c->words[0], "QUIT") == 0 ? FAKE_CLOSE : "+OK\r\n";
}

static void what_was_not_sent_on_a_dead_connection_is_not_uncertain(void)
{
    fake f;
    gf_rd_net *net = NULL;
    REQUIRE(fake_start(&f, quits));
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    CHECK_STATUS(run_one(net, command("QUIT", NULL), LONG_MS), GOFER_EUNCERTAIN);
    CHECK_OK(run_one(net, command("SET", NULL), LONG_MS));
    for (int i = 0; i < 5; i++) {                    // closed while it lies in the pool
        int before = atomic_load(&f.connections);
        shutdown(f.sockets[before - 1], SHUT_RDWR);
        WAIT_FOR(atomic_load(&f.open) == 0);
        usleep(20000);
        CHECK_OK(run_one(net, command("SET", NULL), LONG_MS));
        CHECK_INT(atomic_load(&f.connections), before + 1);
    }
    gf_rd_net_close(net);
    fake_stop(&f);
}

static const char *silent(fake *f, const fake_command *c)
{
    (void)f;
    return strcmp(c->words[0], "GET") == 0 ? "$1\r\nx\r\n" : FAKE_SILENT;
}

static void silence_ends_at_the_deadline_and_ends_the_connection(void)
{
    fake f;
    gf_rd_net *net = NULL;
    REQUIRE(fake_start(&f, silent));
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    int64_t begun = check_now_ms();
    CHECK_STATUS(run_one(net, command("SET", NULL), 500), GOFER_EUNCERTAIN);
    CHECK(check_now_ms() - begun >= 100);
    CHECK_HAS(gofer_error_last(), "does not answer");
    gf_rd_cmd repeatable = command("SET", NULL), reads = command("HUSH", NULL);
    repeatable.repeatable = true;
    reads.reads = true;
    CHECK_STATUS(run_one(net, repeatable, 500), GOFER_EUNCERTAIN);
    CHECK_STATUS(run_one(net, reads, 500), GOFER_ETIMEOUT);
    CHECK_STATUS(run_one(net, command("SET", NULL), 0), GOFER_ETIMEOUT);
    int before = atomic_load(&f.connections);
    CHECK_OK(run_one(net, command("GET", NULL), LONG_MS));
    CHECK_INT(atomic_load(&f.connections), before + 1);
    gf_rd_net_close(net);
    fake_stop(&f);
}

static void nobody_there_is_named_with_its_address(void)
{
    fake f;
    gf_rd_net *net = NULL;
    char where[64], url[128];
    REQUIRE(fake_start(&f, silent));
    fake_stop(&f);                                   // a port that nobody has
    snprintf(where, sizeof where, "127.0.0.1:%d", f.port);
    CHECK_STATUS(open_net(f.url, 1000, &net), GOFER_EBROKER);
    CHECK_HAS(gofer_error_last(), where);
    CHECK_HAS(gofer_error_last(), "refused");
    CHECK_STATUS(open_net("redis+unix:///nonexistent/redis.sock", 500, &net), GOFER_EBROKER);
    CHECK_HAS(gofer_error_last(), "/nonexistent/redis.sock");
    snprintf(url, sizeof url, "redis://:secret@no-such-host.invalid:%d", f.port);
    CHECK_STATUS(open_net(url, 1000, &net), GOFER_EBROKER);
    CHECK_HAS(gofer_error_last(), "no-such-host.invalid");
    CHECK(!strstr(gofer_error_last(), "secret"));
    CHECK(!net);
}

static const char *refuses_third(fake *f, const fake_command *c)
{
    (void)c;
    return atomic_fetch_add(&f->calls, 1) % 3 == 2 ? FAKE_CLOSE : "+OK\r\n";
}

static void breaks_again_and_again_are_mended(void)
{
    fake f;
    gf_rd_net *net = NULL;
    REQUIRE(fake_start(&f, refuses_third));
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    for (int i = 0; i < 20; i++) {
        gf_rd_cmd c = command("SET", NULL);
        c.repeatable = true;
        CHECK_OK(run_one(net, c, LONG_MS));
    }
    CHECK(atomic_load(&f.connections) > 5);
    gf_rd_net_close(net);
    fake_stop(&f);
}

static _Atomic int warned, informed;

static void count_lines(void *user, int32_t level, int64_t time_ms, const char *text,
    const char *fields)
{
    (void)user, (void)time_ms;
    CHECK_HAS(fields, "127.0.0.1");
    atomic_fetch_add(&warned, level == GOFER_LOG_WARN && strstr(text, "trouble"));
    atomic_fetch_add(&informed, level == GOFER_LOG_INFO && strstr(text, "again"));
}

static void trouble_and_its_end_are_logged_once(void)
{
    fake f;
    gf_url url;
    gf_rd_options o;
    gf_rd_net *net = NULL;
    REQUIRE(fake_start(&f, closes_once));
    REQUIRE_OK(gf_url_parse(&url, f.url));
    REQUIRE_OK(gf_rd_options_parse(&o, &url));
    gf_url_clear(&url);
    REQUIRE_OK(gf_rd_net_open(&net, &o, (gf_log){ count_lines, NULL }, LONG_MS));
    CHECK_INT(atomic_load(&warned), 0);
    gf_rd_cmd c = command("CLOSE", NULL);
    c.repeatable = true;
    CHECK_OK(run_one(net, c, LONG_MS));
    CHECK_OK(run_one(net, command("SET", NULL), LONG_MS));
    CHECK_INT(atomic_load(&warned), 1);
    CHECK_INT(atomic_load(&informed), 1);
    gf_rd_net_close(net);
    fake_stop(&f);
}

// ---- signing on ---------------------------------------------------------------------------------

static const char *wants_auth(fake *f, const fake_command *c)
{
    atomic_fetch_add(&f->calls, strcmp(c->words[0], "AUTH") == 0);
    return "-WRONGPASS invalid username-password pair\r\n";
}

static void a_wrong_password_is_not_tried_twice(void)
{
    fake f;
    gf_rd_net *net = NULL;
    char url[128];
    REQUIRE(fake_start(&f, wants_auth));
    snprintf(url, sizeof url, "redis://me:s3cret@127.0.0.1:%d", f.port);
    CHECK_STATUS(open_net(url, LONG_MS, &net), GOFER_EDENIED);
    CHECK_HAS(gofer_error_last(), "WRONGPASS");
    CHECK(!strstr(gofer_error_last(), "s3cret"));
    CHECK_INT(atomic_load(&f.calls), 1);
    CHECK_INT(atomic_load(&f.connections), 1);
    fake_stop(&f);
}

// ---- behind Sentinel ----------------------------------------------------------------------------

// One Sentinel, the primary, and another server that the Sentinel names as often as it is told to.
static fake sentinel_, primary_, other_;
static char told[2][64];                          // that this is the primary, that the other is
static _Atomic int misled;                        // so often it names the other one still
static _Atomic bool in_use;                       // the other one was asked for more than its role

static const char *sentinel_says(fake *f, const fake_command *c)
{
    if (strcmp(c->words[0], "AUTH") == 0) {
        CHECK_INT(c->count, 3);
        CHECK_STR(c->words[1], "watcher");
        CHECK_STR(c->words[2], "watchword");
        atomic_fetch_add(&f->calls, 1);
        return "+OK\r\n";
    }
    if (strcmp(c->words[0], "SENTINEL") != 0)
        return "-ERR not here\r\n";
    CHECK_STR(c->words[2], "mymaster");
    if (strcasecmp(c->words[1], "GET-MASTER-ADDR-BY-NAME") != 0)
        return "*0\r\n";
    return told[atomic_load(&misled) > 0 && atomic_fetch_sub(&misled, 1) > 0];
}

static const char *primary_says(fake *f, const fake_command *c)
{
    if (strcmp(c->words[0], "AUTH") == 0) {
        CHECK_INT(c->count, 3);
        CHECK_STR(c->words[1], "worker");
        CHECK_STR(c->words[2], "password");
        atomic_fetch_add(&f->calls, 1);
        return "+OK\r\n";
    }
    return strcmp(c->words[0], "ROLE") == 0 ? "*3\r\n$6\r\nmaster\r\n:1\r\n*0\r\n" : "+OK\r\n";
}

static const char *replica_says(fake *f, const fake_command *c)
{
    if (strcmp(c->words[0], "ROLE") != 0) {
        atomic_store(&in_use, true);
        return "+OK\r\n";
    }
    atomic_fetch_add(&f->calls, 1);
    return "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:1\r\n";
}

static gofer_status try_sentinel(const char *before, const char *after)
{
    char text[200];
    gf_rd_net *net = NULL;
    snprintf(text, sizeof text, "redis-sentinel://%s127.0.0.1:%d?master=mymaster%s", before,
        sentinel_.port, after);
    gofer_status st = open_net(text, LONG_MS, &net);
    if (st != GOFER_OK)
        return st;
    st = run_one(net, command("SET", "k", "v", NULL), LONG_MS);
    gf_rd_net_close(net);
    return st;
}

static void start_sentinel(void)
{
    atomic_store(&misled, 0);
    atomic_store(&in_use, false);
    REQUIRE(fake_start(&sentinel_, sentinel_says) && fake_start(&primary_, primary_says) &&
        fake_start(&other_, replica_says));
    for (int i = 0; i < 2; i++) {
        char port[16];
        snprintf(port, sizeof port, "%d", i ? other_.port : primary_.port);
        snprintf(told[i], sizeof told[i], "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port),
            port);
    }
}

static void stop_sentinel(void)
{
    fake_stop(&sentinel_);
    fake_stop(&primary_);
    fake_stop(&other_);
}

static void whom_a_sentinel_names_is_asked_for_its_role_first(void)
{
    start_sentinel();
    atomic_store(&misled, 2);
    CHECK_OK(try_sentinel("", ""));
    CHECK_INT(atomic_load(&misled), 0);
    CHECK(atomic_load(&other_.calls) > 0);
    CHECK(!atomic_load(&in_use));
    CHECK(atomic_load(&primary_.connections) > 0);
    stop_sentinel();
}

// Either may be somebody else's: neither hears what is meant for the other.
static void sentinels_and_servers_are_each_given_their_own_password(void)
{
    static const struct { const char *before, *after; bool sentinel, server; } cases[] = {
        { "", "&username=worker&password=password", false, true },
        { "watcher:watchword@", "", true, false },
        { "watcher:watchword@", "&username=worker&password=password", true, true },
        { "", "", false, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        start_sentinel();
        CHECK_OK(try_sentinel(cases[i].before, cases[i].after));
        CHECK_INT(atomic_load(&sentinel_.calls) > 0, cases[i].sentinel);
        CHECK_INT(atomic_load(&primary_.calls) > 0, cases[i].server);
        stop_sentinel();
    }
}

// ---- sessions -----------------------------------------------------------------------------------

static const char *session_answers(fake *f, const fake_command *c)
{
    (void)f;
    return strcmp(c->words[0], "QUIT") == 0 ? FAKE_CLOSE : "+one\r\n-ERR two\r\n";
}

static gofer_status session_wait(gf_rd_session *line, redisReply **reply)
{
    gofer_status st;
    int64_t end = check_now_ms() + LONG_MS;
    while ((st = gf_rd_session_next(line, reply)) == GOFER_EEMPTY && check_now_ms() < end) {
        struct pollfd p = { .fd = gf_rd_session_fd(line), .events = POLLIN };
        poll(&p, 1, 1000);
    }
    return st;
}

static void a_line_tells_what_comes_and_when_it_breaks(void)
{
    fake f;
    gf_rd_net *net = NULL;
    gf_rd_session *line = NULL;
    redisReply *r = NULL;
    REQUIRE(fake_start(&f, session_answers));
    f.dribbles = true;
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    REQUIRE_OK(gf_rd_session_open(&line, net, GF_RD_ANY_SLOT, LONG_MS));
    CHECK_STATUS(gf_rd_session_next(line, &r), GOFER_EEMPTY);
    gf_rd_cmd c = command("SUBSCRIBE", "x", NULL), quit = command("QUIT", NULL);
    CHECK_OK(gf_rd_session_send(line, &c.args, LONG_MS));
    REQUIRE_OK(session_wait(line, &r));
    CHECK_STR(r->str, "one");
    gf_rd_reply_free(r);
    REQUIRE_OK(session_wait(line, &r));
    CHECK_INT(r->type, REDIS_REPLY_ERROR);
    gf_rd_reply_free(r);
    CHECK_STATUS(gf_rd_session_next(line, &r), GOFER_EEMPTY);
    CHECK_OK(gf_rd_session_send(line, &quit.args, LONG_MS));
    CHECK_STATUS(session_wait(line, &r), GOFER_EBROKER);
    gf_rd_cmd_clear(&c);
    gf_rd_cmd_clear(&quit);
    gf_rd_session_close(line);
    gf_rd_net_close(net);
    fake_stop(&f);
}

// ---- many at once -------------------------------------------------------------------------------

static const char *echoes(fake *f, const fake_command *c)
{
    static _Thread_local char text[300];
    (void)f;
    snprintf(text, sizeof text, "$%zu\r\n%s\r\n", strlen(c->words[1]), c->words[1]);
    return text;
}

static void *call_often(void *arg)
{
    gf_rd_net *net = arg;
    for (int i = 0; i < 100; i++) {
        char word[32];
        snprintf(word, sizeof word, "%p-%d", (void *)&word, i);
        gf_rd_cmd c[3] = { command("ECHO", word, NULL), command("ECHO", "x", NULL),
            command("ECHO", word, NULL) };
        CHECK_OK(gf_rd_run(net, c, 3, LONG_MS));
        CHECK_STR(c[0].reply ? c[0].reply->str : NULL, word);
        CHECK_STR(c[2].reply ? c[2].reply->str : NULL, word);
        for (size_t k = 0; k < 3; k++)
            gf_rd_cmd_clear(&c[k]);
    }
    return NULL;
}

static void eight_threads_get_their_own_answers(void)
{
    fake f;
    gf_rd_net *net = NULL;
    pthread_t threads[8];
    REQUIRE(fake_start(&f, echoes));
    REQUIRE_OK(open_net(f.url, LONG_MS, &net));
    for (size_t i = 0; i < COUNT(threads); i++)
        REQUIRE(pthread_create(&threads[i], NULL, call_often, net) == 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&f.connections) <= 8);
    gf_rd_net_close(net);
    fake_stop(&f);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(slots_are_those_of_redis_cluster),
        TEST(words_stay_where_they_are),
        TEST(replies_in_single_bytes_are_put_together),
        TEST(nonsense_closes_the_connection),
        TEST(arrays_within_arrays_have_a_bound),
        TEST(as_deep_as_scripts_answer_is_read),
        TEST(an_answer_without_end_meets_the_deadline),
        TEST(what_passes_is_waited_for),
        TEST(what_does_not_pass_in_time_is_named),
        TEST(each_error_has_its_status),
        TEST(the_others_are_answered_when_one_fails),
        TEST(a_script_goes_by_its_text_until_the_server_tells_its_digest),
        TEST(a_pipeline_asks_once_for_a_digest),
        TEST(a_server_that_may_not_write_can_be_looked_at),
        TEST(one_that_answers_ping_with_another_error_is_not_opened),
        TEST(after_a_break_only_what_may_be_repeated_is),
        TEST(what_was_not_sent_on_a_dead_connection_is_not_uncertain),
        TEST(silence_ends_at_the_deadline_and_ends_the_connection),
        TEST(nobody_there_is_named_with_its_address),
        TEST(breaks_again_and_again_are_mended),
        TEST(trouble_and_its_end_are_logged_once),
        TEST(a_wrong_password_is_not_tried_twice),
        TEST(whom_a_sentinel_names_is_asked_for_its_role_first),
        TEST(sentinels_and_servers_are_each_given_their_own_password),
        TEST(a_line_tells_what_comes_and_when_it_breaks),
        TEST(eight_threads_get_their_own_answers),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
