// raw.c - plain commands to the Redis under test.
#include "raw.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/file.h>
#include <unistd.h>

#include "broker/redis/net/net.h"
#include "fixture.h"
#include "util/clock.h"
#include "util/url.h"

enum { RAW_TIMEOUT_MS = 120000 };

static gf_rd_net *net;
static char       answer[65536];

static gf_rd_net *raw_net(void)
{
    if (net)
        return net;
    const char *admin = getenv("GOFER_TEST_REDIS_ADMIN");
    gf_url url;
    gf_rd_options options;
    REQUIRE_OK(gf_url_parse(&url, admin ? admin : suite_url));
    gofer_status st = gf_rd_options_parse(&options, &url);
    gf_url_clear(&url);
    REQUIRE_OK(st);
    REQUIRE_OK(gf_rd_net_open(&net, &options, (gf_log){ 0 }, RAW_TIMEOUT_MS));
    return net;
}

void raw_close(void)
{
    if (net)
        gf_rd_net_close(net);
    net = NULL;
}

// Takes the line apart in its place: the words point into it.
static void add_words(gf_rd_args *args, char *line)
{
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        gf_rd_add(args, word);
}

static void append_reply(const redisReply *r)
{
    size_t used = strlen(answer);
    if (r->type == REDIS_REPLY_ARRAY)
        for (size_t i = 0; i < r->elements; i++) {
            if (i > 0)
                snprintf(answer + strlen(answer), sizeof answer - strlen(answer), " ");
            append_reply(r->element[i]);
        }
    else if (r->type == REDIS_REPLY_INTEGER)
        snprintf(answer + used, sizeof answer - used, "%lld", r->integer);
    else if (r->type == REDIS_REPLY_NIL)
        snprintf(answer + used, sizeof answer - used, "(nil)");
    else
        snprintf(answer + used, sizeof answer - used, "%s", r->str);
}

// Runs cmd, whose key is that word, and frees it; what it said is in `answer`. NULL: nil.
static const char *run(gf_rd_cmd *cmd, size_t key)
{
    cmd->slot = GF_RD_ANY_SLOT;
    if (cmd->args.count > key)
        cmd->slot = gf_rd_slot(cmd->args.words[key], cmd->args.sizes[key]);
    cmd->repeatable = true;
    gofer_status st = gf_rd_run(raw_net(), cmd, 1, RAW_TIMEOUT_MS);
    bool is_nil = !cmd->reply || cmd->reply->type == REDIS_REPLY_NIL;
    *answer = '\0';
    if (st == GOFER_OK && !is_nil)
        append_reply(cmd->reply);
    gf_rd_cmd_clear(cmd);
    REQUIRE_OK(st);
    return is_nil ? NULL : answer;
}

static const char *run_line(char *line)
{
    gf_rd_cmd cmd = { 0 };
    add_words(&cmd.args, line);
    return run(&cmd, 1);
}

#define FORMAT_LINE(line, format)                                              \
    char line[4096];                                                           \
    do {                                                                       \
        va_list words;                                                         \
        va_start(words, format);                                               \
        int size = vsnprintf(line, sizeof line, format, words);                \
        va_end(words);                                                         \
        REQUIRE(size >= 0 && (size_t)size < sizeof line);                      \
    } while (0)

void raw_run(const char *format, ...)
{
    FORMAT_LINE(line, format);
    run_line(line);
}

int64_t raw_int(const char *format, ...)
{
    FORMAT_LINE(line, format);
    const char *text = run_line(line);
    char *end = NULL;
    long long value = text ? strtoll(text, &end, 10) : -1;
    return text && end != text ? value : -1;
}

const char *raw_text(const char *format, ...)
{
    FORMAT_LINE(line, format);
    return run_line(line);
}

void raw_set_field(const char *key, const char *field, const void *bytes, size_t size)
{
    gf_rd_cmd cmd = { 0 };
    gf_rd_add(&cmd.args, "HSET");
    gf_rd_add(&cmd.args, key);
    gf_rd_add(&cmd.args, field);
    gf_rd_add_bytes(&cmd.args, bytes, size);
    run(&cmd, 1);
}

const char *raw_script(const char *text, const char *key)
{
    gf_rd_cmd cmd = { 0 };                              // no gf_rd_script: those are constant
    gf_rd_add(&cmd.args, "EVAL");
    gf_rd_add(&cmd.args, text);
    gf_rd_add(&cmd.args, "1");
    gf_rd_add(&cmd.args, key);
    return run(&cmd, 3);
}

static void note_failure(void *arg, const char *address, const redisReply *reply,
    gofer_status status)
{
    if (status == GOFER_OK)
        return;
    fprintf(stderr, "    %s: %s\n", address, reply && reply->str ? reply->str : gofer_error_last());
    *(long long *)arg += 1;
}

// While servers are being replaced there may be nobody to ask for some seconds. Repeatable commands
// alone; *sum is what `each` has made of the answers.
static gofer_status run_everywhere(char *line, gf_rd_on_reply each, long long *sum)
{
    int64_t until_ms = gf_mono_ms() + PATIENCE_MS;
    gf_rd_args args = { 0 };
    gofer_status st;
    add_words(&args, line);
    for (;;) {
        *sum = 0;
        st = gf_rd_run_everywhere(raw_net(), &args, RAW_TIMEOUT_MS, each, sum);
        if (st != GOFER_EBROKER || gf_mono_ms() > until_ms)
            break;
        gf_sleep_us(50000);
    }
    gf_rd_args_clear(&args);
    return st;
}

void raw_everywhere(const char *format, ...)
{
    FORMAT_LINE(line, format);
    long long failures;
    REQUIRE_OK(run_everywhere(line, note_failure, &failures));
    REQUIRE(failures == 0);
}

static void add_keys(void *arg, const char *address, const redisReply *reply, gofer_status status)
{
    (void)address;
    if (status == GOFER_OK && reply && reply->type == REDIS_REPLY_INTEGER)
        *(long long *)arg += reply->integer;
}

static long long keys_everywhere(void)
{
    long long count;
    REQUIRE_OK(run_everywhere((char[]){ "DBSIZE" }, add_keys, &count));
    return count;
}

static int resting = -1;

void raw_servers_rest(void)
{
    const char *folder = getenv("GOFER_TEST_REDIS_DIR");
    char path[PATH_MAX];
    if (!folder || resting >= 0)
        return;
    snprintf(path, sizeof path, "%s/events.lock", folder);
    resting = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(resting >= 0 && flock(resting, LOCK_EX) == 0);     // no REQUIRE: between tests, too
}

void raw_servers_move_on(void)
{
    if (resting >= 0)
        close(resting);
    resting = -1;
}

// Where slots move meanwhile, a key can go from a node that is not yet empty to
// one that is already.
void raw_clean(void)
{
    raw_everywhere("CONFIG SET maxmemory 0");           // a test may have ended before it did
    for (int i = 0; i == 0 || (i < 20 && keys_everywhere() > 0); i++)
        raw_everywhere("FLUSHALL");
}

const char *raw_field(const char *queue, const char *id, const char *name)
{
    const char *text = raw_text("HGET asynq:{%s}:t:%s %s", queue, id, name);
    return text ? text : "";
}

gf_broker *raw_fresh(void)
{
    gf_broker *b = store_open();
    b->ops->upkeep->worker_deregister(b, "w");
    raw_clean();
    return b;
}

int raw_main(int argc, char **argv, const check_test *tests, size_t count)
{
    suite_url = getenv("GOFER_TEST_REDIS");
    if (!suite_url) {
        fputs("run by tests/redis/servers.py, which sets GOFER_TEST_REDIS\n", stderr);
        return 1;
    }
    int code = check_main(argc, argv, tests, count);
    raw_close();
    return code;
}
